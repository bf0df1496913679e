"""How fast and how long: learning rates, penalties, and trainings that were stopped while they were learning."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from profundo.doctor.course import Course
from profundo.doctor.patient import SEEDS, Patient
from profundo.doctor.programs import ordinary_step
from profundo.doctor.suspicions import Suspicion
from profundo.doctor.trials import Variant, main, outputs_of, update
from profundo.trees import leaves, mapped

__all__ = ["pace"]

STEEP = 0.15  # of the loss, that it falls from the third to the last quarter of a training
HALF = 0.5  # of skill, below which a term for other outputs is suspect
BY_HEART = 0.6  # of skill, in training more than in validation
LITTLE = 0.1  # of skill
FINE, GOOD = 0.95, 0.8  # of skill on training samples: nothing that pace could mend, or much


def pace(patient: Patient) -> Iterator[Suspicion]:
    course = patient.course
    if course.error and not course.losses:
        return
    yield from learning_rate(patient)
    yield from over_regularised(patient)
    yield from terms_beside(patient)
    yield from unstable_training(patient)
    yield from overfit(patient)
    yield from undertrained(patient)


def learning_rate(patient: Patient) -> Iterator[Suspicion]:
    course = patient.course
    rate = course.rate
    if rate <= 0:
        return
    fine = course.first_not_finite is None and course.train[-1] > FINE
    if fine and not rises(course.losses):
        return
    usual = usual_rate(patient.program.optimizer)
    low, high = rate < usual / 5, rate > 5 * usual and course.train[-1] < GOOD
    weight = 0.45 if low else 0.3
    evidence = {"learning rate": rate, "loss at first": course.losses[0], "at last": course.losses[-1]}
    lower = (0.1, 0.01, usual / rate) if usual < rate / 300 else (0.1, 0.01)
    if course.first_not_finite is not None or rises(course.losses) or high:
        yield Suspicion(
            "learning_rate_too_high", "optimizer", evidence, "lower it: {cure}, or less", weight=0.45,
            cures={f"learning rate {rate * factor:.2g}": with_rate(factor) for factor in lower},
            view=partial(by_cost, patient.first_cost) if fine else None,
        )  # fmt: skip
    if course.first_not_finite is None and not explodes(course.losses) and course.train[-1] < GOOD:
        if not low and still_learns(course):
            return
        factors = sorted({10.0, 100.0, usual / rate, usual / rate / 10, usual / rate * 10}) if low else [10.0]
        factors = [factor for factor in factors if factor > 3 and rate * factor <= 10 * usual] or [10.0]
        yield Suspicion(
            "learning_rate_too_low", "optimizer", evidence, "raise it: {cure}", weight=weight, gain=0.12,
            cures={f"learning rate {rate * factor:.2g}": with_rate(factor) for factor in factors},
        )  # fmt: skip


def by_cost(first: float, variant: Variant) -> Variant:
    """Judged by the program's own cost of held-out samples: answers may rank well and be far too sure of themselves."""
    return replace(variant, own=(variant.program.loss, first), truth=variant.held.targets)


def usual_rate(optimizer: Optimizer) -> float:
    """What people begin with: 0.001 where steps are scaled by the gradient's size, 0.01 with momentum, 0.1 without."""
    group = optimizer.param_groups[0]
    if "lr_decay" in group:  # Adagrad, whose steps become smaller and smaller
        return 1e-2
    if "betas" in group or "alpha" in group:
        return 1e-3
    return 1e-2 if group.get("momentum", 0.0) else 1e-1


def quarters(losses: list[float]) -> tuple[float, float]:
    """The mean loss of the third and of the last quarter of a training."""
    part = max(1, len(losses) // 4)
    third = losses[-2 * part : -part] or losses
    return sum(third) / len(third), sum(losses[-part:]) / part


def still_learns(course: Course) -> bool:
    """Whether the loss still falls at the end, or the net still becomes better."""
    third, last = quarters(course.losses)
    part = max(1, len(course.train) // 3)
    return third - last > 0.02 * abs(third) or course.train[-1] - course.train[-1 - part] > 0.03


def explodes(losses: list[float]) -> bool:
    part = max(1, len(losses) // 5)
    begin, end = sorted(losses[:part])[part // 2], sorted(losses[-part:])[part // 2]
    return end > begin + 0.3 * abs(begin)


def rises(losses: list[float]) -> bool:
    """Whether the loss is at the end, or often on the way, above where it began."""
    first, part = abs(losses[0]), max(1, len(losses) // 5)
    end = sorted(losses[-part:])[part // 2]
    return (
        end > losses[0] - 0.02 * first
        or sum(loss > losses[0] + 0.5 * first for loss in losses) > 0.02 * len(losses) + 1
    )


def with_rate(factor: float | Callable[[], float]) -> Callable[[Variant], Variant]:
    """Every step at so many times the rate that the program asks for, whatever schedule sets it."""

    def cure(variant: Variant) -> Variant:
        asked: list[float] = []

        def before(optimizer: Any, *_: Any) -> None:
            asked[:] = [group["lr"] for group in optimizer.param_groups]
            times = factor() if callable(factor) else factor
            for group in optimizer.param_groups:
                group["lr"] = group["lr"] * times

        def after(optimizer: Any, *_: Any) -> None:
            for group, rate in zip(optimizer.param_groups, asked, strict=True):
                group["lr"] = rate

        variant.program.optimizer.register_step_pre_hook(before)
        variant.program.optimizer.register_step_post_hook(after)
        return variant

    return cure


def over_regularised(patient: Patient) -> Iterator[Suspicion]:
    decay = float(
        max((group.get("weight_decay", 0.0) for group in patient.program.optimizer.param_groups), default=0.0)
    )
    if decay >= 1e-3 and patient.course.train[-1] < FINE:
        yield Suspicion(
            "over_regularised", "optimizer", {"weight decay": decay, "training skill": patient.course.train[-1]},
            f"lower weight_decay, to {decay / 100:.1g} or 0", weight=0.7,
            cures={"no weight decay": without_decay},
        )  # fmt: skip


def without_decay(variant: Variant) -> Variant:
    for group in variant.program.optimizer.param_groups:
        group["weight_decay"] = 0.0
    return variant


def terms_beside(patient: Patient) -> Iterator[Suspicion]:
    """What the cost, or the step, adds to the error of the answers: penalties on weights, terms of other outputs."""
    if patient.course.train[-1] > FINE or patient.course.first_not_finite is not None:
        return
    cures: dict[str, Callable[[Variant], Variant]] = {}
    share = added_by_step(patient)
    if share:
        cures["the cost alone, without what the step adds"] = cost_alone
    if depends_on_weights(patient):
        cures["the cost without its terms of the weights"] = by_answers_only
    weaker = "give that term a weight ten to a thousand times smaller, so that the error of the answers leads"
    skill = {"training skill": patient.course.train[-1]}
    if cures:
        yield Suspicion(
            "over_regularised", "step" if share else "loss", {"share of the cost that the step adds": share, **skill}, weaker,
            weight=0.68, gain=0.1, cures=cures,
        )  # fmt: skip
    if several_outputs(patient) and patient.course.train[-1] < HALF:
        yield Suspicion(
            "over_regularised", "loss", skill, weaker, weight=0.68, gain=0.25, share=0.4,
            cures={"the cost by the first output alone": by_first_output},
        )  # fmt: skip
    if patient.program.step is not None and moved_besides(patient):
        yield Suspicion(
            "over_regularised", "step", skill,
            "leave weights alone after optimizer.step(): what the step does to them there undoes what was learned", weight=0.68,
            gain=0.1, cures={"weights as the optimizer leaves them": left_alone},
        )  # fmt: skip


def added_by_step(patient: Patient) -> float:
    """The share of what is differentiated that the cost handed to the step is not; 0 where it is a multiple of it."""
    shares = []
    for events in patient.first.events:
        costs, passes = events.of("loss"), events.of("backward")
        if len(costs) != 1 or len(passes) != 1:
            return 0.0
        whole = passes[0].facts["value"]
        shares.append((whole - costs[0].facts["value"]) / whole if whole else 0.0)
    constant = bool(shares) and max(shares) - min(shares) < 1e-4 * max(map(abs, shares))
    return 0.0 if not shares or constant or not min(shares) > 0.02 else min(shares)


def moved_besides(patient: Patient) -> bool:
    """Whether weights differ at the end of a step from what the optimizer made of them."""
    variant = patient.variant.copy()
    after: list[list[Tensor]] = []
    variant.program.optimizer.register_step_post_hook(lambda *_: after.append(values_of(variant.program.net)))
    for batch in variant.train.epoch(variant.program, None)[:4]:
        update(variant.program, batch)
        if after and any(not torch.equal(a, b) for a, b in zip(after[-1], values_of(variant.program.net), strict=True)):
            return True
    return False


def values_of(net: nn.Module) -> list[Tensor]:
    return [one.detach().clone() for one in net.parameters()]


def left_alone(variant: Variant) -> Variant:
    """After each step, the weights that the optimizer made."""
    program = variant.program
    step = program.step or ordinary_step

    def kept(net: nn.Module, batch: Any, loss: Callable[..., Any], optimizer: Optimizer) -> Any:
        made: list[list[Tensor]] = []
        hook = optimizer.register_step_post_hook(lambda *_: made.append(values_of(net)))
        try:
            result = step(net, batch, loss, optimizer)
        finally:
            hook.remove()
        with torch.no_grad():
            for one, value in zip(net.parameters(), made[-1] if made else (), strict=bool(made)):
                one.copy_(value)
        return result

    return replace(variant, program=replace(program, step=kept))


def depends_on_weights(patient: Patient) -> bool:
    """Whether the cost has a gradient though the answers have none."""
    try:
        outputs = outputs_of(patient.net, patient.probe.inputs)
        return bool(patient.program.loss(outputs, patient.probe.targets).requires_grad)
    except Exception:  # noqa: BLE001 - the person's own cost
        return False


def several_outputs(patient: Patient) -> bool:
    try:
        outputs = outputs_of(patient.net, patient.probe.rows(torch.arange(2)).inputs)
    except Exception:  # noqa: BLE001 - the person's own net
        return False
    return sum(isinstance(one, Tensor) and one.is_floating_point() for one in leaves(outputs)) > 1


def cost_alone(variant: Variant) -> Variant:
    """Whatever the step hands to backward(), the cost that it was given is differentiated."""
    program = variant.program
    own, step = program.loss, program.step or ordinary_step

    def only(net: nn.Module, batch: Any, loss: Callable[..., Any], optimizer: Optimizer) -> Any:  # noqa: ARG001
        seen: list[Tensor] = []

        def kept(*arguments: Any, **named: Any) -> Any:
            seen.append(own(*arguments, **named))
            return seen[-1]

        plain = Tensor.backward

        def backward(root: Tensor, *arguments: Any, **named: Any) -> Any:
            return plain(seen[-1] if seen else root, *arguments, **named)  # type: ignore[no-untyped-call]

        Tensor.backward = backward  # type: ignore[assignment, method-assign]
        try:
            return step(net, batch, kept, optimizer)
        finally:
            Tensor.backward = plain  # type: ignore[method-assign]

    return replace(variant, program=replace(program, step=only))


def by_answers_only(variant: Variant) -> Variant:
    """A cost with the same value and the same gradient by the answers, and none by anything else."""
    loss = variant.program.loss

    def cost(prediction: Any, target: Any) -> Any:
        fixed = loss(mapped(Tensor.detach, prediction), target)
        return loss(prediction, target) - fixed + fixed.detach()

    return replace(variant, program=replace(variant.program, loss=cost))


def by_first_output(variant: Variant) -> Variant:
    """A cost whose gradient flows through the main output alone."""
    loss = variant.program.loss

    def cost(prediction: Any, target: Any) -> Any:
        leading = main(prediction)
        return loss(mapped(lambda part: part if part is leading else part.detach(), prediction), target)

    return replace(variant, program=replace(variant.program, loss=cost))


# ------------------------------------------------------------------------------------------------------------ the course
def unstable_training(patient: Patient) -> Iterator[Suspicion]:
    """Spikes: losses far above those around them, again and again, after the first steps."""
    losses = patient.course.losses
    if len(losses) < 20 or patient.course.train[-1] > FINE:
        return
    around = [sorted(losses[max(0, place - 10) : place]) for place in range(len(losses))]
    spikes = [
        place for place, near in enumerate(around) if len(near) > 4 and losses[place] > 4 * abs(near[len(near) // 2])
    ]
    momenta = {"momentum 0.9": with_momentum} if momentum_of(patient.program.optimizer) > 0.95 else {}
    if (spikes and spikes[0] > 5) or (momenta and patient.course.train[-1] < GOOD):  # at once it is the rate
        yield Suspicion(
            "unstable_training", "optimizer", {"jumps of the loss": len(spikes), "the first at step": spikes[0] + 1 if spikes else 0},
            "train with {cure}", weight=0.5,
            cures={**momenta, "gradients clipped to norm 1": clipped, "a warm-up of 50 steps": warmed_up},
        )  # fmt: skip


def momentum_of(optimizer: Optimizer) -> float:
    group = optimizer.param_groups[0]
    return float(group["betas"][0] if "betas" in group else group.get("momentum", 0.0))


def with_momentum(variant: Variant) -> Variant:
    for group in variant.program.optimizer.param_groups:
        if "betas" in group:
            group["betas"] = (0.9, *group["betas"][1:])
        else:
            group["momentum"] = 0.9
    return variant


def clipped(variant: Variant) -> Variant:
    def clip(optimizer: Any, *_: Any) -> None:
        nn.utils.clip_grad_norm_([one for group in optimizer.param_groups for one in group["params"]], 1.0)

    variant.program.optimizer.register_step_pre_hook(clip)
    return variant


def warmed_up(variant: Variant) -> Variant:
    step = itertools.count(1)
    return with_rate(lambda: min(1.0, next(step) / 50))(variant)


def overfit(patient: Patient) -> Iterator[Suspicion]:
    """Held-out samples are answered worse and worse while training samples are answered better."""
    course = patient.course
    if patient.validation is None or len(course.held_losses) < 6 or not all(map(math.isfinite, course.held_losses)):
        return
    best = min(range(len(course.held_losses)), key=course.held_losses.__getitem__)
    worse = course.held_losses[-1] / max(course.held_losses[best], 1e-12)
    learned = course.train_losses[best] - course.train_losses[-1] > 0.3 * abs(course.train_losses[best])
    gap, lost = course.train[-1] - course.held[-1], max(course.held) - course.held[-1]
    early = best < len(course.held_losses) - 3
    if gap > 0.3 and course.train[-1] > FINE and not (early and worse > 1.3):
        yield Suspicion(
            "overfit", "training", {"skill in training": course.train[-1], "in validation": course.held[-1]},
            "regularise ({cure} helps; or dropout, augmentation, a smaller net), or get more data", weight=0.4, gain=0.05,
            cures={"weights that shrink by a hundredth in each step": shrinking},
        )  # fmt: skip
    by_heart = gap > BY_HEART and course.train[-1] > FINE
    if by_heart or (early and learned and worse > 1.3 and gap > 0.15 and (lost > 0.03 or worse > 2)):
        at = course.judged[best]
        skills = {"skill in training": course.train[-1], "in validation": course.held[-1]}
        yield Suspicion(
            "overfit",
            "training",
            {"best at step": at, "validation loss since, times": worse, **skills},
            f"stop at about step {at}, or regularise: weight decay, dropout, augmentation, a smaller net, more data",
            presumed=True,
        )


def shrinking(variant: Variant) -> Variant:
    """Decoupled weight decay (Loshchilov and Hutter 2019): weights of matrices lose a hundredth part in each step."""

    def shrink(optimizer: Any, *_: Any) -> None:
        with torch.no_grad():
            for group in optimizer.param_groups:
                for one in group["params"]:
                    if one.ndim > 1:
                        one.mul_(0.99)

    variant.program.optimizer.register_step_post_hook(shrink)
    return variant


def undertrained(patient: Patient) -> Iterator[Suspicion]:
    """The program ends while its loss is still falling; more steps, and nothing else, do much better."""
    course = patient.course
    part = len(course.losses) // 4
    if not course.whole or part < 2 or course.train[-1] > 0.9 or course.first_not_finite is not None:
        return
    times = min(10, int(0.3 * patient.left / (SEEDS * course.planned * max(course.per_step, 1e-5))))
    if times < 2:
        return
    third, last = quarters(course.losses)
    sharper = patient.gives_back and third - last < STEEP * abs(third)  # as what is given back becomes for ever
    if still_learns(course) and not (sharper and course.train[-1] > LITTLE):
        yield Suspicion(
            "undertrained", "training", {"steps": course.planned, "loss in the third quarter": third, "in the last": last},
            "train longer: the loss is still falling", weight=0.35, gain=0.12, steps=course.planned,
            cures={f"{times} times as many steps": partial(longer, times)},
        )  # fmt: skip


def longer(times: int, variant: Variant) -> Variant:
    return replace(variant, times=times)
