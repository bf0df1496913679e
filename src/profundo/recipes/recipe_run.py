"""Running a recipe: from its settings to a folder with networks, exhibits, scores and a page.

run = run_recipe("vae", {"epochs": 3})           # what `profundo recipe vae --set epochs=3` does
run.outcome.scores, run.generate(16)
run = resume_recipe("runs/vae-1")                  # after an interruption, to the same bits
"""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from profundo.pictures.exhibits import drawn
from profundo.pictures.verdict import score
from profundo.recipes.context import Context
from profundo.recipes.figures.cautions import against_of, cautions_of
from profundo.recipes.figures.figure_meanings import meaning_of
from profundo.recipes.own_data import check_skipping
from profundo.recipes.recipe import RecipeRun, Request, about, find, settle
from profundo.recipes.recipe_folder import keep, read_request, write_page_so_far, write_request
from profundo.records import Interrupted, ProfundoError
from profundo.runs.folder import Folder, environment
from profundo.runs.live.live_progress import Telling, telling
from profundo.runs.resumable import is_out_of_memory
from profundo.runs.voice import Quiet, Voice
from profundo.train.hardware import choose_device
from profundo.train.randomness import seeded

__all__ = ["resume_recipe", "run_recipe"]


def run_recipe(
    name: str,
    given: Mapping[str, Any] | None = None,
    *,
    quick: bool = False,
    seed: int = 0,
    device: str = "auto",
    data_dir: str | None = None,
    skip_bad: bool = False,
    out: str | Path | bool | None = None,
    voice: Voice | None = None,
    **settings: Any,
) -> RecipeRun:
    """Run a recipe. given, settings: those that differ from the recipe's own. skip_bad: leave out images of one's own that do not
    read. out: False keeps nothing.

    The caller's random state is left as it was. Raises Interrupted after SIGINT or SIGTERM, when the state is saved.
    """
    if not 0 <= seed < 2**63:
        raise ProfundoError(f"seed: expected a whole number from 0 to 2⁶³ − 1, got {seed}")
    request = Request(name, settle(name, {**(given or {}), **settings}, quick), seed, device, data_dir, skip_bad)
    if skip_bad:
        check_skipping(name, find(name).takes, request.settings)
    choose_device(device)
    alone()
    folder = None if out is False else Folder.create(name, None if out is True else out)
    with seeded(seed), folder.locked() if folder is not None else nullcontext():
        if folder is not None:
            if folder.experiment.exists():  # somebody was quicker
                raise ProfundoError(f"{folder.path}: already holds a run; choose another --out")
            write_request(folder, request)
        return _run(request, folder, voice or Quiet(), resumed=False)


def resume_recipe(path: str | Path, voice: Voice | None = None) -> RecipeRun:
    """Go on with an interrupted run. It ends with the same bits as if it had never been interrupted."""
    folder = Folder.open(path)
    request = read_request(folder.experiment)
    if folder.scores.exists():
        raise ProfundoError(f"{path}: this run is finished; `profundo report {path}` shows it")
    alone()
    with seeded(request.seed), folder.locked():
        return _run(request, folder, voice or Quiet(), resumed=True)


def alone() -> None:
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ProfundoError("a recipe runs in one process; `profundo train` takes several")


def _run(request: Request, folder: Folder | None, voice: Voice, resumed: bool) -> RecipeRun:
    with telling(folder.path if folder is not None else None) as live:
        return _told(request, folder, voice, resumed, live)


def _told(request: Request, folder: Folder | None, voice: Voice, resumed: bool, live: Telling) -> RecipeRun:
    device = choose_device(request.device)
    voice.open(folder)
    voice.say(f"{request.recipe}: {about(request.recipe)[0]}")
    if resumed:
        voice.say("resumed: trainings that ended are put back, the interrupted one goes on")
    started = time.perf_counter()
    recipe = find(request.recipe)
    on = environment(device, 1)
    page = partial(write_page_so_far, folder, on) if folder is not None else None
    context = Context(request, device=device, folder=folder, voice=voice, takes=recipe.takes, live=live, page=page)
    try:
        outcome = recipe.run(context, request.settings)
    except (Interrupted, KeyboardInterrupt) as interruption:
        if folder is not None:
            voice.notice(f"interrupted, the state is saved; to go on: profundo resume {folder.path}")
        raise interruption if isinstance(interruption, Interrupted) else Interrupted(signal.SIGINT) from None
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise ProfundoError(f"recipe {request.recipe}: more memory than there is; choose smaller settings") from None
    except ProfundoError:
        if folder is not None and not resumed and not context.began:
            folder.discard()  # nothing is lost, and the same command can be given again
        raise
    odd = [name for name, value in outcome.scores.items() if not math.isfinite(value)]
    if odd:
        raise ProfundoError(f"recipe {request.recipe}: {odd[0]} became {outcome.scores[odd[0]]}; try other settings")
    exhibits = [drawn(exhibit) for exhibit in outcome.exhibits]
    cautions = cautions_of(outcome, context.tested)
    seconds = time.perf_counter() - started
    run = RecipeRun(request, outcome, context.trainings, exhibits, seconds, cautions, folder, resumed)
    if folder is not None:
        keep(run, on, context.facts)
    for line in _result_lines(run):
        voice.say(line)
    return run


def _result_lines(run: RecipeRun) -> list[str]:
    outcome = run.outcome
    lines: list[str] = []
    for name, value in outcome.scores.items():
        better = meaning_of(name).better
        beside = [f"{better} is better"] if better else []
        if name in outcome.baseline:
            beside.append(f"{against_of(outcome, name)}: {score(name, outcome.baseline[name])}")
        beside += [f"{rival}: {score(name, value)}" for rival, value in outcome.rivals.items() if not lines]
        lines.append(f"{name}: {score(name, value)}" + (f"   ({'; '.join(beside)})" if beside else ""))
    lines += [*run.cautions, *([outcome.conclusion] if outcome.conclusion else [])]
    lines.append(f"{run.seconds:.1f} s")
    if run.folder is not None:
        lines.append(f"report: {run.folder.report}")
    return lines
