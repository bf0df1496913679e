"""Whether a linear model does better on the validation samples than a net that was just trained: then something is wrong with it."""

from __future__ import annotations

from profundo.data.batches import in_memory
from profundo.evaluate import figure_of
from profundo.evaluate.leading import leading_figure
from profundo.evaluate.scores import PROBABILITIES, compare_answers
from profundo.languages import Said, named
from profundo.objectives.objective_names import default_name
from profundo.records import ProfundoError
from profundo.runs.baselines.linear_baseline import Yardstick, yardstick
from profundo.runs.health.training_program import MOST_SAMPLES
from profundo.runs.preparing import Prepared, objective_of
from profundo.runs.scoring import answers_beside
from profundo.runs.voice import figure

__all__ = ["beaten_by", "yardstick_for"]

KINDS = frozenset(["classes", "binary", "real"])
FEWEST = 30  # validation samples
LUCK = 0.01  # p from which a difference may be one of these samples alone
SHARE, PART = 0.1, 0.2  # of right answers, or of an error; of less than that hardly any cause could be proved


def yardstick_for(prepared: Prepared) -> Yardstick | None:
    """The linear model of these data, which lowers their usual objective; None where training lowers another, there is nothing
    to compare, or it cannot be fitted."""
    data, asked = prepared.data, prepared.experiment
    held = data.validation
    apart = prepared.own.loss is not None or data.spec.inputs.forecast is not None or data.spec.inputs.kind == "any"
    other = asked.class_weights is not None or asked.objective not in (None, default_name(data.spec.targets))
    if apart or other or data.spec.targets.kind not in KINDS or not in_memory(held) or len(held) < FEWEST:
        return None
    try:
        return yardstick(data)
    except (RuntimeError, ValueError, OSError, MemoryError, ProfundoError):
        return None  # the evaluation says why


def beaten_by(linear: Yardstick, prepared: Prepared) -> str:
    """That it does better than the net as it is now, by more than luck, in words; else empty."""
    data, targets = prepared.data, prepared.data.spec.targets
    ours, theirs = answers_beside(prepared.net, data, prepared.experiment, linear[0], prepared.own, most=MOST_SAMPLES)
    likelihood = objective_of(prepared.experiment, data, prepared.own).likelihood
    name = leading_figure(targets, likelihood.quantity == PROBABILITIES)
    compared = compare_answers(name, ours, theirs, targets)
    if compared is None or compared.p > LUCK:
        return ""
    before, better = (figure_of(name, one, targets) for one in (ours, theirs))
    matters = better < (1 - PART) * before if targets.kind == "real" else better > before + SHARE
    told = {
        "linear": named(linear[1]),
        "figure": named(name),
        "theirs": figure(name, better),
        "ours": figure(name, before),
    }
    return Said("refusals.net_beaten", **told) if matters else ""
