"""What can be done with a run's folder, whether a recipe's or a training's.

any_run("runs/digits-1").predictions(files)      # the folder says which kind of run it is

Each kind does what it can, and refuses the rest in one line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from profundo.languages import Said
from profundo.records import ProfundoError, Scores, at_the_door
from profundo.runs.opening import kind_of
from profundo.runs.voice import Voice

if TYPE_CHECKING:
    from profundo.data.new_inputs import Entry
    from profundo.recipes.recipe import RecipeRun
    from profundo.records import Targets
    from profundo.runs.run import Run
    from profundo.use.predicting import Answers

__all__ = ["any_run", "resume"]


@dataclass(frozen=True, slots=True)
class TrainingFolder:
    """What is predicted comes one by one as it is asked for, with what it is of; None of a recipe's."""

    path: Path

    def resume(self, voice: Voice | None) -> Run:
        from profundo.runs import supervised

        return supervised.resume(self.path, voice=voice)

    def evaluate(self, split: str | Path) -> Scores:
        """On one of its own splits, or on what is at a path."""
        from profundo.runs.supervised import open_run

        return open_run(self.path, evaluate=False).evaluate(split)

    def predictions(
        self,
        files: Sequence[Path],
        skip_bad: bool,
        least: float | None = None,
        draw: Path | None = None,
        given: Mapping[str, Any] | None = None,
    ) -> tuple[Iterable[dict[str, Any] | Answers | Entry], Targets | None]:
        """Of objects: least, the score from which they are told; draw, a folder for the images with them in boxes. Bad files are told
        one by one, as entries; skip_bad: whether the others are drawn all the same. given: what is said of files that a recipe
        predicts; nothing here."""
        if given:
            raise ProfundoError(
                f"{self.path}: --set, --size and --hint are for recipes that say so, this is a run of `profundo train`; leave out "
                f"{next(iter(given))}"
            )
        from profundo.use.painted_files import painted_predictions
        from profundo.use.predicting import predictions, predictor

        ready = predictor(self.path)
        if least is not None or draw is not None:
            ready = ready.telling_from(ready.spec.targets.threshold if least is None else least)
        told = predictions(ready, files) if draw is None else painted_predictions(ready, files, draw, skip_bad)
        return told, ready.spec.targets

    def write_report(self, out: Path | None, lang: str | None = None) -> Path:
        from profundo.runs.supervised import open_run

        return open_run(self.path).report(out, lang=lang)

    def subject(self, lowers: bool = False, member: str | int | None = None) -> Run:  # noqa: ARG002 - it lowers its loss
        """What can be looked into: the net with its data. lowers: only where training lowered the loss that they have.
        member: which, of a recipe's nets that were trained side by side."""
        from profundo.runs.opening import open_run

        if member is not None:
            raise ProfundoError(
                f"{self.path}: a training has one net, and member {member!r} is none of it; leave it out"
            )
        return open_run(self.path, evaluate=False)


@dataclass(frozen=True, slots=True)
class RecipeFolder:
    path: Path

    def resume(self, voice: Voice | None) -> RecipeRun:
        from profundo.recipes.recipe_run import resume_recipe

        return resume_recipe(self.path, voice)

    def evaluate(self, split: str | Path) -> Scores:  # noqa: ARG002
        raise ProfundoError(
            f"{self.path}: a recipe evaluates its own networks; its scores are in {self.path}/scores.json"
        )

    def predictions(
        self,
        files: Sequence[Path],
        skip_bad: bool,
        least: float | None = None,
        draw: Path | None = None,
        given: Mapping[str, Any] | None = None,
    ) -> tuple[Iterable[dict[str, Any]], None]:
        from profundo.recipes.recipe import predicted
        from profundo.recipes.recipe_folder import open_model

        if least is not None or draw is not None:
            raise ProfundoError(
                f"{self.path}: --least, --coco and --draw are for nets that find objects, a recipe's are none; leave it out"
            )
        if skip_bad:
            raise ProfundoError(
                f"{self.path}: --skip-bad is for runs of `profundo train`; a recipe reads all files together"
            )
        return predicted(*open_model(self.path), files, given), None

    def write_report(self, out: Path | None, lang: str | None = None) -> Path:
        from profundo.recipes.recipe_folder import write_page

        if out is not None:
            raise ProfundoError(
                f"{self.path}: a recipe's page stays in its folder; leave out --out and copy it from there"
            )
        if lang not in (None, "en"):
            raise ProfundoError(f"{self.path}: a recipe's page is written in English; leave out --lang")
        return write_page(self.path)

    def subject(self, lowers: bool = False, member: str | int | None = None) -> Run:
        from profundo.recipes.recipe_folder import open_subject

        subject = open_subject(self.path, member)
        return subject_that_lowers(subject, str(self.path)) if lowers else subject[0]


def subject_that_lowers(subject: tuple[Run, bool], what: str) -> Run:
    """Raises ProfundoError where training lowered another loss than that of the answers."""
    run, lowers = subject
    if not lowers:
        raise ProfundoError(
            f"{what}: this recipe lowered another loss than that of its answers, so a surface of theirs is none that it walked on; "
            "`profundo inside` shows what the net has learned",
            told=Said("refusals.other_loss"),
        )
    return run


def any_run(path: str | Path) -> TrainingFolder | RecipeFolder:
    """The run in a folder. Raises ProfundoError when there is none."""
    return RecipeFolder(Path(path)) if kind_of(path) == "recipe" else TrainingFolder(Path(path))


@at_the_door
def resume(path: str | Path, *, voice: Voice | None = None) -> Run | RecipeRun:
    """Go on with an interrupted run. It ends with the same bits as if it had never been interrupted.

    Raises ProfundoError when the settings or the data changed meanwhile, naming what.
    """
    return any_run(path).resume(voice)
