"""Optimizers raced down three surfaces in as many steps, each at a rate of its own: one page of pictures.

How rates are chosen is half of such a comparison (Choi et al. 2019, "On Empirical Comparisons of Optimizers for Deep
Learning"), so each is searched for in the same way: of RATES, the one that ends lowest. On data, model selection compares
them, by validation: `profundo select digits --vary optimizer=sgd,momentum,adam`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from profundo.files import write_text
from profundo.pictures.charts import Line, lines_svg
from profundo.pictures.contours import contours_svg
from profundo.pictures.numbers import plain, setting
from profundo.pictures.sheet import Figure, Part, Sheet, sheet_html
from profundo.records import ProfundoError
from profundo.studies.optimizer_surfaces import STEEP, SURFACES, Descended, Surface, best_of, descend
from profundo.studies.study import table
from profundo.train import OPTIMIZERS

__all__ = ["STEPS", "Race", "check_page", "race", "race_html", "ranks", "write_race"]

STEPS = 200
FAMILIES = {
    "One rate for all": ("sgd", "momentum", "nesterov"),
    "A rate for each parameter": ("adagrad", "adadelta", "rmsprop", "adam"),
}
SAME = {"adamw"}  # as adam, where nothing decays


@dataclass(frozen=True, slots=True)
class Race:
    """descents: by surface and optimizer. ravine: plain descent, too slowly to too fast."""

    steps: int
    descents: Mapping[str, Mapping[str, Descended]]
    ravine: Sequence[Descended]

    def as_plain_data(self) -> dict[str, Any]:
        """For JSON, which has no infinity: the height of a descent that diverged is null."""
        return {
            surface: {
                name: {
                    "rate": one.rate,
                    "height": one.end if math.isfinite(one.end) else None,
                    "steps": one.steps_to(0.01),
                }
                for name, one in descents.items()
            }
            for surface, descents in self.descents.items()
        }


def race(steps: int = STEPS) -> Race:
    """Every optimizer down every surface, each at its best rate."""
    names = [name for name in OPTIMIZERS if name not in SAME]
    descents = {surface.name: {name: best_of(surface, name, steps) for name in names} for surface in SURFACES.values()}
    rates = (0.01 / STEEP, 1.9 / STEEP, 2.1 / STEEP)
    return Race(steps, descents, [descend(SURFACES["ravine"], "sgd", rate, steps) for rate in rates])


def ranks(result: Race) -> list[dict[str, str]]:
    """The race as a table, surface by surface, the lowest first."""
    return [{"surface": surface, **row} for surface in result.descents for row in ranks_on(surface, result)]


def ranks_on(surface: str, result: Race) -> list[dict[str, str]]:
    return [
        {
            "optimizer": one.optimizer,
            "learning rate": setting(one.rate),
            "height at the end": plain(one.end),
            "steps to a hundredth": "never" if (steps := one.steps_to(0.01)) is None else str(steps),
        }
        for one in sorted(result.descents[surface].values(), key=lambda one: one.end)
    ]


# ------------------------------------------------------------------------------------------------------- the page
def race_html(result: Race) -> str:
    """One page that needs nothing else. The same race gives the same page, byte for byte."""
    firsts = [f"{ranks_on(name, result)[0]['optimizer']} on {name}" for name in result.descents]
    lead = f"After {result.steps} steps the lowest are {', '.join(firsts)}. Each had a rate of its own."
    parts = [_surface(surface, result) for surface in SURFACES.values()]
    return sheet_html(Sheet("Optimizers, raced", "As many steps, a rate for each", lead, [*parts, _rates(result)]))


def write_race(result: Race, path: Path) -> None:
    """Raises ProfundoError for a file that is not called .html, or whose folder is not there."""
    check_page(path)
    write_text(path, race_html(result))


def check_page(path: Path) -> None:
    if path.suffix != ".html" or path.is_dir() or not path.absolute().parent.is_dir():
        raise ProfundoError(f"{path}: expected a file that ends in .html, in a folder that exists")


def _rates(result: Race) -> Part:
    names = [
        f"rate {one.rate:g}, {told}" for one, told in zip(result.ravine, ("crawls", "good", "diverges"), strict=True)
    ]
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
    return Part("Too small crawls, too large diverges", [about], figures)


def _surface(surface: Surface, result: Race) -> Part:
    descents = result.descents[surface.name]
    figures = [
        Figure(_contours(surface, {name: descents[name].places for name in names}), f"{family}, each at its own rate.")
        for family, names in FAMILIES.items()
    ]
    caption = (
        f"After {result.steps} steps, the lowest first; heights are above the lowest there is. The rate is that of 1 and 3 "
        "times powers of ten, from 0.0001 to 300, that ends lowest. AdamW is Adam where nothing decays."
    )
    return Part(surface.name.capitalize(), [surface.about], figures, table(caption, ranks_on(surface.name, result)))


def _contours(surface: Surface, paths: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    return contours_svg(surface.height, surface.x, surface.y, surface.levels, paths, goal=surface.goal)


def _capped(value: float) -> float:
    """What a chart can show: beyond, the line has a gap."""
    return value if value < 1e4 else math.nan
