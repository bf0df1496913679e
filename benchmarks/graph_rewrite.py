"""What rewriting a graph gains: predictions of whole nets, each rule by itself, and logistic regression as in the books.

Nets: forward time in evaluation mode without gradients of the module as it is called, of its trace run as one straight
function, and of the rewritten trace, in turn; with the difference of the outputs. Rules: the smallest graph that shows
one, straight, before and after. Training: a step of LeNet-5 with ReLU before pooling, as it is defined, and after.

    python -m benchmarks.graph_rewrite [--only nets|rules|logistic] [--rounds 15]
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.common import in_turn, keep, ratios, show
from profundo import nets
from profundo.graph.expressions.expression import Expression, matrix, shared, tensor, vector
from profundo.graph.expressions.functions import function, graph_of
from profundo.graph.expressions.gradients import gradient
from profundo.graph.nodes import Graph, Node, Ref
from profundo.graph.operations import exp, log, max_pool2d, mean, neg, sigmoid, softmax
from profundo.graph.operations import sum as sum_of
from profundo.graph.rewriting.engine import rewriting
from profundo.graph.running import straight
from profundo.graph.traces.tracing import trace
from profundo.records import Inputs, Spec, Targets

TEN = Targets("classes", tuple("0123456789"))
MNIST, CIFAR = Spec(Inputs((1, 28, 28), "image"), TEN), Spec(Inputs((3, 32, 32), "image"), TEN)
IMAGENET = Spec(Inputs((3, 224, 224), "image"), TEN)
NETS: dict[str, tuple[str, Spec, int, dict[str, Any]]] = {
    "lenet5, MNIST": ("lenet5", MNIST, 256, {}),
    "fast_cnn, MNIST": ("fast_cnn", MNIST, 256, {}),
    "resnet (20 layers), CIFAR-10": ("resnet", CIFAR, 64, {}),
    "resnet18, 224 pixels": ("resnet18", IMAGENET, 4, {}),
    "lenet5, one image": ("lenet5", MNIST, 1, {}),
    "fast_cnn, one image": ("fast_cnn", MNIST, 1, {}),
    "resnet18, one image of 224 pixels": ("resnet18", IMAGENET, 1, {}),
}


def with_statistics(net: nn.Module) -> nn.Module:
    """Batch norms with other statistics than those of the beginning, as after training."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.normal_(module.running_mean, std=0.2)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return net.eval()


def compiled(graph: Graph) -> Callable[..., Any]:
    return straight(graph, [node.name for node in graph.inputs])


@torch.no_grad()
def one_net(name: str, rounds: int) -> dict[str, Any]:
    which, spec, batch, options = NETS[name]
    torch.manual_seed(0)
    net = with_statistics(nets.build(which, spec, **options))
    x = torch.randn(batch, *spec.inputs.shape)
    graph = trace(net, x, backward=False)
    simpler = rewriting(graph)
    before, after = compiled(graph), compiled(simpler.graph)
    times = max(1, round(0.02 / max(1e-4, _seconds(lambda: net(x)))))
    works: dict[str, Callable[[], object]] = {
        "module": lambda: [net(x) for _ in range(times)],
        "trace": lambda: [before(x) for _ in range(times)],
        "rewritten": lambda: [after(x) for _ in range(times)],
    }
    table = ratios(in_turn(works, rounds), "module")
    print(name)
    show(table)
    expected = net(x)
    return {
        "batch": batch,
        "calls a work": times,
        "table": table,
        "nodes": [len(graph), len(simpler.graph)],
        "applied": simpler.counts,
        "largest difference": (after(x)[0] - expected).abs().max().item(),
        "largest output": expected.abs().max().item(),
        "same classes": bool((after(x)[0].argmax(1) == expected.argmax(1)).all()),
    }


def _seconds(work: Callable[[], object]) -> float:
    from benchmarks.common import seconds

    work()
    return seconds(work)


# -------------------------------------------------------------------------------------------------- one rule at a time
def by_rule() -> dict[str, tuple[Graph, tuple[Tensor, ...]]]:
    """A graph for each rule, with what it is run on."""
    x = matrix("x", (256, 1000))
    image = tensor("x", (64, 16, 32, 32))
    rows, images = torch.randn(256, 1000), torch.randn(64, 16, 32, 32)
    table = torch.randn(1000)
    c = shared(table, "c")
    expressions: dict[str, tuple[Expression, Tensor]] = {
        "one": (x * 1, rows),
        "zero": (x - 0, rows),
        "twice negated": (neg(neg(x)) + c, rows),
        "common parts": (exp(x * 3) + exp(x * 3), rows),
        "log of sigmoid": (log(sigmoid(x)), rows),
        "log of one minus sigmoid": (log(1 - sigmoid(x)), rows),
        "log of softmax": (log(softmax(x)), rows),
        "log of sum of exp": (log(sum_of(exp(x), 1)), rows),
        "log of one plus": (log(1 + exp(x)), rows),
        "exp over sum of exp": (exp(x) / sum_of(exp(x), 1, keepdim=True), rows),
        "pooling by maxima": (max_pool2d(image, 2), images),
        "square": (x**2, rows),
    }
    cases = {name: (graph_of(one), (given,)) for name, (one, given) in expressions.items()}
    constant = nn.Parameter(torch.randn(1000, 1000))
    nodes = {
        "x": Node("x", "input", shape=(256, 1000), dtype="float32"),
        "W": Node("W", "constant", shape=(1000, 1000), dtype="float32", data=constant.detach()),
        "e": Node("e", "exp", torch.exp, (Ref("W"),), shape=(1000, 1000), dtype="float32"),
        "f": Node("f", "matmul", torch.mm, (Ref("x"), Ref("e")), shape=(256, 1000), dtype="float32"),
    }
    cases["constants folded"] = Graph(nodes, (Ref("f"),)), (rows,)
    as_parameter = {**nodes, "W": Node("W", "parameter", shape=(1000, 1000), dtype="float32", data=constant.detach())}
    cases["parameters folded"] = Graph(as_parameter, (Ref("f"),)), (rows,)
    net = with_statistics(nn.Sequential(nn.Conv2d(16, 16, 3, padding=1), nn.BatchNorm2d(16)))
    cases["batch norm folded"] = trace(net, images, backward=False), (images,)
    return cases


@torch.no_grad()
def one_rule(name: str, graph: Graph, given: tuple[Tensor, ...], rounds: int) -> dict[str, Any]:
    graph = rewriting(graph, ["common parts"] if name != "common parts" else []).graph
    simpler = rewriting(graph, [name])
    assert simpler.counts[name], name
    state = [node.name for node in graph if node.op in ("input", "shared")]
    held = {node.name: node.data for node in graph if node.op == "shared"}
    values = [held[one] if one in held else given[0] for one in state]
    before, after = straight(graph, state), straight(simpler.graph, state)
    works: dict[str, Callable[[], object]] = {
        "before": lambda: [before(*values) for _ in range(10)],
        "after": lambda: [after(*values) for _ in range(10)],
    }
    ratio = ratios(in_turn(works, rounds), "before")["after"]
    one, other = before(*values)[0], after(*values)[0]
    print(
        f"{name:26} after/before {ratio['median ratio']:.2f} ({ratio['smallest ratio']:.2f}–{ratio['largest ratio']:.2f})"
    )
    finite = one.isfinite()
    return {
        **ratio,
        "same bits": torch.equal(one, other),
        "largest difference": (one - other)[finite].abs().max().item(),
    }


# ---------------------------------------------------------------------------------------------------------- expressions
def logistic(rounds: int) -> dict[str, Any]:
    """Cross-entropy with −log σ written out, 4,096 rows of 100 features, cost and gradients; and what it is worth."""
    x, y = matrix("x", ("n", 100)), vector("y", "n")
    w, b = shared(torch.randn(100), "w"), shared(torch.tensor(0.0), "b")
    p = sigmoid(x @ w + b)
    cost = mean(-(y * log(p) + (1 - y) * log(1 - p)))
    every = [cost, *gradient(cost, [w, b])]
    naive, simpler = (function([x, y], every, simplify=simplify) for simplify in (False, True))
    rows, labels = torch.randn(4096, 100), torch.randint(0, 2, (4096,)).float()
    works: dict[str, Callable[[], object]] = {
        "naive": lambda: [naive(rows, labels) for _ in range(20)],
        "rewritten": lambda: [simpler(rows, labels) for _ in range(20)],
    }
    table = ratios(in_turn(works, rounds), "naive")
    print("logistic regression")
    show(table)
    truth = F.binary_cross_entropy_with_logits((10 * rows).double() @ w.value.double(), labels.double()).item()
    found = [float(each(10 * rows, labels)[0]) for each in (naive, simpler)]
    print(f"logits of some hundreds: naive {found[0]}, rewritten {found[1]:.6f}, true {truth:.6f}")
    return {"table": table, "naive": str(found[0]), "rewritten": found[1], "true": truth}


# ------------------------------------------------------------------------------------------------------------ rewriting
def cost_of_rewriting() -> dict[str, float]:
    """Milliseconds to rewrite graphs of so many nodes, the median of 9."""
    x = matrix("x", ("n", 3))
    found = {}
    for depth in (5, 50, 200):
        at = x
        for number in range(depth):
            at = sigmoid(at * 1 + number) - log(1 + exp(at)) * 2
        graph = graph_of(at)
        found[f"{len(graph)} nodes"] = 1e3 * statistics.median(
            _seconds(partial(rewriting, graph, training=True)) for _ in range(9)
        )
    print(found)
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", choices=["nets", "rules", "logistic"])
    parser.add_argument("--rounds", type=int, default=15)
    asked = parser.parse_args()
    if asked.only in (None, "nets"):
        keep("graph_rewrite-nets", {name: one_net(name, asked.rounds) for name in NETS})
    if asked.only in (None, "rules"):
        rules = {name: one_rule(name, *case, asked.rounds) for name, case in by_rule().items()}
        keep("graph_rewrite-rules", {"rules": rules, "milliseconds to rewrite": cost_of_rewriting()})
    if asked.only in (None, "logistic"):
        keep("graph_rewrite-logistic", logistic(asked.rounds))


if __name__ == "__main__":
    main()
