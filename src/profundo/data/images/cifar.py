"""CIFAR-10 and CIFAR-100 in their binary versions: labels, then 1,024 red, green and blue values, row by row.

A sample of CIFAR-10 is 3,073 bytes, the first its class. One of CIFAR-100 is 3,074, the first its superclass, of which
there are 20, the second its class; classes are what is learned here.
Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009; https://www.cs.toronto.edu/~kriz/cifar.html
"""

from __future__ import annotations

import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from profundo.data.splits.splits import Collection
from profundo.records import Inputs, ProfundoError, Samples, Targets

__all__ = ["FORMS", "Form", "cifar_collection"]

_PIXELS = 3 * 32 * 32


@dataclass(frozen=True, slots=True)
class Form:
    """What is in an archive. train, test: name of a file → its samples; labels: bytes before the pixels, the last of
    them the class."""

    train: dict[str, int]
    test: dict[str, int]
    labels: int

    def size(self, file: str) -> int:
        """Bytes of one of the files."""
        return (self.train | self.test)[file] * (self.labels + _PIXELS)


FORMS = {
    "cifar10": Form(
        {f"cifar-10-batches-bin/data_batch_{number}.bin": 10_000 for number in range(1, 6)},
        {"cifar-10-batches-bin/test_batch.bin": 10_000},
        labels=1,
    ),
    "cifar100": Form({"cifar-100-binary/train.bin": 50_000}, {"cifar-100-binary/test.bin": 10_000}, labels=2),
}


def cifar_collection(name: str, archive: Path, classes: tuple[str, ...], form: Form) -> Collection:
    """From the .tar.gz as distributed; nothing is unpacked to the disk."""
    result = _batches(archive, form)
    train, test = (
        _samples(archive, [result[file] for file in files], form.labels, len(classes))
        for files in (form.train, form.test)
    )
    return Collection(
        name, Inputs((3, 32, 32), "image"), Targets("classes", classes), train, test=test, shares=(0.0, 0.1)
    )


def _batches(archive: Path, form: Form) -> dict[str, bytes]:
    """The batch files by name: only regular files of the documented names and length are read at all."""
    wanted = {file: form.size(file) for file in (*form.train, *form.test)}
    results: dict[str, bytes] = {}
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                if member.isreg() and wanted.get(member.name) == member.size:
                    file = tar.extractfile(member)
                    assert file is not None
                    results[member.name] = file.read()
    except (OSError, EOFError, tarfile.TarError, zlib.error, ValueError) as error:
        raise ProfundoError(f"{archive}: expected a tar.gz archive, but it does not read ({error})") from None
    missing = [file for file, size in wanted.items() if len(results.get(file, b"")) != size]
    if missing:
        raise ProfundoError(
            f"{archive}: expected {missing[0]} with {wanted[missing[0]]:,} bytes, not found; fetch the archive again"
        )
    return results


def _samples(archive: Path, batches: list[bytes], labels: int, classes: int) -> Samples:
    records = np.concatenate([np.frombuffer(batch, np.uint8).reshape(-1, labels + _PIXELS) for batch in batches])
    targets = torch.from_numpy(records[:, labels - 1].astype(np.int64))
    if int(targets.max()) >= classes:
        raise ProfundoError(
            f"{archive}: expected labels 0 to {classes - 1}; found {int(targets.max())}; fetch the archive again"
        )
    return Samples(torch.from_numpy(records[:, labels:].reshape(-1, 3, 32, 32)), targets)
