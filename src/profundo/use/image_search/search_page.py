"""The page of a search: the images that were asked about, and beside each those found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from profundo.data.images.pixels import decode, fitted
from profundo.data.new_inputs import LARGEST_FILE
from profundo.data.streams.archives import open_files, read_whole
from profundo.pictures.image_grid import image_svg
from profundo.pictures.numbers import count as counted
from profundo.pictures.sheet import Part, Sheet, sheet_html
from profundo.pictures.tables import Figure
from profundo.records import ProfundoError
from profundo.use.image_search.exact_search import ImageMatch
from profundo.use.image_search.image_index import ImageIndex

__all__ = ["search_page"]

SIDE = 160  # pixels of a picture


def search_page(index: ImageIndex, found: Mapping[str, Sequence[ImageMatch]]) -> str:
    """One page that is complete in itself. found: by the path of each query."""
    files = open_files(Path(index.images))
    places = {"/".join(parts): number for number, parts in enumerate(files.paths)}

    def stored(name: str) -> bytes:
        if name not in places:
            raise ProfundoError(f"{index.images}: expected {name} in it, as it was indexed; index the images again")
        return files.read(places[name])

    parts = []
    for query, results in found.items():
        asked = Figure(
            picture(read_whole(Path(query), "an image", LARGEST_FILE, "scale it down"), query), "The image asked about."
        )
        figures = [asked] + [
            Figure(picture(stored(one.image), one.image), caption(place, one)) for place, one in enumerate(results, 1)
        ]
        parts.append(Part(query, figures=figures, small=True))
    made_by = "their pixels" if index.encoder == "pixels" else f"what {index.encoder} makes of them"
    lead = (
        f"Of {counted(len(index))} images those most alike, by {made_by}: {index.features:,} numbers each. The likeness is the "
        "cosine of two images’ numbers: 1 for the same, less for others."
    )
    return sheet_html(Sheet("Images like this", "Image search", lead, parts))


def caption(place: int, one: ImageMatch) -> str:
    bits = "" if one.bits is None else f", {one.bits} bits differ"
    return f"{place}. {one.image}: {one.likeness:.3f}{bits}"


def picture(content: bytes, name: str) -> str:
    try:
        pixels = fitted(decode(content), (3, SIDE, SIDE))
    except (OSError, ValueError):
        pixels = np.full((SIDE, SIDE, 3), 200, np.uint8)  # of a file that was an image when it was indexed
    return image_svg(torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None], 1, name)
