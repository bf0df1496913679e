"""An autoencoder whose codes are words of a small vocabulary: VQ-VAE (van den Oord, Vinyals & Kavukcuoglu 2017, arXiv:1711.00937).

k = argmin_j ‖z_e(x) − e_j‖                               equation 1, at each place of the encoder's maps
z_q = z_e + stop(e_k − z_e)                               the decoder's gradient goes straight through to the encoder
L = −log p(x|z_q) + β ‖z_e − stop(e_k)‖²                  equation 3, its commitment; the vectors e follow by themselves:
N_j ← γ N_j + (1 − γ) n_j,  m_j ← γ m_j + (1 − γ) Σ z_e,  e_j = m_j / N_j      appendix A.1, a moving average of k-means
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from profundo.nets.init import initialize_
from profundo.records import ProfundoError

__all__ = ["Codebook", "VectorQuantised", "perplexity"]

SMALLEST = (
    1e-5  # of a vector's share, so that no sum is divided by nothing (appendix A.1 leaves it out; Laplace's smoothing)
)


class Codebook(nn.Module):
    """Vectors e, (words, size), that follow what is found nearest to them, in training mode. They begin at the first maps seen."""

    vectors: Tensor
    counts: Tensor
    sums: Tensor

    def __init__(self, words: int, size: int, decay: float = 0.99) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("vectors", torch.zeros(words, size))
        self.register_buffer("counts", torch.zeros(words))  # N, all zero: nothing was seen yet
        self.register_buffer("sums", torch.zeros(words, size))

    def nearest(self, rows: Tensor) -> Tensor:
        """(n, size) → int64 (n,). ‖z‖² is the same for every vector, and left out."""
        distances = self.vectors.square().sum(1) - 2 * rows @ self.vectors.T
        return distances.argmin(1)

    @torch.no_grad()
    def begin(self, rows: Tensor) -> None:
        """At rows that are drawn by PyTorch's generator."""
        chosen = rows[torch.randint(len(rows), (len(self.vectors),), device=rows.device)]
        self.vectors.copy_(chosen)
        self.sums.copy_(chosen)
        self.counts.fill_(1.0)

    @torch.no_grad()
    def follow(self, rows: Tensor, words: Tensor) -> None:
        chosen = F.one_hot(words, len(self.vectors)).to(rows)
        self.counts.lerp_(chosen.sum(0), 1 - self.decay)
        self.sums.lerp_(chosen.T @ rows, 1 - self.decay)
        total, many = self.counts.sum(), len(self.counts)
        smoothed = (self.counts + SMALLEST) / (total + many * SMALLEST) * total
        self.vectors.copy_(self.sums / smoothed[:, None])

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, size, height, width) → the vectors nearest to them, of the same shape, and their words, int64 (batch, height,
        width)."""
        rows = maps.detach().permute(0, 2, 3, 1).flatten(0, 2)
        with torch.autocast(maps.device.type, enabled=False):  # near vectors differ by less than bfloat16 can tell
            if self.training and not self.counts.any():
                self.begin(rows)
            words = self.nearest(rows)
            found = self.looked_up(words.view(len(maps), *maps.shape[2:]))
            if self.training:
                self.follow(rows, words)
        return found, words.view(len(maps), *maps.shape[2:])

    def looked_up(self, words: Tensor) -> Tensor:
        """int64 (batch, height, width) → (batch, size, height, width)."""
        return F.embedding(words, self.vectors).permute(0, 3, 1, 2)


def perplexity(words: Tensor, many: int) -> float:
    """exp of the entropy of the words' shares: how many are in use, from 1 to `many`."""
    shares = torch.bincount(words.flatten(), minlength=many).double() / words.numel()
    found: float = torch.special.entr(shares).sum().exp().item()
    return found


class Block(nn.Module):
    """x + conv₁(relu(conv₃(relu(x)))), section 4.1."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.ReLU(), nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 1)
        )

    def forward(self, maps: Tensor) -> Tensor:
        changed: Tensor = maps + self.body(maps)
        return changed


class VectorQuantised(nn.Module):
    """Pictures (batch, *shape) in [0, 1], with sides of multiples of 4 → words (batch, height / 4, width / 4) → logits of p(x|z)."""

    def __init__(
        self, shape: Sequence[int], words: int = 64, size: int = 16, width: int = 32, decay: float = 0.99
    ) -> None:
        super().__init__()
        if len(shape) != 3 or shape[1] % 4 or shape[2] % 4:
            raise ProfundoError(f"VQ-VAE: expected images whose sides are multiples of 4, got {tuple(shape)}")
        channels, self.words = shape[0], words
        self.places = shape[1] // 4, shape[2] // 4
        self.encoder = initialize_(
            nn.Sequential(
                nn.Conv2d(channels, width // 2, 4, stride=2, padding=1),
                nn.ReLU(),
                nn.Conv2d(width // 2, width, 4, stride=2, padding=1),
                Block(width),
                nn.ReLU(),
                nn.Conv2d(width, size, 1),
            )
        )
        self.codebook = Codebook(words, size, decay)
        self.decoder = initialize_(
            nn.Sequential(
                nn.Conv2d(size, width, 3, padding=1),
                Block(width),
                nn.ReLU(),
                nn.ConvTranspose2d(width, width // 2, 4, stride=2, padding=1),
                nn.ReLU(),
                nn.ConvTranspose2d(width // 2, channels, 4, stride=2, padding=1),
            )
        )

    def encode(self, pictures: Tensor) -> Tensor:
        """Words, int64 (batch, height, width)."""
        words: Tensor = self.codebook(self.encoder(pictures).float())[1]
        return words

    def decode(self, words: Tensor) -> Tensor:
        """Logits (batch, *shape) of words."""
        logits: Tensor = self.decoder(self.codebook.looked_up(words)).float()
        return logits

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits, ‖z_e − e_k‖² summed over places, (batch,), and the words."""
        maps = self.encoder(pictures).float()
        found, words = self.codebook(maps)
        logits: Tensor = self.decoder(maps + (found - maps).detach()).float()
        return logits, (maps - found).square().sum((1, 2, 3)), words
