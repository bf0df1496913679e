"""MNIST from the four files to 99 %: whole processes, imports, evaluation and report included, against the yardstick.

`profundo train mnist` with its defaults, five seeds, and between them the plain PyTorch example (reference_mnist.py).

    python -m benchmarks.mnist_to_99 [--seeds 5] [--references 2]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.common import data_folder, keep, mean_and_spread


def timed(command: list[str], folder: str) -> tuple[float, dict[str, Any]]:
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=True)
    return time.perf_counter() - started, json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--references", type=int, default=2)
    asked = parser.parse_args()
    data = data_folder()
    ours: list[dict[str, Any]] = []
    theirs: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        train = [sys.executable, "-m", "profundo", "train", "mnist", "--data-dir", str(data), "--json", "--seed"]
        timed([*train, "99"], folder)  # once before, so that the files are in the page cache
        reference = [sys.executable, str(Path(__file__).with_name("reference_mnist.py")), str(data / "mnist"), "--seed"]
        for seed in range(max(asked.seeds, asked.references)):
            if seed < asked.references:
                wall, said = timed([*reference, str(seed)], folder)
                theirs.append({"seconds": wall, "epochs": len(said["accuracies"]), "accuracy": said["accuracies"][-1]})
                print("plain PyTorch:", theirs[-1], flush=True)
            if seed < asked.seeds:
                wall, said = timed([*train, str(seed)], folder)
                phases = {name: round(value, 3) for name, value in said["phases"].items()}
                ours.append({"seconds": wall, "accuracy": said["test"]["accuracy"], "epochs": said["epochs"], **phases})
                print("profundo:", ours[-1], flush=True)
    ratio = statistics.median(t["seconds"] for t in theirs) / statistics.median(o["seconds"] for o in ours)
    print(f"{ratio:.1f} times faster")
    keep(
        "mnist_to_99",
        {
            "times faster (medians of whole processes)": ratio,
            "accuracy": mean_and_spread([one["accuracy"] for one in ours]),
            "profundo": ours,
            "plain PyTorch": theirs,
        },
    )


if __name__ == "__main__":
    main()
