"""What people read, in four languages, from one source: `texts/*.json`, a file a room, the languages of a text side by side.

The browser's pages are built from the same files; there a text that lacks a language does not compile.

A page that is made of hundreds of small parts, down to the ticks of its axes, is written `with speaking("ca"):`, and each part
asks `say` for its words, as decimals ask for their context and not each caller for its digits. The language belongs to the
thread or task that speaks, and outside such a block it is English: no setting of the machine changes what is written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.resources import files

from profundo.records import ProfundoError

__all__ = ["LANGUAGES", "counted", "language", "local", "say", "speaking", "spoken", "term", "words"]

LANGUAGES = ("en", "es", "ca", "pt")
MARKS = str.maketrans({".": ",", ",": "\u202f"})  # a comma before decimals, a narrow space between thousands
_SPEAKING: ContextVar[str] = ContextVar("language", default="en")


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


# ------------------------------------------------------------------------------------------------- what is written now
@contextmanager
def speaking(chosen: str) -> Iterator[None]:
    """What is written within is in this language. Raises ProfundoError for one that there is not."""
    if chosen not in LANGUAGES:
        raise ProfundoError(f"lang: expected {', '.join(LANGUAGES)}, got {chosen!r}")
    before = _SPEAKING.set(chosen)
    try:
        yield
    finally:
        _SPEAKING.reset(before)


def language() -> str:
    """The one that is spoken: English outside of `speaking`."""
    return _SPEAKING.get()


def say(key: str, /, **names: object) -> str:
    """The text ROOM.KEY in the language that is spoken, its {names} filled in."""
    room, _, text = key.partition(".")
    return words(room, language())[text].format(**names)


def counted(key: str, number: int, /, **names: object) -> str:
    """The text ROOM.KEY_one or ROOM.KEY_many: the four languages have these two forms, one of them for 1 alone."""
    return say(f"{key}_{'one' if number == 1 else 'many'}", **names)


def term(word: str) -> str:
    """A word of the field, such as the name of a score, alone or of a class ("recall of cat"), in the language that is spoken;
    what has no translation as it is: a name that a person gave."""
    terms = words("terms", language())
    figure, of, name = word.partition(" of ")
    if of and figure in terms and word not in terms:
        return say("report.figure_of", figure=terms[figure], name=name)
    return terms.get(word, word)


def local(number: str) -> str:
    """A number that is written as in English, as the language that is spoken writes it: 28,938.5 as 28 938,5."""
    return number if language() == "en" else number.translate(MARKS)
