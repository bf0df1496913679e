"""How far an average precision may be from that of all images, and whether two nets differ: by images drawn anew.

Images are drawn, not detections: those of an image belong together. What each image adds to the figure is its derivative by the
image's weight, which autograd gives; it says how uncertain the figure is, and how uncertain it would have been in each drawing
(bootstrap-t, see intervals.py). The figure drawn is the area below the precision–recall steps, of which COCO's mean over 101
recalls is a sample: it has a derivative where that has jumps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from profundo.evaluate.intervals import figure_interval
from profundo.evaluate.objects.coco_figures import falling
from profundo.evaluate.objects.judged_scenes import Scenes
from profundo.evaluate.objects.matching import THRESHOLDS, matched
from profundo.evaluate.paired_tests import Paired, compare_figures

__all__ = ["compare_scenes", "precision_interval", "precision_of_images"]

AT_ONCE = 2_000_000  # values of a chunk of drawings
MOST_VALUES = 8_000  # of detections and overlaps, up to which a figure is drawn anew; of more, it is as good as normal

Figure = Callable[[Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True, slots=True)
class Ranked:
    """Detections of one class, the surest first, that can change its figure: right, wrong: float64 (overlaps, n); image: (n,);
    there: float64 (images,), objects to be found."""

    right: Tensor
    wrong: Tensor
    image: Tensor
    there: Tensor


def precision_of_images(seen: Scenes, classes: int, thresholds: tuple[float, ...] = THRESHOLDS) -> tuple[Figure, int]:
    """From drawn images (drawings, images) to the average precision (drawings,), the mean over classes and overlaps, and what each
    image adds to it (drawings, images); and over how many values each is computed."""
    each = ranked_by_class(seen, classes, thresholds)
    values = max(1, sum(one.right.numel() for one in each))

    def figure(drawn: Tensor) -> tuple[Tensor, Tensor]:
        parts = [_with_derivative(each, some) for some in torch.split(drawn, max(1, AT_ONCE // values))]
        return torch.cat([value for value, _ in parts]), torch.cat([adds for _, adds in parts])

    return figure, values


def ranked_by_class(seen: Scenes, classes: int, thresholds: tuple[float, ...]) -> list[Ranked]:
    """Of each class that has objects."""
    matches, there = matched(seen, thresholds), seen.there(classes).double()
    kinds, right, wrong = seen.kind[matches.found], matches.right[:, 0], matches.wrong[:, 0]
    each = []
    for kind in there.sum(0).nonzero().flatten().tolist():
        these = (kinds == kind).nonzero().flatten()
        hits = right[these].any(1).nonzero()
        these = these[: int(hits.max()) + 1 if len(hits) else 0]  # wrong ones behind the last right one lower nothing
        image = seen.image[matches.found[these]]
        each.append(Ranked(right[these].T.double(), wrong[these].T.double(), image, there[:, kind]))
    return each


def _with_derivative(each: list[Ranked], drawn: Tensor) -> tuple[Tensor, Tensor]:
    times = torch.zeros(drawn.shape, dtype=torch.float64)
    times.scatter_add_(1, drawn, torch.ones_like(times))
    with torch.enable_grad():
        times.requires_grad_()
        value = mean_area(each, times)
        (slope,) = torch.autograd.grad(value.sum(), times)
    return value.detach(), (slope * drawn.shape[1]).gather(1, drawn)


def mean_area(each: list[Ranked], times: Tensor) -> Tensor:
    """(drawings,): the mean over the classes that occur in a drawing, in which images count so often (drawings, images)."""
    total, number = 0 * times.sum(1), times.new_zeros(len(times))  # which has a slope where no class occurs, too
    for one in each:
        objects, weights = times @ one.there, times[:, None, one.image]
        hits = weights * one.right
        found = hits.cumsum(2)
        precision = falling(found / (found + (weights * one.wrong).cumsum(2)).clamp_min(1e-9))
        area = (hits * precision).sum(2).mean(1) / objects.clamp_min(1e-9)
        total, number = total + torch.where(objects > 0, area, 0.0), number + (objects > 0)
    return total / number.clamp_min(1)


def precision_interval(seen: Scenes, classes: int, ap: float) -> tuple[float, float]:
    """The 95 % interval of the average precision over overlaps, which is `ap`. NaN of fewer than two images."""
    figure, values = precision_of_images(seen, classes)
    (area,), _ = figure(torch.arange(seen.images)[None])
    low, high = figure_interval(figure, seen.images, drawn=values <= MOST_VALUES)
    return max(0.0, low + ap - area.item()), min(1.0, high + ap - area.item())


def compare_scenes(first: Scenes, second: Scenes, classes: int, difference: float) -> Paired:
    """The second's average precision less the first's on the same images, which is `difference`: its interval, and how often luck
    alone does as much."""
    (one, values), (other, others) = (precision_of_images(seen, classes) for seen in (first, second))
    compared = compare_figures(one, other, first.images, drawn=values + others <= MOST_VALUES)
    shift = difference - compared.difference
    return replace(compared, difference=difference, low=compared.low + shift, high=compared.high + shift)
