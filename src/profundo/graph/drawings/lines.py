"""A drawing for a page: what is too long is broken into lines as a text is, and parts that are not joined are packed.

A long drawing may be broken wherever only one edge goes on. Each line is then laid out by itself, that edge runs back
between the lines, and of all numbers of lines the one is taken with which the whole is largest on the page. Lines are
filled evenly by bisection on the length of the longest. Parts that are not joined stand on shelves, in their order.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from profundo.graph.drawings.coordinates import BETWEEN
from profundo.graph.drawings.levels import Level, arranged, together
from profundo.graph.drawings.routes import Point
from profundo.graph.drawings.vertices import Item, Link

__all__ = ["components", "in_lines", "packed"]

TURN = 40.0  # pixels between the lines of a broken drawing, and beside them
MOST_LINES = 12
WORTH = 1.06  # so much larger on the page, at least, more lines must make a drawing
SHAPE = 1.8  # along by across, that packed parts should have

Part = tuple[dict[str, Item], list[Link]]  # items by name, and the links between them


# ---------------------------------------------------------------------------------------------------------------------
# Lines


def in_lines(items: Mapping[str, Item], links: Sequence[Link], gap: float, room: Point | None) -> Level:
    """One level, broken where that makes it larger on the page. room: (across, along) of it; None: as long as it is."""
    whole = arranged(items, links, gap)
    if room is None or whole.along <= room[1]:
        return whole
    breaks = _breaks(items, links, gap, whole.across + TURN, room)
    if not breaks:
        return whole
    lines, turns = _broken(items, links, breaks)
    return _under_each_other([arranged(*line, gap) for line in lines], turns)


def _breaks(items: Mapping[str, Item], links: Sequence[Link], gap: float, across: float, room: Point) -> list[int]:
    """Layers that begin a new line, so that all is as large as it can be in the room. across: of one line."""
    sizes = [0.0] * (1 + max(item.layer for item in items.values()))
    for item in items.values():
        sizes[item.layer] = max(sizes[item.layer], item.along + gap)
    pieces = _pieces(items, links, len(sizes))
    lengths = [sum(sizes[start:end]) for start, end in pairwise(pieces)]
    best, scale = list[int](), min(room[0] / across, room[1] / sum(sizes))
    for lines in range(2, min(MOST_LINES, len(lengths)) + 1):
        breaks, longest = _even(lengths, lines)
        reached = min(1.0, room[0] / (across * (len(breaks) + 1)), room[1] / (longest + 2 * TURN))
        if reached > WORTH * scale:
            best, scale = [pieces[at] for at in breaks], reached
    return best


def _pieces(items: Mapping[str, Item], links: Sequence[Link], layers: int) -> list[int]:
    """Layers before which only one edge goes on, with the first one and the end."""
    spans = [(items[link.source].layer, items[link.target].layer) for link in links]
    return [0, *(at for at in range(1, layers) if sum(first < at <= last for first, last in spans) == 1), layers]


def _even(lengths: Sequence[float], lines: int) -> tuple[list[int], float]:
    """Where to break a row of pieces so that the longest of so many lines is short, and its length."""
    low, high = max(lengths), sum(lengths)
    for _ in range(24):
        middle = (low + high) / 2
        low, high = (low, middle) if len(_filled(lengths, middle)) < lines else (middle, high)
    return _filled(lengths, high), high


def _filled(lengths: Sequence[float], longest: float) -> list[int]:
    """The pieces that begin a new line, when each line takes as many as fit."""
    breaks, used = [], 0.0
    for at, length in enumerate(lengths):
        if used and used + length > longest:
            breaks.append(at)
            used = 0.0
        used += length
    return breaks


class _Turn(NamedTuple):
    """A link that goes on in the next line. out, back: its parts, to the end of its line and from the begin of the next."""

    link: Link
    out: Link
    back: Link
    line: int


def _broken(items: Mapping[str, Item], links: Sequence[Link], breaks: Sequence[int]) -> tuple[list[Part], list[_Turn]]:
    """The lines, each with gates at its ends where a link turns, and these links."""
    lines: list[Part] = [({}, []) for _ in range(len(breaks) + 1)]
    line_of = {name: bisect_right(breaks, item.layer) for name, item in items.items()}
    for name, item in items.items():
        lines[line_of[name]][0][name] = item
    turns: list[_Turn] = []
    for link in links:
        first, last = line_of[link.source], line_of[link.target]
        if first == last:
            lines[first][1].append(link)
            continue
        turn = _Turn(
            link,
            Link(link.source, "out ", link.value, start=link.start),
            Link("in ", link.target, link.value, end=link.end),
            first,
        )
        lines[first][0]["out "], lines[last][0]["in "] = Item("out "), Item("in ")
        lines[first][1].append(turn.out)
        lines[last][1].append(turn.back)
        turns.append(turn)
    return lines, turns


def _under_each_other(lines: Sequence[Level], turns: Sequence[_Turn]) -> Level:
    longest = max(line.along for line in lines)
    tops, across = list[float](), 0.0
    for line in lines:
        tops.append(across)
        across += line.across + TURN
    whole = together(
        [line.moved(top, TURN) for line, top in zip(lines, tops, strict=True)], across - TURN, longest + 2 * TURN
    )
    routes = dict(whole.routes)
    for link, out, back, at in turns:
        between = (tops[at] + lines[at].across + tops[at + 1]) / 2
        routes[link] = _turned(routes.pop(out), routes.pop(back), between, (TURN / 2, longest + 1.5 * TURN))
    return Level(whole.across, whole.along, whole.middles, routes)


def _turned(out: Sequence[Point], back: Sequence[Point], between: float, beside: tuple[float, float]) -> list[Point]:
    """One route of two: around the end of a line, back between the lines, and around the begin of the next."""
    left, right = beside
    return [*out, (out[-1][0], right), (between, right), (between, left), (back[0][0], left), *back]


# ---------------------------------------------------------------------------------------------------------------------
# Parts


def components(items: Mapping[str, Item], links: Sequence[Link]) -> list[Part]:
    """What hangs together, each part by itself, in the order of its first item."""
    above = {name: name for name in items}

    def of(name: str) -> str:
        while above[name] != name:
            above[name] = above[above[name]]
            name = above[name]
        return name

    for link in links:
        above[of(link.target)] = of(link.source)
    result: dict[str, Part] = {}
    for name, item in items.items():
        result.setdefault(of(name), ({}, []))[0][name] = item
    for link in links:
        result[of(link.source)][1].append(link)
    return list(result.values())


def packed(parts: Sequence[Level]) -> Level:
    """Parts that do not hang together, beside each other, on as many shelves as keep the whole a wide rectangle."""
    area = sum((part.across + BETWEEN) * (part.along + BETWEEN) for part in parts)
    widest = max([(area / SHAPE) ** 0.5, *(part.across for part in parts)])
    moved, across, along = list[Level](), 0.0, 0.0
    x = y = deepest = 0.0
    for part in parts:
        if x and x + part.across > widest:
            x, y, deepest = 0.0, y + deepest + 2 * BETWEEN, 0.0
        moved.append(part.moved(x, y))
        across, along = max(across, x + part.across), max(along, y + part.along)
        x, deepest = x + part.across + 2 * BETWEEN, max(deepest, part.along)
    return together(moved, across, along)
