"""The page on which a person tries a network: plain HTML made here, a script and a style beside it, nothing from elsewhere.

Whatever comes from data (class names, columns, names of runs) is text on it, never markup: the template escapes it, the
script sets `textContent`, and the guard's content policy forbids any script in the page itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from profundo.data.tables.new_rows import columns_of
from profundo.evaluate.conformal import LEVEL
from profundo.kinds import InputKind, TargetKind
from profundo.lab.limits import Limits
from profundo.lab.request_inputs import TYPES
from profundo.languages import local, say, speaking, term, words
from profundo.records import Column, Inputs, Spec, Targets
from profundo.runs.voice import figure

__all__ = ["page"]

THIN_SPACE = "\u202f"  # that does not break
MOST_NAMES = 5  # of targets in a sentence
DAYS = {"ymd": "%Y-%m-%d", "dmy": "%d/%m/%Y", "mdy": "%m/%d/%Y"}
MOST_FIELDS = 100  # columns; with more, a row comes as a file


@dataclass(frozen=True, slots=True)
class Field:
    """One column as the form shows it. value: what it holds at first, as the table writes it; decimal: its sign before decimals."""

    name: str
    kind: str
    levels: tuple[str, ...]
    value: str
    decimal: str = "."


def page(name: str, spec: Spec, card: Mapping[str, Any], limits: Limits, language: str) -> bytes:
    """The whole page, in UTF-8."""
    inputs = spec.inputs
    columns = columns_of(inputs) if inputs.kind == "features" else ()
    is_table = inputs.kind == "features" or inputs.forecast is not None
    html = _template().render(
        name=name,
        t=words("service", language),
        language=language,
        level=LEVEL,
        about=about(spec, language),
        takes_files=inputs.kind in TYPES,
        is_sound=inputs.kind == "sound",
        is_table=is_table,
        example="" if is_table or inputs.kind in TYPES else f'{{"{inputs.things}": [[[…]]]}}',
        accept=",".join(TYPES.get(inputs.kind, ())),
        may_lack=bool(inputs.columns),
        fields=[field(column) for column in columns] if len(columns) <= MOST_FIELDS else [],
        limits=limits,
        rows=f"{limits.rows:,}".replace(",", THIN_SPACE),  # which all four languages read
        megabytes=limits.body_bytes // 10**6,
        scores=scoreboard(card, language),
        sentences=card.get("limits", ()),
    )
    return str(html).encode("utf-8", "replace")


def about(spec: Spec, language: str) -> str:
    """What the network takes and says, in a sentence."""
    with speaking(language):
        return _about(spec.inputs, spec.targets, spec.outputs)


def _about(inputs: Inputs, targets: Targets, outputs: int) -> str:
    if inputs.forecast is not None:
        columns = ", ".join(one.name for one in inputs.forecast.columns)
        return say("service.takes_course", columns=columns, count=outputs)
    takes = TAKES.get(inputs.kind, takes_arrays)(inputs)
    says = say(f"service.{SAYS[targets.kind]}", count=len(targets.classes))
    if targets.kind == "real" and targets.names:
        more = ", …" if len(targets.names) > MOST_NAMES else ""
        says = f"{says.removesuffix('.')}: {', '.join(targets.names[:MOST_NAMES])}{more}."
    return f"{takes} {says}"


def takes_images(inputs: Inputs) -> str:
    channels, height, width = inputs.shape
    colours = say("service.grey" if channels == 1 else "service.colour")
    return say("service.takes_images", size=f"{width} × {height}", colours=colours)


def takes_sounds(inputs: Inputs) -> str:
    seconds, rate = f"{inputs.shape[1] / inputs.sound.rate:.2g}", f"{inputs.sound.rate / 1000:g}"
    return say("service.takes_sounds", seconds=local(seconds), rate=local(rate))


def takes_rows(inputs: Inputs) -> str:
    return say("service.takes_rows", count=len(columns_of(inputs)))


def takes_arrays(inputs: Inputs) -> str:
    return say("service.takes_arrays", size=" × ".join(map(str, inputs.shape)))


TAKES: Mapping[InputKind, Callable[[Inputs], str]] = {
    "image": takes_images,
    "sound": takes_sounds,
    "features": takes_rows,
}
SAYS: Mapping[TargetKind, str] = {
    "classes": "says_classes",
    "binary": "says_classes",
    "labels": "says_labels",
    "real": "says_numbers",
    "mask": "says_masks",
    "map": "says_maps",
    "objects": "says_objects",
    "any": "says_numbers",
}


def scoreboard(card: Mapping[str, Any], language: str) -> dict[str, Any] | None:
    """The test figures of a model card (`profundo.use.model_card`), beside simpler predictors'; None where it has none."""
    scores, t = card.get("scores", {}), words("service", language)
    test = scores.get("test", {})
    if not test:
        return None
    with speaking(language):
        others = {
            t["constant"]: scores.get("baseline", {}),
            term(card.get("linear_name", "")): scores.get("linear", {}),
        }
        others = {name: values for name, values in others.items() if values}
        rows = [
            (term(name), [local(figure(name, one[name])) if name in one else "" for one in (test, *others.values())])
            for name in test
        ]
    return {"columns": [t["this_network"], *others], "rows": rows}


def field(column: Column) -> Field:
    """Filled in with what is usual, as the table writes it: the median or mean of the training rows, the first category."""
    if column.kind == "text":
        return Field(column.name, column.kind, (), "")
    if column.kind == "category":
        return Field(column.name, column.kind, column.levels, column.levels[0] if column.levels else "")
    if column.kind == "number":
        usual = f"{float(f'{column.fill:.4g}'):.12g}"  # 4422000, not 4.422e+06
        decimal = column.writing.decimal
        return Field(column.name, column.kind, (), usual.replace(".", decimal), decimal)
    form = DAYS.get(column.writing.dates, column.writing.dates)  # a format of its own tells the hour, too
    form += " %H:%M" if column.has_time and column.writing.dates in DAYS else ""
    return Field(column.name, column.kind, (), datetime.fromtimestamp(column.fill, UTC).strftime(form))


@cache
def _template() -> Any:
    from jinja2 import Environment, StrictUndefined

    house = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return house.from_string(files("profundo.lab").joinpath("static", "serve.html").read_text("utf-8"))
