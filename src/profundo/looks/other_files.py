"""Files in a folder or archive of images, or sounds, that are none by their name."""

from __future__ import annotations

import os
import zipfile
from collections import Counter
from pathlib import Path

from profundo.data.streams.archives import SUFFIXES_OF, printable

__all__ = ["other_files"]


def other_files(where: Path, things: str = "images") -> Counter[str]:
    """Ending → how many; hidden files and folders are left aside, links to folders not followed."""
    return Counter(
        printable(os.path.splitext(parts[-1])[1].lower())
        for parts in _all(where)
        if not any(part.startswith(".") or part == "__MACOSX" for part in parts)
        and os.path.splitext(parts[-1])[1].lower() not in SUFFIXES_OF[things]
    )


def _all(where: Path) -> list[tuple[str, ...]]:
    if where.is_dir():
        return [
            (*Path(place).relative_to(where).parts, name)
            for place, _, files in os.walk(where, followlinks=False)
            for name in files
        ]
    with zipfile.ZipFile(where) as archive:
        return [tuple(m.filename.strip("/").split("/")) for m in archive.infolist() if not m.is_dir()]
