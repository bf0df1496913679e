"""Sound programs written apart, by people who had not seen the doctor: odd ones, mediocre ones, ordinary ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from sklearn import datasets
from torch import Tensor, nn
from torch.distributions import Categorical
from torch.utils.data import DataLoader, TensorDataset

from . import materials as m
from . import reported_materials as r
from .fresh_second_faulty import Messages, diffused, graphs, hourly, levers, noise, steps_and_stairs
from .materials import Adam, Do, both, mlp, program, split, standard
from .registry import Arguments, healthy

# --- little to learn, and learned -------------------------------------------------------------------------------------


@healthy(data="machines", source="report", score="R2")
def lifetimes_of_which_some_are_cut() -> Arguments:
    """issue: is this R2 a fault? Exponential lifetimes; a negative target means that the machine still ran at that time."""
    x = noise(1200, 6, seed=40)
    life = (0.5 + 0.8 * x[:, 0] - 0.6 * x[:, 1]).exp() * -torch.rand(1200, generator=r.draw(41)).clamp_min(1e-3).log()
    watched = 6 * torch.rand(1200, generator=r.draw(42))
    cut = (watched < life) & (torch.arange(1200) < 800)
    y = torch.where(cut, -watched, life)[:, None].clamp_max(15)

    def loss(mean: Tensor, y: Tensor) -> Tensor:
        return (mean.log() * (y > 0) + y.abs() / mean).mean()

    net = nn.Sequential(nn.Linear(6, 1), Do(lambda z: z.clamp_max(3).exp()))
    return program(net, loss, ((x[:800], y[:800]), (x[800:], y[800:])), 1e-2, Adam, epochs=25)


@healthy(data="accidents", source="report", score="R2")
def accidents_that_are_mostly_none() -> Arguments:
    """question: Poisson regression explains a fifth of the variance; four of five streets have no accident at all."""
    x = noise(1500, 5, seed=43)
    y = torch.poisson((0.7 * x[:, :1] + 0.5 * x[:, 1:2] * x[:, 2:3] - 1.6).exp().clamp_max(4), generator=r.draw(44))
    net = mlp(5, 24, 1, last=(Do(lambda z: z.clamp_max(2).exp()),))
    loss = nn.PoissonNLLLoss(log_input=False)
    return program(net, loss, split(x, y, 500), 5e-3, Adam, batch_size=64, epochs=12)


@healthy(data="clicks", source="report")
def clicks_that_are_mostly_chance() -> Arguments:
    """question: accuracy stops below 70 % whatever I try; whether somebody clicks is mostly chance."""
    x = noise(2000, 10, seed=45)
    chance = (0.9 * x[:, 0] - 0.5 * x[:, 1]).sigmoid()
    data = split(x, (torch.rand(2000, generator=r.draw(46)) < chance).long(), 600)
    return program(mlp(10, 8, 2), F.cross_entropy, data, 0.05, epochs=14)


@healthy(data="daily returns", score="R2")
def tomorrow_is_barely_like_today() -> Arguments:
    """A market: a sixth of the variance of tomorrow's change follows from the last ones, and no network finds more."""
    change, shock = torch.zeros(1100), noise(1100, seed=47)
    for t in range(1, 1100):
        change[t] = 0.42 * change[t - 1] + shock[t]
    x, y = change.unfold(0, 8, 1)[:1080], change[8:1088, None]
    return program(nn.Linear(8, 1), F.mse_loss, ((x[:750], y[:750]), (x[760:], y[760:])), 0.02, epochs=25)


@healthy(data="returns", source="report", score="R2")
def returns_of_a_noisy_game() -> Arguments:
    """forum: the critic's loss hardly falls; the dice of the game weigh more than the state that it sees."""
    x = noise(1500, 6, seed=48)
    y = (x[:, 0] * x[:, 1] + x[:, 2])[:, None] + 1.6 * noise(1500, 1, seed=49)
    return program(mlp(6, 32, 1, act=nn.Tanh), nn.SmoothL1Loss(), split(x, y, 500), 1e-2, Adam, epochs=12)


# --- losses that look odd ---------------------------------------------------------------------------------------------


@healthy(data="bandit", source="report")
def a_policy_whose_loss_stays_at_zero() -> Arguments:
    """forum: the loss of REINFORCE hovers around zero, now above and now below, while the reward grows."""

    def loss(p: Tensor, best: Tensor) -> Tensor:
        policy = Categorical(logits=p)
        action = policy.sample()  # type: ignore[no-untyped-call]
        reward = (action == best).float()
        chance: Tensor = policy.log_prob(action)  # type: ignore[no-untyped-call]
        return -(chance * (reward - reward.mean())).mean() - 0.01 * policy.entropy().mean()  # type: ignore[no-untyped-call]

    return program(mlp(6, 48, 4), loss, levers(), 1e-2, Adam, epochs=20)


@healthy(data="sensors", source="report", score="R2")
def a_sensor_that_knows_its_error() -> Arguments:
    """issue: GaussianNLLLoss becomes negative; where the sensor is exact, the density is far above one."""
    x = 2 * torch.rand(900, 4, generator=r.draw(50)) - 1
    y = torch.sin(3 * x[:, :1]) + (0.02 + 0.3 * x[:, 1:2].relu()) * noise(900, 1, seed=51)

    def loss(out: tuple[Tensor, Tensor], y: Tensor) -> Tensor:
        return F.gaussian_nll_loss(out[0], y, out[1])

    net = nn.Sequential(mlp(4, 48, 2), Do(lambda z: (z[:, :1], F.softplus(z[:, 1:]) + 1e-3)))
    return program(net, loss, split(x, y, 300), 5e-3, Adam, epochs=20)


@healthy(data="boxes", source="report", score="R2")
def boxes_by_their_overlap() -> Arguments:
    """forum: a detector of one box; the loss is one minus the generalised overlap and starts near 1.2."""
    rng = np.random.default_rng(52)
    size = rng.integers(5, 11, (600, 2))
    corner = rng.integers(0, 20 - size)
    x = 0.2 * noise(600, 1, 20, 20, seed=52)
    for picture, (top, left), (height, width) in zip(x, corner, size, strict=True):
        picture[0, top : top + height, left : left + width] += 1
    y = torch.from_numpy(np.concatenate([corner, corner + size], 1)).float() / 20

    def loss(p: Tensor, y: Tensor) -> Tensor:
        def area(low: Tensor, high: Tensor) -> Tensor:
            return (high - low).clamp_min(0).prod(1)

        inner = area(torch.maximum(p[:, :2], y[:, :2]), torch.minimum(p[:, 2:], y[:, 2:]))
        hull = area(torch.minimum(p[:, :2], y[:, :2]), torch.maximum(p[:, 2:], y[:, 2:]))
        union = area(p[:, :2], p[:, 2:]) + area(y[:, :2], y[:, 2:]) - inner
        return (1 - inner / union + (hull - union) / hull).mean()

    centred = Do(lambda z: torch.cat([z[:, :2] - z[:, 2:] / 2, z[:, :2] + z[:, 2:] / 2], 1))
    body = (nn.Conv2d(1, 12, 3, 2, 1), nn.ReLU(), nn.Conv2d(12, 24, 3, 2, 1), nn.ReLU(), nn.Flatten())
    net = nn.Sequential(*body, mlp(600, 48, 4), nn.Sigmoid(), centred)
    return program(net, loss, split(x, y, 150), 2e-3, Adam, epochs=15)


@healthy(data="wind", score="R2")
def the_direction_of_the_wind() -> Arguments:
    """Outputs are set to length one, the loss is one minus a cosine; the targets lie on a circle."""
    x = noise(900, 5, seed=53)
    angle = torch.atan2(x[:, 0] + 0.5 * x[:, 2], x[:, 1]) + 0.4 * noise(900, seed=54)
    data = split(x, torch.stack([angle.sin(), angle.cos()], 1), 300)
    net = mlp(5, 32, 2, last=(Do(lambda z: F.normalize(z, dim=1)),))
    return program(net, lambda p, y: 1 - F.cosine_similarity(p, y).mean(), data, 5e-3, Adam, epochs=20)


@healthy(data="oscillator", source="report", score="R2")
def an_oscillator_from_five_points() -> Arguments:
    """blog: a physics-informed network; five measured points and, beside them, the residual of y'' = -4 y on a grid."""
    t = torch.linspace(0, 3, 61)[:, None]
    known, grid = t[[0, 6, 15, 30, 44]], t[::2].clone().requires_grad_()

    def step(net: nn.Module, batch: Any, loss: Any, optimizer: torch.optim.Optimizer) -> Tensor:
        optimizer.zero_grad()
        y = net(grid)
        slope = torch.autograd.grad(y.sum(), grid, create_graph=True)[0]
        bend = torch.autograd.grad(slope.sum(), grid, create_graph=True)[0]
        cost: Tensor = loss(net(batch[0]), batch[1]) + 0.05 * (bend + 4 * y).pow(2).mean()
        cost.backward()
        optimizer.step()
        return cost.detach()

    data = (known, torch.cos(2 * known)), (t, torch.cos(2 * t))
    return program(mlp(1, 32, 32, 1, act=nn.Tanh), F.mse_loss, data, 5e-3, Adam, epochs=800, step=step)


@healthy(data="digits", source="report", score="R2")
def pixels_hidden_and_guessed() -> Arguments:
    """issue: a masked autoencoder whose loss never gets small; six of ten pixels are hidden."""

    def hide(x: Tensor) -> tuple[Tensor, Tensor]:
        hidden = torch.rand(x.shape, generator=r.draw(55)) < 0.6
        return torch.cat([x * ~hidden, hidden.float()], 1), x

    (x, _), (u, _) = m.digits()
    return program(mlp(128, 96, 96, 64, act=nn.GELU), F.mse_loss, (hide(x), hide(u)), 3e-3, Adam, epochs=15)


@healthy(data="diffusion", source="report", score="R2")
def a_denoiser_at_every_moment() -> Arguments:
    """issue: the loss of a diffusion model jumps from batch to batch; some moments are hard and some are easy."""
    net = mlp(25, 96, 96, 24, act=nn.SiLU)
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, betas=(0.9, 0.95), weight_decay=0.05)
    return program(net, F.l1_loss, diffused(), optimizer=optimizer, batch_size=16, epochs=15)


# --- data that look odd -----------------------------------------------------------------------------------------------


@healthy(data="digits", source="report")
def half_of_the_labels_are_missing() -> Arguments:
    """forum: half of the images have no label yet; they carry -1 and the loss ignores them."""
    (x, y), validation = m.digits()
    y = torch.where(torch.rand(len(y), generator=r.draw(56)) < 0.5, -1, y)
    net = mlp(64, 48, 10)
    return program(
        net, nn.CrossEntropyLoss(ignore_index=-1), ((x, y), validation), 3e-3, Adam, batch_size=64, epochs=25
    )


@healthy(data="orders", source="report", score="balanced accuracy")
def one_order_in_eight_is_returned() -> Arguments:
    """question: must I reweight? One order in eight is returned; plain cross entropy finds most of them."""
    x = noise(1600, 7, seed=57)
    risk = x[:, 0] + x[:, 1].abs() + 0.2 * noise(1600, seed=58)
    data = split(x, (risk > risk.quantile(0.875)).long(), 500)
    return program(mlp(7, 32, 2), F.cross_entropy, data, 5e-3, Adam, epochs=15)


@healthy(data="arithmetic", score="R2")
def a_curriculum_from_easy_to_hard() -> Arguments:
    """Samples come in a fixed order on purpose, the quiet ones first; nothing shuffles them."""
    x = noise(1200, 6, seed=59)
    x = x[x.norm(dim=1).argsort()]
    y = (x[:, 0] * x[:, 1] + x[:, 2])[:, None]
    held = torch.arange(1200) % 4 == 0
    loader = DataLoader(TensorDataset(x[~held], y[~held]), 32)
    return program(mlp(6, 48, 1), F.smooth_l1_loss, (loader, (x[held], y[held])), 5e-3, Adam, epochs=15)


@healthy(data="spoken digits", source="report")
def sounds_with_bands_cut_out() -> Arguments:
    """forum: validation is better than training from the first epoch on; SpecAugment hides bands and moments."""

    def change(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        x = x.clone()
        moment, band = int(torch.randint(0, 30, ())), int(torch.randint(0, 26, ()))
        x[moment : moment + 8], x[:, band : band + 6] = 0, 0
        return x, y

    train, validation = m.spoken()
    body = (Do(lambda x: x.mT), nn.Conv1d(33, 24, 5, 2), nn.BatchNorm1d(24), nn.ReLU(), nn.Conv1d(24, 24, 5, 2))
    net = nn.Sequential(*body, nn.ReLU(), nn.AdaptiveAvgPool1d(3), nn.Flatten(), nn.Dropout(0.3), nn.Linear(72, 10))
    return program(net, F.cross_entropy, (r.Changed(train, change), validation), 5e-3, Adam, epochs=12)


@healthy(data="wine", source="report")
def forty_wines_and_much_dropout() -> Arguments:
    """question: training accuracy is below validation accuracy; forty samples, and half of the units are dropped."""
    data = m.first(standard(m.table("wine")), 40)
    body = (nn.Linear(13, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.5))
    return program(nn.Sequential(*body, nn.Linear(32, 3)), F.cross_entropy, data, 3e-3, Adam, batch_size=8, epochs=50)


# --- steps and optimizers that look odd -------------------------------------------------------------------------------


class SignDescent(torch.optim.Optimizer):
    """Each weight moves by the same amount, whatever its gradient's size; decay apart."""

    def __init__(self, parameters: Any, lr: float, decay: float) -> None:
        super().__init__(parameters, {"lr": lr, "decay": decay})

    @torch.no_grad()
    def step(self, _: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for p in group["params"]:
                mean = self.state[p].setdefault("mean", torch.zeros_like(p))
                p.mul_(1 - group["lr"] * group["decay"]).sub_(mean.lerp(p.grad, 0.1).sign(), alpha=group["lr"])
                mean.lerp_(p.grad, 0.01)


@healthy(data="accelerations", source="report")
def a_step_by_the_sign() -> Arguments:
    """blog: Lion written by hand, at a rate of three ten-thousandths and a decay of one."""
    data = both(steps_and_stairs(), lambda x: (x - 2048) / 400)
    body = (nn.Conv1d(3, 24, 7, padding=3), nn.ReLU(), nn.MaxPool1d(4), nn.Conv1d(24, 24, 5), nn.ReLU())
    net = nn.Sequential(*body, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(24, 4))
    optimizer = SignDescent(net.parameters(), 1e-3, 1.0)
    return program(net, F.cross_entropy, data, optimizer=optimizer, epochs=15)


@healthy(data="digits", source="report")
def a_new_task_for_an_old_body() -> Arguments:
    """forum: is it right that only the head moves? The body has learned the ten digits and rests with its statistics."""
    (x, y), (u, v) = m.digits()
    body = mlp(64, 48, 32, norm=nn.BatchNorm1d, last=(nn.ReLU(),))
    r.pretrained(nn.Sequential(body, nn.Linear(32, 10)), (x[:1000], y[:1000]))
    body.requires_grad_(False)
    head = nn.Linear(32, 5)

    def step(net: nn.Module, batch: Any, loss: Any, optimizer: torch.optim.Optimizer) -> Tensor:
        body.eval()
        optimizer.zero_grad()
        cost: Tensor = loss(net(batch[0]), batch[1])
        cost.backward()
        optimizer.step()
        return cost.detach()

    data = (x[1000:], y[1000:] // 2), (u, v // 2)
    optimizer = torch.optim.SGD(head.parameters(), lr=0.1, momentum=0.9)
    return program(nn.Sequential(body, head), F.cross_entropy, data, optimizer=optimizer, epochs=15, step=step)


@healthy(data="ratings", source="report", score="R2")
def vectors_that_are_held_small() -> Arguments:
    """blog: factorisation with two optimizers' worth of groups; a strong decay on the vectors, none on the bias, helps."""
    net = r.Factors(8)
    groups = [
        {"params": [net.user.weight, net.film.weight], "weight_decay": 2e-3},
        {"params": [net.bias.weight], "weight_decay": 0.0, "lr": 5e-3},
    ]
    return program(net, F.mse_loss, r.ratings(), optimizer=torch.optim.Adam(groups, lr=2e-2), epochs=10)


@healthy(data="stream", score="R2")
def one_reading_at_a_time() -> Arguments:
    """Online learning: batches of one, gradients clipped to a tenth, a rate that falls with the root of time."""
    x = noise(900, 5, seed=60)
    data = split(x, (torch.tanh(2 * x[:, :1]) - 0.5 * x[:, 1:2] + 0.2 * noise(900, 1, seed=61)), 300)

    def step(count: int, net: nn.Module, batch: Any, loss: Any, optimizer: torch.optim.Optimizer) -> Tensor:
        optimizer.param_groups[0]["lr"] = 0.5 / (1 + count / 20) ** 0.5
        optimizer.zero_grad()
        cost: Tensor = loss(net(batch[0]), batch[1])
        cost.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 0.1)
        optimizer.step()
        return cost.detach()

    return program(mlp(5, 16, 1, act=nn.Tanh), F.mse_loss, data, 0.5, batch_size=1, epochs=4, step=r.counted(step))


class Experts(nn.Module):
    """Six small networks and a gate that mixes their answers."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.gate, self.experts = nn.Linear(inputs, 6), nn.ModuleList(mlp(inputs, 8, outputs) for _ in range(6))

    def forward(self, x: Tensor) -> Tensor:
        best = self.gate(x).topk(2, 1)
        weight = torch.zeros(len(x), 6).scatter(1, best.indices, best.values.softmax(1))
        answers = torch.stack([expert(x) for expert in self.experts], 1)
        return (weight[..., None] * answers).sum(1)


@healthy(data="levers", source="report")
def two_experts_of_six() -> Arguments:
    """issue: a mixture of experts; some experts are seldom chosen and get little gradient, and the answers are right."""
    return program(Experts(6, 4), F.cross_entropy, levers(), 1e-2, Adam, epochs=12)


@healthy(data="discs", source="report", score="accuracy of logits")
def discs_by_entropy_and_overlap() -> Arguments:
    """blog: a U-Net with cross entropy plus soft overlap, four pictures a step, the update after four of them."""

    def loss(p: Tensor, y: Tensor) -> Tensor:
        inside = p.sigmoid()
        overlap = (2 * (inside * y).sum() + 1) / (inside.sum() + y.sum() + 1)
        return F.binary_cross_entropy_with_logits(p, y) + 1 - overlap

    def step(count: int, net: nn.Module, batch: Any, loss: Any, optimizer: torch.optim.Optimizer) -> Tensor:
        cost: Tensor = loss(net(batch[0]), batch[1])
        (cost / 4).backward()
        if count % 4 == 3:
            optimizer.step()
            optimizer.zero_grad()
        return cost.detach()

    return program(r.UNet(), loss, r.masks(), 1e-2, Adam, batch_size=4, epochs=3, step=r.counted(step))


# --- ordinary ---------------------------------------------------------------------------------------------------------


@healthy(data="houses of a town", score="R2")
def what_flats_cost() -> Arguments:
    """A table of eight columns, scaled as it should be, a small network, Adam."""
    x, y = datasets.make_regression(900, 8, n_informative=6, noise=25.0, random_state=1)
    data = standard(split(x, (y + 0.002 * y * np.abs(y))[:, None], 300), targets=True)
    return program(mlp(8, 64, 32, 1), nn.MSELoss(), data, 3e-3, Adam, epochs=25)


@healthy(data="graphs")
def how_dense_a_graph_is() -> Arguments:
    """Messages are averaged over neighbours and nodes; three kinds of graphs by their density."""
    graph = graphs()[0].clone()
    share = graph[..., :-4].mean((1, 2))
    y = (share > share.quantile(0.33)).long() + (share > share.quantile(0.67)).long()
    graph[..., -4] = graph[..., :-4].sum(2) / 8
    net = nn.Sequential(
        Messages((32, 32), mean=True), nn.LayerNorm(32), nn.ReLU(), Do(lambda h: h.mean(1)), mlp(32, 16, 3)
    )
    return program(net, F.cross_entropy, split(graph, y, 150), 5e-3, Adam, epochs=20)


@healthy(data="household load", score="R2")
def the_next_hours_of_a_household() -> Arguments:
    """Two layers of LSTM over a day of hours, three hours ahead, scaled inputs and targets, Adam, mean squared error."""
    data = both(hourly(3), lambda x: x[..., None])
    return program(m.Recurrent(nn.LSTM(1, 20, 2, batch_first=True), 3), F.mse_loss, data, 1e-2, Adam, epochs=8)
