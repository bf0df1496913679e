"""The command that answers over HTTP."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from profundo.cli.app import USE, Json, RunFolder, command
from profundo.cli.printing import print_json

if TYPE_CHECKING:
    from profundo.lab.server import Ready


@command(USE)
def serve(
    run: RunFolder,
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 for any that is free.")] = 8000,
    public: Annotated[
        bool, typer.Option("--public", help="Allow a --host that other machines reach. It is plain HTTP.")
    ] = False,
    name: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST[:PORT]", help="Another host under which it is reached, as behind a proxy; may be repeated."
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(help="Take the token from here, or keep a new one here for next time.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Answer over HTTP with a finished run's network: a page for people, JSON and CSV for programs. Ctrl-C ends it."""
    from profundo.lab.server import serve_run

    def ready(told: Ready) -> None:
        if as_json:
            kept = None if told.token_file is None else str(told.token_file)
            print_json({"run": str(run), "url": told.url, "token_file": kept})
            sys.stdout.flush()
        print_ready(run, told)

    serve_run(run, host=host, port=port, public=public, names=name or (), token_file=token_file, ready=ready)


def print_ready(run: Path, told: Ready) -> None:
    """The token itself goes to a terminal only: what is not one may be a log that others read."""
    is_terminal = sys.stderr.isatty()
    where = f"{told.url}?token={told.token}" if is_terminal else told.url
    print(f"{run} answers at {where}", file=sys.stderr)
    if told.token_file is not None:
        print(f"the token is in {told.token_file}", file=sys.stderr)
    if is_terminal:
        print("Ctrl-C ends it", file=sys.stderr)
    sys.stderr.flush()
