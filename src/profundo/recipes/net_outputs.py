"""What the nets of recipes make of inputs, of samples in memory or of files."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from profundo.data.new_inputs import read_image, read_rows
from profundo.data.standard import standardize
from profundo.evaluate import evaluating
from profundo.pictures.image_grid import image_png
from profundo.records import Inputs

__all__ = [
    "as_pictures",
    "device_of",
    "enlarged",
    "few_at_once",
    "image_answer",
    "in_parts",
    "outputs",
    "outputs_in_parts",
    "read_intensities",
    "row_answers",
]


AT_ONCE = 2**20  # pixels of images that are computed with together


def device_of(net: nn.Module) -> torch.device:
    return next(net.parameters()).device


def outputs(net: nn.Module, *inputs: Tensor) -> Tensor:
    """Of its input, or of several, on the CPU, in evaluation mode, without gradients."""
    with evaluating(net):
        made: Tensor = net(*(one.to(device_of(net)) for one in inputs))
    return made.cpu()


def outputs_in_parts(net: nn.Module, *inputs: Tensor) -> Tensor:
    """The same of many samples (samples, …), a thousand at once."""
    parts = zip(*(torch.split(one, 1000) for one in inputs), strict=True)
    return torch.cat([outputs(net, *part) for part in parts])


def few_at_once(images: Tensor) -> int:
    """How many images of this size are computed with together."""
    return max(1, AT_ONCE // (images.shape[-2] * images.shape[-1]))


def in_parts(change: Callable[..., Tensor], images: Tensor, *others: Tensor) -> Tensor:
    """What is made of images (images, channels, height, width), and of what belongs to each, few at once where they are large: in
    float32 a whole split of those would not fit in memory."""
    parts = zip(*(torch.split(one, few_at_once(images)) for one in (images, *others)), strict=True)
    return torch.cat([change(*part) for part in parts])


# --------------------------------------------------------------------------------------------------------------- files
def read_intensities(files: Sequence[Path], shape: Sequence[int], window: Sequence[int] = ()) -> Tensor:
    """Image files as float32 (files, channels, height, width), from 0 to 1. window: see Inputs."""
    inputs = Inputs(tuple(shape), "image", window=tuple(window))
    return torch.stack([read_image(file, inputs) for file in files]).float() / 255


def row_answers(
    files: Sequence[Path], net: nn.Module, inputs: Inputs, answer: Callable[[float], Any]
) -> list[dict[str, Any]]:
    """answer: what a net's only output means. For each row of CSV files with the inputs as columns, by name, in their own
    units."""
    predictions = []
    for file in files:
        values = outputs(net, standardize(read_rows(file, inputs), inputs))[:, 0].tolist()
        predictions += [
            {"input": f"{file}, row {number}", "prediction": answer(value)} for number, value in enumerate(values, 1)
        ]
    return predictions


def image_answer(file: Path, told: str, images: Tensor) -> dict[str, Any]:
    """What is predicted for a file is an image, uint8 (1, 3, height, width): a PNG in base64. told: of it, in words."""
    png, _ = image_png(images, 1)
    return {"input": str(file), "prediction": told, "image": base64.b64encode(png).decode("ascii")}


# ------------------------------------------------------------------------------------------------------------ pictures
def as_pictures(values: Tensor) -> Tensor:
    """uint8 images of intensities on any device; those beyond 0 to 1 are cut."""
    return (255 * values.clamp(0, 1)).round().to(torch.uint8).cpu()


def enlarged(images: Tensor, times: int) -> Tensor:
    """Images (images, channels, height, width), each pixel so many times as high and as wide."""
    return images.repeat_interleave(times, 2).repeat_interleave(times, 3)
