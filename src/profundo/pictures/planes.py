"""Two inputs as a plane → pixels: samples by class, and what a classifier says at every place, for films of learning.

plane = Plane((0, 10), (0, 5), "length (cm)", "lightness")
picture = plane.draw(points, labels, shares=net(plane.places()).sigmoid(), names=("trout", "salmon"))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from profundo.pictures.axes import nice_ticks, tick
from profundo.pictures.svg import COLOURS, MOST_CLASSES, POLYGONS
from profundo.records import ProfundoError

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from torch import Tensor

__all__ = ["Plane"]

LEFT, TOP, RIGHT, BOTTOM = 62, 52, 14, 48  # from each edge of the picture to the plotting area
FINER = 2  # drawn so many times as large, then averaged: smooth edges
COLUMNS, ROWS = 202, 150  # of the grid on which a classifier is asked
PAPER, INK, MUTED, RULE = "#ffffff", "#1c1b19", "#6b6860", "#dedbd2"
TINT = 0.30  # share of a class's colour in its region


@dataclass(frozen=True, slots=True)
class Plane:
    """The part of the plane that is shown: x and y are (low, high), low below high. width, height: of the picture."""

    x: tuple[float, float]
    y: tuple[float, float]
    x_label: str = ""
    y_label: str = ""
    width: int = 480
    height: int = 400

    @classmethod
    def around(cls, points: Tensor, x_label: str = "", y_label: str = "", *, margin: float = 0.1) -> Plane:
        """The smallest that holds the points (samples, 2) and a margin, a share of their extent, on each side."""
        low, high = points.min(0).values.double(), points.max(0).values.double()
        wide = margin * (high - low).clamp(min=1e-6)
        (x0, y0), (x1, y1) = (low - wide).tolist(), (high + wide).tolist()
        return cls((x0, x1), (y0, y1), x_label, y_label)

    def places(self) -> Tensor:
        """Where a classifier is to be asked: (places, 2), row by row from the top left."""
        import torch

        x = torch.linspace(self.x[0], self.x[1], COLUMNS)
        y = torch.linspace(self.y[1], self.y[0], ROWS)
        return torch.stack((x.repeat(ROWS), y.repeat_interleave(COLUMNS)), 1)

    def draw(
        self,
        points: Tensor,
        labels: Tensor,
        shares: Tensor | None = None,
        *,
        names: Sequence[str] = (),
        told: str = "",
        flat: bool = False,
    ) -> Tensor:
        """One picture, uint8 (3, height, width).

        points: (samples, 2); labels: (samples,), each with a colour and a shape of its own, below 12.
        shares: at `places()`, (places,) of class 1 between two, or (places, classes): tints the plane, with a line where
            the most likely class changes. flat: each region in one tint, as a unit with a threshold sees it.
        told: written above the picture, such as the epoch. Raises ProfundoError for a thirteenth class.
        """
        import numpy as np
        import torch
        from PIL import Image, ImageDraw

        if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < MOST_CLASSES:
            raise ProfundoError(
                f"plane: expected labels from 0 to {MOST_CLASSES - 1}, got {int(labels.min())} to {int(labels.max())}"
            )
        sheet = Image.new("RGB", (FINER * self.width, FINER * self.height), PAPER)
        pen = ImageDraw.Draw(sheet)
        if shares is not None:
            columns = torch.stack((1 - shares, shares), 1) if shares.ndim == 1 else shares
            cells = columns.detach().float().reshape(ROWS, COLUMNS, -1).cpu().numpy()
            sheet.paste(self._tinted(cells, flat), (FINER * LEFT, FINER * TOP))
        self._frame(pen, told)
        size = 6.0 if len(points) <= 20 else 4.2
        for (x, y), label in zip(points.tolist(), labels.tolist(), strict=True):
            if self.x[0] <= x <= self.x[1] and self.y[0] <= y <= self.y[1]:
                _marker(pen, int(label), self._across(x), self._up(y), size)
        _legend(pen, names)
        small = sheet.resize((self.width, self.height), Image.Resampling.BOX)
        return torch.from_numpy(np.asarray(small).copy()).permute(2, 0, 1).contiguous()

    def _tinted(self, cells: np.ndarray, flat: bool) -> Image:
        """The plotting area in the colours of the classes."""
        from PIL import Image

        right, bottom = self._corner
        return Image.fromarray(_regions(cells, (FINER * (right - LEFT), FINER * (bottom - TOP)), flat))

    @property
    def _corner(self) -> tuple[int, int]:
        """The right and the lower edge of the plotting area."""
        return self.width - RIGHT, self.height - BOTTOM

    def _across(self, x: float) -> float:
        return FINER * (LEFT + (self._corner[0] - LEFT) * (x - self.x[0]) / (self.x[1] - self.x[0]))

    def _up(self, y: float) -> float:
        return FINER * (self._corner[1] + (TOP - self._corner[1]) * (y - self.y[0]) / (self.y[1] - self.y[0]))

    def _frame(self, pen: ImageDraw, told: str) -> None:
        small, (right, bottom) = _font(12), self._corner
        for at in _inside(nice_ticks(self.x, 7), self.x):
            x = self._across(at)
            pen.line((x, FINER * bottom, x, FINER * (bottom + 5)), RULE, FINER)
            pen.text((x, FINER * (bottom + 16)), _written(at), MUTED, small, "mm")
        for at in _inside(nice_ticks(self.y), self.y):
            y = self._up(at)
            pen.line((FINER * (LEFT - 5), y, FINER * LEFT, y), RULE, FINER)
            pen.text((FINER * (LEFT - 9), y), _written(at), MUTED, small, "rm")
        pen.rectangle([FINER * edge for edge in (LEFT, TOP, right, bottom)], outline=MUTED, width=FINER)
        pen.text((FINER * (LEFT + right) / 2, FINER * (self.height - 12)), self.x_label, INK, _font(13), "mm")
        pen.text((FINER * 8, FINER * 16), self.y_label, INK, _font(13), "lm")
        pen.text((FINER * right, FINER * 16), told, INK, _font(13), "rm")


def _regions(cells: np.ndarray, size: tuple[int, int], flat: bool) -> np.ndarray:
    """Shares (rows, columns, classes) → tinted pixels, uint8 (height, width, 3); size: (width, height)."""
    import numpy as np
    from PIL import Image, ImageColor

    smooth = np.stack(
        [
            np.asarray(Image.fromarray(cells[..., k]).resize(size, Image.Resampling.BILINEAR))
            for k in range(cells.shape[2])
        ],
        axis=2,
    )
    best = smooth.argmax(2)
    if flat:
        smooth = np.eye(cells.shape[2], dtype=np.float32)[best]
    colours = np.array([ImageColor.getrgb(COLOURS[k % len(COLOURS)]) for k in range(cells.shape[2])], np.float32)
    pixels = 255 + TINT * (smooth.clip(0, 1) @ (colours - 255))
    edge = np.zeros(best.shape, bool)
    for down, right in ((1, 0), (0, 1), (2, 0), (0, 2)):  # where the class two pixels further is another
        height, width = best.shape[0] - down, best.shape[1] - right
        edge[:height, :width] |= best[:height, :width] != best[down:, right:]
    pixels[edge] = ImageColor.getrgb(INK)
    return pixels.clip(0, 255).round().astype(np.uint8)


def _marker(pen: ImageDraw, label: int, x: float, y: float, size: float) -> None:
    """The shape and the colour that the class has in a chart, with a rim of paper."""
    size, colour = FINER * size, COLOURS[label]
    corners = POLYGONS[label]
    if corners:
        pen.polygon([(x + size * a, y + size * b) for a, b in corners], colour, PAPER, FINER)
    else:
        pen.ellipse((x - size, y - size, x + size, y + size), colour, PAPER, FINER)


def _legend(pen: ImageDraw, names: Sequence[str]) -> None:
    left = float(FINER * LEFT)
    for label, name in enumerate(names):
        _marker(pen, label, left + FINER * 7, FINER * 37, 5)
        pen.text((left + FINER * 17, FINER * 37), name, INK, _font(13), "lm")
        left += FINER * 34 + pen.textlength(name, _font(13))


def _inside(ticks: Sequence[float], bounds: tuple[float, float]) -> list[float]:
    margin = 1e-9 * (bounds[1] - bounds[0])
    return [at for at in ticks if bounds[0] - margin <= at <= bounds[1] + margin]


def _written(value: float) -> str:
    return tick(value).replace("−", "-")  # the font below has no minus sign


@cache
def _font(size: int) -> Any:
    """The one that comes with Pillow, so that every machine draws the same."""
    from PIL import ImageFont

    return ImageFont.load_default(FINER * size)
