"""Third step of a layout: where in its row each vertex stands, so that edges, above all long ones, are straight.

After Brandes and Köpf ("Fast and simple horizontal coordinate assignment", 2001), in its three parts:
- alignment: each vertex is put in one line with its median neighbour, if that crosses no other line; an edge that
  crosses a long one between two passing vertices gives way to it;
- compaction: all lines as far left as possible;
- balance: that is done from above and from below, to the left and to the right, and of these four drawings, set upon the
  narrowest, each vertex takes the mean of its two middle places.

Two things are other than there. Edges may end beside the middle of a vertex, so the vertices of one line stand beside
each other by so much. And compaction takes longest paths among all lines at once, then draws each line to its nearest
right neighbour, where the paper has classes of lines that are shifted as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from graphlib import TopologicalSorter
from itertools import chain, pairwise
from typing import NamedTuple

from profundo.graph.drawings.vertices import PASSING, Item, Link, Piece, pieces_of

__all__ = ["BETWEEN", "align"]

BETWEEN, BESIDE = 26.0, 14.0  # pixels across from box to box, and from anything to a passing edge


def align(rows: Sequence[Sequence[Item]], links: Sequence[Link]) -> None:
    """Set x of every item, so that none overlap in their row."""
    pieces = pieces_of(rows, links)
    crossed = _crossed_by_passing(rows, pieces)
    drawings = [
        _extreme(rows, pieces, crossed, upward=upward, mirrored=mirrored)
        for upward in (False, True)
        for mirrored in (False, True)
    ]
    ends = [_ends(x) for x in drawings]
    left, right = min(ends, key=lambda end: end[1] - end[0])
    # those to the left are set upon the left end of the narrowest, those to the right upon its right end
    shifts = [right - ends[at][1] if at % 2 else left - ends[at][0] for at in range(len(drawings))]
    for item in drawings[0]:
        _, low, high, _ = sorted(x[item] + shift for x, shift in zip(drawings, shifts, strict=True))
        item.x = (low + high) / 2


def _ends(x: Mapping[Item, float]) -> tuple[float, float]:
    """Where a drawing begins and ends."""
    return min(at - item.across / 2 for item, at in x.items()), max(at + item.across / 2 for item, at in x.items())


def _crossed_by_passing(rows: Sequence[Sequence[Item]], pieces: Sequence[Sequence[Piece]]) -> set[tuple[Item, Item]]:
    """Pieces that cross a piece between two passing vertices: long edges are kept straight rather than these."""
    place = {item: at for row in rows for at, item in enumerate(row)}
    crossed = set()
    for row in pieces:
        ends = [(one, other) for one, _, other, _ in row]
        inner = [pair for pair in ends if pair[0].kind == pair[1].kind == PASSING]
        for a, b in set(ends) - set(inner):
            if any((place[a] - place[c]) * (place[b] - place[d]) < 0 for c, d in inner):
                crossed.add((a, b))
    return crossed


class _Neighbour(NamedTuple):
    """What a vertex is joined to in the row that was aligned before its own; they sort from left to right."""

    place: int  # in its row
    meets: float  # across from its middle
    beside: float  # by so much a vertex in one line with it stands beside it
    vertex: Item
    free: bool  # may be in one line with it


def _extreme(
    rows: Sequence[Sequence[Item]],
    pieces: Sequence[Sequence[Piece]],
    crossed: set[tuple[Item, Item]],
    *,
    upward: bool,
    mirrored: bool,
) -> dict[Item, float]:
    """x of all vertices with as many as possible below their median neighbour, and all as far left as possible.

    upward: from the last layer to the first; mirrored: as far right as possible.
    """
    sign = -1 if mirrored else 1
    rows = [row[::sign] for row in (reversed(rows) if upward else rows)]
    place = {vertex: at for row in rows for at, vertex in enumerate(row)}
    joined: dict[Item, list[_Neighbour]] = {vertex: [] for vertex in place}
    for source, start, target, end in chain.from_iterable(pieces):
        free = (source, target) not in crossed
        if upward:
            joined[source].append(_Neighbour(place[target], sign * end, sign * (end - start), target, free))
        else:
            joined[target].append(_Neighbour(place[source], sign * start, sign * (start - end), source, free))
    root, shift = _lines(rows, joined)
    x = _compact(rows, root, shift)
    return {vertex: sign * (x[line] + shift[vertex]) for vertex, line in root.items()}


def _lines(
    rows: Sequence[Sequence[Item]], joined: Mapping[Item, list[_Neighbour]]
) -> tuple[dict[Item, Item], dict[Item, float]]:
    """Vertices in one line: of each the first vertex of its line, and how far beside that one's middle its own is."""
    root, shift = {vertex: vertex for vertex in joined}, dict.fromkeys(joined, 0.0)
    for row in rows:
        taken = -1  # place of the last one in the row before that a line goes on from; lines do not cross
        for vertex in row:
            for near in _medians(joined[vertex]):
                if near.free and taken < near.place:
                    root[vertex], shift[vertex], taken = root[near.vertex], shift[near.vertex] + near.beside, near.place
                    break
    return root, shift


def _medians(near: Sequence[_Neighbour]) -> list[_Neighbour]:
    """The middle one, or the two middle ones from left to right."""
    return sorted(near)[(len(near) - 1) // 2 : len(near) // 2 + 1]


def _compact(
    rows: Sequence[Sequence[Item]], root: Mapping[Item, Item], shift: Mapping[Item, float]
) -> dict[Item, float]:
    """x of each line: the least that keeps neighbours apart; then each line is drawn to its right neighbours."""
    before: dict[Item, list[tuple[Item, float]]] = {line: [] for line in root.values()}
    after: dict[Item, list[tuple[Item, float]]] = {line: [] for line in root.values()}
    for row in rows:
        for left, right in pairwise(row):
            apart = _apart(left, right) + shift[left] - shift[right]
            after[root[left]].append((root[right], apart))
            before[root[right]].append((root[left], apart))
    order = list(TopologicalSorter({line: [left for left, _ in near] for line, near in before.items()}).static_order())
    x: dict[Item, float] = {}
    for line in order:
        x[line] = max((x[left] + apart for left, apart in before[line]), default=0.0)
    for line in reversed(order):
        x[line] = max(x[line], min((x[right] - apart for right, apart in after[line]), default=x[line]))
    return x


def _apart(left: Item, right: Item) -> float:
    """From middle to middle, at least."""
    near = BETWEEN if left.core[0] and right.core[0] else BESIDE
    return (left.across + right.across) / 2 + near
