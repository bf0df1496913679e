"""Which words and columns single answers are due to, and what attention looks at: sections of the page of `profundo inside`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from profundo.data import standardize_targets
from profundo.data.tables.columns import column_slices
from profundo.evaluate.importance import permutation_importance
from profundo.inside.attributions import Explanation, explain
from profundo.inside.attributions.attention_maps import attention_maps
from profundo.inspect.checked_explanation import BACKGROUND, column_parts, form, gap_share, of_outputs, output_name
from profundo.inspect.opened_net import Looked
from profundo.inspect.run_explanation import Text
from profundo.inspect.sections.explanation_sections import SHOWN, answers_of
from profundo.inspect.sections.inside_section import Section
from profundo.pictures.attribution_pictures import words_svg
from profundo.pictures.bars import relations_svg
from profundo.pictures.charts import heat_svg
from profundo.pictures.numbers import percent
from profundo.pictures.run_page.effect_results import dependence_charts, importance_grid
from profundo.pictures.run_page.report_content import Effects, Importance
from profundo.pictures.sheet import Figure, Part
from profundo.records import Column
from profundo.runs.column_effects import dependence, named_slices
from profundo.runs.saved_model import predict
from profundo.runs.table_values import values_of
from profundo.runs.word_effects import without_each_word

__all__ = ["attention_section", "columns_section", "words_section"]

MOST_COLUMNS, MOST_DRAWN = 12, 2
SAMPLES, REPEATS = 300, 5
MOST_PLACES = 24  # of attention that are drawn


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
        answer = output_name(looked, chosen)
        record: dict[str, Any] = {"input": name, "answer": answer, "output": float(outputs[chosen])}
        if looked.spec.inputs.texts and (counted := by_leaving_out(looked, row, chosen)):
            title = f"{name}: by how much the answer {answer} falls without each word"
            figures.append(Figure(words_svg(list(counted), list(counted.values()), title), f"{title}."))
            record["words"] = counted
        if (maps := by_vectors(looked, row, chosen)) is not None:
            words = words_in(looked, row)
            each = [(word, value) for word, value in zip(words, maps.by_place[0].tolist(), strict=True) if word]
            title = f"{name}: integrated gradients of the words’ vectors, for {answer}"
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
    part = Part("Which words", [means], figures)
    return Section("words", f"{len(values)} inputs, word by word", part, {"texts": values})


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
    if not looked.spec.inputs.texts:
        return explain(looked.net, looked.ready(row[None]), of=chosen)
    return Text.of(looked.net, looked.spec.inputs).by_vectors(row, of=chosen) if any(words_in(looked, row)) else None


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
        mean, many = one.weights[0].mean(0), min(MOST_PLACES, *one.weights.shape[2:])
        many = min(many, len(labels) or many)
        if not many:
            continue
        rows = labels[:many] or [str(at) for at in range(many)]
        name = one.module or f"attention {place + 1}"
        shares, axes = mean[:many, :many].tolist(), {"x_label": "looks at", "y_label": "place"}
        chart = heat_svg(shares, row_labels=rows, column_labels=rows, **axes)
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
    parts = column_parts(looked)
    shown = looked.inputs[:SHOWN]
    maps = explain(looked.net, shown, "kernel_shap", of=of_outputs(looked), baseline=background, parts=parts)
    by_column = torch.stack([maps.map[:, at].sum(1) for _, at in slices], 1)
    most, answers = float(by_column.abs().max()) or 1.0, answers_of(looked, maps)
    figures, values = [], []
    for place, name in enumerate(looked.names[:SHOWN]):
        order = by_column[place].abs().argsort(descending=True)[:MOST_COLUMNS].tolist()
        written = values_of(looked.raw[place], inputs)
        labels = [f"{written[at].name} = {written[at].text}" for at in order]
        each = by_column[place, order].tolist()
        answer = answers[place]
        chart = relations_svg(labels, each, label=f"SHAP values of {name} for {answer}", most=1.2 * most)
        adds = f"what each value adds to the output, from what {len(background)} training rows have"
        figures.append(Figure(chart, f"{name}, for {answer}: {adds}."))
        values.append({"input": name, "answer": answer, "values": dict(zip(labels, each, strict=True))})
    effects = shuffled(looked, slices)
    means = (
        "SHAP values share out the difference between the answer to a row and the mean answer to training rows: each column’s is its "
        "fair share over all orders in which the columns become known, and they add up"
        f" (here but for {percent(gap_share(maps))}). The table asks the same net over many rows: what if a column were shuffled?"
    )
    figures += dependence_charts(effects, looked.spec.targets.kind)
    part = Part("Why this answer", [means], figures, importance_grid(effects))
    first = effects.importances[0]
    finding = f"{first.name} matters most over {effects.samples:,} rows; of {looked.names[0]} {next(iter(values[0]['values']))}"
    importance = {one.name: [one.change, one.low, one.high] for one in effects.importances}
    record = {"rows": values, "importance": importance, **maps.figures}
    return Section("why", finding, part, record, {"shap": by_column})


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
    known, importances = [one for one in lines if one is not None], [one for one, _ in each]
    return Effects(looked.objective.quantity, len(raw), len(slices), importances, known)
