"""Where a pixel comes from: moved, turned, scaled, cropped, seen askew, bent. Bilinear, in the values' own precision.

Images are (batch, channels, height, width). Maps go backwards, from a pixel of the result to a place in the image.
Where that lies outside, colour images are reflected at their border; grey ones are taken to lie on a plain ground, whose
value is the median of the image's own border.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

__all__ = [
    "crop",
    "distortion",
    "elastic",
    "flip",
    "ground",
    "homography",
    "log_uniform",
    "mirror",
    "perspective",
    "rotation",
    "shift",
    "smooth_field",
    "window",
    "zoom",
]


# ------------------------------------------------------------------------------------------------- whole pixels
def mirror(images: Tensor, _generator: Generator) -> Tensor:
    return images.flip(3)


def flip(images: Tensor, _generator: Generator) -> Tensor:
    return images.flip(2)


def shift(images: Tensor, generator: Generator, *, reach: float) -> Tensor:
    """Whole pixels, up to `reach` of each side: a window cut from the padded image."""
    count, channels, height, width = images.shape
    most = [math.ceil(round(side * reach, 9)) for side in (height, width)]
    if channels != 1:  # a reflection does not reach further than the image
        most = [min(reach, side - 1) for reach, side in zip(most, (height, width), strict=True)]
    if not any(most):
        return images
    windows = _padded(images, *most).unfold(2, height, 1).unfold(3, width, 1)
    rows, columns = (torch.randint(2 * r + 1, (count,), generator=generator, device=images.device) for r in most)
    return windows[torch.arange(count, device=images.device), :, rows, columns]


# ------------------------------------------------------------------------------------------------- straight maps
def rotation(images: Tensor, generator: Generator, *, degrees: float) -> Tensor:
    """Uniform angles. affine_grid works in coordinates −1 to 1, hence the ratio of the sides."""
    if degrees == 0:
        return images
    count, _, height, width = images.shape
    angle = _signed(count, generator, images.device) * math.radians(degrees)
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    return _mapped(images, (cos, -sin * height / width, zero), (sin * width / height, cos, zero))


def distortion(images: Tensor, generator: Generator, *, move: float, scale: float, shear: float) -> Tensor:
    """Affine: moved, scaled or squeezed and sheared horizontally, as in LeCun et al. 1998, section III.A, but less."""
    most = (move, move, scale, scale, shear)
    if not any(most):
        return images
    draws = 2 * torch.rand(len(images), 5, generator=generator, device=images.device) - 1
    right, down, wide, high, sheared = (most * draw for most, draw in zip(most, draws.unbind(1), strict=True))
    height, width = images.shape[2:]
    # affine_grid says from where a pixel comes, in half sides: hence twice the moves, and the ratio of the sides.
    zero = torch.zeros_like(sheared)
    return _mapped(images, (1 + wide, sheared * height / width, 2 * right), (zero, 1 + high, 2 * down))


def zoom(images: Tensor, generator: Generator, *, factor: tuple[float, float]) -> Tensor:
    """Larger or smaller about the centre, by factors whose logarithm is uniform."""
    if factor == (1.0, 1.0):
        return images
    shrink = 1 / log_uniform(factor, len(images), generator, images.device)
    zero = torch.zeros_like(shrink)
    return _mapped(images, (shrink, zero, zero), (zero, shrink, zero))


def crop(images: Tensor, generator: Generator, *, scale: tuple[float, float], ratio: tuple[float, float]) -> Tensor:
    """A window of the image, stretched to its size (Szegedy et al. 2015, section 6).

    Its share of the area is uniform in `scale`, the logarithm of width/height in pixels uniform in `ratio`, its place
    uniform. A window that would be longer than the image is cut to it.
    """
    if scale == (1.0, 1.0) and ratio == (1.0, 1.0) and images.shape[2] == images.shape[3]:
        return images
    left, top, wide, high = window(images, generator, scale, ratio)
    zero = torch.zeros_like(wide)
    grid = _affine(images, (wide, zero, 2 * left + wide - 1), (zero, high, 2 * top + high - 1))
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def window(
    images: Tensor, generator: Generator, scale: tuple[float, float], ratio: tuple[float, float]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Left, top, width and height (batch,) of windows in each image, in shares of its sides."""
    count, _, height, width = images.shape
    area = _between(scale, count, generator, images.device)
    shape = log_uniform(ratio, count, generator, images.device) * height / width
    wide, high = (area * shape).sqrt().clamp(max=1), (area / shape).sqrt().clamp(max=1)
    across, down = torch.rand(2, count, generator=generator, device=images.device).unbind(0)
    return across * (1 - wide), down * (1 - high), wide, high


# --------------------------------------------------------------------------------------------------- bent maps
def perspective(images: Tensor, generator: Generator, *, strength: float) -> Tensor:
    """As seen from aside: the image's corners come from places up to `strength` sides from them, in each direction."""
    if strength == 0:
        return images
    count, _, height, width = images.shape
    moves = 2 * torch.rand(count, 4, 2, generator=generator, device=images.device) - 1
    map_ = homography((_square(images.device) + strength * moves).to(images.dtype))
    rows = (torch.arange(height, device=images.device, dtype=images.dtype) + 0.5) / height
    columns = (torch.arange(width, device=images.device, dtype=images.dtype) + 0.5) / width
    v, u = torch.meshgrid(rows, columns, indexing="ij")
    places = torch.stack((u, v, torch.ones_like(u)), -1) @ map_.mT.unsqueeze(1)
    return _sampled(images, 2 * places[..., :2] / places[..., 2:] - 1)


@lru_cache(maxsize=8)
def _square(device: torch.device) -> Tensor:
    """Kept, since each copy to the device would wait for the device."""
    return torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]], device=device)


def homography(corners: Tensor) -> Tensor:
    """Matrices (batch, 3, 3) that take the unit square's corners (0,0), (1,0), (1,1), (0,1) to these (batch, 4, 2).

    In closed form: Heckbert 1989, Fundamentals of texture mapping and image warping, section 2.2.3.
    """
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = (corner.unbind(-1) for corner in corners.unbind(-2))
    sum_x, sum_y = x0 - x1 + x2 - x3, y0 - y1 + y2 - y3
    dx1, dx2, dy1, dy2 = x1 - x2, x3 - x2, y1 - y2, y3 - y2
    area = dx1 * dy2 - dx2 * dy1
    g, h = (sum_x * dy2 - sum_y * dx2) / area, (dx1 * sum_y - dy1 * sum_x) / area
    rows = (
        torch.stack((x1 - x0 + g * x1, x3 - x0 + h * x3, x0), -1),
        torch.stack((y1 - y0 + g * y1, y3 - y0 + h * y3, y0), -1),
        torch.stack((g, h, torch.ones_like(g)), -1),
    )
    return torch.stack(rows, -2)


def elastic(images: Tensor, generator: Generator, *, strength: float, sigma: float) -> Tensor:
    """Bent by a smooth random field (Simard, Steinkraus and Platt 2003): uniform noise blurred by a Gaussian.

    sigma: of the Gaussian, in sides; strength: root mean square of the displacement in each direction, in sides. Their
    σ = 4 and α = 34 for 29×29 pixels are sigma 0.14 and strength 0.05.
    """
    if strength == 0:
        return images
    field = smooth_field(images, generator, sigma).to(images.dtype)
    still = torch.eye(2, 3, device=images.device, dtype=images.dtype).expand(len(images), 2, 3)
    grid = F.affine_grid(still, [*images.shape], align_corners=False)
    return _sampled(images, grid + 2 * strength * field.permute(0, 2, 3, 1))


def smooth_field(images: Tensor, generator: Generator, sigma: float) -> Tensor:
    """Displacements (batch, 2, height, width), rightwards and downwards, of mean 0 and variance 1, at the border too."""
    height, width = images.shape[2:]
    down, across = _blur(height, sigma * height, images.device), _blur(width, sigma * width, images.device)
    sizes = len(images), 2, down.shape[1], across.shape[1]
    noise = torch.rand(sizes, generator=generator, device=images.device).mul_(2).sub_(1)
    return math.sqrt(3) * (down @ noise @ across.mT)


@lru_cache(maxsize=64)
def _blur(side: int, sigma: float, device: torch.device) -> Tensor:
    """The matrix (side, side + 2 · radius) that blurs a line longer than the side, without changing its variance."""
    radius = math.ceil(3 * sigma)
    kernel = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / sigma) ** 2)
    kernel /= kernel.square().sum().sqrt()
    matrix = torch.zeros(side, side + 2 * radius)
    for row in range(side):
        matrix[row, row : row + 2 * radius + 1] = kernel
    return matrix.to(device)


# ------------------------------------------------------------------------------------------------------- sampling
Row = tuple[Tensor, Tensor, Tensor]  # of an affine map, (batch,) each


def _mapped(images: Tensor, across: Row, down: Row) -> Tensor:
    return _sampled(images, _affine(images, across, down))


def _affine(images: Tensor, across: Row, down: Row) -> Tensor:
    """Grid (batch, height, width, 2): where each pixel comes from, in affine_grid's coordinates."""
    maps = torch.stack((torch.stack(across, 1), torch.stack(down, 1)), 1)
    return F.affine_grid(maps.to(images.dtype), [*images.shape], align_corners=False)


def _sampled(images: Tensor, grid: Tensor) -> Tensor:
    """grid (batch, height, width, 2): where each pixel comes from, (x, y) from −1 to 1 between the image's borders."""
    if images.shape[1] != 1:
        return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
    plain = ground(images)
    return F.grid_sample(images - plain, grid, padding_mode="zeros", align_corners=False) + plain


def _padded(images: Tensor, rows: int, columns: int) -> Tensor:
    if images.shape[1] != 1:
        return F.pad(images, (columns, columns, rows, rows), mode="reflect")
    channels, height, width = images.shape[1:]
    padded = ground(images).repeat(1, channels, height + 2 * rows, width + 2 * columns)
    padded[:, :, rows : rows + height, columns : columns + width] = images
    return padded


def ground(images: Tensor) -> Tensor:
    """Median of the outermost pixels of each image, (batch, channels, 1, 1)."""
    edges = torch.cat((images[:, :, 0], images[:, :, -1], images[..., 0], images[..., -1]), 2)
    return edges.median(2).values[..., None, None]


def _signed(count: int, generator: Generator, device: torch.device) -> Tensor:
    return 2 * torch.rand(count, generator=generator, device=device) - 1


def _between(bounds: tuple[float, float], count: int, generator: Generator, device: torch.device) -> Tensor:
    return bounds[0] + (bounds[1] - bounds[0]) * torch.rand(count, generator=generator, device=device)


def log_uniform(bounds: tuple[float, float], count: int, generator: Generator, device: torch.device) -> Tensor:
    return _between((math.log(bounds[0]), math.log(bounds[1])), count, generator, device).exp()
