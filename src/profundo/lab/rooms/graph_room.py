"""The computational graph, open to view: what the lab's page about it asks of `profundo.graph`.

Formulas are read by the closed grammar of `expressions.parsing`; what comes back is the view of a formula at its values,
with where its nodes stand. Nets are in `graph_tracing.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field

from profundo.graph.derivatives.derivations import Derivation, Step, Term, derivation, sweep
from profundo.graph.derivatives.derivative_comparison import Row, compare, entry_errors, errors, step_sizes
from profundo.graph.derivatives.differentiating import DIFFERENCES, automatic, numerical, problem
from profundo.graph.derivatives.formulas import partial
from profundo.graph.drawings.matrices import dense_layer, product
from profundo.graph.drawings.scene_data import scene_data
from profundo.graph.expressions.decimal_commas import commas_between_values
from profundo.graph.expressions.expression import Expression, ancestors, inputs_of
from profundo.graph.expressions.local_formulas import handed_back, substituted
from profundo.graph.expressions.parsing import parse
from profundo.graph.expressions.viewing import view
from profundo.graph.nodes import Graph
from profundo.inspect.activation_page import listed, sampled, value_and_slope
from profundo.lab.calls import Call, Nothing, Question
from profundo.lab.desks import Desk
from profundo.lab.rooms import graph_tracing
from profundo.lab.rooms.graph_tracing import ROOM, Room
from profundo.languages import Said
from profundo.nets.activations import ACTIVATIONS, activation_layer
from profundo.records import ProfundoError

__all__ = ["CALLS"]

MOST_NODES = 300  # of a formula
MOST_ENTRIES = 8  # derivatives in a table
STEPS = tuple(10.0 ** (third / 3) for third in range(-42, 1))  # of the curve of errors
MOST_DIFFERENCES = 1200  # entries times steps of that curve
FEWEST_STEPS = 15
UNSET = 1.0  # value of a variable that has none yet

Value = Annotated[float, Field(ge=-1e6, le=1e6)]
Side = Field(min_length=1, max_length=12)
Vector = Annotated[list[Value], Side]
Matrix = Annotated[list[Vector], Side]
Name = Annotated[str, Field(min_length=1, max_length=40)]
Values = Annotated[dict[Name, Value | Vector | Matrix], Field(max_length=60)]


# ------------------------------------------------------------------------------------------------------------- formulas
class Formula(Question):
    """text: as `parse` reads it; values: of its variables, those without one are 1. by: what is differentiated by."""

    text: str = Field(max_length=2000)
    values: Values = Field(default_factory=dict)


class Shown(Formula):
    by: str = Field("", max_length=400)
    room: Room = Field(default_factory=lambda: [*ROOM])


class Numerically(Formula):
    exponent: float = Field(-6.0, ge=-14.0, le=0.0)


def formula(_: Desk, asked: Shown) -> Mapping[str, Any]:
    """The graph with values and gradients, where it is drawn, and how the gradients come about."""
    expression, values = read(asked)
    graph = view(expression, dict[Any, Any](values), keep=True)
    by = asked.by if asked.by in graph else next((node.name for node in graph.inputs), "")
    return {
        "variables": [{"name": name, "value": value} for name, value in values.items()],
        "commas": list(dict.fromkeys(commas_between_values(asked.text))),
        "graph": graph.json(),
        "scene": scene_data(graph, room=(asked.room[0], asked.room[1])),
        "numbers": substituted(expression, graph),
        "sweep": [step_data(step) for step in sweep(graph)],
        "handed": handed(expression, graph),
        "derivation": derivation_data(derivation(graph, graph.of, by)) if graph.of and by else None,
    }


def read(asked: Formula) -> tuple[Expression, dict[str, Any]]:
    """The expression, and the values of its variables in the order in which they stand in it."""
    given = {name: torch.tensor(value, dtype=torch.float64) for name, value in rectangles(asked.values)}
    expression = parse(asked.text, given)
    if expression.kind == "constant":
        raise ProfundoError(Said("refusals.formula_number", text=shortly(asked.text)))
    if (many := len(ancestors([expression]))) > MOST_NODES:
        raise ProfundoError(Said("refusals.formula_steps", most=MOST_NODES, many=many))
    values = {one.name: asked.values.get(one.name, UNSET) for one in inputs_of([expression])}
    return expression, values


def rectangles(values: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The values by name. Raises ProfundoError for a matrix whose rows differ in length."""
    for name, value in values.items():
        if isinstance(value, list) and len({len(row) if isinstance(row, list) else 0 for row in value}) > 1:
            raise ProfundoError(Said("refusals.matrix_rows", name=name))
    return list(values.items())


def shortly(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= 40 else f"{words[:40]}…"


def handed(expression: Expression, graph: Graph) -> list[dict[str, Any]]:
    """What nodes of tensors hand back to their inputs, as formulas."""
    if not graph.of:
        return []
    rules = handed_back(expression, lambda name: "1" if name == graph.of else partial(graph.of, name, latex=True))
    return [
        {"node": node, "place": place, "latex": latex.removeprefix(r"1 \cdot ")}
        for (node, place), latex in rules.items()
    ]


def derivation_data(made: Derivation) -> dict[str, Any]:
    return {
        "of": made.of,
        "by": made.with_respect_to,
        "value": made.value,
        "count": made.count,
        "stepwise": made.is_stepwise,
        "paths": [{"nodes": path.nodes, "factors": path.factors, "value": path.value} for path in made.paths],
        "steps": [step_data(step) for step in made.steps],
        "latex": made.latex,
    }


def step_data(step: Step) -> dict[str, Any]:
    return {
        "name": step.name,
        "value": step.value,
        "norm": step.norm,
        "latex": step.equation(latex=True),
        "local": step.local(latex=True),
        "terms": [term_data(term) for term in step.terms],
    }


def term_data(term: Term) -> dict[str, Any]:
    return {
        "user": term.user,
        "place": term.place,
        "outer": term.outer,
        "local": term.local,
        "value": term.value,
        "rule": term.rule_latex,
    }


# --------------------------------------------------------------------------------------------- three ways to differentiate
def ways(_: Desk, asked: Numerically) -> Mapping[str, Any]:
    """Numerical, symbolic and automatic derivatives with their errors and costs; differences at one step besides."""
    expression, values = read(asked)
    compared = compare(expression, values)
    names = entry_names(compared["automatic"])
    return {
        "value": compared.value,
        "entries": names[:MOST_ENTRIES],
        "rows": [way_data(row, len(names)) for row in compared.rows],
        "formulas": formulas_of(compared["symbolic"], names[:MOST_ENTRIES]),
        "step": 10.0**asked.exponent,
        "differences": at_step(expression, values, 10.0**asked.exponent),
    }


def entry_names(row: Row) -> list[str]:
    """a, or of a vector w[0], w[1]."""
    assert row.derivatives is not None
    return [
        name + ("" if not item.dim() else f"[{', '.join(map(str, place))}]")
        for name, item in row.derivatives.gradients.items()
        for place in torch.ones_like(item).nonzero().tolist()
    ]


def way_data(row: Row, entries: int) -> dict[str, Any]:
    made = row.derivatives
    if made is None:
        return {"way": row.way, "why": row.why}
    flat = [number for item in made.gradients.values() for number in item.flatten().tolist()]
    return {
        "way": row.way,
        "gradients": flat[:MOST_ENTRIES],
        "entries": entries,
        "absolute": row.absolute,
        "evaluations": made.evaluations,
        "operations": made.operations,
        "of_f": made.operations_of_f,
        "seconds": made.seconds,
        "preparing": made.preparing,
    }


def formulas_of(row: Row, names: list[str]) -> dict[str, Any] | None:
    """Formulas by entry, and how many operations they have as written and where what occurs twice is computed once."""
    made = row.derivatives.formulas if row.derivatives else None
    if made is None:
        return None
    texts = {name: made.by_entry[name].latex for name in names if name in made.by_entry}
    return {"latex": texts, "written_out": made.written_out, "shared": made.shared}


def at_step(expression: Expression, values: Mapping[str, Any], step: float) -> list[dict[str, Any]]:
    """Each kind of differences at this step, with its error in each entry, and the largest of them."""
    task = problem(expression, values)
    exact = automatic(task).gradients
    made = {name: numerical(task, differences=name, step=step) for name in DIFFERENCES}
    return [
        {
            "differences": name,
            "gradients": [number for item in one.gradients.values() for number in item.flatten().tolist()][
                :MOST_ENTRIES
            ],
            "error": errors(one.gradients, exact)[0],
            "errors": entry_errors(one.gradients, exact).tolist()[:MOST_ENTRIES],
            "evaluations": one.evaluations,
        }
        for name, one in made.items()
    ]


def curve(_: Desk, asked: Formula) -> Mapping[str, Any]:
    """The errors of differences against their step: the V, in two precisions; of many numbers at fewer steps."""
    expression, values = read(asked)
    result = step_sizes(expression, values, steps=steps_for(sum(np.size(value) for value in values.values())))
    return {
        "steps": result.steps,
        "curves": [
            {"differences": one.differences, "precision": one.precision, "errors": one.errors, "best": one.best}
            for one in result.curves
        ],
    }


def steps_for(entries: int) -> Sequence[float]:
    """Raises ProfundoError for so many entries that hardly a step could be tried."""
    if entries * FEWEST_STEPS > MOST_DIFFERENCES:
        most = MOST_DIFFERENCES // FEWEST_STEPS
        raise ProfundoError(Said("refusals.formula_entries", most=most, many=entries))
    return STEPS[:: -(-len(STEPS) * entries // MOST_DIFFERENCES) or 1]


# ------------------------------------------------------------------------------------------------------------- matrices
class Matrices(Question):
    """left · right; with bias, the layer left · x + bias for each column x of right, and an activation after it."""

    left: Matrix
    right: Matrix
    bias: Vector | None = None
    activation: str = Field("", max_length=30)


def multiplied(_: Desk, asked: Matrices) -> Mapping[str, Any]:
    """The product, and of each of its entries how it comes about."""
    rectangles({Said("refusals.first_matrix"): asked.left, Said("refusals.second_matrix"): asked.right})
    columns = [list(column) for column in zip(*whole(asked.right), strict=True)]
    is_layer = asked.bias is not None or bool(asked.activation)
    made = (
        dense_layer((whole(asked.left), bias_of(asked)), columns)
        if is_layer
        else product(whole(asked.left), whole(asked.right))
    )
    result = made.result
    return {
        "result": result,
        "steps": [[made.step(row, column) for column in range(len(result[0]))] for row in range(len(result))],
        "terms": [[made.terms(row, column) for column in range(len(result[0]))] for row in range(len(result))],
        "activated": activated(asked.activation, result) if asked.activation else None,
    }


def bias_of(asked: Matrices) -> list[Any] | None:
    return None if asked.bias is None else whole([asked.bias])[0]


def whole(rows: list[list[float]]) -> list[list[float]]:
    """Whole numbers as such: they are multiplied exactly and written without a point."""
    return [[int(number) if number == int(number) else number for number in row] for row in rows]


def activated(name: str, result: list[list[float]]) -> list[list[float]]:
    values: list[list[float]] = activation_layer(name)(torch.tensor(result, dtype=torch.float64)).tolist()
    return values


# ---------------------------------------------------------------------------------------------------------- activations
class Place(Question):
    name: str = Field(max_length=30)
    at: float = Field(ge=-100.0, le=100.0)


def activations(_: Desk, __: Nothing) -> Mapping[str, Any]:
    """All of them: formulas, range, gain, curves of value and slope."""
    known = listed()
    return {"activations": [{"name": name, **known[name], **curves(name)} for name in ACTIVATIONS]}


def curves(name: str) -> dict[str, Any]:
    places, values, slopes = sampled(ACTIVATIONS[name])
    return {"places": places, "values": values, "slopes": slopes}


def activation_at(_: Desk, asked: Place) -> Mapping[str, Any]:
    if asked.name not in ACTIVATIONS:
        raise ProfundoError(Said("refusals.no_activation", names=tuple(ACTIVATIONS), name=asked.name))
    value, slope = value_and_slope(ACTIVATIONS[asked.name], asked.at)
    return {"name": asked.name, "at": asked.at, "value": value, "slope": slope}


CALLS: Mapping[str, Call] = {
    "formula": Call(Shown, formula),
    "ways": Call(Numerically, ways, slow=True),
    "curve": Call(Formula, curve, slow=True),
    "product": Call(Matrices, multiplied),
    "activations": Call(Nothing, activations),
    "activation": Call(Place, activation_at),
    **graph_tracing.CALLS,
}
