"""How many samples each class has, and what that means for training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from profundo.languages import Said
from profundo.looks.findings import DataFinding, in_splits, some

__all__ = ["class_findings", "real_findings"]

UNEVEN, VERY_UNEVEN = 3, 10  # the largest class as a multiple of the smallest
FEW = 10  # samples of a class to train on
SMALL_TEST = 100
SHIFT = 0.1  # share of the samples that would have to change class for two splits to agree
SKEWED = 3.0


def class_findings(classes: Sequence[str], counts: Mapping[str, Sequence[int]]) -> list[DataFinding]:
    """counts: split → samples of each class; "train" is always there."""
    train = np.array(counts["train"])
    held = {split: np.array(there) for split, there in counts.items() if split != "train" and any(there)}
    return [
        *_absent(classes, train, held),
        *_few(classes, train),
        *_uneven(classes, train),
        *_shifted(train, held),
        *_small_test(held),
    ]


def _absent(classes: Sequence[str], train: np.ndarray, held: Mapping[str, np.ndarray]) -> Iterator[DataFinding]:
    untaught = [name for name, n, *rest in zip(classes, train, *held.values(), strict=True) if not n and any(rest)]
    if untaught:
        yield DataFinding(
            "error",
            Said("looks.untaught", count=len(untaught), splits=in_splits(list(held))),
            Said("looks.untaught_do"),
            some(untaught),
        )
    for split, there in held.items():
        untested = [name for name, n, m in zip(classes, train, there, strict=True) if n and not m]
        if untested:
            yield DataFinding(
                "warning",
                Said("looks.untested", count=len(untested), split=in_splits([split])),
                Said("looks.untested_do", split=in_splits([split])),
                some(untested),
            )


def _few(classes: Sequence[str], train: np.ndarray) -> Iterator[DataFinding]:
    few = [f"{name} ({n})" for name, n in zip(classes, train, strict=True) if 0 < n < FEW]
    if few:
        yield DataFinding(
            "warning",
            Said("looks.few", count=len(few), least=FEW),
            Said("looks.few_do"),
            some(few),
        )


def _uneven(classes: Sequence[str], train: np.ndarray) -> Iterator[DataFinding]:
    there = np.flatnonzero(train)
    if len(there) < 2:
        return
    most, least = there[train[there].argmax()], there[train[there].argmin()]
    times = train[most] / train[least]
    if times < UNEVEN:
        return
    share = train[most] / train.sum()
    yield DataFinding(
        "warning" if times >= VERY_UNEVEN else "note",
        Said(
            "looks.uneven",
            most=repr(classes[most]),
            least=repr(classes[least]),
            times=round(float(times), 1),
            share=round(100 * float(share), 1),
        ),
        Said("looks.uneven_do"),
    )


def _shifted(train: np.ndarray, held: Mapping[str, np.ndarray]) -> Iterator[DataFinding]:
    for split, there in held.items():
        shift = 0.5 * np.abs(train / train.sum() - there / there.sum()).sum() if train.sum() else 0.0
        chance = 0.5 * np.sqrt(2 / np.pi * train.astype(bool).sum() / there.sum())  # about what drawing alone makes
        if shift > SHIFT and shift > 2 * chance:
            yield DataFinding(
                "warning",
                Said("looks.shifted", split=in_splits([split]), share=round(100 * float(shift))),
                Said("looks.shifted_do"),
            )


def _small_test(held: Mapping[str, np.ndarray]) -> Iterator[DataFinding]:
    number = int(held["test"].sum()) if "test" in held else 0
    if not 0 < number < SMALL_TEST:
        return
    margin = 98 / np.sqrt(number)  # 95 % interval of a share of one half, in percent
    yield DataFinding(
        "note",
        Said("looks.small_test", number=number, margin=round(margin)),
        Said("looks.small_test_do"),
    )


def real_findings(name: str, values: np.ndarray) -> Iterator[DataFinding]:
    """Of a real target, float64 (samples,)."""
    finite = values[np.isfinite(values)]
    if len(finite) < 20 or finite.std() == 0:
        return
    centred = (finite - finite.mean()) / finite.std()
    skewness = float((centred**3).mean())
    if abs(skewness) < SKEWED:
        return
    side = "large" if skewness > 0 else "small"
    yield DataFinding(
        "note",
        Said(f"looks.skewed_{side}", name=repr(name), skewness=round(skewness, 1)),
        Said("looks.skewed_do"),
    )
