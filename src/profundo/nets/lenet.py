"""LeNet-5 (LeCun, Bottou, Bengio & Haffner 1998, "Gradient-based learning applied to document recognition").

The form taught today: ReLU and max pooling instead of scaled tanh and trainable averages, every C3 map sees every S2
map, and a linear output layer. 61,706 parameters for one channel and ten classes.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from profundo.nets.init import SMALL_OUTPUT, initialize_
from profundo.nets.net_names import check, of_a_spec
from profundo.records import Spec

__all__ = ["lenet5"]


@of_a_spec
def lenet5(spec: Spec) -> nn.Sequential:
    """For images of any size. The paper pads 28×28 digits to 32×32: so here, with padding 2 in the first layer below
    32 pixels. Below 12 pixels the second convolution pads as well, and above 32 the second pooling adapts to 5×5 maps
    so that the dense layers keep their size."""
    check("lenet5", spec)
    channels, *size = spec.inputs.shape
    padding = (2 if min(size) < 32 else 0, 2 if min(size) < 12 else 0)
    maps = [_after_pooling(_after_pooling(side, padding[0]), padding[1]) for side in size]
    is_large = max(size) > 32
    if is_large:
        maps = [5, 5]
    return initialize_(
        nn.Sequential(
            OrderedDict(
                c1=nn.Conv2d(channels, 6, 5, padding=padding[0]),
                relu1=nn.ReLU(),
                s2=nn.MaxPool2d(2, ceil_mode=True),
                c3=nn.Conv2d(6, 16, 5, padding=padding[1]),
                relu3=nn.ReLU(),
                s4=nn.AdaptiveMaxPool2d(5) if is_large else nn.MaxPool2d(2, ceil_mode=True),
                flatten=nn.Flatten(),
                c5=nn.Linear(16 * maps[0] * maps[1], 120),
                relu5=nn.ReLU(),
                f6=nn.Linear(120, 84),
                relu6=nn.ReLU(),
                output=nn.Linear(84, spec.outputs),
            )
        ),
        output_gain=SMALL_OUTPUT,
    )


def _after_pooling(side: int, padding: int) -> int:
    """Side of the map after a 5×5 convolution and 2×2 pooling, half windows kept."""
    return -(-(side + 2 * padding - 4) // 2)
