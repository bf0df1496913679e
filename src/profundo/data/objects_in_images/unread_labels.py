"""Of a folder of images in which nothing was found that says where objects are: the file that was to say so, and why it does not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from profundo.data.objects_in_images.box_tables import first_row, places_in
from profundo.data.objects_in_images.object_sources import LOOKED_AT
from profundo.data.objects_in_images.voc_xml import parsed
from profundo.data.objects_in_images.yolo_text import lines_of, partners
from profundo.data.streams.archives import Files, LabelFiles, open_files, printable
from profundo.files import in_words, kind_of
from profundo.records import ProfundoError

__all__ = ["unread_labels"]

PARTS = ("images", "annotations", "categories")


class OtherError(ValueError):
    """A file that reads, and has nothing of what labels have."""


def unread_labels(where: Path) -> ProfundoError | None:
    """What to raise; None where no file looks as if it was to say where objects are."""
    images, texts = open_files(where), open_files(where, "annotations")
    fault = next(_faults(images, texts), None)
    if fault is None:
        return None
    return ProfundoError(
        f"{printable(str(where))}: expected a file that says where objects are in the images, or a folder for each class; {fault}"
    )


def _faults(images: Files, texts: LabelFiles) -> Iterator[str]:
    """Of the files that lie where labels do, those that are none, each with its place and what was expected there; those that may
    well be meant for something else come last."""
    of_images, others = partners(texts, images), []
    for index in sorted(range(len(texts)), key=lambda at: (at in of_images, texts.paths[at]))[:LOOKED_AT]:
        suffix = texts.paths[index][-1].rpartition(".")[2].lower()
        if suffix not in CHECKS or (suffix == "txt" and index not in of_images):
            continue
        try:
            CHECKS[suffix](texts.read_labels(index))
        except OtherError as error:
            others.append(f"{texts.name(index)}: {error}")
        except (OSError, ValueError, RecursionError) as error:
            yield f"{texts.name(index)}: {in_words(error)}"
    yield from others


def _json(data: bytes) -> None:
    whole = json.loads(data)
    if not isinstance(whole, dict) or (missing := [part for part in PARTS if part not in whole]):
        found = f"one without {', '.join(missing)}" if isinstance(whole, dict) else kind_of(whole)
        partly = isinstance(whole, dict) and len(missing) < len(PARTS)
        error = ValueError if partly else OtherError
        raise error(f"expected an object with {', '.join(PARTS)}, as COCO writes it, found {found}")


def _xml(data: bytes) -> None:
    if (name := parsed(data).name) != "annotation":
        raise ValueError(f"expected <annotation>, as Pascal VOC writes it, found <{printable(name[:50])}>")


def _text(data: bytes) -> None:
    lines_of(data)


def _table(data: bytes) -> None:
    first = first_row(data)
    if not places_in(first):  # a table of other things, such as a class for each image
        return
    names = ", ".join(printable(name[:30]) for name in first[:8])
    raise ValueError(
        f"expected columns that name the image, the class and the edges of a box, such as filename,class,xmin,ymin,xmax,ymax, found "
        f"{names}"
    )


CHECKS: dict[str, Callable[[bytes], None]] = {"json": _json, "xml": _xml, "txt": _text, "csv": _table, "tsv": _table}
