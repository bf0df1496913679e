"""How the net is wired: what depends on what that must not, what is not trained, and layers that add nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from profundo.doctor.events import optimized
from profundo.doctor.passage import (
    DROPOUTS,
    Call,
    Change,
    Functions,
    Passage,
    altered,
    calls_of,
    layer_names,
    layers_of,
    parameters_of,
)
from profundo.doctor.patient import Patient
from profundo.doctor.programs import copied
from profundo.doctor.suspicions import Suspicion, listed
from profundo.doctor.trials import Variant, in_evaluation, main
from profundo.train.randomness import seeded
from profundo.trees import called, leaves, mapped

__all__ = ["structure"]

DEPENDS = 0.05  # of the deviation of the answers
LEARNED = 1.2  # times the largest singular value that the same numbers have in random order


def structure(patient: Patient) -> Iterator[Suspicion]:
    passage = patient.passage
    yield from quietly(patient, batch_mixing, patient)
    yield from quietly(patient, missing_nonlinearity, patient)
    if passage is not None:
        yield from quietly(patient, causal_leak, patient, passage)
        yield from quietly(patient, symmetric_init, passage)
        yield from quietly(patient, bare, patient)
        yield from quietly(patient, unmoved, patient, passage)
        yield from quietly(patient, unused_parameters, patient, passage)


def quietly(patient: Patient, cause: Callable[..., Iterator[Suspicion]], *facts: Any) -> list[Suspicion]:
    """What a cause suspects by these facts; nothing where the net cannot be asked in that way."""
    try:
        with seeded(patient.seed):
            return list(cause(*facts))
    except Exception:  # noqa: BLE001 - the person's own net, called with inputs that it was not made for
        return []


# ---------------------------------------------------------------------------------------- what must not depend on what
def batch_mixing(patient: Patient) -> Iterator[Suspicion]:
    """In evaluation mode, a sample's answer is another when copies of that sample are its company."""
    count = min(len(patient.probe), max(2, patient.program.batch_size), 32)
    if count < 2 or len(patient.train.epoch(patient.program, None)) < 2:
        return  # all samples at once, as nodes of a graph: they may well depend on each other
    samples = mapped(noisy, patient.probe.first(count).inputs)  # the last row of an image may be black in every sample
    calls, answers = calls_of(patient.net, samples)
    if len(answers) != count or any(normalises_by_batch(call) for call in calls):
        return
    if answers.ndim > 1 and bool(((answers.sum(0) - 1).abs() < 1e-3).all() and (answers >= 0).all()):
        return  # a softmax over the samples is a cause of its own
    deviation, differences = float(answers.float().std()), []
    for place in (0, count // 2, count - 1):
        with seeded(patient.seed):
            _, alone = calls_of(patient.net, mapped(lambda part, place=place: part[[place] * count], samples))
        differences.append(float((alone[place] - answers[place]).abs().max()))
    if max(differences) > DEPENDS * deviation > 0 and deterministic(patient, count):
        yield Suspicion(
            "batch_mixing", listed(steps_first(patient)) or "forward",
            {"an answer changes by": max(differences), "deviation of the answers": deviation, "batch": count},
            "keep the samples on their own axis: batch_first=True for inputs of (samples, steps, features); "
            "permute, not view or reshape; no mean, softmax or attention over the axis of samples", "fatal",
        )  # fmt: skip


def noisy(values: Tensor) -> Tensor:
    """With as much noise again as the values vary; numbers of words and the like as they are."""
    if not values.is_floating_point() or values.numel() < 2:
        return values
    draws = torch.Generator().manual_seed(0)
    noise: Tensor = torch.randn(values.shape, generator=draws).to(values)
    return values + values.std().nan_to_num(0.0) * noise


def normalises_by_batch(call: Call) -> bool:
    return call.function in {"batch_norm", "instance_norm"} and bool(call.argument(5, "training", False))


def deterministic(patient: Patient, count: int) -> bool:
    """Whether evaluation draws no random numbers."""
    answers = []
    for seed in (patient.seed + 1, patient.seed + 2):
        with seeded(seed):
            answers.append(calls_of(patient.net, patient.probe.first(count).inputs)[1])
    return torch.allclose(answers[0], answers[1], rtol=1e-3, atol=1e-5)


def steps_first(patient: Patient) -> list[str]:
    """Modules that take the first axis for that of steps."""
    return [name for name, one in patient.net.named_modules() if getattr(one, "batch_first", True) is False]


def causal_leak(patient: Patient, passage: Passage) -> Iterator[Suspicion]:
    """Targets are the inputs some steps later, and an answer depends on inputs that come after it."""
    values = next((one for one in (*passage.arguments, *passage.named.values()) if isinstance(one, Tensor)), None)
    if values is None or not isinstance(passage.target, Tensor) or values.ndim < 2:
        return
    one_hot = values.ndim == 3 and values.shape[2] > 1 and passage.target.numel() * values.shape[2] == values.numel()
    ids = values.argmax(-1) if one_hot else values
    if passage.target.numel() != ids.numel():
        return
    target = passage.target.reshape(ids.shape)
    if torch.equal(ids, target.to(ids.dtype)) and not values.is_floating_point() and values.shape[1] >= 4:
        yield from not_shifted(patient, passage, values)
        return
    for axis in (1, 0):
        length = ids.shape[axis]
        shift = next((s for s in (1, 2, 3) if length >= s + 4 and follows(ids, target, axis, s)), 0)
        if not shift:
            continue
        other = values.roll(1, 1 - axis) if values.shape[1 - axis] > 1 else values.flip(axis)
        change, deviation = changed_by_later(patient, passage, values, other, axis)
        if change > 1e-3 * deviation:
            modules = patient.net.named_modules()
            backwards = listed(name for name, one in modules if isinstance(one, nn.RNNBase) and one.bidirectional)
            yield Suspicion(
                "causal_leak", backwards or "forward",
                {"steps that targets are ahead": shift, "answers before the change differ by": change},
                "hide later steps from each answer: a causal mask (is_causal=True, torch.triu) in attention, padding on the "
                "left only in convolutions, no bidirectional recurrence; now the net reads the very value it is to predict", "fatal",
            )  # fmt: skip
        return


def not_shifted(patient: Patient, passage: Passage, values: Tensor) -> Iterator[Suspicion]:
    """Words to be predicted that are the very words given, by a net whose answers do not depend on later ones."""
    change, deviation = changed_by_later(patient, passage, values, values.roll(1, 0), 1)
    if change <= 1e-3 * deviation:
        yield Suspicion(
            "target_in_input", "train targets", {"targets equal to the inputs at their place": 1.0},
            "shift the targets: inputs are tokens[:-1], targets tokens[1:]; now each answer is given what it is to say",
        )  # fmt: skip


def follows(inputs: Tensor, target: Tensor, axis: int, shift: int) -> bool:
    length = inputs.shape[axis] - shift
    ahead = inputs.narrow(axis, shift, length)
    varied = bool((ahead != ahead.flatten()[0]).any())
    return varied and torch.equal(ahead, target.narrow(axis, 0, length).to(ahead.dtype))


def changed_by_later(
    patient: Patient, passage: Passage, values: Tensor, other: Tensor, axis: int
) -> tuple[float, float]:
    """By how much answers to the first half of the steps change when others come after it, and their deviation."""
    length = values.shape[axis]
    middle = length // 2
    later = torch.cat([values.narrow(axis, 0, middle), other.narrow(axis, middle, length - middle)], axis)
    before, after = (early_answers(patient, passage, one, axis, middle, values) for one in (values, later))
    return float((before - after).abs().max()), float(before.std())


def early_answers(patient: Patient, passage: Passage, values: Tensor, axis: int, middle: int, was: Tensor) -> Tensor:
    """What the net answers before step `middle` when `values` take the place of `was`; (…, classes) or (samples, classes, steps)."""
    arguments = [values if one is was else one for one in passage.arguments]
    named = {name: values if one is was else one for name, one in passage.named.items()}
    with in_evaluation(patient.net), torch.no_grad(), seeded(patient.seed):
        answers: Tensor = main(patient.net(*arguments, **named))
    shape = values.shape[:2]
    if answers.shape[:2] != shape and answers.ndim == 3 and (answers.shape[0], answers.shape[2]) == shape:
        answers = answers.transpose(1, 2)
    return answers.reshape(*shape, -1).narrow(axis, 0, middle)


# ------------------------------------------------------------------------------------------------- what is not trained
def symmetric_init(passage: Passage) -> Iterator[Suspicion]:
    """Units of a layer begin with the same weights and get the same gradient: they stay one unit."""
    for name, gradient in passage.gradients.items():
        value = passage.before[name]
        if gradient is None or value.ndim < 2 or len(value) < 2:
            continue
        bias = passage.before.get(name.replace("weight", "bias"))
        parts = [value.flatten(1), gradient.flatten(1) / gradient.abs().max().clamp_min(1e-30)]
        if bias is not None and bias.shape == value.shape[:1]:
            parts.append(bias[:, None])
        elif not name.endswith("weight"):  # a bare parameter: (features, units) is as usual
            parts = [part.T for part in parts]
        units = torch.cat(parts, 1)
        different = len(units.mul(1e5).round().unique(dim=0))  # type: ignore[no-untyped-call]
        if len(units) > 1 and different <= max(1, len(units) // 8):
            yield Suspicion(
                "symmetric_init", name, {"units": len(units), "different weights and gradients": different},
                "draw the weights at random (nn.init.kaiming_normal_): units that begin alike stay alike", "fatal",
            )  # fmt: skip
            return


def unmoved(patient: Patient, passage: Passage) -> Iterator[Suspicion]:
    """Weights that take part and are not trained: of lists that PyTorch does not see, frozen, or left out of the optimizer."""
    names = {id(one): name for name, one in patient.net.named_parameters()}
    calls, again = used_by(patient), parameters_in(used_by(patient))
    held = {id(one) for one in optimized(patient.program.optimizer)}
    ours = parameters_in(calls)
    out = [one for key, one in ours.items() if key not in held and names.get(key, "") not in passage.moved]
    made = [one for one in out if id(one) not in names and id(one) not in again and one.requires_grad]
    if made:
        yield Suspicion(
            "not_in_optimizer", "forward", {"weights made anew in each forward pass": len(made)},
            "make layers in __init__, not in forward: these are drawn anew for every batch and never trained", "fatal",
        )  # fmt: skip
        return
    matrices = [one for one in out if one.ndim > 1]
    known = sum(one.numel() for one in matrices if learned(one))
    if not matrices or 2 * known > sum(one.numel() for one in matrices):
        return  # features that were learned before, left as they are on purpose
    frozen = [names[id(one)] for one in out if not one.requires_grad and id(one) in names]
    unseen = [one for one in out if id(one) not in names]
    cause = "frozen_parameters" if len(frozen) * 2 > len(out) else "not_in_optimizer"
    paths = layer_names(patient.net)
    where = listed(sorted({paths.get(id(one), "a layer that is no part of the net") for one in out}))
    remedy = (
        "set requires_grad = True and hand them to the optimizer" if frozen
        else "hold layers in nn.ModuleList, not in a list, so that net.parameters() has them" if unseen
        else "hand all of net.parameters() to the optimizer, also those of layers made after it"
    )  # fmt: skip
    last = [call for call in calls if call.weighted][-1:]
    head = {id(one) for call in last for one in call.weights if one.requires_grad}
    surely = unseen or any(id(one) in head for one in matrices)  # nobody leaves out the last layer on purpose
    yield Suspicion(
        cause, where, {"weights that are not trained": len(out), "numbers in them": sum(one.numel() for one in out)},
        remedy, weight=0.75, gain=0.05, share=0.1, cures={} if surely else {"all of them trained": with_all_trained},
    )  # fmt: skip


def used_by(patient: Patient) -> list[Call]:
    return calls_of(patient.net, patient.probe.first(2).inputs)[0]


def parameters_in(calls: list[Call]) -> dict[int, nn.Parameter]:
    """Those that take part, by their identity."""
    return {id(one): one for call in calls for one in parameters_of((*call.arguments, *call.named.values()))}


def bare(patient: Patient) -> Iterator[Suspicion]:
    """Tensors that want a gradient, take part, and are no parameters of the net: no optimizer gets them from it."""
    held = {id(one) for one in optimized(patient.program.optimizer)}
    given = [part for call in used_by(patient) for part in (*call.arguments, *call.named.values())]
    wanting = [one for one in given if isinstance(one, Tensor) and one.requires_grad and one.is_leaf]
    loose = {id(one): one for one in wanting if not isinstance(one, nn.Parameter)}
    memory = {one.untyped_storage().data_ptr() for one in patient.net.parameters()}  # parts of parameters are theirs
    loose = {key: one for key, one in loose.items() if one.untyped_storage().data_ptr() not in memory}
    missing = [one for key, one in loose.items() if key not in held and one.numel() > 1]
    if missing:
        names = layer_names(patient.net)
        yield Suspicion(
            "not_in_optimizer", listed(names[id(one)] for one in missing if id(one) in names) or "forward",
            {"tensors that are no parameters": len(missing), "the first": str(tuple(missing[0].shape))},
            "make them nn.Parameter(…): net.parameters() does not have a plain tensor, whatever its requires_grad",
        )  # fmt: skip


def with_all_trained(variant: Variant) -> Variant:
    program, few = variant.program, variant.train.first(2).inputs
    held = {id(one) for one in optimized(program.optimizer)}
    used = parameters_in(calls_of(program.net, few)[0])
    more = [one.requires_grad_() for key, one in used.items() if key not in held]
    for one in optimized(program.optimizer):
        one.requires_grad_()
    if more:
        program.optimizer.add_param_group({"params": more})
    return variant


def learned(weight: Tensor) -> bool:
    """Whether a matrix has structure: its largest singular value against that of its numbers in random order."""
    matrix = weight.detach().float().flatten(1)
    if min(matrix.shape) < 2:
        return False
    order = torch.randperm(matrix.numel(), generator=torch.Generator().manual_seed(0))
    shuffled = matrix.flatten()[order].view_as(matrix)
    largest, by_chance = (torch.linalg.matrix_norm(one - one.mean(), 2) for one in (matrix, shuffled))
    return bool(largest > LEARNED * by_chance)


def unused_parameters(patient: Patient, passage: Passage) -> Iterator[Suspicion]:
    """Weights in the optimizer that no gradient ever reaches."""
    held = {id(one) for one in optimized(patient.program.optimizer)}
    wanted = {name: one for name, one in patient.net.named_parameters() if id(one) in held and one.requires_grad}
    without = {n: one for n, one in wanted.items() if one.ndim > 1 and passage.gradients.get(n, one) is None}
    if not without or len(without) == len(passage.gradients) or not passage.gradients:
        return
    used = parameters_in(used_by(patient))
    cut = [name for name, one in without.items() if id(one) in used]
    if (cut and all(learned(without[name]) for name in cut)) or answered(patient, list(without.values())):
        return
    evidence = {"weights without a gradient": len(cut or without), "of": len(passage.gradients)}
    yield Suspicion(
        "unused_parameters", listed(cut or without), evidence,
        "their outputs are cut off from the cost: remove detach(), .data, torch.no_grad() or a conversion to NumPy after them" if cut
        else "these take no part in the answer: use them in forward, or remove them", "serious" if cut else "mild",
    )  # fmt: skip


def answered(patient: Patient, parameters: list[nn.Parameter]) -> bool:
    """Whether all of these lead to something that the net gives back: heads that the cost leaves aside, on purpose."""
    with in_evaluation(patient.net), torch.enable_grad():
        outputs = called(patient.net, patient.probe.first(2).inputs)
    ends = [one.sum() for one in leaves(outputs) if isinstance(one, Tensor) and one.requires_grad]
    if len(ends) < 2:
        return False
    return all(one is not None for one in torch.autograd.grad(sum(ends), parameters, allow_unused=True))  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------ layers that add nothing
def missing_nonlinearity(patient: Patient) -> Iterator[Suspicion]:
    """Two layers or more, whose last answers a straight line of inputs by a straight line."""
    inputs = patient.probe.first(16).inputs
    if not isinstance(inputs, Tensor) or not inputs.is_floating_point():
        return
    calls = [call for call in calls_of(patient.net, inputs[:2])[0] if call.weighted]
    depth = len(calls)
    if depth < 2 or not is_affine(patient, inputs.double(), depth):
        return
    yield Suspicion(
        "missing_nonlinearity", layers_of(calls[:-1]), {"layers": depth, "of which the net is worth": 1},
        "put an activation such as ReLU after every layer but the last: without, all layers together are one linear layer",
        weight=0.72, cures={"ReLU after every layer but the last": altered(with_rectifiers(depth))},
    )  # fmt: skip


@contextmanager
def made_in_double() -> Iterator[None]:
    """Tensors that a net makes on its way have the precision of its weights."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.double)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def is_affine(patient: Patient, inputs: Tensor, depth: int) -> bool:
    """Whether the last layer's values at the middle between two inputs, and far beyond them, lie on the line through theirs.

    Pooling by the largest counts as pooling by the mean, and normalisation of layers as none: neither is an activation.
    """
    net, values = copied(patient.program).net.double(), []

    def change(call: Call, run: Callable[[], Any]) -> Any:
        if call.function.startswith(("max_pool", "adaptive_max_pool")):
            call.named.pop("return_indices", None), call.named.pop("dilation", None)
            pooling = getattr(F, call.function.replace("max", "avg").removesuffix("_with_indices"))
            return pooling(*call.arguments, **call.named)
        if call.function in {"layer_norm", "group_norm", "rms_norm", *DROPOUTS}:
            return call.arguments[0]
        result = run()
        if call.weighted and call.number == depth:
            values.append(main(result))
        return result

    a, b = inputs, inputs.roll(1, 0)
    with in_evaluation(net), torch.no_grad(), made_in_double():
        for one in (a, b, (a + b) / 2, 30 * a - 29 * b):
            with Functions(change):
                called(net, one)
    at_a, at_b, middle, beyond = values
    size, varies = float(beyond.abs().max()), float((beyond - middle).abs().max())
    straight = ((at_a + at_b) / 2 - middle).abs().max(), (30 * at_a - 29 * at_b - beyond).abs().max()
    return varies > 1e-9 * size and float(max(straight)) < 1e-6 * varies


def with_rectifiers(depth: int) -> Change:
    def change(call: Call, run: Callable[[], Any]) -> Any:
        result = run()
        return torch.relu(result) if call.weighted and call.number < depth else result

    return change
