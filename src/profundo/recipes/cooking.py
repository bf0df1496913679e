"""Running a recipe: from its settings to a folder with networks, exhibits, scores and a page.

run = cook("vae", {"epochs": 3})           # what `profundo recipe vae --set epochs=3` does
run.outcome.scores, run.generate(16)
run = go_on("runs/vae-1")                  # after an interruption, to the same bits
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from profundo.pictures.exhibits import drawn
from profundo.recipes.bench import Bench
from profundo.recipes.cooked import keep, read_asked, write_asked
from profundo.recipes.display import Quiet, Voice, figure
from profundo.recipes.folder import Folder, environment
from profundo.recipes.recipe import RecipeRun, about, find, settle
from profundo.records import Interrupted, ProfundoError
from profundo.train.hardware import choose_device
from profundo.train.randomness import seeded

__all__ = ["cook", "go_on"]


def cook(
    name: str,
    given: Mapping[str, Any] | None = None,
    *,
    quick: bool = False,
    seed: int = 0,
    device: str = "auto",
    data_dir: str | None = None,
    out: str | Path | bool | None = None,
    voice: Voice | None = None,
) -> RecipeRun:
    """Run a recipe. given: settings that differ from the recipe's own. out: False keeps nothing.

    The caller's random state is left as it was. Raises Interrupted after SIGINT or SIGTERM, when the state is saved.
    """
    asked = settle(name, given or {}, quick)
    choose_device(device)
    folder = None
    if out is not False:
        folder = Folder.create(name, None if out is True else out)
        write_asked(folder, name, asked, seed=seed, device=device, data_dir=data_dir)
    return _run(name, asked, seed, device, data_dir, folder, voice or Quiet(), resumed=False)


def go_on(path: str | Path, voice: Voice | None = None) -> RecipeRun:
    """Go on with an interrupted run. It ends with the same bits as if it had never been interrupted."""
    folder = Folder.open(path)
    name, asked, rest = read_asked(folder)
    if folder.scores.exists():
        raise ProfundoError(f"{path}: this run is finished; `profundo report {path}` shows it")
    return _run(name, asked, rest["seed"], rest["device"], rest["data_dir"], folder, voice or Quiet(), resumed=True)


def _run(
    name: str,
    asked: Any,
    seed: int,
    device: str,
    data_dir: str | None,
    folder: Folder | None,
    voice: Voice,
    resumed: bool,
) -> RecipeRun:
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ProfundoError("a recipe runs in one process; `profundo train` takes several")
    recipe, on = find(name), choose_device(device)
    with seeded(seed), folder.locked() if folder is not None else nullcontext():
        voice.open(folder)
        voice.say(f"{name}: {about(name)[0]}")
        if resumed:
            voice.say("resumed: trainings that ended are put back, the interrupted one goes on")
        started = time.perf_counter()
        settings = {"recipe": name, **dataclasses.asdict(asked), "seed": seed}
        bench = Bench(settings, seed=seed, device=on, data_dir=data_dir, folder=folder, voice=voice)
        try:
            outcome = recipe.run(bench, asked)
        except Interrupted:
            if folder is not None:
                voice.notice(f"interrupted, the state is saved; to go on: profundo resume {folder.path}")
            raise
        exhibits = [drawn(exhibit) for exhibit in outcome.exhibits]
        seconds = time.perf_counter() - started
        run = RecipeRun(name, asked, seed, outcome, bench.trainings, exhibits, seconds, folder)
        if folder is not None:
            keep(run, environment(on, 1))
        for line in _result_lines(run):
            voice.say(line)
        return run


def _result_lines(run: RecipeRun) -> list[str]:
    outcome = run.outcome
    lines = []
    for name, value in outcome.scores.items():
        beside = f"   ({outcome.against}: {figure(name, outcome.baseline[name])})" if name in outcome.baseline else ""
        lines.append(f"{name}: {figure(name, value)}{beside}")
    lines += [outcome.conclusion] if outcome.conclusion else []
    lines.append(f"{run.seconds:.1f} s")
    if run.folder is not None:
        lines.append(f"report: {run.folder.report}")
    return lines
