"""What a run was made of, for its page: the network and the data → what templates print."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any

from profundo.pictures import numbers
from profundo.pictures.image_grid import image_grid
from profundo.pictures.sections import small
from profundo.pictures.shown import FirstLayer, Report
from profundo.records import Inputs, LayerRow

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["augmented_part", "counts_part", "examples_part", "inputs_rows", "layers_part"]

MOST_CLASS_STRIPS = 12  # distinct labels up to which examples are shown in one strip a class
MOST_IN_A_STRIP = 12
MOST_TILES = 48
IN_A_ROW = 8  # augmented images
MOST_WEIGHTS_IN_A_ROW = 16
MOST_FEATURES = 2000  # whose mean and deviation are listed


# ------------------------------------------------------------------------------------------------------------ net
def layers_part(layers: Sequence[LayerRow], first: FirstLayer | None) -> dict[str, Any]:
    """Rows of the table of layers, and the weights of the first as a picture or as bars."""
    fields = any(layer.field is not None for layer in layers)
    return {
        "parameters": sum(layer.parameters for layer in layers),
        "flops": sum(layer.flops for layer in layers),
        "fields": fields,
        "rows": [(layer, _field(layer) if fields else "") for layer in layers],
        "weights": None if first is None or first.images is None else _weights(first.images),
        "norms": [] if first is None else _norms(first),
    }


def _weights(images: Tensor) -> dict[str, Any]:
    number = len(images)
    columns = min(number, MOST_WEIGHTS_IN_A_ROW, max(8, round(number**0.5)))
    return {"picture": image_grid(images, columns), "width": columns, "shown": number}


def _norms(first: FirstLayer) -> list[tuple[str, str, str]]:
    """(column, norm, length in percent of the longest)."""
    longest = max((norm for _, norm in first.norms), default=0) or 1
    return [(name, numbers.plain(norm), f"{100 * norm / longest:.1f}") for name, norm in first.norms]


def _field(layer: LayerRow) -> str:
    if layer.field is None:
        return "–"
    return "whole image" if layer.field == "whole" else numbers.shape(layer.field)


# ----------------------------------------------------------------------------------------------------------- data
def examples_part(report: Report) -> dict[str, Any]:
    """One strip of examples per class while the classes are few; of many, single tiles; without labels one grid."""
    images, labels = report.examples, report.example_labels
    found: dict[str, Any] = {"strips": [], "grid": None, "each": [], "pixelated": small(images), "number": 0}
    if images is None or len(images) == 0:
        return found
    if len(labels) != len(images):
        return found | {"grid": image_grid(images), "number": len(images)}
    if len(set(labels)) > MOST_CLASS_STRIPS:
        each = [(label, image_grid(images[at : at + 1], 1)) for at, label in enumerate(labels[:MOST_TILES])]
        return found | {"each": each}
    return found | {"strips": _strips(images, labels, report.spec.targets.classes)}


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


def augmented_part(images: Tensor | None) -> dict[str, Any] | None:
    return None if images is None else {"picture": image_grid(images, IN_A_ROW), "pixelated": small(images)}


def counts_part(report: Report) -> dict[str, Any]:
    """Rows are classes, columns splits; each cell has its count and its length relative to the column's largest."""
    splits = list(report.counts)
    classes = report.spec.targets.classes
    totals = [report.sizes.get(split, sum(report.counts[split])) for split in splits]
    per_class = bool(classes) and all(len(report.counts[split]) == len(classes) for split in splits)
    most = [max((*report.counts[split], 1)) for split in splits]
    rows = [
        (
            name,
            [(report.counts[s][i], f"{100 * report.counts[s][i] / m:.1f}") for s, m in zip(splits, most, strict=True)],
        )
        for i, name in enumerate(classes)
    ]
    what = "label" if report.spec.targets.kind == "labels" else "class"
    return {"splits": splits, "rows": rows if per_class else [], "totals": totals, "what": what}


def inputs_rows(inputs: Inputs) -> list[tuple[str, str, str]]:
    """(name, mean, standard deviation) of each channel or feature; of very many, of the first."""
    if inputs.kind == "image":
        channels = {1: ("grey",), 3: ("red", "green", "blue")}
        names: Sequence[str] = channels.get(len(inputs.mean), tuple(f"channel {i}" for i in range(len(inputs.mean))))
    else:
        names = inputs.names or tuple(f"feature {i}" for i in range(len(inputs.mean)))
    return [
        (name, numbers.plain(mean), numbers.plain(std))
        for name, mean, std in islice(zip(names, inputs.mean, inputs.std, strict=False), MOST_FEATURES)
    ]
