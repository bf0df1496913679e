"""The doors to what a net has learned, for the runs of trainings and of recipes alike: a folder is opened as what it is.

look_inside("runs/lenet5-1998-1")
explain("runs/siamese-1", images, "occlusion")
landscape("runs/cifar10-1", "runs/cifar10-2")
"""

from __future__ import annotations

from functools import wraps
from pathlib import Path
from typing import Any

from torch import nn

from profundo.inside.attributions import Explanation
from profundo.inspect import inside_page, run_explanation
from profundo.inspect import landscape as surfaces
from profundo.recipes.recipe import RecipeRun
from profundo.recipes.recipe_folder import subject_of
from profundo.records import at_the_door
from profundo.use.any_run import any_run, subject_that_lowers

__all__ = ["explain", "landscape", "look_inside"]


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
