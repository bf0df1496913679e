"""Commands about data that stream: how fast they come, and how to make them come faster."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from profundo.cli.app import DATA, Json, app
from profundo.cli.printing import print_json, print_table
from profundo.cli.settings import Settings, settings_command, with_data


@settings_command("throughput", DATA, without=("course", "stream", "log", "checkpoint_seconds"))
def throughput(
    settings: Settings,
    stream: Annotated[
        bool, typer.Option("--stream/--auto", help="Read while training, or as `profundo train` would decide.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Say where the time goes: samples a second of reading, decoding, standardising and learning; and what to do."""
    from profundo.inspect.throughput import throughput as measure
    from profundo.runs.experiment import new_experiment

    result = measure(new_experiment(**with_data(settings, "throughput digits"), stream=stream or None))
    if as_json:
        print_json(result.as_plain_data())
        return
    rows = [
        {"stage": one.name, "samples/s": f"{one.rate:,.0f}", "share of time": f"{100 * one.share:.0f} %"}
        for one in result.stages
    ]
    print_table(rows)
    print(f"batches of {result.batch_size} from {result.workers} workers: {result.together:,.0f} samples/s")
    print(f"{result.net} learns: {result.learning:,.0f} samples/s")
    print(result.advice)


@app.command(rich_help_panel=DATA)
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
