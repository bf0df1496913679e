"""What the net answers does not fit what the cost takes, or what the targets are."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from profundo.dispatch import Observed
from profundo.doctor.events import as_number
from profundo.doctor.passage import RECURRENT
from profundo.doctor.patient import Patient
from profundo.doctor.programs import copied, ordinary_step, parted
from profundo.doctor.skill import class_axis, distinct
from profundo.doctor.suspicions import Suspicion
from profundo.doctor.trials import Variant, answers_of, in_evaluation, main
from profundo.doctor.verdicts import Severity
from profundo.train.randomness import seeded
from profundo.trees import called, leaves

__all__ = ["negated", "output_layer", "shared_out_over_samples", "with_loss"]

PROBABILITY = 1e-3
RANGES = {
    "sigmoid": (0.0, 1.0),
    "hardsigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "hardtanh": (-1.0, 1.0),
    "relu": (0.0, float("inf")),
    "softplus": (0.0, float("inf")),
    "exp": (0.0, float("inf")),
}
MEETING = frozenset(
    ["mul", "sub", "add", "div", "true_divide", "rsub", "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"]
    + [f"__{name}__" for name in ("mul", "sub", "add", "truediv", "rmul", "rsub", "radd", "rtruediv")]
)
SOFTMAXES = frozenset(["softmax", "log_softmax", "logsumexp"])
PASSING = (
    *("View", "UnsafeView", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Permute", "T", "Slice", "Select", "Clone"),
    *("ToCopy", "Alias", "Cat", "Stack", "Index", "Expand", "Movedim"),
)


def output_layer(patient: Patient) -> Iterator[Suspicion]:
    answers = patient.outputs
    if not isinstance(answers, Tensor) or not answers.is_floating_point() or not answers.numel():
        return
    for family in (
        single_unit_softmax,
        double_softmax,
        activated_logits,
        missing_output_activation,
        unreachable_targets,
        broadcast_loss,
        loss_sign,
        wrong_loss_for_task,
    ):
        yield from family(patient)


def sums_to_one(answers: Tensor, axis: int) -> bool:
    return (
        answers.shape[axis] > 1
        and bool((answers >= 0).all())
        and bool(((answers.sum(axis) - 1).abs() < PROBABILITY).all())
    )


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
    try:
        costs = [float(patient.program.loss(answers + shift, targets)) for shift in (0.0, 1.0, -3.0)]
    except Exception:  # noqa: BLE001 - the person's own cost
        return False
    return costs == [0.0, 0.0, 0.0]


def double_softmax(patient: Patient) -> Iterator[Suspicion]:
    answers: Tensor = patient.outputs
    if not isinstance(patient.probe.targets, Tensor) or answers.ndim < 2:
        return
    axis = class_axis(answers, patient.probe.targets)
    if sums_to_one(answers, axis) and (patient.cost.kind == "cross entropy" or normalised_again(patient, axis)):
        yield Suspicion(
            "double_softmax", last_module(patient), {"rows that sum to 1": len(answers)},
            "remove the softmax from the net: the cost takes logits and does its own", "serious", mend=logarithms,
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

    try:
        with Observed(observe), seeded(patient.seed):
            once = as_number(patient.program.loss(answers, patient.probe.targets))
        with seeded(patient.seed):
            shifted = as_number(patient.program.loss(answers + 1, patient.probe.targets))
    except Exception:  # noqa: BLE001 - the person's own cost
        return False
    return any(seen) and math.isclose(once, shifted, rel_tol=1e-4, abs_tol=1e-6)


def activated_logits(patient: Patient) -> Iterator[Suspicion]:
    """A cost of logits that gets only one side of zero, or a bounded range."""
    answers: Tensor = patient.outputs
    if patient.cost.takes_logits and are_states(patient):
        yield Suspicion(
            "activated_logits", last_module(patient), {"smallest answer": float(answers.min()), "largest": float(answers.max())},
            "put a linear layer after the recurrent one: its states lie between -1 and 1, logits do not", "serious",
        )  # fmt: skip
        return
    kind = final_operation(patient)
    cut = kind.startswith("clamp") and (float(answers.min()) >= 0 or float(answers.max()) <= 0)
    if patient.cost.takes_logits and (kind in RANGES or cut) and kind != "softmax":
        yield Suspicion(
            "activated_logits", last_module(patient), {"smallest answer": float(answers.min()), "largest": float(answers.max())},
            f"remove the {kind} after the last layer: the cost takes logits of any size and sign", "serious",
        )  # fmt: skip


def are_states(patient: Patient) -> bool:
    """Whether the answers are the states of a recurrent layer, nothing with weights after it."""
    weighted = patient.passage.weighted if patient.passage is not None else []
    return bool(weighted) and weighted[-1].function in RECURRENT and bool((patient.outputs.abs() <= 1).all())


def missing_output_activation(patient: Patient) -> Iterator[Suspicion]:
    answers: Tensor = patient.outputs
    name = type(patient.program.loss).__name__
    probability = final_operation(patient) in ("sigmoid", "softmax", "hardsigmoid", "clamp", "exp", "hardtanh")
    if not probability and (
        patient.cost.takes_probabilities or name == "BCELoss" or "between 0 and 1" in patient.first.error
    ):
        yield Suspicion(
            "missing_output_activation", "output layer", {"smallest answer": float(answers.min()), "largest": float(answers.max())},
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
    answers: Any = answers_of(patient.net, patient.probe.rows(torch.arange(count)).inputs)
    if not isinstance(answers, Tensor) or answers.ndim != 2 or count < 3 or answers.shape[1] < 2:
        return False
    sums = answers.sum(0) if bool((answers >= 0).all()) else answers.exp().sum(0)
    return bool(((sums - 1).abs() < PROBABILITY).all())


def unreachable_targets(patient: Patient) -> Iterator[Suspicion]:
    targets = patient.train.targets
    if patient.task.kind != "real" or not isinstance(targets, Tensor) or targets.shape[1:] != patient.outputs.shape[1:]:
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
    nearer = torch.where((targets < low) | (targets > high), answers + 0.1 * (targets - answers), answers)
    try:
        with seeded(patient.seed):
            now, then = (as_number(patient.program.loss(one, targets)) for one in (answers, nearer))
    except Exception:  # noqa: BLE001 - the person's own cost
        return True
    return not then > now


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
        yield Suspicion(
            "broadcast_loss", "step", {"one": str(shapes[0]), "other": str(shapes[1])},
            "give both the same shape, such as prediction.squeeze(1): now every sample is paired with every other", "fatal",
        )  # fmt: skip


class Pairs(TorchFunctionMode):
    """Keeps the shapes of the first (n, 1) and (n,) that meet in one function, n samples each, on the way to the cost."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count
        self.met: list[tuple[int, ...]] | None = None

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        two = [part for part in args[:2] if isinstance(part, Tensor)]
        known = sum(part.requires_grad for part in two) == 1  # distances within a batch have it on both sides
        if len(two) == 2 and known and getattr(function, "__name__", "") in MEETING:
            shapes = sorted((tuple(part.shape) for part in two), key=len)
            if shapes == [(self.count,), (self.count, 1)]:
                self.met = self.met or shapes
        return result


def paired_in_step(patient: Patient) -> list[tuple[int, ...]] | None:
    """Of one step, whoever computes the cost in it."""
    program, batch = copied(patient.program), patient.train.epoch(patient.program, None)[0]
    count = len(next(leaves(parted(batch)[1])))
    if count < 2:
        return None
    pairs = Pairs(count)
    try:
        with pairs, seeded(patient.seed):
            (program.step or ordinary_step)(program.net, batch, program.loss, program.optimizer)
    except Exception:  # noqa: BLE001 - the person's own program
        return None
    return pairs.met


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
    if cost.kind in {"binary cross entropy", "binary cross entropy of logits"} and not bool(
        (targets == targets.round()).all()
    ):
        inside = bool(((targets >= 0) & (targets <= 1)).all())
        if not inside:
            yield Suspicion(
                "wrong_loss_for_task", "loss", evidence, "targets are numbers, not classes: use mse_loss", "fatal"
            )
    if (
        cost.kind == "cross entropy"
        and targets.is_floating_point()
        and task.kind in {"real", "own"}
        and targets.ndim > 1
    ):
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
        yield Suspicion(
            "wrong_loss_for_task", "loss", {**evidence, "outputs": 1},
            f"targets are {task.classes} classes: give the output layer {task.classes} units and use cross_entropy", weight=0.4,
        )  # fmt: skip


def as_logits(answers: Tensor) -> Tensor:
    """Log-probabilities of what sums to one, anything else as it is."""
    return answers.clamp_min(1e-12).log() if sums_to_one(answers.detach(), 1) else answers


def with_loss(loss: Callable[..., Tensor]) -> Callable[[Variant], Variant]:
    def cure(variant: Variant) -> Variant:
        return replace(variant, program=replace(variant.program, loss=loss))

    return cure


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
    few = patient.probe.rows(torch.arange(min(4, len(patient.probe)))).inputs
    with in_evaluation(patient.net), torch.enable_grad():
        node: Any = getattr(main(called(patient.net, few)), "grad_fn", None)
    while node is not None:
        name = node.name().rstrip("0123456789").removesuffix("Backward").strip("_")
        if name not in PASSING or not node.next_functions:
            return str(name).lower()
        node = node.next_functions[0][0]
    return ""


def final_module(patient: Patient) -> nn.Module | None:
    """The module whose outputs are the net's answers."""
    seen: list[nn.Module] = []
    leaves = [module for module in patient.net.modules() if not list(module.children())]
    hooks = [module.register_forward_hook(lambda module, *_: seen.append(module)) for module in leaves]
    try:
        answers_of(patient.net, patient.probe.rows(torch.arange(min(4, len(patient.probe)))).inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return seen[-1] if seen else None


def last_module(patient: Patient) -> str:
    module = final_module(patient)
    return next(
        (name or type(module).__name__ for name, one in patient.net.named_modules() if one is module), "output layer"
    )
