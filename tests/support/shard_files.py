"""Tar shards for the tests, written by the standard library."""

import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

Members = Sequence[tuple[str, bytes]]


def pixels(seed: int, size=(6, 5), mode="RGB") -> np.ndarray:
    """uint8 (height, width, channels)."""
    shape = (size[1], size[0], 1 if mode == "L" else 3)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def picture(seed: int, size=(6, 5), mode="RGB", kind="PNG") -> bytes:
    values, file = pixels(seed, size, mode), io.BytesIO()
    Image.fromarray(values[:, :, 0] if mode == "L" else values).save(file, kind)
    return file.getvalue()


def samples(numbers: Sequence[int], label="cls", ending="png", **form) -> Members:
    """Image and class of each number; the class is the number modulo three."""
    text = {"cls": "{}", "txt": "{}\n", "json": '{{"label": {}, "width": 6}}'}[label]
    return [
        member
        for number in numbers
        for member in (
            (f"{number:06}.{ending}", picture(number, **form)),
            (f"{number:06}.{label}", text.format(number % 3).encode()),
        )
    ]


def write_tar(path: Path, members: Members) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in members:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


def write_shards(folder: Path, shards: int = 3, each: int = 20, name: str = "shard-{:03}.tar", **form) -> Path:
    for place in range(shards):
        write_tar(folder / name.format(place), samples(range(place * each, (place + 1) * each), **form))
    return folder
