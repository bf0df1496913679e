"""What was found in images, painted into them: a PNG for each image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from profundo.boxes import Detections
from profundo.data.new_inputs import Entry, entries
from profundo.files import reason, write_bytes
from profundo.pictures.objects.found_objects import Mark, Picture
from profundo.pictures.objects.marked_pixels import marked_png
from profundo.records import ProfundoError
from profundo.runs.found.object_record import found_in, record_of
from profundo.use.output_names import check_folder_kept, free_name
from profundo.use.predicting import Answers, Predictor, predictions

__all__ = ["painted_predictions"]


def painted_predictions(
    ready: Predictor, files: Sequence[Path], folder: Path, skip_bad: bool
) -> Iterator[dict[str, Any] | Answers | Entry]:
    """What `predictions` gives of images, each with the "file" in that folder that it was painted into.

    All are read once before the first is painted, and none is where one does not read, unless such are left out. Raises
    ProfundoError where the folder cannot be made, or an input would be overwritten.
    """
    inputs, targets = ready.spec.inputs, ready.spec.targets
    if not skip_bad and any(entry.values is None for entry in entries(files, inputs)):
        yield from predictions(ready, files)
        return
    check_folder_kept(files, folder, ".png")
    make_folder(folder)
    taken: set[str] = set()
    for entry in entries(files, inputs):
        if entry.values is None:
            yield entry
            continue
        answers = ready.outputs(entry.values.unsqueeze(0))
        found = found_in(answers, 0, targets.threshold)
        path = folder / free_name(entry.name, ".png", taken)
        write_bytes(path, marked_png(picture_of(entry.values, found, targets.classes)), folder)
        yield {"input": entry.name, **record_of(found, answers["size"][0].tolist(), targets), "file": str(path)}


def make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ProfundoError(
            f"{folder}: expected a folder to draw images into; it cannot be made: {reason(error)}"
        ) from None


def picture_of(image: Tensor, found: Detections, classes: Sequence[str]) -> Picture:
    """An image uint8 (channels, height, width) with what was found in it."""
    boxes, kinds, scores = (part.tolist() for part in (found.boxes, found.classes, found.scores))
    masks = [None] * len(found) if found.masks is None else list(found.masks)
    each = zip(boxes, kinds, scores, masks, strict=True)
    return Picture(
        image,
        [Mark((*box,), classes[kind], "object", score, mask=mask, kind=kind) for box, kind, score, mask in each],
    )
