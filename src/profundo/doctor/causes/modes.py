"""What acts otherwise in training than in evaluation: dropout, and normalisation by the statistics of the batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from profundo.doctor.causes.pace import FINE
from profundo.doctor.causes.structure import quietly
from profundo.doctor.passage import DROPOUTS, Call, Passage, alter, altered, calls_of
from profundo.doctor.patient import Patient
from profundo.doctor.skill import skill
from profundo.doctor.suspicions import Suspicion, listed
from profundo.doctor.trials import Cure, Variant, answers_of
from profundo.train.randomness import seeded

__all__ = ["modes"]

MUCH, NEARLY_ALL = 0.5, 0.8  # share of values that dropout takes
FEW = 4  # samples in a batch, of which statistics are noise
WORSE, SEEN = 0.1, 0.05  # of skill, in evaluation mode against the statistics of the batch
AFTERWARDS = {
    *("softmax", "log_softmax", "sigmoid", "logsigmoid", "tanh"),
    *("squeeze", "view", "reshape", "flatten", "permute", "transpose"),
}

BatchNorm = nn.modules.batchnorm._BatchNorm


def modes(patient: Patient) -> Iterator[Suspicion]:
    error = patient.first.error or patient.course.error
    if "more than 1 value per channel" in error:
        yield Suspicion(
            "batchnorm_stale", "batch normalisation", {"after steps": patient.course.steps},
            "batch normalisation needs two samples or more in training: raise batch_size, or drop_last=True in the DataLoader",
            "fatal",
        )  # fmt: skip
    yield from quietly(patient, wrong_mode, patient)
    passage = patient.passage
    if passage is not None:
        yield from quietly(patient, dropout, patient, passage)
        yield from quietly(patient, batchnorm_stale, patient, passage)


def wrong_mode(patient: Patient) -> Iterator[Suspicion]:
    """Dropout, or statistics of the batch, although the net is in evaluation mode."""
    calls = calls_of(patient.net, patient.probe.first(8).inputs)[0]
    active = dropping(calls)
    norms = [call for call in calls if call.function == "batch_norm" and call.argument(5, "training", False)]
    by_batch = [call for call in norms if call.argument(1, "running_mean", None) is not None]
    if active or by_batch:
        what = "dropout" if active else "batch_norm"
        yield Suspicion(
            "wrong_mode", what, {f"{what} active in evaluation mode": len(active or by_batch)},
            f"hand the mode on: F.{what}(…, training=self.training), or use the module; now every answer is "
            + ("random" if active else "another with other samples in the batch"),
        )  # fmt: skip


def rate(call: Call) -> float:
    return float(call.argument(1, "p", 0.5))


def dropping(calls: list[Call]) -> list[Call]:
    """Those that set values to 0 at random."""
    given = [call for call in calls if call.function in DROPOUTS]
    return [call for call in given if call.argument(2, "training", True) and rate(call) > 0]


def dropout(patient: Patient, passage: Passage) -> Iterator[Suspicion]:
    active = dropping(passage.calls)
    if not active:
        return
    last = active[-1]
    rest = {call.function for call in passage.calls if call.place > last.place}
    if last.number == passage.depth > 0 and rest <= AFTERWARDS and last.signs is not None:
        yield Suspicion(
            "dropout_on_output", "output layer", {"share of answers set to 0 in training": rate(last)},
            "put dropout between hidden layers, not after the last layer: it sets answers to 0 that the cost then punishes",
        )  # fmt: skip
        return
    most, course = max(map(rate, active)), patient.course
    halfway = patient.trial_steps * 2 >= patient.planned  # dropout slows the beginning of every training
    if not course.train or course.train[-1] > FINE or not (most > NEARLY_ALL or (most >= MUCH and halfway)):
        return
    modules = patient.net.named_modules()
    named = listed(name for name, one in modules if isinstance(one, nn.modules.dropout._DropoutNd) and one.p >= MUCH)
    after = listed(call.layer for call in active if call.layer and rate(call) >= MUCH)
    where = named or (f"dropout after {after}" if after else "dropout")
    yield Suspicion(
        "excess_dropout", where, {"largest rate": most, "layers": len(active), "training skill": course.train[-1]},
        f"lower the dropout rate from {most:g}, to 0.1 or 0.2: with it the net does not fit even the samples that it is trained on",
        weight=0.66, share=0.15, cures={"no dropout": without_dropout},
    )  # fmt: skip


def without_dropout(variant: Variant) -> Variant:
    for module in variant.program.net.modules():
        if isinstance(module, nn.RNNBase | nn.MultiheadAttention):
            module.dropout = 0.0
    alter(variant.program.net, lambda call, run: call.arguments[0] if call.function in DROPOUTS else run())
    return variant


def batchnorm_stale(patient: Patient, passage: Passage) -> Iterator[Suspicion]:
    """At the end of training the running statistics are not those of the samples: the same samples are judged far worse by them."""
    found = [(name, one) for name, one in patient.grown.named_modules() if isinstance(one, BatchNorm)]
    norms = [(name, one) for name, one in found if one.track_running_stats]
    if not norms or patient.course.first_not_finite is not None or patient.task.kind == "own":
        return
    momentum = min(1.0 if one.momentum is None else one.momentum for _, one in norms)
    if momentum >= 0.05 and (1 - momentum) ** patient.course.steps > 0.05:
        return  # a training of a few steps: the statistics are on their way
    few = patient.train.first(1000)
    inputs, targets = few.inputs, few.targets
    stored = skill(answers_of(patient.grown, inputs), targets, patient.task)
    with seeded(patient.seed):
        fresh = patient.variant.copy()
        fresh.program.net.load_state_dict(patient.grown.state_dict())
        by_batch = skill(answers_of(alter(fresh.program.net, by_batch_statistics), inputs), targets, patient.task)
    odd = not 0.05 <= momentum <= 0.5
    if by_batch - stored < WORSE and not odd:
        return
    given = [call for call in passage.calls if call.function == "batch_norm"]
    asleep = not any(call.argument(5, "training", False) for call in given)
    share = f"the momentum of batch normalisation, the share of the new batch, from {momentum:g} to 0.1"
    remedy = (
        "let batch normalisation train: net.train() before training, no .eval() on its modules" if asleep
        else f"raise {share}" if momentum < 0.05
        else f"lower {share}: now the last batch alone is remembered" if momentum > 0.5
        else "use larger batches, or GroupNorm in place of batch normalisation: statistics of so few samples are noise"
    )  # fmt: skip
    cures: dict[str, Cure] = {"statistics of the batch in evaluation, too": altered(by_batch_statistics)}
    if odd:
        cures["momentum 0.1"] = usual_momentum
    if patient.program.batch_size <= FEW:
        cures["each sample normalised by itself"] = altered(by_sample)
    evidence = {"skill by stored statistics": stored, "by those of the batch": by_batch, "momentum": momentum}
    # what the same weights show already a race need not show as large
    gain = 0.03 if by_batch - stored > SEEN else 0.08
    yield Suspicion("batchnorm_stale", norms[0][0], evidence, remedy, weight=0.7, gain=gain, cures=cures)


def usual_momentum(variant: Variant) -> Variant:
    for module in variant.program.net.modules():
        if isinstance(module, BatchNorm):
            module.momentum = 0.1
    return variant


def by_sample(call: Call, run: Callable[[], Any]) -> Any:
    """Normalised over channels and places of each sample, with the same weights: what statistics of larger batches come to."""
    if call.function != "batch_norm":
        return run()
    values, weight, bias = call.arguments[0], call.argument(3, "weight", None), call.argument(4, "bias", None)
    return torch.nn.functional.group_norm(values, 1, weight, bias)


def by_batch_statistics(call: Call, run: Callable[[], Any]) -> Any:
    """Normalised by the batch at hand, in training and in evaluation."""
    if call.function == "batch_norm":
        call.arguments = (call.arguments[0], None, None, *call.arguments[3:5])
        call.named = {**call.named, "training": True}
    return run()
