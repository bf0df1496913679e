"""Nets for series (batch, channels, steps), each in the order of time: to classify them, or to say how they go on.

    fcn            three 1-D convolutions with batch normalisation, the mean over time    Wang, Yan, Oates 2017
    rocket         what share of the time thousands of fixed convolutions exceed a        MiniRocket (Dempster,
                   threshold; a linear layer that begins as ridge regression of it        Schmidt, Webb 2021)
    series_gru     the last state of gated recurrent units                                Cho et al. 2014
    series_linear  one linear layer on the steps, from the last value on                  NLinear (Zeng et al. 2023)
    series_net     ridge regression on the steps, corrected by an ensemble of perceptrons

In forecasts the first channel is the target, in the units of the outputs, and the last channels are what the calendar says of
the step `horizon` later, so that their last value is of the end of the forecast.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations, pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from profundo.nets.net_names import of_a_spec
from profundo.nets.recurrent import recurrent
from profundo.nets.ridge import Ridge
from profundo.records import ProfundoError, Spec

__all__ = ["fcn", "rocket", "series_gru", "series_linear", "series_net"]

STRENGTHS = tuple(10.0**power for power in range(-3, 5))
KERNELS = tuple(combinations(range(9), 3))  # places of the weights 2 among −1, of nine: all 84
MOST_DILATIONS = 32
MOST_SOLVED = 4096  # samples that a closed form sees
BIAS_SAMPLES = 64
MOST_CHANNELS = 9  # of a kernel
SMALL = 1e-3  # of first outputs: what a formula says stays, and gradients have a way back


# ------------------------------------------------------------------------------------------------------------- classes
@of_a_spec
def fcn(spec: Spec, widths: Sequence[int] = (128, 256, 128)) -> nn.Sequential:
    """Convolutions of 7, 5 and 3 steps (further ones of 3), each with batch normalisation and ReLU, then the mean over time."""
    check_sizes("fcn", *widths)
    layers: list[nn.Module] = []
    for place, (fan_in, fan_out) in enumerate(pairwise((spec.inputs.shape[0], *widths))):
        size = max(3, 7 - 2 * place)
        layers += [
            nn.Conv1d(fan_in, fan_out, size, padding=size // 2, bias=False),
            nn.BatchNorm1d(fan_out),
            nn.ReLU(),
        ]
    last = widths[-1] if widths else spec.inputs.shape[0]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(last, spec.outputs))


@of_a_spec
def rocket(spec: Spec, features: int = 10_000) -> Rocket:
    """About so many features of fixed convolutions; only the linear layer above them learns."""
    check_sizes("rocket", features)
    return Rocket(spec, features)


class Rocket(nn.Module):
    """Series (batch, channels, steps) → outputs (batch, outputs).

    kernels: (dilations, 84, channels, 9); each looks at a random few of the channels. thresholds: (dilations, 84, each), which
    `solve` takes from what the convolutions give for training series.
    """

    kernels: Tensor
    thresholds: Tensor
    middle: Tensor
    spread: Tensor

    def __init__(self, spec: Spec, features: int) -> None:
        super().__init__()
        channels, steps = spec.inputs.shape
        most = min(MOST_DILATIONS, max(1, features // len(KERNELS)))
        exponents = torch.linspace(0, math.log2(max(1, (steps - 1) / 8)), most, device="cpu")
        self.dilations = sorted({int(2**exponent) for exponent in exponents.tolist()})
        each = max(1, round(features / (len(KERNELS) * len(self.dilations))))
        plain = torch.full((len(KERNELS), 1, 9), -1.0)
        for place, strong in enumerate(KERNELS):
            plain[place, 0, list(strong)] = 2.0
        shape = (len(self.dilations), len(KERNELS))
        most_channels = math.log2(min(channels, MOST_CHANNELS) + 1)
        counts = (2 ** (torch.rand(*shape, 1) * most_channels)).floor().clamp(1, channels)
        chosen = torch.rand(*shape, channels).argsort(2).argsort(2) < counts
        self.register_buffer("kernels", plain * chosen.unsqueeze(3))
        self.register_buffer("thresholds", torch.zeros(*shape, each))
        self.register_buffer("middle", torch.zeros(self.thresholds.numel()))
        self.register_buffer("spread", torch.ones(self.thresholds.numel()))
        self.targets, self.classes = spec.targets.kind, spec.outputs
        self.output = nn.Linear(self.thresholds.numel(), spec.outputs)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, series: Tensor) -> Tensor:
        outputs: Tensor = self.output((self.features(series) - self.middle) / self.spread)
        return outputs

    def features(self, series: Tensor) -> Tensor:
        """(batch, features): of each threshold the share of the time in which its convolution exceeds it."""
        parts = []
        for place in range(len(self.dilations)):
            for half, own in enumerate(self.responses(series, place)):
                parts += [
                    (own > bound.unsqueeze(1)).float().mean(2) for bound in self.thresholds[place, half::2].unbind(1)
                ]
        return torch.cat(parts, 1)

    def responses(self, series: Tensor, place: int) -> tuple[Tensor, Tensor]:
        """Of every other kernel (batch, 42, steps): of some with zeros beyond both ends, of the others only what lies inside."""
        reach = 4 * self.dilations[place]
        whole = F.conv1d(series, self.kernels[place], padding=reach, dilation=self.dilations[place])
        inside = whole[..., reach:-reach] if whole.shape[2] > 2 * reach else whole
        halves = (whole, inside) if place % 2 == 0 else (inside, whole)
        return halves[0][:, 0::2], halves[1][:, 1::2]

    @torch.no_grad()
    def solve(self, series: Tensor, targets: Tensor) -> None:
        """Thresholds at quantiles of the convolutions, and the linear layer as ridge regression, of standardised training
        series (samples, channels, steps) and targets as an objective takes them."""
        chosen = spread_over(len(series), MOST_SOLVED)
        series, targets = series[chosen], targets[chosen]
        golden = (torch.arange(self.thresholds.numel(), device=series.device) * ((5**0.5 - 1) / 2)) % 1
        quantiles = golden.view(self.thresholds.shape)
        some = series[spread_over(len(series), BIAS_SAMPLES)]
        for place in range(len(self.dilations)):
            for half, own in enumerate(self.responses(some, place)):
                ordered = own.transpose(0, 1).flatten(1).sort(1).values
                at = (quantiles[place, half::2] * (ordered.shape[1] - 1)).long()
                self.thresholds[place, half::2] = ordered.gather(1, at)
        features = torch.cat([self.features(part) for part in torch.split(series, 16)])
        self.middle.copy_(features.mean(0))
        spread = features.std(0, correction=0)
        self.spread.copy_(torch.where(spread > 1e-6, spread, 1.0))
        weight, bias = solved((features - self.middle) / self.spread, targets, self.targets, self.classes)
        self.output.weight.copy_(weight)
        self.output.bias.copy_(bias)


def solved(rows: Tensor, targets: Tensor, kind: str, classes: int) -> tuple[Tensor, Tensor]:
    """W, b of a linear layer by ridge regression, of the strength with the least squared error on samples left out. Of classes
    on ±1, and scaled so that probabilities of samples left out are worth most: their margins are no logits by themselves."""
    if kind == "real":
        wanted = targets
    elif kind == "classes":
        wanted = 2 * F.one_hot(targets.long(), classes).double() - 1
    else:
        wanted = 2 * targets.double().view(len(targets), -1) - 1
    ridge = Ridge(rows, wanted)
    strength = min(
        (one * rows.shape[1] for one in STRENGTHS), key=lambda one: mean_square(ridge.left_out(one) - wanted)
    )
    weight, bias = ridge.weights(strength)
    if kind == "real":
        return weight, bias
    margins = ridge.left_out(strength)
    sure = math.log(len(rows) + 1) / (
        2 if kind == "classes" else 1
    )  # what so many samples can say for certain (Laplace)
    scale = min((sure * 2**-power for power in range(7)), key=lambda one: log_loss(one * margins, wanted, kind))
    return scale * weight, scale * bias


def log_loss(logits: Tensor, signs: Tensor, kind: str) -> float:
    if kind == "classes":
        return float(F.cross_entropy(logits, signs.argmax(1)))
    return float(F.softplus(-signs * logits).mean())


def mean_square(values: Tensor) -> float:
    return float(values.square().mean())


def spread_over(count: int, most: int) -> Tensor:
    """Places of at most so many samples, evenly spread."""
    return torch.linspace(0, count - 1, min(count, most), dtype=torch.float64).long()


# ----------------------------------------------------------------------------------------------------------- forecasts
class Steps(nn.Module):
    """Series (batch, channels, steps) → what is known before, (batch, channels, steps); of the calendar, (batch, known); and
    of the target the last value, (batch, 1), 0 where nothing is forecast."""

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        forecast = spec.inputs.forecast
        self.forecasts = forecast is not None
        self.known = forecast.known if forecast is not None else 0
        self.channels, self.steps = spec.inputs.shape[0] - self.known, spec.inputs.shape[1]
        self.width = self.channels * self.steps + self.known

    def forward(self, series: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        past, known = series[:, : self.channels], series[:, self.channels :, -1]
        level = series[:, 0, -1:] if self.forecasts else torch.zeros_like(series[:, 0, -1:])
        return past, known, level

    def flat(self, series: Tensor, rise: Tensor | float = 1.0) -> tuple[Tensor, Tensor]:
        """(batch, width) with the target as its distance from `rise` times its last value, and that."""
        past, known, level = self(series)
        level = rise * level
        target = past[:, 0] - level
        return torch.cat([target, past[:, 1:].flatten(1), known], 1), level


class SeriesLinear(nn.Module):
    """Series (batch, channels, steps) → outputs (batch, outputs): a linear layer, from the last value on."""

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        self.inputs = Steps(spec)
        self.output = nn.Linear(self.inputs.width, spec.outputs)
        nn.init.normal_(self.output.weight, std=SMALL * self.inputs.width**-0.5)
        nn.init.zeros_(self.output.bias)

    def forward(self, series: Tensor) -> Tensor:
        rows, level = self.inputs.flat(series)
        outputs: Tensor = self.output(rows) + level
        return outputs


class SeriesGRU(nn.Module):
    """Series (batch, channels, steps) → outputs (batch, outputs): from the last state, and what the calendar says."""

    def __init__(self, spec: Spec, width: int, layers: int) -> None:
        super().__init__()
        self.inputs = Steps(spec)
        self.cell = recurrent("gru", self.inputs.channels, width, layers)
        self.output = nn.Linear(width + self.inputs.known, spec.outputs)

    def forward(self, series: Tensor) -> Tensor:
        past, known, level = self.inputs(series)
        past = torch.cat([past[:, :1] - level.unsqueeze(2), past[:, 1:]], 1)
        states, _ = self.cell(past.permute(2, 0, 1))
        outputs: Tensor = self.output(torch.cat([states[-1], known], 1)) + level
        return outputs


class SeriesNet(nn.Module):
    """Series (batch, channels, steps) → outputs (batch, outputs): a linear layer in closed form, whose weights do not learn any
    more, plus the mean of perceptrons that begin near 0. In training each sample teaches one of them, in turn.

    The linear layer is the mean of ridge regressions: of the values, of their distances from the last one, and of those from the
    season before, if there is one. A mean of forecasts errs less than the one that did best before (Bates, Granger 1969).
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, spec: Spec, members: int, width: int, dropout: float) -> None:
        super().__init__()
        self.inputs = Steps(spec)
        fan_in = self.inputs.width
        self.kind = spec.targets.kind
        self.members, self.dropout = members, dropout
        self.ago = seasons_ago(spec)
        self.register_buffer("weight", torch.zeros(spec.outputs, fan_in))
        self.register_buffer("bias", torch.zeros(spec.outputs))
        if self.inputs.forecasts:
            self.weight[:, self.inputs.steps - 1] = 1.0  # the last value, until it is solved
        self.hidden = nn.Parameter(torch.randn(members, fan_in, width) * (2 / fan_in) ** 0.5)
        self.hidden_bias = nn.Parameter(torch.zeros(members * width))
        self.output = nn.Parameter(SMALL * width**-0.5 * torch.randn(members, width, spec.outputs))
        self.output_bias = nn.Parameter(torch.zeros(members * spec.outputs))

    def forward(self, series: Tensor) -> Tensor:
        rows, level = self.inputs.flat(series)
        past = torch.cat([rows[:, : self.inputs.steps] + level, rows[:, self.inputs.steps :]], 1)
        return F.linear(past, self.weight, self.bias) + self.correction(rows)

    def correction(self, rows: Tensor) -> Tensor:
        if not self.training:
            return self.each(rows.expand(self.members, -1, -1)).mean(0)
        filled = F.pad(rows, (0, 0, 0, -len(rows) % self.members))  # a sample for each member in turn
        dealt = self.each(filled.view(-1, self.members, rows.shape[1]).transpose(0, 1))
        return dealt.transpose(0, 1).flatten(0, 1)[: len(rows)]

    def each(self, rows: Tensor) -> Tensor:
        """Rows (members, batch, width) → (members, batch, outputs), of each member its own."""
        hidden = F.silu(torch.bmm(rows, self.hidden) + self.hidden_bias.view(self.members, 1, -1))
        hidden = F.dropout(hidden, self.dropout, self.training)
        return torch.bmm(hidden, self.output) + self.output_bias.view(self.members, 1, -1)

    @torch.no_grad()
    def solve(self, series: Tensor, targets: Tensor) -> None:
        """The linear layer, of standardised training series and targets, the earlier first."""
        if self.kind != "real":
            return
        chosen = spread_over(len(series), MOST_SOLVED)
        series, targets = series[chosen], targets[chosen].double()
        rows, _ = self.inputs.flat(series, 0.0)
        each = [solved_from(rows.double(), targets, start, self.inputs.steps) for start in self.starts(len(series))]
        self.weight.copy_(torch.stack([weight for weight, _ in each]).mean(0))
        self.bias.copy_(torch.stack([bias for _, bias in each]).mean(0))

    def starts(self, samples: int) -> list[list[int] | None]:
        """What predictions are the distance from: of each step of the horizon a place in the window, or None. The naive one alone
        where there are too few samples to tell how strongly to correct it."""
        if not self.inputs.forecasts:
            return [None]
        outputs, last = self.weight.shape[0], self.inputs.steps - 1
        naive: list[list[int] | None] = [[last] * outputs, *([self.ago] if self.ago is not None else [])]
        return [None, *naive] if samples // 2 >= 2 * outputs else naive[-1:]


def solved_from(rows: Tensor, targets: Tensor, start: list[int] | None, steps: int) -> tuple[Tensor, Tensor]:
    """W (outputs, width) and b (outputs,) of the rows as they are, their first `steps` the target's past; by ridge regression of
    the targets' distances from `start` on the past's from its last value, or of both as they are.

    Its strength has the least error over the later half of the samples, of which each eighth is predicted by what lies
    before it; where nothing does, it is the greatest.
    """
    outputs = targets.shape[1]
    naive = torch.zeros(outputs, rows.shape[1], dtype=rows.dtype, device=rows.device)
    taken = torch.eye(rows.shape[1], dtype=rows.dtype, device=rows.device)
    if start is not None:
        naive[torch.arange(outputs), start] = 1.0
        taken[:steps, steps - 1] -= 1.0
    rows, wanted = rows @ taken.T, targets - rows @ naive.T
    errors = dict.fromkeys(reversed(STRENGTHS), 0.0)
    for begin, end in pairwise(len(rows) * eighth // 8 for eighth in range(4, 9)):
        early = begin - outputs  # whose targets end before those that are predicted begin
        if early < outputs:
            continue
        ridge = Ridge(rows[:early], wanted[:early])
        for strength in errors:
            weight, bias = ridge.weights(strength)
            errors[strength] += float((rows[begin:end] @ weight.T + bias - wanted[begin:end]).square().sum())
    weight, bias = Ridge(rows, wanted).weights(min(errors, key=errors.__getitem__))
    return weight @ taken + naive, bias


def seasons_ago(spec: Spec) -> list[int] | None:
    """Of each step of the horizon the place in the window one season (or several) before; None where there is no season."""
    forecast, steps = spec.inputs.forecast, spec.inputs.shape[1]
    if forecast is None or not 1 < forecast.season <= steps:
        return None
    return [steps - forecast.season + ahead % forecast.season for ahead in range(forecast.horizon)]


@of_a_spec
def series_linear(spec: Spec) -> SeriesLinear:
    """A linear layer on all steps, of a forecast from the last value on; it learns by descent."""
    return SeriesLinear(spec)


@of_a_spec
def series_gru(spec: Spec, width: int = 64, layers: int = 1) -> SeriesGRU:
    """Gated recurrent units over the steps, and a linear layer on the last state."""
    return SeriesGRU(spec, width, layers)


@of_a_spec
def series_net(spec: Spec, members: int = 8, width: int = 64, dropout: float = 0.1) -> SeriesNet:
    """Ridge regression on the steps, corrected by so many perceptrons of one hidden layer."""
    check_sizes("series_net", members, width)
    if not 0 <= dropout < 1:
        raise ProfundoError(f"series_net: expected dropout in [0, 1), got {dropout}")
    return SeriesNet(spec, members, width, dropout)


def check_sizes(net: str, *sizes: int) -> None:
    if any(size < 1 for size in sizes):
        raise ProfundoError(f"{net}: expected sizes of at least 1, got {', '.join(map(str, sizes))}")
