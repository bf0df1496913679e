"""`python -m benchmarks.doctor_programs`: train every program, broken and mended, and keep the scores of each seed.

Scores that are there already are kept, so that it can be stopped and go on; `--again` trains anew. `--only WORD …` trains
those whose name or cause contains a word. A program whose mean scores differ by less than 0.05 is named: its fault does no
harm that one can see, and it must go."""

from __future__ import annotations

import argparse
import json
import statistics
import time
import warnings
from typing import Any

import torch

from benchmarks.common import RESULTS, keep

from .measure import baseline, measured
from .registry import Entry, programs

LEAST_HARM = 0.05


def parts(entry: Entry) -> tuple[str, ...]:
    return ("broken", "mended") if entry.cause else ("healthy",)


def harm(row: dict[str, Any]) -> float:
    """Distance of the mean scores; a training that ended in an error counts as 0."""
    means = [statistics.fmean(value or 0.0 for value in row[part]) for part in ("broken", "mended")]
    return abs(means[1] - means[0])


def saw(entry: Entry, row: dict[str, Any], seeds: int) -> dict[str, Any]:
    """The row with the scores of all seeds, the score of the best constant answer, and the processor's seconds of a training."""
    guess = baseline(entry.arguments(mended=True)["validation"], entry.score)
    new = {"cause": entry.cause, "half": entry.half, "score": entry.score, "baseline": guess}
    for part in parts(entry):
        new[part] = list(row.get(part, ()))
        for seed in range(len(new[part]), seeds):
            start = time.process_time()
            new[part].append(measured(entry.arguments(mended=part == "mended", seed=seed), entry.score))
            new["seconds"] = round(time.process_time() - start, 1)
    return {**row, **new}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=[""])
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    path = RESULTS / "doctor_programs.json"
    known = json.loads(path.read_text())["programs"] if path.exists() else {}
    for entry in programs():
        row = {} if options.again else known.get(entry.name, {})
        named = any(word in entry.name or word in (entry.cause or "healthy") for word in options.only)
        if not named or all(len(row.get(part, ())) >= options.seeds for part in parts(entry)):
            continue
        row = known[entry.name] = saw(entry, row, options.seeds)
        weak = "WEAK" if entry.cause and harm(row) < LEAST_HARM else ""
        print(entry.name, entry.cause or "healthy", *(f"{p} {row[p]}" for p in parts(entry)), row["seconds"], "s", weak)
        keep("doctor_programs", {"programs": {e.name: known[e.name] for e in programs() if e.name in known}})


if __name__ == "__main__":
    main()
