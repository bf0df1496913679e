"""Images that look alike though their bytes differ: resized, compressed again, brightened.

Each image is seen as a grey thumbnail of 16 × 16, less its mean and of length one, so that the product of two of them is
their correlation. Comparing all pairs of n images would take n² products; instead, images whose thumbnails lie on the
same side of some random planes are compared (Charikar, "Similarity estimation techniques from rounding algorithms", STOC
2002): with the angle θ between two of them, a plane separates them with probability θ/π. Each plane is moved until it
halves the set, so that backgrounds which all images share tell nothing.
"""

from __future__ import annotations

import numpy as np

__all__ = ["ALIKE", "SIDE", "alike", "vectors"]

SIDE = 16
ALIKE = 0.997  # correlation from which two images are called alike
TABLES = 10  # sets of planes: two alike images are missed only if each of them separates them
NEIGHBOURS = 8  # in a table, with how many of its own cell an image is compared
FLAT = 4.0  # grey levels of deviation below which a thumbnail shows nothing
CHUNK = 1 << 14

Pairs = np.ndarray  # int64 (pairs, 2), the smaller number first


def alike(thumbnails: np.ndarray, usable: np.ndarray) -> tuple[Pairs, np.ndarray]:
    """Pairs of numbers of images that look alike, most alike first, and their correlations.

    thumbnails: uint8 (images, 16, 16); usable: bool (images,), those to be compared.
    """
    numbers = np.flatnonzero(usable & (thumbnails.reshape(len(thumbnails), -1).std(1) >= FLAT))
    if len(numbers) < 2:
        return np.empty((0, 2), np.int64), np.empty(0, np.float32)
    cells = _cells(thumbnails, numbers, np.random.default_rng(0))
    results = [_close(thumbnails, _in_one_cell(keys, numbers)) for keys in cells]
    pairs = np.unique(np.concatenate(results), axis=0)
    likeness = _correlations(thumbnails, pairs)
    order = np.argsort(-likeness, kind="stable")
    return pairs[order], likeness[order]


def vectors(thumbnails: np.ndarray) -> np.ndarray:
    """float32 (images, 256): mean 0, length 1; zeros where a thumbnail is all one grey."""
    values = thumbnails.reshape(len(thumbnails), -1).astype(np.float32)
    values -= values.mean(1, keepdims=True)
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    result: np.ndarray = values / np.where(lengths == 0, 1, lengths)
    return result


def _cells(thumbnails: np.ndarray, numbers: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """uint64 (tables, images): the cell of each image in each table, one bit a plane. The planes of a table are enough to
    give each image a cell of its own, four times over, were they independent."""
    planes = min(32, 2 + int(np.ceil(np.log2(len(numbers)))))
    normals = random.standard_normal((SIDE * SIDE, TABLES * planes), np.float32)
    sample = random.permutation(numbers)[: 4 * CHUNK]
    middles = np.median(vectors(thumbnails[sample]) @ normals, axis=0)
    weights = (1 << np.arange(planes, dtype=np.uint64)).astype(np.uint64)
    keys = np.empty((TABLES, len(numbers)), np.uint64)
    for start in range(0, len(numbers), CHUNK):
        sides = vectors(thumbnails[numbers[start : start + CHUNK]]) @ normals > middles
        bits = sides.reshape(len(sides), TABLES, planes).astype(np.uint64)
        keys[:, start : start + CHUNK] = (bits * weights).sum(2, dtype=np.uint64).T
    return keys


def _in_one_cell(keys: np.ndarray, numbers: np.ndarray) -> Pairs:
    """Each image with the next few of its cell."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    pairs = []
    for step in range(1, min(NEIGHBOURS, len(order) - 1) + 1):
        same = np.flatnonzero(ordered[:-step] == ordered[step:])
        if not len(same):
            break
        pairs.append(np.stack((numbers[order[same]], numbers[order[same + step]]), 1))
    return np.sort(np.concatenate(pairs), axis=1) if pairs else np.empty((0, 2), np.int64)


def _close(thumbnails: np.ndarray, pairs: Pairs) -> Pairs:
    return pairs[_correlations(thumbnails, pairs) >= ALIKE]


def _correlations(thumbnails: np.ndarray, pairs: Pairs) -> np.ndarray:
    parts = [
        np.einsum("ij,ij->i", vectors(thumbnails[part[:, 0]]), vectors(thumbnails[part[:, 1]]))
        for part in (pairs[start : start + CHUNK] for start in range(0, len(pairs), CHUNK))
    ]
    return np.concatenate([np.empty(0, np.float32), *parts])
