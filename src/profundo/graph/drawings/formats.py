"""A graph for other programs: Graphviz DOT, Mermaid, and JSON."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, fields
from itertools import count
from typing import Any

from torch import Tensor

from profundo.graph.drawings.folding import Part, parts_of
from profundo.graph.nodes import GIVEN, RENDERERS, Cost, Flow, Graph, Node, Summary

__all__ = ["to_dot", "to_json", "to_mermaid"]

VERSION = 1
MOST_LISTED = 400  # entries of a value that was kept
SHAPES = {"input": "box", "constant": "plaintext", "parameter": "box", "buffer": "box", "shared": "box"}


# ---------------------------------------------------------------------------------------------------------------------
# Graphviz and Mermaid


def to_dot(graph: Graph) -> str:
    """Graphviz: modules and calls as clusters, nodes with name, operation and shape, edges with their gradient."""
    known = {name: f"n{at}" for at, name in enumerate(graph.nodes)}
    lines = ["digraph computation {", '  rankdir="LR";', '  node [fontname="sans-serif"];']
    lines += _in_parts(
        graph,
        lambda node: f"{known[node.name]} {_dot_look(node)};",
        lambda number, title: f"subgraph cluster_{number} {{ label={_dot(title)};",
        "}",
    )
    for source, target, place, flow in _edges(graph):
        label = "" if flow.gradient is None else f" [label={_dot(f'{flow.gradient:.4g}')}]"
        lines.append(f"  {known[source]} -> {known[target]}{label};  // input {place}")
    return "\n".join([*lines, "}"]) + "\n"


def _dot_look(node: Node) -> str:
    shape = SHAPES.get(node.op, "ellipse" if not node.shape else "box")
    style = ', style="rounded"' if node.op in GIVEN else ""
    return f"[label={_dot(chr(10).join(_words(node)))}, shape={shape}{style}]"


def _dot(text: str) -> str:
    """A quoted string of DOT; a line break in it is written \\n."""
    clean = "".join(letter if letter == "\n" or letter.isprintable() else "\ufffd" for letter in text)
    return '"' + clean.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def to_mermaid(graph: Graph) -> str:
    """A Mermaid flowchart: modules and calls as subgraphs. Every word is quoted, every id is made here."""
    known = {name: f"n{at}" for at, name in enumerate(graph.nodes)}
    lines = _in_parts(
        graph,
        lambda node: _mermaid_look(known[node.name], node),
        lambda number, title: f"subgraph p{number}[{_mermaid(title)}]",
        "end",
    )
    for source, target, _, flow in _edges(graph):
        arrow = "-->" if flow.gradient is None else f"-->|{_mermaid(f'{flow.gradient:.4g}')}|"
        lines.append(f"  {known[source]} {arrow} {known[target]}")
    return "\n".join(["flowchart LR", *lines]) + "\n"


def _mermaid_look(name: str, node: Node) -> str:
    text = _mermaid("\n".join(_words(node)))
    if node.op in GIVEN:
        return f"{name}([{text}])"
    return f"{name}(({text}))" if not node.shape else f"{name}[{text}]"


def _mermaid(text: str) -> str:
    """In quotes; whatever is not a letter, a digit or plain punctuation as its number (Mermaid's #…; entities)."""
    plain = set(" .,:+-×_/=\n")
    written = "".join(letter if letter.isalnum() or letter in plain else f"#{ord(letter)};" for letter in text)
    return f'"{written.replace(chr(10), "<br/>")}"'


def _in_parts(
    graph: Graph, statement: Callable[[Node], str], opening: Callable[[int, str], str], closing: str
) -> list[str]:
    """A statement for each node, those of a part between its opening, by number and title, and its closing."""
    number = count(1)

    def write(parts: Iterable[Part | str], indent: str) -> Iterator[str]:
        for part in parts:
            if isinstance(part, Part):
                yield indent + opening(next(number), _titled(part))
                yield from write(part.parts, indent + "  ")
                yield indent + closing
            else:
                yield indent + statement(graph.nodes[part])

    given = (node.name for node in graph if node.op in GIVEN)
    return list(write((*parts_of(graph).parts, *given), "  "))


def _words(node: Node) -> list[str]:
    shape = " × ".join(map(str, node.shape))
    what = node.name if node.op in (node.name, "") else f"{node.name}: {node.op}"
    value = "" if node.value is None or node.value.item is None else f"= {node.value.item:.6g}"
    return [row for row in (what, node.text if node.text != node.name else "", shape, value) if row]


def _titled(part: Part) -> str:
    if part.kind == "stretch":
        return part.key
    return f"{part.key}: {part.title}" if part.title and part.title != part.key else part.key


def _edges(graph: Graph) -> Iterator[tuple[str, str, int, Flow]]:
    for node in graph:
        for place, name in enumerate(node.inputs):
            yield name, node.name, place, graph.flows.get((node.name, place), Flow())


# ---------------------------------------------------------------------------------------------------------------------
# JSON


def to_json(graph: Graph) -> dict[str, Any]:
    """The graph as plain data that JSON can hold; numbers that are not finite are the words "nan", "inf" and "-inf"."""
    return {
        "version": VERSION,
        "nodes": [_node_data(node) for node in graph],
        "edges": [
            {
                **{"from": ref.node, "part": ref.part, "to": node.name, "place": place},
                **(_plain(graph.flows.get((node.name, place))) or {}),
            }
            for node in graph
            for place, ref in enumerate(node.refs)
        ],
        "outputs": [asdict(ref) for ref in graph.outputs],
        "modules": dict(graph.modules),
        "of": graph.of,
        "notes": list(graph.notes),
    }


def _node_data(node: Node) -> dict[str, Any]:
    words = ("name", "op", "text", "latex", "dtype", "module", "scope", "line", "parameters")
    return {
        **{word: getattr(node, word) for word in words},
        "shape": list(node.shape),
        "inputs": [asdict(ref) for ref in node.refs],
        "value": _plain(node.value),
        "gradient": _plain(node.gradient),
        "forward": _plain(node.forward),
        "backward": _plain(node.backward),
    }


def _plain(record: Summary | Cost | Flow | None) -> dict[str, Any] | None:
    """Its fields by name; of a whole tensor that was kept, the entries, where they are few."""
    if record is None:
        return None
    kept = getattr(record, "tensor", None)
    listed = {"entries": _listed(kept)} if kept is not None and kept.dim() and kept.numel() <= MOST_LISTED else {}
    values = {field.name: getattr(record, field.name) for field in fields(record) if field.name != "tensor"}
    return {name: _listed(value) for name, value in values.items()} | listed


def _listed(value: Any) -> Any:
    if isinstance(value, Tensor | list):
        return [_listed(part) for part in (value.tolist() if isinstance(value, Tensor) else value)]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


RENDERERS.update(dot=to_dot, mermaid=to_mermaid, json=to_json)
