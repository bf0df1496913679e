"""The doors to what a net has learned, for the runs of trainings and of recipes alike: a folder is opened as what it is.

look_inside("runs/lenet5-1998-1")
explain("runs/siamese-1", images, "occlusion")
landscape("runs/cifar10-1", "runs/cifar10-2")
look_inside("runs/local-minima-1", member="width 50, 3")
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

from torch import nn

from profundo.files import read_object
from profundo.inside.attributions import Explanation
from profundo.inspect import inside_page, run_explanation
from profundo.inspect import landscape as surfaces
from profundo.inspect.landscape_view import PlaneView, SurfaceQuestion, plane_views
from profundo.inspect.opened_net import Looked, of_run
from profundo.recipes.recipe import RecipeRun, find
from profundo.recipes.recipe_folder import read_request, subject_of
from profundo.records import ProfundoError, at_the_door
from profundo.runs.opening import kind_of
from profundo.runs.run import Run
from profundo.runs.settings.plain_yaml import read_experiment
from profundo.use.any_run import any_run, subject_that_lowers

__all__ = ["Abilities", "abilities", "explain", "landscape", "look_inside", "looked_of", "surface_views"]

Function = TypeVar("Function", bound=Callable[..., Any])
MEMBER = 'member: of a recipe\'s nets that were trained side by side which one, as 2, "width 60" or "width 60, 2"; two for two runs.'


def opened(what: Any, lowers: bool = False, member: str | int | None = None) -> Any:
    """Of a folder, or a recipe's run in hand, what can be looked into; all else as it is."""
    if isinstance(what, str | Path):
        return any_run(what).subject(lowers, member)
    if not isinstance(what, RecipeRun):
        if member is not None:
            raise ProfundoError(
                f"member {member!r}: expected a recipe's run, got a {type(what).__name__}, which is one net; leave it out"
            )
        return what
    name = f"recipe {what.request.recipe}"
    run, does, _ = subject_of(what.request, what.model, name, member)
    return subject_that_lowers((run, does), name) if lowers else run


def both_members(member: Any) -> tuple[Any, Any]:
    """Of the run, and of the run beside it."""
    several = member if isinstance(member, list | tuple) else (member,)
    if len(several) > 2:
        raise ProfundoError(f"member: expected one, or two for two runs, got {len(several)}")
    first, second = (*several, None, None)[:2]
    return first, second


def with_member(inner: Callable[..., Any]) -> Callable[[Function], Function]:
    """The door is as the room's own function, but for which of a recipe's nets, where several were trained side by side."""

    def named(door: Function) -> Function:
        result: Any = wraps(inner)(door)
        takes = inspect.signature(inner)
        own = inspect.Parameter("member", inspect.Parameter.KEYWORD_ONLY, default=None, annotation="str | int | None")
        *before, last = takes.parameters.values()
        ordered = [*before, own, last] if last.kind is last.VAR_KEYWORD else [*before, last, own]
        result.__signature__ = takes.replace(parameters=ordered)
        result.__doc__ = f"{inspect.cleandoc(inner.__doc__ or '')}\n\n{MEMBER}"
        return result  # type: ignore[no-any-return]

    return named


@at_the_door
@with_member(inside_page.look_inside)
def look_inside(
    net: Any, data: Any = None, files: Any = (), *, beside: Any = None, member: Any = None, **choice: Any
) -> inside_page.Inside:
    first, second = both_members(member)
    other = opened(beside, member=second)
    run = opened(net, member=first)
    seen = inside_page.look_inside(run, data, files, beside=other, **choice)
    return seen if run is net or not is_one_of_many(run) else replace(seen, notes=(one_of_many(run), *seen.notes))


def is_one_of_many(run: Run) -> bool:
    """Of a run opened here: whether it is one of the nets that a recipe trained side by side."""
    return run.folder is None and find(str(run.experiment.net).removeprefix("own:")).member is not None


def one_of_many(run: Run) -> str:
    return f"Of the nets that were trained side by side this is {run.data.name}; `--member` takes another."


@at_the_door
@with_member(run_explanation.explain)
def explain(
    net: Any, inputs: Any, method: str = "integrated_gradients", *, member: Any = None, **choice: Any
) -> Explanation:
    return run_explanation.explain(opened(net, member=member), inputs, method, **choice)


@at_the_door
@with_member(surfaces.landscape)
def landscape(what: Any, other: Any = None, *, member: Any = None, **choice: Any) -> surfaces.Landscape:
    one, another = both_members(member)
    second = opened(other, lowers=True, member=another) if is_run(what) else other
    first = opened(what, lowers=True, member=one)
    if isinstance(what, str | Path) and choice.get("keep") is None:
        choice["keep"] = Path(what) / "landscape"
    return surfaces.landscape(first, second, **choice)


def is_run(what: Any) -> bool:
    """Whether what comes with it is another run, and not the data of a net."""
    return not isinstance(what, nn.Module)


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a run's folder alone is good for, as its description says. looks: whether its net can be looked into, which one of
    one's own, or one whose data were in memory, cannot; draws: whether one draws from codes; kind: of inputs, "" where only its
    data tell."""

    kind: str
    looks: bool
    draws: bool


def abilities(path: Path) -> Abilities:
    """Raises ProfundoError for a folder that does not read."""
    if kind_of(path) == "recipe":
        recipe = find(read_request(path / "experiment.yaml").recipe)
        return Abilities("", recipe.looks, recipe.latent is not None)
    described = read_object(path / "model.json")
    try:
        parts = described["net"], read_experiment(path / "experiment.yaml").get("data")
        looks = not any(str(part).startswith("own:") for part in parts)
        return Abilities(str(described["spec"]["inputs"]["kind"]), looks, draws=False)
    except (KeyError, TypeError):
        raise ProfundoError(f"{path / 'model.json'}: expected the description of a net, it says none") from None


def looked_of(path: Path) -> Looked:
    """The net of a run of either kind, with its data and the samples that are looked at first."""
    run = any_run(path).subject()
    looked = of_run(run)
    return replace(looked, title=path.name)


def surface_views(path: Path, asked: SurfaceQuestion, keep: bool = True) -> Iterator[PlaneView]:
    """A plane of the surface around a run of either kind, from coarse to fine."""
    return plane_views(lambda: any_run(path).subject(lowers=True), path, asked, keep)
