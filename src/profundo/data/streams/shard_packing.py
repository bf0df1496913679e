"""A folder or .zip of images as tar shards, which stream from any disk or store (see shards.py).

The samples of a split are shuffled once, so that the neighbours in a shard are of all classes; the files' bytes are kept as
they are. Equal images, seed and size make equal shards, bit for bit: times and owners are left out.
"""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Sequence
from pathlib import Path

import torch

from profundo.data.batches import order
from profundo.data.images.layouts import arranged
from profundo.data.streams.archives import Files, open_files, printable
from profundo.data.streams.shard_index import INPUTS
from profundo.files import clear_abandoned, reason, replacing_bytes, write_text
from profundo.records import ProfundoError

__all__ = ["write_shards"]


def write_shards(where: Path, out: Path, *, samples: int = 1000, seed: int = 0) -> list[Path]:
    """Write train-0000.tar, …, test-0000.tar (shard-0000.tar where there are no splits) and classes.txt into a new or empty
    folder. samples: in a shard, at most. Returns the shards.

    Raises ProfundoError when there are no images by class, or the folder holds something already.
    """
    if samples < 1:
        raise ProfundoError(f"samples: expected at least 1 in a shard, got {samples}")
    files = open_files(where)
    layout = arranged(files)
    try:
        out.mkdir(parents=True, exist_ok=True)
        clear_abandoned(out)
        if any(out.iterdir()):
            raise ProfundoError(f"{out}: expected a new or empty folder for the shards; choose another --out")
        written = []
        for split, members in sorted(layout.splits.items()):
            shuffled = torch.split(torch.tensor(members)[order(len(members), seed, 0)], samples)
            called = split if len(layout.splits) > 1 else "shard"
            for number, part in enumerate(shuffled):
                written.append(out / f"{called}-{number:04}.tar")
                _write(written[-1], files, part.tolist(), layout.labels)
        write_text(out / "classes.txt", "".join(f"{name}\n" for name in layout.classes))
    except OSError as error:
        raise ProfundoError(f"{out}: the shards could not be written: {reason(error)}") from None
    return written


def _write(path: Path, files: Files, indices: Sequence[int], labels: Sequence[int]) -> None:
    """One shard, under another name until it is whole."""
    with replacing_bytes(path) as file, tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for number, index in enumerate(indices):
            name = files.paths[index][-1]
            suffix = os.path.splitext(name)[1].lower().lstrip(".")
            assert suffix in INPUTS
            try:
                content = files.read(index)
            except ValueError as error:
                raise ProfundoError(f"{printable(name)}: cannot be read: {error}; mend or remove it") from None
            _add(tar, f"{number:06}.{suffix}", content)
            _add(tar, f"{number:06}.cls", str(labels[index]).encode())


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))
