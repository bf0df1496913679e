"""Bias and variance, measured (Geman, Bienenstock & Doursat 1992; Neal et al. 2018, arXiv:1810.08591, for wide nets).

Data: sin 2πx with noise of deviation 0.3, 200 training sets of 30 samples, all generated. From every set learn polynomials
of degree 0 to 25 (least squares, from the closed form) and nets with one hidden layer of 1 to 64 units (gradient descent,
Adam); what they say at 200 places is compared with the truth and with one another.

Result: the error of polynomials is least at degree 7, 0.115 to 0.117 (seeds 0–2; the noise is 0.09), and grows to 0.23 at degree
25, all of it variance; that of nets is least near 8 units, 0.14, and levels off at 0.19. Bias² + variance + noise is
the error measured on fresh samples within 0.8 %. About 12 s on one core of an AMD EPYC, no GPU.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn

from profundo.data.sets.known_functions import arcsine, spread_out, truth, with_noise
from profundo.evaluate.decomposition import Parts, bias_and_variance
from profundo.nets.batched_nets import BatchedMLP, nguyen_widrow_
from profundo.pictures import Line, lines_svg
from profundo.pictures.exhibits import Chart, Exhibit, Table
from profundo.recipes.context import Context
from profundo.recipes.members import of_numbers
from profundo.recipes.net_outputs import outputs
from profundo.recipes.polynomials import check_degree, fitted
from profundo.recipes.recipe import Model, Outcome, Recipe
from profundo.recipes.side_by_side import train_side_by_side
from profundo.recipes.subjects import Subject
from profundo.records import Inputs
from profundo.runs.settings.setting_values import Positive, Some, Whole

__all__ = ["RECIPE", "Settings", "networks", "run"]


@dataclass(frozen=True, slots=True)
class Settings:
    """sets: of so many samples to train on; degree: the highest; widths: hidden units; epochs: of 100 updates each."""

    sets: Whole = 200
    samples: Whole = 30
    noise: Positive = 0.3
    places: Whole = 200
    degree: Whole = 25
    widths: Some = (1, 2, 3, 4, 6, 8, 12, 16, 32, 64)
    epochs: Whole = 15
    learning_rate: Positive = 0.03


def networks(settings: Settings, _known: Mapping[str, Any]) -> dict[str, nn.Module]:
    """By width, a net for each training set."""
    return {f"width {width}": nguyen_widrow_(BatchedMLP(settings.sets, 1, width, 1)) for width in settings.widths}


def run(context: Context, settings: Settings) -> Outcome:
    check_degree(settings.degree, settings.samples)
    x, y = training_sets(context, settings)
    places, targets = fresh_samples(context, settings)
    nets, sets = networks(settings, {}), (x[..., None].float(), y[..., None].float())
    for name, net in nets.items():
        train_side_by_side(context, net, *sets, settings.epochs, settings.learning_rate, name)
    parts = partial(bias_and_variance, truth=truth(places), targets=targets, noise=settings.noise**2)
    by_degree = [parts(fitted(x, y, places, degree)) for degree in range(settings.degree + 1)]
    by_width = [parts(outputs(net, places[:, None].float()).squeeze(-1)) for net in nets.values()]
    best = min(range(len(by_degree)), key=lambda degree: by_degree[degree].error)
    gap = max(abs(one.total / one.error - 1) for one in (*by_degree, *by_width))
    widest = f"error, width {settings.widths[-1]}"
    return Outcome(
        scores={
            "error, best degree": by_degree[best].error,
            "best degree": best,
            f"error, degree {settings.degree}": by_degree[-1].error,
            widest: by_width[-1].error,
            "largest gap of the identity": gap,
        },
        baseline={"error, best degree": by_degree[0].error, widest: by_degree[0].error},
        against="a constant, degree 0",
        exhibits=exhibits(settings, by_degree, by_width),
        networks=nets,
        conclusion=f"From degree 0 to {settings.degree} the bias² falls from {by_degree[0].bias_squared:.3f} to "
        f"{by_degree[-1].bias_squared:.4f} and the variance grows from {by_degree[0].variance:.3f} to "
        f"{by_degree[-1].variance:.3g}; the error is least, in hindsight, at degree {best}, {by_degree[best].error:.3f}. "
        f"Bias² + variance + noise is the measured error within {100 * gap:.1f} %.",
    )


def training_sets(context: Context, settings: Settings) -> tuple[Tensor, Tensor]:
    """Places and noisy values, each (sets, samples)."""
    draw = context.generator("training sets")
    x = spread_out((settings.sets, settings.samples), draw)
    return x, with_noise(x, settings.noise, draw)


def fresh_samples(context: Context, settings: Settings) -> tuple[Tensor, Tensor]:
    """Places (places,), and at each a fresh noisy value for each set, (sets, places)."""
    draw = context.generator("fresh samples")
    places = arcsine((settings.places,), draw)
    return places, with_noise(places.expand(settings.sets, -1), settings.noise, draw)


def exhibits(settings: Settings, by_degree: Sequence[Parts], by_width: Sequence[Parts]) -> list[Exhibit]:
    degrees = range(settings.degree + 1)
    return [
        chart(
            "Polynomials, by degree",
            "Mean squared error on fresh samples and its parts, by the degree: with more freedom the bias vanishes and the "
            "variance grows. The sum of the parts, not drawn, lies on the error.",
            degrees,
            by_degree,
            "degree",
        ),
        chart(
            "Nets, by width",
            "The same for nets with one hidden layer, trained by gradient descent: with more width "
            "the variance levels off, where that of polynomials goes on to grow.",
            settings.widths,
            by_width,
            "hidden units",
        ),
        table("Polynomials", "degree", degrees, by_degree),
        table("Nets", "hidden units", settings.widths, by_width),
    ]


def chart(title: str, caption: str, at: Sequence[int], parts: Sequence[Parts], x_label: str) -> Chart:
    columns = {"error": "error", "bias²": "bias_squared", "variance": "variance", "noise": "noise"}
    lines = [Line(name, at, [getattr(part, column) for part in parts]) for name, column in columns.items()]
    svg = lines_svg(lines, x_label=x_label, y_label="mean squared error", log_x=x_label != "degree", log_y=False)
    return Chart(title, caption, svg)


def table(title: str, of: str, at: Sequence[int], parts: Sequence[Parts]) -> Table:
    return Table(
        f"{title}: the parts of the error",
        "Bias², variance and noise, their sum, and the error that was measured by itself on fresh noisy samples.",
        [of, "bias²", "variance", "noise", "sum", "measured"],
        [[f"{n}", p.bias_squared, p.variance, p.noise, p.total, p.error] for n, p in zip(at, parts, strict=True)],
    )


def member(model: Model, context: Context, network: str, number: int) -> Subject:
    """The net of that training set."""
    net: Any = model.networks[network]
    x, y = training_sets(context, model.asked)
    places, targets = fresh_samples(context, model.asked)
    train, fresh = (
        (values[:, None].float(), noisy[:, None].float())
        for values, noisy in ((x[number], y[number]), (places, targets[number]))
    )
    inputs = Inputs((1,), "features", names=("x",))
    return Subject(net.alone(number), of_numbers(f"training set {number}", inputs, "y", train, fresh))


RECIPE = Recipe(
    Settings,
    Settings(sets=40, samples=20, places=400, degree=9, widths=(2, 8, 32), epochs=2),
    run,
    networks=networks,
    member=member,
)
