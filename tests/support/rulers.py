"""Reading a chart as a person does: with a ruler, from its ticks and what is written beside them."""

from __future__ import annotations

import math
from collections.abc import Callable

from pages import Element

__all__ = ["corners", "number", "ruler"]


def number(text: str) -> float:
    value = float(text.replace("−", "-").replace(",", "").rstrip("%\u00a0 "))
    return value / 100 if text.endswith("%") else value


def ruler(svg: Element, axis: str, *, log: bool = False) -> Callable[[float], float]:
    """Pixel → value, from the first and the last tick of the axis."""
    ticks = svg.all("g", class_=f"{axis} tick")
    at = [(float(g.one("line").attributes[f"{axis}1"]), number(g.one("text").text)) for g in ticks]
    (p0, v0), (p1, v1) = at[0], at[-1]
    v0, v1 = (math.log(v0), math.log(v1)) if log else (v0, v1)

    def read(pixel: float) -> float:
        value = v0 + (v1 - v0) * (pixel - p0) / (p1 - p0)
        return math.exp(value) if log else value

    return read


def corners(shape: Element) -> list[tuple[float, float]]:
    return [tuple(map(float, pair.split(","))) for pair in shape.attributes["points"].split()]  # type: ignore[misc]
