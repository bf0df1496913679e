"""What a served network offers, described for programs: OpenAPI 3.1, whose schemas are JSON Schema 2020-12."""

from __future__ import annotations

from typing import Any

from profundo import __version__
from profundo.data.tables.new_rows import columns_of
from profundo.kinds import TargetKind
from profundo.lab.limits import Limits
from profundo.lab.request_inputs import TYPES
from profundo.records import Column, Spec

__all__ = ["description"]

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
PROBABILITY: Schema = {"type": "number", "minimum": 0, "maximum": 1}
REFUSALS = {
    400: "The request does not read; the error says where.",
    401: "The token is missing or wrong.",
    403: "A page of another site or port asked.",
    404: "Nothing is here.",
    405: "Another method is expected.",
    406: "Answers are JSON or CSV, and Accept names neither.",
    408: "The request did not come in time.",
    413: "Too many bytes, inputs or values.",
    415: "The network takes another kind of body.",
    421: "The Host header names another server.",
    503: "Busy; try again after Retry-After seconds.",
}


def description(name: str, spec: Spec, limits: Limits) -> Schema:
    """The whole document, as plain data."""
    return {
        "openapi": "3.1.0",
        "info": {"title": f"{name}, served by Profundo", "version": __version__},
        "security": [{"bearer": []}],
        "paths": {
            "/": {"get": operation("page", "The page for people.", {"text/html": TEXT})},
            "/health": {"get": operation("health", "Whether requests are taken.", json_of(an_object(status=TEXT)))},
            "/model": {"get": operation("model", "What it takes and says, and how well.", json_of({"type": "object"}))},
            "/openapi.json": {"get": operation("openapi", "This document.", json_of({"type": "object"}))},
            "/static/serve.css": {"get": operation("style", "The style of the page.", {"text/css": TEXT})},
            "/static/serve.js": {"get": operation("script", "The script of the page.", {"text/javascript": TEXT})},
            "/predict": {"post": predicting(spec, limits)},
        },
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Error": an_object(error=TEXT), "Prediction": prediction(spec)},
        },
    }


def predicting(spec: Spec, limits: Limits) -> Schema:
    answers = {
        "application/json": {
            "schema": an_object(predictions={"type": "array", "items": {"$ref": "#/components/schemas/Prediction"}})
        },
        "text/csv": {"schema": TEXT},
    }
    asked = operation(
        "predict",
        "Predictions for images, sounds, rows, arrays or series, in their order.",
        {},
        (400, 406, 408, 413, 415, 503),
    )
    asked["responses"]["200"]["content"] = answers
    return {**asked, "requestBody": {"required": True, "content": bodies(spec, limits)}}


def bodies(spec: Spec, limits: Limits) -> Schema:
    if spec.inputs.kind in TYPES:
        encoded = {"type": "string", "contentEncoding": "base64"}
        listed = {"type": "array", "items": encoded, "minItems": 1, "maxItems": limits.images}
        parts = {"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": limits.images}
        return {
            **{kind: {} for kind in TYPES[spec.inputs.kind]},
            "multipart/form-data": {"schema": parts},
            **json_of(an_object(**{spec.inputs.things: listed})),
        }
    if spec.inputs.kind != "features" and spec.inputs.forecast is None:
        nested: Schema = {"type": ["number", "null"] if spec.inputs.kind == "series" else "number"}
        for size in reversed(spec.inputs.shape):
            nested = {"type": "array", "items": nested, "minItems": size, "maxItems": size}
        several = {"type": "array", "items": nested, "minItems": 1, "maxItems": limits.rows}
        return json_of(an_object(**{spec.inputs.things: several}))
    forecast = spec.inputs.forecast
    columns = columns_of(spec.inputs) if forecast is None else forecast.columns
    row = an_object(
        **{column.name: value(column, bool(spec.inputs.columns) or forecast is not None) for column in columns}
    )
    rows = {"type": "array", "items": row, "minItems": 1, "maxItems": limits.rows}
    return {**json_of(an_object(rows=rows)), "text/csv": {"schema": TEXT}}


def value(column: Column, may_lack: bool) -> Schema:
    """Of one column, as JSON gives it. Categories that training did not see are taken too, so levels are examples."""
    if column.kind == "category":
        return {"type": ["string", "number", "boolean", "null"], "examples": list(column.levels[:20])}
    if column.kind == "text":
        return {"type": ["string", "null"]}
    if column.kind == "date":
        return {"type": ["string", "null"], "format": "date-time" if column.has_time else "date"}
    return {"type": ["number", "null"]} if may_lack else {"type": "number"}


def prediction(spec: Spec) -> Schema:
    """One answer, as `profundo.use.predicting.describe` makes it."""
    targets = spec.targets
    known = {"type": "string", "enum": list(targets.classes)}
    names: dict[TargetKind, Schema] = {
        "classes": known,
        "binary": known,
        "labels": {"type": "array", "items": known},
        "real": {"type": "number"},
        "mask": {"type": "array", "items": known},
        "objects": {"type": "array", "items": known},
        "map": {"type": "number"},
    }
    outputs = names[targets.kind]
    if targets.kind == "real" and (len(targets.names) > 1 or spec.inputs.forecast is not None):
        outputs = {
            "type": "array",
            "items": {"type": "number"},
            "minItems": len(targets.names),
            "maxItems": len(targets.names),
        }
    schema = an_object(input=TEXT, prediction=outputs)
    schema["properties"]["notices"] = {"type": "array", "items": TEXT}
    if spec.inputs.forecast is not None:
        texts = {"type": "array", "items": TEXT, "minItems": len(targets.names), "maxItems": len(targets.names)}
        schema["properties"] |= {"times": texts}
    if targets.margins:
        schema["properties"] |= {"low": outputs, "high": outputs}
    if targets.traits.one_class:
        schema["properties"]["probability"] = PROBABILITY
    schema["properties"] |= PIXELS.get(targets.kind, {})
    if targets.kind == "mask":
        schema["properties"]["shares"] = an_object(**dict.fromkeys(targets.classes, PROBABILITY))
    elif targets.traits.per == "object":
        schema["properties"] |= found(known)
    elif not targets.traits.numeric:
        schema["properties"]["probabilities"] = an_object(**dict.fromkeys(targets.classes, PROBABILITY))
    return schema


def found(known: Schema) -> Schema:
    """What was found in an image, as `runs.found.object_record` tells it."""
    box = {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4}  # left, top, right, bottom
    one = an_object(name=known, score=PROBABILITY, box=box)
    sides = {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}
    one["properties"]["mask"] = an_object(size=sides, counts=TEXT)  # runs as COCO writes them
    whole = {"type": "integer", "minimum": 1}
    return {"objects": {"type": "array", "items": one}, "width": whole, "height": whole}


PIXELS: dict[TargetKind, Schema] = {
    "mask": {"mask": {"type": "string", "contentEncoding": "base64", "contentMediaType": "image/png"}},
    "map": {
        "least": {"type": "number"},
        "greatest": {"type": "number"},
        "map": {"type": "string", "contentEncoding": "base64"},  # a .npy of NumPy
    },
}


def operation(called: str, summary: str, content: Schema, refusals: tuple[int, ...] = ()) -> Schema:
    outputs = {kind: {"schema": schema} if "schema" not in schema else schema for kind, schema in content.items()}
    errors = {str(status): refused(REFUSALS[status]) for status in (*refusals, 401, 403, 421)}
    return {
        "operationId": called,
        "summary": summary,
        "responses": {"200": {"description": summary, "content": outputs}, **dict(sorted(errors.items()))},
    }


def refused(why: str) -> Schema:
    return {"description": why, "content": json_of({"$ref": "#/components/schemas/Error"})}


def json_of(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}


def an_object(**properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties)}
