"""The command that repeats a session in a terminal."""

from __future__ import annotations

import shlex

from profundo.playground.playground_settings import FIELDS, PlaygroundSettings

__all__ = ["command_line", "option_of"]


def option_of(name: str) -> str:
    """What a setting is called on the command line."""
    return f"--{name.replace('_', '-')}"


def command_line(settings: PlaygroundSettings) -> str:
    """`profundo playground` with every setting that is not the usual one; edits by hand have no words there (as_source has)."""
    words = [f"{option_of(name)}={FIELDS[name].kind.write(value)}" for name, value in settings.given().items()]
    return shlex.join(["profundo", "playground", *words])
