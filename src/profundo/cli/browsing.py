"""The command that opens the lab in a browser."""

from __future__ import annotations

import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from profundo.cli.app import INSIDE, Json, command
from profundo.cli.printing import print_json
from profundo.languages import LANGUAGES
from profundo.records import ProfundoError

if TYPE_CHECKING:
    from profundo.lab.lab_server import LabReady


@command(INSIDE)
def lab(
    runs: Annotated[Path, typer.Option(help="The folder that trainings are in.")] = Path("runs"),
    port: Annotated[int, typer.Option(help="0 for any that is free.")] = 8123,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")] = True,
    lang: Annotated[str | None, typer.Option(help="en, es, ca or pt; left out: what the browser prefers.")] = None,
    share: Annotated[
        bool,
        typer.Option(
            "--share", help="Let the local network look, over plain HTTP: shows a QR code. They change nothing."
        ),
    ] = False,
    token_file: Annotated[
        Path | None,
        typer.Option(help="Take the token from here, or keep a new one here for next time.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Play with networks in the browser: playground, graphs, training, images, looking inside. Ctrl-C ends it."""
    if lang is not None and lang not in LANGUAGES:
        raise ProfundoError(f"--lang {lang}: expected {', '.join(LANGUAGES)}")
    from profundo.lab.lab_server import serve_lab

    def ready(told: LabReady) -> None:
        if as_json:
            kept = None if told.token_file is None else str(told.token_file)
            print_json({"url": told.url, "token_file": kept, "visitors": len(told.visitors)})
            sys.stdout.flush()
        print_ready(told)
        if browser:
            open_page(told)

    serve_lab(runs, port=port, share=share, language=lang, token_file=token_file, ready=ready)


def open_page(told: LabReady) -> None:
    """By a file that leads there: the words of a command are seen by every user of the machine."""
    if told.entry_file is not None:
        webbrowser.open(told.entry_file.resolve().as_uri())
    else:
        print("no browser was opened: no file could be written that leads to the page", file=sys.stderr)


def print_ready(told: LabReady) -> None:
    """Tokens go to a terminal only: what is not one may be a log that others read."""
    is_terminal = sys.stderr.isatty()
    # What is drawn for a class is looked at by a class: the owner's token is not beside the visitors'.
    print(f"the lab is at {told.entry if is_terminal and not told.visitors else told.url}", file=sys.stderr)
    if told.token_file is not None:
        print(f"the token is in {told.token_file}", file=sys.stderr)
    if is_terminal:
        for entry in told.visitors:
            print(f"\nto look, from the same network: {entry}\n{qr_code(entry)}", file=sys.stderr)
        print("Ctrl-C ends it", file=sys.stderr)
    sys.stderr.flush()


def qr_code(text: str) -> str:
    """In half blocks, for a terminal, dark or light."""
    import io

    import segno

    drawn = io.StringIO()
    segno.make(text, error="m").terminal(drawn, compact=True)
    return drawn.getvalue()
