"""Negative log-likelihoods of the output layer, each in the form that is exact where the naive one overflows.

    targets        output layer    distribution    cost of one sample
    K classes      softmax         categorical     logsumexp(z) − z_y
    0 or 1         sigmoid         Bernoulli       softplus((1 − 2y) z)
    K labels       sigmoid each    Bernoullis      the sum of theirs, for they are independent given the input
    real           linear          Gaussian        squared error, up to constants; mean over the outputs
    mask, map      for each pixel that of classes, or of real targets; mean over the pixels; of classes rare
                   ones count more (Evened), and what is lost of their overlap stands beside it

A target may also be shares of classes, which mixed samples have (Zhang et al. 2018): floats (batch, K) that sum to 1, or
(batch,) for two classes. Its cost is the mean of its classes' costs by their shares: −Σ_k t_k log p_k.

Label smoothing ε (Szegedy et al. 2016) mixes the target with the uniform distribution: (1 − ε) onehot(y) + ε/K.
It is for training; `likelihood` is the same objective without it, which evaluation reports.
Half-precision outputs are cast to float32 first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from profundo.kinds import NO_CLASS
from profundo.languages import Said
from profundo.objectives.detector_cost import DetectorCost
from profundo.objectives.margins import Hinge
from profundo.objectives.objective_names import check, default_name
from profundo.objectives.outputs import column, full
from profundo.objectives.overlap import lost_overlap
from profundo.objectives.robust import GAUSSIAN, HUBER, LAPLACE
from profundo.records import ProfundoError, Targets

__all__ = [
    "Bernoulli",
    "Bernoullis",
    "Categorical",
    "Evened",
    "Objective",
    "PerPixel",
    "bernoulli",
    "build",
    "categorical",
    "default",
    "gaussian",
]

RAREST = 1e-4  # of the pixels: the share that a rarer class is taken to have, lest a few pixels outweigh all


class Objective(Protocol):
    """outputs: (batch, spec.outputs), as the net gives them; targets: (batch,) int64, or (batch, outputs) float; shares
    of two classes are (batch,) float."""

    @property
    def name(self) -> str: ...

    @property
    def quantity(self) -> str:
        """What its costs are called; "log loss" where `predict` gives probabilities."""
        ...

    @property
    def likelihood(self) -> Objective:
        """The same without label smoothing and class weights."""
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
    quantity: ClassVar[str] = "log loss"

    def __post_init__(self) -> None:
        _check_smoothing(self.label_smoothing)

    @property
    def likelihood(self) -> Categorical:
        return Categorical() if self.label_smoothing else self

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(full(outputs), targets, reduction="none", label_smoothing=self.label_smoothing)

    def mean_cost(self, outputs: Tensor, targets: Tensor, total: int) -> Tensor:
        if total == len(targets):
            return F.cross_entropy(full(outputs), targets, label_smoothing=self.label_smoothing)
        summed = F.cross_entropy(full(outputs), targets, reduction="sum", label_smoothing=self.label_smoothing)
        return summed / total

    def predict(self, outputs: Tensor) -> Tensor:
        return full(outputs).softmax(dim=1)


@dataclass(frozen=True, slots=True)
class Bernoulli:
    """Outputs (batch, 1), targets (batch,) of 0 and 1, or floats between. predict: (batch,), P(y = 1)."""

    label_smoothing: float = 0.0
    name: ClassVar[str] = "bernoulli"
    quantity: ClassVar[str] = "log loss"

    def __post_init__(self) -> None:
        _check_smoothing(self.label_smoothing)

    @property
    def likelihood(self) -> Bernoulli:
        return Bernoulli() if self.label_smoothing else self

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        logits = column(outputs)
        signed = (2 * targets - 1) * logits
        if targets.is_floating_point():
            cost = -torch.lerp(F.logsigmoid(-logits), F.logsigmoid(logits), targets.to(logits.dtype))
        else:
            cost = -F.logsigmoid(signed)  # softplus(−signed), without F.softplus's switch to linear at 20
        return cost + self.label_smoothing / 2 * signed if self.label_smoothing else cost

    def mean_cost(self, outputs: Tensor, targets: Tensor, total: int) -> Tensor:
        # PyTorch's fused form of the same: a third quicker, and its rounding near zero does not matter to a mean.
        logits = column(outputs)
        soft = targets.to(logits.dtype)
        if self.label_smoothing:
            soft = torch.lerp(soft, torch.full_like(soft, 0.5), self.label_smoothing)
        if total == len(targets):
            return F.binary_cross_entropy_with_logits(logits, soft)
        return F.binary_cross_entropy_with_logits(logits, soft, reduction="sum") / total

    def predict(self, outputs: Tensor) -> Tensor:
        return column(outputs).sigmoid()


@dataclass(frozen=True, slots=True)
class Bernoullis:
    """Outputs (batch, K), targets (batch, K) of 0 and 1, or floats between. predict: (batch, K), P(label k is there).

    The cost of a sample is the sum over the labels.
    """

    label_smoothing: float = 0.0
    name: ClassVar[str] = "bernoulli"
    quantity: ClassVar[str] = "log loss"

    def __post_init__(self) -> None:
        _check_smoothing(self.label_smoothing)

    @property
    def likelihood(self) -> Bernoullis:
        return Bernoullis() if self.label_smoothing else self

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        soft = torch.lerp(targets, torch.full_like(targets, 0.5), self.label_smoothing)
        return F.binary_cross_entropy_with_logits(full(outputs), soft, reduction="none").sum(dim=1)

    def mean_cost(self, outputs: Tensor, targets: Tensor, total: int) -> Tensor:
        return self(outputs, targets).sum() / total

    def predict(self, outputs: Tensor) -> Tensor:
        return full(outputs).sigmoid()


@dataclass(frozen=True, slots=True)
class PerPixel:
    """An objective of single samples, for each pixel: a sample costs the mean over its pixels. Those of no class (255) and of
    no number (NaN) cost nothing and teach nothing.

    Outputs (batch, K, height, width), targets (batch, height, width), uint8 classes or float numbers. predict: probabilities
    (batch, K, height, width), or numbers (batch, height, width). each: of classes it takes
    the images as they are, of numbers the pixels as rows.
    """

    each: Objective

    @property
    def name(self) -> str:
        return self.each.name

    @property
    def quantity(self) -> str:
        return self.each.quantity

    @property
    def likelihood(self) -> PerPixel:
        return PerPixel(self.each.likelihood)

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        is_number = targets.is_floating_point()
        known = targets.isfinite() if is_number else targets != NO_CLASS
        there = torch.where(known, targets, torch.zeros_like(targets))
        if is_number:
            costs = self.each(outputs.movedim(1, -1).flatten(0, 2), there.flatten().unsqueeze(1)).view(targets.shape)
        else:
            costs = self.each(outputs, there.long())  # pixels as rows would take seven times as long
        counted, pixels = (part.flatten(1).sum(1) for part in (costs * known, known))
        return counted / pixels.clamp_min(1)

    def mean_cost(self, outputs: Tensor, targets: Tensor, total: int) -> Tensor:
        return self(outputs, targets).sum() / total

    def predict(self, outputs: Tensor) -> Tensor:
        """Of objectives of numbers, which have one output, its channel."""
        said = self.each.predict(outputs)
        return said if self.each.name == "categorical" else full(said).squeeze(1)


class Evened:
    """Classes of pixels, of which rare ones teach more and are for that not answered more often (after Menon et al. 2021, "Long-tail
    learning via logit adjustment"). share_k: of class k among the pixels of training, at least RAREST.

        cost = −w_y log softmax(z + log w)_y      w_k = share_k^(−½) / Σ_j share_j^½

    The mean weight is 1. In the mean over y the cost is least where softmax(z + log w)_k is p_k w_k but for a factor: where
    softmax(z) is p, as without weights. What tells things from ground is soon learned, and which things they are for long not.
    """

    name, quantity = Categorical.name, Categorical.quantity

    def __init__(self, each: Categorical, shares: Sequence[float]) -> None:
        self.each = each
        known = torch.tensor(shares).clamp_min(RAREST)
        self.weights = known.rsqrt() / known.sqrt().sum()

    @property
    def likelihood(self) -> Categorical:
        return self.each.likelihood

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        self.weights = self.weights.to(outputs.device)
        shift = self.weights.log().view(-1, *[1] * (outputs.dim() - 2))
        return self.each(full(outputs) + shift, targets) * self.weights[targets]

    def mean_cost(self, outputs: Tensor, targets: Tensor, total: int) -> Tensor:
        return self(outputs, targets).sum() / total

    def predict(self, outputs: Tensor) -> Tensor:
        return self.each.predict(outputs)


@dataclass(frozen=True, slots=True)
class Overlapping:
    """The cost of classes of pixels, and beside it what is lost of their overlap (overlap.py), as Isensee et al. 2021 ("nnU-Net")
    have it: classes of few pixels are learned from early on. Shapes are those of PerPixel."""

    pixels: PerPixel
    name: ClassVar[str] = "dice"

    @property
    def quantity(self) -> str:
        return self.pixels.quantity

    @property
    def likelihood(self) -> PerPixel:
        return self.pixels.likelihood

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return self.pixels(outputs, targets) + lost_overlap(outputs, targets)

    def mean_cost(self, outputs: Tensor, targets: Tensor, total: int) -> Tensor:
        return self(outputs, targets).sum() / total

    def predict(self, outputs: Tensor) -> Tensor:
        return self.pixels.predict(outputs)


categorical, bernoulli = Categorical, Bernoulli


def gaussian() -> Objective:
    return GAUSSIAN


def default(targets: Targets, label_smoothing: float = 0.0) -> Objective:
    """The objective that suits the targets. Raises ProfundoError for label smoothing without labels."""
    return build(default_name(targets), targets, label_smoothing)


def build(name: str, targets: Targets, label_smoothing: float = 0.0) -> Objective:
    """The objective of that name. Raises ProfundoError when it is unknown or does not suit the targets."""
    check(name, targets)
    if name == Overlapping.name:
        plain = Categorical(label_smoothing)
        return Overlapping(PerPixel(Evened(plain, targets.shares) if targets.shares else plain))
    each = of_samples(name, targets, label_smoothing)
    return PerPixel(each) if targets.traits.per == "pixel" else each


def of_samples(name: str, targets: Targets, label_smoothing: float) -> Objective:
    plain: dict[str, Objective] = {one.name: one for one in (GAUSSIAN, LAPLACE, HUBER, Hinge(), DetectorCost())}
    if name in plain:
        if label_smoothing:
            raise ProfundoError(Said("refusals.smoothing_of", name=name))
        return plain[name]
    if name == "categorical":
        return Categorical(label_smoothing)
    return (Bernoullis if targets.kind == "labels" else Bernoulli)(label_smoothing)


def _check_smoothing(label_smoothing: float) -> None:
    if not 0 <= label_smoothing < 1:
        raise ProfundoError(f"label smoothing: expected a number in [0, 1), got {label_smoothing}")
