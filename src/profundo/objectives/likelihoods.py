"""Negative log-likelihoods of the output layer, each in the form that is exact where the naive one overflows.

    targets        output layer    distribution    cost of one sample
    K classes      softmax         categorical     logsumexp(z) − z_y
    0 or 1         sigmoid         Bernoulli       softplus((1 − 2y) z)
    real           linear          Gaussian        squared error, up to constants; mean over the outputs

A target may also be shares of classes, which mixed samples have (Zhang et al. 2018): floats (batch, K) that sum to 1, or
(batch,) for two classes. Its cost is the mean of its classes' costs by their shares: −Σ_k t_k log p_k.

Label smoothing ε (Szegedy et al. 2016) mixes the target with the uniform distribution: (1 − ε) onehot(y) + ε/K.
It is for training; `likelihood` is the same objective without it, which evaluation reports.
Half-precision outputs are cast to float32 first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from profundo.objectives.catalogue import check, default_name
from profundo.records import ProfundoError, Targets

__all__ = [
    "Bernoulli",
    "Categorical",
    "Gaussian",
    "Objective",
    "bernoulli",
    "build",
    "categorical",
    "default",
    "gaussian",
]

_HALF = (torch.bfloat16, torch.float16)


class Objective(Protocol):
    """outputs: (batch, spec.outputs), as the net gives them; targets: (batch,) int64, or (batch, outputs) float; shares
    of two classes are (batch,) float."""

    @property
    def name(self) -> str: ...

    @property
    def likelihood(self) -> Objective:
        """The same without label smoothing."""
        ...

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Cost of every sample: (batch,)."""
        ...

    def mean_cost(self, outputs: Tensor, targets: Tensor, total: int) -> Tensor:
        """Sum of the samples' costs / total, a scalar, by the fewest operations; total ≥ batch where the batch is one
        part of several."""
        ...

    def predict(self, outputs: Tensor) -> Tensor:
        """What the distribution says, in float32: class probabilities, P(y = 1), or means."""
        ...


@dataclass(frozen=True, slots=True)
class Categorical:
    """Outputs (batch, K), targets (batch,) int64, or shares (batch, K). predict: (batch, K) probabilities."""

    label_smoothing: float = 0.0
    name: ClassVar[str] = "categorical"

    def __post_init__(self) -> None:
        _check_smoothing(self.label_smoothing)

    @property
    def likelihood(self) -> Categorical:
        return Categorical() if self.label_smoothing else self

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(_full(outputs), targets, reduction="none", label_smoothing=self.label_smoothing)

    def mean_cost(self, outputs: Tensor, targets: Tensor, total: int) -> Tensor:
        if total == len(targets):
            return F.cross_entropy(_full(outputs), targets, label_smoothing=self.label_smoothing)
        summed = F.cross_entropy(_full(outputs), targets, reduction="sum", label_smoothing=self.label_smoothing)
        return summed / total

    def predict(self, outputs: Tensor) -> Tensor:
        return _full(outputs).softmax(dim=1)


@dataclass(frozen=True, slots=True)
class Bernoulli:
    """Outputs (batch, 1), targets (batch,) of 0 and 1, or floats between. predict: (batch,), P(y = 1)."""

    label_smoothing: float = 0.0
    name: ClassVar[str] = "bernoulli"

    def __post_init__(self) -> None:
        _check_smoothing(self.label_smoothing)

    @property
    def likelihood(self) -> Bernoulli:
        return Bernoulli() if self.label_smoothing else self

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        logits = _column(outputs)
        signed = (2 * targets - 1) * logits
        if targets.is_floating_point():
            cost = -torch.lerp(F.logsigmoid(-logits), F.logsigmoid(logits), targets.to(logits.dtype))
        else:
            cost = -F.logsigmoid(signed)  # softplus(−signed), without F.softplus's switch to linear at 20
        return cost + self.label_smoothing / 2 * signed if self.label_smoothing else cost

    def mean_cost(self, outputs: Tensor, targets: Tensor, total: int) -> Tensor:
        # PyTorch's fused form of the same: a third quicker, and its rounding near zero does not matter to a mean.
        logits = _column(outputs)
        soft = targets.to(logits.dtype)
        if self.label_smoothing:
            soft = torch.lerp(soft, torch.full_like(soft, 0.5), self.label_smoothing)
        if total == len(targets):
            return F.binary_cross_entropy_with_logits(logits, soft)
        return F.binary_cross_entropy_with_logits(logits, soft, reduction="sum") / total

    def predict(self, outputs: Tensor) -> Tensor:
        return _column(outputs).sigmoid()


@dataclass(frozen=True, slots=True)
class Gaussian:
    """Outputs and targets (batch, k), both standardised. predict: (batch, k) means."""

    name: ClassVar[str] = "gaussian"

    @property
    def likelihood(self) -> Gaussian:
        return self

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return F.mse_loss(_full(outputs), _rows(targets, outputs), reduction="none").mean(dim=1)

    def mean_cost(self, outputs: Tensor, targets: Tensor, total: int) -> Tensor:
        mean = F.mse_loss(_full(outputs), _rows(targets, outputs))
        return mean if total == len(targets) else mean * (len(targets) / total)

    def predict(self, outputs: Tensor) -> Tensor:
        return _full(outputs)


def categorical(label_smoothing: float = 0.0) -> Categorical:
    return Categorical(label_smoothing)


def bernoulli(label_smoothing: float = 0.0) -> Bernoulli:
    return Bernoulli(label_smoothing)


def gaussian() -> Gaussian:
    return Gaussian()


def default(targets: Targets, label_smoothing: float = 0.0) -> Objective:
    """The objective that suits the targets. Raises ProfundoError for label smoothing without labels."""
    return build(default_name(targets), targets, label_smoothing)


def build(name: str, targets: Targets, label_smoothing: float = 0.0) -> Objective:
    """The objective of that name. Raises ProfundoError when it is unknown or does not suit the targets."""
    check(name, targets)
    if name == "gaussian":
        if label_smoothing:
            raise ProfundoError(
                "objective gaussian: label smoothing is for classes, the targets are real; leave it out"
            )
        return Gaussian()
    smoothed: dict[str, Callable[[float], Any]] = {"categorical": Categorical, "bernoulli": Bernoulli}
    objective: Objective = smoothed[name](label_smoothing)
    return objective


def _full(outputs: Tensor) -> Tensor:
    return outputs.float() if outputs.dtype in _HALF else outputs


def _column(outputs: Tensor) -> Tensor:
    """(batch, 1) → (batch,)."""
    return _full(outputs).squeeze(1)


def _rows(targets: Tensor, outputs: Tensor) -> Tensor:
    """(batch,) → (batch, 1), lest the difference to (batch, 1) outputs broadcasts to a square."""
    return targets.reshape(outputs.shape)


def _check_smoothing(label_smoothing: float) -> None:
    if not 0 <= label_smoothing < 1:
        raise ProfundoError(f"label smoothing: expected a number in [0, 1), got {label_smoothing}")
