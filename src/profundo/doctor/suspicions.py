"""From quantities to suspicions: what a family of causes hands to the examination."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from profundo.doctor.trials import Cure
from profundo.doctor.verdicts import Experiment, Severity

__all__ = ["Suspicion", "proves"]


@dataclass(frozen=True, slots=True)
class Suspicion:
    """What may be wrong, where, by which numbers, and what would prove it.

    cures: by name; the best counts. Without any the fact speaks for itself. weight: how much the numbers alone say, from
    0 to 1: of two causes whose cures do as much good, the one that weighs more is the root.
    gain: how much better the cured program must be.
    """

    cause: str
    where: str
    evidence: Mapping[str, Any]
    remedy: str
    severity: Severity = "serious"
    cures: Mapping[str, Cure] = field(default_factory=dict)
    weight: float = 0.5
    gain: float = 0.08
    steps: int | None = None


def proves(experiment: Experiment, gain: float) -> bool:
    """Whether the cure helps: on every seed, by the given skill on average, and by a quarter of what was missing."""
    pairs = list(zip(experiment.without, experiment.with_cure, strict=True))
    differences = [b - a for a, b in pairs]
    mean = sum(differences) / len(differences)
    missing = 1 - sum(experiment.without) / len(pairs)
    return min(differences) > 0 and mean >= gain and mean >= 0.25 * missing
