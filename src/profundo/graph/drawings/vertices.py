"""What the steps of a layout hand on: vertices, the links between them, and the links' pieces.

A level is a drawing without frames: the whole, or what is in one frame. Its vertices stand in rows, one row for each
layer; `across` is measured along a row, `along` from row to row. Only `placement.py` makes right and down of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

__all__ = ["PASSING", "Item", "Link", "Piece", "pieces_of"]

PASSING = "passing"


@dataclass(slots=True, eq=False)
class Item:
    """A vertex. name: its kind, a space, and of what:

    - "box …", "frame …": with that name; a frame is laid out before the level that it is in;
    - "in …", "out …": a gate, a vertex without extent where links of that box enter or leave the level;
    - "passing": where a link passes a layer, invisible.
    """

    name: str
    across: float = 0.0
    along: float = 0.0
    core: tuple[float, float] = (0.0, 0.0)  # across, along, of the shape in its middle, where links end
    round: bool = False
    layer: int = 0
    x: float = 0.0  # of its middle, across

    @property
    def kind(self) -> str:
        return self.name.partition(" ")[0]

    @property
    def of(self) -> str:
        return self.name.partition(" ")[2]

    @property
    def gate(self) -> bool:
        return self.kind in ("in", "out")


@dataclass(slots=True, eq=False)
class Link:
    """An edge, or its part in this level. source, target: names of items; value: the box that the edge comes from.

    start, end: where it ends beside the middle of these two, across. path: the items from source to target.
    """

    source: str
    target: str
    value: str
    start: float = 0.0
    end: float = 0.0
    path: list[Item] = field(default_factory=list)


class Piece(NamedTuple):
    """A link from one row to the next. start, end: across, from the middles of source and target."""

    source: Item
    start: float
    target: Item
    end: float


def pieces_of(rows: Sequence[Sequence[Item]], links: Sequence[Link]) -> list[list[Piece]]:
    """Of each row the pieces of links that begin in it."""
    pieces: list[list[Piece]] = [[] for _ in rows]
    for link in links:
        for one, other in pairwise(link.path):
            start = link.start if one is link.path[0] else 0.0
            end = link.end if other is link.path[-1] else 0.0
            pieces[one.layer].append(Piece(one, start, other, end))
    return pieces
