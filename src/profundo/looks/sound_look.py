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
            f"{path}: none of {len(files):,} sounds can be decoded; {files.name(first)}: {faults[first]}"
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
        (
            survey.level < SILENT,
            "silent",
            "Remove them, or find out how they were made: there is nothing to learn from.",
        ),
        (
            (survey.flat > CLIPPED) & (survey.peak >= FULL),
            "clipped: they stay at their peak",
            "Record them anew with less gain, if that can be done.",
        ),
        (
            survey.missing > 0,
            "shorter than their header says",
            "Copy or download them anew, if they were cut off on the way.",
        ),
        (
            survey.seconds > FAR * middle,
            f"more than {FAR:.0f} times as long as the middle one",
            "Cut them to what matters: of each the loudest stretch is taken.",
        ),
        (
            survey.seconds < middle / FAR,
            f"less than a {FAR:.0f}th as long as the middle one",
            "Listen to them: perhaps there is nothing to hear.",
        ),
    )
    for odd, what, advice in checks:
        places = np.flatnonzero(odd & read)
        if len(places):
            verb = "sound is" if len(places) == 1 else "sounds are"
            names = [f"{placed.name(int(at))} ({survey.seconds[at]:.3g} s)" for at in places]
            yield DataFinding("warning", f"{len(places):,} {verb} {what}.", advice, some(names))


def _rates(survey: SoundSurvey, placed: Placed, used: np.ndarray) -> Iterator[DataFinding]:
    """Whether several rates are there, and whether the rate gives the class away."""
    rates, labels = survey.rate[used].astype(int), placed.label[used]
    if len(np.unique(rates)) < 2:
        return
    of_classes = [set(rates[labels == label].tolist()) for label in np.unique(labels)]
    if len(of_classes) > 1 and not set.intersection(*of_classes):
        what = "The sounds have different rates, and no rate is that of all classes: it may give the class away."
        yield DataFinding("warning", what, "Record, or resample, all of them at the lowest rate.")
    else:
        yield DataFinding("note", "The sounds have different rates.", "All are brought to one.")
