"""A training that settings describe, examined by the doctor: the same net, cost, optimizer and schedule on the same samples.

profundo doctor digits --net mlp --learning-rate 30
profundo doctor runs/digits-1
profundo train digits --dry-run             # what can be seen before training
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from profundo.doctor import Report, examine
from profundo.doctor.causes import FAMILIES
from profundo.doctor.causes.judges import judges
from profundo.doctor.causes.output_layer import output_layer
from profundo.doctor.causes.step_order import step_order
from profundo.doctor.causes.structure import structure
from profundo.doctor.causes.values import values
from profundo.runs.choices import prepare
from profundo.runs.experiment import Experiment, new_experiment
from profundo.runs.folder import Folder
from profundo.runs.health.health_record import Diagnosis, diagnosis
from profundo.runs.health.remedies import changes_of, unusual_settings
from profundo.runs.health.training_program import apart, program_of
from profundo.runs.preparing import Prepared, from_pretrained, make_update, train_batches
from profundo.runs.settings.plain_yaml import read_experiment
from profundo.train.distributed import Group
from profundo.train.randomness import seeded

__all__ = ["examine_training", "experiment_of", "preflight", "seconds_of"]

BEFORE = (values, step_order, output_layer, judges, structure)  # families that no long training needs
TIMED = 3  # steps


def examine_training(experiment: Experiment, *, budget: float = 60.0) -> Report:
    """What is wrong with this training; nothing is kept of it. Raises ProfundoError for what `train` would refuse."""
    prepared = prepare(experiment)
    families = (unusual_settings(apart(prepared)), *FAMILIES)
    return examine(program_of(prepared), seed=experiment.seed, budget=budget, families=families)


def preflight(prepared: Prepared, *, budget: float = 3.0) -> tuple[Diagnosis, ...]:
    """What is wrong before training: data, shapes, cost, output layer, structure, and settings far from the usual ones.

    budget: seconds, of which most go to the few steps that prove a setting wrong. Raises ProfundoError for streamed samples.
    """
    families, seed = (*BEFORE, unusual_settings(apart(prepared))), prepared.experiment.seed
    report = examine(program_of(apart(prepared)), seed=seed, budget=budget, families=families)
    return tuple(diagnosis(one, changes_of(one, prepared), 0) for one in report.findings)


def seconds_of(prepared: Prepared, steps: int) -> float:
    """About how long so many steps take, by a few of a copy."""
    one = from_pretrained(apart(prepared))
    update, some = make_update(one, Group()), islice(train_batches(one, Group()).epoch(0), TIMED + 1)
    with seeded(prepared.experiment.seed):
        update(next(some))  # the first takes longer
        begin = time.perf_counter()
        done = sum(1 for batch in some if update(batch))
    return steps * (time.perf_counter() - begin) / max(1, done)


def experiment_of(settings: Mapping[str, Any]) -> Experiment:
    """What the settings ask for; where their data is a run's folder, what that run was asked, and the other settings over it."""
    path = Path(str(settings.get("data", "")))
    if not (path / "experiment.yaml").is_file():
        return new_experiment(**settings)
    asked = read_experiment(Folder(path).experiment)
    return new_experiment(**{**asked, **{name: value for name, value in settings.items() if name != "data"}})
