"""Principal components (Pearson 1901): the best linear code of a given size, what an autoencoder must do better than.

Of all linear maps to k numbers and back, projection on the k directions of largest variance has the least squared error;
a linear autoencoder finds the same plane (Bourlard & Kamp 1988; Baldi & Hornik 1989).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from profundo.records import ProfundoError

__all__ = ["LinearCode", "principal_components", "reduced_rank", "shares_of_variance"]


@dataclass(frozen=True, slots=True)
class LinearCode:
    """seen, made: means (features,); into: (features, code), out_of: (code, features)."""

    seen: Tensor
    made: Tensor
    into: Tensor
    out_of: Tensor

    def encode(self, rows: Tensor) -> Tensor:
        """(samples, features) → (samples, code)."""
        return (rows - self.seen) @ self.into

    def decode(self, codes: Tensor) -> Tensor:
        """(samples, code) → (samples, features)."""
        return codes @ self.out_of + self.made


def reduced_rank(seen: Tensor, wanted: Tensor, code: int, ridge: float = 1e-3) -> LinearCode:
    """The linear map of that rank from rows seen to rows wanted, both (samples, features), with the least squared error.

    Reduced-rank regression (Izenman 1975): least squares, then the principal components of what it fits. ridge: added to
    the mean square of every input. Where both are the same, these are their principal components, to the ridge.
    """
    if not 1 <= code <= wanted.shape[1]:
        raise ProfundoError(f"expected a code of 1 to {wanted.shape[1]} numbers, as there are features; got {code}")
    mean_seen, mean_wanted = seen.double().mean(0), wanted.double().mean(0)
    inner = torch.zeros(len(mean_seen), len(mean_seen), dtype=torch.float64)
    cross = torch.zeros(len(mean_seen), len(mean_wanted), dtype=torch.float64)
    for part, target in zip(torch.split(seen, 8192), torch.split(wanted, 8192), strict=True):
        centred = part.double() - mean_seen
        inner += centred.T @ centred
        cross += centred.T @ (target.double() - mean_wanted)
    weights = torch.linalg.solve(inner + ridge * len(seen) * torch.eye(len(inner), dtype=torch.float64), cross)
    fitted = weights.T @ inner @ weights
    directions = torch.linalg.eigh(fitted).eigenvectors.flip(1)[:, :code]
    into, out_of = weights @ directions, directions.T
    return LinearCode(mean_seen.float(), mean_wanted.float(), into.float(), out_of.contiguous().float())


def principal_components(rows: Tensor, components: int) -> LinearCode:
    """The code whose `out_of` are the directions of largest variance, orthonormal, of falling variance, for rows (samples,
    features): the eigenvectors of their covariance in double precision; float32.

    Each direction's largest entry is positive. Raises ProfundoError for more components than features.
    """
    if not 1 <= components <= rows.shape[1]:
        raise ProfundoError(f"expected 1 to {rows.shape[1]} components, as there are features; got {components}")
    mean = rows.double().mean(0)
    if components <= len(rows) < rows.shape[1]:  # the same directions, without a matrix of all pairs of features
        directions = torch.linalg.svd(rows.double() - mean, full_matrices=False).Vh[:components]
    else:
        directions = torch.linalg.eigh(scattered(rows, mean)).eigenvectors.T.flip(0)[:components]
    largest = directions.gather(1, directions.abs().argmax(1, keepdim=True))
    directions = (directions * largest.sign()).float()
    return LinearCode(mean.float(), mean.float(), directions.T, directions)


def shares_of_variance(rows: Tensor, code: LinearCode) -> list[float]:
    """What each component holds of the variance of rows (samples, features)."""
    whole = rows.double().var(0).sum().clamp_min(1e-300)
    return (code.encode(rows).double().var(0) / whole).tolist()


def scattered(rows: Tensor, mean: Tensor) -> Tensor:
    """Sum of the outer products of centred rows with themselves, (features, features)."""
    scatter = torch.zeros(len(mean), len(mean), dtype=torch.float64, device=rows.device)
    for part in torch.split(rows, 8192):
        centred = part.double() - mean
        scatter += centred.T @ centred
    return scatter
