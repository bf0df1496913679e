"""What a thing in memory is, by what it can do and by the name of the module that its class is from: no library is imported
for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = [
    "is_array",
    "is_dataset",
    "is_frame",
    "is_hugging_face",
    "is_image",
    "is_keras_dataset",
    "is_loader",
    "is_number",
    "is_series",
    "is_sparse",
    "library",
    "words_in",
]


def library(thing: Any) -> str:
    """The package that the class of a thing comes from."""
    return type(thing).__module__.partition(".")[0]


def is_frame(thing: Any) -> bool:
    return (library(thing), type(thing).__name__) in {
        ("pandas", "DataFrame"),
        ("polars", "DataFrame"),
        ("polars", "LazyFrame"),
        ("pyarrow", "Table"),
    }


def is_series(thing: Any) -> bool:
    return library(thing) in ("pandas", "polars") and type(thing).__name__ == "Series"


def is_image(thing: Any) -> bool:
    return library(thing) == "PIL" and hasattr(thing, "convert")


def is_sparse(thing: Any) -> bool:
    return library(thing) == "scipy" and hasattr(thing, "toarray")


def words_in(things: Any) -> list[str | None] | None:
    """A list, array or Series of words or paths, None for a missing one; None of anything else, as of numbers in quotes."""
    if is_series(things) or (isinstance(things, np.ndarray) and things.ndim == 1):
        things = np.asarray(things).tolist()
    if not isinstance(things, list) or not any(isinstance(one, str | Path) for one in things):
        return None
    words = [str(one) if isinstance(one, str | Path) else None for one in things]
    if any(
        word is None and one is not None and one == one for word, one in zip(words, things, strict=True)
    ):  # NaN is not itself
        return None
    return None if all(is_number(word) for word in words if word is not None) else words


def is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def is_hugging_face(thing: Any) -> bool:
    return library(thing) == "datasets" and hasattr(thing, "column_names") and hasattr(thing, "features")


def is_loader(thing: Any) -> bool:
    return isinstance(thing, torch.utils.data.DataLoader)


def is_dataset(thing: Any) -> bool:
    """Of PyTorch, or whatever gives a sample for a number."""
    return isinstance(thing, torch.utils.data.Dataset) or (
        not isinstance(thing, tuple | list | Mapping | str | bytes | np.ndarray | Tensor | type)
        and hasattr(thing, "__getitem__")
        and hasattr(thing, "__len__")
        and not hasattr(thing, "__array__")
    )


def is_keras_dataset(thing: Any) -> bool:
    """A Sequence or PyDataset of Keras, or what is like one: it gives a batch for a number."""
    return is_dataset(thing) and not isinstance(thing, torch.utils.data.Dataset) and hasattr(thing, "on_epoch_end")


def is_array(thing: Any) -> bool:
    return isinstance(thing, np.ndarray | Tensor) or is_sparse(thing) or is_series(thing) or hasattr(thing, "__array__")
