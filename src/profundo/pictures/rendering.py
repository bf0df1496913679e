"""Templates → pages. Everything that comes from outside (class names, settings, paths) is escaped."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from profundo.languages import counted, language, say, term
from profundo.pictures import numbers

__all__ = ["rendered"]


def rendered(name: str, **values: Any) -> str:
    """The page that the template of that name makes of the values. The same values give the same page, byte for byte."""
    return _readable(_house().get_template(name).render(**values))


@cache
def _house() -> Any:
    from importlib.resources import files

    from jinja2 import Environment, FunctionLoader, StrictUndefined

    folder = files("profundo.pictures").joinpath("templates")
    house = Environment(
        loader=FunctionLoader(lambda name: folder.joinpath(name).read_text("utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    house.filters |= {name: getattr(numbers, name) for name in numbers.__all__} | {"coded": _coded}
    house.globals |= {"say": _marked(say), "counted": _marked(counted), "term": term, "language": language}
    return house


def _marked(speak: Callable[..., str]) -> Callable[..., Any]:
    """The same for templates: texts may hold HTML of ours, and what is filled in is escaped."""
    from markupsafe import Markup, escape

    def marked(*what: Any, **names: Any) -> Markup:
        return Markup(speak(*what, **{name: escape(value) for name, value in names.items()}))

    return marked


def _coded(text: str) -> Any:
    """HTML of a text in which `names` and commands stand between backticks: they become code."""
    from markupsafe import Markup, escape

    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _readable(page: str) -> str:
    """Control characters mean nothing in HTML and lone surrogates nothing in UTF-8: both become �."""
    return re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]", "\ufffd", page)
