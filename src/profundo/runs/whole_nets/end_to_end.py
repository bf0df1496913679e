"""A saved net as one function from raw inputs to answers: standardised before, the output layer's meaning after.

images     uint8 (batch, channels, height, width)           classes   softmax         "probabilities" (batch, K)
rows       float64 (batch, features)                        two       sigmoid         "probabilities" (batch, 2)
sounds     int16 (batch, 1, samples)                        labels    sigmoid each    "probabilities" (batch, K)
                                                            hinge     –               "margin" (batch, 1)
                                                            real      their own units "values" (batch, outputs)
                                                            mask      softmax         "probabilities" (batch, K, height, width)
                                                            map       their own units "values" (batch, height, width)
                                                            objects   what was found  "objects" (batch, places, 6): box in pixels,
                                                                      class, score; and "masks" (batch, places, side, side)
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from profundo.data.standard import constant
from profundo.object_masks import found_table, table_of
from profundo.objectives import Objective
from profundo.records import Inputs, Spec
from profundo.runs.saved_model import predict
from profundo.trees import called, leaves
from profundo.units import in_own_units, squashed

__all__ = ["Whole", "answer_name", "answers_of", "example"]


class Standard(nn.Module):
    """Raw samples of one input → what the net is given, float32; of the kind "any" as they are."""

    mean: Tensor
    std: Tensor
    clipped: Tensor
    limits: Tensor

    def __init__(self, inputs: Inputs) -> None:
        super().__init__()
        self.as_it_is = inputs.kind == "any"
        self.standardised = bool(inputs.mean)
        self.far = any(inputs.clipped)
        self.wide = torch.float32 if inputs.traits.is_media else torch.float64  # as `standardize` has it
        trailing = [1] * (len(inputs.shape) - 1)
        for name, values in (("mean", inputs.mean or (0.0,)), ("std", inputs.std or (1.0,))):
            self.register_buffer(name, torch.tensor(values, dtype=self.wide).reshape(-1, *trailing))
        self.limited = bool(inputs.limits)
        self.register_buffer("limits", torch.tensor(inputs.limits or (0.0,), dtype=self.wide))
        self.register_buffer("clipped", torch.tensor(inputs.clipped or (False,)))

    def forward(self, raw: Tensor) -> Tensor:
        if self.as_it_is:
            return raw
        values = raw.to(self.wide)
        if self.standardised:
            values = (values - self.mean) / self.std
        if self.limited:
            values = values.clamp(-self.limits, self.limits)
        return (torch.where(self.clipped, squashed(values), values) if self.far else values).float()


class Whole(nn.Module):
    """Raw inputs, one after the other → what `answer_name` says of them. A margin of 0 or more stands for the second class."""

    def __init__(self, net: nn.Module, spec: Spec, objective: Objective) -> None:
        super().__init__()
        self.net = sliced(copy.deepcopy(net).cpu().eval())
        self.standards = nn.ModuleList(map(Standard, spec.inputs.parts or (spec.inputs,)))
        self.several, self.names = bool(spec.inputs.parts), spec.inputs.names
        self.answer = "hinge" if objective.name == "hinge" else spec.targets.kind
        self.targets = spec.targets

    def forward(self, *raw: Tensor) -> Any:
        ready = tuple(standard(one) for standard, one in zip(self.standards, raw, strict=True))
        inputs: Any = ready[0]
        if self.several:
            inputs = dict(zip(self.names, ready, strict=True)) if self.names else ready
        outputs: Any = called(self.net, inputs)
        if self.answer == "objects":
            found = found_table(outputs)
            return (found["objects"], found["masks"].float()) if isinstance(found, dict) else found
        if self.answer in ("classes", "mask"):
            return outputs.softmax(1)
        if self.answer == "binary":
            return torch.cat([torch.sigmoid(-outputs), torch.sigmoid(outputs)], 1)
        if self.answer == "labels":
            return torch.sigmoid(outputs)
        outputs = outputs[:, 0] if self.answer == "map" else outputs
        return in_own_units(outputs, self.targets) if self.targets.traits.numeric else outputs


def answer_name(whole: Whole) -> str:
    """Of a net that finds masks, too, these are a second answer."""
    named = {"real": "values", "map": "values", "hinge": "margin", "objects": "objects"}
    return named.get(whole.answer, "probabilities")


class SlicedMaxPool(nn.Module):
    """AdaptiveMaxPool2d by slices, which every format has words for: the largest value of each window, first of its rows,
    then of its columns; window i of n over a side s is from ⌊i s / n⌋ to ⌈(i + 1) s / n⌉."""

    def __init__(self, places: tuple[int, int]) -> None:
        super().__init__()
        self.places = places

    def forward(self, images: Tensor) -> Tensor:
        for dim, places in zip((2, 3), self.places, strict=True):
            side = images.shape[dim]
            windows = [(i * side // places, -(-(i + 1) * side // places)) for i in range(places)]
            images = torch.stack([images.narrow(dim, a, b - a).amax(dim) for a, b in windows], dim)
        return images


def sliced(net: nn.Module) -> nn.Module:
    """The net with its adaptive maximum pooling by slices."""
    for name, module in list(net.named_modules()):
        if name and isinstance(module, nn.AdaptiveMaxPool2d):
            high, wide = module.output_size if isinstance(module.output_size, tuple) else (module.output_size,) * 2
            if high is not None and wide is not None:
                net.set_submodule(name, SlicedMaxPool((high, wide)))
    return net


def answers_of(whole: Whole, net: nn.Module, spec: Spec, objective: Objective, inputs: Any) -> Tensor:
    """The same answers by the way that `profundo predict` takes, to compare with."""
    if whole.answer == "hinge":  # its predictions are bare classes
        with torch.no_grad():
            return whole(*leaves(inputs))  # type: ignore[no-any-return]
    predictions = predict(net, spec, inputs, objective)
    if whole.answer == "objects":
        return table_of(predictions)
    return torch.stack([1 - predictions, predictions], 1) if whole.answer == "binary" else predictions


LEVELS = {"uint8": (0, 256, torch.uint8), "int16": (-(2**12), 2**12, torch.int16)}  # of media, at random


def example(spec: Spec, samples: int = 3) -> Tensor:
    """Raw inputs of the right shape and kind, at random."""
    generator = torch.Generator().manual_seed(0)
    shape = (samples, *spec.inputs.shape)
    if (numbers := spec.inputs.traits.numbers) in LEVELS:
        low, high, dtype = LEVELS[numbers]
        return torch.randint(low, high, shape, generator=generator, dtype=dtype)
    noise = torch.randn(shape, generator=generator).double()
    if not spec.inputs.mean:
        return noise
    std, mean = (
        constant(values, len(spec.inputs.shape) - 1, noise.device, noise.dtype)
        for values in (spec.inputs.std, spec.inputs.mean)
    )
    return noise * std + mean
