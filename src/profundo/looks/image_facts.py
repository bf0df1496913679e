"""Figures of a survey of images."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from profundo.looks.survey import Survey

__all__ = ["ImageFacts", "image_facts"]


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """sizes: (width, height, images), the most frequent first; smallest, middle, largest: (width, height) by pixels,
    middle the median of each side; modes, formats: name → images; low, high: of all values; turned: images that a
    camera's note turns; bytes: of all files; unreadable: files that do not decode."""

    images: int
    sizes: tuple[tuple[int, int, int], ...]
    smallest: tuple[int, int]
    middle: tuple[float, float]
    largest: tuple[int, int]
    modes: dict[str, int]
    formats: dict[str, int]
    low: int
    high: int
    turned: int
    bytes: int
    unreadable: int


def image_facts(survey: Survey) -> ImageFacts:
    """Of those that read; raises ValueError where none does."""
    reads = survey.reads
    if not reads.any():
        raise ValueError("no image reads")
    sizes = survey.sizes[reads]
    areas = sizes.astype(np.int64).prod(1)
    different, counts = np.unique(sizes, axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return ImageFacts(
        int(reads.sum()),
        tuple((int(w), int(h), int(n)) for (w, h), n in zip(different[order], counts[order], strict=True)),
        _pair(sizes[areas.argmin()]),
        (float(np.median(sizes[:, 0])), float(np.median(sizes[:, 1]))),
        _pair(sizes[areas.argmax()]),
        dict(Counter(np.array(survey.mode)[reads].tolist()).most_common()),
        dict(Counter(kind for kind, read in zip(survey.kind, reads, strict=True) if kind and read).most_common()),
        int(survey.low[reads].min()),
        int(survey.high[reads].max()),
        int(survey.turned[reads].sum()),
        int(survey.bytes.sum()),
        len(survey.faults),
    )


def _pair(sides: np.ndarray) -> tuple[int, int]:
    return int(sides[0]), int(sides[1])
