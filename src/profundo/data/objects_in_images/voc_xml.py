"""Pascal VOC's XML (Everingham et al. 2010): a file for each image, and lists of images for each split in ImageSets/Main.

    Annotations/a.xml, JPEGImages/a.jpg, ImageSets/Main/{train,val,test}.txt

Pixels are counted from 1, and a box holds the last one that it names: xmin to xmax is from xmin − 1 to xmax as edges. What is
difficult is neither to be found nor a mistake to find. Documents that declare entities are refused: they can stand for more than
memory holds.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from xml.parsers import expat

from profundo.data.images.layouts import SPLITS
from profundo.data.objects_in_images.labelled_images import Entry, Remarks, Thing, number_of
from profundo.data.objects_in_images.named_images import NamedImages, split_of_folders
from profundo.data.streams.archives import IMAGE_SUFFIXES, Files, Parts, printable
from profundo.data.text.text_files import read_text

__all__ = ["listed_splits", "read_voc"]

LARGEST = 1 << 22  # bytes of one document
EDGES = ("xmin", "ymin", "xmax", "ymax")


@dataclass(slots=True)
class Element:
    name: str
    text: str = ""
    inner: list[Element] = field(default_factory=list)

    def all(self, name: str) -> list[Element]:
        return [one for one in self.inner if one.name == name]

    def says(self, name: str) -> str:
        """The text of the first element of this name in it; "" where there is none."""
        return next((one.text.strip() for one in self.inner if one.name == name), "")


def parsed(data: bytes) -> Element:
    """The root of an XML document. Raises ValueError for what is none, and for one with a document type."""
    if len(data) > LARGEST:
        raise ValueError(f"expected at most {LARGEST >> 20} MB for one image, got {len(data):,} bytes")
    top = Element("")
    open_elements = [top]

    def begin(name: str, _: object) -> None:
        open_elements[-1].inner.append(one := Element(name))
        open_elements.append(one)

    def end(_: str) -> None:
        open_elements.pop()

    def text(words: str) -> None:
        open_elements[-1].text += words

    def refuse(*_: object) -> None:
        raise ValueError("it declares a document type, which may hold entities; remove the <!DOCTYPE …>")

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = begin, end, text
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise ValueError(f"it is not XML from line {error.lineno}, column {error.offset + 1} on") from None
    except LookupError:
        raise ValueError("it is written in an encoding that is not known") from None
    return top.inner[0]


def read_voc(files: Files, wanted: Sequence[int], images: NamedImages, remarks: Remarks) -> list[Entry]:
    """wanted: numbers of the XML files."""
    entries: dict[int, Entry] = {}
    for index in wanted:
        place = files.name(index)
        try:
            entry = _entry(parsed(files.read(index)), files.paths[index], images, place)
            if entry.image in entries:
                raise ValueError(f"{images.files.name(entry.image)} has another file of labels, too")
            entries[entry.image] = entry
        except (OSError, ValueError) as error:
            remarks.fault(place, str(error))
    return list(entries.values())


def _entry(root: Element, path: Parts, images: NamedImages, place: str) -> Entry:
    """Raises ValueError."""
    if root.name != "annotation":
        raise ValueError(f"expected <annotation>, found <{printable(root.name[:50])}>")
    stem = path[-1].rpartition(".")[0]
    try:
        image = images.of_stem(stem, path)
    except ValueError:
        if not root.says("filename"):
            raise
        image = images.called(root.says("filename"), path)
        images.also_called(stem, image)
    sizes = [one for size in root.all("size") for one in (size.says("width"), size.says("height"))]
    size = (number_of(sizes[0]), number_of(sizes[1])) if len(sizes) == 2 and all(sizes) else None
    things = [_thing(one, f"{place}, object {number}") for number, one in enumerate(root.all("object"), 1)]
    return Entry(image, things, split_of_folders(path), size if size is not None and all(size) else None)


def _thing(one: Element, place: str) -> Thing:
    name = one.says("name")
    boxes = one.all("bndbox")
    if not name or len(boxes) != 1:
        raise ValueError(f"{place.rpartition(', ')[2]}: expected a name and one bndbox")
    edges = [boxes[0].says(edge) for edge in EDGES]
    if not all(edges):
        raise ValueError(f"{place.rpartition(', ')[2]}: expected {', '.join(EDGES)} in its bndbox")
    left, top, right, bottom = map(number_of, edges)
    low, high = (min(left, right), min(top, bottom)), (max(left, right), max(top, bottom))
    box = low[0] - 1, low[1] - 1, high[0], high[1]
    swapped = left > right or top > bottom
    return Thing(place, name, (box[2], box[3], box[0], box[1]) if swapped else box, one.says("difficult") == "1")


# -------------------------------------------------------------------------------------------------------------- splits
def listed_splits(files: Files, but: Container[int], images: NamedImages, remarks: Remarks) -> dict[int, str]:
    """Number of an image → its split, of lists that are called train.txt, val.txt and test.txt; trainval.txt where there is no
    train.txt. {} where there is no list. but: numbers of texts that are no lists.

    A line is the path or the name of an image, with or without its ending; what may follow in another column is not read. Lists
    in ImageSets/Main are the only ones where there are any: those beside them say which images have outlines, layouts or actions.
    """
    texts = [
        index for index, parts in enumerate(files.paths) if parts[-1].lower().endswith(".txt") and index not in but
    ]
    main = [index for index in texts if [part.lower() for part in files.paths[index][-3:-1]] == ["imagesets", "main"]]
    texts = [index for index in main if _listed(files.paths[index])] or texts
    lists = [(split, index) for index in texts if (split := _listed(files.paths[index]))]
    if not any(split == "train" for split, _ in lists):
        lists += [("train", index) for index in main or texts if files.paths[index][-1].lower() == "trainval.txt"]
    splits: dict[int, str] = {}
    for split, index in lists:
        for number, line in enumerate(read_text(files.read(index)).splitlines(), 1):
            place = f"{files.name(index)}, line {number}"
            try:
                image = _meant(line.strip(), images, files.paths[index]) if line.strip() else None
            except ValueError as error:
                remarks.fault(place, str(error))
                continue
            if image is not None and splits.setdefault(image, split) != split:
                remarks.fault(place, f"{images.files.name(image)} is in the list of {splits[image]}, too")
    return splits


def _meant(line: str, images: NamedImages, near: Parts) -> int:
    """The image of a line. Raises ValueError."""
    first = line.split()[0]
    try:
        return _called(line, images, near)
    except ValueError:
        if first == line:
            raise
    return _called(first, images, near)


def _called(name: str, images: NamedImages, near: Parts) -> int:
    if name.lower().endswith(tuple(IMAGE_SUFFIXES)):
        return images.called(name, near)
    return images.of_stem(name.replace("\\", "/").rpartition("/")[2], near)


def _listed(parts: Parts) -> str | None:
    """The split that a text of this name lists."""
    stem, _, suffix = parts[-1].lower().rpartition(".")
    return SPLITS.get(stem) if suffix == "txt" else None
