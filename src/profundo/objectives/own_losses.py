"""A loss of one's own as an objective: any function of (outputs, targets), a module of PyTorch, or a class of them.

    own_loss(F.smooth_l1_loss, targets)        # the mean over its samples' costs, as `reduction="none"` gives them
    own_loss(my_dice, targets)                 # a function that gives one number is taken for the mean of its batch

Real targets come in their own units, and so do the outputs: a net still learns standardised numbers, and what it gives is
turned into the data's units before the loss sees both. Of classes, `predict` takes outputs as logits, but for losses
that take probabilities or their logarithms.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from copy import copy
from functools import partial
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from profundo.objectives.likelihoods import Objective, default
from profundo.objectives.outputs import full
from profundo.records import ProfundoError, Targets
from profundo.trees import length, main_output, mapped
from profundo.units import in_own_units

__all__ = [
    "LOGITS",
    "NAMES",
    "OF_LABELS",
    "PROBABILITIES",
    "SHAPED",
    "OwnLoss",
    "PickedOutput",
    "in_our_order",
    "loss_name",
    "main_error",
    "named_loss",
    "own_loss",
    "place_entropy",
    "same_objective",
    "shaped_loss",
]

NAMES = {
    "MSELoss": "gaussian", "L1Loss": "laplace", "HuberLoss": "huber", "SmoothL1Loss": "huber", "NLLLoss": "categorical",
    "BCEWithLogitsLoss": "bernoulli", "squared_error": "gaussian", "absolute_error": "laplace", "log_loss": "categorical",
    "mse": "gaussian", "mean_squared_error": "gaussian", "l2": "gaussian", "MeanSquaredError": "gaussian",
    "mae": "laplace", "mean_absolute_error": "laplace", "l1": "laplace", "MeanAbsoluteError": "laplace",
    "cross_entropy": "categorical", "crossentropy": "categorical", "categorical_crossentropy": "categorical",
    "sparse_categorical_crossentropy": "categorical", "SparseCategoricalCrossentropy": "categorical",
    "nll": "categorical", "softmax": "categorical", "CrossEntropyLoss": "categorical",
    "binary_crossentropy": "bernoulli", "bce": "bernoulli", "BinaryCrossentropy": "bernoulli", "logistic": "bernoulli",
    "binary_cross_entropy": "bernoulli", "Huber": "huber", "smooth_l1": "huber",
}  # fmt: skip
"""What other libraries call objectives."""

LOGITS = ("CrossEntropyLoss", "cross_entropy", "BCEWithLogitsLoss", "binary_cross_entropy_with_logits")
PROBABILITIES = ("BCELoss", "binary_cross_entropy")
OF_LABELS = (*LOGITS[2:], *PROBABILITIES, "MultiLabelSoftMarginLoss", "multilabel_soft_margin_loss", "bce", "bernoulli",
             "binary_crossentropy", "binary_cross_entropy", "BinaryCrossentropy")  # fmt: skip
"""Losses of one of two classes or several labels, by function, class or name."""
LOGARITHMS = ("NLLLoss", "nll_loss")


def loss_name(loss: Any) -> str:
    """By its function, its class, or that of a partial."""
    if isinstance(loss, str):
        return loss
    inner = loss.func if isinstance(loss, partial) else loss
    return getattr(inner, "__name__", type(inner).__name__)


def same_objective(loss: Any, targets: Targets) -> tuple[str, float] | None:
    """The objective, and label smoothing, that a loss of PyTorch is with its usual settings; None where it is another."""
    if isinstance(loss, nn.CrossEntropyLoss):
        usual = loss.weight is None and loss.ignore_index == -100 and loss.reduction == "mean"
        return ("categorical", loss.label_smoothing) if usual and targets.kind == "classes" else None
    if isinstance(loss, nn.BCEWithLogitsLoss):
        usual = loss.weight is None and loss.pos_weight is None and loss.reduction == "mean"
        return ("bernoulli", 0.0) if usual and targets.kind == "binary" else None
    if isinstance(loss, nn.MSELoss) and loss.reduction == "mean" and targets.kind == "real":
        return "gaussian", 0.0
    plain = {F.cross_entropy: "classes", F.mse_loss: "real", F.binary_cross_entropy_with_logits: "binary"}
    if isinstance(loss, Callable) and getattr(loss, "__hash__", None) and plain.get(loss) == targets.kind:  # type: ignore[arg-type]
        return {"classes": "categorical", "real": "gaussian", "binary": "bernoulli"}[targets.kind], 0.0
    return None


def own_loss(loss: Any, targets: Targets, outputs: int = 1) -> OwnLoss:
    """An objective of a function, a module, or a class of modules. Raises ProfundoError for what cannot be called."""
    if isinstance(loss, type) and issubclass(loss, nn.Module):
        try:
            loss = loss()
        except TypeError as error:
            raise ProfundoError(f"loss {loss.__name__}: give an instance of it, for {error}") from None
    if not callable(loss):
        raise ProfundoError(f"loss: expected a name or a function of (outputs, targets), got {type(loss).__name__}")
    return OwnLoss(in_our_order(loss), targets, outputs)


TRUTH = ("y_true", "true", "truth", "ground_truth", "gt", "target", "targets", "label", "labels", "y", "actual")
ANSWER = ("y_pred", "pred", "preds", "prediction", "predictions", "predicted", "output", "outputs", "logits", "y_hat", "yhat",
          "y_score", "y_prob", "probs", "input")  # fmt: skip


def in_our_order(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same for (outputs, targets), of a loss or metric whose parameters are called (y_true, y_pred), the order of Keras and
    scikit-learn; any other as it is."""
    try:
        names = [*inspect.signature(function.forward if isinstance(function, nn.Module) else function).parameters]
    except (TypeError, ValueError):
        return function
    if len(names) < 2 or names[0].lower() not in TRUTH or names[1].lower() not in ANSWER:
        return function

    def turned(outputs: Any, targets: Any) -> Any:
        return function(targets, outputs)

    turned.__name__ = loss_name(function)
    return turned


class OwnLoss:
    """See the head of this file. outputs: width of the net's output layer, of two classes 1 or 2."""

    quantity = "loss"

    def __init__(self, loss: Callable[[Any, Any], Tensor], targets: Targets, outputs: int = 1) -> None:
        self.loss, self.targets, self.outputs = loss, targets, outputs
        self.name = loss_name(loss)
        self.each = unreduced(loss)
        self.judge: Objective | None = None  # where evaluation gets other outputs than training

    @property
    def likelihood(self) -> Objective:
        return self.judge or self

    def __call__(self, outputs: Any, targets: Any) -> Tensor:
        """(batch,); of a function that gives one number, that number for each."""
        cost = self.each(*self.taken(outputs, targets))
        samples = length(targets)
        if cost.ndim == 0 or cost.shape[0] != samples:
            return cost.mean().expand(samples)
        return cost.flatten(1).mean(1) if cost.ndim > 1 else cost

    def mean_cost(self, outputs: Any, targets: Any, total: int) -> Tensor:
        samples = length(targets)
        cost = self.loss(*self.taken(outputs, targets))
        if not isinstance(cost, Tensor):
            raise ProfundoError(
                f"loss {self.name}: expected a tensor with the costs or their mean, got {type(cost).__name__}"
            )
        return cost.mean() * (samples / total)

    def taken(self, outputs: Any, targets: Any) -> tuple[Any, Any]:
        """Outputs and targets as the loss takes them."""
        outputs = widened(outputs)
        kind = self.targets.kind
        if kind == "real" and isinstance(outputs, Tensor):
            outputs, targets = (
                in_own_units(one.reshape(len(one), -1), self.targets).float() for one in (outputs, targets)
            )
        elif kind == "mask":
            targets = targets.long()
        elif kind == "binary" and isinstance(outputs, Tensor) and self.outputs == 1:
            targets = targets.float().reshape(outputs.shape)
        return outputs, targets

    def predict(self, outputs: Any) -> Any:
        """Probabilities where the targets are classes; else what the net gave."""
        if self.targets.kind == "any":
            return widened(outputs)
        outputs = full(main_output(outputs))
        if self.targets.kind == "real":
            return outputs.reshape(len(outputs), -1)
        if self.name in PROBABILITIES:
            return outputs.reshape(len(outputs)) if self.targets.kind == "binary" else outputs
        return outputs.exp() if self.name in LOGARITHMS else default(self.targets).predict(outputs)


def widened(outputs: Any) -> Any:
    """Half precision as float32, in every place; objects with attributes, such as `.logits`, stay as they are."""
    if isinstance(outputs, Tensor):
        return full(outputs)
    return (
        mapped(lambda one: full(one) if isinstance(one, Tensor) else one, outputs)
        if type(outputs) in (tuple, dict)
        else outputs
    )


def unreduced(loss: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The same without the mean over its samples, where it can do without."""
    if isinstance(loss, nn.Module) and getattr(loss, "reduction", None) in ("mean", "sum"):
        result = copy(loss)
        setattr(result, "reduction", "none")  # noqa: B010 - of losses alone, not of every module
        return result
    try:
        if "reduction" in inspect.signature(loss).parameters:
            return partial(loss, reduction="none")
    except (TypeError, ValueError):
        pass
    return loss


class PickedOutput:
    """An objective of the main output of a net that gives several: `.logits`, or the first."""

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.name, self.quantity = objective.name, objective.quantity

    @property
    def likelihood(self) -> PickedOutput:
        return PickedOutput(self.objective.likelihood)

    def __call__(self, outputs: Any, targets: Tensor) -> Tensor:
        return self.objective(main_output(outputs), targets)

    def mean_cost(self, outputs: Any, targets: Tensor, total: int) -> Tensor:
        return self.objective.mean_cost(main_output(outputs), targets, total)

    def predict(self, outputs: Any) -> Tensor:
        return self.objective.predict(main_output(outputs))


def shaped_loss(targets: Any, outputs: Any) -> Callable[[Any, Any], Tensor] | None:
    """What suits targets of any shape: cross-entropy for a class in each place, (batch, classes, …) beside (batch, …); the
    squared error for numbers of the shape of the outputs. None where nothing does."""
    if not isinstance(targets, Tensor):
        return None
    main = main_output(outputs)
    if not targets.is_floating_point():
        fits = main.ndim == targets.ndim + 1 and main.shape[2:] == targets.shape[1:]
        return place_entropy if fits else None
    return main_error if main.shape == targets.shape else None


def place_entropy(outputs: Any, targets: Tensor, reduction: str = "mean") -> Tensor:
    """Cross-entropy of the class of each place, over the second axis."""
    return F.cross_entropy(main_output(outputs), targets.long(), reduction=reduction)


def named_loss(name: str) -> Callable[[Any, Any], Tensor]:
    """An objective's cost for targets of any shape, in each place of the main output."""

    def of_main(outputs: Any, targets: Tensor, reduction: str = "mean") -> Tensor:
        return SHAPED[name](main_output(outputs), targets, reduction=reduction)

    of_main.__name__ = SHAPED[name].__name__
    return of_main


SHAPED: Mapping[str, Callable[..., Tensor]] = {
    "gaussian": F.mse_loss,
    "laplace": F.l1_loss,
    "huber": F.huber_loss,
    "bernoulli": F.binary_cross_entropy_with_logits,
    "categorical": F.cross_entropy,
    "shares": F.binary_cross_entropy,  # of outputs that are probabilities
}


def main_error(outputs: Any, targets: Tensor, reduction: str = "mean") -> Tensor:
    return F.mse_loss(main_output(outputs), targets, reduction=reduction)
