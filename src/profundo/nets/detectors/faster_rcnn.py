"""Faster R-CNN: first where something is, then what it is (Ren, He, Girshick & Sun 2015), on a feature pyramid (Lin et al. 2017).

    image ─► pyramid ─► proposals ─► RoIAlign, 7 × 7 ─► two dense layers ─┬─► class, or none
                                                                          └─► offsets from the proposal, of each class

    cost = cost of the proposals + cross-entropy(class) + |offsets − wanted|₁        (Girshick 2015, "Fast R-CNN", section 2.3)

over a sample of proposals, half with an object if there are so many, among which are the objects themselves: else nothing
would be there to learn from before the proposals are good.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from profundo.boxes import NO_OBJECT, clipped
from profundo.nets.detectors.backbones import BackboneName
from profundo.nets.detectors.box_costs import moved, offsets
from profundo.nets.detectors.proposals import NOT_ASKED, Proposals, drawn, matched, proposals
from profundo.nets.detectors.pyramid import Pyramid, continued, pyramid_of
from profundo.nets.detectors.regions import level_of, region_features
from profundo.nets.detectors.suppression import surest
from profundo.nets.net_names import of_a_spec
from profundo.records import Spec

__all__ = ["FasterRcnn", "Regions", "faster_rcnn"]

TRAINED, POSITIVE = 32, 16  # proposals of an image in training, and those with an object among them at most
ASKED = 64  # proposals of an image, of which training samples: of fewer it would not learn which find the same twice
OVERLAP = 0.5  # from which on a proposal has the object
GRID, USUAL = 7, 4.0  # cells of a region; strides of a region's side on its level
CANDIDATES, LEAST_SCORE, SUPPRESSED = 200, 0.02, 0.5


@dataclass(frozen=True, slots=True)
class Regions:
    """boxes (batch, regions, 4); which: int64 (batch, regions), the number of each one's object, or BACKGROUND; asked: bool, those
    that are trained, or proposed at all."""

    boxes: Tensor
    which: Tensor
    asked: Tensor


class FasterRcnn(nn.Module):
    """classes: how many; features: of the two dense layers."""

    def __init__(self, pyramid: Pyramid, classes: int, features: int = 256) -> None:
        super().__init__()
        self.pyramid, width = pyramid, pyramid.width
        self.proposals = Proposals(width, pyramid.strides)
        self.dense = nn.Sequential(
            nn.Flatten(), nn.Linear(width * GRID**2, features), nn.ReLU(), nn.Linear(features, features), nn.ReLU()
        )
        self.classes = nn.Linear(features, classes + 1)  # the last one is none
        self.by = nn.Linear(features, 4 * classes)
        for layer, deviation in ((self.classes, 0.01), (self.by, 0.001)):
            nn.init.normal_(layer.weight, std=deviation)

    def cost(self, images: Tensor, targets: Tensor | Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Of standardised images (batch, channels, height, width) and their table of objects (batch, most, 6)."""
        table = targets if isinstance(targets, Tensor) else targets["objects"]
        return self.costs_and_regions(self.maps(images), table, tuple(images.shape[2:]))[0]

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Boxes (batch, PLACES, 4), classes and scores (batch, PLACES)."""
        return self.found(self.maps(images), tuple(images.shape[2:]))

    def maps(self, images: Tensor) -> list[Tensor]:
        maps: list[Tensor] = self.pyramid(continued(images, self.pyramid.strides[-1]))
        return maps

    def costs_and_regions(
        self, maps: list[Tensor], table: Tensor, size: tuple[int, ...]
    ) -> tuple[dict[str, Tensor], Regions]:
        """The parts of the cost, and the regions of which the last two are; size: (height, width) of the image."""
        proposed = self.proposals(maps)
        regions = sampled(*proposals(proposed, (size[0], size[1]), ASKED), table)
        logits, by = self.judged(maps, regions.boxes)
        positive = regions.asked & (regions.which >= 0)
        rows = table.gather(1, regions.which.clamp(min=0)[..., None].expand(-1, -1, 6))
        kinds = torch.where(regions.which >= 0, rows[..., 4].long(), logits.shape[2] - 1)
        own = by[positive].gather(1, kinds[positive][:, None, None].expand(-1, 1, 4))[:, 0]
        wanted = offsets(rows[positive][:, :4], regions.boxes[positive])
        number = regions.asked.sum().clamp(min=1)
        told = F.cross_entropy(logits[regions.asked], kinds[regions.asked], reduction="sum")
        parts = {"class": told / number, "box": (own - wanted).abs().sum() / number}
        return self.proposals.cost(proposed, table) | parts, regions

    def judged(self, maps: list[Tensor], boxes: Tensor) -> tuple[Tensor, Tensor]:
        """Class logits (batch, regions, classes + 1) and offsets (batch, regions, classes, 4) of regions (batch, regions, 4)."""
        strides = self.pyramid.strides
        seen = region_features(maps, strides, boxes, level_of(boxes, strides, USUAL), GRID)
        features = self.dense(seen.flatten(0, 1)).unflatten(0, boxes.shape[:2])
        return self.classes(features), self.by(features).unflatten(2, (-1, 4))

    def found(self, maps: list[Tensor], size: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor]:
        boxes, there = proposals(self.proposals(maps), (size[0], size[1]), ASKED)
        logits, by = self.judged(maps, boxes)
        scores = logits.softmax(2)[..., :-1] * there[..., None]
        kinds = scores.shape[2]
        best, number = scores.flatten(1).topk(min(CANDIDATES, scores[0].numel()))
        region = (number // kinds)[..., None].expand(-1, -1, 4)
        moves = by.flatten(1, 2).gather(1, number[..., None].expand(-1, -1, 4))
        candidates = clipped(moved(boxes.gather(1, region), moves), (size[0], size[1]))
        result = surest(candidates, best * (best > LEAST_SCORE), number % kinds, SUPPRESSED)
        return result[0], result[1], result[2]


@torch.no_grad()
def sampled(boxes: Tensor, there: Tensor, table: Tensor) -> Regions:
    """TRAINED of the proposals and of the objects themselves, those with an object first."""
    boxes = torch.cat([table[..., :4], boxes], 1)
    there = torch.cat([table[..., 4] != NO_OBJECT, there], 1)
    which = matched(boxes, table, OVERLAP, OVERLAP)
    positive, asked = drawn(which.masked_fill(~there, NOT_ASKED), TRAINED, POSITIVE)
    number = (positive.int() + asked.int()).argsort(dim=1, descending=True, stable=True)[:, :TRAINED]
    return Regions(
        boxes.gather(1, number[..., None].expand(-1, -1, 4)), which.gather(1, number), asked.gather(1, number)
    )


@of_a_spec
def faster_rcnn(
    spec: Spec, width: int = 32, features: int = 256, finest: int = 4, backbone: BackboneName = "small"
) -> FasterRcnn:
    """width: channels of the backbone at its finest level, doubled at each halving; features: of the two dense layers that judge a
    region; finest: pixels between the places of the finest level, 4 or 8; backbone: small, or a net for ImageNet, of its own
    width."""
    return FasterRcnn(pyramid_of("faster_rcnn", spec, width, finest, backbone), len(spec.targets.classes), features)
