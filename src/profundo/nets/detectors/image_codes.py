"""What a detector sees of a whole image, before it looks for objects: the maps of its backbone, and their mean as a code.

A code is as long for every image, however many objects are in it: by codes images are compared (use/image_search), and the maps they
are means of are what can be looked into (inspect/).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from profundo.nets.detectors.backbones import Backbone
from profundo.nets.detectors.pyramid import continued
from profundo.records import ProfundoError

__all__ = ["ImageCodes", "image_codes"]


class ImageCodes(nn.Module):
    """Images (batch, channels, height, width) → (batch, features): the mean of the backbone's coarsest maps over their places."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, images: Tensor) -> Tensor:
        maps: list[Tensor] = self.backbone(continued(images, self.backbone.strides[-1]))
        return torch.mean(maps[-1], (2, 3))


def image_codes(detector: nn.Module) -> ImageCodes:
    """Of the backbone that it stands on, which stays its own. Raises ProfundoError for a detector that has none of this room."""
    own = next((part for part in detector.modules() if isinstance(part, Backbone)), None)
    if own is None:
        raise ProfundoError(
            f"{type(detector).__name__}: expected a detector with a backbone of nets/detectors, such as fcos; this one has as many "
            "answers as it finds, and nothing that tells of a whole image; `profundo report` shows what it found and missed"
        )
    return ImageCodes(own)
