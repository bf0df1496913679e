"""Programs written apart, by people who had not seen the doctor: half of them ordinary, half odd and sound."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from . import materials as m
from .materials import SGD, Adam, Split, both, mlp, program, split, standard
from .registry import Arguments, healthy
from .reported_materials import counted

# --- data -------------------------------------------------------------------------------------------------------------


@cache
def houses(count: int = 900) -> Split:
    """(n, 5): lot and living area in square feet, year, baths, kilometres to the centre; the price (n, 1) in dollars."""
    rng = np.random.default_rng(1)
    lot, living = rng.uniform(2_000, 20_000, count), rng.uniform(600, 4_000, count)
    year, baths, far = rng.integers(1900, 2021, count), rng.integers(1, 5, count), rng.uniform(0, 40, count)
    price = 180 * living * np.exp(-far / 30) * (0.8 + 0.1 * baths) + 8 * lot * np.exp(-far / 12) + 400 * (year - 1900)
    price *= 1 + 0.06 * rng.standard_normal(count)
    return split(np.stack([lot, living, year, baths, far], 1), price[:, None], count // 3)


@cache
def bikes(count: int = 1200) -> Split:
    """(n, 5): the hour as sine and cosine, temperature, humidity, working day; how many bikes are hired (n, 1)."""
    rng = np.random.default_rng(2)
    hour, warm, wet = rng.integers(0, 24, count), rng.uniform(-1, 1, count), rng.uniform(-1, 1, count)
    work = rng.integers(0, 2, count)
    peaks = np.exp(-(((hour - 8) / 2) ** 2)) + 1.3 * np.exp(-(((hour - 17) / 2.5) ** 2))
    day = np.exp(-(((hour - 14) / 5) ** 2))
    mean = 40 + 420 * np.where(work == 1, peaks, day) * (1 + 0.5 * warm) * (1 - 0.25 * wet)
    x = np.stack([np.sin(hour * np.pi / 12), np.cos(hour * np.pi / 12), warm, wet, work - 0.5], 1)
    return split(x, rng.poisson(mean)[:, None].astype(float), count // 3)


@cache
def activities(count: int = 900) -> Split:
    """Accelerations (n, 3, 50) of five activities, with another phase and strength each time."""
    rng = np.random.default_rng(3)
    y, t = rng.integers(0, 5, count), np.arange(50) / 25
    beat = np.array([0.2, 0.8, 1.4, 2.2, 3.0])[y][:, None] * rng.uniform(0.9, 1.1, (count, 1))
    phase, strong = rng.uniform(0, 6.3, (count, 1)), rng.uniform(0.7, 1.3, (count, 1))
    waves = [np.sin(2 * np.pi * beat * t + phase + k) * strong * (1 - 0.3 * k) for k in range(3)]
    return split(np.stack(waves, 1) + 0.4 * rng.standard_normal((count, 3, 50)), y, count // 3)


@cache
def shapes(count: int = 900) -> Split:
    """Photographs (n, 20, 20, 3) of a disc, a frame, a cross or a bar in any colour and place; which."""
    rng = np.random.default_rng(4)
    y = rng.integers(0, 4, count)
    x = 0.15 * rng.standard_normal((count, 20, 20, 3)) + 0.3
    row, column = np.mgrid[-4:5, -4:5]
    square = np.maximum(abs(row), abs(column))
    forms = (row**2 + column**2 <= 12, square == 4, abs(row) * abs(column) == 0, abs(row - column) <= 1)
    for i, kind in enumerate(y):
        r, c = rng.integers(0, 12, 2)
        x[i, r : r + 9, c : c + 9] += forms[kind][..., None] * rng.uniform(-0.2, 0.7, 3)
    return split(x, y, count // 3)


@cache
def tickets(count: int = 1500, topics: int = 20) -> Split:
    """Messages (n, 15) of 300 words, of which two in five are typical of the topic; the topic."""
    rng = np.random.default_rng(6)
    y = rng.integers(0, topics, count)
    typical = rng.integers(0, 300, (topics, 10))
    words = np.where(
        rng.random((count, 15)) < 0.4,
        typical[y[:, None], rng.integers(0, 10, (count, 15))],
        rng.integers(0, 300, (count, 15)),
    )
    return split(words, y, count // 3)


@cache
def molecules(count: int = 900, atoms: int = 8) -> Split:
    """(n, atoms, 4 + atoms): the kind of each atom as one-hot, and its row of bonds; an energy (n, 1)."""
    rng = np.random.default_rng(7)
    kinds = np.eye(4)[rng.integers(0, 4, (count, atoms))]
    bonds = np.triu(rng.random((count, atoms, atoms)) < 0.25, 1)
    bonds = (bonds + bonds.transpose(0, 2, 1)).astype(float)
    own, pair = rng.standard_normal(4), rng.standard_normal((4, 4))
    energy = (kinds @ own).sum(1) + 0.5 * np.einsum("nai,nab,nbj,ij->n", kinds, bonds, kinds, pair)
    energy += 0.1 * rng.standard_normal(count)
    return split(np.concatenate([kinds, bonds], 2), energy[:, None] / energy.std(), count // 3)


class Messages(nn.Module):
    """Two rounds of messages along the bonds, a sum over the atoms, a number for each molecule (n, 1)."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.embed, self.head = nn.Linear(4, width), mlp(width, width, 1)
        self.rounds = nn.ModuleList(nn.Linear(2 * width, width) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        h, bonds = self.embed(x[..., :4]).relu(), x[..., 4:]
        for layer in self.rounds:
            h = h + layer(torch.cat([h, bonds @ h], 2)).relu()
        out: Tensor = self.head(h.mean(1))
        return out


@cache
def arm(count: int = 900) -> Split:
    """Three angles of a robot's arm, and where its hand is (n, 2)."""
    rng = np.random.default_rng(8)
    angles = rng.uniform(-1.6, 1.6, (count, 3))
    total = angles.cumsum(1)
    hand = np.stack([np.cos(total) @ [1, 0.7, 0.4], np.sin(total) @ [1, 0.7, 0.4]], 1)
    return split(angles, hand + 0.02 * rng.standard_normal(hand.shape), count // 3)


@cache
def preferences(count: int = 3000) -> Split:
    """User of 40 and two songs of 50 (n, 3); whether the first is preferred (n, 1)."""
    rng = np.random.default_rng(9)
    taste, song = rng.standard_normal((40, 3)), rng.standard_normal((50, 3))
    user, (a, b) = rng.integers(0, 40, count), rng.integers(0, 50, (2, count))
    y = (taste[user] * (song[a] - song[b])).sum(1) + 0.3 * rng.standard_normal(count) > 0
    return split(np.stack([user, a, b], 1), y[:, None].astype(float), count // 4)


class Ranking(nn.Module):
    """By how much a user prefers the first of two songs (n, 1)."""

    def __init__(self, width: int = 6) -> None:
        super().__init__()
        self.user, self.song = nn.Embedding(40, width), nn.Embedding(50, width)
        for table in (self.user, self.song):
            nn.init.normal_(table.weight, std=0.3)

    def forward(self, x: Tensor) -> Tensor:
        user, first, second = self.user(x[:, 0]), self.song(x[:, 1]), self.song(x[:, 2])
        return (user * (first - second)).sum(1, keepdim=True)


@cache
def findings(count: int = 1200) -> Split:
    """Twenty measurements of a patient and which of five findings (n, 5) there are: none, one or several."""
    rng = np.random.default_rng(10)
    x = rng.standard_normal((count, 20))
    score = x @ rng.standard_normal((20, 5)) / 4 + 0.1 * rng.standard_normal((count, 5))
    return split(x, (score + 0.5 * x[:, :5] * x[:, 5:10] > 0.2).astype(float), count // 3)


@cache
def load(window: int = 24, count: int = 1000) -> Split:
    """A day of a household's hours, scaled (n, 24, 1), and the next hour (n, 1); the last hours are for validation."""
    rng, t = np.random.default_rng(11), np.arange(count + window)
    noise = 0.25 * rng.standard_normal(len(t))
    values = np.sin(t * np.pi / 12) + 0.6 * np.cos(t * np.pi / 6 + 0.5) + 0.4 * (t // 24 % 7 > 4) + noise
    windows = torch.from_numpy(values).float().unfold(0, window, 1)[:count, :, None]
    y, cut = torch.from_numpy(values[window:, None]).float(), count * 2 // 3
    return (windows[:cut], y[:cut]), (windows[cut + window :], y[cut + window :])


@cache
def bursts(count: int = 500) -> Split:
    """Signals (n, 1, 64) and where in them something happens (n, 1, 64)."""
    rng, t = np.random.default_rng(12), np.arange(64)
    start, long = rng.integers(4, 44, (count, 1)), rng.integers(8, 17, (count, 1))
    inside = (t >= start) & (t < start + long)
    x = np.sin(t * rng.uniform(0.8, 1.4, (count, 1))) * inside + 0.35 * rng.standard_normal((count, 64))
    return split(x[:, None], inside[:, None].astype(float), count // 4)


def convolutions(inputs: int, outputs: int, width: int = 24) -> nn.Sequential:
    """(n, inputs, steps) → (n, outputs)."""
    return nn.Sequential(
        *(nn.Conv1d(inputs, width, 5, 2, 2), nn.ReLU(), nn.Conv1d(width, width, 5, 2, 2), nn.ReLU()),
        *(nn.AdaptiveAvgPool1d(4), nn.Flatten(), nn.Linear(4 * width, outputs)),
    )


def along(width: int = 16) -> nn.Sequential:
    """(n, 1, steps) → (n, 1, steps)."""
    inner = (nn.Conv1d(1, width, 7, padding=3), nn.ReLU(), nn.Conv1d(width, width, 7, padding=3), nn.ReLU())
    return nn.Sequential(*inner, nn.Conv1d(width, 1, 1))


def loaders(data: Split, size: int = 32, *, shuffle: bool = True) -> tuple[DataLoader[Any], DataLoader[Any]]:
    first, second = (TensorDataset(*pair) for pair in data)
    return DataLoader(first, size, shuffle=shuffle), DataLoader(second, 200)


def channels_first(data: Split) -> Split:
    return both(data, lambda x: x.permute(0, 3, 1, 2).contiguous())


BLOCKS = ((3, 16, 2), (16, 32, 10))  # channels before and after, pooling


# --- ordinary ---------------------------------------------------------------------------------------------------------


@healthy(data="houses", score="R2")
def a_scaled_table_of_houses() -> Arguments:
    """Five columns and a price, all scaled; two hidden layers, Adam."""
    return program(mlp(5, 64, 32, 1), nn.MSELoss(), standard(houses(), targets=True), 5e-3, Adam, epochs=40)


@healthy(data="activities")
def five_activities_by_convolutions() -> Arguments:
    """Three axes of a telephone's sensor, two convolutions over time."""
    return program(convolutions(3, 5), nn.CrossEntropyLoss(), loaders(activities()), 3e-3, Adam, epochs=15)


@healthy(data="shapes")
def four_shapes_in_any_colour() -> Arguments:
    """Convolutions with batch normalisation and maximum pooling, SGD with momentum and a little decay."""
    block = [(nn.Conv2d(a, b, 5, padding=2), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(k)) for a, b, k in BLOCKS]
    net = nn.Sequential(*(layer for layers in block for layer in layers), nn.Flatten(), nn.Linear(32, 4))
    optimizer = SGD(net.parameters(), lr=0.03, momentum=0.9, weight_decay=1e-4)
    return program(net, F.cross_entropy, channels_first(shapes()), optimizer=optimizer, epochs=20)


@healthy(data="tickets")
def tickets_by_their_mean_word() -> Arguments:
    """Twenty topics from the mean of 15 word vectors."""
    return program(m.Averaged(300, 20), nn.CrossEntropyLoss(), loaders(tickets()), 1e-2, Adam, epochs=12)


@healthy(data="molecules", score="R2")
def energies_by_two_rounds_of_messages() -> Arguments:
    """A graph net over eight atoms; the energy as a mean over the atoms."""
    return program(Messages(), nn.MSELoss(), molecules(), 3e-3, Adam, epochs=30)


@healthy(data="arm", score="R2")
def a_hand_from_three_angles() -> Arguments:
    """Kinematics of a robot's arm by two layers of tanh."""
    return program(mlp(3, 64, 64, 2, act=nn.Tanh), nn.MSELoss(), loaders(arm()), 3e-3, Adam, epochs=25)


@healthy(data="load", score="R2")
def the_next_hour_by_a_gru() -> Arguments:
    """A day of hours, then one more; validation is later in time."""
    net = m.Recurrent(nn.GRU(1, 24, batch_first=True), 1)
    return program(net, nn.MSELoss(), loaders(load()), 1e-2, Adam, epochs=12)


@healthy(data="bursts", score="accuracy of logits")
def events_along_a_signal() -> Arguments:
    """For each of 64 moments whether something happens, by three convolutions."""
    return program(along(), nn.BCEWithLogitsLoss(), loaders(bursts(), 16), 3e-3, Adam, epochs=12)


@healthy(data="preferences", score="accuracy of logits")
def the_better_of_two_songs() -> Arguments:
    """Vectors for users and songs, trained on which of two songs was preferred."""
    optimizer = torch.optim.AdamW((net := Ranking()).parameters(), lr=2e-2, weight_decay=1e-2)
    return program(net, nn.BCEWithLogitsLoss(), loaders(preferences(), 64), optimizer=optimizer, epochs=15)


@healthy(data="findings", score="accuracy of logits")
def five_findings_at_once() -> Arguments:
    """Five yes-or-no questions about twenty measurements, one logit for each."""
    return program(mlp(20, 64, 5), nn.BCEWithLogitsLoss(), loaders(findings()), 3e-3, Adam, epochs=15)


# --- odd and sound ----------------------------------------------------------------------------------------------------


@healthy(data="own table", score="R2")
def harvests_that_the_weather_decides() -> Arguments:
    """What is known before the season explains a quarter of the harvest; more is not to be had."""
    rng = np.random.default_rng(20)
    x = rng.standard_normal((1500, 6))
    y = np.tanh(x[:, 0]) + 0.5 * x[:, 1] + 1.5 * rng.standard_normal(1500)
    net, data = mlp(6, 8, 1), split(x, y[:, None] / y.std(), 500)
    return program(net, nn.MSELoss(), data, 0.02, epochs=15)


@healthy(data="own table")
def three_of_ten_labels_by_chance() -> Arguments:
    """Annotators guess three times in ten; 85 of 100 are all that can be had, and a small net is near it."""
    rng = np.random.default_rng(21)
    x = rng.standard_normal((1800, 4))
    y = np.where(rng.random(1800) < 0.3, rng.integers(0, 2, 1800), x[:, 0] + x[:, 1] * 0.5 > 0)
    return program(mlp(4, 8, 2), F.cross_entropy, split(x, y.astype(int), 600), 0.1, epochs=10)


@healthy(data="own table")
def a_hundred_samples_of_eighty_genes() -> Arguments:
    """Logistic regression with a decay of 0.3: better than none by some hundredths, as columns are as many as rows."""
    rng = np.random.default_rng(22)
    y = rng.integers(0, 2, 1100)
    x = rng.standard_normal((1100, 80)) + 0.3 * (2 * y[:, None] - 1) * (np.arange(80) < 20)
    net = nn.Linear(80, 2)
    optimizer = SGD(net.parameters(), lr=0.07, weight_decay=0.3)
    return program(net, F.cross_entropy, split(x, y, 1000), optimizer=optimizer, batch_size=16, epochs=60)


@healthy(data="own table")
def a_policy_from_single_rewards() -> Arguments:
    """One of four offers is drawn and only its reward is seen; the loss is small, of either sign, and says nothing."""
    rng = np.random.default_rng(23)
    x = rng.standard_normal((1200, 5))
    reward = 2 * x @ rng.standard_normal((5, 4)) / 5**0.5 + 0.1 * rng.standard_normal((1200, 4))

    def loss(logits: Tensor, reward: Tensor) -> Tensor:
        offer = torch.distributions.Categorical(logits=logits.detach()).sample()[:, None]
        gain = reward.gather(1, offer)
        advantage = gain - gain.mean()
        return -(advantage * logits.log_softmax(1).gather(1, offer)).mean()

    return program(mlp(5, 32, 4), loss, split(x, reward, 400), 1e-2, Adam, epochs=40)


@healthy(data="load", score="R2")
def daily_curves_by_a_variational_code() -> Arguments:
    """The divergence has a weight that grows for 200 steps, so the loss may rise; squares are summed over the hours."""
    data = m.own(both(load(), lambda x: x[..., 0]))

    def loss(out: tuple[Tensor, Tensor, Tensor], x: Tensor, weight: float = 0.1) -> Tensor:
        return ((out[0] - x) ** 2).sum(1).mean() + weight * m.kl(*out[1:]).mean()

    def step(count: int, net: nn.Module, batch: Any, loss: Any, optimizer: Any) -> Tensor:
        optimizer.zero_grad()
        cost: Tensor = loss(net(batch[0]), batch[1], 0.1 * min(1.0, count / 200))
        cost.backward()
        optimizer.step()
        return cost.detach()

    net = m.VAE(24, 4, last=nn.Identity())
    return program(net, loss, data, 5e-3, Adam, step=counted(step), epochs=40)


@healthy(data="bikes", score="R2")
def bikes_by_a_poisson_likelihood() -> Arguments:
    """Counts of hundreds, not scaled; the net ends in exp, and the loss is minus some thousands."""
    net = mlp(5, 64, 64, 1, last=(m.Do(torch.exp),))
    return program(net, nn.PoissonNLLLoss(log_input=False), loaders(bikes()), 5e-3, Adam, epochs=30)


@healthy(data="tickets")
def four_tickets_a_batch_four_batches_a_step() -> Arguments:
    """Batches of four, gathered and divided by four, clipped at 1 before each step."""

    def step(count: int, net: nn.Module, batch: Any, loss: Any, optimizer: Any) -> Tensor:
        cost: Tensor = loss(net(batch[0]), batch[1])
        (cost / 4).backward()
        if count % 4 == 3:
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
        return cost.detach()

    net = m.Averaged(300, 20)
    return program(net, nn.CrossEntropyLoss(), loaders(tickets(), 4), 1e-2, Adam, step=counted(step), epochs=6)


@healthy(data="activities")
def a_teacher_that_is_the_average() -> Arguments:
    """Besides the labels, the answers to noisy signals are drawn to those of the average of the weights so far."""
    net = convolutions(3, 5)
    teacher = copy.deepcopy(net).requires_grad_(False)

    def step(net: nn.Module, batch: Any, loss: Any, optimizer: Any) -> Tensor:
        optimizer.zero_grad()
        out = net(batch[0] + 0.2 * torch.randn_like(batch[0]))
        cost: Tensor = loss(out, batch[1]) + F.mse_loss(out.softmax(1), teacher(batch[0]).softmax(1))
        cost.backward()
        optimizer.step()
        for mean, weight in zip(teacher.parameters(), net.parameters(), strict=True):
            mean.lerp_(weight.detach(), 0.05)
        return cost.detach()

    return program(net, nn.CrossEntropyLoss(), activities(), 3e-3, Adam, step=step, epochs=15)


@healthy(data="own sensors", score="balanced accuracy")
def three_leaks_in_a_hundred() -> Arguments:
    """Leaks are rare and unlike all else: no weights are needed, and the accuracy starts at 97 %."""
    rng = np.random.default_rng(24)
    y = (rng.random(2400) < 0.03).astype(int)
    x = rng.standard_normal((2400, 8)) + 3.0 * y[:, None] * (np.arange(8) < 4)
    return program(mlp(8, 16, 2), F.cross_entropy, split(x, y, 800), 1e-2, Adam, epochs=10)


@healthy(data="arm", score="R2")
def slow_weights_that_look_ahead() -> Arguments:
    """Every fifth step the weights go back half of the way to where they were five steps ago."""
    net = mlp(3, 64, 64, 2)
    slow = [p.detach().clone() for p in net.parameters()]

    def step(count: int, net: nn.Module, batch: Any, loss: Any, optimizer: Any) -> Tensor:
        optimizer.zero_grad()
        cost: Tensor = loss(net(batch[0]), batch[1])
        cost.backward()
        optimizer.step()
        if count % 5 == 4:
            with torch.no_grad():
                for before, p in zip(slow, net.parameters(), strict=True):
                    p.copy_(before.lerp_(p, 0.5))
        return cost.detach()

    return program(net, nn.MSELoss(), arm(), 1e-2, Adam, step=counted(step), epochs=25)
