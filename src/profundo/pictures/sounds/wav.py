"""A sound as a WAV file of 16 bits."""

from __future__ import annotations

import io
import wave
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["wav"]

LOUDEST = 2**15 - 1


def wav(samples: Tensor, rate: int) -> bytes:
    """Of amplitudes in [−1, 1], (samples,); what lies beyond is cut."""
    values = (samples.double().clamp(-1, 1) * LOUDEST).round().cpu().numpy().astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(values.tobytes())
    return file.getvalue()
