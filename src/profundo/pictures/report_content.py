"""What the page of a run shows, as plain facts that others measured. What is empty or None is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from profundo.records import Calibration, ColumnReading, LayerRow, Scores, Spec

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ColumnRow", "FirstLayer", "Fit", "Report", "Value", "Worst"]


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
    """One sample with a large loss. image: uint8 (channels, height, width); row: its values in the order of the columns;
    confidence: the probability that the network gave to its prediction."""

    truth: str
    prediction: str
    loss: float
    confidence: float | None = None
    image: Tensor | None = None
    row: Sequence[Value] = ()


@dataclass(frozen=True, slots=True)
class Fit:
    """One real target on the test split: true and predicted values, and the histogram of predicted − true."""

    name: str
    truth: Sequence[float]
    predicted: Sequence[float]
    edges: Sequence[float]
    counts: Sequence[int]


@dataclass(frozen=True, slots=True)
class FirstLayer:
    """The weights that touch the input. images: uint8 (units, channels, height, width), mid-grey for zero, each scaled by
    its largest weight; norms: of the weights that leave each column, the largest first; units: how many there are in all."""

    name: str
    kind: str
    units: int
    images: Tensor | None = None
    norms: Sequence[tuple[str, float]] = ()


@dataclass(frozen=True, slots=True)
class ColumnRow:
    """How a column of a table became features. share of gaps in words, and what fills them."""

    name: str
    kind: str
    becomes: str
    gaps: str


@dataclass(frozen=True, slots=True)
class Report:
    """All that the page tells.

    scores, validation_scores: of the kept network on the test and validation split; intervals: 95 %, of test figures.
    history: one value per epoch by name; "x" and "validation x" are drawn in one picture. best_epoch counts from 0;
    best_kept: whether its weights are those of the network, not the last epoch's.
    counts: samples per class (or label) of each split; one number for real targets; sizes: samples of each split.
    examples: raw uint8 images (images, channels, height, width) with one label each.
    augmented: raw uint8 images by rows of 8, a training image as it is and as it comes in 7 steps.
    facts: what identifies the data. seconds: by phase. asked: the settings, nested or flat. command: repeats the run;
    drawn_by: a command that draws the network.
    """

    title: str
    spec: Spec
    scores: Scores
    command: str
    subtitle: str = ""
    drawn_by: str = ""
    validation_scores: Scores | None = None
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    asked: Mapping[str, object] = field(default_factory=dict)
    counts: Mapping[str, Sequence[int]] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    notes: Sequence[str] = ()
    readings: Sequence[ColumnReading] = ()
    examples: Tensor | None = None
    example_labels: Sequence[str] = ()
    augmented: Tensor | None = None
    columns: Sequence[ColumnRow] = ()
    layers: Sequence[LayerRow] = ()
    first_layer: FirstLayer | None = None
    history: Mapping[str, Sequence[float]] = field(default_factory=dict)
    best_epoch: int | None = None
    best_kept: bool = True
    calibration: Calibration | None = None
    fits: Sequence[Fit] = ()
    worst: Sequence[Worst] = ()
    facts: Mapping[str, object] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
