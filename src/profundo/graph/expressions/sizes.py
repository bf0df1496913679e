"""Shapes before there are values: known sizes are numbers, the others words, and both are checked when a graph is built.

A word given by the user ("n") is one size wherever it stands. A size that nobody named ("?3") fits any other until
values arrive. Only a size that is 1 when the graph is built is known to be stretched by broadcasting.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count, zip_longest

from profundo.graph.nodes import Size
from profundo.languages import Said

__all__ = ["Mismatch", "Shape", "any_size", "broadcast", "is_known", "same", "shape_told", "written"]

Shape = tuple[Size, ...]
_numbers = count(1)


class Mismatch(ValueError):
    """Why shapes do not go together, in a few words; who asked says which operands they were."""


def any_size() -> str:
    """A size of which nothing is known."""
    return f"?{next(_numbers)}"


def is_known(size: Size) -> bool:
    return isinstance(size, int)


def same(one: Size, other: Size, what: str = "sizes") -> Size:
    """The more definite of two sizes that must be one. what: they are, as in refusals.differ_WHAT. Raises Mismatch where they
    cannot be."""
    if one == other:
        return one
    if _is_free(one):
        return any_size() if _is_free(other) else other
    if _is_free(other):
        return one
    if isinstance(one, str) != isinstance(other, str):
        return one if isinstance(one, int) else other  # a named size may turn out to be this number
    raise Mismatch(Said(f"refusals.differ_{what}", one=str(one), other=str(other)))


def broadcast(shapes: Sequence[Shape]) -> Shape:
    """The shape of an elementwise result: sizes aligned from the right, and 1 stretched."""
    sizes: list[Size] = []
    for column in zip_longest(*(reversed(shape) for shape in shapes), fillvalue=1):
        size: Size = 1
        for other in column:
            if other != 1:
                size = other if size == 1 else _stretched(size, other)
        sizes.append(size)
    return tuple(reversed(sizes))


def _stretched(one: Size, other: Size) -> Size:
    """Of two sizes that were not 1 when the graph was built. Beside a size that nobody named, a word may turn out to be
    1 and be stretched, so that the result has not its size."""
    size = same(one, other)
    return any_size() if isinstance(size, str) and one != other else size


def written(shape: Shape) -> str:
    """For people: "n×30", "3-vector", "number"."""
    words = ["?" if _is_free(size) else str(size) for size in shape]
    if not words:
        return "number"
    return f"{words[0]}-vector" if len(words) == 1 else "×".join(words)


def shape_told(shape: Shape) -> Said:
    """The same in each language."""
    sizes = "×".join("?" if _is_free(size) else str(size) for size in shape)
    if not shape:
        return Said("refusals.shape_number")
    return Said("refusals.shape_vector", size=sizes) if len(shape) == 1 else Said("refusals.shape_matrix", sizes=sizes)


def _is_free(size: Size) -> bool:
    return isinstance(size, str) and size.startswith("?")
