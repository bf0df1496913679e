"""What other programs read of a graph, and what is refused when others wrote it."""

import copy
import json
import math
import re
from contextlib import suppress
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphs import chain, convolutional, graph_of, number, random_graph, residual, seed_example
from profundo.graph.drawings.drawing import draw
from profundo.graph.drawings.formats import from_json, to_dot, to_json, to_mermaid
from profundo.graph.nodes import Flow, Node, Ref
from profundo.graph.running import run
from profundo.pictures.safety import is_drawing
from profundo.records import ProfundoError

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
@pytest.mark.parametrize("layout", [False, True])
def test_json_holds_the_graph_and_gives_it_back(name, layout):
    graph = GRAPHS[name]
    text = json.dumps(to_json(graph, layout=layout), allow_nan=False)
    again = from_json(json.loads(text))
    assert to_json(again) == to_json(graph)
    assert draw(again) == draw(graph)
    assert list(again.nodes) == list(graph.nodes)
    assert [node.refs for node in again] == [node.refs for node in graph]
    assert again.outputs == graph.outputs
    assert (again.of, dict(again.modules), again.notes) == (graph.of, dict(graph.modules), graph.notes)
    if name != "not finite":  # NaN is unequal to itself
        assert again.flows == dict(graph.flows)
        assert [(node.value, node.gradient, node.forward) for node in again] == [
            (node.value, node.gradient, node.forward) for node in graph
        ]


def test_json_tells_what_is_not_finite_in_words():
    node, other = to_json(GRAPHS["not finite"])["nodes"]
    assert node["value"]["item"] == "nan"
    assert other["value"]["item"] == "-inf"


def test_json_with_a_layout_places_every_node_once_and_every_line():
    data = to_json(convolutional(), layout=True)
    placed = [name for box in data["layout"]["boxes"] for name in (*box["nodes"], *box["beside"])]
    assert sorted(placed) == sorted(node["name"] for node in data["nodes"])
    assert all(len(line["points"]) >= 2 and line["uses"] for line in data["layout"]["lines"])
    assert {frame["part"] for frame in data["layout"]["frames"]} == {"features", "classifier"}


def test_a_graph_that_was_read_cannot_be_run():
    a, b = torch.tensor(5.0), torch.tensor(3.0)
    graph = from_json(to_json(seed_example()))
    assert all(node.call is None for node in graph)
    with pytest.raises(ProfundoError, match="has no value"):
        run(graph, a, b)


def test_a_trace_survives_json():
    from profundo.graph.traces.tracing import trace

    graph = trace(torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.ReLU()), torch.randn(1, 1, 6, 6))
    again = from_json(json.loads(json.dumps(to_json(graph), allow_nan=False)))
    assert draw(again, depth=3) == draw(graph, depth=3)


def changed(**changes):
    data = to_json(seed_example())
    return {**data, **changes}


def with_node(at, **changes):
    data = to_json(seed_example())
    data["nodes"][at] |= changes
    return data


def deep(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


REFUSED = {
    "no object": ([1, 2], "expected an object"),
    "nothing": (None, "expected an object"),
    "text": ('{"version": 1}', "expected an object"),
    "empty": ({}, "version: Field required"),
    "another version": (changed(version=2), "expected version 1, got 2"),
    "version as text": (changed(version="1"), "version"),
    "nodes as a map": (changed(nodes={}), "nodes"),
    "a number for a name": (with_node(0, name=5), "nodes.0.name"),
    "no name": (with_node(0, name=""), "nodes.0.name"),
    "a long name": (with_node(0, name="x" * 2000), "nodes.0.name"),
    "two of one name": (with_node(1, name="a"), "two nodes are called 'a'"),
    "an input that is no node": (with_node(3, inputs=[{"node": "zzz"}]), "'zzz', which is no node"),
    "its own input": (with_node(3, inputs=[{"node": "u"}]), "a circle"),
    "a later input": (with_node(3, inputs=[{"node": "f"}]), "a circle"),
    "a given node with inputs": (with_node(1, inputs=[{"node": "a"}]), "cannot have inputs"),
    "a negative size": (with_node(0, shape=[-1]), "nodes.0.shape"),
    "a size of half": (with_node(0, shape=[0.5]), "nodes.0.shape"),
    "a true size": (with_node(0, shape=[True]), "nodes.0.shape"),
    "a huge size": (with_node(0, shape=[10**400]), "nodes.0.shape"),
    "hundreds of dimensions": (with_node(0, shape=[1] * 500), "nodes.0.shape"),
    "text for a value": (with_node(0, value="5"), "nodes.0.value"),
    "a word for a number": (
        with_node(0, value={**to_json(seed_example())["nodes"][0]["value"], "mean": "many"}),
        "nodes.0.value",
    ),
    "a huge number": (
        with_node(0, value={**to_json(seed_example())["nodes"][0]["value"], "mean": 10**400}),
        "nodes.0.value|large",
    ),
    "negative parameters": (with_node(0, parameters=-1), "nodes.0.parameters"),
    "a field more": (with_node(0, call="os.system"), "nodes.0.call"),
    "a field more above": (changed(run="rm"), "run"),
    "an output that is no node": (changed(outputs=[{"node": "zzz"}]), "output 'zzz' is no node"),
    "gradients of no node": (changed(of="zzz"), "'zzz', which is no node"),
    "modules as a list": (changed(modules=["a"]), "modules"),
    "a class that is a number": (changed(modules={"a": 1}), "modules"),
    "an edge to no node": (changed(edges=[{"from": "a", "to": "zzz", "place": 0}]), "'zzz'"),
    "an edge that is not there": (changed(edges=[{"from": "b", "to": "u", "place": 0}]), "is not input 0"),
    "an edge beyond": (changed(edges=[{"from": "b", "to": "u", "place": 9}]), "is not input 9"),
    "too many nodes": (changed(nodes=[None] * 20_001), "at most 20000"),
    "too many inputs": (with_node(3, inputs=[{"node": "a"}] * 10_001), "nodes.3.inputs"),
    "notes that nest": (changed(notes=deep(50)), "notes"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_graph_is_refused_in_one_line(name):
    data, message = REFUSED[name]
    with pytest.raises(ProfundoError, match=message) as error:
        from_json(data)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_graph_damaged_anywhere_is_refused_or_drawn(data):
    junk = st.one_of(st.none(), st.integers(), st.floats(), st.text(max_size=5), st.just([]), st.just({}))
    whole = copy.deepcopy(to_json(seed_example()))
    at = whole
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(at[key], dict | list) or not at[key] or data.draw(st.booleans()):
            at[key] = data.draw(junk)
            break
        at = at[key]
    graph = seed_example()
    with suppress(ProfundoError):  # and nothing else
        graph = from_json(whole)
    assert is_drawing(draw(graph))


def hostile_graph(name):
    nodes = [Node(name, "input", text=name), Node("y", name, args=(Ref(name),), module="m", scope=name, text=name)]
    return graph_of(nodes, ["y"], modules={"": name, "m": name})


DOT_LINE = re.compile(
    r'digraph computation \{|\}|rankdir="LR";|node \[fontname="sans-serif"\];|subgraph cluster_\d+ \{|label="([^"\\\n]|\\.)*";'
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
