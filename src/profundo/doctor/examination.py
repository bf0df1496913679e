"""The examination: suspicions, experiments, verdict.

A fact that speaks for itself (a gradient that is never cleared, NaN in the data) is a finding. Everything else is a
suspicion, and becomes one only when its cure, and nothing else changed, makes the program learn better on every seed.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable
from dataclasses import asdict, replace
from functools import partial
from itertools import combinations
from typing import Any

from profundo.doctor.causes import BY_EXPERIMENT, FAMILIES, Family
from profundo.doctor.patient import Patient
from profundo.doctor.programs import Program, expected
from profundo.doctor.suspicions import Suspicion, proves
from profundo.doctor.trials import Cure, Variant, unchanged
from profundo.doctor.verdicts import SEVERITIES, Experiment, Finding, Report
from profundo.records import at_the_door
from profundo.threads import using
from profundo.train.randomness import seeded

__all__ = ["examine"]

Tried = tuple[float, Suspicion, str, Cure]  # skill with the cure, what was suspected, name of the cure, the cure

CLOSE = 0.1  # of skill: cures that do as much good
MOST_FAULTS = 3  # of one program
WHOLE = {"undertrained", "underfit", "overfit"}  # of the training as a whole: nothing is hidden behind them
MOST_PAIRED = 3  # causes that are cured two at once
OPPOSITE = {"learning_rate_too_low", "learning_rate_too_high"}
HOPELESS = 0.2  # of skill
SURE = 0.6  # weight of a proved cause, from which on more steps are no rival to it
LAST_RESORT = 0.2  # weight of causes whose cure mends much else: tried where nothing else was proved


@at_the_door
def examine(
    program: Program, *, seed: int = 0, budget: float = 60.0, families: Iterable[Family] | None = None
) -> Report:
    """What is wrong with a training program, proved; an empty report where nothing is.

    budget: seconds; the program is trained for up to a third of them, experiments take the rest. families: of causes to
        think of, by default all that are known.
    Net, optimizer, data and every global random generator are afterwards as they were, bit for bit.
    Raises ProfundoError for what is no program, cannot be copied or has no samples.
    """
    if not isinstance(program, Program):
        raise expected("a Program(net=…, loss=…, optimizer=…, train=…)", type(program).__name__)
    if not isinstance(budget, int | float) or not budget > 0:
        raise expected("budget to be a number of seconds above 0", repr(budget))
    if not isinstance(seed, int) or not 0 <= seed < 2**63:
        raise expected("seed to be a whole number from 0", repr(seed))
    begin, families = time.monotonic(), FAMILIES if families is None else tuple(families)
    with using(1), seeded(seed), warnings.catch_warnings():  # many small trainings: threads would wait for each other
        warnings.simplefilter("ignore")  # what PyTorch warns of, it warned the caller of
        patient = Patient(program, seed, budget)
        findings, cure = verdict(patient, frozenset(), families)
        findings += hidden(patient, findings, cure, families)
    seconds = time.monotonic() - begin
    return Report(
        tuple(findings), quantities(patient), tuple(patient.tried), tuple(patient.notes), seconds, error_of(patient)
    )


def hidden(patient: Patient, findings: list[Finding], cure: Cure | None, families: Iterable[Family]) -> list[Finding]:
    """What shows once the first finding is cured, and so on, as long as half of the time is left."""
    known = [one.cause for one in findings] + ["undertrained"]  # who mends a program trains it once more
    more: list[Finding] = []
    enough = 0.5 * patient.budget
    while cure is not None and len(known) < MOST_FAULTS and patient.left > enough:
        known += [cause for one in findings for cause in one.consequences]
        try:
            patient = patient.cured(cure)
            findings, cure = verdict(patient, frozenset(known), families)
        except Exception:  # noqa: BLE001 - a cure that does for a trial, and makes no program
            break
        before = tuple(dict.fromkeys(cause for cause in known if cause != "undertrained"))
        new = [replace(one, after=before) for one in findings if one.severity != "mild"]
        known, more = known + [one.cause for one in new], more + new
        cure = cure if new else None
    return more


def verdict(patient: Patient, known: frozenset[str], families: Iterable[Family]) -> tuple[list[Finding], Cure | None]:
    """Facts first; where none of them explains the training, what experiments prove. And what cures the first of them.

    known: causes that are not looked for.
    """
    raised = patient.suspected = suspected(patient, known, families)
    raised = sorted(raised, key=lambda one: SEVERITIES.index(one.severity))
    facts = [one for one in raised if not one.presumed and not one.cures]
    said = [one.finding() for one in facts]
    if facts and facts[0].severity != "mild":
        return said, facts[0].mend
    found, cure = proved(patient, [one for one in patient.suspected if one.cures])
    return (found or [one.finding() for one in raised if one.presumed and not one.cures]) + said, cure


def suspected(
    patient: Patient, known: frozenset[str] = frozenset(), families: Iterable[Family] | None = None
) -> list[Suspicion]:
    """What the numbers alone say, family after family, until one finds what is fatal, or no experiment is called for."""
    every: list[Suspicion] = []
    for family in FAMILIES if families is None else families:
        if family in BY_EXPERIMENT and any(explains(one) for one in every):
            break
        try:
            raised = [one for one in family(patient) if one.cause not in known]
        except Exception as error:  # noqa: BLE001 - a program that this family does not understand
            patient.notes.append(f"{family.__name__} could not be judged: {type(error).__name__}: {error}")
            continue
        every += raised
        if any(one.severity == "fatal" and explains(one) for one in raised):
            break
    return every


def explains(suspicion: Suspicion) -> bool:
    """Whether it is a fact that is reason enough for what the training came to."""
    return not suspicion.presumed and not suspicion.cures and suspicion.severity != "mild"


def proved(patient: Patient, suspicions: list[Suspicion]) -> tuple[list[Finding], Cure | None]:
    """The suspicion whose cure does most good, with those that do as much as its consequences."""
    confirmed: list[tuple[float, Suspicion, Experiment, Cure]] = []
    without_effect: list[Tried] = []
    for suspicion in sorted(suspicions, key=lambda one: -one.weight):
        surest = max((each[1].weight for each in confirmed), default=0.0)
        if confirmed and suspicion.weight < LAST_RESORT:
            break
        if any(good > 1 - CLOSE and one.weight == surest > suspicion.weight for good, one, *_ in confirmed):
            break  # nothing that weighs less can do so much better that it would be the root
        if patient.left < 0:
            patient.notes.append(f"the budget ended before {suspicion.cause} was tried; give more seconds: budget=…")
            break
        if suspicion.cause == "undertrained" and surest >= SURE:
            continue
        for name, cure in suspicion.cures.items():
            try:
                experiment = patient.race(name, cure, suspicion.steps, view=suspicion.view or unchanged)
            except Exception as error:  # noqa: BLE001 - a view of the samples that this program does not have
                patient.notes.append(f"{suspicion.cause} could not be tried: {type(error).__name__}: {error}")
                continue
            if proves(experiment, suspicion.gain, suspicion.share):
                confirmed.append((experiment.after, suspicion, experiment, cure))
                patient.tried.remove(experiment)
            elif suspicion.view is None and suspicion.cause not in WHOLE:
                without_effect.append((experiment.after, suspicion, name, cure))
    if not confirmed:
        return two_at_once(patient, without_effect), None
    best = max(good for good, *_ in confirmed)
    close = [each for each in confirmed if each[0] >= best - CLOSE]
    _, root, experiment, cure = max(close, key=lambda each: (each[1].weight, each[0]))
    others = tuple(dict.fromkeys(each[1].cause for each in confirmed if each[1].cause != root.cause))
    said = root.finding(experiment.cure, experiment=experiment, consequences=others)
    return [said], None if root.cause in WHOLE or root.view is not None else cure


def two_at_once(patient: Patient, tried: list[Tried]) -> list[Finding]:
    """Two causes of which neither's cure does any good while the other is there; for programs that learn next to nothing."""
    best = {each[1].cause: each for each in sorted(tried, key=lambda each: each[0])}
    course = patient.course
    hopeless = bool(course.train) and max(course.train[-1], course.held[-1]) < HOPELESS
    pairs = combinations(sorted(best.values(), key=lambda each: -each[1].weight)[:MOST_PAIRED], 2) if hopeless else ()
    for (_, one, this, first), (_, other, that, second) in pairs:
        if patient.left < 0.25 * patient.budget:
            break
        if {one.cause, other.cause} == OPPOSITE:
            continue
        experiment = patient.race(f"{this}, and {that}", partial(both, first, second))
        if proves(experiment, max(one.gain, other.gain), max(one.share, other.share)):
            patient.tried.remove(experiment)
            return [cause.finding(cure, experiment=experiment) for cause, cure in ((one, this), (other, that))]
    return []


def both(first: Cure, second: Cure, variant: Variant) -> Variant:
    return second(first(variant))


def quantities(patient: Patient) -> dict[str, Any]:
    """What was measured, as plain data: of the course only where there was one.

    suspected: what the numbers alone say; weight: how loudly, 1 of a fact.
    """
    said = [
        {"cause": one.cause, "severity": one.severity, "weight": one.weight if one.cures or one.presumed else 1.0}
        for one in patient.suspected
    ]
    facts: dict[str, Any] = {"cost": asdict(patient.cost), "task": asdict(patient.task), "suspected": said}
    return facts | ({"course": asdict(patient.course)} if patient.was_trained else {})


def error_of(patient: Patient) -> str:
    """What ended the program before it was to end."""
    return patient.first.error or (patient.course.error if patient.was_trained else "")
