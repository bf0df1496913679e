"""Second step of a layout: the order within each layer, so that few edges cross.

Sweep by sweep, down and up in turn, each row is sorted by the medians of what its vertices are joined to in the
row before (Gansner, Koutsofios, North and Vo, "A technique for drawing directed graphs", 1993, section 3). The best order
of all sweeps is taken. Their weights of medians and exchange of neighbours are left out: they change no drawing of a
network here. Edges may end beside the middle of a vertex, so a place in a row is a number, with the share of the vertex's
width by which the edge ends beside it.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from statistics import median

from profundo.graph.drawings.vertices import Item, Link, Piece, pieces_of

__all__ = ["ordered"]

SWEEPS = 12

Met = dict[
    Item, list[tuple[Item, float]]
]  # of each vertex the (vertex, share of its width beside its middle) that it meets


def ordered(rows: Sequence[Sequence[Item]], links: Sequence[Link]) -> list[list[Item]]:
    """The rows in the order with the fewest crossings of all sweeps."""
    pieces = [[_in_widths(piece) for piece in row] for row in pieces_of(rows, links)]
    before, after = _met(rows, pieces)
    order = best = [list(row) for row in rows]
    fewest = _crossings(order, pieces)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        order = _swept(order, before, after, downward=sweep % 2 == 0, right_first=sweep % 4 >= 2)
        crossings = _crossings(order, pieces)
        if crossings < fewest:
            best, fewest = order, crossings
    return best


def _in_widths(piece: Piece) -> Piece:
    """The same with start and end in widths of its vertices: −½ at the left end of one, ½ at its right."""
    one, start, other, end = piece
    return Piece(one, start / (one.across or 1.0), other, end / (other.across or 1.0))


def _met(rows: Sequence[Sequence[Item]], pieces: Sequence[Sequence[Piece]]) -> tuple[Met, Met]:
    """What each vertex is joined to in the row before, and in the row after."""
    before: Met = {item: [] for row in rows for item in row}
    after: Met = {item: [] for row in rows for item in row}
    for row in pieces:
        for one, start, other, end in row:
            before[other].append((one, start))
            after[one].append((other, end))
    return before, after


def _swept(
    order: Sequence[list[Item]], before: Met, after: Met, *, downward: bool, right_first: bool
) -> list[list[Item]]:
    """New rows, each sorted by the one that was sorted before it. right_first: of equals."""
    rows = [list(row) for row in (order if downward else reversed(order))]
    for at in range(1, len(rows)):
        rows[at] = _by_median(rows[at], rows[at - 1], before if downward else after, right_first=right_first)
    return rows if downward else rows[::-1]


def _by_median(row: Sequence[Item], fixed: Sequence[Item], met: Met, *, right_first: bool) -> list[Item]:
    """The row by the median of what each vertex is joined to; those without neighbours keep their place."""
    place = {vertex: at for at, vertex in enumerate(fixed)}
    wanted = {vertex: median(place[other] + by for other, by in met[vertex]) for vertex in row if met[vertex]}
    moving = reversed(wanted) if right_first else iter(wanted)
    ranked = iter(sorted(moving, key=wanted.__getitem__))
    return [next(ranked) if vertex in wanted else vertex for vertex in row]


def _crossings(order: Sequence[Sequence[Item]], pieces: Sequence[Sequence[Piece]]) -> int:
    """Of all pieces: with those of a row sorted by where they start, the inversions of where they end."""
    place = {vertex: at for row in order for at, vertex in enumerate(row)}
    total = 0
    for row in pieces:
        seen: list[float] = []
        for _, end in sorted((place[one] + start, place[other] + end) for one, start, other, end in row):
            total += len(seen) - bisect_right(seen, end)
            insort(seen, end)
    return total
