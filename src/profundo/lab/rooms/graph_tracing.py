"""Nets as graphs: small ones of ours and trained ones of the runs folder, on one sample, folded and unfolded by module."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field
from torch import Tensor

from profundo.graph.drawings.scene_data import scene_data
from profundo.graph.nodes import Graph, Summary
from profundo.inspect.graph_views import graph_of_run_on_sample, graph_on_sample
from profundo.lab.calls import Call, Nothing, Question
from profundo.lab.desks import Desk, Lab
from profundo.languages import Said
from profundo.records import ProfundoError
from profundo.runs.listing import list_runs

__all__ = ["CALLS", "NETS", "ROOM", "Room"]

NETS: Mapping[str, tuple[str, str]] = {
    "iris-linear": ("linear", "iris"),
    "iris-mlp": ("mlp", "iris"),
    "digits-mlp": ("mlp", "digits"),
    "digits-lenet5": ("lenet5", "digits"),
    "digits-fast_cnn": ("fast_cnn", "digits"),
    "digits-resnet": ("resnet", "digits"),
}
MOST_OPEN = 200  # parts
MOST_MAPS = 16  # of one value
LONGEST = 64  # rows and columns of a map
RUN = "run:"
ROOM = (900, 600)

Pixels = Annotated[int, Field(ge=200, le=8000)]
Room = Annotated[list[Pixels], Field(min_length=2, max_length=2)]  # width and height of the place for the drawing
Parts = Annotated[list[Annotated[str, Field(max_length=400)]], Field(max_length=MOST_OPEN)]


class OnSample(Question):
    """net: one of NETS, or "run:" and the name of a run in the runs folder; sample: a training sample, from 0."""

    net: str = Field(max_length=300)
    sample: int = Field(0, ge=0, le=10_000_000)


class Traced(OnSample):
    open: Parts | None = None
    room: Room = Field(default_factory=lambda: [*ROOM])


class Inside(OnSample):
    node: str = Field(max_length=400)


class Kept:
    """The net that a desk has looked at last: tracing takes long, folding does not."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.of: tuple[str, int] | None = None
        self.graph: Graph | None = None

    def traced(self, lab: Lab, net: str, sample: int) -> Graph:
        with self.lock:
            if self.graph is None or self.of != (net, sample):
                self.graph, self.of = traced(lab, net, sample), (net, sample)
            return self.graph

    def close(self) -> None:
        self.graph = None


def traced(lab: Lab, net: str, sample: int) -> Graph:
    """Raises ProfundoError for a net that there is not."""
    if net in NETS:
        return graph_on_sample(*NETS[net], sample)
    name = net.removeprefix(RUN)
    if not net.startswith(RUN) or name not in names_of_runs(lab):
        raise ProfundoError(Said("refusals.no_net", name=name, names=tuple(NETS)))
    return graph_of_run_on_sample(lab.runs / name, sample)


def names_of_runs(lab: Lab) -> list[str]:
    """Finished trainings that lie in the folder of runs itself, and not through a link."""
    rows = [row for row in list_runs(lab.runs) if row["state"] == "finished" and row["epochs"] is not None]
    paths = [lab.runs / row["run"].rpartition("/")[2] for row in rows]
    return [path.name for path in paths if path.is_dir() and not path.is_symlink()]


def nets(desk: Desk, _: Nothing) -> Mapping[str, Any]:
    """What can be traced."""
    return {"nets": [{"name": name, "net": net, "data": data} for name, (net, data) in NETS.items()],
            "runs": names_of_runs(desk.lab)}  # fmt: skip


def net_graph(desk: Desk, asked: Traced) -> Mapping[str, Any]:
    """The graph and its drawing. open: parts that are shown inside; all that fit by themselves where it is left out."""
    graph = kept(desk).traced(desk.lab, asked.net, asked.sample)
    scene = scene_data(
        graph, open=asked.open or (), depth=None if asked.open is None else 1, room=(asked.room[0], asked.room[1])
    )
    return {"graph": without_entries(graph), "scene": scene}


def kept(desk: Desk) -> Kept:
    result: Kept = desk.state("graph", Kept)
    return result


def without_entries(graph: Graph) -> dict[str, Any]:
    """Plain data; whole values of a net are many, and travel when they are asked for."""
    plain = graph.json()
    for node in plain["nodes"]:
        for kind in ("value", "gradient"):
            if node[kind]:
                node[kind].pop("entries", None)
    return plain


def inside(desk: Desk, asked: Inside) -> Mapping[str, Any]:
    """Value and gradient of one node, whole: as maps, (maps, height, width)."""
    node = kept(desk).traced(desk.lab, asked.net, asked.sample)[asked.node]
    return {
        "node": node.name,
        "shape": node.shape,
        "value": maps_of(node.value),
        "gradient": maps_of(node.gradient),
    }


def maps_of(summary: Summary | None) -> Tensor | None:
    """The first maps of a tensor, (maps, height, width), without the dimension of the one sample."""
    if summary is None or summary.tensor is None:
        return None
    values = summary.tensor
    while values.dim() > 3 and values.shape[0] == 1:
        values = values[0]
    if values.dim() > 3:
        values = values.flatten(0, -3)
    while values.dim() < 3:
        values = values[None]
    return values[:MOST_MAPS, :LONGEST, :LONGEST].contiguous()


CALLS: Mapping[str, Call] = {
    "nets": Call(Nothing, nets),
    "net": Call(Traced, net_graph, slow=True),
    "inside": Call(Inside, inside),
}
