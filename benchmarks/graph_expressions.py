"""Compiled expressions against the same functions of torch written by hand: the calls of scalars cost what Python and
PyTorch's dispatcher cost, so this is the overhead and nothing else. And the gradient by graph against autograd's.

    python -m benchmarks.graph_expressions [--rounds 31]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from benchmarks.common import in_turn, keep, ratios, show
from profundo.graph import function, gradient, matrix, operations, scalar, vector
from profundo.graph.expressions.expression import ancestors

CALLS = 300


def fifty_operations(x: Any, y: Any, tanh: Callable[[Any], Any], sin: Callable[[Any], Any]) -> Any:
    """Ten times tanh(z·y + x) − sin(z): five operations each."""
    z = x
    for _ in range(10):
        z = tanh(z * y + x) - sin(z)
    return z


def regression(X: Any, w: Any, y: Any, logsigmoid: Callable[[Any], Any]) -> Any:
    scores = X @ w
    return -(y * logsigmoid(scores) + (1 - y) * logsigmoid(-scores)).mean()


def repeated(work: Callable[[], object]) -> Callable[[], object]:
    def many() -> None:
        for _ in range(CALLS):
            work()

    return many


def scalars(rounds: int) -> dict[str, dict[str, float]]:
    x, y = scalar("x"), scalar("y")
    expression = fifty_operations(x, y, operations.tanh, operations.sin)
    assert sum(one.op is not None for one in ancestors([expression])) == 50
    as_written = function([x, y], expression, simplify=False)
    simplified = function([x, y], expression)
    at = torch.tensor(0.3), torch.tensor(0.7)
    assert torch.equal(as_written(*at), fifty_operations(*at, torch.tanh, torch.sin))
    works = {
        "by hand": repeated(lambda: fifty_operations(*at, torch.tanh, torch.sin)),
        "compiled, simplified": repeated(lambda: simplified(*at)),
        "compiled as written": repeated(lambda: as_written(*at)),
    }
    return ratios(in_turn(works, rounds), "by hand")


def gradients(rounds: int) -> dict[str, dict[str, float]]:
    """Gradient of logistic regression on 64 rows of 30: by autograd, and as a compiled expression."""
    torch.manual_seed(0)
    rows, targets, weights = torch.randn(64, 30), (torch.randn(64) > 0).float(), torch.randn(30, requires_grad=True)
    X, w, y = matrix("X", ("n", 30)), vector("w", 30), vector("y", "n")
    ours = function([X, w, y], gradient(regression(X, w, y, operations.logsigmoid), w))
    fixed = weights.detach()

    def by_autograd() -> Tensor:
        cost = regression(rows, weights, targets, torch.nn.functional.logsigmoid)
        return torch.autograd.grad(cost, weights)[0]

    torch.testing.assert_close(ours(rows, fixed, targets), by_autograd())
    works = {"autograd": repeated(by_autograd), "compiled gradient": repeated(lambda: ours(rows, fixed, targets))}
    return ratios(in_turn(works, rounds), "autograd")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=31)
    asked = parser.parse_args()
    show(fifty := scalars(asked.rounds))
    show(slopes := gradients(asked.rounds))
    keep("graph_expressions", {"fifty scalar operations": fifty, "gradient of logistic regression": slopes})


if __name__ == "__main__":
    main()
