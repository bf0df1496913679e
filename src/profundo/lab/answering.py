"""Answers: predictions as JSON or CSV, whichever the client would rather have, and refusals as JSON."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from profundo.lab.limits import Refusal

if TYPE_CHECKING:
    from starlette.responses import Response

    from profundo.records import Targets

__all__ = ["Form", "as_csv", "as_json", "preferred", "refused"]

Form = Literal["application/json", "text/csv"]


def preferred(accept: str) -> Form:
    """CSV where an Accept header names it and not JSON; JSON for everybody else, as a server may (RFC 9110, 12.5.1)."""
    named = {choice.partition(";")[0].strip().lower() for choice in accept.split(",")}
    return "text/csv" if "text/csv" in named and "application/json" not in named else "application/json"


def as_json(value: Any) -> bytes:
    """In UTF-8. Numbers that JSON does not have become null."""
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
    except ValueError:
        text = json.dumps(finite(value), allow_nan=False, ensure_ascii=False)
    return text.encode("utf-8", "replace")


def finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: finite(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def as_csv(predictions: Sequence[dict[str, Any]], targets: Targets) -> bytes:
    """As `profundo predict --csv` writes it: the input, the prediction, P(…) of each class; or each real target."""
    from profundo.use.prediction_output import Rows

    text = io.StringIO()
    rows = Rows(text, Path(), targets)
    for one in predictions:
        rows.add(one)
    return text.getvalue().encode("utf-8", "replace")


def refused(refusal: Refusal, headers: dict[str, str] | None = None) -> Response:
    from starlette.responses import Response

    again = {} if refusal.again is None else {"retry-after": str(refusal.again)}
    body = as_json({"error": str(refusal)})
    return Response(body, refusal.status, media_type="application/json", headers={**again, **(headers or {})})
