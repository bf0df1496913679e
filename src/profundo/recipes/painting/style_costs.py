"""How far an image is from what it is to show and from the manner it is to have, as a perceptual net sees them, and the slow way to
bring it nearer: pixel by pixel (Gatys, Ecker & Bethge 2016).

Each cost is relative, the squared difference by the squared length of what is wanted, so that weights mean the same for any net.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from profundo.data.full_batch import Whole as Again
from profundo.nets.perceptual import CONTENT_LAYER, STYLE_LAYERS, PerceptualNet, gram
from profundo.recipes.context import Context, Trained
from profundo.recipes.repainting import as_bytes
from profundo.records import Batch
from profundo.train import Descent, Plan, optimizer, schedule

__all__ = ["Aims", "Canvas", "Weights", "aimed", "grams", "judged", "optimised", "relative", "roughness"]


@dataclass(frozen=True, slots=True)
class Weights:
    """style: what it counts for one of content; smoothness: what differences of neighbouring pixels count."""

    style: float = 1.0
    smoothness: float = 0.0


@dataclass(frozen=True, slots=True)
class Aims:
    """What the judge says of the photographs (batch, …) and of the painting, as Gram matrices (1, …) by layer. where: the places that
    are painted, for each layer of the style; empty for all."""

    content: Tensor
    styles: Mapping[str, Tensor]
    where: Mapping[str, Tensor] = field(default_factory=dict)

    def errors(self, maps: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Squared, and relative to what is wanted: of the content, and of each layer of the style."""
        styles = {
            name: relative(gram(maps[name], self.where.get(name)), wanted) for name, wanted in self.styles.items()
        }
        return relative(maps[CONTENT_LAYER], self.content), styles

    @property
    def layers(self) -> tuple[str, ...]:
        return (*self.styles, CONTENT_LAYER)

    def cost(self, judge: PerceptualNet, images: Tensor, weights: Weights) -> dict[str, Tensor]:
        """The style counts as the mean of its layers."""
        of_content, of_styles = self.errors(judge(images, self.layers))
        of_style = torch.stack(list(of_styles.values())).mean()
        loss = of_content + weights.style * of_style + weights.smoothness * roughness(images)
        return {"loss": loss, "content": of_content, "style": of_style}


def relative(found: Tensor, wanted: Tensor) -> Tensor:
    """The mean over a batch of ‖found − wanted‖² / ‖wanted‖²."""
    lengths = wanted.square().flatten(1).sum(1).clamp(min=1e-12)
    return ((found - wanted).square().flatten(1).sum(1) / lengths).mean()


def roughness(images: Tensor) -> Tensor:
    """The mean squared difference of neighbouring pixels."""
    down, across = images[:, :, 1:] - images[:, :, :-1], images[:, :, :, 1:] - images[:, :, :, :-1]
    return down.square().mean() + across.square().mean()


@torch.no_grad()
def grams(judge: PerceptualNet, style: Tensor, layers: Sequence[str] = STYLE_LAYERS) -> dict[str, Tensor]:
    return {name: gram(maps) for name, maps in judge(style, layers).items()}


@torch.no_grad()
def aimed(judge: PerceptualNet, content: Tensor, styles: Mapping[str, Tensor], mask: Tensor | None = None) -> Aims:
    """mask: (1, 1, height, width) from 0 to 1, of the photograph's size; white where it is painted."""
    seen = judge(content, (*styles, CONTENT_LAYER))
    where = {}
    if mask is not None:
        where = {name: F.interpolate(mask.to(content.device), seen[name].shape[2:], mode="area") for name in styles}
    return Aims(seen[CONTENT_LAYER], styles, where)


@torch.no_grad()
def judged(judge: PerceptualNet, aims: Aims, image: Tensor) -> dict[str, float]:
    """The relative squared errors by name: "content", "style", which is the mean of its layers, and each of these."""
    content, styles = aims.errors(judge(image, aims.layers))
    by_layer = {name: float(value) for name, value in styles.items()}
    return {"content": float(content), "style": sum(by_layer.values()) / len(by_layer), **by_layer}


# ------------------------------------------------------------------------------------------------------ pixel by pixel
class Canvas(nn.Module):
    """The image that is painted: its pixels are the weights, (1, 3, height, width), through a sigmoid: all are from 0 to 1."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.pixels = nn.Parameter(torch.zeros(1, 3, height, width))

    def forward(self, _: Any = None) -> Tensor:
        return self.pixels.sigmoid()


def optimised(
    context: Context,
    judge: PerceptualNet,
    aims: Aims,
    start: Tensor,
    weights: Weights,
    *,
    frames: int,
    each: int,
    learning_rate: float,
    name: str = "training",
) -> tuple[Canvas, Trained]:
    """Adam moves the pixels from `start`, (1, 3, height, width); frames: of its film, one for `each` steps."""
    canvas = Canvas(start.shape[2], start.shape[3])
    with torch.no_grad():
        canvas.pixels.copy_(torch.logit(start, eps=0.01))

    def cost(_: Batch) -> dict[str, Tensor]:
        image = canvas()
        return aims.cost(judge, image, weights)

    trained = context.train(
        Descent(canvas, cost, optimizer("adam", canvas, learning_rate)),
        Again(start, start, updates=each, device=context.device),
        Plan(frames, schedule("cosine")),
        film=lambda: as_bytes(canvas().detach())[0],
        name=name,
    )
    return canvas, trained
