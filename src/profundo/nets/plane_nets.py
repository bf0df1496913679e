"""Nets over the plane: chosen functions of the two inputs, then linear layers with an activation each.

The features are those of TensorFlow Playground (Smilkov et al. 2017): what a net with raw inputs needs a hidden layer for, a
single neuron does with the right one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Generator, Tensor, nn

from profundo.nets.activations import activation_layer
from profundo.nets.init import SMALL_OUTPUT, initialize_
from profundo.nets.net_names import check, of_a_spec
from profundo.records import ProfundoError, Spec

__all__ = ["PLANE_FEATURES", "PlaneFeatures", "SeededDropout", "plane_mlp"]

PLANE_FEATURES: dict[str, Callable[[Tensor], Tensor]] = {
    "x1": lambda points: points[:, 0],
    "x2": lambda points: points[:, 1],
    "x1_squared": lambda points: points[:, 0].square(),
    "x2_squared": lambda points: points[:, 1].square(),
    "x1_x2": lambda points: points[:, 0] * points[:, 1],
    "sin_x1": lambda points: torch.sin(points[:, 0]),
    "sin_x2": lambda points: torch.sin(points[:, 1]),
}


class PlaneFeatures(nn.Module):
    """(batch, 2) → (batch, features): functions of x₁ and x₂, in the order of PLANE_FEATURES' names that are given."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = tuple(names)

    def forward(self, points: Tensor) -> Tensor:
        return torch.stack([PLANE_FEATURES[name](points) for name in self.names], 1)

    def extra_repr(self) -> str:
        return ", ".join(self.names)


class SeededDropout(nn.Module):
    """Dropout (Srivastava et al. 2014) whose draws come from a generator of its own, given before training: two nets in two
    threads do not take each other's. Without one it draws as nn.Dropout does, and the same numbers from the same seed."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability
        self.generator: Generator | None = None

    def forward(self, values: Tensor) -> Tensor:
        if not self.training:
            return values
        kept = torch.empty_like(values).bernoulli_(1 - self.probability, generator=self.generator)
        return values * kept.div_(1 - self.probability)

    def extra_repr(self) -> str:
        return f"{self.probability}"


@of_a_spec
def plane_mlp(
    spec: Spec,
    features: str = "x1,x2",
    widths: Sequence[int] = (4, 2),
    activation: str = "tanh",
    dropout: float = 0.0,
) -> nn.Sequential:
    """For two inputs: functions of them, then fully connected layers.

    features: which functions of the inputs go in, with commas: x1, x2, x1_squared, x2_squared, x1_x2, sin_x1, sin_x2.
    widths: units of each hidden layer; none for a single layer.
    activation: of all hidden layers, or one for each, with commas.
    dropout: probability that a hidden unit is set to zero at a training step.
    """
    check("plane_mlp", spec)
    names, activations = features.split(","), activation.split(",")
    if set(names) - set(PLANE_FEATURES):
        raise ProfundoError(f"plane_mlp: features: expected some of {', '.join(PLANE_FEATURES)}, got {features!r}")
    if any(width < 1 for width in widths) or not 0 <= dropout < 1:
        raise ProfundoError(
            f"plane_mlp: expected widths of at least 1 and dropout in [0, 1), got widths {tuple(widths)}, dropout {dropout}"
        )
    if len(activations) not in (1, len(widths)):
        raise ProfundoError(
            f"plane_mlp: expected one activation, or one for each of {len(widths)} hidden layers, got {activation!r}"
        )
    each = activations * len(widths) if len(activations) == 1 else activations
    layers: list[nn.Module] = [PlaneFeatures(names)]
    for fan_in, fan_out, one in zip((len(names), *widths), widths, each, strict=False):
        layers += [nn.Linear(fan_in, fan_out), activation_layer(one)]
        layers += [SeededDropout(dropout)] if dropout else []
    layers.append(nn.Linear((len(names), *widths)[-1], spec.outputs))
    return initialize_(nn.Sequential(*layers), "linear", output_gain=SMALL_OUTPUT)
