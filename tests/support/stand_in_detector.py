"""A detector in as few lines as it can be, for tests of all that stands around one: an answer at each place of a grid."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from profundo.boxes import NO_OBJECT
from profundo.object_masks import table_of

STRIDE = 8


class StandIn(nn.Module):
    """Says of each cell of 8 × 8 pixels whether the centre of an object lies in it, of which class, and its four edges."""

    def __init__(self, channels: int, classes: int, masks: bool = False, places: int = 10) -> None:
        super().__init__()
        self.places, self.masks = places, masks
        self.body = nn.Sequential(
            nn.Conv2d(channels, 16, STRIDE, STRIDE), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 5 + classes, 1)
        )

    def answers(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Boxes (batch, cells, 4), logits of there being an object (batch, cells), and of classes (batch, cells, classes)."""
        maps = self.body(images)
        high, wide = maps.shape[2:]
        flat = maps.flatten(2).transpose(1, 2)
        centres = (torch.cartesian_prod(torch.arange(high), torch.arange(wide)).flip(1) + 0.5) * STRIDE
        reach = STRIDE * F.softplus(flat[..., :4])
        return torch.cat([centres - reach[..., :2], centres + reach[..., 2:]], -1), flat[..., 4], flat[..., 5:]

    def cost(self, images: Tensor, targets) -> dict[str, Tensor]:
        boxes, there, classes = self.answers(images)
        table, across = table_of(targets), images.shape[3] // STRIDE
        image, place = (table[..., 4] != NO_OBJECT).nonzero().unbind(1)
        own = table[image, place]
        column, row = ((own[:, low] + own[:, low + 2]).div(2 * STRIDE).long() for low in (0, 1))
        cell = (row * across + column).clamp(0, boxes.shape[1] - 1)
        wanted = torch.zeros_like(there)
        wanted[image, cell] = 1
        number = max(1, len(own))
        return {
            "object cost": F.binary_cross_entropy_with_logits(there, wanted),
            "class cost": F.cross_entropy(classes[image, cell], own[:, 4].long(), reduction="sum") / number,
            "box cost": F.l1_loss(boxes[image, cell], own[:, :4], reduction="sum") / number / STRIDE,
        }

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        boxes, there, classes = self.answers(images)
        scores, cells = there.sigmoid().topk(min(self.places, there.shape[1]), 1)
        found = boxes.gather(1, cells[..., None].expand(-1, -1, 4)), classes.argmax(2).gather(1, cells), scores
        return (*found, torch.ones(*cells.shape, 28, 28)) if self.masks else found
