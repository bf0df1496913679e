"""An update followed by the average of what it moves."""

import pytest
import torch
from torch import nn

from profundo.records import Batch
from profundo.train import Descent, optimizer
from profundo.train.averaging import Averaging


def following(decay: float) -> Averaging:
    torch.manual_seed(0)
    net = nn.Linear(3, 1)

    def cost(batch):
        return {"loss": (net(batch.inputs) - batch.targets).square().mean()}

    return Averaging(Descent(net, cost, optimizer("sgd", net, 0.1)), decay)


def steps(update: Averaging, number: int, seed: int = 0) -> list[torch.Tensor]:
    """The weights after each."""
    generator, seen = torch.Generator().manual_seed(seed), []
    for _ in range(number):
        update(Batch(torch.randn(4, 3, generator=generator), torch.randn(4, 1, generator=generator), 4))
        seen.append(update.networks["net"].weight.detach().clone())
    return seen


@pytest.mark.parametrize("decay", [0.0, 0.3, 0.9])
def test_the_average_is_the_recursion_and_early_steps_decay_faster(decay):
    update = following(decay)
    average = update.networks["net"].weight.detach().clone()
    for number, weight in enumerate(steps(update, 6), start=1):
        share = min(decay, (1 + number) / (10 + number))
        average = share * average + (1 - share) * weight
    torch.testing.assert_close(update.networks["average"].weight, average)


def test_saved_and_put_back_it_goes_on_alike():
    one, other = following(0.99), following(0.99)
    steps(one, 3)
    other.load_state_dict(one.state_dict())
    for update in (one, other):
        steps(update, 2, seed=1)
    for name in ("net", "average"):
        assert torch.equal(one.networks[name].weight, other.networks[name].weight)
