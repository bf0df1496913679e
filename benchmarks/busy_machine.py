"""What a busy machine costs: commands on a quiet machine, and beside one and two processes that never rest.

python -m benchmarks.busy_machine [--rounds 3] [--mnist] [--before]

Fair time = seconds on the quiet machine × (1 + busy processes / cores): what a command takes that would use all cores and
shares them evenly. The aim is at most 2.2 times the fair time in each case. Whole processes;
the median of the rounds. --before: with PyTorch's own number of threads (OMP_NUM_THREADS = cores), for comparison.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.common import keep

AIM = 2.2
BUSY = (0, 1, 2)


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """So many plain loops beside what runs inside."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def profundo(arguments: Sequence[str], environment: dict[str, str]) -> float:
    """Seconds of one command."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "profundo", *arguments], env=environment, capture_output=True, check=True)
    return time.perf_counter() - started


def fair(quiet: float, processes: int, cores: int) -> float:
    return quiet * (1 + processes / cores)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mnist", action="store_true", help="train mnist too (its files lie in PROFUNDO_DATA)")
    parser.add_argument("--before", action="store_true")
    asked = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    if asked.before:
        environment |= {"OMP_NUM_THREADS": str(cores), "OMP_WAIT_POLICY": "active"}
    results: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        run, image, number = Path(folder) / "run", Path(folder) / "digit.png", 0
        profundo(["train", "digits", "--out", str(run)], environment)
        digit(image)
        commands = {
            "train digits": ["train", "digits"],
            "evaluate": ["evaluate", str(run)],
            "predict": ["predict", str(run), str(image)],
            "data digits": ["data", "digits"],
        }
        if asked.mnist:
            commands["train mnist"] = ["train", "mnist"]
        for name, command in commands.items():
            results[name] = {}
            for others in BUSY:
                seconds = []
                for _ in range(asked.rounds):
                    number += 1
                    out = ["--out", f"{folder}/{number}"] if command[0] == "train" else []
                    with busy(others):
                        seconds.append(profundo([*command, *out], environment))
                median = statistics.median(seconds)
                quiet = results[name].get("0 busy", {"seconds": median})["seconds"]
                ratio = median / fair(quiet, others, cores)
                results[name][f"{others} busy"] = {"seconds": median, "all": seconds, "of the fair time": ratio}
                print(f"{name:14} {others} busy: {median:7.2f} s, {ratio:5.2f} of the fair time", flush=True)
    worst = max(case["of the fair time"] for cases in results.values() for case in cases.values())
    print(f"worst: {worst:.2f} of the fair time; the aim is at most {AIM}")
    keep("busy_machine-before" if asked.before else "busy_machine", {"cores": cores, "aim": AIM, "commands": results})


def digit(path: Path) -> None:
    """An image to predict."""
    from PIL import Image
    from sklearn.datasets import load_digits

    Image.fromarray((load_digits().images[0] * 15).astype("uint8")).save(path)


if __name__ == "__main__":
    main()
