"""Where to draw the boxes of a directed graph: in layers, every edge forward, few crossings, straight long edges.

The method is that of Sugiyama, Tagawa and Toda (1981): layers, order within layers, coordinates, with
- layers by longest paths, then each box drawn toward the end where it has more edges;
- an invisible vertex wherever an edge passes a layer; order by medians of neighbours, sweep by sweep (Gansner et al., "A
  technique for drawing directed graphs", 1993);
- coordinates by four alignments and their medians (Brandes and Köpf, "Fast and simple horizontal coordinate
  assignment", 2001), with edges that may end beside the middle of a frame.

Frames are laid out from the inside out: what is in a frame is a drawing of its own, then one box in what is around it.
So nothing overlaps and no box lies in a frame that it does not belong to, whatever the graph.

All here is in two directions: `along` the edges and `across` them; only at the end they become right and down.
"""

from __future__ import annotations

import math
from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from profundo.records import ProfundoError

__all__ = ["DIRECTIONS", "Box", "Edge", "Frame", "Layout", "Rect", "layered", "layers"]

DIRECTIONS = ("right", "down")
BETWEEN, BESIDE = 26.0, 14.0  # pixels across from box to box, and from anything to a passing edge
SWEEPS = 12
PAD, HEAD = 14.0, 26.0  # from a frame to its content; above the content, where its name is written
TURN = 40.0  # between the lines of a broken drawing, and beside them
MOST_LINES = 12
APART = 15.0  # at most, between two arrow heads on one side of a box

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Box:
    """To be placed. width, height: all it takes with its notes; core: (width, height) of the shape in its middle, where
    edges end; frame: the name of the frame it lies in, "" for none; round: its shape is an ellipse."""

    name: str
    width: float
    height: float
    core: tuple[float, float]
    frame: str = ""
    round: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """Drawn around boxes and other frames. width: at least, for its name; frame: the one it lies in itself."""

    name: str
    width: float = 0.0
    frame: str = ""


class Edge(NamedTuple):
    """From box to box, by name; two between the same boxes are two lines."""

    source: str
    target: str


class Rect(NamedTuple):
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Layout:
    """Boxes and frames from their upper left corner; of each edge the points that it passes, in the order given.

    Between two points of a route that differ both across and along, a curve is meant that leaves and arrives along.
    """

    boxes: Mapping[str, Rect]
    frames: Mapping[str, Rect]
    routes: tuple[tuple[Point, ...], ...]
    width: float
    height: float
    direction: str


def layered(
    boxes: Sequence[Box],
    edges: Sequence[Edge],
    frames: Sequence[Frame] = (),
    *,
    direction: str = "right",
    gap: float = 44.0,
    room: tuple[float, float] | None = None,
) -> Layout:
    """Place the boxes. gap: pixels along between layers, at least.

    room: (width, height) of a page. A drawing that is too long for it is broken, like a text into lines, wherever only
    one edge goes on; that edge runs back between the lines. Then it may turn a corner where two points of its route
    differ in one coordinate only.

    Raises ProfundoError for an unknown direction, an edge to no box, and edges (of boxes or frames) in a circle.
    """
    if direction not in DIRECTIONS:
        raise ProfundoError(f"direction: expected one of {', '.join(DIRECTIONS)}, got {direction!r}")
    known = {box.name for box in boxes}
    for edge in edges:
        if not {*edge} <= known:
            raise ProfundoError(f"edge {edge.source!r} → {edge.target!r}: there is no such box")
    plan = _Plan(boxes, edges, frames, direction, gap)
    if room is not None:
        plan.room = room if direction == "down" else room[::-1]
    whole = plan.level("")
    sheet = _Sheet(direction)
    _put(plan, whole, 0.0, 0.0, sheet)
    routes = tuple(_joined([sheet.routes[key] for key in keys]) for keys in plan.keys)
    size = (whole.across, whole.along) if direction == "down" else (whole.along, whole.across)
    return Layout(sheet.boxes, sheet.frames, routes, *size, direction)


def layers(names: Sequence[str], edges: Iterable[tuple[str, str]]) -> dict[str, int]:
    """The layer of each name, from 0, so that every edge goes to a higher one and the edges are short.

    First as early as possible; then whatever has more edges forward than back is moved on to where it is used, and with it
    what only serves it.
    """
    after, before = _neighbours(names, edges)
    order = _topological(names, after, before)
    layer = dict.fromkeys(order, 0)
    for name in order:
        layer[name] = max((layer[other] + 1 for other in before[name]), default=0)
    serving = dict.fromkeys(order, False)
    for name in order:
        serving[name] = len(after[name]) == 1 and all(serving[other] for other in before[name])
    for _ in range(2):
        for name in reversed(order):
            held = sum(not serving[other] for other in before[name])
            if len(after[name]) > held:
                layer[name] = min(layer[other] for other in after[name]) - 1
    first = min(layer.values(), default=0)
    return {name: at - first for name, at in layer.items()}


def _neighbours(names: Sequence[str], edges: Iterable[tuple[str, str]]) -> tuple[dict[str, list[str]], ...]:
    after: dict[str, list[str]] = {name: [] for name in names}
    before: dict[str, list[str]] = {name: [] for name in names}
    for source, target in edges:
        after[source].append(target)
        before[target].append(source)
    return after, before


def _topological(names: Sequence[str], after: Mapping[str, list[str]], before: Mapping[str, list[str]]) -> list[str]:
    waits = {name: len(before[name]) for name in names}
    ready = [name for name in names if not waits[name]]
    for name in ready:  # grows while it is read
        for other in after[name]:
            waits[other] -= 1
            if not waits[other]:
                ready.append(other)
    if len(ready) < len(names):
        circle = next(name for name in names if waits[name])
        raise ProfundoError(f"the graph goes in a circle through {circle!r}; a computation has an order")
    return ready


# ---------------------------------------------------------------------------------------------------------------------
# One frame's content is a level. Edges that leave it end in gates: vertices without extent at its border, one for each
# box that an edge comes from, so that a value which enters a frame enters it once.


@dataclass(slots=True)
class _Item:
    """A vertex of one level: a box, a frame already laid out, a gate, or an edge passing by."""

    name: str
    across: float = 0.0
    along: float = 0.0
    core: tuple[float, float] = (0.0, 0.0)  # across, along
    round: bool = False
    inside: _Level | None = None
    layer: int = 0
    x: float = 0.0  # of its middle, across
    passing: bool = False


@dataclass(slots=True)
class _Link:
    """A level's edge: its key, the vertices that it passes, and where it ends beside their middles, across."""

    key: tuple[str, ...]
    source: str
    target: str
    start: float = 0.0
    end: float = 0.0
    path: list[_Item] = field(default_factory=list)


@dataclass(slots=True)
class _Level:
    name: str
    across: float
    along: float
    items: list[tuple[_Item, float, float]]  # with its middle: across, along
    routes: dict[tuple[str, ...], list[Point]]
    enters: dict[str, float]  # across, from the left edge of the frame, by box that the edge comes from
    leaves: dict[str, float]


class _Plan:
    """Which vertices and links each level has."""

    def __init__(
        self, boxes: Sequence[Box], edges: Sequence[Edge], frames: Sequence[Frame], direction: str, gap: float
    ) -> None:
        self.direction, self.gap = direction, gap
        self.room: tuple[float, float] | None = None  # across, along
        self.frames = {frame.name: frame for frame in frames}
        self.paths = {box.name: self.path(box.frame) for box in boxes}
        self.items: dict[str, dict[str, _Item]] = {name: {} for name in ("", *self.frames)}
        self.links: dict[str, dict[tuple[str, ...], _Link]] = {name: {} for name in self.items}
        for box in boxes:
            core = box.core if direction == "down" else box.core[::-1]
            size = (box.width, box.height) if direction == "down" else (box.height, box.width)
            for above, below in zip(self.paths[box.name], self.paths[box.name][1:], strict=False):
                self.items[above].setdefault(f"frame {below}", _Item(f"frame {below}"))
            self.items[box.frame][f"box {box.name}"] = _Item(f"box {box.name}", *size, core, box.round)
        self.keys = [self.keys_of(edge, place) for place, edge in enumerate(edges)]

    def path(self, frame: str) -> tuple[str, ...]:
        """From the whole to this frame."""
        path = [frame]
        while path[-1]:
            if path[-1] not in self.frames or len(path) > len(self.frames) + 1:
                raise ProfundoError(f"frame {path[-1]!r}: there is none, or it lies in itself")
            path.append(self.frames[path[-1]].frame)
        return tuple(reversed(path))

    def keys_of(self, edge: Edge, place: int) -> list[tuple[str, ...]]:
        """The links that together make the edge: out of frames, across, into frames."""
        source, target = self.paths[edge.source], self.paths[edge.target]
        common = sum(1 for one, other in zip(source, target, strict=False) if one == other)
        came = f"box {edge.source}"
        keys = []
        for level in reversed(source[common:]):
            keys.append(self.link(level, came, f"out {edge.source}", edge.source))
            came = f"frame {level}"
        down = [f"frame {level}" for level in target[common:]] + [f"box {edge.target}"]
        alone = str(place) if len(down) == 1 else ""
        keys.append(self.link(source[common - 1], came, down[0], edge.source, alone))
        for level, at in zip(target[common:], down[1:], strict=True):
            keys.append(self.link(level, f"in {edge.source}", at, edge.source, str(place) if at == down[-1] else ""))
        return keys

    def link(self, level: str, source: str, target: str, value: str, place: str = "") -> tuple[str, ...]:
        key = (level, source, target, value, place)
        for name in (source, target):
            self.items[level].setdefault(name, _Item(name))
        self.links[level].setdefault(key, _Link(key, source, target))
        return key

    def level(self, name: str) -> _Level:
        """The content of a frame with its place, those of the frames in it first."""
        items, links = self.items[name], list(self.links[name].values())
        for item in items.values():
            if item.name.startswith("frame "):
                self.enclose(item)
        for link in links:
            if (inside := items[link.source].inside) is not None:
                link.start = inside.leaves[link.key[3]] - inside.across / 2
            if (inside := items[link.target].inside) is not None:
                link.end = inside.enters[link.key[3]] - inside.across / 2
        if name:
            return self.padded(name, _arranged(name, items, links, self.gap))
        parts = _components(items, links)
        return _packed([_in_lines(*part, self.gap, self.room) for part in parts], self.direction)

    def enclose(self, item: _Item) -> None:
        item.inside = self.level(item.name.removeprefix("frame "))
        item.across, item.along = item.core = (item.inside.across, item.inside.along)

    def padded(self, name: str, level: _Level) -> _Level:
        """With the room that a frame takes around its content."""
        least = self.frames[name].width
        before, head = (PAD, HEAD) if self.direction == "down" else (HEAD, PAD)
        across, along = level.across + before + PAD, level.along + head + PAD
        if self.direction == "down" and across < least:
            before, across = before + (least - across) / 2, least
        elif self.direction == "right" and along < least:
            head, along = head + (least - along) / 2, least
        items = [(item, x + before, y + head) for item, x, y in level.items]
        routes = {key: [(x + before, y + head) for x, y in route] for key, route in level.routes.items()}
        for key, route in routes.items():  # gates stand on the frame itself
            if key[1].startswith("in "):
                route.insert(0, (route[0][0], 0.0))
            if key[2].startswith("out "):
                route.append((route[-1][0], along))
        enters, leaves = ({k: x + before for k, x in gates.items()} for gates in (level.enters, level.leaves))
        return _Level(name, across, along, items, routes, enters, leaves)


def _arranged(name: str, items: Mapping[str, _Item], links: Sequence[_Link], gap: float) -> _Level:
    """Layers, order and coordinates of one level; its least coordinates are 0."""
    rows = _rows(items, links)
    rows = _ordered(rows, links)
    _align(rows, links)
    _spread(links)
    left = min((item.x - item.across / 2 for row in rows for item in row), default=0.0)
    right = max((item.x + item.across / 2 for row in rows for item in row), default=0.0)
    for row in rows:
        for item in row:
            item.x -= left
    bands = _bands(rows, links, gap)
    placed = [
        (item, item.x, sum(bands[item.layer]) / 2)
        for row in rows
        for item in row
        if not item.passing and item.name.split(" ", 1)[0] in ("box", "frame")
    ]
    routes = {link.key: _route(link, bands) for link in links}
    gates = [item for row in rows for item in row]
    enters = {item.name.removeprefix("in "): item.x for item in gates if item.name.startswith("in ")}
    leaves = {item.name.removeprefix("out "): item.x for item in gates if item.name.startswith("out ")}
    return _Level(name, right - left, bands[-1][1] if bands else 0.0, placed, routes, enters, leaves)


def _rows(items: Mapping[str, _Item], links: Sequence[_Link]) -> list[list[_Item]]:
    """The items by layer, gates first and last, and vertices where links pass."""
    gates = [name for name in items if name.startswith(("in ", "out "))]
    inner = [name for name in items if not name.startswith(("in ", "out "))]
    plain = [(k.source, k.target) for k in links if not {k.source, k.target} & set(gates)]
    layer = layers(inner, plain)
    shift = int(any(name.startswith("in ") for name in gates))
    last = max(layer.values(), default=-1) + shift
    for name, item in items.items():
        item.layer = layer[name] + shift if name in layer else (0 if name.startswith("in ") else last + 1)
    rows: list[list[_Item]] = [[] for _ in range(max((item.layer for item in items.values()), default=-1) + 1)]
    for item in items.values():
        rows[item.layer].append(item)
    for link in links:
        first, end = items[link.source], items[link.target]
        passing = [_Item(f"{link.key}", layer=at, passing=True) for at in range(first.layer + 1, end.layer)]
        for item in passing:
            rows[item.layer].append(item)
        link.path = [first, *passing, end]
    return rows


# ---------------------------------------------------------------------------------------------------------------------
# Order


Ends = tuple[int, float, int, float]  # (vertex, beside its middle, vertex of the next layer, beside its middle)


def _segments(rows: Sequence[Sequence[_Item]], links: Sequence[_Link]) -> tuple[dict[int, int], list[list[Ends]]]:
    """A number for each vertex by identity, and the pieces of links from each layer to the next."""
    number = {id(item): at for at, item in enumerate(item for row in rows for item in row)}
    pieces: list[list[Ends]] = [[] for _ in rows]
    for link in links:
        for one, other in pairwise(link.path):
            start = link.start if one is link.path[0] else 0.0
            end = link.end if other is link.path[-1] else 0.0
            pieces[one.layer].append((number[id(one)], start, number[id(other)], end))
    return number, pieces


def _ordered(rows: list[list[_Item]], links: Sequence[_Link]) -> list[list[_Item]]:
    """The rows in the order with the fewest crossings of all sweeps."""
    number, pieces = _segments(rows, links)
    items = [item for row in rows for item in row]
    width = [item.across or 1.0 for item in items]
    order = [[number[id(item)] for item in row] for row in rows]
    up, down = _beside(len(items), pieces, width)
    best, fewest = [list(row) for row in order], _crossings(order, pieces, width)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        going_down = sweep % 2 == 0
        neighbours = up if going_down else down
        for at in range(1, len(order)) if going_down else range(len(order) - 2, -1, -1):
            fixed = order[at - 1] if going_down else order[at + 1]
            order[at] = _by_median(order[at], fixed, neighbours, right_first=sweep % 4 >= 2)
        _exchange(order, up, down)
        crossings = _crossings(order, pieces, width)
        if crossings < fewest:
            best, fewest = [list(row) for row in order], crossings
    return [[items[at] for at in row] for row in best]


def _beside(
    vertices: int, pieces: Sequence[Sequence[Ends]], width: Sequence[float]
) -> tuple[list[list[tuple[int, float]]], list[list[tuple[int, float]]]]:
    """Of each vertex those before and after it, each with where it is met: −½ at its left end, ½ at its right."""
    up: list[list[tuple[int, float]]] = [[] for _ in range(vertices)]
    down: list[list[tuple[int, float]]] = [[] for _ in range(vertices)]
    for row in pieces:
        for one, start, other, end in row:
            up[other].append((one, start / width[one]))
            down[one].append((other, end / width[other]))
    return up, down


def _by_median(
    row: list[int], fixed: Sequence[int], neighbours: Sequence[Sequence[tuple[int, float]]], *, right_first: bool
) -> list[int]:
    """The row by the median of what each vertex is joined to; those without neighbours keep their place."""
    place = {vertex: at for at, vertex in enumerate(fixed)}
    wanted: dict[int, float] = {}
    for vertex in row:
        if at := sorted(place[other] + beside for other, beside in neighbours[vertex]):
            wanted[vertex] = _median(at)
    moving = [vertex for vertex in row if vertex in wanted]
    ranked = iter(sorted(reversed(moving) if right_first else moving, key=wanted.__getitem__))
    return [next(ranked) if vertex in wanted else vertex for vertex in row]


def _median(at: Sequence[float]) -> float:
    """Between the two middle ones, nearer to the side where they are dense (Gansner et al., section 3)."""
    middle = len(at) // 2
    if len(at) % 2:
        return at[middle]
    left, right = at[middle - 1] - at[0], at[-1] - at[middle]
    if len(at) == 2 or left + right == 0:
        return (at[middle - 1] + at[middle]) / 2
    return (at[middle - 1] * right + at[middle] * left) / (left + right)


def _exchange(
    order: list[list[int]], up: Sequence[Sequence[tuple[int, float]]], down: Sequence[Sequence[tuple[int, float]]]
) -> None:
    """Swap neighbours in a row wherever that leaves fewer crossings, once from left to right."""
    place = {vertex: float(at) for row in order for at, vertex in enumerate(row)}
    for row in order:
        for at in range(len(row) - 1):
            left, right = row[at], row[at + 1]
            saved = 0
            for beside in (up, down):
                ours = sorted(place[other] + by for other, by in beside[left])
                theirs = sorted(place[other] + by for other, by in beside[right])
                saved += _inversions(ours, theirs) - _inversions(theirs, ours)
            if saved > 0:
                row[at], row[at + 1] = right, left
                place[left], place[right] = place[right], place[left]


def _inversions(left: Sequence[float], right: Sequence[float]) -> int:
    """Pairs (l, r) with l > r; both in order."""
    return sum(len(left) - bisect_right(left, at) for at in right)


def _crossings(order: Sequence[Sequence[int]], pieces: Sequence[Sequence[Ends]], width: Sequence[float]) -> int:
    place = {vertex: at for row in order for at, vertex in enumerate(row)}
    total = 0
    for row in pieces:
        ends = sorted((place[a] + start / width[a], place[b] + end / width[b]) for a, start, b, end in row)
        seen: list[float] = []
        for _, end in ends:
            total += len(seen) - bisect_right(seen, end)
            insort(seen, end)
    return total


# ---------------------------------------------------------------------------------------------------------------------
# Coordinates across


def _align(rows: list[list[_Item]], links: Sequence[_Link]) -> None:
    """Set x of every item: the mean of the two middle ones among four extreme drawings (Brandes and Köpf, section 4.3)."""
    number, pieces = _segments(rows, links)
    items = [item for row in rows for item in row]
    order = [[number[id(item)] for item in row] for row in rows]
    crossed = _crossed_by_passing(order, pieces, items)
    drawings = [
        _extreme(order, pieces, items, crossed, upward=upward, mirrored=mirrored)
        for upward in (False, True)
        for mirrored in (False, True)
    ]
    edges = [_extent(x, items) for x in drawings]
    narrow = min(edges, key=lambda edge: edge[1] - edge[0])
    for at, (x, (left, right)) in enumerate(zip(drawings, edges, strict=True)):
        shift = narrow[1] - right if at % 2 else narrow[0] - left
        drawings[at] = [value + shift for value in x]
    for at, item in enumerate(items):
        _, low, high, _ = sorted(x[at] for x in drawings)
        item.x = (low + high) / 2


def _extent(x: Sequence[float], items: Sequence[_Item]) -> tuple[float, float]:
    if not items:
        return 0.0, 0.0
    left = min(at - item.across / 2 for at, item in zip(x, items, strict=True))
    return left, max(at + item.across / 2 for at, item in zip(x, items, strict=True))


def _crossed_by_passing(
    order: Sequence[Sequence[int]], pieces: Sequence[Sequence[Ends]], items: Sequence[_Item]
) -> set[tuple[int, int]]:
    """Pieces that cross a piece between two passing vertices: long edges are kept straight rather than these."""
    place = {vertex: at for row in order for at, vertex in enumerate(row)}
    crossed = set()
    for row in pieces:
        inner = [(a, b) for a, _, b, _ in row if items[a].passing and items[b].passing]
        others = [(a, b) for a, _, b, _ in row if not (items[a].passing and items[b].passing)]
        for a, b in others if inner else ():
            if any((place[a] - place[c]) * (place[b] - place[d]) < 0 for c, d in inner):
                crossed.add((a, b))
    return crossed


def _extreme(
    order: Sequence[Sequence[int]],
    pieces: Sequence[Sequence[Ends]],
    items: Sequence[_Item],
    crossed: set[tuple[int, int]],
    *,
    upward: bool,
    mirrored: bool,
) -> list[float]:
    """x of all vertices with as many as possible below their median neighbour, and all as far left as possible.

    upward: from the last layer to the first; mirrored: as far right as possible.
    """
    sign = -1.0 if mirrored else 1.0
    rows = [list(reversed(row)) if mirrored else list(row) for row in (reversed(order) if upward else order)]
    place = {vertex: at for row in rows for at, vertex in enumerate(row)}
    joined: list[list[tuple[int, float, float, int]]] = [[] for _ in items]
    for row in pieces:
        for a, start, b, end in row:
            one, other, by = (b, a, end - start) if upward else (a, b, start - end)
            meets = sign * (end if upward else start)
            joined[other].append((place[one], meets, sign * by, one))
    root, shift = _blocks(rows, joined, place, crossed, upward=upward)
    x = _compact(rows, root, shift, items)
    return [sign * (x[root[vertex]] + shift[vertex]) for vertex in range(len(items))]


def _blocks(
    rows: Sequence[Sequence[int]],
    joined: Sequence[list[tuple[int, float, float, int]]],
    place: Mapping[int, int],
    crossed: set[tuple[int, int]],
    *,
    upward: bool,
) -> tuple[list[int], list[float]]:
    """Vertices in one line: of each the first vertex of its line, and how far beside that one's middle its own is."""
    root, shift = list(range(len(joined))), [0.0] * len(joined)
    for row in rows:
        taken = -1
        for vertex in row:
            near = sorted(joined[vertex])
            middle = len(near) - 1
            for at in dict.fromkeys((middle // 2, (middle + 1) // 2)) if near else ():
                _, _, by, other = near[at]
                pair = (vertex, other) if upward else (other, vertex)
                if pair not in crossed and taken < place[other]:
                    root[vertex], shift[vertex], taken = root[other], shift[other] + by, place[other]
                    break
    return root, shift


def _compact(
    rows: Sequence[Sequence[int]], root: Sequence[int], shift: Sequence[float], items: Sequence[_Item]
) -> dict[int, float]:
    """x of each line: the least that keeps neighbours apart; then each line is drawn to its right neighbours."""
    after: dict[int, list[tuple[int, float]]] = {line: [] for line in dict.fromkeys(root)}
    waits = dict.fromkeys(after, 0)
    for row in rows:
        for left, right in pairwise(row):
            apart = _apart(items[left], items[right]) + shift[left] - shift[right]
            after[root[left]].append((root[right], apart))
            waits[root[right]] += 1
    ready = [line for line, count in waits.items() if not count]
    x = dict.fromkeys(after, 0.0)
    x |= {line: -shift[line] for line in ready}
    reached: set[int] = set(ready)
    for line in ready:  # grows while it is read
        for other, apart in after[line]:
            x[other] = max(x[other], x[line] + apart) if other in reached else x[line] + apart
            reached.add(other)
            waits[other] -= 1
            if not waits[other]:
                ready.append(other)
    for line in reversed(ready):
        if after[line]:
            x[line] = max(x[line], min(x[other] - apart for other, apart in after[line]))
    return x


def _apart(left: _Item, right: _Item) -> float:
    """From middle to middle, at least."""
    near = BESIDE if not left.core[0] or not right.core[0] else BETWEEN
    return (left.across + right.across) / 2 + near


# ---------------------------------------------------------------------------------------------------------------------
# Coordinates along, and the way of the edges


def _spread(links: Sequence[_Link]) -> None:
    """Let the edges into one box end side by side, in the order in which they come; two of a pair also start so."""
    into: dict[int, list[_Link]] = {}
    pairs: dict[tuple[int, int], list[_Link]] = {}
    for link in links:
        if link.path[-1].name.startswith("box "):
            into.setdefault(id(link.path[-1]), []).append(link)
            pairs.setdefault((id(link.path[0]), id(link.path[-1])), []).append(link)
    for group in into.values():
        ordered = sorted(group, key=lambda link: link.path[-2].x + (link.start if len(link.path) == 2 else 0.0))
        for link, at in zip(ordered, _side_by_side(len(group), group[0].path[-1]), strict=True):
            link.end = at
    for pair in pairs.values():
        if len(pair) > 1 and pair[0].path[0].name.startswith("box "):
            for link, at in zip(
                sorted(pair, key=lambda k: k.end), _side_by_side(len(pair), pair[0].path[0]), strict=True
            ):
                link.start = at


def _side_by_side(count: int, item: _Item) -> list[float]:
    step = min(APART, (0.62 if item.round else 0.8) * item.core[0] / max(1, count - 1))
    return [step * (at - (count - 1) / 2) for at in range(count)]


def _bands(rows: Sequence[Sequence[_Item]], links: Sequence[_Link], gap: float) -> list[tuple[float, float]]:
    """Where each layer begins and ends, along. Edges that go far across get more room to turn."""
    _, pieces = _segments(rows, links)
    items = [item for row in rows for item in row]
    bands: list[tuple[float, float]] = []
    end = 0.0
    for at, row in enumerate(rows):
        if at:
            aside = max((abs(items[a].x + s - items[b].x - e) for a, s, b, e in pieces[at - 1]), default=0.0)
            gates = all(item.name.startswith("in ") for item in rows[at - 1]) or all(
                item.name.startswith("out ") for item in row
            )
            end += (0.4 * gap if gates else gap) + min(60.0, max(0.0, 0.12 * (aside - 60.0)))
        start, end = end, end + max(item.along for item in row)
        bands.append((start, end))
    return bands


def _route(link: _Link, bands: Sequence[tuple[float, float]]) -> list[Point]:
    """Straight through the layers, so that it turns only between them."""
    first, last = link.path[0], link.path[-1]
    points = [
        (first.x + link.start, sum(bands[first.layer]) / 2 + _reach(first, link.start)),
        (first.x + link.start, bands[first.layer][1]),
    ]
    for item in link.path[1:-1]:
        points += [(item.x, bands[item.layer][0]), (item.x, bands[item.layer][1])]
    points += [
        (last.x + link.end, bands[last.layer][0]),
        (last.x + link.end, sum(bands[last.layer]) / 2 - _reach(last, link.end)),
    ]
    return list(dict.fromkeys(points))


def _reach(item: _Item, beside: float) -> float:
    """From the middle of the item to its edge, along, so far beside the middle."""
    across, along = item.core[0] / 2, item.core[1] / 2
    if not item.round or not across:
        return along
    return along * math.sqrt(1 - min(1.0, abs(beside) / across) ** 2)


# ---------------------------------------------------------------------------------------------------------------------
# Long drawings in lines


def _in_lines(items: dict[str, _Item], links: Sequence[_Link], gap: float, room: tuple[float, float] | None) -> _Level:
    """One level, broken where that makes it larger on the page."""
    whole = _arranged("", items, links, gap)
    if room is None or whole.along <= room[1]:
        return whole
    breaks = _breaks(items, links, gap, whole.across + TURN, room)
    if not breaks:
        return whole
    lines: list[tuple[dict[str, _Item], list[_Link]]] = [({}, []) for _ in range(len(breaks) + 1)]
    line_of = {name: sum(at <= item.layer for at in breaks) for name, item in items.items()}
    for name, item in items.items():
        lines[line_of[name]][0][name] = item
    turning: list[tuple[_Link, _Link, _Link, int]] = []
    for link in links:
        first, last = line_of[link.source], line_of[link.target]
        if first == last:
            lines[first][1].append(link)
            continue
        out = _Link((*link.key, "out"), link.source, "out ", start=link.start)
        back = _Link((*link.key, "in"), "in ", link.target, end=link.end)
        lines[first][0]["out "], lines[last][0]["in "] = _Item("out "), _Item("in ")
        lines[first][1].append(out)
        lines[last][1].append(back)
        turning.append((link, out, back, first))
    return _under_each_other([_arranged("", *line, gap) for line in lines], turning)


def _breaks(
    items: Mapping[str, _Item], links: Sequence[_Link], gap: float, across: float, room: tuple[float, float]
) -> list[int]:
    """Layers that begin a new line, so that all is as large as it can be in the room."""
    count = 1 + max(item.layer for item in items.values())
    layer = {name: item.layer for name, item in items.items()}
    over = [sum(layer[link.source] < at <= layer[link.target] for link in links) for at in range(count)]
    sizes = [0.0] * count
    for item in items.values():
        sizes[item.layer] = max(sizes[item.layer], item.along + gap)
    pieces = [0, *(at for at in range(1, count) if over[at] == 1), count]
    lengths = [sum(sizes[start:end]) for start, end in pairwise(pieces)]
    best, scale = list[int](), min(room[0] / across, room[1] / sum(sizes))
    for lines in range(2, min(MOST_LINES, len(lengths)) + 1):
        breaks, longest = _even(lengths, lines)
        reached = min(1.0, room[0] / (across * (len(breaks) + 1)), room[1] / (longest + 2 * TURN))
        if reached > 1.06 * scale:
            best, scale = [pieces[at] for at in breaks], reached
    return best


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


def _under_each_other(lines: Sequence[_Level], turning: Sequence[tuple[_Link, _Link, _Link, int]]) -> _Level:
    longest = max(line.along for line in lines)
    whole = _Level("", max(line.across for line in lines), longest + 2 * TURN, [], {}, {}, {})
    edges, across = [], 0.0
    for line in lines:
        edges.append((across, across + line.across))
        whole.items += [(item, x + across, y + TURN) for item, x, y in line.items]
        whole.routes |= {key: [(x + across, y + TURN) for x, y in route] for key, route in line.routes.items()}
        across += line.across + TURN
    for link, out, back, at in turning:
        going, coming = whole.routes.pop(out.key), whole.routes.pop(back.key)
        right, left = longest + 1.5 * TURN, TURN / 2
        between = (edges[at][1] + edges[at + 1][0]) / 2
        corners = [(going[-1][0], right), (between, right), (between, left), (coming[0][0], left)]
        whole.routes[link.key] = [*going, *corners, *coming]
    whole.across = across - TURN
    return whole


# ---------------------------------------------------------------------------------------------------------------------
# All together


def _components(items: Mapping[str, _Item], links: Sequence[_Link]) -> list[tuple[dict[str, _Item], list[_Link]]]:
    """What hangs together, each part by itself, in the order of its first item."""
    part = {name: name for name in items}

    def of(name: str) -> str:
        while part[name] != name:
            part[name] = part[part[name]]
            name = part[name]
        return name

    for link in links:
        part[of(link.target)] = of(link.source)
    found: dict[str, tuple[dict[str, _Item], list[_Link]]] = {}
    for name, item in items.items():
        found.setdefault(of(name), ({}, []))[0][name] = item
    for link in links:
        found[of(link.source)][1].append(link)
    return list(found.values())


def _packed(parts: Sequence[_Level], direction: str) -> _Level:
    """Parts that do not hang together, beside each other, on as many shelves as keep the whole a wide rectangle."""
    shape = 1.8 if direction == "down" else 1 / 1.8
    area = sum((part.across + BETWEEN) * (part.along + BETWEEN) for part in parts)
    widest = max([(shape * area) ** 0.5, *(part.across for part in parts)])
    whole = _Level("", 0.0, 0.0, [], {}, {}, {})
    x = y = deepest = 0.0
    for part in parts:
        if x and x + part.across > widest:
            x, y, deepest = 0.0, y + deepest + 2 * BETWEEN, 0.0
        whole.items += [(item, at + x, along + y) for item, at, along in part.items]
        whole.routes |= {key: [(at + x, along + y) for at, along in route] for key, route in part.routes.items()}
        whole.across, whole.along = max(whole.across, x + part.across), max(whole.along, y + part.along)
        x, deepest = x + part.across + 2 * BETWEEN, max(deepest, part.along)
    return whole


class _Sheet:
    """Takes rectangles and routes (across, along) and keeps them as right and down."""

    def __init__(self, direction: str) -> None:
        self.down = direction == "down"
        self.boxes: dict[str, Rect] = {}
        self.frames: dict[str, Rect] = {}
        self.routes: dict[tuple[str, ...], list[Point]] = {}

    def rect(self, across: float, along: float, wide: float, long: float) -> Rect:
        return Rect(across, along, wide, long) if self.down else Rect(along, across, long, wide)


def _put(plan: _Plan, level: _Level, across: float, along: float, sheet: _Sheet) -> None:
    for key, route in level.routes.items():
        points = [(x + across, y + along) for x, y in route]
        sheet.routes[key] = points if sheet.down else [(y, x) for x, y in points]
    for item, x, y in level.items:
        left, top = across + x - item.across / 2, along + y - item.along / 2
        kind, name = item.name.split(" ", 1)
        if item.inside is None:
            sheet.boxes[name] = sheet.rect(left, top, item.across, item.along)
        else:
            assert kind == "frame"
            sheet.frames[name] = sheet.rect(left, top, item.across, item.along)
            _put(plan, item.inside, left, top, sheet)


def _joined(routes: Sequence[Sequence[Point]]) -> tuple[Point, ...]:
    """One route of several that follow each other."""
    points: list[Point] = []
    for route in routes:
        points += [point for point in route if not points or not _same(point, points[-1])]
    return tuple(points)


def _same(one: Point, other: Point) -> bool:
    return abs(one[0] - other[0]) + abs(one[1] - other[1]) < 1e-6
