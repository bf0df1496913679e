"""Where time and memory of a computation go, and how near the machine's limits each part comes.

An operation can be no faster than its arithmetic and no faster than its traffic with memory:

    seconds ≥ max(FLOPs / peak FLOPs per second, bytes / peak bytes per second)

which of the two is larger says what limits it (the roofline model: Williams, Waterman & Patterson 2009). The peaks are
measured, not taken from a data sheet: a large matrix product and a large copy. What fits into the processor's caches
is read faster than that, so a small operation that is limited by memory may pass the bound.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache, reduce
from html import escape
from math import prod

import torch

from profundo.graph.drawings.node_tables import WIDEST, Column, aligned
from profundo.graph.nodes import GIVEN, Cost, Graph, Node
from profundo.pictures.numbers import count, percent, short
from profundo.records import ProfundoError

__all__ = ["Peak", "Profile", "Row", "measured_peak", "profile"]

LONGEST = 24  # rows of a printed table; the rest is added up in one
MEASURED = 0.2  # seconds for each of the two measurements
WIDTHS = {"cpu": 1024, "cuda": 4096}  # of the square matrices that are multiplied
COPIED = {"cpu": 2**26, "cuda": 2**28}  # bytes, far more than caches hold


@dataclass(frozen=True, slots=True)
class Peak:
    """What a machine reaches at best. flops: per second; bytes: per second, read and written."""

    flops: float
    bytes: float

    def __post_init__(self) -> None:
        if not (self.flops > 0 and self.bytes > 0):
            raise ProfundoError(f"peak: expected positive rates, got {self.flops} FLOP/s and {self.bytes} bytes/s")

    def least(self, cost: Cost) -> float:
        """Seconds that it takes at best."""
        return max(cost.flops / self.flops, cost.bytes / self.bytes)

    def limit(self, cost: Cost) -> str:
        """ "arithmetic" or "memory", whichever takes longer at best; "" for what needs neither."""
        if not cost.flops and not cost.bytes:
            return ""
        return "arithmetic" if cost.flops / self.flops > cost.bytes / self.bytes else "memory"


@dataclass(frozen=True, slots=True)
class Row:
    """Operations added up. name: of a module (its path) or of a kind of operation.

    parameters: numbers that are learned; activations: bytes of what these operations computed (views have none), where
    gradients are known of those that have one: what the backward pass has to wait for, at most.
    """

    name: str
    operations: int = 0
    forward: Cost = field(default_factory=Cost)
    backward: Cost = field(default_factory=Cost)
    parameters: int = 0
    activations: int = 0

    @property
    def both(self) -> Cost:
        """Forward and backward."""
        return self.forward + self.backward

    def plus(self, other: Row) -> Row:
        """Of both together, under this name."""
        return Row(
            self.name,
            self.operations + other.operations,
            self.forward + other.forward,
            self.backward + other.backward,
            self.parameters + other.parameters,
            self.activations + other.activations,
        )


@dataclass(frozen=True)
class Profile:
    """modules: a row for each module, of the operations that ran in it and in no module within it; kinds: a row for
    each kind of operation. Both have the longest first, and each adds up to `total`."""

    modules: tuple[Row, ...]
    kinds: tuple[Row, ...]
    total: Row
    peak: Peak

    def __str__(self) -> str:
        parts = [_table(title, rows, self) for title, rows in (("module", self.modules), ("operation", self.kinds))]
        machine = f"{_with(self.peak.flops, 'FLOP/s')} in a matrix product, {_with(self.peak.bytes, 'B/s')} in a copy"
        legend = f"at best: the share of the time in which the machine could do it at its peak ({machine})"
        return "\n\n".join((*parts, legend))

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


def profile(graph: Graph, peak: Peak | None = None) -> Profile:
    """Of a traced graph. peak: that of the machine, by default measured where and in the type in which most was computed.

    Raises ProfundoError where nothing in the graph was timed.
    """
    rows = [(node, _row(node, graph)) for node in graph]
    if not any(row.both.seconds for _, row in rows):
        raise ProfundoError("profile: expected a graph that was traced, this one has no times; make it with trace(…)")
    modules = _added((_module(node, graph), row) for node, row in rows)
    kinds = _added((node.op, row) for node, row in rows)
    total = reduce(Row.plus, (row for _, row in rows), Row("total"))
    return Profile(modules, kinds, total, peak or measured_peak(*_place(graph)))


def _row(node: Node, graph: Graph) -> Row:
    if node.op in GIVEN:
        return Row("", parameters=node.parameters, backward=node.backward)
    waits = node.gradient is not None if graph.of else True
    return Row("", 1, node.forward, node.backward, node.parameters, _size(node) if waits and node.forward.bytes else 0)


def _module(node: Node, graph: Graph) -> str:
    return node.module or graph.modules.get("", "") or "outside modules"


def _size(node: Node) -> int:
    """Bytes of its value, or of the first part of it."""
    kind = getattr(torch, node.dtype, None)
    if not isinstance(kind, torch.dtype) or not all(isinstance(size, int) for size in node.shape):
        return 0
    return prod(size for size in node.shape if isinstance(size, int)) * kind.itemsize


def _added(named: Iterable[tuple[str, Row]]) -> tuple[Row, ...]:
    """One row a name, the longest first; without what neither ran nor is learned."""
    sums: dict[str, Row] = {}
    for name, row in named:
        sums[name] = sums.get(name, Row(name)).plus(row)
    kept = [row for row in sums.values() if row.operations or row.parameters or row.both != Cost()]
    return tuple(sorted(kept, key=lambda row: row.both.seconds, reverse=True))


def _place(graph: Graph) -> tuple[str, str]:
    """Device, and the floating type in which most arithmetic was done."""
    device = next((node.data.device.type for node in graph if node.data is not None), "cpu")
    flops: dict[str, int] = {}
    for node in graph:
        kind = getattr(torch, node.dtype, None)
        if isinstance(kind, torch.dtype) and kind.is_floating_point:
            flops[node.dtype] = flops.get(node.dtype, 0) + node.forward.flops
    return device if device in WIDTHS else "cpu", max(flops, key=lambda kind: flops[kind], default="float32")


# ---------------------------------------------------------------------------------------------------------- the machine
@cache
def measured_peak(device: str = "cpu", dtype: str = "float32") -> Peak:
    """The fastest of many products of square matrices, and of many copies; 0.4 seconds, once for each device and type.

    With the threads that PyTorch has now. Raises ProfundoError for devices other than "cpu" and "cuda" and for types
    that are not floating.
    """
    kind = getattr(torch, dtype, None)
    if device not in WIDTHS or (device == "cuda" and not torch.cuda.is_available()):
        raise ProfundoError(f"measured_peak: expected a device that is here, of {', '.join(WIDTHS)}; got {device!r}")
    if not isinstance(kind, torch.dtype) or not kind.is_floating_point:
        raise ProfundoError(f"measured_peak: expected a floating type such as float32, got {dtype!r}")
    width = WIDTHS[device]
    left, right = (torch.ones(width, width, device=device, dtype=kind) for _ in range(2))
    source = torch.ones(COPIED[device], device=device, dtype=torch.uint8)
    target = torch.zeros_like(source)
    with torch.no_grad():
        product = _fastest(lambda: torch.mm(left, right), device)
        copy = _fastest(lambda: target.copy_(source), device)
    return Peak(2 * width**3 / product, 2 * COPIED[device] / copy)


def _fastest(work: Callable[[], object], device: str) -> float:
    """Seconds of the fastest run among those that fit into the time; the first is not counted."""
    work()
    best, ends = float("inf"), time.perf_counter() + MEASURED
    while best == float("inf") or time.perf_counter() < ends:
        if device == "cuda":
            torch.cuda.synchronize()
        started = time.perf_counter()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - started)
    return best


# ------------------------------------------------------------------------------------------------------------- the table
COUNTED = {"module": "operations", "operation": "times"}  # what the first column counts, by what a row is
HEAD = (
    "forward", "backward", "share", "FLOPs", "FLOP/s", "bytes/s", "at best", "limited by", "parameters",
    "activations",
)  # fmt: skip


def _table(title: str, rows: Sequence[Row], whole: Profile) -> str:
    shown = list(rows[:LONGEST])
    if len(rows) > LONGEST:
        shown.append(reduce(Row.plus, rows[LONGEST:], Row(f"{len(rows) - LONGEST} others")))
    columns = [Column(title), *(Column(word, is_number=True) for word in (COUNTED[title], *HEAD))]
    head, *lines, total = aligned(columns, [_cells(row, whole) for row in (*shown, whole.total)], width=WIDEST)
    rule = "─" * len(head)
    return "\n".join((head, rule, *lines, rule, total))


def _cells(row: Row, whole: Profile) -> tuple[str, ...]:
    both, seconds = row.both, row.both.seconds
    all_seconds = whole.total.both.seconds
    return (
        row.name,
        count(row.operations),
        _milliseconds(row.forward.seconds),
        _milliseconds(row.backward.seconds),
        percent(seconds / all_seconds),
        _with(both.flops),
        _with(both.flops / seconds) if seconds else "",
        _with(both.bytes / seconds) if seconds else "",
        percent(whole.peak.least(both) / seconds) if seconds else "",
        whole.peak.limit(both),
        count(row.parameters),
        _with(row.activations, "B"),
    )


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:,.3f} ms"


def _with(number: float, unit: str = "") -> str:
    """1.23 GFLOP/s: prefix and unit in one word."""
    digits = short(number, "").strip()
    return digits + unit if digits[-1].isalpha() or not unit else f"{digits}\N{NO-BREAK SPACE}{unit}"
