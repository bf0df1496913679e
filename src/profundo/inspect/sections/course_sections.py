"""How it came to be: weights, activations, gradients, filters and codes through training, where epochs were kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from profundo.data.standard import standardize_targets
from profundo.evaluate.components import principal_components
from profundo.inside.codes import codes
from profundo.inside.course_of_values import Distribution, distributions, nets_at, values_of
from profundo.inspect.opened_net import Looked
from profundo.inspect.sections.inside_section import Section
from profundo.pictures.charts import Line, plotted
from profundo.pictures.film import sheet
from profundo.pictures.map_pictures import bars_of, film_svg
from profundo.pictures.planes import Plane
from profundo.pictures.sheet import Figure, Grid, Part
from profundo.pictures.svg import MOST_CLASSES
from profundo.pictures.tables import Row
from profundo.ranks_and_places import evenly
from profundo.runs.first_layer import first_layer
from profundo.train.kept_epochs import kept_epochs, read_epoch
from profundo.trees import length

__all__ = ["course_section"]

MOMENTS = 24  # epochs that are looked at, evenly spread
DRAWN = 4  # of them whose histograms are drawn
LINES = 6  # layers whose spread is
SAMPLES = 256  # of which activations and gradients are
CODED = 300
ENLARGED = 6
KINDS = ("weights", "activations", "gradients")

Nets = Iterable[nn.Module]
Through = Mapping[tuple[str, str], Distribution]


def course_section(looked: Looked) -> Section | None:
    """Where a run kept its epochs: distributions, filters and codes at each."""
    folder = looked.run.folder if looked.run is not None else None
    files = kept_epochs(folder.epochs) if folder is not None else {}
    if len(files) < 2:
        return None
    epochs = [list(files)[at] for at in evenly(len(files), MOMENTS)]
    raw, targets = looked.samples(looked.data.train, SAMPLES)
    batches = list(looked.batches(raw))
    truth = torch.split(standardize_targets(targets, looked.spec.targets), length(batches[0]))

    def nets() -> Iterator[nn.Module]:  # read anew each time: one state is held at once
        return nets_at(looked.net, (read_epoch(files[epoch]) for epoch in epochs))

    def cost(outputs: Tensor, targets: Tensor) -> Tensor:
        return looked.objective(outputs, targets.to(outputs.device)).mean()

    pairs = list(zip(batches, truth, strict=True))
    through = distributions([values_of(net, pairs, cost) for net in nets()])
    largest = {kind: _largest(through, kind) for kind in KINDS}
    films = [_histograms_film(through, largest), _filters_film(looked, nets()), _codes_film(looked, nets(), epochs)]
    figures = [_histograms(through[kind, name], f"{kind} of {name}", epochs) for kind, name in largest.items()]
    figures += [_spreads(through, epochs), *(film for film in films if film is not None)]
    rows: list[Row] = [
        [f"{name}, {kind}", *(float(one[at]) for one in (of.deviation, of.zero) for at in (0, -1))]
        for (kind, name), of in through.items()
    ]
    columns = ["of", "deviation, first", "deviation, last", "zeros, first", "zeros, last"]
    finding = f"{len(epochs)} moments from epoch {epochs[0]} to {epochs[-1]}{_grown(through)}"
    means = (
        f"How it came to be, at the epochs that were kept: what the weights are, what the layers give for the same {len(raw)} "
        "training samples, and the gradients of their cost. Epoch 0 is before training."
    )
    deviations = {f"{kind} {name}": of.deviation.tolist() for (kind, name), of in through.items()}
    grid = Grid("Every tensor, at the first moment and at the last.", columns, rows)
    part = Part("Through training", [means, f"Here {finding}."], figures, grid)
    arrays = {f"{kind} {name}": of.counts for (kind, name), of in through.items()}
    return Section("training", finding, part, {"epochs": epochs, "deviations": deviations}, arrays)


def _largest(through: Through, kind: str) -> str:
    """The tensor of this kind with most values."""
    sizes = {name: int(of.counts[0].sum()) for (own, name), of in through.items() if own == kind}
    return max(sizes, key=sizes.__getitem__)


def _grown(through: Through) -> str:
    spreads = {name: of.deviation for (kind, name), of in through.items() if kind == "weights"}
    ratios = {name: float(one[-1] / one[0]) for name, one in spreads.items() if one[0] > 0}
    most = max(ratios, key=ratios.__getitem__, default="")
    return f"; the weights whose spread grew most are {most}, to {ratios[most]:.2g} times" if most else ""


def _histograms(of: Distribution, name: str, epochs: Sequence[int]) -> Figure:
    middle = ((of.edges[1:] + of.edges[:-1]) / 2).tolist()
    shares = of.counts / of.counts.sum(1, keepdim=True).clamp_min(1)
    lines = [Line(f"epoch {epochs[at]}", middle, shares[at].tolist()) for at in evenly(len(epochs), DRAWN)]
    caption = f"The {name}: which share of them has which value. A peak at 0 gives, or learns, nothing."
    return plotted(lines, caption, x_label=name, y_label="share", percent=True, log_y=False)


def _spreads(through: Through, epochs: Sequence[int]) -> Figure:
    names = [name for kind, name in through if kind == "activations"]
    some = [names[at] for at in evenly(len(names), LINES)]
    lines = [Line(name, epochs, through["activations", name].deviation.tolist()) for name in some]
    caption = "How far the values of layers spread, by epoch: what grows without end may blow up, what shrinks to nothing is lost."
    return plotted(lines, caption, x_label="epoch", y_label="standard deviation")


def _histograms_film(through: Through, largest: Mapping[str, str]) -> Figure:
    """The largest tensor of each kind, side by side."""
    frames = torch.cat([bars_of(through[kind, name].counts) for kind, name in largest.items()], 3)
    words = ", ".join(f"{kind} of {name}" for kind, name in largest.items())
    caption = f"A film of histograms, an epoch a frame, each from its lowest value to its highest: {words}."
    return Figure(film_svg(frames, "Histograms, by epoch", on_paper=True), caption)


def _filters_film(looked: Looked, nets: Nets) -> Figure | None:
    """The weights of the first layer."""
    frames = []
    for net in nets:
        first = first_layer(net, looked.spec.inputs, looked.layers)
        if first is None:
            return None
        name = first.name
        large = first.images.repeat_interleave(ENLARGED, 2).repeat_interleave(ENLARGED, 3)
        frames.append(sheet(large, min(8, len(large))))
    caption = f"A film of the weights of {name}, an epoch a frame: how noise becomes what it looks for."
    return Figure(film_svg(torch.stack(frames), f"The weights of {name}, by epoch"), caption)


def _codes_film(looked: Looked, nets: Nets, epochs: Sequence[int]) -> Figure | None:
    """The codes of the last hidden layer, in the plane in which they differ most at the end."""
    if not 0 < len(looked.classes) <= MOST_CLASSES:
        return None
    raw, targets = looked.samples(looked.held_out, CODED)
    layer = looked.code_layer
    each = [codes(net, looked.batches(raw), [layer])[layer] for net in nets]
    last = principal_components(each[-1], 2)
    places = [last.encode(one) for one in each]
    plane, pairs = Plane.around(torch.cat(places), "first direction", "second"), zip(places, epochs, strict=True)
    frames = [plane.draw(one, targets, names=looked.classes, told=f"epoch {epoch}") for one, epoch in pairs]
    caption = (
        f"A film of the codes of {layer}, an epoch a frame, in the plane in which they differ most at the end: how the net pulls "
        "the classes apart."
    )
    return Figure(film_svg(torch.stack(frames), f"The codes of {layer}, by epoch", on_paper=True), caption)
