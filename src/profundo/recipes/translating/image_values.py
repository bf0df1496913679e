"""Images as nets that translate them take and give them: values from −1 to 1, a few at a time where they are large."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from profundo.recipes.net_outputs import enlarged, few_at_once, in_parts, outputs
from profundo.train.updates import autocast

__all__ = ["called_in", "error", "large", "signed", "translated"]

ENLARGED, MOST = 2, 64  # times, across and down, that a page shows an image of at most so many pixels of a side


def signed(images: Tensor) -> Tensor:
    """float32 from −1 to 1 of uint8 images, channels last in memory."""
    return (images.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)


def translated(net: nn.Module, images: Tensor) -> Tensor:
    """uint8 of uint8 images (images, channels, height, width), on the CPU."""
    return in_parts(
        lambda part: ((outputs(net, signed(part)) + 1) * 127.5).round().to(torch.uint8).contiguous(), images
    )


def error(made: Tensor, truth: Tensor) -> float:
    """The mean absolute error of uint8 images, where black and white differ by 1."""
    pairs = zip(*(torch.split(images, few_at_once(images)) for images in (made, truth)), strict=True)
    apart: float = sum((one.float() - other.float()).abs().sum().item() for one, other in pairs)
    return apart / (255 * truth.numel())


def called_in(precision: str, net: nn.Module) -> Callable[[Tensor], Tensor]:
    """The net in this precision, with answers in float32."""

    def call(images: Tensor) -> Tensor:
        with autocast(precision, images.device):
            made: Tensor = net(images)
        return made.float()

    return call


def large(images: Tensor) -> Tensor:
    """To be shown: in colour, and twice as large where they are small."""
    wide = images.expand(-1, 3, -1, -1)
    return enlarged(wide, ENLARGED) if max(images.shape[2:]) <= MOST else wide
