"""How good a small net is now, by few operations: for every frame of a page."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

from profundo.evaluate.scores import confusion
from profundo.objectives import Objective

__all__ = ["Figures", "figures_of"]


@dataclass(frozen=True, slots=True)
class Figures:
    """Of some points. loss: their mean cost, without penalties. Of classes: accuracy, confusion (counts, a row for each true
    class). Of values: rmse and r2. NaN and None where there are no points."""

    samples: int
    loss: float
    accuracy: float | None = None
    confusion: tuple[tuple[int, ...], ...] = ()
    rmse: float | None = None
    r2: float | None = None

    @property
    def score(self) -> float:
        """The accuracy, or R²."""
        first = self.accuracy if self.accuracy is not None else self.r2
        return math.nan if first is None else first

    def as_plain_data(self) -> dict[str, Any]:
        """For JSON, which has no infinity: what is not finite is null."""
        return {
            name: value if not isinstance(value, float) or math.isfinite(value) else None
            for name, value in asdict(self).items()
        }

    def __str__(self) -> str:
        if self.accuracy is not None:
            return f"loss {self.loss:.4g}, accuracy {100 * self.accuracy:.1f} %"
        return f"loss {self.loss:.4g}" + (f", R² {self.r2:.3f}" if self.r2 is not None else "")


def figures_of(objective: Objective, outputs: Tensor, targets: Tensor, classes: int) -> Figures:
    """outputs: (samples, outputs); targets: (samples,) classes, or (samples, 1) values where `classes` is 0."""
    count = len(targets)
    if not count:
        return Figures(0, math.nan)
    loss = float(objective.mean_cost(outputs, targets, count))
    if classes:
        chosen = (outputs[:, 0] > 0).long() if outputs.shape[1] == 1 else outputs.argmax(1)
        counts = confusion(targets, chosen, classes)
        right = int(counts.diagonal().sum()) / count
        return Figures(count, loss, accuracy=right, confusion=tuple(map(tuple, counts.tolist())))
    square = float((outputs - targets).square().mean())
    variance = float(targets.var(correction=0))
    return Figures(count, loss, rmse=math.sqrt(square), r2=1 - square / variance if variance > 0 else None)
