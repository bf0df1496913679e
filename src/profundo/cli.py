"""The command line: parse, call a recipe, print. Nothing here knows how anything is done.

Training talks on stderr; lists, figures and predictions are on stdout, with --json as exactly one JSON object.
"""

from __future__ import annotations

import gc
import io
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from profundo import __version__

if TYPE_CHECKING:
    from profundo.graph.derivatives.derivations import Derivation
    from profundo.graph.traces.profiling import Profile
    from profundo.recipes.display import Voice
    from profundo.recipes.graphing import Shown
    from profundo.recipes.recipe import RecipeRun
    from profundo.recipes.supervised import Run

app = typer.Typer(
    name="profundo",
    help="A deep-learning workbench: train fast, look inside, know why.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, everything else on stderr.")]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder, such as runs/digits-1.")]
DataDir = Annotated[
    Path | None, typer.Option(help="Folder with mnist/, cifar10/; PROFUNDO_DATA otherwise.", show_default=False)
]


def _version(asked: bool) -> None:
    if asked:
        print(f"profundo {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which version this is, and exit.")
    ] = False,
) -> None:
    """A deep-learning workbench: train fast, look inside, know why."""


@app.command()
def train(
    data: Annotated[
        str | None,
        typer.Argument(
            help="A name of `profundo datasets`; a folder or zip of images per class; a CSV, TSV, Parquet or .npz file."
        ),
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="Of a table, the column to be predicted.", show_default=False)
    ] = None,
    image_size: Annotated[
        int | None, typer.Option(help="Scale and cut the images of a folder to this side.", show_default=False)
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="What a table's target is: classes or real; recognised.", show_default=False)
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
        bool | None, typer.Option("--stream/--in-memory", help="Read images while training.", show_default=False)
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes that read streamed images.", show_default=False)
    ] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out unreadable images, with a note.")] = False,
    checkpoint_seconds: Annotated[
        float | None, typer.Option(help="Save the state of training this often.", show_default=False)
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
        "learning_rate": learning_rate, "schedule": schedule, "augment": _changes(augment), "weight_decay": weight_decay,
        "warm_up": warm_up, "l1": l1,
        "net_options": dict(_setting(text, "--net-option", "dropout=0.2") for text in net_option or []) or None,
        "label_smoothing": label_smoothing, "early_stop": early_stop, "validation": validation,
        "accumulate": accumulate, "clip": clip, "seed": seed, "device": device, "precision": precision,
        "stream": stream, "workers": workers, "skip_bad": skip_bad or None, "checkpoint_seconds": checkpoint_seconds,
        "data_dir": str(data_dir) if data_dir else None,
    }  # fmt: skip
    from profundo.recipes.experiment import experiment, read_experiment
    from profundo.recipes.supervised import prepare
    from profundo.recipes.supervised import train as train_recipe
    from profundo.records import ProfundoError

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
        _print_plan(prepared, as_json)
        return
    _print_run(train_recipe(asked, out=out, voice=_voice()), as_json)


@app.command("lr-find")
def lr_find(
    data: Annotated[str, typer.Argument(help="A name of `profundo datasets`, or a folder or zip of images per class.")],
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
    from profundo.recipes.experiment import experiment
    from profundo.recipes.lr_finding import check_picture, find, write_found

    given = {
        "data": data, "net": net, "optimizer": optimizer, "batch_size": batch_size, "seed": seed, "device": device,
        "net_options": dict(_setting(text, "--net-option", "dropout=0.2") for text in net_option or []) or None,
        "data_dir": str(data_dir) if data_dir else None,
    }  # fmt: skip
    if out is not None:
        check_picture(out)
    asked = experiment(**{name: value for name, value in given.items() if value is not None})
    found = find(asked, low=low, high=high, steps=steps)
    if as_json:
        _print_json(found.as_plain_data())
    else:
        print(found)
    if out is not None:
        write_found(found, out)
        print(f"written: {out}", file=sys.stderr)


@app.command()
def optimizers(
    quick: Annotated[bool, typer.Option("--quick", help="Shorter races.")] = False,
    seed: Annotated[int, typer.Option(min=0, max=2**31, help="Of the race on digits.")] = 0,
    out: Annotated[Path, typer.Option(help="The page.")] = Path("optimizers.html"),
    as_json: Json = False,
) -> None:
    """Race the optimizers on three surfaces and on digits: a page of pictures, and the ranks."""
    from profundo.recipes.racing import FULL, QUICK, check_page, race, ranks, write_race

    check_page(out)
    found = race(QUICK if quick else FULL, seed)
    if as_json:
        _print_json(found.as_plain_data())
    else:
        _print_table(ranks(found))
    write_race(found, out)
    print(f"written: {out}", file=sys.stderr)


@app.command()
def recipes(as_json: Json = False) -> None:
    """List the recipes: methods of deep learning, each a complete experiment with a stated result."""
    from profundo.recipes.catalogue import RECIPES

    _print_names(dict(RECIPES), "recipes", as_json)


@app.command()
def recipe(
    name: Annotated[str | None, typer.Argument(help="A name of `profundo recipes`.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A setting; may be repeated.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="The same method at a size that takes seconds.")] = False,
    seed: Annotated[int | None, typer.Option(help="Of everything drawn at random.", show_default=False)] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:N.", show_default=False)] = None,
    out: Annotated[
        Path | None, typer.Option(help="The run's folder; runs/<name>-<n> otherwise.", show_default=False)
    ] = None,
    data_dir: DataDir = None,
    config: Annotated[
        Path | None,
        typer.Option(help="Repeat the run of an experiment.yaml; options given here win.", show_default=False),
    ] = None,
    describe: Annotated[bool, typer.Option("--describe", help="Say what it does and its settings, and stop.")] = False,
    as_json: Json = False,
) -> None:
    """Run a recipe: train, evaluate and show one method."""
    from dataclasses import asdict

    from profundo.recipes.cooked import read_request
    from profundo.recipes.recipe import about, check, described
    from profundo.records import ProfundoError

    given: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    if config is not None:
        if quick:
            raise ProfundoError("--quick and --config: a configuration holds every setting; give one of them")
        before = read_request(config)
        if name not in (None, before.recipe):
            raise ProfundoError(f"{config}: is one of recipe {before.recipe}, not {name}")
        name, given = before.recipe, asdict(before.settings)
        rest = {"seed": before.seed, "device": before.device, "data_dir": before.data_dir}
    if name is None:
        raise ProfundoError("say which recipe, such as `profundo recipe vae`; `profundo recipes` lists them")
    check(name)
    given |= dict(_setting(text) for text in settings or [])
    if describe:
        _print_description(name, about(name), described(name, given, quick), as_json)
        return
    from profundo.recipes.cooking import cook

    options = {"seed": seed, "device": device, "data_dir": str(data_dir) if data_dir else None}
    rest |= {key: value for key, value in options.items() if value is not None}
    gc.freeze()
    _print_recipe_run(cook(name, given, quick=quick, out=out, voice=_voice(), **rest), as_json)


@app.command()
def generate(
    run: RunFolder,
    count: Annotated[int, typer.Option(min=1, max=10_000, help="How many.")] = 16,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Of the draws.")] = 0,
    prompt: Annotated[str, typer.Option(help="What a text begins with.")] = "",
    out: Annotated[
        Path | None, typer.Option(help="Folder for pictures; RUN/generated otherwise.", show_default=False)
    ] = None,
) -> None:
    """Let a recipe's trained networks make something new: pictures, text."""
    from profundo.pictures.exhibits import drawn
    from profundo.recipes.cooked import open_model
    from profundo.recipes.folder import Folder
    from profundo.recipes.recipe import generated
    from profundo.recipes.showing import LIST, write_exhibits
    from profundo.records import ProfundoError

    name, model = open_model(run)
    made = [drawn(exhibit) for exhibit in generated(name, model, count, seed, prompt)]
    for exhibit in made:
        if exhibit.kind in ("text", "table"):
            print(exhibit.text)
    place = out if out is not None else Folder(run).path / "generated"
    if (place / LIST).exists():
        raise ProfundoError(f"{place}: holds the exhibits of a run; choose another --out")
    for path in write_exhibits(
        place, [exhibit for exhibit in made if exhibit.kind not in ("text", "table")], listed=False
    ):
        print(path)


@app.command()
def resume(run: RunFolder, as_json: Json = False) -> None:
    """Go on with an interrupted run, to the same result as without the interruption."""
    from profundo.recipes.running import resume as resume_run
    from profundo.recipes.supervised import Run

    finished = resume_run(run, voice=_voice())
    if isinstance(finished, Run):
        _print_run(finished, as_json)
    else:
        _print_recipe_run(finished, as_json)


@app.command()
def evaluate(
    run: RunFolder,
    split: Annotated[str, typer.Option(help="test, validation or train.")] = "test",
    as_json: Json = False,
) -> None:
    """Evaluate a finished run's network again."""
    from profundo.recipes.display import figure
    from profundo.recipes.running import is_recipe_run
    from profundo.recipes.supervised import evaluate_split, open_run
    from profundo.records import ProfundoError

    if split not in ("test", "validation", "train"):
        raise ProfundoError(f"split {split!r} is unknown; known: test, validation, train")
    if is_recipe_run(run):
        raise ProfundoError(f"{run}: a recipe evaluates its own networks; its scores are in {run}/scores.json")
    opened = open_run(run, evaluate=False)
    _, scores = evaluate_split(opened.net, opened.data, getattr(opened.data, split))
    if as_json:
        _print_json({"run": str(run), "samples": scores.samples, split: scores.values, "baseline": scores.baseline})
        return
    for name, value in scores.values.items():
        print(f"{split} {name}: {figure(name, value)}   (constant predictor: {figure(name, scores.baseline[name])})")


@app.command()
def predict(
    run: RunFolder,
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Images, a CSV of rows with a header, or what the recipe takes."),
    ],
    as_json: Json = False,
) -> None:
    """Say what a finished run's network sees in images, rows or sounds. Needs the run's folder only."""
    from profundo.recipes.running import predict_files

    said = predict_files(run, files)
    if as_json:
        _print_json({"run": str(run), "predictions": said})
        return
    for one in said:
        sure = f"   {100 * one['probability']:.1f} %" if "probability" in one else ""
        print(f"{one['input']}: {one['prediction']}{sure}")


@app.command()
def report(run: RunFolder) -> None:
    """Write a finished run's report anew and say where it is."""
    from profundo.recipes.running import write_report

    print(write_report(run))


@app.command()
def runs(
    folder: Annotated[Path, typer.Argument(help="Where the runs are.")] = Path("runs"), as_json: Json = False
) -> None:
    """List the runs, oldest first."""
    from profundo.recipes.listing import list_runs

    rows = list_runs(folder)
    if as_json:
        _print_json({"runs": rows})
    elif rows:
        _print_table(rows)
    else:
        print(f"no runs in {folder}; `profundo train digits` makes one")


@app.command()
def datasets(as_json: Json = False) -> None:
    """List the data sets that have a name."""
    from profundo.data import names

    _print_names(names(), "datasets", as_json)


@app.command()
def augment(
    data: Annotated[
        str | None, typer.Argument(help="A name of `profundo datasets`, or a folder or zip of images per class.")
    ] = None,
    changes: Annotated[
        str | None,
        typer.Option("--augment", help="As of `profundo train`; each of them otherwise.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Of the draws.")] = 0,
    out: Annotated[Path, typer.Option(help="The page.")] = Path("augmentation.html"),
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List the augmentations; or show on a page what they make of training images."""
    from profundo.recipes.augmenting import augmentation_page, listed

    if data is None:
        _print_names(listed(), "augmentations", as_json)
        return
    from profundo.data import load
    from profundo.files import write_text

    write_text(out, augmentation_page(load(data, data_dir=data_dir), _changes(changes) or [], seed))
    if as_json:
        _print_json({"page": str(out)})
    else:
        print(out)


@app.command()
def nets(
    name: Annotated[str | None, typer.Argument(help="Of one net, tell the layers.")] = None,
    data: Annotated[str | None, typer.Option(help="For this of `profundo datasets`.", show_default=False)] = None,
    inputs: Annotated[
        str | None,
        typer.Option(
            "--input", metavar="SIZES", help="For inputs such as 3x32x32, and ten classes.", show_default=False
        ),
    ] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List the networks that have a name; or of one, each layer with its shape, parameters, FLOPs and receptive field."""
    if name is None:
        from profundo.nets import NETS
        from profundo.records import ProfundoError

        if data or inputs:
            raise ProfundoError("say which net, such as `profundo nets lenet5 --input 1x28x28`")
        _print_names(dict(NETS), "nets", as_json)
        return
    from profundo.recipes.tabulating import tabulated

    table = tabulated(name, data=data, inputs=inputs, data_dir=data_dir)
    if as_json:
        _print_json(table.as_plain_data())
    else:
        print(table)


@app.command()
def activations(
    out: Annotated[
        Path | None, typer.Option(help="Write a page with their curves and derivatives here.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """List the activations with formula, derivative, range and advice."""
    from profundo.files import write_text
    from profundo.recipes.activating import activations_page, listed
    from profundo.records import ProfundoError

    if out is not None:
        if out.is_dir() or not out.absolute().parent.is_dir():
            raise ProfundoError(f"{out}: expected a file in a folder that exists")
        write_text(out, activations_page())
    if as_json:
        _print_json({"activations": listed()} | ({} if out is None else {"page": str(out)}))
    elif out is not None:
        print(out)
    else:
        for name, one in listed().items():
            print(f"{name}\n  f(a) = {one['formula']}\n  f′(a) = {one['derivative']}")
            print(f"  range {one['range']}, gain {one['gain']:.4g}. {one['advice']}")


@app.command(context_settings={"help_option_names": ["--help"], "ignore_unknown_options": True})
def graph(
    context: typer.Context,
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="FORMULA|RUN|FILE.py:NAME", help='Such as "(a+b)*3b", runs/digits-1, or my_module.py:Net.'
        ),
    ] = None,
    values: Annotated[
        list[str] | None, typer.Argument(metavar="NAME=VALUE", help="Of the formula's variables, such as a=5.")
    ] = None,
    net: Annotated[str | None, typer.Option(help="A name of `profundo nets`, on --data.", show_default=False)] = None,
    data: Annotated[
        str | None, typer.Option(help="A name of `profundo datasets`, or a folder of images.", show_default=False)
    ] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            metavar="SIZES",
            help="What NAME takes, such as 1x3x32x32 (normal numbers) or int64:1x20 (zeros and ones, at random); "
            "repeat it for several.",
        ),
    ] = None,
    derive: Annotated[
        list[str] | None,
        typer.Option(metavar="NODE", help="Write out the derivative by this node; may be repeated."),
    ] = None,
    depth: Annotated[
        int | None, typer.Option(min=1, help="Fold modules so many levels down.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Rows of a table.")] = 60,
    latex: Annotated[bool, typer.Option("--latex", help="Derivatives in LaTeX.")] = False,
    profile: Annotated[bool, typer.Option("--profile", help="Say where time and memory go.")] = False,
    svg: Annotated[Path | None, typer.Option(help="Draw the graph into this file.", show_default=False)] = None,
    dot: Annotated[Path | None, typer.Option(help="The graph for Graphviz.", show_default=False)] = None,
    mermaid: Annotated[Path | None, typer.Option(help="The graph for Mermaid.", show_default=False)] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Open a computation: every step with its value, its gradient and the chain rule behind it.

    Of a formula:  profundo graph "(a+b)*3*b" a=5 b=3

    Of a net on real samples:  profundo graph --net lenet5 --data digits

    Of what a run has trained:  profundo graph runs/digits-1

    Of a module or function of your own:  profundo graph my_module.py:Net --input 1x3x32x32

    The file my_module.py is Python code of yours and is run, as `python my_module.py` runs it, but with a __name__ of
    its own.
    """
    if what == "-h":
        print(context.get_help())
        return
    from profundo.recipes.graphing import asked, derivations, profiled, write_files

    shown = asked(what, values or [], net=net, data=data, inputs=inputs or [], data_dir=data_dir)
    derived = derivations(shown.graph, derive or (None if shown.is_formula else []))
    times = profiled(shown) if profile else None
    written = write_files(shown.graph, {"svg": svg, "dot": dot, "mermaid": mermaid}, depth)
    _print_graph(shown, derived, times, depth=depth, limit=limit, latex=latex, as_json=as_json)
    for path in written:
        print(f"written: {path}", file=sys.stderr)


# ------------------------------------------------------------------------------------------------------- printing
def _list(text: str | None) -> list[str] | None:
    if text is None:
        return None
    return [name.strip() for name in text.split(",") if name.strip() not in ("", "none")]


def _changes(text: str | None) -> Any:
    """Augmentations: names with commas, or a list in YAML where some have options."""
    from profundo.recipes.experiment import read_value

    return read_value(text) if text is not None and text.lstrip().startswith("[") else _list(text)


def _voice() -> Voice:
    from profundo.recipes.display import Terminal

    return Terminal()


def _print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2))


def _print_names(names: dict[str, str], title: str, as_json: bool) -> None:
    if as_json:
        _print_json({title: names})
        return
    width = max(map(len, names))
    for name, text in names.items():
        print(f"{name:{width}}  {text}")


def _print_table(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in rows[0]:
        table.add_column(name)
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    Console().print(table)


def _print_plan(prepared: Any, as_json: bool) -> None:
    data, asked = prepared.data, prepared.experiment
    parameters = sum(parameter.numel() for parameter in prepared.net.parameters())
    settings = {name: value for name, value in asked.settings().items() if value not in (None, [], {})}
    plan = {
        "samples": {"train": len(data.train), "validation": len(data.validation), "test": len(data.test)},
        "parameters": parameters,
        "steps": asked.epochs * max(1, len(data.train) // asked.batch_size),
        "device": str(prepared.device),
        "precision": prepared.precision,
        "experiment": settings,
    }
    if as_json:
        _print_json(plan)
        return
    for name, value in {**settings, **plan}.items():
        if isinstance(value, dict):
            value = ", ".join(f"{part} {number:,}" for part, number in value.items() if isinstance(number, int))
        if name != "experiment":
            print(f"{name:18}  {value}")


def _print_run(run: Run, as_json: bool) -> None:
    if not as_json or run.scores is None:
        return
    _print_json(
        {
            "test": dict(run.scores.values),
            "baseline": dict(run.scores.baseline),
            "epochs": len(run.history),
            "best_epoch": None if run.best_epoch is None else run.best_epoch + 1,
            "seconds": sum(run.seconds.values()),
            "phases": run.seconds,
            "run": str(run.folder.path) if run.folder else None,
        }
    )


def _setting(text: str, option: str = "--set", such_as: str = "epochs=3") -> tuple[str, Any]:
    """(name, value) of "name=value"; the value as YAML reads it."""
    from profundo.recipes.experiment import read_value
    from profundo.records import ProfundoError

    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise ProfundoError(f"{option} {text}: expected NAME=VALUE, such as {option} {such_as}")
    return name.strip(), read_value(value)


def _print_description(name: str, about: list[str], settings: dict[str, Any], as_json: bool) -> None:
    if as_json:
        _print_json({"recipe": name, "about": about, "settings": settings})
        return
    print("\n\n".join(about))
    print(f"\nsettings (change one with `profundo recipe {name} --set NAME=VALUE`):")
    for key, value in settings.items():
        print(f"  {key} = {value}")


def _print_recipe_run(run: RecipeRun, as_json: bool) -> None:
    if as_json:
        outcome = run.outcome
        _print_json(
            {
                "recipe": run.request.recipe,
                "test": dict(outcome.scores),
                "baseline": dict(outcome.baseline),
                "conclusion": outcome.conclusion,
                "seconds": run.seconds,
                "run": str(run.folder.path) if run.folder else None,
            }
        )


def _print_graph(
    shown: Shown,
    derived: list[Derivation],
    times: Profile | None,
    *,
    depth: int | None,
    limit: int,
    latex: bool,
    as_json: bool,
) -> None:
    from profundo.graph.drawings.tables import layers, table
    from profundo.recipes.graphing import as_plain_data

    if as_json:
        _print_json(as_plain_data(shown, derived, times))
        return
    if shown.is_formula:
        print(table(shown.graph, limit=limit))
    else:
        print(layers(shown.graph, depth=depth, limit=limit))
    for one in derived:
        print(f"\n{one.latex if latex else one.text}")
    if times is not None:
        print(f"\n{times}")


def main() -> None:
    """The entry point. Exit status: 1 for a mistake that one line explains, 2 for wrong usage, 130 or 143 when
    interrupted with the state saved."""
    from profundo.records import Interrupted, ProfundoError

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without ∂ gets ?
    try:
        try:
            app(standalone_mode=True)
        finally:
            sys.stdout.flush()
    except ProfundoError as error:
        print(f"profundo: {error}", file=sys.stderr)
        sys.exit(1)
    except Interrupted as interrupted:  # the run has said how to go on
        sys.exit(interrupted.code)
    except BrokenPipeError:
        os._exit(141)  # whoever read us went away
    except OSError as error:
        print(f"profundo: {error.strerror or error}: {error.filename or 'what was to be printed'}", file=sys.stderr)
        os._exit(1)  # what could not be written is not tried again
