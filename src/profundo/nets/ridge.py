"""Ridge regression for several strengths at once: one decomposition of XᵀX, or of XXᵀ where that is smaller, serves all.

W(α) = (XᵀX + αI)⁻¹ XᵀY = Xᵀ (XXᵀ + αI)⁻¹ Y        X, Y centred; the intercept is free of the penalty
y − ŷ₋ᵢ = (y − ŷ)ᵢ / (1 − Hᵢᵢ)                      what is predicted of a sample left out (Allen 1974)
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["Ridge"]


class Ridge:
    """Of rows (samples, features) and targets (samples, outputs), computed in float64."""

    def __init__(self, rows: Tensor, targets: Tensor) -> None:
        rows, self.targets = rows.double(), targets.double()
        self.centre, self.level = rows.mean(0), self.targets.mean(0)
        self.rows, self.wide = rows - self.centre, rows.shape[1] > len(rows)
        square = self.rows @ self.rows.T if self.wide else self.rows.T @ self.rows
        values, self.vectors = torch.linalg.eigh(square)
        self.values = values.clamp(min=0)

    def weights(self, strength: float) -> tuple[Tensor, Tensor]:
        """W (outputs, features) and b (outputs,), float64."""
        inverse = self.vectors / (self.values + strength) @ self.vectors.T
        y = self.targets - self.level
        weight = (self.rows.T @ (inverse @ y) if self.wide else inverse @ (self.rows.T @ y)).T
        return weight, self.level - weight @ self.centre

    def left_out(self, strength: float) -> Tensor:
        """(samples, outputs): what is predicted of each sample by all others."""
        y, count = self.targets - self.level, len(self.rows)
        basis = self.vectors if self.wide else self.rows @ self.vectors
        shares = self.values / (self.values + strength) if self.wide else 1 / (self.values + strength)
        fitted = basis * shares @ (basis.T @ y)
        leverage = (basis.square() * shares).sum(1, keepdim=True) + 1 / count
        result: Tensor = self.targets - (y - fitted) / (1 - leverage).clamp(min=1e-6)
        return result
