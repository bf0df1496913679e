"""The table of a net: layers, shapes, parameters, FLOPs, receptive fields.

print(summary(net, data.spec))                   # any module; in a notebook a table
print(tabulated("resnet50"))                     # a net by name, on data or inputs of a given size
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from html import escape
from math import prod
from pathlib import Path
from typing import Any

import torch

from profundo import nets
from profundo.data import load
from profundo.graph.drawings.node_tables import Column, aligned
from profundo.kinds import InputKind
from profundo.nets.net_names import NETS_FOR_SERIES, PUBLISHED_NETS, check
from profundo.nets.registry import NetOption, options
from profundo.nets.summary import output_values
from profundo.nets.summary import summary as rows_of
from profundo.pictures.numbers import short
from profundo.records import Dataset, Inputs, LayerRow, ProfundoError, Spec, Targets, at_the_door
from profundo.runs.given.arriving import dataset_of

__all__ = ["NetTable", "read_sizes", "summary", "tabulated"]

COLUMNS = [
    *(Column(title, False) for title in ("layer", "kind", "output")),
    *(Column(title, True) for title in ("parameters", "FLOPs")),
    Column("receptive field", False),
]
KINDS: dict[int, InputKind] = {1: "features", 2: "series", 3: "image"}  # by how many axes a sample has
WIDEST = 1000  # characters: nothing is cut off
LARGEST_INPUT = 100_000_000  # numbers: 400 MB in float32


@dataclass(frozen=True, slots=True)
class NetTable:
    """A net's layers, for inputs of one shape and so many outputs."""

    name: str
    inputs: tuple[int, ...]
    outputs: int
    layers: tuple[LayerRow, ...]
    options: tuple[NetOption, ...] = ()

    @property
    def parameters(self) -> int:
        return sum(row.parameters for row in self.layers)

    @property
    def flops(self) -> int:
        return sum(row.flops for row in self.layers)

    def as_plain_data(self) -> dict[str, Any]:
        totals = {"parameters": self.parameters, "flops": self.flops}
        return {**asdict(self), "totals": totals}

    def __repr__(self) -> str:
        rows = [
            (row.name, row.kind, sizes(row.shape), f"{row.parameters:,}", f"{row.flops:,}", field(row))
            for row in self.layers
        ]
        total = ("total", "", "", f"{self.parameters:,}", f"{self.flops:,}", "")
        table = "\n".join(aligned(COLUMNS, [*rows, total], width=WIDEST))
        work = short(self.flops, "FLOPs").replace("\u00a0", " ")
        first = f"{self.name} for inputs {sizes(self.inputs)} and {self.outputs:,} outputs: "
        told = [f"\n\noptions, such as --net-option {self.options[0].example}:"] if self.options else []
        told += [f"\n  {one.name}: {one.kind}; {one.default} unless told. {one.about}".rstrip() for one in self.options]
        return f"{first}{self.parameters:,} parameters, {work} a sample\n\n{table}{''.join(told)}"

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


@at_the_door
def summary(net: Any, spec: Any = None) -> NetTable:
    """The table of any net, or of one by name, for the inputs of a spec, of data as `fit` takes them, or of the shape of one
    sample such as (1, 28, 28). Nothing is trained; the net is left as it was.

    Raises ProfundoError when the net does not take such inputs.
    """
    if spec is None and not isinstance(net, str):
        raise ProfundoError(
            "summary: expected what the net takes: summary(net, data), or the shape of one sample, summary(net, (1, 28, 28))"
        )
    if isinstance(spec, tuple) and spec and all(isinstance(size, int) for size in spec):
        spec = of_shape(spec)
    if isinstance(spec, Dataset):
        spec = spec.spec
    if isinstance(net, str) and spec is None:
        return table_of(net, spec_of(net, None))
    if isinstance(net, str):
        return table_of(net, spec if isinstance(spec, Spec) else dataset_of(spec, {}).spec)
    known = spec if isinstance(spec, Spec) else dataset_of(spec, {}, net=net).spec
    layers = tuple(rows_of(net, known.inputs))
    outputs = output_values(net, known.inputs) or known.outputs
    return NetTable(type(net).__name__, known.inputs.shape, outputs, layers)


def tabulated(
    name: str, *, data: str | None = None, inputs: str | None = None, data_dir: str | Path | None = None
) -> NetTable:
    """Of a net by name: for a data set, for inputs such as "3x32x32" and ten classes, or for what it was made for."""
    if data is not None and inputs is not None:
        raise ProfundoError(f"--input {inputs}: not with --data, whose inputs have their size")
    return table_of(name, load(data, data_dir=data_dir).spec if data is not None else spec_of(name, inputs))


def table_of(name: str, spec: Spec) -> NetTable:
    """Of a net by name. No weight is drawn and nothing is computed (torch's meta device), however large the net."""
    check(name, spec)
    with torch.device("meta"):
        layers = rows_of(nets.build(name, spec), spec.inputs)
    return NetTable(name, spec.inputs.shape, spec.outputs, tuple(layers), tuple(options(name)))


USUAL_INPUTS = {
    **dict.fromkeys(PUBLISHED_NETS, (3, 224, 224)),
    **dict.fromkeys(("fast_cnn", "resnet"), (3, 32, 32)),
    **dict.fromkeys(NETS_FOR_SERIES, (1, 128)),
}


def spec_of(name: str, inputs: str | None) -> Spec:
    """Ten classes; of the nets for ImageNet, on images of its kind, a thousand."""
    if inputs is None:
        shape: tuple[int, ...] = USUAL_INPUTS.get(name, (1, 28, 28))
    else:
        shape = read_sizes(inputs, "sizes of one sample, such as 3x32x32 (channels first) or 13")
    return of_shape(shape, 1000 if name in PUBLISHED_NETS and shape[-1] >= 64 else 10)


def of_shape(shape: tuple[int, ...], many: int = 10) -> Spec:
    """Samples of this shape, in so many classes."""
    inputs = Inputs(shape, KINDS.get(len(shape), "any"))
    return Spec(inputs, Targets("classes", tuple(str(number) for number in range(many))))


def read_sizes(text: str, expected: str) -> tuple[int, ...]:
    """Sizes as in "3x32x32". Raises ProfundoError, which says what is expected."""
    if not re.fullmatch(r"[0-9]{1,9}([x×,][0-9]{1,9})*", text.strip()):
        raise ProfundoError(f"--input {text}: expected {expected}")
    shape = tuple(int(size) for size in re.split("[x×,]", text.strip()))
    if not 0 < prod(shape) <= LARGEST_INPUT:
        raise ProfundoError(f"--input {text}: expected from 1 to {LARGEST_INPUT:,} numbers, got {prod(shape):,}")
    return shape


def sizes(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "–"


def field(row: LayerRow) -> str:
    if row.field is None:
        return "–"
    return row.field if isinstance(row.field, str) else sizes(row.field)
