"""The doors to what a net has learned, for the runs of trainings and of recipes alike: a folder is opened as what it is.

look_inside("runs/lenet5-1998-1")
explain("runs/siamese-1", images, "occlusion")
landscape("runs/cifar10-1", "runs/cifar10-2")
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import Any

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
from profundo.use.any_run import any_run, subject_that_lowers

__all__ = ["Abilities", "abilities", "explain", "landscape", "look_inside", "looked_of", "surface_views"]


def opened(what: Any, lowers: bool = False) -> Any:
    """Of a folder, or a recipe's run in hand, what can be looked into; all else as it is."""
    if isinstance(what, str | Path):
        return any_run(what).subject(lowers)
    if not isinstance(what, RecipeRun):
        return what
    run, does, _ = subject_of(what.request, what.model, f"recipe {what.request.recipe}")
    return subject_that_lowers((run, does), f"recipe {what.request.recipe}") if lowers else run


@at_the_door
@wraps(inside_page.look_inside)
def look_inside(
    net: Any, data: Any = None, files: Any = (), *, beside: Any = None, **choice: Any
) -> inside_page.Inside:
    return inside_page.look_inside(opened(net), data, files, beside=opened(beside), **choice)


@at_the_door
@wraps(run_explanation.explain)
def explain(net: Any, inputs: Any, method: str = "integrated_gradients", **choice: Any) -> Explanation:
    return run_explanation.explain(opened(net), inputs, method, **choice)


@at_the_door
@wraps(surfaces.landscape)
def landscape(what: Any, other: Any = None, **choice: Any) -> surfaces.Landscape:
    second = opened(other, lowers=True) if is_run(what) else other
    first = opened(what, lowers=True)
    if isinstance(what, str | Path) and choice.get("keep") is None:
        choice["keep"] = Path(what) / "landscape"
    return surfaces.landscape(first, second, **choice)


def is_run(what: Any) -> bool:
    """Whether what comes with it is another run, and not the data of a net."""
    return not isinstance(what, nn.Module)


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a run's folder is good for, as its description says: whether its net can be looked into, whether one draws from
    codes. kind: of inputs, "" where only its data tell."""

    kind: str
    looks: bool
    draws: bool


def abilities(path: Path) -> Abilities:
    """Raises ProfundoError for a folder that does not read."""
    if kind_of(path) == "recipe":
        recipe = find(read_request(path / "experiment.yaml").recipe)
        return Abilities("", recipe.subject is not None, recipe.latent is not None)
    described = read_object(path / "model.json")
    try:
        return Abilities(str(described["spec"]["inputs"]["kind"]), looks=True, draws=False)
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
