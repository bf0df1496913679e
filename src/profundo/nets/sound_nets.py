"""Nets for sounds: waveforms (batch, 1, samples) in, standardised, all of one rate and length.

    logmel_cnn   log-mel spectrogram, then a small convolutional net over time and pitch; the one to begin with
    logmel_gru   log-mel spectrogram, then a recurrent net that reads it from both ends (Cho et al. 2014)
    raw_cnn      one-dimensional convolutions on the samples themselves (Dai et al. 2016, arXiv:1610.00087)

The spectrogram is the first layer of the net, so a saved or exported net takes samples. Its Fourier transform is a
convolution with fixed cosines and sines, which is exact and which every format has words for.
"""

from __future__ import annotations

import math
from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from profundo.mel import mel_filters
from profundo.nets.init import SMALL_OUTPUT, initialize_
from profundo.nets.net_names import check, of_a_spec
from profundo.nets.recurrent import initialize_recurrent_
from profundo.records import ProfundoError, Spec

__all__ = ["BandStatistics", "LogMel", "logmel_cnn", "logmel_gru", "raw_cnn"]

WINDOW, HOP = 0.032, 0.016  # seconds
BANDS = 40
AUDIBLE = 1e-4  # of the loudest frame's power: 40 dB below it
FLOOR = 1e-5  # of the loudest band's power: 50 dB below it there is the room, not the sound


class LogMel(nn.Module):
    """Waveforms (batch, 1, samples) → log-mel spectrograms (batch, 1, bands, frames), frame k centred on sample k · hop.

    x[m, k] = log(Σ_f M[m, f] |Σ_n w(n) s(n + k hop) e^(−2πi f n/N)|² + ε) with Hann's window w and mel filters M; what is
    50 dB below the loudest of a sound is silence, and the mean of each band over time is taken away: what a microphone, a
    room or a volume knob adds to a band is the same at all times (cepstral mean normalisation, Atal 1974).
    """

    kernels: Tensor
    filters: Tensor

    def __init__(self, rate: int, bands: int = BANDS, centred: bool = True) -> None:
        super().__init__()
        self.hop, self.centred = max(2, round(HOP * rate)), centred
        window = 2 * self.hop
        n = torch.arange(window, dtype=torch.float64)
        hann = 0.5 - 0.5 * torch.cos(2 * math.pi * n / window)
        turns = 2 * math.pi * torch.arange(self.hop + 1, dtype=torch.float64)[:, None] * n / window
        kernels = torch.cat([torch.cos(turns) * hann, torch.sin(turns) * hann]).float()
        self.register_buffer("kernels", kernels.T.contiguous(), persistent=False)  # (window, 2 frequencies)
        self.register_buffer("filters", mel_filters(bands, window, rate).T.contiguous(), persistent=False)

    def forward(self, sounds: Tensor) -> Tensor:
        if torch.is_autocast_enabled(sounds.device.type):  # 8 bits of mantissa are too few
            with torch.autocast(sounds.device.type, enabled=False):
                return self.spectrogram(sounds.float())
        return self.spectrogram(sounds)

    def power(self, sounds: Tensor) -> Tensor:
        """Of each mel band, (batch, frames, bands).

        A window is two hops long: the product of each hop with either half of the kernels is needed once."""
        hop, samples = self.hop, sounds.shape[2]
        pieces = F.pad(sounds[:, 0], (hop, hop + -samples % hop)).view(sounds.shape[0], -1, hop)
        waves = (pieces @ self.kernels[:hop])[:, :-1] + (pieces @ self.kernels[hop:])[:, 1:]
        cosines, sines = waves.square().chunk(2, 2)
        power: Tensor = (cosines + sines) @ self.filters
        return power

    def spectrogram(self, sounds: Tensor) -> Tensor:
        power = self.power(sounds)
        floor = FLOOR * power.amax((1, 2), keepdim=True) + 1e-10
        levels = (power + floor).log()
        return (levels - levels.mean(1 if self.centred else (1, 2), keepdim=True)).transpose(1, 2).unsqueeze(1)


class BandStatistics(nn.Module):
    """Waveforms (batch, 1, samples) → mean and deviation of each band's logarithm over the frames in which something is
    heard, the sound's level taken away: (batch, 2 bands). What a linear model can make use of."""

    def __init__(self, rate: int) -> None:
        super().__init__()
        self.bands = LogMel(rate)

    def forward(self, sounds: Tensor) -> Tensor:
        power = self.bands.power(sounds)
        loudest = power.sum(2, keepdim=True).amax(1, keepdim=True)
        heard = (power.sum(2, keepdim=True) >= AUDIBLE * loudest).float()
        levels = (power + FLOOR * loudest + 1e-10).log()
        count = heard.sum(1, keepdim=True)
        mean = (levels * heard).sum(1, keepdim=True) / count
        deviation = (((levels - mean).square() * heard).sum(1) / count[:, 0] + 1e-6).sqrt()
        return torch.cat([mean[:, 0] - mean[:, 0].mean(1, keepdim=True), deviation], 1)


def front(spec: Spec) -> LogMel:
    """The spectrogram of sounds of this rate."""
    return LogMel(spec.inputs.sound.rate)


@of_a_spec
def logmel_cnn(spec: Spec, width: int = 32, dropout: float = 0.2) -> nn.Sequential:
    """Three convolutions, each of which halves time and pitch, and the mean and the largest over time: where in pitch something was
    heard matters, when it was does not, so that the number of parameters does not grow with the length.

    width: channels of the first convolution, doubled by each further one.
    """
    check("logmel_cnn", spec)
    check_options("logmel_cnn", width, dropout)
    layers = OrderedDict[str, nn.Module](spectrogram=front(spec), norm=nn.BatchNorm2d(1))
    channels, high = 1, BANDS
    for number, features in enumerate((width, 2 * width, 4 * width), start=1):
        layers[f"conv{number}"] = nn.Conv2d(channels, features, 3, 2, 1, bias=False)
        layers[f"norm{number}"] = nn.BatchNorm2d(features)
        layers[f"relu{number}"] = nn.ReLU()
        channels, high = features, -(-high // 2)
    layers["pool"] = OverTime()
    layers["dropout"] = nn.Dropout(dropout)
    layers["output"] = nn.Linear(2 * channels * high, spec.outputs)
    return initialize_(nn.Sequential(layers), output_gain=SMALL_OUTPUT)


class OverTime(nn.Module):
    """The mean and the largest over time: (batch, channels, …, time) → (batch, 2 features). Silence around a sound waters the
    mean down, the largest value does not see it."""

    def forward(self, maps: Tensor) -> Tensor:
        return torch.cat([maps.mean(-1).flatten(1), maps.amax(-1).flatten(1)], 1)


class MeanOverTime(nn.Module):
    """(batch, channels, …, time) → (batch, features)."""

    def forward(self, maps: Tensor) -> Tensor:
        return maps.mean(-1).flatten(1)


@of_a_spec
def logmel_gru(spec: Spec, width: int = 64, dropout: float = 0.2) -> nn.Sequential:
    """Two convolutions that halve time, a recurrent net from each end, the mean over time."""
    check("logmel_gru", spec)
    check_options("logmel_gru", width, dropout)
    layers = OrderedDict[str, nn.Module](spectrogram=front(spec), flatten=nn.Flatten(1, 2))
    for number, channels in enumerate((BANDS, width), start=1):
        layers[f"conv{number}"] = nn.Conv1d(channels, width, 5, 2, 2, bias=False)
        layers[f"norm{number}"] = nn.BatchNorm1d(width)
        layers[f"relu{number}"] = nn.ReLU()
    layers["recurrent"] = FromBothEnds(width)
    layers["average"] = MeanOverTime()
    layers["dropout"] = nn.Dropout(dropout)
    layers["output"] = nn.Linear(2 * width, spec.outputs)
    return initialize_(nn.Sequential(layers), output_gain=SMALL_OUTPUT)


class FromBothEnds(nn.Module):
    """A GRU from each end: (batch, width, time) → (batch, 2 width, time)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.cells = nn.GRU(width, width, bidirectional=True)
        initialize_recurrent_(self.cells)

    def forward(self, maps: Tensor) -> Tensor:
        states: Tensor = self.cells(maps.permute(2, 0, 1))[0]
        return states.permute(1, 2, 0)


@of_a_spec
def raw_cnn(spec: Spec, width: int = 32, dropout: float = 0.2) -> nn.Sequential:
    """Filters of 10 ms in place of a spectrogram, then convolutions between which the loudest of four moments is kept, and
    the mean over time."""
    check("raw_cnn", spec)
    check_options("raw_cnn", width, dropout)
    kernel = max(3, spec.inputs.sound.rate // 100)
    sizes = [(1, width, kernel, max(1, kernel // 8)), (width, width, 3, 1), (width, 2 * width, 3, 1)]
    layers = OrderedDict[str, nn.Module]()
    for number, (channels, features, size, stride) in enumerate([*sizes, (2 * width, 4 * width, 3, 1)], start=1):
        layers[f"conv{number}"] = nn.Conv1d(channels, features, size, stride, size // 2, bias=False)
        layers[f"norm{number}"] = nn.BatchNorm1d(features)
        layers[f"relu{number}"] = nn.ReLU()
        if number < 4:
            layers[f"pool{number}"] = nn.MaxPool1d(4, ceil_mode=True)
    layers["average"] = MeanOverTime()
    layers["dropout"] = nn.Dropout(dropout)
    layers["output"] = nn.Linear(4 * width, spec.outputs)
    return initialize_(nn.Sequential(layers), output_gain=SMALL_OUTPUT)


def check_options(net: str, width: int, dropout: float) -> None:
    if width < 1 or not 0 <= dropout < 1:
        raise ProfundoError(
            f"{net}: expected a width of at least 1 and dropout in [0, 1), got width {width}, dropout {dropout}"
        )
