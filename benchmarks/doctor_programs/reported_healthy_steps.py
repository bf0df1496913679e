"""Unseen healthy programs: loops, optimizers, paces and data that look odd, or are simply real."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset, WeightedRandomSampler

from . import materials as m
from . import reported_materials as r
from .data import noisy
from .materials import SGD, Adam, cnn, digits, mlp, program, standard, table
from .outputs import friedman
from .registry import Arguments, healthy
from .steps import a_step

bce = F.binary_cross_entropy_with_logits

# --- loops ------------------------------------------------------------------------------------------------------------


@healthy(data="breast cancer", score="accuracy of logits")
def lbfgs_on_the_whole_set() -> Arguments:
    """LBFGS with a closure, the whole set in a batch, four steps in all, each of many evaluations."""

    def step(net: nn.Module, batch: Any, loss: Any, optimizer: torch.optim.Optimizer) -> Tensor:
        def closure() -> Tensor:
            optimizer.zero_grad()
            cost = loss(net(batch[0]), batch[1]) + 1e-3 * sum(w.pow(2).sum() for w in net.parameters())
            cost.backward()
            return cost  # type: ignore[no-any-return]

        return torch.as_tensor(optimizer.step(closure)).detach()

    net = mlp(30, 8, 1, act=nn.Tanh)
    optimizer = torch.optim.LBFGS(net.parameters(), lr=0.5, max_iter=15)
    data = r.column(standard(table("breast_cancer")))
    return program(net, bce, data, optimizer=optimizer, batch_size=1000, epochs=4, step=step)


@healthy(data="spoken digits", source="report")
def a_step_in_every_fourth_batch() -> Arguments:
    """issue: "three of four steps change nothing": four batches are gathered, each loss divided by four."""

    @r.counted
    def step(count: int, net: nn.Module, batch: Any, loss: Any, optimizer: torch.optim.Optimizer) -> Tensor:
        cost = loss(net(batch[0]), batch[1])
        (cost / 4).backward()
        if count % 4 == 3:
            optimizer.step()
            optimizer.zero_grad(set_to_none=False)
        return cost.detach()

    net = nn.Sequential(nn.Flatten(), mlp(1320, 64, 10))
    return program(net, F.cross_entropy, m.spoken(), 3e-3, Adam, epochs=12, batch_size=12, step=step)


@healthy(data="mnist", source="report")
def a_loss_scale_that_adapts() -> Arguments:
    """forum: "the first steps are skipped": the loss is scaled by 2^127, halved while gradients overflow."""
    scale = [2.0**127]

    def step(net: nn.Module, batch: Any, loss: Any, optimizer: torch.optim.Optimizer) -> Tensor:
        optimizer.zero_grad()
        cost = loss(net(batch[0]), batch[1])
        (cost * scale[0]).backward()
        gradients = [p.grad for p in net.parameters() if p.grad is not None]
        if not all(bool(g.isfinite().all()) for g in gradients):
            scale[0] /= 2
            return cost.detach()
        for gradient in gradients:
            gradient.div_(scale[0])
        nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        optimizer.step()
        return cost.detach()

    return program(cnn(1, 28, 10), F.cross_entropy, m.mnist(1000, 400), 3e-3, Adam, epochs=5, step=step)


@healthy(data="customers", score="accuracy of logits")
def a_moving_average_is_used() -> Arguments:
    """Evaluation answers with a moving average of the weights, which no optimizer touches."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.live = mlp(5, 32, 1)
            self.mean = copy.deepcopy(self.live).requires_grad_(False)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = (self.live if self.training else self.mean)(x)
            return out

    def step(net: Any, batch: Any, loss: Any, optimizer: torch.optim.Optimizer) -> Tensor:
        cost = a_step()(net, batch, loss, optimizer)
        with torch.no_grad():
            for slow, fast in zip(net.mean.parameters(), net.live.parameters(), strict=True):
                slow.lerp_(fast, 0.05)
        return cost

    net = Net()
    data = standard(r.column(r.customers()))
    return program(net, bce, data, optimizer=Adam(net.live.parameters(), lr=1e-2), epochs=15, step=step)


def scheduled(make: Callable[[Any], Any], **how: Any) -> r.Step:
    """The ordinary step, and one of a schedule of the optimizer after it."""
    schedules: list[Any] = []

    def step(net: nn.Module, batch: Any, loss: Any, optimizer: torch.optim.Optimizer) -> Tensor:
        if not schedules:
            schedules.append(make(optimizer))
        cost = a_step(**how)(net, batch, loss, optimizer)
        schedules[0].step()
        return cost

    return step


@healthy(data="letters")
def a_warm_up_and_a_cosine() -> Arguments:
    """A transformer whose rate rises for thirty steps and falls to nothing: the last steps move hardly anything."""
    wave = lambda i: min(1.0, (i + 1) / 30) * 0.5 * (1 + torch.cos(torch.tensor(3.1416 * min(1.0, i / 300))).item())  # noqa: E731
    net = m.Attentive(65, tokens=65, width=48, every=True, causal=True, norm_first=True)
    optimizer = torch.optim.AdamW(net.parameters(), lr=6e-3, betas=(0.9, 0.95))
    step = scheduled(lambda optimizer: torch.optim.lr_scheduler.LambdaLR(optimizer, wave))
    return program(net, m.by_letter, m.letters(1200), optimizer=optimizer, epochs=10, step=step)


@healthy(data="mnist", source="report")
def one_cycle_to_a_large_rate() -> Arguments:
    """question: "validation falls in the middle of training": one cycle up to 0.4 with momentum, and down again."""
    net = r.resnet(1, 10, 6)
    optimizer = SGD(net.parameters(), lr=0.4, momentum=0.9)
    cycle = lambda i: max(1e-3, min((i + 1) / 235, (785 - i) / 550))  # noqa: E731
    step = scheduled(lambda optimizer: torch.optim.lr_scheduler.LambdaLR(optimizer, cycle))
    return program(net, F.cross_entropy, m.mnist(5000, 1000), optimizer=optimizer, epochs=5, step=step)


@healthy(data="digits")
def decay_for_matrices_only() -> Arguments:
    """Two groups: weight decay of 0.3 for matrices, none for biases and normalisation."""
    net = mlp(64, 64, 64, 10, norm=nn.LayerNorm)
    kinds = [[p for p in net.parameters() if (p.ndim > 1) is matrix] for matrix in (True, False)]
    groups = [{"params": kinds[0], "weight_decay": 0.3}, {"params": kinds[1], "weight_decay": 0.0}]
    return program(net, F.cross_entropy, digits(), optimizer=torch.optim.AdamW(groups, lr=3e-3), epochs=8)


@healthy(data="mnist", source="report")
def cut_and_pasted_with_smooth_labels() -> Arguments:
    """forum: "training accuracy 60 %, validation higher": patches of other images pasted in, labels mixed and smoothed."""

    def step(net: nn.Module, batch: Any, loss: Any, optimizer: torch.optim.Optimizer) -> Tensor:
        x, y = batch
        other, side = torch.randperm(len(x)), int(torch.randint(4, 15, ()))
        row, column = torch.randint(0, 28 - side, (2,)).tolist()
        x, part = x.clone(), side**2 / 784
        x[:, :, row : row + side, column : column + side] = x[other, :, row : row + side, column : column + side]
        optimizer.zero_grad()
        out = net(x)
        cost = (1 - part) * loss(out, y) + part * loss(out, y[other])
        cost.backward()
        optimizer.step()
        return cost.detach()

    loss = nn.CrossEntropyLoss(label_smoothing=0.1)
    return program(cnn(1, 28, 10, norm=nn.BatchNorm2d), loss, m.mnist(1500, 500), 3e-3, Adam, epochs=10, step=step)


@healthy(data="moons")
def a_step_against_an_adversary() -> Arguments:
    """Inputs are moved a little the worst way before each step; the printed loss is that of moved inputs."""

    def step(net: nn.Module, batch: Any, loss: Any, optimizer: torch.optim.Optimizer) -> Tensor:
        x = batch[0].clone().requires_grad_()
        (slope,) = torch.autograd.grad(loss(net(x), batch[1]), x)
        return a_step()(net, (batch[0] + 0.08 * slope.sign(), batch[1]), loss, optimizer)

    return program(mlp(2, 48, 2), F.cross_entropy, m.moons(), 1e-2, Adam, epochs=15, step=step)


@healthy(data="digits")
def two_passes_towards_flat_minima() -> Arguments:
    """Weights are moved uphill, the gradient is taken there, the step is made from where they were."""

    def step(net: nn.Module, batch: Any, loss: Any, optimizer: torch.optim.Optimizer) -> Tensor:
        optimizer.zero_grad()
        cost = loss(net(batch[0]), batch[1])
        cost.backward()
        weights = [p for p in net.parameters() if p.grad is not None]
        norm = torch.stack([p.grad.norm() for p in weights]).norm() + 1e-12  # type: ignore[union-attr]
        moves = [0.05 * p.grad / norm for p in weights]  # type: ignore[operator]
        with torch.no_grad():
            for p, move in zip(weights, moves, strict=True):
                p.add_(move)
        optimizer.zero_grad()
        loss(net(batch[0]), batch[1]).backward()
        with torch.no_grad():
            for p, move in zip(weights, moves, strict=True):
                p.sub_(move)
        optimizer.step()
        return cost.detach()

    return program(mlp(64, 48, 10), F.cross_entropy, digits(), 0.1, epochs=8, step=step)


@healthy(data="digits", source="report")
def a_pupil_of_a_larger_net() -> Arguments:
    """question: "loss stays above 1": a small net learns a trained one's softened answers, temperature 4."""
    (x, y), validation = digits()
    teacher = r.pretrained(mlp(64, 128, 10), (x, y), 60).eval().requires_grad_(False)
    soft = (teacher(x) / 4).softmax(1)

    def loss(p: Tensor, y: Tensor) -> Tensor:
        return 16 * F.kl_div((p / 4).log_softmax(1), y, reduction="batchmean")

    hard = F.one_hot(validation[1], 10).float()
    return program(mlp(64, 16, 10), loss, ((x, soft), (validation[0], hard)), 5e-3, Adam, epochs=10)


@healthy(data="letters")
def two_optimizers_in_one_step() -> Arguments:
    """Embeddings have an optimizer of their own, kept by the step; the one that is given has the rest."""
    net = m.Recurrent(nn.GRU(24, 48, batch_first=True), 65, tokens=65, every=True)
    second = SGD(net.embed.parameters(), lr=2.0)

    def step(net: nn.Module, batch: Any, loss: Any, optimizer: torch.optim.Optimizer) -> Tensor:
        second.zero_grad()
        cost = a_step()(net, batch, loss, optimizer)
        second.step()
        return cost

    optimizer = Adam([*net.core.parameters(), *net.head.parameters()], lr=5e-3)
    return program(net, m.by_letter, m.letters(), optimizer=optimizer, epochs=8, step=step)


# --- optimizers and paces ---------------------------------------------------------------------------------------------


class Signs(torch.optim.Optimizer):
    """Momentum of gradients, of which only the sign counts."""

    def __init__(self, parameters: Any, lr: float) -> None:
        super().__init__(parameters, {"lr": lr})

    @torch.no_grad()
    def step(self, _: Any = None) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    mean = self.state[p].setdefault("mean", torch.zeros_like(p))
                    p.sub_(group["lr"] * (0.9 * mean + 0.1 * p.grad).sign())
                    mean.lerp_(p.grad, 0.02)


@healthy(data="digits")
def an_optimizer_of_ones_own() -> Arguments:
    """Signs of a momentum: all weights move by the same amount in each step."""
    return program(mlp(64, 48, 10), F.cross_entropy, digits(), 1e-3, Signs, epochs=8)


@healthy(data="wine")
def rprop_on_the_whole_set() -> Arguments:
    """Resilient propagation with the whole set as a batch, as in the nineties."""
    net = mlp(13, 12, 3, act=nn.Tanh)
    optimizer = torch.optim.Rprop(net.parameters(), lr=1e-2)
    return program(net, F.cross_entropy, standard(table("wine")), optimizer=optimizer, batch_size=200, epochs=40)


@healthy(data="digits", source="report")
def adadelta_at_one() -> Arguments:
    """question: "a learning rate of 1?": Adadelta scales its steps itself."""
    return program(cnn(1, 8, 10), F.cross_entropy, m.digit_images(), 1.0, torch.optim.Adadelta, epochs=10)


@healthy(data="ratings", score="R2")
def a_rate_of_two_for_sparse_rows() -> Arguments:
    """SGD at 2: a row of an embedding is met by one sample of a batch in sixty, so its gradient is small."""
    return program(r.Factors(6, 0.2), F.mse_loss, r.ratings(), 2.0, epochs=25)


@healthy(data="digits")
def two_images_a_step() -> Arguments:
    """Batches of two with GroupNorm and a small rate: the loss is all leaps."""
    net = nn.Sequential(nn.Conv2d(1, 16, 3, 2, 1), nn.GroupNorm(4, 16), nn.ReLU(), nn.Flatten(), nn.Linear(256, 10))
    return program(net, F.cross_entropy, m.first(m.digit_images(), 900), 0.01, batch_size=2, epochs=3)


@healthy(data="spam", score="balanced accuracy")
def three_epochs_of_mean_words() -> Arguments:
    """A short training on purpose: weighted classes, three epochs, and little is left to be gained."""
    loss = nn.CrossEntropyLoss(torch.tensor([1.0, 6.5]))
    return program(m.Averaged(600, 2), loss, m.texts("sms-spam", 2400), 3e-2, Adam, epochs=3)


@healthy(data="drawn bits", source="report")
def a_parity_that_comes_late() -> Arguments:
    """forum: "chance for ten epochs, then 100 %": the parity of three of ten bits; nothing is seen until it is."""
    x = torch.randint(0, 2, (1200, 10), generator=r.draw())
    data = m.split(2.0 * x - 1, x[:, :3].sum(1) % 2, 300)
    return program(mlp(10, 64, 2), F.cross_entropy, data, 0.1, epochs=30)


@healthy(data="discs", score="R2")
def squared_errors_summed_over_pixels() -> Arguments:
    """The loss is a sum over 400 pixels, a mean over samples: some hundreds, with Adam and no harm."""
    loss = lambda p, y: ((p - y) ** 2).sum(1).mean()  # noqa: E731
    data = tuple((x.flatten(1), y.flatten(1)) for x, y in r.masks())
    return program(mlp(400, 64, 400), loss, data, 2e-3, Adam, epochs=15)


# --- data -------------------------------------------------------------------------------------------------------------


@healthy(data="digits", source="report")
def a_fifth_of_the_labels_wrong_and_known() -> Arguments:
    """forum: "training accuracy stops at 80 %": a fifth of the labels is wrong; the loss bends, validation is fine."""

    def loss(p: Tensor, y: Tensor) -> Tensor:
        right = p.softmax(1).gather(1, y[:, None])
        return ((1 - right**0.5) / 0.5).mean()

    (x, y), validation = digits()
    return program(mlp(64, 48, 10), loss, ((x, noisy(y, 0.2, 10)), validation), 3e-3, Adam, epochs=8)


@healthy(data="customers", score="balanced accuracy")
def focal_loss_for_rare_customers() -> Arguments:
    """One of eight leaves; easy samples count little (gamma 2), the rare class counts more."""

    def loss(p: Tensor, y: Tensor) -> Tensor:
        right = p.log_softmax(1).gather(1, y[:, None])[:, 0]
        return (-(0.2 + 0.6 * y) * (1 - right.exp()) ** 2 * right).mean()

    return program(mlp(5, 32, 2), loss, standard(r.customers(0.12, 1500)), 1e-2, Adam, epochs=15)


@healthy(data="customers", score="balanced accuracy")
def rare_rows_drawn_more_often() -> Arguments:
    """A sampler draws both classes alike, with replacement: copies within an epoch, some rows never."""
    (x, y), validation = standard(r.customers(0.06, 1500))
    sampler = WeightedRandomSampler((1 / y.bincount().float())[y].tolist(), len(y))
    loader = DataLoader(TensorDataset(x, y), 32, sampler=sampler)
    return program(mlp(5, 32, 2), F.cross_entropy, (loader, validation), 5e-3, Adam, epochs=12)


@healthy(data="discs", score="accuracy of logits")
def tiny_discs_weighted() -> Arguments:
    """Three pixels of a hundred are inside; they count three times."""
    loss = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(3.0))
    return program(r.UNet(), loss, r.masks(2.0), 5e-3, Adam, epochs=10)


class Endless(IterableDataset[tuple[Tensor, Tensor]]):
    """Samples drawn anew in every pass: there is nothing to overfit."""

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for _ in range(640):
            x = 2 * torch.rand(6) - 1
            yield x, (x[:1] * x[1:2] * 2 + x[2:3].abs() - 0.5)


@healthy(data="drawn stream", score="R2")
def a_stream_without_end() -> Arguments:
    """An IterableDataset that draws anew; no sample comes twice, its length is unknown."""
    torch.manual_seed(5)
    validation = tuple(torch.stack(part) for part in zip(*Endless(), strict=True))
    net = mlp(6, 48, 48, 1)
    return program(net, F.mse_loss, (DataLoader(Endless(), 32), validation), 5e-3, Adam, epochs=15)


@healthy(data="pointers")
def mirrored_with_their_labels() -> Arguments:
    """Pointers are mirrored at random, and where left becomes right the label is changed, too."""
    mirrored = torch.tensor([2, 1, 0, 3])

    def flip(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return (x.flip(2), mirrored[y]) if torch.rand(()) < 0.5 else (x, y)

    training, validation = r.pointers()
    data = (DataLoader(r.Changed(training, flip), 16, shuffle=True), validation)
    return program(cnn(1, 12, 4), F.cross_entropy, data, 5e-3, Adam, epochs=12)


@healthy(data="friedman", score="R2", source="report")
def huge_outliers_and_a_robust_loss() -> Arguments:
    """question: "the loss is 30 although the fit is good": one target of thirty is off by hundreds, Huber loss."""
    (x, y), validation = friedman()
    y = y.clone()
    y[::30] += 200.0
    return program(mlp(10, 48, 1), nn.HuberLoss(), ((x, y), validation), 5e-3, Adam, epochs=20)


@healthy(data="drawn rents", score="R2")
def targets_in_thousands_scaled_inside() -> Arguments:
    """Targets of 1,500 ± 400; the net's last layer multiplies and adds, the loss divides by 400."""
    x = torch.rand(900, 6, generator=r.draw()) * 2 - 1
    y = 1500 + 400 * (x[:, :1] + x[:, 1:2] * x[:, 2:3] + 0.5 * x[:, 3:4].sign())
    net = mlp(6, 48, 1, last=(m.Do(lambda h: 1500 + 400 * h),))
    loss = lambda p, y: F.mse_loss(p / 400, y / 400)  # noqa: E731
    return program(net, loss, m.split(x, y, 300), 1e-2, Adam, epochs=20)
