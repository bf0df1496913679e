"""Layers that torch.nn does not have: maxout, minimum pooling, pooling that learns what it does, unpooling to remembered places,
local and sparse connections.

    Maxout               y_u = max_k (w_ukᵀ x + b_uk)                          Goodfellow et al. 2013, equation 2
    MaxoutConv2d         the same of convolutions, k maps for each one          there, section 3
    MinPool2d            y = min over a window = −maxpool(−x)
    GeneralisedMeanPool2d  y = (mean of x^p over a window)^(1/p), p learned    Radenović, Tolias & Chum 2018, equation 3
    MixedPool2d          y = a max + (1 − a) mean over a window, a learned      Lee, Gallagher & Tu 2016, section 3.1
    RememberingPool2d    y = max over a window; remembers where it was
    Unpool2d             each value back to its remembered place, else 0        Zeiler, Taylor & Fergus 2011, section 2
    LocallyConnected2d   a kernel of its own at every place                     LeCun 1989; Taigman et al. 2014, section 2.2
    SparselyConnected    y_u = Σ_{i seen by u} w_ui x_i + b_u, fixed connections

Images are (batch, channels, height, width); a pair such as a kernel is one number or (vertical, horizontal). Biases start
at zero. Weights are drawn for the activation that follows, as init.py does (maxout: for itself).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import erf, exp, log, pi, sqrt
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from profundo.languages import Said
from profundo.nets.init import GAINS, fans, glorot_radius
from profundo.records import ProfundoError

__all__ = [
    "GeneralisedMeanPool2d",
    "LocallyConnected2d",
    "Maxout",
    "MaxoutConv2d",
    "MinPool2d",
    "MixedPool2d",
    "RememberingPool2d",
    "SparselyConnected",
    "Unpool2d",
    "largest_square",
]

Pair = int | tuple[int, int]


# --------------------------------------------------------------------------------------------------------------- maxout
class Maxout(nn.Module):
    """The largest of `pieces` linear functions, unit by unit: (…, inputs) → (…, units). Needs no activation after it."""

    def __init__(self, inputs: int, units: int, pieces: int) -> None:
        super().__init__()
        _at_least_one("Maxout", inputs=inputs, units=units, pieces=pieces)
        self.units, self.pieces = units, pieces
        self.linear = nn.Linear(inputs, units * pieces)
        keep_second_moment_(self.linear, pieces)

    def forward(self, inputs: Tensor) -> Tensor:
        pieces: Tensor = self.linear(inputs)
        return pieces.view(*inputs.shape[:-1], self.units, self.pieces).amax(-1)


class MaxoutConv2d(nn.Module):
    """The largest of `pieces` convolutions, map by map: (batch, channels, h, w) → (batch, features, h′, w′)."""

    def __init__(
        self, channels: int, features: int, pieces: int, kernel: Pair, stride: Pair = 1, padding: Pair = 0
    ) -> None:
        super().__init__()
        _at_least_one("MaxoutConv2d", channels=channels, features=features, pieces=pieces)
        self.features, self.pieces = features, pieces
        self.conv = nn.Conv2d(channels, features * pieces, kernel, stride, padding)
        keep_second_moment_(self.conv, pieces)

    def forward(self, images: Tensor) -> Tensor:
        pieces: Tensor = self.conv(images)
        return pieces.view(-1, self.features, self.pieces, *pieces.shape[2:]).amax(2)


def keep_second_moment_(layer: nn.Linear | nn.Conv2d, pieces: int) -> None:
    """Weights of variance 1 / (n_in E[max²]), so that the mean square of a layer's outputs is that of its inputs (Tseran
    & Montúfar 2023, "Expected gradients of maxout networks and consequences to parameter initialization"; for two
    pieces 1 / n_in). torch draws them uniformly with a third of 1 / n_in, so they need but a factor."""
    with torch.no_grad():
        layer.weight.mul_(sqrt(3 / largest_square(pieces)))
        cast(Tensor, layer.bias).zero_()


def largest_square(pieces: int) -> float:
    """E[max(z₁, …, z_k)²] of independent standard normal numbers: ∫ z² k φ(z) Φ(z)^(k−1) dz, by the trapezoidal rule."""
    step = 1 / 64
    places = (step * n for n in range(-640, 641))  # ±10, where nothing is left
    return step * sum(
        z * z * pieces * exp(-z * z / 2) / sqrt(2 * pi) * (0.5 + erf(z / sqrt(2)) / 2) ** (pieces - 1) for z in places
    )


# -------------------------------------------------------------------------------------------------------------- pooling
class MinPool2d(nn.Module):
    """The smallest value of each window; padding is +∞, as it is −∞ in torch.nn.MaxPool2d, whose sizes it has:
    (batch, channels, h, w) → (batch, channels, h′, w′), h′ = ⌊(h + 2 padding − kernel) / stride⌋ + 1."""

    def __init__(self, kernel: Pair, stride: Pair | None = None, padding: Pair = 0, ceil_mode: bool = False) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel, kernel if stride is None else stride
        self.padding, self.ceil_mode = padding, ceil_mode

    def forward(self, images: Tensor) -> Tensor:
        return -F.max_pool2d(-images, self.kernel_size, self.stride, self.padding, ceil_mode=self.ceil_mode)

    def extra_repr(self) -> str:
        return f"{self.kernel_size}, stride={self.stride}, padding={self.padding}"


class GeneralisedMeanPool2d(nn.Module):
    """The mean of each window in a sense that is learned: (mean of x^p)^(1/p). p = 1 is the average, and the larger p, the
    nearer to the maximum. (batch, channels, h, w) → (batch, channels, h′, w′), h′ = ⌊(h − kernel) / stride⌋ + 1.

    It is for values that are not negative, as after a ReLU: those below `least` count as that. The parameter is log p, one
    for all channels, so that p stays positive and weight decay draws it to the average. power: p at the start.
    """

    def __init__(self, kernel: Pair, stride: Pair | None = None, power: float = 3.0, least: float = 1e-6) -> None:
        super().__init__()
        if not power > 0 or not least > 0:
            raise ProfundoError(f"GeneralisedMeanPool2d: expected power and least above 0, got {power} and {least}")
        self.kernel_size, self.stride, self.least = kernel, kernel if stride is None else stride, least
        self.log_power = nn.Parameter(torch.tensor(log(power)))

    def forward(self, images: Tensor) -> Tensor:
        """exp((log Σ exp(p log x) − log n) / p): no power of a large or small value is ever taken."""
        power, kernel, stride = self.log_power.exp(), _pair(self.kernel_size), _pair(self.stride)
        batch, channels, *sides = images.shape
        places = _places("GeneralisedMeanPool2d", (sides[0], sides[1]), kernel, stride, (0, 0))
        columns = F.unfold(images.clamp(min=self.least).log(), kernel, stride=stride)
        windows = columns.view(batch, channels, kernel[0] * kernel[1], *places)
        return (((power * windows).logsumexp(2) - log(windows.shape[2])) / power).exp()

    def extra_repr(self) -> str:
        return f"{self.kernel_size}, stride={self.stride}"


class MixedPool2d(nn.Module):
    """Maximum and average of each window, mixed in a learned share: a max + (1 − a) mean. Sizes as of GeneralisedMeanPool2d.

    The parameter is the logit of a, one for all channels, so that a stays between 0 and 1. share: a at the start.
    """

    def __init__(self, kernel: Pair, stride: Pair | None = None, share: float = 0.5) -> None:
        super().__init__()
        if not 0 < share < 1:
            raise ProfundoError(f"MixedPool2d: expected a share between 0 and 1, got {share}")
        self.kernel_size, self.stride = kernel, kernel if stride is None else stride
        self.logit = nn.Parameter(torch.tensor(log(share / (1 - share))))

    def forward(self, images: Tensor) -> Tensor:
        mean = F.avg_pool2d(images, self.kernel_size, self.stride)
        return mean + self.logit.sigmoid() * (F.max_pool2d(images, self.kernel_size, self.stride) - mean)

    def extra_repr(self) -> str:
        return f"{self.kernel_size}, stride={self.stride}"


class RememberingPool2d(nn.Module):
    """Maximum pooling over windows side by side that remembers, until its next call, the place of each maximum.

    pool = RememberingPool2d(2)
    net = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), pool, nn.Conv2d(8, 8, 3, padding=1), Unpool2d(pool))

    (batch, channels, h, w) → (batch, channels, ⌊h / kernel⌋, ⌊w / kernel⌋). Windows do not overlap, or two maxima could
    share a place. For encoder and decoder in one net; with torch.nn.MaxPool2d(return_indices=True) and
    torch.nn.MaxUnpool2d the places go by hand.
    """

    def __init__(self, kernel: Pair) -> None:
        super().__init__()
        self.kernel_size = kernel
        self.places: Tensor | None = None  # int64, as the output; an index into the h · w values of a map
        self.size: tuple[int, int] = (0, 0)  # (h, w) of the input

    def forward(self, images: Tensor) -> Tensor:
        pooled, self.places = F.max_pool2d(images, self.kernel_size, return_indices=True)
        self.size = (images.shape[-2], images.shape[-1])
        return pooled

    def extra_repr(self) -> str:
        return f"{self.kernel_size}"


class Unpool2d(nn.Module):
    """Undoes a RememberingPool2d: each value goes where the maximum was, all else is zero.

    Takes what the pool has given, or a net has made of it: (batch, channels, ⌊h / kernel⌋, ⌊w / kernel⌋) → (batch,
    channels, h, w), the size that the pool saw. Raises ProfundoError before the pool's first call, and for another size.
    """

    def __init__(self, pool: RememberingPool2d) -> None:
        super().__init__()
        if not isinstance(pool, RememberingPool2d):
            raise ProfundoError(f"Unpool2d: expected the RememberingPool2d to undo, got {type(pool).__name__}")
        self.partner = (pool,)  # in a tuple: it belongs to the encoder, and is no part of this module

    def forward(self, pooled: Tensor) -> Tensor:
        (pool,) = self.partner
        if pool.places is None:
            raise ProfundoError(
                "Unpool2d: its pool has seen nothing yet; call the pool first, in the same forward pass"
            )
        if pool.places.shape != pooled.shape:
            raise ProfundoError(
                f"Unpool2d: expected {tuple(pool.places.shape)}, what its pool gave in its last call, "
                f"got {tuple(pooled.shape)}"
            )
        return F.max_unpool2d(pooled, pool.places, _pair(pool.kernel_size), output_size=pool.size)


# ---------------------------------------------------------------------------------------------------------- connections
class LocallyConnected2d(nn.Module):
    """A convolution whose weights are not shared: every place of the output has kernels of its own.

    y[b, f, i, j] = Σ_{c,u,v} weight[i, j, f, c, u, v] · x[b, c, i·stride + u − padding, j·stride + v − padding]
                    + bias[f, i, j]

    size: (height, width) of the input, which is fixed. (batch, channels, *size) → (batch, features, h′, w′), with the
    sizes of torch.nn.Conv2d. It has h′ · w′ times the weights of a convolution. activation: what follows.
    Raises ProfundoError for a kernel larger than the padded input, and for inputs of another size.
    """

    def __init__(
        self,
        channels: int,
        features: int,
        size: tuple[int, int],
        kernel: Pair,
        stride: Pair = 1,
        padding: Pair = 0,
        bias: bool = True,
        activation: str = "relu",
    ) -> None:
        super().__init__()
        _at_least_one("LocallyConnected2d", channels=channels, features=features)
        self.shape = (channels, *size)
        self.kernel_size, self.stride, self.padding = _pair(kernel), _pair(stride), _pair(padding)
        self.places = _places("LocallyConnected2d", size, self.kernel_size, self.stride, self.padding)
        self.weight = nn.Parameter(torch.empty(*self.places, features, channels, *self.kernel_size))
        self.bias = nn.Parameter(torch.empty(features, *self.places)) if bias else None
        self.reset_parameters(activation)

    def reset_parameters(self, activation: str = "relu") -> None:
        """Draw the weights as for a convolution with such kernels."""
        radius = glorot_radius(*fans(self.weight[0, 0]), _gain(activation))
        nn.init.uniform_(self.weight, -radius, radius)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, images: Tensor) -> Tensor:
        if images.shape[1:] != self.shape:
            raise ProfundoError(
                f"LocallyConnected2d: expected (batch, {', '.join(map(str, self.shape))}), got {tuple(images.shape)}"
            )
        columns = F.unfold(images, self.kernel_size, padding=self.padding, stride=self.stride)  # (batch, c·u·v, places)
        weight = self.weight.flatten(3).flatten(0, 1)  # (places, features, c·u·v)
        maps = torch.einsum("bcp,pfc->bfp", columns, weight).reshape(images.shape[0], -1, *self.places)
        return maps if self.bias is None else maps + self.bias.to(maps.dtype)

    def extra_repr(self) -> str:
        features = self.weight.shape[2]
        return f"{self.shape} → {(features, *self.places)}, kernel={self.kernel_size}, stride={self.stride}"


class SparselyConnected(nn.Module):
    """A linear layer in which each output sees only some of the inputs: (…, inputs) → (…, outputs).

    connections: a share in (0, 1], of the inputs that each output sees, drawn once at random (at least one); or a table,
    for each output the indices of the inputs it sees. The weights that do not exist are zeros made anew at each call: no
    optimizer, decay or file ever sees them. The connections are a buffer, saved with the weights.
    Raises ProfundoError for another share, and for a table that leaves an output without inputs or names one twice or
    one that is not there.
    """

    places: Tensor

    def __init__(
        self,
        inputs: int,
        outputs: int,
        connections: float | Sequence[Sequence[int]],
        bias: bool = True,
        activation: str = "relu",
    ) -> None:
        super().__init__()
        _at_least_one("SparselyConnected", inputs=inputs, outputs=outputs)
        self.shape = (outputs, inputs)
        table = _drawn(connections, *self.shape) if isinstance(connections, float | int) else connections
        _check_table(table, *self.shape)
        places = [output * inputs + seen for output, row in enumerate(table) for seen in sorted(row)]
        self.register_buffer("places", torch.tensor(places))
        self.values = nn.Parameter(torch.empty(len(places)))
        self.bias = nn.Parameter(torch.empty(outputs)) if bias else None
        self.reset_parameters(activation)

    def reset_parameters(self, activation: str = "relu") -> None:
        """Draw each weight by how many inputs its output sees and how many outputs see its input."""
        outputs, inputs = self.shape
        output, seen = self.places // inputs, self.places % inputs
        many = torch.bincount(output, minlength=outputs)[output] + torch.bincount(seen, minlength=inputs)[seen]
        with torch.no_grad():
            self.values.uniform_(-1, 1).mul_(_gain(activation) * (6 / many).sqrt())
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    @property
    def weight(self) -> Tensor:
        """(outputs, inputs), zero where there is no connection."""
        none = self.values.new_zeros(self.shape[0] * self.shape[1])
        return none.index_copy(0, self.places, self.values).view(self.shape)

    def forward(self, inputs: Tensor) -> Tensor:
        return F.linear(inputs, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"{self.shape[1]} → {self.shape[0]}, {len(self.values)} connections of {self.shape[0] * self.shape[1]}"


# ------------------------------------------------------------------------------------------------------------- checking
def _pair(value: Pair) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def _gain(activation: str) -> float:
    if activation not in GAINS:
        raise ProfundoError(f"activation: expected one of {', '.join(GAINS)}; got {activation!r}")
    return GAINS[activation]


def _at_least_one(layer: str, **sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise ProfundoError(f"{layer}: expected {name} of at least 1, got {size}")


def _places(
    layer: str, size: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int]
) -> tuple[int, int]:
    """(h′, w′) of the output."""
    if min(kernel) < 1 or min(stride) < 1 or min(padding) < 0:
        raise ProfundoError(
            f"{layer}: expected kernel and stride of at least 1 and padding of at least 0, "
            f"got {kernel}, {stride} and {padding}"
        )
    high, wide = (
        (side + 2 * more - wide) // step + 1
        for side, wide, step, more in zip(size, kernel, stride, padding, strict=True)
    )
    if high < 1 or wide < 1:
        raise ProfundoError(
            f"{layer}: expected a kernel no larger than the padded input, got a kernel of {kernel} "
            f"for a size of {size} padded by {padding}",
            told=Said("refusals.kernel_in_layer", layer=layer, kernel=kernel, size=size, padding=padding),
        )
    return high, wide


def _drawn(share: float, outputs: int, inputs: int) -> list[list[int]]:
    if not 0 < share <= 1:
        raise ProfundoError(f"SparselyConnected: expected a share of connections in (0, 1], got {share}")
    many = max(1, round(share * inputs))
    return [torch.randperm(inputs, device="cpu")[:many].tolist() for _ in range(outputs)]


def _check_table(table: Sequence[Sequence[int]], outputs: int, inputs: int) -> None:
    if len(table) != outputs:
        raise ProfundoError(f"SparselyConnected: expected a row of connections for each of {outputs}, got {len(table)}")
    for output, row in enumerate(table):
        if not row or len(set(row)) < len(row) or min(row) < 0 or max(row) >= inputs:
            raise ProfundoError(
                f"SparselyConnected: expected for output {output} different inputs from 0 to {inputs - 1}, at least one, "
                f"got {list(row)}"
            )
