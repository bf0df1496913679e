"""Programs that look odd and are fine, written by somebody who had read nothing of the doctor."""

from __future__ import annotations

import copy
import math
from functools import cache, partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from . import materials as m
from .materials import SGD, Adam, both, program, split, standard
from .newest_faulty import Tagger, Twins, by_token, pairs
from .registry import Arguments, healthy

AdamW = torch.optim.AdamW


# --- rates and steps --------------------------------------------------------------------------------------------------


@healthy(data="digits")
def half_of_the_training_warms_up() -> Arguments:
    """The rate rises for 150 steps up to 1.0, and the loss jumps now and then on the way."""

    def step(net: nn.Module, batch: Any, loss: Any, optimizer: torch.optim.Optimizer) -> Tensor:
        x, y = batch
        for group in optimizer.param_groups:
            group["lr"] = min(1.0, group["lr"] + 1.0 / 150)
        optimizer.zero_grad()
        cost: Tensor = loss(net(x), y)
        cost.backward()
        optimizer.step()
        return cost

    return program(m.mlp(64, 64, 10), nn.CrossEntropyLoss(), m.digits(), 0.001, batch_size=48, epochs=12, step=step)


@healthy(data="diabetes", score="R2")
def summed_squares_with_a_rate_that_fits() -> Arguments:
    """reduction="sum": losses of hundreds, gradients of hundreds, and a rate of 5e-4 for it."""
    data = both(standard(m.table("diabetes"), targets=True), targets=lambda y: y.reshape(-1, 1))
    net = m.mlp(10, 24, 1, act=nn.Tanh)
    return program(net, nn.MSELoss(reduction="sum"), data, 5e-4, batch_size=32, epochs=25)


@healthy(data="digits")
def rate_of_two_with_normalisation() -> Arguments:
    """Plain SGD at 2.0, which batch normalisation bears: the first losses are above those of chance."""
    net = m.mlp(64, 64, 10, norm=nn.BatchNorm1d)
    return program(net, nn.CrossEntropyLoss(), m.digits(), 2.0, batch_size=64, epochs=6)


@healthy(data="digits")
def restarts_of_the_cosine() -> Arguments:
    """Cosine annealing with a restart every 40 steps: the loss saws."""

    def step(net: nn.Module, batch: Any, loss: Any, optimizer: torch.optim.Optimizer) -> Tensor:
        x, y = batch
        for group in optimizer.param_groups:
            seen = group["seen"] = group.get("seen", -1) + 1
            group["lr"] = 0.3 * 0.5 * (1 + math.cos(math.pi * (seen % 40) / 40))
        optimizer.zero_grad()
        cost: Tensor = loss(net(x), y)
        cost.backward()
        optimizer.step()
        return cost

    net = m.mlp(64, 64, 10, act=nn.GELU)
    return program(
        net, nn.CrossEntropyLoss(), m.digits(), 0.3, by=partial(SGD, momentum=0.5), batch_size=32, epochs=6, step=step
    )


@healthy(data="spoken digits")
def four_micro_batches_and_a_tight_clip() -> Arguments:
    """Gradients of four micro batches, divided by four, clipped at 0.5 after the last; only then a step."""

    def step(net: nn.Module, batch: Any, loss: Any, optimizer: torch.optim.Optimizer) -> Tensor:
        x, y = batch
        total = torch.zeros(())
        parts = list(zip(x.chunk(4), y.chunk(4), strict=True))
        for inputs, targets in parts:
            cost = loss(net(inputs), targets) / len(parts)
            cost.backward()
            total = total + cost.detach()
        nn.utils.clip_grad_norm_(net.parameters(), max_norm=0.5)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return total

    net = m.Recurrent(nn.GRU(33, 32, batch_first=True), 10)
    return program(net, nn.CrossEntropyLoss(), m.spoken(), 1e-2, Adam, batch_size=64, epochs=25, step=step)


@healthy(data="wine")
def two_wines_at_a_time() -> Arguments:
    """A batch of two, layer norm, a small rate: losses that leap from 0.01 to 2."""
    net = nn.Sequential(nn.Linear(13, 16), nn.LayerNorm(16), nn.ReLU(), nn.Linear(16, 3))
    return program(net, nn.CrossEntropyLoss(), standard(m.table("wine")), 0.01, batch_size=2, epochs=8)


@healthy(data="mnist")
def one_pass_over_the_digits() -> Arguments:
    """A single epoch, the loss is still falling: what was asked for."""
    return program(m.cnn(1, 28, 10), nn.CrossEntropyLoss(), m.mnist(6000, 800), 5e-3, Adam, batch_size=32, epochs=1)


# --- outputs and losses -----------------------------------------------------------------------------------------------


@healthy(data="breast cancer", score="metric")
def plus_and_minus_one_with_tanh() -> Arguments:
    """Targets of -1 and 1, tanh at the end, squared error: a perceptron as people wrote it in 1990."""
    data = both(standard(m.table("breast_cancer")), targets=lambda y: 2.0 * y.float().unsqueeze(1) - 1)

    def accuracy(out: Tensor, y: Tensor) -> float:
        return float((out.sign() == y).float().mean())

    net = nn.Sequential(nn.Linear(30, 12), nn.Tanh(), nn.Linear(12, 1), nn.Tanh())
    by = partial(SGD, momentum=0.8)
    return program(net, nn.MSELoss(), data, 0.05, by, batch_size=32, epochs=10, metric=accuracy)


@healthy(data="digits")
def smoothed_labels_and_a_loss_that_stays() -> Arguments:
    """Label smoothing of 0.3: the loss ends above 1.3 and falls no further."""
    net = m.mlp(64, 64, 10)
    return program(net, nn.CrossEntropyLoss(label_smoothing=0.3), m.digits(), 2e-3, Adam, batch_size=32, epochs=12)


@healthy(data="own", score="metric")
def mean_and_spread_of_a_widening_cloud() -> Arguments:
    """Gaussian likelihood with a variance of its own for every sample: losses below zero, two outputs for one target."""
    rng = np.random.default_rng(21)
    x = rng.uniform(-2, 2, (1500, 1))
    y = np.sin(2 * x) + (0.05 + 0.1 * (x + 2)) * rng.standard_normal((1500, 1))

    def likelihood(out: Tensor, target: Tensor) -> Tensor:
        return F.gaussian_nll_loss(out[:, :1], target, F.softplus(out[:, 1:]) + 1e-4)

    def metric(out: Tensor, target: Tensor) -> float:
        return float(1 - ((out[:, :1] - target) ** 2).mean() / target.var())

    net = m.mlp(1, 64, 64, 2, act=nn.SiLU)
    return program(net, likelihood, split(x, y, 400), 5e-3, Adam, batch_size=64, epochs=20, metric=metric)


@healthy(data="own", score="metric")
def rare_labels_of_which_several_hold() -> Arguments:
    """Six labels, each true of a tenth, several at once, with pos_weight: many alarms of the net by intention."""
    rng = np.random.default_rng(22)
    x = rng.standard_normal((1800, 12))
    scores = x @ rng.standard_normal((12, 6)) / math.sqrt(12) + 0.15 * rng.standard_normal((1800, 6))
    y = (scores > np.quantile(scores, 0.9, axis=0)).astype(np.float32)

    def recall_and_rejection(out: Tensor, target: Tensor) -> float:
        yes, said = target > 0.5, out > 0
        return float(0.5 * (said[yes].float().mean() + (~said)[~yes].float().mean()))

    loss = nn.BCEWithLogitsLoss(pos_weight=torch.full((6,), 9.0))
    return program(
        m.mlp(12, 48, 6), loss, split(x, y, 500), 5e-3, Adam, batch_size=64, epochs=12, metric=recall_and_rejection
    )


@healthy(data="own", score="R2")
def energy_bills_whose_mean_is_in_the_bias() -> Arguments:
    """Three targets of 180, 420 and 75 as they are; the last bias starts at their means, and Huber's loss is in their units."""
    rng = np.random.default_rng(23)
    x = rng.standard_normal((1200, 6))
    mixed = x @ rng.standard_normal((6, 3)) + 0.5 * np.tanh(x[:, :3] * 2)
    y = np.array([180.0, 420, 75]) + np.array([3.0, 4, 2]) * mixed
    data = split(x, y, 300)
    net = m.mlp(6, 48, 3)
    last: Any = net[-1]
    with torch.no_grad():
        last.bias.copy_(data[0][1].mean(0))
    return program(net, nn.HuberLoss(), data, 1e-2, Adam, batch_size=32, epochs=20)


# --- nets -------------------------------------------------------------------------------------------------------------


@healthy(data="digits")
def half_of_the_units_never_speak() -> Arguments:
    """Biases of -1 in a wide ReLU layer: more than half of its units are 0 for most samples, and 512 are more than enough."""
    net = m.mlp(64, 512, 10)
    first: Any = net[0]
    with torch.no_grad():
        first.bias.fill_(-0.8)
    return program(net, nn.CrossEntropyLoss(), m.digits(), 0.1, by=partial(SGD, momentum=0.9), batch_size=32, epochs=6)


@healthy(data="digits", score="R2")
def principal_components_by_descent() -> Arguments:
    """An autoencoder without any nonlinearity, on purpose: the plane of the principal components."""
    net = nn.Sequential(nn.Linear(64, 12, bias=False), nn.Linear(12, 64))
    return program(net, nn.MSELoss(), m.own(m.digits()), 1e-2, Adam, batch_size=32, epochs=15)


@healthy(data="breast cancer")
def seven_of_ten_units_dropped() -> Arguments:
    """Dropout of 0.7 in a wide net for few samples: training is worse than validation."""
    net = nn.Sequential(nn.Linear(30, 256), nn.ReLU(), nn.Dropout(0.7), nn.Linear(256, 2))
    return program(net, nn.CrossEntropyLoss(), standard(m.table("breast_cancer")), 1e-3, Adam, batch_size=16, epochs=10)


@cache
def _features() -> nn.Sequential:
    """Convolutions that learned the digits 0 to 4."""
    torch.manual_seed(7)
    (x, y), _ = m.mnist()
    x, y = x[y < 5], y[y < 5]
    net = nn.Sequential(nn.Conv2d(1, 12, 5, 2), nn.ReLU(), nn.Conv2d(12, 24, 5, 2), nn.ReLU(), nn.Flatten())
    head = nn.Linear(24 * 16, 5)
    optimizer = Adam([*net.parameters(), *head.parameters()], lr=2e-3)
    for _ in range(4):
        for rows in torch.randperm(len(x)).split(32):
            optimizer.zero_grad()
            F.cross_entropy(head(net(x[rows])), y[rows]).backward()
            optimizer.step()
    return net


@healthy(data="mnist")
def a_new_head_on_features_of_other_digits() -> Arguments:
    """Frozen convolutions that were trained on 0 to 4, a new linear layer for 5 to 9: 97 % of the parameters never move."""

    def others(part: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        x, y = part
        return x[y > 4], y[y > 4] - 5

    train, validation = m.mnist()
    features = copy.deepcopy(_features()).requires_grad_(False)
    net = nn.Sequential(features, nn.Linear(24 * 16, 5))
    return program(
        net, nn.CrossEntropyLoss(), (others(train), others(validation)), 3e-3, Adam, batch_size=32, epochs=12
    )


@healthy(data="digits", score="accuracy of pairs")
def codes_on_a_sphere() -> Arguments:
    """Pairs by cosine with a margin: the loss begins where it would also end if all codes fell together."""

    class Sphere(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.twins = Twins()

        def forward(self, both: Tensor) -> Tensor:
            return F.normalize(self.twins(both), dim=-1)

    def cosine(codes: Tensor, alike: Tensor) -> Tensor:
        return F.cosine_embedding_loss(codes[:, 0], codes[:, 1], 2 * alike - 1, margin=0.3)

    return program(Sphere(), cosine, pairs(), 3e-3, Adam, batch_size=64, epochs=12)


@healthy(data="letters")
def letters_most_of_which_nobody_can_guess() -> Arguments:
    """A small causal transformer with AdamW: accuracy stays under a third, for letters are no more certain than that."""
    net = Tagger(65, 24, 65, width=48, causal=True)
    return program(net, by_token, m.letters(), 1e-2, partial(AdamW, weight_decay=0.3), batch_size=32, epochs=15)


# --- data -------------------------------------------------------------------------------------------------------------


@healthy(data="mnist")
def one_label_in_eight_is_wrong() -> Arguments:
    """Cheap labels, of which an eighth is any digit; validation was labelled with care, and is answered better than training."""
    (x, y), validation = m.mnist()
    rng = np.random.default_rng(24)
    wrong = torch.from_numpy(rng.random(len(y)) < 0.125)
    y = torch.where(wrong, torch.from_numpy(rng.integers(0, 10, len(y))), y)
    net = nn.Sequential(*m.cnn(1, 28, 10)[:-1], nn.Dropout(0.4), m.cnn(1, 28, 10)[-1])
    return program(
        net, nn.CrossEntropyLoss(), ((x, y), validation), 0.05, by=partial(SGD, momentum=0.9), batch_size=64, epochs=8
    )


@healthy(data="digits", score="balanced accuracy")
def one_eight_in_ten() -> Arguments:
    """Is it an eight? One in ten is, answers are 90 % right from the start, and nothing is weighted."""
    data = both(m.digits(), targets=lambda y: (y == 8).long())
    net = m.mlp(64, 48, 2)
    return program(net, nn.CrossEntropyLoss(), data, 5e-3, Adam, batch_size=32, epochs=10)


@healthy(data="own")
def parity_after_a_long_plateau() -> Arguments:
    """The parity of three of eight bits: nothing is seen for some epochs, then all at once."""
    rng = np.random.default_rng(25)
    x = rng.integers(0, 2, (1600, 8)) * 2.0 - 1
    y = (x[:, 1] * x[:, 3] * x[:, 6] > 0).astype(int)
    net = m.mlp(8, 64, 2)
    return program(net, nn.CrossEntropyLoss(), split(x, y, 400), 0.1, batch_size=32, epochs=30)


@healthy(data="cifar10")
def mixed_up_pictures() -> Arguments:
    """Mixup in a loop of its own: the training loss stays far above that of validation."""

    def step(net: nn.Module, batch: Any, loss: Any, optimizer: torch.optim.Optimizer) -> Tensor:
        x, y = batch
        share, order = float(np.random.beta(0.4, 0.4)), torch.randperm(len(x))
        out = net(share * x + (1 - share) * x[order])
        cost: Tensor = share * loss(out, y) + (1 - share) * loss(out, y[order])
        optimizer.zero_grad()
        cost.backward()
        optimizer.step()
        return cost

    (x, y), validation = m.cifar()
    net = m.cnn(3, 32, 4, width=24, norm=nn.BatchNorm2d)
    loaders = (DataLoader(TensorDataset(x, y), 64, shuffle=True), DataLoader(TensorDataset(*validation), 100))
    return program(net, nn.CrossEntropyLoss(), loaders, 2e-3, Adam, epochs=10, step=step)
