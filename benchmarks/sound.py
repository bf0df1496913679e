"""Spoken digits as a folder of sounds: takes that were never heard, and speakers that were never heard.

    python -m benchmarks.sound [--seeds 0 1 2] [--only takes george jackson …] [--net logmel_gru]

Needs spoken-digits/recordings.zip in PROFUNDO_DATA (Jackson et al.): 3,000 recordings by six speakers. By takes, the custom
of this set, takes 0–4 of each speaker and digit are the test and 5–9 validation, so that every speaker of the test was
heard in training. By speakers each of the six is the test in turn, and another one, drawn by the seed, validation: what a
new voice may expect. Settings are the defaults, which were chosen by validation speakers (results/sound_choices.json).
Printed beside each accuracy: the linear yardstick's, and the seconds of training, of which the clock excludes reading.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import tempfile
import zipfile
from pathlib import Path

from filelock import FileLock

from benchmarks.common import RESULTS, machine
from profundo.runs.experiment import new_experiment
from profundo.runs.supervised import train

__all__ = ["main"]

KEPT = RESULTS / "sound.json"
DEFAULT = "logmel_cnn"
NAME = re.compile(r"(?:.*/)?((\d)_([a-z]+)_(\d+)\.wav)")


def split_of(question: str, speaker: str, take: int) -> str:
    """Where a recording belongs. question: "takes", or the speaker who is the test."""
    if question == "takes":
        return "test" if take < 5 else "validation" if take < 10 else "train"
    return "test" if speaker == question else "train"


def laid_out(recordings: Path, question: str, folder: Path) -> Path:
    """A .zip with train/ and test/ and in each a folder per digit."""
    path = folder / f"{question}.zip"
    with zipfile.ZipFile(recordings) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            if match := NAME.fullmatch(name):
                file, digit, speaker, take = match.groups()
                target.writestr(f"{split_of(question, speaker, int(take))}/{digit}/{file}", source.read(name))
    return path


def measured(data: Path, question: str, seed: int, net: str, out: Path) -> dict[str, float]:
    by = {} if question == "takes" else {"split_by": "group:_([a-z]+)_"}
    run = train(new_experiment(data=str(data), seed=seed, net=net, **by), out=out)
    assert run.scores is not None
    return {
        "accuracy": run.scores.values["accuracy"],
        "linear": run.scores.linear["accuracy"],
        "validation": run.history["validation accuracy"][-1],
        "seconds": run.seconds["training"],
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="+", help="takes, or speakers; several processes may share the work")
    parser.add_argument("--net", default=DEFAULT)
    options = parser.parse_args()
    recordings = Path(os.environ["PROFUNDO_DATA"]) / "spoken-digits" / "recordings.zip"
    with zipfile.ZipFile(recordings) as source:
        speakers = sorted({match[3] for name in source.namelist() if (match := NAME.fullmatch(name))})
    questions = options.only or ["takes", *speakers]
    with tempfile.TemporaryDirectory() as place:
        for seed in options.seeds:
            for question in questions:
                net = f", {options.net}" if options.net != DEFAULT else ""
                if (key := f"{question}, seed {seed}{net}") not in kept_runs():
                    data = laid_out(recordings, question, Path(place))
                    keep_run(key, measured(data, question, seed, options.net, Path(place) / key))
                print(key, {name: round(value, 4) for name, value in kept_runs()[key].items()}, flush=True)
    summary(kept_runs(), speakers)


def kept_runs() -> dict[str, dict[str, float]]:
    return dict(json.loads(KEPT.read_text())["runs"]) if KEPT.exists() else {}


def keep_run(key: str, run: dict[str, float]) -> None:
    with FileLock(KEPT.with_suffix(".lock")):
        runs = dict(sorted((kept_runs() | {key: run}).items()))
        KEPT.write_text(json.dumps({"machine": machine(), "runs": runs}, indent=2) + "\n")


def summary(runs: dict[str, dict[str, float]], speakers: list[str]) -> None:
    for name, questions in (("takes", ["takes"]), ("speakers", speakers)):
        mine = {key: one for key, one in runs.items() if key.split(",")[0] in questions and key.count(",") == 1}
        for figure in ("accuracy", "linear", "seconds"):
            if mine:
                values = [one[figure] for one in mine.values()]
                print(f"{name}: {figure} {statistics.mean(values):.4g}, {min(values):.4g} to {max(values):.4g}")


if __name__ == "__main__":
    main()
