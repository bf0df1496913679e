"""Random changes that keep the meaning of an image: batched, one draw per sample, on the device of the inputs.

Inputs are standardised floats (batch, channels, height, width). All draws come from the generator that is given, so a
step repeats exactly. Colour images reflect at the border; grey ones are taken to lie on a plain ground, whose value is
the median of the image's own border.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from profundo.data.catalogue import AUGMENTATIONS, nearest
from profundo.records import ProfundoError

__all__ = ["augmentation"]

Transform = Callable[[Tensor, Generator], Tensor]

_ANGLE = math.radians(15)
_NOISE = 0.1
_DISTORTION = (1 / 16, 1 / 16, 0.1, 0.1, 0.15)  # moves in sides, changes of width and height, shear


def augmentation(names: Sequence[str]) -> Transform:
    """One transform (inputs, generator) → inputs that applies those named, in that order; see AUGMENTATIONS.

    Raises ProfundoError for a name that is none of them.
    """
    for name in names:
        if name not in _TRANSFORMS:
            raise ProfundoError(f"{name!r} is no augmentation; {nearest(name, AUGMENTATIONS)}")
    transforms = [_TRANSFORMS[name] for name in names]

    def apply(inputs: Tensor, generator: Generator) -> Tensor:
        for transform in transforms:
            inputs = transform(inputs, generator)
        return inputs

    return apply


def _shift(images: Tensor, generator: Generator) -> Tensor:
    """Whole pixels, up to an eighth of each side: a window cut from the padded image."""
    count, _, height, width = images.shape
    reach = (height + 7) // 8, (width + 7) // 8
    windows = _padded(images, *reach).unfold(2, height, 1).unfold(3, width, 1)
    rows, columns = (torch.randint(2 * r + 1, (count,), generator=generator, device=images.device) for r in reach)
    return windows[torch.arange(count, device=images.device), :, rows, columns]


def _mirror(images: Tensor, generator: Generator) -> Tensor:
    chosen = torch.rand(len(images), 1, 1, 1, generator=generator, device=images.device) < 0.5
    return torch.where(chosen, images.flip(3), images)


def _rotation(images: Tensor, generator: Generator) -> Tensor:
    """Uniform angles, bilinear. affine_grid works in coordinates −1 to 1, hence the ratio of the sides."""
    count, _, height, width = images.shape
    angle = (2 * torch.rand(count, generator=generator, device=images.device) - 1) * _ANGLE
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    rows = torch.stack((cos, -sin * height / width, zero), 1), torch.stack((sin * width / height, cos, zero), 1)
    return _mapped(images, torch.stack(rows, 1))


def _distortion(images: Tensor, generator: Generator) -> Tensor:
    """Affine: moved, scaled or squeezed and sheared horizontally, as in LeCun et al. 1998, section III.A, but less."""
    draws = 2 * torch.rand(len(images), 5, generator=generator, device=images.device) - 1
    right, down, wide, high, shear = (most * draw for most, draw in zip(_DISTORTION, draws.unbind(1), strict=True))
    height, width = images.shape[2:]
    # affine_grid says from where a pixel comes, in half sides: hence twice the moves, and the ratio of the sides.
    rows = (
        torch.stack((1 + wide, shear * height / width, 2 * right), 1),
        torch.stack((torch.zeros_like(shear), 1 + high, 2 * down), 1),
    )
    return _mapped(images, torch.stack(rows, 1))


def _noise(inputs: Tensor, generator: Generator) -> Tensor:
    draws = torch.randn(inputs.shape, generator=generator, device=inputs.device, dtype=inputs.dtype)
    return inputs + _NOISE * draws


def _mapped(images: Tensor, maps: Tensor) -> Tensor:
    """Bilinear; maps (batch, 2, 3): where each pixel comes from, in affine_grid's coordinates."""
    grid = F.affine_grid(maps.to(images.dtype), [*images.shape], align_corners=False)
    if images.shape[1] != 1:
        return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
    ground = _ground(images)
    return F.grid_sample(images - ground, grid, padding_mode="zeros", align_corners=False) + ground


def _padded(images: Tensor, rows: int, columns: int) -> Tensor:
    if images.shape[1] != 1:
        return F.pad(images, (columns, columns, rows, rows), mode="reflect")
    channels, height, width = images.shape[1:]
    padded = _ground(images).repeat(1, channels, height + 2 * rows, width + 2 * columns)
    padded[:, :, rows : rows + height, columns : columns + width] = images
    return padded


def _ground(images: Tensor) -> Tensor:
    """Median of the outermost pixels of each grey image, (batch, 1, 1, 1)."""
    edges = (images[:, 0, 0], images[:, 0, -1], images[:, 0, :, 0], images[:, 0, :, -1])
    return torch.cat(edges, 1).median(1).values.reshape(-1, 1, 1, 1)


_TRANSFORMS: dict[str, Transform] = {
    "shift": _shift,
    "mirror": _mirror,
    "rotation": _rotation,
    "distortion": _distortion,
    "noise": _noise,
}
