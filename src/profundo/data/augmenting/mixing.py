"""Samples mixed with others of their batch; the targets become shares of classes, as much of each as is in the input.

    mixup      λ x + (1 − λ) x', λ ~ Beta(α, α)                                         Zhang et al. 2018
    cutmix     a rectangle of x' in x; λ ~ Beta(α, α), then the share of x that is left     Yun et al. 2019
    ricap      pieces of four images round a point, each coordinate ~ Beta(β, β)           Takahashi et al. 2018

λ and the point are drawn for each sample; the published programs draw one for the whole batch.
Targets are float (batch, classes), or (batch,) between 0 and 1 for two classes. Since cross-entropy is linear in the
target, the cost of a mixed target is the mixture of the costs: λ c(y) + (1 − λ) c(y').
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from profundo.data.augmenting.hiding import box
from profundo.records import Targets

__all__ = ["cutmix", "mixup", "ricap", "soft", "symmetric_beta"]


def soft(targets: Tensor, spec: Targets) -> Tensor:
    """Class indices → float32 shares (batch, classes), all in one class; 0 and 1 → (batch,). Shares pass unchanged."""
    if targets.is_floating_point():
        return targets
    if spec.kind == "binary":
        return targets.float()
    return (targets[:, None] == torch.arange(len(spec.classes), device=targets.device)).float()


def symmetric_beta(alpha: float, count: int, generator: Generator, device: torch.device) -> Tensor:
    """Draws (count,) from Beta(α, α), float64, from two uniform numbers each.

    With ν = 2α, T = √(ν(U^(−2/ν) − 1)) cos 2πV has Student's distribution (Bailey 1994), and ½ + ½ T/√(ν + T²) is
    symmetric Beta (Devroye 1996, Random variate generation in one line of code).
    """
    u, v = torch.rand(2, count, generator=generator, device=device, dtype=torch.float64).unbind(0)
    cos = torch.cos(2 * math.pi * v)
    # 1 − U is never 0; expm1 keeps U^(−1/α) − 1 exact where it is small.
    squared = torch.expm1(-torch.log1p(-u) / alpha) * cos.square()
    return 0.5 + 0.5 * cos.sign() / torch.sqrt(1 + 1 / squared)


def mixup(inputs: Tensor, targets: Tensor, generator: Generator, *, alpha: float) -> tuple[Tensor, Tensor]:
    if alpha == 0:
        return inputs, targets
    partner = _partners(inputs, generator)
    kept = symmetric_beta(alpha, len(inputs), generator, inputs.device)
    return _blend(inputs, inputs[partner], kept), _blend(targets, targets[partner], kept)


def cutmix(images: Tensor, targets: Tensor, generator: Generator, *, alpha: float) -> tuple[Tensor, Tensor]:
    """The rectangle has the image's shape and the share 1 − λ of its area; its centre is any pixel, and it is cut at the
    border."""
    if alpha == 0:
        return images, targets
    count, _, height, width = images.shape
    partner = _partners(images, generator)
    side = (1 - symmetric_beta(alpha, count, generator, images.device)).sqrt()
    high, wide = (side * height).floor(), (side * width).floor()
    rows, columns = (torch.randint(s, (count,), generator=generator, device=images.device) for s in (height, width))
    other = box(images, rows - (high / 2).floor(), columns - (wide / 2).floor(), high, wide)
    kept = 1 - other.double().mean((1, 2, 3))
    return torch.where(other, images[partner], images), _blend(targets, targets[partner], kept)


def ricap(images: Tensor, targets: Tensor, generator: Generator, *, beta: float) -> tuple[Tensor, Tensor]:
    """Random image cropping and patching: each piece is cut from any place of its image, and stays unscaled."""
    count, _, height, width = images.shape
    device = images.device
    others = [torch.randperm(count, generator=generator, device=device) for _ in range(3)]
    sources = torch.stack([torch.arange(count, device=device), *others], 1)  # (batch, 4), left to right, then below
    high = (symmetric_beta(beta, count, generator, device) * height).round().long()
    wide = (symmetric_beta(beta, count, generator, device) * width).round().long()
    heights = torch.stack((high, high, height - high, height - high), 1)
    widths = torch.stack((wide, width - wide, wide, width - wide), 1)
    places = torch.rand(2, count, 4, generator=generator, device=device, dtype=torch.float64)
    top, left = (places[0] * (height - heights + 1)).long(), (places[1] * (width - widths + 1)).long()

    rows, columns = torch.arange(height, device=device)[:, None], torch.arange(width, device=device)
    below, right = rows >= high[:, None, None], columns >= wide[:, None, None]
    piece = (2 * below + right).reshape(count, -1)  # (batch, pixels): which of the four

    def of_piece(values: Tensor) -> Tensor:
        return values.gather(1, piece).reshape(count, height, width)

    row = rows - below * high[:, None, None] + of_piece(top)
    column = columns - right * wide[:, None, None] + of_piece(left)
    mixed = images.permute(0, 2, 3, 1)[of_piece(sources), row, column].permute(0, 3, 1, 2)
    shares = ((heights * widths).double() / (height * width)).to(targets.dtype)
    shared = torch.einsum("np,np...->n...", shares, targets[sources])
    return mixed, shared


def _partners(inputs: Tensor, generator: Generator) -> Tensor:
    return torch.randperm(len(inputs), generator=generator, device=inputs.device)


def _blend(ours: Tensor, theirs: Tensor, kept: Tensor) -> Tensor:
    """kept · ours + (1 − kept) · theirs, kept (batch,); exact where kept is 0 or 1."""
    return torch.lerp(theirs, ours, kept.to(ours.dtype).reshape(-1, *[1] * (ours.ndim - 1)))
