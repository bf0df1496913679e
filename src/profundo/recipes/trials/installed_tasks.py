"""Environments of the package gymnasium, where it is installed, as tasks: those that it brings itself, by their ids.

An environment's state cannot be saved. It can be played again: from the seed that an episode began with, by its actions so far.
To make one takes longer than to begin it anew: those that copies no longer play are lent to the next.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from profundo.recipes.trials.tasks import Happened
from profundo.records import ProfundoError

__all__ = ["InstalledTask", "installed_task"]

LONGEST = 1000  # steps of an episode whose environment names no limit
OWN = "gymnasium.envs."  # where its own environments are: what others have registered is not imported
SEEDS = 2**31


class Environments:
    """Of one name. idle: that nobody plays; closed when the last who could play them is gone."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.idle: list[Any] = []
        weakref.finalize(self, closed, self.idle)

    def lent(self, number: int) -> list[Any]:
        """As they were left: each is to be begun anew. Raises ProfundoError where what they need is not installed."""
        return [self.idle.pop() if self.idle else made(self.name) for _ in range(number)]

    def back(self, lent: Sequence[Any]) -> None:
        self.idle.extend(lent)


def closed(environments: Sequence[Any]) -> None:
    for one in environments:
        one.close()


def made(name: str) -> Any:
    import gymnasium

    try:
        return gymnasium.make(name)
    except (gymnasium.error.Error, ImportError) as error:
        why = " ".join(str(error).split())
        raise ProfundoError(
            f"task {name!r}: gymnasium cannot make it: {why}; install that, or choose another"
        ) from None


@dataclass(frozen=True)
class InstalledTask:
    """cells: of observations that are whole numbers below it; 0 where they are numbers in a row."""

    name: str
    observations: int
    actions: Sequence[str]
    longest: int
    cells: int
    environments: Environments = field(repr=False, compare=False)
    discount: float = 0.99

    def copies(self, number: int, generator: torch.Generator | None = None) -> InstalledCopies:
        return InstalledCopies(self, number, generator)

    def look(self, observed: Sequence[Any]) -> Tensor:
        """float32 (copies, observations)."""
        if self.cells:
            return F.one_hot(torch.tensor([int(one) for one in observed]), self.cells).float()
        return torch.stack([torch.as_tensor(one, dtype=torch.float32).flatten() for one in observed])


def installed_task(name: str) -> InstalledTask:
    """Raises ProfundoError where gymnasium is not installed, has no such environment of its own, or one of another kind."""
    if find_spec("gymnasium") is None:
        raise ProfundoError(
            f"task {name!r} is unknown: expected grid, cart-pole, or an environment of gymnasium, which is not installed; "
            "pip install gymnasium"
        )
    import gymnasium

    known = {id for id, spec in gymnasium.registry.items() if str(spec.entry_point).startswith(OWN)}
    if name not in known:
        raise ProfundoError(f"task {name!r}: expected grid, cart-pole, or an environment that gymnasium brings itself")
    environments = Environments(name)
    environments.idle.append(one := made(name))
    actions, seen = one.action_space, one.observation_space
    if not isinstance(actions, gymnasium.spaces.Discrete) or actions.start != 0:
        raise ProfundoError(f"task {name!r}: expected a few actions to choose among, found {actions}")
    shape: tuple[int, ...] = seen.shape or ()
    if not isinstance(seen, gymnasium.spaces.Discrete | gymnasium.spaces.Box) or len(shape) > 1:
        raise ProfundoError(f"task {name!r}: expected observations in a row of numbers, found {seen}")
    cells = int(seen.n) if isinstance(seen, gymnasium.spaces.Discrete) else 0
    longest = getattr(one.spec, "max_episode_steps", None) or LONGEST
    names = tuple(f"action {number}" for number in range(int(actions.n)))
    return InstalledTask(name, cells or shape[0], names, int(longest), cells, environments)


class InstalledCopies:
    """seeds: with which the episodes of the copies began; played: their actions since."""

    def __init__(self, task: InstalledTask, number: int, generator: torch.Generator | None) -> None:
        self.task, self.generator = task, generator
        self.made = task.environments.lent(number)
        weakref.finalize(self, task.environments.back, self.made)
        self.seeds, self.played = [0] * number, [[] for _ in range(number)]  # type: list[int], list[list[int]]
        self.seen: list[Any] = [self._begun(copy) for copy in range(number)]

    def _begun(self, copy: int) -> Any:
        self.seeds[copy] = int(torch.randint(SEEDS, (), generator=self.generator))
        self.played[copy] = []
        return self.made[copy].reset(seed=self.seeds[copy])[0]

    @property
    def observed(self) -> Tensor:
        return self.task.look(self.seen)

    def step(self, actions: Tensor) -> Happened:
        answers = [one.step(action) for one, action in zip(self.made, actions.tolist(), strict=True)]
        for played, action in zip(self.played, actions.tolist(), strict=True):
            played.append(action)
        self.seen, rewards, ended, cut, _ = map(list, zip(*answers, strict=True))
        late = [len(played) >= self.task.longest for played in self.played]
        over = [any(why) for why in zip(ended, cut, late, strict=True)]
        happened = Happened(torch.tensor(rewards).float(), torch.tensor(ended), torch.tensor(over), self.observed)
        for copy in (copy for copy, one in enumerate(over) if one):
            self.seen[copy] = self._begun(copy)
        return happened

    def state_dict(self) -> dict[str, Any]:
        return {"seeds": list(self.seeds), "played": [list(played) for played in self.played]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Plays every episode again, up to where it was."""
        self.seeds, self.played = list(state["seeds"]), [list(played) for played in state["played"]]
        for copy, (seed, played) in enumerate(zip(self.seeds, self.played, strict=True)):
            self.seen[copy] = self.made[copy].reset(seed=seed)[0]
            for action in played:
                self.seen[copy] = self.made[copy].step(action)[0]
