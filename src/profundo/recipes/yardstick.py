"""The linear model that every trained network is measured against, fitted on the same training split."""

from __future__ import annotations

import torch
from torch import Tensor

from profundo.data import standardize
from profundo.data.batches import prepared_targets
from profundo.evaluate.linear import Linear, fit_linear, linear_name
from profundo.records import Dataset, Samples

__all__ = ["yardstick"]

MOST = 10_000  # training samples in memory: more cost more time than they add accuracy
MOST_READ = 2_000  # of those that have to be read first
RUN = 10  # read side by side


def yardstick(data: Dataset) -> tuple[Linear, str]:
    """The linear model, and what to call it: "logistic regression on 10,000 samples"."""
    chosen = spread(data.train)
    inputs, targets = data.train.inputs, prepared_targets(data.train.targets, data.spec)
    raw = inputs[chosen] if isinstance(inputs, Tensor) else torch.stack([inputs[index] for index in chosen.tolist()])
    model = fit_linear(standardize(raw, data.spec.inputs), targets[chosen], data.spec)
    some = f" on {len(chosen):,} of {len(data.train):,} samples" if len(chosen) < len(data.train) else ""
    return model, linear_name(data.spec) + some


def spread(split: Samples) -> Tensor:
    """Indices of the samples to fit, evenly spread over the split; where they have to be read, in runs of neighbours."""
    count = len(split)
    if isinstance(split.inputs, Tensor):
        return torch.linspace(0, count - 1, min(count, MOST), dtype=torch.float64).long()
    if count <= MOST_READ:
        return torch.arange(count)
    starts = torch.linspace(0, count - RUN, MOST_READ // RUN, dtype=torch.float64).long()
    return (starts[:, None] + torch.arange(RUN)).flatten()
