"""The command that packs data to be streamed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from profundo.cli.app import DATA, Json, command
from profundo.cli.printing import print_json


@command(DATA)
def shards(
    folder: Annotated[Path, typer.Argument(help="A folder or zip of images, one folder per class.")],
    out: Annotated[Path, typer.Option(help="A new folder for the shards.")],
    samples: Annotated[int, typer.Option(min=1, help="Images in a shard, at most.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Of the order of the images.")] = 0,
    as_json: Json = False,
) -> None:
    """Pack images into tar shards, which stream from any disk or store: `profundo train DIR`."""
    from profundo.data.streams.shard_packing import write_shards

    written = write_shards(folder, out, samples=samples, seed=seed)
    size = sum(path.stat().st_size for path in written)
    if as_json:
        print_json({"shards": [str(path) for path in written], "bytes": size})
        return
    print(f"{len(written)} shards, {size / 1e6:,.1f} MB; profundo train {out}")
    print(f"classes: {out / 'classes.txt'}", file=sys.stderr)
