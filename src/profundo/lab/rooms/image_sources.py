"""The images that the room of images shows, by name, decoded once and kept at the desk of the tab that looks at them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Annotated, Any

import numpy as np
from pydantic import Field
from torch import Tensor

from profundo.data import load
from profundo.data.dataset_names import PUBLISHED
from profundo.data.sets.published import at_hand
from profundo.images import SAMPLES, Image, as_image, read_image, reduced, sketched
from profundo.lab.calls import Question
from profundo.lab.desks import Desk
from profundo.lab.uploads import upload_path
from profundo.languages import Said
from profundo.records import ProfundoError

__all__ = [
    "DRAWN",
    "WHITE",
    "Desktop",
    "Name",
    "Source",
    "Strokes",
    "as_bytes",
    "classes_of",
    "desktop",
    "image_of",
    "sets_at_hand",
]

LONGEST = 640  # pixels of a side, so that every answer comes at once
MOST_KEPT = 12  # images of a tab, and what was made of them
DRAWN, PAPER, WHITE = "drawn", 64, 255.0
SETS = ("digits", "mnist", "cifar10")  # that have samples here

Name = Annotated[str, Field(min_length=1, max_length=120)]
Coordinate = Annotated[int, Field(ge=0, le=1000)]
Point = Annotated[list[Coordinate], Field(min_length=2, max_length=2)]
Strokes = Annotated[list[Annotated[list[Point], Field(max_length=2000)]], Field(max_length=100)]


class Source(Question):
    """An image: a sample's name, "mnist:7" for the first 7 of that set, "upload:NAME", or "drawn" with its strokes."""

    image: Name
    strokes: Strokes = Field(default_factory=list)


class Desktop:
    """What the room keeps for a tab: images, and what was made of them."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Any] = OrderedDict()
        self._lock = threading.RLock()

    def kept(self, name: str, make: Callable[[], Any]) -> Any:
        """What has that name; made where there is nothing yet, or no longer."""
        with self._lock:
            if name not in self._kept:
                self._kept[name] = make()
                if len(self._kept) > MOST_KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(name)
            return self._kept[name]

    def close(self) -> None:
        self._kept.clear()


def desktop(desk: Desk) -> Desktop:
    state: Desktop = desk.state("images", Desktop)
    return state


def sets_at_hand() -> list[str]:
    """The data sets whose samples can be picked without fetching anything."""
    return [name for name in SETS if name == "digits" or at_hand(name)]


def classes_of(name: str) -> Sequence[str]:
    return PUBLISHED[name].classes if name in PUBLISHED else tuple("0123456789")


def image_of(desk: Desk, source: Source) -> Image:
    """Raises ProfundoError for a name that is none, and for what is no image."""
    if source.image == DRAWN:
        return replace(as_image(sketched(source.strokes, (PAPER, PAPER))), name=DRAWN, low=0.0, high=WHITE)
    image: Image = desktop(desk).kept(source.image, lambda: smaller(opened(desk, source.image)))
    return image


def smaller(image: Image) -> Image:
    """An image of more pixels than the room looks at, as means of squares; its note says of how many."""
    result = reduced(image, LONGEST)
    return result if result is image else replace(result, note=f"{image.width} × {image.height}")


def opened(desk: Desk, name: str) -> Image:
    if name in SAMPLES:
        return read_image(name)
    kind, _, which = name.partition(":")
    if kind == "upload":
        return replace(read_image(upload_path(desk.lab, which).read_bytes()), name="", note="")
    if kind in sets_at_hand() and which.isdecimal() and len(which) < 4:
        every = first_of_each(kind)
        if int(which) < len(every):
            return replace(as_image(every[int(which)]), name=name, low=0.0, high=WHITE)
    raise ProfundoError(Said("refusals.no_image", name=name))


@lru_cache(4)
def first_of_each(name: str) -> Sequence[np.ndarray]:
    """Of a set the first test image of each class, (height, width, channels)."""
    data = load(name)
    places = [int((data.test.targets == label).nonzero()[0, 0]) for label in range(len(data.spec.targets.classes))]
    assert isinstance(data.test.inputs, Tensor)  # all of these are small enough to be in memory
    return list(data.test.inputs[places].permute(0, 2, 3, 1).numpy())


def as_bytes(unit: np.ndarray) -> np.ndarray:
    """uint8 of fractions from 0 to 1."""
    result: np.ndarray = np.rint(np.clip(unit, 0, 1) * WHITE).astype(np.uint8)
    return result
