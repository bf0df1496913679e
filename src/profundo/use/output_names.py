"""Names of the files that predictions are written to: each its own, and none that of an input."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from profundo.data.dataset_names import SUFFIXES
from profundo.data.images.image_tables import listed_files
from profundo.data.streams.archives import printable
from profundo.records import ProfundoError

__all__ = ["check_file_kept", "check_folder_kept", "free_name"]

Identity = tuple[int, int]  # of a file, whatever it is called: its device and its number there


def free_name(called: str, ending: str, taken: set[str]) -> str:
    """The name of the image with another ending; with a number where that is taken."""
    stem = re.sub(r"[^\w.-]+", "_", Path(called).stem).lstrip(".") or "image"
    name = next(
        name for number in range(1, len(taken) + 2) if (name := f"{stem}-{number}" if number > 1 else stem) not in taken
    )
    taken.add(name)
    return name + ending


def check_folder_kept(files: Sequence[Path], folder: Path, ending: str) -> None:
    """Raise ProfundoError where what is predicted of these files, written into that folder, would take the place of one of them."""
    named = list(inputs_in(files))
    kept, taken = identities(path for _, path in named), set[str]()
    for name, _ in named:
        refuse_one_of(kept, folder / free_name(name, ending, taken))


def check_file_kept(files: Sequence[Path], out: Path) -> None:
    """The same of all that is predicted, written into one file."""
    if not out.is_dir():
        refuse_one_of(identities(path for _, path in inputs_in(files)), out)


def refuse_one_of(kept: set[Identity], target: Path) -> None:
    if identity(target) in kept:
        raise ProfundoError(
            f"{printable(str(target))} is an input, and would be overwritten by what is predicted; expected another place"
        )


def inputs_in(files: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """Each file with what it is called: these, those in these folders, and images that these tables name."""
    for path in files:
        if path.is_dir():
            yield from (
                (str(one), one) for at, _, names in os.walk(path) for one in map(Path(at).joinpath, sorted(names))
            )
        else:
            yield str(path), path
            yield from listed_in(path)


def listed_in(path: Path) -> Iterator[tuple[str, Path]]:
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        return
    try:
        listed = listed_files(path, "images")
    except ProfundoError:
        return  # said where it is read
    if listed is not None:
        yield from ((f"{path}, {listed.name(index)}", Path(place)) for index, place in enumerate(listed.places))


def identities(paths: Iterable[Path]) -> set[Identity]:
    return {one for path in paths if (one := identity(path)) is not None}


def identity(path: Path) -> Identity | None:
    """Of a link that of what it leads to; None where nothing is."""
    try:
        there = os.stat(path)
    except (OSError, ValueError):
        return None
    return there.st_dev, there.st_ino
