"""What a step of looking at an image costs, beside SciPy and PyTorch for the same: convolution, colour, pooling, pictures.

python -m benchmarks.images [--rounds 15]

For a slider to follow the hand, a step should take no more than 50 ms. One thread; the import is not counted.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage

from benchmarks.common import in_turn, keep, ratios, show
from profundo import images
from profundo.inspect.image_sheet import image_page, pooling_steps, sliding_steps
from profundo.inspect.image_view import ImageView, image_view


def convolutions(pixels: np.ndarray, kernel: str) -> dict[str, Callable[[], object]]:
    """The same convolution of each channel by three libraries, float32."""
    weights = images.kernel_of(kernel).weights.astype(np.float32)
    planes = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[:, None]
    each = torch.from_numpy(weights)[None, None]
    return {
        "profundo": partial(images.correlate, pixels, kernel),
        "torch": partial(F.conv2d, planes, each),
        "scipy": lambda: [ndimage.correlate(pixels[..., at], weights) for at in range(pixels.shape[2])],
    }


def looks(view: ImageView) -> dict[str, Callable[[], object]]:
    pixels = view.image.pixels
    return {
        "pool": partial(images.pool, pixels, "max", 2),
        **{f"to {name}": partial(images.to_space, view.image.rgb, name) for name in images.SPACES},
        "steps of the kernel, drawn": partial(sliding_steps, view),
        "steps of the pooling, drawn": partial(pooling_steps, view),
        "words": partial(str, view),
        "page": partial(image_page, view),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    digit = np.random.default_rng(0).random((28, 28, 1), np.float32)
    photo = images.read_image("flower").pixels.astype(np.float32)
    result: dict[str, Any] = {}
    for name, pixels in (("28 × 28, grey", digit), ("427 × 640, in colour", photo)):
        for kernel in ("sobel-x", "gaussian:1.5"):
            measured = ratios(in_turn(convolutions(pixels, kernel), asked.rounds), "torch")
            print(f"\n{kernel} on {name}")
            show(measured)
            result[f"{kernel} on {name}"] = measured
    view = image_view("flower", kernel="sobel-x", pool="max:2")
    measured = ratios(in_turn(looks(view), asked.rounds), "pool")
    print("\nlooks at 427 × 640 in colour")
    show(measured)
    keep("images", {**result, "looks at 427 × 640, in colour": measured})


if __name__ == "__main__":
    main()
