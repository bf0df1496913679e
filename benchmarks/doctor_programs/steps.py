"""Faults of the training loop: gradients, modes, clipping, accumulation, who is trained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import materials as m
from .materials import SGD, Adam, Do, both, cnn, digits, mlp, program, standard, table
from .outputs import friedman
from .registry import Arguments, faulty

Step = Callable[..., Tensor]


def nothing(_: nn.Module) -> None:
    pass


def a_step(
    *,
    clear: bool = True,
    update: bool = True,
    loss_first: Callable[[Tensor], Tensor] = lambda cost: cost,
    before: Callable[[nn.Module], Any] = nothing,
    before_backward: Callable[[nn.Module], Any] = nothing,
    before_update: Callable[[nn.Module], Any] = nothing,
    after: Callable[[nn.Module], Any] = nothing,
) -> Step:
    """The ordinary step, with something left out or done in between."""

    def step(net: nn.Module, batch: Any, loss: Callable[..., Tensor], optimizer: torch.optim.Optimizer) -> Tensor:
        before(net)
        inputs, targets = batch
        if clear:
            optimizer.zero_grad()
        cost = loss_first(loss(net(inputs), targets))
        before_backward(net)
        cost.backward()
        before_update(net)
        if update:
            optimizer.step()
        after(net)
        return cost.detach()

    return step


# --- gradients that stay, or go too early -----------------------------------------------------------------------------


@faulty("missing_zero_grad", data="mnist", source="report", where="step")
def gradients_never_cleared(broken: bool) -> Arguments:
    """forum: loss falls, then climbs and never comes back; zero_grad() is not called anywhere."""
    return program(cnn(1, 28, 10), F.cross_entropy, m.mnist(), 0.05, epochs=4, step=a_step(clear=not broken))


@faulty("missing_zero_grad", data="friedman", score="R2", where="step")
def a_regression_that_gathers_gradients(broken: bool) -> Arguments:
    """Gradients pile up under plain gradient descent, and the loss swings ever wider."""
    step = a_step(clear=not broken)
    return program(mlp(10, 32, 1), F.mse_loss, friedman(), 0.03, epochs=15, step=step)


@faulty("missing_zero_grad", data="digits", source="report", where="step")
def another_optimizer_cleared(broken: bool) -> Arguments:
    """question: a net learns at first and forgets later; the zero_grad() is that of another net's optimizer."""
    other = torch.optim.Adam(nn.Linear(2, 2).parameters())

    def step(net: nn.Module, batch: Any, loss: Callable[..., Tensor], optimizer: torch.optim.Optimizer) -> Tensor:
        (other if broken else optimizer).zero_grad()
        cost = loss(net(batch[0]), batch[1])
        cost.backward()
        optimizer.step()
        return cost.detach()

    return program(mlp(64, 32, 10), F.cross_entropy, digits(), 0.2, epochs=6, step=step)


@faulty("no_update", data="digits", source="report", where="step")
def gradients_cleared_before_the_step(broken: bool) -> Arguments:
    """forum: the loss does not move at all; zero_grad() stands between backward() and step()."""
    step = a_step(before_update=lambda net: net.zero_grad() if broken else None)
    return program(mlp(64, 32, 10), F.cross_entropy, digits(), 0.1, step=step)


@faulty("no_update", data="spam", source="report", where="step")
def step_never_called(broken: bool) -> Arguments:
    """question: every epoch prints the same loss; optimizer.step() is missing."""
    data = m.texts("movie-sentences", 1600)
    return program(m.Averaged(600, 2), F.cross_entropy, data, 1e-2, Adam, step=a_step(update=not broken))


@faulty("no_update", data="wine", where=("step", "optimizer"))
def a_schedule_that_begins_at_zero(broken: bool) -> Arguments:
    """The warm-up's counter is never advanced: the rate is 0 in all steps."""
    net = mlp(13, 16, 3)
    optimizer = SGD(net.parameters(), lr=0.1)
    warm_up = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, step / 10))

    def step(net: nn.Module, batch: Any, loss: Callable[..., Tensor], optimizer: torch.optim.Optimizer) -> Tensor:
        cost = a_step()(net, batch, loss, optimizer)
        if not broken:
            optimizer.param_groups[0]["lr"] = min(0.1, optimizer.param_groups[0]["lr"] + 0.01)
        return cost

    assert warm_up.get_last_lr() == [0.0]
    return program(net, F.cross_entropy, standard(table("wine")), optimizer=optimizer, epochs=10, step=step)


@faulty("no_update", data="digits", also=("not_in_optimizer",), where="step")
def a_copy_is_trained(broken: bool) -> Arguments:
    """step() computes with a deep copy of the net, and the optimizer waits for gradients of the original."""
    import copy

    def step(net: nn.Module, batch: Any, loss: Callable[..., Tensor], optimizer: torch.optim.Optimizer) -> Tensor:
        optimizer.zero_grad()
        used = copy.deepcopy(net) if broken else net
        cost = loss(used(batch[0]), batch[1])
        cost.backward()
        optimizer.step()
        return cost.detach()

    return program(mlp(64, 32, 10), F.cross_entropy, digits(), 0.1, step=step)


# --- clipping and accumulation ----------------------------------------------------------------------------------------


@faulty("misplaced_clipping", data="digits", source="report", where=("step", "loss"))
def the_loss_is_clipped(broken: bool) -> Arguments:
    """question: "clip the loss to 1": where it is larger there is no gradient, and it is larger from the start."""
    step = a_step(loss_first=lambda cost: cost.clamp(max=1.0) if broken else cost)
    return program(mlp(64, 32, 10), F.cross_entropy, digits(), 0.1, step=step)


@faulty(
    "misplaced_clipping",
    data="cumulative sums",
    source="report",
    also=("exploding_gradient",),
    score="R2",
    where=("step", "core"),
)
def clipped_before_backward(broken: bool) -> Arguments:
    """forum: a recurrent net explodes although gradients are clipped, before backward(), when there are none."""
    clip = lambda net: nn.utils.clip_grad_norm_(net.parameters(), 0.5)  # noqa: E731
    step = a_step(before_backward=clip) if broken else a_step(before_update=clip)
    return program(summing_net(), F.mse_loss, sums(), 0.05, epochs=6, step=step)


def sums(steps: int = 30) -> m.Split:
    """(n, steps, 1) of noise; the target is the sum."""
    x = torch.randn(600, steps, 1, generator=torch.Generator().manual_seed(0))
    return (x[:400], x[:400].sum(1)), (x[400:], x[400:].sum(1))


def summing_net() -> nn.Module:
    """A recurrent ReLU net whose states grow by a fifth each step."""
    core = nn.RNN(1, 16, nonlinearity="relu", batch_first=True)
    with torch.no_grad():
        core.weight_hh_l0.copy_(1.15 * torch.eye(16))
    return m.Recurrent(core, 1)


@faulty(
    "misplaced_clipping", data="mnist", source="report", also=("learning_rate_too_low",), where=("step", "optimizer")
)
def clipped_before_unscaling(broken: bool) -> Arguments:
    """bug tracker: mixed precision hardly learns; gradients 65,536 times too large are clipped to 1, then unscaled."""
    scale = 65536.0

    def step(net: nn.Module, batch: Any, loss: Callable[..., Tensor], optimizer: torch.optim.Optimizer) -> Tensor:
        optimizer.zero_grad()
        cost = loss(net(batch[0]), batch[1])
        (cost * scale).backward()
        if broken:
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        for parameter in net.parameters():
            parameter.grad.div_(scale)
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        return cost.detach()

    return program(cnn(1, 28, 10), F.cross_entropy, m.mnist(), 0.1, epochs=3, step=step)


def accumulating(parts: int, divide: bool) -> Step:
    """A batch in parts whose gradients are gathered before one update."""

    def step(net: nn.Module, batch: Any, loss: Callable[..., Tensor], optimizer: torch.optim.Optimizer) -> Tensor:
        optimizer.zero_grad()
        costs = []
        for inputs, targets in zip(batch[0].chunk(parts), batch[1].chunk(parts), strict=True):
            cost = loss(net(inputs), targets) / (parts if divide else 1)
            cost.backward()
            costs.append(cost.detach())
        optimizer.step()
        return torch.stack(costs).sum()

    return step


@faulty(
    "accumulation_not_divided",
    data="mnist",
    source="report",
    also=("learning_rate_too_high",),
    where=("step", "optimizer"),
)
def sixteen_parts_added(broken: bool) -> Arguments:
    """forum: with gradient accumulation the same rate diverges; sixteen losses are added, not averaged."""
    step = accumulating(16, divide=not broken)
    return program(cnn(1, 28, 10), F.cross_entropy, m.mnist(), 0.2, epochs=5, batch_size=64, step=step)


@faulty(
    "accumulation_not_divided",
    data="friedman",
    also=("learning_rate_too_high",),
    score="R2",
    where=("step", "optimizer"),
)
def a_regression_in_eight_parts(broken: bool) -> Arguments:
    """Eight parts of a batch are gathered; the loss printed is eight times what it was without them."""
    step = accumulating(8, divide=not broken)
    return program(mlp(10, 32, 1), F.mse_loss, friedman(), 0.1, epochs=15, step=step)


# --- who is trained ---------------------------------------------------------------------------------------------------


@faulty("not_in_optimizer", data="mnist", source="report", where="layers")
def layers_in_a_python_list(broken: bool) -> Arguments:
    """question: a deep net is as poor as a random one; its layers stand in a list, which no Module sees."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            layers = [nn.Linear(784, 64), *(nn.Linear(64, 64) for _ in range(4))]
            self.layers = layers if broken else nn.ModuleList(layers)
            self.head = nn.Linear(64, 10)

        def forward(self, x: Tensor) -> Tensor:
            x = x.flatten(1)
            for layer in self.layers:
                x = layer(x).relu()
            return self.head(x)  # type: ignore[no-any-return]

    return program(Net(), F.cross_entropy, m.mnist(), 1e-3, Adam, epochs=4)


@faulty("not_in_optimizer", data="digits", source="report", where="2")
def the_head_was_replaced_later(broken: bool) -> Arguments:
    """forum: fine-tuning learns slowly; the head was replaced after the optimizer had been made."""
    net = mlp(64, 32, 10)
    optimizer = SGD(net.parameters(), lr=0.02)
    net[-1] = nn.Linear(32, 10)
    optimizer = optimizer if broken else SGD(net.parameters(), lr=0.02)
    return program(net, F.cross_entropy, digits(), optimizer=optimizer, epochs=4)


@faulty("not_in_optimizer", data="spoken digits", where="core")
def only_the_recurrent_layer(broken: bool) -> Arguments:
    """The optimizer was given net.head.parameters(): the recurrent layer stays as it was drawn."""
    net = m.Recurrent(nn.GRU(33, 32, batch_first=True), 10)
    optimizer = Adam((net.head if broken else net).parameters(), lr=3e-3)
    return program(net, F.cross_entropy, m.spoken(), optimizer=optimizer, epochs=6)


@faulty("not_in_optimizer", data="digits", source="report", also=("no_update",), where=("optimizer", "0"))
def the_net_was_made_again(broken: bool) -> Arguments:
    """question: loss stays at 2.3 in a notebook; the cell of the net ran again after the optimizer's."""
    before, net = mlp(64, 32, 10), mlp(64, 32, 10)
    optimizer = SGD((before if broken else net).parameters(), lr=0.1)
    return program(net, F.cross_entropy, digits(), optimizer=optimizer)


@faulty("frozen_parameters", data="cifar10", source="report", where=("0", "2"))
def everything_but_the_head_frozen(broken: bool) -> Arguments:
    """forum: "transfer learning" stays poor; the body is frozen, but it was never trained."""
    net = cnn(3, 32, 4, width=4)
    for parameter in net[:-1].parameters():
        parameter.requires_grad = not broken
    optimizer = Adam((p for p in net.parameters() if p.requires_grad), lr=3e-3)
    return program(net, F.cross_entropy, m.cifar(), optimizer=optimizer, epochs=6)


@faulty("frozen_parameters", data="movie sentences", source="report", also=("unused_parameters",), where="embed")
def embeddings_under_no_grad(broken: bool) -> Arguments:
    """issue: sentences are at 50 %; the embedding is computed under torch.no_grad() to save memory."""

    class Net(m.Averaged):
        def forward(self, x: Tensor) -> Tensor:
            with torch.set_grad_enabled(self.training and not broken):
                code = self.embed(x).mean(1)
            out: Tensor = self.head(code)
            return out

    return program(Net(600, 2, 16), F.cross_entropy, m.texts("movie-sentences", 1600), 1e-2, Adam)


@faulty("frozen_parameters", data="digits", source="report", also=("unused_parameters",), score="R2", where=("0", "1"))
def a_code_that_is_detached(broken: bool) -> Arguments:
    """question: an autoencoder's encoder does not learn; the code goes through detach() to be kept for a plot."""
    middle = Do(lambda code: code.detach() if broken else code)
    net = nn.Sequential(mlp(64, 32, 4), middle, mlp(4, 32, 64))
    return program(net, F.mse_loss, m.own(digits()), 3e-3, Adam, epochs=15)


@faulty("unused_parameters", data="cifar10", source="report", where="features")
def the_image_goes_around_the_convolutions(broken: bool) -> Arguments:
    """question: a convolutional net no better than a linear one; forward() flattens x, not what the layers made of it."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = cnn(3, 32, 4)[:-2]
            self.head = nn.LazyLinear(4)

        def forward(self, x: Tensor) -> Tensor:
            h = self.features(x)
            return self.head((x if broken else h).flatten(1))  # type: ignore[no-any-return]

    net = Net()
    net(torch.zeros(1, 3, 32, 32))
    return program(net, F.cross_entropy, m.cifar(), 2e-3, Adam, epochs=8)


@faulty("unused_parameters", data="waves", also=("missing_nonlinearity",), where=("scan", "forward"))
def the_branch_that_is_left_out(broken: bool) -> Arguments:
    """The second branch is computed and not added; what remains is a mean over time, in which no wave is seen."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mean, self.scan = nn.Linear(1, 3), m.Recurrent(nn.GRU(1, 16, batch_first=True), 3)

        def forward(self, x: Tensor) -> Tensor:
            slow, fast = self.mean(x.mean(1)), self.scan(x)
            return slow if broken else slow + fast  # type: ignore[no-any-return]

    return program(Net(), F.cross_entropy, m.waves(), 1e-2, Adam, epochs=8)


# --- modes ------------------------------------------------------------------------------------------------------------


@faulty("wrong_mode", data="spoken digits", source="report", where=("dropout", "forward"))
def dropout_that_never_rests(broken: bool) -> Arguments:
    """forum: two calls of the validated net differ, and its accuracy is below what it should be; F.dropout(x, 0.7)."""

    class Net(m.Recurrent):
        def forward(self, x: Tensor) -> Tensor:
            last = self.core(x)[0][:, -1]
            out: Tensor = self.head(F.dropout(last, 0.8, broken or self.training))
            return out

    net = Net(nn.GRU(33, 48, batch_first=True), 10)
    return program(net, F.cross_entropy, m.spoken(), 5e-3, Adam, epochs=10)


@faulty("wrong_mode", data="digits", source="report", where=("dropout", "forward"))
def a_dropout_made_in_forward(broken: bool) -> Arguments:
    """question: eval() makes no difference; forward() makes a new nn.Dropout each time, and new modules are training."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last, self.drop = nn.Linear(64, 32), nn.Linear(32, 10), nn.Dropout(0.8)

        def forward(self, x: Tensor) -> Tensor:
            drop = nn.Dropout(0.8) if broken else self.drop
            return self.last(drop(self.first(x).relu()))  # type: ignore[no-any-return]

    return program(Net(), F.cross_entropy, digits(), 0.1, epochs=12)


@faulty("wrong_mode", data="digits", source="report", also=("batchnorm_stale",), where=("step", "1"))
def evaluation_mode_from_the_start(broken: bool) -> Arguments:
    """forum: a deep net with batch normalisation does not learn; eval() was called once and stayed."""
    step = a_step(before=lambda net: net.eval() if broken else net.train())
    net = mlp(64, *[32] * 6, 10, norm=nn.BatchNorm1d, act=nn.Tanh)
    return program(net, F.cross_entropy, both(digits(), lambda x: 0.3 * x), 0.05, epochs=5, step=step)


@faulty("wrong_mode", data="diabetes", score="R2", where=("forward", "dropout", "net.2"))
def train_mode_inside_forward(broken: bool) -> Arguments:
    """forward() calls self.train(): predictions are noisy, and depend on who else is in the batch."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Dropout(0.75), nn.Linear(32, 1))

        def forward(self, x: Tensor) -> Tensor:
            if broken:
                self.net.train()
            return self.net(x)  # type: ignore[no-any-return]

    data = standard(both(table("diabetes"), targets=lambda y: y[:, None]), targets=True)
    return program(Net(), F.mse_loss, data, 1e-2, Adam, epochs=20)
