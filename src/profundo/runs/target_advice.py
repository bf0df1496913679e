"""Whether a real target ought to be bent before it is learned, read off the residuals on the validation samples."""

from __future__ import annotations

from torch import Tensor

from profundo.evaluate import Answers
from profundo.languages import local, say
from profundo.looks.relations import pearson
from profundo.ranks_and_places import ranks
from profundo.records import Targets

__all__ = ["transform_advice"]

FEWEST = 40  # samples
FUNNEL = 0.3  # rank correlation of |residual| and prediction, from which errors are called relative
CHANCE = 3.0  # of its standard errors, 1/√samples, that it is to exceed
FEW, MOST_OF_ALL = 0.02, 0.5  # samples that make more than half of the squared error


def transform_advice(predictions: Answers, targets: Targets, train: Tensor) -> tuple[str, ...]:
    """A sentence for each target whose residuals ask for a transform; none where there is one already."""
    if targets.kind != "real" or targets.transforms or len(predictions.costs) < FEWEST:
        return ()
    columns = zip(targets.names, predictions.predictions.T, predictions.targets.T, train.T, strict=False)
    advice = [advised(name, predicted.double(), truth.double(), known) for name, predicted, truth, known in columns]
    return tuple(sentence for sentence in advice if sentence)


def advised(name: str, predicted: Tensor, truth: Tensor, train: Tensor) -> str:
    errors = (predicted - truth).abs()
    if bool((predicted == predicted[0]).all()) or bool((errors == errors[0]).all()):
        return ""
    funnel = pearson(ranks(errors.numpy()), ranks(predicted.numpy()))
    if float(train.min()) >= 0 and funnel >= max(FUNNEL, CHANCE / len(errors) ** 0.5):
        return say("report.advice_log", name=repr(name), correlation=local(f"{funnel:.2f}"))
    squared = errors.square().sort(descending=True).values
    few = max(1, int(FEW * len(squared)))
    share = float(squared[:few].sum() / squared.sum())
    if share >= MOST_OF_ALL:
        counts = {"few": local(f"{few:,}"), "all": local(f"{len(squared):,}"), "share": f"{100 * share:.0f}"}
        return say("report.advice_few", name=repr(name), **counts)
    return ""
