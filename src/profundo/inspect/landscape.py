"""The surface around what a run has learned: what `profundo landscape` measures. Numbers; landscape_page.py draws them.

surface = landscape("runs/digits-1")                       # planes, sharpness, the way of training
surface = landscape("runs/digits-1", "runs/digits-2")      # and the ways between the two
surface = landscape(net, data)                             # any torch.nn.Module, with what `fit` takes
surface.write("landscape.html")
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from profundo.data.batches import in_order
from profundo.data.splits.splits import chosen
from profundo.inside.surface import (
    Bend,
    Plane,
    WeightLoss,
    Weights,
    barrier,
    bend,
    eigenvalues,
    losses_along,
    path_plane,
    plane_losses,
    random_plane,
    straight,
    three_point_plane,
    trace,
)
from profundo.inside.surface.connecting import check_alike
from profundo.inside.surface.curvature import edge
from profundo.inside.surface.directions import NoPlaneError
from profundo.inspect.landscape_page import Between, Course, Heights, Landscape, read_points, write_points
from profundo.inspect.plain_nets import check_answers_samples, in_float32
from profundo.inspect.training_path import TrainingPath, training_path
from profundo.languages import Said
from profundo.ranks_and_places import evenly
from profundo.records import Dataset, Interrupted, ProfundoError, Samples, at_the_door, is_number, is_whole
from profundo.runs.experiment import Experiment
from profundo.runs.given.arriving import net_and_data, prepare_own
from profundo.runs.given.own import Own
from profundo.runs.opening import open_run, with_samples
from profundo.runs.preparing import objective_of
from profundo.runs.run import Run
from profundo.train.checkpoints import interruptible
from profundo.train.hardware import choose_device, free_heap, keep_heap
from profundo.train.layout import lay_out
from profundo.train.randomness import seeded
from profundo.trees import leaves

__all__ = ["Landscape", "landscape"]

BATCH = 500  # samples at once
EVERY = 1.0  # seconds between two writings of the points
SPLITS = {"train": "training", "validation": "validation", "test": "test"}  # as figures name them
PLACES = 10  # of the way where the sharpness is measured
MOST_POINTS = 201
FORMAT = 2  # of the points that are kept

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Solution:
    """A trained net with what its loss is measured by."""

    name: str
    net: nn.Module
    data: Dataset
    experiment: Experiment
    own: Own
    run: Run | None = None


@at_the_door
def landscape(
    what: Any,
    other: Any = None,
    *,
    split: str = "train",
    samples: int = 2000,
    points: int = 31,
    span: float = 1.0,
    planes: Sequence[str] = ("random", "path"),
    curvature: bool = True,
    seed: int = 0,
    keep: str | Path | None = None,
    tell: Tell = lambda _: None,
    **settings: Any,
) -> Landscape:
    """Measure the surface around a solution.

    what: a finished run, its folder, or a net, with `other` its data as `fit` takes them (settings: of `fit`, such as loss).
    other: a second run of the same kind of net, to which the ways are looked for.
    split, samples: on which the loss is measured. points: along each side of a plane, which reaches `span` times the weights'
    length to each side where it is random. keep: a folder for the points, from which a call that was interrupted goes on; the
    run's by default; with a loss of one's own none are kept. Raises ProfundoError for what cannot be measured.
    """
    check(split, samples, points, span, planes, seed, keep)
    started = time.perf_counter()
    own = isinstance(what, nn.Module)
    solution = solution_of_net(what, other, settings) if own else solution_of_run(what)
    if settings and not own:
        raise ProfundoError(f"landscape: {next(iter(settings))} is a setting of a net and its data; a run has its own")
    second = None if own or other is None else solution_of_run(other)
    loss, used = measured(solution, split, samples, seed)
    notes: list[str] = []
    if second is not None:
        check_alike(dict(solution.net.named_parameters()), dict(second.net.named_parameters()))
        check_frozen(solution, second, loss)
        check_data(solution, second, notes)
    folder = Path(keep) if keep is not None else points_folder(solution.run)
    if solution.own.loss is not None:
        folder = None  # what a loss of one's own computes, no name says
    with quick_heap(), seeded(seed), interruptible() as signalled:
        with torch.no_grad():
            height = float(loss(loss.weights))

        def at_work(line: str) -> None:
            tell(line)
            if number := signalled():
                raise Interrupted(number)

        surveyor = Surveyor(loss, height, points, folder, at_work, signalled)
        path = way_of(solution, loss, notes) if "path" in planes or curvature else None
        heights: list[Heights] = []
        if "random" in planes:
            sides = spread(-span, span, points)
            heights.append(surveyor.heights("random", random_plane(loss, seed), sides, sides))
        if "path" in planes and path is not None:
            try:
                nearest = path_plane([*weights_at(path, loss.weights), loss.weights])
                heights.append(surveyor.around("path", nearest, 0.2))
            except NoPlaneError as error:
                notes.append(str(error))
        curved = curves(loss, solution, path, seed, at_work, notes) if curvature else {}
        between, bent = (None, None) if second is None else ways(solution, second, loss, split, seed, at_work)
        if bent is not None:
            try:
                heights.append(surveyor.around("between", plane_of(bent), 0.35))
            except NoPlaneError:
                notes.append("the way between the two need not bend: there is no plane to draw")
    parameters = sum(value.numel() for value in loss.weights.values())
    return Landscape(
        *(solution.name, str(solution.experiment.net).removeprefix("own:"), parameters, split, used, height),
        planes=tuple(heights),
        **curved,
        between=between,
        notes=tuple(notes),
        seconds=time.perf_counter() - started,
    )


# ------------------------------------------------------------------------------------------------ what is looked at
def solution_of_run(what: Any) -> Solution:
    run = with_samples(what if isinstance(what, Run) else open_run(what, evaluate=False))
    if run is not what:  # of our own making: nobody else sees where and how it lies
        lay_out(run.net, choose_device())
    name = str(run.folder.path) if run.folder is not None else run.data.name
    return Solution(name, run.net, run.data, run.experiment, run.own, run)


def solution_of_net(net: nn.Module, data: Any, settings: Mapping[str, Any]) -> Solution:
    if data is None:
        raise ProfundoError("landscape: expected data with a net of your own, landscape(net, data); got none")
    net, data = net_and_data(net, data)
    net = in_float32(net) if isinstance(net, nn.Module) else net  # as samples come
    rest = dict(settings)
    given = {name: rest.pop(name, None) for name in ("validation", "test", "loss", "optimizer", "schedule")}
    with seeded(0):
        prepared = prepare_own(net, data, rest, keeps=False, **given)
    return Solution(type(net).__name__, prepared.net, prepared.data, prepared.experiment, prepared.own)


def measured(solution: Solution, split: str, samples: int, seed: int) -> tuple[WeightLoss, int]:
    """The loss on some samples of a split, drawn by the seed, and how many they are."""
    check_answers_samples(solution.data)
    part: Samples = getattr(solution.data, split)
    if not len(part):
        raise ProfundoError(
            f"landscape: expected samples in the {split} split, it is empty; choose another --split",
            told=Said("refusals.empty_split", split=Said(f"looks.split_{split}")),
        )
    drawn = torch.randperm(len(part), generator=torch.Generator().manual_seed(seed))[:samples].sort().values
    device = next((value.device for value in solution.net.parameters()), torch.device("cpu"))
    size = math.ceil(len(drawn) / math.ceil(len(drawn) / BATCH))  # alike: normalisation has no statistics of a last one
    batches = list(in_order(chosen(part, drawn), solution.data.spec, device=device, batch_size=size))
    objective = objective_of(solution.experiment, solution.data, solution.own)
    if solution.own.loss is not None:
        objective = objective.likelihood  # for the outputs of evaluation, where training has others
    return WeightLoss(solution.net, objective, batches), len(drawn)


def check_frozen(first: Solution, second: Solution, loss: WeightLoss) -> None:
    """Raise ProfundoError where weights that do not move between two solutions are others in each."""
    others = dict(second.net.named_parameters())
    for name, value in first.net.named_parameters():
        if name not in loss.weights and not torch.equal(value, others[name].to(value)):
            raise ProfundoError(
                f"between two nets: expected the same frozen weights in both, {name} differs; train both from the same ones"
            )


def check_data(first: Solution, second: Solution, notes: list[str]) -> None:
    """Raise ProfundoError for runs on other data; note where both divide the same data differently."""
    one, other = first.data, second.data
    sizes = [sum(len(split) for split in parts_of(data)) for data in (one, other)]
    same_classes = one.spec.targets.classes == other.spec.targets.classes
    if not same_classes or sizes[0] != sizes[1] or not math.isclose(content(one), content(other), rel_tol=1e-9):
        raise ProfundoError(
            f"between two nets: expected the same data for both, got {one.name} ({sizes[0]:,} samples) and {other.name} "
            f"({sizes[1]:,}), not number for number the same; train both on one, with the same --split-seed where "
            "gaps are filled from training samples"
        )
    if one.facts != other.facts:
        shared = ""
        if one.test.numbers is not None and other.train.numbers is not None:
            number = int(torch.isin(one.test.numbers, other.train.numbers).sum())
            shared = f": {number:,} of the {len(one.test):,} test samples here were training samples there"
        notes.append(
            f"The two runs divide their data differently{shared}, so at {second.name} the test loss is too low; both nets get "
            "inputs standardised as in the first run. The same --split-seed for both avoids that."
        )


def parts_of(data: Dataset) -> tuple[Samples, Samples, Samples]:
    return data.train, data.validation, data.test


def content(data: Dataset) -> float:
    """The sum of what is in memory of all splits, however they are divided."""
    trees = [tree for split in parts_of(data) for tree in (split.inputs, split.targets)]
    tensors = [leaf for tree in trees if isinstance(tree, Tensor | tuple | dict) for leaf in leaves(tree)]
    return sum(float(one.nansum(dtype=torch.float64)) for one in tensors)


@contextmanager
def quick_heap() -> Iterator[None]:
    keep_heap()
    try:
        yield
    finally:
        free_heap()


def points_folder(run: Run | None) -> Path | None:
    return run.folder.path / "landscape" if run is not None and run.folder is not None else None


def way_of(solution: Solution, loss: WeightLoss, notes: list[str]) -> TrainingPath | None:
    """The way of training; where it is not known, that is noted."""
    try:
        return known_way(solution, loss)
    except ProfundoError as error:
        notes.append(str(error))
        return None


def known_way(solution: Solution, loss: WeightLoss) -> TrainingPath | None:
    """The way of training, which ends at the solution: with early stopping that is an epoch before the last; None of what is no
    run. Raises ProfundoError where there is no way to have it."""
    if solution.run is None:
        return None
    path = training_path(solution.run)
    check_alike(loss.weights, {name: path.states[0][name] for name in loss.weights if name in path.states[0]})
    return path


def weights_at(path: TrainingPath, like: Weights) -> list[dict[str, Tensor]]:
    return [{name: state[name].to(value) for name, value in like.items()} for state in path.states]


# ------------------------------------------------------------------------------------------------ planes, point by point
@dataclass(frozen=True, slots=True)
class Surveyor:
    """Measures planes row by row, and writes the rows down as it goes; what is written is not measured again. height: the loss
    at the solution; tell: may end it."""

    loss: WeightLoss
    height: float
    points: int
    folder: Path | None
    tell: Tell
    signalled: Callable[[], int]

    def around(self, kind: str, plane: Plane, margin: float) -> Heights:
        """The part of a plane that holds its places, and a margin of their extent on each side."""
        return self.heights(kind, plane, *plane.sides(self.points, margin))

    def heights(self, kind: str, plane: Plane, across: tuple[float, ...], up: tuple[float, ...]) -> Heights:
        losses = np.full((len(up), len(across)), np.nan)
        file = None
        if self.folder is not None:
            file = self.folder / f"{kind}-{key(self.loss, self.height, plane, across, up)}.npz"
            known = np.asarray(read_points(file).get("losses", losses), np.float64)
            losses = known if known.shape == losses.shape else losses
        done = {row: torch.from_numpy(each) for row, each in enumerate(losses) if not np.isnan(each).all()}
        last = time.monotonic()
        for row, values in plane_losses(self.loss, plane, across, up, done):
            # what is no number counts as infinite: a row of NaN alone is one that is to be measured
            losses[row] = torch.where(values.isnan(), torch.inf, values).numpy()
            now, number = time.monotonic(), self.signalled()
            if file is not None and row not in done and (now - last > EVERY or number or row + 1 == len(up)):
                sides = {"across": np.array(across), "up": np.array(up), "places": np.array(plane.places)}
                write_points(file, sides | {"losses": losses}, f"the points of the {kind} plane", parents=True)
                last = now
            self.tell(f"{kind} plane: row {row + 1} of {len(up)}")
        return Heights(kind, across, up, losses, plane.places, plane.explained)


def key(loss: WeightLoss, height: float, plane: Plane, across: Sequence[float], up: Sequence[float]) -> str:
    """Of all that a height depends on: the samples, the plane, the places. What the net and the loss compute has no name: the
    loss at the solution stands for it."""
    named = [FORMAT, f"{height:.4g}", getattr(loss.cost, "name", ""), str(loss.net), list(across), list(up)]
    whole = hashlib.sha256(json.dumps(named).encode())
    for tree in (plane.origin, plane.first, plane.second, dict(loss.net.named_buffers())):
        for name, value in tree.items():
            whole.update(name.encode() + bits_of(value))
    for part in leaves(tuple(loss.batches)):
        if isinstance(part, Tensor):
            whole.update(bits_of(part))
    return whole.hexdigest()[:16]


def bits_of(values: Tensor) -> bytes:
    return values.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()


def spread(low: float, high: float, points: int) -> tuple[float, ...]:
    return tuple(np.linspace(low, high, points).tolist())


# ------------------------------------------------------------------------------------------------ curvature, and the ways
def curves(
    loss: WeightLoss, solution: Solution, path: TrainingPath | None, seed: int, tell: Tell, notes: list[str]
) -> dict[str, Any]:
    """At the solution and along training, by the names of a Landscape's fields."""
    size = sum(value.numel() for value in loss.weights.values())
    tell("eigenvalues of the Hessian")
    try:
        largest = eigenvalues(loss, loss.weights, min(5, size), seed=seed)
    except (RuntimeError, NotImplementedError) as error:
        raise ProfundoError(
            f"{solution.name}: its net has no second derivatives ({' '.join(str(error).split())[:160]}); leave them out, "
            "--no-curvature"
        ) from None
    whole = trace(loss, loss.weights, seed=seed)
    along = None if path is None else course(loss, solution, path, seed, tell, notes)
    return {"eigenvalues": largest, "trace": whole, "course": along}


def course(loss: WeightLoss, solution: Solution, path: TrainingPath, seed: int, tell: Tell, notes: list[str]) -> Course:
    places = evenly(len(path.epochs), PLACES)
    epochs, sharpness, losses, edges = [], [], [], []
    optimizer, rate = solution.experiment.optimizer or "", solution.experiment.learning_rate or 0.0
    assert solution.run is not None
    rates = [row.get("rate", 1.0) for row in solution.run.history.rows]
    states = replace(path, states=tuple(path.states[at] for at in places))
    for at, weights in zip(places, weights_at(states, loss.weights), strict=True):
        epoch = path.epochs[at]
        tell(f"sharpness after epoch {epoch}")
        epochs.append(epoch)
        largest = eigenvalues(loss, weights, seed=seed, tolerance=1e-2, most=60)
        sharpness.append(largest.values[0])
        if not largest.converged:
            notes.append(
                f"The sharpness after epoch {epoch}, {largest.values[0]:.3g}, had not settled after {largest.steps} steps: it may be "
                f"off by {largest.errors[0]:.2g}."
            )
        with torch.no_grad():
            losses.append(float(loss(weights)))
        factor = rates[min(max(epoch - 1, 0), len(rates) - 1)] if rates else 1.0
        edges.append(edge(optimizer, rate * factor))
    return Course(tuple(epochs), tuple(sharpness), tuple(losses), tuple(edges), optimizer, path.how)


def ways(
    first: Solution, second: Solution, loss: WeightLoss, split: str, seed: int, tell: Tell
) -> tuple[Between, Bend]:
    """Straight and bent from one solution to the other, on the first one's samples; and the bent one."""
    start, others = loss.weights, dict(second.net.named_parameters())
    end = {name: others[name].detach().to(value) for name, value in start.items()}
    losses = {SPLITS[split]: loss}
    if split != "test" and len(first.data.test):
        losses["test"], _ = measured(first, "test", 2000, seed)
    tell("bending the way between the two")
    bent = bend(loss, start, end, seed=seed)
    curves = {"straight": straight(start, end), "bent": bent.curve}
    tell("walking both ways")
    heights: dict[str, dict[str, tuple[float, ...]]] = {}
    shares: list[float] = []
    for way, curve in curves.items():
        heights[way] = {}
        for name, each in losses.items():
            shares, along = losses_along(each, curve)
            heights[way][name] = tuple(along.tolist())
    barriers = {way: float(barrier(along[SPLITS[split]])) for way, along in heights.items()}
    return Between(second.name, tuple(shares), heights, barriers), bent


def plane_of(bent: Bend) -> Plane:
    """With the places of the bent way, and last that of the other solution."""
    plane = three_point_plane(bent.start, bent.end, bent.middle)
    along = tuple(plane.place(bent.curve(at / 24)) for at in range(25))
    return replace(plane, places=(*along, plane.places[1]))


# ------------------------------------------------------------------------------------------------ doors
def check(
    split: str, samples: int, points: int, span: float, planes: Sequence[str], seed: int, keep: str | Path | None
) -> None:
    if split not in SPLITS:
        raise ProfundoError(f"landscape: expected a split of train, validation, test; got {split!r}")
    if not is_whole(samples) or samples < 1:
        raise ProfundoError(f"landscape: expected samples of at least 1, a whole number, got {samples!r}")
    if not is_whole(points) or not 3 <= points <= MOST_POINTS:
        raise ProfundoError(f"landscape: expected points along a side from 3 to {MOST_POINTS}, got {points!r}")
    if not is_number(span) or not 0 < span < float("inf"):
        raise ProfundoError(f"landscape: expected a span above 0, got {span!r}")
    if not is_whole(seed) or not 0 <= seed < 2**63:
        raise ProfundoError(f"landscape: expected a seed, a whole number from 0 to 2⁶³ − 1, got {seed!r}")
    if keep is not None and not isinstance(keep, str | Path):
        raise ProfundoError(f"landscape: expected a folder to keep the points in, got {keep!r}")
    named = (planes,) if isinstance(planes, str) or not isinstance(planes, Iterable) else tuple(planes)
    wrong = [name for name in named if name not in ("random", "path")]
    if wrong:
        raise ProfundoError(f"landscape: expected planes of random, path; got {wrong[0]!r}")
