"""The mel scale of pitch, on which the ear hears equal steps (Stevens, Volkmann and Newman 1937), and its filters.

mel(f) = 2595 log₁₀(1 + f/700)        hertz(m) = 700 (10^(m/2595) − 1)
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

__all__ = ["hertz", "mel", "mel_filters"]


def mel(hertz: float) -> float:
    """Pitch in mel (O'Shaughnessy 1987); 1000 Hz are 1000 mel."""
    return float(2595 * np.log10(1 + hertz / 700))


def hertz(mel: float) -> float:
    """The inverse: 700 (10^(m/2595) − 1)."""
    return float(700 * (10 ** (mel / 2595) - 1))


def mel_filters(bands: int, window: int, rate: int) -> Tensor:
    """Triangles (bands, frequencies) whose corners are equally far apart in mel, from 0 to half the rate; height 1.

    Narrower than the distance of two frequencies, a triangle could miss them all: it then takes the nearest.
    """
    return torch.from_numpy(_filters(bands, window, rate).copy())


@lru_cache(maxsize=8)
def _filters(bands: int, window: int, rate: int) -> np.ndarray:  # no tensor, which would be of whatever device was set
    corners = np.array([hertz(m) for m in np.linspace(0, mel(rate / 2), bands + 2)])
    frequencies = np.linspace(0, rate / 2, window // 2 + 1)
    left, middle, right = (corners[i : i + bands, None] for i in range(3))
    rising, falling = (frequencies - left) / (middle - left), (right - frequencies) / (right - middle)
    filters = np.minimum(rising, falling).clip(min=0)
    nearest = np.eye(len(frequencies))[np.abs(frequencies - middle).argmin(1)]
    chosen: np.ndarray = np.where(filters.sum(1, keepdims=True) > 0, filters, nearest)
    return chosen.astype(np.float32)
