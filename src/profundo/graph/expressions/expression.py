"""Expressions: computations written down before there are values, after Theano (Bergstra et al. 2010).

    a, b, c = scalar("a"), scalar("b"), scalar("c")
    e = a * b + c              # nothing is computed; e knows its operation, inputs, shape, dtype and line

An expression is immutable. It is one node of a graph that only grows: what uses it points to it. Shapes and dtypes are
worked out when it is built, so that a mistake is found at the line that made it.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import EllipsisType
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor

from profundo.graph.expressions.sizes import Mismatch, Shape, any_size, shape_told, written
from profundo.graph.nodes import Size
from profundo.languages import Said
from profundo.records import ProfundoError

__all__ = [
    "FUNCTIONS",
    "OPERATIONS",
    "WRITERS",
    "Expression",
    "Operand",
    "Operation",
    "ancestors",
    "apply",
    "as_expression",
    "constant",
    "describe",
    "inputs_of",
    "matrix",
    "scalar",
    "shared",
    "tensor",
    "values_by_name",
    "vector",
    "walk",
]

OPERATIONS: dict[str, Operation] = {}
"""Every operation by its name; filled where each is defined (see defining.py)."""

FUNCTIONS: dict[str, Callable[..., Expression]] = {}
"""What can be computed with expressions, by its public name; entered in operations.py, above what it is made of."""

WRITERS: dict[str, Callable[[Expression], str]] = {}
"""How an expression is written: "formula" in one line (writing.py), "steps" in a line for each (functions.py)."""

_SWAPPED = {
    "radd": "add",
    "rsub": "sub",
    "rmul": "mul",
    "rtruediv": "div",
    "rdiv": "div",
    "rpow": "pow",
    "rmatmul": "matmul",
}
_OUR_NAMES = {
    **{"truediv": "div", "divide": "div", "multiply": "mul", "subtract": "sub", "negative": "neg", "mod": "remainder"},
    **{"eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal"},
    **{"amax": "max", "amin": "min", "cat": "concat", "clamp": "clip", "vector_norm": "norm"},
    **{f"linalg_{name}": name for name in ("cholesky", "det", "inv", "solve")},
}
_HERE = str(Path(__file__).parent.parent) + os.sep


@dataclass(frozen=True, slots=True)
class Operation:
    """What can be computed, and its rule of differentiation beside it.

    run(*values, **options): computes it, on torch tensors.
    shape(*inputs, **options): of the result; raises Mismatch. dtype(*inputs, **options): of the result.
    slopes(out, *inputs, **options): of an elementwise operation, the derivative by each input (None: zero everywhere).
    pullback(out, g, *inputs, **options): for each input, the gradient that g, the gradient of the result, sends to it.
    An operation with neither has no derivative: gradients stop there.
    text, latex: templates of the formula, {0} for the first input; strength: how tightly it binds (see writing.py).
    """

    name: str
    run: Callable[..., Tensor]
    shape: Callable[..., Shape]
    dtype: Callable[..., torch.dtype]
    slopes: Callable[..., Sequence[Expression | float | None]] | None = None
    pullback: Callable[..., Sequence[Expression | None]] | None = None
    text: str = ""
    latex: str = ""
    strength: int = 9

    def __call__(self, *inputs: Operand, **options: Any) -> Expression:
        for option in options:
            if not _takes(self, option):
                raise TypeError(f"got an unexpected keyword argument {option!r}")
        return apply(self, inputs, options)


def _of_one(name: str) -> Callable[[Expression], Expression]:
    """The method of an operator such as −x."""
    return lambda self: OPERATIONS[name](self)


def _of_two(name: str, swapped: bool = False) -> Callable[[Expression, Operand], Expression]:
    """The method of an operator such as x + y; swapped: of the one on its right, which has the expression second."""
    if swapped:
        return lambda self, other: OPERATIONS[name](other, self)
    return lambda self, other: OPERATIONS[name](self, other)


@dataclass(frozen=True, eq=False, slots=True)
class Expression:
    """One value of a graph, known by what it is computed from. Two expressions are equal when they are the same one.

    op: None for what is given: an input, a shared value or a constant, as `kind` says. options: what the operation is
    told besides its inputs. data: of a constant, its value; of a shared value, a list that holds it.
    line: where it was built ("train.py:12").
    """

    op: Operation | None
    inputs: tuple[Expression, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    shape: Shape = ()
    dtype: torch.dtype = torch.float32
    name: str = ""
    kind: str = ""
    line: str = ""
    data: Any = field(default=None, repr=False)

    __array_ufunc__ = None  # an array leaves arithmetic with an expression to the expression

    @classmethod
    def __torch_function__(cls, func: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Expression:
        """torch.sigmoid(x) is the operation of that name; a tensor leaves arithmetic to the expression beside it."""
        name = func.__name__.strip("_")
        is_swapped = name in _SWAPPED
        name = _SWAPPED.get(name, name)
        name = _OUR_NAMES.get(name, name)
        if name not in FUNCTIONS or name == "sort":  # that of PyTorch returns two things
            raise ProfundoError(
                f"torch.{name} does not take expressions; profundo.graph.operations lists what there is"
            )
        options = {
            key: value
            for key, value in (kwargs or {}).items()
            if key != "_stacklevel" and value is not None and value is not False
        }
        try:
            return FUNCTIONS[name](*(reversed(args) if is_swapped else args), **options)
        except TypeError as error:
            raise ProfundoError(f"torch.{name} of an expression: {error}; see profundo.graph.{name}") from None

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def value(self) -> Tensor:
        """What a shared value or a constant holds."""
        if self.kind == "shared":
            return self.data[0]  # type: ignore[no-any-return]
        if self.kind == "constant":
            return self.data  # type: ignore[no-any-return]
        raise ProfundoError(f"{describe(self)} has no value of its own; compile it: function([…], …)(…)")

    def set_value(self, value: Any) -> None:
        """Put another value of the same shape into a shared one."""
        if self.kind != "shared":
            raise ProfundoError(f"{describe(self)} is not shared; only shared values can be set")
        new = as_tensor(value, self.dtype).to(self.data[0].device)
        if new.shape != self.data[0].shape:
            raise ProfundoError(f"{describe(self)}: expected shape {tuple(self.data[0].shape)}, got {tuple(new.shape)}")
        self.data[0] = new.clone()

    def named(self, name: str) -> Expression:
        """The same computation under a name, for whoever reads the graph."""
        if self.op is None:
            raise ProfundoError(f"{describe(self)} is given, and got its name when it was made")
        return replace(self, name=_checked_name(name))

    def __repr__(self) -> str:
        return WRITERS["formula"](self)

    def __str__(self) -> str:
        """The formula, or for a long one a line for each of its values."""
        whole = repr(self)
        return whole if len(whole) <= 100 else WRITERS["steps"](self)

    def __bool__(self) -> NoReturn:
        raise ProfundoError(f"{describe(self)} has no truth value before it is computed; choose with where(…, …, …)")

    def __iter__(self) -> Iterator[Expression]:
        if not self.shape or not isinstance(self.shape[0], int):
            raise ProfundoError(f"{describe(self)} cannot be taken apart: its first size is not known yet")
        return (self[at] for at in range(self.shape[0]))

    def __reduce__(self) -> NoReturn:
        raise ProfundoError(f"{describe(self)} is not pickled; keep the code or the formula that builds it")

    def __copy__(self) -> Expression:
        return self  # immutable, but for a shared value, which is one wherever it stands

    def __deepcopy__(self, _memo: Any) -> Expression:
        return self

    __neg__, __abs__, __invert__ = _of_one("neg"), _of_one("abs"), _of_one("logical_not")
    __add__, __radd__ = _of_two("add"), _of_two("add", swapped=True)
    __sub__, __rsub__ = _of_two("sub"), _of_two("sub", swapped=True)
    __mul__, __rmul__ = _of_two("mul"), _of_two("mul", swapped=True)
    __truediv__, __rtruediv__ = _of_two("div"), _of_two("div", swapped=True)
    __pow__, __rpow__ = _of_two("pow"), _of_two("pow", swapped=True)
    __matmul__, __rmatmul__ = _of_two("matmul"), _of_two("matmul", swapped=True)
    __mod__ = _of_two("remainder")
    __lt__, __le__, __gt__, __ge__ = map(_of_two, ("less", "less_equal", "greater", "greater_equal"))
    __and__, __or__ = _of_two("logical_and"), _of_two("logical_or")

    def __getitem__(self, at: Any) -> Expression:
        return FUNCTIONS["index"](self, at)

    @property
    def T(self) -> Expression:
        return FUNCTIONS["permute"](self, tuple(reversed(range(self.ndim))))

    def sum(self, dim: int | Sequence[int] | None = None, keepdim: bool = False) -> Expression:
        return FUNCTIONS["sum"](self, dim, keepdim)

    def mean(self, dim: int | Sequence[int] | None = None, keepdim: bool = False) -> Expression:
        return FUNCTIONS["mean"](self, dim, keepdim)

    def max(self, dim: int | Sequence[int] | None = None, keepdim: bool = False) -> Expression:
        return FUNCTIONS["max"](self, dim, keepdim)

    def min(self, dim: int | Sequence[int] | None = None, keepdim: bool = False) -> Expression:
        return FUNCTIONS["min"](self, dim, keepdim)

    def reshape(self, *shape: int) -> Expression:
        return FUNCTIONS["reshape"](self, *shape)


Operand = Expression | float | int | bool | np.ndarray | Tensor | Sequence[Any]


# ------------------------------------------------------------------------------------------------------- what is given
def scalar(name: str, *, dtype: torch.dtype | None = None) -> Expression:
    """A single number that will be given. dtype: PyTorch's default floating type otherwise."""
    return tensor(name, (), dtype=dtype)


def vector(name: str, size: Size | None = None, *, dtype: torch.dtype | None = None) -> Expression:
    """(size,): a number, a word for a size that is the same wherever the word stands, or None for any."""
    return tensor(name, (size,), dtype=dtype)


def matrix(
    name: str, shape: tuple[Size | None, Size | None] = (None, None), *, dtype: torch.dtype | None = None
) -> Expression:
    """(rows, columns), each a number, a word or None for any."""
    if len(shape) != 2:
        raise ProfundoError(f"matrix {name!r}: expected (rows, columns), got {len(shape)} sizes; use tensor(…)")
    return tensor(name, shape, dtype=dtype)


def tensor(name: str, shape: Sequence[Size | None], *, dtype: torch.dtype | None = None) -> Expression:
    """Values that will be given, of any number of dimensions; each size a number, a word or None for any."""
    for size in shape:
        if size is not None and not (isinstance(size, str) and size.isidentifier()) and not _is_size(size):
            raise ProfundoError(f"{name}: a size is a number ≥ 0, a word or None, not {size!r}")
    sizes = tuple(any_size() if size is None else size for size in shape)
    return Expression(
        None,
        shape=sizes,
        dtype=dtype or torch.get_default_dtype(),
        name=_checked_name(name),
        kind="input",
        line=_line(),
    )


def shared(value: Any, name: str = "", *, dtype: torch.dtype | None = None) -> Expression:
    """A value with state: functions read it, and may change it through `updates`. A copy of what is given."""
    held = as_tensor(value, dtype).clone()
    return Expression(
        None, shape=tuple(held.shape), dtype=held.dtype, name=name and _checked_name(name), kind="shared", line=_line(),
        data=[held],
    )  # fmt: skip


def constant(value: Any, dtype: torch.dtype | None = None) -> Expression:
    """A value that never changes."""
    held = as_tensor(value, dtype)
    return Expression(None, shape=tuple(held.shape), dtype=held.dtype, kind="constant", line=_line(), data=held)


def as_tensor(value: Any, dtype: torch.dtype | None = None) -> Tensor:
    """Numbers, lists, arrays and tensors as a tensor; Python's own fractions get PyTorch's default floating type."""
    if isinstance(value, Expression):
        raise ProfundoError(f"{describe(value)} is an expression where a value is needed")
    try:
        made = torch.as_tensor(value.copy() if isinstance(value, np.ndarray) else value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ProfundoError(
            f"expected a number, list, array or tensor, got {type(value).__name__}: {' '.join(str(error).split())}"
        ) from None
    if made.is_complex():
        raise ProfundoError("complex numbers are not supported; give real and imaginary parts")
    wanted = dtype or made.dtype
    if wanted == torch.float64 and not isinstance(value, Tensor | np.ndarray) and made.is_floating_point():
        made = torch.as_tensor(value, dtype=wanted)  # all digits of Python's numbers
    if made.is_floating_point() and not wanted.is_floating_point and made.numel():
        raise ProfundoError(f"expected whole numbers ({_word(wanted)}), got {_word(made.dtype)}")
    return made.detach().to(wanted)


# ------------------------------------------------------------------------------------------------------------ building
def apply(op: Operation, operands: Sequence[Operand], options: Mapping[str, Any]) -> Expression:
    """The expression of an operation on these operands. Raises ProfundoError where shapes or dtypes do not fit."""
    inputs = _expressions(operands)
    try:
        shape = op.shape(*inputs, **options)
        dtype = op.dtype(*inputs, **options)
    except Mismatch as why:
        what = " and ".join(describe(expression) for expression in inputs)
        told = Said("refusals.do_not_fit", op=op.name, what=tuple(map(_operand, inputs)), why=why.args[0])
        raise ProfundoError(f"{op.name}: {what} do not fit: {why} ({_line() or 'built'})", told=told) from None
    return Expression(op, inputs, options, shape, dtype, line=_line())


def as_expression(value: Operand, like: torch.dtype | None = None) -> Expression:
    """The value as a constant, unless it is an expression. Python's numbers, alone or in lists, take the dtype of their
    fellow operands, and so does what is computed from such numbers alone."""
    if isinstance(value, Expression):
        return _as_beside(value, like) if like is not None and like != value.dtype else value
    if isinstance(value, EllipsisType | str | bytes) or value is None:
        raise ProfundoError(f"expected a number, array or expression, got {value!r}")
    if isinstance(value, bool | int | float) and like is not None:
        fits = like.is_floating_point or (not isinstance(value, float) and like != torch.bool)
        return constant(value, like if fits else None)
    held = constant(value)
    are_fractions = like is not None and isinstance(value, list | tuple) and held.dtype.is_floating_point
    return constant(value, like) if are_fractions and like.is_floating_point else held  # type: ignore[union-attr]


def _as_beside(x: Expression, like: torch.dtype) -> Expression:
    """In a wider floating type, with all digits of its numbers, if it is made of single numbers alone: sqrt(0.1) beside
    float64 is not the root of 0.1 in float32."""
    parts = ancestors([x]) if torch.promote_types(x.dtype, like) == like and x.dtype.is_floating_point else []
    is_written = all(
        one.op.name != "cast" if one.op else one.kind == "constant" and not one.data.dim() for one in parts
    )
    made: dict[Expression, Expression] = {}
    for one in parts if is_written else ():
        is_fraction = one.dtype.is_floating_point
        data = constant(float(str(one.data.cpu().numpy())), like).data if one.op is None and is_fraction else one.data
        inputs = tuple(made[part] for part in one.inputs)
        made[one] = replace(one, inputs=inputs, dtype=like if is_fraction else one.dtype, data=data)
    return made.get(x, x)


def ancestors(outputs: Iterable[Expression], until: Callable[[Expression], bool] = lambda _: False) -> list[Expression]:
    """All that the outputs are computed from, and they themselves, each once and after its inputs.

    until: whether what an expression is computed from is left out.
    """
    order: list[Expression] = []
    seen: set[int] = set()
    waiting = [(expression, False) for expression in reversed(list(outputs))]
    while waiting:
        expression, is_ready = waiting.pop()
        if is_ready:
            order.append(expression)
        elif id(expression) not in seen:
            seen.add(id(expression))
            waiting.append((expression, True))
            inputs = () if until(expression) else expression.inputs
            waiting += [(node, False) for node in reversed(inputs) if id(node) not in seen]
    return order


def inputs_of(outputs: Iterable[Expression]) -> list[Expression]:
    """What must be given to compute the outputs."""
    return [expression for expression in ancestors(outputs) if expression.kind == "input"]


def values_by_name(inputs: Sequence[Expression], given: Mapping[Any, Any]) -> dict[str, Any]:
    """The values of the inputs, which are given by name or by the input itself. Raises ProfundoError for others."""
    names = [one.name for one in inputs]
    values = {key.name if isinstance(key, Expression) else key: value for key, value in given.items()}
    for name in values:
        if name not in names:
            raise ProfundoError(f"there is no input {name!r}; the inputs are {', '.join(names) or 'none'}")
    if missing := [name for name in names if name not in values]:
        has = "has no value: give one" if len(missing) == 1 else "have no value: give them"
        example = ", ".join(f"{name!r}: 1.0" for name in missing)
        raise ProfundoError(f"{', '.join(missing)} {has}, such as {{{example}}}")
    return values


def walk(outputs: Sequence[Expression], given: Mapping[Expression, Tensor]) -> list[Tensor]:
    """Values of the outputs, each expression between computed once by calling its operation."""
    known = dict(given)
    for one in ancestors(outputs):
        if one not in known:
            known[one] = _run(one, [known[part] for part in one.inputs])
    return [known[one] for one in outputs]


def _run(one: Expression, values: Sequence[Tensor]) -> Tensor:
    if one.op is None:
        return one.value
    try:
        return one.op.run(*values, **one.options)
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, IndexError) as why:
        operands = " and ".join(
            f"{part.name or repr(part)} {tuple(v.shape)}" for part, v in zip(one.inputs, values, strict=True)
        )
        reason = " ".join(str(why).split())
        raise ProfundoError(Said("refusals.not_computed", op=one.op.name, operands=operands, reason=reason)) from None


def describe(expression: Expression) -> str:
    """For error messages: name or formula, what it is, shape and line."""
    what = expression.name or repr(expression)
    kind = f"{expression.kind}, " if expression.kind and expression.kind != "constant" else ""
    built = f", {expression.line}" if expression.line else ""
    return f"{what} ({kind}{written(expression.shape)}{built})"


def _operand(expression: Expression) -> Said:
    """For who reads it on a page: name or formula, and shape."""
    return Said("looks.aside", name=expression.name or repr(expression), what=shape_told(expression.shape))


def _expressions(operands: Sequence[Operand]) -> tuple[Expression, ...]:
    known = [operand.dtype for operand in operands if isinstance(operand, Expression)]
    like = known[0] if known else None
    for other in known[1:]:
        like = torch.promote_types(like, other)  # type: ignore[arg-type]
    return tuple(as_expression(operand, like) for operand in operands)


@cache
def _takes(op: Operation, option: str) -> bool:
    """Whether a rule of the operation has a use for the option: it names it, or hands on **all that it gets."""
    rules = [rule for rule in (op.shape, op.slopes, op.pullback) if rule is not None]
    parameters = [parameter for rule in rules for parameter in inspect.signature(rule).parameters.values()]
    return any(
        parameter.name == option if parameter.kind != parameter.VAR_KEYWORD else not parameter.name.startswith("_")
        for parameter in parameters
    )


def _line() -> str:
    """File and line of the innermost frame outside this room."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith((_HERE, "<string>", "<frozen")):
        frame = frame.f_back  # type: ignore[assignment]
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}" if frame is not None else ""


def _checked_name(name: str) -> str:
    if not isinstance(name, str) or not name.strip() or "\n" in name:
        raise ProfundoError(f"a name is a word of one line, not {name!r}")
    return name


def _is_size(size: object) -> bool:
    return isinstance(size, int) and not isinstance(size, bool) and size >= 0


def _word(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
