"""What stands in a picture of a graph, read from the SVG itself."""

import math
import re
from dataclasses import replace
from itertools import combinations
from xml.etree import ElementTree

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphs import chain, convolutional, graph_of, number, random_graph, residual, seed_example, some
from profundo.graph.drawings.drawing import arranged, draw
from profundo.graph.drawings.faces import shortened, text_width
from profundo.graph.nodes import Flow, Node, Ref, Summary
from profundo.pictures.safety import is_drawing
from profundo.records import ProfundoError

SVG = "{http://www.w3.org/2000/svg}"


def words(svg):
    """Every text that is drawn, tooltips left out."""
    return ["".join(text.itertext()) for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def titles(svg):
    return [title.text for title in ElementTree.fromstring(svg).iter(f"{SVG}title")]


def lines(svg):
    """Of each edge: tooltip and width."""
    found = {}
    for group in ElementTree.fromstring(svg).iter(f"{SVG}g"):
        path = group.find(f"{SVG}path")
        if path is not None:
            found[group.find(f"{SVG}title").text.split("\n")[0]] = float(path.get("stroke-width"))
    return found


GRAPHS = {
    "seed": seed_example(),
    "seed without values": seed_example(values=False),
    "convolutional": convolutional(),
    "residual": residual(),
    "chain": chain(200),
    "one node": graph_of([Node("x", "input", shape=(3,))], ["x"]),
    "nothing": graph_of([], []),
    "no outputs": graph_of([Node("x", "input"), Node("y", "exp", args=(Ref("x"),))], []),
    "disconnected": graph_of([Node(f"x{at}", "input") for at in range(7)], ["x0"]),
    "random": random_graph(60, 1),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_every_picture_is_a_drawing_and_always_the_same(name):
    svg = draw(GRAPHS[name])
    assert is_drawing(svg)
    assert svg == draw(GRAPHS[name])
    assert 'role="img"' in svg
    assert "NaN" not in svg
    assert "nan" not in re.sub(r"<title>.*?</title>", "", svg, flags=re.DOTALL)


def test_the_classic_example_shows_operations_values_gradients_and_local_derivatives():
    drawn = words(draw(seed_example()))
    for value in ("5", "3", "8", "9", "72"):
        assert value in drawn
    for gradient in ("9", "33", "8", "1"):
        assert gradient in drawn
    for formula in ("u = a + b", "v = 3·b", "f = u·v", "v = 9", "u = 8"):
        assert formula in drawn
    assert drawn.count("×") == 2
    assert drawn.count("+") == 1


def test_the_classic_example_has_inputs_at_the_left_and_the_output_at_the_right():
    layout = arranged(seed_example()).layout
    x = {name.removeprefix("node "): rect.x + rect.width / 2 for name, rect in layout.boxes.items()}
    assert max(x["a"], x["b"], x["three"]) < min(x["u"], x["v"])
    assert max(x["u"], x["v"]) < x["f"]


def test_values_stand_above_and_gradients_below():
    root = ElementTree.fromstring(draw(seed_example()))
    group = next(
        g for g in root.iter(f"{SVG}g") if (t := g.find(f"{SVG}title")) is not None and t.text.startswith("f: mul")
    )
    at = {text.text: float(text.get("y")) for text in group.iter(f"{SVG}text")}
    assert at["72"] < at["×"] < at["1"]
    colours = {text.text: text.get("fill") for text in group.iter(f"{SVG}text")}
    assert colours["72"] != colours["1"]


def test_an_edge_is_as_wide_as_the_logarithm_of_its_gradient():
    graph = chain(4)
    names = list(graph.nodes)
    flows = {(names[at], 0): Flow(10.0 ** (at - 2)) for at in range(1, 5)}
    gradients = {name: replace(node, gradient=some(0, 1)) for name, node in graph.nodes.items()}
    wide = list(lines(draw(replace(graph, nodes=gradients, flows=flows))).values())
    steps = [other - one for one, other in zip(sorted(wide), sorted(wide)[1:], strict=False)]
    assert steps == pytest.approx([5 / 3] * 3, abs=0.11)  # written with one decimal
    assert (min(wide), max(wide)) == (1.2, 6.2)


def test_a_folded_module_shows_class_name_shape_and_parameters():
    drawn = words(draw(convolutional()))
    for word in ("Conv2d", "features.0", "156\u00a0parameters", "Linear", "48,120\u00a0parameters"):
        assert word in drawn
    assert "1 × 6 × 28 × 28" in drawn
    assert any(word.startswith("LeNet5") and "61,706 parameters" in word for word in drawn)
    assert not any("weight" in word for word in drawn)


def test_the_legend_names_what_gradients_are_of_as_the_picture_does():
    from profundo.graph.traces.tracing import trace

    net, x, labels = (
        torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh()),
        torch.randn(4, 2),
        torch.zeros(4).long(),
    )
    graph = trace(net, x, cost=lambda y: torch.nn.functional.cross_entropy(y, labels))
    assert "gradient of cross_entropy" in " ".join(words(draw(graph, depth=1)))
    assert "gradient of nll_loss" in " ".join(words(draw(graph, depth=2)))
    assert "gradient of the sum of 1" in " ".join(words(draw(trace(net, x), depth=1)))


def test_an_opened_module_is_a_frame_with_its_name_and_class():
    folded, opened = words(draw(residual(), depth=1)), words(draw(residual(), depth=1, open=("layer1.1",)))
    assert not any("BasicBlock" in word for word in folded)
    assert any(re.fullmatch(r"layer1\.1\s+BasicBlock", word) for word in opened)
    assert opened.count("Conv2d") == folded.count("Conv2d") + 2
    assert "relu (call 2)" in opened


def test_tooltips_tell_everything():
    told = "\n".join(titles(draw(seed_example())))
    for fact in ("u: add", "formula: a + b", "line: seed.py:3", "float64", "value: 72", "gradient: 33", "a → u"):
        assert fact in told
    told = "\n".join(titles(draw(convolutional())))
    assert "120\u00a0k\u00a0FLOPs" in told
    assert "features.0.weight" in "\n".join(titles(draw(convolutional(), open=("features.0",))))


def test_what_is_not_finite_is_shown_in_the_colour_of_warnings():
    nodes = [
        Node("b", "input", shape=(3,), value=some(1, 2)),
        Node(
            "s",
            "log",
            args=(Ref("b"),),
            shape=(3,),
            value=Summary(0, 0, 0, 0, 0, 3),
            gradient=Summary(0, 0, 0, 0, 0, 2),
        ),
        Node("t", "sum", args=(Ref("s"),), value=number(math.nan), gradient=number(math.inf)),
    ]
    svg = draw(graph_of(nodes, ["t"], flows={("s", 0): Flow(math.nan), ("t", 0): Flow(math.inf)}))
    assert is_drawing(svg)
    root = ElementTree.fromstring(svg)
    colours = {text.text: text.get("fill") for text in root.iter(f"{SVG}text")}
    for word in ("3 not finite", "2 not finite", "NaN", "∞"):
        assert "--curve-7" in colours[word]


def test_two_edges_between_the_same_nodes_are_both_drawn():
    graph = graph_of([Node("b", "input"), Node("s", "mul", args=(Ref("b"), Ref("b")), text="b·b")], ["s"])
    assert draw(graph).count("<polygon") == 2


def test_a_thousand_nodes_are_a_few_boxes():
    assert "50 operations" in words(draw(chain(1_000)))


def test_an_output_of_several_parts_is_one_node_with_an_edge_for_each():
    nodes = [Node("x", "input", shape=(4,)), Node("split", "split", args=(Ref("x"),), shape=(2,))]
    nodes.append(Node("add", "add", args=(Ref("split", 0), Ref("split", 1)), shape=(2,)))
    assert draw(graph_of(nodes, ["add"])).count("<polygon") == 3


HOSTILE = (
    "<script>alert(1)</script>",
    'a" onload="x',
    "url(javascript:0)",
    "<!DOCTYPE x>",
    "]]>",
    "@import",
    "&amp;\x00\ud800",
    "数学 é",
)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_words_and_nothing_else(name):
    node = Node(name, "input", text=name, line=name, shape=(name[:9],))
    other = Node("y", name, args=(Ref(name),), module=name.replace(".", ""), scope=name, text=name)
    graph = graph_of([node, other], ["y"], modules={"": name, name.replace(".", ""): name}, of="y")
    svg = draw(graph, depth=9)
    assert is_drawing(svg)
    svg.encode()
    if name.isprintable() and len(name) < 20:
        assert any(name in word for word in words(svg))


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_gives_a_drawing(name, op):
    assert is_drawing(draw(graph_of([Node(name, op, text=op, module=op)], [name], modules={"": name})))


@pytest.mark.parametrize("name", ["seed", "convolutional", "residual", "random"])
def test_text_fits_its_box_and_covers_no_other(name):
    scene = arranged(GRAPHS[name])
    for box, face in scene.faces.items():
        assert max(line.width for line in face.inside) <= face.core[0]
        assert sum(line.height for line in face.inside) <= face.core[1]
        for line in (*face.above, *face.below):
            assert line.width <= scene.layout.boxes[box].width + 1e-6
    rects = scene.layout.boxes.values()
    assert all(
        one.x + one.width <= other.x + 1e-6
        or other.x + other.width <= one.x + 1e-6
        or one.y + one.height <= other.y + 1e-6
        or other.y + other.height <= one.y + 1e-6
        for one, other in combinations(rects, 2)
    )


def test_widths_of_text_are_not_below_those_of_a_wide_font():
    font = pytest.importorskip("PIL.ImageFont")
    try:
        deja = font.truetype("DejaVuSans.ttf", 100)
    except OSError:
        pytest.skip("DejaVu Sans is not installed")
    texts = (
        "features.0.conv1",
        "1 × 16 × 10 × 10",
        "−0.0429 ± 0.992",
        "48,120 parameters",
        "AdaptiveAvgPool2d",
        "MultiheadAttention",
    )
    for text in texts:
        assert 0.97 * deja.getlength(text) <= text_width(text, 100) <= 1.2 * deja.getlength(text)


def test_long_names_lose_their_middle():
    short = shortened("encoder.layers.11.self_attention.query_projection.weight", 12, 150)
    assert text_width(short, 12, bold=True) <= 150
    assert short.startswith("encoder")
    assert short.endswith("weight")
    assert "…" in short


def test_a_picture_too_wide_for_its_place_is_scrolled_before_its_letters_vanish():
    least, shown = re.compile(r"min-width:(\d+)px"), re.compile(r' width="([\d.]+)"')
    assert not least.search(draw(seed_example()))
    wide = draw(residual(stages=12), depth=3)
    assert float(least.search(wide)[1]) == pytest.approx(float(shown.search(wide)[1]) / 2, abs=1)


def test_a_part_that_there_is_not_is_named():
    with pytest.raises(ProfundoError, match="no part 'nowhere'"):
        draw(seed_example(), open=("nowhere",))


def test_a_trace_of_a_network_can_be_drawn():
    from profundo.graph.traces.tracing import trace

    net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1))
    svg = draw(trace(net, torch.randn(4, 2)))
    assert is_drawing(svg)
    assert words(svg).count("Linear") == 2
    assert "9\u00a0parameters" in words(svg)


class Deep(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.ModuleList(torch.nn.Linear(4, 4) for _ in range(40))

    def forward(self, x):
        for layer in self.layers:
            x = torch.tanh(layer(x))
        return x


def test_a_net_of_forty_layers_is_drawn_by_stretches_of_whole_layers_with_their_names():
    from profundo.graph.traces.tracing import trace

    scene = arranged(trace(Deep(), torch.randn(2, 4), cost=lambda y: y.square().mean()))
    shown = words(draw(scene.graph))
    first, *others = [word for word in shown if word.startswith("layers.")]
    assert first == "layers.0 … layers.2"
    assert len(others) == 12
    assert shown.count("Linear ×3, tanh ×3") == 13
    assert float(re.search('viewBox="0 0 ([0-9.]+)', draw(scene.graph))[1]) <= 1280


def test_checks_of_distributions_are_left_out_and_what_is_made_of_nothing_is_a_constant():
    from profundo.graph.traces.tracing import trace

    def divergence(x):
        near = torch.distributions.Normal(x, x.exp(), validate_args=True)  # whatever the compiler has set by default
        far = torch.distributions.Normal(torch.zeros(2), torch.ones(2), validate_args=True)
        return torch.distributions.kl_divergence(near, far).sum()

    graph = trace(divergence, torch.randn(3, 2))
    assert {"all", "is_all_true"} & {node.op for node in graph}
    drawn = arranged(graph).graph
    assert not {"all", "is_all_true", "eq", "gt"} & {node.op for node in drawn}
    assert {node.name for node in drawn if node.op == "constant"} == {"zeros", "ones"}
    kept = {node.name for node in graph if node.gradient is not None}
    assert kept <= {node.name for node in drawn}, "all that a gradient passes through is drawn"


def test_a_truth_value_that_leads_to_the_result_or_is_one_is_drawn():
    from profundo.graph.traces.tracing import trace

    chosen = arranged(trace(lambda x: torch.where(x > 0, x, 0 * x), torch.randn(3))).graph
    assert "gt" in {node.op for node in chosen}
    returned = arranged(trace(lambda x: (x.sum(), x > 0), torch.randn(3))).graph
    assert "gt" in {node.op for node in returned}
