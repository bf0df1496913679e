"""What people read, in four languages, from one source: `texts/*.json`, a file a room, the languages of a text side by side.

The browser's pages are built from the same files; there a text that lacks a language does not compile.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

__all__ = ["LANGUAGES", "spoken", "words"]

LANGUAGES = ("en", "es", "ca", "pt")


@cache
def words(room: str, language: str) -> Mapping[str, str]:
    """Key → text, with {names} that whoever shows it fills in. Raises KeyError for a language or a room that is none."""
    if language not in LANGUAGES:
        raise KeyError(language)
    texts = json.loads(files("profundo").joinpath("texts", f"{room}.json").read_text("utf-8"))
    return {key: by_language[language] for key, by_language in texts.items()}


def spoken(accept_language: str) -> str:
    """The first of a browser's languages that we have; it names them in the order of its liking. Else English."""
    tags = (choice.partition(";")[0].strip().lower().partition("-")[0] for choice in accept_language.split(",")[:50])
    return next((tag for tag in tags if tag in LANGUAGES), "en")
