"""Splits as they are in life: the past trains and the future tests; no customer, patient or track on both sides.

    time:COLUMN     of a table: the latest rows test, those before them validate, the earliest train; equal times together
    group:COLUMN    of a table: rows with the same value stay together; the column itself is no input
    group:PATTERN   of images and sounds: a regular expression that is looked for in the file's path, class/name; what it matches, or
                    its first group in parentheses if it has one, is the group: 'group:.*_' of 00014/00003_00029.jpg is
                    00014/00003_

A split made by chance asks how well a net fills gaps among what it knows; these ask how well it does on what comes next.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import torch
from torch import Generator, Tensor

from profundo.languages import Said
from profundo.records import ProfundoError

__all__ = [
    "SplitBy",
    "by_name",
    "forward",
    "group_count",
    "grouped",
    "latest",
    "numbered",
    "packed",
    "read_split_by",
    "split_note",
    "target_names",
]

Kind = Literal["time", "group"]
MOST_GROUPS = 20_000  # that are placed one by one; of more, those of a single sample are dealt together


@dataclass(frozen=True, slots=True)
class SplitBy:
    """What decides who is in which split. keys: (training samples,), the time of each, float64, or the number of its
    group, int64 from 0; are_dates: whether times are seconds since 1970; is_input: whether a group is all rows of one text;
    ends: of samples that reach over a stretch of time, the last moment of it: such a sample only trains where that lies
    before all that is held out."""

    kind: Kind
    what: str
    keys: Tensor
    are_dates: bool = False
    is_input: bool = False
    ends: Tensor | None = None

    def __str__(self) -> str:
        return f"split-by {self.kind}:{self.what}"


def read_split_by(text: str) -> tuple[Kind, str]:
    """("time" or "group", the column or pattern). Raises ProfundoError for any other text."""
    kind, _, what = text.partition(":")
    if kind not in ("time", "group") or not what.strip():
        raise ProfundoError(
            f"--split-by: expected time:COLUMN or group:COLUMN, of images group:PATTERN of the file name; got {text!r}",
            told=Said("refusals.split_by_form", got=repr(text)),
        )
    return ("time" if kind == "time" else "group"), what.strip()


# ---------------------------------------------------------------------------------------------------------------- keys
def target_names(target: str | None, columns: Sequence[str]) -> list[str]:
    """The columns that a target names: one whose name it is, or several with commas between them."""
    if target is None:
        return []
    return [target] if target in columns else [part.strip() for part in target.split(",")]


def by_name(text: str, names: Sequence[str], where: str) -> SplitBy:
    """By a part of each file's path. Raises ProfundoError where there is no such part."""
    kind, pattern = read_split_by(text)
    if kind == "time":
        raise ProfundoError(Said("refusals.split_time_tables", where=where))
    try:
        found = [re.search(pattern, name) for name in names]
    except re.error as error:
        raise ProfundoError(Said("refusals.split_pattern", pattern=pattern, reason=error)) from None
    parts = [(match[1] if match.re.groups else match[0]) if match else None for match in found]
    if None in parts:
        raise ProfundoError(
            Said(
                "refusals.split_part",
                where=where,
                pattern=pattern,
                count=parts.count(None),
                of=len(parts),
                name=repr(names[parts.index(None)]),
            )
        )
    return SplitBy("group", pattern, numbered(parts))


def numbered(values: Sequence[Hashable]) -> Tensor:
    """int64 (samples,): the same number for equal values, in the order in which they come first."""
    numbers = {value: number for number, value in enumerate(dict.fromkeys(values))}
    return torch.tensor([numbers[value] for value in values], dtype=torch.int64)


# ---------------------------------------------------------------------------------------------------------------- time
def latest(times: Tensor, share: float) -> Tensor:
    """bool (samples,): the latest of them, as near to that share as equal times, which stay together, allow.

    Raises ProfundoError where all times are equal.
    """
    different, counts = torch.unique(times, return_counts=True)  # ascending
    if len(counts) < 2:
        raise ProfundoError(Said("refusals.same_time"))
    after = len(times) - counts.cumsum(0)[:-1]  # samples after each time but the last
    cut = int((after - share * len(times)).abs().argmin())
    late: Tensor = times > different[cut]
    return late


def forward(times: Tensor, count: int) -> list[Tensor]:
    """Indices of `count` folds, one later than the other, of about as many samples each; what comes before the first is as
    large as a fold and only trains (as scikit-learn's TimeSeriesSplit)."""
    different, counts = torch.unique(times, return_counts=True)
    if count < 2:
        raise ProfundoError(f"folds: expected at least 2, got {count}")
    if len(different) <= count:
        raise ProfundoError(f"folds: {count} need more than {count} different times, there are {len(different)}")
    size = len(times) // (count + 1)
    wanted = torch.tensor([len(times) - size * left for left in range(count, 0, -1)])
    ends = counts.cumsum(0)
    cuts: list[int] = []
    for place, end in enumerate(wanted.tolist()):  # of each fold the time after which it begins
        first = cuts[-1] + 1 if cuts else 0
        last = len(ends) - 1 - (count - place)
        near = ends[first : last + 1]
        cuts.append(first + int((near - end).abs().argmin()))
    fold = torch.bucketize(times, different[torch.tensor(cuts)])  # the number of cuts that lie before
    return [(fold == number).nonzero().squeeze(1) for number in range(1, count + 1)]


# --------------------------------------------------------------------------------------------------------------- groups
def group_count(groups: Tensor) -> int:
    return int((torch.bincount(groups) > 0).sum())


def grouped(labels: Tensor, groups: Tensor, share: float, generator: Generator) -> Tensor:
    """bool (samples,): whole groups with about that share of the samples and of each class.

    Raises ProfundoError where there is one group only.
    """
    if group_count(groups) < 2:
        raise ProfundoError(Said("refusals.one_group", count=group_count(groups)))
    return packed(labels, groups, torch.tensor([1 - share, share], dtype=torch.float64), generator) == 1


def packed(labels: Tensor, groups: Tensor, shares: Tensor, generator: Generator) -> Tensor:
    """(samples,): the part of each, whole groups together. shares: of all samples that each part is to have.

    Groups, those of about twice the size first, go one by one where they are needed most. With n[f, c] samples of class c in
    part f of share s[f], N[c] in all and g[c] in the group, that is the part with the least Σ_c (2 n[f, c] + g[c]) g[c] /
    (s[f] N[c]²): it lets Σ_fc (n[f, c] - s[f] N[c])² / (s[f] N[c]²), which is 0 for parts just right, grow the least.
    """
    kinds = int(labels.max()) + 1
    table = torch.bincount(groups * kinds + labels, minlength=(int(groups.max()) + 1) * kinds).view(-1, kinds).double()
    sizes = table.sum(1)
    there = (sizes > 0).nonzero().squeeze(1)
    weights = table.sum(0).clamp(min=1).square().reciprocal()
    filled = torch.zeros(len(shares), kinds, dtype=torch.float64)
    part_of = torch.full((len(table),), -1)
    shuffled = there[torch.randperm(len(there), generator=generator)]
    order = shuffled[sizes[shuffled].log2().floor().argsort(descending=True, stable=True)]
    one_by_one = order if len(order) <= MOST_GROUPS else order[sizes[order] > 1]
    for group in one_by_one.tolist():
        growth = ((2 * filled + table[group]) * table[group] * weights).sum(1) / shares
        crowded = filled.sum(1) / shares
        part = min(range(len(shares)), key=lambda at: (float(growth[at]), float(crowded[at])))
        part_of[group] = part
        filled[part] += table[group]
    if len(one_by_one) < len(order):
        alone = order[sizes[order] == 1]
        part_of[alone] = dealt(table[alone].argmax(1), shares * table.sum(0)[:, None] - filled.T)
        filled.index_add_(0, part_of[alone], table[alone])
    for empty in (filled.sum(1) == 0).nonzero().flatten().tolist():  # gets the smallest group of a part with several
        several = [one for one in order.tolist() if int((part_of[there] == part_of[one]).sum()) > 1]
        part_of[min(several, key=lambda one: float(sizes[one]))] = empty
    return part_of[groups]


def dealt(labels: Tensor, wanted: Tensor) -> Tensor:
    """(samples,): the part of each, by class in proportion to how many it wants. wanted: (classes, parts)."""
    parts = torch.zeros(len(labels), dtype=torch.int64)
    for label, own in enumerate(wanted.clamp(min=1e-9)):
        members = (labels == label).nonzero().squeeze(1)
        ends = (own.cumsum(0) / own.sum() * len(members)).round()
        parts[members] = torch.bucketize(torch.arange(len(members), dtype=torch.float64), ends, right=True)
    return parts.clamp_max(wanted.shape[1] - 1)


# ------------------------------------------------------------------------------------------------------------- in words
def split_note(by: SplitBy, parts: Sequence[tuple[str, Tensor]]) -> Said:
    """What the splits are, of their names and the indices of their samples."""
    keys = [(Said(f"terms.{name}"), by.keys[indices]) for name, indices in parts]
    if by.kind == "group":
        counts = tuple(Said("readings.count_in", count=group_count(own), split=name) for name, own in keys)
        key = "readings.split_texts" if by.is_input else "readings.split_groups"
        return Said(key, by=str(by), count=group_count(by.keys), counts=counts)
    spans = tuple(
        Said("readings.span_of", split=name, first=moment(float(own.min()), by), last=moment(float(own.max()), by))
        for name, own in keys
        if len(own)
    )
    return Said("readings.split_time", by=str(by), spans=spans)


def moment(key: float, by: SplitBy) -> str:
    return f"{datetime.fromtimestamp(key, UTC):%Y-%m-%d %H:%M}".removesuffix(" 00:00") if by.are_dates else f"{key:g}"
