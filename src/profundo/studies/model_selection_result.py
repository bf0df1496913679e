"""What a model selection came to: the errors of every candidate, which was chosen, and its test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from profundo.evaluate.spread import Spread, spread
from profundo.pictures.numbers import count
from profundo.runs.voice import figure
from profundo.studies.study import Answer, spread_text
from profundo.studies.variation import shown

__all__ = ["Candidate", "Selected", "smaller_is_better"]

SMALLER_IS_BETTER = ("RMSE", "MAE", "calibration error")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One value of the setting. training, validation: by figure, one entry for each repetition; errors: standard errors of
    the validation figures, over the validation samples."""

    value: Any
    parameters: int
    training: Mapping[str, Sequence[float]]
    validation: Mapping[str, Sequence[float]]
    errors: Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected(Answer):
    """by: the figure that chose; chosen: place among the candidates; test, baseline, linear: figures of the chosen one."""

    setting: str
    by: str
    candidates: Sequence[Candidate]
    repeats: int
    chosen: int
    test: Mapping[str, float]
    baseline: Mapping[str, float]
    linear: Mapping[str, float]
    linear_name: str
    samples: Mapping[str, int]

    @property
    def value(self) -> Any:
        return self.candidates[self.chosen].value

    @property
    def called(self) -> str:
        """The setting in words."""
        return self.setting.removeprefix("net_options.").replace("_", " ")

    @property
    def metric(self) -> str:
        """The main figure of such data."""
        return next(iter(self.test))

    def spread(self, at: int, split: str = "validation", metric: str | None = None) -> Spread:
        return spread(getattr(self.candidates[at], split)[metric or self.by])

    def told(self, at: int, split: str = "validation", metric: str | None = None) -> str:
        return spread_text(metric or self.by, self.spread(at, split, metric))

    def error(self, at: int, metric: str | None = None) -> float:
        """Standard error of the validation figure over the validation samples; NaN where there is none."""
        return spread(self.candidates[at].errors.get(metric or self.by, ())).mean

    def judgement(self, at: int) -> str:
        """A candidate beside the chosen one. "as good" within one standard error of the chosen one's figure (Breiman et al.
        1984), or of their difference over repetitions; else "underfits" where it is worse on the training samples, too, and
        "overfits" where it is better there."""
        if at == self.chosen:
            return "chosen"
        sign = 1 if smaller_is_better(self.by) else -1
        one, best = self.candidates[at], self.candidates[self.chosen]
        pairs = zip(one.validation[self.by], best.validation[self.by], strict=True)  # of the same seed
        gap = spread([sign * (mine - other) for mine, other in pairs])
        if gap.mean <= gap.standard_error or gap.mean <= self.error(self.chosen):
            return "as good"
        poorer = sign * (self.spread(at, "training").mean - self.spread(self.chosen, "training").mean) > 0
        return "underfits" if poorer else "overfits"

    def __str__(self) -> str:
        tried = ", ".join(shown(one.value) for one in self.candidates)
        constant = figure(self.metric, self.baseline[self.metric])
        return (
            f"Of {tried} as {self.called}, {shown(self.value)} has the best validation {self.by}, {self.told(self.chosen)}; "
            f"test {self.metric} {figure(self.metric, self.test[self.metric])} (constant predictor: {constant})"
        )

    def rows(self) -> list[dict[str, str]]:
        """A table: each value with its errors and what they say."""
        return [
            {
                self.called: shown(one.value),
                "parameters": count(one.parameters),
                f"training {self.by}": self.told(at, "training"),
                f"validation {self.by}": self.told(at),
                **({f"validation {self.metric}": self.told(at, metric=self.metric)} if self.metric != self.by else {}),
                "verdict": self.judgement(at),
            }
            for at, one in enumerate(self.candidates)
        ]

    def as_plain_data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "data": self.asked.data,
            "net": self.net,
            "seed": self.asked.seed,
            "setting": self.setting,
            "by": self.by,
            "chosen": self.value,
            "test": dict(self.test),
            "baseline": dict(self.baseline),
            "linear": dict(self.linear),
            "repeats": self.repeats,
            "candidates": [
                {
                    "value": one.value,
                    "parameters": one.parameters,
                    "training": {name: list(values) for name, values in one.training.items()},
                    "validation": {name: list(values) for name, values in one.validation.items()},
                    "standard errors": {name: list(values) for name, values in one.errors.items()},
                    "judgement": self.judgement(at),
                }
                for at, one in enumerate(self.candidates)
            ],
            "run": str(self.folder) if self.folder else None,
        }


def smaller_is_better(metric: str) -> bool:
    return metric.endswith("loss") or metric in SMALLER_IS_BETTER
