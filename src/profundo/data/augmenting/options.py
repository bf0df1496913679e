"""What each augmentation may be asked: a closed table of numbers with their bounds. Importable without torch.

    read("mirror")                              → Asked("mirror", {"share": 0.5})
    read({"crop": {"scale": [0.6, 1]}})         → Asked("crop", {"scale": (0.6, 1.0), "ratio": …, "share": 1.0})

`share`, which all have, is the chance that a sample is changed at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from profundo.data.dataset_names import AUGMENTATIONS, nearest
from profundo.kinds import InputKind, TargetKind
from profundo.languages import Said
from profundo.records import ProfundoError, Spec, Targets

__all__ = [
    "IMAGES",
    "MIXING",
    "ONLY_OBJECTS",
    "OPTIONS",
    "ROWS",
    "SOUNDS",
    "Asked",
    "Option",
    "check",
    "read",
    "unfit_for",
]

Value = float | tuple[float, float]

MIXING = ("mixup", "cutmix", "ricap")  # change the targets too: shares of classes take the place of one class
ROWS = ("noise", "mixup")  # make sense of rows of numbers, not of images alone
SOUNDS = ("shift", "speed", "gain", "mask", *ROWS)


@dataclass(frozen=True, slots=True)
class Option:
    """A number from low to high; or a pair of them, the least and the most, where the default is one."""

    default: Value
    low: float
    high: float

    def read(self, where: str, value: Any) -> Value:
        """The value as numbers. Raises ProfundoError that says what was expected where."""
        if isinstance(self.default, tuple):
            if isinstance(value, Sequence) and len(value) == 2 and all(map(self.holds, value)) and value[0] <= value[1]:
                return float(value[0]), float(value[1])
            raise ProfundoError(
                f"{where}: expected [least, most] within {self.low:g} to {self.high:g}, got {value!r}; such as "
                f"[{self.default[0]:.4g}, {self.default[1]:.4g}]"
            )
        if self.holds(value):
            return float(value)
        raise ProfundoError(
            f"{where}: expected a number from {self.low:g} to {self.high:g}, got {value!r}; such as {self.default:.4g}"
        )

    def holds(self, value: Any) -> bool:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and isfinite(value) and self.low <= value <= self.high


_ALWAYS, _HALF = {"share": Option(1.0, 0, 1)}, {"share": Option(0.5, 0, 1)}

# Lengths are shares of the side, areas of the area, so that they suit images of any size.
OPTIONS: dict[str, dict[str, Option]] = {
    "shift": {"reach": Option(1 / 8, 0, 1), **_ALWAYS},
    "mirror": _HALF,
    "flip": _HALF,
    "rotation": {"degrees": Option(15, 0, 180), **_ALWAYS},
    "distortion": {
        "move": Option(1 / 16, 0, 1),
        "scale": Option(0.1, 0, 0.9),
        "shear": Option(0.15, 0, 2),
        **_ALWAYS,
    },
    "zoom": {"factor": Option((0.8, 1.25), 0.25, 4), **_ALWAYS},
    "crop": {"scale": Option((0.5, 1.0), 0.01, 1), "ratio": Option((3 / 4, 4 / 3), 0.1, 10), **_ALWAYS},
    # Below a quarter the four moved corners always stay a convex quadrilateral.
    "perspective": {"strength": Option(0.1, 0, 0.24), **_ALWAYS},
    "elastic": {"strength": Option(0.05, 0, 1), "sigma": Option(0.14, 0.01, 1), **_ALWAYS},
    "colour": {
        "brightness": Option(0.3, 0, 1),
        "contrast": Option(0.3, 0, 1),
        "saturation": Option(0.3, 0, 1),
        "hue": Option(0.05, 0, 0.5),
        **_ALWAYS,
    },
    "noise": {"deviation": Option(0.1, 0, 10), **_ALWAYS},
    "speed": {"factor": Option((0.8, 1.25), 0.25, 4), **_ALWAYS},
    "gain": {"decibels": Option(6, 0, 60), **_ALWAYS},
    "mask": {"time": Option(0.25, 0, 1), "frequency": Option(0.25, 0, 1), **_ALWAYS},
    "cutout": {"side": Option(0.5, 0, 2), **_ALWAYS},
    "erase": {"scale": Option((0.02, 1 / 3), 0, 1), "ratio": Option((0.3, 10 / 3), 0.1, 10), **_HALF},
    "mixup": {"alpha": Option(0.2, 0, 100), **_ALWAYS},
    "cutmix": {"alpha": Option(1.0, 0, 100), **_ALWAYS},
    "ricap": {"beta": Option(0.3, 0.01, 100), **_ALWAYS},
    "mosaic": {"centre": Option((0.3, 0.7), 0, 1), **_HALF},
}


IMAGES = tuple(name for name in OPTIONS if name not in ("speed", "gain", "mask"))
NOT_MIXED: Mapping[TargetKind, str] = {
    "real": "real numbers",
    "mask": "masks",
    "map": "numbers for each pixel",
    "objects": "objects",
}
ONLY_OBJECTS = ("mosaic",)
TURNING = ("rotation", "distortion", "perspective", "elastic")  # what is upright
BY_KIND: Mapping[InputKind, Sequence[str]] = {"image": IMAGES, "sound": SOUNDS}


@dataclass(frozen=True, slots=True)
class Asked:
    """One augmentation with a value for each of its options."""

    name: str
    options: Mapping[str, Value]


def read(entry: Any) -> Asked:
    """A name, or {name: {option: value}}. Raises ProfundoError for anything else, naming what is wrong."""
    if isinstance(entry, Mapping) and len(entry) == 1:
        name, given = next(iter(entry.items()))
    else:
        name, given = entry, {}
    if not isinstance(name, str) or not isinstance(given, Mapping | None):
        raise ProfundoError(f"augmentation: expected a name or {{name: {{option: value}}}}, got {entry!r}")
    if name not in OPTIONS:
        raise ProfundoError(Said("refusals.no_augmentation", name=repr(name), hint=nearest(name, AUGMENTATIONS)))
    known = OPTIONS[name]
    for option in given or {}:
        if option not in known:
            raise ProfundoError(f"augmentation {name} has no option {option!r}; {nearest(str(option), known)}")
    chosen = {option: known[option].read(f"{name} {option}", value) for option, value in (given or {}).items()}
    return Asked(name, {option: chosen.get(option, known[option].default) for option in known})


def check(choice: Asked, spec: Spec) -> None:
    """Raises ProfundoError where the augmentation makes no sense of such inputs or targets."""
    known = BY_KIND.get(spec.inputs.kind, ROWS)
    if choice.name not in known:
        theirs = "images" if choice.name in IMAGES else "sounds"
        these = spec.inputs.things if spec.inputs.kind in BY_KIND else "rows of numbers"
        instead = f", or take {' or '.join(known)}" if known is not IMAGES else ""
        if spec.inputs.kind == "array" and len(spec.inputs.shape) == 3 and choice.name in IMAGES:
            these, instead = "arrays of floats", ", or give pictures as bytes, such as (x * 255).byte()"
        raise ProfundoError(
            f"augmentation {choice.name!r} is for {theirs}; these data are {these}: leave it out{instead}",
            told=Said("refusals.augment_for", name=repr(choice.name)),
        )
    if unfit := unfit_for(choice.name, spec.targets):
        raise ProfundoError(
            f"augmentation {choice.name!r} {unfit}: leave it out",
            told=Said("refusals.augment_unfit", name=repr(choice.name), why=unfit),
        )


def unfit_for(name: str, targets: Targets) -> str:
    """Why an augmentation of images makes no sense of such targets; "" where it does."""
    if name in MIXING and targets.kind in NOT_MIXED:
        return f"mixes classes; these targets are {NOT_MIXED[targets.kind]}"
    if name in ONLY_OBJECTS and targets.kind != "objects":
        return "puts together images with objects; these targets are none"
    if name in TURNING and targets.kind == "objects":
        return "turns or bends images, and boxes of objects stay upright"
    return ""
