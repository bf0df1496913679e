"""Where to draw the boxes of a directed graph: in layers, every edge forward, few crossings, straight long edges.

The method is that of Sugiyama, Tagawa and Toda ("Methods for visual understanding of hierarchical system structures",
1981), a file for each step: layers (`layering.py`), order within them (`ordering.py`), coordinates (`coordinates.py`),
the way of the edges (`routes.py`); `levels.py` takes them one after the other, `lines.py` fills a page.

Frames are laid out from the inside out: what is in a frame is a drawing of its own, a level, then one vertex in what is
around it. So nothing overlaps and no box lies in a frame that it does not belong to, whatever the graph. An edge out of
a frame or into one is a link in each level that it passes. It ends there in a gate at the border, one for each box that
edges come from, so that a value which enters a frame enters it once.

Levels are in two directions: `across` the edges and `along` them; only here they become right and down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

from profundo.graph.drawings.layering import layers
from profundo.graph.drawings.levels import Level, arranged
from profundo.graph.drawings.lines import components, in_lines, packed
from profundo.graph.drawings.routes import Point
from profundo.graph.drawings.vertices import Item, Link
from profundo.records import ProfundoError

__all__ = ["DIRECTIONS", "Box", "Edge", "Frame", "Layout", "Rect", "layered", "layers"]

DIRECTIONS = ("right", "down")
PAD, HEAD = 14.0, 26.0  # pixels from a frame to its content; above the content, where its name is written


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
    nest = _Nest(boxes, frames, direction)
    ways = [nest.way(edge, str(place)) for place, edge in enumerate(edges)]
    whole = nest.whole(gap, None if room is None else _turned(room, direction))
    sheet = _Sheet(nest)
    sheet.put(whole, 0.0, 0.0)
    routes = tuple(_joined([sheet.routes[link] for link in way]) for way in ways)
    return Layout(sheet.boxes, sheet.frames, routes, *_turned((whole.across, whole.along), direction), direction)


def _turned(pair: tuple[float, float], direction: str) -> tuple[float, float]:
    """(across, along) as (right, down), or back."""
    return pair if direction == "down" else pair[::-1]


# ---------------------------------------------------------------------------------------------------------------------
# Frames in frames


class _Nest:
    """The vertices and links of each level, by the frame's name, "" for the whole; those laid out in `levels`."""

    def __init__(self, boxes: Sequence[Box], frames: Sequence[Frame], direction: str) -> None:
        self.direction = direction
        self.frames = {frame.name: frame for frame in frames}
        self.paths = {box.name: self.path(box.frame) for box in boxes}
        self.items: dict[str, dict[str, Item]] = {name: {} for name in ("", *self.frames)}
        self.links: dict[str, dict[tuple[str, ...], Link]] = {name: {} for name in self.items}
        self.levels: dict[str, Level] = {}
        for box in boxes:
            self.add(box)

    def path(self, frame: str) -> tuple[str, ...]:
        """From the whole to this frame."""
        path = [frame]
        while path[-1]:
            if path[-1] not in self.frames or len(path) > len(self.frames) + 1:
                raise ProfundoError(f"frame {path[-1]!r}: there is none, or it lies in itself")
            path.append(self.frames[path[-1]].frame)
        return tuple(reversed(path))

    def add(self, box: Box) -> None:
        """Put it in its level, and the frames around it in theirs."""
        for outer, inner in pairwise(self.paths[box.name]):
            self.items[outer].setdefault(f"frame {inner}", Item(f"frame {inner}"))
        size, core = _turned((box.width, box.height), self.direction), _turned(box.core, self.direction)
        self.items[box.frame][f"box {box.name}"] = Item(f"box {box.name}", *size, core, box.round)

    def way(self, edge: Edge, place: str) -> list[Link]:
        """The links that together make the edge: out of frames, across, into frames.

        Edges from one box share links; only the last, which ends at a box, is the edge's own, by its place among all.
        """
        source, target = self.paths[edge.source], self.paths[edge.target]
        common = sum(1 for one, other in zip(source, target, strict=False) if one == other)
        leaves = [f"box {edge.source}", *(f"frame {frame}" for frame in reversed(source[common:]))]
        enters = [*(f"frame {frame}" for frame in target[common:]), f"box {edge.target}"]
        links = [
            self.link(frame, end, f"out {edge.source}", edge.source, "")
            for frame, end in zip(reversed(source[common:]), leaves[:-1], strict=True)
        ]
        links.append(
            self.link(source[common - 1], leaves[-1], enters[0], edge.source, place if len(enters) == 1 else "")
        )
        links += [
            self.link(frame, f"in {edge.source}", end, edge.source, place if end is enters[-1] else "")
            for frame, end in zip(target[common:], enters[1:], strict=True)
        ]
        return links

    def link(self, level: str, source: str, target: str, value: str, place: str) -> Link:
        """The one from source to target that carries this box's value; a new one if there is none yet."""
        for name in (source, target):
            self.items[level].setdefault(name, Item(name))
        return self.links[level].setdefault((source, target, value, place), Link(source, target, value))

    def whole(self, gap: float, room: Point | None) -> Level:
        """All together. room: across, along."""
        items, links = self.content("", gap)
        return packed([in_lines(*part, gap, room) for part in components(items, links)], self.direction)

    def content(self, name: str, gap: float) -> tuple[dict[str, Item], list[Link]]:
        """Items and links of a level, when the frames in it are laid out."""
        items, links = self.items[name], list(self.links[name].values())
        for item in items.values():
            if item.kind == "frame":
                level = self.levels[item.of] = self.framed(item.of, gap)
                item.across, item.along = item.core = (level.across, level.along)
        for link in links:
            source, target = items[link.source], items[link.target]
            if source.kind == "frame":
                link.start = self.levels[source.of].leaves[link.value] - source.across / 2
            if target.kind == "frame":
                link.end = self.levels[target.of].enters[link.value] - target.across / 2
        return items, links

    def framed(self, name: str, gap: float) -> Level:
        """The content of a frame, with the room that the frame takes around it."""
        level = arranged(*self.content(name, gap), gap)
        across, along = (PAD, HEAD) if self.direction == "down" else (HEAD, PAD)
        wide, long = level.across + across + PAD, level.along + along + PAD
        least = self.frames[name].width
        if self.direction == "down" and wide < least:
            across, wide = across + (least - wide) / 2, least
        elif self.direction == "right" and long < least:
            along, long = along + (least - long) / 2, least
        return _to_the_border(replace(level.moved(across, along), across=wide, along=long))


def _to_the_border(level: Level) -> Level:
    """Gates stand on the frame itself."""
    routes = {}
    for link, route in level.routes.items():
        start = [(route[0][0], 0.0)] if link.source.startswith("in ") else []
        end = [(route[-1][0], level.along)] if link.target.startswith("out ") else []
        routes[link] = [*start, *route, *end]
    return replace(level, routes=routes)


# ---------------------------------------------------------------------------------------------------------------------
# Right and down


class _Sheet:
    """Takes levels (across, along) and keeps boxes, frames and routes as right and down."""

    def __init__(self, nest: _Nest) -> None:
        self.nest = nest
        self.boxes: dict[str, Rect] = {}
        self.frames: dict[str, Rect] = {}
        self.routes: dict[Link, list[Point]] = {}

    def put(self, level: Level, across: float, along: float) -> None:
        """A level with its upper left corner there, and what is in its frames."""
        direction, moved = self.nest.direction, level.moved(across, along)
        self.routes |= {link: [_turned(point, direction) for point in route] for link, route in moved.routes.items()}
        for item, (x, y) in moved.middles.items():
            left, top = x - item.across / 2, y - item.along / 2
            rect = Rect(*_turned((left, top), direction), *_turned((item.across, item.along), direction))
            (self.boxes if item.kind == "box" else self.frames)[item.of] = rect
            if item.kind == "frame":
                self.put(self.nest.levels[item.of], left, top)


def _joined(routes: Sequence[Sequence[Point]]) -> tuple[Point, ...]:
    """One route of several that follow each other."""
    points: list[Point] = []
    for route in routes:
        points += [point for point in route if not points or not _same(point, points[-1])]
    return tuple(points)


def _same(one: Point, other: Point) -> bool:
    return abs(one[0] - other[0]) + abs(one[1] - other[1]) < 1e-6
