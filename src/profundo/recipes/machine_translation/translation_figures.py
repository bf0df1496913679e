"""Figures of translations, and their tables and charts: answers of several ways to the texts of a test, side by side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean

from profundo.data.text.text_pairs import Pair
from profundo.evaluate.sequences.bleu import LONGEST, bleu, cut
from profundo.pictures.charts import Line, lines_svg
from profundo.pictures.exhibits import Chart, Table
from profundo.pictures.numbers import how_many

__all__ = ["Answers", "by_kind", "by_length", "judged", "share_right", "written_table"]

Answers = Mapping[str, Sequence[str]]
"""By the name of a way, what it writes for each text."""
ROWS = 12
NOTHING = "–"  # for an empty answer, which a cell would not show


def judged(made: Sequence[str], wanted: Sequence[str]) -> dict[str, float]:
    """BLEU only where a text has the four words that it counts in a row: 0 of shorter ones would say nothing."""
    figures = {"exact match": share_right(made, wanted)}
    long = any(len(cut(text)) >= LONGEST for text in wanted)
    return {**figures, "BLEU": bleu(made, wanted)} if long else figures


def share_right(made: Sequence[str], wanted: Sequence[str]) -> float:
    """Of the texts that are what is wanted, to the letter."""
    return sum(one == other for one, other in zip(made, wanted, strict=True)) / len(wanted)


def written_table(test: Sequence[Pair], answers: Answers) -> Table:
    """First the texts of which most different things are made."""
    places = sorted(range(len(test)), key=lambda at: -len({made[at] for made in answers.values()}))[:ROWS]
    rows = []
    for at in places:
        told = ("✓" if made[at] == test[at].target else made[at] or NOTHING for made in answers.values())
        rows.append([test[at].source, test[at].target, *told])
    return Table(
        "What they write",
        f"{how_many(len(places), 'text')} of the test, first those of which most different things are made; "
        "✓ is the wanted translation.",
        ["text", "wanted", *answers],
        rows,
    )


def by_kind(test: Sequence[Pair], answers: Answers, never: tuple[Sequence[Pair], Answers] | None) -> Table:
    """never: texts of a kind that training has none of, and what is made of them; ways that have no answer are left out."""
    places = defaultdict(list)
    for at, pair in enumerate(test):
        places[pair.kind or "all"].append(at)
    rows: list[list[str | float]] = [
        [kind, len(own), *(fmean(made[at] == test[at].target for at in own) for made in answers.values())]
        for kind, own in sorted(places.items())
    ]
    told = ""
    if never is not None:
        pairs, further = never
        shares = (share_right(further[way], wanted_of(pairs)) if way in further else "" for way in answers)
        rows.append([pairs[0].kind, len(pairs), *shares])
        told = f" The last row, {pairs[0].kind}, is what no pair of training shows."
    caption = f"Share of the test's texts that are translated to the letter.{told}"
    return Table("Exact translations by kind", caption, ["kind", "texts", *answers], rows, [*answers])


def wanted_of(pairs: Sequence[Pair]) -> list[str]:
    return [pair.target for pair in pairs]


def by_length(test: Sequence[Pair], answers: Answers, lengths: Sequence[int]) -> Chart:
    """lengths: pieces of each translation that is wanted."""
    lines = []
    for way, made in answers.items():
        right = defaultdict(list)
        for one, pair, length in zip(made, test, lengths, strict=True):
            right[length].append(one == pair.target)
        places = sorted(right)
        lines.append(Line(way, places, [fmean(right[length]) for length in places]))
    return Chart(
        "Exact translations by length",
        "Share of the test's texts translated to the letter, by how many words and signs are to be written.",
        lines_svg(lines, x_label="pieces to be written", y_label="exact translations", log_y=False, percent=True),
    )
