"""A small map in characters, for terminals."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["plane_text"]

SHADES = "·░▒▓█"  # from the first class, or the lowest value, to the second, or the highest
LETTERS = "ABCDEFGH"


def plane_text(output: Tensor) -> str:
    """output: P(class 1) or values (rows, columns), or probabilities (classes, rows, columns). Each cell is two characters wide,
    about as wide as high; of several classes a letter each, small where it is not sure by half."""
    if output.ndim == 3:
        best, which = torch.nan_to_num(output).max(0)
        rows = [
            [LETTERS[k] if share >= 0.5 else LETTERS[k].lower() for share, k in zip(*pair, strict=True)]
            for pair in zip(best.tolist(), which.tolist(), strict=True)
        ]
    else:
        values = torch.nan_to_num(output)
        low, high = (0.0, 1.0) if float(values.min()) >= 0 and float(values.max()) <= 1 else (-1.0, 1.0)
        level = ((values - low) / (high - low) * len(SHADES)).clamp(0, len(SHADES) - 1).int()
        rows = [[SHADES[place] for place in row] for row in level.tolist()]
    return "\n".join("".join(2 * letter for letter in row) for row in rows)
