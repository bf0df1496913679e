"""What the defaults reach: `profundo train NAME` over seeds, each a whole process; and the linear model on the same samples.

No setting is chosen by these figures: each seed has its own split, and the test part of it is looked at here alone.

python -m benchmarks.scores [--seeds 10] [--only digits,iris]
python -m benchmarks.scores --only cifar10 --net resnet --seeds 1
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

SMALL = [
    *("digits", "iris", "wine", "breast-cancer", "diabetes"),
    *("circles", "moons", "spiral", "blobs", "checkerboard", "polynomial", "plane"),
]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--only", default=",".join(SMALL))
    parser.add_argument("--net")
    asked = parser.parse_args()
    net = ["--net", asked.net] if asked.net else []
    for name in asked.only.split(","):
        found: dict[str, list[float]] = {}
        constant: dict[str, float] = {}
        with tempfile.TemporaryDirectory() as folder:
            for seed in range(asked.seeds):
                command = [sys.executable, "-m", "profundo", "train", name, "--json", "--seed", str(seed), *net]
                started = time.perf_counter()
                done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder, env=os.environ)
                said = json.loads(done.stdout)
                found.setdefault("whole process seconds", []).append(time.perf_counter() - started)
                found.setdefault("training seconds", []).append(said["phases"]["training"])
                for score, value in said["test"].items():
                    found.setdefault(score, []).append(value)
                for score, value in said["linear"].items():
                    found.setdefault(f"{score}, linear", []).append(value)
                constant = said["baseline"]
        for score, values in found.items():
            print(
                f"{name:14} {score:28} mean {sum(values) / len(values):.4f}  from {min(values):.4f} to {max(values):.4f}"
            )
        result = {score: mean_and_spread(values) for score, values in found.items()}
        keep(
            f"scores-{name}{'-' + asked.net if asked.net else ''}",
            {**result, "constant predictor, last seed": constant},
        )


if __name__ == "__main__":
    main()
