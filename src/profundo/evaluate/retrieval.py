"""Search by embeddings: which are the nearest, and how many of them are of the query's class.

Distances are Euclidean; on the unit sphere their order is that of the cosine.
"""

from __future__ import annotations

import torch
from torch import Tensor

from profundo.records import ProfundoError

__all__ = ["mean_average_precision", "nearest", "precision_at"]


def nearest(queries: Tensor, gallery: Tensor, count: int, *, skip_self: bool = False) -> Tensor:
    """Indices (queries, count) of the gallery's nearest rows, nearest first. skip_self: the queries are the gallery, and
    none finds itself."""
    if not 0 < count <= len(gallery) - skip_self:
        raise ProfundoError(f"search: expected 1 to {len(gallery) - skip_self} neighbours, got {count}")
    results = []
    for start in range(0, len(queries), 1000):  # blocks, lest the matrix of distances outgrow the memory
        distances = torch.cdist(queries[start : start + 1000], gallery)
        if skip_self:
            rows = torch.arange(len(distances))
            distances[rows, start + rows] = torch.inf
        results.append(distances.topk(count, largest=False).indices)
    return torch.cat(results)


def precision_at(result: Tensor, gallery_labels: Tensor, query_labels: Tensor) -> float:
    """Precision at k: mean over the queries of the share of their k found rows (queries, k) that have their label."""
    return float((gallery_labels[result] == query_labels[:, None]).double().mean())


def mean_average_precision(likeness: Tensor, gallery_labels: Tensor, query_labels: Tensor) -> float:
    """Over the whole ranking of the gallery: of each query the mean precision at the places of those that have its label, and the
    mean of that over the queries. likeness: (queries, gallery), larger for those that come first; ties in the gallery's order.

    Queries whose label nobody has count for nothing. Raises ProfundoError where that is all of them.
    """
    order = likeness.argsort(dim=1, descending=True, stable=True)
    hits = (gallery_labels[order] == query_labels[:, None]).double()
    precision = hits.cumsum(1) / torch.arange(1, hits.shape[1] + 1)
    there = hits.sum(1)
    if not bool((there > 0).any()):
        raise ProfundoError("search: expected some of the gallery to have the label of a query, none has")
    return float(((precision * hits).sum(1) / there)[there > 0].mean())
