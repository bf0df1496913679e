"""What it costs to look: ResNet-18 on one 3×224×224 image, forward and backward, plain and traced, in turn.

"plain" computes the same gradients as the trace, those of the image too; "plain, parameters only" is a step of training.

    python -m benchmarks.graph_trace [--rounds 15]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch

from benchmarks.common import in_turn, keep, ratios, show
from profundo import nets
from profundo.graph.traces.tracing import trace
from profundo.records import Inputs, Spec, Targets

SPEC = Spec(Inputs((3, 224, 224), "image"), Targets("classes", tuple(map(str, range(1000)))))


def works() -> dict[str, Callable[[], object]]:
    torch.manual_seed(0)
    net = nets.build("resnet18", SPEC)
    images = torch.randn(1, 3, 224, 224)
    parameters = list(net.parameters())

    def parameters_only() -> object:
        return torch.autograd.grad(net(images).sum(), parameters)

    def plain() -> object:
        leaf = images.clone().requires_grad_()
        return torch.autograd.grad(net(leaf).sum(), [leaf, *parameters])

    return {
        "plain": plain,
        "plain, parameters only": parameters_only,
        "traced": lambda: trace(net, images),
        "traced, forward only": lambda: trace(net, images, backward=False),
        "traced, all values kept": lambda: trace(net, images, keep=True),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    asked = parser.parse_args()
    taken = in_turn(works(), asked.rounds)
    show(to_plain := ratios(taken, "plain"))
    show(to_step := ratios(taken, "plain, parameters only"))
    keep(
        "graph_trace-resnet18",
        {
            "of": "ResNet-18, float32, batch of one, forward and backward",
            "rounds": asked.rounds,
            "to the same gradients": to_plain,
            "to the gradients of the parameters only": to_step,
        },
    )


if __name__ == "__main__":
    main()
