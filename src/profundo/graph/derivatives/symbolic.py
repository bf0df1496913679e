"""Derivatives as formulas, by way of SymPy: each entry of a gradient has a formula of its own.

SymPy (Meurer et al. 2017) differentiates a formula by the rules of the school book. The formula of a derivative may be
far longer than that of the function: expression swell (Griewank & Walther 2008, chapter 1; Baydin et al. 2018, table 1),
which is counted here, before and after common subexpressions are shared.

No text is ever run: a formula is computed by walking its tree and calling our own operations, one from a closed table
for each node. Vectors and matrices are taken apart, entry by entry. SymPy simplifies while it builds (x/x is 1), so that
a formula may have a value where the function has none.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import count
from typing import Any

import numpy as np
import sympy
import torch
from torch import Tensor

from profundo.graph import operations as ops
from profundo.graph.expressions.expression import Expression, ancestors, constant, describe, scalar
from profundo.graph.expressions.writing import write, write_latex
from profundo.languages import Said
from profundo.records import ProfundoError

__all__ = ["Formula", "Formulas", "differentiated"]

MOST = 400  # entries of all inputs together: a formula each
LARGEST = 5_000  # entries of one value on the way
MOST_IN_F = 50_000  # parts of the formula of f, written out
LONGEST = 2_000  # operations in a formula that is still written out
DIGITS = 6  # a constant of at most so many is taken for the fraction that it is written as


@dataclass(frozen=True, slots=True)
class Formula:
    """Of one number, as text and in LaTeX; both empty where it is too long to be read. operations: written out."""

    text: str
    latex: str
    operations: int


@dataclass(frozen=True, slots=True)
class Formulas:
    """The derivative by each entry, by the entry's name ("a", "x0", "W12").

    written_out: operations in all formulas as they are written; shared: when what occurs twice is computed once.
    """

    by_entry: Mapping[str, Formula]
    written_out: int
    shared: int


Symbols = Mapping[Expression, np.ndarray[Any, Any]]  # of each input, in its shape: one sympy.Symbol for an entry


@dataclass(frozen=True, slots=True)
class Differentiated:
    """Formulas, and what computes them: for each input, its entries as inputs of their own, and as many outputs."""

    formulas: Formulas
    inputs: Mapping[Expression, tuple[Expression, ...]]
    outputs: Mapping[Expression, tuple[Expression, ...]]


def differentiated(f: Expression, at: Mapping[Expression, Tensor], *, simplify: bool = False) -> Differentiated:
    """Formulas of the derivatives of f, a single number, by every entry of its fractional inputs.

    at: the inputs' values; of fractions, only their shapes count. simplify: let SymPy look for shorter forms.
    Raises ProfundoError, naming the operation, where there is no formula for one.
    """
    try:
        formula, symbols = _to_sympy(f, at)
        if (length := _length(formula, {})) > MOST_IN_F:  # SymPy walks what occurs twice twice
            raise ProfundoError(
                f"symbolic: the formula of f has {length:,} parts, at most {MOST_IN_F:,}; differentiate automatically"
            )
        derivatives = [sympy.diff(formula, symbol) for symbol in _every(symbols)]
        if simplify:
            derivatives = [sympy.simplify(entry) for entry in derivatives]
        return _compiled(derivatives, symbols)
    except RecursionError:
        raise ProfundoError(
            "symbolic: the formula is nested too deeply for SymPy; differentiate automatically"
        ) from None


def _to_sympy(f: Expression, at: Mapping[Expression, Tensor]) -> tuple[sympy.Expr, Symbols]:
    """The formula of a single number, and the symbols in it, which stand for real numbers. Whole numbers are constants."""
    order = ancestors([f])
    symbols = _symbols([entry for entry in order if entry.kind == "input" and entry.dtype.is_floating_point], at)
    known: dict[Expression, np.ndarray[Any, Any]] = dict(symbols)
    for node in order:
        if node not in known:
            known[node] = _formulas_of(node, known, at)
    return known[f].item(), symbols


def _every(symbols: Symbols) -> list[sympy.Symbol]:
    return [symbol for array in symbols.values() for symbol in array.flat]


def _length(formula: Any, known: dict[Any, int]) -> int:
    """Operations, numbers and symbols in a formula as it is written out."""
    if formula not in known:
        known[formula] = 1 + sum(_length(part, known) for part in formula.args)
    return known[formula]


# -------------------------------------------------------------------------------------------------------------- symbols
def _symbols(inputs: Sequence[Expression], at: Mapping[Expression, Tensor]) -> dict[Expression, np.ndarray[Any, Any]]:
    shapes = {entry: tuple(at[entry].shape) for entry in inputs}
    entries = sum(math.prod(shape) for shape in shapes.values())
    if entries > MOST:
        raise ProfundoError(
            f"symbolic: the inputs have {entries:,} entries, a formula each; at most {MOST} are written"
        )
    taken = {entry.name for entry in inputs}
    named = {}
    for entry, shape in shapes.items():
        names = _entry_names(entry.name, shape, taken)
        taken |= set(names)
        symbols = [sympy.Symbol(name, real=True) for name in names]
        named[entry] = _objects(symbols, shape)
    return named


def _entry_names(name: str, shape: tuple[int, ...], taken: set[str]) -> list[str]:
    """x0, x1, … of a vector, W00, W01, … of a matrix; where that is unclear or another's name, x[0], x′[0], …"""
    if not shape:
        return [name]
    places = list(np.ndindex(shape))
    names = [name + "".join(map(str, place)) for place in places]
    is_clear = len(shape) < 2 or max(shape) <= 10
    while not is_clear or taken & set(names):
        names = [f"{name}[{', '.join(map(str, place))}]" for place in places]
        name, is_clear = name + "′", True
    return names


def _objects(items: Sequence[Any], shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array.reshape(shape)


# ---------------------------------------------------------------------- functions that SymPy has otherwise, or not at all
class _Real(sympy.Function):  # type: ignore[misc]
    """A function of real numbers whose values are real, so that SymPy makes no detour through complex ones."""

    is_real = True


class sigmoid(_Real):
    def fdiff(self, _place: int = 1) -> Any:
        return self * (1 - self)


class softplus(_Real):
    def fdiff(self, _place: int = 1) -> Any:
        return sigmoid(self.args[0])


class logsigmoid(_Real):
    def fdiff(self, _place: int = 1) -> Any:
        return sigmoid(-self.args[0])


class _Flat(_Real):
    """A function without slope wherever it has one."""

    def fdiff(self, _place: int = 1) -> Any:
        return sympy.S.Zero


class absolute(_Real):
    def fdiff(self, _place: int = 1) -> Any:
        return FLAT["sign"](self.args[0])


class choose(_Real):
    """choose(condition, x, y). What is not chosen has no share in the derivative, whatever its value."""

    def _eval_derivative(self, symbol: sympy.Symbol) -> Any:
        condition, x, y = self.args
        chosen = x.diff(symbol), y.diff(symbol)
        return sympy.S.Zero if chosen == (0, 0) else choose(condition, *chosen)


class largest(_Real):
    def fdiff(self, place: int = 1) -> Any:
        return share(place - 1, self, *self.args)


class smallest(_Real):
    def fdiff(self, place: int = 1) -> Any:
        return share(place - 1, self, *self.args)


class share(_Flat):
    """share(i, extreme, x₀, x₁, …): 1 over the number of those equal to the extreme where xᵢ is one, 0 elsewhere."""


class beyond(_Flat):
    """beyond(1) is ∞, beyond(−1) −∞, beyond(0) NaN: SymPy would say that NaN·a has the derivative 0."""


def _flat(name: str) -> Any:
    return type(name, (_Flat,), {})


TRUTHS = [
    "less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "logical_and", "logical_or", "logical_not",
]  # fmt: skip
FLAT = {name: _flat(name) for name in ["sign", "floor", "ceil", "round", "step", *TRUTHS]}

# --------------------------------------------------------------------------------------------- from expressions to SymPy
SAME: dict[str, Any] = {
    name: getattr(sympy, name)
    for name in ("exp", "log", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "erf", "atan2")
}
"""Functions that SymPy has under the name that they have here."""

ELEMENTWISE: dict[str, Callable[..., Any]] = {
    **SAME,
    **FLAT,
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "pow": operator.pow,
    "neg": operator.neg,
    "reciprocal": lambda x: 1 / x,
    "square": lambda x: x**2,
    "remainder": lambda x, y: x - y * FLAT["floor"](x / y),
    "sqrt": sympy.sqrt,
    "root": sympy.sqrt,
    "expm1": lambda x: sympy.exp(x) - 1,
    "log1p": lambda x: sympy.log(1 + x),
    "log2": lambda x: sympy.log(x) / sympy.log(2),
    "log10": lambda x: sympy.log(x) / sympy.log(10),
    "logaddexp": lambda x, y: sympy.log(sympy.exp(x) + sympy.exp(y)),
    "sigmoid": sigmoid,
    "softplus": softplus,
    "logsigmoid": logsigmoid,
    "silu": lambda x: x * sigmoid(x),
    "gelu": lambda x: x * (1 + sympy.erf(x / sympy.sqrt(2))) / 2,
    "relu": lambda x: choose(FLAT["greater"](x, 0), x, 0),
    "leaky_relu": lambda x, slope: choose(FLAT["greater"](x, 0), x, _number(slope) * x),
    "elu": lambda x, alpha: choose(FLAT["greater"](x, 0), x, _number(alpha) * (sympy.exp(x) - 1)),
    "abs": absolute,
    "maximum": largest,
    "minimum": smallest,
    "where": choose,
    "zeros_like": lambda _: sympy.S.Zero,
}
"""What each operation on single numbers is in SymPy."""

MOVES = {
    "expand_like", "broadcast_to", "reshape", "reshape_like", "permute", "transpose", "unsqueeze", "squeeze", "flip", "concat",
    "part_of", "index", "pick", "stack",
}  # fmt: skip
"""Operations that only move entries: they are run on the entries' numbers."""


def _formulas_of(node: Expression, known: Mapping[Expression, Any], at: Mapping[Expression, Tensor]) -> Any:
    """Of all entries of one value."""
    if node.op is None:
        return _given(node, at)
    parts = [known[entry] for entry in node.inputs]
    name = node.op.name
    if _entries(node, parts) > LARGEST:
        told = Said("refusals.formula_entries_each", what=node.name or repr(node), most=LARGEST)
        raise ProfundoError(
            f"symbolic: {describe(node)} has over {LARGEST:,} entries, a formula each; take fewer", told=told
        )
    if name in ELEMENTWISE:
        return _each(lambda *entries: ELEMENTWISE[name](*entries, **node.options), *parts)
    if name in MOVES:
        return _moved(node, parts)
    if name in REDUCTIONS:
        return REDUCTIONS[name](*parts, **node.options)
    if name == "cast" and (node.dtype.is_floating_point or not node.inputs[0].dtype.is_floating_point):
        return _each(_as_number, *parts)
    raise ProfundoError(
        f"symbolic: there is no formula for {name} ({describe(node)}); differentiate automatically",
        told=Said("refusals.no_formula_for", name=name),
    )


def _given(node: Expression, at: Mapping[Expression, Tensor]) -> Any:
    """Numbers of a constant, a shared value or an input that is no fraction."""
    value = at[node] if node.kind == "input" else node.value
    return _objects([_number(entry) for entry in value.flatten().tolist()], tuple(value.shape))


def _entries(node: Expression, parts: Sequence[Any]) -> int:
    """Entries of the result, as far as they are known before it is computed."""
    assert node.op is not None
    if node.op.name in ELEMENTWISE:
        return math.prod(np.broadcast_shapes(*(part.shape for part in parts)))
    return math.prod(size for size in node.shape if isinstance(size, int))


def _each(formula: Callable[..., Any], *parts: Any) -> np.ndarray[Any, Any]:
    """Entry by entry, with broadcasting."""
    spread = np.broadcast_arrays(*parts)
    made = [sympy.sympify(formula(*entries)) for entries in zip(*(part.flat for part in spread), strict=True)]
    return _objects(made, spread[0].shape)


def _moved(node: Expression, parts: Sequence[Any]) -> np.ndarray[Any, Any]:
    """The operation itself, run on the places of all entries, tells where each entry goes."""
    assert node.op is not None
    starts = np.cumsum([0, *(part.size for part in parts)]).tolist()
    places = [
        torch.arange(start, start + part.size).reshape(part.shape) for part, start in zip(parts, starts, strict=False)
    ]
    if node.op.name in ("index", "pick"):
        places[1:] = [_whole(item, part) for item, part in zip(node.inputs[1:], parts[1:], strict=True)]
    moved = node.op.run(*places, **node.options)
    entries = [entry for part in parts for entry in part.flat]
    return _objects([entries[place] for place in moved.flatten().tolist()], tuple(moved.shape))


def _whole(item: Expression, part: Any) -> Tensor:
    """Values of whole numbers: places to index with."""
    try:
        return torch.tensor([int(entry) for entry in part.flat], dtype=torch.int64).reshape(part.shape)
    except TypeError:
        raise ProfundoError(
            f"symbolic: {describe(item)} must be known numbers, since values are chosen by it"
        ) from None


def _as_number(entry: Any) -> Any:
    """A truth value as 1 or 0."""
    is_truth = type(entry).__name__ in TRUTHS and isinstance(entry, _Flat)
    return choose(entry, 1, 0) if is_truth else entry


def _number(value: float) -> Any:
    """A constant: exactly the fraction that it is written as, if that is short."""
    if isinstance(value, bool | int):
        return sympy.Integer(int(value))
    if not math.isfinite(value):
        return beyond(0 if math.isnan(value) else int(math.copysign(1, value)))
    if value == int(value) and abs(value) < 1e15:
        return sympy.Integer(int(value))
    is_short = len(repr(abs(value)).replace("0.", "").replace(".", "")) <= DIGITS and "e" not in repr(value)
    return sympy.Rational(repr(value)) if is_short else sympy.Float(value, precision=53)


# ----------------------------------------------------------------------------------------------------------- reductions
def _groups(x: Any, dim: tuple[int, ...], keepdim: bool, of: Callable[[list[Any]], Any]) -> np.ndarray[Any, Any]:
    """Each group along the dimensions, made into one formula."""
    remaining = [at for at in range(x.ndim) if at not in dim]
    rows = x.transpose(*remaining, *dim).reshape(
        [*(x.shape[at] for at in remaining), math.prod(x.shape[at] for at in dim)]
    )
    shape = tuple(1 if at in dim else size for at, size in enumerate(x.shape) if keepdim or at not in dim)
    return _objects([sympy.sympify(of(list(rows[place]))) for place in np.ndindex(rows.shape[:-1])], shape)


def _mean(entries: list[Any]) -> Any:
    return sympy.Add(*entries) / len(entries) if entries else sympy.nan


def _log_of_sum(entries: list[Any]) -> Any:
    return sympy.log(sympy.Add(*(sympy.exp(entry) for entry in entries)))


def _product(x: Any, y: Any) -> np.ndarray[Any, Any]:
    """As torch.matmul has it, with SymPy's own sums: NumPy multiplies arrays of objects."""
    return np.asarray(np.matmul(x, y), dtype=object)


def _along(x: Any, dim: int, of: Callable[[list[Any]], list[Any]]) -> np.ndarray[Any, Any]:
    """Each row along a dimension, made into another of the same length."""
    rows = np.moveaxis(x, dim, -1)
    made = [of(list(rows[place])) for place in np.ndindex(rows.shape[:-1])]
    return np.moveaxis(_objects([entry for row in made for entry in row], rows.shape), -1, dim)


def _sum_to(x: Any, like: Any) -> np.ndarray[Any, Any]:
    new = x.ndim - like.ndim
    repeated = [at + new for at, size in enumerate(like.shape) if size == 1 and x.shape[at + new] != 1]
    summed = _groups(x, (*range(new), *repeated), True, lambda row: sympy.Add(*row))
    return summed.reshape(like.shape)


REDUCTIONS: dict[str, Callable[..., Any]] = {
    "sum": lambda x, dim, keepdim: _groups(x, dim, keepdim, lambda row: sympy.Add(*row)),
    "mean": lambda x, dim, keepdim: _groups(x, dim, keepdim, _mean),
    "max": lambda x, dim, keepdim: _groups(x, dim, keepdim, lambda row: largest(*row)),
    "min": lambda x, dim, keepdim: _groups(x, dim, keepdim, lambda row: smallest(*row)),
    "logsumexp": lambda x, dim, keepdim: _groups(x, dim, keepdim, _log_of_sum),
    "sum_to": _sum_to,
    "count": lambda x, dim: _objects([sympy.Integer(math.prod(x.shape[at] for at in dim))], ()),
    "cumsum": lambda x, dim: _along(x, dim, lambda row: [sympy.Add(*row[: at + 1]) for at in range(len(row))]),
    "softmax": lambda x, dim: _along(x, dim, lambda row: [sympy.exp(entry - _log_of_sum(row)) for entry in row]),
    "log_softmax": lambda x, dim: _along(x, dim, lambda row: [entry - _log_of_sum(row) for entry in row]),
    "matmul": _product,
}  # fmt: skip


# --------------------------------------------------------------------------------------------- from SymPy to expressions
def _share(place: Expression, extreme: Expression, *entries: Expression) -> Expression:
    """1 over the number of the entries that are the extreme, for the one at this place if it is among them."""
    this = entries[int(place.data)]
    others = [entry for at, entry in enumerate(entries) if at != int(place.data)]
    if len(others) == 1:
        is_it = this > others[0] if extreme.op is ops.maximum else this < others[0]
        return ops.where(is_it, 1.0, ops.where(ops.equal(this, others[0]), 0.5, 0.0))
    ties = reduce(operator.add, [ops.where(ops.equal(entry, extreme), 1.0, 0.0) for entry in others], _wide(1.0))
    return ops.where(ops.equal(this, extreme), 1 / ties, 0.0)


BACK: dict[Any, Callable[..., Expression]] = {
    **{function: getattr(ops, name) for name, function in (SAME | FLAT).items()},
    sigmoid: ops.sigmoid,
    softplus: ops.softplus,
    logsigmoid: ops.logsigmoid,
    absolute: ops.abs,
    choose: ops.where,
    largest: lambda *entries: reduce(ops.maximum, entries),
    smallest: lambda *entries: reduce(ops.minimum, entries),
    share: _share,
    beyond: lambda sign: _wide((math.nan, math.inf, -math.inf)[int(sign.data)]),
    sympy.Abs: ops.abs,
    sympy.sign: ops.sign,
    sympy.sec: lambda x: 1 / ops.cos(x),
    sympy.csc: lambda x: 1 / ops.sin(x),
    sympy.cot: lambda x: 1 / ops.tan(x),
    sympy.sech: lambda x: 1 / ops.cosh(x),
    sympy.csch: lambda x: 1 / ops.sinh(x),
    sympy.coth: lambda x: 1 / ops.tanh(x),
    sympy.erfc: lambda x: 1 - ops.erf(x),
}
"""What each of SymPy's functions is here; Add, Mul, Pow and numbers have methods of their own."""


def _wide(value: float) -> Expression:
    return constant(float(value), torch.float64)


class _Reader:
    """Walks SymPy's tree; a part that was met before is the same expression again."""

    def __init__(self, inputs: Mapping[sympy.Symbol, Expression]) -> None:
        self.known: dict[Any, Expression] = dict(inputs)

    def read(self, formula: Any) -> Expression:
        if formula not in self.known:
            self.known[formula] = self.made(formula)
        return self.known[formula]

    def made(self, formula: Any) -> Expression:
        if _is_number(formula):
            return _wide(_value(formula))
        if formula.is_Add:
            return self.total(formula.as_ordered_terms())
        if formula.is_Mul:
            return self.product(formula.as_ordered_factors())
        if formula.is_Pow:
            return self.power(formula.base, formula.exp)
        if formula.func not in BACK:
            raise ProfundoError(f"symbolic: SymPy's {formula.func.__name__} has no operation here")
        return BACK[formula.func](*(self.read(part) for part in formula.args))

    def total(self, terms: Sequence[Any]) -> Expression:
        """A sum, in which a negative term is subtracted."""
        first, *others = sorted(terms, key=_is_negative)
        result = self.read(first)
        for term in others:
            result = result - self.read(-term) if _is_negative(term) else result + self.read(term)
        return result

    def product(self, factors: Sequence[Any]) -> Expression:
        """A product, in which factors with a negative power are divided by, and numbers come first."""
        number = sympy.Mul(*(entry for entry in factors if _is_number(entry)))
        others = [entry for entry in factors if not _is_number(entry)]
        over, under = (number.p, number.q) if number.is_Rational else (number, 1)
        sign = -1 if _is_negative(number) else 1
        above = [*([] if sign * over == 1 else [sign * over]), *(entry for entry in others if not _is_divisor(entry))]
        below = [*([] if under == 1 else [under]), *(1 / entry for entry in others if _is_divisor(entry))]
        result = self.chain(above)
        result = result / self.chain(below) if below else result
        return -result if sign < 0 else result

    def chain(self, factors: Sequence[Any]) -> Expression:
        return reduce(operator.mul, [self.read(sympy.sympify(entry)) for entry in factors] or [_wide(1.0)])

    def power(self, base: Any, exponent: Any) -> Expression:
        if base is sympy.E:
            return ops.exp(self.read(exponent))
        if _is_divisor(sympy.Pow(base, exponent, evaluate=False)):
            return 1 / self.read(sympy.Pow(base, -exponent))
        if exponent == sympy.Rational(1, 2):
            return ops.sqrt(self.read(base))
        return ops.pow(self.read(base), self.read(exponent))


def _is_number(formula: Any) -> bool:
    return bool(formula.is_number and not formula.has(_Real))


def _is_divisor(factor: Any) -> bool:
    return bool(factor.is_Pow and factor.exp.is_Rational and factor.exp < 0 and factor.base is not sympy.E)


def _is_negative(term: Any) -> bool:
    coefficient = term.as_coeff_Mul()[0]
    return bool(coefficient.is_extended_real and coefficient.is_negative)


def _value(number: Any) -> float:
    """NaN for what is not real, as in arithmetic on floating-point numbers."""
    if number.is_Rational:
        try:
            return float(number.p / number.q)
        except OverflowError:
            return math.inf if number > 0 else -math.inf
    try:
        return float(number.evalf(20))
    except (TypeError, ValueError, OverflowError):
        return math.nan


# ------------------------------------------------------------------------------------------------------ what is computed
def _compiled(derivatives: Sequence[Any], symbols: Symbols) -> Differentiated:
    """Formulas to read, and expressions to compute in which common subexpressions are shared."""
    stand_ins = {symbol: scalar(symbol.name, dtype=torch.float64) for symbol in _every(symbols)}
    plain = _Reader(stand_ins)
    written = [plain.read(entry) for entry in derivatives]
    sizes = _written_out(written)
    fresh = (sympy.Dummy("common", real=True) for _ in count())
    common, reduced = sympy.cse(list(derivatives), symbols=fresh, order="none", list=True)
    shared = _Reader(stand_ins)
    for symbol, part in common:
        shared.known[symbol] = shared.read(part)
    outputs = [shared.read(entry) for entry in reduced]
    if _computed(written) < _computed(outputs):  # SymPy shares quotients as powers, which may take one operation more
        outputs = written
    by_entry = {
        symbol.name: _formula(entry, sizes[entry]) for symbol, entry in zip(_every(symbols), written, strict=True)
    }
    formulas = Formulas(by_entry, sum(sizes[entry] for entry in written), _computed(outputs))
    by_symbol = dict(zip(_every(symbols), outputs, strict=True))
    return Differentiated(
        formulas,
        {entry: tuple(stand_ins[symbol] for symbol in array.flat) for entry, array in symbols.items()},
        {entry: tuple(by_symbol[symbol] for symbol in array.flat) for entry, array in symbols.items()},
    )


def _formula(expression: Expression, size: int) -> Formula:
    if size > LONGEST:
        return Formula("", "", size)
    return Formula(write(expression), write_latex(expression), size)


def _written_out(outputs: Sequence[Expression]) -> dict[Expression, int]:
    """Operations of each expression's formula, where what is used twice is written twice."""
    sizes: dict[Expression, int] = {}
    for entry in ancestors(outputs):
        sizes[entry] = (entry.op is not None) + sum(sizes[part] for part in entry.inputs)
    return sizes


def _computed(outputs: Sequence[Expression]) -> int:
    return sum(entry.op is not None for entry in ancestors(outputs))
