"""The IDX format of MNIST (LeCun), and of the sets made after it: big-endian magic 0x0000TTDD, D sizes of four bytes,
then the values.

TT = 08 says unsigned bytes, DD the number of dimensions. Files are gzipped; what they declare bounds what is inflated.
"""

from __future__ import annotations

import math
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from profundo.data.dataset_names import MNIST_FILES
from profundo.data.splits.splits import Collection
from profundo.records import Inputs, ProfundoError, Samples, Targets

__all__ = ["idx_collection", "read_idx"]

_LARGEST = 2**30  # bytes; the largest IDX file in use, EMNIST by class, holds 547 million


def idx_collection(name: str, folder: Path, classes: tuple[str, ...]) -> Collection:
    """The four files of MNIST, or of any set in its form, from a folder."""
    with ThreadPoolExecutor(2) as pool:  # zlib releases the interpreter lock
        train, train_labels, test, test_labels = pool.map(
            lambda file: read_idx(folder / file, 3 if "idx3" in file else 1), MNIST_FILES
        )
    return Collection(
        name,
        Inputs((1, *train.shape[1:]), "image"),
        Targets("classes", classes),
        _samples(train, train_labels, len(classes), folder / "train"),
        test=_samples(test, test_labels, len(classes), folder / "t10k"),
        shares=(0.0, 1 / 12),
    )


def read_idx(path: Path, dimensions: int) -> Tensor:
    """uint8 tensor of the given number of dimensions from a gzipped IDX file.

    Raises ProfundoError when the file is damaged, or holds more or less than its header says. Never inflates more than
    the header declares.
    """
    try:
        packed = path.read_bytes()
        head = 4 + 4 * dimensions
        start = zlib.decompressobj(31).decompress(packed, head)
        if len(start) < head or start[:4] != bytes((0, 0, 8, dimensions)):
            raise ProfundoError(
                f"{path}: expected an IDX file of bytes in {dimensions} dimensions (magic 0000 08{dimensions:02x}), "
                f"found magic {start[:4].hex(' ', 2)}; fetch the file again"
            )
        shape = struct.unpack(f">{dimensions}I", start[4:])
        size = head + math.prod(shape)
        if size > _LARGEST:
            raise ProfundoError(f"{path}: declares {size:,} bytes, more than the limit of {_LARGEST:,}; not read")
        inflater = zlib.decompressobj(31)
        content = inflater.decompress(packed, size + 1)
    except OSError as error:
        raise ProfundoError(f"{path}: cannot be read: {error.strerror or error}") from None
    except zlib.error as error:
        raise ProfundoError(f"{path}: expected a gzip file, but it is damaged ({error}); fetch it again") from None
    if len(content) > size or inflater.unused_data:
        raise ProfundoError(f"{path}: holds more bytes than the {size:,} its header declares; fetch it again")
    if len(content) < size or not inflater.eof:
        raise ProfundoError(
            f"{path}: ends early, after {len(content):,} of the {size:,} bytes its header declares; fetch it again"
        )
    values = torch.empty(shape, dtype=torch.uint8)
    values.numpy().ravel()[:] = np.frombuffer(content, np.uint8, offset=head)
    return values


def _samples(images: Tensor, labels: Tensor, classes: int, where: Path) -> Samples:
    if len(images) != len(labels) or not len(images):
        raise ProfundoError(f"{where}-*: expected as many images as labels; got {len(images):,} and {len(labels):,}")
    if not images[0].numel():
        raise ProfundoError(f"{where}-*: images without pixels, {tuple(images.shape)}")
    if int(labels.max()) >= classes:
        raise ProfundoError(f"{where}-*: expected labels 0 to {classes - 1}; found {int(labels.max())}")
    return Samples(images.unsqueeze(1), labels.long())
