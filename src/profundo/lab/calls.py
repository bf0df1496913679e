"""What a page may ask for: a closed table from names to functions, each with the form of its question.

A room of the lab is a module with a table CALLS. The function gets the desk of the tab that asks and the checked
question, and returns what JSON and arrays can hold (`profundo.lab.messages`); it computes in a thread of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from profundo.form_faults import expected_of
from profundo.languages import Said, text_rooms, told_by, words
from profundo.records import ProfundoError

if TYPE_CHECKING:
    from profundo.lab.desks import Desk

__all__ = ["Call", "Nothing", "Question", "answered", "asked", "shortened"]


class Question(BaseModel):
    """Base of all questions: unknown fields are refused, numbers are numbers, NaN is none."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Nothing(Question):
    """No arguments."""


@dataclass(frozen=True, slots=True)
class Call:
    """changes: whether it does more than look, which a visitor of a shared lab may not. slow: whether it may take seconds, so that
    others do not wait for it."""

    form: type[Question]
    answer: Callable[[Desk, Any], Any]
    changes: bool = False
    slow: bool = False


def asked(name: str, call: Call, given: Mapping[str, Any]) -> Question:
    """The question of a call, checked. Raises ProfundoError, one line, for what does not fit its form."""
    try:
        return call.form.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place, got = ".".join(map(str, first["loc"])) or "the question", shortened(first["input"])
        line, expected = " ".join(str(first["msg"]).split()), expected_of(first)
        told = expected and Said("refusals.expected_got", name=in_room(name, first["loc"]), expected=expected, got=got)
        raise ProfundoError(f"{name}: {place}: {line}, got {got}", told=told) from None


def in_room(name: str, place: Sequence[str | int]) -> str:
    """What is refused, as the page of its room calls it: “Stride”, “learning rate: adam”; by its name where there is no word."""
    room, first, inner = name.partition(".")[0], ".".join(map(str, place[:1])), ".".join(map(str, place[1:]))
    texts = words(room, "en") if room in text_rooms() else {}
    of = f"{first.removesuffix('s')}_of"
    if inner and of in texts:
        return Said(f"{room}.{of}", name=inner)
    if first in texts and not inner and "{" not in texts[first]:
        return Said(f"{room}.{first}")
    return ".".join(map(str, place)) or "the question"


def answered(name: str, call: Call, desk: Desk, given: Mapping[str, Any]) -> Any:
    """What a call answers. Raises ProfundoError, one line that says nothing of where things lie on this machine."""
    try:
        return call.answer(desk, asked(name, call, given))
    except ProfundoError as error:
        raise ProfundoError(desk.lab.without_paths(told_by(error))) from None


def shortened(value: Any, most: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]}…"
