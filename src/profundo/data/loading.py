"""`load`: a name or a path becomes a Dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from profundo.data.cache import data_folder
from profundo.data.catalogue import names, nearest
from profundo.data.splits import Collection, divide
from profundo.records import Dataset, ProfundoError

__all__ = ["load"]


def load(
    name: str | Path,
    *,
    data_dir: str | Path | None = None,
    validation: float | None = None,
    seed: int = 0,
    stream: bool | Literal["auto"] = "auto",
    skip_bad: bool = False,
) -> Dataset:
    """The data set of that name (see `names()`), or the folder or .zip of images at that path, one folder per class.

    data_dir: folder that holds mnist/ and cifar10/; else the environment variable PROFUNDO_DATA; else they are fetched
        once into the user's cache and checked against their SHA-256.
    validation: share of the samples not set apart for the test.
    seed: decides who is in which split; the data set's own test split is kept where it has one.
    stream: read images from disk when they are asked for; "auto" does so from 2 GiB of decoded images on.
    skip_bad: leave out images that cannot be decoded, and count them in `notes`, instead of stopping.
    """
    found = _find(str(name), data_dir)
    return divide(found, validation=validation, seed=seed, stream=stream is True)


def _find(name: str, data_dir: str | Path | None) -> Collection:
    if name == "mnist":
        from profundo.data.idx import mnist

        return mnist(_folder("mnist", data_dir))
    if name == "digits":
        from profundo.data.tables import digits

        return digits()
    raise ProfundoError(f"{name!r} names no data set; {nearest(name, names())}")


def _folder(name: str, data_dir: str | Path | None) -> Path:
    given = data_folder(data_dir)
    assert given is not None
    return given / name
