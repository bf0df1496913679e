"""A training that settings describe, examined by the doctor: the same net, cost, optimizer and schedule on the same samples.

profundo doctor digits --net mlp --learning-rate 30
profundo doctor runs/digits-1
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from profundo.data.batches import in_memory
from profundo.data.standard import standardize, standardize_targets
from profundo.doctor import Program, Report, examine
from profundo.records import ProfundoError, Samples, Spec
from profundo.runs.choices import prepare
from profundo.runs.experiment import Experiment, new_experiment
from profundo.runs.folder import Folder
from profundo.runs.preparing import Prepared, from_pretrained, make_update
from profundo.runs.settings.plain_yaml import read_experiment
from profundo.train.distributed import Group
from profundo.train.schedules import schedule
from profundo.train.updates import Supervised

__all__ = ["examine_training", "experiment_of", "program_of"]


def examine_training(experiment: Experiment, *, budget: float = 60.0) -> Report:
    """What is wrong with this training; nothing is kept of it. Raises ProfundoError for what `train` would refuse."""
    return examine(program_of(prepare(experiment)), seed=experiment.seed, budget=budget)


def experiment_of(settings: Mapping[str, Any]) -> Experiment:
    """What the settings ask for; where their data is a run's folder, what that run was asked, and the other settings over it."""
    path = Path(str(settings.get("data", "")))
    if not (path / "experiment.yaml").is_file():
        return new_experiment(**settings)
    asked = read_experiment(Folder(path).experiment)
    return new_experiment(**{**asked, **{name: value for name, value in settings.items() if name != "data"}})


def program_of(prepared: Prepared) -> Program:
    """The training as a program in plain PyTorch. Raises ProfundoError for samples that are not in memory."""
    experiment = prepared.experiment
    prepared = from_pretrained(prepared)
    data = prepared.data
    if not in_memory(data.train):
        raise ProfundoError(
            f"doctor: expected data that fit into memory, got {data.name}, which is streamed; leave out --stream"
        )
    made = make_update(prepared, Group())
    update = made if isinstance(made, Supervised) else made.update
    assert isinstance(update, Supervised)
    objective, course = update.objective, schedule(experiment.schedule or "constant", experiment.warm_up)
    epochs, size = experiment.epochs or 1, experiment.batch_size or 32
    total = epochs * max(1, len(data.train) // size)

    def cost(outputs: Any, targets: Any) -> Tensor:
        return objective.mean_cost(outputs, targets, len(targets))

    return Program(
        net=prepared.net,
        loss=cost,
        optimizer=update.optimizer,
        train=tensors(data.train, data.spec),
        validation=tensors(data.validation, data.spec) if len(data.validation) else None,
        batch_size=size,
        epochs=epochs,
        step=Scheduled(course, total, experiment.clip),
    )


def tensors(samples: Samples, spec: Spec) -> tuple[Any, Any]:
    inputs: Any = samples.inputs
    return standardize(inputs, spec.inputs), standardize_targets(samples.targets, spec.targets)


class Scheduled:
    """A step at the rate of its place in the schedule, with its gradient clipped where that was asked."""

    def __init__(self, course: Callable[[float], float], total: int, clip: float | None) -> None:
        self.course, self.total, self.clip, self.done = course, total, clip, 0

    def __call__(self, net: nn.Module, batch: Any, loss: Callable[..., Any], optimizer: Optimizer) -> Any:
        for group in optimizer.param_groups:
            group["lr"] = group.setdefault("initial_lr", group["lr"]) * self.course(min(1.0, self.done / self.total))
        self.done += 1
        inputs, targets = batch
        optimizer.zero_grad()
        cost = loss(net(inputs), targets)
        cost.backward()
        if self.clip is not None:
            nn.utils.clip_grad_norm_(net.parameters(), self.clip)
        optimizer.step()
        return cost
