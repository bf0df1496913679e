"""The columns of a table in front of an ONNX graph: each column an input by its name, all that training learned of it inside.

    numbers      float64 (batch, 1), NaN for a hole
    categories   text (batch, 1), "" for a hole
    dates        float64 (batch, 1), seconds since 1970 (UTC), NaN for a hole

The same features as data/tables/columns.py makes, in the same order, by operations of ONNX.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from profundo.data.tables.columns import DAY, EPOCH_WEEKDAY, YEAR
from profundo.data.tables.new_rows import plain_values
from profundo.data.tables.reading import words_for_nothing
from profundo.records import Column, Inputs, TableForm

if TYPE_CHECKING:
    import onnx

__all__ = ["feeds_of", "with_columns"]

INSIDE = "net/"  # before the names of the graph that was there


def with_columns(model: onnx.ModelProto, inputs: Inputs, features: str) -> onnx.ModelProto:
    """The model with an input for each column in place of `features`, float64 (batch, features). Changes it."""
    from onnx import TensorProto, helper

    columns = inputs.columns
    _set_apart(model, {column.name for column in columns})
    kinds = {"number": TensorProto.DOUBLE, "category": TensorProto.STRING, "date": TensorProto.DOUBLE}
    front = Front(inputs.form)
    parts = [
        part for kind, run in groupby(columns, lambda column: column.kind) for part in front.features(kind, [*run])
    ]
    front.node("Concat", parts, INSIDE + features, axis=1)
    graph = model.graph
    nodes = [*front.nodes, *graph.node]
    del graph.node[:], graph.input[:]
    graph.node.extend(nodes)
    graph.initializer.extend(front.constants)
    graph.input.extend(helper.make_tensor_value_info(c.name, kinds[c.kind], ["batch", 1]) for c in columns)
    return model


def feeds_of(rows: Sequence[Mapping[str, Any]], inputs: Inputs) -> dict[str, npt.NDArray[Any]]:
    """The rows as such a graph takes them."""
    dtypes: dict[str, Any] = {"number": np.float64, "category": object, "date": np.float64}
    values = [plain_values([row[one.name] for row in rows], one, inputs.form) for one in inputs.columns]
    return {one.name: np.array(own, dtypes[one.kind])[:, None] for one, own in zip(inputs.columns, values, strict=True)}


def _set_apart(model: onnx.ModelProto, columns: set[str]) -> None:
    """Give every value inside the graph a name that no column has; the output keeps its own if it can."""
    graph = model.graph
    outputs = {output.name for output in graph.output} - columns

    def renamed(name: str) -> str:
        return name if name in outputs or not name else INSIDE + name

    for node in graph.node:
        node.input[:] = [renamed(name) for name in node.input]
        node.output[:] = [renamed(name) for name in node.output]
    for value in (*graph.initializer, *graph.value_info, *graph.output):
        value.name = renamed(value.name)


class Front:
    """Nodes and constants that make features of columns. form: says which words stand for nothing."""

    def __init__(self, form: TableForm) -> None:
        self.form = form
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def features(self, kind: str, columns: Sequence[Column]) -> list[str]:
        """The names of the features of columns of one kind, in their order, each float64 (batch, n)."""
        if kind == "number":
            return [self.numbers(columns)]
        each = self.category if kind == "category" else self.date
        return [part for column in columns for part in each(column)]

    def category(self, column: Column) -> list[str]:
        is_flag = len(column.levels) == 2 and not column.has_gaps
        levels = column.levels[1:] if is_flag else column.levels
        made = [self.equal_to(column.name, levels)] if levels else []
        if column.has_gaps:
            nothing = words_for_nothing(column.writing, self.form.missing, column.levels)
            made.append(
                self.op("ReduceMax", self.equal_to(column.name, nothing), self.constant(np.array([1])), keepdims=1)
            )
        return made

    def equal_to(self, name: str, words: Sequence[str]) -> str:
        """float64 (batch, words), 1 where the text is that word."""
        return self.as_float(self.op("Equal", name, self.constant(np.array([list(words)], dtype=object))))

    def numbers(self, columns: Sequence[Column]) -> str:
        """All at once: of thousands of columns, each with nodes of its own, onnxruntime would be a minute in opening."""
        joined = self.op("Concat", *(column.name for column in columns), axis=1)
        filled, gaps = self.filled(joined, np.array([[column.fill for column in columns]]))
        if not any(column.has_gaps for column in columns):
            return filled
        both = self.op("Concat", filled, self.as_float(gaps), axis=1)
        order = [at for place, one in enumerate(columns) for at in (place, place + len(columns))[: 1 + one.has_gaps]]
        return self.op("Gather", both, self.constant(np.array(order)), axis=1)

    def date(self, column: Column) -> list[str]:
        filled, gaps = self.filled(column.name, np.array([[column.fill]]))
        made = self.phases(filled, column.has_time)
        return [*made, self.as_float(gaps)] if column.has_gaps else made

    def filled(self, values: str, fills: npt.NDArray[Any]) -> tuple[str, str]:
        """The values with holes filled; and bool, where there were some."""
        gaps = self.op("Or", self.op("IsNaN", values), self.op("IsInf", values))
        return self.op("Where", gaps, self.constant(fills), values), gaps

    def phases(self, seconds: str, has_time: bool) -> list[str]:
        """Years since 2000, and the place on the circle of the year, the week (and the day)."""
        made = [self.turns(seconds, 946_684_800.0, YEAR)]
        for period, begin in ((YEAR, 0.0), (7 * DAY, -EPOCH_WEEKDAY), *([(DAY, 0.0)] if has_time else [])):
            turns = self.turns(seconds, begin, period)
            share = self.op(
                "Cast", self.op("Sub", turns, self.op("Floor", turns)), to=1
            )  # sines are of single precision
            angle = self.op("Mul", share, self.constant(np.array([[2 * math.pi]], dtype=np.float32)))
            made += [self.as_float(self.op("Sin", angle)), self.as_float(self.op("Cos", angle))]
        return made

    def turns(self, seconds: str, begin: float, period: float) -> str:
        """float64: how many periods have gone by since the beginning."""
        since = self.op("Sub", seconds, self.constant(np.array([[begin]])))
        return self.op("Div", since, self.constant(np.array([[period]])))

    def as_float(self, value: str) -> str:
        return self.op("Cast", value, to=11)  # double

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        return self.node(kind, list(inputs), f"columns/{len(self.nodes)}", **attributes)

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def constant(self, value: npt.NDArray[Any]) -> str:
        from onnx import TensorProto, helper, numpy_helper

        name = f"columns/constant{len(self.constants)}"
        if value.dtype == object:
            words: Any = [str(word).encode() for word in value.flatten()]  # as the helper takes them, not as it says
            self.constants.append(helper.make_tensor(name, TensorProto.STRING, value.shape, words))
        else:
            self.constants.append(numpy_helper.from_array(value, name))
        return name
