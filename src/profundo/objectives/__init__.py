"""The output layer defines the cost: each objective is the negative log-likelihood of a distribution.

    objective = default(data.spec.targets, label_smoothing=0.1)
    loss = objective.mean_cost(net(batch.inputs), batch.targets, batch.total)
    costs = objective.likelihood(outputs, targets)         # (batch,), never smoothed
    probabilities = objective.predict(outputs)
    weighted = Weighted(objective, class_weights("balanced", data.spec.targets, data.train.targets))

Objectives load torch when first touched; the catalogue does without.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from profundo.objectives.objective_names import OBJECTIVES, default_name

__all__ = [
    "OBJECTIVES",
    "Objective",
    "Weighted",
    "bernoulli",
    "build",
    "categorical",
    "class_weights",
    "default",
    "default_name",
    "gaussian",
    "weighted",
]

if TYPE_CHECKING:
    from profundo.objectives.likelihoods import Objective, bernoulli, build, categorical, default, gaussian
    from profundo.objectives.weighting import Weighted, class_weights, weighted

_LIKELIHOODS = {"Objective", "bernoulli", "build", "categorical", "default", "gaussian"}


def __getattr__(name: str) -> Any:
    if name in _LIKELIHOODS:
        return getattr(import_module("profundo.objectives.likelihoods"), name)
    if name in ("Weighted", "class_weights", "weighted"):
        return getattr(import_module("profundo.objectives.weighting"), name)
    raise AttributeError(f"module 'profundo.objectives' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
