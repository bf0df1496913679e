"""Small data, plain nets and the one helper of which the programs are made.

Data come as (train, validation), each (inputs, targets). Real where a person would have real data; read once.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import wave
import zipfile
from collections import Counter
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from PIL import Image
from sklearn import datasets
from torch import Tensor, nn

from benchmarks.common import data_folder

from .registry import Arguments

Pair = tuple[Tensor, Tensor]
Split = tuple[Pair, Pair]
SGD, Adam = torch.optim.SGD, torch.optim.Adam


def program(
    net: nn.Module, loss: Callable[..., Tensor], data: Any, rate: float = 0.1, by: Any = SGD, **more: Any
) -> Arguments:
    """The arguments; `optimizer` in `more` replaces the one made of `by` and `rate`."""
    optimizer = more.pop("optimizer", None) or by(net.parameters(), lr=rate)
    return {"net": net, "loss": loss, "optimizer": optimizer, "train": data[0], "validation": data[1], **more}


def both(data: Split, inputs: Callable[..., Any] = lambda x: x, targets: Callable[..., Any] = lambda y: y) -> Split:
    """The same change of training and validation."""
    (x, y), (u, v) = data
    return (inputs(x), targets(y)), (inputs(u), targets(v))


def standard(data: Split, *, targets: bool = False) -> Split:
    """Inputs (and real targets) scaled by the training samples' mean and deviation, column by column."""
    (x, y), _ = data
    mean, spread = x.mean(0), x.std(0).clamp_min(1e-6)
    low, wide = (y.mean(0), y.std(0)) if targets else (0, 1)
    return both(data, lambda x: (x - mean) / spread, (lambda y: (y - low) / wide) if targets else lambda y: y)


def split(x: Any, y: Any, validation: int, seed: int = 0) -> Split:
    """In random order, the last `validation` apart."""
    order = np.random.default_rng(seed).permutation(len(x))
    x, y = torch.as_tensor(np.asarray(x)[order]), torch.as_tensor(np.asarray(y)[order])
    x = x if x.dtype == torch.int64 else x.float()
    y = y if y.dtype == torch.int64 else y.float()
    return (x[:-validation], y[:-validation]), (x[-validation:], y[-validation:])


def first(data: Split, count: int, validation: int | None = None) -> Split:
    (x, y), (u, v) = data
    return (x[:count], y[:count]), (u[:validation], v[:validation])


def own(data: Split) -> Split:
    """Inputs as their own targets."""
    return tuple((x, x) for x, _ in data)  # type: ignore[return-value]


def one_hot(data: Split, classes: int) -> Split:
    return both(data, targets=lambda y: nn.functional.one_hot(y, classes).float())


# --- tables -----------------------------------------------------------------------------------------------------------


@cache
def table(name: str) -> Split:
    """A set of scikit-learn, as it comes."""
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    return split(x, y, len(x) // 3)


@cache
def friedman(count: int = 900) -> Split:
    """Ten uniform features, a smooth target of mean 14 and deviation 5."""
    return split(*datasets.make_friedman1(count, noise=0.5, random_state=0), 300)


@cache
def moons(noise: float = 0.15) -> Split:
    return split(*datasets.make_moons(900, noise=noise, random_state=0), 300)


@cache
def circles() -> Split:
    return split(*datasets.make_circles(900, noise=0.08, factor=0.4, random_state=0), 300)


# --- images -----------------------------------------------------------------------------------------------------------


@cache
def digits() -> Split:
    """1,397 + 400 of 64 grey values in 0 … 1."""
    x, y = datasets.load_digits(return_X_y=True)
    return split(x / 16, y, 400)


def digit_images() -> Split:
    return both(digits(), lambda x: x.view(-1, 1, 8, 8))


@cache
def mnist(count: int = 1500, validation: int = 800) -> Split:
    """(n, 1, 28, 28) in 0 … 1."""

    def read(name: str, shape: tuple[int, ...], skip: int) -> Tensor:
        with gzip.open(data_folder() / "mnist" / name) as file:
            file.read(skip)
            return torch.frombuffer(bytearray(file.read(int(np.prod(shape)))), dtype=torch.uint8).view(shape)

    def part(name: str, n: int) -> Pair:
        images = read(f"{name}-images-idx3-ubyte.gz", (n, 1, 28, 28), 16)
        return images.float() / 255, read(f"{name}-labels-idx1-ubyte.gz", (n,), 8).long()

    return part("train", count), part("t10k", validation)


def _pictures(archive: zipfile.ZipFile, names: list[str]) -> Tensor:
    """(n, 3, height, width) in 0 … 1."""
    arrays = [np.asarray(Image.open(io.BytesIO(archive.read(name)))) for name in names]
    return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).float() / 255


@cache
def cifar(classes: int = 4, each: int = 300) -> Split:
    """The first classes of CIFAR-10, a quarter for validation: (n, 3, 32, 32) in 0 … 1."""
    with zipfile.ZipFile(data_folder() / "cifar10" / "cifar10-jpg.zip") as archive:
        kinds = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"][:classes]
        x = _pictures(archive, [f"train/{kind}/{i:04}.jpg" for kind in kinds for i in range(each)])
    return split(x, np.repeat(np.arange(classes), each), classes * each // 4)


@cache
def signs(*, by_track: bool) -> Split:
    """Eight kinds of traffic signs, 20 × 20 grey; split by track, or by chance so that frames of one sign leak."""
    kinds = ["100_kmh", "120_kmh", "30_kmh", "50_kmh", "70_kmh", "80_kmh", "baustelle", "ueberholverbot"]
    with zipfile.ZipFile(data_folder() / "traffic-signs" / "gtsrb-jpg.zip") as archive:
        known = archive.namelist()
        tracks = [[f"train/{kind}/{t:05}_" for t in range(8)] for kind in kinds]
        names = [(n, k, t) for k, of in enumerate(tracks) for t, start in enumerate(of) for n in known if start in n]
        x = _pictures(archive, [name for name, _, _ in names]).mean(1)
    x = nn.functional.interpolate(x[:, None], 20).flatten(1)
    y, track = torch.tensor([k for _, k, _ in names]), torch.tensor([t for _, _, t in names])
    seen = track < 6
    return ((x[seen], y[seen]), (x[~seen], y[~seen])) if by_track else split(x, y, int((~seen).sum()))


# --- sequences, texts, sounds -----------------------------------------------------------------------------------------


@cache
def waves(count: int = 900, steps: int = 40) -> Split:
    """(n, steps, 1): noisy sines of three frequencies; the target is which."""
    draw = np.random.default_rng(0)
    y, phase, t = draw.integers(0, 3, count), draw.uniform(0, 6.3, (count, 1)), np.arange(steps)
    x = np.sin((0.3 + 0.15 * y[:, None]) * t + phase) + 0.3 * draw.standard_normal((count, steps))
    return split(x[..., None], y, count // 3)


@cache
def first_token(steps: int, count: int = 900) -> Split:
    """(n, steps) of 8 tokens; the target is the first."""
    x = np.random.default_rng(0).integers(0, 8, (count, steps))
    return split(x, x[:, 0], count // 3)


@cache
def series(window: int = 24, count: int = 900) -> Split:
    """Windows (n, window) of a series with two seasons, and the value that follows; validation comes later in time."""
    t, noise = np.arange(count + window), np.random.default_rng(0).standard_normal(count + window)
    values = torch.from_numpy(np.sin(t / 3) + 0.5 * np.sin(t / 11) + 0.2 * noise).float()
    x, y = values.unfold(0, window, 1)[:count], values[window:]
    cut = count * 2 // 3
    return (x[:cut], y[:cut, None]), (x[cut + window :], y[cut + window :, None])


@cache
def texts(name: str, count: int, words: int = 600, length: int = 20) -> Split:
    """Sentences as (n, length) numbers of the most frequent words, 0 where there is none; two kinds."""
    with (data_folder() / "text-classes" / f"{name}.csv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file))[1 : count + 1]
    tokens = [re.findall(r"[a-z']+|\d+|[!£]", text.lower())[:length] for text, _ in rows]
    frequent = Counter(word for row in tokens for word in row).most_common(words - 2)
    number = {word: i for i, (word, _) in enumerate(frequent, 2)}
    x = [[number.get(word, 1) for word in row] + [0] * (length - len(row)) for row in tokens]
    return split(x, [int(kind in ("spam", "positive")) for _, kind in rows], count // 4)


@cache
def letters(count: int = 800, length: int = 24) -> Split:
    """Pieces of Shakespeare (n, length) and the letter after each letter (n, length), of 65."""
    text = (data_folder() / "text" / "tiny-shakespeare.txt").read_text()[: count * length + 1]
    number = {letter: i for i, letter in enumerate(sorted(set(text)))}
    ids = torch.tensor([number[letter] for letter in text])
    x, y, cut = ids[:-1].view(count, length), ids[1:].view(count, length), count * 3 // 4
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])


@cache
def spoken() -> Split:
    """Spoken digits as (n, 40, 33): logarithms of the energy in 33 bands at 40 moments, standardised as a whole."""

    def sound(archive: zipfile.ZipFile, name: str) -> Tensor:
        with wave.open(io.BytesIO(archive.read(name))) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(np.float32) / 32768
        spectrum = torch.stft(torch.from_numpy(samples), 64, window=torch.hann_window(64), return_complex=True)
        return nn.functional.interpolate((spectrum.abs() + 1e-3).log()[None], 40)[0].T

    def part(archive: zipfile.ZipFile, indices: range) -> Pair:
        who = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
        names = [(d, f"recordings/{d}_{w}_{i}.wav") for d in range(10) for w in who for i in indices]
        return torch.stack([sound(archive, name) for _, name in names]), torch.tensor([d for d, _ in names])

    with zipfile.ZipFile(data_folder() / "spoken-digits" / "recordings.zip") as archive:
        data = part(archive, range(5, 17)), part(archive, range(5))
    mean, spread = data[0][0].mean(), data[0][0].std()
    return both(data, lambda x: (x - mean) / spread)


# --- nets -------------------------------------------------------------------------------------------------------------


class Do(nn.Module):
    """A function as a layer."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Any) -> Any:
        return self.function(x)


def mlp(*widths: int, act: Callable[[], nn.Module] = nn.ReLU, norm: Any = None, last: Any = ()) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in pairwise(widths[:-1]):
        layers += [nn.Linear(before, after), *([norm(after)] if norm else []), act()]
    return nn.Sequential(*layers, nn.Linear(*widths[-2:]), *last)


def cnn(channels: int, side: int, classes: int, width: int = 16, norm: Any = None, last: Any = ()) -> nn.Sequential:
    """Two convolutions of stride 2 and a linear layer."""
    norms = [[norm(width)] if norm else [], [norm(2 * width)] if norm else []]
    return nn.Sequential(
        *(nn.Conv2d(channels, width, 3, 2, 1), *norms[0], nn.ReLU()),
        *(nn.Conv2d(width, 2 * width, 3, 2, 1), *norms[1], nn.ReLU()),
        *(nn.Flatten(), nn.Linear(2 * width * ((side + 3) // 4) ** 2, classes), *last),
    )


class Recurrent(nn.Module):
    """Tokens or steps (n, steps, …) through a recurrent layer; the last state goes through a linear layer."""

    def __init__(self, core: nn.RNNBase, outputs: int, tokens: int | None = None, every: bool = False) -> None:
        super().__init__()
        self.embed = nn.Embedding(tokens, core.input_size) if tokens else nn.Identity()
        self.core, self.every = core, every
        self.head = nn.Linear(core.hidden_size * (1 + core.bidirectional), outputs)

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.core(self.embed(x))
        out: Tensor = self.head(states if self.every else states[:, -1])
        return out


class Averaged(nn.Module):
    """Tokens (n, length) → the mean of their vectors → a linear layer."""

    def __init__(self, tokens: int, outputs: int, width: int = 32) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(tokens, width), nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.embed(x).mean(1))
        return out


class Attentive(nn.Module):
    """Steps (n, steps, features) or tokens through transformer blocks; of every step, or of their mean."""

    def __init__(
        self, outputs: int, features: int = 0, tokens: int = 0, width: int = 32, depth: int = 1, **how: Any
    ) -> None:
        super().__init__()
        self.every, self.causal = how.pop("every", False), how.pop("causal", False)
        options = {"batch_first": True, "dropout": 0.0, **how}
        self.embed = nn.Embedding(tokens, width) if tokens else nn.Linear(features, width)
        self.place = nn.Parameter(0.1 * torch.randn(64, width))
        block = nn.TransformerEncoderLayer(width, 4, 2 * width, **options)
        self.blocks = nn.TransformerEncoder(block, depth, enable_nested_tensor=False)
        self.head = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        h = self.embed(x) + self.place[: x.shape[1]]
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1]) if self.causal else None
        h = self.blocks(h, mask=mask)
        out: Tensor = self.head(h if self.every else h.mean(1))
        return out


class VAE(nn.Module):
    """(n, inputs) → reconstruction, mean and log variance of the code."""

    def __init__(self, inputs: int, code: int = 8, last: nn.Module | None = None) -> None:
        super().__init__()
        self.encode = mlp(inputs, 64, 2 * code)
        self.decode = mlp(code, 64, inputs, last=(last or nn.Sigmoid(),))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, log_variance = self.encode(x).chunk(2, 1)
        noise = torch.randn_like(mean) if self.training else 0
        return self.decode(mean + noise * (0.5 * log_variance).exp()), mean, log_variance


def kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """To the standard normal, summed over the code, of each sample."""
    return 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1)


def by_letter(prediction: Tensor, target: Tensor) -> Tensor:
    """Cross entropy of (n, steps, classes)."""
    return nn.functional.cross_entropy(prediction.flatten(0, 1), target.flatten())
