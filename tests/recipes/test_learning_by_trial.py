"""Learning by trial: tasks as others compute them, rules as their formulas say, nets that do not touch each other."""

import sys
from dataclasses import replace
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from profundo.nets.batched_nets import BatchedMLP
from profundo.recipes.recipe_run import run_recipe
from profundo.recipes.trials.deep_q import DeepQ, QSettings, Replay, bootstrapped
from profundo.recipes.trials.installed_tasks import installed_task
from profundo.recipes.trials.kept_best import KeptBest, greedy
from profundo.recipes.trials.policy_gradient import Episodes, PolicyGradient, PolicySettings, played, rewards_to_go
from profundo.recipes.trials.tasks import CartPole, GridWorld, Happened, optimal_values, returns, values_of_policy
from profundo.recipes.zoo.learning_by_trial import Learned, interval
from profundo.records import Batch, ProfundoError

GYMNASIUM = [  # 1.4.0, CartPole-v1, reset(seed=3) and reset(seed=11): actions, first state, last state, whether it ended
    (
        "RRLRLLRRLRLRLLLRRRLL",
        [-0.04143508328563757, -0.02631894934039003, 0.030127446520639686, 0.008216203606436781],
        [0.026311463404494036, -0.019161305312376142, -0.08872006531337442, -0.1502397778063314],
        False,
    ),
    (
        "RRRRRRRRR",
        [-0.03714297972308004, -7.221375598850249e-05, 0.010149835762335746, -0.04713109916280555],
        [0.10341516626397054, 1.759526689478089, -0.21169366149034552, -2.8062991008182663],
        True,
    ),
]
RUSSELL_NORVIG = GridWorld(("...G", ".#.x", "S..."), discount=1.0)
NOTHING = Batch(torch.zeros(1), torch.zeros(1), 1)


@pytest.mark.parametrize(("actions", "first", "last", "ended"), GYMNASIUM)
def test_the_pole_moves_as_gymnasiums(actions, first, last, ended):
    task, state = CartPole(), torch.tensor([first], dtype=torch.float64)
    for at, action in enumerate(actions):
        state, reward, over = task.step(state, torch.tensor([int(action == "R")]))
        assert bool(over) == (ended and at == len(actions) - 1)
        assert reward.tolist() == [1.0]
    assert state[0].tolist() == pytest.approx(last, rel=1e-12)


def test_value_iteration_finds_the_published_values_of_russell_and_norvigs_world():
    values = optimal_values(RUSSELL_NORVIG).max(1).values.view(3, 4)
    published = [[0.812, 0.868, 0.918], [0.762, None, 0.660], [0.705, 0.655, 0.611, 0.388]]
    for row, line in enumerate(published):
        for column, value in enumerate(line):
            if value is not None:
                assert float(values[row, column]) == pytest.approx(value, abs=6e-4)


def test_the_value_of_a_policy_is_the_mean_of_what_it_gets():
    best = F.one_hot(optimal_values(RUSSELL_NORVIG).argmax(1), 4)
    expected = float(values_of_policy(RUSSELL_NORVIG, best)[8])
    got = returns(
        RUSSELL_NORVIG.copies(4000, torch.Generator().manual_seed(0)), lambda seen: best[seen.argmax(1)].argmax(1)
    )
    assert float(got.mean()) == pytest.approx(expected, abs=4 * float(got.std()) / 4000**0.5)


def test_one_slips_as_often_as_the_chances_say():
    grid, draws = GridWorld(slip=0.2), torch.Generator().manual_seed(1)
    cell = grid.floor[5]
    new, _, _ = grid.step(torch.full((20_000,), cell), torch.full((20_000,), 2), draws)
    seen = new.bincount(minlength=grid.observations) / 20_000
    assert seen.numpy() == pytest.approx(grid.chances[cell, 2].numpy(), abs=0.015)
    assert grid.chances.sum(2).numpy() == pytest.approx(np.ones((grid.observations, 4)))


def test_rewards_to_go_and_targets_are_their_formulas():
    rewards = torch.rand(2, 6, 3)
    togo = rewards_to_go(rewards, 0.9)
    for step in range(6):
        expected = sum(0.9 ** (later - step) * rewards[:, later] for later in range(step, 6))
        assert togo[:, step].numpy() == pytest.approx(expected.numpy(), rel=1e-5)
    aims = bootstrapped(
        torch.tensor([1.0, 1.0]), torch.tensor([False, True]), torch.tensor([[2.0, 5.0], [9.0, 9.0]]), 0.5
    )
    assert aims.tolist() == [3.5, 1.0]


def test_the_memory_holds_each_nets_last_steps():
    memory = Replay(2, 4, 1)
    for step in range(6):
        each = torch.tensor([[step], [100.0 + step]])
        happened = Happened(each[:, 0], torch.tensor([False, True]), torch.tensor([False, True]), each + 0.5)
        memory.add(each, torch.tensor([0, 1]), happened)
    assert sorted(memory.seen[0, :, 0].tolist()) == [2, 3, 4, 5]
    seen, following, actions, rewards, ended = memory.drawn(50)
    assert (following - seen == 0.5).all()
    assert (seen[1] >= 102).all()
    assert torch.equal(rewards, seen[..., 0])
    assert actions.tolist() == [[0] * 50, [1] * 50]
    assert ended.tolist() == [[False] * 50, [True] * 50]


def episodes_of(nets, steps, copies, seed=0):
    draws = torch.Generator().manual_seed(seed)
    seen = torch.randn(nets, steps, copies, 3, generator=draws)
    actions = torch.randint(2, (nets, steps, copies), generator=draws)
    lengths = torch.randint(1, steps + 1, (nets, 1, copies), generator=draws)
    going_on = torch.arange(steps)[None, :, None] < lengths
    return Episodes(seen, actions, torch.rand(nets, steps, copies, generator=draws) * going_on, going_on)


def learner(nets=2):
    return PolicyGradient(
        BatchedMLP(nets, 3, 4, 2), BatchedMLP(nets, 3, 4, 1), CartPole().copies, PolicySettings(entropy=0.0), 0.9
    )


def test_the_policys_gradient_is_williams_formula():
    update, episodes = learner(1), episodes_of(1, 5, 4)
    update.costs(episodes)[0].backward()
    with torch.no_grad():
        ahead = 0.1 * rewards_to_go(episodes.rewards, 0.9) - update.baseline(episodes.seen.flatten(1, 2)).view(1, 5, 4)
        on = episodes.going_on
        ahead = ahead / ahead[on].square().mean().sqrt()
        shares = update.net(episodes.seen.flatten(1, 2)).softmax(-1).view(1, 5, 4, 2)
        steps = (F.one_hot(episodes.actions, 2) - shares) * ahead[..., None]  # ∂ log π / ∂ logits = 1 − π
        expected = -steps[on].mean(0)
    assert update.net.output_bias.grad[0, 0].numpy() == pytest.approx(expected.numpy(), rel=1e-4, abs=1e-6)


def test_nets_side_by_side_do_not_touch():
    torch.manual_seed(0)
    update, gradients = learner(), []
    first = episodes_of(2, 5, 4)
    for other in (1, 2):
        changed = episodes_of(2, 5, 4, seed=other)
        mixed = Episodes(
            *(torch.stack([getattr(first, part)[0], getattr(changed, part)[1]]) for part in first.__slots__)
        )
        update.optimizer.zero_grad()
        sum(update.costs(mixed)).backward()
        gradients.append(update.net.hidden_weight.grad.clone())
    assert torch.equal(gradients[0][0], gradients[1][0])
    assert not torch.equal(gradients[0][1], gradients[1][1])


def test_an_episode_that_is_played_ends_for_each_copy_by_itself():
    net = BatchedMLP(2, 4, 3, 2)
    episodes = played(net, CartPole().copies(6))
    lengths = episodes.going_on.sum(1)
    assert torch.equal(episodes.rewards.sum(1), lengths.float())
    assert (episodes.going_on.int().diff(dim=1) <= 0).all()
    assert int(lengths.max()) == episodes.seen.shape[1]


def test_deep_q_learns_the_values_of_a_corridor():
    torch.manual_seed(0)
    grid = GridWorld(("S..G",), slip=0.0)
    update = DeepQ(
        BatchedMLP(2, 4, 16, 4, "relu"),
        grid.copies(8),
        QSettings(updates=500, renewed=20, learning_rate=0.01, exploring=1.0),
        grid.discount,
    )
    for _ in range(500):
        update(NOTHING)
    best = optimal_values(grid)[:3]
    with torch.no_grad():
        said = update.net(grid.look(torch.arange(3)))
    assert (said.argmax(-1) == 1).all()
    assert float((said.double() - best).abs().mean()) < 0.1
    assert float(returns(grid.copies(2), greedy(update.net)).min()) == pytest.approx(0.88)


def test_of_each_net_the_best_weights_are_kept():
    net = BatchedMLP(2, 3, 4, 2)
    kept, before = KeptBest(net), net.hidden_weight.detach().clone()
    kept.judge(net, torch.tensor([1.0, 5.0]))
    with torch.no_grad():
        net.hidden_weight.add_(1)
    kept.judge(net, torch.tensor([2.0, 4.0]))
    assert torch.equal(kept.net.hidden_weight[0], before[0] + 1)
    assert torch.equal(kept.net.hidden_weight[1], before[1])
    assert kept.best.tolist() == [2.0, 5.0]


def test_what_is_no_task_and_no_map_is_refused_in_a_line():
    for grid in ((".#", "."), ("S.", ".?"), ("S.", ".."), ("GG", "##")):
        with pytest.raises(ProfundoError, match="grid: expected rows of one length") as refused:
            GridWorld(grid)
        assert "\n" not in str(refused.value)
    for name in ("os:system", "pendulum"):
        with pytest.raises(ProfundoError, match=r"expected grid, cart-pole, or an environment") as refused:
            run_recipe("learning-by-trial", {"tasks": [name]}, quick=True, out=False)
        assert "\n" not in str(refused.value)


class Actions:
    n, start = 2, 0


class Seen:
    shape = (1,)


class Counting:
    """An environment in which nothing happens."""

    def __init__(self, counts):
        self.action_space, self.observation_space, self.spec = Actions(), Seen(), None
        self.counts = counts
        counts.append("made")

    def reset(self, seed):
        return [float(seed)], {}

    def close(self):
        self.counts.append("closed")


@pytest.fixture
def standing_in(monkeypatch):
    """A module gymnasium of two environments, one of which needs what is not installed; and what was done."""
    counts, module = [], ModuleType("gymnasium")
    module.__spec__ = ModuleSpec("gymnasium", None)
    module.spaces = SimpleNamespace(Discrete=Actions, Box=Seen)
    module.error = SimpleNamespace(Error=type("Error", (Exception,), {}))
    own = SimpleNamespace(entry_point="gymnasium.envs.some:Some")
    module.registry = {"Plain-v0": own, "Lander-v0": own, "Tabular-v0": own}

    def make(name):
        if name == "Plain-v0":
            return Counting(counts)
        raise {"Lander-v0": module.error.Error, "Tabular-v0": ModuleNotFoundError}[name]("no Box2D,\npip install it")

    module.make = make
    monkeypatch.setitem(sys.modules, "gymnasium", module)
    return counts


@pytest.mark.usefixtures("standing_in")
@pytest.mark.parametrize("name", ["Lander-v0", "Tabular-v0"])
def test_an_environment_that_needs_what_is_not_installed_is_refused_in_a_line(name):
    with pytest.raises(ProfundoError, match=f"task '{name}': gymnasium cannot make it: no Box2D, pip install it"):
        installed_task(name)


def test_environments_are_made_once_begun_anew_and_closed_at_the_end(standing_in):
    task = installed_task("Plain-v0")
    for _ in range(5):
        task.copies(8)
    kept, others = task.copies(3), task.copies(8)
    assert not set(map(id, kept.made)) & set(map(id, others.made))
    assert standing_in == ["made"] * 11
    del task, others
    assert "closed" not in standing_in  # they are played
    del kept
    assert standing_in.count("closed") == 11


def test_installed_environments_are_played_again_to_where_they_were():
    pytest.importorskip("gymnasium")
    task = installed_task("CartPole-v1")
    assert (task.observations, len(task.actions), task.longest) == (4, 2, 500)
    copies, other = (task.copies(3, torch.Generator().manual_seed(0)) for _ in range(2))
    for step in range(25):
        copies.step(torch.tensor([step % 2, 1, 0]))
    other.load_state_dict(copies.state_dict())
    assert torch.equal(copies.observed, other.observed)
    with pytest.raises(ProfundoError, match="a few actions to choose among"):
        installed_task("Pendulum-v1")


def test_an_interval_ends_where_returns_do():
    one = Learned(BatchedMLP(3, 4, 2, 2, "relu"), ((), (), ()), torch.tensor([500.0, 500.0, 20.0]), (0.0, 500.0))
    assert interval(one) == (0.0, 500.0)
    assert interval(replace(one, limits=(-1e9, 1e9)))[1] > 500


def test_a_grid_whose_goal_cannot_be_reached_from_a_start_is_refused():
    with pytest.raises(ProfundoError, match="found none from row 1, column 1"):
        GridWorld(("S#.x", "##..", "...G"))
    with pytest.raises(ProfundoError, match="found none"):
        GridWorld(("SxG",))
    GridWorld(("S..x", ".#..", "...G"))
