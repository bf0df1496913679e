"""How good it is, in words: the main figure with its interval, beside what a constant and a linear model reach."""

from __future__ import annotations

import math
from collections.abc import Mapping

from profundo.pictures import numbers
from profundo.pictures.bars import Rung
from profundo.pictures.tables import Cell, Grid, Row
from profundo.records import Scores, Targets

__all__ = [
    "MEANINGS",
    "is_better",
    "is_share",
    "main_name",
    "meaning",
    "no_better",
    "rises",
    "rule",
    "rungs",
    "score",
    "scores_grid",
    "sentences",
    "span",
]

SHARES = {
    "accuracy",
    "balanced accuracy",
    "top-5 accuracy",
    "exact match",
    "label accuracy",
    "calibration error",
    "precision",
    "recall",
    "error",
    "mean IoU",
    "mean Dice",
}
FALLING = ("RMSE", "MAE", "loss", "error")  # last words of figures of which less is better
MEANINGS = {
    "accuracy": "share of the samples classified correctly",
    "balanced accuracy": "mean of the classes’ recalls: every class counts alike",
    "top-5 accuracy": "the true class is among the five likeliest",
    "macro F1": "mean of the classes’ F1 scores",
    "F1": "precision and recall of the class in one figure",
    "average precision": "mean precision over the samples of the class, at the place where each is ranked",
    "mean average precision": "mean of the labels’ average precisions: whether samples of each are ranked before others",
    "ROC-AUC": "how often the right one of two samples is ranked above the other; 0.5 is chance",
    "calibration error": "mean distance between the stated probability and the share that was right",
    "log loss": "mean of −ln of the probability given to the truth, in nats; 0 is certain and right",
    "hinge loss": "mean of max(0, 1 − margin)",
    "exact match": "share of the samples with every label right",
    "label accuracy": "share of the single labels that were right",
    "mean IoU": "mean over the classes of found pixels / pixels that are of it or were taken for it",
    "mean Dice": "mean over the classes of 2 · found pixels / (pixels that are of it + taken for it)",
    "pixel accuracy": "share of the pixels whose class is right",
    "RMSE": "root of the mean squared error, in units of the target",
    "MAE": "mean absolute error, in units of the target",
    "R²": "share of the variance that is explained; 0 is the mean, 1 is perfect",
}


def is_share(name: str) -> bool:
    """Whether a figure is a share, which people read in percent; "F1 of share" is the F1 of a class."""
    words = ("accuracy", "share", "average precision")
    return name in SHARES or (any(word in name for word in words) and not name.startswith("F1 of "))


def score(name: str, value: float) -> str:
    """As people read it; only a ranking without a fault is called 1."""
    if name == "ROC-AUC" and 0.99995 <= value < 1:
        return "> 0.9999"
    return numbers.percent(value) if is_share(name) else numbers.plain(value)


def meaning(name: str) -> str:
    """What a figure is, in words; "F1 of churn" is the F1 of a class."""
    return MEANINGS.get(name) or MEANINGS.get(name.partition(" of ")[0], "")


def main_name(values: Mapping[str, float]) -> str:
    """The figure that the reader came for: the first, see evaluate/leading.py."""
    return next(iter(values), "")


def is_better(name: str, value: float, other: float) -> bool:
    """Whether value is strictly better than other; what is not a number is not."""
    return value > other if rises(name) else value < other


def rises(name: str) -> bool:
    """Whether a larger value is the better one."""
    return not name.endswith(FALLING) or name.startswith("F1 of ")


def no_better(name: str, scores: Scores, samples: str) -> str:
    """That the network is no better than a constant, if by this figure it is not, or not beyond what so many samples can
    tell; and what it answers, where that is always the same. samples: such as "300 test samples"."""
    if name not in scores.baseline:
        return ""
    better = is_better(name, scores.values[name], scores.baseline[name])
    if better and scores.beyond_chance:
        return ""
    answered = [
        one for one, row in zip(scores.per_class, zip(*scores.confusion, strict=True), strict=False) if any(row)
    ]
    always = f": it answers {answered[0].name!r} to all of them" if len(answered) == 1 else ""
    simple = "a constant answer" if scores.baseline_name == "constant predictor" else f"the {scores.baseline_name}"
    if better:
        return f"better than {simple}, but {samples} are too few to tell that from luck{always}"
    return f"no better than {simple} on {samples}{always}"


def rule(targets: Targets) -> str:
    """What the constant predictor answers."""
    if targets.traits.numeric:
        return "the mean of the training targets"
    return "each label’s more frequent state" if targets.kind == "labels" else "the most frequent class"


def scores_grid(scores: Scores, validation: Scores | None, kept: str) -> Grid:
    """All figures beside those of simpler predictors, with a dash for what was not measured. kept: which network it is."""
    others = [("validation", validation.values if validation else {}), (scores.baseline_name, scores.baseline)]
    others = [(title, values) for title, values in [*others, (_linear_kind(scores), scores.linear)] if values]
    spans = {name: span(name, scores.intervals.get(name)) for name in scores.values}
    sure = any(spans.values())
    rows: list[Row] = [
        [
            Cell(name, remark=meaning(name), words=True),
            Cell(score(name, value), look="strong"),
            *([Cell(spans[name] or "–", look="muted")] if sure else []),
            *(Cell(score(name, values[name]) if name in values else "–") for _, values in others),
        ]
        for name, value in scores.values.items()
    ]
    caption = f"Every score of the kept network{kept}."
    if sure:
        caption += (
            f" The interval says where the figure would be, with 95{numbers.SPACE}% confidence, on many more samples."
        )
    columns = ["score", "test", *([f"95{numbers.SPACE}% interval"] if sure else []), *(title for title, _ in others)]
    return Grid(caption, columns, rows, look="scores")


def span(name: str, interval: tuple[float, float] | None) -> str:
    """An interval as people write it: 98.97 to 99.33 %."""
    if interval is None or not all(map(math.isfinite, interval)):
        return ""
    low, high = (score(name, edge) for edge in interval)
    return f"{low.removesuffix(numbers.SPACE + '%') if is_share(name) and '<' not in low else low} to {high}"


def rungs(name: str, scores: Scores) -> list[Rung]:
    """The network, the linear model and the constant on one scale."""
    low, high = scores.intervals.get(name, (None, None))
    results = [Rung("this network", scores.values[name], score(name, scores.values[name]), low, high, 0)]
    for title, values in ((_linear_kind(scores), scores.linear), (scores.baseline_name, scores.baseline)):
        if name in values:
            results.append(Rung(title, values[name], score(name, values[name])))
    return results


def sentences(name: str, scores: Scores, targets: Targets, things: str) -> list[str]:
    """What the main figure means, how sure it is, why it leads, and what it is to be held against."""
    value, samples, interval = scores.values[name], f"{scores.samples:,} test {things}", scores.intervals.get(name)
    if name == "accuracy" and 0 <= value <= 1:
        right = round(value * scores.samples)
        first = f"The network classifies {right:,} of {samples} correctly, none of which it was trained on."
    elif name == "exact match" and 0 <= value <= 1:
        right = round(value * scores.samples)
        first = f"The network gets every label right of {right:,} of {samples}, none of which it was trained on."
    else:
        first = f"On {samples}, none of which it was trained on, the network’s {name} is {score(name, value)}."
    predictions = [first]
    if span(name, interval):
        predictions.append(
            f"With 95{numbers.SPACE}% confidence, the {name} on further {things} of the same kind lies between "
            f"{span(name, interval).replace(' to ', ' and ')}."
        )
    if scores.leads_for:
        predictions.append(f"{scores.leads_for[:1].upper()}{scores.leads_for[1:]}.")
    return [*predictions, *_against(name, scores, targets, things)]


def _against(name: str, scores: Scores, targets: Targets, things: str) -> list[str]:
    value, predictions, interval = scores.values[name], [], scores.intervals.get(name)
    constant, linear = scores.baseline.get(name), scores.linear.get(name)
    if constant is not None and (verdict := no_better(name, scores, f"{scores.samples:,} test {things}")):
        predictions.append(
            f"This is {verdict}. {_simple(scores, targets)} reaches {score(name, constant)}: by this "
            "measure it is not shown that the network has learnt anything."
        )
    elif constant is not None:
        predictions.append(f"{_simple(scores, targets)} would reach {score(name, constant)}.")
    if linear is not None:
        reach = f"{_linear(scores)[:1].upper()}{_linear(scores)[1:]} reaches {score(name, linear)}"
        inside = interval is not None and interval[0] <= linear <= interval[1]
        if not is_better(name, value, linear):
            predictions.append(f"{reach}: what the network has beyond a linear model does not pay here.")
        elif inside:
            predictions.append(f"{reach}, within the interval: the network’s lead may be luck.")
        else:
            predictions.append(f"{reach}.")
    return predictions


def _simple(scores: Scores, targets: Targets) -> str:
    if scores.baseline_name != "constant predictor":
        return f"The {scores.baseline_name} forecast"
    return f"A predictor that always answers {rule(targets)}"


def _linear(scores: Scores) -> str:
    return scores.linear_name or "linear model"


def _linear_kind(scores: Scores) -> str:
    return _linear(scores).split(" on ")[0]
