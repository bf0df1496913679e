"""Commands that tell of runs: the page of one, several compared, the list of all."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from profundo.cli.app import TRAIN, Json, command
from profundo.cli.printing import print_json, print_table
from profundo.records import ProfundoError

COMPARISON = Path("comparison.html")


@command(TRAIN)
def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="A run's folder; or several, to compare them.")],
    out: Annotated[
        Path | None,
        typer.Option(
            help="The page; report.html in the run's folder, comparison.html for several.", show_default=False
        ),
    ] = None,
    lang: Annotated[
        str | None,
        typer.Option(help="en, es, ca or pt: the report's language; that of the run otherwise.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a finished run's report anew; or of several runs, a comparison with the first. Say where it is.

    profundo report runs/digits-1

    profundo report runs/digits-1 --lang es --out informe.html

    profundo report runs/digits-1 runs/digits-2 --out comparison.html
    """
    if len(runs) == 1:
        from profundo.use.any_run import any_run

        path = any_run(runs[0]).write_report(out, lang)
        if as_json:
            print_json({"report": str(path)})
        else:
            print(path)
        return
    if lang not in (None, "en"):
        raise ProfundoError("report: a comparison of runs is written in English; leave out --lang")
    from profundo.files import check_out
    from profundo.studies.run_comparison import compare

    path = out or COMPARISON
    check_out(path)
    compared = compare(*runs)
    compared.write(path)
    if as_json:
        print_json({**compared.as_plain_data(), "report": str(path)})
        return
    for words in compared.words:
        print(words, file=sys.stderr)
    print(path)


@command(TRAIN)
def runs(
    folder: Annotated[Path, typer.Argument(help="Where the runs are.")] = Path("runs"), as_json: Json = False
) -> None:
    """List the runs, oldest first."""
    from profundo.runs.listing import list_runs

    rows = list_runs(folder)
    if as_json:
        print_json({"runs": rows})
    elif rows:
        print_table(rows)
    else:
        print(f"no runs in {folder}; `profundo train digits` makes one")
