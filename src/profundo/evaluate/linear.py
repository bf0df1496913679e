"""The yardstick of every network: what a linear model makes of the same samples.

    one class        logistic regression: min_W  mean −log softmax(W x + b)_y + ‖W‖² / (2 n)
    several labels   one logistic regression a label
    real             ridge regression:    min_W  Σ ‖y − W x − b‖² + ‖W‖²

The penalties are scikit-learn's defaults (C = 1, alpha = 1), b is free of them. Inputs are standardised; pixels are averaged
until at most 256 numbers are left, which generalise better than all. Logistic regression is convex, so L-BFGS ends at the
same place from wherever it began (Nocedal 1980), and on large sets it is stopped a little before; ridge regression has a
closed form.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from profundo.compiler import leave_the_compiler_out
from profundo.records import Spec
from profundo.threads import most_threads, using

__all__ = ["Linear", "fit_linear", "linear_name"]

MOST_FEATURES = 256  # of an image: on MNIST and CIFAR-10 a better yardstick than 400 or all, and quicker
ITERATIONS = 1000
LARGE, ENOUGH = (
    1_000_000,
    30,
)  # numbers, and iterations for more of them: on MNIST further ones change nothing for the better
SEVERAL_THREADS = 10**10  # rows times features squared: by the work, not the clock, for the number changes last digits
MOST_REMEMBERED = 50_000_000  # numbers of the steps that L-BFGS looks back on


class Linear(nn.Module):
    """Standardised inputs (batch, *shape) → outputs (batch, spec.outputs), as a net gives them. weight, bias: fixed."""

    def __init__(self, weight: Tensor, bias: Tensor, side: tuple[int, int] | None) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)
        self.side = side

    weight: Tensor
    bias: Tensor

    def forward(self, inputs: Tensor) -> Tensor:
        return F.linear(features(inputs, self.side), self.weight, self.bias)


def linear_name(spec: Spec) -> str:
    return "linear regression" if spec.targets.traits.numeric else "logistic regression"


def fit_linear(parts: Iterable[Tensor], targets: Tensor, spec: Spec) -> Linear:
    """The linear model of standardised inputs, in parts (some samples, *shape), and targets: classes (samples,), labels
    (samples, K), or standardised numbers (samples, outputs)."""
    side = _side(spec)
    rows = torch.cat([features(part, side) for part in parts])
    with using(most_threads() if len(rows) * rows.shape[1] ** 2 > SEVERAL_THREADS else 1):
        if spec.targets.traits.numeric:
            weight, bias = ridge(rows, targets)
        else:
            weight, bias = logistic(rows, targets, spec.outputs)
    return Linear(weight, bias, side)


def features(inputs: Tensor, side: tuple[int, int] | None) -> Tensor:
    """float32 (batch, features); images averaged down to `side`."""
    if side is not None:
        inputs = F.adaptive_avg_pool2d(inputs.float(), side)
    return inputs.float().flatten(1)


def ridge(rows: Tensor, targets: Tensor, alpha: float = 1.0) -> tuple[Tensor, Tensor]:
    """W (outputs, features) and b (outputs,), in closed form: (XᵀX + αI)⁻¹ Xᵀy, or Xᵀ (XXᵀ + αI)⁻¹ y where there are
    fewer rows than features; X and y centred."""
    x, y = rows.double(), targets.double()
    centre, level = x.mean(0), y.mean(0)
    x, y = x - centre, y - level
    if len(x) >= x.shape[1]:
        weight = torch.linalg.solve(x.T @ x + alpha * torch.eye(x.shape[1], dtype=x.dtype), x.T @ y).T
    else:
        weight = (x.T @ torch.linalg.solve(x @ x.T + alpha * torch.eye(len(x), dtype=x.dtype), y)).T
    return weight.float(), (level - weight @ centre).float()


def logistic(rows: Tensor, targets: Tensor, outputs: int) -> tuple[Tensor, Tensor]:
    """W (outputs, features) and b (outputs,). One output is the logit of the second class, several are a softmax's; with
    float targets (samples, outputs), each output is a logit by itself."""
    weight = torch.zeros(outputs, rows.shape[1], dtype=rows.dtype, requires_grad=True)
    bias = torch.zeros(outputs, dtype=rows.dtype, requires_grad=True)
    iterations = ITERATIONS if rows.numel() < LARGE else ENOUGH
    leave_the_compiler_out(vars(torch.optim.Optimizer).values())
    descent = torch.optim.LBFGS(
        [weight, bias],
        max_iter=iterations,
        tolerance_grad=1e-5,
        history_size=max(1, min(ITERATIONS, MOST_REMEMBERED // (2 * weight.numel()))),
        line_search_fn="strong_wolfe",
    )

    def cost() -> Tensor:
        descent.zero_grad()
        logits = F.linear(rows, weight, bias)
        if targets.is_floating_point():
            mean = F.binary_cross_entropy_with_logits(logits, targets, reduction="sum") / len(rows)
        elif outputs == 1:
            mean = F.binary_cross_entropy_with_logits(logits[:, 0], targets.to(rows.dtype))
        else:
            mean = F.cross_entropy(logits, targets)
        whole = mean + weight.square().sum() / (2 * len(rows))
        whole.backward()  # type: ignore[no-untyped-call]
        return whole.detach()

    with torch.enable_grad():
        descent.step(cost)  # type: ignore[no-untyped-call]
    return weight.detach(), bias.detach()


def _side(spec: Spec) -> tuple[int, int] | None:
    """(height, width) that images are averaged down to; None for rows and for small images."""
    if spec.inputs.kind != "image" or spec.targets.traits.per == "pixel":
        return None
    channels, height, width = spec.inputs.shape
    shrink = math.sqrt(MOST_FEATURES / (channels * height * width))
    if shrink >= 1:
        return None
    return max(1, int(height * shrink)), max(1, int(width * shrink))
