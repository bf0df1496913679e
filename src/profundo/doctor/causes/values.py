"""What is wrong with the numbers themselves: not finite, constant, far from 1, out of the range of classes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from profundo.doctor.events import as_number
from profundo.doctor.patient import Patient
from profundo.doctor.programs import Samples
from profundo.doctor.skill import class_axis, distinct
from profundo.doctor.suspicions import Suspicion, with_columns
from profundo.doctor.trials import Variant, answers_of
from profundo.trees import leaves, mapped

__all__ = ["values"]

FAR, APART, SMALL = 20.0, 50.0, 0.02


def values(patient: Patient) -> Iterator[Suspicion]:
    yield from nan_in_data(patient)
    yield from constant_data(patient)
    yield from labels_out_of_range(patient)
    yield from scaled_inputs(patient)
    yield from unscaled_target(patient)


def nan_in_data(patient: Patient) -> Iterator[Suspicion]:
    for name, samples in (("train", patient.train), ("validation", patient.validation)):
        if samples is None:
            continue
        for side, tree in (("inputs", samples.inputs), ("targets", samples.targets)):
            for part in leaves(tree):
                if not isinstance(part, Tensor) or not part.is_floating_point() or bool(part.isfinite().all()):
                    continue
                rows = (~part.isfinite()).flatten(1).any(1) if part.ndim > 1 else ~part.isfinite()
                numbers = rows.nonzero().flatten()
                if not bears(patient, samples.rows(numbers[:32]), side):
                    yield Suspicion(
                        "nan_in_data", with_columns(f"{name} {side}", part, ~part.isfinite().all(0)),
                        {"samples with values that are not finite": len(numbers), "the first": numbers[:5].tolist()},
                        "remove these samples or fill the holes before training", "fatal", mend=without_holes,
                    )  # fmt: skip


def without_holes(variant: Variant) -> Variant:
    """Without the samples that have a number that is not finite."""

    def whole(samples: Samples) -> Samples:
        parts = [part for part in leaves((samples.inputs, samples.targets)) if part.is_floating_point()]
        good = torch.stack([part.isfinite().reshape(len(part), -1).all(1) for part in parts]).all(0)
        return samples.rows(good.nonzero().flatten())

    held = whole(variant.held)
    return replace(variant, train=whole(variant.train), held=held, truth=held.targets)


def bears(patient: Patient, holed: Samples, side: str) -> bool:
    """Whether the program knows what to do with holes: a net that fills them, a cost that leaves them out."""
    try:
        answers = answers_of(patient.net, holed.inputs)
        finite = bool(answers.isfinite().all())
        return finite and (side == "inputs" or math.isfinite(as_number(patient.program.loss(answers, holed.targets))))
    except Exception:  # noqa: BLE001 - the person's own program
        return False


def constant_data(patient: Patient) -> Iterator[Suspicion]:
    targets, inputs = patient.train.targets, patient.train.inputs
    if len(patient.train) < 2:
        return
    if isinstance(targets, Tensor) and targets is not inputs and bool((targets == targets[:1]).all()):
        if matter(patient, targets):
            yield constant("targets", targets)
    elif isinstance(inputs, Tensor) and bool((inputs == inputs[:1]).all()):
        yield constant("inputs", inputs)


def matter(patient: Patient, targets: Tensor) -> bool:
    """Whether the cost looks at the targets: those of training without labels are there for form's sake."""
    if not isinstance(patient.outputs, Tensor) or patient.program.step is not None:
        return False
    other = (targets[: len(patient.outputs)] == 0).to(targets.dtype)
    costs = patient.costs(*((patient.outputs, one) for one in (targets[: len(other)], other)))
    return costs is None or costs[0] != costs[1]


def constant(where: str, values: Tensor) -> Suspicion:
    value = str(values[0].flatten()[:5].tolist())
    return Suspicion(
        "constant_data", f"train {where}", {"samples": len(values), "different values": 1, "the value": value},
        f"all {where} are the same: look at how they are read and converted (a cast, a column, a separator)", "fatal",
    )  # fmt: skip


def labels_out_of_range(patient: Patient) -> Iterator[Suspicion]:
    """Targets that cannot be classes of this many outputs, or probabilities."""
    targets, outputs, cost = patient.train.targets, patient.outputs, patient.cost
    if not isinstance(targets, Tensor) or not isinstance(outputs, Tensor) or not targets.numel():
        return
    if cost.is_of_classes and not targets.is_floating_point():
        width = outputs.shape[class_axis(outputs, targets)] if outputs.ndim > 1 else 1
        kept = targets[targets != getattr(patient.program.loss, "ignore_index", -100)]
        if not kept.numel():
            return
        low, high, classes = int(kept.min()), int(kept.max()), len(distinct(kept))
        if low >= 0 and high >= width and classes > width:
            yield Suspicion(
                "wrong_output_width", "output layer", {"outputs": width, "classes": classes},
                f"give the output layer {high + 1} units, one for each class", "fatal",
            )  # fmt: skip
        elif low < 0 or high >= width:
            yield Suspicion(
                "labels_out_of_range", "train targets", {"smallest": low, "largest": high, "outputs": width},
                f"number the classes 0 to {width - 1} (here {low} to {high})", "fatal",
            )  # fmt: skip
    elif cost.is_binary:
        least, most = float(targets.min()), float(targets.max())
        whole = bool((targets == targets.round()).all())
        if (least < 0 or most > 1) and whole:
            yield Suspicion(
                "labels_out_of_range", "train targets", {"smallest": least, "largest": most},
                "this cost takes probabilities: make the two classes 0 and 1", "fatal",
            )  # fmt: skip


# --------------------------------------------------------------------------------------------------------------- scales
def scaled_inputs(patient: Patient) -> Iterator[Suspicion]:
    """Inputs of a size far from 1, or of columns far apart, that come to the first weights as they are."""
    for number, part in enumerate(leaves(patient.train.inputs)):
        cause, evidence = misfit(part, isinstance(part, Tensor) and part.ndim == 2)
        here = [misfit(values, name != "convolution")[0] for name, values in patient.arrivals]
        if not cause or (here and cause not in here):
            continue
        twice = cause == "scaled_twice"
        where = "train inputs" if isinstance(patient.train.inputs, Tensor) else f"train inputs, part {number}"
        yield Suspicion(
            cause, with_columns(where, part, off_one(part)) if not twice else where, evidence,
            "scale the inputs once: they are far smaller than 1, as pixels divided by 255 twice are" if twice else
            "standardise each feature by its mean and deviation over the training samples (pixels: divide by 255)", weight=0.8,
            cures={"inputs of deviation 1" if twice else "standardised inputs": standardised},
        )  # fmt: skip
        return


def off_one(columns: Tensor) -> Tensor:
    """Of each column that varies, how far it is above the order of 1, in powers, or below if none is above; 0 of others."""
    rows = columns.double()
    powers = rows.square().mean(0).sqrt().clamp_min(1e-30).log() / math.log(FAR)
    powers = powers if bool((powers > 1).any()) else -powers
    return torch.where((rows != rows[:1]).any(0) & (powers > 1), powers, 0.0)


def misfit(values: Any, columns: bool) -> tuple[str, dict[str, float]]:
    """The cause, if any, and the numbers that speak for it. columns: whether the last axis is of features.

    Columns are compared by their ranges: one that is hardly ever 1 and else 0 has a small deviation and a fair scale.
    """
    if not isinstance(values, Tensor) or values.dtype == torch.bool or values.is_complex() or values.ndim < 2:
        return "", {}
    rows = values.detach().double()
    rows = rows.reshape(-1, rows.shape[-1]) if columns else rows.reshape(-1, 1)
    if not bool(rows.isfinite().all()) or len(rows) < 2:
        return "", {}
    ranges = rows.max(0).values - rows.min(0).values
    varying = ranges > 0
    if not bool(varying.any()):
        return "", {}
    deviations, ranges, means = rows.std(0)[varying], ranges[varying], rows.mean(0)[varying].abs()
    size = float(rows.square().mean().sqrt())
    ratio = float(ranges.max() / ranges.quantile(0.1 if len(ranges) > 10 else 0.0))
    evidence = {
        "largest deviation": float(deviations.max()),
        "smallest": float(deviations.min()),
        "largest |mean|": float(means.max()),
    }
    if size < SMALL or (float(deviations.max()) < SMALL and float(means.max()) < 2):  # or moved to -1 since
        return "scaled_twice", evidence
    far = float(deviations.max()) > FAR or size > FAR or ratio > APART or float((means / ranges).max()) > FAR
    return ("unscaled_input" if far else ""), evidence


def standardised(variant: Variant) -> Variant:
    """Inputs of mean 0 and deviation 1 over the training samples: of each column, or of images all together."""

    def one(part: Tensor, of: Tensor) -> Tensor:
        if part.dtype == torch.bool or part.ndim < 2 or misfit(of, of.ndim == 2)[0] == "":
            return part
        axes = 0 if of.ndim == 2 else tuple(range(of.ndim))
        mean, deviation = of.double().mean(axes), of.double().std(axes)
        scaled: Tensor = (part.double() - mean) / torch.where(deviation > 0, deviation, 1.0)
        return scaled.to(part.dtype if part.is_floating_point() else torch.float32)

    def inputs(tree: Any) -> Any:
        return mapped(one, tree, variant.train.inputs)

    return replace(variant, train=variant.train.changed(inputs), held=variant.held.changed(inputs))


def unscaled_target(patient: Patient) -> Iterator[Suspicion]:
    targets, outputs = patient.train.targets, patient.outputs
    if patient.task.kind != "real" or not isinstance(targets, Tensor) or not isinstance(outputs, Tensor):
        return
    if not patient.cost.is_distance and patient.cost.kind != "other":
        return
    deviation, mean = float(targets.double().std()), float(targets.double().mean())
    reach = float(outputs.double().std() + outputs.double().mean().abs()) + 1e-3
    if max(deviation, abs(mean)) > 10 and max(deviation, abs(mean)) > 10 * reach:
        yield Suspicion(
            "unscaled_target", "train targets", {"mean": mean, "deviation": deviation, "outputs before training": reach},
            "standardise the targets and scale the answers back", weight=0.7,
            cures={"standardised targets": standardised_targets},
        )  # fmt: skip


def standardised_targets(variant: Variant) -> Variant:
    targets = variant.train.targets.double()
    mean, deviation = targets.mean(0), targets.std(0).clamp_min(1e-12)

    def one(part: Tensor) -> Tensor:
        units: Tensor = (part.double() - mean) / deviation
        return units.to(part.dtype if part.is_floating_point() else torch.float32)

    def read(outputs: Tensor) -> Tensor:
        shape = outputs.shape
        alike = outputs.numel() == len(outputs) * targets[0].numel()
        wide = outputs.double().reshape(len(outputs), *targets.shape[1:]) if alike else outputs
        answers: Tensor = (wide * deviation + mean).reshape(shape)
        return answers

    train, held = (samples.changed(targets=one) for samples in (variant.train, variant.held))
    return replace(variant, train=train, held=held, read=read)
