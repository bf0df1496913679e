"""Surfaces: the loss of a run as a function of its weights, measured from coarse to fine; optimizers that roll down known ones.

The plane of a run, and the ways of optimizers on a real net, come through the channels `surface.…` (lab/benches.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field

from profundo.inspect.landscape_view import FINENESS, KINDS, PlaneView, SurfaceQuestion
from profundo.lab.benches import Bench
from profundo.lab.calls import Call, Nothing, Question
from profundo.lab.desks import Desk
from profundo.lab.opened_runs import looked_runs, run_path
from profundo.lab.rooms.presenting import show_along
from profundo.languages import Said
from profundo.records import ProfundoError
from profundo.runs.settings.manners import MANNERS, default_rate
from profundo.studies.optimizer_race import Budget, Lap, ways_on_digits
from profundo.studies.optimizer_surfaces import RATES, SURFACES, Descended, Surface, best_of, descend
from profundo.studies.optimizer_walk import Walk
from profundo.train import OPTIMIZERS
from profundo.use.looking_into import surface_views

__all__ = ["CALLS"]

ROOM = "surface"
MOST_STEPS = 500

RunName = Annotated[str, Field(max_length=255)]
Ticket = Annotated[int, Field(ge=0, le=2**31)]
Coordinate = Annotated[float, Field(ge=-1e3, le=1e3)]
Rate = Annotated[float, Field(gt=0, le=1e4)]
OptimizerName = Annotated[str, Field(max_length=40)]
SurfaceName = Annotated[str, Field(max_length=40)]


class Planed(Question):
    """kind: of plane; samples: on which the loss is measured; span: of a random plane, in lengths of the weights."""

    run: RunName
    kind: Literal["random", "path"] = "random"
    fineness: Literal["coarse", "medium", "fine"] = "medium"
    samples: Annotated[int, Field(ge=10, le=5000)] = 500
    span: Annotated[float, Field(ge=0.05, le=5)] = 1.0
    seed: Annotated[int, Field(ge=0, le=10**6)] = 0
    ticket: Ticket = 0


class OfSurface(Question):
    surface: SurfaceName
    side: Annotated[int, Field(ge=5, le=161)] = 97


class Descents(Question):
    """From one place, each optimizer at its own rate."""

    surface: SurfaceName
    x: Coordinate
    y: Coordinate
    rates: Annotated[dict[OptimizerName, Rate], Field(min_length=1, max_length=len(OPTIMIZERS))]
    steps: Annotated[int, Field(ge=1, le=MOST_STEPS)] = 200


class Searched(Question):
    """The rates that are soonest below a hundredth of the first height, for good."""

    surface: SurfaceName
    x: Coordinate
    y: Coordinate
    optimizers: Annotated[list[OptimizerName], Field(min_length=1, max_length=len(OPTIMIZERS))]
    steps: Annotated[int, Field(ge=1, le=MOST_STEPS)] = 200
    ticket: Ticket = 0


class Walked(Question):
    """Trainings of a real net on digits, each from the same first weights."""

    rates: Annotated[dict[OptimizerName, Rate], Field(min_length=1, max_length=len(OPTIMIZERS))]
    epochs: Annotated[int, Field(ge=1, le=20)] = 8
    seed: Annotated[int, Field(ge=0, le=10**6)] = 1
    ticket: Ticket = 0


# ------------------------------------------------------------------------------------------------------ the surface of a run
def bench(desk: Desk) -> Bench:
    found: Bench = desk.state(ROOM, lambda: Bench(desk, ROOM))
    return found


def runs(desk: Desk, _: Nothing) -> Mapping[str, Any]:
    """Those that draw come last: most of them lowered another loss than that of their answers, and have no surface."""
    return {"runs": sorted((row for row in looked_runs(desk.lab) if row["looks"]), key=lambda row: row["draws"])}


def plane(desk: Desk, asked: Planed) -> Mapping[str, Any]:
    path = run_path(desk.lab, asked.run)
    question = SurfaceQuestion(asked.kind, asked.fineness, asked.samples, asked.span, asked.seed)

    def work() -> Iterator[Mapping[str, Any]]:
        yield {"run": asked.run, "kind": asked.kind, "wanted": question.wanted}
        for view in surface_views(path, question, keep=desk.role == "owner"):
            yield {"run": asked.run, "wanted": question.wanted, **view_facts(view, question)}

    return bench(desk).ask("plane", asked.ticket, work)


def view_facts(view: PlaneView, question: SurfaceQuestion) -> dict[str, Any]:
    """Only what was measured at the finest stride that is begun."""
    heights = view.heights
    stride = next(one for one in (1, 2, 4, 8) if one >= question.stride and begun(heights.losses, one))
    return {
        "kind": heights.kind,
        "across": np.array(heights.across[::stride], np.float32),
        "up": np.array(heights.up[::stride], np.float32),
        "losses": heights.losses[::stride, ::stride].astype(np.float32),
        "places": np.array(heights.places, np.float32).reshape(-1, 2),
        "explained": heights.explained,
        "epochs": view.epochs,
        "how": view.how,
        "loss": view.loss,
        "samples": view.samples,
        "parameters": view.parameters,
        "measured": int((~np.isnan(heights.losses[:: question.stride, :: question.stride])).sum()),
    }


def begun(losses: np.ndarray, stride: int) -> bool:
    """Whether all places of a stride are measured, or there is none coarser."""
    return stride == 8 or not bool(np.isnan(losses[::stride, ::stride]).any())


def stop(desk: Desk, _: Nothing) -> Mapping[str, Any]:
    for kind in ("plane", "walk", "rates"):
        bench(desk).drop(kind)
    return {}


# ------------------------------------------------------------------------------------------------------- optimizers that roll
def form(_: Desk, __: Nothing) -> Mapping[str, Any]:
    """What there is to choose."""
    return {
        "surfaces": [surface_facts(one) for one in SURFACES.values()],
        "optimizers": list(OPTIMIZERS),
        "rates": RATES,
        "net_rates": {name: default_rate(name, Budget().batch_size, MANNERS["images"]) for name in OPTIMIZERS},
        "kinds": KINDS,
        "fineness": list(FINENESS),
    }


def surface_facts(one: Surface) -> dict[str, Any]:
    names = ("name", "start", "goal", "lowest", "x", "y", "levels")
    return {name: getattr(one, name) for name in names}


def surface_named(name: str) -> Surface:
    if name not in SURFACES:
        raise ProfundoError(Said("refusals.no_surface", name=name, names=tuple(SURFACES)))
    return SURFACES[name]


def check_optimizers(names: Sequence[str]) -> None:
    for name in names:
        if name not in OPTIMIZERS:
            raise ProfundoError(Said("refusals.no_optimizer", name=name, names=tuple(OPTIMIZERS)))


def heights(_: Desk, asked: OfSurface) -> Mapping[str, Any]:
    """The surface at the places of a lattice."""
    surface = surface_named(asked.surface)
    across, up = (torch.linspace(*ends, asked.side, dtype=torch.float64) for ends in (surface.x, surface.y))
    values = surface.height(across[None], up[:, None]).expand(asked.side, asked.side)
    return {"surface": surface.name, "across": across, "up": up, "heights": values}


def descents(_: Desk, asked: Descents) -> Mapping[str, Any]:
    surface = replace(surface_named(asked.surface), start=(asked.x, asked.y))
    check_optimizers(list(asked.rates))
    ways = [descend(surface, name, rate, asked.steps) for name, rate in asked.rates.items()]
    return {"surface": surface.name, "ways": [way_facts(one) for one in ways]}


def way_facts(one: Descended) -> dict[str, Any]:
    return {
        "optimizer": one.optimizer,
        "rate": one.rate,
        "places": np.array(one.places, np.float32),
        "heights": np.array(one.heights, np.float32),
        "diverged": one.diverged,
        "steps": one.steps_to(0.01),
    }


def best_rates(desk: Desk, asked: Searched) -> Mapping[str, Any]:
    """Of one optimizer after the other."""
    surface = replace(surface_named(asked.surface), start=(asked.x, asked.y))
    check_optimizers(asked.optimizers)

    def work() -> Iterator[Mapping[str, Any]]:
        rates: dict[str, float] = {}
        never: list[str] = []  # those that no rate brings there: theirs is the one that ends lowest
        for name in asked.optimizers:
            best = best_of(surface, name, asked.steps)
            rates[name] = best.rate
            never += [name] if best.steps_to(0.01) is None else []
            yield {"surface": asked.surface, "rates": dict(rates), "never": list(never)}

    return bench(desk).ask("rates", asked.ticket, work)


# --------------------------------------------------------------------------------------------------- the same on a real net
def walked(desk: Desk, asked: Walked) -> Mapping[str, Any]:
    check_optimizers(list(asked.rates))

    def work() -> Iterator[Mapping[str, Any]]:
        wanted = len(asked.rates)
        yield {"wanted": wanted, "laps": []}
        for ways in ways_on_digits(asked.rates, Budget(epochs=asked.epochs), asked.seed):
            walked = {} if ways.walk is None else walk_facts(ways.walk)
            told = {"wanted": wanted, "laps": lap_facts(ways.laps), **walked}
            show_along(desk, "walk", told)
            yield told

    return bench(desk).ask("walk", asked.ticket, work)


def lap_facts(laps: Mapping[str, Lap]) -> list[dict[str, Any]]:
    return [
        {"optimizer": name, "rate": lap.rate, "losses": lap.losses, "accuracy": lap.accuracy}
        for name, lap in laps.items()
    ]


def walk_facts(one: Walk) -> dict[str, Any]:
    return {
        "across": np.array(one.across, np.float32),
        "up": np.array(one.up, np.float32),
        "losses": np.array(one.losses, np.float32),
        "ways": {name: np.array(way, np.float32) for name, way in one.ways.items()},
        "explained": one.explained,
    }


CALLS: Mapping[str, Call] = {
    "runs": Call(Nothing, runs, slow=True),
    "plane": Call(Planed, plane),
    "stop": Call(Nothing, stop),
    "form": Call(Nothing, form),
    "heights": Call(OfSurface, heights),
    "descents": Call(Descents, descents, slow=True),
    "rates": Call(Searched, best_rates),
    "walk": Call(Walked, walked, changes=True),  # it trains
}
