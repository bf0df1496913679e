"""A trained network in two files: model.safetensors (weights) and model.json (how to build the net around them)."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from itertools import pairwise
from typing import Any

import safetensors.torch
import torch
import torch.nn.functional as F
from pydantic import TypeAdapter, ValidationError
from torch import Tensor, nn

from profundo import nets, objectives
from profundo.data import standardize
from profundo.data.grids.grid_folders import scaled
from profundo.data.grids.mask_codes import MOST_CLASSES
from profundo.data.images.pixels import WHOLE
from profundo.data.tables.columns import feature_names
from profundo.data.text.text_ids import MOST_CHARACTERS, MOST_WORDS
from profundo.evaluate import evaluating
from profundo.files import PUT_BACK, in_words, read_object, write_bytes, write_json
from profundo.languages import Said
from profundo.object_masks import rescaled
from profundo.objectives import Objective
from profundo.objectives.own_losses import PROBABILITIES
from profundo.records import ProfundoError, Spec, Targets
from profundo.runs.experiment import Experiment
from profundo.runs.folder import Folder
from profundo.runs.given.own import NOTHING, Own
from profundo.threads import same_bits
from profundo.train.checkpoints import digest
from profundo.train.hardware import steady_heap
from profundo.train.randomness import seeded
from profundo.trees import called, joined, leaves, split_rows, to_device
from profundo.units import in_own_units

__all__ = ["build_net", "keepable", "load_model", "load_objective", "packed", "predict", "save_model"]


def build_net(name: str, spec: Spec, options: Mapping[str, Any], seed: int) -> nn.Module:
    """The net of that name with weights drawn from the seed. The caller's randomness is left as it was."""
    if name.startswith("own:"):
        raise ProfundoError(
            f"net {name!r} is a class of your own, which no file can name: build it in Python, then profundo.fit(net, data, …, "
            "out=…, resume=True) to go on; a finished run is opened with it, profundo.open_run(path, net=…, data=…)",
            told=Said("refusals.own_net", name=repr(name)),
        )
    with seeded(seed):
        return nets.build(name, spec, **options)


def save_model(folder: Folder, net: nn.Module, experiment: Experiment, spec: Spec, own: Own = NOTHING) -> list[str]:
    """Write both files. The weights are float32 in plain layout, whatever the training used.

    Returns, in words, what of the net's state they cannot hold.
    """
    problems: list[str] = []
    try:
        content = packed(net.state_dict())
    except Exception:  # noqa: BLE001 - of hooks of the net
        state, problems = keepable(net)
        content = packed(state)
    write_bytes(folder.weights, content)
    described = {
        "format": 1,
        "net": experiment.net,
        "net_options": experiment.net_options,
        "objective": objective_name(experiment, spec, own),
        "spec": asdict(spec),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    write_json(folder.model, {**described, "description_sha256": digest(described)})
    return problems


def objective_name(experiment: Experiment, spec: Spec, own: Own) -> str:
    """Whose `predict` says what the outputs mean: of a loss of one's own that takes logits, the usual one."""
    if own.loss is not None and (spec.targets.kind == "any" or own.loss.name in PROBABILITIES):
        return f"own:{own.loss.name}"
    return experiment.objective or objectives.default_name(spec.targets)


def packed(state: Mapping[str, Tensor]) -> bytes:
    """As safetensors, each tensor by itself: where two share their memory, it is kept twice."""
    return safetensors.torch.save({name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()})


def keepable(net: nn.Module) -> tuple[dict[str, Tensor], list[str]]:
    """What files can hold of a net's state; and, in words, what they cannot: its hooks are programs of somebody else."""
    problems: list[str] = []
    try:
        state = dict(net.state_dict())
    except Exception as error:  # noqa: BLE001
        problems.append(f"state_dict raises {type(error).__name__}: {' '.join(str(error).split())}")
        state = {**dict(net.named_parameters()), **dict(net.named_buffers())}
    kept: dict[str, Tensor] = {}
    for name, value in state.items():
        if not isinstance(value, Tensor):
            problems.append(f"{name!r} of its state is a {type(value).__name__}; expected tensors")
        elif value.layout != torch.strided:
            problems.append(f"{name!r} of its state is a tensor of layout {value.layout}; expected torch.strided")
        else:
            try:
                safetensors.torch.load(packed({name: value}))[name]
                kept[name] = value
            except Exception as error:  # noqa: BLE001
                problems.append(f"{name!r} of its state, {value.dtype}: {' '.join(str(error).split())}")
    return kept, problems


def load_model(folder: Folder, net: nn.Module | None = None) -> tuple[nn.Module, Spec]:
    """The net with its weights, in evaluation mode, and what its inputs and targets look like. net: one of one's own, which
    no file can name, to put the weights into.

    Raises ProfundoError when a file is missing, damaged, or names something that is not in the registries.
    """
    described = read_object(folder.model)
    try:
        if described.pop("description_sha256") != digest(described):
            raise ValueError("it differs from what was saved")
        spec = TypeAdapter(Spec).validate_python(described["spec"])
        check_spec(spec)
        name, options, expected = str(described["net"]), {**described["net_options"]}, described["sha256"]
    except (ValidationError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise ProfundoError(f"{folder.model}: expected a model description: {in_words(error)}; train again") from None
    if net is not None and name.startswith("own:"):
        return with_weights(net, folder, expected), spec
    try:
        with torch.device("meta"):  # takes no memory, however large a net the file describes
            shapes = {key: tensor.shape for key, tensor in build_net(name, spec, options, seed=0).state_dict().items()}
        if shapes != kept_shapes(folder):
            raise ValueError(f"its net {name!r} has other weights than {folder.weights.name}")
        weights = read_weights(folder, expected)
        net = build_net(name, spec, options, seed=0)
        net.load_state_dict(weights)
    except (LookupError, TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        raise ProfundoError(f"{folder.model}: no net can be built of it: {in_words(error)}; train again") from None
    return net.eval(), spec


def with_weights(net: nn.Module, folder: Folder, expected: str) -> nn.Module:
    """Raises ProfundoError where the saved weights are those of another net."""
    if isinstance(net, type) or not isinstance(net, nn.Module):
        raise ProfundoError(f"net: expected a torch.nn.Module to put the weights into, got {net!r}")
    try:
        net.load_state_dict(read_weights(folder, expected))
    except RuntimeError as error:
        raise ProfundoError(
            f"{folder.weights}: are the weights of another net than this {type(net).__name__}: {in_words(error)[:300]}"
        ) from None
    return net.eval()


def check_spec(spec: Spec) -> None:
    """Raises ValueError for inputs and targets that contradict themselves."""
    inputs, targets = spec.inputs, spec.targets
    dimensions = len(inputs.traits.axes or inputs.shape)
    for part in inputs.parts:
        check_spec(Spec(part, Targets("any")))
    if len(inputs.shape) != dimensions or min(inputs.shape, default=1) < 1:
        raise ValueError(f"inputs of shape {inputs.shape} are no {inputs.kind}")
    if (targets.traits.per != "sample" and len(inputs.shape) != 3) or (inputs.longest or 0) < 0:
        raise ValueError(
            f"a target for each {targets.traits.per} of inputs of shape {inputs.shape}, scaled down to {inputs.longest}"
        )
    if len(targets.codes) not in (0, len(targets.classes)) or not all(-(2**24) <= one < 2**31 for one in targets.codes):
        raise ValueError(f"{len(targets.codes)} codes for {len(targets.classes)} classes")
    if targets.kind == "mask" and len(targets.classes) > MOST_CLASSES:
        raise ValueError(f"{len(targets.classes)} classes of a mask")
    if inputs.kind == "features" and len(inputs.names) not in (0, *inputs.shape):
        raise ValueError(f"{len(inputs.names)} names for {inputs.shape[0]} features")
    if inputs.window and (len(inputs.window) != 2 or not 0 <= inputs.window[0] <= inputs.window[1] <= WHOLE[1]):
        raise ValueError(f"{inputs.window} is no window of 16 bits")
    for column in inputs.texts:  # before names are made of them
        if not (1 <= column.lengths[0] <= MOST_WORDS and 1 <= column.lengths[1] <= MOST_CHARACTERS):
            raise ValueError(f"column {column.name!r} cannot keep {column.lengths} words and characters")
    if inputs.columns and tuple(feature_names(inputs.columns)) != inputs.names:
        raise ValueError("its columns do not become its features")
    if len(inputs.clipped) not in (0, len(inputs.mean)):
        raise ValueError(f"{len(inputs.clipped)} of {len(inputs.mean)} features say whether they are clipped")
    if len(inputs.limits) not in (0, len(inputs.mean)) or not all(value > 0 for value in inputs.limits):
        raise ValueError(f"{len(inputs.limits)} limits above 0 for {len(inputs.mean)} features")
    if len(inputs.ranges) not in (0, len(inputs.mean)) or not all(low <= high for low, high in inputs.ranges):
        raise ValueError(f"{len(inputs.ranges)} ranges, of least and greatest, for {len(inputs.mean)} features")
    if len(targets.transforms) not in (0, spec.outputs) or (targets.transforms and targets.kind != "real"):
        raise ValueError(f"{len(targets.transforms)} transforms for {spec.outputs} targets of the kind {targets.kind}")
    forecast = inputs.forecast
    if len(targets.margins) not in (0, spec.outputs) or not all(map(math.isfinite, sum(targets.margins, ()))):
        raise ValueError(f"{len(targets.margins)} margins for {spec.outputs} outputs")
    if forecast is not None and (inputs.kind != "series" or forecast.horizon != spec.outputs or not forecast.step > 0):
        raise ValueError(f"a forecast of {forecast.horizon} steps from {inputs.kind}, with {spec.outputs} outputs")
    for how in targets.transforms:
        rising = all(a < b for ends in (how.values, how.scores) for a, b in pairwise(ends))
        if how.kind == "rank" and not (rising and len(how.values) == len(how.scores) > 1):
            raise ValueError("a transform by rank goes through two points or more, and rises")
    few, most = targets.traits.classes
    if not few <= len(targets.classes) <= most:
        raise ValueError(f"{len(targets.classes)} classes for targets of the kind {targets.kind}")
    if len(targets.shares) not in (0, len(targets.classes)) or not 0 <= targets.threshold <= 1:
        raise ValueError(f"{len(targets.shares)} shares of its classes and the threshold {targets.threshold}")
    for about, width in ((inputs, inputs.shape[0] if inputs.shape else 1), (targets, spec.outputs)):
        if len(about.mean) not in (0, 1, width) or len(about.mean) != len(about.std):
            raise ValueError(f"{len(about.mean)} means and {len(about.std)} deviations for {width} values")
        if not all(map(math.isfinite, about.mean)) or not all(0 < value < math.inf for value in about.std):
            raise ValueError("means and deviations have to be finite, and deviations above 0")


def kept_shapes(folder: Folder) -> dict[str, torch.Size]:
    """Of the weights in the file, without reading them. Raises ProfundoError when it is no safetensors file."""
    if not folder.weights.is_file():
        raise ProfundoError(
            f"{folder.weights}: expected the weights of a run, found nothing to read; {PUT_BACK}",
            told=Said("refusals.no_weights", where=folder.weights),
        )
    try:
        with safetensors.safe_open(folder.weights, "pt") as file:
            return {name: torch.Size(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (OSError, safetensors.SafetensorError, ValueError, TypeError, LookupError, RuntimeError) as error:
        raise ProfundoError(Said("refusals.weights_unread", where=folder.weights, reason=in_words(error))) from None


def read_weights(folder: Folder, expected: str) -> dict[str, Tensor]:
    kept_shapes(folder)  # before gigabytes of something else are read
    content = folder.weights.read_bytes()
    if hashlib.sha256(content).hexdigest() != expected:
        raise ProfundoError(Said("refusals.other_weights", where=folder.weights))
    try:
        return safetensors.torch.load(content)
    except (safetensors.SafetensorError, ValueError, TypeError, LookupError, RuntimeError) as error:
        raise ProfundoError(Said("refusals.weights_unread", where=folder.weights, reason=in_words(error))) from None


def load_objective(folder: Folder, spec: Spec) -> Objective:
    """What the outputs of a saved net mean. Raises ProfundoError for an unknown objective, or one of other targets."""
    name = read_object(folder.model).get("objective") or objectives.default_name(spec.targets)
    if str(name).startswith("own:"):
        raise ProfundoError(
            f"{folder.model}: what the outputs mean, only the loss {str(name)[4:]!r} of its owner knows; open the run in Python: "
            "profundo.open_run(path, net=…, loss=…)"
        )
    try:
        return objectives.build(str(name), spec.targets)
    except ProfundoError as error:
        raise ProfundoError(f"{folder.model}: {error}") from None


def predict(net: nn.Module, spec: Spec, inputs: Any, objective: Objective | None = None) -> Any:
    """Raw inputs (batch, *shape) → probabilities of classes or labels (batch, K), P(y = 1) (batch,), or values in their
    own units. objective: what the outputs mean; by default what suits the targets.

    Where each pixel has a target, images may have any size: probabilities (batch, K, height, width), or numbers (batch, height,
    width), of that size; likewise where objects are to be found: a dict of what was, see object_masks.py.
    """
    if spec.targets.traits.per != "sample":
        of_images = {"pixel": of_pixels, "object": of_objects}[spec.targets.traits.per]
        result: Tensor = of_images(net, spec, inputs, objective)
        return result
    if isinstance(inputs, Tensor) and tuple(inputs.shape[1:]) != spec.inputs.shape:
        raise ProfundoError(
            f"inputs: expected (batch, {', '.join(map(str, spec.inputs.shape))}), got {tuple(inputs.shape)}"
        )
    return in_batches(net, spec, inputs, objective)


def of_pixels(net: nn.Module, spec: Spec, images: Tensor, objective: Objective | None) -> Tensor:
    """In the scale of training, and back to the images' own."""
    resized, size = in_scale(images, spec)
    if resized is images:
        return in_batches(net, spec, images, objective, 8)
    said = in_batches(net, spec, resized, objective, 8)
    several = said if said.ndim == 4 else said.unsqueeze(1)
    return F.interpolate(several, size, mode="bilinear").view(*said.shape[:-2], *size)


def of_objects(net: nn.Module, spec: Spec, images: Tensor, objective: Objective | None) -> Any:
    """In the scale of training, continued to the size of its batches, and back to the images' own pixels; with "size" (batch, 2),
    height and width of each, beside what was found."""
    resized, size = in_scale(images, spec)
    small = (resized.shape[-2], resized.shape[-1])
    room = [max(0, whole - own) for whole, own in zip(spec.inputs.shape[1:], small, strict=True)]
    if any(room):
        resized = F.pad(resized.float(), (0, room[1], 0, room[0]), mode="replicate").to(images.dtype)
    said = rescaled(in_batches(net, spec, resized, objective, 8), small, size)
    found = said if isinstance(said, Mapping) else {"objects": said}
    return {**found, "size": torch.tensor([size] * len(images))}


def in_scale(images: Tensor, spec: Spec) -> tuple[Tensor, tuple[int, int]]:
    """Images of any size, scaled down as those of training were, or themselves; and their own height and width."""
    channels, size = spec.inputs.shape[0], (images.shape[-2], images.shape[-1])
    if images.ndim != 4 or images.shape[1] != channels:
        raise ProfundoError(f"inputs: expected (batch, {channels}, height, width), got {tuple(images.shape)}")
    small = scaled(size, spec.inputs.longest or 0)
    if small == size:
        return images, size
    return F.interpolate(images.float(), small, mode="bilinear", antialias=True).round().to(images.dtype), size


def in_batches(net: nn.Module, spec: Spec, inputs: Any, objective: Objective | None, at_once: int = 1000) -> Tensor:
    device = next(net.parameters(), torch.empty(0)).device
    steady_heap()
    meaning = objective or objectives.default(spec.targets)
    with evaluating(net):
        ready = (standardize(to_device(part, device), spec.inputs) for part in split_rows(inputs, at_once))
        parts = [same_bits(net)(partial(called, net, part), sizes_of(part)) for part in ready]
    outputs = meaning.predict(joined(parts))
    result: Tensor = in_own_units(to_device(outputs, torch.device("cpu")), spec.targets)
    return result


def sizes_of(inputs: Any) -> Any:
    return inputs.shape if isinstance(inputs, Tensor) else tuple(leaf.shape for leaf in leaves(inputs))
