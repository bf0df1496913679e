"""What a learning curve came to: errors by the number of training samples, whether more data help; and its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from profundo.evaluate.spread import Spread, is_beyond_chance, spread
from profundo.pictures.charts import Line, lines_svg
from profundo.pictures.numbers import count
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

    def __repr__(self) -> str:
        return self.verdict

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
        return {
            "data": self.asked.data,
            "net": self.net,
            "seed": self.asked.seed,
            "sizes": list(self.sizes),
            "repeats": self.repeats,
            "metric": self.metric,
            "figures": self.figures,
            "verdict": self.verdict,
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
            [HOW_TO_READ, *self.notes],
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
