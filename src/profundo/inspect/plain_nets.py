"""Nets of one's own made such that they can be looked at: one tensor of answers, in float32, of each sample alone.

A net may give a dict, a tuple or an object with `.logits`, and may end in the softmax that the objective applies itself; both
are put right at its outputs, while it is looked at. What takes more is done to a copy, and said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from profundo.inside.observing import copied
from profundo.languages import Said
from profundo.records import Dataset, ProfundoError
from profundo.trees import main_output

__all__ = ["answering", "check_answers_samples", "in_float32", "with_statistics"]

COPIED = "to be looked at in float32 and sample by sample"


def check_answers_samples(data: Dataset) -> None:
    """Raises ProfundoError for data with objects to be found: a detector has as many answers as it finds."""
    if data.spec.targets.traits.per == "object":
        raise ProfundoError(
            f"{data.name}: the loss that is drawn has one answer for each sample or pixel, and a detector as many as it finds; "
            "`profundo inside` shows its maps, and `profundo report` what it found and missed",
            told=Said("refusals.surface_detector", where=data.name),
        )


@contextmanager
def answering(net: nn.Module, ends_in: str = "") -> Iterator[None]:
    """Inside, the net gives one tensor, (batch, outputs, …); of one that ends in a "softmax" or a "sigmoid" the logits."""

    def answer(_net: nn.Module, _inputs: Any, outputs: Any) -> Tensor:
        return LOGITS[ends_in](main_output(outputs))

    with ExitStack() as stack:
        stack.callback(net.register_forward_hook(answer).remove)
        yield


def least(shares: Tensor) -> Tensor:
    """Away from zero, whose logarithm is none."""
    return shares.clamp_min(torch.finfo(shares.dtype).tiny)


LOGITS: dict[str, Callable[[Tensor], Tensor]] = {
    "": lambda outputs: outputs,
    "softmax": lambda shares: least(shares).log(),  # whose softmax they are
    "sigmoid": lambda shares: least(shares).log() - least(1 - shares).log(),
}


def in_float32(net: nn.Module) -> nn.Module:
    """The net itself, or a copy of one whose weights are float64, float16 or bfloat16."""
    kinds = {one.dtype for one in (*net.parameters(), *net.buffers()) if one.is_floating_point()}
    return net if kinds <= {torch.float32} else copied(net, COPIED).float()


def with_statistics(net: nn.Module, batches: Callable[[nn.Module], None]) -> tuple[nn.Module, Sequence[str]]:
    """A copy whose batch normalisation has statistics of its own, where the net's takes those of each batch, and the layers that
    had none; the net itself where all have. batches: gives samples to a net."""
    lacking = [name for name, layer in norms(net) if layer.running_mean is None]
    if not lacking:
        return net, ()
    net = copied(net, COPIED).eval()
    for name, layer in norms(net):
        if name in lacking:
            layer.track_running_stats, layer.momentum = True, None  # the mean over all batches
            for buffer, value in (("running_mean", 0.0), ("running_var", 1.0)):
                layer.register_buffer(buffer, torch.full((layer.num_features,), value))
            layer.register_buffer("num_batches_tracked", torch.tensor(0))
            layer.train()
    with torch.no_grad():
        batches(net)
    return net.eval(), lacking


def norms(net: nn.Module) -> list[tuple[str, nn.modules.batchnorm._BatchNorm]]:
    return [(name, one) for name, one in net.named_modules() if isinstance(one, nn.modules.batchnorm._BatchNorm)]
