"""Evaluation: a network and a split in, numbers out. Never pictures."""

from profundo.evaluate.scores import Answers, answers, evaluating, mean_cost, scores

__all__ = ["Answers", "answers", "evaluating", "mean_cost", "scores"]
