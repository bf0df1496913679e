"""`load`: a name or a path becomes a Dataset."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from profundo.data.cache import cache_folder, data_folder
from profundo.data.catalogue import CIFAR10_ARCHIVE, MNIST_FILES, MNIST_MIRRORS, SUFFIXES, Task, names, nearest
from profundo.data.splits import Collection, divide
from profundo.records import Dataset, ProfundoError

__all__ = ["load"]

Stream = bool | Literal["auto"]


def load(
    name: str | Path,
    *,
    data_dir: str | Path | None = None,
    validation: float | None = None,
    seed: int = 0,
    stream: Stream = "auto",
    skip_bad: bool = False,
    target: str | None = None,
    task: Task = "auto",
    image_size: int | None = None,
) -> Dataset:
    """The data set of that name (see `names()`), or what is at that path: a folder or .zip of images, one folder per
    class; a table (.csv, .tsv, .parquet) with a column to predict; arrays (.npz).

    data_dir: folder that holds mnist/ and cifar10/; else the environment variable PROFUNDO_DATA; else they are fetched
        once into the user's cache and checked against their SHA-256.
    validation: share of the samples not set apart for the test. By default 1/12 of MNIST, 1/8 of the small sets (a
        tenth of the whole, since a fifth is the test), 1/10 of all others.
    seed: decides who is in which split; the data set's own test split is kept where it has one.
    stream: read images from disk when they are asked for; "auto" does so where they would take more than half of the memory.
    skip_bad: leave out images that cannot be decoded, and count them in `notes`, instead of stopping.
    target: of a table, the column to be predicted. task: "classes" or "real" where that is not plain from its values.
    image_size: side in pixels that the images of a folder or archive are scaled and cut to.
    """
    found = _table(name, target, task) or _find(name, data_dir, stream, skip_bad, image_size)
    return divide(found, validation=validation, seed=seed, stream=stream is True)


def _table(name: str | Path, target: str | None, task: Task) -> Collection | None:
    """What is in a file of rows; None for everything else, which has its targets already."""
    path = Path(name)
    if name not in names() and path.suffix.lower() in (*SUFFIXES, ".npz") and not path.is_dir():
        from profundo.data.arrays import array_collection
        from profundo.data.frames import table_collection

        return array_collection(path, task) if path.suffix.lower() == ".npz" else table_collection(path, target, task)
    if target is not None or task != "auto":
        option = "--target" if target is not None else "--task"
        raise ProfundoError(f"{name}: {option} is for tables (.csv, .tsv, .parquet) and arrays (.npz)")
    return None


def _find(
    name: str | Path, data_dir: str | Path | None, stream: Stream, skip_bad: bool, image_size: int | None
) -> Collection:
    if image_size is not None and (name in names() or image_size < 1):
        raise ProfundoError(
            f"{name}: image_size is for folders and archives of images, in pixels of at least 1, got {image_size}"
        )
    if name == "mnist":
        from profundo.data.idx import mnist

        return mnist(_mnist_folder(data_dir))
    if name == "cifar10":
        return _cifar10(data_dir, stream, skip_bad)
    if name in names():
        return _small(str(name))
    if not os.path.exists(name):  # also for names that no file can have
        raise ProfundoError(
            f"{str(name)!r} names no data set, and there is no such file; {nearest(str(name), names())}; "
            "or give a folder or a .zip with one folder of images per class, a table (.csv, .tsv, .parquet), or an .npz"
        )
    from profundo.data.images import image_collection

    return image_collection(Path(name), stream=stream, skip_bad=skip_bad, size=image_size)


def _small(name: str) -> Collection:
    from profundo.data.measurements import MEASURED, measured
    from profundo.data.toys import GATES, TOYS, gate, toy

    if name in GATES:
        return gate(name)
    if name in TOYS:
        return toy(name)
    if name in MEASURED:
        return measured(name)
    from profundo.data.tables import digits, table

    return digits() if name == "digits" else table(name)


def _mnist_folder(data_dir: str | Path | None) -> Path:
    folder = _given("mnist", data_dir, tuple(MNIST_FILES))
    if folder is None:
        from profundo.data.download import fetch

        folder = cache_folder() / "mnist"
        for file, sha256 in MNIST_FILES.items():
            fetch(folder / file, [mirror + file for mirror in MNIST_MIRRORS], sha256)
    return folder


def _cifar10(data_dir: str | Path | None, stream: Stream, skip_bad: bool) -> Collection:
    from profundo.data.cifar import cifar10_binary
    from profundo.data.images import image_collection

    binary = CIFAR10_ARCHIVE[0].rsplit("/", 1)[-1]
    folder = data_folder(data_dir)
    if folder is None:
        from profundo.data.download import fetch

        return cifar10_binary(fetch(cache_folder() / "cifar10" / binary, CIFAR10_ARCHIVE[:1], CIFAR10_ARCHIVE[1]))
    folder /= "cifar10"
    if (folder / binary).is_file():
        return cifar10_binary(folder / binary)
    images = folder / "cifar10-jpg.zip"
    if not images.is_file() and not (folder / "train").is_dir():
        raise _missing(folder, ("cifar10-jpg.zip, train/ and test/, or " + binary,))
    return image_collection(images if images.is_file() else folder, "cifar10", stream=stream, skip_bad=skip_bad)


def _given(name: str, data_dir: str | Path | None, files: tuple[str, ...]) -> Path | None:
    """The folder of that name in the folder that was named, with all its files; None when none was named."""
    folder = data_folder(data_dir)
    if folder is None:
        return None
    folder /= name
    if not all((folder / file).is_file() for file in files):
        raise _missing(folder, tuple(file for file in files if not (folder / file).is_file()))
    return folder


def _missing(folder: Path, files: tuple[str, ...]) -> ProfundoError:
    return ProfundoError(
        f"{folder}: expected {', '.join(files)}, not found; put it there, or leave PROFUNDO_DATA and --data-dir unset "
        "to fetch it"
    )
