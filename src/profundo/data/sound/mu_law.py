"""μ-law: amplitudes as 256 codes that are narrow where most samples are (van den Oord et al. 2016, section 2.2).

y = sign(x) ln(1 + μ |x|) / ln(1 + μ),  μ = 255;  a code is which of 256 equal parts of [−1, 1] holds y
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["CODES", "SILENT", "codes_of", "companded", "edges", "expanded", "sound_of"]

CODES = 256
SILENT = CODES // 2  # the code of amplitude 0
MU = CODES - 1


def companded(amplitudes: Tensor) -> Tensor:
    """Amplitudes in [−1, 1] → y in [−1, 1]."""
    return amplitudes.sign() * torch.log1p(MU * amplitudes.abs()) / math.log1p(MU)


def expanded(values: Tensor) -> Tensor:
    """The inverse of `companded`."""
    return values.sign() * torch.expm1(values.abs() * math.log1p(MU)) / MU


def codes_of(sound: Tensor) -> Tensor:
    """uint8 codes of amplitudes; what lies beyond [−1, 1] has the outermost."""
    return ((companded(sound) + 1) * SILENT).floor().clamp(0, MU).to(torch.uint8)


def sound_of(codes: Tensor) -> Tensor:
    """float32 amplitudes in the middle of the codes' parts."""
    return expanded((codes.float() + 0.5) / SILENT - 1)


def edges() -> Tensor:
    """float64 (257,): between which y a code lies, code k between k and k + 1."""
    return torch.arange(CODES + 1, dtype=torch.float64) / SILENT - 1
