"""Receptive fields: what part of an image a value inside a net can depend on, followed operation by operation.

With each tensor goes, for each axis of the image, a probe: at which place of the axis each of its values is, NaN where it
sees the whole axis. What only moves values (views, slices) is run on the probe. Windows number the places anew: place o of
theirs reads the places from ⌈o·step + first⌉ to ⌊o·step + last⌋. Of k values, s apart, with padding p and dilation d,

    step = s,   first = −p,   last = (k − 1)·d − p

and of a transposed convolution step = 1/s, first = (p − (k − 1)·d)/s, last = p/s. In a chain of windows this is the field of
Araujo, Norris & Sim 2019, "Computing receptive fields of convolutional neural networks" (Distill). Where branches meet, the
field reaches from the smallest low to the largest high. Maps are taken to go on beyond their borders: a field of 483 pixels
is larger than an image of 224. Where places differ, as after a transposed convolution, the largest field counts.

An operation that has no rule here makes the field unknown from there on, never wrong.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce
from math import ceil, floor, nan
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

__all__ = ["Field", "Fields"]

Field = tuple[int, ...] | Literal["whole"] | None
"""Pixels along each axis of the image, or all of them, or nothing that is known."""

Arguments = Mapping[str, Any]
Pixels = npt.NDArray[np.int64]
Move = tuple[Fraction | int, Fraction | int, Fraction | int]  # first, last, step

BEYOND = 4096  # pixels that maps go on beyond the image, at least
SAME = "clone|_to_copy|detach|alias|copy_|lift_fresh|_prelu_kernel"  # from value to value, but not tagged so by torch
MOVING = "_?(unsafe_)?view|_reshape_alias|(un)?squeeze|t|transpose|permute|expand|slice|select"
PRODUCT = "mm|addmm|bmm|linear"
MIXING = f"mean|sum|a?max|a?min|prod|var|std|logsumexp|argmax|cumsum|_(log_)?softmax|{PRODUCT}"
NORM = "native_(layer|group|batch)_norm|(cudnn|miopen)_batch_norm|_native_batch_norm_legit(_no_training)?"
WINDOWS = "convolution|im2col|(max|avg)_pool[123]d(_with_indices)?"
ADAPTIVE = "_?adaptive_(avg|max)_pool[123]d"
NEAREST = "upsample_nearest[123]d|pixel_shuffle|max_unpool2d"
BILINEAR = "_?upsample_bilinear2d(_aa)?"
PADDING = "constant_pad_nd|(replication|reflection)_pad[123]d"


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """How a tensor sees one axis of the image.

    probe: the place of each value, NaN where it sees the whole axis; of size 1 along dimensions where it is the same.
    low, high: first and last pixel that the places origin, origin + 1, … see.
    """

    probe: Tensor
    low: Pixels
    high: Pixels
    origin: int

    @property
    def is_whole(self) -> bool:
        return bool(self.probe.isnan().any())

    def sees_all(self, side: int) -> bool:
        """Whether its only place sees so many pixels."""
        if self.is_whole or self.probe.numel() > 1:
            return self.is_whole
        at = int(self.probe) - self.origin
        return bool(self.low[at] <= 0 and self.high[at] >= side - 1)

    def read(self, first: Fraction | int, last: Fraction | int, step: Fraction | int, probe: Tensor) -> Sight | None:
        """Where place o reads the places from o·step + first to o·step + last of before. None if none is left."""
        least, most = self.origin, self.origin + len(self.low) - 1
        places = np.arange(ceil((least - first) / Fraction(step)), floor((most - last) / Fraction(step)) + 1)
        if not len(places):
            return None
        begins, ends = -_floors(-places, step, -first), _floors(places, step, last)  # ⌈x⌉ = −⌊−x⌋
        return Sight(probe, self.low[begins - least], self.high[ends - least], int(places[0]))

    def moved(self, probe: Tensor) -> Sight | None:
        """With values elsewhere. Places that follow each other along one dimension are numbered from 0 on."""
        probe = _slim(probe)
        places = probe.flatten()
        steps = places.diff().unique().tolist() or [1.0]
        if self.is_whole or max(probe.shape, default=1) < len(places) or len(steps) > 1 or steps[0] < 1:
            return replace(self, probe=probe)
        return self.read(int(places[0]), int(places[0]), int(steps[0]), _numbers(len(places)).view_as(probe))

    def mixed(self, dims: Sequence[int]) -> Sight:
        """Of values that depend on all along these dimensions."""
        low, high = self.probe.amin(dims, keepdim=True), self.probe.amax(dims, keepdim=True)
        return replace(self, probe=low.where(low == high, nan))

    def joined(self, other: Sight | None) -> Sight | None:
        """Of values computed from both: from the smaller low to the larger high, place by place."""
        if other is None or not ((self.probe == other.probe) | (self.probe + other.probe).isnan()).all():
            return None
        begin = max(self.origin, other.origin)
        many = min(sight.origin + len(sight.low) for sight in (self, other)) - begin
        here, there = (slice(begin - sight.origin, begin - sight.origin + many) for sight in (self, other))
        low, high = np.minimum(self.low[here], other.low[there]), np.maximum(self.high[here], other.high[there])
        return Sight(_slim(self.probe + 0 * other.probe), low, high, begin) if many > 0 else None

    def through(self, at: int, moves: Sequence[Move], before: Sequence[int], after: Sequence[int]) -> Sight | None:
        """Through windows over the last dimensions, of so many places before and after; at: where a lone place is."""
        first = self.probe.ndim - len(moves)
        varying = [dim - first for dim, size in enumerate(self.probe.shape) if size > 1]
        if not varying and 0 <= at < len(moves) and before[at] == 1:
            varying = [at]
        if self.is_whole or not varying or max(varying) < 0:
            return self
        if len(varying) > 1 or not torch.equal(self.probe.flatten(), _numbers(self.probe.numel())):
            return None
        shape = [-1 if dim == first + varying[0] else 1 for dim in range(self.probe.ndim)]
        return self.read(*moves[varying[0]], _numbers(after[varying[0]]).view(shape))


class Fields:
    """Observes what is computed from the image (batch, channels, *sides) and follows its fields."""

    def __init__(self, image: Tensor) -> None:
        self.sides = tuple(image.shape[2:])
        # A sight for each axis, None where it is unknown; a tensor without an entry does not depend on the image.
        self.seen: MutableMapping[Tensor, tuple[Sight | None, ...]] = WeakTensorKeyDictionary()
        self.seen[image] = tuple(_pixels(image.ndim, 2 + axis, side) for axis, side in enumerate(self.sides))

    def observe(self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        out = operation(*args, **kwargs)
        given, results = _named(operation, args, kwargs), _tensors([out])
        inputs = [tensor for tensor in _tensors(list(given.values())) if tensor in self.seen]
        if inputs and results:
            unknown, axes = (None,) * len(self.sides), range(len(self.sides))
            sights = tuple(self._after(operation, given, inputs, results[0], axis) for axis in axes)
            for tensor in results:
                self.seen[tensor] = sights if tensor.shape == results[0].shape else unknown
                if operation._schema.is_mutable and tensor._base is not None:
                    self.seen[tensor._base] = unknown  # a part of it was changed
        return out

    def of(self, tensor: Tensor) -> Field:
        sights = [sight for sight in self.seen.get(tensor, ()) if sight is not None]
        if not sights or len(sights) < len(self.sides):
            return None
        is_map = tensor.ndim >= 2 + len(self.sides)
        axes = list(zip(sights, self.sides, strict=True))
        see_all = [sight.is_whole if is_map else sight.sees_all(side) for sight, side in axes]
        if all(see_all):
            return "whole"
        return tuple(
            side if is_all else int((sight.high - sight.low).max()) + 1
            for (sight, side), is_all in zip(axes, see_all, strict=True)
        )

    def _after(
        self, operation: Any, given: Arguments, inputs: Sequence[Tensor], out: Tensor, axis: int
    ) -> Sight | None:
        """What a result sees of an axis."""
        name, into = operation.overloadpacket.__name__, inputs[0]
        sights = [self.seen[tensor][axis] for tensor in inputs]
        main = given.get("mat1" if name == "addmm" else "input", given.get("self"))
        is_pointwise = torch.Tag.pointwise in operation.tags or re.fullmatch(SAME, name)
        if name == "cat" and any(sight and sight.probe.shape[given["dim"]] > 1 for sight in sights):
            return None
        if not (is_pointwise or name in ("cat", "max_unpool2d") or all(tensor is main for tensor in inputs)):
            return None
        sight = reduce(lambda one, other: one and one.joined(other), sights)
        if sight is None or name == "cat":
            return sight
        if is_pointwise:
            return replace(sight, probe=sight.probe[(None,) * (out.ndim - sight.probe.ndim)])
        if re.fullmatch(MOVING, name):
            return sight.moved(operation(**{**given, "self": sight.probe.expand(into.shape).contiguous()}))
        mixes, moves = _mixed_dims(name, given, into, out), _moves(name, given, into, out)
        if mixes is None and moves is None:
            return None
        sight = sight.mixed(mixes) if mixes else sight
        if moves:
            return _through(sight, name, axis - len(self.sides) + len(moves), moves, into, out)
        if mixes and sight.sees_all(self.sides[axis]):
            sight = replace(sight, probe=torch.full_like(sight.probe, nan))
        return replace(sight, probe=sight.probe.squeeze(mixes)) if out.ndim < into.ndim else sight


# ---------------------------------------------------------------------------------------------------------------- rules
def _mixed_dims(name: str, given: Arguments, into: Tensor, out: Tensor) -> tuple[int, ...] | None:
    """Dimensions along which each result depends on all values; None for operations that are not known to mix."""
    if re.fullmatch(NORM, name):
        if "batch" in name:
            is_fixed = not given.get("training", "no_training" not in name)
            return () if is_fixed else (0, *range(2, into.ndim))
        return tuple(range(into.ndim - len(given["normalized_shape"]) if "layer" in name else 1, into.ndim))
    if re.fullmatch(PRODUCT, name):  # with constants
        return (into.ndim - 1,)
    if re.fullmatch(MIXING, name):
        dims = given.get("dim")
        return (
            tuple(range(into.ndim)) if dims is None or dims == [] else (dims,) if isinstance(dims, int) else tuple(dims)
        )
    if re.fullmatch(ADAPTIVE, name):
        return tuple(dim for dim in range(2, into.ndim) if out.shape[dim] == 1 < into.shape[dim])
    return (1,) if name == "convolution" else None


def _moves(name: str, given: Arguments, into: Tensor, out: Tensor) -> list[Move] | None:
    """How windows over the last dimensions read: first, last, step of each; None for other operations."""
    many = next((int(letter) for letter in name if letter.isdigit()), into.ndim - 2)
    sizes = list(zip(into.shape[-many:], out.shape[-many:], strict=True))
    if re.fullmatch(WINDOWS, name):
        return _windows(name, given, many)
    if re.fullmatch(PADDING, name):
        return [(-more, -more, 1) for more in given.get("pad", given.get("padding"))[::2]][::-1]
    if re.fullmatch(ADAPTIVE, name):  # from ⌊o·ratio⌋ to ⌈(o + 1)·ratio⌉ − 1
        ratios = [
            (Fraction(before, after), Fraction(after - 1, after) * bool(before % after)) for before, after in sizes
        ]
        return [(-loose, ratio - 1 + loose, ratio) for ratio, loose in ratios]
    if re.fullmatch(NEAREST, name):  # ⌊o·ratio⌋; unpooling may have places left over, which belong to no window
        is_pooled = "unpool" in name
        ratios = [1 / Fraction(after // before) if is_pooled else Fraction(before, after) for before, after in sizes]
        return [(Fraction(1, ratio.denominator) - 1, 0, ratio) for ratio in ratios]
    if re.fullmatch(BILINEAR, name) and not given["align_corners"]:
        return [_bilinear(Fraction(before, after), after, "aa" in name) for before, after in sizes]
    return None


def _windows(name: str, given: Arguments, many: int) -> list[Move]:
    kernel = given["weight"].shape[2:] if name == "convolution" else _many(given["kernel_size"], many)
    options = (_many(value, many) for value in (given["stride"] or kernel, given["padding"], given.get("dilation", 1)))
    windows = list(zip(kernel, *options, strict=True))
    if given.get("transposed"):
        return [(Fraction(p - (k - 1) * d, s), Fraction(p, s), Fraction(1, s)) for k, s, p, d in windows]
    return [(-p, (k - 1) * d - p, s) for k, s, p, d in windows]


def _bilinear(ratio: Fraction, after: int, antialias: bool) -> Move:
    """The weights of place o end less than one place (of a reduction with antialiasing: `ratio` places) from its centre
    (o + ½)·ratio − ½."""
    if ratio == 1:
        return 0, 0, 1
    reach = (max(Fraction(1), ratio) if antialias else 1) - Fraction(1, 4 * after)
    centre = ratio / 2 - Fraction(1, 2)
    return centre - reach, centre + reach, ratio


def _through(sight: Sight, name: str, at: int, moves: Sequence[Move], into: Tensor, out: Tensor) -> Sight | None:
    before, after = into.shape[-len(moves) :], list(out.shape[-len(moves) :])
    if name != "im2col":
        return sight.through(at, moves, before, after)
    after = [
        int((size - 1 - first - last) // step) + 1 for size, (first, last, step) in zip(before, moves, strict=True)
    ]
    windows = sight.through(at, moves, before, after)  # which lie in a row
    return windows and windows.moved(windows.probe.expand(-1, -1, *after).flatten(2))


# ------------------------------------------------------------------------------------------------------- small machinery
def _pixels(ndim: int, dim: int, side: int) -> Sight:
    """An image's own."""
    beyond = max(BEYOND, 2 * side)
    pixels = np.arange(-beyond, side + beyond)
    return Sight(_numbers(side).view([-1 if one == dim else 1 for one in range(ndim)]), pixels, pixels, -beyond)


def _numbers(many: int) -> Tensor:
    return torch.arange(many, dtype=torch.float32, device="cpu")


def _slim(probe: Tensor) -> Tensor:
    """Of size 1 along dimensions where it is the same."""
    for dim, size in enumerate(probe.shape):
        first = probe.narrow(dim, 0, min(size, 1))
        if size > 1 and torch.equal(probe.nan_to_num(-1), first.nan_to_num(-1).expand_as(probe)):
            probe = first
    return probe


def _floors(places: Pixels, step: Fraction | int, more: Fraction | int) -> Pixels:
    """⌊place·step + more⌋, exactly."""
    step, more = Fraction(step), Fraction(more)
    above = places * (step.numerator * more.denominator) + more.numerator * step.denominator
    return np.asarray(above // (step.denominator * more.denominator))


def _many(value: Any, many: int) -> list[int]:
    return [value] * many if isinstance(value, int) else list(value) * (many if len(value) == 1 else 1)


def _named(operation: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of an operation by name, with its defaults."""
    declared = operation._schema.arguments
    given = {one.name: one.default_value for one in declared if one.has_default_value()}
    return {**given, **{one.name: value for one, value in zip(declared, args, strict=False)}, **kwargs}


def _tensors(values: Sequence[Any]) -> list[Tensor]:
    lists = [_tensors(value) if isinstance(value, list | tuple) else [value] for value in values]
    return [value for part in lists for value in part if isinstance(value, Tensor)]
