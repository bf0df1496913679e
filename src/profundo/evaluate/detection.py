"""How well a score tells one kind of sample from another: the ROC curve and its area, precision and recall, thresholds."""

from __future__ import annotations

import torch
from torch import Tensor

from profundo.records import ProfundoError

__all__ = ["average_precision", "curves", "roc_area", "threshold_for", "weighted_area"]


TINY = 1e-300


def weighted_area(scores: Tensor, there: Tensor, weights: Tensor) -> float:
    """The area under the ROC curve where samples count by their weights."""
    recall, alarms, _ = curves(scores, there, weights)
    return torch.trapezoid(recall, alarms).item()


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


def average_precision(scores: Tensor, there: Tensor, weights: Tensor | None = None) -> float:
    """Σ (recall − recall before) · precision, over the scores from the highest down: the area under the steps of the
    precision–recall curve. scores: (samples,); there: bool (samples,). Of samples of which none is there it is 0."""
    recall, _, precision = curves(scores, there, weights)
    return (recall.diff() * precision[1:]).sum().item()


def curves(scores: Tensor, there: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """Recall, false alarms as a share of what is not there, and precision, each (thresholds + 1,), as the threshold falls:
    from none taken, where the precision is 1 by convention, to all. Equal scores are taken together. weights: (samples,), how
    much each counts."""
    values, order = scores.double().sort(descending=True, stable=True)
    ends = torch.cat([values.diff() != 0, torch.tensor([True])]) if len(values) else torch.zeros(0, dtype=torch.bool)
    each = torch.ones(len(values), dtype=torch.float64) if weights is None else weights.double()
    hits, taken = ((each * part)[order].cumsum(0)[ends] for part in (there, torch.ones_like(there)))
    all_there, all_others = ((each * part).sum().clamp_min(TINY) for part in (there, ~there))
    zero, one = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    recall, alarms = hits / all_there, (taken - hits) / all_others
    return torch.cat([zero, recall]), torch.cat([zero, alarms]), torch.cat([one, hits / taken])


def threshold_for(ordinary: Tensor, false_alarms: float) -> float:
    """The score above which at most that share of the ordinary samples lies."""
    kept = torch.sort(ordinary.double()).values
    return kept[min(len(kept) - 1, max(0, len(kept) - 1 - int(false_alarms * len(kept))))].item()
