"""Fully connected nets: one linear layer, or several with activations between them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from torch import nn

from profundo.languages import Said
from profundo.nets.activations import activation_layer
from profundo.nets.init import SMALL_OUTPUT, initialize_
from profundo.nets.net_names import of_a_spec
from profundo.records import ProfundoError, Spec

__all__ = ["linear", "mlp", "perceptron"]


def perceptron(sizes: Sequence[int]) -> list[nn.Module]:
    """Linear layers from each size to the next, with ReLUs between them and none at the end."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(sizes):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    return layers[:-1]


@of_a_spec
def linear(spec: Spec) -> nn.Sequential:
    """One linear layer: linear regression, logistic regression or softmax regression, by the objective."""
    return mlp(spec, widths=())


@of_a_spec
def mlp(
    spec: Spec, widths: Sequence[int] | None = None, activation: str = "relu", dropout: float = 0.0
) -> nn.Sequential:
    """Multi-layer perceptron with hidden layers of the given widths. Images are flattened.

    widths: by default one layer of 128; for one or two inputs, two of 64: with zero biases, one layer of ReLUs bends a
        plane only along lines through its middle.
    dropout: probability that a hidden unit is set to zero at a training step (Srivastava et al. 2014).
    """
    if widths is None:
        widths = (64, 64) if prod(spec.inputs.shape) <= 2 else (128,)
    if any(width < 1 for width in widths) or not 0 <= dropout < 1:
        raise ProfundoError(Said("refusals.mlp_widths", widths=str(tuple(widths)), dropout=dropout))
    layers: list[nn.Module] = [nn.Flatten()] if len(spec.inputs.shape) > 1 else []
    for fan_in, fan_out in pairwise((prod(spec.inputs.shape), *widths)):
        layers += [nn.Linear(fan_in, fan_out), activation_layer(activation)]
        layers += [nn.Dropout(dropout)] if dropout else []
    layers.append(nn.Linear(([prod(spec.inputs.shape), *widths])[-1], spec.outputs))
    return initialize_(nn.Sequential(*layers), activation, output_gain=SMALL_OUTPUT)
