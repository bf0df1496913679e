"""The nets by name, and which one suits which data. Importable without torch, so that `--help` stays instant."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from profundo.kinds import InputKind
from profundo.languages import Said, named
from profundo.records import ProfundoError, Spec

__all__ = [
    "DETECTORS",
    "NETS",
    "NETS_FOR_IMAGES",
    "NETS_FOR_PIXELS",
    "NETS_FOR_PLANES",
    "NETS_FOR_SERIES",
    "NETS_FOR_SOUNDS",
    "NETS_FOR_TEXTS",
    "OF_OBJECTS",
    "check",
    "default",
    "of_a_spec",
]

NETS: dict[str, str] = {
    "linear": "one linear layer: linear, logistic or softmax regression",
    "mlp": "fully connected hidden layers (widths, activation, dropout)",
    "plane_mlp": "fully connected layers on functions of two inputs (features, widths, activations, dropout)",
    "table_net": "an ensemble in one net for tables, on embedded numbers (members, widths, activation, dropout)",
    "text_mean": "means of the embeddings of words, pairs of words and character n-grams (width, dropout)",
    "text_cnn": "convolutions over word vectors (Kim 2014) (width, filters, windows, dropout)",
    "text_gru": "a recurrent net over word vectors from both ends (width, states, dropout)",
    "text_transformer": "self-attention over word vectors (Vaswani et al. 2017) (width, heads, layers, dropout)",
    "minilm": "text_mean beside the published sentence encoder all-MiniLM-L6-v2; begins with --pretrained minilm",
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
    "efficientnet_lite0": "EfficientNet-Lite0, a small net for ImageNet (Tan & Le 2019; Liu 2020) (width, dropout)",
    "logmel_cnn": "log-mel spectrogram and small convolutions: the one to begin with for sounds (width, dropout)",
    "logmel_gru": "log-mel spectrogram and a recurrent net from both ends, for sounds (width, dropout)",
    "raw_cnn": "convolutions on the samples of sounds themselves (Dai et al. 2016) (width, dropout)",
    "unet": "U-Net: an answer for each pixel of an image (Ronneberger et al. 2015) (width, depth, finest, adds)",
    "fully_convolutional": "an answer for each pixel, without a path up (Long et al. 2015) (width, depth)",
    "fcos": "finds objects in one stage: the quick detector to begin with (Tian et al. 2019) (width, depth, finest)",
    "faster_rcnn": "finds objects in two stages (Ren et al. 2015) (width, features, finest)",
    "mask_rcnn": "finds and outlines objects (He et al. 2017) (width, features, depth, finest)",
}

PUBLISHED_NETS = frozenset(
    {"alexnet", "vgg11", "vgg13", "vgg16", "vgg19", "resnet18", "resnet34", "resnet50", "efficientnet_lite0"}
)
"""Nets for ImageNet, of which there are published weights."""

NETS_FOR_SOUNDS = frozenset({"logmel_cnn", "logmel_gru", "raw_cnn"})

NETS_FOR_IMAGES = frozenset({"lenet5", "lenet5_1998", "fast_cnn", "resnet"}) | PUBLISHED_NETS

NETS_FOR_TEXTS = frozenset({"text_mean", "text_cnn", "text_gru", "text_transformer", "minilm"})

NETS_FOR_PLANES = frozenset({"plane_mlp"})

NETS_FOR_SERIES = frozenset({"rocket", "fcn", "series_gru", "series_linear", "series_net"})


DEFAULTS: Mapping[InputKind, str] = {
    "image": "fast_cnn",
    "sound": "logmel_cnn",
    "series": "rocket",
    "features": "table_net",
    "array": "mlp",
    "any": "mlp",
}


NETS_FOR_PIXELS = frozenset({"unet", "fully_convolutional"})

DETECTORS = frozenset({"fcos", "faster_rcnn", "mask_rcnn"})

FOR_EACH: Mapping[str, frozenset[str]] = {"pixel": NETS_FOR_PIXELS, "object": DETECTORS}
"""The nets for what has a target of its own, where that is not each sample."""


def default(spec: Spec) -> str:
    """The net to begin with: "unet" where each pixel has a target, "fcos" where objects are to be found, "fast_cnn" for images, of
    whatever numbers, "logmel_cnn" for sounds, "rocket" for series, "series_net" for forecasts, "text_mean" for rows with texts,
    "table_net" for other rows, "mlp" for planes of one or two features and other arrays."""
    if spec.targets.traits.per != "sample":
        return {"pixel": "unet", "object": "fcos"}[spec.targets.traits.per]
    if spec.inputs.texts:
        return "text_mean"
    if spec.inputs.forecast is not None:
        return "series_net"
    if spec.inputs.kind == "array" and (are_pictures(spec.inputs.shape) or channels_last(spec.inputs.shape)):
        return DEFAULTS["image"]
    if spec.inputs.kind == "features" and spec.inputs.shape[0] <= 2:
        return "mlp"
    return DEFAULTS[spec.inputs.kind]


SMALLEST = 8  # pixels of a side, from which numbers in three axes are taken for pictures


def are_pictures(shape: tuple[int, ...]) -> bool:
    """(channels, height, width) of grey or colour."""
    return len(shape) == 3 and shape[0] in (1, 3, 4) and min(shape[1:]) >= SMALLEST


def channels_last(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 and are_pictures((shape[2], *shape[:2])) and not are_pictures(shape)


Options = ParamSpec("Options")
Made = TypeVar("Made")


def of_a_spec(builder: Callable[Concatenate[Spec, Options], Made]) -> Callable[Concatenate[Spec, Options], Made]:
    """A builder that says so where it is given something else than the Spec of data, such as a number of inputs."""

    @wraps(builder)
    def checked(spec: Any = None, *options: Options.args, **named: Options.kwargs) -> Made:
        if not isinstance(spec, Spec):
            raise ProfundoError(
                f"net {builder.__name__}: expected the Spec of data, load(…).spec, which says how many inputs and outputs there "
                f"are; got {type(spec).__name__}. fit({builder.__name__!r}, data) makes the net itself"
            )
        return builder(spec, *options, **named)

    return checked  # type: ignore[return-value]


def check(name: str, spec: Spec) -> None:
    """Raise ProfundoError when no net has that name, or when the net cannot take such inputs."""
    if name not in NETS:
        near = get_close_matches(name, NETS, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else "choose one of them"
        raise ProfundoError(
            f"net: expected one of {', '.join(NETS)}; got {name!r}; {hint}",
            told=Said("refusals.unknown_net", names=", ".join(NETS), got=repr(name)),
        )
    given = spec.targets.traits.per
    wanted = next((per for per, nets in FOR_EACH.items() if name in nets), "sample")
    if wanted != given:
        raise ProfundoError(
            f"net {name}: gives an answer for each {wanted}, the data have one for each {given}; use {default(spec)}"
            f"{', or tell what is in each image' + OF_OBJECTS if wanted == 'object' else ''}",
            told=Said("refusals.net_answers", name=name, wanted=named(wanted), given=named(given), usual=default(spec)),
        )
    if (name in NETS_FOR_TEXTS) != bool(spec.inputs.texts):
        names = ", ".join(repr(column.name) for column in spec.inputs.texts)
        there = f"read texts, as in {names}" if names else f"have no texts but {spec.inputs.things}"
        raise ProfundoError(
            f"net {name}: the data {there}; use {', '.join(sorted(NETS_FOR_TEXTS)) if names else default(spec)}"
            + (f", or leave out the texts: --drop {shlex.quote(spec.inputs.texts[0].name)}" if names else ""),
            told=Said("refusals.net_texts", name=name, usual=default(spec)),
        )
    things = Said(f"refusals.of_{spec.inputs.things}")
    if name in NETS_FOR_IMAGES and (
        spec.inputs.kind not in ("image", "array") or len(spec.inputs.shape) != 3 or channels_last(spec.inputs.shape)
    ):
        remedy = "give X.transpose(0, 3, 1, 2)" if channels_last(spec.inputs.shape) else f"use {instead(spec)}"
        remedy = "give X[:, None]" if spec.inputs.kind == "series" and min(spec.inputs.shape) >= SMALLEST else remedy
        raise ProfundoError(
            f"net {name}: expected images (channels, height, width), "
            f"the data have {spec.inputs.kind} of shape {spec.inputs.shape}; {remedy}",
            told=Said("refusals.net_images", name=name, kind=things, shape=str(spec.inputs.shape)),
        )
    inputs = spec.inputs
    for refused, nets, fits in (
        ("refusals.net_sounds", NETS_FOR_SOUNDS, inputs.kind == "sound" and bool(inputs.sound.rate)),
        ("refusals.net_planes", NETS_FOR_PLANES, inputs.shape == (2,)),
        ("refusals.net_series", NETS_FOR_SERIES, len(inputs.shape) == 2),
    ):
        if name in nets and not fits:
            raise ProfundoError(Said(refused, name=name, kind=things, shape=str(inputs.shape), usual=instead(spec)))


OF_OBJECTS = ": (images, [{'boxes': [[left, top, right, bottom], …], 'labels': […]}, …])"
"""How objects in images are told in Python."""


def instead(spec: Spec) -> str:
    """Nets that take such inputs, in words."""
    return ", ".join([*(sorted(NETS_FOR_SOUNDS) if spec.inputs.kind == "sound" else ()), "mlp or linear"])
