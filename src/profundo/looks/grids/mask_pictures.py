"""Masks and maps for the eye: classes in colours, numbers in shades, and where an answer is wrong."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from profundo.data.grids.mask_codes import colour_of
from profundo.kinds import NO_CLASS
from profundo.languages import local, say, term
from profundo.pictures import svg
from profundo.records import Targets

__all__ = ["answered_panels", "mask_key", "overlaid", "panels", "shares_in_words"]

UNKNOWN = (224, 224, 224)  # of pixels that count nowhere
WRONG = (230, 60, 30)
FEWEST = 0.0005  # share of the pixels of a class that is worth a word
SIDE = 256  # pixels of a picture, beyond which one has enough
NAMED = 24  # classes of a legend


def coloured(masks: Tensor) -> Tensor:
    """uint8 (n, 3, height, width) of masks (n, height, width)."""
    table = torch.tensor([colour_of(place) for place in range(NO_CLASS)] + [UNKNOWN], dtype=torch.uint8)
    return table[masks.long()].permute(0, 3, 1, 2)


def shaded(maps: Tensor, low: float, high: float) -> Tensor:
    """The same of numbers: black is the least, white the greatest."""
    known = maps.isfinite()
    values = ((maps - low) / max(high - low, 1e-12) * 255).clamp(0, 255)
    grey = torch.where(known, values, torch.full_like(values, UNKNOWN[0])).to(torch.uint8)
    return grey.unsqueeze(1).expand(-1, 3, -1, -1)


def panels(images: Tensor, targets: Tensor) -> Tensor:
    """uint8 (n, 3, height, 2 width): images (n, channels, height, width) beside their masks or maps."""
    return smaller(torch.cat([in_colour(images), drawn(targets)[0]], 3))


def overlaid(images: Tensor, targets: Tensor) -> Tensor:
    """uint8 (n, 3, height, width): masks or maps over their images, half and half."""
    return (in_colour(images) // 2 + drawn(targets)[0] // 2).contiguous()


def answered_panels(images: Tensor, targets: Tensor, answers: Tensor) -> list[Tensor]:
    """uint8 (3, 2 height, 2 width) each: image and truth, below them the answer and where it is wrong, as far as the truth is known;
    of images that were continued by their edges, what they were before."""
    are_numbers = targets.is_floating_point()
    known = targets.isfinite() if are_numbers else targets != NO_CLASS
    answers = torch.where(known, answers, torch.nan if are_numbers else NO_CLASS)
    truth, said = drawn(targets, answers)
    if are_numbers:
        off = (answers.float() - targets.float()).abs()
        wrong = shaded(off, 0.0, off.nan_to_num().max().item())
    else:
        red = torch.tensor(WRONG, dtype=torch.uint8).view(1, 3, 1, 1)
        wrong = torch.where((targets != answers).unsqueeze(1), red, in_colour(images) // 3)
    whole = torch.stack([in_colour(images), truth, said, wrong], 1)
    return [smaller(squared(parts[:, :, *around(there)])) for parts, there in zip(whole, known, strict=True)]


def around(there: Tensor) -> tuple[slice, slice]:
    """The rows and columns from the first to the last that has any of (height, width); all where none has."""
    places = there.nonzero()
    if not len(places):
        return slice(None), slice(None)
    (top, left), (bottom, right) = places.amin(0).tolist(), places.amax(0).tolist()
    return slice(top, bottom + 1), slice(left, right + 1)


def squared(parts: Tensor) -> Tensor:
    """Four pictures (4, channels, height, width) as one, two by two."""
    return torch.cat([torch.cat([*parts[:2]], 2), torch.cat([*parts[2:]], 2)], 1)


def drawn(*grids: Tensor) -> list[Tensor]:
    """Masks, or maps by one scale."""
    if not grids[0].is_floating_point():
        return [coloured(one) for one in grids]
    known = torch.cat([one.float().flatten() for one in grids])
    known = known[known.isfinite()]
    low, high = (known.min().item(), known.max().item()) if len(known) else (0.0, 1.0)
    return [shaded(one.float(), low, high) for one in grids]


def in_colour(images: Tensor) -> Tensor:
    """uint8 (n, 3, height, width): the first channel as grey, where there are not three of bytes."""
    if images.dtype != torch.uint8:
        low, high = images.amin(), images.amax()
        images = ((images - low) / (high - low).clamp_min(1e-12) * 255).to(torch.uint8)
    return images if images.shape[1] == 3 else images[:, :1].expand(-1, 3, -1, -1)


def smaller(pictures: Tensor) -> Tensor:
    """Every second pixel, or third …, of large ones."""
    step = max(1, max(pictures.shape[-2:]) // (2 * SIDE))
    return pictures[..., ::step, ::step]


def mask_key(classes: Sequence[str]) -> str:
    """The legend of masks in colours, one class below the other; "" without classes, as of maps."""
    entries = [(colour_of(place), name) for place, name in enumerate(classes[:NAMED])]
    if not entries:
        return ""
    rows = []
    for at, (colour, words) in enumerate([*entries, (UNKNOWN, say("report.key_no_class"))]):
        y, fill = 12 + 20 * at, "#{:02x}{:02x}{:02x}".format(*colour)
        rows.append(svg.element("rect", x=2, y=y - 7, width=32, height=14, fill=fill, stroke=svg.MUTED))
        rows.append(svg.text(42, y, words, dy="0.35em"))
    return svg.picture(rows, term("legend"), bottom=20 * len(entries) + 24)


def shares_in_words(grid: Tensor, targets: Targets) -> str:
    """What is in a mask, the largest share first; of a map the mean and the ends."""
    if targets.kind == "map":
        known = grid[grid.isfinite()].double()
        if not len(known):
            return say("report.nothing")
        low, high = (local(f"{edge:.4g}") for edge in (known.min(), known.max()))
        return f"{local(f'{known.mean():.4g}')} ({say('report.span', low=low, high=high)})"
    counts = torch.bincount(grid.flatten().long(), minlength=NO_CLASS + 1)[: len(targets.classes)].double()
    shares = sorted(zip((counts / counts.sum().clamp_min(1)).tolist(), targets.classes, strict=True), reverse=True)
    told = ", ".join(f"{name} {local(f'{100 * share:.1f}')} %" for share, name in shares if share >= FEWEST)
    return told or say("report.nothing")
