"""Last step of a layout: how far apart the rows stand, and which points each edge passes.

An edge goes straight through the layers that it passes, where its invisible vertices keep room for it, and turns only
between them. So it meets no vertex that is not its own. Edges that go far across get more room to turn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from profundo.graph.drawings.vertices import Item, Link, Piece, pieces_of

__all__ = ["Band", "Point", "bands_of", "route_of", "spread"]

APART = 15.0  # pixels at most, between two arrow heads on one side of a box

Point = tuple[float, float]  # across, along
Band = tuple[float, float]  # where a layer begins and ends, along


def spread(links: Sequence[Link]) -> None:
    """Let the edges into one box end side by side, in the order in which they come; two of a pair also start so."""
    into: dict[Item, list[Link]] = {}
    pairs: dict[tuple[Item, Item], list[Link]] = {}
    for link in links:
        if link.path[-1].kind == "box":
            into.setdefault(link.path[-1], []).append(link)
            pairs.setdefault((link.path[0], link.path[-1]), []).append(link)
    for box, group in into.items():
        group.sort(key=_comes_from)
        for link, place in zip(group, _side_by_side(len(group), box), strict=True):
            link.end = place
    for (source, _), pair in pairs.items():
        if len(pair) > 1 and source.kind == "box":
            pair.sort(key=lambda link: link.end)
            for link, place in zip(pair, _side_by_side(len(pair), source), strict=True):
                link.start = place


def _comes_from(link: Link) -> float:
    """Where it is, across, before its last turn."""
    return link.path[-2].x + (link.start if len(link.path) == 2 else 0.0)


def _side_by_side(count: int, item: Item) -> list[float]:
    """So many places on one side of its shape, from its middle."""
    step = min(APART, (0.62 if item.round else 0.8) * item.core[0] / max(1, count - 1))
    return [step * (at - (count - 1) / 2) for at in range(count)]


def bands_of(rows: Sequence[Sequence[Item]], links: Sequence[Link], gap: float) -> list[Band]:
    """Where each layer begins and ends, along. gap: between two of them, at least."""
    pieces = pieces_of(rows, links)
    bands: list[Band] = []
    end = 0.0
    for at, row in enumerate(rows):
        if at:
            end += _gap(rows[at - 1], row, gap) + _room_to_turn(pieces[at - 1])
        start, end = end, end + max(item.along for item in row)
        bands.append((start, end))
    return bands


def _gap(row: Sequence[Item], following: Sequence[Item], gap: float) -> float:
    """Gates stand nearer."""
    gates = all(item.kind == "in" for item in row) or all(item.kind == "out" for item in following)
    return 0.4 * gap if gates else gap


def _room_to_turn(pieces: Sequence[Piece]) -> float:
    """More between two rows where an edge goes far across."""
    aside = max((abs(one.x + start - other.x - end) for one, start, other, end in pieces), default=0.0)
    return min(60.0, max(0.0, 0.12 * (aside - 60.0)))


def route_of(link: Link, bands: Sequence[Band]) -> list[Point]:
    """From the shape of its source straight through the layers to that of its target."""
    first, last = link.path[0], link.path[-1]
    start, end = first.x + link.start, last.x + link.end
    points = [(start, sum(bands[first.layer]) / 2 + _reach(first, link.start)), (start, bands[first.layer][1])]
    for item in link.path[1:-1]:
        points += [(item.x, at) for at in bands[item.layer]]
    points += [(end, bands[last.layer][0]), (end, sum(bands[last.layer]) / 2 - _reach(last, link.end))]
    return list(dict.fromkeys(points))


def _reach(item: Item, beside: float) -> float:
    """From the middle of the item to the border of its shape, along, so far beside the middle."""
    across, along = item.core[0] / 2, item.core[1] / 2
    if not item.round or not across:
        return along
    return along * math.sqrt(1 - min(1.0, abs(beside) / across) ** 2)
