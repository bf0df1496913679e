"""Later programs, with a fault: what students and practitioners report most, in its usual clothing, and some rarer things."""

from __future__ import annotations

import itertools
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from sklearn import datasets
from torch import Tensor, nn

from . import materials as m
from . import reported_materials as r
from .materials import SGD, Adam, Split, both, cnn, digits, mlp, program, split, standard, table
from .outputs import Siamese, contrastive, friedman, pairs, yes_or_no
from .registry import Arguments, faulty

bce = F.binary_cross_entropy_with_logits


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=r.draw(seed))


# --- data -------------------------------------------------------------------------------------------------------------


def houses() -> Split:
    """(n, 5) standard normal features and a price (n, 1) of deviation about 1."""
    x = normal(900, 5)
    return split(x, x[:, :1] + x[:, 1:2] * x[:, 2:3] + 0.5 * x[:, 3:4].abs() + 0.2 * normal(900, 1, seed=1), 300)


@faulty("unscaled_input", data="drawn houses", source="report", score="R2", where=("column 3", "column 0"))
def square_feet_beside_bathrooms(broken: bool) -> Arguments:
    """question: all houses get one price; square feet, years and lots go in beside the number of bathrooms."""
    scale, middle = torch.tensor([800.0, 25, 1, 9000, 0.3]), torch.tensor([2000.0, 1970, 2.5, 20000, 47.5])
    data = both(houses(), lambda x: scale * x + middle)
    return program(mlp(5, 64, 32, 1), F.mse_loss, data if broken else standard(data), 1e-3, Adam, epochs=30)


@faulty("unscaled_target", data="drawn curve", source="report", score="R2", where="train targets")
def a_fourth_power(broken: bool) -> Arguments:
    """question: y = x**3 works and y = x**4 fails; for x up to 100 the targets reach a hundred million."""
    x = torch.rand(900, 1, generator=r.draw()) * 200 - 100
    data = both(split(x, x**4, 300), lambda x: x / 58)
    data = data if broken else standard(data, targets=True)
    return program(mlp(1, 64, 64, 1, act=nn.ELU), F.mse_loss, data, 3e-3, Adam, epochs=30)


@faulty("nan_in_data", data="digits", source="report", also=("unstable_operation",), where="column 0")
def pixels_that_never_change(broken: bool) -> Arguments:
    """forum: nan from the first batch; (x - mean) / std by column, and pixels in the corners are always 0."""
    (x, _), _ = digits()
    spread = x.std(0) if broken else x.std(0).clamp_min(1e-3)
    return program(mlp(64, 32, 10), F.cross_entropy, both(digits(), lambda a: (a - x.mean(0)) / spread), epochs=4)


@faulty("inputs_targets_misaligned", data="friedman", source="report", score="R2", where="train")
def rows_dropped_on_one_side(broken: bool) -> Arguments:
    """question: a regression finds nothing; rows with empty cells were dropped from X, and y was cut to its length."""
    (x, y), validation = friedman()
    keep = torch.rand(len(x), generator=r.draw()) > 0.04
    train = (x[keep], y[: int(keep.sum())] if broken else y[keep])
    return program(mlp(10, 48, 1), F.mse_loss, (train, validation), 5e-3, Adam, epochs=15)


@faulty(
    "label_noise",
    data="drawn nodules",
    source="report",
    also=("class_imbalance",),
    score="accuracy of logits",
    where="train targets",
)
def candidates_that_hold_the_nodules(broken: bool) -> Arguments:
    """issue: accuracy never moves from the share of no; the list of candidates, all marked no, holds each nodule again."""
    (x, _), (u, _) = r.centres()
    empty = 0.25 * normal(520, 1, r.SIDE, r.SIDE, seed=3)
    inputs = [x[:200], empty[:200], *([x[:200]] * 2 if broken else [])]
    targets = torch.cat([torch.ones(200, 1), torch.zeros(sum(map(len, inputs[1:])), 1)])
    validation = torch.cat([u, empty[-120:]]), torch.cat([torch.ones(120, 1), torch.zeros(120, 1)])
    return program(cnn(1, r.SIDE, 1), bce, ((torch.cat(inputs), targets), validation), 2e-3, Adam, epochs=6)


@faulty("split_leakage", data="drawn patients", source="report", where="validation")
def visits_of_one_patient(broken: bool) -> Arguments:
    """issue: 99 % here and a coin in the clinic; each patient came twelve times, and the split was made by visits."""
    patient = normal(75, 8).repeat_interleave(12, 0)
    ill = (1.5 * normal(75, 8)[:, 0] + 2 * normal(75, seed=1) > 0).long().repeat_interleave(12)
    x = patient + 0.3 * normal(900, 8, seed=2)
    data = split(x, ill, 300) if broken else ((x[:-300], ill[:-300]), (x[-300:], ill[-300:]))
    return program(mlp(8, 64, 64, 2), F.cross_entropy, data, 5e-3, Adam, epochs=15)


@faulty(
    "target_in_input",
    data="series",
    source="report",
    also=("split_leakage", "causal_leak"),
    score="R2",
    where="train inputs",
)
def a_centred_average(broken: bool) -> Arguments:
    """blog: forecasts too good to be true; the series is smoothed by rolling(5, center=True) before windows are cut."""
    t = torch.arange(930.0)
    values = (t / 4).sin() + 0.7 * normal(930)
    windows = values.unfold(0, 5, 1).mean(1).unfold(0, 12, 1)  # the last mean of window i is of values[i + 11 : i + 16]
    x, y = windows[3:893] if broken else windows[1:891], values[17:907, None]
    return program(mlp(12, 32, 1), F.mse_loss, ((x[:600], y[:600]), (x[640:], y[640:])), 3e-3, Adam, epochs=10)


@faulty("not_shuffled", data="spam", source="report", score="balanced accuracy", where="train")
def all_the_spam_first(broken: bool) -> Arguments:
    """question: everything is ham at the end of each epoch; the file lists the spam first, and the loader keeps its order."""
    (x, y), validation = m.texts("sms-spam", 1600)
    order = y.argsort(descending=True, stable=True)
    net = m.Recurrent(nn.GRU(24, 32, batch_first=True), 2, tokens=600)
    data = (x[order], y[order]), validation
    return program(net, F.cross_entropy, data, 1e-2, Adam, epochs=3, shuffle=not broken)


@faulty("class_imbalance", data="drawn frauds", source="report", score="balanced accuracy", where="train targets")
def four_frauds_in_a_hundred(broken: bool) -> Arguments:
    """issue: 96 % at once and not one fraud found; four rows of a hundred are frauds, and no one weighs them."""
    x, y = datasets.make_classification(2400, 10, n_informative=5, weights=[0.96], class_sep=0.6, random_state=1)
    weight = None if broken else torch.tensor([1.0, 24.0])
    loss = nn.CrossEntropyLoss(weight)
    return program(mlp(10, 16, 2), loss, standard(split(x, y, 800)), 0.05, epochs=8)


@faulty("split_shift", data="drawn years", source="report", score="R2", where="validation inputs")
def fit_transform_of_the_test_set(broken: bool) -> Arguments:
    """question: the test score is far below; scaler.fit_transform() is called for the test year too, a warmer one."""
    weight = torch.tensor([1.0, 0.5, -0.5, 0.3])[:, None]

    def year(count: int, warmer: float, seed: int) -> m.Pair:
        x = normal(count, 4, seed=seed) + warmer * torch.tensor([1.5, 1, -1, 0])
        return x, x @ weight + 0.5 * (x[:, :1] * 2).sin() + 0.2 * normal(count, 1, seed=seed + 1)

    (x, y), (u, v) = year(600, 0, 0), year(300, 0.8, 2)
    fitted = u if broken else x
    data = ((x - x.mean(0)) / x.std(0), y), ((u - fitted.mean(0)) / fitted.std(0), v)
    return program(mlp(4, 32, 1), F.mse_loss, data, 5e-3, Adam, epochs=15)


@faulty("scrambled_layout", data="drawn sensors", source="report", where="train inputs")
def sensors_by_reshape(broken: bool) -> Arguments:
    """forum: a Conv1d on three sensors stays at chance; (steps, sensors) becomes (sensors, steps) by view, not transpose."""
    y = torch.randint(0, 3, (900,), generator=r.draw())
    phase, t = 6.3 * torch.rand(900, 1, 3, generator=r.draw(1)), torch.arange(36.0)[:, None]
    size = 1 + 1.5 * F.one_hot(y, 3)[:, None]
    x = size * (0.7 * t + phase).sin() + 0.4 * normal(900, 36, 3)
    data = split(x.reshape(900, 3, 36) if broken else x.transpose(1, 2), y, 300)
    net = nn.Sequential(nn.Conv1d(3, 24, 5), nn.ReLU(), nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(24, 3))
    return program(net, F.cross_entropy, data, 5e-3, Adam, epochs=8)


# --- nets -------------------------------------------------------------------------------------------------------------


@faulty("missing_nonlinearity", data="drawn vectors", source="report", score="R2", where=("0", "1", "2", "3"))
def the_second_largest_number(broken: bool) -> Arguments:
    """blog: the second largest of five numbers is only guessed roughly; Linear follows Linear, with nothing between."""
    x = normal(1200, 5)
    net = mlp(5, 64, 64, 1, act=nn.Identity if broken else nn.ReLU)
    return program(net, F.mse_loss, split(x, x.sort(1).values[:, 3:4], 400), 3e-3, Adam, epochs=20)


@faulty("underfit", data="circles", source="report", also=("missing_nonlinearity",), score="accuracy of logits")
def a_straight_line_between_rings(broken: bool) -> Arguments:
    """question: accuracy near a half whatever the rate; a single Linear, and one class lies in a ring around the other."""
    net = mlp(2, 1) if broken else mlp(2, 24, 1)
    return program(net, bce, yes_or_no(m.circles()), 2e-2, Adam, epochs=15)


@faulty("overfit", data="diabetes", source="report", score="R2")
def seventy_patients_and_a_wide_net(broken: bool) -> Arguments:
    """forum: the loss of training goes to 0, that of validation up; a wide net, seventy patients, two hundred epochs."""
    data = m.first(standard(both(table("diabetes"), targets=lambda y: y[:, None]), targets=True), 70)
    net = mlp(10, 256, 256, 1) if broken else mlp(10, 16, 1)
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=0.0 if broken else 0.5)
    return program(net, F.mse_loss, data, optimizer=optimizer, epochs=200 if broken else 30)


@faulty("symmetric_init", data="digits", source="report", where=("0", "2", "4"))
def every_weight_one_twentieth(broken: bool) -> Arguments:
    """question: a wide net is as poor as one unit; init_weights() fills each Linear with constant_(weight, 0.05)."""
    net = mlp(64, 48, 48, 10)
    for layer in net if broken else ():
        if isinstance(layer, nn.Linear):
            nn.init.constant_(layer.weight, 0.05)
    return program(net, F.cross_entropy, digits(), 3e-3, Adam, epochs=8)


@faulty("bad_init_scale", data="spoken digits", source="report", also=("saturated_units",), where=("core", "head"))
def an_lstm_drawn_by_randn(broken: bool) -> Arguments:
    """issue: an LSTM begins with an enormous loss; a loop over parameters() fills all of them with torch.randn."""
    net = m.Recurrent(nn.LSTM(33, 64, batch_first=True), 10)
    for parameter in net.parameters() if broken else ():
        parameter.data = torch.randn(parameter.shape)
    return program(net, F.cross_entropy, m.spoken(), 5e-3, Adam, epochs=12)


@faulty("vanishing_gradient", data="mnist", source="report", also=("bad_init_scale",), where=("0", "1", "2"))
def fourteen_plain_convolutions(broken: bool) -> Arguments:
    """forum: loss stays at 2.303 for every rate; a net in the manner of VGG, fourteen convolutions, no normalisation."""
    layers: list[nn.Module] = [nn.Conv2d(1, 10, 3, 2, 1), nn.ReLU()]
    for i in range(13):
        layers += [nn.Conv2d(10, 10, 3, 2 if i == 3 else 1, 1), *([] if broken else [nn.BatchNorm2d(10)]), nn.ReLU()]
    net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(490, 10))
    return program(net, F.cross_entropy, m.mnist(1000), 0.05, epochs=8)


@faulty("excess_dropout", data="friedman", source="report", score="R2", where=("1", "3", "5"))
def dropout_after_every_layer(broken: bool) -> Arguments:
    """question: validation is always better than training, and both are poor; Dropout(0.8) after each of three layers."""
    act = (lambda: nn.Sequential(nn.ReLU(), nn.Dropout(0.8))) if broken else nn.ReLU
    return program(mlp(10, 32, 32, 32, 1, act=act), F.mse_loss, friedman(), 5e-3, Adam, epochs=15)


@faulty("batchnorm_stale", data="mnist", source="report", where="norms")
def one_normalisation_for_three_layers(broken: bool) -> Arguments:
    """forum: 100 % in train mode and 10 % in eval mode; forward() sends three layers through the same self.bn."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convs = nn.ModuleList([nn.Conv2d(1, 16, 3, 2, 1), *(nn.Conv2d(16, 16, 3, 2, 1) for _ in range(2))])
            shared = nn.BatchNorm2d(16)
            self.norms = nn.ModuleList([shared if broken else nn.BatchNorm2d(16) for _ in range(3)])
            self.head = nn.Linear(256, 10)

        def forward(self, x: Tensor) -> Tensor:
            for conv, norm in zip(self.convs, self.norms, strict=True):
                x = norm(conv(x)).relu()
            out: Tensor = self.head(x.flatten(1))
            return out

    return program(Net(), F.cross_entropy, m.mnist(1200), 2e-3, Adam, epochs=4)


@faulty(
    "not_in_optimizer", data="ratings", source="report", also=("frozen_parameters",), score="R2", where=("user", "film")
)
def vectors_that_only_require_a_gradient(broken: bool) -> Arguments:
    """bug tracker: self.user = torch.randn(n, d, requires_grad=True) is no Parameter: in no list, and it never moves."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            user, film = (torch.randn(n, 6) for n in (60, 50))
            self.user = user.requires_grad_() if broken else nn.Parameter(0.1 * user)
            self.film = film.requires_grad_() if broken else nn.Parameter(0.1 * film)
            self.scale, self.bias = nn.Linear(1, 1), nn.Embedding(50, 1)

        def forward(self, x: Tensor) -> Tensor:
            product = (self.user[x[:, 0]] * self.film[x[:, 1]]).sum(1, keepdim=True)
            out: Tensor = self.scale(product) + self.bias(x[:, 1])
            return out

    return program(Net(), F.mse_loss, r.ratings(), 2e-2, Adam, epochs=10)


@faulty("frozen_parameters", data="mnist", source="report", where=("0", "3", "4"))
def frozen_and_not_pretrained(broken: bool) -> Arguments:
    """question: "feature extraction" gives a third of the answers; pretrained=False, and the body is frozen all the same."""
    net = r.resnet(1, 10, 8)
    for parameter in net[:-1].parameters() if broken else ():
        parameter.requires_grad_(False)
    optimizer = Adam((p for p in net.parameters() if p.requires_grad), lr=5e-3)
    return program(net, F.cross_entropy, m.mnist(800), optimizer=optimizer, epochs=4)


# --- outputs and losses -----------------------------------------------------------------------------------------------


@faulty("double_softmax", data="spoken digits", source="report", where=("1", "output layer"))
def keywords_with_softmax_and_cross_entropy(broken: bool) -> Arguments:
    """issue: a keyword spotter stops at a loss of 1.8; Softmax was carried over from Keras, CrossEntropyLoss has its own."""
    body = (nn.Conv1d(33, 32, 5, 2), nn.ReLU(), nn.Conv1d(32, 32, 5, 2), nn.ReLU(), nn.AdaptiveAvgPool1d(1))
    net = nn.Sequential(m.Do(lambda x: x.transpose(1, 2)), *body, nn.Flatten(), nn.Linear(32, 10))
    net = nn.Sequential(net, nn.Softmax(1)) if broken else net
    return program(net, nn.CrossEntropyLoss(), m.spoken(), 2e-3, Adam, epochs=12)


@faulty(
    "single_unit_softmax",
    data="breast cancer",
    source="report",
    also=("wrong_loss_for_task", "wrong_output_width"),
    score="accuracy of logits",
    where=("loss", "output layer"),
)
def cross_entropy_of_one_column(broken: bool) -> Arguments:
    """forum: CrossEntropyLoss is exactly 0 from the first step; one output for yes or no, targets a column of floats."""
    data = yes_or_no(standard(table("breast_cancer")))
    return program(mlp(30, 16, 1), F.cross_entropy if broken else bce, data, 1e-2, Adam)


@faulty(
    "unreachable_targets",
    data="drawn line",
    source="report",
    also=("dead_units",),
    score="R2",
    where=("5", "output layer"),
)
def a_line_through_relu(broken: bool) -> Arguments:
    """forum: y = 2x - 1 is not learned, most times; all layers end in relu, the last one too, half of y is negative."""
    x = torch.rand(600, 1, generator=r.draw()) * 4 - 2
    net = mlp(1, 16, 8, 1, last=(nn.ReLU(),) if broken else ())
    return program(net, F.mse_loss, split(x, 2 * x - 1, 200), 1e-2, Adam, epochs=15)


@faulty("unreachable_targets", data="series", source="report", score="R2", where=("head", "output layer"))
def a_forecast_through_a_sigmoid(broken: bool) -> Arguments:
    """question: an LSTM never predicts below 0; StandardScaler for the series, and a sigmoid after the last Dense."""
    net = m.Recurrent(nn.LSTM(1, 24, batch_first=True), 1)
    net.head = nn.Sequential(net.head, nn.Sigmoid()) if broken else net.head
    data = both(m.series(), lambda x: x[..., None])
    return program(net, F.mse_loss, data, 1e-2, Adam, epochs=6)


@faulty("missing_output_activation", data="tags", source="report", where=("0", "1", "loss", "output layer"))
def a_tagger_without_log_softmax(broken: bool) -> Arguments:
    """question: NLLLoss of a tagger is negative and falls without end; the LogSoftmax before it is missing."""
    net = nn.Sequential(r.tagger(), nn.Identity() if broken else nn.LogSoftmax(-1))
    return program(net, lambda p, y: F.nll_loss(p.flatten(0, 1), y.flatten()), r.tags(), 1e-2, Adam, epochs=6)


@faulty("wrong_reduction", data="letters", source="report", where=("1", "output layer"))
def a_softmax_over_the_steps(broken: bool) -> Arguments:
    """forum: text is gibberish though the loss falls; log_softmax(dim=1) of (batch, steps, letters): dim 1 is time."""
    core = m.Recurrent(nn.GRU(24, 48, batch_first=True), 65, tokens=65, every=True)
    net = nn.Sequential(core, nn.LogSoftmax(1 if broken else 2))
    return program(net, lambda p, y: F.nll_loss(p.flatten(0, 1), y.flatten()), m.letters(), 1e-2, Adam, epochs=6)


@faulty("broadcast_loss", data="discs", source="report", score="R2", where=("loss", "train targets"))
def one_coordinate_of_a_disc(broken: bool) -> Arguments:
    """question: a CNN for one number predicts its mean; SmoothL1Loss got (32, 1) and (32,), and only warned."""
    data = both(r.centres(), targets=lambda y: y[:, 0] if broken else y[:, :1])
    return program(cnn(1, r.SIDE, 1), F.smooth_l1_loss, data, 3e-3, Adam, epochs=12)


def concordance(p: Tensor, y: Tensor) -> Tensor:
    """Lin's coefficient, 1 where p equals y."""
    covariance = ((p - p.mean()) * (y - y.mean())).mean()
    out: Tensor = 2 * covariance / (p.var(correction=0) + y.var(correction=0) + (p.mean() - y.mean()) ** 2)
    return out


@faulty("loss_sign", data="spoken digits", source="report", score="R2", where="loss")
def concordance_minimised(broken: bool) -> Arguments:
    """forum: arousal from speech is predicted upside down; the coefficient of concordance itself was taken as the loss."""
    data = both(m.spoken(), targets=lambda y: (y[:, None] - 4.5) / 3)
    net = m.Recurrent(nn.GRU(33, 32, batch_first=True), 1)
    return program(
        net, lambda p, y: concordance(p, y) if broken else 1 - concordance(p, y), data, 5e-3, Adam, epochs=10
    )


@faulty(
    "unstable_operation",
    data="drawn houses",
    source="report",
    also=("missing_output_activation",),
    score="R2",
    where=("loss", "later_faulty.py", "output layer"),
)
def logarithm_of_a_negative_price(broken: bool) -> Arguments:
    """question: nan from the first batch; the squared error of logarithms, and a net that may predict less than 0."""
    data = both(houses(), targets=lambda y: (0.7 * y).exp())
    net = mlp(5, 64, 1, last=() if broken else (nn.Softplus(),))
    return program(net, lambda p, y: F.mse_loss(p.log(), y.log()), data, 1e-2, Adam, epochs=15)


class ConvolutionalVAE(nn.Module):
    """(n, 1, 28, 28) → reconstruction, mean and log variance of the code."""

    def __init__(self, code: int = 10) -> None:
        super().__init__()
        conv = (nn.Conv2d(1, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 16, 3, 2, 1), nn.ReLU(), nn.Flatten())
        up = (nn.Unflatten(1, (16, 7, 7)), nn.ConvTranspose2d(16, 8, 4, 2, 1), nn.ReLU())
        self.encode = nn.Sequential(*conv, nn.Linear(784, 2 * code))
        self.decode = nn.Sequential(
            *(nn.Linear(code, 784), nn.ReLU(), *up, nn.ConvTranspose2d(8, 1, 4, 2, 1), nn.Sigmoid())
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, log_variance = self.encode(x).chunk(2, 1)
        noise = torch.randn_like(mean) if self.training else 0
        return self.decode(mean + noise * (0.5 * log_variance).exp()), mean, log_variance


@faulty("over_regularised", data="mnist", source="report", score="R2", where="loss")
def a_divergence_beside_a_mean(broken: bool) -> Arguments:
    """issue: a VAE answers one blurred image; its cross entropy is a mean over pixels, its divergence a sum over the code."""

    def loss(out: tuple[Tensor, Tensor, Tensor], x: Tensor) -> Tensor:
        pixels = 1 if broken else 784
        return pixels * F.binary_cross_entropy(out[0], x) + m.kl(*out[1:]).mean()

    return program(ConvolutionalVAE(), loss, m.own(m.mnist(1000)), 5e-3, Adam, epochs=12)


# --- pace and loop ----------------------------------------------------------------------------------------------------


@faulty("learning_rate_too_low", data="breast cancer", source="report", also=("undertrained",), where="optimizer")
def sgd_of_a_ten_thousandth(broken: bool) -> Arguments:
    """forum: the loss of a small table does not move and looks like a saw; four layers and SGD(lr=0.0001)."""
    data = standard(table("breast_cancer"))
    return program(mlp(30, 60, 100, 30, 2), F.cross_entropy, data, 1e-4 if broken else 0.05, epochs=12)


@faulty(
    "learning_rate_too_high",
    data="digits",
    source="report",
    also=("dead_units",),
    score="accuracy of pairs",
    where=("optimizer", "net.1", "net.3"),
)
def pairs_that_fall_into_one_point(broken: bool) -> Arguments:
    """issue: the loss equals that of the margin for ever; all codes are one point after the first steps of Adam at 0.3."""
    net = Siamese(mlp(64, 64, 64, 64, 8))
    return program(net, contrastive, pairs(digits()), 0.3 if broken else 3e-3, Adam, epochs=8)


@faulty("undertrained", data="spoken digits", source="report")
def a_transformer_for_one_epoch(broken: bool) -> Arguments:
    """question: a transformer is worse than a plain net; it was stopped after one epoch of fifteen batches."""
    net = m.Attentive(10, features=33, depth=2)
    return program(net, F.cross_entropy, m.spoken(), 1e-3, Adam, epochs=1 if broken else 15)


@faulty("missing_zero_grad", data="spoken digits", source="report", where="step")
def a_keyword_spotter_that_adds_up(broken: bool) -> Arguments:
    """issue: training of a keyword spotter swings; its loop calls backward() and step(), and zero_grad() nowhere."""

    def step(net: nn.Module, batch: Any, loss: Any, optimizer: torch.optim.Optimizer) -> Tensor:
        if not broken:
            optimizer.zero_grad()
        cost: Tensor = loss(net(batch[0]), batch[1])
        cost.backward()
        optimizer.step()
        return cost.detach()

    net = m.Recurrent(nn.GRU(33, 32, batch_first=True), 10)
    optimizer = SGD(net.parameters(), lr=0.1, momentum=0.9)
    return program(net, F.cross_entropy, m.spoken(), optimizer=optimizer, epochs=10, step=step)


@faulty("no_update", data="digits", source="report", where="step")
def a_schedule_taken_for_the_optimizer(broken: bool) -> Arguments:
    """bug tracker: the loss does not come down with a schedule: scheduler.step() is called instead of optimizer.step()."""
    net = cnn(1, 8, 10)
    optimizer = Adam(net.parameters(), lr=3e-3)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 200, 0.5)

    def step(net: nn.Module, batch: Any, loss: Any, optimizer: torch.optim.Optimizer) -> Tensor:
        optimizer.zero_grad()
        cost: Tensor = loss(net(batch[0]), batch[1])
        cost.backward()
        if not broken:
            optimizer.step()
        scheduler.step()
        return cost.detach()

    return program(net, F.cross_entropy, m.digit_images(), optimizer=optimizer, epochs=8, step=step)


@faulty("wrong_mode", data="mnist", source="report", also=("batchnorm_stale",), where=("step", "1"))
def validated_in_the_midst_of_an_epoch(broken: bool) -> Arguments:
    """question: accuracy leaps after the first check; a check at the third batch calls eval(), and nobody calls train()."""
    count = itertools.count()

    def step(net: nn.Module, batch: Any, loss: Any, optimizer: torch.optim.Optimizer) -> Tensor:
        if next(count) % 40 == 2:
            net.eval()
            with torch.no_grad():
                net(batch[0])
            net.train(not broken)
        optimizer.zero_grad()
        cost: Tensor = loss(net(batch[0]), batch[1])
        cost.backward()
        optimizer.step()
        return cost.detach()

    net = r.resnet(1, 10, 8)
    return program(net, F.cross_entropy, m.mnist(1280), 0.1, epochs=6, step=step)


@cache
def frequent_tokens() -> Split:
    """Tokens (n, 16) of 10; the target is the token that stands most often."""
    x = torch.randint(0, 10, (900, 16), generator=r.draw())
    y = torch.randint(0, 10, (900,), generator=r.draw(1))
    x = torch.where(torch.rand(900, 16, generator=r.draw(2)) < 0.3, y[:, None], x)
    return split(x, y, 300)


@cache
def first_and_last() -> Split:
    """Tokens (n, 6) of 4; the target is whether the first is also the last."""
    x = torch.randint(0, 4, (1800, 6), generator=r.draw())
    x[:900, -1] = x[:900, 0]
    return split(x, (x[:, 0] == x[:, -1]).long(), 400)


@faulty("batch_mixing", data="drawn tokens", source="report", where="blocks")
def a_transformer_without_batch_first(broken: bool) -> Arguments:
    """forum: the transformer's answers depend on who else is asked; batch_first was forgotten, samples attend to samples."""
    net = m.Attentive(2, tokens=4, width=32, batch_first=not broken)
    return program(net, F.cross_entropy, first_and_last(), 5e-3, Adam, epochs=12)
