"""How long tables take: reading, checking, loading and predicting beside Polars alone, and whole commands.

python -m benchmarks.table_reading [--rounds 5] [--rows 10000 100000 1000000]

A CSV of 16 columns of numbers, one of whole numbers, one of words, and a target of two classes. Polars reads it with its own
guess of every column, which is what nothing less than reading costs. The aim is at most 3 times that for reading (cells,
how they are written, values), for loading (splits, features, statistics) and for predicting but for the net's own arithmetic,
which stands beside what gradient boosting needs to predict the same rows. Seconds of the processor on one thread, so that
other work on the machine counts little, all in turn; medians. The commands are whole processes: imports, training, figures
and report.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

for name in ("OMP_NUM_THREADS", "POLARS_MAX_THREADS"):  # before they load
    os.environ[name] = "1"

import polars  # noqa: E402
import torch  # noqa: E402

from benchmarks.common import keep  # noqa: E402


def written(path: Path, rows: int) -> None:
    draw = np.random.default_rng(0)
    numbers = draw.normal(size=(16, rows)).round(4)
    frame = polars.DataFrame({f"c{place}": column for place, column in enumerate(numbers)})
    words = draw.choice(["a", "bb", "ccc"], rows)
    target = np.where(numbers[0] + numbers[1] + draw.normal(size=rows) > 0, "u", "v")
    frame.with_columns(k=words, z=draw.integers(0, 100_000, rows), y=target).write_csv(path)


def seconds(work: Callable[[], Any]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


class NoNet(torch.nn.Module):
    """In place of a net, whose arithmetic is measured by itself."""

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return rows[:, :1]


def command(*arguments: str) -> tuple[float, float]:
    """(seconds, most GiB) of a whole process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "profundo", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, arguments
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20


def measured(rows: int, rounds: int, place: Path) -> dict[str, float]:
    from sklearn.ensemble import HistGradientBoostingClassifier

    from profundo.data.dataset_names import Reading
    from profundo.data.loading import load
    from profundo.data.new_inputs import table_rows
    from profundo.data.tables.table_files import read_table
    from profundo.use.predicting import predictions, predictor
    from profundo.use.prediction_output import tell

    path, run = place / f"{rows}.csv", place / f"run{rows}"
    written(path, rows)
    train, train_memory = command("train", str(path), "--target", "y", "--out", str(run))
    predict, predict_memory = command("predict", str(run), str(path), "--out", str(place / "answers.csv"))
    ready, data = predictor(run), load(path, target="y")
    fast = replace(ready, net=NoNet())
    assert isinstance(data.train.inputs, torch.Tensor)

    def answered() -> None:
        with (place / "answers.csv").open("w") as file:
            tell(predictions(fast, [path]), run, "csv", file, print, targets=ready.spec.targets)

    works: dict[str, Callable[[], Any]] = {
        "Polars": lambda: polars.read_csv(path),
        "read": lambda: read_table(path, Reading(target="y")),
        "load": lambda: load(path, target="y"),
        "read and check what is to be predicted": lambda: [
            len(one.names) for one in table_rows(path, ready.spec.inputs)
        ],
        "predict but for the net": answered,
    }
    in_turn = [{name: seconds(work) for name, work in works.items()} for _ in range(rounds)]
    times = {name: statistics.median(one[name] for one in in_turn) for name in works}
    ratios = {
        f"{name}, times Polars": statistics.median(one[name] / one["Polars"] for one in in_turn)
        for name in list(works)[1:]
    }
    parts = data.train.inputs.split(1 << 15)
    trees = HistGradientBoostingClassifier(random_state=0).fit(data.test.inputs, data.test.targets)
    others = {
        "the net": seconds(lambda: [ready.outputs(part) for part in parts]) * rows / len(data.train),
        "boosting predicts the same": seconds(lambda: trees.predict_proba(data.train.inputs)) * rows / len(data.train),
        "profundo train": train,
        "profundo predict": predict,
    }
    return {**times, **ratios, **others, "train, most GiB": train_memory, "predict, most GiB": predict_memory}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    asked = parser.parse_args()
    torch.set_num_threads(1)
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for rows in asked.rows:
            results[f"{rows:,} rows"] = measured(rows, asked.rounds, Path(folder))
            print(
                f"{rows:,} rows:",
                {name: round(value, 2) for name, value in results[f"{rows:,} rows"].items()},
                flush=True,
            )
    keep("table_reading", {"rounds": asked.rounds, "rows": results})


if __name__ == "__main__":
    main()
