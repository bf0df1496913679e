"""Which figure leads, by the classes' shares in training: the first that a reader sees, and that runs are compared by.

Where classes are about as frequent that is the accuracy. Where one is rare, a net that never answers it has a high one:
of two classes with 3 % of the second, 97 %. Balanced accuracy, the mean of the classes' recalls, counts every class alike,
and any constant has 1/K. Of two classes of which one is very rare, hardly any net gives it a probability above ½; then
the average precision of the rare one leads, which asks only whether it is ranked first. A constant has its share. Of masks
the mean IoU leads, which counts every class alike, however few its pixels.
"""

from __future__ import annotations

from collections.abc import Mapping

from profundo.kinds import TargetKind
from profundo.languages import local, say, term
from profundo.records import Targets

__all__ = ["RARE", "leading_figure", "positive", "reason"]

RARE = 0.5  # of the most frequent class's samples
VERY_RARE = 0.05  # of all samples


LEADING: Mapping[TargetKind, str] = {"real": "RMSE", "map": "RMSE", "mask": "mean IoU", "objects": "AP", "any": "loss"}
"""Of targets whose shares decide nothing."""


def positive(targets: Targets) -> int:
    """The index of the class that is to be found, of two: the rare one, else the second."""
    shares = targets.shares
    return int(not (len(shares) == 2 and shares[0] < RARE * shares[1]))


def leading_figure(targets: Targets, probabilities: bool = True) -> str:
    """probabilities: whether answers state any; without, there is no average precision."""
    present = [share for share in targets.shares if share > 0]
    rarest = min(present, default=1.0)
    if targets.kind in LEADING:
        return LEADING[targets.kind]
    if targets.kind == "labels":
        return "mean average precision" if probabilities and rarest < VERY_RARE else "exact match"
    if not present or rarest >= RARE * max(present):
        return "accuracy"
    if targets.kind == "binary" and probabilities and rarest < VERY_RARE:
        return f"average precision of {targets.classes[positive(targets)]}"
    return "balanced accuracy"


def reason(targets: Targets, name: str) -> str:
    """Why this figure leads, in a sentence; empty where it is the usual one."""
    if name in (*LEADING.values(), "accuracy", "exact match") or not targets.shares:
        return ""
    share, rarest = min((share, name) for share, name in zip(targets.shares, targets.classes, strict=True) if share > 0)
    percent = local(f"{100 * share:.2g}" if share < 0.1 else f"{100 * share:.0f}")
    why = "report.leads_alike" if name == "balanced accuracy" else "report.leads_rare"
    return say(why, figure=term(name), percent=percent, name=repr(rarest))
