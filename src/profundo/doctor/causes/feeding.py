"""How samples reach the net: in which order, changed by what, drawn by whom, with their axes in which places."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd
from torch.utils.data import DataLoader, Dataset, IterableDataset

from profundo.doctor.passage import Call, altered
from profundo.doctor.patient import Patient
from profundo.doctor.programs import Samples, copied, ordinary_step, parted
from profundo.doctor.skill import distinct
from profundo.doctor.suspicions import Suspicion
from profundo.doctor.trials import Cure, Variant
from profundo.train.randomness import seeded
from profundo.trees import called, leaves, mapped

__all__ = ["feeding"]

ROUGHER = 0.6  # of the differences between neighbours, what the right layout leaves at most
COLOURS = (1, 3, 4)


def feeding(patient: Patient) -> Iterator[Suspicion]:
    yield from scrambled_layout(patient)
    yield from counted_anew(patient)
    yield from series_as_given(patient)
    yield from repeated_worker_randomness(patient)
    yield from not_shuffled(patient)
    yield from harmful_augmentation(patient)


# ---------------------------------------------------------------------------------------------------------------- order
def not_shuffled(patient: Patient) -> Iterator[Suspicion]:
    """Batches whose targets are more alike than samples drawn at random, and a random order that wins."""
    program, samples = patient.program, patient.train
    if (program.shuffle and not samples.given) or not samples.whole or not isinstance(samples.targets, Tensor):
        return
    batches = [next(leaves(parted(batch)[1])) for batch in samples.epoch(program, None)]
    numbers = [batch.double().reshape(len(batch), -1)[:, :1] for batch in batches]
    if len(numbers) < 3 or patient.task.kind == "own":
        return
    whole = torch.cat(numbers)
    if patient.task.kind in {"classes", "binary"} and not patient.task.one_hot:
        values = distinct(whole)
        numbers = [(batch == values).double() for batch in numbers]
        whole = (whole == values).double()
    between = sum(len(batch) * float((batch.mean(0) - whole.mean(0)).square().sum()) for batch in numbers)
    share = between / max(float((whole - whole.mean(0)).square().sum()), 1e-12)
    expected = (len(numbers) - 1) / max(len(whole) - 1, 1)
    if share > expected + 0.15 and share > 2 * expected:
        yield Suspicion(
            "not_shuffled", "train",
            {"of the targets' variance between batches": share, "expected of a random order": expected},
            "draw a new order in each epoch: shuffle=True, or shuffle the samples once before batches are made",
            weight=0.75, gain=0.02, share=0.1,
            cures={"a random order": shuffled},
        )  # fmt: skip


def shuffled(variant: Variant) -> Variant:
    size = len(next(leaves(parted(variant.train.given[0])[1]))) if variant.train.given else variant.program.batch_size
    program = replace(variant.program, shuffle=True, batch_size=size)
    return replace(variant, program=program, train=replace(variant.train, given=()))


# --------------------------------------------------------------------------------------------------------- augmentation
def harmful_augmentation(patient: Patient) -> Iterator[Suspicion]:
    """Samples that are changed at random, on which the net does far worse than on validation samples; without the changes
    it learns more, even from far fewer samples."""
    in_step, inside = changed_in_step(patient), random_modules(patient)
    if patient.validation is None or not (patient.train.again or in_step or inside) or patient.course.error:
        return
    course = patient.course
    behind, place = max(
        (held - train, place) for place, (train, held) in enumerate(zip(course.train, course.held, strict=True))
    )
    if not (in_step or inside) and behind < 0.05 and course.held[-1] > 0.5:
        return  # at its worst: what is read once more in each epoch is known by heart at the end
    cures: dict[str, Cure] = {}
    if in_step:
        cures["batches as they are"] = lambda variant: replace(variant, program=replace(variant.program, step=None))
    if inside:
        cures[f"without what {inside[0]} does in training"] = asleep(inside)
    half = len(patient.validation) // 2
    if half >= 50 and not cures:
        cures[f"{half} samples that are not augmented instead of {len(patient.train)}"] = clean(
            patient.validation, half
        )
    yield Suspicion(
        "harmful_augmentation", "step" if in_step else inside[0] if inside else "train inputs",
        {"score on training samples": course.train[place], "on validation samples": course.held[place]},
        "weaken or remove the augmentation: it changes what the samples show, or makes them unlike those to be predicted",
        weight=0.7, gain=0.08, share=0.2, cures=cures, steps=patient.whole_steps,
        view=None if in_step or inside else judged_on_rest(patient.validation, half),
    )  # fmt: skip


def random_modules(patient: Patient) -> list[str]:
    """Modules before the first weights that change inputs at random in training; dropout is another matter."""
    net, found = copied(patient.program).net.train(), []
    inputs = mapped(lambda part: part[:8], patient.probe.inputs)

    def look(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, given: tuple[Any, ...], output: Any) -> None:
            if len(given) == 1 and isinstance(output, Tensor) and any(given[0] is one for one in leaves(inputs)):
                with seeded(patient.seed + 1):
                    other = module.forward(*given)
                if not torch.equal(output, other) and torch.equal(
                    module.eval().forward(*given), module.forward(*given)
                ):
                    found.append(name)
                module.train()

        return hook

    for name, module in net.named_modules():
        if name and not isinstance(module, _DropoutNd) and not any(True for _ in module.parameters()):
            module.register_forward_hook(look(name))
    try:
        with torch.no_grad(), seeded(patient.seed):
            called(net, inputs)
    except Exception:  # noqa: BLE001 - the person's own net
        return []
    return found


def asleep(names: list[str]) -> Cure:
    """These modules stay in evaluation mode."""

    def cure(variant: Variant) -> Variant:
        for name in names:
            module = variant.program.net.get_submodule(name).eval()
            module.train = MethodType(lambda module, _mode=True: module, module)  # type: ignore[method-assign]
        return variant

    return cure


def clean(validation: Samples, half: int) -> Cure:
    """Trained on the first validation samples."""
    return lambda variant: replace(variant, train=validation.rows(mixed(validation)[:half]))


def judged_on_rest(validation: Samples, half: int) -> Cure:
    held = validation.rows(mixed(validation)[half:][:2000])
    return lambda variant: replace(variant, held=held, truth=held.targets)


def mixed(samples: Samples) -> Tensor:
    return torch.randperm(len(samples), generator=torch.Generator().manual_seed(1))


def changed_in_step(patient: Patient) -> bool:
    """Whether a step of the program's own gives the net other inputs than those of its batch, and others each time."""
    if patient.program.step is None or patient.first.error:
        return False
    program = copied(patient.program)
    batch = patient.train.epoch(program, None)[0]
    seen: list[Tensor] = []
    hook = program.net.register_forward_pre_hook(
        lambda _, given: seen.extend(one for one in given[:1] if isinstance(one, Tensor))
    )
    try:
        for seed in range(2):
            with seeded(patient.seed + seed):
                (program.step or ordinary_step)(program.net, batch, program.loss, program.optimizer)
            seen.append(torch.empty(0))
    except Exception:  # noqa: BLE001 - the person's own program
        return False
    finally:
        hook.remove()
    given = next(leaves(parted(batch)[0]))
    middle = next((place for place, one in enumerate(seen) if not one.numel()), 0)
    pairs = (
        [one for one in (seen[0], seen[middle + 1]) if one.shape == given.shape] if 0 < middle < len(seen) - 1 else []
    )
    return len(pairs) == 2 and not torch.equal(pairs[0], pairs[1]) and not torch.equal(pairs[0], given)


# -------------------------------------------------------------------------------------------------------------- workers
class Same(Dataset[Any]):
    """The first sample of a dataset again and again: what differs is drawn at random."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> Any:
        return self.dataset[0]


def repeated_worker_randomness(patient: Patient) -> Iterator[Suspicion]:
    """Workers that draw the same random numbers, or all read the same samples; or the same in each epoch."""
    loader = patient.program.train
    if not isinstance(loader, DataLoader) or loader.num_workers < 1:
        return
    where, remedy = (
        f"DataLoader with {loader.num_workers} workers",
        "draw from torch's own generator, or seed by torch.initial_seed() in worker_init_fn",
    )
    if isinstance(loader.dataset, IterableDataset):
        rows = [next(leaves(parted(batch)[0])) for batch in patient.train.given]
        groups = [rows[place : place + loader.num_workers] for place in range(0, len(rows), loader.num_workers)]
        whole = [group for group in groups if len(group) == loader.num_workers > 1]
        if whole and all(equal(group[0], other) for group in whole for other in group[1:]):
            yield Suspicion(
                "repeated_worker_randomness", where, {"batches that come from every worker alike": len(whole)},
                "let each worker read its own part: torch.utils.data.get_worker_info() says which",
            )  # fmt: skip
        return
    if not patient.train.again:
        return
    try:
        epochs = [drawn(loader) for _ in range(2)]
    except Exception:  # noqa: BLE001 - what the person's own dataset does
        return
    across = any(equal(epoch[0], epoch[1]) for epoch in epochs) and not equal(epochs[0][0], epochs[0][2])
    again = equal(epochs[0][0], epochs[1][0]) and not equal(epochs[0][0], epochs[0][2])
    if across or again:
        yield Suspicion(
            "repeated_worker_randomness", where, {"draws equal across workers": across, "in every epoch": again}, remedy
        )


def drawn(loader: DataLoader[Any]) -> list[Tensor]:
    """The first sample as two workers give it, each twice: first, second, first again, second again."""
    workers = DataLoader(
        Same(loader.dataset), batch_size=1, num_workers=2, worker_init_fn=loader.worker_init_fn,
        multiprocessing_context=loader.multiprocessing_context,
    )  # fmt: skip
    return [next(leaves(parted(batch)[0])) for batch in workers]


def equal(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and bool(torch.equal(one, other))


# --------------------------------------------------------------------------------------------------------------- layout
def scrambled_layout(patient: Patient) -> Iterator[Suspicion]:
    """Images or series whose neighbours are alike once the axes are in other places, and are not as they reach the net."""
    for where, values in as_convolved(patient):
        if channels_last(values):
            yield Suspicion(
                "scrambled_layout", where, {"shape": str(tuple(values.shape)), "difference along the channels": along(values, 1)},
                "permute(0, 3, 1, 2): a convolution takes (samples, channels, height, width), these images have channels last",
            )  # fmt: skip
            return
        now = roughness(values)
        turned = where.endswith("recurrent layer")  # there features are last, and were so when they were counted anew
        for how, layout in layouts_of_series(values) if turned else layouts(values):
            then = roughness(layout)
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
    for call in patient.passage.calls if patient.passage is not None else ():
        if (way := meant(call)) is None:
            continue
        shapes = {"from": str(tuple(call.arguments[0].shape)), "to": str(tuple(asked(call)))}
        yield Suspicion(
            "scrambled_layout", f"{call.function} in forward", shapes,
            f"{way[0]} in place of {call.function}, which only counts the values anew",
            weight=0.8, gain=0.02, share=0.1, cures={f"{way[0].split('(')[0]} in its place": altered(permuted)},
        )  # fmt: skip
        return


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
    if (
        not isinstance(values, Tensor)
        or values.ndim != 3
        or not values.is_floating_point()
        or min(values.shape[1:]) < 5
    ):
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


def as_convolved(patient: Patient) -> Iterator[tuple[str, Tensor]]:
    """Images and series as (samples, channels, one or two sides): where they come to the first weights, and as they are given."""
    name, values = patient.arrivals[0] if patient.arrivals else ("", torch.empty(0))
    if name == "convolution" and values.ndim in {3, 4}:
        yield "what reaches the first convolution", values
    elif name == "mkldnn_rnn_layer":  # (time, samples, channels)
        yield "what reaches the recurrent layer", values.permute(1, 2, 0)
    elif isinstance(patient.train.inputs, Tensor) and patient.train.inputs.ndim == 4:
        yield "train inputs", patient.train.inputs[:2000].detach().cpu().float()


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
        yield (
            "permute instead of view (features were last)",
            memory.reshape(count, features, steps).movedim(1, -1).reshape(values.shape),
        )


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
