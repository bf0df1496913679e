"""What can be done with a run's folder, whether a recipe's or a training's: the folder says which it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from profundo.recipes import predicting, supervised
from profundo.recipes.cooked import is_recipe_run, open_model, write_page
from profundo.recipes.cooking import go_on
from profundo.recipes.display import Voice
from profundo.recipes.recipe import RecipeRun, predicted

__all__ = ["predict_files", "resume", "write_report"]


def resume(path: str | Path, *, voice: Voice | None = None) -> supervised.Run | RecipeRun:
    """Go on with an interrupted run. It ends with the same bits as if it had never been interrupted.

    Raises ProfundoError when the settings or the data changed meanwhile, naming what.
    """
    return go_on(path, voice) if is_recipe_run(path) else supervised.resume(path, voice=voice)


def predict_files(path: str | Path, files: Sequence[Path]) -> list[dict[str, Any]]:
    """For each input its name ("input"), the "prediction", and what else the method tells."""
    if is_recipe_run(path):
        return predicted(*open_model(path), files)
    return predicting.predict_files(path, files)


def write_report(path: str | Path) -> Path:
    """Write a finished run's page anew. Returns its path."""
    return write_page(path) if is_recipe_run(path) else supervised.open_run(path).report()
