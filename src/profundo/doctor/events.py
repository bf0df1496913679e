"""What happens in a training step, seen from outside: who is called when, in which mode, and what has a gradient then.

    with recorded(net, optimizer, loss) as events:
        step(net, batch, events.loss, optimizer)

Nothing of the step is changed. Wrapped while it lasts are the loss that the step is given, `Tensor.backward`,
`optimizer.step` and `zero_grad`, and PyTorch's two functions that clip gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

__all__ = ["Event", "Events", "in_place_of", "optimized", "recorded"]

MODES = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.modules.batchnorm._BatchNorm)
CLIPS = ("clip_grad_norm_", "clip_grad_value_")


@dataclass(frozen=True, slots=True)
class Event:
    """what: "forward", "loss", "backward", "clip", "step" or "zero". facts: what was the case then."""

    what: str
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Events:
    """Everything in its order, and the last prediction and target that the loss was given."""

    loss: Callable[..., Any]
    all: list[Event] = field(default_factory=list)
    prediction: Any = None
    target: Any = None

    def of(self, what: str) -> list[Event]:
        return [event for event in self.all if event.what == what]

    def note(self, what: str, **facts: Any) -> None:
        self.all.append(Event(what, facts))


@contextmanager
def recorded(net: nn.Module, optimizer: Optimizer, loss: Callable[..., Any]) -> Iterator[Events]:
    """Events of what is done to this net and optimizer meanwhile, in this thread."""
    parameters = optimized(optimizer)
    every = list(dict.fromkeys([*parameters, *net.parameters()]))
    events = Events(loss)

    def measured_loss(prediction: Any, target: Any, *rest: Any, **named: Any) -> Any:
        value = loss(prediction, target, *rest, **named)
        events.prediction, events.target = prediction, target
        events.note("loss", value=as_number(value), attached=bool(getattr(value, "requires_grad", False)))
        return value

    events.loss = measured_loss
    plain_backward, plain_step, plain_zero = Tensor.backward, optimizer.step, optimizer.zero_grad

    def backward(root: Tensor, *arguments: Any, **named: Any) -> Any:
        before, operation = gradient_size(parameters), root.grad_fn.name() if root.grad_fn is not None else ""
        left, values = gradient_sizes(every), [float(one.detach().double().sum()) for one in every]
        result = plain_backward(root, *arguments, **named)  # type: ignore[no-untyped-call]
        after = gradient_size(parameters)
        each = tuple(zip(left, values, strict=True))
        events.note("backward", value=as_number(root), before=before, after=after, operation=operation, each=each)
        return result

    def step(_: Optimizer, *arguments: Any, **named: Any) -> Any:
        before = [one.detach().clone() for one in parameters]
        size = gradient_size(parameters)
        result = plain_step(*arguments, **named)
        moved = sum(float((a.detach() - b).abs().sum()) for a, b in zip(parameters, before, strict=True))
        without = all(one.grad is None for one in parameters)
        events.note("step", gradient=size, moved=moved, without=without)
        return result

    def zero(*arguments: Any, **named: Any) -> Any:
        events.note("zero")
        return plain_zero(*arguments, **named)

    def clip(plain: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        before = gradient_size(parameters)
        result = plain(*arguments, **named)
        events.note("clip", gradient=before, after=gradient_size(parameters))
        return result

    with ExitStack() as stack:
        hook = net.register_forward_pre_hook(lambda *_: events.note("forward", training=modes(net)))
        stack.callback(hook.remove)
        stack.enter_context(in_place_of(Tensor, "backward", backward))
        for name in CLIPS:
            clipped = partial(clip, getattr(torch.nn.utils, name))
            stack.enter_context(in_place_of(torch.nn.utils, name, clipped))
        optimizer.step = MethodType(step, optimizer)  # type: ignore[method-assign] # which schedulers wrap once more
        optimizer.zero_grad = zero  # type: ignore[method-assign]
        for name in ("step", "zero_grad"):  # those of its class again
            stack.callback(delattr, optimizer, name)
        yield events


@contextmanager
def in_place_of(owner: Any, name: str, value: Any) -> Iterator[None]:
    """An attribute has this value meanwhile."""
    plain = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, plain)


def optimized(optimizer: Optimizer) -> list[nn.Parameter]:
    """The parameters that an optimizer moves, group after group."""
    return [one for group in optimizer.param_groups for one in group["params"]]


def modes(net: nn.Module) -> dict[str, bool]:
    """Of each module that acts otherwise in evaluation, whether it is in training mode."""
    return {name: module.training for name, module in net.named_modules() if isinstance(module, MODES)}


def gradient_size(parameters: Iterable[Tensor]) -> float:
    """The sum of the absolute values of all gradients that there are."""
    return sum(gradient_sizes(parameters))


def gradient_sizes(parameters: Iterable[Tensor]) -> list[float]:
    return [0.0 if one.grad is None else float(one.grad.abs().sum()) for one in parameters]


def as_number(value: Any) -> float:
    """NaN for what is no scalar."""
    try:
        return float(value.detach()) if isinstance(value, Tensor) else float(value)
    except (TypeError, ValueError, RuntimeError):
        return float("nan")
