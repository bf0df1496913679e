"""A product of matrices entry by entry, and a dense layer as one, as they are written on a blackboard.

    product([[2, 5, 2], [1, 0, -2], [3, 1, 1]], [[-2, 1, 0], [-2, 2, 1], [0, 0, 3]])
    dense_layer(nn.Linear(3, 2), x)      # W·x + b with its numbers

The picture is Falk's scheme (S. Falk, 1951): the first factor at the left, the second above, and each entry of the
product where its row and its column meet. Whole numbers are exact; all others are summed in float64.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product as pairs
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from profundo.graph.drawings.faces import text_width, written
from profundo.languages import Said
from profundo.pictures.svg import INK, MUTED, PAPER, bar, colour, element, text
from profundo.records import ProfundoError

__all__ = ["Product", "dense_layer", "product"]

Entry = int | float
Matrix = NDArray[Any]  # (rows, columns) of Entry, objects of Python, since its whole numbers do not overflow
Shown = list[int | None]  # rows or columns that are drawn; None: where some are left out
Place = tuple[int | None, int | None]  # a row and a column, None for all of them

MOST_WORK = 1_000_000  # multiplications; this is for looking at
MOST_SHOWN = 10  # rows or columns; of more, the first and the last are drawn
MOST_TERMS = 6  # of a sum that are written
MOST_FRAMES = 400
LARGEST = 10**18  # of a whole number that is given
HIGH, PAD, MARGIN = 30.0, 14.0, 16.0  # of a row; beside a number; around the picture
SIZE = 15.0
ROW, COLUMN, RESULT = colour(0), colour(2), colour(1)


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """left · right = products, to each column of which `bias` is added where there is one.

    bias: (rows, 1); names: of the three in the picture; letter: of an entry of the result.
    """

    left: Matrix
    right: Matrix
    products: Matrix
    bias: Matrix | None = None
    names: tuple[str, str, str] = ("A", "B", "A·B")
    letter: str = "c"

    @property
    def result(self) -> list[list[Entry]]:
        entries = self.products if self.bias is None else self.products + self.bias
        return entries.tolist()  # type: ignore[no-any-return]

    @property
    def entries(self) -> list[tuple[int, int]]:
        """(row, column) of the entries of the result in reading order, at most the first 400."""
        rows, columns = self.products.shape
        return list(pairs(range(rows), range(columns)))[:MOST_FRAMES]

    def terms(self, row: int, column: int) -> list[Entry]:
        """The products whose sum is an entry of left · right, row and column from 0."""
        self._check(row, column)
        return [a * b for a, b in zip(self.left[row], self.right[:, column], strict=True)]

    def step(self, row: int, column: int) -> str:
        """How one entry comes about, row and column from 0: "c₁₂ = 2·1 + 5·2 + 2·0 = 12"."""
        self._check(row, column)
        terms = [f"{_factor(a)}·{_factor(b)}" for a, b in zip(self.left[row], self.right[:, column], strict=True)]
        if len(terms) > MOST_TERMS:
            terms = [*terms[: MOST_TERMS - 2], "…", terms[-1]]
        if self.bias is not None:
            terms.append(_factor(self.bias[row, 0]))
        between = "," if max(row, column) > 8 else ""
        index = f"{row + 1}{between}{column + 1}".translate(str.maketrans("0123456789,", "₀₁₂₃₄₅₆₇₈₉,"))
        return f"{self.letter}{index} = {' + '.join(terms)} = {_written(self.result[row][column])}"

    def _check(self, row: int, column: int) -> None:
        rows, columns = self.products.shape
        if not (0 <= row < rows and 0 <= column < columns):
            raise ProfundoError(f"entry ({row}, {column}): expected a row below {rows} and a column below {columns}")

    @property
    def text(self) -> str:
        """The equation in letters of one width, and under it each entry."""
        bias: list[str | list[str]] = [] if self.bias is None else ["+", _block(self.bias.tolist())]
        left, right = _block(self.left.tolist()), _block(self.right.tolist())
        equation = _beside([left, "·", right, *bias, "=", _block(self.result)])
        return "\n".join([equation, "", *(self.step(*entry) for entry in self.entries)])

    def svg(self, row: int = 0, column: int = 0, *, until: bool = False) -> str:
        """The picture with one entry, its row and its column marked. until: entries that come later are left empty."""
        return _picture(self, (row, column), self.step(row, column), until=until)

    def frames(self) -> list[str]:
        """A picture for each entry, in reading order; at most the first 400."""
        return [self.svg(row, column, until=True) for row, column in self.entries]

    def _repr_svg_(self) -> str:
        return self.svg()


def product(left: Any, right: Any) -> Product:
    """A·B of two matrices: nested lists, arrays or tensors, (rows, inner) and (inner, columns).

    Raises ProfundoError for shapes that do not fit, empty or ragged rows, and what is not a finite number.
    """
    one, other = _matrix(left, "the first matrix"), _matrix(right, "the second matrix")
    if one.shape[1] != len(other):
        sizes = {"one": _sizes(one), "other": _sizes(other)}
        raise ProfundoError(Said("refusals.product_sizes", columns=one.shape[1], rows=len(other), **sizes))
    return Product(one, other, _times(one, other))


def dense_layer(layer: Any, x: Any) -> Product:
    """The layer W·x + b on x, (inputs,) or (samples, inputs), with a column for each sample.

    layer: an nn.Linear, or (W, b) with b None for none.
    """
    if isinstance(layer, torch.nn.Linear):
        layer = (layer.weight, layer.bias)
    if not isinstance(layer, tuple | list) or len(layer) != 2:
        raise ProfundoError(f"dense_layer: expected an nn.Linear or (W, b), got {type(layer).__name__}")
    weights, inputs = _matrix(layer[0], "W"), _matrix(x, "x", row=True).T
    bias = None if layer[1] is None else _matrix(layer[1], "b", row=True).T
    if weights.shape[1] != len(inputs):
        raise ProfundoError(
            f"dense_layer: expected {weights.shape[1]} inputs for weights of {_sizes(weights)}, got {len(inputs)}"
        )
    if bias is not None and bias.shape != (len(weights), 1):
        raise ProfundoError(
            f"dense_layer: expected {len(weights)} biases, one for each row of weights, got {bias.size} in rows of {len(bias)}"
        )
    names = ("W", "x", "z = W·x" if bias is None else "W·x")
    return Product(weights, inputs, _times(weights, inputs), bias, names, "z")


# ---------------------------------------------------------------------------------------------------------------------
# Numbers


def _matrix(value: Any, what: str, *, row: bool = False) -> Matrix:
    """Rows of finite numbers, of one length. row: numbers alone are one row."""
    if hasattr(value, "tolist"):  # a tensor or an array: Python's own numbers, float32 exactly as float64
        value = value.tolist()
    matrix: Matrix = np.array(value, dtype=object)
    if row and matrix.ndim == 1:
        matrix = matrix[None]
    if matrix.ndim != 2 or not matrix.size:
        raise ProfundoError(
            f"{what}: expected rows of numbers, of one length, such as [[1, 2], [3, 4]], got "
            f"{type(value).__name__ if matrix.ndim == 0 else f'something of shape {matrix.shape}'}"
        )
    return np.array([[_entry(number, what) for number in numbers] for numbers in matrix], dtype=object)


def _entry(value: Any, what: str) -> Entry:
    value = value.item() if hasattr(value, "item") else value
    if not isinstance(value, int | float):
        raise ProfundoError(f"{what}: expected numbers, got {type(value).__name__}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ProfundoError(f"{what}: expected finite numbers, got {value}")
    if isinstance(value, int) and abs(value) > LARGEST:
        raise ProfundoError(f"{what}: expected whole numbers up to 10¹⁸, got a larger one")
    return +value  # a truth value as 0 or 1


def _sizes(matrix: Matrix) -> str:
    return " × ".join(map(str, matrix.shape))


def _times(left: Matrix, right: Matrix) -> Matrix:
    work = left.size * right.shape[1]
    if work > MOST_WORK:
        told = Said("refusals.too_many_products", work=work, most=MOST_WORK)
        raise ProfundoError(
            f"{work:,} multiplications are too many to look at (at most {MOST_WORK:,}); use A @ B", told=told
        )
    with np.errstate(over="ignore"):
        products: Matrix = left @ right
    if not all(isinstance(entry, int) or math.isfinite(entry) for entry in products.flat):
        raise ProfundoError(Said("refusals.product_large"))
    return products


def _written(value: Entry) -> str:
    return str(value).replace("-", "−") if isinstance(value, int) else written(value)


def _factor(value: Entry) -> str:
    return f"({_written(value)})" if value < 0 else _written(value)


def _shown(count: int, marked: int = 0) -> Shown:
    """Which rows or columns are drawn."""
    if count <= MOST_SHOWN:
        return list(range(count))
    shown: Shown = []
    for at in sorted({0, 1, 2, 3, count - 2, count - 1, marked}):
        if shown and shown[-1] is not None and at > shown[-1] + 1:
            shown.append(None)
        shown.append(at)
    return shown


# ---------------------------------------------------------------------------------------------------------------------
# As text


def _block(rows: list[list[Entry]]) -> list[str]:
    """A matrix in brackets, as lines of one width."""
    shown, columns = _shown(len(rows)), _shown(len(rows[0]))
    cells = [["⋯" if i is None or j is None else _written(rows[i][j]) for j in columns] for i in shown]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [" ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]
    if len(lines) == 1:
        return [f"[{lines[0]}]"]
    brackets = [("⎡", "⎤"), *[("⎢", "⎥")] * (len(lines) - 2), ("⎣", "⎦")]
    return [f"{left}{line}{right}" for (left, right), line in zip(brackets, lines, strict=True)]


def _beside(parts: Sequence[str | list[str]]) -> str:
    """Blocks and signs side by side, each in the middle of the height."""
    high = max(len(part) for part in parts if isinstance(part, list))
    columns = []
    for part in parts:
        block = part if isinstance(part, list) else [f" {part} "]
        empty, above = " " * len(block[0]), (high - len(block)) // 2
        columns.append([empty] * above + block + [empty] * (high - above - len(block)))
    return "\n".join("".join(line).rstrip() for line in zip(*columns, strict=True))


# ---------------------------------------------------------------------------------------------------------------------
# As a picture


@dataclass(frozen=True, slots=True)
class _Table:
    """A matrix on paper. rows, columns: those that are drawn; hue: of the marked entries; until: the rest is left empty."""

    entries: list[list[Entry]]
    rows: Shown
    columns: Shown
    marked: Place
    hue: str
    until: tuple[int, int] | None = None

    @property
    def cell(self) -> float:
        """The width of each entry."""
        numbers = [self.entries[i][j] for i in self.rows for j in self.columns if i is not None and j is not None]
        return max(34.0, PAD + max(text_width(_written(number), SIZE, bold=True) for number in numbers))

    @property
    def width(self) -> float:
        return self.cell * len(self.columns) + 8

    @property
    def height(self) -> float:
        return HIGH * len(self.rows)

    def draw(self, x: float, y: float) -> str:
        cell, right = self.cell, x + self.width
        entries = (
            self._entry(i, j, x + 4 + cell * (beside + 0.5), y + HIGH * (below + 0.5), cell)
            for below, i in enumerate(self.rows)
            for beside, j in enumerate(self.columns)
        )
        brackets = f"M{x + 6:.1f} {y - 2:.1f}H{x:.1f}V{y + self.height + 2:.1f}H{x + 6:.1f}"
        brackets += f"M{right - 6:.1f} {y - 2:.1f}H{right:.1f}V{y + self.height + 2:.1f}H{right - 6:.1f}"
        return "".join(entries) + element("path", d=brackets, fill="none", stroke=INK, stroke_width=1.4)

    def _entry(self, i: int | None, j: int | None, x: float, y: float, width: float) -> str:
        middle: dict[str, Any] = {"dy": "0.35em", "text_anchor": "middle"}
        if i is None or j is None:
            return text(x, y, "⋯", **middle, fill=MUTED)
        if self.until is not None and (i, j) > self.until:
            return text(x, y, "·", **middle, fill=MUTED, opacity=0.6)
        number = _written(self.entries[i][j])
        if self.marked[0] not in (None, i) or self.marked[1] not in (None, j):
            return text(x, y, number, **middle)
        left, top = x - width / 2, y - HIGH / 2
        ground = bar(left + 0.5, left + width - 0.5, top + 1, top + HIGH - 1, rx=5, fill=self.hue, fill_opacity=0.16)
        return ground + text(x, y, number, **middle, fill=self.hue, font_weight="600")


def _picture(shown: Product, entry: tuple[int, int], words: str, *, until: bool) -> str:
    """Falk's scheme over a line of words; at its right the bias and the result where there is a bias."""
    (row, column), hidden = entry, entry if until else None
    rows, columns, inner = _shown(len(shown.left), row), _shown(shown.right.shape[1], column), _shown(len(shown.right))
    one = _Table(shown.left.tolist(), rows, inner, (row, None), ROW)
    other = _Table(shown.right.tolist(), inner, columns, (None, column), COLUMN)
    total = _Table(shown.products.tolist(), rows, columns, entry, RESULT, hidden)
    x, y, wide = MARGIN + one.width + 44, MARGIN + other.height + 40, max(other.width, total.width)
    middle, low = x + wide / 2, y + total.height + 17
    parts = [
        one.draw(MARGIN, y),
        other.draw(middle - other.width / 2, MARGIN),
        total.draw(middle - total.width / 2, y),
        _word(MARGIN + one.width / 2, y - 15, shown.names[0], ROW),
        _word(middle - other.width / 2 - 8, MARGIN + other.height / 2, shown.names[1], COLUMN, "end"),
        _word(middle, low, shown.names[2], RESULT),
    ]
    right, label = x + wide, f"{shown.names[0]} times {shown.names[1]}"
    if shown.bias is not None:
        label += " plus b"
        bias = _Table(shown.bias.tolist(), rows, [0], (row, 0), ROW)
        result = _Table(shown.result, rows, columns, entry, RESULT, hidden)
        for sign, name, table in (("+", "b", bias), ("=", shown.letter, result)):
            room = text_width(sign, SIZE) + 22
            parts.append(_word(right + room / 2, y + total.height / 2, sign, MUTED))
            parts += [table.draw(right + room, y), _word(right + room + table.width / 2, low, name, table.hue)]
            right += room + table.width
    return _page("".join(parts), right, low + 49, words, label)


def _page(scheme: str, right: float, high: float, words: str, label: str) -> str:
    """The scheme, which ends there, over a line of words."""
    width = max(right, MARGIN + text_width(words, SIZE)) + MARGIN
    return element(
        "svg",
        bar(0, width, 0, high, fill=PAPER),
        scheme,
        text(MARGIN, high - MARGIN, words),
        **{"xmlns": "http://www.w3.org/2000/svg", "class_": "matrices", "role": "img", "aria_label": label},
        **{
            "viewBox": f"0 0 {width:.1f} {high:.1f}",
            "width": width,
            "height": high,
            "style": "max-width:100%;height:auto",
        },
        **{"font_family": "system-ui, sans-serif", "font_size": SIZE, "fill": INK},
    )


def _word(x: float, y: float, words: str, hue: str, anchor: str = "middle") -> str:
    look = {"fill": hue, "font_size": SIZE - 1, "font_style": "italic"}
    return element("text", words, x=x, y=y, dy="0.35em", text_anchor=anchor, **look)
