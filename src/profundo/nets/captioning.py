"""From an image to a sentence: a convolutional encoder, an LSTM decoder (Vinyals et al. 2015) that attends (Xu et al. 2015).

The encoder's last maps are the annotations: one vector for each place of a coarse grid. To each is added a learned vector
for its place, so that the decoder can tell above from left. The first state comes from their mean (Xu et al. 2015, §3.1.2).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from profundo.nets.attention import Decoder, shifted
from profundo.nets.recurrent import State

__all__ = ["Captioner"]


class Captioner(nn.Module):
    """Grey or colour images of one size → sentences over `symbols` words, with PAD, BEGIN and END (records.py).

    side: of the images, in pixels, a multiple of 8; the grid has side/8 places each way.
    """

    def __init__(self, symbols: int, side: int, *, channels: int = 1, maps: int = 64, width: int = 128) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(channels, maps // 4, 5, stride=2, padding=2, bias=False),
            nn.BatchNorm2d(maps // 4),
            nn.ReLU(),
            *_stage(maps // 4, maps // 2),
            *_stage(maps // 2, maps),
            nn.Conv2d(maps, maps, 3, padding=1),
            nn.ReLU(),
        )
        self.places = nn.Parameter(0.1 * torch.randn((side // 8) ** 2, maps))
        self.hidden, self.cell = nn.Linear(maps, width), nn.Linear(maps, width)
        self.decoder = Decoder(symbols, width, maps, cell="lstm")

    def look(self, images: Tensor) -> tuple[State, Tensor]:
        """(batch, channels, side, side) → the decoder's first state and annotations (batch, places, maps)."""
        annotations = self.encoder(images).flatten(2).transpose(1, 2) + self.places
        mean = annotations.mean(1)
        return (torch.tanh(self.hidden(mean))[None], torch.tanh(self.cell(mean))[None]), annotations

    def forward(self, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Images and sentences int64 (batch, steps) → logits of every word (batch, steps, symbols) given those before it,
        and the attention's weights (batch, steps, places)."""
        logits, weights, _ = self.decoder(shifted(targets), *self.look(images))
        return logits, weights

    def describe(self, images: Tensor, longest: int) -> tuple[Tensor, Tensor]:
        """The likeliest word at each step: int64 (batch, ≤ longest) with END, and the weights."""
        return self.decoder.written(*self.look(images), longest=longest)


def _stage(fan_in: int, fan_out: int) -> list[nn.Module]:
    """Convolution, batch normalisation, ReLU, and half the size."""
    return [
        nn.Conv2d(fan_in, fan_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(fan_out),
        nn.ReLU(),
        nn.MaxPool2d(2),
    ]
