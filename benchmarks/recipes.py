"""What the recipes reach: `profundo recipe NAME` over seeds, each a whole process with one thread, as many at once as
there are cores. The seconds are those that its core worked for it, which does not depend on what else runs.

    python -m benchmarks.recipes [--seeds 3] [--only vae,triplet] [--set NAME=VALUE --name vae-beta] [--at-once 1] [--runs FOLDER]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from benchmarks.common import keep, mean_and_spread
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


def summarised(name: str, runs: list[dict[str, Any] | str], settings: list[str]) -> None:
    good = [said for said in runs if isinstance(said, dict)]
    for said in runs:
        if isinstance(said, str):
            print(f"{name}: {said}", flush=True)
    if not good:
        return
    found = {SECONDS: [said[SECONDS] for said in good]}
    found |= {score: [said["test"][score] for said in good if score in said["test"]] for score in good[0]["test"]}
    for score, values in found.items():
        mean = sum(values) / len(values)
        print(f"{name:22} {score:44} {mean:.5g}  from {min(values):.5g} to {max(values):.5g}", flush=True)
    keep(f"recipe-{name}", {**kept_of(found, good), "threads of each": 1, "settings": settings})


def kept_of(found: Mapping[str, list[float]], good: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Figures over the seeds, and what stood beside them, of each seed: further ways by the main figure, and what was concluded."""
    return {
        **{score: mean_and_spread(values) for score, values in found.items()},
        "baseline, first seed": good[0]["baseline"],
        "against": good[0]["against"],
        "rivals, by seed": [said["rivals"] for said in good],
        "conclusions, by seed": [said["conclusion"] for said in good],
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default=",".join(RECIPES))
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--name", help="of the result, where settings differ from the recipe's own")
    parser.add_argument("--at-once", type=int, default=os.cpu_count(), help="processes, each with one thread")
    parser.add_argument("--runs", type=Path, help="a folder in which the runs are kept, to be looked at")
    asked = parser.parse_args()
    settings = [word for text in asked.set for word in ("--set", text)]
    runs: dict[str, list[Future[dict[str, Any] | str]]] = {}
    with ThreadPoolExecutor(asked.at_once) as pool:
        for name in asked.only.split(","):
            kept = [asked.runs and asked.runs / f"{asked.name or name}-{seed}" for seed in range(asked.seeds)]
            runs[name] = [pool.submit(run, name, seed, settings, folder) for seed, folder in enumerate(kept)]
        for name, futures in runs.items():
            summarised(asked.name or name, [future.result() for future in futures], asked.set)


if __name__ == "__main__":
    main()
