"""What `profundo landscape` has measured, as records; and its page: each picture with what it means in a sentence."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from profundo.files import check_out, reason, write_bytes, write_json, write_text
from profundo.inside.surface import Eigenvalues, Trace
from profundo.pictures.charts import Line, plotted
from profundo.pictures.contours import measured_contours_svg, relief_svg
from profundo.pictures.numbers import count, duration, percent, plain
from profundo.pictures.sheet import Figure, Grid, Part, Sheet, sheet_html
from profundo.pictures.tables import Row
from profundo.records import ProfundoError

__all__ = ["ENDINGS", "Between", "Course", "Heights", "Landscape", "page", "pictures", "read_points", "write_points"]


@dataclass(frozen=True, slots=True)
class Heights:
    """The loss on a plane. kind: "random", "path" or "between". losses: (up, across). places: of the way, or of the solutions, in
    the plane; explained: the share of the way's squared length that each direction holds."""

    kind: str
    across: tuple[float, ...]
    up: tuple[float, ...]
    losses: np.ndarray
    places: tuple[tuple[float, float], ...] = ()
    explained: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Course:
    """The sharpness along training, after these epochs. edges: from which a step of that epoch's rate would diverge on a
    quadratic; None where the optimizer scales steps by coordinate. how: where the weights come from."""

    epochs: tuple[int, ...]
    sharpness: tuple[float, ...]
    losses: tuple[float, ...]
    edges: tuple[float | None, ...]
    optimizer: str
    how: str


@dataclass(frozen=True, slots=True)
class Between:
    """The loss on the ways from one solution to the other, over t from 0 to 1, by way and split ("training", …). barriers:
    on the split that was measured, above the line between the ends."""

    other: str
    shares: tuple[float, ...]
    losses: Mapping[str, Mapping[str, tuple[float, ...]]]
    barriers: Mapping[str, float]

    def each(self) -> Iterator[tuple[str, str, tuple[float, ...]]]:
        """Way, split, losses along it."""
        for way, by_split in self.losses.items():
            for split, losses in by_split.items():
                yield way, split, losses


@dataclass(frozen=True, slots=True)
class Landscape:
    """What was measured of one solution: loss at it, on `samples` of a split; planes; curvature; the ways to another."""

    name: str
    net: str
    parameters: int
    split: str
    samples: int
    loss: float
    planes: tuple[Heights, ...]
    eigenvalues: Eigenvalues | None = None
    trace: Trace | None = None
    course: Course | None = None
    between: Between | None = None
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    def html(self) -> str:
        """One page that needs nothing else."""
        return page(self)

    def write(self, path: str | Path = "landscape.html") -> Path:
        """As a page (.html), or its numbers (.json, .npz, .csv: measure, a, b, value)."""
        path = Path(path)
        check_out(path, *ENDINGS)
        match path.suffix:
            case ".html":
                write_text(path, self.html())
            case ".json":
                write_json(path, self.as_plain_data())
            case ".csv":
                write_text(path, self.to_csv())
            case _:
                write_bytes(path, packed(self.arrays()))
        return path

    def arrays(self) -> dict[str, np.ndarray]:
        """Planes, eigenvalues and trace, the course of sharpness, the ways, by name."""
        parts = ("across", "up", "losses", "places")
        found: dict[str, Any] = {f"{one.kind}_{part}": getattr(one, part) for one in self.planes for part in parts}
        if self.eigenvalues is not None:
            found |= {"eigenvalues": self.eigenvalues.values, "eigenvalue_errors": self.eigenvalues.errors}
        if self.trace is not None:
            found |= {"trace": (self.trace.value, self.trace.error)}
        if self.course is not None:
            found |= {f"course_{part}": getattr(self.course, part) for part in ("epochs", "sharpness", "losses")}
        if self.between is not None:
            found |= {"ways_shares": self.between.shares}
            found |= {f"ways_{way}_{split}": losses for way, split, losses in self.between.each()}
        return {name: np.asarray(values) for name, values in found.items()}

    def to_csv(self) -> str:
        rows = [
            f"{one.kind},{a!r},{b!r},{loss!r}"
            for one in self.planes
            for (b, a), loss in zip(product(one.up, one.across), one.losses.flatten().tolist(), strict=True)
        ]
        lines: list[tuple[str, Iterable[float], Iterable[float]]] = [("loss", ("",), (self.loss,))]  # type: ignore[list-item]
        if self.eigenvalues is not None:
            lines.append(("eigenvalue", range(1, len(self.eigenvalues.values) + 1), self.eigenvalues.values))
        if self.trace is not None:
            lines.append(("trace", ("",), (self.trace.value,)))  # type: ignore[arg-type]
        if self.course is not None:
            lines.append(("sharpness after epoch", self.course.epochs, self.course.sharpness))
            lines.append(("loss after epoch", self.course.epochs, self.course.losses))
        if self.between is not None:
            lines += [(f"{way} {split}", self.between.shares, losses) for way, split, losses in self.between.each()]
        for name, places, values in lines:
            rows += [f"{name},{at},,{float(value)!r}" for at, value in zip(places, values, strict=True)]
        return "\n".join(["measure,a,b,value", *rows]) + "\n"

    def as_plain_data(self) -> dict[str, Any]:
        """For JSON, which has no infinity: a loss that is none of its numbers is null."""
        plain: dict[str, Any] = _plain(self)
        return plain

    def __repr__(self) -> str:
        where = f"on {self.samples:,} {self.split} samples, {self.parameters:,} weights"
        lines = [f"{self.name}: loss {self.loss:.4g} {where}"]
        ends = [(one.kind, np.nanmin(one.losses), np.nanmax(one.losses)) for one in self.planes]
        lines += [f"{kind} plane: loss from {low:.4g} to {high:.4g}" for kind, low, high in ends]
        if self.eigenvalues is not None:
            values = ", ".join(f"{value:.4g}" for value in self.eigenvalues.values)
            lines.append(f"largest eigenvalues of the Hessian: {values}")
        if self.trace is not None:
            lines.append(f"trace of the Hessian: {self.trace.value:.4g} ± {self.trace.error:.2g}")
        if self.between is not None:
            walls = ", ".join(f"{way} {height:.4g}" for way, height in self.between.barriers.items())
            lines.append(f"barrier to {self.between.other}: {walls}")
        return "\n".join([*lines, *self.notes])

    def _repr_html_(self) -> str:
        return "".join(figure.svg for figure in pictures(self))


ENDINGS = (".html", ".json", ".npz", ".csv")
TITLES = {
    "random": "Around the solution",
    "path": "Along the way of training",
    "between": "Between two solutions, from above",
}


def page(surface: Landscape) -> str:
    """The same measurement gives the same page, byte for byte."""
    lead = (
        f"The loss of {surface.net} as a function of its {count(surface.parameters)} weights, on {count(surface.samples)} "
        f"{surface.split} samples. At the solution it is {plain(surface.loss)}."
    )
    parts = [_plane(one, surface) for one in surface.planes if one.kind != "between"]
    if surface.eigenvalues is not None:
        parts.append(_curvature(surface))
    if surface.course is not None:
        parts.append(_course(surface.course))
    if surface.between is not None:
        parts.append(_between(surface.between))
    parts += [_plane(one, surface) for one in surface.planes if one.kind == "between"]
    parts.append(Part("How this was measured", _how(surface)))
    return sheet_html(Sheet(f"The surface of {surface.name}", "Loss landscape", lead, parts))


def pictures(surface: Landscape) -> list[Figure]:
    """The first picture of each plane, and of the way between: what a notebook shows."""
    return [_figures(one)[0] for one in surface.planes] + ([] if surface.between is None else [_ways(surface.between)])


def _names(one: Heights) -> tuple[str, str]:
    if one.kind == "random":
        return "first direction", "second direction"
    if one.kind == "between":
        return "towards the other solution", "aside"
    shares = [f" ({percent(share)})" for share in one.explained or ()] or ["", ""]
    return f"first component{shares[0]}", f"second component{shares[1]}"


def _figures(one: Heights) -> list[Figure]:
    names, losses = _names(one), one.losses.tolist()
    paths, marks = {}, {"the solution": (0.0, 0.0)}
    if one.kind == "path":
        paths = {"way of training": list(one.places)}
    if one.kind == "between":
        *bent, end = one.places
        paths = {"straight": [(0.0, 0.0), end], "bent": bent}
        marks["the other"] = end
    lines = measured_contours_svg(one.across, one.up, losses, paths, names=names, marks=marks)
    relief = relief_svg(one.across, one.up, losses, names=("first", "second"), height="loss")
    return [Figure(lines, CAPTIONS[one.kind]), Figure(relief, "The same from aside: low is dark, high is light.")]


CAPTIONS = {
    "random": "Lines of equal loss, written with their height; the cross is the solution. Close lines: a small step changes much.",
    "path": "Lines of equal loss, and the weights after each epoch where they come to lie on the plane; the cross is the solution.",
    "between": "Lines of equal loss on the plane that holds both solutions, the crosses, and the point that bends the way.",
}


def _plane(one: Heights, surface: Landscape) -> Part:
    middle, edge = surface.loss, float(np.median(np.concatenate([one.losses[0], one.losses[-1]])))
    if one.kind == "random":
        about = [
            "Two directions are drawn at random through all weights, each filter as long as the filter that it moves, so that the "
            "surfaces of two nets can be compared (Li et al. 2018). At 1 a step is as long as the weights themselves. A wide, "
            "smooth bowl is easy to train on and forgives weights that are a little off; cliffs and ridges are not.",
            f"From {plain(middle)} at the solution the loss comes to {plain(edge)} at the edge, half of it above, half below. A "
            "slice through two of so many directions shows no wall that lies across the others: what looks convex here need not be.",
        ]
    elif one.kind == "path":
        shares = one.explained or (0.0, 0.0)
        about = [
            "The plane through the solution that is nearest to where the weights were after each epoch (principal components). "
            f"Its directions hold {percent(shares[0])} and {percent(shares[1])} of the squared distances from the end, so training "
            "moves in few directions; what is left of its way lies outside the plane, and the lines of equal loss are those of "
            "the plane, not of the way itself."
        ]
    else:
        about = [
            "The same walk from above. The straight way climbs over what lies between; the bent one goes round it: solutions that "
            "look like separate valleys are often places of one valley (Garipov et al. 2018)."
        ]
    return Part(TITLES[one.kind], about, _figures(one))


def _curvature(surface: Landscape) -> Part:
    values, whole = surface.eigenvalues, surface.trace
    assert values is not None
    assert whole is not None
    largest = values.values[0]
    limit = "the surface bends nowhere upwards"
    if largest > 0:
        limit = f"plain descent would diverge there from a rate of 2 / {plain(largest)} = {plain(2 / largest)}"
    about = [
        "The eigenvalues of the Hessian, the second derivatives, say how the surface bends along its main directions: a large one "
        "is a wall that is steep on both sides, one near zero a direction in which nothing changes, a negative one a way down.",
        f"The largest is {plain(largest)}: {limit}.",
        f"Their sum, the trace, is {plain(whole.value)}{how_sure(whole)} over {count(whole.size)} weights: the mean curvature "
        f"of all directions is {plain(whole.value / whole.size)}. A flat solution has a small one.",
    ]
    pairs = enumerate(zip(values.values, values.errors, strict=True), 1)
    rows: list[Row] = [[str(at), plain(value), plain(error)] for at, (value, error) in pairs]
    ended = "" if values.converged else " It was stopped before all of them had settled: see their errors."
    caption = f"Largest eigenvalues, by {values.steps} steps of Lanczos, and how far each may be off.{ended}"
    return Part("How sharply it bends", about, grid=Grid(caption, ["", "eigenvalue", "error at most"], rows))


def how_sure(whole: Trace) -> str:
    if not whole.error:
        return ""
    return f" ± {plain(whole.error)} (one standard error of {whole.probes} random vectors)"


def _course(one: Course) -> Part:
    lines = [Line("largest eigenvalue", one.epochs, one.sharpness)]
    known = [edge for edge in one.edges if edge is not None]
    if known:
        lines.append(Line("where steps diverge", one.epochs, [float("nan") if e is None else e for e in one.edges]))
    rule = {
        "sgd": "Plain descent is stable while it is below 2/η.",
        "momentum": "With momentum 0.9 descent is stable while it is below 3.8/η.",
        "nesterov": "With Nesterov's momentum 0.9 descent is stable while it is below 1.36/η.",
    }.get(one.optimizer, f"{one.optimizer} scales its steps by coordinate, so no one number is its limit.")
    about = [
        f"The sharpness after some epochs; η is the learning rate. {rule} Trained on all samples at once at a constant rate, nets "
        "grow sharper until they reach that edge and then stay about it, while the loss goes on falling by fits and starts (Cohen "
        "et al. 2021); small batches and falling rates keep them below or let the edge go up."
    ]
    caption = f"Sharpness along training; the weights were {one.how}."
    figures = [plotted(lines, caption, x_label="epoch", y_label="sharpness")]
    losses = [Line("loss", one.epochs, one.losses)]
    figures.append(plotted(losses, "The loss at the same places.", x_label="epoch", y_label="loss"))
    return Part("Sharpness along training", about, figures)


def _ways(one: Between) -> Figure:
    lines = [Line(f"{way}, {split}", one.shares, losses) for way, split, losses in one.each()]
    axes = {"x_label": "from this solution (0) to the other (1)", "y_label": "loss"}
    return plotted(lines, f"The loss on the way to {one.other}.", **axes)


def _between(one: Between) -> Part:
    walls = one.barriers
    about = [
        f"On the straight line between the weights the loss climbs {plain(walls['straight'])} above the line between its ends; on a "
        f"bent way, learned to stay low, {plain(walls['bent'])}. A wall on the straight line does not part two valleys: units have "
        "no order, so two equally good nets lie far apart, and a bend usually finds a way round (Garipov et al. 2018)."
    ]
    return Part("From one solution to another", about, [_ways(one)])


def _how(surface: Landscape) -> Sequence[str]:
    first = (
        "The net is in evaluation mode; the statistics of batch normalisation are computed anew at every point, for those of the "
        "solution mean nothing elsewhere. The loss is what training lowers, with its label smoothing and weights of classes, but "
        "without weight decay."
    )
    return [first, *surface.notes, f"It took {duration(surface.seconds)}."]


# ------------------------------------------------------------------------------------------------ files
def packed(arrays: Mapping[str, np.ndarray]) -> bytes:
    file = BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def write_points(file: Path, arrays: Mapping[str, np.ndarray], what: str, *, parents: bool = False) -> None:
    """Arrays in a folder of points, which is made where there is none; parents: those above it, too. Raises ProfundoError where
    it cannot be."""
    try:
        file.parent.mkdir(parents=parents, exist_ok=True)
    except OSError as error:
        raise ProfundoError(f"{file.parent}: {what} cannot be kept: {reason(error)}") from None
    write_bytes(file, packed(arrays), within=file.parent.parent)


def read_points(file: Path) -> dict[str, np.ndarray]:
    """The arrays of such a file; none where there is no such file, or it is damaged."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, ValueError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error):
        return {}


def _plain(value: Any) -> Any:
    """Records, mappings, arrays and tuples as JSON has them; null for what is no finite number."""
    if hasattr(value, "__dataclass_fields__"):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, np.ndarray | tuple | list):
        return [_plain(part) for part in value]
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value
