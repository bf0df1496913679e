"""Recorded words as waveforms for a model that speaks: μ-law codes with who said what, and windows of them to learn from.

voices = digit_voices()                          # voices.train, .validation, .test: Voices
windows = voice_windows(voices.train, 16, 1024, context=512, in_epoch=100)
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from profundo.data.batches import generator
from profundo.data.drawn_batches import DrawnBatches
from profundo.data.sound.mu_law import SILENT, codes_of
from profundo.data.sound.sounds_by_class import sounds_by_class
from profundo.data.sound.spectrograms import wavs_in_zip
from profundo.data.sound.spoken import digits_archive, parts_by_take, read_names
from profundo.data.streams.cache import cached
from profundo.files import sha256
from profundo.records import Batch

__all__ = ["NOTHING", "SpokenVoices", "Voices", "digit_voices", "voice_folder", "voice_windows", "window"]

NOTHING = -100  # a target that no cost counts


@dataclass(frozen=True, slots=True)
class Voices:
    """Recordings of different lengths, one after another, each as loud as can be.

    codes: uint8 (all samples,), μ-law; starts and lengths: int64 (recordings,), in samples; classes and speakers: int64
    (recordings,).
    """

    codes: Tensor
    starts: Tensor
    lengths: Tensor
    classes: Tensor
    speakers: Tensor

    def __len__(self) -> int:
        return len(self.classes)

    def __getitem__(self, index: int) -> Tensor:
        start = int(self.starts[index])
        return self.codes[start : start + int(self.lengths[index])]

    def chosen(self, indices: Tensor) -> Voices:
        return Voices(self.codes, *(part[indices] for part in (self.starts, self.lengths, self.classes, self.speakers)))


@dataclass(frozen=True, slots=True)
class SpokenVoices:
    classes: tuple[str, ...]
    speakers: tuple[str, ...]
    train: Voices
    validation: Voices
    test: Voices
    facts: Mapping[str, str]


def digit_voices(*, data_dir: str | Path | None = None) -> SpokenVoices:
    """The Free Spoken Digit Dataset, divided as `spoken_digits` divides it. Raises ProfundoError where it is missing or damaged."""
    path = digits_archive(data_dir)
    content = sha256(path)
    array, notes = cached(f"mu-law-{content}", lambda: packed(wavs_in_zip(path)))
    marks = read_names(path, notes["names"])
    speakers = sorted({mark.speaker for mark in marks})
    every = joined(array, notes["lengths"], [m.digit for m in marks], [speakers.index(m.speaker) for m in marks])
    train, held, test = (every.chosen(part) for part in parts_by_take(path, marks))
    return SpokenVoices(tuple("0123456789"), tuple(speakers), train, held, test, {"sha256": content})


def voice_folder(where: Path, *, seed: int = 0) -> SpokenVoices:
    """Recordings in one folder a class, taken as one speaker's, divided as `sound_folder` divides them."""
    own = sounds_by_class(where)
    parts = own.parts(seed)
    array, notes = packed(own.read())
    every = joined(array, notes["lengths"], own.labels, [0] * len(own.used))
    facts = {"sha256": hashlib.sha256(array.tobytes()).hexdigest()}
    train, held, test = map(every.chosen, parts)
    return SpokenVoices(own.classes, (own.name,), train, held, test, facts)


def packed(sounds: Iterable[tuple[str, Tensor]]) -> tuple[np.ndarray, dict[str, Any]]:
    """Codes one after another, with the files' names and numbers of samples."""
    names, codes = [], []
    for name, sound in sounds:
        names.append(name)
        codes.append(codes_of(sound / sound.abs().max().clamp_min(1e-4)).numpy())
    array = np.concatenate(codes) if codes else np.zeros(0, np.uint8)
    return array, {"names": names, "lengths": [len(part) for part in codes]}


def joined(array: np.ndarray, lengths: Sequence[int], classes: Sequence[int], speakers: Sequence[int]) -> Voices:
    counts = torch.tensor(lengths, dtype=torch.int64)
    codes = torch.from_numpy(np.asarray(array))
    return Voices(codes, counts.cumsum(0) - counts, counts, torch.tensor(classes), torch.tensor(speakers))


def voice_windows(
    voices: Voices,
    batch_size: int,
    length: int,
    *,
    context: int,
    frame: int,
    in_epoch: int,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> DrawnBatches:
    """Batches of windows, each of a recording that is drawn in proportion to its length, and a function of (seed, number)."""

    def draw(number: int) -> Batch:
        own = generator(seed, number, torch.device("cpu"))
        which = torch.multinomial(voices.lengths.double(), batch_size, True, generator=own)
        spare = voices.lengths[which] - length
        # From half a window before the beginning to half a one after the end, then moved inside: the ends are met as often.
        starts = (torch.rand(batch_size, generator=own) * (spare + length) - length / 2).long()
        return window(
            voices, which, starts.clamp(min=0).minimum(spare.clamp(min=0)) // frame, length, context, frame, device
        )

    return DrawnBatches(draw, in_epoch)


def window(
    voices: Voices,
    which: Tensor,
    frames: Tensor,
    length: int,
    context: int,
    frame: int,
    device: torch.device | str = "cpu",
) -> Batch:
    """These recordings from these frames on, int64 (batch,) both.

    inputs: (previous, classes, speakers, progress): the codes one before each step, int64 (context + length, batch), silence before
    the beginning; how much of the recording is over at each frame, (frames, batch). targets: int64 (length, batch), NOTHING after the
    end.
    """
    starts, lengths = voices.starts[which], voices.lengths[which]
    places = frame * frames + torch.arange(-context - 1, length)[:, None]
    outside = (places < 0) | (places >= lengths)
    codes = voices.codes[(starts + places).clamp(0, len(voices.codes) - 1)].long()
    previous = codes.masked_fill(outside, SILENT)[:-1]
    targets = codes.masked_fill(outside, NOTHING)[context + 1 :]
    middles = (frames - context // frame + torch.arange((context + length) // frame)[:, None] + 0.5) * frame
    progress = (middles / lengths).clamp(0, 1)
    inputs = previous, voices.classes[which], voices.speakers[which], progress
    return Batch(tuple(part.to(device) for part in inputs), targets.to(device), len(which))  # type: ignore[arg-type]
