"""Commands that train networks, and those about runs."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Annotated

import typer

from profundo.cli.app import CHOOSE, TRAIN, DataDir, Json, RunFolder, app
from profundo.cli.printing import (
    print_json,
    print_plan,
    print_recipe_run,
    print_run,
    print_table,
    read_changes,
    read_setting,
    read_weights,
    terminal,
)


@app.command(rich_help_panel=TRAIN)
def train(
    data: Annotated[
        str | None,
        typer.Argument(
            help="A name of `profundo datasets`; a folder or zip of images per class; a CSV, TSV, Parquet or .npz file; "
            "tar shards; also at an address such as s3://…"
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(help="Of a table, the column to be predicted; several with commas.", show_default=False),
    ] = None,
    image_size: Annotated[
        int | None, typer.Option(help="Scale and cut the images of a folder to this side.", show_default=False)
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(help="What a table's target is: classes, labels or real; recognised.", show_default=False),
    ] = None,
    net: Annotated[str | None, typer.Option(help="A name of `profundo nets`.", show_default=False)] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training samples.", show_default=False)] = None,
    net_option: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="An option of the net, such as dropout=0.2; may be repeated."),
    ] = None,
    batch_size: Annotated[
        str | None,
        typer.Option(
            metavar="SAMPLES", help="Samples of one update, over all processes; 1, or all.", show_default=False
        ),
    ] = None,
    optimizer: Annotated[
        str | None,
        typer.Option(help="sgd, momentum, nesterov, adagrad, adadelta, rmsprop, adam or adamw.", show_default=False),
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="The largest of the schedule.", show_default=False)
    ] = None,
    schedule: Annotated[
        str | None,
        typer.Option(
            help="constant, step, exponential, cosine, cyclic, cyclic-exponential or one-cycle.", show_default=False
        ),
    ] = None,
    warm_up: Annotated[
        float | None,
        typer.Option(help="Share of training in which the rate rises to the schedule's.", show_default=False),
    ] = None,
    augment: Annotated[
        str | None,
        typer.Option(
            help="shift, mirror, crop, colour, cutout, mixup …: several with commas, none for none; with options as in "
            "'[mirror, {crop: {scale: [0.6, 1]}}]'. `profundo augment` lists and shows them.",
            show_default=False,
        ),
    ] = None,
    weight_decay: Annotated[
        float | None, typer.Option(help="λ of the penalty λ/2‖W‖² on the weights.", show_default=False)
    ] = None,
    l1: Annotated[float | None, typer.Option(help="λ of the penalty λ‖W‖₁ on the weights.", show_default=False)] = None,
    objective: Annotated[
        str | None,
        typer.Option(
            help="What training lowers: bernoulli or hinge; gaussian, laplace or huber; chosen by the target.",
            show_default=False,
        ),
    ] = None,
    class_weights: Annotated[
        str | None,
        typer.Option(
            metavar="balanced|W,W,…",
            help="How much a sample of each class counts: balanced, or a number for each class.",
            show_default=False,
        ),
    ] = None,
    label_smoothing: Annotated[
        float | None, typer.Option(help="Share of each target spread over all classes.", show_default=False)
    ] = None,
    early_stop: Annotated[
        int | None,
        typer.Option(
            help="Stop after so many epochs without a better validation loss; keep the best.", show_default=False
        ),
    ] = None,
    validation: Annotated[
        float | None, typer.Option(help="Share of the training samples kept aside to validate.", show_default=False)
    ] = None,
    accumulate: Annotated[
        int | None,
        typer.Option(help="Put each batch through the net in so many parts, to save memory.", show_default=False),
    ] = None,
    clip: Annotated[float | None, typer.Option(help="Largest norm of the gradient.", show_default=False)] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of split, weights, order and augmentation.", show_default=False)
    ] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:N.", show_default=False)] = None,
    precision: Annotated[str | None, typer.Option(help="auto, float32 or bfloat16.", show_default=False)] = None,
    stream: Annotated[
        bool | None,
        typer.Option(
            "--stream/--in-memory", help="Read images or rows while training, not before.", show_default=False
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes that read streamed images.", show_default=False)
    ] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out unreadable images, with a note.")] = False,
    checkpoint_seconds: Annotated[
        float | None, typer.Option(help="Save the state of training this often.", show_default=False)
    ] = None,
    log: Annotated[
        str | None, typer.Option(help="tensorboard: also write what TensorBoard shows.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The run's folder; runs/<data>-<n> otherwise.", show_default=False)
    ] = None,
    data_dir: DataDir = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="Settings from a file such as runs/x/experiment.yaml; options given here win.", show_default=False
        ),
    ] = None,
    as_json: Json = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and stop.")] = False,
) -> None:
    """Train a network on data, evaluate it and write a report."""
    given = {
        "data": data, "target": target, "task": task, "image_size": image_size, "net": net, "epochs": epochs,
        "batch_size": batch_size, "optimizer": optimizer,
        "learning_rate": learning_rate, "schedule": schedule, "augment": read_changes(augment), "weight_decay": weight_decay,
        "warm_up": warm_up, "l1": l1,
        "net_options": dict(read_setting(text, "--net-option", "dropout=0.2") for text in net_option or []) or None,
        "objective": objective, "class_weights": read_weights(class_weights), "log": log,
        "label_smoothing": label_smoothing, "early_stop": early_stop, "validation": validation,
        "accumulate": accumulate, "clip": clip, "seed": seed, "device": device, "precision": precision,
        "stream": stream, "workers": workers, "skip_bad": skip_bad or None, "checkpoint_seconds": checkpoint_seconds,
        "data_dir": str(data_dir) if data_dir else None,
    }  # fmt: skip
    from profundo.records import ProfundoError
    from profundo.runs.experiment import experiment, read_experiment
    from profundo.runs.supervised import prepare
    from profundo.runs.supervised import train as train_recipe

    gc.freeze()  # what is imported stays: the collector need not walk through it again and again
    settings = read_experiment(config) if config else {}
    if "recipe" in settings:
        raise ProfundoError(f"{config}: was asked of a recipe; `profundo recipe --config {config}` repeats it")
    settings |= {name: value for name, value in given.items() if value is not None}
    if "data" not in settings:
        raise ProfundoError("say which data, such as `profundo train digits`; `profundo datasets` lists them")
    asked = experiment(**settings)
    if dry_run:
        prepared = prepare(asked)
        print_plan(prepared, as_json)
        return
    print_run(train_recipe(asked, out=out, voice=terminal()), as_json)


@app.command("lr-find", rich_help_panel=CHOOSE)
def lr_find(
    data: Annotated[str, typer.Argument(help="A name of `profundo datasets`, or data of your own, as for `train`.")],
    target: Annotated[
        str | None, typer.Option(help="Of a table, the column to be predicted.", show_default=False)
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="What the target is: classes, labels or real; recognised.", show_default=False)
    ] = None,
    net: Annotated[str | None, typer.Option(help="A name of `profundo nets`.", show_default=False)] = None,
    net_option: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="An option of the net, such as dropout=0.2; may be repeated."),
    ] = None,
    optimizer: Annotated[
        str | None,
        typer.Option(help="sgd, momentum, nesterov, adagrad, adadelta, rmsprop, adam or adamw.", show_default=False),
    ] = None,
    batch_size: Annotated[
        str | None, typer.Option(metavar="SAMPLES", help="Samples of one update; 1, or all.", show_default=False)
    ] = None,
    low: Annotated[float | None, typer.Option(help="Where the rate begins.", show_default=False)] = None,
    high: Annotated[float | None, typer.Option(help="Where the rate ends.", show_default=False)] = None,
    steps: Annotated[int, typer.Option(min=10, max=100_000, help="Updates, at most.")] = 100,
    seed: Annotated[int | None, typer.Option(help="Of split, weights and order.", show_default=False)] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:N.", show_default=False)] = None,
    out: Annotated[
        Path | None, typer.Option(help="Draw the curve into this file, .svg or .html.", show_default=False)
    ] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Find a learning rate: train for a few steps with a growing one, and look where the loss falls and diverges."""
    from profundo.inspect.learning_rate import check_picture, find, write_found
    from profundo.runs.experiment import experiment

    given = {
        "data": data, "target": target, "task": task, "net": net, "optimizer": optimizer, "batch_size": batch_size,
        "seed": seed, "device": device,
        "net_options": dict(read_setting(text, "--net-option", "dropout=0.2") for text in net_option or []) or None,
        "data_dir": str(data_dir) if data_dir else None,
    }  # fmt: skip
    if out is not None:
        check_picture(out)
    asked = experiment(**{name: value for name, value in given.items() if value is not None})
    found = find(asked, low=low, high=high, steps=steps)
    if as_json:
        print_json(found.as_plain_data())
    else:
        print(found)
    if out is not None:
        write_found(found, out)
        print(f"written: {out}", file=sys.stderr)


@app.command(rich_help_panel=CHOOSE)
def optimizers(
    quick: Annotated[bool, typer.Option("--quick", help="Shorter races.")] = False,
    seed: Annotated[int, typer.Option(min=0, max=2**31, help="Of the race on digits.")] = 0,
    out: Annotated[Path, typer.Option(help="The page.")] = Path("optimizers.html"),
    as_json: Json = False,
) -> None:
    """Race the optimizers on three surfaces and on digits: a page of pictures, and the ranks."""
    from profundo.studies.optimizer_race import FULL, QUICK, check_page, race, ranks, write_race

    check_page(out)
    found = race(QUICK if quick else FULL, seed)
    if as_json:
        print_json(found.as_plain_data())
    else:
        print_table(ranks(found))
    write_race(found, out)
    print(f"written: {out}", file=sys.stderr)


@app.command(rich_help_panel=TRAIN)
def resume(run: RunFolder, as_json: Json = False) -> None:
    """Go on with an interrupted run, to the same result as without the interruption."""
    from profundo.runs.run import Run
    from profundo.use.any_run import any_run

    finished = any_run(run).resume(terminal())
    if isinstance(finished, Run):
        print_run(finished, as_json)
    else:
        print_recipe_run(finished, as_json)


@app.command(rich_help_panel=TRAIN)
def evaluate(
    run: RunFolder,
    split: Annotated[str, typer.Option(help="test, validation or train.")] = "test",
    as_json: Json = False,
) -> None:
    """Evaluate a finished run's network again."""
    from profundo.records import ProfundoError
    from profundo.runs.scoring import score_lines
    from profundo.use.any_run import any_run

    if split not in ("test", "validation", "train"):
        raise ProfundoError(f"split {split!r} is unknown; known: test, validation, train")
    scores = any_run(run).evaluate(split)
    if as_json:
        figures = {split: scores.values, "baseline": scores.baseline, "linear": scores.linear}
        print_json({"run": str(run), "samples": scores.samples, **figures})
        return
    for line in score_lines(scores, split):
        print(line)
