"""Situations worth a lesson: settings with a question, and what should be seen. The registry is closed; its ids are stable.

What each says is proved, with these very settings, in tests/playground/test_presets.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from profundo.data.dataset_names import nearest
from profundo.languages import words
from profundo.playground.playground_settings import PlaygroundSettings, new_settings
from profundo.records import ProfundoError

__all__ = ["PRESETS", "Preset", "preset"]


@dataclass(frozen=True, slots=True)
class Preset:
    """title: what it is about; question: for the class, before the run; seen: what the run shows, and why. shows: what of a page
    is switched on to see it."""

    title: str
    question: str
    seen: str
    given: Mapping[str, Any]
    shows: tuple[Literal["gradients", "warped"], ...] = ()

    @property
    def settings(self) -> PlaygroundSettings:
        return new_settings(**self.given)


FIRST = {"samples": 200, "optimizer": "adam"}
LINE = {"hidden": (), "epochs": 60, **FIRST}
OVERFIT = {
    "data": "moons", "samples": 60, "noise": 40, "data_seed": 1, "hidden": (8, 8, 8), "optimizer": "adam",
    "learning_rate": 0.01, "epochs": 300,
}  # fmt: skip
DEEP = {"data": "circle", "hidden": (6,) * 5, "epochs": 60}
CURVE = {"features": ("x1",), "samples": 200, "optimizer": "adam", "learning_rate": 0.03, "epochs": 120}
WAVE = {"data": "wave", **CURVE, "samples": 500}

GIVEN: Mapping[str, Mapping[str, Any]] = {
    "one-neuron": {"data": "gauss", **LINE},
    "xor-one-neuron": {"data": "xor", **LINE},
    "xor-hidden": {"data": "xor", "hidden": (8,), "activation": "relu", "epochs": 60, **FIRST},
    "warped-plane": {"data": "xor", "hidden": (4, 2), "learning_rate": 0.03, "epochs": 60, **FIRST},
    "xor-feature": {"data": "xor", "features": ("x1", "x2", "x1_x2"), **LINE},
    "circle-features": {"data": "circle", "features": ("x1_squared", "x2_squared"), **LINE},
    "linear-net": {"data": "circle", "hidden": (8, 8, 8), "activation": "linear", "epochs": 60, **FIRST},
    "zero-weights": {"data": "circle", "hidden": (8,), "initialisation": "zeros", "epochs": 60},
    "rate-too-high": {"data": "plane", "hidden": (), "batch_size": "all", "learning_rate": 0.12, "epochs": 80},
    "rate-too-low": {"data": "circle", "learning_rate": 0.00003, "epochs": 60},
    "vanishing-sigmoids": {"activation": "logistic", **DEEP},
    "deep-relu": {"activation": "relu", "initialisation": "he", **DEEP, "epochs": 30},
    "dead-relus": {"data": "circle", "hidden": (8, 8), "activation": "relu", "learning_rate": 3.0, "epochs": 40},
    "overfit": OVERFIT,
    "overfit-l2": {**OVERFIT, "l2": 0.03},
    "overfit-dropout": {**OVERFIT, "dropout": 0.3},
    "overfit-more-points": {**OVERFIT, "samples": 900, "epochs": 40},
    "early-stop": {**OVERFIT, "stop_loss": 0.2},
    "spiral-raw": {
        "data": "spiral", "hidden": (8, 8, 8), "activation": "relu", "initialisation": "he", "optimizer": "adam",
        "learning_rate": 0.01, "epochs": 150,
    },
    "spiral-features": {
        "data": "spiral", "features": ("x1", "x2", "sin_x1", "sin_x2"), "hidden": (8,), "optimizer": "adam",
        "learning_rate": 0.03, "epochs": 100,
    },
    "approximation-2": {**WAVE, "hidden": (2,)},
    "approximation-20": {**WAVE, "hidden": (20,)},
    "curve-step": {**CURVE, "data": "step", "hidden": (1,)},
    "curve-sine": {**CURVE, "data": "sine", "hidden": (4,), "epochs": 200},
    "curve-corner": {
        **CURVE, "data": "absolute", "hidden": (2,), "activation": "relu", "initialisation": "he", "seed": 8,
    },
    "hills": {"data": "multi_gauss", "hidden": (8, 8), "optimizer": "adam", "learning_rate": 0.02, "epochs": 150},
    "three-classes": {"data": "blobs", "hidden": (6,), "epochs": 40, **FIRST},
    "stochastic": {"data": "moons", "samples": 200, "batch_size": 1, "epochs": 20, "learning_rate": 0.05},
    "step-units": {"data": "circle", "hidden": (8,), "activation": "step", "epochs": 60},
}  # fmt: skip
SHOWS: Mapping[str, tuple[Literal["gradients", "warped"], ...]] = {
    "warped-plane": ("warped",),
    "vanishing-sigmoids": ("gradients",),
    "deep-relu": ("gradients",),
}
"""What is chosen for each; what is said of it stands in texts/presets.json, in every language."""


def _worded(name: str, given: Mapping[str, Any]) -> Preset:
    english = words("presets", "en")
    return Preset(
        english[f"{name}_title"], english[f"{name}_question"], english[f"{name}_seen"], given, SHOWS.get(name, ())
    )


PRESETS = {name: _worded(name, given) for name, given in GIVEN.items()}


def preset(name: str) -> Preset:
    """Raises ProfundoError for a name that is not there."""
    if not isinstance(name, str) or name not in PRESETS:
        raise ProfundoError(f"playground: preset {name!r} is unknown; {nearest(str(name), PRESETS)}")
    return PRESETS[name]
