"""SIGKILL at random moments: does a training that was killed and resumed end with the bits of one that never was?

Each attempt is a process group that trains, or resumes, and is killed at a moment drawn from U(0, T), T being the time
the longest of three undisturbed trainings takes; that goes on until an attempt finishes first. Then the SHA-256 of the
final weights, of the last checkpoint (optimizer, best weights, generators) and of history.csv are compared with the
undisturbed run's.
Four trainings take turns, among them early stopping, augmentation, dropout and worker processes.

The command line runs in forks of a process that has imported the program, so that the moments fall into the work and
not into `import torch`. A state is saved after every update.

    python -m benchmarks.random_kills --kills 200
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import hashlib
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.common import keep

DROPOUT = "net: mlp\nnet_options: {dropout: 0.2, widths: [32]}\n"
TRAININGS = {
    "rows, dropout": "wine --config dropout.yaml --batch-size 45 --epochs 4",
    "early stopping": "wine --config dropout.yaml --batch-size 45 --epochs 8 --early-stop 2 --learning-rate 0.5",
    "convolutions, augmentation": "digits --net lenet5 --epochs 3 --batch-size 250 --augment shift,noise",
    "streamed by 2 workers": "shapes --config dropout.yaml --stream --workers 2 --epochs 3 --batch-size 8 --augment shift",
}


def command(arguments: list[str]) -> None:
    """`profundo …` in this process, in a group and with an ear of its own."""
    import torch

    from profundo.cli import main

    os.setsid()
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    torch.set_num_threads(1)
    sys.argv = ["profundo", *arguments]
    main()


def start(arguments: list[str]) -> multiprocessing.process.BaseProcess:
    process = multiprocessing.get_context("forkserver").Process(target=command, args=(arguments,))
    process.start()
    return process


def kill(process: multiprocessing.process.BaseProcess) -> None:
    assert process.pid is not None
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:  # before it made its group
        process.kill()
    process.join()


def bits(run: Path) -> dict[str, str]:
    """SHA-256 by part; the newest checkpoint is the one with the highest number. Its state is taken without the seconds it took."""
    last = max((run / "checkpoints").glob("[0-9]*"), key=lambda path: int(path.name))
    files = {"weights": run / "model.safetensors", "history": run / "history.csv"}
    parts = {name: path.read_bytes() for name, path in (files | {"tensors": last / "tensors.safetensors"}).items()}
    state = json.loads((last / "state.json").read_text())["dict"]
    parts["state"] = json.dumps({name: value for name, value in state.items() if name != "seconds"}).encode()
    return {name: hashlib.sha256(content).hexdigest() for name, content in parts.items()}


def undisturbed_seconds(arguments: list[str], run: Path) -> float:
    began = time.perf_counter()
    start([*arguments, "--out", str(run)]).join()
    return round(time.perf_counter() - began, 3)


def train_until_done(arguments: list[str], run: Path, longest: float, draw: random.Random) -> int:
    """Attempts, each killed at U(0, longest) unless it ends first. Returns how many were killed."""
    kills = 0
    while not (run / "scores.json").exists():
        there = (run / "experiment.yaml").exists()
        process = start(["resume", str(run)] if there else [*arguments, "--out", str(run)])
        process.join(draw.uniform(0, longest))
        if process.is_alive():
            kill(process)
            kills += 1
        elif process.exitcode != 0:
            raise RuntimeError(f"{run}: an attempt ended with {process.exitcode} after {kills} kills")
    return kills


def write_images(folder: Path) -> None:
    """48 pictures of noise in three brightnesses, 8 × 8 grey."""
    import numpy as np
    from PIL import Image

    noise = np.random.default_rng(0)
    for index in range(48):
        kind = index % 3
        (folder / f"class{kind}").mkdir(parents=True, exist_ok=True)
        pixels = noise.integers(60 * kind, 60 * kind + 120, (8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"class{kind}" / f"{index}.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # before torch is there
    servers = multiprocessing.get_context("forkserver")
    servers.set_forkserver_preload(
        [
            *("profundo.cli", "profundo.runs.supervised", "profundo.runs.report_facts", "torch._dynamo"),
            *("torch.utils.data", "rich.progress", "sklearn.datasets", "PIL.Image", "jinja2"),
        ]
    )
    draw = random.Random(asked.seed)
    rows = {name: {"seconds": 0.0, "trainings": 0, "kills": 0, "different": 0} for name in TRAININGS}
    undisturbed: dict[str, dict[str, str]] = {}
    with tempfile.TemporaryDirectory() as place, contextlib.chdir(place):
        Path("dropout.yaml").write_text(DROPOUT)
        write_images(Path("shapes"))
        start(["nets"]).join()  # wakes the fork server
        while sum(row["kills"] for row in rows.values()) < asked.kills:
            for name, row in rows.items():
                arguments = ["train", *TRAININGS[name].split(), "--device", "cpu", "--checkpoint-seconds", "0"]
                if name not in undisturbed:
                    row["seconds"] = max(undisturbed_seconds(arguments, Path(name, f"whole-{n}")) for n in range(3))
                    undisturbed[name] = bits(Path(name, "whole-0"))
                run = Path(name, f"killed-{row['trainings']}")
                row["kills"] += train_until_done(arguments, run, row["seconds"], draw)
                row["trainings"] += 1
                row["different"] += bits(run) != undisturbed[name]
    show(rows)
    today = datetime.date.today().isoformat()
    total = {name: sum(row[name] for row in rows.values()) for name in ("trainings", "kills", "different")}
    keep(f"random_kills-{today}", {"seed": asked.seed, **total, "by training": rows})
    sys.exit(1 if any(row["different"] for row in rows.values()) else 0)


def show(rows: dict[str, dict[str, float]]) -> None:
    print(f"{'training':28} {'T':>7} {'trainings':>9} {'kills':>6} {'different':>9}")
    for name, row in rows.items():
        print(f"{name:28} {row['seconds']:6.2f}s {row['trainings']:9} {row['kills']:6} {row['different']:9}")
    trainings, kills, different = (sum(row[k] for row in rows.values()) for k in ("trainings", "kills", "different"))
    print(f"{'all':28} {'':7} {trainings:9} {kills:6} {different:9}")


if __name__ == "__main__":
    main()
