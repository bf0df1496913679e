"""Plain values and `name: value` lines in YAML, without the parts of it that can hurt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from profundo.files import PUT_BACK, in_words, kind_of, what_is_at
from profundo.languages import Said
from profundo.records import ProfundoError

__all__ = ["plain_mapping", "read_experiment", "read_pair", "read_value"]

LARGEST_FILE = 1 << 16  # bytes, read in under a second


class PlainLoader(yaml.SafeLoader):
    """YAML without the parts that can hurt: no tags beyond plain values, no aliases (bombs), at most 20 levels."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not read here")
        self.depth += 1
        if self.depth > 20:
            raise yaml.YAMLError("nested more than 20 levels deep")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def read_experiment(path: Path) -> dict[str, Any]:
    """The settings in a YAML file. Raises ProfundoError when it does not hold plain `name: value` lines."""
    try:
        if not path.is_file():
            raise ProfundoError(f"{path}: expected an experiment file, found {what_is_at(path)}; {PUT_BACK}")
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise ProfundoError(f"{path}: expected YAML lines `name: value`: {in_words(error)}; {PUT_BACK}") from None
    return plain_mapping(content, str(path))


def plain_mapping(content: bytes, where: str) -> dict[str, Any]:
    """The same of what such a file holds."""
    if len(content) > LARGEST_FILE:
        raise ProfundoError(f"{where}: expected an experiment of a few lines, the file is larger than 64 KB")
    try:
        settings = yaml.load(content, Loader=PlainLoader)
    except (UnicodeDecodeError, yaml.YAMLError, ValueError, RecursionError) as error:
        raise ProfundoError(f"{where}: expected YAML lines `name: value`: {in_words(error)}; {PUT_BACK}") from None
    if not isinstance(settings, dict) or not all(isinstance(name, str) for name in settings):
        raise ProfundoError(f"{where}: expected YAML lines `name: value`, found {kind_of(settings)}; {PUT_BACK}")
    return settings


def read_value(text: str) -> Any:
    """What YAML makes of one value: 3, 0.1, true, [1, 2], text. Raises ProfundoError for what it cannot read."""
    try:
        return yaml.load(text, Loader=PlainLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ProfundoError(f"{text!r}: expected a plain value: {in_words(error)}") from None


def read_pair(text: str, option: str = "--set", such_as: str = "epochs=3") -> tuple[str, Any]:
    """(name, value) of "name=value"; the value as YAML reads it."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise ProfundoError(
            f"{option} {text}: expected NAME=VALUE, such as {option} {such_as}",
            told=Said("refusals.name_value", option=option, text=text, such=such_as),
        )
    return name.strip(), read_value(value)
