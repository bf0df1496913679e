"""Parts of a data set: some of its classes, a few samples of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Generator, Tensor

from profundo.data.standard import channel_sums, moments
from profundo.records import Dataset, ProfundoError, Samples, Spec

__all__ = ["few", "only_classes", "part"]


def part(samples: Samples, indices: Tensor) -> Samples:
    """The samples at these indices, in this order; inputs in memory."""
    assert isinstance(samples.inputs, Tensor)
    return Samples(samples.inputs[indices], samples.targets[indices])


def few(samples: Samples, per_class: int, generator: Generator) -> Samples:
    """So many samples of each class, drawn without replacement, class by class.

    Raises ProfundoError when a class has fewer.
    """
    chosen = []
    for label, count in enumerate(torch.bincount(samples.targets).tolist()):
        if count < per_class:
            raise ProfundoError(f"class {label}: expected at least {per_class} samples, found {count}")
        places = (samples.targets == label).nonzero().squeeze(1)
        chosen.append(places[torch.randperm(count, generator=generator)[:per_class]])
    return part(samples, torch.cat(chosen))


def only_classes(data: Dataset, classes: Sequence[int]) -> Dataset:
    """The samples of these classes alone, which are numbered from 0 in the order given.

    Images in memory; mean and deviation are measured anew, on the training split that is left.
    """
    number = torch.full((len(data.spec.targets.classes),), -1)
    number[list(classes)] = torch.arange(len(classes))

    def kept(samples: Samples) -> Samples:
        chosen = part(samples, (number[samples.targets] >= 0).nonzero().squeeze(1))
        return Samples(chosen.inputs, number[chosen.targets])

    train, validation, test = kept(data.train), kept(data.validation), kept(data.test)
    assert isinstance(train.inputs, Tensor)
    mean, std = moments(channel_sums(train.inputs), len(train) * train.inputs[0, 0].numel())
    spec = Spec(
        replace(data.spec.inputs, mean=mean, std=std),
        replace(data.spec.targets, classes=tuple(data.spec.targets.classes[label] for label in classes)),
    )
    return replace(data, spec=spec, train=train, validation=validation, test=test)
