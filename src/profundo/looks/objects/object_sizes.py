"""Figures of the objects in a set of images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from profundo.data.objects_in_images.labelled_images import LabelledImages
from profundo.evaluate.objects.coco_figures import AREAS

__all__ = ["LARGE", "SMALL", "ObjectFacts", "gathered", "object_facts"]

SMALL, LARGE = (round(area**0.5) for area in AREAS["medium"])  # sides of a square, of the figures by size


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """objects: in all; form: the kind of file that says where they are, if one does; small, medium, large: objects by the area of
    their boxes, in pixels of their images, as COCO divides them; crowds; outlined: objects of which the pixels are known; fewest,
    middle, most: objects in an image; without: images of no object; sides: of boxes, the 5 %, 50 % and 95 % quantile of √area;
    unlabelled: places that may be objects without a label."""

    objects: int
    form: str
    small: int
    medium: int
    large: int
    crowds: int
    outlined: int
    fewest: int
    middle: float
    most: int
    without: int
    sides: tuple[float, float, float]
    unlabelled: int = 0


@dataclass(frozen=True, slots=True)
class Gathered:
    """All objects one after the other. image, label, crowd, boxes: of each; starts: the first of each image, and their number."""

    image: np.ndarray
    label: np.ndarray
    crowd: np.ndarray
    boxes: np.ndarray
    starts: np.ndarray

    @property
    def areas(self) -> np.ndarray:
        areas: np.ndarray = (self.boxes[:, 2:] - self.boxes[:, :2]).prod(1)
        return areas


def gathered(images: LabelledImages) -> Gathered:
    counts = np.array([len(labels) for labels in images.labels])
    return Gathered(
        np.repeat(np.arange(len(counts)), counts),
        np.concatenate([labels.classes for labels in images.labels]),
        np.concatenate([labels.crowd for labels in images.labels]),
        np.concatenate([labels.boxes for labels in images.labels]),
        np.concatenate([[0], counts.cumsum()]),
    )


def object_facts(images: LabelledImages, everything: Gathered, unlabelled: int = 0) -> ObjectFacts:
    areas, counts = everything.areas, np.diff(everything.starts)
    small, large = int((areas < SMALL**2).sum()), int((areas > LARGE**2).sum())
    low, middle, high = np.quantile(np.sqrt(areas), (0.05, 0.5, 0.95)).tolist()
    return ObjectFacts(
        len(areas),
        images.form,
        small,
        len(areas) - small - large,
        large,
        int(everything.crowd.sum()),
        sum(outline is not None for labels in images.labels for outline in labels.outlines),
        int(counts.min()),
        float(np.median(counts)),
        int(counts.max()),
        int((counts == 0).sum()),
        (low, middle, high),
        unlabelled,
    )
