"""Sounds to be looked at and heard: the wave above its log-mel spectrogram, as an image; and a small file for a page."""

from __future__ import annotations

import base64
import io
import wave

import torch
import torch.nn.functional as F
from torch import Tensor

from profundo.nets.sound_nets import LogMel

__all__ = ["audible", "sound_pictures"]

WIDE, WAVE_HIGH, BANDS_HIGH = 120, 31, 64  # pixels
RANGE = 60.0  # dB below the loudest that are shown


def sound_pictures(sounds: Tensor, rate: int) -> Tensor:
    """uint8 (sounds, 1, height, 120) of raw sounds (sounds, 1, samples): time from left to right; above, the wave as large as
    there is room for; below, pitch from low to high, the louder the brighter."""
    return torch.cat([_waves(sounds.float()), _spectrograms(sounds.float(), rate)], 1).unsqueeze(1)


def _waves(sounds: Tensor) -> Tensor:
    """Of each column of pixels the range of its samples."""
    scaled = sounds / sounds.abs().amax(2, keepdim=True).clamp_min(1)
    high, low = F.adaptive_max_pool1d(scaled, WIDE), -F.adaptive_max_pool1d(-scaled, WIDE)
    rows = torch.linspace(1, -1, WAVE_HIGH)[:, None]
    half = 1 / (WAVE_HIGH - 1)
    lit = (rows <= high + half) & (rows >= low - half)
    return torch.where(lit, 255, 0).to(torch.uint8)


def _spectrograms(sounds: Tensor, rate: int) -> Tensor:
    with torch.no_grad():
        power = LogMel(rate).power(sounds).transpose(1, 2).unsqueeze(1)
    decibels = 10 * (power / power.amax((2, 3), keepdim=True).clamp_min(1e-9)).clamp_min(1e-9).log10()
    shades = (255 * (1 + decibels / RANGE)).clamp(0, 255).flip(2)
    return F.interpolate(shades, (BANDS_HIGH, WIDE), mode="bilinear").round().to(torch.uint8)[:, 0]


def audible(sound: Tensor, rate: int) -> str:
    """A raw sound (1, samples) as a WAV of 8 bits in a data-URI, as loud as it can be."""
    values = sound[0].float()
    eight = (127 * values / values.abs().max().clamp_min(1) + 128).round().to(torch.uint8)
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(1)
        out.setframerate(rate)
        out.writeframes(eight.numpy().tobytes())
    return "data:audio/wav;base64," + base64.b64encode(file.getvalue()).decode("ascii")
