"""The loss of a net as a function of its weights, L(θ): the surface that training goes down.

The net itself is never moved: each value is that of a call with other weights in its place (torch.func.functional_call).
Batch normalisation has no meaning with statistics of other weights, so they are computed anew at each θ (Li et al. 2018,
appendix; Garipov et al. 2018, appendix A.2): those of all samples, in a first pass, in which the layers before
normalise by batch; where a gradient is wanted, those of the batch, as in training. All else is as in evaluation: no dropout.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel

from profundo.inside.observing import removed_after, undisturbed
from profundo.inside.quick_pooling import QuickPooling
from profundo.records import ProfundoError
from profundo.trees import arguments, length

__all__ = ["WeightLoss", "Weights"]

MOST_BYTES = 1 << 31  # of what the graph of a gradient keeps: 2 GB

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
        norms = [one for one in net.named_modules() if isinstance(one[1], nn.modules.batchnorm._BatchNorm)]
        self.norms = [(name, layer) for name, layer in norms if layer.track_running_stats]
        self.whole = sum(float(length(targets) if each is None else each.sum()) for _, targets, each in self.batches)

    def __call__(self, weights: Weights) -> Tensor:
        """A scalar, differentiable in the weights. Those that are not given are the net's own."""
        shares: list[Tensor] = []
        self.by_batch(weights, shares.append)
        return torch.stack(shares).sum()

    def gradient(self, weights: Weights) -> dict[str, Tensor]:
        """∇L(θ), by name; what a batch needs for it is let go before the next."""
        leaves = {name: value.detach().requires_grad_() for name, value in weights.items()}
        values = list(leaves.values())
        slopes = [torch.zeros_like(value) for value in values]

        def add(share: Tensor) -> None:
            parts = torch.autograd.grad(share, values, allow_unused=True, materialize_grads=True)
            for slope, part in zip(slopes, parts, strict=True):
                slope += part

        with torch.enable_grad():
            self.by_batch(leaves, add)
        return dict(zip(leaves, slopes, strict=True))

    def product(self, weights: Weights) -> Callable[[Tensor], Tensor]:
        """v ↦ H v, with H the Hessian of L at θ and v one vector of all weights (Pearlmutter 1994). The graph of the gradient
        is made once and kept, so that a product costs one pass backward; where it needs more than MOST_BYTES, it is made anew
        for every product, a batch at a time."""
        leaves = {name: value.detach().requires_grad_() for name, value in weights.items()}
        values = list(leaves.values())
        slopes: list[Tensor] = []
        storages: dict[int, int] = {}

        def slope_of(share: Tensor) -> Tensor:
            parts = torch.autograd.grad(share, values, create_graph=True, allow_unused=True, materialize_grads=True)
            return torch.cat([part.flatten() for part in parts])

        def keep(share: Tensor) -> None:
            if sum(storages.values()) <= MOST_BYTES:
                slopes.append(slope_of(share))

        def weigh(saved: Tensor) -> Tensor:
            storages[saved.untyped_storage().data_ptr()] = saved.untyped_storage().nbytes()
            return saved.detach()

        def times(vector: Tensor) -> Tensor:
            total = torch.zeros_like(vector)

            def add(slope: Tensor) -> None:
                if slope.requires_grad:  # else the loss is linear in the weights
                    how: Any = {"retain_graph": bool(slopes), "allow_unused": True, "materialize_grads": True}
                    parts = torch.autograd.grad(slope, values, vector, **how)
                    total.add_(torch.cat([part.flatten() for part in parts]))

            for slope in slopes:
                add(slope)
            if not slopes:
                with torch.enable_grad():
                    self.by_batch(leaves, lambda share: add(slope_of(share)))
            return total

        with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(weigh, lambda saved: saved):
            self.by_batch(leaves, keep)
        if sum(storages.values()) > MOST_BYTES:
            slopes.clear()
        return times

    def with_net(self, net: nn.Module) -> WeightLoss:
        """The same of a copy of the net."""
        return WeightLoss(net, self.cost, self.batches)

    def by_batch(self, weights: Weights, use: Callable[[Tensor], None]) -> None:
        """`use` gets each batch's share of the mean, in turn."""
        graded = torch.is_grad_enabled()
        # of attention, only the plain kernel has a second derivative
        with undisturbed(self.net), torch.set_grad_enabled(graded), sdpa_kernel(SDPBackend.MATH), QuickPooling():
            is_known = bool(self.norms) and len(self.batches) > 1 and not graded
            buffers = self._statistics(weights) if is_known else self._buffers()
            for _, layer in self.norms:
                layer.training = not is_known
            for inputs, targets, each in self.batches:
                costs = self.cost(self._outputs(weights, buffers, inputs), targets)
                if each is not None:
                    use((costs * each).sum() / self.whole)
                else:
                    use(costs.mean() * (length(targets) / self.whole))

    def _outputs(self, weights: Weights, buffers: dict[str, Tensor], inputs: Any) -> Any:
        places, names = arguments(self.net, inputs)
        try:
            outputs = functional_call(self.net, {**weights, **buffers}, places, names)
        except ValueError as error:
            if "more than 1 value per channel" not in str(error):
                raise
            raise ProfundoError(
                "loss of the weights: expected batches of two samples or more, for batch normalisation; one has a single one"
            ) from None
        return tuple(outputs) if isinstance(outputs, list) else outputs

    def _statistics(self, weights: Weights) -> dict[str, Tensor]:
        """Mean and variance of what each normalisation gets, over all samples of all batches."""
        buffers = self._buffers()
        moments: dict[str, Any] = {name: [0, 0.0, 0.0] for name, _ in self.norms}

        def noting(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
            def note(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
                (values,), sums = inputs, moments[name]
                axes = [axis for axis in range(values.ndim) if axis != 1]
                variance, mean = (part.double() for part in torch.var_mean(values, axes, correction=0))
                each = values.numel() // len(mean)
                sums[:] = sums[0] + each, sums[1] + each * mean, sums[2] + each * (variance + mean.square())

            return note

        with removed_after(layer.register_forward_pre_hook(noting(name)) for name, layer in self.norms):
            for _, layer in self.norms:
                layer.training = True
            for inputs, _, _ in self.batches:
                self._outputs(weights, buffers, inputs)
        for name, (count, first, second) in moments.items():
            if count:
                prefix = f"{name}." if name else ""
                buffers[prefix + "running_mean"].copy_(first / count)
                buffers[prefix + "running_var"].copy_(second / count - (first / count).square())
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
