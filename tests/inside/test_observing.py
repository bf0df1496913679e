"""What passes through a net is seen, and the net is afterwards as it was, bit for bit."""

import pytest
import torch
from torch import nn

import profundo as pf
from profundo import ProfundoError
from profundo.inside.observing import layer_output, observed, undisturbed
from profundo.nets.table_nets import TableNet


class Counting(nn.Module):
    """Draws, counts its calls, and replaces a buffer, in evaluation mode too."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3)
        self.norm = nn.BatchNorm2d(3)
        self.relu = nn.ReLU(inplace=True)
        self.out = nn.Linear(3, 2)
        self.register_buffer("calls", torch.zeros(()))
        self.register_buffer("last", torch.zeros(1))

    def forward(self, x):
        self.calls += 1
        self.last = torch.rand(1)
        maps = self.relu(self.norm(self.conv(x)))
        return self.out(self.relu(maps - 0.1).mean((2, 3)))


@pytest.fixture
def net():
    torch.manual_seed(0)
    net = Counting().train()
    net.relu.eval()
    net.conv.bias.requires_grad_(False)
    net(torch.randn(4, 1, 8, 8)).sum().backward()
    return net


def whole_state(net):
    return (
        {name: value.clone() for name, value in net.state_dict().items()},
        {name: None if p.grad is None else p.grad.clone() for name, p in net.named_parameters()},
        [p.requires_grad for p in net.parameters()],
        [module.training for module in net.modules()],
        [(len(m._forward_hooks), len(m._forward_pre_hooks), len(m._backward_hooks)) for m in net.modules()],
        torch.get_rng_state(),
        [id(buffer) for buffer in net.buffers()],
    )


def same(one, other):
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


@pytest.mark.parametrize("frozen", [False, True])
def test_nothing_of_a_net_is_changed_by_looking(net, frozen):
    before = whole_state(net)
    with undisturbed(net, frozen=frozen):
        x = torch.randn(2, 1, 8, 8, requires_grad=True)
        answers, given = observed(net, x)
        torch.autograd.grad(answers.sum() + given["conv"].sum(), x)
        assert not any(module.training for module in net.modules())
        assert any(p.requires_grad for p in net.parameters()) is not frozen
    assert same(before, whole_state(net))


def test_nothing_is_changed_where_the_net_fails(net):
    before = whole_state(net)
    with pytest.raises(ProfundoError, match=r"\(2, 5, 8, 8\), it failed: RuntimeError"), undisturbed(net):
        observed(net, torch.randn(2, 5, 8, 8))
    assert same(before, whole_state(net))


def test_what_works_in_place_changes_nothing_that_was_seen(net):
    x = torch.randn(2, 1, 8, 8)
    with undisturbed(net), torch.no_grad():
        answers, given = observed(net, x)
        conv = net.conv(x)
        norm = net.norm(conv)
        assert torch.equal(given["conv"], conv)
        assert torch.equal(given["norm"], norm)
        assert torch.equal(given["relu"], norm.relu())
        assert torch.equal(given["relu#2"], (norm.relu() - 0.1).relu())
        assert torch.equal(given["out"], answers)
        some = observed(net, x, ["relu#2", "conv", "relu"])[1]
        assert list(some) == ["relu#2", "conv", "relu"]
        assert all(torch.equal(some[name], given[name]) for name in some)
    assert list(given) == ["conv", "norm", "relu", "relu#2", "out"]


def test_a_block_is_seen_by_its_name_and_modules_that_call_no_other_by_themselves():
    net = nn.Sequential(nn.Sequential(nn.Linear(3, 4), nn.ReLU()), nn.MultiheadAttention(4, 2), nn.Identity())
    inner = nn.Sequential(*net[:1])
    x = torch.randn(5, 3)
    with undisturbed(inner):
        assert list(observed(inner, x)[1]) == ["0.0", "0.1"]
        assert torch.equal(observed(inner, x, ["0"])[1]["0"], inner(x))
    attention = net[1]
    with undisturbed(attention):
        answers, given = observed(attention, (x.new_ones(5, 4),) * 3)
    assert list(given) == ["MultiheadAttention"]
    assert torch.equal(given["MultiheadAttention"], answers[0])


def test_what_comes_after_the_layer_is_not_computed(net):
    calls = []
    net.out.register_forward_pre_hook(lambda *_: calls.append(1))
    x = torch.randn(2, 1, 8, 8)
    with undisturbed(net):
        maps = layer_output(net, x, "norm")
        assert torch.equal(maps, net.norm(net.conv(x)))
        assert not calls
        assert layer_output(net, x, "relu#2").shape == maps.shape
    assert not any(module._forward_hooks for module in (net.conv, net.norm, net.relu))


def test_a_module_that_is_never_called_and_one_of_whole_numbers_are_refused():
    class Numbers(nn.Module):
        def forward(self, x):
            return x.argmax(1)

    attention = nn.MultiheadAttention(4, 2)
    with undisturbed(attention), pytest.raises(ProfundoError, match="'out_proj': expected one that the net calls"):
        layer_output(attention, (torch.ones(5, 4),) * 3, "out_proj")
    with pytest.raises(ProfundoError, match="'1': expected one that the net calls and that gives real numbers"):
        layer_output(nn.Sequential(nn.Linear(3, 3), Numbers()), torch.ones(2, 3), "1")


def test_a_layer_that_is_not_there_is_named_with_one_that_is(net):
    with pytest.raises(ProfundoError, match=r"'con'.*did you mean conv\?"):
        observed(net, torch.randn(2, 1, 8, 8), ["con"])


def test_inputs_go_to_the_device_of_the_net():
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU()).to("meta")
    answers, given = observed(net, torch.randn(2, 3))
    assert answers.device.type == given["0"].device.type == "meta"


def test_of_several_members_the_first_ones_layers_are_seen():
    torch.manual_seed(0)
    net = TableNet(pf.load("iris").spec, 4, (6, 5), "relu", 0.0).eval()
    rows = torch.randn(4, 4)  # as many rows as members
    answers, given = observed(net, rows)
    torch.testing.assert_close(answers, net(rows))
    each = net.features(rows).expand(4, -1, -1)
    for at, layer in enumerate(net.layers):
        each = layer(each)
        assert torch.equal(given[f"layers.{at}"], each[0])
    assert given["vote"].shape == (4, 3)
