"""REINFORCE with a baseline (Williams 1992, "Simple statistical gradient-following algorithms …"), many nets side by side.

    mean over steps of ∇log π(a_t | s_t) A_t / √(mean of A²) + entropy · ∇H(π(· | s_t))
    A_t = G_t − b(s_t)       G_t = (1 − γ) Σ γᵏ r_{t+k}: what came after step t, at most the largest reward

The baseline b is a second net that learns G_t by least squares; it changes no expectation, only the variance. Other than in the paper
all steps of some episodes count alike, whichever episode they are of and without a factor γᵗ; A is divided by its root mean square,
so that rewards may be of any size; and the policy's entropy H is rewarded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from profundo.nets.batched_nets import BatchedMLP
from profundo.recipes.trials.kept_best import KeptBest
from profundo.recipes.trials.tasks import Copies
from profundo.records import Batch
from profundo.runs.settings.setting_values import AtLeastZero, Positive, Whole
from profundo.train import optimizer
from profundo.train.optimizers import take_step

__all__ = ["Episodes", "PolicyGradient", "PolicySettings", "played", "rewards_to_go"]


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """updates: in all, each after `episodes` episodes of a net. entropy: weight of the policy's entropy, which keeps it trying."""

    updates: Whole = 150
    episodes: Whole = 8
    learning_rate: Positive = 0.01
    entropy: AtLeastZero = 0.01


@dataclass(frozen=True, slots=True)
class Episodes:
    """seen (nets, steps, copies, observations); actions, rewards and whether the episode still went on, (nets, steps, copies)."""

    seen: Tensor
    actions: Tensor
    rewards: Tensor
    going_on: Tensor


def rewards_to_go(rewards: Tensor, discount: float) -> Tensor:
    """Σ γᵏ r_{t+k} of rewards (nets, steps, copies), which are 0 after the end."""
    result, after = torch.empty_like(rewards), torch.zeros_like(rewards[:, 0])
    for step in reversed(range(rewards.shape[1])):
        after = rewards[:, step] + discount * after
        result[:, step] = after
    return result


@torch.no_grad()
def played(net: BatchedMLP, copies: Copies) -> Episodes:
    """The first episode of each copy that has just begun, by actions drawn as the net has them likely."""
    nets, steps = len(net), []
    going_on = torch.ones(len(copies.observed), dtype=torch.bool)
    while bool(going_on.any()):
        seen = copies.observed
        shares = net(seen.view(nets, -1, seen.shape[-1])).softmax(-1)
        actions = torch.multinomial(shares.flatten(0, 1), 1)[:, 0]
        happened = copies.step(actions)
        steps.append((seen, actions, happened.rewards * going_on, going_on))
        going_on = going_on & ~happened.over
    by_kind = (torch.stack(parts) for parts in zip(*steps, strict=True))  # (steps, nets × copies, …)
    return Episodes(*(part.view(len(steps), nets, -1, *part.shape[2:]).transpose(0, 1) for part in by_kind))


class PolicyGradient:
    """An update of the loop: some episodes of every net, and a step along the gradient that they estimate.

    begun: makes copies of the task that have just begun, as many as are asked for.
    """

    def __init__(
        self,
        net: BatchedMLP,
        baseline: BatchedMLP,
        begun: Callable[[int], Copies],
        settings: PolicySettings,
        discount: float,
    ) -> None:
        self.net, self.baseline, self.kept = net, baseline, KeptBest(net)
        self.begun, self.settings, self.discount = begun, settings, discount
        self.optimizer = optimizer("adam", nn.ModuleList([net, baseline]), settings.learning_rate)

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        return {"net": self.net, "baseline": self.baseline, "kept": self.kept.net}

    @property
    def optimizers(self) -> Iterable[Optimizer]:
        return (self.optimizer,)

    def __call__(self, batch: Batch) -> Mapping[str, Tensor]:  # noqa: ARG002 - it makes what it learns from
        """The loss is that of one net on the average, the baseline's part beside it."""
        episodes = played(self.net, self.begun(len(self.net) * self.settings.episodes))
        self.optimizer.zero_grad()
        policy, baseline = self.costs(episodes)
        (policy + baseline).backward()  # type: ignore[no-untyped-call]
        take_step(self.optimizer)
        return {"loss": policy.detach() / len(self.net), "baseline": baseline.detach() / len(self.net)}

    def costs(self, episodes: Episodes) -> tuple[Tensor, Tensor]:
        """Of policies and of baselines, each the mean over steps, summed over nets."""
        seen, shape = episodes.seen.flatten(1, 2), episodes.actions.shape
        came = (1 - self.discount) * rewards_to_go(episodes.rewards, self.discount)  # at most the largest reward
        expected = self.baseline(seen).view(shape)
        weights = episodes.going_on / episodes.going_on.sum((1, 2), keepdim=True)
        ahead = came - expected.detach()
        spread = (ahead.square() * weights).sum((1, 2), keepdim=True).sqrt().clamp_min(1e-6)
        chances = self.net(seen).log_softmax(-1).view(*shape, -1)
        taken = chances.gather(-1, episodes.actions[..., None]).squeeze(-1)
        entropy = -(chances.exp() * chances).sum(-1)
        gain = taken * ahead / spread + self.settings.entropy * entropy
        return -(gain * weights).sum(), ((came - expected).square() * weights).sum()

    def state_dict(self) -> dict[str, Any]:
        return {part: getattr(self, part).state_dict() for part in ("net", "baseline", "kept", "optimizer")}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for part, own in state.items():
            getattr(self, part).load_state_dict(own)
