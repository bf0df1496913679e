"""What the convolutions of VGG-16 see in an image, layer by layer: content and style of a picture (Gatys, Ecker & Bethge 2016,
"Image style transfer using convolutional neural networks").

The content is what units say at their places; the style is which units are active together, wherever that is: the Gram matrix
Gᵢⱼ = Σₓ Fᵢ(x) Fⱼ(x) / (places × channels). Poolings average, as the paper advises. Nothing of it learns: gradients go through to
the image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from profundo.nets.vgg import CONVOLUTIONS
from profundo.records import ProfundoError

__all__ = [
    "CONTENT_LAYER",
    "STYLE_LAYERS",
    "PerceptualNet",
    "cut_after",
    "drawn",
    "feature_distance",
    "from_edges",
    "from_imagenet",
    "gram",
]

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
CONTENT_LAYER = "relu4_2"
WIDTHS = (64, 128, 256, 512, 512)
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CAFFE_MEAN = (123.68, 116.779, 103.939)  # of 255, red first; no deviation


class PerceptualNet(nn.Module):
    """Images (batch, 3, height, width) of values from 0 to 1 → the maps of the layers asked for, by name, after their ReLU.

    width: multiplies the channels; mean, std: per channel, of inputs from 0 to 1.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, width: float = 1.0, mean: Sequence[float] = IMAGENET_MEAN, std: Sequence[float] = IMAGENET_STD
    ) -> None:
        super().__init__()
        self.convolutions = nn.ModuleDict()
        channels = 3
        for block, (several, wide) in enumerate(zip(CONVOLUTIONS["vgg16"], WIDTHS, strict=True), 1):
            for number in range(1, several + 1):
                own = max(1, round(wide * width))
                self.convolutions[f"relu{block}_{number}"] = nn.Conv2d(channels, own, 3, padding=1)
                channels = own
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1))
        self.requires_grad_(False)

    @property
    def layers(self) -> list[nn.Conv2d]:
        return [layer for layer in self.convolutions.values() if isinstance(layer, nn.Conv2d)]

    def forward(self, images: Tensor, layers: Sequence[str] = (*STYLE_LAYERS, CONTENT_LAYER)) -> dict[str, Tensor]:
        x, found = (images - self.mean) / self.std, {}
        for name in self.convolutions:
            x = self.through(name, x)
            if name in layers:
                found[name] = x
            if len(found) == len(layers):
                break
        return found

    def through(self, name: str, x: Tensor) -> Tensor:
        """What that layer makes of the maps of the one before it, of which the first of a block first takes means of four places."""
        if name.endswith("_1") and name != "relu1_1":
            x = F.avg_pool2d(x, 2)
        maps: Tensor = self.convolutions[name](x).relu()
        return maps

    def onward(self, maps: Tensor, after: str, last: str) -> Tensor:
        """The maps of layer `last` for an image of which layer `after` has these maps."""
        names = list(self.convolutions)
        for name in names[names.index(after) + 1 : names.index(last) + 1]:
            maps = self.through(name, maps)
        return maps


def gram(maps: Tensor, where: Tensor | None = None) -> Tensor:
    """(batch, channels, channels) of maps (batch, channels, height, width). where: (1, 1, height, width) from 0 to 1, the places
    that count (Gatys et al. 2017, "Controlling perceptual factors in neural style transfer")."""
    places: float = maps[0, 0].numel()
    if where is not None:
        maps, places = maps * where.sqrt(), max(1e-8, float(where.sum()))
    flat = maps.flatten(2)
    return flat @ flat.transpose(1, 2) / (places * maps.shape[1])


def feature_distance(maps: Mapping[str, Tensor], others: Mapping[str, Tensor]) -> Tensor:
    """(batch,): the squared distance of two images' maps, from 0 to 4, of length 1 at each place; the mean over places and layers
    (Zhang et al. 2018, "The unreasonable effectiveness of deep features as a perceptual metric", equation 1 with weights of 1)."""
    apart = [
        (F.normalize(one, dim=1) - F.normalize(others[name], dim=1)).square().sum(1).mean((1, 2))
        for name, one in maps.items()
    ]
    return torch.stack(apart).mean(0)


def cut_after(net: PerceptualNet, layer: str) -> PerceptualNet:
    """The net without what comes after that layer, in place."""
    names = list(net.convolutions)
    for name in names[names.index(layer) + 1 :]:
        del net.convolutions[name]
    return net


def drawn(width: float, generator: torch.Generator) -> PerceptualNet:
    """Of weights that nothing taught, of normal deviation √(2 / inputs) (He et al. 2015): textures show through even then
    (Ustyuzhaninov et al. 2016, "Texture synthesis using shallow convolutional networks with random filters")."""
    net = PerceptualNet(width, (0.5,) * 3, (0.25,) * 3)
    for layer in net.layers:
        deviation = (2 / (9 * layer.in_channels)) ** 0.5
        weight = torch.randn(layer.weight.shape, generator=generator) * deviation
        layer.load_state_dict({"weight": weight, "bias": torch.zeros(layer.out_channels)})
    return net


def from_imagenet(weights: Mapping[str, Tensor]) -> PerceptualNet:
    """With the convolutions of a published VGG-16, by the names that its layers have there."""
    net = PerceptualNet()
    names = [name for name in weights if name.startswith("features.") and name.endswith("weight")]
    return filled(net, [(weights[name], weights[name.replace("weight", "bias")]) for name in names])


def from_edges(file: object) -> PerceptualNet:
    """With the convolutions of a holistically-nested edge detector (Xie & Tu 2015), which began as those of VGG-16: of an open
    HDF5 file as Keras writes them. They take blue first, of 255, less a mean; here they are turned to red first, of 1."""
    net, pairs = PerceptualNet(mean=tuple(m / 255 for m in CAFFE_MEAN), std=(1 / 255,) * 3), []
    for block, several in enumerate(CONVOLUTIONS["vgg16"], 1):
        for number in range(several):
            name = f"block{block}/layers/conv2d{f'_{number}' if number else ''}/vars"
            weight, bias = (torch.from_numpy(np.asarray(file[f"{name}/{part}"], np.float32)) for part in (0, 1))  # type: ignore[index]
            pairs.append((weight.permute(3, 2, 0, 1).contiguous(), bias))
    pairs[0] = (pairs[0][0].flip(1), pairs[0][1])
    return filled(net, pairs)


def filled(net: PerceptualNet, pairs: Sequence[tuple[Tensor, Tensor]]) -> PerceptualNet:
    """Raises ProfundoError where the weights are of another net."""
    for number, layer, (weight, bias) in zip(count(1), net.layers, pairs, strict=False):
        if weight.shape != layer.weight.shape or bias.shape != weight.shape[:1]:
            raise ProfundoError(
                f"weights: expected {tuple(layer.weight.shape)} in convolution {number}, got {tuple(weight.shape)}"
            )
        layer.load_state_dict({"weight": weight, "bias": bias})
    if len(pairs) != len(net.layers):
        raise ProfundoError(f"weights: expected {len(net.layers)} convolutions, got {len(pairs)}")
    return net
