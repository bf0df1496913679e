"""Answers: predictions as JSON or CSV, whichever the client would rather have, and refusals as JSON."""

from __future__ import annotations

import io
import json
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from profundo.lab.limits import Refusal
from profundo.languages import Said

if TYPE_CHECKING:
    from starlette.responses import Response

    from profundo.records import Targets

__all__ = ["Form", "as_csv", "as_json", "preferred", "refusals"]

Form = Literal["application/json", "text/csv"]
GONE = 499  # what proxies write for a client that left; nobody reads it
FORMS: tuple[Form, ...] = ("application/json", "text/csv")


def preferred(accept: str) -> Form:
    """By the weights of an Accept header (RFC 9110, 12.5.1); JSON where both are as welcome. Refusal 406 for neither."""
    if not accept.strip():
        return "application/json"
    weights = dict(map(weight, accept.split(",")))

    def welcome(form: Form) -> float:
        ranges = (form, f"{form.split('/')[0]}/*", "*/*")
        return next((weights[media] for media in ranges if media in weights), 0.0)

    best = max(FORMS, key=welcome)
    if not welcome(best) > 0:
        raise Refusal(406, f"answers are {' or '.join(FORMS)}; Accept: names neither")
    return best


def weight(choice: str) -> tuple[str, float]:
    media, *parameters = (part.strip().lower() for part in choice.split(";"))
    told = next((text[2:] for text in parameters if text.startswith("q=")), "1")
    try:
        return media, min(1.0, max(0.0, float(told)))
    except ValueError:
        return media, 0.0


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
    everywhere = {"told": refusal.told.everywhere} if isinstance(refusal.told, Said) else {}
    body = as_json({"error": str(refusal), **everywhere})
    return Response(body, refusal.status, media_type="application/json", headers={**again, **(headers or {})})


def refusals(whereabouts: str) -> Mapping[Any, Callable[..., Any]]:
    """What an application answers for each kind of exception. whereabouts: for who asks for what there is not."""
    from starlette.exceptions import HTTPException
    from starlette.requests import ClientDisconnect
    from starlette.responses import Response

    async def said_no(_: Any, refusal: Refusal) -> Response:
        return refused(refusal)

    async def not_found(_: Any, error: HTTPException) -> Response:
        """No such place, or another method."""
        headers = dict(error.headers or {})
        if error.status_code == 405:
            return refused(Refusal(405, f"expected {headers.get('Allow', 'another method')} here"), headers)
        return refused(Refusal(error.status_code, f"nothing is here; {whereabouts}"), headers)

    async def left(_: Any, __: ClientDisconnect) -> Response:
        return Response(status_code=GONE)

    async def failed(_: Any, error: Exception) -> Response:
        """A mistake of ours: told on stderr in full, to the client in one line without a detail."""
        logging.getLogger("profundo.lab").error("a request failed", exc_info=error)
        return refused(Refusal(500, Said("refusals.our_mistake")))

    return {Refusal: said_no, HTTPException: not_found, ClientDisconnect: left, Exception: failed}
