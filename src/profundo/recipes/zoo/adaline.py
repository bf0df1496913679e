"""ADALINE, a linear neuron that learns by the delta rule (Widrow & Hoff 1960, "Adaptive switching circuits").

Data: diabetes, 442 patients: how far the disease went in a year, from ten measurements. One sample at a time, the weights
move against the error of the output, which no threshold cuts; the rate falls to zero along half a cosine.

Result: a training error within 0.00001 of the least-squares solution's (0.465 to 0.490 by split), no weight more than 0.011
away (seeds 0–2); test RMSE 53.6 to 56.9, where the mean has 74.2 to 78.0. About 4 s on one core of an AMD EPYC, no GPU.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from profundo.data.batches import batches
from profundo.data.full_batch import whole
from profundo.pictures import scatter_svg
from profundo.pictures.exhibits import Chart, Table
from profundo.recipes.context import Context
from profundo.recipes.net_outputs import outputs, row_answers
from profundo.recipes.recipe import Model, Outcome, Recipe
from profundo.recipes.recipe_charts import by_epoch
from profundo.recipes.subjects import Subject
from profundo.records import Batch, Inputs, Spec
from profundo.runs.settings.setting_values import Positive, Whole
from profundo.train import Plan, optimizer, schedule
from profundo.train.closed_form import least_squares
from profundo.train.neurons import DeltaRule

__all__ = ["RECIPE", "Settings", "networks", "predict", "run"]


@dataclass(frozen=True, slots=True)
class Settings:
    """learning_rate: of the first step; a stable one is below 2 / ‖(x, 1)‖², about 0.1 for ten standardised inputs."""

    epochs: Whole = 200
    learning_rate: Positive = 0.02


def networks(_asked: Settings, known: Mapping[str, Any]) -> dict[str, nn.Module]:
    return {"neuron": nn.Linear(len(known["names"]), known["outputs"])}


def run(context: Context, settings: Settings) -> Outcome:
    data = context.load("diabetes")
    spec = data.spec
    known = {
        "outputs": spec.outputs,
        "names": list(spec.inputs.names),
        "inputs": {"mean": list(spec.inputs.mean), "std": list(spec.inputs.std)},
        "targets": {"mean": list(spec.targets.mean), "std": list(spec.targets.std)},
    }
    nets = networks(settings, known)
    neuron, training = nets["neuron"], whole(data.train, spec)
    assert isinstance(neuron, nn.Linear)
    trained = context.train(
        DeltaRule(neuron, optimizer("sgd", neuron, settings.learning_rate)),
        batches(data.train, spec, 1, seed=context.seed, device=context.device),
        Plan(settings.epochs, schedule("cosine")),
        validate=lambda: {"training error": mean_squared_error(neuron, training)},
    )
    exact = least_squares(augmented(training.inputs), training.targets)
    learned = torch.cat((neuron.weight.T, neuron.bias[None])).detach().cpu().double()
    errors = trained.history["training error"]
    scores, baseline, best = measured(neuron, exact, learned, training, whole(data.test, spec), spec)
    return Outcome(
        scores=scores,
        baseline=baseline,
        against="always the mean of the training targets",
        exhibits=[
            descent(errors, best),
            predictions(neuron, whole(data.test, spec), spec),
            weights((*spec.inputs.names, "bias"), learned, exact),
        ],
        networks=nets,
        known=known,
        conclusion=f"After {settings.epochs} epochs the training error is {best + scores[ABOVE]:.5f}, that of the "
        f"least-squares solution {best:.5f}; no weight differs by more than {scores[APART]:.3f}.",
    )


ABOVE, APART = "training error above least squares", "largest difference of a weight"


def measured(
    neuron: nn.Module, exact: Tensor, learned: Tensor, training: Batch, test: Batch, spec: Spec
) -> tuple[dict[str, float], dict[str, float], float]:
    """The neuron's figures, those of the mean, and the training error of the least-squares solution."""
    best = (augmented(training.inputs) @ exact - training.targets.double()).square().mean().item()
    scale = spec.targets.std[0]
    scores = {
        "test RMSE": scale * math.sqrt(mean_squared_error(neuron, test)),
        ABOVE: mean_squared_error(neuron, training) - best,
        APART: (learned - exact).abs().max().item(),
    }
    baseline = {
        "test RMSE": scale * test.targets.square().mean().sqrt().item(),
        ABOVE: training.targets.square().mean().item() - best,
        APART: exact.abs().max().item(),
    }
    return scores, baseline, best


def descent(errors: Sequence[float], best: float) -> Chart:
    return by_epoch(
        "Down to least squares",
        "The mean squared error on the training samples after each epoch, of standardised targets; no linear neuron can be "
        "below the straight line.",
        {"delta rule": errors},
        levels={"least squares": best},
        y_label="mean squared error",
        log_y=False,
    )


def predictions(neuron: nn.Module, test: Batch, spec: Spec) -> Chart:
    true, predicted = (raw(values, spec).tolist() for values in (test.targets, outputs(neuron, test.inputs)))
    return Chart(
        "Predictions",
        "What the neuron predicts for each test sample, over what was measured; on the diagonal they agree.",
        scatter_svg(true, predicted, name=spec.targets.names[0]),
    )


def weights(names: Sequence[str], learned: Tensor, exact: Tensor) -> Table:
    rows = zip(names, learned[:, 0].tolist(), exact[:, 0].tolist(), strict=True)
    return Table(
        "Weights",
        "The weights that the delta rule reached and those of the least-squares solution, for standardised inputs.",
        ["input", "delta rule", "least squares"],
        [list(row) for row in rows],
    )


def augmented(inputs: Tensor) -> Tensor:
    """(x, 1), in float64."""
    return torch.column_stack((inputs.double(), torch.ones(len(inputs), dtype=torch.float64)))


def raw(values: Tensor, spec: Spec) -> Tensor:
    """Standardised targets in their own units, (samples,)."""
    return values[:, 0] * spec.targets.std[0] + spec.targets.mean[0]


def mean_squared_error(neuron: nn.Module, batch: Batch) -> float:
    return float((outputs(neuron, batch.inputs) - batch.targets).double().square().mean())


def predict(model: Model, files: Sequence[Path]) -> list[dict[str, Any]]:
    """The target, in its own units, of each row of CSV files with the inputs as columns, by name."""
    known = model.known
    mean, std = known["inputs"]["mean"], known["inputs"]["std"]
    inputs = Inputs((len(mean),), "features", tuple(mean), tuple(std), tuple(known["names"]))
    middle, scale = known["targets"]["mean"][0], known["targets"]["std"][0]
    return row_answers(files, model.networks["neuron"], inputs, lambda value: value * scale + middle)


def subject(model: Model, context: Context) -> Subject:
    return Subject(model.networks["neuron"], context.load("diabetes"))


RECIPE = Recipe(Settings, Settings(epochs=10), run, networks=networks, predict=predict, subject=subject)
