"""Images made to excite a unit (activation maximisation): what it looks for, beyond what the data happen to hold.

An image is a sum of waves z = C F⁻¹(s / f), its pixels low + (high − low) σ(z), C the mixture of colours that is usual in the data.
Gradient ascent on the spectrum s makes low frequencies as easy to reach as high ones, which fights the noise that ascent on pixels
ends in, and an image that is moved a little before each step (jitter) must please the unit wherever it lies: Olah, Mordvintsev &
Schubert 2017, "Feature Visualization". DeepDream (Mordvintsev et al. 2015) starts from a photograph and strengthens whatever a layer
answers to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from profundo.inside.observing import device_of, layer_output, undisturbed, unit_axis, unit_output
from profundo.records import ProfundoError

__all__ = ["Excitements", "deep_dream", "excite", "exciting"]

RATE = 0.05  # of Adam, on the spectrum
GREY = 0.1  # deviation of the first spectrum: of 0.01 to 1 what reaches the highest answers, of LeNet-5 on MNIST
SCALES = 3  # of the gradients of a dream, each half as fine as the one before
STRIDE = 0.02  # of a dream's step, from black to white


@dataclass(frozen=True, slots=True)
class Excitements:
    """images: (units, channels, height, width), as the net takes them; values: (units,), what the units answer to them, and peaks
    (units,), at the place where they answer most."""

    images: Tensor
    values: Tensor
    peaks: Tensor


def excite(net: nn.Module, layer: str, units: Sequence[int], *, steps: int = 64, **manner: Any) -> Excitements:
    """An image for each of these units of a layer; of the last layer they are the logits. manner: the rest that `exciting` takes."""
    *_, last = exciting(net, layer, units, steps=steps, every=max(steps, 1), **manner)
    return last


def exciting(
    net: nn.Module,
    layer: str,
    units: Sequence[int],
    *,
    low: Tensor,
    high: Tensor,
    size: tuple[int, int],
    steps: int = 64,
    every: int = 16,
    jitter: int | None = None,
    centre: bool = False,
    colours: Tensor | None = None,
    seed: int = 0,
) -> Iterator[Excitements]:
    """The same images as they come about, after every so many steps and after the last: the first ones are soon there to be
    looked at, and whoever has seen enough asks for no more. Between two of them the net is as it was.

    low, high: (channels, 1, 1), the values of black and white as the net takes them. jitter: pixels, by default a twelfth of the
    image. colours: (channels, channels), C; None for none that is usual. What a unit of maps gives counts in the mean over all
    places (a channel), or with `centre` at the one in the middle.
    """
    jitter = max(1, min(size) // 12) if jitter is None else jitter
    device, draws = device_of(net), torch.Generator().manual_seed(seed)
    low, high = low.to(device), high.to(device)
    canvas = (size[0] + 2 * jitter, size[1] + 2 * jitter)
    scale = _one_over_f(canvas).to(device)
    shape = (len(units), len(low), *scale.shape, 2)
    spectrum = (GREY * torch.randn(shape, generator=draws)).to(device).requires_grad_()
    mixture = (torch.eye(len(low)) if colours is None else colours).to(device)
    optimizer = torch.optim.Adam([spectrum], RATE)

    def images(top: int, left: int) -> Tensor:
        waves = torch.fft.irfft2(torch.view_as_complex(spectrum) * scale, s=canvas, norm="ortho")
        waves = torch.einsum("dc,uchw->udhw", mixture, waves)
        pixels: Tensor = low + (high - low) * waves[..., top : top + size[0], left : left + size[1]].sigmoid()
        return pixels

    def step(axis: int) -> None:
        top, left = torch.randint(0, 2 * jitter + 1, (2,), generator=draws).tolist()
        answers = _mean(_answers(net, images(top, left), layer, units, axis), centre)
        gradient = torch.autograd.grad(answers.sum(), spectrum)[0]
        spectrum.grad = -gradient
        silent = gradient.flatten(1).abs().amax(1) == 0
        with torch.no_grad():  # where a rectifier lets nothing through there is no way up: another beginning
            spectrum[silent] = torch.randn(shape, generator=draws).to(device)[silent]
        optimizer.step()

    @torch.no_grad()
    def seen(axis: int) -> Excitements:
        result = images(jitter, jitter)
        answers = _answers(net, result, layer, units, axis).cpu()
        return Excitements(result.cpu(), _mean(answers, centre), answers.flatten(1).amax(1))

    axis = None
    for begin in range(0, max(steps, 1), every):
        with undisturbed(net, frozen=True):
            axis = unit_axis(net, images(0, 0).detach(), layer) if axis is None else axis
            for _ in range(begin, min(begin + every, steps)):
                step(axis)
            excitements = seen(axis)
        yield excitements


def _answers(net: nn.Module, images: Tensor, layer: str, units: Sequence[int], axis: int) -> Tensor:
    """(images, …), of each what its own unit gives."""
    given = unit_output(net, images, layer, axis)
    if given.ndim < 2 or not all(0 <= unit < given.shape[1] for unit in units):
        raise ProfundoError(f"layer {layer!r}: expected units from 0 to {given.shape[1] - 1}, got {list(units)}")
    return given[torch.arange(len(units)), list(units)].reshape(len(units), *given.shape[2:], *[1] * (given.ndim == 2))


def _mean(answers: Tensor, centre: bool) -> Tensor:
    """Over the places, or the one in the middle of maps."""
    if centre and answers.ndim == 3:
        return answers[:, answers.shape[1] // 2, answers.shape[2] // 2]
    return answers.flatten(1).mean(1)


def _one_over_f(size: tuple[int, int]) -> Tensor:
    """(height, width // 2 + 1): one over the frequency of each wave, at most the longer side."""
    y, x = torch.fft.fftfreq(size[0])[:, None], torch.fft.rfftfreq(size[1])
    frequency: Tensor = (y.square() + x.square()).sqrt()
    return 1 / frequency.clamp_min(1 / max(size))


def deep_dream(net: nn.Module, image: Tensor, layer: str, *, low: Tensor, high: Tensor, steps: int = 24) -> Tensor:
    """An image (channels, height, width), as the net takes it, in which a layer finds more of what it looks for.

    The mean square of the layer's values grows; of all images on the way the one with the largest is given. Its gradient is taken
    apart by scale, each of them made as strong as the others, which needs no other size of image than the net was trained on.
    """
    device, draws = device_of(net), torch.Generator().manual_seed(0)
    low, high = low.to(device), high.to(device)
    dream = image[None].to(device)
    reach, best, strongest = min(image.shape[1:]) // 12, dream, -1.0
    with undisturbed(net, frozen=True):
        for _ in range(steps + 1):
            shift = torch.randint(-reach, reach + 1, (2,), generator=draws).tolist()
            moved = dream.roll(shift, (2, 3)).requires_grad_()
            strength = layer_output(net, moved, layer).square().mean()
            with torch.no_grad():
                still = float(layer_output(net, dream, layer).square().mean()) if any(shift) else float(strength)
            if still > strongest:
                best, strongest = dream, still
            gradient = torch.autograd.grad(strength, moved)[0].roll([-one for one in shift], (2, 3))
            dream = (dream + STRIDE * (high - low) * _by_scale(gradient)).clamp(low, high)
    return best[0].detach().cpu()


def _by_scale(gradient: Tensor) -> Tensor:
    total = torch.zeros_like(gradient)
    for scale in range(SCALES):
        coarse = F.avg_pool2d(gradient, 2**scale, ceil_mode=True)
        smooth = F.interpolate(coarse, gradient.shape[2:], mode="bilinear")
        total += smooth / smooth.std().clamp_min(1e-12) / SCALES
    return total
