"""What is asked of a run: one flat record, read from the command line, from Python or from experiment.yaml.

Each field of Experiment is a setting, and says all there is to know of it: its values, whether they change results, what it
is part of, its help, and how the command line reads it. Lists of settings elsewhere are derived from SETTINGS.

A setting left at None is chosen by `completed` (settings/manners.py), from the data and the net; what is written into the run's
folder has every choice made, so that `train --config runs/x/experiment.yaml` repeats the run.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from profundo.data.dataset_names import Header, TargetTransform, Task, nearest
from profundo.data.dataset_names import names as dataset_names
from profundo.files import expectation, write_text
from profundo.form_faults import expected_of
from profundo.languages import Said, words
from profundo.nets.net_names import DETECTORS
from profundo.records import ProfundoError
from profundo.runs.given.foreign import FOREIGN, understood
from profundo.runs.settings.setting_values import (
    AtLeastZero,
    BatchSize,
    Changes,
    ClassWeights,
    Count,
    Epochs,
    PartOfAll,
    Positive,
    Pretrained,
    Share,
    SoundRate,
    SplitBy,
    ThresholdRule,
    Whole,
    read_changes,
    read_columns,
    read_net_options,
    read_weights,
    words_for_nothing,
)

__all__ = [
    "SETTINGS",
    "WITHOUT_EFFECT",
    "Experiment",
    "Setting",
    "as_option",
    "belonging_to",
    "new_experiment",
    "write_experiment",
]

PRETRAINED_SIDE = 160  # pixels of the images that a pretrained net sees, unless told
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
            "A name of `profundo datasets`; a folder or zip of images per class, with masks, or with files that say where objects "
            "are (COCO, VOC, YOLO, tables of boxes); a CSV, TSV, Parquet or .npz file; tar shards; also at an address such as s3://…",
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
    reinitialize: Annotated[
        bool,
        Setting(
            "net",
            "Draw the weights of a net of one's own anew, each layer's values of deviation 1 (Mishkin & Matas 2016).",
            in_python=True,
        ),
    ] = False
    epochs: Annotated[Epochs | None, Setting("course", "Passes over the training samples.")] = None
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
        Literal["categorical", "dice", "bernoulli", "hinge", "gaussian", "laplace", "huber", "detection"] | None,
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
        Setting(
            "course", "Stop after so many epochs without a better validation loss, or AP of objects; keep the best."
        ),
    ] = None
    longer: Annotated[
        Count | None,
        Setting(
            "course", "Train what early stopping did not end once more, so many times as long; keep the best. 0: never."
        ),
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
            "a miss and of a false alarm, the largest F1 or balanced accuracy, "
            "or the recall to be reached; or the probability itself.",
            form="cost:10,1|f1|balanced|recall=0.9|0.3",
        ),
    ] = None
    seed: Annotated[int, Field(ge=0, lt=2**63), Setting("run", "Of split, weights, order and augmentation.")] = 0
    split_seed: Annotated[
        Annotated[int, Field(ge=0, lt=2**63)] | None, Setting("data", "Of the split, where it is not to follow --seed.")
    ] = None
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
    doctor: Annotated[
        bool,
        Setting(
            "run",
            "Watch the training, and say why where it does not learn.",
            changes_results=False,
            option="--doctor/--no-doctor",
        ),
    ] = False
    heal: Annotated[bool, Setting("run", "Go on with other settings where these are proved to be the cure.")] = False
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
    lang: Annotated[
        Literal["en", "es", "ca", "pt"] | None,
        Setting("run", "The language of the run's report; English otherwise.", changes_results=False),
    ] = None
    keep_epochs: Annotated[
        bool,
        Setting("run", "Keep the weights after each epoch, to look at the way.", changes_results=False),
    ] = False

    def settings(self) -> dict[str, Any]:
        return self.model_dump(mode="json")

    @property
    def splitting_seed(self) -> int:
        return self.seed if self.split_seed is None else self.split_seed

    def reading(self) -> dict[str, Any]:
        """How the data are read, before they are divided into splits: what `collect` takes."""
        names = (name for name in belonging_to("data") if name not in ("data", "validation", "split_seed"))
        result = {name: value for name in names if (value := getattr(self, name)) is not None}
        of_images = self.pretrained not in (None, "minilm") and self.net not in DETECTORS
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
            annotation = str(Experiment.model_fields[name].annotation)
            words = (("int", "a whole number"), ("float", "a number"), ("str", "a name"))
            wanted = next((word for kind, word in words if kind in annotation), "another value")
            raise ProfundoError(f"{as_option(name)}: expected {wanted}, got {value}")
    try:
        return Experiment(**settings)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "experiment"
        if first["type"] == "extra_forbidden":
            hint = FOREIGN.get(name.lower()) or nearest(name, [one for one in SETTINGS if not SETTINGS[one].in_python])
            raise ProfundoError(Said("refusals.unknown_setting", name=repr(name), hint=hint)) from None
        given = " ".join(repr(first["input"]).split())
        given = given if len(given) <= 100 else f"{given[:100]}…"
        if first["type"] == "missing":
            raise ProfundoError(f"setting {name!r} is missing; add it") from None
        if first["loc"][:1] == ("net_options",) and len(first["loc"]) > 1:
            kinds = "a number, text, true, false or a list of whole numbers"
            raise ProfundoError(
                f"net option {first['loc'][1]}: expected {kinds}, got {first['input']!r}",
                told=Said("refusals.net_option_value", name=first["loc"][1], got=repr(first["input"])),
            ) from None
        expected, told = expectation(first["msg"]).replace("'", ""), expected_of(first)
        if first["type"] == "literal_error" and isinstance(first["input"], str):
            known = re.findall(r"'([^']*)'", first["ctx"]["expected"])
            near = nearest(first["input"], known)
            expected = f"expected {', '.join(known)}" + (f" ({near})" if near.startswith("nearest") else "")
        said = told and Said("refusals.expected_got", name=label_of(name), expected=told, got=given)
        raise ProfundoError(f"{as_option(name)}: {expected}, got {given}", told=said) from None


def label_of(name: str) -> str:
    """What a page calls a setting."""
    return Said(f"labels.{name}") if name in words("labels", "en") else name.replace("_", " ")


def as_option(name: str) -> str:
    """A setting as an option; the name itself of what is none."""
    if name not in SETTINGS:
        return name
    return (SETTINGS[name].option or "").split("/")[0] or f"--{name.replace('_', '-')}"


def write_experiment(path: Path, experiment: Experiment) -> None:
    settings = {name: value for name, value in experiment.settings().items() if value is not None}
    write_text(path, yaml.safe_dump(settings, sort_keys=False, allow_unicode=True))
