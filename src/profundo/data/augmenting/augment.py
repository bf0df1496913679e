"""Random changes that keep the meaning of a sample: batched, one draw per sample, on the device of the inputs.

    augment = augmentation(["crop", "mirror", {"colour": {"hue": 0.1}}], data.spec)
    inputs = augment(inputs, generator)
    inputs, targets = augment.with_targets(inputs, targets, generator)      # also for those that mix samples

Inputs are standardised floats: images (batch, channels, height, width), sounds (batch, 1, samples) or, for noise and mixup,
rows. All draws come from the
generator that is given, in the order of the changes, so a step repeats exactly. Half-precision inputs are changed in
float32. What each change does is in `augmenting`, what it may be asked in `augmenting/options.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Generator, Tensor

from profundo.data.augmenting import colours, geometry, hiding, mixing, moving_objects, waveforms
from profundo.data.augmenting.colours import value_range
from profundo.data.augmenting.options import MIXING, ONLY_OBJECTS, Asked, check, read
from profundo.kinds import NO_CLASS
from profundo.records import ProfundoError, Spec, Targets

__all__ = ["Augmentation", "Change", "augmentation", "augmented", "value_range"]

_HALF = (torch.bfloat16, torch.float16)

_CHANGES: dict[str, Callable[..., Any]] = {
    "shift": geometry.shift,
    "mirror": geometry.mirror,
    "flip": geometry.flip,
    "rotation": geometry.rotation,
    "distortion": geometry.distortion,
    "zoom": geometry.zoom,
    "crop": geometry.crop,
    "perspective": geometry.perspective,
    "elastic": geometry.elastic,
    "colour": colours.colour,
    "noise": colours.noise,
    "speed": waveforms.speed,
    "gain": waveforms.gain,
    "mask": waveforms.mask,
    "cutout": hiding.cutout,
    "erase": hiding.erase,
    "mixup": mixing.mixup,
    "cutmix": mixing.cutmix,
    "ricap": mixing.ricap,
}
_OF_SOUNDS: dict[str, Callable[..., Any]] = {"shift": waveforms.shift, "noise": waveforms.noise}  # other changes
_OF_OBJECTS: dict[str, Callable[..., Any]] = {**moving_objects.MOVES, "mosaic": moving_objects.mosaic}
_EXACT = {"mirror": geometry.mirror, "flip": geometry.flip}  # without a pixel between pixels
MOVING = ("shift", "mirror", "flip", "rotation", "distortion", "zoom", "crop", "perspective", "elastic")  # pixels
_NEED_UNITS = ("colour", "erase")  # noise knows its bounds where there are any


@dataclass(frozen=True, slots=True)
class Change:
    """One change with its options set. share: the chance of a sample to be changed.

    function: (inputs, generator) → inputs; where targets are mixed, (inputs, targets, generator) → both.
    """

    name: str
    function: Callable[..., Any]
    share: float

    @property
    def mixes(self) -> bool:
        return self.name in MIXING

    def chosen(self, inputs: Tensor, generator: Generator) -> Tensor | None:
        """bool (batch,): the samples that are changed; None where all are."""
        if self.share >= 1:
            return None
        return torch.rand(len(inputs), generator=generator, device=inputs.device) < self.share

    def __call__(self, values: tuple[Tensor, ...], generator: Generator) -> tuple[Tensor, ...]:
        """values: (inputs,), or (inputs, targets) where targets are mixed."""
        chosen = self.chosen(values[0], generator)
        result = self.function(*values, generator)
        changed: tuple[Tensor, ...] = result if self.mixes else (result,)
        if chosen is None:
            return changed
        return tuple(torch.where(_like(chosen, a), a, b) for a, b in zip(changed, values, strict=True))


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Changes one after the other. targets: what the targets are, where a change mixes them."""

    changes: tuple[Change, ...]
    targets: Targets | None = None

    def __call__(self, inputs: Tensor, generator: Generator) -> Tensor:
        """The inputs, changed. Raises ProfundoError when a change would have to mix the targets as well."""
        for change in self.changes:
            if change.mixes:
                raise ProfundoError(
                    f"augmentation {change.name!r} mixes targets, which are not at hand here: leave it out"
                )
        return self.with_targets(inputs, inputs, generator)[0]

    def with_targets(self, inputs: Tensor, targets: Any, generator: Generator) -> tuple[Tensor, Any]:
        """Inputs and targets, changed: mixed targets are shares of the classes; masks, maps and objects move with their images;
        others stay as they are."""
        changed = inputs.float() if inputs.dtype in _HALF else inputs
        for change in self.changes:
            if change.mixes:
                assert self.targets is not None
                changed, targets = change((changed, mixing.soft(targets, self.targets)), generator)
            elif self.targets is not None and self.targets.traits.per == "object" and change.name in _OF_OBJECTS:
                changed, targets = moved_objects(change, changed, targets, generator)
            elif change.name in MOVING and self.targets is not None and self.targets.traits.per == "pixel":
                changed, targets = moved_together(change, changed, targets, len(self.targets.classes), generator)
            else:
                (changed,) = change((changed,), generator)
        return _laid_out(changed, inputs).to(inputs.dtype), targets


def moved_objects(change: Change, images: Tensor, targets: Any, generator: Generator) -> tuple[Tensor, Any]:
    """Images and the objects in them, see moving_objects.py, by the same draws."""
    chosen = change.chosen(images, generator)
    if change.name == "mosaic":
        changed, objects = change.function(images, targets, generator)
    elif (shown := change.function(images, generator)) is None:
        return images, targets
    else:
        exact = _EXACT.get(change.name)
        changed = moving_objects.seen_through(images, shown) if exact is None else exact(images, generator)
        objects = moving_objects.objects_seen(targets, shown, images.shape[2:])
    if chosen is None:
        return changed, objects
    return torch.where(_like(chosen, images), changed, images), moving_objects.chosen_or_not(chosen, objects, targets)


def moved_together(
    change: Change, images: Tensor, grids: Tensor, classes: int, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Images (batch, channels, height, width) and their masks or maps (batch, height, width), by the same draws.

    Each class of a mask, and what is known of a map, is a channel of its own beside the image's: where pixels are blended the
    largest share wins, and what comes from no known pixel is of no class, or no number.
    """
    if grids.is_floating_point():
        known = grids.isfinite()
        channels = torch.stack([torch.where(known, grids, torch.zeros_like(grids)), known.float()], 1)
    else:
        channels = torch.stack([(grids == place).float() for place in (*range(classes), NO_CLASS)], 1)
    (both,) = change((torch.cat([images, channels.to(images.dtype)], 1),), generator)
    images, channels = both[:, : images.shape[1]], both[:, images.shape[1] :]
    if grids.is_floating_point():
        values, known = channels[:, 0], channels[:, 1] > 0.5
        return images, torch.where(known, values / channels[:, 1], torch.full_like(values, torch.nan)).float()
    best = channels.argmax(1)
    return images, torch.where(best == classes, NO_CLASS, best).to(grids.dtype)


def augmentation(
    asked: Sequence[Any], spec: Spec | None = None, values: tuple[float, float] = (0.0, 255.0)
) -> Augmentation:
    """These changes in this order, each a name or {name: {option: value}}; see AUGMENTATIONS and docs/augmentation.md.

    spec: of the data; some changes need it, to know the unit of the values or the classes. values: least and most of the
    raw values (`value_range`). Raises ProfundoError for what is unknown, out of bounds or meant for other data.
    """
    read_ = [read(entry) for entry in asked]
    for one in read_:
        if spec is not None:
            check(one, spec)
        elif one.name in (*MIXING, *_NEED_UNITS, *ONLY_OBJECTS):
            raise ProfundoError(f"augmentation {one.name!r} needs to know the data: augmentation([…], data.spec)")
    changes = (_change(one, spec, values) for one in read_ if one.options["share"])
    return Augmentation(tuple(changes), spec.targets if spec is not None else None)


def augmented(
    augment: Callable[[Tensor, Generator], Tensor], inputs: Tensor, targets: Any, generator: Generator
) -> tuple[Tensor, Any]:
    """Inputs and targets by an Augmentation, or by any function of inputs and generator."""
    if isinstance(augment, Augmentation):
        return augment.with_targets(inputs, targets, generator)
    return augment(inputs, generator), targets


def _change(choice: Asked, spec: Spec | None, values: tuple[float, float]) -> Change:
    options: dict[str, Any] = {name: value for name, value in choice.options.items() if name != "share"}
    kind = spec.inputs.kind if spec is not None else ""
    if choice.name in (*_NEED_UNITS, "noise") and kind != "sound":
        options["units"] = colours.units(spec.inputs, values) if spec is not None and kind == "image" else None
    is_of_objects = spec is not None and spec.targets.traits.per == "object"
    own = _OF_SOUNDS if kind == "sound" else _OF_OBJECTS if is_of_objects else {}
    function = own[choice.name] if choice.name in own else _CHANGES[choice.name]
    share = choice.options["share"]
    assert isinstance(share, float)
    return Change(choice.name, partial(function, **options), share)


def _like(chosen: Tensor, values: Tensor) -> Tensor:
    return chosen.reshape(-1, *[1] * (values.ndim - 1))


def _laid_out(images: Tensor, like: Tensor) -> Tensor:
    """Channels last where the inputs were: what convolutions expect."""
    if like.ndim == 4 and like.is_contiguous(memory_format=torch.channels_last):
        return images.contiguous(memory_format=torch.channels_last)
    return images
