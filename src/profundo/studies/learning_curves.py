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
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from profundo.data.splits.folds import labels_of, nested, seed_of, subset
from profundo.data.splits.splits import Collection, divided, separated
from profundo.evaluate.spread import spread
from profundo.records import ProfundoError, at_the_door
from profundo.runs.experiment import Experiment
from profundo.runs.voice import Quiet, Voice
from profundo.studies.learning_curve_result import SPLITS, LearningCurve
from profundo.studies.study import (
    Figures,
    Trial,
    asked_of,
    check_repeats,
    collected,
    figures_on,
    made,
    net_name,
    plain_settings,
    settings_of,
    spread_text,
    study,
    trained,
)

__all__ = ["learning_curve", "resume_learning_curve"]

KIND = "learning-curve"
SIZES = (0.05, 0.1, 0.2, 0.5, 1.0)


@at_the_door
def learning_curve(
    data: Any,
    to: Any = None,
    targets: Any = None,
    *,
    sizes: Sequence[float] = SIZES,
    repeats: int = 3,
    net: Any = None,
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
    asked, given = asked_of(data, to, targets, net, settings)
    collection = collected(asked, given)
    splits = separated(collection, validation=asked.validation, seed=asked.splitting_seed, stream=asked.stream is True)
    counts = numbers_of(sizes, len(splits[0]))
    check_repeats(repeats, len(counts))
    labels = labels_of(collection, splits[0].targets)
    groups = groups_of(collection, asked)
    orders = [nested(labels, seed_of(asked.seed, repeat), groups) for repeat in range(repeats)]
    whole = subset(collection, splits, orders[0])
    made(asked, whole, given)
    notes = (*whole.notes, *few_notes(counts, len(collection.targets.classes)))
    question = {"sizes": list(map(float, sizes)), "repeats": repeats, "settings": plain_settings(asked)}
    name = f"{collection.name}-learning-curve"

    def work(size: int, repeat: int) -> dict[str, Any]:
        one = asked.model_copy(update={"seed": (asked.seed + repeat) % 2**63})
        parts = subset(collection, splits, orders[repeat][:size].sort().values)
        run = trained(one, parts, given)
        assert run.scores is not None
        return {
            "training": figures_on(run, parts.train),
            "validation": figures_on(run, parts.validation),
            "test": dict(run.scores.values),
        }

    with study(KIND, question, whole.facts, name=name, out=out, device=asked.device, voice=voice, notes=notes) as kept:
        rows = []
        for size in counts:
            trials = [
                Trial(f"{size} samples, repeat {repeat + 1}", partial(work, size, repeat), SplitFigures)
                for repeat in range(repeats)
            ]
            results, are_new = zip(*kept.run(trials), strict=True)
            rows.append(results)
            if are_new[-1]:
                voice.say(size_line(size, results))
        curve = LearningCurve(
            asked=asked,
            net=net_name(asked, whole),
            name=collection.name,
            sizes=tuple(counts),
            repeats=repeats,
            figures=by_split(rows),
            judged_by={"validation": len(splits[1]), "test": len(splits[2])},
            notes=notes,
            folder=kept.path,
        )
        kept.finish(curve)
    return curve


def resume_learning_curve(path: str | Path, voice: Voice | None = None) -> LearningCurve:
    """Go on with what was interrupted, from its folder alone."""
    return learning_curve(out=path, voice=voice, **settings_of(KIND, path, "sizes", "repeats"))


# ------------------------------------------------------------------------------------------------------ the trainings
def groups_of(collection: Collection, asked: Experiment) -> Tensor | None:
    """The group of each sample to train on, where rows are divided by group: then one group comes after the other."""
    if collection.split_by is None or collection.split_by.kind != "group":
        return None
    return collection.split_by.keys[divided(collection, asked.validation, asked.splitting_seed)[0]]


def numbers_of(sizes: Sequence[float], samples: int) -> list[int]:
    """Numbers of training samples, ascending, each once."""
    result = set()
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
        result.add(number)
    if len(result) < 2:
        raise ProfundoError(f"sizes: expected at least two different ones, got {', '.join(map(str, sizes)) or 'none'}")
    return sorted(result)


@dataclass(frozen=True, slots=True)
class SplitFigures:
    """Of one training, by name."""

    training: Figures
    validation: Figures
    test: Figures


def few_notes(sizes: Sequence[int], classes: int) -> tuple[str, ...]:
    few = [str(size) for size in sizes if size < classes]
    return (f"not every class can be among {', '.join(few)} of the {classes} classes' samples",) if few else ()


def by_split(results: Sequence[Sequence[SplitFigures]]) -> dict[str, dict[str, list[list[float]]]]:
    """Figures that every training has, by split, name, size and repetition."""
    entries = {split: [[getattr(one, split) for one in row] for row in results] for split in SPLITS}
    return {
        split: {
            name: [[one[name] for one in row] for row in rows]
            for name in rows[0][0]
            if all(name in one for row in rows for one in row)
        }
        for split, rows in entries.items()
    }


# ---------------------------------------------------------------------------------------------------------- in words
def size_line(size: int, row: Sequence[SplitFigures]) -> str:
    metric = next(iter(row[0].test))
    result = spread([one.test[metric] for one in row])
    return f"{size:,} training samples: test {metric} {spread_text(metric, result)}"
