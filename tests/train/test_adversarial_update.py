"""The adversarial update: each player moves its own weights along its own cost, and a run can be cut anywhere."""

import copy

import pytest
import torch
from torch import nn

from profundo.records import Batch, ProfundoError
from profundo.train import Plan, Position, fit, load_checkpoint, optimizer, save_checkpoint
from profundo.train.adversarial import Adversarial
from profundo.train.averaging import averaged, follow


def costs(judge, real, made):
    return {"discriminator": judge(made).mean() - judge(real).mean(), "gap": judge(real).mean() - judge(made).mean()}


def duel(seed: int = 0, **options) -> Adversarial:
    torch.manual_seed(seed)
    generator = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
    discriminator = nn.Sequential(nn.Linear(2, 8), nn.LeakyReLU(0.2), nn.Dropout(0.2), nn.Linear(8, 1))
    optimizers = tuple(optimizer("adam", net, 0.01) for net in (generator, discriminator))
    settings = {"noise": 3, "discriminator_cost": costs, "generator_cost": lambda scores: -scores.mean(), **options}
    return Adversarial(generator, discriminator, optimizers, **settings)


def batch(size: int = 12) -> Batch:
    return Batch(torch.randn(size, 2, generator=torch.Generator().manual_seed(1)) + 2, torch.zeros(size), size)


def weights(net: nn.Module) -> list[torch.Tensor]:
    return [tensor.clone() for tensor in net.state_dict().values()]


def test_one_step_is_that_of_two_players_by_hand():
    """Plain gradient descent of linear players, whose gradients are known: scores w·x, images A z."""
    generator, discriminator = nn.Linear(3, 2, bias=False).double(), nn.Linear(2, 1, bias=False).double()
    optimizers = tuple(optimizer("sgd", net, rate) for net, rate in ((generator, 0.1), (discriminator, 0.2)))
    update = Adversarial(
        generator,
        discriminator,
        optimizers,
        noise=3,
        discriminator_cost=costs,
        generator_cost=lambda scores: -scores.mean(),
        decay=0.75,
    )
    images, weight = generator.weight.detach().clone(), discriminator.weight.detach().clone()
    update.judge = lambda x: discriminator(x).squeeze(1)  # in double precision
    update.make = lambda real: generator(torch.randn(len(real), 3).double())
    real = batch().inputs.double()
    torch.manual_seed(5)
    losses = update(Batch(real, torch.zeros(12), 12))
    torch.manual_seed(5)
    noise = torch.randn(12, 3).double()
    made = noise @ images.T
    moved = weight - 0.2 * (made.mean(0) - real.mean(0))  # d(mean w·made − mean w·real)/dw
    torch.testing.assert_close(discriminator.weight, moved)
    torch.testing.assert_close(generator.weight, images + 0.1 * torch.outer(moved[0], noise.mean(0)))
    torch.testing.assert_close(update.average.weight, 0.75 * images + 0.25 * generator.weight)
    torch.testing.assert_close(losses["generator"], -(made @ moved[0]).mean())
    torch.testing.assert_close(losses["gap"], -losses["discriminator"])


def test_gradients_stand_after_the_step_and_the_discriminators_are_of_its_own_cost():
    update = duel()
    seen = []
    cost = update.discriminator_cost

    def spy(judge, real, made):
        losses = cost(judge, real, made)
        parameters = list(update.discriminator.parameters())
        seen[:] = torch.autograd.grad(losses["discriminator"], parameters, retain_graph=True)
        return losses

    update.discriminator_cost = spy
    update(batch())
    for parameter, expected in zip(update.discriminator.parameters(), seen, strict=True):
        torch.testing.assert_close(parameter.grad, expected)
    assert all(parameter.grad is not None for parameter in update.generator.parameters())


def test_rounds_split_the_batch_into_as_many_discriminator_steps_and_one_of_the_generator():
    judged = []

    def spy(judge, real, made):
        judged.append((real, made))
        return costs(judge, real, made)

    update = duel(rounds=3, discriminator_cost=spy)
    before = weights(update.generator[3])
    given = batch()
    update(given)
    assert torch.equal(torch.cat([real for real, _ in judged]), given.inputs)  # each image once, in order
    assert [len(real) for real, _ in judged] == [4, 4, 4]
    assert not any(made.requires_grad for _, made in judged)
    steps = [next(iter(player.state.values()))["step"].item() for player in update.optimizers]
    assert steps == [1, 3]
    assert any(not torch.equal(a, b) for a, b in zip(before, weights(update.generator[3]), strict=True))


def test_a_generator_learns_where_real_samples_are():
    """Wasserstein's cost with the critic's slope held at 1: here the generator's steps point at the samples."""

    def penalised(judge, real, made):
        middle = ((real + made) / 2).requires_grad_()
        (slopes,) = torch.autograd.grad(judge(middle).sum(), middle, create_graph=True)
        cost = judge(made).mean() - judge(real).mean() + 10 * (slopes.norm(dim=1) - 1).square().mean()
        return {"discriminator": cost}

    update = duel(rounds=3, decay=0.9, discriminator_cost=penalised)
    update.discriminator[2].p = 0.0
    for group in (group for player in update.optimizers for group in player.param_groups):
        group["betas"] = (0.0, 0.9)  # as in the paper: momentum makes the players circle
    with torch.no_grad():
        before = update.average(torch.randn(500, 3)).mean(0)
    for _ in range(150):
        update(batch(48))
    with torch.no_grad():
        after = update.average(torch.randn(500, 3)).mean(0)
    real = batch(48).inputs.mean(0)
    assert (before - real).norm() > 1.5
    assert (after - real).norm() < 0.5


def test_scores_are_single_precision_under_autocast():
    update = duel(precision="bfloat16")
    kinds = []
    update.generator_cost = lambda scores: kinds.append(scores.dtype) or -scores.mean()
    losses = update(batch())
    assert kinds == [torch.float32]
    assert {loss.dtype for loss in losses.values()} == {torch.float32}


def test_a_run_cut_anywhere_ends_with_the_same_bits(tmp_path):
    """Saved as files, loaded into fresh players: weights, moving average, optimizers and noise go on."""
    whole, cut, fresh = duel(rounds=2), duel(rounds=2), duel(seed=9, rounds=2)
    batches, plan = [(batch(8).inputs + shift, torch.zeros(8)) for shift in range(4)], Plan(epochs=2)
    torch.manual_seed(3)
    history = [step.losses for step in fit(whole, batches, plan)]
    torch.manual_seed(3)
    for step in fit(cut, batches, plan):
        if step.index == 2:
            there = save_checkpoint(tmp_path, 3, {"update": cut.state_dict(), "noise": torch.get_rng_state()})
            break
    torch.manual_seed(77)
    state = load_checkpoint(there)
    fresh.load_state_dict(state["update"])
    torch.set_rng_state(state["noise"])
    rest = [step.losses for step in fit(fresh, batches, plan, Position(0, 3))]
    assert len(rest) == 5
    for ours, theirs in zip(rest, history[3:], strict=True):
        assert {name: loss.item() for name, loss in ours.items()} == {n: loss.item() for n, loss in theirs.items()}
    for name, net in whole.networks.items():
        for a, b in zip(weights(net), weights(fresh.networks[name]), strict=True):
            assert torch.equal(a, b), name


def test_a_moving_average_weighs_the_past_by_powers_of_its_decay():
    net = nn.BatchNorm1d(2)
    average = averaged(net)
    values = torch.tensor([[1.0, 5.0], [2.0, 6.0], [4.0, 8.0]])
    for value in values:
        with torch.no_grad():
            net.weight.copy_(value)
            net.running_mean.copy_(10 * value)
            net.num_batches_tracked += 1
        follow(average, net, 0.5)
    expected = 0.125 * torch.ones(2) + 0.125 * values[0] + 0.25 * values[1] + 0.5 * values[2]
    torch.testing.assert_close(average.weight, expected)
    torch.testing.assert_close(average.running_mean, 10 * (expected - 0.125))
    assert average.num_batches_tracked == 3


def test_a_moving_average_is_a_copy_that_does_not_train():
    net = nn.Linear(2, 2)
    average = averaged(net)
    before = copy.deepcopy(average.state_dict())
    with torch.no_grad():
        net.weight += 1
    assert torch.equal(average.weight, before["weight"])
    assert not average.training
    assert not any(parameter.requires_grad for parameter in average.parameters())


@pytest.mark.parametrize("decay", [-0.1, 1.0, float("nan")])
def test_a_decay_outside_its_range_is_refused(decay):
    with pytest.raises(ProfundoError, match="decay"):
        follow(averaged(nn.Linear(1, 1)), nn.Linear(1, 1), decay)


def test_both_players_are_told_the_classes_of_the_images_beside_them():
    class Told(nn.Module):
        def __init__(self, inputs, outputs):
            super().__init__()
            self.linear, self.seen = nn.Linear(inputs, outputs), []

        def forward(self, rows, classes):
            self.seen.append((rows.detach().clone(), classes))
            return self.linear(rows)

    def both_at_once(judge, real, made):
        return {"discriminator": judge(torch.cat([real, made])).mean()}

    players = Told(3, 2), Told(2, 1)
    optimizers = tuple(optimizer("sgd", net, 0.1) for net in players)
    options = {"noise": 3, "discriminator_cost": both_at_once, "generator_cost": lambda scores: scores.mean()}
    update = Adversarial(*players, optimizers, rounds=2, told=True, **options)
    shown, labels = batch(6), torch.tensor([0, 1, 2, 3, 4, 5])
    update(Batch(shown.inputs, labels, 6))
    assert [told.tolist() for _, told in players[0].seen] == [[0, 1, 2], [3, 4, 5]]
    assert [told.tolist() for _, told in players[1].seen] == [[0, 1, 2, 0, 1, 2], [3, 4, 5, 3, 4, 5], [3, 4, 5]]
    assert torch.equal(players[1].seen[1][0][:3], shown.inputs[3:])
