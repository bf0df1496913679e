"""The variational autoencoder's two nets (Kingma & Welling 2014, appendix C): a code's distribution, a picture's."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor, nn

from profundo.nets.dense import perceptron
from profundo.nets.init import SMALL_OUTPUT, initialize_
from profundo.nets.told_class import beside

__all__ = ["VariationalAutoencoder"]


class VariationalAutoencoder(nn.Module):
    """Pictures (batch, *shape) in [0, 1] → q(z|x) = N(μ, diag σ²); codes (batch, code) → logits of p(x|z).

    classes: where there are any, the decoder is told the picture's, p(x|z, y) (Kingma et al. 2014, arXiv:1406.5298, M2; Sohn, Lee &
    Yan 2015). The encoder sees the picture and need not be told: any q(z|x) bounds log p(x|y) from below.
    """

    def __init__(self, shape: tuple[int, ...], code: int, width: int = 400, classes: int = 0) -> None:
        super().__init__()
        self.shape, self.code, self.classes = shape, code, classes
        pixels = prod(shape)
        encoder = nn.Sequential(nn.Flatten(), *perceptron((pixels, width, width, 2 * code)))
        decoder = nn.Sequential(*perceptron((code + classes, width, width, pixels)))
        self.encoder = initialize_(encoder, output_gain=SMALL_OUTPUT)
        self.decoder = initialize_(decoder, output_gain=SMALL_OUTPUT)

    def encode(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """(μ, log σ²), each (batch, code), in float32 also under autocast."""
        mean, log_variance = self.encoder(pictures).float().chunk(2, 1)
        return mean, log_variance

    def decode(self, codes: Tensor, labels: Tensor | None = None) -> Tensor:
        """Logits (batch, *shape). labels: int64 (batch,), for a net that is told classes; others leave them alone."""
        if self.classes:
            assert labels is not None
            codes = beside(codes, labels, self.classes)
        logits: Tensor = self.decoder(codes).float()
        return logits.view(-1, *self.shape)

    def forward(self, pictures: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Logits for one code drawn from q(z|x) = μ + σ ε (the reparametrisation, eq. 10), and q's (μ, log σ²)."""
        mean, log_variance = self.encode(pictures)
        codes = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        return self.decode(codes, labels), mean, log_variance
