"""Graphs by hand, for tests of what draws and keeps them."""

from __future__ import annotations

import math
import random
from dataclasses import replace

from profundo.graph.nodes import Cost, Flow, Graph, Node, Ref, Summary


def number(value):
    return Summary(value, value, value, 0.0, abs(value), int(not math.isfinite(value)), value)


def some(mean, std, size=100):
    return Summary(mean - 3 * std, mean + 3 * std, mean, std, (mean**2 + std**2) ** 0.5 * size**0.5)


def graph_of(nodes, outputs, **more):
    return Graph({node.name: node for node in nodes}, tuple(Ref(name) for name in outputs), **more)


def seed_example(*, values=True):
    """f = (a + b) · 3b at a = 5, b = 3."""
    nodes = [
        Node("a", "input", text="a"),
        Node("b", "input", text="b"),
        Node("three", "constant", text="3"),
        Node("u", "add", args=(Ref("a"), Ref("b")), text="a + b", latex="a + b", line="seed.py:3"),
        Node("v", "mul", args=(Ref("three"), Ref("b")), text="3·b", latex="3 b"),
        Node("f", "mul", args=(Ref("u"), Ref("v")), text="u·v", latex="u v"),
    ]
    graph = graph_of([replace(node, dtype="float64") for node in nodes], ["f"])
    if not values:
        return graph
    at = {"a": (5, 9), "b": (3, 33), "three": (3, None), "u": (8, 9), "v": (9, 8), "f": (72, 1)}
    flows = {
        ("u", 0): Flow(9.0, 1.0, "1"),
        ("u", 1): Flow(9.0, 1.0, "1"),
        ("v", 1): Flow(24.0, 3.0, "3"),
        ("f", 0): Flow(9.0, 9.0, "v"),
        ("f", 1): Flow(8.0, 8.0, "u"),
    }
    known = {
        name: replace(
            node, value=number(float(at[name][0])), gradient=None if at[name][1] is None else number(float(at[name][1]))
        )
        for name, node in graph.nodes.items()
    }
    return replace(graph, nodes=known, of="f", flows=flows)


def chain(length, op="tanh"):
    nodes = [Node("x", "input", shape=(4,))]
    for at in range(length):
        nodes.append(Node(f"{op}_{at}", op, args=(Ref(nodes[-1].name),), shape=(4,)))
    return graph_of(nodes, [nodes[-1].name])


def convolutional():
    """As LeNet-5 would be traced: modules of one operation each, and {t, addmm} of "linear" in the last ones."""
    nodes = [Node("x", "input", shape=(1, 1, 28, 28), dtype="float32", value=some(0.1, 1.0))]
    modules = {"": "LeNet5", "features": "Sequential", "classifier": "Sequential"}
    flows = {}

    def op(name, kind, shape, module="", scope="", *others, cls="", grad=0.01):
        args = (Ref(nodes[-1 - len(others)].name), *map(Ref, others))
        modules[module] = cls or modules.get(module, "")
        nodes.append(
            Node(name, kind, args=args, shape=shape, dtype="float32", module=module, scope=scope, value=some(0.05, 0.4),
                 gradient=some(0, grad), forward=Cost(120_000, 4000, 1e-4), backward=Cost(240_000, 4000, 2e-4))
        )  # fmt: skip
        for place in range(len(args)):
            flows[name, place] = Flow(grad * (1 + place))

    def learned(name, shape, module):
        size = 1
        for one in shape:
            size *= one
        nodes.append(
            Node(name, "parameter", shape=shape, dtype="float32", module=module, parameters=size, gradient=some(0, 0.2))
        )

    def conv(at, outputs, inputs, side):
        learned(f"features.{at}.weight", (outputs, inputs, 5, 5), f"features.{at}")
        learned(f"features.{at}.bias", (outputs,), f"features.{at}")
        op(f"conv_{at}", "conv2d", (1, outputs, side, side), f"features.{at}", "", f"features.{at}.weight",
           f"features.{at}.bias", cls="Conv2d", grad=0.02)  # fmt: skip
        op(f"tanh_{at}", "tanh", (1, outputs, side, side), f"features.{at + 1}", cls="Tanh", grad=0.05)
        op(
            f"pool_{at}",
            "avg_pool2d",
            (1, outputs, side // 2, side // 2),
            f"features.{at + 2}",
            cls="AvgPool2d",
            grad=0.1,
        )

    def linear(at, outputs, inputs):
        learned(f"classifier.{at}.weight", (outputs, inputs), f"classifier.{at}")
        learned(f"classifier.{at}.bias", (outputs,), f"classifier.{at}")
        weight = f"classifier.{at}.weight"
        before = nodes[-3].name
        nodes.append(
            Node(
                f"t_{at}", "t", args=(Ref(weight),), shape=(inputs, outputs), module=f"classifier.{at}", scope="linear"
            )
        )
        nodes.append(
            Node(f"addmm_{at}", "addmm", args=(Ref(f"classifier.{at}.bias"), Ref(before), Ref(f"t_{at}")), shape=(1, outputs),
                 dtype="float32", module=f"classifier.{at}", scope="linear", value=some(0.1, 0.3), gradient=some(0, 0.3))
        )  # fmt: skip
        flows[f"addmm_{at}", 1] = Flow(0.4 * at + 0.3)
        modules[f"classifier.{at}"] = "Linear"

    conv(0, 6, 1, 28)
    conv(3, 16, 6, 10)
    op("flatten", "flatten", (1, 400), grad=0.1)
    linear(0, 120, 400)
    op("tanh_c1", "tanh", (1, 120), "classifier.1", cls="Tanh", grad=0.4)
    linear(2, 84, 120)
    op("tanh_c3", "tanh", (1, 84), "classifier.3", cls="Tanh", grad=0.6)
    linear(4, 10, 84)
    return graph_of(nodes, ["addmm_4"], modules=modules, flows=flows, of="addmm_4")


def residual(stages=4, blocks=2):
    """As ResNet-18 would be traced; each block calls its relu twice and adds what came in to what comes out."""
    nodes = [Node("x", "input", shape=(1, 3, 32, 32))]
    modules = {"": "ResNet"}
    flows = {}
    counts = {}

    def op(kind, module, cls, *inputs, parameters=0):
        counts[kind] = counts.get(kind, 0) + 1
        name = f"{kind}_{counts[kind]}"
        refs = [Ref(one) for one in inputs]
        if parameters:
            nodes.append(
                Node(f"{module}.weight", "parameter", shape=(parameters,), module=module, parameters=parameters)
            )
            refs.append(Ref(f"{module}.weight"))
        modules.setdefault(module, cls)
        nodes.append(
            Node(
                name,
                kind,
                args=tuple(refs),
                shape=(1, 64, 8, 8),
                module=module,
                value=some(0, 1),
                gradient=some(0, 0.1),
            )
        )
        for place in range(len(refs)):
            flows[name, place] = Flow(10.0 ** ((len(nodes) % 7) - 4))
        return name

    at = op("conv2d", "conv1", "Conv2d", "x", parameters=9408)
    at = op("batch_norm", "bn1", "BatchNorm2d", at, parameters=64)
    at = op("relu", "relu", "ReLU", at)
    for stage in range(1, stages + 1):
        modules[f"layer{stage}"] = "Sequential"
        for block in range(blocks):
            path = f"layer{stage}.{block}"
            modules[path] = "BasicBlock"
            came = at
            at = op("conv2d", f"{path}.conv1", "Conv2d", came, parameters=36864)
            at = op("batch_norm", f"{path}.bn1", "BatchNorm2d", at, parameters=64)
            at = op("relu", f"{path}.relu", "ReLU", at)
            at = op("conv2d", f"{path}.conv2", "Conv2d", at, parameters=36864)
            at = op("batch_norm", f"{path}.bn2", "BatchNorm2d", at, parameters=64)
            if block == 0 and stage > 1:
                modules[f"{path}.downsample"] = "Sequential"
                came = op("conv2d", f"{path}.downsample.0", "Conv2d", came, parameters=8192)
                came = op("batch_norm", f"{path}.downsample.1", "BatchNorm2d", came, parameters=64)
            at = op("add", path, "BasicBlock", at, came)
            at = op("relu", f"{path}.relu", "ReLU", at)
    at = op("mean", "avgpool", "AdaptiveAvgPool2d", at)
    at = op("addmm", "fc", "Linear", at, parameters=5130)
    return graph_of(nodes, [at], modules=modules, flows=flows, of=at)


WORDS = ("add", "mul", "tanh", "conv2d", "layer_norm", "split")


def random_graph(operations, seed, *, inputs=2, modules=True, scopes=True):
    """A random computation whose modules are contiguous most of the time, some called again later."""
    draw = random.Random(seed)
    nodes = [Node(f"x{at}", "input", shape=(4,)) for at in range(inputs)]
    classes = {"": "Net"}
    path = ""
    for at in range(operations):
        if modules and draw.random() < 0.3:
            path = draw.choice(["", "enc", "enc.a", "enc.b", "enc.a.deep", "dec", "dec.out", "head"])
        for depth in range(1, path.count(".") + 2):
            classes.setdefault(".".join(path.split(".")[:depth]), "Block")
        near = nodes[-8:] if draw.random() < 0.8 else nodes
        refs = [Ref(draw.choice(near).name) for _ in range(draw.choice([1, 1, 2, 2, 3]))]
        if draw.random() < 0.4:
            name = f"{path}.w{at}" if path else f"w{at}"
            nodes.append(Node(name, "parameter", shape=(4, 4), module=path, parameters=16))
            refs.append(Ref(name))
        scope = f"call_{at // 3}" if scopes and draw.random() < 0.3 else ""
        nodes.append(Node(f"n{at}", draw.choice(WORDS), args=tuple(refs), shape=(4,), module=path, scope=scope))
    return graph_of(nodes, [nodes[-1].name], modules=classes)
