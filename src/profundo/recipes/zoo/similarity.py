"""Which of A, B and C is X most like? The cosine of the angle between two vectors.

Data: the three vectors of the exercise, or others of any equal length. Nothing is trained; a neuron that computes w·x
answers the same question.

Result: cos(X, A) = 0.951, cos(X, B) = 0.982, cos(X, C) = −1: X is most like B and the opposite of C.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from profundo.evaluate.cosine import cosine, euclidean
from profundo.pictures import heat_svg
from profundo.pictures.exhibits import Chart, Table
from profundo.recipes.context import Context
from profundo.recipes.recipe import Outcome, Recipe
from profundo.records import ProfundoError
from profundo.runs.settings.setting_values import Finite

__all__ = ["RECIPE", "Settings", "run"]


@dataclass(frozen=True, slots=True)
class Settings:
    """The vectors: as many numbers in each, not all zero."""

    x: tuple[Finite, ...] = (0.5, 0.3, 0.7)
    a: tuple[Finite, ...] = (0.3, 0.3, 0.3)
    b: tuple[Finite, ...] = (0.6, 0.2, 0.6)
    c: tuple[Finite, ...] = (-0.5, -0.3, -0.7)


def run(_bench: Context, settings: Settings) -> Outcome:
    """Raises ProfundoError for vectors of different lengths, of none, and for one of zeros."""
    vectors = {"X": settings.x, "A": settings.a, "B": settings.b, "C": settings.c}
    if len({len(vector) for vector in vectors.values()}) > 1 or not all(map(any, vectors.values())):
        sizes = ", ".join(f"{name} {list(vector)}" for name, vector in vectors.items())
        raise ProfundoError(f"similarity: expected vectors of one length, none of them all zeros, got {sizes}")
    x, *others = (torch.tensor(vector, dtype=torch.float64) for vector in vectors.values())
    stacked = torch.stack(others)
    cosines, distances = cosine(x, stacked).clamp(-1, 1), euclidean(x, stacked)
    best = "ABC"[int(cosines.argmax())]
    measured = zip("ABC", (stacked @ x).tolist(), cosines.tolist(), distances.tolist(), strict=True)
    components = [f"{at}" for at in range(1, len(x) + 1)]
    return Outcome(
        scores={f"cos(X, {name})": value for name, value in zip("ABC", cosines.tolist(), strict=True)},
        exhibits=[
            Chart(
                "The vectors",
                f"Each vector's numbers, positive ones blue and negative ones orange: the pattern of {best} is the most like "
                "that of X.",
                heat_svg(
                    list(vectors.values()), row_labels=list(vectors), column_labels=components, x_label="component"
                ),
            ),
            Table(
                "How alike",
                "The product X·V, the cosine and the angle, for which only the direction counts, and the distance, for which "
                "the length counts too.",
                ["V", "X·V", "cosine", "angle (°)", "distance"],
                [[name, dot, cos, math.degrees(math.acos(cos)), far] for name, dot, cos, far in measured],
            ),
        ],
        conclusion=f"X is most like {best}: the cosine is {cosines.max():.3f}.",
    )


RECIPE = Recipe(Settings, Settings(), run)
