"""Which settings heal which cause: one table for what is tried, what is said, and what is changed.

unusual_settings(prepared)        a family of causes: settings far from those that suit the data, cured by these
changes_of(finding, prepared)     a proven cure as settings, {"clip": 1.0}; empty where it is none
changed(prepared, changes)        the training with them
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from profundo.doctor import Finding
from profundo.doctor.causes import Family
from profundo.doctor.patient import Patient
from profundo.doctor.suspicions import Suspicion
from profundo.doctor.trials import Variant
from profundo.records import ProfundoError
from profundo.runs.choices import check_choices
from profundo.runs.experiment import SETTINGS, Experiment, as_option, new_experiment
from profundo.runs.health.training_program import apart, program_of
from profundo.runs.preparing import Prepared
from profundo.runs.pretrained import net_of
from profundo.runs.settings.manners import completed
from profundo.train.hardware import normalised

__all__ = ["Changes", "changed", "changes_of", "in_options", "unusual_settings"]

Changes = Mapping[str, Any]
"""Settings by name; net_options as a whole."""
FINE = 0.95  # of skill on training samples: nothing that settings could mend


def is_own(asked: Experiment) -> bool:
    return str(asked.net).startswith("own:")


CURES: tuple[tuple[str, Callable[[str, Experiment], Changes]], ...] = (
    (r"learning rate (\S+)", lambda rate, _: {"learning_rate": float(rate)}),
    (r"gradients clipped to norm (\S+)", lambda norm, _: {"clip": float(norm)}),
    (r"a warm-up of \d+ (steps)", lambda _, asked: {} if asked.warm_up else {"warm_up": 0.1}),
    (r"no (weight decay)", lambda *_: {"weight_decay": 0.0}),
    (r"(weights drawn anew).*", lambda _, asked: {"reinitialize": True} if is_own(asked) else {}),
    (r"(\d+) times as many steps", lambda times, asked: {"epochs": int(times) * (asked.epochs or 1)}),
)
"""Cures of the doctor that are settings here, by their names. Of the others the finding's own words say what to do."""

UNUSUAL: tuple[tuple[str, str, Callable[[Any, Any], bool]], ...] = (
    ("learning_rate", "learning_rate_too_high", lambda value, usual: value > 4 * usual),
    ("learning_rate", "learning_rate_too_low", lambda value, usual: value < usual / 4),
    ("weight_decay", "over_regularised", lambda value, usual: value > max(10 * usual, 1e-3)),
    ("l1", "over_regularised", lambda value, usual: value > usual),
    ("dropout", "excess_dropout", lambda value, _: value >= 0.5),
    ("label_smoothing", "over_regularised", lambda value, usual: value > max(0.2, usual)),
    ("batch_size", "undertrained", lambda value, usual: value > 4 * usual),
    ("objective", "wrong_loss_for_task", lambda value, usual: value != usual),
    ("activation", "vanishing_gradient", lambda value, _: value in ("logistic", "tanh", "hardtanh")),
)
"""Settings and options of nets, what they are suspected of, and at which values beside the usual one."""


def changes_of(finding: Finding, prepared: Prepared) -> Changes:
    cure = finding.experiment.cure if finding.experiment else ""
    for pattern, change in CURES:
        if match := re.fullmatch(pattern, cure):
            return change(match[1], prepared.experiment)
    return next((changes for _, _, changes in departures(prepared) if in_options(changes) == cure), {})


def in_options(changes: Changes) -> str:
    """As they are typed: --learning-rate 0.01."""
    words = []
    for name, value in changes.items():
        if name == "net_options":
            given = [f"--net-option {option}={one}" for option, one in value.items()]
            words.append(" ".join(given) or "leave out --net-option")
        elif name in SETTINGS and SETTINGS[name].in_python:
            words.append(f"{name}={value}")
        else:
            words.append(f"{as_option(name)} {value:.6g}" if isinstance(value, float) else f"{as_option(name)} {value}")
    return " ".join(words)


def departures(prepared: Prepared) -> Iterator[tuple[str, Changes, Changes]]:
    """Causes that settings far from the usual ones make one suspect: the cause, these settings, and the usual ones."""
    asked = prepared.experiment
    usual, of_batch = usual_settings(prepared), usual_settings(prepared, "batch_size")
    for name, cause, is_far in UNUSUAL:
        if name in asked.net_options:
            if is_far(asked.net_options[name], None):
                rest = {option: value for option, value in asked.net_options.items() if option != name}
                yield cause, {name: asked.net_options[name]}, {"net_options": rest}
            continue
        ordinary = of_batch if name == "batch_size" else usual
        value = None if "optimizer" in asked.own else getattr(asked, name, None)
        if value is not None and is_far(value, getattr(ordinary, name)):
            changes = {name: getattr(ordinary, name)}
            if name == "batch_size" and asked.learning_rate == usual.learning_rate != ordinary.learning_rate:
                changes["learning_rate"] = ordinary.learning_rate  # which was chosen for such batches
            yield cause, {name.replace("_", " "): value}, changes


def usual_settings(prepared: Prepared, *more: str) -> Experiment:
    """What would be chosen for these data, this net and this optimizer if nothing else were asked. more: settings of which the
    same is wanted, beside those of learning."""
    asked, data = prepared.experiment, prepared.data
    names = ("learning_rate", "weight_decay", "l1", "objective", "label_smoothing", *more)
    plain = asked.model_copy(update={name: Experiment.model_fields[name].default for name in names})
    counts = len(data.train), len(data.validation) > 0
    return completed(plain, data.spec, counts[0], str(asked.net), normalised(prepared.net), counts[1])


def unusual_settings(prepared: Prepared) -> Family:
    """A family of causes of this training; each cure is the training with the usual setting, on the same samples."""

    def family(patient: Patient) -> Iterator[Suspicion]:
        suspected = list(departures(prepared))
        course = patient.course if suspected else None
        if course is None or not course.losses or (course.first_not_finite is None and course.train[-1] > FINE):
            return
        for cause, values, changes in suspected:

            def cure(variant: Variant, changes: Changes = changes) -> Variant:
                given = variant.program
                other = program_of(changed(apart(prepared), changes), (given.train, given.validation))
                as_often = max(1, given.batch_size // other.batch_size)  # each sample, of smaller batches
                return replace(variant, program=other, times=as_often * variant.times)

            evidence = {**values, "loss at first": course.losses[0], "at last": course.losses[-1]}
            yield Suspicion(
                cause, "settings", evidence, in_options(changes), cures={in_options(changes): cure}, weight=0.7
            )

    return family


def changed(prepared: Prepared, changes: Changes) -> Prepared:
    """The training with other settings; for other options of the net, with a new one.

    Raises ProfundoError for settings that cannot be.
    """
    experiment = new_experiment(**{**prepared.experiment.model_dump(), **changes})
    if "net_options" in changes and is_own(experiment):
        raise ProfundoError(f"net {experiment.net}: is built in Python; give it another {in_options(changes)}")
    check_choices(experiment, prepared.data, prepared.own)
    net = net_of(experiment, str(experiment.net), prepared.data) if "net_options" in changes else prepared.net
    return replace(prepared, experiment=experiment, net=net)
