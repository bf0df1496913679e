"""One net of the many that a recipe trained side by side in one batch: chosen by words, beside the data that it learned from.

chosen(networks, "width 60, 2")        # ("width 60", 2)
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from profundo.records import Dataset, Inputs, ProfundoError, Samples, Spec, Targets, is_whole

__all__ = ["chosen", "of_numbers", "of_pixels"]

MOST_DIGITS = 9


def chosen(networks: Mapping[str, Any], asked: str | int | None) -> tuple[str, int]:
    """The name of a network of several nets, and which of them, from 0.

    asked: both, as "width 60, 2", or either; otherwise it is the last network's first net. Raises ProfundoError for what there is
    not.
    """
    last, nets = list(networks.items())[-1]
    if asked is None:
        return last, 0
    words = str(asked).strip() if isinstance(asked, str) or is_whole(asked) else ""
    name, number = last, words
    if words in networks:
        name, number = words, "0"
    elif not words.isdecimal():
        name, _, number = (part.strip() for part in words.rpartition(","))
    known = name in networks and number.isdecimal() and len(number) <= MOST_DIGITS
    if not known or int(number) >= len(networks[name]):
        raise ProfundoError(
            f"member: expected a net from 0 to {len(nets) - 1}, one of {', '.join(networks)}, or both, such as '{last}, 0'; "
            f"got {str(asked)[:40]!r}"
        )
    return name, int(number)


def of_pixels(net: nn.Sequential) -> nn.Sequential:
    """The same for images, whose pixels it takes in a row."""
    return nn.Sequential(OrderedDict(pixels=nn.Flatten(), **dict(net.named_children())))


def of_numbers(
    name: str, inputs: Inputs, target: str, train: tuple[Tensor, Tensor], fresh: tuple[Tensor, Tensor]
) -> Dataset:
    """Samples (samples, …) with a number each, (samples, 1), taken as it is: those of the net's training, and fresh ones, of which
    every other validates and the rest test."""
    spec = Spec(inputs, Targets("real", names=(target,), mean=(0.0,), std=(1.0,)))
    x, y = fresh
    return Dataset(name, spec, Samples(*train), Samples(x[::2], y[::2]), Samples(x[1::2], y[1::2]))
