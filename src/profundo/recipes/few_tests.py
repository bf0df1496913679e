"""What is said beside figures that come from few test examples: how far they may be from those of all."""

from __future__ import annotations

from collections.abc import Mapping

from profundo.evaluate.intervals import wilson
from profundo.pictures.verdict import span

__all__ = ["FEW", "caution"]

FEW = 30
COUNTED = ("accuracy", "exact match", "share named right")  # shares of the test examples themselves
NOT_COUNTED = ("shot", "accuracy of ")  # of more examples than were tested: of draws among them, of their parts


def caution(scores: Mapping[str, float], tested: int) -> str:
    """A sentence where the figures come from fewer than FEW test examples, with the 95 % interval of a share; else nothing."""
    if not 0 < tested < FEW:
        return ""
    examples = "one test example" if tested == 1 else f"{tested} test examples"
    name = next((name for name in scores if counted(name)), "")
    if not name:
        return f"Few tests: the figures come from {examples} only; on others they may come out quite differently."
    edges = span(name, wilson(round(scores[name] * tested), tested))
    return f"Few tests: the figures come from {examples} only; the {name} on all such examples may be {edges} (95 % interval)."


def counted(name: str) -> bool:
    return name.startswith(COUNTED) and not any(part in name for part in NOT_COUNTED)
