"""From which score on an object is told to people: one threshold for all classes."""

from __future__ import annotations

import torch

from profundo.evaluate.kinds.net_answers import Answers
from profundo.evaluate.objects.matching import matched
from profundo.evaluate.objects.object_scores import answered_scenes
from profundo.evaluate.objects.score_thresholds import OVERLAP

__all__ = ["threshold_of_best_f1"]

USUAL = 0.5  # where nothing was found


def threshold_of_best_f1(answers: Answers) -> float:
    """The score from which F1 = 2 · right / (told + there) is largest, over the detections of all classes; midway to the next
    lower score, so that what a run finds again with other digits is told again."""
    seen = answered_scenes(answers)
    matches = matched(seen, (OVERLAP,))
    counts = ~matches.ignored[:, 0, 0]
    score, order = seen.score[matches.found[counts]].sort(descending=True)
    hits = matches.right[:, 0, 0][counts][order].double().cumsum(0)
    f1 = 2 * hits / (torch.arange(1, len(hits) + 1) + int((~seen.crowd).sum()))
    f1 = f1.where(
        torch.cat([score.diff() < 0, torch.ones(min(1, len(score)), dtype=torch.bool)]), 0.0
    )  # equal ones together
    if not len(f1) or not f1.max() > 0:
        return USUAL
    best = int(f1.argmax())
    lower = score[best + 1] if best + 1 < len(score) else score.new_zeros(())
    return float((score[best] + lower) / 2)
