"""Batches for metric learning: pairs that are of one class or not, and a few classes with several samples of each.

    Pairs          inputs (2 · pairs, …): first the left ones, then their partners; targets (pairs,): 1 same, 0 different
    ClassBatches   inputs (classes · each, …), targets (classes · each,): the samples' classes

Stacked so, both sides of a pair go through the net at once, which shares its weights and its batch statistics. Each
batch is drawn afresh, as a function of (seed, epoch, index): an epoch is as many batches as `steps` says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Generator, Tensor

from profundo.data.batches import generator, mix
from profundo.data.splits.subsets import part
from profundo.data.standard import standardize
from profundo.records import Batch, Inputs, ProfundoError, Samples

__all__ = ["ClassBatches", "Members", "Pairs", "of_classes"]

Augmentation = Callable[[Tensor, Generator], Tensor]


def of_classes(samples: Samples, classes: Sequence[int]) -> Samples:
    """The samples of these classes, in their order, with their targets as they were."""
    return part(samples, torch.isin(samples.targets, torch.tensor(list(classes))).nonzero().squeeze(1))


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
        chosen = torch.randperm(len(self.classes), generator=draws)[:classes].tolist()
        places = [torch.randperm(int(self.counts[c]), generator=draws)[:each] + self.starts[c] for c in chosen]
        return self.sorted[torch.cat(places)]


def below(limits: Tensor, draws: Generator) -> Tensor:
    """Integers in [0, limit), one per limit. In double precision, so that no limit below 2⁵³ is reached."""
    return (torch.rand(limits.shape, generator=draws, dtype=torch.float64) * limits).long()


class Pairs:
    """Batches of `pairs` pairs, half of one class and half of two. Inputs are raw, as in Samples."""

    def __init__(
        self,
        samples: Samples,
        inputs: Inputs,
        pairs: int,
        *,
        steps: int,
        seed: int = 0,
        device: torch.device | str = "cpu",
        augment: Augmentation | None = None,
    ) -> None:
        self.source = Standardised(samples, inputs, torch.device(device), augment)
        self.members = Members(samples.targets)
        self.pairs, self.steps, self.seed = pairs, steps, seed

    def __len__(self) -> int:
        return self.steps

    def epoch(self, epoch: int, skip: int = 0) -> Iterator[Batch]:
        for step in range(epoch * self.steps + skip, (epoch + 1) * self.steps):
            left, right, same = self.members.pairs(self.pairs, draws_of(self.seed, step))
            inputs = self.source(torch.cat((left, right)), self.seed, step)
            yield Batch(inputs, same.to(inputs.device), self.pairs)


class ClassBatches:
    """Batches of `each` samples of each of `classes` classes ("P × K", Hermans et al. 2017). Inputs are raw, as in
    Samples."""

    def __init__(
        self,
        samples: Samples,
        inputs: Inputs,
        classes: int,
        each: int,
        *,
        steps: int,
        seed: int = 0,
        device: torch.device | str = "cpu",
        augment: Augmentation | None = None,
    ) -> None:
        self.source = Standardised(samples, inputs, torch.device(device), augment)
        self.members = Members(samples.targets, least=max(2, each))
        known = len(self.members.classes)
        if not 2 <= classes <= known or each < 2:
            raise ProfundoError(
                f"triplet batches: expected 2 to {known} classes and at least 2 samples of each, got {classes} and {each}"
            )
        self.targets = samples.targets
        self.classes, self.each, self.steps, self.seed = classes, each, steps, seed

    def __len__(self) -> int:
        return self.steps

    def epoch(self, epoch: int, skip: int = 0) -> Iterator[Batch]:
        for step in range(epoch * self.steps + skip, (epoch + 1) * self.steps):
            chosen = self.members.few_classes(self.classes, self.each, draws_of(self.seed, step))
            inputs = self.source(chosen, self.seed, step)
            yield Batch(inputs, self.targets[chosen].to(inputs.device), len(chosen))


class Standardised:
    """Samples by index, standardised and augmented, on the device. Images lie channels last."""

    def __init__(self, samples: Samples, inputs: Inputs, device: torch.device, augment: Augmentation | None) -> None:
        assert isinstance(samples.inputs, Tensor)
        self.raw, self.inputs, self.augment = samples.inputs.to(device), inputs, augment

    def __call__(self, chosen: Tensor, seed: int, step: int) -> Tensor:
        images = standardize(self.raw[chosen.to(self.raw.device)], self.inputs)
        if images.ndim == 4:
            images = images.contiguous(memory_format=torch.channels_last)
        return images if self.augment is None else self.augment(images, generator(seed, step, images.device))


def draws_of(seed: int, step: int) -> Generator:
    """Decides which samples one step gets."""
    return torch.Generator().manual_seed(mix(seed ^ 0xC1A55, step))
