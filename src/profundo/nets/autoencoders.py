"""Autoencoders: an encoder squeezes an input into a code of few numbers, a decoder makes the input out of it again.

dense_autoencoder    fully connected, narrowing and widening again (Hinton & Salakhutdinov 2006)
pooling_autoencoder  convolutions and max pooling; the decoder puts each value back where its maximum was

Inputs and outputs are images in [0, 1], float32 (batch, *shape): the last layer is a sigmoid.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch.nn.functional as F
from torch import Tensor, nn

from profundo.nets.dense import perceptron
from profundo.nets.init import SMALL_OUTPUT, initialize_
from profundo.records import ProfundoError

__all__ = ["Autoencoder", "PoolingAutoencoder", "dense_autoencoder", "pooling_autoencoder"]


class Autoencoder(nn.Module):
    """decoder(encoder(inputs)). The code is linear: (batch, code)."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def encode(self, inputs: Tensor) -> Tensor:
        """(batch, *shape) → (batch, code)."""
        codes: Tensor = self.encoder(inputs)
        return codes

    def decode(self, codes: Tensor) -> Tensor:
        """(batch, code) → (batch, *shape)."""
        made: Tensor = self.decoder(codes)
        return made

    def forward(self, inputs: Tensor) -> Tensor:
        """(batch, *shape) → (batch, *shape)."""
        return self.decode(self.encode(inputs))


def dense_autoencoder(shape: Sequence[int], code: int = 32, widths: Sequence[int] = (256, 128)) -> Autoencoder:
    """Fully connected with ReLUs; the decoder has the encoder's widths in reverse.

    Raises ProfundoError for widths or a code below 1.
    """
    sizes = (prod(shape), *widths, code)
    if min(sizes) < 1:
        raise ProfundoError(f"dense_autoencoder: expected widths and code of at least 1, got {tuple(widths)}, {code}")
    encoder = nn.Sequential(nn.Flatten(), *perceptron(sizes))
    decoder = nn.Sequential(*perceptron(sizes[::-1]), nn.Sigmoid(), nn.Unflatten(1, tuple(shape)))
    return Autoencoder(
        initialize_(encoder, output_gain=1.0),
        initialize_(decoder, output_gain=SMALL_OUTPUT),
    )


class PoolingAutoencoder(nn.Module):
    """Convolution and 2×2 max pooling, twice; then a linear code; then the way back by unpooling.

    Max pooling forgets where in each 2×2 field the maximum was. Here the positions ("switches", Zeiler & Fergus 2014,
    section 2.1; as the decoder of SegNet, Badrinarayanan et al. 2017) go round the code to the decoder, whose
    `MaxUnpool2d` puts every value back at its place and zeros elsewhere. So edges stay sharp, and the code is not all
    that the decoder knows: each pooled value brings two bits of position with it.
    """

    def __init__(self, shape: Sequence[int], code: int) -> None:
        super().__init__()
        channels, height, width = shape
        first, second = 16, 32  # maps
        pooled = (second, height // 4, width // 4)
        self.conv1 = nn.Conv2d(channels, first, 3, padding=1)
        self.conv2 = nn.Conv2d(first, second, 3, padding=1)
        self.pool = nn.MaxPool2d(2, return_indices=True)
        self.to_code = nn.Sequential(nn.Flatten(), nn.Linear(prod(pooled), code))
        self.from_code = nn.Sequential(nn.Linear(code, prod(pooled)), nn.ReLU(), nn.Unflatten(1, pooled))
        self.unpool = nn.MaxUnpool2d(2)
        self.back2 = nn.ConvTranspose2d(second, first, 3, padding=1)
        self.back1 = nn.ConvTranspose2d(first, channels, 3, padding=1)

    def look(self, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The code (batch, code) and both layers' positions: index of each maximum within its plane."""
        small, first = self.pool(F.relu(self.conv1(inputs)))
        smaller, second = self.pool(F.relu(self.conv2(small)))
        return self.to_code(smaller), first, second

    def encode(self, inputs: Tensor) -> Tensor:
        """(batch, channels, height, width) → (batch, code)."""
        return self.look(inputs)[0]

    def decode(self, codes: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """(batch, code), and both layers' positions, → (batch, channels, height, width)."""
        small = F.relu(self.back2(self.unpool(self.from_code(codes), second)))
        return self.back1(self.unpool(small, first)).sigmoid()  # type: ignore[no-any-return]

    def forward(self, inputs: Tensor) -> Tensor:
        """(batch, channels, height, width) → the same shape."""
        return self.decode(*self.look(inputs))


def pooling_autoencoder(shape: Sequence[int], code: int = 32) -> PoolingAutoencoder:
    """For images (channels, height, width) whose sides are multiples of 4. Raises ProfundoError for others."""
    if len(shape) != 3 or shape[1] % 4 or shape[2] % 4:
        raise ProfundoError(f"pooling_autoencoder: expected images whose sides are multiples of 4, got {tuple(shape)}")
    return initialize_(PoolingAutoencoder(shape, code))
