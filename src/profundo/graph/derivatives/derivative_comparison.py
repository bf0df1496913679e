"""Ways to differentiate, side by side: their errors, what they cost, and the step size that differences need.

    print(compare(f, {"a": 5, "b": 3}))
    growth(speelpenning, [2, 4, 8, 16])          # what n inputs cost: differences O(n), reverse mode O(1) of f
    step_sizes(f, {"x": 1.0})                    # error against step: the two slopes of a V

Automatic differentiation in float64 is what the others are compared with: its error is that of a few roundings. That the
gradient costs at most a small multiple of the function, however many inputs there are, is the theorem of Baur & Strassen
1983; see Griewank & Walther 2008, section 3.3, where Speelpenning's product is an example, too.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from html import escape
from operator import mul
from typing import Any

import numpy as np
import torch
from torch import Tensor

from profundo.graph.derivatives.differentiating import (
    DIFFERENCES,
    Derivatives,
    Problem,
    automatic,
    differenced,
    numerical,
    problem,
    symbolic,
)
from profundo.graph.drawings.node_tables import WIDEST, Column, aligned
from profundo.graph.expressions.expression import Expression, scalar
from profundo.graph.expressions.writing import duration, number
from profundo.pictures.charts import Line, lines_svg
from profundo.records import ProfundoError

__all__ = [
    "Comparison", "Curve", "Growth", "Row", "StepSizes", "compare", "growth", "speelpenning", "step_sizes",
]  # fmt: skip

DOUBLE = torch.float64
WAYS: dict[str, Callable[[Problem], Derivatives]] = {
    "forward differences": lambda task: numerical(task, differences="forward"),
    "central differences": lambda task: numerical(task, differences="central"),
    "symbolic": symbolic,
    "automatic": automatic,
}
CHART = 640  # pixels, the width of a chart in a notebook
SHOWN = 6  # derivatives in a table; the record has them all


# ---------------------------------------------------------------------------------------------------------- side by side
@dataclass(frozen=True, slots=True)
class Row:
    """One way. absolute: its largest error in an entry of a gradient; relative: the same over the largest entry.

    derivatives: None where this way does not exist; why: then, the reason.
    """

    way: str
    derivatives: Derivatives | None
    absolute: float = math.nan
    relative: float = math.nan
    why: str = ""


@dataclass(frozen=True)
class Comparison:
    """All ways at one point. The errors are against the last row, automatic differentiation in float64."""

    rows: tuple[Row, ...]

    def __getitem__(self, way: str) -> Row:
        for row in self.rows:
            if row.way == way:
                return row
        raise ProfundoError(f"compare: there is no way {way!r}; there are {', '.join(row.way for row in self.rows)}")

    @property
    def value(self) -> float:
        return _of(self.rows[-1]).value

    def __str__(self) -> str:
        return "\n".join([f"f = {number(self.value)}", "", *_aligned(self.cells()), *self.notes()])

    def _repr_html_(self) -> str:
        head, *rows = self.cells()
        drawn = [f"<tr>{''.join(f'<th>{escape(cell)}</th>' for cell in head)}</tr>"]
        drawn += [f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows]
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes())
        return f"<p>f = {escape(number(self.value))}</p><table>{''.join(drawn)}</table>{notes}"

    def cells(self) -> list[list[str]]:
        """The table: its head, then a row for each way."""
        names = list(_entries(_of(self.rows[-1])))[:SHOWN]
        head = ["", *(f"∂f/∂{name}" for name in names), "error", "relative", "evaluations", "operations", "time"]
        return [head, *(_cells(row, names) for row in self.rows)]

    def notes(self) -> list[str]:
        """What the table does not say."""
        entries = len(_entries(_of(self.rows[-1])))
        notes = [f"{SHOWN} of {entries:,} derivatives are shown; errors are over all."] if entries > SHOWN else []
        for row in self.rows:
            if row.derivatives is None:
                notes.append(row.why)
            elif row.derivatives.formulas is not None:
                formulas = row.derivatives.formulas
                notes.append(
                    f"{row.way}: {formulas.written_out:,} operations as written, {formulas.shared:,} where what occurs "
                    f"twice is computed once; making the formulas took {duration(row.derivatives.preparing)}."
                )
        return ["", *notes] if notes else []


def compare(f: Any, at: Any) -> Comparison:
    """Differentiate f at a point in every way. f and at: as `differentiate` has them.

    Where f has no formula, the row says why. Raises ProfundoError as `differentiate` does automatically.
    """
    task = problem(f, at)
    exact = automatic(task)
    return Comparison(tuple(_row(way, task, exact) for way in WAYS))


def _row(way: str, task: Problem, exact: Derivatives) -> Row:
    try:
        result = exact if way == "automatic" else WAYS[way](task)
    except ProfundoError as why:
        return Row(way, None, why=str(why))
    return Row(way, result, *errors(result.gradients, exact.gradients))


def errors(result: Mapping[str, Tensor], exact: Mapping[str, Tensor]) -> tuple[float, float]:
    """The largest difference of two entries, and the same over the largest exact one.

    NaN at the same place in both, and the same infinity, are no difference. Both are 0 where there are no entries.
    """
    one, other = _flat(result), _flat(exact)
    if not one.numel():
        return 0.0, 0.0
    largest = float(entry_errors(result, exact).max())
    size = float(other[other.isfinite()].abs().max()) if other.isfinite().any() else 0.0
    if not size:
        return largest, 0.0 if largest == 0 else math.inf
    return largest, largest / size


def entry_errors(result: Mapping[str, Tensor], exact: Mapping[str, Tensor]) -> Tensor:
    """(entries,): the difference in each, 0 for NaN in both and for the same infinity."""
    one, other = _flat(result), _flat(exact)
    agree = (one == other) | (one.isnan() & other.isnan())
    return torch.where(agree, 0.0, (one - other).abs())


def _flat(gradients: Mapping[str, Tensor]) -> Tensor:
    return torch.cat([torch.empty(0, dtype=DOUBLE), *(item.flatten() for item in gradients.values())])


def _of(row: Row) -> Derivatives:
    assert row.derivatives is not None
    return row.derivatives


def _entries(result: Derivatives) -> dict[str, float]:
    """Every derivative by the name of its entry."""
    return {
        name + (f"[{', '.join(map(str, place))}]" if place else ""): float(item[place])
        for name, item in result.gradients.items()
        for place in np.ndindex(tuple(item.shape))
    }


def _cells(row: Row, names: Sequence[str]) -> list[str]:
    if row.derivatives is None:
        return [row.way, *("–" for _ in names), "–", "–", "–", "–", "–"]
    entries = _entries(row.derivatives)
    is_exact = row.way == "automatic"
    return [
        row.way,
        *(f"{entries[name]:.10g}".replace("-", "−").replace("nan", "NaN").replace("inf", "∞") for name in names),
        "exact" if is_exact else _error(row.absolute),
        "" if is_exact else _error(row.relative),
        f"{row.derivatives.evaluations:,}",
        f"{row.derivatives.operations:,}",
        duration(row.derivatives.seconds),
    ]


def _error(value: float) -> str:
    return number(value) if not math.isfinite(value) or value == 0 else f"{value:.1e}".replace("-", "−")


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """The first row is the head, the first column to the left and numbers to the right."""
    head, *others = rows
    return aligned([Column(title, at > 0) for at, title in enumerate(head)], others, width=WIDEST)


# ----------------------------------------------------------------------------------------------------- with many inputs
@dataclass(frozen=True)
class Growth:
    """What all derivatives of a function of n numbers cost. Sequences are over `sizes`.

    function: operations of f itself; operations, evaluations: of each way. "symbolic, written out" counts what
    occurs twice in the formulas twice.
    """

    sizes: tuple[int, ...]
    function: tuple[int, ...]
    operations: Mapping[str, tuple[int, ...]]
    evaluations: Mapping[str, tuple[int, ...]]

    @property
    def ratios(self) -> dict[str, tuple[float, ...]]:
        """Operations in multiples of those of f."""
        return {
            way: tuple(item / f if f else math.nan for item, f in zip(counts, self.function, strict=True))
            for way, counts in self.operations.items()
        }

    def __str__(self) -> str:
        head = ["operations", *(f"n = {size:,}" for size in self.sizes)]
        rows = [["f itself", *(f"{count:,}" for count in self.function)]]
        rows += [[way, *(f"{count:,}" for count in counts)] for way, counts in self.operations.items()]
        return "\n".join(_aligned([head, *rows]))

    def _repr_svg_(self) -> str:
        lines = [Line(way, self.sizes, ratios) for way, ratios in self.ratios.items()]
        return _on_logarithmic_axes(lines, "inputs n", "operations of all derivatives / operations of f")


def _on_logarithmic_axes(lines: list[Line], x_label: str, y_label: str) -> str:
    """With a width of its own: pages set one, a notebook does not, and letters would be as large as its window."""
    chart = lines_svg(lines, x_label=x_label, y_label=y_label, log_x=True, log_y=True)
    return chart.replace(
        "<svg ", f'<svg xmlns="http://www.w3.org/2000/svg" width="{CHART}" style="max-width:100%;height:auto" ', 1
    )


def growth(make: Callable[[int], tuple[Any, Any]], sizes: Sequence[int]) -> Growth:
    """Differentiate functions of n inputs, for each size n. make(n): f and at, as `differentiate` has them.

    A way that does not exist for a function is left out. Raises ProfundoError as `differentiate` does automatically.
    """
    if not sizes or min(sizes) < 1:
        raise ProfundoError(f"growth: expected sizes of 1 and more, got {list(sizes)}")
    result = [compare(*make(size)) for size in sizes]
    ways = [way for way in WAYS if all(item[way].derivatives is not None for item in result)]
    by_way = {way: [_of(item[way]) for item in result] for way in ways}
    operations = {way: tuple(item.operations for item in by_way[way]) for way in ways}
    written = [item.formulas.written_out for item in by_way.get("symbolic", []) if item.formulas is not None]
    if written:
        operations = {"symbolic, written out": tuple(written), **operations}
    return Growth(
        tuple(sizes),
        tuple(item.operations_of_f for item in by_way["automatic"]),
        operations,
        {way: tuple(item.evaluations for item in by_way[way]) for way in ways},
    )


def speelpenning(n: int) -> tuple[Expression, dict[str, float]]:
    """x₁·x₂·…·xₙ, Speelpenning's product (1980), at numbers about 1: n − 1 multiplications."""
    inputs = [scalar(f"x{at}", dtype=DOUBLE) for at in range(1, n + 1)]
    return reduce(mul, inputs), {item.name: 1 + at / (2 * n) for at, item in enumerate(inputs)}


# ------------------------------------------------------------------------------------------------------------ step sizes
EPSILONS = {"float64": torch.float64, "float32": torch.float32}
STEPS = tuple(10.0 ** (sixth / 6) for sixth in range(-84, 1))


@dataclass(frozen=True)
class Curve:
    """Error against step of one difference in one precision. errors: the largest over all entries, at each step.

    best: the step with the smallest error, of medians over five steps, for single errors may happen to be 0.
    rounding, truncation: slopes left and right of it on logarithmic axes, NaN where there are fewer than four points;
    about −1 and the order of the formula.
    """

    differences: str
    precision: str
    errors: tuple[float, ...]
    best: float
    rounding: float
    truncation: float


@dataclass(frozen=True)
class StepSizes:
    """The errors of differences at the same steps, in two precisions."""

    steps: tuple[float, ...]
    curves: tuple[Curve, ...]

    def curve(self, differences: str, precision: str = "float64") -> Curve:
        for item in self.curves:
            if (item.differences, item.precision) == (differences, precision):
                return item
        raise ProfundoError(
            f"step sizes: differences are {', '.join(DIFFERENCES)} in {' or '.join(EPSILONS)}, not {differences!r} in "
            f"{precision!r}"
        )

    def __str__(self) -> str:
        head = ["", "best step", "its error", "slope left", "slope right"]
        rows = [
            [
                f"{item.differences}, {item.precision}",
                _error(item.best),
                _error(item.errors[self.steps.index(item.best)]),
                f"{item.rounding:.2f}".replace("-", "−"),
                f"{item.truncation:.2f}".replace("-", "−"),
            ]
            for item in self.curves
        ]
        return "\n".join(_aligned([head, *rows]))

    def _repr_svg_(self) -> str:
        lines = [Line(f"{item.differences}, {item.precision}", self.steps, item.errors) for item in self.curves]
        return _on_logarithmic_axes(lines, "step h", "error of the derivative")


def step_sizes(f: Any, at: Any, *, steps: Sequence[float] | None = None) -> StepSizes:
    """The error of every difference at every step, against automatic differentiation in float64 at the same point.

    steps: from 10⁻¹⁴ to 1 by default, six to a power of ten. In float32 the point is rounded to it first, and the
    error is that of the arithmetic alone. Raises ProfundoError as `differentiate` does, and for steps that are not above 0.
    """
    chosen = STEPS if steps is None else tuple(sorted(steps))
    if not chosen or not all(math.isfinite(step) and step > 0 for step in chosen):
        raise ProfundoError("step sizes: expected at least one step, all above 0 and finite")
    curves = []
    for precision, dtype in EPSILONS.items():
        task = problem(f, at, dtype)
        exact = automatic(problem(f, _rounded(at, dtype))).gradients
        for name, difference in DIFFERENCES.items():
            result = tuple(errors(differenced(task, difference, step), exact)[0] for step in chosen)
            curves.append(_curve(name, precision, chosen, result))
    return StepSizes(chosen, tuple(curves))


def _rounded(at: Any, dtype: torch.dtype) -> Any:
    """The same point, in numbers that the type can hold."""
    if dtype == DOUBLE:
        return at
    if isinstance(at, Mapping):
        return {name: _rounded(value, dtype) for name, value in at.items()}
    if isinstance(at, list | tuple):
        return [_rounded(value, dtype) for value in at]
    value = torch.as_tensor(at)
    return torch.as_tensor(at, dtype=DOUBLE).to(dtype).to(DOUBLE) if value.is_floating_point() else value


def _curve(name: str, precision: str, steps: Sequence[float], result: tuple[float, ...]) -> Curve:
    best = _best(steps, result)
    left = [(step, error) for step, error in zip(steps, result, strict=True) if step <= best / 10]
    right = [(step, error) for step, error in zip(steps, result, strict=True) if step >= 3 * best]
    return Curve(name, precision, result, best, slope(left), slope(right))


def _best(steps: Sequence[float], result: Sequence[float]) -> float:
    def around(at: int) -> float:
        near = [error for error in result[max(0, at - 2) : at + 3] if not math.isnan(error)]
        return statistics.median(near) if not math.isnan(result[at]) else math.inf

    return steps[min(range(len(steps)), key=around)]


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Of the line through the logarithms, by least squares; points that have none are left out. NaN below four."""
    logs = [(math.log10(x), math.log10(y)) for x, y in points if y > 0 and math.isfinite(y)]
    if len(logs) < 4:
        return math.nan
    return statistics.linear_regression(*zip(*logs, strict=True)).slope
