"""What works against the error of the answers: weight decay, terms beside it in the cost, weights that something else moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from profundo.doctor.causes.pace import FINE
from profundo.doctor.events import in_place_of
from profundo.doctor.patient import Patient
from profundo.doctor.programs import ordinary_step
from profundo.doctor.suspicions import Suspicion
from profundo.doctor.trials import Cure, Variant, main, outputs_of, update
from profundo.trees import leaves, mapped

__all__ = ["penalties"]

HALF = 0.5  # of skill, below which a term for other outputs is suspect


def penalties(patient: Patient) -> Iterator[Suspicion]:
    if patient.course.losses:
        yield from over_regularised(patient)
        yield from terms_beside(patient)


def over_regularised(patient: Patient) -> Iterator[Suspicion]:
    decay = float(max(group.get("weight_decay", 0.0) for group in patient.program.optimizer.param_groups))
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
    cures: dict[str, Cure] = {}
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
    step = variant.program.step or ordinary_step

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

    return variant.changed(step=kept)


def depends_on_weights(patient: Patient) -> bool:
    """Whether the cost has a gradient though the answers have none."""
    try:
        outputs = outputs_of(patient.net, patient.probe.inputs)
        return bool(patient.program.loss(outputs, patient.probe.targets).requires_grad)
    except Exception:  # noqa: BLE001 - the person's own cost
        return False


def several_outputs(patient: Patient) -> bool:
    try:
        outputs = outputs_of(patient.net, patient.probe.first(2).inputs)
    except Exception:  # noqa: BLE001 - the person's own net
        return False
    return sum(isinstance(one, Tensor) and one.is_floating_point() for one in leaves(outputs)) > 1


def cost_alone(variant: Variant) -> Variant:
    """Whatever the step hands to backward(), the cost that it was given is differentiated."""
    own, step = variant.program.loss, variant.program.step or ordinary_step

    def only(net: nn.Module, batch: Any, loss: Callable[..., Any], optimizer: Optimizer) -> Any:  # noqa: ARG001
        seen: list[Tensor] = []
        plain = Tensor.backward  # as it is then: whoever records a step has put its own there

        def kept(*arguments: Any, **named: Any) -> Any:
            seen.append(own(*arguments, **named))
            return seen[-1]

        def backward(root: Tensor, *arguments: Any, **named: Any) -> Any:
            return plain(seen[-1] if seen else root, *arguments, **named)  # type: ignore[no-untyped-call]

        with in_place_of(Tensor, "backward", backward):
            return step(net, batch, kept, optimizer)

    return variant.changed(step=only)


def by_answers_only(variant: Variant) -> Variant:
    """A cost with the same value and the same gradient by the answers, and none by anything else."""
    loss = variant.program.loss

    def cost(prediction: Any, target: Any) -> Any:
        fixed = loss(mapped(Tensor.detach, prediction), target)
        return loss(prediction, target) - fixed + fixed.detach()

    return variant.changed(loss=cost)


def by_first_output(variant: Variant) -> Variant:
    """A cost whose gradient flows through the main output alone."""
    loss = variant.program.loss

    def cost(prediction: Any, target: Any) -> Any:
        leading = main(prediction)
        return loss(mapped(lambda part: part if part is leading else part.detach(), prediction), target)

    return variant.changed(loss=cost)
