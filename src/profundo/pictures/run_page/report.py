"""A finished experiment → one HTML page that needs no network, no script and no other file.

The page answers in the order a reader asks: how good is it, how did it get there, how does each class fare, how far can
its probabilities be trusted, where is it most wrong, what is the net, what were the data, how do I repeat it. Everything
that came from outside (class names, settings, paths) is escaped, and a content security policy forbids scripts and network.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from profundo.kinds import TargetKind
from profundo.languages import say, term
from profundo.pictures import numbers, training_curves
from profundo.pictures.bars import ladder_svg
from profundo.pictures.image_grid import image_grid
from profundo.pictures.objects.object_results import object_results
from profundo.pictures.reading_table import readings_grid
from profundo.pictures.rendering import rendered
from profundo.pictures.run_page import (
    class_results,
    doctor_results,
    effect_results,
    mistake_results,
    report_setup,
    trust_results,
)
from profundo.pictures.run_page.report_content import (
    ColumnRow,
    FirstLayer,
    Fit,
    Report,
    Value,
    Worst,
)
from profundo.pictures.tables import Figure
from profundo.pictures.verdict import is_share, main_name, rungs, score, scores_grid, sentences, span
from profundo.records import Calibration

__all__ = [
    "Calibration",
    "ColumnRow",
    "FirstLayer",
    "Fit",
    "Report",
    "Value",
    "Worst",
    "report_html",
]

LONG_TABLE = 25  # rows; longer ones begin folded
MOST_FITS = 4  # real targets drawn
IN_A_ROW = 8  # augmented images
AS: Mapping[TargetKind, TargetKind] = {"mask": "classes", "map": "real"}  # kinds that have the page of another


def report_html(report: Report) -> str:
    """The whole page as text. The same report gives the same page, byte for byte."""
    return rendered(
        "report.html.j2",
        report=report,
        kind=AS.get(report.spec.targets.kind, report.spec.targets.kind),
        each="pixels" if report.spec.targets.traits.per == "pixel" else "samples",
        long=LONG_TABLE,
        **_results(report),
        **_setup(report),
        asked=numbers.flat(report.asked),
        facts=numbers.flat(report.facts),
        environment=numbers.flat(report.environment),
    )


def _results(report: Report) -> dict[str, Any]:
    """How good it is, how it got there, each class, how far to trust it, where it is wrong."""
    scores, targets, trust = report.scores, report.spec.targets, report.calibration
    best, kind = report.best_epoch if report.best_kept else None, AS.get(targets.kind, targets.kind)
    names = [targets.classes[i] if i < len(targets.classes) else f"class {i}" for i in range(len(scores.confusion))]
    ones = "labels" if kind == "labels" else "classes"
    weakest = class_results.weakest(scores.per_class)
    worst_words = say(f"report.worst_{ones}", number=len(weakest))
    return {
        "main": _main(report),
        "scores": scores_grid(scores, report.validation_scores, None if best is None else best + 1),
        "charts": training_curves.charts(report.history, best),
        "epochs": training_curves.epochs_grid(report.history, best),
        "length": max((len(values) for key, values in report.history.items() if key != "epoch"), default=0),
        "training": training_curves.training_words(
            report.history, report.best_epoch, report.best_kept, report.begun_again
        ),
        "checkup_words": report.checkup and doctor_results.doctor_words(report.checkup),
        "checkup_figures": doctor_results.doctor_figures(report.checkup, report.history, report.batch_size)
        if report.checkup
        else [],
        "phases": training_curves.phases_grid(report.seconds),
        "weakest": class_results.classes_grid(weakest, kind, worst_words),
        "per_class": class_results.classes_grid(scores.per_class, kind, say(f"report.all_{ones}")),
        "matrix": class_results.matrix(scores.confusion, names),
        "pairs": class_results.pairs_grid(scores.confusion, names),
        "reliability": trust and trust_results.reliability_figure(trust, kind),
        "trust": trust and trust_results.calibration_words(trust, kind),
        "calibration": trust and trust_results.calibration_grid(trust, kind),
        "fits": [(fit.name, trust_results.fit_figures(fit)) for fit in report.fits[:MOST_FITS]],
        "steps": trust_results.step_figure(scores) if scores.steps else None,
        "courses": trust_results.course_figures(report.courses),
        "rankings": class_results.ranking_figures(report.rankings),
        "importances": report.effects and effect_results.importance_grid(report.effects),
        "dependence_charts": effect_results.dependence_charts(report.effects, kind) if report.effects else [],
        "dependence_tables": effect_results.dependence_tables(report.effects, kind) if report.effects else [],
        "words": effect_results.words_grid(report.effects, kind) if report.effects else None,
        "objects": report.objects and object_results(report.objects),
        "mistakes": mistake_results.mistakes(report.worst, kind),
    }


def _setup(report: Report) -> dict[str, Any]:
    """The network and the data."""
    first, inputs, augmented = report.first_layer, report.spec.inputs, report.augmented
    return {
        "layers": report_setup.layers_grid(report.layers, inputs),
        "weights": None if first is None else report_setup.weights(first.images),
        "examples": report_setup.examples(report),
        "series": report_setup.series_figures(report),
        "augmented": None if augmented is None else image_grid(augmented, IN_A_ROW),
        "augmented_small": mistake_results.small(augmented),
        "counts": report_setup.counts_grid(report) if report.counts else None,
        "readings": readings_grid(report.readings) if report.readings else None,
        "columns": report_setup.columns_grid(report.columns, inputs.shape[0]) if report.columns else None,
        "inputs": report_setup.inputs_grid(inputs),
    }


def _main(report: Report) -> dict[str, Any]:
    """The figure that the reader came for, its interval, the ladder beside it and the sentences below."""
    name, scores, targets = main_name(report.scores.values), report.scores, report.spec.targets
    things = term(report.spec.inputs.things)
    if not name:
        return {"name": "", "things": things}
    interval, figure = span(name, scores.intervals.get(name)), term(name)
    caption = say("report.ladder_interval" if interval else "report.ladder", figure=figure)
    return {
        "name": figure,
        "things": things,
        "text": score(name, scores.values[name]),
        "interval": interval,
        "ladder": Figure(ladder_svg(rungs(name, scores), name=figure, percent=is_share(name)), caption),
        "sentences": [
            *sentences(name, scores, targets, things),
            *([f"{report.threshold}."] if report.threshold else []),
        ],
    }
