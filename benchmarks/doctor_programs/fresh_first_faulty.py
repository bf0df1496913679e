"""Programs of students and beginners, as they ask about them: written apart, by a person who had not seen the doctor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from sklearn import datasets
from sklearn.metrics import r2_score
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from . import materials as m
from . import reported_materials as r
from .materials import SGD, Adam, Do, both, cnn, digits, mlp, program, split, standard, table
from .registry import Arguments, faulty


def column(data: m.Split) -> m.Split:
    return both(data, targets=lambda y: y.float()[:, None])


@cache
def curve(function: Callable[[np.ndarray[Any, Any]], Any], low: float, high: float, noise: float) -> m.Split:
    """Points (n, 1) of a function on an interval, and its noisy values (n, 1)."""
    rng = np.random.default_rng(0)
    x = rng.uniform(low, high, (600, 1))
    return split(x, function(x) + noise * rng.standard_normal(x.shape), 200)


# --- data -------------------------------------------------------------------------------------------------------------


@faulty("unscaled_input", data="mnist", source="report", also=("learning_rate_too_high", "dead_units"))
def bytes_that_totensor_left_alone(broken: bool) -> Arguments:
    """blog: ToTensor() does not divide what is a tensor already; LeNet sees 0 to 255 and stays at 10 %."""
    data = both(m.mnist(1200, 600), lambda x: 255 * x if broken else x)
    net = nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(400, 84), nn.ReLU(), nn.Linear(84, 10)),
    )
    loaders = tuple(DataLoader(TensorDataset(*part), 64, shuffle=i == 0) for i, part in enumerate(data))
    return program(net, nn.CrossEntropyLoss(), loaders, epochs=10, optimizer=SGD(net.parameters(), 0.03, momentum=0.9))


def growth(year: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return 1 / (1 + np.exp(-(year - 1992) / 5))


@faulty("unscaled_input", data="toy function", source="report", also=("saturated_units",), score="R2")
def a_curve_over_the_years(broken: bool) -> Arguments:
    """question: x lies around 92 (here 1990) and the net of sigmoids draws a horizontal line; around 0 it worked."""
    data = curve(growth, 1960, 2020, 0.03)
    net = mlp(1, 16, 16, 1, act=nn.Sigmoid)
    return program(net, nn.MSELoss(), data if broken else standard(data), 1e-2, Adam, epochs=25)


def cubic(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.asarray(x**3 + x**2 + x)


@faulty(
    "unscaled_target",
    data="toy function",
    source="report",
    also=("learning_rate_too_high", "exploding_gradient", "unstable_training"),
    score="R2",
)
def a_cubic_up_to_a_thousand(broken: bool) -> Arguments:
    """question: y = x^3 + x^2 + x from -10 to 10, gradient descent; the loss has a dozen digits, then it is nan."""
    data = standard(curve(cubic, -10, 10, 5.0), targets=not broken)
    return program(mlp(1, 64, 1), nn.MSELoss(), data, 0.05, epochs=60)


@faulty("nan_in_data", data="customers", source="report", score="accuracy of logits")
def ages_that_are_missing(broken: bool) -> Arguments:
    """question: loss is nan from the first epoch; pandas scales around the empty cells, and the net gets them."""
    hole = torch.rand(900, generator=r.draw(5)) < 0.15

    def fill(x: Tensor) -> Tensor:
        x = x.clone()
        x[hole[: len(x)], 0] = float("nan") if broken else 0.0
        return x

    data = both(column(standard(r.customers())), fill)
    return program(mlp(5, 32, 16, 1), nn.BCEWithLogitsLoss(), data, 3e-3, Adam, epochs=30)


class Zipped:
    """Inputs of one shuffled loader, targets of another."""

    def __init__(self, inputs: Tensor, targets: Tensor, size: int, together: bool) -> None:
        self.together = DataLoader(TensorDataset(inputs, targets), size, shuffle=True) if together else None
        self.inputs = DataLoader(TensorDataset(inputs), size, shuffle=True)
        self.targets = DataLoader(TensorDataset(targets), size, shuffle=True)

    def __len__(self) -> int:
        return len(self.inputs)

    def __iter__(self) -> Iterator[Any]:
        if self.together:
            return iter(self.together)
        return ((x, y) for (x,), (y,) in zip(self.inputs, self.targets, strict=True))


@faulty("inputs_targets_misaligned", data="digits", score="R2")
def noisy_and_clean_from_two_loaders(broken: bool) -> Arguments:
    """A denoiser paints the same grey blob; noisy and clean images come from zip() of two shuffled loaders."""
    (x, _), (u, _) = digits()
    noisy = [part + 0.3 * torch.randn(part.shape, generator=r.draw(3)) for part in (x, u)]
    data = Zipped(noisy[0], x, 32, together=not broken), (noisy[1], u)
    return program(mlp(64, 96, 64), nn.MSELoss(), data, 2e-3, Adam, epochs=12)


@faulty("not_shuffled", data="mnist", source="report")
def ten_folders_read_in_turn(broken: bool) -> Arguments:
    """bug tracker: the loss of each batch is tiny, accuracy a third; one folder of a digit after another, shuffle=False."""
    (x, y), validation = m.mnist(1500, 600)
    order = y.argsort(stable=True)
    loader = DataLoader(TensorDataset(x[order], y[order]), 32, shuffle=not broken)
    net = nn.Sequential(nn.Flatten(), mlp(784, 100, 10))
    return program(net, nn.CrossEntropyLoss(), (loader, validation), 0.1, epochs=6)


@faulty("split_shift", data="iris", source="report", also=("class_imbalance",))
def the_last_rows_of_iris_for_validation(broken: bool) -> Arguments:
    """question: training accuracy 99 %, validation far below; validation_split of Keras takes the last rows, one kind."""
    x, y = datasets.load_iris(return_X_y=True)
    x = (x - x.mean(0)) / x.std(0)
    whole = torch.tensor(x).float(), torch.tensor(y)
    last = tuple((part[:110], part[110:]) for part in whole)
    data = ((last[0][0], last[1][0]), (last[0][1], last[1][1])) if broken else split(x, y, 40)
    return program(mlp(4, 16, 3), nn.CrossEntropyLoss(), data, 1e-2, Adam, batch_size=8, epochs=15)


@cache
def negatives(share: float, apart: float) -> m.Split:
    """(n, 20), two kinds, a share of them the first; six columns say which."""
    what = {"n_features": 20, "n_informative": 6, "weights": [share], "class_sep": apart, "random_state": 1}
    return split(*datasets.make_classification(1800, flip_y=0.01, **what), 600)


@faulty("class_imbalance", data="synthetic table", source="report", score="balanced accuracy")
def nine_of_ten_are_negative(broken: bool) -> Arguments:
    """question: three small layers of ReLU learn the bias only; 95 % of the rows are of one class, no weights."""
    data = standard(negatives(0.95, 0.6))
    loss = nn.CrossEntropyLoss(None if broken else torch.tensor([1.0, 19.0]))
    return program(mlp(20, 8, 8, 2), loss, data, 3e-3, Adam, epochs=10)


# --- output and loss --------------------------------------------------------------------------------------------------


@faulty("double_softmax", data="spoken digits", source="report")
def spoken_digits_with_softmax_at_the_end(broken: bool) -> Arguments:
    """question: ported from Keras with its softmax layer, and CrossEntropyLoss; the loss stops at 1.8."""
    net = nn.Sequential(
        *(Do(lambda x: x.transpose(1, 2)), nn.Conv1d(33, 32, 5, 2), nn.ReLU(), nn.Conv1d(32, 32, 5, 2), nn.ReLU()),
        *(nn.AdaptiveAvgPool1d(3), nn.Flatten(), nn.Linear(96, 10), nn.Softmax(dim=1) if broken else nn.Identity()),
    )
    optimizer = SGD(net.parameters(), 0.015, momentum=0.9)
    return program(net, nn.CrossEntropyLoss(), m.spoken(), optimizer=optimizer, batch_size=16, epochs=15)


class Wide(nn.Module):
    """Tokens → the states of an LSTM as wide as the vocabulary → logits of the next token."""

    def __init__(self, tokens: int, head: bool) -> None:
        super().__init__()
        self.embed, self.core = nn.Embedding(tokens, 32), nn.LSTM(32, tokens, batch_first=True)
        self.head = nn.Linear(tokens, tokens) if head else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.core(self.embed(x))[0])
        return out


@faulty("activated_logits", data="letters", also=("saturated_units", "unreachable_targets"))
def states_taken_for_logits(broken: bool) -> Arguments:
    """An LSTM as wide as the alphabet needs no linear layer, one thinks; its states stay within -1 and 1."""
    return program(Wide(65, head=not broken), m.by_letter, m.letters(700), 1e-2, Adam, epochs=5)


@faulty("single_unit_softmax", data="breast cancer", source="report", score="accuracy of probabilities")
def a_softmax_of_one_with_squared_error(broken: bool) -> Arguments:
    """bug tracker: the MLP example of Keras with one softmax unit and mean squared error predicts 1 for all."""
    data = column(standard(table("breast_cancer")))
    last = nn.Softmax(dim=1) if broken else nn.Sigmoid()
    net = nn.Sequential(nn.Linear(30, 64), nn.Tanh(), nn.Dropout(0.3), nn.Linear(64, 1), last)
    return program(
        net, nn.MSELoss(), data, optimizer=SGD(net.parameters(), 0.1, momentum=0.9, nesterov=True), epochs=40
    )


@faulty("unreachable_targets", data="breast cancer", source="report", also=("saturated_units",), score="R2")
def a_table_through_a_sigmoid_decoder(broken: bool) -> Arguments:
    """question: all outputs of an autoencoder are between 0 and 1, the columns were scaled by StandardScaler."""
    data = m.own(standard(table("breast_cancer")))
    net = nn.Sequential(nn.Linear(30, 8), nn.ReLU(), nn.Linear(8, 30), nn.Sigmoid() if broken else nn.Identity())
    return program(net, nn.MSELoss(), data, 1e-2, Adam, epochs=25)


class Numbered(nn.Module):
    """The next letter as one number; in evaluation a score for each letter, the nearest being best."""

    def __init__(self, letters: int) -> None:
        super().__init__()
        self.core = m.Recurrent(nn.LSTM(24, 48, batch_first=True), 1, tokens=letters, every=True)
        self.letters = letters

    def forward(self, x: Tensor) -> Tensor:
        number: Tensor = self.core(x)
        return number if self.training else -(number - torch.arange(self.letters)).abs()


@faulty("wrong_loss_for_task", data="letters", source="report", also=("wrong_output_width",))
def the_next_letter_as_a_number(broken: bool) -> Arguments:
    """question: generated text is "hhhiiii"; characters are numbers 0 … 64, the LSTM ends in Dense(1) and MSE."""
    if broken:
        return program(Numbered(65), lambda p, y: F.mse_loss(p[..., 0], y.float()), m.letters(), 5e-3, Adam, epochs=8)
    net = m.Recurrent(nn.LSTM(24, 48, batch_first=True), 65, tokens=65, every=True)
    return program(net, m.by_letter, m.letters(), 5e-3, Adam, epochs=8)


def ripple(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.asarray(np.sin(2 * x))


@faulty("broadcast_loss", data="toy function", source="report", score="R2")
def a_sine_that_stays_flat(broken: bool) -> Arguments:
    """forum: a net cannot learn sin(x), it draws the mean; y has the shape (n,), the output (n, 1), and smooth L1."""
    data = both(curve(ripple, -3, 3, 0.05), targets=lambda y: y.squeeze(1) if broken else y)
    return program(mlp(1, 40, 40, 1, act=nn.Tanh), nn.SmoothL1Loss(), data, 1e-2, Adam, epochs=40)


@faulty("unstable_operation", data="breast cancer", source="report", score="accuracy of probabilities")
def cross_entropy_by_hand(broken: bool) -> Arguments:
    """question: the loss falls for some epochs, then it is nan; y log p + (1 - y) log(1 - p) where p has become 1."""

    def loss(p: Tensor, y: Tensor) -> Tensor:
        p = p if broken else p.clamp(1e-6, 1 - 1e-6)
        return -(y * p.log() + (1 - y) * (1 - p).log()).mean()

    net = mlp(30, 64, 64, 1, last=(nn.Sigmoid(),))
    return program(net, loss, column(standard(table("breast_cancer"))), 1e-2, Adam, epochs=20)


@faulty("wrong_metric", data="diabetes", score="metric")
def r2_with_its_arguments_exchanged(broken: bool) -> Arguments:
    """R2_score is far below zero while the plot looks sensible; r2_score(predictions, targets)."""
    score = (lambda p, y: float(r2_score(p, y))) if broken else (lambda p, y: float(r2_score(y, p)))
    data = standard(column(table("diabetes")), targets=True)
    return program(mlp(10, 16, 1), nn.MSELoss(), data, 2e-3, Adam, batch_size=8, epochs=12, metric=score)


# --- net --------------------------------------------------------------------------------------------------------------


class Rows(nn.Module):
    """Images (n, 1, 28, 28), row after row, through an LSTM that wants the steps first."""

    def __init__(self, view: bool) -> None:
        super().__init__()
        self.core, self.head, self.view = nn.LSTM(28, 48), nn.Linear(48, 10), view

    def forward(self, x: Tensor) -> Tensor:
        steps = x.reshape(28, -1, 28) if self.view else x.squeeze(1).transpose(0, 1)
        out: Tensor = self.head(self.core(steps)[1][0][-1])
        return out


@faulty("batch_mixing", data="mnist", source="report", also=("scrambled_layout",))
def rows_first_by_view(broken: bool) -> Arguments:
    """forum: an LSTM on MNIST stays near 11 %; (n, 28, 28) was made (28, n, 28) by view() where it needs a transpose."""
    return program(Rows(view=broken), nn.CrossEntropyLoss(), m.mnist(1200, 600), 5e-3, Adam, epochs=12)


@faulty("missing_nonlinearity", data="toy function", source="report", also=("underfit",), score="R2")
def a_deep_straight_line(broken: bool) -> Arguments:
    """question: more layers, more units, and the fit of a wave is still a line; there is no activation."""
    widths = (1, 32, 32, 32, 1)
    net = mlp(*widths, act=nn.Identity if broken else nn.Tanh)
    data = standard(curve(ripple, -1.5, 3, 0.05), targets=True)
    return program(net, nn.MSELoss(), data, 5e-3, Adam, epochs=25)


# --- updates ----------------------------------------------------------------------------------------------------------


@faulty("not_in_optimizer", data="digits", source="report")
def unfrozen_after_the_optimizer_was_made(broken: bool) -> Arguments:
    """forum: unfreezing changes nothing; Adam got filter(requires_grad) while all but the head was still frozen."""
    body, head = mlp(64, 10, 10, last=(nn.ReLU(),)), nn.Linear(10, 10)
    net = nn.Sequential(body, head)
    body.requires_grad_(not broken)
    optimizer = Adam(filter(lambda p: p.requires_grad, net.parameters()), 1e-2)
    body.requires_grad_(True)
    return program(net, nn.CrossEntropyLoss(), digits(), optimizer=optimizer, epochs=8)


@faulty("no_update", data="waves", source="report")
def a_step_without_parentheses(broken: bool) -> Arguments:
    """question: the loss is the same to the last digit; the loop says `optimizer.step`, which calls nothing."""

    def step(net: nn.Module, batch: Any, loss: Callable[..., Tensor], optimizer: torch.optim.Optimizer) -> Tensor:
        inputs, targets = batch
        cost = loss(net(inputs), targets)
        optimizer.zero_grad()
        cost.backward()
        _ = optimizer.step if broken else optimizer.step()
        return cost.detach()

    net = nn.Sequential(
        *(Do(lambda x: x.transpose(1, 2)), nn.Conv1d(1, 12, 5), nn.ReLU(), nn.AdaptiveMaxPool1d(4), nn.Flatten()),
        nn.Linear(48, 3),
    )
    return program(net, nn.CrossEntropyLoss(), m.waves(), 3e-3, Adam, epochs=15, step=step)


@faulty("missing_zero_grad", data="cifar", source="report", also=("unstable_training", "learning_rate_too_high"))
def a_loop_copied_without_its_first_line(broken: bool) -> Arguments:
    """forum: the loss goes down, then it jumps about and ends at chance; zero_grad() was lost in copying."""

    def step(net: nn.Module, batch: Any, loss: Callable[..., Tensor], optimizer: torch.optim.Optimizer) -> Tensor:
        inputs, targets = batch
        if not broken:
            optimizer.zero_grad()
        cost = loss(net(inputs), targets)
        cost.backward()
        optimizer.step()
        return cost.detach()

    net = cnn(3, 32, 4, width=8)
    optimizer = SGD(net.parameters(), 0.015, momentum=0.9)
    return program(net, nn.CrossEntropyLoss(), m.cifar(), optimizer=optimizer, epochs=12, step=step)


@faulty("learning_rate_too_high", data="mnist", source="report", also=("dead_units", "unstable_training"))
def adam_with_the_rate_of_sgd(broken: bool) -> Arguments:
    """forum: 10 % on MNIST from the first epoch on; SGD was exchanged for Adam and lr=0.1 stayed."""
    pooled = (nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3), nn.ReLU(), nn.MaxPool2d(2))
    net = nn.Sequential(*pooled, nn.Flatten(), nn.Dropout(0.25), mlp(400, 64, 64, 10))
    return program(net, nn.CrossEntropyLoss(), m.mnist(1200, 600), 0.1 if broken else 3e-3, Adam, epochs=6)


def quadratic(p: Tensor, y: Tensor) -> Tensor:
    """Half of the squared distance, mean over the batch."""
    return 0.5 * (p - y).pow(2).sum(1).mean()


@faulty("learning_rate_too_low", data="digits", source="report", also=("undertrained",))
def an_old_sigmoid_net_at_a_modern_rate(broken: bool) -> Arguments:
    """question: 30 sigmoids, quadratic cost, no progress; the book has a rate of 3.0, lr=0.01 is what one uses."""
    net = mlp(64, 30, 10, act=nn.Sigmoid, last=(nn.Sigmoid(),))
    data = m.one_hot(digits(), 10)
    return program(net, quadratic, data, 0.01 if broken else 3.0, batch_size=10, epochs=10)


@faulty("overfit", data="diabetes", source="report", score="R2")
def diabetes_learned_by_heart(broken: bool) -> Arguments:
    """question: training error goes to zero, validation error rises after a few epochs; two wide layers, 295 rows."""
    data = standard(column(table("diabetes")), targets=True)
    return program(mlp(10, 128, 128, 1), nn.MSELoss(), data, 3e-3, Adam, batch_size=16, epochs=60 if broken else 4)


@faulty("undertrained", data="mnist", source="report", score="R2")
def an_autoencoder_after_one_epoch(broken: bool) -> Arguments:
    """question: reconstructions are one grey blur; it was trained for a single epoch of a thousand images."""
    data = m.own(both(m.mnist(1200, 400), lambda x: x.flatten(1)))
    net = nn.Sequential(mlp(784, 128, 32), mlp(32, 128, 784), nn.Sigmoid())
    return program(net, nn.MSELoss(), data, 3e-3, Adam, epochs=1 if broken else 25)
