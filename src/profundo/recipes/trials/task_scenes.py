"""States of tasks as pictures: a pole on its cart, and what a cell of a grid is worth with the way out of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from profundo.recipes.trials.tasks import MOVES, CartPole, GridWorld

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

__all__ = ["cart_pole_scene", "grid_scene"]

FINER = 2  # drawn so many times as large, then averaged: smooth edges
PAPER, INK, MUTED, RULE = (255, 255, 255), (28, 27, 25), (107, 104, 96), (222, 219, 210)
BLUE, ORANGE, GREEN = (31, 95, 191), (194, 80, 10), (47, 125, 79)
CELL, HEAD, NARROWEST = 46, 24, 260  # pixels of a cell, of the line above, and of the whole at least
Pen = Callable[["ImageDraw"], None]


def drawn(width: int, height: int, pen: Pen) -> Tensor:
    """uint8 (3, height, width)."""
    from PIL import Image, ImageDraw

    sheet = Image.new("RGB", (FINER * width, FINER * height), PAPER)
    pen(ImageDraw.Draw(sheet))
    small = sheet.resize((width, height), Image.Resampling.BOX)
    return torch.from_numpy(np.asarray(small).copy()).permute(2, 0, 1).contiguous()


def written(pen: ImageDraw, place: tuple[float, float], words: str, size: float, colour: Any = INK) -> None:
    from PIL import ImageFont

    pen.text((FINER * place[0], FINER * place[1]), words, colour, ImageFont.load_default(FINER * size), "mm")


# ----------------------------------------------------------------------------------------------------------- cart–pole
def cart_pole_scene(task: CartPole, state: Sequence[float], told: str, width: int = 300, height: int = 170) -> Tensor:
    """state: place, speed, angle, speed of turning. told: written above."""
    return drawn(width, height, partial(_cart_and_pole, task, state, told, (width, height)))


def _cart_and_pole(task: CartPole, state: Sequence[float], told: str, size: tuple[int, int], pen: ImageDraw) -> None:
    width, height = size
    metre, floor = width / (2 * task.far + 0.8), height - 34
    x, top = width / 2 + state[0] * metre, floor - 16
    tip = x + math.sin(state[2]) * 1.6 * metre, top - math.cos(state[2]) * 1.6 * metre
    fallen = abs(state[0]) > task.far or abs(state[2]) > task.tilted
    scaled = [FINER * value for value in (x - 22, top, x + 22, floor - 4)]
    for place in (-task.far, task.far):
        at = FINER * (width / 2 + place * metre)
        pen.line((at, FINER * (floor - 8), at, FINER * (floor + 8)), MUTED, FINER)
    pen.line((0, FINER * floor, FINER * width, FINER * floor), RULE, 2 * FINER)
    pen.rounded_rectangle(scaled, 3 * FINER, INK)
    pen.line([FINER * value for value in (x, top, *tip)], ORANGE if fallen else BLUE, 6 * FINER)
    written(pen, (width / 2, height - 13), told, 11, ORANGE if fallen else MUTED)


# ---------------------------------------------------------------------------------------------------------------- grid
def grid_scene(grid: GridWorld, values: Tensor, actions: Tensor, told: str) -> Tensor:
    """The value of each cell (cells,), written and as strength of blue or, below zero, orange; and the action there (cells,). told:
    written above."""
    high, wide = len(grid.rows), len(grid.rows[0])
    size = (max(wide * CELL, NARROWEST), high * CELL + HEAD)
    return drawn(*size, partial(_cells, grid, values.tolist(), actions.tolist(), told))


def _cells(grid: GridWorld, values: Sequence[float], actions: Sequence[int], told: str, pen: ImageDraw) -> None:
    wide = len(grid.rows[0])
    written(pen, (max(wide * CELL, NARROWEST) / 2, HEAD / 2), told, 12)
    for cell, sign in enumerate("".join(grid.rows)):
        row, column = divmod(cell, wide)
        left, up = CELL * column, CELL * row + HEAD
        box = [FINER * edge for edge in (left, up, left + CELL - 1, up + CELL - 1)]
        colour = {"#": MUTED, "G": GREEN, "x": ORANGE}.get(sign) or tint(values[cell])
        pen.rectangle(box, colour)
        middle = left + CELL / 2, up + CELL / 2
        if sign in "Gx":
            written(pen, middle, "goal" if sign == "G" else "pit", 11, PAPER)
        elif sign != "#":
            written(pen, (middle[0], up + CELL - 9), f"{round(values[cell], 2) + 0.0:.2f}", 9.5)
            _arrow(pen, (middle[0], middle[1] - 6), MOVES[actions[cell]])


def tint(value: float) -> tuple[int, ...]:
    share = min(1.0, abs(value)) * 0.6
    strong = BLUE if value >= 0 else ORANGE
    return tuple(round(p + share * (s - p)) for p, s in zip(PAPER, strong, strict=True))


def _arrow(pen: ImageDraw, middle: tuple[float, float], move: tuple[int, int]) -> None:
    (x, y), (down, right) = middle, move
    tip, back = (x + 9 * right, y + 9 * down), (x - 9 * right, y - 9 * down)
    sides = [(tip[0] - 5 * right + turn * 4 * down, tip[1] - 5 * down + turn * 4 * right) for turn in (1, -1)]
    pen.line([FINER * value for value in (*back, *tip)], INK, 2 * FINER)
    pen.polygon([(FINER * a, FINER * b) for a, b in (tip, *sides)], INK)
