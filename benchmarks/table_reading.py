"""How long tables take: reading, checking, loading and predicting beside Polars alone, and whole commands.

python -m benchmarks.table_reading [--rounds 3] [--rows 10000 100000 1000000]

A CSV of 16 columns of numbers, one of whole numbers, one of words, and a target of two classes. Polars reads it with its own
guess of every column, which is what nothing less than reading costs. The aim is at most 3 times that for reading (cells,
how they are written, values) and for predicting from rows in memory; the commands are whole processes. Medians.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars

from benchmarks.common import keep


def written(path: Path, rows: int) -> None:
    draw = np.random.default_rng(0)
    numbers = draw.normal(size=(16, rows)).round(4)
    frame = polars.DataFrame({f"c{place}": column for place, column in enumerate(numbers)})
    words = draw.choice(["a", "bb", "ccc"], rows)
    target = np.where(numbers[0] + numbers[1] + draw.normal(size=rows) > 0, "u", "v")
    frame.with_columns(k=words, z=draw.integers(0, 100_000, rows), y=target).write_csv(path)


def seconds(work: Callable[[], Any], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def command(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "profundo", *arguments], capture_output=True, check=True)


def measured(rows: int, rounds: int, place: Path) -> dict[str, float]:
    from profundo.data.dataset_names import Reading
    from profundo.data.loading import load
    from profundo.data.tables.table_files import read_table
    from profundo.use.predicting import predictions, predictor
    from profundo.use.prediction_output import tell

    path, run = place / f"{rows}.csv", place / f"run{rows}"
    written(path, rows)
    command("train", str(path), "--target", "y", "--out", str(run))
    ready = predictor(run)

    def answered() -> None:
        with (place / "answers.csv").open("w") as file:
            tell(predictions(ready, [path]), run, "csv", file, print, targets=ready.spec.targets)

    return {
        "Polars": seconds(lambda: polars.read_csv(path), rounds),
        "read": seconds(lambda: read_table(path, Reading(target="y")), rounds),
        "load": seconds(lambda: load(path, target="y"), rounds),
        "predict": seconds(answered, rounds),
        "profundo train": seconds(
            lambda: command("train", str(path), "--target", "y", "--out", str(place / f"{time.time()}")), 1
        ),
        "profundo predict": seconds(
            lambda: command("predict", str(run), str(path), "--out", str(place / "answers.csv")), 1
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    asked = parser.parse_args()
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for rows in asked.rows:
            times = measured(rows, asked.rounds, Path(folder))
            results[f"{rows:,} rows"] = times | {
                "times Polars": {name: times[name] / times["Polars"] for name in list(times)[1:4]}
            }
            told = ", ".join(f"{name} {value:.2f} s ({value / times['Polars']:.1f} ×)" for name, value in times.items())
            print(f"{rows:>9,} rows: {told}", flush=True)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"most memory: {memory:.2f} GiB")
    keep("table_reading", {"rounds": asked.rounds, "rows": results, "most GiB": memory})


if __name__ == "__main__":
    main()
