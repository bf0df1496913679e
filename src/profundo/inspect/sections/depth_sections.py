"""How features get more complex by depth, the space of codes, and which layers see alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import deepcopy
from importlib.util import find_spec

import torch
from torch import Tensor, nn

from profundo.evaluate.clusters import plane
from profundo.evaluate.components import principal_components, shares_of_variance
from profundo.inside.cka import layer_similarity
from profundo.inside.codes import codes, neighbours
from profundo.inside.features import orientation_selectivity
from profundo.inside.observing import module_at, observed, undisturbed
from profundo.inside.probing import Probe, probe
from profundo.inspect.opened_net import Looked
from profundo.inspect.sections.inside_section import Section
from profundo.languages import Said
from profundo.pictures.charts import Line, heat_svg, plotted, points_svg
from profundo.pictures.map_pictures import collage, tiled
from profundo.pictures.numbers import percent, plain
from profundo.pictures.sheet import Figure, Grid, Part
from profundo.pictures.svg import MOST_CLASSES
from profundo.pictures.tables import Cell, Row
from profundo.ranks_and_places import evenly
from profundo.records import ProfundoError
from profundo.trees import chosen_rows

__all__ = ["codes_section", "depth_section", "orientation_section", "similarity_section"]

PROBED = (1500, 500, 500)  # samples to fit, to choose and to test a probe
PROBE_FEATURES = 256
FEWEST_FITTED, FEWEST_COMPARED = 3, 4  # samples
MOST_LAYERS = 16
CODED = 300  # samples of the planes: t-SNE takes a second for them
COMPARED = 1000  # samples of the alignment
NEAR = 10  # neighbours by which a plane is judged
ORIENTED = 0.3  # from this index on a unit is called oriented


def some_layers(names: Sequence[str]) -> list[str]:
    return [names[at] for at in evenly(len(names), MOST_LAYERS)]


# ---------------------------------------------------------------------------------------------------------------- layer 1
def orientation_section(looked: Looked) -> Section | None:
    """To which stripes the units of the first layer of maps answer."""
    if not looked.is_image or not looked.map_layers:
        return None
    layer = looked.map_layers[0]
    tuned = orientation_selectivity(looked.net, looked.spec.inputs.shape, layer)  # type: ignore[arg-type]
    oriented = int((tuned.index >= ORIENTED).sum())
    mixed = orientation_selectivity(_with_mixed_weights(looked.net, layer), looked.spec.inputs.shape, layer)  # type: ignore[arg-type]
    by_chance = int((mixed.index >= ORIENTED).sum())
    strongest = tuned.index.argsort(descending=True)[:6].tolist()
    directions = [180 * at / tuned.tuning.shape[1] for at in range(tuned.tuning.shape[1])]
    lines = []
    for unit in strongest:
        turned = [(angle + 90) % 180 for angle in directions]  # of the stripes, not of the wave
        x, y = zip(*sorted(zip(turned, tuned.tuning[unit].tolist(), strict=True)), strict=True)
        lines.append(Line(f"unit {unit}", x, [value / max(max(y), 1e-12) for value in y]))
    caption = (
        f"{layer}: the answers of its {len(lines)} most oriented units to stripes, each at the width that it likes best. A hill is a "
        "unit that looks for edges of that slant; a flat line one that takes all alike."
    )
    axes = {"x_label": "slant of the stripes in degrees", "y_label": "answer, of its largest"}
    figures = [plotted(lines, caption, **axes, log_y=False)]
    index, angle, frequency = (one.tolist() for one in (tuned.index, tuned.angle, tuned.frequency))
    rows: list[Row] = [
        [f"unit {unit}", index[unit], Cell(f"{angle[unit]:.0f}°"), 1 / frequency[unit]] for unit in strongest
    ]
    columns = ["", "selectivity", "slant", "pixels from stripe to stripe"]
    finding = (
        f"{oriented} of {len(tuned.index)} units of {layer} answer to one slant (selectivity {ORIENTED} or more), {by_chance} with "
        "their weights in another order"
    )
    means = (
        "Do the first units see edges? Each is shown gratings of every slant and width, and the size of its answer is measured: "
        "selectivity is 0 for all slants alike and 1 for one only. The same weights in random order show how much of it is chance."
    )
    grid = Grid("The most oriented units.", columns, rows)
    part = Part("Edges in the first layer", [means, f"Here {finding}."], figures, grid)
    counts = {"oriented": oriented, "oriented by chance": by_chance}
    values = {"layer": layer, "selectivity": index, "slant": angle, **counts}
    return Section("orientation", finding, part, values, {"tuning": tuned.tuning})


def _with_mixed_weights(net: nn.Module, layer: str) -> nn.Module:
    """A copy in which the weights of each unit of a layer are in random order."""
    copy = deepcopy(net)
    weight = getattr(module_at(copy, layer), "weight", None)
    if isinstance(weight, Tensor) and weight.ndim > 1:
        drawn = torch.rand(weight.flatten(1).shape, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            weight.copy_(weight.flatten(1).gather(1, drawn.argsort(1).to(weight.device)).view_as(weight))
    return copy


# ------------------------------------------------------------------------------------------------------------------ depth
def depth_section(looked: Looked) -> Section | None:
    """By depth, how much units tell classes apart, and how much of the answer a straight line can read."""
    if not (looked.classes or looked.spec.targets.kind == "real"):
        return None
    names = some_layers(list(looked.given))
    probes = _probes(looked, names)
    splits = ["training" if name == "train" else name for name in _splits(looked)]
    selectivity = {name: one for name, one in looked.selectivity.items() if name in names} if looked.classes else {}
    figure_name = "right answers" if looked.classes else "R²"
    at = list(range(len(probes)))
    lines = [Line("linear probe", at, [one.score for one in probes.values()])]
    caption = (
        "How much a linear classifier reads from each layer (Alain & Bengio 2016): what rises is what the layers untangle, what "
        f"falls is what they throw away. Its penalty was chosen on the {splits[1]} split, and what counts is the {splits[2]} "
        f"split. Of at most {PROBED[0]:,} training samples, and of large layers {PROBE_FEATURES} means or sums: more "
        "would read more."
    )
    axes = {"x_label": "layer, 0 is the input", "y_label": figure_name, "percent": bool(looked.classes)}
    figures = [plotted(lines, caption, **axes, log_y=False)]
    means = {name: _mean(one.index) for name, one in selectivity.items()}
    chance = {name: _mean(one.chance) for name, one in selectivity.items()}
    if means:
        lines = [Line("units", at[1:], list(means.values())), Line("classes shuffled", at[1:], list(chance.values()))]
        caption = (
            "How much single units prefer one class (Morcos et al. 2018): 0 alike for all, 1 for one only. Units may tell little "
            "each and much together: a net can be good without any that is selective."
        )
        axes = {"x_label": "layer", "y_label": "class selectivity, mean over units"}
        figures.append(plotted(lines, caption, **axes, log_y=False))
    score = percent if looked.classes else plain
    columns = ["layer", "depth", figure_name, "class selectivity", "if shuffled"][: None if means else 3]
    rows: list[Row] = []
    for place, (name, one) in enumerate(probes.items()):
        numbers = [of.get(name, math.nan) for of in (means, chance)]
        preferring = [Cell(plain(number) if math.isfinite(number) else "–") for number in numbers]
        row: Row = [name, place, Cell(score(one.score)), *preferring]
        rows.append(row[: len(columns)])
    (begin, first), *_, (end, last) = probes.items()
    most = max(probes, key=lambda name: probes[name].score)
    finding = (
        f"a straight line reads {score(first.score)} {figure_name} from {begin}, most from {most}, "
        f"{score(probes[most].score)}, and {score(last.score)} from {end}"
    )
    words = "Features get more complex by depth, they say. Measured, from the input to the answer:"
    part = Part("By depth", [words, f"Here {finding}."], figures, Grid("Every layer.", columns, rows))
    values = {
        "probe": {name: one.score for name, one in probes.items()},
        "class selectivity": {name: None if math.isnan(value) else value for name, value in means.items()},
        "shuffled": {name: None if math.isnan(value) else value for name, value in chance.items()},
    }
    return Section("depth", finding, part, values)


def _mean(values: Tensor) -> float:
    return values.nanmean().item()


def _splits(looked: Looked) -> list[str]:
    """That a probe is fitted on, chosen on and scored on."""
    return [name if len(getattr(looked.data, name)) else "train" for name in ("train", "validation", "test")]


def _probes(looked: Looked, names: Sequence[str]) -> dict[str, Probe]:
    """By layer, the input first."""
    if len(looked.data.train) < FEWEST_FITTED:
        raise ProfundoError(
            f"depth: expected at least {FEWEST_FITTED} training samples to fit a probe, got {len(looked.data.train)}"
        )
    coded, targets = [], []
    for split, many in zip(_splits(looked), PROBED, strict=True):
        raw, truth = looked.samples(getattr(looked.data, split), many)
        ready = looked.ready(raw)
        own = {} if not isinstance(ready, Tensor) else {"input": ready.float().flatten(1).cpu()}
        coded.append(own | codes(looked.net, looked.batches(raw), names, PROBE_FEATURES))
        targets.append(truth)
    return {name: probe(*((one[name], truth) for one, truth in zip(coded, targets, strict=True))) for name in coded[0]}


# ------------------------------------------------------------------------------------------------------------------ codes
def codes_section(looked: Looked) -> Section | None:
    """The codes of a layer as a plane, by class, with pictures, and the neighbours of what is looked at."""
    layer = looked.layer or looked.code_layer
    split = looked.held_out if len(looked.held_out) >= 2 * NEAR else looked.data.train
    raw, targets = looked.samples(split, CODED)
    values = codes(looked.net, looked.batches(raw), [layer])[layer]
    if len(values) < 2 * NEAR:
        raise ProfundoError(
            f"codes: expected at least {2 * NEAR} samples to draw, got {len(values)}",
            told=Said("refusals.few_codes", least=2 * NEAR, got=len(values)),
        )
    places = {method: plane(values, method) for method in ("pca", "t-sne", *(("umap",) if find_spec("umap") else ()))}
    shares = shares_of_variance(values, principal_components(values, min(2, values.shape[1])))
    captions = {
        "pca": f"The two directions in which the codes differ most (PCA); they hold {percent(sum(shares))} of the variance.",
        "t-sne": "t-SNE keeps neighbours together; distances between clusters, and their sizes, mean nothing.",
        "umap": "UMAP, likewise: neighbours together, distances between clusters mean little.",
    }
    figures = [_plane(looked, own, targets, method, captions[method]) for method, own in places.items()]
    pictures = looked.pictures(raw)
    if pictures is not None:
        pinned = collage(places["t-sne"], pictures)[None]
        figures.append(tiled(pinned, "The same by t-SNE, with the pictures at their places.", 1, tile=560))
    nearest, wide = _neighbours(looked, layer)
    figures += [wide] if wide is not None else []
    near = {method: _neighbours_in_common(values, own) for method, own in places.items()}
    kept: list[Row] = [[method, Cell(percent(share))] for method, share in near.items()]
    columns = ["plane", "neighbours that stay neighbours"]
    grid = Grid(f"What the planes keep of the {NEAR} nearest neighbours of each code.", columns, kept)
    agreeing = _agreeing(values, targets) if looked.classes else None
    words = "" if agreeing is None else f"; {percent(agreeing)} of the {NEAR} nearest neighbours are of the same class"
    finding = f"codes of {layer}, {values.shape[1]} numbers a sample{words}"
    means = (
        f"What {layer} makes of a sample is its code: a place in a space of {values.shape[1]} dimensions, where what the net takes "
        f"for alike lies together. Drawn are {len(values)} samples in two dimensions, which can only keep a part of it."
    )
    record = {"layer": layer, "variance": shares, "neighbours in common": near, "same class among neighbours": agreeing}
    part = Part("The space of codes", [means, f"Here {finding}."], figures, grid)
    return Section("codes", finding, part, record, {"codes": values, "neighbours": nearest, **places})


def _plane(looked: Looked, places: Tensor, targets: Tensor, method: str, caption: str) -> Figure:
    """Of more classes than there are colours the first ones."""
    labels, names = _colours(looked, targets)
    few = torch.tensor(labels) < MOST_CLASSES
    x, y = places[few].T.tolist()
    some = [label for label in labels if label < MOST_CLASSES]
    return Figure(points_svg(x, y, some, x_label=f"{method} 1", y_label=f"{method} 2", names=names), caption)


def _colours(looked: Looked, targets: Tensor) -> tuple[list[int], Sequence[str] | None]:
    """Of each sample its class; of real targets the quarter in which it lies."""
    if looked.classes:
        return targets.tolist(), looked.classes
    if looked.spec.targets.kind != "real":
        return [0] * len(targets), ["all"]
    first = targets[:, 0].double()
    edges = first.quantile(torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64))
    return torch.bucketize(first, edges).tolist(), ["lowest quarter", "second", "third", "highest quarter"]


def _neighbours_in_common(values: Tensor, places: Tensor) -> float:
    """The share of each code's neighbours that are its neighbours in the plane, too."""
    both = [neighbours(one, one, NEAR + 1)[1][:, 1:] for one in (values, places)]
    return (both[0][:, :, None] == both[1][:, None, :]).any(2).double().mean().item()


def _agreeing(values: Tensor, targets: Tensor) -> float:
    nearest = neighbours(values, values, NEAR + 1)[1][:, 1:]
    return (targets[nearest] == targets[:, None]).double().mean().item()


def _neighbours(looked: Looked, layer: str) -> tuple[Tensor, Figure | None]:
    """Of each input the training samples with the nearest codes."""
    raw, _ = looked.samples(looked.data.train, 5 * CODED)
    known = codes(looked.net, looked.batches(raw), [layer])[layer]
    some = chosen_rows(looked.raw, torch.arange(min(NEAR, len(looked.names))))
    own = codes(looked.net, looked.batches(some), [layer])[layer]
    nearest = neighbours(known, own, NEAR)[1]
    pictures, mine = looked.pictures(raw), looked.pictures(some)
    if pictures is None or mine is None:
        return nearest, None
    rows = torch.cat([torch.cat([mine[at : at + 1], pictures[near]]) for at, near in enumerate(nearest)])
    caption = (
        f"Each input, on the left, and the {nearest.shape[1]} of {len(known):,} training images with the nearest codes."
    )
    return nearest, tiled(rows, caption, nearest.shape[1] + 1)


# -------------------------------------------------------------------------------------------------------------- alignment
def similarity_section(looked: Looked) -> Section | None:
    """CKA of every layer with every other, of this net or of this and another."""
    names = some_layers(list(looked.given))
    if len(names) < 2:
        return None
    split = looked.held_out if len(looked.held_out) >= FEWEST_COMPARED else looked.data.train
    if len(split) < FEWEST_COMPARED:
        raise ProfundoError(f"similarity: expected at least {FEWEST_COMPARED} samples to compare, got {len(split)}")
    raw, _ = looked.samples(split, COMPARED)
    other = looked.net if looked.beside is None else looked.beside
    others = names if looked.beside is None else _layers_of(looked, other)
    table = layer_similarity(looked.net, other, looked.batches(raw), names, others)
    values = [[round(value, 2) for value in row] for row in table.values.tolist()]
    whose = "of this net" if looked.beside is None else "of the other net"
    heat = heat_svg(values, row_labels=names, column_labels=list(others), x_label=f"layers {whose}")
    caption = (
        f"CKA of the layers of this net with those {whose}, over {len(raw):,} samples: 1 is the same but for a rotation and a "
        "factor, 0 is nothing in common."
    )
    means = (
        "Which layers see the same samples alike? Blocks on the diagonal are layers that change little; a layer far from all "
        "before it does something new (Kornblith et al. 2019). Nets trained from other beginnings can be compared as well."
    )
    finding = f"the last layers of the two nets have CKA {table.values[-1, -1].item():.2f}"
    if looked.beside is None:
        step, at = torch.diagonal(table.values, 1).min(0)
        pair = f"{names[at]} and {names[at + 1]}"
        finding = f"from one layer to the next it changes most between {pair} (CKA {step.item():.2f})"
    record = {"layers": names, "others": list(others), "cka": table.values.tolist()}
    part = Part("Which layers see alike", [means, f"Here {finding}."], [Figure(heat, caption)])
    return Section("similarity", finding, part, record, {"cka": table.values})


def _layers_of(looked: Looked, other: nn.Module) -> list[str]:
    with undisturbed(other), torch.no_grad():
        given = observed(other, looked.inputs[:2])[1]
    names = [name for name, one in given.items() if one.ndim > 1]
    return some_layers(names)
