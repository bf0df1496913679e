"""Unseen programs: faults where the net meets its loss."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import materials as m
from . import reported_materials as r
from .materials import SGD, Adam, Do, both, cnn, digits, mlp, program, standard, table
from .outputs import class_of_number, friedman, yes_or_no
from .registry import Arguments, faulty

# --- output layers ----------------------------------------------------------------------------------------------------


@faulty("double_softmax", data="spoken digits", source="report", where=("1", "output layer"))
def probabilities_given_as_logits(broken: bool) -> Arguments:
    """issue: Categorical(logits=…) of a policy head that ends in Softmax: it learns at a crawl and stops half way."""
    net = nn.Sequential(nn.Flatten(), mlp(1320, 48, 10, last=(nn.Softmax(-1),) if broken else ()))
    loss = lambda p, y: -torch.distributions.Categorical(logits=p).log_prob(y).mean()  # noqa: E731
    return program(net, loss, m.spoken(), 0.05, epochs=10)


@faulty(
    "double_softmax",
    data="discs",
    source="report",
    also=("activated_logits",),
    score="metric",
    where=("last", "output layer"),
)
def a_u_net_with_sigmoid_and_logits_loss(broken: bool) -> Arguments:
    """question: masks come out grey; the last layer of a U-Net is a Sigmoid and the loss BCEWithLogits."""
    net = r.UNet(last=nn.Sigmoid() if broken else None)
    optimizer = SGD(net.parameters(), lr=0.2, momentum=0.9)
    metric = r.overlap(0.5 if broken else 0.0)
    return program(net, nn.BCEWithLogitsLoss(), r.masks(3.0), optimizer=optimizer, epochs=4, metric=metric)


@faulty("activated_logits", data="wine", source="report", where=("layers.2", "forward", "output layer"))
def a_loop_over_all_layers(broken: bool) -> Arguments:
    """question: one class is never predicted; forward() loops over a ModuleList with relu(layer(x)), the last one too."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList([nn.Linear(13, 24), nn.Linear(24, 24), nn.Linear(24, 3)])

        def forward(self, x: Tensor) -> Tensor:
            for layer in self.layers[:-1]:
                x = layer(x).relu()
            x = self.layers[-1](x)
            return x.relu() if broken else x

    return program(Net(), F.cross_entropy, standard(table("wine")), 0.1, epochs=8)


@faulty("activated_logits", data="customers", source="report", score="accuracy of logits", where=("3", "output layer"))
def clamped_to_be_safe(broken: bool) -> Arguments:
    """forum: "to avoid nan" outputs are clamped to 0 … 1 before BCEWithLogitsLoss, so that nobody is ever a no."""
    net = mlp(5, 32, 1, last=(Do(lambda z: z.clamp(1e-7, 1 - 1e-7)),) if broken else ())
    return program(net, nn.BCEWithLogitsLoss(), r.column(standard(r.customers())), 1e-2, Adam, epochs=12)


@faulty(
    "single_unit_softmax", data="spam", source="report", score="accuracy of probabilities", where=("1", "output layer")
)
def a_recurrent_net_with_softmax_of_one(broken: bool) -> Arguments:
    """question: an LSTM finds spam in everything, loss constant; Dense(1, activation="softmax") carried to PyTorch."""
    core = m.Recurrent(nn.LSTM(16, 24, batch_first=True), 1, tokens=600)
    net = nn.Sequential(core, nn.Softmax(-1) if broken else nn.Sigmoid())
    return program(net, nn.BCELoss(), yes_or_no(m.texts("sms-spam", 1600)), 5e-3, Adam, epochs=4)


@faulty("single_unit_softmax", data="discs", source="report", score="metric", where=("last", "output layer"))
def softmax_over_the_only_channel(broken: bool) -> Arguments:
    """issue: every mask is white; a U-Net of one output channel ends in Softmax(dim=1)."""
    net = r.UNet(last=nn.Softmax(1) if broken else nn.Sigmoid())
    return program(net, nn.BCELoss(), r.masks(), 5e-3, Adam, epochs=4, metric=r.overlap(0.5))


@faulty(
    "missing_output_activation",
    data="discs",
    source="report",
    score="metric",
    where=("head", "last", "loss", "output layer"),
)
def dice_of_raw_outputs(broken: bool) -> Arguments:
    """forum: a dice loss far below zero and worthless masks; the overlap is taken of raw outputs, not probabilities."""

    def dice(p: Tensor, y: Tensor) -> Tensor:
        return 1 - (2 * (p * y).sum() + 1) / (p.sum() + y.sum() + 1)

    net = r.UNet(last=None if broken else nn.Sigmoid())
    return program(net, dice, r.masks(), 5e-3, Adam, epochs=6, metric=r.overlap(0.5))


@faulty("missing_output_activation", data="digits", source="report", where=("2", "loss", "output layer"))
def divergence_of_plain_outputs(broken: bool) -> Arguments:
    """question: KLDivLoss is negative and sinks for ever; it wants logarithms of probabilities, and gets a Linear."""
    net = mlp(64, 48, 10, last=() if broken else (nn.LogSoftmax(1),))
    soft = both(m.one_hot(digits(), 10), targets=lambda y: 0.9 * y + 0.01)
    return program(net, nn.KLDivLoss(reduction="batchmean"), soft, 3e-3, Adam, epochs=8)


@faulty("unreachable_targets", data="discs", source="report", score="R2", where=("6", "output layer"))
def offsets_through_a_sigmoid(broken: bool) -> Arguments:
    """issue: boxes never reach the left half; centres are in -1 … 1, the regression head ends in a Sigmoid."""
    net = cnn(1, r.SIDE, 2, last=(nn.Sigmoid(),) if broken else ())
    return program(net, F.smooth_l1_loss, r.centres(), 3e-3, Adam, epochs=15)


@faulty(
    "unreachable_targets", data="digits", source="report", also=("dead_units",), score="R2", where=("7", "output layer")
)
def a_decoder_that_ends_in_relu(broken: bool) -> Arguments:
    """question: reconstructions have no dark parts; inputs are standardised, the decoder's last layer has a ReLU."""
    data = m.own(both(digits(), lambda x: (x - 0.3) / 0.37))
    net = mlp(64, 48, 12, 48, 64, last=(nn.ReLU(),) if broken else ())
    return program(net, F.mse_loss, data, 3e-3, Adam, epochs=15)


# --- losses -----------------------------------------------------------------------------------------------------------


@faulty(
    "wrong_loss_for_task",
    data="wine",
    source="report",
    also=("labels_out_of_range", "wrong_output_width"),
    where=("loss", "train targets", "output layer"),
)
def yes_or_no_for_three_wines(broken: bool) -> Arguments:
    """question: BCEWithLogits of one unit and labels 0, 1, 2: the loss is negative, the third class swallows all."""
    if not broken:
        return program(mlp(13, 24, 3), F.cross_entropy, standard(table("wine")), 1e-2, Adam, epochs=15)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = mlp(13, 24, 1)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.body(x)
            return out if self.training else class_of_number(out)[:, :3]

    loss = lambda p, y: F.binary_cross_entropy_with_logits(p, y.float()[:, None])  # noqa: E731
    return program(Net(), loss, standard(table("wine")), 1e-2, Adam, epochs=15)


@faulty("wrong_loss_for_task", data="discs", source="report", score="R2", where="loss")
def cross_entropy_for_coordinates(broken: bool) -> Arguments:
    """forum: CrossEntropyLoss takes the two coordinates of a point without complaint; the loss is negative at times."""
    loss = F.cross_entropy if broken else F.mse_loss
    return program(cnn(1, r.SIDE, 2), loss, r.centres(), 3e-3, Adam, epochs=10)


@faulty("wrong_loss_for_task", data="friedman", source="report", score="R2", where="loss")
def an_angle_where_length_matters(broken: bool) -> Arguments:
    """issue: loss near 0 and R² far below it; 1 - cosine similarity sees the direction of the targets only."""
    direction = lambda p, y: 1 - F.cosine_similarity(p, y).mean()  # noqa: E731
    data = both(friedman(), targets=lambda y: torch.cat([y, y**2 / 2], 1))
    return program(mlp(10, 48, 2), direction if broken else F.mse_loss, data, 5e-3, Adam, epochs=15)


@faulty(
    "wrong_output_width",
    data="letters",
    source="report",
    also=("labels_out_of_range",),
    where=("head", "train targets", "output layer"),
)
def a_vocabulary_without_its_last_letter(broken: bool) -> Arguments:
    """issue: "index out of bounds" after some batches; the head has len(vocabulary) - 1 outputs."""
    letters = int(m.letters()[0][1].max()) + 1
    net = m.Recurrent(nn.GRU(24, 48, batch_first=True), letters - broken, tokens=65, every=True)
    return program(net, m.by_letter, m.letters(), 1e-2, Adam, epochs=4)


@faulty(
    "wrong_output_width",
    data="discs",
    source="report",
    also=("broadcast_loss",),
    score="R2",
    where=("5", "loss", "output layer"),
)
def one_number_for_two_coordinates(broken: bool) -> Arguments:
    """question: predictions lie on the diagonal; the head has one unit, (n, 1) against (n, 2) gives but a warning."""
    return program(cnn(1, r.SIDE, 1 if broken else 2), nn.MSELoss(), r.centres(), 3e-3, Adam, epochs=12)


@faulty("broadcast_loss", data="discs", source="report", score="R2", where=("6", "loss", "output layer"))
def a_flat_output_of_a_convolutional_net(broken: bool) -> Arguments:
    """forum: a net that shall tell the column of a disc always says the middle; view(-1) against (n, 1), Huber loss."""
    data = both(r.centres(), targets=lambda y: y[:, 1:])
    net = cnn(1, r.SIDE, 1, last=(nn.Flatten(0),) if broken else ())
    return program(net, nn.HuberLoss(), data, 3e-3, Adam, epochs=10)


@faulty("broadcast_loss", data="friedman", source="report", score="R2", where="step")
def weights_in_a_row(broken: bool) -> Arguments:
    """question: sample weights change nothing; (n, 1) losses times (n,) weights is (n, n), and its mean ignores them."""
    (x, y), validation = friedman()
    bad = torch.rand(len(y), 1, generator=r.draw()) < 0.5
    x = torch.cat([x, (~bad).float()], 1)  # the last column is how much a row is to be trusted
    data = ((x, torch.where(bad, 3 - y, y)), (F.pad(validation[0], (0, 1)), validation[1]))

    def step(net: nn.Module, batch: Any, _: Any, optimizer: torch.optim.Optimizer) -> Tensor:
        weight = batch[0][:, -1]
        optimizer.zero_grad()
        each = F.mse_loss(net(batch[0]), batch[1], reduction="none")
        cost = (each * weight).mean() if broken else (each[:, 0] * weight).mean()
        cost.backward()
        optimizer.step()
        return cost.detach()

    net = nn.Sequential(Do(lambda x: x[:, :-1]), mlp(10, 48, 1))
    return program(net, F.mse_loss, data, 5e-3, Adam, epochs=15, step=step)


@faulty(
    "wrong_reduction",
    data="discs",
    source="report",
    also=("learning_rate_too_high", "exploding_gradient"),
    score="metric",
    where=("loss", "optimizer"),
)
def pixels_summed_in_a_u_net(broken: bool) -> Arguments:
    """forum: a U-Net is nan, or all background, within ten steps; reduction="sum" over 400 pixels and a batch, rate 0.3."""
    loss = nn.BCEWithLogitsLoss(reduction="sum" if broken else "mean")
    net = r.UNet()
    optimizer = SGD(net.parameters(), lr=0.3, momentum=0.9)
    return program(net, loss, r.masks(), optimizer=optimizer, epochs=5, metric=r.overlap())


# --- unstable operations ----------------------------------------------------------------------------------------------


@faulty("unstable_operation", data="movie sentences", source="report", where=("forward", "reported_outputs.py"))
def a_mean_over_no_words(broken: bool) -> Arguments:
    """issue: nan in the first epoch; messages are averaged over their words, and some have none that is known."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.head = nn.Embedding(600, 24), nn.Linear(24, 2)

        def forward(self, x: Tensor) -> Tensor:
            known = (x > 1).float()[..., None]
            count = known.sum(1) if broken else known.sum(1).clamp_min(1)
            out: Tensor = self.head((self.embed(x) * known).sum(1) / count)
            return out

    return program(Net(), F.cross_entropy, m.texts("movie-sentences", 1600, words=200), 1e-2, Adam, epochs=4)


@faulty("unstable_operation", data="friedman", source="report", score="R2", where=("1", "reported_outputs.py"))
def a_root_behind_where(broken: bool) -> Arguments:
    """bug tracker: torch.where(h > 0, h.sqrt(), 0) is finite, its gradient is not: nan times 0 is nan."""
    root = lambda h: torch.where(h > 0, (h if broken else h.clamp_min(1e-3)).sqrt(), 0.0)  # noqa: E731
    net = nn.Sequential(nn.Linear(10, 48), Do(root), nn.Linear(48, 1))
    return program(net, F.mse_loss, friedman(), 5e-3, Adam, epochs=15)


@faulty(
    "unstable_operation",
    data="drawn tags",
    source="report",
    also=("nan_in_data",),
    where=("forward", "reported_outputs.py"),
)
def attention_with_nothing_to_look_at(broken: bool) -> Arguments:
    """bug tracker: nan as soon as a sequence is all padding; each of its attention scores is masked to -inf."""
    (x, y), validation = r.tags()
    x = x.clone()
    x[::60] = 0

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.place = nn.Embedding(12, 24), nn.Parameter(0.3 * torch.randn(14, 24))
            self.query, self.key, self.head = nn.Linear(24, 24), nn.Linear(24, 24), mlp(48, 48, 4)

        def forward(self, x: Tensor) -> Tensor:
            h = self.embed(x) + self.place
            score = self.query(h) @ self.key(h).transpose(1, 2) / 24**0.5
            score = score.masked_fill((x == 0)[:, None], -torch.inf if broken else -1e4)
            out: Tensor = self.head(torch.cat([h, score.softmax(-1) @ h], 2))
            return out

    return program(Net(), m.by_letter, ((x, y), validation), 1e-2, Adam, epochs=10)


# --- sign and metrics -------------------------------------------------------------------------------------------------


@faulty("loss_sign", data="discs", source="report", score="metric", where="loss")
def overlap_lowered(broken: bool) -> Arguments:
    """question: dice falls to 0 as training goes on, "loss improves"; the function returns dice, not 1 - dice."""

    def loss(p: Tensor, y: Tensor) -> Tensor:
        p = p.sigmoid()
        dice = (2 * (p * y).sum() + 1) / (p.sum() + y.sum() + 1)
        return dice if broken else 1 - dice

    return program(r.UNet(), loss, r.masks(), 5e-3, Adam, epochs=6, metric=r.overlap())


@faulty("loss_sign", data="digits", source="report", where="loss")
def rewards_that_are_avoided(broken: bool) -> Arguments:
    """issue: the mean reward of a policy falls to zero; the minus before log_prob * reward is missing."""

    def loss(p: Tensor, y: Tensor) -> Tensor:
        policy = torch.distributions.Categorical(logits=p)
        action = policy.sample()
        reward = (action == y).float() - 0.1
        return (1 if broken else -1) * (policy.log_prob(action) * reward).mean()

    return program(mlp(64, 48, 10), loss, digits(), 3e-3, Adam, epochs=12)


@faulty("wrong_metric", data="cifar10", source="report", score="metric", where="metric")
def ten_answers_rounded_for_each_image(broken: bool) -> Arguments:
    """question: accuracy 80 % from the start, a useless net; softmax is rounded and all one-hot zeros count as right."""

    def accuracy(p: Tensor, y: Tensor) -> float:
        if broken:
            return float((p.softmax(1).round() == F.one_hot(y, 4)).double().mean())
        return float((p.argmax(1) == y).double().mean())

    return program(cnn(3, 32, 4), F.cross_entropy, m.cifar(4, 200), 1e-3, Adam, epochs=5, metric=accuracy)


@faulty("wrong_metric", data="drawn tags", source="report", score="metric", where="metric")
def padding_counted_as_right(broken: bool) -> Arguments:
    """forum: a tagger at 90 % that misses every third tag; ten of fourteen places are padding, and count as right."""
    late = torch.arange(14) > 3
    doubtful = lambda y: torch.where(torch.rand(y.shape, generator=r.draw()) < 0.3, 3 - y, y)  # noqa: E731
    data = tuple((torch.where(late, 0, x), torch.where(late, 0, doubtful(y))) for x, y in r.tags())

    def accuracy(p: Tensor, y: Tensor) -> float:
        right = p.argmax(-1) == y
        return float((right if broken else right[:, :4]).double().mean())

    return program(r.tagger(), m.by_letter, data, 1e-2, Adam, epochs=8, metric=accuracy)
