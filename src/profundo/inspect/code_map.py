"""The codes of a layer as a map: where each sample lies among those that the net takes for alike, and what it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from profundo.evaluate.clusters import plane
from profundo.evaluate.components import principal_components, shares_of_variance
from profundo.inside.codes import codes
from profundo.inspect.opened_net import Looked
from profundo.ranks_and_places import evenly

__all__ = ["CodeMap", "CodedSamples", "code_map", "coded_samples"]

MAPPED = 500  # samples: t-SNE takes two seconds for them


@dataclass(frozen=True, slots=True)
class CodedSamples:
    """codes: (samples, features). numbers: of the samples in the split that was held out; raw: as they were read; targets and
    answers: int64 (samples,), the true class and the net's, None where there are no classes; sure: its probability."""

    layer: str
    codes: Tensor
    numbers: list[int]
    raw: Any
    targets: Tensor | None = None
    answers: Tensor | None = None
    sure: Tensor | None = None


def coded_samples(looked: Looked, layer: str | None = None, most: int = MAPPED) -> CodedSamples:
    """Of the samples that were held out. Raises ProfundoError for a layer that gives no codes."""
    layer = layer or looked.code_layer
    split = looked.held_out
    numbers = evenly(len(split), min(looked.affordable(most), len(split)))
    raw, targets = looked.samples(split, most)
    own = codes(looked.net, looked.batches(raw), [layer])[layer]
    if not looked.classes:
        return CodedSamples(layer, own, numbers, raw)
    sure, answers = looked.shares(raw).max(1)
    return CodedSamples(layer, own, numbers, raw, targets.long(), answers, sure)


@dataclass(frozen=True, slots=True)
class CodeMap:
    """places: float32 (samples, 2). shares: of the codes' variance that each axis holds, of "pca" alone."""

    method: str
    places: Tensor
    shares: tuple[float, ...] = ()


def code_map(coded: CodedSamples, method: str) -> CodeMap:
    """By "pca", "t-sne" or "umap": see `profundo.evaluate.clusters.plane`."""
    places = plane(coded.codes, method)
    if method != "pca":
        return CodeMap(method, places)
    first = principal_components(coded.codes, min(2, coded.codes.shape[1]))
    return CodeMap(method, places, tuple(shares_of_variance(coded.codes, first)))
