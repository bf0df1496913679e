"""What the loop costs a method: updates of recipes in the loop, against the same written by hand in plain PyTorch.

Each of the two runs in a process of its own, in turn; the seconds are the processor's, which do not depend on what else runs. The
allocator keeps its memory for both (train/hardware.py, `keep_heap`): what it does is not the question here.

    python -m benchmarks.recipe_speed [--rounds 7] [--only lstm,gpt,wavenet,vae,dcgan,diffusion]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import torch

from benchmarks import dcgan_by_hand, diffusion_by_hand, gpt_by_hand, lstm_by_hand, vae_by_hand, wavenet_by_hand
from benchmarks.common import data_folder, in_processes, keep, ratios, show
from profundo.recipes.context import Context
from profundo.recipes.recipe import Request
from profundo.recipes.zoo.vae import Settings
from profundo.runs.voice import Quiet
from profundo.train.hardware import keep_heap

UPDATES = {"lstm": 100, "gpt": 20, "wavenet": 8, "vae": 200, "dcgan": 60, "diffusion": 20}
WORKS: dict[str, Callable[[Context], Callable[[int], object]]] = {
    "lstm by hand": lstm_by_hand.by_hand,
    "lstm, profundo": lstm_by_hand.ours,
    "gpt by hand": gpt_by_hand.by_hand,
    "gpt, profundo": gpt_by_hand.ours,
    "wavenet by hand": wavenet_by_hand.by_hand,
    "wavenet, profundo": wavenet_by_hand.ours,
    "vae by hand": vae_by_hand.by_hand,
    "vae, profundo": vae_by_hand.ours,
    "dcgan by hand": dcgan_by_hand.by_hand,
    "dcgan, profundo": dcgan_by_hand.ours,
    "diffusion by hand": diffusion_by_hand.by_hand,
    "diffusion, profundo": diffusion_by_hand.ours,
}


def worker(name: str, pipe: Any) -> None:
    """Does the updates each time it is asked, and answers with the processor's seconds of one."""
    keep_heap()
    request = Request("vae", Settings(), data_dir=str(data_folder()))
    updates = WORKS[name](Context(request, device=torch.device("cpu"), folder=None, voice=Quiet()))
    number = next(count for method, count in UPDATES.items() if name.startswith(method))
    updates(5)
    pipe.send(None)
    while pipe.recv():
        started = time.process_time()
        updates(number)
        pipe.send((time.process_time() - started) / number)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default=",".join(UPDATES))
    asked = parser.parse_args()
    for method in asked.only.split(","):
        pair = [name for name in WORKS if name.startswith(method)]
        show(table := ratios(in_processes(worker, pair, asked.rounds), pair[0]))
        keep(f"recipe_speed-{method}", {"processor seconds an update": table})


if __name__ == "__main__":
    main()
