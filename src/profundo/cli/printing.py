"""How commands print what they found: plain text for people, one JSON object with --json."""

from __future__ import annotations

import gc
import json
import sys
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

__all__ = [
    "print_description",
    "print_graph",
    "print_json",
    "print_names",
    "print_plan",
    "print_progress",
    "print_recipe_run",
    "print_run",
    "print_table",
    "terminal",
]

if TYPE_CHECKING:
    from profundo.graph.derivatives.derivations import Derivation
    from profundo.graph.traces.profiling import Profile
    from profundo.inspect.graph_views import Shown
    from profundo.recipes.recipe import RecipeRun
    from profundo.runs.health.health_record import Diagnosis
    from profundo.runs.preparing import Prepared
    from profundo.runs.run import Run
    from profundo.runs.voice import Voice


def terminal() -> Voice:
    """Where a training that now begins is told of."""
    from profundo.runs.voice import Terminal

    gc.freeze()  # what is imported by now stays: the collector need not walk through it again and again
    return Terminal()


def print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2))


def print_progress(line: str) -> None:
    """What is at work, in place of what was; nothing where nobody looks on."""
    if sys.stderr.isatty():
        print(f"\r\033[K{line[: get_terminal_size().columns - 1]}\r", end="", file=sys.stderr, flush=True)


def print_names(names: dict[str, str], title: str, as_json: bool) -> None:
    if as_json:
        print_json({title: names})
        return
    width = max(map(len, names))
    for name, text in names.items():
        print(f"{name:{width}}  {text}")


def print_table(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in rows[0]:
        table.add_column(name)
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    Console(emoji=False).print(table)


def print_plan(prepared: Prepared, as_json: bool) -> bool:
    """What would be trained, and what the doctor finds wrong with it. Returns whether that is anything."""
    from profundo.inspect.training_health import preflight, seconds_of
    from profundo.nets.summary import parameter_count
    from profundo.records import ProfundoError
    from profundo.runs.preparing import batch_size, rounds_of

    data, experiment = prepared.data, prepared.experiment
    parameters = parameter_count(prepared.net)
    settings = {name: value for name, value in experiment.settings().items() if value not in (None, [], {})}
    in_epoch = max(1, len(data.train) // batch_size(experiment, data))
    steps, most = (experiment.epochs or 1) * in_epoch, rounds_of(experiment).total * in_epoch
    findings: tuple[Diagnosis, ...] = ()
    note = ""
    try:
        findings = preflight(prepared) if experiment.doctor else ()
    except ProfundoError as error:
        note = str(error)
    plan = {
        "samples": {"train": len(data.train), "validation": len(data.validation), "test": len(data.test)},
        "parameters": parameters,
        "steps": steps,
        **({"steps, if begun again": most} if most > steps else {}),
        "seconds": float(f"{seconds_of(prepared, steps):.2g}"),
        "device": str(prepared.device),
        "precision": prepared.precision,
        "experiment": settings,
        "findings": [one.model_dump(mode="json") for one in findings],
    }
    if as_json:
        print_json(plan)
        return bool(findings)
    for name, value in {**settings, **plan}.items():
        if isinstance(value, dict):
            value = ", ".join(f"{part} {number:,}" for part, number in value.items() if isinstance(number, int))
        if name not in ("experiment", "findings"):
            print(f"{name:18}  {value}")
    if experiment.doctor:
        nothing = note or "nothing is wrong that can be seen before training"
        print("\n".join(line for one in findings for line in one.lines) if findings else f"{'doctor':18}  {nothing}")
    return bool(findings)


def print_run(run: Run, as_json: bool) -> None:
    if not as_json or run.scores is None:
        return
    print_json(
        {
            "test": dict(run.scores.values),
            "baseline": dict(run.scores.baseline),
            "linear": dict(run.scores.linear),
            "threshold": run.data.spec.targets.threshold if run.experiment.threshold else None,
            "epochs": len(run.history),
            "best_epoch": None if run.best_epoch is None else run.best_epoch + 1,
            "seconds": sum(run.seconds.values()),
            "phases": run.seconds,
            "run": str(run.folder.path) if run.folder else None,
        }
    )


def print_description(
    name: str, about: list[str], data: str, settings: dict[str, Any], wishes: dict[str, Any], as_json: bool
) -> None:
    """wishes: what may be said of files that are predicted, or of what is generated."""
    if as_json:
        print_json({"recipe": name, "about": about, "data": data, "settings": settings, "predictions": wishes})
        return
    print("\n\n".join(about))
    print(f"\ndata: {data}")
    print(f"\nsettings (change one with `profundo recipe {name} --set NAME=VALUE`):")
    for key, value in settings.items():
        print(f"  {key} = {value}")
    if wishes:
        print("\nof what a run predicts or generates (`profundo predict` or `generate RUN … --set NAME=VALUE`):")
    for key, value in wishes.items():
        print(f"  {key} = {value}")


def print_recipe_run(run: RecipeRun, as_json: bool) -> None:
    if as_json:
        outcome = run.outcome
        print_json(
            {
                "recipe": run.request.recipe,
                "test": dict(outcome.scores),
                "baseline": dict(outcome.baseline),
                "against": outcome.against if isinstance(outcome.against, str) else dict(outcome.against),
                "rivals": dict(outcome.rivals),
                "conclusion": outcome.conclusion,
                "notes": list(run.cautions),
                "seconds": run.seconds,
                "run": str(run.folder.path) if run.folder else None,
            }
        )


def print_graph(
    shown: Shown,
    derived: list[Derivation],
    times: Profile | None,
    *,
    depth: int | None,
    limit: int,
    latex: bool,
    as_json: bool,
) -> None:
    from profundo.graph.drawings.node_tables import layers, table
    from profundo.inspect.graph_views import as_plain_data

    if as_json:
        print_json(as_plain_data(shown, derived, times))
        return
    if shown.is_formula:
        print(table(shown.graph, limit=limit))
    else:
        print(layers(shown.graph, depth=depth, limit=limit))
    for one in derived:
        print(f"\n{one.latex if latex else one.text}")
    if times is not None:
        print(f"\n{times}")
