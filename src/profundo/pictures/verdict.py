"""How good it is, in words: the main figure with its interval, beside what a constant and a linear model reach."""

from __future__ import annotations

import math
from collections.abc import Mapping

from profundo.languages import language, say, term, words
from profundo.pictures import numbers
from profundo.pictures.bars import Rung
from profundo.pictures.tables import Cell, Grid, Row
from profundo.records import Scores, Targets

__all__ = [
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
    "understood",
    "caught",
    "false alarms",
}
SHARES_BY_PART = (
    "accuracy",
    "share",
    "average precision",
    "precision at",
    "error rate",
    "exact match",
    "judge fooled",
    "named right",
    "purity",
    "unexplained variance",
    "lead back",
    "fine detail",
    "shot",
)
OF_ANSWERS = ("accuracy", "balanced accuracy", "macro F1")  # figures by which always the same answer is a constant's
FALLING = ("RMSE", "MAE", "loss", "error", "error rate")  # last words of figures of which less is better


def is_share(name: str) -> bool:
    """Whether a figure is a share, which people read in percent; "F1 of share" is the F1 of a class."""
    return name in SHARES or (any(word in name for word in SHARES_BY_PART) and not name.startswith("F1 of "))


def score(name: str, value: float) -> str:
    """As people read it; only a ranking without a fault is called 1."""
    if name == "ROC-AUC" and 0.99995 <= value < 1:
        return "> 0.9999"
    return numbers.percent(value) if is_share(name) else numbers.plain(value)


def meaning(name: str) -> str:
    """What a figure is, in words; "F1 of churn" is the F1 of a class."""
    meanings = words("figures", language())
    return meanings.get(name) or meanings.get(name.partition(" of ")[0], "")


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
    answered = [
        one for one, row in zip(scores.per_class, zip(*scores.confusion, strict=True), strict=False) if any(row)
    ]
    every = len(scores.confusion) == len(scores.per_class)  # else one is of nothing, of which there is no answer
    alike = every and len(answered) == 1
    better = is_better(name, scores.values[name], scores.baseline[name]) and not (alike and name in OF_ANSWERS)
    if better and scores.beyond_chance:
        return ""
    always = say("report.answers_alike", name=repr(answered[0].name)) if alike else ""
    return (
        say("report.not_sure" if better else "report.not_better", simple=_simple_method(scores), samples=samples)
        + always
    )


def _simple_method(scores: Scores) -> str:
    if scores.baseline_name == "constant predictor":
        return say("report.a_constant")
    return say("report.the_method", name=term(scores.baseline_name))


def rule(targets: Targets) -> str:
    """What the constant predictor answers."""
    if targets.traits.numeric:
        return say("report.rule_mean")
    return say(
        {"labels": "report.rule_labels", "objects": "report.rule_objects"}.get(targets.kind, "report.rule_class")
    )


def scores_grid(scores: Scores, validation: Scores | None, epoch: int | None) -> Grid:
    """All figures beside those of simpler predictors, with a dash for what was not measured. epoch: of which the network was
    kept, from 1, where it is not the last."""
    others = [(term("validation"), validation.values if validation else {})]
    others += [(term(scores.baseline_name), scores.baseline), (_linear_kind(scores), scores.linear)]
    others = [(title, values) for title, values in others if values]
    spans = {name: span(name, scores.intervals.get(name)) for name in scores.values}
    sure = any(spans.values())
    rows: list[Row] = [
        [
            Cell(term(name), remark=meaning(name), words=True),
            Cell(score(name, value), look="strong"),
            *([Cell(spans[name] or "–", look="muted")] if sure else []),
            *(Cell(score(name, values[name]) if name in values else "–") for _, values in others),
        ]
        for name, value in scores.values.items()
    ]
    caption = say("report.every_score") if epoch is None else say("report.every_score_epoch", epoch=epoch)
    if sure:
        caption += " " + say("report.interval_says")
    sure_columns = [say("report.interval_95")] if sure else []
    columns = [say("report.score"), term("test"), *sure_columns, *(title for title, _ in others)]
    return Grid(caption, columns, rows, look="scores")


def span(name: str, interval: tuple[float, float] | None) -> str:
    """An interval as people write it: 98.97 to 99.33 %."""
    edges = _edges(name, interval)
    return say("report.span", low=edges[0], high=edges[1]) if edges else ""


def _edges(name: str, interval: tuple[float, float] | None) -> tuple[str, str] | None:
    """As they are written, with one sign of percent, else with as many decimals; None where they are not finite."""
    if interval is None or not all(map(math.isfinite, interval)):
        return None
    if not is_share(name):
        return numbers.alike(*interval)
    low, high = (score(name, edge) for edge in interval)
    return (low if "<" in low else low.removesuffix(numbers.SPACE + "%")), high


def rungs(name: str, scores: Scores) -> list[Rung]:
    """The network, the linear model and the constant on one scale."""
    low, high = scores.intervals.get(name, (None, None))
    results = [Rung(say("report.this_network"), scores.values[name], score(name, scores.values[name]), low, high, 0)]
    for title, values in ((_linear_kind(scores), scores.linear), (term(scores.baseline_name), scores.baseline)):
        if name in values:
            results.append(Rung(title, values[name], score(name, values[name])))
    return results


def sentences(name: str, scores: Scores, targets: Targets, things: str) -> list[str]:
    """What the main figure means, how sure it is, why it leads, and what it is to be held against."""
    results, edges = [_first(name, scores, things)], _edges(name, scores.intervals.get(name))
    if edges:
        low, high = edges
        results.append(say("report.confidence", figure=term(name), things=things, low=low, high=high))
    if scores.leads_for:
        results.append(f"{_capital(scores.leads_for)}.")
    return [*results, *_against_constant(name, scores, targets, things), *_against_linear(name, scores)]


def _first(name: str, scores: Scores, things: str) -> str:
    value, samples = scores.values[name], numbers.count(scores.samples)
    counting = {"accuracy": "report.lead_accuracy", "exact match": "report.lead_labels"}
    if name in counting and 0 <= value <= 1:
        right = numbers.count(round(value * scores.samples))
        return say(counting[name], right=right, samples=samples, things=things)
    return say("report.lead_figure", samples=samples, things=things, figure=term(name), score=score(name, value))


def _against_constant(name: str, scores: Scores, targets: Targets, things: str) -> list[str]:
    if name not in scores.baseline:
        return []
    samples = say("report.test_things", samples=numbers.count(scores.samples), things=things)
    simple, reached = _simple(scores, targets), score(name, scores.baseline[name])
    if verdict := no_better(name, scores, samples):
        return [say("report.not_learnt", verdict=verdict, simple=simple, score=reached)]
    return [say("report.constant_reaches", simple=simple, score=reached)]


def _against_linear(name: str, scores: Scores) -> list[str]:
    if name not in scores.linear:
        return []
    reached, interval = scores.linear[name], scores.intervals.get(name)
    case = "reaches"
    if not is_better(name, scores.values[name], reached):
        case = "better"
    elif interval is not None and interval[0] <= reached <= interval[1]:
        case = "inside"
    return [_capital(say(f"report.linear_{case}", linear=_linear(scores), score=score(name, reached)))]


def _simple(scores: Scores, targets: Targets) -> str:
    if scores.baseline_name != "constant predictor":
        return say("report.simple_forecast", name=term(scores.baseline_name))
    return say("report.simple_rule", rule=rule(targets))


def _linear(scores: Scores) -> str:
    return term(scores.linear_name or "linear model")


def _linear_kind(scores: Scores) -> str:
    return term((scores.linear_name or "linear model").split(" on ")[0])


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
