"""What recipes that train classifiers share: the update, the figures on the test split, pictures of them, predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter
from torch import Tensor, nn

from profundo import objectives
from profundo.data.augmenting.augment import augmentation, value_range
from profundo.data.batches import batches, in_order
from profundo.data.new_inputs import read_image
from profundo.evaluate import Answers, answers, scores
from profundo.nets.summary import parameter_count
from profundo.pictures.exhibits import Exhibit, Images
from profundo.pictures.numbers import percent
from profundo.pictures.verdict import no_better
from profundo.recipes.context import Context, Trained
from profundo.recipes.recipe import Model, Outcome
from profundo.recipes.recipe_charts import by_epoch, confusion_chart
from profundo.recipes.stretches import stretched
from profundo.recipes.subjects import Subject
from profundo.records import Dataset, Samples, Scores, Spec
from profundo.runs.prediction_record import described
from profundo.runs.saved_model import predict as probabilities
from profundo.train import Plan, Supervised, optimizer, schedule
from profundo.train.capture import Captured
from profundo.train.hardware import repeatable
from profundo.train.updates import autocast

__all__ = ["classified", "judged", "nothing_learnt", "predict", "spec_of", "train", "validation"]


def train(
    context: Context,
    net: nn.Module,
    samples: Samples,
    spec: Spec,
    rule: tuple[str, float, float],
    *,
    epochs: int,
    batch_size: int,
    rates: Mapping[str, float] | None = None,
    label_smoothing: float = 0.0,
    augment: Sequence[str] = (),
    is_own: bool = False,
    **watching: Any,
) -> Trained:
    """Lower the cost that suits the targets, with one cycle of the rate; on a CPU by the recorded step, as `profundo train`.

    rule: optimizer, learning rate, weight decay; rates: factors of the rate by layer. augment: names of augmentations, see
    `profundo.data.AUGMENTATIONS`. is_own: see `stretched`. watching: name, validate and film of the training.
    """
    net.to(context.device)
    objective, (name, rate, decay) = objectives.default(spec.targets, label_smoothing), rule
    update = Supervised(net, objective, optimizer(name, net, rate, decay, rates), precision=context.precision(net))
    changes = augmentation(augment, spec, value_range(samples)) if augment else None
    return context.train(
        Captured(update) if context.device.type == "cpu" else update,
        stretched(
            batches(samples, spec, batch_size, seed=context.seed, device=context.device, augment=changes), is_own
        ),
        Plan(epochs, schedule("one-cycle")),
        **watching,
    )


def validation(context: Context, net: nn.Module, data: Dataset) -> Mapping[str, float]:
    """Cost and accuracy on the validation split, in the precision of training."""
    with autocast(context.precision(net), context.device):
        predictions = answers(
            net,
            in_order(data.validation, data.spec, device=context.device),
            objectives.default(data.spec.targets),
            data.spec.targets,
        )
    figures = scores(predictions, data.spec.targets, data.train.targets).values
    return {"validation loss": figures["log loss"], "validation accuracy": figures["accuracy"]}


def classified(context: Context, net: nn.Module, split: Samples, spec: Spec, train: Samples) -> tuple[Answers, Scores]:
    """What the net says of each sample of a split, in float32, and how well, beside a constant that knows `train`."""
    ordered = in_order(split, spec, device=context.device)
    with repeatable(context.device, "float32"):
        predictions = answers(net, ordered, objectives.default(spec.targets), spec.targets)
    return predictions, scores(predictions, spec.targets, train.targets)


def judged(
    context: Context,
    data: Dataset,
    net: nn.Module,
    known: Mapping[str, Any],
    trained: Trained,
    subject: str,
    exhibits: Sequence[Exhibit] = (),
) -> Outcome:
    """The outcome of a recipe that trains one classifier. subject: the net in words; exhibits: what else there is to show."""
    outputs, result = classified(context, net, data.test, data.spec, data.train)
    errors = [1 - value for value in trained.history["validation accuracy"]]
    caption = f"How often each class of the {result.samples:,} test samples was taken for which."
    counts = [[float(count) for count in row] for row in result.confusion]
    parameters = parameter_count(net)
    return Outcome(
        scores=result.values,
        baseline=result.baseline,
        against="the commonest class",
        cautions=nothing_learnt(subject, result),
        exhibits=[
            *exhibits,
            by_epoch(
                "Errors by epoch",
                "Share of the validation images mistaken.",
                {subject: errors},
                y_label="validation error",
                percent=True,
            ),
            confusion_chart(counts, data.spec.targets.classes, caption, x_label="answered", y_label="true class"),
            *mistakes(data, outputs, result),
        ],
        networks={"net": net},
        known=known,
        conclusion=f"{subject} with {parameters:,} parameters names {percent(result.values['accuracy'])} of the "
        f"{result.samples:,} test images right (the commonest class alone: {percent(result.baseline['accuracy'], 1)}).",
    )


def nothing_learnt(subject: str, result: Scores) -> list[str]:
    """A sentence where the accuracy does not show that the net has learnt anything; else none."""
    verdict = no_better("accuracy", result, f"{result.samples:,} test images")
    reached, simple = result.values["accuracy"], result.baseline["accuracy"]
    told = f"{subject} names {percent(reached)} right, the commonest class alone {percent(simple)}: {verdict}."
    return [f"{told} It is not shown that it has learnt anything."] if verdict else []


def mistakes(data: Dataset, predictions: Answers, result: Scores, most: int = 24) -> list[Exhibit]:
    """The test images that cost most, if any were mistaken."""
    worst = list(result.worst)[:most]
    if not worst or not isinstance(data.test.inputs, Tensor):
        return []
    classes = data.spec.targets.classes
    labels = [f"{classes[int(predictions.targets[i])]}, answered {classes[int(predictions.chosen[i])]}" for i in worst]
    caption = f"The {len(worst)} test images whose true class had the smallest chance, with that class and the answer."
    return [Images("Worst mistakes", caption, data.test.inputs[worst], columns=8, labels=labels)]


# ---------------------------------------------------------------------------------------------------- saved models
def spec_of(known: Mapping[str, Any]) -> Spec:
    """The spec in a model's known values, where it is a dict. Raises pydantic's ValidationError for anything else."""
    spec: Spec = TypeAdapter(Spec).validate_python(known["spec"])
    return spec


def predict(model: Model, files: Sequence[Path], net: str = "net") -> list[dict[str, Any]]:
    """For each image file the most probable class, its probability, and those of all."""
    spec = spec_of(model.known)
    images = torch.stack([read_image(path, spec.inputs) for path in files])
    rows = probabilities(model.networks[net], spec, images)
    return described(list(map(str, files)), rows, spec)


def classifier(name: str) -> Callable[[Model, Context], Subject]:
    """Of a recipe that trains one net of that name on all of the images that its settings name."""

    def subject(model: Model, context: Context) -> Subject:
        asked: Any = model.asked
        return Subject(model.networks[name], context.images(asked.data, asked.image_size))

    return subject
