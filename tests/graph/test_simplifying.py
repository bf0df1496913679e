"""What is compiled computes the same from less. Values are compared with the graph as written and with closed forms."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from profundo.graph import constant, function, gradient, matrix, scalar, shared, tensor, vector
from profundo.graph import operations as o

DOUBLE = torch.float64


def calls(compiled):
    return [node.op for node in compiled.graph if node.call is not None]


# --------------------------------------------------------------------------------------------------------- less to do
def test_what_depends_on_constants_alone_is_computed_before():
    x = vector("x", 3)
    f = function([x], x * o.sqrt(o.exp(constant([2.0, 3.0, 4.0]))))
    assert calls(f) == ["mul"]
    assert torch.equal(f(torch.ones(3)), torch.tensor([2.0, 3.0, 4.0]).exp().sqrt())


def test_large_constants_and_calls_that_fail_are_left_for_the_run():
    table = o.broadcast_to(constant([1.0, 2.0]), (5000, 2))
    assert calls(function([], table * 3.0)) == ["broadcast_to", "mul"]
    wrong = constant([1.0, 2.0])[constant([7])]
    assert calls(function([], wrong)) == ["index"]


def test_shared_values_are_no_constants():
    w = shared(torch.zeros(2), "w")
    f = function([], o.exp(w))
    w.set_value([1.0, 1.0])
    assert torch.equal(f(), torch.ones(2).exp())


def test_common_parts_are_computed_once_and_unused_ones_never():
    x, unused = vector("x", 3), vector("unused", 3)
    o.exp(unused)
    f = function([x, unused], [o.exp(x * 3.0) + o.exp(x * 3.0), o.exp(x * 3.0)])
    assert calls(f) == ["mul", "exp", "add"]
    at = torch.rand(3)
    assert torch.equal(f(at, at)[0], 2 * torch.exp(3 * at))


def test_what_only_looks_alike_is_not_shared():
    n, y = vector("n", 4, dtype=torch.int64), vector("y", 1)
    square = o.reshape(n, 2, 2)
    outputs = [
        *(o.mul(n, constant(two)) for two in (2, 2.0)),
        *(1.0 / (y * constant(zero)) for zero in (0.0, -0.0)),
        *(o.sum(square, dim) for dim in (0, 1)),
        *(square[at] for at in (0, slice(0, 1))),
    ]
    values = torch.arange(4), torch.ones(1)
    for one, other in zip(
        function([n, y], outputs)(*values), function([n, y], outputs, simplify=False)(*values), strict=True
    ):
        assert one.dtype == other.dtype
        assert torch.equal(one, other)


def test_names_and_lines_stay_with_their_operation_and_outputs_in_their_order():
    x = vector("x", 3)
    p = o.sigmoid(x).named("p")
    f = function([x], [o.log(p).named("last"), p, x, p])
    assert [ref.node for ref in f.graph.outputs] == ["last", "p", "x", "p"]
    assert f.graph["last"].op == "logsigmoid"
    assert f.graph["last"].line.startswith("test_simplifying.py")
    at = torch.tensor([-200.0, 0.0, 3.0])
    last, p, same, _ = f(at)
    assert (last[0], p[0]) == (-200, 0)
    assert torch.equal(same, at)


@pytest.mark.parametrize("power", [2, 2.0])
def test_square_is_a_product_with_the_same_gradient(power):
    x = vector("x", dtype=DOUBLE)
    naive, simple = (function([x], x**power, simplify=on) for on in (False, True))
    assert calls(simple) == ["mul"]
    slopes = []
    for f in (naive, simple):
        at = torch.linspace(-3, 3, 50).double().requires_grad_()
        slopes.append(torch.autograd.grad(f(at).sum(), at)[0])
    assert torch.equal(*slopes)
    n = vector("n", dtype=torch.int64)
    assert function([n], n**2.0)([3]).dtype == torch.float32


# -------------------------------------------------------------------------------------------------------- stable forms
STABLE = {
    "log σ": (lambda x: o.log(o.sigmoid(x)), lambda x: -torch.log1p(torch.exp(-x)), ["logsigmoid"]),
    "log(1 − σ)": (lambda x: o.log(1 - o.sigmoid(x)), lambda x: -torch.log1p(torch.exp(x)), ["softplus", "neg"]),
    "log(−σ + 1)": (lambda x: o.log(-o.sigmoid(x) + 1), lambda x: -torch.log1p(torch.exp(x)), ["softplus", "neg"]),
    "log softmax": (lambda x: o.log(o.softmax(x, 1)), lambda x: x - x.logsumexp(1, True), ["log_softmax"]),
    "log Σ exp": (lambda x: o.log(o.sum(o.exp(x), 1)), lambda x: x.logsumexp(1), ["logsumexp"]),
    "log Σ exp of all": (lambda x: o.log(o.sum(o.exp(x))), lambda x: x.logsumexp((0, 1)), ["logsumexp"]),
    "log(1 + exp)": (lambda x: o.log(1 + o.exp(x)), lambda x: torch.log1p(torch.exp(x)), ["softplus"]),
    "log1p(exp)": (lambda x: o.log1p(o.exp(x)), lambda x: torch.log1p(torch.exp(x)), ["softplus"]),
    "exp / Σ exp": (lambda x: o.exp(x) / o.sum(o.exp(x), 1, keepdim=True), lambda x: x.softmax(1), ["softmax"]),
    "log(exp / Σ exp)": (
        lambda x: o.log(o.exp(x) / o.sum(o.exp(x), 1, keepdim=True)), lambda x: x.log_softmax(1), ["log_softmax"],
    ),
    "log(1 + u)": (lambda x: o.log(o.square(x) + 1.0), lambda x: torch.log1p(x * x), ["square", "log1p"]),
}  # fmt: skip


@pytest.mark.parametrize("what", STABLE)
def test_stable_form_keeps_the_digits_that_the_naive_one_loses(what):
    """Both are computed in float32; the truth is the closed form in float64."""
    make, truth, ops = STABLE[what]
    at = torch.tensor([[-120.0, -88.5, -30.0, -1e-4], [1e-9, 0.5, 18.0, 100.0], [3e-5, -0.01, 1.0, 30.0]])
    x = matrix("x")
    naive, stable = (function([x], make(x), simplify=on) for on in (False, True))
    assert calls(stable) == ops
    expected = truth(at.double()).float()
    torch.testing.assert_close(stable(at), expected, rtol=1e-6, atol=1e-6 if "softmax" in ops[-1] else 1e-38)
    lost = ~torch.isclose(naive(at), expected, rtol=0.01, atol=0)
    assert lost[expected.abs() > 1e-12].any(), "the naive form loses nothing here"


@pytest.mark.parametrize("what", STABLE)
def test_stable_form_has_the_same_gradients_where_the_naive_one_is_exact(what):
    """By PyTorch's autograd through the function, and by the graph."""
    x = matrix("x", dtype=DOUBLE)
    made = STABLE[what][0](x)
    slopes = []
    for on in (False, True):
        at = torch.linspace(-2, 2, 12, dtype=DOUBLE).reshape(3, 4).requires_grad_()
        slopes.append(torch.autograd.grad(function([x], made, simplify=on)(at).sum(), at)[0])
        slopes.append(function([x], gradient(made.sum(), x), simplify=on)(at.detach()))
    for slope in slopes[1:]:
        torch.testing.assert_close(slope, slopes[0], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    "make",
    [
        lambda x: o.log(x + 2.0),
        lambda x: o.log(o.sigmoid(x) - 1),
        lambda x: o.log2(o.sigmoid(x)),
        lambda x: o.exp(x) / o.sum(o.exp(x)),
        lambda x: o.exp(x) / o.sum(o.exp(x), 0),
        lambda x: o.exp(x) / o.sum(x, 1, keepdim=True),
        lambda x: o.exp(x) / o.sum(o.exp(x), (0, 1), keepdim=True),
        lambda x: o.log(1 + o.cast(o.cast(x, torch.int64), torch.int32)),
        lambda x: o.log(o.exp(x[0, 0]) + constant(1.0, DOUBLE)),
    ],
)
def test_what_only_resembles_a_naive_form_stays(make):
    x = matrix("x", (3, 3))
    at = torch.rand(3, 3)
    simple, plain = (function([x], make(x), simplify=on) for on in (True, False))
    assert torch.equal(simple(at).nan_to_num(), plain(at).nan_to_num())
    assert calls(simple)[-1] in ("log", "log2", "div")


def logistic(simplify):
    """The cross-entropy as the books write it, with its gradients."""
    x, y = matrix("x", ("n", 3), dtype=DOUBLE), vector("y", "n", dtype=DOUBLE)
    w, b = shared(torch.tensor([1.0, -2.0, 0.5], dtype=DOUBLE), "w"), shared(torch.tensor(0.3).double(), "b")
    p = o.sigmoid(x @ w + b)
    cost = o.mean(-(y * o.log(p) + (1 - y) * o.log(1 - p)))
    return function([x, y], [cost, *gradient(cost, [w, b])], simplify=simplify)


def test_naive_cross_entropy_and_its_gradients_become_those_of_logits():
    """Against PyTorch's own loss of logits by autograd, at logits of several hundreds."""
    g = torch.Generator().manual_seed(0)
    x, y = 200 * torch.randn(40, 3, generator=g).double(), torch.randint(0, 2, (40,), generator=g).double()
    w, b = torch.tensor([1.0, -2.0, 0.5]).double().requires_grad_(), torch.tensor(0.3).double().requires_grad_()
    cost = F.binary_cross_entropy_with_logits(x @ w + b, y)
    expected = [cost, *torch.autograd.grad(cost, [w, b])]
    assert not logistic(False)(x, y)[0].isfinite()
    for got, true in zip(logistic(True)(x, y), expected, strict=True):
        torch.testing.assert_close(got, true, rtol=1e-12, atol=1e-12)


def slopes_of(naive, sizes, simplify, given):
    x, y = tensor("x", sizes, dtype=DOUBLE), tensor("y", sizes, dtype=DOUBLE)
    cost = o.sum(naive(x, y))
    return function([x, y], [cost, gradient(cost, x)], simplify=simplify)(*given)


LOSSES = {
    "log softmax": (lambda x, y: -y * o.log(o.softmax(x, 1)), lambda x, y: -y * x.log_softmax(1)),
    "log softmax of the first dimension": (
        lambda x, y: o.square(o.log(o.softmax(x, 0))) * y, lambda x, y: x.log_softmax(0).square() * y,
    ),
    "log(1 + exp)": (lambda x, y: o.log(1 + o.exp(x)) * y, lambda x, y: -F.logsigmoid(-x) * y),
    "log(exp + 1)": (lambda x, y: y - 3 * o.log(o.exp(2 * x) + 1), lambda x, y: y + 3 * F.logsigmoid(-2 * x)),
    "log Σ exp": (lambda x, y: o.log(o.sum(o.exp(x), 1)) - o.sum(x * y, 1), lambda x, y: x.logsumexp(1) - (x * y).sum(1)),
    "log Σ exp down": (
        lambda x, y: o.square(o.log(o.sum(o.exp(x), 0))) * y[0], lambda x, y: x.logsumexp(0).square() * y[0],
    ),
    "x − log Σ exp": (
        lambda x, y: (x - o.log(o.sum(o.exp(x), 1, keepdim=True))) * y, lambda x, y: x.log_softmax(1) * y,
    ),
    "log σ": (lambda x, y: o.log(o.sigmoid(x)) * y, lambda x, y: F.logsigmoid(x) * y),
    "exp / Σ exp": (lambda x, y: (e := o.exp(x)) / o.sum(e, 1, keepdim=True) * y, lambda x, y: x.softmax(1) * y),
    "log(1 − σ)": (lambda x, y: 2 * y - o.log(1 - o.sigmoid(3 * x)), lambda x, y: 2 * y - F.logsigmoid(-3 * x)),
}  # fmt: skip


@pytest.mark.parametrize("sizes", [(3, 3), ("rows", "columns")])
@pytest.mark.parametrize("what", LOSSES)
def test_gradients_of_naive_logs_become_those_of_stable_ones(what, sizes):
    """Against autograd of PyTorch's stable functions, rewritten or not; on squares, where rows could pass for columns."""
    naive, stable = LOSSES[what]
    draws = torch.Generator().manual_seed(0)
    y = torch.randn(3, 3, generator=draws).double()
    for scale in (1.0, 900.0):
        x = (scale * torch.randn(3, 3, generator=draws).double()).requires_grad_()
        cost = stable(x, y).sum()
        expected = [cost.detach(), *torch.autograd.grad(cost, x)]
        for got, true in zip(slopes_of(naive, sizes, True, (x.detach(), y)), expected, strict=True):
            torch.testing.assert_close(got, true, rtol=1e-10, atol=1e-10)
        plain = slopes_of(naive, sizes, False, (x.detach(), y))[1]
        reads_the_value = what in (
            "log softmax of the first dimension",
            "log Σ exp down",
        )  # which is −∞ or ∞ as it stands
        assert plain.isfinite().all() or reads_the_value


def test_a_gradient_by_what_stands_inside_a_log_goes_through_it():
    """The form whose slope is no quotient knows no p; asked for ∂/∂p, the log is differentiated as it stands."""
    x = scalar("x", dtype=DOUBLE)
    p = o.sigmoid(x)
    for cost, by_p in ((o.log(p), lambda p: 1 / p), (o.log(1 - p), lambda p: -1 / (1 - p))):
        got = function([x], gradient(cost, [p, x]))(0.4)
        at = torch.sigmoid(torch.tensor(0.4, dtype=DOUBLE))
        torch.testing.assert_close(got, [by_p(at), by_p(at) * at * (1 - at)], rtol=1e-12, atol=0)


def test_gradients_of_long_chains_are_simplified_without_deep_recursion():
    x = scalar("x", dtype=DOUBLE)
    y = x
    for _ in range(400):
        y = o.sigmoid(y) * 4 - 1.5
    slope = gradient(y, x)
    assert function([x], slope)(0.3).item() == pytest.approx(function([x], slope, simplify=False)(0.3).item(), rel=1e-9)


# -------------------------------------------------------------------------------------------- expressions drawn at random
AWKWARD = [0.0, -0.0, 1.5, -2.5, 1e-30, -1e30, math.inf, -math.inf, math.nan]
NUMBERS = (1.0, -1.0, 0.0, -0.0, 2.0, 0.5, 3.0)
EXACT = (o.neg, o.relu, o.square, o.tanh, o.sigmoid)
UNARY = (*EXACT, o.exp, o.log, o.log1p)
BINARY = (o.add, o.sub, o.mul, o.div)


@st.composite
def drawn(draw, unary):
    """One input of four numbers, and up to three outputs."""
    x = vector("x", 4, dtype=DOUBLE)
    known = [x, constant(draw(st.sampled_from(NUMBERS)), DOUBLE)]
    for _ in range(draw(st.integers(1, 12))):
        one, other = (draw(st.sampled_from(known)) for _ in range(2))
        if draw(st.booleans()):
            known.append(draw(st.sampled_from(unary))(one))
        elif draw(st.booleans()):
            known.append(draw(st.sampled_from(BINARY))(one, draw(st.sampled_from([other, *NUMBERS]))))
        else:
            known.append(one ** draw(st.sampled_from([1, 2.0, 3])))
    return x, draw(st.lists(st.sampled_from(known), min_size=1, max_size=3))


def bits(value):
    return value.isnan(), value.nan_to_num(), value.nan_to_num().signbit()


@given(drawn(EXACT), st.lists(st.sampled_from(AWKWARD), min_size=4, max_size=4))
@settings(max_examples=60, deadline=None)
def test_without_naive_forms_any_graph_gives_the_same_bits(case, at):
    x, outputs = case
    for one, other in zip(function([x], outputs)(at), function([x], outputs, simplify=False)(at), strict=True):
        assert all(torch.equal(*pair) for pair in zip(bits(one), bits(other), strict=True))


@given(drawn(UNARY))
@settings(max_examples=60, deadline=None)
def test_the_function_stays_the_same_on_any_graph_and_takes_no_more_calls(case):
    """Where the naive graph has digits at all: in 10⁻⁹ of float64."""
    x, outputs = case
    at = torch.tensor([0.3, -0.7, 2.0, -1.6], dtype=DOUBLE)
    naive, simple = function([x], outputs, simplify=False), function([x], outputs)
    assert len(calls(simple)) <= len(calls(naive)) + calls(naive).count("sigmoid"), (
        "log(1 − σ) whose 1 − σ is needed, too"
    )
    for one, other, nearby in zip(naive(at), simple(at), naive(at * (1 + 1e-13)), strict=True):
        steady = (one - nearby).abs() <= 1e-9 * (one.abs() + 1e-3)
        steady &= one.isfinite() & (one.abs() > 1e-6) & (one.abs() < 1e6)
        torch.testing.assert_close(other.expand_as(one)[steady], one[steady], rtol=1e-8, atol=1e-9)
