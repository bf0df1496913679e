"""One plane of a run's loss surface, from coarse to fine, for whoever watches it come about; what was measured is kept.

for view in plane_views(lambda: open_run("runs/digits-1"), Path("runs/digits-1"), SurfaceQuestion("path")): ...

A plane that was measured before is read without opening the run: the manifest of its files, and what is asked, name it.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from profundo.files import reason
from profundo.inside.surface import path_plane, random_plane, refined_losses
from profundo.inspect.landscape import known_way, measured, solution_of_run, spread, weights_at
from profundo.inspect.landscape_page import Heights, read_points, write_points
from profundo.inspect.training_path import TrainingPath
from profundo.languages import Said
from profundo.records import ProfundoError
from profundo.runs.run import Run

__all__ = ["FINENESS", "KINDS", "PlaneView", "SurfaceQuestion", "plane_views"]

KINDS = ("random", "path")
FINENESS = {"coarse": 4, "medium": 2, "fine": 1}  # strides over the places
POINTS = 49  # along a side
FIRST = 8  # the stride that is measured first
MARGIN = 0.2  # around the way of training, of its extent
EVERY = 2.0  # seconds between two writings
FORMAT = 1


@dataclass(frozen=True, slots=True)
class SurfaceQuestion:
    """kind: of KINDS; fineness: of FINENESS; samples: of training, on which the loss is measured; span: of a random plane, in
    lengths of the weights."""

    kind: str = "random"
    fineness: str = "medium"
    samples: int = 500
    span: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS or self.fineness not in FINENESS:
            raise ProfundoError(
                f"surface: expected a plane of {', '.join(KINDS)} and a fineness of {', '.join(FINENESS)}; got {self.kind!r} "
                f"and {self.fineness!r}"
            )
        if not (self.samples >= 1 and 0 < self.span < float("inf")):
            got = f"{self.samples} and {self.span}"
            raise ProfundoError(f"surface: expected samples of at least 1 and a span above 0, got {got}")

    @property
    def stride(self) -> int:
        return FINENESS[self.fineness]

    @property
    def wanted(self) -> int:
        """Places that are measured."""
        return ((POINTS - 1) // self.stride + 1) ** 2


@dataclass(frozen=True, slots=True)
class PlaneView:
    """heights: its losses are NaN where nothing is measured yet. loss: at the solution; samples: on which it was measured. epochs: of
    the way of training, a place each; how: where it comes from."""

    heights: Heights
    loss: float
    samples: int
    parameters: int
    epochs: tuple[int, ...] = ()
    how: str = ""

    @property
    def measured(self) -> int:
        return int(np.isfinite(self.heights.losses).sum() + np.isinf(self.heights.losses).sum())

    def is_done(self, stride: int) -> bool:
        return not bool(np.isnan(self.heights.losses[::stride, ::stride]).any())


def plane_views(run: Callable[[], Run], folder: Path, asked: SurfaceQuestion, keep: bool = True) -> Iterator[PlaneView]:
    """run: opens what is surveyed, where that is needed. folder: of the run; keep: whether anything is written there.

    The last view is whole. Raises ProfundoError for a run that cannot be surveyed, and where its way of training is not known.
    """
    file = folder / "landscape" / f"{asked.kind}-view-{name_of(folder, asked)}.npz"
    known = read_view(file)
    if known is not None and known.is_done(asked.stride):
        yield known
        return
    last = time.monotonic()
    view = known
    try:
        for view in measured_views(run(), asked, known):
            if keep and time.monotonic() - last > EVERY:
                write_view(file, view)
                last = time.monotonic()
            yield view
    finally:  # also where nobody asks for more
        if keep and view is not None and view is not known:
            write_view(file, view)


def measured_views(run: Run, asked: SurfaceQuestion, known: PlaneView | None) -> Iterator[PlaneView]:
    solution = solution_of_run(run)
    loss, used = measured(solution, "train", asked.samples, asked.seed)
    with torch.no_grad():
        height = float(loss(loss.weights))
    path: TrainingPath | None = None
    if asked.kind == "random":
        plane = random_plane(loss, asked.seed)
        across = up = spread(-asked.span, asked.span, POINTS)
    else:
        path = known_way(solution, loss)
        if path is None:
            raise ProfundoError(Said("refusals.unknown_way", name=solution.name))
        plane = path_plane([*weights_at(path, loss.weights), loss.weights])
        plane = replace(plane, places=plane.places[: len(path.epochs)])
        across, up = plane.sides(POINTS, MARGIN)
    heights = Heights(asked.kind, across, up, np.full((POINTS, POINTS), np.nan), plane.places, plane.explained)
    view = PlaneView(heights, height, used, sum(value.numel() for value in loss.weights.values()))
    view = view if path is None else replace(view, epochs=path.epochs, how=path.how)
    before = None if known is None else torch.from_numpy(known.heights.losses)
    strides = [stride for stride in (FIRST, *FINENESS.values()) if stride >= asked.stride]
    for losses in refined_losses(loss, plane, across, up, strides, before):
        yield replace(view, heights=replace(view.heights, losses=losses.numpy()))


# ------------------------------------------------------------------------------------------------------------------- files
def name_of(folder: Path, asked: SurfaceQuestion) -> str:
    """Of all that a plane depends on: the run's files, by their manifest, and the question but for its fineness."""
    try:
        manifest = (folder / "manifest.json").read_bytes()
    except OSError as error:
        raise ProfundoError(f"{folder / 'manifest.json'}: cannot be read: {reason(error)}") from None
    question = json.dumps([FORMAT, POINTS, MARGIN, {**asdict(asked), "fineness": ""}])
    return hashlib.sha256(manifest + question.encode()).hexdigest()[:16]


def write_view(file: Path, view: PlaneView) -> None:
    one = view.heights
    facts = {name: getattr(view, name) for name in ("loss", "samples", "parameters", "epochs", "how")}
    facts |= {"kind": one.kind, "explained": one.explained}
    sides = {"across": np.array(one.across), "up": np.array(one.up), "places": np.array(one.places).reshape(-1, 2)}
    write_points(file, {**sides, "losses": one.losses, "facts": np.array(json.dumps(facts))}, "the plane")


def read_view(file: Path) -> PlaneView | None:
    """None where there is no such file, or it is damaged."""
    arrays = read_points(file)
    try:
        facts = json.loads(str(arrays["facts"]))
        across, up, losses = (np.asarray(arrays[name], np.float64) for name in ("across", "up", "losses"))
        places = np.asarray(arrays["places"], np.float64).reshape(-1, 2)
        if across.shape != (POINTS,) or up.shape != (POINTS,) or losses.shape != (POINTS, POINTS):
            return None
        explained = facts["explained"]
        heights = Heights(
            str(facts["kind"]), tuple(across.tolist()), tuple(up.tolist()), losses, tuple((float(x), float(y)) for x, y in places),
            None if explained is None else (float(explained[0]), float(explained[1])),
        )  # fmt: skip
        epochs = tuple(int(epoch) for epoch in facts["epochs"])
        return PlaneView(
            heights, float(facts["loss"]), int(facts["samples"]), int(facts["parameters"]), epochs, str(facts["how"])
        )
    except (ValueError, KeyError, TypeError, IndexError):
        return None
