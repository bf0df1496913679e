"""Which axis of its inputs a net's first weights sum over: the channels of a place, whatever the sizes are.

The operations of a pass are followed up to the first that multiplies what comes of the inputs by what does not: a product of
matrices, a convolution, a recurrent layer, distances to centres. It sums over one axis of what it is given. Where in the inputs
the values along that axis come from, their derivatives say, through transposes, reshapes and normalisation alike.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn

from profundo.dispatch import Observed
from profundo.ranks_and_places import evenly
from profundo.trees import called

__all__ = ["summed_axis"]

FEW = 3  # samples, an odd number: what is in the middle of all is in the middle of one
ALONG = 16  # values along the axis that are followed to the inputs
WHERE = (0.5, 0.3, 0.8)  # of the other axes; padding, or a token that is no input, may be at one of them
CLEAR = 1.4  # times as much of one axis as of any other

PRODUCTS = {"mm": (0, 1), "bmm": (0, 1), "addmm": (1, 2), "baddbmm": (1, 2)}  # where the two factors are
LAST = ("mkldnn_rnn_layer", "_cudnn_rnn", "_cdist_forward")  # over the last axis of what comes first


class _FoundError(Exception):
    """The first weights have been reached."""


def summed_axis(net: nn.Module, inputs: Tensor) -> int | None:
    """The axis of inputs (batch, …) that the first weights sum over, from 1; None where there are several, or none, and where
    the net bears no pass that is watched and derived: one that is scripted, that goes through NumPy, that takes no gradients.

    Of more than three axes, images, only what convolutions sum over are channels: a net may read an image row by row.
    """
    with torch.inference_mode(False):
        leaf = inputs[:FEW].detach().clone().requires_grad_()
    axes: list[int | None] = []

    def follow(operation: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        name = operation.__name__.partition(".")[0]
        if (summed := summed_by(name, arguments, leaf)) is not None and (leaf.ndim == 3 or name == "convolution"):
            axes.append(axis_of(*summed, leaf))
            raise _FoundError
        return operation(*arguments, **named)

    # Any exception: what code of others raises cannot be listed, TorchScript renames ours, and a net that takes no such inputs
    # says so in the pass that explains it.
    with suppress(Exception), torch.inference_mode(False), torch.enable_grad(), Observed(follow):
        called(net, leaf.clone())
    return axes[0] if axes else None


def summed_by(name: str, arguments: tuple[Any, ...], leaf: Tensor) -> tuple[Tensor, int] | None:
    """What an operation sums over: a tensor that comes of the leaf, and its axis; None where it weighs no such tensor."""
    if name in PRODUCTS:
        left, right = (arguments[at] for at in PRODUCTS[name])
        of_data = comes_of(left, leaf), comes_of(right, leaf)
        return {(True, False): (left, left.ndim - 1), (False, True): (right, right.ndim - 2)}.get(of_data)
    if (name != "convolution" and name not in LAST) or not comes_of(arguments[0], leaf):
        return None
    return arguments[0], 1 if name == "convolution" else arguments[0].ndim - 1


def comes_of(values: Tensor, leaf: Tensor) -> bool:
    return values.requires_grad and gradient(values, torch.ones_like(values), leaf) is not None


def gradient(values: Tensor, by: Tensor, leaf: Tensor) -> Tensor | None:
    """Of the sum of values, each as often as `by` says. Below autograd, where operations are observed, no sum could be derived."""
    result: Tensor | None = torch.autograd.grad(values, leaf, by, retain_graph=True, allow_unused=True)[0]
    return result


def axis_of(values: Tensor, axis: int, leaf: Tensor) -> int | None:
    """The axis of the leaf along which most is seen by values along an axis."""
    alone = [at for at in range(1, leaf.ndim) if leaf.shape[at] == 1]
    if values.shape[axis] == 1:
        return alone[0] if len(alone) == 1 else None
    seen = max((origins(values, axis, share, leaf) for share in WHERE), key=len)
    if len(seen) < 2:
        return None
    spans = torch.stack(seen).T
    shares = {
        at: float(spans[at].max() - spans[at].min() + 1) / leaf.shape[at]
        for at in range(1, leaf.ndim)
        if at not in alone
    }
    best, *others = sorted(shares, key=lambda at: -shares[at])
    return best if all(shares[best] > CLEAR * shares[at] for at in others) else None


def origins(values: Tensor, axis: int, share: float, leaf: Tensor) -> list[Tensor]:
    """The place of the leaf that each of some values along an axis depends on most, int64 (axes,), of those that do."""
    place, found = [int(share * size) for size in values.shape], []
    for at in evenly(values.shape[axis], ALONG):
        place[axis] = at
        one = torch.zeros_like(values)
        one[tuple(place)] = 1
        seen = gradient(values, one, leaf)
        if seen is not None and bool(seen.any()):
            found.append(torch.stack(torch.unravel_index(seen.abs().argmax(), seen.shape)))
    return found
