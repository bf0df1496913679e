"""The linear model that every trained network is measured against, fitted on the same training split."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import prod

import torch
from torch import Tensor, nn

from profundo.data import standardize, standardize_targets
from profundo.data.streams.blocks import gather
from profundo.evaluate.linear import fit_linear, linear_name
from profundo.nets.sound_nets import BandStatistics
from profundo.records import Dataset, Inputs
from profundo.runs.baselines.text_baseline import TextLinear, fit_text_linear

__all__ = ["Yardstick", "yardstick"]

Yardstick = tuple[nn.Module | TextLinear, str]
"""A linear model, fitted, and what to call it."""

MOST = 10_000  # training samples in memory: more cost more time than they add accuracy
MOST_READ = 2_000  # of those that have to be read first
MOST_PIXELS = 50_000  # of all images together
MOST_NUMBERS = 50_000_000  # of a table, in all
RUN = 10  # read side by side
AT_ONCE = 250  # samples whose images are as they were; then they are averaged


def yardstick(data: Dataset) -> Yardstick:
    """The linear model, and what to call it: "logistic regression on 10,000 of 55,000 samples"."""
    chosen, inputs = spread(data), data.spec.inputs
    targets = standardize_targets(data.train.targets, data.spec.targets)
    some = f" on {len(chosen):,} of {len(data.train):,} samples" if len(chosen) < len(data.train) else ""
    kind = "pixel" if data.spec.targets.traits.per == "pixel" else "text" if inputs.texts else inputs.kind
    fit, before, on = SIMPLE.get(kind, (_of_values, "", ""))
    return fit(data, chosen, targets[chosen]), f"{before}{linear_name(data.spec)}{on}{some}"


def _of_values(data: Dataset, chosen: Tensor, targets: Tensor) -> nn.Module:
    return fit_linear(_standardised(data, chosen), targets, data.spec)


def _of_words(data: Dataset, chosen: Tensor, targets: Tensor) -> TextLinear:
    return fit_text_linear(_standardised(data, chosen), targets, data.spec)


def _of_bands(data: Dataset, chosen: Tensor, targets: Tensor) -> nn.Module:
    """Of sounds: a linear model of samples hears nothing, one of the mean and deviation of each band is the simple method."""
    front = BandStatistics(data.spec.inputs.sound.rate)
    with torch.no_grad():
        rows = torch.cat([front(part) for part in _standardised(data, chosen)])
    scale = Scale(rows.mean(0), rows.std(0, correction=0).clamp_min(1e-6))
    return nn.Sequential(front, scale, fit_linear([scale(rows)], targets, data.spec))


class OfPixels(nn.Module):
    """A linear model of each pixel, (batch, channels, height, width) → (batch, outputs, height, width): of its colour, and of
    the place of its row and column, from −1 to 1."""

    def __init__(self, linear: nn.Module) -> None:
        super().__init__()
        self.linear = linear

    def forward(self, images: Tensor) -> Tensor:
        rows = colours_and_places(images).movedim(1, -1)
        said: Tensor = self.linear(rows.flatten(0, 2))
        return said.view(*rows.shape[:3], -1).movedim(-1, 1)


def colours_and_places(images: Tensor) -> Tensor:
    """(batch, channels + 2, height, width)."""
    down, across = (torch.linspace(-1, 1, size, device=images.device) for size in images.shape[2:])
    places = torch.stack(torch.meshgrid(down, across, indexing="ij")).expand(len(images), -1, -1, -1)
    return torch.cat([images.float(), places], 1)


def _of_pixels(data: Dataset, chosen: Tensor, targets: Tensor) -> nn.Module:
    """Of some pixels of each image, evenly spread, that have a class or a number."""
    each, rows, values = max(1, MOST_PIXELS // max(1, len(chosen))), [], []
    for part, own in zip(_standardised(data, chosen), torch.split(targets, AT_ONCE), strict=True):
        pixels = colours_and_places(part).movedim(1, -1).flatten(1, 2)
        places = torch.linspace(0, pixels.shape[1] - 1, min(each, pixels.shape[1]), dtype=torch.float64).long()
        rows.append(pixels[:, places].flatten(0, 1))
        values.append(own.flatten(1)[:, places].flatten())
    flat, truth = torch.cat(rows), torch.cat(values)
    is_number = truth.is_floating_point()
    known = truth.isfinite() if is_number else truth < len(data.spec.targets.classes)
    wanted = truth[known].unsqueeze(1) if is_number else truth[known].long()
    return OfPixels(fit_linear([flat[known]], wanted, data.spec))


SIMPLE: Mapping[str, tuple[Callable[[Dataset, Tensor, Tensor], nn.Module], str, str]] = {
    "text": (_of_words, "tf-idf and ", ""),
    "sound": (_of_bands, "", " on mean and deviation of log-mel bands"),
    "pixel": (_of_pixels, "", " on each pixel’s colour and place"),
}
"""By kind: what fits the simple method to these samples and their targets, and the words about its name."""


class Scale(nn.Module):
    """(x − mean) / std, of each feature."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(self, rows: Tensor) -> Tensor:
        return (rows - self.mean) / self.std


def spread(data: Dataset) -> Tensor:
    """Indices of the samples to fit, evenly spread over the split; where they have to be read, in runs of neighbours."""
    count, inputs = len(data.train), data.train.inputs
    if isinstance(inputs, Tensor):
        return torch.linspace(0, count - 1, min(count, _most(data.spec.inputs)), dtype=torch.float64).long()
    if count <= MOST_READ:
        return torch.arange(count)
    starts = torch.linspace(0, count - RUN, MOST_READ // RUN, dtype=torch.float64).long()
    return (starts[:, None] + torch.arange(RUN)).flatten()


def _most(inputs: Inputs) -> int:
    """Samples in memory that are fitted; of very wide rows fewer."""
    return MOST if inputs.traits.is_media else max(1, min(MOST, MOST_NUMBERS // prod(inputs.shape)))


def _standardised(data: Dataset, chosen: Tensor) -> Iterator[Tensor]:
    for some in torch.split(chosen, AT_ONCE):
        yield standardize(gather(data.train.inputs, some), data.spec.inputs)
