"""What a box in a picture means, told thrice, for a colour alone is seen by few and printed by none: by its colour, by its line and
by a sign before its name. The same on pages and in files.

    object      whole, in the colour of its class      what is said to be there, or was found, where nothing is judged
    found       whole, ✓                               a detection that is right
    false       dashed, ✗                              one that is wrong
    missed      dotted, ?                              an object that no detection found
    ignored     dashes and dots, –                     neither, such as a crowd
    doubtful    short dashes                           a place that looks like an object and has no label
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from profundo.languages import say, term
from profundo.pictures import numbers, svg
from profundo.pictures.objects.found_objects import Mark, Picture, Verdict

__all__ = ["LOOKS", "Look", "label_of", "mark_words", "marked_key", "picture_words", "style_of"]

JUDGED: tuple[Verdict, ...] = ("found", "false", "missed", "ignored")
NAMED = 12  # classes of a legend, as many as there are colours


@dataclass(frozen=True, slots=True)
class Look:
    """style: of the colour among svg.COLOURS; dashes: of the line, drawn and left out in turn; sign: before the name."""

    style: int
    dashes: str | None
    sign: str


LOOKS: Mapping[Verdict, Look] = {
    "object": Look(0, None, ""),
    "found": Look(0, None, "✓"),
    "false": Look(1, "7 3", "✗"),
    "missed": Look(6, "1.5 3", "?"),
    "ignored": Look(5, "7 3 1.5 3", "–"),
    "doubtful": Look(7, "4 4", ""),
}


def style_of(mark: Mark) -> int:
    """The number of its colour: that of its class where it is not judged."""
    return mark.kind % svg.MOST_CLASSES if mark.verdict == "object" else LOOKS[mark.verdict].style


def label_of(mark: Mark) -> str:
    """What is written beside it: its sign, its name, its score in percent; "" where it has no name."""
    if not mark.name:
        return ""
    score = "" if mark.score is None else f" {round(100 * mark.score)}"
    return f"{LOOKS[mark.verdict].sign} {mark.name}{score}".strip()


def mark_words(mark: Mark) -> str:
    """A mark in words, such as “✗ cat 83 (wrong: background)”."""
    meaning = (
        say("objects.wrong_for", why=say(f"objects.error_{mark.why}"))
        if mark.why
        else say(f"objects.key_{mark.verdict}")
    )
    return f"{label_of(mark)} ({meaning})"


def picture_words(picture: Picture) -> str:
    """Which image it is, and how many of each verdict there are."""
    verdicts = [mark.verdict for mark in picture.marks]
    counts = [say(f"objects.{one}", number=numbers.count(verdicts.count(one))) for one in LOOKS if one in verdicts]
    words = ", ".join(counts) or say("objects.nothing")
    return f"{picture.name}: {words}" if picture.name else say("objects.picture", number=picture.number, words=words)


def marked_key(verdicts: Sequence[Verdict] = JUDGED, classes: Sequence[str] = ()) -> str:
    """The legend of pictures with such marks, one entry below the other. classes: whose colours objects have that are not judged."""
    entries = [(Look(place, None, ""), name) for place, name in enumerate(classes[:NAMED])]
    entries += [(LOOKS[one], say(f"objects.key_{one}")) for one in verdicts]
    rows = []
    for at, (look, words) in enumerate(entries):
        y, hue = 12 + 20 * at, svg.colour(look.style, svg.MOST_CLASSES)
        rows.append(svg.line(2, y, 34, y, stroke=hue, stroke_width=3, stroke_dasharray=look.dashes))
        rows.append(svg.text(42, y, f"{look.sign} {words}".strip(), dy="0.35em"))
    return svg.picture(rows, term("legend"), bottom=20 * len(entries) + 4)
