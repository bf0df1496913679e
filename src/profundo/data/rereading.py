"""Samples of a Dataset with random transforms, read anew in every epoch, so that augmentation written in `__getitem__`,
or in a collate function, changes the input, and the target that belongs to it, each time they are seen.

Every reading of a sample is a function of a seed: the global generators of PyTorch, NumPy and Python are seeded before each,
the first reading by the sample's number, those of training by seed and place in training. Whoever reads, this process,
workers, or several processes that share a batch, gets the same bits. What is made of a sample is as the first reading
had it: same layout, width, classes.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from profundo.data.object_arrays import (
    Raw,
    Taker,
    as_seen,
    images_of,
    plain,
    targets_for,
    tensor_inputs,
    tensor_of,
)
from profundo.data.recognising import is_image
from profundo.records import PAD, ProfundoError, Samples, Spec
from profundo.trees import leaves, mapped

__all__ = ["Rereading", "differences", "draw_from", "own_draws"]

Again = Callable[[Sequence[int], Sequence[int]], Any]
"""From the numbers of samples, and a seed for each, to these samples as they come, a Raw."""

FEW = 32  # samples of which two readings are compared: a change to one in ten is then missed once in 800 times
OTHER = 2**31  # seeds of the second reading are so much larger


@contextmanager
def own_draws() -> Iterator[None]:
    """The global generators of the CPU are afterwards as they were before."""
    before = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])


def draw_from(seed: int) -> None:
    """Seed the global generators of the CPU, in 20 µs; torch.manual_seed would also look for GPUs."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.default_generator.manual_seed(seed)


def differences(again: Again, samples: int) -> tuple[str, ...]:
    """A sentence where two readings of a few samples, evenly spread, differ; none where they do not."""
    few = np.unique(np.linspace(0, samples - 1, min(FEW, samples)).astype(int)).tolist()
    first, repeated, other = (again(few, [number + more for number in few]) for more in (0, 0, OTHER))
    if same(first, other):
        return ()
    note = (
        "the samples differ each time they are read, as random transforms make them: training reads them anew in every epoch, "
        "figures are of what was read once"
    )
    if same(first, repeated):
        return (note,)
    return (
        f"{note}; they have a generator of their own, with which no run repeats: draw from the global ones instead",
    )


def same(one: Any, other: Any) -> bool:
    """Whether two readings have the same bits."""
    if isinstance(one, Raw):
        return same((one.inputs, one.targets), (other.inputs, other.targets))
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(same(part, other[name]) for name, part in one.items())
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(same, one, other))
    a, b = np.asarray(one), np.asarray(other)
    return (a.shape, a.dtype) == (b.shape, b.dtype) and a.tobytes() == b.tobytes()


@dataclass(frozen=True, slots=True)
class Rereading:
    """A Source: of rows (number, seed), int64 (n, 2), the tensors of these samples, those of the inputs before those of the
    targets, raw. like: one sample as it is kept."""

    again: Again
    like: Samples
    spec: Spec
    samples: int

    def __len__(self) -> int:
        return self.samples

    def gather(self, rows: Tensor) -> list[Tensor]:
        raw = self.again(*rows.T.tolist())
        inputs = inputs_as(self.like, raw.inputs, self.spec)
        return [*leaves(inputs), *leaves(targets_as(self.like, raw, inputs, self.spec))]


def inputs_as(like: Samples, given: Any, spec: Spec) -> Any:
    """Inputs as they came, made to tensors as those of the first reading were."""
    wanted: Any = like.inputs
    lengths = isinstance(wanted, tuple) and not isinstance(given, tuple)
    kept = any(one.kind == "any" for one in spec.inputs.parts or (spec.inputs,))
    given = mapped(lambda leaf, own: images_of(leaf, own.shape[1:]) if is_images(leaf) else leaf, given, wanted)
    inputs = mapped(
        fitted, tensor_inputs([given], "data", Taker(outputs=lambda _: kept or None, lengths=lengths))[0], wanted
    )
    return (inputs[0], inputs[1].clamp(max=inputs[0].shape[1])) if lengths else inputs


def targets_as(like: Samples, raw: Raw, inputs: Any, spec: Spec) -> Any:
    if raw.targets is None:
        targets = mapped(as_seen, inputs)
    elif spec.targets.kind != "any":
        targets = targets_for(plain(raw.targets), spec.targets, raw.classes)
    elif isinstance(raw.targets, tuple | Mapping):
        targets = mapped(lambda leaf: tensor_of(leaf, "targets"), raw.targets)
    else:
        targets = tensor_of(plain(raw.targets), "targets")
    return mapped(fitted, targets, like.targets)


def is_images(given: Any) -> bool:
    return isinstance(given, list) and bool(given) and is_image(given[0])


def fitted(values: Tensor, like: Tensor) -> Tensor:
    """(samples, …) in the shape and type of `like`: an axis of channels in its place, sequences padded or cut to their width."""
    if values.ndim < like.ndim:
        values = values.unsqueeze(1)
    sequence = like.ndim in (2, 3) and values.shape[2:] == like.shape[2:]
    if values.shape[1:] != like.shape[1:] and not sequence:
        shapes = tuple(like.shape[1:]), tuple(values.shape[1:])
        raise ProfundoError(
            f"data: expected samples {shapes[0]} as before, got {shapes[1]}; let transforms keep the shape"
        )
    if values.shape[1:] != like.shape[1:]:
        whole = like.new_full((len(values), *like.shape[1:]), PAD)
        steps = min(values.shape[1], like.shape[1])
        whole[:, :steps] = values[:, :steps]
        return whole
    return values.to(like.dtype)
