"""What can be done with a run's folder, whether a recipe's or a training's: the folder says which it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from profundo.records import ProfundoError
from profundo.runs.experiment import read_experiment
from profundo.runs.folder import Folder
from profundo.runs.voice import Voice

if TYPE_CHECKING:
    from profundo.data.new_inputs import Entry
    from profundo.recipes.recipe import RecipeRun
    from profundo.records import Targets
    from profundo.runs.supervised import Run

__all__ = ["is_recipe_run", "predict_files", "predictions_for", "resume", "write_report"]


def is_recipe_run(path: str | Path) -> bool:
    """Whether a run's folder is one of a recipe. Raises ProfundoError when there is no run."""
    return "recipe" in read_experiment(Folder.open(path).experiment)


def resume(path: str | Path, *, voice: Voice | None = None) -> Run | RecipeRun:
    """Go on with an interrupted run. It ends with the same bits as if it had never been interrupted.

    Raises ProfundoError when the settings or the data changed meanwhile, naming what.
    """
    if is_recipe_run(path):
        from profundo.recipes.recipe_run import resume_recipe

        return resume_recipe(path, voice)
    from profundo.runs import supervised

    return supervised.resume(path, voice=voice)


def predict_files(path: str | Path, files: Sequence[Path]) -> list[dict[str, Any]]:
    """For each input its name ("input"), the "prediction", and what else the method tells."""
    if is_recipe_run(path):
        from profundo.recipes.recipe import predicted
        from profundo.recipes.recipe_folder import open_model

        return predicted(*open_model(path), files)
    from profundo.use import predicting

    return predicting.predict_files(path, files)


def predictions_for(
    path: str | Path, files: Sequence[Path], skip_bad: bool = False
) -> tuple[Iterable[dict[str, Any] | Entry], Targets | None]:
    """The predictions, one by one as they are asked for, and what they are of. A recipe tells all at once, or nothing.

    Raises ProfundoError where bad files are to be skipped and cannot be.
    """
    if is_recipe_run(path):
        if skip_bad:
            raise ProfundoError(
                f"{path}: --skip-bad is for runs of `profundo train`; a recipe reads all files together"
            )
        return predict_files(path, files), None
    from profundo.use.predicting import predictions, predictor

    ready = predictor(path)
    return predictions(ready, files), ready.spec.targets


def write_report(path: str | Path, out: str | Path | None = None) -> Path:
    """Write a finished run's page anew, into its folder unless told where. Returns its path."""
    if is_recipe_run(path):
        from profundo.recipes.recipe_folder import write_page

        if out is not None:
            raise ProfundoError(f"{path}: a recipe's page stays in its folder; leave out --out and copy it from there")
        return write_page(path)
    from profundo.runs.supervised import open_run

    return open_run(path).report(out)
