"""What recipes that train classifiers share: the update, the figures on the test split, pictures of them, predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter
from torch import Tensor, nn

from profundo import objectives
from profundo.data.augmenting.augment import augmentation, value_range
from profundo.data.batches import InMemory, Streamed, batches, in_order
from profundo.data.new_inputs import read_image
from profundo.evaluate import Answers, answers, scores
from profundo.pictures.charts import Line, heat_svg, lines_svg
from profundo.pictures.exhibits import Chart, Exhibit, Images
from profundo.recipes.context import Context
from profundo.recipes.recipe import Model
from profundo.records import Dataset, Samples, Scores, Spec
from profundo.runs.prediction_record import describe
from profundo.runs.saved_model import predict
from profundo.train import History, Supervised, Update
from profundo.train.capture import Captured
from profundo.train.hardware import repeatable
from profundo.train.optimizers import optimizer
from profundo.train.updates import autocast

__all__ = [
    "classified",
    "confusion_chart",
    "error_chart",
    "known_spec",
    "learner",
    "mistakes",
    "spec_of",
    "tell",
    "training_batches",
    "validation",
]


def learner(
    context: Context,
    net: nn.Module,
    spec: Spec,
    optimizer_name: str,
    learning_rate: float,
    weight_decay: float = 0.0,
    *,
    rates: Mapping[str, float] | None = None,
    label_smoothing: float = 0.0,
) -> Update:
    """Lower the cost that suits the targets; on a CPU by the recorded step, as `profundo train` does."""
    net.to(context.device)
    update = Supervised(
        net,
        objectives.default(spec.targets, label_smoothing),
        optimizer(optimizer_name, net, learning_rate, weight_decay, rates),
        precision=context.precision(net),
    )
    return Captured(update) if context.device.type == "cpu" else update


def training_batches(
    context: Context, samples: Samples, spec: Spec, batch_size: int, augment: Sequence[str] = ()
) -> InMemory | Streamed:
    """Batches in an order of the run's seed; augment: names of augmentations, see `profundo.data.AUGMENTATIONS`."""
    changes = augmentation(augment, spec, value_range(samples)) if augment else None
    return batches(samples, spec, batch_size, seed=context.seed, device=context.device, augment=changes)


def validation(context: Context, net: nn.Module, data: Dataset) -> Mapping[str, float]:
    """Cost and accuracy on the validation split, in the precision of training."""
    with autocast(context.precision(net), context.device):
        said = answers(
            net,
            in_order(data.validation, data.spec, device=context.device),
            objectives.default(data.spec.targets),
            data.spec.targets,
        )
    figures = scores(said, data.spec.targets, data.train.targets).values
    return {"validation loss": figures["log loss"], "validation accuracy": figures["accuracy"]}


def classified(context: Context, net: nn.Module, split: Samples, spec: Spec, train: Samples) -> tuple[Answers, Scores]:
    """What the net says of each sample of a split, in float32, and how well, beside a constant that knows `train`."""
    ordered = in_order(split, spec, device=context.device)
    with repeatable(context.device, "float32"):
        said = answers(net, ordered, objectives.default(spec.targets), spec.targets)
    return said, scores(said, spec.targets, train.targets)


# ------------------------------------------------------------------------------------------------------- pictures
def confusion_chart(found: Scores, classes: Sequence[str]) -> Chart:
    rows = [[float(count) for count in row] for row in found.confusion]
    svg = heat_svg(
        rows, row_labels=list(classes), column_labels=list(classes), x_label="answered", y_label="true class"
    )
    caption = f"How often each class of the {found.samples:,} test samples was taken for which."
    return Chart("Confusion", caption, svg)


def error_chart(histories: Mapping[str, History], title: str, caption: str) -> Chart:
    """Validation errors by epoch, a line for each training by name."""
    lines = [
        Line(name, [row["epoch"] for row in history.rows], [1 - value for value in history["validation accuracy"]])
        for name, history in histories.items()
    ]
    return Chart(title, caption, lines_svg(lines, x_label="epoch", y_label="validation error", percent=True))


def mistakes(data: Dataset, said: Answers, found: Scores, most: int = 24) -> list[Exhibit]:
    """The test images that cost most, if any were mistaken."""
    worst = list(found.worst)[:most]
    if not worst or not isinstance(data.test.inputs, Tensor):
        return []
    classes = data.spec.targets.classes
    labels = [f"{classes[int(said.targets[i])]}, answered {classes[int(said.chosen[i])]}" for i in worst]
    caption = f"The {len(worst)} test images whose true class had the smallest chance, with that class and the answer."
    return [Images("Worst mistakes", caption, data.test.inputs[worst], columns=8, labels=labels)]


# ---------------------------------------------------------------------------------------------------- saved models
def known_spec(spec: Spec) -> dict[str, Any]:
    """A spec as plain values, to be saved with a model."""
    return asdict(spec)


def spec_of(known: Mapping[str, Any]) -> Spec:
    """The spec in a model's known values. Raises pydantic's ValidationError for anything else."""
    spec: Spec = TypeAdapter(Spec).validate_python(known["spec"])
    return spec


def tell(model: Model, files: Sequence[Path], net: str = "net") -> list[dict[str, Any]]:
    """For each image file the most probable class, its probability, and those of all."""
    spec = spec_of(model.known)
    images = torch.stack([read_image(path, spec.inputs) for path in files])
    said = predict(model.networks[net], spec, images)
    return [describe(str(path), row, spec) for path, row in zip(files, said, strict=True)]
