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
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from math import gcd, nan
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

__all__ = ["Field", "Fields"]

Field = tuple[int, ...] | Literal["whole"] | None
"""Pixels along each axis of the image, or all of them, or nothing that is known."""

Given = Mapping[str, Any]
Pixels = npt.NDArray[np.int64]
Move = tuple[float, float, float]  # first, last, step

BEYOND = 4096  # pixels that maps go on beyond the image, at least
ROUNDING = 1e-6  # far above that of steps such as 1/3, far below their parts

SAME = re.compile("clone|_to_copy|detach|alias|copy_|lift_fresh|_prelu_kernel")  # pointwise, but not tagged so by torch
MOVING = re.compile("_?(unsafe_)?view|_reshape_alias|(un)?squeeze|t|transpose|permute|expand|slice|select|flip|roll")
PRODUCT = re.compile("mm|addmm|bmm|linear")
REDUCTION = re.compile("mean|sum|a?max|a?min|prod|var|std|logsumexp|argmax|cumsum|_(log_)?softmax")
NORM = re.compile("native_(layer|group|batch)_norm|(cudnn|miopen)_batch_norm|_native_batch_norm_legit(_no_training)?")
WINDOWS = re.compile("convolution|im2col|(max|avg)_pool[123]d(_with_indices)?")
ADAPTIVE = re.compile("_?adaptive_(avg|max)_pool[123]d")
NEAREST = re.compile("upsample_nearest[123]d|pixel_shuffle|max_unpool2d")
BILINEAR = re.compile("_?upsample_bilinear2d(_aa)?")
PADDING = re.compile("constant_pad_nd|(replication|reflection)_pad[123]d")


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
        return bool(np.isnan(self.probe.numpy()).any())  # NumPy is not observed

    @property
    def size(self) -> int:
        return int((self.high - self.low).max()) + 1

    def or_whole(self, side: int) -> Sight:
        """The whole axis, of so many pixels, if there is but one place, which sees them all."""
        if self.probe.numel() > 1 or self.is_whole:
            return self
        at = int(self.probe) - self.origin
        sees_all = self.low[at] <= 0 and self.high[at] >= side - 1
        return replace(self, probe=torch.full_like(self.probe, nan)) if sees_all else self

    def read(self, move: Move, probe: Tensor) -> Sight | None:
        """Where place o reads the places from o·step + first to o·step + last of before. None if none is left."""
        (first, last, step), end = move, self.origin + len(self.low)
        if (first, last, step) == (0, 0, 1):
            return replace(self, probe=probe)
        most = int(max(abs(self.origin), end) / step) + 1
        places = np.arange(-most, most)
        begins = np.ceil(places * step + (first - ROUNDING)).astype(int)
        ends = np.floor(places * step + (last + ROUNDING)).astype(int)
        left = np.flatnonzero((begins >= self.origin) & (ends < end))
        low, high = self.low[begins[left] - self.origin], self.high[ends[left] - self.origin]
        return Sight(probe, low, high, int(places[left[0]])) if len(left) else None

    def moved(self, probe: Tensor) -> Sight | None:
        """With values elsewhere. Places that follow each other along one dimension are numbered from 0 on."""
        probe = _slim(probe)
        places = probe.flatten()
        steps = np.unique(np.diff(places.numpy())).tolist() or [1]
        if self.is_whole or max(probe.shape, default=1) < len(places) or len(steps) > 1 or steps[0] < 1:
            return replace(self, probe=probe)
        return self.read((int(places[0]), int(places[0]), steps[0]), _numbers(len(places)).view_as(probe))

    def mixed(self, dims: tuple[int, ...]) -> Sight:
        """Of values that depend on all along these dimensions."""
        if all(self.probe.shape[dim] == 1 for dim in dims):
            return self
        low, high = self.probe.amin(dims, keepdim=True), self.probe.amax(dims, keepdim=True)
        return replace(self, probe=low.where(low == high, nan))

    def joined(self, other: Sight) -> Sight | None:
        """Of values computed from both: from the smaller low to the larger high, place by place."""
        if not ((self.probe == other.probe) | (self.probe + other.probe).isnan()).all():
            return None
        begin = max(self.origin, other.origin)
        many = min(sight.origin + len(sight.low) for sight in (self, other)) - begin
        here, there = (slice(begin - sight.origin, begin - sight.origin + many) for sight in (self, other))
        low, high = np.minimum(self.low[here], other.low[there]), np.maximum(self.high[here], other.high[there])
        return Sight(_slim(self.probe + 0 * other.probe), low, high, begin) if many > 0 else None

    def through(self, moves: Sequence[Move], at: int, before: Sequence[int], after: Sequence[int]) -> Sight | None:
        """Through windows over the last dimensions, of so many places before and after; at: where a lone place is."""
        first, many = self.probe.ndim - len(moves), self.probe.numel()
        if many > 1:
            at = max(range(self.probe.ndim), key=lambda dim: self.probe.shape[dim]) - first
        if self.is_whole or not 0 <= at < len(moves) or before[at] > many == 1:
            return self
        if self.probe.shape[first + at] < many or not torch.equal(self.probe.flatten(), _numbers(many)):
            return None
        return self.read(moves[at], _numbers(after[at], self.probe.ndim, first + at))


class Fields:
    """Observes what is computed from the image (batch, channels, *sides) and follows its fields."""

    def __init__(self, image: Tensor) -> None:
        self.sides = tuple(image.shape[2:])
        # A sight for each axis, None where it is unknown; a tensor without an entry does not depend on the image.
        self.seen: MutableMapping[Tensor, tuple[Sight | None, ...]] = WeakTensorKeyDictionary()
        beyond = max(BEYOND, *(2 * side for side in self.sides))
        pixels = np.arange(-beyond, beyond + max(self.sides))
        probes = (_numbers(side, image.ndim, 2 + axis) for axis, side in enumerate(self.sides))
        self.seen[image] = tuple(Sight(probe, pixels, pixels, -beyond) for probe in probes)

    def observe(self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        out = operation(*args, **kwargs)
        inputs, results = [one for one in _tensors([args, kwargs]) if one in self.seen], _tensors([out])
        if inputs and results:
            unknown = (None,) * len(self.sides)
            sights = tuple(self._after(operation, _named(operation, args, kwargs), inputs, results[0]))
            for tensor in results:
                self.seen[tensor] = sights if tensor.shape == results[0].shape else unknown
                if operation._schema.is_mutable and tensor._base is not None:
                    self.seen[tensor._base] = unknown  # a part of it was changed
        return out

    def of(self, tensor: Tensor) -> Field:
        """What one of its values can depend on."""
        sights = [sight for sight in self.seen.get(tensor, ()) if sight is not None]
        if not sights or len(sights) < len(self.sides):
            return None
        if all(sight.is_whole for sight in sights):
            return "whole"
        axes = zip(sights, self.sides, strict=True)
        return tuple(side if sight.is_whole else sight.size for sight, side in axes)

    def windows(self, maps: Tensor) -> tuple[tuple[Pixels, Pixels], ...] | None:
        """For each axis of the image the first and the last pixel, beyond its border too, that each place along that axis of maps
        (batch, channels, *places) can depend on; None where it is not known."""
        ends = []
        for axis, (sight, side) in enumerate(zip(self.seen.get(maps, ()), self.sides, strict=False)):
            places = 0 if sight is None else sight.probe.shape[2 + axis] if sight.probe.ndim == maps.ndim else 1
            if sight is None or sight.probe.numel() != places:
                return None
            if sight.is_whole:
                ends.append((np.zeros(maps.shape[2 + axis], np.int64), np.full(maps.shape[2 + axis], side - 1)))
            else:
                at = np.broadcast_to(sight.probe.flatten().numpy().astype(int) - sight.origin, maps.shape[2 + axis])
                ends.append((sight.low[at], sight.high[at]))
        return tuple(ends) or None

    def _after(self, operation: Any, given: Given, inputs: list[Tensor], out: Tensor) -> Iterator[Sight | None]:
        """What a result sees of each axis."""
        name, into = operation.overloadpacket.__name__, inputs[0]
        is_pointwise = name == "cat" or torch.Tag.pointwise in operation.tags or SAME.fullmatch(name)
        main = given.get("mat1" if name == "addmm" else "input", given.get("self"))
        is_known = is_pointwise or name == "max_unpool2d" or all(tensor is main for tensor in inputs)
        dims, moves = _mixing(name, given, into, out), _windows(name, given, into, out)
        for axis, side in enumerate(self.sides):
            sights = [self.seen[tensor][axis] for tensor in inputs]
            is_apart = name == "cat" and any(one and one.probe.shape[given["dim"]] > 1 for one in sights)
            sight = _met(sights) if is_known and not is_apart else None
            if sight is None or is_pointwise:
                yield sight and _broadcast(sight, out.ndim)
            elif MOVING.fullmatch(name):
                probe = operation(**{**given, "self": sight.probe.expand(into.shape).contiguous()})
                moved = sight.moved(probe)
                yield moved.or_whole(side) if moved and out.ndim < 2 + len(self.sides) else moved
            elif moves:
                yield _through(sight.mixed(dims or ()), moves, axis - len(self.sides) + len(moves), into, out)
            elif dims:
                mixed = sight.mixed(dims).or_whole(side)
                yield replace(mixed, probe=mixed.probe.squeeze(dims)) if out.ndim < into.ndim else mixed
            else:
                yield sight if dims == () else None


# ---------------------------------------------------------------------------------------------------------------- rules
def _mixing(name: str, given: Given, into: Tensor, out: Tensor) -> tuple[int, ...] | None:
    """Dimensions along which a result depends on all values; None for operations that are not known."""
    last = into.ndim - 1
    if PRODUCT.fullmatch(name):  # with constants
        return (last,)
    if REDUCTION.fullmatch(name):
        dims = given.get("dim")
        return (dims,) if isinstance(dims, int) else tuple(dims or range(last + 1))
    if ADAPTIVE.fullmatch(name):
        return tuple(dim for dim in range(1, last + 1) if out.shape[dim] == 1 < into.shape[dim])
    if NORM.fullmatch(name) and "batch" in name:
        return (0, *range(2, last + 1)) if given.get("training", "no_training" not in name) else ()
    if NORM.fullmatch(name):
        return tuple(range(into.ndim - len(given["normalized_shape"]) if "layer" in name else 1, last + 1))
    return (1,) if name == "convolution" else None


def _windows(name: str, given: Given, into: Tensor, out: Tensor) -> Sequence[Move]:
    """How the last dimensions are read, if through windows."""
    many = next((int(letter) for letter in name if letter.isdigit()), into.ndim - 2)
    sizes = list(zip(into.shape[-many:], out.shape[-many:], strict=False))
    if PADDING.fullmatch(name):
        return [(-before, -before, 1) for before in given.get("pad", given.get("padding"))[::2]][::-1]
    if ADAPTIVE.fullmatch(name):  # from ⌊o·ratio⌋ to ⌈(o + 1)·ratio⌉ − 1
        loose = [(after - 1) / after if before % after else 0 for before, after in sizes]
        return [(-more, b / a - 1 + more, b / a) for (b, a), more in zip(sizes, loose, strict=True)]
    if name == "max_unpool2d":  # places may be left over, which belong to no window
        sizes = [(1, after // before) for before, after in sizes]
    if NEAREST.fullmatch(name):  # ⌊o·ratio⌋
        return [(gcd(before, after) / after - 1, 0, before / after) for before, after in sizes]
    if BILINEAR.fullmatch(name) and not given["align_corners"]:
        return [_bilinear(before / after, after, "aa" in name) for before, after in sizes]
    if not WINDOWS.fullmatch(name):
        return []
    kernel = given["weight"].shape[2:] if name == "convolution" else given["kernel_size"]
    options = (kernel, given["stride"] or kernel, given["padding"], given.get("dilation", 1))
    windows = list(zip(*(np.broadcast_to(option, many).tolist() for option in options), strict=True))
    if given.get("transposed"):
        return [((p - (k - 1) * d) / s, p / s, 1 / s) for k, s, p, d in windows]
    return [(-p, (k - 1) * d - p, s) for k, s, p, d in windows]


def _bilinear(ratio: float, after: int, is_smooth: bool) -> Move:
    """The weights of place o end less than one place (of a reduction with antialiasing: `ratio` places) from its centre
    (o + ½)·ratio − ½."""
    reach = (max(1, ratio) if is_smooth else 1) - 1 / (4 * after)
    centre = ratio / 2 - 0.5
    return centre - reach, centre + reach, ratio


def _through(sight: Sight, moves: Sequence[Move], at: int, into: Tensor, out: Tensor) -> Sight | None:
    before, after = into.shape[-len(moves) :], out.shape[-len(moves) :]
    if into.ndim == out.ndim:
        return sight.through(moves, at, before, after)
    reach = zip(before, moves, strict=True)  # of im2col, which lays its windows in one row
    sizes = [int((size - 1 - first - last) // step) + 1 for size, (first, last, step) in reach]
    windows = sight.through(moves, at, before, sizes)
    return windows and windows.moved(windows.probe.expand(-1, -1, *sizes).flatten(2))


def _met(sights: Sequence[Sight | None]) -> Sight | None:
    """Of values computed from all of these."""
    met, *others = sights
    for other in others:
        if met is not other:
            met = met.joined(other) if met and other else None
    return met


def _broadcast(sight: Sight, ndim: int) -> Sight:
    more = ndim - sight.probe.ndim
    return replace(sight, probe=sight.probe[(None,) * more]) if more else sight


# ------------------------------------------------------------------------------------------------------- small machinery
def _numbers(many: int, ndim: int = 1, dim: int = 0) -> Tensor:
    """0, 1, 2, … along one of so many dimensions."""
    return torch.arange(many, dtype=torch.float32, device="cpu").view([-1 if one == dim else 1 for one in range(ndim)])


def _slim(probe: Tensor) -> Tensor:
    """Of size 1 along dimensions where it is the same."""
    for dim, size in enumerate(probe.shape):
        first = probe.narrow(dim, 0, min(size, 1))
        if size > 1 and torch.equal(probe.nan_to_num(-1), first.nan_to_num(-1).expand_as(probe)):
            probe = first
    return probe


def _named(operation: Any, args: Sequence[Any], kwargs: Given) -> dict[str, Any]:
    """The arguments of an operation by name, with its defaults."""
    declared = operation._schema.arguments
    given = {one.name: one.default_value for one in declared if one.has_default_value()}
    return {**given, **{one.name: value for one, value in zip(declared, args, strict=False)}, **kwargs}


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [tensor for part in value for tensor in _tensors(part)] if isinstance(value, list | tuple) else []
