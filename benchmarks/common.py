"""What every benchmark shares: the machine's description, pairs of runs in turn, and where results are kept."""

from __future__ import annotations

import datetime
import json
import multiprocessing
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def machine() -> dict[str, Any]:
    import torch

    from profundo.runs.folder import processor

    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def keep(name: str, result: dict[str, Any]) -> Path:
    """Write results/<name>.json with date and machine. Returns its path."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    whole = {"date": datetime.date.today().isoformat(), "machine": machine(), **result}
    path.write_text(json.dumps(whole, indent=2, ensure_ascii=False) + "\n")
    print(f"kept in {path.relative_to(RESULTS.parent.parent)}")
    return path


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def in_turn(works: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each work, taken A B C, A B C …: whatever slows the machine for a while slows them all."""
    return measured_in_turn({name: partial(seconds, work) for name, work in works.items()}, rounds)


def measured_in_turn(works: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """The same for works that tell their seconds. One round more is run first and not counted."""
    for work in works.values():
        work()
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            taken[name].append(work())
    return taken


def in_processes(worker: Callable[[str, Any], None], names: Sequence[str], rounds: int) -> dict[str, list[float]]:
    """The same, each work in a process of its own, so that none profits from what another sets in its process.

    worker(name, pipe) sends None when it is ready; then, for each True that it receives, the seconds of one work.
    They start one after the other: threads of several processes on the same cores wait for each other for minutes.
    """
    context = multiprocessing.get_context("spawn")
    pipes = {}
    for name in names:
        pipes[name], theirs = context.Pipe()
        context.Process(target=worker, args=(name, theirs), daemon=True).start()
        pipes[name].recv()

    def ask(name: str) -> float:
        pipes[name].send(True)
        answer: float = pipes[name].recv()
        return answer

    taken = measured_in_turn({name: partial(ask, name) for name in names}, rounds)
    for pipe in pipes.values():
        pipe.send(False)
    return taken


def ratios(taken: dict[str, list[float]], base: str) -> dict[str, dict[str, float]]:
    """Of each work to the base: the median and spread of the ratios round by round, and the ratio of the fastest runs."""
    found = {}
    for name, times in taken.items():
        by_round = [t / b for t, b in zip(times, taken[base], strict=True)]
        found[name] = {
            "median seconds": statistics.median(times),
            "fastest seconds": min(times),
            "median ratio": statistics.median(by_round),
            "smallest ratio": min(by_round),
            "largest ratio": max(by_round),
            "ratio of fastest": min(times) / min(taken[base]),
        }
    return found


def show(table: dict[str, dict[str, float]]) -> None:
    width = max(map(len, table))
    for name, row in table.items():
        print(f"{name:{width}}  " + "  ".join(f"{column} {value:.3f}" for column, value in row.items()))


def mean_and_spread(values: Sequence[float]) -> dict[str, Any]:
    return {
        "mean": statistics.fmean(values),
        "smallest": min(values),
        "largest": max(values),
        "all": list(values),
    }


def data_folder() -> Path:
    folder = os.environ.get("PROFUNDO_DATA")
    if not folder:
        raise SystemExit("set PROFUNDO_DATA to the folder with mnist/ and cifar10/")
    return Path(folder)
