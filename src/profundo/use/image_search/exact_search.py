"""Exact search: one product of the query's features with those of every image, or with short codes first.

A part of an index at a time is turned into float32 and multiplied; 100,000 images of 1,280 features are 256 MB on the disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from profundo.data.new_inputs import LARGEST_FILE
from profundo.data.streams.archives import read_whole
from profundo.records import ProfundoError
from profundo.use.image_search.encoders import Encoder
from profundo.use.image_search.hash_codes import differing_bits
from profundo.use.image_search.image_index import ImageIndex, open_index

__all__ = ["ImageMatch", "best", "best_by_codes", "search_images"]

AGAIN = 10  # of what codes find so many times more than asked for is looked at again, by features


@dataclass(frozen=True, slots=True)
class ImageMatch:
    """An image that is alike. likeness: the cosine of the features, 1 for the same; bits: of the codes, how many differ, None where
    codes were not asked for."""

    image: str
    likeness: float
    bits: int | None = None


def search_images(
    index: str | Path | ImageIndex,
    query: str | Path | bytes,
    count: int = 10,
    *,
    by_codes: bool = False,
    encoder: Encoder | None = None,
) -> list[ImageMatch]:
    """The images of an index that are most like a query, best first.

    query: the path of an image, or its bytes. by_codes: find candidates by short codes, ten times as many as are asked for, and
    order these by features. encoder: the index's own, where it is loaded already. Raises ProfundoError for a query that does
    not read, for the encoder of another index, and where the index has no codes.
    """
    index = index if isinstance(index, ImageIndex) else open_index(index)
    if not count >= 1:
        raise ProfundoError(f"--count: expected at least 1, got {count}")
    encoder = index.loaded_encoder() if encoder is None else checked_encoder(encoder, index)
    features = encoder([query_image(query, encoder)])[0]
    if by_codes:
        return best_by_codes(index, features, count)
    likeness, places = best(index, features, count)
    return named(index, places.tolist(), likeness.tolist())


def checked_encoder(encoder: Encoder, index: ImageIndex) -> Encoder:
    """The encoder. Raises ProfundoError unless it makes the features that the index keeps: of the same weights, of images of the same
    size. The folder of a run may go by another path."""
    side = encoder.inputs.shape[1]
    if encoder.digest != index.digest or (not index.digest and encoder.name != index.encoder):
        raise ProfundoError(
            f"encoder: expected {index.encoder} with the weights that made the index, got {encoder.name} with others; leave it out"
        )
    if side != index.image_size:
        raise ProfundoError(
            f"encoder: expected one of images of {index.image_size} pixels as the index, got {side}; leave it out"
        )
    return encoder


def query_image(query: str | Path | bytes, encoder: Encoder) -> Tensor:
    content = query if isinstance(query, bytes) else read_whole(Path(query), "an image", LARGEST_FILE, "scale it down")
    try:
        return encoder.read(content)
    except (OSError, ValueError) as error:
        name = "query" if isinstance(query, bytes) else query
        raise ProfundoError(f"{name}: expected an image, but it does not read: {error}") from None


def best(index: ImageIndex, features: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Cosines and places (count,), the largest first, of float32 (features,); of an index with fewer images, of all."""
    likeness, places, before = torch.empty(0), torch.empty(0, dtype=torch.long), 0
    for part in index.parts:
        products = torch.from_numpy(np.asarray(index.values(part), np.float32)) @ features
        top = products.topk(min(count, part.images))
        likeness = torch.cat([likeness, top.values])
        places = torch.cat([places, top.indices + before])
        order = likeness.argsort(descending=True, stable=True)[:count]
        likeness, places, before = likeness[order], places[order], before + part.images
    return likeness, places


def best_by_codes(index: ImageIndex, features: Tensor, count: int) -> list[ImageMatch]:
    """Candidates by codes, ordered by features."""
    if not index.bits:
        raise ProfundoError(f"{index.folder}: has no codes; index the images again with --bits 64")
    code = index.hashing()(features[None])[0]
    distances = np.concatenate([differing_bits(index.codes(part), code) for part in index.parts])
    few = np.sort(np.argsort(distances, kind="stable")[: AGAIN * count])
    likeness = features_at(index, few) @ features
    order = likeness.argsort(descending=True, stable=True)[:count]
    places = few[order.numpy()]
    return named(index, places.tolist(), likeness[order].tolist(), distances[places].tolist())


def features_at(index: ImageIndex, places: np.ndarray) -> Tensor:
    """float32 (places, features); places in their order."""
    rows, before = [], 0
    for part in index.parts:
        own = places[(places >= before) & (places < before + part.images)] - before
        rows.append(torch.from_numpy(np.asarray(index.values(part)[own], np.float32)))
        before += part.images
    return torch.cat(rows)


def named(
    index: ImageIndex, places: Sequence[int], likeness: Sequence[float], bits: Sequence[int] | None = None
) -> list[ImageMatch]:
    names = [name for part in index.parts for name, _ in index.files(part)]
    own = bits if bits is not None else [None] * len(places)
    return [ImageMatch(names[place], round(one, 6), bit) for place, one, bit in zip(places, likeness, own, strict=True)]
