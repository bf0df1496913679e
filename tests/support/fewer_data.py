"""A tenth of the larger sets in their own forms, for what asks whether a training goes through and not how well it ends."""

import gzip
import re
import struct
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from profundo.data.dataset_names import MNIST_FILES

__all__ = ["fewer_data"]

TRAINING, TEST = 6000, 1000  # digits
LETTERS = 150_000
TAKES = (0, 5, 10, 11, 12)  # of each speaker and digit: to test, to validate, to train on


def fewer_data(whole: Path, folder: Path) -> Path:
    """A folder of data with the beginnings of those that there are; all else in it is a link to what `whole` has."""
    for path in (one for one in whole.rglob("*") if one.is_file()):
        target = folder / path.relative_to(whole)
        target.parent.mkdir(parents=True, exist_ok=True)
        shorten = SHORTER.get(path.relative_to(whole).as_posix())
        if shorten is not None:
            shorten(path, target)
        else:
            target.symlink_to(path)
    return folder


def few_digits(count: int, source: Path, target: Path) -> None:
    """Of an IDX file: two zeros, a type, the number of dimensions, their sizes, and then bytes."""
    with gzip.open(source) as file:
        beginning = file.read(4)
        sizes = struct.unpack(f">{beginning[3]}I", file.read(4 * beginning[3]))[1:]
        each = sizes[0] * sizes[1] if sizes else 1
        content = beginning + struct.pack(f">{beginning[3]}I", count, *sizes) + file.read(count * each)
    target.write_bytes(gzip.compress(content, 1))


def few_letters(source: Path, target: Path) -> None:
    target.write_bytes(source.read_bytes()[:LETTERS])


def few_recordings(source: Path, target: Path) -> None:
    with zipfile.ZipFile(source) as every, zipfile.ZipFile(target, "w") as some:
        for name in every.namelist():
            if (take := re.search(r"_(\d+)\.wav$", name)) and int(take[1]) in TAKES:
                some.writestr(name, every.read(name))


SHORTER: dict[str, Callable[[Path, Path], None]] = {
    **{f"mnist/{name}": partial(few_digits, TRAINING if name.startswith("train") else TEST) for name in MNIST_FILES},
    "text/tiny-shakespeare.txt": few_letters,
    "spoken-digits/recordings.zip": few_recordings,
}
