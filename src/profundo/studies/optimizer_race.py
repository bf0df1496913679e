"""Optimizers raced down three surfaces and on digits, on equal budgets, each at a rate of its own: one page of pictures, with the
surface of the real net under their feet.

How rates are chosen is half of such a comparison (Choi et al. 2019, "On Empirical Comparisons of Optimizers for Deep
Learning"), so each is searched for in the same way, over the same number of candidates: on a surface, the one of RATES
that ends lowest; on digits, of nine around the default, the one of the least validation loss with the first seed. The
race is then run with three other seeds.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from profundo.data import load
from profundo.files import check_out, write_text
from profundo.inside.surface import Weights
from profundo.pictures.charts import Line, lines_svg
from profundo.pictures.contours import contours_svg, measured_contours_svg
from profundo.pictures.numbers import percent, plain, setting
from profundo.pictures.sheet import Figure, Part, Sheet, sheet_html
from profundo.records import Dataset
from profundo.runs.experiment import new_experiment
from profundo.runs.preparing import Prepared, training
from profundo.runs.saved_model import build_net
from profundo.runs.settings.manners import MANNERS, completed, default_rate
from profundo.studies.optimizer_surfaces import STEEP, SURFACES, Descended, Surface, best_of, descend
from profundo.studies.optimizer_walk import Walk, walk, weights_of
from profundo.studies.study import table
from profundo.train import OPTIMIZERS, History, fit
from profundo.train.distributed import Group
from profundo.train.hardware import choose_device
from profundo.train.randomness import seeded

__all__ = [
    "FULL",
    "QUICK",
    "Budget",
    "Race",
    "Ways",
    "race",
    "race_html",
    "ranks",
    "run_lap",
    "run_place",
    "ways_on_digits",
    "write_race",
]

FAMILIES = {
    "One rate for all": ("sgd", "momentum", "nesterov"),
    "A rate for each parameter": ("adagrad", "adadelta", "rmsprop", "adam", "adamw"),
}
SAME = {"adamw"}  # as adam, where nothing decays: on surfaces


@dataclass(frozen=True, slots=True)
class Budget:
    """What each optimizer gets. steps: down a surface; factors: candidates for the rate on digits, of the default; points: on a
    side of the surface under their feet."""

    steps: int = 200
    epochs: int = 10
    batch_size: int = 64
    seeds: int = 3
    factors: tuple[float, ...] = (0.01, 0.1, 0.3, 0.6, 1.0, 2.0, 3.0, 10.0, 100.0)
    points: int = 41


FULL = Budget()
QUICK = Budget(steps=60, epochs=2, seeds=2, factors=(0.01, 0.3, 1.0, 3.0, 100.0), points=21)


@dataclass(frozen=True, slots=True)
class Lap:
    """One training on digits: validation losses before it and after each epoch, infinite where it diverged, and the last
    accuracy."""

    rate: float
    seed: int
    losses: tuple[float, ...]
    accuracy: float

    @property
    def end(self) -> float:
        return self.losses[-1]


@dataclass(frozen=True, slots=True)
class Place:
    """One optimizer's result on digits: laps at the rate chosen. tried: the lap of each candidate, with another seed. way: the
    weights before the first lap and after each of its epochs."""

    optimizer: str
    rate: float
    tried: Sequence[Lap]
    laps: Sequence[Lap]
    way: Sequence[Weights] = ()

    @property
    def mean(self) -> float:
        return statistics.fmean(lap.end for lap in self.laps)


@dataclass(frozen=True, slots=True)
class Race:
    """ranks: on digits, the best first. descents: by surface and optimizer. ravine: plain descent, too slowly to too fast. walk:
    the ways on digits over the surface of the net, None where no two stayed finite."""

    budget: Budget
    seed: int
    ranks: Sequence[Place]
    descents: Mapping[str, Mapping[str, Descended]]
    ravine: Sequence[Descended]
    walk: Walk | None = None

    def as_plain_data(self) -> dict[str, Any]:
        """For JSON, which has no infinity: the loss of a training that diverged is null."""
        return {
            "seed": self.seed,
            "digits": [
                {
                    "rank": rank,
                    "optimizer": place.optimizer,
                    "rate": place.rate,
                    "validation loss": [_finite(lap.end) for lap in place.laps],
                    "validation accuracy": [lap.accuracy for lap in place.laps],
                    "tried": [{"rate": lap.rate, "validation loss": _finite(lap.end)} for lap in place.tried],
                }
                for rank, place in enumerate(self.ranks, 1)
            ],
            "surfaces": {
                surface: {
                    name: {"rate": one.rate, "height": _finite(one.end), "steps": one.steps_to(0.01)}
                    for name, one in descents.items()
                }
                for surface, descents in self.descents.items()
            },
            "ways on digits": {} if self.walk is None else {name: list(way) for name, way in self.walk.ways.items()},
        }


def race(budget: Budget = FULL, seed: int = 0) -> Race:
    """Run it all. The same seed and machine give the same numbers; the caller's randomness is left alone."""
    steps, names = budget.steps, [name for name in OPTIMIZERS if name not in SAME]
    descents = {surface.name: {name: best_of(surface, name, steps) for name in names} for surface in SURFACES.values()}
    rates = (0.01 / STEEP, 1.9 / STEEP, 2.1 / STEEP)
    ravine = [descend(SURFACES["ravine"], "sgd", rate, steps) for rate in rates]
    data = load("digits", seed=seed)
    places = sorted((run_place(data, name, budget, seed) for name in OPTIMIZERS), key=lambda place: place.mean)
    ways = {place.optimizer: place.way for place in places if math.isfinite(place.laps[0].end)}
    walked = walk(build_net("mlp", data.spec, {}, seed + 1), data, ways, budget.points) if ways else None
    return Race(budget, seed, places, descents, ravine, walked)


@dataclass(frozen=True, slots=True)
class Ways:
    """Trainings of one net on digits, each from the same first weights. laps: by optimizer, of those that have ended; walk: their
    ways over the surface of the net, once all have, None where none stayed finite."""

    laps: Mapping[str, Lap]
    walk: Walk | None = None


def ways_on_digits(rates: Mapping[str, float], budget: Budget = FULL, seed: int = 1) -> Iterator[Ways]:
    """After each lap, and at last with the walk. rates: by optimizer."""
    data = load("digits", seed=0)
    laps: dict[str, Lap] = {}
    ways: dict[str, list[Weights]] = {}
    for name, rate in rates.items():
        way: list[Weights] = []
        laps[name] = run_lap(data, name, rate, budget, seed, lambda net, way=way: way.append(weights_of(net)))  # type: ignore[misc]
        if math.isfinite(laps[name].end):
            ways[name] = way
        yield Ways(dict(laps))
    if ways:
        yield Ways(laps, walk(build_net("mlp", data.spec, {}, seed), data, ways, budget.points))


def run_place(data: Dataset, name: str, budget: Budget, seed: int) -> Place:
    """Choose the rate with one seed, then train with the next ones."""
    middle = default_rate(name, budget.batch_size, MANNERS["images"])
    tried = [run_lap(data, name, float(f"{middle * factor:.1e}"), budget, seed) for factor in budget.factors]
    rate = min(tried, key=lambda lap: lap.end).rate
    way: list[Weights] = []
    laps = [
        run_lap(data, name, rate, budget, seed + 1 + at, (lambda net: way.append(weights_of(net))) if at == 0 else None)
        for at in range(budget.seeds)
    ]
    return Place(name, rate, tried, laps, way)


def run_lap(
    data: Dataset,
    name: str,
    rate: float,
    budget: Budget,
    seed: int,
    note: Callable[[nn.Module], None] | None = None,
) -> Lap:
    """Train the default dense net on digits at a constant rate; look at the validation samples after each epoch. note: called
    with the net before training and after each epoch."""
    experiment = new_experiment(
        data="digits", net="mlp", optimizer=name, learning_rate=rate, schedule="constant", epochs=budget.epochs,
        batch_size=budget.batch_size, seed=seed, device="cpu", precision="float32",
    )  # fmt: skip
    chosen = completed(experiment, data.spec, len(data.train), "mlp")
    with seeded(seed):
        net = build_net("mlp", data.spec, {}, seed)
        what = training(Prepared(chosen, data, net, choose_device("cpu"), "float32"), History(), Group())
        look = what.validate()
        losses = [look["validation loss"]]
        if note is not None:
            note(net)
        for step in fit(what.update, what.batches, what.plan):
            if step.last and not all(bool(parameter.isfinite().all()) for parameter in net.parameters()):
                losses.append(math.inf)
                break
            if step.last:
                if note is not None:
                    note(net)
                look = what.validate()
                losses.append(look["validation loss"] if math.isfinite(look["validation loss"]) else math.inf)
    return Lap(rate, seed, tuple(losses), look["validation accuracy"])


def ranks(result: Race) -> list[dict[str, str]]:
    """The race on digits as a table, the best first; mean ± standard deviation over the seeds."""
    return [
        {
            "optimizer": place.optimizer,
            "learning rate": setting(place.rate),
            "validation loss": _spread([lap.end for lap in place.laps]),
            "validation accuracy, %": _spread([100 * lap.accuracy for lap in place.laps], 2),
        }
        for place in result.ranks
    ]


# ------------------------------------------------------------------------------------------------------- the page
def race_html(result: Race) -> str:
    """One page that needs nothing else. The same race gives the same page, byte for byte."""
    first, last = ranks(result)[0], ranks(result)[-1]
    lead = (
        f"On digits {first['optimizer']} ends with the least validation loss, {first['validation loss']}; {last['optimizer']} "
        f"with the largest, {last['validation loss']}. Each had {result.budget.epochs} epochs and a rate of its own."
    )
    parts = [_digits(result), _rates(result)]
    parts += [] if result.walk is None else [_walked(result.walk)]
    parts.append(_fast_or_slow(result))
    parts += [_surface(surface, result) for surface in SURFACES.values()]
    return sheet_html(Sheet("Optimizers, raced", "Equal budgets, a rate for each", lead, parts))


def write_race(result: Race, path: Path) -> None:
    """Raises ProfundoError for a file that is not called .html, or whose folder is not there."""
    check_out(path, ".html")
    write_text(path, race_html(result))


def _digits(result: Race) -> Part:
    budget = result.budget
    about = (
        f"A dense net with 128 hidden units, {budget.epochs} epochs in batches of {budget.batch_size}, constant rates. The "
        f"rate of each is that of {len(budget.factors)} candidates, from a hundredth to a hundred times the default, with "
        f"the least validation loss at seed {result.seed}. The race is {budget.seeds} other seeds, which draw the weights and "
        "the order: mean ± standard deviation. The validation samples are the same, so what chose the rate also judges; "
        "where spreads overlap, the rank means nothing."
    )
    caption = "{}: validation loss, mean and range over the seeds."
    figures = _by_family(result, _curve, caption, x_label="epoch")
    return Part("On digits", [about], figures, table("Ranks on digits, the best first.", ranks(result)))


def _rates(result: Race) -> Part:
    about = (
        "What each candidate for the rate came to on digits. On the left training crawls: at the end of its budget the loss is "
        "near that of guessing, log 10 = 2.3. On the right it jumps over the valley, to a loss above that of guessing or to no "
        "number at all. The good rates lie within about a decade, and that decade is another one for each."
    )
    caption = "{}: the loss at the end by the rate; a line ends where training diverged."
    figures = _by_family(result, _tried, caption, x_label="learning rate", log_x=True)
    return Part("Too small crawls, too large diverges", [about], figures)


def _by_family(result: Race, line: Callable[[Place], Line], caption: str, **axis: Any) -> list[Figure]:
    places = {place.optimizer: place for place in result.ranks}
    return [
        Figure(
            lines_svg([line(places[name]) for name in names], y_label="validation loss", log_y=True, **axis),
            caption.format(family),
        )
        for family, names in FAMILIES.items()
    ]


def _curve(place: Place) -> Line:
    each = list(zip(*(lap.losses for lap in place.laps if math.isfinite(lap.end)), strict=True))
    means, lows, highs = ([of(losses) for losses in each] for of in (statistics.fmean, min, max))
    return Line(place.optimizer, range(len(each)), means, lows, highs)


def _tried(place: Place) -> Line:
    return Line(place.optimizer, [lap.rate for lap in place.tried], [_capped(lap.end) for lap in place.tried])


def _walked(walk: Walk) -> Part:
    first, second = walk.explained
    about = (
        "The same nets from above: all optimizers begin with the same weights, of the first of the seeds. The plane is the one "
        f"nearest to all their ways (principal components): its directions hold {percent(first)} and {percent(second)} of their "
        f"squared distances from where {walk.origin} ends, the cross. The lines are the training loss on the plane. Two ways "
        "that cross here need not meet, for there are thousands of directions more; and where one ends far from the others, it "
        "has found another place that is as good."
    )
    names = (f"first component ({percent(first)})", f"second component ({percent(second)})")
    figures = []
    for family, members in FAMILIES.items():
        ways = {name: list(walk.ways[name]) for name in members if name in walk.ways}
        lines = measured_contours_svg(
            walk.across, walk.up, walk.losses, ways, names=names, marks={"the end": (0.0, 0.0)}
        )
        figures.append(Figure(lines, f"{family}: the weights after each epoch, projected; a dot is where a way ends."))
    return Part("On the surface of the net", [about], figures)


def _fast_or_slow(result: Race) -> Part:
    ends = ("crawls", "good", "diverges")
    names = [f"rate {one.rate:g}, {end}" for one, end in zip(result.ravine, ends, strict=True)]
    paths = {name: one.places[:40] for name, one in zip(names, result.ravine, strict=True)}
    lines = [
        Line(name, range(len(one.heights)), [_capped(height) for height in one.heights])
        for name, one in zip(names, result.ravine, strict=True)
    ]
    heights = lines_svg(lines, x_label="step", y_label="height above the lowest", log_y=True)
    about = (
        f"Plain descent in the ravine, whose curvature is {STEEP:g} across and 1 along. A step multiplies the error across "
        f"by 1 − {STEEP:g} η: below η = 2/{STEEP:g} = {2 / STEEP:g} it shrinks, above it grows without end. At a "
        "two-hundredth of that it shrinks too slowly to arrive."
    )
    figures = [
        Figure(_contours(SURFACES["ravine"], paths), "The first forty steps; the cross is the goal."),
        Figure(heights, "Height after each step."),
    ]
    return Part("The same, where it can be computed", [about], figures)


def _surface(surface: Surface, result: Race) -> Part:
    descents = result.descents[surface.name]
    figures = [
        Figure(
            _contours(surface, {name: descents[name].places for name in names if name not in SAME}),
            f"{family}, each at its own rate.",
        )
        for family, names in FAMILIES.items()
    ]
    caption = (
        f"After {result.budget.steps} steps, the lowest first; heights are above the lowest there is. The rate is that of 1 and 3 "
        "times powers of ten, from 0.0001 to 300, that ends lowest. AdamW is Adam where nothing decays."
    )
    rows = [
        {
            "optimizer": one.optimizer,
            "learning rate": setting(one.rate),
            "height at the end": plain(one.end),
            "steps until it stays below a hundredth": "never" if (steps := one.steps_to(0.01)) is None else str(steps),
        }
        for one in sorted(descents.values(), key=lambda one: one.end)
    ]
    return Part(surface.name.capitalize(), [surface.about], figures, table(caption, rows))


def _contours(surface: Surface, paths: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    return contours_svg(surface.height, surface.x, surface.y, surface.levels, paths, goal=surface.goal)


def _capped(value: float) -> float:
    """What a chart can show: beyond, the line has a gap."""
    return value if value < 1e4 else math.nan


def _spread(values: Sequence[float], digits: int = 4) -> str:
    if not all(map(math.isfinite, values)):
        return "diverged"
    return f"{statistics.fmean(values):.{digits}f} ± {statistics.stdev(values):.{digits}f}"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
