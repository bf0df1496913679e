"""The kinds of inputs and of targets, and the plain facts of each: the one table that every room reads.

A new kind is a line here, and a line in the dictionary by kind of each room that treats it apart. Of inputs: the net
(nets/net_names.py), the manner of training (runs/experiment.py), the simple method (runs/baselines), pictures
(runs/report_facts.py), how new ones are read (data/new_inputs.py), what a request holds (lab/request_inputs.py). Of targets: the
objective (objectives/objective_names.py), how answers are judged (evaluate/scores.py), what is told of them
(runs/prediction_record.py, lab/page.py). tests/test_kinds.py walks over all of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["INPUT_KINDS", "NO_CLASS", "TARGET_KINDS", "InputKind", "InputTraits", "TargetKind", "TargetTraits"]

InputKind = Literal["image", "features", "array", "sound", "series", "any"]
TargetKind = Literal["classes", "binary", "labels", "real", "mask", "map", "objects", "any"]


@dataclass(frozen=True, slots=True)
class InputTraits:
    """one, several: what it is called; axes: of one sample, empty where it may have any; numbers: the type of raw values, empty
    where it is that of the data; measured: what has a mean and a deviation of its own, empty where nothing is standardised.
    """

    one: str
    several: str
    axes: tuple[str, ...]
    numbers: Literal["uint8", "int16", "float64", ""]
    measured: Literal["channel", "feature", ""]

    @property
    def is_media(self) -> bool:
        """Whether each comes as a file of its own, and its values are small whole numbers, whose sums are exact."""
        return self.numbers in ("uint8", "int16")


INPUT_KINDS: Mapping[InputKind, InputTraits] = {
    "image": InputTraits("image", "images", ("channels", "height", "width"), "uint8", "channel"),
    "features": InputTraits("row", "rows", ("features",), "float64", "feature"),
    "array": InputTraits("array", "arrays", (), "float64", "channel"),
    "sound": InputTraits("sound", "sounds", ("channels", "samples"), "int16", "channel"),
    "series": InputTraits("series", "series", ("channels", "steps"), "float64", "channel"),
    "any": InputTraits("sample", "samples", (), "", ""),
}


@dataclass(frozen=True, slots=True)
class TargetTraits:
    """classes: the fewest and the most that it can have; one_class: whether each sample is of one of them; numeric: whether
    they are numbers in units of their own, which are standardised; wide: whether the output layer has a place for each class,
    or each number; per: what has a target of its own, each sample, each pixel of an image, or each object in one, of which there
    may be none."""

    classes: tuple[float, float] = (0, 0)
    one_class: bool = False
    numeric: bool = False
    wide: bool = True
    per: Literal["sample", "pixel", "object"] = "sample"


NO_CLASS = 255  # of a mask, in memory: a pixel of no class

TARGET_KINDS: Mapping[TargetKind, TargetTraits] = {
    "classes": TargetTraits((2, math.inf), one_class=True),
    "binary": TargetTraits((2, 2), one_class=True, wide=False),
    "labels": TargetTraits((1, math.inf)),
    "real": TargetTraits(numeric=True),
    "mask": TargetTraits((2, math.inf), per="pixel"),
    "map": TargetTraits(numeric=True, per="pixel"),
    "objects": TargetTraits((1, math.inf), per="object"),
    "any": TargetTraits(wide=False),
}
