"""Unseen programs: faults of the training loop: gradients, modes, clipping, accumulation, who is trained."""

from __future__ import annotations

import copy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from . import materials as m
from . import reported_materials as r
from .materials import SGD, Adam, both, cnn, digits, mlp, program
from .outputs import friedman
from .registry import Arguments, faulty

# --- gradients that stay ----------------------------------------------------------------------------------------------


@faulty("missing_zero_grad", data="spoken digits", source="report", where="step")
def cleared_once_an_epoch(broken: bool) -> Arguments:
    """forum: loss leaps towards the end of every epoch; zero_grad() stands in the outer loop, before the batches."""

    @r.counted
    def step(count: int, net: nn.Module, batch: Any, loss: Any, optimizer: torch.optim.Optimizer) -> Tensor:
        if count % 15 == 0 or not broken:
            optimizer.zero_grad()
        cost = loss(net(batch[0]), batch[1])
        cost.backward()
        optimizer.step()
        return cost.detach()

    net = nn.Sequential(nn.Flatten(), mlp(1320, 64, 10))
    return program(net, F.cross_entropy, m.spoken(), 0.05, epochs=8, step=step)


@faulty("missing_zero_grad", data="digits", source="report", score="R2", where="step")
def only_one_of_two_optimizers_cleared(broken: bool) -> Arguments:
    """question: an autoencoder gets worse with time; encoder and decoder have an optimizer each, one is cleared."""
    encode, decode = mlp(64, 48, 8), mlp(8, 48, 64)
    second = SGD(decode.parameters(), lr=0.1, momentum=0.5)

    def step(net: nn.Module, batch: Any, loss: Any, optimizer: torch.optim.Optimizer) -> Tensor:
        optimizer.zero_grad()
        if not broken:
            second.zero_grad()
        cost = loss(net(batch[0]), batch[1])
        (10 * cost).backward()
        optimizer.step()
        second.step()
        return cost.detach()

    optimizer = SGD(encode.parameters(), lr=0.1, momentum=0.5)
    return program(
        nn.Sequential(encode, decode), F.mse_loss, m.own(digits()), optimizer=optimizer, epochs=12, step=step
    )


@faulty("missing_zero_grad", data="digits", source="report", also=("accumulation_not_divided",), where="step")
def a_step_each_batch_a_clearing_each_twentieth(broken: bool) -> Arguments:
    """issue: "gradient accumulation" that swings; step() in each batch, zero_grad() in each twentieth."""

    @r.counted
    def step(count: int, net: nn.Module, batch: Any, loss: Any, optimizer: torch.optim.Optimizer) -> Tensor:
        cost = loss(net(batch[0]), batch[1])
        cost.backward()
        optimizer.step()
        if not broken or count % 20 == 19:
            optimizer.zero_grad()
        return cost.detach()

    net = cnn(1, 8, 10)
    optimizer = SGD(net.parameters(), lr=0.05, momentum=0.9)
    return program(net, F.cross_entropy, m.digit_images(), optimizer=optimizer, epochs=8, step=step)


# --- nothing moves ----------------------------------------------------------------------------------------------------


@faulty("no_update", data="mnist", source="report", where="step")
def a_loss_made_anew(broken: bool) -> Arguments:
    """question: no error and no learning; torch.tensor(loss.item(), requires_grad=True).backward()."""

    def step(net: nn.Module, batch: Any, loss: Any, optimizer: torch.optim.Optimizer) -> Tensor:
        optimizer.zero_grad()
        cost = loss(net(batch[0]), batch[1])
        (torch.tensor(cost.item(), requires_grad=True) if broken else cost).backward()
        optimizer.step()
        return cost.detach()

    return program(r.resnet(1, 10, 6), F.cross_entropy, m.mnist(800, 400), 5e-3, Adam, epochs=3, step=step)


@faulty("no_update", data="friedman", source="report", score="R2", where="step")
def the_best_weights_put_back(broken: bool) -> Arguments:
    """issue: every epoch prints one loss; "if loss < worst" puts the saved weights back, and it holds at every step."""

    class Keeper:
        best, state = float("inf"), None  # of the net

    keeper = Keeper()

    def step(net: nn.Module, batch: Any, loss: Any, optimizer: torch.optim.Optimizer) -> Tensor:
        if keeper.state is None:
            keeper.state = copy.deepcopy(net.state_dict())
        optimizer.zero_grad()
        cost = loss(net(batch[0]), batch[1])
        cost.backward()
        optimizer.step()
        if cost < keeper.best and broken:
            net.load_state_dict(keeper.state)
        return cost.detach()

    return program(mlp(10, 48, 1), F.mse_loss, friedman(), 1e-2, Adam, epochs=10, step=step)


@faulty("no_update", data="discs", source="report", also=("unstable_operation",), score="metric", where="step")
def a_scale_that_always_overflows(broken: bool) -> Arguments:
    """bug tracker: mixed precision never steps; the scale is fixed at 1e38, gradients are inf, and inf is skipped."""
    scale = 1e38 if broken else 1024.0

    def step(net: nn.Module, batch: Any, loss: Any, optimizer: torch.optim.Optimizer) -> Tensor:
        optimizer.zero_grad()
        cost = loss(net(batch[0]), batch[1])
        (cost * scale * 100).backward()
        gradients = [p.grad for p in net.parameters() if p.grad is not None]
        if all(bool(g.isfinite().all()) for g in gradients):
            for gradient in gradients:
                gradient.div_(scale * 100)
            optimizer.step()
        return cost.detach()

    loss = F.binary_cross_entropy_with_logits
    return program(r.UNet(), loss, r.masks(), 5e-3, Adam, epochs=4, step=step, metric=r.overlap())


# --- clipping, accumulation -------------------------------------------------------------------------------------------


@faulty(
    "misplaced_clipping",
    data="friedman",
    source="report",
    also=("unstable_training", "exploding_gradient"),
    score="R2",
    where=("step", "optimizer"),
)
def clipped_after_the_step(broken: bool) -> Arguments:
    """question: "I do clip, and still it is nan"; clip_grad_norm_ comes after optimizer.step(), before zero_grad()."""
    (x, y), validation = friedman()
    y = y.clone()
    y[::40] *= 200.0  # rents of a year among those of a month

    def step(net: nn.Module, batch: Any, loss: Any, optimizer: torch.optim.Optimizer) -> Tensor:
        cost = loss(net(batch[0]), batch[1])
        cost.backward()
        if not broken:
            nn.utils.clip_grad_norm_(net.parameters(), 0.2)
        optimizer.step()
        nn.utils.clip_grad_norm_(net.parameters(), 0.2)
        optimizer.zero_grad()
        return cost.detach()

    return program(mlp(10, 48, 1), F.mse_loss, ((x, y), validation), 0.05, epochs=15, step=step)


@faulty("misplaced_clipping", data="mnist", source="report", also=("over_regularised",), where="step")
def weights_clamped_like_a_critic(broken: bool) -> Arguments:
    """forum: a classifier made of a GAN's code stays poor; p.data.clamp_(-0.01, 0.01) was left in its loop."""

    def step(net: nn.Module, batch: Any, loss: Any, optimizer: torch.optim.Optimizer) -> Tensor:
        optimizer.zero_grad()
        cost = loss(net(batch[0]), batch[1])
        cost.backward()
        optimizer.step()
        if broken:
            with torch.no_grad():
                for parameter in net.parameters():
                    parameter.clamp_(-0.01, 0.01)
        return cost.detach()

    return program(cnn(1, 28, 10), F.cross_entropy, m.mnist(1000), 2e-3, Adam, epochs=4, step=step)


@faulty(
    "accumulation_not_divided",
    data="digits",
    source="report",
    also=("learning_rate_too_high",),
    where=("step", "optimizer"),
)
def eight_batches_before_a_step(broken: bool) -> Arguments:
    """issue: with accumulation_steps=8 the loss leaps; backward() of the whole loss eight times, then one step."""

    @r.counted
    def step(count: int, net: nn.Module, batch: Any, loss: Any, optimizer: torch.optim.Optimizer) -> Tensor:
        cost = loss(net(batch[0]), batch[1])
        (cost if broken else cost / 8).backward()
        if count % 8 == 7:
            optimizer.step()
            optimizer.zero_grad()
        return cost.detach()

    net = mlp(64, 48, 48, 10, act=nn.Tanh)
    optimizer = SGD(net.parameters(), lr=0.15, momentum=0.9)
    return program(net, F.cross_entropy, digits(), optimizer=optimizer, epochs=12, batch_size=8, step=step)


# --- who is trained ---------------------------------------------------------------------------------------------------


@faulty("frozen_parameters", data="ratings", source="report", score="R2", where=("user", "film"))
def vectors_from_pretrained(broken: bool) -> Arguments:
    """issue: a recommender learns the films' means only; Embedding.from_pretrained freezes unless it is told not to."""
    net = r.Factors(6)
    net.user = nn.Embedding.from_pretrained(0.3 * torch.randn(60, 6), freeze=broken)
    net.film = nn.Embedding.from_pretrained(0.3 * torch.randn(50, 6), freeze=broken)
    optimizer = Adam([p for p in net.parameters() if p.requires_grad], lr=2e-2)
    return program(net, F.mse_loss, r.ratings(), optimizer=optimizer, epochs=15)


@faulty(
    "frozen_parameters",
    data="discs",
    source="report",
    also=("unused_parameters",),
    score="R2",
    where=("first", "forward"),
)
def through_numpy_and_back(broken: bool) -> Arguments:
    """forum: gradients of the first layers are None; forward() takes a maximum in numpy and makes a tensor of it."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Sequential(nn.Conv2d(1, 6, 3, 2, 1), nn.ReLU(), nn.Conv2d(6, 1, 3, 2, 1), nn.Tanh())
            self.head = nn.Linear(25, 2)

        def forward(self, x: Tensor) -> Tensor:
            h = self.first(x).flatten(1)
            h = torch.from_numpy(h.detach().numpy()) if broken else h
            out: Tensor = self.head(h)
            return out

    return program(Net(), F.mse_loss, r.centres(), 5e-3, Adam, epochs=12)


@faulty("not_in_optimizer", data="mnist", source="report", score="R2", where="0")
def only_the_decoder(broken: bool) -> Arguments:
    """question: reconstructions stay blurred; Adam(model.decoder.parameters()) in a class of encoder and decoder."""
    net = nn.Sequential(mlp(784, 64, 6), mlp(6, 64, 784))
    optimizer = Adam((net[1] if broken else net).parameters(), lr=3e-3)
    return program(net, F.mse_loss, m.own(both(m.mnist(800), lambda x: x.flatten(1))), optimizer=optimizer, epochs=10)


@faulty("not_in_optimizer", data="letters", source="report", where="cells")
def cells_in_a_dictionary(broken: bool) -> Arguments:
    """forum: a deep recurrent net is as poor as a shallow one; its layers stand in a plain dict, not a ModuleDict."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            cells = {"first": nn.GRU(16, 24, batch_first=True), "second": nn.GRU(24, 16, batch_first=True)}
            self.embed, self.head = nn.Embedding(65, 16), nn.Linear(16, 65)
            self.cells: Any = cells if broken else nn.ModuleDict(cells)

        def forward(self, x: Tensor) -> Tensor:
            h = self.embed(x)
            for cell in self.cells.values():
                h, _ = cell(h)
            out: Tensor = self.head(h)
            return out

    return program(Net(), m.by_letter, m.letters(), 1e-2, Adam, epochs=10)


class TwoParts(nn.Module):
    """Two columns' groups, as a dict, through a branch each."""

    def __init__(self, twice: bool) -> None:
        super().__init__()
        self.left, self.right, self.head = mlp(3, 24, 16), mlp(7, 24, 16), nn.Linear(32, 1)
        self.twice = twice

    def forward(self, x: dict[str, Tensor]) -> Tensor:
        left, right = self.left(x["first"]).relu(), self.right(x["rest"]).relu()
        out: Tensor = self.head(torch.cat([left, left if self.twice else right], 1))
        return out


@faulty("unused_parameters", data="friedman", source="report", score="R2", where="right")
def the_same_branch_twice(broken: bool) -> Arguments:
    """question: the second group of features changes nothing; torch.cat([left, left]), a slip of copying."""
    data = tuple(
        DataLoader(r.Changed(part, lambda x, y: ({"first": x[:3], "rest": x[3:]}, y)), 32, shuffle=i == 0)
        for i, part in enumerate(friedman())
    )
    return program(TwoParts(broken), F.mse_loss, data, 5e-3, Adam, epochs=15)


@faulty("unused_parameters", data="discs", source="report", score="R2", where="deep")
def the_deep_path_is_overwritten(broken: bool) -> Arguments:
    """issue: parameters without gradient in a two-path net; the deep path's result is overwritten by the next line."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.wide, self.deep = nn.AvgPool2d(5), cnn(1, r.SIDE, 16, 8)
            self.head = nn.Linear(16, 2)

        def forward(self, x: Tensor) -> Tensor:
            h = self.deep(x).relu()
            if broken:
                h = self.wide(x).flatten(1) ** 2
            out: Tensor = self.head(h)
            return out

    return program(Net(), F.mse_loss, r.centres(), 3e-3, Adam, epochs=15)


# --- modes ------------------------------------------------------------------------------------------------------------


@faulty(
    "wrong_mode",
    data="mnist",
    source="report",
    also=("batch_mixing", "batchnorm_stale"),
    where=("forward", "batch_norm"),
)
def normalisation_that_is_always_training(broken: bool) -> Arguments:
    """issue: predictions depend on what else is sent; F.batch_norm(…, training=True) is written into forward()."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Conv2d(1, 12, 5, 3), nn.Linear(768, 4)
            self.register_buffer("mean", torch.zeros(12))
            self.register_buffer("var", torch.ones(12))

        def forward(self, x: Tensor) -> Tensor:
            h = F.batch_norm(self.first(x), self.mean, self.var, training=broken or self.training)
            out: Tensor = self.last(h.relu().flatten(1))
            return out

    light = torch.linspace(0.1, 3, 1200)[torch.randperm(1200, generator=r.draw())][:, None, None, None]
    (x, y), (u, v) = m.mnist(800, 400)
    y, v = ((light.flatten()[part] * 1.33).long() for part in (slice(800), slice(800, None)))  # how bright a scan is
    validation = DataLoader(TensorDataset(u * light[800:], v))
    return program(Net(), F.cross_entropy, ((x * light[:800], y), validation), 5e-3, Adam, epochs=12)


@faulty("wrong_mode", data="spoken digits", source="report", also=("excess_dropout",), where=("bodies", "dropout"))
def a_body_that_the_mode_does_not_reach(broken: bool) -> Arguments:
    """question: eval() changes nothing, predictions tremble; the body lies in a list, its dropout stays awake."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            body = nn.Sequential(nn.Flatten(), nn.Linear(1320, 64), nn.ReLU(), nn.Dropout(0.85))
            self.bodies: Any = [body] if broken else nn.ModuleList([body])
            self.head = nn.Linear(64, 10)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.head(self.bodies[0](x))
            return out

    net = Net()
    optimizer = Adam([*net.bodies[0].parameters(), *net.head.parameters()], lr=2e-3)
    return program(net, F.cross_entropy, m.spoken(), optimizer=optimizer, epochs=12)
