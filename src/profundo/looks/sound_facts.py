"""Figures of a survey of sounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from profundo.data.sound.sound_survey import SoundSurvey

__all__ = ["Heard", "SoundFacts", "sound_facts"]


@dataclass(frozen=True, slots=True)
class SoundFacts:
    """rates: Hz → sounds, channels: number → sounds, the most frequent first; seconds: the shortest, the median and the
    longest, total: of all together; levels: root of the mean square in dB of full scale, the softest, the median and the
    loudest; bytes: of all files; unreadable: files that do not decode."""

    sounds: int
    rates: dict[int, int]
    channels: dict[int, int]
    seconds: tuple[float, float, float]
    total: float
    levels: tuple[float, float, float]
    bytes: int
    unreadable: int


@dataclass(frozen=True, slots=True)
class Heard:
    """Sounds to be shown, by number, as in a Survey of images. sound: int16 (1, samples), as a net will hear it; rate: in Hz."""

    split: np.ndarray
    label: np.ndarray
    reads: np.ndarray
    sound: Callable[[int], Tensor]
    rate: int


def sound_facts(survey: SoundSurvey, read: np.ndarray) -> SoundFacts:
    """Of those that `read`, bool (sounds,), of which there is one at least."""
    rates, channels = (Counter(of[read].astype(int).tolist()).most_common() for of in (survey.rate, survey.channels))
    return SoundFacts(
        int(read.sum()),
        dict(rates),
        dict(channels),
        _range(survey.seconds[read]),
        float(survey.seconds[read].sum()),
        _range(decibels(survey.level[read])),
        int(survey.bytes.sum()),
        len(survey.faults),
    )


def decibels(level: np.ndarray) -> np.ndarray:
    """Of full scale, not below −100."""
    return np.asarray(20 * np.log10(np.maximum(level, 1e-5)))


def _range(values: Sequence[float] | np.ndarray) -> tuple[float, float, float]:
    return float(np.min(values)), float(np.median(values)), float(np.max(values))
