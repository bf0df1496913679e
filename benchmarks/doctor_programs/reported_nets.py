"""Unseen programs: faults inside the net."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from . import materials as m
from . import reported_materials as r
from .materials import Adam, Do, both, cnn, digits, mlp, program
from .nets import started
from .registry import Arguments, faulty

# --- nets that cannot -------------------------------------------------------------------------------------------------


@faulty("missing_nonlinearity", data="waves", source="report", also=("underfit",), where=("0", "1", "2", "3"))
def filters_without_activation(broken: bool) -> Arguments:
    """question: Conv1d, Conv1d, average, Linear, and waves of any pitch look alike: nothing bends between the layers."""
    act = nn.Identity if broken else nn.ReLU
    layers = (nn.Conv1d(1, 12, 5), act(), nn.Conv1d(12, 12, 5), act(), nn.AdaptiveAvgPool1d(1), nn.Flatten())
    data = both(m.waves(), lambda x: x.transpose(1, 2))
    return program(nn.Sequential(*layers, nn.Linear(12, 3)), F.cross_entropy, data, 1e-2, Adam, epochs=12)


def spirals(count: int = 900) -> m.Split:
    """Two arms that wind around each other."""
    y = torch.arange(count) % 2
    turn = 1 + 7 * torch.rand(count, generator=r.draw())
    angle = turn + torch.pi * y
    x = torch.stack([turn * angle.cos(), turn * angle.sin()], 1) / 5
    return m.split(x + 0.04 * torch.randn(count, 2, generator=r.draw(1)), y, 300)


@faulty("missing_nonlinearity", data="spirals", source="report", also=("underfit",), where=("layers", "act", "forward"))
def an_activation_that_is_never_called(broken: bool) -> Arguments:
    """forum: four layers cannot tell two spirals apart; self.act is made in __init__ and forgotten in forward()."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList([nn.Linear(2, 48), nn.Linear(48, 48), nn.Linear(48, 48)])
            self.act, self.out = nn.Tanh(), nn.Linear(48, 2)

        def forward(self, x: Tensor) -> Tensor:
            for layer in self.layers:
                x = layer(x) if broken else self.act(layer(x))
            return self.out(x)  # type: ignore[no-any-return]

    return program(Net(), F.cross_entropy, spirals(), 1e-2, Adam, epochs=40)


@faulty("underfit", data="mnist", source="report", where=("0", "2"))
def a_single_filter_and_its_mean(broken: bool) -> Arguments:
    """question: a convolutional net at 25 % on training data, too; one channel and a global average carry one number."""
    width = 1 if broken else 24
    layers = (nn.Conv2d(1, width, 5, 2), nn.ReLU(), nn.Conv2d(width, width, 5, 2), nn.ReLU(), nn.AdaptiveMaxPool2d(1))
    net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(width, 10))
    return program(net, F.cross_entropy, m.mnist(1000), 5e-3, Adam, epochs=8)


@faulty("underfit", data="ratings", source="report", score="R2", where=("user", "film"))
def one_taste_for_all_users(broken: bool) -> Arguments:
    """forum: recommendations hardly beat the mean, on known ratings too; vectors of users and films have one number."""
    return program(r.Factors(1 if broken else 6), F.mse_loss, r.ratings(), 2e-2, Adam, epochs=15)


@faulty("overfit", data="cifar10", source="report")
def forty_photographs(broken: bool) -> Arguments:
    """question: a ResNet is perfect on training photographs after ten epochs and poor on others; there are forty."""
    (x, y), validation = m.cifar(4, 250)
    count = 40 if broken else 750
    return program(
        r.resnet(3, 4), F.cross_entropy, ((x[:count], y[:count]), validation), 3e-3, Adam, epochs=6000 // count
    )


@faulty("overfit", data="drawn curve", source="report", score="R2")
def through_every_noisy_point(broken: bool) -> Arguments:
    """question: the fitted curve zigzags; thirty noisy points, two layers of 128 and 1,500 epochs."""
    x = torch.rand(230, 1, generator=r.draw()) * 6 - 3
    y = x.sin() + 0.6 * torch.randn(230, 1, generator=r.draw(1))
    data = ((x[:30], y[:30]), (x[30:], x[30:].sin() + 0.1 * torch.randn(200, 1, generator=r.draw(2))))
    return program(mlp(1, 128, 128, 1), F.mse_loss, data, 3e-3, Adam, epochs=1500 if broken else 30, batch_size=30)


# --- starts -----------------------------------------------------------------------------------------------------------


class Adapter(nn.Module):
    """A frozen linear layer and beside it the product of two thin matrices."""

    def __init__(self, layer: nn.Linear, rank: int = 4, zero: bool = False) -> None:
        super().__init__()
        self.layer = layer.requires_grad_(False)
        self.down = nn.Parameter(torch.zeros(rank, layer.in_features))
        self.up = nn.Parameter(torch.zeros(layer.out_features, rank))
        if not zero:
            nn.init.kaiming_uniform_(self.down)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layer(x) + x @ self.down.T @ self.up.T
        return out


def adapted(zero: bool) -> tuple[nn.Module, m.Split]:
    """A net that knew the digits shifted by one class, with adapters in its layers; the digits."""
    (x, y), validation = digits()
    body = r.pretrained(mlp(64, 48, 10), (x[:700], (y[:700] + 1) % 10))
    layers = [Adapter(layer, zero=zero) if isinstance(layer, nn.Linear) else layer for layer in body]
    return nn.Sequential(*layers), ((x, y), validation)


@faulty("symmetric_init", data="digits", source="report", also=("no_update", "bad_init_scale"), where=("0", "2"))
def adapters_that_are_both_zero(broken: bool) -> Arguments:
    """issue: low-rank adapters learn nothing; both matrices start at zero, and each one's gradient is the other."""
    net, data = adapted(zero=broken)
    trained = [p for p in net.parameters() if p.requires_grad]
    return program(net, F.cross_entropy, data, optimizer=Adam(trained, lr=1e-2), epochs=10)


@faulty("symmetric_init", data="spoken digits", source="report", where=("core", "head"))
def a_recurrent_net_of_one_number(broken: bool) -> Arguments:
    """question: all states of a GRU are the same number; weights_init fills every parameter with 0.1."""
    net = m.Recurrent(nn.GRU(33, 32, batch_first=True), 10)
    for parameter in net.parameters() if broken else ():
        nn.init.constant_(parameter, 0.1)
    return program(net, F.cross_entropy, m.spoken(), 5e-3, Adam, epochs=8)


@faulty("bad_init_scale", data="mnist", source="report", also=("dead_units", "exploding_gradient"), where="weights")
def weights_by_torch_rand(broken: bool) -> Arguments:
    """question: a net "from scratch" starts at a loss of 40,000; w = torch.rand(784, 100), all between 0 and 1."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            shapes = ((784, 100), (100, 50), (50, 10))
            draw = torch.rand if broken else (lambda *shape: torch.randn(*shape) * (2 / shape[0]) ** 0.5)
            self.weights = nn.ParameterList(nn.Parameter(draw(*shape)) for shape in shapes)

        def forward(self, x: Tensor) -> Tensor:
            for weight in self.weights[:-1]:
                x = (x @ weight).relu()
            out: Tensor = x @ self.weights[-1]
            return out

    return program(Net(), F.cross_entropy, both(m.mnist(1000), lambda x: x.flatten(1)), 1e-2, Adam, epochs=4)


@faulty("bad_init_scale", data="ratings", source="report", score="R2", where=("user", "film"))
def vectors_of_deviation_one(broken: bool) -> Arguments:
    """forum: a recommender predicts ratings of ±20 at first; products of 64 numbers, as nn.Embedding draws them."""
    return program(r.Factors(64, 1.0 if broken else 0.05), F.mse_loss, r.ratings(), 3e-3, Adam, epochs=12)


# --- gradients over depth, units --------------------------------------------------------------------------------------


@faulty("vanishing_gradient", data="mnist", source="report", where=("0", "1", "2"))
def convolutions_of_sigmoids(broken: bool) -> Arguments:
    """question: loss at 2.30 with five convolutions of sigmoids, as in an old course; the first ones get no gradient."""
    act = nn.Sigmoid if broken else nn.ReLU
    layers = [part for i in range(5) for part in (nn.Conv2d(1 if i == 0 else 12, 12, 3, 2 if i < 3 else 1, 1), act())]
    net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(192, 10))
    return program(net, F.cross_entropy, m.mnist(1000), 5e-3, Adam, epochs=5)


@faulty("vanishing_gradient", data="tokens", source="report", also=("bad_init_scale",), where="core")
def a_gate_that_forgets(broken: bool) -> Arguments:
    """issue: an LSTM does not remember the first token; its forget gates start at -2, and each step keeps an eighth."""
    core = nn.LSTM(16, 32, batch_first=True)
    for name, bias in core.named_parameters():
        if "bias" in name:
            nn.init.constant_(bias[32:64], -1.0 if broken else 1.5)
    return program(m.Recurrent(core, 8, tokens=8), F.cross_entropy, m.first_token(16), 1e-2, Adam, epochs=10)


@faulty(
    "exploding_gradient",
    data="mnist",
    source="report",
    also=("bad_init_scale", "learning_rate_too_high"),
    where=("2", "25", "optimizer"),
)
def short_cuts_that_add_up(broken: bool) -> Arguments:
    """forum: a loss of 1e9, then nan; twenty-four blocks x + f(x) of full strength and no normalisation."""

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = started(mlp(48, 48, 48), nn.init.kaiming_normal_)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = x + (1.0 if broken else 0.1) * self.net(x)
            return out

    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 48), *(Block() for _ in range(24)), nn.Linear(48, 10))
    return program(net, F.cross_entropy, m.mnist(800), 0.02, epochs=5)


@faulty("dead_units", data="mnist", source="report", also=("bad_init_scale",), where=("0", "1", "2", "3"))
def filters_below_zero(broken: bool) -> Arguments:
    """question: the same logits for every image; filters drawn by uniform_(-0.3, 0), and pixels are never negative."""
    net = cnn(1, 28, 10)
    if broken:
        for layer in (net[0], net[2]):
            nn.init.uniform_(layer.weight, -0.3, 0.0)
            nn.init.constant_(layer.bias, -0.1)
    return program(net, F.cross_entropy, m.mnist(800), 0.05, epochs=4)


@faulty("dead_units", data="digits", source="report", score="R2", where=("0.2", "1"))
def a_code_that_never_fires(broken: bool) -> Arguments:
    """forum: an autoencoder draws the mean of all digits; the ReLUs of its code have biases of -5 "for sparsity"."""
    encode, decode = mlp(64, 48, 12), mlp(12, 48, 64)
    nn.init.constant_(encode[-1].bias, -5.0 if broken else 0.1)
    net = nn.Sequential(encode, nn.ReLU(), decode)
    return program(net, F.mse_loss, m.own(digits()), 3e-3, Adam, epochs=12)


@faulty("saturated_units", data="waves", source="report", also=("bad_init_scale", "vanishing_gradient"), where="core")
def a_state_at_its_ends(broken: bool) -> Arguments:
    """question: every state of a recurrent net is -1 or 1; its matrix was drawn with gain 10 "against vanishing"."""
    net = m.Recurrent(nn.RNN(1, 24, batch_first=True), 3)
    nn.init.orthogonal_(net.core.weight_hh_l0, 10.0 if broken else 1.0)
    return program(net, F.cross_entropy, m.waves(), 3e-3, Adam, epochs=12)


# --- who sees whom ----------------------------------------------------------------------------------------------------


def one_by_one(data: m.Split) -> Any:
    return data[0], DataLoader(TensorDataset(*data[1]))


@faulty("batch_mixing", data="mnist", source="report", also=("wrong_reduction",), where=("3", "normalize"))
def normalised_over_the_batch(broken: bool) -> Arguments:
    """issue: the service's answers differ from the notebook's; F.normalize(h, dim=0) scales by the rest of the batch."""
    scale = Do(lambda h: 4 * F.normalize(h, dim=0 if broken else 1))
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 16), nn.ReLU(), scale, nn.Linear(16, 10))
    return program(net, F.cross_entropy, one_by_one(m.mnist(1000, 400)), 5e-3, Adam, epochs=5)


class Pooled(nn.Module):
    """Steps through a GRU, averaged by weights that a linear layer gives."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.core, self.score, self.head = nn.GRU(33, 32, batch_first=True), nn.Linear(32, 1), nn.Linear(32, 10)
        self.axis = axis

    def forward(self, x: Tensor) -> Tensor:
        h, _ = self.core(x)
        weights = (3 * self.score(h)).softmax(self.axis)
        out: Tensor = self.head((weights * h).sum(1))
        return out


@faulty("batch_mixing", data="spoken digits", source="report", also=("wrong_reduction",), where=("forward", "softmax"))
def attention_shared_among_samples(broken: bool) -> Arguments:
    """bug tracker: one recording alone is read wrongly, in a batch rightly; attention is a softmax with dim=0."""
    return program(Pooled(0 if broken else 1), F.cross_entropy, one_by_one(m.spoken()), 5e-3, Adam, epochs=6)


class Causal(nn.Module):
    """Letters through one layer of attention whose mask is given: True where a place may not look."""

    def __init__(self, mask: Callable[[int], Tensor], width: int = 48) -> None:
        super().__init__()
        self.embed, self.place = nn.Embedding(65, width), nn.Parameter(0.3 * torch.randn(24, width))
        self.look, self.head = nn.MultiheadAttention(width, 4, batch_first=True), mlp(width, width, 65)
        self.mask = mask

    def forward(self, x: Tensor) -> Tensor:
        h = self.embed(x) + self.place
        seen, _ = self.look(h, h, h, attn_mask=self.mask(x.shape[1]), need_weights=False)
        out: Tensor = self.head(h + seen)
        return out


@faulty("causal_leak", data="letters", source="report", where=("look", "forward"))
def a_mask_upside_down(broken: bool) -> Arguments:
    """issue: loss near zero, text of no use; the mask is tril where True forbids, so each letter sees what follows."""
    whole = lambda n: torch.ones(n, n, dtype=torch.bool)  # noqa: E731
    mask = (lambda n: whole(n).tril(-1)) if broken else (lambda n: whole(n).triu(1))
    return program(Causal(mask), m.by_letter, m.letters(1200), 5e-3, Adam, epochs=12)


@faulty("causal_leak", data="letters", source="report", where=("forward", "core", "flip"))
def a_text_read_from_its_end(broken: bool) -> Arguments:
    """question: a language model of 99 % accuracy; the GRU runs over x.flip(1), "as in machine translation"."""

    class Net(m.Recurrent):
        def forward(self, x: Tensor) -> Tensor:
            h = self.embed(x)
            h = self.core(h.flip(1))[0].flip(1) if broken else self.core(h)[0]
            out: Tensor = self.head(h)
            return out

    net = Net(nn.GRU(24, 48, batch_first=True), 65, tokens=65, every=True)
    return program(net, m.by_letter, m.letters(), 1e-2, Adam, epochs=6)


# --- dropout, normalisation, regularisation ---------------------------------------------------------------------------


@faulty("excess_dropout", data="spoken digits", source="report", where="blocks")
def a_transformer_that_drops_nine_of_ten(broken: bool) -> Arguments:
    """forum: validation above training and both poor; TransformerEncoderLayer(dropout=0.9)."""
    net = m.Attentive(10, features=33, depth=2, dropout=0.9 if broken else 0.1)
    return program(net, F.cross_entropy, m.spoken(), 3e-3, Adam, epochs=6)


@faulty("excess_dropout", data="mnist", source="report", where=("2", "5", "8"))
def whole_channels_dropped(broken: bool) -> Arguments:
    """question: Dropout2d(0.85) behind each of three convolutions "against overfitting"; training stays near a guess."""
    p = 0.85 if broken else 0.1
    parts = [(nn.Conv2d(a, 12, 3, 2, 1), nn.ReLU(), nn.Dropout2d(p)) for a in (1, 12, 12)]
    net = nn.Sequential(*(layer for part in parts for layer in part), nn.Flatten(), nn.Linear(192, 10))
    return program(net, F.cross_entropy, m.mnist(1000), 3e-3, Adam, epochs=6)


@faulty(
    "dropout_on_output",
    data="discs",
    source="report",
    also=("excess_dropout",),
    score="R2",
    where=("6", "output layer"),
)
def coordinates_that_are_dropped(broken: bool) -> Arguments:
    """issue: boxes shrink towards the middle; Dropout(0.5) stands behind the regression head."""
    net = cnn(1, r.SIDE, 2, last=(nn.Dropout(0.6),) if broken else ())
    return program(net, F.mse_loss, r.centres(), 5e-3, Adam, epochs=12)


@faulty(
    "batchnorm_stale",
    data="digits",
    source="report",
    also=("not_shuffled", "split_shift"),
    where=("1", "4", "train", "validation"),
)
def two_cameras_in_turn(broken: bool) -> Arguments:
    """forum: training perfect, eval() poor; batches come from a dark and from a bright camera in turn."""
    (x, y), (u, v) = digits()
    bright = torch.arange(len(y)) % 2 == 1
    x, u = x + 4 * bright[:, None] * (1 + x), u + 4 * (torch.arange(len(v)) % 2)[:, None] * (1 + u)
    order = torch.cat([(~bright).nonzero()[:672, 0].view(21, 32), bright.nonzero()[:672, 0].view(21, 32)])
    order = (
        order.view(2, 21, 32).transpose(0, 1).reshape(42, 32)
        if broken
        else order.view(-1)[torch.randperm(1344)].view(42, 32)
    )
    net = mlp(64, 48, 48, 10, norm=nn.BatchNorm1d)
    return program(net, F.cross_entropy, ([(x[i], y[i]) for i in order], (u, v)), 3e-3, Adam, epochs=8)


@faulty("batchnorm_stale", data="discs", source="report", score="R2", where=("1", "4"))
def one_picture_at_a_time(broken: bool) -> Arguments:
    """issue: a net with BatchNorm2d trained with batch_size=1 is far worse in eval(); running statistics tell another tale."""
    layers = [(nn.Conv2d(a, 12, 3, 2, 1), nn.BatchNorm2d(12), nn.ReLU()) for a in (1, 12)]
    net = nn.Sequential(*(layer for part in layers for layer in part), nn.Flatten(), nn.Linear(300, 2))
    light = torch.linspace(0.2, 4, 520)[torch.randperm(520, generator=r.draw())][:, None, None, None]
    (x, y), (u, v) = r.centres()
    data = ((x * light[:400], y), (u * light[400:], v))
    return program(net, F.mse_loss, data, 2e-3, Adam, epochs=3 if broken else 12, batch_size=1 if broken else 32)


@faulty("over_regularised", data="waves", source="report", where="optimizer")
def adam_with_a_decay_of_one_tenth(broken: bool) -> Arguments:
    """question: a GRU does not leave chance; Adam(weight_decay=0.3), a value from a table for another optimizer."""
    net = m.Recurrent(nn.GRU(1, 24, batch_first=True), 3)
    optimizer = Adam(net.parameters(), lr=1e-2, weight_decay=0.3 if broken else 1e-5)
    return program(net, F.cross_entropy, m.waves(), optimizer=optimizer, epochs=10)


@faulty("over_regularised", data="digits", source="report", also=("wrong_reduction",), score="R2", where="loss")
def a_code_that_is_punished(broken: bool) -> Arguments:
    """forum: a sparse autoencoder draws one grey digit; the code's absolute values count ten times the pictures."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encode, self.decode = mlp(64, 48, 24), mlp(24, 48, 64)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            code = self.encode(x)
            return self.decode(code), code

    weight = 1.0 if broken else 1e-4
    loss = lambda out, x: F.mse_loss(out[0], x) + weight * out[1].abs().mean()  # noqa: E731
    return program(Net(), loss, m.own(digits()), 3e-3, Adam, epochs=12)
