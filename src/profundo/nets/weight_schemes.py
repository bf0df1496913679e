"""First weights by name, for nets of linear layers: good ones, and those from which one learns why they are bad.

With n_in and n_out the connections into one unit and out of one input:

    glorot       uniform within √(6 / (n_in + n_out))       Glorot & Bengio 2010, equation 16
    he           normal, deviation √(2 / n_in)              He et al. 2015, equation 10; for ReLUs
    lecun        normal, deviation 1 / √n_in                LeCun et al. 1998, section 4.6; for SELU, Klambauer et al. 2017
    torch        uniform within 1 / √n_in, biases too       what torch.nn.Linear begins with
    uniform      uniform within 1/2, biases 0.1             TensorFlow Playground
    large        normal, deviation 3                        units saturate, or the loss begins high
    small        normal, deviation 0.001                    signals and gradients fade from layer to layer
    zeros        all 0                                      units of a layer stay alike for good: symmetry

Biases are 0 where nothing is said. Each function needs `torch` alone (playground/source_code.py copies it).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, nn

__all__ = ["WEIGHT_SCHEMES", "begin_with_"]


def glorot(layer: nn.Linear, generator: Generator) -> None:
    """Uniform within √(6 / (n_in + n_out)), biases 0."""
    fan_out, fan_in = layer.weight.shape
    radius = (6 / (fan_in + fan_out)) ** 0.5
    layer.weight.uniform_(-radius, radius, generator=generator)
    layer.bias.zero_()


def he(layer: nn.Linear, generator: Generator) -> None:
    """Normal of deviation √(2 / n_in), biases 0."""
    layer.weight.normal_(0, (2 / layer.weight.shape[1]) ** 0.5, generator=generator)
    layer.bias.zero_()


def lecun(layer: nn.Linear, generator: Generator) -> None:
    """Normal of deviation 1 / √n_in, biases 0."""
    layer.weight.normal_(0, layer.weight.shape[1] ** -0.5, generator=generator)
    layer.bias.zero_()


def torch_default(layer: nn.Linear, generator: Generator) -> None:
    """Weights and biases uniform within 1 / √n_in."""
    radius = layer.weight.shape[1] ** -0.5
    layer.weight.uniform_(-radius, radius, generator=generator)
    layer.bias.uniform_(-radius, radius, generator=generator)


def uniform(layer: nn.Linear, generator: Generator) -> None:
    """Uniform within 1/2, biases 0.1."""
    layer.weight.uniform_(-0.5, 0.5, generator=generator)
    layer.bias.fill_(0.1)


def large(layer: nn.Linear, generator: Generator) -> None:
    """Normal of deviation 3, biases 0."""
    layer.weight.normal_(0, 3, generator=generator)
    layer.bias.zero_()


def small(layer: nn.Linear, generator: Generator) -> None:
    """Normal of deviation 0.001, biases 0."""
    layer.weight.normal_(0, 0.001, generator=generator)
    layer.bias.zero_()


def zeros(layer: nn.Linear, _generator: Generator) -> None:
    """All 0."""
    layer.weight.zero_()
    layer.bias.zero_()


WEIGHT_SCHEMES: dict[str, Callable[[nn.Linear, Generator], None]] = {
    "glorot": glorot,
    "he": he,
    "lecun": lecun,
    "torch": torch_default,
    "uniform": uniform,
    "large": large,
    "small": small,
    "zeros": zeros,
}


def begin_with_(net: nn.Module, scheme: str, seed: int) -> None:
    """Draw the weights of all linear layers in their order, in place; the same for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in net.modules():
            if isinstance(layer, nn.Linear):
                WEIGHT_SCHEMES[scheme](layer, generator)
