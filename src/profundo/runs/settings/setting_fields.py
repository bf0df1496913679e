"""The settings as a form shows them, made from the fields of Experiment, and what their words mean."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from profundo.languages import Said
from profundo.records import ProfundoError
from profundo.runs.experiment import SETTINGS, Experiment, Setting
from profundo.runs.settings.setting_values import EVERY

__all__ = ["SettingField", "plain_type", "setting_fields", "settings_of_words", "words_of_settings"]

Look = Literal["choice", "switch", "number", "words", "lines"]


@dataclass(frozen=True, slots=True)
class SettingField:
    """look: what a person changes it with; lines: of several values, a line each. choices: the words it may be, if they are few.
    initial: what it is unless told, in words; empty where the data and the net decide."""

    name: str
    part: str
    help: str
    look: Look
    choices: tuple[str, ...] = ()
    form: str = ""
    initial: str = ""


def setting_fields() -> list[SettingField]:
    """All settings but the data themselves and what is given in Python alone."""
    taken = {name: about for name, about in SETTINGS.items() if name != "data" and not about.in_python}
    return [setting_field(name, about) for name, about in taken.items()]


def setting_field(name: str, about: Setting) -> SettingField:
    field = Experiment.model_fields[name]
    kind, choices = plain_type(field.annotation)
    default = field.default
    initial = "" if default in (None, {}, []) else str(default).lower() if isinstance(default, bool) else str(default)
    look: Look = "words"
    if choices:
        look = "choice"
    elif kind is bool:
        look = "switch"
    elif kind == list[str]:
        look = "lines"
    elif kind in (int, float) and about.form is None:
        look = "number"
    return SettingField(name, about.part, about.help, look, choices, about.form or "", initial)


def settings_of_words(words: Mapping[str, str]) -> dict[str, Any]:
    """What settings are given as words, as on the command line; those without a word are left out. Raises ProfundoError for
    a setting that is none; what a value may be, `new_experiment` says."""
    known = {field.name: field for field in setting_fields()}
    result: dict[str, Any] = {}
    for name, text in words.items():
        if name not in known:
            raise ProfundoError(Said("refusals.no_setting", name=repr(name[:40])))
        if not text.strip():
            continue
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        value: Any = lines if known[name].look == "lines" else text.strip()
        read = SETTINGS[name].read
        result[name] = value if read is None else read(value)
    return result


def words_of_settings(experiment: Experiment) -> dict[str, str]:
    """The same backwards, of all that is not as it is unless told; what no word can say is left out."""
    fields = {field.name: Experiment.model_fields[field.name] for field in setting_fields()}
    changed = {
        name: getattr(experiment, name) for name, one in fields.items() if getattr(experiment, name) != one.default
    }
    return {name: words for name, value in changed.items() if (words := words_of_value(name, value))}


def words_of_value(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        pairs = ((key, ",".join(map(str, one)) if isinstance(one, list) else one) for key, one in value.items())
        return "" if name == "class_weights" else "\n".join(f"{key}={one}" for key, one in pairs)
    if isinstance(value, list) and name == "augment" and not value:
        return "none"
    if isinstance(value, list) and not all(isinstance(one, str) for one in value):
        return json.dumps(value) if name == "augment" else ",".join(map(str, value))
    if isinstance(value, list):
        return ("," if name == "augment" else "\n").join(value)
    return "all" if value == EVERY else str(value)


def plain_type(annotation: Any) -> tuple[Any, tuple[str, ...]]:
    """What a word is first made into, and the words it may be if they are few."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return str, parts
    if origin is dict or annotation == list[str]:
        return list[str], ()  # an entry each time it is given
    if parts and origin is not list:  # Annotated, or a union with None
        return plain_type(next(part for part in parts if part is not NoneType))
    return annotation if annotation in (int, float, bool) else str, ()
