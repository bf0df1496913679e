"""Where in a sound something is said, by its loudness alone."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from profundo.data.sound.spectrograms import HOP

__all__ = ["loud_stretches"]

QUIET = 0.1  # of the moments are no louder than the background
SHORTEST = 6  # frames of 16 ms: what is shorter is a click


def loud_stretches(sound: Tensor, threshold: float, pause: int) -> list[tuple[int, int]]:
    """(from, to) in samples of each loud stretch of a sound (samples,) at 8 kHz.

    threshold: which share of the way in decibels from the background to the loudest moment is loud; pause: as many quiet frames
    of 16 ms divide two stretches, fewer do not.
    """
    frames = F.pad(sound, (0, -len(sound) % HOP)).view(-1, HOP).square().mean(1)
    level = 10 * torch.log10(frames + 1e-10)
    low, high = level.quantile(QUIET), level.max()
    loud = (level > low + threshold * (high - low)).nonzero().squeeze(1)
    if not len(loud):
        return []
    breaks = (loud.diff() > pause).nonzero().squeeze(1)
    firsts = torch.cat([loud[:1], loud[breaks + 1]]).tolist()
    lasts = torch.cat([loud[breaks], loud[-1:]]).tolist()
    both = zip(firsts, lasts, strict=True)
    return [(HOP * first, min(HOP * (last + 1), len(sound))) for first, last in both if last - first + 1 >= SHORTEST]
