"""Short binary codes of features: iterative quantisation (Gong & Lazebnik 2011, "Iterative quantization: a Procrustean approach
to learning binary codes"). A feature of 1,280 numbers becomes 64 bits, and two are compared by counting those that differ.

The features' principal components are turned by the rotation R that brings them nearest to the corners of a cube: in turn the
corners are B = sign(V R), and R = S Ŝᵀ is the orthogonal Procrustes solution of Bᵀ V = S Ω Ŝᵀ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from profundo.records import ProfundoError

__all__ = ["HashCodes", "check_bits", "differing_bits", "learned_codes"]

ROUNDS, MOST_ROWS = 50, 20_000
SET_BITS = np.array([number.bit_count() for number in range(256)], np.uint8)  # of a byte


@dataclass(frozen=True, slots=True)
class HashCodes:
    """mean: (features,); directions: (features, bits). A bit says on which side of the mean a feature lies, along a direction."""

    mean: Tensor
    directions: Tensor

    @property
    def bits(self) -> int:
        return self.directions.shape[1]

    def __call__(self, features: Tensor) -> np.ndarray:
        """float32 (rows, features) → uint8 (rows, bits / 8)."""
        return np.packbits(((features - self.mean) @ self.directions > 0).numpy(), axis=1)


def check_bits(bits: int, rows: int, width: int) -> None:
    """Raises ProfundoError unless so many features (rows, width) tell codes of so many bits: a multiple of 8, at most as many as
    features, and fewer than rows."""
    if bits < 8 or bits % 8 or bits > width or bits >= rows:
        most = min(width, rows - 1) // 8 * 8
        can = (
            f"a multiple of 8, at most {most} of {rows:,} images"
            if most
            else f"none, 0, for {rows:,} images are too few"
        )
        raise ProfundoError(f"--bits: expected {can}, got {bits}")


def learned_codes(features: Tensor, bits: int, seed: int = 0) -> HashCodes:
    """Of float32 (rows, features); of many rows as many as tell enough. Raises ProfundoError as `check_bits` does."""
    rows, width = features.shape
    check_bits(bits, rows, width)
    draws = torch.Generator().manual_seed(seed)
    if rows > MOST_ROWS:
        features = features[torch.randperm(rows, generator=draws)[:MOST_ROWS]]
    mean = features.mean(0)
    centred = (features - mean).double()
    if len(centred) < width:  # the products of rows are fewer than those of features
        principal = torch.linalg.svd(centred, full_matrices=False).Vh[:bits].T
    else:
        principal = torch.linalg.eigh(centred.T @ centred).eigenvectors[:, -bits:]
    projected = centred @ principal
    turn, _ = torch.linalg.qr(torch.randn(bits, bits, generator=draws, dtype=torch.float64))
    for _ in range(ROUNDS):
        corners = torch.where(projected @ turn > 0, 1.0, -1.0).double()
        left, _, right = torch.linalg.svd(corners.T @ projected)
        turn = (left @ right).T
    return HashCodes(mean, (principal @ turn).float())


def differing_bits(codes: np.ndarray, one: np.ndarray) -> np.ndarray:
    """Hamming distances of uint8 (rows, bytes) to (bytes,): int64 (rows,)."""
    distances: np.ndarray = SET_BITS[codes ^ one].sum(1, dtype=np.int64)
    return distances
