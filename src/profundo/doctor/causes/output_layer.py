"""What the net answers does not fit what the cost takes, or what the targets are."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from profundo.dispatch import Observed
from profundo.doctor.passage import RECURRENT, Call, Functions
from profundo.doctor.patient import Patient
from profundo.doctor.programs import copied, one_step, parted
from profundo.doctor.skill import class_axis, distinct
from profundo.doctor.suspicions import Suspicion
from profundo.doctor.trials import Variant, answers_of, in_evaluation, main, with_loss
from profundo.doctor.verdicts import Severity
from profundo.train.randomness import seeded
from profundo.trees import called, leaves

__all__ = ["ends_of", "negated", "output_layer", "shared_out_over_samples"]

PROBABILITY = 1e-3
RANGES = {
    **dict.fromkeys(("sigmoid", "hardsigmoid", "softmax"), (0.0, 1.0)),
    **dict.fromkeys(("tanh", "hardtanh"), (-1.0, 1.0)),
    **dict.fromkeys(("relu", "softplus", "exp"), (0.0, float("inf"))),
}
MEETING = {
    *("mul", "sub", "add", "div", "true_divide", "truediv", "rmul", "radd", "rsub", "rtruediv"),
    *("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"),
}
SOFTMAXES = frozenset(["softmax", "log_softmax", "logsumexp"])
PASSING = (
    *("View", "UnsafeView", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Permute", "T", "Slice", "Select", "Clone"),
    *("ToCopy", "Alias", "Cat", "Stack", "Index", "Expand", "Movedim"),
)


def output_layer(patient: Patient) -> Iterator[Suspicion]:
    answers = patient.outputs
    if not isinstance(answers, Tensor) or not answers.is_floating_point() or not answers.numel():
        return
    yield from single_unit_softmax(patient)
    yield from double_softmax(patient)
    yield from activated_logits(patient)
    yield from missing_output_activation(patient)
    yield from unreachable_targets(patient)
    yield from broadcast_loss(patient)
    yield from loss_sign(patient)
    yield from wrong_loss_for_task(patient)


def ends_of(answers: Tensor) -> dict[str, float]:
    return {"smallest answer": float(answers.min()), "largest": float(answers.max())}


def sums_to_one(answers: Tensor, axis: int) -> bool:
    shares = answers.shape[axis] > 1 and bool((answers >= 0).all())
    return shares and bool(((answers.sum(axis) - 1).abs() < PROBABILITY).all())


def single_unit_softmax(patient: Patient) -> Iterator[Suspicion]:
    answers: Tensor = patient.outputs
    if 1 in answers.shape[1:] and bool((answers == 1).all()):
        yield Suspicion(
            "single_unit_softmax", "output layer", {"outputs": 1, "every answer": 1.0},
            "softmax of a single unit is always 1: use sigmoid, or no activation and binary_cross_entropy_with_logits", "fatal",
        )  # fmt: skip
    elif is_nothing(patient):
        yield Suspicion(
            "single_unit_softmax", "loss", {"outputs": 1, "every cost": 0.0},
            "the softmax that this cost takes of a single unit is always 1: use binary_cross_entropy_with_logits", "fatal",
            mend=with_loss(lambda p, t: nn.functional.binary_cross_entropy_with_logits(p, t.to(p.dtype).reshape(p.shape))),
        )  # fmt: skip


def is_nothing(patient: Patient) -> bool:
    """Whether a single output costs 0, whatever it is: the cross entropy of one class."""
    answers, targets = patient.outputs, patient.probe.targets
    if answers.ndim != 2 or answers.shape[1] != 1:
        return False
    return patient.costs(*((answers + shift, targets) for shift in (0.0, 1.0, -3.0))) == [0.0, 0.0, 0.0]


def double_softmax(patient: Patient) -> Iterator[Suspicion]:
    answers: Tensor = patient.outputs
    if not isinstance(patient.probe.targets, Tensor) or answers.ndim < 2:
        return
    axis = class_axis(answers, patient.probe.targets)
    if sums_to_one(answers, axis) and (patient.cost.kind == "cross entropy" or normalised_again(patient, axis)):
        yield Suspicion(
            "double_softmax", last_module(patient), {"rows that sum to 1": len(answers)},
            "remove the softmax from the net: the cost takes logits and does its own", mend=logarithms,
        )  # fmt: skip


def normalised_again(patient: Patient, axis: int) -> bool:
    """Whether an unknown cost takes a softmax of the answers: one runs in it, and it is the same for answers that
    are all larger by one number."""
    if patient.cost.kind != "other":
        return False
    answers: Tensor = patient.outputs
    seen: list[bool] = []

    def observe(operation: Any, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        if str(operation).split(".")[1].strip("_") in SOFTMAXES and args[0].shape == answers.shape:
            over = args[1] if isinstance(args[1], list) else [args[1]]
            seen.append([one % answers.ndim for one in over] == [axis % answers.ndim])
        return operation(*args, **named)

    pairs = [(one, patient.probe.targets) for one in (answers, answers + 1)]
    with Observed(observe):
        costs = patient.costs(*pairs)
    return costs is not None and any(seen) and math.isclose(*costs, rel_tol=1e-4, abs_tol=1e-6)


def activated_logits(patient: Patient) -> Iterator[Suspicion]:
    """A cost of logits that gets only one side of zero, or a bounded range."""
    answers: Tensor = patient.outputs
    if patient.cost.takes_logits and are_states(patient):
        words = "put a linear layer after the recurrent one: its states lie between -1 and 1, logits do not"
        yield Suspicion("activated_logits", last_module(patient), ends_of(answers), words)
        return
    kind, low, high = final_operation(patient), *ends_of(answers).values()
    cut = kind.startswith("clamp") and (low >= 0 or high <= 0)
    if patient.cost.takes_logits and (kind in RANGES or cut) and kind != "softmax":
        words = f"remove the {kind} after the last layer: the cost takes logits of any size and sign"
        yield Suspicion("activated_logits", last_module(patient), ends_of(answers), words)


def are_states(patient: Patient) -> bool:
    """Whether the answers are the states of a recurrent layer, nothing with weights after it."""
    weighted = patient.passage.weighted if patient.passage is not None else []
    return bool(weighted) and weighted[-1].function in RECURRENT and bool((patient.outputs.abs() <= 1).all())


def missing_output_activation(patient: Patient) -> Iterator[Suspicion]:
    answers: Tensor = patient.outputs
    probability = final_operation(patient) in ("sigmoid", "softmax", "hardsigmoid", "clamp", "exp", "hardtanh")
    named = type(patient.program.loss).__name__ == "BCELoss" or "between 0 and 1" in patient.first.error
    if not probability and (named or patient.cost.takes_probabilities):
        yield Suspicion(
            "missing_output_activation", "output layer", ends_of(answers),
            "give the cost logits: binary_cross_entropy_with_logits (or put a sigmoid after the last layer)", "fatal",
            mend=with_loss(nn.functional.binary_cross_entropy_with_logits),
        )  # fmt: skip
    elif patient.cost.kind == "negative log likelihood" and answers.ndim > 1:
        sums = answers.double().logsumexp(1)
        if float(sums.abs().max()) > 0.01 and not shared_out_over_samples(patient):
            ones = sums_to_one(answers, 1)
            yield Suspicion(
                "missing_output_activation", "output layer", {"sum of the probabilities": float(sums.exp().mean())},
                "take the logarithm of the softmax, log_softmax: this cost takes log-probabilities" if ones else
                "use cross_entropy, or put log_softmax after the last layer: this cost takes log-probabilities", "fatal",
                mend=with_loss(lambda p, t: nn.functional.cross_entropy(as_logits(p), t)),
            )  # fmt: skip


def shared_out_over_samples(patient: Patient) -> bool:
    """Whether each output sums to 1 over the samples of a batch: a softmax, or its logarithm, over the wrong axis."""
    count = min(8, len(patient.probe))
    answers: Any = answers_of(patient.net, patient.probe.first(count).inputs)
    if not isinstance(answers, Tensor) or answers.ndim != 2 or count < 3 or answers.shape[1] < 2:
        return False
    sums = answers.sum(0) if bool((answers >= 0).all()) else answers.exp().sum(0)
    return bool(((sums - 1).abs() < PROBABILITY).all())


def unreachable_targets(patient: Patient) -> Iterator[Suspicion]:
    targets, shape = patient.train.targets, patient.outputs.shape[1:]
    numbers = patient.task.kind in {"real", "binary"} and isinstance(targets, Tensor)
    if not numbers or targets.shape[1:].numel() != shape.numel():
        return
    if patient.cost.broadcast:  # answers that are squeezed in the cost are its targets' equals
        return
    if not patient.cost.is_distance and patient.cost.kind != "other":
        return
    kind = final_operation(patient)
    if kind not in RANGES:
        return
    low, high = RANGES[kind]
    outside = ((targets < low - 0.05) | (targets > high + 0.05)).double().mean()
    if float(outside) > 0.02 and (patient.cost.is_distance or draws_near(patient, low - 0.05, high + 0.05)):
        grave: Severity = "fatal" if float(outside) > 0.2 else "serious"
        yield Suspicion(
            "unreachable_targets", last_module(patient),
            {"share of targets outside": float(outside), "reached from": low, "to": high, "targets to": float(targets.max())},
            f"remove the {kind} after the last layer, so that every target can be reached", grave,
        )  # fmt: skip


def draws_near(patient: Patient, low: float, high: float) -> bool:
    """Whether a cost that is not known falls as the answers come nearer to targets out of their range: some only mark samples."""
    answers, targets = patient.outputs, patient.probe.targets
    exact = targets.reshape(answers.shape)
    nearer = torch.where((exact < low) | (exact > high), answers + 0.1 * (exact - answers), answers)
    costs = patient.costs((answers, targets), (nearer, targets))
    return costs is None or not costs[1] > costs[0]


def broadcast_loss(patient: Patient) -> Iterator[Suspicion]:
    answers: Tensor = patient.outputs
    if patient.cost.broadcast and isinstance(patient.probe.targets, Tensor):
        ours, theirs = tuple(answers.shape), tuple(patient.probe.targets.shape)
        yield Suspicion(
            "broadcast_loss", "loss", {"prediction": str(ours), "target": str(theirs)},
            "give both the same shape, such as prediction.squeeze(1): now every prediction is paired with every target", "fatal",
            mend=in_one_shape,
        )  # fmt: skip
    elif (shapes := paired_in_step(patient)) is not None:
        words = "give both the same shape, such as prediction.squeeze(1): now every sample is paired with every other"
        yield Suspicion("broadcast_loss", "step", {"one": str(shapes[0]), "other": str(shapes[1])}, words, "fatal")


def paired_in_step(patient: Patient) -> list[tuple[int, ...]] | None:
    """The shapes of the first (n, 1) and (n,), n samples each, that meet on the way to the cost of a step, whoever computes it."""
    program, batch = copied(patient.program), patient.train.epoch(patient.program, None)[0]
    count = len(next(leaves(parted(batch)[1])))
    met: list[list[tuple[int, ...]]] = []

    def watch(call: Call, run: Callable[[], Any]) -> Any:
        two = [part for part in call.arguments[:2] if isinstance(part, Tensor)]
        known = sum(part.requires_grad for part in two) == 1  # distances within a batch have it on both sides
        if call.function in MEETING and len(two) == 2 and known:
            met.append(sorted((tuple(part.shape) for part in two), key=len))
        return run()

    try:
        with Functions(watch), seeded(patient.seed):
            one_step(program, batch)
    except Exception:  # noqa: BLE001 - the person's own program
        return None
    return next((shapes for shapes in met if shapes == [(count,), (count, 1)] and count > 1), None)


def loss_sign(patient: Patient) -> Iterator[Suspicion]:
    maximised = any(group.get("maximize", False) for group in patient.program.optimizer.param_groups)
    if (patient.cost.sign < 0) != maximised and patient.cost.kind != "other":
        where = "optimizer (maximize=True)" if maximised else "loss"
        yield Suspicion(
            "loss_sign", where, {"cost": patient.cost.kind, "sign": patient.cost.sign},
            "turn the sign: training makes the answers worse", "fatal", mend=negated,
        )  # fmt: skip


# ---------------------------------------------------------------------------------------------------- another cost wins
def wrong_loss_for_task(patient: Patient) -> Iterator[Suspicion]:
    """Distances between class numbers, or the entropy of what is no probability."""
    answers: Tensor = patient.outputs
    task, cost, targets = patient.task, patient.cost, patient.probe.targets
    if not isinstance(targets, Tensor):
        return
    evidence = {"cost": cost.kind, "different targets": len(distinct(targets))}
    shares = bool(((targets >= 0) & (targets <= 1)).all())
    if cost.is_binary and not shares and not bool((targets == targets.round()).all()):
        words = "targets are numbers, not classes: use mse_loss"
        yield Suspicion("wrong_loss_for_task", "loss", evidence, words, "fatal")
    numbers = targets.is_floating_point() and task.kind in {"real", "own"} and targets.ndim > 1
    if cost.kind == "cross entropy" and numbers:
        yield Suspicion(
            "wrong_loss_for_task", "loss", {**evidence, "smallest target": float(targets.min()), "largest": float(targets.max())},
            "targets are numbers, not shares of classes: use mse_loss", "fatal", mend=with_loss(nn.functional.mse_loss),
        )  # fmt: skip
    if cost.kind == "cross entropy" and task.kind == "labels" and float(targets.sum(1).max()) > 1:
        yield Suspicion(
            "wrong_loss_for_task", "loss", {**evidence, "labels of one sample, at most": float(targets.sum(1).max())},
            "several labels may hold at once: use binary_cross_entropy_with_logits; this cost wants exactly one of them",
            mend=with_loss(nn.functional.binary_cross_entropy_with_logits),
        )  # fmt: skip
    if cost.is_distance and task.kind == "classes" and task.one_hot and answers.ndim == 2:
        yield Suspicion(
            "wrong_loss_for_task", "loss", evidence, "targets are classes: use cross_entropy on logits", weight=0.6,
            cures={"cross entropy": with_loss(lambda p, t: nn.functional.cross_entropy(as_logits(p), t.argmax(1)))},
        )  # fmt: skip
    if cost.is_distance and task.plain and task.classes > 2 and answers.shape[-1] == 1:
        words = f"targets are {task.classes} classes: give the output layer {task.classes} units and use cross_entropy"
        yield Suspicion("wrong_loss_for_task", "loss", {**evidence, "outputs": 1}, words, weight=0.4)


def as_logits(answers: Tensor) -> Tensor:
    """Log-probabilities of what sums to one, anything else as it is."""
    return answers.clamp_min(1e-12).log() if sums_to_one(answers.detach(), 1) else answers


def logarithms(variant: Variant) -> Variant:
    """The cost of the logarithms of what was a softmax."""
    loss = variant.program.loss
    return with_loss(lambda p, t: loss(p.clamp_min(1e-12).log(), t))(variant)


def in_one_shape(variant: Variant) -> Variant:
    loss = variant.program.loss
    return with_loss(lambda p, t: loss(p, t.reshape(p.shape)))(variant)


def negated(variant: Variant) -> Variant:
    """Down where it went up: an optimizer that minimises, or the cost with the other sign."""
    loss, groups = variant.program.loss, variant.program.optimizer.param_groups
    if any(group.get("maximize", False) for group in groups):
        for group in groups:
            group["maximize"] = False
        return variant
    return with_loss(lambda p, t: -loss(p, t))(variant)


def final_operation(patient: Patient) -> str:
    """What makes the net's answers of its last numbers, such as "addmm", "softmax", "sigmoid": whoever called it."""
    few = patient.probe.first(4).inputs
    with in_evaluation(patient.net), torch.enable_grad():
        node: Any = getattr(main(called(patient.net, few)), "grad_fn", None)
    while node is not None:
        name = node.name().rstrip("0123456789").removesuffix("Backward").strip("_")
        if name not in PASSING or not node.next_functions:
            return str(name).lower()
        node = node.next_functions[0][0]
    return ""


def last_module(patient: Patient) -> str:
    """The path of the module whose outputs are the net's answers."""
    seen = ["output layer"]
    net = copied(patient.program).net
    for name, module in net.named_modules():
        if not any(True for _ in module.children()):
            said = name or type(module).__name__
            module.register_forward_hook(lambda *_, said=said: seen.append(said))
    answers_of(net, patient.probe.first(4).inputs)
    return seen[-1]
