"""A finished recipe → one HTML page: what came out, what it looks like, how it got there; then what the method is, and what it
reached for its author."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from profundo.pictures import numbers
from profundo.pictures.exhibits import Drawn
from profundo.pictures.rendering import rendered
from profundo.pictures.tables import Cell, Grid, Row
from profundo.pictures.training_curves import charts
from profundo.pictures.verdict import score

__all__ = ["Meaning", "Story", "story_html"]

MOST_TRAININGS = 4  # above, no curves but a table of what each ended with
MOST_FIGURES = 4  # above, the others are folded
WIDEST = 640  # pixels of a picture on the page, enlarged
LARGEST = 8  # times
READABLE = 48  # pixels of an image among others, that one sees what is on it
ON_A_PHONE = 32  # as before, where the picture is scrolled rather than made smaller
NOT_CURVES = {"epoch", "rate", "samples"}


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a figure is, in words, and which is the better: "higher", "lower", or "", where neither is."""

    what: str
    better: str = ""

    def is_better(self, value: float, other: float) -> bool:
        """Whether value is strictly better than other."""
        return value > other if self.better == "higher" else self.better == "lower" and value < other


@dataclass(frozen=True, slots=True)
class Story:
    """All that the page tells.

    title: the recipe's name; run: that of its folder. about: paragraphs on the method, from the one that begins with "Result" on what
    it reached for its author; changed: settings that are not the recipe's own, beside those. conclusion: what came out, in a
    sentence; cautions: what keeps one from trusting it; rivals: the main figure of further ways. scores,
    baseline: figures by name, meanings: what they are; against: what the baseline is, or by the figure's name where figures have
    several. histories: of each training, one value an epoch by name. asked, environment, seconds, command: as in a Report;
    resumed: whether the seconds are those since the run was resumed.
    """

    title: str
    run: str
    about: Sequence[str]
    conclusion: str
    scores: Mapping[str, float]
    command: str
    baseline: Mapping[str, float] = field(default_factory=dict)
    against: str | Mapping[str, str] = "without learning"
    meanings: Mapping[str, Meaning] = field(default_factory=dict)
    cautions: Sequence[str] = ()
    rivals: Mapping[str, float] = field(default_factory=dict)
    changed: Mapping[str, tuple[object, object]] = field(default_factory=dict)
    exhibits: Sequence[Drawn] = ()
    histories: Mapping[str, Mapping[str, Sequence[float]]] = field(default_factory=dict)
    asked: Mapping[str, object] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    resumed: bool = False


def story_html(story: Story) -> str:
    """The whole page as text. The same story gives the same page, byte for byte."""
    histories = {
        name: {quantity: values for quantity, values in history.items() if quantity not in NOT_CURVES}
        for name, history in story.histories.items()
        if history
    }
    few = len(histories) <= MOST_TRAININGS
    figures = [_figure(story, name) for name in story.scores]
    result = next((at for at, text in enumerate(story.about) if text.startswith("Result")), len(story.about))
    return rendered(
        "story.html.j2",
        story=story,
        figures=figures,
        first=_grid(story, figures[1:MOST_FIGURES]),
        rivals=[(name, score(next(iter(story.scores)), value)) for name, value in story.rivals.items()],
        rest=_grid(story, figures[MOST_FIGURES:]),
        exhibits=[_enlarged(number, exhibit) for number, exhibit in enumerate(story.exhibits, 1)],
        trainings=[(name, [*chain(*charts(history, None))]) for name, history in histories.items()] if few else [],
        ends=None if few else _ends(histories),
        method=story.about[1:result],
        reached=[_capital(text.removeprefix("Result").lstrip(":, ")) for text in story.about[result:]],
        changed=[(name, numbers.setting(now), numbers.setting(own)) for name, (now, own) in story.changed.items()],
        phases=[(name, numbers.duration(seconds)) for name, seconds in story.seconds.items()],
        asked=numbers.flat(story.asked),
        environment=numbers.flat(story.environment),
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _figure(story: Story, name: str) -> dict[str, Any]:
    """One figure as it is read, and beside what."""
    meaning, other = story.meanings.get(name, Meaning("")), story.baseline.get(name)
    against = story.against if isinstance(story.against, str) else story.against.get(name, "")
    return {
        "name": name,
        "text": score(name, story.scores[name]),
        "what": meaning.what,
        "better": meaning.better,
        "beside": None if other is None else score(name, other),
        "against": against,
    }


def _grid(story: Story, figures: Sequence[Mapping[str, Any]]) -> Grid:
    """One baseline has a column of its own; where there are several, each is named beside its figure."""
    one = story.against if isinstance(story.against, str) else ""
    rows: list[Row] = []
    told = ""
    for figure in figures:
        beside = Cell(figure["beside"] or "–", remark=figure["against"] if figure["beside"] and not one else "")
        what = figure["what"] + (f"; {figure['better']} is better" if figure["better"] else "")
        named = Cell(figure["name"], remark="" if what == told else what, words=True)
        told = what
        rows.append([named, Cell(figure["text"], look="strong"), *([beside] if story.baseline else [])])
    columns = ["figure", "this run", *([one or "beside it"] if story.baseline else [])]
    return Grid("", columns, rows, look="scores")


def _enlarged(number: int, exhibit: Drawn) -> dict[str, Any]:
    """An exhibit with its anchor, and how large its pixels are shown; least: how small it may become on a phone."""
    times = max(1, min(LARGEST, WIDEST // max(1, exhibit.width)))
    across = 1
    if 0 < exhibit.cell < READABLE:
        times = max(times, math.ceil(READABLE / exhibit.cell))
        across = (exhibit.width + 1) // (exhibit.cell + 1)
    shown = {"id": f"exhibit-{number}", "of": exhibit, "width": exhibit.width * times, "pixelated": times > 1}
    return {**shown, "least": max(exhibit.least, across * ON_A_PHONE if across > 1 else 0)}


def _ends(histories: Mapping[str, Mapping[str, Sequence[float]]]) -> Grid:
    """What each of many trainings ended with."""
    names = list(dict.fromkeys(n for history in histories.values() for n in history))
    rows: list[Row] = [
        [name, *(Cell(score(column, history[column][-1]) if column in history else "–") for column in names)]
        for name, history in histories.items()
    ]
    return Grid(f"What each of {len(rows)} trainings ended with", ["training", *names], rows)
