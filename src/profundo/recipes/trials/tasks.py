"""Tasks for learning by trial, as functions of states: a grid of cells, and a pole that is to be balanced on a cart.

Many copies of a task go on side by side, each a row of the states; what is drawn comes from the generator that is handed in, or
from PyTorch's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from profundo.records import ProfundoError

__all__ = [
    "COURSE",
    "MOVES",
    "CartPole",
    "Choice",
    "Copies",
    "GridWorld",
    "Happened",
    "OwnCopies",
    "Task",
    "optimal_values",
    "returns",
    "values_of_policy",
]

Answer = tuple[Tensor, Tensor, Tensor]
"""New states, rewards (copies,) and whether the task is over, (copies,), for good or for bad; not merely its time."""
Choice = Callable[[Tensor], Tensor]
"""A policy: observations (copies, observations) → actions (copies,)."""


@dataclass(frozen=True, slots=True)
class Happened:
    """Of a step of each copy: rewards, float32; ended: by the task itself; over: by that or by its time, so that it began anew;
    following: what was observed after it, before it began anew."""

    rewards: Tensor
    ended: Tensor
    over: Tensor
    following: Tensor


class Copies(Protocol):
    """A task so many times side by side, each begun anew when it is over."""

    @property
    def observed(self) -> Tensor:
        """Now: float32 (copies, observations)."""

    def step(self, actions: Tensor) -> Happened: ...
    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: dict[str, Any]) -> None: ...


class Task(Protocol):
    """observations: numbers that a net is told of a state; actions: in words; longest: steps of an episode; discount: of a reward
    one step later."""

    @property
    def observations(self) -> int: ...
    @property
    def actions(self) -> Sequence[str]: ...
    @property
    def longest(self) -> int: ...
    @property
    def discount(self) -> float: ...
    def copies(self, number: int, generator: torch.Generator | None = None) -> Copies: ...


def returns(copies: Copies, choose: Choice) -> Tensor:
    """The sum of the rewards of the first episode of each copy that has just begun: float32 (copies,)."""
    total, going_on = torch.zeros(len(copies.observed)), torch.ones(len(copies.observed), dtype=torch.bool)
    while bool(going_on.any()):
        happened = copies.step(choose(copies.observed))
        total += happened.rewards * going_on
        going_on &= ~happened.over
    return total


class _Own(Protocol):
    """A task that is functions of states."""

    @property
    def longest(self) -> int: ...
    def start(self, copies: int, generator: torch.Generator | None = None) -> Tensor: ...
    def look(self, states: Tensor) -> Tensor: ...
    def step(self, states: Tensor, actions: Tensor, generator: torch.Generator | None = None) -> Answer: ...


class OwnCopies:
    """Of a task that is a function of states, which are all that there is to save. states: (copies, …); steps: done, of each."""

    def __init__(self, task: _Own, number: int, generator: torch.Generator | None = None) -> None:
        self.task, self.generator = task, generator
        self.states, self.steps = task.start(number, generator), torch.zeros(number, dtype=torch.int64)

    @property
    def observed(self) -> Tensor:
        return self.task.look(self.states)

    def step(self, actions: Tensor) -> Happened:
        states, rewards, ended = self.task.step(self.states, actions, self.generator)
        self.steps += 1
        over = ended | (self.steps >= self.task.longest)
        happened = Happened(rewards.float(), ended, over, self.task.look(states))
        if bool(over.any()):
            states[over], self.steps[over] = self.task.start(int(over.sum()), self.generator), 0
        self.states = states
        return happened

    def state_dict(self) -> dict[str, Any]:
        return {"states": self.states, "steps": self.steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.states, self.steps = state["states"], state["steps"]


# ----------------------------------------------------------------------------------------------------------- cart–pole
@dataclass(frozen=True)
class CartPole:
    """A pole hinged on a cart that is pushed to the left or to the right (Barto, Sutton & Anderson 1983, without friction).

    States, float64 (copies, 4): place of the cart (m) and its speed (m/s), angle of the pole (rad, 0 upright) and its speed (rad/s).
    Euler's steps of 0.02 s; a reward of 1 for each; over where the cart leaves 2.4 m or the pole 12°. The constants, and the limit
    of 500 steps, are those that CartPole-v1 of gymnasium has.
    """

    gravity: float = 9.8
    cart: float = 1.0
    pole: float = 0.1
    half_length: float = 0.5
    force: float = 10.0
    seconds: float = 0.02
    far: float = 2.4
    tilted: float = 12 * 2 * math.pi / 360

    observations: int = 4
    actions: Sequence[str] = ("left", "right")
    longest: int = 500
    discount: float = 0.99

    def start(self, copies: int, generator: torch.Generator | None = None) -> Tensor:
        return 0.1 * torch.rand(copies, 4, dtype=torch.float64, generator=generator) - 0.05

    def copies(self, number: int, generator: torch.Generator | None = None) -> OwnCopies:
        return OwnCopies(self, number, generator)

    def look(self, states: Tensor) -> Tensor:
        return (states / torch.tensor([self.far, 2.0, self.tilted, 2.0], dtype=states.dtype)).float()

    def step(self, states: Tensor, actions: Tensor, _generator: torch.Generator | None = None) -> Answer:
        push = self.force * (2.0 * actions - 1)
        x, speed, angle, turning = states.unbind(-1)
        sine, cosine, total = angle.sin(), angle.cos(), self.cart + self.pole
        moment = self.pole * self.half_length
        common = (push + moment * turning.square() * sine) / total
        bending = (self.gravity * sine - cosine * common) / (
            self.half_length * (4 / 3 - self.pole * cosine.square() / total)
        )
        acceleration = common - moment * bending * cosine / total
        rates = torch.stack([speed, acceleration, turning, bending], -1)
        new = states + self.seconds * rates
        over = (new[..., 0].abs() > self.far) | (new[..., 2].abs() > self.tilted)
        return new, torch.ones_like(x), over

    def under_the_pole(self, observed: Tensor) -> Tensor:
        """A policy that a person may set: push to the side that the pole leans and turns to."""
        angle, turning = self.tilted * observed[:, 2], 2.0 * observed[:, 3]
        return (angle + turning > 0).long()


# ---------------------------------------------------------------------------------------------------------------- grid
COURSE = ("S....#..", ".#.#...#", ".#..##..", "..#...#.", "#...x..G")
MOVES = ((-1, 0), (0, 1), (1, 0), (0, -1))
SIGNS = {"S": "start", "G": "goal", "x": "pit", "#": "wall", ".": "floor"}


@dataclass(frozen=True)
class GridWorld:
    """Cells of floor, walls #, pits x, goals G, and S where episodes begin (all floor where there is none).

    An action moves to the next cell, or, once in ten times each, to one beside that way; against a wall or the edge it does not move.
    Every step costs 0.04; a goal gives 1 and a pit takes 1, and both end the episode (Russell & Norvig's world, in other sizes).
    States, int64 (copies,): the number of the cell, row by row. Raises ProfundoError for a map that is none.
    """

    rows: tuple[str, ...] = COURSE
    slip: float = 0.1
    cost: float = 0.04
    longest: int = 100
    discount: float = 0.97
    actions: Sequence[str] = ("up", "right", "down", "left")

    def __post_init__(self) -> None:
        widths = {len(row) for row in self.rows}
        if len(widths) != 1 or not set("".join(self.rows)) <= set(SIGNS) or not self._of("G") or not self._of("S."):
            raise ProfundoError(
                f"grid: expected rows of one length, of {', '.join(f'{sign} ({word})' for sign, word in SIGNS.items())}, with "
                f"a goal and some floor; got {list(self.rows)!r}"
            )
        if lost := [cell for cell in self.begins if not self._leads_to_goal(cell)]:
            row, column = divmod(lost[0], len(self.rows[0]))
            raise ProfundoError(
                f"grid: expected a way to a goal from every start, found none from row {row + 1}, column {column + 1}; got "
                f"{list(self.rows)!r}"
            )

    def _leads_to_goal(self, cell: int) -> bool:
        moved, signs, seen, ahead = self.moved.tolist(), "".join(self.rows), {cell}, [cell]
        while ahead:
            there = ahead.pop()
            if signs[there] == "G":
                return True
            new = set(moved[there]) - seen if signs[there] != "x" else set()
            seen |= new
            ahead += new
        return False

    def _of(self, signs: str) -> list[int]:
        return [at for at, sign in enumerate("".join(self.rows)) if sign in signs]

    @property
    def observations(self) -> int:
        return len(self.rows) * len(self.rows[0])

    @cached_property
    def floor(self) -> list[int]:
        """Cells that one can be in and go on."""
        return self._of("S.")

    @cached_property
    def begins(self) -> list[int]:
        return self._of("S") or self.floor

    @cached_property
    def moved(self) -> Tensor:
        """The cell that a move from each leads to, (cells, 4)."""
        wide, walls = len(self.rows[0]), set(self._of("#"))
        places = [divmod(cell, wide) for cell in range(self.observations)]

        def to(row: int, column: int, down: int, right: int) -> int:
            inside = 0 <= row + down < len(self.rows) and 0 <= column + right < wide
            there = (row + down) * wide + column + right
            return there if inside and there not in walls else row * wide + column

        return torch.tensor([[to(*place, *move) for move in MOVES] for place in places])

    @cached_property
    def rewards(self) -> Tensor:
        """Of coming to each cell, float64 (cells,)."""
        gains = {"G": 1.0, "x": -1.0}
        return torch.tensor([gains.get(sign, 0.0) - self.cost for sign in "".join(self.rows)], dtype=torch.float64)

    @cached_property
    def ends(self) -> Tensor:
        return torch.tensor([sign in "Gx" for sign in "".join(self.rows)])

    @cached_property
    def chances(self) -> Tensor:
        """Of each cell after an action in a cell: (cells, actions, cells), float64."""
        result = torch.zeros(self.observations, 4, self.observations, dtype=torch.float64)
        for turn, share in ((0, 1 - 2 * self.slip), (1, self.slip), (3, self.slip)):
            result += share * F.one_hot(self.moved.roll(-turn, 1), self.observations)
        return result

    def shortest_way(self, observed: Tensor) -> Tensor:
        """A policy that a person may set: the way with fewest steps to a goal, as if one never slipped."""
        return self.straight_on[observed.argmax(1)]

    @cached_property
    def straight_on(self) -> Tensor:
        return optimal_values(replace(self, slip=0.0)).argmax(1)

    def start(self, copies: int, generator: torch.Generator | None = None) -> Tensor:
        return torch.tensor(self.begins)[torch.randint(len(self.begins), (copies,), generator=generator)]

    def copies(self, number: int, generator: torch.Generator | None = None) -> OwnCopies:
        return OwnCopies(self, number, generator)

    def look(self, states: Tensor) -> Tensor:
        return F.one_hot(states, self.observations).float()

    def step(self, states: Tensor, actions: Tensor, generator: torch.Generator | None = None) -> Answer:
        drawn = torch.rand(states.shape, generator=generator, dtype=torch.float64)
        turn = (drawn < self.slip).long() - (drawn >= 1 - self.slip).long()
        new = self.moved[states, (actions + turn) % 4]
        return new, self.rewards[new], self.ends[new]


def optimal_values(grid: GridWorld, precision: float = 1e-10) -> Tensor:
    """Q*(cell, action), by value iteration (Bellman 1957): (cells, 4), of the cells that go on. The oracle of what is learned."""
    going_on = (~grid.ends).double()
    q = torch.zeros(grid.observations, 4, dtype=torch.float64)
    while True:
        new = grid.chances @ (grid.rewards + grid.discount * going_on * q.max(1).values)
        if float((new - q).abs().max()) < precision:
            return new
        q = new


def values_of_policy(grid: GridWorld, policy: Tensor) -> Tensor:
    """Expected discounted reward from each cell under probabilities of actions (cells, 4): V = (I − γP)⁻¹ r, (cells,), exactly."""
    moves = (policy.double()[:, :, None] * grid.chances).sum(1)
    reward = moves @ grid.rewards
    onward = grid.discount * moves * (~grid.ends).double()
    values: Tensor = torch.linalg.solve(torch.eye(grid.observations, dtype=torch.float64) - onward, reward)
    return values
