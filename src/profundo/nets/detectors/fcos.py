"""FCOS: every place of a map says whether an object is there, and how far its four edges are (Tian, Shen, Chen & He 2019,
"FCOS: fully convolutional one-stage object detection"). No anchors, no proposals: the quick detector to begin with.

A place looks from a pixel (x, y), s pixels from its neighbours. It answers for the smallest box that it lies in, if that is near
the box's centre (within RADIUS strides) and of a size for its level: the farthest of (l, t, r, b) = (x − left, y − top, right − x,
bottom − y), its distances to the edges, is at most REACH strides, and was too far for the level below. It is trained for

    cost = focal(classes) + cross-entropy(which class) + (1 − GIoU(its box, the object's)) + cross-entropy(quality, IoU of the two)

of which the first is over all places, the others over those that answer. A detection's score is √(p(class) · quality).

What differs from the paper. The second part: the focal one soon learns that something is there, and for long not what; asked which
class it is, places knew six of ten digits after 370 steps of 4 scenes, and without two of ten. Quality: the paper's first
version has how central the place is; the overlap itself, from its later one, ranks exact boxes first. And one small tower for all
answers, where the paper has two of four convolutions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from profundo.boxes import NO_OBJECT, clipped
from profundo.nets.detectors.backbones import BackboneName
from profundo.nets.detectors.box_costs import generalised_overlap, paired_overlap
from profundo.nets.detectors.pyramid import Pyramid, centres, continued, pyramid_of
from profundo.nets.detectors.suppression import surest
from profundo.nets.net_names import of_a_spec
from profundo.records import Spec

__all__ = ["Fcos", "fcos", "focal_cost"]

RADIUS, REACH = 0.75, 8.0  # strides: of the places around a centre that answer, and of the farthest edge on a level
CANDIDATES = 200  # of an image, before suppression
LEAST_SCORE, SUPPRESSED = 0.02, 0.45  # at .6 a digit found twice cost .02 of AP50 after 100 seconds of training
RARE = (
    0.01  # probability of each class at first, as if one place in a hundred saw it (Lin et al. 2017, "Focal loss", 4.1)
)


@dataclass(frozen=True, slots=True)
class Answers:
    """Of all places of all levels, in a row: class logits (batch, places, classes), boxes (batch, places, 4) in pixels, and logits
    of their quality (batch, places)."""

    classes: Tensor
    boxes: Tensor
    quality: Tensor


@dataclass(frozen=True, slots=True)
class Places:
    """x and y (places, 2) of all levels in a row; stride, and the nearest and farthest that an edge may be, (places,) in pixels."""

    xy: Tensor
    stride: Tensor
    least: Tensor
    most: Tensor


class Fcos(nn.Module):
    """classes: how many; depth: convolutions of the tower, which all levels and all answers share (the paper has two, of four)."""

    def __init__(self, pyramid: Pyramid, classes: int, depth: int) -> None:
        super().__init__()
        self.pyramid, width = pyramid, pyramid.width
        self.tower = tower(width, depth)
        self.classes, self.distances, self.quality = (nn.Conv2d(width, count, 1) for count in (classes, 4, 1))
        self.scales = nn.Parameter(torch.ones(len(pyramid.strides)))
        for layer in (self.classes, self.distances, self.quality):
            nn.init.normal_(layer.weight, std=0.01)
        assert self.classes.bias is not None
        nn.init.constant_(self.classes.bias, math.log(RARE / (1 - RARE)))

    def cost(self, images: Tensor, targets: Tensor | Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Of standardised images (batch, channels, height, width) and their table of objects (batch, most, 6)."""
        table = targets if isinstance(targets, Tensor) else targets["objects"]
        answers, places = self.answers(images)
        which, ignored = assigned(places, table)
        positive = which >= 0
        number = positive.sum().clamp(min=1)
        rows = table.gather(1, which.clamp(min=0)[..., None].expand(-1, -1, 6))
        wanted = F.one_hot(rows[..., 4].long().clamp(min=0), answers.classes.shape[2]) * positive[..., None]
        counted = (~ignored)[..., None]
        ours, theirs = answers.boxes[positive], rows[positive][:, :4]
        overlap = paired_overlap(ours.detach(), theirs)
        which_class = F.cross_entropy(answers.classes[positive], rows[positive][:, 4].long(), reduction="sum")
        return {
            "there": (focal_cost(answers.classes, wanted) * counted).sum() / number,
            "class": which_class / number,
            "box": (1 - generalised_overlap(ours, theirs)).sum() / number,
            "quality": F.binary_cross_entropy_with_logits(answers.quality[positive], overlap, reduction="sum") / number,
        }

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Boxes (batch, PLACES, 4), classes and scores (batch, PLACES)."""
        answers, _ = self.answers(images)
        scores = (answers.classes.sigmoid() * answers.quality.sigmoid()[..., None]).sqrt()
        kinds = scores.shape[2]
        best, number = scores.flatten(1).topk(min(CANDIDATES, scores[0].numel()))
        boxes = answers.boxes.gather(1, (number // kinds)[..., None].expand(-1, -1, 4))
        boxes = clipped(boxes, (images.shape[2], images.shape[3]))
        boxes, classes, score, _ = surest(boxes, best * (best > LEAST_SCORE), number % kinds, SUPPRESSED)
        return boxes, classes, score

    def answers(self, images: Tensor) -> tuple[Answers, Places]:
        maps = self.pyramid(continued(images, self.pyramid.strides[-1]))
        places = looked_from(maps, self.pyramid.strides)
        classes, distances, quality = [], [], []
        for level, seen in enumerate(maps):
            features = self.tower(seen)
            classes.append(in_a_row(self.classes(features)))
            distances.append(in_a_row(self.distances(features) * self.scales[level]))
            quality.append(in_a_row(self.quality(features)))
        far = distances_of(torch.cat(distances, 1)) * places.stride[:, None]
        boxes = torch.cat([places.xy - far[..., :2], places.xy + far[..., 2:]], -1)
        return Answers(torch.cat(classes, 1), boxes, torch.cat(quality, 1)[..., 0]), places


def tower(width: int, depth: int) -> nn.Sequential:
    """3×3 convolutions with normalisation by groups (Wu & He 2018), which does not mix the statistics of levels."""
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers += [
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.GroupNorm(math.gcd(8, width), width),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers)


def in_a_row(maps: Tensor) -> Tensor:
    """(batch, channels, height, width) → (batch, height · width, channels)."""
    return maps.flatten(2).transpose(1, 2)


def distances_of(numbers: Tensor) -> Tensor:
    """Positive, in strides: eˣ, as the paper has it, but straight above 3, where a wild first step would leave all reason."""
    return torch.where(numbers < 3, numbers.clamp(max=3).exp(), math.exp(3) * (numbers - 2))


def looked_from(maps: list[Tensor], strides: list[int]) -> Places:
    points = centres(maps, strides)
    ends = [0.0, *(REACH * stride for stride in strides[:-1]), math.inf]

    def each(values: list[float]) -> Tensor:
        return torch.cat([own.new_full((len(own),), value) for own, value in zip(points, values, strict=True)])

    return Places(torch.cat(points), each(list(map(float, strides))), each(ends[:-1]), each(ends[1:]))


def assigned(places: Places, table: Tensor) -> tuple[Tensor, Tensor]:
    """Which of an image's objects (batch, most, 6) each place answers for, int64 (batch, places), −1 for none; and bool of the same
    shape, which places lie in a crowd and answer for none, so that nothing can be said of them."""
    boxes, there, crowd = table[:, None, :, :4], table[:, None, :, 4] != NO_OBJECT, table[:, None, :, 5] > 0
    xy = places.xy[:, None]
    edges = torch.cat([xy - boxes[..., :2], boxes[..., 2:] - xy], -1)  # (batch, places, most, 4): l, t, r, b
    inside, farthest = edges.amin(-1) > 0, edges.amax(-1)
    off_centre = (xy - (boxes[..., :2] + boxes[..., 2:]) / 2).abs().amax(-1)
    suits = (farthest > places.least[:, None]) & (farthest <= places.most[:, None])
    answers = inside & (off_centre < RADIUS * places.stride[:, None]) & suits & there & ~crowd
    area = (boxes[..., 2:] - boxes[..., :2]).prod(-1)
    smallest, which = torch.where(answers, area, math.inf).min(-1)
    none = smallest == math.inf
    return which.masked_fill(none, -1), none & (inside & there & crowd).any(-1)


def focal_cost(logits: Tensor, wanted: Tensor, focus: float = 2.0, balance: float = 0.25) -> Tensor:
    """−α_t (1 − p_t)^γ log p_t elementwise, of a yes or no each (Lin et al. 2017, equation 5): what is easy hardly counts, so that
    the many places without an object do not drown the few with one. γ: focus; α: balance, the weight of yes."""
    wanted = wanted.to(logits.dtype)
    surprise = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    right = torch.exp(-surprise)  # p_t
    weight = balance * wanted + (1 - balance) * (1 - wanted)
    return weight * (1 - right) ** focus * surprise


@of_a_spec
def fcos(spec: Spec, width: int = 32, depth: int = 2, finest: int = 4, backbone: BackboneName = "small") -> Fcos:
    """width: channels of the backbone at its finest level, doubled at each halving; depth: convolutions before the answers; finest:
    pixels between the places of the finest level, 4 or 8: 4 where objects are smaller than 32 pixels; backbone: small, or a net
    for ImageNet, of its own width."""
    return Fcos(pyramid_of("fcos", spec, width, finest, backbone), len(spec.targets.classes), depth)
