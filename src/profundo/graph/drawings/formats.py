"""A graph for other programs: Graphviz DOT, Mermaid, and JSON."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

from profundo.graph.drawings.folding import Part, parts_of
from profundo.graph.nodes import GIVEN, RENDERERS, Cost, Flow, Graph, Node, Summary

__all__ = ["to_dot", "to_json", "to_mermaid"]

VERSION = 1
SHAPES = {"input": "box", "constant": "plaintext", "parameter": "box", "buffer": "box", "shared": "box"}


# ---------------------------------------------------------------------------------------------------------------------
# Graphviz and Mermaid


def to_dot(graph: Graph) -> str:
    """Graphviz: modules and calls as clusters, nodes with name, operation and shape, edges with their gradient."""
    known = {name: f"n{at}" for at, name in enumerate(graph.nodes)}
    lines = ["digraph computation {", '  rankdir="LR";', '  node [fontname="sans-serif"];']
    number = Counter[str]()

    def write(part: Part, indent: str) -> None:
        for inner in part.parts:
            if isinstance(inner, Part):
                number["cluster"] += 1
                lines.append(f"{indent}subgraph cluster_{number['cluster']} {{")
                lines.append(f"{indent}  label={_dot(_titled(inner))};")
                write(inner, indent + "  ")
                lines.append(f"{indent}}}")
            else:
                lines.append(f"{indent}{known[inner]} {_dot_look(graph.nodes[inner])};")

    write(parts_of(graph), "  ")
    lines += [f"  {known[node.name]} {_dot_look(node)};" for node in graph if node.op in GIVEN]
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
    lines = ["flowchart LR"]
    number = Counter[str]()

    def write(part: Part, indent: str) -> None:
        for inner in part.parts:
            if isinstance(inner, Part):
                number["part"] += 1
                lines.append(f"{indent}subgraph p{number['part']}[{_mermaid(_titled(inner))}]")
                write(inner, indent + "  ")
                lines.append(f"{indent}end")
            else:
                lines.append(indent + _mermaid_look(known[inner], graph.nodes[inner]))

    write(parts_of(graph), "  ")
    lines += ["  " + _mermaid_look(known[node.name], node) for node in graph if node.op in GIVEN]
    for source, target, _, flow in _edges(graph):
        arrow = "-->" if flow.gradient is None else f"-->|{_mermaid(f'{flow.gradient:.4g}')}|"
        lines.append(f"  {known[source]} {arrow} {known[target]}")
    return "\n".join(lines) + "\n"


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
                **_flow_data(graph.flows.get((node.name, place))),
            }
            for node in graph
            for place, ref in enumerate(node.refs)
        ],
        "outputs": [{"node": ref.node, "part": ref.part} for ref in graph.outputs],
        "modules": dict(graph.modules),
        "of": graph.of,
        "notes": list(graph.notes),
    }


def _node_data(node: Node) -> dict[str, Any]:
    words = ("name", "op", "text", "latex", "dtype", "module", "scope", "line", "parameters")
    return {
        **{word: getattr(node, word) for word in words},
        "shape": list(node.shape),
        "inputs": [{"node": ref.node, "part": ref.part} for ref in node.refs],
        "value": _summary_data(node.value),
        "gradient": _summary_data(node.gradient),
        "forward": _cost_data(node.forward),
        "backward": _cost_data(node.backward),
    }


def _summary_data(summary: Summary | None) -> dict[str, Any] | None:
    if summary is None:
        return None
    numbers = ("minimum", "maximum", "mean", "std", "norm", "item")
    return {**{word: _number(getattr(summary, word)) for word in numbers}, "bad": summary.bad}


def _cost_data(cost: Cost) -> dict[str, Any]:
    return {"flops": cost.flops, "bytes": cost.bytes, "seconds": _number(cost.seconds)}


def _flow_data(flow: Flow | None) -> dict[str, Any]:
    if flow is None:
        return {}
    return {"gradient": _number(flow.gradient), "local": _number(flow.local), "rule": flow.rule, "latex": flow.latex}


def _number(value: float | None) -> float | str | None:
    if value is None or math.isfinite(value):
        return value
    return str(float(value))


RENDERERS.update(dot=to_dot, mermaid=to_mermaid, json=to_json)
