"""The examination: suspicions, experiments, verdict.

A fact that speaks for itself (a gradient that is never cleared, NaN in the data) is a finding. Everything else is a
suspicion, and becomes one only when its cure, and nothing else changed, makes the program learn better on every seed.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any

from profundo.doctor.causes import FAMILIES, Family
from profundo.doctor.patient import Patient
from profundo.doctor.programs import Program
from profundo.doctor.suspicions import Suspicion, proves
from profundo.doctor.trials import unchanged
from profundo.doctor.verdicts import SEVERITIES, Experiment, Finding, Report
from profundo.records import ProfundoError
from profundo.train.randomness import seeded

__all__ = ["examine"]

CLOSE = 0.1  # of skill: cures that do as much good
LAST_RESORT = 0.2  # weight of causes whose cure mends much else: tried where nothing else was proved


def examine(program: Program, *, seed: int = 0, budget: float = 60.0, families: Iterable[Family] = FAMILIES) -> Report:
    """What is wrong with a training program, proved; an empty report where nothing is.

    budget: seconds; the program is trained for up to a third of them, experiments take the rest. families: of causes, where
        not all that are known are to be thought of, or more.
    Net, optimizer, data and every global random generator are afterwards as they were, bit for bit.
    Raises ProfundoError for what is no program, cannot be copied or has no samples.
    """
    if not isinstance(program, Program):
        raise ProfundoError(
            f"doctor: expected a Program(net=…, loss=…, optimizer=…, train=…), got {type(program).__name__}"
        )
    if not isinstance(budget, int | float) or not budget > 0:
        raise ProfundoError(f"doctor: expected budget to be a number of seconds above 0, got {budget!r}")
    if not isinstance(seed, int) or not 0 <= seed < 2**63:
        raise ProfundoError(f"doctor: expected seed to be a whole number from 0, got {seed!r}")
    begin = time.monotonic()
    with seeded(seed), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what PyTorch warns of, it warned the caller of
        patient = Patient(program, seed, budget)
        findings = verdict(patient, families)
    seconds = time.monotonic() - begin
    return Report(
        tuple(findings), quantities(patient), tuple(patient.tried), tuple(patient.notes), seconds, error_of(patient)
    )


def verdict(patient: Patient, families: Iterable[Family] = FAMILIES) -> list[Finding]:
    """Facts first; where none of them explains the training, what experiments prove."""
    facts: list[Finding] = []
    presumed: list[Finding] = []
    suspicions: list[Suspicion] = []
    for family in families:
        try:
            raised = list(family(patient))
        except Exception as error:  # noqa: BLE001 - a program that this family does not understand
            patient.notes.append(f"{family.__name__} could not be judged: {type(error).__name__}: {error}")
            continue
        suspicions += [one for one in raised if one.cures]
        presumed += [finding(one) for one in raised if one.presumed and not one.cures]
        facts += [finding(one) for one in raised if not one.presumed and not one.cures]
        if any(fact.severity == "fatal" for fact in facts):
            break
    if any(fact.severity != "mild" for fact in facts):
        return in_order(facts)
    return (proved(patient, suspicions) or in_order(presumed)) + in_order(facts)


def proved(patient: Patient, suspicions: list[Suspicion]) -> list[Finding]:
    """The suspicion whose cure does most good, with those that do as much as its consequences."""
    confirmed: list[tuple[float, Suspicion, Experiment]] = []
    for suspicion in sorted(suspicions, key=lambda one: -one.weight):
        if patient.left < 0 or (confirmed and suspicion.weight < LAST_RESORT):
            break
        for name, cure in suspicion.cures.items():
            try:
                experiment = patient.race(name, cure, suspicion.steps, view=suspicion.view or unchanged)
            except Exception as error:  # noqa: BLE001 - a view of the samples that this program does not have
                patient.notes.append(f"{suspicion.cause} could not be tried: {type(error).__name__}: {error}")
                continue
            if proves(experiment, suspicion.gain, suspicion.share):
                confirmed.append((mean(experiment.with_cure), suspicion, experiment))
                patient.tried.remove(experiment)
    if not confirmed:
        return []
    best = max(good for good, _, _ in confirmed)
    close = [each for each in confirmed if each[0] >= best - CLOSE]
    _, root, experiment = max(close, key=lambda each: (each[1].weight, each[0]))
    others = tuple(dict.fromkeys(each[1].cause for each in confirmed if each[1].cause != root.cause))
    remedy = root.remedy.replace("{cure}", experiment.cure)
    return [replace(finding(root), remedy=remedy, experiment=experiment, consequences=others)]


def quantities(patient: Patient) -> dict[str, Any]:
    """What was measured, as plain data: of the course only where there was one."""
    facts: dict[str, Any] = {"cost": asdict(patient.cost), "task": asdict(patient.task)}
    return facts | ({"course": asdict(patient.course)} if patient.was_trained else {})


def error_of(patient: Patient) -> str:
    """What ended the program before it was to end."""
    return patient.first.error or (patient.course.error if patient.was_trained else "")


def finding(suspicion: Suspicion) -> Finding:
    return Finding(suspicion.cause, suspicion.where, suspicion.evidence, suspicion.remedy, suspicion.severity)


def in_order(findings: list[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda one: SEVERITIES.index(one.severity))


def mean(values: tuple[float, ...]) -> float:
    return sum(values) / len(values)
