"""A graph for other programs: Graphviz DOT, Mermaid, and JSON, which can be read back for drawing.

JSON is what a browser reads. Reading it never runs, imports or looks up what it names: a graph from a file can be drawn
but not computed, and whatever is not as expected is an error of one line.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from profundo.graph.drawings.drawing import arranged
from profundo.graph.drawings.folding import Part, parts_of
from profundo.graph.nodes import GIVEN, RENDERERS, Cost, Flow, Graph, Node, Ref, Summary
from profundo.records import ProfundoError

__all__ = ["VERSION", "from_json", "to_dot", "to_json", "to_mermaid"]

VERSION = 1
MOST_NODES, MOST_EDGES, LONGEST = 20_000, 100_000, 20_000
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
    plain = set(" .,:+-×_/=")
    written = "".join(
        "<br/>" if letter == "\n" else letter if letter.isalnum() or letter in plain else f"#{ord(letter)};"
        for letter in text
    )
    return f'"{written}"'


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


def to_json(graph: Graph, *, layout: bool = False) -> dict[str, Any]:
    """The graph as plain data that JSON can hold; numbers that are not finite are the words "nan", "inf" and "-inf".

    layout: with the boxes, frames and lines of `draw(graph)`, in pixels.
    """
    whole: dict[str, Any] = {
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
    return {**whole, "layout": _layout_data(graph)} if layout else whole


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
    return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"


def _layout_data(graph: Graph) -> dict[str, Any]:
    scene = arranged(graph)
    placed = scene.layout
    return {
        "direction": placed.direction,
        "width": placed.width,
        "height": placed.height,
        "boxes": [
            {"nodes": list(box.nodes), "beside": list(box.beside), "part": box.part.key if box.part else None,
             "rect": list(placed.boxes[name])}
            for name, box in scene.view.boxes.items()
        ],
        "frames": [
            {"part": key, "title": part.title, "rect": list(placed.frames[f"frame {key}"])}
            for key, (part, _) in scene.view.frames.items()
        ],
        "lines": [
            {"uses": [list(use) for use in uses], "points": [list(point) for point in route]}
            for uses, route in zip(scene.view.edges.values(), placed.routes, strict=True)
        ],
    }  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------------
# Reading JSON that somebody else wrote


Text = Annotated[str, Field(max_length=LONGEST)]
Name = Annotated[str, Field(min_length=1, max_length=1_000)]
Whole = Annotated[int, Field(ge=0, le=10**18)]
Number = Annotated[float, Field(allow_inf_nan=True)]
Figure = Number | Annotated[str, Field(pattern="^(nan|inf|-inf)$")] | None
Size = Annotated[int, Field(ge=0, le=10**18)] | Annotated[str, Field(max_length=200)]


class Read(BaseModel):
    """Takes the types that it names and no others; what it does not know, it refuses."""

    model_config = ConfigDict(strict=True, extra="forbid")


class RefRead(Read):
    node: Name
    part: Annotated[int, Field(ge=0, le=1_000_000)] | None = None


class SummaryRead(Read):
    minimum: Figure
    maximum: Figure
    mean: Figure
    std: Figure
    norm: Figure
    item: Figure = None
    bad: Whole = 0


class CostRead(Read):
    flops: Whole = 0
    bytes: Whole = 0
    seconds: Figure = 0.0


class NodeRead(Read):
    name: Name
    op: Annotated[str, Field(max_length=1_000)]
    text: Text = ""
    latex: Text = ""
    dtype: Annotated[str, Field(max_length=100)] = ""
    module: Annotated[str, Field(max_length=1_000)] = ""
    scope: Annotated[str, Field(max_length=1_000)] = ""
    line: Annotated[str, Field(max_length=1_000)] = ""
    parameters: Whole = 0
    shape: Annotated[list[Size], Field(max_length=64)] = []
    inputs: Annotated[list[RefRead], Field(max_length=10_000)] = []
    value: SummaryRead | None = None
    gradient: SummaryRead | None = None
    forward: CostRead = CostRead()
    backward: CostRead = CostRead()


class EdgeRead(Read):
    source: Annotated[Name, Field(alias="from")]
    part: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    to: Name
    place: Annotated[int, Field(ge=0, le=10_000)]
    gradient: Figure = None
    local: Figure = None
    rule: Text = ""
    latex: Text = ""


class GraphRead(Read):
    version: int
    nodes: Annotated[list[NodeRead], Field(max_length=MOST_NODES)]
    edges: Annotated[list[EdgeRead], Field(max_length=MOST_EDGES)] = []
    outputs: Annotated[list[RefRead], Field(max_length=MOST_NODES)] = []
    modules: Annotated[dict[str, Text], Field(max_length=MOST_NODES)] = {}
    of: Annotated[str, Field(max_length=1_000)] = ""
    notes: Annotated[list[Text], Field(max_length=1_000)] = []
    layout: Any = None  # made anew when the graph is drawn


def from_json(data: object) -> Graph:
    """A graph for drawing from what `to_json` gave; it cannot be run.

    Raises ProfundoError for what is not such a graph: types, sizes, names without a node, circles, another version.
    """
    read = _validated(data)
    if read.version != VERSION:
        raise ProfundoError(f"graph as JSON: expected version {VERSION}, got {str(read.version)[:20]}")
    nodes: dict[str, Node] = {}
    for one in read.nodes:
        if one.name in nodes:
            raise ProfundoError(f"graph as JSON: two nodes are called {_brief(one.name)}")
        nodes[one.name] = _node_of(one)
    ordered = _in_order(nodes)
    _check_names(read, nodes)
    flows = {(edge.to, edge.place): _flow_of(edge) for edge in read.edges if edge.model_fields_set & _FLOW}
    outputs = tuple(Ref(ref.node, ref.part) for ref in read.outputs)
    return Graph(ordered, outputs, read.of, flows, read.modules, tuple(read.notes))


_FLOW = {"gradient", "local", "rule", "latex"}


def _validated(data: object) -> GraphRead:
    if not isinstance(data, Mapping):
        raise ProfundoError(f"graph as JSON: expected an object with nodes and edges, got {type(data).__name__}")
    try:
        return GraphRead.model_validate(dict(data))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(_brief(str(part), quoted=False) for part in first["loc"][:6])
        raise ProfundoError(f"graph as JSON: {where}: {' '.join(first['msg'].split())[:200]}") from None
    except (RecursionError, ValueError, OverflowError, TypeError):
        raise ProfundoError("graph as JSON: a value in it is too large or too deeply nested") from None


def _brief(name: str, *, quoted: bool = True) -> str:
    short = name if len(name) <= 60 else f"{name[:59]}…"
    return ascii(short) if quoted or not short.isprintable() else short


def _node_of(one: NodeRead) -> Node:
    return Node(
        one.name,
        one.op,
        args=tuple(Ref(ref.node, ref.part) for ref in one.inputs),
        shape=tuple(one.shape),
        value=_summary_of(one.value),
        gradient=_summary_of(one.gradient),
        forward=Cost(one.forward.flops, one.forward.bytes, _figure(one.forward.seconds)),
        backward=Cost(one.backward.flops, one.backward.bytes, _figure(one.backward.seconds)),
        **{word: getattr(one, word) for word in ("text", "latex", "dtype", "module", "scope", "line", "parameters")},
    )


def _summary_of(one: SummaryRead | None) -> Summary | None:
    if one is None:
        return None
    return Summary(
        _figure(one.minimum),
        _figure(one.maximum),
        _figure(one.mean),
        _figure(one.std),
        _figure(one.norm),
        one.bad,
        None if one.item is None else _figure(one.item),
    )


def _flow_of(edge: EdgeRead) -> Flow:
    gradient, local = (None if figure is None else _figure(figure) for figure in (edge.gradient, edge.local))
    return Flow(gradient, local, edge.rule, edge.latex)


def _figure(value: float | str | None) -> float:
    return float("nan") if value is None else float(value)


def _in_order(nodes: Mapping[str, Node]) -> dict[str, Node]:
    """The nodes as they are, which must be an order in which they can be computed."""
    seen: set[str] = set()
    for node in nodes.values():
        for name in node.inputs:
            if name not in nodes:
                raise ProfundoError(
                    f"graph as JSON: {_brief(node.name)} has the input {_brief(name)}, which is no node"
                )
            if name not in seen:
                raise ProfundoError(
                    f"graph as JSON: {_brief(node.name)} comes before its input {_brief(name)}: a circle, or out of order"
                )
        seen.add(node.name)
        if node.op in GIVEN and node.inputs:
            raise ProfundoError(f"graph as JSON: {_brief(node.name)} is given ({node.op}) and cannot have inputs")
    if sum(len(node.inputs) for node in nodes.values()) > MOST_EDGES:
        raise ProfundoError(f"graph as JSON: expected at most {MOST_EDGES:,} inputs in all")
    return dict(nodes)


def _check_names(read: GraphRead, nodes: Mapping[str, Node]) -> None:
    for ref in read.outputs:
        if ref.node not in nodes:
            raise ProfundoError(f"graph as JSON: the output {_brief(ref.node)} is no node")
    if read.of and read.of not in nodes:
        raise ProfundoError(f"graph as JSON: gradients of {_brief(read.of)}, which is no node")
    for edge in read.edges:
        target = nodes.get(edge.to)
        if target is None or not _is_input(target.refs, edge):
            raise ProfundoError(
                f"graph as JSON: the edge {_brief(edge.source)} → {_brief(edge.to)} is not input {edge.place} of that node"
            )


def _is_input(refs: Sequence[Ref], edge: EdgeRead) -> bool:
    return edge.place < len(refs) and refs[edge.place] == Ref(edge.source, edge.part)


RENDERERS.update(dot=to_dot, mermaid=to_mermaid, json=to_json)
