"""From a network and one split to numbers, beside those of the best constant predictor, which knows the training targets
and no input.

    one class        accuracy, balanced accuracy (mean recall of the classes), top-5 accuracy (of more than 5), macro F1 (of
                     two, F1 and average precision of the one to be found), ROC-AUC (each class against the rest, the
                     mean), calibration error, log loss
    several labels   exact match (all labels right), label accuracy, macro F1, mean average precision, ROC-AUC, calibration
                     error, log loss
    real             RMSE, MAE, R²
    mask             mean IoU, mean Dice, pixel accuracy, log loss
    map              RMSE, MAE, R², over pixels
    objects          AP, AP50, AP75, AP by size, AR, of masks the same, count error

The one that leads comes first; see leading.py. Definitions are scikit-learn's; of masks and maps see kinds/grid_scores.py, of objects
objects/object_scores.py. Where
samples have weights they count by them, as with scikit-learn's `sample_weight`, but for masks and maps, in the calibration error,
in counts and in what chance makes; intervals are then left out.
The calibration error is that of Guo et al. 2017: the mean difference between stated
probability and frequency over 15 bins of probability, weighted by their samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from profundo.evaluate.detection import average_precision, roc_area, weighted_area
from profundo.evaluate.intervals import LEVEL, log_loss_interval, logit_interval, mean_interval, mean_of_shares, wilson
from profundo.evaluate.kinds.grid_scores import (
    commonest_everywhere,
    compare_maps,
    compare_masks,
    imperfect_masks,
    map_figures,
    map_intervals,
    mask_class_scores,
    mask_confusion,
    mask_figures,
    mask_intervals,
    mean_everywhere,
)
from profundo.evaluate.kinds.net_answers import (
    OWN,
    PROBABILITIES,
    Answers,
    Likelihood,
    answers,
    answers_of_all,
    evaluating,
    mean_cost,
)
from profundo.evaluate.leading import leading_figure, positive, reason
from profundo.evaluate.objects.object_scores import (
    badly_found,
    commonest_objects,
    compare_objects,
    object_class_scores,
    object_confusion,
    object_figure,
    object_figures,
    object_intervals,
)
from profundo.evaluate.paired_tests import (
    Paired,
    compare_balanced,
    compare_costs,
    compare_precision,
    compare_right,
    ranked_by_luck,
)
from profundo.evaluate.reliability import chance_error
from profundo.kinds import TargetKind
from profundo.records import CalibrationBin, ClassScores, Scores, Targets
from profundo.trees import leaves

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


def scores(
    predictions: Answers, targets: Targets, train_targets: Tensor, worst: int = 24, simple: Answers | None = None
) -> Scores:
    """Figures of the answers. worst: how many of the costliest samples to name; simple: what stands in for the best constant."""
    if targets.kind == "any":
        return Scores(len(predictions.costs), figures(predictions, targets), {})
    judge = JUDGES[targets.kind]
    costly = judge.badness(predictions, targets).argsort(descending=True, stable=True)
    per_class = judge.per_class(predictions, targets)
    values = figures(predictions, targets, per_class)
    constant = replace(simple or judge.constant(predictions, targets, train_targets), weights=predictions.weights)
    baseline, leading = figures(constant, targets), next(iter(values))
    if predictions.quantity == OWN:
        baseline.pop(OWN, None)  # what it would cost the constant, only its function knows
    result = Scores(
        len(predictions.costs),
        values,
        baseline,
        worst=costly[judge.mistaken(predictions, targets)[costly]][:worst].tolist(),
        confusion=judge.confusion(predictions, targets).tolist(),
        per_class=per_class,
        intervals=judge.intervals(predictions, targets, values) if predictions.weights is None else {},
        beyond_chance=beside_constant(leading, constant, predictions, targets) < 1 - LEVEL,
        leads_for=reason(targets, leading),
    )
    if not (judge.states_probabilities and predictions.are_probabilities):
        return result
    chance = chance_error(stated_and_right(predictions)[0], calibration_bins)
    return replace(result, calibration=calibration(predictions), chance=chance)


@dataclass(frozen=True, slots=True)
class Judge:
    """How answers to targets of one kind are judged, by functions of (answers, targets).

    figures: all of them by name, of (…, per class); figure: one that may lead, of (name, …), as it is looked at after every
    epoch; constant: what the best constant would have said of the same samples, of (…, training targets); intervals: 95 %, of
    (…, figures); compare: second less first, of (figure, first, second, targets). mistaken: which samples (samples,) are shown
    as mistakes; per_class, confusion: empty where there are no classes. states_probabilities: of each answer; badness: how bad each
    is (samples,), by which the worst come first.
    """

    figures: Callable[[Answers, Targets, Sequence[ClassScores]], dict[str, float]]
    figure: Callable[[str, Answers, Targets], float]
    constant: Callable[[Answers, Targets, Tensor], Answers]
    intervals: Callable[[Answers, Targets, Mapping[str, float]], dict[str, tuple[float, float]]]
    compare: Callable[[str, Answers, Answers, Targets], Paired]
    mistaken: Callable[[Answers, Targets], Tensor]
    per_class: Callable[[Answers, Targets], Sequence[ClassScores]] = lambda _, __: ()
    confusion: Callable[[Answers, Targets], Tensor] = lambda _, __: torch.empty(0)
    states_probabilities: bool = False
    badness: Callable[[Answers, Targets], Tensor] = lambda answers, _: answers.costs


def figures(predictions: Answers, targets: Targets, per_class: Sequence[ClassScores] = ()) -> dict[str, float]:
    """All figures by name, as the head of this file tells, first the one that leads. per_class: where they are known."""
    own = {OWN: mean_cost(predictions)} if predictions.quantity == OWN else {}
    if targets.kind == "any":
        return own
    results = JUDGES[targets.kind].figures(predictions, targets, per_class) | own
    first = leading_figure(targets, predictions.are_probabilities)
    return {first: results[first], **results} if first in results else results


def figure_of(name: str, predictions: Answers, targets: Targets) -> float:
    """A figure that may lead, alone: what is looked at after every epoch."""
    return mean_cost(predictions) if targets.kind == "any" else JUDGES[targets.kind].figure(name, predictions, targets)


def mistaken(predictions: Answers, targets: Targets) -> Tensor:
    """Which samples (samples,) got a wrong class, or one wrong label or more."""
    return JUDGES[targets.kind].mistaken(predictions, targets)


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
    if not all(bool(leaf.isfinite().all()) for one in (first, second) for leaf in leaves(one.predictions)):
        return None
    return JUDGES[targets.kind].compare(figure, first, second, targets)


# ------------------------------------------------------------------------------------------ one class, or several labels
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


def class_intervals(
    predictions: Answers, targets: Targets, values: Mapping[str, float]
) -> dict[str, tuple[float, float]]:
    """95 % intervals of the figures that are means over samples, and of the average precision of a class."""
    wrong, truth = right_or_wrong(predictions, targets), predictions.targets
    results = {"accuracy": wilson(int((~wrong).sum()), len(wrong))}
    if len(wrong):
        there = torch.bincount(truth.long(), minlength=len(targets.classes)).tolist()
        right = torch.bincount(truth[~wrong].long(), minlength=len(targets.classes)).tolist()
        results["balanced accuracy"] = mean_of_shares([(k, n) for k, n in zip(right, there, strict=True) if n])
        if targets.kind == "binary" and predictions.are_probabilities:
            name = f"average precision of {targets.classes[positive(targets)]}"
            results[name] = logit_interval(values.get(name, 0.0), there[positive(targets)])
    if predictions.are_probabilities:
        likely, was_right = stated_and_right(predictions)
        results[predictions.quantity] = log_loss_interval(predictions.costs, likely, was_right, len(targets.classes))
    else:
        results[predictions.quantity] = mean_interval(predictions.costs)
    return {name: interval for name, interval in results.items() if name in values}


def label_intervals(
    predictions: Answers, targets: Targets, values: Mapping[str, float]
) -> dict[str, tuple[float, float]]:
    wrong = wrong_labels(predictions, targets)
    results = {"exact match": wilson(int((~wrong).sum()), len(wrong))}
    results[predictions.quantity] = mean_interval(predictions.costs)
    return {name: interval for name, interval in results.items() if name in values}


def class_figures(predictions: Answers, targets: Targets, per_class: Sequence[ClassScores]) -> dict[str, float]:
    each = per_class or class_scores(predictions, targets)
    truth, chosen = predictions.targets.long(), predictions.chosen
    results = {"accuracy": predictions.mean(chosen == truth)}
    results["balanced accuracy"] = _mean_of([one.recall for one in each if one.samples])
    if len(targets.classes) > 5 and predictions.are_probabilities:
        best = predictions.predictions.topk(5, dim=1).indices
        results["top-5 accuracy"] = predictions.mean((best == truth[:, None]).any(1))
    if targets.kind == "binary":
        name = targets.classes[positive(targets)]
        results[f"F1 of {name}"] = each[positive(targets)].f1
        if any(one.auc is not None for one in each):
            results[f"average precision of {name}"] = precision_of(predictions, targets)
    else:
        seen = torch.bincount(torch.cat((truth, chosen)), minlength=len(each)).tolist()
        results["macro F1"] = _mean_of([one.f1 for one, count in zip(each, seen, strict=True) if count])
    return results | of_probabilities(predictions, each)


def label_figures(predictions: Answers, targets: Targets, per_class: Sequence[ClassScores]) -> dict[str, float]:
    each = per_class or class_scores(predictions, targets)
    right = (predictions.predictions >= 0.5) == (predictions.targets >= 0.5)
    results = {"exact match": predictions.mean(right.all(1)), "label accuracy": predictions.mean(right)}
    results["macro F1"] = _mean_of([one.f1 for one in each])
    if any(one.auc is not None for one in each):
        results["mean average precision"] = precision_of(predictions, targets)
    return results | of_probabilities(predictions, each)


def of_probabilities(predictions: Answers, each: Sequence[ClassScores]) -> dict[str, float]:
    """What probabilities are worth, and the mean cost, whatever it is called."""
    results: dict[str, float] = {}
    if predictions.are_probabilities:
        areas = [one.auc for one in each if one.auc is not None]
        if areas:
            results["ROC-AUC"] = _mean_of(areas)
        results["calibration error"] = calibration_error(calibration(predictions))
    return results | {predictions.quantity: mean_cost(predictions)}


def class_figure(name: str, predictions: Answers, targets: Targets) -> float:
    if "average precision" in name:
        return precision_of(predictions, targets)
    if name == "balanced accuracy":
        truth, classes, w = predictions.targets.long(), len(targets.classes), predictions.weights
        is_right = predictions.chosen == truth
        right = torch.bincount(truth[is_right], w if w is None else w[is_right], minlength=classes)
        there = torch.bincount(truth, w, minlength=classes)
        return _mean_of((right[there > 0] / there[there > 0].double()).tolist())
    return predictions.mean(~mistaken(predictions, targets))


def right_or_wrong(predictions: Answers, _targets: Targets) -> Tensor:
    return predictions.chosen != predictions.targets.long()


def wrong_labels(predictions: Answers, _targets: Targets) -> Tensor:
    return ((predictions.predictions >= 0.5) != (predictions.targets >= 0.5)).any(1)


def compare_classes(figure: str, first: Answers, second: Answers, targets: Targets) -> Paired:
    truth = first.targets
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
    error = (predictions.targets - predictions.predictions).double()
    middle = targets.mean(0) if w is None else w.double() @ targets / w.double().sum()
    squared, spread = predictions.mean(error.square()), predictions.mean((targets - middle).square())
    return {
        "RMSE": math.sqrt(squared),
        "MAE": predictions.mean(error.abs()),
        "R²": 1 - squared / spread if spread > 0 else 0.0,
    }


def real_intervals(
    predictions: Answers, _targets: Targets, _values: Mapping[str, float]
) -> dict[str, tuple[float, float]]:
    error = (predictions.predictions - predictions.targets).double()
    low, high = mean_interval(error.square().mean(1))
    return {"RMSE": (low**0.5, high**0.5), "MAE": mean_interval(error.abs().mean(1))}


def compare_real(_figure: str, first: Answers, second: Answers, _targets: Targets) -> Paired:
    a, b = ((one.predictions - first.targets).double().square().mean(1) for one in (first, second))
    return compare_costs(a, b, root=True)


def every_one(predictions: Answers, _targets: Targets) -> Tensor:
    """Numbers are never quite right: the worst are shown."""
    return torch.ones(len(predictions.costs), dtype=torch.bool)


# ---------------------------------------------------------------------------------------- the constant predictor
def shares_of_labels(outputs: Answers, _targets: Targets, train: Tensor) -> Answers:
    """The shares of every label in training, each counted once more and once less (Laplace)."""
    truth = outputs.targets
    shares = (train.double().sum(0) + 1) / (len(train) + 2)
    costs = -torch.where(truth >= 0.5, shares.log(), (1 - shares).log()).sum(1)
    return Answers(shares.expand(len(truth), -1), truth, costs)


def commonest_class(outputs: Answers, targets: Targets, train: Tensor) -> Answers:
    """The commonest class of the training targets, with the shares of classes as probabilities, each counted once more:
    Laplace's rule keeps the log loss finite for a class that training lacks."""
    count, truth = len(outputs.targets), outputs.targets
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


def mean_of_training(outputs: Answers, _targets: Targets, train: Tensor) -> Answers:
    return Answers(train.double().mean(0).expand_as(outputs.targets), outputs.targets, outputs.costs)


CLASSES = Judge(
    figures=class_figures,
    figure=class_figure,
    constant=commonest_class,
    intervals=class_intervals,
    compare=compare_classes,
    mistaken=right_or_wrong,
    per_class=class_scores,
    confusion=lambda answers, targets: confusion(answers.targets.long(), answers.chosen, len(targets.classes)),
    states_probabilities=True,
)
JUDGES: Mapping[TargetKind, Judge] = {
    "classes": CLASSES,
    "binary": CLASSES,
    "labels": Judge(
        figures=label_figures,
        figure=class_figure,
        constant=shares_of_labels,
        intervals=label_intervals,
        compare=compare_classes,
        mistaken=wrong_labels,
        per_class=class_scores,
        states_probabilities=True,
    ),
    "real": Judge(
        figures=lambda answers, _, __: regression(answers),
        figure=lambda _, answers, __: regression(answers)["RMSE"],
        constant=mean_of_training,
        intervals=real_intervals,
        compare=compare_real,
        mistaken=every_one,
    ),
    "mask": Judge(
        figures=mask_figures,
        figure=lambda name, answers, targets: mask_figures(answers, targets)[name],
        constant=commonest_everywhere,
        intervals=mask_intervals,
        compare=compare_masks,
        mistaken=imperfect_masks,
        per_class=mask_class_scores,
        confusion=mask_confusion,
    ),
    "objects": Judge(
        figures=object_figures,
        figure=object_figure,
        constant=commonest_objects,
        intervals=object_intervals,
        compare=compare_objects,
        mistaken=lambda answers, targets: badly_found(answers, targets) > 0,
        per_class=object_class_scores,
        confusion=object_confusion,
        badness=badly_found,
    ),
    "map": Judge(
        figures=map_figures,
        figure=lambda _, answers, targets: map_figures(answers, targets)["RMSE"],
        constant=mean_everywhere,
        intervals=map_intervals,
        compare=compare_maps,
        mistaken=every_one,
    ),
}


def _mean_of(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
