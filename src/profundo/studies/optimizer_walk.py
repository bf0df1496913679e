"""The ways of several optimizers over the surface of a real net: one plane for all, and their weights projected onto it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from profundo.data.batches import in_order
from profundo.inside.surface import WeightLoss, Weights, path_plane, plane_losses
from profundo.objectives import default
from profundo.records import Dataset

__all__ = ["Walk", "walk", "weights_of"]

MARGIN = 0.15  # of the ways' extent, on each side


@dataclass(frozen=True, slots=True)
class Walk:
    """losses: rows over up, columns over across. ways: by optimizer, (a, b) before training and after each epoch. explained: the
    share of the ways' squared length that each of the plane's directions holds. origin: the optimizer whose end is at (0, 0)."""

    across: tuple[float, ...]
    up: tuple[float, ...]
    losses: tuple[tuple[float, ...], ...]
    ways: Mapping[str, Sequence[tuple[float, float]]]
    explained: tuple[float, float]
    origin: str


def walk(net: nn.Module, data: Dataset, ways: Mapping[str, Sequence[Weights]], points: int) -> Walk:
    """The training loss on the plane of principal components of all ways together, about the end of the first one.

    ways: by optimizer, the weights of `net` at places of its training, all finite. points: on each side of the plane.
    """
    origin = next(iter(ways))
    loss = WeightLoss(net, default(data.spec.targets).likelihood, list(in_order(data.train, data.spec)))
    every = [weights for way in ways.values() for weights in way]
    plane = path_plane([*every, ways[origin][-1]])
    across, up = plane.sides(points, MARGIN)
    losses = tuple(tuple(row.tolist()) for _, row in plane_losses(loss, plane, across, up))
    places, at = {}, 0
    for name, way in ways.items():
        places[name] = plane.places[at : at + len(way)]
        at += len(way)
    assert plane.explained is not None
    return Walk(across, up, losses, places, plane.explained, origin)


def weights_of(net: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in net.named_parameters()}
