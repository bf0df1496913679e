"""A look at sounds in files: rates, lengths, silence, clipping, copies, what does not read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from profundo.data.dataset_names import Reading
from profundo.data.sound.sound_folders import common_inputs, sound_of
from profundo.data.sound.sound_survey import SoundSurvey, survey_sounds
from profundo.data.splits.splits import Collection, Selection
from profundo.data.streams.archives import Files, printable
from profundo.languages import Said
from profundo.looks.class_findings import class_findings
from profundo.looks.copies import copies_of
from profundo.looks.data_facts import DataFacts, as_classes, class_counts, prepared, split_sizes, target_in_words
from profundo.looks.findings import DataFinding, some
from profundo.looks.image_findings import copy_findings, unreadable
from profundo.looks.image_look import layout_findings, training_of_labels
from profundo.looks.sound_facts import Heard, sound_facts
from profundo.looks.survey import Placed, Tell, placed_files
from profundo.records import ProfundoError

__all__ = ["look_at_sounds"]

SILENT = 1e-4  # root of the mean square: 80 dB below full scale
CLIPPED = 1e-3  # share of the samples that stay at the peak
FULL = 0.5  # of full scale: a peak from which on staying there is clipping
FAR = 10.0  # times as long or as short as the middle one is odd


def look_at_sounds(files: Files, path: Path, how: Reading, tell: Tell, listed: Collection | None = None) -> DataFacts:
    """At the sound files of a folder or archive, or those that a table lists. Raises ProfundoError where none of them reads."""
    survey = survey_sounds(files, range(len(files)), tell)
    placed = placed_files(files) if listed is None else _placed_rows(files, listed)
    faults = dict(survey.faults)
    read = survey.frames > 0
    if not read.any():
        first = min(faults)
        raise ProfundoError(
            Said(
                "refusals.no_sound_decoded", where=path, count=len(files), name=files.name(first), reason=faults[first]
            )
        )
    laid_out = read & (placed.split >= 0)
    used = laid_out if laid_out.any() else read
    train = np.flatnonzero(used & (placed.split == 0)) if laid_out.any() else np.flatnonzero(used)
    inputs, made_alike = common_inputs(survey, (train if len(train) else np.flatnonzero(used)).tolist(), how)
    counts = class_counts(placed.label[read], placed.split[read], len(placed.classes))
    name = printable(path.resolve().stem if path.is_file() else path.resolve().name)
    if listed is None:
        training, stops = training_of_labels(placed, used, name, how.split_by)
    else:
        _, training, stops = prepared(listed)
    findings = [
        *unreadable(faults, files.name, "sound"),
        *copy_findings(placed, copies_of(survey.digests, placed.split, placed.label, laid_out), "sound"),
        *_odd_sounds(survey, placed, read),
        *_rates(survey, placed, used),
        *(class_findings(placed.classes, counts) if (placed.label >= 0).any() else ()),
        *(layout_findings(files, placed, "sounds") if listed is None else ()),
        *stops,
    ]
    return DataFacts(
        name,
        "sounds",
        tuple(findings),
        split_sizes(placed.split[read]),
        training,
        inputs.shape,
        as_classes(placed.classes, in_folders=True) if listed is None else target_in_words(listed.targets),
        placed.classes,
        counts,
        sounds=sound_facts(survey, read),
        notes=(*files.notes, *made_alike) if listed is None else listed.notes,
        heard=Heard(
            placed.split, placed.label, read, lambda number: sound_of(files.read(number), inputs), inputs.sound.rate
        ),
    )


def _placed_rows(files: Files, listed: Collection) -> Placed:
    """The rows of a table: all to train on, with their class where the target is one; what does not read has none."""
    label = np.full(len(files), -1, np.int32)
    targets = listed.targets
    if targets.kind in ("classes", "binary"):
        assert isinstance(listed.train.inputs, Selection)
        label[listed.train.inputs.indices.numpy()] = listed.train.targets.numpy()
    return Placed(targets.classes, files.name, np.zeros(len(files), np.int8), label)


def _odd_sounds(survey: SoundSurvey, placed: Placed, read: np.ndarray) -> Iterator[DataFinding]:
    middle = float(np.median(survey.seconds[read]))
    checks = (
        ("silent", survey.level < SILENT),
        ("clipped", (survey.flat > CLIPPED) & (survey.peak >= FULL)),
        ("cut_short", survey.missing > 0),
        ("much_longer", survey.seconds > FAR * middle),
        ("much_shorter", survey.seconds < middle / FAR),
    )

    def timed(at: int) -> Said:
        return Said("looks.seconds_of", name=placed.name(at), seconds=float(f"{survey.seconds[at]:.3g}"))

    for key, odd in checks:
        places: list[int] = np.flatnonzero(odd & read).tolist()
        if places:
            times = {"times": int(FAR)} if key.startswith("much_") else {}
            what, advice = Said(f"looks.{key}", count=len(places), **times), Said(f"looks.{key}_do")
            yield DataFinding("warning", what, advice, some(places, timed))


def _rates(survey: SoundSurvey, placed: Placed, used: np.ndarray) -> Iterator[DataFinding]:
    """Whether several rates are there, and whether the rate gives the class away."""
    rates, labels = survey.rate[used].astype(int), placed.label[used]
    if len(np.unique(rates)) < 2:
        return
    of_classes = [set(rates[labels == label].tolist()) for label in np.unique(labels)]
    if len(of_classes) > 1 and not set.intersection(*of_classes):
        yield DataFinding("warning", Said("looks.rates_tell"), Said("looks.rates_tell_do"))
    else:
        yield DataFinding("note", Said("looks.rates_differ"), Said("looks.rates_differ_do"))
