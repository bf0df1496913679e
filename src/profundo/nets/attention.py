"""Attention: a decoder that looks back at what was read, and an encoder–decoder for translation.

A decoder in state h asks all annotations a₁ … aₙ (the encoder's outputs): scores eⱼ = vᵀ tanh(W h + U aⱼ) (Bahdanau, Cho &
Bengio 2015, §3.1 and appendix A.1.2), weights α = softmax(e), and the context c = Σⱼ αⱼ aⱼ joins the state in the choice of
the next symbol.

The context enters after the decoder's recurrent net, as in Luong's model, not before it, as in Bahdanau's: so all steps
of a known target go through one fused call.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from profundo.nets.decoding import Kept, greedy
from profundo.nets.recurrent import BothWays, State, recurrent, rows_first, rows_second, within
from profundo.records import BEGIN, PAD

__all__ = ["Additive", "Decoder", "Translator", "attend", "shifted"]


def attend(scores: Tensor, annotations: Tensor, there: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Contexts (batch, steps, width) and weights (batch, steps, n) from scores (batch, steps, n), annotations
    (batch, n, width) and, where lengths differ, which annotations are there: bool (batch, n)."""
    if there is not None:
        scores = scores.masked_fill(~there[:, None], -torch.inf)
    weights = torch.softmax(scores, 2)
    return weights @ annotations, weights


class Additive(nn.Module):
    """vᵀ tanh(W h + U a): states (batch, steps, width), annotations (batch, n, features) → (batch, steps, n)."""

    def __init__(self, width: int, features: int) -> None:
        super().__init__()
        self.states, self.annotations = nn.Linear(width, width), nn.Linear(features, width, bias=False)
        self.score = nn.Linear(width, 1, bias=False)

    def forward(self, states: Tensor, annotations: Tensor) -> Tensor:
        sums = self.states(states)[:, :, None] + self.annotations(annotations)[:, None]
        scores: Tensor = self.score(torch.tanh(sums)).squeeze(3)
        return scores


class Decoder(nn.Module):
    """Symbols so far → logits of the next, looking at annotations; h̃ = tanh(W [c; h]) (Luong et al. 2015, eq. 5).

    features: of an annotation. attends: False leaves only the state to remember by.
    """

    def __init__(
        self, symbols: int, width: int, features: int, *, cell: str = "gru", embedding: int = 32, attends: bool = True
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(symbols, embedding)
        self.recurrent = recurrent(cell, embedding, width)
        self.attention = Additive(width, features) if attends else None
        self.joined = nn.Linear(width + (features if self.attention else 0), width)
        self.output = nn.Linear(width, symbols)

    def forward(
        self, symbols: Tensor, state: State, annotations: Tensor, there: Tensor | None = None
    ) -> tuple[Tensor, Tensor, State]:
        """int64 (batch, steps), the state before them, annotations (batch, n, features), bool (batch, n) →
        logits (batch, steps, symbols), weights (batch, steps, n), the state after them. Without attention the weights are 0."""
        outputs, state = self.recurrent(self.embedding(symbols.T), state)
        states = outputs.transpose(0, 1)
        if self.attention is None:
            weights = states.new_zeros(*states.shape[:2], annotations.shape[1])
        else:
            contexts, weights = attend(self.attention(states, annotations), annotations, there)
            states = torch.cat([contexts, states], 2)
        return self.output(torch.tanh(self.joined(states))), weights, state

    def step(self, symbols: Tensor, kept: Kept) -> tuple[Tensor, Kept]:
        """For decoding.py; kept: a state, rows first, annotations, and which of them are there."""
        state, annotations, there = kept
        logits, _, state = self(symbols, rows_second(state), annotations, there)
        return torch.log_softmax(logits[:, -1].float(), 1), (rows_first(state), annotations, there)

    def written(
        self, state: State, annotations: Tensor, there: Tensor | None = None, *, longest: int
    ) -> tuple[Tensor, Tensor]:
        """The likeliest symbol at each step, until all have ended: int64 (batch, ≤ longest), padded after END, and the attention's
        weights (batch, ≤ longest, n)."""
        begun = torch.full((len(annotations), 1), BEGIN, device=annotations.device)
        said = greedy(self.step, begun, (rows_first(state), annotations, there), longest=longest)
        _, weights, _ = self(shifted(said), state, annotations, there)
        return said, weights


def shifted(targets: Tensor) -> Tensor:
    """What a decoder has seen before each target (batch, steps): BEGIN, then the targets but the last."""
    return torch.cat([torch.full_like(targets[:, :1], BEGIN), targets[:, :-1]], 1)


class Translator(nn.Module):
    """Sequence to sequence: a recurrent net reads from both ends, another writes and attends (Bahdanau, Cho & Bengio 2015).

    Sources and targets share one vocabulary, with PAD, BEGIN and END (records.py).
    cell: "gru" as there, "lstm", whose first memory cell is made like its first state, or "plain". attends: False is the
    fixed-length bottleneck of Cho et al. 2014 and Sutskever et al. 2014.
    """

    def __init__(
        self, symbols: int, width: int = 64, *, cell: str = "gru", embedding: int = 32, attends: bool = True
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(symbols, embedding, padding_idx=PAD)
        self.encoder = BothWays(embedding, width, cell=cell)
        self.attends = attends
        self.bridge = nn.Linear(width if attends else 2 * width, (2 if cell == "lstm" else 1) * width)
        self.decoder = Decoder(symbols, width, 2 * width, cell=cell, embedding=embedding, attends=attends)
        self.width = width

    def read(self, sources: Tensor) -> tuple[State, Tensor, Tensor]:
        """int64 (batch, n) → the decoder's first state, annotations (batch, n, 2 width), which of them are there.

        The state is made from what the backward net has when it comes to the first symbol (appendix A.2.2); without
        attention, also from what the forward net has after the last one, for there is no other way to what was read.
        """
        lengths = (sources != PAD).sum(1)
        annotations = self.encoder(self.embedding(sources.T), lengths).transpose(0, 1)
        ends = annotations[:, 0, self.width :]
        if not self.attends:
            last = annotations[torch.arange(len(sources), device=sources.device), lengths - 1, : self.width]
            ends = torch.cat([last, ends], 1)
        first = torch.tanh(self.bridge(ends)).view(len(ends), -1, self.width).transpose(0, 1).contiguous()
        state = (first[:1], first[1:]) if len(first) == 2 else first
        return state, annotations, within(lengths, sources.shape[1])

    def forward(self, sources: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """int64 (batch, n) and (batch, steps) → logits of every target (batch, steps, symbols) given those before it, and
        the attention's weights (batch, steps, n)."""
        logits, weights, _ = self.decoder(shifted(targets), *self.read(sources))
        return logits, weights

    def begun(self, sources: Tensor) -> Kept:
        """What `step` keeps before anything is written."""
        state, annotations, there = self.read(sources)
        return rows_first(state), annotations, there

    def step(self, symbols: Tensor, kept: Kept) -> tuple[Tensor, Kept]:
        """For decoding.py."""
        return self.decoder.step(symbols, kept)

    def translate(self, sources: Tensor, longest: int) -> tuple[Tensor, Tensor]:
        """The likeliest symbol at each step: int64 (batch, ≤ longest) with END, and the weights."""
        return self.decoder.written(*self.read(sources), longest=longest)
