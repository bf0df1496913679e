"""How alike two layers see the same samples, of one net or of two: centred kernel alignment with linear kernels.

    CKA(X, Y) = ‖YᵀX‖² / (‖XᵀX‖ ‖YᵀY‖)    X (samples, a), Y (samples, b), centred; Frobenius norms

after Kornblith, Norouzi, Lee & Hinton 2019, "Similarity of Neural Network Representations Revisited". 1 where the codes of one
are those of the other but for a rotation and a factor, near 0 where they have nothing to do with each other. With fewer samples than
features it comes out too high.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from profundo.inside.codes import compact
from profundo.inside.observing import observed, undisturbed
from profundo.trees import length

__all__ = ["Similarity", "cka", "layer_similarity"]

Key = tuple[int, str]
"""Which of the two nets, and the layer."""


def cka(x: Tensor, y: Tensor) -> float:
    """Of codes (samples, a) and (samples, b) of the same samples."""
    x, y = (one.double() - one.double().mean(0) for one in (x, y))
    return _alignment(y.T @ x, x.T @ x, y.T @ y)


def _alignment(cross: Tensor, own: Tensor, other: Tensor) -> float:
    scale = own.norm() * other.norm()
    return float(cross.square().sum() / scale) if scale > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Similarity:
    """values: (rows, columns), CKA of each layer of one net with each of the other."""

    rows: Sequence[str]
    columns: Sequence[str]
    values: Tensor


def layer_similarity(
    net: nn.Module,
    other: nn.Module,
    batches: Iterable[Any],
    layers: Sequence[str] = (),
    others: Sequence[str] = (),
    most: int = 256,
) -> Similarity:
    """Of these layers, or of all, each with each. What is kept are sums over samples of products of features, at most `most` a
    layer (codes.py), so that memory does not grow with the number of samples."""
    count = 0
    sums: dict[Key, Tensor] = {}
    products: dict[tuple[Key, Key], Tensor] = {}
    pairs: set[tuple[Key, Key]] = set()
    for batch in batches:
        values = _codes_of_both([(net, layers), (other, others)], batch, most)
        pairs = pairs or {(a, b) for a, b in product(values, values) if a == b or a[0] < b[0]}
        count += len(next(iter(values.values())))
        for key, value in values.items():
            sums[key] = value.sum(0) + sums.get(key, 0)
        for a, b in pairs:
            products[a, b] = values[b].T @ values[a] + products.get((a, b), 0)
    centred = {(a, b): total - torch.outer(sums[b], sums[a]) / count for (a, b), total in products.items()}
    rows, columns = ([name for side, name in sums if side == one] for one in (0, 1))
    table = [
        [_alignment(centred[(0, a), (1, b)], centred[(0, a), (0, a)], centred[(1, b), (1, b)]) for b in columns]
        for a in rows
    ]
    return Similarity(rows, columns, torch.tensor(table))


def _codes_of_both(nets: Sequence[tuple[nn.Module, Sequence[str]]], batch: Any, most: int) -> dict[Key, Tensor]:
    values: dict[Key, Tensor] = {}
    for side, (net, layers) in enumerate(nets):
        with undisturbed(net), torch.no_grad():
            given = observed(net, batch, layers, stop=bool(layers))[1]
        values |= {
            (side, name): compact(one, most).double() for name, one in given.items() if len(one) == length(batch)
        }
    return values
