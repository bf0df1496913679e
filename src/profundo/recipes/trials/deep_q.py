"""Deep Q-learning (Mnih et al. 2015, "Human-level control through deep reinforcement learning", Algorithm 1), many nets side by side.

    y = r + γ max_a' Q⁻(s', a')      or r where the task is over;   the cost is Huber's of Q(s, a) − y, on past steps drawn at random

Q⁻ is the net as it was some updates ago. A state in which only the time ran out has a value like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer

from profundo.nets.batched_nets import BatchedMLP
from profundo.recipes.trials.kept_best import KeptBest, greedy
from profundo.recipes.trials.tasks import Copies, Happened
from profundo.records import Batch
from profundo.runs.settings.setting_values import AtLeastZero, Positive, Whole
from profundo.train import optimizer
from profundo.train.optimizers import take_step

__all__ = ["DeepQ", "QSettings", "Replay", "bootstrapped"]


@dataclass(frozen=True, slots=True)
class QSettings:
    """updates: in all, each after a step of `copies` copies a net; remembered: steps; drawn: of them for an update, and before
    the first; renewed: after how many Q⁻ becomes Q; exploring: share of them in which random actions become as rare as `least`."""

    updates: Whole = 10_000
    copies: Whole = 4
    remembered: Whole = 20_000
    drawn: Whole = 64
    renewed: Whole = 200
    learning_rate: Positive = 0.001
    exploring: Positive = 0.5
    least: AtLeastZero = 0.05


def bootstrapped(rewards: Tensor, ended: Tensor, following: Tensor, discount: float) -> Tensor:
    """y of steps (…,) and of Q⁻ after them (…, actions)."""
    return rewards + discount * following.amax(-1) * ~ended


class Replay:
    """The last so many steps of each net, (nets, size, …); the oldest make room."""

    def __init__(self, nets: int, size: int, observations: int) -> None:
        self.seen, self.following = (torch.zeros(nets, size, observations) for _ in range(2))
        self.actions = torch.zeros(nets, size, dtype=torch.int64)
        self.rewards, self.ended = torch.zeros(nets, size), torch.zeros(nets, size, dtype=torch.bool)
        self.stored = 0

    def add(self, seen: Tensor, actions: Tensor, happened: Happened) -> None:
        """One step of each net's copies: (nets × copies, …), one net after another."""
        nets, size = self.actions.shape
        places = (self.stored + torch.arange(len(actions) // nets)) % size
        values = (seen, happened.following, actions, happened.rewards, happened.ended)
        for kept, new in zip(self._kept, values, strict=True):
            kept[:, places] = new.view(nets, -1, *new.shape[1:])
        self.stored += len(places)

    def drawn(self, number: int) -> list[Tensor]:
        """seen, following, actions, rewards, ended of so many steps of each net, with replacement."""
        nets, size = self.actions.shape
        places = torch.randint(min(self.stored, size), (nets, number))
        return [kept[torch.arange(nets)[:, None], places] for kept in self._kept]

    @property
    def _kept(self) -> tuple[Tensor, ...]:
        return self.seen, self.following, self.actions, self.rewards, self.ended

    def state_dict(self) -> dict[str, Any]:
        return {"kept": list(self._kept), "stored": self.stored}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.seen, self.following, self.actions, self.rewards, self.ended = state["kept"]
        self.stored = state["stored"]


class DeepQ:
    """An update of the loop: a step of every copy, and one of every net. Nothing is shared between nets."""

    def __init__(self, net: BatchedMLP, copies: Copies, settings: QSettings, discount: float) -> None:
        self.net, self.before, self.kept = net, deepcopy(net), KeptBest(net)
        self.copies, self.settings, self.discount = copies, settings, discount
        self.replay = Replay(len(net), settings.remembered, copies.observed.shape[-1])
        self.optimizer = optimizer("adam", net, settings.learning_rate)
        self.done = 0

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        return {"net": self.net, "before": self.before, "kept": self.kept.net}

    @property
    def optimizers(self) -> Iterable[Optimizer]:
        return (self.optimizer,)

    def __call__(self, batch: Batch) -> Mapping[str, Tensor]:  # noqa: ARG002 - it makes what it learns from
        """The loss is that of one net on the average."""
        self.explore()
        self.done += 1
        if self.replay.stored < self.settings.drawn:
            return {"loss": torch.zeros(())}
        self.optimizer.zero_grad()
        cost = self.cost(*self.replay.drawn(self.settings.drawn))
        cost.backward()  # type: ignore[no-untyped-call]
        take_step(self.optimizer)
        if self.done % self.settings.renewed == 0:
            self.before.load_state_dict(self.net.state_dict())
        return {"loss": cost.detach() / len(self.net)}

    def cost(self, seen: Tensor, following: Tensor, actions: Tensor, rewards: Tensor, ended: Tensor) -> Tensor:
        """Summed over nets, so that each has the gradient of its own mean."""
        with torch.no_grad():
            aims = bootstrapped(rewards, ended, self.before(following), self.discount)
        said = self.net(seen).gather(-1, actions[..., None]).squeeze(-1)
        return F.smooth_l1_loss(said, aims, reduction="none").mean(1).sum()

    @torch.no_grad()
    def explore(self) -> None:
        """A step of each copy: at random as often as it is time for, else what the net thinks best."""
        seen = self.copies.observed
        best = greedy(self.net)(seen)
        random = torch.randint(self.net.output_bias.shape[-1], best.shape)
        actions = torch.where(torch.rand(best.shape) < self.randomness, random, best)
        self.replay.add(seen, actions, self.copies.step(actions))

    @property
    def randomness(self) -> float:
        """From 1 straight down to the least."""
        share = min(1.0, self.done / (self.settings.exploring * self.settings.updates))
        return 1 - share * (1 - self.settings.least)

    def state_dict(self) -> dict[str, Any]:
        parts: dict[str, Any] = {"net": self.net, "before": self.before, "kept": self.kept, "copies": self.copies}
        parts |= {"replay": self.replay, "optimizer": self.optimizer}
        return {"done": self.done, **{name: part.state_dict() for name, part in parts.items()}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for part in ("net", "before", "kept", "copies", "replay", "optimizer"):
            getattr(self, part).load_state_dict(state[part])
        self.done = state["done"]
