"""Images out of noise: a net's guesses, guided by class or not, and the way from noise to image in steps.

At each time the net guesses the image; the next x holds that guess and the noise that is left (objectives/noising.py, `stepped`).
With guidance w (Ho & Salimans 2022, arXiv:2207.12598, equation 6) it is asked twice, with the class and without, and its answer is
unclassed + w · (classed − unclassed): 0 leaves the class out, 1 is the net's own answer for the class, more exaggerates it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from profundo.evaluate import evaluating
from profundo.nets.denoising import DenoisingUNet
from profundo.objectives.noising import Way, stepped, told_image
from profundo.recipes.net_outputs import as_pictures, device_of
from profundo.train.updates import autocast

__all__ = ["Painter"]

AT_ONCE = 250  # images


@dataclass(frozen=True, slots=True)
class Painter:
    """Draws by a net. steps: from noise to image; guidance: w; churn: share of the noise that is drawn anew at each step, 0 for
    DDIM, 1 for DDPM; precision: of the net."""

    net: DenoisingUNet
    way: Way
    steps: int
    guidance: float = 1.0
    churn: float = 0.0
    precision: str = "float32"

    def __call__(
        self,
        classes: Tensor,
        noise: Tensor,
        generator: torch.Generator | None = None,
        watch: Callable[[Tensor], object] | None = None,
    ) -> Tensor:
        """uint8 images (images, channels, height, width), on the CPU, of their classes (images,) and the noise (images, …) that each
        begins with. generator: of what is drawn anew. watch: is shown x at each time, where all are drawn at once."""
        parts = zip(torch.split(classes, AT_ONCE), torch.split(noise, AT_ONCE), strict=True)
        with evaluating(self.net):
            return torch.cat([self.part(*part, generator, watch) for part in parts])

    def part(
        self, classes: Tensor, x: Tensor, generator: torch.Generator | None, watch: Callable[[Tensor], object] | None
    ) -> Tensor:
        device = device_of(self.net)
        classes, x = classes.to(device), x.to(device)
        for now, then in pairwise(torch.linspace(1, 0, self.steps + 1, device=device)[:, None]):
            if watch is not None:
                watch(x)
            fresh = torch.randn(x.shape, generator=generator).to(device) if self.churn else x
            x = stepped(self.way, x, self.guess(x, now, classes), now, then, self.churn, fresh)
        return as_pictures((x + 1) / 2).contiguous()

    def guess(self, x: Tensor, now: Tensor, classes: Tensor) -> Tensor:
        """x₀ of x at time `now` (1,)."""
        return told_image(self.way, x, self.answer(x, now.expand(len(x)), classes), now)

    def answer(self, x: Tensor, times: Tensor, classes: Tensor) -> Tensor:
        if self.guidance == 1:
            return self.told(x, times, classes)
        without = torch.full_like(classes, self.net.no_class)
        if self.guidance == 0:
            return self.told(x, times, without)
        both = self.told(torch.cat([x, x]), torch.cat([times, times]), torch.cat([classes, without]))
        classed, unclassed = both.chunk(2)
        return unclassed + self.guidance * (classed - unclassed)

    def told(self, x: Tensor, times: Tensor, classes: Tensor) -> Tensor:
        with autocast(self.precision, x.device):
            answer: Tensor = self.net(x, times.float(), classes)
        return answer.float()
