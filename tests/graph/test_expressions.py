"""What is known of an expression before there are values: shape, dtype, line, formula; and what cannot be built."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from profundo.graph import constant, function, gradient, matrix, operations, scalar, shared, tensor, vector
from profundo.graph.expressions.expression import ancestors
from profundo.graph.expressions.sizes import Mismatch, any_size, broadcast, same
from profundo.records import ProfundoError


def test_shapes_are_known_before_there_are_values():
    X, w = matrix("X", ("n", 30)), vector("w", 30)
    assert (X @ w).shape == ("n",)
    assert (X.T @ X).shape == (30, 30)
    assert (X[:, :10] @ w[:10]).shape == ("n",)
    assert X.mean(0).shape == (30,)
    assert operations.softmax(X, 1).shape == ("n", 30)
    assert operations.reshape(tensor("i", ("n", 1, 28, 28)), -1, 784).shape == ("n", 784)
    assert operations.conv2d(tensor("i", ("n", 1, 28, 28)), constant(torch.zeros(6, 1, 5, 5))).shape == ("n", 6, 24, 24)
    assert operations.max_pool2d(tensor("i", ("n", 6, 24, 24)), 2).shape == ("n", 6, 12, 12)
    assert operations.concat([X, X], 1).shape == ("n", 60)
    assert operations.take(constant(torch.zeros(100, 8)), tensor("ids", ("n", 5), dtype=torch.int64)).shape == (
        "n",
        5,
        8,
    )


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda X, v: X @ v, ["matmul", "X (input, n×30", "v (input, 20-vector", "30 and 20"]),
        (lambda X, v: X + v, ["add", "X (input, n×30", "v (input, 20-vector", "30 and 20"]),
        (lambda X, v: X * matrix("M", ("m", 30)), ["mul", "n and m differ"]),
        (lambda X, v: X * 2 @ v, ["X·2 (n×30", "v (input"]),
        (lambda X, v: operations.concat([X, v]), ["concat", "2 and 1 dimensions"]),
        (lambda X, v: X[:, 30], ["index 30 is outside a dimension of size 30"]),
        (lambda X, v: X[0, 0, 0], ["3 indices for 2 dimensions"]),
        (lambda X, v: v.reshape(3, 7), ["20 entries do not make 3×7"]),
        (lambda X, v: scalar("s") @ v, ["a single number is multiplied with *"]),
        (lambda X, v: operations.conv2d(X, v), ["expected (batch, channels, 2 sizes)"]),
        (
            lambda X, v: operations.conv2d(tensor("i", (1, 3, 4, 4)), constant(torch.zeros(2, 1, 3, 3))),
            ["channels 3 and 1 differ"],
        ),
        (
            lambda X, v: operations.conv2d(tensor("i", (1, 1, 2, 2)), constant(torch.zeros(2, 1, 3, 3))),
            ["a window of 3 does not fit into 2"],
        ),
        (lambda X, v: operations.max(v[:0]), ["nothing to choose from"]),
        (lambda X, v: v.sum(1), ["expected a dimension from -1 to 0, got 1"]),
        (lambda X, v: X.sum([0, -2]), ["each dimension once"]),
        (lambda X, v: operations.permute(X, (0, 0)), ["each of 2 dimensions once"]),
        (lambda X, v: v + "one", ["expected a number, array or expression, got 'one'"]),
        (lambda X, v: v + None, ["expected a number, array or expression, got None"]),
        (lambda X, v: v * 1j, ["complex"]),
        (lambda X, v: v[v], ["expected whole numbers"]),
        (lambda X, v: operations.squeeze(v, 0), ["has size 20, not 1"]),
        (lambda X, v: operations.clip(v), ["a lower bound"]),
        (lambda X, v: operations.pick(X, v), ["whole numbers"]),
        (lambda X, v: gradient(v, X), ["single fraction", "v (input, 20-vector"]),
        (lambda X, v: gradient(v.sum(), vector("i", dtype=torch.int64)), ["only fractions have derivatives"]),
        (lambda X, v: bool(v), ["no truth value"]),
        (lambda X, v: list(X), ["cannot be taken apart"]),
        (lambda X, v: v.value, ["has no value of its own"]),
        (lambda X, v: v.named("w"), ["is given"]),
        (lambda X, v: (v + 1).named(""), ["a name is a word"]),
        (lambda X, v: matrix("M", (1,)), ["expected (rows, columns)"]),
        (lambda X, v: vector("v", -1), ["a size is a number ≥ 0"]),
        (lambda X, v: operations.avg_pool2d(tensor("i", (1, 1, 4, 4)), 2, padding=2), ["more than half"]),
        (lambda X, v: operations.conv1d(tensor("i", (1, 1, 4)), constant(torch.zeros(1, 1, 2)), stride=0), ["≥ 1"]),
    ],
)
def test_what_does_not_fit_is_an_error_where_it_is_built(build, words):
    X, v = matrix("X", ("n", 30)), vector("v", 20)
    with pytest.raises(ProfundoError) as error:
        build(X, v)
    told = str(error.value)
    assert "\n" not in told
    for word in words:
        assert word in told, told


def test_an_error_names_the_lines_that_built_the_operands():
    X = matrix("X", ("n", 30))
    w = shared(np.zeros((20, 1)), "w")
    with pytest.raises(ProfundoError) as error:
        X @ w
    line = X.line.split(":")
    assert line[0] == "test_expressions.py"
    assert X.line in str(error.value)
    assert w.line in str(error.value)
    assert f"test_expressions.py:{int(line[1]) + 3}" in str(error.value)


def test_sizes_that_nobody_named_fit_any_other_and_words_only_themselves():
    assert same("?1", 3) == 3
    assert same(3, "?1") == 3
    assert same("n", "?1") == "n"
    assert same("n", 5) == 5
    with pytest.raises(Mismatch):
        same("n", "m")
    with pytest.raises(Mismatch):
        same(2, 3)
    assert broadcast([("n", 1), (4,)]) == ("n", 4)
    assert broadcast([(), (2, 3)]) == (2, 3)
    assert broadcast([(1,), (0,)]) == (0,)
    assert any_size() != any_size()


def test_numbers_take_the_dtype_of_their_fellow_and_keep_all_digits():
    x = scalar("x", dtype=torch.float64)
    assert (0.1 * x).dtype == torch.float64
    assert function([x], 0.1 * x)(1.0).item() == 0.1
    i = scalar("i", dtype=torch.int64)
    assert (i + 1).dtype == torch.int64
    assert (i + 0.5).dtype == torch.float32
    assert (i / 2).dtype == torch.float32
    assert (vector("v", dtype=torch.float32) * x).dtype == torch.float32  # as in PyTorch: one number beside an array
    assert operations.exp(i).dtype == torch.float32
    assert (i < 3).dtype == torch.bool


def test_arrays_and_lists_leave_arithmetic_to_the_expression():
    v = vector("v", 3, dtype=torch.float64)
    for left in (np.arange(3.0) * v, torch.arange(3.0, dtype=torch.float64) * v, np.float64(2.0) * v):
        assert left.shape == (3,)
    assert function([v], np.arange(3.0) * v)([1, 1, 2]).tolist() == [0, 1, 4]
    assert function([v], v - [1, 2, 3])([1, 1, 1]).tolist() == [0, -1, -2]


def test_formulas_have_no_more_parentheses_than_they_need():
    a, b, c = scalar("a"), scalar("b"), scalar("c")
    for expression, text in [
        (a * b + c, "a·b + c"),
        ((a + b) * c, "(a + b)·c"),
        (a - (b - c), "a − (b − c)"),
        (a - b - c, "a − b − c"),
        (a / (b * c), "a / (b·c)"),
        (a / b * c, "a / b·c"),
        (-(a**2), "−a^2"),
        ((-a) ** 2, "(−a)^2"),
        ((a**b) ** c, "(a^b)^c"),
        (a ** (b**c), "a^(b^c)"),
        (a * -b, "a·(−b)"),
        (a + -2.0, "a + (−2)"),
        (operations.log(a + 1), "log(a + 1)"),
        (abs(a), "|a|"),
        ((a < b) & (b < c), "a < b and b < c"),
        (operations.maximum(a, 0), "max(a, 0)"),
        ((a + b).named("u") * c, "u·c"),
        (vector("v").sum(), "sum(v)"),
        (matrix("M").sum(0), "sum(M, dim=0)"),
        (operations.softmax(matrix("M"), 0), "softmax(M, dim=0)"),
        (matrix("M")[0, 1:, None], "M[0, 1:, None]"),
        (matrix("M")[vector("i", dtype=torch.int64)], "M[i]"),
        (matrix("M").T @ vector("v"), "Mᵀ @ v"),
    ]:
        assert repr(expression) == text


def test_latex_has_fractions_indices_and_greek_letters():
    from profundo.graph.expressions.writing import write_latex

    a, w1, s = scalar("a"), scalar("w1"), scalar("sigma")
    assert write_latex((a + 1) / w1) == r"\frac{a + 1}{w_{1}}"
    assert write_latex(s**2 * a) == r"\sigma^{2} \cdot a"
    assert write_latex(operations.sqrt(a)) == r"\sqrt{a}"
    assert write_latex(scalar("learning_rate") * a) == r"\mathrm{learning}_{\mathrm{rate}} \cdot a"
    assert write_latex(scalar("layer.0 weight_%") * a) == r"\mathrm{layer.0 weight\_\%} \cdot a"
    assert write_latex(operations.cast(a > 0, torch.float32)) == r"\left[a > 0\right]"
    assert write_latex(constant(1e-7) * a) == r"1 \cdot 10^{-7} \cdot a"


def test_a_long_expression_is_printed_line_by_line():
    x = scalar("x")
    y = x
    for _ in range(40):
        y = operations.sin(y) * x
    lines = str(y).splitlines()
    assert len(lines) == 80
    assert lines[0] == "u = sin(x)"
    assert lines[-1].startswith("f = ")


def test_very_deep_expressions_need_no_deep_recursion():
    x = scalar("x")
    y = x
    for _ in range(5000):
        y = y + 1.0
    assert len(ancestors([y])) == 10001
    assert len(repr(y)) < 2000
    assert function([x], gradient(y, x))(3.0).item() == 1.0


def test_an_expression_can_be_unpacked_where_its_size_is_known():
    first, second = vector("v", 2)
    assert first.shape == second.shape == ()


def test_functions_of_torch_build_expressions_too():
    from torch.nn import functional

    x, X = vector("x", 3), matrix("X", (3, 2))
    t = torch.arange(3.0)
    for expression, text in [
        (torch.sigmoid(x), "sigmoid(x)"),
        (functional.softmax(X, dim=0), "softmax(X, dim=0)"),
        (torch.sum(X, dim=0), "sum(X, dim=0)"),
        (torch.amax(X, 1, keepdim=True), "max(X, dim=1, keepdim=True)"),
        (torch.matmul(x, X), "x @ X"),
        (torch.cat([x, x]), "concat(x, x, dim=0)"),
        (torch.where(x > 0, x, 0.0), "where(x > 0, x, 0)"),
        (torch.linalg.inv(X @ X.T), "(X @ Xᵀ)⁻¹"),
        (torch.einsum("i,ij->j", x, X), "einsum(x, X, equation=i,ij->j)"),
        (functional.pad(x, (1, 0)), "pad(x, widths=(1, 0), value=0.0)"),
    ]:
        assert repr(expression) == text
    for ours, theirs in [
        (t - x, lambda x: t - x),
        (t / (x + 1), lambda x: t / (x + 1)),
        (2**x, lambda x: 2**x),
        (t @ x, t.dot),
    ]:
        at = torch.tensor([0.5, 1.0, 2.0])
        torch.testing.assert_close(function([x], ours)(at), theirs(at))
    with pytest.raises(ProfundoError, match=r"torch\.linalg_eigvals does not take expressions"):
        torch.linalg.eigvals(X)
    with pytest.raises(ProfundoError, match=r"torch\.sort does not take expressions"):
        torch.sort(x)
    with pytest.raises(ProfundoError, match="unexpected keyword argument"):
        torch.nn.functional.gelu(x, approximate="tanh")


def test_a_word_beside_an_unknown_size_may_be_stretched():
    x, y = vector("x", "n", dtype=torch.float64), vector("y", dtype=torch.float64)
    assert (x * y).shape[0] != "n"
    assert (x * x).shape == ("n",)
    for simplify in (False, True):
        slope = function([x, y], gradient((x * y).sum(), x), simplify=simplify)([2.0], [1.0, 2.0, 3.0])
        assert slope.tolist() == [6.0]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_an_index_gives_the_shape_that_pytorch_gives(data):
    shape = data.draw(st.lists(st.integers(2, 4), min_size=1, max_size=4))
    kinds = st.sampled_from(["number", "slice", "all", "none", "one", "list", "table"])
    drawn = data.draw(st.lists(kinds, min_size=1, max_size=len(shape)))
    plain = {"number": 0, "slice": slice(1, 3), "all": slice(None), "none": None}
    places = {"one": (), "list": (3,), "table": (2, 3)}
    inputs, values, at = [tensor("x", [None] * len(shape))], [torch.randn(shape)], []
    for number, kind in enumerate(drawn):
        if kind in places:
            inputs.append(tensor(f"i{number}", places[kind], dtype=torch.int64))
            values.append(torch.ones(places[kind], dtype=torch.int64))
        at.append(plain[kind] if kind in plain else inputs[-1])
    chosen = iter(values[1:])
    real = values[0][tuple(plain[kind] if kind in plain else next(chosen) for kind in drawn)]
    ours = inputs[0][tuple(at)]
    assert torch.equal(function(inputs, ours)(*values), real)
    assert len(ours.shape) == real.dim()
    assert all(a == b for a, b in zip(ours.shape, real.shape, strict=True) if isinstance(a, int))


def test_lists_of_places_are_broadcast_and_slices_of_unknown_sizes_stay_unknown():
    known, unknown = matrix("K", (5, 5)), matrix("U")
    assert known[[0], [0, 1, 2]].shape == (3,)
    assert not isinstance(unknown[[0, 1], :3].shape[1], int)
    assert unknown[[0, 1], 1:].shape[1] not in unknown.shape
    with pytest.raises(ProfundoError, match="sizes 2 and 3 differ"):
        known[[0, 1], [0, 1, 2]]
    with pytest.raises(ProfundoError, match="a step is at least 1, not -1"):
        known[::-1]


@pytest.mark.parametrize(
    "name", ["softmax", "log_softmax", "logsigmoid", "softplus", "silu", "gelu", "elu", "leaky_relu"]
)
def test_what_pytorch_has_for_fractions_only_is_refused_for_whole_numbers_when_built(name):
    with pytest.raises(ProfundoError, match=r"expected fractions, got torch\.int64"):
        getattr(operations, name)(vector("i", 3, dtype=torch.int64))


def test_products_and_convolutions_of_two_dtypes_are_refused_when_built():
    x, y = matrix("x", dtype=torch.float32), matrix("y", dtype=torch.float64)
    image, kernel = tensor("image", (1, 1, 4)), tensor("kernel", (1, 1, 2), dtype=torch.float64)
    for build in (lambda: x @ y, lambda: operations.conv1d(image, kernel)):
        with pytest.raises(ProfundoError, match=r"torch\.float32 and torch\.float64 differ"):
            build()


@pytest.mark.parametrize("shape", [(), (3,)])
@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int32, torch.int64, torch.float16, torch.float64])
def test_dtypes_known_beforehand_are_those_of_the_result(dtype, shape):
    x = tensor("x", shape, dtype=dtype)
    for build in (operations.sum, operations.square, operations.mean, operations.prod, operations.sqrt, operations.abs):
        if dtype == torch.bool and build is operations.abs:
            continue  # PyTorch has no size of a truth value
        out = build(x)
        assert function([x], out)(torch.ones(shape).to(dtype)).dtype == out.dtype, out


def test_what_python_compares_itself_is_no_condition():
    x = vector("x")
    with pytest.raises(ProfundoError, match=r"the condition is False before anything is computed; .*equal\(x, 0\)"):
        operations.where(x == 0, 1.0, x)
    with pytest.raises(ProfundoError, match="expected an expression as the cost, got float"):
        gradient(2.0, x)


def test_the_gradient_of_many_parts_grows_with_their_number_and_not_its_square():
    x = scalar("x")

    def edges(count):
        slope = gradient(operations.stack([x * number for number in range(count)]).sum(), x)
        return sum(len(one.inputs) for one in ancestors([slope]))

    assert edges(80) < 2.2 * edges(40)


def test_what_is_left_of_an_unknown_size_is_a_size_of_its_own():
    X = matrix("X", ("n", 6))
    assert operations.reshape(X, -1, 4).shape[0] != "n"
    assert operations.reshape(X, -1, 2, 3).shape == ("n", 2, 3)


def test_written_numbers_have_all_their_digits_beside_float64():
    x, o = scalar("x", dtype=torch.float64), operations
    root = o.sqrt(0.1)
    cases = [
        (x * constant(0.1), 0.1),
        (x * root, 0.1**0.5),
        (x + o.mul(0.1, 0.1) - 1, 1 + 0.1 * 0.1 - 1),
        (o.where(x > 0, 0.1, 0.2) * x, 0.1),
        (o.where(o.logical_and(x > 0, x < 2), -0.3, 0.2) * x, -0.3),
        (o.stack([x, 0.1])[1], 0.1),
        (o.concat([x * [0.1], [0.3]])[1], 0.3),
        ((x * [0.1, 0.2])[1], 0.2),
    ]
    for expression, expected in cases:
        assert expression.dtype == torch.float64
        assert float(function([x], expression)(1.0)) == pytest.approx(expected, rel=1e-15, abs=0)
    assert root.dtype == torch.float32
    rounded = x * constant(torch.tensor([0.1]))  # a tensor is what it is
    assert float(function([x], rounded)(1.0)) == float(np.float32(0.1))
