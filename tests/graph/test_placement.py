"""Whatever the graph: edges go forward, nothing overlaps, and frames hold what is theirs and nothing else."""

import math
from collections import Counter
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphs import chain, convolutional, graph_of, random_graph, residual, seed_example
from profundo.graph.drawings.coordinates import align
from profundo.graph.drawings.folding import MOST, folded, parts_of
from profundo.graph.drawings.layering import in_rows, layers
from profundo.graph.drawings.lines import components
from profundo.graph.drawings.ordering import ordered
from profundo.graph.drawings.placement import Box, Edge, Frame, Rect, layered
from profundo.graph.drawings.vertices import PASSING, Item, Link
from profundo.graph.nodes import GIVEN, Node, Ref
from profundo.records import ProfundoError


@st.composite
def drawings(draw):
    """Boxes in frames in frames; a frame's boxes are consecutive, and every edge goes to a later box."""
    count = draw(st.integers(1, 24))
    outer = sorted(draw(st.lists(st.integers(0, count), min_size=2, max_size=2)))
    inner = sorted(draw(st.lists(st.integers(*outer), min_size=2, max_size=2)))
    boxes = []
    for at in range(count):
        frame = "inner" if inner[0] <= at < inner[1] else "outer" if outer[0] <= at < outer[1] else ""
        size = (draw(st.integers(20, 150)), draw(st.integers(20, 80)))
        boxes.append(Box(f"b{at}", *size, (size[0] - draw(st.integers(0, 10)), size[1]), frame, draw(st.booleans())))
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)).filter(lambda pair: pair[0] != pair[1])
    edges = [Edge(f"b{min(pair)}", f"b{max(pair)}") for pair in draw(st.lists(pairs, max_size=40))] if count > 1 else []
    return boxes, edges, [Frame("outer", 90), Frame("inner", 120, "outer")]


def apart(one, other):
    return (
        one.x + one.width <= other.x + 1e-6
        or other.x + other.width <= one.x + 1e-6
        or one.y + one.height <= other.y + 1e-6
        or other.y + other.height <= one.y + 1e-6
    )


def within(inner, outer):
    return (
        outer.x - 1e-6 <= inner.x
        and outer.y - 1e-6 <= inner.y
        and inner.x + inner.width <= outer.x + outer.width + 1e-6
        and inner.y + inner.height <= outer.y + outer.height + 1e-6
    )


@settings(max_examples=40, deadline=None)
@given(drawings())
def test_nothing_overlaps_and_frames_hold_exactly_what_is_theirs(case):
    boxes, edges, frames = case
    layout = layered(boxes, edges, frames, room=(600, 400))
    assert all(apart(layout.boxes[one], layout.boxes[other]) for one, other in combinations(layout.boxes, 2))
    holds = {"inner": {"inner"}, "outer": {"inner", "outer"}}
    for name, frame in layout.frames.items():
        for box in boxes:
            rect = layout.boxes[box.name]
            assert within(rect, frame) if box.frame in holds[name] else apart(rect, frame)
    sheet = Rect(0, 0, layout.width, layout.height)
    assert all(within(rect, sheet) for rect in (*layout.boxes.values(), *layout.frames.values()))


@settings(max_examples=40, deadline=None)
@given(drawings())
def test_every_edge_goes_forward_from_the_edge_of_its_source_to_that_of_its_target(case):
    boxes, edges, frames = case
    layout = layered(boxes, edges, frames)
    for edge, route in zip(edges, layout.routes, strict=True):
        for box, (x, y) in ((layout.boxes[edge.source], route[0]), (layout.boxes[edge.target], route[-1])):
            assert box.x - 1e-6 <= x <= box.x + box.width + 1e-6
            assert box.y <= y <= box.y + box.height
        assert all(one[0] <= other[0] + 1e-6 for one, other in pairwise(route))


@settings(max_examples=40, deadline=None)
@given(drawings())
def test_edges_pass_no_other_box(case):
    boxes, edges, frames = case
    layout = layered(boxes, edges, frames)
    for edge, route in zip(edges, layout.routes, strict=True):
        for one, other in pairwise(route):  # a curve stays within the rectangle of its ends
            x, y = min(one[0], other[0]), min(one[1], other[1])
            piece = Rect(x, y, abs(one[0] - other[0]), abs(one[1] - other[1]))
            assert all(apart(piece, rect) for name, rect in layout.boxes.items() if name not in edge)


@settings(max_examples=30, deadline=None)
@given(drawings())
def test_every_edge_goes_to_a_later_layer(case):
    boxes, edges, _ = case
    at = layers([box.name for box in boxes], edges)
    assert min(at.values()) == 0
    assert all(at[edge.source] < at[edge.target] for edge in edges)


def test_what_serves_one_box_stands_just_before_it():
    edges = [("a", "b"), ("b", "c"), ("c", "d"), ("w", "t"), ("t", "d")]
    assert layers(["a", "b", "c", "d", "w", "t"], edges) == {"a": 0, "b": 1, "c": 2, "d": 3, "t": 2, "w": 1}


def box(name, frame=""):
    return Box(name, 40, 20, (40, 20), frame)


def test_a_chain_is_a_straight_line():
    boxes = [box(f"b{at}") for at in range(8)]
    layout = layered(boxes, [Edge(f"b{at}", f"b{at + 1}") for at in range(7)])
    assert len({rect.y for rect in layout.boxes.values()}) == 1


def test_two_inputs_of_one_box_stand_at_both_sides_of_it():
    layout = layered([box("a"), box("b"), box("f")], [Edge("a", "f"), Edge("b", "f")])
    middle = {name: rect.y + rect.height / 2 for name, rect in layout.boxes.items()}
    assert middle["f"] == pytest.approx((middle["a"] + middle["b"]) / 2)


def crossings(layout, edges):
    """Pairs of edges between the same two layers whose ends are in opposite order."""
    ends = [(layout.boxes[e.source], layout.boxes[e.target]) for e in edges]
    return sum((a.y - c.y) * (b.y - d.y) < 0 for (a, b), (c, d) in combinations(ends, 2) if a.x == c.x and b.x == d.x)


def test_crossings_that_can_be_avoided_are_avoided():
    names = [*"abcdef", *"uvwxyz"]
    edges = [Edge(one, other) for one, other in zip("abcdef", "zyxwvu", strict=True)]
    edges += [Edge("a", "y"), Edge("b", "x"), Edge("c", "w"), Edge("d", "v"), Edge("e", "u")]  # a zigzag
    assert crossings(layered([box(name) for name in names], edges), edges) == 0


def test_two_edges_between_the_same_boxes_are_two_lines():
    layout = layered([box("b"), box("s")], [Edge("b", "s"), Edge("b", "s")])
    assert layout.routes[0] != layout.routes[1]
    assert layout.routes[0][-1] != layout.routes[1][-1]


def test_a_long_chain_is_broken_into_lines_that_fit_the_page_better():
    boxes = [box(f"b{at}") for at in range(40)]
    edges = [Edge(f"b{at}", f"b{at + 1}") for at in range(39)]
    long, broken = layered(boxes, edges), layered(boxes, edges, room=(800, 450))
    assert long.width > 3000
    assert broken.width < 900
    assert broken.height < 500
    assert all(apart(one, other) for one, other in combinations(broken.boxes.values(), 2))
    for edge, route in zip(edges, broken.routes, strict=True):
        source, target = broken.boxes[edge.source], broken.boxes[edge.target]
        assert route[0] == pytest.approx((source.x + source.width, source.y + source.height / 2))
        assert route[-1] == pytest.approx((target.x, target.y + target.height / 2))


def test_parts_that_do_not_hang_together_stand_apart():
    boxes = [box(f"b{at}") for at in range(100)]
    layout = layered(boxes, [])
    assert all(apart(one, other) for one, other in combinations(layout.boxes.values(), 2))
    assert 0.5 < layout.width / layout.height < 6


def test_nothing_to_draw_has_no_extent():
    layout = layered([], [])
    assert (layout.width, layout.height, layout.boxes) == (0, 0, {})


# The steps, each by itself


def vertices(case):
    """The boxes of a case without their frames, as items and links."""
    boxes, edges, _ = case
    items = {f"box {b.name}": Item(f"box {b.name}", b.width, b.height, b.core, b.round) for b in boxes}
    return items, [Link(f"box {edge.source}", f"box {edge.target}", edge.source) for edge in edges]


def steps(rows, links):
    """(row, place, place) of all pieces of links from one row to the next."""
    place = {item: (row.index(item), at) for at, row in enumerate(rows) for item in row}
    return [
        (place[one][1], one, place[one][0], other, place[other][0]) for k in links for one, other in pairwise(k.path)
    ]


def crossings_of(rows, links):
    return sum(
        one[0] == other[0] and (one[2] - other[2]) * (one[4] - other[4]) < 0
        for one, other in combinations(steps(rows, links), 2)
    )


@settings(max_examples=30, deadline=None)
@given(drawings())
def test_every_link_goes_from_row_to_row(case):
    items, links = vertices(case)
    rows = in_rows(items, links)
    assert sorted(item.name for row in rows for item in row if item.kind != PASSING) == sorted(items)
    for link in links:
        at = [next(at for at, row in enumerate(rows) if item in row) for item in link.path]
        assert at == list(range(at[0], at[-1] + 1))
        assert (link.path[0].name, link.path[-1].name) == (link.source, link.target)


@settings(max_examples=30, deadline=None)
@given(drawings())
def test_the_order_found_has_no_more_crossings_than_the_one_given(case):
    items, links = vertices(case)
    rows = in_rows(items, links)
    found = ordered(rows, links)
    assert [set(row) for row in found] == [set(row) for row in rows]
    assert crossings_of(found, links) <= crossings_of(rows, links)


def test_two_crossed_pairs_are_exchanged():
    items = {f"box {name}": Item(f"box {name}", 40.0, 20.0, (40.0, 20.0)) for name in "abcuvw"}
    links = [Link(f"box {one}", f"box {other}", one) for one, other in ("aw", "bv", "cu")]
    rows = in_rows(items, links)
    assert crossings_of(rows, links) == 3
    assert crossings_of(ordered(rows, links), links) == 0


@settings(max_examples=30, deadline=None)
@given(drawings())
def test_coordinates_keep_the_order_and_long_edges_are_straight(case):
    items, links = vertices(case)
    rows = ordered(in_rows(items, links), links)
    align(rows, links)
    for row in rows:
        assert all(one.x + one.across / 2 < other.x - other.across / 2 for one, other in pairwise(row))
    inner = [step for step in steps(rows, links) if step[1].kind == step[3].kind == PASSING]
    for step in inner:
        alone = all((step[2] - other[2]) * (step[4] - other[4]) >= 0 for other in inner if other[0] == step[0])
        assert not alone or step[1].x == pytest.approx(step[3].x)


def test_a_long_edge_stays_straight_where_a_short_one_crosses_it():
    items = {f"box {name}": Item(f"box {name}", 40.0, 20.0, (40.0, 20.0)) for name in "abcde"}
    links = [Link(f"box {one}", f"box {other}", one) for one, other in ("ab", "bc", "cd", "de", "ae")]
    rows = in_rows(items, links)
    rows[2].reverse()  # b, passing / passing, c: only here the order is a bad one
    align(rows, links)
    long = links[-1].path[1:-1]
    assert [item.kind for item in long] == [PASSING] * 3
    assert long[0].x == pytest.approx(long[1].x)


@settings(max_examples=30, deadline=None)
@given(drawings())
def test_parts_are_what_can_be_reached_along_edges_either_way(case):
    items, links = vertices(case)
    place = {name: at for at, name in enumerate(items)}
    joined = np.eye(len(items), dtype=int)
    for link in links:
        joined[place[link.source], place[link.target]] = joined[place[link.target], place[link.source]] = 1
    reached = np.linalg.matrix_power(joined.astype(object), len(items)) > 0
    parts = components(items, links)
    assert Counter(name for part, _ in parts for name in part) == Counter(items.keys())
    assert Counter(link for _, inside in parts for link in inside) == Counter(links)
    for part, inside in parts:
        for name in part:
            assert {other for other in items if reached[place[name], place[other]]} == set(part)
        assert all({link.source, link.target} <= part.keys() for link in inside)


def test_lines_of_a_chain_of_equal_boxes_are_filled_evenly():
    boxes = [box(f"b{at}") for at in range(43)]
    layout = layered(boxes, [Edge(f"b{at}", f"b{at + 1}") for at in range(42)], room=(800, 450))
    lines = Counter(rect.y for rect in layout.boxes.values())
    assert len(lines) > 1
    assert max(lines.values()) == math.ceil(43 / len(lines))


# What is folded

GRAPHS = {
    "seed": seed_example(),
    "convolutional": convolutional(),
    "residual": residual(),
    "chain": chain(200),
    **{f"random {seed}": random_graph(20 + 15 * seed, seed) for seed in range(3)},
}


@pytest.mark.parametrize("name", GRAPHS)
def test_every_node_is_drawn_in_one_box_and_no_more_than_once(name):
    graph = GRAPHS[name]
    for view in (folded(graph), folded(graph, depth=2), folded(graph, depth=50)):
        there = Counter(node for box in view.boxes.values() for node in (*box.nodes, *box.beside))
        assert there == Counter(graph.nodes.keys())


@pytest.mark.parametrize("name", GRAPHS)
def test_every_use_of_a_computed_value_is_within_a_box_or_on_one_edge(name):
    graph = GRAPHS[name]
    view = folded(graph)
    box_of = {node: name for name, box in view.boxes.items() for node in (*box.nodes, *box.beside)}
    expected = {
        (node.name, place)
        for node in graph
        for place, source in enumerate(node.inputs)
        if box_of[source] != box_of[node.name] and graph.nodes[source].op not in GIVEN
    }
    found = [use for uses in view.edges.values() for use in uses]
    assert len(found) == len(set(found))
    assert {use for use in found if graph.nodes[graph.nodes[use[0]].inputs[use[1]]].op not in GIVEN} == expected
    for (source, target, _), uses in view.edges.items():
        assert all(box_of[graph.nodes[node].inputs[place]] == source for node, place in uses)
        assert all(box_of[node] == target for node, _ in uses)


@pytest.mark.parametrize("name", ["seed", "convolutional", "residual", "chain"])
def test_unasked_no_more_boxes_are_drawn_than_can_be_read(name):
    assert len(folded(GRAPHS[name]).boxes) <= MOST


def test_a_module_called_twice_is_two_boxes_and_its_shared_weights_are_in_the_first():
    graph = residual(stages=1, blocks=1)
    view = folded(graph, open=["layer1.0"])
    assert {"part layer1.0.relu", "part layer1.0.relu#2"} <= view.boxes.keys()
    assert [part.key for part in parts_of(graph).parts if not isinstance(part, str)] == [
        *("conv1", "bn1", "relu", "layer1", "avgpool", "fc")
    ]


def test_weights_of_a_cell_that_is_called_again_and_again_stay_in_it():
    nodes = [Node("x", "input"), Node("cell.w", "parameter", module="cell", parameters=9)]
    for at in range(3):
        nodes.append(Node(f"in{at}", "select", args=(Ref("x"),)))
        args = (Ref(f"in{at}"), Ref("cell.w"), *([Ref(f"h{at - 1}")] if at else []))
        nodes.append(Node(f"h{at}", "cell", args=args, module="cell"))
    view = folded(graph_of(nodes, ["h2"], modules={"": "Net", "cell": "Cell"}))
    assert view.boxes["part cell"].nodes == ("cell.w", "h0")
    used = {use for uses in view.edges.values() for use in uses}
    assert not used & {("h0", 1), ("h1", 1), ("h2", 1)}
    assert {("h1", 2), ("h2", 2)} <= used


def test_operations_of_one_call_are_one_box_until_it_is_opened():
    graph = convolutional()
    assert "part classifier.0" in folded(graph).boxes
    opened = folded(graph, open=["classifier.0"])
    assert {"node t_0", "node addmm_0"} <= opened.boxes.keys()
    assert opened.boxes["node addmm_0"].beside == ("classifier.0.bias",)
    assert opened.frames.keys() >= {"classifier", "classifier.0"}


def test_depth_says_how_deep_modules_are_shown():
    graph = residual()
    assert folded(graph, depth=0).boxes.keys() == {"part ", "node x"}
    assert "part layer1" in folded(graph, depth=1).boxes
    assert "part layer1.0" in folded(graph, depth=2).boxes
    assert "part layer1.0.conv1" in folded(graph, depth=3).boxes


def test_a_part_that_there_is_not_is_told_with_those_that_there_are():
    with pytest.raises(ProfundoError, match=r"no part 'layer9'; it has .*conv1"):
        folded(residual(), open=["layer9"])
