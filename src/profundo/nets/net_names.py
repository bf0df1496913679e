"""The nets by name, and which one suits which data. Importable without torch, so that `--help` stays instant."""

from __future__ import annotations

from difflib import get_close_matches

from profundo.records import ProfundoError, Spec

__all__ = ["NETS", "NETS_FOR_IMAGES", "NETS_FOR_SERIES", "check", "default"]

NETS: dict[str, str] = {
    "linear": "one linear layer: linear, logistic or softmax regression",
    "mlp": "fully connected hidden layers (widths, activation, dropout)",
    "table_net": "an ensemble in one net for tables, on embedded numbers (members, widths, activation, dropout)",
    "rocket": "thousands of fixed convolutions of series, and a linear layer (Dempster et al. 2021) (features)",
    "fcn": "1-D convolutions over series and their mean (Wang et al. 2017) (widths)",
    "series_gru": "gated recurrent units over series (width, layers)",
    "series_linear": "one linear layer on the steps of series, from the last value on (Zeng et al. 2023)",
    "series_net": "for forecasts: ridge regression corrected by an ensemble of perceptrons (members, width, dropout)",
    "lenet5": "LeNet-5 with ReLU and max pooling (LeCun et al. 1998), for small images",
    "lenet5_1998": "LeNet-5 as published: C3 table, trainable averages, scaled tanh, codes of 7×12 (connections)",
    "fast_cnn": "small strided convolutions with batch normalisation: the quickest to train on images",
    "resnet": "residual network for small images (He et al. 2015, section 4.2) (depth, widths, shortcuts)",
    "alexnet": "AlexNet (Krizhevsky 2014, or with year 2012 Krizhevsky et al. 2012) (year, width, dropout)",
    "vgg11": "VGG with 11 layers, configuration A (Simonyan & Zisserman 2014) (batch_norm, width, dropout)",
    "vgg13": "VGG with 13 layers, configuration B (batch_norm, width, dropout)",
    "vgg16": "VGG with 16 layers, configuration D (batch_norm, width, dropout)",
    "vgg19": "VGG with 19 layers, configuration E (batch_norm, width, dropout)",
    "resnet18": "residual network of 18 layers for ImageNet (He et al. 2015, table 1) (width)",
    "resnet34": "residual network of 34 layers for ImageNet (width)",
    "resnet50": "residual network of 50 layers with bottlenecks for ImageNet (width)",
}

PUBLISHED_NETS = frozenset({"alexnet", "vgg11", "vgg13", "vgg16", "vgg19", "resnet18", "resnet34", "resnet50"})
"""Nets for ImageNet, of which torchvision publishes the weights."""

NETS_FOR_IMAGES = frozenset({"lenet5", "lenet5_1998", "fast_cnn", "resnet"}) | PUBLISHED_NETS

NETS_FOR_SERIES = frozenset({"rocket", "fcn", "series_gru", "series_linear", "series_net"})


def default(spec: Spec) -> str:
    """The net to begin with: "fast_cnn" for images, "table_net" for rows, "rocket" for series, "series_net" for forecasts,
    "mlp" for planes of one or two features and arrays."""
    if spec.inputs.kind == "image":
        return "fast_cnn"
    if spec.inputs.kind == "series":
        return "rocket" if spec.inputs.forecast is None else "series_net"
    return "table_net" if spec.inputs.kind == "features" and spec.inputs.shape[0] > 2 else "mlp"


def check(name: str, spec: Spec) -> None:
    """Raise ProfundoError when no net has that name, or when the net cannot take such inputs."""
    if name not in NETS:
        near = get_close_matches(name, NETS, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else "choose one of them"
        raise ProfundoError(f"net: expected one of {', '.join(NETS)}, got {name!r}; {hint}")
    if name in NETS_FOR_IMAGES and (spec.inputs.kind != "image" or len(spec.inputs.shape) != 3):
        raise ProfundoError(
            f"net {name}: expected images (channels, height, width), "
            f"the data have {spec.inputs.kind} of shape {spec.inputs.shape}; use mlp or linear"
        )
    if name in NETS_FOR_SERIES and len(spec.inputs.shape) != 2:
        raise ProfundoError(
            f"net {name}: expected series (channels, steps), the data have {spec.inputs.kind} of shape "
            f"{spec.inputs.shape}; use mlp or linear"
        )
