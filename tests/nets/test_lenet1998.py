"""LeNet-5 of 1998 against the figures of the paper: parameters, connections, table I, the shape of the squashing."""

import math
from itertools import combinations

import pytest
import torch
import torch.nn.functional as F

from profundo import nets
from profundo.nets.lenet1998 import C3_TABLE, Codes, Frame, SparseConv, Subsampling, codes, squash
from profundo.nets.summary import summary
from profundo.objectives import categorical
from profundo.records import Inputs, ProfundoError, Spec, Targets

MNIST = Spec(Inputs((1, 28, 28), "image"), Targets("classes", tuple("0123456789")))

# Table I of the paper as it is printed: a row for each map of S2, a column for each map of C3.
TABLE_1 = [
    "X...XXX..XXXX.XX",
    "XX...XXX..XXXX.X",
    "XXX...XXX..X.XXX",
    ".XXX..XXXX..X.XX",
    "..XXX..XXXX.XX.X",
    "...XXX..XXXX.XXX",
]

# Section II.B: trainable parameters, and connections with those before.
PUBLISHED = {
    "c1": (156, 122_304),
    "s2": (12, 5_880),
    "c3": (1_516, 151_600),
    "s4": (32, 2_000),
    "c5": (48_120, 48_120),
    "f6": (10_164, 10_164),
}


def built(seed=0, **options):
    torch.manual_seed(seed)
    return nets.build("lenet5_1998", MNIST, **options)


def count(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(("layer", "published"), [(name, figures[0]) for name, figures in PUBLISHED.items()])
def test_every_layer_has_the_published_number_of_trainable_parameters(layer, published):
    assert count(getattr(built(), layer)) == published


def test_sixty_thousand_in_all():
    net = built()
    assert count(net) == sum(row.parameters for row in summary(net, MNIST.inputs)) == 60_000


def test_every_layer_has_the_published_number_of_connections():
    """Each unit of a convolution and of F6 uses each of its map's parameters once; one of S2 and S4 reads four units
    and a bias. With the 10 × 84 of the output, 340,908 in all."""
    rows = {row.name: row for row in summary(built(), MNIST.inputs)}
    found = {}
    for name in PUBLISHED:
        maps, *size = rows[name].shape
        units = math.prod(size)
        found[name] = maps * units * 5 if name[0] == "s" else rows[name].parameters * units
    assert found == {name: figures[1] for name, figures in PUBLISHED.items()}
    assert sum(found.values()) + 840 == 340_908


def test_c3_multiplies_as_often_as_it_has_kernels():
    """60 kernels of 25 weights at each of 10×10 places."""
    assert {row.name: row.flops for row in summary(built(), MNIST.inputs)}["c3"] == 2 * 60 * 25 * 100


def test_c3_is_connected_as_table_1_says():
    assert [tuple(row for row in range(6) if TABLE_1[row][column] == "X") for column in range(16)] == list(C3_TABLE)


def test_a_map_of_c3_does_not_see_what_the_table_leaves_out():
    net = built()
    maps = torch.randn(1, 6, 14, 14)
    before = net.c3(maps)
    for unseen in range(6):
        changed = maps.clone()
        changed[:, unseen] += 1
        moved = (net.c3(changed) != before).flatten(2).any(2)[0].tolist()
        assert moved == [TABLE_1[unseen][column] == "X" for column in range(16)]


def test_sparse_convolution_is_the_dense_one_with_zeros_and_so_is_its_gradient():
    torch.manual_seed(1)
    layer, maps = SparseConv(C3_TABLE, 6, 5), torch.randn(3, 6, 14, 14)
    mask = torch.tensor([[TABLE_1[row][column] == "X" for row in range(6)] for column in range(16)])
    dense = layer.weight.detach().clone().requires_grad_()
    assert (dense.abs().amax((2, 3)) > 0).equal(mask)
    layer(maps).square().sum().backward()
    F.conv2d(maps, dense, layer.bias.detach()).square().sum().backward()
    torch.testing.assert_close(layer.kernels.grad, dense.grad[mask])


def test_missing_connections_stay_missing_in_training():
    net = built()
    mask = net.c3.weight.ne(0).any(3).any(2)
    optimizer = torch.optim.AdamW(net.parameters(), 0.01, weight_decay=0.1)
    for _ in range(3):
        net(torch.randn(8, 1, 28, 28)).square().mean().backward()
        optimizer.step()
    assert net.c3.weight.ne(0).any(3).any(2).equal(mask)
    assert int(mask.sum()) == 60


@pytest.mark.parametrize(("connections", "parameters"), [("full", 6 * 16 * 25 + 16), ("random", 1_516)])
def test_other_connections_for_comparison(connections, parameters):
    net = built(connections=connections)
    assert count(net.c3) == parameters
    seen = net.c3.weight.ne(0).any(3).any(2).sum(1).tolist()
    assert seen == ([6] * 16 if connections == "full" else [3] * 6 + [4] * 9 + [6])


def test_random_connections_come_back_with_the_weights():
    one, other = built(0, connections="random"), built(1, connections="random")
    inputs = torch.randn(2, 1, 28, 28)
    other.load_state_dict(one.state_dict())
    assert one(inputs).equal(other(inputs))


def test_squashing_keeps_plus_and_minus_one_and_bends_most_there():
    """Appendix A: f(1) = 1, f(−1) = −1, and the second derivative has its extremes at ±1, both nearly so."""
    assert squash(torch.tensor([-1.0, 0.0, 1.0])).tolist() == pytest.approx([-1, 0, 1], abs=1e-4)
    x = torch.linspace(0, 3, 3001, dtype=torch.double)
    second = squash(x).diff().diff()
    assert x[1 + second.argmin()].item() == pytest.approx(1, abs=0.02)


def test_subsampling_adds_four_units_scales_and_shifts():
    layer, maps = Subsampling(3), torch.randn(2, 3, 8, 6)
    with torch.no_grad():
        layer.coefficient.copy_(torch.tensor([1.0, -2.0, 0.5]))
        layer.bias.copy_(torch.tensor([0.0, 1.0, -3.0]))
    for channel, (coefficient, bias) in enumerate([(1, 0), (-2, 1), (0.5, -3)]):
        expected = 4 * F.avg_pool2d(maps[:, channel], 2) * coefficient + bias
        torch.testing.assert_close(layer(maps)[:, channel], expected)
    torch.testing.assert_close(layer(maps.contiguous(memory_format=torch.channels_last)), layer(maps))


def test_a_digit_is_framed_with_its_own_ground():
    image = torch.full((1, 1, 28, 28), -0.4)
    image[0, 0, 10:20, 10:20] = 2.0
    framed = Frame()(image)
    assert framed.shape == (1, 1, 32, 32)
    assert framed[:, :, 2:30, 2:30].equal(image)
    assert framed.sum().item() == pytest.approx(image.sum().item() - 0.4 * (32 * 32 - 28 * 28), rel=1e-5)
    assert Frame()(torch.randn(2, 3, 8, 50)).shape == (2, 3, 32, 32)


class TestCodes:
    def test_outputs_are_minus_squared_distances(self):
        layer, x = Codes(codes(10)), torch.randn(4, 84)
        torch.testing.assert_close(layer(x), -torch.cdist(x.double(), codes(10).double()).square().float())

    def test_the_categorical_cost_is_equation_9_without_its_constant(self):
        """y_d + log Σ exp(−y_k), by hand."""
        x, labels = 0.1 * torch.randn(5, 84, dtype=torch.double), torch.tensor([3, 1, 4, 1, 5])
        y = (x[:, None] - codes(10).double()).square().sum(2)
        expected = y[range(5), labels] + (-y).exp().sum(1).log()
        torch.testing.assert_close(
            categorical()(Codes(codes(10))(x.float()), labels).double(), expected, atol=1e-3, rtol=0
        )

    def test_the_pictures_are_of_plus_and_minus_one_and_all_differ(self):
        drawn = codes(10)
        assert drawn.shape == (10, 84)
        assert drawn.abs().eq(1).all()
        assert min((drawn[a] != drawn[b]).sum() for a, b in combinations(range(10), 2)) >= 4

    def test_many_classes_have_codes_that_differ_in_about_half_their_places(self):
        drawn = codes(84)
        differing = [int((drawn[a] != drawn[b]).sum()) for a, b in combinations(range(84), 2)]
        assert min(differing) >= 21
        assert sum(differing) / len(differing) == pytest.approx(42, abs=1)
        torch.manual_seed(5)
        assert codes(84).equal(drawn)

    def test_of_two_classes_the_difference_of_distances(self):
        layer, x = Codes(codes(2)), torch.randn(3, 84)
        near = -torch.cdist(x.double(), codes(2).double()).square()
        torch.testing.assert_close(layer(x)[:, 0].double(), near[:, 1] - near[:, 0], rtol=1e-4, atol=1e-4)

    def test_an_input_that_is_a_code_is_that_class(self):
        assert Codes(codes(10))(codes(10)).argmax(1).tolist() == list(range(10))


@pytest.mark.parametrize(
    ("targets", "options", "words"),
    [
        (Targets("real", names=("length",)), {}, "expected 2 to 84 classes"),
        (Targets("classes", tuple(map(str, range(85)))), {}, "expected 2 to 84 classes"),
        (MNIST.targets, {"connections": "some"}, "expected .table., .full. or .random., got .some."),
    ],
)
def test_mistakes_are_explained(targets, options, words):
    with pytest.raises(ProfundoError, match=words):
        nets.build("lenet5_1998", Spec(MNIST.inputs, targets), **options)
