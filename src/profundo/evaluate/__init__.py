"""Evaluation: a network and a split in, numbers out. Never pictures."""

from profundo.evaluate.scores import (
    Answers,
    answers,
    answers_of_all,
    evaluating,
    figure_of,
    figures,
    mean_cost,
    scores,
)

__all__ = ["Answers", "answers", "answers_of_all", "evaluating", "figure_of", "figures", "mean_cost", "scores"]
