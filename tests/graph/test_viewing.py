"""An expression at given values: every value, gradient and local derivative, against autograd."""

import pytest
import torch

from profundo.graph import matrix, operations, scalar, shared, vector, view
from profundo.graph.expressions.parsing import parse
from profundo.graph.nodes import Ref
from profundo.records import ProfundoError


def test_the_example_of_the_course_node_by_node():
    a, b = scalar("a"), scalar("b")
    graph = view((a + b) * (3 * b), {a: 5, b: 3})
    assert [(node.name, node.op, node.text, node.value.item) for node in graph] == [
        ("a", "input", "a", 5), ("b", "input", "b", 3), ("u", "add", "a + b", 8), ("3", "constant", "3", 3),
        ("v", "mul", "3·b", 9), ("f", "mul", "u·v", 72),
    ]  # fmt: skip
    assert {node.name: node.gradient.item for node in graph if node.gradient} == {
        "a": 9,
        "b": 33,
        "u": 9,
        "v": 8,
        "f": 1,
    }
    local = {(node, graph[node].inputs[place]): (flow.rule, flow.local) for (node, place), flow in graph.flows.items()}
    assert local == {
        ("u", "a"): ("1", 1), ("u", "b"): ("1", 1), ("v", "b"): ("3", 3),
        ("f", "u"): ("v", 9), ("f", "v"): ("u", 8),
    }  # fmt: skip
    assert graph.of == "f"
    assert graph.outputs == (Ref("f"),)


def test_values_and_gradients_of_a_layer_are_those_of_autograd():
    X, w = matrix("X", ("n", 3)), shared(torch.tensor([0.5, -1.0, 2.0]), "w")
    y = vector("y", "n")
    p = operations.sigmoid(X @ w).named("p")
    graph = view(((p - y) ** 2).mean().named("cost"), {"X": torch.eye(3), "y": [0.0, 1.0, 1.0]}, keep=True)
    x, v = torch.eye(3, dtype=torch.float64, requires_grad=True), w.value.double().requires_grad_()
    out = torch.sigmoid(x @ v)
    expected = torch.autograd.grad(((out - torch.tensor([0.0, 1, 1])) ** 2).mean(), [x, v, out])
    for name, wanted in zip(["X", "w", "p"], expected, strict=True):
        torch.testing.assert_close(graph[name].gradient.tensor, wanted)
        assert graph[name].gradient.norm == pytest.approx(wanted.norm().item())
    torch.testing.assert_close(graph["p"].value.tensor, out.detach())
    assert graph["w"].parameters == 3
    shares = {graph[node].inputs[place]: flow.gradient for (node, place), flow in graph.flows.items() if node == "u"}
    assert shares["w"] == pytest.approx(expected[1].norm().item())


def test_two_edges_between_the_same_nodes_carry_each_its_share():
    b = scalar("b")
    graph = view(b * b, {"b": 3})
    assert [graph.flows["f", place].local for place in (0, 1)] == [3, 3]
    assert graph["b"].gradient.item == 6


def test_what_has_no_derivative_is_shown_without():
    x = vector("x", 3)
    graph = view(operations.argmax(x), {"x": [1, 3, 2]})
    assert graph["f"].value.item == 1
    assert graph.of == ""
    assert graph["x"].gradient is None


def test_infinite_values_are_shown_as_they_are():
    x = scalar("x")
    graph = view(operations.log(x), {"x": 0})
    assert graph["f"].value.item == float("-inf")
    assert graph["f"].value.bad == 1
    assert graph["x"].gradient.item == float("inf")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"a": 1}, "b has no value: give one"),
        ({"a": 1, "b": 2, "c": 3}, "there is no input 'c'; the inputs are a, b"),
        ({"a": [1, 2], "b": 2}, "has 0 dimensions"),
        ({"a": "one", "b": 2}, "expected a number"),
    ],
)
def test_values_that_do_not_fit_are_told(given, words):
    a, b = scalar("a"), scalar("b")
    with pytest.raises(ProfundoError, match=words):
        view(a + b, given)


@pytest.mark.parametrize(
    ("formula", "at", "says"),
    [
        ("ln x", -1, "f = log(x) is NaN at x = −1: only numbers above 0 have a logarithm"),
        ("sqrt(x)", -2, "f = sqrt(x) is NaN at x = −2: negative numbers have no square root that is real"),
        ("1/x", 0, "f = 1 / x is ∞ at x = 0: nothing can be divided by 0"),
        ("x^0.5", -1, "a negative number has no real power with an exponent that is not whole"),
        ("asin(x)", 2, "only numbers from −1 to 1 have an arcsine or an arccosine"),
        ("abs(x)", 0, "f = |x| has a kink at x = 0: its slope jumps from −1 to 1 there, and 0 is taken"),
        ("relu(x)", 0, "its slope jumps from 0 to 1 there, and 0 is taken"),
    ],
)
def test_what_has_no_value_or_slope_somewhere_is_told_why(formula, at, says):
    graph = view(parse(formula), {"x": at})
    (note,) = graph.notes
    assert says in note
    assert len(set(note.everywhere.values())) == 4
    slope = graph["x"].gradient.item
    assert "kink" not in says or slope == 0


@pytest.mark.parametrize(("formula", "at"), [("exp(x)", 1000), ("abs(x)", 1), ("x^2", 0), ("sqrt(x)", 4)])
def test_no_reason_is_made_up(formula, at):
    assert not any(":" in note or "kink" in note for note in view(parse(formula), {"x": at}).notes)


def test_a_power_of_itself_has_one_condition_at_zero():
    local = [flow.latex or "" for flow in view(parse("x^x"), {"x": 2}).flows.values()]
    assert any("x = 0" in latex for latex in local)
    assert not any(r"\land" in latex for latex in local)
