"""Answers as the browser takes them: JSON text; with arrays in it, one binary message that is read without a copy.

    4 bytes      length of the head, little-endian
    head         JSON, where an array stands as {"$array": [type, shape, offset]}; spaces fill it up to a multiple of 8. Keys of
                 ours that begin with a $, such as a column's name, have another one before it
    arrays       one behind the other, little-endian, row by row, each at a multiple of 8 after the head

Numbers that JSON has no word for (NaN, infinities) become null outside of arrays. A Said is there in every language, as the page
has its own texts: {"en": …, "es": …, "ca": …, "pt": …}.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
import torch

from profundo.languages import Said

__all__ = ["encoded"]

TYPES = {"u1": "uint8", "i4": "int32", "f4": "float32"}  # what a browser has a typed array for
STEP = 8


def encoded(message: Mapping[str, Any]) -> str | bytes:
    """A message; arrays and tensors of any real type in it travel as uint8, int32 or float32."""
    arrays: list[np.ndarray] = []
    head = json.dumps(plain(message, arrays, [0]), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    if not arrays:
        return head
    text = head.encode()
    text += b" " * (-(len(text) + 4) % STEP)
    return b"".join((len(text).to_bytes(4, "little"), text, *(padded(array) for array in arrays)))


def plain(value: Any, arrays: list[np.ndarray], end: list[int]) -> Any:
    """The value as JSON has it; its arrays go to `arrays`, `end` counts their bytes."""
    if isinstance(value, Said):
        return value.everywhere
    if isinstance(value, torch.Tensor):
        value = value.detach().float().cpu().numpy() if value.dtype == torch.bfloat16 else value.detach().cpu().numpy()
    if isinstance(value, np.ndarray):
        return referred(value, arrays, end)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name), arrays, end) for field in fields(value)}
    if isinstance(value, Mapping):
        return {escaped(str(key)): plain(item, arrays, end) for key, item in value.items()}
    if isinstance(value, (Sequence, set, frozenset)) and not isinstance(value, (str, bytes)):
        return [plain(item, arrays, end) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, PurePath) else value


def escaped(key: str) -> str:
    return f"${key}" if key.startswith("$") else key


def referred(array: np.ndarray, arrays: list[np.ndarray], end: list[int]) -> dict[str, Any]:
    kind = "u1" if array.dtype in (np.uint8, np.bool_) else "f4" if array.dtype.kind == "f" else "i4"
    arrays.append(np.ascontiguousarray(array, dtype=f"<{kind}" if kind != "u1" else kind))
    begin = end[0]
    end[0] += arrays[-1].nbytes + -arrays[-1].nbytes % STEP
    return {"$array": [TYPES[kind], list(array.shape), begin]}


def padded(array: np.ndarray) -> bytes:
    return array.tobytes() + b"\0" * (-array.nbytes % STEP)
