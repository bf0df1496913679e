"""Filters, feature maps, and what single units answer to."""

from __future__ import annotations

from profundo.inside.features import feature_maps, filters
from profundo.inspect.inside_section import Section
from profundo.inspect.opened_net import Looked
from profundo.pictures.map_pictures import as_pixels, tiles_svg
from profundo.pictures.numbers import shape
from profundo.pictures.sheet import Figure, Part
from profundo.records import ProfundoError
from profundo.runs.first_layer import first_layer

__all__ = ["filters_section", "maps_section"]

MOST_UNITS = 32  # of a layer that are shown
MOST_LAYERS = 16


def filters_section(looked: Looked) -> Section | None:
    """The weights of the first layer as images, or the kernels of the layer that was asked for."""
    first = first_layer(looked.net, looked.spec.inputs, looked.layers)
    figures, arrays = [], {}
    if first is not None:
        figures.append(
            Figure(
                tiles_svg(first.images, f"Weights of {first.name}"),
                f"{first.name}: {len(first.images)} of {first.units} units. Grey is a weight of zero, white adds to the "
                "unit, black takes away: an edge between black and white makes the unit answer to edges of that slant.",
            )
        )
        arrays[first.name] = first.images
    deeper = looked.layer if looked.layer and not (first and looked.layer == first.name) else None
    if deeper is not None:
        try:
            kernels = filters(looked.net, deeper)
        except ProfundoError:
            kernels = None
        if kernels is not None:
            arrays[deeper] = kernels
            images = as_pixels(kernels[:MOST_UNITS].flatten(0, 1)[: MOST_UNITS**2 // 2, None], each=True)
            across = min(kernels.shape[1], MOST_UNITS)
            figures.append(
                Figure(
                    tiles_svg(images, f"Kernels of {deeper}", across),
                    f"{deeper}: a row for each unit, a kernel for each of its {kernels.shape[1]} input maps.",
                )
            )
    if not figures:
        return None
    means = "What the first layer multiplies an image with. Nobody drew these: they are what training left."
    return Section(
        "filters", f"{', '.join(arrays)}", Part("Filters", [means], figures), {"layers": list(arrays)}, arrays
    )


def maps_section(looked: Looked) -> Section | None:
    """What every layer makes of the first input."""
    if not looked.is_image:
        return None
    maps = feature_maps(looked.net, looked.inputs[:1])
    if looked.layer in maps:
        maps = {looked.layer: maps[looked.layer]}
    figures = []
    for name, given in list(maps.items())[:MOST_LAYERS]:
        strongest = given[0].flatten(1).abs().amax(1).topk(min(MOST_UNITS, given.shape[1])).indices.sort().values
        figures.append(
            Figure(
                tiles_svg(as_pixels(given[0, strongest][:, None]), f"Feature maps of {name}"),
                f"{name}: {len(strongest)} of {given.shape[1]} maps, {shape(tuple(given.shape[2:]))} places, one scale.",
            )
        )
    if not figures:
        return None
    means = (
        f"What each layer makes of {looked.names[0]}: bright where a unit finds what it looks for (without negative "
        "values black is nothing; else grey is). Later maps are smaller and answer to larger parts of the image."
    )
    dead = {name: int((given[0].flatten(1).abs().amax(1) == 0).sum()) for name, given in maps.items()}
    values = {
        "input": looked.names[0],
        "layers": {name: list(one.shape[1:]) for name, one in maps.items()},
        "silent": dead,
    }
    finding = f"{len(maps)} layers of maps; of the last, {name}, {dead[name]} of {given.shape[1]} units are silent here"
    return Section("feature maps", finding, Part("Feature maps", [means], figures), values, maps)
