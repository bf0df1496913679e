"""What a model selection came to: the errors of every candidate, which was chosen, its test; and its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from profundo.evaluate.spread import Spread, spread
from profundo.pictures.charts import Line, lines_svg
from profundo.pictures.numbers import count
from profundo.pictures.sheet import Figure, Grid, Part, Sheet
from profundo.runs.voice import figure
from profundo.studies.study import Answer, is_share, spread_text, table
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

    def __repr__(self) -> str:
        tried = ", ".join(shown(one.value) for one in self.candidates)
        known = self.metric in self.baseline
        constant = f" (constant predictor: {figure(self.metric, self.baseline[self.metric])})" if known else ""
        return (
            f"Of {tried} as {self.called}, {shown(self.value)} has the best validation {self.by}, {self.told(self.chosen)}; "
            f"test {self.metric} {figure(self.metric, self.test[self.metric])}{constant}"
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
            "candidates": [asdict(one) | {"judgement": self.judgement(at)} for at, one in enumerate(self.candidates)],
            "run": str(self.folder) if self.folder else None,
        }

    # ------------------------------------------------------------------------------------------------------ the page
    def page(self) -> Sheet:
        repeated = f", {self.repeats} repetitions" if self.repeats > 1 else ""
        metrics = dict.fromkeys((self.by, self.metric))
        figures = [Figure(self.chart(metric), caption(self, metric)) for metric in metrics]
        candidates = table("Every candidate; mean ± standard deviation over the repetitions.", self.rows())
        return Sheet(
            f"Choosing the {self.called} for {self.net} on {self.name}",
            f"Model selection{repeated}",
            f"{self}.",
            [
                Part("The candidates", [HOW_TO_READ, *self.notes], figures, candidates),
                Part("The test, once", [ONCE], grid=test_grid(self)),
            ],
        )

    def chart(self, metric: str = "") -> str:
        """Training and validation figures of the candidates, by default those that chose."""
        metric = metric or self.by
        x = places(self)
        order = sorted(range(len(x)), key=x.__getitem__)
        lines = []
        for split in ("training", "validation"):
            means = [self.spread(at, split, metric).mean for at in order]
            around = [self.error(at, metric) for at in order] if split == "validation" else []
            top = 1.0 if is_share(metric) else float("inf")
            low = [mean - error for mean, error in zip(means, around, strict=False)]
            high = [min(top, mean + error) for mean, error in zip(means, around, strict=False)]
            lines.append(Line(split, [x[at] for at in order], means, low, high))
        positive = min(x) > 0 and max(x) > 20 * min(x)
        marks = {f"chosen: {shown(self.value)}": x[self.chosen]}
        return lines_svg(
            lines, x_label=self.called, y_label=metric, log_x=positive, marks=marks, percent=is_share(metric)
        )


def smaller_is_better(metric: str) -> bool:
    return metric.endswith("loss") or metric in SMALLER_IS_BETTER


HOW_TO_READ = (
    "Where both errors are higher than those of the chosen one, the candidate cannot follow the data, or was not trained to: it "
    "underfits. Where the training error is lower and the validation error higher, it has learned what was chance in the "
    "training samples: it overfits. As good is what lies within one standard error of the chosen one: of those, the simplest is a "
    "choice as sound (Breiman et al. 1984)."
)
ONCE = (
    "The validation error of the chosen candidate is a little too good, for it was chosen as the smallest of several. These are "
    "the figures of samples that no candidate had met before the choice was made."
)


def test_grid(result: Selected) -> Grid:
    columns = ["figure", result.net, *([result.linear_name] if result.linear else []), "constant predictor"]
    rows = [
        [
            name,
            figure(name, value),
            *([figure(name, result.linear[name]) if name in result.linear else "–"] if result.linear else []),
            figure(name, result.baseline[name]) if name in result.baseline else "–",
        ]
        for name, value in result.test.items()
    ]
    return Grid(f"On the {result.samples['test']:,} test samples.", columns, rows)


def places(result: Selected) -> list[float]:
    """Of the candidates on the axis: their values if these are numbers, else 1, 2, 3 …"""
    values = [one.value for one in result.candidates]
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    return [float(value) for value in values] if numbers else [float(at + 1) for at in range(len(values))]


def caption(result: Selected, metric: str) -> str:
    values = [one.value for one in result.candidates]
    x = places(result)
    named = "" if x == values else " From left to right: " + ", ".join(map(shown, values)) + "."
    split = f"{result.samples['train']:,} training and {result.samples['validation']:,} validation samples"
    return f"{metric} on {split}; the band is one standard error over the latter.{named}"
