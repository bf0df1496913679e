"""Which image a file of labels means: by the end of its path, among the images that are there, and no others."""

from __future__ import annotations

import re
from collections import defaultdict

from profundo.data.images.layouts import split_called
from profundo.data.streams.archives import Files, Parts, printable

__all__ = ["NamedImages", "split_of_folders", "split_of_name"]

MOST_LIKE = 1000  # images of one name among which one is sought


class NamedImages:
    """The images of a folder or archive by what they are called. What a name points to beyond them is not there."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self._named: dict[str, list[int]] = defaultdict(list)
        self._stems: dict[str, list[int]] = defaultdict(list)
        for index, parts in enumerate(files.paths):
            self._named[parts[-1].lower()].append(index)
            self._stems[parts[-1].rpartition(".")[0].lower()].append(index)

    def called(self, name: str, near: Parts = ()) -> int:
        """The number of the image of that name or path. near: the path of the file that names it; of several images that may be
        meant, it is the one whose path ends like the name for longest, then the one nearest. Raises ValueError."""
        parts = tuple(part for part in re.split(r"[/\\]", name) if part not in ("", ".", ".."))
        return self._one(name, self._named.get(parts[-1].lower(), []) if parts else [], parts, near)

    def of_stem(self, stem: str, near: Parts = ()) -> int:
        """The same by the name without its ending."""
        return self._one(stem, self._stems.get(stem.lower(), []), (), near)

    def also_called(self, stem: str, image: int) -> None:
        """An image gets another name, that lists know it by: that of the file of its labels."""
        self._stems[stem.lower()].append(image)

    def _one(self, name: str, there: list[int], parts: Parts, near: Parts) -> int:
        shown = printable(name[:100])
        if not there:
            raise ValueError(f"there is no image {shown!r}")
        if len(there) == 1:
            return there[0]
        if len(there) > MOST_LIKE:
            raise ValueError(f"more than {MOST_LIKE:,} images are called {shown!r}")
        paths = self.files.paths
        fit = [(_shared(paths[at][::-1], parts[::-1]), _shared(paths[at][:-1], near[:-1])) for at in there]
        best = max(fit)
        if fit.count(best) > 1:
            first, second = [self.files.name(at) for at, one in zip(there, fit, strict=True) if one == best][:2]
            raise ValueError(f"two images are called {shown!r}: {first} and {second}")
        return there[fit.index(best)]


def _shared(path: Parts, other: Parts) -> int:
    """How many parts at the beginning are the same, in letters of any size."""
    length = min(len(path), len(other))
    return next((at for at in range(length) if path[at].lower() != other[at].lower()), length)


def split_of_folders(parts: Parts) -> str | None:
    """The split that a folder on the way is called like."""
    return next((split for folder in parts[:-1] if (split := split_called(folder))), None)


def split_of_name(parts: Parts) -> str | None:
    """The split that is a word of a file's own name, such as instances_val2017.json, else of its folders."""
    words = re.split(r"[^a-z]+", parts[-1].rpartition(".")[0].lower())
    return next((split for word in words if word and (split := split_called(word))), None) or split_of_folders(parts)
