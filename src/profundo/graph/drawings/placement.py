"""Where to draw the boxes of a directed graph: in layers, every edge forward, few crossings, straight long edges.

The method is that of Sugiyama, Tagawa and Toda ("Methods for visual understanding of hierarchical system structures",
1981), a file for each step: layers (`layering.py`), order within them (`ordering.py`), coordinates (`coordinates.py`),
the way of the edges (`routes.py`); `levels.py` takes them one after the other, `lines.py` fills a page.

Frames are laid out from the inside out: what is in a frame is a drawing of its own, a level, then one vertex in what is
around it. So nothing overlaps and no box lies in a frame that it does not belong to, whatever the graph. An edge out of
a frame or into one is a link in each level that it passes. It ends there in a gate at the border, one for each box that
edges come from, so that a value which enters a frame enters it once.

Levels are in two directions, `across` the edges and `along` them; here along becomes right, and across down.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from typing import NamedTuple

from profundo.graph.drawings.levels import Level, arranged, together
from profundo.graph.drawings.lines import components, in_lines, packed
from profundo.graph.drawings.routes import Point
from profundo.graph.drawings.vertices import Item, Link

__all__ = ["Box", "Edge", "Frame", "Layout", "Rect", "layered"]

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


def layered(
    boxes: Sequence[Box],
    edges: Sequence[Edge],
    frames: Sequence[Frame] = (),
    *,
    gap: float = 44.0,
    room: tuple[float, float] | None = None,
) -> Layout:
    """Place the boxes. gap: pixels along between layers, at least.

    room: (width, height) of a page. A drawing that is too long for it is broken, like a text into lines, wherever only
    one edge goes on; that edge runs back between the lines. Then it may turn a corner where two points of its route
    differ in one coordinate only.
    """
    nest = _Nest(boxes, frames)
    ways = [nest.way(edge, str(place)) for place, edge in enumerate(edges)]
    parts = components(*nest.content("", gap))
    whole = nest.flat(packed([in_lines(*part, gap, None if room is None else room[::-1]) for part in parts]))
    rects: dict[str, dict[str, Rect]] = {"box": {}, "frame": {}}
    for item, (y, x) in whole.middles.items():
        rects[item.kind][item.of] = Rect(x - item.along / 2, y - item.across / 2, item.along, item.across)
    routes = tuple(_joined([whole.routes[link] for link in way]) for way in ways)
    return Layout(rects["box"], rects["frame"], routes, whole.along, whole.across)


# ---------------------------------------------------------------------------------------------------------------------
# Frames in frames


class _Nest:
    """The vertices and links of each level, by the frame's name, "" for the whole; those laid out in `levels`."""

    def __init__(self, boxes: Sequence[Box], frames: Sequence[Frame]) -> None:
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
            path.append(self.frames[path[-1]].frame)
        return tuple(reversed(path))

    def add(self, box: Box) -> None:
        """Put it in its level, and the frames around it in theirs."""
        for outer, inner in pairwise(self.paths[box.name]):
            self.items[outer].setdefault(f"frame {inner}", Item(f"frame {inner}"))
        self.items[box.frame][f"box {box.name}"] = Item(
            f"box {box.name}", box.height, box.width, box.core[::-1], box.round
        )

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
        along = max(level.along + 2 * PAD, self.frames[name].width)
        moved = level.moved(HEAD, (along - level.along) / 2)
        return _to_the_border(replace(moved, across=level.across + HEAD + PAD, along=along))

    def flat(self, level: Level) -> Level:
        """The same, with what is in its frames."""
        inside = [
            self.flat(self.levels[item.of]).moved(across - item.across / 2, along - item.along / 2)
            for item, (across, along) in level.middles.items()
            if item.kind == "frame"
        ]
        return together([level, *inside], level.across, level.along)


def _to_the_border(level: Level) -> Level:
    """Gates stand on the frame itself."""
    routes = {}
    for link, route in level.routes.items():
        start = [(route[0][0], 0.0)] if link.source.startswith("in ") else []
        end = [(route[-1][0], level.along)] if link.target.startswith("out ") else []
        routes[link] = [*start, *route, *end]
    return replace(level, routes=routes)


def _joined(routes: Sequence[Sequence[Point]]) -> tuple[Point, ...]:
    """One route of several that follow each other, as (right, down)."""
    points: list[Point] = []
    for across, along in chain.from_iterable(routes):
        if not points or math.dist(points[-1], (along, across)) > 1e-6:
            points.append((along, across))
    return tuple(points)
