"""What a net has learned: what excites its units, why it answers so, its codes as a map, what it draws from codes.

What takes seconds is asked for with a ticket and comes through the channels `inside.…` (lab/benches.py); a picture drawn from a
code is answered at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from profundo.data.new_inputs import entries, nothing_in
from profundo.inside.attributions import METHODS, Explanation
from profundo.inspect.checked_explanation import (
    Asked,
    Checked,
    asked_of,
    checked_of,
    explained,
    form,
    gap_share,
    methods_for,
    output_name,
    unit_for,
)
from profundo.inspect.code_map import code_map, coded_samples
from profundo.inspect.opened_net import Looked
from profundo.inspect.unit_view import LayerUnits, images_for, searched, unit_layers, units_of
from profundo.lab.benches import Bench, one_by_one
from profundo.lab.calls import Call, Nothing, Question
from profundo.lab.desks import Desk, Lab
from profundo.lab.opened_runs import OpenedRun, looked_runs, opened_run
from profundo.lab.uploads import upload_path
from profundo.languages import LANGUAGES, Said, speaking, told_by
from profundo.ranks_and_places import evenly
from profundo.recipes.latent_space import LatentPlane, LatentSpace
from profundo.records import ProfundoError
from profundo.runs.first_layer import first_layer
from profundo.runs.report_facts import raw_samples
from profundo.runs.table_values import values_of

__all__ = ["CALLS"]

ROOM = "inside"
THUMBNAIL = 56  # pixels of a side, at most
UNITS = 128  # of a layer that are shown as thumbnails
STRIP = 60  # samples to choose from
SLIDERS = 64  # numbers of a code that can be moved
TARGETS = 20  # that are told of a net of numbers
FAR = 20.0  # standard deviations

RunName = Annotated[str, Field(max_length=255)]
LayerName = Annotated[str, Field(max_length=300)]
Ticket = Annotated[int, Field(ge=0, le=2**31)]
Deviations = Annotated[float, Field(ge=-FAR, le=FAR)]
SampleNumber = Annotated[int, Field(ge=0, le=10**9)]


class OfRun(Question):
    run: RunName
    ticket: Ticket = 0


class OfLayer(OfRun):
    layer: LayerName


class OfUnit(OfLayer):
    unit: Annotated[int, Field(ge=0, le=10**6)]


class Why(OfRun):
    """sample: its number in the split that was held out; upload: a file of one's own in its place. of: the output, None for the
    largest."""

    sample: SampleNumber = 0
    upload: Annotated[str, Field(max_length=100)] = ""
    methods: Annotated[list[Annotated[str, Field(max_length=40)]], Field(min_length=1, max_length=len(METHODS))]
    of: Annotated[int, Field(ge=0, le=10**6)] | None = None


class Map(OfRun):
    layer: LayerName = ""
    method: Annotated[str, Field(max_length=20)] = "pca"


class OfSpace(OfRun):
    """first, second: directions; sample: the one that the plane begins at, of a net that only draws the seed of a code; None for
    the mean."""

    space: Annotated[str, Field(max_length=40)]
    sample: SampleNumber | None = None
    first: Annotated[str, Field(max_length=30)] = "component:1"
    second: Annotated[str, Field(max_length=30)] = "component:2"


class Lattice(OfSpace):
    side: Annotated[int, Field(ge=2, le=15)] = 9
    reach: Annotated[float, Field(gt=0, le=FAR)] = 2.5


class Drawn(OfSpace):
    """a, b: the place in the plane; moved: numbers of the code that sliders hold, from 0, in standard deviations from the mean."""

    a: Deviations = 0.0
    b: Deviations = 0.0
    moved: Annotated[dict[Annotated[str, Field(pattern=r"^\d{1,4}$")], Deviations], Field(max_length=SLIDERS)] = Field(
        default_factory=dict
    )


# -------------------------------------------------------------------------------------------------------------------- runs
class Benches:
    """nets: for what uses the opened nets; planes: for planes of codes, which would keep the others waiting."""

    def __init__(self, desk: Desk) -> None:
        self.nets, self.planes = Bench(desk, ROOM), Bench(desk, ROOM)

    def close(self) -> None:
        self.nets.close()
        self.planes.close()


def benches(desk: Desk) -> Benches:
    found: Benches = desk.state(ROOM, lambda: Benches(desk))
    return found


def runs(desk: Desk, _: Nothing) -> Mapping[str, Any]:
    return {"runs": looked_runs(desk.lab)}


def looked_into(desk: Desk, asked: OfRun) -> Mapping[str, Any]:
    def work() -> Iterator[Mapping[str, Any]]:
        run = opened_run(desk.lab, asked.run)
        with run.lock:
            told = facts(run)
        yield told

    return benches(desk).nets.ask("run", asked.ticket, work)


def facts(run: OpenedRun) -> dict[str, Any]:
    """What can be chosen of a net."""
    looked = run.looked
    strip = run.once("strip", lambda: strip_of(looked))
    return {
        "run": run.path.name,
        "data": looked.data.name,
        "net": type(looked.net).__name__,
        "parameters": sum(parameter.numel() for parameter in looked.net.parameters()),
        "form": form(looked),
        "shape": looked.spec.inputs.shape,
        "outputs": looked.classes or looked.spec.targets.names,
        "binary": looked.spec.targets.kind == "binary",
        "numeric": looked.spec.targets.traits.numeric,
        "layers": unit_layers(looked),
        "unit_layer": looked.unit_layer,
        "code_layer": looked.code_layer,
        "methods": [method_facts(name) for name in methods_for(looked)],
        "strip": strip,
    }


def method_facts(name: str) -> dict[str, Any]:
    return {"name": name, "title": METHODS[name].title, "adds_up": METHODS[name].adds_up}


def strip_of(looked: Looked) -> dict[str, Any]:
    """Some samples to choose from: of the split that was held out, evenly."""
    numbers = evenly(len(looked.held_out), min(STRIP, looked.affordable(STRIP), len(looked.held_out)))
    return samples_of(looked, raw_samples(looked.held_out, numbers), numbers)


def samples_of(looked: Looked, raw: Any, numbers: list[int]) -> dict[str, Any]:
    """What they are, what the net says they are, and how they look or read."""
    told: dict[str, Any] = {"numbers": numbers, "images": thumbnails(looked.pictures(raw)), "words": []}
    if told["images"] is None and isinstance(raw, Tensor):
        told["words"] = [written(looked, row) for row in raw]
    if looked.classes:
        sure, answers = looked.shares(raw).max(1)
        told |= {"targets": looked.held_out.targets[numbers].int(), "answers": answers.int(), "sure": sure}
    return told


def written(looked: Looked, row: Tensor) -> str:
    """A row in words."""
    if form(looked) == "ids":
        return " ".join(str(one) for one in row.tolist()[:40])
    if looked.spec.inputs.kind != "features":
        return ""
    values = values_of(row, looked.spec.inputs)
    return values[0].text if len(values) == 1 else ", ".join(f"{one.name} {one.text}" for one in values[:12])


def thumbnails(images: Tensor | None) -> Tensor | None:
    """uint8 images no larger than a thumbnail."""
    if images is None or max(images.shape[-2:]) <= THUMBNAIL:
        return images
    height, width = images.shape[-2:]
    share = THUMBNAIL / max(height, width)
    size = (max(1, round(height * share)), max(1, round(width * share)))
    return F.adaptive_avg_pool2d(images.float(), size).round().byte()


# ------------------------------------------------------------------------------------------------------------------- units
def units(desk: Desk, asked: OfLayer) -> Mapping[str, Any]:
    run = opened_run(desk.lab, asked.run)

    def work() -> Iterator[Mapping[str, Any]]:
        looked = run.looked
        found = layer_units(run, asked.layer)
        few = list(range(min(UNITS, len(found.best.values))))
        told: dict[str, Any] = {"layer": asked.layer, "units": len(found.best.values), "shown": len(few)}
        if looked.is_image:
            with run.lock:
                told["patches"] = thumbnails(found.patches(few, 1))
        with run.lock:
            filters = first_layer(looked.net, looked.spec.inputs, looked.layers)
        if filters is not None and filters.name == asked.layer and len(filters.images) == filters.units:
            told["filters"] = thumbnails(filters.images)
        yield told

    return benches(desk).nets.ask("units", asked.ticket, work)


def layer_units(run: OpenedRun, layer: str) -> LayerUnits:
    raw = run.once("searched", lambda: searched(run.looked))
    return run.once(("units", layer), lambda: units_of(run.looked, layer, raw))


def unit(desk: Desk, asked: OfUnit) -> Mapping[str, Any]:
    run = opened_run(desk.lab, asked.run)

    def work() -> Iterator[Mapping[str, Any]]:
        looked = run.looked
        found = layer_units(run, asked.layer)
        found.check(asked.unit)
        told: dict[str, Any] = {"layer": asked.layer, "unit": asked.unit, "values": found.best.values[asked.unit]}
        best = found.best.samples[asked.unit].tolist()
        if looked.is_image:
            with run.lock:
                told["patches"] = found.patches([asked.unit])
                told["samples"] = thumbnails(looked.pictures(found.raw[best]))
        elif isinstance(found.raw, Tensor):
            told["words"] = [written(looked, row) for row in found.raw[best]]
        yield dict(told)
        if looked.classes:
            told |= selective(run, asked)
            yield dict(told)
        if looked.is_image:
            for made in one_by_one(run.lock, images_for(looked, asked.layer, asked.unit)):
                yield told | {"image": looked.pictures_of(made.images)[0], "peak": float(made.peaks[0])}

    return benches(desk).nets.ask("unit", asked.ticket, work)


def selective(run: OpenedRun, asked: OfUnit) -> dict[str, Any]:
    """The class that a unit answers to most, and how selective it is; nothing where that is not known."""
    of = run.once("selectivity", lambda: run.looked.selectivity).get(asked.layer)
    if of is None or not bool(of.index[asked.unit].isfinite()):
        return {}
    best = run.looked.classes[int(of.best[asked.unit])]
    return {"class": best, "selectivity": float(of.index[asked.unit]), "chance": float(of.chance.nanmean())}


# --------------------------------------------------------------------------------------------------------------------- why
def why(desk: Desk, asked: Why) -> Mapping[str, Any]:
    run = opened_run(desk.lab, asked.run)

    def work() -> Iterator[Mapping[str, Any]]:
        looked = run.looked
        raw = input_of(desk.lab, looked, asked)
        with run.lock:
            told: dict[str, Any] = question_facts(looked, raw, asked)
        results: list[dict[str, Any]] = []
        for name in asked.methods:
            for result in one_by_one(run.lock, explained_by(looked, raw[0], name, asked.of)):
                yield {**told, "results": [*results, result]}
            results.append(result)

    return benches(desk).nets.ask("why", asked.ticket, work)


def input_of(lab: Lab, looked: Looked, asked: Why) -> Tensor:
    """(1, *shape), raw. Raises ProfundoError for a sample that is not there and a file that does not read."""
    if not asked.upload:
        if asked.sample >= len(looked.held_out):
            raise ProfundoError(Said("refusals.no_sample", sample=asked.sample, count=len(looked.held_out)))
        return raw_samples(looked.held_out, [asked.sample])
    path = upload_path(lab, asked.upload)
    first = next(iter(entries([path], looked.spec.inputs)), None)
    if first is None or first.values is None:
        raise ProfundoError(first.fault if first is not None else nothing_in(str(path), looked.spec.inputs))
    return first.values[None]


def question_facts(looked: Looked, raw: Tensor, asked: Why) -> dict[str, Any]:
    """The input itself, and what the net answers."""
    told: dict[str, Any] = {"sample": asked.sample, "upload": asked.upload, "of": asked.of}
    pictures = looked.pictures(raw)
    told["image"] = None if pictures is None else pictures[0]
    if looked.classes:
        told["shares"] = looked.shares(raw)[0]
        told["truth"] = None if asked.upload else int(looked.held_out.targets[asked.sample])
    if looked.spec.targets.kind == "real":
        told["numbers"] = looked.numbers(raw)[0, :TARGETS].tolist()
        told["truths"] = None if asked.upload else looked.held_out.targets[asked.sample][:TARGETS].tolist()
    return told


def valued(looked: Looked, row: Tensor, asked: Asked, maps: Explanation) -> dict[str, Any]:
    """A value for each label, in the units of the target where it has some. Labels of columns are in every language."""
    unit = unit_for(looked, asked.method, maps)
    values = [value * (1.0 if unit is None else unit) for value in asked.by_label(maps)]
    return {"labels": labels_of(looked, row, asked), "values": values, "in_units": unit is not None}


def labels_of(looked: Looked, row: Tensor, asked: Asked) -> Sequence[object]:
    if form(looked) != "columns":
        return asked.labels
    each = []
    for language in LANGUAGES:
        with speaking(language):
            each.append([f"{value.name} = {value.text}" for value in values_of(row, looked.spec.inputs)])
    return [dict(zip(LANGUAGES, one, strict=True)) for one in zip(*each, strict=True)]


def explained_by(looked: Looked, row: Tensor, method: str, of: int | None) -> Iterator[dict[str, Any]]:
    """The map of a method; then the same with its checks. A method that this net does not bear says why."""
    told: dict[str, Any] = {"method": method}
    try:
        asked = asked_of(looked, row, method, of)
        maps = explained(asked)
    except ProfundoError as error:
        yield {**told, "refused": told_by(error)}
        return
    told |= {
        "answer": float(maps.answer[0]),
        "output": None if maps.of is None else output_name(looked, int(maps.of[0])),
        "gap": gap_share(maps) if maps.adds_up else None,
        "passes": maps.passes,
        "remarks": maps.remarks,
    }
    told |= valued(looked, row, asked, maps) if asked.labels else {"map": maps.by_place[0]}
    yield told
    try:
        yield told | {"checks": checks(checked_of(asked, maps))}
    except ProfundoError as error:
        yield told | {"unchecked": told_by(error)}


def checks(one: Checked) -> dict[str, Any]:
    forgetting, curves = one.forgetting, one.curves
    return {
        "layers": forgetting.layers,
        "alike": forgetting.alike,
        "changes": forgetting.changes,
        "areas": curves.areas,
        "what": curves.what,
        "curves": torch.tensor(
            [
                curves.fractions,
                curves.deletion,
                curves.random_deletion,
                curves.insertion,
                curves.random_insertion,
            ]
        ),
    }


# ------------------------------------------------------------------------------------------------------------------- codes
def codes(desk: Desk, asked: Map) -> Mapping[str, Any]:
    run = opened_run(desk.lab, asked.run)

    def work() -> Iterator[Mapping[str, Any]]:
        looked = run.looked
        layer = asked.layer or looked.code_layer
        coded = run.once(("codes", layer), lambda: coded_samples(looked, layer))
        told: dict[str, Any] = {"layer": layer, "width": coded.codes.shape[1], "numbers": coded.numbers}
        told |= {"targets": coded.targets, "answers": coded.answers, "sure": coded.sure}
        told["images"] = thumbnails(looked.pictures(coded.raw))
        if told["images"] is None and isinstance(coded.raw, Tensor):
            told["words"] = [written(looked, row) for row in coded.raw]
        kept = ("map", layer, asked.method)
        places = run.made.get(kept) or code_map(coded, asked.method)
        run.keep(kept, places)
        yield told | {"method": asked.method, "places": places.places, "shares": places.shares}

    return benches(desk).planes.ask("codes", asked.ticket, work)


# ------------------------------------------------------------------------------------------------------------ latent spaces
def spaces(desk: Desk, asked: OfRun) -> Mapping[str, Any]:
    run = opened_run(desk.lab, asked.run)

    def work() -> Iterator[Mapping[str, Any]]:
        yield {"run": run.path.name, "spaces": [space_facts(one) for one in run.spaces.values()]}

    return benches(desk).nets.ask("spaces", asked.ticket, work)


def space_facts(space: LatentSpace) -> dict[str, Any]:
    samples = None if space.samples is None else space.samples[:STRIP]
    return {"name": space.name, "width": space.width, "samples": thumbnails(samples), "begins": space.needs_sample}


def lattice(desk: Desk, asked: Lattice) -> Mapping[str, Any]:
    run = opened_run(desk.lab, asked.run)
    begin = (asked.space, asked.sample, asked.first, asked.second)

    def work() -> Iterator[Mapping[str, Any]]:
        space = space_of(run, asked.space)
        with run.lock:
            pictures = space.pictures(plane_of(space, asked).lattice(asked.side, asked.reach), asked.sample)
        yield {"begin": begin, "side": asked.side, "reach": asked.reach, "images": thumbnails(pictures)}

    return benches(desk).nets.ask("lattice", asked.ticket, work)


def drawn(desk: Desk, asked: Drawn) -> Mapping[str, Any]:
    """A picture at once. code: its numbers in standard deviations from the mean."""
    run = opened_run(desk.lab, asked.run)
    space = space_of(run, asked.space)
    code = plane_of(space, asked).at(asked.a, asked.b).clone()
    for word, value in asked.moved.items():
        if (at := int(word)) >= space.width:
            raise ProfundoError(Said("refusals.no_code_number", at=at, width=space.width))
        code[at] = space.mean[at] + value * space.std[at]
    with run.lock:
        picture = space.pictures(code[None], asked.sample)[0]
    return {"image": picture, "code": (code - space.mean) / space.std.clamp_min(1e-12)}


def space_of(run: OpenedRun, name: str) -> LatentSpace:
    if name not in run.spaces:
        raise ProfundoError(Said("refusals.no_space", name=name, names=tuple(run.spaces)))
    return run.spaces[name]


def plane_of(space: LatentSpace, asked: OfSpace) -> LatentPlane:
    origin = space.origin(asked.sample)
    return LatentPlane(origin, space.direction(asked.first, origin), space.direction(asked.second, origin))


def stop(desk: Desk, _: Nothing) -> Mapping[str, Any]:
    """End what is under way."""
    for kind in ("unit", "why", "lattice"):
        benches(desk).nets.drop(kind)
    benches(desk).planes.drop("codes")
    return {}


CALLS: Mapping[str, Call] = {
    "runs": Call(Nothing, runs, slow=True),
    "run": Call(OfRun, looked_into),
    "units": Call(OfLayer, units),
    "unit": Call(OfUnit, unit),
    "why": Call(Why, why),
    "codes": Call(Map, codes),
    "spaces": Call(OfRun, spaces),
    "lattice": Call(Lattice, lattice),
    "drawn": Call(Drawn, drawn, slow=True),
    "stop": Call(Nothing, stop),
}
