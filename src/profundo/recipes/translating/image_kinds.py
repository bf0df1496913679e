"""Images of two kinds that no pair connects: two classes of a data set, or the same digits in two forms, of which nets see other ones
in each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from profundo.data.splits.splits import Collection, divide
from profundo.data.streams.archives import printable
from profundo.ranks_and_places import evenly
from profundo.recipes.net_outputs import in_parts
from profundo.recipes.photographs import brightness
from profundo.records import Dataset, Inputs, ProfundoError, Samples, Targets, nearest_names

__all__ = ["FORMS", "Kind", "Kinds", "coloured", "negative", "thick", "two_classes", "two_forms"]

Form = Callable[[Tensor, torch.Generator], Tensor]
"""Of uint8 images (images, channels, height, width) the same ones in another form."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Images of one kind, uint8 (images, channels, height, width), to learn from, to validate with and to be asked about.

    labels: of the test images, in the classes of the judge; wanted: those that the images made of them should be named; truth: the
    images that should be made of them, where it is known.
    """

    name: str
    train: Tensor
    validation: Tensor
    test: Tensor
    labels: Tensor
    wanted: Tensor
    truth: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Kinds:
    """both: the kinds; images: of both, with the classes by which a judge tells what is right; asked: what that means."""

    both: tuple[Kind, Kind]
    images: Dataset
    asked: str


# ----------------------------------------------------------------------------------------------------------------- forms
def negative(images: Tensor, _: torch.Generator) -> Tensor:
    return 255 - images


def thick(images: Tensor, _: torch.Generator) -> Tensor:
    """Each pixel as bright as the brightest of the 3 × 3 around it."""
    return in_parts(lambda part: F.max_pool2d(part.float(), 3, 1, 1).to(torch.uint8), images)


def coloured(images: Tensor, draws: torch.Generator) -> Tensor:
    """What is bright in a colour of any hue, what is dark in the opposite one, darker: each image in its own."""
    return in_parts(in_hues, images, torch.rand(len(images), generator=draws))


def in_hues(images: Tensor, hues: Tensor) -> Tensor:
    ink, ground = (of_hue(one)[:, :, None, None] for one in (hues, hues + 0.5))
    bright = brightness(images) if images.shape[1] == 3 else images[:, :1].float() / 255
    return (255 * (bright * ink + (1 - bright) * 0.4 * ground)).round().to(torch.uint8)


def of_hue(hues: Tensor) -> Tensor:
    """(hues, 3), the pure colours of these hues, a turn of the circle being 1."""
    angles = 6 * (hues[:, None] + torch.tensor([0.0, 2 / 3, 1 / 3]))
    return ((angles.remainder(6) - 3).abs() - 1).clamp(0, 1)


FORMS: Mapping[str, Form] = {"negative": negative, "coloured": coloured, "thick": thick}


def two_forms(data: Dataset, name: str, draws: torch.Generator, most: int) -> Kinds:
    """As they are, and in a form. Of the training images each is seen in one form only; of the test images at most so many."""
    form = FORMS[name]
    train, validation = (halves(split, draws) for split in (data.train, data.validation))
    plain = raw_of(data.test)[evenly(len(data.test), most)]
    labels = data.test.targets[evenly(len(data.test), most)]
    changed = form(plain, draws)
    first, second = (like(raw_of(part), changed) for part in (train[0], validation[0]))
    as_they_are = Kind(
        "plain", first, second, like(plain, changed), labels, labels, None if name == "coloured" else changed
    )
    other = Kind(
        name,
        form(raw_of(train[1]), draws),
        form(raw_of(validation[1]), draws),
        changed,
        labels,
        labels,
        like(plain, changed),
    )
    both = as_they_are, other
    known = [torch.cat([one.targets for one in part]) for part in (train, validation)]
    return Kinds(both, judged_by(data, both, *known), "share kept")


def halves(samples: Samples, draws: torch.Generator) -> tuple[Samples, Samples]:
    places = torch.randperm(len(samples), generator=draws)
    first, second = (part.sort().values for part in places.chunk(2))
    return tuple(Samples(raw_of(samples)[at], samples.targets[at]) for at in (first, second))  # type: ignore[return-value]


def raw_of(samples: Samples) -> Tensor:
    assert isinstance(samples.inputs, Tensor)  # own_data.py refuses what is read from disk
    return samples.inputs


def like(images: Tensor, others: Tensor) -> Tensor:
    """With as many channels as the others."""
    return images.expand(-1, others.shape[1], -1, -1).contiguous()


def judged_by(data: Dataset, both: tuple[Kind, Kind], train: Tensor, validation: Tensor) -> Dataset:
    """Both kinds together, with their classes."""
    parts = (
        Samples(torch.cat([kind.train for kind in both]), train),
        Samples(torch.cat([kind.validation for kind in both]), validation),
        Samples(torch.cat([kind.test for kind in both]), torch.cat([kind.labels for kind in both])),
    )
    inputs = Inputs(tuple(both[0].test.shape[1:]), "image")
    return divide(Collection(data.name, inputs, data.spec.targets, *parts), validation=None, seed=0, stream=False)


# --------------------------------------------------------------------------------------------------------------- classes
def two_classes(data: Dataset, names: tuple[str, str], most: int) -> Kinds:
    """Of a data set the images of two classes, the first two where no names are given. Raises ProfundoError for others."""
    chosen = [class_of(data, name, at) for at, name in enumerate(names)]
    if chosen[0] == chosen[1]:
        raise ProfundoError(f"first, second: expected two classes, got {data.spec.targets.classes[chosen[0]]!r} twice")
    both = tuple(kind_of(data, chosen, at, most) for at in (0, 1))
    counts = [torch.tensor([len(kind.train) for kind in both]), torch.tensor([len(kind.validation) for kind in both])]
    known = [torch.arange(2).repeat_interleave(count) for count in counts]
    targets = Targets("classes", tuple(data.spec.targets.classes[at] for at in chosen))
    named = replace(data, spec=replace(data.spec, targets=targets))
    return Kinds(both, judged_by(named, both, *known), "share turned")  # type: ignore[arg-type]


def class_of(data: Dataset, name: str, place: int) -> int:
    classes = data.spec.targets.classes
    if not name:
        return place
    if name not in classes:
        hint = nearest_names(name, classes) or f"there are {', '.join(classes)}"
        raise ProfundoError(f"{data.name}: class {printable(name)!r} is unknown; {hint}")
    return classes.index(name)


def kind_of(data: Dataset, chosen: list[int], at: int, most: int) -> Kind:
    """wanted: the other of the two."""
    train, validation, test = (
        raw_of(split)[split.targets == chosen[at]] for split in (data.train, data.validation, data.test)
    )
    test = test[evenly(len(test), most)]
    labels = torch.full((len(test),), at)
    return Kind(data.spec.targets.classes[chosen[at]], train, validation, test, labels, 1 - labels)
