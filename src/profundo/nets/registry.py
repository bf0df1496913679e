"""Name → net. The registry is closed: a name from a file or a command line never imports anything."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError
from torch import nn

from profundo.files import expectation
from profundo.nets.alexnets import alexnet
from profundo.nets.dense import linear, mlp
from profundo.nets.fast import fast_cnn
from profundo.nets.lenet import lenet5
from profundo.nets.lenet1998 import lenet5_1998
from profundo.nets.net_names import check
from profundo.nets.residual import resnet
from profundo.nets.resnets import resnet18, resnet34, resnet50
from profundo.nets.series_nets import fcn, rocket, series_gru, series_linear, series_net
from profundo.nets.table_nets import table_net
from profundo.nets.vgg import vgg11, vgg13, vgg16, vgg19
from profundo.records import ProfundoError, Spec

__all__ = ["build"]

MOST_LAYERS = 1000

_BUILDERS: dict[str, Callable[..., nn.Module]] = {
    builder.__name__: builder
    for builder in (
        *(table_net, linear, mlp, lenet5, lenet5_1998, fast_cnn, resnet, alexnet),
        *(rocket, fcn, series_gru, series_linear, series_net),
        *(vgg11, vgg13, vgg16, vgg19, resnet18, resnet34, resnet50),
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
                + (f"its options are {', '.join(known)}" if known else "it has no options")
            )
        check_type(name, option, get_type_hints(builder)[option], options[option])
    try:
        return builder(spec, **options)
    except (TypeError, RuntimeError) as error:  # a value of the wrong type, or more weights than memory
        given = ", ".join(f"{option}={value!r}" for option, value in options.items())
        raise ProfundoError(
            f"net {name}: could not be built with {given or 'its defaults'}: {_first_line(error)}"
        ) from error


def check_type(net: str, option: str, kind: Any, value: Any) -> None:
    """Raise ProfundoError unless the value is of the kind that the option is declared with, such as Sequence[int]."""
    if isinstance(value, list | tuple) and len(value) > MOST_LAYERS:
        raise ProfundoError(f"net {net}: {option}: expected at most {MOST_LAYERS:,} layers, got {len(value):,}")
    try:
        TypeAdapter(kind).validate_python(tuple(value) if isinstance(value, list) else value, strict=True)
    except ValidationError as error:
        expected = expectation(error.errors()[0]["msg"]).replace("an instance of Sequence", "a list")
        raise ProfundoError(f"net {net}: {option}: {expected}, got {value!r}") from None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
