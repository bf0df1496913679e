"""Principal components (Pearson 1901): the best linear code of a given size, what an autoencoder must do better than.

Of all linear maps to k numbers and back, projection on the k directions of largest variance has the least squared error;
a linear autoencoder finds the same plane (Bourlard & Kamp 1988; Baldi & Hornik 1989).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from profundo.records import ProfundoError

__all__ = ["Components", "principal_components"]


@dataclass(frozen=True, slots=True)
class Components:
    """mean: (features,); directions: (components, features), orthonormal, of falling variance."""

    mean: Tensor
    directions: Tensor

    def encode(self, rows: Tensor) -> Tensor:
        """(samples, features) → (samples, components)."""
        return (rows - self.mean) @ self.directions.T

    def decode(self, codes: Tensor) -> Tensor:
        """(samples, components) → (samples, features)."""
        return codes @ self.directions + self.mean


def principal_components(rows: Tensor, components: int) -> Components:
    """Of rows (samples, features), by the eigenvectors of their covariance in double precision; float32.

    Each direction's largest entry is positive. Raises ProfundoError for more components than features.
    """
    if not 1 <= components <= rows.shape[1]:
        raise ProfundoError(f"expected 1 to {rows.shape[1]} components, as there are features; got {components}")
    mean = rows.double().mean(0)
    scatter = torch.zeros(len(mean), len(mean), dtype=torch.float64, device=rows.device)
    for part in torch.split(rows, 8192):
        centred = part.double() - mean
        scatter += centred.T @ centred
    directions = torch.linalg.eigh(scatter).eigenvectors.T.flip(0)[:components]
    largest = directions.gather(1, directions.abs().argmax(1, keepdim=True))
    return Components(mean.float(), (directions * largest.sign()).float())
