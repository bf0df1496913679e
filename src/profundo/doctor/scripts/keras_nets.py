"""Models of Keras 3 on PyTorch: nets that are copied in Keras' own way, and optimizers as those of PyTorch."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from profundo.doctor.scripts.tape import Unplayable

__all__ = ["KerasNet", "is_keras", "of_pytorch"]


def is_keras(net: nn.Module) -> bool:
    return any(base.__module__.startswith("keras.") for base in type(net).__mro__)


class KerasNet(nn.Module):
    """Keras is told whether it trains, where PyTorch sets a flag."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, *inputs: Any, **named: Any) -> Any:
        return self.model(*inputs, training=self.training, **named)

    def __deepcopy__(self, memo: dict[int, Any]) -> KerasNet:
        """Keras copies a model by saving it, so that its variables have to be noted for those who hold them, too."""
        model = copy.deepcopy(self.model)
        for ours, theirs in zip(self.model.variables, model.variables, strict=True):
            theirs.value.data.copy_(ours.value.data)
            memo[id(ours.value)] = theirs.value
        return KerasNet(model).train(self.training)


def of_pytorch(model: Any) -> Optimizer:
    """The optimizer with which a model was compiled. Raises Unplayable for those that have no equal in PyTorch."""
    theirs = model.optimizer
    weights = [one.value for one in model.trainable_variables]
    rate, name = float(theirs.learning_rate), type(theirs).__name__
    decay = float(getattr(theirs, "weight_decay", None) or 0.0)
    if name == "SGD":
        return torch.optim.SGD(weights, rate, theirs.momentum, nesterov=theirs.nesterov, weight_decay=decay)
    if name in ("Adam", "AdamW"):
        kind = torch.optim.AdamW if name == "AdamW" or decay else torch.optim.Adam
        return kind(weights, rate, (theirs.beta_1, theirs.beta_2), theirs.epsilon, decay)
    if name == "RMSprop":
        return torch.optim.RMSprop(weights, rate, theirs.rho, theirs.epsilon, decay, theirs.momentum)
    raise Unplayable(f"Keras' {name} cannot be tried; SGD, Adam, AdamW and RMSprop can")
