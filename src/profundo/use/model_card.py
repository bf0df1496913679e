"""A model card: what a network is for, how well it does and what it was not tried on, from the run's folder alone.

The headings are those of Mitchell et al. 2019, "Model cards for model reporting". What a program cannot know (who may use
it, for what, and what could go wrong) is left to be filled in, and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import torch
from pydantic import BaseModel, TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open

from profundo.data.series.steps import step_in_words
from profundo.files import in_words, read_object
from profundo.kinds import InputKind, TargetKind
from profundo.nets.published_weights import published
from profundo.pictures.verdict import is_better
from profundo.records import CalibrationBin, ClassScores, Column, Inputs, ProfundoError, Spec, Targets
from profundo.runs.folder import Folder
from profundo.runs.manifest import MAY_MOVE, check_files
from profundo.runs.saved_model import build_net
from profundo.runs.settings.plain_yaml import read_experiment
from profundo.runs.voice import figure

__all__ = ["CARD", "card", "some_of"]

CARD = "model-card.json"
FEW = 30  # test samples of a class, fewer of which say little
PRIVATE = ("data", "data_dir")  # may be paths of the machine that trained, or an address with a key in it
NOT_LEARNED = ("running_mean", "running_var", "num_batches_tracked")


class Kept(BaseModel):
    """scores.json of a training, as far as a card tells of it."""

    test: dict[str, float]
    baseline: dict[str, float] = {}
    linear: dict[str, float] = {}
    linear_name: str = ""
    samples: int
    epochs: int
    best_epoch: int | None = None
    seconds: dict[str, float] = {}
    intervals: dict[str, tuple[float, float]] = {}
    per_class: list[ClassScores] = []
    calibration: list[CalibrationBin] = []
    notes: list[str] = []


def card(folder: Folder) -> dict[str, Any]:
    """The card as plain data. Raises ProfundoError when a file of the run is missing or damaged."""
    described, asked = read_object(folder.model), read_experiment(folder.experiment)
    on = read_object(folder.environment) if folder.environment.is_file() else {}
    try:
        kept = Kept.model_validate(read_object(folder.scores))
        spec = TypeAdapter(Spec).validate_python(described["spec"])
        facts = dict(on.pop("data", {}))
        counts = [int(count) for count in facts.get("samples", ())]
        made = {
            "format": 1,
            "name": folder.path.resolve().name,
            "task": task(spec),
            "kind": spec.targets.kind,
            "answer": answer(spec, str(described.get("objective", ""))),
            "net": str(described["net"]),
            "net_options": {**described["net_options"]},
            "parameters": parameters(folder, described, spec),
            "inputs": {
                "kind": spec.inputs.kind,
                "shape": list(spec.inputs.shape),
                "columns": columns(spec),
                "features": list(spec.inputs.names),
            },
            "classes": list(spec.targets.classes),
            "threshold": spec.targets.threshold if spec.targets.threshold != 0.5 else None,
            "targets": list(spec.targets.names),
            "preprocessing": preprocessing(spec),
            "data": {
                "name": source(asked),
                "samples": dict(zip(("train", "validation", "test"), counts, strict=False)),
                "sha256": facts.get("sha256"),
                "notes": kept.notes,
            },
            "training": {
                name: value for name, value in asked.items() if name not in PRIVATE and value not in (None, [], {})
            },
            "epochs": kept.epochs,
            "best_epoch": kept.best_epoch,
            "seconds": kept.seconds.get("training"),
            "scores": {"test": kept.test, "baseline": kept.baseline, "linear": kept.linear},
            "linear_name": kept.linear_name or "linear model",
            "intervals": {name: list(edges) for name, edges in kept.intervals.items()},
            "test_samples": kept.samples,
            "per_class": [asdict(one) for one in kept.per_class],
            "calibration": [asdict(one) for one in kept.calibration],
            "environment": {name: str(value) for name, value in on.items()},
            "license": None,
            "weights_sha256": str(described["sha256"]),
            "date": datetime.fromtimestamp(folder.scores.stat().st_mtime, UTC).date().isoformat(),
        }
    except (ValidationError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise ProfundoError(f"{folder.path}: expected the files of a finished run: {in_words(error)}") from None
    check_files(folder, (folder.experiment.name, folder.environment.name, folder.scores.name), ignored=MAY_MOVE)
    return {**made, "limits": limits(made, spec)}


def source(asked: Mapping[str, Any]) -> str:
    """The name of the data; of a path or an address the last part alone, for a card goes to other people."""
    whole = str(asked.get("data", ""))
    path = whole.split("?")[0] if "://" in whole else whole
    path = f"{path[4:]}, given in Python" if path.startswith("own:") else path
    return path.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]


def parameters(folder: Folder, described: Mapping[str, Any], spec: Spec) -> int:
    """How many numbers training chose: by the net where it can be built, else by the file of weights."""
    try:
        with torch.device("meta"):
            net = build_net(str(described["net"]), spec, dict(described["net_options"]), seed=0)
        return sum(parameter.numel() for parameter in net.parameters())
    except (ProfundoError, RuntimeError):
        pass
    try:
        with safe_open(folder.weights, "pt") as file:
            kept = [name for name in file.keys() if not name.endswith(NOT_LEARNED)]  # noqa: SIM118 - no mapping
            return sum(int(torch.Size(file.get_slice(name).get_shape()).numel()) for name in kept)
    except (OSError, SafetensorError) as error:
        raise ProfundoError(f"{folder.weights}: expected the weights of a run: {in_words(error)}") from None


def task(spec: Spec) -> str:
    given = "rows of a table" if spec.inputs.kind == "features" else spec.inputs.things
    kind, many = spec.targets.kind, len(spec.targets.classes)
    if (forecast := spec.inputs.forecast) is not None:
        ahead = f"{forecast.horizon} steps of {step_in_words(forecast)} ahead"
        return f"forecast: {forecast.target}, {ahead}, from the last {spec.inputs.shape[1]}"
    words: Mapping[TargetKind, str] = {
        "real": f"regression: {', '.join(spec.targets.names) or 'a number'} from {given}",
        "labels": f"which of {many} labels apply to {given}",
        "mask": f"segmentation of {given}: which of {many} classes each pixel is",
        "map": f"regression: a number for each pixel of {given}",
        "objects": f"detection: where in {given} there are objects, and of which of {many} classes",
    }
    return words.get(kind, f"classification of {given} into {many} classes")


def answer(spec: Spec, objective: str) -> str:
    if objective == "hinge":
        return f"a margin: {spec.targets.classes[1]} at 0 or more, {spec.targets.classes[0]} below; no probability"
    words: Mapping[TargetKind, str] = {
        "real": "the expected value, in the target's own units",
        "labels": "a probability for each label",
        "mask": "a probability for each class at each pixel, (classes, height, width)",
        "map": "the expected value at each pixel, (height, width), in the target's own units",
        "objects": f"a box, a class and a score for each object; those of {spec.targets.threshold:.2g} or more are told",
    }
    if spec.targets.kind in words:
        return words[spec.targets.kind]
    each = "a probability for each class, in their order"
    if spec.targets.threshold == 0.5:
        return each
    return f"{each}; {spec.targets.classes[1]} is the answer from {100 * spec.targets.threshold:.3g} % on"


def columns(spec: Spec) -> list[dict[str, Any]]:
    """Of a table, how each column becomes features."""
    if not spec.inputs.columns:
        return [{"name": name, "kind": "number"} for name in spec.inputs.names]
    return [
        {
            "name": column.name,
            "kind": column.kind,
            **_learned(column),
            "had holes": column.has_gaps,
        }
        for column in spec.inputs.columns
    ]


def _learned(column: Column) -> dict[str, Any]:
    if column.kind == "category":
        return {"categories": list(column.levels)}
    if column.kind == "text":
        words, characters = column.lengths
        return {"known words": len(column.levels), "words read": words, "characters read": characters}
    return {"missing is taken for": _day(column.fill) if column.kind == "date" else column.fill}


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def preprocessing(spec: Spec) -> str:
    inputs = spec.inputs
    if inputs.parts:
        each = (preprocessing(replace(spec, inputs=part, targets=Targets("any"))) for part in inputs.parts)
        names = inputs.names or [f"input {place + 1}" for place in range(len(inputs.parts))]
        return "; ".join(f"{name}: {words}" for name, words in zip(names, each, strict=True)) + bent_targets(
            spec.targets
        )
    first, scale = MADE.get(inputs.kind, of_arrays)(inputs)
    if not inputs.mean:
        return f"{first}; used as they are"
    numbers = ""
    if len(inputs.mean) <= 4:
        numbers = f" (means {_numbers(inputs.mean)}; deviations {_numbers(inputs.std)})"
    far = sum(inputs.clipped)
    of_far = f"; of {far:,} with values far out, the median and the interquartile range / 1.349, then z / √(1 + (z/3)²)"
    return (
        f"{first}; from {scale} its mean in training is taken away, and the rest divided by its deviation{numbers}"
        + (of_far if far else "")
        + bent_targets(spec.targets)
    )


def of_images(inputs: Inputs) -> tuple[str, str]:
    """How images are made alike, and what has a mean of its own."""
    channels, height, width = inputs.shape
    made = f"scaled to cover {width}×{height} pixels and cut about the centre"
    if inputs.longest is not None:
        made = f"of any size, in training continued by their edges to {width}×{height} pixels"
        made += f"; larger ones scaled down, their longer side to {inputs.longest}" if inputs.longest else ""
    first = f"{'grey' if channels == 1 else 'RGB'} images, {made}"
    if inputs.window:
        first += f"; of 16 bits a channel, {inputs.window[0]:,} is black and {inputs.window[1]:,} white"
    return first, "each channel" if channels > 1 else "every pixel"


def of_sounds(inputs: Inputs) -> tuple[str, str]:
    seconds = f"{inputs.shape[1] / inputs.sound.rate:.3g} s"
    return (
        f"sounds, channels averaged, at {inputs.sound.rate:,} Hz; {seconds} of each, the loudest stretch of a longer one, a "
        "shorter one in the middle of silence; as 16-bit numbers"
    ), "every sample"


def of_rows(inputs: Inputs) -> tuple[str, str]:
    return "columns become features as listed" if inputs.columns else f"{inputs.shape[0]} numbers", "each feature"


def of_arrays(inputs: Inputs) -> tuple[str, str]:
    return f"{inputs.things} of {' × '.join(map(str, inputs.shape))} numbers", "each channel"


MADE: Mapping[InputKind, Callable[[Inputs], tuple[str, str]]] = {
    "image": of_images,
    "sound": of_sounds,
    "features": of_rows,
}


def bent_targets(targets: Targets) -> str:
    """How what is predicted was learned, where that was not as it is."""
    words = {"log": "logarithm", "rank": "rank"}
    how = zip(targets.names, targets.transforms, strict=False)
    names = [f"{name} by {words[one.kind]}" for name, one in how if one.kind != "none"]
    return f"; learned: {', '.join(names)}, brought back in every answer" if names else ""


# ---------------------------------------------------------------------------------------------------------------- limits
def limits(made: Mapping[str, Any], spec: Spec) -> list[str]:
    """What the figures do not say, as far as a program can tell."""
    many, apparatus = made["test_samples"], "microphones" if spec.inputs.kind == "sound" else "cameras"
    predictions = [
        f"It was tested on {many:,} samples of the same source as those it learned from, and on nothing else: other {apparatus}, "
        "places, times or groups of people may give other results.",
        *_uncertainty(made["scores"]["test"], made["intervals"]),
        *_against(made["scores"], made["linear_name"]),
        *_by_class(made["per_class"], many),
    ]
    if begun := made["training"].get("pretrained"):
        predictions.append(
            f"It began with the published weights of {begun}, learned from {published(begun).learned_from}: what those lack, and "
            "the licence of the weights, come with it."
        )
    if spec.targets.traits.one_class:
        predictions.append("An input that belongs to none of the classes is given one all the same.")
    if spec.targets.kind == "objects":
        predictions.append(
            "What is of none of the classes may be taken for one of them, and what is hidden or small missed."
        )
    if spec.targets.kind == "mask":
        predictions.append("A pixel that is of none of the classes is given one all the same.")
    if spec.targets.traits.numeric:
        predictions.append("It gives one number and does not say how sure it is of it.")
    predictions.append(
        f"The figures are those of one training, with seed {made['training'].get('seed', 0)}; another one differs somewhat."
    )
    predictions.append(
        "Not examined: differences between groups of people, inputs that are damaged or made to deceive, what the weights "
        "reveal of the training samples."
    )
    return predictions


def _uncertainty(test: Mapping[str, float], intervals: Mapping[str, Sequence[float]]) -> list[str]:
    """How sure the figure that leads is."""
    name = next(iter(test), "")
    if name not in intervals:
        return []
    low, high = (figure(name, edge) for edge in intervals[name])
    return [f"With so many test samples, the true {name} lies between {low} and {high} (95 % interval)."]


def _against(scores: Mapping[str, Mapping[str, float]], linear_name: str) -> list[str]:
    """Where it is no better than something simpler, in the first figure."""
    test = scores["test"]
    if not test:
        return []
    name = next(iter(test))
    predictions = []
    for other, called in ((scores["baseline"], "a constant answer"), (scores["linear"], linear_name)):
        if name in other and not is_better(name, test[name], other[name]):
            predictions.append(
                f"It is no better than {called}: {name} {figure(name, test[name])}, against {figure(name, other[name])}."
            )
    return predictions


def _by_class(per_class: Sequence[Mapping[str, Any]], many: int) -> list[str]:
    predictions = []
    few = [str(one["name"]) for one in per_class if one["samples"] < FEW]
    if few and many:
        predictions.append(f"Fewer than {FEW} test samples each, so that their figures say little: {some_of(few)}.")
    missed = [str(one["name"]) for one in per_class if one["samples"] and one["recall"] < 0.5]
    if missed:
        predictions.append(f"More than half of these are missed: {some_of(missed)}.")
    return predictions


def some_of(names: Sequence[str], most: int = 20) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.4g}" for value in values)
