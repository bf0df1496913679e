"""Why a net answers as it does, with the check beside each map: sections of the page of `profundo inside`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from profundo.data import standardize_targets
from profundo.data.text.text_ids import FIRST_WORD, UNKNOWN
from profundo.evaluate import evaluating
from profundo.evaluate.importance import permutation_importance
from profundo.inside.attributions import METHODS, Explanation, explain
from profundo.inside.attributions.attention_maps import attention_maps
from profundo.inside.attributions.proofs import Randomised, RemovalCurves, randomised, removal_curves
from profundo.inspect.inside_section import Section
from profundo.inspect.opened_net import Looked
from profundo.pictures.attribution_pictures import maps_svg, words_svg
from profundo.pictures.bars import relations_svg
from profundo.pictures.charts import Line, heat_svg, lines_svg
from profundo.pictures.numbers import percent, short
from profundo.pictures.run_page.effect_results import dependence_charts, importance_grid
from profundo.pictures.run_page.report_content import Effects, Importance
from profundo.pictures.sheet import Figure, Part
from profundo.pictures.tables import Cell, Grid, Row
from profundo.records import Column, ProfundoError
from profundo.runs.column_effects import dependence, named_slices
from profundo.runs.saved_model import predict
from profundo.runs.table_values import column_slices, values_of
from profundo.runs.word_effects import without_each_word
from profundo.trees import called

__all__ = ["attention_section", "columns_section", "why_section", "words_section"]

SHOWN = 5  # inputs
STAGES = 3  # of forgetting
FEWER: dict[str, dict[str, Any]] = {
    "integrated_gradients": {"most_steps": 200},
    "lime": {"samples": 300},
    "kernel_shap": {"samples": 400},
}
MOST_WORK, A_ROW = 5e10, 2e5  # operations that a method may take on the page: some seconds; and those of the least row
MOST_STEPS = 150  # strips behind a series
BACKGROUND = 20  # training rows whose values stand for a column that is not known
MOST_COLUMNS, MOST_DRAWN = 12, 2
SAMPLES, REPEATS = 300, 5


# ---------------------------------------------------------------------------------- maps of images, sounds and series
@dataclass(frozen=True, slots=True)
class Checked:
    """A method's maps of the inputs that are looked at, and what became of the tests."""

    maps: Explanation
    forgetting: Randomised
    curves: RemovalCurves


def why_section(looked: Looked) -> Section | None:
    """What in each input the answer is due to, by every method that suits the net, beside its proofs."""
    if form(looked) not in ("images", "sequences"):
        return None
    inputs, raw = looked.inputs[:SHOWN], looked.raw[:SHOWN]
    checked, left_out = all_checked(looked, inputs)
    if not checked:
        return None
    answers = ", ".join(
        f"{name}: {answer}" for name, answer in zip(looked.names, answers_of(looked, checked), strict=False)
    )
    words = [
        "What in each input its answer is due to, by several methods: blue speaks for the answer, orange against it. They do "
        "not agree, for each asks something else; below each stands what it asks, and what its checks came to.",
        f"The answers: {answers}. Where a value is taken away it becomes the mean of the training data.",
        *left_out,
    ]
    figures = [Figure(drawn(looked, raw, one.maps), caption(name, one)) for name, one in checked.items()]
    figures += [forgetting_chart(checked), removal_chart(checked)]
    best = min(
        checked, key=lambda name: checked[name].curves.areas["deletion"] - checked[name].curves.areas["random_deletion"]
    )
    finding = (
        f"{len(checked)} methods; what {METHODS[best].title} marks takes the answer away soonest; "
        f"{sum(not one.forgetting.changes for one in checked.values())} hardly change where all weights are drawn anew"
    )
    arrays = {name: one.maps.by_place for name, one in checked.items()}
    values = {"inputs": list(looked.names[:SHOWN]), "methods": {name: figures_of(one) for name, one in checked.items()}}
    return Section("why", finding, Part("Why this answer", words, figures, proofs_grid(checked)), values, arrays)


def form(looked: Looked) -> str:
    """What one input is to a reader of the page: images, sequences, columns, ids, or nothing that has sections here."""
    inputs, is_real = looked.spec.inputs, isinstance(looked.inputs, Tensor) and looked.inputs.is_floating_point()
    if looked.is_image or not isinstance(looked.inputs, Tensor):
        return "images" if looked.is_image else ""
    if inputs.kind == "features" or looked.inputs.ndim == 2:
        return "texts" if inputs.texts else "columns" if is_real else "ids"
    return "sequences" if is_real else ""


def of_outputs(looked: Looked) -> int | None:
    """Which output is explained: the largest, of numbers the first."""
    return 0 if looked.spec.targets.traits.numeric else None


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
            curves = removal_curves(
                net, inputs, maps.by_place, of=maps.of, places=maps.places, orders=3, beside=curves, classes=classes
            )
        except ProfundoError as error:
            left_out.append(f"{METHODS[name].title} is left out: {str(error).removeprefix(f'{name}: ')}.")
            continue
        checked[name] = Checked(maps, forgetting, curves)
    return checked, left_out


def answers_of(looked: Looked, checked: dict[str, Checked]) -> list[str]:
    """The output that is explained of each input, by its name."""
    chosen = next(iter(checked.values())).maps.of
    assert chosen is not None
    return [output_name(looked, int(one)) for one in chosen]


def output_name(looked: Looked, index: int) -> str:
    targets = looked.spec.targets
    if targets.kind == "binary":
        return targets.classes[1]
    names = targets.classes or targets.names
    return names[index] if index < len(names) else f"output {index}"


def drawn(looked: Looked, raw: Tensor, maps: Explanation) -> str:
    """The maps over their images; of sounds, series and arrays the first one behind its channels."""
    title, by_place = f"{METHODS[maps.method].title} of {len(raw)} inputs", maps.by_place.cpu()
    if looked.is_image:
        images = looked.pictures(raw)
        return maps_svg(looked.pictures_of(looked.inputs[: len(raw)]) if images is None else images, by_place, title)
    steps, channels = by_place[0].flatten(), raw[0].double().flatten(1)
    size = -(-len(steps) // MOST_STEPS)

    def means(values: Tensor) -> list[float]:
        return [float(part.mean()) for part in torch.split(values, size)]

    ground = means(steps)
    of_steps = [one for one in channels[:3] if len(one) == len(steps)]
    lines = [Line(f"channel {at}", range(len(ground)), means(one), style=5) for at, one in enumerate(of_steps, 1)]
    return lines_svg(lines, x_label=f"steps of {size}", y_label=looked.names[0], log_y=False, ground=ground)


def figures_of(one: Checked) -> dict[str, Any]:
    maps, result = one.maps, {"area " + name.replace("_", " "): value for name, value in one.curves.areas.items()}
    result |= {"rank correlation, output layer drawn anew": one.forgetting.alike[0]}
    result |= {"rank correlation, all layers drawn anew": one.forgetting.alike[-1], "passes": maps.passes}
    return result | ({"gap": gap_share(maps)} if maps.adds_up else {}) | dict(maps.figures)


def gap_share(maps: Explanation) -> float:
    """The largest gap, as a share of the change."""
    assert maps.gap is not None
    assert maps.change is not None
    return float((maps.gap.abs() / maps.change.abs().clamp_min(1e-12)).max())


def caption(name: str, one: Checked) -> str:
    method, areas = METHODS[name], one.curves.areas
    sentences = [f"{method.title}: a value is {method.meaning}."]
    if one.maps.adds_up:
        sentences.append(
            f"The map adds up to the change of the answer, but for {percent(gap_share(one.maps))} at most."
        )
    if "fit" in one.maps.figures:
        sentences.append(f"The linear model explains {percent(one.maps.figures['fit'])} of the answer's variance.")
    sentences.append(
        "It changes where the weights are drawn anew."
        if one.forgetting.changes
        else "It hardly changes where all weights are drawn anew: it shows the input more than what the net has learned."
    )
    better = areas["deletion"] < areas["random_deletion"]
    sentences.append(
        f"What it marks takes the answer away {'sooner' if better else 'no sooner'} than places by chance."
    )
    return " ".join([*sentences, *(f"Beware: {remark}." for remark in one.maps.remarks)])


def proofs_grid(checked: dict[str, Checked]) -> Grid:
    caption = (
        "How far each method can be believed here. Adds up: the largest gap between the map’s sum and the change of the answer, "
        "where the method promises none. Alike: rank correlation of the map with that of a net whose output layer, and all of "
        "whose layers, were drawn anew; near 1 the map does not depend on what was learned (structure: by "
        "their structural similarity; Adebayo et al. 2018). Deletion and "
        "insertion: the mean answer while what the map marks most is taken away, or brought back, first; deletion should be below "
        "chance, insertion above it (Petsiuk et al. 2018)."
    )
    columns = ["method", "adds up but for", "alike, output anew", "alike, all anew", "deletion", "insertion", "passes"]
    rows = [proofs_row(METHODS[name].title, one) for name, one in checked.items()]
    return Grid(caption, columns, rows)


def proofs_row(title: str, one: Checked) -> Row:
    areas, (first, *_, last) = (
        one.curves.areas,
        [f"{alike:.2f}".replace("-", "−") for alike in one.forgetting.alike * 2],
    )
    structure = "" if one.forgetting.ssim is None else f"structure {one.forgetting.ssim[-1]:.2f}".replace("-", "−")
    return [
        title,
        Cell(percent(gap_share(one.maps)) if one.maps.adds_up else "–"),
        Cell(first),
        Cell(last, remark=structure, look="" if one.forgetting.changes else "strong"),
        *(
            Cell(f"{areas[name]:.3f}", remark=f"by chance {areas['random_' + name]:.3f}")
            for name in ("deletion", "insertion")
        ),
        Cell(f"{one.maps.passes:,}"),
    ]


def forgetting_chart(checked: dict[str, Checked]) -> Figure:
    layers = next(iter(checked.values())).forgetting.layers
    lines = [
        Line(METHODS[name].title, range(len(layers) + 1), [1.0, *one.forgetting.alike]) for name, one in checked.items()
    ]
    words = "; ".join(f"{at}: {layer}" for at, layer in enumerate(layers, 1))
    return Figure(
        lines_svg(
            lines,
            x_label="layers drawn anew, from the output down",
            y_label="rank correlation with the map",
            log_y=False,
        ),
        f"Layer after layer forgets ({words} and all above it). A line that stays high belongs to a method that shows the input.",
    )


def removal_chart(checked: dict[str, Checked]) -> Figure:
    curves = [(METHODS[name].title, one.curves) for name, one in checked.items()]
    lines = [Line(title, one.fractions, one.deletion) for title, one in curves]
    lines.append(Line("by chance", curves[0][1].fractions, curves[0][1].random_deletion, style=5))
    what = "probability" if curves[0][1].what == "probability" else "share of the answer"
    return Figure(
        lines_svg(lines, x_label="share taken away", y_label=what, log_y=False, percent=what == "probability"),
        "Deletion: what each map marks most is taken away first. The faster a line falls below that of chance, the better the map "
        "knows what the answer is due to.",
    )


# --------------------------------------------------------------------------------------------------------------- words
def words_section(looked: Looked) -> Section | None:
    """Which words the answers to texts are due to: each left out, and by the vectors of a net that has an embedding of them; of
    bare ids by their vectors."""
    if form(looked) not in ("texts", "ids"):
        return None
    figures, values = [], []
    for name, row in zip(looked.names[:SHOWN], looked.raw[:SHOWN], strict=False):
        outputs = looked.outputs(row[None]).reshape(-1)
        chosen = 0 if of_outputs(looked) == 0 else int(outputs.argmax())
        said = output_name(looked, chosen)
        record: dict[str, Any] = {"input": name, "answer": said, "output": float(outputs[chosen])}
        if looked.spec.inputs.texts and (counted := by_leaving_out(looked, row, chosen)):
            title = f"{name}: by how much the answer {said} falls without each word"
            figures.append(Figure(words_svg(list(counted), list(counted.values()), title), f"{title}."))
            record["words"] = counted
        if (maps := by_vectors(looked, row, chosen)) is not None:
            words = words_in(looked, row)
            each = [(word, value) for word, value in zip(words, maps.by_place[0].tolist(), strict=True) if word]
            title = f"{name}: integrated gradients of the words’ vectors, for {said}"
            drawn = words_svg([word for word, _ in each], [value for _, value in each], title)
            figures.append(Figure(drawn, f"{title}. They add up to the change, but for {percent(gap_share(maps))}."))
            record["vectors"] = each
        values.append(record)
    if not figures:
        return None
    means = (
        "Which words speak for the answer (blue) and against it (orange). Left out alone, a word that another repeats counts "
        "nothing; by its vector it counts where it stands, against a word that is not known (of ids: of zeros)."
    )
    return Section(
        "words", f"{len(values)} inputs, word by word", Part("Which words", [means], figures), {"texts": values}
    )


def first_text(looked: Looked) -> tuple[Column, slice]:
    return next(pair for pair in column_slices(looked.spec.inputs) if pair[0].kind == "text")


def words_in(looked: Looked, row: Tensor) -> list[str]:
    """The words of a row as the net knows them, "" where there is none; of ids these."""
    if not looked.spec.inputs.texts:
        return [str(one) for one in row.tolist()]
    column, at = first_text(looked)
    names = ["", "(unknown)", *column.levels]
    return [names[int(word)] for word in row[at.start : at.start + column.lengths[0]]]


def by_leaving_out(looked: Looked, row: Tensor, chosen: int) -> dict[str, float]:
    """By how much the output falls without each different word of a text."""
    words, rows = without_each_word(row, *first_text(looked))
    if not words:
        return {}
    outputs = looked.outputs(torch.cat([row[None], rows])).double().reshape(len(rows) + 1, -1)[:, chosen]
    return dict(zip(words, (outputs[0] - outputs[1:]).tolist(), strict=True))


def by_vectors(looked: Looked, row: Tensor, chosen: int) -> Explanation | None:
    """Of a text None where the net has no embedding of its words, or it has none."""
    ready = looked.ready(row[None])
    if not looked.spec.inputs.texts:
        return explain(looked.net, ready, of=chosen)
    size = len(first_text(looked)[0].levels) + FIRST_WORD
    modules = [(name, one) for name, one in looked.net.named_modules() if isinstance(one, nn.Embedding)]
    layer, table = next(((name, one) for name, one in modules if one.num_embeddings == size), ("", None))
    words = words_in(looked, row)
    if table is None or not any(words):
        return None
    there = torch.tensor([[float(bool(word))] for word in words], device=table.weight.device)
    unknown = there * table.weight[UNKNOWN].detach()  # training had it in any place: words were made unknown by chance
    return explain(looked.net, ready, of=chosen, at=layer, places=(1,), baseline=unknown)


def attention_section(looked: Looked) -> Section | None:
    """What each place of the first input looks at, in every layer of attention."""
    if not isinstance(looked.inputs, Tensor):
        return None
    maps = attention_maps(looked.net, looked.inputs[:1])
    labels: list[str] = []
    if form(looked) in ("texts", "ids"):
        labels = [word for word in words_in(looked, looked.raw[0]) if word]
    figures, values = [], {}
    for place, one in enumerate(maps):
        mean, many = one.weights[0].mean(0), min(24, *one.weights.shape[2:])
        many = min(many, len(labels) or many)
        if not many:
            continue
        rows = labels[:many] or [str(at) for at in range(many)]
        name = one.module or f"attention {place + 1}"
        chart = heat_svg(
            mean[:many, :many].tolist(), row_labels=rows, column_labels=rows, x_label="looks at", y_label="place"
        )
        figures.append(Figure(chart, f"{name}: the mean of {one.weights.shape[1]} heads, the first {many} places."))
        values[name] = {"heads": one.weights.shape[1]}
    if not figures:
        return None
    means = (
        f"What each place of {looked.names[0]} looks at: a row adds up to 1 over all places. How much is looked at is not how "
        "much it counts for the answer (Jain & Wallace 2019): compare with the words above."
    )
    arrays = {one.module: one.weights for one in maps}
    return Section("attention", f"{len(maps)} layers of attention", Part("Attention", [means], figures), values, arrays)


# ------------------------------------------------------------------------------------------------------------- columns
def columns_section(looked: Looked) -> Section | None:
    """What single rows owe their answers to (SHAP values), and what the net goes by over many (shuffled columns, mean answers)."""
    inputs = looked.spec.inputs
    if form(looked) != "columns" or len(slices := named_slices(inputs)) < 2:
        return None
    background = looked.ready(looked.samples(looked.data.train, BACKGROUND)[0])
    parts = torch.cat([torch.full((at.stop - at.start,), place) for place, (_, at) in enumerate(slices)])
    shown = looked.inputs[:SHOWN]
    maps = explain(looked.net, shown, "kernel_shap", of=of_outputs(looked), baseline=background, parts=parts)
    by_column = torch.stack([maps.map[:, at].sum(1) for _, at in slices], 1)
    most = float(by_column.abs().max()) or 1.0
    figures, values = [], []
    for place, name in enumerate(looked.names[:SHOWN]):
        order = by_column[place].abs().argsort(descending=True)[:MOST_COLUMNS].tolist()
        written = values_of(looked.raw[place], inputs)
        labels = [f"{written[at].name} = {written[at].text}" for at in order]
        each = by_column[place, order].tolist()
        assert maps.of is not None
        said = output_name(looked, int(maps.of[place]))
        chart = relations_svg(labels, each, label=f"SHAP values of {name} for {said}", most=1.2 * most)
        words = (
            f"{name}, for {said}: what each value adds to the output, from what {len(background)} training rows have."
        )
        figures.append(Figure(chart, words))
        values.append({"input": name, "answer": said, "values": dict(zip(labels, each, strict=True))})
    effects = shuffled(looked, slices)
    means = (
        "SHAP values share out the difference between the answer to a row and the mean answer to training rows: each column’s is its "
        "fair share over all orders in which the columns become known, and they add up"
        f" (here but for {percent(gap_share(maps))}). The table asks the same net over many rows: what if a column were shuffled?"
    )
    part = Part(
        "Why this answer",
        [means],
        figures + dependence_charts(effects, looked.spec.targets.kind),
        importance_grid(effects),
    )
    first = effects.importances[0]
    finding = f"{first.name} matters most over {effects.samples:,} rows; of {looked.names[0]} {next(iter(values[0]['values']))}"
    importance = {one.name: [one.change, one.low, one.high] for one in effects.importances}
    return Section(
        "why", finding, part, {"rows": values, "importance": importance, **maps.figures}, {"shap": by_column}
    )


def shuffled(looked: Looked, slices: Sequence[tuple[str, slice]]) -> Effects:
    """By how much the mean cost rises where a column is shuffled, and how the answer depends on the two that matter most."""
    raw, targets = looked.samples(looked.held_out, SAMPLES)
    targets = standardize_targets(targets, looked.spec.targets)

    def figure(outputs: Tensor, at: Tensor) -> float:
        return -float(looked.objective.mean_cost(outputs, targets[at], len(at)))

    changes = permutation_importance(looked.outputs, figure, raw, [at for _, at in slices], repeats=REPEATS)
    each = [(Importance(name, *change), (name, at)) for (name, at), change in zip(slices, changes, strict=True)]
    each.sort(key=lambda one: -one[0].change)
    answer = partial(predict, looked.net, looked.spec, objective=looked.objective)
    lines = [dependence(answer, looked.spec, raw, *column) for _, column in each[:MOST_DRAWN]]
    return Effects(
        looked.objective.quantity,
        len(raw),
        len(slices),
        [one for one, _ in each],
        [one for one in lines if one is not None],
    )
