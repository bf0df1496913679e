"""Where downloads and decoded images are kept between runs: PROFUNDO_CACHE, else the user's cache folder."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cache_folder", "data_folder"]


def cache_folder() -> Path:
    given = os.environ.get("PROFUNDO_CACHE")
    if given:
        return Path(given)
    import platformdirs

    return Path(platformdirs.user_cache_dir("profundo"))


def data_folder(given: str | Path | None) -> Path | None:
    """The folder that holds mnist/ and cifar10/: the argument, else PROFUNDO_DATA, else None (then: download)."""
    chosen = given or os.environ.get("PROFUNDO_DATA") or None
    return None if chosen is None else Path(chosen)
