"""Sound programs of beginners, written apart by people who had not seen the doctor: half ordinary, half a little odd."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from . import materials as m
from .last_first_faulty import Classifier, ConvAutoencoder, Pair, RowReader, column, districts, loaders, passengers
from .materials import SGD, Adam, both, mlp, program, split, standard
from .registry import Arguments, healthy
from .reported_materials import Changed, pretrained

# --- ordinary ---------------------------------------------------------------------------------------------------------


@healthy(data="wine", source="report")
def three_wines_by_a_small_net() -> Arguments:
    """StandardScaler, one hidden layer, Adam."""
    return program(mlp(13, 24, 3), nn.CrossEntropyLoss(), standard(m.table("wine")), 1e-2, Adam, epochs=15)


@healthy(data="digits", source="report")
def small_digits_by_two_convolutions() -> Arguments:
    """A first convolutional net with pooling, and two loaders."""
    net = nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(512, 64), nn.ReLU(), nn.Linear(64, 10)),
    )
    return program(net, nn.CrossEntropyLoss(), loaders(m.digit_images(), 64), 2e-3, Adam, epochs=10)


@healthy(data="mnist", source="report")
def the_first_tutorial_of_mnist() -> Arguments:
    """Normalize((0.1307,), (0.3081,)), three dense layers, SGD with momentum, the loop of the tutorial."""

    def step(net: nn.Module, batch: Pair, loss: nn.Module, optimizer: torch.optim.Optimizer) -> Tensor:
        images, labels = batch
        optimizer.zero_grad()
        cost: Tensor = loss(net(images), labels)
        cost.backward()
        optimizer.step()
        return cost.detach()

    net = Classifier(784, 10)
    data = loaders(both(m.mnist(2000), lambda x: ((x - 0.1307) / 0.3081).flatten(1)), 64)
    return program(net, nn.CrossEntropyLoss(), data, optimizer=SGD(net.parameters(), 0.02, 0.9), epochs=10, step=step)


@healthy(data="mnist", source="report")
def rows_of_a_digit_with_batch_first() -> Arguments:
    """An LSTM reads an image row by row."""
    net = RowReader(batch_first=True)
    return program(net, nn.CrossEntropyLoss(), m.mnist(1500), 1e-2, Adam, batch_size=50, epochs=14)


@healthy(data="curve", source="report", score="R2")
def a_damped_wave_by_tanh() -> Arguments:
    """The curve of a first lesson, with some noise."""
    x = torch.linspace(-3, 3, 600)[:, None]
    y = torch.exp(-(x**2) / 4) * torch.cos(3 * x) + 0.05 * torch.randn(
        x.shape, generator=torch.Generator().manual_seed(2)
    )
    return program(mlp(1, 64, 64, 1, act=nn.Tanh), nn.MSELoss(), split(x, y, 150), 5e-3, Adam, epochs=40)


@healthy(data="waves", source="report")
def three_frequencies_by_a_gru() -> Arguments:
    """A GRU over short signals, gradients clipped as the course does."""

    def step(net: nn.Module, batch: Pair, loss: nn.Module, optimizer: torch.optim.Optimizer) -> Tensor:
        signals, labels = batch
        optimizer.zero_grad()
        cost: Tensor = loss(net(signals), labels)
        cost.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        return cost.detach()

    net = m.Recurrent(nn.GRU(1, 32, batch_first=True), 3)
    return program(net, nn.CrossEntropyLoss(), m.waves(900), 1e-2, Adam, epochs=12, step=step)


@healthy(data="spam", source="report", score="accuracy of logits")
def spam_by_a_small_transformer() -> Arguments:
    """One block, the mean over the words, one logit."""
    net = m.Attentive(1, tokens=600, dropout=0.1)
    return program(net, nn.BCEWithLogitsLoss(), column(m.texts("sms-spam", 1600)), 2e-3, Adam, epochs=6)


@healthy(data="districts", source="report", score="R2")
def median_prices_standardised() -> Arguments:
    """Prices of houses from five columns, all of them scaled."""
    data = loaders(standard(districts(), targets=True))
    return program(mlp(5, 64, 64, 1), nn.MSELoss(), data, 1e-3, Adam, epochs=20)


@healthy(data="mnist", source="report", score="R2")
def reconstructions_between_minus_one_and_one() -> Arguments:
    """A convolutional autoencoder that ends in tanh, for images that were normalised to -1 … 1."""
    data = m.own(both(m.mnist(800, 300), lambda x: (x - 0.5) / 0.5))
    return program(ConvAutoencoder(nn.Tanh()), nn.MSELoss(), data, 5e-3, Adam, epochs=15)


@healthy(data="cifar", source="report")
def four_kinds_of_photographs() -> Arguments:
    """Convolutions, batch normalisation, some dropout and mirrored images; two thirds are right, as in the tutorial."""
    (x, y), validation = standard(m.cifar(4, 400))
    training = Changed((x, y), lambda image, label: (image.flip(-1) if torch.rand(()) < 0.5 else image, label))
    net = nn.Sequential(m.cnn(3, 32, 64, norm=nn.BatchNorm2d), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 4))
    return program(net, nn.CrossEntropyLoss(), (training, validation), 1e-3, Adam, epochs=12)


# --- a little odd -----------------------------------------------------------------------------------------------------


@healthy(data="passengers", source="report", score="accuracy of logits")
def who_survived_is_partly_chance() -> Arguments:
    """Four of five passengers are right after all epochs, because the rest was luck."""
    net = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 1))
    return program(net, nn.BCEWithLogitsLoss(), column(standard(passengers())), 3e-3, Adam, epochs=20)


@healthy(data="moons")
def a_fifth_of_the_moons_answer_wrongly() -> Arguments:
    """Both splits have labels of which a fifth were turned by chance, so that four of five is all."""
    (x, y), (u, v) = standard(m.moons())
    draw = torch.Generator().manual_seed(4)
    turned = [torch.where(torch.rand(len(z), generator=draw) < 0.2, 1 - z, z) for z in (y, v)]
    return program(mlp(2, 16, 2), nn.CrossEntropyLoss(), ((x, turned[0]), (u, turned[1])), 1e-2, Adam, epochs=15)


@healthy(data="mnist", source="report")
def three_epochs_at_a_brisk_rate() -> Arguments:
    """A convolutional net that is nearly done after three epochs."""
    net = m.cnn(1, 28, 10, norm=nn.BatchNorm2d)
    return program(net, nn.CrossEntropyLoss(), m.mnist(2000), 3e-3, Adam, batch_size=25, epochs=3)


@healthy(data="digits", score="accuracy of logits")
def eights_among_all_digits() -> Arguments:
    """One in ten is an eight, no weights, and the net knows them all the same."""
    data = both(m.digits(), targets=lambda y: (y == 8).float()[:, None])
    return program(mlp(64, 64, 1), nn.BCEWithLogitsLoss(), data, 3e-3, Adam, epochs=15)


class Neighbourhood(nn.Module):
    """Three letters (n, 3) → scores of the next: vectors side by side, a tanh layer, an output layer."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.hidden, self.out = nn.Embedding(65, 10), nn.Linear(30, 80), nn.Linear(80, 65)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.out(torch.tanh(self.hidden(self.embed(x).flatten(1))))
        return out


@healthy(data="letters", source="report")
def the_next_letter_after_three() -> Arguments:
    """A third of the letters are right, which is what three letters tell; the rate falls tenfold on the way."""
    (x, y), (u, v) = m.letters()
    before, after = (torch.cat([part[:, i : i + 3] for i in range(0, 21, 2)]) for part in (x, u))
    targets = [torch.cat([part[:, i + 2] for i in range(0, 21, 2)]) for part in (y, v)]
    net = Neighbourhood()
    optimizer = Adam(net.parameters(), 1e-2)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 400, 0.1)

    def step(net: nn.Module, batch: Pair, loss: nn.Module, optimizer: torch.optim.Optimizer) -> Tensor:
        optimizer.zero_grad()
        cost: Tensor = loss(net(batch[0]), batch[1])
        cost.backward()
        optimizer.step()
        schedule.step()
        return cost.detach()

    data = (before, targets[0]), (after, targets[1])
    return program(net, nn.CrossEntropyLoss(), data, optimizer=optimizer, batch_size=64, epochs=6, step=step)


@healthy(data="digits", source="report")
def odd_or_even_on_a_frozen_reader_of_digits() -> Arguments:
    """The body learned the ten digits and rests; a new last layer learns which are odd."""
    (x, y), validation = m.digits()
    body = pretrained(mlp(64, 64, 10), (x[:700], y[:700]))
    for parameter in body.parameters():
        parameter.requires_grad = False
    net = nn.Sequential(body, nn.Linear(10, 2))
    data = (x[700:], y[700:] % 2), (validation[0], validation[1] % 2)
    return program(net, nn.CrossEntropyLoss(), data, optimizer=Adam(net[1].parameters(), 1e-2), epochs=12)


@healthy(data="digits")
def a_margin_instead_of_entropy() -> Arguments:
    """MultiMarginLoss: most samples cost nothing after a while."""
    return program(mlp(64, 64, 10), nn.MultiMarginLoss(), m.digits(), 3e-3, Adam, epochs=15)


@healthy(data="iris", source="report")
def two_flowers_at_a_time() -> Arguments:
    """Batches of two with layer normalisation, and the last third of a shuffled iris for validation."""
    (x, y), (u, v) = standard(m.table("iris"))
    data = DataLoader(TensorDataset(x, y), 2, shuffle=True), (u, v)
    return program(mlp(4, 16, 3, norm=nn.LayerNorm), nn.CrossEntropyLoss(), data, 5e-3, Adam, epochs=20)


@healthy(data="many columns", score="R2")
def a_ridge_by_weight_decay() -> Arguments:
    """A linear model of 120 columns for 200 rows: a decay of 0.5 lowers the training fit and raises validation."""
    draw = np.random.default_rng(7)
    x = draw.standard_normal((600, 120))
    y = x @ (draw.standard_normal((120, 1)) / 11) + 0.8 * draw.standard_normal((600, 1))
    net = nn.Linear(120, 1)
    return program(
        net, nn.MSELoss(), split(x, y, 400), optimizer=SGD(net.parameters(), 0.02, weight_decay=0.5), epochs=40
    )


@healthy(data="mnist", source="report")
def half_of_the_units_dropped_while_training() -> Arguments:
    """Dropout(0.5) twice: training accuracy stays below that of validation all along."""
    layers = (nn.Linear(784, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 128), nn.ReLU(), nn.Dropout(0.5))
    data = both(m.mnist(2000), lambda x: x.flatten(1))
    return program(nn.Sequential(*layers, nn.Linear(128, 10)), F.cross_entropy, data, 2e-3, Adam, epochs=12)
