"""A small U-Net that is told how noisy an image is, and of which class: what denoises in diffusion (Ho et al. 2020, appendix B).

Residual blocks at half and at a quarter of the image's size, attention at the smaller, joined on the way up with what the way down
had (as in unet.py). Pixels come and go in squares of four as channels (Shi et al. 2016), so that nothing is convolved at full size,
where a processor would spend most of its time. Time and class scale and shift the values that each block has normalised (Dhariwal &
Nichol 2021, section 3).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from profundo.nets.attention import attend
from profundo.records import ProfundoError

__all__ = ["GROUP", "DenoisingUNet"]

GROUP = 16  # channels of a group that is normalised together
WAVES = 32  # lengths by which a time is told
LONGEST = 1000.0  # times the shortest
STEP = 4  # the sides are made a multiple of it
MOST_PLACES = 1024  # that attend to each other: memory grows with their square


class DenoisingUNet(nn.Module):
    """(batch, channels, height, width), times (batch,) in [0, 1], classes (batch,) → as many values as came.

    classes: how many there are; the number after the last one stands for none. width: channels at half the size, a multiple of 16,
    twice as many at a quarter. blocks: at each size on each way.
    """

    def __init__(self, shape: Sequence[int], width: int, classes: int, blocks: int = 2) -> None:
        super().__init__()
        if width < GROUP or width % GROUP:
            raise ProfundoError(f"denoising net: expected a width that is a multiple of {GROUP}, got {width}")
        channels, told = 4 * shape[0], 4 * width
        self.classes = classes
        self.time = nn.Sequential(nn.Linear(2 * WAVES, told), nn.SiLU(), nn.Linear(told, told))
        self.kind = nn.Embedding(classes + 1, told)
        self.first = nn.Conv2d(channels, width, 3, padding=1)
        self.down = nn.ModuleList(Block(width, width, told) for _ in range(blocks))
        self.halve = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.deep = nn.ModuleList(Block(2 * width, 2 * width, told) for _ in range(blocks))
        places = -(-shape[1] // STEP) * -(-shape[2] // STEP)
        self.attention = SelfAttention(2 * width) if places <= MOST_PLACES else nn.Identity()
        self.deeper = nn.ModuleList(Block(2 * width, 2 * width, told) for _ in range(blocks))
        self.enlarge = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.up = nn.ModuleList(Block(2 * width, width, told) for _ in range(blocks))
        self.norm = nn.GroupNorm(width // GROUP, width)
        self.last = zeroed(nn.Conv2d(width, channels, 3, padding=1))

    @property
    def no_class(self) -> int:
        return self.classes

    def forward(self, noisy: Tensor, times: Tensor, classes: Tensor) -> Tensor:
        height, width = noisy.shape[2:]
        x = F.pad(noisy, (0, -width % STEP, 0, -height % STEP))
        about = F.silu(self.time(waves(times)) + self.kind(classes))
        x = self.first(F.pixel_unshuffle(x, 2))
        kept = []
        for block in self.down:
            x = block(x, about)
            kept.append(x)
        x = self.halve(x)
        for block in self.deep:
            x = block(x, about)
        x = self.attention(x)
        for block in self.deeper:
            x = block(x, about)
        x = self.enlarge(x)
        for block in self.up:
            x = block(torch.cat([x, kept.pop()], 1), about)
        result: Tensor = F.pixel_shuffle(self.last(F.silu(self.norm(x))), 2)
        return result[:, :, :height, :width]


class Block(nn.Module):
    """x + two convolutions of its normalised values, which `about` (batch, told) scales and shifts."""

    def __init__(self, channels: int, width: int, told: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(channels // GROUP, channels, affine=False)
        self.about = nn.Linear(told, 2 * channels)
        self.wide = nn.Conv2d(channels, width, 3, padding=1)
        self.narrow = zeroed(nn.Conv2d(width, width, 3, padding=1))
        self.short = nn.Conv2d(channels, width, 1) if channels != width else nn.Identity()

    def forward(self, x: Tensor, about: Tensor) -> Tensor:
        scale, shift = self.about(about)[:, :, None, None].chunk(2, 1)
        seen = F.silu(torch.addcmul(shift, self.norm(x), 1 + scale))
        result: Tensor = self.short(x) + self.narrow(F.silu(self.wide(seen)))
        return result


class SelfAttention(nn.Module):
    """x + what each place takes from all others (Vaswani et al. 2017), of normalised values.

    Written out: at so few places the fused kernel of a processor takes five times as long backwards.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(width // GROUP, width)
        self.asked = nn.Conv2d(width, 3 * width, 1)
        self.given = zeroed(nn.Conv2d(width, width, 1))

    def forward(self, x: Tensor) -> Tensor:
        batch, width, high, wide = x.shape
        rows = self.asked(self.norm(x)).permute(0, 2, 3, 1).flatten(1, 2)
        query, key, value = rows.chunk(3, 2)
        mixed, _ = attend(query @ key.transpose(1, 2) * width**-0.5, value)
        result: Tensor = x + self.given(mixed.view(batch, high, wide, width).permute(0, 3, 1, 2))
        return result


def waves(times: Tensor) -> Tensor:
    """(batch,) → (batch, 2 · WAVES): sines and cosines of falling frequencies (Vaswani et al. 2017, section 3.5)."""
    rates = torch.exp(torch.arange(WAVES, device=times.device) * (-math.log(LONGEST) / (WAVES - 1)))
    angles = LONGEST * times[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], 1)


def zeroed(layer: nn.Conv2d) -> nn.Conv2d:
    """So that what it adds is nothing at first."""
    nn.init.zeros_(layer.weight)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer
