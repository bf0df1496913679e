"""What was found in images, painted into them: a PNG for each image."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from profundo.data.objects_in_images.outlines import coded_runs, drawn
from profundo.files import reason, write_bytes
from profundo.pictures.objects.found_objects import Mark, Picture
from profundo.pictures.objects.marked_pictures import marked_png
from profundo.records import ProfundoError
from profundo.use.grid_files import free_name

__all__ = ["Painter"]


class Painter:
    """Writes each image with its objects into a folder, which is made. Raises ProfundoError where it cannot be."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.taken = folder, set[str]()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ProfundoError(
                f"{folder}: expected a folder to draw images into; it cannot be made: {reason(error)}"
            ) from None

    def __call__(self, record: Mapping[str, Any], image: Tensor) -> dict[str, Any]:
        """The record of an image uint8 (channels, height, width), and the "file" that it was painted into."""
        path = self.folder / free_name(str(record["input"]), ".png", self.taken)
        write_bytes(path, marked_png(Picture(image, [mark_of(one) for one in record["objects"]])), self.folder)
        return {**record, "file": str(path)}


def mark_of(found: Mapping[str, Any]) -> Mark:
    """A box to be painted, of what `runs.found.object_record` tells."""
    left, top, right, bottom = found["box"]
    mask = None
    if "mask" in found:
        size = found["mask"]["size"]
        mask = torch.from_numpy(drawn(coded_runs(found["mask"]["counts"], *size), *size))
    return Mark((left, top, right, bottom), found["name"], "object", found["score"], mask=mask)
