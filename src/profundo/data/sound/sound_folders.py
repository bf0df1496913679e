"""A folder or .zip of sounds becomes a Collection: one folder per class, train/ validation/ test/ on top if wanted.

Every sound is brought to one rate, the most frequent among the files to train on but at most 16 kHz, and to one length,
which 95 % of these do not exceed, but at most 10 s: shorter ones lie in the middle of silence, of longer ones the loudest
stretch is taken. Channels are averaged. What comes of it are 16-bit numbers (1, samples).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from profundo.data.dataset_names import Reading
from profundo.data.images.image_folders import fits_in_memory, report, skipped_note, usable
from profundo.data.images.layouts import arranged
from profundo.data.sound.recordings import RATES, as_heard, decode
from profundo.data.sound.sound_survey import SoundSurvey, survey_sounds, survey_with
from profundo.data.splits.split_by import by_name
from profundo.data.splits.splits import Collection, Selection
from profundo.data.streams.archives import Files, open_files, printable
from profundo.data.streams.cache import Made, cached
from profundo.languages import Said
from profundo.records import Inputs, ProfundoError, Samples, SoundForm, Targets

__all__ = ["Sounds", "common_inputs", "sixteen_bits", "sound_collection", "sound_of", "sounds_of"]

HIGHEST = 16_000  # Hz: what is above 8 kHz tells little and costs much
COVERED = 0.95  # of the files to train on are no longer
LONGEST, SHORTEST = 10.0, 0.1  # seconds
MOST_SAMPLES = 2**24  # of one sound
_CACHE_FROM = 2**24  # numbers; fewer are decoded again in a blink
_VERSION = 1  # of what is cached
BYTES = 2  # of a sample as it is stored


class Sounds:
    """A Source: sounds decoded when they are asked for. May be pickled to the workers of a DataLoader.

    measured: int64 (files, 2, 1), the sums of x and x² of every sound.
    """

    def __init__(self, files: Files, inputs: Inputs, measured: Tensor) -> None:
        self.files, self.inputs, self.measured = files, inputs, measured

    def __len__(self) -> int:
        return len(self.measured)

    def __getitem__(self, index: int) -> Tensor:
        try:
            return sound_of(self.files.read(index), self.inputs)
        except (OSError, ValueError) as error:
            raise ProfundoError(f"{self.files.name(index)} can no longer be read: {error}") from None

    def gather(self, indices: Tensor) -> Tensor:
        """int16 (chosen, 1, samples)."""
        return torch.stack([self[index] for index in indices.tolist()])

    def sums(self, indices: Tensor) -> Tensor:
        return self.measured[indices].sum(0)


def sound_of(content: bytes, inputs: Inputs) -> Tensor:
    """int16 (1, samples) of a file's bytes, made like those of training. Raises ValueError where they are no sound."""
    return torch.from_numpy(sixteen_bits(as_heard(decode(content), inputs.sound.rate, inputs.shape[1]))).unsqueeze(0)


def sixteen_bits(samples: np.ndarray) -> np.ndarray:
    """int16 of float32 in [−1, 1]; those that were 16 bits are again what they were."""
    return np.clip(np.rint(samples * 2.0**15), -(2**15), 2**15 - 1).astype(np.int16)


def sound_collection(where: Path, how: Reading) -> Collection:
    """The sounds of a folder or archive by class.

    Raises ProfundoError when there are no sounds, fewer than two classes, or files that do not decode.
    """
    files = open_files(where, "sounds")
    layout = arranged(files, "sounds")
    used = [index for split in layout.splits.values() for index in split]
    survey = survey_sounds(files, used)
    splits = usable(files, survey.faults, layout, "sounds", how.skip_bad)
    good = [index for split in splits.values() for index in split]
    inputs, notes = common_inputs(survey, splits["train"], how)
    source = _read(files, inputs, good, how)
    labels = torch.tensor(layout.labels)

    def samples(split: str) -> Samples | None:
        indices = torch.tensor(splits.get(split, []), dtype=torch.int64)
        return Samples(Selection(source, indices), labels[indices]) if len(indices) else None

    train = samples("train")
    assert train is not None
    by = None
    if how.split_by is not None:
        by = by_name(how.split_by, [files.name(index) for index in splits["train"]], printable(str(where)))
    return Collection(
        printable(where.resolve().stem if where.is_file() else where.resolve().name),
        inputs,
        Targets("classes" if len(layout.classes) > 2 else "binary", layout.classes),
        train,
        samples("validation"),
        samples("test"),
        shares=(0.2, 0.1),
        notes=(*files.notes, *layout.notes, *notes, *skipped_note(len(survey.faults), len(used), "sounds")),
        split_by=by,
    )


def sounds_of(
    files: Files, used: Sequence[int], how: Reading
) -> tuple[Tensor | Sounds, Inputs, list[tuple[int, str]], tuple[str, ...]]:
    """The sounds of these files that are used, made alike: by their numbers, what an input is, which do not decode and why, and
    what was done. Raises ProfundoError for one that does not decode, unless those are skipped."""
    survey = survey_sounds(files, used)
    bad = {index for index, _ in survey.faults}
    good = [index for index in used if index not in bad]
    if not how.skip_bad or not good:
        report(files, survey.faults, len(used), "sounds")
    inputs, notes = common_inputs(survey, good, how)
    skipped = skipped_note(len(bad), len(used), "sounds")
    return _read(files, inputs, good, how), inputs, survey.faults, (*notes, *skipped)


def common_inputs(survey: SoundSurvey, train: Sequence[int], how: Reading) -> tuple[Inputs, tuple[str, ...]]:
    """What all sounds are made like, learned from those to train on; and that in words."""
    rates, seconds = survey.rate[train].astype(int), survey.seconds[train]
    if how.sound_rate is not None and not RATES[0] <= how.sound_rate <= RATES[1]:
        raise ProfundoError(
            f"--sound-rate: expected {RATES[0]:,} to {RATES[1]:,} Hz, got {how.sound_rate}",
            told=Said("refusals.sound_rate", low=RATES[0], high=RATES[1], got=how.sound_rate),
        )
    if how.sound_seconds is not None and not 0 < how.sound_seconds < float("inf"):
        raise ProfundoError(f"--sound-seconds: expected more than 0 s, got {how.sound_seconds}")
    different, counts = np.unique(rates, return_counts=True)
    rate = how.sound_rate or min(HIGHEST, int(different[counts.argmax()]))
    usual = min(LONGEST, max(SHORTEST, float(np.quantile(seconds, COVERED, method="higher"))))
    length = max(1, -int(-(how.sound_seconds or usual) * rate // 1))
    if length > MOST_SAMPLES:
        raise ProfundoError(
            Said("refusals.sound_long", seconds=length / rate, rate=rate, samples=length, most=MOST_SAMPLES)
        )
    longer, other = int((seconds * rate > length + 0.5).sum()), int((rates != rate).sum())
    others = Said("readings.other_rates", count=other, whole=len(train)) if other else ""
    loudest = Said("readings.longer_sounds", count=longer) if longer else ""
    long = float(f"{length / rate:.3g}")
    note = Said("readings.sounds_alike", rate=rate, others=others, seconds=long, longer=loudest)
    return Inputs((1, length), "sound", sound=SoundForm(rate)), (note,)


def _read(files: Files, inputs: Inputs, used: list[int], how: Reading) -> Tensor | Sounds:
    """In memory if they fit there and nothing else is asked for: int16 (files, 1, samples). Else as a Source, after their
    sums were taken."""
    count, length = len(files), inputs.shape[1]
    if fits_in_memory(BYTES * count * length, how.stream):
        return torch.from_numpy(_each(files, inputs, used, "samples", np.zeros((count, 1, length), np.int16)))
    sums = _each(files, inputs, used, "sums", np.zeros((count, 2, 1), np.int64))
    return Sounds(files, inputs, torch.from_numpy(sums))


def _each(files: Files, inputs: Inputs, used: list[int], what: str, empty: np.ndarray) -> np.ndarray:
    """The samples of each sound, or the sums of x and x², in the place of its file; from the cache if it holds them."""

    def make() -> Made:
        def look(index: int, content: bytes) -> None:
            sound = sound_of(content, inputs).numpy()
            empty[index] = sound if what == "samples" else _sums(sound)

        if faults := survey_with(look, files, used):
            number, reason = faults[0]
            raise ProfundoError(f"{files.name(number)} can no longer be read: {reason}")
        return empty, {}

    if len(files) * inputs.shape[1] < _CACHE_FROM:
        return make()[0]
    key = f"sound-{what}-{_VERSION}-{inputs.sound.rate}-{inputs.shape[1]}-{files.identity()}"
    return np.array(cached(key, make)[0])


def _sums(sound: np.ndarray) -> np.ndarray:
    """int64 (2, 1), exact: whole numbers below 2⁶³ add in any order."""
    wide = sound.astype(np.int64)
    return np.stack([wide.sum(1), np.square(wide).sum(1)])
