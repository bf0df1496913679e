"""The nouns that cross rooms: small frozen dataclasses, and the one error class.

Shapes are of one sample, without the batch dimension, unless said otherwise.
"""

from __future__ import annotations

import inspect
import numbers
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import wraps
from html import escape
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, Protocol, TypeVar, runtime_checkable

from profundo.kinds import INPUT_KINDS, TARGET_KINDS, InputKind, InputTraits, TargetKind, TargetTraits

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "BEGIN",
    "BLANK",
    "END",
    "PAD",
    "Batch",
    "Calibration",
    "CalibrationBin",
    "ClassScores",
    "Column",
    "ColumnReading",
    "Dataset",
    "Forecast",
    "Inputs",
    "Interrupted",
    "LayerRow",
    "NoColumnError",
    "NoSuchNameError",
    "NotFiniteError",
    "ProfundoError",
    "Samples",
    "Scores",
    "SoundForm",
    "Source",
    "Spec",
    "Step",
    "StepScores",
    "TableForm",
    "Targets",
    "Transform",
    "Writing",
    "WrongCallError",
    "at_the_door",
    "in_words_of_the_door",
    "is_number",
    "is_whole",
    "nearest_names",
    "no_such_name",
    "on_command_line",
]

PAD, BEGIN, END = 0, 1, 2  # of every vocabulary whose sentences begin, end and are padded
BLANK = 0  # of connectionist temporal classification: no label at this step


on_command_line: ContextVar[bool] = ContextVar("on_command_line", default=False)
OPTION = re.compile(  # with a value that is one for certain; in a command that is quoted nothing changes
    r"`profundo [^`]*`|\bprofundo [a-z-]+ --[a-z-]+|--([a-z][a-z-]*)"
    r"(?:[ =]((?<=--set )\w+=(?:'[^']*'|\"[^\"]*\"|[\w…]+(?:\.\w+)*)"
    r"|'[^']*'|\"[^\"]*\"|\d+|\w+=\w+|(?<=pretrained )\w+|(?:time|group):\w+|"
    r"(?:labels|real|classes|balanced|huber|auto|cuda|none|safetensors)\b))?"
)
ARGUMENTS = {"id": "id_columns", "column": "columns", "net_option": "net_options"}  # that have another name in Python


def in_words_of_the_door(text: str) -> str:
    """Options as whoever reads this types them: --task real on the command line is task='real' in Python."""
    return text if on_command_line.get() else OPTION.sub(argument, text)


def argument(option: re.Match[str]) -> str:
    """The argument in Python that an option of the command line is."""
    if option[1] is None:
        return option[0]
    name, value = option[1].replace("-", "_"), option[2]
    name = ARGUMENTS.get(name, name)
    if value is None:
        return name
    if name == "set":  # a setting of a recipe, which is an argument of its own
        setting, _, given = value.partition("=")
        given = given.strip("'\"")
        return f"{setting}={given}" if given.isdecimal() or given[:1] in ("[", "…") else f"{setting}={given!r}"
    plain = value.strip("'\"")
    if name in ("columns", "net_options") and "=" in plain:
        before, _, after = plain.rpartition("=")
        return f"{name}={{{before!r}: {after!r}}}"
    return f"{name}={plain}" if plain.isdecimal() and plain == value else f"{name}={plain!r}"


TOLD_AS = "PROFUNDO_TOLD_AS"
"""Set to json in the environment, a refused command says on a second line of stderr how other languages put it, for the program
that called it."""


class ProfundoError(Exception):
    """Something the person at the keyboard can mend. The message is one line: expected, arrived, where, what to do.

    told: the same for who reads it on a page, in words of the page, where it is another line.
    """

    def __init__(self, *line: object, told: str = "") -> None:
        super().__init__(*line)
        self.told = told

    def __str__(self) -> str:
        return in_words_of_the_door(super().__str__())


class NotFiniteError(ProfundoError):
    """A training whose costs or weights are no numbers any more."""


class NoSuchNameError(ProfundoError, AttributeError):
    """A name of another library, with what is its name here."""


class WrongCallError(ProfundoError, TypeError):
    """An argument too many, too few, or of another name."""


Given = ParamSpec("Given")
Result = TypeVar("Result")


def at_the_door(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """The same, which names its arguments where it is called with others, or those nearest to one that it does not know."""
    takes = inspect.signature(function)
    names = ", ".join(str(one).partition(":")[0] for one in takes.parameters.values() if one.name != "self")
    name = function.__qualname__.split(".")[-2 if function.__name__ == "__init__" else -1]

    @wraps(function)
    def checked(*places: Given.args, **named: Given.kwargs) -> Result:
        try:
            takes.bind(*places, **named)
        except TypeError as error:
            unknown = "" if "**" in names else next((one for one in named if one not in takes.parameters), "")
            told = f"got an unexpected keyword argument {unknown!r}" if unknown else error
            hint = nearest_names(unknown, takes.parameters, 0.65) or f"it takes {names}"
            raise WrongCallError(f"{name}: {told}; {hint}") from None
        return function(*places, **named)

    return checked


def is_whole(value: object) -> bool:
    """Whether it is a whole number, of Python or NumPy, and no truth value."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def no_such_name(what: str, name: str, known: Iterable[str], foreign: Mapping[str, str]) -> AttributeError:
    """The error of `what`, which has no such name: what `foreign` says of it, else the nearest of those known, else all."""
    if name.startswith("_"):  # Python's own questions
        return AttributeError(f"{what} has no {name!r}")
    if not (hint := foreign.get(name.lower())):
        hint = nearest_names(name, known := list(known)) or f"it has {', '.join(known)}"
    return NoSuchNameError(f"{what} has no {name!r}; {hint}")


def nearest_names(name: str, known: Iterable[str], alike: float = 0.6) -> str:
    """As "nearest: a, b", the names that resemble one; "" where none does. alike: from 0 to 1, as of difflib."""
    near = get_close_matches(name.lower(), list(known), n=3, cutoff=alike)
    return f"nearest: {', '.join(near)}" if near else ""


class NoColumnError(ProfundoError, KeyError):
    """A KeyError that reads as a sentence."""

    __str__ = Exception.__str__


class Interrupted(BaseException):
    """SIGINT or SIGTERM came and the state was saved. code: 128 + the signal's number, as shells have it."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.code = 128 + signal_number


ColumnKind = Literal["number", "category", "date", "text"]


@dataclass(frozen=True, slots=True)
class Writing:
    """How the cells of a column are written in text.

    decimal, thousands: signs in numbers, "" for none; affixes: words before or after a number that tell no more, such as
    its currency or unit. dates: the order "ymd", "dmy" or "mdy", or a format such as "%m/%d/%Y".
    missing: words for nothing that are none of the usual ones.
    """

    decimal: str = "."
    thousands: str = ""
    affixes: tuple[str, ...] = ()
    dates: str = "ymd"
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TableForm:
    """How the text of a table is written, as far as its columns do not say it.

    encoding: of bytes that are no UTF-8, "" for Windows-1252; missing: words for nothing in place of the usual ones;
    header: whether the first row names the columns; ids: columns that say which row it is and are carried into answers.
    """

    encoding: str = ""
    missing: tuple[str, ...] | None = None
    header: bool = True
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """How one column of a table becomes numbers; all that is in it was learned from the training rows.

    kind: "number"; "category", one of `levels`; "date", in seconds since 1970 (UTC), has_time if it tells the hour; "text",
        whose words are `levels`, the most frequent first, and of which `lengths` words and characters are kept.
    fill: what a missing number or date is taken for; has_gaps: whether a column of its own says that it was missing.
    writing: how its cells are read from text.
    """

    name: str
    kind: ColumnKind
    levels: tuple[str, ...] = ()
    fill: float = 0.0
    has_gaps: bool = False
    has_time: bool = False
    writing: Writing = Writing()
    lengths: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class ColumnReading:
    """What a column of a table was taken for, for a person to see.

    kind: "number", "date", "category", "code" (with leading zeros) or "text"; why: what decided; doubt: what another reader
    may take it for, "" for nothing; example: a cell, and its value in words; missing: rows without a value; unread: those
    among them whose cell could not be read, and the first of them with its row, from 1. use: what becomes of it.
    """

    name: str
    kind: str
    why: str = ""
    doubt: str = ""
    example: tuple[str, str] = ("", "")
    missing: int = 0
    unread: int = 0
    first_unread: tuple[int, str] = (0, "")
    writing: Writing = Writing()
    use: str = ""


@dataclass(frozen=True, slots=True)
class SoundForm:
    """How sounds are made alike: brought to this rate, in samples a second, and to the length that the shape has."""

    rate: int = 0


@dataclass(frozen=True, slots=True)
class Forecast:
    """How the rows of a table become series of even steps, and what of them is to be predicted.

    horizon: steps that are predicted; target: the column of them; time: the column of moments; series: the one that says which
        series a row is of, "" where there is one.
    unit, step: between two steps; of "number" as the column has it, of "second", calendar months, or working days.
    season: steps after which the series repeats itself, 1 where it does not; cycles: those of the calendar that nets are told of,
        each as `known` channels. columns, form: how the cells of the table are read: time, series, target, and the others.
    """

    horizon: int
    target: str
    time: str
    series: str = ""
    unit: Literal["number", "second", "month", "weekday"] = "number"
    step: float = 1.0
    season: int = 1
    cycles: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    form: TableForm = TableForm()

    @property
    def known(self) -> int:
        """Channels that tell of the calendar: sine and cosine of each cycle, once and twice."""
        return 4 * len(self.cycles)


@dataclass(frozen=True, slots=True)
class SeriesRows:
    """How the rows of a table, one for each step, become labelled series.

    series: the column that says which series a row is of; time: the one that orders its steps, "" where the rows are in order.
    columns, form: how the cells are read: series, time if there is one, and the channels.
    """

    series: str
    time: str
    columns: tuple[Column, ...]
    form: TableForm = TableForm()


@dataclass(frozen=True, slots=True)
class Inputs:
    """What one input looks like.

    kind: "features", a row of numbers; "image", of 8-bit pixels; "array", of numbers in any shape; "sound", an array that was a
        file of sound; "series", an array (channels, steps) in the order of time; "any", what goes in as it is, such as ids.
    shape: (channels, height, width) of an image, (features,) of a row, (channels, …) of all others.
    mean, std: per channel or per feature, measured on the training split in units of the raw values
        (0–255 for images); a network sees z = (raw − mean) / std. Empty: the values are used as they are.
    clipped: for each feature whether it has values far out: then the network sees z / √(1 + (z/3)²), mean is the median
        and std the interquartile range in the unit of a normal deviation. Empty: none has.
    limits: of each feature the largest |z| that is believed, twice that of training: what lies beyond is taken for it.
    ranges: of each feature the least and the greatest value of training. Empty: they were not kept.
    names: names of a row's features, or of several inputs that came in a dict; empty for images.
    columns: of a table with other things than numbers, how its columns become these features; form: of its text.
    window: of images with 16 bits a channel, the values that become 0 and 255; empty where all had 8.
    sound: of sounds, how they are made alike.
    longest: of images with a target for each pixel, or objects to be found, which may have any size, the longer side that larger
        ones are scaled down to, 0 where they stay as they are; shape is the size of batches, to which smaller ones are continued
        by their edges. None of all others.
    parts: of several inputs at once, what each is, in the order of the tuple or dict that holds them; then kind is "any" and
        shape (numbers of all parts,).
    forecast: of series cut from a table, to predict how they go on; names are then of channels, columns of the table's cells.
    rows: of labelled series that came as the rows of a table.
    """

    shape: tuple[int, ...]
    kind: InputKind
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    names: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    form: TableForm = TableForm()
    clipped: tuple[bool, ...] = ()
    limits: tuple[float, ...] = ()
    ranges: tuple[tuple[float, float], ...] = ()
    window: tuple[int, ...] = ()
    sound: SoundForm = SoundForm()
    longest: int | None = None
    parts: tuple[Inputs, ...] = ()
    forecast: Forecast | None = None
    rows: SeriesRows | None = None

    @property
    def traits(self) -> InputTraits:
        """The facts of its kind."""
        return INPUT_KINDS[self.kind]

    @property
    def things(self) -> str:
        """What several of them are called: images, rows …"""
        return self.traits.several

    @property
    def texts(self) -> tuple[Column, ...]:
        """The columns of text among those of a table."""
        return tuple(column for column in self.columns if column.kind == "text")


@dataclass(frozen=True, slots=True)
class Transform:
    """How one real target is bent before it is standardised (units.py); all that is in it was learned in training.

    kind: "none", as it is; "log", log(y + shift), and its tangent below `least`; "rank", straight lines through the points
        (values[i], scores[i]).
    """

    kind: Literal["none", "log", "rank"]
    shift: float = 0.0
    least: float = 0.0
    values: tuple[float, ...] = ()
    scores: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Targets:
    """What is to be predicted.

    kind: "classes" (an index below K), "binary" (0 or 1), "labels" (each of K is there or not), "real" (one or more
        numbers), "mask" (a class for each pixel), "map" (a number for each pixel), "objects" (where in an image things are, of
        which classes: see boxes.py), "any" (tensors of any shape, of which a loss function knows what they mean).
    classes: the names of classes or labels in index order; two for "binary", none for "real".
    codes: of a mask, how each class is written in an image: a value, or −1 − (65536 r + 256 g + b) of a colour; of objects, the
        id of each class in the files it was learned from, empty where they have none.
    names: names of the real targets.
    mean, std: of real targets on the training split; a network predicts (target − mean) / std.
    transforms: one for each real target, of which mean and std are then measured; none where they are taken as they are.
    shares: of each class, or label, among the training samples, pixels or objects; empty where they were not counted.
    threshold: the probability of the second of two classes from which it is the answer; of objects, the score from which one
        is told.
    margins: of each real target, such as a step of a forecast, what to add for the ends of an interval that holds nine of ten
        values: the quantiles of truth − prediction, each bent by its transform, on the validation split; empty where there is none
        that the network has not learned from.
    """

    kind: TargetKind
    classes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    transforms: tuple[Transform, ...] = ()
    shares: tuple[float, ...] = ()
    threshold: float = 0.5
    margins: tuple[tuple[float, float], ...] = ()
    codes: tuple[int, ...] = ()

    @property
    def traits(self) -> TargetTraits:
        """The facts of its kind."""
        return TARGET_KINDS[self.kind]


@dataclass(frozen=True, slots=True)
class Spec:
    """Travels with the data: all a network family needs in order to be built."""

    inputs: Inputs
    targets: Targets

    @property
    def outputs(self) -> int:
        """Width of the output layer: K for classes and labels, 1 for binary, one per real target."""
        targets = self.targets
        return max(1, len(targets.classes or targets.names)) if targets.traits.wide else 1


@runtime_checkable
class Source(Protocol):
    """Inputs too large for memory: read by index, one raw tensor a sample (uint8 for images)."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Tensor: ...


@dataclass(frozen=True, slots=True)
class Samples:
    """One split: raw inputs (a tensor, samples first, or a Source) and targets.

    inputs: uint8 (samples, channels, height, width) for images, float32 or float64 (samples, features) for rows.
        Several inputs are a tuple or dict of tensors (trees.py).
    targets: int64 (samples,) for "classes" and "binary", float32 (samples, K) of 0 and 1 for "labels", float32 or float64
        (samples, outputs) for "real", in their own units; uint8 (samples, height, width) for "mask", where 255 is a pixel of no
        class; float32 (samples, height, width) for "map", where NaN is one of no number; for "objects" float32 (samples, most,
        6), or a dict of that and of masks, as object_masks.py has them; for "any" a tensor, or a tuple or dict of them.
    numbers: int64 (samples,), which of its source's samples each is, from 0; None where they are all in their order.
    weights: float32 (samples,), how much each counts, in training and in figures; None where all count alike.
    anew: of a Dataset with random transforms, what reads samples again, by number, each drawn from a seed (rereading.py): training
        does so; None where what was read stays.
    """

    inputs: Tensor | Source
    targets: Tensor
    numbers: Tensor | None = None
    weights: Tensor | None = None
    anew: Callable[[Sequence[int], Sequence[int]], Any] | None = None

    def __len__(self) -> int:
        tree: Any = self.targets
        while isinstance(tree, Mapping | tuple):
            tree = next(iter(tree.values() if isinstance(tree, Mapping) else tree))
        return len(tree)


PEEKS = ("show_batch", "one_batch", "show", "plot", "head", "summary", "vocab", "class_names", "classes", "c")
SHOWN = "profundo.look(…) of what it was loaded from shows it; .train has inputs and targets, .spec.targets.classes the names"


class ImageReader(Protocol):
    """Image files by number. A Dataset carries it: it may be pickled, and holds no pixels."""

    def name(self, number: int) -> str:
        """Of the file."""

    def pixels(self, number: int) -> Any:
        """A NumPy array of uint8 (height, width, 1 or 3). Raises OSError, ValueError or ProfundoError where it is no longer there."""


@dataclass(frozen=True, slots=True)
class Originals:
    """Images as their source has them, before they were made alike, by their number in it (`Samples.numbers`).

    sizes: (height, width) of each; files: None of images in memory, of which nothing is kept but what a net sees.
    """

    sizes: tuple[tuple[int, int], ...]
    files: ImageReader | None = None


@dataclass(frozen=True, slots=True)
class Dataset:
    """Three splits and their spec. The test split is read once, after training.

    notes: sentences about the data that the report repeats (files skipped, classes missing).
    facts: what identifies the data when a run is resumed, such as the SHA-256 of its files.
    readings: of a table, what its columns were taken for; ids: its columns that say which row is which, by name, a word for
        each row of the source (`Samples.numbers` says which that is).
    origin: of what a name or a path says, the settings that read and divide it again; none of data in memory.
    originals: of images with objects, what they were before they were scaled, or continued to one size.
    """

    name: str
    spec: Spec
    train: Samples
    validation: Samples
    test: Samples
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    readings: tuple[ColumnReading, ...] = ()
    ids: Mapping[str, Sequence[str]] = field(default_factory=dict)
    origin: Mapping[str, Any] = field(default_factory=dict, repr=False)
    originals: Originals | None = field(default=None, repr=False, compare=False)

    def __repr__(self) -> str:
        sizes = f"{len(self.train):,} to train on, {len(self.validation):,} to validate, {len(self.test):,} to test"
        classes = self.spec.targets.classes
        more = f", … {len(classes)} in all" if len(classes) > 10 else ""
        what = ", ".join(classes[:10]) + more if classes else f"{self.spec.targets.kind} targets"
        return f"{self.name}: {sizes}; inputs {self.spec.inputs.shape}, {what}"

    def __getattr__(self, name: str) -> Any:
        """Only of names that are not there: fastai's `show_batch`, a frame's `head`."""
        raise no_such_name("a Dataset", name, self.__dataclass_fields__, dict.fromkeys(PEEKS, SHOWN))

    def _repr_html_(self) -> str:
        sizes = "".join(
            f"<tr><td>{name}</td><td>{len(split):,}</td></tr>"
            for name, split in (("train", self.train), ("validation", self.validation), ("test", self.test))
        )
        shape = " × ".join(map(str, self.spec.inputs.shape))
        what = ", ".join(map(escape, self.spec.targets.classes)) or f"{self.spec.outputs} real"
        return (
            f"<b>{escape(self.name)}</b>: inputs {shape}, targets {what}"
            f"<table><tr><th>split</th><th>samples</th></tr>{sizes}</table>"
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """Standardised inputs (batch, *shape), targets (batch, …), and the size of the whole batch over all processes.

    Several inputs, or targets of any shape, are in tuples and dicts of tensors, as in their Samples.
    weights: float32 (batch,) of the samples, where they do not all count alike."""

    inputs: Tensor
    targets: Tensor
    total: int
    weights: Tensor | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class Step:
    """One update of the parameters.

    epoch and index count from 0; losses are scalar tensors still on the device (reading one synchronises);
    samples: number in the whole batch; rate: factor that the schedule applied to every learning rate;
    last: whether it ends its epoch.
    """

    epoch: int
    index: int
    losses: Mapping[str, Tensor]
    samples: int
    rate: float
    last: bool


@dataclass(frozen=True, slots=True)
class ClassScores:
    """How well one class, or one label, is told from the rest.

    samples: that are of it; precision: share of the samples taken for it that are of it, 0 where none were taken;
    recall: share of its samples that were found; f1: their harmonic mean; auc: area under its ROC curve against all
    others, None where there is only one kind or some answers are no probabilities; iou: of masks, of whose pixels all this is
    then, how much of what is or was taken for it is both.
    """

    name: str
    samples: int
    precision: float
    recall: float
    f1: float
    auc: float | None = None
    iou: float | None = None


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """The answers given with a probability in (low, high].

    confidence: their mean probability; frequency: the share of them that was right. For several labels an answer is
    "the label is there", and its probability anything from 0 to 1.
    """

    low: float
    high: float
    samples: int
    confidence: float
    frequency: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """What stated probabilities are worth. intervals: of each bin's frequency, 95 %; error: mean |frequency − confidence|
    over all answers (expected calibration error, Naeini et al. 2015); chance: that of a perfectly calibrated net, on
    average, and what it exceeds once in 20 times, None where it was not simulated; stated, right: mean probability and
    share of right answers; telling: the bin that adds most to the error, of those with enough answers to judge by;
    leaning: whether stated and right differ by more than chance makes of so many answers."""

    bins: Sequence[CalibrationBin]
    intervals: Sequence[tuple[float, float]]
    error: float
    stated: float
    right: float
    telling: CalibrationBin
    leaning: bool = True
    chance: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class StepScores:
    """How far one step of a forecast is off. rmse, simple: of the network, and of the season's values again; held: the share of
    true values that its intervals hold."""

    name: str
    rmse: float
    simple: float
    held: float


@dataclass(frozen=True, slots=True)
class Scores:
    """Figures of one network on one split.

    values: by name ("accuracy", "log loss", "RMSE" …, see evaluate/scores.py), first the one that leads, and leads_for says
    why where that is not the usual one; baseline: the same for the constant predictor, or what
    baseline_name says; beyond_chance: whether the figure
    that leads is better than the constant's by more than chance makes of so many samples; linear: for logistic or linear
    regression, where it was fitted, and linear_name says which and on what; intervals: 95 %, of some of the values;
    confusion: counts, rows are the true classes; worst: indices of the samples with the largest losses, worst first;
    per_class: one entry for each class or label; calibration: by probability, bins without answers left out; chance: the
    calibration error of a perfectly calibrated net on so many samples, on average, and what it exceeds once in 20 times.
    steps: of a forecast, one entry for each.
    """

    samples: int
    values: Mapping[str, float]
    baseline: Mapping[str, float]
    confusion: Sequence[Sequence[int]] = ()
    worst: Sequence[int] = ()
    linear: Mapping[str, float] = field(default_factory=dict)
    linear_name: str = ""
    per_class: Sequence[ClassScores] = ()
    calibration: Sequence[CalibrationBin] = ()
    chance: tuple[float, float] | None = None
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    leads_for: str = ""
    beyond_chance: bool = True
    baseline_name: str = "constant predictor"
    steps: Sequence[StepScores] = ()

    def __getitem__(self, name: str) -> float:
        """One of the values."""
        if name not in self.values:
            raise NoColumnError(f"scores have no {name!r}; they have: {', '.join(self.values)}")
        return self.values[name]

    def __repr__(self) -> str:
        """A line for each figure, beside those of the simple methods."""
        others = [(self.baseline_name, self.baseline), (self.linear_name, self.linear)]
        beside = {
            name: ", ".join(f"{method}: {values[name]:.4g}" for method, values in others if name in values)
            for name in self.values
        }
        lines = [
            f"{name} {value:.4g}{f'   ({beside[name]})' if beside[name] else ''}" for name, value in self.values.items()
        ]
        return "\n".join([f"{self.samples:,} samples", *lines])

    def __getattr__(self, name: str) -> Any:
        values = () if name.startswith("_") or name in self.__dataclass_fields__ else self.values
        here = dict.fromkeys(values, f"run.scores[{name!r}] has it")
        raise no_such_name("scores", name, self.__dataclass_fields__, here)


@dataclass(frozen=True, slots=True)
class LayerRow:
    """One row of a network's table. shape: of the layer's output for one sample; flops: of one forward pass.

    field: the pixels along each axis of an image that one value of the output can depend on, where the border does not
    cut them off; "whole" for all of the image; None where it is not known, or where the input is no image.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    flops: int
    field: tuple[int, ...] | Literal["whole"] | None = None
