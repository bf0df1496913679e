"""What the recipes reach: `profundo recipe NAME` over seeds, each a whole process with one thread, as many at once as
there are cores. The seconds are those that its core worked for it, which does not depend on what else runs.

    python -m benchmarks.recipes [--seeds 0 1 2] [--only vae,triplet] [--set NAME=VALUE --name vae-beta] [--at-once 1] [--runs FOLDER]

What earlier calls kept of other seeds, with the same settings, stays beside; `machine` is that of the latest.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from benchmarks.common import RESULTS, keep, mean_and_spread
from profundo.recipes.recipe_names import RECIPES

SECONDS = "processor seconds, whole process"


def run(name: str, seed: int, settings: list[str], kept: Path | None) -> dict[str, Any] | str:
    """What the command says, with the processor's seconds of the whole process; or its last words. kept: where its run lies
    afterwards, nowhere unless told."""
    command = [sys.executable, "-m", "profundo", "recipe", name, "--json", "--seed", str(seed), *settings]
    if kept is not None:
        kept.mkdir(parents=True)
    with nullcontext(kept) if kept is not None else tempfile.TemporaryDirectory() as folder:
        said, words = Path(folder) / "said", Path(folder) / "words"
        with said.open("w") as out, words.open("w") as err:
            process = subprocess.Popen(
                command, stdout=out, stderr=err, cwd=folder, env={**os.environ, "OMP_NUM_THREADS": "1"}
            )
            _, status, used = os.wait4(process.pid, 0)
        if status:
            return words.read_text()[-2000:]
        return {**json.loads(said.read_text()), SECONDS: used.ru_utime + used.ru_stime}


def summarised(name: str, runs: Mapping[int, dict[str, Any] | str], settings: list[str]) -> None:
    good = {seed: said for seed, said in runs.items() if isinstance(said, dict)}
    for said in runs.values():
        if isinstance(said, str):
            print(f"{name}: {said}", flush=True)
    if not good:
        return
    by_seed = sorted((earlier(name, settings) | {seed: kept_of(said) for seed, said in good.items()}).items())
    scores = {score: [own["scores"].get(score) for _, own in by_seed] for score in by_seed[-1][1]["scores"]}
    found = {
        score: values for score, all_of in scores.items() if (values := [one for one in all_of if one is not None])
    }
    for score, values in found.items():
        mean = sum(values) / len(values)
        print(f"{name:22} {score:44} {mean:.5g}  from {min(values):.5g} to {max(values):.5g}", flush=True)
    spread = {score: mean_and_spread(values) for score, values in found.items()}
    first = next(iter(good.values()))
    keep(
        f"recipe-{name}",
        {"seeds": [seed for seed, _ in by_seed], **spread}
        | {"against": first["against"], "by seed": {str(seed): own for seed, own in by_seed}}
        | {"threads of each": 1, "settings": settings},
    )


def kept_of(said: Mapping[str, Any]) -> dict[str, Any]:
    """Of one seed: figures, what stood beside them, further ways by the main figure, and what was concluded."""
    return {
        "scores": {SECONDS: said[SECONDS], **said["test"]},
        "baseline": said["baseline"],
        "rivals": said["rivals"],
        "conclusion": said["conclusion"],
    }


def earlier(name: str, settings: list[str]) -> dict[int, dict[str, Any]]:
    """Seeds that the kept file has already; none where it is of other settings."""
    path = RESULTS / f"recipe-{name}.json"
    before = json.loads(path.read_text()) if path.exists() else {}
    if before.get("settings") != settings:
        return {}
    return {int(seed): own for seed, own in before.get("by seed", {}).items()}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", default=",".join(RECIPES))
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--name", help="of the result, where settings differ from the recipe's own")
    parser.add_argument("--at-once", type=int, default=os.cpu_count(), help="processes, each with one thread")
    parser.add_argument("--runs", type=Path, help="a folder in which the runs are kept, to be looked at")
    asked = parser.parse_args()
    settings = [word for text in asked.set for word in ("--set", text)]
    runs: dict[str, dict[int, Future[dict[str, Any] | str]]] = {}
    with ThreadPoolExecutor(asked.at_once) as pool:
        for name in asked.only.split(","):
            kept = {seed: asked.runs and asked.runs / f"{asked.name or name}-{seed}" for seed in asked.seeds}
            runs[name] = {seed: pool.submit(run, name, seed, settings, folder) for seed, folder in kept.items()}
        for name, futures in runs.items():
            summarised(asked.name or name, {seed: future.result() for seed, future in futures.items()}, asked.set)


if __name__ == "__main__":
    main()
