"""What the recipes reach: `profundo recipe NAME` over seeds, each a whole process on one core, as many at once as there
are cores. So the seconds are those of one core, beside others that are busy.

    python -m benchmarks.recipes [--seeds 3] [--only vae,triplet] [--set NAME=VALUE --name vae-beta]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from benchmarks.common import keep, mean_and_spread
from profundo.recipes.catalogue import RECIPES


def run(name: str, seed: int, settings: list[str]) -> dict[str, Any] | str:
    """What the command says, with the seconds of the whole process; or its last words."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "profundo", "recipe", name, "--json", "--seed", str(seed), *settings]
        started = time.perf_counter()
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=folder, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )
        if done.returncode:
            return done.stderr[-2000:]
        return {**json.loads(done.stdout), "whole process seconds": time.perf_counter() - started}


def summarised(name: str, runs: list[dict[str, Any] | str], settings: list[str]) -> None:
    good = [said for said in runs if isinstance(said, dict)]
    for said in runs:
        if isinstance(said, str):
            print(f"{name}: {said}", flush=True)
    if not good:
        return
    found = {"whole process seconds": [said["whole process seconds"] for said in good]}
    found |= {score: [said["test"][score] for said in good if score in said["test"]] for score in good[0]["test"]}
    for score, values in found.items():
        mean = sum(values) / len(values)
        print(f"{name:22} {score:44} {mean:.5g}  from {min(values):.5g} to {max(values):.5g}", flush=True)
    result = {score: mean_and_spread(values) for score, values in found.items()}
    keep(
        f"recipe-{name}",
        {**result, "baseline, first seed": good[0]["baseline"], "threads of each": 1, "settings": settings},
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default=",".join(RECIPES))
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--name", help="of the result, where settings differ from the recipe's own")
    asked = parser.parse_args()
    settings = [word for text in asked.set for word in ("--set", text)]
    runs: dict[str, list[Future[dict[str, Any] | str]]] = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for name in asked.only.split(","):
            runs[name] = [pool.submit(run, name, seed, settings) for seed in range(asked.seeds)]
        for name, futures in runs.items():
            summarised(asked.name or name, [future.result() for future in futures], asked.set)


if __name__ == "__main__":
    main()
