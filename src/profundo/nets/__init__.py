"""Architectures: plain torch.nn.Modules, one family a file, built from the Spec that travels with the data.

net = build("lenet5", data.spec)       # by name, from a closed registry
net = lenet5(data.spec)                # or directly

Inputs arrive standardised, float32 (batch, *spec.inputs.shape); outputs are (batch, spec.outputs), before any
softmax or sigmoid: the objective knows the output's distribution. Weights are drawn from torch's global generator,
so `torch.manual_seed` fixes them. Builders load torch when first touched; the catalogue does without.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from profundo.nets.net_names import NETS, default

__all__ = [
    "NETS",
    "Captioner",
    "LanguageModel",
    "SequenceClassifier",
    "Translator",
    "alexnet",
    "build",
    "default",
    "efficientnet_lite0",
    "fast_cnn",
    "fcn",
    "initialize_",
    "lenet5",
    "lenet5_1998",
    "linear",
    "load_published",
    "logmel_cnn",
    "logmel_gru",
    "mlp",
    "raw_cnn",
    "resnet",
    "resnet18",
    "resnet34",
    "resnet50",
    "rocket",
    "series_gru",
    "series_linear",
    "series_net",
    "table_net",
    "text_cnn",
    "text_gru",
    "text_mean",
    "text_transformer",
    "vgg11",
    "vgg13",
    "vgg16",
    "vgg19",
]

if TYPE_CHECKING:
    from profundo.nets.alexnets import alexnet
    from profundo.nets.attention import Translator
    from profundo.nets.captioning import Captioner
    from profundo.nets.dense import linear, mlp
    from profundo.nets.efficientnet_lite import efficientnet_lite0
    from profundo.nets.fast import fast_cnn
    from profundo.nets.init import initialize_
    from profundo.nets.lenet import lenet5
    from profundo.nets.lenet1998 import lenet5_1998
    from profundo.nets.published_weights import load_published
    from profundo.nets.recurrent import LanguageModel, SequenceClassifier
    from profundo.nets.registry import build
    from profundo.nets.residual import resnet
    from profundo.nets.resnets import resnet18, resnet34, resnet50
    from profundo.nets.series_nets import fcn, rocket, series_gru, series_linear, series_net
    from profundo.nets.sound_nets import logmel_cnn, logmel_gru, raw_cnn
    from profundo.nets.table_nets import table_net
    from profundo.nets.text_nets import text_cnn, text_gru, text_mean, text_transformer
    from profundo.nets.vgg import vgg11, vgg13, vgg16, vgg19

_HOMES = {
    "Captioner": "captioning",
    "LanguageModel": "recurrent",
    "SequenceClassifier": "recurrent",
    "Translator": "attention",
    "alexnet": "alexnets",
    "build": "registry",
    "efficientnet_lite0": "efficientnet_lite",
    "fast_cnn": "fast",
    "initialize_": "init",
    "lenet5": "lenet",
    "lenet5_1998": "lenet1998",
    "linear": "dense",
    "load_published": "published_weights",
    "logmel_cnn": "sound_nets",
    "logmel_gru": "sound_nets",
    "mlp": "dense",
    "raw_cnn": "sound_nets",
    "resnet": "residual",
    "resnet18": "resnets",
    "resnet34": "resnets",
    "resnet50": "resnets",
    "fcn": "series_nets",
    "rocket": "series_nets",
    "series_gru": "series_nets",
    "series_linear": "series_nets",
    "series_net": "series_nets",
    "table_net": "table_nets",
    "text_cnn": "text_nets",
    "text_gru": "text_nets",
    "text_mean": "text_nets",
    "text_transformer": "text_nets",
    "vgg11": "vgg",
    "vgg13": "vgg",
    "vgg16": "vgg",
    "vgg19": "vgg",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"profundo.nets.{_HOMES[name]}"), name)
    from profundo.records import no_such_name

    hint = "a layer is one of torch.nn; a net by name is a function of a Spec, such as nets.mlp(data.spec)"
    raise no_such_name("profundo.nets", name, _HOMES, dict.fromkeys(("dense", "conv2d", "sequential", "module"), hint))


def __dir__() -> list[str]:
    return sorted(__all__)
