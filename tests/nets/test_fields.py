"""Receptive fields against the gradient: with weights of one, a value depends on just the pixels with a gradient."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from profundo import nets
from profundo.nets.layers import (
    GeneralisedMeanPool2d,
    LocallyConnected2d,
    MaxoutConv2d,
    MinPool2d,
    MixedPool2d,
    RememberingPool2d,
    Unpool2d,
)
from profundo.nets.lenet1998 import Subsampling
from profundo.nets.net_names import (
    DETECTORS,
    NETS_FOR_PIXELS,
    NETS_FOR_PLANES,
    NETS_FOR_SERIES,
    NETS_FOR_SOUNDS,
    NETS_FOR_TEXTS,
)
from profundo.nets.summary import summary
from profundo.records import Inputs, Spec, Targets


def spec_of(shape, classes=10):
    return Spec(Inputs(shape, "image"), Targets("classes", tuple(map(str, range(classes)))))


def smoothed_(net):
    """All weights one, and averages for maxima and rectifiers, so that no pixel that matters has a gradient of zero."""
    for name, layer in list(net.named_modules()):
        parent = net.get_submodule(name.rpartition(".")[0])
        if isinstance(layer, nn.ReLU):
            setattr(parent, name.rpartition(".")[2], nn.Identity())
        if isinstance(layer, nn.MaxPool2d):
            pool = nn.AvgPool2d(layer.kernel_size, layer.stride, layer.padding, layer.ceil_mode)
            setattr(parent, name.rpartition(".")[2], pool)
        if isinstance(layer, nn.AdaptiveMaxPool2d):
            setattr(parent, name.rpartition(".")[2], nn.AdaptiveAvgPool2d(layer.output_size))
    for parameter in net.parameters():
        nn.init.ones_(parameter)
    return net.double().eval()


def zeros(shape):
    return torch.zeros(1, *shape, dtype=torch.float64, requires_grad=True)


def seen(maps, pixels):
    """Height and width of the pixels on which the value in the middle of the maps (1, channels, *places) depends."""
    middle = maps[0, :, maps.shape[2] // 2, maps.shape[3] // 2].sum()
    (gradient,) = torch.autograd.grad(middle, pixels)
    rows, columns = (gradient[0].abs().sum((0, axis)).nonzero().flatten() for axis in (2, 1))
    return (rows[-1] - rows[0] + 1).item(), (columns[-1] - columns[0] + 1).item()


def seen_by_gradient(net, shape):
    pixels = zeros(shape)
    return seen(net(pixels), pixels)


def field_of(net, shape):
    return summary(net, Inputs(shape, "image"))[-1].field


conv = nn.Conv2d
PLAIN = {
    "3×3": lambda: [conv(2, 2, 3)],
    "oblong": lambda: [conv(2, 2, (5, 2), stride=(1, 3))],
    "two 3×3 see as much as a 5×5": lambda: [conv(2, 2, 3, padding=1), conv(2, 2, 3, padding=1)],
    "stride widens what follows": lambda: [conv(2, 2, 3, 2), conv(2, 2, 3, 2), conv(2, 2, 3)],
    "dilation": lambda: [conv(2, 2, 2), conv(2, 2, 2, dilation=2), conv(2, 2, 2, dilation=(4, 1))],
    "pooling": lambda: [conv(2, 2, 3), nn.MaxPool2d(2), conv(2, 2, 3), nn.AvgPool2d(3, 2)],
    "padded pooling": lambda: [nn.MaxPool2d(3, 2, 1), conv(2, 2, 3)],
    "normalisation": lambda: [conv(2, 2, 3), nn.BatchNorm2d(2), nn.GELU(), nn.Dropout(), conv(2, 2, 2)],
    "transposed 2": lambda: [conv(2, 2, 3), nn.ConvTranspose2d(2, 2, 2, 2), conv(2, 2, 3)],
    "transposed 4": lambda: [conv(2, 2, 4, 2, 1), nn.ConvTranspose2d(2, 2, 4, 2, 1)],
    "upsampling": lambda: [conv(2, 2, 3, 2), nn.Upsample(scale_factor=2), conv(2, 2, 3)],
    "pixel shuffle": lambda: [conv(2, 8, 3), nn.PixelShuffle(2), conv(2, 2, 3)],
    "groups": lambda: [conv(2, 2, 3, groups=2), conv(2, 2, 1)],
    "padding of its own": lambda: [nn.ReflectionPad2d(1), nn.ZeroPad2d((2, 0, 1, 1)), conv(2, 2, 3)],
    "adaptive": lambda: [conv(2, 2, 3, padding=1), nn.AdaptiveAvgPool2d(8)],
    "unshared": lambda: [conv(2, 2, 3), LocallyConnected2d(2, 2, (22, 22), 4, 2, 1), conv(2, 2, 3)],
    "LeNet's averages": lambda: [conv(2, 2, 3), Subsampling(2), conv(2, 2, 3)],
    "maxout": lambda: [MaxoutConv2d(2, 2, 2, 3, stride=2), conv(2, 2, 3)],
    "through a row and back": lambda: [conv(2, 2, 3), nn.Flatten(2), nn.Unflatten(2, (22, 22)), conv(2, 2, (3, 2))],
}


@pytest.mark.parametrize("make", PLAIN.values(), ids=PLAIN)
def test_a_chain_of_layers_sees_what_has_a_gradient(make):
    net = smoothed_(nn.Sequential(*make()))
    assert field_of(net, (2, 24, 24)) == seen_by_gradient(net, (2, 24, 24))


class Branches(nn.Module):
    """x + a(x) + b(x), with fields of 1, 3 and 7 × 5."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.last = conv(2, 2, 3, padding=1), conv(2, 2, (7, 5), padding=(3, 2)), nn.Identity()

    def forward(self, x):
        return self.last(torch.cat([x + self.a(x), F.relu(self.b(x) + 5)], 1))


class Aside(nn.Module):
    """Two branches that look in different directions: together they see more than the larger of them."""

    def __init__(self):
        super().__init__()
        self.left, self.right, self.sum = conv(2, 2, (1, 3)), conv(2, 2, (1, 3)), nn.Identity()

    def forward(self, x):
        return self.sum(self.left(F.pad(x, (2, 0))) + self.right(F.pad(x, (0, 2))))


@pytest.mark.parametrize(("make", "size"), [(Branches, (7, 5)), (Aside, (1, 5))])
def test_branches_that_meet_see_all_that_each_of_them_sees(make, size):
    net = smoothed_(make())
    assert field_of(net, (2, 24, 24)) == seen_by_gradient(net, (2, 24, 24)) == size


NAMED = {
    "lenet5": (1, 40, 40),
    "fast_cnn": (3, 24, 24),
    "resnet": (3, 24, 24),
    "vgg11": (1, 40, 40),
    "alexnet": (1, 48, 48),
}


@pytest.mark.parametrize(("name", "shape"), NAMED.items())
def test_every_layer_of_a_net_sees_what_has_a_gradient(name, shape):
    options = {"resnet": {"depth": 8, "widths": (2, 2, 3)}, "vgg11": {"width": 0.02}, "alexnet": {"width": 0.02}}
    net = smoothed_(nets.build(name, spec_of(shape), **options.get(name, {})))
    fields = {row.name: row.field for row in summary(net, Inputs(shape, "image"))}
    checked = 0
    for layer, field in fields.items():
        if field in (None, "whole") or max(field) > min(shape[1:]) // 2:  # such that no border cuts it off
            continue
        caught = []
        handle = net.get_submodule(layer).register_forward_hook(lambda _m, _i, out, caught=caught: caught.append(out))
        pixels = zeros(shape)
        net(pixels)
        handle.remove()
        if caught[-1].ndim == 4:
            assert seen(caught[-1], pixels) == field, layer
            checked += 1
    assert checked >= 3


def test_layers_that_mix_all_places_see_the_whole_image():
    """Flattening mixes nothing yet: each of its values still sees 3×3."""
    rows = summary(nn.Sequential(conv(1, 2, 3), nn.Flatten(), nn.Linear(72, 3), nn.ReLU()), Inputs((1, 8, 8), "image"))
    assert [row.field for row in rows] == [(3, 3), (3, 3), "whole", "whole"]
    for last in (nn.AdaptiveAvgPool2d(1), nn.AdaptiveMaxPool2d(1), nn.GroupNorm(1, 2), nn.LayerNorm((2, 6, 6))):
        assert field_of(nn.Sequential(conv(1, 2, 3), last), (1, 8, 8)) == "whole"
    assert field_of(nn.Sequential(conv(1, 2, 3), nn.LayerNorm(6)), (1, 8, 8)) == (3, 8)  # mixes columns alone


def test_dense_layers_over_channels_see_no_more_places():
    """The patches of a vision transformer, before any attention."""

    class Patches(nn.Module):
        def __init__(self):
            super().__init__()
            self.patch, self.dense = conv(1, 5, 4, 4), nn.Linear(5, 3)

        def forward(self, x):
            return self.dense(self.patch(x).flatten(2).transpose(1, 2))

    assert field_of(Patches(), (1, 8, 8)) == (4, 4)


def test_picked_places_and_single_ones_see_what_they_saw():
    class Corner(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.dense = conv(1, 2, 3), nn.Linear(2, 4)

        def forward(self, x):
            return self.dense(self.conv(x)[:, :, 1, -1])

    assert field_of(Corner(), (1, 8, 8)) == (3, 3)
    single = nn.Sequential(conv(1, 2, 3, stride=9), nn.Flatten(), nn.Linear(2, 4))
    assert field_of(single, (1, 8, 8)) == (3, 3)  # one place, of one corner
    assert field_of(single, (1, 3, 3)) == "whole"  # which is all there is


def test_unpooling_sees_the_window_and_what_chose_its_place():
    pool = RememberingPool2d(2)
    net = nn.Sequential(conv(1, 2, 3, padding=1), pool, conv(2, 2, 3, padding=1), Unpool2d(pool))
    rows = summary(net, Inputs((1, 9, 9), "image"))
    assert [row.field for row in rows] == [(3, 3), (4, 4), (8, 8), (8, 8)]
    assert field_of(nn.Sequential(conv(1, 2, 3), MinPool2d(2)), (1, 9, 9)) == (4, 4)
    learned = nn.Sequential(conv(1, 2, 3), GeneralisedMeanPool2d(2), MixedPool2d(3, 2))
    assert [row.field for row in summary(learned, Inputs((1, 14, 14), "image"))] == [(3, 3), (4, 4), (8, 8)]


def test_what_is_no_image_or_not_understood_has_no_field():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = conv(1, 2, 3), conv(2, 2, 3)

        def forward(self, x):
            return self.last(torch.fft.fft2(self.first(x)).real)

    assert [row.field for row in summary(Odd(), Inputs((1, 8, 8), "image"))] == [(3, 3), None]
    assert [row.field for row in summary(nn.Linear(4, 2), Inputs((4,), "features"))] == [None]


def test_a_buffer_that_a_part_of_the_image_was_written_to_is_no_constant():
    def plus_three_rows_above(y):
        shifted = torch.zeros(y.shape, dtype=y.dtype)
        shifted[:, :, 3:] = y[:, :, :-3]
        return y + shifted

    assert field_of(Then(plus_three_rows_above), (2, 12, 12)) is None


@pytest.mark.parametrize(
    ("name", "layer", "size"),
    [
        ("vgg16", "features.30", 212),
        ("alexnet", "features.12", 195),
        ("resnet18", "layer4.1.conv2", 435),
        ("resnet34", "layer4.2.conv2", 899),
        ("vgg16", "features.28", 196),
    ],
)
def test_published_nets_have_published_fields(name, layer, size):
    """Araujo, Norris & Sim 2019, table 1: AlexNet 195, VGG-16 212; the basic ResNets by the same formula."""
    with torch.device("meta"):
        net = nets.build(name, spec_of((3, 224, 224), 1000))
    fields = {row.name: row.field for row in summary(net, Inputs((3, 224, 224), "image"))}
    assert fields[layer] == (size, size)


NO_IMAGES = {
    "table_net",
    *DETECTORS,
    *NETS_FOR_PLANES,
    *NETS_FOR_PIXELS,
    *NETS_FOR_TEXTS,
    *NETS_FOR_SOUNDS,
    *NETS_FOR_SERIES,
}


@pytest.mark.parametrize("name", [name for name in nets.NETS if name not in NO_IMAGES])
def test_every_named_net_has_a_field_in_every_row(name):
    rows = summary(nets.build(name, spec_of((3, 32, 32))), Inputs((3, 32, 32), "image"))
    assert all(row.field is not None for row in rows)
    assert rows[-1].field == "whole"


def test_a_table_without_weights_is_the_same():
    for name in ("lenet5", "resnet", "vgg11"):
        spec = spec_of((3, 32, 32))
        with torch.device("meta"):
            empty = nets.build(name, spec)
        assert summary(empty, spec.inputs) == summary(nets.build(name, spec), spec.inputs)


def test_a_gate_from_all_places_makes_the_field_whole():
    class Gated(nn.Module):
        def __init__(self, gate):
            super().__init__()
            self.conv, self.gate, self.last = conv(2, 2, 3), gate, nn.Identity()

        def forward(self, x):
            y = self.conv(x)
            return self.last(y * self.gate(y))

    assert field_of(Gated(lambda y: y.mean((2, 3), keepdim=True)), (2, 8, 8)) == "whole"
    assert field_of(Gated(lambda y: y[:, :, 5:]), (2, 8, 8)) is None  # a row beside each place is no window


class Then(nn.Module):
    """A convolution and some arithmetic of one's own, and perhaps more layers."""

    def __init__(self, arithmetic, *more):
        super().__init__()
        self.conv, self.arithmetic, self.more = conv(2, 2, 3), arithmetic, nn.Sequential(*more, nn.Identity())

    def forward(self, x):
        return self.more(self.arithmetic(self.conv(x)))


def test_every_second_place_strides():
    net = smoothed_(Then(lambda y: y[:, :, 1::2, 2:-1:3], conv(2, 2, 3)))
    assert field_of(net, (2, 24, 24)) == seen_by_gradient(net, (2, 24, 24)) == (7, 9)


def test_a_matrix_product_mixes_columns_alone():
    weights = torch.ones(2, 6, 4, dtype=torch.float64)
    net = smoothed_(Then(lambda y: y @ weights))
    assert field_of(net, (2, 8, 8)) == seen_by_gradient(net, (2, 8, 8)) == (3, 8)
