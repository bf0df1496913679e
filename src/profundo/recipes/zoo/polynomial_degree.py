"""Overfitting and the degree of a polynomial: training error falls, validation error chooses (Bishop 2006, §1.1).

Data: sin 2πx with noise of deviation 0.3, 30 samples to train, 100 to validate, 2,000 to test, all generated. A
polynomial of each degree from 0 to 20 learns by gradient descent, in a basis that is orthogonal on the training samples.

Result: validation chooses degree 7 or 8 (3 seeds), with a test error (RMSE) of 0.34 to 0.39, where the noise alone makes 0.30
and a constant has 0.72 to 0.78; degree 20 has 1.27 to 1.59, and the smallest training error. Under 1 s, no GPU.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from profundo.data.full_batch import Whole
from profundo.data.sets.known_functions import arcsine, truth, with_noise
from profundo.nets.features import OrthogonalPolynomials
from profundo.pictures import Line, lines_svg
from profundo.pictures.exhibits import Chart, Table
from profundo.recipes.context import Context
from profundo.recipes.net_outputs import outputs
from profundo.recipes.recipe import Outcome, Recipe
from profundo.records import Batch, ProfundoError
from profundo.runs.experiment import Positive
from profundo.runs.experiment import Whole as AtLeastOne
from profundo.train import Descent, Plan, optimizer

__all__ = ["RECIPE", "Settings", "networks", "run"]

SPLITS = ("training", "validation", "test")
SHOWN = 2.5  # a fit is drawn where it is within ± this


@dataclass(frozen=True, slots=True)
class Settings:
    """degree: the highest; samples: to train; noise: its standard deviation."""

    degree: AtLeastOne = 20
    samples: AtLeastOne = 30
    noise: Positive = 0.3
    validation_samples: AtLeastOne = 100
    test_samples: AtLeastOne = 2000
    epochs: AtLeastOne = 60
    learning_rate: Positive = 0.2


def networks(settings: Settings, known: Mapping[str, Any]) -> dict[str, nn.Module]:
    return {"polynomials": OrthogonalPolynomials(torch.tensor(known["points"], dtype=torch.float64), settings.degree)}


def run(context: Context, settings: Settings) -> Outcome:
    """Raises ProfundoError where a polynomial would have more coefficients than there are samples."""
    if settings.degree >= settings.samples:
        raise ProfundoError(f"degree {settings.degree}: expected less than the number of samples, {settings.samples}")
    splits = {name: samples(settings, name, context.generator(name)) for name in SPLITS}
    known = {"points": splits["training"].inputs.tolist()}
    nets = networks(settings, known)
    polynomials = nets["polynomials"]

    def cost(batch: Batch) -> Mapping[str, Tensor]:
        each = (polynomials(batch.inputs) - batch.targets[:, None]).square().mean(0)
        return {"loss": each.sum()}  # a sum, so that each polynomial has the gradient it would have alone

    training = splits["training"]
    context.train(
        Descent(polynomials, cost, optimizer("sgd", polynomials, settings.learning_rate)),
        Whole(training.inputs, training.targets, device=context.device),
        Plan(settings.epochs),
    )
    errors = {name: errors_by_degree(polynomials, split) for name, split in splits.items()}
    chosen = int(errors["validation"].argmin())
    test = errors["test"]
    return Outcome(
        scores={
            "test RMSE, chosen degree": test[chosen].item(),
            f"test RMSE, degree {settings.degree}": test[-1].item(),
            "chosen degree": chosen,
            "best degree in hindsight": int(test.argmin()),
        },
        baseline={"test RMSE, chosen degree": test[0].item(), f"test RMSE, degree {settings.degree}": test[0].item()},
        against="a constant, degree 0",
        exhibits=[
            error_chart(settings, errors, chosen),
            *(
                fit(polynomials, training, degree, why)
                for degree, why in degrees_to_show(settings.degree, chosen).items()
            ),
            error_table(settings, errors),
        ],
        networks=nets,
        known=known,
        conclusion=f"Validation chooses degree {chosen}, whose test error is {test[chosen]:.3f} with noise of {settings.noise:g}; "
        f"a constant has {test[0]:.3f}, degree {settings.degree} has {test[-1]:,.3g} and the smallest training error of all, "
        f"{errors['training'][-1]:.3f}.",
    )


def error_chart(settings: Settings, errors: Mapping[str, Tensor], chosen: int) -> Chart:
    return Chart(
        "Error by degree",
        "The training error only falls; the errors on new samples fall and rise again. The validation samples choose "
        f"degree {chosen}; no predictor has a test error below the noise, {settings.noise:g}.",
        lines_svg(
            [Line(name, range(settings.degree + 1), values.tolist()) for name, values in errors.items()],
            x_label="degree",
            y_label="RMSE",
            marks={f"validation chooses {chosen}": float(chosen)},
        ),
    )


def error_table(settings: Settings, errors: Mapping[str, Tensor]) -> Table:
    return Table(
        "Errors",
        "Root mean squared error on each split, by degree.",
        ["degree", *SPLITS],
        [[f"{at}", *(float(errors[name][at]) for name in SPLITS)] for at in range(settings.degree + 1)],
    )


def samples(settings: Settings, split: str, generator: torch.Generator) -> Batch:
    number = {"training": settings.samples, "validation": settings.validation_samples, "test": settings.test_samples}[
        split
    ]
    x = arcsine((number,), generator)
    return Batch(x, with_noise(x, settings.noise, generator), number)


def errors_by_degree(polynomials: nn.Module, split: Batch) -> Tensor:
    """RMSE of each degree: (degrees,)."""
    return (outputs(polynomials, split.inputs) - split.targets[:, None]).square().mean(0).sqrt()


def degrees_to_show(highest: int, chosen: int) -> dict[int, str]:
    """Too low, chosen and highest, each once."""
    wanted = {min(1, highest): "too stiff to follow", highest: "bends to the noise", chosen: "chosen by validation"}
    return dict(sorted(wanted.items()))


def fit(polynomials: nn.Module, training: Batch, degree: int, told: str) -> Chart:
    x = torch.linspace(-1, 1, 401, dtype=torch.float64)
    y = outputs(polynomials, x)[:, degree]
    curve = torch.where(y.abs() <= SHOWN, y, float("nan"))
    lines = [
        Line("samples", training.inputs.tolist(), training.targets.tolist(), dots=True),
        Line(f"degree {degree}", x.tolist(), curve.tolist()),
        Line("truth", x.tolist(), truth(x).tolist()),
    ]
    return Chart(
        f"Degree {degree}: {told}",
        f"The training samples, the function behind them, and the polynomial of degree {degree}, where it is within "
        f"±{SHOWN:g}.",
        lines_svg(lines, x_label="x", y_label="y", log_y=False),
    )


RECIPE = Recipe(Settings, Settings(degree=12, epochs=40, test_samples=500), run, networks=networks)
