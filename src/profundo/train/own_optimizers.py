"""Optimizers and schedules of one's own: classes, instances and functions of PyTorch as a training takes them.

own_optimizer(torch.optim.Muon, net, {"lr": 0.02})          # matrices by Muon, what it does not take by AdamW
own_optimizer(lambda parameters: torch.optim.SGD(parameters, 0.1), net)
own_schedule(partial(StepLR, step_size=3), epochs=10)       # one of PyTorch's schedulers, a step an epoch
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from profundo.records import ProfundoError
from profundo.train.schedules import Schedule

__all__ = ["JointOptimizer", "own_optimizer", "own_schedule"]


class JointOptimizer:
    """Several optimizers, each of its own parameters, as one."""

    def __init__(self, *parts: Optimizer) -> None:
        self.parts = parts

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return [group for part in self.parts for group in part.param_groups]

    @property
    def state(self) -> Mapping[Any, Any]:
        return {parameter: state for part in self.parts for parameter, state in part.state.items()}

    def zero_grad(self) -> None:
        for part in self.parts:
            part.zero_grad()

    def step(self) -> None:
        for part in self.parts:
            part.step()

    def state_dict(self) -> dict[str, Any]:
        return {str(place): part.state_dict() for place, part in enumerate(self.parts)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        for place, part in enumerate(self.parts):
            part.load_state_dict(state[str(place)])


def own_optimizer(given: Any, net: nn.Module, options: Mapping[str, Any] | None = None) -> Optimizer | JointOptimizer:
    """The optimizer of the net's trainable parameters that a class, an instance or a function makes.

    options: such as lr and weight_decay, for a class. Raises ProfundoError for what is none, or is one of other
    parameters.
    """
    options = dict(options or {})
    parameters = [parameter for parameter in net.parameters() if parameter.requires_grad]
    if not parameters:
        raise ProfundoError(f"{type(net).__name__}: expected trainable parameters, found none; is everything frozen?")
    if isinstance(given, Optimizer):
        return checked_instance(given, net, options)
    if not callable(given):
        raise ProfundoError(
            f"optimizer: expected a name, a class, an instance or a function, got {type(given).__name__}"
        )
    name = getattr(given, "__name__", type(given).__name__)
    takes_options = isinstance(given, type | partial)
    if options and not takes_options:
        raise ProfundoError(
            f"optimizer {name}: a function sets {', '.join(options)} itself; leave that out, or give a class"
        )
    try:
        result = made(given, parameters, options)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ProfundoError(
            f"optimizer {name}: cannot be made of the net's parameters: {' '.join(str(error).split())[:200]}"
        ) from None
    if not isinstance(result, Optimizer | JointOptimizer):
        raise ProfundoError(
            f"optimizer {name}: expected a torch.optim.Optimizer for the net's parameters, got {type(result).__name__}"
        )
    for part in result.parts if isinstance(result, JointOptimizer) else (result,):
        check_closure(part)
    return result


def made(given: Callable[..., Any], parameters: list[nn.Parameter], options: dict[str, Any]) -> Any:
    """Of one that takes matrices only (Muon), with AdamW for all others, as its authors advise (Jordan et al. 2024)."""
    try:
        return given(parameters, **options)
    except ValueError as error:
        if "2D" not in str(error):
            raise
        others = [parameter for parameter in parameters if parameter.ndim != 2]
        if len(others) == len(parameters):
            raise ValueError("it takes matrices only, and this net has none") from None
        decay = {name: value for name, value in options.items() if name == "weight_decay"}
        first = given([parameter for parameter in parameters if parameter.ndim == 2], **options)
        return JointOptimizer(first, torch.optim.AdamW(others, **decay))


def checked_instance(given: Optimizer, net: nn.Module, options: Mapping[str, Any]) -> Optimizer:
    if options:
        raise ProfundoError(
            f"optimizer: an instance has its own {', '.join(options)}; leave that out, or give the class"
        )
    its = {id(parameter) for group in given.param_groups for parameter in group["params"]}
    if not its & {id(parameter) for parameter in net.parameters()}:
        raise ProfundoError(
            f"optimizer {type(given).__name__}: expected one of this net's parameters, it has those of another; make it of "
            "net.parameters(), or give the class"
        )
    check_closure(given)
    return given


def check_closure(optimizer: Optimizer) -> None:
    closure = inspect.signature(inspect.unwrap(type(optimizer).step)).parameters.get("closure")
    if closure is not None and closure.default is inspect.Parameter.empty:
        raise ProfundoError(
            f"optimizer {type(optimizer).__name__}: it evaluates the loss several times a step, which a training by batches does "
            "not; choose another, such as torch.optim.AdamW"
        )


# ----------------------------------------------------------------------------------------------------------- schedules
def own_schedule(given: Any, epochs: int, rate: float = 1.0) -> Schedule:
    """A function from the share of training done to a factor of the learning rate; of one of PyTorch's schedulers (a class, a
    partial of it) the factor that each epoch has; likewise of a function (epoch, rate) that gives the next rate.

    Raises ProfundoError for what is none of these.
    """
    name = getattr(given, "__name__", type(given).__name__)
    if isinstance(given, LRScheduler | torch.optim.lr_scheduler.ReduceLROnPlateau):
        raise ProfundoError(
            f"schedule {name}: an instance belongs to an optimizer that was made before; give functools.partial({name}, …)"
        )
    kind = given.func if isinstance(given, partial) else given
    if not callable(given):
        raise ProfundoError(f"schedule: expected a name or a function of the share of training done, got {name}")
    if kind is torch.optim.lr_scheduler.ReduceLROnPlateau:
        raise ProfundoError(
            "schedule ReduceLROnPlateau: it waits for the validation loss; early_stop=… with schedule='one-cycle' does that"
        )
    try:
        if isinstance(kind, type) and issubclass(kind, LRScheduler):
            return by_epoch(rates_of(given, epochs), epochs)
        if len(inspect.signature(given).parameters) == 2:
            rates = [rate]
            for epoch in range(epochs):
                rates.append(float(given(epoch, rates[-1])))
            check_factors(name, rates)
            return by_epoch([one / rate for one in rates[1:]], epochs)
        factors = [float(given(share)) for share in (0.0, 0.5, 0.999)]
    except (TypeError, ValueError, AttributeError, ArithmeticError) as error:
        if isinstance(kind, type) and issubclass(kind, LRScheduler):
            raise ProfundoError(
                f"schedule {name}: {str(error).partition('() ')[2] or error}; give functools.partial({name}, …) with what it needs"
            ) from None
        if "is not an Optimizer" in str(error):
            raise ProfundoError(
                f"schedule {name}: of PyTorch's schedulers give the class, such as functools.partial(StepLR, step_size=10)"
            ) from None
        raise ProfundoError(
            f"schedule {name}: expected a function of the share of training done, from 0 to 1, that gives a factor for the "
            f"learning rate: {' '.join(str(error).split())[:150]}"
        ) from None
    check_factors(name, factors)
    return lambda share: float(given(share))


def check_factors(name: str, factors: list[float]) -> None:
    if wrong := [factor for factor in factors if not 0 <= factor < float("inf")]:
        raise ProfundoError(f"schedule {name}: expected finite rates or factors of at least 0, got {wrong[0]:g}")


def rates_of(scheduler: Callable[[Optimizer], LRScheduler], epochs: int) -> list[float]:
    """The factor of each epoch, from an optimizer that moves nothing."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    steps, rates = scheduler(optimizer), []
    for _ in range(epochs):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        steps.step()
    return rates


def by_epoch(factors: list[float], epochs: int) -> Schedule:
    return lambda share: factors[min(epochs - 1, int(share * epochs + 1e-9))]
