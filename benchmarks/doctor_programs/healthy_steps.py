"""Healthy programs whose loops and paces look odd: steps of one's own, large rates, tiny batches, plateaus."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import materials as m
from .materials import SGD, Adam, cnn, digits, mlp, program, standard, table
from .outputs import friedman, yes_or_no
from .registry import Arguments, healthy
from .steps import a_step, accumulating


@healthy(data="mnist", source="report")
def accumulation_divided() -> Arguments:
    """Eight parts of a batch, each loss divided by eight."""
    step = accumulating(8, divide=True)
    return program(cnn(1, 28, 10), F.cross_entropy, m.mnist(), 0.1, epochs=4, batch_size=32, step=step)


@healthy(data="letters", source="report")
def clipping_in_its_place() -> Arguments:
    """Gradients are clipped to norm 1 after backward(); at first in every step."""
    net = m.Recurrent(nn.GRU(16, 48, batch_first=True), 65, tokens=65, every=True)
    step = a_step(before_update=lambda net: nn.utils.clip_grad_norm_(net.parameters(), 1.0))
    return program(net, m.by_letter, m.letters(), 5e-3, Adam, epochs=8, step=step)


@healthy(data="digits")
def a_scheduler_inside_the_step() -> Arguments:
    """One-cycle: the rate goes up and down, batch by batch; its counter lies in the optimizer's group."""
    net = mlp(64, 32, 10)
    optimizer = SGD([{"params": list(net.parameters()), "lr": 0.01, "steps_done": 0}], lr=0.01)

    def step(net: nn.Module, batch: Any, loss: Callable[..., Tensor], optimizer: torch.optim.Optimizer) -> Tensor:
        group = optimizer.param_groups[0]
        part = min(1.0, group["steps_done"] / 350)
        group["lr"], group["steps_done"] = 0.01 + 0.3 * min(part, 1 - part), group["steps_done"] + 1
        return a_step()(net, batch, loss, optimizer)

    return program(net, F.cross_entropy, digits(), optimizer=optimizer, epochs=8, step=step)


@healthy(data="letters")
def a_warm_up() -> Arguments:
    """The rate rises for forty steps: the first loss hardly moves."""
    net = m.Attentive(65, tokens=65, width=48, every=True, causal=True)
    optimizer = Adam([{"params": list(net.parameters()), "steps_done": 0}], lr=5e-3)

    def step(net: nn.Module, batch: Any, loss: Callable[..., Tensor], optimizer: torch.optim.Optimizer) -> Tensor:
        group = optimizer.param_groups[0]
        group["steps_done"] += 1
        group["lr"] = 5e-3 * min(1.0, group["steps_done"] / 40)
        return a_step()(net, batch, loss, optimizer)

    return program(net, m.by_letter, m.letters(), optimizer=optimizer, epochs=12, step=step)


@healthy(data="digits")
def gradients_cleared_after_the_step() -> Arguments:
    """zero_grad() at the end of the step instead of its beginning."""
    step = a_step(clear=False, after=lambda net: net.zero_grad())
    return program(mlp(64, 32, 10), F.cross_entropy, digits(), 0.1, epochs=6, step=step)


@healthy(data="moons")
def a_gradient_penalty() -> Arguments:
    """The slope with respect to the inputs is held down: a gradient of a gradient."""

    def step(net: nn.Module, batch: Any, loss: Callable[..., Tensor], optimizer: torch.optim.Optimizer) -> Tensor:
        x = batch[0].requires_grad_()
        optimizer.zero_grad()
        cost = loss(net(x), batch[1])
        (slope,) = torch.autograd.grad(cost * len(x), x, create_graph=True)
        (cost + 0.01 * slope.pow(2).sum(1).mean()).backward()
        optimizer.step()
        return cost.detach()

    return program(mlp(2, 32, 2, act=nn.Softplus), F.cross_entropy, m.moons(), 1e-2, Adam, epochs=20, step=step)


@healthy(data="digits", score="R2")
def an_adversary_beside_an_autoencoder() -> Arguments:
    """A discriminator judges reconstructions, and has an optimizer of its own: one loss falls, one does not."""
    net, judge = mlp(64, 32, 8, 32, 64), mlp(64, 16, 1)
    second = Adam(judge.parameters(), lr=1e-3)

    def step(net: nn.Module, batch: Any, loss: Callable[..., Tensor], optimizer: torch.optim.Optimizer) -> Tensor:
        x, ones = batch[0], torch.ones(len(batch[0]), 1)
        real, made = judge(x), judge(net(x).detach())
        second.zero_grad()
        score = F.binary_cross_entropy_with_logits
        (score(real, ones) + score(made, 0 * ones)).backward()
        second.step()
        optimizer.zero_grad()
        out = net(x)
        cost = loss(out, batch[1])
        (cost + 0.002 * score(judge(out), ones)).backward()
        optimizer.step()
        return cost.detach()

    return program(net, F.mse_loss, m.own(digits()), 3e-3, Adam, epochs=20, step=step)


@healthy(data="digits")
def label_smoothing() -> Arguments:
    """The loss cannot go below 0.5 and need not."""
    return program(mlp(64, 32, 10), nn.CrossEntropyLoss(label_smoothing=0.1), digits(), 0.1, epochs=8)


@healthy(data="digits")
def sum_reduction_with_a_small_rate() -> Arguments:
    """reduction="sum", and the rate divided by the batch's size."""
    return program(mlp(64, 32, 10), nn.CrossEntropyLoss(reduction="sum"), digits(), 0.1 / 32, epochs=6)


@healthy(data="digits", source="report")
def a_large_rate_that_works() -> Arguments:
    """question: "lr=0.5 is too much, is it not?": here it is not."""
    return program(mlp(64, 64, 10, norm=nn.BatchNorm1d), F.cross_entropy, digits(), 0.5, epochs=6)


@healthy(data="digits")
def batches_of_one() -> Arguments:
    """Stochastic in the old sense: a sample a step, the loss leaps."""
    return program(mlp(64, 32, 10), F.cross_entropy, m.first(digits(), 800), 0.01, batch_size=1, epochs=3)


@healthy(data="wine")
def the_whole_set_in_a_batch() -> Arguments:
    """Full-batch gradient descent, long enough."""
    return program(mlp(13, 16, 3), F.cross_entropy, standard(table("wine")), 0.3, batch_size=118, epochs=150)


@healthy(data="tokens", source="report")
def a_plateau_before_the_fall() -> Arguments:
    """forum: "nothing for ten epochs, then it learns": a token to be carried over twelve steps."""
    net = m.Recurrent(nn.GRU(16, 32, batch_first=True), 8, tokens=8)
    return program(net, F.cross_entropy, m.first_token(12), 5e-3, Adam, epochs=15)


@healthy(data="moons")
def exclusive_or_takes_its_time() -> Arguments:
    """XOR by plain gradient descent: flat, then quick."""
    x = torch.rand(600, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1
    y = (x.prod(1) > 0).long()
    data = ((x[:400], y[:400]), (x[400:], y[400:]))
    return program(mlp(2, 16, 2, act=nn.Tanh), F.cross_entropy, data, 0.5, epochs=60)


@healthy(data="mnist", source="report")
def a_short_training_that_is_enough() -> Arguments:
    """Two epochs with BatchNorm and a good rate."""
    return program(cnn(1, 28, 10, norm=nn.BatchNorm2d), F.cross_entropy, m.mnist(), 5e-3, Adam, epochs=2)


@healthy(data="digits")
def trained_until_nothing_moves() -> Arguments:
    """Forty epochs: the loss is 0.001, gradients are tiny, and validation stays good."""
    return program(mlp(64, 64, 10), F.cross_entropy, digits(), 0.1, epochs=40)


@healthy(data="digits")
def strong_but_right_weight_decay() -> Arguments:
    """AdamW with weight decay 0.1."""
    net = mlp(64, 64, 10)
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=0.1)
    return program(net, F.cross_entropy, digits(), optimizer=optimizer, epochs=8)


@healthy(data="friedman", score="R2")
def an_l1_penalty_that_is_small() -> Arguments:
    """The sum of absolute weights times 1e-4 joins the loss."""

    def step(net: nn.Module, batch: Any, loss: Callable[..., Tensor], optimizer: torch.optim.Optimizer) -> Tensor:
        optimizer.zero_grad()
        cost = loss(net(batch[0]), batch[1]) + 1e-4 * sum(w.abs().sum() for w in net.parameters())
        cost.backward()
        optimizer.step()
        return cost.detach()

    return program(mlp(10, 32, 1), F.mse_loss, friedman(), 1e-2, Adam, epochs=15, step=step)


@healthy(data="digits")
def rates_for_each_group() -> Arguments:
    """The head learns ten times as fast as the body."""
    net = mlp(64, 64, 10)
    groups = [{"params": net[:-1].parameters(), "lr": 0.02}, {"params": net[-1].parameters(), "lr": 0.2}]
    return program(net, F.cross_entropy, digits(), optimizer=SGD(groups, lr=0.1), epochs=8)


@healthy(data="digits")
def mixup() -> Arguments:
    """Inputs and one-hot targets of two samples are mixed: training accuracy looks poor."""

    def step(net: nn.Module, batch: Any, loss: Callable[..., Tensor], optimizer: torch.optim.Optimizer) -> Tensor:
        (x, y), part = batch, float(torch.rand(()))
        other = torch.randperm(len(x))
        return a_step()(net, (part * x + (1 - part) * x[other], part * y + (1 - part) * y[other]), loss, optimizer)

    return program(mlp(64, 64, 10), F.cross_entropy, m.one_hot(digits(), 10), 0.1, epochs=12, step=step)


@healthy(data="friedman", score="R2", source="report")
def bfloat16_in_the_forward_pass() -> Arguments:
    """Autocast to bfloat16, and the loss in float32."""

    def step(net: nn.Module, batch: Any, loss: Callable[..., Tensor], optimizer: torch.optim.Optimizer) -> Tensor:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            out = net(batch[0])
        cost = loss(out.float(), batch[1])
        cost.backward()
        optimizer.step()
        return cost.detach()

    return program(mlp(10, 64, 1), F.mse_loss, friedman(), 5e-3, Adam, epochs=10, step=step)


@healthy(data="digits")
def rmsprop_without_momentum() -> Arguments:
    """An older optimizer, a small rate, a loss that trembles."""
    return program(mlp(64, 32, 10), F.cross_entropy, digits(), 2e-3, torch.optim.RMSprop, epochs=6)


@healthy(data="moons", score="accuracy of logits")
def hinge_loss() -> Arguments:
    """A margin on targets of -1 and 1: gradients are exactly zero for most samples."""
    data = yes_or_no(m.moons())
    loss = lambda p, y: (1 - p * (2 * y - 1)).clamp_min(0).mean()  # noqa: E731
    return program(mlp(2, 32, 1), loss, data, 1e-2, Adam, epochs=15)


@healthy(data="waves")
def two_forward_passes_a_step() -> Arguments:
    """The net runs on a noisy copy, too, and both answers must agree."""

    def step(net: nn.Module, batch: Any, loss: Callable[..., Tensor], optimizer: torch.optim.Optimizer) -> Tensor:
        optimizer.zero_grad()
        first, second = net(batch[0]), net(batch[0] + 0.1 * torch.randn_like(batch[0]))
        cost = loss(first, batch[1]) + 0.1 * F.mse_loss(first, second)
        cost.backward()
        optimizer.step()
        return cost.detach()

    net = m.Recurrent(nn.GRU(1, 24, batch_first=True), 3)
    return program(net, F.cross_entropy, m.waves(), 1e-2, Adam, epochs=10, step=step)


@healthy(data="digits", score="R2")
def a_denoising_autoencoder() -> Arguments:
    """Inputs are noisy, targets are not."""
    data = tuple((x + 0.3 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0)), x) for x, _ in digits())
    return program(mlp(64, 48, 16, 48, 64), F.mse_loss, data, 3e-3, Adam, epochs=20)
