"""What the net of a run of rows goes by, for its page: which columns count, how answers depend on them, what drove the
worst ones. Asked on test samples that training has not seen; as many as a few seconds allow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from profundo.data import standardize
from profundo.data.tables.columns import column_slices
from profundo.evaluate.importance import drivers, partial_dependence, permutation_importance
from profundo.evaluate.leading import positive
from profundo.evaluate.scores import Answers, figure_of, mistaken
from profundo.languages import local, say
from profundo.pictures.run_page.report_content import Dependence, Effects, Importance, Value
from profundo.pictures.verdict import rises
from profundo.records import Inputs, LayerRow, Spec, Targets
from profundo.runs.run import Run
from profundo.runs.table_values import values_of
from profundo.runs.word_effects import telling_words, word_drivers

__all__ = ["OTHERS", "dependence", "drivers_of", "effects_of", "named_slices", "spread_over"]

MOST_ROWS, MOST_WORK = (
    300_000,
    2e10,
)  # rows through the net, and operations on them, to measure importance: a few seconds
A_FEATURE = 200  # operations' worth of time: to copy it, to standardise it
FEWEST_SAMPLES, MOST_SAMPLES = 100, 2000
REPEATS = 10
SHARES_OF_RIGHT = ("accuracy", "exact match")
FEWEST_COLUMNS, MOST_COLUMNS = 20, 200  # whose importance is measured
MOST_DRAWN = 6  # columns
PLACES = 20  # of a curve
SHOWN = (0.05, 0.95)  # quantiles of a column between which it is drawn
MOST_LEVELS = 12
MOST_LINES = 4  # classes, labels or targets in a chart
OTHERS = 20  # rows whose values are tried in a mistaken one
MOST_DRIVERS = 3  # columns named
MOST_WORDS = 3  # more, of each text


def named_slices(inputs: Inputs) -> list[tuple[str, slice]]:
    """Each column with the features that it became."""
    if inputs.columns:
        return [(column.name, at) for column, at in column_slices(inputs)]
    names = inputs.names or tuple(f"x{place + 1}" for place in range(inputs.shape[0]))
    return [(name, slice(place, place + 1)) for place, name in enumerate(names)]


def effects_of(run: Run, rows: Callable[[list[int]], Tensor], layers: Sequence[LayerRow]) -> Effects | None:
    """rows: the raw test rows of these indices. None for images, where there are too few samples to ask, and for targets that only a
    loss of one's own can judge."""
    assert run.said is not None
    assert run.scores is not None
    spec, count = run.data.spec, len(run.said.costs)
    if spec.inputs.kind != "features" or spec.targets.kind == "any" or count < 2:
        return None
    columns = every = named_slices(spec.inputs)
    a_row = sum(layer.flops for layer in layers) + A_FEATURE * spec.inputs.shape[0]
    affordable = min(MOST_ROWS, MOST_WORK / a_row) / REPEATS  # samples times columns
    number = min(len(columns), MOST_COLUMNS, max(FEWEST_COLUMNS, int(affordable / FEWEST_SAMPLES)))
    chosen = spread_over(count, max(FEWEST_SAMPLES, min(MOST_SAMPLES, int(affordable / number))))
    inputs = rows(chosen.tolist())
    if number < len(columns):
        columns = steepest(run, inputs, columns)[:number]
    name = next(iter(run.scores.values))
    sign = 1 if rises(name) else -1
    targets, said = run.data.spec.targets, run.said

    def judged(answers: Tensor, at: Tensor) -> Answers:
        truth = said.targets[chosen][at]
        return Answers(answers, truth, truth.new_zeros(len(truth)), said.quantity, targets.threshold)

    changes = permutation_importance(
        run.predict,
        lambda answers, at: sign * figure_of(name, judged(answers, at), targets),
        inputs,
        [at for _, at in columns],
        repeats=REPEATS,
        worth=(lambda answers, at: ~mistaken(judged(answers, at), targets)) if name in SHARES_OF_RIGHT else None,
    )
    each_column = [Importance(column, *change) for (column, _), change in zip(columns, changes, strict=True)]
    ranked = sorted(zip(each_column, columns, strict=True), key=lambda one: -one[0].change)
    graded = has_graded_answers(run)
    most = MOST_DRAWN if graded else 0
    drawn = [dependence(run.predict, spec, inputs, *column) for one, column in ranked[:most] if one.change > 0]
    dependences = [one for one in drawn if one is not None]
    words = telling_words(run, inputs) if graded and spec.inputs.texts else []
    return Effects(name, len(chosen), len(every), [one for one, _ in ranked], dependences, words)


def has_graded_answers(run: Run) -> bool:
    """Whether answers are probabilities or values; not bare classes, which say little of how they change."""
    return run.said is not None and (run.said.are_probabilities or run.data.spec.targets.kind == "real")


def spread_over(count: int, most: int) -> Tensor:
    """Evenly spread indices, at most so many."""
    return torch.linspace(0, count - 1, min(count, most), dtype=torch.float64).long()


def steepest(run: Run, inputs: Tensor, columns: Sequence[tuple[str, slice]]) -> list[tuple[str, slice]]:
    """The columns, first those by which the outputs change most: mean |∂outputs/∂feature| · its deviation."""
    device = next((parameter.device for parameter in run.net.parameters()), torch.device("cpu"))
    ready = standardize(inputs[:FEWEST_SAMPLES].to(device), run.data.spec.inputs).requires_grad_()
    with torch.enable_grad():
        (slopes,) = torch.autograd.grad(run.net(ready).sum(), ready)
    loud = slopes.abs().mean(0).cpu()
    return sorted(columns, key=lambda column: -float(loud[column[1]].sum()))


# -------------------------------------------------------------------------------------------------------- dependence
def dependence(
    predict: Callable[[Tensor], Tensor], spec: Spec, inputs: Tensor, name: str, at: slice
) -> Dependence | None:
    """How the mean answer changes with a column: over the values that its rows have; None where it has one."""
    column = next((one for one in spec.inputs.columns if one.name == name), None)
    if column is not None and column.kind == "text":
        return None
    place = [one for one, _ in named_slices(spec.inputs)].index(name)
    some = inputs[spread_over(len(inputs), FEWEST_SAMPLES)]
    if column is not None and column.has_gaps and column.kind != "category":
        inputs = inputs[inputs[:, at.stop - 1] < 0.5]
    if column is not None and column.kind == "category":
        blocks, counts = torch.unique(inputs[:, at], dim=0, return_counts=True)
        blocks = blocks[counts.argsort(descending=True, stable=True)[:MOST_LEVELS]]
    else:
        first = inputs[:, at.start]
        edges = first.quantile(first.new_tensor(SHOWN)) if len(first) else first.new_zeros(2)
        inside = inputs[(first >= edges[0]) & (first <= edges[1])]
        blocks = inside[inside[:, at.start].argsort()][spread_over(len(inside), PLACES)][:, at]
        blocks = torch.unique(blocks, dim=0)
    if len(blocks) < 2:
        return None
    names, means = lines_of(spec.targets, partial_dependence(predict, some, at, blocks))
    labels: list[str] = []
    if column is not None and column.kind == "category":
        example = inputs[0].repeat(len(blocks), 1)
        example[:, at] = blocks
        labels = [values_of(row, spec.inputs)[place].text for row in example]
    shift = 2000.0 if column is not None and column.kind == "date" else 0.0
    return Dependence(name, (blocks[:, 0].double() + shift).tolist(), names, means.T.tolist(), labels)


def lines_of(targets: Targets, means: Tensor) -> tuple[list[str], Tensor]:
    """What of the answers is drawn, and its values (places, lines): the class to be found, of two; the commonest of more."""
    if targets.kind == "binary":
        wanted = positive(targets)
        return [targets.classes[wanted]], (means if wanted else 1 - means)[:, None]
    if targets.kind == "real":
        means = means.view(len(means), -1)[:, :MOST_LINES]
        names = targets.names or [say("report.target_number", number=place + 1) for place in range(means.shape[1])]
        return list(names)[:MOST_LINES], means
    if means.ndim == 1:
        means = means[:, None]
    shares = torch.tensor(targets.shares or [1.0] * len(targets.classes))
    first = sorted(shares.argsort(descending=True, stable=True)[:MOST_LINES].tolist())
    return [targets.classes[place] for place in first], means[:, first]


# ----------------------------------------------------------------------------------------------------------- mistakes
def drivers_of(run: Run, row: Tensor, index: int, others: Tensor, among: Sequence[Importance]) -> list[Value]:
    """The columns whose values drove the answer to one test row (features,), by what it would be with those of others.
    among: the columns that are tried; none of them drives it where there are none."""
    if run.said is None or not among or not has_graded_answers(run):
        return []
    tried = {one.name for one in among}
    targets, columns = run.data.spec.targets, named_slices(run.data.spec.inputs)
    places = [place for place, (name, _) in enumerate(columns) if name in tried]
    chosen = int(run.said.chosen[index]) if targets.kind in ("binary", "classes") else 0

    def answer(rows: Tensor) -> Tensor:
        answers: Tensor = run.predict(rows).double()
        if targets.kind == "binary":
            return answers if chosen else 1 - answers
        if targets.kind == "classes":
            return answers[:, chosen]
        wrong = (answers - run.said.targets[index]).abs() if run.said is not None else answers
        return wrong.view(len(rows), -1).mean(1)

    shares = drivers(answer, row, others, [columns[place][1] for place in places])
    values = values_of(row, run.data.spec.inputs)
    texts = {column.name for column in run.data.spec.inputs.texts}
    ranked = [
        (share, values[at]) for share, at in zip(shares.tolist(), places, strict=True) if columns[at][0] not in texts
    ]
    ranked += [
        (fall, Value(name, word)) for fall, name, word in word_drivers(answer, row, run.data.spec.inputs, sorted(tried))
    ]
    ranked.sort(key=lambda one: -one[0])
    most = MOST_DRIVERS + MOST_WORDS * len(texts)
    return [replace(value, remark=effect(share, targets.kind)) for share, value in ranked[:most] if share > 0]


def effect(share: float, kind: str) -> str:
    if kind == "real":
        return say("report.to_the_error", change=local(f"{share:+.3g}".replace("-", "−")))
    return say("report.points", change=local(f"{100 * share:+.1f}"))
