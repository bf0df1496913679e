"""Few-shot classification: tell classes apart that training never saw, from a few labelled samples of each.

An episode draws N classes and of each k labelled samples, the support, and some queries ("N-way k-shot", Vinyals et
al. 2016). A query goes to the class whose support has the nearest mean (the prototypes of Snell, Swersky & Zemel
2017). All works on embeddings (samples, d) with Euclidean distance; raw pixels are embeddings too.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from profundo.records import ProfundoError

__all__ = ["Accuracy", "episode", "few_shot", "nearest_mean"]


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Mean over the episodes of the share of queries that were classified correctly, and that mean's standard error."""

    mean: float
    standard_error: float


def nearest_mean(support: Tensor, labels: Tensor, queries: Tensor) -> Tensor:
    """Support (n, d), its labels (n,), queries (m, d) → (m,): the label whose support has the nearest mean."""
    classes, index, counts = torch.unique(labels, return_inverse=True, return_counts=True)
    sums = torch.zeros(len(classes), support.shape[1], dtype=support.dtype).index_add_(0, index, support)
    nearest: Tensor = classes[torch.cdist(queries, sums / counts[:, None]).argmin(1)]
    return nearest


def episode(labels: Tensor, ways: int, shots: int, queries: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Indices of the support (ways · shots,) and of the queries (ways · queries,), class after class, all different."""
    classes = torch.unique(labels)
    chosen = classes[torch.randperm(len(classes), generator=generator)[:ways]]
    drawn = []
    for label in chosen:
        members = (labels == label).nonzero().squeeze(1)
        drawn.append(members[torch.randperm(len(members), generator=generator)[: shots + queries]])
    indices = torch.stack(drawn)
    return indices[:, :shots].flatten(), indices[:, shots:].flatten()


def few_shot(
    embeddings: Tensor,
    labels: Tensor,
    ways: int,
    shots: int,
    generator: Generator,
    *,
    queries: int = 15,
    episodes: int = 400,
) -> Accuracy:
    """Accuracy over random episodes. The standard error is over episodes, for the given samples and one trained net.

    Raises ProfundoError when there are fewer classes than ways, or fewer samples of a class than shots + queries.
    """
    counts = torch.unique(labels, return_counts=True)[1]
    if len(counts) < ways or int(counts.min()) < shots + queries:
        raise ProfundoError(
            f"few-shot: expected {ways} classes with {shots + queries} samples each, "
            f"got {len(counts)} classes with {int(counts.min()) if len(counts) else 0} or more"
        )
    shares = torch.empty(episodes, dtype=torch.float64)
    for number in range(episodes):
        support, asked = episode(labels, ways, shots, queries, generator)
        outputs = nearest_mean(embeddings[support], labels[support], embeddings[asked])
        shares[number] = (outputs == labels[asked]).double().mean()
    return Accuracy(float(shares.mean()), float(shares.std() / episodes**0.5) if episodes > 1 else float("nan"))
