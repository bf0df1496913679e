"""Cross-validation: every sample is held out once, so that few data suffice to say how well a method does on new ones.

    found = pf.cross_validate("iris", folds=5, repeats=3)      # k trainings, each on all folds but one
    print(found)                                               # accuracy 97.1 % ± 3.1 (5 folds × 3)

It judges a method (net, settings, training), not one network: every fold trains its own, from other weights, and whatever
is learned from data (means, deviations, categories, what fills gaps, when to stop) is learned from its training part
alone. Folds are stratified by class and made of all samples but the data's own test split, where they have one.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from profundo.data.splits.folds import (
    folds,
    held_out,
    labels_of,
    pooled,
    seed_of,
    small_classes,
)
from profundo.data.splits.split_by import forward, group_count
from profundo.data.splits.splits import Collection
from profundo.records import Dataset, ProfundoError, at_the_door
from profundo.runs.experiment import Experiment
from profundo.runs.run import Run
from profundo.runs.voice import Quiet, Voice, figure
from profundo.studies.cross_validation_result import CrossValidation, Fold
from profundo.studies.study import (
    Trial,
    asked_of,
    check_repeats,
    collected,
    made,
    net_name,
    plain_settings,
    settings_of,
    study,
    trained,
)

__all__ = ["cross_validate", "resume_cross_validation"]

KIND = "cross-validate"


@at_the_door
def cross_validate(
    data: Any,
    to: Any = None,
    targets: Any = None,
    *,
    folds: int = 5,
    repeats: int = 1,
    net: Any = None,
    out: str | Path | bool | None = False,
    voice: Voice | None = None,
    **settings: Any,
) -> CrossValidation:
    """How well a net with these settings predicts samples it has not seen: `cross_validate("iris", net="mlp", folds=10)`.

    data: a name, a path, or what is in memory, as `load` and `fit` take it: `cross_validate("mlp", X, y)`. net: a
    name, a function that makes one for a Spec, or one net, of which copies are trained, all from its weights.
    repeats: the whole again with other folds. With split_by="group:…" no group is on two sides; with "time:…" the
    folds follow each other in time, and each is predicted from what came before it. out: a folder to keep each fold
    in, so that the same call goes on after an interruption; True for runs/<data>-cross-validation-<n>; nothing is
    kept by default. settings: those of Experiment, such as epochs, seed; with early_stop or validation a part of each
    fold's training samples is kept aside, else all are trained on. The n-th training, from 0, has the seed seed + n.
    Raises ProfundoError for folds that cannot be made.
    """
    voice = voice or Quiet()
    if not isinstance(folds, int) or isinstance(folds, bool) or folds < 2:
        raise ProfundoError(f"folds: expected a whole number of at least 2, got {folds!r}")
    check_repeats(repeats, folds)
    asked, given = asked_of(data, to, targets, net, settings)
    collection = pooled(collected(asked, given))
    plans = [parts(collection, asked, folds, repeat) for repeat in range(repeats)]
    first = fold_data(collection, asked, plans[0][0], asked.seed)
    made(asked, first, given)
    question = {"folds": folds, "repeats": repeats, "settings": plain_settings(asked)}
    name = f"{collection.name}-cross-validation"
    facts = {"sha256": first.facts["sha256"], "samples": len(collection.train)}
    notes = (*first.notes, *fold_notes(collection, folds))
    with study(KIND, question, facts, name=name, out=out, device=asked.device, voice=voice, notes=notes) as kept:
        places = [(repeat, fold) for repeat in range(repeats) for fold in range(folds)]
        seeds = [(asked.seed + number) % 2**63 for number in range(len(places))]

        def work(repeat: int, fold: int, seed: int) -> dict[str, Any]:
            one = asked.model_copy(update={"seed": seed})
            run = trained(one, fold_data(collection, one, plans[repeat][fold], seed), given)
            return {"repeat": repeat + 1, "fold": fold + 1, "seed": seed, **outcome(run)}

        trials = [
            Trial(f"repeat {repeat + 1}, fold {fold + 1}", partial(work, repeat, fold, seed), Fold)
            for (repeat, fold), seed in zip(places, seeds, strict=True)
        ]
        results = []
        for fold, is_new in kept.run(trials):
            results.append(fold)
            if is_new:
                voice.say(fold_line(fold, folds, repeats))
        whole = CrossValidation(
            asked=asked,
            net=net_name(asked, first),
            name=collection.name,
            classes=collection.targets.classes,
            folds=folds,
            repeats=repeats,
            results=results,
            notes=notes,
            folder=kept.path,
        )
        kept.finish(whole)
    return whole


def resume_cross_validation(path: str | Path, voice: Voice | None = None) -> CrossValidation:
    """Go on with what was interrupted, from its folder alone."""
    return cross_validate(out=path, voice=voice, **settings_of(KIND, path, "folds", "repeats"))


# ------------------------------------------------------------------------------------------------------ the trainings
def parts(collection: Collection, experiment: Experiment, count: int, repeat: int) -> list[Tensor]:
    """The folds of one repetition, as indices of samples. Those by time are the same in all."""
    by = collection.split_by
    if by is not None and by.kind == "time":
        return forward(by.keys, count)
    groups = None if by is None else by.keys
    return folds(
        labels_of(collection, collection.train.targets), count, seed_of(experiment.splitting_seed, repeat), groups
    )


def fold_data(collection: Collection, experiment: Experiment, fold: Tensor, seed: int) -> Dataset:
    """The data of one training. Samples are kept aside to validate only where somebody looks at them."""
    usual = collection.shares[1] if experiment.early_stop or experiment.threshold else None
    share = usual if experiment.validation is None else experiment.validation
    return held_out(collection, fold, validation=share, seed=seed)


def fold_notes(collection: Collection, count: int) -> tuple[str, ...]:
    """What to know about the folds."""
    notes = [f"folds are made of {len(collection.train):,} samples"]
    if collection.test is not None:
        notes[0] += f"; the {len(collection.test):,} of the data's own test split are left out"
    by = collection.split_by
    if by is not None and by.kind == "group":
        notes.append(f"{by}: {group_count(by.keys):,} groups, none of them on two sides; it is no input")
    elif by is not None:
        notes.append(f"{by}: each fold is predicted from what came before; what comes before the first only trains")
    return (*notes, *small_classes(collection, labels_of(collection, collection.train.targets), count))


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


# ---------------------------------------------------------------------------------------------------------- in words
def fold_line(fold: Fold, count: int, repeats: int) -> str:
    metric, value = next(iter(fold.values.items()))
    where = f"fold {fold.fold} of {count}" + (f", repeat {fold.repeat} of {repeats}" if repeats > 1 else "")
    stopped = f", weights of epoch {fold.best_epoch} of {fold.epochs}" if fold.best_epoch is not None else ""
    return f"{where}: {metric} {figure(metric, value)}{stopped}, {fold.seconds:.1f} s"
