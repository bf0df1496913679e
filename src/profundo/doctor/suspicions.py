"""From quantities to suspicions: what a family of causes hands to the examination."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from profundo.doctor.trials import Cure
from profundo.doctor.verdicts import Experiment, Finding, Severity

__all__ = ["Suspicion", "listed", "proves", "with_columns"]

FEW_COLUMNS = 10  # that one would look at one by one
LITTLE = 0.05  # of skill, that a cured program has at least: to become a constant answer is no cure
DOUBLED = 0.1  # of skill, and as much as there was: of what cannot become perfect, no share is missing that one knows


@dataclass(frozen=True, slots=True)
class Suspicion:
    """What may be wrong, where, by which numbers, and what would prove it.

    cures: by name; the best counts. Without any the fact speaks for itself. weight: how much the numbers alone say, from
    0 to 1: of two causes whose cures do as much good, the one that weighs more is the root.
    gain: how much better the cured program must be, and by which share of what was missing.
    view: what is done to the program and to its cured copy alike before they are compared, such as other samples to judge on.
    presumed: a fact that counts only where no experiment proves another cause.
    mend: of a fact, what takes it away, so that the program can be examined once more for what it hides.
    """

    cause: str
    where: str
    evidence: Mapping[str, Any]
    remedy: str
    severity: Severity = "serious"
    cures: Mapping[str, Cure] = field(default_factory=dict)
    weight: float = 0.5
    gain: float = 0.08
    share: float = 0.25
    steps: int | None = None
    view: Cure | None = None
    presumed: bool = False
    mend: Cure | None = None

    def finding(self, cure: str = "", **more: Any) -> Finding:
        """What is said of it, and more of a Finding's fields. cure: the name of the one that proved it."""
        remedy = self.remedy.replace("{cure}", cure) if cure else self.remedy
        return Finding(self.cause, self.where, self.evidence, remedy, self.severity, **more)


def listed(places: Iterable[Any]) -> str:
    """Each once; of more than three the first ones, and how many more."""
    each = list(dict.fromkeys(map(str, places)))
    return ", ".join(each[:3]) + (f" and {len(each) - 3} more" if len(each) > 3 else "")


def with_columns(where: str, part: Tensor, odd: Tensor) -> str:
    """And which columns of a table, where they are few and not all. odd: of each, how much it is to blame."""
    which = odd.argsort(descending=True, stable=True)[: int((odd > 0).sum())].tolist() if part.ndim == 2 else []
    few = 0 < len(which) <= FEW_COLUMNS and len(which) < part.shape[1]
    return f"{where}, column {listed(which)}" if few else where


def proves(experiment: Experiment, gain: float, share: float = 0.25) -> bool:
    """Whether the cure helps: on every seed, by the given skill on average, and by this share of what was missing, or twice
    as much as there was."""
    differences = [b - a for a, b in zip(experiment.without, experiment.with_cure, strict=True)]
    mean = sum(differences) / len(differences)
    enough = mean >= share * (1 - experiment.before) or mean >= max(DOUBLED, experiment.before)
    return experiment.after > LITTLE and min(differences) > 0 and mean >= gain and enough
