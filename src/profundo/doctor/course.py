"""The program as it is, trained for as long as it says or time allows, with its vital signs written down on the way."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from profundo.doctor.events import as_number, optimized
from profundo.doctor.trials import CHECKS, Outcome, Variant, graded, judged_at, outputs_of, passed

__all__ = ["Course", "Signs", "measures", "of_values", "watched"]

JUDGED = 4 * CHECKS  # times in a course, at most; also where a trial is judged


@dataclass(frozen=True, slots=True)
class Signs:
    """Of a function's values on a probe: their mean, deviation, the share of units (along the axis of channels or features)
    that are zero for every sample, and the share of values at the ends of a bounded range."""

    mean: float
    deviation: float
    dead: float
    saturated: float


@dataclass(slots=True)
class Course:
    """losses: of every step. train, held: how good the net was on training and held-out samples at the steps `judged`.

    train_losses, held_losses: the program's own cost of both in evaluation mode, at the same steps.
    gradients: step → name of parameter → Euclidean norm just before the optimizer moved it; updates: the norm of the move
    over that of the parameter. error: what ended the training. planned: steps the program asks for. rate: the largest
    learning rate at which a step was seen, whoever set it; rate_at_last: the largest of all groups at the last step.
    """

    planned: int
    losses: list[float] = field(default_factory=list)
    judged: list[int] = field(default_factory=list)
    train: list[float] = field(default_factory=list)
    held: list[float] = field(default_factory=list)
    train_losses: list[float] = field(default_factory=list)
    held_losses: list[float] = field(default_factory=list)
    gradients: dict[int, dict[str, float]] = field(default_factory=dict)
    updates: dict[int, dict[str, float]] = field(default_factory=dict)
    seconds: float = 0.0
    error: str = ""
    rate: float = 0.0
    rate_at_last: float = 0.0

    @property
    def steps(self) -> int:
        return len(self.losses)

    @property
    def whole(self) -> bool:
        """Whether it came to the end that the program planned."""
        return self.steps >= self.planned

    @property
    def sound(self) -> bool:
        """Whether it came to its planned end without an error."""
        return self.whole and not self.error

    @property
    def outcome(self) -> Outcome:
        """Of a trial with as many steps and the same seed, which would be the same training."""
        held = dict(zip(self.judged, self.held, strict=True))
        return Outcome(tuple(self.losses), tuple(held[step] for step in sorted(judged_at(self.steps, CHECKS))))

    @property
    def first_not_finite(self) -> int | None:
        return next((step for step, loss in enumerate(self.losses) if not math.isfinite(loss)), None)

    @property
    def per_step(self) -> float:
        """Seconds."""
        return self.seconds / max(1, self.steps)


def watched(variant: Variant, steps: int, seed: int, deadline: float) -> Course:
    """Train the variant, which changes, and write down what happens. deadline: a time.monotonic()."""
    program = variant.program
    course = Course(steps)
    names = {parameter: name for name, parameter in program.net.named_parameters()}
    begin = time.process_time()  # so that the length of trials does not hang on who else computes
    looked = {*range(3), *(2**k for k in range(2, 20))}
    before: dict[nn.Parameter, Tensor] = {}

    def look(optimizer: Any, *_: Any) -> None:
        course.rate_at_last = max(float(group["lr"]) for group in optimizer.param_groups)
        if course.steps in looked:
            course.rate = max(course.rate, course.rate_at_last)
            moving = {one: one.grad for one in optimized(optimizer) if one.grad is not None}
            norms = {names[one]: float(gradient.norm()) for one, gradient in moving.items() if one in names}
            course.gradients[course.steps] = norms
            before.update({one: one.detach().clone() for one in moving})

    def looked_after(*_: Any) -> None:
        if before:
            moves = {one: (one.detach() - was).norm() / was.norm().clamp_min(1e-12) for one, was in before.items()}
            course.updates[course.steps] = {names[one]: float(move) for one, move in moves.items() if one in names}
            before.clear()

    hooks = [program.optimizer.register_step_pre_hook(look), program.optimizer.register_step_post_hook(looked_after)]
    places, look_at_it = {0, *judged_at(steps, JUDGED)}, partial(judge, course, variant, variant.train.first(1000))
    course.error = passed(variant, steps, seed, places, course.losses.append, look_at_it, deadline)
    for hook in hooks:
        hook.remove()
    course.seconds = time.process_time() - begin
    return course


@torch.random.fork_rng(devices=[])  # what is drawn in evaluation is not drawn from what trains
def judge(course: Course, variant: Variant, few: Any) -> None:
    net, loss = variant.program.net, variant.program.loss
    held, training = outputs_of(net, variant.held.inputs), outputs_of(net, few.inputs)  # in this order as in a trial
    course.judged.append(course.steps)
    course.train.append(graded(variant, training, few.targets))
    course.held.append(graded(variant, held, variant.truth))
    pairs = ((course.train_losses, training, few.targets), (course.held_losses, held, variant.held.targets))
    for losses, answers, targets in pairs:
        try:
            losses.append(as_number(loss(answers, targets)))
        except Exception:  # noqa: BLE001 - a cost may need what only its own step gives it
            losses.append(math.nan)


def of_values(values: Tensor) -> Signs:
    return Signs(*measures(values).tolist())


def measures(values: Tensor) -> Tensor:
    """The four numbers of Signs, still on the device."""
    axis = values.ndim - 1 if values.ndim == 3 or values.ndim == 2 else 1 if values.ndim > 3 else 0
    units = values.movedim(axis, 0).flatten(1) if values.ndim > 1 else values.reshape(1, -1)
    low, high = values.min(), values.max()
    bounded = (high > low) & (low >= -1 - 1e-6) & (high <= 1 + 1e-6)  # a sigmoid or a hyperbolic tangent
    bottom = torch.where(low >= 0, 0.0, -1.0)
    ends = (((units - bottom).abs() < 0.01) | ((1 - units).abs() < 0.01)).float().mean()
    deviation = values.std() if values.numel() > 1 else torch.zeros_like(low)
    dead = (units == 0).all(1).float().mean()
    return torch.stack([values.mean(), deviation, dead.to(low), torch.where(bounded, ends, 0.0).to(low)])
