"""LeNet-5 as published (LeCun, Bottou, Bengio & Haffner 1998, "Gradient-based learning applied to document recognition").

    layer   maps      what                                                            trainable
    C1      6@28×28   5×5 convolution of the 32×32 image                                    156
    S2      6@14×14   sum of 2×2, times a coefficient, plus a bias: two of them a map        12
    C3      16@10×10  5×5 convolution; each map sees 3, 4 or 6 of S2's (table I)          1,516
    S4      16@5×5    as S2                                                                  32
    C5      120@1×1   5×5 convolution of all maps                                        48,120
    F6      84        fully connected                                                    10,164
    output  10        y_k = Σ_j (x_j − w_kj)², w_k a fixed picture of class k in 7×12         0
                                                                                         60,000
Every layer but the last ends in the squashing function 1.7159 tanh(2a/3), which maps ±1 to ±1 (appendix A).

The net returns −y_k. Then the categorical cost, y_d − (−log Σ_k exp(−y_k)), is the paper's equation 9 without its
term exp(−j), the constant chance of "none of them". Outputs and F6 thus still mean what they meant: F6 is to draw
the class, and −y_k is how far its drawing is from the picture of k.

Not as published: the weights' first values (1/√fan-in instead of ±2.4/fan-in, with which signals shrink from layer to
layer), and the pictures of the digits, which are drawn here after the same idea (figure 3 has all of
ASCII in 7×12 black and white pixels). How it was trained then, and is now: recipes/zoo/lenet5_1998.py.
"""

from __future__ import annotations

from collections import OrderedDict
from math import sqrt
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from profundo.nets.net_names import check, of_a_spec
from profundo.records import ProfundoError, Spec

__all__ = ["C3_TABLE", "DIGITS", "Codes", "Frame", "SparseConv", "Squash", "Subsampling", "codes", "lenet5_1998"]

SIDE = 32
CODE = 7 * 12

# Table I: the maps of S2 that each map of C3 sees: runs of three, runs of four, four with gaps, all.
C3_TABLE: tuple[tuple[int, ...], ...] = (
    *((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5)),
    *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5)),
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)),
    (0, 1, 2, 3, 4, 5),
)

# Ten pictures of 12 rows by 7 columns: "#" is +1, "." is −1.
DIGITS = """
....... ....... ....... ....... ....... ....... ....... ....... ....... .......
..###.. ...#... .#####. .#####. ....##. ####### ..####. ####### .#####. .#####.
.##.##. ..##... ##...## ##...## ...###. ##..... .##.... ##...## ##...## ##...##
##...## .###... .....## .....## ..#.##. ##..... ##..... .....## ##...## ##...##
##...## ...#... .....## .....## .##.##. ##..... ##..... ....##. ##...## ##...##
##...## ...#... ....##. ..####. ##..##. ######. ##.###. ....##. .#####. .######
##...## ...#... ...##.. .....## #...##. .....## ###..## ...##.. ##...## .....##
##...## ...#... ..##... .....## ####### .....## ##...## ...##.. ##...## .....##
##...## ...#... .##.... .....## ....##. .....## ##...## ..##... ##...## .....##
.##.##. ...#... ##....# ##...## ....##. ##...## ##...## ..##... ##...## ....##.
..###.. .#####. ####### .#####. ....##. .#####. .#####. ..##... .#####. .####..
....... ....... ....... ....... ....... ....... ....... ....... ....... .......
"""

Connections = Literal["table", "full", "random"]


@of_a_spec
def lenet5_1998(spec: Spec, connections: Connections = "table") -> nn.Sequential:
    """For images of any size, brought to 32×32, and up to 84 classes; ten grey classes give the 60,000 parameters.

    connections: of C3 with S2; "table" as published, "full" (2,416 instead of 1,516 parameters), or "random", which
    gives every map as many inputs as the table does, drawn at random. Raises ProfundoError for other targets.
    """
    check("lenet5_1998", spec)
    if spec.targets.kind == "real" or spec.outputs > CODE:
        raise ProfundoError(f"net lenet5_1998: expected 2 to {CODE} classes, whose codes it draws; use lenet5 instead")
    layers = nn.Sequential(
        OrderedDict(
            frame=Frame(),
            c1=nn.Conv2d(spec.inputs.shape[0], 6, 5),
            squash1=Squash(),
            s2=Subsampling(6),
            squash2=Squash(),
            c3=SparseConv(c3_connections(connections), 6, 5),
            squash3=Squash(),
            s4=Subsampling(16),
            squash4=Squash(),
            c5=nn.Conv2d(16, 120, 5),
            squash5=Squash(),
            flatten=nn.Flatten(),
            f6=nn.Linear(120, CODE),
            squash6=Squash(),
            output=Codes(codes(len(spec.targets.classes))),
        )
    )
    return efficient_(layers)


def efficient_(net: nn.Sequential) -> nn.Sequential:
    """Weights of deviation 1/√fan-in, which keep signals at the scale of the squashing function (LeCun, Bottou, Orr &
    Müller 1998, "Efficient BackProp", equation 16); 1/50 of that in F6, so that at first all classes are nearly as near."""
    for layer in net:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.normal_(layer.weight, std=(0.02 if layer is net.f6 else 1) / sqrt(layer.weight[0].numel()))
            layer.bias.data.zero_()  # type: ignore[union-attr]
    return net


def squash(a: Tensor) -> Tensor:
    """1.7159 tanh(2a/3): f(±1) = ±1, where the second derivative is largest (appendix A)."""
    return 1.7159 * torch.tanh(a * (2 / 3))


class Squash(nn.Module):
    def forward(self, a: Tensor) -> Tensor:
        return squash(a)


class Frame(nn.Module):
    """(batch, channels, height, width) → (batch, channels, 32, 32).

    Images of 24 to 32 pixels are framed, as the paper does with its 28×28 digits, by what lies at their border; others
    are resized.
    """

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[2:]
        if (height, width) == (SIDE, SIDE):
            return images
        if not all(24 <= side <= SIDE for side in (height, width)):
            return F.interpolate(images, (SIDE, SIDE), mode="bilinear", antialias=True)
        left, top = (SIDE - width) // 2, (SIDE - height) // 2
        return F.pad(images, (left, SIDE - width - left, top, SIDE - height - top), mode="replicate")


class Subsampling(nn.Module):
    """Each map's sums over 2×2 (not overlapping), times the map's coefficient, plus its bias.

    The coefficient starts at 1/√4, as a weight of fan-in 4.
    """

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.coefficient = nn.Parameter(torch.full((maps,), 0.5))
        self.bias = nn.Parameter(torch.zeros(maps))

    def forward(self, maps: Tensor) -> Tensor:
        """(batch, maps, height, width) → (batch, maps, height / 2, width / 2)."""
        batch, channels, height, width = maps.shape
        # Rows, then columns, with the channels last: a half of what avg_pool2d and its derivative take.
        last = maps.permute(0, 2, 3, 1).reshape(batch, height // 2, 2, width // 2, 2 * channels)
        pairs = (last[:, :, 0] + last[:, :, 1]).view(batch, height // 2, width // 2, 2, channels)
        sums = pairs[:, :, :, 0] + pairs[:, :, :, 1]
        return (sums * self.coefficient + self.bias).permute(0, 3, 1, 2)


class SparseConv(nn.Module):
    """A convolution whose maps each see only some of the maps before: one kernel per connection that exists.

    connections: for each output map, the input maps it sees. The kernels that do not exist are zeros made anew at each
    call: no optimizer, decay or file ever sees them. Weights start with deviation 1/√fan-in.
    """

    def __init__(self, connections: tuple[tuple[int, ...], ...], inputs: int, kernel: int) -> None:
        super().__init__()
        self.shape = (len(connections), inputs, kernel, kernel)
        pairs = [(output, seen) for output, maps in enumerate(connections) for seen in maps]
        self.register_buffer("places", torch.tensor([output * inputs + seen for output, seen in pairs]))
        self.places: Tensor
        deviations = [1 / sqrt(len(connections[output]) * kernel * kernel) for output, _ in pairs]
        kernels = torch.randn(len(pairs), kernel, kernel)
        self.kernels = nn.Parameter(kernels * torch.tensor(deviations).view(-1, 1, 1))
        self.bias = nn.Parameter(torch.zeros(len(connections)))

    @property
    def weight(self) -> Tensor:
        """(outputs, inputs, kernel, kernel), zero where there is no connection."""
        outputs, inputs, *kernel = self.shape
        none = self.kernels.new_zeros(outputs * inputs, *kernel)
        return none.index_copy(0, self.places, self.kernels).view(self.shape)

    def forward(self, maps: Tensor) -> Tensor:
        return F.conv2d(maps, self.weight, self.bias)


class Codes(nn.Module):
    """−Σ_j (x_j − w_kj)² to the fixed code w_k of each class: (batch, 84) → (batch, classes).

    Of two classes, one number: how much nearer the second code is than the first.
    """

    def __init__(self, codes: Tensor) -> None:
        super().__init__()
        self.register_buffer("codes", codes)
        self.codes: Tensor

    def forward(self, x: Tensor) -> Tensor:
        near = -(x.float()[:, None] - self.codes).square().sum(2)
        return near[:, 1:] - near[:, :1] if len(self.codes) == 2 else near


def codes(classes: int) -> Tensor:
    """±1 codes, float32 (classes, 84): the pictures of the digits, in order, for up to ten classes; else drawn by
    tossing coins, always the same ones, for which any two codes differ in about half their places."""
    if classes > 10:
        tossed = torch.randint(0, 2, (classes, CODE), generator=Generator().manual_seed(1998), device="cpu")
        return (2 * tossed - 1).float()
    rows = [line.split() for line in DIGITS.split("\n") if line]
    pictures = ["".join(row[digit] for row in rows) for digit in range(classes)]
    return torch.tensor([[1.0 if pixel == "#" else -1.0 for pixel in picture] for picture in pictures])


def c3_connections(kind: str) -> tuple[tuple[int, ...], ...]:
    """For each map of C3, the maps of S2 that it sees."""
    if kind == "table":
        return C3_TABLE
    if kind == "full":
        return ((0, 1, 2, 3, 4, 5),) * 16
    if kind == "random":
        return tuple(tuple(sorted(torch.randperm(6, device="cpu")[: len(maps)].tolist())) for maps in C3_TABLE)
    raise ProfundoError(f"lenet5_1998: expected connections table, full or random, got {kind!r}")
