"""Metric learning: costs that put embeddings of one class near each other and those of different classes apart.

    contrastive    ½ D² for a pair of one class, ½ max(0, m − D)² otherwise      Hadsell, Chopra & LeCun 2006, eq. 4
    triplet        max(0, D(a, p) − D(a, n) + m)                                 Schroff et al. 2015, eq. 2

a is an anchor, p of its class, n of another; D a distance, or its square as in Schroff et al. Few triplets of a batch
teach anything, so they are mined from its matrix of distances: `hardest` takes each anchor's farthest positive and
nearest negative (Hermans, Beyer & Leibe 2017, eq. 5, "batch hard"), `semi_hard` for each positive the nearest of the
negatives that lie beyond it (Schroff et al. 2015, section 3.2), which keeps early training from collapsing to a point.

    D = distances(embeddings, embeddings)
    loss = triplet(*hardest(D, labels), margin=0.2).mean()
"""

from __future__ import annotations

import torch
from torch import Tensor

from profundo.records import ProfundoError

__all__ = [
    "contrastive",
    "distances",
    "hardest",
    "pair_distances",
    "root",
    "semi_hard",
    "squared_distances",
    "triplet",
]


def contrastive(distance: Tensor, same: Tensor, margin: float = 1.0) -> Tensor:
    """Cost of every pair (pairs,), from its distance (pairs,) and whether both are of one class (pairs,), 0 or 1."""
    together = 0.5 * distance.square()
    apart = 0.5 * (margin - distance).clamp_min(0).square()
    return torch.where(same.bool(), together, apart)


def triplet(positive: Tensor, negative: Tensor, margin: float = 0.2) -> Tensor:
    """Cost of every triplet (triplets,), from the anchor's distance to the positive and to the negative."""
    return (positive - negative + margin).clamp_min(0)


def hardest(distance: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Each anchor's farthest positive and nearest negative: distances (batch,), (batch,), from (batch, batch).

    Raises ProfundoError when a sample has no other of its class, or none of another, in the batch.
    """
    same, others = _positives(labels), labels[:, None] != labels
    _check(same.any(1), others.any(1), labels)
    farthest = distance.masked_fill(~same, -torch.inf).amax(1)
    nearest = distance.masked_fill(~others, torch.inf).amin(1)
    return farthest, nearest


def semi_hard(distance: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """For every anchor and positive the nearest negative beyond the positive: distances (triplets,), (triplets,).

    Where every negative is nearer than the positive, the farthest of them. There are Σ n (n − 1) triplets, with n
    samples of a class. Raises as `hardest` does.
    """
    same, others = _positives(labels), labels[:, None] != labels
    _check(same.any(1), others.any(1), labels)
    anchors, positives = same.nonzero(as_tuple=True)
    positive = distance[anchors, positives]
    negatives, allowed = distance[anchors], others[anchors]  # (triplets, batch)
    nearest = negatives.masked_fill(~(allowed & (negatives > positive[:, None])), torch.inf).amin(1)
    farthest = negatives.masked_fill(~allowed, -torch.inf).amax(1)
    return positive, torch.where(nearest.isfinite(), nearest, farthest)


def squared_distances(left: Tensor, right: Tensor) -> Tensor:
    """‖x − y‖² of every row x (m, d) with every row y (n, d): (m, n), by one matrix product; the gradient is finite.

    ‖x‖² + ‖y‖² − 2xy loses digits where x is near y, so the rows are centred first and what rounding made negative is
    zero. The error is about the machine's epsilon times the squared spread of the rows.
    """
    centre = right.detach().mean(0)
    left, right = left - centre, right - centre
    products = left @ right.T
    return (left.square().sum(1)[:, None] + right.square().sum(1) - 2 * products).clamp_min(0)


def distances(left: Tensor, right: Tensor) -> Tensor:
    """Euclidean distance of every row (m, d) with every row (n, d): (m, n). Its gradient at zero is taken as zero."""
    squared = squared_distances(left, right)
    return root(squared, least=torch.finfo(squared.dtype).eps * squared.detach().amax())


def pair_distances(left: Tensor, right: Tensor) -> Tensor:
    """Euclidean distance of each row (pairs, d) with its partner: (pairs,). Its gradient at zero is taken as zero."""
    return root((left - right).square().sum(1))


def root(squared: Tensor, least: Tensor | float = 0.0) -> Tensor:
    """√x, and zero with gradient zero for x ≤ least: there the slope 1/(2√x) is infinite, or made of rounding."""
    positive = squared > least
    return torch.where(positive, squared.where(positive, 1).sqrt(), 0)


def _positives(labels: Tensor) -> Tensor:
    """(batch, batch), true where two different samples have one label."""
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    return (labels[:, None] == labels) & ~itself


def _check(has_positive: Tensor, has_negative: Tensor, labels: Tensor) -> None:
    if labels.is_cuda:  # reading an answer would wait for the device
        return
    if not bool(has_positive.all()) or not bool(has_negative.all()):
        raise ProfundoError(
            f"mining triplets: expected two classes or more with two samples or more each, got labels {labels.tolist()}"
        )
