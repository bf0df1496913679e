"""Architectures: plain torch.nn.Modules, one family a file, built from the Spec that travels with the data.

net = build("lenet5", data.spec)       # by name, from a closed registry
net = lenet5(data.spec)                # or directly

Inputs arrive standardised, float32 (batch, *spec.inputs.shape); outputs are (batch, spec.outputs), before any
softmax or sigmoid: the objective knows the output's distribution. Weights are drawn from torch's global generator,
so `torch.manual_seed` fixes them. Builders load torch when first touched; the catalogue does without.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from profundo.nets.catalogue import NETS, default

__all__ = ["NETS", "build", "default", "fast_cnn", "initialize_", "lenet5", "linear", "mlp", "resnet"]

if TYPE_CHECKING:
    from profundo.nets.dense import linear, mlp
    from profundo.nets.fast import fast_cnn
    from profundo.nets.init import initialize_
    from profundo.nets.lenet import lenet5
    from profundo.nets.registry import build
    from profundo.nets.residual import resnet

_HOMES = {
    "build": "registry",
    "fast_cnn": "fast",
    "initialize_": "init",
    "lenet5": "lenet",
    "linear": "dense",
    "mlp": "dense",
    "resnet": "residual",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"profundo.nets.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'profundo.nets' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
