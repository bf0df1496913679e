"""Programs after public reports, written by somebody who had read nothing of the doctor: with the details they came with."""

from __future__ import annotations

import math
from functools import cache, partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from . import materials as m
from .materials import SGD, Adam, both, program, split, standard
from .registry import Arguments, faulty

# --- data -------------------------------------------------------------------------------------------------------------


@cache
def squares(count: int = 900) -> m.Split:
    """(n, 1, 24, 24): a bright square on noise; where its middle is, x and y in -1 … 1."""
    rng = np.random.default_rng(11)
    images = rng.uniform(0, 0.3, (count, 1, 24, 24))
    corners = rng.integers(0, 19, (count, 2))
    for image, (x, y) in zip(images, corners, strict=True):
        image[0, y : y + 5, x : x + 5] += 0.7
    return split(images, corners / 9 - 1, 200)


@cache
def repeats(count: int = 2400, steps: int = 8, tokens: int = 30) -> m.Split:
    """(n, steps) of tokens; of each, whether it stands a second time in its row."""
    rng = np.random.default_rng(12)
    x = rng.integers(0, tokens, (count, steps))
    source, copy = rng.integers(0, steps, (2, count, 2))
    for k in range(2):
        x[np.arange(count), copy[:, k]] = x[np.arange(count), source[:, k]]
    y = (x[:, :, None] == x[:, None, :]).sum(2) > 1
    return split(x, y.astype(int), 400)


@cache
def payments(count: int = 3000) -> m.Split:
    """(n, 8) of which 4 % are fraud, not far from the others."""
    rng = np.random.default_rng(13)
    y = (rng.random(count) < 0.04).astype(int)
    x = rng.standard_normal((count, 8))
    x[:, :3] += 1.1 * y[:, None]
    return split(x, y, 1000)


@cache
def homes(count: int = 1000) -> m.Split:
    """(n, 6): area of the lot, year built, living area, bedrooms, quality 1 to 10, distance in metres; the price, standardised."""
    rng = np.random.default_rng(14)
    lot, year, living = rng.lognormal(9.1, 0.4, count), rng.integers(1900, 2011, count), rng.normal(1500, 450, count)
    rooms, quality, far = rng.integers(1, 6, count), rng.integers(1, 11, count), rng.uniform(50, 9000, count)
    price = 0.5 * np.log(lot) + 0.012 * (year - 1950) + living / 1200 + 0.35 * quality - 0.6 * np.sqrt(far / 9000)
    price += 0.15 * rng.standard_normal(count)
    price = (price - price.mean()) / price.std()
    return split(np.stack([lot, year, living, rooms, quality, far], 1), price[:, None], 250)


@cache
def pairs(count: int = 1200) -> m.Split:
    """(n, 2, 64): two digits; 1 where they are the same digit."""
    (x, y), (vx, vy) = m.digits()

    def paired(x: Tensor, y: Tensor, count: int, seed: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng(seed)
        left = torch.from_numpy(rng.integers(0, len(x), count))
        same = torch.from_numpy(rng.random(count) < 0.5)
        right = torch.tensor(
            [
                int(rng.choice(np.flatnonzero(((y == y[i]) == s).numpy())))
                for i, s in zip(left.tolist(), same, strict=True)
            ]
        )
        return torch.stack([x[left], x[right]], 1), (y[left] == y[right]).float()

    return paired(x, y, count, 0), paired(vx, vy, 300, 1)


# --- nets -------------------------------------------------------------------------------------------------------------


class Heads(nn.Module):
    """Self-attention by hand, as in tutorials."""

    def __init__(self, width: int, heads: int, *, merged: bool = True, axis: int = -1, causal: bool = False) -> None:
        super().__init__()
        self.heads, self.merged, self.axis, self.causal = heads, merged, axis, causal
        self.qkv_proj, self.o_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        count, steps, width = x.shape
        qkv = self.qkv_proj(x).reshape(count, steps, self.heads, -1).permute(0, 2, 1, 3)
        q, k, v = qkv.chunk(3, dim=-1)
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
        if self.causal:
            scores = scores.masked_fill(torch.ones(steps, steps).triu(1).bool(), -1e9)
        values = scores.softmax(self.axis) @ v
        if self.merged:
            values = values.permute(0, 2, 1, 3)
        return self.o_proj(values.reshape(count, steps, width))


class Tagger(nn.Module):
    def __init__(self, tokens: int, steps: int, classes: int, width: int = 32, **how: Any) -> None:
        super().__init__()
        self.embed, self.place = nn.Embedding(tokens, width), nn.Embedding(steps, width)
        self.attention, self.norm = Heads(width, 4, **how), nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 64), nn.GELU(), nn.Linear(64, width))
        self.head = nn.Linear(width, classes)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens) + self.place(torch.arange(tokens.shape[1]))
        x = x + self.attention(self.norm(x))
        return self.head(x + self.mlp(x))


def by_token(prediction: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(prediction.flatten(0, 1), target.flatten())


# --- attention and texts ----------------------------------------------------------------------------------------------


@faulty("scrambled_layout", data="own", source="report", where=("attention", "attention.o_proj"))
def heads_put_together_without_permute(broken: bool) -> Arguments:
    """issue: Multi-head attention whose heads are reshaped together with no permute before: it trains, and stays mediocre."""
    net = Tagger(30, 8, 2, merged=not broken)
    return program(net, by_token, repeats(), 3e-3, Adam, batch_size=64, epochs=12)


@faulty("causal_leak", data="letters", source="report", also=("wrong_reduction",), where=("attention", "net"))
def attention_softmax_over_the_queries(broken: bool) -> Arguments:
    """issue: softmax(dim=-2) in a small GPT: incredibly low losses in training and in validation, and nonsense generated."""
    net = Tagger(65, 24, 65, width=48, axis=-2 if broken else -1, causal=True)
    return program(net, by_token, m.letters(), 3e-3, Adam, batch_size=32, epochs=10)


@faulty("target_in_input", data="letters", source="report", also=("inputs_targets_misaligned", "causal_leak"))
def the_shift_by_one_was_forgotten(broken: bool) -> Arguments:
    """issue: A language model whose targets are its inputs: loss 0.00 after an epoch, and it repeats what it is told."""
    data = both(m.letters(), targets=lambda y: y)
    if broken:
        data = ((data[0][0], data[0][0]), (data[1][0], data[1][0]))
    net = m.Recurrent(nn.GRU(32, 64, batch_first=True), 65, tokens=65, every=True)
    return program(net, by_token, data, 5e-3, Adam, batch_size=32, epochs=6)


class Reviews(nn.Module):
    """A classifier of sentences over word vectors that were made elsewhere, of few dimensions."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, 3, padding_idx=0)
        self.classifier = nn.Sequential(nn.Dropout(0.1), nn.Linear(3, 2))

    def forward(self, ids: Tensor) -> Tensor:
        return self.classifier(self.embedding(ids).mean(1))


@faulty("not_in_optimizer", data="own", source="report", also=("frozen_parameters",), where="embedding")
def vocabulary_resized_after_the_optimizer(broken: bool) -> Arguments:
    """issue: New tokens were added, the embedding made larger, after its old parameters had been handed to Adam."""
    rng = np.random.default_rng(15)
    ids = rng.integers(4, 120, (1600, 14))
    score = rng.standard_normal(120)[ids].mean(1)
    net = Reviews(100)
    optimizer = Adam(net.parameters(), lr=0.02)
    net.embedding = nn.Embedding(120, 3, padding_idx=0)
    if not broken:
        optimizer = Adam(net.parameters(), lr=0.02)
    data = split(ids, (score > 0).astype(int), 400)
    return program(net, nn.CrossEntropyLoss(), data, optimizer=optimizer, batch_size=32, epochs=15)


# --- steps ------------------------------------------------------------------------------------------------------------


@faulty("no_update", data="digits", source="report", also=("learning_rate_too_low",))
def warm_up_that_never_counts(broken: bool) -> Arguments:
    """issue: With a micro batch of the whole batch the counter of steps never moved, and the warm-up stayed at a rate of 0."""
    accumulate, warm, rate = 1, 20, 0.05
    net = m.mlp(64, 48, 10)
    seen = {"steps": 0}

    def step(net: nn.Module, batch: Any, loss: Any, optimizer: torch.optim.Optimizer) -> Tensor:
        accumulating = (seen["steps"] + 1) % accumulate == 0 if broken else False
        if seen["steps"] <= warm:
            for group in optimizer.param_groups:
                group["lr"] = rate * seen["steps"] / warm
        x, y = batch
        cost: Tensor = loss(net(x), y)
        cost.backward()
        optimizer.step()
        optimizer.zero_grad()
        if not accumulating:
            seen["steps"] += 1
        return cost

    return program(
        net, nn.CrossEntropyLoss(), m.digits(), rate, by=partial(SGD, momentum=0.9), batch_size=64, epochs=8, step=step
    )


@faulty("learning_rate_too_low", data="digits", source="report", also=("undertrained",))
def decay_of_an_epoch_at_every_batch(broken: bool) -> Arguments:
    """forum: scheduler.step() stood in the inner loop: what was meant for an epoch was taken at every batch, and the loss froze."""
    every = 1 if broken else len(m.digits()[0][0]) // 32

    def step(net: nn.Module, batch: Any, loss: Any, optimizer: torch.optim.Optimizer) -> Tensor:
        x, y = batch
        optimizer.zero_grad()
        cost: Tensor = loss(net(x), y)
        cost.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()
        for group in optimizer.param_groups:
            group["seen"] = group.get("seen", 0) + 1
            if group["seen"] % every == 0:
                group["lr"] *= 0.8
        return cost

    net = nn.Sequential(nn.Unflatten(1, (1, 8, 8)), *m.cnn(1, 8, 10))
    return program(
        net, nn.CrossEntropyLoss(), m.digits(), 0.1, by=partial(SGD, momentum=0.9), batch_size=32, epochs=10, step=step
    )


class Twins(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.tower = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 16))

    def forward(self, both: Tensor) -> Tensor:
        return torch.stack([self.tower(both[:, 0]), self.tower(both[:, 1])], 1)


@faulty("loss_sign", data="digits", source="report", score="accuracy of pairs", also=("wrong_loss_for_task",))
def contrastive_loss_of_the_other_convention(broken: bool) -> Arguments:
    """issue: The data say 1 for the same, the loss of the paper takes 1 for different: alike ones are driven apart."""

    def contrastive(codes: Tensor, label: Tensor) -> Tensor:
        distance = F.pairwise_distance(codes[:, 0], codes[:, 1])
        different = label if broken else 1 - label
        return ((1 - different) * distance**2 + different * F.relu(2.0 - distance) ** 2).mean() / 2

    def metric(codes: Tensor, label: Tensor) -> Tensor:
        near = F.pairwise_distance(codes[:, 0], codes[:, 1]) < 1.0
        return (near == (label > 0.5)).float().mean()

    return program(Twins(), contrastive, pairs(), 2e-3, Adam, batch_size=64, epochs=12, metric=metric)


# --- pictures ---------------------------------------------------------------------------------------------------------


@faulty("learning_rate_too_high", data="own", source="report", score="R2", also=("dead_units",))
def the_box_is_always_in_the_middle(broken: bool) -> Arguments:
    """question: Adam at 0.03 with three ReLU convolutions: where the square is, is answered by the mean of all places."""
    net = nn.Sequential(
        nn.Conv2d(1, 16, 5, 2), nn.ReLU(), nn.Conv2d(16, 32, 3, 2), nn.ReLU(), nn.Conv2d(32, 32, 3), nn.ReLU(),
        nn.Flatten(), nn.Linear(32 * 2 * 2, 128), nn.ReLU(), nn.Linear(128, 2),
    )  # fmt: skip
    return program(net, nn.MSELoss(), squares(), 0.03 if broken else 1e-3, Adam, batch_size=64, epochs=25)


class OnFeatures(nn.Module):
    """A backbone and a head, from a project that had features of a published net."""

    def __init__(self, *, frozen: bool) -> None:
        super().__init__()
        self.frozen = frozen
        self.backbone = nn.Sequential(
            nn.Conv2d(3, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 32, 3, 2, 1), nn.BatchNorm2d(32), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        )  # fmt: skip
        self.fc = nn.Linear(32, 4)

    def forward(self, image: Tensor) -> Tensor:
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            features = self.backbone(image)
        return self.fc(features)


@faulty(
    "frozen_parameters", data="cifar10", source="report", also=("unused_parameters",), where=("backbone", "backbone.0")
)
def features_under_no_grad_that_nobody_trained(broken: bool) -> Arguments:
    """issue: The backbone's weights could not be downloaded, it stayed as it was drawn, still without gradients."""
    return program(OnFeatures(frozen=broken), nn.CrossEntropyLoss(), m.cifar(), 3e-3, Adam, batch_size=32, epochs=8)


@faulty("unreachable_targets", data="cifar10", source="report", score="R2", where=("decoder", "decoder.4", "decoder.5"))
def sigmoid_decoder_of_normalised_pictures(broken: bool) -> Arguments:
    """question: Normalize(0.5, 0.5) makes pixels of -1 … 1, the decoder ends in a sigmoid: grey noise."""
    data = m.own(m.first(both(m.cifar(), inputs=lambda x: x * 2 - 1), 500, 150))

    class AutoEncoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.Sequential(nn.Conv2d(3, 16, 4, 2, 1), nn.ReLU(), nn.Conv2d(16, 24, 4, 2, 1), nn.ReLU())
            self.decoder = nn.Sequential(
                nn.ConvTranspose2d(24, 16, 4, 2, 1), nn.BatchNorm2d(16), nn.ReLU(),
                nn.ConvTranspose2d(16, 3, 4, 2, 1), nn.Sigmoid() if broken else nn.Tanh(),
            )  # fmt: skip

        def forward(self, image: Tensor) -> Tensor:
            out: Tensor = self.decoder(self.encoder(image))
            return out

    return program(AutoEncoder(), nn.MSELoss(), data, 3e-3, Adam, batch_size=32, epochs=6)


class Layers(nn.Module):
    def __init__(self, sizes: list[int], *, all_of_them: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(a, b) for a, b in pairwise(sizes)])
        self.all_of_them = all_of_them

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        for i, layer in enumerate(self.layers):
            x = layer(x)
            if self.all_of_them or i < len(self.layers) - 1:
                x = F.relu(x)
        return x


@faulty("activated_logits", data="digits", source="report", also=("dead_units",), where=("layers.2", "net"))
def a_loop_of_layers_and_relu(broken: bool) -> Arguments:
    """forum: for layer in self.layers: x = relu(layer(x)), the last one too: some digits are never answered."""
    net = Layers([64, 48, 32, 10], all_of_them=broken)
    return program(net, nn.CrossEntropyLoss(), m.digits(), 0.1, batch_size=32, epochs=12)


@faulty("batchnorm_stale", data="mnist", source="report", where=("1", "4", "7"))
def the_momentum_of_another_framework(broken: bool) -> Arguments:
    """forum: A port of a net with momentum=0.999: far better in train() than in eval(), and leaving eval() out 'fixes' it."""
    momentum = 1 - 0.999 if broken else 0.1
    net = nn.Sequential(
        nn.Conv2d(1, 12, 3, 2, 1), nn.BatchNorm2d(12, momentum=momentum), nn.ReLU(),
        nn.Conv2d(12, 16, 3, 2, 1), nn.BatchNorm2d(16, momentum=momentum), nn.ReLU(),
        nn.Conv2d(16, 24, 3, 1, 1), nn.BatchNorm2d(24, momentum=momentum), nn.ReLU(),
        nn.Flatten(), nn.Linear(24 * 49, 10),
    )  # fmt: skip
    return program(net, nn.CrossEntropyLoss(), m.mnist(), 0.02, partial(SGD, momentum=0.9), batch_size=64, epochs=5)


@faulty("split_shift", data="mnist", source="report", also=("unscaled_input", "scaled_twice"))
def only_the_training_transform_normalises(broken: bool) -> Arguments:
    """forum: transform_train has Normalize, transform_test was copied before that: far better in training than in the test."""
    (x, y), (vx, vy) = m.mnist()
    x = (x - 0.1307) / 0.3081
    vx = 255 * vx if broken else (vx - 0.1307) / 0.3081
    net = nn.Sequential(
        nn.Conv2d(1, 8, 5, 2), nn.Tanh(), nn.Conv2d(8, 16, 5, 2), nn.Tanh(), nn.Flatten(), nn.Linear(256, 10)
    )
    loaders = [DataLoader(TensorDataset(*pair), 50, shuffle=i == 0) for i, pair in enumerate([(x, y), (vx, vy)])]
    return program(net, nn.CrossEntropyLoss(), tuple(loaders), 2e-3, Adam, epochs=5)


@faulty("not_shuffled", data="spoken digits", source="report")
def folders_read_one_after_another(broken: bool) -> Arguments:
    """question: Recordings are listed folder by folder, a folder a word, and the loader has no shuffle: it answers the last word."""
    (x, y), validation = m.spoken()
    order = y.argsort(stable=True)
    loader = DataLoader(TensorDataset(x[order], y[order]), 32, shuffle=not broken)
    net = nn.Sequential(
        m.Do(lambda t: t.transpose(1, 2)), nn.Conv1d(33, 32, 5, 2), nn.ReLU(), nn.Conv1d(32, 32, 5, 2), nn.ReLU(),
        nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(32, 10),
    )  # fmt: skip
    return program(net, nn.CrossEntropyLoss(), (loader, validation), 0.03, by=partial(SGD, momentum=0.9), epochs=10)


# --- sequences --------------------------------------------------------------------------------------------------------


class Waves(nn.Module):
    def __init__(self, *, batch_first: bool) -> None:
        super().__init__()
        self.lstm = nn.LSTM(1, 32, num_layers=2, batch_first=batch_first)
        self.fc = nn.Linear(32, 3)

    def forward(self, x: Tensor) -> Tensor:
        out, _ = self.lstm(x)
        return self.fc(out[:, -1, :])


@faulty("batch_mixing", data="own", source="report", where=("lstm", "net"))
def lstm_over_the_batch(broken: bool) -> Arguments:
    """forum: nn.LSTM without batch_first got (batch, steps, features): no error, and a loss that never leaves 1.1."""
    net = Waves(batch_first=not broken)
    return program(net, nn.CrossEntropyLoss(), m.waves(), 0.01, Adam, batch_size=20, epochs=15)


class Forecaster(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gru, self.out = nn.GRU(1, 24, batch_first=True), nn.Linear(24, 1)

    def forward(self, window: Tensor) -> Tensor:
        return self.out(self.gru(window.unsqueeze(-1))[1][-1])


@faulty("broadcast_loss", data="own", source="report", score="R2")
def squeezed_forecasts_of_a_gru(broken: bool) -> Arguments:
    """forum: SmoothL1Loss(pred.squeeze(), y) where y is a column: a warning nobody reads, and forecasts near the mean."""
    data = both(standard(m.series(), targets=True), targets=lambda y: y.reshape(-1, 1))
    cost = nn.SmoothL1Loss()

    def criterion(prediction: Tensor, target: Tensor) -> Tensor:
        return cost(prediction.squeeze(), target if broken else target.squeeze())

    return program(Forecaster(), criterion, data, 0.01, Adam, batch_size=32, epochs=10)


# --- tables -----------------------------------------------------------------------------------------------------------


@faulty("class_imbalance", data="own", source="report", score="balanced accuracy")
def fraud_is_never_found(broken: bool) -> Arguments:
    """question: 96 % accuracy from the first epoch on, and not one fraud among the answers."""
    weight = None if broken else torch.tensor([1.0, 24.0])
    net = nn.Sequential(nn.Linear(8, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 2))
    return program(
        net, nn.CrossEntropyLoss(weight), payments(), 1e-3, partial(Adam, weight_decay=1e-4), batch_size=128, epochs=8
    )


class Dense(nn.Module):
    """A layer by hand, its weights drawn by torch.rand."""

    def __init__(self, inputs: int, outputs: int, *, raw: bool) -> None:
        super().__init__()
        drawn = torch.rand(inputs, outputs)
        self.w = nn.Parameter(drawn if raw else (2 * drawn - 1) / math.sqrt(inputs / 3))
        self.b = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.w + self.b


@faulty("bad_init_scale", data="digits", source="report", also=("learning_rate_too_high", "saturated_units"))
def parameters_of_torch_rand(broken: bool) -> Arguments:
    """question: nn.Parameter(torch.rand(n, m)) in layers by hand, with tanh between: the loss starts at 20 and learns slowly."""
    net = nn.Sequential(
        Dense(64, 100, raw=broken), nn.Tanh(), Dense(100, 100, raw=broken), nn.Tanh(), Dense(100, 10, raw=broken)
    )
    return program(net, nn.CrossEntropyLoss(), m.digits(), 0.05, batch_size=50, epochs=12)


@faulty("wrong_metric", data="breast cancer", source="report", score="metric", where=("metric",))
def rounded_logits_against_labels(broken: bool) -> Arguments:
    """question: BCEWithLogitsLoss falls to 0.05, yet (torch.round(out) == y) says that 30 % are right."""

    def accuracy(out: Tensor, y: Tensor) -> float:
        answer = torch.round(out) if broken else (out > 0).float()
        return float((answer == y).float().mean())

    data = both(standard(m.table("breast_cancer")), targets=lambda y: y.float().unsqueeze(1))
    net = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 1))
    return program(net, nn.BCEWithLogitsLoss(), data, 0.01, Adam, batch_size=32, epochs=15, metric=accuracy)


@faulty("over_regularised", data="digits", source="report", also=())
def decay_of_adamw_given_to_adam(broken: bool) -> Arguments:
    """forum: The paper's weight decay of 0.3 was for AdamW; in Adam it is a penalty, and all rows get the same answer."""
    by = Adam if broken else torch.optim.AdamW
    net = m.mlp(64, 128, 64, 10, act=nn.ELU)
    return program(
        net, nn.CrossEntropyLoss(), m.digits(), 1e-3, partial(by, weight_decay=0.3), batch_size=64, epochs=15
    )


@faulty("excess_dropout", data="mnist", source="report", where=("2", "5"))
def keep_prob_taken_for_the_rate(broken: bool) -> Arguments:
    """question: keep_prob=0.9 of an older tutorial became nn.Dropout(0.9), twice."""
    rate = 0.9 if broken else 0.1
    net = nn.Sequential(
        nn.Linear(784, 100), nn.LeakyReLU(), nn.Dropout(rate), nn.Linear(100, 50), nn.LeakyReLU(), nn.Dropout(rate), nn.Linear(50, 10)
    )  # fmt: skip
    data = both(m.mnist(), inputs=lambda x: x.flatten(1))
    return program(net, nn.CrossEntropyLoss(), data, 0.05, by=partial(SGD, momentum=0.9), batch_size=50, epochs=8)


@faulty("unscaled_input", data="own", source="report", score="R2", where=("inputs", "train inputs", "column 0"))
def prices_of_homes_as_the_table_has_them(broken: bool) -> Arguments:
    """question: Areas of ten thousands beside years and numbers of rooms, only the price is scaled; RMSprop."""
    data = homes() if broken else standard(homes())
    net = m.mlp(6, 64, 32, 1)
    return program(net, nn.L1Loss(), data, 1e-3, torch.optim.RMSprop, batch_size=16, epochs=10)
