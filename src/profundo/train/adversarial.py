"""Two players, two optimizers, one update: a generator against a discriminator (Goodfellow et al. 2014, Algorithm 1).

Which game they play is in the costs that are handed in: with `rounds` = 1 and cross-entropy the original GAN and DCGAN;
with several rounds, Wasserstein's cost and a penalty, WGAN-GP.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from profundo.records import Batch
from profundo.train.averaging import averaged, follow
from profundo.train.optimizers import take_step
from profundo.train.updates import autocast, match_layout

__all__ = ["Adversarial"]

Judge = Callable[[Tensor], Tensor]
"""From images to one score each, (batch,) in float32."""


class Adversarial:
    """Each call: the batch in `rounds` parts, a discriminator step on each part, then one step of the generator.

    noise: size of a generator's input, drawn from N(0, 1) by torch's global generator, whose state checkpoints hold.
    discriminator_cost: (judge, real images, made images) → scalars by name; "discriminator" is lowered, what stands
        beside it is only reported. generator_cost: (scores of made images) → what the generator lowers.
    decay: of the moving average of the generator's weights, which is the one to sample from.
    precision: "float32" or "bfloat16" (autocast); scores and costs are float32 in any case.
    told: whether both players are told the classes, int64 (batch,), as a second input. What is made is of the classes of the real
        images beside it.

    The generator learns from the images that the discriminator saw last, judged anew after that step.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        optimizers: tuple[Optimizer, Optimizer],
        *,
        noise: int,
        discriminator_cost: Callable[[Judge, Tensor, Tensor], Mapping[str, Tensor]],
        generator_cost: Callable[[Tensor], Tensor],
        rounds: int = 1,
        decay: float = 0.99,
        precision: str = "float32",
        told: bool = False,
    ) -> None:
        self.generator, self.discriminator = generator, discriminator
        self.average = averaged(generator)
        self.optimizers: Iterable[Optimizer] = optimizers
        self.generator_optimizer, self.discriminator_optimizer = optimizers
        self.noise, self.rounds, self.decay, self.precision = noise, rounds, decay, precision
        self.discriminator_cost, self.generator_cost = discriminator_cost, generator_cost
        self.told = told
        self.learned = [parameter for parameter in generator.parameters() if parameter.requires_grad]

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        return {"generator": self.generator, "discriminator": self.discriminator, "average": self.average}

    def __call__(self, batch: Batch) -> Mapping[str, Tensor]:
        *early, (last, *told) = zip(*(part.chunk(self.rounds) for part in self.shown(batch)), strict=True)
        for real, *labels in early:
            with torch.no_grad():
                made = self.make(real, *labels)
            self.step_discriminator(real, made, *labels)
        made = self.make(last, *told)
        losses = self.step_discriminator(last, made.detach(), *told)
        return {"generator": self.step_generator(made, *told), **losses}

    def shown(self, batch: Batch) -> list[Tensor]:
        """The images, and the classes where they are told."""
        return [batch.inputs, batch.targets.long()] if self.told else [batch.inputs]

    def make(self, real: Tensor, *labels: Tensor) -> Tensor:
        """As many images as there are real ones."""
        noise = torch.randn(len(real), self.noise, device=real.device)
        with autocast(self.precision, real.device):
            made: Tensor = self.generator(noise, *labels)
        return made.float()

    def judge(self, images: Tensor, *labels: Tensor) -> Tensor:
        """labels: of the images, or of the first of several parts of them that have the same."""
        with autocast(self.precision, images.device):
            scores: Tensor = self.discriminator(images, *(told.repeat(len(images) // len(told)) for told in labels))
        return scores.float().squeeze(1)

    def step_discriminator(self, real: Tensor, made: Tensor, *labels: Tensor) -> Mapping[str, Tensor]:
        self.discriminator_optimizer.zero_grad()
        losses = self.discriminator_cost(lambda images: self.judge(images, *labels), real, made)
        losses["discriminator"].backward()  # type: ignore[no-untyped-call]
        take_step(self.discriminator_optimizer)
        return {name: loss.detach() for name, loss in losses.items()}

    def step_generator(self, made: Tensor, *labels: Tensor) -> Tensor:
        self.generator_optimizer.zero_grad()
        loss = self.generator_cost(self.judge(made, *labels))
        loss.backward(inputs=self.learned)  # type: ignore[no-untyped-call]  # the discriminator's stay as they were
        take_step(self.generator_optimizer)
        follow(self.average, self.generator, self.decay)
        return loss.detach()

    def state_dict(self) -> dict[str, Any]:
        return {
            "networks": {name: net.state_dict() for name, net in self.networks.items()},
            "generator optimizer": self.generator_optimizer.state_dict(),
            "discriminator optimizer": self.discriminator_optimizer.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, net in self.networks.items():
            net.load_state_dict(state["networks"][name])
        self.generator_optimizer.load_state_dict(state["generator optimizer"])
        self.discriminator_optimizer.load_state_dict(state["discriminator optimizer"])
        for optimizer in self.optimizers:
            match_layout(optimizer)
