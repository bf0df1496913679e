"""What a net gave, as an objective takes it."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["column", "full", "rows"]

_HALF = (torch.bfloat16, torch.float16)


def full(outputs: Tensor) -> Tensor:
    """Half precision as float32; what is wider stays as it is."""
    return outputs.float() if outputs.dtype in _HALF else outputs


def column(outputs: Tensor) -> Tensor:
    """(batch, 1) → (batch,)."""
    return full(outputs).squeeze(1)


def rows(targets: Tensor, outputs: Tensor) -> Tensor:
    """(batch,) → (batch, 1), lest the difference to (batch, 1) outputs broadcasts to a square."""
    return targets.reshape(outputs.shape)
