"""Spoken words as spectrograms: the Free Spoken Digit Dataset (Jackson et al.), or a folder of WAV files, one a class.

digits = spoken_digits()                        # digits.train, .validation, .test: Utterances
batches = Spoken(digits.train, batch_size=32)
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from profundo.data.batches import order
from profundo.data.sound.spectrograms import BANDS, FLOOR, HOP, WINDOW, load_wav, log_mel, wav_files, wavs_in_zip
from profundo.data.splits.splits import stratified
from profundo.data.streams.archives import printable
from profundo.data.streams.cache import cached, data_folder
from profundo.data.text.sequence_batches import Padded
from profundo.files import sha256
from profundo.records import ProfundoError

__all__ = [
    "FSDD",
    "SILENCE",
    "Spoken",
    "SpokenWords",
    "Utterances",
    "padded",
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
    name: str
    classes: tuple[str, ...]
    train: Utterances
    validation: Utterances
    test: Utterances
    facts: Mapping[str, str]


def spoken_digits(*, data_dir: str | Path | None = None) -> SpokenWords:
    """The Free Spoken Digit Dataset: 3,000 recordings, six speakers, 50 takes of each digit.

    Its custom: takes 0–4 of each speaker and digit are the test. Validation are the takes 5–9; the others train.
    Raises ProfundoError when recordings.zip is missing or damaged.
    """
    folder = data_folder(data_dir)
    if folder is None or not (folder / FSDD).is_file():
        place = f"{FSDD} in the data folder" if folder is None else str(folder / FSDD)
        raise ProfundoError(
            f"spoken digits: expected {place}, not found; put it there and name the folder by PROFUNDO_DATA or --data-dir"
        )
    path = folder / FSDD
    content = sha256(path)
    array, notes = cached(f"log-mel-{WINDOW}-{HOP}-{BANDS}-{content}", lambda: packed(wavs_in_zip(path)))
    names = [str(name) for name in notes["names"]]
    marks = [re.fullmatch(r"(?:.*/)?(\d)_(\w+?)_(\d+)\.wav", name) for name in names]
    if not names or not all(marks):
        strange = next((name for name, mark in zip(names, marks, strict=True) if not mark), "nothing")
        raise ProfundoError(
            f"{path}: expected recordings named <digit>_<speaker>_<take>.wav, found {printable(strange)}"
        )
    every = joined(array, notes["lengths"], [int(mark[1]) for mark in marks if mark], names)
    takes = torch.tensor([int(mark[3]) for mark in marks if mark])
    parts = (takes >= 10, (takes >= 5) & (takes < 10), takes < 5)
    train, held, test = (every.chosen(part.nonzero().squeeze(1)) for part in parts)
    if not (len(train) and len(held) and len(test)):
        raise ProfundoError(f"{path}: expected takes 0–4, 5–9 and later ones, found {len(names)} recordings in all")
    return SpokenWords("spoken digits", tuple("0123456789"), train, held, test, {"sha256": content})


def sound_folder(where: Path, *, seed: int = 0) -> SpokenWords:
    """WAV files in one folder a class. A fifth of every class is the test, a tenth of the rest validation, by the seed.

    Raises ProfundoError when there are fewer than two classes, or a file does not read.
    """
    classes = sorted(place.name for place in where.iterdir() if place.is_dir() and wav_files(place))
    if len(classes) < 2:
        raise ProfundoError(f"{where}: expected at least two folders with WAV files, one a class; found {len(classes)}")
    files = [(label, file) for label, name in enumerate(classes) for file in wav_files(where / name)]
    array, notes = packed((str(file), load_wav(file)) for _, file in files)
    every = joined(array, notes["lengths"], [label for label, _ in files], notes["names"])
    own = torch.Generator().manual_seed(seed)
    rest, test = stratified(every.targets, torch.arange(len(every)), 0.2, own)
    rest, held = stratified(every.targets, rest, 0.1, own)
    facts = {"sha256": hashlib.sha256(array.tobytes()).hexdigest()}
    return SpokenWords(where.name, tuple(classes), every.chosen(rest), every.chosen(held), every.chosen(test), facts)


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
