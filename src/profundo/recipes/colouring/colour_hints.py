"""Hints: cells of a photograph whose colour is told (Zhang, Zhu, Isola, Geng, Lin, Yu & Efros 2017, "Real-time user-guided image
colorization with learned deep priors", section 3), drawn of true colours while a net learns, a person's later.

Hints are (images, 3, height, width) of cells: a and b, 0 where they are not told, and 1 where they are.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from profundo.images.colour_spaces import to_space
from profundo.records import ProfundoError

__all__ = ["MOST", "Hint", "drawn_hints", "hint_of", "no_hints", "small_view", "some_hints", "unheeded"]

CHANCE, MOST = 1 / 8, 32  # hints of an image: geometric with this chance that one is the last; no more than so many
ASTRAY = 20.0  # in Lab's plane of a and b, where a difference of 2 or 3 can just be told (Mahy et al. 1994)
LONGEST = 16  # times its shorter side that a photograph is long, at most, to a net


def no_hints(lightness: Tensor) -> Tensor:
    images, _, height, width = lightness.shape
    return lightness.new_zeros(images, 3, height // 2, width // 2)


def drawn_hints(colours: Tensor, share: float, draws: torch.Generator) -> Tensor:
    """As a net learns from them, of colours (images, 2, height, width): in a share of the images some, their number geometric, their
    places by a Gaussian around the middle that is a quarter of each side wide."""
    numbers = torch.empty(len(colours)).geometric_(CHANCE, generator=draws).clamp(max=MOST)
    numbers *= torch.rand(len(colours), generator=draws) < share
    places = 0.5 + 0.25 * torch.randn(len(colours), MOST, 2, generator=draws)
    return hints_at(colours, places, numbers)


def some_hints(colours: Tensor, number: int, draws: torch.Generator) -> Tensor:
    """So many in each image, at most 32, in any places, fewer where two fall together."""
    places = torch.rand(len(colours), MOST, 2, generator=draws)
    return hints_at(colours, places, torch.full((len(colours),), float(number)))


def hints_at(colours: Tensor, places: Tensor, numbers: Tensor) -> Tensor:
    """places: (images, 32, 2), down and across as shares of the sides, of which the first `numbers` (images,) of each image count."""
    images, _, height, width = colours.shape
    rows, columns = (places.clamp(0, 1 - 1e-6) * torch.tensor([height, width])).long().unbind(2)
    counted = torch.arange(places.shape[1]) < numbers[:, None]
    told = torch.zeros(images, height * width + 1)  # the last is where those go that do not count
    told.scatter_(1, torch.where(counted, rows * width + columns, height * width), 1.0)
    mask = told[:, :-1].view(images, 1, height, width)
    return torch.cat([colours * mask, mask], 1)


# ------------------------------------------------------------------------------------------------- photographs of one's own
@dataclass(frozen=True, slots=True)
class Hint:
    """x, y: a pixel of the photograph, from its upper left. a, b: its colour in Lab."""

    x: int
    y: int
    a: float
    b: float


def hint_of(text: str) -> Hint:
    """Of "x,y,#rrggbb". Raises ProfundoError for anything else."""
    found = re.fullmatch(r"\s*(\d{1,6})\s*,\s*(\d{1,6})\s*,\s*#([0-9a-fA-F]{6})\s*", text, re.ASCII)
    if found is None:
        raise ProfundoError(
            f"hint {text[:40]!r}: expected x,y,#rrggbb, a pixel from the upper left and its colour, such as '120,80,#c03020'"
        )
    x, y, colour = found.groups()
    _, a, b = to_space(np.frombuffer(bytes.fromhex(colour), np.uint8), "lab").tolist()
    return Hint(int(x), int(y), a, b)


def unheeded(painted: Tensor, hints: Sequence[Hint]) -> list[str]:
    """Of an image uint8 (3, height, width), in words, the hints whose places came to another colour than was asked."""
    said = []
    for hint in hints:
        there = painted[:, hint.y, hint.x]
        _, a, b = to_space(there.numpy(), "lab").tolist()
        if math.hypot(a - hint.a, b - hint.b) > ASTRAY:
            said.append(f"{hint.x},{hint.y} came to #{bytes(there.tolist()).hex()}")
    return said


def small_view(lightness: Tensor, side: int, hints: Sequence[Hint], name: str) -> tuple[Tensor, Tensor]:
    """A photograph (1, 1, height, width) as a net sees it, its shorter side of `side` pixels, and the hints in its cells. name: in an
    error. Raises ProfundoError for a hint outside."""
    height, width = lightness.shape[2:]
    shorter = min(height, width)
    high, wide = (2 * max(1, round(side * min(one / shorter, LONGEST) / 2)) for one in (height, width))
    told = lightness.new_zeros(1, 3, high // 2, wide // 2)
    for hint in hints:
        if hint.x >= width or hint.y >= height:
            raise ProfundoError(
                f"hint {hint.x},{hint.y}: expected x from 0 to {width - 1} and y from 0 to {height - 1} in {name}, which has "
                f"{width}×{height} pixels"
            )
        row, column = hint.y * (high // 2) // height, hint.x * (wide // 2) // width
        told[0, :, row, column] = torch.tensor([hint.a, hint.b, 1.0])
    mode = "area" if shorter >= side else "bilinear"
    return F.interpolate(lightness, (high, wide), mode=mode), told
