"""Tables of boxes, a row each, as several tools write them: what a column means is told by its name.

    filename,width,height,class,xmin,ymin,xmax,ymax           TensorFlow's, Roboflow's (a file for each split)
    path,x1,y1,x2,y2,class                                    Keras RetinaNet's, also without a header
    ImageID,LabelName,XMin,XMax,YMin,YMax,IsGroupOf           Open Images': shares of the sides; a group is a crowd
    image_id,width,height,bbox                                Kaggle's: [x, y, width, height] in a cell
    filename,region_shape_attributes,region_attributes        VIA's: rectangles and polygons as JSON in a cell

Places are edges in pixels, or shares of the image's sides where none is above 1. A row without a box says that its image
has no objects.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from profundo.data.images.layouts import split_called
from profundo.data.objects_in_images.coco_json import box_of_sides, numbers
from profundo.data.objects_in_images.labelled_images import ONE_CLASS, Entry, Remarks, Thing, number_of
from profundo.data.objects_in_images.named_images import NamedImages, split_of_name
from profundo.data.objects_in_images.outlines import Polygons
from profundo.data.streams.archives import IMAGE_SUFFIXES, LabelFiles, printable
from profundo.data.text.text_files import read_text
from profundo.files import in_words
from profundo.languages import Said

__all__ = ["columns_of", "first_row", "is_box_table", "places_in", "read_box_tables"]

MEANINGS = {
    "file": "filename file_name file path filepath file_path image image_name image_path image_id imageid img img_path",
    "class": "class label class_name classname category category_name label_name labelname name class_id category_id label_id",
    "left": "xmin x_min x1 left bbox_xmin minx box_xmin bbox_x1 x_start",
    "top": "ymin y_min y1 top bbox_ymin miny box_ymin bbox_y1 y_start",
    "right": "xmax x_max x2 right bbox_xmax maxx box_xmax bbox_x2 x_end",
    "bottom": "ymax y_max y2 bottom bbox_ymax maxy box_ymax bbox_y2 y_end",
    "x": "x bbox_x box_x",
    "y": "y bbox_y box_y",
    "wide": "w bbox_width bbox_w box_width",
    "high": "h bbox_height bbox_h box_height",
    "width": "width image_width img_width",
    "height": "height image_height img_height",
    "box": "bbox box",
    "region": "region_shape_attributes",
    "facts": "region_attributes",
    "crowd": "iscrowd is_crowd crowd isgroupof difficult",
    "split": "split subset set",
}
CALLED = {name: meaning for meaning, names in MEANINGS.items() for name in names.split()}
EDGES, SIDES = ("left", "top", "right", "bottom"), ("x", "y", "wide", "high")
BARE = ("file", *EDGES, "class")  # a table without a header
SIGNS = ",;\t"
HEAD = 1 << 16  # bytes that tell what a table is

Columns = dict[str, int]  # meaning → place


def columns_of(names: Sequence[str]) -> Columns | None:
    """What the columns of these names mean; None where they are no boxes in images."""
    columns = _meanings(names)
    if "x" in columns and "wide" not in columns and {"width", "height"} <= columns.keys():
        columns["wide"], columns["high"] = columns.pop("width"), columns.pop("height")
    places = ({*EDGES}, {*SIDES}, {"box"}, {"region"})
    return columns if "file" in columns and any(own <= columns.keys() for own in places) else None


def _meanings(names: Sequence[str]) -> Columns:
    columns: Columns = {}
    for place, name in enumerate(names):
        meaning = CALLED.get(re.sub(r"[\s-]+", "_", name.strip().lower().lstrip("#")))
        if meaning is not None:
            columns.setdefault(meaning, place)
    return columns


def places_in(names: Sequence[str]) -> bool:
    """Whether some columns of these names say where something is, be it too few of them."""
    return bool(_meanings(names).keys() & {*EDGES, *SIDES, "box", "region"})


def _bare(row: Sequence[str]) -> Columns | None:
    """The same of a first row that is a box already, or the name of an image without one."""
    if len(row) != len(BARE) or not row[0].lower().endswith(tuple(IMAGE_SUFFIXES)):
        return None
    is_box = all(re.fullmatch(r"\s*-?\d+(\.\d*)?\s*", cell) for cell in row[1:5]) or not any(row[1:])
    return {meaning: place for place, meaning in enumerate(BARE)} if is_box else None


def is_box_table(head: bytes) -> bool:
    """Whether a text that begins so is a table of boxes."""
    first = first_row(head)
    return columns_of(first) is not None or _bare(first) is not None


def first_row(head: bytes) -> list[str]:
    """Of a text that begins so; [] of one that is no table."""
    try:
        return next(_rows(read_text(head[:HEAD])), [])
    except csv.Error:
        return []


def _rows(text: str) -> Iterator[list[str]]:
    head = text.partition("\n")[0]
    return csv.reader(text.splitlines(), delimiter=max(SIGNS, key=head.count))


def read_box_tables(files: LabelFiles, wanted: Sequence[int], images: NamedImages, remarks: Remarks) -> list[Entry]:
    """wanted: numbers of the tables."""
    entries: dict[int, Entry] = {}
    for index in wanted:
        place, own = files.name(index), dict[int, Entry]()
        try:
            _read(read_text(files.read_labels(index)), files.paths[index], place, images, own, remarks)
        except (OSError, ValueError, csv.Error) as error:
            remarks.fault(place, in_words(error))
        for image in own.keys() & entries.keys():
            remarks.fault(images.files.name(image), f"{place}: it is in another table, too")
        entries = own | entries
    if all(entry.shares for entry in entries.values()):
        if any(entry.things for entry in entries.values()):
            remarks.notes.append(Said("readings.edges_are_shares"))
        return list(entries.values())
    for entry in entries.values():  # one place above 1 says that all are pixels
        entry.shares = False
    return list(entries.values())


def _read(
    text: str, path: tuple[str, ...], place: str, images: NamedImages, entries: dict[int, Entry], remarks: Remarks
) -> None:
    rows = _rows(text)
    first = next(rows, [])
    columns, begin = columns_of(first), 2
    if columns is None:
        columns, begin, rows = _bare(first), 1, _rows(text)
    if columns is None:
        raise ValueError(
            "expected columns that name the image and the edges of a box, such as filename,xmin,ymin,xmax,ymax,class"
        )
    finding = _remembered(images, path)
    for number, row in enumerate(rows, begin):
        if not any(cell.strip() for cell in row):
            continue
        where = f"{place}, row {number}"
        try:
            _add(_Row(columns, row), where, finding, split_of_name(path), entries)
        except ValueError as error:
            remarks.fault(where, in_words(error))


class _Row:
    """Cells by what they mean."""

    def __init__(self, columns: Columns, cells: Sequence[str]) -> None:
        self.columns, self.cells = columns, cells

    def says(self, meaning: str) -> str:
        """ "" where there is no such column."""
        place = self.columns.get(meaning, len(self.cells))
        return self.cells[place].strip() if place < len(self.cells) else ""

    def all(self, meanings: Sequence[str]) -> tuple[float, ...] | None:
        """Numbers; None where all are empty. Raises ValueError."""
        words = [self.says(meaning) for meaning in meanings]
        if not any(words):
            return None
        return tuple(map(number_of, words))


def _remembered(images: NamedImages, path: tuple[str, ...]) -> Callable[[str], int]:
    """Name → number of the image, each sought once. A name without ending, as an id is, is looked for as such."""
    known: dict[str, int] = {}

    def find(name: str) -> int:
        if name not in known:
            is_file = name.lower().endswith(tuple(IMAGE_SUFFIXES))
            known[name] = images.called(name, path) if is_file else images.of_stem(re.split(r"[/\\]", name)[-1], path)
        return known[name]

    return find


def _add(row: _Row, where: str, find: Callable[[str], int], split: str | None, entries: dict[int, Entry]) -> None:
    """The thing of a row to the entry of its image. Raises ValueError."""
    if not row.says("file"):
        raise ValueError("expected the name of an image, found nothing")
    image = find(row.says("file"))
    size = row.all(("width", "height"))
    entry, own = entries.get(image), split_called(row.says("split")) or split
    if entry is None:
        stated = None if size is None or not all(size) else (size[0], size[1])
        entry = entries[image] = Entry(image, [], own, stated, shares=True)
    elif entry.split != own:
        raise ValueError(
            f"expected the split {entry.split or 'of none'}, that its image is in above, got {own or 'none'}"
        )
    thing = _thing(row, where)
    if thing is None:
        return
    entry.things.append(thing)
    entry.shares = entry.shares and thing.box is not None and max(map(abs, thing.box)) <= 1


def _thing(row: _Row, where: str) -> Thing | None:
    """Of a row; None where it has no box. Raises ValueError."""
    crowd = row.says("crowd").lower() in ("1", "true", "yes")
    if "region" in row.columns:
        return _region(row, where, crowd)
    if "box" in row.columns and "left" not in row.columns:
        words = re.findall(r"[^\s,\[\]()]+", row.says("box"))
        sides = tuple(map(number_of, words)) if words else None
        if sides is not None and len(sides) != 4:
            raise ValueError(f"expected 4 numbers of a box, got {len(sides)}")
        box = None if sides is None else box_of_sides(*sides)
    elif "left" in row.columns:
        box = row.all(EDGES)  # type: ignore[assignment]
    else:
        sides = row.all(SIDES)
        box = None if sides is None else box_of_sides(*sides)
    name = row.says("class") or (ONE_CLASS if "class" not in row.columns else "")
    if box is None:
        return None
    if not name:
        raise ValueError("expected the class of the box, found nothing")
    return Thing(where, name, box, crowd, sides="left" not in row.columns)


def _region(row: _Row, where: str, crowd: bool) -> Thing | None:
    """VIA's. Raises ValueError."""
    shape, facts = (_object(row.says(meaning) or "{}") for meaning in ("region", "facts"))
    if not shape:
        return None
    name = next((str(value) for value in facts.values() if isinstance(value, str | int) and str(value)), ONE_CLASS)
    kind = shape.get("name")
    if kind == "rect":
        sides = numbers([shape.get(side) for side in ("x", "y", "width", "height")], 4)
        return Thing(where, name, box_of_sides(*sides), crowd)
    across, down = shape.get("all_points_x"), shape.get("all_points_y")
    if kind in ("polygon", "polyline") and isinstance(across, list) and isinstance(down, list) and len(across) >= 3:
        corners = np.array([numbers(across, len(across)), numbers(down, len(across))]).T
        return Thing(where, name, None, crowd, Polygons((corners,)))
    raise ValueError(f"expected a rect or a polygon, got {printable(str(kind)[:30])!r}")


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("expected an object in JSON")
    return value
