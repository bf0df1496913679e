"""Initial weights by the activation that follows them.

With n_in and n_out the fan-in and fan-out of a layer (times the receptive field, for a convolution):

    logistic                     gain 1        uniform on [−r, r],  r = gain √(6 / (n_in + n_out))
    hyperbolic tangent           gain 4
    ReLU and its variants        gain √2
    none (the output layer)      gain 1

The base is Glorot & Bengio 2010, equation 16, derived for units that are linear near zero, such as tanh; √2 is the
factor of He et al. 2015, because a ReLU halves the second moment. The gains are those of the courses' table (also in
Géron's "Hands-On Machine Learning", 2017). Beware of its first two rows: Glorot & Bengio use 1 for tanh, and the
Theano tutorials use 4 for the *logistic* unit, whose slope at zero is 1/4; the table has them the other way round.
For what the table does not have: SELU 1, which its authors derived; hard tanh 1, being linear near zero; GELU and SiLU
√2, as ReLU; step and maxout 1 (layers.py draws maxout's for its number of pieces).
A gain of 4 saturates tanh units. For the literature's choice, call `initialize_(net, "linear")` on a tanh net.

The nets of this room start with an output layer a tenth that size, so that the first prediction is close to "I do not
know" (cost log K) whatever the widths before it; the table's sum of fans lets signals grow in layers that narrow.
"""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import TypeVar

import torch
from torch import Generator, Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from profundo.records import ProfundoError

__all__ = ["GAINS", "SMALL_OUTPUT", "allocate_", "drawn_once", "glorot_radius", "initialize_"]

GAINS: dict[str, float] = {
    "linear": 1.0,
    "logistic": 1.0,
    "tanh": 4.0,
    "relu": sqrt(2),
    "leaky_relu": sqrt(2),
    "elu": sqrt(2),
    "softplus": sqrt(2),
    "leaky_relu_0.1": sqrt(2),
    "gelu": sqrt(2),
    "silu": sqrt(2),
    "selu": 1.0,
    "hardtanh": 1.0,
    "step": 1.0,
    "maxout": 1.0,
}

SMALL_OUTPUT = 0.1
"""Gain of the output layer of this room's nets."""

Net = TypeVar("Net", bound=nn.Module)

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def glorot_radius(fan_in: int, fan_out: int, gain: float = 1.0) -> float:
    """r of the uniform distribution on [−r, r]; its variance is r²/3 = σ²."""
    return gain * sqrt(6 / (fan_in + fan_out))


def initialize_(
    module: Net,
    activation: str = "relu",
    *,
    output_gain: float = 1.0,
    sigma: float | None = None,
    generator: Generator | None = None,
) -> Net:
    """Draw the weights of all linear and convolutional layers, in place; biases become zero; other layers are left.

    The last layer, if it is linear, is the output layer and has `output_gain`. `sigma`: draw every weight from
    N(0, σ²) instead. `generator`: torch's global one unless given. Returns the module.
    """
    if activation not in GAINS:
        raise ProfundoError(f"initialisation: expected an activation of {', '.join(GAINS)}, got {activation!r}")
    layers = [layer for layer in module.modules() if isinstance(layer, (nn.Linear, *_CONVOLUTIONS))]
    for layer in layers:
        is_output = layer is layers[-1] and isinstance(layer, nn.Linear)
        gain = output_gain if is_output else GAINS[activation]
        fan_in, fan_out = fans(layer.weight)
        with torch.no_grad():
            if sigma is not None:
                layer.weight.normal_(0, sigma, generator=generator)
            else:
                radius = glorot_radius(fan_in, fan_out, gain)
                layer.weight.uniform_(-radius, radius, generator=generator)
            if layer.bias is not None:
                layer.bias.zero_()
    return module


def drawn_once(build: Callable[[], Net]) -> Net:
    """The net with its first weights for ReLU and a small output layer, as all of this room have.

    Its layers are made without memory and get it afterwards, or each would draw weights of its own that are thrown away
    at once: for the largest nets that took longer than all the rest. With `torch.device("meta")` around, it stays so.
    """
    device = torch.get_default_device()
    with torch.device("meta"):
        net = build()
    allocate_(net, device)
    for layer in net.modules():
        if isinstance(layer, _BatchNorm):
            layer.reset_parameters()
    return initialize_(net, output_gain=SMALL_OUTPUT)


def allocate_(net: nn.Module, device: torch.device) -> None:
    """Memory for a net that was made on "meta", with nothing in it yet.

    `Module.to_empty` does the same, and loads a library of symbolic algebra for it: some half a second of a new process.
    """
    for module in net.modules():
        for name, old in [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]:
            new = torch.empty(old.shape, dtype=old.dtype, device=device)
            setattr(module, name, nn.Parameter(new, old.requires_grad) if isinstance(old, nn.Parameter) else new)


def fans(weight: Tensor) -> tuple[int, int]:
    """(n_in, n_out) of a weight (out, in, *kernel): connections into one output and out of one input unit."""
    field = weight[0, 0].numel()
    return weight.shape[1] * field, weight.shape[0] * field
