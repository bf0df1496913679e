"""A training that settings describe, examined by the doctor: the same net, cost, optimizer and schedule on the same samples.

profundo doctor digits --net mlp --learning-rate 30
profundo doctor runs/digits-1
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from profundo.doctor import Report, examine
from profundo.doctor.causes import FAMILIES
from profundo.runs.choices import prepare
from profundo.runs.experiment import Experiment, new_experiment
from profundo.runs.folder import Folder
from profundo.runs.health.remedies import unusual_settings
from profundo.runs.health.training_program import apart, program_of
from profundo.runs.settings.plain_yaml import read_experiment

__all__ = ["examine_training", "experiment_of"]


def examine_training(experiment: Experiment, *, budget: float = 60.0) -> Report:
    """What is wrong with this training; nothing is kept of it. Raises ProfundoError for what `train` would refuse."""
    prepared = prepare(experiment)
    families = (unusual_settings(apart(prepared)), *FAMILIES)
    return examine(program_of(prepared), seed=experiment.seed, budget=budget, families=families)


def experiment_of(settings: Mapping[str, Any]) -> Experiment:
    """What the settings ask for; where their data is a run's folder, what that run was asked, and the other settings over it."""
    path = Path(str(settings.get("data", "")))
    if not (path / "experiment.yaml").is_file():
        return new_experiment(**settings)
    asked = read_experiment(Folder(path).experiment)
    return new_experiment(**{**asked, **{name: value for name, value in settings.items() if name != "data"}})
