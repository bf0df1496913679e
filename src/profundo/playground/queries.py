"""The whole state of the playground in an address: settings as a query string, and back.

to_query(new_settings(data="spiral", hidden=(8, 8)))      # "data=spiral&hidden=8,8"
from_query("data=spiral&hidden=8,8")
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from urllib.parse import quote_plus, unquote_plus

from profundo.data.dataset_names import nearest
from profundo.languages import Said
from profundo.playground.playground_settings import FIELDS, PlaygroundSettings, new_settings
from profundo.records import ProfundoError

__all__ = ["LONGEST", "from_query", "kept_of_query", "to_query"]

LONGEST = 200_000  # characters of an address: five thousand own points


def to_query(settings: PlaygroundSettings) -> str:
    """What differs from the usual settings, in their order; "" where nothing does."""
    return "&".join(
        f"{name}={quote_plus(FIELDS[name].kind.write(value), safe=',:;.-')}" for name, value in settings.given().items()
    )


def from_query(query: str) -> PlaygroundSettings:
    """The settings of a query, with or without its "?". Raises ProfundoError, of one line, for anything else."""
    if not isinstance(query, str) or len(query) > LONGEST:
        what = f"{len(query):,} characters" if isinstance(query, str) else type(query).__name__
        raise ProfundoError(f"playground: expected an address's query of at most {LONGEST:,} characters, got {what}")
    given: dict[str, object] = {}
    for part in parts_of(query):
        read_part(part, given)
    return new_settings(**given)


def kept_of_query(query: str) -> tuple[PlaygroundSettings, list[ProfundoError]]:
    """The settings of what a query says rightly, and what is wrong with the rest of it, part by part."""
    given: dict[str, object] = {}
    faults: list[ProfundoError] = []
    for part in parts_of(query):
        try:
            read_part(part, given)
        except ProfundoError as fault:
            faults.append(fault)
    while True:
        try:
            return new_settings(**given), faults
        except ProfundoError as fault:
            faults.append(fault)  # of values that do not go together one is given up, rather a later one
            del given[min(reversed(given), key=partial(rest_after, given, setting_of(fault)))]


def rest_after(given: Mapping[str, object], setting: str, left_out: str) -> int:
    """What is wrong without one of them: 0 nothing, 1 another setting, 2 the same one."""
    try:
        new_settings(**{name: value for name, value in given.items() if name != left_out})
    except ProfundoError as fault:
        return 1 + (setting_of(fault) == setting)
    return 0


def setting_of(fault: ProfundoError) -> str:
    return str(fault).partition(":")[2].partition(":")[0]


def parts_of(query: str) -> Iterator[str]:
    return filter(None, query.removeprefix("?").split("&"))


def read_part(part: str, given: dict[str, object]) -> None:
    """Put what one part of a query says to what is given. Raises ProfundoError."""
    name, equals, text = part.partition("=")
    name, text = unquote_plus(name), unquote_plus(text)
    if not equals or name not in FIELDS:
        hint = nearest(name[:60], FIELDS)
        raise ProfundoError(
            f"playground: expected setting=value in the address, got {part[:60]!r}; {hint}",
            told=Said("refusals.no_part", part=part[:60], hint=hint),
        )
    if name in given:
        raise ProfundoError(
            f"playground: {name}: stands twice in the address; expected it once", told=Said("refusals.twice", name=name)
        )
    given[name] = FIELDS[name].kind.read(name, text)
