"""Every operation and its rule, against PyTorch: values, gradients and second derivatives on random shapes in float64.

The contract of an operation: the compiled expression gives PyTorch's values; its gradient is autograd's and that of
finite differences; the gradient of its gradient is autograd's, too.
"""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from profundo.graph import function, gradient, operations, tensor
from profundo.graph.expressions.expression import OPERATIONS
from profundo.records import ProfundoError

SIZES = st.integers(1, 4)
SHAPES = st.lists(SIZES, min_size=0, max_size=3).map(tuple)


def drawn(shape, seed, low=-2.0, high=2.0):
    """Numbers away from one another and from 0, so that no kink is within the reach of finite differences."""
    generator = torch.Generator().manual_seed(seed)
    count = max(1, torch.Size(shape).numel())
    steps = torch.randperm(count, generator=generator) + 0.25 + 0.5 * torch.rand(count, generator=generator)
    return (low + (high - low) * steps / count).double()[: torch.Size(shape).numel()].reshape(shape)


def compiled(ours, values, rank_only):
    """Inputs, the output, and a scalar of it that weighs every entry differently."""
    shapes = [[None] * value.dim() if rank_only else list(value.shape) for value in values]
    inputs = [tensor(f"x{at}", shape, dtype=torch.float64) for at, (shape) in enumerate(shapes)]
    return inputs, ours(*inputs)


def agrees(ours, theirs, *values, rank_only=False, smooth=True, differences=True):
    """The whole contract, for one operation at one point."""
    inputs, out = compiled(ours, values, rank_only)
    given_values = [value.clone().requires_grad_() for value in values]
    expected = theirs(*given_values)
    got = function(inputs, out, simplify=False)(*values)
    torch.testing.assert_close(got, expected.detach(), rtol=1e-12, atol=1e-12)
    assert len(out.shape) == expected.dim()
    assert [size for size in out.shape if isinstance(size, int)] == [
        size for size, known in zip(expected.shape, out.shape, strict=True) if isinstance(known, int)
    ]
    weights = torch.linspace(0.5, 1.5, max(1, expected.numel())).double()[: expected.numel()].reshape(expected.shape)
    cost = (out * weights).sum()
    slopes = gradient(cost, inputs)
    by_autograd = torch.autograd.grad((expected * weights).sum(), given_values, create_graph=smooth, allow_unused=True)
    by_autograd = [torch.zeros_like(v) if g is None else g for g, v in zip(by_autograd, values, strict=True)]
    f = function(inputs, slopes, simplify=False)
    for ours_now, theirs_now in zip(f(*values), by_autograd, strict=True):
        torch.testing.assert_close(ours_now, theirs_now.detach(), rtol=1e-9, atol=1e-10)
    if differences:
        checked = function(inputs, cost, simplify=False)
        for at, slope in enumerate(f(*values)):
            torch.testing.assert_close(slope, by_differences(checked, values, at), rtol=2e-5, atol=2e-6)
    if smooth:
        directions = [torch.cos(torch.arange(v.numel()).double() + 1).reshape(v.shape) for v in values]
        along = sum((slope * d).sum() for slope, d in zip(slopes, directions, strict=True))
        second = function(inputs, gradient(along, inputs), simplify=False)(*values)
        scalar = sum((g * d).sum() for g, d in zip(by_autograd, directions, strict=True))
        if scalar.requires_grad:
            expected_second = torch.autograd.grad(scalar, given_values, allow_unused=True)
        else:
            expected_second = [None] * len(values)
        for ours_now, theirs_now, value in zip(second, expected_second, values, strict=True):
            wanted = torch.zeros_like(value) if theirs_now is None else theirs_now
            torch.testing.assert_close(ours_now, wanted, rtol=1e-8, atol=1e-9)


def by_differences(f, values, at, step=1e-6):
    """Central differences, entry by entry."""
    slope = torch.zeros_like(values[at])
    for place in range(values[at].numel()):
        moved = []
        for sign in (1, -1):
            changed = [value.clone() for value in values]
            changed[at].reshape(-1)[place] += sign * step
            moved.append(float(f(*changed)))
        slope.reshape(-1)[place] = (moved[0] - moved[1]) / (2 * step)
    return slope


UNARY = {  # name: (PyTorch's, lowest, highest input)
    "neg": (torch.neg, -2, 2),
    "abs": (torch.abs, -2, 2),
    "exp": (torch.exp, -2, 2),
    "expm1": (torch.expm1, -2, 2),
    "log": (torch.log, 0.3, 3),
    "log2": (torch.log2, 0.3, 3),
    "log10": (torch.log10, 0.3, 3),
    "log1p": (torch.log1p, -0.6, 3),
    "sqrt": (torch.sqrt, 0.3, 3),
    "square": (torch.square, -2, 2),
    "reciprocal": (torch.reciprocal, 0.3, 3),
    "factorial": (lambda x: torch.exp(torch.lgamma(x + 1)), 0.3, 3),
    "sin": (torch.sin, -3, 3),
    "cos": (torch.cos, -3, 3),
    "tan": (torch.tan, -1.2, 1.2),
    "asin": (torch.asin, -0.9, 0.9),
    "acos": (torch.acos, -0.9, 0.9),
    "atan": (torch.atan, -3, 3),
    "sinh": (torch.sinh, -2, 2),
    "cosh": (torch.cosh, -2, 2),
    "tanh": (torch.tanh, -2, 2),
    "erf": (torch.erf, -2, 2),
    "sigmoid": (torch.sigmoid, -4, 4),
    "logsigmoid": (F.logsigmoid, -4, 4),
    "softplus": (F.softplus, -4, 4),
    "silu": (F.silu, -4, 4),
    "gelu": (F.gelu, -3, 3),
    "relu": (torch.relu, -2, 2),
    "leaky_relu": (F.leaky_relu, -2, 2),
    "elu": (F.elu, -2, 2),
    "sign": (torch.sign, -2, 2),
    "floor": (torch.floor, -2.1, 2.1),
    "ceil": (torch.ceil, -2.1, 2.1),
    "round": (torch.round, -2.1, 2.1),
}
BINARY = {
    "add": (torch.add, -2, 2),
    "sub": (torch.sub, -2, 2),
    "mul": (torch.mul, -2, 2),
    "div": (torch.div, 0.3, 3),
    "pow": (torch.pow, 0.3, 2),
    "maximum": (torch.maximum, -2, 2),
    "minimum": (torch.minimum, -2, 2),
    "atan2": (torch.atan2, 0.3, 2),
    "logaddexp": (torch.logaddexp, -2, 2),
    "remainder": (torch.remainder, 0.3, 2),
}


@pytest.mark.parametrize("name", UNARY)
@settings(max_examples=4, deadline=None)
@given(shape=SHAPES, seed=st.integers(0, 10**6), rank_only=st.booleans())
def test_a_function_of_one_number_has_the_values_and_derivatives_of_pytorch(name, shape, seed, rank_only):
    theirs, low, high = UNARY[name]
    stepped = name in ("floor", "ceil", "round")  # a random number may be next to a step
    agrees(
        getattr(operations, name), theirs, drawn(shape, seed, low, high), rank_only=rank_only, differences=not stepped
    )


@pytest.mark.parametrize("name", BINARY)
@settings(max_examples=4, deadline=None)
@given(shape=SHAPES, data=st.data(), seed=st.integers(0, 10**6), rank_only=st.booleans())
def test_a_function_of_two_broadcasts_and_sums_its_gradients_back(name, shape, data, seed, rank_only):
    theirs, low, high = BINARY[name]
    cut = data.draw(st.integers(0, len(shape)))
    other = tuple(1 if data.draw(st.booleans()) else size for size in shape[cut:])
    one, two = drawn(shape, seed, low, high), drawn(other, seed + 1, low, high) + 0.03
    if data.draw(st.booleans()):
        one, two = two, one
    stepped = name == "remainder"
    agrees(getattr(operations, name), theirs, one, two, rank_only=rank_only, differences=not stepped)


@settings(max_examples=8, deadline=None)
@given(shape=SHAPES, seed=st.integers(0, 10**6), rank_only=st.booleans())
def test_choices_pass_gradients_to_what_was_chosen(shape, seed, rank_only):
    x, y = drawn(shape, seed), drawn(shape, seed + 1) + 0.01
    agrees(
        lambda x, y: operations.where(x > y, x * x, y),
        lambda x, y: torch.where(x > y, x * x, y),
        x,
        y,
        rank_only=rank_only,
    )
    agrees(
        lambda x: operations.clip(x, -0.7, 0.9), lambda x: x.clamp(-0.7, 0.9), x, rank_only=rank_only, differences=False
    )
    agrees(
        lambda x: operations.clip(x, high=0.9), lambda x: x.clamp(max=0.9), x, rank_only=rank_only, differences=False
    )
    agrees(lambda x: operations.cast(operations.cast(x, torch.float32), torch.float64),
           lambda x: x.float().double(), x, differences=False)  # fmt: skip


@settings(max_examples=4, deadline=None)
@given(
    shape=st.lists(SIZES, min_size=1, max_size=3).map(tuple), data=st.data(), seed=st.integers(0, 10**6),
    rank_only=st.booleans(), keepdim=st.booleans(),
)  # fmt: skip
def test_reductions_along_any_dimensions(shape, data, seed, rank_only, keepdim):
    x = drawn(shape, seed)
    dims = data.draw(st.lists(st.integers(0, len(shape) - 1), unique=True, min_size=1))
    signed = [dim - len(shape) if data.draw(st.booleans()) else dim for dim in dims]
    one = signed[0]
    for ours, theirs in [
        (lambda x: operations.sum(x, signed, keepdim), lambda x: x.sum(signed, keepdim)),
        (lambda x: operations.mean(x, signed, keepdim), lambda x: x.mean(signed, keepdim)),
        (lambda x: operations.max(x, signed, keepdim), lambda x: x.amax(signed, keepdim)),
        (lambda x: operations.min(x, signed, keepdim), lambda x: x.amin(signed, keepdim)),
        (lambda x: operations.logsumexp(x, signed, keepdim), lambda x: x.logsumexp(signed, keepdim)),
        (lambda x: operations.var(x, signed, keepdim, correction=0), lambda x: x.var(signed, correction=0, keepdim=keepdim)),
        (lambda x: operations.norm(x, signed, keepdim), lambda x: x.square().sum(signed, keepdim).sqrt()),
        (lambda x: operations.softmax(x, one), lambda x: x.softmax(one)),
        (lambda x: operations.log_softmax(x, one), lambda x: x.log_softmax(one)),
        (lambda x: operations.cumsum(x, one), lambda x: x.cumsum(one)),
        (lambda x: operations.flip(x, one) * x, lambda x: x.flip(one) * x),
        (lambda x: operations.sum(x), lambda x: x.sum()),
        (lambda x: operations.mean(x), lambda x: x.mean()),
        (lambda x: operations.max(x), lambda x: x.amax()),
    ]:  # fmt: skip
        agrees(ours, theirs, x, rank_only=rank_only)


def test_standard_deviation_and_product_with_zeros():
    x = drawn((3, 4), 1)
    agrees(lambda x: operations.std(x, 1), lambda x: x.std(1), x)
    for zeros in ([], [(0, 1)], [(0, 1), (0, 2)], [(0, 0), (1, 1)]):
        holed = x.clone()
        for at in zeros:
            holed[at] = 0
        agrees(lambda x: operations.prod(x, 1), lambda x: x.prod(1), holed)
    with pytest.raises(ProfundoError, match="known when the graph is built"):
        operations.prod(tensor("x", (None, 3)), 0)


@settings(max_examples=12, deadline=None)
@given(data=st.data(), seed=st.integers(0, 10**6), rank_only=st.booleans())
def test_products_of_vectors_matrices_and_batches(data, seed, rank_only):
    n, m, k, b = (data.draw(SIZES) for _ in range(4))
    first = data.draw(st.sampled_from([(m,), (n, m), (b, n, m), (1, n, m)]))
    second = data.draw(st.sampled_from([(m,), (m, k), (b, m, k), (1, m, k)]))
    agrees(operations.matmul, torch.matmul, drawn(first, seed), drawn(second, seed + 1), rank_only=rank_only)
    agrees(operations.outer, torch.outer, drawn((n,), seed), drawn((m,), seed + 1), rank_only=rank_only)


@settings(max_examples=3, deadline=None)
@given(data=st.data(), seed=st.integers(0, 10**6), rank_only=st.booleans())
def test_entries_are_moved_and_their_gradients_moved_back(data, seed, rank_only):
    n, m, k = (data.draw(SIZES) for _ in range(3))
    x, y = drawn((n, m, k), seed), drawn((n, m, k), seed + 1)
    order = data.draw(st.permutations([0, 1, 2]))
    dim = data.draw(st.integers(-3, 2))
    at = data.draw(st.integers(0, n - 1))
    rows = torch.tensor(data.draw(st.lists(st.integers(-n, n - 1), min_size=1, max_size=5)))
    choice = torch.tensor(data.draw(st.lists(st.integers(0, m - 1), min_size=n, max_size=n)))
    for ours, theirs in [
        (lambda x: operations.permute(x, order) ** 2, lambda x: x.permute(order) ** 2),
        (lambda x: operations.transpose(x) ** 2, lambda x: x.transpose(-2, -1) ** 2),
        (lambda x: x[0].T ** 2, lambda x: x[0].T ** 2),
        (lambda x: operations.reshape(x, -1) ** 2, lambda x: x.reshape(-1) ** 2),
        (lambda x: operations.reshape(x, m, n * k) ** 2, lambda x: x.reshape(m, n * k) ** 2),
        (lambda x: operations.unsqueeze(x, dim) ** 2, lambda x: x.unsqueeze(dim) ** 2),
        (lambda x: operations.squeeze(operations.unsqueeze(x, dim), dim) ** 2, lambda x: x**2),
        (lambda x: operations.broadcast_to(x, (2, n, m, k)) ** 2, lambda x: x.expand(2, n, m, k) ** 2),
        (lambda x: x[at] ** 2, lambda x: x[at] ** 2),
        (lambda x: x[..., 0] ** 2, lambda x: x[..., 0] ** 2),
        (lambda x: x[::2, None, -1:] ** 2, lambda x: x[::2, None, -1:] ** 2),
        (lambda x: x[rows] ** 2, lambda x: x[rows] ** 2),
        (lambda x: x[:, 0, [0, 0]] ** 2, lambda x: x[:, 0, [0, 0]] ** 2),
        (lambda x: operations.take(x, rows) ** 2, lambda x: x[rows] ** 2),
        (lambda x: operations.pick(x[:, :, 0], choice) ** 2, lambda x: x[torch.arange(n), choice, 0] ** 2),
    ]:
        agrees(ours, theirs, x, rank_only=rank_only)
    agrees(
        lambda x, y: operations.concat([x, y, x], dim) ** 2,
        lambda x, y: torch.cat([x, y, x], dim) ** 2,
        x,
        y,
        rank_only=rank_only,
    )
    agrees(
        lambda x, y: operations.stack([x, y], dim) ** 2,
        lambda x, y: torch.stack([x, y], dim) ** 2,
        x,
        y,
        rank_only=rank_only,
    )
    if not rank_only:
        agrees(lambda x: operations.flatten(x) ** 2, lambda x: x.flatten(1) ** 2, x)


def invertible(shape, seed):
    """Matrices far from singular ones."""
    return drawn(shape, seed) + 5 * torch.eye(shape[-1], dtype=torch.float64)


@settings(max_examples=4, deadline=None)
@given(n=SIZES, k=SIZES, batch=st.sampled_from([(), (2,), (2, 1)]), seed=st.integers(0, 10**6), rank_only=st.booleans())
def test_linear_algebra_of_single_matrices_and_batches(n, k, batch, seed, rank_only):
    a, b = invertible((*batch, n, n), seed), drawn((*batch, n, k), seed + 1)
    for ours, theirs in [
        (lambda x: operations.det(x), torch.linalg.det),
        (lambda x: operations.inv(x), torch.linalg.inv),
        (lambda x: operations.logdet(x), torch.logdet),
        (lambda x: operations.trace(x) ** 2, lambda x: x.diagonal(dim1=-2, dim2=-1).sum(-1) ** 2),
        (lambda x: operations.tril(x, -1) ** 2, lambda x: x.tril(-1) ** 2),
        (lambda x: operations.triu(x) ** 2, lambda x: x.triu() ** 2),
        (
            lambda x: operations.cholesky(x @ operations.transpose(x)),
            lambda x: torch.linalg.cholesky(x @ x.transpose(-2, -1)),
        ),
    ]:
        agrees(ours, theirs, a, rank_only=rank_only)
    agrees(lambda x, y: operations.solve(x, y), torch.linalg.solve, a, b, rank_only=rank_only)
    agrees(operations.solve, torch.linalg.solve, a[(0,) * len(batch)], b[(0,) * len(batch)][:, 0], rank_only=rank_only)
    agrees(operations.solve, torch.linalg.solve, a[(0,) * len(batch)], b, rank_only=rank_only)


def test_the_determinant_has_its_gradient_where_there_is_no_inverse():
    """The cofactors, by Laplace's expansion: of ranks 1 and 2 too."""
    x = tensor("x", (3, 3), dtype=torch.float64)
    for rows in (
        [[1, 2, 3], [2, 4, 6], [1, 0, 1]],
        [[1, 2, 3], [2, 4, 6], [3, 6, 9]],
        [[0, 1, 0], [1, 0, 0], [0, 0, 2]],
    ):
        value = torch.tensor(rows, dtype=torch.float64)
        minors = [[(-1) ** (i + j) * float(value[[r for r in range(3) if r != i]][:, [c for c in range(3) if c != j]].det())
                   for j in range(3)] for i in range(3)]  # fmt: skip
        got = function([x], gradient(operations.det(x), x))(value)
        torch.testing.assert_close(got, torch.tensor(minors, dtype=torch.float64), atol=1e-12, rtol=1e-12)


@settings(max_examples=6, deadline=None)
@given(sizes=st.tuples(SIZES, SIZES, SIZES), seed=st.integers(0, 10**6), rank_only=st.booleans())
def test_einsum_of_every_kind_of_letter(sizes, seed, rank_only):
    n, m, k = sizes
    shapes = {"i": n, "j": m, "k": k}
    for equation in (
        "ij,jk->ik", "ij,ij", "ij->", "ij->j", "i,j->ji", "ij,kj,i->k", "ijk,k->ji", "ij,jk", "i,i->", "i,ij,j->", "ij,k->i",
        "ij->ij", "i->i",
    ):  # fmt: skip
        terms = equation.partition("->")[0].split(",")
        values = [drawn(tuple(shapes[letter] for letter in term), seed + at) for at, term in enumerate(terms)]
        agrees(
            lambda *x, equation=equation: operations.einsum(equation, *x) ** 2,
            lambda *x, equation=equation: torch.einsum(equation, *x) ** 2,
            *values, rank_only=rank_only,
        )  # fmt: skip
    square, cube = drawn((n, n), seed), drawn((n, n, k), seed)
    for equation in ("ii", "ii->i", "ij,ii->j"):
        others = [square] if equation[0:2] == "ij" else []
        agrees(
            lambda *x, equation=equation: operations.einsum(equation, *x) ** 2,
            lambda *x, equation=equation: torch.einsum(equation, *x) ** 2,
            *others, square, rank_only=rank_only,
        )  # fmt: skip
    agrees(lambda x: operations.einsum("iik->k", x) ** 2, lambda x: torch.einsum("iik->k", x) ** 2, cube)


@settings(max_examples=6, deadline=None)
@given(shape=st.lists(SIZES, min_size=1, max_size=3).map(tuple), data=st.data(), seed=st.integers(0, 10**6),
       rank_only=st.booleans())  # fmt: skip
def test_sorted_and_padded_entries_send_their_gradients_back(shape, data, seed, rank_only):
    x, dim = drawn(shape, seed), data.draw(st.integers(-len(shape), len(shape) - 1))
    falling = data.draw(st.booleans())
    widths = data.draw(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=len(shape)))
    flat = [width for pair in widths for width in pair]
    weights = (
        torch.arange(1, shape[dim] + 1).double().reshape([-1] + [1] * (-1 - dim if dim < 0 else len(shape) - 1 - dim))
    )
    agrees(
        lambda x: operations.sort(x, dim, falling) ** 2 * weights,
        lambda x: x.sort(dim, falling).values ** 2 * weights, x, rank_only=rank_only,
    )  # fmt: skip
    agrees(
        lambda x: operations.pad(x, flat, 0.5) ** 2, lambda x: F.pad(x, flat, value=0.5) ** 2, x, rank_only=rank_only
    )
    places = tensor("x", shape, dtype=torch.float64)
    assert torch.equal(function([places], operations.argsort(places, dim, falling))(x), x.argsort(dim, falling))


def test_of_equal_entries_the_first_is_sorted_first():
    x = tensor("x", (4,), dtype=torch.float64)
    at = torch.tensor([2.0, 1.0, 2.0, 1.0], dtype=torch.float64)
    assert function([x], operations.argsort(x))(at).tolist() == [1, 3, 0, 2]
    assert function([x], gradient((operations.sort(x) * [1.0, 2, 3, 4]).sum(), x))(at).tolist() == [3, 1, 4, 2]


def test_factorials_are_exact_and_have_the_signs_of_gamma():
    x = tensor("x", (None,), dtype=torch.float64)
    f = function([x], operations.factorial(x))
    assert f(list(range(171))).tolist() == [float(math.factorial(n)) for n in range(171)]
    between = [-0.5, -1.5, -2.5, -3.25, 4.5, 170.0]
    assert f(between).tolist() == pytest.approx([math.gamma(one + 1) for one in between], rel=1e-12)
    assert f([-1.0, -2.0]).isnan().all()


@settings(max_examples=6, deadline=None)
@given(data=st.data(), seed=st.integers(0, 10**6), dims=st.integers(1, 3), rank_only=st.booleans())
def test_one_image_and_one_kernel_are_convolved_without_batch_and_channels(data, seed, dims, rank_only):
    steps = {"stride": data.draw(st.integers(1, 2)), "padding": data.draw(st.integers(0, 2))}
    x, w = drawn([data.draw(st.integers(2, 4))] * dims, seed), drawn([data.draw(st.integers(1, 2))] * dims, seed + 1)
    theirs = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}[dims]
    ours = getattr(operations, f"conv{dims}d")
    agrees(
        lambda x, w: ours(x, w, **steps) ** 2, lambda x, w: theirs(x[None, None], w[None, None], **steps)[0, 0] ** 2, x, w,
        rank_only=rank_only, differences=dims < 3,
    )  # fmt: skip


@settings(max_examples=8, deadline=None)
@given(data=st.data(), seed=st.integers(0, 10**6), dims=st.integers(1, 3), rank_only=st.booleans())
def test_convolutions_of_every_stride_padding_dilation_and_group(data, seed, dims, rank_only):
    groups = data.draw(st.sampled_from([1, 2]))
    stride, padding, dilation = (data.draw(st.integers(low, 2)) for low in (1, 0, 1))
    kernel = data.draw(st.integers(1, 2))
    side = data.draw(st.integers(dilation * (kernel - 1) + 1, 5 if dims < 3 else 3))
    x = drawn((2, groups, *[side] * dims), seed)
    w = drawn((2 * groups, 1, *[kernel] * dims), seed + 1)
    bias = drawn((2 * groups,), seed + 2)
    theirs = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}[dims]
    steps = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    ours = getattr(operations, f"conv{dims}d")
    agrees(
        lambda x, w, b: ours(x, w, b, **steps), lambda x, w, b: theirs(x, w, b, **steps), x, w, bias,
        rank_only=rank_only, differences=dims < 3,
    )  # fmt: skip


@settings(max_examples=8, deadline=None)
@given(data=st.data(), seed=st.integers(0, 10**6), rank_only=st.booleans())
def test_pooling_of_every_window(data, seed, rank_only):
    kernel, stride = data.draw(st.integers(1, 3)), data.draw(st.one_of(st.none(), st.integers(1, 3)))
    padding = data.draw(st.integers(0, kernel // 2))
    x = drawn((2, 2, data.draw(st.integers(kernel, 6)), data.draw(st.integers(kernel, 6))), seed)
    window = {"stride": stride, "padding": padding}
    agrees(
        lambda x: operations.max_pool2d(x, kernel, **window),
        lambda x: F.max_pool2d(x, kernel, **window),
        x,
        rank_only=rank_only,
    )
    agrees(
        lambda x: operations.avg_pool2d(x, kernel, **window),
        lambda x: F.avg_pool2d(x, kernel, **window),
        x,
        rank_only=rank_only,
    )
    agrees(lambda x: operations.min_pool2d(x, kernel, **window), lambda x: -F.max_pool2d(-x, kernel, **window), x)


def test_cross_entropy_is_that_of_pytorch():
    logits, choice = drawn((5, 3), 3), torch.tensor([0, 2, 1, 1, 0])
    agrees(lambda x: operations.cross_entropy(x, choice), lambda x: nn.functional.cross_entropy(x, choice), logits)
    hot = operations.one_hot(choice, 3, torch.float64)
    agrees(
        lambda x: -(operations.log_softmax(x) * hot).sum(1).mean(),
        lambda x: nn.functional.cross_entropy(x, choice),
        logits,
    )


def test_comparisons_and_choices_of_places_have_the_values_of_pytorch():
    x, y = drawn((3, 4), 5), drawn((3, 4), 6)
    y[0, 0] = x[0, 0]
    a, b = tensor("a", (3, 4), dtype=torch.float64), tensor("b", (3, 4), dtype=torch.float64)
    for ours, theirs in [
        (a < b, x < y), (a <= b, x <= y), (a > b, x > y), (a >= b, x >= y), (operations.equal(a, b), x == y),
        (operations.not_equal(a, b), x != y), ((a < b) & (a > 0), (x < y) & (x > 0)), ((a < b) | (a > 0), (x < y) | (x > 0)),
        (~(a < b), ~(x < y)), (operations.argmax(a, 1), x.argmax(1)), (operations.argmin(a), x.argmin(-1)),
        (operations.step(a), (x >= 0).double()), (operations.zeros_like(a), torch.zeros_like(x)),
    ]:  # fmt: skip
        assert torch.equal(function([a, b], ours)(x, y), theirs)


def test_every_operation_of_the_table_is_proved_here(request):
    """Those that only gradients make are reached through the gradients; no operation is left out."""
    made_by_gradients = {
        "root",  # of norm and standard deviation
        *("digamma", "polygamma"),  # of factorials
        *("cofactors", "eye_like"),  # of det and trace
        *("gather", "put"),  # of sort
        *(
            "expand_like",
            "sum_to",
            "reshape_like",
            "part_of",
            "scatter",
            "place",
            "count",
            "max_unpool2d",
            "at_largest",
        ),
        *("avg_unpool2d", *(f"conv{dims}d_by_{what}" for dims in (1, 2, 3) for what in ("input", "kernel"))),
    }
    source = request.path.read_text("utf-8")
    called = {name for name in OPERATIONS if f"operations.{name}(" in source}
    by_sign = {"less", "less_equal", "greater", "greater_equal", "logical_and", "logical_or", "logical_not"}
    named = {"where", "index", "matmul", "argmax", "conv1d", "conv2d", "conv3d"}
    missing = set(OPERATIONS) - made_by_gradients - called - by_sign - named - set(UNARY) - set(BINARY)
    assert missing == set()


def test_gradients_do_not_become_nan_beside_an_infinite_branch():
    x = tensor("x", (3,), dtype=torch.float64)
    safe = operations.where(x > 0, operations.log(operations.where(x > 0, x, 1)), 0).sum()
    got = function([x], gradient(safe, x))(torch.tensor([2.0, 0.0, -1.0]))
    assert got.tolist() == [0.5, 0.0, 0.0]
    assert function([x], gradient(operations.relu(x).sum() * float("inf"), x))(
        torch.tensor([-1.0, -2.0, -3.0])
    ).tolist() == [0, 0, 0]


def test_a_power_of_zero_in_a_constant_has_slope_zero_at_zero():
    x = tensor("x", (3,), dtype=torch.float64)
    powers = torch.tensor([0.0, 1.0, 2.0], dtype=torch.float64)
    at = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    (expected,) = torch.autograd.grad((at**powers).sum(), at)
    assert function([x], gradient((x**powers).sum(), x))(at.detach()).tolist() == expected.tolist()


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 2.0])
def test_a_power_at_zero_has_the_slopes_of_pytorch(power):
    x, y = tensor("x", (), dtype=torch.float64), tensor("y", (), dtype=torch.float64)
    at = [torch.tensor(one, dtype=torch.float64, requires_grad=True) for one in (0.0, power)]
    expected = torch.autograd.grad(at[0] ** at[1], at)
    assert function([x, y], gradient(x**y, [x, y]))(*[one.detach() for one in at]) == list(expected)


def test_equal_operands_and_equal_entries_share_the_gradient():
    x, y = tensor("x", (3,), dtype=torch.float64), tensor("y", (3,), dtype=torch.float64)
    at = [torch.tensor(one, dtype=torch.float64, requires_grad=True) for one in ([1.0, 2.0, 2.0], [1.0, 0.0, 3.0])]
    for ours, theirs in [
        (operations.maximum(x, y).sum(), torch.maximum(*at).sum()),
        (operations.minimum(x, y).sum(), torch.minimum(*at).sum()),
        (operations.max(x) + 0 * y.sum(), at[0].amax() + 0 * at[1].sum()),
        (operations.min(x) + 0 * y.sum(), at[0].amin() + 0 * at[1].sum()),
    ]:
        got = function([x, y], gradient(ours, [x, y]))(*[one.detach() for one in at])
        for mine, expected in zip(got, torch.autograd.grad(theirs, at), strict=True):
            assert mine.tolist() == expected.tolist()


def test_norm_and_standard_deviation_are_flat_where_they_are_zero():
    for ours, theirs in [(operations.norm, torch.linalg.vector_norm), (operations.std, torch.std)]:
        x = tensor("x", (3,), dtype=torch.float64)
        at = torch.full((3,), 0.0, dtype=torch.float64, requires_grad=True)
        expected = torch.autograd.grad(theirs(at), at)[0]
        assert torch.equal(function([x], gradient(ours(x), x))(at.detach()), expected)
        assert expected.tolist() == [0, 0, 0]
