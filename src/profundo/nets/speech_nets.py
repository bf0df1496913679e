"""Nets that write down what is said: an encoder of spectrograms, and two ways from its steps to labels.

ConnectionistNet    a label or a blank at each step, by connectionist temporal classification (Graves et al. 2006)
AttentiveNet        a decoder that writes a label after the other, looking at the steps (Chorowski et al. 2015, arXiv:1506.07503,
                    here with Bahdanau's attention, which does not know where it looked before)
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from profundo.nets.attention import Decoder, shifted
from profundo.nets.recurrent import BothWays, convolved, within

__all__ = ["STRIDE", "AttentiveNet", "ConnectionistNet", "SpeechEncoder"]

STRIDES = (2, 2)
STRIDE = 4  # frames of a step


class SpeechEncoder(nn.Module):
    """Two convolutions that halve time, layer normalisation (Ba et al. 2016), and a recurrent net from each end. Without the
    normalisation connectionist training stays for long where all steps are blank.

    (batch, frames, features) and their lengths → (steps, batch, 2 width) and how many steps each has, a step for four frames.
    """

    def __init__(self, features: int, width: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv1d(inputs, width, 5, stride, 2) for inputs, stride in zip((features, width), STRIDES, strict=True)
        )
        self.norm = nn.LayerNorm(width)
        self.recurrent = BothWays(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, sequences: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        maps, lengths = convolved(self.convolutions, sequences, lengths)
        return self.dropout(self.recurrent(self.norm(maps.permute(2, 0, 1)), lengths)), lengths


class ConnectionistNet(nn.Module):
    """Spectrograms → logits of a blank (0) and of each label (from 1 on) at each step, (steps, batch, 1 + labels), and the steps."""

    def __init__(self, features: int, labels: int, width: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.encoder = SpeechEncoder(features, width, dropout)
        self.output = nn.Linear(2 * width, 1 + labels)

    def forward(self, sequences: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        steps, lengths = self.encoder(sequences, lengths)
        return self.output(steps), lengths


class AttentiveNet(nn.Module):
    """Spectrograms → symbols, with PAD, BEGIN and END (records.py) before those of the labels."""

    def __init__(self, features: int, labels: int, width: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.width = width
        self.encoder = SpeechEncoder(features, width, dropout)
        self.bridge = nn.Linear(width, width)
        self.decoder = Decoder(3 + labels, width, 2 * width)

    def listen(self, sequences: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The decoder's first state, annotations (batch, steps, 2 width), which of them are there."""
        steps, lengths = self.encoder(sequences, lengths)
        annotations = steps.transpose(0, 1)
        first = torch.tanh(self.bridge(annotations[:, 0, self.width :]))
        return first[None], annotations, within(lengths, annotations.shape[1])

    def forward(self, sequences: Tensor, lengths: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """targets: int64 (batch, n) → logits of each (batch, n, symbols) given those before it, and weights (batch, n, steps)."""
        logits, weights, _ = self.decoder(shifted(targets), *self.listen(sequences, lengths))
        return logits, weights

    def write(self, sequences: Tensor, lengths: Tensor, longest: int) -> tuple[Tensor, Tensor]:
        """The likeliest symbol after the other: int64 (batch, ≤ longest) with END, and the weights."""
        return self.decoder.written(*self.listen(sequences, lengths), longest=longest)
