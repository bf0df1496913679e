"""What augmentation makes of real samples, to be looked at: pictures for a run's report, and a page of their own.

images = augmented_images(data, ["crop", "mirror"])     # a row per image: as it is, then seven times changed
page = augmentation_page(data, ["crop", "mirror"])
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from profundo.boxes import unpacked
from profundo.data import AUGMENTATIONS, standardize
from profundo.data.augmenting.augment import Augmentation, augmentation, value_range
from profundo.data.augmenting.colours import units
from profundo.data.augmenting.options import IMAGES, MIXING, ONLY_OBJECTS, OPTIONS, check, read, unfit_for
from profundo.data.batches import generator, unpacked_targets
from profundo.object_masks import table_of
from profundo.pictures.image_grid import image_svg
from profundo.pictures.objects.found_objects import Picture, object_marks
from profundo.pictures.objects.marked_pixels import marked_pixels
from profundo.pictures.sheet import Figure, Part, Sheet, sheet_html
from profundo.records import Dataset, ProfundoError
from profundo.trees import chosen_rows

__all__ = ["augmentation_page", "augmented_images", "listed"]

ROWS, COLUMNS = 6, 8


def augmented_images(data: Dataset, asked: Sequence[Any], seed: int = 0) -> Tensor:
    """uint8 (rows · 8, channels, height, width): training images, one of each of the first classes; in each row the image
    as it is and what augmentation makes of it in seven steps. Those that mix take the rows of one column as their batch.

    Raises ProfundoError for data that are no images.
    """
    _check_images(data)
    chosen = _of_each_class(data)
    raw = torch.stack([data.train.inputs[index] for index in chosen])
    changes = augmentation(asked, data.spec, value_range(data.train))
    targets = unpacked_targets(chosen_rows(data.train.targets, torch.tensor(chosen)), raw, data.spec)
    inputs = standardize(raw, data.spec.inputs)
    columns = [(inputs, targets), *(_step(changes, inputs, targets, seed, step) for step in range(COLUMNS - 1))]
    intensities = units(data.spec.inputs, value_range(data.train)).intensities
    images = [(255 * intensities(one)).round().clamp(0, 255).to(torch.uint8) for one, _ in columns]
    if data.spec.targets.traits.per == "object":
        images = [_boxed(one, table_of(own)) for one, (_, own) in zip(images, columns, strict=True)]
    return torch.stack(images, 1).flatten(0, 1)


def augmentation_page(data: Dataset, asked: Sequence[Any], seed: int = 0) -> str:
    """HTML: all that was asked for, one after the other and then each alone; each of those that are, where none was."""
    _check_images(data)
    for entry in asked:
        check(read(entry), data.spec)
    known = [name for name in IMAGES if not unfit_for(name, data.spec.targets)]
    alone = list(asked) or known
    parts = [_part("All, one after the other", asked, data, seed)] if len(asked) > 1 else []
    parts += [_part(read(entry).name, [entry], data, seed) for entry in alone]
    lead = f"Each row is a training image as it is, then as it comes in {COLUMNS - 1} steps of a training."
    return sheet_html(Sheet(data.name, "Augmentation", lead, parts))


def listed() -> dict[str, str]:
    """Every augmentation by name: what it does, its options and what they are by default."""
    return {
        name: f"{says}; " + ", ".join(f"{option} {_plain(about.default)}" for option, about in OPTIONS[name].items())
        for name, says in AUGMENTATIONS.items()
    }


def _check_images(data: Dataset) -> None:
    if data.spec.inputs.kind != "image":
        raise ProfundoError(f"{data.name}: expected images to look at, these data are {data.spec.inputs.things}")


def _step(changes: Augmentation, inputs: Tensor, targets: Any, seed: int, step: int) -> tuple[Tensor, Any]:
    return changes.with_targets(inputs, targets, generator(seed, step, inputs.device))


def _boxed(images: Tensor, tables: Tensor) -> Tensor:
    """Images (n, channels, height, width) with the boxes of their objects, in colour."""
    pairs = zip(images, tables, strict=True)
    return torch.stack([marked_pixels(Picture(image, object_marks(unpacked(table)))) for image, table in pairs])


def _of_each_class(data: Dataset) -> list[int]:
    """The first training sample of each of the first classes, and more of them where there are few classes."""
    targets, kinds = data.train.targets, len(data.spec.targets.classes)
    if not kinds or not isinstance(targets, Tensor) or targets.ndim > 1:
        return list(range(min(ROWS, len(data.train))))
    each = -(-ROWS // kinds)
    results = [(targets == label).nonzero()[:each, 0].tolist() for label in range(kinds)]
    return [index for indices in results for index in indices][:ROWS]


def _part(title: str, asked: Sequence[Any], data: Dataset, seed: int) -> Part:
    outputs = "; ".join(_said(entry) for entry in asked)
    images = augmented_images(data, asked, seed)
    mixes = any(read(entry).name in (*MIXING, *ONLY_OBJECTS) for entry in asked)
    paragraphs = [AUGMENTATIONS[title][:1].upper() + AUGMENTATIONS[title][1:] + "."] if title in AUGMENTATIONS else []
    if mixes:
        paragraphs.append("Here the images are mixed with those of the other rows.")
    return Part(title, paragraphs, [Figure(image_svg(images, COLUMNS, title), outputs)])


def _said(entry: Any) -> str:
    asked = read(entry)
    return f"{asked.name}: " + ", ".join(f"{option} {_plain(value)}" for option, value in asked.options.items())


def _plain(value: Any) -> str:
    return f"{value[0]:.3g} to {value[1]:.3g}" if isinstance(value, tuple) else f"{value:.3g}"
