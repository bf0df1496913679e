"""Writing sequences symbol by symbol, by any net that says how likely each next symbol is.

    greedy    the likeliest symbol each time
    beam      the `width` likeliest beginnings go on together; what the likeliest symbol would hide is found by them
              (Graves 2012, arXiv:1211.3711, section 2.4; Sutskever, Vinyals & Le 2014, section 3.2)
    drawn     by chance: temperature, the k likeliest (Fan, Lewis & Dauphin 2018), the nucleus (Holtzman et al. 2020)

A net takes part as a step: the newest symbols and what is kept of those before them → the log-probabilities of the next, and what is
to be kept.

    step = net.step
    said = greedy(step, begun, state, longest=20)             # begun: int64 (rows, n), a prompt or BEGIN
    for symbol in islice(drawn(step, begun, state, Drawing(0.8, top_p=0.9), generator), 300): ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from profundo.records import END, PAD, ProfundoError
from profundo.trees import leaves, mapped

__all__ = ["Beams", "Drawing", "Kept", "Step", "beam", "drawn", "greedy", "shares"]

Kept = Any
"""What a net keeps of the symbols that it has read: a tensor, rows first, or tuples and dicts of such; None of nothing. A step
makes new tensors, or hands back those it was given, and writes into none."""
Step = Callable[[Tensor, Kept], tuple[Tensor, Kept]]
"""Symbols since the last call, int64 (rows, n), n ≥ 1, and what is kept → log p of the next (rows, symbols), what is kept now."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """How symbols are drawn: from p^(1/temperature), of the `top_k` likeliest only (0: of all), and of them from the fewest that
    together have a share of `top_p` at least. Temperature 0 takes the likeliest.

    Raises ProfundoError for values out of range.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0

    def __post_init__(self) -> None:
        if not (0 <= self.temperature < float("inf") and self.top_k >= 0 and 0 < self.top_p <= 1):
            raise ProfundoError(
                "drawing: expected temperature ≥ 0, top_k ≥ 0 and top_p above 0 and up to 1, got "
                f"{self.temperature}, {self.top_k} and {self.top_p}"
            )


@dataclass(frozen=True, slots=True)
class Beams:
    """The likeliest sequences of each row, the best first: int64 (rows, width, ≤ longest) with END, then PAD; and their log p
    (rows, width), −∞ where there are fewer."""

    sequences: Tensor
    log_shares: Tensor


def greedy(step: Step, begun: Tensor, kept: Kept = None, *, longest: int, end: int = END, pad: int = PAD) -> Tensor:
    """The likeliest symbol each time, until all rows have ended: int64 (rows, ≤ longest) with `end`, then `pad`."""
    over = torch.zeros(len(begun), dtype=torch.bool, device=begun.device)
    said: list[Tensor] = [begun[:, :0]]
    for symbols in islice(drawn(step, begun, kept, Drawing(temperature=0)), longest):
        said.append(symbols.masked_fill(over, pad)[:, None])
        over = over | (symbols == end)
        if bool(over.all()):
            break
    return torch.cat(said, 1)


@torch.no_grad()
def drawn(
    step: Step,
    begun: Tensor,
    kept: Kept = None,
    how: Drawing = Drawing(),
    generator: torch.Generator | None = None,
) -> Iterator[Tensor]:
    """Symbols after those that are begun, (rows,) each, without an end: as many as are asked for. generator: on the CPU."""
    symbols = begun
    while True:
        log_shares, kept = step(symbols, kept)
        chosen = chosen_symbols(log_shares, how, generator)
        yield chosen
        symbols = chosen[:, None]


def chosen_symbols(log_shares: Tensor, how: Drawing, generator: torch.Generator | None) -> Tensor:
    """int64 (rows,): one of each row of (rows, symbols)."""
    if how.temperature == 0:
        return log_shares.argmax(1)
    drawn_now = torch.multinomial(shares(log_shares, how).cpu(), 1, generator=generator)
    return drawn_now[:, 0].to(log_shares.device)


def shares(log_shares: Tensor, how: Drawing) -> Tensor:
    """The probabilities that symbols are drawn with, (rows, symbols), from log p of the same shape; temperature above 0."""
    heights = log_shares.float() / how.temperature
    if 0 < how.top_k < heights.shape[1]:
        least = heights.topk(how.top_k, 1).values[:, -1:]
        heights = heights.masked_fill(heights < least, -torch.inf)
    result = torch.softmax(heights, 1)
    return result if how.top_p == 1 else nucleus(result, how.top_p)


def nucleus(shares: Tensor, least: float) -> Tensor:
    """Of each row (rows, symbols) the fewest symbols whose shares come to `least`, scaled to 1; of equals the first."""
    ordered, places = shares.sort(dim=1, descending=True, stable=True)
    before = ordered.cumsum(1) - ordered
    kept = torch.zeros_like(shares).scatter(1, places, ordered * (before < least))
    return kept / kept.sum(1, keepdim=True)


@torch.no_grad()
def beam(
    step: Step,
    begun: Tensor,
    kept: Kept = None,
    *,
    longest: int,
    width: int = 5,
    penalty: float = 0.0,
    end: int = END,
    pad: int = PAD,
) -> Beams:
    """The likeliest sequences, of which at each length only the `width` best go on.

    penalty: α in log p / ((5 + symbols) / 6)^α, by which they are ordered at the end: above 0 it favours longer ones (Wu et al.
    2016, arXiv:1609.08144, equation 14). Raises ProfundoError for a width below 1.
    """
    if width < 1:
        raise ProfundoError(f"beam: expected a width of at least 1, got {width}")
    rows, device = len(begun), begun.device
    first = torch.arange(rows, device=device).repeat_interleave(width)
    read = rows_of(kept, first)
    symbols, kept = begun[first], read
    sums = torch.zeros(rows, width, device=device)
    sums[:, 1:] = -torch.inf  # in the beginning they are all the same
    sequences = begun.new_zeros(rows, width, 0)
    over = torch.zeros(rows, width, dtype=torch.bool, device=device)
    for _ in range(longest):
        log_shares, kept = step(symbols, kept)
        sums, before, chosen = best(sums, silent(log_shares.view(rows, width, -1), over, pad))
        sequences = torch.cat([row_wise(sequences, before), chosen[:, :, None]], 2)
        over = over.gather(1, before) | (chosen == end)
        if bool(over.all()):
            break
        kept = rows_of(kept, (before + width * torch.arange(rows, device=device)[:, None]).flatten(), read)
        symbols = chosen.view(-1, 1)
    lengths = (sequences != pad).sum(2)
    order = (sums / ((5 + lengths) / 6) ** penalty).argsort(descending=True, dim=1, stable=True)
    return Beams(row_wise(sequences, order), sums.gather(1, order))


def silent(log_shares: Tensor, over: Tensor, pad: int) -> Tensor:
    """log p (rows, width, symbols); sequences that are over, bool (rows, width), go on with `pad` alone, at no cost."""
    only_pad = torch.full_like(log_shares[0, 0], -torch.inf)
    only_pad[pad] = 0
    return torch.where(over[:, :, None], only_pad, log_shares)


def best(sums: Tensor, log_shares: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The best of all continuations of each row: their log p, which beginning each continues, and by which symbol."""
    width, symbols = log_shares.shape[1:]
    sums, places = (sums[:, :, None] + log_shares).flatten(1).topk(width, 1)
    return sums, places // symbols, places % symbols


def row_wise(sequences: Tensor, places: Tensor) -> Tensor:
    """Those at the places (rows, width) of (rows, width, length)."""
    return sequences.gather(1, places[:, :, None].expand(-1, -1, sequences.shape[2]))


def rows_of(kept: Kept, places: Tensor, read: Kept = None) -> Kept:
    """The rows at these places. read: what was kept before the first symbol, of which all beginnings of a row have the same: where a
    step hands it back, it stays where it is. What a step has written differs by beginning, though a later one hands it back."""
    same = {id(leaf) for leaf in leaves(read)}
    return mapped(lambda leaf: leaf if leaf is None or id(leaf) in same else leaf.index_select(0, places), kept)
