"""Pictures, sounds and figures of what was said and what nets wrote down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor

from profundo.data.sound.phrases import Phrases
from profundo.data.sound.spectrograms import BANDS, RATE, log_mel
from profundo.objectives.ctc import Lattice
from profundo.pictures.charts import Line, heat_svg, lines_svg
from profundo.pictures.exhibits import Chart, Exhibit, Sound, Table
from profundo.pictures.sounds.heard_words import listening_svg
from profundo.recipes.recipe_charts import by_epoch
from profundo.recipes.speech.cut_words import Heard
from profundo.recipes.speech.speech_data import STEP, Speech

__all__ = [
    "by_noise",
    "by_words",
    "errors_by_epoch",
    "lattice_picture",
    "listening",
    "place_errors",
    "player",
    "rivals",
]

SOFTEST = -45.0  # dB below the loudest, in pictures
MOST_MOMENTS = 200  # of a picture
WAYS = {
    "CTC": "The curves are the probabilities that the net gives the labels it wrote at each step of 64 ms, dotted that of the blank",
    "Attention": "The curves are where the net looked while it wrote each label, a curve a label, in steps of 64 ms",
}


class Shown(NamedTuple):
    """A phrase with some noise that is pictured. who: "known" or "unknown" is its speaker."""

    who: str
    phrases: Phrases  # the only one
    speech: Speech

    @property
    def by(self) -> str:
        if self.who == "unknown":
            return f"by {self.speech.left_out}, whom the nets never heard before"
        return "of the test, by a speaker of training" if self.speech.left_out else "of the test"

    def titled(self, what: str) -> str:
        return f"{what}, {self.who} speaker" if self.speech.left_out else what

    @property
    def text(self) -> str:
        return self.speech.between.join(self.speech.labels[label] for label in self.phrases.said(0))

    def timed(self, answer: Heard) -> list[tuple[str, float]]:
        return [(self.speech.labels[label], at) for label, at in zip(answer.labels, answer.seconds, strict=True)]

    @property
    def spans(self) -> list[tuple[str, float, float]]:
        """Each word with when it begins and ends, where that is known."""
        if self.phrases.spans is None:
            return []
        both = zip(self.phrases.said(0), (self.phrases.spans[0] / RATE).tolist(), strict=False)
        return [(self.speech.labels[label], begin, end) for label, (begin, end) in both]


def listening(shown: Shown, way: str, answer: Heard, curves: Tensor, blank: Tensor | None = None) -> Chart:
    """curves: (labels, steps)."""
    sound, spans = shown.phrases[0], shown.spans
    levels = (1 - log_mel(sound) / SOFTEST).clamp(0, 1)
    levels = F.adaptive_avg_pool2d(levels[None], (min(MOST_MOMENTS, len(levels)), BANDS // 2))[0].T
    svg = listening_svg(
        levels.tolist(),
        len(sound) / RATE,
        curves.tolist(),
        STEP,
        said=spans,
        placed=shown.timed(answer),
        names=("said" if spans else "", "share", "written", "seconds"),
        aside=blank.tolist() if blank is not None else (),
    )
    true = "above, each word over the stretch in which it is said; " if spans else ""
    caption = (
        f"“{shown.text}” {shown.by}, in noise 10 dB below it: {true}in the middle its spectrogram, pitch from low to high; below, "
        f"what was written, with a line up to where in the sound it was put. {WAYS[way]}. Nobody told the net where a word begins."
    )
    return Chart(shown.titled(way), caption, svg)


def player(shown: Shown, answer: Heard) -> Sound:
    sound = shown.phrases[0]
    told = ", ".join(f"{word} at {at:.2f} s" for word, at in shown.timed(answer))
    caption = f"Said {shown.by}: “{shown.text}”. Written by CTC: {told or 'nothing'}."
    return Sound(shown.titled("To hear"), caption, sound / sound.abs().max().clamp_min(1e-9), RATE)


# -------------------------------------------------------------------------------------------------------------- figures
def rivals(
    parts: Mapping[str, Phrases],
    written: Mapping[str, Mapping[str, Sequence[Heard]]],
    rates: Mapping[str, Mapping[str, float]],
    sizes: Mapping[str, int],
) -> Table:
    """Of each way: mistakes, phrases without one, and how far from its middle a label is put."""
    has_places = parts["known"].spans is not None
    rows: list[list[str | float]] = [
        [
            way,
            f"{sizes[way]:,}" if way in sizes else "",
            *(cell for who in parts for cell in (rates[way][who], exact(parts[who], by[who]))),
            *([milliseconds(place_errors(parts["known"], by["known"]))] if has_places else []),
        ]
        for way, by in written.items()
    ]
    if has_places:
        even = [evenly_put(parts["known"], at) for at in range(len(parts["known"]))]
        blanks = [""] * (1 + 2 * len(parts))
        rows.append(["evenly spread over the phrase", *blanks, milliseconds(place_errors(parts["known"], even))])
    heads = [f"{what}, {who}" for who in parts for what in ("errors", "exact")]
    count = len(parts["known"])
    caption = (
        f"Errors: labels exchanged, left out and put in, per label that is said, of {count:,} phrases with noise as in training; "
        "exact: phrases without one. "
        + (
            "Known are the speakers of training, by other takes; unknown one who was never heard. "
            if len(parts) > 1
            else ""
        )
        + (
            "Place: the median distance of a label from the middle of its word, in exact phrases, once the median offset of "
            "validation is taken away."
            if has_places
            else ""
        )
    )
    return Table("Rivals", caption, ["way", "parameters", *heads, *(["place, ms"] if has_places else [])], rows, heads)


def milliseconds(errors: Sequence[float]) -> str:
    return f"{1000 * median(map(abs, errors)):.0f}" if errors else ""


def exact(phrases: Phrases, written: Sequence[Heard]) -> float:
    return sum(one.labels == phrases.said(at) for at, one in enumerate(written)) / len(written)


def place_errors(phrases: Phrases, written: Sequence[Heard]) -> list[float]:
    """Seconds by which each label was put after the middle of its word, in the phrases that were written without a mistake; none
    where nobody knows when words are said."""
    if phrases.spans is None:
        return []
    middles = (phrases.spans.double().mean(2) / RATE).tolist()
    return [
        at - middle
        for number, one in enumerate(written)
        if one.labels == phrases.said(number)
        for at, middle in zip(one.seconds, middles[number], strict=False)
    ]


def evenly_put(phrases: Phrases, index: int) -> Heard:
    """What is known of places by the number of labels alone."""
    labels, seconds = phrases.said(index), float(phrases.lengths[index]) / RATE
    return Heard(labels, [seconds * (at + 0.5) / len(labels) for at in range(len(labels))])


def by_words(numbers: Sequence[int], rates: Mapping[str, Sequence[float]], longest: int) -> Exhibit:
    return Chart(
        "By length",
        f"Errors in strings of each number of words, by known speakers; training had up to {longest}.",
        lines_svg(
            [Line(name, numbers, values) for name, values in rates.items()],
            x_label="words",
            y_label="label error rate",
            log_y=False,
            marks={"longest of training": longest},
            percent=True,
        ),
    )


def by_noise(levels: Sequence[float], rates: Mapping[str, Sequence[float]]) -> Exhibit:
    return Chart(
        "By noise",
        "Errors in the same phrases by known speakers, at each level of the speech above the noise; at 0 dB both are as loud.",
        lines_svg(
            [Line(name, levels, values) for name, values in rates.items()],
            x_label="speech above noise, dB",
            y_label="label error rate",
            log_y=False,
            percent=True,
        ),
    )


def lattice_picture(paths: Lattice, labels: Sequence[str], step: float) -> Chart:
    posteriors = paths.posteriors.T.flip(0).tolist()
    rows = ["–", *(name for label in labels for name in (label, "–"))][::-1]
    columns = [f"{step * at:.1f}" if at % 5 == 0 else "" for at in range(len(posteriors[0]))]
    caption = (
        f"All paths that mean “{' '.join(labels)}”, from the lower left to the upper right: a column is a step of 64 ms, a row a "
        "label or a blank (–). The stronger, the more of the paths' probability is there, by the forward–backward algorithm; each "
        "column adds up to 1."
    )
    svg = heat_svg(posteriors, row_labels=rows, column_labels=columns, x_label="seconds", y_label="label")
    return Chart("Paths", caption, svg)


def errors_by_epoch(rates: Mapping[str, Sequence[float]]) -> Exhibit:
    return by_epoch(
        "Errors by epoch",
        "Label error rate of validation phrases after each epoch, read without beam search.",
        rates,
        y_label="label error rate",
        log_y=False,
        percent=True,
    )
