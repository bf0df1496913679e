"""One or two inputs, few samples: the problems with which neurons are taught. Generated alike every time.

The draws are those of numpy's RandomState, whose streams are frozen for good (NEP 19).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.random import RandomState

from profundo.data.splits.splits import Collection
from profundo.records import Inputs, Samples, Targets

__all__ = ["GATES", "TOYS", "gate", "toy"]

Points = tuple[np.ndarray, np.ndarray]  # (samples, inputs); class indices or real targets (samples,)

GATES = {"and": (0, 0, 0, 1), "or": (0, 1, 1, 1), "xor": (0, 1, 1, 0)}
_HALF = 500  # samples per class


def gate(name: str) -> Collection:
    """The truth table of AND, OR or XOR. With four points there is nothing to hold out: every split holds all four."""
    rows = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    samples = Samples(rows, torch.tensor(GATES[name]))
    return Collection(
        name,
        Inputs((2,), "features", names=("a", "b")),
        Targets("binary", ("0", "1")),
        samples,
        validation=samples,
        test=samples,
        notes=("All three splits are the same four points: scores show fit, not generalisation.",),
    )


def toy(name: str) -> Collection:
    """Points in the plane, in two or three classes; or a number to be predicted from one or two others."""
    make, inputs, classes = TOYS[name]
    rows, values = map(torch.from_numpy, make(RandomState(0)))
    if classes:
        targets, values = Targets("binary" if len(classes) == 2 else "classes", classes), values.long()
    else:
        targets, values = Targets("real", names=("y",)), values.float().unsqueeze(1)
    described = Inputs((len(inputs),), "features", names=inputs)
    return Collection(name, described, targets, Samples(rows.float(), values))


def _circles(random: RandomState) -> Points:
    """Rings of radius 1/2 and 1."""
    angle, radius = random.uniform(0, 2 * np.pi, 2 * _HALF), np.repeat([0.5, 1.0], _HALF)
    return _noisy(random, _polar(radius, angle), 0.06), np.repeat([0, 1], _HALF)


def _moons(random: RandomState) -> Points:
    """Half circles of radius 1, the lower one moved by (1, 1/2) into the upper one."""
    angle = random.uniform(0, np.pi, _HALF)
    upper = _polar(np.ones(_HALF), angle)
    return _noisy(random, np.concatenate((upper, [1.0, 0.5] - upper)), 0.1), np.repeat([0, 1], _HALF)


def _spiral(random: RandomState) -> Points:
    """Two Archimedean arms, radius in proportion to the angle, one turn and a half, half a turn apart."""
    turn = np.sqrt(random.uniform(0.01, 1, _HALF)) * 3 * np.pi
    arm = _polar(turn / (3 * np.pi), turn)
    return _noisy(random, np.concatenate((arm, -arm)), 0.02), np.repeat([0, 1], _HALF)


def _blobs(random: RandomState) -> Points:
    """Gaussian clouds of deviation 0.6 about the corners of an equilateral triangle at distance 2 from the centre."""
    labels = np.repeat([0, 1, 2], 333)
    return _noisy(random, _polar(np.full(999, 2.0), labels * 2 * np.pi / 3), 0.6), labels


def _checkerboard(random: RandomState) -> Points:
    """Points spread evenly over the fields of 4 × 4, each of side 1, of a board from −2 to 2; no noise."""
    fields = random.randint(0, 8, 2 * _HALF)  # 0 to 7 of either colour: two in each of four rows
    labels = np.repeat([0, 1], _HALF)
    row = fields // 2
    column = 2 * (fields % 2) + (row + labels) % 2
    return np.stack((column, row), 1) - 2.0 + random.uniform(0, 1, (2 * _HALF, 2)), labels


def _polynomial(random: RandomState) -> Points:
    """y = x³ − 3x + noise of deviation 1/2, for x from −2.5 to 2.5: up, down and up again, its bends at −1 and 1."""
    x = random.uniform(-2.5, 2.5, 2 * _HALF)
    return x[:, None], x**3 - 3 * x + random.normal(0, 0.5, 2 * _HALF)


def _plane(random: RandomState) -> Points:
    """y = 3a − 2b + 1 + noise of deviation 0.3, for a and b from −1 to 1."""
    rows = random.uniform(-1, 1, (2 * _HALF, 2))
    return rows, rows @ [3.0, -2.0] + 1 + random.normal(0, 0.3, 2 * _HALF)


def _polar(radius: np.ndarray, angle: np.ndarray) -> np.ndarray:
    return np.stack((radius * np.cos(angle), radius * np.sin(angle)), 1)


def _noisy(random: RandomState, points: np.ndarray, deviation: float) -> np.ndarray:
    noise: np.ndarray = points + random.normal(0, deviation, points.shape)
    return noise


TOYS: dict[str, tuple[Callable[[RandomState], Points], tuple[str, ...], tuple[str, ...]]] = {
    "circles": (_circles, ("x", "y"), ("inner", "outer")),
    "moons": (_moons, ("x", "y"), ("upper", "lower")),
    "spiral": (_spiral, ("x", "y"), ("one arm", "other arm")),
    "blobs": (_blobs, ("x", "y"), ("A", "B", "C")),
    "checkerboard": (_checkerboard, ("x", "y"), ("dark", "light")),
    "polynomial": (_polynomial, ("x",), ()),
    "plane": (_plane, ("a", "b"), ()),
}
"""Name → how it is drawn, its inputs, its classes: none where the target is a number."""
