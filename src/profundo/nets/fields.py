"""Receptive fields: what part of an image a value inside a net can depend on, followed operation by operation.

Along one axis of the image, the value at place o of a map sees the pixels from low[o] to high[o]: at first its own. What
reads the places from ⌈o·step + first⌉ to ⌊o·step + last⌋ of such a map sees from the low of the first to the high of the
last of them. Of windows of k values, s apart, with padding p and dilation d,

    step = s,   first = −p,   last = (k − 1)·d − p

and of a transposed convolution step = 1/s, first = (p − (k − 1)·d)/s, last = p/s. In a chain of windows this is the field of
Araujo, Norris & Sim 2019, "Computing receptive fields of convolutional neural networks" (Distill). Where branches meet, the
field reaches from the smallest low to the largest high. A value that mixes all places of an axis sees the whole axis.
Maps are taken to go on beyond their borders: a field of 483 pixels is larger than an image of 224. Where places differ, as
after a transposed convolution, the largest field counts.

An operation that has no rule here makes the field unknown from there on, never wrong.
"""

# ruff: noqa: ARG001 - all rules take the same arguments, and few need every one

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce
from math import ceil, floor, prod
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakTensorKeyDictionary

from profundo.compiler import leave_the_compiler_out

__all__ = ["Field", "Fields", "Sight", "windowed"]

Field = tuple[int, ...] | Literal["whole"] | None
"""Pixels along each axis of the image, or all of them, or nothing that is known."""

Pixels = npt.NDArray[np.float64]
Pair = tuple[int, int]

BEYOND = 4096  # pixels that maps go on beyond the image, at least


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """How the values of a tensor see one axis of the image.

    dim: the tensor's dimension that holds the axis; −1 where none does any more (an average, one place picked out).
    low, high: first and last pixel that the places origin, origin + 1, … of it see; one of each where dim is −1.
    within: (values before, size), where the dimension holds more than the axis, as after flattening.
    """

    dim: int
    low: Pixels
    high: Pixels
    origin: int = 0
    within: tuple[int, int] | None = None

    @property
    def whole(self) -> Sight:
        return replace(self, low=np.array([-np.inf]), high=np.array([np.inf]), origin=0)

    @property
    def is_whole(self) -> bool:
        return bool(np.isinf(self.high[0]))

    @property
    def size(self) -> int:
        return int((self.high - self.low).max()) + 1

    def sees_all(self, side: int) -> bool:
        """Of an axis of so many pixels; what has one place only has nothing but these from low to high."""
        return self.is_whole or (self.dim < 0 and self.low[0] <= 0 and self.high[0] >= side - 1)

    def moved(self, first: Fraction | int, last: Fraction | int, step: Fraction | int) -> Sight | None:
        """Where place o now reads the places from o·step + first to o·step + last of before. None if none is left."""
        if self.is_whole:
            return self
        least, most = self.origin, self.origin + len(self.low) - 1
        places = np.arange(ceil((least - first) / Fraction(step)), floor((most - last) / Fraction(step)) + 1)
        if not len(places):
            return None
        begins, ends = -_floors(-places, step, -first), _floors(places, step, last)  # ⌈x⌉ = −⌊−x⌋
        return replace(self, low=self.low[begins - least], high=self.high[ends - least], origin=int(places[0]))

    def part(self, begin: int, many: int) -> Sight:
        """So many places from one on."""
        here = slice(begin - self.origin, begin - self.origin + many)
        return replace(self, low=self.low[here], high=self.high[here], origin=begin)

    def picked(self, place: int) -> Sight | None:
        """One place of it, which nothing can mix with another."""
        at = 0 if self.is_whole else place - self.origin
        if not 0 <= at < len(self.low):
            return None
        return replace(self, dim=-1, low=self.low[at : at + 1], high=self.high[at : at + 1], origin=0, within=None)


Sights = tuple[Sight, ...]
Arguments = Mapping[str, Any]
Move = tuple[Fraction | int, Fraction | int, Fraction | int] | None  # first, last, step; None: reads all places


class Fields(TorchDispatchMode):
    """While it is entered, follows the fields of all that is computed from the image (batch, channels, *sides)."""

    def __init__(self, image: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.sides = tuple(image.shape[2:])
        # Sights, or None where they are unknown; a tensor without an entry does not depend on the image.
        self.seen: MutableMapping[Tensor, Sights | None] = WeakTensorKeyDictionary()
        self.seen[image] = tuple(_own_pixels(2 + axis, side) for axis, side in enumerate(self.sides))

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        given = _named(func, args, kwargs or {})
        if any(tensor in self.seen for tensor in _tensors(given.values())):
            first, *others = [*_tensors([out]), None]
            if first is not None:
                sights = self._after(func, given, first)
                for tensor in [first, *others]:
                    if tensor is not None:
                        self.seen[tensor] = sights if tensor.shape == first.shape else None
        return out

    def of(self, tensor: Tensor) -> Field:
        sights = self.seen.get(tensor)
        if not sights:
            return None
        sees_all = [sight.sees_all(side) for sight, side in zip(sights, self.sides, strict=True)]
        if all(sees_all):
            return "whole"
        axes = zip(sights, self.sides, sees_all, strict=True)
        return tuple(side if is_all else sight.size for sight, side, is_all in axes)

    def through(self, into: Tensor, out: Tensor, kernel: Pair, stride: Pair, padding: Pair) -> None:
        """Declare what a layer does whose operations tell it badly: windows of so many values, so far apart."""
        sights = self.seen.get(into)
        self.seen[out] = windowed(sights, kernel, stride, padding, (1, 1), into.ndim) if sights else None

    def _after(self, func: Any, given: Arguments, out: Tensor) -> Sights | None:
        """What the first output sees."""
        if any(tensor in self.seen and self.seen[tensor] is None for tensor in _tensors(given.values())):
            return None
        name = func.overloadpacket.__name__
        if torch.Tag.pointwise in func.tags or name in SAME:
            return _met(_expanded(sights, tensor, given, out) for tensor, sights in self._inputs(given.values()))
        if name == "cat":
            parts = [sights for _, sights in self._inputs(given["tensors"])]
            return None if any(s.dim == given["dim"] % out.ndim for part in parts for s in part) else _met(parts)
        main = given.get("mat1" if name == "addmm" else "input", given.get("self"))
        rule, inputs = RULES.get(name), self._inputs(given.values())
        is_lone = all(tensor is main for tensor, _ in inputs)
        if rule is None or not isinstance(main, Tensor) or not (is_lone or name == "max_unpool2d"):
            return None
        sights = _met(sights for _, sights in inputs)  # of unpooling, the values and the places to which they go
        return rule(sights, main, given, out) if sights is not None else None

    def _inputs(self, values: Iterable[Any]) -> list[tuple[Tensor, Sights]]:
        """The tensors that depend on the image, and how."""
        return [(tensor, sights) for tensor in _tensors(values) if (sights := self.seen.get(tensor)) is not None]


def windowed(
    sights: Sights,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ndim: int,
) -> Sights | None:
    """Sights through windows over the last dimensions of a tensor of so many."""
    windows = zip(kernel, stride, padding, dilation, strict=True)
    first = ndim - len(kernel)
    return _read(sights, {first + at: (-p, (k - 1) * d - p, s) for at, (k, s, p, d) in enumerate(windows)})


def _read(sights: Sights, moves: Mapping[int, Move]) -> Sights | None:
    """Of some dimensions, place o reads other places of before."""
    found: list[Sight | None] = []
    for sight in sights:
        move = moves.get(sight.dim, (0, 0, 1))
        if sight.dim < 0 or move == (0, 0, 1):
            found.append(sight)
        elif move is None:
            found.append(sight.whole)
        else:
            found.append(sight.moved(*move) if sight.within is None else None)
    return _all(found)


def _all(sights: Iterable[Sight | None]) -> Sights | None:
    """None where one of them is unknown."""
    known: list[Sight] = []
    for sight in sights:
        if sight is None:
            return None
        known.append(sight)
    return tuple(known)


def _floors(places: npt.NDArray[np.int64], step: Fraction | int, more: Fraction | int) -> npt.NDArray[np.int64]:
    """⌊place·step + more⌋, exactly."""
    step, more = Fraction(step), Fraction(more)
    below = step.denominator * more.denominator
    above = places * (step.numerator * more.denominator) + more.numerator * step.denominator
    return np.asarray(above // below)


# ---------------------------------------------------------------------------------------------------------------- rules
def _convolution(sights: Sights, into: Tensor, given: Arguments, out: Tensor) -> Sights | None:
    kernel = given["weight"].shape[2:]
    stride, padding, dilation = (_many(given[name], len(kernel)) for name in ("stride", "padding", "dilation"))
    mixed = _all(_mixed(sight, into) if sight.dim == 1 else sight for sight in sights)  # channels
    if mixed is None:
        return None
    if not given["transposed"]:
        return windowed(mixed, kernel, stride, padding, dilation, into.ndim)
    first = into.ndim - len(kernel)
    windows = zip(kernel, stride, padding, dilation, strict=True)
    moves: dict[int, Move] = {
        first + at: (Fraction(p - (k - 1) * d, s), Fraction(p, s), Fraction(1, s))
        for at, (k, s, p, d) in enumerate(windows)
    }
    return _read(mixed, moves)


def _pooling(sights: Sights, into: Tensor, given: Arguments, out: Tensor) -> Sights | None:
    many = next(int(letter) for letter in given["op"] if letter.isdigit())  # dimensions of a window
    kernel = _many(given["kernel_size"], many)
    stride = _many(given["stride"] or kernel, many)
    padding, dilation = _many(given["padding"], many), _many(given.get("dilation", 1), many)
    return windowed(sights, kernel, stride, padding, dilation, into.ndim)


def _adaptive(sights: Sights, into: Tensor, given: Arguments, out: Tensor) -> Sights | None:
    """Place o reads the places from ⌊o·ratio⌋ to ⌈(o + 1)·ratio⌉ − 1, ratio = before / after."""
    moves: dict[int, Move] = {}
    for dim in {sight.dim for sight in sights if sight.dim >= 0}:
        before, after = into.shape[dim], out.shape[dim]
        ratio, loose = Fraction(before, after), Fraction(after - 1, after) * bool(before % after)
        moves[dim] = None if after == 1 < before else (-loose, ratio - 1 + loose, ratio)
    return _read(sights, moves)


def _nearest(sights: Sights, into: Tensor, given: Arguments, out: Tensor) -> Sights | None:
    """Place o reads place ⌊o / scale⌋. Unpooling may have places left over, which belong to no window."""
    moves: dict[int, Move] = {}
    for dim, (after, before) in enumerate(zip(out.shape, into.shape, strict=True)):
        scale = Fraction(after // before) if "indices" in given else Fraction(after, before)
        if scale != 1 and dim >= 2:
            loose = Fraction(scale.numerator - 1, scale.numerator)
            moves[dim] = (-loose, 0, 1 / scale)
    return _read(sights, moves)


def _bilinear(sights: Sights, into: Tensor, given: Arguments, out: Tensor) -> Sights | None:
    """The weights of place o end less than one place (with antialiasing of a reduction: `ratio` places) from its centre
    (o + ½)·ratio − ½."""
    moves: dict[int, Move] = {}
    if given.get("align_corners"):
        return None
    for dim, (after, before) in enumerate(zip(out.shape, into.shape, strict=True)):
        ratio = Fraction(before, after)
        if ratio != 1 and dim >= 2:
            reach = (max(Fraction(1), ratio) if "aa" in given["op"] else 1) - Fraction(1, 4 * after)
            centre = ratio / 2 - Fraction(1, 2)
            moves[dim] = (centre - reach, centre + reach, ratio)
    return _read(sights, moves)


def _padding(sights: Sights, into: Tensor, given: Arguments, out: Tensor) -> Sights | None:
    before = list(given.get("pad", given.get("padding", [])))[::2]  # of the last dimension first
    return _read(sights, {into.ndim - 1 - at: (-more, -more, 1) for at, more in enumerate(before)})


def _slice(sights: Sights, into: Tensor, given: Arguments, out: Tensor) -> Sights | None:
    dim = given["dim"] % into.ndim
    start, _, step = slice(given["start"], None, given["step"]).indices(into.shape[dim])
    return _read(sights, {dim: (start, start, step)})


def _select(sights: Sights, into: Tensor, given: Arguments, out: Tensor) -> Sights | None:
    dim = given["dim"] % into.ndim
    if any(sight.dim == dim and sight.within for sight in sights):
        return None
    index = given["index"] % into.shape[dim]
    left = _all(sight.picked(index) if sight.dim == dim else sight for sight in sights)
    return left and _without(left, {dim})


def _reduction(sights: Sights, into: Tensor, given: Arguments, out: Tensor) -> Sights | None:
    asked = given.get("dim")
    dims = {dim % into.ndim for dim in ([asked] if isinstance(asked, int) else asked or range(into.ndim))}
    mixed = _all(_mixed(sight, into) if sight.dim in dims else sight for sight in sights)
    return mixed if mixed is None or given.get("keepdim") else _without(mixed, dims)


def _mixing(sights: Sights, into: Tensor, given: Arguments, out: Tensor) -> Sights | None:
    """Softmax and sums along a dimension, whose places all see each other."""
    return tuple(sight.whole if sight.dim == given["dim"] % into.ndim else sight for sight in sights)


def _product(sights: Sights, into: Tensor, given: Arguments, out: Tensor) -> Sights | None:
    """A matrix product with constants mixes the last dimension."""
    return _all(_mixed(sight, into) if sight.dim == into.ndim - 1 else sight for sight in sights)


def _mixed(sight: Sight, into: Tensor) -> Sight | None:
    return sight.picked(0) if into.shape[sight.dim] == 1 else replace(sight.whole, dim=-1, within=None)


def _layer_norm(sights: Sights, into: Tensor, given: Arguments, out: Tensor) -> Sights | None:
    first = into.ndim - len(given["normalized_shape"])
    return tuple(sight.whole if sight.dim >= first else sight for sight in sights)


def _batch_norm(sights: Sights, into: Tensor, given: Arguments, out: Tensor) -> Sights | None:
    is_fixed = not given.get("training", "no_training" not in given["op"])
    return sights if is_fixed else tuple(sight.whole for sight in sights)


def _group_norm(sights: Sights, into: Tensor, given: Arguments, out: Tensor) -> Sights | None:
    return tuple(sight.whole for sight in sights)


def _permuted(sights: Sights, into: Tensor, given: Arguments, out: Tensor) -> Sights | None:
    order = list(range(into.ndim))
    if "dims" in given:
        order = [dim % into.ndim for dim in given["dims"]]
    elif into.ndim > 1:  # transpose, t
        one, other = given.get("dim0", 0), given.get("dim1", 1)
        order[one], order[other] = order[other], order[one]
    return tuple(replace(sight, dim=order.index(sight.dim)) if sight.dim >= 0 else sight for sight in sights)


def _reshaped(sights: Sights, into: Tensor, given: Arguments, out: Tensor) -> Sights | None:
    """A dimension of the same size with as many values before it is the same; one that encloses it holds it."""
    if into.shape == out.shape:
        return sights
    found = [sight if sight.dim < 0 else _placed(sight, into.shape, out.shape) for sight in sights]
    return _all(found)


def _placed(sight: Sight, before: Sequence[int], after: Sequence[int]) -> Sight | None:
    inner, size = sight.within or (1, before[sight.dim])
    left = inner * prod(before[: sight.dim])
    lefts = [prod(after[:dim]) for dim in range(len(after))]
    exact = [dim for dim, many in enumerate(after) if (lefts[dim], many) == (left, size)]
    if exact:
        same = sight.dim - len(before) + len(after)  # counted from the last: of several of size 1, this one
        return replace(sight, dim=same if same in exact else exact[-1], within=None)
    if size == 1:
        return sight.picked(0)
    around = [dim for dim, many in enumerate(after) if lefts[dim] <= left and lefts[dim] * many >= left * size]
    return replace(sight, dim=around[-1], within=(left // lefts[around[-1]], size)) if around else None


def _expanded(sights: Sights, into: Tensor, given: Arguments, out: Tensor) -> Sights | None:
    """Broadcasting: new dimensions in front, and one place that stands for many."""
    more = out.ndim - into.ndim
    return _all(
        sight.picked(0)
        if sight.dim >= 0 and into.shape[sight.dim] == 1 < out.shape[sight.dim + more]
        else replace(sight, dim=sight.dim + more if sight.dim >= 0 else -1)
        for sight in sights
    )


def _shuffled(sights: Sights, into: Tensor, given: Arguments, out: Tensor) -> Sights | None:
    return _nearest(sights, into.new_empty((*out.shape[:-2], *into.shape[-2:]), device="meta"), {}, out)


# ------------------------------------------------------------------------------------------------------- small machinery
def _own_pixels(dim: int, side: int) -> Sight:
    beyond = max(BEYOND, 2 * side)
    pixels = np.arange(-beyond, side + beyond, dtype=np.float64)
    return Sight(dim, pixels, pixels, origin=-beyond)


def _met(branches: Iterable[Sights | None]) -> Sights | None:
    """Where branches meet: from the smallest low to the largest high, place by place."""
    known: list[Sights] = []
    for branch in branches:
        if branch is None:
            return None
        known.append(branch)
    return _all(reduce(_joined, sights) for sights in zip(*known, strict=True))


def _joined(one: Sight | None, other: Sight | None) -> Sight | None:
    if one is None or other is None:
        return None
    one, other = (one, other) if one.dim >= 0 else (other, one)  # many places first, a single one second
    if other.dim >= 0 and (one.dim, one.within) != (other.dim, other.within):
        return None
    if one.is_whole or other.is_whole:
        return one.whole
    if one.dim >= 0 > other.dim:  # a fixed place added to all: it has no size of its own
        return None
    if other.dim >= 0:
        begin = max(one.origin, other.origin)
        many = min(sight.origin + len(sight.low) for sight in (one, other)) - begin
        if many < 1:
            return None
        one, other = one.part(begin, many), other.part(begin, many)
    return replace(one, low=np.minimum(one.low, other.low), high=np.maximum(one.high, other.high))


def _without(sights: Sights, dims: set[int]) -> Sights:
    return tuple(replace(sight, dim=sight.dim - sum(dim < sight.dim for dim in dims)) for sight in sights)


def _many(value: Any, many: int) -> list[int]:
    values = list(value) if isinstance(value, Iterable) else [value]
    return [int(one) for one in (values * many if len(values) == 1 else values)]


def _named(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of an operation by name, with its defaults, and its own name as "op"."""
    declared = func._schema.arguments
    given = {one.name: one.default_value for one in declared if one.has_default_value()}
    given |= {one.name: value for one, value in zip(declared, args, strict=False)}
    return {**given, **kwargs, "op": func.overloadpacket.__name__}


def _tensors(values: Iterable[Any]) -> list[Tensor]:
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, list | tuple):
            found += _tensors(value)
    return found


SAME = frozenset({"clone", "_to_copy", "detach", "alias", "copy_", "lift_fresh", "_prelu_kernel", "contiguous"})
"""Operations from value to value that torch does not tag as such."""

Rule = Callable[[Sights, Tensor, Arguments, Tensor], Sights | None]

RULES: dict[str, Rule] = {
    "convolution": _convolution,
    "max_unpool2d": _nearest,
    "pixel_shuffle": _shuffled,
    "slice": _slice,
    "select": _select,
    "native_layer_norm": _layer_norm,
    "native_group_norm": _group_norm,
    "expand": _expanded,
    **dict.fromkeys(("max_pool1d", "max_pool2d", "max_pool2d_with_indices", "max_pool3d_with_indices"), _pooling),
    **dict.fromkeys(("avg_pool1d", "avg_pool2d", "avg_pool3d"), _pooling),
    **dict.fromkeys(("_adaptive_avg_pool2d", "_adaptive_avg_pool3d", "adaptive_avg_pool1d"), _adaptive),
    **dict.fromkeys(("adaptive_max_pool2d", "adaptive_max_pool3d"), _adaptive),
    **dict.fromkeys(("upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d"), _nearest),
    **dict.fromkeys(("upsample_bilinear2d", "_upsample_bilinear2d_aa"), _bilinear),
    **dict.fromkeys(("constant_pad_nd", "replication_pad1d", "replication_pad2d", "reflection_pad2d"), _padding),
    **dict.fromkeys(
        ("mean", "sum", "amax", "amin", "max", "min", "prod", "var", "std", "logsumexp", "argmax"), _reduction
    ),
    **dict.fromkeys(("_softmax", "_log_softmax", "cumsum"), _mixing),
    **dict.fromkeys(("mm", "addmm", "bmm", "linear"), _product),
    **dict.fromkeys(("native_batch_norm", "_native_batch_norm_legit", "cudnn_batch_norm"), _batch_norm),
    **dict.fromkeys(("_native_batch_norm_legit_no_training", "miopen_batch_norm"), _batch_norm),
    **dict.fromkeys(("t", "transpose", "permute"), _permuted),
    **dict.fromkeys(("view", "_unsafe_view", "reshape", "unsqueeze", "squeeze", "_reshape_alias"), _reshaped),
}


leave_the_compiler_out([Fields.__torch_dispatch__])
