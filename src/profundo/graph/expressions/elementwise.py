"""Operations that treat each entry by itself, with broadcasting. The derivative of each stands beside it.

`slopes` gives ∂out/∂input for every input, as an expression of the inputs and of `out`, the result itself.
Where a function has a kink the value is PyTorch's: 0 for abs and relu at 0, half and half for equal maximum operands.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from profundo.graph.expressions.defining import define, floating, fractions, promoted, truth
from profundo.graph.expressions.expression import Expression, Operand, Operation, ancestors, as_expression, constant
from profundo.records import ProfundoError

__all__ = [
    "abs", "acos", "add", "asin", "atan", "atan2", "cast", "ceil", "clip", "cos", "cosh", "div", "elu", "equal", "erf",
    "exp", "expm1", "factorial", "floor", "gelu", "greater", "greater_equal", "leaky_relu", "less", "less_equal", "log", "log1p",
    "log2", "log10", "logaddexp", "logical_and", "logical_not", "logical_or", "logsigmoid", "maximum", "minimum", "mul",
    "neg", "not_equal", "pow", "reciprocal", "relu", "remainder", "round", "sigmoid", "sign", "silu", "sin", "sinh",
    "softplus", "sqrt", "square", "step", "sub", "tan", "tanh", "where",
]  # fmt: skip

# ---------------------------------------------------------------------------------------------------------- arithmetic
add: Operation = define("add", operator.add, slopes=lambda _, x, y: (1, 1), text="{0} + {1}", strength=4)
sub: Operation = define(
    "sub", operator.sub, slopes=lambda _, x, y: (1, -1), text="{0} − {1}", latex="{0} - {1}", strength=4
)
mul: Operation = define(
    "mul", operator.mul, slopes=lambda _, x, y: (y, x), text="{0}·{1}", latex=r"{0} \cdot {1}", strength=5
)
div: Operation = define(
    "div",
    operator.truediv,
    dtype=floating,
    slopes=lambda out, x, y: (1 / y, -out / y),
    text="{0} / {1}",
    latex=r"\frac{{{0}}}{{{1}}}",
    strength=5,
)
neg: Operation = define("neg", operator.neg, slopes=lambda _, x: (-1,), text="−{0}", latex="-{0}", strength=6)
remainder: Operation = define(
    "remainder", torch.remainder, slopes=lambda _, x, y: (1, -floor(x / y)), text="{0} mod {1}",
    latex=r"{0} \bmod {1}", strength=5,
)  # fmt: skip


def _pow_slopes(out: Expression, x: Expression, y: Expression) -> tuple[Any, Any]:
    if y.kind == "constant":
        power = y.data
        return _by_base(x, y), _by_exponent(out, x, y) if power.dtype.is_floating_point else None
    return where(equal(y, 0), 0, y * x ** (y - 1)), _by_exponent(out, x, y)


def _by_base(x: Expression, y: Expression) -> Any:
    """y·x^(y − 1) for a constant power; 0 where that is 0, not 0·∞ where the base is 0, too."""
    power = y.data
    if not power.any():
        return 0
    if power.dim() == 0:
        return 2 * x if power == 2 else y * x ** (y - 1)
    return y * x ** (y - 1) if power.all() else where(equal(y, 0), 0, y * x ** (y - 1))


def _by_exponent(out: Expression, x: Expression, y: Expression) -> Expression:
    """x^y·log x; the limit 0 where the base is 0 and the power is not negative."""
    if x.kind == "constant" and (x.data > 0).all():
        return out * log(x)
    is_limit = equal(x, 0) if x is y else logical_and(equal(x, 0), greater_equal(y, 0))
    return where(is_limit, 0, out * log(x))


pow: Operation = define("pow", torch.pow, slopes=_pow_slopes, text="{0}^{1}", latex="{0}^{{{1}}}", strength=7)
reciprocal: Operation = define(
    "reciprocal", torch.reciprocal, dtype=floating, slopes=lambda out, x: (-square(out),), text="1 / {0}",
    latex=r"\frac{{1}}{{{0}}}", strength=5,
)  # fmt: skip
square: Operation = define(
    "square", torch.square, dtype=lambda x: torch.int64 if x.dtype == torch.bool else x.dtype,
    slopes=lambda _, x: (2 * x,), text="{0}²", latex="{0}^2", strength=7,
)  # fmt: skip


def _function(name: str, run: Any, slope: Any, latex: str = "", dtype: Any = floating) -> Operation:
    """A function of one number, whose values are fractions."""
    return define(name, run, dtype=dtype, slopes=slope, latex=latex)


# ---------------------------------------------------------------------------------------------- elementary functions
exp: Operation = _function("exp", torch.exp, lambda out, x: (out,), r"e^{{{0}}}")
expm1: Operation = _function("expm1", torch.expm1, lambda out, x: (out + 1,))
log: Operation = _function("log", torch.log, lambda _, x: (1 / x,), r"\log{{{0}}}")
log2: Operation = _function("log2", torch.log2, lambda _, x: (1 / (x * math.log(2)),), r"\log_2{{{0}}}")
log10: Operation = _function("log10", torch.log10, lambda _, x: (1 / (x * math.log(10)),), r"\log_{{10}}{{{0}}}")
log1p: Operation = _function("log1p", torch.log1p, lambda _, x: (1 / (1 + x),))
sqrt: Operation = _function("sqrt", torch.sqrt, lambda out, x: (0.5 / out,), r"\sqrt{{{0}}}")
_root: Operation = _function("root", torch.sqrt, lambda out, x: (where(equal(out, 0), 0, 0.5 / out),), r"\sqrt{{{0}}}")
"""√x for sums of squares: 0 is their least value, where the slope is taken for 0, as PyTorch does in norm and std."""
sin: Operation = _function("sin", torch.sin, lambda _, x: (cos(x),), r"\sin{{{0}}}")
cos: Operation = _function("cos", torch.cos, lambda _, x: (-sin(x),), r"\cos{{{0}}}")
tan: Operation = _function("tan", torch.tan, lambda out, x: (1 + square(out),), r"\tan{{{0}}}")
asin: Operation = _function("asin", torch.asin, lambda _, x: (1 / sqrt(1 - square(x)),), r"\arcsin{{{0}}}")
acos: Operation = _function("acos", torch.acos, lambda _, x: (-1 / sqrt(1 - square(x)),), r"\arccos{{{0}}}")
atan: Operation = _function("atan", torch.atan, lambda _, x: (1 / (1 + square(x)),), r"\arctan{{{0}}}")
sinh: Operation = _function("sinh", torch.sinh, lambda _, x: (cosh(x),), r"\sinh{{{0}}}")
cosh: Operation = _function("cosh", torch.cosh, lambda _, x: (sinh(x),), r"\cosh{{{0}}}")
tanh: Operation = _function("tanh", torch.tanh, lambda out, x: (1 - square(out),), r"\tanh{{{0}}}")
erf: Operation = _function("erf", torch.erf, lambda _, x: (2 / math.sqrt(math.pi) * exp(-square(x)),))
atan2: Operation = define(
    "atan2",
    torch.atan2,
    dtype=floating,
    slopes=lambda _, y, x: (x / (square(x) + square(y)), -y / (square(x) + square(y))),
)
logaddexp: Operation = define(
    "logaddexp", torch.logaddexp, dtype=floating, slopes=lambda _, x, y: (sigmoid(x - y), sigmoid(y - x))
)

_digamma: Operation = _function("digamma", torch.digamma, lambda _, x: (_polygamma(x, order=1),), r"\psi({0})")
_polygamma: Operation = define(
    "polygamma", lambda x, order: torch.polygamma(order, x), dtype=lambda x, order: floating(x),
    slopes=lambda _, x, order: (_polygamma(x, order=order + 1),),
)  # fmt: skip


_FACTORIALS = torch.tensor([float(math.factorial(n)) for n in range(171)], dtype=torch.float64)  # 171! overflows


def _factorial(x: Tensor) -> Tensor:
    """x! = Γ(x + 1); NaN at −1, −2, …, between which the sign alternates."""
    x = x if x.is_floating_point() else x.to(torch.get_default_dtype())
    size = torch.exp(torch.lgamma(x + 1))
    between = torch.where((x < -1) & (x.floor() % 2 == 0), -size, size)
    whole = _FACTORIALS.to(x)[x.nan_to_num().clamp(0, 170).long()]
    exact = torch.where(x < 0, math.nan, torch.where(x <= 170, whole, size))
    return torch.where(x == x.floor(), exact, between)


factorial: Operation = define(
    "factorial", _factorial, dtype=floating, slopes=lambda out, x: (out * _digamma(x + 1),), text="{0}!",
    latex="{0}!", strength=8,
)  # fmt: skip

# --------------------------------------------------------------------------------------------------------- activations
sigmoid: Operation = _function("sigmoid", torch.sigmoid, lambda out, x: (out * (1 - out),), r"\sigma({0})")
logsigmoid: Operation = _function(
    "logsigmoid", functional.logsigmoid, lambda _, x: (sigmoid(-x),), r"\log\sigma({0})", fractions
)


def _softplus(x: Tensor) -> Tensor:
    return -functional.logsigmoid(-x)  # exact everywhere; PyTorch's softplus is the identity above a threshold


softplus: Operation = _function("softplus", _softplus, lambda _, x: (sigmoid(x),), dtype=fractions)
silu: Operation = _function("silu", functional.silu, lambda out, x: (sigmoid(x) * (1 + x - out),), dtype=fractions)
gelu: Operation = _function(
    "gelu",
    functional.gelu,
    lambda _, x: (0.5 * (1 + erf(x / math.sqrt(2))) + x * exp(-square(x) / 2) / math.sqrt(2 * math.pi),),
    dtype=fractions,
)
relu: Operation = define(
    "relu",
    torch.relu,
    slopes=lambda _, x: (cast(x > 0, x.dtype),),
    pullback=lambda _, g, x: (where(x > 0, g, 0),),  # not g·(x > 0), which is NaN for an infinite g
)
_leaky: Operation = define(
    "leaky_relu",
    lambda x, slope: functional.leaky_relu(x, slope),
    dtype=fractions,
    slopes=lambda _, x, slope: (where(x > 0, constant(1.0, x.dtype), slope),),
)
_elu: Operation = define(
    "elu",
    lambda x, alpha: functional.elu(x, alpha),
    dtype=fractions,
    slopes=lambda out, x, alpha: (where(x > 0, 1.0, alpha * exp(minimum(x, 0))),),
)
step: Operation = define("step", lambda x: (x >= 0).to(x.dtype), text="step({0})")
"""McCulloch and Pitts' threshold: 1 from 0 on. Its derivative is 0 wherever it has one, so gradients stop here."""


def leaky_relu(x: Operand, slope: float = 0.01) -> Expression:
    """x where it is positive, slope·x elsewhere."""
    return _leaky(x, slope=float(slope))


def elu(x: Operand, alpha: float = 1.0) -> Expression:
    """x where it is positive, α(eˣ − 1) elsewhere."""
    return _elu(x, alpha=float(alpha))


# ------------------------------------------------------------------------------------------------- signs and choices
abs: Operation = define("abs", torch.abs, slopes=lambda _, x: (sign(x),), text="|{0}|", latex=r"\left|{0}\right|")
sign: Operation = define("sign", torch.sign)
floor: Operation = define("floor", torch.floor)
ceil: Operation = define("ceil", torch.ceil)
round: Operation = define("round", torch.round)


def _share(x: Expression, y: Expression) -> Expression:
    """1 where x is larger, ½ where both are equal."""
    dtype = torch.promote_types(x.dtype, y.dtype)
    return cast(x > y, dtype) + 0.5 * cast(equal(x, y), dtype)


maximum: Operation = define(
    "maximum",
    torch.maximum,
    slopes=lambda _, x, y: (_share(x, y), _share(y, x)),
    text="max({0}, {1})",
    latex=r"\max({0}, {1})",
)
minimum: Operation = define(
    "minimum",
    torch.minimum,
    slopes=lambda _, x, y: (_share(y, x), _share(x, y)),
    text="min({0}, {1})",
    latex=r"\min({0}, {1})",
)


def clip(x: Operand, low: Operand | None = None, high: Operand | None = None) -> Expression:
    """x, but never below low nor above high. Gradients pass where x is between them."""
    if low is None and high is None:
        raise ProfundoError("clip: expected a lower bound, an upper bound or both")
    x = as_expression(x)
    bounded = x if low is None else where(x < low, low, x)
    return bounded if high is None else where(bounded > high, high, bounded)


less: Operation = define("less", operator.lt, dtype=truth, text="{0} < {1}", strength=3)
less_equal: Operation = define(
    "less_equal", operator.le, dtype=truth, text="{0} ≤ {1}", latex=r"{0} \le {1}", strength=3
)
greater: Operation = define("greater", operator.gt, dtype=truth, text="{0} > {1}", strength=3)
greater_equal: Operation = define(
    "greater_equal", operator.ge, dtype=truth, text="{0} ≥ {1}", latex=r"{0} \ge {1}", strength=3
)
equal: Operation = define("equal", operator.eq, dtype=truth, text="{0} = {1}", strength=3)
not_equal: Operation = define("not_equal", operator.ne, dtype=truth, text="{0} ≠ {1}", latex=r"{0} \ne {1}", strength=3)
logical_and: Operation = define(
    "logical_and", torch.logical_and, dtype=truth, text="{0} and {1}", latex=r"{0} \land {1}", strength=2
)
logical_or: Operation = define(
    "logical_or", torch.logical_or, dtype=truth, text="{0} or {1}", latex=r"{0} \lor {1}", strength=1
)
logical_not: Operation = define(
    "logical_not", torch.logical_not, dtype=truth, text="not {0}", latex=r"\lnot {0}", strength=3
)


_where: Operation = define(
    "where",
    torch.where,
    dtype=lambda _, x, y: promoted(x, y),
    slopes=lambda _, condition, x, y: (None, cast(condition, x.dtype), cast(logical_not(condition), y.dtype)),
    pullback=lambda _, g, condition, x, y: (None, where(condition, g, 0), where(condition, 0, g)),
)


def where(condition: Operand, x: Operand, y: Operand) -> Expression:
    """x where the condition holds, y elsewhere. What is not chosen gets no gradient, whatever its value."""
    if isinstance(condition, bool):
        raise ProfundoError(
            f"where: the condition is {condition} before anything is computed; for x == 0 write equal(x, 0)"
        )
    condition = as_expression(condition)
    if condition.dtype != torch.bool:
        condition = not_equal(condition, 0)
    likes = [expression.dtype for expression in (x, y) if isinstance(expression, Expression)]
    if not likes:  # then that of what the condition compares
        likes = [one.dtype for one in reversed(ancestors([condition])) if one.dtype.is_floating_point]
    like = likes[0] if likes else None
    return _where(condition, as_expression(x, like), as_expression(y, like))


_cast: Operation = define(
    "cast",
    lambda x, dtype: x.to(dtype),
    dtype=lambda _, dtype: dtype,
    pullback=lambda _, g, x, dtype: (cast(g, x.dtype) if dtype.is_floating_point else None,),
)


def cast(x: Operand, dtype: torch.dtype) -> Expression:
    """The same numbers in another dtype."""
    x = as_expression(x)
    return x if x.dtype == dtype else _cast(x, dtype=dtype)
