"""The table of any module, against counts made by hand, and the module untouched afterwards."""

import pytest
import torch
from torch import nn

from profundo.nets.summary import summary
from profundo.records import Inputs, ProfundoError

IMAGE = Inputs((3, 10, 12), "image")


def rows_of(net, inputs):
    return {row.name: row for row in summary(net, inputs)}


def test_convolution_pooling_and_linear_are_counted_by_hand():
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(), nn.MaxPool2d(2), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 5)
    )
    table = [(row.kind, row.shape, row.parameters, row.flops) for row in summary(net, IMAGE)]
    assert table == [
        ("Conv2d", (4, 4, 5), 4 * 3 * 9 + 4, 2 * 4 * 4 * 5 * 3 * 9),
        ("ReLU", (4, 4, 5), 0, 80),
        ("MaxPool2d", (4, 2, 2), 0, 16 * 4),
        ("BatchNorm2d", (4, 2, 2), 8, 2 * 16),
        ("Flatten", (16,), 0, 0),
        ("Linear", (5,), 16 * 5 + 5, 2 * 16 * 5),
    ]


def test_flops_agree_with_torchs_own_counter():
    from torch.utils.flop_counter import FlopCounterMode

    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, groups=1),
        nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=4),
        nn.ConvTranspose2d(8, 6, 3, stride=2),
        nn.Flatten(),
        nn.LazyLinear(7),
    )
    net(torch.zeros(1, *IMAGE.shape))
    with FlopCounterMode(display=False) as counter:
        net(torch.zeros(1, *IMAGE.shape))
    assert sum(row.flops for row in summary(net, IMAGE)) == counter.get_total_flops()


def test_a_shared_layer_is_counted_once_but_computes_twice():
    layer = nn.Linear(4, 4)
    rows = summary(nn.Sequential(layer, nn.ReLU(), layer), Inputs((4,), "features"))
    assert [row.parameters for row in rows] == [20, 0, 0]
    assert [row.flops for row in rows] == [32, 4, 32]


def test_tied_weights_are_counted_once():
    net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    net[1].weight = net[0].weight
    assert [row.parameters for row in summary(net, Inputs((4,), "features"))] == [20, 4]


class Attentive(nn.Module):
    """Parameters beside children, a layer never called, and outputs that are tuples."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(8))
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.recurrent = nn.LSTM(8, 6, batch_first=True)
        self.unused = nn.Linear(8, 8)

    def forward(self, x):
        x = x * self.scale
        x, _ = self.attention(x, x, x)
        return self.recurrent(x)[0][:, -1]


def test_a_users_own_module_is_counted_completely():
    net = Attentive()
    rows = rows_of(net, Inputs((5, 8), "features"))
    assert sum(row.parameters for row in rows.values()) == sum(p.numel() for p in net.parameters())
    assert rows["Attentive"].parameters == 8
    assert rows["unused"].flops == 0
    assert rows["recurrent"].shape == (5, 6)
    assert rows["recurrent"].flops == 2 * 5 * 4 * 6 * (8 + 6)


class Restless(nn.Module):
    """Draws random numbers and counts its calls, in any mode."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))
        self.norm = nn.BatchNorm1d(3)
        self.drop = nn.Dropout()

    def forward(self, x):
        self.calls += 1
        return self.drop(self.norm(x)) + torch.rand(())


def test_the_net_and_the_generators_are_as_before():
    net = Restless()
    net.norm.eval()  # someone froze it
    before = {key: value.clone() for key, value in net.state_dict().items()}
    state = torch.get_rng_state()
    summary(net, Inputs((3,), "features"))
    assert torch.get_rng_state().equal(state)
    assert all(value.equal(before[key]) for key, value in net.state_dict().items())
    assert [net.training, net.norm.training, net.drop.training] == [True, False, True]
    assert not any(module._forward_hooks for module in net.modules())
    assert all(p.grad is None for p in net.parameters())


def test_a_single_layer_and_double_precision_work():
    rows = summary(nn.Linear(3, 2).double(), Inputs((3,), "features"))
    assert [(row.name, row.parameters) for row in rows] == [("Linear", 8)]


def test_wrong_inputs_are_explained_and_leave_no_hooks():
    net = nn.Linear(3, 2)
    with pytest.raises(ProfundoError, match=r"takes \(batch, 4\)"):
        summary(net, Inputs((4,), "features"))
    assert net.training
    assert not net._forward_hooks
