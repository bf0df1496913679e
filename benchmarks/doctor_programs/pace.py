"""Faults of pace: rates, schedules, momentum, too few steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import materials as m
from .materials import SGD, Adam, cnn, digits, mlp, program, standard, table
from .outputs import friedman
from .registry import Arguments, faulty
from .steps import a_step


@faulty("learning_rate_too_high", data="cifar10", source="report", where="optimizer")
def adam_at_a_tenth(broken: bool) -> Arguments:
    """forum: loss 1.39 from the second epoch on, on four classes; Adam with the rate that SGD had, 0.1."""
    return program(cnn(3, 32, 4), F.cross_entropy, m.cifar(), 0.1 if broken else 2e-3, Adam, epochs=5)


@faulty("learning_rate_too_high", data="friedman", source="report", score="R2", where="optimizer")
def gradient_descent_that_overshoots(broken: bool) -> Arguments:
    """question: the loss of a regression grows with every step until it is inf; rate 1."""
    return program(mlp(10, 64, 1), F.mse_loss, friedman(), 1.5 if broken else 0.03, epochs=15)


@faulty("learning_rate_too_high", data="movie sentences", source="report", where="optimizer")
def recurrent_net_at_a_large_rate(broken: bool) -> Arguments:
    """forum: an LSTM's accuracy is random at each epoch; Adam at 0.3."""
    net = m.Recurrent(nn.LSTM(16, 24, batch_first=True), 2, tokens=600)
    return program(net, F.cross_entropy, m.texts("sms-spam", 1200), 0.5 if broken else 5e-3, Adam, epochs=5)


@faulty("learning_rate_too_high", data="digits", also=("unstable_training",), where="optimizer")
def hot_momentum(broken: bool) -> Arguments:
    """Rate 3 with momentum 0.9: the loss leaps to hundreds and comes back to 2.3."""
    net = mlp(64, 64, 64, 10)
    optimizer = SGD(net.parameters(), lr=3.0 if broken else 0.02, momentum=0.9)
    return program(net, F.cross_entropy, digits(), optimizer=optimizer)


@faulty("learning_rate_too_low", data="mnist", source="report", where="optimizer")
def a_rate_of_a_hundred_thousandth(broken: bool) -> Arguments:
    """question: loss goes from 2.305 to 2.303 in five epochs; SGD with lr=1e-5, as for Adam in a fine-tuning."""
    return program(cnn(1, 28, 10), F.cross_entropy, m.mnist(), 1e-5 if broken else 0.1, epochs=4)


@faulty("learning_rate_too_low", data="digits", source="report", where=("step", "optimizer"))
def a_schedule_stepped_each_batch(broken: bool) -> Arguments:
    """forum: training stops after a few batches; scheduler.step() was meant once an epoch, and stands in the inner loop."""
    net = mlp(64, 32, 10)
    every = 1 if broken else 44

    def step(net: nn.Module, batch: Any, loss: Callable[..., Tensor], optimizer: torch.optim.Optimizer) -> Tensor:
        cost = a_step()(net, batch, loss, optimizer)
        optimizer.param_groups[0]["lr"] *= 0.7 ** (1 / every)
        return cost

    return program(net, F.cross_entropy, digits(), 0.1, epochs=8, step=step)


@faulty("learning_rate_too_low", data="friedman", score="R2", where="optimizer")
def adam_at_a_millionth(broken: bool) -> Arguments:
    """Adam at 1e-6: a straight loss curve that would arrive next year."""
    return program(mlp(10, 64, 1), F.mse_loss, friedman(), 1e-6 if broken else 5e-3, Adam, epochs=15)


@faulty("learning_rate_too_low", data="spoken digits", source="report", where="optimizer")
def a_new_net_at_the_rate_of_fine_tuning(broken: bool) -> Arguments:
    """issue: a transformer from scratch with lr=2e-6, copied from a fine-tuning script: the loss barely moves."""
    net = m.Attentive(10, features=33)
    return program(net, F.cross_entropy, m.spoken(), 2e-6 if broken else 3e-3, Adam, epochs=6)


@faulty(
    "unstable_training", data="letters", source="report", also=("learning_rate_too_high",), where=("step", "optimizer")
)
def a_transformer_without_warm_up(broken: bool) -> Arguments:
    """forum: a transformer with normalisation after the sums stays at the letters' frequencies; no warm-up."""
    net = m.Attentive(65, tokens=65, width=48, depth=4, every=True, causal=True)

    def step(net: nn.Module, batch: Any, loss: Callable[..., Tensor], optimizer: torch.optim.Optimizer) -> Tensor:
        group = optimizer.param_groups[0]
        group["steps_done"] = group.get("steps_done", 0) + 1
        group["lr"] = 0.02 * (1.0 if broken else min(1.0, group["steps_done"] / 60))
        return a_step()(net, batch, loss, optimizer)

    return program(net, m.by_letter, m.letters(), 0.02, Adam, epochs=6, step=step)


@faulty(
    "unstable_training",
    data="friedman",
    source="report",
    also=("exploding_gradient",),
    score="R2",
    where=("train targets", "optimizer", "step"),
)
def rare_samples_that_throw_the_net(broken: bool) -> Arguments:
    """question: the loss falls well and leaps up now and then; targets with rare huge values, squared, not clipped."""
    (x, y), validation = friedman()
    y = y.clone()
    y[::60] *= 60.0  # 1 of 60 in another unit
    clip = lambda net: nn.utils.clip_grad_norm_(net.parameters(), 0.3)  # noqa: E731
    step = a_step() if broken else a_step(before_update=clip)
    return program(mlp(10, 64, 1), F.mse_loss, ((x, y), validation), 0.02, epochs=20, step=step)


@faulty("unstable_training", data="digits", source="report", also=("learning_rate_too_high",), where="optimizer")
def momentum_of_999_thousandths(broken: bool) -> Arguments:
    """forum: the loss swings in long waves that grow; momentum 0.999 at a rate made for 0.9."""
    net = mlp(64, 32, 10)
    optimizer = SGD(net.parameters(), lr=0.1, momentum=0.999 if broken else 0.9)
    return program(net, F.cross_entropy, digits(), optimizer=optimizer)


@faulty("undertrained", data="cifar10", source="report")
def one_epoch_of_a_convolutional_net(broken: bool) -> Arguments:
    """question: accuracy of 40 % after the one epoch of a tutorial; the loss was still on its way down."""
    net = cnn(3, 32, 4)
    return program(net, F.cross_entropy, m.cifar(), 1e-3, Adam, epochs=1 if broken else 12)


@faulty("undertrained", data="digits", source="report", also=("learning_rate_too_low",))
def the_whole_set_as_one_batch(broken: bool) -> Arguments:
    """forum: ten epochs, and each is a single step; the batch is the whole training set."""
    size = 1397 if broken else 32
    return program(mlp(64, 32, 10), F.cross_entropy, digits(), 0.1, epochs=10, batch_size=size)


@faulty("undertrained", data="letters")
def a_language_model_after_an_epoch(broken: bool) -> Arguments:
    """One pass over six hundred pieces of text; what it writes is the letters' frequencies."""
    net = m.Recurrent(nn.GRU(16, 64, batch_first=True), 65, tokens=65, every=True)
    return program(net, m.by_letter, m.letters(), 3e-3, Adam, epochs=1 if broken else 20)


@faulty("undertrained", data="wine", source="report", also=("learning_rate_too_low",))
def few_samples_few_epochs(broken: bool) -> Arguments:
    """question: 118 samples and two epochs are eight steps; the net is hardly better than a guess."""
    return program(mlp(13, 16, 3), F.cross_entropy, standard(table("wine")), 0.02, epochs=2 if broken else 40)
