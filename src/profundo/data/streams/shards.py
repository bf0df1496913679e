"""Images in tar files (WebDataset layout) become a Collection: read in place, from this disk or from a store.

A sample is a run of members with one name up to its first dot: 000123.jpg (.png, .webp …, or .npy of bytes) with its class in
000123.cls or .txt, a number or a name, or in 000123.json as "label", "class" or "cls". (Aizman, Maltby and Breuel, "High
performance I/O for large scale deep learning", 2019.) classes.txt, one name a line, or dataset.json with "classes", beside
the shards says what the numbers mean.

Each shard is read once from front to back: where every sample lies and, if the images are to be streamed, their shapes and
sums; all of it is kept in the cache under the shard's size and time (or tag), so that no later run reads it again. From then
on samples are read by shard and offset. Blocks are 1/32 of a window, and a window is 64 MiB of decoded images, 4,096 at most
(see blocks.py): some hundred kilobytes to a few megabytes a request, and batches from 32 places of the data.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from profundo.data.dataset_names import Reading
from profundo.data.images.image_folders import Form, Images, SeveralShapesError, Survey, collected, fits_in_memory
from profundo.data.images.layouts import Layout, splits_of
from profundo.data.images.pixels import WHOLE
from profundo.data.splits.splits import Collection
from profundo.data.streams.addresses import Stored, beside, read, read_spans
from profundo.data.streams.archives import Parts, printable
from profundo.data.streams.cache import Made
from profundo.data.streams.shard_index import LARGEST_IMAGE, ROW, Look, looked_at
from profundo.image_files import strict
from profundo.languages import Said
from profundo.records import ProfundoError

__all__ = ["ShardImages", "Shards", "called", "shard_collection"]

CLASS_LISTS = ("classes.txt", "dataset.json")
LARGEST_LIST = 2**24  # bytes
WINDOW_BYTES, WINDOW_SAMPLES, TOGETHER = 2**26, 4096, 32


class Shards:
    """The samples of several shards, as files by number. May be handed to the workers of a DataLoader.

    rows: ROW (samples,); shard: of each sample.
    """

    def __init__(self, where: str, stored: Sequence[Stored], made: Sequence[Made], look: Look) -> None:
        self.where, self.stored, self.look = where, stored, look
        self.paths: list[Parts] = []
        self.folders: set[Parts] = set()
        self.rows = np.concatenate([array.view(ROW) for array, _ in made])
        self.shard = np.repeat(np.arange(len(made)), [len(array) for array, _ in made])
        self.begins = np.concatenate([[0], np.cumsum([len(array) for array, _ in made])])
        self.faults = {
            int(begin) + int(place): str(outputs)
            for begin, (_, notes) in zip(self.begins, made, strict=False)
            for place, outputs in notes["faults"]
        }
        self.deep = any(notes["deep"] for _, notes in made)
        left_out = sum(int(notes["left_out"]) for _, notes in made)
        self.notes = [Said("readings.members_left", count=left_out)] * (left_out > 0)

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, index: int) -> bytes:
        size = int(self.rows["size"][index])
        if size > LARGEST_IMAGE:
            raise ValueError(f"{size:,} bytes, more than the limit of {LARGEST_IMAGE:,}")
        return read(self.stored[self.shard[index]].address, int(self.rows["offset"][index]), size)

    def read_many(self, indices: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        """(place among the indices, the bytes), shard by shard and from front to back."""
        order = np.argsort(indices, kind="stable")
        ascending = np.asarray(indices)[order]
        for shard in np.unique(self.shard[ascending]).tolist():
            mine = order[self.shard[ascending] == shard].tolist()
            spans = self.rows[["offset", "size"]][ascending[self.shard[ascending] == shard]].tolist()
            address = self.stored[shard].address
            try:
                yield from zip(mine, read_spans(address, spans), strict=True)
            except (OSError, ValueError) as error:
                raise ProfundoError(f"{printable(address)}: can no longer be read: {error}") from None

    def name(self, index: int) -> str:
        """Of the shard, and of the member as its header has it (long names are cut there)."""
        address = self.stored[self.shard[index]].address
        try:
            name = read(address, int(self.rows["offset"][index]) - 512, 100).split(b"\0")[0]
        except (OSError, ValueError):
            name = b"?"
        return printable(f"{address}/{name.decode('utf-8', 'surrogateescape')}")

    def identity(self) -> str:
        return hashlib.sha256("".join(one.key for one in self.stored).encode()).hexdigest()

    def known(self, form: Form, used: list[int]) -> Survey | None:
        """See images.Known."""
        if not self.look.measures or form.window != WHOLE:
            return None
        channels, height, width = form.shape
        shapes = self.rows["shape"][[index for index in used if index not in self.faults]]
        if not form.fits and (shapes != (height, width, channels)).any():
            raise SeveralShapesError
        if (shapes[:, :2] != (height, width)).any():
            return None
        sums = self.rows["sums"].copy()
        grey = self.rows["shape"][:, 2] == 1
        sums[grey] = sums[grey][:, :, :1]  # in colour, its channels are equal
        mine = set(used)
        return sums[:, :, :channels], [fault for fault in self.faults.items() if fault[0] in mine], self.deep

    def sizes(self) -> tuple[list[tuple[int, int]], bool] | None:
        """See images.Known."""
        if not self.look.measures:
            return None
        shapes = self.rows["shape"][self.rows["shape"][:, 0] > 0]
        return [(width, height) for height, width, _ in shapes.tolist()], bool((shapes[:, 2] == 3).any())


class ShardImages(Images):
    """Images that are read in blocks; see blocks.py."""

    threaded = False
    together = TOGETHER

    def __init__(self, images: Images, shards: Shards) -> None:
        super().__init__(shards, images.form, images.measured)
        window = min(WINDOW_SAMPLES, max(TOGETHER, WINDOW_BYTES // int(np.prod(images.shape))))
        inside = (np.arange(len(shards)) - shards.begins[shards.shard]) // (window // TOGETHER)
        begins = np.diff(shards.shard, prepend=-1) + np.diff(inside, prepend=0) != 0
        self.blocks = torch.from_numpy(np.cumsum(begins) - 1)

    def fingerprint(self, indices: Tensor) -> bytes:
        """The exact sums of each image stand for it: to read images from a store, one here and one there, would take long."""
        return self.measured[indices].numpy().tobytes()


def shard_collection(where: str, stored: Sequence[Stored], how: Reading) -> Collection:
    """The images of these shards by class.

    Shards in folders train/, validation/, test/, or with names that begin so (val-000.tar), are those splits. Raises
    ProfundoError for shards that are damaged, hostile or empty, samples without a class, and images that do not decode.
    """
    streams = not fits_in_memory(sum(one.size for one in stored), how.stream)  # at least: decoded they are larger
    look = Look(streams, how.image_size if streams else None)
    with strict(), ThreadPoolExecutor(min(8, os.cpu_count() or 1, len(stored))) as pool:
        made = list(pool.map(lambda one: looked_at(one, look), stored))
    shards = Shards(where, stored, made, look)
    name, layout = called(where, (".tar",)), _layout(shards, made)
    return collected(name, shards, layout, how, lambda images: ShardImages(images, shards))


# --------------------------------------------------------------------------------------------------- splits and classes
def _layout(shards: Shards, made: Sequence[Made]) -> Layout:
    """Which sample belongs to which split and class."""
    where = printable(shards.where)
    split_of = splits_of([one.address for one in shards.stored])
    results = [[str(label) for label in notes["labels"]] for _, notes in made]
    names, notes_on_names = _class_names(shards, results, where)
    in_training = {
        label for split, labels in zip(split_of, results, strict=True) if split == "train" for label in labels
    }
    numbers, classes = _numbered(names, in_training, where)
    labels = np.empty(len(shards), np.int64)
    splits: dict[str, list[int]] = {}
    for shard, (split, own) in enumerate(zip(split_of, results, strict=True)):
        strange = [label for label in own if label not in numbers]
        if strange:
            raise ProfundoError(
                f"{printable(shards.stored[shard].address)}: class {strange[0]!r} has samples here but none to train on; "
                "add some, or leave this shard out"
            )
        span = slice(int(shards.begins[shard]), int(shards.begins[shard + 1]))
        labels[span] = np.array([numbers[label] for label in own])[shards.rows["label"][span]]
        if split is not None:
            splits.setdefault(split, []).extend(range(span.start, span.stop))
    ignored = sum(split is None for split in split_of)
    notes = (*notes_on_names, *([Said("readings.shards_left", count=ignored)] if ignored else []))
    return Layout(splits, labels.tolist(), classes, notes)


def _class_names(shards: Shards, results: list[list[str]], where: str) -> tuple[list[str], tuple[Said, ...]]:
    """The names of the classes, those of the list beside the shards where there is one."""
    listed = beside(shards.stored[0].address, CLASS_LISTS, LARGEST_LIST)
    if listed is not None:
        return _listed(*listed, where), (Said("readings.names_from", file=listed[0]),)
    labels = {label for own in results for label in own}
    return sorted(labels, key=lambda label: (0, int(label), "") if label.isdecimal() else (1, 0, label)), ()


def _listed(file: str, content: bytes, where: str) -> list[str]:
    try:
        text = content.decode("utf-8-sig")
        names = json.loads(text)["classes"] if file.endswith(".json") else text.splitlines()
        names = [str(name).strip() for name in names if str(name).strip()]
    except (ValueError, LookupError, TypeError, RecursionError):
        names = []
    if len(names) < 2 or len(set(names)) < len(names):
        raise ProfundoError(f'{where}: {file}: expected the classes, each once, one a line or a JSON list "classes"')
    return names


def _numbered(names: list[str], in_training: set[str], where: str) -> tuple[dict[str, int], tuple[str, ...]]:
    """The number of every label among the classes that there are samples of, and these classes' names."""
    meant = {name: name for name in names}
    if not all(name.isdecimal() for name in names):  # then a number is a place in the list
        meant |= {str(place): name for place, name in enumerate(names) if str(place) not in meant}
    strange = sorted(in_training - meant.keys())
    if strange:
        raise ProfundoError(f"{where}: class {strange[0]!r} is not among the {len(names)} of the list; add it there")
    there = {meant[label] for label in in_training}
    classes = [name for name in names if name in there]
    if len(classes) < 2:
        raise ProfundoError(f"{where}: expected two classes or more, found samples of {classes[0]!r} only")
    places = {name: place for place, name in enumerate(classes)}
    return {label: places[name] for label, name in meant.items() if name in places}, tuple(map(printable, classes))


def called(where: str, suffixes: tuple[str, ...]) -> str:
    """What the data set is called: the folder's name, or that of the files without their numbers."""
    parts = [part for part in where.split("://")[-1].split("/") if part not in ("", ".")]
    last = parts[-1] if parts else "data"
    for suffix in suffixes:
        last = last.removesuffix(suffix)
    stem = last.partition("{")[0].partition("*")[0].strip("-_.")
    return printable(stem or (parts[-2] if len(parts) > 1 else "data"))
