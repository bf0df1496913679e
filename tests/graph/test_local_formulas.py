"""What happens at one node, read back: formulas with numbers give the node's value, those of tensors their gradient."""

import pytest
import torch

from profundo.graph import parse, view
from profundo.graph.derivatives.derivations import derivation, sweep
from profundo.graph.expressions.expression import inputs_of, walk
from profundo.graph.expressions.local_formulas import handed_back, substituted

SCALARS = [
    ("(a+b)*3*b", {"a": -5, "b": 3}),
    ("-(-a) - b", {"a": -1.5, "b": -2}),
    ("(a - b)^3/(2a)", {"a": -1.25, "b": 0.5}),
    ("a^2 * -b + |a|", {"a": -3, "b": -0.125}),
    ("sqrt(a*a + b*b)", {"a": -3, "b": 4}),
    ("max(a, b)*sin(a)*exp(-b)", {"a": -2, "b": 0.25}),
]
TENSORS = [
    ("y = [0, 1, 0]; p = softmax(z); -sum(y*log(p))", {"z": [2.0, 1.0, 0.1]}),
    ("h = tanh(W x + b); v^T h", {"W": [[1.0, -1.0], [0.5, 2.0]], "x": [1.0, 0.5], "b": [0.0, -1.0], "v": [1.0, 1.5]}),
    ("sum(x*a + b)^2", {"x": [1.0, -2.0, 0.5], "a": 3.0, "b": -1.0}),
    ("mean(x)*norm(x)", {"x": [1.0, 2.0, -2.0]}),
]


def names_of(graph):
    """Names as `write_latex` writes them, which `parse` reads: p1 as p_1."""
    return {node.name: node.name[0] + ("_" + node.name[1:] if node.name[1:] else "") for node in graph}


@pytest.mark.parametrize(("text", "values"), SCALARS)
def test_a_formula_with_numbers_put_in_has_the_value_of_its_node(text, values):
    expression = parse(text, values)
    graph = view(expression, values)
    formulas = substituted(expression, graph)
    assert set(formulas) == {node.name for node in graph if node.call is not None}
    for name, formula in formulas.items():
        assert "--" not in formula
        (value,) = walk([parse(formula)], {})
        assert float(value) == pytest.approx(graph[name].value.item, rel=2e-5), formula


def test_formulas_of_lists_have_no_numbers_put_in():
    values = {"x": [1.0, 2.0], "a": 3.0}
    expression = parse("u = sum(x); u*a", values)
    assert substituted(expression, view(expression, values)) == {"f": r"3 \cdot 3"}


@pytest.mark.parametrize(("text", "values"), TENSORS)
def test_what_nodes_hand_back_adds_up_to_the_gradient(text, values):
    """The formulas are computed anew, with the gradients of the nodes as given numbers, against PyTorch's autograd."""
    expression = parse(text, values)
    graph = view(expression, values, keep=True)
    names = names_of(graph)
    rules = handed_back(expression, lambda name: f"G_{name.replace('_', '')}")
    known = {names[node.name]: node.value.tensor for node in graph if node.op != "constant" or node.shape}
    known |= {f"G_{node.name.replace('_', '')}": node.gradient.tensor for node in graph if node.gradient}
    for name, uses in graph.users().items():
        edges = [rules.get(use) for use in uses]
        if not uses or None in edges or graph[name].gradient is None:
            continue
        total = sum(computed(rule, known) for rule in edges)
        expected = graph[name].gradient.tensor
        assert torch.allclose(total.expand(expected.shape), expected), (name, edges)


def computed(rule, known):
    expression = parse(rule.replace(r"\cdot", "*"), known)  # entry by entry, as it is meant
    return walk([expression], {one: known[one.name] for one in inputs_of([expression])})[0]


def test_matrices_and_what_broadcasts_are_written_as_on_paper():
    values = {"W": [[1.0, 2.0], [3.0, 4.0]], "x": [1.0, 2.0]}
    rules = handed_back(parse("u = W x; sum(u)", values), lambda name: f"g_{name}")
    assert rules == {("u", 0): "g_u x^T", ("u", 1): "W^T g_u", ("f", 0): "g_f"}


@pytest.mark.parametrize(("text", "values"), SCALARS + TENSORS)
def test_the_sweep_is_what_each_derivation_ends_with(text, values):
    graph = view(parse(text, values), values)
    steps = sweep(graph)
    assert [step.name for step in steps] == [
        node.name for node in reversed(list(graph)) if node.gradient and node.name != graph.of
    ]
    for step in steps:
        last = derivation(graph, graph.of, step.name).steps[-1]
        assert (step.value, [term.value for term in step.terms]) == (last.value, [term.value for term in last.terms])
        if step.value is not None:
            assert step.value == pytest.approx(graph[step.name].gradient.item)


def test_there_is_no_sweep_where_the_result_is_no_single_number():
    assert sweep(view(parse("x*2", {"x": [1, 2]}), {"x": [1, 2]})) == ()
