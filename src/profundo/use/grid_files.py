"""Masks, maps and images that were predicted, as files: a PNG for each image, masks written as those of training were, or a .npy."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from profundo.files import reason, write_bytes
from profundo.records import ProfundoError, Targets
from profundo.use.output_names import check_folder_kept, free_name

__all__ = ["CONTENTS", "go_into_folder", "is_lost", "with_files"]

CONTENTS = {"mask": ".png", "map": ".npy", "image": ".png"}  # of a prediction, in base64; and how its file ends
RECORDS = (".csv", ".json", ".jsonl")  # files that hold what was predicted as text


def go_into_folder(results: Iterable[Any], targets: Targets | None, out: Path) -> bool:
    """Whether the predictions are written into a folder of that name, a file for each: those for every pixel, by their targets, or
    by what a recipe, which tells all at once, says of the first."""
    first = results[0] if isinstance(results, list) and results else {}
    has_files = targets is not None and targets.traits.per == "pixel"
    return out.suffix.lower() not in RECORDS and (has_files or bool(CONTENTS.keys() & first))


def is_lost(results: Iterable[Any], style: str) -> bool:
    """Whether images that a recipe made are in nothing that is written in this style."""
    first = results[0] if isinstance(results, list) and results else {}
    return "image" in first and style in ("text", "csv")


def with_files(results: Iterable[Any], folder: Path, inputs: Sequence[Path] = ()) -> Iterator[Any]:
    """The predictions, each with the "file" that its mask, map or image was written to, in place of that. Others are passed on.

    inputs: files that they are of. Raises ProfundoError, before anything is written, where one would be overwritten.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ProfundoError(
            f"{folder}: expected a folder to write masks or images into; it cannot be made: {reason(error)}"
        ) from None
    taken: set[str] = set()
    for one in results:
        kind = next((name for name in CONTENTS if isinstance(one, dict) and name in one), None)
        if kind is None:
            yield one
            continue
        if not taken:
            check_folder_kept(inputs, folder, CONTENTS[kind])
        path = folder / free_name(str(one["input"]), CONTENTS[kind], taken)
        write_bytes(path, base64.b64decode(one[kind]), folder)
        yield {name: value for name, value in one.items() if name != kind} | {"file": str(path)}
