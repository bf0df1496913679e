"""How alike two layers see the same samples, of one net or of two: centred kernel alignment with linear kernels.

    CKA(X, Y) = ‖YᵀX‖² / (‖XᵀX‖ ‖YᵀY‖)    X (samples, a), Y (samples, b), centred; Frobenius norms

after Kornblith, Norouzi, Lee & Hinton 2019, "Similarity of Neural Network Representations Revisited". 1 where the codes of one
are those of the other but for a rotation and a factor, near 0 where they have nothing to do with each other. With fewer samples than
features `cka` comes out too high; `layer_similarity`, which takes an estimate without bias, does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from profundo.inside.observing import observed, undisturbed
from profundo.records import ProfundoError
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
    net: nn.Module, other: nn.Module, batches: Iterable[Any], layers: Sequence[str] = (), others: Sequence[str] = ()
) -> Similarity:
    """CKA of these layers, or of all, each with each, by all that they give. It is the ratio of means over batches (Nguyen, Raghu
    & Kornblith 2021), so that memory does not grow with the number of samples; batches of fewer than four count for nothing."""
    sums: dict[tuple[Key, Key], Tensor] = {}
    every: list[Key] = []
    for batch in batches:
        kernels = {
            key: kernel(values) for key, values in _given_by_both([(net, layers), (other, others)], batch).items()
        }
        every = every or list(kernels)
        if length(batch) < 4:
            continue
        for a, b in ((a, b) for a, b in product(kernels, kernels) if a == b or a[0] < b[0]):
            sums[a, b] = length(batch) * dependence(kernels[a], kernels[b]) + sums.get((a, b), 0)
    if not sums:
        raise ProfundoError("layer similarity: expected a batch of at least 4 samples, got none")
    rows, columns = ([name for side, name in every if side == one] for one in (0, 1))
    table = [[_share(sums, (0, a), (1, b)) for b in columns] for a in rows]
    return Similarity(rows, columns, torch.tensor(table))


def kernel(values: Tensor) -> Tensor:
    """XXᵀ of (batch, …), but zero on the diagonal."""
    flat = values.double().flatten(1)
    products = flat @ flat.T
    return products.fill_diagonal_(0)


def dependence(one: Tensor, other: Tensor) -> Tensor:
    """The estimate without bias of the Hilbert–Schmidt criterion (Song et al. 2012, equation 5), from two kernels without their
    diagonals: that samples resemble themselves does not count."""
    n = len(one)
    whole = (
        (one * other).sum() + one.sum() * other.sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * (one.sum(0) @ other.sum(1))
    )
    return whole / (n * (n - 3))


def _share(sums: dict[tuple[Key, Key], Tensor], a: Key, b: Key) -> float:
    scale = float(sums[a, a]) * float(sums[b, b])
    return float(sums[a, b]) / scale**0.5 if scale > 0 else 0.0


def _given_by_both(nets: Sequence[tuple[nn.Module, Sequence[str]]], batch: Any) -> dict[Key, Tensor]:
    values: dict[Key, Tensor] = {}
    for side, (net, layers) in enumerate(nets):
        with undisturbed(net), torch.no_grad():
            given = observed(net, batch, layers)[1]
        values |= {(side, name): one for name, one in given.items() if len(one) == length(batch)}
    return values
