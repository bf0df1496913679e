"""What autograd computes from a recording: the gradient of every value, each edge's share in it, and what that costs.

Autograd keeps for every value a node (`grad_fn`) and a place among its outputs. Hooks on these nodes see the gradients
as they pass, in this one backward pass and in no other. grad_fn(1) of a node is the row of its Jacobian: for single
numbers, the local derivatives of the chain rule.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import prod
from typing import Any

import torch
from torch import Tensor

from profundo.dispatch import Observed
from profundo.graph.nodes import Summary, refs_of
from profundo.graph.traces.recording import Entry, Recorder
from profundo.graph.traces.summaries import norm, summary
from profundo.records import ProfundoError

__all__ = ["Edge", "Found", "differentiate", "edges_of"]

Key = tuple[int, int | None]


@dataclass(frozen=True, slots=True)
class Edge:
    """From an entry to its input (entry and part), which has the place among its inputs."""

    entry: int
    place: int
    input: Key


@dataclass(slots=True)
class Found:
    """gradients: by entry and part; shares: norms by (entry, place); slopes: local derivatives by (entry, place)."""

    gradients: dict[Key, Summary | None] = field(default_factory=dict)
    shares: dict[tuple[int, int], float | None] = field(default_factory=dict)
    slopes: dict[tuple[int, int], float] = field(default_factory=dict)


def differentiate(recorder: Recorder, costs: Sequence[tuple[Key, Tensor]], leaves: dict[int, Tensor]) -> Found:
    """Gradients of the sum of all entries of the costs. leaves: what is given, by entry; their .grad is not touched.

    Raises ProfundoError where the program has already used up what its backward pass needs.
    """
    result = Found()
    edges = edges_of(recorder.entries)
    links = {entry: _links(recorder, entry, group, leaves) for entry, group in _by_entry(edges).items()}
    with recorder.resting(), torch._C.DisableTorchFunction():
        _slopes(recorder, links, result)
        handles = _hooked(recorder, edges, links, costs, result)
        ones = [torch.ones_like(tensor) for _, tensor in costs]
    owners = _owners(recorder, [tensor.grad_fn for _, tensor in costs])
    recorder.owner = lambda: owners.get(id(torch._C._current_autograd_node()), (None, None))[1]
    try:
        with Observed(recorder.observe):
            gradients = torch.autograd.grad(
                [tensor for _, tensor in costs], list(leaves.values()), ones, allow_unused=True
            )
    except RuntimeError as error:
        if "second time" not in str(error):
            raise
        raise ProfundoError(
            "trace: the program has run its own backward pass through the graph and freed it; "
            "let it keep the graph (retain_graph=True or create_graph=True), or trace with backward=False"
        ) from error
    finally:
        recorder.owner = None
        for handle in handles:
            handle.remove()
    for entry, gradient in zip(leaves, gradients, strict=True):
        result.gradients[entry, None] = None if gradient is None else summary(gradient, recorder.keep)
    return result


def edges_of(entries: Sequence[Entry]) -> list[Edge]:
    """In the order of the entries and of their arguments."""
    return [
        Edge(entry.index, place, (int(ref.node), ref.part))
        for entry in entries
        for place, ref in enumerate((*refs_of(entry.args), *refs_of(tuple(entry.kwargs.values()))))
    ]


def _by_entry(edges: Sequence[Edge]) -> dict[int, list[Edge]]:
    groups: dict[int, list[Edge]] = defaultdict(list)
    for edge in edges:
        groups[edge.entry].append(edge)
    return groups


def _links(
    recorder: Recorder, entry: int, edges: Sequence[Edge], leaves: dict[int, Tensor]
) -> tuple[Any, dict[int, int]]:
    """The autograd node of an entry, and which of that node's inputs is which place; x·x has two of the same."""
    source = next((recorder.sources[key] for key in _keys(recorder, entry)), None)
    if source is None:
        return None, {}
    free = list(enumerate(source[0].next_functions))
    places = {}
    for edge in edges:
        match = next((at for at, link in free if _is_source(recorder, link, edge.input, leaves)), None)
        if match is not None:
            places[edge.place] = match
            free = [(at, link) for at, link in free if at != match]
    return source[0], places


def _keys(recorder: Recorder, entry: int) -> Iterator[Key]:
    return (key for key in recorder.parts[entry] if key in recorder.sources)


def _is_source(recorder: Recorder, link: tuple[Any, int], value: Key, leaves: dict[int, Tensor]) -> bool:
    node, number = link
    source = recorder.sources.get(value)
    if source is not None:
        return node is source[0] and number == source[1]
    return value[0] in leaves and getattr(node, "variable", None) is leaves[value[0]]


def _slopes(recorder: Recorder, links: dict[int, tuple[Any, dict[int, int]]], result: Found) -> None:
    """Where an entry and its input are single numbers. Nodes written in Python are left alone: theirs may have effects."""
    numbers = {entry.index for entry in recorder.entries if prod(entry.shape) == 1}
    edges = {(edge.entry, edge.place): edge.input[0] for edge in edges_of(recorder.entries)}
    for entry, (node, places) in links.items():
        wanted = {place: at for place, at in places.items() if edges[entry, place] in numbers}
        alone = (entry, None) in recorder.sources and node is not None
        if not wanted or not alone or entry not in numbers or hasattr(node, "_forward_cls"):
            continue
        if type(node).__name__ == "CopySlices":
            continue
        made = recorder.entries[entry]
        item = torch.ones(made.shape, dtype=getattr(torch, made.dtype), device=made.device)
        try:
            with torch.no_grad():
                row = node(item)
        except RuntimeError:  # what it needs was changed or freed: the backward pass will tell
            continue
        row = row if isinstance(row, tuple) else (row,)
        for place, at in wanted.items():
            if row[at] is not None and not row[at].is_complex():
                result.slopes[entry, place] = float(row[at].sum())


def _hooked(
    recorder: Recorder,
    edges: Sequence[Edge],
    links: dict[int, tuple[Any, dict[int, int]]],
    costs: Sequence[tuple[Key, Tensor]],
    result: Found,
) -> list[Any]:
    """Hooks that fill `found` while the backward pass runs."""
    arriving: dict[int, tuple[Any, list[tuple[int, Key]]]] = {}
    for key, (node, number) in recorder.sources.items():
        arriving.setdefault(id(node), (node, []))[1].append((number, key))
    handles = [node.register_prehook(partial(_arrive, recorder, result, keys)) for node, keys in arriving.values()]
    users = Counter(edge.input for edge in edges) + Counter(key for key, _ in costs)
    inputs = {(edge.entry, edge.place): edge.input for edge in edges}
    for entry, (node, places) in links.items():
        shared = {place: at for place, at in places.items() if users[inputs[entry, place]] > 1}
        if shared:
            handles.append(node.register_hook(partial(_leave, recorder, result, entry, shared)))
    return handles


def _arrive(recorder: Recorder, result: Found, keys: list[tuple[int, Key]], gradients: Sequence[Any]) -> None:
    with recorder.resting():
        for number, key in keys:
            if gradients[number] is None:
                continue
            result.gradients[key] = summary(gradients[number], recorder.keep)
            piece = recorder.pieces.get(key[0])
            if piece is not None:
                result.gradients[piece.entry, piece.part] = summary(piece.of(gradients[number]), recorder.keep)


def _leave(
    recorder: Recorder, result: Found, entry: int, places: dict[int, int], gradients: Sequence[Any], _arrived: Any
) -> None:
    with recorder.resting():
        for place, at in places.items():
            if gradients[at] is not None:
                result.shares[entry, place] = norm(gradients[at])


def _owners(recorder: Recorder, starts: Sequence[Any]) -> dict[int, tuple[Any, int | None]]:
    """Of every autograd node, the entry that its work is charged to: its own, or that of the node that leads to it."""
    own = {id(node): key[0] for key, (node, _) in reversed(recorder.sources.items())}
    owners: dict[int, tuple[Any, int | None]] = {}
    waiting: list[tuple[Any, int | None]] = [(node, None) for node in starts if node is not None]
    while waiting:
        following = []
        for node, before in waiting:
            if id(node) not in owners:
                owner = own.get(id(node), before)
                owners[id(node)] = (node, owner)
                following += [(link, owner) for link, _ in node.next_functions if link is not None]
        waiting = following
    return owners
