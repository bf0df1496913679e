"""Commands that use what was trained: predictions for files, and models for other programs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from profundo.cli.app import USE, Json, RunFolder, command
from profundo.cli.printing import print_json


@command(USE)
def predict(
    run: RunFolder,
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="Images, folders or zips of images (with all folders in them); tables (.csv, .tsv, .parquet) or arrays "
            "(.npz) of rows; - for a CSV on standard input; or what the recipe takes.",
        ),
    ],
    as_json: Json = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print a CSV: input, prediction, and the probability of each class.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write into this file instead: JSON if it is called so, a line of JSON for each with .jsonl, a CSV otherwise. Of "
            "masks, maps and images that were made a folder, one file for each image.",
            show_default=False,
        ),
    ] = None,
    as_coco: Annotated[
        bool, typer.Option("--coco", help="Of objects in images: the list of results that COCO's tools read.")
    ] = False,
    least: Annotated[
        float | None,
        typer.Option(
            help="Of objects: the score from which they are told; by default what training chose, with --coco all.",
            show_default=False,
        ),
    ] = None,
    draw: Annotated[
        Path | None,
        typer.Option(help="Of objects: a folder for the images with what was found in boxes.", show_default=False),
    ] = None,
    hint: Annotated[
        list[str] | None,
        typer.Option(
            metavar="X,Y,#RRGGBB",
            help="Of grey photographs that are coloured: a pixel from the upper left and its colour, as often as wanted.",
            show_default=False,
        ),
    ] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out what cannot be read, and say so.")] = False,
    wishes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Of a recipe's run: how, such as strength=0.5; may be repeated. `profundo recipes NAME` says what there is.",
        ),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(help="Of images that are painted: pixels of the longer side; --set size=N.", show_default=False),
    ] = None,
) -> None:
    """Say what a finished run's network sees in images, rows or sounds. Needs the run's folder only."""
    from profundo.runs.settings.plain_yaml import read_pair
    from profundo.use.any_run import any_run
    from profundo.use.grid_files import go_into_folder, with_files
    from profundo.use.prediction_output import style_of, tell

    least = 0.0 if as_coco and least is None else least
    given = dict(read_pair(text, such_as="size=512") for text in wishes or [])
    given = _with_options(given, {"size": ("--size", size), "hints": ("--hint", hint or None)})
    found, targets = any_run(run).predictions(files, skip_bad, least, draw, given)
    if out is not None and go_into_folder(found, targets, out):
        found, out = with_files(found, out), None
    style = style_of(as_json, as_csv, out, as_coco)
    tell(found, run, style, sys.stdout, _notice, targets=targets, out=out, skip_bad=skip_bad)


@command(USE)
def export(
    run: RunFolder,
    format: Annotated[
        str | None, typer.Option(help="onnx or safetensors; by the name of --out, or onnx.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="A folder, or a file that ends with .onnx or .safetensors; RUN/exported otherwise.", show_default=False
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a finished run's network for other programs: raw inputs in, probabilities out; with a model card.

    ONNX is read by onnxruntime and many others; safetensors comes with the same net as a function of plain PyTorch.
    """
    from profundo.use.exporting import export as export_run

    exported = export_run(run, format=format, out=out)
    if as_json:
        print_json(exported.as_plain_data())
    else:
        print(exported)


def _with_options(given: dict[str, Any], options: Mapping[str, tuple[str, Any]]) -> dict[str, Any]:
    """Wishes by --set, and those with an option of their own, by name. Raises ProfundoError for one that is told in both ways."""
    from profundo.records import ProfundoError

    told = {name: value for name, (_, value) in options.items() if value is not None}
    for name in told:
        if name in given:
            option = options[name][0]
            raise ProfundoError(
                f"expected {option} or --set {name}=…, got both, which say the same; leave out one of them"
            )
    return given | told


def _notice(line: str) -> None:
    print(line, file=sys.stderr)
