"""What is wrong with the numbers themselves: not finite, constant, far from 1, out of the range of classes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn

from profundo.doctor.patient import Patient
from profundo.doctor.programs import Samples
from profundo.doctor.skill import class_axis, distinct
from profundo.doctor.suspicions import Suspicion
from profundo.doctor.trials import Variant
from profundo.trees import leaves

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
        for side, tree in (("inputs", samples.inputs), ("targets", samples.targets)) if samples else ():
            for part in leaves(tree):
                if not isinstance(part, Tensor) or not part.is_floating_point() or bool(part.isfinite().all()):
                    continue
                rows = (~part.isfinite()).flatten(1).any(1) if part.ndim > 1 else ~part.isfinite()
                numbers = rows.nonzero().flatten()
                yield Suspicion(
                    "nan_in_data",
                    f"{name} {side}",
                    {"samples with values that are not finite": len(numbers), "the first": numbers[:5].tolist()},
                    "remove these samples or fill the holes before training",
                    "fatal",
                )


def constant_data(patient: Patient) -> Iterator[Suspicion]:
    targets, inputs = patient.train.targets, patient.train.inputs
    if len(patient.train) < 2:
        return
    if isinstance(targets, Tensor) and targets is not inputs and bool((targets == targets[:1]).all()):
        yield constant("targets", targets)
    elif isinstance(inputs, Tensor) and bool((inputs == inputs[:1]).all()):
        yield constant("inputs", inputs)


def constant(where: str, values: Tensor) -> Suspicion:
    return Suspicion(
        "constant_data",
        f"train {where}",
        {"samples": len(values), "different values": 1, "the value": str(values[0].flatten()[:5].tolist())},
        f"all {where} are the same: look at how they are read and converted (a cast, a column, a separator)",
        "fatal",
    )


def labels_out_of_range(patient: Patient) -> Iterator[Suspicion]:
    """Targets that cannot be classes of this many outputs, or probabilities."""
    targets, outputs, cost = patient.train.targets, patient.outputs, patient.cost
    if not isinstance(targets, Tensor) or not isinstance(outputs, Tensor) or not targets.numel():
        return
    kind = cost.kind if cost.kind != "other" else ""
    if kind in {"cross entropy", "negative log likelihood"} and not targets.is_floating_point():
        width = outputs.shape[class_axis(outputs, targets)] if outputs.ndim > 1 else 1
        ignored = getattr(patient.program.loss, "ignore_index", -100)
        kept = targets[targets != ignored]
        if not kept.numel():
            return
        low, high = int(kept.min()), int(kept.max())
        if low < 0 or high >= width:
            classes = len(distinct(kept))
            evidence = {"smallest": low, "largest": high, "outputs": width}
            if low >= 0 and classes > width:
                yield Suspicion(
                    "wrong_output_width",
                    "output layer",
                    {"outputs": width, "classes": classes},
                    f"give the output layer {high + 1} units, one for each class",
                    "fatal",
                )
            else:
                yield Suspicion(
                    "labels_out_of_range",
                    "train targets",
                    evidence,
                    f"number the classes 0 to {width - 1} (here {low} to {high})",
                    "fatal",
                )
    elif kind in {"binary cross entropy", "binary cross entropy of logits"}:
        least, most = float(targets.min()), float(targets.max())
        whole = bool((targets == targets.round()).all())
        if (least < 0 or most > 1) and whole:
            yield Suspicion(
                "labels_out_of_range", "train targets", {"smallest": least, "largest": most},
                "this cost takes probabilities: make the two classes 0 and 1", "fatal",
            )  # fmt: skip


# --------------------------------------------------------------------------------------------------------------- scales
def scaled_inputs(patient: Patient) -> Iterator[Suspicion]:
    inputs = patient.train.inputs
    if (
        not isinstance(inputs, Tensor)
        or not inputs.is_floating_point()
        or inputs.ndim < 2
        or not bool(inputs.isfinite().all())
    ):
        return
    if indifferent_to_scale(patient):
        return
    rows = inputs.flatten(1).double()
    columns = inputs.ndim == 2
    deviations = rows.std(0) if columns else rows.std()[None]
    means = rows.mean(0) if columns else rows.mean()[None]
    varying = deviations[deviations > 0]
    if not len(varying):
        return
    size = float(rows.square().mean().sqrt())
    ratio = float(varying.max() / varying.quantile(0.1 if len(varying) > 10 else 0.0)) if columns else 1.0
    offset = float((means.abs() / deviations.clamp_min(1e-12))[deviations > 0].max())
    evidence = {
        "largest deviation": float(varying.max()),
        "smallest": float(varying.min()),
        "largest |mean|": float(means.abs().max()),
    }
    if size < SMALL:
        yield Suspicion(
            "scaled_twice", "train inputs", evidence,
            "scale the inputs once: they are far smaller than 1, as pixels divided by 255 twice are", weight=0.8,
            cures={"inputs of deviation 1": standardised},
        )  # fmt: skip
    elif float(varying.max()) > FAR or size > FAR or (columns and ratio > APART) or offset > FAR:
        yield Suspicion(
            "unscaled_input", "train inputs", evidence,
            "standardise each feature by its mean and deviation over the training samples (pixels: divide by 255)", weight=0.8,
            cures={"standardised inputs": standardised},
        )  # fmt: skip


def indifferent_to_scale(patient: Patient) -> bool:
    """Whether the net standardises for itself: ten times larger inputs hardly change its answers in training mode."""
    first = next((module for module in patient.net.modules() if not list(module.children())), None)
    return isinstance(
        first, nn.modules.batchnorm._BatchNorm | nn.LayerNorm | nn.InstanceNorm1d | nn.InstanceNorm2d | nn.Embedding
    )


def standardised(variant: Variant) -> Variant:
    """Inputs of mean 0 and deviation 1 over the training samples: of each column, or of images all together."""
    inputs = variant.train.inputs
    axes = 0 if inputs.ndim == 2 else tuple(range(inputs.ndim))
    mean, deviation = inputs.double().mean(axes), inputs.double().std(axes)
    deviation = torch.where(deviation > 0, deviation, 1.0)

    def scaled(samples: Samples) -> Samples:
        def one(part: Tensor) -> Tensor:
            scaled_part: Tensor = ((part.double() - mean) / deviation).to(part.dtype)
            return scaled_part

        batches = tuple((one(batch[0]), *batch[1:]) for batch in samples.given)
        return replace(samples, inputs=one(samples.inputs), given=batches)

    return replace(variant, train=scaled(variant.train), held=scaled(variant.held))


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

    def scaled(samples: Samples) -> Samples:
        batches = tuple((*batch[:-1], one(batch[-1])) for batch in samples.given)
        return replace(samples, targets=one(samples.targets), given=batches)

    def read(outputs: Tensor) -> Tensor:
        shape = outputs.shape
        wide = (
            outputs.double().reshape(len(outputs), *targets.shape[1:])
            if outputs.numel() == len(outputs) * targets[0].numel()
            else outputs
        )
        answers: Tensor = (wide * deviation + mean).reshape(shape)
        return answers

    return replace(variant, train=scaled(variant.train), held=scaled(variant.held), read=read)
