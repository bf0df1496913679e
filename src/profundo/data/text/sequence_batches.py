"""Sequences of different lengths in one batch, and digit strings with their reversal.

Reversal is the smallest translation: the output is a sequence whose first symbol depends on the input's last, so that a
net that reads and then writes has to remember everything, and one that attends has only to look (Bahdanau et al. 2015).

Symbols: 0 pads, 1 begins, 2 ends, 3 … 12 are the digits. Strings whose digits add up to a multiple of ten are held out
for validation and test: a tenth of the strings of every length, that training never shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from profundo.data.batches import generator, mix
from profundo.data.drawn_batches import DrawnBatches
from profundo.records import BEGIN, END, PAD, Batch, ProfundoError

__all__ = [
    "BEGIN",
    "END",
    "PAD",
    "SYMBOLS",
    "Padded",
    "first_symbols",
    "held_out",
    "reversal_batch",
    "reversals",
    "symbols",
    "written",
]

ZERO = 3  # after padding, beginning and end
SYMBOLS = ZERO + 10


@dataclass(frozen=True, slots=True)
class Padded(Batch):
    """Inputs (batch, longest, …) of which only the first `lengths` steps are meant; int64 (batch,), on the CPU."""

    lengths: Tensor


def reversals(
    batch_size: int,
    in_epoch: int,
    *,
    longest: int = 12,
    shortest: int = 1,
    test: bool = False,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> DrawnBatches:
    """Batches of random digit strings and their reversals, each a function of (seed, number).

    inputs: int64 (batch, longest); targets: int64 (batch, longest + 1), the reversal and END; both padded with PAD.
    shortest, longest: the lengths, drawn uniformly. test: strings of the held-out tenth only, else of the others only.
    """
    if not 1 <= shortest <= longest:
        raise ProfundoError(f"reversal: expected lengths 1 ≤ shortest ≤ longest, got {shortest} and {longest}")

    def draw(number: int) -> Batch:
        own = generator(mix(seed, test), number, torch.device("cpu"))
        made = reversal_batch(strings(batch_size, (shortest, longest), test, own))
        return Batch(made.inputs.to(device), made.targets.to(device), made.total)

    return DrawnBatches(draw, in_epoch)


def strings(count: int, lengths: tuple[int, int], test: bool, own: torch.Generator) -> Tensor:
    """Digit symbols int64 (count, longest), padded, all held out or none of them."""
    shortest, longest = lengths
    results: list[Tensor] = []
    while sum(map(len, results)) < count:
        drawn = torch.randint(ZERO, ZERO + 10, (2 * count, longest), generator=own)
        length = torch.randint(shortest, longest + 1, (2 * count, 1), generator=own)
        drawn = drawn.masked_fill(torch.arange(longest) >= length, PAD)
        results.append(drawn[held_out(drawn) == test])
    return torch.cat(results)[:count]


def held_out(strings: Tensor) -> Tensor:
    """Whether the digits of each string (strings, longest) add up to a multiple of ten."""
    digits = (strings - ZERO).clamp(min=0)  # padding counts nothing
    return digits.sum(1) % 10 == 0


def reversal_batch(strings: Tensor) -> Batch:
    """The strings (batch, longest) and their reversals with END, cut to the longest string there is."""
    lengths = (strings != PAD).sum(1, keepdim=True)
    longest = int(lengths.max())
    place = torch.arange(longest + 1)
    backwards = strings.gather(1, (lengths - 1 - place).clamp(min=0))
    targets = backwards.masked_fill(place > lengths, PAD).masked_fill(place == lengths, END)
    return Batch(strings[:, :longest], targets, len(strings))


def symbols(words: Sequence[str]) -> Tensor:
    """Strings of digits → int64 (words, longest), padded. Raises ProfundoError for anything but digits."""
    for word in words:
        if not (word and word.isascii() and word.isdigit()):
            raise ProfundoError(f"reversal: expected a string of digits such as 31415, got {word!r}")
    longest = max(map(len, words))
    return torch.tensor([[ZERO + int(digit) for digit in word] + [PAD] * (longest - len(word)) for word in words])


def written(indices: Tensor) -> str:
    """The digits of the symbols (length,), up to the first END; what is no digit is shown as ·."""
    told = indices.tolist()
    told = told[: told.index(END)] if END in told else told
    return "".join(str(symbol - ZERO) if symbol >= ZERO else "·" for symbol in told if symbol != PAD)


def first_symbols(
    symbols: int, lag: int, batch_size: int, in_epoch: int, *, seed: int = 0, device: torch.device | str = "cpu"
) -> DrawnBatches:
    """The memory task: which was the first symbol? Others, which mean nothing, follow it.

    inputs: int64 (batch, lag + 1): a symbol below `symbols`, then `lag` symbols from `symbols` up to twice that; targets:
    int64 (batch,), the first of each. A function of (seed, number). After the latching problem of Bengio, Simard &
    Frasconi 1994 and task 2a of Hochreiter & Schmidhuber 1997.
    """

    def draw(number: int) -> Batch:
        own = generator(seed, number, torch.device("cpu"))
        first = torch.randint(symbols, (batch_size, 1), generator=own)
        others = torch.randint(symbols, (batch_size, lag), generator=own) + symbols
        inputs = torch.cat([first, others], 1).to(device)
        return Batch(inputs, inputs[:, 0], batch_size)

    return DrawnBatches(draw, in_epoch)
