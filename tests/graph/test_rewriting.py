"""Rewritten graphs compute the same, from less. Values are compared with the graph as it was and with closed forms."""

import math
from collections import Counter
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from profundo.graph import function, gradient, operations, scalar
from profundo.graph.expressions.expression import OPERATIONS
from profundo.graph.nodes import Flow, Graph, Node, Ref, Summary, refs_of
from profundo.graph.rewriting.engine import DEAD, RULES, rewrite, rewriting
from profundo.graph.rewriting.matching import Change, Rule
from profundo.graph.running import run, straight
from profundo.records import ProfundoError

aten = torch.ops.aten


class Draw:
    """A graph written by hand: each call gives the Ref of its value, with shape and dtype as PyTorch finds them."""

    def __init__(self):
        self.nodes, self.held = {}, {}

    def given(self, name, data, op="input"):
        word = str(data.dtype).removeprefix("torch.")
        kept = None if op == "input" else data
        self.nodes[name] = Node(name, op, shape=tuple(data.shape), dtype=word, data=kept)
        self.held[name] = data
        return Ref(name)

    def __call__(self, op, call, *args, name=None, part=None, **kwargs):
        name = name or f"{op}{len(self.nodes)}"
        held = {ref: self.value(ref) for ref in refs_of((args, kwargs))}
        from profundo.graph.nodes import map_refs

        value = call(*map_refs(args, held.get), **map_refs(kwargs, held.get))
        first = value[0] if isinstance(value, tuple | list) else value
        word = str(first.dtype).removeprefix("torch.")
        self.nodes[name] = Node(
            name, op, call, args, kwargs, tuple(first.shape), word, line=f"net.py:{len(self.nodes)}"
        )
        self.held[name] = value
        return Ref(name, part)

    def value(self, ref):
        value = self.held[ref.node]
        return value if ref.part is None else value[ref.part]

    def graph(self, *outputs):
        return Graph(dict(self.nodes), outputs)


def calls(graph):
    return [node.op for node in graph if node.call is not None]


def same(one, other):
    """Equal bit for bit but for which NaN it is."""
    one, other = (value if isinstance(value, tuple) else (value,) for value in (one, other))
    return all(
        a.dtype == b.dtype
        and a.shape == b.shape
        and torch.equal(a.isnan(), b.isnan())
        and torch.equal(a.nan_to_num(), b.nan_to_num())
        and torch.equal(a.nan_to_num().signbit(), b.nan_to_num().signbit())
        for a, b in zip(one, other, strict=True)
    )


AWKWARD = torch.tensor([0.0, -0.0, 1.5, -2.5, 1e-30, -1e30, math.inf, -math.inf, math.nan], dtype=torch.float64)


# ------------------------------------------------------------------------------------------------------ exact identities
ONE_OPERAND = {
    "times one": lambda d, x: d("mul", torch.mul, x, 1),
    "one times": lambda d, x: d("mul", torch.mul, 1.0, x),
    "one times, as ATen": lambda d, x: d("mul", aten.mul.Tensor, x, 1),
    "by one": lambda d, x: d("div", torch.div, x, 1),
    "to the first power": lambda d, x: d("pow", torch.pow, x, 1),
    "to the first power, as ATen": lambda d, x: d("pow", aten.pow.Tensor_Scalar, x, 1.0),
    "times a constant one": lambda d, x: d("mul", torch.mul, d.given("one", torch.tensor(1.0), "constant"), x),
    "less zero": lambda d, x: d("sub", torch.sub, x, 0),
    "plus minus zero": lambda d, x: d("add", torch.add, x, -0.0),
    "twice negated": lambda d, x: d("neg", torch.neg, d("neg", torch.neg, x)),
    "reshaped to its shape": lambda d, x: d("reshape", torch.reshape, x, (3, 3)),
    "summed to its shape": lambda d, x: d("sum_to", OPERATIONS["sum_to"].run, x, x),
    "expanded to its shape": lambda d, x: d("expand", aten.expand.default, x, [3, 3]),
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("what", ONE_OPERAND)
def test_what_changes_nothing_is_left_out(what, training):
    draw = Draw()
    graph = draw.graph(ONE_OPERAND[what](draw, draw.given("x", AWKWARD.reshape(3, 3))))
    assert same(run(graph, AWKWARD.reshape(3, 3)), AWKWARD.reshape(3, 3)), "the example is no identity"
    simpler = rewrite(graph, training=training)
    assert calls(simpler) == []
    assert simpler.outputs == (Ref("x"),)


KEPT = {
    "x·0 is NaN for infinity": (lambda d, x: d("mul", torch.mul, x, 0), AWKWARD),
    "x + 0 makes 0.0 of −0.0": (lambda d, x: d("add", torch.add, x, 0.0), AWKWARD),
    "x − (−0.0) as well": (lambda d, x: d("sub", torch.sub, x, -0.0), AWKWARD),
    "0 − x is 0.0 for 0.0": (lambda d, x: d("sub", torch.sub, 0, x), AWKWARD),
    "x − x is NaN for infinity": (lambda d, x: d("sub", torch.sub, x, x), AWKWARD),
    "a whole number times 1.0 is a fraction": (lambda d, x: d("mul", torch.mul, x, 1.0), torch.arange(3)),
    "a whole number by 1 is a fraction": (lambda d, x: d("div", torch.div, x, 1), torch.arange(3)),
    "truth times 1 is a number": (lambda d, x: d("mul", torch.mul, x, 1), torch.tensor([True, False])),
    "a one of higher precision promotes": (
        lambda d, x: d("mul", torch.mul, x, d.given("one", torch.ones(1, dtype=torch.float64), "constant")),
        torch.ones(3),
    ),
    "a one with more dimensions broadcasts": (
        lambda d, x: d("mul", torch.mul, x, d.given("one", torch.ones(2, 1), "constant")), torch.ones(3),
    ),
    "a complex infinity times 1 is not a number": (
        lambda d, x: d("mul", torch.mul, x, 1), torch.tensor([complex(math.inf, 0.0), 1j]),
    ),
    "alpha counts": (lambda d, x: d("sub", torch.sub, x, 1, alpha=0), torch.ones(3)),
    "rounding counts": (lambda d, x: d("div", torch.div, x, 1, rounding_mode="floor"), torch.tensor([1.5])),
}  # fmt: skip


@pytest.mark.parametrize("what", KEPT)
def test_what_changes_something_is_kept(what):
    make, x = KEPT[what]
    draw = Draw()
    graph = draw.graph(make(draw, draw.given("x", x)))
    for training in (True, False):
        simpler = rewrite(graph, training=training)
        before, after = (run(one, x) for one in (graph, simpler))
        assert same(*(torch.view_as_real(one) if one.is_complex() else one for one in (before, after)))
        assert calls(simpler)


def test_zero_is_left_out_where_its_sign_cannot_be_seen():
    draw = Draw()
    x = draw.given("x", AWKWARD)
    n = draw.given("n", torch.arange(3))
    positive = draw("add", torch.add, draw("exp", torch.exp, x), 0.0)
    shifted = draw("add", torch.add, 0, draw("add", torch.add, x, 2.0))
    whole = draw("add", torch.add, n, 0)
    graph = draw.graph(positive, shifted, whole)
    simpler = rewrite(graph)
    assert calls(simpler) == ["exp", "add"]
    assert same(run(simpler, AWKWARD, torch.arange(3)), run(graph, AWKWARD, torch.arange(3)))


# ------------------------------------------------------------------------------------------- constants, common, dead
def test_what_depends_on_constants_alone_is_computed_before():
    draw = Draw()
    x, two = draw.given("x", torch.rand(3)), draw.given("two", torch.tensor([2.0, 3.0, 4.0]), "constant")
    root = draw("sqrt", torch.sqrt, draw("exp", torch.exp, two))
    graph = draw.graph(draw("mul", torch.mul, x, root))
    simpler = rewrite(graph, training=True)
    assert calls(simpler) == ["mul"]
    assert same(run(simpler, torch.ones(3)), torch.tensor([2.0, 3.0, 4.0]).exp().sqrt())
    assert simpler[root.node].op == "constant"


def test_random_large_and_failing_calls_are_not_folded():
    draw = Draw()
    c = draw.given("c", torch.ones(2), "constant")
    noise = draw("dropout", aten.native_dropout.default, c, 0.5, True, part=0)
    table = draw("expand", torch.broadcast_to, c, (5000, 2))
    large = draw("mul", torch.mul, table, 3.0)
    graph = draw.graph(noise, draw("bernoulli", aten.bernoulli.p, c, 0.5), large)
    assert calls(rewrite(graph)) == ["dropout", "expand", "mul", "bernoulli"] or set(calls(rewrite(graph))) == {
        "dropout", "expand", "mul", "bernoulli",
    }  # fmt: skip
    wrong = Node("wrong", "add", torch.add, (Ref("c"), Ref("d")), shape=(2,), dtype="float32")
    constants = {"c": draw.nodes["c"], "d": replace(draw.nodes["c"], name="d", data=torch.ones(3)), "wrong": wrong}
    assert calls(rewrite(Graph(constants, (Ref("wrong"),)))) == ["add"]


def test_shared_values_are_no_constants():
    """A shared value may be another when the graph is run."""
    draw = Draw()
    graph = draw.graph(draw("exp", torch.exp, draw.given("w", torch.ones(2), "shared")))
    assert calls(rewrite(graph)) == ["exp"]


def test_common_parts_are_computed_once():
    draw, x = Draw(), torch.rand(3)
    start = draw.given("x", x)
    both = [draw("exp", torch.exp, draw("mul", torch.mul, start, 3.0)) for _ in range(2)]
    graph = draw.graph(draw("add", torch.add, *both))
    simpler, applied = rewriting(graph, training=True)
    assert calls(simpler) == ["mul", "exp", "add"]
    assert Counter(one.rule for one in applied)["common parts"] == 2
    assert same(run(simpler, x), run(graph, x))


def test_what_only_looks_alike_is_not_shared():
    draw = Draw()
    x = draw.given("x", torch.arange(4))
    parts = [draw("mul", torch.mul, x, factor) for factor in (2, 2.0)]
    zeros = [
        draw("div", torch.div, 1.0, draw("mul", torch.mul, draw.given("y", torch.ones(1)), z)) for z in (0.0, -0.0)
    ]
    dims = [draw("sum", torch.sum, draw("reshape", torch.reshape, x, (2, 2)), dim) for dim in (0, 1)]
    graph = draw.graph(*parts, *zeros, *dims)
    values = torch.arange(4), torch.ones(1)
    assert same(run(rewrite(graph), *values), run(graph, *values))


def test_random_numbers_are_drawn_as_often_as_before():
    draw, x = Draw(), torch.ones(1000)
    start = draw.given("x", x)
    drops = [draw("dropout", aten.native_dropout.default, start, 0.5, True, part=0) for _ in range(2)]
    unused = draw("rand", aten.rand_like.default, start)
    last = draw("rand", aten.rand_like.default, start)
    graph = draw.graph(*drops, last)
    simpler = rewrite(graph)
    assert unused.node in simpler, "without it the last would be other numbers"
    torch.manual_seed(0)
    expected = run(graph, x)
    torch.manual_seed(0)
    assert same(run(simpler, x), expected)
    assert not torch.equal(expected[0], expected[1])


def test_a_function_that_is_not_known_is_neither_shared_nor_folded():
    counted = []

    def mine(x):
        counted.append(1)
        return x + len(counted)

    draw = Draw()
    c = draw.given("c", torch.ones(2), "constant")
    graph = draw.graph(draw("mine", mine, c), draw("mine", mine, c))
    assert calls(rewrite(graph)) == ["mine", "mine"]


def test_dead_parts_are_dropped_and_inputs_stay():
    draw = Draw()
    x, unused = draw.given("x", torch.ones(2)), draw.given("unused", torch.ones(2))
    draw("exp", torch.exp, draw("neg", torch.neg, unused))
    draw.given("w", torch.ones(2), "parameter")
    simpler, applied = rewriting(draw.graph(draw("log", torch.log, x)))
    assert list(simpler.nodes) == ["x", "unused", "log5"]
    assert [one.rule for one in applied] == [DEAD, DEAD]


# --------------------------------------------------------------------------------------------------------- stable forms
def log_sum_exp(d, x):
    return d("log", torch.log, d("sum", torch.sum, d("exp", torch.exp, x), dim=1, keepdim=True))


def softmax_log(d, x):
    return d("log", torch.log, d("softmax", torch.softmax, x, 1))


STABLE = {
    "log σ": (
        lambda d, x: d("log", torch.log, d("sigmoid", torch.sigmoid, x)),
        lambda x: -torch.log1p(torch.exp(-x)), "logsigmoid",
    ),
    "log(1 − σ)": (
        lambda d, x: d("log", aten.log.default, d("sub", aten.rsub.Scalar, d("sigmoid", aten.sigmoid.default, x), 1)),
        lambda x: -torch.log1p(torch.exp(x)), "logsigmoid",
    ),
    "log(−σ + 1)": (
        lambda d, x: d("log", torch.log, d("add", torch.add, d("neg", torch.neg, d("sigmoid", torch.sigmoid, x)), 1.0)),
        lambda x: -torch.log1p(torch.exp(x)), "logsigmoid",
    ),
    "log softmax": (softmax_log, lambda x: x - torch.logsumexp(x, 1, keepdim=True), "log_softmax"),
    "log Σ exp": (log_sum_exp, lambda x: torch.logsumexp(x, 1, keepdim=True), "logsumexp"),
    "log Σ exp of all": (
        lambda d, x: d("log", torch.log, d("sum", torch.sum, d("exp", torch.exp, x))),
        lambda x: torch.logsumexp(x, (0, 1)), "logsumexp",
    ),
    "log(1 + exp)": (
        lambda d, x: d("log", torch.log, d("add", torch.add, 1, d("exp", torch.exp, x))),
        lambda x: torch.log1p(torch.exp(x)), "softplus",
    ),
    "log1p(exp)": (
        lambda d, x: d("log1p", torch.log1p, d("exp", torch.exp, x)), lambda x: torch.log1p(torch.exp(x)), "softplus",
    ),
    "exp / Σ exp": (
        lambda d, x: d("div", torch.div, e := d("exp", torch.exp, x), d("sum", torch.sum, e, dim=1, keepdim=True)),
        lambda x: torch.softmax(x, 1), "softmax",
    ),
    "log(1 + u)": (
        lambda d, x: d("log", torch.log, d("add", torch.add, d("square", torch.square, x), 1.0)),
        lambda x: torch.log1p(x * x), "log1p",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", STABLE)
def test_stable_form_keeps_the_digits_that_the_naive_one_loses(what):
    """Both are computed in float32; the truth is the closed form in float64."""
    make, truth, op = STABLE[what]
    x = torch.tensor([[-120.0, -88.5, -30.0, -1e-4], [1e-9, 0.5, 18.0, 100.0], [3e-5, -0.01, 1.0, 30.0]])
    draw = Draw()
    graph = draw.graph(make(draw, draw.given("x", x)))
    simpler = rewrite(graph, training=True)
    assert op in calls(simpler)
    assert len(calls(simpler)) < len(calls(graph))
    expected = truth(x.double()).float()
    naive, stable = run(graph, x), run(simpler, x)
    torch.testing.assert_close(stable, expected, rtol=1e-6, atol=1e-6 if "softmax" in what else 1e-38)
    lost = ~torch.isclose(naive, expected, rtol=0.01, atol=0)
    assert lost[expected.abs() > 1e-12].any(), "the naive form loses nothing here"


@pytest.mark.parametrize("what", STABLE)
def test_stable_form_has_the_same_gradients_where_the_naive_one_is_exact(what):
    make, _, _ = STABLE[what]
    x = torch.linspace(-2, 2, 12, dtype=torch.float64).reshape(3, 4)
    draw = Draw()
    graph = draw.graph(make(draw, draw.given("x", x)))
    naive, stable = (
        torch.autograd.grad(run(one, given).sum(), given)[0]
        for one in (graph, rewrite(graph, training=True))
        if (given := x.clone().requires_grad_()) is not None
    )
    torch.testing.assert_close(stable, naive, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    "make",
    [
        lambda d, x: d("log", torch.log, d("softmax", torch.softmax, x, 1, dtype=torch.float64)),
        lambda d, x: d("log", torch.log, d("sum", torch.sum, d("exp", torch.exp, x), dim=1, dtype=torch.float64)),
        lambda d, x: d("log", torch.log, d("add", torch.add, x, 2.0)),
        lambda d, x: d("log", torch.log, d("add", torch.add, 1, d("exp", torch.exp, x), alpha=2)),
        lambda d, x: d("log", torch.log, d("sub", torch.sub, d("sigmoid", torch.sigmoid, x), 1)),
        lambda d, x: d("log2", torch.log2, d("sigmoid", torch.sigmoid, x)),
        lambda d, x: d("div", torch.div, e := d("exp", torch.exp, x), d("sum", torch.sum, e)),
        lambda d, x: d("div", torch.div, d("exp", torch.exp, x), d("sum", torch.sum, x, dim=1, keepdim=True)),
    ],
)
def test_what_only_resembles_a_naive_form_stays(make):
    draw, x = Draw(), torch.rand(2, 3)
    graph = draw.graph(make(draw, draw.given("x", x)))
    assert [node.call for node in rewrite(graph)] == [node.call for node in graph]


def test_log_of_a_sigmoid_that_is_needed_elsewhere_leaves_it_there():
    draw, x = Draw(), torch.tensor([-200.0, 0.0, 3.0])
    p = draw("sigmoid", torch.sigmoid, draw.given("x", x))
    graph = draw.graph(draw("log", torch.log, p), p)
    simpler = rewrite(graph)
    assert calls(simpler) == ["sigmoid", "logsigmoid"]
    assert run(simpler, x)[0][0] == -200
    assert simpler.outputs == graph.outputs


# -------------------------------------------------------------------------------------------------------------- pooling
def by_expression(d, x, kernel, stride=None, padding=0):
    """As an expression has it."""
    sides = [(side, side) if isinstance(side, int) else side for side in (kernel, stride or kernel, padding)]
    window = dict(zip(("kernel", "stride", "padding"), sides, strict=True))
    return d("max_pool2d", OPERATIONS["max_pool2d"].run, x, **window)


def by_trace(d, x, kernel, *window, part=0):
    return d("max_pool2d", aten.max_pool2d_with_indices.default, x, kernel, *window, part=part)


WINDOWS = [(2, 2, 0), (3, 2, 1), (3, 1, 1), (2, 1, 0), ((3, 2), (2, 3), (1, 0)), (5, 5, 2)]


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("window", WINDOWS)
def test_pooling_by_maxima_gives_the_numbers_of_pooling(window, layout):
    """With infinities, NaN and ties; sides that no window divides."""
    g = torch.Generator().manual_seed(0)
    x = torch.randint(-3, 4, (2, 16, 23, 21), generator=g).double()
    x[0, 0, 3, 4], x[0, 1, 5, 5], x[1] = math.nan, math.inf, x[1] - math.inf * (x[1] > 2)
    x = x.to(memory_format=layout)
    kernel, stride, padding = window
    sides = [[side] * 2 if isinstance(side, int) else side for side in (kernel, stride, padding)]
    for make in (by_expression, by_trace):
        draw = Draw()
        pool = make(draw, draw.given("x", x), *sides)
        graph = draw.graph(draw("neg", torch.neg, pool))
        simpler, applied = rewriting(graph)
        assert [one.rule for one in applied] == ["pooling by maxima"]
        assert list(simpler.nodes) == list(graph.nodes)
        expected, found = run(graph, x), run(simpler, x)
        assert torch.equal(expected.isnan(), found.isnan())
        assert torch.equal(expected.nan_to_num(), found.nan_to_num())


@pytest.mark.parametrize(
    "make",
    [
        lambda d, x: by_trace(d, x, [2, 2], [2, 2], [0, 0], [1, 1], True),
        lambda d, x: by_trace(d, x, [2, 2], [2, 2], [0, 0], [2, 2]),
        lambda d, x: by_trace(d, x, [2, 2], part=1),
        lambda d, x: d("max_pool2d", aten.adaptive_max_pool2d.default, x, [2, 2], part=0),
    ],
)
def test_pooling_with_other_wishes_stays(make):
    draw = Draw()
    graph = draw.graph(make(draw, draw.given("x", torch.randn(2, 16, 23, 23))))
    assert rewriting(graph).applied == ()


def test_pooling_that_keeps_half_windows_is_the_same_where_there_are_none():
    draw, x = Draw(), torch.randn(2, 16, 24, 24)
    graph = draw.graph(by_trace(draw, draw.given("x", x), [2, 2], [2, 2], [0, 0], [1, 1], True))
    assert rewriting(graph).counts == {"pooling by maxima": 1}
    assert torch.equal(run(rewrite(graph), x), run(graph, x))


def test_pooling_for_training_and_of_small_pictures_stays():
    for size, training in ((64, True), (8, False)):
        draw = Draw()
        graph = draw.graph(by_trace(draw, draw.given("x", torch.randn(2, 4, size, size)), [2, 2]))
        assert rewriting(graph, training=training).applied == ()


@pytest.mark.parametrize("power", [2, 2.0, "constant"])
def test_square_is_a_product_with_the_same_gradient(power):
    draw, x = Draw(), AWKWARD.clone()
    if power == "constant":
        power = draw.given("two", torch.tensor(2.0).double(), "constant")
    graph = draw.graph(draw("pow", torch.pow, draw.given("x", x), power))
    simpler = rewrite(graph, training=True)
    assert calls(simpler) == ["mul"]
    torch.testing.assert_close(run(simpler, x), run(graph, x), rtol=1e-15, atol=0, equal_nan=True)
    slopes = []
    for one in (graph, simpler):
        given = torch.linspace(-3, 3, 50).double().requires_grad_()
        slopes.append(torch.autograd.grad(run(one, given).sum(), given)[0])
    assert torch.equal(*slopes)


# -------------------------------------------------------------------------------------------------- batch normalisation
def normalised(d, source, channels, training=False, affine=True):
    g = torch.Generator().manual_seed(5)
    mean, gain, shift = (torch.randn(channels, generator=g) for _ in range(3))
    names = {"mean": mean, "variance": torch.rand(channels, generator=g) + 0.1, "gain": gain, "shift": shift}
    ref = {
        name: d.given(name, data, "parameter" if name in ("gain", "shift") else "buffer")
        for name, data in names.items()
    }
    gain, shift = (ref["gain"], ref["shift"]) if affine else (None, None)
    overload = aten.native_batch_norm.default
    return d("batch_norm", overload, source, gain, shift, ref["mean"], ref["variance"], training, 0.1, 1e-3, part=0)


def layer(d, kind="conv", has_bias=True):
    g = torch.Generator().manual_seed(3)
    bias = d.given("bias", torch.randn(6, generator=g), "parameter") if has_bias else None

    def made(input_shape, weight_shape):
        x = d.given("x", torch.randn(input_shape, generator=g))
        return x, d.given("weight", torch.randn(weight_shape, generator=g), "parameter")

    if kind == "dense":
        x, weight = made((5, 4), (6, 4))
        turned = d("transpose", aten.t.default, weight)
        return d("addmm", aten.addmm.default, bias, x, turned) if has_bias else d("matmul", aten.mm.default, x, turned)
    input_shape, weight_shape, *steps = {
        "conv": ((2, 4, 7, 7), (6, 2, 3, 3), [2, 2], [1, 1], [1, 1], False, [0, 0], 2),
        "signals": ((2, 4, 9), (6, 4, 3), [1], [1], [1], False, [0], 1),
        "transposed": ((2, 4, 7, 7), (4, 3, 2, 2), [2, 2], [0, 0], [1, 1], True, [1, 1], 2),
    }[kind]
    return d("conv", aten.convolution.default, *made(input_shape, weight_shape), bias, *steps)


LAYERS = ["dense", "signals", "conv", "transposed"]


@pytest.mark.parametrize("has_bias", [True, False])
@pytest.mark.parametrize("kind", LAYERS)
def test_batch_norm_is_folded_into_the_layer_before(kind, has_bias):
    draw = Draw()
    source = layer(draw, kind, has_bias)
    graph = draw.graph(normalised(draw, source, 6))
    simpler = rewrite(graph)
    assert "batch_norm" not in calls(simpler)
    assert len(calls(simpler)) == 1
    assert rewriting(graph).counts["batch norm folded"] == 1
    torch.testing.assert_close(run(simpler, draw.held["x"]), run(graph, draw.held["x"]), rtol=1e-5, atol=1e-5)
    other = torch.randn_like(draw.held["x"])
    torch.testing.assert_close(run(simpler, other), run(graph, other), rtol=1e-5, atol=1e-5)


def test_a_batch_norm_without_gain_and_shift_is_folded():
    draw = Draw()
    graph = draw.graph(normalised(draw, layer(draw), 6, affine=False))
    simpler = rewrite(graph)
    assert calls(simpler) == ["conv"]
    torch.testing.assert_close(run(simpler, draw.held["x"]), run(graph, draw.held["x"]), rtol=1e-5, atol=1e-5)


def test_folding_in_float64_is_exact_to_its_rounding():
    draw = Draw()
    graph = draw.graph(normalised(draw, layer(draw), 6))
    double = {
        node.name: replace(node, dtype="float64", data=None if node.data is None else node.data.double())
        for node in graph
    }
    graph = graph.with_nodes(double)
    x = draw.held["x"].double()
    torch.testing.assert_close(run(rewrite(graph), x), run(graph, x), rtol=1e-13, atol=1e-13)


def test_batch_norm_by_the_statistics_of_the_batch_is_not_folded():
    draw = Draw()
    graph = draw.graph(normalised(draw, layer(draw), 6, training=True))
    assert calls(rewrite(graph)) == ["conv", "batch_norm"]


def test_batch_norm_is_not_folded_into_what_others_read_nor_for_training():
    draw = Draw()
    source = layer(draw)
    graph = draw.graph(normalised(draw, source, 6), source)
    assert calls(rewrite(graph)) == ["conv", "batch_norm"]
    draw = Draw()
    graph = draw.graph(normalised(draw, layer(draw), 6))
    assert calls(rewrite(graph, training=True)) == ["conv", "batch_norm"]


def test_batch_norm_over_the_middle_dimension_of_sequences_is_not_folded():
    """Dense layers act on the last dimension, batch normalisation on the second."""
    draw = Draw()
    x, w = draw.given("x", torch.randn(2, 6, 4)), draw.given("w", torch.randn(2, 4, 6), "parameter")
    graph = draw.graph(normalised(draw, draw("matmul", aten.bmm.default, x, w), 6))
    assert calls(rewrite(graph)) == ["matmul", "batch_norm"]


def test_weights_that_are_given_with_each_call_are_not_folded():
    draw = Draw()
    graph = draw.graph(normalised(draw, layer(draw), 6))
    nodes = {**graph.nodes, "weight": replace(graph["weight"], op="input", data=None)}
    assert calls(rewrite(graph.with_nodes(nodes))) == ["conv", "batch_norm"]


# ---------------------------------------------------------------------------------------------------------- the engine
def test_the_given_graph_is_not_touched_and_what_survives_keeps_name_and_edges():
    draw, x = Draw(), torch.rand(3)
    start = draw.given("x", x)
    kept = draw("exp", torch.exp, start, name="kept")
    gone = draw("mul", torch.mul, kept, 1, name="gone")
    last = draw("log", torch.log, draw("sigmoid", torch.sigmoid, gone), name="last")
    graph = draw.graph(last, kept)
    told = Summary(0, 1, 0.5, 0.1, 1.0)
    nodes = {name: replace(node, value=told, module="block", scope="f") for name, node in graph.nodes.items()}
    graph = replace(graph, nodes=nodes, flows={("kept", 0): Flow(1.0), ("last", 0): Flow(2.0)}, of="last")
    before = dict(graph.nodes)
    simpler = rewrite(graph)
    assert dict(graph.nodes) == before
    assert list(simpler.nodes) == ["x", "kept", "last"]
    assert simpler["kept"] is graph["kept"]
    assert set(simpler.flows) == {("kept", 0)}
    assert (simpler["last"].line, simpler["last"].module, simpler["last"].scope) == (graph["last"].line, "block", "f")
    assert simpler["last"].value is None
    assert simpler.outputs == graph.outputs


def test_outputs_keep_order_and_number():
    draw, x = Draw(), torch.rand(3)
    start = draw.given("x", x)
    outputs = [draw("mul", torch.mul, start, 1), draw("exp", torch.exp, start), draw("exp", torch.exp, start), start]
    graph = draw.graph(*outputs, outputs[1])
    simpler = rewrite(graph)
    assert len(simpler.outputs) == 5
    assert same(run(simpler, x), (x, x.exp(), x.exp(), x, x.exp()))


def test_unknown_rules_are_told_with_those_there_are():
    with pytest.raises(ProfundoError, match=r"no rule is called 'onne'; there are .*common parts"):
        rewrite(Graph({}, ()), rules=["onne"])
    with pytest.raises(ProfundoError, match="does not keep gradients"):
        rewrite(Graph({}, ()), rules=["batch norm folded"], training=True)


def test_only_the_chosen_rules_are_used():
    draw = Draw()
    x = draw.given("x", torch.rand(3))
    graph = draw.graph(draw("log", torch.log, draw("sigmoid", torch.sigmoid, draw("mul", torch.mul, x, 1))))
    assert calls(rewrite(graph, rules=["one"])) == ["sigmoid", "log"]
    assert calls(rewrite(graph, rules=[RULES["log of sigmoid"]])) == ["mul", "logsigmoid"]
    assert calls(rewrite(graph, rules=[])) == ["mul", "sigmoid", "log"]


def test_rules_that_undo_each_other_are_stopped():
    def turn(node, _draft):
        return Change(Ref(node.name), (replace(node, call=torch.exp),))

    endless = Rule("endless", "f → f", "never ends", turn, frozenset({"exp"}))
    draw = Draw()
    graph = draw.graph(draw("exp", torch.exp, draw.given("x", torch.rand(2))))
    with pytest.raises(ProfundoError, match="never come to rest; the last was 'endless'"):
        rewrite(graph, rules=[endless])


def test_an_empty_graph_and_one_without_calls_are_left():
    assert len(rewrite(Graph({}, ()))) == 0
    draw = Draw()
    graph = draw.graph(draw.given("x", torch.rand(2)))
    assert rewrite(graph) is graph


def test_every_rule_says_what_it_does_in_one_line():
    for name, rule in RULES.items():
        assert rule.name == name
        assert rule.formula
        assert rule.statement
        assert "\n" not in rule.formula + rule.statement


def test_two_thousand_nodes_are_swept_in_few_sweeps():
    """Time grows with the number of nodes, not its square: calls of rules are counted."""
    counted = Counter()

    def counting(rule):
        def apply(node, draft):
            counted[len(graph)] += 1
            return rule.apply(node, draft)

        return replace(rule, apply=apply)

    for size in (200, 2000):
        draw = Draw()
        at = draw.given("x", torch.rand(2))
        for _ in range(size // 4):
            at = draw("neg", torch.neg, draw("neg", torch.neg, draw("exp", torch.exp, draw("mul", torch.mul, at, 1))))
        graph = draw.graph(at)
        rewrite(graph, rules=[counting(rule) for rule in RULES.values()])
    assert counted[2001] <= 11 * counted[201]


# ---------------------------------------------------------------------------------------------- graphs drawn at random
UNARY = {
    "exp": torch.exp, "log": torch.log, "neg": torch.neg, "sigmoid": torch.sigmoid, "relu": torch.relu,
    "square": torch.square, "log1p": torch.log1p, "tanh": torch.tanh,
}  # fmt: skip
BINARY = {"add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div}
NUMBERS = (1, -1, 0, 1.0, -1.0, 0.0, -0.0, 2, 0.5, 3.0)


@st.composite
def graphs(draw_from, exact):
    draw = Draw()
    values = draw_from(st.lists(st.sampled_from([*AWKWARD.tolist(), 0.3, -0.7, 2.0]), min_size=4, max_size=4))
    refs = [draw.given("x", torch.tensor(values, dtype=torch.float64))]
    refs.append(draw.given("c", torch.tensor(draw_from(st.sampled_from(NUMBERS)), dtype=torch.float64), "constant"))
    unary = [name for name in UNARY if not exact or name in ("neg", "relu", "square", "tanh", "log1p", "sigmoid")]
    for _ in range(draw_from(st.integers(1, 12))):
        pick = st.sampled_from(refs)
        if draw_from(st.booleans()):
            name = draw_from(st.sampled_from(unary))
            refs.append(draw(name, UNARY[name], draw_from(pick)))
        elif draw_from(st.booleans()):
            name = draw_from(st.sampled_from(sorted(BINARY)))
            refs.append(draw(name, BINARY[name], draw_from(pick), draw_from(st.one_of(pick, st.sampled_from(NUMBERS)))))
        else:
            power = draw_from(st.sampled_from([1, 2, 1.0, 2.0, 3]))
            refs.append(draw("pow", torch.pow, draw_from(pick), power))
    outputs = draw_from(st.lists(st.sampled_from(refs), min_size=1, max_size=3))
    return draw.graph(*outputs), draw.held["x"]


def as_tuple(value):
    return value if isinstance(value, tuple) else (value,)


@given(graphs(exact=True))
@settings(max_examples=60, deadline=None)
def test_exact_rules_give_the_same_bits_on_any_graph(case):
    graph, x = case
    simpler = rewrite(graph, [rule for rule in RULES.values() if rule.exact])
    assert same(as_tuple(run(simpler, x)), as_tuple(run(graph, x)))


@given(graphs(exact=False), st.booleans())
@settings(max_examples=60, deadline=None)
def test_rewriting_comes_to_rest_and_adds_no_work(case, training):
    graph, _ = case
    simpler = rewrite(graph, training=training)
    again = rewriting(simpler, training=training)
    assert again.applied == ()
    assert again.graph is simpler
    sigmoids = calls(graph).count("sigmoid")
    assert len(calls(simpler)) <= len(calls(graph)) + sigmoids, "but −x for a log(1 − σ(x)) whose 1 − σ(x) is needed"
    assert len(simpler.outputs) == len(graph.outputs)


@given(graphs(exact=False))
@settings(max_examples=60, deadline=None)
def test_the_function_stays_the_same_on_any_graph(case):
    """Where the naive graph has digits at all: in 10⁻⁹ of float64, on inputs without infinities."""
    graph, _ = case
    x = torch.tensor([0.3, -0.7, 2.0, -1.6], dtype=torch.float64)
    before, after = as_tuple(run(graph, x)), as_tuple(run(rewrite(graph), x))
    exact = as_tuple(run(graph, x * (1 + 1e-13)))
    for one, other, nearby in zip(before, after, exact, strict=True):
        steady = (one - nearby).abs() <= 1e-9 * (one.abs() + 1e-3)
        steady &= one.isfinite() & (one.abs() > 1e-6) & (one.abs() < 1e6)
        torch.testing.assert_close(other.expand_as(one)[steady], one[steady], rtol=1e-8, atol=1e-9)


def test_straight_function_of_a_rewritten_graph_computes_it():
    draw, x = Draw(), torch.tensor([-200.0, 3.0])
    graph = rewrite(draw.graph(draw("log", torch.log, draw("sigmoid", torch.sigmoid, draw.given("x", x)))))
    assert same(straight(graph, ["x"])(x)[0], F.logsigmoid(x))


# ------------------------------------------------------------------------------------ expressions and traced networks
def logistic(simplify):
    """The cross-entropy as the books write it, with its gradients."""
    from profundo.graph.expressions.expression import matrix, shared, vector
    from profundo.graph.expressions.functions import function
    from profundo.graph.expressions.gradients import gradient
    from profundo.graph.operations import log, mean, sigmoid

    x, y = matrix("x", ("n", 3), dtype=torch.float64), vector("y", "n", dtype=torch.float64)
    w, b = shared(torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64), "w"), shared(torch.tensor(0.3).double(), "b")
    p = sigmoid(x @ w + b)
    cost = mean(-(y * log(p) + (1 - y) * log(1 - p)))
    return function([x, y], [cost, *gradient(cost, [w, b])], simplify=simplify)


def test_naive_cross_entropy_and_its_gradients_become_those_of_logits():
    """Against PyTorch's own loss of logits by autograd, at logits of several hundreds."""
    g = torch.Generator().manual_seed(0)
    x, y = 200 * torch.randn(40, 3, generator=g).double(), torch.randint(0, 2, (40,), generator=g).double()
    w, b = torch.tensor([1.0, -2.0, 0.5]).double().requires_grad_(), torch.tensor(0.3).double().requires_grad_()
    cost = F.binary_cross_entropy_with_logits(x @ w + b, y)
    expected = [cost, *torch.autograd.grad(cost, [w, b])]
    assert not logistic(False)(x, y)[0].isfinite()
    for found, true in zip(logistic(True)(x, y), expected, strict=True):
        torch.testing.assert_close(found, true, rtol=1e-12, atol=1e-12)


def slopes_of(naive, sizes, simplify, given):
    from profundo.graph import operations as o
    from profundo.graph.expressions.expression import tensor
    from profundo.graph.expressions.functions import function
    from profundo.graph.expressions.gradients import gradient

    x, y = tensor("x", sizes, dtype=torch.float64), tensor("y", sizes, dtype=torch.float64)
    cost = o.sum(naive(o, x, y))
    return function([x, y], [cost, gradient(cost, x)], simplify=simplify)(*given)


LOSSES = {
    "log softmax": (lambda o, x, y: -y * o.log(o.softmax(x, 1)), lambda x, y: -y * x.log_softmax(1)),
    "log softmax of the first dimension": (
        lambda o, x, y: o.square(o.log(o.softmax(x, 0))) * y, lambda x, y: x.log_softmax(0).square() * y,
    ),
    "log(1 + exp)": (lambda o, x, y: o.log(1 + o.exp(x)) * y, lambda x, y: -F.logsigmoid(-x) * y),
    "log(exp + 1)": (lambda o, x, y: y - 3 * o.log(o.exp(2 * x) + 1), lambda x, y: y + 3 * F.logsigmoid(-2 * x)),
    "log Σ exp": (lambda o, x, y: o.log(o.sum(o.exp(x), 1)) - o.sum(x * y, 1), lambda x, y: x.logsumexp(1) - (x * y).sum(1)),
    "log Σ exp down": (
        lambda o, x, y: o.square(o.log(o.sum(o.exp(x), 0))) * y[0], lambda x, y: x.logsumexp(0).square() * y[0],
    ),
    "x − log Σ exp": (
        lambda o, x, y: (x - o.log(o.sum(o.exp(x), 1, keepdim=True))) * y, lambda x, y: x.log_softmax(1) * y,
    ),
    "log σ": (lambda o, x, y: o.log(o.sigmoid(x)) * y, lambda x, y: F.logsigmoid(x) * y),
    "log(1 − σ)": (lambda o, x, y: 2 * y - o.log(1 - o.sigmoid(3 * x)), lambda x, y: 2 * y - F.logsigmoid(-3 * x)),
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
        for found, true in zip(slopes_of(naive, sizes, True, (x.detach(), y)), expected, strict=True):
            torch.testing.assert_close(found, true, rtol=1e-10, atol=1e-10)
        plain = slopes_of(naive, sizes, False, (x.detach(), y))[1]
        reads_the_value = what in (
            "log softmax of the first dimension",
            "log Σ exp down",
        )  # which is −∞ or ∞ as it stands
        assert plain.isfinite().all() or reads_the_value


def test_a_gradient_by_what_stands_inside_a_log_goes_through_it():
    """The form whose slope is no quotient knows no p; asked for ∂/∂p, the log is differentiated as it stands."""
    x = scalar("x", dtype=torch.float64)
    p = operations.sigmoid(x)
    for cost, by_p in ((operations.log(p), lambda p: 1 / p), (operations.log(1 - p), lambda p: -1 / (1 - p))):
        found = function([x], gradient(cost, [p, x]))(0.4)
        at = torch.sigmoid(torch.tensor(0.4, dtype=torch.float64))
        torch.testing.assert_close(found, [by_p(at), by_p(at) * at * (1 - at)], rtol=1e-12, atol=0)


class Block(torch.nn.Module):
    """What networks have: a shortcut, in-place ReLU, batch normalisation, pooling, dropout, dense layers."""

    def __init__(self):
        super().__init__()
        nn = torch.nn
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(inplace=True))
        self.body = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8))
        self.up = nn.Sequential(nn.ConvTranspose2d(8, 4, 2, stride=2, groups=2), nn.BatchNorm2d(4))
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(4 * 36, 7), nn.BatchNorm1d(7), nn.Linear(7, 2))

    def forward(self, x):
        x = self.stem(x)
        x = torch.relu(x + self.body(x))
        return self.head(F.max_pool2d(torch.relu(self.up(x)), 2)).log_softmax(1)


def trained(net):
    """With statistics that are not those of the beginning."""
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -1, 1)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
            torch.nn.init.normal_(module.weight)
            torch.nn.init.normal_(module.bias)
    return net


def test_predictor_predicts_as_the_net_does_without_batch_norm():
    from profundo.graph.rewriting.engine import predictor
    from profundo.graph.traces.tracing import trace

    torch.manual_seed(0)
    net = trained(Block().double())
    example, other = torch.randn(2, 5, 3, 6, 6, dtype=torch.float64)
    predict = predictor(net, example)
    assert all(module.training for module in net.modules()), "modes stay"
    net.eval()
    torch.testing.assert_close(predict(other), net(other), rtol=1e-12, atol=1e-12)
    counts = rewriting(trace(net, example, backward=False)).counts
    assert counts["batch norm folded"] == 4
    assert not predict(other).requires_grad


def test_predictor_refuses_what_it_was_not_recorded_for():
    from profundo.graph.rewriting.engine import predictor

    predict = predictor(torch.nn.Linear(3, 2), torch.rand(4, 3))
    for wrong in ((torch.rand(5, 3),), (torch.rand(4, 3).double(),), (), (torch.rand(4, 3), torch.rand(4, 3)), (3,)):
        with pytest.raises(ProfundoError, match=r"expected float32 \(4, 3\), got .*; make another predictor"):
            predict(*wrong)


def test_a_net_in_training_mode_keeps_its_batch_norm_and_its_random_numbers():
    from profundo.graph.traces.tracing import trace

    torch.manual_seed(0)
    net, x = Block(), torch.randn(5, 3, 6, 6)
    graph = trace(net, x, backward=False)
    simpler, applied = rewriting(graph)
    assert "batch norm folded" not in {one.rule for one in applied}
    results = []
    for one in (graph, simpler):
        torch.manual_seed(1)
        results.append(run(one, x))
    torch.testing.assert_close(*results, rtol=1e-5, atol=1e-6)


def test_a_program_that_writes_in_place_is_rewritten_from_its_trace():
    """y = 2x is tripled in place after one sum was read from it, so that both sums are needed."""
    from profundo.graph.traces.tracing import trace

    def program(x):
        y = x * 2.0
        before = y + 1.0
        y.view(2, 2).mul_(3.0)
        return before, y + 1.0, x * 2.0

    x = torch.rand(4)
    assert same(run(rewrite(trace(program, x, backward=False)), x), (2 * x + 1, 6 * x + 1, 2 * x))


def test_parameters_are_those_of_the_moment_of_rewriting():
    from profundo.graph.rewriting.engine import predictor

    net, x = (
        trained(torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2), torch.nn.Linear(2, 2))).eval(),
        torch.rand(4, 3),
    )
    predict, before = predictor(net, x), net(x).detach()
    with torch.no_grad():
        net[0].weight.zero_()
        net[2].bias.zero_()
        net[2].weight.zero_()
    torch.testing.assert_close(predict(x), before, rtol=1e-5, atol=1e-6)


def test_gradients_of_long_chains_are_rewritten_without_deep_recursion():
    x = scalar("x", dtype=torch.float64)
    y = x
    for _ in range(400):
        y = operations.sigmoid(y) * 4 - 1.5
    slope = gradient(y, x)
    assert function([x], slope)(0.3).item() == pytest.approx(function([x], slope, simplify=False)(0.3).item(), rel=1e-9)
