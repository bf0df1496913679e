"""Threshold units set by hand (McCulloch & Pitts 1943, "A logical calculus of the ideas immanent in nervous activity").

Data: the truth tables of AND, OR, NOT and XOR. Nothing is trained: every weight and threshold is written down.

Result: one unit is AND, one OR, one NOT; three in two layers are XOR: all 14 rows right, in 0.1 s. That one unit is not
enough for XOR is what the recipes perceptron and xor show.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from profundo.nets.threshold_units import GATES
from profundo.pictures.exhibits import Exhibit, Images, Table
from profundo.pictures.planes import Plane
from profundo.recipes.context import Context
from profundo.recipes.recipe import Outcome, Recipe

__all__ = ["RECIPE", "Settings", "networks", "run"]

UNITS = {
    "AND": "1 where a + b ≥ 1.5",
    "OR": "1 where a + b ≥ 0.5",
    "NOT": "1 where −a ≥ −0.5",
    "XOR": "1 where a + b ≥ 0.5 and 1 where a + b ≥ 1.5; then 1 where h₁ − h₂ ≥ 0.5",
}
TRUTH = {"AND": (0, 0, 0, 1), "OR": (0, 1, 1, 1), "NOT": (1, 0), "XOR": (0, 1, 1, 0)}


@dataclass(frozen=True, slots=True)
class Settings:
    """There is nothing to set: the units are set by hand."""


def networks(_asked: Settings, _known: Mapping[str, Any]) -> dict[str, nn.Module]:
    return {name: build() for name, build in GATES.items()}


def run(_bench: Context, settings: Settings) -> Outcome:
    nets = networks(settings, {})
    right = [
        answer == truth for name in TRUTH for answer, truth in zip(answers(nets[name], name), TRUTH[name], strict=True)
    ]
    planes = [plane(nets[name], name) for name in ("AND", "OR", "XOR")]
    exhibits: list[Exhibit] = [
        Images(
            "What the units say in the plane",
            "Where each net fires, and the four points of its truth table: AND and OR cut the plane once, the net of XOR "
            "cuts it twice.",
            torch.stack(planes),
            columns=3,
        ),
        *(truth_table(nets[name], name) for name in TRUTH),
    ]
    return Outcome(
        scores={"accuracy": sum(right) / len(right)},
        baseline={"accuracy": 0.5},
        against="a coin",
        exhibits=exhibits,
        networks=nets,
        conclusion=f"{sum(right)} of {len(right)} rows of the truth tables of AND, OR, NOT and XOR come out right, with "
        "every weight set by hand.",
    )


def rows(name: str) -> Tensor:
    """Every input of the gate, (2ⁿ, n) of 0 and 1."""
    inputs = 1 if name == "NOT" else 2
    return torch.tensor(list(product((0.0, 1.0), repeat=inputs)))


def answers(net: nn.Module, name: str) -> list[int]:
    return [int(answer) for answer in net(rows(name)).squeeze(1)]


def truth_table(net: nn.Module, name: str) -> Table:
    inputs = [[int(value) for value in row] for row in rows(name)]
    columns = ["a", "b"][: len(inputs[0])]
    expected = zip(inputs, answers(net, name), TRUTH[name], strict=True)
    return Table(
        name,
        f"{name}: {UNITS[name]}.",
        [*columns, "the net", name],
        [[*row, answer, truth] for row, answer, truth in expected],
    )


def plane(net: nn.Module, name: str) -> Tensor:
    view = Plane((-0.5, 1.5), (-0.5, 1.5), "a", "b", width=280, height=280)
    shares = net(view.places()).squeeze(1)
    return view.draw(rows(name), torch.tensor(TRUTH[name]), shares, names=("0", "1"), told=name, flat=True)


RECIPE = Recipe(Settings, Settings(), run, networks=networks)
