"""What is chosen where a setting is left open: how nets of a kind learn data of a kind well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from profundo.data.augmenting.options import check, read
from profundo.kinds import InputKind
from profundo.objectives.objective_names import default_name
from profundo.records import Spec
from profundo.runs.experiment import Experiment, new_experiment
from profundo.runs.settings.setting_values import EVERY

__all__ = [
    "KNOWN",
    "MANNERS",
    "MANNER_OF",
    "Manner",
    "check_augmentation",
    "completed",
    "default_rate",
    "is_ensemble",
    "manner_of",
    "options_by_size",
]

FEWEST_STEPS = 50
"""Of fine-tuning, however few the samples: in ten epochs of 20 photographs a new output layer would hardly begin to learn."""


MANY_ROWS = 3_000
"""From which numbers are learned by fewer members and for longer: on the six tables of TUNE in benchmarks/tables_against_trees.py
with so many, RMSE was 7 % smaller in the mean (seeds 0 and 1, of two tables 0). Of fewer rows, noisy targets were learned by heart.
"""


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
    200, of an ensemble for classes 60, and samples three times as many of MANY_ROWS with numbers; the rest is what MANNERS says
    for such data. Where the manner says so, training stops early.
    Raises ProfundoError for an augmentation that is unknown or meant for other data.
    """
    manner = MANNERS[manner_of(spec, normalised, net, samples)]
    detects = spec.targets.traits.per == "object"
    if experiment.pretrained is not None and not detects:
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
        "capture": not net.startswith("own:")
        and not experiment.own
        and experiment.pretrained is None
        and spec.targets.traits.per != "object",
    }
    if experiment.pretrained is not None:
        from profundo.nets.published_weights import published  # and PyTorch

        chosen["net_options"] = published(experiment.pretrained).options
        chosen["augment"] = [] if experiment.freeze or spec.inputs.kind != "image" or detects else ["crop"]
        if manner is MANNERS["pretrained"]:
            chosen["epochs"] = max(chosen["epochs"], -(-FEWEST_STEPS // max(1, samples // chosen["batch_size"])))
    known = KNOWN.get((experiment.data, net), {})
    if experiment.optimizer not in (
        None,
        known.get("optimizer", manner.optimizer),
    ):  # rates are measured for one optimizer
        known = {name: value for name, value in known.items() if name not in ("learning_rate", "weight_decay")}
    chosen |= known
    chosen |= {name: value for name, value in experiment.settings().items() if value not in (None, {})}
    if options := options_by_size(experiment.net_options, spec, samples, net):
        chosen["net_options"] = options
    if experiment.pretrained is not None and detects:
        chosen["net_options"] |= {"backbone": experiment.pretrained}
    if chosen["batch_size"] == EVERY:
        chosen["batch_size"] = max(1, samples)
    chosen |= {name: None for name in ("optimizer", "schedule") if name in experiment.own}
    if validated and manner.patience:
        chosen.setdefault("early_stop", max(1, round(manner.patience * chosen["epochs"])))
        asked = experiment.epochs is not None or experiment.early_stop is not None
        if manner.longer and not asked and not experiment.heal:  # which begins anew by itself
            chosen.setdefault("longer", manner.longer)
    chosen.setdefault("learning_rate", default_rate(chosen["optimizer"], chosen["batch_size"], manner))
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
    longer: int = (
        0  # times as long a second training takes where early stopping did not end the first (train/longer.py)
    )


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
    "objects": Manner(20_000, "adamw", 0.05, 0.002, 0.02, 32, longest=100, batches=100, smallest=8),
    "plane": Manner(60_000, "adamw", 0.01, 0.01, 0.1, 32),
    "table": Manner(20_000, "adamw", 1.0, 0.003, 0.03, 32),
    # Measured by validation on photographs and signs (docs/transfer.md); batches and rate of "pretrained" on 47 of
    # each of three, seeds 0 and 1: twice the rate is worse, and at 160 pixels goes astray for good.
    "pretrained": Manner(8_000, "adamw", 0.01, 0.0005, 0.01, 32, longest=10, smallest=16),
    "frozen": Manner(20_000, "adamw", 0.01, 0.001, 0.1, 32, longest=50),
    # Measured on the tables of TUNE in benchmarks/tables_against_trees.py. Probabilities become too certain in long training.
    # Of n-grams by validation on both sets of benchmarks/text.py; of words as is usual for such nets.
    "n-grams": Manner(60_000, "nesterov", 5e-4, 0.002, 0.03, 32, longest=60, patience=0.3),
    "words": Manner(60_000, "adamw", 0.01, 0.002, 0.03, 32, longest=20, patience=0.3),
    "ensemble, numbers": Manner(300_000, "adamw", 0.1, 0.03, 0.03, 32, batches=4, patience=0.3, longer=4),
    "ensemble, many numbers": Manner(900_000, "adamw", 0.1, 0.03, 0.03, 32, batches=4, patience=0.3),
    # Rates of forecasts by validation on the series of benchmarks/series.py, one seed; the others as is usual. "rocket" begins at a
    # solution, and may go a little.
    "rocket": Manner(1_000, "adamw", 0.01, 0.0001, 0.001, 32, longest=10),
    "series": Manner(40_000, "adamw", 0.01, 0.003, 0.03, 32, longest=100, patience=0.3),
    "forecast": Manner(100_000, "adamw", 0.1, 0.003, 0.03, 32, longest=100, patience=0.3),
    "ensemble, classes": Manner(300_000, "adamw", 0.1, 0.02, 0.03, 32, longest=60, batches=4, patience=0.3),
}


def manner_of(spec: Spec, normalised: bool, net: str, samples: int = 0) -> str:
    if spec.targets.traits.per != "sample":
        return {"pixel": "pixels", "object": "objects"}[spec.targets.traits.per]
    if spec.inputs.texts:
        return "n-grams" if net in ("text_mean", "own:TextMean") else "words"
    if is_ensemble(net):
        many = "many " if samples >= MANY_ROWS else ""
        return f"ensemble, {many}numbers" if spec.targets.kind == "real" else "ensemble, classes"
    if spec.inputs.kind == "series":
        return "forecast" if spec.inputs.forecast is not None else "rocket" if net == "rocket" else "series"
    kind = (
        "image" if spec.inputs.kind == "array" and len(spec.inputs.shape) == 3 else spec.inputs.kind
    )  # pictures in fractions
    if kind == "image" and normalised:
        return "normalised images"
    manner = MANNER_OF[kind]
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


def options_by_size(asked: Mapping[str, Any], spec: Spec, samples: int, net: str) -> dict[str, Any]:
    """The options of a net that were asked for, and those that follow from how many training samples there are.

    Each row of a batch teaches one member of the ensemble for tables. Few rows need many members, whose mean is steadier; of many
    rows, numbers are learned better by half as many, that see twice as much each.
    """
    fewer = net == "table_net" and spec.targets.kind == "real" and samples >= MANY_ROWS
    return {**({"members": 4} if fewer else {}), **asked}


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
