"""What a detector lowers: its own cost, whose parts its file in nets/detectors tells, and what its answers mean.

A detector has two methods: cost(images, targets) → {part: scalar}, whose sum is the mean cost of the images, and forward(images) →
(boxes, classes, scores[, masks]) after suppression.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from profundo.object_masks import found_table
from profundo.trees import length

__all__ = ["DetectorCost", "summed"]


@dataclass(frozen=True, slots=True)
class DetectorCost:
    """Outputs are the parts of the cost, scalars by name, of a batch; but of `predict` what the net answers."""

    name: ClassVar[str] = "detection"
    quantity: ClassVar[str] = "loss"

    @property
    def likelihood(self) -> DetectorCost:
        return self

    def __call__(self, outputs: Any, targets: Any) -> Tensor:
        """Each image's is the mean: parts are counted over all places of a batch."""
        return summed(outputs).expand(length(targets))

    def mean_cost(self, outputs: Any, targets: Any, total: int) -> Tensor:
        return summed(outputs) * (length(targets) / total)

    def predict(self, outputs: Any) -> Any:
        """As object_masks.py has answers."""
        return found_table(outputs)


def summed(parts: Mapping[str, Tensor]) -> Tensor:
    return torch.stack([part.float() for part in parts.values()]).sum()
