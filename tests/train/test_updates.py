"""Descent against a step written by hand, and the film of a training."""

import torch
from torch import nn

from profundo.records import Batch
from profundo.train import Descent, Film, Plan, filmed, fit, optimizer


def data(batches=3):
    generator = torch.Generator().manual_seed(0)
    pairs = [(torch.randn(8, 4, generator=generator), torch.randn(8, 2, generator=generator)) for _ in range(batches)]
    return [Batch(*pair, 8) for pair in pairs]


def nets():
    torch.manual_seed(1)
    return {"one": nn.Linear(4, 3), "two": nn.Linear(3, 2)}


def cost_of(networks):
    def cost(batch):
        error = (networks["two"](networks["one"](batch.inputs)) - batch.targets).square().mean()
        size = sum(parameter.abs().sum() for net in networks.values() for parameter in net.parameters())
        return {"loss": error + 0.01 * size, "error": error, "size": size}

    return cost


def test_a_step_is_that_of_plain_pytorch_and_only_the_loss_is_lowered():
    ours, plain = nets(), nets()
    update = Descent(ours, cost_of(ours), optimizer("sgd", nn.ModuleDict(ours), 0.1))
    by_hand = torch.optim.SGD([p for net in plain.values() for p in net.parameters()], lr=0.1)
    for batch in data():
        losses = update(batch)
        assert list(losses) == ["loss", "error", "size"]
        assert not any(value.requires_grad for value in losses.values())
        by_hand.zero_grad()
        cost_of(plain)(batch)["loss"].backward()
        by_hand.step()
    for name, net in ours.items():
        for mine, theirs in zip(net.parameters(), plain[name].parameters(), strict=True):
            torch.testing.assert_close(mine, theirs)


def test_a_gradient_is_clipped_over_all_networks_together():
    networks = nets()
    update = Descent(networks, cost_of(networks), optimizer("sgd", nn.ModuleDict(networks), 1.0), clip=1e-3)
    before = [p.detach().clone() for net in networks.values() for p in net.parameters()]
    update(data()[0])
    after = [p.detach() for net in networks.values() for p in net.parameters()]
    moved = torch.cat([(a - b).flatten() for a, b in zip(after, before, strict=True)]).norm()
    torch.testing.assert_close(moved, torch.tensor(1e-3), rtol=1e-3, atol=0)


def test_what_is_saved_and_put_back_goes_on_to_the_same_bits():
    def made():
        networks = nets()
        return Descent(networks, cost_of(networks), optimizer("adam", nn.ModuleDict(networks), 0.01))

    whole, first, second = made(), made(), made()
    for batch in data(4):
        whole(batch)
    for batch in data(4)[:2]:
        first(batch)
    second.load_state_dict(first.state_dict())
    for batch in data(4)[2:]:
        second(batch)
    for name in ("one", "two"):
        for mine, theirs in zip(whole.networks[name].parameters(), second.networks[name].parameters(), strict=True):
            assert torch.equal(mine, theirs)


def test_a_film_has_a_frame_before_training_and_one_an_epoch_and_leaves_randomness_alone():
    def trained(filming):
        networks = nets()
        update = Descent(networks, cost_of(networks), optimizer("sgd", nn.ModuleDict(networks), 0.1))
        film = Film(lambda: (255 * torch.rand(1, 2, 2)).to(torch.uint8))
        torch.manual_seed(5)
        steps = fit(update, data(), Plan(epochs=3))
        for _ in filmed(steps, film) if filming else steps:
            pass
        return film.frames, torch.rand(1)

    frames, after = trained(True)
    assert len(frames) == 4
    assert not torch.equal(frames[0], frames[1])
    assert torch.equal(trained(False)[1], after)
    assert all(map(torch.equal, frames, trained(True)[0]))
