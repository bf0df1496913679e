"""The words of the page, in four languages (texts.toml)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files

__all__ = ["TEXTS", "spoken"]

TEXTS: Mapping[str, Mapping[str, str]] = tomllib.loads(files("profundo.lab").joinpath("texts.toml").read_text("utf-8"))


def spoken(accept_language: str) -> str:
    """The first that the page has of a browser's languages, which it names in the order of its liking; else English."""
    tags = (choice.partition(";")[0].strip().lower().partition("-")[0] for choice in accept_language.split(",")[:50])
    return next((tag for tag in tags if tag in TEXTS), "en")
