"""The page of a model selection: training and validation error of every candidate, and the test of the chosen one."""

from __future__ import annotations

from profundo.pictures.charts import Line, lines_svg
from profundo.pictures.sheet import Figure, Grid, Part, Sheet
from profundo.runs.voice import figure
from profundo.studies.model_selection_result import Selected
from profundo.studies.study import is_share
from profundo.studies.variation import shown

__all__ = ["chart", "main_chart", "page"]


def page(found: Selected) -> Sheet:
    how = f", {found.repeats} repetitions" if found.repeats > 1 else ""
    metrics = list(dict.fromkeys((found.by, found.metric)))
    figures = [Figure(chart(found, metric), caption(found, metric)) for metric in metrics]
    rows = found.rows()
    parts = [
        Part(
            "The candidates",
            [HOW_TO_READ, *found.notes],
            figures,
            Grid(
                "Every candidate; mean ± standard deviation over the repetitions.",
                list(rows[0]),
                [list(row.values()) for row in rows],
            ),
        ),
        Part("The test, once", [ONCE], grid=test_grid(found)),
    ]
    return Sheet(
        f"Choosing the {found.called} for {found.net} on {found.name}", f"Model selection{how}", f"{found}.", parts
    )


HOW_TO_READ = (
    "Where both errors are higher than those of the chosen one, the candidate cannot follow the data, or was not trained to: it "
    "underfits. Where the training error is lower and the validation error higher, it has learned what was chance in the "
    "training samples: it overfits. As good is what lies within one standard error of the chosen one: of those, the simplest is a "
    "choice as sound (Breiman et al. 1984)."
)
ONCE = (
    "The validation error of the chosen candidate is a little too good, for it was chosen as the smallest of several. These are "
    "the figures of samples that no candidate had met before the choice was made."
)


def test_grid(found: Selected) -> Grid:
    columns = ["figure", found.net, *([found.linear_name] if found.linear else []), "constant predictor"]
    rows = [
        [
            name,
            figure(name, value),
            *([figure(name, found.linear[name]) if name in found.linear else "–"] if found.linear else []),
            figure(name, found.baseline[name]) if name in found.baseline else "–",
        ]
        for name, value in found.test.items()
    ]
    return Grid(f"On the {found.samples['test']:,} test samples.", columns, rows)


def places(found: Selected) -> list[float]:
    """Of the candidates on the axis: their values if these are numbers, else 1, 2, 3 …"""
    values = [one.value for one in found.candidates]
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    return [float(value) for value in values] if numbers else [float(at + 1) for at in range(len(values))]


def caption(found: Selected, metric: str) -> str:
    values = [one.value for one in found.candidates]
    x = places(found)
    named = "" if x == values else " From left to right: " + ", ".join(map(shown, values)) + "."
    split = f"{found.samples['train']:,} training and {found.samples['validation']:,} validation samples"
    return f"{metric} on {split}; the band is one standard error over the latter.{named}"


def main_chart(found: Selected) -> str:
    return chart(found, found.by)


def chart(found: Selected, metric: str) -> str:
    x = places(found)
    order = sorted(range(len(x)), key=x.__getitem__)
    lines = []
    for split in ("training", "validation"):
        means = [found.spread(at, split, metric).mean for at in order]
        around = [found.error(at, metric) for at in order] if split == "validation" else []
        top = 1.0 if is_share(metric) else float("inf")
        low = [mean - error for mean, error in zip(means, around, strict=False)]
        high = [min(top, mean + error) for mean, error in zip(means, around, strict=False)]
        lines.append(Line(split, [x[at] for at in order], means, low, high))
    positive = min(x) > 0 and max(x) > 20 * min(x)
    marks = {f"chosen: {shown(found.value)}": x[found.chosen]}
    return lines_svg(lines, x_label=found.called, y_label=metric, log_x=positive, marks=marks, percent=is_share(metric))
