"""The loss of a net as a function of its weights, L(θ): the surface that training goes down.

The net itself is never moved: each value is that of a call with other weights in its place (torch.func.functional_call).
Batch normalisation has no meaning with statistics of other weights, so they are computed anew at each θ (Li et al. 2018,
appendix; Garipov et al. 2018, appendix A.2): those of all samples, in a first pass; where a gradient is wanted, those of the
batch, as in training. All else is as in evaluation: no dropout.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel

from profundo.inside.observing import undisturbed
from profundo.inside.surface.quick_pooling import QuickPooling
from profundo.records import ProfundoError
from profundo.trees import arguments, length

__all__ = ["WeightLoss", "Weights"]

Weights = Mapping[str, Tensor]
"""Parameters by name, as the net has them."""


class WeightLoss:
    """θ ↦ mean over samples of cost(net_θ(inputs), targets).

    cost: from outputs and targets to a cost of each sample, (batch,), or their mean. batches: of (inputs, targets) or of
    records with such fields, and `weights` where samples do not count alike. Several inputs come in tuples or dicts.
    """

    def __init__(self, net: nn.Module, cost: Callable[[Any, Any], Tensor], batches: Sequence[Any]) -> None:
        self.net, self.cost = net, cost
        self.batches = [_parts(batch) for batch in batches]
        trained = {name: value for name, value in net.named_parameters() if value.requires_grad}
        values = trained or {name: value for name, value in net.named_parameters() if value.is_floating_point()}
        if not self.batches or not values:
            missing = "a batch of samples" if values else "a net with weights"
            raise ProfundoError(f"loss of the weights: expected {missing}, got none")
        self.weights: Weights = {name: value.detach().clone() for name, value in values.items()}
        self.norms = [
            (name, layer)
            for name, layer in net.named_modules()
            if isinstance(layer, nn.modules.batchnorm._BatchNorm) and layer.track_running_stats
        ]

    def __call__(self, weights: Weights) -> Tensor:
        """A scalar, differentiable in the weights. Those that are not given are the net's own."""
        graded = torch.is_grad_enabled()
        # of attention, only the plain kernel has a second derivative
        with undisturbed(self.net), torch.set_grad_enabled(graded), sdpa_kernel(SDPBackend.MATH), QuickPooling():
            if self.norms and len(self.batches) > 1 and not graded:
                return self._mean(weights, self._statistics(weights), fresh=False)
            return self._mean(weights, self._buffers(), fresh=True)

    def gradient(self, weights: Weights) -> dict[str, Tensor]:
        """∇L(θ), by name."""
        leaves = {name: value.detach().requires_grad_() for name, value in weights.items()}
        with torch.enable_grad():
            slopes = torch.autograd.grad(self(leaves), list(leaves.values()), allow_unused=True, materialize_grads=True)
        return dict(zip(leaves, slopes, strict=True))

    def product(self, weights: Weights) -> Callable[[Tensor], Tensor]:
        """v ↦ H v, with H the Hessian of L at θ and v one vector of all weights (Pearlmutter 1994). The graph of the gradient
        is made once and kept, so that a product costs one pass backward."""
        leaves = {name: value.detach().requires_grad_() for name, value in weights.items()}
        values = list(leaves.values())
        with torch.enable_grad():
            slopes = torch.autograd.grad(
                self(leaves), values, create_graph=True, allow_unused=True, materialize_grads=True
            )
            slope = torch.cat([one.flatten() for one in slopes])
        if not slope.requires_grad:  # the loss is linear in the weights
            return torch.zeros_like

        def times(vector: Tensor) -> Tensor:
            parts = torch.autograd.grad(
                slope, values, vector, retain_graph=True, allow_unused=True, materialize_grads=True
            )
            return torch.cat([part.flatten() for part in parts])

        return times

    def _mean(self, weights: Weights, buffers: dict[str, Tensor], fresh: bool) -> Tensor:
        total, count = torch.zeros(()), 0.0
        for layer in (layer for _, layer in self.norms):
            layer.training = fresh
        for inputs, targets, each in self.batches:
            costs = self.cost(self._outputs(weights, buffers, inputs), targets)
            samples = length(targets)
            if each is not None:
                total, count = total + (costs * each).sum(), count + float(each.sum())
            else:
                total, count = total + (costs.mean() * samples), count + samples
        return total / count

    def _outputs(self, weights: Weights, buffers: dict[str, Tensor], inputs: Any) -> Any:
        places, names = arguments(self.net, inputs)
        outputs = functional_call(self.net, {**weights, **buffers}, places, names)
        return tuple(outputs) if isinstance(outputs, list) else outputs

    def _statistics(self, weights: Weights) -> dict[str, Tensor]:
        """Running statistics of all batches at these weights, each batch counting alike."""
        buffers, momenta = self._buffers(), [layer.momentum for _, layer in self.norms]
        try:
            for _, layer in self.norms:
                layer.momentum, layer.training = None, True
            for inputs, _, _ in self.batches:
                self._outputs(weights, buffers, inputs)
        finally:
            for (_, layer), momentum in zip(self.norms, momenta, strict=True):
                layer.momentum = momentum
        return buffers

    def _buffers(self) -> dict[str, Tensor]:
        """Copies of the net's, with the statistics of normalisation as of a new net."""
        buffers = {name: value.detach().clone() for name, value in self.net.named_buffers()}
        for name, _ in self.norms:
            prefix = f"{name}." if name else ""
            for part, value in (("running_mean", 0), ("running_var", 1), ("num_batches_tracked", 0)):
                buffers[prefix + part].fill_(value)
        return buffers


def _parts(batch: Any) -> tuple[Any, Any, Tensor | None]:
    if hasattr(batch, "inputs"):
        return batch.inputs, batch.targets, getattr(batch, "weights", None)
    inputs, targets, *weights = batch
    return inputs, targets, weights[0] if weights else None
