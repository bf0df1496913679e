"""The global generators: their state as plain data, to be saved, compared and put back."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

__all__ = ["random_state", "restore_random_state", "seed_pytorch", "seeded"]

State = dict[str, Any]


def random_state() -> State:
    """The state of every global generator: PyTorch's on CPU and GPUs, Python's, NumPy's."""
    version, words, gauss = random.getstate()
    kind, keys, *rest = np.random.get_state(legacy=True)
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "python": [version, list(words), gauss],
        "numpy": [str(kind), torch.from_numpy(np.asarray(keys).astype(np.int64)), *(float(r) for r in rest)],
    }


def restore_random_state(state: State) -> None:
    torch.set_rng_state(state["torch"])
    if state["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    kind, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), int(position), int(has_gauss), cached))


def seed_pytorch(seed: int) -> None:
    """The global generators of the CPU and of every GPU. Where there is no GPU torch.manual_seed keeps for three kinds of them
    from where it was called, which takes as long as a step of a small net."""
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_available():
        torch.cuda.manual_seed_all(seed)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Every global generator seeded inside; the caller's own randomness is as before when it ends."""
    before = random_state()
    random.seed(seed)
    np.random.seed(seed % 2**32)
    seed_pytorch(seed)
    try:
        yield
    finally:
        restore_random_state(before)
