"""The command that shows what a net has learned."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from profundo.cli.app import INSIDE, Json, Member, RunFolder, command
from profundo.cli.printing import print_json


@command(INSIDE)
def inside(
    run: RunFolder,
    files: Annotated[
        list[Path] | None, typer.Argument(help="Inputs to look at; one test sample of each class otherwise.")
    ] = None,
    layer: Annotated[str | None, typer.Option(help="Show this layer, by its name.", show_default=False)] = None,
    unit: Annotated[
        int | None, typer.Option(min=0, help="Show this unit of the layer, from 0.", show_default=False)
    ] = None,
    beside: Annotated[
        Path | None, typer.Option(help="Another run: compare the layers with its layers.", show_default=False)
    ] = None,
    member: Member = None,
    out: Annotated[Path | None, typer.Option(help="The page; RUN/inside.html otherwise.", show_default=False)] = None,
    as_json: Json = False,
) -> None:
    """Show what a trained net has learned: filters, feature maps, what its units answer to, its codes, its mistakes.

    profundo inside runs/digits-1

    profundo inside runs/digits-1 seven.png --layer conv2 --unit 5
    """
    from profundo.files import check_out
    from profundo.runs.folder import Folder
    from profundo.use.looking_into import look_inside

    page = out if out is not None else Folder.open(run).path / "inside.html"
    check_out(page, ".html")
    seen = look_inside(run, files=files or (), layer=layer, unit=unit, beside=beside, member=member)
    seen.save(page)
    if as_json:
        print_json({**seen.as_plain_data(), "page": str(page)})
    else:
        print(f"{seen}\n{page}")
