"""Commands that train networks, and those about runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from profundo.cli.app import CHOOSE, TRAIN, Json, RunFolder, command
from profundo.cli.doctoring import script_command
from profundo.cli.printing import (
    print_json,
    print_plan,
    print_recipe_run,
    print_run,
    print_table,
    terminal,
)
from profundo.cli.settings import Settings, settings_command, with_data

Config = Annotated[
    Path | None,
    typer.Option(
        help="Settings from a file such as runs/x/experiment.yaml; options given here win.", show_default=False
    ),
]


def kept_settings(config: Path | None) -> Settings:
    """Those in a file; none without one."""
    from profundo.records import ProfundoError
    from profundo.runs.settings.plain_yaml import read_experiment

    kept = read_experiment(config) if config else {}
    if "recipe" in kept:
        raise ProfundoError(f"{config}: was asked of a recipe; `profundo recipe --config {config}` repeats it")
    return kept


@settings_command("train", TRAIN)
def train(
    settings: Settings,
    out: Annotated[
        Path | None, typer.Option(help="The run's folder; runs/<data>-<n> otherwise.", show_default=False)
    ] = None,
    config: Config = None,
    as_json: Json = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done and what is wrong with it, and stop.")
    ] = False,
) -> None:
    """Train a network on data, evaluate it and write a report."""
    from profundo.runs.experiment import new_experiment
    from profundo.runs.supervised import prepare
    from profundo.runs.supervised import train as train_recipe

    experiment = new_experiment(**with_data({"doctor": True} | kept_settings(config) | settings, "train digits"))
    if dry_run:
        if print_plan(prepare(experiment), as_json):
            raise typer.Exit(1)
        return
    print_run(train_recipe(experiment, out=out, voice=terminal()), as_json)


@settings_command(
    "lr-find", CHOOSE, without=("course", "log", "checkpoint_seconds", "lang", "keep_epochs", "doctor", "heal")
)
def lr_find(
    settings: Settings,
    low: Annotated[float | None, typer.Option(help="Where the rate begins.", show_default=False)] = None,
    high: Annotated[float | None, typer.Option(help="Where the rate ends.", show_default=False)] = None,
    steps: Annotated[int, typer.Option(min=10, max=100_000, help="Updates, at most.")] = 100,
    out: Annotated[
        Path | None, typer.Option(help="Draw the curve into this file, .svg or .html.", show_default=False)
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Find a learning rate: train for a few steps with a growing one, and look where the loss falls and diverges."""
    from profundo.files import check_out
    from profundo.inspect.learning_rate import PICTURES, find, write_found
    from profundo.runs.experiment import new_experiment

    if out is not None:
        check_out(out, *PICTURES)
    result = find(
        new_experiment(**with_data(kept_settings(config) | settings, "lr-find digits")), low=low, high=high, steps=steps
    )
    if as_json:
        print_json(result.as_plain_data())
    else:
        print(result)
    if out is not None:
        write_found(result, out)
        print(f"written: {out}", file=sys.stderr)


@settings_command(
    "doctor",
    CHOOSE,
    without=("log", "checkpoint_seconds", "lang", "keep_epochs", "doctor", "heal"),
    other=script_command,
)
def doctor(
    settings: Settings,
    budget: Annotated[float, typer.Option(min=1, help="Seconds for trainings and experiments.")] = 60.0,
    as_json: Json = False,
) -> None:
    """Say what is wrong with a training, and prove it by experiments: given as for `train`, as a run's folder, or as a script.

    profundo doctor script.py ARGS runs a training script as it is.
    """
    from dataclasses import asdict

    from profundo.inspect.training_health import examine_training, experiment_of

    report = examine_training(experiment_of(with_data(settings, "doctor digits")), budget=budget)
    if as_json:
        findings = [{**asdict(finding), "page": finding.page} for finding in report.findings]
        print_json({"healthy": report.healthy, **asdict(report), "findings": findings})
    else:
        print(report)


@command(CHOOSE)
def optimizers(
    quick: Annotated[bool, typer.Option("--quick", help="Shorter races.")] = False,
    seed: Annotated[int, typer.Option(min=0, max=2**31, help="Of the race on digits.")] = 0,
    out: Annotated[Path, typer.Option(help="The page.")] = Path("optimizers.html"),
    as_json: Json = False,
) -> None:
    """Race the optimizers on three surfaces and on digits: a page of pictures, and the ranks."""
    from profundo.files import check_out
    from profundo.studies.optimizer_race import FULL, QUICK, race, ranks, write_race

    check_out(out, ".html")
    found = race(QUICK if quick else FULL, seed)
    if as_json:
        print_json(found.as_plain_data())
    else:
        print_table(ranks(found))
    write_race(found, out)
    print(f"written: {out}", file=sys.stderr)


@command(TRAIN)
def resume(run: RunFolder, as_json: Json = False) -> None:
    """Go on with an interrupted run, to the same result as without the interruption."""
    from profundo.runs.run import Run
    from profundo.use.any_run import any_run

    finished = any_run(run).resume(terminal())
    if isinstance(finished, Run):
        print_run(finished, as_json)
    else:
        print_recipe_run(finished, as_json)


@command(TRAIN)
def evaluate(
    run: RunFolder,
    data: Annotated[
        Path | None,
        typer.Argument(help="Other samples with their targets: a table, a folder of images …", show_default=False),
    ] = None,
    split: Annotated[str, typer.Option(help="test, validation or train.")] = "test",
    as_json: Json = False,
) -> None:
    """Evaluate a finished run's network again: on a split of its data, or on others.

    profundo evaluate runs/risk people-of-may.csv
    """
    from profundo.records import ProfundoError
    from profundo.runs.scoring import score_lines
    from profundo.use.any_run import any_run

    if split not in ("test", "validation", "train"):
        raise ProfundoError(f"split {split!r} is unknown; known: test, validation, train")
    scores = any_run(run).evaluate(data if data is not None else split)
    if as_json:
        figures = {
            "data" if data is not None else split: scores.values,
            "intervals": scores.intervals,
            "baseline": scores.baseline,
            "linear": scores.linear,
        }
        print_json({"run": str(run), "samples": scores.samples, **figures})
        return
    for line in score_lines(scores, split if data is None else data.name):
        print(line)
