"""Two runs or more → one HTML page: which is better, by how much, and whether that may be luck; what differs between them.

The first run is the yardstick: every difference is that of another run minus the first. Like a run's own page it needs
no network and no script, and everything that came from outside is escaped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Any

from profundo.pictures import numbers
from profundo.pictures.bars import Rung, ladder_svg
from profundo.pictures.charts import curves_svg
from profundo.pictures.image_grid import image_grid
from profundo.pictures.rendering import rendered
from profundo.pictures.run_page.mistake_results import most_unusual, small
from profundo.pictures.run_page.report_content import Value
from profundo.pictures.tables import Cell, Figure, Grid, Row
from profundo.pictures.training_curves import ORDER, WHOLE_RUN, by_quantity
from profundo.pictures.verdict import is_better, is_share, main_name, meaning, score
from profundo.records import ClassScores, Scores, Spec

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Answered", "Comparison", "Contender", "Disagreements", "Pairing", "comparison_html", "pairing_words"]

LUCK = 0.05  # p from which on a difference is said to be possible by luck alone
MOST_CLASSES = 20  # rows of the table of classes
F1_THAT_COUNTS = 0.0005


@dataclass(frozen=True, slots=True)
class Contender:
    """One run. bytes: of its weights as saved; seconds: by phase; settings: nested or flat; best_epoch counts from 0."""

    name: str
    scores: Scores
    command: str
    history: Mapping[str, Sequence[float]] = field(default_factory=dict)
    best_epoch: int | None = None
    parameters: int = 0
    flops: int = 0
    bytes: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pairing:
    """The first run against another on the same samples. difference: other minus first, of the figure `name`, with its
    95 % interval; p: of luck alone; adjusted: that for as many comparisons as there are. first, second: samples that only
    one gets right; None for real targets. apart: why they cannot be compared sample by sample; then nothing else holds."""

    other: str
    name: str
    difference: float = 0.0
    low: float = 0.0
    high: float = 0.0
    p: float = 1.0
    adjusted: float = 1.0
    test: str = ""
    both: int | None = None
    first: int | None = None
    second: int | None = None
    neither: int | None = None
    apart: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """One test sample and what two runs said of it: (prediction, probability if any) each."""

    truth: str
    first: tuple[str, float | None]
    second: tuple[str, float | None]
    image: Tensor | None = None
    row: Sequence[Value] = ()


@dataclass(frozen=True, slots=True)
class Disagreements:
    """Samples that one run gets right (or nearer) and another wrong; number: how many there are in all."""

    winner: str
    loser: str
    first: str
    second: str
    number: int
    samples: Sequence[Answered]


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that the page tells; contenders in the order asked, the first of them the yardstick."""

    data: str
    spec: Spec
    contenders: Sequence[Contender]
    pairings: Sequence[Pairing]
    disagreements: Sequence[Disagreements] = ()


def comparison_html(comparison: Comparison) -> str:
    """The whole page as text. The same comparison gives the same page, byte for byte."""
    contenders, spec = comparison.contenders, comparison.spec
    name = main_name(contenders[0].scores.values)
    each = [one.name for one in contenders]
    settings, same = _differing([numbers.flat(one.settings) for one in contenders])
    places, _ = _differing([numbers.flat(one.environment) for one in contenders])
    return rendered(
        "comparison.html.j2",
        comparison=comparison,
        names=each,
        kind=spec.targets.kind,
        ladder=_ladder(contenders, name, spec.inputs.things) if name else None,
        words=[pairing_words(comparison, pairing) for pairing in comparison.pairings],
        scores=_scores(contenders),
        agreement=_agreement(comparison),
        settings=Grid("The settings that differ.", ["setting", *each], settings, look="dense names"),
        same=same,
        places=Grid("What differs in where they ran.", ["place", *each], places, look="dense names"),
        charts=_charts(contenders),
        classes=_classes(contenders, spec.targets.kind),
        disagreements=[_disagreements(one) for one in comparison.disagreements if one.samples],
        costs=_costs(contenders),
    )


def pairing_words(comparison: Comparison, pairing: Pairing) -> list[str]:
    """Who is better and whether it may be luck, in sentences."""
    first = comparison.contenders[0].name
    if pairing.apart:
        return [
            f"{pairing.other} and {first} cannot be compared sample by sample: {pairing.apart}. Their figures stand side "
            "by side, but how much of the difference is luck cannot be told. Runs with the same --seed have the same test samples; "
            "how much the seed matters, `profundo cross-validate DATA --repeats 3` tells."
        ]
    predictions = [_difference(first, pairing)]
    if pairing.first is not None and pairing.second is not None:
        differ = pairing.first + pairing.second
        predictions.append(
            f"They disagree on {differ:,} of {comparison.contenders[0].scores.samples:,} test samples: on "
            f"{pairing.first:,} only {first} is right, on {pairing.second:,} only {pairing.other}."
            if differ
            else "They are right and wrong on the very same samples."
        )
    predictions.append(_luck(pairing, several=sum(not one.apart for one in comparison.pairings) > 1))
    return predictions


def _difference(first: str, pairing: Pairing) -> str:
    name, away = pairing.name, pairing.difference
    if away == 0:
        return f"{pairing.other} and {first} have the same {name}."
    better, luck = is_better(name, away, 0.0), not pairing.adjusted < LUCK
    did = "did {} on this test split than" if luck else "is {} on these test samples than"
    points = f"{numbers.SPACE}percentage{numbers.SPACE}points" if is_share(name) else ""
    size, low, high = (_points(name, value) for value in (abs(away), pairing.low, pairing.high))
    direction = "higher" if away > 0 else "lower"
    return (
        f"{pairing.other} {did.format('better' if better else 'worse')} {first}: its {name} is {size}{points} {direction} "
        f"(95{numbers.SPACE}% interval of the difference: {low} to {high})."
    )


def _luck(pairing: Pairing, several: bool) -> str:
    p = pairing.adjusted
    counted = " after Holm’s correction for several comparisons" if several else ""
    told = f"{pairing.test}, p {'' if p < 0.001 else '= '}{numbers.chance(p)}{counted}"
    if p < LUCK:
        return f"That is more than luck ({told})."
    return f"That may well be luck ({told}): more test samples would be needed to tell."


def _points(name: str, value: float) -> str:
    """A difference: of shares in percentage points."""
    return (f"{100 * value:.2f}" if is_share(name) else numbers.plain(value)).replace("-", "−")


def _signed(name: str, value: float) -> str:
    if not isfinite(value):
        return "–"
    sign = "+" if value > 0 else "−"
    return f"{sign if value else '±'}{_points(name, abs(value))}"


def _ladder(contenders: Sequence[Contender], name: str, things: str) -> Figure:
    rungs = []
    for at, one in enumerate(contenders):
        if name in one.scores.values:
            low, high = one.scores.intervals.get(name, (None, None))
            rungs.append(Rung(one.name, one.scores.values[name], score(name, one.scores.values[name]), low, high, at))
    constant = contenders[0].scores.baseline.get(name)
    if constant is not None:
        rungs.append(Rung("constant predictor", constant, score(name, constant)))
    caption = (
        f"The {name} of each run on {contenders[0].scores.samples:,} test {things}, on one scale; bars are "
        f"95{numbers.SPACE}% intervals of each alone. They may overlap although the difference is no luck, since all runs "
        "were asked the same."
    )
    return Figure(ladder_svg(rungs, name=name, percent=is_share(name)), caption)


def _scores(contenders: Sequence[Contender]) -> Grid:
    """Each figure of all runs, the best marked, and how far each is from the first."""
    first = contenders[0]
    rows: list[Row] = []
    for name in first.scores.values:
        values = [one.scores.values.get(name) for one in contenders]
        known = [value for value in values if value is not None and isfinite(value)]
        best = next((v for v in known if not any(is_better(name, other, v) for other in known)), None)
        away = ["", *(_away(name, values[0], value) for value in values[1:])]
        cells = [
            Cell(
                "–" if value is None else score(name, value),
                remark=remark,
                look="strong" if value == best and len(set(known)) > 1 else "",
            )
            for value, remark in zip(values, away, strict=True)
        ]
        rows.append([Cell(name, remark=meaning(name), words=True), *cells])
    caption = (
        f"Every score on the test split, the best in bold; below each the difference from {first.name}, of shares in "
        "percentage points."
    )
    return Grid(caption, ["score", *(one.name for one in contenders)], rows, look="scores")


def _away(name: str, first: float | None, value: float | None) -> str:
    return "–" if first is None or value is None else _signed(name, value - first)


def _agreement(comparison: Comparison) -> Grid | None:
    """Of every run that answered the same samples as the first: who is right on how many."""
    first, pairings = comparison.contenders[0], [one for one in comparison.pairings if not one.apart]
    if not pairings or pairings[0].first is None:
        return None
    several = len(pairings) > 1
    columns = [f"{first.name} against", "both right", f"only {first.name}", "only the other", "both wrong", "p of luck"]
    rows: list[Row] = [
        [
            one.other,
            *(Cell(f"{number:,}") for number in (one.both, one.first, one.second, one.neither)),
            *(Cell(numbers.chance(p)) for p in ([one.p, one.adjusted] if several else [one.p])),
        ]
        for one in pairings
    ]
    caption = (
        f"The {first.scores.samples:,} test samples by who is right. Only those in the two middle columns tell which run is "
        "better."
    )
    return Grid(caption, [*columns, *(["p, corrected"] if several else [])], rows)


def _differing(each: Sequence[Mapping[str, str]]) -> tuple[list[Row], dict[str, str]]:
    """Rows of what differs, the name and what it is in each run; and what is the same in all."""
    names = dict.fromkeys(name for one in each for name in one)
    rows = [[name, *(one.get(name, "–") for one in each)] for name in names]
    return [row for row in rows if len(set(row[1:])) > 1], {row[0]: row[1] for row in rows if len(set(row[1:])) == 1}


def _charts(contenders: Sequence[Contender]) -> tuple[list[Figure], list[Figure]]:
    """For each quantity and split one picture with a curve for each run: what everybody looks at, and the rest. Of a
    single epoch there is nothing to draw."""
    series: dict[tuple[str, str], dict[str, Sequence[float]]] = {}
    for one in contenders:
        for quantity, curves in by_quantity(one.history).items():
            for split, values in curves.items():
                series.setdefault((quantity, split), {})[one.name] = values
    order = {"validation": 0, "training": 1}
    ranked = sorted(series.items(), key=lambda item: (ORDER.get(item[0][0], 5), order.get(item[0][1], 2)))
    figures: tuple[list[Figure], list[Figure]] = [], []
    for (quantity, split), curves in ranked:
        if max(map(len, curves.values())) > 1:
            label = quantity if split == WHOLE_RUN else f"{split} {quantity}"
            svg = curves_svg(curves, x_label="epoch", y_label=label, percent=is_share(quantity))
            figures[quantity not in ORDER].append(Figure(svg, f"{label[:1].upper()}{label[1:]} after each epoch."))
    return figures


def _classes(contenders: Sequence[Contender], kind: str) -> Grid | None:
    """F1 of each class by run; of many classes those on which the runs differ most."""
    every = [one.scores.per_class for one in contenders]
    if not all(every) or len({len(each) for each in every}) > 1:
        return None
    same = list(zip(*every, strict=True))
    one, which = ("label", "labels") if kind == "labels" else ("class", "classes")
    told = f"each {one}"
    if len(same) > MOST_CLASSES:
        kept = sorted(same, key=lambda each: -_spread(each))[:MOST_CLASSES]
        kept = [each for each in kept if _spread(each) > F1_THAT_COUNTS]
        told = f"the {len(kept)} of {len(same):,} {which} on which the runs differ most"
        same = kept
    rows: list[Row] = [[each[0].name, each[0].samples, *_f1_cells(each)] for each in same]
    caption = f"F1 (precision and recall in one figure, 1 at best) of {told}; beside each the difference from {contenders[0].name}."
    return Grid(caption, [one, "samples", *(one.name for one in contenders)], rows, look="names")


def _spread(each: Sequence[ClassScores]) -> float:
    return max(one.f1 for one in each) - min(one.f1 for one in each)


def _f1_cells(each: Sequence[ClassScores]) -> list[Cell]:
    away = ["", *(f"{one.f1 - each[0].f1:+.3f}".replace("-", "−") for one in each[1:])]
    return [Cell(f"{one.f1:.3f}", remark=remark) for one, remark in zip(each, away, strict=True)]


def _disagreements(of: Disagreements) -> dict[str, Any]:
    """Cards with images, or rows with their most unusual values."""
    return {
        "of": of,
        "pictures": any(one.image is not None for one in of.samples),
        "unusual": any(one.row for one in of.samples),
        "each": [
            {
                "of": one,
                "picture": None if one.image is None else image_grid(one.image[None], 1),
                "pixelated": small(one.image),
                "unusual": most_unusual(one.row),
            }
            for one in of.samples
        ],
    }


def _costs(contenders: Sequence[Contender]) -> Grid:
    """What each run cost."""
    epochs = [max(map(len, one.history.values()), default=0) for one in contenders]
    training = [one.seconds.get("training") for one in contenders]
    rows = [
        ("parameters", [numbers.count(one.parameters) for one in contenders]),
        ("one forward pass", [numbers.short(one.flops, "FLOPs") for one in contenders]),
        ("weights on disk", [_size(one.bytes) if one.bytes else "–" for one in contenders]),
        ("epochs", [numbers.count(number) for number in epochs]),
        ("best epoch", ["–" if one.best_epoch is None else numbers.count(one.best_epoch + 1) for one in contenders]),
        ("training", ["–" if s is None else numbers.duration(s) for s in training]),
        (
            "an epoch",
            ["–" if s is None or not n else numbers.duration(s / n) for s, n in zip(training, epochs, strict=True)],
        ),
    ]
    told: list[Row] = [[name, *map(Cell, cells)] for name, cells in rows if set(cells) != {"–"}]
    caption = "Sizes and times. Times depend on the machine and on what else it did."
    return Grid(caption, ["", *(one.name for one in contenders)], told)


def _size(number: int) -> str:
    """Bytes with a prefix that sticks to its unit: 137 kB."""
    text = numbers.short(number, "B")
    return text.replace(f"{numbers.SPACE}B", "B") if number >= 1000 else text
