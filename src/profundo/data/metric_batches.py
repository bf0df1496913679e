"""Batches for metric learning: pairs that are of one class or not, and a few classes with several samples of each.

    pair_batches    inputs (2 · pairs, …): first the left ones, then their partners; targets (pairs,): 1 same, 0 different
    class_batches   inputs (classes · each, …), targets (classes · each,): the samples' classes

Stacked so, both sides of a pair go through the net at once, which shares its weights and its batch statistics. Each
batch is drawn afresh, as a function of (seed, epoch, index): an epoch is as many batches as `steps` says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Generator, Tensor

from profundo.data.batches import generator, mix, prepared_inputs
from profundo.data.drawn_batches import DrawnBatches
from profundo.data.splits.splits import chosen
from profundo.records import Batch, Inputs, ProfundoError, Samples

__all__ = ["Members", "class_batches", "of_classes", "pair_batches"]

Augmentation = Callable[[Tensor, Generator], Tensor]


def of_classes(samples: Samples, classes: Sequence[int]) -> Samples:
    """The samples of these classes, in their order, with their targets as they were."""
    return chosen(samples, torch.isin(samples.targets, torch.tensor(list(classes))).nonzero().squeeze(1))


class Members:
    """Which samples are of which class: all indices sorted by class, each class's first place and its number.

    Raises ProfundoError when there are fewer than two classes, or fewer than `least` samples of one.
    """

    def __init__(self, targets: Tensor, least: int = 2) -> None:
        self.sorted = targets.argsort(stable=True)
        self.classes, self.counts = torch.unique(targets, return_counts=True)
        self.starts = self.counts.cumsum(0) - self.counts
        if len(self.classes) < 2 or int(self.counts.min()) < least:
            counted = dict(zip(self.classes.tolist(), self.counts.tolist(), strict=True))
            raise ProfundoError(
                f"metric learning: expected two classes or more with at least {least} samples each, got {counted}"
            )

    def pairs(self, count: int, draws: Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Left and right indices (count,), (count,) and whether they are of one class (count,): every other pair is.

        Classes are equally likely, samples within a class too; a sample is never its own partner.
        """
        same = torch.arange(count) % 2 == 0
        left_class = torch.randint(len(self.classes), (count,), generator=draws)
        step = 1 + torch.randint(len(self.classes) - 1, (count,), generator=draws)
        right_class = torch.where(same, left_class, (left_class + step) % len(self.classes))
        left = below(self.counts[left_class], draws)
        other = (left + 1 + below(self.counts[left_class] - 1, draws)) % self.counts[left_class]
        right = torch.where(same, other, below(self.counts[right_class], draws))
        return (
            self.sorted[self.starts[left_class] + left],
            self.sorted[self.starts[right_class] + right],
            same.long(),
        )

    def few_classes(self, classes: int, each: int, draws: Generator) -> Tensor:
        """Indices (classes · each,) of different classes with different samples, class after class."""
        labels = torch.randperm(len(self.classes), generator=draws)[:classes].tolist()
        places = [torch.randperm(int(self.counts[c]), generator=draws)[:each] + self.starts[c] for c in labels]
        return self.sorted[torch.cat(places)]


def below(limits: Tensor, draws: Generator) -> Tensor:
    """Integers in [0, limit), one per limit. In double precision, so that no limit below 2⁵³ is reached."""
    return (torch.rand(limits.shape, generator=draws, dtype=torch.float64) * limits).long()


def pair_batches(
    samples: Samples,
    inputs: Inputs,
    count: int,
    *,
    steps: int,
    seed: int = 0,
    device: torch.device | str = "cpu",
    augment: Augmentation | None = None,
) -> DrawnBatches:
    """Batches of `count` pairs, half of one class and half of two. Inputs are raw, as in Samples."""
    members, source = Members(samples.targets), standardised(samples, inputs, seed, torch.device(device), augment)

    def draw(step: int) -> Batch:
        left, right, same = members.pairs(count, draws_of(seed, step))
        return Batch(source(torch.cat((left, right)), step), same.to(device), count)

    return DrawnBatches(draw, steps)


def class_batches(
    samples: Samples,
    inputs: Inputs,
    classes: int,
    each: int,
    *,
    steps: int,
    seed: int = 0,
    device: torch.device | str = "cpu",
    augment: Augmentation | None = None,
) -> DrawnBatches:
    """Batches of `each` samples of each of `classes` classes ("P × K", Hermans et al. 2017). Inputs are raw, as in
    Samples."""
    members = Members(samples.targets, least=max(2, each))
    known = len(members.classes)
    if not 2 <= classes <= known or each < 2:
        raise ProfundoError(
            f"triplet batches: expected 2 to {known} classes and at least 2 samples of each, got {classes} and {each}"
        )
    source = standardised(samples, inputs, seed, torch.device(device), augment)

    def draw(step: int) -> Batch:
        picked = members.few_classes(classes, each, draws_of(seed, step))
        return Batch(source(picked, step), samples.targets[picked].to(device), len(picked))

    return DrawnBatches(draw, steps)


def standardised(
    samples: Samples, inputs: Inputs, seed: int, device: torch.device, augment: Augmentation | None
) -> Callable[[Tensor, int], Tensor]:
    """From indices and a step to these samples, standardised and augmented, on the device. Images lie channels last."""
    assert isinstance(samples.inputs, Tensor)
    raw = samples.inputs.to(device)

    def of(indices: Tensor, step: int) -> Tensor:
        rows = prepared_inputs(raw[indices.to(device)], inputs)
        return rows if augment is None else augment(rows, generator(seed, step, device))

    return of


def draws_of(seed: int, step: int) -> Generator:
    """Decides which samples one step gets."""
    return torch.Generator().manual_seed(mix(seed ^ 0xC1A55, step))
