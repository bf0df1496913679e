"""What a form expects where it refuses a value: pydantic's errors by their types, as texts in every language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from profundo.languages import Said

__all__ = ["expected_of"]

# Type of an error → key of the text; what the error says of the bound fills it in, under the text's own name.
BOUNDS = {
    "greater_than_equal": ("at_least", "least", "ge"),
    "greater_than": ("above", "least", "gt"),
    "less_than_equal": ("at_most", "most", "le"),
    "less_than": ("below", "most", "lt"),
    "string_too_long": ("letters", "most", "max_length"),
    "too_long": ("items_most", "most", "max_length"),
    "too_short": ("items_least", "least", "min_length"),
}
KINDS = {
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "whole"),
    **dict.fromkeys(("float_type", "float_parsing"), "number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "switch"),
    "finite_number": "finite",
    "string_type": "text",
}


def expected_of(error: Mapping[str, Any]) -> Said | str:
    """Of one of pydantic's errors what was expected; "" where there is no text for it."""
    kind, context = str(error["type"]), error.get("ctx", {})
    if kind in BOUNDS:
        key, name, theirs = BOUNDS[kind]
        return Said(f"refusals.expect_{key}", **{name: context[theirs]})
    if kind == "literal_error":
        return Said("refusals.expect_one_of", names=context["expected"].replace("'", "").replace(" or ", ", "))
    key = KINDS.get(kind, "")
    return Said(f"refusals.expect_{key}") if key else ""
