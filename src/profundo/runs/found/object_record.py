"""What was found in an image, as a record for people and programs: class, score and box of each object, its mask as COCO has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from profundo.boxes import Detections
from profundo.data.objects_in_images.outlines import coded_mask
from profundo.object_masks import detections_in, table_of
from profundo.records import Targets

__all__ = ["found_in", "of_objects", "record_of", "told"]

DIGITS = 2, 4  # of pixels, and of scores


def found_in(answers: Mapping[str, Any], index: int, least: float) -> Detections:
    """What `predict` found in one image, in its own pixels, of a score of `least` or more."""
    height, width = answers["size"][index].tolist()
    return detections_in(answers, index, (height, width), least)


def of_objects(answers: Mapping[str, Any], targets: Targets, _probable: bool) -> dict[str, list[Any]]:
    """The "prediction" of each image: the class of each object, the surest first; its "objects"; its "width" and "height"."""
    images = range(len(table_of(answers)))
    records = [
        record_of(found_in(answers, at, targets.threshold), answers["size"][at].tolist(), targets) for at in images
    ]
    return {name: [one[name] for one in records] for name in ("prediction", "objects", "width", "height")}


def record_of(found: Detections, size: Sequence[int], targets: Targets) -> dict[str, Any]:
    """The same of one image of that (height, width), of what was found in it."""
    objects = told(found, targets)
    names = [one["name"] for one in objects]
    return {"prediction": names, "objects": objects, "width": size[1], "height": size[0]}


def told(found: Detections, targets: Targets) -> list[dict[str, Any]]:
    """Each with its "name", "score", "box" (left, top, right, bottom; edges in pixels) and, where there is one, "mask"."""
    boxes, scores = (
        np.round(part.double().numpy(), digits).tolist()
        for part, digits in zip((found.boxes, found.scores), DIGITS, strict=True)
    )
    objects = [
        {"name": targets.classes[label], "score": score, "box": box}
        for label, score, box in zip(found.classes.tolist(), scores, boxes, strict=True)
    ]
    for one, mask in zip(objects, () if found.masks is None else found.masks, strict=found.masks is not None):
        one["mask"] = {"size": list(mask.shape), "counts": coded_mask(mask.numpy())}
    return objects
