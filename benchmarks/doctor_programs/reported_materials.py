"""Data and nets of the unseen programs: drawn pictures with masks and centres, tables of mixed scales, ratings, tags; a
U-Net, a ResNet, a tagger, a matrix factorisation. Data come as in `materials`."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

from . import materials as m
from .materials import Pair, Split, both, split

Step = Callable[..., Tensor]
SIDE = 20


def draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# --- pictures ---------------------------------------------------------------------------------------------------------


@cache
def _discs(count: int, radius: float) -> tuple[Tensor, Tensor, Tensor]:
    """Noisy pictures (n, 1, SIDE, SIDE) of a bright disc, its mask and its centre (n, 2), row and column, in pixels."""
    centre = 4 + (SIDE - 8) * torch.rand(count, 2, generator=draw())
    size = radius * (0.7 + 0.6 * torch.rand(count, 1, 1, generator=draw(1)))
    place = torch.arange(float(SIDE))
    row, column = ((place - centre[:, [axis]]) ** 2 for axis in (0, 1))
    mask = (row[:, :, None] + column[:, None, :] < size**2).float()[:, None]
    noise = torch.randn(mask.shape, generator=draw(2))
    return 0.6 * mask + 0.25 * noise, mask, centre


def masks(radius: float = 4.0, count: int = 400) -> Split:
    """Pictures and masks, both (n, 1, SIDE, SIDE)."""
    x, mask, _ = _discs(count, radius)
    return (x[:-120], mask[:-120]), (x[-120:], mask[-120:])


def centres(count: int = 520) -> Split:
    """Pictures and where the disc is, in -1 … 1."""
    x, _, centre = _discs(count, 3.0)
    y = 2 * centre / SIDE - 1
    return (x[:-120], y[:-120]), (x[-120:], y[-120:])


def overlap(threshold: float = 0.0) -> Callable[[Tensor, Tensor], float]:
    """Intersection over union of what lies above the threshold and the mask."""

    def iou(prediction: Tensor, target: Tensor) -> float:
        inside, mask = prediction > threshold, target > 0.5
        return float((inside & mask).sum() / (inside | mask).sum())

    return iou


@cache
def pointers(count: int = 900) -> Split:
    """Pictures (n, 1, 12, 12) of an arrow that points to the right, upwards, to the left, downwards: which, of four."""
    y = torch.randint(0, 4, (count,), generator=draw())
    x = 0.2 * torch.randn(count, 1, 12, 12, generator=draw(1))
    arrow = torch.zeros(5, 5)
    arrow[2, :], arrow[1:4, 3] = 1.0, 1.0
    place = torch.randint(0, 8, (count, 2), generator=draw(2)).tolist()
    for i, (row, column) in enumerate(place):
        x[i, 0, row : row + 5, column : column + 5] += arrow.rot90(int(y[i]))
    return (x[:-300], y[:-300]), (x[-300:], y[-300:])


# --- tables, ratings, tags --------------------------------------------------------------------------------------------


@cache
def customers(share: float = 0.4, count: int = 900) -> Split:
    """(n, 5): age, years, balance, products, salary, in years and euros; who leaves (0 or 1), a share of them all."""
    rng = np.random.default_rng(0)
    age, years = rng.uniform(18, 80, count), rng.integers(0, 11, count)
    balance, salary = rng.uniform(0, 220_000, count), rng.uniform(12_000, 190_000, count)
    products = rng.integers(1, 5, count)
    risk = ((age - 45) / 15) ** 2 - products + balance / 90_000 + 0.3 * rng.standard_normal(count)
    leaves = (risk > np.quantile(risk, 1 - share)).astype(int)
    return split(np.stack([age, years, balance, products, salary], 1), leaves, count // 3)


@cache
def ratings(count: int = 3000, rank: int = 4) -> Split:
    """Numbers of a user of 60 and of a film of 50 (n, 2), and the rating (n, 1), of mean 0 and deviation about 1."""
    rng = np.random.default_rng(0)
    users, films = rng.standard_normal((60, rank)) / rank**0.5, rng.standard_normal((50, rank))
    pairs = np.stack([rng.integers(0, 60, count), rng.integers(0, 50, count)], 1)
    rating = (users[pairs[:, 0]] * films[pairs[:, 1]]).sum(1) + 0.3 * rng.standard_normal(count)
    return split(pairs, rating[:, None], count // 4)


@cache
def tags(steps: int = 14, count: int = 700) -> Split:
    """Tokens (n, steps) of 12, and a tag of 4 for each, decided by the token and the one before it."""
    x = torch.randint(1, 12, (count, steps), generator=draw())
    before = torch.cat([x[:, :1], x[:, :-1]], 1)
    y = (x % 2) * 2 + (before > 5).long()
    return (x[:-200], y[:-200]), (x[-200:], y[-200:])


def column(data: Split) -> Split:
    return both(data, targets=lambda y: y.float().reshape(-1, 1))


# --- data sets as people write them -----------------------------------------------------------------------------------


class Changed(Dataset[Any]):
    """Samples of a pair, each changed anew when it is read."""

    def __init__(self, pair: Pair, change: Callable[[Tensor, Tensor], Any]) -> None:
        self.pair, self.change = pair, change

    def __len__(self) -> int:
        return len(self.pair[0])

    def __getitem__(self, i: int) -> Any:
        return self.change(self.pair[0][i], self.pair[1][i])


def pretrained(net: nn.Module, data: Pair, steps: int = 150) -> nn.Module:
    """The net after some steps of Adam on the whole of other data."""
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(net(data[0]), data[1]).backward()
        optimizer.step()
    return net


def counted(step: Callable[..., Tensor]) -> Step:
    """A step that is told, first, how many went before."""
    count = itertools.count()
    return lambda *arguments: step(next(count), *arguments)


# --- nets -------------------------------------------------------------------------------------------------------------


class UNet(nn.Module):
    """(n, 1, side, side) → (n, outputs, side, side), one level down and up again."""

    def __init__(self, outputs: int = 1, width: int = 8, last: nn.Module | None = None) -> None:
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(1, width, 3, padding=1), nn.ReLU())
        self.deep = nn.Sequential(
            nn.MaxPool2d(2),
            nn.Conv2d(width, 2 * width, 3, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(2 * width, width, 2, 2),
        )
        self.head, self.last = nn.Conv2d(2 * width, outputs, 3, padding=1), last or nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        fine = self.down(x)
        out: Tensor = self.last(self.head(torch.cat([fine, self.deep(fine)], 1)))
        return out


class Residual(nn.Module):
    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after)
        self.conv2, self.norm2 = nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after)
        self.short = nn.Conv2d(before, after, 1, stride, bias=False) if stride > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm2(self.conv2(self.norm1(self.conv1(x)).relu()))
        out: Tensor = (h + self.short(x)).relu()
        return out


def resnet(channels: int, classes: int, width: int = 12) -> nn.Sequential:
    """Two residual blocks of stride 2 behind a first convolution."""
    stem = (nn.Conv2d(channels, width, 3, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
    blocks = (Residual(width, 2 * width, 2), Residual(2 * width, 4 * width, 2))
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, classes))


class Factors(nn.Module):
    """(n, 2) numbers of user and film → rating (n, 1): the product of their vectors, and a bias of each."""

    def __init__(self, width: int, deviation: float = 0.1) -> None:
        super().__init__()
        self.user, self.film = nn.Embedding(60, width), nn.Embedding(50, width)
        self.bias = nn.Embedding(50, 1)
        for table in (self.user, self.film, self.bias):
            nn.init.normal_(table.weight, std=deviation)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = (self.user(x[:, 0]) * self.film(x[:, 1])).sum(1, keepdim=True) + self.bias(x[:, 1])
        return out


def tagger(classes: int = 4, width: int = 24) -> m.Recurrent:
    return m.Recurrent(nn.GRU(12, width, batch_first=True), classes, tokens=12, every=True)
