"""The large sets that have a name: from a folder of one's own, else fetched once into the cache and checked.

Which files they are, their SHA-256 and addresses: the table PUBLISHED of the catalogue.
"""

from __future__ import annotations

from pathlib import Path

from profundo.data.dataset_names import PUBLISHED, Published, Reading
from profundo.data.splits.splits import Collection
from profundo.data.streams.cache import cache_folder, data_folder
from profundo.records import ProfundoError

__all__ = ["at_hand", "published"]


def published(name: str, how: Reading) -> Collection:
    """The set of that name in PUBLISHED.

    In a folder of one's own, <folder>/<name>/ holds the files as distributed, or the same as images: <name>-jpg.zip, or
    train/ and test/ with a folder for each class. Raises ProfundoError that says what is missing there, or why the files
    cannot be fetched.
    """
    about, given = PUBLISHED[name], data_folder(how.data_dir)
    if given is None:
        return _read(name, about, _fetched(about, cache_folder() / name))
    folder = given / name
    if all((folder / file).is_file() for file in about.files):
        return _read(name, about, folder)
    archive = folder / f"{name}-jpg.zip"
    if not archive.is_file() and not (folder / "train").is_dir():
        raise _missing(folder, about, archive)
    from profundo.data.images.image_folders import image_collection

    return image_collection(archive if archive.is_file() else folder, how, name)


def at_hand(name: str) -> bool:
    """Whether the set of that name in PUBLISHED need not be fetched: it lies in the folder that PROFUNDO_DATA names, or in
    the cache."""
    given = data_folder(None)
    folder = (cache_folder() if given is None else given) / name
    as_images = given is not None and ((folder / f"{name}-jpg.zip").is_file() or (folder / "train").is_dir())
    return as_images or all((folder / file).is_file() for file in PUBLISHED[name].files)


def _fetched(about: Published, folder: Path) -> Path:
    from profundo.data.streams.download import fetch

    for file, sha256 in about.files.items():
        fetch(folder / file, [mirror + file for mirror in about.mirrors], sha256)
    return folder


def _read(name: str, about: Published, folder: Path) -> Collection:
    if about.form == "idx":
        from profundo.data.images.idx import idx_collection

        return idx_collection(name, folder, about.classes)
    from profundo.data.images.cifar import FORMS, cifar_collection

    (archive,) = about.files
    return cifar_collection(name, folder / archive, about.classes, FORMS[name])


def _missing(folder: Path, about: Published, archive: Path) -> ProfundoError:
    files = ", ".join(file for file in about.files if not (folder / file).is_file())
    return ProfundoError(
        f"{folder}: expected {files}; or {archive.name}; or train/ and test/ with a folder of images for each class; "
        "found none of these; put them there, or leave PROFUNDO_DATA and --data-dir unset to fetch the set"
    )
