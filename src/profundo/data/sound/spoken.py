"""Spoken words as spectrograms: the Free Spoken Digit Dataset (Jackson et al.), or recordings of one's own.

digits = spoken_digits()                        # digits.train, .validation, .test: Utterances
batches = Spoken(digits.train, batch_size=32)
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from profundo.data.batches import order
from profundo.data.sound.sounds_by_class import sounds_by_class
from profundo.data.sound.spectrograms import BANDS, FLOOR, HOP, WINDOW, log_mel, wavs_in_zip
from profundo.data.streams.archives import printable
from profundo.data.streams.cache import cached, data_folder
from profundo.data.text.sequence_batches import Padded
from profundo.files import sha256
from profundo.languages import Said
from profundo.records import ProfundoError

__all__ = [
    "FSDD",
    "SILENCE",
    "Mark",
    "Spoken",
    "SpokenWords",
    "Utterances",
    "digits_archive",
    "padded",
    "parts_by_take",
    "read_names",
    "sound_folder",
    "spoken_digits",
    "utterances",
]

FSDD = "spoken-digits/recordings.zip"
SILENCE = FLOOR / 40  # what batches are filled up with, in their units


@dataclass(frozen=True, slots=True)
class Utterances:
    """Spectrograms of different lengths, one after another.

    frames: float16 (all frames, bands), dB; starts and lengths: int64 (utterances,), in frames;
    targets: int64 (utterances,), the class; names: of the files.
    """

    frames: Tensor
    starts: Tensor
    lengths: Tensor
    targets: Tensor
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> Tensor:
        """dB (frames, bands) of one utterance."""
        start = int(self.starts[index])
        return self.frames[start : start + int(self.lengths[index])]

    def chosen(self, indices: Tensor) -> Utterances:
        names = tuple(self.names[index] for index in indices.tolist())
        return Utterances(self.frames, self.starts[indices], self.lengths[indices], self.targets[indices], names)


@dataclass(frozen=True, slots=True)
class SpokenWords:
    """notes: how recordings of one's own were read."""

    name: str
    classes: tuple[str, ...]
    train: Utterances
    validation: Utterances
    test: Utterances
    facts: Mapping[str, str]
    notes: tuple[Said, ...] = ()


def spoken_digits(*, data_dir: str | Path | None = None) -> SpokenWords:
    """The Free Spoken Digit Dataset: 3,000 recordings, six speakers, 50 takes of each digit.

    Its custom: takes 0–4 of each speaker and digit are the test. Validation are the takes 5–9; the others train.
    Raises ProfundoError when recordings.zip is missing or damaged.
    """
    path = digits_archive(data_dir)
    content = sha256(path)
    array, notes = cached(f"log-mel-{WINDOW}-{HOP}-{BANDS}-{content}", lambda: packed(wavs_in_zip(path)))
    names = [str(name) for name in notes["names"]]
    marks = read_names(path, names)
    every = joined(array, notes["lengths"], [mark.digit for mark in marks], names)
    train, held, test = (every.chosen(part) for part in parts_by_take(path, marks))
    return SpokenWords("spoken digits", tuple("0123456789"), train, held, test, {"sha256": content})


def digits_archive(data_dir: str | Path | None) -> Path:
    """Where the recordings are. Raises ProfundoError where they are not."""
    folder = data_folder(data_dir)
    if folder is None or not (folder / FSDD).is_file():
        place = f"{FSDD} in the data folder" if folder is None else str(folder / FSDD)
        raise ProfundoError(
            f"spoken digits: expected {place}, not found; put it there and name the folder by PROFUNDO_DATA or --data-dir"
        )
    return folder / FSDD


class Mark(NamedTuple):
    """What the name of a recording says."""

    digit: int
    speaker: str
    take: int


def read_names(path: Path, names: Sequence[str]) -> list[Mark]:
    """Raises ProfundoError for a name that is no <digit>_<speaker>_<take>.wav."""
    marks = [re.fullmatch(r"(?:.*/)?(\d)_(\w+?)_(\d+)\.wav", name) for name in names]
    if not names or not all(marks):
        strange = next((name for name, mark in zip(names, marks, strict=True) if not mark), "nothing")
        raise ProfundoError(
            f"{path}: expected recordings named <digit>_<speaker>_<take>.wav, found {printable(strange)}"
        )
    return [Mark(int(mark[1]), mark[2], int(mark[3])) for mark in marks if mark]


def parts_by_take(path: Path, marks: Sequence[Mark]) -> list[Tensor]:
    """Which recordings train, validate and test. Raises ProfundoError where one of these has none."""
    takes = torch.tensor([mark.take for mark in marks])
    parts = [part.nonzero().squeeze(1) for part in (takes >= 10, (takes >= 5) & (takes < 10), takes < 5)]
    if not all(map(len, parts)):
        raise ProfundoError(f"{path}: expected takes 0–4, 5–9 and later ones, found {len(marks)} recordings in all")
    return parts


def sound_folder(where: Path, *, seed: int = 0) -> SpokenWords:
    """Recordings of one's own in one folder a class, divided as sounds_by_class.py says.

    Raises ProfundoError when there are fewer than two classes or too few recordings, or a file does not read.
    """
    own = sounds_by_class(where)
    parts = own.parts(seed)
    array, notes = packed(own.read())
    every = joined(array, notes["lengths"], own.labels, notes["names"])
    facts = {"sha256": hashlib.sha256(array.tobytes()).hexdigest()}
    train, held, test = map(every.chosen, parts)
    return SpokenWords(own.name, own.classes, train, held, test, facts, own.notes)


class Spoken:
    """Batches of spectrograms in the order of (seed, epoch): inputs float32 (batch, frames, bands), targets (batch,).

    An incomplete last batch is left out.
    """

    def __init__(
        self, spoken: Utterances, batch_size: int, *, seed: int = 0, device: torch.device | str = "cpu"
    ) -> None:
        self.spoken, self.seed, self.device = spoken, seed, torch.device(device)
        self.batch_size = min(batch_size, len(spoken))

    def __len__(self) -> int:
        return len(self.spoken) // self.batch_size

    def epoch(self, epoch: int, skip: int = 0) -> Iterator[Padded]:
        """The batches of one epoch, without the first `skip`."""
        whole = torch.split(order(len(self.spoken), self.seed, epoch), self.batch_size)
        for indices in whole[skip : len(self)]:
            yield padded(self.spoken, indices, self.device)


def padded(spoken: Utterances, indices: Tensor, device: torch.device | str = "cpu") -> Padded:
    """These utterances as one batch, filled up with silence to the longest; dB are scaled to about [−2, 2]."""
    lengths = spoken.lengths[indices]
    steps = torch.arange(int(lengths.max()))
    places = (spoken.starts[indices, None] + steps).clamp(max=len(spoken.frames) - 1)
    inputs = (spoken.frames[places].float() - FLOOR / 2) / 20
    inputs = inputs.masked_fill((steps >= lengths[:, None])[:, :, None], SILENCE)
    return Padded(inputs.to(device), spoken.targets[indices].to(device), len(indices), lengths)


def packed(sounds: Iterable[tuple[str, Tensor]]) -> tuple[np.ndarray, dict[str, Any]]:
    """Spectrograms one below the other, float16, with the files' names and numbers of frames."""
    names, frames = [], []
    for name, sound in sounds:
        names.append(name)
        frames.append(log_mel(sound).half().numpy())
    array = np.concatenate(frames) if frames else np.zeros((0, BANDS), np.float16)
    return array, {"names": names, "lengths": [len(part) for part in frames]}


def joined(array: np.ndarray, lengths: Sequence[int], targets: Sequence[int], names: Sequence[str]) -> Utterances:
    counts = torch.tensor(lengths, dtype=torch.int64)
    return Utterances(
        torch.from_numpy(np.asarray(array)), counts.cumsum(0) - counts, counts, torch.tensor(targets), tuple(names)
    )


def utterances(sounds: Iterable[tuple[str, Tensor]]) -> Utterances:
    """Named sounds (samples,) at 8 kHz as spectrograms; of class 0, since nobody says which."""
    array, notes = packed(sounds)
    return joined(array, notes["lengths"], [0] * len(notes["lengths"]), notes["names"])
