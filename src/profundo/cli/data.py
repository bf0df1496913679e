"""The command that looks at data before training."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from profundo.cli.app import DATA, Json
from profundo.cli.printing import print_json
from profundo.cli.settings import Settings, settings_command, with_data

OF_TRAINING = ("validation", "target_transform")


@settings_command("data", DATA, without=(*OF_TRAINING, "stream", "skip_bad", "net", "learning", "course", "run"))
def data(
    settings: Settings,
    out: Annotated[
        Path | None, typer.Option(help="Write a page with samples and charts here.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Look at data before training: counts, ranges, copies, what does not read, what is suspicious; and what to do."""
    from profundo.files import check_out
    from profundo.looks.data_look import look
    from profundo.looks.look_text import show

    if out is not None:
        check_out(out)
    what = with_data(settings, "data digits").pop("data")
    with _progress() as tell:
        seen = look(what, **settings, tell=tell)
    if out is not None:
        seen.save(out)
    if as_json:
        print_json(seen.as_plain_data() | ({} if out is None else {"page": str(out)}))
        return
    from rich.console import Console

    show(seen, Console(highlight=False, emoji=False))
    if out is not None:
        print(f"written: {out}", file=sys.stderr)


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A bar of the images looked at, on stderr, where somebody may be watching."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True, emoji=False)
    columns = (TextColumn("looking"), BarColumn(28), MofNCompleteColumn(), TimeRemainingColumn(compact=True))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("looking", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
