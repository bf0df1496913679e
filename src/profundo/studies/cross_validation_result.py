"""What a cross-validation came to: the figures of every fold, their mean and how far they lie apart; and its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from pydantic import ConfigDict

from profundo.evaluate.spread import Spread, is_beyond_chance, spread
from profundo.pictures.charts import Line, heat_svg, lines_svg
from profundo.pictures.numbers import count, percent, plain
from profundo.pictures.sheet import Figure, Grid, Part, Sheet
from profundo.studies.study import Answer, Figures, deviation, is_share, spread_text, table

__all__ = ["CrossValidation", "Fold"]


@dataclass(frozen=True, slots=True)
class Fold:
    """One training: which part was held out, and how well its samples were predicted.

    seed: of the weights and the order of samples; samples: in each part; epochs: that were trained; best_epoch: of the
    weights that were judged, if training stopped early; values, baseline, linear: figures on the held-out part, of the
    network, the constant predictor and, where there is one, the linear model. Raises ValueError for a confusion that is no
    square.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    repeat: int
    fold: int
    seed: int
    samples: Mapping[str, int]
    epochs: int
    best_epoch: int | None
    values: Figures
    baseline: Mapping[str, float]
    linear: Mapping[str, float]
    linear_name: str
    confusion: Sequence[Sequence[int]]
    seconds: float

    def __post_init__(self) -> None:
        if any(len(row) != len(self.confusion) for row in self.confusion):
            raise ValueError("its confusions are no square")


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossValidation(Answer):
    """What all folds came to. notes: what to know about the data and the folds."""

    classes: tuple[str, ...]
    folds: int
    repeats: int
    results: Sequence[Fold]

    @property
    def metrics(self) -> list[str]:
        """Names of the figures, the main one first."""
        return list(dict.fromkeys(name for fold in self.results for name in fold.values))

    def spread(self, metric: str, of: str = "values") -> Spread:
        """Over all folds of all repetitions. of: "values" of the network, "baseline", "linear"."""
        figures = [getattr(fold, of)[metric] for fold in self.results if metric in getattr(fold, of)]
        return spread(figures, held=1 / (self.folds - 1))

    def gain(self, metric: str, over: str = "linear") -> Spread:
        """The network's figure less the other's, fold by fold: both were judged by the same samples."""
        pairs = [(fold.values, getattr(fold, over)) for fold in self.results]
        both = [mine[metric] - other[metric] for mine, other in pairs if metric in mine and metric in other]
        return spread(both, held=1 / (self.folds - 1))

    def __repr__(self) -> str:
        metric = self.metrics[0]
        return f"{metric} {spread_text(metric, self.spread(metric))} ({self.how})"

    @property
    def how(self) -> str:
        return f"{self.folds} folds" + (f" × {self.repeats}" if self.repeats > 1 else "")

    @property
    def linear_name(self) -> str:
        return self.results[0].linear_name if self.results[0].linear else ""

    def rows(self) -> list[dict[str, str]]:
        """A table: each figure, mean ± standard deviation over the folds, beside those of simpler predictors."""
        return [
            {
                "figure": metric,
                self.net: spread_text(metric, own := self.spread(metric)),
                "standard error": deviation(metric, own.corrected_error),
                **({self.linear_name: spread_text(metric, self.spread(metric, "linear"))} if self.linear_name else {}),
                "constant": spread_text(metric, self.spread(metric, "baseline")),
            }
            for metric in self.metrics
        ]

    def as_plain_data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "data": self.asked.data,
            "net": self.net,
            "folds": self.folds,
            "repeats": self.repeats,
            "seed": self.asked.seed,
            "scores": {metric: plain_spread(self.spread(metric)) for metric in self.metrics},
            "linear": {"name": self.linear_name}
            | {metric: plain_spread(self.spread(metric, "linear")) for metric in self.metrics if self.linear_name},
            "baseline": {metric: plain_spread(self.spread(metric, "baseline")) for metric in self.metrics},
            "each": [asdict(fold) for fold in self.results],
            "notes": list(self.notes),
            "run": str(self.folder) if self.folder else None,
        }

    # ------------------------------------------------------------------------------------------------------ the page
    def page(self) -> Sheet:
        figures = [
            Figure(self.chart(metric), f"{metric} of each fold; the band is the mean ± one standard deviation.")
            for metric in (self.metrics[0], self.metrics[-1])
        ]
        caption = (
            f"Means over {len(self.results)} trainings ± standard deviation; the constant predictor knows the training "
            "targets and no input."
        )
        return Sheet(f"{self.net} on {self.name}", f"Cross-validation, {self.how}", f"{self}. {compared(self)}".strip(), [
            Part("Result", [HOW_TO_READ], figures, table(caption, self.rows())),
            *confusions(self),
            every_fold(self),
        ])  # fmt: skip

    def chart(self, metric: str = "") -> str:
        """Figures of one kind, by default the main one, fold by fold, in the order of training."""
        metric = metric or self.metrics[0]
        x = list(range(1, len(self.results) + 1))
        own = self.spread(metric)
        low, high = own.mean - own.deviation, own.mean + own.deviation
        high = min(high, 1.0) if is_share(metric) else high
        by_name = {self.net: "values"} | ({self.linear_name: "linear"} if self.linear_name else {})
        net, *linear = [
            Line(name, x, [getattr(fold, of).get(metric, float("nan")) for fold in self.results], dots=True)
            for name, of in by_name.items()
        ]
        mean = Line("mean", [x[0], x[-1]], [own.mean] * 2, [low] * 2, [high] * 2)
        return lines_svg([net, mean, *linear], x_label="fold", y_label=metric, percent=is_share(metric), log_y=False)


def plain_spread(figures: Spread) -> dict[str, Any]:
    return {name: None if value != value else value for name, value in asdict(figures).items()}


HOW_TO_READ = (
    "The standard deviation says how far one training on such data may lie from the mean. The standard error says how well "
    "the mean is known; the folds share training samples, so it is the corrected one of Nadeau and Bengio (2003), larger "
    "than deviation / √number. Every figure is of samples that had no part in the training: neither in the weights nor in "
    "means, deviations, categories or the choice of the epoch. A difference is called more than chance where the 95 % interval "
    "of Student's t around it leaves out 0."
)


def compared(result: CrossValidation) -> str:
    """One sentence: the network beside the linear model, or the constant predictor, on the same folds."""
    metric = result.metrics[0]
    over = "linear" if result.linear_name else "baseline"
    gain = result.gain(metric, over)
    if not gain.number:
        return ""
    name = result.linear_name or "the constant predictor"
    unit = " percentage points" if is_share(metric) else ""
    sign = "−" if gain.mean < 0 else "+"
    sure = "more than chance" if is_beyond_chance(gain, gain.corrected_error) else "which may be chance"
    return (
        f"On the same folds {name} has {spread_text(metric, result.spread(metric, over))}: a difference of "
        f"{sign}{deviation(metric, abs(gain.mean))}{unit} with a standard error of {deviation(metric, gain.corrected_error)}, {sure}."
    )


def confusions(result: CrossValidation) -> list[Part]:
    """Which classes are taken for which, over all folds; not for more classes than can be read."""
    tables = [fold.confusion for fold in result.results if fold.confusion]
    if not tables or len(result.classes) > 30:
        return []
    total = torch.tensor(tables).sum(0)
    picture = heat_svg(
        total.tolist(),
        row_labels=result.classes,
        column_labels=result.classes,
        x_label="predicted",
        y_label="true class",
    )
    wrong = int(total.sum() - total.diagonal().sum())
    caption = f"{wrong:,} of {int(total.sum()):,} answers are wrong; each sample was asked {result.repeats} times."
    if result.repeats == 1:
        caption = f"{wrong:,} of {int(total.sum()):,} answers are wrong; each sample was asked once."
    return [Part("Which classes are confused", [], [Figure(picture, caption)])]


def every_fold(result: CrossValidation) -> Part:
    columns = ["repeat", "fold", "seed", "trained on", "kept aside", "held out", "epochs", *result.metrics]
    rows = [
        [
            str(fold.repeat), str(fold.fold), str(fold.seed), count(fold.samples["train"]), count(fold.samples["validation"]),
            count(fold.samples["held out"]),
            str(fold.epochs) if fold.best_epoch is None else f"{fold.best_epoch} of {fold.epochs}",
            *(cell(metric, fold.values.get(metric, float("nan"))) for metric in result.metrics),
        ]
        for fold in result.results
    ]  # fmt: skip
    stopped = " Of the epochs, those before the restored weights come first." if result.asked.early_stop else ""
    caption = f"Each training. The seed draws its weights, the order of its samples and what is kept aside.{stopped}"
    return Part("Every fold", result.notes, grid=Grid(caption, columns, rows))


def cell(metric: str, value: float) -> str:
    return percent(value) if is_share(metric) else plain(value)
