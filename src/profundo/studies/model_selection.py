"""Model selection: vary one setting, choose by the validation samples, look at the test samples once.

    found = pf.select("moons", vary={"depth": [0, 1, 2, 3]}, repeats=3)
    print(found)      # Of 0, 1, 2, 3 as depth, 2 has the best validation log loss, …; test accuracy …

Too little capacity has a high error on the training samples, too (underfitting); too much has a low one there and a higher
one on the validation samples (overfitting). Only the latter can choose between them: the training error falls on and on.
While candidates are compared, the test samples are out of reach: the chosen one alone is judged by them, at the end, since
the validation error of what was chosen for it is too good (Bishop 2006, §1.3).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from profundo.data.splits.splits import divide
from profundo.evaluate import figures
from profundo.evaluate.spread import sampling_errors, spread
from profundo.files import read_object
from profundo.nets.summary import parameter_count
from profundo.records import Dataset, ProfundoError, at_the_door
from profundo.runs.experiment import Experiment
from profundo.runs.folder import Folder
from profundo.runs.scoring import answers_held_out
from profundo.runs.supervised import load_data, resume, train
from profundo.runs.voice import Quiet, Voice
from profundo.studies.model_selection_result import Candidate, Selected, smaller_is_better
from profundo.studies.study import (
    Figures,
    Given,
    Study,
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
from profundo.studies.variation import one_setting, shown, varied

__all__ = ["resume_selection", "select"]

KIND = "select"


@at_the_door
def select(
    data: Any,
    to: Any = None,
    targets: Any = None,
    *,
    vary: Mapping[str, Sequence[Any]],
    repeats: int = 1,
    by: str | None = None,
    net: Any = None,
    out: str | Path | bool | None = False,
    voice: Voice | None = None,
    **settings: Any,
) -> Selected:
    """Train with each value of one setting and choose: `select("digits", vary={"weight_decay": [0, 0.1, 1]}, net="mlp")`.

    vary: one setting of training (`learning_rate`, `epochs`, `optimizer` …), an option of the net (`net_options.dropout`),
    or `depth` or `width`, of the hidden layers of an mlp. repeats: with other weights and orders; the mean chooses. by:
    the figure of the validation split that chooses; its loss, or the RMSE, unless told. out: a folder to keep every
    training in, so that the same call goes on after an interruption, and the chosen one as a run, in chosen/. Trainings of
    the j-th repetition, from 0, have the seed seed + j. Raises ProfundoError for settings that cannot be varied.
    """
    voice = voice or Quiet()
    asked, given = asked_of(data, to, targets, net, settings)
    name, values = one_setting(vary)
    check_repeats(repeats, len(values))
    variants = [varied(asked, name, value) for value in values]
    loaded = whole(asked, given)
    for variant in variants:
        made(variant, loaded, given)
    unseen = replace(loaded, test=loaded.validation)  # so that no candidate can be judged by the test samples
    question = {"vary": name, "values": values, "repeats": repeats, "by": by, "settings": plain_settings(asked)}
    title = f"{loaded.name}-{name}"
    with study(
        KIND, question, loaded.facts, name=title, out=out, device=asked.device, voice=voice, notes=loaded.notes
    ) as kept:
        candidates: list[Candidate] = []
        for value, variant in zip(values, variants, strict=True):
            candidate, is_new = tried(kept, unseen, variant, given, value, name, repeats)
            candidates.append(candidate)
            metric = criterion(candidates, by)  # says at once if there is no such figure
            if is_new:
                reached = spread_text(metric, spread(candidate.validation[metric]))
                voice.say(f"{name} {shown(value)}: validation {metric} {reached}")
        metric = criterion(candidates, by)
        chosen = best(candidates, metric)
        voice.say(f"chosen: {name} {shown(values[chosen])}; now the test samples, once")
        final = Trial("chosen", partial(judge, kept, loaded, variants[chosen], given), Judged)
        ((judged, _),) = kept.run([final])
        selected = Selected(
            asked=asked,
            net=net_name(variants[chosen], loaded),
            name=loaded.name,
            setting=name,
            by=metric,
            candidates=candidates,
            repeats=repeats,
            chosen=chosen,
            test=judged.test,
            baseline=judged.baseline,
            linear=judged.linear,
            linear_name=judged.linear_name,
            samples={split: len(getattr(loaded, split)) for split in ("train", "validation", "test")},
            notes=loaded.notes,
            folder=kept.path,
        )
        kept.finish(selected)
    return selected


def whole(asked: Experiment, given: Given) -> Dataset:
    """The data with their splits."""
    if isinstance(given.data, str | Path):
        return load_data(asked)
    return divide(collected(asked, given), validation=asked.validation, seed=asked.splitting_seed, stream=False)


def resume_selection(path: str | Path, voice: Voice | None = None) -> Selected:
    """Go on with what was interrupted, from its folder alone."""
    settings = settings_of(KIND, path, "vary", "values", "repeats", "by")
    vary = {str(settings.pop("vary")): settings.pop("values")}
    return select(out=path, voice=voice, vary=vary, **settings)


def best(candidates: Sequence[Candidate], metric: str) -> int:
    """Place of the candidate with the best mean; one that is NaN is the last."""
    sign = 1 if smaller_is_better(metric) else -1
    means = [sign * spread(one.validation[metric]).mean for one in candidates]
    return min(range(len(means)), key=lambda at: (math.isnan(means[at]), means[at]))


# ------------------------------------------------------------------------------------------------------ the trainings
@dataclass(frozen=True, slots=True)
class Tried:
    """Of one training, by name; errors: standard errors of the validation figures."""

    parameters: int
    training: Figures
    validation: Figures
    errors: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Judged:
    """Figures on the test split: of the chosen one, the constant predictor, the linear model."""

    test: Figures
    baseline: Mapping[str, float]
    linear: Mapping[str, float]
    linear_name: str


def tried(
    kept: Study, data: Dataset, experiment: Experiment, given: Given, value: Any, name: str, repeats: int
) -> tuple[Candidate, bool]:
    """Train with one value, as often as asked; and whether any of it had to be done now."""

    def work(repeat: int) -> dict[str, Any]:
        run = trained(experiment.model_copy(update={"seed": (experiment.seed + repeat) % 2**63}), data, given)
        on_validation = answers_held_out(run.net, run.data, run.experiment, run.own)
        return {
            "parameters": parameter_count(run.net),
            "training": figures_on(run, data.train),
            "validation": figures(on_validation, run.data.spec.targets),
            "errors": sampling_errors(on_validation, run.data.spec.targets),
        }

    trials = [
        Trial(f"{name} {shown(value)}, repeat {repeat + 1}", partial(work, repeat), Tried) for repeat in range(repeats)
    ]
    rows, are_new = zip(*kept.run(trials), strict=True)
    parts = [[getattr(row, part) for row in rows] for part in ("training", "validation", "errors")]
    together = [
        {key: [row[key] for row in part] for key in part[0] if all(key in row for row in part)} for part in parts
    ]
    return Candidate(value, rows[0].parameters, *together), any(are_new)


def criterion(candidates: Sequence[Candidate], by: str | None) -> str:
    """The figure that chooses: the loss that all have in common, else the main figure."""
    common = [name for name in candidates[0].validation if all(name in one.validation for one in candidates)]
    if by is not None and by not in common:
        raise ProfundoError(f"by: {by!r} is no figure of all candidates; known: {', '.join(common)}")
    return by or next((name for name in common if name.endswith("loss")), common[0])


def judge(kept: Study, data: Dataset, experiment: Experiment, given: Given) -> dict[str, Any]:
    """The figures of the chosen one on the test split; where a folder is kept, its training is a run of its own there."""
    if kept.folder is None or not given.named:
        scores = trained(experiment, data, given).scores
    else:
        folder = Folder(kept.folder.path / "chosen")
        if folder.scores.exists():
            done = read_object(folder.scores)
            return {field.name: done.get(field.name) for field in fields(Judged)}
        begun = folder.experiment.is_file()
        scores = (resume(folder.path) if begun else train(experiment, out=folder.path)).scores
    assert scores is not None
    return {
        "test": dict(scores.values),
        "baseline": dict(scores.baseline),
        "linear": dict(scores.linear),
        "linear_name": scores.linear_name,
    }
