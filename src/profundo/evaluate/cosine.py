"""How alike two vectors are."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["cosine", "euclidean"]


def cosine(a: Tensor, b: Tensor) -> Tensor:
    """a·b / (‖a‖‖b‖): 1 for one direction, 0 at a right angle, −1 for opposite directions, whatever the lengths.

    a, b: (…, size), broadcast against each other; returns (…).
    """
    alike: Tensor = (a * b).sum(-1) / (a.norm(dim=-1) * b.norm(dim=-1))
    return alike


def euclidean(a: Tensor, b: Tensor) -> Tensor:
    """‖a − b‖: the length of the straight way from one to the other; shapes as in `cosine`."""
    distance: Tensor = torch.linalg.vector_norm(a - b, dim=-1)
    return distance
