"""A count model of text, the rival that a neural language model has to beat: Witten–Bell interpolated n-grams.

    p(x | h) = (N(h x) + T(h) p(x | h')) / (N(h) + T(h))

N(h x) is how often x followed the context h in training, N(h) the sum over x, T(h) the number of different x among them,
and h' the context without its oldest symbol; below the empty context is the uniform distribution. A context seen often and
with few continuations is trusted, another falls back on the shorter one (Witten & Bell 1991, method C; Chen & Goodman 1999).
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from profundo.records import ProfundoError

__all__ = ["ngram_bits"]


def ngram_bits(train: Tensor, test: Tensor, symbols: int, orders: int) -> list[float]:
    """Mean of −log₂ p over the test text for n-grams of 1, 2, … `orders` symbols, all counted on the training text.

    train, test: int64 (symbols,), not empty, values below `symbols`. Order 1 is the unigram model: how common each symbol is.
    """
    if symbols**orders >= 2**63:
        raise ProfundoError(f"n-grams: expected {symbols} symbols to the power of the order to stay below 2⁶³")
    seen, asked = train.numpy(), test.numpy()
    shares = np.full(len(asked), 1 / symbols)
    results: list[float] = []
    for order in range(1, orders + 1):
        if order > min(len(seen), len(asked)):  # no run is so long
            results.append(results[-1])
            continue
        grams, wanted = _codes(seen, symbols, order), _codes(asked, symbols, order)
        kinds, counts = np.unique(grams, return_counts=True)
        contexts, first = np.unique(kinds // symbols, return_index=True)
        followers = np.diff(np.append(first, len(kinds)))
        totals = np.add.reduceat(counts, first)
        n_gram = _looked_up(kinds, counts, wanted)
        n, t = (_looked_up(contexts, values, wanted // symbols) for values in (totals, followers))
        longer = shares[order - 1 :]  # the first symbols of the text have no context so long
        mixed = np.where(n > 0, (n_gram + t * longer) / np.maximum(n + t, 1), longer)
        shares = np.concatenate([shares[: order - 1], mixed])
        results.append(float(0.0 - np.log2(shares).mean()))  # of what is certain 0, not −0
    return results


def _codes(text: np.ndarray, symbols: int, order: int) -> np.ndarray:
    """Each run of `order` symbols as one integer, the newest symbol as its last digit in base `symbols`."""
    codes = np.zeros(len(text) - order + 1, np.int64)
    for place in range(order):
        codes = codes * symbols + text[place : len(text) - order + 1 + place]
    return codes


def _looked_up(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The value of each wanted key, 0 where there is none; keys ascend."""
    places = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
    return np.where(keys[places] == wanted, values[places], 0)
