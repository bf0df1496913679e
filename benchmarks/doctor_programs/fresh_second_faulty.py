"""Faulty programs written apart, by people who had not seen the doctor: own tables, sensors, forecasts, graphs, policies."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Categorical, Normal
from torch.utils.data import DataLoader, TensorDataset

from . import materials as m
from . import reported_materials as r
from .materials import Adam, Do, Split, both, mlp, program, split, standard
from .registry import Arguments, faulty


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=r.draw(seed))


# --- tables and sensors -----------------------------------------------------------------------------------------------


@faulty("unscaled_input", data="buildings", source="report", also=("saturated_units",), score="R2")
def buildings_in_square_metres(broken: bool) -> Arguments:
    """question: every house gets the same heating demand; area, year and volume go in as they stand in the file."""
    rng = np.random.default_rng(3)
    area, year = rng.uniform(60, 2000, 700), rng.integers(1930, 2022, 700)
    wall, height = rng.uniform(0.1, 2.0, 700), rng.uniform(2.3, 4.5, 700)
    demand = np.log(area) + wall * (2022 - year) / 40 + 0.5 * height + 0.2 * rng.standard_normal(700)
    y = (demand - demand.mean()) / demand.std()
    data = split(np.stack([area, year, area * height, wall, height], 1), y[:, None], 200)
    data = data if broken else standard(data)
    return program(mlp(5, 32, 32, 1, act=nn.Tanh), nn.MSELoss(), data, 5e-3, Adam, epochs=25)


@cache
def steps_and_stairs(count: int = 600) -> Split:
    """Accelerations (n, 3, 48) as a 12-bit converter counts them, and which of four activities."""
    rng = np.random.default_rng(4)
    y, phase, t = rng.integers(0, 4, count), rng.uniform(0, 6.3, (count, 1)), np.arange(48)
    swing = np.sin((0.35 + 0.15 * y[:, None]) * t + phase)
    x = 2048 + 260 * rng.standard_normal((count, 3, 48))
    x[np.arange(count), y % 3] += 500 * swing
    return split(x.clip(0, 4095), y, 200)


@faulty("unscaled_input", data="accelerations", source="report", also=("learning_rate_too_high", "dead_units"))
def counts_of_a_converter(broken: bool) -> Arguments:
    """forum: activity recognition predicts only "walking"; the accelerometer's raw counts, 0 to 4095, are the input."""
    data = steps_and_stairs() if broken else both(steps_and_stairs(), lambda x: (x - 2048) / 400)
    body = (nn.Conv1d(3, 16, 7, padding=3), nn.ReLU(), nn.MaxPool1d(4), nn.Conv1d(16, 24, 5), nn.ReLU())
    net = nn.Sequential(*body, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(24, 4))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    return program(net, F.cross_entropy, data, optimizer=optimizer, epochs=12)


@cache
def hourly(ahead: int = 1, count: int = 700) -> Split:
    """A day (n, 24) of a household's load, in units of its deviation, and the next hours (n, ahead); later ones apart."""
    t = torch.arange(float(count + 24 + ahead))
    load = torch.sin(t * 6.2832 / 24) + 0.6 * torch.sin(t * 6.2832 / 168) + 0.3 * noise(len(t), seed=5)
    x, y = load.unfold(0, 24, 1)[:count], load[24:].unfold(0, ahead, 1)[:count]
    return (x[:480], y[:480]), (x[510:], y[510:])


@faulty("unscaled_target", data="household load", source="report", score="R2")
def load_in_watts(broken: bool) -> Arguments:
    """question: the LSTM's forecast is a flat line far below the curve; only the inputs went through the scaler."""
    data = both(hourly(), lambda x: x[..., None], lambda y: 900 * y + 3500 if broken else y)
    return program(m.Recurrent(nn.LSTM(1, 24, batch_first=True), 1), F.mse_loss, data, 5e-3, Adam, epochs=12)


@faulty("nan_in_data", data="weather", source="report", score="R2")
def gaps_of_a_weather_station(broken: bool) -> Arguments:
    """issue: loss is nan in the first epoch; a station was down now and then, and pandas wrote NaN for those hours."""
    data = hourly()
    x = data[0][0].clone()
    down = torch.rand(x.shape, generator=r.draw(7)) < 0.002
    x[down] = torch.nan
    filled = x if broken else torch.where(down, x.nanmean(1, keepdim=True), x)
    loader = DataLoader(TensorDataset(filled, data[0][1]), 32, shuffle=True)
    return program(mlp(24, 32, 1), nn.SmoothL1Loss(), (loader, data[1]), 5e-3, Adam, epochs=25)


@faulty("class_imbalance", data="pumps", source="report", score="balanced accuracy")
def a_pump_that_seldom_fails(broken: bool) -> Arguments:
    """question: 97 % accuracy and not one failure recognised; three readings in a hundred precede a failure."""
    x = noise(2400, 8, seed=8)
    wear = x[:, 0] + 0.8 * x[:, 1] * x[:, 2] + 0.9 * noise(2400, seed=9)
    x, y = x.numpy(), (wear > wear.quantile(0.97)).long().numpy()
    data = (x[:1600], y[:1600]), (x[1600:], y[1600:])
    weight = None if broken else torch.tensor([1.0, 32.0])
    return program(mlp(8, 24, 2), nn.CrossEntropyLoss(weight), data, 3e-3, Adam, batch_size=64, epochs=14)


@faulty("inputs_targets_misaligned", data="assembly line", source="report", also=("label_noise",))
def readings_by_time_and_verdicts_by_part(broken: bool) -> Arguments:
    """issue: no model beats chance; readings were sorted by time and joined with inspections that are sorted by part."""
    readings, part = noise(800, 9, seed=10), torch.randperm(800, generator=r.draw(10))
    verdict = (readings[:, 0] * 1.5 - readings[:, 3] + readings[:, 5].abs() > 0.5).long()
    inspections = verdict[part.argsort()]  # one for each part, in the order of the parts' numbers
    y = inspections if broken else inspections[part]
    return program(mlp(9, 32, 2, norm=nn.BatchNorm1d), F.cross_entropy, split(readings, y, 250), 3e-3, Adam, epochs=25)


@faulty("split_leakage", data="heartbeats", source="report")
def heartbeats_of_the_same_patients(broken: bool) -> Arguments:
    """issue: 99 % in the paper's split and 70 % in the clinic; beats of one patient lie in both parts."""
    patient = torch.arange(720) // 12
    ill, shape = (torch.rand(60, generator=r.draw(11)) < 0.5).long(), 0.9 * noise(60, 40, seed=11)
    bump = torch.exp(-((torch.arange(40.0) - 22) ** 2) / 18)
    x = shape[patient] + 1.3 * ill[patient, None] * bump + 0.3 * noise(720, 40, seed=12)
    y, last = ill[patient], patient >= 42
    data = split(x, y, 216) if broken else ((x[~last], y[~last]), (x[last], y[last]))
    net = nn.Sequential(nn.Unflatten(1, (1, 40)), nn.Conv1d(1, 8, 5), nn.ReLU(), nn.Flatten(), mlp(288, 32, 2))
    return program(net, F.cross_entropy, data, 2e-3, Adam, epochs=18)


@faulty("harmful_augmentation", data="traces", source="report")
def traces_turned_upside_down(broken: bool) -> Arguments:
    """forum: since augmentation was added, elevation and depression of the trace are guessed; half the traces are negated."""
    y = torch.randint(0, 2, (700,), generator=r.draw(13))
    bump = torch.exp(-((torch.arange(60.0) - 8 - 44 * torch.rand(700, 1, generator=r.draw(14))) ** 2) / 20)
    x = ((2 * y[:, None] - 1) * 1.6 * bump + 0.5 * noise(700, 60, seed=15))[:, None]

    def change(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        x = x + 0.1 * torch.randn_like(x)
        return (-x if broken and torch.rand(1) < 0.5 else x), y

    train = r.Changed((x[:480], y[:480]), change)
    net = nn.Sequential(nn.Conv1d(1, 12, 9), nn.ReLU(), nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(12, 2))
    return program(net, F.cross_entropy, (train, (x[480:], y[480:])), 1e-2, Adam, epochs=14)


@faulty("overfit", data="soil", source="report", score="R2")
def sixty_samples_of_soil(broken: bool) -> Arguments:
    """question: training error is zero and validation error grows; sixty samples, two wide layers, many epochs."""
    x = noise(360, 3, seed=16)
    y = (x[:, :1] - x[:, 1:2] + 1.3 * noise(360, 1, seed=17)) / 1.9
    net, data = mlp(3, 128, 128, 1), ((x[:60], y[:60]), (x[60:], y[60:]))
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=0.0 if broken else 5.0)
    return program(net, F.mse_loss, data, optimizer=optimizer, batch_size=20, epochs=250 if broken else 25)


# --- forecasts --------------------------------------------------------------------------------------------------------


@faulty("broadcast_loss", data="household load", source="report", score="R2")
def horizons_of_one_channel(broken: bool) -> Arguments:
    """issue: six hours ahead the network answers the average day; a channel of one was never squeezed: (n, 1, 6), (n, 6)."""
    head = (nn.Conv1d(12, 1, 1), *(() if broken else (nn.Flatten(),)))
    net = nn.Sequential(nn.Unflatten(1, (1, 24)), nn.Conv1d(1, 12, 5, stride=2), nn.ReLU(), nn.Linear(10, 6), *head)
    return program(net, nn.SmoothL1Loss(), hourly(6), 5e-3, Adam, epochs=12)


@faulty("wrong_loss_for_task", data="household load", source="report", score="R2")
def cross_entropy_for_four_readings(broken: bool) -> Arguments:
    """question: CrossEntropyLoss takes my four real targets without an error, and the loss becomes a large negative number."""
    loss = nn.CrossEntropyLoss() if broken else nn.MSELoss()
    return program(mlp(24, 48, 4), loss, hourly(4), 3e-3, Adam, epochs=30)


@faulty("learning_rate_too_high", data="spoken digits", source="report", also=("unstable_training", "dead_units"))
def a_rate_for_batches_of_four_thousand(broken: bool) -> Arguments:
    """issue: with the config's rate of 1.6 I get 10 %; it was made for 4096 sounds a batch on eight cards, mine are 32."""
    body = (Do(lambda x: x.mT), nn.Conv1d(33, 24, 5, stride=2), nn.ReLU(), nn.Conv1d(24, 24, 3), nn.ReLU())
    net = nn.Sequential(*body, nn.AdaptiveAvgPool1d(2), nn.Flatten(), nn.Linear(48, 10))
    optimizer = torch.optim.SGD(net.parameters(), lr=1.6 if broken else 0.05, momentum=0.9, nesterov=True)
    return program(net, F.cross_entropy, m.spoken(), optimizer=optimizer, epochs=12)


# --- ratings, policies, mixtures --------------------------------------------------------------------------------------


class Collaborative(nn.Module):
    """Numbers of user and film (n, 2) → rating (n, 1): their vectors side by side through two layers."""

    def __init__(self, last: nn.Module | None = None) -> None:
        super().__init__()
        self.user, self.film = nn.Embedding(60, 16), nn.Embedding(50, 16)
        self.top, self.last = mlp(32, 48, 1), last or nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.last(self.top(torch.cat([self.user(x[:, 0]), self.film(x[:, 1])], 1)))
        return out


@cache
def tastes() -> Split:
    """Numbers of a user and a film (n, 2), and a rating (n, 1): one is mild, one is good, and some belong together."""
    x = torch.stack([torch.randint(0, n, (2400,), generator=r.draw(n)) for n in (60, 50)], 1)
    mild, good = noise(60, seed=18), noise(50, seed=19)
    together = (x[:, 0] % 3 == x[:, 1] % 3).float()
    y = (0.6 * mild[x[:, 0]] + 0.7 * good[x[:, 1]] + 0.6 * together + 0.3 * noise(2400, seed=38) - 0.2)[:, None]
    return (x[:1800], y[:1800]), (x[1800:], y[1800:])


@faulty("learning_rate_too_low", data="ratings", also=("undertrained",), source="report", score="R2")
def a_rate_from_a_language_model(broken: bool) -> Arguments:
    """forum: the recommender learns next to nothing in ten epochs; the rate of 2e-5 came with a script for BERT."""
    return program(Collaborative(), F.mse_loss, tastes(), 2e-5 if broken else 5e-3, Adam, epochs=10)


@faulty("unreachable_targets", data="ratings", source="report", also=("unscaled_target",), score="R2")
def stars_through_a_sigmoid(broken: bool) -> Arguments:
    """question: NeuMF predicts 1 for every film; the implicit-feedback model ends in a sigmoid, my ratings are 1 to 5."""
    data = both(tastes(), targets=lambda y: (y + 3).clamp(1, 5))
    return program(Collaborative(nn.Sigmoid() if broken else None), F.mse_loss, data, 5e-3, Adam, epochs=10)


@cache
def levers(count: int = 900) -> Split:
    """States (n, 6) and the one of four levers that pays."""
    x = noise(count, 6, seed=20)
    pay = torch.stack([x[:, 0] + x[:, 1], x[:, 2] - x[:, 0], x[:, 3].abs() - 0.5, -x[:, 4]], 1)
    return split(x, pay.argmax(1), 300)


@faulty("double_softmax", data="bandit", source="report", also=("activated_logits",), score="metric")
def a_policy_of_probabilities(broken: bool) -> Arguments:
    """issue: REINFORCE stays near random play; the policy ends in softmax and goes to Categorical(logits=…)."""

    def loss(p: Tensor, best: Tensor) -> Tensor:
        policy = Categorical(logits=p)
        action = policy.sample()  # type: ignore[no-untyped-call]
        advantage = (action == best).float() - 0.25
        return -(policy.log_prob(action) * advantage).mean()  # type: ignore[no-untyped-call]

    def reward(p: Tensor, best: Tensor) -> float:
        return float(p.softmax(1)[torch.arange(len(best)), best].mean())

    net = mlp(6, 48, 4, last=(nn.Softmax(1),) if broken else ())
    return program(net, loss, levers(), 1e-2, Adam, epochs=20, metric=reward)


@faulty("broadcast_loss", data="returns", source="report", score="R2")
def returns_of_every_state(broken: bool) -> Arguments:
    """forum: the critic gives one value to all states; returns are (n,), values (n, 1), advantages a square."""
    x = noise(900, 5, seed=21)
    data = split(x, x[:, 0] + x[:, 1] * x[:, 2] + 0.3 * noise(900, seed=22), 300)

    def step(net: nn.Module, batch: Any, loss: Any, optimizer: torch.optim.Optimizer) -> Tensor:
        critic: Tensor = loss(net(batch[0]), batch[1])
        optimizer.zero_grad()
        critic.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        optimizer.step()
        return critic.detach()

    squares = lambda p, y: (y - (p if broken else p.squeeze(-1))).pow(2).mean()  # noqa: E731
    return program(mlp(5, 64, 1, act=nn.Tanh), squares, data, 5e-3, Adam, epochs=25, step=step)


class Mixture(nn.Module):
    """(n, 3) → mean (n, 1), logarithms of four weights, four means and four logarithms of deviations."""

    def __init__(self) -> None:
        super().__init__()
        self.body = mlp(3, 32, 12)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        weight, mean, spread = self.body(x).chunk(3, 1)
        weight = weight.log_softmax(1)
        return (weight.exp() * mean).sum(1, True), weight, mean, spread


@faulty("unstable_operation", data="arm", source="report", also=("unscaled_target",), score="R2")
def a_mixture_whose_density_is_zero(broken: bool) -> Arguments:
    """issue: a mixture density network is nan after the first batches; log of the sum of pi times the density."""
    x = noise(800, 3, seed=23)
    y = (9 * x[:, :1] + 5 * torch.sign(noise(800, 1, seed=24)) + noise(800, 1, seed=25)).clamp(-30, 30)

    def loss(out: tuple[Tensor, ...], y: Tensor) -> Tensor:
        _, weight, mean, spread = out
        density = Normal(mean, spread.exp(), validate_args=False).log_prob(y)  # type: ignore[no-untyped-call]
        likely = (weight.exp() * density.exp()).sum(1).log() if broken else (weight + density).logsumexp(1)
        return -likely.mean()

    return program(Mixture(), loss, split(x, y, 250), 1e-2, Adam, epochs=25)


# --- graphs, attention, pairs, sounds ---------------------------------------------------------------------------------


@cache
def graphs(count: int = 500, nodes: int = 14) -> tuple[Tensor, Tensor]:
    """Adjacency with loops and, behind it, four features of each node: (n, nodes, nodes + 4); and features alone."""
    kind = torch.rand(count, 1, 1, generator=r.draw(26)) * 0.5 + 0.3
    edge = (torch.rand(count, nodes, nodes, generator=r.draw(27)) < kind).float().triu(1)
    adjacency, x = edge + edge.mT + torch.eye(nodes), noise(count, nodes, 4, seed=28)
    return torch.cat([adjacency, x], 2), x


class Messages(nn.Module):
    """Each layer gathers what a node's neighbours hold; (n, nodes, nodes + 4) → (n, nodes, outputs)."""

    def __init__(self, widths: tuple[int, ...], *, mean: bool, last: nn.Module | None = None) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip((4, *widths[:-1]), widths, strict=True))
        self.mean, self.last = mean, last or nn.Identity()

    def forward(self, graph: Tensor) -> Tensor:
        adjacency, h = graph[..., :-4], graph[..., -4:]
        adjacency = adjacency / adjacency.sum(2, keepdim=True) if self.mean else adjacency
        for layer in self.layers[:-1]:
            h = layer(adjacency @ h).relu()
        out: Tensor = self.last(self.layers[-1](adjacency @ h))
        return out


@faulty("exploding_gradient", data="graphs", source="report", also=("bad_init_scale", "unstable_training"), score="R2")
def messages_summed_over_neighbours(broken: bool) -> Arguments:
    """issue: a GCN of five layers starts at a loss of millions; the adjacency matrix is not divided by the degrees."""
    graph, x = graphs()
    near = graph[..., :-4] / graph[..., :-4].sum(2, keepdim=True)
    y = 2 * (near @ x)[..., :1] - (near @ x)[..., 1:2].abs()
    net, data = Messages((32, 32, 32, 32, 1), mean=not broken), split(graph, (y - y.mean()) / y.std(), 150)
    return program(net, F.mse_loss, data, 2e-3, Adam, epochs=25)


@faulty("activated_logits", data="graphs", source="report", also=("dead_units",))
def relu_after_the_last_message(broken: bool) -> Arguments:
    """forum: a GNN never predicts some of the roles; the loop over the layers puts a ReLU behind the last one too."""
    graph, x = graphs()
    near = graph[..., :-4] / graph[..., :-4].sum(2, keepdim=True)
    far = near @ near @ x
    low, high = far[..., 0].quantile(torch.tensor([0.33, 0.67]))
    role = 2 * ((far[..., 0] > low).long() + (far[..., 0] > high).long()) + (far[..., 1] > 0).long()
    net = Messages((32, 6), mean=True, last=nn.ReLU() if broken else None)
    chances = lambda p, y: F.cross_entropy(p.flatten(0, 1), y.flatten())  # noqa: E731
    return program(net, chances, split(graph, role, 150), 0.02, Adam, epochs=25)


class Attention(nn.Module):
    """Tokens (n, steps) → (n, steps, outputs); attention by hand, of four heads, before a small network."""

    def __init__(self, tokens: int, outputs: int, *, by_view: bool = False, hidden: float | None = None) -> None:
        super().__init__()
        self.embed, self.place = nn.Embedding(tokens, 32), nn.Parameter(torch.randn(32, 32))
        self.three, self.out, self.top = nn.Linear(32, 96), nn.Linear(32, 32), mlp(32, 64, outputs)
        self.by_view, self.hidden = by_view, hidden

    def heads(self, x: Tensor) -> Tensor:
        n, steps, _ = x.shape
        return x.reshape(n, 4, steps, 8) if self.by_view else x.view(n, steps, 4, 8).transpose(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = self.embed(x) + self.place[: x.shape[1]]
        q, k, v = (self.heads(part) for part in self.three(h).chunk(3, 2))
        score = q @ k.mT / 8**0.5
        if self.hidden is not None:
            score = score.masked_fill(torch.ones(score.shape[-2:]).triu(1).bool(), self.hidden)
        mixed = score.softmax(-1) @ v
        mixed = mixed.reshape(h.shape) if self.by_view else mixed.transpose(1, 2).flatten(2)
        out: Tensor = self.top(h + self.out(mixed))
        return out


@faulty("scrambled_layout", data="tokens", source="report")
def heads_split_by_view(broken: bool) -> Arguments:
    """forum: my own multi-head attention learns less than one head; view(n, heads, steps, d) without a transpose."""
    x = torch.randint(0, 8, (900, 16), generator=r.draw(29))
    y = (x > x[:, :1]).long()
    return program(Attention(8, 2, by_view=broken), m.by_letter, split(x, y, 250), 5e-3, Adam, epochs=12)


@faulty("causal_leak", data="letters", source="report")
def a_mask_of_minus_one_billionth(broken: bool) -> Arguments:
    """issue: a tiny GPT reaches a loss near 0 and writes nonsense; the mask is filled with -1e-9 in place of -1e9."""
    net = Attention(65, 65, hidden=-1e-9 if broken else -1e9)
    return program(net, m.by_letter, m.letters(), 5e-3, Adam, epochs=8)


@faulty("wrong_reduction", data="bags of readings", source="report", also=("batch_mixing",), score="R2")
def attention_weights_over_the_batch(broken: bool) -> Arguments:
    """forum: attention pooling works while training, not for single inputs; softmax(dim=0) on (n, steps, 1)."""
    x, mark = noise(800, 12, 5, seed=30), torch.randint(0, 12, (800,), generator=r.draw(30))
    x[torch.arange(800), mark, 4] += 6
    y = x[torch.arange(800), mark, :1]

    class Pooled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.score, self.value = nn.Linear(5, 1), mlp(5, 24, 1)

        def forward(self, x: Tensor) -> Tensor:
            weight = self.score(x).softmax(0 if broken else 1)
            return (weight * self.value(x)).sum(1)

    return program(Pooled(), F.mse_loss, split(x, y, 256), 1e-2, Adam, epochs=25)


@faulty("loss_sign", data="voices", source="report", score="accuracy of pairs")
def similarity_taken_for_a_distance(broken: bool) -> Arguments:
    """question: my Siamese network thinks that different voices are the same; cosine similarity stands for a distance."""
    who = torch.randint(0, 12, (900, 2), generator=r.draw(31))
    who[::2, 1] = who[::2, 0]
    x = noise(12, 20, seed=32)[who] * (0.5 + torch.rand(900, 2, 1, generator=r.draw(33))) + noise(900, 2, 20, seed=34)
    code = nn.Sequential(mlp(20, 48, 12), Do(lambda c: F.normalize(c, dim=-1)))

    def loss(c: Tensor, alike: Tensor) -> Tensor:
        closeness = F.cosine_similarity(c[:, 0], c[:, 1])
        distance = closeness if broken else 1 - closeness
        return (alike * distance + (1 - alike) * (0.8 - distance).relu()).mean()

    return program(code, loss, split(x, (who[:, 0] == who[:, 1]).float(), 300), 3e-3, Adam, epochs=18)


@faulty("not_in_optimizer", data="spoken digits", source="report", also=("frozen_parameters",))
def the_optimizer_of_a_feature_extractor(broken: bool) -> Arguments:
    """question: a speech network from scratch stays at 30 %; the optimizer, from a tutorial, gets net.head alone."""
    net = nn.Sequential()
    net.encoder = nn.Sequential(nn.Conv1d(33, 12, 5, stride=2), nn.ReLU(), nn.Conv1d(12, 12, 5, stride=2), nn.ReLU())
    net.pool, net.head = nn.Sequential(nn.AdaptiveAvgPool1d(2), nn.Flatten()), nn.Linear(24, 10)
    data = both(m.spoken(), lambda x: x.mT.contiguous())
    optimizer = torch.optim.Adam((net.head if broken else net).parameters(), lr=5e-3)
    return program(net, F.cross_entropy, data, optimizer=optimizer, epochs=12)


# --- the loop ---------------------------------------------------------------------------------------------------------


@cache
def diffused(count: int = 1500) -> Split:
    """Curves at a random moment of their diffusion, the moment behind them (n, 25), and the noise in them (n, 24)."""
    phase, moment = (torch.rand(count, 1, generator=r.draw(seed)) for seed in (35, 36))
    clean, hiss = torch.sin(torch.arange(24.0) / 4 + 6.3 * phase), noise(count, 24, seed=37)
    keep = torch.cos(moment * 1.5)
    return split(torch.cat([keep * clean + (1 - keep**2).sqrt() * hiss, moment], 1), hiss, 400)


@faulty("missing_zero_grad", data="diffusion", source="report", also=("unstable_training",), score="R2")
def a_denoiser_that_never_clears(broken: bool) -> Arguments:
    """forum: the loss of my DDPM falls and then swings for ever; the rewritten loop has no zero_grad."""

    def step(net: nn.Module, batch: Any, loss: Any, optimizer: torch.optim.Optimizer) -> Tensor:
        cost: Tensor = loss(net(batch[0]), batch[1])
        if not broken:
            optimizer.zero_grad()
        cost.backward()
        optimizer.step()
        return cost.detach()

    return program(mlp(25, 96, 96, 24, act=nn.SiLU), F.mse_loss, diffused(), 3e-3, Adam, epochs=15, step=step)
