"""`python -m benchmarks.doctor_programs`: train every program, broken and mended, at seeds 0, 1, 2; keep the scores.

A program whose score differs by less than 0.05 is named: its fault does no harm that one can see, and it must go.
`--only WORD …` trains those whose name or cause contains a word, and keeps the others' results."""

from __future__ import annotations

import argparse
import json
import statistics
import warnings
from typing import Any

import torch

from benchmarks.common import RESULTS, keep, seconds

from .measure import measured
from .registry import Entry, programs

SEEDS = (0, 1, 2)
LEAST_HARM = 0.05


def scores(entry: Entry, *, mended: bool) -> list[float | None]:
    return [measured(entry.arguments(mended=mended, seed=seed), entry.score) for seed in SEEDS]


def harm(row: dict[str, Any]) -> float:
    """Distance of the mean scores; a training that ended in an error counts as 0."""
    means = [statistics.fmean(value or 0.0 for value in row[which]) for which in ("broken", "mended")]
    return abs(means[1] - means[0])


def saw(entry: Entry) -> dict[str, Any]:
    """The scores that one sees, and the seconds of one training."""
    row: dict[str, Any] = {"cause": entry.cause, "half": entry.half, "score": entry.score}
    parts = ("broken", "mended") if entry.cause else ("healthy",)
    spent = seconds(lambda: row.update({part: scores(entry, mended=part == "mended") for part in parts}))
    return {**row, "seconds": round(spent / len(parts) / len(SEEDS), 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=[""])
    words = parser.parse_args().only
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    path = RESULTS / "doctor_programs.json"
    rows = json.loads(path.read_text())["programs"] if path.exists() else {}
    for entry in programs():
        if any(word in entry.name or word in (entry.cause or "healthy") for word in words):
            row = rows[entry.name] = saw(entry)
            weak = "  WEAK" if entry.cause and harm(row) < LEAST_HARM else ""
            figures = "  ".join(f"{part} {row[part]}" for part in ("broken", "mended", "healthy") if part in row)
            print(f"{entry.name:40} {entry.cause or 'healthy':24} {figures} {row['seconds']} s{weak}", flush=True)
    keep("doctor_programs", {"seeds": SEEDS, "programs": {e.name: rows[e.name] for e in programs() if e.name in rows}})


if __name__ == "__main__":
    main()
