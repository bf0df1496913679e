"""What the page of a run shows, as plain facts that others measured. What is empty or None is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from profundo.pictures.objects.found_objects import ObjectFacts
from profundo.records import Calibration, ColumnReading, LayerRow, Scores, Spec

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "Checkup",
    "ColumnRow",
    "Course",
    "Dependence",
    "Effects",
    "Examples",
    "FirstLayer",
    "Fit",
    "Found",
    "Importance",
    "Ranking",
    "Report",
    "Value",
    "Worst",
]


@dataclass(frozen=True, slots=True)
class Value:
    """One entry of a row in raw units. deviations: how many standard deviations it lies from the training mean, or for a
    category, would if it were as rare a number. remark: that in words."""

    name: str
    text: str
    deviations: float = 0.0
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Worst:
    """One sample with a large loss. image: uint8 (channels, height, width); audio: a sound as a data-URI; row: its values in
    the order of the columns; confidence: the probability that the network gave to its prediction; number: of the row in its
    source, from 1; ids: what else says which row it is, by column; drivers: the values that drove the answer, with how much
    they added; judged: whether it is right where the two words are the same."""

    truth: str
    prediction: str
    loss: float
    confidence: float | None = None
    image: Tensor | None = None
    audio: str = ""
    row: Sequence[Value] = ()
    number: int | None = None
    drivers: Sequence[Value] = ()
    ids: Mapping[str, str] = field(default_factory=dict)
    judged: bool = True


@dataclass(frozen=True, slots=True)
class Importance:
    """By how much the leading figure becomes worse where a column's values are shuffled, with its 95 % interval."""

    name: str
    change: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Dependence:
    """The mean answer by the value of a column. y: of each of `lines`, as many values as x; labels: the categories."""

    name: str
    x: Sequence[float]
    lines: Sequence[str]
    y: Sequence[Sequence[float]]
    labels: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class WordEffect:
    """A word that speaks for `output`, a class or a number: what it adds on average to the log odds, or the number, of the
    `texts` that it is in."""

    output: str
    word: str
    change: float
    texts: int


@dataclass(frozen=True, slots=True)
class Effects:
    """What the network goes by, of `samples` test rows. figure: the one that shuffling makes worse; columns: how many there
    are; importances: of those that were tried; words: the most telling ones of texts, the first of an output first."""

    figure: str
    samples: int
    columns: int
    importances: Sequence[Importance]
    dependences: Sequence[Dependence] = ()
    words: Sequence[WordEffect] = ()


@dataclass(frozen=True, slots=True)
class Ranking:
    """How samples of a class are ranked before others as the threshold falls: recall, false alarms and precision. share:
    of the class among the test samples; auc, average_precision: areas under its two curves; place: of the threshold in use."""

    name: str
    recall: Sequence[float]
    alarms: Sequence[float]
    precision: Sequence[float]
    share: float
    auc: float
    average_precision: float
    place: tuple[float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Fit:
    """One real target on the test split: true and predicted values, and the histogram of predicted − true, whose outermost
    bars also hold `beyond` values that lie farther out."""

    name: str
    truth: Sequence[float]
    predicted: Sequence[float]
    edges: Sequence[float]
    counts: Sequence[int]
    beyond: int = 0


@dataclass(frozen=True, slots=True)
class Course:
    """A test window: what was, the last value last; then how it went on, what was forecast, and the edges of its intervals."""

    title: str
    past: Sequence[float]
    truth: Sequence[float]
    predicted: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Examples:
    """Training series of one class in one picture: lines by name, each of one channel. label: "" where there are no classes."""

    label: str
    lines: Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True)
class FirstLayer:
    """The weights that touch an image. images: uint8 (units, channels, height, width), mid-grey for zero, each scaled by
    its largest weight; units: how many there are in all."""

    name: str
    kind: str
    units: int
    images: Tensor


@dataclass(frozen=True, slots=True)
class ColumnRow:
    """How a column of a table became features. share of gaps in words, and what fills them."""

    name: str
    kind: str
    becomes: str
    gaps: str


@dataclass(frozen=True, slots=True)
class Found:
    """A cause in words. sure: how it was proved."""

    cause: str
    where: str
    evidence: str
    sure: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Checkup:
    """What the doctor saw. cures: what was changed; signs: vital signs by name (doctor/vital_signs.py), empty without looks."""

    looks: int
    steps: int
    findings: Sequence[Found] = ()
    cures: Sequence[str] = ()
    notes: Sequence[str] = ()
    signs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    """All that the page tells.

    scores, validation_scores: of the kept network on the test and validation split.
    history: one value per epoch by name; "x" and "validation x" are drawn in one picture. best_epoch counts from 0;
    best_kept: whether its weights are those of the network, not the last epoch's; begun_again: after how many epochs training began
    once more.
    counts: samples per class (or label) of each split; one number for real targets; sizes: samples of each split.
    examples: raw uint8 images (images, channels, height, width) with one label each.
    augmented: raw uint8 images by rows of 8, a training image as it is and as it comes in 7 steps. mask_key: the legend of masks.
    series: of series a few of each class; courses: of a forecast some test windows.
    notes: what happened to the data as they were read, in English; advice: what their targets ask for, in the page's language.
    facts: what identifies the data. seconds: by phase. asked: the settings, nested or flat. command: repeats the run;
    drawn_by: a command that draws the network. threshold: from which probability a class is answered, in words.
    """

    title: str
    spec: Spec
    scores: Scores
    command: str
    subtitle: str = ""
    drawn_by: str = ""
    validation_scores: Scores | None = None
    asked: Mapping[str, object] = field(default_factory=dict)
    counts: Mapping[str, Sequence[int]] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    notes: Sequence[str] = ()
    advice: Sequence[str] = ()
    readings: Sequence[ColumnReading] = ()
    examples: Tensor | None = None
    example_labels: Sequence[str] = ()
    augmented: Tensor | None = None
    mask_key: str = ""
    series: Sequence[Examples] = ()
    courses: Sequence[Course] = ()
    columns: Sequence[ColumnRow] = ()
    layers: Sequence[LayerRow] = ()
    first_layer: FirstLayer | None = None
    history: Mapping[str, Sequence[float]] = field(default_factory=dict)
    best_epoch: int | None = None
    best_kept: bool = True
    begun_again: int | None = None
    checkup: Checkup | None = None
    batch_size: int = 1
    calibration: Calibration | None = None
    fits: Sequence[Fit] = ()
    rankings: Sequence[Ranking] = ()
    effects: Effects | None = None
    threshold: str = ""
    worst: Sequence[Worst] = ()
    objects: ObjectFacts | None = None
    facts: Mapping[str, object] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
