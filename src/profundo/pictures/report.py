"""A finished experiment → one HTML page that needs no network, no script and no other file.

The page answers in the order a reader asks: how good is it, how did it get there, how does each class fare, how far can
its probabilities be trusted, where is it most wrong, what is the net, what were the data, how do I repeat it. Everything
that came from outside (class names, settings, paths) is escaped, and a content security policy forbids scripts and network.
"""

from __future__ import annotations

from typing import Any

from profundo.pictures import materials, numbers, sections
from profundo.pictures.bars import ladder_svg
from profundo.pictures.rendering import rendered
from profundo.pictures.shown import Calibration, ColumnRow, FirstLayer, Fit, Report, Value, Worst
from profundo.pictures.verdict import SHARES, main_name, rule, rungs, score, score_rows, sentences, span

__all__ = ["Calibration", "ColumnRow", "FirstLayer", "Fit", "Report", "Value", "Worst", "report_html"]

LONG_TABLE = 25  # rows; longer ones begin folded


def report_html(report: Report) -> str:
    """The whole page as text. The same report gives the same page, byte for byte."""
    targets, scores = report.spec.targets, report.scores
    names = [targets.classes[i] if i < len(targets.classes) else f"class {i}" for i in range(len(scores.confusion))]
    return rendered(
        "report.html.j2",
        report=report,
        kind=targets.kind,
        main=_main(report),
        scores=score_rows(scores, report.validation_scores, report.intervals),
        charts=sections.charts(report.history, report.best_epoch),
        epochs=sections.epoch_table(report.history, report.best_epoch),
        phases=sections.phases(report.seconds),
        per_class=sections.classes_part(scores.per_class),
        matrix=sections.matrix(scores.confusion, names),
        pairs=sections.pairs(scores.confusion, names),
        calibration=sections.calibration_part(report.calibration, targets.kind),
        fits=sections.fits_part(report.fits),
        mistakes=sections.mistakes_part(report.worst, targets.kind),
        net=materials.layers_part(report.layers, report.first_layer),
        examples=materials.examples_part(report),
        augmented=materials.augmented_part(report.augmented),
        counts=materials.counts_part(report),
        inputs=materials.inputs_rows(report.spec.inputs),
        asked=numbers.flat(report.asked),
        facts=numbers.flat(report.facts),
        environment=numbers.flat(report.environment),
        long=LONG_TABLE,
    )


def _main(report: Report) -> dict[str, Any]:
    """The figure that the reader came for, its interval, the ladder beside it and the sentences below."""
    from markupsafe import Markup

    name, scores, targets = main_name(report.scores.values), report.scores, report.spec.targets
    things = "images" if report.spec.inputs.kind == "image" else "rows"
    if not name:
        return {"name": "", "things": things}
    interval = report.intervals.get(name)
    return {
        "name": name,
        "things": things,
        "text": score(name, scores.values[name]),
        "interval": span(name, interval),
        "rule": rule(targets),
        "ladder": Markup(ladder_svg(rungs(name, scores, interval), name=name, percent=name in SHARES)),
        "sentences": sentences(name, scores, targets, things, interval),
    }
