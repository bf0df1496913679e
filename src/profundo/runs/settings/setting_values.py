"""What settings may hold: their types, and what makes values of the words of the command line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from profundo.data.augmenting.options import read
from profundo.languages import Said
from profundo.records import ProfundoError
from profundo.runs.settings.plain_yaml import read_pair, read_value

__all__ = [
    "EVERY",
    "AtLeastZero",
    "BatchSize",
    "Changes",
    "ClassWeights",
    "Count",
    "Epochs",
    "Finite",
    "Layers",
    "PartOfAll",
    "Positive",
    "Pretrained",
    "Several",
    "Share",
    "Some",
    "SoundRate",
    "SplitBy",
    "ThresholdRule",
    "Whole",
    "known_changes",
    "known_split",
    "known_threshold",
    "known_weights",
    "read_changes",
    "read_columns",
    "read_net_options",
    "read_weights",
    "whole_numbers",
    "words_for_nothing",
    "words_of",
]

Whole = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]
Epochs = Annotated[int, Field(ge=1, le=10_000_000)]
EVERY = (
    10**9
)  # samples of a batch that is to hold them all, until it is known how many there are; also the bound that is told
BatchSize = Annotated[int, Field(ge=1, le=EVERY), BeforeValidator(lambda value: EVERY if value == "all" else value)]
Several = Annotated[int, Field(ge=2)]
Layers = Annotated[int, Field(ge=1, le=1000)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
AtLeastZero = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
SoundRate = Annotated[int, Field(ge=1_000, le=768_000)]
PartOfAll = Annotated[float, Field(gt=0, lt=1)]
Some = Annotated[tuple[Whole, ...], Field(min_length=1)]


def known_changes(asked: list[Any]) -> list[Any]:
    """The augmentations as they were asked for, once all of them can be read."""
    for entry in asked:
        read(entry)
    return asked


def known_weights(asked: Any) -> Literal["balanced"] | list[float] | dict[str, float]:
    """Class weights as they were asked for, once they can be weights."""
    if isinstance(asked, str) and asked == "balanced":
        return "balanced"
    numbers = list(asked.values()) if isinstance(asked, Mapping) else asked
    are_numbers = isinstance(numbers, list | tuple) and all(
        isinstance(one, int | float) and not isinstance(one, bool) for one in numbers
    )
    if not are_numbers or not all(0 <= one < float("inf") for one in numbers) or not any(numbers):
        raise ProfundoError(
            f"--class-weights: expected balanced, or a number of at least 0 for each class; got {asked!r}",
            told=Said("refusals.weights_form", got=repr(asked)),
        )
    if isinstance(asked, Mapping):
        return {str(name): float(one) for name, one in asked.items()}
    return [float(one) for one in numbers]


def known_split(asked: str) -> str:
    """What splits are made by, once it can be read."""
    from profundo.data.splits.split_by import read_split_by  # and PyTorch

    read_split_by(asked)
    return asked


def known_threshold(asked: str) -> str:
    from profundo.evaluate.thresholds import check_rule  # and PyTorch

    return check_rule(asked)


Pretrained = Literal[
    "efficientnet_lite0", "resnet18", "resnet34", "resnet50", "alexnet", "vgg11", "vgg13", "vgg16", "vgg19",
    "vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn", "minilm",
]  # fmt: skip
SplitBy = Annotated[str, AfterValidator(known_split)]
Changes = Annotated[list[Any], AfterValidator(known_changes)]
ThresholdRule = Annotated[str, BeforeValidator(str), AfterValidator(known_threshold)]
ClassWeights = Annotated[Any, AfterValidator(known_weights)]


def words_of(text: str) -> list[str]:
    """Names with commas between them; none for none."""
    return [name.strip() for name in text.split(",") if name.strip() not in ("", "none")]


def read_changes(text: str) -> Any:
    """Augmentations: names with commas, or a list in YAML where some have options."""
    return read_value(text) if text.lstrip().startswith("[") else words_of(text)


def read_weights(text: str) -> Any:
    """Class weights: "balanced", or numbers with commas."""
    return text if text == "balanced" else read_value(f"[{text}]")


def read_net_options(texts: Sequence[str]) -> dict[str, Any]:
    pairs = (read_pair(text, "--net-option", "dropout=0.2") for text in texts)
    return {name: whole_numbers(value) for name, value in pairs}


def whole_numbers(value: Any) -> Any:
    """A list where it is whole numbers with commas between them."""
    is_list = isinstance(value, str) and re.fullmatch(r"\d+(\s*,\s*\d+)*\s*,?", value)
    return [int(one) for one in value.replace(" ", "").strip(",").split(",")] if is_list else value


def read_columns(texts: Sequence[str]) -> dict[str, str]:
    """What columns are: NAME=KIND; a name may have equals signs in it."""
    pairs = [text.rpartition("=") for text in texts]
    for text, (name, _, kind) in zip(texts, pairs, strict=True):
        if not name or not kind:
            raise ProfundoError(
                f"--column {text}: expected COLUMN=KIND, such as --column zip=category",
                told=Said("refusals.column_form", got=text),
            )
    return {name.strip(): kind.strip() for name, _, kind in pairs}


def words_for_nothing(texts: Sequence[str]) -> list[str]:
    return [word.strip() for text in texts for word in text.split(",")]
