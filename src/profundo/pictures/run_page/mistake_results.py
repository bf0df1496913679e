"""The worst mistakes, with what is unusual about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from profundo.pictures.image_grid import image_grid
from profundo.pictures.run_page.report_content import Value, Worst

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["mistakes", "most_unusual", "small"]

MOST_COLUMNS = 7  # of a mistaken row, shown in full; of more, only the most unusual values
LONG = 40  # characters of a value that is shown as prose
MOST_UNUSUAL = 4
UNUSUAL = 2.0  # standard deviations from which a value is marked
NOTABLE = 1.0  # and from which it is told at all, where there are too many to tell


def mistakes(worst: Sequence[Worst], kind: str) -> dict[str, Any]:
    """Cards with images, or rows of a table: all their columns if they are few, else the most unusual values."""
    rows = [one.row for one in worst if one.row]
    few = bool(rows) and len(rows[0]) <= MOST_COLUMNS
    return {
        "each": [
            {
                "worst": one,
                "right": kind != "real" and one.judged and one.truth == one.prediction,
                "picture": None if one.image is None else image_grid(one.image[None], 1),
                "pixelated": small(one.image),
                "values": [{"of": value, "unusual": abs(value.deviations) >= UNUSUAL} for value in one.row],
                "unusual": most_unusual(one.row),
            }
            for one in worst
        ],
        "numbers": any(one.number is not None for one in worst),
        "ids": list(worst[0].ids) if worst else [],
        "drivers": any(one.drivers for one in worst),
        "texts": any(len(value.text) > LONG for row in rows for value in row),
        "long": LONG,
        "pictures": any(one.image is not None for one in worst),
        "columns": [value.name for value in rows[0]] if few else [],
        "wide": bool(rows) and not few,
        "number": len(rows[0]) if rows else 0,
        "confidence": any(one.confidence is not None for one in worst),
    }


def most_unusual(row: Sequence[Value]) -> list[Value]:
    """The few values farthest from what is usual; at least one."""
    ranked = sorted(row, key=lambda value: -abs(value.deviations))
    return [value for value in ranked[:MOST_UNUSUAL] if abs(value.deviations) >= NOTABLE] or ranked[:1]


def small(images: Tensor | None) -> bool:
    """Whether single pixels should stay visible when the page enlarges the picture."""
    return images is not None and max(images.shape[-2:]) <= 96
