"""An ONNX graph whose layers are of integers: the weights as int8, and each activation on the grid of nets/quantised.py.

    x ─ QuantizeLinear ─ DequantizeLinear ─┐
    int8 weights ──────── DequantizeLinear ─┼─ Conv ─ QuantizeLinear ─ DequantizeLinear ─
    int32 bias ────────── DequantizeLinear ─┘

This form ("QDQ") says what the numbers are, and leaves it to the runtime to multiply integers: onnxruntime does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from profundo.nets.quantised import Grid, QuantisedLayer

if TYPE_CHECKING:
    import onnx

__all__ = ["with_integers"]

PRODUCTS = ("Conv", "Gemm")


def with_integers(model: onnx.ModelProto, layers: Mapping[str, QuantisedLayer]) -> onnx.ModelProto:
    """The model of a folded net, changed: its layers by the names of their weights, without ".weight"."""
    graph, nodes = model.graph, Nodes()
    for node in graph.node:
        name = node.input[1].removesuffix(".weight") if node.op_type in PRODUCTS else ""
        if name not in layers:
            nodes.made.append(node)
            continue
        layer = layers[name]
        rounded = nodes.on_grid(node.input[0], f"{name}/input", layer.inputs)
        weight = nodes.constant(f"{name}.weight", layer.weight, layer.scale)
        bias = nodes.constant(f"{name}.bias", layer.bias, layer.bias_scale)
        output, made = node.output[0], f"{name}/product"
        del node.input[:], node.output[:]
        node.input.extend([rounded, weight, bias])
        node.output.append(output if layer.outputs is None else made)
        nodes.made.append(node)
        if layer.outputs is not None:
            nodes.on_grid(made, f"{name}/output", layer.outputs, output)
    gone = {f"{name}.{part}" for name in layers for part in ("weight", "bias")}
    others = [one for one in graph.initializer if one.name not in gone]
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend([*others, *nodes.constants])
    graph.node.extend(nodes.made)
    return model


class Nodes:
    """The nodes of the new graph in their order, and the constants that they need."""

    def __init__(self) -> None:
        self.made: list[Any] = []
        self.constants: list[Any] = []

    def keep(self, name: str, values: np.ndarray) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def on_grid(self, value: str, name: str, grid: Grid, output: str = "") -> str:
        """The name of the value on the grid."""
        from onnx import helper

        scale = self.keep(f"{name}/scale", np.array(grid.scale, np.float32))
        zero = self.keep(f"{name}/zero", np.array(grid.zero, np.uint8))
        integers, result = f"{name}/integers", output or f"{name}/rounded"
        self.made.append(helper.make_node("QuantizeLinear", [value, scale, zero], [integers]))
        self.made.append(helper.make_node("DequantizeLinear", [integers, scale, zero], [result]))
        return result

    def constant(self, name: str, integers: Tensor, scale: Tensor) -> str:
        """The name of the numbers that these integers are, with a scale for each of the first axis."""
        from onnx import helper

        inputs = [
            self.keep(f"{name}/integers", integers.cpu().numpy()),
            self.keep(f"{name}/scale", scale.cpu().numpy()),
            self.keep(f"{name}/zero", np.zeros(len(scale), str(integers.cpu().numpy().dtype))),
        ]
        self.made.append(helper.make_node("DequantizeLinear", inputs, [f"{name}/numbers"], axis=0))
        return f"{name}/numbers"
