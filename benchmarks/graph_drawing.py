"""What a picture of a computational graph costs: SVG with layout, against tracing the same network. No bound is promised.

python -m benchmarks.graph_drawing [--rounds 9]

Each is drawn as it is by default (folded to at most 40 boxes) and with everything open. Not counted: the import and what
a browser needs to show the picture.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from benchmarks.common import in_turn, keep, ratios, show
from profundo import nets
from profundo.graph.drawings.drawing import draw
from profundo.graph.drawings.folding import folded
from profundo.graph.traces.tracing import trace
from profundo.records import Inputs, Spec, Targets

EVERYTHING = 99  # deeper than any network here


def networks() -> dict[str, tuple[torch.nn.Module, torch.Tensor]]:
    torch.manual_seed(0)
    ten = Targets("classes", tuple("0123456789"))
    digits, photos = Spec(Inputs((1, 28, 28), "image"), ten), Spec(Inputs((3, 64, 64), "image"), ten)
    return {
        "LeNet-5": (nets.build("lenet5", digits), torch.randn(1, 1, 28, 28)),
        "ResNet-18": (nets.build("resnet18", photos, width=1 / 8).eval(), torch.randn(1, 3, 64, 64)),
        "ResNet-50": (nets.build("resnet50", photos, width=1 / 8).eval(), torch.randn(1, 3, 64, 64)),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    result: dict[str, Any] = {}
    for name, (net, inputs) in networks().items():
        graph = trace(net, inputs)
        works: dict[str, Callable[[], object]] = {
            "trace": partial(trace, net, inputs),
            "draw": partial(draw, graph),
            "draw everything": partial(draw, graph, depth=EVERYTHING),
        }
        measured = ratios(in_turn(works, asked.rounds), "trace")
        boxes = {"draw": len(folded(graph).boxes), "draw everything": len(folded(graph, depth=EVERYTHING).boxes)}
        print(f"\n{name}: {len(graph)} nodes, {boxes['draw']} boxes, {boxes['draw everything']} with everything open")
        show(measured)
        result[name] = {"nodes": len(graph), "boxes": boxes, **measured}
    keep("graph_drawing", result)


if __name__ == "__main__":
    main()
