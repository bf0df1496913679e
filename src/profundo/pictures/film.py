"""Frames → one animated PNG that plays in a page without a script, pixel for pixel as it was given.

APNG rather than GIF: it keeps all 256 greys and every colour, where a GIF has 256 colours in all, and every browser has
shown it since 2020. A viewer that does not know it shows the first frame.
"""

from __future__ import annotations

import math
from io import BytesIO
from typing import TYPE_CHECKING

from profundo.records import ProfundoError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["film", "sheet"]

GAP = 1  # pixels between the images of a sheet
LAST = 5  # the last frame stays this many times as long: it is the result
LONGEST = 65_535  # milliseconds of a frame: APNG has 16 bits for them


def film(frames: Tensor, seconds: float = 0.3) -> bytes:
    """An animated PNG, for ever round, of uint8 frames (frames, channels, height, width), `seconds` each.

    The last frame is held five times as long. Neighbours that are equal become one frame that is shown as long as both.
    One channel is grey, three are red, green and blue, four have their own opacity; of any other number, the first.
    Raises ProfundoError for anything but uint8 frames, for none, and for a time under a millisecond.
    """
    from PIL import Image

    if frames.ndim != 4 or 0 in frames.shape or str(frames.dtype) != "torch.uint8":
        raise ProfundoError(
            f"film: expected uint8 frames (frames, channels, height, width), got {frames.dtype} {tuple(frames.shape)}"
        )
    if not 0.001 <= seconds <= 10:
        raise ProfundoError(f"film: expected 0.001 to 10 seconds a frame, got {seconds}")
    pixels = frames.detach().cpu().permute(0, 2, 3, 1).numpy()
    grey = pixels.shape[3] not in (3, 4)
    images: list[Image.Image] = []
    times: list[int] = []
    for index, frame in enumerate(pixels):
        time = round(1000 * seconds) * (LAST if index == len(pixels) - 1 else 1)
        if index and (frame == pixels[index - 1]).all():
            times[-1] = min(times[-1] + time, LONGEST)
        else:
            images.append(Image.fromarray(frame[..., 0] if grey else frame))
            times.append(time)
    file = BytesIO()
    first, *others = images
    if others:
        first.save(file, format="PNG", save_all=True, append_images=others, duration=times, loop=0)
    else:
        first.save(file, format="PNG")
    return file.getvalue()


def sheet(images: Tensor, columns: int | None = None, background: int = 255) -> Tensor:
    """Images (images, channels, height, width) side by side, row by row, one pixel apart: (channels, height, width).

    One frame of a film. columns: by default as near to a square as can be. background: value between the images and in
    the cells that are left over.
    """
    number, channels, height, width = images.shape
    columns = columns or math.ceil(math.sqrt(number))
    rows = math.ceil(number / columns)
    whole = images.new_full((channels, rows * (height + GAP) - GAP, columns * (width + GAP) - GAP), background)
    for index, image in enumerate(images):
        top, left = (index // columns) * (height + GAP), (index % columns) * (width + GAP)
        whole[:, top : top + height, left : left + width] = image
    return whole
