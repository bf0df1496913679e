"""Maps of what an answer is due to: over their image, and as coloured words. Blue speaks for the answer, orange against it, the
stronger the more."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

from profundo.pictures import svg
from profundo.pictures.image_grid import image_svg
from profundo.pictures.numbers import plain
from profundo.records import ProfundoError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["map_over_image", "maps_svg", "words_svg"]

FOR, AGAINST = (31, 95, 191), (217, 94, 14)
STRONGEST = 0.99  # quantile of the sizes of a map that has the full colour: a single pixel does not pale all others
PALE = 0.45  # how much of the image's own contrast is left below the colours
SMALLEST = 84  # pixels a side; smaller images are enlarged
LETTER, LINE, MARGIN = 7.4, 26, 8  # pixels of a word


def map_over_image(image: Tensor, by_place: Tensor) -> Tensor:
    """uint8 (3, height, width): the image (channels, height, width), pale and grey, under the colours of a map (height, width)."""
    import torch

    values = by_place.float().nan_to_num(0, 0, 0)
    sizes = values.abs().flatten()
    largest = sizes.kthvalue(math.ceil(STRONGEST * len(sizes))).values
    strength = (values.abs() / (largest if largest > 0 else sizes.max().clamp_min(1e-30))).clamp_max(1)
    grey = image[:3].float().mean(0) if image.shape[0] >= 3 else image[0].float()
    ground = (255 * (1 - PALE) * 0.9 + PALE * grey).expand(3, -1, -1)
    hues = torch.tensor([AGAINST, FOR], dtype=torch.float32)[(values > 0).long()].permute(2, 0, 1)
    return (ground * (1 - strength) + hues * strength).round().byte()


def maps_svg(images: Tensor, maps: Tensor, title: str) -> str:
    """Images (many, channels, height, width), uint8, in a row with their maps (many, height, width) below them."""
    import torch

    if len(images) != len(maps) or images.shape[2:] != maps.shape[1:]:
        raise ProfundoError(
            f"maps: expected one of the image's size for each, got {tuple(images.shape)} and {tuple(maps.shape)}"
        )
    channels = images if images.shape[1] == 3 else images[:, :1].expand(-1, 3, -1, -1)
    drawn = torch.stack([map_over_image(*pair) for pair in zip(images, maps, strict=True)])
    times = -(-SMALLEST // max(images.shape[-2:]))
    both = torch.cat([channels, drawn]).repeat_interleave(times, -2).repeat_interleave(times, -1)
    wide = len(images) * max(SMALLEST, images.shape[-1]) * 1.4
    return image_svg(both, len(images), title).replace("<svg ", f'<svg style="max-width:{wide:.0f}px" ', 1)


def words_svg(words: Sequence[str], values: Sequence[float], label: str) -> str:
    """Words in their order, each on a ground as strong as its value, and told to the pointer."""
    if len(words) != len(values) or not words:
        raise ProfundoError(f"words: expected a value for each word, got {len(words)} and {len(values)}")
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0) or 1.0
    x, y, parts = float(MARGIN), 6.0, []
    for word, value in zip(words, values, strict=True):
        short = svg.shortened(word, 40)
        wide = LETTER * sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in short) + 8
        if x > MARGIN and x + wide > svg.WIDTH - MARGIN:
            x, y = float(MARGIN), y + LINE
        name = f"{word}: {plain(value)}"
        ground = svg.colour(0 if value > 0 else 1)
        parts.append(
            svg.bar(
                x,
                x + wide,
                y,
                y + LINE - 4,
                name,
                fill=ground,
                fill_opacity=0.6 * (abs(value) / largest if math.isfinite(value) else 0),
                rx=3,
            )
        )
        parts.append(
            svg.text(x + wide / 2, y + LINE / 2 - 2, short, dy="0.35em", text_anchor="middle", pointer_events="none")
        )
        x += wide + 4
    strongest = sorted(zip(words, values, strict=True), key=lambda one: -abs(one[1]))[:5]
    told = f"{label}: {', '.join(f'{word} {plain(value)}' for word, value in strongest)}"
    return svg.picture(parts, told, bottom=y + LINE + 4)
