"""How samples reach the net: in which order, changed by what, drawn by whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd
from torch.utils.data import DataLoader, Dataset, IterableDataset

from profundo.doctor.patient import Patient
from profundo.doctor.programs import Samples, copied, one_step, parted
from profundo.doctor.skill import distinct
from profundo.doctor.suspicions import Suspicion
from profundo.doctor.trials import Cure, Variant
from profundo.train.randomness import seeded
from profundo.trees import called, leaves, mapped

__all__ = ["feeding"]


def feeding(patient: Patient) -> Iterator[Suspicion]:
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
    if patient.task.is_named:
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
            weight=0.75, gain=0.02, share=0.1, cures={"a random order": shuffled},
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
    pairs = enumerate(zip(course.train, course.held, strict=True))
    behind, place = max((held - train, place) for place, (train, held) in pairs)
    if not (in_step or inside) and behind < 0.05 and course.held[-1] > 0.5:
        return  # at its worst: what is read once more in each epoch is known by heart at the end
    cures: dict[str, Cure] = {}
    if in_step:
        cures["batches as they are"] = lambda variant: variant.changed(step=None)
    if inside:
        cures[f"without what {inside[0]} does in training"] = asleep(inside)
    half = len(patient.validation) // 2
    if half >= 50 and not cures:
        cure = f"{half} samples that are not augmented instead of {len(patient.train)}"
        cures[cure] = clean(patient.validation, half)
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
                asleep = module.eval()
                if not torch.equal(output, other) and torch.equal(asleep.forward(*given), asleep.forward(*given)):
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
    seen: list[Any] = []
    program.net.register_forward_pre_hook(lambda _, given: seen.append(given[0] if given else None))
    firsts = []
    try:
        for seed in range(2):
            with seeded(patient.seed + seed):
                one_step(program, batch)
            firsts.append(next(one for one in seen if isinstance(one, Tensor)))
            seen.clear()
    except Exception:  # noqa: BLE001 - the person's own program
        return False
    given = next(leaves(parted(batch)[0]))
    once, again = firsts
    return once.shape == again.shape == given.shape and not torch.equal(once, again) and not torch.equal(once, given)


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
    where = f"DataLoader with {loader.num_workers} workers"
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
            "repeated_worker_randomness", where, {"draws equal across workers": across, "in every epoch": again},
            "draw from torch's own generator, or seed by torch.initial_seed() in worker_init_fn",
        )  # fmt: skip


def drawn(loader: DataLoader[Any]) -> list[Tensor]:
    """The first sample as two workers give it, each twice: first, second, first again, second again."""
    workers = DataLoader(
        Same(loader.dataset), batch_size=1, num_workers=2, worker_init_fn=loader.worker_init_fn,
        multiprocessing_context=loader.multiprocessing_context,
    )  # fmt: skip
    return [next(leaves(parted(batch)[0])) for batch in workers]


def equal(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and bool(torch.equal(one, other))
