"""Images → one PNG in a data-URI, so that a page needs no other file."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

from profundo.records import ProfundoError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["image_grid", "image_png", "image_svg"]

GAP = 1  # transparent pixels between neighbours


def image_grid(images: Tensor, columns: int | None = None) -> str:
    """`image_png` as data:image/png;base64,…, which a page can hold."""
    import base64

    return "data:image/png;base64," + base64.b64encode(image_png(images, columns)[0]).decode("ascii")


def image_svg(images: Tensor, columns: int, title: str) -> str:
    """`image_grid` in a drawing of its size, for places that hold drawings; small pixels stay visible when enlarged."""
    height, width = images.shape[-2:]
    rows = math.ceil(len(images) / columns)
    size = f'width="{columns * (width + GAP) - GAP}" height="{rows * (height + GAP) - GAP}"'
    sharp = ' style="image-rendering:pixelated"' if max(height, width) <= 96 else ""
    box = f"0 0 {columns * (width + GAP) - GAP} {rows * (height + GAP) - GAP}"
    image = f'<image {size}{sharp} href="{image_grid(images, columns)}"/>'
    label = escape(title, quote=True)
    return f'<svg class="chart" role="img" aria-label="{label}" viewBox="{box}">{image}</svg>'


def image_png(images: Tensor, columns: int | None = None) -> tuple[bytes, int]:
    """Lay uint8 images (images, channels, height, width) out row by row, one pixel apart: a PNG, and its width.

    One channel is shown grey, three as red, green and blue, four with their own opacity; of any other number, the
    first channel. Cells left over in the last row are transparent. Pixels are kept as they are: let the page scale
    them. columns: by default as near to a square as can be.
    """
    from io import BytesIO

    import numpy as np
    from PIL import Image

    if images.ndim != 4 or 0 in images.shape or str(images.dtype) != "torch.uint8":
        raise ProfundoError(
            f"expected uint8 images (images, channels, height, width), got {images.dtype} {tuple(images.shape)}: "
            "pass raw images, at least one"
        )
    pixels = images.detach().cpu().permute(0, 2, 3, 1).numpy()
    number, height, width, channels = pixels.shape
    columns = columns or math.ceil(math.sqrt(number))
    rows = math.ceil(number / columns)
    shown = channels if channels in (3, 4) else 1
    opaque = 3 if shown >= 3 else 1
    sheet = np.zeros((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, opaque + 1), np.uint8)
    for index, image in enumerate(pixels):
        top, left = (index // columns) * (height + GAP), (index % columns) * (width + GAP)
        sheet[top : top + height, left : left + width, opaque] = 255
        sheet[top : top + height, left : left + width, :shown] = image[..., :shown]
    file = BytesIO()
    Image.fromarray(sheet).save(file, format="PNG")
    return file.getvalue(), sheet.shape[1]
