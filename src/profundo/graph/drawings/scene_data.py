"""A drawing as plain data, for a page that draws it itself and shows it step by step: places, lines, and what they stand for.

    scene_data(view(f, {"a": 5, "b": 3}))["boxes"][0]["x"]

Where things stand depends on the graph alone, not on its numbers: each number is given the room of a long one, so that
nothing moves while values change. The numbers themselves are in `formats.to_json`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from typing import Any

from profundo.graph.drawings.drawing import SLIDE, Scene, arranged, arrow_of, label_places
from profundo.graph.drawings.faces import Face, Line, face_of, heading, result_of
from profundo.graph.drawings.folding import Part, Visible, parts_of
from profundo.graph.nodes import Flow, Graph, Node, Summary

__all__ = ["scene_data"]

LONG = -0.1234  # as many characters as most numbers have
ROOM = Summary(LONG, LONG, LONG, abs(LONG), abs(LONG))
STROKE = 1.6  # pixels


def scene_data(
    graph: Graph,
    *,
    open: Collection[str] = (),
    depth: int | None = None,
    room: tuple[float, float] = SLIDE,
) -> dict[str, Any]:
    """Boxes, frames (the parts that are open) and edges, in pixels; boxes are in the order in which they are computed.

    open, depth: as `drawing.draw` has them; room: (width, height) of the place that the drawing is for.
    A box has its middle, the size of its shape, and its lines of text; `result` is the node whose value leaves it, `path`
    the part that it stands for, "" for a single node. Raises ProfundoError for a part that there is not.
    """
    scene = arranged(_spacious(graph), open=open, depth=depth, room=room)
    bare = _bare(scene.graph)
    return {
        "width": scene.layout.width,
        "height": scene.layout.height,
        "boxes": [_box(scene, bare, box) for box in _in_order(scene)],
        "frames": [_frame(scene, key) for key in scene.view.frames],
        "edges": _edges(scene),
        "parts": _inner(parts_of(graph)),
    }


def _spacious(graph: Graph) -> Graph:
    """The graph with a long number in the place of each."""
    nodes = {name: _with_room(node) for name, node in graph.nodes.items()}
    flows = {use: _long(flow) for use, flow in graph.flows.items()}
    return replace(graph, nodes=nodes, flows=flows)


def _with_room(node: Node) -> Node:
    if node.op == "constant":  # its number is its name
        return node
    return replace(node, value=_summary(node, node.value), gradient=_summary(node, node.gradient))


def _summary(node: Node, summary: Summary | None) -> Summary | None:
    if summary is None:
        return None
    return replace(ROOM, item=None if node.shape or summary.item is None else LONG)


def _long(flow: Flow) -> Flow:
    is_number = flow.rule.replace(".", "").replace("−", "").isdigit()
    return flow if flow.local is None or is_number else replace(flow, local=LONG)


def _bare(graph: Graph) -> Graph:
    """The graph without numbers but for those of its constants: what is written in boxes whatever the values are."""
    nodes = {
        name: node if node.op == "constant" and not node.shape else replace(node, value=None, gradient=None)
        for name, node in graph.nodes.items()
    }
    return replace(graph, nodes=nodes)


def _in_order(scene: Scene) -> list[Visible]:
    place = {name: at for at, name in enumerate(scene.graph.nodes)}
    return sorted(scene.view.boxes.values(), key=lambda box: place[result_of(scene.graph, box).name])


def _box(scene: Scene, bare: Graph, box: Visible) -> dict[str, Any]:
    cell, face = scene.layout.boxes[box.name], face_of(bare, box)
    return {
        "name": box.name,
        "nodes": [*box.nodes, *box.beside],
        "result": result_of(scene.graph, box).name,
        "path": box.part.key if box.part else "",
        "frame": box.frame,
        "x": cell.x + cell.width / 2,
        "y": cell.y + cell.height / 2,
        **_look(face),
    }


def _look(face: Face) -> dict[str, Any]:
    return {
        "width": face.core[0],
        "height": face.core[1],
        "round": face.round,
        "corner": face.corner,
        "hue": face.hue,
        "heavy": face.heavy,
        "stacked": face.stacked,
        "inside": _lines(face.inside),
        "above": _lines(face.above),
    }


def _lines(lines: Sequence[Line]) -> list[dict[str, Any]]:
    return [asdict(line) for line in lines]


def _frame(scene: Scene, key: str) -> dict[str, Any]:
    part, outer = scene.view.frames[key]
    return {"path": key, "frame": outer, "title": _lines(heading(part)), **scene.layout.frames[key]._asdict()}


def _edges(scene: Scene) -> list[dict[str, Any]]:
    """uses: (node, place among its inputs) of each value that goes that way; label: the middle of what is written at it."""
    drawn = zip(scene.view.edges.items(), scene.layout.routes, label_places(scene), strict=True)
    edges = []
    for ((source, target, _), uses), route, place in drawn:
        path, head = arrow_of(route, STROKE)
        edges.append({"source": source, "target": target, "uses": uses, "path": path, "head": head, "label": place})
    return edges


def _inner(part: Part) -> list[str]:
    """Keys of all parts that can be opened."""
    inner = [one for one in part.parts if isinstance(one, Part)]
    return [key for one in inner for key in (one.key, *_inner(one)) if len(list(one.operations())) > 1]
