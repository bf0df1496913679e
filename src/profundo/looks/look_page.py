"""A look at data as a page: which samples are shown, and how figures are worded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

import numpy as np
import torch
from torch import Tensor

from profundo.data.images.pixels import fitted
from profundo.looks.data_facts import DataFacts
from profundo.looks.findings import DataFinding
from profundo.looks.grids.mask_pictures import mask_key
from profundo.looks.look_text import columns_of_counts, facts_of, first_lines
from profundo.looks.sound_pictures import audible, sound_pictures
from profundo.looks.survey import Survey
from profundo.looks.table_facts import ColumnFacts, Spread
from profundo.pictures.bars import relations_svg, small_histogram_svg
from profundo.pictures.charts import Line, lines_svg
from profundo.pictures.image_grid import image_grid
from profundo.pictures.numbers import plain
from profundo.pictures.objects.found_objects import Verdict
from profundo.pictures.objects.mark_looks import marked_key
from profundo.pictures.reading_table import readings_grid
from profundo.pictures.rendering import rendered
from profundo.pictures.tables import Cell, Figure, Grid, Row

__all__ = ["fragment_of", "page_of"]

MOST_CLASSES = 100  # with samples on the page
MOST_CARDS = 120
MOST_RELATIONS = 20
LONGEST, WITH_MARKS = 96, 256  # pixels of the longer side of a sample on the page; of one with boxes or a mask drawn
MOST_HEARD = 2_000_000  # samples of all sounds that the page plays, a byte each
IN_A_ROW = 4  # pictures with boxes or masks
SHARP = 48  # of a side up to which small pictures show their pixels


def page_of(look: DataFacts) -> str:
    """The whole page as text."""
    shown = look.columns[:MOST_CARDS]
    hidden = (
        [f"{len(look.columns) - len(shown):,} more columns are not drawn."] if len(look.columns) > len(shown) else []
    )
    if (look.survey or look.heard) is not None and len(look.classes) > MOST_CLASSES:
        hidden.append(f"Samples are shown of the first {MOST_CLASSES} classes.")
    return rendered(
        "data.html.j2",
        look=look,
        lead=first_lines(look),
        alerts=[(finding, _pictures_of(look, finding)) for finding in look.findings],
        facts=dict(facts_of(look)),
        counts=_counts(look),
        strips=_strips(look),
        strip_note=_strip_note(look),
        counted=_counted(look),
        marked=look.per != "sample",
        key=_key(look),
        figures=[*_sizes(look), *_relations(look)],
        cards=[_card(column) for column in shown],
        hidden=" ".join(hidden),
        readings=readings_grid(look.readings) if look.readings else None,
    )


def fragment_of(look: DataFacts) -> str:
    """For notebooks: what it is, and the findings."""
    items = "".join(
        f"<li><b>{finding.level}</b>: {escape(finding.what)} <i>{escape(finding.advice)}</i></li>"
        for finding in look.findings
    )
    lines = "<br>".join(map(escape, first_lines(look)))
    return f"<b>{escape(look.name)}</b><br>{lines}<ul>{items or '<li>Nothing suspicious was found.</li>'}</ul>"


def _counts(look: DataFacts) -> Grid:
    """Samples of each class by split, with bars as parts of the largest number."""
    most = max(map(max, filter(None, look.counts.values())), default=0) or 1
    classes = look.classes if look.counts else ()
    rows: list[Row] = [
        [name, *(Cell(f"{there[at]:,}", 100 * there[at] / most) for there in look.counts.values())]
        for at, name in enumerate(classes)
    ]
    if look.shares:
        shares = [Cell(f"{100 * share:.1f} %", 100 * share / max(look.shares)) for share in look.shares]
        rows = [[*row, share] for row, share in zip(rows, shares, strict=True)]
    heads = ["class", *columns_of_counts(look), *(["pixels"] if look.shares else [])]
    more = ", and its share of the pixels to learn from" if look.shares else ""
    return Grid(f"{_counted(look)} each class{more}.", heads, rows, look="names")


def _counted(look: DataFacts) -> str:
    """What is counted of a class."""
    return {"sample": "Samples of", "pixel": f"{look.kind.capitalize()} that show", "object": "Objects of"}[look.per]


def _key(look: DataFacts) -> str:
    """The legend of the pictures; "" where nothing is drawn in them."""
    if look.per == "pixel":
        return mask_key(look.classes)
    if look.objects is None:
        return ""
    drawn: list[tuple[Verdict, int]] = [("ignored", look.objects.crowds), ("doubtful", look.objects.unlabelled)]
    return marked_key([verdict for verdict, number in drawn if number], look.classes)


# ---------------------------------------------------------------------------------------------------------------- images
def _pictures_of(look: DataFacts, finding: DataFinding) -> dict[str, Any] | None:
    """What a finding is about; pairs stand one above the other."""
    if look.survey is None or not finding.pictures:
        return None
    numbers, columns = finding.pictures, min(12 if look.per == "sample" else IN_A_ROW, len(finding.pictures))
    if finding.pairs:
        numbers, columns = numbers[::2] + numbers[1::2], len(numbers) // 2
    shown = _shown(_pictures(look, numbers), columns)
    return {**shown, "columns": columns, "alt": f"{len(numbers)} images that this is about"}


def _shown(images: Tensor, columns: int) -> dict[str, Any]:
    return {"picture": image_grid(images, columns), "pixelated": max(images.shape[-2:]) <= SHARP}


def _strips(look: DataFacts) -> list[dict[str, Any]]:
    """Samples of each class."""
    survey = look.survey or look.heard
    if survey is None:
        return []
    each = 12 if len(look.classes) <= 20 else 8
    if look.heard is not None:
        each = max(1, min(4, MOST_HEARD // (look.shape[-1] * max(1, min(MOST_CLASSES, len(look.classes))))))
    if not look.classes or (survey.label < 0).all():
        chosen = _spread(np.flatnonzero(survey.reads), 2 * each if look.per == "sample" else each)
        return [_strip(look, "", chosen)]
    usable = survey.reads & (survey.split == 0)
    strips = []
    for label, name in enumerate(look.classes[:MOST_CLASSES]):
        chosen = _spread(np.flatnonzero(usable & (survey.label == label)), each)
        if chosen:
            strips.append(_strip(look, name, chosen))
    return strips


def _strip(look: DataFacts, label: str, chosen: Sequence[int]) -> dict[str, Any]:
    columns = len(chosen) if look.per == "sample" else min(IN_A_ROW, len(chosen))
    about = {"label": label, "number": len(chosen), "columns": columns}
    if look.heard is None:
        return {**_shown(_pictures(look, chosen), columns), **about}
    sounds = torch.stack([_sound(look, number) for number in chosen])
    plays = look.shape[-1] * min(MOST_CLASSES, len(look.classes)) <= MOST_HEARD
    players = [audible(sound, look.heard.rate) for sound in sounds] if plays else []
    return {**_shown(sound_pictures(sounds, look.heard.rate), len(chosen)), **about, "players": players}


def _sound(look: DataFacts, number: int) -> Tensor:
    """int16 (1, samples); silence for what no longer reads."""
    assert look.heard is not None
    try:
        return look.heard.sound(number)
    except (OSError, ValueError):
        return torch.zeros(look.shape, dtype=torch.int16)


def _strip_note(look: DataFacts) -> str:
    if look.heard is not None:
        return (
            f"Training sounds of each class, evenly spread over it, as a net hears them, at {look.heard.rate:,} Hz: the wave, and "
            "below it pitch from low to high over time."
        )
    if look.survey is None or not look.shape:
        return ""
    if look.objects is not None:
        return "Images, evenly spread, with the boxes of what is labelled in them, and of what seems to have no label."
    shape = "×".join(map(str, look.shape))
    if look.per == "pixel":
        what = "masks" if look.classes else "numbers, black the least and white the greatest,"
        return f"Images, evenly spread, under their {what} made to fit {shape} (channels × height × width)."
    return f"Training images of each class, evenly spread over it, made to fit {shape} (channels × height × width)."


def _spread(numbers: np.ndarray, most: int) -> list[int]:
    """Some of them, evenly spread."""
    if not len(numbers):
        return []
    places = np.unique(np.linspace(0, len(numbers) - 1, most).astype(int))
    return [int(number) for number in numbers[places]]


def _pictures(look: DataFacts, numbers: Sequence[int]) -> Tensor:
    """uint8 (images, channels, height, width), small ones. What no longer reads is black."""
    assert look.survey is not None
    channels, height, width = look.shape
    scale = min(1.0, (LONGEST if look.per == "sample" else WITH_MARKS) / max(height, width))
    shape = (channels if channels in (1, 3) else 1, max(1, round(height * scale)), max(1, round(width * scale)))
    pictures = [_picture(look.survey, number, shape) for number in numbers]
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()


def _picture(survey: Survey, number: int, shape: tuple[int, int, int]) -> np.ndarray:
    try:
        pixels = survey.picture(number)
    except (OSError, ValueError):
        return np.zeros((*shape[1:], shape[0]), np.uint8)
    return fitted(pixels if pixels.shape[2] in (1, 3) else pixels[:, :, :1], shape)


def _sizes(look: DataFacts) -> list[Figure]:
    """Width and height of each image, where they differ."""
    if look.images is None or len(look.images.sizes) < 2:
        return []
    sizes = look.images.sizes[:2000]
    dots = Line("size", [size[0] for size in sizes], [size[1] for size in sizes], dots=True)
    largest = max(max(size[:2]) for size in sizes)
    spread = largest > 20 * min(min(size[:2]) for size in sizes)
    chart = lines_svg([dots], x_label="width in pixels", y_label="height in pixels", log_x=spread, log_y=spread)
    most = ", ".join(f"{width}×{height} ({number:,})" for width, height, number in sizes[:5])
    return [Figure(chart, f"{len(look.images.sizes):,} different sizes; the most frequent: {most}.")]


# ---------------------------------------------------------------------------------------------------------------- tables
def _relations(look: DataFacts) -> list[Figure]:
    related = [column for column in look.columns if column.relation is not None]
    if not related:
        return []
    ranked = sorted(related, key=lambda column: -abs(column.relation or 0.0))[:MOST_RELATIONS]
    chart = relations_svg(
        [column.name for column in ranked],
        [column.relation or 0.0 for column in ranked],
        label="Relation of each column with the target",
    )
    target = next((column.name for column in look.columns if column.is_target), "the target")
    return [
        Figure(
            chart,
            f"How much each column tells about {target!r} by itself: correlation between numbers, correlation ratio or "
            "Cramér’s V with categories; 0 nothing, 1 all. What columns tell together does not show here.",
        )
    ]


def _card(column: ColumnFacts) -> dict[str, Any]:
    spread = column.spread
    facts = [("missing", f"{column.missing:,}")] if column.missing else []
    facts.append(("different values", f"{column.different:,}"))
    chart = ""
    if spread is not None and column.kind == "number":
        facts += [
            ("mean ± deviation", f"{plain(spread.mean)} ± {plain(spread.std)}"),
            ("median", plain(spread.quantiles[2])),
            ("5 % … 95 %", f"{plain(spread.quantiles[0])} … {plain(spread.quantiles[4])}"),
        ]
        facts += [("far out", f"{spread.far:,}{', not drawn' if spread.cut else ''}")] if spread.far else []
        facts += [("range", f"{plain(spread.low)} … {plain(spread.high)}")] if spread.cut else []
        chart = small_histogram_svg(spread.edges, spread.counts, label=column.name, ends=_ends(spread))
    elif spread is not None and column.kind == "text":
        facts += [("words in a text", f"{spread.low:g} … {spread.high:g}, half have {spread.quantiles[2]:g} or fewer")]
        chart = small_histogram_svg(spread.edges, spread.counts, label="words in a text", ends=_ends(spread))
    elif spread is not None:
        chart = small_histogram_svg(
            spread.edges, spread.counts, label=column.name, ends=(_day(spread.low), _day(spread.high))
        )
    if column.kind == "date":
        facts += [("from", column.first), ("to", column.last)]
    if column.relation is not None:
        facts.append(("relation with the target", f"{column.relation:.2f}".replace("-", "−")))
    most = max((number for _, number in column.common), default=1)
    common = [] if chart else [(value, number, 100 * number / most) for value, number in column.common]
    return {"of": column, "facts": facts, "chart": chart, "common": common}


def _ends(spread: Spread) -> tuple[str, str] | None:
    """Of a bin for each whole number the numbers, rather than the edges half-way between them."""
    return (plain(spread.low), plain(spread.high)) if spread.edges[0] == spread.low - 0.5 else None


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
