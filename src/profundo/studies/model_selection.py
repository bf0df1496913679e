"""Model selection: vary one setting, choose by the validation samples, look at the test samples once.

    found = pf.select("moons", vary={"depth": [0, 1, 2, 3]}, repeats=3)
    print(found)      # Of 0, 1, 2, 3 as depth, 2 has the best validation log loss, …; test accuracy …

Too little capacity has a high error on the training samples, too (underfitting); too much has a low one there and a higher
one on the validation samples (overfitting). Only the latter can choose between them: the training error falls on and on.
While candidates are compared, the test samples are out of reach: the chosen one alone is judged by them, at the end, since
the validation error of what was chosen for it is too good (Bishop 2006, §1.3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from profundo.evaluate import figures
from profundo.evaluate.spread import Spread, sampling_errors, spread
from profundo.files import in_words, read_object
from profundo.pictures.numbers import count
from profundo.pictures.sheet import sheet_html
from profundo.records import Dataset, ProfundoError
from profundo.runs.experiment import Experiment
from profundo.runs.folder import Folder
from profundo.runs.supervised import load_data, resume, train
from profundo.runs.voice import Quiet, Voice, figure
from profundo.studies.study import (
    Builder,
    Study,
    answers_on,
    asked_of,
    figures_on,
    made,
    net_name,
    plain_settings,
    read_study,
    spread_text,
    study,
    trained,
)
from profundo.studies.variation import one_setting, shown, varied

__all__ = ["Candidate", "Selected", "resume_selection", "select", "smaller_is_better"]

KIND = "select"
MOST_TRAININGS = 10_000
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


@dataclass(frozen=True, slots=True)
class Selected:
    """by: the figure that chose; chosen: place among the candidates; test, baseline, linear: figures of the chosen one."""

    asked: Experiment
    net: str
    name: str
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
    notes: tuple[str, ...] = ()
    folder: Path | None = None

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

    def html(self) -> str:
        """One page that needs nothing else."""
        from profundo.studies.model_selection_page import page

        return sheet_html(page(self))

    def _repr_html_(self) -> str:
        from profundo.studies.model_selection_page import chart

        return f"<p>{self}</p>{chart(self, self.by)}"


def select(
    data: str | Path,
    *,
    vary: Mapping[str, Sequence[Any]],
    repeats: int = 1,
    by: str | None = None,
    net: str | Builder | None = None,
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
    asked, builder = asked_of(data, net, settings)
    name, values = one_setting(vary)
    if not isinstance(repeats, int) or repeats < 1 or repeats * len(values) > MOST_TRAININGS:
        raise ProfundoError(
            f"repeats: expected a whole number from 1, at most {MOST_TRAININGS:,} trainings; got {repeats!r}"
        )
    variants = [varied(asked, name, value) for value in values]
    loaded = load_data(asked)
    for variant in variants:
        made(variant, loaded, builder)
    unseen = replace(loaded, test=loaded.validation)  # so that no candidate can be judged by the test samples
    question = {"vary": name, "values": values, "repeats": repeats, "by": by, "settings": plain_settings(asked)}
    with study(
        KIND, question, loaded.facts, name=f"{loaded.name}-{name}", out=out, device=asked.device, voice=voice
    ) as kept:
        for note in loaded.notes:
            voice.notice(note)
        candidates: list[Candidate] = []
        for value, variant in zip(values, variants, strict=True):
            candidate, is_new = tried(kept, unseen, variant, builder, value, name, repeats)
            candidates.append(candidate)
            figure_name = criterion(candidates, by)  # says at once if there is no such figure
            if is_new:
                told = spread_text(figure_name, spread(candidate.validation[figure_name]))
                voice.say(f"{name} {shown(value)}: validation {figure_name} {told}")
        figure_name = criterion(candidates, by)
        sign = 1 if smaller_is_better(figure_name) else -1
        means = [sign * spread(one.validation[figure_name]).mean for one in candidates]
        chosen = min(range(len(means)), key=lambda at: (means[at] != means[at], means[at]))
        voice.say(f"chosen: {name} {shown(values[chosen])}; now the test samples, once")
        judged = kept.figures(
            "chosen", lambda: judge(kept, loaded, variants[chosen], builder), "test", "baseline", "linear"
        )
        found = Selected(
            asked,
            net_name(variants[chosen], loaded),
            loaded.name,
            name,
            figure_name,
            candidates,
            repeats,
            chosen,
            **judged,
            samples={split: len(getattr(loaded, split)) for split in ("train", "validation", "test")},
            notes=loaded.notes,
            folder=kept.folder.path if kept.folder else None,
        )
        kept.write_page(found.html)
    voice.say(str(found))
    return found


def resume_selection(path: str | Path, voice: Voice | None = None) -> Selected:
    """Go on with what was interrupted, from its folder alone."""
    asked = read_study(KIND, path, "vary", "values", "repeats", "by")
    vary = {str(asked["vary"]): asked["values"]}
    return select(out=path, voice=voice, vary=vary, repeats=asked["repeats"], by=asked["by"], **asked["settings"])


# ------------------------------------------------------------------------------------------------------ the trainings
def tried(
    kept: Study, data: Dataset, asked: Experiment, builder: Builder | None, value: Any, name: str, repeats: int
) -> tuple[Candidate, bool]:
    """Train with one value, as often as asked; and whether any of it had to be done now."""
    rows, is_new = [], False
    for repeat in range(repeats):
        one = asked.model_copy(update={"seed": (asked.seed + repeat) % 2**63})

        def work(one: Experiment = one) -> dict[str, Any]:
            run = trained(one, data, builder)
            said = answers_on(run, data.validation)
            return {
                "parameters": sum(parameter.numel() for parameter in run.net.parameters()),
                "training": figures_on(run, data.train),
                "validation": figures(said, data.spec.targets),
                "errors": sampling_errors(said, data.spec.targets),
            }

        key = f"{name} {shown(value)}, repeat {repeat + 1}"
        is_new = is_new or key not in kept.results
        rows.append(kept.figures(key, work, "training", "validation", "errors"))
    try:
        both = [
            {
                key: [float(row[split][key]) for row in rows]
                for key in rows[0][split]
                if all(key in row[split] for row in rows)
            }
            for split in ("training", "validation", "errors")
        ]
        return Candidate(value, int(rows[0]["parameters"]), *both), is_new
    except (LookupError, TypeError, ValueError) as error:
        raise ProfundoError(
            f"results.json: expected the results of a selection: {in_words(error)}; choose another --out"
        ) from None


def criterion(candidates: Sequence[Candidate], by: str | None) -> str:
    """The figure that chooses: the loss that all have in common, else the main figure."""
    common = [name for name in candidates[0].validation if all(name in one.validation for one in candidates)]
    if by is not None and by not in common:
        raise ProfundoError(f"by: {by!r} is no figure of all candidates; known: {', '.join(common)}")
    return by or next((name for name in common if name.endswith("loss")), common[0])


def smaller_is_better(metric: str) -> bool:
    return metric.endswith("loss") or metric in SMALLER_IS_BETTER


def judge(kept: Study, data: Dataset, asked: Experiment, builder: Builder | None) -> dict[str, Any]:
    """The figures of the chosen one on the test split; where a folder is kept, its training is a run of its own there."""
    if kept.folder is None or builder is not None:
        scores = trained(asked, data, builder).scores
    else:
        folder = Folder(kept.folder.path / "chosen")
        if folder.scores.exists():
            done = read_object(folder.scores)
            try:
                return {key: done[key] for key in ("test", "baseline", "linear", "linear_name")}
            except KeyError as error:
                raise ProfundoError(
                    f"{folder.scores}: expected the scores of a training: {in_words(error)}; remove {folder.path}"
                ) from None
        begun = folder.experiment.is_file()
        scores = (resume(folder.path) if begun else train(asked, out=folder.path)).scores
    assert scores is not None
    return {
        "test": dict(scores.values),
        "baseline": dict(scores.baseline),
        "linear": dict(scores.linear),
        "linear_name": scores.linear_name,
    }
