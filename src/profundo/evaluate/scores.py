"""From a network and one split to numbers: accuracy, log loss, confusion; RMSE, MAE, R²; the same for a constant.

Every figure stands beside that of the best constant predictor, which knows the training targets and no input.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from profundo.records import Batch, Scores, Targets

__all__ = ["Answers", "Likelihood", "answers", "evaluating", "mean_cost", "scores"]


class Likelihood(Protocol):
    """An objective as evaluation needs it: per-sample costs without smoothing, and what outputs mean."""

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor: ...

    def predict(self, outputs: Tensor) -> Tensor: ...


@dataclass(frozen=True, slots=True)
class Answers:
    """What the network said about each sample, on the CPU.

    predictions: class probabilities (samples, K), P(y = 1) (samples,), or means (samples, outputs) in the targets' units.
    targets: likewise; costs: (samples,) minus log-likelihood in nats, or squared error in standardised units.
    """

    predictions: Tensor
    targets: Tensor
    costs: Tensor

    @property
    def chosen(self) -> Tensor:
        """The predicted class of each sample, int64."""
        if self.predictions.ndim == 1:
            return (self.predictions >= 0.5).long()
        return self.predictions.argmax(1)


@contextmanager
def evaluating(net: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients inside; outside, every module's own mode as before.

    Not `inference_mode`: a net may keep a tensor that it made in its first pass, and train with it later.
    """
    modes = [(module, module.training) for module in net.modules()]
    net.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def answers(net: nn.Module, batches: Iterable[Batch], objective: Likelihood, targets: Targets) -> Answers:
    """Run the net in evaluation mode over the batches. Its mode is as before afterwards."""
    predictions, truths, costs = [], [], []
    with evaluating(net):
        for batch in batches:
            outputs = net(batch.inputs)
            costs.append(objective(outputs, batch.targets).float().cpu())
            predictions.append(objective.predict(outputs).float().cpu())
            truths.append(batch.targets.cpu())
    predicted, truth = torch.cat(predictions), torch.cat(truths)
    if targets.kind == "real" and targets.mean:
        mean, std = torch.tensor(targets.mean), torch.tensor(targets.std)
        predicted, truth = predicted * std + mean, truth * std + mean
    return Answers(predicted, truth, torch.cat(costs))


def scores(said: Answers, targets: Targets, train_targets: Tensor, worst: int = 24) -> Scores:
    """Figures of the answers. worst: how many of the costliest samples to name."""
    costly = said.costs.argsort(descending=True, stable=True)
    if targets.kind == "real":
        values, constant = regression(said.predictions, said.targets), train_targets.float().mean(0)
        baseline = regression(constant.expand_as(said.targets), said.targets)
        return Scores(len(said.costs), values, baseline, worst=costly[:worst].tolist())
    chosen, truth = said.chosen, said.targets.long()
    values = {"accuracy": (chosen == truth).double().mean().item(), "log loss": said.costs.double().mean().item()}
    mistakes = costly[(chosen != truth)[costly]]
    return Scores(
        len(truth),
        values,
        constant_classifier(truth, train_targets.long(), len(targets.classes)),
        confusion=confusion(truth, chosen, len(targets.classes)).tolist(),
        worst=mistakes[:worst].tolist(),
    )


def confusion(truth: Tensor, chosen: Tensor, classes: int) -> Tensor:
    """Counts (classes, classes): row = true class, column = chosen one."""
    return torch.bincount(truth * classes + chosen, minlength=classes * classes).view(classes, classes)


def regression(predictions: Tensor, targets: Tensor) -> dict[str, float]:
    """Root mean squared error and mean absolute error in the targets' units; R² = 1 − Σ(y−ŷ)²/Σ(y−ȳ)².

    Over samples and outputs alike; ȳ is per output. R² of constant targets is 0 by convention.
    """
    error = (targets - predictions).double()
    spread = (targets.double() - targets.double().mean(0)).square().sum().item()
    return {
        "RMSE": error.square().mean().sqrt().item(),
        "MAE": error.abs().mean().item(),
        "R²": 1 - error.square().sum().item() / spread if spread > 0 else 0.0,
    }


def constant_classifier(truth: Tensor, train: Tensor, classes: int) -> dict[str, float]:
    """Always the training split's commonest class; as probabilities its class shares, each counted once more.

    (Laplace's rule keeps the log loss finite for a class that training lacks.)
    """
    counts = torch.bincount(train, minlength=classes).double()
    shares = (counts + 1) / (counts + 1).sum()
    return {
        "accuracy": (truth == counts.argmax()).double().mean().item(),
        "log loss": -shares.log()[truth].mean().item(),
    }


def mean_cost(said: Answers) -> float:
    return said.costs.double().mean().item()
