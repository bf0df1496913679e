"""Single units: the weights they look with, where in an input they answer, and what they tell apart.

A unit is a channel of a map (batch, channels, …), or a feature of a code (batch, features) or of tokens (batch, tokens, features).

    class selectivity        (μ_best − μ_rest) / (μ_best + μ_rest), μ the mean answer to the samples of a class, μ_best of the class
                             that it answers to most, μ_rest over all others: 0 alike for all, 1 for one only    Morcos et al. 2018
    orientation selectivity  |Σ R(θ) e^{2iθ}| / Σ R(θ), R the size of the answer to a sine grating of direction θ whose phase goes
                             round: 0 for all directions alike, 1 for one only    Ringach, Shapley & Hawken 2002
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from profundo.inside.observing import (
    device_of,
    layer_output,
    module_at,
    observed,
    undisturbed,
    unit_axes,
    unit_axis,
    unit_output,
)
from profundo.languages import Said
from profundo.records import ProfundoError

__all__ = [
    "Best", "Orientations", "Selectivity", "class_selectivity", "feature_maps", "filters", "map_layers",
    "orientation_selectivity", "top_patches",
]  # fmt: skip

DIRECTIONS, PHASES = 18, 8
FREQUENCIES = (0.06, 0.1, 0.15, 0.2, 0.27, 0.36)  # cycles a pixel
AT_ONCE = 16  # gratings


def filters(net: nn.Module, layer: str) -> Tensor:
    """The kernels of a convolution, (units, channels, height, width). Raises ProfundoError for another layer."""
    weight = getattr(module_at(net, layer), "weight", None)
    if not isinstance(weight, Tensor) or weight.ndim != 4:
        kind = type(module_at(net, layer)).__name__
        raise ProfundoError(Said("refusals.no_kernels", layer=repr(layer), kind=kind))
    return weight.detach().float().cpu()


def feature_maps(net: nn.Module, inputs: Tensor) -> dict[str, Tensor]:
    """What every layer of maps gives for these inputs: by name (batch, channels, height, width), on the CPU."""
    with undisturbed(net), torch.no_grad():
        given = observed(net, inputs)[1]
    return {name: given[name].float().cpu() for name in map_layers(net, given)}


def map_layers(net: nn.Module, given: Mapping[str, Tensor]) -> list[str]:
    """Those that give maps, (batch, channels, height, width)."""
    axes = unit_axes(net, given)
    return [name for name, one in given.items() if one.ndim == 4 and min(one.shape[2:]) > 1 and axes[name] == 1]


# ------------------------------------------------------------------------------------------------ what excites it most
@dataclass(frozen=True, slots=True)
class Best:
    """Where units answered most, strongest first, one place a sample. values: (units, k); samples: int64 (units, k), numbers from
    0 in the order of the batches; places: int64 (units, k), of the map's places row by row."""

    values: Tensor
    samples: Tensor
    places: Tensor


def top_patches(net: nn.Module, batches: Iterable[Tensor], layer: str, k: int = 9) -> Best:
    """The k samples, and the place in each, to which every unit of a layer answers most.

    Of all that passed only the best so far are kept, so that memory does not grow with the number of samples.
    """
    best: list[Tensor] = []
    begin, axis = 0, None
    with undisturbed(net), torch.no_grad():
        for batch in batches:
            axis = axis or unit_axis(net, batch[:1], layer)
            maps = unit_output(net, batch, layer, axis).float()
            values, places = maps.reshape(*maps.shape[:2], -1).max(2)
            samples = torch.arange(begin, begin + len(maps), device=maps.device)[:, None].expand_as(values)
            begin += len(maps)
            now = [values.T, samples.T, places.T]
            best = [torch.cat(pair, 1) for pair in zip(best, now, strict=True)] if best else now
            at = best[0].topk(min(k, best[0].shape[1]), 1).indices
            best = [one.gather(1, at) for one in best]
    if not best:
        raise ProfundoError("top patches: expected at least one batch of inputs, got none")
    return Best(*(one.cpu() for one in best))


# ------------------------------------------------------------------------------------------------------ class selectivity
@dataclass(frozen=True, slots=True)
class Selectivity:
    """Of each unit of a layer: index and chance (units,), the second with the classes shuffled among the samples, for few samples
    look selective; best: int64 (units,), the class that it answers to most. A unit that is always silent has NaN."""

    index: Tensor
    best: Tensor
    chance: Tensor


def class_selectivity(
    net: nn.Module, batches: Iterable[Tensor], targets: Tensor, classes: int, seed: int = 0
) -> dict[str, Selectivity]:
    """Of every layer. targets: int64 (samples,) in the order of the batches. Of what units give the positive part counts, and
    of maps the mean over their places."""
    shuffled = targets[torch.randperm(len(targets), generator=torch.Generator().manual_seed(seed))]
    both = nn.functional.one_hot(torch.stack([targets, shuffled]), classes).double()
    sums: dict[str, Tensor] = {}
    begin = 0
    with undisturbed(net), torch.no_grad():
        for batch in batches:
            given = observed(net, batch)[1]
            axes = unit_axes(net, given)
            now = both[:, begin : begin + len(batch)]
            begin += len(batch)
            for name, values in given.items():
                if values.ndim > 1 and len(values) == len(batch):
                    values = values.clamp_min(0).movedim(axes[name], 1)
                    mean = values.reshape(*values.shape[:2], -1).double().mean(2).cpu()
                    sums[name] = sums.get(name, torch.zeros(())) + torch.einsum("tnk,nu->tku", now, mean)
    counts = both[:, :begin].sum(1)[..., None]
    return {name: _selectivity(total, counts) for name, total in sums.items()}


def _selectivity(sums: Tensor, counts: Tensor) -> Selectivity:
    """sums: (2, classes, units); counts: (2, classes, 1). Classes without samples do not count."""
    means = (sums / counts).nan_to_num(-1)
    highest, best = means.max(1)
    others = sums.sum(1) - sums.gather(1, best[:, None])[:, 0]
    rest = others / (counts.sum(1) - counts[..., 0].gather(1, best)).clamp_min(1)
    index = (highest - rest) / (highest + rest)
    return Selectivity(index[0], best[0], index[1])


# ------------------------------------------------------------------------------------------------ orientation selectivity
@dataclass(frozen=True, slots=True)
class Orientations:
    """Of each unit: index (units,); angle (units,) of the stripes that it prefers, in degrees from the horizontal, 0 to 180,
    against the clock as one looks at the image: — is 0, / 45, | 90, \\ 135;
    frequency (units,) in cycles a pixel; tuning (units, directions), R at that frequency."""

    index: Tensor
    angle: Tensor
    frequency: Tensor
    tuning: Tensor


def orientation_selectivity(net: nn.Module, shape: tuple[int, int, int], layer: str) -> Orientations:
    """What the place in the middle of each map answers to gratings of contrast 1 in all channels of the net's inputs.

    R is the amplitude of the answer's first harmonic over the phases: of a linear unit |K̂|, the size of its kernel's Fourier
    transform, whatever its bias.
    """
    device = device_of(net)
    answers = []
    with undisturbed(net), torch.no_grad():
        for frequency in FREQUENCIES:
            for some in torch.split(_gratings(shape, frequency), AT_ONCE):
                maps = layer_output(net, some.to(device), layer).float().cpu()
                answers.append(maps[:, :, maps.shape[2] // 2, maps.shape[3] // 2].clone())  # not a view of all places
    turns = torch.polar(torch.ones(PHASES), 2 * math.pi * torch.arange(PHASES) / PHASES)
    values = torch.cat(answers).view(len(FREQUENCIES), DIRECTIONS, PHASES, -1)
    sizes = 2 * torch.einsum("fdpu,p->fdu", values.to(turns.dtype), turns).abs() / PHASES
    chosen = sizes.amax(1).argmax(0)
    tuning = sizes[chosen, :, torch.arange(sizes.shape[2])]
    double = torch.polar(torch.ones(DIRECTIONS), 2 * math.pi * torch.arange(DIRECTIONS) / DIRECTIONS)
    mean = (tuning * double).sum(1)
    angle = (mean.angle() / 2 * 180 / math.pi + 90) % 180  # stripes lie across the direction of the wave
    index = mean.abs() / tuning.sum(1).clamp_min(1e-12)
    return Orientations(index, angle, torch.tensor(FREQUENCIES)[chosen], tuning)


def _gratings(shape: tuple[int, int, int], frequency: float) -> Tensor:
    """(directions · phases, *shape); direction 0 is a wave along the rows, 90° one upwards."""
    channels, height, width = shape
    angles = (math.pi * torch.arange(DIRECTIONS) / DIRECTIONS).view(-1, 1, 1, 1)
    phases = (2 * math.pi * torch.arange(PHASES) / PHASES).view(-1, 1, 1)
    y, x = -torch.arange(height)[:, None], torch.arange(width)
    waves = torch.cos(2 * math.pi * frequency * (x * angles.cos() + y * angles.sin()) + phases)
    return waves.reshape(-1, 1, height, width).expand(-1, channels, -1, -1)
