"""What other programs read of a graph."""

import json
import math
import re
from dataclasses import replace

import pytest

from graphs import chain, convolutional, graph_of, number, random_graph, residual, seed_example
from profundo.graph.drawings.formats import to_dot, to_json, to_mermaid
from profundo.graph.nodes import Flow, Node, Ref

GRAPHS = {
    "seed": seed_example(),
    "convolutional": convolutional(),
    "residual": residual(),
    "chain": chain(100),
    "random": random_graph(60, 2),
    "nothing": graph_of([], []),
    "words for sizes": graph_of([Node("x", "input", shape=("batch", 3), dtype="int64")], ["x"], notes=("unseen",)),
    "not finite": graph_of(
        [Node("x", "input", value=number(math.nan)), Node("y", "exp", args=(Ref("x", 1),), value=number(-math.inf))],
        ["y"],
        flows={("y", 0): Flow(math.inf, math.nan)},
    ),
}
HOSTILE = (
    '"; } digraph evil { "',
    "<script>alert(1)</script>",
    "]]>\n--> end\nsubgraph x",
    'a\\"b\\',
    "é 数 \x00",
    "`$(id)`",
    "end",
)


@pytest.mark.parametrize("name", GRAPHS)
def test_json_holds_every_node_edge_and_figure(name):
    graph = GRAPHS[name]
    data = json.loads(json.dumps(to_json(graph), allow_nan=False))
    assert [(node["name"], node["op"], tuple(node["shape"])) for node in data["nodes"]] == [
        (node.name, node.op, node.shape) for node in graph
    ]
    edges = [(edge["from"], edge["part"], edge["to"], edge["place"]) for edge in data["edges"]]
    assert edges == [(ref.node, ref.part, node.name, at) for node in graph for at, ref in enumerate(node.refs)]
    assert [(output["node"], output["part"]) for output in data["outputs"]] == [(r.node, r.part) for r in graph.outputs]
    assert (data["of"], data["modules"], data["notes"]) == (graph.of, dict(graph.modules), list(graph.notes))
    for node, held in zip(graph, data["nodes"], strict=True):
        assert (held["value"] is None) == (node.value is None)
        assert held["forward"]["flops"] == node.forward.flops
        if node.value is not None and math.isfinite(node.value.norm):
            assert (held["value"]["norm"], held["value"]["item"]) == (node.value.norm, node.value.item)


def test_json_tells_what_is_not_finite_in_words():
    node, other = to_json(GRAPHS["not finite"])["nodes"]
    assert node["value"]["item"] == "nan"
    assert other["value"]["item"] == "-inf"


def hostile_graph(name):
    nodes = [Node(name, "input", text=name), Node("y", name, args=(Ref(name),), module="m", scope=name, text=name)]
    return graph_of(nodes, ["y"], modules={"": name, "m": name})


DOT_LINE = re.compile(
    r'digraph computation \{|\}|rankdir="LR";|node \[fontname="sans-serif"\];|subgraph cluster_\d+ \{ label="([^"\\\n]|\\.)*";'
    r'|n\d+ \[label="([^"\\\n]|\\.)*", shape=\w+(, style="rounded")?\];|n\d+ -> n\d+( \[label="[^"\\]*"\])?;  // input \d+'
)
MERMAID_LINE = re.compile(
    r'flowchart LR|end|subgraph p\d+\["[^"\n]*"\]|n\d+(\(\[|\(\(|\[)"[^"\n]*"(\]\)|\)\)|\])|n\d+ -->(\|"[^"]*"\|)? n\d+'
)


@pytest.mark.parametrize("graph", [*GRAPHS.values(), *map(hostile_graph, HOSTILE)], ids=[*GRAPHS, *map(ascii, HOSTILE)])
def test_dot_and_mermaid_have_nothing_but_their_own_statements(graph):
    for line in to_dot(graph).splitlines():
        assert DOT_LINE.fullmatch(line.strip()), line
    for line in to_mermaid(graph).splitlines():
        assert MERMAID_LINE.fullmatch(line.strip()), line


@pytest.mark.parametrize("name", GRAPHS)
def test_dot_and_mermaid_have_every_node_and_every_use(name):
    graph = GRAPHS[name]
    uses = sum(len(node.inputs) for node in graph)
    for text, look in ((to_dot(graph), r"^ *n\d+ \[label"), (to_mermaid(graph), r"^ *n\d+[(\[]")):
        assert len(re.findall(look, text, re.MULTILINE)) == len(graph)
        assert len(re.findall(r"^ *n\d+ -+>", text, re.MULTILINE)) == uses
        assert text.count("subgraph") == len(re.findall(r"^ *(?:end|\})$", text, re.MULTILINE)) - (
            text.startswith("digraph")
        )


def test_modules_are_clusters_in_clusters():
    dot = to_dot(convolutional())
    assert 'label="features: Sequential";' in dot
    assert dot.index('label="features: Sequential"') < dot.index('label="features.0: Conv2d"')


def test_what_edges_carry_is_in_all_three():
    graph = replace(seed_example(), flows={("f", 0): Flow(0.125)})
    assert 'label="0.125"' in to_dot(graph)
    assert '|"0.125"|' in to_mermaid(graph)
    edge = next(edge for edge in to_json(graph)["edges"] if (edge["from"], edge["to"]) == ("u", "f"))
    assert edge["gradient"] == 0.125
