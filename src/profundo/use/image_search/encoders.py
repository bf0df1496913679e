"""What turns images into features that are compared: a published net, a net of one's own, or nothing, the pixels themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from profundo.data import standardize
from profundo.data.new_inputs import image_of
from profundo.nets.detectors.image_codes import image_codes
from profundo.nets.published_weights import IMAGENET, PUBLISHED
from profundo.records import Batch, Inputs, ProfundoError, Spec, Targets
from profundo.runs.pretrained import published_net
from profundo.train.fine_tuning import features
from profundo.use.looking_into import opened

__all__ = ["ENCODERS", "PIXELS", "Encoder", "encoder_named"]

PIXELS, PIXEL_SIZE = "pixels", 32
SMALLEST, LARGEST = 64, 1024  # pixels of a side, for published nets
ENCODERS = (PIXELS, *(name for name, known in PUBLISHED.items() if known.net != "minilm"))


@dataclass(frozen=True, slots=True)
class Encoder:
    """name: as it is asked for; inputs: how images are made alike; net: None where pixels are compared; by_outputs: whether its
    outputs are the features, for they are no classes; digest: SHA-256 of the weights, "" where there are none."""

    name: str
    inputs: Inputs
    net: nn.Module | None
    by_outputs: bool = False
    digest: str = ""

    def read(self, content: bytes) -> Tensor:
        """A file's bytes → uint8 (channels, height, width). Raises ValueError with the reason when they are no image."""
        return image_of(content, self.inputs)

    def __call__(self, images: Sequence[Tensor]) -> Tensor:
        """uint8 images, each (channels, height, width) → float32 (images, features), each row of length 1."""
        seen = standardize(torch.stack(list(images)), self.inputs)
        if self.net is None:
            given = seen
        elif self.by_outputs:
            with torch.inference_mode():
                given = self.net(seen)
        else:
            given = features(self.net, [Batch(seen, seen, len(seen))])
        return F.normalize(given.flatten(1).float(), dim=1)


def encoder_named(name: str | Path, image_size: int | None = None) -> Encoder:
    """`pixels`, a published net of images by name, or the folder of a run that takes images.

    image_size: pixels of a side that images are brought to; by default what the net learned from. Raises ProfundoError for
    other names, runs of other data, and sizes that a net does not take.
    """
    name = str(name)
    if name == PIXELS:
        side = checked_size(image_size, PIXEL_SIZE, 1)
        return Encoder(name, Inputs((3, side, side), "image", mean=(127.5,) * 3, std=(127.5,) * 3), None)
    if name in ENCODERS:
        side = checked_size(image_size, IMAGENET.inputs.shape[1], SMALLEST)
        net = published_net(name)
        return Encoder(name, replace(IMAGENET.inputs, shape=(3, side, side)), net, digest=digest_of(net))
    if not Path(name).is_dir():
        raise ProfundoError(
            f"encoder {name!r}: expected {', '.join(ENCODERS)}, or the folder of a run; found no such folder"
        )
    return encoder_of_run(name, image_size)


def encoder_of_run(folder: str, image_size: int | None) -> Encoder:
    run = opened(folder)
    spec, net = run.data.spec, run.net
    if (
        spec.targets.traits.per == "object"
    ):  # by what its backbone makes of a whole image, brought to the size of its batches
        spec, net = Spec(replace(spec.inputs, longest=None), Targets("any")), image_codes(net)
    if spec.inputs.kind != "image" or spec.inputs.longest is not None:
        raise ProfundoError(f"{folder}: expected a net of whole images, its net takes {spec.inputs.things}")
    if image_size not in (None, *spec.inputs.shape[1:]):
        height, width = spec.inputs.shape[1:]
        raise ProfundoError(
            f"{folder}: its net takes images of {height}×{width}, got --image-size {image_size}; leave it out"
        )
    *_, last = net.modules()
    is_classifier = bool(spec.targets.classes) and isinstance(last, nn.Linear)
    return Encoder(folder, spec.inputs, net.eval(), by_outputs=not is_classifier, digest=digest_of(net))


def checked_size(asked: int | None, usual: int, least: int) -> int:
    if asked is not None and not least <= asked <= LARGEST:
        raise ProfundoError(f"--image-size: expected {least} to {LARGEST} pixels, got {asked}")
    return asked or usual


def digest_of(net: nn.Module) -> str:
    """SHA-256 of all weights and what else is kept with them."""
    total = hashlib.sha256()
    for name, value in sorted(net.state_dict().items()):
        total.update(name.encode() + str(tuple(value.shape)).encode())
        total.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return total.hexdigest()
