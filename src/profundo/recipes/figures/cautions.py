"""What keeps one from trusting the figures of a recipe: few test examples, and simpler ways that are better."""

from __future__ import annotations

from collections.abc import Mapping

from profundo.evaluate.intervals import wilson
from profundo.pictures.verdict import score, span
from profundo.recipes.figures.figure_meanings import meaning_of
from profundo.recipes.recipe import Outcome

__all__ = ["FEW", "against_of", "cautions_of"]

FEW = 30
COUNTED = ("accuracy", "exact match", "share named right")  # shares of the test examples themselves
NOT_COUNTED = ("shot", "accuracy of ")  # of more examples than were tested: of draws among them, of their parts


def cautions_of(outcome: Outcome, tested: int) -> list[str]:
    """tested: examples in the smallest test of the data, 0 where there is none."""
    few = few_tests(outcome.scores, tested if outcome.tested is None else outcome.tested)
    return [*outcome.cautions, *filter(None, (better_ways(outcome), few))]


def better_ways(outcome: Outcome) -> str:
    """A sentence where, by the main figure, something else is better than the recipe; else nothing."""
    name, value = next(iter(outcome.scores.items()))
    beside = {against_of(outcome, name): outcome.baseline[name]} if name in outcome.baseline else {}
    meaning, others = meaning_of(name), {**beside, **outcome.rivals}
    better = [f"{way} ({score(name, other)})" for way, other in others.items() if meaning.is_better(other, value)]
    return f"Better by the {in_a_sentence(name)}: {', '.join(better)}." if better else ""


def in_a_sentence(name: str) -> str:
    """A figure of one of several data, named as "diabetes: RMSE"."""
    of, colon, figure = name.partition(": ")
    return f"{figure} of {of}" if colon else name


def against_of(outcome: Outcome, name: str) -> str:
    return outcome.against if isinstance(outcome.against, str) else outcome.against[name]


def few_tests(scores: Mapping[str, float], tested: int) -> str:
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
