"""Why a net answers as it does, with the check beside each map: sections of the page of `profundo inside`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from profundo.evaluate import evaluating
from profundo.inside.attributions import METHODS, Explanation, explain
from profundo.inside.attributions.proofs import randomised, removal_curves
from profundo.inspect.checked_explanation import FEWER, Checked, form, gap_share, of_outputs, output_name
from profundo.inspect.opened_net import Looked
from profundo.inspect.sections.inside_section import Section
from profundo.pictures.attribution_pictures import maps_svg
from profundo.pictures.charts import Line, lines_svg, plotted
from profundo.pictures.numbers import percent, short
from profundo.pictures.sheet import Figure, Part
from profundo.pictures.tables import Cell, Grid, Row
from profundo.records import ProfundoError
from profundo.trees import called

__all__ = ["SHOWN", "answers_of", "why_section"]

CHANCE = 5  # the style of a grey line, of six
SHOWN = 5  # inputs
STAGES = 3  # of forgetting
MOST_WORK, A_ROW = 5e10, 2e5  # operations that a method may take on the page: some seconds; and those of the least row
MOST_STEPS = 150  # strips behind a series


def why_section(looked: Looked) -> Section | None:
    """What in each input the answer is due to, by every method that suits the net, beside its proofs."""
    if form(looked) not in ("images", "sequences") or looked.spec.targets.kind == "any":
        return None
    inputs, raw, names = looked.inputs[:SHOWN], looked.raw[:SHOWN], list(looked.names[:SHOWN])
    checked, left_out = all_checked(looked, inputs)
    if not checked:
        return None
    methods = list(checked.values())
    pairs = zip(names, answers_of(looked, methods[0].maps), strict=True)
    answers = "; ".join(f"{name}: {answer}" for name, answer in pairs)
    two = looked.spec.targets.kind == "binary"
    words = [
        "What in each input its answer is due to, by several methods: blue speaks for it, orange against it. They do "
        "not agree, for each asks something else; below each stands what it asks, and what its checks came to.",
        f"What is asked for: {answers}.{' The other class is its opposite.' * two} Where a value is taken away it becomes the "
        "mean of the training data.",
        *left_out,
    ]
    figures = [Figure(drawn(looked, raw, one.maps), caption(one)) for one in methods]
    figures += [forgetting_chart(methods), removal_chart(methods)]
    best = min(methods, key=lambda one: one.curves.areas["deletion"])
    finding = (
        f"{len(checked)} methods; what {best.title} marks takes the answer away soonest; "
        f"{sum(not one.forgetting.changes for one in methods)} hardly change where all weights are drawn anew"
    )
    values = {"inputs": names, "methods": {name: one.figures for name, one in checked.items()}}
    part = Part("Why this answer", words, figures, proofs_grid(methods))
    return Section("why", finding, part, values, {name: one.maps.by_place for name, one in checked.items()})


def all_checked(looked: Looked, inputs: Tensor) -> tuple[dict[str, Checked], list[str]]:
    """By name every method that suits the net, and why others are left out."""
    net, of, classes = looked.net, of_outputs(looked), looked.spec.targets.traits.one_class
    with evaluating(net), FlopCounterMode(display=False) as counter:
        called(net, inputs)
    work = max(A_ROW, counter.get_total_flops() / len(inputs))
    checked: dict[str, Checked] = {}
    left_out, curves = [], None
    for name in METHODS:
        if name == "shapley":  # of so many places only Kernel SHAP can be asked
            continue
        options = FEWER.get(name, {})
        try:
            first = explain(net, inputs[:1], name, of=of, **options)
            if (wanted := first.passes * len(inputs) * (STAGES + 1) * work) > MOST_WORK:
                left_out.append(f"{METHODS[name].title} is left out: it would take {short(wanted, 'operations')} here.")
                continue
            maps = explain(net, inputs, name, of=of, **options)
            forgetting = randomised(net, inputs, name, of=maps.of, stages=STAGES, **options)
            how: dict[str, Any] = {"of": maps.of, "places": maps.places, "classes": classes}
            curves = removal_curves(net, inputs, maps.by_place, **how, orders=3, beside=curves)
        except ProfundoError as error:
            left_out.append(f"{METHODS[name].title} is left out: {str(error).removeprefix(f'{name}: ')}.")
            continue
        checked[name] = Checked(maps, forgetting, curves)
    return checked, left_out


def answers_of(looked: Looked, maps: Explanation) -> list[str]:
    """The output that is explained of each input, by its name."""
    return [] if maps.of is None else [output_name(looked, at) for at in maps.of.tolist()]


def drawn(looked: Looked, raw: Tensor, maps: Explanation) -> str:
    """The maps over their images; of sounds, series and arrays the first one behind its channels."""
    title, by_place = f"{METHODS[maps.method].title} of {len(raw)} inputs", maps.by_place.cpu()
    if looked.is_image:
        images = looked.pictures(raw)
        return maps_svg(looked.pictures_of(looked.inputs[: len(raw)]) if images is None else images, by_place, title)
    steps, first = by_place[0].flatten(), raw[0].double()
    channels = first.T if maps.places == (1,) and first.ndim == 2 else first.flatten(1)
    size = -(-len(steps) // MOST_STEPS)

    def means(values: Tensor) -> list[float]:
        return [float(part.mean()) for part in torch.split(values, size)]

    ground = means(steps)
    of_steps = [one for one in channels[:3] if len(one) == len(steps)]
    lines = [Line(f"channel {at}", range(len(ground)), means(one), style=5) for at, one in enumerate(of_steps, 1)]
    return lines_svg(lines, x_label=f"steps of {size}", y_label=looked.names[0], log_y=False, ground=ground)


def caption(one: Checked) -> str:
    areas, sentences = one.curves.areas, [f"{one.title}: a value is {METHODS[one.maps.method].meaning}."]
    if one.maps.adds_up:
        sentences.append(f"The map adds up to the answer’s change, but for {percent(gap_share(one.maps))} at most.")
    if "fit" in one.maps.figures:
        sentences.append(f"The linear model explains {percent(one.maps.figures['fit'])} of the answer’s variance.")
    stays = "It hardly changes where all weights are drawn anew: it shows the input more than what the net has learned."
    sentences.append("It changes where the weights are drawn anew." if one.forgetting.changes else stays)
    sooner = "sooner" if areas["deletion"] < areas["random_deletion"] else "no sooner"
    sentences.append(f"What it marks takes the answer away {sooner} than places by chance.")
    return " ".join([*sentences, *(f"Beware: {remark}." for remark in one.maps.remarks)])


def proofs_grid(methods: Sequence[Checked]) -> Grid:
    caption = (
        "How far each method can be believed here. Adds up but for: of methods whose maps are to add up to the change of the answer, "
        "the largest gap to it, as a share of that change. Alike: the rank correlation of the map with that of the same net after "
        "only its output layer (output anew), or every layer (all anew), was drawn anew; near 1 the map does not depend on what was "
        "learned (structure: by their structural similarity; Adebayo et al. 2018). Deletion and insertion: the mean answer while "
        "what the map marks most is taken away, or brought back, first; deletion should be below chance, insertion above it "
        "(Petsiuk et al. 2018)."
    )
    columns = ["method", "adds up but for", "alike, output anew", "alike, all anew", "deletion", "insertion", "passes"]
    return Grid(caption, columns, [proofs_row(one) for one in methods])


def proofs_row(one: Checked) -> Row:
    areas, forgetting = one.curves.areas, one.forgetting
    structure = "" if forgetting.ssim is None else f"structure {two(forgetting.ssim[-1])}"
    pairs = [(areas[name], areas[f"random_{name}"]) for name in ("deletion", "insertion")]
    removed = [Cell(f"{area:.3f}", remark=f"by chance {by_chance:.3f}") for area, by_chance in pairs]
    gap = Cell(percent(gap_share(one.maps)) if one.maps.adds_up else "–")
    output, every = (two(forgetting.alike[at]) for at in (0, -1))
    anew = [Cell(output), Cell(every, remark=structure, look="" if forgetting.changes else "strong")]
    return [one.title, gap, *anew, *removed, Cell(f"{one.maps.passes:,}")]


def two(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def style_of(method: int) -> int:
    """Of its line: any but the grey ones, of which one is what chance does."""
    return method + method // CHANCE


def forgetting_chart(methods: Sequence[Checked]) -> Figure:
    layers = methods[0].forgetting.layers
    places = range(len(layers) + 1)
    each = [(one.title, [1.0, *one.forgetting.alike], style_of(at)) for at, one in enumerate(methods)]
    lines = [Line(title, places, alike, style=style) for title, alike, style in each]
    words = "; ".join(f"{at}: {layer}" for at, layer in enumerate(layers, 1))
    stays = "A line that stays high belongs to a method that shows the input."
    caption = f"Layer after layer forgets ({words} and all above it). {stays}"
    axes = {"x_label": "layers drawn anew, from the output down", "y_label": "rank correlation"}
    return plotted(lines, caption, **axes, log_y=False)


def removal_chart(methods: Sequence[Checked]) -> Figure:
    each = [(one.title, one.curves, style_of(at)) for at, one in enumerate(methods)]
    lines = [Line(title, curves.fractions, curves.deletion, style=style) for title, curves, style in each]
    first = methods[0].curves
    lines.append(Line("by chance", first.fractions, first.random_deletion, style=CHANCE))
    what = "probability" if first.what == "probability" else "share of the answer"
    caption = (
        "Deletion: what each map marks most is taken away first. The faster a line falls below that of chance, the better the map "
        "knows what the answer is due to."
    )
    axes = {"x_label": "share taken away", "y_label": what, "percent": first.what == "probability"}
    return plotted(lines, caption, **axes, log_y=False)
