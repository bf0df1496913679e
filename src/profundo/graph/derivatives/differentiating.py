"""Derivatives in three ways: numerically, by differences; symbolically, by formulas; automatically, by the chain rule.

    differentiate(f, {"a": 5, "b": 3}).gradients                      # {"a": tensor(9.), "b": tensor(33.)}
    differentiate(f, {"a": 5, "b": 3}, "symbolic").formulas.by_entry["b"].text
    differentiate(lambda x: x.sin() / x, 2.0, "numerical", differences="five-point")

Differences have an error of truncation, which grows with the step h, and one of rounding, about ε/h, which shrinks with
it; their sum is smallest near h = ε^(1/2) for forward differences, ε^(1/3) for central and ε^(1/5) for five-point ones,
times the size of x (Press et al. 2007, section 5.7; Dennis & Schnabel 1996, section 5.4, whose max(|x|, 1) is that size
here). Formulas: symbolic.py. The chain rule: gradients.py for expressions, PyTorch's autograd for functions of tensors.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from profundo.dispatch import Observed
from profundo.graph.expressions.expression import (
    Expression,
    as_expression,
    as_tensor,
    describe,
    inputs_of,
    tensor,
    values_by_name,
    walk,
)
from profundo.graph.expressions.functions import function
from profundo.graph.expressions.gradients import gradient
from profundo.graph.expressions.precision import in_precision
from profundo.graph.expressions.writing import number
from profundo.graph.traces.aten import flops
from profundo.languages import Said
from profundo.records import ProfundoError

if TYPE_CHECKING:
    from profundo.graph.derivatives.symbolic import Formulas

__all__ = ["DIFFERENCES", "Derivatives", "Problem", "automatic", "differentiate", "numerical", "problem", "symbolic"]

DOUBLE = torch.float64
T = TypeVar("T")
Values = Mapping[str, Tensor]


@dataclass(frozen=True)
class Derivatives:
    """Of a single number f by each of its inputs, at one point.

    gradients: by input name, float64, in the input's shape. evaluations: how often f was computed for them; for formulas
    it was not, and automatically once, on the way. operations: FLOPs in all, counted as they ran (see aten.py): on
    single numbers, each is one. operations_of_f: of f alone. seconds: of the computation; preparing: seconds of
    making formulas or the graph before. formulas: where they were made.
    """

    how: str
    value: float
    gradients: Mapping[str, Tensor]
    evaluations: int
    operations: int
    operations_of_f: int
    seconds: float
    preparing: float = 0.0
    formulas: Formulas | None = None

    def __str__(self) -> str:
        lines = [f"f = {number(self.value)}"]
        lines += [f"∂f/∂{_on_one_line(name)} = {_written(item)}" for name, item in self.gradients.items()]
        cost = f"{_number_of(self.evaluations, 'evaluation')} of f, {_number_of(self.operations, 'operation')}"
        return "\n".join([*lines, f"({self.how}: {cost})"])


@dataclass(frozen=True)
class Problem:
    """A function and a point, ready to be differentiated there.

    point: values of the inputs that are fractions, by name; run(values): f, a single number.
    expression: f in the precision of the point, where it is one, with its inputs by name; others: values of inputs that
    are no fractions. trace: makes such a problem of a function that is none, by calling it with expressions.
    """

    point: Values
    run: Callable[[Values], Tensor]
    expression: Expression | None = None
    inputs: Mapping[str, Expression] = field(default_factory=dict)
    others: Mapping[Expression, Tensor] = field(default_factory=dict)
    trace: Callable[[], Problem] | None = None

    @cached_property
    def value(self) -> Tensor:
        with torch.no_grad():
            return _single(self.run(self.point))

    @property
    def entries(self) -> int:
        return sum(value.numel() for value in self.point.values())

    @cached_property
    def operations(self) -> int:
        """FLOPs of f, counted as it runs."""
        with torch.no_grad():
            return _counted(lambda: self.run(self.point))


def differentiate(f: Any, at: Any, how: str = "automatic", **options: Any) -> Derivatives:
    """All first derivatives of f, a single number, at a point.

    f: an expression; at: its inputs' values, by name or input. Or a function of numbers and tensors written with
    operators and the functions of `profundo.graph` or of PyTorch; at: a value, a sequence of its arguments, or a mapping
    from parameter names. Everything is computed in float64; shared values are constants here.
    how: "automatic", "symbolic" (options: simplify=True) or "numerical" (options: differences="forward", "central" or
    "five-point"; step: a number instead of the best one for each entry).

    What has no value is NaN or infinite, as it comes. Raises ProfundoError, in one line, for an f that is not a single
    number, for inputs without values, and where f has no formula.
    """
    if how not in WAYS:
        raise ProfundoError(f"differentiate: how is one of {', '.join(WAYS)}, not {how!r}")
    way = WAYS[how]
    known = [name for name, item in inspect.signature(way).parameters.items() if item.kind is item.KEYWORD_ONLY]
    for name in options:
        if name not in known:
            raise ProfundoError(f"differentiate: {how} has {_listed('option', known)}, not {name!r}")
    return way(problem(f, at), **options)


# -------------------------------------------------------------------------------------------------------- by differences
def forward(f: Callable[[int], Tensor], h: Tensor) -> Tensor:
    """(f(x + h) − f(x)) / h = f′(x) + O(h); f(k) stands for f(x + k·h)."""
    return (f(1) - f(0)) / h


def central(f: Callable[[int], Tensor], h: Tensor) -> Tensor:
    """(f(x + h) − f(x − h)) / 2h = f′(x) + O(h²)."""
    return (f(1) - f(-1)) / (2 * h)


def five_point(f: Callable[[int], Tensor], h: Tensor) -> Tensor:
    """(8·(f(x + h) − f(x − h)) − (f(x + 2h) − f(x − 2h))) / 12h = f′(x) + O(h⁴)."""
    return (8 * (f(1) - f(-1)) - (f(2) - f(-2))) / (12 * h)


@dataclass(frozen=True, slots=True)
class Difference:
    """order: of the error of truncation in h; beside: evaluations for each entry; here: whether f(x) is used, too."""

    formula: Callable[[Callable[[int], Tensor], Tensor], Tensor]
    order: int
    beside: int
    here: bool = False

    def best_step(self, x: Tensor) -> Tensor:
        """ε^(1/(order + 1))·max(|x|, 1): where errors h^order and ε/h are about equal."""
        epsilon = torch.finfo(x.dtype).eps
        step: Tensor = x.abs().clamp(min=1.0) * epsilon ** (1 / (self.order + 1))
        return step

    def evaluations(self, entries: int) -> int:
        return self.beside * entries + (self.here and entries > 0)


DIFFERENCES = {
    "forward": Difference(forward, 1, 1, here=True),
    "central": Difference(central, 2, 2),
    "five-point": Difference(five_point, 4, 4),
}


def numerical(task: Problem, *, differences: str = "central", step: float | None = None) -> Derivatives:
    """By evaluating f beside the point, for one entry of the inputs after the other: n + 1 times by forward
    differences, 2n times by central and 4n times by five-point ones."""
    if differences not in DIFFERENCES:
        raise ProfundoError(f"numerical: differences are {', '.join(DIFFERENCES)}, not {differences!r}")
    if step is not None and not (isinstance(step, int | float) and 0 < step < float("inf")):
        raise ProfundoError(f"numerical: expected a step above 0, got {step!r}")
    chosen = DIFFERENCES[differences]
    gradients, seconds = _timed(lambda: differenced(task, chosen, step))
    evaluations = chosen.evaluations(task.entries)
    operations = evaluations * task.operations
    return Derivatives("numerical", float(task.value), gradients, evaluations, operations, task.operations, seconds)


def differenced(task: Problem, difference: Difference, step: float | None) -> dict[str, Tensor]:
    """Gradients, computed in the point's precision and returned in float64.

    The step is rounded so that x + step is exact: what x moves by is what one divides by.
    """
    gradients = {}
    for name, x in task.point.items():
        gradients[name] = torch.empty(x.shape, dtype=DOUBLE)
        for place in np.ndindex(tuple(x.shape)):
            h = (x[place] + (difference.best_step(x[place]) if step is None else step)) - x[place]
            gradients[name][place] = difference.formula(_beside(task, name, place, h), h)
    return gradients


def _beside(task: Problem, name: str, place: tuple[int, ...], h: Tensor) -> Callable[[int], Tensor]:
    """f(k): the function with k steps added to one entry of one input."""

    def f(steps: int) -> Tensor:
        if steps == 0:
            return task.value
        moved = task.point[name].clone()
        moved[place] += steps * h
        with torch.no_grad():
            return _single(task.run({**task.point, name: moved}))

    return f


# ----------------------------------------------------------------------------------------------------------- by formulas
def symbolic(task: Problem, *, simplify: bool = False) -> Derivatives:
    """By the formula of each derivative, made by SymPy and computed by our own operations."""
    from profundo.graph.derivatives.symbolic import differentiated

    task = task if task.expression is not None else _traced(task)
    f = task.expression
    assert f is not None
    values = {task.inputs[name]: x for name, x in task.point.items()}
    made, preparing = _timed(lambda: differentiated(f, {**values, **task.others}, simplify=simplify))
    outputs = [item for formulas in made.outputs.values() for item in formulas]
    entries = [entry for item in made.inputs for entry in values[item].flatten()]
    given = dict(zip((symbol for symbols in made.inputs.values() for symbol in symbols), entries, strict=True))
    (results, seconds), operations = _both(lambda: walk(outputs, given))
    result = dict(zip(outputs, results, strict=True))
    gradients = {name: torch.zeros(x.shape, dtype=DOUBLE) for name, x in task.point.items()}
    for name, x in task.point.items():
        if made_here := made.outputs.get(task.inputs[name]):
            gradients[name] = torch.stack([result[item] for item in made_here]).reshape(x.shape)
    return Derivatives(
        "symbolic", float(task.value), gradients, 0, operations, task.operations, seconds, preparing, made.formulas
    )


def _traced(task: Problem) -> Problem:
    if task.trace is None:
        raise ProfundoError("symbolic: expected an expression or a function that can be called with expressions")
    return task.trace()


# ------------------------------------------------------------------------------------------------------ by the chain rule
def automatic(task: Problem) -> Derivatives:
    """By reverse accumulation: one evaluation of f and one sweep backward, however many inputs there are."""
    return _by_graph(task) if task.expression is not None else _by_autograd(task)


def _by_graph(task: Problem) -> Derivatives:
    """The gradient as expressions, from graph to graph, computed together with f."""
    f, inputs = task.expression, [task.inputs[name] for name in task.point]
    assert f is not None
    gradients, preparing = _timed(lambda: gradient(f, inputs))
    given = {**dict(zip(inputs, task.point.values(), strict=True)), **task.others}
    (results, seconds), operations = _both(lambda: walk([f, *gradients], given))
    result = {name: item.to(DOUBLE) for name, item in zip(task.point, results[1:], strict=True)}
    return Derivatives("automatic", float(task.value), result, 1, operations, task.operations, seconds, preparing)


def _by_autograd(task: Problem) -> Derivatives:
    (result, seconds), operations = _both(lambda: _swept(task))
    gradients = {name: item.detach().to(DOUBLE) for name, item in zip(task.point, result, strict=True)}
    return Derivatives("automatic", float(task.value), gradients, 1, operations, task.operations, seconds)


def _swept(task: Problem) -> tuple[Tensor, ...]:
    """PyTorch's gradients by each of the point's tensors."""
    leaves = {name: x.clone().requires_grad_() for name, x in task.point.items()}
    with torch.enable_grad():
        out = _single(task.run(leaves))
    if not out.requires_grad and leaves:
        raise ProfundoError(
            "automatic: PyTorch sees no way from the inputs to f; compute f of the tensors themselves, not of Python "
            "numbers taken from them, or differentiate numerically"
        )
    return torch.autograd.grad(out, list(leaves.values()), materialize_grads=True) if leaves else ()


WAYS: dict[str, Callable[..., Derivatives]] = {"automatic": automatic, "symbolic": symbolic, "numerical": numerical}


# --------------------------------------------------------------------------------------------------------------- counting
def _both(work: Callable[[], T]) -> tuple[tuple[T, float], int]:
    """Once to count operations, which takes time, and once more by the clock."""
    operations = _counted(work)
    return _timed(work), operations


def _counted(work: Callable[[], object]) -> int:
    """FLOPs of all that PyTorch computes; aten.py says what counts how."""
    operations = 0

    def observe(operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        nonlocal operations
        result = operation(*args, **kwargs)
        operations += flops(operation, args, kwargs, result)
        return result

    with Observed(observe):
        work()
    return operations


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    started = time.perf_counter()
    result = work()
    return result, time.perf_counter() - started


# ---------------------------------------------------------------------------------------------------- f and where it is
def problem(f: Any, at: Any, dtype: torch.dtype = DOUBLE) -> Problem:
    """f and its point in one precision. Raises ProfundoError as `differentiate` does."""
    if isinstance(f, Expression):
        return _of_expression(f, at, dtype)
    if callable(f):
        return _of_function(f, at, dtype)
    raise ProfundoError(f"differentiate: expected an expression or a function, got {type(f).__name__}")


def _of_expression(f: Expression, at: Any, dtype: torch.dtype, inputs: Sequence[Expression] = ()) -> Problem:
    """inputs: of f, used or not; those that it is computed from by default."""
    if f.shape != () or not f.dtype.is_floating_point:
        raise ProfundoError(Said("refusals.single_fraction", got=describe(f)))
    inputs = inputs or inputs_of([f])
    values = _values_by_name(inputs, at)
    exact = in_precision([f, *inputs], dtype)
    by_name = {item.name: exact[item] for item in inputs}
    compiled = function(list(by_name.values()), exact[f], simplify=False)
    taken = {name: _accepted(name, values[name], item.dtype) for name, item in by_name.items()}
    point = {name: value for name, value in taken.items() if by_name[name].dtype.is_floating_point}
    others = {by_name[name]: value for name, value in taken.items() if name not in point}

    def run(given: Values) -> Tensor:
        result: Tensor = compiled(*({**taken, **given}).values())
        return result

    task = Problem(point, run, exact[f], by_name, others)
    _ = task.value  # says now whether a value does not fit
    return task


def _accepted(name: str, value: Any, dtype: torch.dtype) -> Tensor:
    try:
        return as_tensor(value, dtype).cpu()
    except ProfundoError as why:
        raise ProfundoError(f"{name}: {why}") from None


def _values_by_name(inputs: Sequence[Expression], at: Any) -> dict[str, Any]:
    names = [item.name for item in inputs]
    if not isinstance(at, Mapping):
        raise ProfundoError(
            f"differentiate: expected the inputs' values by name, {{{(names or ['x'])[0]!r}: …}}, got {type(at).__name__}"
        )
    if len(set(names)) < len(names):
        raise ProfundoError(f"differentiate: two inputs have the same name ({', '.join(names)}); give each its own")
    return values_by_name(inputs, at)


# ------------------------------------------------------------------------------------------------- functions of tensors
def _of_function(f: Callable[..., Any], at: Any, dtype: torch.dtype) -> Problem:
    """Called with tensors; or, if that gives an expression, the expression."""
    values, call = _arguments(f, at)
    point = {name: _accepted(name, value, DOUBLE).to(dtype) for name, value in values.items()}

    def trace() -> Problem:
        inputs = {name: tensor(name, tuple(value.shape), dtype=DOUBLE) for name, value in point.items()}
        return _of_expression(_traced_by(call, inputs), point, dtype, list(inputs.values()))

    def run(given: Values) -> Tensor:
        result = call(given)
        return result if isinstance(result, Tensor) else as_tensor(result, dtype)

    return trace() if _gives_expressions(call, point) else Problem(point, run, trace=trace)


def _arguments(f: Callable[..., Any], at: Any) -> tuple[dict[str, Any], Callable[[Mapping[str, Any]], Any]]:
    """The values by parameter name, and how f is called with others in their places."""
    try:
        if isinstance(at, Mapping):
            inspect.signature(f).bind(**at)
            return dict(at), lambda given: f(**given)
        values = list(at) if isinstance(at, list | tuple) else [at]
        return dict(zip(_names(f, values), values, strict=True)), lambda given: f(*given.values())
    except TypeError as why:
        raise ProfundoError(
            f"differentiate: the arguments do not fit f: {why}; a list is one argument if it is made a tensor"
        ) from None


def _names(f: Callable[..., Any], values: Sequence[Any]) -> list[str]:
    """Parameters by their names; those of *x, and of a function that does not tell, x1, x2, …"""
    try:
        signature = inspect.signature(f)
    except ValueError:
        return [f"x{at}" for at in range(1, len(values) + 1)] if len(values) > 1 else ["x"]
    names: list[str] = []
    for name, value in signature.bind(*values).arguments.items():
        is_many = signature.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL
        names += [f"{name}{at}" for at in range(1, len(value) + 1)] if is_many else [name]
    return names


def _gives_expressions(call: Callable[[Mapping[str, Any]], Any], point: Values) -> bool:
    """Whether f, called with tensors, makes an expression of them: it uses the functions of `profundo.graph`."""
    try:
        with torch.no_grad():
            return isinstance(call(point), Expression)
    except TypeError:  # a tensor and an expression met in one operator
        inputs = {name: tensor(name, tuple(value.shape), dtype=DOUBLE) for name, value in point.items()}
        try:
            return isinstance(call(inputs), Expression)
        except CALLED_WRONGLY:
            pass
        raise


CALLED_WRONGLY = (TypeError, ValueError, AttributeError, RuntimeError, LookupError, ArithmeticError, ProfundoError)


def _traced_by(call: Callable[[Mapping[str, Any]], Any], inputs: Mapping[str, Expression]) -> Expression:
    """What f makes of expressions."""
    try:
        made = call(inputs)
    except CALLED_WRONGLY as why:
        raise ProfundoError(
            "symbolic: f must be written with operators and the functions of profundo.graph, so that it can be called "
            f"with expressions; so called, it says: {' '.join(str(why).split())}"
        ) from None
    if isinstance(made, Expression | int | float):
        return as_expression(made, DOUBLE)
    raise ProfundoError(f"symbolic: f of expressions must be an expression, not {type(made).__name__}")


# ----------------------------------------------------------------------------------------------------------- for people
def _single(value: Tensor) -> Tensor:
    if value.dim():
        raise ProfundoError(
            f"differentiate: expected a single number, got shape {tuple(value.shape)}; take its sum or mean"
        )
    return value


def _written(value: Tensor) -> str:
    if value.dim() == 0:
        return number(float(value))
    if value.dim() == 1 and value.numel() <= 8:
        return f"({', '.join(number(entry) for entry in value.tolist())})"
    return f"{'×'.join(map(str, value.shape))}, norm {number(float(value.norm()))}"


def _number_of(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _on_one_line(name: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in name)


def _listed(what: str, names: Sequence[str]) -> str:
    if not names:
        return f"no {what}s"
    return f"the {what}{'s' if len(names) > 1 else ''} {', '.join(names)}"
