"""Factors, derivatives and equations as they stand in a derivation: as text and in LaTeX."""

from __future__ import annotations

from collections.abc import Iterable

from profundo.graph.expressions.writing import latex_name, number

__all__ = ["equation", "factor", "partial", "product"]


def factor(value: float, *, latex: bool = False) -> str:
    """A number as a factor: a negative one in parentheses."""
    written = number(value, latex=latex)
    if not written.startswith(("-", "−")):
        return written
    return rf"\left({written}\right)" if latex else f"({written})"


def partial(of: str, by: str, *, latex: bool = False) -> str:
    """∂of/∂by."""
    if latex:
        return rf"\frac{{\partial {latex_name(of)}}}{{\partial {latex_name(by)}}}"
    return f"∂{of}/∂{by}"


def product(left: str, right: str, *, latex: bool = False) -> str:
    """left·right, where a factor that is a sum, a difference or a quotient stands in parentheses."""
    sign = r" \cdot " if latex else "·"
    return sign.join(_enclosed(item, latex) for item in (left, right))


def equation(sides: Iterable[str]) -> str:
    """a = b = c, where a side that says again what stands before it is left out."""
    remaining: list[str] = []
    for side in sides:
        if side and (not remaining or _spelling(side) != _spelling(remaining[-1])):
            remaining.append(side)
    return " = ".join(remaining)


def _enclosed(formula: str, latex: bool) -> str:
    if formula.startswith((r"\frac{\partial", "∂")) or not _is_loose(formula):
        return formula
    return rf"\left({formula}\right)" if latex else f"({formula})"


def _is_loose(formula: str) -> bool:
    """Whether a sum, a difference, a quotient or a comparison stands outside all brackets."""
    depth = 0
    for at, sign in enumerate(formula):
        depth += (sign in "([{") - (sign in ")]}")
        is_exponent = at >= 2 and formula[at - 1] == "e" and formula[at - 2].isdigit()  # of 1e−5
        if depth == 0 and sign in "+-−/<>=≤≥" and not is_exponent:
            return True
    return False


def _spelling(side: str) -> str:
    return side.replace("−", "-").replace(" ", "")
