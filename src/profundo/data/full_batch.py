"""All samples in one batch: where they are few, the cost of a batch is the cost of the set (batch gradient descent)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from profundo.data.batches import in_order
from profundo.records import Batch, Samples, Spec

__all__ = ["Whole", "whole"]


class Whole:
    """Batches for the loop: every sample in each of them, `updates` times an epoch.

    inputs, targets: samples first, or (nets, samples, …) for nets that train side by side.
    """

    def __init__(self, inputs: Tensor, targets: Tensor, updates: int = 1, device: torch.device | str = "cpu") -> None:
        self.batch = Batch(inputs.to(device), targets.to(device), len(inputs))
        self.updates = updates

    def __len__(self) -> int:
        return self.updates

    def epoch(self, _epoch: int, skip: int = 0) -> Iterator[Batch]:
        for _ in range(skip, self.updates):
            yield self.batch


def whole(samples: Samples, spec: Spec, device: torch.device | str = "cpu") -> Batch:
    """A split as one batch, standardised, in its own order."""
    (batch,) = in_order(samples, spec, device=device, batch_size=len(samples))
    return batch
