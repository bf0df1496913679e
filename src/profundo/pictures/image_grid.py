"""Images → one PNG in a data-URI, so that a page needs no other file."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

from profundo.pictures.film import GAP, sheet
from profundo.records import ProfundoError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["image_grid", "image_png", "image_svg", "photograph"]

QUALITY = 88  # of a JPEG


def image_grid(images: Tensor, columns: int | None = None) -> str:
    """`image_png` as data:image/png;base64,…, which a page can hold."""
    import base64

    return "data:image/png;base64," + base64.b64encode(image_png(images, columns)[0]).decode("ascii")


def photograph(image: Tensor) -> str:
    """One image, uint8 (channels, height, width), grey or in colour, as a JPEG in a data-URI: of a photograph a tenth of a PNG."""
    import base64
    from io import BytesIO

    from PIL import Image

    pixels = image[:3].permute(1, 2, 0).cpu().contiguous().numpy()
    file = BytesIO()
    Image.fromarray(pixels if len(image) >= 3 else pixels[:, :, 0]).save(file, format="JPEG", quality=QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def image_svg(images: Tensor, columns: int, title: str) -> str:
    """`image_grid` in a drawing of its size, for places that hold drawings; small pixels stay visible when enlarged."""
    height, width = images.shape[-2:]
    rows = math.ceil(len(images) / columns)
    wide, high = columns * (width + GAP) - GAP, rows * (height + GAP) - GAP
    sharp = ' style="image-rendering:pixelated"' if max(height, width) <= 96 else ""
    image = f'<image width="{wide}" height="{high}"{sharp} href="{image_grid(images, columns)}"/>'
    label = escape(title, quote=True)
    return f'<svg class="chart" role="img" aria-label="{label}" viewBox="0 0 {wide} {high}">{image}</svg>'


def image_png(images: Tensor, columns: int | None = None) -> tuple[bytes, int]:
    """Lay uint8 images (images, channels, height, width) out row by row, one pixel apart: a PNG, and its width.

    One channel is shown grey, three as red, green and blue, four with their own opacity; of any other number, the
    first channel. What is between images and cells left over in the last row are transparent; where nothing is, no
    opacity is written. Pixels are kept as they are: let the page scale them. columns: by default as near to a square
    as can be.
    """
    from io import BytesIO

    import torch.nn.functional as F
    from PIL import Image

    if images.ndim != 4 or 0 in images.shape or str(images.dtype) != "torch.uint8":
        raise ProfundoError(
            f"expected uint8 images (images, channels, height, width), got {images.dtype} {tuple(images.shape)}: "
            "pass raw images, at least one"
        )
    shown = images.shape[1] if images.shape[1] in (3, 4) else 1
    pixels = images.detach().cpu()[:, :shown]
    if shown < 4:
        pixels = F.pad(pixels, (0, 0, 0, 0, 0, 1), value=255)  # opaque
    whole = sheet(pixels, columns, background=0).permute(1, 2, 0).numpy()
    if (whole[:, :, -1] == 255).all():
        whole = whole[:, :, 0] if shown == 1 else whole[:, :, :3]
    file = BytesIO()
    Image.fromarray(whole).save(file, format="PNG")
    return file.getvalue(), whole.shape[1]
