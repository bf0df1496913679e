"""What a net and data of one's own must be, found out before the first step of a training."""

from __future__ import annotations

import safetensors.torch
import torch
from torch import Tensor, nn

from profundo.evaluate import evaluating
from profundo.records import Dataset, ProfundoError
from profundo.runs.saved_model import keepable, packed

__all__ = ["check_data", "check_outputs", "check_saving"]


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
