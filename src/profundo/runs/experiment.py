"""What is asked of a run: one flat record, read from the command line, from Python or from experiment.yaml.

Each field of Experiment is a setting, and says all there is to know of it: its values, whether they change results, what it
is part of, its help, and how the command line reads it. Lists of settings elsewhere are derived from SETTINGS.

A setting left at None is chosen by `completed`, from the data and the net; what is written into the run's folder has
every choice made, so that `train --config runs/x/experiment.yaml` repeats the run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from profundo.data.augmenting.options import check, read
from profundo.data.dataset_names import Header, TargetTransform, Task, nearest
from profundo.data.dataset_names import names as dataset_names
from profundo.files import PUT_BACK, expectation, in_words, kind_of, what_is_at, write_text
from profundo.kinds import InputKind
from profundo.objectives.objective_names import default_name
from profundo.records import ProfundoError, Spec
from profundo.runs.given.foreign import FOREIGN, understood

__all__ = [
    "SETTINGS",
    "WITHOUT_EFFECT",
    "Experiment",
    "Setting",
    "belonging_to",
    "completed",
    "is_ensemble",
    "new_experiment",
    "read_changes",
    "read_experiment",
    "read_pair",
    "read_value",
    "write_experiment",
]

PRETRAINED_SIDE = 160  # pixels of the images that a pretrained net sees, unless told
STEPS_AT_FULL_RATE = 50
"""Steps of fine-tuning below which its rate is less. AdamW moves weights by about the rate however small the gradient, and the
fitted output layer makes it very small: the loss of 30 images jumped from 0.08 to 0.7, with ten steps to recover in."""
LARGEST_FILE = 1 << 16  # bytes, read in under a second
Whole = Annotated[int, Field(ge=1)]
EVERY = 2**62  # samples of a batch that is to hold them all, until it is known how many there are
BatchSize = Annotated[int, Field(ge=1), BeforeValidator(lambda value: EVERY if value == "all" else value)]
Several = Annotated[int, Field(ge=2)]
Layers = Annotated[int, Field(ge=1, le=1000)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
AtLeastZero = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
SoundRate = Annotated[int, Field(ge=1_000, le=768_000)]
PartOfAll = Annotated[float, Field(gt=0, lt=1)]
Some = Annotated[tuple[Whole, ...], Field(min_length=1)]


def known_changes(asked: list[Any]) -> list[Any]:
    """The augmentations as they were asked for, once all of them can be read."""
    for entry in asked:
        read(entry)
    return asked


def known_weights(asked: Any) -> Literal["balanced"] | list[float] | dict[str, float]:
    """Class weights as they were asked for, once they can be weights."""
    if isinstance(asked, str) and asked == "balanced":
        return "balanced"
    numbers = list(asked.values()) if isinstance(asked, Mapping) else asked
    are_numbers = isinstance(numbers, list | tuple) and all(
        isinstance(one, int | float) and not isinstance(one, bool) for one in numbers
    )
    if not are_numbers or not all(0 <= one < float("inf") for one in numbers) or not any(numbers):
        raise ProfundoError(
            f"--class-weights: expected balanced, or a number of at least 0 for each class; got {asked!r}"
        )
    if isinstance(asked, Mapping):
        return {str(name): float(one) for name, one in asked.items()}
    return [float(one) for one in numbers]


def known_split(asked: str) -> str:
    """What splits are made by, once it can be read."""
    from profundo.data.splits.split_by import read_split_by  # and PyTorch

    read_split_by(asked)
    return asked


def known_threshold(asked: str) -> str:
    from profundo.evaluate.thresholds import check_rule  # and PyTorch

    return check_rule(asked)


Pretrained = Literal[
    "efficientnet_lite0", "resnet18", "resnet34", "resnet50", "alexnet", "vgg11", "vgg13", "vgg16", "vgg19",
    "vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn", "minilm",
]  # fmt: skip
SplitBy = Annotated[str, AfterValidator(known_split)]
Changes = Annotated[list[Any], AfterValidator(known_changes)]
ThresholdRule = Annotated[str, BeforeValidator(str), AfterValidator(known_threshold)]
ClassWeights = Annotated[Any, AfterValidator(known_weights)]


# ------------------------------------------------------------------------------------------- from the command line
def words_of(text: str) -> list[str]:
    """Names with commas between them; none for none."""
    return [name.strip() for name in text.split(",") if name.strip() not in ("", "none")]


def read_changes(text: str) -> Any:
    """Augmentations: names with commas, or a list in YAML where some have options."""
    return read_value(text) if text.lstrip().startswith("[") else words_of(text)


def read_weights(text: str) -> Any:
    """Class weights: "balanced", or numbers with commas."""
    return text if text == "balanced" else read_value(f"[{text}]")


def read_net_options(texts: Sequence[str]) -> dict[str, Any]:
    pairs = (read_pair(text, "--net-option", "dropout=0.2") for text in texts)
    return {name: whole_numbers(value) for name, value in pairs}


def whole_numbers(value: Any) -> Any:
    """A list where it is whole numbers with commas between them."""
    is_list = isinstance(value, str) and re.fullmatch(r"\d+(\s*,\s*\d+)*\s*,?", value)
    return [int(one) for one in value.replace(" ", "").strip(",").split(",")] if is_list else value


def read_columns(texts: Sequence[str]) -> dict[str, str]:
    """What columns are: NAME=KIND; a name may have equals signs in it."""
    pairs = [text.rpartition("=") for text in texts]
    for text, (name, _, kind) in zip(texts, pairs, strict=True):
        if not name or not kind:
            raise ProfundoError(f"--column {text}: expected COLUMN=KIND, such as --column zip=category")
    return {name.strip(): kind.strip() for name, _, kind in pairs}


def words_for_nothing(texts: Sequence[str]) -> list[str]:
    return [word.strip() for text in texts for word in text.split(",")]


# -------------------------------------------------------------------------------------------------- the settings
Part = Literal["data", "net", "learning", "course", "run"]
"""Of what a setting is part: the data, the net, how it learns, how long and at which rates, or the run around it all."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a field of Experiment says of itself, beside its type.

    changes_results: whether a run may come to other figures with another value. form: on the command line, of what is more
    than a word or a number; read: what makes the value from it. option: its name there, where it is not the field's.
    in_python: whether it is what is given in Python alone.
    """

    part: Part
    help: str
    changes_results: bool = True
    form: str | None = None
    read: Callable[[Any], Any] | None = None
    option: str | None = None
    in_python: bool = False


class Experiment(BaseModel):
    """Every setting of one training run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Annotated[
        str,
        Setting(
            "data",
            "A name of `profundo datasets`; a folder or zip of images per class; a CSV, TSV, Parquet or .npz file; "
            "tar shards; also at an address such as s3://…",
        ),
    ]
    target: Annotated[str | None, Setting("data", "Of a table, the column to be predicted; several with commas.")] = (
        None
    )
    task: Annotated[Task, Setting("data", "What a table's target is.")] = "auto"
    drop: Annotated[
        list[str] | None, Setting("data", "Of a table, a column to leave out; may be repeated.", form="COLUMN")
    ] = None
    only: Annotated[
        list[str] | None,
        Setting("data", "Of a table, a column to learn from, and no other; may be repeated.", form="COLUMN"),
    ] = None
    id_columns: Annotated[
        list[str] | None,
        Setting(
            "data", "Of a table, a column that says which row it is, for the answers.", form="COLUMN", option="--id"
        ),
    ] = None
    columns: Annotated[
        dict[str, str] | None,
        Setting(
            "data",
            "What a column of a table is, such as zip=category, price=number:, or when=date:dmy; may be repeated.",
            form="COLUMN=KIND",
            read=read_columns,
            option="--column",
        ),
    ] = None
    missing: Annotated[
        list[str] | None,
        Setting(
            "data",
            "Words for nothing in a table, in place of NA, ? and the like.",
            form="WORD,WORD,…",
            read=words_for_nothing,
        ),
    ] = None
    encoding: Annotated[str | None, Setting("data", "Of a table's text, such as latin-1, if it is no UTF-8.")] = None
    header: Annotated[Header | None, Setting("data", "The row with the names of a table's columns.")] = None
    image_size: Annotated[
        Whole | None, Setting("data", "Scale and cut the images of a folder to this side, in pixels.")
    ] = None
    sound_rate: Annotated[
        SoundRate | None,
        Setting("data", "Bring the sounds of a folder to this rate, in Hz, and not to their usual one."),
    ] = None
    sound_seconds: Annotated[
        Positive | None, Setting("data", "Bring the sounds of a folder to this length, in seconds.")
    ] = None
    split_by: Annotated[
        SplitBy | None,
        Setting(
            "data",
            "Not by chance: time:COLUMN tests on the latest rows, group:COLUMN keeps rows of one value on one side; of "
            "images and sounds group:PATTERN, a regular expression found in each file's class/name.",
            form="time:…|group:…",
        ),
    ] = None
    horizon: Annotated[
        Whole | None, Setting("data", "Of a table in time, predict so many steps of the target after its last row.")
    ] = None
    lookback: Annotated[
        Whole | None, Setting("data", "Of a forecast, the steps that are looked back on; by default two seasons.")
    ] = None
    series: Annotated[
        str | None,
        Setting(
            "data",
            "The column that says which series a row is of, of a forecast or of labelled series.",
            form="COLUMN",
        ),
    ] = None
    target_transform: Annotated[
        TargetTransform, Setting("data", "How a number to be predicted is bent for training, and back in answers.")
    ] = "none"
    net: Annotated[str | None, Setting("net", "A name of `profundo nets`.")] = None
    net_options: Annotated[
        dict[str, bool | int | float | str | list[int]],
        Setting(
            "net",
            "An option of the net, such as dropout=0.2; may be repeated.",
            form="NAME=VALUE",
            read=read_net_options,
            option="--net-option",
        ),
    ] = {}
    pretrained: Annotated[
        Pretrained | None,
        Setting("net", "Begin with published weights: of images, or minilm, of texts.", form="NET"),
    ] = None
    freeze: Annotated[
        bool, Setting("net", "Of a pretrained net, train the output layer alone, on features computed once.")
    ] = False
    epochs: Annotated[Whole | None, Setting("course", "Passes over the training samples.")] = None
    batch_size: Annotated[
        BatchSize | None,
        Setting("learning", "Samples of one update, over all processes; 1, or all.", form="SAMPLES"),
    ] = None
    optimizer: Annotated[
        Literal["sgd", "momentum", "nesterov", "adagrad", "adadelta", "rmsprop", "adam", "adamw"] | None,
        Setting("learning", "How a gradient moves the weights."),
    ] = None
    learning_rate: Annotated[Positive | None, Setting("learning", "The largest of the schedule.")] = None
    schedule: Annotated[
        Literal["constant", "step", "exponential", "cosine", "cyclic", "cyclic-exponential", "one-cycle"] | None,
        Setting("course", "How the learning rate changes while training."),
    ] = None
    warm_up: Annotated[Share, Setting("course", "Share of training in which the rate rises to the schedule's.")] = 0.0
    augment: Annotated[
        Changes | None,  # names, or {name: {option: value}}
        Setting(
            "learning",
            "shift, mirror, crop, colour, cutout, mixup …: several with commas, none for none; with options as in "
            "'[mirror, {crop: {scale: [0.6, 1]}}]'. `profundo augment` lists and shows them.",
            form="NAME,NAME,…",
            read=read_changes,
        ),
    ] = None
    weight_decay: Annotated[AtLeastZero | None, Setting("learning", "λ of the penalty λ/2‖W‖² on the weights.")] = None
    l1: Annotated[AtLeastZero, Setting("learning", "λ of the penalty λ‖W‖₁ on the weights.")] = 0.0
    objective: Annotated[
        Literal["categorical", "bernoulli", "hinge", "gaussian", "laplace", "huber"] | None,
        Setting("learning", "What training lowers, unless the target decides."),
    ] = None
    class_weights: Annotated[
        ClassWeights | None,
        Setting(
            "learning",
            "How much a sample of each class counts: balanced, or a number for each class.",
            form="balanced|W,W,…",
            read=read_weights,
        ),
    ] = None
    label_smoothing: Annotated[Share, Setting("learning", "Share of each target spread over all classes.")] = 0.0
    early_stop: Annotated[
        Whole | None,
        Setting("course", "Stop after so many epochs without a better validation loss; keep the best."),
    ] = None
    validation: Annotated[
        PartOfAll | None, Setting("data", "Share of the training samples kept aside to validate.")
    ] = None
    accumulate: Annotated[
        Whole, Setting("learning", "Put each batch through the net in so many parts, to save memory.")
    ] = 1
    clip: Annotated[Positive | None, Setting("learning", "Largest norm of the gradient.")] = None
    threshold: Annotated[
        ThresholdRule | None,
        Setting(
            "course",
            "Of two classes, from which probability the rare one is answered; chosen on the validation split: by the cost of "
            "a miss and of a false alarm, the largest F1, or the recall to be reached; or the probability itself.",
            form="cost:10,1|f1|recall=0.9|0.3",
        ),
    ] = None
    seed: Annotated[int, Field(ge=0, lt=2**63), Setting("run", "Of split, weights, order and augmentation.")] = 0
    device: Annotated[str, Setting("run", "auto, cpu, cuda or cuda:N.")] = "auto"
    precision: Annotated[
        Literal["auto", "float32", "bfloat16"], Setting("learning", "Of the numbers that are multiplied.")
    ] = "auto"
    capture: Annotated[
        bool | None,
        Setting("run", "On a CPU, record the first step and replay it: quicker.", changes_results=False),
    ] = None
    stream: Annotated[
        bool | None,
        Setting("data", "Read images or rows while training, not before.", option="--stream/--in-memory"),
    ] = None
    workers: Annotated[
        int,
        Field(ge=0, le=256),
        Setting("run", "Processes that read streamed images.", changes_results=False),
    ] = 2
    skip_bad: Annotated[bool, Setting("data", "Leave out unreadable images, with a note.")] = False
    log: Annotated[
        Literal["tensorboard"] | None,
        Setting("run", "Also write what this program shows.", changes_results=False),
    ] = None
    data_dir: Annotated[
        str | None,
        Setting(  # the data are compared by themselves
            "data", "Folder with mnist/, cifar10/; PROFUNDO_DATA otherwise.", changes_results=False, form="DIR"
        ),
    ] = None
    own: Annotated[
        dict[str, str],
        Setting(
            "learning", "Names of the loss, metrics, optimizer and schedule that are no names here.", in_python=True
        ),
    ] = {}
    checkpoint_seconds: Annotated[
        float,
        Field(ge=0),
        Setting("run", "Save the state of training this often.", changes_results=False),
    ] = 30.0

    def settings(self) -> dict[str, Any]:
        return self.model_dump(mode="json")

    def reading(self) -> dict[str, Any]:
        """How the data are read, before they are divided into splits: what `collect` takes."""
        names = (name for name in belonging_to("data") if name not in ("data", "validation"))
        result = {name: value for name in names if (value := getattr(self, name)) is not None}
        of_images = self.pretrained not in (None, "minilm")
        if of_images and self.data not in dataset_names() and not self.data.lower().endswith(".npz"):
            result.setdefault("image_size", PRETRAINED_SIDE)
        return result


SETTINGS: dict[str, Setting] = {
    name: about
    for name, field in Experiment.model_fields.items()
    for about in field.metadata
    if isinstance(about, Setting)
}
WITHOUT_EFFECT = tuple(name for name, about in SETTINGS.items() if not about.changes_results)


def belonging_to(*parts: Part) -> tuple[str, ...]:
    """The settings that are part of these, by name."""
    return tuple(name for name, about in SETTINGS.items() if about.part in parts)


def new_experiment(**settings: Any) -> Experiment:
    """An Experiment of these settings. Raises ProfundoError that names the setting, what it holds and what it may hold."""
    settings = understood(settings)
    for name, value in settings.items():  # True is no 1
        if isinstance(value, bool) and name in SETTINGS and "bool" not in str(Experiment.model_fields[name].annotation):
            raise ProfundoError(f"{as_option(name)}: expected another value than true or false, got {value}")
    try:
        return Experiment(**settings)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "experiment"
        if first["type"] == "extra_forbidden":
            hint = FOREIGN.get(name.lower()) or nearest(name, [one for one in SETTINGS if not SETTINGS[one].in_python])
            raise ProfundoError(f"setting {name!r} is unknown; {hint}") from None
        given = " ".join(repr(first["input"]).split())
        given = given if len(given) <= 100 else f"{given[:100]}…"
        if first["type"] == "missing":
            raise ProfundoError(f"setting {name!r} is missing; add it") from None
        if first["loc"][:1] == ("net_options",) and len(first["loc"]) > 1:
            kinds = "a number, text, true, false or a list of whole numbers"
            raise ProfundoError(f"net option {first['loc'][1]}: expected {kinds}, got {first['input']!r}") from None
        expected = expectation(first["msg"]).replace("'", "")
        if first["type"] == "literal_error" and isinstance(first["input"], str):
            known = re.findall(r"'([^']*)'", first["ctx"]["expected"])
            near = nearest(first["input"], known)
            expected = f"expected {', '.join(known)}" + (f" ({near})" if near.startswith("nearest") else "")
        raise ProfundoError(f"{as_option(name)}: {expected}, got {given}") from None


def as_option(name: str) -> str:
    """A setting as an option; the name itself of what is none."""
    if name not in SETTINGS:
        return name
    return (SETTINGS[name].option or "").split("/")[0] or f"--{name.replace('_', '-')}"


# Settings measured for data of which the result is stated (README); others follow the rules in `completed`.
KNOWN: dict[tuple[str, str], dict[str, Any]] = {
    ("mnist", "fast_cnn"): {"epochs": 3, "batch_size": 256},
    ("mnist", "lenet5_1998"): {
        "epochs": 16,
        "batch_size": 64,
        "optimizer": "nesterov",
        "learning_rate": 0.01,
        "weight_decay": 2e-4,
        "augment": ["distortion"],
    },
    ("cifar10", "fast_cnn"): {"epochs": 10, "batch_size": 256, "augment": ["mirror", "shift"]},
    ("cifar10", "resnet"): {"epochs": 10, "batch_size": 128, "augment": ["mirror", "shift"]},
}


def completed(
    experiment: Experiment, spec: Spec, samples: int, net: str, normalised: bool = False, validated: bool = False
) -> Experiment:
    """The experiment with every choice about training made; which device and precision, the machine decides.

    samples: of the training split; net: the name of the net that will be trained; normalised: whether it has batch
    normalisation; validated: whether there is a validation split. The batch is about 1/200 of the samples, of the ensembles
    for tables 1/4, between 32 and 256, where each pixel has a target from 4 on, but half of them where it would leave out up
    to half, for incomplete batches are not used; the epochs are as many as it takes to see a number of samples, between 3 and
    200, of an ensemble for classes 60; the rest is what MANNERS says for such data. Where the manner says so, training stops
    early.
    Raises ProfundoError for an augmentation that is unknown or meant for other data.
    """
    manner = MANNERS[manner_of(spec, normalised, net)]
    if experiment.pretrained is not None:
        manner = MANNERS["n-grams" if spec.inputs.texts else "frozen" if experiment.freeze else "pretrained"]
    size = min(256, max(manner.smallest, 2 ** _log2(samples / manner.batches)))
    chosen: dict[str, Any] = {
        "net": net,
        "batch_size": samples // 2 if size < samples < 2 * size else size,
        "epochs": min(manner.longest, max(3, -(-manner.samples_seen // max(1, samples)))),
        "optimizer": manner.optimizer,
        **({} if "loss" in experiment.own else {"objective": default_name(spec.targets)}),
        "schedule": "one-cycle",
        "augment": list(manner.augment),
        "capture": not net.startswith("own:") and not experiment.own and experiment.pretrained is None,
    }
    if experiment.pretrained is not None:
        from profundo.nets.published_weights import published  # and PyTorch

        chosen["net_options"] = published(experiment.pretrained).options
        chosen["augment"] = [] if experiment.freeze or spec.inputs.kind != "image" else ["mirror", "crop"]
    known = KNOWN.get((experiment.data, net), {})
    if experiment.optimizer not in (
        None,
        known.get("optimizer", manner.optimizer),
    ):  # rates are measured for one optimizer
        known = {name: value for name, value in known.items() if name not in ("learning_rate", "weight_decay")}
    chosen |= known
    chosen |= {name: value for name, value in experiment.settings().items() if value not in (None, {})}
    if chosen["batch_size"] == EVERY:
        chosen["batch_size"] = max(1, samples)
    chosen |= {name: None for name in ("optimizer", "schedule") if name in experiment.own}
    if validated and manner.patience:
        chosen.setdefault("early_stop", max(1, round(manner.patience * chosen["epochs"])))
    rate = default_rate(chosen["optimizer"], chosen["batch_size"], manner)
    if manner is MANNERS["pretrained"]:
        rate *= min(1.0, chosen["epochs"] * max(1, samples // chosen["batch_size"]) / STEPS_AT_FULL_RATE)
    chosen.setdefault("learning_rate", round(rate, 6))
    chosen.setdefault("weight_decay", default_decay(chosen["optimizer"], manner))
    check_augmentation(chosen["augment"], spec)
    chosen["freeze"] |= experiment.pretrained is not None and bool(spec.inputs.texts)  # an encoder is not trained here
    return new_experiment(**chosen)


@dataclass(frozen=True, slots=True)
class Manner:
    """How nets of one kind learn data of one kind well."""

    samples_seen: int
    optimizer: str
    weight_decay: float
    adam_rate: float
    descent_rate: float  # with momentum, for batches of `full` or more; smaller ones take a share (Goyal et al. 2017)
    full: int
    longest: int = 200  # epochs, however few the samples
    batches: int = 200  # of an epoch, where the samples are enough for it
    smallest: int = 32  # batch
    patience: float = 0.0  # share of the epochs without a better validation loss after which to stop; 0: never
    augment: tuple[Any, ...] = ()


# Measured on the small data sets, means over seeds 0–4 (benchmarks/scores.py). Planes of one or two features (moons,
# spiral) need long training and cannot be overfitted by noise in others; tables can, and want a strong decay.
MANNERS = {
    "normalised images": Manner(40_000, "nesterov", 5e-4, 0.003, 0.4, 256),
    "images": Manner(40_000, "adamw", 0.01, 0.003, 0.03, 32),
    # Measured on speakers left out of the spoken digits (benchmarks/sound.py).
    "sounds": Manner(
        36_000, "adamw", 0.05, 0.003, 0.1, 32, augment=("shift", "speed", "mask", {"noise": {"deviation": 0.2}})
    ),
    # Every pixel teaches: few images make a batch. Batches of 4 by validation on two sets of drawn shapes, seed 0; the rest as usual.
    "pixels": Manner(4_000, "adamw", 0.01, 0.003, 0.03, 32, longest=100, batches=100, smallest=4, patience=0.3),
    "plane": Manner(60_000, "adamw", 0.01, 0.01, 0.1, 32),
    "table": Manner(20_000, "adamw", 1.0, 0.003, 0.03, 32),
    # Measured by validation on 20 and 100 images a class of CIFAR-10 (docs/transfer.md).
    "pretrained": Manner(8_000, "adamw", 0.01, 0.001, 0.01, 32, longest=10),
    "frozen": Manner(20_000, "adamw", 0.01, 0.001, 0.1, 32, longest=50),
    # Measured on the tables of TUNE in benchmarks/tables_against_trees.py. Probabilities become too certain in long training.
    # Of n-grams by validation on both sets of benchmarks/text.py; of words as is usual for such nets.
    "n-grams": Manner(60_000, "nesterov", 5e-4, 0.002, 0.03, 32, longest=60, patience=0.3),
    "words": Manner(60_000, "adamw", 0.01, 0.002, 0.03, 32, longest=20, patience=0.3),
    "ensemble, numbers": Manner(300_000, "adamw", 0.1, 0.03, 0.03, 32, batches=4, patience=0.3),
    # Rates of forecasts by validation on the series of benchmarks/series.py, one seed; the others as is usual. "rocket" begins at a
    # solution, and may go a little.
    "rocket": Manner(1_000, "adamw", 0.01, 0.0001, 0.001, 32, longest=10),
    "series": Manner(40_000, "adamw", 0.01, 0.003, 0.03, 32, longest=100, patience=0.3),
    "forecast": Manner(100_000, "adamw", 0.1, 0.003, 0.03, 32, longest=100, patience=0.3),
    "ensemble, classes": Manner(300_000, "adamw", 0.1, 0.02, 0.03, 32, longest=60, batches=4, patience=0.3),
}


def manner_of(spec: Spec, normalised: bool, net: str) -> str:
    if spec.targets.traits.per == "pixel":
        return "pixels"
    if spec.inputs.texts:
        return "n-grams" if net in ("text_mean", "own:TextMean") else "words"
    if is_ensemble(net):
        return "ensemble, numbers" if spec.targets.kind == "real" else "ensemble, classes"
    if spec.inputs.kind == "series":
        return "forecast" if spec.inputs.forecast is not None else "rocket" if net == "rocket" else "series"
    if spec.inputs.kind == "image" and normalised:
        return "normalised images"
    manner = MANNER_OF[spec.inputs.kind]
    return "plane" if manner == "table" and prod(spec.inputs.shape) <= 2 else manner


MANNER_OF: Mapping[InputKind, str] = {
    "image": "images",
    "sound": "sounds",
    "series": "series",
    "features": "table",
    "array": "table",
    "any": "images",
}


def is_ensemble(net: str) -> bool:
    """Whether the net of that name is the ensemble for tables, built by name or in Python."""
    return net in ("table_net", "own:TableNet")


def default_rate(optimizer: str, batch_size: int, manner: Manner) -> float:
    """The learning rate at the top of the cycle."""
    if optimizer in TIMES_ADAM:
        return round(TIMES_ADAM[optimizer] * manner.adam_rate, 6)
    rate = manner.descent_rate * min(1.0, batch_size / manner.full)
    return round(5 * rate if optimizer == "sgd" else rate, 6)  # momentum 0.9 carries a gradient ten steps far


# Rates beside Adam's, measured by the validation loss on digits and breast-cancer, two seeds (docs/optimisation.md).
TIMES_ADAM = {"adam": 1.0, "adamw": 1.0, "rmsprop": 1.0, "adagrad": 30.0, "adadelta": 1000.0}


def default_decay(optimizer: str, manner: Manner) -> float:
    """AdamW's shrinks weights by rate · λ a step and is large; the others' is a penalty in the cost, and small."""
    if optimizer == manner.optimizer:
        return manner.weight_decay
    return 0.01 if optimizer == "adamw" else 5e-4


def check_augmentation(asked: list[Any], spec: Spec) -> None:
    for entry in asked:
        check(read(entry), spec)


def _log2(value: float) -> int:
    return max(0, int(value).bit_length() - 1)


# ---------------------------------------------------------------------------------------------------------- YAML
class PlainLoader(yaml.SafeLoader):
    """YAML without the parts that can hurt: no tags beyond plain values, no aliases (bombs), at most 20 levels."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not read here")
        self.depth += 1
        if self.depth > 20:
            raise yaml.YAMLError("nested more than 20 levels deep")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def read_experiment(path: Path) -> dict[str, Any]:
    """The settings in a YAML file. Raises ProfundoError when it does not hold plain `name: value` lines."""
    try:
        if not path.is_file():
            raise ProfundoError(f"{path}: expected an experiment file, found {what_is_at(path)}; {PUT_BACK}")
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
        if len(content) > LARGEST_FILE:
            raise ProfundoError(f"{path}: expected an experiment of a few lines, the file is larger than 64 KB")
        settings = yaml.load(content, Loader=PlainLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValueError, RecursionError) as error:
        raise ProfundoError(f"{path}: expected YAML lines `name: value`: {in_words(error)}; {PUT_BACK}") from None
    if not isinstance(settings, dict) or not all(isinstance(name, str) for name in settings):
        raise ProfundoError(f"{path}: expected YAML lines `name: value`, found {kind_of(settings)}; {PUT_BACK}")
    return settings


def read_value(text: str) -> Any:
    """What YAML makes of one value: 3, 0.1, true, [1, 2], text. Raises ProfundoError for what it cannot read."""
    try:
        return yaml.load(text, Loader=PlainLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ProfundoError(f"{text!r}: expected a plain value: {in_words(error)}") from None


def read_pair(text: str, option: str = "--set", such_as: str = "epochs=3") -> tuple[str, Any]:
    """(name, value) of "name=value"; the value as YAML reads it."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise ProfundoError(f"{option} {text}: expected NAME=VALUE, such as {option} {such_as}")
    return name.strip(), read_value(value)


def write_experiment(path: Path, experiment: Experiment) -> None:
    settings = {name: value for name, value in experiment.settings().items() if value is not None}
    write_text(path, yaml.safe_dump(settings, sort_keys=False, allow_unicode=True))
