"""YOLO's text files: one for each image, of the same name, in labels/ beside images/ or next to the image.

    3 0.51 0.44 0.10 0.22           a class and a box: its centre, width and height, in shares of the image's sides
    3 0.46 0.33 0.56 0.33 0.56 …    a class and the corners of a polygon, three or more

Classes are called what data.yaml, or classes.txt, obj.names and their like say. An image without a file, or whose file is empty,
has no objects.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from profundo.data.objects_in_images.labelled_images import Entry, Remarks, Thing
from profundo.data.objects_in_images.named_images import NamedImages, split_of_folders
from profundo.data.objects_in_images.outlines import Polygons
from profundo.data.streams.archives import Files, Parts, printable
from profundo.data.text.text_files import read_text
from profundo.files import in_words
from profundo.languages import Said
from profundo.records import ProfundoError

__all__ = ["CLASS_LISTS", "is_yolo", "lines_of", "partners", "read_yolo", "reads_as_yolo"]

CLASS_LISTS = ("classes.txt", "obj.names", "coco.names", "labels.txt", "names.txt", "_darknet.labels")
LARGEST_YAML = 1 << 18  # bytes
MOST_CLASSES = 100_000
NAMED = 3  # files in a note
HEAD = 5  # lines that are looked at to know the form


def partners(texts: Files, images: Files) -> dict[int, int]:
    """Number of a text file → number of the image that it is of: in the same folder, or in images/ where it is in labels/."""
    known = {_place(parts): index for index, parts in enumerate(images.paths)}
    pairs = ((index, known.get(_place(parts))) for index, parts in enumerate(texts.paths) if parts[-1].endswith(".txt"))
    return {index: image for index, image in pairs if image is not None}


def _place(parts: Parts) -> Parts:
    """Where a file lies, whether among images or labels, and its name without ending."""
    folders = tuple(part for part in parts[:-1] if part.lower() not in ("images", "labels", "jpegimages"))
    return (*folders, parts[-1].rpartition(".")[0])


def is_yolo(data: bytes) -> bool | None:
    """Whether a text begins like a file of labels; None of one that is empty."""
    lines = [line.split() for line in read_text(data[:4096]).splitlines()[:HEAD] if line.strip()]
    if not lines:
        return None
    return all(len(words) >= 5 and words[0].isdecimal() and all(map(_is_number, words[1:])) for words in lines[:1])


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def read_yolo(texts: Files, images: NamedImages, remarks: Remarks) -> tuple[list[Entry], list[str] | None]:
    """The entries of all images, and the names of the classes in their order."""
    pairs = partners(texts, images.files)
    of = {image: index for index, image in pairs.items()}
    names = _class_names(texts, remarks)
    entries = []
    for image, path in enumerate(images.files.paths):
        entry = Entry(image, [], split_of_folders(path), shares=True)
        if image in of:
            place = texts.name(of[image])
            try:
                entry.things = _things(read_text(texts.read(of[image])), place, names)
            except (OSError, ValueError) as error:
                remarks.fault(place, str(error))
                continue
        entries.append(entry)
    outlined = sum(thing.outline is not None for entry in entries for thing in entry.things)
    if outlined:
        remarks.notes.append(Said("readings.lines_are_polygons", count=outlined))
    without = len(entries) - len(of.keys() & {entry.image for entry in entries})
    if without:
        remarks.notes.append(Said("readings.no_file_of_labels", count=without))
    if lonely := without_image(texts, pairs):
        listed = ", ".join(texts.name(index) for index in lonely[:NAMED]) + (" …" if len(lonely) > NAMED else "")
        remarks.notes.append(Said("readings.labels_without_image", count=len(lonely), files=listed))
    if names is not None:
        return entries, names
    numbers = {thing.name for entry in entries for thing in entry.things}
    return entries, sorted(numbers, key=int)


def without_image(texts: Files, of_images: Mapping[int, int]) -> list[int]:
    """Numbers of the files of labels that are of no image. of_images: see `partners`."""
    others = (index for index, parts in enumerate(texts.paths) if index not in of_images and parts[-1].endswith(".txt"))
    return [
        index for index in others if texts.paths[index][-1].lower() not in CLASS_LISTS and reads_as_yolo(texts, index)
    ]


def reads_as_yolo(texts: Files, index: int) -> bool:
    try:
        return bool(is_yolo(texts.read(index)))
    except (OSError, ValueError):
        return False


def lines_of(data: bytes) -> list[Thing]:
    """What the lines of a file of labels say. Raises ValueError, naming the line, for one that is none."""
    return _things(read_text(data), "", None)


def _things(text: str, place: str, names: list[str] | None) -> list[Thing]:
    """Raises ValueError."""
    things = []
    for number, line in enumerate(text.splitlines(), 1):
        if words := line.split():
            things.append(_thing(words, f"{place}, line {number}", names))
    return things


def _thing(words: list[str], place: str, names: list[str] | None) -> Thing:
    line = place.rpartition(", ")[2]
    if not words[0].isdecimal() or len(words[0]) > 9 or not all(map(_is_number, words[1:])):
        raise ValueError(f"{line}: expected the number of a class and places, got {printable(' '.join(words)[:60])!r}")
    kind, values = int(words[0]), [float(word) for word in words[1:]]
    if names is not None and kind >= len(names):
        raise ValueError(f"{line}: class {kind} is none of the {len(names)} that have a name, 0 to {len(names) - 1}")
    name = str(kind) if names is None else names[kind]
    if len(values) == 4:
        x, y, width, height = values
        return Thing(place, name, (x - width / 2, y - height / 2, x + width / 2, y + height / 2))
    if len(values) >= 6 and len(values) % 2 == 0:
        return Thing(place, name, None, outline=Polygons((np.array(values).reshape(-1, 2),)))
    raise ValueError(
        f"{line}: expected 4 numbers of a box, or 3 corners of a polygon or more, got {len(values)} numbers"
    )


def _class_names(texts: Files, remarks: Remarks) -> list[str] | None:
    """What classes are called, by number; None where nothing says it. The file nearest to the top decides."""
    for index in sorted(range(len(texts)), key=lambda at: (len(texts.paths[at]), texts.paths[at])):
        name = texts.paths[index][-1].lower()
        is_list = name in CLASS_LISTS
        if not is_list and not name.endswith((".yaml", ".yml")):
            continue
        try:
            data = texts.read(index)
            lines = [line.strip() for line in read_text(data).splitlines() if line.strip()] if is_list else None
            found = _names_in(data, texts.name(index)) if lines is None else lines
            if found is not None:
                return _checked(found)
        except (OSError, ValueError) as error:
            remarks.fault(texts.name(index), str(error))
    return None


def _checked(names: list[str]) -> list[str]:
    if twice := [name for name, times in Counter(names).items() if times > 1]:
        raise ValueError(f"the class {printable(twice[0][:50])!r} is there twice")
    if not names or len(names) > MOST_CLASSES:
        raise ValueError(f"expected 1 to {MOST_CLASSES:,} classes, found {len(names):,}")
    return names


def _names_in(data: bytes, place: str) -> list[str] | None:
    """`names` of a data.yaml: a list, or number → name. None of another YAML. Raises ValueError; ProfundoError where the lines
    hold what would pass for polygons."""
    import yaml

    if len(data) > LARGEST_YAML:
        raise ValueError(f"expected at most {LARGEST_YAML >> 10} KB of YAML")
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(data, yaml.SafeLoader)):
            raise ValueError("aliases (*name) are not read here")
        whole: Any = yaml.load(data, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(in_words(error)) from None
    if isinstance(whole, dict) and "kpt_shape" in whole:
        raise ProfundoError(
            f"{place}: kpt_shape says that keypoints follow each box, which are not read; leave only boxes or polygons in the "
            "files of labels, and remove it"
        )
    names = whole.get("names") if isinstance(whole, dict) else None
    if names is None:
        return None
    if isinstance(names, dict) and all(isinstance(key, int) for key in names) and set(names) == set(range(len(names))):
        names = [names[place] for place in range(len(names))]
    if not isinstance(names, list) or not all(isinstance(name, str | int) for name in names):
        raise ValueError("expected names as a list, or as numbers from 0 with a name each")
    if isinstance(number := whole.get("nc", len(names)), int) and number != len(names):
        raise ValueError(f"nc says {number:,} classes, but names has {len(names):,}: make them agree")
    return [str(name) for name in names]
