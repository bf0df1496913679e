"""Learning-rate schedules: functions from the share of training done, in [0, 1), to a factor for the learning rate.

Being functions of the share alone, they need no state: a resumed run computes the same rates.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from profundo.records import ProfundoError

__all__ = ["SCHEDULES", "constant", "cosine", "one_cycle", "schedule", "step"]

Schedule = Callable[[float], float]


def constant(_share: float) -> float:
    """The learning rate as given."""
    return 1.0


def step(share: float) -> float:
    """A tenth after half of training, a hundredth after three quarters (He et al. 2015, §4.2)."""
    return 1.0 if share < 0.5 else 0.1 if share < 0.75 else 0.01


def cosine(share: float) -> float:
    """½(1 + cos πs): from 1 to 0 along half a cosine (Loshchilov & Hutter 2017, eq. 5, without restarts)."""
    return 0.5 * (1 + math.cos(math.pi * share))


def one_cycle(share: float, peak: float = 0.2, floor: float = 0.04) -> float:
    """Up in a straight line to 1 at `peak` of training, then down to 0 (after Smith & Topin 2018).

    floor: the factor at the very first step, so that it is not wasted.
    """
    return max(floor, share / peak) if share < peak else (1 - share) / (1 - peak)


SCHEDULES: dict[str, Schedule] = {"constant": constant, "step": step, "cosine": cosine, "one-cycle": one_cycle}


def schedule(name: str) -> Schedule:
    """Raises ProfundoError for a name that is not in SCHEDULES."""
    if name not in SCHEDULES:
        raise ProfundoError(f"schedule {name!r} is unknown; known: {', '.join(SCHEDULES)}")
    return SCHEDULES[name]
