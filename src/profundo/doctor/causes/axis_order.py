"""Axes in other places than the net, or the cost, takes them to be: a view or reshape that only counts the values anew."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from profundo.doctor.events import as_number
from profundo.doctor.passage import Call, Functions, Record, altered
from profundo.doctor.patient import Patient
from profundo.doctor.suspicions import Suspicion
from profundo.train.randomness import seeded

__all__ = ["axis_order"]

ROUGHER = 0.6  # of the differences between neighbours, what the right layout leaves at most
COLOURS = (1, 3, 4)


def axis_order(patient: Patient) -> Iterator[Suspicion]:
    yield from scrambled_layout(patient)
    yield from counted_anew(patient)
    yield from series_as_given(patient)


def scrambled_layout(patient: Patient) -> Iterator[Suspicion]:
    """Images or series whose neighbours are alike once the axes are in other places, and are not as they reach the net."""
    for where, turned, values in as_convolved(patient):
        if channels_last(values):
            yield Suspicion(
                "scrambled_layout", where, {"shape": str(tuple(values.shape)), "difference along the channels": along(values, 1)},
                "permute(0, 3, 1, 2): a convolution takes (samples, channels, height, width), these images have channels last",
            )  # fmt: skip
            return
        now = roughness(values)
        for how, one in layouts_of_series(values) if turned else layouts(values):
            then = roughness(one)
            if 0 < then < ROUGHER * now:
                yield Suspicion(
                    "scrambled_layout", where,
                    {"difference between neighbours": now, "after that": then, "shape": str(tuple(values.shape))},
                    f"{how}: view and reshape only count the values anew, permute moves the axes",
                )  # fmt: skip
                return


def counted_anew(patient: Patient) -> Iterator[Suspicion]:
    """A view or reshape inside the net that exchanges axes, such as (samples, a, b) to (samples, b, a), or to heads of attention:
    the axes are named anew, the values stay."""
    calls = patient.passage.calls if patient.passage is not None else []
    inside = next((call for call in calls if meant(call) is not None), None)
    call, where = (inside, "forward") if inside is not None else (in_cost(patient), "loss")
    if call is None or (way := meant(call)) is None:
        return
    after = f", after {call.layer}" if inside is not None and call.layer else ""
    shapes = {"from": str(tuple(call.arguments[0].shape)), "to": str(tuple(asked(call)))}
    yield Suspicion(
        "scrambled_layout", f"{call.function} in {where}{after}", shapes,
        f"{way[0]} in place of {call.function}, which only counts the values anew", weight=0.8, gain=0.02, share=0.1,
        cures={f"{way[0].split('(')[0]} in its place": altered(permuted)} if where == "forward" else {},
    )  # fmt: skip


def in_cost(patient: Patient) -> Call | None:
    """A view or reshape in a cost of one's own, of answers with a score for each class, that makes perfect answers cost much more
    than once it moves the axes."""
    answers, targets, loss = patient.outputs, patient.probe.targets, patient.program.loss
    if not isinstance(answers, Tensor) or answers.ndim < 3 or not isinstance(targets, Tensor):
        return None
    record = Record(patient.net)

    def moved(call: Call, run: Callable[[], Any]) -> Any:
        return run() if call.arguments and call.arguments[0] is targets else permuted(call, run)

    try:
        places = targets.reshape(len(answers), *answers.shape[2:]).long()
        perfect = 10.0 * F.one_hot(places, answers.shape[1]).movedim(-1, 1).to(answers.dtype)
        with seeded(patient.seed), Functions(record):
            now = as_number(loss(perfect, targets))
        with seeded(patient.seed), Functions(moved):
            then = as_number(loss(perfect, targets))
    except Exception:  # noqa: BLE001 - the person's own cost, and answers that are no scores of classes
        return None
    calls = [call for call in record.calls if call.arguments and call.arguments[0] is perfect and meant(call)]
    return calls[0] if calls and 0 <= then < 0.5 * now else None


def asked(call: Call) -> list[int]:
    """The sizes that a view or reshape asks for; empty where that cannot be told."""
    values, first = call.arguments[0], call.arguments[1]
    sizes: list[Any] = list(first) if isinstance(first, tuple | list | torch.Size) else list(call.arguments[1:])
    if not all(isinstance(size, int) for size in sizes) or sizes.count(-1) > 1:
        return []
    known = math.prod(size for size in sizes if size != -1)
    return [values.numel() // max(known, 1) if size == -1 else size for size in sizes]


def meant(call: Call) -> tuple[str, Callable[[Tensor], Tensor]] | None:
    """What a view or reshape would be, did it move axes: in words, and as a function; None where it names them in their order."""
    values = call.arguments[0] if call.arguments else None
    if call.function not in {"view", "reshape"} or not isinstance(values, Tensor) or values.ndim < 3 or not asked(call):
        return None
    sizes, shape = asked(call), list(values.shape)
    if len(sizes) == len(shape):
        order = other_order(shape, sizes)
        return None if order is None else (f"permute({', '.join(map(str, order))})", lambda one: one.permute(order))
    if len(shape) == 3 and len(sizes) == 4:  # (samples, steps, heads × width) to (samples, heads, steps, width)
        count, heads, steps, width = sizes
        if [count, steps, heads * width] == shape and heads > 1 and steps > 1 and heads != steps:
            how = f"view({count}, {steps}, {heads}, {width}).transpose(1, 2)"
            return how, lambda one: one.reshape(count, steps, heads, width).transpose(1, 2)
    rows_of_classes = len(sizes) == 2 and sizes[1] == shape[1] > 1 and shape[1] not in shape[2:]
    if rows_of_classes:  # of (samples, classes, …)
        return f"movedim(1, -1).reshape(-1, {shape[1]})", lambda one: one.movedim(1, -1).reshape(sizes)
    if len(shape) == 4 and len(sizes) == 3:  # and back
        count, heads, steps, width = shape
        if sizes == [count, steps, heads * width] and heads > 1 and steps > 1 and heads != steps:
            return "transpose(1, 2).reshape", lambda one: one.transpose(1, 2).reshape(sizes)
    return None


def other_order(shape: list[int], sizes: list[int]) -> tuple[int, ...] | None:
    """The permutation that makes one of the other, where axes longer than one change their places."""
    if [size for size in sizes if size > 1] == [size for size in shape if size > 1] or sorted(sizes) != sorted(shape):
        return None
    left, order = list(enumerate(shape)), []
    for size in sizes:
        place = next(place for place, (_, one) in enumerate(left) if one == size)
        order.append(left.pop(place)[0])
    return tuple(order)


def permuted(call: Call, run: Callable[[], Any]) -> Any:
    way = meant(call)
    return run() if way is None else way[1](call.arguments[0])


def series_as_given(patient: Patient) -> Iterator[Suspicion]:
    """Tables of (steps, features) a sample that were counted anew before they came here: both axes become smoother undone."""
    values = patient.train.inputs
    is_series = isinstance(values, Tensor) and values.ndim == 3 and values.is_floating_point()
    if not is_series or min(values.shape[1:]) < 5:
        return
    some = values[:500].detach().cpu().float()
    count, first, second = some.shape
    undone = some.reshape(count, second, first).movedim(1, 2)
    now, then = (roughness(one[:, None]) for one in (some, undone))
    if 0 < then < ROUGHER * now:
        yield Suspicion(
            "scrambled_layout", "train inputs",
            {"difference between neighbours": now, "after that": then, "shape": str(tuple(values.shape))},
            f"transpose(1, 2) instead of view or reshape to ({first}, {second}): these only count the values anew",
        )  # fmt: skip


def as_convolved(patient: Patient) -> Iterator[tuple[str, bool, Tensor]]:
    """Images and series as (samples, channels, one or two sides): where they come to the first weights, and as they are given.

    With their place, and whether features are last there, and were so when they were counted anew.
    """
    name, values = patient.arrivals[0] if patient.arrivals else ("", torch.empty(0))
    if name == "convolution" and values.ndim in {3, 4}:
        yield before(patient, values, "first convolution"), False, values
    elif name == "mkldnn_rnn_layer":  # (time, samples, channels)
        yield before(patient, values.transpose(0, 1), "recurrent layer"), True, values.permute(1, 2, 0)
    elif isinstance(patient.train.inputs, Tensor) and patient.train.inputs.ndim == 4:
        yield "train inputs", False, patient.train.inputs[:2000].detach().cpu().float()


def before(patient: Patient, values: Tensor, layer: str) -> str:
    """Where values got the order in which they come to a layer: as they are given, or in the net."""
    given = patient.probe.inputs
    same = isinstance(given, Tensor) and given.shape == values.shape and torch.equal(values, given.float().cpu())
    return "train inputs" if same else f"forward, before the {layer}"


def layouts(values: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Values as they may have been meant."""
    count, channels, *sides = values.shape
    if channels > 1 and min(sides) > 2:
        yield "permute instead of view (channels were last)", values.reshape(count, *sides, channels).movedim(-1, 1)
        yield "permute instead of view (channels are first)", values.movedim(1, -1).reshape(values.shape)


def layouts_of_series(values: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Series as (samples, features, steps) that are (samples, steps, features) in memory, as they may have been meant."""
    count, features, steps = values.shape
    if min(features, steps) > 2:
        memory = values.movedim(1, -1)
        yield "permute instead of view (features are first)", memory.reshape(count, features, steps)
        turned = memory.reshape(count, features, steps).movedim(1, -1)
        yield "permute instead of view (features were last)", turned.reshape(values.shape)


def roughness(values: Tensor) -> float:
    """The mean difference between neighbours along the axes after the first two, in deviations of their channel; noise
    has 1.1."""
    steps = [along(values, axis) for axis in range(2, values.ndim) if values.shape[axis] > 1]
    return sum(steps) / len(steps) if steps else math.nan


def along(values: Tensor, axis: int) -> float:
    deviation = values.std((0, *range(2, values.ndim)), keepdim=True)
    return float((values.diff(dim=axis).abs() / deviation.clamp_min(1e-12).mean(axis, keepdim=True)).mean())


def channels_last(values: Tensor) -> bool:
    """Whether what stands where channels should be changes as smoothly as an axis of an image, and the last one is small."""
    small = values.ndim == 4 and values.shape[3] in COLOURS and min(values.shape[1:3]) > 4
    return small and 0.5 < values.shape[1] / values.shape[2] < 2 and along(values, 1) < 1.5 * along(values, 2)
