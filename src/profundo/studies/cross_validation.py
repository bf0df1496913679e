"""Cross-validation: every sample is held out once, so that few data suffice to say how well a method does on new ones.

    found = pf.cross_validate("iris", folds=5, repeats=3)      # k trainings, each on all folds but one
    print(found)                                               # accuracy 97.1 % ± 3.1 (5 folds × 3)

It judges a method (net, settings, training), not one network: every fold trains its own, from other weights, and whatever
is learned from data (means, deviations, categories, what fills gaps, when to stop) is learned from its training part
alone. Folds are stratified by class and made of all samples but the data's own test split, where they have one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from torch import Tensor

from profundo.data.splits.folds import (
    folds,
    group_count,
    grouped_by,
    held_out,
    labels_of,
    pooled,
    seed_of,
    small_classes,
)
from profundo.data.splits.splits import Collection
from profundo.evaluate.spread import Spread, spread
from profundo.files import in_words
from profundo.pictures.sheet import sheet_html
from profundo.records import Dataset, ProfundoError
from profundo.runs.experiment import Experiment
from profundo.runs.supervised import Run
from profundo.runs.voice import Quiet, Voice, figure
from profundo.studies.study import (
    Builder,
    Study,
    asked_of,
    collected,
    deviation,
    made,
    net_name,
    plain_settings,
    read_study,
    spread_text,
    study,
    trained,
)

__all__ = ["CrossValidation", "Fold", "cross_validate", "resume_cross_validation"]

KIND = "cross-validate"
MOST_TRAININGS = 10_000


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


@dataclass(frozen=True, slots=True)
class CrossValidation:
    """What all folds came to. notes: what to know about the data and the folds."""

    asked: Experiment
    net: str
    name: str
    classes: tuple[str, ...]
    folds: int
    repeats: int
    results: Sequence[Fold]
    notes: tuple[str, ...] = ()
    folder: Path | None = None

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

    def html(self) -> str:
        """One page that needs nothing else."""
        from profundo.studies.cross_validation_page import page

        return sheet_html(page(self))

    def _repr_html_(self) -> str:
        from profundo.studies.cross_validation_page import chart

        return f"<p>{self}</p>{chart(self, self.metrics[0])}"


def cross_validate(
    data: str | Path,
    *,
    folds: int = 5,
    repeats: int = 1,
    net: str | Builder | None = None,
    group: str | None = None,
    out: str | Path | bool | None = False,
    voice: Voice | None = None,
    **settings: Any,
) -> CrossValidation:
    """How well a net with these settings predicts samples it has not seen: `cross_validate("iris", net="mlp", folds=10)`.

    data: a name or a path, as `load` takes it. net: a name, or a function that makes one for a Spec. repeats: the whole
    again with other folds. group: of a table, the column whose equal values stay together, on one side, and which is not
    learned from. out: a folder to keep each fold in, so that the same call goes on after an interruption; True for
    runs/<data>-cross-validation-<n>; nothing is kept by default. settings: those of Experiment, such as epochs, seed; with
    early_stop or validation a part of each fold's training samples is kept aside, else all are trained on. The n-th
    training, from 0, has the seed seed + n. Raises ProfundoError for folds that cannot be made.
    """
    voice = voice or Quiet()
    check_counts(folds, repeats)
    asked, builder = asked_of(data, net, settings)
    found, groups = samples_of(asked, group)
    plans = [parts(found, asked, groups, folds, repeat) for repeat in range(repeats)]
    first = fold_data(found, asked, groups, plans[0][0], asked.seed)
    made(asked, first, builder)
    question = {"folds": folds, "repeats": repeats, "group": group, "settings": plain_settings(asked)}
    name = f"{found.name}-cross-validation"
    facts = {"sha256": first.facts["sha256"], "samples": len(found.train)}
    with study(KIND, question, facts, name=name, out=out, device=asked.device, voice=voice) as kept:
        notes = (*first.notes, *fold_notes(found, groups, folds))
        for note in notes:
            voice.notice(note)
        results = []
        for repeat, held in enumerate(plans):
            for fold, indices in enumerate(held):
                seed = (asked.seed + repeat * folds + fold) % 2**63
                one = asked.model_copy(update={"seed": seed})

                def work(indices: Tensor = indices, one: Experiment = one) -> dict[str, Any]:
                    return outcome(trained(one, fold_data(found, one, groups, indices, one.seed), builder))

                key = f"repeat {repeat + 1}, fold {fold + 1}"
                is_new = key not in kept.results
                results.append(read_fold(kept, repeat, fold, seed, kept.result(key, work)))
                if is_new:
                    voice.say(fold_line(results[-1], folds, repeats))
        whole = CrossValidation(
            asked,
            net_name(asked, first),
            found.name,
            found.targets.classes,
            folds,
            repeats,
            results,
            notes,
            kept.folder.path if kept.folder else None,
        )
        kept.write_page(whole.html)
    voice.say(str(whole))
    return whole


def resume_cross_validation(path: str | Path, voice: Voice | None = None) -> CrossValidation:
    """Go on with what was interrupted, from its folder alone."""
    asked = read_study(KIND, path, "folds", "repeats", "group")
    given = {key: asked[key] for key in ("folds", "repeats", "group")}
    return cross_validate(out=path, voice=voice, **given, **asked["settings"])


# ------------------------------------------------------------------------------------------------------ the trainings
def check_counts(count: int, repeats: int) -> None:
    for name, value, least in (("folds", count, 2), ("repeats", repeats, 1)):
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ProfundoError(f"{name}: expected a whole number of at least {least}, got {value!r}")
    if count * repeats > MOST_TRAININGS:
        raise ProfundoError(f"folds × repeats: {count} × {repeats} are more than {MOST_TRAININGS:,} trainings")


def samples_of(asked: Experiment, group: str | None) -> tuple[Collection, Tensor | None]:
    """All samples to be divided into folds, and the group of each."""
    found = pooled(collected(asked))
    return (found, None) if group is None else grouped_by(asked.data, group, asked.target, found)


def parts(found: Collection, asked: Experiment, groups: Tensor | None, count: int, repeat: int) -> list[Tensor]:
    """The folds of one repetition, as indices of samples."""
    return folds(labels_of(found, found.train.targets), count, seed_of(asked.seed, repeat), groups)


def fold_data(found: Collection, asked: Experiment, groups: Tensor | None, fold: Tensor, seed: int) -> Dataset:
    """The data of one training. Samples are kept aside to validate only where somebody looks at them."""
    share = asked.validation if asked.validation is not None else found.shares[1] if asked.early_stop else None
    return held_out(found, fold, validation=share, seed=seed, stream=asked.stream is True, groups=groups)


def fold_notes(found: Collection, groups: Tensor | None, count: int) -> tuple[str, ...]:
    """What to know about the folds."""
    notes = [f"folds are made of {len(found.train):,} samples"]
    if found.test is not None:
        notes[0] += f"; the {len(found.test):,} of the data's own test split are left out"
    if groups is not None:
        notes.append(f"{group_count(groups):,} groups, none of them on two sides")
    return (*notes, *small_classes(found, labels_of(found, found.train.targets), count))


def outcome(run: Run) -> dict[str, Any]:
    """What is kept of a training."""
    scores, data = run.scores, run.data
    assert scores is not None
    stopped = run.experiment.early_stop is not None and run.best_epoch is not None
    return {
        "samples": {"train": len(data.train), "validation": len(data.validation), "held out": len(data.test)},
        "epochs": len(run.history),
        "best_epoch": run.best_epoch + 1 if stopped and run.best_epoch is not None else None,
        "values": dict(scores.values),
        "baseline": dict(scores.baseline),
        "linear": dict(scores.linear),
        "linear_name": scores.linear_name,
        "confusion": [list(row) for row in scores.confusion],
        "seconds": run.seconds["training"],
    }


def read_fold(kept: Study, repeat: int, fold: int, seed: int, result: Mapping[str, Any]) -> Fold:
    try:
        found = TypeAdapter(Fold).validate_python(asdict(Fold(repeat + 1, fold + 1, seed, **result)))
        if not found.values or not {"train", "validation", "held out"} <= found.samples.keys():
            raise ValueError("figures and numbers of samples are missing")
        if any(len(row) != len(found.confusion) for row in found.confusion):
            raise ValueError("its confusions are no square")
    except (TypeError, ValueError) as error:
        where = kept.folder.path if kept.folder else "results"
        raise ProfundoError(
            f"{where}: expected the results of a cross-validation: {in_words(error)}; choose another --out"
        ) from None
    return found


# ---------------------------------------------------------------------------------------------------------- in words
def fold_line(fold: Fold, count: int, repeats: int) -> str:
    metric, value = next(iter(fold.values.items()))
    where = f"fold {fold.fold} of {count}" + (f", repeat {fold.repeat} of {repeats}" if repeats > 1 else "")
    stopped = f", weights of epoch {fold.best_epoch} of {fold.epochs}" if fold.best_epoch is not None else ""
    return f"{where}: {metric} {figure(metric, value)}{stopped}, {fold.seconds:.1f} s"


def plain_spread(found: Spread) -> dict[str, Any]:
    return {name: None if value != value else value for name, value in asdict(found).items()}
