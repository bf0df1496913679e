"""What a run was made of, for its page: the network and the data → pictures and tables."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from profundo.languages import say, term
from profundo.pictures import numbers
from profundo.pictures.charts import Line, lines_svg
from profundo.pictures.image_grid import image_grid
from profundo.pictures.run_page.mistake_results import small
from profundo.pictures.run_page.report_content import ColumnRow, Report
from profundo.pictures.tables import Figure, Grid, Row, bars
from profundo.records import Inputs, LayerRow

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["columns_grid", "counts_grid", "examples", "inputs_grid", "layers_grid", "series_figures", "weights"]

MOST_CLASS_STRIPS = 12  # distinct labels up to which examples are shown in one strip a class
MOST_IN_A_STRIP = 12
MOST_TILES = 48
MOST_WEIGHTS_IN_A_ROW = 16
MOST_FEATURES = 2000  # whose mean and deviation are listed
MOST_NAMED = 8  # features with values far out
CHANNELS = {1: ("grey",), 3: ("red", "green", "blue")}


# ------------------------------------------------------------------------------------------------------------ net
def layers_grid(layers: Sequence[LayerRow], inputs: Inputs) -> Grid:
    """From input to output; with receptive fields where there are any."""
    fields = any(layer.field is not None for layer in layers)
    caption = say("report.layers", shape=numbers.shape(inputs.shape)) + (
        " " + say("report.receptive") if fields else ""
    )
    head = ("layer", "kind", "output_shape", *(["receptive_field"] if fields else []), "parameters")
    columns = [*(say(f"report.{one}") for one in head), "FLOPs"]
    rows: list[Row] = [
        [one.name, one.kind, numbers.shape(one.shape), *([_field(one)] if fields else []), one.parameters, one.flops]
        for one in layers
    ]
    sums = sum(layer.parameters for layer in layers), sum(layer.flops for layer in layers)
    return Grid(caption, columns, rows, foot=[say("report.all"), *[""] * (len(columns) - 3), *sums])


def weights(images: Tensor) -> dict[str, Any]:
    """The weights of the first layer as one picture, and how many images are in one of its rows."""
    number = len(images)
    columns = min(number, MOST_WEIGHTS_IN_A_ROW, max(8, round(number**0.5)))
    return {"picture": image_grid(images, columns), "columns": columns, "number": number}


def _field(layer: LayerRow) -> str:
    if layer.field is None:
        return "–"
    return say("report.whole_image") if layer.field == "whole" else numbers.shape(layer.field)


# ----------------------------------------------------------------------------------------------------------- data
def examples(report: Report) -> dict[str, Any]:
    """One strip of examples per class while the classes are few; of many, single tiles; without labels one grid."""
    images, labels = report.examples, report.example_labels
    result: dict[str, Any] = {"strips": [], "grid": None, "each": [], "pixelated": small(images), "number": 0}
    if images is None or len(images) == 0:
        return result
    if len(labels) != len(images):
        return result | {"grid": image_grid(images), "number": len(images)}
    if len(set(labels)) > MOST_CLASS_STRIPS:
        each = [(label, image_grid(images[at : at + 1], 1)) for at, label in enumerate(labels[:MOST_TILES])]
        return result | {"each": each}
    return result | {"strips": _strips(images, labels, report.spec.targets.classes)}


def series_figures(report: Report) -> list[Figure]:
    """A chart of example series for each class, or of all."""
    return [
        Figure(
            lines_svg(
                [Line(name, range(1, len(values) + 1), values) for name, values in one.lines.items()],
                x_label=term("step"),
                y_label=term("value"),
                log_y=False,
            ),
            say("report.series_class", name=one.label) if one.label else say("report.series_all"),
        )
        for one in report.series
    ]


def _strips(images: Tensor, labels: Sequence[str], classes: Sequence[str]) -> list[dict[str, Any]]:
    """All strips have the same number of places."""
    place = {name: index for index, name in enumerate(classes)}
    order = sorted(range(len(labels)), key=lambda at: (place.get(labels[at], len(place)), labels[at]))
    groups = [(label, list(at)[:MOST_IN_A_STRIP]) for label, at in groupby(order, key=lambda at: labels[at])]
    columns = max(len(at) for _, at in groups)
    return [
        {"label": label, "number": len(at), "picture": image_grid(images[at], columns), "columns": columns}
        for label, at in groups
    ]


def counts_grid(report: Report) -> Grid:
    """Rows are classes, columns splits; a bar is as long as its part of the column's largest."""
    splits, classes = list(report.counts), report.spec.targets.classes
    totals = [report.sizes.get(split, sum(report.counts[split])) for split in splits]
    kind, things = report.spec.targets.kind, report.spec.inputs.things
    one = "label" if kind == "labels" else "class"
    counted = {"objects": "object", "mask": "mask"}.get(kind, one)
    per_class = bool(classes) and all(len(counts) == len(classes) for counts in report.counts.values())
    columns = [bars(counts, list(map(numbers.count, counts))) for counts in report.counts.values()] if per_class else []
    caption, heads = (
        say("report.counts", each=say(f"report.each_{counted}") if per_class else ""),
        list(map(term, splits)),
    )
    if not per_class:
        return Grid(caption, ["", *heads], [[term("samples"), *totals]])
    rows = list(zip(classes, *columns, strict=True))
    return Grid(
        caption,
        [term(one), *heads],
        rows,
        foot=[say("report.all") if counted == one else term(things), *totals],
        look="names",
    )


def columns_grid(columns: Sequence[ColumnRow], features: int) -> Grid:
    rows = [(one.name, term(one.kind), one.becomes, one.gaps) for one in columns]
    head = [say(f"report.{one}") for one in ("column", "kind", "becomes", "missing_values")]
    return Grid(say("report.columns", features=numbers.count(features)), head, rows, look="names free")


def inputs_grid(inputs: Inputs) -> Grid:
    """Mean and standard deviation of each channel or feature; of very many, of the first; none of the ids of texts."""
    what, names = "feature", inputs.names
    if inputs.traits.is_media:
        what, colours = "channel", CHANNELS.get(len(inputs.mean), ()) if inputs.kind == "image" else ("mono",)
        names = tuple(map(term, colours))
    names = names or tuple(say(f"report.{what}_number", number=i) for i in range(len(inputs.mean)))
    ids = tuple(f"{column.name}, {part} " for column in inputs.texts for part in ("word", "character"))
    each = [row for row in zip(names, inputs.mean, inputs.std, strict=False) if not (ids and row[0].startswith(ids))]
    rows = each[:MOST_FEATURES]
    clipped = [name for name, far in zip(names, inputs.clipped, strict=False) if far]
    words = [say("report.inputs")]
    if len(rows) < len(each):
        words.append(say("report.inputs_first", shown=numbers.count(len(rows)), all=numbers.count(len(each))))
    if clipped:
        more = say("report.and_more", number=len(clipped) - MOST_NAMED) if len(clipped) > MOST_NAMED else ""
        words.append(say("report.inputs_clipped", names=", ".join(clipped[:MOST_NAMED]) + more))
    head = [term(what), say("report.mean"), say("report.standard_deviation")]
    return Grid(" ".join(words), head, rows, look="dense")
