"""All that can be computed with expressions, under the names that PyTorch gives it. Each is defined beside its rule."""

# ruff: noqa: I001 - a line for each name would hide that this is a list
from profundo.graph.expressions.elementwise import (
    abs, acos, add, asin, atan, atan2, cast, ceil, clip, cos, cosh, div, elu, equal, erf, exp, expm1, factorial,
    floor, gelu, greater, greater_equal, leaky_relu, less, less_equal, log, log10, log1p, log2, logaddexp,
    logical_and, logical_not, logical_or, logsigmoid, maximum, minimum, mul, neg, not_equal, pow, reciprocal,
    relu, remainder, round, sigmoid, sign, silu, sin, sinh, softplus, sqrt, square, step, sub, tan, tanh,
    where,
)  # fmt: skip
from profundo.graph.expressions.expression import FUNCTIONS
from profundo.graph.expressions.image_operations import (
    avg_pool2d, conv1d, conv2d, conv3d, max_pool2d, min_pool2d,
)  # fmt: skip
from profundo.graph.expressions.linear_algebra import (
    cholesky, det, einsum, inv, logdet, solve, trace, tril, triu,
)  # fmt: skip
from profundo.graph.expressions.products import (
    dot, matmul, outer,
)  # fmt: skip
from profundo.graph.expressions.rearranging import (
    argsort, broadcast_to, concat, expand_like, flatten, flip, index, one_hot, pad, permute, pick, reshape, sort,
    squeeze, stack, sum_to, take, transpose, unsqueeze, zeros_like,
)  # fmt: skip
from profundo.graph.expressions.reductions import (
    argmax, argmin, count, cross_entropy, cumsum, log_softmax, logsumexp, max, mean, min, norm, prod, softmax,
    std, sum, var,
)  # fmt: skip

__all__ = [
    "abs", "acos", "add", "argmax", "argmin", "argsort", "asin", "atan", "atan2", "avg_pool2d", "broadcast_to",
    "cast", "ceil", "cholesky", "clip", "concat", "conv1d", "conv2d", "conv3d", "cos", "cosh", "count",
    "cross_entropy", "cumsum", "det", "div", "dot", "einsum", "elu", "equal", "erf", "exp", "expand_like",
    "expm1", "factorial", "flatten", "flip", "floor", "gelu", "greater", "greater_equal", "index", "inv",
    "leaky_relu", "less", "less_equal", "log", "log1p", "log2", "log10", "log_softmax", "logaddexp", "logdet",
    "logical_and", "logical_not", "logical_or", "logsigmoid", "logsumexp", "matmul", "max", "max_pool2d",
    "maximum", "mean", "min", "min_pool2d", "minimum", "mul", "neg", "norm", "not_equal", "one_hot", "outer",
    "pad", "permute", "pick", "pow", "prod", "reciprocal", "relu", "remainder", "reshape", "round", "sigmoid",
    "sign", "silu", "sin", "sinh", "softmax", "softplus", "solve", "sort", "sqrt", "square", "squeeze", "stack",
    "std", "step", "sub", "sum", "sum_to", "take", "tan", "tanh", "trace", "transpose", "tril", "triu",
    "unsqueeze", "var", "where", "zeros_like",
]  # fmt: skip

FUNCTIONS.update({name: globals()[name] for name in __all__})
