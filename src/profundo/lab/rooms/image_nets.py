"""An image on its way through a trained net: what the lab's page asks of `profundo.inside`, of any run that takes images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from profundo.data.images.pixels import fitted
from profundo.images import Frame, frame_of, framed, sketched
from profundo.inside.observing import layer_output
from profundo.inside.one_unit import ConvolutionUnit, convolutions, unit_of
from profundo.inside.overview import overview
from profundo.inspect.opened_net import Looked
from profundo.lab.calls import Call, Nothing, Question
from profundo.lab.desks import Desk
from profundo.lab.opened_runs import OpenedRun, looked_runs, opened_run
from profundo.lab.rooms.image_sources import DRAWN, Name, Source, as_bytes, image_of
from profundo.lab.trainings import starting
from profundo.languages import Said
from profundo.objectives.softmax_terms import softmax_terms
from profundo.records import ProfundoError
from profundo.runs.experiment import new_experiment
from profundo.runs.live.live_reading import run_names

__all__ = ["CALLS"]

MEASURED = 500  # training images on which it is measured how they were drawn
MOST_SHOWN = 24  # input channels of one convolution
AT_WORK = ("starting", "running")
LESSONS: Mapping[str, Mapping[str, Any]] = {
    "digits": {"epochs": 15},
    "mnist": {"epochs": 1, "batch_size": 128, "learning_rate": 0.003},
}


# -------------------------------------------------------------------------------------------------------------------- runs
class OfRun(Question):
    run: Name


class Seen(Source):
    """image: also "test:3", of the run's own."""

    run: Name


class Unit(Seen):
    layer: Name
    unit: Annotated[int, Field(ge=0, le=2**20)]
    row: Annotated[int, Field(ge=0, le=2**20)] = 0
    column: Annotated[int, Field(ge=0, le=2**20)] = 0


def runs(desk: Desk, _: Nothing) -> Mapping[str, Any]:
    """The finished runs whose net takes images, the latest first; then those of recipes, of which only their data tell."""
    rows = [row for row in looked_runs(desk.lab) if row["looks"] and row["kind"] in ("image", "")]
    return {"runs": [row["run"] for row in sorted(rows, key=lambda row: row["kind"] != "image")]}


def opened_net(desk: Desk, name: str) -> OpenedRun:
    """Raises ProfundoError for a name that is none of the lab's finished runs of images."""
    run = opened_run(desk.lab, name)
    inputs = run.looked.spec.inputs
    if inputs.kind != "image":
        raise ProfundoError(Said("refusals.no_image_run", name=name, things=Said(f"refusals.of_{inputs.things}")))
    return run


def frame(run: OpenedRun) -> Frame | None:
    """How its training images were drawn, where they are drawings."""
    return run.once("frame", lambda: frame_of(run.looked.samples(run.looked.data.train, MEASURED)[0].float().mean(1)))


def net(desk: Desk, asked: OfRun) -> Mapping[str, Any]:
    """Its layers, its classes, and its test samples that can be looked at."""
    one = opened_net(desk, asked.run)
    looked = one.looked
    with one.lock:
        apart = set(convolutions(looked.net))
        return {
            "data": looked.data.name,
            "shape": looked.spec.inputs.shape,
            "classes": looked.classes,
            "labels": [] if looked.labels is None else looked.labels.tolist(),
            "tests": looked.pictures(looked.raw),
            "frame": frame(one),
            "layers": [
                {"name": row.name, "kind": row.kind, "shape": row.shape, "parameters": row.parameters,
                 "field": row.field, "apart": row.name in apart}
                for row in looked.layers
            ],
        }  # fmt: skip


# ----------------------------------------------------------------------------------------------------------------- looking
def raw_of(desk: Desk, one: OpenedRun, asked: Source) -> Tensor:
    """uint8 (channels, height, width), as the net's images were. Raises ProfundoError for an image that is none."""
    shape = one.looked.spec.inputs.shape
    kind, _, which = asked.image.partition(":")
    if kind == "test":
        if not which.isdecimal() or len(which) > 6 or int(which) >= len(one.looked.raw):
            raise ProfundoError(Said("refusals.no_test_sample", count=len(one.looked.raw), name=asked.image))
        return one.looked.raw[int(which)]  # type: ignore[no-any-return]
    if asked.image == DRAWN:
        size, drawn_so = (shape[1], shape[2]), frame(one)
        drawn = sketched(asked.strokes, size) if drawn_so is None else framed(asked.strokes, size, drawn_so)
        return torch.from_numpy(np.repeat(drawn[None], shape[0], 0))
    pixels = as_bytes(image_of(desk, asked).rgb)
    return torch.from_numpy(fitted(pixels, (shape[0], shape[1], shape[2])).transpose(2, 0, 1).copy())


def look(desk: Desk, asked: Seen) -> Mapping[str, Any]:
    """The maps of all layers, and what the net makes of the image in the end."""
    one = opened_net(desk, asked.run)
    with one.lock:
        raw = raw_of(desk, one, asked)[None]
        outputs, layers = overview(one.looked.net, one.looked.ready(raw))
        told = {"reversed": asked.image != DRAWN and is_reversed(raw[0], frame(one))}
        return {"picture": one.looked.pictures(raw), "layers": layers, **conclusion(one.looked, outputs), **told}


def is_reversed(raw: Tensor, drawn_so: Frame | None) -> bool:
    """Whether the ground of (channels, height, width) is bright where that of the training images, which are drawings, is dark."""
    grey = raw.float().mean(0)
    ground = torch.cat((grey[0], grey[-1], grey[:, 0], grey[:, -1])).median()
    return drawn_so is not None and bool(ground > 127.5) != drawn_so.dark


def conclusion(looked: Looked, outputs: Any) -> Mapping[str, Any]:
    """Probabilities, where each image is of one class; the terms of the softmax, where it is one that gives them."""
    if not looked.classes or not isinstance(outputs, Tensor) or outputs.ndim != 2:
        return {"shares": None, "terms": None}
    outputs = outputs.detach().cpu().float()
    shares = looked.probabilities(outputs)[0]
    terms = softmax_terms(outputs[0]) if looked.objective.name == "categorical" else None
    return {"shares": shares, "terms": terms}


def unit(desk: Desk, asked: Unit) -> Mapping[str, Any]:
    """One unit of a convolution taken apart, and its numbers at one place."""
    one = opened_net(desk, asked.run)
    with one.lock:
        inputs = one.looked.ready(raw_of(desk, one, asked)[None])
        apart = unit_of(one.looked.net, inputs, asked.layer, asked.unit)
        following = after(one.looked, inputs, asked, apart)
    shown = strongest(apart.parts)
    row, column = (min(at, n - 1) for at, n in zip((asked.row, asked.column), apart.map.shape, strict=True))
    place = apart.at(row, column)
    return {
        "channels": [apart.channels[at] for at in shown],
        "of": len(apart.channels),
        **{name: getattr(apart, name)[shown] for name in ("inputs", "weights", "parts")},
        **{name: getattr(apart, name) for name in ("bias", "map", "stride", "dilation", "padding")},
        "row": row,
        "column": column,
        "place": {
            **{name: getattr(place, name) for name in ("top", "left", "value")},
            **{name: getattr(place, name)[shown] for name in ("patch", "products", "sums")},
            "rest": float(place.sums.sum() - place.sums[shown].sum()),
        },
        "after": following,
    }


def strongest(parts: Tensor) -> list[int]:
    """The channels that add most to the map, in their order."""
    order = parts.abs().mean((1, 2)).argsort(descending=True, stable=True)
    return sorted(order[:MOST_SHOWN].tolist())


def after(looked: Looked, inputs: Any, asked: Unit, apart: ConvolutionUnit) -> Mapping[str, Any] | None:
    """The layer that takes the map next, where it gives one of the same size, as an activation does."""
    names = [row.name for row in looked.layers]
    place = names.index(asked.layer) + 1 if asked.layer in names else len(names)
    if place >= len(names) or looked.layers[place].shape[1:] != tuple(apart.map.shape):
        return None
    with torch.no_grad():
        given = layer_output(looked.net, inputs, names[place])[0].cpu()
    return {"name": names[place], "kind": looked.layers[place].kind, "map": given[asked.unit]}


# ---------------------------------------------------------------------------------------------------------------- training
class Lesson(Question):
    data: Literal["digits", "mnist"]


def train(desk: Desk, asked: Lesson) -> Mapping[str, Any]:
    """Begin to train a small LeNet-5, as the room of trainings does. Raises ProfundoError while one is at work on these data."""
    runs, stem = desk.lab.runs, f"lenet5-{asked.data}"
    for name in (*starting.started_names(runs), *run_names(runs)):
        if name.startswith(stem) and starting.named_row(runs, name).state in AT_WORK:
            raise ProfundoError(Said("refusals.in_training", name=name))
    name = starting.free_name(runs, stem)
    starting.start(runs, name, new_experiment(data=asked.data, net="lenet5", **LESSONS[asked.data]))
    return {"run": name}


def lesson(desk: Desk, asked: OfRun) -> Mapping[str, Any]:
    """How far a training is that was begun here."""
    row = starting.named_row(desk.lab.runs, asked.run)
    told = {"run": row.name, "state": row.state, "fault": desk.lab.without_paths(row.fault)}
    return told | {name: getattr(row.progress, name, 0) for name in ("epoch", "epochs")}


CALLS: Mapping[str, Call] = {
    "runs": Call(Nothing, runs, slow=True),
    "net": Call(OfRun, net, slow=True),
    "look": Call(Seen, look, slow=True),
    "unit": Call(Unit, unit, slow=True),
    "train": Call(Lesson, train, slow=True, changes=True),
    "lesson": Call(OfRun, lesson, slow=True),
}
