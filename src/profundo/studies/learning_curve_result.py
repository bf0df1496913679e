"""What a learning curve came to: errors by the number of training samples, whether more data help; and its page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from profundo.evaluate.power_law import FEWEST_SIZES, PowerLaw, fit_power_law
from profundo.evaluate.spread import Spread, is_beyond_chance, spread
from profundo.pictures.charts import Line, lines_svg
from profundo.pictures.numbers import count, plain
from profundo.pictures.sheet import Figure, Part, Sheet
from profundo.studies.study import Answer, is_share, spread_text, table

__all__ = ["SPLITS", "LearningCurve"]

SPLITS = ("training", "validation", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningCurve(Answer):
    """figures[split][metric][i][j]: at the i-th size, in the j-th repetition. sizes: numbers of training samples."""

    sizes: tuple[int, ...]
    repeats: int
    figures: Mapping[str, Mapping[str, Sequence[Sequence[float]]]]
    judged_by: Mapping[str, int]

    @property
    def metric(self) -> str:
        """The main figure: its error is what the curve shows."""
        return next(iter(self.figures["test"]))

    def errors(self, split: str) -> list[list[float]]:
        """By size and repetition: 1 − the share of right answers, or the figure itself where it is an error."""
        rows = self.figures[split][self.metric]
        return [[1 - value if is_share(self.metric) else value for value in row] for row in rows]

    def spreads(self, split: str) -> list[Spread]:
        return [spread(row) for row in self.errors(split)]

    @property
    def last_fall(self) -> Spread:
        """By how much the test error fell from the last size but one to the last, repetition by repetition."""
        *_, before, after = self.errors("test")
        return spread([one - other for one, other in zip(before, after, strict=True)])

    @property
    def law(self) -> PowerLaw | None:
        """The power law of the test error, where there are sizes and repetitions enough."""
        if len(self.sizes) < FEWEST_SIZES or self.repeats < 2:
            return None
        return fit_power_law(self.sizes, self.errors("test"))

    @property
    def verdict(self) -> str:
        """Does more data help? In a sentence or two."""
        fall, at = self.last_fall, self.spreads("test")
        before, after = (spread_text(self.metric, one) for one in at[-2:])
        step = f"from {self.sizes[-2]:,} to {self.sizes[-1]:,} training samples the test error goes from {before} to {after}"
        if self.repeats < 2:
            return f"{step}; one repetition does not tell how much of that is chance."
        if not is_beyond_chance(fall, fall.standard_error):
            return (
                f"Whether more data help cannot be told: {step}, which may be chance with {self.repeats} repetitions."
            )
        return f"More data {'help' if fall.mean > 0 else 'do not help'}: {step}."

    @property
    def outlook(self) -> str:
        """What the power law says about more samples than there are, or why it says nothing."""
        law = self.law
        if law is None:
            return f"A power law needs {FEWEST_SIZES} sizes and 2 repetitions to be fitted."
        if law.unsound:
            return f"No power law is extrapolated: {law.unsound}."
        n = 2 * self.sizes[-1]
        low, high = law.between(n)
        at = as_error(self.metric, law.at(n))
        return (
            f"The power law {plain(law.a)} + {plain(law.b)} · n^−{law.c:.2f} expects {at} with {n:,} samples, between "
            f"{as_error(self.metric, low)} and {as_error(self.metric, high)} with 95 % if the law goes on to hold."
        )

    def __str__(self) -> str:
        return f"{self.verdict} {self.outlook}"

    def rows(self) -> list[dict[str, str]]:
        """A table: the error on each split by the number of training samples, mean ± standard deviation."""
        by_split = {split: self.spreads(split) for split in SPLITS}
        return [
            {
                "training samples": count(size),
                **{f"{split} error": spread_text(self.metric, by_split[split][at]) for split in SPLITS},
            }
            for at, size in enumerate(self.sizes)
        ]

    def as_plain_data(self) -> dict[str, Any]:
        """For JSON."""
        law = self.law
        return {
            "data": self.asked.data,
            "net": self.net,
            "seed": self.asked.seed,
            "sizes": list(self.sizes),
            "repeats": self.repeats,
            "metric": self.metric,
            "figures": self.figures,
            "power law": law
            and {"a": law.a, "b": law.b, "c": law.c, "misfit": law.misfit, "unsound": law.unsound or None},
            "verdict": self.verdict,
            "outlook": self.outlook,
            "run": str(self.folder) if self.folder else None,
        }

    # ------------------------------------------------------------------------------------------------------ the page
    def page(self) -> Sheet:
        repeated = f"{self.repeats} repetitions" if self.repeats > 1 else "one repetition"
        about = f"Error (1 − {self.metric})" if is_share(self.metric) else self.metric
        caption = (
            f"{about} by the number of training samples, mean ± one standard deviation of {self.repeats} repetitions; "
            f"validation on {self.judged_by['validation']:,}, test on {self.judged_by['test']:,} samples."
        )
        part = Part(
            "Error by the number of training samples",
            [HOW_TO_READ, self.outlook, *self.notes],
            [Figure(self.chart(), caption)],
            table("Errors, mean ± standard deviation.", self.rows()),
        )
        return Sheet(f"{self.net} on {self.name}", f"Learning curve, {repeated}", self.verdict, [part])

    def chart(self) -> str:
        lines = []
        for split in SPLITS:
            result = self.spreads(split)
            means = [one.mean for one in result]
            lows = [max(0.0, one.mean - one.deviation) for one in result]
            lines.append(Line(split, self.sizes, means, lows, [one.mean + one.deviation for one in result]))
        law = self.law
        if law is not None and not law.unsound:
            first, last = math.log(self.sizes[0]), math.log(2 * self.sizes[-1])
            x = [math.exp(first + (last - first) * at / 60) for at in range(61)]
            low, high = zip(*(law.between(size) for size in x), strict=True)
            lines.append(Line("power law, 95 %", x, [law.at(size) for size in x], low, high))
        name = "error" if is_share(self.metric) else self.metric
        return lines_svg(
            lines, x_label="training samples", y_label=name, log_x=True, log_y=False, percent=is_share(self.metric)
        )


HOW_TO_READ = (
    "Training and test error close together and both high: the net is too simple or trained too little, and more data "
    "cannot help (underfitting). A training error far below the test error: it learns the samples by heart (overfitting), "
    "and more data can help, as can a simpler net or regularisation. The same validation and test samples judge every "
    "training, so the band shows the spread over training samples and weights, not that of another test; with all samples, "
    "repetitions differ in their weights alone."
)


def as_error(metric: str, value: float) -> str:
    return f"{100 * value:.2f} %" if is_share(metric) else plain(value)
