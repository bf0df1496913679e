"""Which cost a function is, by what it answers: no name is trusted, a lambda says as much as a class.

The cost is asked about predictions and targets of the program's own shapes, and its answer held against the costs that are
well known, each with mean or sum, in each of the ways that shapes are commonly made to fit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from profundo.doctor.events import as_number
from profundo.train.randomness import seeded

__all__ = ["Cost", "cost_of", "numbers_by"]

ONE_OF_SEVERAL = frozenset({"cross entropy", "negative log likelihood"})
BINARY = frozenset({"binary cross entropy", "binary cross entropy of logits"})
LOGITS = frozenset({"cross entropy", "binary cross entropy of logits"})
PROBABILITIES = frozenset({"binary cross entropy"})
DISTANCES = frozenset({"squared error", "absolute error", "smooth absolute error"})


@dataclass(frozen=True, slots=True)
class Cost:
    """kind: one of KNOWN, or "other". sign: -1 where it falls as predictions get worse. reduction: "mean", "sum" or "other".

    broadcast: whether predictions and targets of different shapes are paired every one with every one.
    error: what it raised at the program's own first batch.
    """

    kind: str
    sign: int = 1
    reduction: str = "mean"
    broadcast: bool = False
    error: str = ""

    @property
    def takes_logits(self) -> bool:
        return self.kind in LOGITS

    @property
    def takes_probabilities(self) -> bool:
        return self.kind in PROBABILITIES

    @property
    def is_distance(self) -> bool:
        return self.kind in DISTANCES

    @property
    def is_binary(self) -> bool:
        """Of a yes or a no."""
        return self.kind in BINARY

    @property
    def is_of_classes(self) -> bool:
        """Of one of several."""
        return self.kind in ONE_OF_SEVERAL


KNOWN: dict[str, Callable[..., Tensor]] = {
    "cross entropy": F.cross_entropy,
    "negative log likelihood": F.nll_loss,
    "binary cross entropy of logits": F.binary_cross_entropy_with_logits,
    "binary cross entropy": F.binary_cross_entropy,
    "squared error": F.mse_loss,
    "absolute error": F.l1_loss,
    "smooth absolute error": F.smooth_l1_loss,
    "hinge": lambda p, t, reduction="mean": getattr(F.relu(1 - p * t), reduction)(),
}
BY_CLASS = {
    "CrossEntropyLoss": "cross entropy", "NLLLoss": "negative log likelihood", "KLDivLoss": "divergence",
    "BCEWithLogitsLoss": "binary cross entropy of logits", "BCELoss": "binary cross entropy", "MSELoss": "squared error",
    "L1Loss": "absolute error", "SmoothL1Loss": "smooth absolute error", "HuberLoss": "smooth absolute error",
}  # fmt: skip


def cost_of(loss: Callable[..., Any], outputs: Any, targets: Any) -> Cost:
    """What the loss is, judged on outputs and targets of a batch."""
    if not isinstance(outputs, Tensor) or not isinstance(targets, Tensor):
        return Cost(BY_CLASS.get(type(loss).__name__, "other"), reduction="other")
    draws = torch.Generator().manual_seed(0)
    chances = torch.rand(outputs.shape, generator=draws).mul(0.8).add(0.1).to(outputs)
    error = raised(loss, outputs.detach(), targets)
    for asked in (targets, tame(targets, outputs)):
        try:
            value = as_number(loss(chances, asked))
        except Exception:  # noqa: BLE001 - the person's own program; `error` has what it says
            continue
        if (match := matching(value, chances, asked)) is not None:
            return replace(match, error=error)
    kind = BY_CLASS.get(type(loss).__name__, "other")
    return Cost(kind, reduction="other", broadcast=broadcasts(loss, outputs, targets), error=error)


def numbers_by(function: Callable[..., Any], *pairs: tuple[Any, Any], seed: int = 0) -> list[float] | None:
    """What a cost or a metric says of each of these answers and targets, by the same draws; None where it does not take them."""
    numbers = []
    try:
        for answers, targets in pairs:
            with seeded(seed):
                numbers.append(as_number(function(answers, targets)))
    except Exception:  # noqa: BLE001 - the person's own function
        return None
    return numbers


def raised(loss: Callable[..., Any], outputs: Tensor, targets: Tensor) -> str:
    try:
        loss(outputs, targets)
    except Exception as problem:  # noqa: BLE001
        return f"{type(problem).__name__}: {' '.join(str(problem).split())[:300]}"
    return ""


def tame(targets: Tensor, outputs: Tensor) -> Tensor:
    """Targets within the range that a cost may ask for: classes there are, probabilities."""
    if targets.is_floating_point():
        return targets.nan_to_num().clamp(0, 1)
    most = min((size for size in outputs.shape[1:] if size > 1), default=2) - 1
    return targets.nan_to_num().clamp(0, most)


def matching(value: float, prediction: Tensor, target: Tensor) -> Cost | None:
    """The known cost that gives this value, if one does."""
    for p, t, fits in pairings(prediction, target):
        for kind, known in KNOWN.items():
            for reduction in ("mean", "sum"):
                try:
                    theirs = float(known(p, t, reduction=reduction))
                except Exception:  # noqa: BLE001 - it does not take such shapes
                    continue
                if theirs and math.isclose(abs(theirs), abs(value), rel_tol=2e-4):
                    sign = 1 if (theirs > 0) == (value > 0) else -1
                    return Cost(kind, sign, reduction, broadcast=not fits)
    return None


def pairings(prediction: Tensor, target: Tensor) -> Iterator[tuple[Tensor, Tensor, bool]]:
    """Predictions and targets in the shapes and types in which a cost may take them; whether none is repeated by it."""
    whole = target.long() if not target.is_floating_point() or bool((target == target.round()).all()) else None
    number = target.to(prediction.dtype) if prediction.is_floating_point() else target.float()
    if target.shape == prediction.shape:
        yield prediction, number, True
        if prediction.ndim > 1 and whole is not None and prediction.shape[1] > 1:
            yield prediction, whole.argmax(1), True
        if prediction.numel() == len(prediction):
            rows, columns = prediction.flatten()[:, None], number.flatten()[None, :]
            yield rows.expand(-1, len(prediction)), columns.expand(len(prediction), -1), False
        return
    if whole is not None and prediction.ndim >= 2:
        yield prediction, whole, True
        yield prediction, whole.reshape(len(whole), -1).squeeze(1), True
        yield prediction.flatten(0, -2), whole.flatten(), True
        yield prediction.transpose(1, -1), whole, True
        if prediction.ndim > 2 and len(prediction) == len(whole):
            yield prediction[:, -1], whole, True
    if number.numel() == prediction.numel():
        yield prediction.flatten(), number.flatten(), True
    try:
        shape = torch.broadcast_shapes(prediction.shape, number.shape)  # type: ignore[no-untyped-call]
    except RuntimeError:
        return
    yield prediction.expand(shape), number.expand(shape), False


def broadcasts(loss: Callable[..., Any], outputs: Tensor, targets: Tensor) -> bool:
    """Whether an unknown cost pairs (N, 1) with (N,) every one with every one: shuffling one side then changes nothing."""
    if outputs.shape == targets.shape or outputs.numel() != targets.numel() or len(outputs) < 3:
        return False
    costs = numbers_by(loss, (outputs.detach(), targets), (outputs.detach(), targets.roll(1, 0)))
    varied = bool(outputs.std() > 0) and bool(targets.double().std() > 0)
    return varied and costs is not None and math.isclose(*costs, rel_tol=1e-6)
