"""A trained network in two files: model.safetensors (weights) and model.json (how to build the net around them)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import safetensors.torch
import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor, nn

from profundo import nets, objectives
from profundo.data import standardize
from profundo.evaluate import evaluating
from profundo.files import read_json, write_bytes, write_json
from profundo.recipes.experiment import Experiment
from profundo.recipes.folder import Folder
from profundo.records import ProfundoError, Spec
from profundo.train.checkpoints import digest
from profundo.train.randomness import seeded

__all__ = ["build_net", "load_model", "predict", "save_model"]


def build_net(name: str, spec: Spec, options: Mapping[str, Any], seed: int) -> nn.Module:
    """The net of that name with weights drawn from the seed. The caller's randomness is left as it was."""
    if name.startswith("own:"):
        raise ProfundoError(
            f"net {name!r} is a class of your own, which no file can name: build it in Python, then "
            "profundo.fit(net, data, …), with out=… and resume=True to go on"
        )
    with seeded(seed):
        return nets.build(name, spec, **options)


def save_model(folder: Folder, net: nn.Module, asked: Experiment, spec: Spec) -> None:
    """Write both files. The weights are float32 in plain layout, whatever the training used."""
    weights = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in net.state_dict().items()}
    content = safetensors.torch.save(weights)
    write_bytes(folder.weights, content)
    described = {
        "format": 1,
        "net": asked.net,
        "net_options": asked.net_options,
        "spec": asdict(spec),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    write_json(folder.model, {**described, "description_sha256": digest(described)})


def load_model(folder: Folder) -> tuple[nn.Module, Spec]:
    """The net with its weights, in evaluation mode, and what its inputs and targets look like.

    Raises ProfundoError when a file is missing, damaged, or names something that is not in the registries.
    """
    described = read_json(folder.model)
    try:
        if described.pop("description_sha256") != digest(described):
            raise ValueError("it differs from what was saved")
        spec = TypeAdapter(Spec).validate_python(described["spec"])
        name, options, expected = str(described["net"]), dict(described["net_options"]), described["sha256"]
    except (ValidationError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise ProfundoError(f"{folder.model}: expected a model description: {' '.join(str(error).split())}") from None
    weights = read_weights(folder, expected)
    try:
        with torch.device("meta"):  # takes no memory, however large a net the file describes
            shapes = {key: tensor.shape for key, tensor in build_net(name, spec, options, seed=0).state_dict().items()}
        if shapes != {key: tensor.shape for key, tensor in weights.items()}:
            raise ValueError(f"its net {name!r} has other weights than {folder.weights.name}")
        net = build_net(name, spec, options, seed=0)
        net.load_state_dict(weights)
    except (LookupError, TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        raise ProfundoError(f"{folder.model}: no net can be built of it: {' '.join(str(error).split())}") from None
    return net.eval(), spec


def read_weights(folder: Folder, expected: str) -> dict[str, Tensor]:
    if not folder.weights.is_file():
        raise ProfundoError(f"{folder.weights}: expected the weights of a run, found nothing to read")
    content = folder.weights.read_bytes()
    if hashlib.sha256(content).hexdigest() != expected:
        raise ProfundoError(f"{folder.weights}: the weights differ from those that were saved; train again")
    try:
        return safetensors.torch.load(content)
    except (safetensors.SafetensorError, ValueError, TypeError, LookupError, RuntimeError) as error:
        raise ProfundoError(f"{folder.weights}: expected safetensors: {error}") from None


def predict(net: nn.Module, spec: Spec, inputs: Tensor) -> Tensor:
    """Raw inputs (batch, *shape) → class probabilities (batch, K), P(y = 1) (batch,), or values in their own units."""
    if tuple(inputs.shape[1:]) != spec.inputs.shape:
        raise ProfundoError(
            f"inputs: expected (batch, {', '.join(map(str, spec.inputs.shape))}), got {tuple(inputs.shape)}"
        )
    parameter = next(net.parameters(), torch.empty(0))
    with evaluating(net):
        parts = [net(standardize(part.to(parameter.device), spec.inputs)) for part in torch.split(inputs, 1000)]
    said = objectives.default(spec.targets).predict(torch.cat(parts)).cpu()
    if spec.targets.kind == "real":
        return said * torch.tensor(spec.targets.std) + torch.tensor(spec.targets.mean)
    return said
