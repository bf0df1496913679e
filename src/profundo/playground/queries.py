"""The whole state of the playground in an address: settings as a query string, and back.

to_query(new_settings(data="spiral", hidden=(8, 8)))      # "data=spiral&hidden=8,8"
from_query("data=spiral&hidden=8,8")
"""

from __future__ import annotations

from urllib.parse import quote_plus, unquote_plus

from profundo.data.dataset_names import nearest
from profundo.playground.playground_settings import FIELDS, PlaygroundSettings, new_settings
from profundo.records import ProfundoError

__all__ = ["LONGEST", "from_query", "to_query"]

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
    for part in filter(None, query.removeprefix("?").split("&")):
        name, equals, text = part.partition("=")
        name, text = unquote_plus(name), unquote_plus(text)
        if not equals or name not in FIELDS:
            raise ProfundoError(
                f"playground: expected setting=value in the address, got {part[:60]!r}; {nearest(name[:60], FIELDS)}"
            )
        if name in given:
            raise ProfundoError(f"playground: {name}: stands twice in the address; expected it once")
        given[name] = FIELDS[name].kind.read(name, text)
    return new_settings(**given)
