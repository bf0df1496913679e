"""What every layer of a net gives for an input, of any torch.nn.Module, by the module's name.

with undisturbed(net):
    answers, given = observed(net, inputs)           # every layer that computes, in the order of the forward pass
    answers, given = observed(net, inputs, ["c3"])   # this one, whatever it is made of
    maps = layer_output(net, inputs, "c3")           # and nothing after it is computed
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from difflib import get_close_matches
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd
from torch.nn.parameter import is_lazy

from profundo.records import ProfundoError
from profundo.trees import called, first_tensor, leaves, length, to_device

__all__ = [
    "LAST", "copied", "device_of", "layer_output", "members_of", "module_at", "observed", "removed_after", "undisturbed",
    "unit_axes", "unit_axis", "unit_output",
]  # fmt: skip

LAST = (
    nn.Linear, nn.Bilinear, nn.Embedding, nn.RNNBase, nn.MultiheadAttention,
    nn.TransformerEncoderLayer, nn.TransformerDecoderLayer,
)  # fmt: skip
SECOND = (_ConvNd, _NormBase, nn.GroupNorm)


class _Seen(Exception):
    """What was wanted has been given."""


@contextmanager
def undisturbed(net: nn.Module, *, frozen: bool = False) -> Iterator[None]:
    """Evaluation mode inside; outside modes, buffers, requires_grad and random generators as before, bit for bit.

    frozen: no gradient by parameters, which is faster where only that by the input is wanted. Whoever differentiates inside
    uses torch.autograd.grad, which leaves the parameters' .grad alone.
    """
    modes = [(module, module.training, dict(module._buffers)) for module in net.modules()]
    buffers = [(buffer, buffer.clone()) for buffer in net.buffers() if not is_lazy(buffer)]
    trained = [(parameter, parameter.requires_grad) for parameter in net.parameters()]
    devices = {p.device.index for p in net.parameters() if p.device.type == "cuda"}
    try:
        with torch.random.fork_rng(devices=sorted(devices)), torch.enable_grad():
            net.eval()
            if frozen:
                net.requires_grad_(False)
            yield
    finally:
        with torch.no_grad():
            for buffer, before in buffers:
                if not torch.equal(buffer, before):
                    buffer.copy_(before)
        for module, mode, own in modes:
            module.training = mode
            module._buffers = own
        for parameter, needed in trained:
            parameter.requires_grad_(needed)


def layer_output(net: nn.Module, inputs: Any, layer: str) -> Tensor:
    """What one layer gives, (batch, …); what comes after it is not computed."""
    return observed(net, inputs, [layer], stop=True)[1][layer]


def observed(
    net: nn.Module, inputs: Any, layers: Sequence[str] = (), *, stop: bool = False
) -> tuple[Any, dict[str, Tensor]]:
    """The net's answers, and what its layers give, by name: float tensors (batch, …), those of `layers`, or of every module
    within whose call no other was called.

    A layer that is called again is there as "relu#2"; of what several members give, (members, batch, …), there is the first
    one's. The net goes on with a copy, so that what later works in place changes nothing that was kept; gradients flow through
    both. stop: once all of `layers` are there; then there is no answer.
    inputs go to the net's device.
    Raises ProfundoError for a layer that the net has not, does not call, or that gives no real numbers, and where the net fails.
    """
    outputs: dict[str, Tensor] = {}
    wanted = {name.partition("#")[0]: module_at(net, name) for name in layers} or dict(net.named_modules())
    open_calls: list[int] = []
    finished, members = 0, (members_of(net), length(inputs))

    def enter(_module: nn.Module, _inputs: Any) -> None:
        open_calls.append(finished)

    def leave(name: str) -> Callable[[nn.Module, Any, Any], Any]:
        def record(module: nn.Module, _inputs: Any, output: Any) -> Any:
            nonlocal finished
            is_innermost = open_calls.pop() == finished
            finished += 1
            tensor = first_tensor(output)
            if tensor is None or not tensor.is_floating_point() or not tensor.numel() or not (layers or is_innermost):
                return None
            if tensor.ndim > 2 and tuple(tensor.shape[:2]) == members:
                tensor = tensor[0]
            label = name or type(module).__name__
            again = sum(other.partition("#")[0] == label for other in outputs)
            outputs[f"{label}#{again + 1}" if again else label] = tensor
            if stop and all(one in outputs for one in layers):
                raise _Seen
            return output.clone() if isinstance(output, Tensor) else None

        return record

    handles = [module.register_forward_pre_hook(enter) for module in wanted.values()]
    handles += [module.register_forward_hook(leave(name)) for name, module in wanted.items()]
    try:
        with removed_after(handles):
            answers = called(net, to_device(inputs, device_of(net)))
    except _Seen:
        answers = None
    except ProfundoError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())
        sizes = " and ".join(str(tuple(getattr(leaf, "shape", ()))) for leaf in leaves(inputs))
        raise ProfundoError(
            f"{type(net).__name__}: expected a net that takes inputs {sizes}, it failed: {type(error).__name__}: {reason}"
        ) from error
    if missing := [layer for layer in layers if layer not in outputs]:
        expected = "expected one that the net calls and that gives real numbers; choose another"
        raise ProfundoError(f"layer {missing[0]!r}: {expected}")
    return answers, {layer: outputs[layer] for layer in layers} if layers else outputs


def members_of(net: nn.Module) -> int:
    """How many nets vote in this one, as it says by a module with `members`; 0 where it is one net."""
    given = (getattr(one, "members", None) for one in net.modules())
    return next((members for members in given if isinstance(members, int)), 0)


def unit_axes(net: nn.Module, given: Mapping[str, Tensor]) -> dict[str, int]:
    """Of what every layer gives, in the order of the pass, the axis of its units: 1 for channels before places (batch, channels, …),
    -1 for features after them (batch, tokens, features).

    Layers with weights decide; others, such as activations and parts that join, have the axis on which there are as many units as
    before, where only one has.
    """
    modules = {name or type(module).__name__: module for name, module in net.named_modules()}
    axes: dict[str, int] = {}
    axis, units = 1, None
    for name, values in given.items():
        module = modules[name.partition("#")[0]]
        if isinstance(module, LAST) or len(getattr(module, "normalized_shape", ())) == 1:
            axis = -1
        elif isinstance(module, SECOND):
            axis = 1
        elif values.ndim > 2 and (values.shape[1] == units) != (values.shape[-1] == units):
            axis = 1 if values.shape[1] == units else -1
        axes[name] = axis
        units = values.shape[axis] if values.ndim > 1 else units
    return axes


def unit_axis(net: nn.Module, inputs: Any, layer: str) -> int:
    """The same of one layer, a block of layers too."""
    axes = unit_axes(net, observed(net, inputs)[1])
    within = [axis for name, axis in axes.items() if name == layer or name.startswith(f"{layer}.")]
    return (within or [1, *axes.values()])[-1]


def unit_output(net: nn.Module, inputs: Any, layer: str, axis: int) -> Tensor:
    """What one layer gives with its units first, (batch, units, …)."""
    given = layer_output(net, inputs, layer)
    return given.movedim(axis, 1) if given.ndim > 2 else given


def module_at(net: nn.Module, name: str) -> nn.Module:
    """Raises ProfundoError for a name that the net has not."""
    modules: dict[str, nn.Module] = {own or type(module).__name__: module for own, module in net.named_modules()}
    plain = name.partition("#")[0]
    if plain not in modules:
        near = get_close_matches(plain, modules, n=1)
        hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(list(modules)[1:13]) or 'none'}"
        raise ProfundoError(f"layer {name!r}: this {type(net).__name__} has no module of that name; {hint}")
    return modules[plain]


def copied(net: nn.Module, why: str) -> nn.Module:
    """why: it is needed, for the ProfundoError that is raised for a net that cannot be."""
    try:
        return deepcopy(net)
    except Exception as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
        raise ProfundoError(f"{type(net).__name__}: expected a net that can be copied, {why}; {reason}") from error


@contextmanager
def removed_after(hooks: Iterable[Any]) -> Iterator[None]:
    """Hooks that are there meanwhile."""
    handles = list(hooks)
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def device_of(net: nn.Module) -> torch.device:
    return next((parameter.device for parameter in net.parameters()), torch.device("cpu"))
