"""How it came to be: weights, activations, gradients, filters and codes through training, where epochs were kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from profundo.data.batches import standardize_targets
from profundo.inside.codes import codes, principal
from profundo.inside.course_of_values import Distribution, distributions, nets_at, values_of
from profundo.inspect.inside_section import Section
from profundo.inspect.opened_net import Looked
from profundo.pictures.charts import Line, lines_svg
from profundo.pictures.film import sheet
from profundo.pictures.map_pictures import film_svg
from profundo.pictures.planes import Plane
from profundo.pictures.sheet import Figure, Grid, Part
from profundo.pictures.svg import MOST_CLASSES
from profundo.runs.first_layer import first_layer
from profundo.train.kept_epochs import kept_epochs, read_epoch

__all__ = ["course_section"]

MOMENTS = 24  # epochs that are looked at, evenly spread
DRAWN = 4  # of them whose histograms are drawn
SAMPLES = 256  # of which activations and gradients are
CODED = 300


def course_section(looked: Looked) -> Section | None:
    """Where a run kept its epochs: distributions, filters and codes at each."""
    folder = looked.run.folder if looked.run is not None else None
    epochs = kept_epochs(folder.epochs) if folder is not None else {}
    if len(epochs) < 2:
        return None
    chosen = [
        list(epochs)[round(at * (len(epochs) - 1) / (min(MOMENTS, len(epochs)) - 1))]
        for at in range(min(MOMENTS, len(epochs)))
    ]
    states = [read_epoch(epochs[epoch]) for epoch in chosen]
    raw, targets = looked.samples(looked.data.train, SAMPLES)
    inputs, targets = looked.ready(raw), standardize_targets(targets, looked.spec.targets)
    moments = [
        values_of(net, inputs, lambda outputs: looked.objective(outputs, targets).mean())
        for net in nets_at(looked.net, states)
    ]
    through = distributions(moments)
    figures = [_histograms(through, kind, chosen) for kind in ("weights", "activations", "gradients")]
    figures += [_spreads(through, chosen)]
    figures += [film for film in (_filters(looked, states), _codes(looked, states, chosen)) if film is not None]
    rows = [
        [f"{name}, {kind}", float(one.deviation[0]), float(one.deviation[-1]), float(one.zero[0]), float(one.zero[-1])]
        for (kind, name), one in through.items()
    ]
    columns = ["of", "deviation, first", "deviation, last", "zeros, first", "zeros, last"]
    grown = {
        name: (one.deviation[-1] / one.deviation[0]).item()
        for (kind, name), one in through.items()
        if kind == "weights" and one.deviation[0] > 0
    }
    most = max(grown, key=grown.__getitem__)
    finding = f"{len(chosen)} moments from epoch {chosen[0]} to {chosen[-1]}; the weights that spread most are {most}, to {grown[most]:.2g} times"
    means = (
        "How it came to be, at the epochs that were kept: what the weights, what the layers give for the same "
        f"{len(raw)} training samples, and what their gradients are. Epoch 0 is before training."
    )
    values = {
        "epochs": chosen,
        "deviations": {f"{kind} {name}": one.deviation.tolist() for (kind, name), one in through.items()},
    }
    arrays = {f"{kind} {name}": one.counts for (kind, name), one in through.items()}
    part = Part(
        "Through training",
        [means, f"Here {finding}."],
        figures,
        Grid("Every tensor, at the first moment and at the last.", columns, rows),
    )
    return Section("training", finding, part, values, arrays)


def _histograms(through: Mapping[tuple[str, str], Distribution], kind: str, epochs: Sequence[int]) -> Figure:
    """Of the first tensor of this kind that is no vector of a few values."""
    names = [name for own, name in through if own == kind]
    name = max(names, key=lambda one: int(through[kind, one].counts[0].sum()))
    one = through[kind, name]
    middle = (one.edges[1:] + one.edges[:-1]) / 2
    some = sorted({round(at * (len(epochs) - 1) / (DRAWN - 1)) for at in range(DRAWN)})
    lines = [
        Line(f"epoch {epochs[at]}", middle.tolist(), (one.counts[at] / one.counts[at].sum()).tolist()) for at in some
    ]
    caption = (
        f"The {kind} of {name}: which share of them has which value. A peak at 0 is what gives, or learns, nothing."
    )
    return Figure(lines_svg(lines, x_label=f"{kind} of {name}", y_label="share", percent=True, log_y=False), caption)


def _spreads(through: Mapping[tuple[str, str], Distribution], epochs: Sequence[int]) -> Figure:
    names = [name for kind, name in through if kind == "activations"][:: max(1, len(through) // 18)][:6]
    lines = [Line(name, epochs, through["activations", name].deviation.tolist()) for name in names]
    caption = "How far the values of layers spread, by epoch: what grows without end may blow up, what shrinks to nothing is lost."
    return Figure(lines_svg(lines, x_label="epoch", y_label="standard deviation"), caption)


def _filters(looked: Looked, states: Sequence[Mapping[str, Tensor]]) -> Figure | None:
    """The weights of the first layer as a film."""
    frames = []
    for net in nets_at(looked.net, states):
        first = first_layer(net, looked.spec.inputs, looked.layers)
        if first is None:
            return None
        frames.append(sheet(first.images.repeat_interleave(6, 2).repeat_interleave(6, 3), 8))
    if len({frame.shape for frame in frames}) > 1:
        return None
    return Figure(
        film_svg(torch.stack(frames), "The weights of the first layer, by epoch"),
        f"A film of the weights of {first.name}, an epoch a frame.",
    )


def _codes(looked: Looked, states: Sequence[Mapping[str, Tensor]], epochs: Sequence[int]) -> Figure | None:
    """The codes of the last hidden layer as a film, in the plane in which they differ most at the end."""
    if not 0 < len(looked.classes) <= MOST_CLASSES:
        return None
    raw, targets = looked.samples(looked.data.test if len(looked.data.test) else looked.data.train, CODED)
    layer = looked.code_layer
    each = [codes(net, looked.batches(raw), [layer])[layer] for net in nets_at(looked.net, states)]
    last = principal(each[-1])
    places = [(one - last.mean) @ last.directions.T for one in each]
    plane = Plane.around(torch.cat(places), "first direction", "second")
    frames = [
        plane.draw(one, targets, names=looked.classes, told=f"epoch {epoch}")
        for one, epoch in zip(places, epochs, strict=True)
    ]
    caption = (
        f"A film of the codes of {layer}, an epoch a frame, in the plane in which they differ most at the end: how the net pulls "
        "the classes apart."
    )
    return Figure(film_svg(torch.stack(frames), f"The codes of {layer}, by epoch"), caption)
