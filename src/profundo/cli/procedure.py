"""Commands that train many times to answer one question: cross-validation, learning curves, model selection."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from profundo.cli.app import CHOOSE, Json
from profundo.cli.printing import print_json, print_table, terminal
from profundo.cli.settings import Settings, settings_command, with_data

if TYPE_CHECKING:
    from profundo.studies.cross_validation_result import CrossValidation
    from profundo.studies.learning_curve_result import LearningCurve
    from profundo.studies.model_selection_result import Selected

Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A setting by its name in experiment.yaml, such as l1=0.001; may be repeated."),
]  # fmt: skip
Out = Annotated[
    Path | None,
    typer.Option(help="Folder to keep each training in; the same call goes on there. runs/… otherwise.", show_default=False),
]  # fmt: skip
Resume = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Go on with what was interrupted.", show_default=False)
]


@settings_command("cross-validate", CHOOSE, without=("log", "lang", "keep_epochs", "doctor", "heal"))
def cross_validate(
    settings: Settings,
    folds: Annotated[int, typer.Option(help="Parts, each held out once.")] = 5,
    repeats: Annotated[int, typer.Option(help="The whole again with other folds.")] = 1,
    more: Set = None,
    out: Out = None,
    resume: Resume = None,
    as_json: Json = False,
) -> None:
    """Hold out each of k parts once: how well does this way of training predict samples it has not seen?"""
    from profundo.studies import cross_validation

    given = settings | read_more(more, settings)
    if resume is not None:
        check_alone(given, resume)
        result = cross_validation.resume_cross_validation(resume, terminal())
    else:
        with_data(given, "cross-validate digits")
        result = cross_validation.cross_validate(
            **given, folds=folds, repeats=repeats, out=out or True, voice=terminal()
        )
    show(result, as_json)


@settings_command("learning-curve", CHOOSE, without=("log", "lang", "keep_epochs", "doctor", "heal"))
def learning_curve(
    settings: Settings,
    sizes: Annotated[
        str, typer.Option(help="Shares of the training samples up to 1, or numbers of them.")
    ] = "0.05,0.1,0.2,0.5,1",
    repeats: Annotated[int, typer.Option(help="With other samples and weights.")] = 3,
    more: Set = None,
    out: Out = None,
    resume: Resume = None,
    as_json: Json = False,
) -> None:
    """Train on more and more samples: do more data help?"""
    from profundo.studies import learning_curves

    given = settings | read_more(more, settings)
    if resume is not None:
        check_alone(given, resume)
        result = learning_curves.resume_learning_curve(resume, terminal())
    else:
        with_data(given, "learning-curve digits")
        result = learning_curves.learning_curve(
            **given, sizes=read_list(sizes, "--sizes"), repeats=repeats, out=out or True, voice=terminal()
        )
    show(result, as_json)


@settings_command("select", CHOOSE, without=("log", "lang", "keep_epochs", "doctor", "heal"))
def select(
    settings: Settings,
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
    more: Set = None,
    out: Out = None,
    resume: Resume = None,
    as_json: Json = False,
) -> None:
    """Vary one setting, choose by the validation samples, look at the test samples once."""
    from profundo.studies import model_selection

    given = settings | read_more(more, settings)
    if resume is not None:
        check_alone(given, resume)
        result = model_selection.resume_selection(resume, terminal())
    else:
        with_data(given, "select digits --vary depth=0,1,2")
        result = model_selection.select(
            **given, vary=read_variation(vary), repeats=repeats, by=by, out=out or True, voice=terminal()
        )
    show(result, as_json)


# -------------------------------------------------------------------------------------------------- what they share
def read_more(texts: list[str] | None, settings: Settings) -> Settings:
    """The settings of --set, which are not among those given as options."""
    from profundo.data.dataset_names import nearest
    from profundo.records import ProfundoError
    from profundo.runs.experiment import SETTINGS
    from profundo.runs.settings.plain_yaml import read_pair

    more: Settings = {}
    for text in texts or []:
        name, value = read_pair(text, "--set", "l1=0.001")
        if name not in SETTINGS:
            raise ProfundoError(f"--set {text}: setting {name!r} is unknown; {nearest(name, SETTINGS)}")
        if name in settings or name in more:
            raise ProfundoError(f"--set {text}: {name} was given already")
        more[name] = value
    return more


def read_variation(text: str | None) -> dict[str, list[Any]]:
    """The setting of --vary with its values."""
    from profundo.records import ProfundoError

    if text is None:
        raise ProfundoError("say what to vary, such as --vary depth=0,1,2 or --vary weight_decay=0,0.1,1")
    name, equals, values = text.partition("=")
    if not equals or not name.strip():
        raise ProfundoError(f"--vary {text}: expected NAME=VALUE,VALUE, such as --vary depth=0,1,2")
    return {name.strip(): read_list(values, "--vary")}


def check_alone(given: dict[str, Any], resume: Path) -> None:
    """With --resume everything is in the folder."""
    from profundo.records import ProfundoError

    if given:
        raise ProfundoError(f"--resume {resume} knows its settings: leave out {', '.join(given)}")


def read_list(text: str, option: str) -> list[Any]:
    """The values between commas, as YAML reads them; a value may be a list in brackets."""
    from profundo.records import ProfundoError
    from profundo.runs.settings.plain_yaml import read_value

    values = read_value(f"[{text}]")
    if not isinstance(values, list) or any(value is None or isinstance(value, dict) for value in values):
        raise ProfundoError(f"{option} {text}: expected values with commas between them")
    return values


def show(result: CrossValidation | LearningCurve | Selected, as_json: bool) -> None:
    if as_json:
        print_json(result.as_plain_data())
    else:
        print_table(result.rows())
