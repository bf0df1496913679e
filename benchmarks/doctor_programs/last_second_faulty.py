"""Programs written apart, by people who had not seen the doctor: what practitioners bring along, in its plainest form."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import materials as m
from .last_second_healthy import (
    Messages,
    Ranking,
    activities,
    along,
    arm,
    bikes,
    bursts,
    channels_first,
    convolutions,
    findings,
    houses,
    load,
    loaders,
    molecules,
    preferences,
    shapes,
    tickets,
)  # fmt: skip
from .materials import SGD, Adam, Pair, Split, both, mlp, program, split, standard
from .registry import Arguments, faulty
from .reported_materials import Changed, Step, counted


@cache
def moves(count: int = 1200) -> Split:
    """Boards (n, 2, 9, 9), the player in one plane and the goal in the other; the move: up, left, down, right."""
    rng = np.random.default_rng(5)
    x = np.zeros((count, 2, 9, 9))
    me, goal = rng.integers(0, 9, (2, count, 2))
    x[np.arange(count), 0, me[:, 0], me[:, 1]] = x[np.arange(count), 1, goal[:, 0], goal[:, 1]] = 1
    down, right = (goal - me).T
    y = np.where(abs(down) > abs(right), np.where(down < 0, 0, 2), np.where(right < 0, 1, 3))
    return split(x, y, count // 3)


# --- data that are not as they should be ------------------------------------------------------------------------------


@faulty(
    "unscaled_input",
    data="houses",
    source="report",
    also=("learning_rate_too_high",),
    score="R2",
    where=("column 0", "column 1", "column 2", "optimizer"),
)
def lots_beside_bathrooms(broken: bool) -> Arguments:
    """forum: house prices, the loss is nan from the second batch on; only the prices went through the scaler."""
    scaled = standard(houses(), targets=True)
    data = tuple((x, y) for (x, _), (_, y) in zip(houses(), scaled, strict=True)) if broken else scaled
    return program(mlp(5, 64, 32, 1), nn.MSELoss(), data, 0.01, epochs=40)


@faulty(
    "unscaled_target",
    data="bikes",
    source="report",
    also=("learning_rate_too_low", "undertrained"),
    score="R2",
    where=("train targets", "optimizer"),
)
def bikes_by_the_hundred(broken: bool) -> Arguments:
    """question: predictions grow slowly from 0 and are far below the counts; inputs are scaled, counts are not."""
    data = both(bikes(), targets=lambda y: y if broken else (y - 250) / 220)
    return program(mlp(5, 64, 64, 1), nn.MSELoss(), loaders(data), 1e-3, Adam, epochs=30)


@faulty("inputs_targets_misaligned", data="wine", source="report", where=("train", "validation"))
def labels_joined_by_another_order(broken: bool) -> Arguments:
    """question: accuracy at chance; the table was sorted by a column, the labels were taken from the file's order."""
    (x, y), (u, v) = standard(m.table("wine"))
    x, y = torch.cat([x, u]), torch.cat([y, v])
    order = x[:, 2].argsort()
    data = split(x[order], y if broken else y[order], 60)
    return program(mlp(13, 32, 3), F.cross_entropy, data, 1e-2, Adam, epochs=20)


@faulty("not_shuffled", data="activities", source="report", where="train")
def one_activity_after_the_other(broken: bool) -> Arguments:
    """issue: accuracy jumps between 20 % and 40 %; recordings are read folder by folder, DataLoader without shuffle."""
    (x, y), validation = activities()
    order = y.argsort(stable=True)
    data = loaders(((x[order], y[order]), validation), shuffle=not broken)
    return program(convolutions(3, 5), nn.CrossEntropyLoss(), data, 0.05, epochs=15)


@faulty("split_leakage", data="own table", source="report", where="validation")
def two_exports_that_overlap(broken: bool) -> Arguments:
    """question: 95 % in validation and 65 % in use; two exports were concatenated, most rows are in both."""
    rng = np.random.default_rng(13)
    x = rng.standard_normal((500, 25))
    y = (x[:, :3].sum(1) + 2.5 * rng.standard_normal(500) > 0).astype(int)
    if broken:
        x, y = np.concatenate([x, x[:420]]), np.concatenate([y, y[:420]])
    return program(mlp(25, 64, 2), F.cross_entropy, split(x, y, len(x) // 4), 1e-2, Adam, epochs=20)


@faulty("target_in_input", data="own table", source="report", where="column 3")
def what_was_collected_afterwards(broken: bool) -> Arguments:
    """forum: a credit model is right in 99 %; a column holds what was collected from those who had not paid."""
    rng = np.random.default_rng(14)
    income, debt, age = rng.standard_normal((3, 1000))
    unpaid = debt - income + 0.3 * age * debt + 1.5 * rng.standard_normal(1000) > 0.4
    collected = np.where(unpaid, rng.uniform(0.5, 3, 1000), 0)
    x = np.stack([income, debt, age] + [collected] * broken, 1)
    data = loaders(standard(split(x, unpaid.astype(int), 300)))
    return program(mlp(x.shape[1], 32, 2), nn.CrossEntropyLoss(), data, 5e-3, Adam, epochs=15)


@faulty(
    "harmful_augmentation",
    data="moves",
    source="report",
    also=("inputs_targets_misaligned", "label_noise"),
    where="train",
)
def a_board_is_turned_and_the_move_is_not(broken: bool) -> Arguments:
    """forum: a bot copies moves; with turned boards accuracy falls from 90 % to 55 %: the move stays as it was."""

    def turned(x: Tensor, y: Tensor) -> Pair:
        k = int(torch.randint(0, 4, ()))
        return x.rot90(k, (1, 2)), y if broken else (y + k) % 4

    training, validation = moves()
    data = Changed(training, turned), validation
    return program(nn.Sequential(nn.Flatten(), mlp(162, 64, 4)), F.cross_entropy, data, 5e-3, Adam, epochs=25)


@faulty("scrambled_layout", data="shapes", source="report", where="train inputs")
def photographs_by_view(broken: bool) -> Arguments:
    """question: a CNN over arrays of shape (n, height, width, 3) learns little; they went through view(-1, 3, 20, 20)."""
    data = both(shapes(), lambda x: x.reshape(-1, 3, 20, 20)) if broken else channels_first(shapes())
    net = nn.Sequential(
        *(nn.Conv2d(3, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 5, padding=2), nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(32, 4)),
    )
    return program(net, F.cross_entropy, data, 3e-3, Adam, epochs=15)


# --- nets, outputs, losses --------------------------------------------------------------------------------------------


@faulty("double_softmax", data="tickets", source="report", where=("1", "output layer"))
def twenty_topics_and_a_softmax(broken: bool) -> Arguments:
    """question: loss stays near 2.9 for 20 classes of support tickets; nn.Softmax, then CrossEntropyLoss."""
    net = nn.Sequential(m.Averaged(300, 20), *([nn.Softmax(dim=1)] if broken else []))
    optimizer = SGD(net.parameters(), lr=0.2, momentum=0.9)
    return program(net, nn.CrossEntropyLoss(), loaders(tickets()), optimizer=optimizer, epochs=20)


@faulty("broadcast_loss", data="molecules", source="report", score="R2", where=("1", "loss", "output layer"))
def energies_in_a_column(broken: bool) -> Arguments:
    """forum: a graph net predicts the mean for every molecule; its output was squeezed, the energies are (n, 1)."""
    net = nn.Sequential(Messages(), nn.Flatten(0 if broken else 1))
    return program(net, nn.MSELoss(), molecules(), 3e-3, Adam, epochs=20)


@faulty(
    "missing_nonlinearity",
    data="arm",
    source="report",
    also=("underfit",),
    score="R2",
    where=("0", "1", "2", "3", "4", "5", "6"),
)
def an_arm_without_activations(broken: bool) -> Arguments:
    """question: more layers do not help a robot's kinematics; four nn.Linear one after the other and nothing between."""
    act = nn.Identity if broken else nn.Tanh
    return program(mlp(3, 64, 64, 64, 2, act=act), nn.MSELoss(), arm(), 3e-3, Adam, epochs=20)


@faulty(
    "unreachable_targets",
    data="own states",
    source="report",
    also=("saturated_units",),
    score="R2",
    where=("5", "output layer"),
)
def torques_through_a_tanh(broken: bool) -> Arguments:
    """issue: an actor that imitates never pushes hard enough; tanh at the end, torques between -4 and 4."""
    rng = np.random.default_rng(15)
    state = rng.standard_normal((900, 4))
    torque = 2.2 * state[:, :2] - 1.2 * state[:, 2:] + 0.4 * state[:, :2] * state[:, 2:]
    data = split(state, torque, 300)
    net = mlp(4, 64, 64, 2, last=(nn.Tanh(),) if broken else ())
    return program(net, F.smooth_l1_loss, data, 3e-3, Adam, epochs=20)


@faulty("loss_sign", data="preferences", source="report", score="accuracy of logits", where="loss")
def a_ranking_loss_without_its_minus(broken: bool) -> Arguments:
    """issue: the ranking loss goes to minus infinity, recommendations are the worst ones; logsigmoid lost its minus."""

    def loss(difference: Tensor, first: Tensor) -> Tensor:
        likely = F.logsigmoid(difference * (2 * first - 1)).mean()
        return likely if broken else -likely

    return program(Ranking(), loss, loaders(preferences(), 64), 1e-2, Adam, epochs=10)


@faulty("wrong_loss_for_task", data="findings", source="report", score="accuracy of logits", where="loss")
def findings_by_cross_entropy(broken: bool) -> Arguments:
    """question: of several findings of one patient the net marks too few or too many; CrossEntropyLoss on zeros and ones."""
    loss = nn.CrossEntropyLoss() if broken else nn.BCEWithLogitsLoss()
    return program(mlp(20, 64, 5), loss, loaders(findings()), 3e-3, Adam, epochs=15)


@faulty("unstable_operation", data="own compass", source="report", score="R2", where=("loss", "last_second_faulty.py"))
def an_angle_by_arc_cosine(broken: bool) -> Arguments:
    """issue: a loss on rotations is nan after some epochs, when it was good; acos of a product slightly above 1."""
    rng = np.random.default_rng(16)
    angle = rng.uniform(-3.14, 3.14, 900)
    y = np.stack([np.cos(angle), np.sin(angle)], 1)
    x = np.concatenate([y * [1.5, 0.8] + [0.3, -0.2], np.sin(3 * angle)[:, None]], 1) + 0.03 * rng.standard_normal(
        (900, 3)
    )

    def loss(p: Tensor, y: Tensor) -> Tensor:
        cosine = (p * y).sum(1)
        return (cosine if broken else cosine.clamp(-1 + 1e-6, 1 - 1e-6)).acos().mean()

    net = mlp(3, 64, 2, last=(m.Do(lambda x: F.normalize(x, dim=1)),))
    return program(net, loss, split(x, y, 300), 3e-3, Adam, epochs=25)


@faulty("bad_init_scale", data="activities", source="report", also=("exploding_gradient",), where="1")
def every_weight_from_normal(broken: bool) -> Arguments:
    """forum: the first loss is in the thousands; nn.init.normal_(layer.weight) for every layer, as in an old course."""
    net = nn.Sequential(nn.Flatten(), mlp(150, 128, 128, 128, 5))
    for layer in net.modules():
        if broken and isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight)
    return program(net, nn.CrossEntropyLoss(), activities(), 1e-3, Adam, epochs=15)


# --- steps and pace ---------------------------------------------------------------------------------------------------


@faulty("learning_rate_too_high", data="load", source="report", score="R2", where="optimizer")
def a_forecaster_at_a_rate_of_one(broken: bool) -> Arguments:
    """question: an LSTM forecasts a flat line, with any number of units; Adam(lr=1.0)."""
    net = m.Recurrent(nn.LSTM(1, 24, batch_first=True), 1)
    return program(net, nn.MSELoss(), loaders(load()), 1.0 if broken else 1e-2, Adam, epochs=12)


@faulty(
    "learning_rate_too_low",
    data="arm",
    source="report",
    also=("undertrained",),
    score="R2",
    where=("schedule", "step", "optimizer"),
)
def a_tenth_every_seven_batches(broken: bool) -> Arguments:
    """issue: nothing is learned after the first epoch; scheduler.step() stands in the loop over the batches."""
    net = mlp(3, 64, 64, 2)
    optimizer = SGD(net.parameters(), lr=0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 7 if broken else 7 * 19, 0.1)

    def step(net: nn.Module, batch: Any, loss: Any, optimizer: Any) -> Tensor:
        optimizer.zero_grad()
        cost: Tensor = loss(net(batch[0]), batch[1])
        cost.backward()
        optimizer.step()
        schedule.step()
        return cost.detach()

    return program(net, nn.MSELoss(), arm(), optimizer=optimizer, step=step, epochs=21)


@faulty("missing_zero_grad", data="bursts", source="report", score="accuracy of logits", where="step")
def events_with_gradients_of_all_batches(broken: bool) -> Arguments:
    """forum: the loss of an event detector falls, then oscillates wildly; zero_grad() is missing in the loop."""

    def step(net: nn.Module, batch: Any, loss: Any, optimizer: Any) -> Tensor:
        if not broken:
            optimizer.zero_grad()
        cost: Tensor = loss(net(batch[0]), batch[1])
        cost.backward()
        optimizer.step()
        return cost.detach()

    net = along()
    optimizer = SGD(net.parameters(), lr=0.1, momentum=0.9)
    return program(net, nn.BCEWithLogitsLoss(), loaders(bursts(), 16), optimizer=optimizer, step=step, epochs=12)


@faulty("not_in_optimizer", data="preferences", source="report", score="accuracy of logits", where="song")
def only_the_vectors_of_users(broken: bool) -> Arguments:
    """issue: a recommender is barely better than chance; the optimizer was given the parameters of the users alone."""
    net = Ranking(2)
    parts = net.user if broken else net
    return program(net, nn.BCEWithLogitsLoss(), preferences(), optimizer=Adam(parts.parameters(), 1e-2), epochs=15)


@faulty("no_update", data="own sums", source="report", score="R2", where="step")
def backward_was_forgotten(broken: bool) -> Arguments:
    """question: a net shall learn the sum of two numbers and the loss stays; there is no backward() in the loop."""
    x = torch.rand(900, 2, generator=torch.Generator().manual_seed(0))
    data = split(x, x.sum(1, keepdim=True), 300)

    def step(net: nn.Module, batch: Any, loss: Any, optimizer: Any) -> Tensor:
        cost: Tensor = loss(net(batch[0]), batch[1])
        optimizer.zero_grad()
        if not broken:
            cost.backward()
        optimizer.step()
        return cost.detach()

    return program(mlp(2, 16, 1), nn.MSELoss(), data, 1e-2, Adam, step=step, epochs=10)


@faulty("excess_dropout", data="houses", source="report", score="R2", where=("2", "5", "8"))
def dropout_of_eight_tenths_for_prices(broken: bool) -> Arguments:
    """question: the training loss is far above the validation loss and nothing moves; nn.Dropout(0.8) three times."""
    layers: list[nn.Module] = []
    for before in (5, 64, 64):
        layers += [nn.Linear(before, 64), nn.ReLU(), nn.Dropout(0.8 if broken else 0.0)]
    net = nn.Sequential(*layers, nn.Linear(64, 1))
    return program(net, nn.MSELoss(), loaders(standard(houses(), targets=True)), 3e-3, Adam, epochs=25)


@faulty("over_regularised", data="activities", source="report", where="step")
def absolute_weights_are_added(broken: bool) -> Arguments:
    """forum: all predictions become alike; 0.1 times the sum of all absolute weights is added to the loss, not 0.0001."""

    def step(net: nn.Module, batch: Any, loss: Any, optimizer: Any) -> Tensor:
        optimizer.zero_grad()
        penalty = torch.stack([p.abs().sum() for p in net.parameters()]).sum()
        cost: Tensor = loss(net(batch[0]), batch[1]) + (0.1 if broken else 1e-4) * penalty
        cost.backward()
        optimizer.step()
        return cost.detach()

    return program(convolutions(3, 5), nn.CrossEntropyLoss(), activities(), 3e-3, Adam, step=step, epochs=12)


def accumulating(times: int, part: float) -> Step:
    """A step of the optimizer after so many batches, each of whose losses counts for a part."""

    def step(count: int, net: nn.Module, batch: Any, loss: Any, optimizer: Any) -> Tensor:
        cost: Tensor = loss(net(batch[0]), batch[1])
        (cost * part).backward()
        if (count + 1) % times == 0:
            optimizer.step()
            optimizer.zero_grad()
        return cost.detach()

    return counted(step)


@faulty(
    "accumulation_not_divided",
    data="molecules",
    source="report",
    also=("learning_rate_too_high",),
    score="R2",
    where=("step", "optimizer"),
)
def sixteen_batches_of_four_summed(broken: bool) -> Arguments:
    """forum: memory allows batches of four, so sixteen are gathered; now it diverges: the loss was not divided by 16."""
    step = accumulating(16, 1.0 if broken else 1 / 16)
    net = Messages()
    optimizer = SGD(net.parameters(), lr=0.03, momentum=0.9)
    return program(net, nn.MSELoss(), loaders(molecules(), 4), optimizer=optimizer, step=step, epochs=20)
