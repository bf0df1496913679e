"""What networks say about each sample of a split: one pass, in evaluation mode, and all of it on the CPU."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from profundo.kinds import NO_CLASS, TargetKind
from profundo.object_masks import with_bits
from profundo.records import Batch, ProfundoError, Targets
from profundo.threads import same_bits
from profundo.trees import called, joined, leaves, mapped, to_device
from profundo.units import in_own_units

__all__ = ["OWN", "PROBABILITIES", "Answers", "Likelihood", "answers", "answers_of_all", "evaluating", "mean_cost"]

OWN = "loss"  # the quantity of a loss of one's own
PROBABILITIES = "log loss"  # the quantity of objectives whose predictions are probabilities


class Likelihood(Protocol):
    """An objective as evaluation needs it: per-sample costs without smoothing, and what outputs mean."""

    @property
    def quantity(self) -> str: ...

    def __call__(self, outputs: Any, targets: Any) -> Tensor: ...

    def predict(self, outputs: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class Answers:
    """What the network said about each sample, on the CPU.

    predictions: class probabilities (samples, K), P(y = 1) (samples,), label probabilities (samples, K), or means
        (samples, outputs) in the targets' units; of masks the likeliest classes, uint8 (samples, height, width), for
        probabilities of every pixel fill the memory; of maps numbers (samples, height, width) in the targets' units; of objects
        what was found, as object_masks.py has it, in the pixels of the samples.
    targets: likewise; costs: (samples,) minus log-likelihood in nats, or errors in standardised units.
    weights: (samples,), how much each counts; None where all count alike.
    quantity: what the costs are. But for "log loss", predictions of classes are 0 or 1 and no probabilities.
    threshold: of P(y = 1), from which 1 is the answer.
    """

    predictions: Tensor
    targets: Tensor
    costs: Tensor
    quantity: str = PROBABILITIES
    threshold: float = 0.5
    weights: Tensor | None = None

    def mean(self, values: Tensor) -> float:
        """Over samples (samples, …), each by its weight, and all that lies beside."""
        values = values.double()
        if self.weights is None:
            return values.mean().item()
        each = values.flatten(1).mean(1) if values.ndim > 1 else values
        return (each @ self.weights.double() / self.weights.double().sum()).item()

    @property
    def chosen(self) -> Tensor:
        """The predicted class of each sample, int64. An answer that is no number counts as a wrong one."""
        if self.predictions.ndim == 1:
            best, numbers, classes = (self.predictions >= self.threshold).long(), self.predictions.isfinite(), 2
        else:
            best, numbers = self.predictions.argmax(1), self.predictions.isfinite().all(1)
            classes = self.predictions.shape[1]
        return torch.where(numbers, best, (self.targets.long() + 1) % classes)

    @property
    def are_probabilities(self) -> bool:
        return self.quantity == PROBABILITIES


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
    return answers_of_all([(net, objective)], batches, targets)[0]


def answers_of_all(
    judged: Sequence[tuple[nn.Module, Likelihood]], batches: Iterable[Batch], targets: Targets
) -> list[Answers]:
    """What each of several nets says, by its own objective, in one pass over the batches."""
    truths: list[Any] = []
    weights: list[Tensor] = []
    predictions: list[list[tuple[Any, Tensor]]] = [[] for _ in judged]
    with evaluating(nn.ModuleList(net for net, _ in judged)):
        for batch in batches:
            truths.append(to_device(TRUTHS.get(targets.kind, as_it_is)(batch.targets), torch.device("cpu")))
            weights += [] if batch.weights is None else [batch.weights.cpu()]
            for kept, (net, objective) in zip(predictions, judged, strict=True):
                outputs = outputs_of(net, batch.inputs)
                if isinstance(outputs, Tensor) and targets.kind != "any":
                    check_width(net, outputs, len(batch.targets), targets)
                costs = COSTS.get(targets.kind, of_outputs)(net, objective, outputs, batch).float().cpu()
                kept.append((mapped(KEPT.get(targets.kind, on_cpu), objective.predict(outputs)), costs))
    truth = in_own_units(joined(truths), targets)
    return [
        Answers(
            in_own_units(joined([predicted for predicted, _ in kept]), targets),
            truth,
            torch.cat([costs for _, costs in kept]),
            objective.quantity,
            targets.threshold,
            torch.cat(weights) if weights else None,
        )
        for kept, (_, objective) in zip(predictions, judged, strict=True)
    ]


def outputs_of(net: nn.Module, inputs: Any) -> Any:
    sizes = tuple(leaf.shape for leaf in leaves(inputs))
    return same_bits(net)(partial(called, net, inputs), sizes)


def of_outputs(_net: nn.Module, objective: Likelihood, outputs: Any, batch: Batch) -> Tensor:
    """(batch,)"""
    return objective(outputs, batch.targets)


def of_detector(net: Any, objective: Likelihood, _outputs: Any, batch: Batch) -> Tensor:
    """(batch,): what it answers, after suppression, tells nothing of its cost."""
    return objective(net.cost(batch.inputs, batch.targets), batch.targets)


COSTS: Mapping[TargetKind, Callable[[nn.Module, Likelihood, Any, Batch], Tensor]] = {"objects": of_detector}
"""Where costs do not follow from the outputs."""


def as_it_is(tree: Any) -> Any:
    return tree


TRUTHS: Mapping[TargetKind, Callable[[Any], Any]] = {"objects": with_bits}
"""How targets of a split are kept, where a batch has them larger."""


def on_cpu(leaf: Any) -> Any:
    return leaf.float().cpu() if isinstance(leaf, Tensor) else leaf


def likeliest(probabilities: Tensor) -> Tensor:
    """uint8 (samples, height, width), the class of each pixel; where an answer is no number, none, which is a wrong one."""
    best = probabilities.argmax(1)
    return torch.where(probabilities.isfinite().all(1), best, NO_CLASS).to(torch.uint8).cpu()


KEPT: Mapping[TargetKind, Callable[[Any], Any]] = {"mask": likeliest, "objects": Tensor.cpu}
"""What is kept of predictions, where that is less than all."""


def check_width(net: nn.Module, outputs: Tensor, samples: int, targets: Targets) -> None:
    """Raise ProfundoError where a net gives another number of outputs than the targets need, or than samples came."""
    needed = max(1, len(targets.classes or targets.names)) if targets.traits.wide else 1
    if targets.traits.per == "pixel":
        if outputs.ndim != 4 or outputs.shape[:2] != (samples, needed):
            raise ProfundoError(
                f"{type(net).__name__}: expected outputs ({samples}, {needed}, height, width) for a batch of {samples}, got "
                f"{tuple(outputs.shape)}; let forward give as many for every batch"
            )
    elif outputs.numel() != samples * needed or outputs.shape[:1] != (samples,):
        raise ProfundoError(
            f"{type(net).__name__}: expected outputs ({samples}, {needed}) for a batch of {samples}, got "
            f"{tuple(outputs.shape)}; let forward give as many for every batch"
        )


def mean_cost(predictions: Answers) -> float:
    return predictions.mean(predictions.costs)
