"""A training step recorded once, below autograd, and replayed as a straight list of tensor operations.

What `nn.Module` and the autograd engine do in Python and C++ around each operation costs a small net more than its
arithmetic. The recording keeps the operations of one forward and backward pass, in order, and nothing else: a graph
as plain data (torch.fx), which is then simplified (`same_layout`) and run.

    update = Captured(Supervised(net, objective, optimizer))

Recorded is what ran, so code that would run differently another time must not be replayed. Three things guard that:
recording fails when an operation's result decides what Python does next (`.item()`, `if tensor:`) or when a tensor
comes from nowhere; a recording is only accepted if its loss, gradients, buffers and random draws equal those of the
ordinary step, bit for bit; and shapes, layout, modes, hooks and frozen parameters are looked at before every replay.
In all other cases the ordinary step runs.

They cannot see what a module keeps in Python: a count of its calls, an attribute that somebody sets between two steps,
a generator of its own. Profundo's nets keep nothing there and are recorded; a net of one's own only when asked.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MethodDescriptorType
from typing import Any, Protocol

import torch
from torch import Tensor, fx, nn
from torch._ops import OpOverload
from torch.utils.weak import WeakTensorKeyDictionary

from profundo.dispatch import Observed
from profundo.records import Batch
from profundo.threads import equal
from profundo.train.loop import Around
from profundo.train.randomness import random_state, restore_random_state

__all__ = ["Captured", "NotCapturable", "capture"]

aten = torch.ops.aten
Replay = Callable[..., Sequence[Tensor]]


class NotCapturable(Exception):
    """The step does something that a list of operations cannot repeat."""


class Tape:
    """A graph of the operations that are noted, whose inputs are the given tensors and the results of those before."""

    def __init__(self, inputs: Sequence[Tensor]) -> None:
        self.graph = fx.Graph()
        self.nodes = WeakTensorKeyDictionary()  # by identity; what is freed while recording is forgotten
        for number, tensor in enumerate(inputs):
            self.name(self.graph.placeholder(f"input_{number}"), tensor)

    def note(self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape} & set(operation.tags):
            raise NotCapturable(f"{operation} lets values decide what happens next")
        named = {name: self.nodes_of(value) for name, value in kwargs.items()}
        node = self.graph.call_function(operation, self.nodes_of(args), named)
        results = operation(*args, **kwargs)
        self.name(node, results)
        return results

    def name(self, node: fx.Node, results: Any) -> None:
        if isinstance(results, Tensor):
            self.nodes[results] = node
        elif isinstance(results, tuple | list):
            for place, result in enumerate(results):
                self.name(self.graph.call_function(operator.getitem, (node, place)), result)

    def nodes_of(self, value: Any) -> Any:
        """The value with its tensors replaced by the nodes that made them."""
        if isinstance(value, Tensor):
            if value not in self.nodes:
                raise NotCapturable("a tensor is neither batch, parameter, buffer nor computed from them")
            return self.nodes[value]
        if isinstance(value, tuple | list):
            return type(value)(self.nodes_of(part) for part in value)
        return value


def capture(
    cost: Callable[[Tensor, Tensor], Tensor], parameters: Sequence[Tensor], buffers: Sequence[Tensor], batch: Batch
) -> Replay:
    """Record `cost(inputs, targets)` and its gradients: a function of (*parameters, *buffers, inputs, targets).

    It returns (cost, gradient of each parameter …). Raises NotCapturable, or RuntimeError for an unused parameter.
    """
    tape = Tape([*parameters, *buffers, batch.inputs, batch.targets])
    with Observed(tape.note):
        value = cost(batch.inputs, batch.targets)
        gradients = torch.autograd.grad(value, parameters)
    tape.graph.output(tuple(tape.nodes_of([value, *gradients])))
    simplify(tape.graph)
    replay: Replay = fx.GraphModule({}, tape.graph).forward
    return replay


def simplify(graph: fx.Graph) -> None:
    """Drop what only autograd needed; leave every number as it is."""
    for node in graph.nodes:
        if node.target in (aten.detach.default, aten.alias.default):
            node.replace_all_uses_with(node.args[0])
        elif node.target is aten.threshold_backward.default:
            node.target = relu_backward
    graph.eliminate_dead_code()  # which knows what writes in place by its overload
    for node in graph.nodes:
        if isinstance(node.target, OpOverload):
            node.target = shorter(node.target)
    graph.lint()


def shorter(operation: OpOverload) -> Callable[..., Any]:
    """The same operation by the way of `tensor.mul(…)`, where there is one: a call costs half of `torch.ops.aten.mul`'s."""
    method = getattr(Tensor, operation._schema.name.removeprefix("aten::"), None)
    is_of_a_tensor = [(one.name, str(one.type)) for one in operation._schema.arguments[:1]] == [("self", "Tensor")]
    return method if isinstance(method, MethodDescriptorType) and is_of_a_tensor else operation


def relu_backward(gradient: Tensor, output: Tensor, threshold: float) -> Tensor:
    """The gradient where output > threshold, else 0. Both in one layout: mixed ones are walked element by element."""
    if gradient.stride() != output.stride():
        gradient = torch.empty_like(output).copy_(gradient)
    result: Tensor = aten.threshold_backward.default(gradient, output, threshold)
    return result


class Stepwise(Protocol):
    """An update whose gradients are one function of one batch: what can be captured."""

    net: nn.Module

    @property
    def networks(self) -> Mapping[str, nn.Module]: ...

    @property
    def optimizers(self) -> Any: ...

    def cost(self, inputs: Tensor, targets: Tensor, total: int) -> Tensor: ...

    def apply(self) -> None: ...

    def __call__(self, batch: Batch) -> Mapping[str, Tensor]: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


@dataclass(frozen=True, slots=True)
class Recording:
    """A step as a function, and of each gradient whether it can be handed to the optimizer as it is."""

    replay: Replay
    fits: list[bool]


class Captured(Around):
    """An update that replays its recorded step wherever that gives the same bits, and runs it as it is elsewhere.

    refused: why it is run as it is, empty while it is replayed.
    """

    update: Stepwise

    def __init__(self, update: Stepwise) -> None:
        self.update = update
        self.modules = list(update.net.modules())
        self.parameters = [parameter for parameter in update.net.parameters() if parameter.requires_grad]
        self.buffers = list(update.net.buffers())
        self.hooks = [
            hooks
            for module in self.modules
            for hooks in (
                module._forward_pre_hooks,
                module._forward_hooks,
                module._backward_pre_hooks,
                module._backward_hooks,
            )
        ]
        self.replays: dict[Any, Recording | None] = {}
        self.refused = ""

    def __call__(self, batch: Batch) -> Mapping[str, Tensor]:
        if any(self.hooks) or any(parameter._post_accumulate_grad_hooks for parameter in self.parameters):
            return self.update(batch)
        key = self.circumstances(batch)
        if key not in self.replays:
            self.replays[key] = self.accepted(batch)
        recording = self.replays[key]
        if recording is None:
            return self.update(batch)
        with torch.no_grad():
            cost, *gradients = recording.replay(*self.parameters, *self.buffers, batch.inputs, batch.targets)
            for parameter, gradient, fits in zip(self.parameters, gradients, recording.fits, strict=True):
                parameter.grad = gradient if fits else torch.empty_like(parameter).copy_(gradient)
        self.update.apply()
        return {"loss": cost}

    def circumstances(self, batch: Batch) -> Any:
        """All that a recording silently takes for granted."""
        inputs, targets = batch.inputs, batch.targets
        return (
            inputs.shape,
            inputs.stride(),
            inputs.dtype,
            targets.shape,
            targets.dtype,
            batch.total,
            tuple([module.training for module in self.modules]),
            tuple([parameter.requires_grad for parameter in self.parameters]),
        )

    def accepted(self, batch: Batch) -> Recording | None:
        """A recording of this batch's step, if replaying it gives the very bits of the ordinary step."""
        before = self.moment()
        try:
            replay = capture(lambda x, y: self.update.cost(x, y, batch.total), self.parameters, self.buffers, batch)
            self.return_to(before)
            with torch.no_grad():
                replayed = replay(*self.parameters, *self.buffers, batch.inputs, batch.targets)
            replayed_moment = self.moment()
            self.return_to(before)
            cost = self.update.cost(batch.inputs, batch.targets, batch.total)
            ordinary = [cost.detach(), *torch.autograd.grad(cost, self.parameters)]
            same = all(map(torch.equal, replayed, ordinary)) and equal(replayed_moment, self.moment())
            same = same and all(map(operator.is_, self.buffers, self.update.net.buffers()))
        except Exception as error:  # noqa: BLE001 - whatever a recording fails of, the ordinary step decides
            self.refused = " ".join(str(error).split())
            return None
        finally:
            self.return_to(before)
        if not same:
            self.refused = "a replay of the recorded step gives other numbers than the step itself"
            return None
        return Recording(replay, self.fitting(replayed[1:], batch))

    def fitting(self, gradients: Sequence[Tensor], batch: Batch) -> list[bool]:
        """Which gradients lie in memory as their parameter does, and alone: what optimizers count on."""
        others = [*self.parameters, *self.buffers, batch.inputs, batch.targets]
        taken = [tensor.untyped_storage().data_ptr() for tensor in (*others, *gradients)]
        return [
            gradient.stride() == parameter.stride() and taken.count(gradient.untyped_storage().data_ptr()) == 1
            for parameter, gradient in zip(self.parameters, gradients, strict=True)
        ]

    def moment(self) -> tuple[list[Tensor], dict[str, Any]]:
        """Buffers and generators: what a step changes besides gradients."""
        return [buffer.clone() for buffer in self.buffers], random_state()

    def return_to(self, moment: tuple[list[Tensor], dict[str, Any]]) -> None:
        buffers, randomness = moment
        with torch.no_grad():
            for buffer, value in zip(self.buffers, buffers, strict=True):
                buffer.copy_(value)
        restore_random_state(randomness)
