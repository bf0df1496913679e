"""Figures of models of sequences: bits a character of a text, shares of sequences and symbols that are right."""

from __future__ import annotations

from collections.abc import Callable
from math import log
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from profundo.evaluate.scores import evaluating

__all__ = ["bits_per_symbol", "exact_matches", "nats_in_windows", "right_symbols", "state_gradients"]


def bits_per_symbol(net: nn.Module, text: Tensor, *, streams: int = 32, steps: int = 256) -> float:
    """Mean of −log₂ p(next symbol) over a text, int64 (symbols,).

    net: (symbols (batch, steps), state) → (logits, state). The text is read in `streams` consecutive parts side by side;
    each part's state is carried from its beginning to its end, so only its very first symbols lack their past. Up to
    streams − 1 symbols at the end are left out; with fewer than 10 symbols for each, there are fewer streams.
    """
    streams = max(1, min(streams, (len(text) - 1) // 10))
    length = (len(text) - 1) // streams
    inputs, targets = (text[first : first + streams * length].view(streams, length) for first in (0, 1))
    total, state = 0.0, None
    with evaluating(net):
        for part, wanted in zip(torch.split(inputs, steps, 1), torch.split(targets, steps, 1), strict=True):
            logits, state = net(part, state)
            total += F.cross_entropy(logits.float().flatten(0, 1), wanted.flatten(), reduction="sum").item()
    return total / (streams * length) / log(2)


def nats_in_windows(logits: Callable[[Tensor], Tensor], text: Tensor, context: int, at_once: int = 32) -> float:
    """Sum of −log p over all symbols of a text, int64 (symbols,), but the first, in nats.

    logits: symbols (batch, steps ≤ context) → (batch, steps, symbols). Windows of `context` symbols overlap by half: of each but the
    first only the second half counts, so that beyond the first half window each symbol has half a context before it at least.
    """
    half, last = context // 2, len(text) - 1
    starts = torch.arange(0, max(1, last - half), half, device=text.device)
    places = starts[:, None] + torch.arange(2 * half, device=text.device)
    counted = (places < last) & ((places >= (starts + half)[:, None]) | (starts == 0)[:, None])
    inputs = text[places.clamp(max=last)]
    targets = text[(places + 1).clamp(max=last)].masked_fill(~counted, -100)
    total = 0.0
    with torch.no_grad():
        for part, wanted in zip(torch.split(inputs, at_once), torch.split(targets, at_once), strict=True):
            told = logits(part).float().flatten(0, 1)
            total += F.cross_entropy(told, wanted.flatten(), reduction="sum").item()
    return total


def exact_matches(predictions: Tensor, targets: Tensor, pad: int) -> Tensor:
    """Whether each sequence said (batch, any steps) is the target (batch, steps), both filled up with `pad`: bool (batch,)."""
    predictions, targets = _as_long(predictions, targets, pad)
    return (predictions == targets).all(1)


def right_symbols(predictions: Tensor, targets: Tensor, pad: int) -> float:
    """Share of the targets' symbols, `pad` left out, that stand at the same place in what was said."""
    predictions, targets = _as_long(predictions, targets, pad)
    meant = targets != pad
    return ((predictions == targets) & meant).sum().item() / meant.sum().item()


def state_gradients(net: nn.RNNBase, inputs: Tensor, cost: Callable[[Tensor], Tensor]) -> Tensor:
    """‖∂L/∂sₜ‖ for the state s after each step t, where L = cost(last output (batch, width)): float (steps,).

    inputs: (steps, batch, features); the norm is over width and layers (of an LSTM over h and c), its mean over the batch.
    With cost summed over the batch these are gradients of each sequence's own cost. ∂L/∂sₜ is the product of the Jacobians
    of the steps after t: it vanishes or explodes with their number (Bengio, Simard & Frasconi 1994).
    """
    state: Any = None
    states: list[tuple[Tensor, ...]] = []
    for step in torch.split(inputs, 1):
        _, state = net(step, state)
        states.append(state if isinstance(state, tuple) else (state,))
    loss = cost(states[-1][0][-1])  # of the state itself, since the output is another tensor to autograd
    whole = [part for parts in states for part in parts]
    result = torch.autograd.grad(loss, whole, allow_unused=True, materialize_grads=True)
    squares = torch.stack([gradient.square().sum((0, 2)) for gradient in result])
    return squares.view(len(states), -1, inputs.shape[1]).sum(1).sqrt().mean(1)


def _as_long(predictions: Tensor, targets: Tensor, pad: int) -> tuple[Tensor, Tensor]:
    longest = max(predictions.shape[1], targets.shape[1])
    filled = [F.pad(sequences, (0, longest - sequences.shape[1]), value=pad) for sequences in (predictions, targets)]
    return filled[0], filled[1]
