"""Name → net. The registry is closed: a name from a file or a command line never imports anything."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import signature
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError
from torch import nn

from profundo.files import expectation
from profundo.languages import Said
from profundo.nets.activations import ACTIVATIONS
from profundo.nets.alexnets import alexnet
from profundo.nets.dense import linear, mlp
from profundo.nets.detectors.faster_rcnn import faster_rcnn
from profundo.nets.detectors.fcos import fcos
from profundo.nets.detectors.mask_rcnn import mask_rcnn
from profundo.nets.efficientnet_lite import efficientnet_lite0
from profundo.nets.fast import fast_cnn
from profundo.nets.fully_convolutional import fully_convolutional
from profundo.nets.lenet import lenet5
from profundo.nets.lenet1998 import lenet5_1998
from profundo.nets.net_names import check
from profundo.nets.plane_nets import plane_mlp
from profundo.nets.residual import resnet
from profundo.nets.resnets import resnet18, resnet34, resnet50
from profundo.nets.sentence_encoder import minilm
from profundo.nets.series_nets import fcn, rocket, series_gru, series_linear, series_net
from profundo.nets.sound_nets import logmel_cnn, logmel_gru, raw_cnn
from profundo.nets.table_nets import table_net
from profundo.nets.text_nets import text_cnn, text_gru, text_mean, text_transformer
from profundo.nets.unet import unet
from profundo.nets.vgg import vgg11, vgg13, vgg16, vgg19
from profundo.records import ProfundoError, Spec

__all__ = ["NetOption", "build", "options"]

MOST_LAYERS = 1000

_BUILDERS: dict[str, Callable[..., nn.Module]] = {
    builder.__name__: builder
    for builder in (
        *(table_net, linear, mlp, plane_mlp, lenet5, lenet5_1998, fast_cnn, resnet, alexnet),
        *(text_mean, text_cnn, text_gru, text_transformer, minilm),
        *(rocket, fcn, series_gru, series_linear, series_net),
        *(vgg11, vgg13, vgg16, vgg19, resnet18, resnet34, resnet50, efficientnet_lite0),
        *(logmel_cnn, logmel_gru, raw_cnn),
        *(unet, fully_convolutional, fcos, faster_rcnn, mask_rcnn),
    )
}


def build(name: str, spec: Spec, **options: Any) -> nn.Module:
    """The net of that name for such data. Raises ProfundoError for an unknown name, an option the net does not
    have or a value it cannot take, and a net that needs images when given rows."""
    check(name, spec)
    builder = _BUILDERS[name]
    known = list(signature(builder).parameters)[1:]
    for option in options:
        if option not in known:
            raise ProfundoError(
                f"net {name}: unknown option {option!r}; "
                + (f"its options are {', '.join(known)}" if known else "it has no options"),
                told=Said("refusals.net_option", net=name, option=repr(option)),
            )
        check_type(name, option, get_type_hints(builder)[option], options[option])
    try:
        return builder(spec, **options)
    except (TypeError, RuntimeError) as error:  # a value of the wrong type, or more weights than memory
        given = ", ".join(f"{option}={value!r}" for option, value in options.items())
        raise ProfundoError(
            Said("refusals.net_unbuilt", net=name, given=given or "its defaults", reason=_first_line(error))
        ) from error


@dataclass(frozen=True, slots=True)
class NetOption:
    """An option of a net: its kind in words, what it is unless told, what its docstring says, and how it is written."""

    name: str
    kind: str
    default: str
    about: str
    example: str


KINDS = {"bool": "true or false", "int": "a whole number", "float": "a number", "str": "a word"}
EXAMPLES = {"widths": "32,16", "dropout": "0.2", "activation": "gelu", "depth": "20", "width": "32", "members": "4"}


def options(name: str) -> list[NetOption]:
    """What the net of that name can be told. Raises ProfundoError for an unknown name."""
    if name not in _BUILDERS:
        raise ProfundoError(f"net: expected one of {', '.join(_BUILDERS)}; got {name!r}")
    builder = _BUILDERS[name]
    hints = get_type_hints(builder)
    results = []
    for one in list(signature(builder).parameters.values())[1:]:
        words = kind_in_words(one.name, hints[one.name])
        default = "chosen" if one.default is None else str(one.default).strip("()").rstrip(",")
        example = EXAMPLES.get(one.name) or (default if one.default is not None else "1")
        results.append(NetOption(one.name, words, default, about_option(builder, one.name), f"{one.name}={example}"))
    return results


def kind_in_words(option: str, kind: Any) -> str:
    if option == "activation":
        return f"one of {', '.join(ACTIVATIONS)}"
    if get_origin(kind) is Literal:
        return f"one of {', '.join(map(str, get_args(kind)))}"
    parts = [part for part in get_args(kind) if part is not type(None)]
    if get_origin(kind) in (Union, UnionType) and len(parts) == 1:
        return kind_in_words(option, parts[0])
    if get_origin(kind) in (Sequence, tuple):
        return "whole numbers with commas between them"
    return KINDS.get(getattr(kind, "__name__", ""), str(kind))


def about_option(builder: Callable[..., nn.Module], option: str) -> str:
    """What the docstring says of it, in one line."""
    text = " ".join((builder.__doc__ or "").split())
    _, found, rest = text.partition(f" {option}: ")
    known = "|".join(signature(builder).parameters)
    return re.split(rf" (?:{known}): | Raises ", rest)[0] if found else ""


def check_type(net: str, option: str, kind: Any, value: Any) -> None:
    """Raise ProfundoError unless the value is of the kind that the option is declared with, such as Sequence[int]."""
    if isinstance(value, list | tuple) and len(value) > MOST_LAYERS:
        raise ProfundoError(f"net {net}: {option}: expected at most {MOST_LAYERS:,} layers, got {len(value):,}")
    try:
        TypeAdapter(kind).validate_python(tuple(value) if isinstance(value, list) else value, strict=True)
    except ValidationError as error:
        expected = expectation(error.errors()[0]["msg"]).replace("an instance of Sequence", "a list")
        raise ProfundoError(
            f"net {net}: {option}: {expected}, got {value!r}",
            told=Said("refusals.net_option_kind", net=net, option=option, expected=expected, got=repr(value)),
        ) from None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
