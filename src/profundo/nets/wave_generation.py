"""Sounds drawn from a WaveNet, sample by sample: the naive way, and the one that computes no number twice.

A layer of dilation d needs of its past only its own input of d steps ago. Kept in a ring of d places (Le Paine et al. 2016,
arXiv:1611.09482), it makes a step one product per layer, whatever lies behind; `generated_naively` reads all of it anew for
each sample. Both draw by the same numbers, so that they give the same codes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from profundo.nets.wave_nets import FRAME, WaveNet, frames_for, gated

__all__ = ["Words", "drawn_codes", "generated", "generated_naively", "progress_of"]


@dataclass(frozen=True, slots=True)
class Words:
    """What is to be said: int64 (words,) classes, speakers and lengths in samples."""

    classes: Tensor
    speakers: Tensor
    lengths: Tensor

    def __len__(self) -> int:
        return len(self.classes)


def progress_of(lengths: Tensor, first: int, frames: int) -> Tensor:
    """The share of each word, int64 (words,) samples long, that is over in so many frames from frame `first` on: (frames, words)."""
    middles = (torch.arange(first, first + frames)[:, None] + 0.5) * FRAME
    return (middles / lengths).clamp(0, 1)


def drawn_codes(logits: Tensor, uniform: Tensor, temperature: float) -> Tensor:
    """int64 (words,): the code at which the sum of p^(1/temperature) passes uniform (words,) in [0, 1)."""
    sums = torch.softmax(logits / temperature, 1).cumsum(1)
    return torch.searchsorted(sums, (uniform * sums[:, -1])[:, None], right=True)[:, 0].clamp(max=logits.shape[1] - 1)


@torch.inference_mode()
def generated(net: WaveNet, words: Words, generator: torch.Generator, silent: int, temperature: float = 1.0) -> Tensor:
    """int64 (longest, words); beyond a word's length goes on what is no part of it. silent: the code that stands before all."""
    steps, context = int(words.lengths.max()), net.context
    uniform = torch.rand(steps, len(words), generator=generator, dtype=torch.float64).to(net.output.weight.dtype)
    rings = Rings(net, words, frames_for(context + steps))
    code = torch.full((len(words),), silent)
    codes = []
    for step in range(context + steps):
        outputs = rings.step(step, code)
        if step >= context:
            code = drawn_codes(net.judged(outputs), uniform[step - context], temperature)
            codes.append(code)
    return torch.stack(codes)


class Rings:
    """The inputs that the layers still need, and all that can be computed before the first sample: V h of every frame, and
    weights as they are multiplied."""

    def __init__(self, net: WaveNet, words: Words, frames: int) -> None:
        first = -net.context // FRAME
        h = net.speech(
            words.classes, words.speakers, progress_of(words.lengths, first, frames).to(net.output.weight.dtype)
        )
        self.embedding = net.embedding.weight
        channels = self.embedding.shape[1]
        self.outputs = h.new_zeros(len(words), channels * len(net.layers))
        self.layers = [
            (
                layer.condition(h),
                h.new_zeros(layer.dilation, len(words), channels),
                layer.before.weight.T.contiguous(),
                layer.now.weight.T.contiguous(),
                layer.residual.weight.T.contiguous(),
                layer.residual.bias,
            )
            for layer in net.layers
        ]

    def step(self, step: int, code: Tensor) -> Tensor:
        """The codes before → z of all layers, (words, layers · channels)."""
        x = self.embedding[code]
        frame, channels, at = step // FRAME, x.shape[1], 0
        for condition, ring, before, now, residual, bias in self.layers:
            past = ring[step % len(ring)]
            z = gated(torch.addmm(condition[frame], x, now).addmm_(past, before))
            past.copy_(x)
            self.outputs[:, at : at + channels] = z
            x = torch.addmm(bias, z, residual).add_(x)
            at += channels
        return self.outputs


@torch.inference_mode()
def generated_naively(
    net: WaveNet, words: Words, generator: torch.Generator, silent: int, temperature: float = 1.0
) -> Tensor:
    """What `generated` gives, by the whole net over the whole past for every sample."""
    steps, context = int(words.lengths.max()), net.context
    uniform = torch.rand(steps, len(words), generator=generator, dtype=torch.float64).to(net.output.weight.dtype)
    frames = frames_for(context + steps)
    progress = progress_of(words.lengths, -context // FRAME, frames).to(uniform.dtype)
    previous = torch.full((FRAME * frames + 1, len(words)), silent)
    for step in range(steps):
        logits = net(previous[:-1], words.classes, words.speakers, progress)[step]
        previous[context + step + 1] = drawn_codes(logits, uniform[step], temperature)
    return previous[context + 1 : context + steps + 1]
