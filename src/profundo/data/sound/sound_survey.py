"""One look at each sound of a set: its rate, its length, how loud it is, a digest of what is heard, or why it does not read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from profundo.data.sound.recordings import Recording, decode
from profundo.data.streams.archives import Files
from profundo.data.streams.cache import Made, cached

__all__ = ["SoundSurvey", "survey_sounds", "survey_with"]

FIELDS = ("rate", "channels", "frames", "missing", "peak", "level", "flat", "bytes")
MANY = 500  # files whose facts are kept between runs
LARGE = 100_000  # bytes of a file from which decoding is worth a thread
CHUNK = 32
_VERSION = 1  # of what is cached
Fault = tuple[int, str]


@dataclass(frozen=True, slots=True)
class SoundSurvey:
    """What is known of each file, by number; 0 and "" of those that do not read or were not looked at.

    rate: in Hz; frames: samples of one channel; missing: frames that the header promises beside them; peak: the largest
    |sample|, 1 is full scale; level: root of the mean square; flat: share of the samples that stay at the peak, as where a
    recording is clipped; bytes: of the file; digests: of the samples and their rate. faults: (number, reason).
    """

    rate: np.ndarray
    channels: np.ndarray
    frames: np.ndarray
    missing: np.ndarray
    peak: np.ndarray
    level: np.ndarray
    flat: np.ndarray
    bytes: np.ndarray
    digests: list[str]
    faults: list[Fault]

    @property
    def seconds(self) -> np.ndarray:
        seconds: np.ndarray = self.frames / np.maximum(self.rate, 1)
        return seconds


def survey_sounds(files: Files, used: Sequence[int], tell: Callable[[int, int], None] = lambda *_: None) -> SoundSurvey:
    """tell: is told how many of how many were looked at. Raises ProfundoError where a package is missing."""

    def make() -> Made:
        table, digests = np.zeros((len(FIELDS), len(files))), [""] * len(files)

        def look(index: int, content: bytes) -> None:
            recording = decode(content)
            table[:, index] = (*facts_of(recording), len(content))
            digests[index] = digest_of(recording)

        faults = survey_with(look, files, used, tell)
        return table, {"digests": digests, "faults": faults}

    if len(used) < MANY:
        table, notes = make()
    else:
        table, notes = cached(f"sounds-{_VERSION}-{files.identity()}", make)
    faults = [(int(index), str(reason)) for index, reason in notes["faults"]]
    return SoundSurvey(**dict(zip(FIELDS, table, strict=True)), digests=notes["digests"], faults=faults)


def survey_with(
    look: Callable[[int, bytes], None],
    files: Files,
    used: Sequence[int],
    tell: Callable[[int, int], None] = lambda *_: None,
) -> list[Fault]:
    """`look` at the number and the bytes of each file; returns those that raise an OSError or a ValueError."""

    def some(indices: Sequence[int]) -> list[Fault]:
        faults = []
        for index in indices:
            try:
                look(index, files.read(index))
            except (OSError, ValueError) as error:
                faults.append((index, str(error)))
        return faults

    chunks = [used[start : start + CHUNK] for start in range(0, len(used), CHUNK)]
    faults: list[Fault] = []
    # Small files spend their time in the interpreter, where threads only wait for each other.
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for number, part in enumerate((pool.map if _are_large(files, used) else map)(some, chunks), 1):
            faults += part
            tell(min(number * CHUNK, len(used)), len(used))
    return faults


def _are_large(files: Files, used: Sequence[int]) -> bool:
    sizes = []
    for index in used[:: max(1, len(used) // 8)]:
        try:
            sizes.append(len(files.read(index)))
        except (OSError, ValueError):
            continue  # told of when it is decoded
    return sum(sizes) > LARGE * len(sizes)


def facts_of(recording: Recording) -> tuple[float, ...]:
    """FIELDS but the bytes."""
    samples = recording.samples
    sizes = np.abs(samples)
    peak = float(sizes.max())
    at_peak = sizes >= peak * (1 - 1e-6)
    flat = float((at_peak[1:] & at_peak[:-1] & (samples[1:] == samples[:-1])).mean()) if len(samples) > 1 else 0.0
    level = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
    return recording.rate, samples.shape[1], len(samples), recording.missing, peak, level, flat


def digest_of(recording: Recording) -> str:
    content = np.ascontiguousarray(recording.samples)
    return hashlib.sha256(f"{recording.rate} {content.shape}".encode() + content.tobytes()).hexdigest()
