"""Batch normalisation made to fit other data: its means and variances measured anew, and no weight touched (Li et al. 2016).

    adapted = with_statistics_of(net, batches_of_the_new_domain)

What a layer learned of its inputs' spread is where a change of light or colour shows first; no label is needed to measure it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

__all__ = ["with_statistics_of"]

Net = TypeVar("Net", bound=nn.Module)


def with_statistics_of(net: Net, batches: Iterable[Tensor]) -> Net:
    """A copy in evaluation mode whose batch normalisation knows these inputs (batch, …): the means over the batches of their means
    and variances, weighed by the batches' sizes, each layer's as the layers before it are normalised by their own batch. Of no batch:
    a copy. A batch of one has no variance where a layer sees one value of each channel."""
    adapted = copy.deepcopy(net).eval()
    norms = [module for module in adapted.modules() if isinstance(module, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    seen = 0
    for inputs in batches:
        seen += len(inputs)
        for norm in norms:
            norm.momentum = len(inputs) / seen  # of the running values: so they are means over all batches
            norm.train()
        with torch.no_grad():
            adapted(inputs)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return adapted.eval()
