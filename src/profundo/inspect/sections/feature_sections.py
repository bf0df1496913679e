"""What is looked at, the filters, the feature maps, and what single units look for."""

from __future__ import annotations

import torch
from torch import Tensor

from profundo.inside.dreaming import deep_dream, excite
from profundo.inside.features import Best, feature_maps, filters, top_patches
from profundo.inspect.opened_net import Looked
from profundo.inspect.sections.inside_section import Section
from profundo.inspect.unit_view import patches, picture_manner
from profundo.pictures.map_pictures import as_pixels, tiled
from profundo.pictures.numbers import percent, plain, shape
from profundo.pictures.sheet import Grid, Part
from profundo.pictures.svg import MOST_CLASSES
from profundo.pictures.tables import Cell, Row
from profundo.records import ProfundoError
from profundo.runs.first_layer import first_layer

__all__ = ["dreams_section", "filters_section", "inputs_section", "maps_section", "units_section"]

MOST_MAPS, MOST_LAYERS = 32, 16  # shown: of a layer, and of a net
LISTED = 40  # inputs
UNITS, PATCHES, PASSES = 8, 9, 256
SEARCHED = 5000  # training samples among which units have their favourites


def inputs_section(looked: Looked) -> Section | None:
    """What is looked at, and what the net says of it."""
    if not looked.classes:
        return None
    shares = looked.shares(looked.raw)
    sure, answers = shares.max(1)
    truth = [""] * len(answers) if looked.labels is None else [looked.classes[at] for at in looked.labels.tolist()]
    predicted = [looked.classes[at] for at in answers.tolist()]
    columns = ["input", *(["is"] if looked.labels is not None else []), "the net says", "with probability"]
    each = list(zip(looked.names, truth, predicted, sure.tolist(), strict=True))[:LISTED]
    rows = [[name, *([true] if true else []), answer, Cell(percent(p))] for name, true, answer, p in each]
    pictures = looked.pictures(looked.raw[:LISTED])
    figures = [] if pictures is None else [tiled(pictures, "From left to right, in the order of the table.", 10)]
    means = "Everything below is about this net, and where it needs an input, about these."
    first = f"{looked.names[0]}, is called {predicted[0]} ({percent(sure[0].item())})"
    finding = f"{len(predicted)} inputs; the first, {first}"
    values = {"inputs": list(looked.names), "answers": predicted, "probabilities": sure.tolist()}
    part = Part("What is looked at", [means], figures, Grid("What the net answers.", columns, rows))
    return Section("inputs", finding, part, values, {"shares": shares})


def filters_section(looked: Looked) -> Section | None:
    """The weights of the first layer as images, and the kernels of the chosen layer."""
    if not looked.is_image:
        return None
    arrays: dict[str, Tensor] = {}
    figures = []
    first = first_layer(looked.net, looked.spec.inputs, looked.layers)
    if first is not None:
        arrays[first.name] = first.images
        words = (
            f"{first.name}: {len(first.images)} of {first.units} units. Grey is a weight of zero, white adds to the unit, black "
            "takes away: an edge between black and white makes the unit answer to edges of that slant."
        )
        figures.append(tiled(first.images, words))
    if looked.layer and looked.layer not in arrays:
        try:
            arrays[looked.layer] = kernels = filters(looked.net, looked.layer)
        except ProfundoError:  # of another kind, which the other sections show
            kernels = None
        if kernels is not None:
            some = kernels[:MOST_MAPS, :MOST_MAPS]
            words = f"{looked.layer}: a row for each of {len(some)} units, a kernel for each of {some.shape[1]} maps it reads."
            figures.append(tiled(as_pixels(some.flatten(0, 1)[:, None], each=True), words, some.shape[1]))
    if not figures:
        return None
    means = "What a layer multiplies its input with, place by place. Nobody drew these: they are what training left."
    finding = f"the weights of {' and '.join(arrays)} as images"
    return Section("filters", finding, Part("Filters", [means], figures), {"layers": list(arrays)}, arrays)


def maps_section(looked: Looked) -> Section | None:
    """What every layer makes of the first input."""
    if not looked.is_image:
        return None
    maps = {name: given[:1] for name, given in feature_maps(looked.net, looked.inputs[:2]).items()}
    if looked.layer in maps:
        maps = {looked.layer: maps[looked.layer]}
    if not maps:
        return None
    figures = []
    for name, given in list(maps.items())[:MOST_LAYERS]:
        strongest = given[0].flatten(1).abs().amax(1).topk(min(MOST_MAPS, given.shape[1])).indices.sort().values
        caption = f"{name}: {len(strongest)} of {given.shape[1]} maps of {shape(tuple(given.shape[2:]))} places."
        figures.append(tiled(as_pixels(given[0, strongest][:, None]), caption))
    silent = {name: int((given[0].flatten(1).abs().amax(1) == 0).sum()) for name, given in maps.items()}
    last = list(maps)[-1]
    means = (
        f"What each layer makes of {looked.names[0]}: bright where a unit finds what it looks for; without negative values "
        "black is nothing, else grey is. All maps of a layer have one scale. Later maps are smaller, and see more of the image."
    )
    shapes = {name: list(one.shape[1:]) for name, one in maps.items()}
    values = {"input": looked.names[0], "maps": shapes, "silent": silent}
    finding = f"{len(maps)} layers of maps; of the last, {last}, {silent[last]} of {maps[last].shape[1]} units are silent here"
    return Section("feature maps", finding, Part("Feature maps", [means], figures), values, maps)


def units_section(looked: Looked) -> Section | None:
    """Of some units of a layer what excites them most: parts of the data, and images made for them."""
    if not looked.is_image:
        return None
    layer = looked.unit_layer
    raw, _ = looked.samples(looked.data.train, SEARCHED)
    best = top_patches(looked.net, looked.batches(raw), layer, PATCHES)
    units, why = _chosen_units(looked, layer, best)
    made = excite(looked.net, layer, units, **picture_manner(looked))
    parts = patches(looked, raw, layer, best, units)
    which, natural = ", ".join(map(str, units)), best.values[units, 0].tolist()
    beyond = f"Images made to excite the units {which} of {layer}, in the mean over all places: what each looks for."
    among = f"among {len(raw):,} training images, a row each, strongest first: what a unit finds in the data."
    figures = [
        tiled(looked.pictures_of(made.images), beyond, 4),
        tiled(parts, f"What excites them most {among}", PATCHES),
    ]
    peaks, means_of_made = made.peaks.tolist(), made.values.tolist()
    answers = zip(units, natural, peaks, means_of_made, strict=True)
    rows: list[Row] = [[str(unit), *_selective(looked, layer, unit), *numbers] for unit, *numbers in answers]
    made_columns = ["the made image, at its best place", "in the mean"]
    columns = ["unit", "answers most to", "selectivity", "strongest training image", *made_columns]
    means = (
        "A unit can be asked what it looks for in two ways: which parts of the data excite it most, and which image would. The "
        "first shows what is there, the second what the unit itself adds. Where both agree one may believe them."
    )
    finding = f"what excites {len(units)} units of {layer} most, among {len(raw):,} training images and beyond"
    part = Part("What units look for", [means], figures, Grid(f"Units of {layer}: {why}.", columns, rows))
    values = {"layer": layer, "units": units, "natural": natural, "made": peaks, "made, mean": means_of_made}
    return Section("units", finding, part, values, {"images": made.images, "patches": parts})


def dreams_section(looked: Looked) -> Section | None:
    """Images made for the answers, and an input in which a layer finds more of what it looks for."""
    if not looked.is_image:
        return None
    layer, (low, high) = looked.unit_layer, looked.ends
    dream = deep_dream(looked.net, looked.inputs[0], layer, low=low, high=high)
    both = torch.cat([looked.pictures_of(looked.inputs[:1]), looked.pictures_of(dream[None])])
    dreamt = f"{looked.names[0]}, and the same after all that {layer} finds in it was made stronger"
    figures = [tiled(both, f"DeepDream: {dreamt}.", 2)]
    arrays, finding, sure = {"dream": dream}, f"{looked.names[0]} after {layer} had its way", []
    answers = looked.answer_layer
    many = looked.outputs(looked.raw[:1]).shape[1] if looked.classes else 0
    if many:
        named = looked.classes[1:] if many == 1 else looked.classes[: looked.affordable(MOST_CLASSES, PASSES)]
        made = excite(looked.net, answers, range(len(named)), **picture_manner(looked)).images
        figures.insert(0, tiled(looked.pictures_of(made), f"Images made to be called {', '.join(named)}.", 6))
        sure = looked.shares_of(made)[:, -1 if many == 1 else 0 :].diagonal().tolist()
        arrays["answers"] = made
        finding = f"images made for {len(named)} answers; of the one that convinces least the net is sure at {percent(min(sure))}"
    means = (
        "Which image would the net be surest of? That such images need not look like what they are called shows what the net "
        "does not know: it was never asked to tell a class from nothing at all."
    )
    part = Part("Images for answers, and a dream", [means, f"Here {finding}."], figures)
    return Section("dreams", finding, part, {"probabilities": sure}, arrays)


def _chosen_units(looked: Looked, layer: str, best: Best) -> tuple[list[int], str]:
    """The chosen one; else those that tell classes apart best, else those that answer most."""
    if looked.unit is not None:
        return [looked.unit], "the chosen one"
    most = looked.affordable(UNITS, PASSES)
    if looked.classes and layer in looked.selectivity:
        order = looked.selectivity[layer].index.nan_to_num(-1).argsort(descending=True)
        return order[:most].sort().values.tolist(), "those that tell classes apart best"
    return best.values[:, 0].argsort(descending=True)[:most].sort().values.tolist(), "those that answer most"


def _selective(looked: Looked, layer: str, unit: int) -> tuple[str, Cell]:
    """The class that it answers to most, and how selective it is."""
    if not looked.classes or layer not in looked.selectivity:
        return "–", Cell("–")
    of = looked.selectivity[layer]
    return looked.classes[int(of.best[unit])], Cell(plain(of.index[unit].item()))
