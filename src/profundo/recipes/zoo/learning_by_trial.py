"""Learning by trial: deep Q-learning (Mnih et al. 2015) and REINFORCE with a baseline (Williams 1992).

Data: none but what comes of actions. A pole is to be balanced on a cart (Barto, Sutton & Anderson 1983; at most 500 steps), and a way
found through a grid on which one slips (recipes/trials/tasks.py). Of each method several nets with one hidden layer learn side by
side, each from its own trials; of each the weights are kept with which it did best in episodes apart. The grid's values are also
computed, by value iteration: the oracle of what was learned. gymnasium's own environments are tasks, too, where it is installed.

Result (seed 0, ten nets each, mean return of 100 episodes with its 95 % interval over nets). Cart–pole: REINFORCE 498.9 (497–501),
deep Q 394 (323–465, the worst net 189); random actions 24, a policy set by hand 482, the most 500. Grid: deep Q 0.398 (0.381–0.415),
REINFORCE 0.350 (0.305–0.395); the shortest way, which a person may set, 0.398, random actions −3.4. About 65 s on one core of an AMD
EPYC, no GPU. Means of seeds 0, 1, 2 (Intel Xeon): the pole 498, 498, 495 and 379, 428, 454, the grid 0.395, 0.399, 0.386 by deep Q
and 0.350, 0.290, 0.295 by REINFORCE. Settings are first guesses, none was tuned; that deep Q forgets the pole again and again is in
its curve.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from profundo.data.full_batch import Whole as Turns
from profundo.evaluate.spread import spread, student
from profundo.nets.batched_nets import BatchedMLP
from profundo.pictures.charts import Line, lines_svg
from profundo.pictures.exhibits import Chart, Exhibit, Film, Images, Table
from profundo.pictures.film import sheet
from profundo.pictures.numbers import percent, plain
from profundo.recipes.context import Context
from profundo.recipes.recipe import Model, Outcome, Recipe
from profundo.recipes.trials.deep_q import DeepQ, QSettings
from profundo.recipes.trials.installed_tasks import installed_task
from profundo.recipes.trials.kept_best import greedy
from profundo.recipes.trials.policy_gradient import PolicyGradient, PolicySettings
from profundo.recipes.trials.task_scenes import cart_pole_scene, grid_scene
from profundo.recipes.trials.tasks import (
    COURSE,
    CartPole,
    Choice,
    GridWorld,
    Task,
    optimal_values,
    returns,
    values_of_policy,
)
from profundo.records import ProfundoError
from profundo.runs.settings.setting_values import Several, Whole
from profundo.train import Plan

__all__ = ["RECIPE", "Settings", "generate", "networks", "run"]

METHODS = ("deep Q", "REINFORCE")
COURSE_OF = ("least return", "return", "greatest return")  # of the nets, in the history
SHOWN = 4  # steps from one frame of a film to the next


@dataclass(frozen=True, slots=True)
class Settings:
    """tasks: cart-pole, grid, or environments of gymnasium; grid: the rows of its map. nets: that learn side by side; width: of
    their hidden layer. watched: episodes of each net after each epoch, by which the weights are kept; judged: afterwards, others.
    """

    tasks: Annotated[tuple[str, ...], Field(min_length=1)] = ("cart-pole", "grid")
    grid: tuple[str, ...] = COURSE
    nets: Several = 10
    width: Whole = 64
    epochs: Whole = 20
    watched: Whole = 10
    judged: Whole = 100
    q: QSettings = field(default_factory=QSettings)
    policy: PolicySettings = field(default_factory=PolicySettings)


@dataclass(frozen=True, slots=True)
class Learned:
    """One method at one task. course: least, mean and greatest return of the nets after each epoch; reached: mean return of each net,
    (nets,), in the episodes that judge; limits: of what an episode can come to."""

    net: BatchedMLP
    course: tuple[Sequence[float], Sequence[float], Sequence[float]]
    reached: Tensor
    limits: tuple[float, float] = (-math.inf, math.inf)

    @property
    def usual(self) -> int:
        """The net of the median return."""
        return int(self.reached.argsort(stable=True)[len(self.reached) // 2])


def task_of(name: str, settings: Settings) -> Task:
    own: Mapping[str, Callable[[], Task]] = {"cart-pole": CartPole, "grid": partial(GridWorld, settings.grid)}
    return own[name]() if name in own else installed_task(name)


def networks(settings: Settings, known: Mapping[str, Any]) -> dict[str, nn.Module]:
    """By task and method, all nets side by side."""
    return {
        f"{task}, {method}": BatchedMLP(settings.nets, observations, settings.width, actions, "relu")
        for task, (observations, actions) in known["sizes"].items()
        for method in METHODS
    }


def run(context: Context, settings: Settings) -> Outcome:
    tasks = {name: task_of(name, settings) for name in settings.tasks}
    known = {"sizes": {name: [task.observations, len(task.actions)] for name, task in tasks.items()}}
    learned = {
        name: {method: learn(context, settings, task, name, method) for method in METHODS}
        for name, task in tasks.items()
    }
    simple = {name: simple_policies(context, settings, task, name) for name, task in tasks.items()}
    named = {(name, method): one for name, some in learned.items() for method, one in some.items()}
    return Outcome(
        scores={f"{name} return, {method}": float(one.reached.mean()) for (name, method), one in named.items()},
        baseline={f"{name} return, {method}": list(simple[name].values())[-1] for name, method in named},
        against={f"{name} return, {method}": list(simple[name])[-1] for name, method in named},
        exhibits=[
            *(scene for name, task in tasks.items() for scene in scenes(context, task, learned[name])),
            *(course_chart(name, learned[name], simple[name]) for name in tasks),
            return_table(learned, simple),
        ],
        networks={f"{name}, {method}": one.net for (name, method), one in named.items()},
        known=known,
        conclusion=" ".join(sentence(name, learned[name], simple[name]) for name in tasks),
    )


# ------------------------------------------------------------------------------------------------------------- learning
def learn(context: Context, settings: Settings, task: Task, name: str, method: str) -> Learned:
    label, sizes = f"{name}, {method}", {name: [task.observations, len(task.actions)]}
    net = networks(settings, {"sizes": sizes})[label]
    assert isinstance(net, BatchedMLP)
    update, updates = update_of(method, net, task, settings)
    blank = torch.zeros(1)

    def watched() -> Mapping[str, float]:
        """The same episodes after every epoch, so that nets and not luck are compared."""
        reached = judged(context, task, net, settings.watched, f"{label}, watched")
        update.kept.judge(net, reached)
        return dict(zip(COURSE_OF, (float(reached.min()), float(reached.mean()), float(reached.max())), strict=True))

    trained = context.train(
        update,
        Turns(blank, blank, max(1, updates // settings.epochs)),  # no data: what an update learns from, it tries itself
        Plan(settings.epochs),
        name=label,
        validate=watched,
    )
    least, mean, most = (trained.history[column] for column in COURSE_OF)
    reached = judged(context, task, update.kept.net, settings.judged, f"{name}, judged")
    learned = Learned(update.kept.net, (least, mean, most), reached)
    return (
        replace(learned, limits=(0.0, task.longest)) if isinstance(task, CartPole) else learned
    )  # a reward of 1 a step


def update_of(method: str, net: BatchedMLP, task: Task, settings: Settings) -> tuple[DeepQ | PolicyGradient, int]:
    """And how many of its updates there are."""
    if method == "deep Q":
        return DeepQ(net, task.copies(settings.nets * settings.q.copies), settings.q, task.discount), settings.q.updates
    baseline = BatchedMLP(settings.nets, task.observations, settings.width, 1, "relu")
    return PolicyGradient(net, baseline, task.copies, settings.policy, task.discount), settings.policy.updates


def judged(context: Context, task: Task, net: BatchedMLP, episodes: int, name: str) -> Tensor:
    """Mean return of each net that takes the actions it thinks best, in so many episodes, the same for the same name: (nets,)."""
    copies = task.copies(len(net) * episodes, context.generator(name))
    return returns(copies, greedy(net)).view(len(net), -1).mean(1)


def simple_policies(context: Context, settings: Settings, task: Task, name: str) -> dict[str, float]:
    """Mean return of actions drawn at random, and of those that a person sets."""
    draws = context.generator(f"{name}, random")

    def random(observed: Tensor) -> Tensor:
        return torch.randint(len(task.actions), observed.shape[:1], generator=draws)

    policies: dict[str, Choice] = {"random actions": random}
    if isinstance(task, CartPole):
        policies["hand-set policy"] = task.under_the_pole
    if isinstance(task, GridWorld):
        policies["hand-set policy"] = task.shortest_way
    return {
        title: float(returns(task.copies(settings.judged, context.generator(f"{name}, {title}")), choose).mean())
        for title, choose in policies.items()
    }


# ------------------------------------------------------------------------------------------------------------- exhibits
def scenes(context: Context, task: Task, learned: Mapping[str, Learned]) -> list[Exhibit]:
    """What there is to see of a task: of an installed one nothing."""
    if isinstance(task, CartPole):
        return [balancing(context, task, learned)]
    return [ways_out(task, learned)] if isinstance(task, GridWorld) else []


def balancing(context: Context, task: CartPole, learned: Mapping[str, Learned]) -> Film:
    untrained = BatchedMLP(1, task.observations, 8, len(task.actions), "relu")
    players: dict[str, Choice] = {"untrained": greedy(untrained)}
    players |= {method: alone(one.net, one.usual) for method, one in learned.items()}
    episodes = {title: states_of(task, choose, context.generator("film")) for title, choose in players.items()}
    frames = [
        sheet(torch.stack([scene_at(task, states, at, title) for title, states in episodes.items()]), len(episodes))
        for at in range(0, max(map(len, episodes.values())), SHOWN)
    ]
    return Film(
        "The pole stays up",
        f"From the same beginning: a net that learned nothing, and of each method the net whose return is the median. Look how small "
        f"the movements are that keep it upright; a pole that fell, beyond 12°, stays where it was. A frame for {SHOWN} steps of "
        f"0.02 s; an episode ends after {task.longest} steps.",
        torch.stack(frames),
        0.02 * SHOWN,
        is_written_on=True,
    )


def scene_at(task: CartPole, states: Sequence[Sequence[float]], at: int, title: str) -> Tensor:
    now = min(at, len(states) - 1)
    return cart_pole_scene(task, states[now], f"{title}, step {now}")


def alone(net: BatchedMLP, number: int) -> Choice:
    one = net.alone(number)

    @torch.no_grad()
    def choose(observed: Tensor) -> Tensor:
        outputs: Tensor = one(observed)
        return outputs.argmax(-1)

    return choose


def states_of(task: CartPole, choose: Choice, generator: torch.Generator) -> list[list[float]]:
    """Of one episode, with the one that ends it."""
    state, states = task.start(1, generator), []
    for _ in range(task.longest):
        states.append(state[0].tolist())
        state, _, over = task.step(state, choose(task.look(state)))
        if bool(over):
            return [*states, state[0].tolist()]
    return states


def ways_out(task: GridWorld, learned: Mapping[str, Learned]) -> Images:
    best = optimal_values(task)
    values = {"value iteration: the truth": best.max(1).values}
    actions = {"value iteration: the truth": best.argmax(1)}
    for method, one in learned.items():
        said = cell_outputs(task, one)
        title = f"{method}, the net of median return"
        actions[title] = said.argmax(1)
        is_value = method == "deep Q"
        values[title] = said.max(1).values if is_value else values_of_policy(task, F.one_hot(actions[title], 4))
    right = {
        method: float(
            (best.gather(1, actions[title][:, None])[:, 0] > best.max(1).values - 1e-3)[task.floor].double().mean()
        )
        for title, method in zip(list(actions)[1:], learned, strict=True)
    }
    told = ", ".join(f"{percent(share, 0)} of {method}'s" for method, share in right.items())
    return Images(
        "The way out, and what each cell is worth",
        f"Arrows: the action thought best; numbers: the sum of discounted rewards from there on, as value iteration computes it, "
        f"as the deep Q-net believes, and as REINFORCE's policy really gets it. Look beside the pit, where one may slip: {told} "
        "arrows are best actions. Cells on no way from the start were hardly ever tried.",
        torch.stack([grid_scene(task, values[title], actions[title], title) for title in values]),
        columns=2,
        is_written_on=True,
    )


@torch.no_grad()
def cell_outputs(task: GridWorld, one: Learned) -> Tensor:
    """Of the net of median return, for each cell: (cells, 4)."""
    said: Tensor = one.net.alone(one.usual)(task.look(torch.arange(task.observations)))
    return said.double()


def course_chart(name: str, learned: Mapping[str, Learned], simple: Mapping[str, float]) -> Chart:
    lines = []
    for method, one in learned.items():
        least, mean, most = one.course
        lines.append(Line(method, range(1, len(mean) + 1), mean, least, most))
    last = max(len(line.x) for line in lines)
    lines += [Line(title, [1, last], [value, value]) for title, value in simple.items()]
    return Chart(
        f"Learning, {name}",
        "Return after each epoch, mean of the nets; the band goes from the worst to the best of them. Nets get worse again now and "
        "then: of each, the weights of its best epoch are kept.",
        lines_svg(lines, x_label="epoch", y_label="return of an episode", log_y=False),
    )


def interval(one: Learned) -> tuple[float, float]:
    """95 % of the mean over nets, by Student's distribution, as far as there are such returns."""
    figures = spread(one.reached.tolist())
    half = student(figures.number - 1) * figures.standard_error if figures.number > 1 else 0.0
    least, most = one.limits
    return max(least, figures.mean - half), min(most, figures.mean + half)


def return_table(learned: Mapping[str, Mapping[str, Learned]], simple: Mapping[str, Mapping[str, float]]) -> Table:
    rows: list[list[str | float]] = []
    for name, some in learned.items():
        for method, one in some.items():
            extremes = float(one.reached.min()), float(one.reached.max())
            rows.append([name, method, float(one.reached.mean()), *interval(one), *extremes])
        rows += [[name, title, value, *[value] * 4] for title, value in simple[name].items()]
    return Table(
        "Returns",
        "Mean return of an episode, in episodes that no choice was made by: over nets, its 95 % interval, worst and best net.",
        ["task", "by", "mean", "from", "to", "worst", "best"],
        rows,
    )


def sentence(name: str, learned: Mapping[str, Learned], simple: Mapping[str, float]) -> str:
    parts = [
        f"{method} {plain(float(one.reached.mean()))} ({' to '.join(map(plain, interval(one)))})"
        for method, one in learned.items()
    ]
    nets = len(next(iter(learned.values())).reached)
    beside = ", ".join(f"{title} {plain(value)}" for title, value in simple.items())
    return f"Return at {name}, mean of {nets} nets with its 95 % interval: {', '.join(parts)}; {beside}."


def generate(model: Model, count: int, generator: torch.Generator, _prompt: str) -> list[Exhibit]:
    """New episodes of the cart and its pole, by the first net of each method in turn.

    Raises ProfundoError for a run without that task.
    """
    nets = {name: net for name, net in model.networks.items() if name.startswith("cart-pole")}
    if not nets:
        raise ProfundoError("this run has learned no task that can be filmed; cart-pole can")
    task = CartPole()
    films: list[Exhibit] = []
    for number in range(count):
        name, net = list(nets.items())[number % len(nets)]
        assert isinstance(net, BatchedMLP)
        states = states_of(task, alone(net, number // len(nets) % len(net)), generator)
        frames = [scene_at(task, states, at, name.partition(", ")[2]) for at in range(0, len(states), SHOWN)]
        told = f"{name}, net {number // len(nets) % len(net)}: {len(states)} steps."
        films.append(Film(f"Episode {number + 1}", told, torch.stack(frames), 0.02 * SHOWN))
    return films


RECIPE = Recipe(
    Settings,
    Settings(
        nets=3,
        width=32,
        epochs=2,
        watched=2,
        judged=5,
        q=QSettings(updates=400, renewed=50),
        policy=PolicySettings(updates=10, episodes=4),
    ),
    run,
    networks=networks,
    generate=generate,
)
