"""Keeping PyTorch's compiler out of a program that does not compile: loading it takes almost a second."""

from __future__ import annotations

import sys
from collections.abc import Iterable

__all__ = ["leave_the_compiler_out"]


def leave_the_compiler_out(functions: Iterable[object]) -> None:
    """Keep these functions of PyTorch's from loading the compiler only to tell it not to compile them.

    They carry a wrapper that imports torch._dynamo when first called, unless what it would make of them is there
    already; so each is marked as being that itself. Where the compiler is loaded, or PyTorch does it in another way,
    nothing happens.
    """
    if "torch._dynamo" in sys.modules:
        return
    for function in functions:
        plain = getattr(function, "__wrapped__", None)
        if plain is not None:
            plain.__dict__.setdefault("__dynamo_disable", plain)
