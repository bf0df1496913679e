"""What a net and data of one's own must be, found out before the first step of a training."""

from __future__ import annotations

from contextlib import suppress
from math import prod

import safetensors.torch
import torch
from torch import Tensor, nn

from profundo.data import standardize
from profundo.data.streams.blocks import gather
from profundo.evaluate import evaluating
from profundo.records import Dataset, ProfundoError
from profundo.runs.experiment import Experiment
from profundo.runs.saved_model import keepable, packed
from profundo.train.randomness import seeded
from profundo.train.updates import ALONE

__all__ = ["check_data", "check_normalisation", "check_outputs", "check_saving", "note_of_output_layer"]

TRIED = 2**18  # numbers of the samples that a net is tried on, of which there are from 8 to 64
FAR = 1000.0  # times as large as they are
# What PyTorch calls the steps back through the last layers, and through what only arranges values anew.
OUTPUT_LAYERS = {"Softmax": "softmax", "LogSoftmax": "log_softmax", "Sigmoid": "sigmoid", "Hardsigmoid": "sigmoid",
                 "LogSigmoid": "logsigmoid"}  # fmt: skip
ARRANGING = ("View", "UnsafeView", "ReshapeAlias", "Squeeze", "Unsqueeze", "Transpose", "T", "Permute", "Clone", "Alias",
             "ToCopy", "Slice", "Select", "Expand", "Clamp")  # fmt: skip


def check_data(data: Dataset) -> None:
    """Raises ProfundoError when a split's targets do not fit its inputs, or its values are not what the spec says."""
    spec = data.spec
    for name, split in (("train", data.train), ("validation", data.validation), ("test", data.test)):
        inputs, targets = split.inputs, split.targets
        if len(inputs) != len(targets):
            raise ProfundoError(
                f"{data.name}: {name} has {len(inputs)} inputs and {len(targets)} targets; expected as many"
            )
        if isinstance(inputs, Tensor) and tuple(inputs.shape[1:]) != spec.inputs.shape:
            raise ProfundoError(
                f"{data.name}: {name} inputs are {tuple(inputs.shape[1:])}, the spec says {spec.inputs.shape}"
            )
        if isinstance(inputs, Tensor) and inputs.is_floating_point() and not bool(inputs.isfinite().all()):
            raise ProfundoError(f"{data.name}: {name} inputs hold NaN or infinite values; clean them")
        if spec.targets.kind in ("real", "labels"):
            right = targets.is_floating_point() and targets.ndim == 2 and targets.shape[1] == spec.outputs
            wanted = f"float (samples, {spec.outputs})"
            if spec.targets.kind == "labels":
                right, wanted = right and bool(((targets == 0) | (targets == 1)).all()), f"{wanted} of 0 and 1"
        else:
            right = targets.dtype == torch.int64 and targets.ndim == 1
            wanted = f"int64 (samples,) from 0 to {len(spec.targets.classes) - 1}"
            right = right and (
                not len(targets) or 0 <= int(targets.min()) <= int(targets.max()) < len(spec.targets.classes)
            )
        if not right:
            remedy = "; of one-hot rows give argmax(1)" if "int64" in wanted and targets.ndim == 2 else ""
            raise ProfundoError(
                f"{data.name}: {name} targets: expected {wanted}, got {targets.dtype} {tuple(targets.shape)}{remedy}"
            )


def check_outputs(net: nn.Module, data: Dataset) -> None:
    """Raises ProfundoError when the net does not take the data's inputs or does not give as many outputs as they need."""
    shape = data.spec.inputs.shape
    parameter = next(net.parameters(), torch.empty(0))
    try:
        with evaluating(net):
            outputs = net(torch.zeros(2, *shape, device=parameter.device))
    except (RuntimeError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise ProfundoError(
            f"{type(net).__name__}: expected to take inputs (batch, {', '.join(map(str, shape))}): {reason}"
        ) from None
    if not isinstance(outputs, Tensor) or outputs.shape != (2, data.spec.outputs):
        arrived = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
        raise ProfundoError(
            f"{type(net).__name__}: expected outputs (batch, {data.spec.outputs}) for {data.name}, got {arrived} "
            "for a batch of 2; change the width of the last layer"
        )


def note_of_output_layer(net: nn.Module, data: Dataset) -> str:
    """A sentence where the net ends in an output layer, which the objective applies itself; "" where it does not.

    By the last operation; and by the outputs for some training samples, since a softmax may be written in many ways.
    """
    targets, many = data.spec.targets, min(len(data.train), max(8, min(64, TRIED // prod(data.spec.inputs.shape))))
    last = ""
    with suppress(Exception), evaluating(net), torch.enable_grad(), seeded(0):  # what fails here will fail in training
        raw = gather(data.train.inputs, torch.linspace(0, len(data.train) - 1, many, dtype=torch.float64).long())
        inputs = standardize(raw, data.spec.inputs).to(next(net.parameters(), torch.empty(0)).device)
        outputs: Tensor = net(inputs)
        last = (
            last_layer(outputs) or layer_of_shares(outputs) or layer_of_bounds(torch.cat([outputs, net(FAR * inputs)]))
        )
    if not last:
        return ""
    if targets.kind == "real":
        return (
            f"{type(net).__name__} ends in a {last}, but the numbers to predict are standardised to mean 0 and deviation 1: let "
            "it end in a linear layer."
        )
    effect = "it may be left out" if last == "log_softmax" and targets.kind == "classes" else "leave it out"
    return (
        f"{type(net).__name__} ends in a {last}, but the objective takes outputs without bounds and applies the output layer "
        f"itself, as do the predictions: {effect}."
    )


def last_layer(outputs: Tensor) -> str:
    """The output layer that the outputs come from, by what autograd keeps of it; "" where it is none."""
    step = outputs.grad_fn
    while step is not None:
        name = step.name().split("Backward")[0]
        if name not in ARRANGING:
            return OUTPUT_LAYERS.get(name, "")
        step = step.next_functions[0][0]
    return ""


def layer_of_shares(outputs: Tensor) -> str:
    """The same where outputs (samples, K) are shares that sum to 1, or their logarithms."""
    outputs = outputs.detach().float()
    sums_to_one = [bool(((one.sum(1) - 1).abs() < 1e-3).all()) and one.shape[1] > 1 for one in (outputs, outputs.exp())]
    if sums_to_one[0] and float(outputs.min()) >= 0:
        return "softmax"
    return "log_softmax" if sums_to_one[1] else ""


def layer_of_bounds(outputs: Tensor) -> str:
    """The same where outputs for far inputs, too, are all within [0, 1], and come near both ends."""
    low, high = outputs.detach().aminmax()
    return "sigmoid" if 0 <= low < 1e-3 and 1 - 1e-3 < high <= 1 else ""


def check_normalisation(net: nn.Module, data: Dataset, chosen: Experiment, processes: int = 1) -> None:
    """Raises ProfundoError where batch normalisation would be given one value a channel, of which it can make nothing."""
    batch = min(chosen.batch_size or 1, len(data.train))
    if batch // min(chosen.accumulate, max(1, batch // processes)) > 1:
        return
    modes = [(module, module.training) for module in net.modules()]
    sample = torch.zeros(1, *data.spec.inputs.shape, device=next(net.parameters(), torch.empty(0)).device)
    buffers = {name: buffer.clone() for name, buffer in net.named_buffers()}
    try:
        with torch.no_grad(), seeded(0):
            if not net.training:
                net.train()
            torch.func.functional_call(net, buffers, (sample,))
    except ValueError as error:
        if ALONE in str(error):
            parts = f" in {chosen.accumulate} parts" if chosen.accumulate > 1 else ""
            raise ProfundoError(
                f"batch normalisation: expected two samples or more in each part of a batch, got one (batches of {batch}{parts}); "
                "raise --batch-size" + (" or lower --accumulate" if parts else "")
            ) from None
    except Exception:  # noqa: BLE001 - of a net that cannot do this at all, the first step tells more
        pass
    finally:
        for module, mode in modes:
            module.training = mode


def check_saving(net: nn.Module) -> None:
    """Raises ProfundoError when files cannot keep the net's state, or it cannot be put back: before a training, not after."""
    try:
        before = packed(net.state_dict())
        net.load_state_dict(safetensors.torch.load(before))
        if packed(net.state_dict()) != before:
            raise ValueError("it is not the same afterwards")
    except Exception as error:  # noqa: BLE001 - hooks are programs of somebody else
        why = "; ".join(keepable(net)[1]) or " ".join(str(error).split())
        raise ProfundoError(
            f"{type(net).__name__}: its state cannot be saved and put back: {why}. Let state_dict give dense tensors, which "
            "files hold and load_state_dict takes, or keep nothing: out=False, without early_stop"
        ) from None
