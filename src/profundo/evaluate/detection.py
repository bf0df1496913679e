"""How well a score tells one kind of sample from another: the area under the ROC curve, and what a threshold catches."""

from __future__ import annotations

import torch
from torch import Tensor

from profundo.records import ProfundoError

__all__ = ["roc_area", "threshold_for"]


def roc_area(ordinary: Tensor, strange: Tensor) -> float:
    """P(score of a strange sample > score of an ordinary one), ties counting half: the area under the ROC curve.

    That is the Mann–Whitney statistic divided by the number of pairs (Hanley & McNeil 1982). 0.5: the score says nothing.
    Raises ProfundoError when either is empty.
    """
    if not len(ordinary) or not len(strange):
        raise ProfundoError("ROC: expected samples of both kinds")
    if len(strange) < len(ordinary):  # the fewer are sorted, which is quicker
        return 1 - _share_of_pairs(strange, ordinary)
    return _share_of_pairs(ordinary, strange)


def _share_of_pairs(lower: Tensor, upper: Tensor) -> float:
    """The pairs in order, of all pairs; ties counting half."""
    below, scores = torch.sort(lower.double()).values, upper.double()
    less = torch.searchsorted(below, scores, right=False)
    less_or_equal = torch.searchsorted(below, scores, right=True)
    return ((less + less_or_equal).double().mean() / 2 / len(lower)).item()


def threshold_for(ordinary: Tensor, false_alarms: float) -> float:
    """The score above which at most that share of the ordinary samples lies."""
    kept = torch.sort(ordinary.double()).values
    return kept[min(len(kept) - 1, max(0, len(kept) - 1 - int(false_alarms * len(kept))))].item()
