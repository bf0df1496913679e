"""Images moved together with the objects in them: boxes, and masks of each where they are known.

Each change shows a window of the image, stretched to its size; a mirror looks through one of negative width. What lies outside of
the image is plain, the median of its own border: reflected objects would have no box. Of an object that a window cuts, the
part that is seen is left; of less than LEAST_SEEN of it nobody can say what it is, and it counts as a crowd, neither to be found
nor a mistake to find. Boxes stay upright, so that nothing here turns.

mosaic     four images of the batch round a point, each scaled down about the corner that touches it (Bochkovskiy et al. 2020)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from profundo.boxes import NO_OBJECT, areas
from profundo.data.augmenting.geometry import ground, log_uniform, window
from profundo.object_masks import table_of
from profundo.trees import mapped

__all__ = ["LEAST_SEEN", "MOVES", "Window", "chosen_or_not", "mosaic", "objects_seen", "seen_through"]

LEAST_SEEN = 0.25  # share of an object
SMALLEST = 1.0  # pixels of a side


@dataclass(frozen=True, slots=True)
class Window:
    """The part of each image that is shown, (batch,) each, in shares of its sides: from left to left + wide, top to top + high."""

    left: Tensor
    top: Tensor
    wide: Tensor
    high: Tensor


# -------------------------------------------------------------------------------------------------------- what is shown
def shift(images: Tensor, generator: Generator, *, reach: float) -> Window | None:
    """Whole pixels, up to `reach` of each side. None where nothing is changed, here and below."""
    if not reach:
        return None
    height, width = images.shape[2:]
    moves = (_signed(images, generator) * reach * side for side in (width, height))
    across, down = (move.round() / side for move, side in zip(moves, (width, height), strict=True))
    return Window(across, down, torch.ones_like(across), torch.ones_like(down))


def mirror(images: Tensor, _generator: Generator) -> Window:
    return replace(_whole(images), left=images.new_ones(len(images)), wide=-images.new_ones(len(images)))


def flip(images: Tensor, _generator: Generator) -> Window:
    return replace(_whole(images), top=images.new_ones(len(images)), high=-images.new_ones(len(images)))


def zoom(images: Tensor, generator: Generator, *, factor: tuple[float, float]) -> Window | None:
    if factor == (1.0, 1.0):
        return None
    shown = 1 / log_uniform(factor, len(images), generator, images.device)
    return Window((1 - shown) / 2, (1 - shown) / 2, shown, shown)


def crop(
    images: Tensor, generator: Generator, *, scale: tuple[float, float], ratio: tuple[float, float]
) -> Window | None:
    if scale == (1.0, 1.0) and ratio == (1.0, 1.0) and images.shape[2] == images.shape[3]:
        return None
    return Window(*window(images, generator, scale, ratio))


MOVES: Mapping[str, Callable[..., Window | None]] = {
    "shift": shift,
    "mirror": mirror,
    "flip": flip,
    "zoom": zoom,
    "crop": crop,
}


def _whole(images: Tensor) -> Window:
    zero = images.new_zeros(len(images))
    return Window(zero, zero, zero + 1, zero + 1)


def _signed(images: Tensor, generator: Generator) -> Tensor:
    return 2 * torch.rand(len(images), generator=generator, device=images.device) - 1


# -------------------------------------------------------------------------------------------------------------- moving
def seen_through(images: Tensor, shown: Window) -> Tensor:
    """Images (batch, channels, height, width), bilinear."""
    zero = torch.zeros_like(shown.left)
    across = torch.stack((shown.wide, zero, 2 * shown.left + shown.wide - 1), 1)
    down = torch.stack((zero, shown.high, 2 * shown.top + shown.high - 1), 1)
    grid = F.affine_grid(torch.stack((across, down), 1).to(images.dtype), [*images.shape], align_corners=False)
    plain = ground(images)
    return F.grid_sample(images - plain, grid, padding_mode="zeros", align_corners=False) + plain


def objects_seen(targets: Any, shown: Window, size: torch.Size, frame: Sequence[Any] = (0.0, 0.0, 1.0, 1.0)) -> Any:
    """The objects of a batch as they are seen through windows.

    targets: as object_masks.py has them in a batch, float32 (batch, most, 6) or with masks bool (batch, most, height, width); size:
    height and width of the images; frame: what of each picture shows the window, left, top, right and bottom in shares of the
    sides, numbers or (batch,).
    """
    table = table_of(targets)
    boxes = _placed(table[:, :, :4], shown, size)
    high = torch.tensor([size[1], size[0]] * 2, device=boxes.device)
    edges = torch.stack([torch.as_tensor(edge, device=boxes.device).expand(len(boxes)) for edge in frame], 1) * high
    inside = torch.maximum(torch.minimum(boxes, edges[:, None, 2:].repeat(1, 1, 2)), edges[:, None, :2].repeat(1, 1, 2))
    whole, part = areas(boxes), areas(inside)
    if isinstance(targets, Mapping):
        masks = _masks_seen(targets["masks"], shown) & _framed(edges, size)[:, None]
        whole = targets["masks"].sum((2, 3)) / (shown.wide * shown.high).abs()[:, None]
        part, inside = masks.sum((2, 3)).to(whole.dtype), tight(masks)
    sides = inside[..., 2:] - inside[..., :2]
    gone = (table[:, :, 4] == NO_OBJECT) | (sides < SMALLEST).any(-1)
    crowd = (table[:, :, 5] > 0) | (part < LEAST_SEEN * whole)
    rows = torch.cat([inside, table[:, :, 4:5], crowd.unsqueeze(-1).to(table.dtype)], -1)
    nothing = torch.tensor([0.0, 0, 0, 0, NO_OBJECT, 0], device=rows.device)
    result = torch.where(gone.unsqueeze(-1), nothing, rows)
    return {"objects": result, "masks": masks & ~gone[..., None, None]} if isinstance(targets, Mapping) else result


def _placed(boxes: Tensor, shown: Window, size: torch.Size) -> Tensor:
    """Boxes (batch, most, 4) where the windows show them, uncut."""
    sides = torch.tensor([size[1], size[0]], device=boxes.device)
    start, length = torch.stack((shown.left, shown.top), 1), torch.stack((shown.wide, shown.high), 1)
    ends = (boxes.reshape(*boxes.shape[:2], 2, 2) / sides - start[:, None, None]) / length[:, None, None] * sides
    return torch.cat([ends.amin(2), ends.amax(2)], -1)


def _masks_seen(masks: Tensor, shown: Window) -> Tensor:
    """Of each pixel the nearest of the mask; none beyond the image."""
    height, width = masks.shape[2:]
    rows, below = _nearest(height, shown.top, shown.high)
    columns, beside = _nearest(width, shown.left, shown.wide)
    across = columns[:, None, None].expand(-1, masks.shape[1], height, -1)
    picked = masks.gather(2, rows[:, None, :, None].expand(-1, masks.shape[1], -1, width)).gather(3, across)
    return picked & (below[:, None, :, None] & beside[:, None, None])


def _nearest(side: int, start: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
    """For each pixel of a side the one that the window shows there, int64 (batch, side), and whether there is one."""
    centres = (torch.arange(side, device=start.device) + 0.5) / side
    places = ((start[:, None] + length[:, None] * centres) * side).floor().long()
    return places.clamp(0, side - 1), (places >= 0) & (places < side)


def _framed(edges: Tensor, size: torch.Size) -> Tensor:
    """bool (batch, height, width): the pixels inside frames, (batch, 4) in pixels."""
    rows, columns = (torch.arange(side, device=edges.device) + 0.5 for side in size)
    down = (rows > edges[:, 1:2]) & (rows < edges[:, 3:])
    across = (columns > edges[:, :1]) & (columns < edges[:, 2:3])
    return down[:, :, None] & across[:, None]


def tight(masks: Tensor) -> Tensor:
    """The boxes (batch, most, 4) that hold the pixels of masks; zeros of those without any."""
    ends = []
    for axis in (2, 3):
        there = masks.any(axis)
        first = there.int().argmax(-1)
        last = there.shape[-1] - there.flip(-1).int().argmax(-1)
        ends.append((first, torch.where(there.any(-1), last, first)))
    (left, right), (top, bottom) = ends
    return torch.stack((left, top, right, bottom), -1).float()


# -------------------------------------------------------------------------------------------------------------- mosaic
def mosaic(images: Tensor, targets: Any, generator: Generator, *, centre: tuple[float, float]) -> tuple[Tensor, Any]:
    """centre: the least and the most of where the four meet, in shares of each side."""
    count, device, size = len(images), images.device, images.shape[2:]
    draws = torch.rand(6, count, generator=generator, device=device)
    middle = centre[0] + (centre[1] - centre[0]) * draws[:2]
    across, down = ((share * side).round() / side for share, side in zip(middle, size[::-1], strict=True))
    others = [torch.randperm(count, generator=generator, device=device) for _ in range(3)]
    whole, pieces = torch.zeros_like(images), []
    for at, source in enumerate((torch.arange(count, device=device), *others)):
        is_right, is_low = at % 2 == 1, at >= 2
        zero, one = torch.zeros_like(across), torch.ones_like(across)
        frame = (
            across if is_right else zero,
            down if is_low else zero,
            one if is_right else across,
            one if is_low else down,
        )
        least = torch.maximum(frame[2] - frame[0], frame[3] - frame[1])
        shown = 1 / (least + (1 - least) * draws[2 + at])
        left, top = (-c * shown if after else 1 - c * shown for c, after in ((across, is_right), (down, is_low)))
        view = Window(left, top, shown, shown)
        sides = torch.tensor([size[1], size[0]] * 2, device=device)
        own = _framed(torch.stack(frame, 1) * sides, size)[:, None]
        whole = torch.where(own, seen_through(images[source], view), whole)
        pieces.append(objects_seen(mapped(lambda leaf, source=source: leaf[source], targets), view, size, frame))
    return whole, _together(pieces)


def _together(pieces: list[Any]) -> Any:
    """The objects of several tables in one, of as many places as the fullest image needs."""
    if isinstance(pieces[0], Mapping):
        table, masks = (torch.cat([one[key] for one in pieces], 1) for key in ("objects", "masks"))
    else:
        table, masks = torch.cat(pieces, 1), None
    there = table[:, :, 4] != NO_OBJECT
    most = max(1, int(there.sum(1).max()))
    order = there.int().argsort(dim=1, descending=True, stable=True)[:, :most]
    rows = table.gather(1, order[..., None].expand(-1, -1, 6))
    if masks is None:
        return rows
    return {"objects": rows, "masks": masks.gather(1, order[..., None, None].expand(-1, -1, *masks.shape[2:]))}


def chosen_or_not(chosen: Tensor, changed: Any, before: Any) -> Any:
    """Of each image the objects as they are changed, or as they were before. chosen: bool (batch,)."""
    most = max(table_of(changed).shape[1], table_of(before).shape[1])
    if isinstance(changed, Mapping):
        return {
            key: _mixed(chosen, changed[key], before[key], most, NO_OBJECT if key == "objects" else 0)
            for key in changed
        }
    return _mixed(chosen, changed, before, most, NO_OBJECT)


def _mixed(chosen: Tensor, changed: Tensor, before: Tensor, most: int, nothing: int) -> Tensor:
    first, second = (_grown(one, most, nothing) for one in (changed, before))
    return torch.where(chosen.reshape(-1, *[1] * (first.ndim - 1)), first, second)


def _grown(leaf: Tensor, most: int, nothing: int) -> Tensor:
    """With more places, of no object."""
    if leaf.shape[1] == most:
        return leaf
    more = leaf.new_zeros(len(leaf), most - leaf.shape[1], *leaf.shape[2:])
    if nothing:
        more[:, :, 4] = nothing
    return torch.cat([leaf, more], 1)
