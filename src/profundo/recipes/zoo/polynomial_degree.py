"""Overfitting and the degree of a polynomial: training error falls, validation error chooses (Bishop 2006, §1.1).

Data: sin 2πx with noise of deviation 0.3, 30 samples to train, 100 to validate, 2,000 to test, all generated. A
polynomial of each degree from 0 to 20 is fitted by least squares, from the closed form.

Result: validation chooses degree 5 to 10, mostly 7 (seeds 0–9), with a test error (RMSE) of 0.32 to 0.47, median 0.35, where
the noise alone makes 0.30 and a constant about 0.75; degree 20, which has the smallest training error, has 1.3 in the median
and anything from 0.4 to 483. Under 3 s, no GPU.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from profundo.data.sets.known_functions import arcsine, truth, with_noise
from profundo.pictures import Line, lines_svg
from profundo.pictures.exhibits import Chart, Table
from profundo.recipes.context import Context
from profundo.recipes.polynomials import check_degree, fitted
from profundo.recipes.recipe import Outcome, Recipe
from profundo.runs.settings.setting_values import Positive, Whole

__all__ = ["RECIPE", "Settings", "run"]

SPLITS = ("training", "validation", "test")
SHOWN = 2.5  # a fit is drawn where it is within ± this


@dataclass(frozen=True, slots=True)
class Settings:
    """degree: the highest; samples: to train; noise: its standard deviation."""

    degree: Whole = 20
    samples: Whole = 30
    noise: Positive = 0.3
    validation_samples: Whole = 100
    test_samples: Whole = 2000


def run(context: Context, settings: Settings) -> Outcome:
    check_degree(settings.degree, settings.samples)
    splits = {name: samples(settings, name, context.generator(name)) for name in SPLITS}
    training = splits["training"]
    errors = {name: errors_by_degree(settings.degree, training, split) for name, split in splits.items()}
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
            *(fit(training, degree, why) for degree, why in degrees_to_show(settings.degree, chosen).items()),
            error_table(settings, errors),
        ],
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


def samples(settings: Settings, split: str, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Places and noisy values, each (samples,)."""
    number = {"training": settings.samples, "validation": settings.validation_samples, "test": settings.test_samples}[
        split
    ]
    x = arcsine((number,), generator)
    return x, with_noise(x, settings.noise, generator)


def errors_by_degree(highest: int, training: tuple[Tensor, Tensor], split: tuple[Tensor, Tensor]) -> Tensor:
    """RMSE on the split of each degree, fitted to the training samples: (degrees,)."""
    x, y = split
    fits = torch.stack([fitted(*training, x, degree) for degree in range(highest + 1)])
    return (fits - y).square().mean(1).sqrt()


def degrees_to_show(highest: int, chosen: int) -> dict[int, str]:
    """Too low, chosen and highest, each once."""
    wanted = {min(1, highest): "too stiff to follow", highest: "bends to the noise", chosen: "chosen by validation"}
    return dict(sorted(wanted.items()))


def fit(training: tuple[Tensor, Tensor], degree: int, told: str) -> Chart:
    x = torch.linspace(-1, 1, 401, dtype=torch.float64)
    y = fitted(*training, x, degree)
    curve = torch.where(y.abs() <= SHOWN, y, float("nan"))
    lines = [
        Line("samples", training[0].tolist(), training[1].tolist(), dots=True),
        Line(f"degree {degree}", x.tolist(), curve.tolist()),
        Line("truth", x.tolist(), truth(x).tolist()),
    ]
    return Chart(
        f"Degree {degree}: {told}",
        f"The training samples, the function behind them, and the polynomial of degree {degree}, where it is within "
        f"±{SHOWN:g}.",
        lines_svg(lines, x_label="x", y_label="y", log_y=False),
    )


RECIPE = Recipe(Settings, Settings(degree=12, test_samples=500), run)
