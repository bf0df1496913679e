"""The points of a session: drawn, or a person's own, divided into those to train on and those to test."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from profundo.data.sets.plane_points import draw_points
from profundo.playground.playground_settings import OWN, PlaygroundSettings
from profundo.records import Inputs, Samples, Spec, Targets

__all__ = ["PlaneSamples", "plane_samples"]


@dataclass(frozen=True, slots=True)
class PlaneSamples:
    """train, test: points float32 (samples, 2); classes int64 (samples,), or values float32 (samples, 1). test may be empty."""

    spec: Spec
    train: Samples
    test: Samples


def plane_samples(settings: PlaygroundSettings) -> PlaneSamples:
    """The same for the same settings."""
    points, targets = own_points(settings) if settings.data == OWN else drawn(settings)
    if settings.is_regression:
        targets = targets.float().unsqueeze(1)
    first = settings.train_count
    return PlaneSamples(
        spec_of(settings),
        Samples(points[:first].contiguous(), targets[:first].contiguous()),
        Samples(points[first:].contiguous(), targets[first:].contiguous()),
    )


def drawn(settings: PlaygroundSettings) -> tuple[Tensor, Tensor]:
    return draw_points(settings.data, settings.samples, settings.noise, settings.data_seed, settings.classes)


def own_points(settings: PlaygroundSettings) -> tuple[Tensor, Tensor]:
    """In an order drawn from the data's seed, lest those that were clicked last are the ones to test on."""
    table = torch.tensor(settings.points)
    order = torch.randperm(len(table), generator=torch.Generator().manual_seed(settings.data_seed))
    points, targets = table[order, :2], table[order, 2]
    return points, targets if settings.is_regression else targets.long()


def spec_of(settings: PlaygroundSettings) -> Spec:
    """Two inputs as they are, and the classes by name."""
    names = settings.columns or ("x1", "x2", "y")
    count = settings.class_count
    classes = settings.labels if len(settings.labels) == count else tuple(map(str, range(count)))
    targets = (
        Targets("real", names=names[2:3] or ("y",))
        if settings.is_regression
        else Targets("binary" if count == 2 else "classes", classes)
    )
    return Spec(Inputs((2,), "features", names=(*names[:2], "x1", "x2")[:2]), targets)
