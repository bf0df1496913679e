"""Updates: ways of learning that the loop can drive. Lowering one cost here; several players, other rules, beside it.

Descent(net, cost, optimizer)            any cost of a batch: autoencoders, language models, metric learning …
Supervised(net, objective, optimizer)    the same for targets, with parts, processes and recorded steps
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from profundo.records import Batch, ProfundoError
from profundo.train.optimizers import add_l1, take_step, weights_of
from profundo.trees import called, leaves, length, mapped

__all__ = ["ALONE", "Descent", "Objective", "Supervised", "autocast", "match_layout"]

ALONE = "more than 1 value per channel"  # in what PyTorch says of batch normalisation of a single sample


class Objective(Protocol):
    def __call__(self, outputs: Any, targets: Any) -> Tensor:
        """Cost of every sample: (batch,)."""

    def mean_cost(self, outputs: Any, targets: Any, total: int) -> Tensor:
        """Sum of the samples' costs / total: a scalar."""


class OfFunction:
    """A function of (outputs, targets) that gives their mean cost, such as PyTorch's, as an objective."""

    def __init__(self, loss: Callable[[Any, Any], Tensor]) -> None:
        self.loss = loss

    def __call__(self, outputs: Any, targets: Any) -> Tensor:
        return self.loss(outputs, targets).expand(length(targets))

    def mean_cost(self, outputs: Any, targets: Any, total: int) -> Tensor:
        cost: Tensor = self.loss(outputs, targets).mean() * (length(targets) / total)
        return cost


class Descent:
    """Lower a cost by one optimizer: cost, gradients, step.

    networks: one module, or several by name. cost: from a batch to scalars by name; "loss" is lowered, what stands
    beside it is only reported. clip: the largest norm of the gradient over all that the optimizer moves; above, it is
    scaled down (Pascanu et al. 2013).
    """

    def __init__(
        self,
        networks: nn.Module | Mapping[str, nn.Module],
        cost: Callable[[Batch], Mapping[str, Tensor]],
        optimizer: Optimizer,
        *,
        clip: float | None = None,
    ) -> None:
        self.networks: Mapping[str, nn.Module] = {"net": networks} if isinstance(networks, nn.Module) else networks
        self.cost = cost
        self.optimizer = optimizer
        self.clip = clip

    @property
    def optimizers(self) -> Iterable[Optimizer]:
        return (self.optimizer,)

    def __call__(self, batch: Batch) -> Mapping[str, Tensor]:
        self.optimizer.zero_grad()
        losses = self.cost(batch)
        losses["loss"].backward()  # type: ignore[no-untyped-call]
        if self.clip is not None:
            nn.utils.clip_grad_norm_([p for group in self.optimizer.param_groups for p in group["params"]], self.clip)
        take_step(self.optimizer)
        return {name: value.detach() for name, value in losses.items()}

    def state_dict(self) -> dict[str, Any]:
        states = {name: net.state_dict() for name, net in self.networks.items()}
        return {"networks": states, "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, net in self.networks.items():
            net.load_state_dict(state["networks"][name])
        self.optimizer.load_state_dict(state["optimizer"])
        match_layout(self.optimizer)


class Supervised:
    """Learn targets from inputs: outputs, mean cost, gradients, one optimizer step.

    precision: "float32" or "bfloat16" (autocast; the weights stay float32).
    accumulate: the batch goes through the net in this many parts, as even as can be, and their gradients add up, which
        saves memory and, but for batch normalisation, changes the result only by rounding.
    clip: the largest norm of the gradient over all parameters; above, it is scaled down (Pascanu et al. 2013).
    l1: λ of the penalty λ‖W‖₁ on the weights, added to the mean cost. Like weight decay it is neither clipped nor part of
        the loss that is reported.
    processes: how many share the batch. Their gradients are averaged, so each cost is multiplied by their number:
        what comes out is the gradient of the mean over the whole batch.
    """

    def __init__(
        self,
        net: nn.Module,
        objective: Objective | Callable[[Any, Any], Tensor],
        optimizer: Optimizer,
        *,
        precision: str = "float32",
        accumulate: int = 1,
        clip: float | None = None,
        l1: float = 0.0,
        processes: int = 1,
    ) -> None:
        self.net = net
        given: Any = objective
        if not (hasattr(given, "mean_cost") or callable(given)):
            raise ProfundoError(
                "Supervised: expected an objective, such as objectives.categorical(), or a function of (outputs, targets), got "
                f"{type(given).__name__}"
            )
        moved = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
        if not any(id(parameter) in moved for parameter in net.parameters()):
            raise ProfundoError("Supervised: expected an optimizer of this net's parameters, it has those of another")
        known = hasattr(objective, "mean_cost")
        self.objective: Objective = objective if known else OfFunction(objective)  # type: ignore[assignment]
        self.optimizer = optimizer
        self.precision = precision
        self.accumulate = accumulate
        self.clip = clip
        self.l1 = l1
        self.weights = weights_of(net) if l1 else []
        self.processes = processes
        self.forward: nn.Module = net  # several processes put their gradient-averaging wrapper here

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        return {"net": self.net}

    @property
    def optimizers(self) -> Iterable[Optimizer]:
        return (self.optimizer,)

    def __call__(self, batch: Batch) -> Mapping[str, Tensor]:
        self.optimizer.zero_grad()
        if self.accumulate == 1:
            loss = self.backward(batch.inputs, batch.targets, batch.total, batch.weights)
        else:
            samples = length(batch.targets)
            parts = torch.arange(samples).tensor_split(min(self.accumulate, samples))
            loss = torch.stack([self.backward(*part_of(batch, int(part[0]), len(part))) for part in parts]).sum()
        self.apply()
        return {"loss": loss}

    def backward(self, inputs: Any, targets: Any, total: int, weights: Tensor | None = None) -> Tensor:
        """Add the gradients of these samples' share of the mean cost. Returns that share, detached."""
        cost = self.cost(inputs, targets, total, weights)
        (cost * self.processes if self.processes > 1 else cost).backward()  # type: ignore[no-untyped-call]
        return cost.detach()

    def cost(self, inputs: Any, targets: Any, total: int, weights: Tensor | None = None) -> Tensor:
        """These samples' share of the mean cost over `total` samples, each times its weight."""
        try:
            with autocast(self.precision, next(leaves(inputs)).device):
                outputs = called(self.forward, inputs)
        except ValueError as error:
            if ALONE not in str(error):
                raise
            raise ProfundoError(
                "batch normalisation: expected two samples or more in each part of a batch, got one; raise the batch size, lower "
                "accumulate, or leave out an incomplete last batch (drop_last=True of a DataLoader)"
            ) from None
        if weights is not None:
            return (self.objective(outputs, targets) * weights).sum() / total
        return self.objective.mean_cost(outputs, targets, total)

    def apply(self) -> None:
        """Move the parameters along their gradients."""
        if self.clip is not None:
            nn.utils.clip_grad_norm_(self.net.parameters(), self.clip)
        if self.l1:
            add_l1(self.weights, self.l1)
        take_step(self.optimizer)

    def state_dict(self) -> dict[str, Any]:
        return {"net": self.net.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])
        match_layout(self.optimizer)


def part_of(batch: Batch, begin: int, samples: int) -> tuple[Any, Any, int, Tensor | None]:
    """Some neighbours of a batch: inputs, targets, the size of the whole, weights."""
    inputs, targets = (
        mapped(lambda leaf: leaf.narrow(0, begin, samples), tree) for tree in (batch.inputs, batch.targets)
    )
    weights = None if batch.weights is None else batch.weights[begin : begin + samples]
    return inputs, targets, batch.total, weights


def autocast(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    return torch.autocast(device.type, torch.bfloat16) if precision == "bfloat16" else nullcontext()


def match_layout(optimizer: Optimizer) -> None:
    """Lay each state tensor out in memory as its parameter is (channels last): files hold them in plain order."""
    for parameter, state in optimizer.state.items():
        for name, value in state.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                state[name] = torch.empty_like(parameter).copy_(value)
