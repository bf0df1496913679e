"""How an error falls with the number of training samples: e(n) = a + b n^−c (Cortes et al. 1993; Hestness et al. 2017).

a is what no number of samples removes, b and c say how soon the rest goes. For a given c, a and b ≥ 0 are linear least
squares with a solution in closed form; c is the best of a fine grid. How sure that is, is asked of the same fit to errors
drawn anew around those that were measured, with their standard errors (a parametric bootstrap; Efron 1979).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from profundo.records import ProfundoError

__all__ = ["PowerLaw", "fit_power_law", "power_law"]

FEWEST_SIZES = 4  # three numbers are fitted
DRAWS = 1000
EXPONENTS = torch.linspace(0.02, 2.0, 199, dtype=torch.float64)
MISFIT = 2.0  # root mean squared distance from the law, in standard errors, beyond which it is no power law


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """The fit, and the same of each draw: a, b, c are floats, draws float64 (3, draws).

    unsound: why it should not be believed, empty if there is no such reason.
    """

    a: float
    b: float
    c: float
    draws: Tensor
    misfit: float
    unsound: str = ""

    def at(self, size: float) -> float:
        return self.a + self.b * math.exp(-self.c * math.log(size))

    def between(self, size: float, level: float = 0.95) -> tuple[float, float]:
        """The middle `level` of what the draws say about a size."""
        a, b, c = self.draws
        tails = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
        low, high = (a + b * size**-c).quantile(tails).tolist()
        return low, high


def power_law(sizes: Tensor, errors: Tensor, weights: Tensor) -> Tensor:
    """a, b, c of the weighted least squares fit to each row of errors: sizes (m,), errors (rows, m) → (3, rows)."""
    basis = sizes[:, None] ** -EXPONENTS  # (m, exponents)
    total = weights.sum()
    of_basis, of_errors = weights @ basis / total, errors @ weights / total  # (exponents,), (rows,)
    centred = basis - of_basis
    spread = (weights[:, None] * centred.square()).sum(0)
    slope = (errors * weights) @ centred / spread  # b without a bound on a: (rows, exponents)
    through_zero = (errors * weights) @ basis / (weights[:, None] * basis.square()).sum(0)
    b = slope.clamp(min=0)
    a = of_errors[:, None] - b * of_basis
    b = torch.where(a < 0, through_zero.clamp(min=0), b)
    a = a.clamp(min=0)
    distance = errors[:, None, :] - a[:, :, None] - b[:, :, None] * basis.T
    best = (distance.square() * weights).sum(2).argmin(1)
    rows = torch.arange(len(errors))
    return torch.stack([a[rows, best], b[rows, best], EXPONENTS[best]])


def fit_power_law(sizes: Sequence[float], errors: Sequence[Sequence[float]], seed: int = 0) -> PowerLaw:
    """The law of errors measured several times at each size: errors[i] at sizes[i]. Weighted by their standard errors.

    The relative deviation is taken to be the same at all sizes, since a few repetitions tell little about each.
    Raises ProfundoError for fewer than four sizes, fewer than two errors at one, and errors that are not finite.
    """
    if len(sizes) < FEWEST_SIZES or len(sizes) != len(errors) or min(map(len, errors)) < 2:
        raise ProfundoError(f"power law: expected at least {FEWEST_SIZES} sizes with 2 errors or more at each")
    each = [torch.tensor(row, dtype=torch.float64) for row in errors]
    if not all(bool(row.isfinite().all()) for row in each):
        raise ProfundoError("power law: expected finite errors")
    at = torch.tensor(sizes, dtype=torch.float64)
    means = torch.stack([row.mean() for row in each])
    if not bool((means > 0).all()):
        nothing = torch.zeros(3, 1, dtype=torch.float64)
        return PowerLaw(0.0, 0.0, 0.0, nothing, 0.0, "an error of zero has no power law")
    relative = torch.stack([row.var() / mean.square() for row, mean in zip(each, means, strict=True)]).mean().sqrt()
    numbers = torch.tensor([float(len(row)) for row in each], dtype=torch.float64)
    deviation = means * relative.clamp(min=1e-6) / numbers.sqrt()
    weights = deviation.square().reciprocal()
    a, b, c = power_law(at, means[None], weights)[:, 0].tolist()
    noise = torch.randn(DRAWS, len(at), dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    draws = torch.cat([power_law(at, part, weights) for part in torch.split(means + deviation * noise, 100)], 1)
    misfit = ((means - a - b * at**-c) / deviation).square().mean().sqrt().item()
    law = PowerLaw(a, b, c, draws, misfit)
    return PowerLaw(a, b, c, draws, misfit, reason(law, at, means, deviation))


def reason(law: PowerLaw, sizes: Tensor, means: Tensor, deviation: Tensor) -> str:
    """Why not to believe in the law."""
    fall = (means[0] - means[-1]).item()
    if fall <= 2 * math.hypot(deviation[0].item(), deviation[-1].item()):
        return "the error does not fall by more than two standard errors"
    if law.misfit > MISFIT:
        return f"the errors lie {law.misfit:.1f} standard errors from it, on average"
    low, high = law.between(2 * float(sizes[-1]))
    if high - low > max(0.5 * law.at(2 * float(sizes[-1])), 1e-12):
        return "what it says about twice as many samples is too unsure"
    return ""
