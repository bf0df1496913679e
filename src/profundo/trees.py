"""Several tensors that belong together: a tensor, or a tuple or dict of such, to any depth, treated as one.

mapped(torch.Tensor.double, {"image": a, "age": b})        # {"image": a.double(), "age": b.double()}
called(net, (image, age))                                  # net(image, age); of a dict net(image=…, age=…)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from typing import Any

import torch
from torch import Tensor, nn

from profundo.records import ProfundoError

__all__ = [
    "arguments",
    "called",
    "chosen_rows",
    "first_tensor",
    "joined",
    "leaves",
    "length",
    "main_output",
    "mapped",
    "rebuilt",
    "split_rows",
    "to_device",
]

MAIN = (
    "logits",
    "out",
    "output",
    "outputs",
    "prediction",
    "predictions",
    "y",
)  # of what a net gives in a dict, by name


def mapped(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """The same structure with function(leaf, leaves of the others at its place) in each place."""
    if isinstance(tree, Mapping):
        parts = {name: mapped(function, part, *(other[name] for other in others)) for name, part in tree.items()}
        return parts if type(tree) is dict else of_the_same_class(tree, parts)
    if isinstance(tree, tuple):
        each = (mapped(function, *one) for one in zip(tree, *others, strict=True))
        return type(tree)(*each) if hasattr(tree, "_fields") else tuple(each)  # a named tuple by its fields
    return function(tree, *others)


def of_the_same_class(tree: Any, parts: dict[Any, Any]) -> Any:
    """A dict that has attributes, such as `.logits`, with other parts; of what cannot be filled, a plain one."""
    if not isinstance(tree, dict):
        return parts
    result = copy(tree)
    for name, part in parts.items():
        result[name] = part
    return result


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


def main_output(outputs: Any) -> Tensor:
    """(batch, outputs): the tensor itself, as a column where it is (batch,); `.logits`; of a dict what is called so, else
    the first; the first of a tuple."""
    if not isinstance(outputs, Tensor):
        if isinstance(logits := getattr(outputs, "logits", None), Tensor):
            outputs = logits
        elif isinstance(outputs, Mapping):
            named = next((outputs[name] for name in MAIN if isinstance(outputs.get(name), Tensor)), None)
            outputs = named if named is not None else first_tensor(outputs)
        else:
            outputs = first_tensor(tuple(outputs) if isinstance(outputs, list) else outputs)
    if not isinstance(outputs, Tensor):
        raise ProfundoError("net: expected outputs with a tensor in them, got none")
    return outputs[:, None] if outputs.ndim == 1 else outputs


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
    """Pieces put together again, samples after samples; of objects with attributes, such as `.logits`, each of them."""
    return mapped(one_of, *trees)


def one_of(*parts: Any) -> Any:
    if isinstance(parts[0], Tensor):
        return torch.cat(parts)
    if not hasattr(parts[0], "__dict__"):  # None, a number
        return parts[0]
    result = copy(parts[0])
    vars(result).update({name: joined([vars(part)[name] for part in parts]) for name in vars(result)})
    return result


def to_device(tree: Any, device: torch.device) -> Any:
    return mapped(lambda leaf: leaf.to(device) if isinstance(leaf, Tensor) else leaf, tree)


def called(net: nn.Module, inputs: Any) -> Any:
    """What the net gives: a tuple of inputs is net(a, b), a dict net(name=a, …), unless forward takes it whole."""
    if isinstance(inputs, Tensor):
        outputs = net(inputs)
        if torch.compiler.is_compiling():  # whose batches have any size
            return outputs
        if (
            inputs.shape[:1] == (1,) and isinstance(outputs, Tensor) and outputs.shape[:1] != (1,)
        ):  # squeeze() took it away
            outputs = outputs[None]
    else:
        places, names = arguments(net, inputs)
        outputs = net(*places, **names)
    return tuple(outputs) if isinstance(outputs, list) else outputs


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
