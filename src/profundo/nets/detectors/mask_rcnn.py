"""Mask R-CNN: Faster R-CNN that also outlines what it finds (He, Gkioxari, Dollár & Girshick 2017).

A third head sees each region as 14 × 14 features of RoIAlign, convolves them, doubles their side, and says for every class which of
the 28 × 28 cells are the object's:

    cost = cost of Faster R-CNN + cross-entropy(cells of the object's own class, its mask)

over the regions with an object. Classes do not compete for a cell: which class it is the other head knows (section 3). Other than
the paper's it sees the image, too, read at those cells: features at a quarter of the side say whose a place is, and edges finer than
that only the image has (after Kirillov et al. 2020, "PointRend", section 3.3).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from profundo.nets.detectors.backbones import BackboneName
from profundo.nets.detectors.faster_rcnn import USUAL, FasterRcnn
from profundo.nets.detectors.pyramid import Pyramid, pyramid_of
from profundo.nets.detectors.regions import level_of, region_features
from profundo.nets.net_names import of_a_spec
from profundo.records import ProfundoError, Spec

__all__ = ["MASK_SIDE", "MaskRcnn", "mask_rcnn"]

MASK_SIDE = 28  # cells
OUTLINED = 4  # regions of an image that are outlined in training: eight cost half of a step


class MaskRcnn(nn.Module):
    """channels: of an image; classes: how many; features: of the dense layers; depth: convolutions of the head for masks."""

    def __init__(self, pyramid: Pyramid, channels: int, classes: int, features: int = 256, depth: int = 2) -> None:
        super().__init__()
        self.boxes, width, narrow = FasterRcnn(pyramid, classes, features), pyramid.width, pyramid.width // 2
        layers: list[nn.Module] = []
        for _ in range(depth):
            layers += [nn.Conv2d(width, width, 3, padding=1), nn.ReLU()]
        self.whose = nn.Sequential(*layers, nn.ConvTranspose2d(width, narrow, 2, stride=2), nn.ReLU())
        self.outlines = nn.Sequential(
            nn.Conv2d(narrow + channels, narrow, 3, padding=1), nn.ReLU(), nn.Conv2d(narrow, classes, 1)
        )

    def cost(self, images: Tensor, targets: Tensor | Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Of standardised images (batch, channels, height, width); targets: "objects", their table (batch, most, 6), and "masks",
        bool (batch, most, height, width)."""
        if isinstance(targets, Tensor):
            raise ProfundoError(
                "mask_rcnn: expected masks of the objects, the data have boxes only; use faster_rcnn or fcos"
            )
        table, maps = targets["objects"], self.boxes.maps(images)
        parts, regions = self.boxes.costs_and_regions(maps, table, tuple(images.shape[2:]))
        boxes, which = regions.boxes[:, :OUTLINED], regions.which[:, :OUTLINED]  # those with an object come first
        image, place = ((which >= 0) & regions.asked[:, :OUTLINED]).nonzero(as_tuple=True)
        object_ = which[image, place]
        logits = self.cells(images, maps, boxes)[image, place]
        own = logits[torch.arange(len(logits), device=logits.device), table[image, object_, 4].long()]
        wanted = cells_of(targets["masks"][image, object_], boxes[image, place])
        told = F.binary_cross_entropy_with_logits(own, wanted, reduction="sum") / max(1, own.numel())
        return parts | {"mask": told}

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Boxes (batch, PLACES, 4), classes and scores (batch, PLACES), and probabilities of the cells (batch, PLACES, 28, 28)."""
        maps = self.boxes.maps(images)
        boxes, classes, scores = self.boxes.found(maps, tuple(images.shape[2:]))
        filled = boxes.shape[1] if torch.compiler.is_exporting() else max(1, int((scores > 0).sum(1).max()))
        cells = self.cells(images, maps, boxes[:, :filled])
        kind = classes[:, :filled, None, None, None].clamp(min=0).expand(-1, -1, 1, MASK_SIDE, MASK_SIDE)
        own = cells.gather(2, kind)[:, :, 0].sigmoid() * (scores[:, :filled, None, None] > 0)
        return boxes, classes, scores, F.pad(own, (0, 0, 0, 0, 0, boxes.shape[1] - filled))

    def cells(self, images: Tensor, maps: list[Tensor], boxes: Tensor) -> Tensor:
        """Logits (batch, regions, classes, 28, 28) of regions (batch, regions, 4)."""
        strides = self.boxes.pyramid.strides
        seen = region_features(maps, strides, boxes, level_of(boxes, strides, USUAL), MASK_SIDE // 2)
        pixels = read_from(images, boxes, MASK_SIDE)
        whose = self.whose(seen.flatten(0, 1))
        logits: Tensor = self.outlines(torch.cat([whose, pixels.flatten(0, 1).to(whose.dtype)], 1)).unflatten(
            0, boxes.shape[:2]
        )
        return logits


def cells_of(masks: Tensor, boxes: Tensor) -> Tensor:
    """float32 (objects, 28, 28), 1 for cells of boxes (objects, 4) of which the mask bool (objects, height, width) has the half."""
    share = read_from(masks[:, None].float(), boxes[:, None], MASK_SIDE)
    return (share[:, 0, 0] >= 0.5).float()


def read_from(images: Tensor, boxes: Tensor, size: int) -> Tensor:
    """(batch, regions, channels, size, size): the images (batch, channels, height, width) themselves in boxes (batch, regions, 4)."""
    levels = torch.zeros(boxes.shape[:2], dtype=torch.int64, device=boxes.device)
    return region_features([images], [1], boxes, levels, size)


@of_a_spec
def mask_rcnn(
    spec: Spec, width: int = 32, features: int = 256, depth: int = 2, finest: int = 4, backbone: BackboneName = "small"
) -> MaskRcnn:
    """width: channels of the backbone at its finest level, doubled at each halving; features: of the two dense layers that judge a
    region; depth: convolutions before its mask; finest: pixels between the places of the finest level, 4 or 8; backbone: small, or a
    net for ImageNet, of its own width."""
    pyramid = pyramid_of("mask_rcnn", spec, width, finest, backbone)
    return MaskRcnn(pyramid, spec.inputs.shape[0], len(spec.targets.classes), features, depth)
