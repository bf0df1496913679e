"""The ids by which COCO's JSON, that a run learned from, knows images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any

from profundo.data.objects_in_images.coco_json import image_ids
from profundo.data.objects_in_images.object_sources import found_objects
from profundo.records import ProfundoError
from profundo.runs.folder import Folder
from profundo.runs.settings.plain_yaml import read_experiment

__all__ = ["ids_of_run", "known_id"]

Ids = Mapping[str, Any]


def ids_of_run(run: Path) -> Ids:
    """Id by the image's name with as many of its folders as tell it apart, with and without ending. Empty where the data are no
    COCO's, or no longer where they were."""
    try:
        data = read_experiment(Folder(run).experiment).get("data")
        found = found_objects(Path(data)) if isinstance(data, str) and data else None
    except (ProfundoError, OSError, ValueError):
        return {}
    if found is None or next(iter(found.forms)) != "COCO JSON":
        return {}
    ids: dict[str, Any] = {}
    twice = set()
    for name, key in image_ids(found.texts, found.forms["COCO JSON"]).items():
        for called in names_of(name):
            twice |= {called} if ids.setdefault(called, key) != key else set()
    return {name: key for name, key in ids.items() if name not in twice}


def known_id(ids: Ids, name: str) -> Any:
    """Of an image by its path; None for one that is not known."""
    return next((ids[called] for called in names_of(name) if called in ids), None)


def names_of(name: str) -> Iterator[str]:
    """The path, then with one folder less each, then these without ending."""
    for path in (PurePath(name), PurePath(name).with_suffix("")):
        yield from ("/".join(path.parts[at:]) for at in range(len(path.parts)))
