"""First step of a layout: in which layer each vertex stands, so that every edge goes forward.

Layers by longest paths, as a hierarchy has them in Sugiyama, Tagawa and Toda ("Methods for visual understanding of
hierarchical system structures", 1981); then what stands too early is drawn forward, so that edges are short. Where an
edge passes a layer, it gets an invisible vertex there: from then on every edge goes from one layer to the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from graphlib import TopologicalSorter

from profundo.graph.drawings.vertices import PASSING, Item, Link

__all__ = ["in_rows", "layers"]

Neighbours = Mapping[str, Sequence[str]]


def layers(names: Sequence[str], edges: Iterable[tuple[str, str]]) -> dict[str, int]:
    """The layer of each name, from 0, so that every edge goes to a higher one and the edges are short.

    First as early as possible; then whatever has more edges forward than back is moved on to where it is used, and with it
    what only serves it.
    """
    after, before = _neighbours(names, edges)
    order = list(TopologicalSorter(before).static_order())
    layer: dict[str, int] = {}
    for name in order:
        layer[name] = max((layer[other] + 1 for other in before[name]), default=0)
    _draw_forward(layer, order, after, before)
    first = min(layer.values(), default=0)
    return {name: at - first for name, at in layer.items()}


def _draw_forward(layer: dict[str, int], order: Sequence[str], after: Neighbours, before: Neighbours) -> None:
    """Move on what has more edges forward than back; edges that only serve it do not hold it."""
    serving: dict[str, bool] = {}
    for name in order:
        serving[name] = len(after[name]) == 1 and all(serving[other] for other in before[name])
    for name in reversed(order):
        held = sum(not serving[other] for other in before[name])
        if len(after[name]) > held:
            layer[name] = min(layer[other] for other in after[name]) - 1


def _neighbours(names: Sequence[str], edges: Iterable[tuple[str, str]]) -> tuple[Neighbours, Neighbours]:
    """Of each name those after it and those before it."""
    after: dict[str, list[str]] = {name: [] for name in names}
    before: dict[str, list[str]] = {name: [] for name in names}
    for source, target in edges:
        after[source].append(target)
        before[target].append(source)
    return after, before


def in_rows(items: Mapping[str, Item], links: Sequence[Link]) -> list[list[Item]]:
    """Set the layer of every item and the path of every link; the items by layer, with those where links pass."""
    _set_layers(items, links)
    rows: list[list[Item]] = [[] for _ in range(1 + max(item.layer for item in items.values()))]
    for item in items.values():
        rows[item.layer].append(item)
    for link in links:
        first, last = items[link.source], items[link.target]
        passing = [Item(PASSING, layer=at) for at in range(first.layer + 1, last.layer)]
        for item in passing:
            rows[item.layer].append(item)
        link.path = [first, *passing, last]
    return rows


def _set_layers(items: Mapping[str, Item], links: Sequence[Link]) -> None:
    """Gates stand before all others and after all others."""
    inner = [name for name, item in items.items() if not item.gate]
    layer = layers(inner, [(k.source, k.target) for k in links if not (items[k.source].gate or items[k.target].gate)])
    first = int(any(item.kind == "in" for item in items.values()))
    behind = max(layer.values()) + first + 1
    for name, item in items.items():
        elsewhere = 0 if item.kind == "in" else behind
        item.layer = layer[name] + first if name in layer else elsewhere
