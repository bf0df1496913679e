"""One level of a drawing through all steps of Sugiyama, Tagawa and Toda (1981): layers, order, coordinates, routes.

A level has no frames in it: what was laid out before is one vertex here. Each step is a file of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from profundo.graph.drawings.coordinates import align
from profundo.graph.drawings.layering import in_rows
from profundo.graph.drawings.ordering import ordered
from profundo.graph.drawings.routes import Point, bands_of, route_of, spread
from profundo.graph.drawings.vertices import Item, Link

__all__ = ["Level", "arranged", "together"]


@dataclass(frozen=True, slots=True)
class Level:
    """A drawing from its upper left corner. middles: of boxes and frames; enters, leaves: where, across, the gates
    stand, by the box that their links come from."""

    across: float
    along: float
    middles: Mapping[Item, Point]
    routes: Mapping[Link, list[Point]]
    enters: Mapping[str, float] = field(default_factory=dict)
    leaves: Mapping[str, float] = field(default_factory=dict)

    def moved(self, across: float, along: float) -> Level:
        """The same, so far from the corner."""
        return replace(
            self,
            middles={item: (x + across, y + along) for item, (x, y) in self.middles.items()},
            routes={link: [(x + across, y + along) for x, y in route] for link, route in self.routes.items()},
            enters={name: x + across for name, x in self.enters.items()},
            leaves={name: x + across for name, x in self.leaves.items()},
        )


def together(levels: Sequence[Level], across: float, along: float) -> Level:
    """One of such extent, with what is in all of these."""
    middles = {item: middle for level in levels for item, middle in level.middles.items()}
    return Level(across, along, middles, {link: way for level in levels for link, way in level.routes.items()})


def arranged(items: Mapping[str, Item], links: Sequence[Link], gap: float) -> Level:
    """Layers, order, coordinates and routes of items, by name, of which there is one at least."""
    rows = ordered(in_rows(items, links), links)
    align(rows, links)
    spread(links)
    across = _begin_at_zero(rows)
    bands = bands_of(rows, links, gap)
    middles = {
        item: (item.x, sum(bands[item.layer]) / 2) for row in rows for item in row if item.kind in ("box", "frame")
    }
    routes = {link: route_of(link, bands) for link in links}
    enters, leaves = ({item.of: item.x for item in items.values() if item.kind == kind} for kind in ("in", "out"))
    return Level(across, bands[-1][1], middles, routes, enters, leaves)


def _begin_at_zero(rows: Sequence[Sequence[Item]]) -> float:
    """Move all so that the leftmost begins at 0; how far they reach."""
    items = [item for row in rows for item in row]
    left = min(item.x - item.across / 2 for item in items)
    right = max(item.x + item.across / 2 for item in items)
    for item in items:
        item.x -= left
    return right - left
