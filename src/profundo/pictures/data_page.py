"""A look at data → one HTML page: findings first, then samples of each class, sizes, and each column with its histogram."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from profundo.pictures.image_grid import image_grid
from profundo.pictures.numbers import count
from profundo.pictures.reading_table import readings_grid
from profundo.pictures.rendering import rendered
from profundo.pictures.tables import Cell, Figure, Grid, Row
from profundo.records import ColumnReading

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Alert", "ColumnCard", "DataPage", "Strip", "data_html"]

SHARP = 96  # pixels of a side up to which small pictures show their pixels


@dataclass(frozen=True, slots=True)
class Alert:
    """A finding. level: error, warning or note. pictures: uint8 (images, channels, height, width), what it is about;
    pairs: whether they belong together two by two."""

    level: str
    what: str
    advice: str
    examples: Sequence[str] = ()
    pictures: Tensor | None = None
    pairs: bool = False


@dataclass(frozen=True, slots=True)
class Strip:
    """Samples of a class: uint8 (images, channels, height, width)."""

    label: str
    images: Tensor


@dataclass(frozen=True, slots=True)
class ColumnCard:
    """A column. facts: such as its mean, by name; chart: a histogram, as SVG; common: (value, rows, share of the most
    frequent one)."""

    name: str
    kind: str
    use: str
    facts: Sequence[tuple[str, str]]
    chart: str = ""
    common: Sequence[tuple[str, int, float]] = ()


@dataclass(frozen=True, slots=True)
class DataPage:
    """lead: what the data are, in a sentence or two. facts: by name. counts: (class, samples by split), after splits.
    strip_note: what the samples are; figures: wide ones; hidden: classes or columns that are not shown."""

    title: str
    lead: Sequence[str]
    alerts: Sequence[Alert]
    facts: Sequence[tuple[str, str]]
    splits: Sequence[str] = ()
    counts: Sequence[tuple[str, Sequence[int]]] = ()
    strips: Sequence[Strip] = ()
    strip_note: str = ""
    figures: Sequence[Figure] = ()
    cards: Sequence[ColumnCard] = ()
    notes: Sequence[str] = field(default_factory=tuple)
    hidden: str = ""
    readings: Sequence[ColumnReading] = ()


def data_html(page: DataPage) -> str:
    """The whole page as text. The same data give the same page, byte for byte."""
    return rendered(
        "data.html.j2",
        page=page,
        alerts=[(alert, _pictures(alert)) for alert in page.alerts],
        counts=_counts(page),
        readings=readings_grid(page.readings) if page.readings else None,
        strips=[_strip(strip) for strip in page.strips],
    )


def _counts(page: DataPage) -> Grid:
    """Samples of each class by split, with bars as parts of the largest number."""
    most = max((max(cells) for _, cells in page.counts), default=0) or 1
    rows: list[Row] = [[name, *(Cell(count(n), 100 * n / most) for n in cells)] for name, cells in page.counts]
    return Grid("Samples of each class.", ["class", *page.splits], rows, look="names")


def _pictures(alert: Alert) -> dict[str, Any] | None:
    """Pairs stand one above the other."""
    if alert.pictures is None or not len(alert.pictures):
        return None
    images, columns = alert.pictures, min(12, len(alert.pictures))
    if alert.pairs:
        columns = len(images) // 2
        order = [*range(0, 2 * columns, 2), *range(1, 2 * columns, 2)]
        images = images[order]
    return {
        "picture": image_grid(images, columns),
        "columns": columns,
        "pixelated": max(images.shape[-2:]) <= SHARP // 2,
        "alt": f"{len(images)} images that this is about",
    }


def _strip(strip: Strip) -> dict[str, Any]:
    return {
        "label": strip.label,
        "picture": image_grid(strip.images, len(strip.images)),
        "number": len(strip.images),
        "pixelated": max(strip.images.shape[-2:]) <= SHARP // 2,
    }
