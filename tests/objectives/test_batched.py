"""The cost of many nets leaves each of them alone."""

import torch

from profundo.objectives.batched_losses import squared_errors


def test_gradient_of_each_net_is_that_of_its_own_mean_squared_error():
    draw = torch.Generator().manual_seed(0)
    outputs, targets = torch.randn(3, 5, 2, generator=draw, requires_grad=True), torch.randn(3, 5, 2, generator=draw)
    losses = squared_errors(outputs, targets)
    losses["loss"].backward()
    alone = [torch.nn.functional.mse_loss(one, target) for one, target in zip(outputs, targets, strict=True)]
    assert torch.allclose(losses["loss"], sum(alone))
    assert torch.allclose(losses["mean squared error"], sum(alone) / 3)
    for at, own in enumerate(alone):
        (gradient,) = torch.autograd.grad(own, outputs)
        assert torch.allclose(outputs.grad[at], gradient[at])
        assert not gradient[[i for i in range(3) if i != at]].any()
