"""A finished recipe → one HTML page: what the method is, what came out, what it looks like, how it got there."""

from __future__ import annotations

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

__all__ = ["Story", "story_html"]

MOST_TRAININGS = 4  # above, no curves but a table of what each ended with
WIDEST = 640  # pixels of a picture on the page
NOT_CURVES = {"epoch", "rate", "samples"}


@dataclass(frozen=True, slots=True)
class Story:
    """All that the page tells.

    title: the recipe's name; run: that of its folder. about: paragraphs on the method; changed: settings that are not the
    recipe's own, beside those. conclusion: what came out, in a sentence. scores, baseline: figures by name; against: what
    the baseline is. histories: of each training, one value an epoch by name. asked, environment, seconds, command: as in
    a Report; resumed: whether the seconds are those since the run was resumed.
    """

    title: str
    run: str
    about: Sequence[str]
    conclusion: str
    scores: Mapping[str, float]
    command: str
    baseline: Mapping[str, float] = field(default_factory=dict)
    against: str = "without learning"
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
    return rendered(
        "story.html.j2",
        story=story,
        main=_main(story),
        scores=_scores(story),
        exhibits=[_enlarged(number, exhibit) for number, exhibit in enumerate(story.exhibits, 1)],
        trainings=[(name, [*chain(*charts(history, None))]) for name, history in histories.items()] if few else [],
        ends=None if few else _ends(histories),
        changed=[(name, numbers.setting(now), numbers.setting(own)) for name, (now, own) in story.changed.items()],
        phases=[(name, numbers.duration(seconds)) for name, seconds in story.seconds.items()],
        asked=numbers.flat(story.asked),
        environment=numbers.flat(story.environment),
    )


def _main(story: Story) -> dict[str, str | None]:
    name = next(iter(story.scores), "")
    text = score(name, story.scores[name]) if name else ""
    return {"name": name, "text": text, "baseline": _baseline(story, name)}


def _baseline(story: Story, name: str) -> str | None:
    return score(name, story.baseline[name]) if name in story.baseline else None


def _scores(story: Story) -> Grid:
    against = bool(story.baseline)
    rows: list[Row] = [
        [name, Cell(score(name, value)), *([Cell(_baseline(story, name) or "–")] if against else [])]
        for name, value in story.scores.items()
    ]
    return Grid("Every figure.", ["figure", "learnt", *([story.against] if against else [])], rows)


def _enlarged(number: int, exhibit: Drawn) -> dict[str, Any]:
    """An exhibit with its anchor, and how large its pixels are shown."""
    times = max(1, min(4, WIDEST // max(1, exhibit.width)))
    return {"id": f"exhibit-{number}", "of": exhibit, "width": exhibit.width * times, "pixelated": times > 1}


def _ends(histories: Mapping[str, Mapping[str, Sequence[float]]]) -> Grid:
    """What each of many trainings ended with."""
    names = list(dict.fromkeys(n for history in histories.values() for n in history))
    rows: list[Row] = [
        [name, *(Cell(score(column, history[column][-1]) if column in history else "–") for column in names)]
        for name, history in histories.items()
    ]
    return Grid(f"What each of {len(rows)} trainings ended with", ["training", *names], rows)
