"""From expressions to a function of tensors: simplify them, name the nodes, run them as one straight list of calls.

f = function([x, y], cost, updates={w: w - 0.1 * gradient(cost, w)})
f(inputs, targets)                     # the cost before the updates; then w has its new value
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, NoReturn

import torch
from torch import Tensor

from profundo.graph.expressions.expression import WRITERS, Expression, ancestors, as_expression, as_tensor, describe
from profundo.graph.expressions.simplifying import simplified
from profundo.graph.expressions.sizes import Mismatch, Shape, same, written
from profundo.graph.expressions.writing import write, write_latex
from profundo.graph.nodes import Graph, Node, Ref
from profundo.graph.running import straight, value_of
from profundo.records import ProfundoError

__all__ = ["Function", "function", "graph_of", "named_nodes"]

LETTERS = "uvwpqrst"
MOST_READ = 2_000
Outputs = Expression | Sequence[Expression] | Mapping[str, Expression]


def graph_of(outputs: Expression | Sequence[Expression], inputs: Sequence[Expression] = ()) -> Graph:
    """The expressions as plain data, ready to be run and drawn.

    inputs: come first among the nodes, whether they are used or not. Unnamed values are called u, v, w, …, the last f.
    Of more than 2,000 nodes, which nobody reads, the formulas are left out.
    """
    wanted = [outputs] if isinstance(outputs, Expression) else list(outputs)
    names = named_nodes(wanted, inputs)
    is_read = len(names) <= MOST_READ
    nodes = {name: _node(expression, name, names, is_read) for expression, name in names.items()}
    return Graph(nodes, tuple(Ref(names[output]) for output in wanted))


def named_nodes(outputs: Sequence[Expression], inputs: Sequence[Expression] = ()) -> dict[Expression, str]:
    """Every expression in the order of computation, with a name that no other has."""
    order = list(dict.fromkeys([*inputs, *ancestors(outputs)]))
    taken = {expression.name for expression in order if expression.name}
    letters = _letters(taken)
    used: dict[str, int] = {}
    names: dict[Expression, str] = {}
    constants = count(1)
    for expression in sorted(order, key=lambda one: not one.name):  # whoever has a name keeps it
        if expression.name:
            name = expression.name
        elif expression.kind == "constant":
            name = _constant_name(expression, constants)
        elif expression.kind:
            name = expression.kind
        elif len(outputs) == 1 and expression is outputs[0] and "f" not in taken:
            name = "f"
        else:
            name = next(letters)
        names[expression] = _unique(name, used, taken)
    return {expression: names[expression] for expression in order}


def function(
    inputs: Sequence[Expression],
    outputs: Outputs | None = None,
    updates: Mapping[Expression, Any] | Sequence[tuple[Expression, Any]] | None = None,
    *,
    device: str | torch.device = "cpu",
    simplify: bool = True,
) -> Function:
    """Compile outputs as a function of inputs.

    outputs: an expression, a sequence or a mapping of them; the function returns the same form, of tensors.
    updates: new values for shared ones, all computed from the old values and set after each call; {s: s + 1}, or pairs
    [(s, s + 1)].
    device: where it is computed; shared values move there. simplify: compute it by fewer operations (simplifying.py);
    values stay the same but for rounding, and finite where a naive logarithm, quotient or exponential would lose them.

    Raises ProfundoError where an output needs an input that is not given, or an update does not fit.
    """
    form = outputs if outputs is not None else ()
    several = form.values() if isinstance(form, Mapping) else form
    wanted = [form] if isinstance(form, Expression) else list(several)
    new = _checked_updates({} if updates is None else updates)
    _check_inputs(inputs, [*wanted, *new.values()])
    for expression in wanted:
        if not isinstance(expression, Expression):
            raise ProfundoError(f"function: expected expressions to compute, got {type(expression).__name__}")
    every = [*wanted, *new.values()]
    if simplify:
        every = simplified(every)
    names = named_nodes(every, inputs)
    graph = graph_of(every, inputs)
    state = {names[expression]: expression.data for expression in names if expression.kind == "shared"}
    for held in (*state.values(), *(expression.data for expression in new)):
        held[0] = held[0].to(device)
    graph = replace(graph, nodes=_on_device(graph, torch.device(device)))
    run = straight(graph, [*(names[expression] for expression in inputs), *state])
    return Function(
        graph, tuple(inputs), form, len(wanted), torch.device(device), tuple(state.values()),
        tuple(expression.data for expression in new), run,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Function:
    """A compiled graph. Called with a number, list, array or tensor for each input; returns tensors on its device.

    Where inputs require gradients, PyTorch's autograd goes through it as through any function of tensors.
    """

    graph: Graph
    inputs: tuple[Expression, ...]
    form: Any
    count: int
    device: torch.device
    state: tuple[list[Tensor], ...]
    updated: tuple[list[Tensor], ...]
    run: Any

    def __call__(self, *given: Any) -> Any:
        if len(given) != len(self.inputs):
            wanted = ", ".join(expression.name for expression in self.inputs)
            raise ProfundoError(f"the function takes {len(self.inputs)} values ({wanted}), got {len(given)}")
        values = [self.accepted(expression, value) for expression, value in zip(self.inputs, given, strict=True)]
        _check_sizes(self.inputs, values)
        held = [cell[0] for cell in self.state]
        try:
            results = self.run(*values, *held)
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, IndexError, ProfundoError) as error:
            raise self.explained(error, values) from error
        if self.updated:
            self.update(results[self.count :], [*values, *held, *results[: self.count]])
        answers = self.own(results[: self.count], held) if held else results[: self.count]
        if isinstance(self.form, Expression):
            return answers[0]
        if isinstance(self.form, Mapping):
            return dict(zip(self.form, answers, strict=True))
        return tuple(answers) if isinstance(self.form, tuple) else list(answers)

    def own(self, results: Sequence[Tensor], held: Sequence[Tensor]) -> list[Tensor]:
        """The results, with copies of those that are shared values or views of them: who changes one changes no state."""
        memory = {value.untyped_storage().data_ptr() for value in held}
        return [value.clone() if value.untyped_storage().data_ptr() in memory else value for value in results]

    def accepted(self, expression: Expression, value: Any) -> Tensor:
        if type(value) is Tensor and value.dtype == expression.dtype and value.device == self.device:
            return value
        try:
            return as_tensor(value, expression.dtype).to(self.device)
        except ProfundoError as why:
            raise ProfundoError(f"{expression.name}: {why}") from None

    def explained(self, error: Exception, values: Sequence[Tensor]) -> Exception:
        """What PyTorch could not compute with these values, said of the operation, its operands and its line."""
        known: dict[str, Any] = dict(zip((node.name for node in self.graph.inputs), values, strict=True))
        for node in self.graph:
            try:
                known[node.name] = known[node.name] if node.name in known else value_of(node, known)
            except type(error) as why:
                operands = " and ".join(f"{name} {tuple(known[name].shape)}" for name in node.inputs)
                text = f"{node.op}: {operands} do not fit: {' '.join(str(why).split())}"
                return ProfundoError(text + (f" ({node.line})" if node.line else ""))
        return error

    def update(self, new: Sequence[Tensor], old: Sequence[Tensor]) -> None:
        """Give the shared values theirs; one that lies in the memory of another value gets its own."""
        memory = {value.untyped_storage().data_ptr() for value in old}
        for cell, value in zip(self.updated, new, strict=True):
            value = value.detach()
            if value.shape != cell[0].shape:
                raise ProfundoError(f"update: expected shape {tuple(cell[0].shape)}, got {tuple(value.shape)}")
            place = value.untyped_storage().data_ptr()
            cell[0] = value.clone() if place in memory else value
            memory.add(place)

    def _repr_svg_(self) -> str:
        return self.graph._repr_svg_()

    def __reduce__(self) -> NoReturn:
        raise ProfundoError("a compiled function is not pickled; keep the code that builds it, and save shared values")


def _node(expression: Expression, name: str, names: Mapping[Expression, str], is_read: bool) -> Node:
    op = expression.op
    common: dict[str, Any] = {
        "shape": expression.shape,
        "dtype": str(expression.dtype).removeprefix("torch."),
        "line": expression.line,
    }
    if op is None:
        data = None if expression.kind == "input" else expression.value
        parameters = data.numel() if data is not None and expression.kind == "shared" else 0
        text, latex = write(expression), write_latex(expression)
        return Node(name, expression.kind, text=text, latex=latex, data=data, parameters=parameters, **common)
    shown = _by_name(expression, names) if is_read else None
    return Node(
        name,
        op.name,
        op.run,
        tuple(Ref(names[node]) for node in expression.inputs),
        expression.options,
        text=write(shown) if shown is not None else "",
        latex=write_latex(shown) if shown is not None else "",
        **common,
    )


def _by_name(expression: Expression, names: Mapping[Expression, str]) -> Expression:
    """The operation itself, without a name, on stand-ins that have those of the graph; constants stay numbers."""
    stand_ins = tuple(
        node if node.kind == "constant" and node.data.numel() == 1 else replace(node, name=names[node])
        for node in expression.inputs
    )
    return replace(expression, inputs=stand_ins, name="")


def _letters(taken: set[str]) -> Iterator[str]:
    for round_ in count():
        for letter in LETTERS:
            name = letter + (str(round_) if round_ else "")
            if name not in taken:
                yield name


def _constant_name(expression: Expression, numbers: Iterator[int]) -> str:
    return write(expression) if expression.data.numel() == 1 else f"constant{next(numbers)}"


def _unique(name: str, used: dict[str, int], taken: set[str]) -> str:
    """The name, or with a number behind it. used: how far the numbers of each name have come; taken: names to leave."""
    unique = name
    while unique in used or (unique != name and unique in taken):
        used[name] += 1
        unique = f"{name}_{used[name]}"
    used[unique] = 1
    return unique


def _check_inputs(inputs: Sequence[Expression], outputs: Sequence[Expression]) -> None:
    for expression in inputs:
        if not isinstance(expression, Expression) or expression.kind != "input":
            what = describe(expression) if isinstance(expression, Expression) else type(expression).__name__
            raise ProfundoError(f"function: expected inputs made by scalar, vector, matrix or tensor, got {what}")
    if len(set(inputs)) != len(inputs):
        raise ProfundoError("function: an input is listed twice")
    known = set(inputs)
    for expression in ancestors([output for output in outputs if isinstance(output, Expression)]):
        if expression.kind == "input" and expression not in known:
            raise ProfundoError(f"function: {describe(expression)} is needed and not among the inputs")


def _checked_updates(
    updates: Mapping[Expression, Any] | Sequence[tuple[Expression, Any]],
) -> dict[Expression, Expression]:
    checked: dict[Expression, Expression] = {}
    pairs = updates.items() if isinstance(updates, Mapping) else updates
    if isinstance(updates, Expression | str) or any(
        not isinstance(one, tuple | list) or len(one) != 2 for one in pairs
    ):
        raise ProfundoError("updates: expected {shared: new value, …} or [(shared, new value), …]")
    for target, new in pairs:
        if not isinstance(target, Expression) or target.kind != "shared":
            what = describe(target) if isinstance(target, Expression) else repr(target)
            raise ProfundoError(f"updates: expected shared values as keys, got {what}")
        if target in checked:
            raise ProfundoError(f"updates: {describe(target)} has two new values; give one")
        value = as_expression(new, target.dtype)
        try:
            fits = len(value.shape) == len(target.shape) and [
                same(*sizes) for sizes in zip(target.shape, value.shape, strict=True)
            ] == list(target.shape)
        except Mismatch:
            fits = False
        if not fits or value.dtype != target.dtype:
            raise ProfundoError(
                f"updates: {describe(target)} of {target.dtype} cannot become {describe(value)} of {value.dtype}"
            )
        checked[target] = value
    return checked


def _check_sizes(inputs: Sequence[Expression], values: Sequence[Tensor]) -> None:
    """Every value has the shape its input was promised to have; a word means one number in all of them."""
    bound: dict[str, tuple[int, str]] = {}
    for expression, value in zip(inputs, values, strict=True):
        if value.dim() != len(expression.shape):
            raise ProfundoError(
                f"{expression.name}: expected {_kind(expression.shape)}, got shape {tuple(value.shape)}"
            )
        for expected, size in zip(expression.shape, value.shape, strict=True):
            if isinstance(expected, int):
                if expected != size:
                    raise ProfundoError(
                        f"{expression.name}: expected {_kind(expression.shape)}, got shape {tuple(value.shape)}"
                    )
            elif bound.setdefault(expected, (size, expression.name))[0] != size:
                before, where = bound[expected]
                raise ProfundoError(
                    f"{expected} is {before} in {where} and {size} in {expression.name}; it must be one size"
                )


def _kind(shape: Shape) -> str:
    kinds = ("a number", "a vector", "a matrix")
    kind = kinds[len(shape)] if len(shape) < 3 else f"{len(shape)} dimensions"
    return kind if not shape else f"{kind} {written(shape)}"


def _on_device(graph: Graph, device: torch.device) -> dict[str, Node]:
    return {
        node.name: replace(node, data=node.data.to(device))
        if node.data is not None and node.data.device != device and node.data.dim()
        else node
        for node in graph
    }


def _steps(expression: Expression) -> str:
    return "\n".join(f"{node.name} = {node.text}" for node in graph_of(expression) if node.call is not None)


WRITERS["steps"] = _steps
