"""Several tensors that belong together: a tensor, or a tuple or dict of such, to any depth, treated as one.

mapped(torch.Tensor.double, {"image": a, "age": b})        # {"image": a.double(), "age": b.double()}
called(net, (image, age))                                  # net(image, age); of a dict net(image=…, age=…)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

__all__ = [
    "answered",
    "arguments",
    "called",
    "chosen_rows",
    "first_tensor",
    "joined",
    "leaves",
    "length",
    "mapped",
    "rebuilt",
    "split_rows",
    "to_device",
]


def mapped(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """The same structure with function(leaf, leaves of the others at its place) in each place."""
    if isinstance(tree, Mapping):
        return {name: mapped(function, part, *(other[name] for other in others)) for name, part in tree.items()}
    if isinstance(tree, tuple):
        parts = zip(tree, *others, strict=True)
        return tuple(mapped(function, *each) for each in parts)
    return function(tree, *others)


def leaves(tree: Any) -> Iterator[Any]:
    """Its tensors, in order."""
    if isinstance(tree, Mapping):
        tree = tree.values()
    elif not isinstance(tree, tuple):
        yield tree
        return
    for part in tree:
        yield from leaves(part)


def rebuilt(tree: Any, values: Iterable[Any]) -> Any:
    """The same structure with these leaves, in order."""
    rest = iter(values)
    return mapped(lambda _: next(rest), tree)


def first_tensor(tree: Any) -> Tensor | None:
    return next((leaf for leaf in leaves(tree) if isinstance(leaf, Tensor)), None)


def length(tree: Any) -> int:
    """Samples: the size of the first axis."""
    return len(next(leaves(tree)))


def chosen_rows(tree: Any, indices: Tensor) -> Any:
    """The samples at these indices."""
    return mapped(lambda leaf: leaf.index_select(0, indices), tree)


def split_rows(tree: Any, size: int) -> Iterator[Any]:
    """Pieces of so many samples, in order."""
    for begin in range(0, max(1, length(tree)), size):
        yield mapped(lambda leaf: leaf[begin : begin + size], tree)  # noqa: B023 - used at once


def joined(trees: list[Any]) -> Any:
    """Pieces put together again, samples after samples."""
    return mapped(lambda *parts: torch.cat(parts) if isinstance(parts[0], Tensor) else parts[0], *trees)


def to_device(tree: Any, device: torch.device) -> Any:
    return mapped(lambda leaf: leaf.to(device) if isinstance(leaf, Tensor) else leaf, tree)


def called(net: nn.Module, inputs: Any) -> Any:
    """What the net gives: a tuple of inputs is net(a, b), a dict net(name=a, …), unless forward takes it whole."""
    if isinstance(inputs, Tensor):
        outputs = net(inputs)
    else:
        places, names = arguments(net, inputs)
        outputs = net(*places, **names)
    return tuple(outputs) if isinstance(outputs, list) else outputs


def answered(net: nn.Module, inputs: Any) -> Any:
    """The same of a net whose squeeze() takes away the axis of one sample alone."""
    outputs = called(net, inputs)
    lost = isinstance(outputs, Tensor) and length(inputs) == 1 and outputs.shape[:1] != (1,)
    return outputs[None] if lost else outputs


def arguments(net: nn.Module, inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments by place and by name that inputs are handed over as."""
    if isinstance(inputs, Tensor):
        return (inputs,), {}
    parameters = inspect.signature(net.forward).parameters.values()
    if isinstance(inputs, Mapping):
        by_name = {one.name for one in parameters if one.kind is not one.VAR_KEYWORD}
        takes_all = any(one.kind is one.VAR_KEYWORD for one in parameters) or set(inputs) <= by_name
        return ((), dict(inputs)) if takes_all else ((inputs,), {})
    several = len(parameters) > 1 or any(one.kind is one.VAR_POSITIONAL for one in parameters)
    return (tuple(inputs), {}) if several or len(inputs) == 1 else ((inputs,), {})
