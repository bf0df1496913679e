"""Learning curves by the number of training samples: does more data help? (Cortes et al. 1993)

    curve = pf.learning_curve("digits", sizes=(0.1, 0.2, 0.5, 1), repeats=3)
    print(curve)      # from 629 to 1,258 samples the test error falls by …

The same validation and test samples judge every training. Each repetition takes the training samples in another order, in
which every beginning is stratified; the sizes are beginnings of it, so a larger set contains the smaller ones. Means,
categories and what fills gaps are learned from the samples of each size alone. A high training error near the test error
is underfitting: more data cannot help. A gap between them is overfitting: more data can.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from profundo.data.splits.folds import labels_of, nested, seed_of, subset
from profundo.data.splits.splits import separated
from profundo.evaluate.power_law import FEWEST_SIZES, PowerLaw, fit_power_law
from profundo.evaluate.spread import Spread, is_beyond_chance, spread
from profundo.files import in_words
from profundo.pictures.numbers import count, plain
from profundo.pictures.sheet import sheet_html
from profundo.records import ProfundoError
from profundo.runs.experiment import Experiment
from profundo.runs.voice import Quiet, Voice
from profundo.studies.study import (
    Builder,
    asked_of,
    collected,
    figures_on,
    is_share,
    made,
    net_name,
    plain_settings,
    read_study,
    spread_text,
    study,
    trained,
)

__all__ = ["SPLITS", "LearningCurve", "learning_curve", "resume_learning_curve"]

KIND = "learning-curve"
SPLITS = ("training", "validation", "test")
SIZES = (0.05, 0.1, 0.2, 0.5, 1.0)
MOST_TRAININGS = 10_000


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """figures[split][metric][i][j]: at the i-th size, in the j-th repetition. sizes: numbers of training samples."""

    asked: Experiment
    net: str
    name: str
    sizes: tuple[int, ...]
    repeats: int
    figures: Mapping[str, Mapping[str, Sequence[Sequence[float]]]]
    judged_by: Mapping[str, int]
    notes: tuple[str, ...] = ()
    folder: Path | None = None

    @property
    def metric(self) -> str:
        """The main figure: its error is what the curve shows."""
        return next(iter(self.figures["test"]))

    @property
    def error_name(self) -> str:
        return f"1 − {self.metric}" if is_share(self.metric) else self.metric

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
            "figures": {
                split: {name: [list(row) for row in rows] for name, rows in found.items()}
                for split, found in self.figures.items()
            },
            "power law": None
            if law is None
            else {"a": law.a, "b": law.b, "c": law.c, "misfit": law.misfit, "unsound": law.unsound or None},
            "verdict": self.verdict,
            "outlook": self.outlook,
            "run": str(self.folder) if self.folder else None,
        }

    def html(self) -> str:
        """One page that needs nothing else."""
        from profundo.studies.learning_curve_page import page

        return sheet_html(page(self))

    def _repr_html_(self) -> str:
        from profundo.studies.learning_curve_page import chart

        return f"<p>{self}</p>{chart(self)}"


def learning_curve(
    data: str | Path,
    *,
    sizes: Sequence[float] = SIZES,
    repeats: int = 3,
    net: str | Builder | None = None,
    out: str | Path | bool | None = False,
    voice: Voice | None = None,
    **settings: Any,
) -> LearningCurve:
    """Train on more and more samples: `learning_curve("digits", sizes=(100, 200, 0.5, 1))`.

    sizes: at least two; shares of the training split up to 1, above it numbers of samples. repeats: other samples, other
    weights. net, out, settings: as for `cross_validate`. The trainings of the j-th repetition, from 0, have the seed
    seed + j. Raises ProfundoError for sizes that the training split does not have.
    """
    voice = voice or Quiet()
    asked, builder = asked_of(data, net, settings)
    if not isinstance(repeats, int) or repeats < 1:
        raise ProfundoError(f"repeats: expected a whole number of at least 1, got {repeats!r}")
    found = collected(asked)
    splits = separated(found, validation=asked.validation, seed=asked.seed, stream=asked.stream is True)
    sizes_in_order = numbers_of(sizes, len(splits[0]))
    if len(sizes_in_order) * repeats > MOST_TRAININGS:
        raise ProfundoError(
            f"sizes × repeats: {len(sizes_in_order)} × {repeats} are more than {MOST_TRAININGS:,} trainings"
        )
    labels = labels_of(found, splits[0].targets)
    orders = [nested(labels, seed_of(asked.seed, repeat)) for repeat in range(repeats)]
    whole = subset(found, splits, orders[0], stream=asked.stream is True)
    made(asked, whole, builder)
    notes = (*whole.notes, *few_notes(sizes_in_order, len(found.targets.classes)))
    question = {"sizes": list(map(float, sizes)), "repeats": repeats, "settings": plain_settings(asked)}
    with study(
        KIND, question, whole.facts, name=f"{found.name}-learning-curve", out=out, device=asked.device, voice=voice
    ) as kept:
        for note in notes:
            voice.notice(note)
        results = []
        for size in sizes_in_order:
            row = []
            for repeat, order in enumerate(orders):
                one = asked.model_copy(update={"seed": (asked.seed + repeat) % 2**63})

                def work(size: int = size, order: Any = order, one: Experiment = one) -> dict[str, Any]:
                    parts = subset(found, splits, order[:size].sort().values, stream=asked.stream is True)
                    run = trained(one, parts, builder)
                    assert run.scores is not None
                    return {
                        "training": figures_on(run, parts.train),
                        "validation": figures_on(run, parts.validation),
                        "test": dict(run.scores.values),
                    }

                key = f"{size} samples, repeat {repeat + 1}"
                is_new = key not in kept.results
                row.append(kept.figures(key, work, *SPLITS))
            results.append(row)
            if is_new:
                voice.say(size_line(size, row))
        curve = LearningCurve(
            asked,
            net_name(asked, whole),
            found.name,
            tuple(sizes_in_order),
            repeats,
            by_split(results),
            {"validation": len(splits[1]), "test": len(splits[2])},
            notes,
            kept.folder.path if kept.folder else None,
        )
        kept.write_page(curve.html)
    voice.say(str(curve))
    return curve


def resume_learning_curve(path: str | Path, voice: Voice | None = None) -> LearningCurve:
    """Go on with what was interrupted, from its folder alone."""
    asked = read_study(KIND, path, "sizes", "repeats")
    return learning_curve(out=path, voice=voice, sizes=asked["sizes"], repeats=asked["repeats"], **asked["settings"])


# ------------------------------------------------------------------------------------------------------ the trainings
def numbers_of(sizes: Sequence[float], samples: int) -> list[int]:
    """Numbers of training samples, ascending, each once."""
    found = set()
    for size in sizes:
        if isinstance(size, bool) or not isinstance(size, int | float) or not math.isfinite(size) or size <= 0:
            raise ProfundoError(f"sizes: expected shares up to 1 or numbers of samples, got {size!r}")
        if size > 1 and size != int(size):
            raise ProfundoError(f"sizes: {size} is neither a share nor a whole number of samples")
        number = round(size * samples) if size <= 1 else int(size)
        if number > samples:
            raise ProfundoError(f"sizes: {number:,} are more than the {samples:,} training samples there are")
        if number < 2:
            raise ProfundoError(f"sizes: {size} of {samples:,} training samples are {number}; expected at least 2")
        found.add(number)
    if len(found) < 2:
        raise ProfundoError(f"sizes: expected at least two different ones, got {', '.join(map(str, sizes)) or 'none'}")
    return sorted(found)


def few_notes(sizes: Sequence[int], classes: int) -> tuple[str, ...]:
    few = [str(size) for size in sizes if size < classes]
    return (f"not every class can be among {', '.join(few)} of the {classes} classes' samples",) if few else ()


def by_split(results: Sequence[Sequence[Mapping[str, Any]]]) -> dict[str, dict[str, list[list[float]]]]:
    """Figures that every training has, by split, name, size and repetition."""
    try:
        return {
            split: {
                name: [[float(one[split][name]) for one in row] for row in results]
                for name in results[0][0][split]
                if all(name in one[split] for row in results for one in row)
            }
            for split in SPLITS
        }
    except (LookupError, TypeError, ValueError) as error:
        raise ProfundoError(
            f"results.json: expected the results of a learning curve: {in_words(error)}; choose another --out"
        ) from None


# ---------------------------------------------------------------------------------------------------------- in words
def size_line(size: int, row: Sequence[Mapping[str, Any]]) -> str:
    metric = next(iter(row[0]["test"]))
    found = spread([one["test"][metric] for one in row])
    return f"{size:,} training samples: test {metric} {spread_text(metric, found)}"


def as_error(metric: str, value: float) -> str:
    return f"{100 * value:.2f} %" if is_share(metric) else plain(value)
