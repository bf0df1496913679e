"""What of a training is a person's own: a loss, metrics, an optimizer, a schedule, given in Python and not by name.

ours = Own(metrics=metrics_of({"IoU": iou}))
ours.names()                      # what experiment.yaml keeps of them, to know a resumed run again by
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from typing import Any

import torch

from profundo.evaluate import Answers
from profundo.objectives.own_losses import OwnLoss, in_our_order
from profundo.records import ProfundoError, Targets
from profundo.train.schedules import Schedule

__all__ = ["NOTHING", "Metric", "Own", "measured", "metrics_of"]

Metric = Callable[[Any, Any], Any]
"""From predictions and targets of a whole split, as `run.predict` gives them, to a number."""

USUAL = (
    "accuracy",
    "acc",
    "balanced_accuracy",
    "f1",
    "auc",
    "roc_auc",
    "mse",
    "rmse",
    "mae",
    "r2",
    "loss",
    "top_5_accuracy",
)


@dataclass(frozen=True, slots=True, repr=False)
class Own:
    """optimizer: made for the net that is trained. picked: the net gives several outputs, of which the main one counts."""

    loss: OwnLoss | None = None
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    optimizer: Any = None
    schedule: Schedule | None = None
    given: Mapping[str, str] = field(default_factory=dict)
    picked: bool = False

    def __repr__(self) -> str:
        return f"Own({', '.join(f'{name}={value}' for name, value in self.given.items())})"


NOTHING = Own()


def metrics_of(given: Any, kind: str) -> dict[str, Metric]:
    """Metrics by name, of a dict, a list or one of functions, classes and instances. Names of figures that are always
    measured of targets of this kind are left out. Raises ProfundoError for what cannot be called, and unknown names."""
    if given is None:
        return {}
    entries = (
        given if isinstance(given, Mapping) else {None: given} if callable(given) or isinstance(given, str) else given
    )
    if not isinstance(entries, Mapping):
        if not isinstance(entries, Sequence | set):
            raise ProfundoError(
                f"metrics: expected functions by name, such as {{'IoU': iou}}, got {type(given).__name__}"
            )
        entries = dict(enumerate(entries))
    results: dict[str, Metric] = {}
    for name, metric in entries.items():
        if isinstance(metric, str):
            check_usual(metric, kind)
            continue
        metric = metric() if isinstance(metric, type) else metric
        if not callable(metric):
            raise ProfundoError(f"metrics: expected functions of (predictions, targets), got {metric!r} for {name!r}")
        rule = metric.func if isinstance(metric, partial) else metric
        called = name if isinstance(name, str) else getattr(rule, "__name__", type(rule).__name__)
        if called in results:
            raise ProfundoError(
                f"metrics: two are called {called!r}; give each a name, such as {{'IoU': iou, 'Dice': dice}}"
            )
        results[called] = metric
    return results


def check_usual(name: str, kind: str) -> None:
    known = [one.replace("_", "") for one in USUAL]
    plain = name.lower().replace("_", "").replace("-", "").replace(" ", "")
    if plain not in known and not any(one in plain for one in ("accuracy", "auc", "squarederror", "absoluteerror")):
        if plain.startswith(("precision", "recall")):
            raise ProfundoError(
                f"metrics: {name!r} is measured for each class, run.scores.per_class; for one number give a function, such as "
                f"metrics={{{name!r}: sklearn.metrics.{'recall' if plain.startswith('recall') else 'precision'}_score}}"
            )
        near = get_close_matches(plain, known, n=2, cutoff=0.5)
        raise ProfundoError(
            f"metrics: {name!r} names no figure that is measured; {'nearest: ' + ', '.join(near) if near else 'give a function'}, "
            "such as metrics={'IoU': iou}"
        )
    of_numbers = plain in ("mse", "rmse", "mae", "r2") or "error" in plain
    if plain != "loss" and (kind == "any" or of_numbers != (kind == "real")):
        raise ProfundoError(
            f"metrics: {name!r} is not measured of {kind!r} targets; give a function, such as metrics={{{name!r}: function}}"
        )


def measured(metrics: Mapping[str, Metric], answers: Answers, targets: Targets) -> dict[str, float]:
    """Each metric of the answers; functions of scikit-learn get true and predicted classes, or values, in their order.

    Raises ProfundoError for one that fails, or gives no number.
    """
    results = {}
    for name, metric in metrics.items():
        try:
            rule = metric.func if isinstance(metric, partial) else metric
            if (getattr(rule, "__module__", "") or "").startswith("sklearn."):
                truth = answers.targets
                answer = answers.chosen if targets.traits.one_class else answers.predictions
                answer = answer >= 0.5 if targets.kind == "labels" else answer
                value = metric(truth.numpy(), answer.numpy())
            else:
                value = in_our_order(metric)(answers.predictions, answers.targets)
            if isinstance(value, torch.Tensor) and value.numel() != 1:
                raise ValueError(f"it gave {value.numel()} numbers; give their mean")
            results[name] = float(value)
        except Exception as error:  # noqa: BLE001 - a function of somebody else
            raise ProfundoError(
                f"metric {name!r}: expected one number of (predictions, targets): {type(error).__name__}: "
                f"{' '.join(str(error).split())[:200]}"
            ) from None
    return results
