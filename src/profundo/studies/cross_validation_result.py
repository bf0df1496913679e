"""What a cross-validation came to: the figures of every fold, their mean and how far they lie apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from profundo.evaluate.spread import Spread, spread
from profundo.studies.study import Answer, deviation, spread_text

__all__ = ["CrossValidation", "Fold"]


@dataclass(frozen=True, slots=True)
class Fold:
    """One training: which part was held out, and how well its samples were predicted.

    seed: of the weights and the order of samples; samples: in each part; epochs: that were trained; best_epoch: of the
    weights that were judged, if training stopped early; values, baseline, linear: figures on the held-out part, of the
    network, the constant predictor and, where there is one, the linear model.
    """

    repeat: int
    fold: int
    seed: int
    samples: Mapping[str, int]
    epochs: int
    best_epoch: int | None
    values: Mapping[str, float]
    baseline: Mapping[str, float]
    linear: Mapping[str, float]
    linear_name: str
    confusion: Sequence[Sequence[int]]
    seconds: float


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

    def __str__(self) -> str:
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


def plain_spread(found: Spread) -> dict[str, Any]:
    return {name: None if value != value else value for name, value in asdict(found).items()}
