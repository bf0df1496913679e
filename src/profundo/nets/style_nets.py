"""Nets that paint a photograph anew in one pass; images (batch, 3, height, width) in and out, of values from 0 to 1.

    StyleNet        one manner for good: down by four, residual blocks, up by four (Johnson, Alahi & Fei-Fei 2016, "Perceptual losses
                    for real-time style transfer and super-resolution"), each convolution with instance normalisation (Ulyanov,
                    Vedaldi & Lempitsky 2017, "Improved texture networks")
    AdaptiveStyle   any manner at once: maps of a photograph get the means and deviations of a painting's, and a decoder makes an
                    image of them (Huang & Belongie 2017, "Arbitrary style transfer in real-time with adaptive instance
                    normalization")

Other than in the papers, a StyleNet gives what is added to the photograph before the last sigmoid, and begins with nothing, which is
the photograph itself, a little pale: after few updates there is something to see already.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from profundo.nets.init import initialize_
from profundo.nets.perceptual import PerceptualNet, cut_after

__all__ = ["AdaptiveStyle", "StyleNet", "adain", "map_moments", "mixed"]

SLOPE = (
    4.0  # of the photograph: the sigmoid passes its middle as the identity; true logits would hold white and black fast
)
EASE = 0.1  # of what the last layer says: an optimizer that moves all its weights alike, hundreds a pixel, moves pixels by their sum
LEAST_VARIANCE = 1e-5


class Convolution(nn.Module):
    """Convolution, continued by reflection, instance normalisation with a scale and shift of its own, and ReLU if asked for."""

    def __init__(self, channels: int, outputs: int, side: int, *, stride: int = 1, relu: bool = True) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(
            channels, outputs, side, stride, side // 2, padding_mode="reflect", bias=False
        )  # whose shift normalisation would take away
        self.norm = nn.InstanceNorm2d(outputs, affine=True)
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.convolution(x))
        return x.relu() if self.relu else x


class Block(nn.Module):
    """x + two convolutions of it with a ReLU between."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(Convolution(width, width, 3), Convolution(width, width, 3, relu=False))

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = self.layers(x)
        return x + changed


class StyleNet(nn.Module):
    """width: channels at full size, the paper's are 32; twice as many at half of it, four times at a quarter, with the blocks."""

    def __init__(self, width: int = 16, blocks: int = 5) -> None:
        super().__init__()
        self.first = Convolution(3, width, 9)
        self.second = Convolution(width, 2 * width, 3, stride=2)
        self.third = Convolution(2 * width, 4 * width, 3, stride=2)
        self.blocks = nn.Sequential(*(Block(4 * width) for _ in range(blocks)))
        self.to_half = Convolution(4 * width, 2 * width, 3)
        self.to_whole = Convolution(2 * width, width, 3)
        self.last = nn.Conv2d(width, 3, 9, padding=4, padding_mode="reflect")
        initialize_(self)
        nn.init.zeros_(self.last.weight)

    def forward(self, images: Tensor) -> Tensor:
        whole = self.first(images - 0.5)
        half = self.second(whole)
        x = self.blocks(self.third(half))
        x = self.to_half(F.interpolate(x, half.shape[2:]))  # nearest, then convolved: no chequers (Odena et al. 2016)
        x = self.to_whole(F.interpolate(x, whole.shape[2:]))
        added: Tensor = self.last(x)
        return (SLOPE * (images - 0.5) + EASE * added).sigmoid()


# ----------------------------------------------------------------------------------- adaptive instance normalisation
def map_moments(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation over the places of each map: (batch, channels, 1, 1)."""
    variance, mean = torch.var_mean(maps, (2, 3), correction=0, keepdim=True)
    return mean, (variance + LEAST_VARIANCE).sqrt()


def adain(content: Tensor, style: Tensor) -> Tensor:
    """σ(y) (x − μ(x)) / σ(x) + μ(y): the content's maps x with the means and deviations of the style's y (equation 8)."""
    (own, spread), (mean, deviation) = map_moments(content), map_moments(style)
    return deviation * (content - own) / spread + mean


def mixed(content: Tensor, styles: Sequence[Tensor], shares: Sequence[float], strength: float) -> Tensor:
    """(1 − α) x + α Σ wₖ AdaIN(x, yₖ) of strength α and shares w, which are made to add up to 1 (equations 14 and 15)."""
    of_styles = sum(share / sum(shares) * adain(content, style) for style, share in zip(styles, shares, strict=True))
    return (1 - strength) * content + strength * of_styles


class AdaptiveStyle(nn.Module):
    """Encoder, which stays as it is, up to the layer whose maps are changed, and decoder: the encoder's convolutions in the other
    direction, with the nearest pixel doubled where the encoder pools, and neither normalised (section 6.2).

    layer: the paper's is relu4_1; of relu3_1 a decoder of half as many layers learns to make images sooner, with smaller strokes.
    scale: the root mean square of the encoder's maps, by which the decoder has them divided: encoders differ by hundreds.
    """

    scale: Tensor

    def __init__(self, encoder: PerceptualNet, layer: str = "relu4_1") -> None:
        super().__init__()
        self.encoder, self.layer = cut_after(encoder, layer), layer
        self.coarseness = 2 ** (int(layer[len("relu")]) - 1)  # pixels of an image, across and down, in one of the maps
        layers: list[nn.Module] = []
        for name, one in reversed(list(self.encoder.convolutions.items())):
            assert isinstance(one, nn.Conv2d)
            layers += [
                nn.Conv2d(one.out_channels, one.in_channels, 3, padding=1, padding_mode="reflect"),
                nn.ReLU(),
            ]
            if name.endswith("_1") and name != "relu1_1":
                layers.append(nn.Upsample(scale_factor=2))
        self.decoder = initialize_(nn.Sequential(*layers[:-1]))
        self.register_buffer("scale", torch.ones(()))

    @torch.no_grad()
    def measure(self, images: Tensor) -> None:
        """Take the scale of the maps from these images."""
        self.scale.copy_(self.encode(images).square().mean().sqrt())

    def encode(self, images: Tensor) -> Tensor:
        """The maps (batch, channels, ⌈height / c⌉, ⌈width / c⌉) of images continued by their edges, c the coarseness."""
        height, width = images.shape[2:]
        padded = F.pad(images, (0, -width % self.coarseness, 0, -height % self.coarseness), mode="replicate")
        maps: dict[str, Tensor] = self.encoder(padded, [self.layer])
        return maps[self.layer]

    def decode(self, maps: Tensor, height: int, width: int) -> Tensor:
        made: Tensor = (EASE * self.decoder(maps / self.scale)).sigmoid()
        return made[:, :, :height, :width]

    def forward(
        self, images: Tensor, styles: Sequence[Tensor], shares: Sequence[float] = (1.0,), strength: float = 1.0
    ) -> Tensor:
        """styles: images of one size each, a batch of one or as large as that of the photographs."""
        return self.in_manners(images, [self.encode(style) for style in styles], shares, strength)

    def in_manners(self, images: Tensor, styles: Sequence[Tensor], shares: Sequence[float], strength: float) -> Tensor:
        """The same of styles that are encoded, as for many photographs in turn they need be once only."""
        return self.decode(mixed(self.encode(images), styles, shares, strength), *images.shape[2:])
