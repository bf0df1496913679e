"""What the recipes reach: `profundo recipe NAME` over seeds, each a whole process, one after the other.

python -m benchmarks.recipes [--seeds 3] [--only vae,triplet] [--quick]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

from benchmarks.common import keep, mean_and_spread
from profundo.recipes.catalogue import RECIPES


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default=",".join(RECIPES))
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--name", help="of the result, where settings differ from the recipe's own")
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    settings = [word for text in asked.set for word in ("--set", text)] + (["--quick"] if asked.quick else [])
    for name in asked.only.split(","):
        found: dict[str, list[float]] = {}
        baseline: dict[str, float] = {}
        with tempfile.TemporaryDirectory() as folder:
            for seed in range(asked.seeds):
                command = [sys.executable, "-m", "profundo", "recipe", name, "--json", "--seed", str(seed), *settings]
                started = time.perf_counter()
                done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=os.environ)
                if done.returncode:
                    print(f"{name}: {done.stderr[-2000:]}", flush=True)
                    break
                said = json.loads(done.stdout)
                found.setdefault("whole process seconds", []).append(time.perf_counter() - started)
                for score, value in said["test"].items():
                    found.setdefault(score, []).append(value)
                baseline = said["baseline"]
        for score, values in found.items():
            mean = sum(values) / len(values)
            print(f"{name:22} {score:40} {mean:.5g}  from {min(values):.5g} to {max(values):.5g}", flush=True)
        if found and not asked.quick:
            result = {score: mean_and_spread(values) for score, values in found.items()}
            keep(f"recipe-{asked.name or name}", {**result, "baseline, last seed": baseline, "settings": asked.set})


if __name__ == "__main__":
    main()
