"""Parts of a data set: some of its classes, a few samples of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Generator, Tensor

from profundo.data.splits.splits import chosen
from profundo.data.standard import channel_sums, moments
from profundo.records import Dataset, ProfundoError, Samples, Spec

__all__ = ["few", "only_classes"]


def few(samples: Samples, per_class: int, generator: Generator) -> Samples:
    """So many samples of each class, drawn without replacement, class by class.

    Raises ProfundoError when a class has fewer.
    """
    members = []
    for label, count in enumerate(torch.bincount(samples.targets).tolist()):
        if count < per_class:
            raise ProfundoError(f"class {label}: expected at least {per_class} samples, found {count}")
        places = (samples.targets == label).nonzero().squeeze(1)
        members.append(places[torch.randperm(count, generator=generator)[:per_class]])
    return chosen(samples, torch.cat(members))


def only_classes(data: Dataset, classes: Sequence[int]) -> Dataset:
    """The samples of these classes alone, which are numbered from 0 in the order given.

    Images in memory; mean and deviation are measured anew, on the training split that is left.
    """
    number = torch.full((len(data.spec.targets.classes),), -1)
    number[list(classes)] = torch.arange(len(classes))

    def kept(samples: Samples) -> Samples:
        left = chosen(samples, (number[samples.targets] >= 0).nonzero().squeeze(1))
        return Samples(left.inputs, number[left.targets])

    train, validation, test = kept(data.train), kept(data.validation), kept(data.test)
    assert isinstance(train.inputs, Tensor)
    mean, std = moments(channel_sums(train.inputs), len(train) * train.inputs[0, 0].numel())
    spec = Spec(
        replace(data.spec.inputs, mean=mean, std=std),
        replace(data.spec.targets, classes=tuple(data.spec.targets.classes[label] for label in classes)),
    )
    return replace(data, spec=spec, train=train, validation=validation, test=test)
