"""The command line itself, and the options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from profundo import __version__

__all__ = ["CHOOSE", "DATA", "INSIDE", "METHODS", "TRAIN", "USE", "DataDir", "Json", "RunFolder", "app"]

# The groups of commands in `profundo --help`.
TRAIN, CHOOSE, USE = "Train and judge", "Choose", "Use what was trained"
DATA, METHODS, INSIDE = "Data", "Methods", "Look inside"

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
