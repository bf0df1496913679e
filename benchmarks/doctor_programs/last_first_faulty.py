"""Programs of beginners, written apart by people who had not seen the doctor: the usual mistakes in their usual clothes."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from . import materials as m
from .materials import SGD, Adam, both, mlp, program, split, standard
from .registry import Arguments, faulty

Pair = tuple[Tensor, Tensor]


# --- tables that courses use ------------------------------------------------------------------------------------------


@cache
def districts(count: int = 1200) -> m.Split:
    """(n, 5): income, age, rooms, bedrooms, distance to the sea; the median price of a house in dollars (n, 1)."""
    rng = np.random.default_rng(3)
    income, age, sea = rng.gamma(4, 1, count), rng.uniform(1, 52, count), rng.uniform(0, 1, count)
    rooms = 5 + income / 3 + rng.standard_normal(count)
    bedrooms = rooms / 5 + 0.1 * rng.standard_normal(count)
    price = 40_000 + 38_000 * income + 120_000 * np.exp(-4 * sea) + 1_000 * age + 15_000 * rng.standard_normal(count)
    return split(np.stack([income, age, rooms, bedrooms, sea], 1), price[:, None], count // 4)


@cache
def passengers(count: int = 1000) -> m.Split:
    """(n, 5): class, sex, age, relatives, logarithm of the fare; who survived, 0 or 1, which chance decides in part."""
    rng = np.random.default_rng(5)
    rank, woman = rng.integers(1, 4, count), rng.random(count) < 0.36
    age, relatives = rng.uniform(1, 70, count), rng.poisson(0.8, count)
    fare = 4.5 - 0.9 * rank + 0.5 * rng.standard_normal(count)
    score = 2.4 + 3.0 * woman - 1.2 * rank - 0.03 * age - 0.3 * relatives
    survived = rng.random(count) < 1 / (1 + np.exp(-1.5 * score))
    return split(np.stack([rank, woman, age, relatives, fare], 1), survived.astype(int), count // 4)


def column(data: m.Split) -> m.Split:
    return both(data, targets=lambda y: y.float().reshape(-1, 1))


class Rows(Dataset[Pair]):
    """The data set of every first project: samples and labels, one by one."""

    def __init__(self, x: Tensor, y: Tensor) -> None:
        self.x, self.y = x, y

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, i: int) -> Pair:
        return self.x[i], self.y[i]


def loaders(data: m.Split, size: int = 32, shuffle: bool = True) -> tuple[DataLoader[Pair], DataLoader[Pair]]:
    return DataLoader(Rows(*data[0]), size, shuffle=shuffle), DataLoader(Rows(*data[1]), 256)


# --- data -------------------------------------------------------------------------------------------------------------


@faulty("unscaled_input", data="mnist", source="report", where="train inputs")
def grey_values_as_they_were_downloaded(broken: bool) -> Arguments:
    """question: dense layers on images give 20 %; the pixels were never divided by 255."""
    data = both(m.mnist(1500), lambda x: (x * (255 if broken else 1)).flatten(1))
    net = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10))
    return program(net, nn.CrossEntropyLoss(), loaders(data), optimizer=SGD(net.parameters(), 0.02, 0.9), epochs=6)


@faulty("unscaled_target", data="districts", source="report", score="R2", where="train targets")
def median_prices_in_dollars(broken: bool) -> Arguments:
    """question: the loss is 40 billion and hardly falls; inputs went through StandardScaler, prices did not."""
    data = standard(districts(), targets=not broken)
    return program(mlp(5, 64, 64, 1), nn.MSELoss(), data, 1e-3, Adam, epochs=20)


@faulty("nan_in_data", data="districts", source="report", score="R2", where="column 3")
def bedrooms_left_blank(broken: bool) -> Arguments:
    """question: loss is nan from the first epoch; in a few districts the number of bedrooms is missing."""
    (x, y), validation = standard(districts(), targets=True)
    blank = torch.arange(len(x)) % 47 == 5
    x = x.clone()
    x[blank, 3] = float("nan") if broken else 0.0
    return program(mlp(5, 32, 1), nn.MSELoss(), loaders(((x, y), validation)), 3e-3, Adam, epochs=20)


@faulty("inputs_targets_misaligned", data="digits", source="report", where="train")
def mirrored_copies_between_the_originals(broken: bool) -> Arguments:
    """forum: chance level after augmenting the arrays; images go a, a', b, b', the labels were repeated as a list."""
    (x, y), validation = m.digit_images()
    images = torch.stack([x, x.roll(1, 3)], 1).flatten(0, 1)
    labels = torch.cat([y, y]) if broken else y.repeat_interleave(2)
    net = m.cnn(1, 8, 10)
    return program(net, nn.CrossEntropyLoss(), ((images, labels), validation), 3e-3, Adam, batch_size=64, epochs=6)


@faulty("not_shuffled", data="cifar", source="report", where="train")
def an_image_folder_in_its_order(broken: bool) -> Arguments:
    """forum: a CNN always answers the last class; ImageFolder goes class by class, and shuffle=True was forgotten."""
    (x, y), validation = standard(m.cifar(4, 300))
    order = y.argsort()
    data = loaders(((x[order], y[order]), validation), shuffle=not broken)
    net = nn.Sequential(
        *(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(4), nn.Conv2d(16, 24, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(216, 48), nn.ReLU(), nn.Linear(48, 4)),
    )
    return program(net, nn.CrossEntropyLoss(), data, 2e-3, Adam, epochs=8)


@faulty("target_in_input", data="passengers", source="report", score="accuracy of logits", where="column 5")
def alive_beside_survived(broken: bool) -> Arguments:
    """question: too good to be true, 100 % on the ship's passengers; the column "alive" says the same as "survived"."""
    data = standard(passengers())
    if broken:
        (x, y), (u, v) = data
        data = (torch.cat([x, 2 * y[:, None] - 1.0], 1), y), (torch.cat([u, 2 * v[:, None] - 1.0], 1), v)
    net = mlp(5 + broken, 16, 1)
    return program(net, nn.BCEWithLogitsLoss(), column(data), 1e-2, Adam, epochs=12)


def cropped(x: Tensor, least: float, most: float) -> Tensor:
    """A random piece of the batch, of a share of its area, stretched to the full size."""
    side = round(28 * float(torch.empty(()).uniform_(least, most)) ** 0.5)
    row, left = (int(torch.randint(0, 29 - side, ())) for _ in range(2))
    return F.interpolate(x[:, :, row : row + side, left : left + side], 28, mode="bilinear")


@faulty("harmful_augmentation", data="mnist", source="report", where=("step", "train inputs"))
def pieces_of_handwritten_digits(broken: bool) -> Arguments:
    """forum: the transforms of an ImageNet script on MNIST: RandomResizedCrop shows a tenth of a digit, validation all."""

    def step(net: nn.Module, batch: Pair, loss: nn.Module, optimizer: torch.optim.Optimizer) -> Tensor:
        images, labels = batch
        images = cropped(images, 0.05, 0.25) if broken else cropped(images, 0.8, 1.0)
        optimizer.zero_grad()
        cost: Tensor = loss(net(images), labels)
        cost.backward()
        optimizer.step()
        return cost.detach()

    return program(m.cnn(1, 28, 10), nn.CrossEntropyLoss(), m.mnist(1500), 3e-3, Adam, epochs=14, step=step)


@faulty("scrambled_layout", data="cifar", source="report", also=("inputs_targets_misaligned",), where="train")
def a_mat_file_by_reshape(broken: bool) -> Arguments:
    """question: house numbers from a .mat file, (32, 32, 3, n); X.reshape(-1, 3, 32, 32) runs, and accuracy is chance."""

    def image(x: Tensor) -> Tensor:
        stored = x.permute(2, 3, 1, 0).contiguous()
        return stored.reshape(-1, 3, 32, 32) if broken else stored.permute(3, 2, 0, 1).contiguous()

    data = both(m.cifar(4, 400), image)
    net = m.cnn(3, 32, 4, norm=nn.BatchNorm2d)
    return program(net, nn.CrossEntropyLoss(), loaders(data), 1e-3, Adam, epochs=6)


# --- net, output and loss ---------------------------------------------------------------------------------------------


class Classifier(nn.Module):
    """Three dense layers as in a first course, and what comes after the last."""

    def __init__(self, inputs: int, classes: int, last: nn.Module | None = None) -> None:
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(inputs, 64), nn.Linear(64, 32), nn.Linear(32, classes)
        self.last = last

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        x = self.fc3(x)
        return self.last(x) if self.last else x


@faulty("double_softmax", data="digits", source="report", where=("last", "output layer"))
def softmax_because_it_is_a_classifier(broken: bool) -> Arguments:
    """forum: the loss sticks at 2.2 for ten digits; "a classifier needs a softmax", and CrossEntropyLoss has one."""
    net = Classifier(64, 10, nn.Softmax(dim=1) if broken else None)
    return program(net, nn.CrossEntropyLoss(), loaders(m.digits()), 0.1, epochs=15)


@faulty("activated_logits", data="mnist", source="report", also=("dead_units",), where=("3", "output layer"))
def relu_after_the_last_layer(broken: bool) -> Arguments:
    """forum: some digits are never predicted; return F.relu(self.fc2(x)) into CrossEntropyLoss."""
    last = (nn.ReLU(),) if broken else ()
    data = both(m.mnist(1500), lambda x: x.flatten(1))
    net = mlp(784, 100, 10, act=nn.Sigmoid, last=last)
    return program(net, nn.CrossEntropyLoss(), data, 1e-2, Adam, batch_size=64, epochs=6)


@faulty(
    "single_unit_softmax", data="spam", source="report", score="accuracy of probabilities", where=("1", "output layer")
)
def one_unit_with_softmax_for_spam(broken: bool) -> Arguments:
    """question: accuracy equals the share of one class from the first epoch; Dense(1, softmax) with BCELoss."""
    net = nn.Sequential(m.Averaged(600, 1), nn.Softmax(dim=1) if broken else nn.Sigmoid())
    return program(net, nn.BCELoss(), column(m.texts("sms-spam", 1600)), 1e-2, Adam, epochs=8)


@faulty("broadcast_loss", data="curve", source="report", score="R2", where=("loss", "train targets"))
def a_surface_with_flat_targets(broken: bool) -> Arguments:
    """forum: the net predicts the mean everywhere; MSELoss warns that target size (32) differs from (32, 1)."""
    draw = np.random.default_rng(1)
    x = draw.uniform(-2, 2, (800, 2))
    y = np.sin(2 * x[:, 0]) * x[:, 1] + 0.05 * draw.standard_normal(800)
    data = split(x, y if broken else y[:, None], 200)
    return program(mlp(2, 64, 64, 1, act=nn.Tanh), nn.MSELoss(), loaders(data), 5e-3, Adam, epochs=25)


@faulty("missing_nonlinearity", data="curve", source="report", score="R2", where=("0", "1", "2"))
def a_parabola_by_three_linear_layers(broken: bool) -> Arguments:
    """question: my network can only draw a straight line; nn.Linear after nn.Linear in a Sequential."""
    x = torch.linspace(-1, 1, 400)[:, None]
    data = split(x, 4 * x**2 - 1 + 0.1 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0)), 100)
    act = nn.Identity if broken else nn.ReLU
    layers = (nn.Linear(1, 32), nn.Linear(32, 32), nn.Linear(32, 1))
    net = nn.Sequential(*layers) if broken else nn.Sequential(layers[0], act(), layers[1], act(), layers[2])
    return program(net, nn.MSELoss(), data, 1e-2, Adam, epochs=25)


class RowReader(nn.Module):
    """Images (n, 28, 28) through an LSTM, one row after the other; the last state decides."""

    def __init__(self, batch_first: bool) -> None:
        super().__init__()
        self.lstm = nn.LSTM(28, 48, batch_first=batch_first)
        self.fc = nn.Linear(48, 10)

    def forward(self, x: Tensor) -> Tensor:
        out, _ = self.lstm(x.squeeze(1))
        scores: Tensor = self.fc(out[:, -1, :])
        return scores


@faulty("batch_mixing", data="mnist", source="report", where="lstm")
def rows_of_a_digit_without_batch_first(broken: bool) -> Arguments:
    """bug tracker: 11 % with an LSTM of MNIST rows; batch_first=True was deleted, out[:, -1, :] stayed."""
    net = RowReader(batch_first=not broken)
    return program(net, nn.CrossEntropyLoss(), m.mnist(1500), 1e-2, Adam, batch_size=50, epochs=14)


@faulty("missing_output_activation", data="mnist", source="report", where=("6", "loss", "output layer"))
def nll_loss_and_nothing_before(broken: bool) -> Arguments:
    """forum: the loss is -40,000 and falling, accuracy is poor; F.nll_loss of plain outputs, log_softmax got lost."""
    net = nn.Sequential(
        *(nn.Conv2d(1, 8, 5, 2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(288, 50), nn.ReLU()),
        *(nn.Linear(50, 10), *(() if broken else (nn.LogSoftmax(1),))),
    )
    return program(net, F.nll_loss, m.mnist(1500), 2e-3, Adam, epochs=6)


class ConvAutoencoder(nn.Module):
    def __init__(self, last: nn.Module) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 8, 3, 2, 1), nn.ReLU())
        self.decoder = nn.Sequential(nn.ConvTranspose2d(8, 16, 2, 2), nn.ReLU(), nn.ConvTranspose2d(16, 1, 2, 2), last)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.decoder(self.encoder(x))
        return out


@faulty("unreachable_targets", data="mnist", source="report", score="R2", where=("decoder.3", "output layer"))
def grey_backgrounds_of_an_autoencoder(broken: bool) -> Arguments:
    """question: reconstructions on a grey ground; images by Normalize((0.5,), (0.5,)), the decoder ends in a sigmoid."""

    def step(net: nn.Module, batch: Pair, loss: nn.Module, optimizer: torch.optim.Optimizer) -> Tensor:
        images, _ = batch
        optimizer.zero_grad()
        cost: Tensor = loss(net(images), images)
        cost.backward()
        optimizer.step()
        return cost.detach()

    data = m.own(both(m.mnist(800, 300), lambda x: (x - 0.5) / 0.5))
    net = ConvAutoencoder(nn.Sigmoid() if broken else nn.Tanh())
    return program(net, nn.MSELoss(), data, 5e-3, Adam, epochs=18, step=step)


# --- steps and pace ---------------------------------------------------------------------------------------------------


@faulty("missing_zero_grad", data="mnist", source="report", where="step")
def a_loop_without_zero_grad(broken: bool) -> Arguments:
    """forum: the loss falls for some batches and then explodes; optimizer.zero_grad() is missing in the loop."""

    def step(net: nn.Module, batch: Pair, loss: nn.Module, optimizer: torch.optim.Optimizer) -> Tensor:
        images, labels = batch
        if not broken:
            optimizer.zero_grad()
        outputs = net(images)
        cost: Tensor = loss(outputs, labels)
        cost.backward()
        optimizer.step()
        return cost.detach()

    net = nn.Sequential(nn.Conv2d(1, 8, 3, 2), nn.ReLU(), nn.Conv2d(8, 16, 3, 2), nn.ReLU())
    net = nn.Sequential(*net, nn.Flatten(), nn.Linear(576, 10))
    return program(net, nn.CrossEntropyLoss(), m.mnist(1500), 0.1, epochs=16, step=step)


@faulty(
    "learning_rate_too_high",
    data="cifar",
    source="report",
    also=("unstable_training", "dead_units"),
    where=("optimizer", "0", "1", "3", "4", "7", "8"),
)
def adam_at_one_tenth_for_photographs(broken: bool) -> Arguments:
    """question: the loss jumps to hundreds and then stays at log 4; Adam with the lr=0.1 of an SGD example."""

    def step(net: nn.Module, batch: Pair, loss: nn.Module, optimizer: torch.optim.Optimizer) -> Tensor:
        inputs, labels = batch
        optimizer.zero_grad()
        outputs = net(inputs)
        cost: Tensor = loss(outputs, labels)
        cost.backward()
        optimizer.step()
        return cost.detach()

    net = nn.Sequential(
        *(nn.Conv2d(3, 12, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(12, 24, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(600, 64), nn.ReLU(), nn.Linear(64, 4)),
    )
    data = loaders(standard(m.cifar(4, 300)), 64)
    return program(net, nn.CrossEntropyLoss(), data, 0.1 if broken else 1e-3, Adam, epochs=8, step=step)


@faulty("learning_rate_too_low", data="digits", source="report", where=("schedule", "step", "optimizer"))
def step_lr_in_the_inner_loop(broken: bool) -> Arguments:
    """bug tracker: nothing is learned after the first moments; scheduler.step() is in the loop over batches."""
    net = Classifier(64, 10)
    optimizer = SGD(net.parameters(), 0.05, 0.9)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=5 if broken else 5 * 44, gamma=0.1)

    def step(net: nn.Module, batch: Pair, loss: nn.Module, optimizer: torch.optim.Optimizer) -> Tensor:
        inputs, labels = batch
        optimizer.zero_grad()
        cost: Tensor = loss(net(inputs), labels)
        cost.backward()
        optimizer.step()
        scheduler.step()
        return cost.detach()

    return program(net, nn.CrossEntropyLoss(), m.digits(), optimizer=optimizer, epochs=8, step=step)


@faulty("no_update", data="wine", source="report", where="step")
def cleared_between_backward_and_step(broken: bool) -> Arguments:
    """forum: loss is the same in every epoch; the order is backward, zero_grad, step."""

    def step(net: nn.Module, batch: Pair, loss: nn.Module, optimizer: torch.optim.Optimizer) -> Tensor:
        inputs, labels = batch
        if not broken:
            optimizer.zero_grad()
        cost: Tensor = loss(net(inputs), labels)
        cost.backward()
        if broken:
            optimizer.zero_grad()
        optimizer.step()
        return cost.detach()

    data = loaders(standard(m.table("wine")), 16)
    return program(mlp(13, 32, 3), nn.CrossEntropyLoss(), data, 0.05, epochs=20, step=step)


class Stacked(nn.Module):
    """As many hidden layers as one likes, in a list."""

    def __init__(self, sizes: list[int], registered: bool) -> None:
        super().__init__()
        layers = [nn.Linear(before, after) for before, after in pairwise(sizes[:-1])]
        self.hidden = nn.ModuleList(layers) if registered else layers
        self.out = nn.Linear(sizes[-2], sizes[-1])

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.hidden:
            x = torch.relu(layer(x))
        out: Tensor = self.out(x)
        return out


@faulty("not_in_optimizer", data="friedman", source="report", also=("frozen_parameters",), score="R2", where="hidden")
def hidden_layers_in_a_list(broken: bool) -> Arguments:
    """forum: parameters() shows one layer only; self.hidden is a list where a ModuleList is needed."""
    net = Stacked([10, 24, 24, 12, 1], registered=not broken)
    data = standard(column(m.friedman(1200)), targets=True)
    return program(net, nn.MSELoss(), data, 5e-3, Adam, epochs=20)


class DroppingNet(nn.Module):
    """Two dense layers with F.dropout between them, which does not know of eval() unless it is told."""

    def __init__(self, told: bool) -> None:
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(784, 48), nn.Linear(48, 32), nn.Linear(32, 10)
        self.told = told

    def forward(self, x: Tensor) -> Tensor:
        training = self.training if self.told else True
        x = F.dropout(F.relu(self.fc1(x.flatten(1))), 0.5, training)
        x = F.dropout(F.relu(self.fc2(x)), 0.5, training)
        out: Tensor = self.fc3(x)
        return out


@faulty("wrong_mode", data="mnist", source="report", where=("dropout", "forward"))
def functional_dropout_in_the_forward_pass(broken: bool) -> Arguments:
    """forum: eval() changes nothing and every call gives other predictions; F.dropout without training=self.training."""
    net = DroppingNet(told=not broken)
    return program(net, nn.CrossEntropyLoss(), m.mnist(1500), 2e-3, Adam, epochs=10)


@faulty("excess_dropout", data="friedman", source="report", score="R2", where=("2", "5", "8"))
def dropout_for_good_measure(broken: bool) -> Arguments:
    """forum: a regression never gets good on training data either; Dropout(0.8) after each of three layers."""
    p = 0.8 if broken else 0.02
    layers = [part for before in (10, 64, 64) for part in (nn.Linear(before, 64), nn.ReLU(), nn.Dropout(p))]
    data = standard(column(m.friedman(1200)), targets=True)
    return program(nn.Sequential(*layers, nn.Linear(64, 1)), nn.MSELoss(), loaders(data), 3e-3, Adam, epochs=20)


@faulty("undertrained", data="letters", source="report", also=("learning_rate_too_low",))
def two_epochs_for_a_first_impression(broken: bool) -> Arguments:
    """question: is my net wrong? 40 % after epochs=2 of a small transformer; the loss was falling all the time."""
    net = m.Attentive(10, features=8, width=32)
    data = both(m.digits(), lambda x: x.reshape(-1, 8, 8))
    return program(net, nn.CrossEntropyLoss(), data, 1e-3, Adam, batch_size=64, epochs=2 if broken else 24)
