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
from typing import Any

import torch

from profundo.graph.drawings.faces import text_width, written
from profundo.pictures.svg import colour
from profundo.records import ProfundoError

__all__ = ["Product", "Step", "dense_layer", "product"]

Entry = int | float
Rows = tuple[tuple[Entry, ...], ...]

MOST_WORK = 1_000_000  # multiplications; this is for looking at
MOST_SHOWN = 10  # rows or columns; of more, the first and the last are drawn
MOST_TERMS = 6  # of a sum that are written
MOST_FRAMES = 400
LARGEST = 10**18  # of a whole number that is given
HIGH, PAD, MARGIN = 30.0, 14.0, 16.0  # of a row; beside a number; around the picture
SIZE = 15.0
INK, MUTED, PAPER = "var(--ink, #1c1b19)", "var(--muted, #6b6860)", "var(--paper, #ffffff)"
ROW, COLUMN, RESULT = colour(0), colour(2), colour(1)


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of a product, row and column from 0: the sum of the products of `terms`, and of `added`."""

    row: int
    column: int
    terms: tuple[tuple[Entry, Entry], ...]
    value: Entry
    added: Entry | None = None
    letter: str = "c"

    @property
    def text(self) -> str:
        """c₁₂ = 2·1 + 5·2 + 2·0 = 12"""
        parts = [f"{_factor(a)}·{_factor(b)}" for a, b in self.terms]
        return f"{self.letter}{_lowered(self.row, self.column)} = {self._sum(parts, '…')} = {_written(self.value)}"

    @property
    def latex(self) -> str:
        parts = [rf"{_factor(a, latex=True)} \cdot {_factor(b, latex=True)}" for a, b in self.terms]
        place = f"{self.row + 1}" + ("," if max(self.row, self.column) > 8 else "") + f"{self.column + 1}"
        return f"{self.letter}_{{{place}}} = {self._sum(parts, chr(92) + 'dots', latex=True)} = {_tex(self.value)}"

    def _sum(self, parts: list[str], dots: str, *, latex: bool = False) -> str:
        if len(parts) > MOST_TERMS:
            parts = [*parts[: MOST_TERMS - 2], dots, *parts[-1:]]
        if self.added is not None:
            parts.append(_factor(self.added, latex=latex))
        return " + ".join(parts)


@dataclass(frozen=True, slots=True)
class Product:
    """left · right = products, to each column of which `bias` is added where there is one; each as rows.

    bias: a column, empty for none; names: of the three in the picture; letter: of an entry of the result.
    """

    left: Rows
    right: Rows
    products: Rows
    bias: Rows = ()
    names: tuple[str, str, str] = ("A", "B", "A·B")
    letter: str = "c"

    @property
    def result(self) -> Rows:
        if not self.bias:
            return self.products
        return tuple(tuple(value + b for value in row) for row, (b,) in zip(self.products, self.bias, strict=True))

    @property
    def entries(self) -> list[tuple[int, int]]:
        """(row, column) of each entry of the result, in reading order."""
        return [(row, column) for row in range(len(self.left)) for column in range(len(self.right[0]))]

    @property
    def steps(self) -> tuple[Step, ...]:
        """Each entry of the result, in reading order."""
        return tuple(self.step(row, column) for row, column in self.entries)

    def step(self, row: int, column: int) -> Step:
        """How one entry comes about."""
        rows, columns = len(self.left), len(self.right[0])
        if not (0 <= row < rows and 0 <= column < columns):
            raise ProfundoError(f"entry ({row}, {column}): expected a row below {rows} and a column below {columns}")
        terms = tuple(zip(self.left[row], (line[column] for line in self.right), strict=True))
        added = self.bias[row][0] if self.bias else None
        value = self.products[row][column] + (added or 0)
        return Step(row, column, terms, value, added, self.letter)

    @property
    def text(self) -> str:
        """The equation in letters of one width, and under it each entry."""
        bias: list[str | list[str]] = ["+", _block(self.bias)] if self.bias else []
        equation = _beside([_block(self.left), "·", _block(self.right), *bias, "=", _block(self.result)])
        return equation + "\n\n" + "\n".join(step.text for step in self.steps[:MOST_FRAMES])

    @property
    def latex(self) -> str:
        bias = f" + {_matrix(self.bias)}" if self.bias else ""
        return rf"{_matrix(self.left)} \cdot {_matrix(self.right)}{bias} = {_matrix(self.result)}"

    def svg(self, row: int = 0, column: int = 0, *, until: bool = False) -> str:
        """The picture with one entry, its row and its column marked. until: entries that come later are left empty."""
        words = self.step(row, column).text
        label = f"{self.names[0]} times {self.names[1]}" + (" plus b" if self.bias else "")
        return _page(_scheme(self, (row, column), until=until), words, label)

    def frames(self) -> list[str]:
        """A picture for each entry, in reading order; at most the first 400."""
        return [self.svg(row, column, until=True) for row, column in self.entries[:MOST_FRAMES]]

    def _repr_svg_(self) -> str:
        return self.svg()


def product(left: Any, right: Any) -> Product:
    """A·B of two matrices: nested lists, arrays or tensors, (rows, inner) and (inner, columns).

    Raises ProfundoError for shapes that do not fit, empty or ragged rows, and what is not a finite number.
    """
    one, other = _rows(left, "the first matrix"), _rows(right, "the second matrix")
    if len(one[0]) != len(other):
        raise ProfundoError(
            f"product: {len(one)} × {len(one[0])} times {len(other)} × {len(other[0])}: expected as many columns in the "
            f"first as rows in the second, got {len(one[0])} and {len(other)}"
        )
    return Product(one, other, _times(one, other))


def dense_layer(layer: Any, x: Any) -> Product:
    """The layer W·x + b on x, (inputs,) or (samples, inputs), with a column for each sample.

    layer: an nn.Linear, or (W, b) with b None for none.
    """
    weights, bias = _weights(layer)
    inputs = _columns(x)
    if len(weights[0]) != len(inputs):
        raise ProfundoError(
            f"dense_layer: expected {len(weights[0])} inputs for weights of {len(weights)} × {len(weights[0])}, "
            f"got {len(inputs)}"
        )
    if bias and len(bias) != len(weights):
        raise ProfundoError(
            f"dense_layer: expected {len(weights)} biases, one for each row of weights, got {len(bias)}"
        )
    names = ("W", "x", "W·x" if bias else "z = W·x")
    return Product(weights, inputs, _times(weights, inputs), bias, names, "z")


# ---------------------------------------------------------------------------------------------------------------------
# Numbers


def _rows(matrix: Any, what: str) -> Rows:
    """Rows of finite numbers, of one length."""
    if isinstance(matrix, torch.Tensor):
        matrix = matrix.detach().cpu()
        matrix = (matrix.double() if matrix.is_floating_point() else matrix).tolist()
    elif hasattr(matrix, "tolist"):
        matrix = matrix.tolist()
    if not isinstance(matrix, Sequence) or isinstance(matrix, str) or not len(matrix):
        raise ProfundoError(f"{what}: expected rows of numbers, got {_kind(matrix)}")
    for row in matrix:
        if not isinstance(row, Sequence) or isinstance(row, str) or not len(row):
            raise ProfundoError(
                f"{what}: expected rows of numbers, such as [[1, 2], [3, 4]], got a row that is {_kind(row)}"
            )
    lengths = sorted({len(row) for row in matrix})
    if len(lengths) > 1:
        raise ProfundoError(f"{what}: expected rows of one length, got {lengths[0]} and {lengths[-1]} numbers")
    return tuple(tuple(_entry(value, what) for value in row) for row in matrix)


def _kind(value: object) -> str:
    return "empty" if isinstance(value, Sequence) and not len(value) else type(value).__name__


def _entry(value: Any, what: str) -> Entry:
    if hasattr(value, "item"):
        value = value.item()
    if not isinstance(value, int | float):
        raise ProfundoError(f"{what}: expected numbers, got {type(value).__name__}")
    if isinstance(value, int):
        if abs(value) > LARGEST:
            raise ProfundoError(f"{what}: expected whole numbers up to 10¹⁸, got a larger one")
        return int(value)
    if not math.isfinite(value):
        raise ProfundoError(f"{what}: expected finite numbers, got {value}")
    return value


def _columns(x: Any) -> Rows:
    """One sample (inputs,) as a column, several (samples, inputs) as columns."""
    if isinstance(x, torch.Tensor) or hasattr(x, "tolist"):
        x = x.tolist() if not isinstance(x, torch.Tensor) else (x.double() if x.is_floating_point() else x).tolist()
    if isinstance(x, Sequence) and len(x) and not any(isinstance(item, Sequence) for item in x):
        x = [x]
    return tuple(zip(*_rows(x, "x"), strict=True))


def _weights(layer: Any) -> tuple[Rows, Rows]:
    """W as rows and b as a column, empty for none."""
    if isinstance(layer, torch.nn.Linear):
        layer = (layer.weight, layer.bias)
    if not isinstance(layer, tuple | list) or len(layer) != 2:
        raise ProfundoError(f"dense_layer: expected an nn.Linear or (W, b), got {type(layer).__name__}")
    weights, bias = layer
    if bias is None:
        return _rows(weights, "W"), ()
    column = _columns(bias)
    if len(column[0]) != 1:
        raise ProfundoError(f"b: expected one row of numbers, got {len(column[0])}")
    return _rows(weights, "W"), column


def _times(left: Rows, right: Rows) -> Rows:
    work = len(left) * len(right) * len(right[0])
    if work > MOST_WORK:
        raise ProfundoError(f"{work:,} multiplications are too many to look at (at most {MOST_WORK:,}); use A @ B")
    columns = tuple(zip(*right, strict=True))
    return tuple(tuple(_sum([a * b for a, b in zip(row, column, strict=True)]) for column in columns) for row in left)


def _sum(terms: list[Entry]) -> Entry:
    """Exact for whole numbers; else the float64 nearest to the sum of the products."""
    total = sum(terms) if all(isinstance(term, int) for term in terms) else math.fsum(terms)
    if not math.isfinite(total):
        raise ProfundoError("product: an entry is too large for float64")
    return total


def _written(value: Entry) -> str:
    if isinstance(value, int):
        return str(value).replace("-", "−")
    return written(value)


def _factor(value: Entry, *, latex: bool = False) -> str:
    written_out = _tex(value) if latex else _written(value)
    return f"({written_out})" if value < 0 else written_out


def _tex(value: Entry) -> str:
    if isinstance(value, int):
        return str(value)
    mantissa, _, exponent = f"{value:.4g}".partition("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if exponent else mantissa


def _lowered(row: int, column: int) -> str:
    between = "," if max(row, column) > 8 else ""
    return f"{row + 1}{between}{column + 1}".translate(str.maketrans("0123456789,", "₀₁₂₃₄₅₆₇₈₉,"))


def _shown(count: int, marked: int) -> list[int | None]:
    """Which rows or columns are drawn; None: where some are left out."""
    if count <= MOST_SHOWN:
        return list(range(count))
    near = {0, 1, 2, 3, count - 2, count - 1, marked}
    shown: list[int | None] = []
    for at in sorted(near):
        if shown and shown[-1] is not None and at > shown[-1] + 1:
            shown.append(None)
        shown.append(at)
    return shown


# ---------------------------------------------------------------------------------------------------------------------
# As text and LaTeX


def _block(rows: Rows) -> list[str]:
    """A matrix in brackets, as lines of one width."""
    shown, columns = _shown(len(rows), 0), _shown(len(rows[0]), 0)
    cells = [["⋯" if i is None or j is None else _written(rows[i][j]) for j in columns] for i in shown]
    widths = [max(len(line[j]) for line in cells) for j in range(len(columns))]
    lines = [" ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]
    if len(lines) == 1:
        return [f"[{lines[0]}]"]
    brackets = [("⎡", "⎤"), *[("⎢", "⎥")] * (len(lines) - 2), ("⎣", "⎦")]
    return [f"{left}{line}{right}" for (left, right), line in zip(brackets, lines, strict=True)]


def _beside(parts: Sequence[str | list[str]]) -> str:
    """Blocks and signs side by side, each in the middle of the height."""
    high = max(len(part) for part in parts if isinstance(part, list))
    lines = [""] * high
    for part in parts:
        block = part if isinstance(part, list) else [f" {part} "]
        above = (high - len(block)) // 2
        for at in range(high):
            inside = 0 <= at - above < len(block)
            lines[at] += block[at - above] if inside else " " * len(block[0])
    return "\n".join(line.rstrip() for line in lines)


def _matrix(rows: Rows) -> str:
    shown, columns = _shown(len(rows), 0), _shown(len(rows[0]), 0)
    lines = [" & ".join(r"\cdots" if i is None or j is None else _tex(rows[i][j]) for j in columns) for i in shown]
    return r"\begin{pmatrix} " + r" \\ ".join(lines) + r" \end{pmatrix}"


# ---------------------------------------------------------------------------------------------------------------------
# As a picture


@dataclass(frozen=True, slots=True)
class _Drawn:
    svg: str
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class _Table:
    """A matrix on paper. shown: which rows and columns; cell: the width of each.

    Of `draw`, marked: (row, column), None for all of them; until: entries after this one are left empty.
    """

    rows: Rows
    shown: tuple[list[int | None], list[int | None]]
    cell: float

    @property
    def width(self) -> float:
        return self.cell * len(self.shown[1]) + 8

    @property
    def height(self) -> float:
        return HIGH * len(self.shown[0])

    def draw(
        self,
        x: float,
        y: float,
        marked: tuple[int | None, int | None],
        hue: str,
        *,
        until: tuple[int, int] | None = None,
    ) -> str:
        cells = [self._cell(x, y, row, column, marked, hue, until) for row in range(len(self.shown[0])) for column in
                 range(len(self.shown[1]))]  # fmt: skip
        return "".join(cells) + self._brackets(x, y)

    def _cell(
        self,
        x: float,
        y: float,
        row: int,
        column: int,
        marked: tuple[int | None, int | None],
        hue: str,
        until: tuple[int, int] | None,
    ) -> str:
        i, j = self.shown[0][row], self.shown[1][column]
        left, top = x + 4 + column * self.cell, y + row * HIGH
        middle = f'x="{left + self.cell / 2:.1f}" y="{top + HIGH / 2:.1f}" dy="0.35em" text-anchor="middle"'
        if i is None or j is None:
            return f'<text {middle} fill="{MUTED}">⋯</text>'
        if until is not None and (i, j) > until:
            return f'<text {middle} fill="{MUTED}" opacity="0.6">·</text>'
        is_marked = marked[0] in (None, i) and marked[1] in (None, j)
        ground = (
            f'<rect x="{left + 0.5:.1f}" y="{top + 1:.1f}" width="{self.cell - 1:.1f}" height="{HIGH - 2:g}" rx="5" '
            f'fill="{hue}" fill-opacity="0.16"/>'
        )
        look = f'fill="{hue}" font-weight="600"' if is_marked else f'fill="{INK}"'
        return (ground if is_marked else "") + f"<text {middle} {look}>{_written(self.rows[i][j])}</text>"

    def _brackets(self, x: float, y: float) -> str:
        top, bottom, right = y - 2, y + self.height + 2, x + self.width
        path = f"M{x + 6:.1f} {top:.1f}H{x:.1f}V{bottom:.1f}H{x + 6:.1f}"
        path += f"M{right - 6:.1f} {top:.1f}H{right:.1f}V{bottom:.1f}H{right - 6:.1f}"
        return f'<path d="{path}" fill="none" stroke="{INK}" stroke-width="1.4"/>'


def _table(rows: Rows, down: list[int | None], across: list[int | None]) -> _Table:
    texts = (_written(rows[i][j]) for i in down for j in across if i is not None and j is not None)
    return _Table(rows, (down, across), max(34.0, PAD + max(text_width(number, SIZE, bold=True) for number in texts)))


def _scheme(shown: Product, entry: tuple[int, int], *, until: bool) -> _Drawn:
    """Falk's scheme, and at its right the bias and the result where there is a bias. until: later entries are empty."""
    row, column = entry
    rows, columns = _shown(len(shown.left), row), _shown(len(shown.right[0]), column)
    inner = _shown(len(shown.right), 0)
    one, other = _table(shown.left, rows, inner), _table(shown.right, inner, columns)
    total = _table(shown.products, rows, columns)
    wide, hidden = max(other.width, total.width), entry if until else None
    x, y = one.width + 44.0, other.height + 40.0
    parts = [
        one.draw(0, y, (row, None), ROW),
        other.draw(x + (wide - other.width) / 2, 0, (None, column), COLUMN),
        total.draw(x + (wide - total.width) / 2, y, (row, column), RESULT, until=hidden),
        _word(one.width / 2, y - 15, shown.names[0], ROW),
        _word(x + (wide - other.width) / 2 - 8, other.height / 2, shown.names[1], COLUMN, "end"),
        _word(x + wide / 2, y + total.height + 17, shown.names[2], RESULT),
    ]
    at = x + wide
    if shown.bias:
        bias, result = _table(shown.bias, rows, [0]), _table(shown.result, rows, columns)
        for sign, name, table, hue, hide in (("+", "b", bias, ROW, None), ("=", shown.letter, result, RESULT, hidden)):
            room = text_width(sign, SIZE) + 22
            parts.append(_word(at + room / 2, y + total.height / 2, sign, MUTED))
            parts.append(table.draw(at + room, y, (row, 0 if table is bias else column), hue, until=hide))
            parts.append(_word(at + room + table.width / 2, y + total.height + 17, name, hue))
            at += room + table.width
    return _Drawn("".join(parts), at, y + total.height + 28)


def _word(x: float, y: float, text: str, hue: str, anchor: str = "middle") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" dy="0.35em" text-anchor="{anchor}" font-size="{SIZE - 1:g}" fill="{hue}" '
        f'font-style="italic">{text}</text>'
    )


def _page(scheme: _Drawn, words: str, label: str) -> str:
    """The scheme over a line of words."""
    width = max(scheme.width, text_width(words, SIZE)) + 2 * MARGIN
    high = MARGIN + scheme.height + 22 + MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="matrices" role="img" aria-label="{label}" '
        f'viewBox="0 0 {width:.1f} {high:.1f}" width="{width:.1f}" height="{high:.1f}" style="max-width:100%;height:auto" '
        f'font-family="system-ui, sans-serif" font-size="{SIZE:g}" fill="{INK}">'
        f'<rect width="{width:.1f}" height="{high:.1f}" fill="{PAPER}"/>'
        f'<g transform="translate({MARGIN:g} {MARGIN:.1f})">{scheme.svg}</g>'
        f'<text x="{MARGIN:g}" y="{high - MARGIN:.1f}" font-size="{SIZE:g}">{words}</text></svg>'
    )
