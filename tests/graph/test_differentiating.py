"""Derivatives in three ways, against closed forms and PyTorch's autograd in float64."""

import math
import random
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

import profundo.graph as G
from profundo.graph import function, matrix, scalar, shared, tensor, vector
from profundo.graph.derivatives.differentiating import DIFFERENCES, differenced, differentiate, problem
from profundo.graph.derivatives.symbolic import ELEMENTWISE, MOVES, REDUCTIONS
from profundo.graph.expressions.expression import OPERATIONS, ancestors
from profundo.records import ProfundoError
from random_expressions import random_expression

DOUBLE = torch.float64
WAYS = ["automatic", "symbolic", "numerical"]


def seed_example():
    """f = (a + b)·3b at a = 5, b = 3."""
    a, b = scalar("a"), scalar("b")
    return (a + b) * (3 * b), {"a": 5, "b": 3}


def autograd(f, *values):
    """PyTorch's gradients of a function of tensors."""
    leaves = [value.to(DOUBLE).clone().requires_grad_() for value in values]
    found = torch.autograd.grad(f(*leaves), leaves, allow_unused=True)
    return [torch.zeros_like(leaf) if one is None else one for leaf, one in zip(leaves, found, strict=True)]


def close(ours, theirs, tolerance=1e-11):
    torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance, equal_nan=True)


def said(f, at, how="automatic", **options):
    """The error, which must be one line."""
    with pytest.raises(ProfundoError) as caught:
        differentiate(f, at, how, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


class TestAllThreeWays:
    @pytest.mark.parametrize("how", WAYS)
    def test_the_seed_example_has_the_derivatives_of_the_text_book(self, how):
        found = differentiate(*seed_example(), how)
        assert found.value == 72
        tolerance = 1e-9 if how == "numerical" else 0
        assert abs(float(found.gradients["a"]) - 9) <= tolerance
        assert abs(float(found.gradients["b"]) - 33) <= tolerance

    @pytest.mark.parametrize("how", WAYS)
    def test_a_python_function_is_differentiated_like_the_expression(self, how):
        for at in ([5, 3], (5.0, 3.0), {"b": 3, "a": 5}):
            found = differentiate(lambda a, b: (a + b) * 3 * b, at, how)
            close(found.gradients["a"], torch.tensor(9.0, dtype=DOUBLE), 1e-9)
            close(found.gradients["b"], torch.tensor(33.0, dtype=DOUBLE), 1e-9)

    @pytest.mark.parametrize("how", WAYS)
    def test_a_function_written_with_the_operations_of_graphs_works(self, how):
        found = differentiate(lambda x: G.sin(x) * x, 2.0, how)
        close(found.gradients["x"], torch.tensor(math.cos(2) * 2 + math.sin(2), dtype=DOUBLE), 1e-9)

    @pytest.mark.parametrize("how", WAYS)
    def test_an_input_that_f_does_not_use_has_derivative_zero(self, how):
        found = differentiate(lambda a, b: G.sin(a), [3.0, torch.ones(2)], how)  # noqa: ARG005
        assert found.gradients["b"].tolist() == [0, 0]

    @pytest.mark.parametrize("how", WAYS)
    def test_gradients_have_the_shapes_of_the_inputs_and_are_float64(self, how):
        weights, x = matrix("W"), vector("x")
        values = {"W": torch.randn(2, 3), "x": [1, -2, 3]}
        found = differentiate((weights @ x).sum(), values, how)
        assert found.gradients["W"].shape == (2, 3)
        assert {one.dtype for one in found.gradients.values()} == {DOUBLE}
        close(found.gradients["W"], torch.tensor([[1, -2, 3]] * 2, dtype=DOUBLE), 1e-8)
        close(found.gradients["x"], values["W"].to(DOUBLE).sum(0), 1e-8)

    @pytest.mark.parametrize("how", WAYS)
    def test_without_entries_there_are_no_derivatives(self, how):
        found = differentiate(vector("x").sum(), {"x": []}, how)
        assert found.value == 0
        assert found.gradients["x"].shape == (0,)

    @pytest.mark.parametrize("how", WAYS)
    def test_nan_and_infinity_come_as_they_are(self, how):
        a, b = scalar("a"), scalar("b")
        assert math.isnan(float(differentiate(G.sqrt(a), {"a": -1}, how).gradients["a"]))
        assert math.isnan(float(differentiate(a * G.exp(b), {"a": math.nan, "b": 0}, how).gradients["b"]))
        by_zero = float(differentiate(a / b, {"a": 1, "b": 0}, how).gradients["b"])
        assert not math.isfinite(by_zero) or how == "numerical"
        assert math.isnan(differentiate(G.log(a), {"a": -1}, how).value)

    @pytest.mark.parametrize("how", ["automatic", "symbolic"])
    def test_at_a_kink_the_ways_take_the_same_side(self, how):
        a, b = scalar("a"), scalar("b")
        at = {"a": 0, "b": 0}
        assert float(differentiate(G.relu(a), {"a": 0}, how).gradients["a"]) == 0
        assert float(differentiate(G.abs(a), {"a": 0}, how).gradients["a"]) == 0
        assert [float(one) for one in differentiate(G.maximum(a, b), at, how).gradients.values()] == [0.5, 0.5]
        x = vector("x")
        shares = differentiate(G.max(x), {"x": [2, 1, 2, 2]}, how).gradients["x"]
        close(shares, torch.tensor([1 / 3, 0, 1 / 3, 1 / 3], dtype=DOUBLE))

    @pytest.mark.parametrize("how", WAYS)
    def test_a_constant_of_an_expression_in_float32_is_the_number_that_was_written(self, how):
        found = differentiate(0.1 * scalar("a", dtype=torch.float32), {"a": 1}, how).gradients["a"]
        assert abs(float(found) - 0.1) < 1e-10
        if how != "numerical":
            assert float(found) == 0.1

    @pytest.mark.parametrize("how", WAYS)
    def test_shared_values_are_constants_and_stay_as_they_are(self, how):
        weights = shared([2.0, 3.0], "w")
        found = differentiate((weights * vector("x")).sum(), {"x": [1, 1]}, how)
        close(found.gradients["x"], torch.tensor([2.0, 3.0], dtype=DOUBLE), 1e-9)
        assert list(found.gradients) == ["x"]
        assert weights.value.dtype == torch.float32

    @pytest.mark.parametrize("how", WAYS)
    def test_whole_numbers_choose_and_have_no_derivative(self, how):
        logits, labels = matrix("z"), tensor("y", (None,), dtype=torch.int64)
        values = torch.tensor([[0.5, -1.0, 2.0], [1.0, 0.0, -0.5]], dtype=DOUBLE)
        found = differentiate(G.cross_entropy(logits, labels), {"z": values, "y": [2, 0]}, how)
        (expected,) = autograd(lambda z: F.cross_entropy(z, torch.tensor([2, 0])), values)
        assert list(found.gradients) == ["z"]
        close(found.gradients["z"], expected, 1e-9)

    @settings(max_examples=20, deadline=None)
    @given(st.integers(0, 10**6))
    def test_random_expressions_have_the_derivatives_of_autograd(self, seed):
        f, at = random_expression(random.Random(seed))
        inputs = [one for one in ancestors([f]) if one.kind == "input"]
        names = [one.name for one in inputs]
        compiled = function(inputs, f, simplify=False)
        expected = autograd(compiled, *(torch.tensor(at[name], dtype=DOUBLE) for name in names))
        size = max([1.0, *(abs(float(one)) for one in expected)])
        for how, tolerance in (("automatic", 1e-12), ("symbolic", 1e-11), ("numerical", 1e-6)):
            found = differentiate(f, at, how).gradients
            for name, one in zip(names, expected, strict=True):
                assert abs(float(found[name]) - float(one)) <= tolerance * size, (how, f, at)


class TestDifferences:
    @pytest.mark.parametrize(("differences", "evaluations"), [("forward", 4), ("central", 6), ("five-point", 12)])
    def test_evaluations_are_as_many_as_f_is_called(self, differences, evaluations):
        calls = []

        def f(x):
            calls.append(1)
            return (x**3).sum()

        asked = problem(f, torch.tensor([1.0, 2.0, 3.0]))
        calls.clear()
        differenced(asked, DIFFERENCES[differences], None)
        assert len(calls) == evaluations
        assert differentiate(f, torch.ones(3), "numerical", differences=differences).evaluations == evaluations

    @pytest.mark.parametrize(("differences", "error"), [("forward", 1e-7), ("central", 1e-9), ("five-point", 1e-11)])
    def test_the_chosen_step_gives_about_the_digits_that_theory_promises(self, differences, error):
        for x in (-0.7, 0.3, 1.0):
            found = differentiate(torch.sin, x, "numerical", differences=differences).gradients["x"]
            assert abs(float(found) - math.cos(x)) < error

    def test_the_error_of_forward_differences_on_a_square_is_the_step(self):
        found = differentiate(lambda x: x * x, 3.0, "numerical", differences="forward", step=0.5)
        assert float(found.gradients["x"]) == 6.5

    @pytest.mark.parametrize(("differences", "degree"), [("forward", 1), ("central", 2), ("five-point", 4)])
    def test_polynomials_up_to_the_order_are_exact(self, differences, degree):
        found = differentiate(lambda x: x**degree, 3.0, "numerical", differences=differences, step=0.5)
        assert float(found.gradients["x"]) == pytest.approx(degree * 3.0 ** (degree - 1), rel=1e-14)
        wrong = differentiate(lambda x: x ** (degree + 1), 3.0, "numerical", differences=differences, step=0.5)
        assert float(wrong.gradients["x"]) != pytest.approx((degree + 1) * 3.0**degree, rel=1e-6)

    def test_functions_of_python_numbers_can_be_differentiated(self):
        found = differentiate(lambda x: math.sin(float(x)), 1.0, "numerical")
        assert float(found.gradients["x"]) == pytest.approx(math.cos(1), rel=1e-8)

    def test_a_step_too_small_to_move_x_gives_nan(self):
        assert math.isnan(float(differentiate(torch.sin, 1.0, "numerical", step=1e-30).gradients["x"]))

    def test_the_point_is_left_as_it_was(self):
        x = torch.tensor([1.0, 2.0], dtype=DOUBLE)
        differentiate(lambda x: (x * x).sum(), x, "numerical")
        assert x.tolist() == [1, 2]


def drawn(*shape, seed=0):
    """Distinct numbers between 0.3 and 0.9, in the domain of every operation and away from kinks."""
    count = math.prod(shape)
    places = torch.randperm(count, generator=torch.Generator().manual_seed(seed)).to(DOUBLE)
    return (0.3 + 0.6 * (places + 0.5) / count).reshape(shape)


ONE = {
    name: getattr(torch, name)
    for name in (
        *("abs", "acos", "asin", "atan", "ceil", "cos", "cosh", "erf", "exp", "expm1", "floor", "log", "log10", "log1p"),
        *("log2", "neg", "reciprocal", "relu", "round", "sigmoid", "sign", "sin", "sinh", "sqrt", "square", "tan", "tanh"),
    )
} | {
    "elu": F.elu, "gelu": F.gelu, "leaky_relu": F.leaky_relu, "logsigmoid": F.logsigmoid, "silu": F.silu,
    "softplus": F.softplus,
}  # fmt: skip
TWO = {"add", "atan2", "div", "logaddexp", "maximum", "minimum", "mul", "pow", "remainder", "sub"}
TRUTHS = {
    "less": torch.lt, "less_equal": torch.le, "greater": torch.gt, "greater_equal": torch.ge, "equal": torch.eq,
    "not_equal": torch.ne,
}  # fmt: skip
MANY = {
    "sum": (lambda g, x: g.sum(x**2, 1), [(2, 3)]),
    "mean": (lambda g, x: g.mean(x**2, 0), [(2, 3)]),
    "keepdim": (lambda g, x: (x - g.mean(x, 0, True)) ** 3, [(3, 2)]),
    "cumsum": (lambda g, x: g.cumsum(x, 0) ** 2, [(3, 2)]),
    "softmax": (lambda g, x: g.softmax(x, 0) ** 2, [(3, 2)]),
    "log_softmax": (lambda g, x: g.log_softmax(x, 1) ** 2, [(2, 3)]),
    "logsumexp": (lambda g, x: g.logsumexp(x, 1) ** 2, [(2, 3)]),
    "std": (lambda g, x: g.std(x, 1), [(2, 3)]),
    "broadcasting": (lambda _, x, y: x * y, [(2, 3), (3,)]),
    "stretching": (lambda _, x, y: x / y, [(2, 3), (2, 1)]),
    "matrix by matrix": (lambda g, x, y: g.tanh(x @ y), [(2, 3), (3, 2)]),
    "matrix by vector": (lambda g, x, y: g.tanh(x @ y), [(2, 3), (3,)]),
    "vector by matrix": (lambda g, x, y: g.tanh(x @ y), [(2,), (2, 3)]),
    "vector by vector": (lambda g, x, y: g.tanh(x @ y), [(3,), (3,)]),
    "batches of matrices": (lambda _, x, y: x @ y, [(2, 2, 3), (3, 2)]),
    "transposing": (lambda _, x: x.T @ x, [(2, 3)]),
    "reshaping": (lambda _, x: x.reshape(3, 2) @ x, [(2, 3)]),
    "indexing": (lambda _, x: x[1:, 0] * x[0, 1:], [(3, 3)]),
    "indexing by numbers": (lambda _, x: x[torch.tensor([2, 0, 2])] ** 2, [(3, 2)]),
    "flipping": (lambda g, x: g.flip(x, (0,) if g is torch else 0) * x, [(3,)]),
    "adding dimensions": (lambda g, x: g.unsqueeze(x, 0) * g.unsqueeze(x, 1), [(3,)]),
    "removing dimensions": (lambda g, x: g.squeeze(x, 1) ** 2, [(3, 1)]),
    "joining": (lambda g, x, y: (g.cat if g is torch else g.concat)([x, y, x], 0) ** 2, [(2,), (3,)]),
    "stacking": (lambda g, x, y: g.stack([x, y, x]) ** 2, [(3,), (3,)]),
    "where": (lambda g, x: g.where(x > 0.5, x**2, g.sin(x)), [(5,)]),
    "truth as a number": (lambda g, x: x * (x > 0.5 if g is torch else g.cast(x > 0.5, DOUBLE)), [(5,)]),
    "logic": (
        lambda g, x: g.where(g.logical_and(x > 0.4, g.logical_not(g.logical_or(x > 0.8, x < 0.2))), x**2, x), [(5,)]
    ),
}  # fmt: skip


def symbolically(ours, theirs, values):
    """By formulas as by autograd, every entry weighed differently."""

    def weighed(out):
        shape = tuple(out.shape)
        weights = torch.linspace(0.5, 1.5, math.prod(shape), dtype=DOUBLE).reshape(shape)
        return (out * weights).sum()

    inputs = [tensor(f"x{at}", tuple(value.shape), dtype=DOUBLE) for at, value in enumerate(values)]
    found = differentiate(
        weighed(ours(*inputs)), dict(zip([one.name for one in inputs], values, strict=True)), "symbolic"
    )
    for one, expected in zip(found.gradients.values(), autograd(lambda *v: weighed(theirs(*v)), *values), strict=True):
        close(one, expected)
    return found


class TestFormulas:
    def test_the_seed_example_has_the_formulas_of_the_text_book(self):
        formulas = differentiate(*seed_example(), "symbolic").formulas
        assert formulas.by_entry["a"].text == "3·b"
        assert formulas.by_entry["b"].text == "3·a + 6·b"
        assert formulas.by_entry["b"].latex == r"3 \cdot a + 6 \cdot b"
        assert (formulas.written_out, formulas.shared) == (4, 4)

    @pytest.mark.parametrize("name", sorted(ONE))
    def test_a_function_of_one_number_has_the_derivative_of_autograd(self, name):
        symbolically(getattr(G, name), ONE[name], [drawn(3)])

    @pytest.mark.parametrize("name", sorted(TWO))
    def test_a_function_of_two_numbers_has_the_derivatives_of_autograd(self, name):
        symbolically(getattr(G, name), getattr(torch, name), [drawn(3), drawn(3, seed=1) + 0.013])

    @pytest.mark.parametrize("name", sorted(TRUTHS))
    def test_a_comparison_chooses_as_it_does_in_pytorch(self, name):
        values = [torch.tensor([1.0, 2.0, 3.0], dtype=DOUBLE), torch.tensor([2.0, 2.0, 2.0], dtype=DOUBLE)]
        symbolically(
            lambda x, y: G.where(getattr(G, name)(x, y), x * y, x + y),
            lambda x, y: torch.where(TRUTHS[name](x, y), x * y, x + y),
            values,
        )

    @pytest.mark.parametrize("name", sorted(MANY))
    def test_vectors_and_matrices_have_the_derivatives_of_autograd(self, name):
        f, shapes = MANY[name]
        values = [drawn(*shape, seed=at) for at, shape in enumerate(shapes)]
        symbolically(lambda *v: f(G, *v), lambda *v: f(torch, *v), values)

    def test_every_operation_has_a_formula_or_is_named_as_one_that_has_none(self):
        known = {*ELEMENTWISE, *MOVES, *REDUCTIONS, "cast"}
        assert known <= set(OPERATIONS)
        images = {name for name in OPERATIONS if any(word in name for word in ("conv", "pool", "unpool", "largest"))}
        rarely = {"scatter", "place", "argmax", "argmin"}  # only in gradients, or without a slope
        matrices = {
            "cholesky",
            "cofactors",
            "det",
            "einsum",
            "eye_like",
            "inv",
            "logdet",
            "solve",
            "trace",
            "tril",
            "triu",
        }
        others = {"argsort", "gather", "put", "pad", "factorial", "digamma", "polygamma"}
        assert set(OPERATIONS) - known <= images | rarely | matrices | others

    def test_an_operation_without_a_formula_is_named(self):
        image, kernel = tensor("i", (1, 1, 3, 3)), tensor("k", (1, 1, 2, 2))
        message = said(
            G.conv2d(image, kernel).sum(), {"i": torch.ones(1, 1, 3, 3), "k": torch.ones(1, 1, 2, 2)}, "symbolic"
        )
        assert "no formula for conv2d" in message

    def test_the_first_derivative_of_a_gradient_is_the_second(self):
        a = scalar("a", dtype=DOUBLE)
        found = differentiate(G.gradient(G.sin(a) * G.abs(a), a), {"a": 2}, "symbolic")
        assert float(found.gradients["a"]) == pytest.approx(2 * math.cos(2) - 2 * math.sin(2), rel=1e-14)

    @pytest.mark.parametrize("size", [1, 3])
    def test_gradients_through_broadcasting_have_formulas_too(self, size):
        x, y = vector("x", size, dtype=DOUBLE), matrix("y", (2, 3), dtype=DOUBLE)
        values = [drawn(size), drawn(2, 3, seed=1)]
        slope = G.gradient((G.softmax(x * y) * y).sum(), x)
        ours = differentiate((slope * slope).sum(), {"x": values[0], "y": values[1]}, "symbolic").gradients

        def theirs(x, y):
            cost = (torch.softmax(x * y, -1) * y).sum()
            return torch.autograd.grad(cost, x, create_graph=True)[0].square().sum()

        for one, expected in zip(ours.values(), autograd(theirs, *values), strict=True):
            close(one, expected)

    def test_what_is_not_chosen_has_no_share_even_if_it_has_no_value(self):
        a = scalar("a")
        f = G.where(a > 0, G.sqrt(a), 0.0)
        assert float(differentiate(f, {"a": -1}, "symbolic").gradients["a"]) == 0

    def test_simplifying_finds_that_sine_and_cosine_squared_are_one(self):
        a, b = scalar("a"), scalar("b")
        f = (G.sin(a) * G.cos(b)) ** 2 + (G.sin(a) * G.sin(b)) ** 2
        plain, simple = (differentiate(f, {"a": 1, "b": 2}, "symbolic", simplify=on).formulas for on in (False, True))
        assert simple.by_entry["b"].text == "0"
        assert simple.written_out < plain.written_out

    def test_the_formula_swells_and_sharing_undoes_it(self):
        """The logistic map iterated: the formula doubles, and more, with each iteration (Baydin et al. 2018, table 1)."""
        x = scalar("x")
        value = x
        written, shared_, chain = [], [], []
        for times in range(1, 9):
            value = 4 * value * (1 - value)
            found = differentiate(value, {"x": 0.3}, "symbolic")
            written.append(found.formulas.written_out)
            shared_.append(found.formulas.shared)
            chain.append(differentiate(value, {"x": 0.3}).operations)
            (expected,) = autograd(logistic(times), torch.tensor(0.3, dtype=DOUBLE))
            close(found.gradients["x"], expected, 1e-10)
        assert all(later > 2 * earlier for earlier, later in pairwise(written))
        assert shared_[-1] < written[-1] / 50
        steps = {later - earlier for earlier, later in pairwise(chain)}
        assert len(steps) == 1, "the chain rule costs the same for each iteration"
        assert found.formulas.by_entry["x"].text == "", "a formula of thousands of operations is not written"
        assert found.formulas.by_entry["x"].operations == written[-1]

    def test_a_formula_too_long_or_too_deep_is_refused_in_one_line(self):
        x = scalar("x")
        long = deep = x
        for _ in range(18):
            long = 4 * long * (1 - long)
        for _ in range(1000):
            deep = G.sin(deep)
        assert "parts" in said(long, {"x": 0.3}, "symbolic")
        assert "too deeply" in said(deep, {"x": 0.3}, "symbolic")
        assert math.isfinite(float(differentiate(deep, {"x": 0.3}).gradients["x"]))
        assert "entries" in said(vector("v").sum(), {"v": torch.ones(401)}, "symbolic")
        v = vector("v")
        assert "entries" in said(G.outer(v, v).sum(), {"v": torch.ones(100)}, "symbolic")

    def test_names_are_never_read_as_code(self, tmp_path):
        mark = tmp_path / "run"
        name = f"__import__('pathlib').Path({str(mark)!r}).touch() or lambda"
        found = differentiate(scalar(name) ** 2, {name: 3}, "symbolic")
        assert float(found.gradients[name]) == 6
        assert not mark.exists()

    def test_entries_have_names_that_no_other_input_has(self):
        x, x0, weights = vector("x"), scalar("x0"), matrix("W", (2, 2))
        f = (x * x).sum() * x0 + (weights * weights).sum()
        found = differentiate(f, {"x": [1, 2], "x0": 3, "W": torch.ones(2, 2)}, "symbolic")
        assert sorted(found.formulas.by_entry) == ["W00", "W01", "W10", "W11", "x0", "x[0]", "x[1]"]
        assert found.gradients["x"].tolist() == [6, 12]
        assert found.gradients["x0"].item() == 5

    def test_an_input_with_the_name_of_an_entry_is_not_taken_for_it(self):
        f = (vector("x") ** 2).sum() * scalar("x0") * scalar("x[0]")
        found = differentiate(f, {"x": [1, 2], "x0": 3, "x[0]": 5}, "symbolic")
        assert list(found.formulas.by_entry) == ["x′[0]", "x′[1]", "x0", "x[0]"]
        assert found.gradients["x"].tolist() == [30, 60]
        assert (found.gradients["x0"].item(), found.gradients["x[0]"].item()) == (25, 15)

    def test_infinite_and_undefined_constants_come_as_they_are(self):
        a = scalar("a")
        for value in (math.inf, -math.inf, math.nan):
            found = float(differentiate(a * value, {"a": 2}, "symbolic").gradients["a"])
            assert found == value or (math.isnan(found) and math.isnan(value))


def logistic(times):
    def f(x):
        for _ in range(times):
            x = 4 * x * (1 - x)
        return x

    return f


class TestCounts:
    def test_operations_are_counted_by_hand(self):
        """(a + b)·(3·b): two products and a sum; backward ∂f/∂u = v, ∂f/∂v = u, then 3·u, and one sum for b."""
        found = differentiate(*seed_example())
        assert found.operations_of_f == 3
        assert found.operations == 5
        assert differentiate(*seed_example(), "numerical").operations == 4 * 3

    def test_a_matrix_product_counts_multiplications_and_additions(self):
        found = differentiate((matrix("W") @ vector("x")).sum(), {"W": torch.ones(20, 30), "x": torch.ones(30)})
        assert 2 * 20 * 30 <= found.operations_of_f <= 2 * 20 * 30 + 600
        assert found.operations <= 4 * found.operations_of_f


class TestMistakes:
    @pytest.mark.parametrize(
        ("f", "at", "expected"),
        [
            (vector("x") * 2, {"x": [1, 2]}, "single fraction"),
            (lambda x: x * 2, torch.ones(2), "shape (2,); take its sum or mean"),
            (scalar("a") > 0, {"a": 1}, "single fraction"),
            (scalar("a") * 2, {}, "a has no value"),
            (scalar("a") * 2, {"a": 1, "b": 2}, "no input 'b'"),
            (scalar("a") * 2, 3.0, "by name"),
            (scalar("a") * 2, {"a": [1, 2]}, "a: expected a number"),
            (scalar("a") * 2, {"a": "one"}, "got str"),
            (scalar("a") * 2, {"a": 1j}, "complex"),
            (scalar("a") * scalar("a"), {"a": 1}, "same name"),
            ((vector("a", "n") * vector("b", "n")).sum(), {"a": [1, 2], "b": [1, 2, 3]}, "n is 2 in a and 3 in b"),
            (lambda a, b: a * b, [1.0], "missing a required argument: 'b'"),
            (lambda a: a, [1.0, 2.0], "made a tensor"),
            (lambda a: a, {"b": 1.0}, "do not fit f"),
            (lambda a: math.sin(a.item()), 1.0, "no way from the inputs to f"),
            (3.0, 1.0, "an expression or a function, got float"),
        ],
    )
    def test_a_mistake_is_told_in_one_line(self, f, at, expected):
        assert expected in said(f, at)

    def test_unknown_ways_and_options_are_told_with_those_that_exist(self):
        assert "automatic, symbolic, numerical" in said(*seed_example(), "magic")
        assert "forward, central, five-point" in said(*seed_example(), "numerical", differences="backward")
        assert "no options, not 'step'" in said(*seed_example(), "automatic", step=0.1)
        assert "'h'" in said(*seed_example(), "numerical", h=0.1)
        for step in (0, -1, math.nan, math.inf, "1"):
            assert "step above 0" in said(*seed_example(), "numerical", step=step)

    def test_a_function_of_tensors_only_has_no_formula_and_says_what_is_needed(self):
        message = said(lambda x: x.sin(), 1.0, "symbolic")
        assert "functions of profundo.graph" in message
        assert "where(" in said(lambda x: x if x > 0 else -x, 1.0, "symbolic")

    def test_what_f_itself_raises_is_raised(self):
        with pytest.raises(ZeroDivisionError):
            differentiate(lambda x: x * (1 // 0), 1.0)
        with pytest.raises(TypeError):
            differentiate(lambda x: x + None, 1.0)

    def test_printing_obeys_no_control_character(self):
        name = "a\x1b[2J"
        printed = str(differentiate(scalar(name) * 2, {name: 1}))
        assert "\x1b" not in printed
        assert "f = 2" in printed
