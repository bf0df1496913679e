"""What the report of series shows: a few of each class, and forecasts beside how it went on."""

from __future__ import annotations

import torch
from torch import Tensor

from profundo.languages import say
from profundo.pictures.run_page.report_content import Course, Examples
from profundo.records import Dataset
from profundo.runs.run import Run

__all__ = ["courses_of", "example_series"]

MOST_CLASSES, MOST_LINES = 6, 5


def example_series(data: Dataset) -> tuple[Examples, ...]:
    """Of each of the first classes the first series; of several channels one series with all of them."""
    inputs, targets, train = data.spec.inputs, data.spec.targets, data.train
    if inputs.kind != "series" or inputs.forecast is not None or not isinstance(train.inputs, Tensor):
        return ()
    if targets.kind in ("real", "labels"):
        return (Examples("", _lines(train.inputs[:MOST_LINES])),)
    return tuple(
        Examples(name, _lines(train.inputs[(train.targets == label).nonzero()[:MOST_LINES, 0]]))
        for label, name in enumerate(targets.classes[:MOST_CLASSES])
        if bool((train.targets == label).any())
    )


def _lines(series: Tensor) -> dict[str, list[float]]:
    """By name, of series (samples, channels, steps)."""
    if series.shape[1] == 1:
        return {say("report.series_number", number=number): one[0].tolist() for number, one in enumerate(series, 1)}
    return {
        say("report.channel_number", number=number): channel.tolist()
        for number, channel in enumerate(series[0, :MOST_LINES], 1)
    }


def courses_of(run: Run) -> tuple[Course, ...]:
    """The latest test window, one whose error is in the middle, and the worst."""
    data, outputs = run.data, run.said
    if data.spec.inputs.forecast is None or outputs is None or not isinstance(data.test.inputs, Tensor):
        return ()
    ranked = outputs.costs.argsort()
    chosen = {
        say("report.course_latest"): len(ranked) - 1,
        say("report.course_middle"): int(ranked[len(ranked) // 2]),
        say("report.course_worst"): int(ranked[-1]),
    }
    low, high = torch.tensor(data.spec.targets.margins or [(0.0, 0.0)], dtype=torch.float64).T
    results = []
    for title, place in chosen.items():
        predicted = outputs.predictions[place].double()
        edges = (predicted + low).tolist(), (predicted + high).tolist()
        past, truth = data.test.inputs[place, 0].tolist(), outputs.targets[place].tolist()
        results.append(
            Course(title, past, truth, predicted.tolist(), *(edges if data.spec.targets.margins else ((), ())))
        )
    return tuple(results)
