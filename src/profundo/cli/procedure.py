"""Commands that train many times to answer one question: cross-validation, learning curves, model selection."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from profundo.cli.app import CHOOSE, DataDir, Json, app
from profundo.cli.printing import print_json, print_table, read_setting, terminal

if TYPE_CHECKING:
    from profundo.studies.cross_validation_result import CrossValidation
    from profundo.studies.learning_curve_result import LearningCurve
    from profundo.studies.model_selection_result import Selected

Data = Annotated[
    str | None,
    typer.Argument(
        help="A name of `profundo datasets`; a folder or zip of images per class; a CSV, TSV, Parquet or .npz file."
    ),
]
Target = Annotated[str | None, typer.Option(help="Of a table, the column to be predicted.", show_default=False)]
Task = Annotated[str | None, typer.Option(help="What a table's target is; recognised.", show_default=False)]
Net = Annotated[str | None, typer.Option(help="A name of `profundo nets`.", show_default=False)]
NetOption = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=VALUE", help="An option of the net, such as dropout=0.2; may be repeated."),
]
Epochs = Annotated[int | None, typer.Option(help="Passes over the training samples.", show_default=False)]
Batch = Annotated[
    str | None, typer.Option(metavar="SAMPLES", help="Samples of one update; 1, or all.", show_default=False)
]
Optimizer = Annotated[str | None, typer.Option(help="A name as `profundo train` takes.", show_default=False)]
Rate = Annotated[float | None, typer.Option(help="The largest of the schedule.", show_default=False)]
EarlyStop = Annotated[
    int | None, typer.Option(help="Stop after so many epochs without a better validation loss.", show_default=False)
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Any other setting of `profundo train`, such as l1=0.001; may be repeated."),
]  # fmt: skip
Seed = Annotated[int | None, typer.Option(help="Of splits, weights and orders.", show_default=False)]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:N.", show_default=False)]
Out = Annotated[
    Path | None,
    typer.Option(help="Folder to keep each training in; the same call goes on there. runs/… otherwise.", show_default=False),
]  # fmt: skip
Resume = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Go on with what was interrupted.", show_default=False)
]


@app.command("cross-validate", rich_help_panel=CHOOSE)
def cross_validate(
    data: Data = None,
    folds: Annotated[int, typer.Option(help="Parts, each held out once.")] = 5,
    repeats: Annotated[int, typer.Option(help="The whole again with other folds.")] = 1,
    group: Annotated[
        str | None,
        typer.Option(
            help="Of a table, the column whose equal values stay on one side, such as patient.", show_default=False
        ),
    ] = None,
    target: Target = None,
    task: Task = None,
    net: Net = None,
    net_option: NetOption = None,
    epochs: Epochs = None,
    batch_size: Batch = None,
    optimizer: Optimizer = None,
    learning_rate: Rate = None,
    early_stop: EarlyStop = None,
    settings: Set = None,
    seed: Seed = None,
    device: Device = None,
    data_dir: DataDir = None,
    out: Out = None,
    resume: Resume = None,
    as_json: Json = False,
) -> None:
    """Hold out each of k parts once: how well does this way of training predict samples it has not seen?"""
    from profundo.studies import cross_validation

    given = named(locals(), settings)
    if resume is not None:
        check_alone(given, resume)
        show(cross_validation.resume_cross_validation(resume, terminal()), as_json)
        return
    show(
        cross_validation.cross_validate(
            wanted(given, "cross-validate digits"),
            folds=folds, repeats=repeats, group=group, out=out or True, voice=terminal(), **given,
        ),
        as_json,
    )  # fmt: skip


@app.command("learning-curve", rich_help_panel=CHOOSE)
def learning_curve(
    data: Data = None,
    sizes: Annotated[
        str, typer.Option(help="Shares of the training samples up to 1, or numbers of them.")
    ] = "0.05,0.1,0.2,0.5,1",
    repeats: Annotated[int, typer.Option(help="With other samples and weights.")] = 3,
    target: Target = None,
    task: Task = None,
    net: Net = None,
    net_option: NetOption = None,
    epochs: Epochs = None,
    batch_size: Batch = None,
    optimizer: Optimizer = None,
    learning_rate: Rate = None,
    early_stop: EarlyStop = None,
    settings: Set = None,
    seed: Seed = None,
    device: Device = None,
    data_dir: DataDir = None,
    out: Out = None,
    resume: Resume = None,
    as_json: Json = False,
) -> None:
    """Train on more and more samples: do more data help?"""
    from profundo.studies import learning_curves

    given = named(locals(), settings)
    if resume is not None:
        check_alone(given, resume)
        show(learning_curves.resume_learning_curve(resume, terminal()), as_json)
        return
    show(
        learning_curves.learning_curve(
            wanted(given, "learning-curve digits"),
            sizes=read_list(sizes, "--sizes"), repeats=repeats, out=out or True, voice=terminal(), **given,
        ),
        as_json,
    )  # fmt: skip


@app.command(rich_help_panel=CHOOSE)
def select(
    data: Data = None,
    vary: Annotated[
        str | None,
        typer.Option(
            metavar="NAME=VALUE,VALUE,…",
            help="The setting: weight_decay=0,0.1,1; depth=0,1,2 or width=8,32 of an mlp; net_options.dropout=0,0.2.",
            show_default=False,
        ),
    ] = None,
    repeats: Annotated[int, typer.Option(help="With other weights and orders; the mean chooses.")] = 1,
    by: Annotated[
        str | None, typer.Option(help="The figure that chooses, such as accuracy; the loss.", show_default=False)
    ] = None,
    target: Target = None,
    task: Task = None,
    net: Net = None,
    net_option: NetOption = None,
    epochs: Epochs = None,
    batch_size: Batch = None,
    optimizer: Optimizer = None,
    learning_rate: Rate = None,
    early_stop: EarlyStop = None,
    settings: Set = None,
    seed: Seed = None,
    device: Device = None,
    data_dir: DataDir = None,
    out: Out = None,
    resume: Resume = None,
    as_json: Json = False,
) -> None:
    """Vary one setting, choose by the validation samples, look at the test samples once."""
    from profundo.records import ProfundoError
    from profundo.studies import model_selection

    given = named(locals(), settings)
    if resume is not None:
        check_alone(given, resume)
        show(model_selection.resume_selection(resume, terminal()), as_json)
        return
    source = wanted(given, "select digits --vary depth=0,1,2")
    if vary is None:
        raise ProfundoError("say what to vary, such as --vary depth=0,1,2 or --vary weight_decay=0,0.1,1")
    name, equals, values = vary.partition("=")
    if not equals or not name.strip():
        raise ProfundoError(f"--vary {vary}: expected NAME=VALUE,VALUE, such as --vary depth=0,1,2")
    asked = {name.strip(): read_list(values, "--vary")}
    show(
        model_selection.select(source, vary=asked, repeats=repeats, by=by, out=out or True, voice=terminal(), **given),
        as_json,
    )


# -------------------------------------------------------------------------------------------------- what they share
SETTINGS = (
    "data",
    "target",
    "task",
    "net",
    "epochs",
    "batch_size",
    "optimizer",
    "learning_rate",
    "early_stop",
    "seed",
    "device",
)


def named(options: dict[str, Any], settings: list[str] | None) -> dict[str, Any]:
    """The settings of an experiment among a command's options, and those of --set."""
    from profundo.data.dataset_names import nearest
    from profundo.records import ProfundoError
    from profundo.runs.experiment import Experiment

    gc.freeze()  # what is imported stays: the collector need not walk through it again and again
    given = {name: options[name] for name in SETTINGS if options[name] is not None}
    if options["data_dir"] is not None:
        given["data_dir"] = str(options["data_dir"])
    if options["net_option"]:
        given["net_options"] = dict(read_setting(text, "--net-option", "dropout=0.2") for text in options["net_option"])
    for text in settings or []:
        name, value = read_setting(text, "--set", "l1=0.001")
        if name not in Experiment.model_fields:
            raise ProfundoError(f"--set {text}: setting {name!r} is unknown; {nearest(name, Experiment.model_fields)}")
        if name in given:
            raise ProfundoError(f"--set {text}: {name} was given already")
        given[name] = value
    return given


def wanted(given: dict[str, Any], such_as: str) -> str:
    """The data, taken out of what was given."""
    from profundo.records import ProfundoError

    if "data" not in given:
        raise ProfundoError(f"say which data, such as `profundo {such_as}`; `profundo datasets` lists them")
    return str(given.pop("data"))


def check_alone(given: dict[str, Any], resume: Path) -> None:
    """With --resume everything is in the folder."""
    from profundo.records import ProfundoError

    if given:
        raise ProfundoError(f"--resume {resume} knows its settings: leave out {', '.join(given)}")


def read_list(text: str, option: str) -> list[Any]:
    """The values between commas, as YAML reads them; a value may be a list in brackets."""
    from profundo.records import ProfundoError
    from profundo.runs.experiment import read_value

    values = read_value(f"[{text}]")
    if not isinstance(values, list) or any(value is None or isinstance(value, dict) for value in values):
        raise ProfundoError(f"{option} {text}: expected values with commas between them")
    return values


def show(found: CrossValidation | LearningCurve | Selected, as_json: bool) -> None:
    if as_json:
        print_json(found.as_plain_data())
    else:
        print_table(found.rows())
