"""A game of several players: whose turn it is moves, by its own cost, and the others stay; it is the same game cut anywhere."""

import torch
from torch import nn

from profundo.objectives.adversarial_losses import discriminator_cost, generator_cost
from profundo.records import Batch
from profundo.train import Plan, Position, fit, load_checkpoint, optimizer, save_checkpoint
from profundo.train.adversarial import Adversarial
from profundo.train.game import Game


def batch(size: int = 12, shift: float = 0.0) -> Batch:
    draws = torch.Generator().manual_seed(1)
    return Batch(torch.randn(size, 2, generator=draws) + 2 + shift, torch.zeros(size), size)


def nets(seed: int = 0) -> dict[str, nn.Module]:
    torch.manual_seed(seed)
    generator = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
    return {"generator": generator, "discriminator": nn.Sequential(nn.Linear(2, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))}


def of_noise(seed: int = 0, decay: float = 0.9) -> Game:
    """The game that Adversarial plays."""
    both = nets(seed)
    generator, discriminator = both.values()

    def turns(given):
        made = generator(torch.randn(len(given.inputs), 3))
        real, fake = (discriminator(images).squeeze(1) for images in (given.inputs, made.detach()))
        yield "discriminator", {"discriminator": discriminator_cost(real, fake)}
        yield "generator", {"generator": generator_cost(discriminator(made).squeeze(1))}

    players = {name: optimizer("adam", net, 0.01) for name, net in both.items()}
    return Game(both, players, turns, average=["generator"], decay=decay)


def test_the_game_of_noise_is_that_of_adversarial_to_the_bit():
    ours, both = of_noise(), nets()
    theirs = Adversarial(
        *both.values(),
        tuple(optimizer("adam", net, 0.01) for net in both.values()),
        noise=3,
        discriminator_cost=lambda judge, real, made: {"discriminator": discriminator_cost(judge(real), judge(made))},
        generator_cost=generator_cost,
        decay=0.9,
    )
    told = []
    for update in (ours, theirs):
        torch.manual_seed(5)
        told.append([update(batch(shift=shift)) for shift in range(4)])
    assert told[0] == told[1]
    for mine, other in ((ours.nets["generator"], theirs.generator), (ours.averages["generator"], theirs.average)):
        assert all(
            torch.equal(a, b) for a, b in zip(mine.state_dict().values(), other.state_dict().values(), strict=True)
        )


def test_each_of_three_players_moves_its_own_by_its_own_cost_after_those_before():
    """Plain descent on products, whose slopes are the other factors as they are when it is their turn."""
    a, b, c = (nn.Parameter(torch.tensor(value)) for value in (1.0, 2.0, 3.0))
    held = {name: nn.ParameterList([value]) for name, value in zip("abc", (a, b, c), strict=True)}

    def turns(_):
        yield "a", {"a": a * b * c}
        yield "c", {"c": a * b * c, "sum": a + b + c}

    told = Game(held, {"a": optimizer("sgd", held["a"], 0.125), "c": optimizer("sgd", held["c"], 0.5)}, turns)(batch())
    assert a.item() == 1 - 0.125 * 6
    assert c.item() == 3 - 0.5 * a.item() * 2
    assert b.item() == 2
    assert b.grad is None
    assert (told["a"].item(), told["sum"].item()) == (6.0, a.item() + 2 + 3)
    assert not any(cost.requires_grad for cost in told.values())


def test_a_game_cut_anywhere_ends_with_the_same_bits(tmp_path):
    whole, cut, fresh = of_noise(), of_noise(), of_noise(seed=9)
    batches, plan = [(batch(8, shift).inputs, torch.zeros(8)) for shift in range(4)], Plan(epochs=2)
    torch.manual_seed(3)
    history = [step.losses for step in fit(whole, batches, plan)]
    torch.manual_seed(3)
    for step in fit(cut, batches, plan):
        if step.index == 2:
            there = save_checkpoint(tmp_path, 3, {"update": cut.state_dict(), "noise": torch.get_rng_state()})
            break
    state = load_checkpoint(there)
    fresh.load_state_dict(state["update"])
    torch.set_rng_state(state["noise"])
    rest = [step.losses for step in fit(fresh, batches, plan, Position(0, 3))]
    assert rest == history[3:]
    for name, net in whole.networks.items():
        other = fresh.networks[name].state_dict()
        assert all(torch.equal(value, other[key]) for key, value in net.state_dict().items())
