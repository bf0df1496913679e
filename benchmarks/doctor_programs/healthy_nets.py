"""Healthy programs whose nets look odd: deep, tiny, silent, tied, frozen, with several outputs."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import materials as m
from .materials import SGD, Adam, both, digits, mlp, program, standard, table
from .nets import started
from .outputs import Siamese, contrastive, friedman, pairs, yes_or_no
from .registry import Arguments, healthy


@healthy(data="breast cancer", score="accuracy of logits")
def logistic_regression() -> Arguments:
    """A linear model and nothing else."""
    data = yes_or_no(standard(table("breast_cancer")))
    return program(nn.Linear(30, 1), F.binary_cross_entropy_with_logits, data, 0.1, epochs=10)


@healthy(data="diabetes", score="R2")
def linear_regression() -> Arguments:
    """One Linear for ten columns; the data hold no more."""
    data = standard(both(table("diabetes"), targets=lambda y: y[:, None]), targets=True)
    return program(nn.Linear(10, 1), F.mse_loss, data, 0.03, epochs=15)


@healthy(data="digits", source="report")
def log_softmax_before_cross_entropy() -> Arguments:
    """forum: LogSoftmax before CrossEntropyLoss: done twice, and the second time changes nothing."""
    return program(mlp(64, 32, 10, last=(nn.LogSoftmax(1),)), F.cross_entropy, digits(), 0.1, epochs=6)


@healthy(data="digits")
def softmax_before_a_logarithm() -> Arguments:
    """Softmax and NLL of its guarded logarithm: unusual and right."""
    net = mlp(64, 32, 10, last=(nn.Softmax(1),))
    return program(net, lambda p, y: F.nll_loss((p + 1e-7).log(), y), digits(), 0.1, epochs=6)


@healthy(data="moons", score="accuracy of probabilities", source="report")
def squared_error_of_zero_and_one() -> Arguments:
    """question: MSE for yes and no, through a sigmoid: works here."""
    net = mlp(2, 16, 1, last=(nn.Sigmoid(),))
    return program(net, F.mse_loss, yes_or_no(m.moons()), 1e-2, Adam, epochs=20)


@healthy(data="digits")
def squared_error_of_one_hot() -> Arguments:
    """MSE between ten linear outputs and one-hot classes."""
    return program(mlp(64, 64, 10), F.mse_loss, m.one_hot(digits(), 10), 3e-3, Adam, epochs=8)


@healthy(data="series", score="R2")
def tanh_output_in_its_range() -> Arguments:
    """tanh at the end, targets within -1 and 1."""
    data = both(m.series(), targets=lambda y: y / 2.5)
    return program(mlp(24, 32, 1, last=(nn.Tanh(),)), F.mse_loss, data, 5e-3, Adam, epochs=12)


@healthy(data="mnist", score="R2")
def sigmoid_output_for_pixels() -> Arguments:
    """An autoencoder of pixels in 0 … 1 by binary cross entropy; its loss cannot reach 0."""
    data = m.own(both(m.mnist(), lambda x: x.flatten(1)))
    return program(mlp(784, 64, 16, 64, 784, last=(nn.Sigmoid(),)), F.binary_cross_entropy, data, 2e-3, Adam, epochs=8)


@healthy(data="friedman", score="R2")
def relu_output_for_positive_targets() -> Arguments:
    """Targets are never negative, and neither is the output."""
    net = mlp(10, 64, 1, last=(nn.Softplus(),))
    data = both(m.friedman(), targets=lambda y: (y[:, None] / 5).clamp_min(0))
    return program(net, F.mse_loss, data, 1e-2, Adam, epochs=15)


@healthy(data="friedman", score="R2")
def poisson_regression() -> Arguments:
    """Counts by PoissonNLLLoss, whose value may be negative."""
    data = both(m.friedman(), targets=lambda y: y[:, None].round().clamp_min(0))
    return program(
        mlp(10, 32, 1, last=(Exponential(),)), nn.PoissonNLLLoss(log_input=False), data, 5e-3, Adam, epochs=20
    )


class Exponential(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return (x.clamp(-10, 10) + 2.6).exp()


@healthy(data="friedman", score="R2", source="report")
def a_negative_loss() -> Arguments:
    """question: the loss goes below zero: the negative logarithm of a density does that."""

    def loss(p: tuple[Tensor, Tensor], y: Tensor) -> Tensor:
        return F.gaussian_nll_loss(p[0], y, p[1])

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = mlp(10, 64, 2)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            mean, spread = self.net(x).chunk(2, 1)
            return mean, F.softplus(spread) + 1e-3

    return program(Net(), loss, friedman(), 5e-3, Adam, epochs=15)


@healthy(data="digits", score="accuracy of logits")
def several_labels() -> Arguments:
    """Four tags of which any number holds."""
    tags = both(digits(), targets=lambda y: torch.stack([y % 2 == 0, y > 4, y % 3 == 0, y == 8], 1).float())
    return program(mlp(64, 32, 4), F.binary_cross_entropy_with_logits, tags, 3e-3, Adam, epochs=10)


@healthy(data="digits", source="report")
def a_deep_net_with_normalisation() -> Arguments:
    """Twelve narrow layers with BatchNorm."""
    return program(mlp(64, *[24] * 12, 10, norm=nn.BatchNorm1d), F.cross_entropy, digits(), 0.1, epochs=8)


@healthy(data="digits")
def a_deep_net_without_normalisation() -> Arguments:
    """Eight ReLU layers, started as He proposed."""
    return program(started(mlp(64, *[48] * 8, 10), nn.init.kaiming_normal_), F.cross_entropy, digits(), 0.03, epochs=8)


@healthy(data="mnist")
def thirty_layers_with_short_cuts() -> Arguments:
    """Residual blocks whose last layers start at zero."""

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.outer = nn.Linear(32, 32), nn.Linear(32, 32)
            nn.init.zeros_(self.outer.weight)

        def forward(self, x: Tensor) -> Tensor:
            return x + self.outer(self.inner(x).relu())  # type: ignore[no-any-return]

    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 32), *(Block() for _ in range(15)), nn.Linear(32, 10))
    return program(net, F.cross_entropy, m.mnist(), 0.03, epochs=4)


@healthy(data="moons")
def a_tiny_net() -> Arguments:
    """Six hidden units are enough for two moons."""
    return program(mlp(2, 6, 2, act=nn.Tanh), F.cross_entropy, m.moons(), 3e-2, Adam, epochs=20)


@healthy(data="digits")
def sigmoids_that_work() -> Arguments:
    """One hidden layer of sigmoids and a large rate."""
    return program(mlp(64, 32, 10, act=nn.Sigmoid), F.cross_entropy, digits(), 1.0, epochs=10)


@healthy(data="digits", source="report")
def half_of_the_units_silent() -> Arguments:
    """forum: "half of my ReLUs are dead": biases below zero make them rare, not dead; a sparse code."""
    net = mlp(64, 256, 10)
    nn.init.constant_(net[0].bias, -0.3)
    return program(net, F.cross_entropy, digits(), 0.1, epochs=8)


@healthy(data="digits")
def some_units_really_dead() -> Arguments:
    """A third of a wide layer never fires; the rest is more than enough."""
    net = mlp(64, 96, 10)
    with torch.no_grad():
        net[0].bias[:32] = -20.0
    return program(net, F.cross_entropy, digits(), 0.1, epochs=8)


@healthy(data="digits")
def the_last_layer_starts_at_zero() -> Arguments:
    """The output layer's weights are zero: all predictions are equal at first, and only then."""
    net = mlp(64, 32, 10)
    nn.init.zeros_(net[-1].weight)
    return program(net, F.cross_entropy, digits(), 0.1, epochs=6)


@healthy(data="letters", source="report")
def tied_weights() -> Arguments:
    """A language model whose embedding is its output layer, too."""
    net = m.Recurrent(nn.GRU(48, 48, batch_first=True), 65, tokens=65, every=True)
    net.head.weight = net.embed.weight
    nn.init.normal_(net.embed.weight, std=0.1)
    return program(net, m.by_letter, m.letters(), 5e-3, Adam, epochs=8)


@healthy(data="letters", source="report")
def a_transformer_with_mask() -> Arguments:
    """forum: "loss stops at 2.2": a small transformer of letters, which is fine for so little text."""
    net = m.Attentive(65, tokens=65, width=48, every=True, causal=True)
    return program(net, m.by_letter, m.letters(), 3e-3, Adam, epochs=10)


@healthy(data="spoken digits")
def attention_without_positions() -> Arguments:
    """A transformer that sees all moments, both ways: a classifier may."""
    return program(m.Attentive(10, features=33), F.cross_entropy, m.spoken(), 3e-3, Adam, epochs=8)


@healthy(data="waves")
def both_directions() -> Arguments:
    """A bidirectional GRU as a classifier, which may see what comes."""
    net = m.Recurrent(nn.GRU(1, 16, batch_first=True, bidirectional=True), 3)
    return program(net, F.cross_entropy, m.waves(), 1e-2, Adam, epochs=10)


@healthy(data="movie sentences", source="report")
def an_embedding_with_unseen_words() -> Arguments:
    """Most rows of an embedding get no gradient in a batch, some never."""
    data = m.texts("movie-sentences", 3000, words=1500)
    return program(m.Averaged(1500, 2), F.cross_entropy, data, 1e-2, Adam, epochs=4)


@healthy(data="mnist", score="R2")
def a_variational_autoencoder() -> Arguments:
    """Sums over pixels and code, a mean over samples: a loss near 150."""

    def loss(out: tuple[Tensor, Tensor, Tensor], x: Tensor) -> Tensor:
        return F.binary_cross_entropy(out[0], x, reduction="sum") / len(x) + m.kl(*out[1:]).mean()

    return program(m.VAE(784), loss, m.own(both(m.mnist(), lambda x: x.flatten(1))), 2e-3, Adam, epochs=12)


@healthy(data="digits", score="accuracy of pairs")
def a_siamese_net() -> Arguments:
    """Two images through the same weights, contrastive loss."""
    return program(Siamese(mlp(64, 64, 8)), contrastive, pairs(digits()), 3e-3, Adam, epochs=8)


@healthy(data="digits", source="report")
def fine_tuning_with_a_frozen_body() -> Arguments:
    """question: "half of the parameters have no gradient": a body trained on other digits is frozen, the head learns."""
    (x, y), (u, v) = digits()
    body = mlp(64, 64, 5)
    optimizer = Adam(body.parameters(), lr=1e-2)
    for _ in range(150):
        optimizer.zero_grad()
        F.cross_entropy(body(x[y < 5]), y[y < 5]).backward()
        optimizer.step()
    net = nn.Sequential(*body[:-1].requires_grad_(False), nn.Linear(64, 5))
    data = ((x[y > 4], y[y > 4] - 5), (u[v > 4], v[v > 4] - 5))
    return program(net, F.cross_entropy, data, optimizer=Adam(net[-1].parameters(), lr=1e-2), epochs=8)


@healthy(data="digits")
def a_fixed_random_first_layer() -> Arguments:
    """A wide layer of random features that is frozen on purpose."""
    net = mlp(64, 512, 10)
    net[0].requires_grad_(False)
    return program(net, F.cross_entropy, digits(), 0.1, epochs=8)


@healthy(data="digits", source="report")
def dropout_of_one_half() -> Arguments:
    """forum: "validation above training": dropout 0.5, as the books have it."""
    layers = (nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10))
    return program(nn.Sequential(*layers), F.cross_entropy, digits(), 0.1, epochs=10)


class SignThrough(torch.autograd.Function):
    """The sign, whose derivative is taken to be that of a clamp."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.sign()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grads[0] * (x.abs() <= 1)


@healthy(data="digits")
def autograd_of_ones_own() -> Arguments:
    """Binary hidden units, with a straight-through gradient."""
    net = nn.Sequential(nn.Linear(64, 128), nn.BatchNorm1d(128), m.Do(SignThrough.apply), nn.Linear(128, 10))
    return program(net, F.cross_entropy, digits(), 3e-3, Adam, epochs=10)


class TwoHeads(nn.Module):
    """Classes, and beside them a reconstruction."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.classes, self.pixels = mlp(64, 64, 32), nn.Linear(32, 10), nn.Linear(32, 64)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        code = self.body(x).relu()
        return self.classes(code), self.pixels(code), x


@healthy(data="digits")
def an_auxiliary_loss() -> Arguments:
    """A second head draws the input again; its loss is added."""

    def loss(out: tuple[Tensor, Tensor, Tensor], y: Tensor) -> Tensor:
        return F.cross_entropy(out[0], y) + 0.3 * F.mse_loss(out[1], out[2])

    return program(TwoHeads(), loss, digits(), 3e-3, Adam, epochs=8)


@healthy(data="digits")
def a_head_that_is_not_used_yet() -> Arguments:
    """The second head is there for later; its parameters get no gradient and the first is fine."""
    return program(TwoHeads(), lambda out, y: F.cross_entropy(out[0], y), digits(), 3e-3, Adam, epochs=8)


@healthy(data="mnist")
def images_as_sequences() -> Arguments:
    """Rows of an image are the steps of a GRU."""
    net = m.Recurrent(nn.GRU(28, 48, batch_first=True), 10)
    return program(net, F.cross_entropy, both(m.mnist(), lambda x: x[:, 0]), 5e-3, Adam, epochs=6)


@healthy(data="cumulative sums", score="R2")
def a_long_linear_recurrence() -> Arguments:
    """An identity recurrence over thirty steps adds numbers up."""
    from .steps import sums

    core = nn.RNN(1, 16, nonlinearity="relu", batch_first=True)
    with torch.no_grad():
        core.weight_hh_l0.copy_(0.95 * torch.eye(16))
    net = m.Recurrent(core, 1)
    return program(net, F.mse_loss, sums(), 3e-3, Adam, epochs=15)


@healthy(data="digits")
def group_norm_and_gelu() -> Arguments:
    """GroupNorm, GELU, weight decay: today's fashion on small images."""
    net = nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.GroupNorm(4, 16), nn.GELU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(256, 10)),
    )
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=0.05)
    return program(net, F.cross_entropy, m.digit_images(), optimizer=optimizer)


@healthy(data="wine")
def a_wide_net_for_few_samples() -> Arguments:
    """Four hundred units for 118 wines, a few epochs: more parameters than samples, and fine."""
    return program(mlp(13, 400, 3), F.cross_entropy, standard(table("wine")), 0.05, epochs=12)


@healthy(data="digits")
def momentum_and_nesterov() -> Arguments:
    """SGD with Nesterov's momentum."""
    net = mlp(64, 32, 10)
    optimizer = SGD(net.parameters(), lr=0.03, momentum=0.9, nesterov=True)
    return program(net, F.cross_entropy, digits(), optimizer=optimizer)
