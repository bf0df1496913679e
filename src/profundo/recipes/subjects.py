"""What of a recipe's run can be looked into: a net that answers for inputs, beside the data that it learned from.

A net that makes codes, of pictures to be compared or drawn again, answers through the nearest mean of the classes' codes
(Mensink et al. 2012; Snell et al. 2017), so that it can be asked why, like any other. No training lowered that answer's
cost: of a surface it says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from profundo.data.batches import in_order
from profundo.evaluate import evaluating
from profundo.records import Dataset, ProfundoError

__all__ = ["CodesOf", "NearestMean", "Subject", "by_codes"]

FEW = 2000  # samples whose codes make the means


@dataclass(frozen=True, slots=True)
class Subject:
    """lowers: whether training lowered the cost that suits the data's targets, by which the surface around the net is measured."""

    net: nn.Module
    data: Dataset
    lowers: bool = True


class NearestMean(nn.Module):
    """Inputs → −‖code − mean‖² of each class, (batch, classes). means: (classes, width)."""

    means: Tensor

    def __init__(self, encoder: nn.Module, means: Tensor) -> None:
        super().__init__()
        self.encoder = encoder
        self.register_buffer("means", means)

    def forward(self, inputs: Tensor) -> Tensor:
        codes = self.encoder(inputs).flatten(1)
        distances: Tensor = (codes[:, None] - self.means).square().sum(2)
        return -distances


class CodesOf(nn.Module):
    """What a net that draws its inputs again makes of them between; of a mean and a variance the mean."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, inputs: Tensor) -> Tensor:
        codes: Tensor | tuple[Tensor, Tensor] = self.net.encode(inputs)  # type: ignore[operator]
        return codes[0] if isinstance(codes, tuple) else codes


def by_codes(encoder: nn.Module, data: Dataset) -> Subject:
    """Raises ProfundoError for data without classes."""
    if not data.spec.targets.traits.one_class:
        raise ProfundoError(
            f"{data.name}: expected classes, by which the codes of a net are told apart; these images have none"
        )
    means = class_means(encoder, data)
    return Subject(NearestMean(encoder, means).eval(), data, lowers=False)


@torch.no_grad()
def class_means(encoder: nn.Module, data: Dataset) -> Tensor:
    """(classes, width), of the codes of some training samples; of a class without one infinitely far."""
    codes, labels = [], []
    with evaluating(encoder):
        for batch in in_order(data.train, data.spec, batch_size=500):
            codes.append(encoder(batch.inputs).flatten(1))
            labels.append(batch.targets)
            if sum(map(len, labels)) >= FEW:
                break
    together, classes = torch.cat(codes), torch.cat(labels).long()
    far = torch.full((len(data.spec.targets.classes), together.shape[1]), 1e4)
    return torch.stack(
        [together[classes == at].mean(0) if (classes == at).any() else row for at, row in enumerate(far)]
    )
