"""Sound programs of students and beginners, some odd, some ordinary; written apart, by a person who had not seen the doctor."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from sklearn import datasets
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence
from torch.utils.data import DataLoader, TensorDataset

from . import materials as m
from . import reported_materials as r
from .fresh_first_faulty import column, negatives, quadratic
from .materials import SGD, Adam, both, cnn, digits, mlp, program, split, standard, table
from .registry import Arguments, healthy

# --- ordinary ---------------------------------------------------------------------------------------------------------


@healthy(data="iris")
def nothing_odd_about_iris() -> Arguments:
    """The first program of a course: three classes, one hidden layer, Adam."""
    data = standard(split(*datasets.load_iris(return_X_y=True), 50))
    return program(mlp(4, 16, 3), nn.CrossEntropyLoss(), data, 5e-3, Adam, batch_size=8, epochs=40)


@healthy(data="mnist")
def lenet_with_two_loaders() -> Arguments:
    """LeNet as in 1998, with tanh and average pooling, on normalised digits out of two DataLoaders."""
    net = nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2)),
        *(nn.Flatten(), nn.Linear(400, 84), nn.Tanh(), nn.Linear(84, 10)),
    )
    data = both(m.mnist(1500, 600), lambda x: (x - 0.1307) / 0.3081)
    loaders = tuple(DataLoader(TensorDataset(*part), 64, shuffle=i == 0) for i, part in enumerate(data))
    return program(net, nn.CrossEntropyLoss(), loaders, 2e-3, Adam, epochs=8)


@healthy(data="series", score="R2")
def an_lstm_for_the_next_value() -> Arguments:
    """Windows of a series, one LSTM, the next value; rows in arrays of NumPy."""
    data = tuple((x[..., None].numpy(), y.numpy()) for x, y in m.series())
    return program(m.Recurrent(nn.LSTM(1, 32, batch_first=True), 1), nn.MSELoss(), data, 5e-3, Adam, epochs=14)


class Packed(nn.Module):
    """Tokens, zeros behind them → the state of a GRU after the last word → logits."""

    def __init__(self, tokens: int) -> None:
        super().__init__()
        self.embed, self.core = nn.Embedding(tokens, 24, padding_idx=0), nn.GRU(24, 24, batch_first=True)
        self.head = nn.Linear(24, 2)

    def forward(self, x: Tensor) -> Tensor:
        lengths = (x > 0).sum(1).clamp_min(1)
        words = pack_padded_sequence(self.embed(x), lengths, batch_first=True, enforce_sorted=False)
        out: Tensor = self.head(self.core(words)[1][-1])
        return out


@healthy(data="sms spam")
def spam_by_a_packed_gru() -> Arguments:
    """Half of each text is padding, and the vector of padding never moves."""
    return program(Packed(600), nn.CrossEntropyLoss(), m.texts("sms-spam", 1200, length=40), 5e-3, Adam, epochs=4)


@healthy(data="letters")
def a_small_gpt_of_letters() -> Arguments:
    """Two causal blocks, AdamW; three of ten letters right is what a few minutes give."""
    net = m.Attentive(65, tokens=65, width=32, depth=2, every=True, causal=True)
    return program(net, m.by_letter, m.letters(1200), 5e-3, torch.optim.AdamW, epochs=5)


@healthy(data="breast cancer", score="accuracy of logits")
def a_first_neural_net_for_tumours() -> Arguments:
    """Standardised columns, one logit, BCEWithLogitsLoss, 97 %."""
    data = column(standard(table("breast_cancer")))
    return program(mlp(30, 16, 1), nn.BCEWithLogitsLoss(), data, 2e-3, Adam, epochs=30)


# --- results that look bad, or too good -------------------------------------------------------------------------------


@healthy(data="mnist", source="report", score="R2")
def an_autoencoder_by_cross_entropy() -> Arguments:
    """question: binary cross entropy of an autoencoder stops above 0.1; grey values are not 0 or 1, so it must."""
    net = nn.Sequential(mlp(784, 96, 24), mlp(24, 96, 784), nn.Sigmoid())
    data = m.own(both(m.mnist(1200, 400), lambda x: x.flatten(1)))
    return program(net, nn.BCELoss(), data, 3e-3, Adam, epochs=25)


@healthy(data="mnist", source="report")
def a_validation_loss_below_the_training_loss() -> Arguments:
    """question: the validation error of the tutorial is always lower; half of the units are dropped in training only."""
    layers = (nn.Flatten(), nn.Dropout(0.2), nn.Linear(784, 256), nn.ReLU(), nn.Dropout(0.5), nn.Linear(256, 10))
    return program(nn.Sequential(*layers), nn.CrossEntropyLoss(), m.mnist(1500, 600), 2e-3, Adam, epochs=10)


@healthy(data="synthetic table", source="report")
def one_in_eight_learned_without_weights() -> Arguments:
    """question: should one weight the classes? 88 % are negative by nature, and the net finds the others as it is."""
    return program(mlp(20, 24, 2), nn.CrossEntropyLoss(), standard(negatives(0.88, 1.5)), 5e-3, Adam, epochs=8)


@healthy(data="diabetes", score="R2")
def diabetes_as_well_as_it_goes() -> Arguments:
    """Half of the variance remains, as with every other method."""
    data = standard(column(table("diabetes")), targets=True)
    return program(mlp(10, 12, 1), nn.MSELoss(), data, 3e-3, Adam, epochs=15)


@healthy(data="letters", source="report")
def letters_from_the_letter_before() -> Arguments:
    """question: a bigram model stops at a loss of 2.5, whatever is tried; no table of pairs does better."""
    net = nn.Embedding(65, 65)
    return program(net, m.by_letter, m.letters(1200), 3e-2, Adam, epochs=12)


@cache
def chances() -> m.Split:
    """Points (n, 2) whose kind is drawn with a probability that rises and falls in circles."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, (1500, 2))
    return split(x, (rng.random(1500) < 0.2 + 0.6 * (np.hypot(*x.T) < 1.4)).astype(int), 500)


@healthy(data="toy function")
def a_coin_for_each_point() -> Arguments:
    """Four of five points are what the place says, the others are not: 80 % is all there is."""
    return program(mlp(2, 24, 2), nn.CrossEntropyLoss(), chances(), 1e-2, Adam, epochs=10)


@cache
def clouds() -> m.Split:
    rng = np.random.default_rng(0)
    corner = rng.integers(0, 2, (600, 2))
    return split(corner + 0.15 * rng.standard_normal((600, 2)), corner.sum(1) % 2, 200)


@healthy(data="toy function", source="report", score="accuracy of logits")
def exclusive_or_by_four_tanh() -> Arguments:
    """forum: exclusive or with a tiny net and plain gradient descent; nothing for a while, then it is solved."""
    return program(mlp(2, 4, 1, act=nn.Tanh), nn.BCEWithLogitsLoss(), column(clouds()), 0.5, batch_size=16, epochs=25)


# --- losses and data that are unusual ---------------------------------------------------------------------------------


@healthy(data="mnist", source="report", score="accuracy of probabilities")
def threes_and_sevens_by_their_distance() -> Arguments:
    """forum: the loss of the course is where(y == 1, 1 - p, p).mean(), no logarithm, and a rate of 1."""

    def keep(pair: m.Pair) -> m.Pair:
        x, y = pair
        wanted = (y == 3) | (y == 7)
        return x[wanted].flatten(1), (y[wanted] == 3).float()[:, None]

    training, validation = m.mnist(4000, 2000)
    net = nn.Sequential(nn.Linear(784, 30), nn.ReLU(), nn.Linear(30, 1), nn.Sigmoid())
    loss = lambda p, y: torch.where(y == 1, 1 - p, p).mean()  # noqa: E731
    return program(net, loss, (keep(training), keep(validation)), 1.0, batch_size=128, epochs=12)


@healthy(data="mnist")
def an_old_net_at_a_rate_of_three() -> Arguments:
    """The net of a well-known book: sigmoids, quadratic cost, batches of ten, gradient descent with a rate of 3."""
    net = nn.Sequential(nn.Flatten(), mlp(784, 30, 10, act=nn.Sigmoid, last=(nn.Sigmoid(),)))
    return program(net, quadratic, m.one_hot(m.mnist(2000, 600), 10), 3.0, batch_size=10, epochs=8)


@healthy(data="digits", source="report", score="R2")
def a_code_wider_than_the_image() -> Arguments:
    """question: 64 → 128 → 64 and it is still no perfect copy; it needs no narrow place to be sound."""
    return program(mlp(64, 128, 64), nn.MSELoss(), m.own(digits()), 3e-3, Adam, epochs=15)


@cache
def houses() -> m.Split:
    """Four columns of a house, and the logarithm of a price that spans three decades, standardised."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((900, 4))
    price = np.exp(12 + 0.8 * x[:, 0] + 0.5 * x[:, 1] * (x[:, 2] > 0) + 0.2 * rng.standard_normal(900))
    return standard(column(split(x, np.log(price), 300)), targets=True)


@healthy(data="synthetic table", score="R2")
def prices_by_their_logarithm() -> Arguments:
    """Prices of a few houses are a hundred times the others'; the logarithm is learned, by log cosh."""
    loss = lambda p, y: (p - y).cosh().log().mean()  # noqa: E731
    return program(mlp(4, 32, 1), loss, houses(), 5e-3, Adam, epochs=12)


@healthy(data="mnist")
def which_way_is_up() -> Arguments:
    """Each digit appears four times, turned, and the label is the turn; the same picture, four answers."""

    def turned(x: Tensor) -> Tensor:
        return torch.cat([x.rot90(turn, (2, 3)) for turn in range(4)])

    data = both(m.mnist(400, 150), turned, lambda y: torch.arange(4).repeat_interleave(len(y)))
    return program(cnn(1, 28, 4, width=8), nn.CrossEntropyLoss(), data, 2e-3, Adam, epochs=5)


@healthy(data="toy numbers")
def the_larger_of_two_numbers() -> Arguments:
    """Two numbers of three figures, figure after figure, into a GRU: is the first the larger? Shortly nearly perfect."""
    x = np.random.default_rng(0).integers(0, 10, (2800, 6))
    weight = np.array([100, 10, 1])
    data = split(x, (x[:, :3] @ weight > x[:, 3:] @ weight).astype(int), 400)
    return program(
        m.Recurrent(nn.GRU(16, 32, batch_first=True), 2, tokens=10), F.cross_entropy, data, 1e-2, Adam, epochs=10
    )


# --- steps ------------------------------------------------------------------------------------------------------------


@healthy(data="waves")
def four_small_batches_and_a_clip() -> Arguments:
    """Batches of four, gradients of four batches averaged, clipped by norm, then a step."""

    def step(
        i: int, net: nn.Module, batch: Any, loss: Callable[..., Tensor], optimizer: torch.optim.Optimizer
    ) -> Tensor:
        inputs, targets = batch
        cost = loss(net(inputs), targets)
        (cost / 4).backward()
        if i % 4 == 3:
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
        return cost.detach()

    net = m.Recurrent(nn.GRU(1, 24, batch_first=True), 3)
    return program(net, nn.CrossEntropyLoss(), m.waves(), 1e-2, Adam, batch_size=4, epochs=5, step=r.counted(step))


@healthy(data="digits", source="report")
def the_tutorial_of_transfer_learning() -> Arguments:
    """A body trained on the digits below five is frozen; a new head learns the others, the optimizer has the head only."""
    (x, y), (u, v) = digits()
    body = nn.Sequential(nn.Linear(64, 128), nn.ReLU())
    r.pretrained(nn.Sequential(body, nn.Linear(128, 5)), (x[y < 5], y[y < 5]), steps=40)
    body.requires_grad_(False)
    head = nn.Linear(128, 5)
    data = (x[y > 4], y[y > 4] - 5), (u[v > 4], v[v > 4] - 5)
    optimizer = SGD(head.parameters(), 0.05, momentum=0.9)
    return program(nn.Sequential(body, head), nn.CrossEntropyLoss(), data, optimizer=optimizer, epochs=10)


@healthy(data="cifar")
def a_rate_that_halves_when_the_loss_stalls() -> Arguments:
    """ReduceLROnPlateau is stepped with the loss of a batch; batch normalisation, weight decay, flips to the side."""
    net = cnn(3, 32, 4, width=12, norm=nn.BatchNorm2d)
    optimizer = SGD(net.parameters(), 0.05, momentum=0.9, weight_decay=5e-4)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=40)

    def step(net: nn.Module, batch: Any, loss: Callable[..., Tensor], optimizer: torch.optim.Optimizer) -> Tensor:
        inputs, targets = batch
        inputs = torch.where(torch.rand(len(inputs), 1, 1, 1) < 0.5, inputs, inputs.flip(3))
        optimizer.zero_grad()
        cost = loss(net(inputs), targets)
        cost.backward()
        optimizer.step()
        scheduler.step(float(cost))
        return cost.detach()

    return program(net, nn.CrossEntropyLoss(), m.cifar(), optimizer=optimizer, epochs=10, step=step)
