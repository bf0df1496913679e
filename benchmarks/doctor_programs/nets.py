"""Faults inside the net: what mixes samples or sees the future, what cannot bend, what starts or ends badly."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from . import materials as m
from .materials import Adam, Do, both, cnn, digits, mlp, program, standard, table
from .outputs import friedman, yes_or_no
from .registry import Arguments, faulty

# --- who sees whom ----------------------------------------------------------------------------------------------------


@faulty("batch_mixing", data="waves", source="report", also=("scrambled_layout",), where="core")
def an_lstm_along_the_batch(broken: bool) -> Arguments:
    """forum: an LSTM stays at chance; batch_first is missing, so it walks through the samples, not through time."""
    return program(
        m.Recurrent(nn.LSTM(1, 24, batch_first=not broken), 3), F.cross_entropy, m.waves(), 1e-2, Adam, epochs=12
    )


@faulty("batch_mixing", data="spoken digits", source="report", where="blocks")
def attention_across_samples(broken: bool) -> Arguments:
    """issue: a transformer's predictions change with the batch; its blocks expect (steps, batch, width)."""
    net = m.Attentive(10, features=33, batch_first=not broken)
    training, validation = m.spoken()
    data = (training, DataLoader(TensorDataset(*validation)))
    return program(net, F.cross_entropy, data, 3e-3, Adam, epochs=5)


@faulty("batch_mixing", data="movie sentences", source="report", where=("forward", "reshape"))
def both_directions_by_reshape(broken: bool) -> Arguments:
    """blog: the last states (2, n, width) are reshaped to (n, 2 width): each sample gets those of others."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(600, 16)
            self.core = nn.GRU(16, 16, batch_first=True, bidirectional=True)
            self.head = nn.Linear(32, 2)

        def forward(self, x: Tensor) -> Tensor:
            _, last = self.core(self.embed(x))
            last = last.reshape(len(x), -1) if broken else last.transpose(0, 1).flatten(1)
            return self.head(last)  # type: ignore[no-any-return]

    return program(Net(), F.cross_entropy, m.texts("sms-spam", 1600), 5e-3, Adam, epochs=6)


@faulty("batch_mixing", data="mnist", where=("0", "reshape"))
def an_image_normalised_with_the_others(broken: bool) -> Arguments:
    """flatten(0) and a view back after a transpose: pixels of one image land in another."""
    mix = Do((lambda x: x.flatten(1).T.reshape(len(x), -1)) if broken else (lambda x: x.flatten(1)))
    return program(nn.Sequential(mix, mlp(784, 64, 10)), F.cross_entropy, m.mnist(), 0.1, epochs=4)


@faulty("causal_leak", data="letters", source="report", where=("blocks", "forward"))
def a_language_model_without_mask(broken: bool) -> Arguments:
    """question: a small transformer predicts the next letter with 99 %, and writes nonsense; there is no mask."""
    net = m.Attentive(65, tokens=65, width=48, every=True, causal=not broken)
    return program(net, m.by_letter, m.letters(1600, 8), 1e-2, Adam, epochs=8)


@faulty("causal_leak", data="letters", source="report", where="core")
def a_language_model_in_both_directions(broken: bool) -> Arguments:
    """forum: a bidirectional LSTM as a language model: perplexity near 1, text of no use."""
    net = m.Recurrent(nn.LSTM(16, 32, batch_first=True, bidirectional=broken), 65, tokens=65, every=True)
    return program(net, m.by_letter, m.letters(), 1e-2, Adam, epochs=8)


@faulty("causal_leak", data="letters", where=("conv", "pad", "forward"))
def convolutions_padded_on_both_sides(broken: bool) -> Arguments:
    """Convolutions over the letters so far, but with padding="same", which sees two letters ahead."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.conv, self.head = nn.Embedding(65, 24), nn.Conv1d(24, 48, 5), nn.Linear(48, 65)

        def forward(self, x: Tensor) -> Tensor:
            h = F.pad(self.embed(x).transpose(1, 2), (2, 2) if broken else (4, 0))
            return self.head(self.conv(h).relu().transpose(1, 2))  # type: ignore[no-any-return]

    return program(Net(), m.by_letter, m.letters(), 1e-2, Adam, epochs=6)


# --- nets that cannot ---------------------------------------------------------------------------------------------------


@faulty("missing_nonlinearity", data="circles", source="report", also=("underfit",), where=("0", "1", "2", "3"))
def three_linear_layers(broken: bool) -> Arguments:
    """question: a net of three layers draws a straight line between two rings; nothing stands between the layers."""
    net = mlp(2, 32, 32, 2, act=nn.Identity if broken else nn.ReLU)
    return program(net, F.cross_entropy, m.circles(), 0.1, epochs=10)


@faulty("missing_nonlinearity", data="friedman", source="report", score="R2", where=("first", "second", "forward"))
def relu_without_assignment(broken: bool) -> Arguments:
    """forum: a regression no better than a line; F.relu(x) is called and its result is not used."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second, self.last = nn.Linear(10, 64), nn.Linear(64, 32), nn.Linear(32, 1)

        def forward(self, x: Tensor) -> Tensor:
            for layer in (self.first, self.second):
                x = layer(x)
                bent = F.relu(x)
                x = x if broken else bent
            return self.last(x)  # type: ignore[no-any-return]

    return program(Net(), F.mse_loss, friedman(), 3e-3, Adam, epochs=25)


@faulty("missing_nonlinearity", data="cifar10", where=("0", "1", "2", "3"))
def convolutions_without_activation(broken: bool) -> Arguments:
    """Convolutions, strides and normalisation, and no activation at all."""
    net = cnn(3, 32, 4, norm=nn.BatchNorm2d)
    layers = [layer for layer in net if not (broken and isinstance(layer, nn.ReLU))]
    return program(nn.Sequential(*layers), F.cross_entropy, m.cifar(), 2e-3, Adam, epochs=8)


@faulty("underfit", data="digits", source="report", where=("2", "3"))
def a_bottleneck_of_one_unit(broken: bool) -> Arguments:
    """question: ten digits stop at 30 %, training and validation alike; there is a layer of a single unit."""
    net = mlp(64, 32, 1 if broken else 32, 10)
    return program(net, F.cross_entropy, digits(), 3e-3, Adam, epochs=20)


@faulty("underfit", data="moons", also=("missing_nonlinearity",), where="0")
def two_units_for_a_spiral(broken: bool) -> Arguments:
    """Two hidden units for two rings: the loss stays high on training data, whatever the rate."""
    return program(mlp(2, 1 if broken else 16, 2), F.cross_entropy, m.circles(), 0.02, Adam, epochs=15)


@faulty("underfit", data="letters", source="report", where="core")
def a_recurrent_state_of_two(broken: bool) -> Arguments:
    """forum: a language model whose loss stops at 2.9, on training text too; its state has two numbers."""
    net = m.Recurrent(nn.GRU(16, 2 if broken else 64, batch_first=True), 65, tokens=65, every=True)
    return program(net, m.by_letter, m.letters(), 1e-2, Adam, epochs=12)


@faulty("overfit", data="diabetes", source="report", score="R2")
def hundreds_of_units_for_300_patients(broken: bool) -> Arguments:
    """question: training error goes to zero, validation error doubles; wide layers, 300 samples, 200 epochs."""
    data = standard(both(table("diabetes"), targets=lambda y: y[:, None]), targets=True)
    return program(mlp(10, 256, 256, 1), F.mse_loss, data, 1e-3, Adam, epochs=60 if broken else 5)


@faulty("overfit", data="movie sentences", source="report", score="R2")
def each_word_learned_by_heart(broken: bool) -> Arguments:
    """forum: training at 100 %, validation loss climbs from the fourth epoch on; rare words and a large embedding."""
    net = nn.Sequential(m.Averaged(3000, 1, 64), nn.Sigmoid())
    data = yes_or_no(m.texts("movie-sentences", 1600, words=3000))
    return program(net, F.binary_cross_entropy, data, 1e-2, Adam, epochs=30 if broken else 4)


@faulty("overfit", data="noisy table", score="R2")
def more_columns_than_rows(broken: bool) -> Arguments:
    """Eighty noisy samples of sixty columns of which three matter: a perfect fit and a useless net; 800 would do."""
    x = torch.randn(1000, 60, generator=torch.Generator().manual_seed(0))
    y = x[:, :3].sum(1, keepdim=True) + 2 * torch.randn(1000, 1, generator=torch.Generator().manual_seed(1))
    count = 80 if broken else 800
    data = ((x[:count], y[:count]), (x[800:], y[800:]))
    return program(mlp(60, 64, 1), F.mse_loss, data, 1e-3, Adam, epochs=8000 // count - 5)


# --- starts -------------------------------------------------------------------------------------------------------------


def started(net: nn.Module, start: Callable[[Tensor], object], bias: float = 0.0) -> nn.Module:
    """Every weight matrix drawn by `start`."""
    for layer in net.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            start(layer.weight)
            nn.init.constant_(layer.bias, bias)  # type: ignore[arg-type]
    return net


@faulty("symmetric_init", data="digits", source="report", where=("0", "2"))
def all_weights_zero(broken: bool) -> Arguments:
    """question: all weights were set to zero "to be neutral"; loss stays at 2.30 and predictions are equal."""
    net = started(mlp(64, 32, 10), nn.init.zeros_) if broken else mlp(64, 32, 10)
    return program(net, F.cross_entropy, digits(), 0.1)


@faulty("symmetric_init", data="breast cancer", score="R2", where="0")
def all_weights_alike(broken: bool) -> Arguments:
    """Every weight is 0.1: a wide layer computes one unit many times."""
    net = mlp(10, 32, 1, act=nn.Tanh)
    net = started(net, lambda w: nn.init.constant_(w, 0.1)) if broken else net
    return program(net, F.mse_loss, friedman(), 1e-2, Adam, epochs=20)


@faulty("bad_init_scale", data="digits", source="report", where=("0", "2", "4", "6", "8", "10"))
def weights_of_deviation_one(broken: bool) -> Arguments:
    """question: the first loss is in the thousands where 2.3 is expected; torch.randn as weights of six layers."""
    net = mlp(64, *[64] * 5, 10)
    net = started(net, nn.init.normal_) if broken else net
    return program(net, F.cross_entropy, digits(), 1e-3, Adam, epochs=5)


@faulty("bad_init_scale", data="mnist", source="report", also=("vanishing_gradient",), where="1")
def weights_of_deviation_a_hundredth(broken: bool) -> Arguments:
    """forum: eight layers drawn with deviation 0.01 as in an old paper; the signal dies out, loss 2.30."""
    net = mlp(784, *[64] * 7, 10)
    net = started(net, lambda w: nn.init.normal_(w, std=0.01)) if broken else started(net, nn.init.kaiming_normal_)
    return program(nn.Sequential(nn.Flatten(), net), F.cross_entropy, m.mnist(), 0.05, epochs=6)


@faulty("bad_init_scale", data="letters", source="report", where="embed")
def tied_embeddings_of_deviation_one(broken: bool) -> Arguments:
    """issue: a language model starts at loss 60; the embedding, drawn with deviation 1, is the output layer, too."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.core = nn.Embedding(65, 48), nn.GRU(48, 48, batch_first=True)
            nn.init.normal_(self.embed.weight, std=8.0 if broken else 0.05)

        def forward(self, x: Tensor) -> Tensor:
            return self.core(self.embed(x))[0] @ self.embed.weight.T  # type: ignore[no-any-return]

    return program(Net(), m.by_letter, m.letters(), 1e-2, Adam, epochs=6)


# --- gradients over depth -----------------------------------------------------------------------------------------------


@faulty("vanishing_gradient", data="digits", source="report", where=("0", "1", "2"))
def ten_layers_of_sigmoids(broken: bool) -> Arguments:
    """question: ten layers learn nothing where two do well; all units are sigmoids."""
    net = mlp(64, *[32] * 9, 10, act=nn.Sigmoid if broken else nn.ReLU)
    net = net if broken else started(net, nn.init.kaiming_normal_)
    return program(net, F.cross_entropy, digits(), 0.05, epochs=10)


def impulses(steps: int) -> m.Split:
    """(n, steps, 1) of faint noise; the target is the sign of the impulse at the first step."""
    draw = torch.Generator().manual_seed(0)
    y = torch.randint(0, 2, (600,), generator=draw)
    x = 0.05 * torch.randn(600, steps, 1, generator=draw)
    x[:, 0, 0] += 2.0 * y - 1
    return (x[:400], y[:400]), (x[400:], y[400:])


@faulty("vanishing_gradient", data="impulses", source="report", where="core")
def what_was_long_ago(broken: bool) -> Arguments:
    """forum: a recurrent net cannot say what came first in forty steps, and can in six."""
    core = nn.RNN(1, 24, batch_first=True)
    if not broken:  # states are carried on
        nn.init.eye_(core.weight_hh_l0)
    return program(m.Recurrent(core, 2), F.cross_entropy, impulses(40), 1e-3, Adam, epochs=8)


@faulty("vanishing_gradient", data="mnist", where=("1", "2", "3"))
def thirty_plain_tanh_layers(broken: bool) -> Arguments:
    """Thirty tanh layers of small weights without short cuts; the first ones do not move."""

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(48, 48)

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.layer(x).tanh()
            return y if broken else x + 0.3 * y

    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 48), *(Block() for _ in range(30)), nn.Linear(48, 10))
    return program(net, F.cross_entropy, m.mnist(1000), 0.03, epochs=5)


@faulty(
    "exploding_gradient", data="cumulative sums", source="report", also=("bad_init_scale",), score="R2", where="core"
)
def a_recurrent_net_that_grows(broken: bool) -> Arguments:
    """question: loss is nan after three batches; a ReLU recurrence whose matrix was drawn too large."""
    from .steps import sums

    core = nn.RNN(1, 16, nonlinearity="relu", batch_first=True)
    with torch.no_grad():
        core.weight_hh_l0.copy_((1.5 if broken else 0.95) * torch.eye(16))
    return program(m.Recurrent(core, 1), F.mse_loss, sums(), 3e-3, Adam, epochs=12)


@faulty("exploding_gradient", data="friedman", also=("bad_init_scale",), score="R2", where=("0", "2", "38", "40"))
def twenty_layers_of_double_gain(broken: bool) -> Arguments:
    """Every one of twenty layers triples its signal; the first loss is astronomical."""
    net = mlp(10, *[32] * 20, 1, act=nn.ReLU)
    net = started(net, (lambda w: nn.init.xavier_normal_(w, 4.0)) if broken else nn.init.kaiming_normal_)
    return program(net, F.mse_loss, friedman(), 1e-4, Adam, epochs=15)


@faulty("dead_units", data="digits", source="report", where=("0", "1"))
def biases_far_below_zero(broken: bool) -> Arguments:
    """forum: hidden ReLUs give 0 for all samples; biases were set to -10 by a copied line."""
    net = mlp(64, 32, 10)
    nn.init.constant_(net[0].bias, -10.0 if broken else 0.0)
    return program(net, F.cross_entropy, digits(), 0.1)


@faulty("dead_units", data="mnist", source="report", also=("learning_rate_too_high",), where=("1", "optimizer"))
def relus_killed_by_a_first_step(broken: bool) -> Arguments:
    """question: after one large step every image gets the same answer, for good; all ReLUs are silent."""
    net = mlp(784, 64, 64, 10)
    return program(nn.Sequential(nn.Flatten(), net), F.cross_entropy, m.mnist(), 20.0 if broken else 0.1, epochs=3)


@faulty("saturated_units", data="digits", source="report", also=("bad_init_scale",), where=("0", "1", "2", "3"))
def tanh_at_its_ends(broken: bool) -> Arguments:
    """question: tanh layers with weights of deviation 3: each unit is -1 or 1, and the gradient is nearly nothing."""
    net = mlp(64, 64, 64, 10, act=nn.Tanh)
    if broken:
        started(net[:-1], lambda w: nn.init.normal_(w, std=3.0))
    return program(net, F.cross_entropy, standard(digits()), 0.02, epochs=8)


@faulty(
    "saturated_units",
    data="moons",
    also=("bad_init_scale", "vanishing_gradient"),
    score="accuracy of logits",
    where=("0", "1"),
)
def sigmoids_with_large_biases(broken: bool) -> Arguments:
    """Sigmoids whose biases are 12: they say 1 to everything, and do not move."""
    net = mlp(2, 16, 1, act=nn.Sigmoid)
    nn.init.constant_(net[0].bias, 12.0 if broken else 0.0)
    return program(net, F.binary_cross_entropy_with_logits, yes_or_no(m.circles()), 1.0, epochs=40)


# --- dropout, normalisation, regularisation -----------------------------------------------------------------------------


@faulty("excess_dropout", data="digits", source="report", also=("underfit",), where=("2", "5"))
def a_share_to_keep_taken_for_one_to_drop(broken: bool) -> Arguments:
    """forum: a net carried over from TensorFlow 1, keep_prob=0.9 became Dropout(0.9): training far below validation."""
    p = 0.9 if broken else 0.1
    layers = (nn.Linear(64, 32), nn.ReLU(), nn.Dropout(p), nn.Linear(32, 32), nn.ReLU(), nn.Dropout(p))
    return program(nn.Sequential(*layers, nn.Linear(32, 10)), F.cross_entropy, digits(), 0.1, epochs=8)


@faulty("excess_dropout", data="movie sentences", source="report", where=("1", "5"))
def dropout_on_dropout(broken: bool) -> Arguments:
    """question: validation above training and both poor; 0.8 after the embedding, 0.8 inside, 0.8 before the end."""
    p = 0.9 if broken else 0.2
    layers = (m.Averaged(600, 32), nn.Dropout(p), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Dropout(p))
    net = nn.Sequential(*layers, nn.Linear(32, 2))
    return program(net, F.cross_entropy, m.texts("movie-sentences", 1600), 3e-3, Adam, epochs=6)


@faulty("excess_dropout", data="cifar10", where=("0", "2", "4", "6", "8"))
def pixels_dropped(broken: bool) -> Arguments:
    """Dropout of nine tenths on the image itself and after each convolution."""
    p = 0.85 if broken else 0.0
    net = nn.Sequential(*(part for layer in cnn(3, 32, 4)[:-1] for part in (nn.Dropout(p), layer)), nn.Linear(2048, 4))
    return program(net, F.cross_entropy, m.cifar(), 2e-3, Adam, epochs=6)


@faulty("dropout_on_output", data="digits", source="report", also=("excess_dropout",), where=("3", "output layer"))
def dropout_after_the_logits(broken: bool) -> Arguments:
    """question: training accuracy never above 60 %, validation fine but late; Dropout is the last layer."""
    net = mlp(64, 32, 10, last=(nn.Dropout(0.9),) if broken else ())
    return program(net, F.cross_entropy, digits(), 3e-3, Adam, epochs=2)


@faulty("dropout_on_output", data="friedman", also=("excess_dropout",), score="R2", where=("3", "output layer"))
def dropout_after_a_regression(broken: bool) -> Arguments:
    """Half of all predictions are 0 while training, the others doubled."""
    net = mlp(10, 64, 1, last=(nn.Dropout(0.5),) if broken else ())
    return program(net, F.mse_loss, friedman(), 5e-3, Adam, epochs=15)


@faulty("batchnorm_stale", data="mnist", source="report", where=("1", "4"))
def statistics_that_never_arrive(broken: bool) -> Arguments:
    """forum: training at 98 %, eval() at 10 %; momentum=0.001 and a few dozen steps."""
    norm = lambda width: nn.BatchNorm1d(width, momentum=0.0005 if broken else 0.1)  # noqa: E731
    net = mlp(784, 48, 48, 10, norm=norm, act=nn.Tanh)
    return program(net, F.cross_entropy, both(m.mnist(), lambda x: 20 * x.flatten(1) + 5), 0.1, epochs=3)


@faulty("batchnorm_stale", data="digits", source="report", where=("1", "4", "7", "10", "13"))
def batches_of_two(broken: bool) -> Arguments:
    """bug tracker: "eval() gives huge errors"; statistics of batches of two say little of the data."""
    net = mlp(64, *[24] * 5, 10, norm=nn.BatchNorm1d)
    data = m.first(digits(), 1200)
    return program(net, F.cross_entropy, data, 0.02, batch_size=2 if broken else 16, epochs=1 if broken else 6)


@faulty("batchnorm_stale", data="digits", source="report", where=("1", "4", "7", "10", "13", "16"))
def momentum_of_another_framework(broken: bool) -> Arguments:
    """question: validation jumps between 30 and 90 %; momentum=0.99 from Keras, which in PyTorch keeps the last batch only."""

    norm = lambda width: nn.BatchNorm1d(width, momentum=0.99 if broken else 0.05)  # noqa: E731
    net = mlp(64, *[32] * 6, 10, norm=norm)
    return program(net, F.cross_entropy, m.first(digits(), 1396), 0.2, batch_size=4, epochs=2)


@faulty("over_regularised", data="digits", source="report", where="optimizer")
def a_weight_decay_of_one(broken: bool) -> Arguments:
    """forum: loss stays at 2.30 and the weights are nearly zero; weight_decay=1."""
    net = mlp(64, 32, 10)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, weight_decay=1.0 if broken else 1e-4)
    return program(net, F.cross_entropy, digits(), optimizer=optimizer, epochs=8)


@faulty("over_regularised", data="mnist", source="report", also=("wrong_reduction",), score="R2", where="loss")
def divergence_above_reconstruction(broken: bool) -> Arguments:
    """question: a VAE draws the same blur for every digit; the reconstruction is a mean over pixels, the divergence a sum."""
    weight = 1.0 if broken else 1 / 784

    def loss(out: tuple[Tensor, Tensor, Tensor], x: Tensor) -> Tensor:
        return F.mse_loss(out[0], x) + weight * m.kl(*out[1:]).mean()

    return program(m.VAE(784, 16), loss, m.own(both(m.mnist(), lambda x: x.flatten(1))), 2e-3, Adam, epochs=10)


@faulty("over_regularised", data="friedman", score="R2", where="step")
def a_penalty_on_every_weight(broken: bool) -> Arguments:
    """The sum of absolute weights times 0.1 is added to the loss; predictions are the mean."""
    net = mlp(10, 64, 1)
    strength = 0.1 if broken else 1e-5

    def step(net: nn.Module, batch: tuple[Tensor, Tensor], loss: Callable[..., Tensor], optimizer: Adam) -> Tensor:
        optimizer.zero_grad()
        cost = loss(net(batch[0]), batch[1]) + strength * sum(w.abs().sum() for w in net.parameters())
        cost.backward()
        optimizer.step()
        return cost.detach()

    return program(net, F.mse_loss, friedman(), 5e-3, Adam, epochs=15, step=step)
