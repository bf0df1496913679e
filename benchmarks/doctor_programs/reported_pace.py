"""Unseen programs: faults of pace."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import materials as m
from . import reported_materials as r
from .materials import SGD, Adam, cnn, digits, mlp, program
from .outputs import friedman
from .registry import Arguments, faulty
from .steps import a_step


@faulty("learning_rate_too_high", data="spoken digits", source="report", also=("unstable_training",), where="optimizer")
def a_transformer_at_three_hundredths(broken: bool) -> Arguments:
    """issue: a transformer answers one class; Adam at 0.05, which had been right for a small convolutional net."""
    net = m.Attentive(10, features=33, depth=2)
    return program(net, F.cross_entropy, m.spoken(), 0.05 if broken else 2e-3, Adam, epochs=5)


@faulty(
    "learning_rate_too_high",
    data="discs",
    source="report",
    also=("dead_units",),
    score="metric",
    where=("optimizer", "down", "deep"),
)
def a_rate_for_tiny_gradients(broken: bool) -> Arguments:
    """question: the first loss of a U-Net is 0.7, the second 500, then all is background; SGD(lr=8, momentum=0.9)."""
    net = r.UNet()
    optimizer = SGD(net.parameters(), lr=8.0 if broken else 0.2, momentum=0.9)
    loss = F.binary_cross_entropy_with_logits
    return program(net, loss, r.masks(), optimizer=optimizer, epochs=5, metric=r.overlap())


@faulty("learning_rate_too_high", data="mnist", source="report", where="optimizer")
def fine_tuned_to_pieces(broken: bool) -> Arguments:
    """forum: fine-tuning is worse than no training at all; a trained net goes on with Adam at 0.3."""
    (x, y), validation = m.mnist(1200)
    net = r.pretrained(nn.Sequential(nn.Flatten(), mlp(784, 64, 10)), (x[:400], y[:400]), 40)
    return program(net, F.cross_entropy, ((x[400:], y[400:]), validation), 0.3 if broken else 1e-3, Adam, epochs=3)


@faulty(
    "learning_rate_too_high",
    data="ratings",
    source="report",
    score="R2",
    also=("unstable_training",),
    where="optimizer",
)
def sgd_of_ten_for_sparse_vectors(broken: bool) -> Arguments:
    """question: ratings of 10^8; rate 60 for embeddings, because "their gradients are so small"."""
    return program(r.Factors(6), F.mse_loss, r.ratings(), 60.0 if broken else 3.0, epochs=15)


@faulty("learning_rate_too_low", data="mnist", source="report", where=("step", "optimizer"))
def a_plateau_watched_upside_down(broken: bool) -> Arguments:
    """issue: the rate falls to 1e-8 while the loss improves; ReduceLROnPlateau(mode="max") is given the loss."""
    net = cnn(1, 28, 10)
    optimizer = SGD(net.parameters(), lr=0.05, momentum=0.9)
    mode = "max" if broken else "min"
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode, factor=0.3, patience=4 if broken else 60)

    def step(net: nn.Module, batch: Any, loss: Any, optimizer: torch.optim.Optimizer) -> Tensor:
        cost = a_step()(net, batch, loss, optimizer)
        schedule.step(float(cost))
        return cost

    return program(net, F.cross_entropy, m.mnist(6000, 1000), optimizer=optimizer, epochs=3, step=step)


@faulty("learning_rate_too_low", data="letters", source="report", also=("undertrained",), where=("step", "optimizer"))
def a_warm_up_longer_than_the_training(broken: bool) -> Arguments:
    """forum: a small transformer learns nothing in its 200 steps; the warm-up of the recipe takes 100,000."""
    net = m.Attentive(65, tokens=65, width=32, every=True, causal=True)
    optimizer = Adam(net.parameters(), lr=5e-3)
    steps = 100_000 if broken else 50
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda i: min(1.0, (i + 1) / steps))

    def step(net: nn.Module, batch: Any, loss: Any, optimizer: torch.optim.Optimizer) -> Tensor:
        cost = a_step()(net, batch, loss, optimizer)
        schedule.step()
        return cost

    return program(net, m.by_letter, m.letters(), optimizer=optimizer, epochs=10, step=step)


@faulty("learning_rate_too_low", data="waves", source="report", where="optimizer")
def adagrad_that_slows_down(broken: bool) -> Arguments:
    """question: Adagrad(lr=1e-4) on a recurrent net: its steps shrink as it goes, and it begins with small ones."""
    net = m.Recurrent(nn.LSTM(1, 24, batch_first=True), 3)
    return program(net, F.cross_entropy, m.waves(), 1e-4 if broken else 0.1, torch.optim.Adagrad, epochs=10)


@faulty(
    "unstable_training",
    data="letters",
    source="report",
    also=("learning_rate_too_high", "exploding_gradient"),
    where=("optimizer", "core"),
)
def a_recurrent_net_that_leaps(broken: bool) -> Arguments:
    """issue: an RNN's loss leaps from 2.5 to 30 now and then; SGD with momentum, no clipping, a ReLU recurrence."""
    net = m.Recurrent(nn.RNN(24, 64, nonlinearity="relu", batch_first=True), 65, tokens=65, every=True)
    nn.init.orthogonal_(net.core.weight_hh_l0, 1.2)
    optimizer = SGD(net.parameters(), lr=1.0, momentum=0.9)
    clip = lambda net: nn.utils.clip_grad_norm_(net.parameters(), 0.5)  # noqa: E731
    step = a_step() if broken else a_step(before_update=clip)
    return program(net, m.by_letter, m.letters(), optimizer=optimizer, epochs=6, step=step)


@faulty("unstable_training", data="digits", source="report", also=("learning_rate_too_high",), where="optimizer")
def adam_that_forgets_its_squares(broken: bool) -> Arguments:
    """forum: loss falls, then shoots up; Adam(betas=(0.9, 0.1)): one small gradient makes the next step a leap."""
    net = mlp(64, 64, 64, 10)
    optimizer = Adam(net.parameters(), lr=2e-2, betas=(0.9, 0.1 if broken else 0.999), eps=1e-12)
    return program(net, F.cross_entropy, digits(), optimizer=optimizer, epochs=15, batch_size=16)


@faulty("undertrained", data="cifar10", source="report")
def a_resnet_for_one_epoch(broken: bool) -> Arguments:
    """question: "why is my ResNet no better than a guess?": one epoch of two thousand images was all the patience."""
    return program(
        r.resnet(3, 10, 16), F.cross_entropy, m.cifar(10, 300), 1e-3, Adam, epochs=1 if broken else 10, batch_size=64
    )


@faulty("undertrained", data="friedman", source="report", also=("learning_rate_too_low",), score="R2")
def a_regression_of_two_epochs(broken: bool) -> Arguments:
    """forum: R² of 0.2 after max_epochs=2 of a template; the loss still halves with each of them."""
    return program(mlp(10, 48, 48, 1), F.mse_loss, friedman(), 1e-3, Adam, epochs=2 if broken else 40)
