"""AlexNet, VGG and ResNet against lists written from the papers' tables (AlexNet's from torchvision's), and files of
weights in torchvision's form."""

import hashlib
from itertools import pairwise
from typing import get_args

import pytest
import torch
from torch import nn

from profundo import nets
from profundo.nets import published_weights as module
from profundo.nets.net_names import PUBLISHED_NETS
from profundo.nets.published_weights import IMAGENET, PUBLISHED, Published, load_published
from profundo.records import Inputs, ProfundoError, Spec, Targets
from profundo.runs.settings.setting_values import Pretrained

TEN = Targets("classes", tuple("0123456789"))
CIFAR10 = Spec(Inputs((3, 32, 32), "image"), TEN)
SMALL = Spec(Inputs((3, 64, 64), "image"), TEN)

# As torchvision documents them.
COUNTS = {
    "alexnet": 61_100_840,
    "vgg11": 132_863_336,
    "vgg13": 133_047_848,
    "vgg16": 138_357_544,
    "vgg19": 143_667_240,
    "vgg11_bn": 132_868_840,
    "vgg13_bn": 133_053_736,
    "vgg16_bn": 138_365_992,
    "vgg19_bn": 143_678_248,
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
}


def on_meta(name, spec=IMAGENET):
    """Shapes without memory."""
    with torch.device("meta"):
        return PUBLISHED[name].build(spec)


def shapes_of(net):
    return {key: tuple(tensor.shape) for key, tensor in net.state_dict().items()}


# ------------------------------------------------------------------- names and shapes, written from the papers' tables
def layer(name, *shape, bias=True):
    return {f"{name}.weight": shape} | ({f"{name}.bias": (shape[0],)} if bias else {})


def norm(name, channels):
    parts = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{part}": (channels,) for part in parts} | {f"{name}.num_batches_tracked": ()}


def alexnet_table():
    features = {0: (64, 3, 11, 11), 3: (192, 64, 5, 5), 6: (384, 192, 3, 3), 8: (256, 384, 3, 3), 10: (256, 256, 3, 3)}
    dense = {1: (4096, 9216), 4: (4096, 4096), 6: (1000, 4096)}
    table = {}
    for place, shape in features.items():
        table |= layer(f"features.{place}", *shape)
    for place, shape in dense.items():
        table |= layer(f"classifier.{place}", *shape)
    return table


# Simonyan & Zisserman 2014, table 1; M stands for maxpool.
VGG = {
    "vgg11": "64 M 128 M 256 256 M 512 512 M 512 512 M",
    "vgg13": "64 64 M 128 128 M 256 256 M 512 512 M 512 512 M",
    "vgg16": "64 64 M 128 128 M 256 256 256 M 512 512 512 M 512 512 512 M",
    "vgg19": "64 64 M 128 128 M 256 256 256 256 M 512 512 512 512 M 512 512 512 512 M",
}


def vgg_table(name):
    row, normalised = VGG[name.removesuffix("_bn")].split(), name.endswith("_bn")
    table, place, channels = {}, 0, 3
    for entry in row:
        if entry == "M":
            place += 1
            continue
        table |= layer(f"features.{place}", int(entry), channels, 3, 3)
        if normalised:
            table |= norm(f"features.{place + 1}", int(entry))
        place, channels = place + (3 if normalised else 2), int(entry)
    for place, (inputs, outputs) in zip((0, 3, 6), pairwise((512 * 49, 4096, 4096, 1000)), strict=True):
        table |= layer(f"classifier.{place}", outputs, inputs)
    return table


def resnet_table(name):
    """He et al. 2015, table 1: the kernels of a block, and how many blocks a stage has."""
    blocks = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3), "resnet50": (3, 4, 6, 3)}[name]
    kernels = (1, 3, 1) if name == "resnet50" else (3, 3)
    table = layer("conv1", 64, 3, 7, 7, bias=False) | norm("bn1", 64)
    channels = 64
    for stage, count in enumerate(blocks, 1):
        width = 32 * 2**stage
        out = 4 * width if name == "resnet50" else width
        for block in range(count):
            at, into = f"layer{stage}.{block}", channels
            for number, kernel in enumerate(kernels, 1):
                outputs = out if number == len(kernels) else width
                table |= layer(f"{at}.conv{number}", outputs, into, kernel, kernel, bias=False)
                table |= norm(f"{at}.bn{number}", outputs)
                into = outputs
            if channels != out:
                table |= layer(f"{at}.downsample.0", out, channels, 1, 1, bias=False) | norm(f"{at}.downsample.1", out)
            channels = out
    return table | layer("fc", 1000, channels)


def table_of(name):
    return alexnet_table() if name == "alexnet" else vgg_table(name) if name[0] == "v" else resnet_table(name)


@pytest.mark.parametrize("name", COUNTS)
class TestPublishedForm:
    def test_it_has_the_published_number_of_parameters(self, name):
        assert sum(p.numel() for p in on_meta(name).parameters()) == COUNTS[name]

    def test_its_names_and_shapes_are_those_of_the_tables(self, name):
        assert shapes_of(on_meta(name)) == table_of(name)


def test_alexnet_of_2012_in_two_columns():
    """Krizhevsky, Sutskever & Hinton 2012: 60 million parameters; the kernels of section 3.5."""
    with torch.device("meta"):
        net = nets.build("alexnet", IMAGENET, year=2012)
    kernels = [tuple(m.weight.shape) for m in net.features if isinstance(m, nn.Conv2d)]
    assert kernels == [(96, 3, 11, 11), (256, 48, 5, 5), (384, 256, 3, 3), (384, 192, 3, 3), (256, 192, 3, 3)]
    assert sum(p.numel() for p in net.parameters()) == 60_965_224


def test_response_normalisation_is_that_of_the_paper():
    """b_i = a_i / (2 + 10⁻⁴ Σ a_j²)^0.75 over the five neighbouring maps (section 3.3), by hand."""
    net = nets.build("alexnet", CIFAR10, year=2012, width=1 / 16)
    maps = torch.rand(1, 8, 2, 2) * 50
    given = next(m for m in net.features if isinstance(m, nn.LocalResponseNorm))(maps)
    near = maps[0, 1:6]  # maps 1 to 5 are the neighbours of map 3
    torch.testing.assert_close(given[0, 3], maps[0, 3] / (2 + 1e-4 * near.square().sum(0)) ** 0.75)


def test_bottlenecks_stride_in_their_3x3_convolution():
    strides = [tuple(c.stride) for c in on_meta("resnet50").layer2[0].modules() if isinstance(c, nn.Conv2d)]
    assert strides == [(1, 1), (2, 2), (1, 1), (2, 2)]  # 1×1, 3×3, 1×1, and the shortcut


@pytest.mark.parametrize(
    ("name", "maps"),
    [("alexnet", (256, 6, 6)), ("vgg16", (512, 7, 7)), ("resnet18", (512, 7, 7)), ("resnet50", (2048, 7, 7))],
)
def test_224_pixels_become_the_published_maps(name, maps):
    """Without memory: shapes alone pass through the net."""
    net, seen = on_meta(name).eval(), []
    last = net.layer4 if name.startswith("res") else net.features
    last.register_forward_hook(lambda _m, _i, out: seen.append(tuple(out.shape[1:])))
    assert net(torch.empty(1, 3, 224, 224, device="meta")).shape == (1, 1000)
    assert seen == [maps]


@pytest.mark.parametrize(("name", "side"), [("resnet18", 4), ("vgg11", 1), ("alexnet", 4)])
def test_32_pixels_keep_what_the_documentation_says(name, side):
    net, seen = nets.build(name, CIFAR10, width=1 / 16).eval(), []
    last = net.layer4 if name.startswith("res") else net.features
    last.register_forward_hook(lambda _m, _i, out: seen.append(tuple(out.shape[2:])))
    net(torch.randn(1, 3, 32, 32))
    assert seen == [(side, side)]


def test_normalisation_starts_as_it_should_although_layers_are_made_without_memory():
    net = nets.build("resnet18", CIFAR10, width=1 / 16)
    for norm_layer in (m for m in net.modules() if isinstance(m, nn.BatchNorm2d)):
        assert norm_layer.weight.eq(1).all()
        assert norm_layer.bias.eq(0).all()
        assert norm_layer.running_mean.eq(0).all()
        assert norm_layer.running_var.eq(1).all()
        assert norm_layer.num_batches_tracked == 0


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("alexnet", {"year": 2013}, "2012 or 2014"),
        ("alexnet", {"width": 0}, "width in"),
        ("vgg11", {"width": -1}, "width in"),
        ("resnet18", {"width": 9}, "width in"),
        ("resnet18", {"depth": 18}, "its options are width"),
    ],
)
def test_mistakes_are_explained(name, options, words):
    with pytest.raises(ProfundoError, match=words):
        nets.build(name, CIFAR10, **options)


# ------------------------------------------------------------------------------------------------------------- files
@pytest.fixture
def a_file(tmp_path, monkeypatch):
    """A narrow ResNet-18 with 1,000 classes as if it were published: its net and its file."""
    monkeypatch.setattr(Published, "build", lambda self, spec: nets.build(self.net, spec, width=1 / 8))
    torch.manual_seed(3)
    net = nets.build("resnet18", IMAGENET, width=1 / 8)
    net.train()(torch.randn(4, 3, 64, 64))  # moves the running averages

    def write(content=None):
        path = tmp_path / "weights.pth"
        torch.save(net.state_dict() if content is None else content, path)
        digits = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
        monkeypatch.setitem(PUBLISHED, "resnet18", Published(f"resnet18-{digits}.pth", "resnet18"))
        return path

    return net.eval(), write


def test_a_file_of_published_form_becomes_the_net_that_was_saved(a_file):
    net, write = a_file
    loaded = load_published("resnet18", write())
    inputs = torch.randn(2, 3, 64, 64)
    assert loaded(inputs).equal(net(inputs))
    assert not loaded.training
    assert all(p.requires_grad for p in loaded.parameters())


def test_old_files_without_the_counter_of_batches_load(a_file):
    net, write = a_file
    old = {key: value for key, value in net.state_dict().items() if "num_batches" not in key}
    inputs = torch.randn(2, 3, 64, 64)
    assert load_published("resnet18", write(old))(inputs).equal(net(inputs))


def test_another_number_of_classes_gets_a_new_output_layer_and_keeps_the_rest(a_file):
    net, write = a_file
    loaded = load_published("resnet18", write(), SMALL)
    assert loaded(torch.randn(2, 3, 64, 64)).shape == (2, 10)
    mine, theirs = loaded.state_dict(), net.state_dict()
    assert all(mine[key].equal(theirs[key]) for key in theirs if not key.startswith("fc."))
    assert loaded.fc.bias.eq(0).all()
    loaded.train()(torch.randn(2, 3, 64, 64)).sum().backward()
    assert all(p.grad is not None for p in loaded.parameters())


def test_a_file_with_another_hash_is_refused_before_it_is_read(a_file, monkeypatch):
    _, write = a_file
    path = write()
    monkeypatch.setattr(module.torch, "load", lambda *_, **__: pytest.fail("it was read"))
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(ProfundoError, match="expected the file whose SHA-256 begins with"):
        load_published("resnet18", path)


class Harmful:
    def __reduce__(self):
        return (print, ("it ran",))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"conv1.weight": torch.zeros(1)}, "not the weights of resnet18"),
        ([torch.zeros(1)], "expected a table of tensors"),
        ({"conv1.weight": Harmful()}, "expected published weights"),
    ],
)
def test_a_file_of_another_kind_is_explained_and_runs_nothing(a_file, capsys, content, words):
    _, write = a_file
    with pytest.raises(ProfundoError, match=words) as caught:
        load_published("resnet18", write(content))
    assert "\n" not in str(caught.value)
    assert "it ran" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "spec", "words"),
    [
        ("resnet18", CIFAR10, "at least 64×64"),
        ("resnet18", Spec(Inputs((2, 64, 64), "image"), TEN), "expected images"),
        ("resnet18", Spec(Inputs((64,), "features"), TEN), "rows of shape"),
        ("resnet152", IMAGENET, "expected one of alexnet, vgg11"),
    ],
)
def test_data_that_do_not_fit_published_weights_are_explained(tmp_path, name, spec, words):
    with pytest.raises(ProfundoError, match=words):
        load_published(name, tmp_path / "none.pth", spec)


def test_missing_files_are_explained(tmp_path):
    with pytest.raises(ProfundoError, match="expected published weights"):
        load_published("resnet18", tmp_path / "none.pth")


def test_addresses_and_hashes_are_torchvisions():
    assert PUBLISHED["vgg16_bn"].url == "https://download.pytorch.org/models/vgg16_bn-6c64b313.pth"
    assert PUBLISHED["alexnet"].sha256 == "7be5be79"
    fetched = {name: known for name, known in PUBLISHED.items() if not known.package}
    assert all(len(known.sha256) == 8 and int(known.sha256, 16) for known in fetched.values())
    assert set(fetched) == set(COUNTS)
    assert set(PUBLISHED) == set(get_args(Pretrained))
    assert {known.net for known in PUBLISHED.values()} == PUBLISHED_NETS | {"minilm"}


def test_the_file_of_a_package_is_known_by_its_whole_hash():
    assert len(PUBLISHED["efficientnet_lite0"].sha256) == 64
    assert PUBLISHED["efficientnet_lite0"].file.endswith(f"{PUBLISHED['efficientnet_lite0'].sha256[:8]}.pth")


def test_grey_images_are_seen_as_the_same_image_in_colour(a_file):
    net, write = a_file
    grey = torch.randn(2, 1, 64, 64)
    loaded = load_published("resnet18", write(), Spec(Inputs((1, 64, 64), "image"), IMAGENET.targets))
    torch.testing.assert_close(loaded(grey), net(grey.expand(-1, 3, -1, -1)), rtol=1e-4, atol=1e-5)
