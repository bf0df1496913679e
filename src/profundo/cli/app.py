"""The command line itself, and the options that several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from profundo import __version__

__all__ = [
    *("CHOOSE", "DATA", "INSIDE", "METHODS", "TRAIN", "USE", "DataDir", "Json", "Member", "RunFolder"),
    *("app", "command", "deferred"),
]

# The groups of commands in `profundo --help`.
TRAIN, CHOOSE, USE = "Train and judge", "Choose", "Use what was trained"
DATA, METHODS, INSIDE = "Data", "Methods", "Look inside"

# Names that other programs give to options, and ours.
ELSEWHERE = {
    **dict.fromkeys(("lr", "rate", "eta", "alpha", "step-size"), "learning-rate"),
    **dict.fromkeys(("batch", "bs", "batchsize", "b"), "batch-size"),
    **dict.fromkeys(("wd", "decay", "l2"), "weight-decay"),
    **dict.fromkeys(("epoch", "num-epochs", "n-epochs", "max-epochs", "iterations"), "epochs"),
    **dict.fromkeys(("opt", "optim", "momentum"), "optimizer"),
    **dict.fromkeys(("model", "arch", "network", "architecture"), "net"),
    **dict.fromkeys(("dataset", "data-path"), "data"),
    **dict.fromkeys(("y", "label", "dep-var", "y-name", "label-col", "target-column"), "target"),
    **dict.fromkeys(("scheduler", "lr-scheduler", "lr-schedule"), "schedule"),
    **dict.fromkeys(("patience", "early-stopping"), "early-stop"),
    **dict.fromkeys(("loss", "criterion"), "objective"),
    **dict.fromkeys(("group", "groups", "group-by", "split"), "split-by"),
    **dict.fromkeys(("num-workers", "jobs", "n-jobs"), "workers"),
    **dict.fromkeys(("output", "output-dir", "save", "save-dir"), "out"),
}


COMMANDS = {
    **dict.fromkeys(("fit", "compile", "learn", "fine-tune", "fine_tune", "run"), "train"),
    **dict.fromkeys(("summary", "model", "layers"), "nets"),
    **dict.fromkeys(("history", "plot", "results", "interpret", "compare"), "report"),
    **dict.fromkeys(("show", "look", "load", "show-batch", "info"), "data"),
    **dict.fromkeys(("test", "validate", "score"), "evaluate"),
    **dict.fromkeys(("save", "convert"), "export"),
    **dict.fromkeys(("tune", "search"), "select"),
}
"""What other libraries call our commands."""


class Advising(TyperGroup):
    """What is wrong with the words of a command is said in ours, and with the option that was meant."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            if hasattr(error, "format_message"):  # of the words; Typer has its own classes for them, or Click's
                advise(error)
            raise


def advise(error: Any) -> None:
    """Put our words into Typer's error."""
    from pydantic import ValidationError

    from profundo.files import expectation

    if isinstance(error.__cause__, ValidationError):
        first = error.__cause__.errors()[0]
        error.message = f"{expectation(first['msg'])}, got {first['input']!r}"
    asked = re.match("No such command '([^']*)'", error.message)
    if asked and (command := COMMANDS.get(asked[1].lower())):
        error.message = f"No such command {asked[1]!r}. Did you mean {command!r}?"
    if not hasattr(error, "possibilities") or error.ctx is None:
        return
    name = error.option_name.lstrip("-").lower().replace("_", "-")
    ours = ELSEWHERE.get(name, name)
    command = error.ctx.command
    if any(f"--{ours}" in option.opts for option in command.params):
        error.possibilities = [f"--{ours}"]
    elif any(option.name == ours for option in command.params):
        error.message, error.possibilities = f"{error.message} (the argument {ours} has no name)", None
    elif command.name == "recipe" and (name in ELSEWHERE or not error.possibilities):
        setting = f"--set {ours.replace('-', '_')}=…"
        error.message += f" (a recipe's setting is given as {setting}; `profundo recipe NAME --describe` lists them)"
        error.possibilities = None


app = typer.Typer(
    name="profundo",
    cls=Advising,
    help="A deep-learning workbench: train fast, look inside, know why.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def command(panel: str, **about: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a command of a function, with its name. Its options are read from its signature when it is called: who calls one command
    need not wait for the options of thirty."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        name = function.__name__.replace("_", "-")

        def whole(_words: list[str]) -> Any:
            alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
            alone.command(name, **about)(function)
            return typer.main.get_command(alone)

        app.command(name, cls=deferred(whole), help=function.__doc__, rich_help_panel=panel)(lambda: None)
        return function

    return register


def deferred(whole: Callable[[list[str]], Any]) -> type[TyperCommand]:
    """A command that knows its name and its help only, until whole(words) makes it."""

    class Deferred(TyperCommand):
        def make_context(self, info_name: Any, args: list[str], *rest: Any, **named: Any) -> Any:
            return whole(args).make_context(info_name, args, *rest, **named)

    return Deferred


Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, everything else on stderr.")]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder, such as runs/digits-1.")]
Member = Annotated[
    list[str] | None,
    typer.Option(
        help="Of a recipe's nets that were trained side by side: 2, 'width 60' or 'width 60, 2'; again, of the other run.",
        show_default=False,
    ),
]
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
