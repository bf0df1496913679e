"""The perceptron, learning by its own rule (Rosenblatt 1958, "The perceptron: a probabilistic model …").

Data: apples and oranges by weight and redness, or trout and salmon by length and lightness (both generated), or the four
points of XOR. One sample at a time; a mistake adds the sample to the weights or takes it away. There is no gradient.

Result: on apples and oranges the rule makes 4 to 21 mistakes and then no other (seeds 0–2; Novikoff's theorem allows 435 to
711), on trout and salmon 2 to 39 (61 to 1,077); of new samples it has 95 to 100 % right in both. On XOR it makes mistakes
in every epoch for ever. About 3 s on one core of an AMD EPYC, no GPU, most of it for the film.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torch import Tensor, nn

from profundo.data.batches import batches
from profundo.data.full_batch import whole
from profundo.evaluate.separation import novikoff_bound
from profundo.pictures.planes import Plane
from profundo.recipes.context import Context
from profundo.recipes.net_outputs import outputs, row_answers
from profundo.recipes.recipe import Model, Outcome, Recipe
from profundo.recipes.recipe_charts import by_epoch
from profundo.recipes.subjects import Subject
from profundo.records import Batch, Inputs, Spec
from profundo.runs.settings.setting_values import Whole
from profundo.train import Plan
from profundo.train.neurons import PerceptronRule

__all__ = ["RECIPE", "Settings", "networks", "predict", "run"]


@dataclass(frozen=True, slots=True)
class Settings:
    """data: apples and fish can be separated by a line, xor cannot. epochs: passes, whether or not mistakes remain."""

    data: Literal["apples", "fish", "xor"] = "apples"
    epochs: Whole = 30


def networks(_asked: Settings, _known: Mapping[str, Any]) -> dict[str, nn.Module]:
    return {"neuron": nn.Linear(2, 1)}


def run(context: Context, settings: Settings) -> Outcome:
    data = context.load(settings.data)
    nets = networks(settings, {})
    neuron, training = nets["neuron"], whole(data.train, data.spec)
    assert isinstance(neuron, nn.Linear)
    inputs, classes = data.spec.inputs, data.spec.targets.classes
    known = {"names": inputs.names, "mean": inputs.mean, "std": inputs.std, "classes": classes}
    trained = context.train(
        PerceptronRule(neuron),
        batches(data.train, data.spec, 1, seed=context.seed, device=context.device),
        Plan(settings.epochs),
        film=lambda: boundary(neuron, training, data.spec),
    )
    mistakes = [round(share * len(training.targets)) for share in trained.history["loss"]]
    bound = novikoff_bound(training.inputs, training.targets)
    last = max((epoch for epoch, count in enumerate(mistakes, 1) if count), default=0)
    accuracy = share_right(neuron, whole(data.test, data.spec))
    most = data.test.targets.bincount(minlength=2).max().item() / len(data.test)
    return Outcome(
        scores={"accuracy": accuracy, "mistakes while learning": sum(mistakes), "epochs with mistakes": last}
        | ({"Novikoff bound on the mistakes": bound} if math.isfinite(bound) else {}),
        baseline={"accuracy": most},
        against="always the commoner class",
        exhibits=[
            trained.film(
                "The boundary moves",
                f"The line that the neuron draws between {classes[0]} and {classes[1]}, before training and after each pass "
                f"over the {len(training.targets)} training samples. It moves only when the neuron is wrong.",
            ),
            by_epoch(
                "Mistakes by epoch",
                "How many training samples the neuron had wrong when it met them, in each pass.",
                {"mistakes": mistakes},
                y_label="mistakes in the epoch",
                log_y=False,
            ),
        ],
        networks=nets,
        known={name: list(values) for name, values in known.items()},
        conclusion=conclusion(sum(mistakes), last, bound, settings.epochs),
    )


def conclusion(mistakes: int, last: int, bound: float, epochs: int) -> str:
    if last < epochs:
        allowed = f"; Novikoff's theorem allows at most {bound:,.0f}" if math.isfinite(bound) else ""
        return f"After {mistakes} mistakes, the last of them in epoch {last}, the rule made no other{allowed}."
    if math.isfinite(bound):
        return f"{mistakes} mistakes in {epochs} epochs, of at most {bound:,.0f}: give it more epochs to converge."
    return f"No line separates these classes: the rule still made mistakes in the last of {epochs} epochs, {mistakes} in all."


def share_right(neuron: nn.Module, batch: Batch) -> float:
    return float(((outputs(neuron, batch.inputs)[:, 0] > 0) == batch.targets.bool()).float().mean())


def boundary(neuron: nn.Module, training: Batch, spec: Spec) -> Tensor:
    """The plane of standardised measurements, on the side of each class its colour."""
    x_label, y_label = (f"{name}, standardised" if spec.inputs.mean else name for name in spec.inputs.names)
    plane = Plane.around(training.inputs, x_label, y_label)
    shares = outputs(neuron, plane.places()).squeeze(1).sigmoid()
    wrong = round((1 - share_right(neuron, training)) * len(training.targets))
    told = f"{wrong} of {len(training.targets)} on the wrong side"
    return plane.draw(training.inputs, training.targets, shares, names=spec.targets.classes, told=told, flat=True)


def predict(model: Model, files: Sequence[Path]) -> list[dict[str, Any]]:
    """The class of each row of CSV files with the two measurements as columns, by name, in their own units."""
    known = model.known
    inputs = Inputs((2,), "features", tuple(known["mean"]), tuple(known["std"]), tuple(known["names"]))
    return row_answers(files, model.networks["neuron"], inputs, lambda value: known["classes"][value > 0])


def subject(model: Model, context: Context) -> Subject:
    """The neuron, whose rule lowers no cost of probabilities."""
    return Subject(model.networks["neuron"], context.load(model.asked.data), lowers=False)


RECIPE = Recipe(Settings, Settings(epochs=8), run, networks=networks, predict=predict, subject=subject)
