"""Do codes fall into groups, and are these the classes? k-means, agreement of clusters with classes, a map in the plane.

scikit-learn's algorithms, on one thread: with several, sums are rounded in an order that changes from run to run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from profundo.evaluate.components import principal_components
from profundo.languages import Said
from profundo.records import ProfundoError

__all__ = ["PLANES", "adjusted_rand", "kmeans", "plane", "purity", "tsne"]


def kmeans(points: Tensor, clusters: int, seed: int) -> Tensor:
    """The cluster of each point (samples, features): int64 (samples,). Lloyd's algorithm, the best of three k-means++ starts."""
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        result = KMeans(clusters, n_init=3, random_state=seed).fit_predict(points.double().cpu().numpy())
    return torch.from_numpy(result).long()


def tsne(points: Tensor, seed: int, perplexity: float = 30.0, metric: str = "euclidean") -> Tensor:
    """A map of the points (samples, features) in the plane that keeps neighbours together: float32 (samples, 2).

    t-SNE (van der Maaten & Hinton 2008, Barnes–Hut), begun from the first two principal components. Distances between
    far groups and the sizes of groups mean nothing.
    """
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    perplexity = min(perplexity, (len(points) - 1) / 3)
    with threadpool_limits(1):
        fitted = TSNE(init="pca", random_state=seed, perplexity=perplexity, metric=metric).fit_transform(
            points.cpu().numpy()
        )
    return torch.from_numpy(fitted)


def plane(points: Tensor, method: str = "t-sne", seed: int = 0) -> Tensor:
    """Points (samples, features) as places (samples, 2), near where they are alike.

    method: "pca", straight, distances along the two directions that differ most; "t-sne" and "umap" (McInnes et al. 2018) keep
    neighbours together, but distances between clusters, and their sizes, mean nothing.
    """
    if method not in PLANES:
        raise ProfundoError(Said("refusals.plane_method", name=repr(method), known=", ".join(PLANES)))
    if len(points) < 5:
        raise ProfundoError(Said("refusals.few_in_plane", got=len(points)))
    wide = F.pad(points, (0, max(0, 2 - points.shape[1])))
    return PLANES[method](wide, seed)


def _by_umap(points: Tensor, seed: int) -> Tensor:
    try:
        from umap import UMAP
    except ImportError:
        raise ProfundoError(Said("refusals.umap")) from None
    return torch.from_numpy(UMAP(random_state=seed).fit_transform(points.cpu().numpy()))


PLANES: Mapping[str, Callable[[Tensor, int], Tensor]] = {
    "pca": lambda points, _seed: principal_components(points, 2).encode(points),
    "t-sne": tsne,
    "umap": _by_umap,
}


def purity(classes: Tensor, clusters: Tensor) -> float:
    """Share of the samples that are of their cluster's commonest class; int64 (samples,) each.

    It grows with the number of clusters, to 1 where each sample is one: compare equal numbers only.
    """
    return table(classes, clusters).amax(0).sum().item() / len(classes)


def adjusted_rand(classes: Tensor, clusters: Tensor) -> float:
    """The Rand index corrected for chance (Hubert & Arabie 1985): 1 for the same partition, 0 on average for a random one.

    Counts pairs of samples: (those together in both − expected) / (mean of those together in either − expected).
    """

    def pairs(counts: Tensor) -> float:
        return (counts * (counts - 1) // 2).sum().item()

    counts = table(classes, clusters)
    both, here, there = pairs(counts), pairs(counts.sum(1)), pairs(counts.sum(0))
    expected = here * there / (len(classes) * (len(classes) - 1) / 2)
    most = (here + there) / 2
    return (both - expected) / (most - expected) if most != expected else 1.0


def table(classes: Tensor, clusters: Tensor) -> Tensor:
    """Counts (classes, clusters) of the samples that are in both. Raises ProfundoError without two samples."""
    if classes.shape != clusters.shape or len(classes) < 2:
        raise ProfundoError(
            f"clusters: expected a class and a cluster of at least two samples, got {tuple(classes.shape)} and "
            f"{tuple(clusters.shape)}"
        )
    wide = int(clusters.max()) + 1
    counts = torch.bincount(classes * wide + clusters, minlength=(int(classes.max()) + 1) * wide)
    return counts.view(-1, wide)
