"""A training that settings describe as a program that the doctor takes: the same net, cost, optimizer and schedule on the same
samples."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from profundo.data.batches import in_memory
from profundo.data.splits.splits import chosen
from profundo.data.standard import standardize, standardize_targets
from profundo.doctor import Program
from profundo.doctor.programs import expected, parted
from profundo.languages import Said
from profundo.records import Dataset, ProfundoError, Samples, Spec
from profundo.runs.preparing import Prepared, from_pretrained, make_update
from profundo.train.capture import Captured
from profundo.train.distributed import Group
from profundo.train.optimizers import PLAIN, add_l1, weights_of
from profundo.train.schedules import schedule
from profundo.train.updates import Supervised
from profundo.trees import called, mapped

__all__ = ["MOST_SAMPLES", "apart", "check_known", "course_of", "program_of"]

MOST_SAMPLES = 20_000  # of a split that the doctor looks at, evenly spread


def apart(prepared: Prepared) -> Prepared:
    """The same with a net and an optimizer of its own. Raises ProfundoError for what cannot be copied."""
    try:
        net, optimizer = copy.deepcopy((prepared.net, prepared.own.optimizer))
    except Exception as error:  # noqa: BLE001 - whatever somebody's class does when it is copied
        why = " ".join(str(error).split())[:200]
        raise ProfundoError(f"{type(prepared.net).__name__} cannot be copied: {type(error).__name__}: {why}") from None
    return replace(prepared, net=net, own=replace(prepared.own, optimizer=optimizer))


def check_known(data: Dataset) -> None:
    """Raises ProfundoError for a training whose cost is no function of outputs and targets."""
    if data.spec.targets.traits.per == "object":
        raise ProfundoError(
            "the doctor knows costs of outputs and targets, and a detector has a cost of its own: `profundo report` shows each part "
            "of it by epoch and what was found and missed, `profundo data` doubtful boxes",
            told=Said("refusals.doctor_detectors"),
        )


def program_of(prepared: Prepared, samples: tuple[Any, Any] | None = None) -> Program:
    """The training as a program in plain PyTorch; its net is that of `prepared`, made ready for training.

    samples: those of another program, training and validation, which need not be made anew. Raises ProfundoError for samples
    that are not in memory.
    """
    experiment = prepared.experiment
    prepared = from_pretrained(prepared)
    data = prepared.data
    if not in_memory(data.train):
        raise expected("data that fit into memory", f"{data.name}, which is streamed; leave out --stream")
    check_known(data)
    made = make_update(prepared, Group())
    update = made.update if isinstance(made, Captured) else made
    assert isinstance(update, Supervised)
    objective = update.objective
    epochs, size = experiment.epochs or 1, experiment.batch_size or 32
    splits = (data.train, data.validation) if samples is None else ()
    pairs: list[Any] = [tensors(part, data.spec, prepared.device) if len(part) else None for part in splits]
    train, validation = samples or pairs
    total = epochs * max(1, len(train[1]) // size)

    def cost(outputs: Any, targets: Any) -> Tensor:
        return objective.mean_cost(outputs, targets, len(targets))

    return Program(
        prepared.net, cost, without_compiler(update.optimizer), train, validation, batch_size=size, epochs=epochs,
        step=Scheduled(course_of(prepared), total, experiment.clip, experiment.l1),
    )  # fmt: skip


def course_of(prepared: Prepared) -> Callable[[float], float]:
    """From the share of training done to a factor of the learning rate."""
    experiment = prepared.experiment
    return prepared.own.schedule or schedule(experiment.schedule or "constant", experiment.warm_up)


def tensors(samples: Samples, spec: Spec, device: torch.device) -> tuple[Any, Any]:
    """Standardised inputs and targets on the device, of so many samples at most."""
    count = len(samples)
    if count > MOST_SAMPLES:
        samples = chosen(samples, torch.arange(MOST_SAMPLES) * count // MOST_SAMPLES)
    inputs: Any = samples.inputs
    pair = standardize(inputs, spec.inputs), standardize_targets(samples.targets, spec.targets)
    return mapped(lambda part: part.to(device), pair[0]), mapped(lambda part: part.to(device), pair[1])


def without_compiler(optimizer: Optimizer) -> Optimizer:
    """The same, of a class whose step does not load PyTorch's compiler, which takes longer than many an examination."""
    kind = type(optimizer)
    if kind in PLAIN:
        step = torch.no_grad()(PLAIN[kind])
        optimizer.__class__ = type(kind.__name__, (kind,), {"step": step})
        optimizer._patch_step_function()  # with the hooks that the doctor looks through
    return optimizer


class Scheduled:
    """A step at the rate of its place in the schedule, with its gradient clipped and its weights penalised where that was asked."""

    def __init__(self, course: Callable[[float], float], total: int, clip: float | None, l1: float) -> None:
        self.course, self.total, self.clip, self.l1, self.done = course, total, clip, l1, 0

    def __call__(self, net: nn.Module, batch: Any, loss: Callable[..., Any], optimizer: Optimizer) -> Any:
        for group in optimizer.param_groups:
            group["lr"] = group.setdefault("initial_lr", group["lr"]) * self.course(min(1.0, self.done / self.total))
        self.done += 1
        inputs, targets = parted(batch)
        optimizer.zero_grad()
        cost = loss(called(net, inputs), targets)
        cost.backward()
        if self.clip is not None:
            nn.utils.clip_grad_norm_(net.parameters(), self.clip)
        if self.l1:
            add_l1(weights_of(net), self.l1)
        optimizer.step()
        return cost
