"""CIFAR-10 in its binary version: 3,073 bytes a sample, the label, then 1,024 red, green and blue values, row by row.

Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009; https://www.cs.toronto.edu/~kriz/cifar.html
"""

from __future__ import annotations

import tarfile
import zlib
from pathlib import Path

import numpy as np
import torch

from profundo.data.catalogue import CIFAR10_CLASSES
from profundo.data.splits import Collection
from profundo.records import Inputs, ProfundoError, Samples, Targets

__all__ = ["cifar10_binary"]

_RECORD = 1 + 3 * 32 * 32
_FOLDER = "cifar-10-batches-bin"
_TRAIN = tuple(f"{_FOLDER}/data_batch_{number}.bin" for number in range(1, 6))
_TEST = (f"{_FOLDER}/test_batch.bin",)


def cifar10_binary(archive: Path, samples: int = 10_000) -> Collection:
    """From cifar-10-binary.tar.gz; nothing is unpacked to the disk. samples: per batch file."""
    found = _batches(archive, samples * _RECORD)
    return Collection(
        "cifar10",
        Inputs((3, 32, 32), "image"),
        Targets("classes", CIFAR10_CLASSES),
        _samples(archive, [found[name] for name in _TRAIN]),
        test=_samples(archive, [found[name] for name in _TEST]),
        shares=(0.0, 0.1),
    )


def _batches(archive: Path, size: int) -> dict[str, bytes]:
    """The six batch files by name: only regular files of the documented names and length are read at all."""
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                if member.name in _TRAIN + _TEST and member.isreg() and member.size == size:
                    file = tar.extractfile(member)
                    assert file is not None
                    found[member.name] = file.read()
    except (OSError, EOFError, tarfile.TarError, zlib.error, ValueError) as error:
        raise ProfundoError(f"{archive}: expected a tar.gz archive, but it does not read ({error})") from None
    missing = [name for name in _TRAIN + _TEST if len(found.get(name, b"")) != size]
    if missing:
        raise ProfundoError(f"{archive}: expected {missing[0]} with {size:,} bytes, not found; fetch the archive again")
    return found


def _samples(archive: Path, batches: list[bytes]) -> Samples:
    records = np.concatenate([np.frombuffer(batch, np.uint8).reshape(-1, _RECORD) for batch in batches])
    labels = torch.from_numpy(records[:, 0].astype(np.int64))
    if int(labels.max()) > 9:
        raise ProfundoError(f"{archive}: expected labels 0 to 9; found {int(labels.max())}; fetch the archive again")
    return Samples(torch.from_numpy(records[:, 1:].reshape(-1, 3, 32, 32)), labels)
