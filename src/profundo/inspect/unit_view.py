"""What a unit of a layer looks for: in the data, the parts that excite it most; beyond them, the image made for it.

view = units_of(looked, "conv2")          # every unit of a layer, by the samples that it answers to most
view.patches([3])                         # uint8 images of what unit 3 saw there
for made in images_for(looked, "conv2", 3): ...
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from profundo.inside.dreaming import Excitements, exciting
from profundo.inside.features import Best, top_patches
from profundo.inside.observing import unit_axes
from profundo.inspect.opened_net import Looked
from profundo.languages import Said
from profundo.records import ProfundoError

__all__ = ["LayerUnits", "UnitLayer", "images_for", "patches", "picture_manner", "searched", "unit_layers", "units_of"]

SEARCHED = 2000  # training samples among which units have their favourites
BEST = 9  # of each unit
STEPS, EVERY = 128, 8  # of an image that is made, and between two looks at it


@dataclass(frozen=True, slots=True)
class UnitLayer:
    """kind: "maps" (channels of places), or "code" (features). places: (height, width) of maps."""

    name: str
    module: str
    units: int
    kind: str
    places: tuple[int, ...] = ()


def unit_layers(looked: Looked) -> list[UnitLayer]:
    """Every layer that gives each sample numbers of its own, in the order of the pass."""
    axes = unit_axes(looked.net, looked.given)
    modules = {name or type(module).__name__: type(module).__name__ for name, module in looked.net.named_modules()}
    result = []
    for name, given in looked.given.items():
        is_maps = given.ndim == 4 and axes[name] == 1
        places = tuple(given.shape[2:]) if is_maps else ()
        kind = modules[name.partition("#")[0]]
        result.append(UnitLayer(name, kind, given.shape[axes[name]], "maps" if is_maps else "code", places))
    return result


@dataclass(frozen=True)
class LayerUnits:
    """The units of one layer. raw: the training samples that were searched; best: of every unit those that it answers to most."""

    looked: Looked
    layer: str
    raw: Any
    best: Best

    def patches(self, units: list[int], most: int = BEST) -> Tensor:
        """uint8 (units · samples, channels, height, width), a unit after the other, its strongest first."""
        best = self.best
        few = Best(best.values[:, :most], best.samples[:, :most], best.places[:, :most])
        return patches(self.looked, self.raw, self.layer, few, units)

    def check(self, unit: int) -> None:
        """Raises ProfundoError for a unit that the layer has not."""
        if not 0 <= unit < (many := len(self.best.values)):
            raise ProfundoError(Said("refusals.no_unit", unit=unit, layer=self.layer, last=many - 1))


def searched(looked: Looked, most: int = SEARCHED) -> Any:
    """Raw training samples, evenly, among which units have their favourites."""
    return looked.samples(looked.data.train, most)[0]


def units_of(looked: Looked, layer: str, raw: Any = None) -> LayerUnits:
    """raw: the samples that are searched; None for those of `searched`."""
    raw = searched(looked) if raw is None else raw
    return LayerUnits(looked, layer, raw, top_patches(looked.net, looked.batches(raw), layer, BEST))


def images_for(looked: Looked, layer: str, unit: int, steps: int = STEPS) -> Iterator[Excitements]:
    """The image made for a unit, as it comes about. Raises ProfundoError for a net that does not take images."""
    if not looked.is_image:
        none = f"of {looked.spec.inputs.kind} none are made"
        raise ProfundoError(f"layer {layer!r}: expected a net that takes images, {none}")
    return exciting(looked.net, layer, [unit], steps=steps, every=EVERY, **picture_manner(looked))


def picture_manner(looked: Looked) -> dict[str, Any]:
    """How images of these data are made: what `exciting` has to know."""
    low, high = looked.ends
    return {"low": low, "high": high, "size": tuple(looked.spec.inputs.shape[1:]), "colours": looked.colours}


def patches(looked: Looked, raw: Tensor, layer: str, best: Best, units: list[int]) -> Tensor:
    """uint8 (units · patches, channels, height, width), of each unit what its place sees; black beyond the border."""
    windows, (height, width) = looked.windows.get(layer), looked.spec.inputs.shape[1:]
    whole = [(0, height), (0, width)]
    parts = []
    pairs = (one[units].flatten().tolist() for one in (best.samples, best.places))
    for sample, place in zip(*pairs, strict=True):
        at = divmod(place, len(windows[1][0])) if windows else (0, 0)
        ends = [(int(low[n]), int(high[n]) + 1) for (low, high), n in zip(windows or (), at, strict=False)] or whole
        ends = [full if b - a >= full[1] else (a, b) for (a, b), full in zip(ends, whole, strict=True)]
        parts.append(_part(raw[sample], *ends))
    sizes = [max(part.shape[axis] for part in parts) for axis in (1, 2)]
    filled = [F.pad(part, (0, sizes[1] - part.shape[2], 0, sizes[0] - part.shape[1])) for part in parts]
    images = looked.pictures(torch.stack(filled))
    assert images is not None
    return images


def _part(image: Tensor, rows: tuple[int, int], columns: tuple[int, int]) -> Tensor:
    """Of an image (channels, height, width) what lies between these pixels, with zeros where they are beyond its border."""
    (top, bottom), (left, right) = rows, columns
    _, height, width = image.shape
    inside = image[:, max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    return F.pad(inside, (max(-left, 0), max(right - width, 0), max(-top, 0), max(bottom - height, 0)))
