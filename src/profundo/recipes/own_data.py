"""Which data of one's own a recipe takes, under the one setting `data`: a closed table of kinds, and the door.

A recipe declares one value, `Takes("images with classes", classes=4)`; `profundo recipes NAME` prints it, and what does not
fit is refused before anything is trained.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import AliasChoices, Field
from torch import Tensor

from profundo.data import load, names
from profundo.data.dataset_names import SUFFIXES, Reading
from profundo.data.images.image_folders import images_by_class_or_not
from profundo.data.new_inputs import media_of
from profundo.data.splits.splits import divide
from profundo.data.streams.addresses import is_address
from profundo.data.streams.archives import open_files, printable, things_at
from profundo.records import Dataset, Inputs, ProfundoError, Samples, nearest_names

__all__ = [
    "KINDS",
    "NOTHING",
    "Kind",
    "OwnText",
    "Takes",
    "check_skipping",
    "images_like",
    "images_of",
    "is_own",
    "load_images",
    "load_table",
    "things",
]

Kind = Literal[
    "images",
    "images with classes",
    "images or pairs",
    "text",
    "sounds with classes",
    "table",
    "sounds with transcripts",
    "pairs of texts",
]
KINDS: dict[Kind, str] = {
    "images": "a folder or .zip of images, in folders by class or all together",
    "images with classes": "a folder or .zip of images, one folder per class",
    "images or pairs": "a folder or .zip of images; with task=pairs in folders a and b under equal names, or two side by side",
    "text": "a file of text, or a folder or .zip of .txt files, in any language",
    "sounds with classes": "a folder or .zip of sounds (WAV, FLAC, Ogg, MP3), one folder per class",
    "pairs of texts": "a table with two columns, a text and its translation, as CSV, TSV or JSON lines",
    "table": "a table (.csv, .tsv, .parquet, .jsonl) with a column to predict, which --set target=NAME says",
    "sounds with transcripts": "a folder of sounds with a .txt beside each, or a CSV with the columns file and text; at least 10",
}
OwnText = Annotated[str | None, Field(validation_alias=AliasChoices("data", "text"))]
"""The setting `data` of recipes that take a text; earlier runs have it as `text`."""
NOTHING = "it has data of its own only"


@dataclass(frozen=True, slots=True)
class Takes:
    """A kind of data; classes, samples: how many there must be at least."""

    kind: Kind
    classes: int = 0
    samples: int = 0

    def __str__(self) -> str:
        total = f"{self.samples} characters" if self.kind == "text" else f"{self.samples} in all"
        least = [f"{self.classes} classes"] * (self.classes > 0) + [total] * (self.samples > 0)
        return f"{KINDS[self.kind]}{'; at least ' if least else ''}{', '.join(least)}"


def is_own(name: str) -> bool:
    """Whether data of that name are not among those that Profundo knows."""
    return name not in names()


def things(data: Dataset) -> str:
    """What the images of a data set are called."""
    return "digits" if data.name in ("mnist", "digits") else "images"


def load_images(
    name: str, takes: Takes, image_size: int | None, *, seed: int, data_dir: str | None, skip_bad: bool = False
) -> Dataset:
    """Images in memory, as the recipe takes them. image_size: of one's own, the side that they are scaled and cut to; skip_bad: leave
    out those that do not read.

    Targets are of kind "any" where there are no classes. Raises ProfundoError for other data.
    """
    if holds_files(name):
        data = images_at(Path(name), takes, image_size, seed, skip_bad)
    else:
        data = named_or_stored(name, takes, seed, data_dir)
    check(data, name, takes)
    return data


STORED = (*SUFFIXES, ".npz", ".tar")  # what holds images already made equal, and is read as it is
OF_IMAGES = ("data", "odd")  # settings that name images of one's own


def holds_files(name: str) -> bool:
    """Whether data of that name are files of images, each of which may be left out: a folder, or an archive of them."""
    return is_own(name) and os.path.exists(name) and not (os.path.isfile(name) and name.lower().endswith(STORED))


def check_skipping(recipe: str, takes: Takes | None, settings: Any) -> None:
    """Raise ProfundoError where no file of images is read that could be left out."""
    if takes is None or not takes.kind.startswith("images"):
        raise ProfundoError(f"recipe {recipe}: --skip-bad is for images of your own, and it takes none; leave it out")
    places = [place for name in OF_IMAGES if (place := getattr(settings, name, None)) is not None]
    if not any(map(holds_files, places)):
        got = " and ".join(map(printable, places))
        raise ProfundoError(
            f"recipe {recipe}: --skip-bad is for a folder or .zip of images of your own, got {got}; leave it out"
        )


def named_or_stored(name: str, takes: Takes, seed: int, data_dir: str | None) -> Dataset:
    try:
        return load(name, data_dir=data_dir, seed=seed)
    except ProfundoError as error:
        if is_own(name) and Path(name).is_file():  # its advice, such as --target, is for `profundo train`
            raise ProfundoError(f"data {printable(name)}: expected {takes}; found a table") from error
        raise


def images_at(path: Path, takes: Takes, image_size: int | None, seed: int, skip_bad: bool) -> Dataset:
    if (what := things_at(path)) != "images":
        raise ProfundoError(f"data {printable(str(path))}: expected {takes}; found {what}")
    if takes.kind != "images with classes":
        how = Reading(stream=False, image_size=image_size, skip_bad=skip_bad)
        return divide(images_by_class_or_not(path, how), validation=None, seed=seed, stream=False)
    return load(path, seed=seed, stream=False, image_size=image_size, skip_bad=skip_bad)


def check(data: Dataset, name: str, takes: Takes) -> None:
    """Raise ProfundoError where the data are not what the recipe takes."""
    where, inputs, targets = printable(name), data.spec.inputs, data.spec.targets
    total = len(data.train) + len(data.validation) + len(data.test)
    found = ""
    if inputs.kind != "image":
        found = f"{inputs.things}, no images"
    elif not isinstance(data.train.inputs, Tensor):
        found = "images that are read from disk as they do not fit in memory; take fewer"
    elif takes.kind == "images with classes" and not targets.traits.one_class:
        found = "images without classes"
    elif len(targets.classes) < takes.classes:
        found = f"{len(targets.classes)} classes"
    elif total < takes.samples:
        found = f"{total} images"
    if found:
        raise ProfundoError(f"data {where}: expected {takes}; found {found}")


def load_table(
    name: str, takes: Takes, target: str | None, *, seed: int, data_dir: str | None, validation: float
) -> Dataset:
    """Rows of numbers in memory with one class, or numbers, to be told. Raises ProfundoError for other data."""
    own: dict[str, Any] = {"target": target, "stream": False} if is_own(name) else {}
    if not own and target is not None:
        raise ProfundoError(
            f"target: is for a table of your own, {name} has its own; leave it out, or give the table by data"
        )
    if own and Path(name).is_dir():
        raise ProfundoError(f"data {printable(name)}: expected {takes}; found a folder {what_is_in(Path(name))}")
    if own and not is_address(name) and not os.path.exists(name):
        hint = f"; {near}" if (near := nearest_names(name, names())) else ""
        raise ProfundoError(f"data {printable(name)}: expected {takes}; there is no such file{hint}")
    try:
        data = load(name, data_dir=data_dir, seed=seed, validation=validation, **own)
    except ProfundoError as error:
        raise ProfundoError(str(error).replace("--target ", "--set target=")) from error
    inputs, targets, total = (
        data.spec.inputs,
        data.spec.targets,
        len(data.train) + len(data.validation) + len(data.test),
    )
    found = ""
    if inputs.kind != "features":
        found = inputs.things
    elif inputs.texts:
        found = f"texts in the column {inputs.texts[0].name!r}; leave it out of the table"
    elif not (targets.traits.one_class or targets.kind == "real"):
        found = f"targets of the kind {targets.kind}; take one column of classes, or of numbers"
    elif total < takes.samples:
        found = f"{total} rows"
    if found:
        raise ProfundoError(f"data {printable(name)}: expected {takes}; found {found}")
    return data


def what_is_in(folder: Path) -> str:
    return f"of {things_at(folder)}" if any(folder.iterdir()) else "without files"


def images_of(samples: Samples) -> Tensor:
    """uint8 (samples, channels, height, width), which lie in memory: `check` refuses others."""
    assert isinstance(samples.inputs, Tensor)
    return samples.inputs


def several_classes(data: Dataset) -> Dataset:
    """Two classes like any other number of them: a probability for each."""
    targets = data.spec.targets
    is_binary = targets.kind == "binary"
    return replace(data, spec=replace(data.spec, targets=replace(targets, kind="classes"))) if is_binary else data


def images_like(path: Path, inputs: Inputs, skip_bad: bool = False) -> tuple[Tensor, int]:
    """All images of a folder or .zip, scaled and cut to fit those of the inputs: uint8 (images, channels, height, width); and how
    many do not read, which `skip_bad` leaves out. Raises ProfundoError for one without it, and where none is left."""
    files = open_files(path)
    images = []
    for index in sorted(range(len(files)), key=files.paths.__getitem__):
        try:
            images.append(media_of(files.read(index), inputs))
        except (OSError, ValueError) as error:
            if not skip_bad:
                raise ProfundoError(
                    f"{files.name(index)}: expected an image, but it does not read: {error}; mend or remove it, or leave it "
                    "out with --skip-bad"
                ) from None
    if not images:
        raise ProfundoError(f"{printable(str(path))}: expected images, found none that reads among {len(files)} files")
    return torch.stack(images), len(files) - len(images)
