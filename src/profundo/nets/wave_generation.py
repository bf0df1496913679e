"""Sounds drawn from a WaveNet, sample by sample: the naive way, and the one that computes no number twice.

A layer of dilation d needs of its past only its own input of d steps ago. Kept in a ring of d places (Le Paine et al. 2016,
arXiv:1611.09482), it makes a step one product per layer, whatever lies behind; `generated_naively` reads all of it anew for
each sample. Both draw by the same numbers, so that they give the same codes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from profundo.nets.wave_nets import FRAME, Layer, WaveNet, frames_for, gated

__all__ = ["Drawn", "Words", "drawn_codes", "generated", "generated_naively", "progress_of"]


@dataclass(frozen=True, slots=True)
class Words:
    """What is to be said: int64 (words,) classes, speakers and lengths in samples."""

    classes: Tensor
    speakers: Tensor
    lengths: Tensor

    def __len__(self) -> int:
        return len(self.classes)


@dataclass(frozen=True, slots=True)
class Drawn:
    """How samples are drawn: from p^(1/temperature), above 0, with guidance w."""

    temperature: float = 1.0
    guidance: float = 1.0

    def asked_of(self, net: WaveNet, words: Words) -> Words:
        """What the net is to be told: the words, and beside them, if there is guidance, the same untold."""
        if self.guidance == 1:
            return words
        untold = torch.full_like(words.classes, net.speech.untold)
        return Words(torch.cat([words.classes, untold]), words.speakers.repeat(2), words.lengths.repeat(2))

    def codes(self, logits: Tensor, uniform: Tensor) -> Tensor:
        """int64 (words,) from the logits of what the net was told."""
        if self.guidance != 1:
            told, untold = logits.chunk(2)
            logits = untold + self.guidance * (told - untold)
        return drawn_codes(logits, uniform, self.temperature)


def progress_of(lengths: Tensor, first: int, frames: int) -> Tensor:
    """The share of each word, int64 (words,) samples long, that is over in so many frames from frame `first` on: (frames, words)."""
    middles = (torch.arange(first, first + frames)[:, None] + 0.5) * FRAME
    return (middles / lengths).clamp(0, 1)


def drawn_codes(logits: Tensor, uniform: Tensor, temperature: float) -> Tensor:
    """int64 (words,): the code at which the sum of p^(1/temperature) passes uniform (words,) in [0, 1)."""
    sums = torch.softmax(logits / temperature, 1).cumsum(1)
    return torch.searchsorted(sums, (uniform * sums[:, -1])[:, None], right=True)[:, 0].clamp(max=logits.shape[1] - 1)


@torch.inference_mode()
def generated(net: WaveNet, words: Words, generator: torch.Generator, silent: int, how: Drawn = Drawn()) -> Tensor:
    """int64 (longest, words); beyond a word's length goes on what is no part of it. silent: the code that stands before all."""
    steps, context = int(words.lengths.max()), net.context
    uniform = torch.rand(steps, len(words), generator=generator, dtype=torch.float64).to(net.output.weight.dtype)
    asked = how.asked_of(net, words)
    rings = Rings(net, asked, frames_for(context + steps))
    code = torch.full((len(words),), silent)
    codes = []
    for step in range(context + steps):
        outputs = rings.step(step, code.repeat(len(asked) // len(words)))
        if step >= context:
            code = how.codes(net.judged(outputs), uniform[step - context])
            codes.append(code)
    return torch.stack(codes)


class Rings:
    """The rings of all layers."""

    def __init__(self, net: WaveNet, words: Words, frames: int) -> None:
        progress = progress_of(words.lengths, -net.context // FRAME, frames).to(net.output.weight.dtype)
        h: Tensor = net.speech(words.classes, words.speakers, progress)
        self.embedding: Tensor = net.embedding.weight
        self.rings = [ring_of(layer, h) for layer in net.in_order]
        self.outputs: Tensor = h.new_zeros(len(words), self.embedding.shape[1] * len(self.rings))

    def step(self, step: int, code: Tensor) -> Tensor:
        """The codes before, int64 (words,) → z of all layers, (words, layers · channels)."""
        x = self.embedding[code]
        channels = x.shape[1]
        for number, ring in enumerate(self.rings):
            x, z = ring.step(step, x)
            self.outputs[:, number * channels : (number + 1) * channels] = z
        return self.outputs


@dataclass(frozen=True, slots=True)
class Ring:
    """Of one layer the inputs that it still needs, past: (dilation, words, channels); and all that can be computed before the first
    sample: condition: V h, (frames, words, 2 channels); weights as they are multiplied."""

    past: Tensor
    condition: Tensor
    before: Tensor
    now: Tensor
    residual: Tensor
    bias: Tensor

    def step(self, step: int, x: Tensor) -> tuple[Tensor, Tensor]:
        """(words, channels) → the next layer's x and z; x takes the place of what was `dilation` steps ago."""
        past = self.past[step % len(self.past)]
        z = gated(torch.addmm(self.condition[step // FRAME], x, self.now).addmm_(past, self.before))
        past.copy_(x)
        return torch.addmm(self.bias, z, self.residual).add_(x), z


def ring_of(layer: Layer, h: Tensor) -> Ring:
    """An empty one: before the first step there is silence enough to fill it."""
    before, now, residual = (one.weight.T.contiguous() for one in (layer.before, layer.now, layer.residual))
    past = h.new_zeros(layer.dilation, h.shape[1], layer.residual.in_features)
    return Ring(past, layer.condition(h), before, now, residual, layer.residual.bias)


@torch.inference_mode()
def generated_naively(
    net: WaveNet, words: Words, generator: torch.Generator, silent: int, how: Drawn = Drawn()
) -> Tensor:
    """What `generated` gives, by the whole net over the whole past for every sample."""
    steps, context = int(words.lengths.max()), net.context
    uniform = torch.rand(steps, len(words), generator=generator, dtype=torch.float64).to(net.output.weight.dtype)
    frames, asked = frames_for(context + steps), how.asked_of(net, words)
    progress = progress_of(asked.lengths, -context // FRAME, frames).to(uniform.dtype)
    previous = torch.full((FRAME * frames + 1, len(words)), silent)
    for step in range(steps):
        read = previous[:-1].repeat(1, len(asked) // len(words))
        logits = net(read, asked.classes, asked.speakers, progress)[step]
        previous[context + step + 1] = how.codes(logits, uniform[step])
    return previous[context + 1 : context + steps + 1]
