"""An encoder of images and what stands behind it while it learns without labels.

The encoder halves the image three times, at once in its first layer, which costs most, and ends in the mean over what is left, so
that its codes say what is there and not where. What is compared are projections of the codes, by layers that are thrown away
afterwards: the codes before them serve better (Chen et al. 2020, section 4.2).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn

from profundo.nets.init import SMALL_OUTPUT, initialize_
from profundo.records import Spec

__all__ = ["classifier_of", "encoder", "projector"]


class Mean(nn.Module):
    """(batch, channels, height, width) → (batch, channels)."""

    def forward(self, images: Tensor) -> Tensor:
        return images.mean((2, 3))


def encoder(shape: Sequence[int], width: int) -> nn.Sequential:
    """Images (batch, *shape) → codes (batch, 8 · width)."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels = shape[0]
    plan = ((width, 5, 2), (2 * width, 3, 2), (4 * width, 3, 1), (8 * width, 3, 2))
    for number, (features, kernel, stride) in enumerate(plan, 1):
        layers[f"conv{number}"] = nn.Conv2d(channels, features, kernel, stride, kernel // 2, bias=False)
        layers[f"norm{number}"] = nn.BatchNorm2d(features)
        layers[f"relu{number}"] = nn.ReLU()
        channels = features
    layers["mean"] = Mean()
    return initialize_(nn.Sequential(layers))


def projector(codes: int, width: int) -> nn.Sequential:
    """Codes (batch, codes) → projections (batch, width)."""
    return initialize_(
        nn.Sequential(
            nn.Linear(codes, codes, bias=False), nn.BatchNorm1d(codes), nn.ReLU(), nn.Linear(codes, width, bias=False)
        )
    )


def classifier_of(codes: nn.Sequential, spec: Spec, width: int) -> nn.Sequential:
    """The encoder of that width with an output layer, linear in its codes."""
    output = initialize_(nn.Sequential(nn.Linear(8 * width, spec.outputs)), output_gain=SMALL_OUTPUT)[0]
    return nn.Sequential(OrderedDict(encoder=codes, output=output))
