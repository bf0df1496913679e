"""The program under examination: what is known of it, measured when it is first asked for."""

from __future__ import annotations

import itertools
import math
import time
from contextlib import suppress
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from profundo.dispatch import Observed
from profundo.doctor.costs import Cost, cost_of, numbers_by
from profundo.doctor.course import Course, watched
from profundo.doctor.events import Events, as_number, recorded
from profundo.doctor.passage import Passage, passage_of
from profundo.doctor.programs import Program, Samples, copied, one_step, samples_of
from profundo.doctor.reference import Reference
from profundo.doctor.skill import Task, is_judged, task_of
from profundo.doctor.suspicions import Suspicion
from profundo.doctor.trials import Cure, Outcome, Variant, answers_of, outputs_of, trained, unchanged
from profundo.doctor.verdicts import Experiment
from profundo.train.randomness import seeded
from profundo.trees import called, leaves, mapped

__all__ = ["Patient", "Step1"]

PROBE, HELD = 256, 2000
WIDE = 8  # numbers of a sample
DRAWN = 0.1  # of a cost, that two draws of it may differ by
SEEDS = 3
FEWEST_STEPS, MOST_STEPS = 30, 600
STEPS_SEEN, STEPS_WAITED = 4, 80  # in which the optimizer steps; at most, for gradients may be gathered before it does
PRODUCTS = frozenset({"addmm", "mm", "bmm", "convolution", "mkldnn_rnn_layer"})


@dataclass(frozen=True, slots=True)
class Step1:
    """The first few steps: what happened in each, and what ended them."""

    events: tuple[Events, ...]
    error: str = ""


def take_fused(optimizer: Optimizer) -> None:
    """Adam of real numbers on the CPU goes on by its fused kernel: the same rule, by which a step of a small net takes two thirds of
    the time."""
    if type(optimizer) in (torch.optim.Adam, torch.optim.AdamW):
        for group in optimizer.param_groups:
            are_plain = all(one.device.type == "cpu" and one.is_floating_point() for one in group["params"])
            is_set = group["fused"] is not None or group["foreach"] or group["differentiable"]
            if are_plain and not is_set and isinstance(group["lr"], float):
                group["fused"] = True


class Patient:
    """Facts of one program. Nothing here touches what the caller holds."""

    def __init__(self, program: Program, seed: int, budget: float) -> None:
        self.begin, self.budget, self.seed = time.monotonic(), budget, seed
        self.program = copied(program)
        take_fused(self.program.optimizer)
        with seeded(seed):
            precision = next((one.dtype for one in program.net.parameters() if one.is_floating_point()), torch.float32)
            self.train = samples_of(program.train, "train", precision)
            held = program.validation
            self.validation = None if held is None else samples_of(held, "validation", precision)
        self.begins_anew()

    def begins_anew(self) -> None:
        """Nothing was found yet."""
        self.suspected: list[Suspicion] = []
        self.tried: list[Experiment] = []
        self.notes: list[str] = []
        self.outcomes: dict[tuple[int, int, Cure], Outcome] = {}

    def cured(self, cure: Cure) -> Patient:
        """The program with this cure, nothing known of it yet but of its inputs, for what is left of the budget."""
        with seeded(self.seed):
            variant = cure(self.variant.copy())
        other = copy(self)
        known = {"reference"} if variant.train.inputs is self.train.inputs else set()
        measured = {name for name, one in vars(type(self)).items() if isinstance(one, cached_property)}
        for name in measured - known:
            vars(other).pop(name, None)
        other.program, other.train = variant.program, variant.train
        other.validation = variant.held if self.validation is not None else None
        other.begin, other.budget = time.monotonic(), min(self.left, 0.5 * self.budget)
        other.begins_anew()
        return other

    @property
    def left(self) -> float:
        """Seconds of the budget."""
        return self.begin + self.budget - time.monotonic()

    # ------------------------------------------------------------------------------------------------ before training
    @property
    def net(self) -> nn.Module:
        return self.program.net

    @cached_property
    def probe(self) -> Samples:
        return self.train.first(PROBE)

    @property
    def gives_back(self) -> bool:
        """Whether answers are to be what inputs are, or were before noise: an autoencoder."""
        inputs, targets = self.probe.inputs, self.probe.targets
        tensors = isinstance(inputs, Tensor) and isinstance(targets, Tensor)
        alike = tensors and inputs.shape == targets.shape and targets.is_floating_point()
        return bool(alike) and inputs[0].numel() >= WIDE

    @cached_property
    def held(self) -> Samples:
        """What nets are judged on: validation samples, or training samples where there are none."""
        whole = self.validation or self.train
        return whole.rows(torch.randperm(len(whole), generator=torch.Generator().manual_seed(0))[:HELD])

    @cached_property
    def reference(self) -> Reference | None:
        """A simple model of the training inputs."""
        return Reference.of(self.train.inputs)

    @cached_property
    def validation_reference(self) -> Reference | None:
        """The same of the validation inputs, where there are any."""
        return None if self.validation is None else Reference.of(self.validation.inputs)

    @cached_property
    def outputs(self) -> Any:
        """Of the probe, before training, in evaluation mode; None where the net cannot take it."""
        try:
            with seeded(self.seed):
                return answers_of(self.net, self.probe.inputs)
        except Exception:  # noqa: BLE001 - the person's own program
            return None

    @cached_property
    def arrivals(self) -> tuple[tuple[str, Tensor], ...]:
        """What goes into the first products with weights, of the probe in training mode: operation and values."""
        seen: list[tuple[str, Tensor]] = []

        def observe(operation: Any, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
            name = str(operation).split(".")[1]
            if name in PRODUCTS and len(seen) < 2 * len(list(leaves(self.probe.inputs))):
                seen.append((name, args[name == "addmm"].detach().float().cpu()))
            return operation(*args, **named)

        net = copied(self.program).net.train()
        with suppress(Exception), torch.no_grad(), seeded(self.seed), Observed(observe):  # the person's own program
            called(net, self.probe.inputs)
        return tuple(seen)

    @cached_property
    def cost(self) -> Cost:
        outputs = self.outputs
        batch = slice(0, min(len(self.probe), max(2, self.program.batch_size)))
        if not isinstance(outputs, Tensor):
            return Cost("other")
        return cost_of(self.program.loss, outputs[batch], mapped(lambda part: part[batch], self.probe.targets))

    @cached_property
    def task(self) -> Task:
        many = self.train.targets
        task = task_of(many[:HELD] if isinstance(many, Tensor) else many, self.outputs, self.cost)
        if task.kind == "real" and self.cost.kind == "other" and not self.wants_targets:
            return Task("own")
        return task if is_judged(task, self.outputs, self.probe.targets, many) else Task("own")

    def costs(self, *pairs: tuple[Any, Any]) -> list[float] | None:
        """The program's own cost of each of these answers and targets; None where it does not take them."""
        return numbers_by(self.program.loss, *pairs, seed=self.seed)

    @cached_property
    def doubled(self) -> float:
        """The cost of some samples given twice, over that of them given once; 1 where that cannot be told."""
        answers, targets = self.outputs, self.probe.targets
        if not isinstance(answers, Tensor) or not isinstance(targets, Tensor):
            return 1.0
        once = answers[:16], targets[:16]
        costs = self.costs(once, (torch.cat([once[0]] * 2), torch.cat([once[1]] * 2)))
        return costs[1] / costs[0] if costs is not None and costs[0] else 1.0

    @property
    def adds_up(self) -> bool:
        """Whether the cost is a sum over samples, divided by a number that does not depend on them if by any."""
        return abs(self.doubled - 2) < 0.01

    @property
    def wants_targets(self) -> bool:
        """Whether a cost that is not known has an end, a least or a largest value, where answers are the targets: the reward of
        an action, the count that a logarithm stands for, are no answers."""
        answers, targets = self.outputs, self.probe.targets
        if answers.numel() != targets.numel():
            return True
        exact = targets.reshape(answers.shape).to(answers.dtype)
        costs = self.costs(*((factor * exact, targets) for factor in (0.5, 1.0, 2.0)))
        if costs is None:
            return True
        steps = [later - sooner for sooner, later in itertools.pairwise(costs)]
        return not min(map(abs, steps)) > 1e-3 * max(map(abs, costs)) or steps[0] * steps[1] <= 0

    @cached_property
    def first(self) -> Step1:
        """The first steps of a copy, each with its events."""
        program = copied(self.program)
        seen: list[Events] = []
        with seeded(self.seed):
            if program.step is None:
                program.net.train()
            parameters = list(program.net.parameters())
            for batch in self.train.epoch(program, None)[:STEPS_WAITED] * STEPS_SEEN:
                moves = sum(len(events.of("step")) > 0 for events in seen)
                if moves == STEPS_SEEN or len(seen) == STEPS_WAITED:
                    break
                before = [one.detach().clone() for one in parameters]
                with recorded(program.net, program.optimizer, program.loss) as events:
                    seen.append(events)
                    try:
                        one_step(program, batch, events.loss)
                    except Exception as error:  # noqa: BLE001
                        return Step1(tuple(seen), f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
                changed = any(not torch.equal(one.detach(), was) for one, was in zip(parameters, before, strict=True))
                events.note("end", changed=changed)
        return Step1(tuple(seen))

    @cached_property
    def passage(self) -> Passage | None:
        """The first step function by function; None where it ends in an error."""
        try:
            with seeded(self.seed):
                return passage_of(self.program, self.train.epoch(self.program, None)[0])
        except Exception as error:  # noqa: BLE001 - the person's own program
            if not self.first.error:
                why = f"{type(error).__name__}: {error}"
                self.notes.append(f"the net could not be followed function by function: {why}")
            return None

    # ------------------------------------------------------------------------------------------------------- training
    @cached_property
    def variant(self) -> Variant:
        """The program as it is; what is tried is tried on copies of it."""
        known = self.task.kind == "own" and math.isfinite(self.first_cost)
        own = (self.program.loss, self.first_cost) if known else None
        return Variant(self.program, self.train, self.held, self.held.targets, self.task, own=own)

    @cached_property
    def first_cost(self) -> float:
        """Of held-out samples, before training; NaN where the cost takes something else than outputs and targets, or hangs on what
        it draws, as that of an action."""
        costs = []
        try:
            for seed in (self.seed, self.seed + 1):
                with seeded(seed):
                    outputs = outputs_of(self.net, self.held.inputs)
                    costs.append(as_number(self.program.loss(outputs, self.held.targets)))
        except Exception:  # noqa: BLE001 - the person's own program
            return math.nan
        return costs[0] if abs(costs[1] - costs[0]) <= DRAWN * max(map(abs, costs)) else math.nan

    @cached_property
    def planned(self) -> int:
        """Steps that the program asks for."""
        return self.program.epochs * len(self.train.epoch(self.program, None))

    @cached_property
    def _course(self) -> tuple[Course, Variant]:
        variant = self.variant.copy()
        deadline = time.monotonic() + 0.3 * self.budget
        return watched(variant, self.planned, self.seed, deadline), variant

    @property
    def course(self) -> Course:
        return self._course[0]

    @property
    def was_trained(self) -> bool:
        """Whether there is a course already."""
        return "_course" in self.__dict__

    @property
    def grown(self) -> nn.Module:
        """The net at the end of its course."""
        return self._course[1].program.net

    @cached_property
    def trial_steps(self) -> int:
        """How long a trial is: the whole training where time allows, for three seeds and a dozen trials."""
        affordable = 0.12 * self.budget / SEEDS / max(self.course.per_step, 1e-5)
        return int(min(max(FEWEST_STEPS, min(affordable, MOST_STEPS)), max(self.planned, 1)))

    @property
    def whole_steps(self) -> int:
        """The whole training, or so much of it as a long trial may take: for what shows late."""
        affordable = 0.08 * self.budget / max(self.course.per_step, 1e-5)
        return int(min(self.planned, max(self.trial_steps, affordable)))

    def outcome(self, seed: int, steps: int, view: Cure) -> Outcome:
        """Of the program as it is, in this view."""
        if (seed, steps, view) not in self.outcomes:
            known = (seed, steps, view) == (self.seed, self.course.planned, unchanged) and self.course.sound
            outcome = self.course.outcome if known else trained(view(self.variant.copy()), steps, seed)
            self.outcomes[seed, steps, view] = outcome
        return self.outcomes[seed, steps, view]

    def race(self, name: str, cure: Cure, steps: int | None = None, view: Cure = unchanged) -> Experiment:
        """The program beside a cured copy of it, until the cure does no good with one seed: it must with every.

        view: what is done to both of them before.
        """
        steps = steps or self.trial_steps
        ours, theirs = [], []
        for seed in range(self.seed, self.seed + SEEDS):
            ours.append(self.outcome(seed, steps, view))
            try:
                with seeded(seed):
                    cured = cure(view(self.variant.copy()))
                theirs.append(trained(cured, steps, seed))
            except Exception as error:  # noqa: BLE001 - a cure that does not fit this program proves nothing
                theirs.append(Outcome((), (-1.0,), f"{type(error).__name__}: {error}"))
            late = time.monotonic() - self.begin > self.budget and len(ours) > 1
            if late or not score(theirs[-1]) > score(ours[-1]):
                break
        experiment = Experiment(name, steps, tuple(score(one) for one in ours), tuple(score(one) for one in theirs))
        self.tried.append(experiment)
        return experiment


def score(outcome: Outcome) -> float:
    """The end counts, and half as much the way there."""
    last = outcome.skills[-1]
    value = (2 * last + outcome.skill) / 3
    return value if math.isfinite(value) else -1.0
