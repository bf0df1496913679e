"""A small net whose every layer halves the image, so that almost no arithmetic happens at full resolution.

Strides instead of pooling (Springenberg et al. 2015, "Striving for simplicity"), batch normalisation after every
convolution (Ioffe & Szegedy 2015). On 28×28 MNIST, one-cycle SGD (peak rate 0.4, Nesterov momentum 0.9, weight decay
5e-4, batch 256) reaches 99.1 % in 2 epochs and 99.2 % in 3, at 5 ms a step in bfloat16 on two AVX-512 cores.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn

from profundo.nets.init import SMALL_OUTPUT, initialize_
from profundo.nets.net_names import check, of_a_spec
from profundo.records import Spec

__all__ = ["fast_cnn"]

Stage = tuple[int, int, int]
"""Width, kernel, stride."""


@of_a_spec
def fast_cnn(spec: Spec) -> nn.Sequential:
    """For images of any size: three stages up to 32 pixels; larger ones are halved until at most 4 pixels remain and
    then averaged, so that the number of parameters does not grow with the area."""
    check("fast_cnn", spec)
    layers, features = trunk(spec.inputs.shape)
    layers["output"] = nn.Linear(features, spec.outputs)
    return initialize_(nn.Sequential(layers), output_gain=SMALL_OUTPUT)


def trunk(shape: Sequence[int]) -> tuple[OrderedDict[str, nn.Module], int]:
    """The layers from images (batch, *shape) to features (batch, features) by name, and how many features."""
    channels, height, width = shape
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for number, (features, kernel, stride) in enumerate(stages(max(height, width)), start=1):
        layers[f"conv{number}"] = nn.Conv2d(channels, features, kernel, stride, kernel // 2, bias=False)
        layers[f"norm{number}"] = nn.BatchNorm2d(features)
        layers[f"relu{number}"] = nn.ReLU()
        channels, height, width = features, -(-height // stride), -(-width // stride)
    if max(shape[1:]) > 32:
        layers["average"] = nn.AdaptiveAvgPool2d(1)
        height = width = 1
    layers["flatten"] = FlattenChannelsLast()
    return layers, channels * height * width


class FlattenChannelsLast(nn.Module):
    """(batch, channels, height, width) → (batch, height · width · channels), without a copy where channels lie last.

    nn.Flatten puts channels first; the gradient then comes back in another layout than the activations have, and the
    ReLU before it takes ten times as long.
    """

    def forward(self, images: Tensor) -> Tensor:
        return images.permute(0, 2, 3, 1).flatten(1)


def stages(side: int) -> list[Stage]:
    """The convolutions for images whose longer side has that many pixels."""
    if side < 16:
        return [(16, 3, 1), (32, 3, 2), (64, 3, 1)]
    plan: list[Stage] = [(16, 5, 2), (32, 3, 2), (64, 3, 2)]
    left = -(-side // 8)
    while left > 4:
        plan.append((min(2 * plan[-1][0], 256), 3, 2))
        left = -(-left // 2)
    return plan
