"""Learning-rate schedules: functions from the share s of training done, in [0, 1), to a factor for the learning rate.

Being functions of the share alone, they need no state: a resumed run computes the same rates.

    constant            1
    step                1, after half of training 0.1, after three quarters 0.01
    exponential         0.01ˢ
    cosine              ½ (1 + cos πs)
    cyclic              ¼ + ¾ Λ(4s): four triangles between a quarter and the whole; Λ(x) = 1 − |2 (x mod 1) − 1|
    cyclic-exponential  0.01ˢ (¼ + ¾ Λ(4s)): both edges of the triangles fall
    one-cycle           up in a straight line in the first fifth, then down to 0

`warm_up` puts a straight rise before any of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from profundo.languages import Said
from profundo.records import ProfundoError

__all__ = [
    "SCHEDULES",
    "constant",
    "cosine",
    "cyclic",
    "cyclic_exponential",
    "exponential",
    "one_cycle",
    "schedule",
    "step",
    "warm_up",
]

Schedule = Callable[[float], float]


def constant(_share: float) -> float:
    """The learning rate as given."""
    return 1.0


def step(share: float) -> float:
    """A tenth after half of training, a hundredth after three quarters (He et al. 2015, §4.2)."""
    if share < 0.5:
        return 1.0
    return 0.1 if share < 0.75 else 0.01


def exponential(share: float, end: float = 0.01) -> float:
    """endˢ: the same proportion less at every step, `end` of the rate when training ends."""
    return end**share  # type: ignore[no-any-return]


def cosine(share: float) -> float:
    """½(1 + cos πs): from 1 to 0 along half a cosine (Loshchilov & Hutter 2017, eq. 5, without restarts)."""
    return 0.5 * (1 + math.cos(math.pi * share))


def triangle(share: float, cycles: float) -> float:
    """Up from 0 to 1 and down again in straight lines, so many times."""
    return 1 - abs(2 * (share * cycles % 1) - 1)


def cyclic(share: float, cycles: float = 4, low: float = 0.25) -> float:
    """Triangles between `low` and 1 (Smith 2017, section 3.1: the lower edge a third or a quarter of the upper)."""
    return low + (1 - low) * triangle(share, cycles)


def cyclic_exponential(share: float, cycles: float = 4, low: float = 0.25, end: float = 0.01) -> float:
    """Triangles of which both edges fall exponentially (Smith 2017, section 3.1, `exp_range`)."""
    return exponential(share, end) * cyclic(share, cycles, low)


def one_cycle(share: float, peak: float = 0.2, floor: float = 0.04) -> float:
    """Up in a straight line to 1 at `peak` of training, then down to 0 (after Smith & Topin 2018).

    floor: the factor at the very first step, so that it is not wasted.
    """
    return max(floor, share / peak) if share < peak else (1 - share) / (1 - peak)


def warm_up(then: Schedule, over: float, start: float = 0.01) -> Schedule:
    """A straight rise from `start` of what `then` begins with, during the share `over` of training; then all of `then`.

    Large batches need it (Goyal et al. 2017, section 2.2). over: in [0, 1); 0 gives `then` itself.
    Raises ProfundoError for another share.
    """
    if not 0 <= over < 1:
        raise ProfundoError(
            f"--warm-up: expected a share of training, at least 0 and below 1, got {over:g}",
            told=Said("refusals.warm_up", got=over),
        )

    def warmed(share: float) -> float:
        if share < over:
            return then(0.0) * (start + (1 - start) * share / over)
        return then((share - over) / (1 - over))

    return warmed if over else then


SCHEDULES: dict[str, Schedule] = {
    "constant": constant,
    "step": step,
    "exponential": exponential,
    "cosine": cosine,
    "cyclic": cyclic,
    "cyclic-exponential": cyclic_exponential,
    "one-cycle": one_cycle,
}


def schedule(name: str, warmed: float = 0.0) -> Schedule:
    """The schedule of that name, after a warm-up during the share `warmed` of training.

    Raises ProfundoError for a name that is not in SCHEDULES and a share that is not in [0, 1).
    """
    if name not in SCHEDULES:
        raise ProfundoError(f"schedule {name!r} is unknown; known: {', '.join(SCHEDULES)}")
    return warm_up(SCHEDULES[name], warmed)
