"""What a net of rows goes by, asked of its answers alone: each column is changed, and the answers are looked at again.

    importance   how much worse a figure becomes where a column's values are shuffled among the samples (Breiman 2001;
                 Fisher, Rudin & Dominici 2019)
    dependence   the mean answer where all samples have the same value of a column (Friedman 2001)
    drivers      how much of one answer is due to its value of a column rather than those of others

All features that a column became are changed together. Inputs are raw rows (samples, features); a net that goes by two
columns that tell the same looks as if it needed neither much.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

import torch
from torch import Tensor

from profundo.evaluate.spread import student

__all__ = ["drivers", "partial_dependence", "permutation_importance"]

ROWS_AT_ONCE = 1000  # enough that a call costs little for each, and few enough to hold

Predict = Callable[[Tensor], Tensor]
"""Raw rows (batch, features) → answers (batch, …)."""

Figure = Callable[[Tensor, Tensor], float]
"""Answers (samples, …) and which of the samples they are of (samples,) → a figure, the larger the better."""

Worth = Callable[[Tensor, Tensor], Tensor]
"""The same → what each answer is worth (samples,), where the figure is the mean of that."""


def permutation_importance(
    predict: Predict,
    figure: Figure,
    inputs: Tensor,
    columns: Sequence[slice],
    *,
    repeats: int = 10,
    seed: int = 0,
    worth: Worth | None = None,
) -> list[tuple[float, float, float]]:
    """Of each column by how much the figure falls, a mean over shuffles, with its 95 % interval.

    The interval is mean ± t s, where s is the deviation of the fall over as many shuffles, each on samples drawn anew with
    replacement: it holds the luck of the shuffle and of the samples. worth: of a figure that is a mean, which is then asked once, not
    three times for each shuffle.
    """
    if not columns:
        return []
    draw = torch.Generator().manual_seed(seed)
    count, times = len(inputs), len(columns) * repeats
    draws = [
        (torch.randperm(count, generator=draw), torch.randint(count, (count,), generator=draw)) for _ in range(times)
    ]
    where = [at for at in columns for _ in range(repeats)]
    shuffled = (changed(inputs, at, inputs[order, at]) for at, (order, _) in zip(where, draws, strict=True))
    answers = (predict(inputs), answers_to(predict, shuffled), [drawn for _, drawn in draws])
    falls, drawn_falls = falls_of(figure, *answers) if worth is None else mean_falls(worth, *answers)
    results = []
    for each, again in zip(falls.view(-1, repeats), drawn_falls.view(-1, repeats), strict=True):
        mean, half = each.mean().item(), student(repeats - 1) * again.std().item()
        results.append((mean, mean - half, mean + half))
    return results


def falls_of(
    figure: Figure, usual: Tensor, shuffled: Iterable[Tensor], draws: Sequence[Tensor]
) -> tuple[Tensor, Tensor]:
    """By how much a figure falls with each of the shuffled answers, on all samples and on those drawn for it; both (shuffles,)."""
    every = torch.arange(len(usual))
    best, falls = figure(usual, every), []
    for answers, drawn in zip(shuffled, draws, strict=True):
        again = figure(usual[drawn], drawn) - figure(answers[drawn], drawn)
        falls.append((best - figure(answers, every), again))
    first, second = torch.tensor(falls, dtype=torch.float64).view(-1, 2).unbind(1)
    return first, second


def mean_falls(
    worth: Worth, usual: Tensor, shuffled: Iterable[Tensor], draws: Sequence[Tensor]
) -> tuple[Tensor, Tensor]:
    """The same of the mean of what answers are worth."""
    every, drawn = torch.arange(len(usual)), torch.stack(list(draws))
    before = worth(usual, every).double()
    after = worth(torch.cat(list(shuffled)), every.repeat(len(drawn))).double().view(drawn.shape)
    return before.mean() - after.mean(1), before[drawn].mean(1) - after.gather(1, drawn).mean(1)


def partial_dependence(predict: Predict, inputs: Tensor, column: slice, values: Tensor) -> Tensor:
    """The mean answer (values, …) where every sample has that value of the column. values: (values, its features)."""
    answered = answers_to(predict, (changed(inputs, column, value) for value in values))
    return torch.stack([answers.double().mean(0) for answers in answered])


def changed(inputs: Tensor, column: slice, values: Tensor) -> Tensor:
    """A copy with these values in the column."""
    copy = inputs.clone()
    copy[:, column] = values
    return copy


def answers_to(predict: Predict, versions: Iterable[Tensor]) -> Iterator[Tensor]:
    """The answers to each of some versions of the rows; several versions are asked for in one call where they are small."""
    versions = iter(versions)
    for first in versions:
        together = [first, *islice(versions, max(ROWS_AT_ONCE // len(first) - 1, 0))]
        answers = predict(torch.cat(together))
        yield from answers.reshape(len(together), len(first), *answers.shape[1:])


def drivers(predict: Predict, row: Tensor, others: Tensor, columns: Sequence[slice]) -> Tensor:
    """Of each column how much of the answer to one row (features,) is due to it: the answer, less the mean of those where
    the column has the values of other rows (others, features). predict: to one number a row. (columns,)"""
    versions = row.expand(len(columns), len(others), -1).clone()
    for place, at in enumerate(columns):
        versions[place, :, at] = others[:, at]
    answers = predict(torch.cat([row[None], versions.flatten(0, 1)])).double()
    return answers[0] - answers[1:].view(len(columns), len(others)).mean(1)
