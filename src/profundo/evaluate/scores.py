"""From a network and one split to numbers, beside those of the best constant predictor, which knows the training targets
and no input.

    one class        accuracy, balanced accuracy (mean recall of the classes), top-5 accuracy (of more than 5), macro F1 (of
                     two, F1 and average precision of the one to be found), ROC-AUC (each class against the rest, the
                     mean), calibration error, log loss
    several labels   exact match (all labels right), label accuracy, macro F1, mean average precision, ROC-AUC, calibration
                     error, log loss
    real             RMSE, MAE, R²

The one that leads comes first; see leading.py. Definitions are scikit-learn's. Where samples have weights they count by them,
as with its `sample_weight`, but in the calibration error, counts and what chance makes; intervals are then left out.
 The calibration error is that of Guo et al. 2017: the mean difference between stated
probability and frequency over 15 bins of probability, weighted by their samples.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from profundo.evaluate.detection import average_precision, roc_area, weighted_area
from profundo.evaluate.intervals import LEVEL, log_loss_interval, logit_interval, mean_interval, mean_of_shares, wilson
from profundo.evaluate.leading import leading_figure, positive, reason
from profundo.evaluate.paired_tests import (
    Paired,
    compare_balanced,
    compare_costs,
    compare_precision,
    compare_right,
    ranked_by_luck,
)
from profundo.evaluate.reliability import chance_error
from profundo.records import Batch, CalibrationBin, ClassScores, ProfundoError, Scores, Targets
from profundo.threads import same_bits
from profundo.trees import called, joined, leaves, mapped, to_device
from profundo.units import in_own_units

__all__ = [
    "OWN",
    "PROBABILITIES",
    "Answers",
    "Likelihood",
    "answers",
    "answers_of_all",
    "compare_answers",
    "evaluating",
    "figure_of",
    "figures",
    "mean_cost",
    "mistaken",
    "scores",
]

BINS = 15  # of probability
ROUNDING = 1e-6  # relative; what differs by less is the same
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
        (samples, outputs) in the targets' units.
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
            truths.append(to_device(batch.targets, torch.device("cpu")))
            weights += [] if batch.weights is None else [batch.weights.cpu()]
            for kept, (net, objective) in zip(predictions, judged, strict=True):
                sizes = tuple(leaf.shape for leaf in leaves(batch.inputs))
                outputs = same_bits(net)(partial(called, net, batch.inputs), sizes)
                if isinstance(outputs, Tensor) and targets.kind != "any":
                    check_width(net, outputs, len(batch.targets), targets)
                costs = objective(outputs, batch.targets).float().cpu()
                kept.append((mapped(on_cpu, objective.predict(outputs)), costs))
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


def on_cpu(leaf: Any) -> Any:
    return leaf.float().cpu() if isinstance(leaf, Tensor) else leaf


def check_width(net: nn.Module, outputs: Tensor, samples: int, targets: Targets) -> None:
    """Raise ProfundoError where a net gives another number of outputs than the targets need, or than samples came."""
    needed = {"binary": 1, "real": max(1, len(targets.names))}.get(targets.kind, len(targets.classes))
    if outputs.numel() != samples * needed or outputs.shape[:1] != (samples,):
        raise ProfundoError(
            f"{type(net).__name__}: expected outputs ({samples}, {needed}) for a batch of {samples}, got "
            f"{tuple(outputs.shape)}; let forward give as many for every batch"
        )


def scores(
    predictions: Answers, targets: Targets, train_targets: Tensor, worst: int = 24, simple: Answers | None = None
) -> Scores:
    """Figures of the answers. worst: how many of the costliest samples to name; simple: what stands in for the best constant."""
    costly = predictions.costs.argsort(descending=True, stable=True)
    if targets.kind == "any":
        return Scores(len(costly), figures(predictions, targets), {})
    per_class: Sequence[ClassScores] = () if targets.kind == "real" else class_scores(predictions, targets)
    values = figures(predictions, targets, per_class)
    constant = replace(simple or constant_answers(predictions, targets, train_targets), weights=predictions.weights)
    baseline, leading = figures(constant, targets), next(iter(values))
    if predictions.quantity == OWN:
        baseline.pop(OWN, None)  # what it would cost the constant, only its function knows
    result = Scores(
        len(predictions.costs),
        values,
        baseline,
        worst=costly[:worst].tolist(),
        intervals=intervals(predictions, targets, values) if predictions.weights is None else {},
        beyond_chance=beside_constant(leading, constant, predictions, targets) < 1 - LEVEL,
    )
    if targets.kind == "real":
        return result
    wrong = mistaken(predictions, targets)
    one_class = targets.kind != "labels"
    return replace(
        result,
        confusion=confusion(predictions.targets.long(), predictions.chosen, len(targets.classes)).tolist()
        if one_class
        else (),
        worst=costly[wrong[costly]][:worst].tolist(),
        per_class=per_class,
        calibration=calibration(predictions) if predictions.are_probabilities else (),
        chance=chance_error(stated_and_right(predictions)[0], calibration_bins)
        if predictions.are_probabilities
        else None,
        leads_for=reason(targets, leading),
    )


def mistaken(predictions: Answers, targets: Targets) -> Tensor:
    """Which samples (samples,) got a wrong class, or one wrong label or more."""
    if targets.kind == "labels":
        return ((predictions.predictions >= 0.5) != (predictions.targets >= 0.5)).any(1)
    return predictions.chosen != predictions.targets.long()


def figure_of(name: str, predictions: Answers, targets: Targets) -> float:
    """A figure that may lead, alone: what is looked at after every epoch."""
    if targets.kind == "any":
        return mean_cost(predictions)
    if name == "RMSE":
        return math.sqrt(predictions.mean((predictions.targets - predictions.predictions).double().square()))
    if "average precision" in name:
        return precision_of(predictions, targets)
    if name == "balanced accuracy":
        truth, classes, w = predictions.targets.long(), len(targets.classes), predictions.weights
        is_right = predictions.chosen == truth
        right = torch.bincount(truth[is_right], w if w is None else w[is_right], minlength=classes)
        there = torch.bincount(truth, w, minlength=classes)
        return _mean_of((right[there > 0] / there[there > 0].double()).tolist())
    return predictions.mean(~mistaken(predictions, targets))


def precision_of(predictions: Answers, targets: Targets) -> float:
    """The average precision of the class to be found, of two; the mean over the labels that occur."""
    if targets.kind == "labels":
        truth, sure = predictions.targets >= 0.5, predictions.predictions
        return _mean_of(
            [
                average_precision(sure[:, k], truth[:, k], predictions.weights)
                for k in range(truth.shape[1])
                if truth[:, k].any()
            ]
        )
    wanted = positive(targets)
    sure = predictions.predictions if wanted else 1 - predictions.predictions
    return average_precision(sure, predictions.targets == wanted, predictions.weights)


def intervals(predictions: Answers, targets: Targets, values: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    """95 % intervals of the figures that are means over samples, and of the average precision of a class."""
    if targets.kind == "real":
        error = (predictions.predictions - predictions.targets).double()
        low, high = mean_interval(error.square().mean(1))
        return {"RMSE": (low**0.5, high**0.5), "MAE": mean_interval(error.abs().mean(1))}
    wrong, truth = mistaken(predictions, targets), predictions.targets
    shares = wilson(int((~wrong).sum()), len(wrong))
    results = {"exact match" if targets.kind == "labels" else "accuracy": shares}
    if targets.kind != "labels" and len(wrong):
        there = torch.bincount(truth.long(), minlength=len(targets.classes)).tolist()
        right = torch.bincount(truth[~wrong].long(), minlength=len(targets.classes)).tolist()
        results["balanced accuracy"] = mean_of_shares([(k, n) for k, n in zip(right, there, strict=True) if n])
        if targets.kind == "binary" and predictions.are_probabilities:
            name = f"average precision of {targets.classes[positive(targets)]}"
            results[name] = logit_interval(values.get(name, 0.0), there[positive(targets)])
    results[predictions.quantity] = mean_interval(predictions.costs)
    if targets.kind != "labels" and predictions.are_probabilities:
        likely, was_right = stated_and_right(predictions)
        results[predictions.quantity] = log_loss_interval(predictions.costs, likely, was_right, len(targets.classes))
    return {name: interval for name, interval in results.items() if name in values}


def figures(predictions: Answers, targets: Targets, per_class: Sequence[ClassScores] = ()) -> dict[str, float]:
    """All figures by name, as the head of this file tells, first the one that leads. per_class: where they are known."""
    own = {OWN: mean_cost(predictions)} if predictions.quantity == OWN else {}
    if targets.kind == "any":
        return own
    if targets.kind == "real":
        return regression(predictions) | own
    each = per_class or class_scores(predictions, targets)
    results: dict[str, float] = {}
    if targets.kind == "labels":
        right = (predictions.predictions >= 0.5) == (predictions.targets >= 0.5)
        results |= {"exact match": predictions.mean(right.all(1)), "label accuracy": predictions.mean(right)}
        results["macro F1"] = _mean_of([one.f1 for one in each])
        if any(one.auc is not None for one in each):
            results["mean average precision"] = precision_of(predictions, targets)
    else:
        truth, chosen = predictions.targets.long(), predictions.chosen
        results["accuracy"] = predictions.mean(chosen == truth)
        results["balanced accuracy"] = _mean_of([one.recall for one in each if one.samples])
        if len(targets.classes) > 5 and predictions.are_probabilities:
            results["top-5 accuracy"] = predictions.mean(
                (predictions.predictions.topk(5, dim=1).indices == truth[:, None]).any(1)
            )
        if targets.kind == "binary":
            name = targets.classes[positive(targets)]
            results[f"F1 of {name}"] = each[positive(targets)].f1
            if any(one.auc is not None for one in each):
                results[f"average precision of {name}"] = precision_of(predictions, targets)
        else:
            seen = torch.bincount(torch.cat((truth, chosen)), minlength=len(each)).tolist()
            results["macro F1"] = _mean_of([one.f1 for one, count in zip(each, seen, strict=True) if count])
    if predictions.are_probabilities:
        areas = [one.auc for one in each if one.auc is not None]
        if areas:
            results["ROC-AUC"] = _mean_of(areas)
        results["calibration error"] = calibration_error(calibration(predictions))
    results[predictions.quantity] = mean_cost(predictions)
    first = leading_figure(targets, predictions.are_probabilities)
    return {first: results[first], **results} if first in results else results


def beside_constant(figure: str, constant: Answers, predictions: Answers, targets: Targets) -> float:
    """p of being no better than the constant by the figure that leads."""
    if math.isclose(figure_of(figure, constant, targets), figure_of(figure, predictions, targets), rel_tol=ROUNDING):
        return 1.0
    if figure.startswith("average precision") and bool(predictions.predictions.isfinite().all()):
        wanted = positive(targets)
        return ranked_by_luck(predictions.predictions * (1 if wanted else -1), predictions.targets == wanted)
    compared = compare_answers(figure, constant, predictions, targets)
    return 1.0 if compared is None else compared.p


def compare_answers(figure: str, first: Answers, second: Answers, targets: Targets) -> Paired | None:
    """Second less first, of a figure that may lead, on the same samples. Where labels are ranked, of their exact matches.
    None where an answer is not finite: such a network needs no comparison."""
    truth = first.targets
    if not bool((first.predictions.isfinite() & second.predictions.isfinite()).all()):
        return None
    if targets.kind == "real":
        a, b = ((one.predictions - truth).double().square().mean(1) for one in (first, second))
        return compare_costs(a, b, root=True)
    if figure.startswith("average precision"):
        wanted = positive(targets)
        a, b = (one.predictions if wanted else -one.predictions for one in (first, second))
        return compare_precision(a, b, truth == wanted)
    a, b = (~mistaken(one, targets) for one in (first, second))
    return compare_balanced(a, b, truth.long()) if figure == "balanced accuracy" else compare_right(a, b)


# ----------------------------------------------------------------------------------------------------- by class
def confusion(truth: Tensor, chosen: Tensor, classes: int) -> Tensor:
    """Counts (classes, classes): row = true class, column = chosen one."""
    return torch.bincount(truth * classes + chosen, minlength=classes * classes).view(classes, classes)


def class_scores(predictions: Answers, targets: Targets) -> list[ClassScores]:
    """Each class against all others, or each label."""
    if targets.kind == "labels":
        truth, chosen, sure = predictions.targets >= 0.5, predictions.predictions >= 0.5, predictions.predictions
    else:
        places = torch.arange(len(targets.classes))
        truth, chosen = predictions.targets[:, None] == places, predictions.chosen[:, None] == places
        sure = predictions.predictions
        if sure.ndim == 1:
            sure = torch.stack((1 - sure, sure), 1)
    ranked = predictions.are_probabilities and not bool(sure.isnan().any())
    each = predictions.weights
    w = torch.ones(len(truth), dtype=torch.float64) if each is None else each.double()
    both, there, taken = ((w @ part.double()).tolist() for part in (truth & chosen, truth, chosen))
    samples = truth.sum(0).tolist()

    def area(k: int) -> float | None:
        if not ranked or not 0 < samples[k] < len(truth):
            return None
        if each is not None:
            return weighted_area(sure[:, k], truth[:, k], each)
        return roc_area(sure[~truth[:, k], k], sure[truth[:, k], k])

    return [
        ClassScores(
            name,
            samples[k],
            precision=_share(both[k], taken[k]),
            recall=_share(both[k], there[k]),
            f1=_share(2 * both[k], there[k] + taken[k]),
            auc=area(k),
        )
        for k, name in enumerate(targets.classes)
    ]


# -------------------------------------------------------------------------------------------------- calibration
def calibration(predictions: Answers) -> list[CalibrationBin]:
    """What was stated with which probability, and how often it was right, by bins of equal width."""
    stated, right = stated_and_right(predictions)
    place = calibration_bins(stated)
    counts = torch.bincount(place, minlength=BINS).tolist()
    confidence = torch.bincount(place, stated, minlength=BINS).tolist()
    correct = torch.bincount(place, right.double(), minlength=BINS).tolist()
    return [
        CalibrationBin(k / BINS, (k + 1) / BINS, n, confidence[k] / n, correct[k] / n)
        for k, n in enumerate(counts)
        if n
    ]


def stated_and_right(predictions: Answers) -> tuple[Tensor, Tensor]:
    """The probability of each likeliest answer, whatever the threshold, and whether it was right; of several labels the
    probability of each, and whether it was there."""
    p = predictions.predictions
    if p.ndim == 2 and predictions.targets.ndim == 2:
        return p.flatten().double(), predictions.targets.flatten() >= 0.5
    stated = p.amax(1) if p.ndim == 2 else torch.maximum(p, 1 - p)
    return stated.double(), replace(predictions, threshold=0.5).chosen == predictions.targets


def calibration_bins(stated: Tensor) -> Tensor:
    """The index of the bin of each probability."""
    return (stated * BINS).ceil().long().clamp(1, BINS) - 1


def calibration_error(bins: Sequence[CalibrationBin]) -> float:
    """Σ (samples of the bin / all) |confidence − frequency|."""
    total = sum(one.samples for one in bins)
    return sum(one.samples * abs(one.confidence - one.frequency) for one in bins) / max(1, total)


# -------------------------------------------------------------------------------------------------- real targets
def regression(predictions: Answers) -> dict[str, float]:
    """Root mean squared error and mean absolute error in the targets' units; R² = 1 − Σ(y−ŷ)²/Σ(y−ȳ)².

    Over samples and outputs alike; ȳ is per output. R² of constant targets is 0 by convention.
    """
    targets, w = predictions.targets.double(), predictions.weights
    error = targets - predictions.predictions.double()
    middle = targets.mean(0) if w is None else w.double() @ targets / w.double().sum()
    squared, spread = predictions.mean(error.square()), predictions.mean((targets - middle).square())
    return {
        "RMSE": squared**0.5,
        "MAE": predictions.mean(error.abs()),
        "R²": 1 - squared / spread if spread > 0 else 0.0,
    }


# ---------------------------------------------------------------------------------------- the constant predictor
def constant_answers(outputs: Answers, targets: Targets, train: Tensor) -> Answers:
    """What the best constant would have said of the same samples: the mean of the training targets; their commonest
    class, with the shares of classes as probabilities, each counted once more; the shares of every label, likewise.

    (Laplace's rule keeps the log loss finite for a class that training lacks.)
    """
    count, truth = len(outputs.targets), outputs.targets
    if targets.kind == "real":
        return Answers(train.double().mean(0).expand_as(truth), truth, outputs.costs)
    if targets.kind == "labels":
        shares = (train.double().sum(0) + 1) / (len(train) + 2)
        costs = -torch.where(truth >= 0.5, shares.log(), (1 - shares).log()).sum(1)
        return Answers(shares.expand(count, -1), truth, costs)
    counts = torch.bincount(train.long(), minlength=len(targets.classes)).double()
    shares = (counts + 1) / (counts + 1).sum()
    if not outputs.are_probabilities:  # a margin of one on the side of the commoner class
        side = counts.argmax()
        if outputs.predictions.ndim == 2:
            certain = torch.nn.functional.one_hot(side, len(counts)).float()
            return Answers(certain.expand(count, -1), truth, 1.0 * (truth != side), outputs.quantity)
        return Answers(side.expand(count).float(), truth, 2.0 * (truth != side), outputs.quantity)
    costs = -shares.log()[truth.long()]
    predictions = shares[1].expand(count) if outputs.predictions.ndim == 1 else shares.expand(count, -1)
    return Answers(predictions, truth, costs)


def mean_cost(predictions: Answers) -> float:
    return predictions.mean(predictions.costs)


def _mean_of(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
