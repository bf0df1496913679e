"""What people read, in four languages, from one source: `texts/*.json`, a file a room, the languages of a text side by side.

The browser's pages are built from the same files; there a text that lacks a language does not compile. What is said deep in the
house, where nobody knows who will read it, such as a refusal, is a `Said`: English, that knows how the others put it.

A page that is made of hundreds of small parts, down to the ticks of its axes, is written `with speaking("ca"):`, and each part
asks `say` for its words, as decimals ask for their context and not each caller for its digits. The language belongs to the
thread or task that speaks, and outside such a block it is English: no setting of the machine changes what is written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.resources import files
from math import isfinite
from typing import Any

from profundo.records import ProfundoError

__all__ = [
    "LANGUAGES",
    "Said",
    "counted",
    "either",
    "everywhere",
    "fault_of",
    "figure",
    "language",
    "listed",
    "local",
    "named",
    "raised",
    "recalled",
    "say",
    "speaking",
    "spoken",
    "term",
    "text_rooms",
    "told_by",
    "within",
    "worded",
    "words",
]

LANGUAGES = ("en", "es", "ca", "pt")
KEY = re.compile(r"[a-z_]+\..+")  # ROOM.KEY
FORMS = re.compile(r"\{(\w+)\|([^|{}]*)\|([^|{}]*)\}")  # {number|singular|plural}
MARK = "\0"  # where a name is put into a sentence
BEFORE_NAME = re.compile(r"(?<!\w)([Dd]e|del|el|al|pel) (?=\{\w)")
SHORTENED = {"de": "d’", "De": "D’", "el": "l’", "del": "de l’", "al": "a l’", "pel": "per l’"}
VOWELS = "aeiouàèéíòóúïüAEIOUÀÈÉÍÒÓÚÏÜ"
ELIDED = re.compile(rf"(?<!\w)([Dd]e|del|el|al|pel) {MARK}(?=[hH]?(?![iuIU][{VOWELS}])[{VOWELS}]|11?(?![\d.,]))")
"""Before a vowel, but not the first of two that i or u begins as a consonant; 1 is un, 11 is onze."""
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
LARGEST_WHOLE = 1e15  # that is written with all its digits
MARKS = str.maketrans({".": ",", ",": "\u202f"})  # a comma before decimals, a narrow space between thousands
SOME_OF_ALL = re.compile(r"(.+) on ([\d,]+) of ([\d,]+) samples")  # the name of a linear model that was fitted to some
FOUR_DIGITS = re.compile(r"(?<![\d,])(\d),(?=\d{3}(?![\d,]))")  # which these languages write in one piece
_SPEAKING: ContextVar[str] = ContextVar("language", default="en")


@cache
def text_rooms() -> frozenset[str]:
    """Rooms that have texts."""
    return frozenset(one.name.removesuffix(".json") for one in files("profundo").joinpath("texts").iterdir())


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
    """The text ROOM.KEY in the language that is spoken, its {names} filled in, and of each {number|unit|units} the form that the
    number asks for."""
    room, _, text = key.partition(".")
    found = words(room, language())[text]
    if "|" in found:
        found = FORMS.sub(lambda form: form[2 if is_one(names[form[1]]) else 3], found)
    if language() != "ca" or not BEFORE_NAME.search(found):
        return found.format(**names)
    return ELIDED.sub(_elided, BEFORE_NAME.sub(rf"\1 {MARK}", found).format(**names)).replace(MARK, "")


def _elided(place: re.Match[str]) -> str:
    """d’Adam, l’1, de l’Adam, in Catalan."""
    return SHORTENED[place[1]]


def is_one(number: object) -> bool:
    """Whether what is counted is told in the singular: of 1, in Portuguese of 0, too (Unicode CLDR)."""
    return str(number) in (("0", "1") if language() == "pt" else ("1",))


class Said(str):
    """The text ROOM.KEY in English, an ordinary string; `everywhere` is the same in each language.

    values: what fills its {names}: texts, numbers, which each language writes in its way, and other Saids. What is made of it,
    by an f-string or a file, is English and nothing else.
    """

    key: str
    values: Mapping[str, object]

    def __new__(cls, key: str, /, **values: object) -> Said:
        values = {name: plain(value) for name, value in values.items()}
        with speaking("en"):
            made = super().__new__(cls, say(key, **{name: worded(value) for name, value in values.items()}))
        made.key, made.values = key, values
        return made

    def __getnewargs_ex__(self) -> tuple[tuple[str], Mapping[str, object]]:
        return (self.key,), self.values  # copies are made as the first one was

    @property
    def everywhere(self) -> dict[str, str]:
        """Language → text."""
        return everywhere(lambda: say(self.key, **{name: worded(value) for name, value in self.values.items()}))

    @property
    def kept(self) -> dict[str, Any]:
        """As JSON holds it, for another process to say: `recalled`."""
        return {"said": self.key, "values": {name: kept(value) for name, value in self.values.items()}}

    def mapped(self, change: Callable[[str], str]) -> Said:
        """The same with its values changed, such as to leave out places of this machine."""
        return Said(self.key, **{name: mapped(value, change) for name, value in self.values.items()})


def told_by(error: ProfundoError) -> str:
    """What a person is told of it on a page: a Said where it can be said in each language, else its line of English."""
    line = error.told or (error.args[0] if error.args else "")
    return line if isinstance(line, Said) else str(error)


def fault_of(error: ProfundoError, most: int = 300) -> str:
    """The same for a table of faults: what is no Said in one line that is cut."""
    line = told_by(error)
    return line if isinstance(line, Said) else " ".join(line.split())[:most]


def within(where: object, what: str) -> str:
    """A fault behind the place where it is: a Said where what is said there is one."""
    return Said("refusals.within", where=str(where), what=what) if isinstance(what, Said) else f"{where}: {what}"


def recalled(value: object) -> Said | None:
    """Of `kept`, which any program may have written; None for all that is none of our texts with what it needs."""
    try:
        told = again(value)
    except (LookupError, TypeError, ValueError, OSError, RecursionError):
        return None
    return told if isinstance(told, Said) else None


def again(value: object) -> object:
    """Raises what a text and its values raise that do not belong together."""
    if isinstance(value, list):
        return tuple(map(again, value))
    if not isinstance(value, dict):
        return value
    if not KEY.fullmatch(value["said"]):
        raise ValueError(value["said"])
    return Said(value["said"], **{str(name): again(one) for name, one in dict(value["values"]).items()})


def kept(value: object) -> object:
    if isinstance(value, tuple):
        return [kept(one) for one in value]
    return value.kept if isinstance(value, Said) else value


def plain(value: object) -> object:
    """What JSON holds, too: of nan and of a path, in which places of this machine are found, the text."""
    if isinstance(value, tuple | list):
        return tuple(map(plain, value))
    is_kept = value is None or isinstance(value, str | int) or (isinstance(value, float) and isfinite(value))
    return value if is_kept else str(value)


def everywhere(write: Callable[[], str]) -> dict[str, str]:
    """Language → what is written while it is spoken."""
    results = {}
    for one in LANGUAGES:
        with speaking(one):
            results[one] = str(write())  # and nothing that would be told in every language once more
    return results


def worded(value: object) -> object:
    """In the language that is spoken: other Saids, one behind the other where there are several, and numbers."""
    if isinstance(value, Said):
        return say(value.key, **{name: worded(one) for name, one in value.values.items()})
    if isinstance(value, tuple):
        return ", ".join(str(worded(one)) for one in value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return local(f"{value:,}") if isinstance(value, int) else figure(value)


def figure(value: float) -> str:
    """Four significant digits; of a whole number all, and of another that is far from one a power of ten: 1.5·10⁻⁹."""
    text = f"{value:.4g}"
    if "e" not in text:
        return local(text)
    if value.is_integer() and abs(value) < LARGEST_WHOLE:
        return local(f"{int(value):,}")
    mantissa, _, exponent = text.partition("e")
    return f"{local(mantissa)}·10{raised(int(exponent))}"


def raised(exponent: int) -> str:
    """⁻⁹ of −9."""
    return str(exponent).translate(RAISED)


def listed(parts: Sequence[str]) -> str:
    """Several, with commas between them; of Saids a Said."""
    return Said("lab.listed", parts=tuple(parts)) if parts else ""


def either(names: Sequence[str]) -> str:
    """Names of which one is to be taken: a, or b, in each language."""
    first, *rest = names
    for one in rest:
        first = Said("refusals.expect_or", first=first, word=one)
    return first


def mapped(value: object, change: Callable[[str], str]) -> object:
    if isinstance(value, tuple):
        return tuple(mapped(one, change) for one in value)
    if isinstance(value, Said):
        return value.mapped(change)
    return change(value) if isinstance(value, str) else value


def named(word: str) -> str:
    """A word of the field as a Said, where the others have one for it; of a model that was fitted to some samples its parts."""
    if some := SOME_OF_ALL.fullmatch(word):
        counts = (int(count.replace(",", "")) for count in some.groups()[1:])
        return Said("training.on_some", name=named(some[1]), **dict(zip(("some", "all"), counts, strict=True)))
    return Said(f"terms.{word}") if word in words("terms", "en") else word


def counted(key: str, number: int, /, **names: object) -> str:
    """The text ROOM.KEY_one or ROOM.KEY_many: the four languages have these two forms, one of them for 1 alone."""
    return say(f"{key}_{'one' if number == 1 else 'many'}", **names)


def term(word: str) -> str:
    """A word of the field, such as the name of a score, alone or of a class ("recall of cat"), in the language that is spoken;
    what has no translation as it is: a name that a person gave."""
    terms = words("terms", language())
    if some := SOME_OF_ALL.fullmatch(word):
        return say("training.on_some", name=term(some[1]), some=local(some[2]), all=local(some[3]))
    figure, of, name = word.partition(" of ")
    if of and figure in terms and word not in terms:
        return say("training.figure_of", figure=terms[figure], name=name)
    return terms.get(word, word)


def local(number: str) -> str:
    """A number that is written as in English, as the language that is spoken writes it: 28,938.5 as 28 938,5, and 1,234 as 1234."""
    return number if language() == "en" else FOUR_DIGITS.sub(r"\1", number).translate(MARKS)
