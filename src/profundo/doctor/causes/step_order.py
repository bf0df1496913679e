"""What a step does wrong: seen in the order of its events, and in what the optimizer holds. No experiment is needed,
but of what may have been meant so."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from profundo.doctor.events import Event, optimized
from profundo.doctor.patient import Patient
from profundo.doctor.programs import Program, copied, ordinary_step
from profundo.doctor.suspicions import Suspicion
from profundo.doctor.trials import Cure, Variant

__all__ = ["heeds_size", "step_order"]

HEEDED = 0.05  # of what an optimizer moves, that size changes
WORSE = 0.02  # of skill
DETACHED = (
    "the cost has no connection to the parameters (.detach(), .item(), torch.no_grad() or .data on the way); remove it"
)


def step_order(patient: Patient) -> Iterator[Suspicion]:
    yield from not_in_optimizer(patient)
    if "does not require grad" in patient.first.error:
        yield Suspicion("no_update", "step", {"parameters moved by": 0.0}, DETACHED, "fatal")
    if patient.first.error or not patient.first.events:
        return
    yield from missing_zero_grad(patient)
    yield from misplaced_clipping(patient)
    yield from no_update(patient)
    yield from wrong_mode(patient)
    yield from accumulation_not_divided(patient)


def all_events(patient: Patient) -> list[Event]:
    return [event for events in patient.first.events for event in events.all]


def facts_of(patient: Patient, what: str) -> list[dict[str, Any]]:
    return [event.facts for event in all_events(patient) if event.what == what]


def missing_zero_grad(patient: Patient) -> Iterator[Suspicion]:
    """Gradients that a step has used are in those that the next step uses: nobody cleared them in between."""
    stepped, left = False, []
    for event in all_events(patient):
        if event.what == "step":
            stepped = True
        elif event.what == "backward" and stepped and event.facts["after"] != event.facts["before"]:
            left.append(event.facts["before"])  # and not of another net's
            stepped = False
    uncleared, used = used_twice(patient)
    if (left and all(size > 0 for size in left)) or (used > 1 and uncleared == used):
        added = {"gradient before backward": left[0], "steps": len(left)} if any(left) else {}
        yield Suspicion(
            "missing_zero_grad", "step", added or {"steps by a gradient used before": uncleared},
            "call optimizer.zero_grad() before backward in every step: gradients of all earlier batches add up", "fatal",
            mend=before_each_step(lambda _net, optimizer: optimizer.zero_grad()),
        )  # fmt: skip


def used_twice(patient: Patient) -> tuple[int, int]:
    """Of the parameter for which it is worst, whoever moves it: how often it moved by a gradient that had not been zero at any
    backward pass since it moved before, and how often it could have."""
    passes = [facts["each"] for facts in facts_of(patient, "backward") if "each" in facts]
    worst = 0, 0
    for history in zip(*passes, strict=True):
        cleared, uncleared, moves = True, 0, 0
        for place, (gradient, value) in enumerate(history):
            if place and value != history[place - 1][1]:
                moves, uncleared, cleared = moves + 1, uncleared + (not cleared), False
            cleared = cleared or gradient == 0
        worst = max(worst, (uncleared, moves - 1))
    return worst


def before_each_step(act: Callable[[nn.Module, Optimizer], Any]) -> Cure:
    """What the program's own step lacks, done before it."""

    def cure(variant: Variant) -> Variant:
        step = variant.program.step or ordinary_step

        def mended(net: nn.Module, batch: Any, loss: Callable[..., Any], optimizer: Optimizer) -> Any:
            act(net, optimizer)
            return step(net, batch, loss, optimizer)

        return variant.changed(step=mended)

    return cure


def misplaced_clipping(patient: Patient) -> Iterator[Suspicion]:
    """Clipping when there is no gradient yet, or after the step; or a cost that is cut, and with it its gradient."""
    passes = facts_of(patient, "backward")
    cut = [one for one in passes if one["operation"].startswith(("Clamp", "Minimum", "Hardtanh")) and one["after"] == 0]
    if cut:
        yield Suspicion(
            "misplaced_clipping", "loss", {"steps without any gradient": len(cut), "cost that is cut to": cut[0]["value"]},
            "clip gradients, not the cost: where the cost is cut it has no gradient (clip_grad_norm_ after backward())", "fatal",
        )  # fmt: skip
        return
    yield from clipped_at_another_scale(patient)
    for events in patient.first.events:
        order = [event.what for event in events.all]
        if "clip" not in order or "backward" not in order:
            continue
        too_soon = order.index("clip") < order.index("backward")
        if too_soon or ("step" in order and order.index("clip") > order.index("step")):
            when = "before backward" if too_soon else "after optimizer.step()"
            words = f"clip between backward() and optimizer.step(); here it comes {when} and clips what no step uses"
            yield Suspicion("misplaced_clipping", "step", {"order": " → ".join(order)}, words)
            return


def clipped_at_another_scale(patient: Patient) -> Iterator[Suspicion]:
    """Gradients that are multiplied between clipping and the step: they were clipped while a loss scale was in them."""
    ratios = []
    for events in patient.first.events:
        clip = next((place for place, event in enumerate(events.all) if event.what == "clip"), None)
        if clip is None:
            continue
        size, later = events.all[clip].facts.get("after", 0.0), events.all[clip + 1 :]
        used = next((event for event in later if event.what in {"clip", "step", "backward", "zero"}), None)
        if used is not None and used.what in {"clip", "step"} and size > 0:
            ratios.append(used.facts["gradient"] / size)
    if ratios and (max(ratios) < 0.1 or min(ratios) > 10):
        yield Suspicion(
            "misplaced_clipping", "step", {"gradient at the step, over that after clipping": ratios[0]},
            "unscale first (scaler.unscale_(optimizer)), then clip, then step: the limit meets gradients of another scale",
        )  # fmt: skip


def no_update(patient: Patient) -> Iterator[Suspicion]:
    """No parameter moved in any of the first steps."""
    moves, backward, ends = (facts_of(patient, what) for what in ("step", "backward", "end"))
    put_back = bool(ends) and not any(end["changed"] for end in ends)
    moved = any(move["moved"] != 0 for move in moves)  # or by what is not a number
    if moved and not put_back:
        return
    rates = [group["lr"] for group in patient.program.optimizer.param_groups]
    attached = any(cost["attached"] for cost in facts_of(patient, "loss"))
    if moved:
        remedy = "something puts the weights back after optimizer.step(), such as load_state_dict of a saved state; keep the new ones"
    elif not moves:
        remedy = "call optimizer.step() after backward(); it is never called"
    elif not backward:
        remedy = "call backward() on the cost before optimizer.step(); it is never called"
    elif all(rate == 0 for rate in rates):
        remedy = "give a learning rate above 0"
    elif not attached:
        remedy = DETACHED
    elif all(move["gradient"] == 0 for move in moves):
        remedy = "every gradient is 0 when the optimizer steps: call zero_grad() before backward(), not after it"
        if all(move.get("without") for move in moves):
            remedy = "backward() gives no parameter of the optimizer a gradient: compute with this net itself, not with a copy of it"
        elif not any(one["after"] > 0 for one in backward):
            return  # gradients that vanish, or units that are dead, are other causes
    else:
        remedy = (
            "the optimizer holds other parameters than the net that answers: make it from net.parameters() of this net"
        )
    yield Suspicion(
        "no_update", "step",
        {"parameters moved by": 0.0, "steps": len(patient.first.events), "learning rate": max(rates, default=0.0)},
        remedy, "fatal",
    )  # fmt: skip


def wrong_mode(patient: Patient) -> Iterator[Suspicion]:
    """Dropout or batch normalisation that does not train while the cost is computed."""
    if patient.program.step is None:
        return
    for events in patient.first.events[1:] or patient.first.events:
        forward = events.of("forward")
        every = forward[0].facts["training"] if forward else {}
        asleep = [
            name for name, training in every.items() if not training and takes_part(patient.net.get_submodule(name))
        ]
        if asleep and len(asleep) == len(every):
            yield Suspicion(
                "wrong_mode", ", ".join(asleep[:3]), {"modules in evaluation mode in training steps": len(asleep)},
                "call net.train() before training, after every net.eval()",
                mend=before_each_step(lambda net, _optimizer: net.train()),
            )  # fmt: skip
            return


def takes_part(module: nn.Module) -> bool:
    """Whether a module is one that trains: dropout, or what has parameters that are not frozen."""
    return isinstance(module, nn.Dropout) or any(one.requires_grad for one in module.parameters(recurse=False))


def not_in_optimizer(patient: Patient) -> Iterator[Suspicion]:
    """Not one of the parameters that want a gradient is in a group of the optimizer."""
    held = {id(one) for one in optimized(patient.program.optimizer)}
    trainable = [one for one in patient.net.parameters() if one.requires_grad]
    if held and trainable and not any(id(one) in held for one in trainable):
        yield Suspicion(
            "not_in_optimizer", "optimizer", {"parameters of the net in the optimizer": 0, "of": len(trainable)},
            "make the optimizer from the parameters of the net that is trained: torch.optim.…(net.parameters(), …)", "fatal",
        )  # fmt: skip


def accumulation_not_divided(patient: Patient) -> Iterator[Suspicion]:
    """Several backward passes for a step, each of the whole mean cost: the rate is as many times higher. That is no fault where the
    optimizer does not heed it, as Adam, or where the rate was chosen for it, and the program learns less with the mean."""
    passes, whole, counts = 0, 0, []
    last = float("nan")
    for event in all_events(patient):
        if event.what == "loss":
            last = event.facts["value"]
        elif event.what == "zero":  # as in the closure of LBFGS
            passes = whole = 0
        elif event.what == "backward":
            passes += passes == 0 or event.facts["before"] > 0  # else what the passes before gave was cleared
            whole += math.isclose(event.facts["value"], last, rel_tol=1e-5)
        elif event.what == "step":
            counts.append((passes, whole))
            passes = whole = 0
    several = [passes for passes, whole in counts if passes > 1 and passes == whole]
    if not several or len(several) < len(counts) or patient.adds_up:  # sums may well be added up
        return
    parts = several[0]
    if heeds_size(patient.program, parts) and not worse_divided(patient, parts):
        yield Suspicion(
            "accumulation_not_divided", "step", {"backward passes a step": parts},
            f"divide the cost by {parts} before backward(), so that the gradient is the mean over the accumulated batches",
        )  # fmt: skip


def heeds_size(program: Program, times: int) -> bool:
    """Whether the optimizer moves otherwise by gradients that are so many times as large, whatever its rate is now and whatever it
    has seen: at the rate 0 of a warm-up nothing moves, and what remembers larger gradients heeds these as it would not its own."""
    for forget in (without_state, with_state_of_zeros):
        with suppress(Exception):  # of somebody's class
            return not math.isclose(*(moved(program, size, forget) for size in (1.0, float(times))), rel_tol=HEEDED)
    return True  # one that wants a closure


def moved(program: Program, size: float, forget: Callable[[Optimizer], None]) -> float:
    """By gradients of this size, at a rate of 1."""
    optimizer = copied(program).optimizer
    parameters, draws = optimized(optimizer), torch.Generator().manual_seed(0)
    before = [one.detach().clone() for one in parameters]
    forget(optimizer)
    for group in optimizer.param_groups:
        group["lr"] = 1.0
    for one in parameters:
        one.grad = size * torch.randn(one.shape, generator=draws).to(one)
    optimizer.step()
    return sum(float((one.detach() - was).abs().sum()) for one, was in zip(parameters, before, strict=True))


def without_state(optimizer: Optimizer) -> None:
    optimizer.state.clear()


def with_state_of_zeros(optimizer: Optimizer) -> None:
    """For what makes its state when it is made itself, as Adagrad does."""
    for state in optimizer.state.values():
        state |= {name: value * 0 for name, value in state.items() if isinstance(value, Tensor | int | float)}


def worse_divided(patient: Patient, parts: int) -> bool:
    experiment = patient.race(f"the cost divided by {parts}", partial(cost_divided, parts))
    return experiment.after < experiment.before - WORSE


def cost_divided(parts: int, variant: Variant) -> Variant:
    """What a step is given for its cost, a part of it."""
    step = variant.program.step or ordinary_step

    def mended(net: nn.Module, batch: Any, loss: Callable[..., Any], optimizer: Optimizer) -> Any:
        return step(net, batch, lambda *given, **named: loss(*given, **named) / parts, optimizer)

    return variant.changed(step=mended)
