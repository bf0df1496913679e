"""The activations as a table and as a page: curves by evaluation, derivatives by automatic differentiation."""

from __future__ import annotations

from itertools import pairwise
from math import nan
from typing import Any

import torch
from torch import Tensor

from profundo.nets.activations import ACTIVATIONS, Activation
from profundo.pictures.charts import Line, lines_svg
from profundo.pictures.rendering import rendered

__all__ = ["activations_page", "listed", "sampled", "value_and_slope"]

REACH = 5.0  # curves go from −5 to 5
POINTS = 241
NEAR = 1e-9  # how close the curves go to a place where one of them jumps


def listed() -> dict[str, dict[str, Any]]:
    """By name: formula, derivative, both in LaTeX, range, gain, advice."""
    return {
        name: {
            "title": one.title, "formula": one.formula, "derivative": one.slope, "latex": one.latex,
            "derivative_latex": one.slope_latex, "range": one.values, "gain": one.gain, "advice": one.advice,
        }
        for name, one in ACTIVATIONS.items()
    }  # fmt: skip


def activations_page() -> str:
    """One self-contained HTML page with all of them."""
    return rendered("activations.html.j2", plates=[(one, chart(one)) for one in ACTIVATIONS.values()])


def chart(one: Activation) -> str:
    """Curve and derivative, as SVG."""
    a, values, slopes = (numbers.tolist() for numbers in sampled(one))
    lines = [Line("f(a)", a, values), Line("f′(a), the derivative", a, slopes)]
    return lines_svg(lines, x_label="a", y_label="", log_y=False)


def sampled(one: Activation) -> tuple[Tensor, Tensor, Tensor]:
    """Places, values and derivatives, float64 (points,); at a kink there is a place without values: NaN."""
    a = places(one.kinks).requires_grad_()
    values = one.make().double()(a)
    (slopes,) = torch.autograd.grad(values.nansum(), a)
    return a.detach(), values.detach(), slopes.masked_fill(values.isnan(), nan)


def value_and_slope(one: Activation, a: float) -> tuple[float, float]:
    """f(a) and f′(a), as automatic differentiation has it; at a kink that is the side that PyTorch takes."""
    place = torch.tensor(a, dtype=torch.float64, requires_grad=True)
    value = one.make().double()(place)
    (slope,) = torch.autograd.grad(value, place)
    return value.item(), slope.item()


def places(kinks: tuple[float, ...]) -> Tensor:
    """From −5 to 5, with a NaN between what lies on the two sides of a kink."""
    edges = [-REACH, *kinks, REACH]
    parts = [
        torch.linspace(a + NEAR, b - NEAR, POINTS // (len(kinks) + 1), dtype=torch.float64) for a, b in pairwise(edges)
    ]
    gap = torch.tensor([nan], dtype=torch.float64)
    return torch.cat([piece for part in parts for piece in (part, gap)][:-1])
