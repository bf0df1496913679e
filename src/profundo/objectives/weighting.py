"""Class weights: samples of rare classes count for more while a network learns.

    Σ_i w(y_i) c_i / n        "balanced": w_k = n / (K n_k), so that every class weighs the same and the mean weight is 1

(King and Zeng 2001.) Weights change what is learned, not what is reported: `likelihood` is the cost without them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

from profundo.languages import Said
from profundo.objectives.likelihoods import Evened, Objective, Overlapping, PerPixel
from profundo.records import ProfundoError, Targets

__all__ = ["Weighted", "class_weights", "weighted"]


class Weighted:
    """An objective of classes with each sample's cost multiplied by the weight of its class; of shares, by their mean."""

    def __init__(self, objective: Objective, weights: Sequence[float]) -> None:
        self.objective = objective
        self.weights = torch.tensor(weights)

    @property
    def name(self) -> str:
        return self.objective.name

    @property
    def quantity(self) -> str:
        return self.objective.quantity

    @property
    def likelihood(self) -> Objective:
        return self.objective.likelihood

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return self.objective(outputs, targets) * self.weight_of(targets)

    def weight_of(self, targets: Tensor) -> Tensor:
        """(batch,) from class indices (batch,), or shares: (batch, K), or (batch,) of the second of two classes."""
        self.weights = self.weights.to(targets.device)
        if not targets.is_floating_point():
            return self.weights[targets]
        weights = self.weights.to(targets.dtype)
        return torch.lerp(weights[0], weights[1], targets) if targets.ndim == 1 else targets @ weights

    def mean_cost(self, outputs: Tensor, targets: Tensor, total: int) -> Tensor:
        return self(outputs, targets).sum() / total

    def predict(self, outputs: Tensor) -> Tensor:
        return self.objective.predict(outputs)


def weighted(objective: Objective, weights: Sequence[float]) -> Objective:
    """Each sample, or each pixel, by the weight of its class, instead of by how rare it is; the overlap beside it counts all classes
    alike."""
    if isinstance(objective, Overlapping):
        each = objective.pixels.each
        return Overlapping(PerPixel(Weighted(each.each if isinstance(each, Evened) else each, weights)))
    if isinstance(objective, PerPixel):
        return PerPixel(Weighted(objective.each, weights))
    return Weighted(objective, weights)


def class_weights(
    asked: Literal["balanced"] | Sequence[float] | Mapping[str, float], targets: Targets, train: Tensor
) -> tuple[float, ...]:
    """One weight a class; by name, 1 for those not named. train: the classes of the training split, (samples,) or masks.

    Raises ProfundoError for targets without classes, a wrong number of weights, a name that is no class, and a class without
    samples to balance.
    """
    classes = len(targets.classes)
    if not (targets.traits.one_class or targets.kind == "mask"):
        raise ProfundoError(Said("refusals.weights_kind", kind=repr(targets.kind)))
    if asked == "balanced":
        counts = torch.bincount(train.flatten().long(), minlength=classes)[:classes]  # without pixels of no class
        empty = [name for name, count in zip(targets.classes, counts.tolist(), strict=True) if not count]
        if empty:
            raise ProfundoError(Said("refusals.weights_empty", names=", ".join(empty)))
        return tuple((counts.sum() / (classes * counts.double())).tolist())
    if isinstance(asked, Mapping):
        if unknown := [name for name in asked if name not in targets.classes]:
            raise ProfundoError(f"class weights: expected the classes {', '.join(targets.classes)}; got {unknown[0]!r}")
        return tuple(float(asked.get(name, 1)) for name in targets.classes)
    weights = tuple(float(weight) for weight in asked)
    if len(weights) != classes:
        raise ProfundoError(
            Said("refusals.weights_count", classes=classes, names=", ".join(targets.classes), got=len(weights))
        )
    return weights
