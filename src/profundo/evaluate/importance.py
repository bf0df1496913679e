"""What a net of rows goes by, asked of its answers alone: each column is changed, and the answers are looked at again.

    importance   how much worse a figure becomes where a column's values are shuffled among the samples (Breiman 2001;
                 Fisher, Rudin & Dominici 2019)
    dependence   the mean answer where all samples have the same value of a column (Friedman 2001)
    drivers      how much of one answer is due to its value of a column rather than those of others

All features that a column became are changed together. Inputs are raw rows (samples, features); a net that goes by two
columns that tell the same looks as if it needed neither much.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from profundo.evaluate.spread import student

__all__ = ["drivers", "partial_dependence", "permutation_importance"]

Predict = Callable[[Tensor], Tensor]
"""Raw rows (batch, features) → answers (batch, …)."""

Figure = Callable[[Tensor, Tensor], float]
"""Answers (samples, …) and which of the samples they are of (samples,) → a figure, the larger the better."""


def permutation_importance(
    predict: Predict, figure: Figure, inputs: Tensor, columns: Sequence[slice], *, repeats: int = 10, seed: int = 0
) -> list[tuple[float, float, float]]:
    """Of each column by how much the figure falls, a mean over shuffles, with its 95 % interval.

    The interval is mean ± t s, where s is the deviation of the fall over as many shuffles, each on samples drawn anew with
    replacement: it holds the luck of the shuffle and of the samples.
    """
    draw = torch.Generator().manual_seed(seed)
    count, every = len(inputs), torch.arange(len(inputs))
    usual = predict(inputs)
    results = []
    for at in columns:
        falls, drawn_falls = [], []
        for _ in range(repeats):
            shuffled = inputs.clone()
            shuffled[:, at] = inputs[torch.randperm(count, generator=draw), at]
            answers = predict(shuffled)
            falls.append(figure(usual, every) - figure(answers, every))
            drawn = torch.randint(count, (count,), generator=draw)
            drawn_falls.append(figure(usual[drawn], drawn) - figure(answers[drawn], drawn))
        mean = math.fsum(falls) / repeats
        half = student(repeats - 1) * torch.tensor(drawn_falls, dtype=torch.float64).std().item()
        results.append((mean, mean - half, mean + half))
    return results


def partial_dependence(predict: Predict, inputs: Tensor, column: slice, values: Tensor) -> Tensor:
    """The mean answer (values, …) where every sample has that value of the column. values: (values, its features)."""
    means = []
    for value in values:
        changed = inputs.clone()
        changed[:, column] = value
        means.append(predict(changed).double().mean(0))
    return torch.stack(means)


def drivers(predict: Predict, row: Tensor, others: Tensor, columns: Sequence[slice]) -> Tensor:
    """Of each column how much of the answer to one row (features,) is due to it: the answer, less the mean of those where
    the column has the values of other rows (others, features). predict: to one number a row. (columns,)"""
    changed = row.expand(len(columns), len(others), -1).clone()
    for place, at in enumerate(columns):
        changed[place, :, at] = others[:, at]
    answers = predict(changed.flatten(0, 1)).double().view(len(columns), len(others))
    return predict(row[None]).double() - answers.mean(1)
