"""Which files say where the objects in a folder or archive of images are, and what they say.

Recognised by names first and then by how files begin: COCO's JSON, Pascal VOC's XML, YOLO's texts, tables of boxes, masks of
instances. Where several are there the first of these is read, and the others are named. One JSON or table may be given by
itself: its images lie in its folder, or beside the folder annotations/ that it is in.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from profundo.data.objects_in_images.box_tables import is_box_table, read_box_tables
from profundo.data.objects_in_images.coco_json import read_coco
from profundo.data.objects_in_images.instance_masks import INSTANCES, instance_files, read_instances
from profundo.data.objects_in_images.labelled_images import Entry, LabelledImages, Remarks, labelled
from profundo.data.objects_in_images.named_images import NamedImages
from profundo.data.objects_in_images.voc_xml import listed_splits, read_voc
from profundo.data.objects_in_images.yolo_text import is_yolo, partners, read_yolo
from profundo.data.streams.archives import Files, LabelFiles, open_files, printable
from profundo.languages import Said
from profundo.records import ProfundoError

__all__ = ["LOOKED_AT", "Found", "found_objects", "notes_of", "read_objects", "told"]

LARGEST = 1 << 26  # bytes that are searched for what makes a JSON COCO's
HEAD = 1 << 16  # bytes that tell it of a larger one
LOOKED_AT = 200  # small files that may say what the others are
OF_FILE = {".json": "COCO JSON", ".csv": "a table of boxes", ".tsv": "a table of boxes"}


@dataclass(frozen=True, slots=True)
class Found:
    """images, texts: the files of a place; forms: kind of file → numbers of those that are of it, the one that is read first; of
    masks the numbers are of images."""

    images: Files
    texts: LabelFiles
    forms: Mapping[str, list[int]]


def found_objects(where: Path) -> Found | None:
    """What says where the objects in the images of a folder, a .zip, a JSON or a table are; None where nothing does."""
    try:
        is_folder, is_file = where.is_dir(), where.is_file()
    except (OSError, ValueError):  # no file can have such a name
        return None
    is_archive = is_file and zipfile.is_zipfile(where)
    if is_file and not is_archive and where.suffix.lower() in OF_FILE:
        return _of_file(where)
    if not (is_folder or is_archive):
        return None
    texts = open_files(where, "annotations")
    folders = {part.lower() for parts in texts.folders for part in parts}
    if not (texts.paths or folders & {"masks", *INSTANCES}):
        return None
    images = open_files(where)
    forms = {form: numbers for form, seek in SEEK.items() if images.paths and (numbers := seek(images, texts))}
    return Found(images, texts, forms) if forms else None


def _of_file(where: Path) -> Found | None:
    form = OF_FILE[where.suffix.lower()]
    try:
        with where.open("rb") as file:
            begin = file.read(HEAD)
            if form == "COCO JSON" and begin.lstrip()[:1] == b"{":
                begin += file.read(LARGEST + 1 - HEAD)
    except OSError:
        return None  # said where it is read
    if not (_begins_as(form, begin) or (len(begin) > LARGEST and _heads_coco(begin[:HEAD]))):
        return None
    place = where.parent.parent if where.parent.name.lower() == "annotations" else where.parent
    texts, inner = open_files(place, "annotations"), where.relative_to(place).parts
    return Found(open_files(place), texts, {form: [at for at, parts in enumerate(texts.paths) if parts == inner]})


def _begins_as(form: str, data: bytes) -> bool:
    if form == "COCO JSON":
        return data.lstrip()[:1] == b"{" and all(
            word in data for word in (b'"images"', b'"annotations"', b'"categories"')
        )
    return is_box_table(data) if form == "a table of boxes" else b"<annotation" in data[:4096]


def _heads_coco(head: bytes) -> bool:
    """Whether a JSON that is too large to be read whole begins as COCO's do: with its images, or with its annotations."""
    words = ((b'"images"', b'"file_name"'), (b'"annotations"', b'"image_id"'), (b'"categories"', b'"supercategory"'))
    return head.lstrip()[:1] == b"{" and any(all(word in head for word in pair) for pair in words)


def _is(form: str, texts: LabelFiles, index: int) -> bool | None:
    """None where it cannot be read, or is so large that it cannot be told. All but JSON say it where they begin."""
    try:
        begin = texts.begins(index, LARGEST + 1 if form == "COCO JSON" else HEAD)
    except (OSError, ValueError):
        return None
    return _begins_as(form, begin) or (None if len(begin) > LARGEST else False)


def _ending(texts: LabelFiles, *endings: str) -> list[int]:
    return [index for index, parts in enumerate(texts.paths) if parts[-1].lower().endswith(endings)]


def _coco(_: Files, texts: LabelFiles) -> list[int]:
    there = {index: _is("COCO JSON", texts, index) for index in _ending(texts, ".json")[:LOOKED_AT]}
    unread = [index for index, says in there.items() if says is None]  # is told of, not passed over
    if not any(there.values()):
        unread = [index for index in unread if _seems_coco(texts, index)]
    chosen = sorted([*(index for index, says in there.items() if says), *unread])
    instances = [index for index in chosen if texts.paths[index][-1].lower().startswith("instances")]
    return instances or chosen  # beside instances COCO has keypoints of the same images


def _seems_coco(texts: LabelFiles, index: int) -> bool:
    """Of one that cannot be read: by its name, or by how it begins."""
    path = "/".join(texts.paths[index]).lower()
    if any(word in path for word in ("instances", "annotation", "coco")):
        return True
    try:
        return _heads_coco(texts.begins(index, HEAD))
    except (OSError, ValueError):
        return False


def _voc(_: Files, texts: LabelFiles) -> list[int]:
    there = _ending(texts, ".xml")
    return there if any(_is("Pascal VOC XML", texts, index) for index in there[:LOOKED_AT]) else []


def _yolo(images: Files, texts: LabelFiles) -> list[int]:
    """By any that begins like one: of the others it is told what is wrong with them."""
    there = list(partners(texts, images))
    return there if any(_begins_as_yolo(texts, index) for index in there[:LOOKED_AT]) else []


def _begins_as_yolo(texts: LabelFiles, index: int) -> bool:
    try:
        return bool(is_yolo(texts.read(index)))
    except (OSError, ValueError):
        return False


def _tables(_: Files, texts: LabelFiles) -> list[int]:
    return [index for index in _ending(texts, ".csv", ".tsv")[:LOOKED_AT] if _is("a table of boxes", texts, index)]


def _masks(images: Files, _: LabelFiles) -> list[int]:
    there = instance_files(images)
    return [*there.whole, *there.single]


SEEK: Mapping[str, Callable[[Files, LabelFiles], list[int]]] = {
    "COCO JSON": _coco,
    "Pascal VOC XML": _voc,
    "YOLO text": _yolo,
    "a table of boxes": _tables,
    "masks of instances": _masks,
}


def read_objects(found: Found, skip_bad: bool = False) -> LabelledImages:
    """The images with their objects, in the order of their paths. skip_bad: leave out what has a fault, and say so, rather than stop.

    Raises ProfundoError for faults, naming the places, and where no object is left.
    """
    images, remarks = NamedImages(found.images), Remarks()
    (form, numbers), *others = found.forms.items()
    remarks.notes += [*found.images.notes, *_told(others, form)]
    order: list[str] | None = None
    codes: dict[str, int] = {}
    if form == "COCO JSON":
        entries, order, codes = read_coco(found.texts, numbers, images, remarks)
    elif form == "Pascal VOC XML":
        entries = read_voc(found.texts, numbers, images, remarks)
    elif form == "YOLO text":
        entries, order = read_yolo(found.texts, images, remarks)
    elif form == "a table of boxes":
        entries = read_box_tables(found.texts, numbers, images, remarks)
    else:
        entries = read_instances(found.images, found.texts, remarks)
    if form in ("Pascal VOC XML", "YOLO text"):
        _as_listed(entries, found, images, remarks)
    remarks.notes += _unnamed(entries, form, found.images)
    entries = sorted(entries, key=lambda entry: found.images.paths[entry.image])
    outputs = labelled(form, found.images, _in_splits(entries, remarks), remarks, order=order, codes=codes)
    if remarks.faults and not skip_bad:
        raise ProfundoError(_of_faults(found.images, remarks))
    return outputs


# -------------------------------------------------------------------------------------------------------------- splits
def _as_listed(entries: list[Entry], found: Found, images: NamedImages, remarks: Remarks) -> None:
    """The splits of train.txt, val.txt and test.txt, where there are such lists."""
    splits = listed_splits(found.texts, partners(found.texts, found.images), images, remarks)
    if splits:
        for entry in entries:
            entry.split = splits.get(entry.image)


def _in_splits(entries: list[Entry], remarks: Remarks) -> list[Entry]:
    """Those to be used, with the splits that they are to be in; none is, where all are left to chance.

    What a source sets apart is never trained on: images in no split are left out beside a training split, and are one beside
    others. One split alone is divided anew.
    """
    splits, unnamed = {entry.split for entry in entries} - {None}, [one for one in entries if one.split is None]
    if splits and unnamed:
        remarks.notes.append(
            Said(f"readings.in_no_split_{'out' if 'train' in splits else 'train'}", count=len(unnamed))
        )
    if unnamed and "train" in splits:
        entries = [entry for entry in entries if entry.split is not None]
    elif splits:
        for entry in unnamed:
            entry.split = "train"
    if len({entry.split for entry in entries}) == 1:
        if splits and "train" not in splits:
            remarks.notes.append(Said(f"readings.only_{min(map(str, splits))}"))
        for entry in entries:
            entry.split = None
    return entries


def _unnamed(entries: list[Entry], form: str, images: Files) -> Iterator[Said]:
    """A note of the images of which nothing says what is in them."""
    there = instance_files(images).images if form == "masks of instances" else len(images)
    if (count := there - len(entries)) > 0:
        yield Said("readings.without_labels", count=count)


# ----------------------------------------------------------------------------------------------------------------- told
NAMED = 3


def told(what: str, count: int) -> Said:
    """What was done to so many boxes."""
    return Said(f"looks.mended_{what}", count=count)


def notes_of(remarks: Remarks) -> Iterator[str]:
    """Sentences on all that was left out or mended."""
    yield from remarks.notes
    for what, places in remarks.mended.items():
        more = " …" if len(places) > NAMED else ""
        yield f"{told(what, len(places))} ({'; '.join(places[:NAMED])}{more})"
    if remarks.faults:
        (place, reason), count = remarks.faults[0], len(remarks.faults)
        yield f"{count:,} {'fault was' if count == 1 else 'faults were'} left out: {place}: {reason}{' …' if count > 1 else ''}."


def _of_faults(files: Files, remarks: Remarks) -> str:
    listed = "; ".join(f"{place}: {reason}" for place, reason in remarks.faults[:NAMED]).rstrip(".")
    more = f"; and {len(remarks.faults) - NAMED:,} more" if len(remarks.faults) > NAMED else ""
    return f"{printable(str(files.where))}: {listed}{more}; mend them, or leave out what is faulty with --skip-bad"


def _told(others: list[tuple[str, list[int]]], form: str) -> Iterator[str]:
    if others:
        yield f"Where objects are is read from {form}; {', '.join(name for name, _ in others)} beside it was not read."
