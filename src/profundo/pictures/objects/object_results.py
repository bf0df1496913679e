"""What the page of a run tells of objects: how well each class and size is found, what goes wrong, and where."""

from __future__ import annotations

from typing import Any

from profundo.languages import local, say, term
from profundo.pictures import numbers
from profundo.pictures.bars import relations_svg
from profundo.pictures.charts import Line, lines_svg
from profundo.pictures.objects.found_objects import FoundClass, ObjectFacts
from profundo.pictures.objects.mark_looks import marked_key, picture_words
from profundo.pictures.objects.marked_pictures import marked_svg
from profundo.pictures.run_page.class_results import matrix
from profundo.pictures.tables import Cell, Figure, Grid, Row

__all__ = ["object_results"]

MOST_CURVES = 6  # classes drawn in one chart


def object_results(facts: ObjectFacts) -> dict[str, Any]:
    """All parts of the section, empty where there is nothing to show."""
    names = [*(one.name for one in facts.classes), say("objects.background")]
    return {
        "classes": classes_grid(facts),
        "curves": curves_figure(facts),
        "sizes": sizes_figure(facts),
        "errors": errors_figure(facts),
        "errors_grid": errors_grid(facts),
        "matrix": matrix(facts.confusion, names),
        "key": marked_key(),
        "key_of_data": marked_key(("ignored",), names[:-1]),
        "pictures": [Figure(marked_svg(one), picture_words(one)) for one in facts.pictures],
    }


def classes_grid(facts: ObjectFacts) -> Grid:
    """AP of each class, and how well it is told and counted at the threshold."""
    head = [
        *(term("class"), term("objects"), "AP", "AP50"),
        *(
            term("precision"),
            term("recall"),
            say("objects.there_an_image"),
            say("objects.found_an_image"),
            say("objects.count_error"),
        ),
    ]
    caption = say("objects.classes", threshold=local(f"{facts.threshold:.2f}"))
    return Grid(caption, head, [_class_row(one) for one in facts.classes], look="names dense")


def _class_row(one: FoundClass) -> Row:
    recall, precision = (_share(value) if one.objects else "–" for value in one.told)
    return [
        one.name,
        one.objects,
        Cell(_figure(one.average_precision), length=100 * (one.average_precision or 0.0)),
        Cell(_figure(one.average_precision_50)),
        Cell(precision),
        Cell(recall),
        *(Cell(local(f"{value:.2f}")) for value in (one.there, one.found, one.count_error)),
    ]


def _figure(value: float | None) -> str:
    return "–" if value is None else local(f"{value:.3f}")


def _share(value: float) -> str:
    return local(f"{100 * value:.1f}") + f"{numbers.SPACE}%"


def curves_figure(facts: ObjectFacts) -> Figure | None:
    """Precision by recall; of many classes of those that are found worst. A dot is the place of the best F1."""
    drawn = [one for one in facts.classes if one.objects and len(one.recall)]
    shown = (
        sorted(drawn, key=lambda one: one.average_precision_50 or 0.0)[:MOST_CURVES]
        if len(drawn) > MOST_CURVES
        else drawn
    )
    if not shown:
        return None
    lines = [Line(one.name, one.recall, one.precision, style=place) for place, one in enumerate(shown)]
    best = [one.best for one in shown if one.best is not None]
    if best:
        lines.append(Line(say("objects.best_f1"), [x for x, _ in best], [y for _, y in best], dots=True, style=5))
    chart = lines_svg(lines, x_label=term("recall"), y_label=term("precision"), percent=True, log_y=False)
    which = (
        say("objects.curves_some", number=len(shown), classes=numbers.count(len(drawn)))
        if len(shown) < len(drawn)
        else ""
    )
    return Figure(chart, f"{say('objects.curves')} {which}".strip())


def sizes_figure(facts: ObjectFacts) -> Figure | None:
    """Average precision of small, medium and large objects, as bars."""
    sizes = {name: (value, count) for name, (value, count) in facts.sizes.items() if value is not None}
    if not sizes:
        return None
    names = [f"{say(f'objects.size_{name}')} ({numbers.count(count)})" for name, (_, count) in sizes.items()]
    values = [value for value, _ in sizes.values()]
    return Figure(relations_svg(names, values, label=say("objects.sizes_label")), say("objects.sizes"))


def errors_figure(facts: ObjectFacts) -> Figure | None:
    """By how much AP50 would rise without each kind of error."""
    if not facts.errors:
        return None
    names = [say(f"objects.error_{name}") for name in facts.errors]
    gains = [100 * gain for _, gain in facts.errors.values()]
    chart = relations_svg(names, gains, label=say("objects.errors_label"), most=max(1.0, *gains), written=_points)
    return Figure(chart, say("objects.errors"))


def _points(gain: float) -> str:
    return local(f"{gain:.1f}".replace("-", "−"))


def errors_grid(facts: ObjectFacts) -> Grid:
    """The same with how many there are and what each means."""
    rows: list[Row] = [
        [
            Cell(say(f"objects.error_{name}"), remark=say(f"objects.meaning_{name}"), words=True),
            number,
            Cell(_points(100 * gain)),
        ]
        for name, (number, gain) in facts.errors.items()
    ]
    return Grid(
        say("objects.errors_grid"),
        [say("objects.error"), say("objects.how_many"), say("objects.gain")],
        rows,
        look="scores",
    )
