"""Distributions through training, against NumPy and plain autograd."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from profundo import ProfundoError
from profundo.inside.course_of_values import distributions, nets_at, values_of


@pytest.fixture
def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3))


def test_values_are_those_of_plain_autograd_and_leave_gradients_alone(net):
    x, y = torch.randn(20, 5), torch.arange(20) % 3
    F.cross_entropy(net(x), y).backward()
    before = [parameter.grad.clone() for parameter in net.parameters()]
    values = values_of(net, [(x[part], y[part]) for part in (slice(9), slice(9, 18), slice(18, None))], F.cross_entropy)
    for (name, parameter), grad in zip(net.named_parameters(), before, strict=True):
        assert torch.equal(values["weights", name], parameter.detach().flatten())
        assert torch.allclose(values["gradients", name], grad.flatten(), atol=1e-7)
        assert torch.equal(parameter.grad, grad)
    assert torch.allclose(values["activations", "1"], net[0](x).relu().detach().flatten(), atol=1e-6)


def test_distributions_are_those_of_numpy_on_common_edges():
    moments = [{("weights", "w"): torch.randn(500, generator=torch.Generator().manual_seed(n)) * n} for n in (1, 3)]
    moments[1]["weights", "w"][:50] = 0
    moments[1]["weights", "w"][50] = torch.nan
    one = distributions(moments)["weights", "w"]
    for at, moment in enumerate(moments):
        finite = moment["weights", "w"][moment["weights", "w"].isfinite()].double().numpy()
        assert one.counts[at].tolist() == np.histogram(finite, one.edges.double().numpy())[0].tolist()
        assert one.deviation[at] == pytest.approx(finite.std())
        assert one.mean[at] == pytest.approx(finite.mean())
    assert one.zero.tolist() == pytest.approx([0, 50 / 499])


def test_states_are_put_into_a_copy(net):
    states = [{name: value + n for name, value in net.state_dict().items()} for n in (0, 1)]
    before = net[0].weight.clone()
    first = [copy[0].weight[0, 0].item() for copy in nets_at(net, states)]
    assert first[1] == pytest.approx(first[0] + 1)
    assert torch.equal(before, net[0].weight)


def test_a_tensor_of_one_value_and_a_large_one_have_histograms():
    moments = [{("weights", "zero"): torch.zeros(4)}, {("weights", "zero"): torch.zeros(4)}]
    one = distributions(moments)["weights", "zero"]
    assert one.counts.sum(1).tolist() == [4, 4]
    large = values_of(nn.Linear(300, 300), [(torch.randn(2, 300), 0)], lambda out, _: out.sum())
    assert len(large["weights", "weight"]) == 20_000


def test_of_large_maps_every_place_is_met_alike_by_batches_too():
    """Each value is its own place, so that what is kept says which places were."""
    maps = torch.arange(32 * 32.0).view(1, 1, 32, 32).expand(64, 20, 32, 32)
    net = nn.Sequential(nn.Conv2d(20, 1, 1), nn.Flatten())
    identity = nn.Sequential(nn.Identity(), net)
    for sizes in ([64], [29, 29, 6]):
        batches = [(part, 0) for part in maps.split(sizes)]
        kept = values_of(identity, batches, lambda out, _: out.mean())["activations", "0"]
        assert abs(len(kept) - 20_000) <= 1
        counts = torch.bincount(kept.long(), minlength=1024).double()
        assert (counts > 0).all()
        chi_squared = ((counts - 20_000 / 1024).square() / (20_000 / 1024)).sum().item()
        assert 1023 - 5 * (2 * 1023) ** 0.5 < chi_squared < 1023 + 5 * (2 * 1023) ** 0.5
        again = values_of(identity, batches, lambda out, _: out.mean())["activations", "0"]
        assert torch.equal(kept, again)


def test_a_state_of_another_net_is_refused(net):
    with pytest.raises(ProfundoError, match="a state of Sequential: expected the tensors of this net"):
        list(nets_at(net, [{"0.weight": torch.zeros(2, 2)}]))
