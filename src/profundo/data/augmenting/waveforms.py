"""Random changes of sounds that keep what is heard: waveforms (batch, 1, samples), one draw a sample.

shift      earlier or later; silence comes in
speed      faster and higher, or slower and lower, about the middle, as another voice would be (Ko et al. 2015)
gain       louder or softer
noise      hiss, at most so loud beside the sound itself
mask       a stretch of time and a band of frequencies become silent (SpecAugment without its warping, Park et al. 2019)
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

__all__ = ["gain", "mask", "noise", "shift", "speed"]


def shift(sounds: Tensor, generator: Generator, *, reach: float) -> Tensor:
    """reach: the most, in shares of the length."""
    count, samples = len(sounds), sounds.shape[2]
    moves = _uniform(count, sounds, generator, -reach * samples, reach * samples).round().long()
    places = torch.arange(samples, device=sounds.device) - moves[:, None]
    inside = (places >= 0) & (places < samples)
    return sounds.gather(2, places.clamp(0, samples - 1)[:, None]) * inside[:, None]


def speed(sounds: Tensor, generator: Generator, *, factor: tuple[float, float]) -> Tensor:
    """factor: of tempo and pitch, its logarithm uniform. Between samples on a straight line."""
    samples = sounds.shape[2]
    factors = _uniform(len(sounds), sounds, generator, *map(math.log, factor)).exp()
    middle = (samples - 1) / 2
    places = (torch.arange(samples, device=sounds.device) - middle) * factors[:, None] + middle
    left = places.floor().long()
    inside = (left >= 0) & (places <= samples - 1)
    shares = (places - left) * inside
    before, after = (sounds[:, 0].gather(1, one.clamp(0, samples - 1)) for one in (left, left + 1))
    return (torch.lerp(before, after, shares) * inside).unsqueeze(1)


def gain(sounds: Tensor, generator: Generator, *, decibels: float) -> Tensor:
    """decibels: the most, up or down."""
    louder = torch.pow(10.0, _uniform(len(sounds), sounds, generator, -decibels, decibels) / 20)
    return sounds * louder[:, None, None]


def noise(sounds: Tensor, generator: Generator, *, deviation: float) -> Tensor:
    """deviation: the most, in shares of each sound's own: recordings differ a hundredfold in level."""
    levels = sounds.square().mean((1, 2), keepdim=True).sqrt()
    shares = _uniform(len(sounds), sounds, generator, 0, deviation)[:, None, None]
    hiss = torch.randn(sounds.shape, generator=generator, device=sounds.device)
    return sounds + shares * levels * hiss


def mask(sounds: Tensor, generator: Generator, *, time: float, frequency: float) -> Tensor:
    """time, frequency: the longest stretch and the widest band, in shares of all; each is uniform up to it."""
    samples = sounds.shape[2]
    waves = torch.fft.rfft(sounds)
    waves = waves.masked_fill(_stretch(len(sounds), waves.shape[2], frequency, sounds, generator), 0)
    filtered: Tensor = torch.fft.irfft(waves, n=samples)
    return filtered.masked_fill(_stretch(len(sounds), samples, time, sounds, generator), 0)


def _stretch(count: int, size: int, share: float, like: Tensor, generator: Generator) -> Tensor:
    """bool (count, 1, size): a stretch of each, up to that share long, at any place."""
    lengths, begins = (_uniform(count, like, generator, 0, 1)[:, None, None] for _ in range(2))
    lengths = lengths * share * size
    begins = begins * (size - lengths)
    places = torch.arange(size, device=like.device)
    return (places >= begins) & (places < begins + lengths)


def _uniform(count: int, like: Tensor, generator: Generator, low: float, high: float) -> Tensor:
    """float32 (count,)."""
    return low + (high - low) * torch.rand(count, generator=generator, device=like.device)
