"""Units, against closed forms and against looking at every place one by one."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from profundo import ProfundoError, nets
from profundo.inside.features import (
    FREQUENCIES,
    class_selectivity,
    feature_maps,
    filters,
    orientation_selectivity,
    top_patches,
)
from profundo.records import Inputs, Spec, Targets

SPEC = Spec(Inputs((1, 16, 16), "image"), Targets("classes", tuple("abc")))


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return nets.lenet5(SPEC)


@pytest.fixture(scope="module")
def images():
    return torch.randn(50, 1, 16, 16, generator=torch.Generator().manual_seed(1))


def test_filters_are_the_kernels_of_a_convolution_and_of_nothing_else(net):
    assert torch.equal(filters(net, "c3"), net.c3.weight)
    with pytest.raises(ProfundoError, match="expected a convolution of images, got Linear"):
        filters(net, "f6")


def test_feature_maps_are_those_of_the_layers_called_one_by_one(net, images):
    maps = feature_maps(net, images[:2])
    after = net.relu1(net.c1(images[:2]))
    assert torch.equal(maps["relu1"], after)
    assert torch.equal(maps["c3"], net.c3(net.s2(after)))
    assert "c5" not in maps


@pytest.mark.parametrize("size", [7, 50])
def test_the_best_patches_are_those_of_looking_at_every_place_of_every_sample(net, images, size):
    best = top_patches(net, images.split(size), "c3", k=4)
    with torch.no_grad():
        maps = net.c3(net.s2(net.relu1(net.c1(images))))
    for unit in range(maps.shape[1]):
        by_hand = sorted(
            ((float(maps[n, unit].max()), n, int(maps[n, unit].argmax())) for n in range(len(images))), reverse=True
        )[:4]
        assert best.samples[unit].tolist() == [n for _, n, _ in by_hand]
        assert best.places[unit].tolist() == [place for *_, place in by_hand]
        assert best.values[unit].tolist() == pytest.approx([value for value, *_ in by_hand], abs=1e-5)


def test_fewer_samples_than_asked_for_are_all_there_and_none_is_an_error(net, images):
    assert top_patches(net, [images[:3]], "c3", k=9).samples.shape == (16, 3)
    with pytest.raises(ProfundoError, match="at least one batch"):
        top_patches(net, [], "c3")


def test_class_selectivity_is_one_for_a_unit_of_one_class_and_nothing_for_one_of_all():
    class Known(nn.Module):
        def __init__(self):
            super().__init__()
            self.units = nn.Identity()

        def forward(self, x):
            return self.units(x)

    targets = torch.tensor([0, 0, 1, 2, 2, 2])
    only_two = (targets == 2).float()
    same = torch.ones(6)
    mixed = torch.tensor([1.0, 3, 0, 1, 1, 1])  # means 2, 0, 1; the others of class 0 have 3/4
    silent = -torch.ones(6)
    x = torch.stack([only_two, same, mixed, silent], 1)
    one = class_selectivity(Known(), x.split(4), targets, 3)["units"]
    assert one.index[:3].tolist() == pytest.approx([1, 0, (2 - 0.75) / (2 + 0.75)])
    assert one.best[:1].tolist() == [2]
    assert one.index[3].isnan()
    assert one.best[2] == 0


class Patches(nn.Module):
    """A transformer of images: a convolution cuts them into tokens, which an own function lays out."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.cut, self.drop = nn.Conv2d(1, 8, 4, stride=4), nn.Dropout(0.1)
        self.blocks = nn.ModuleList([nn.TransformerEncoderLayer(8, 2, 12, batch_first=True) for _ in range(2)])
        self.gate, self.mixed, self.act = nn.Linear(8, 7), nn.Conv1d(7, 6, 3), nn.GELU()
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        tokens = self.drop(self.cut(x).flatten(2).transpose(1, 2))
        for block in self.blocks:
            tokens = block(tokens)
        return self.head(self.act(self.mixed(self.gate(tokens).transpose(1, 2))).mean(2))


def test_units_of_tokens_are_their_features_and_of_steps_their_channels(images):
    net, classes = Patches(), torch.arange(50) % 3
    selective = class_selectivity(net, images.split(20), classes, 3)
    wide = {name: len(one.index) for name, one in selective.items()}
    assert {name: wide[name] for name in ("cut", "drop", "gate", "mixed", "act", "head")} == {
        "cut": 8, "drop": 8, "gate": 7, "mixed": 6, "act": 6, "head": 3,
    }  # fmt: skip
    assert all(units in (8, 12) for name, units in wide.items() if name.startswith("blocks"))
    net.eval()
    with torch.no_grad():
        tokens = net.cut(images).flatten(2).transpose(1, 2)
        for block in net.blocks:
            tokens = block(tokens)
    for layer, given in (("blocks.1", tokens), ("gate", net.gate(tokens).detach())):
        best = top_patches(net, images.split(20), layer, k=2)
        assert len(best.values) == given.shape[2]
        values, places = given.max(1)
        torch.testing.assert_close(best.values, values.T.topk(2).values)
        unit, sample = 3, int(values[:, 3].argmax())
        assert (best.samples[unit, 0], best.places[unit, 0]) == (sample, places[sample, unit])
    assert set(feature_maps(net, images[:2])) == {"cut"}


def test_a_layout_that_no_size_decides_is_that_of_the_layer_with_weights_before():
    steps, tokens = nn.Sequential(nn.Conv1d(2, 5, 1), nn.ReLU()), nn.Sequential(nn.Linear(2, 5), nn.ReLU())
    for net, x in ((steps, torch.randn(6, 2, 5)), (tokens, torch.randn(6, 5, 2))):
        y = net(x).detach()
        y = y if net is steps else y.transpose(1, 2)
        assert torch.equal(top_patches(net, [x], "1", k=1).values[:, 0], y.amax((0, 2)))


def test_class_selectivity_of_noise_is_that_of_shuffled_classes():
    draws = torch.Generator().manual_seed(0)
    x = torch.rand(200, 400, generator=draws)
    targets = torch.randint(0, 5, (200,), generator=draws)
    one = class_selectivity(nn.Sequential(nn.Identity()), [x], targets, 5)["0"]
    assert one.index.mean() == pytest.approx(one.chance.mean().item(), rel=0.1)
    assert one.index.mean() > 0.05  # few samples look selective


def gabor(angle, size=11):
    """Stripes of 6 pixels that run in this direction, from the horizontal upwards."""
    y, x = torch.meshgrid(-torch.arange(size) + size // 2.0, torch.arange(size) - size // 2.0, indexing="ij")
    across = math.radians(angle + 90)
    wave = torch.cos(2 * math.pi * (x * math.cos(across) + y * math.sin(across)) / 6)
    return wave * torch.exp(-(x**2 + y**2) / 12)


def test_orientations_of_gabors_are_theirs_and_a_blob_has_none():
    y, x = torch.meshgrid(torch.arange(11) - 5.0, torch.arange(11) - 5.0, indexing="ij")
    blob = torch.exp(-(x**2 + y**2) / 8)
    conv = nn.Conv2d(1, 4, 11, padding=5)
    with torch.no_grad():
        conv.weight[:, 0] = torch.stack([gabor(0), gabor(60), gabor(90), blob])
    tuned = orientation_selectivity(nn.Sequential(conv), (1, 32, 32), "0")
    assert (tuned.angle[0] + 90) % 180 == pytest.approx(90, abs=3)
    assert tuned.angle[1:3].tolist() == pytest.approx([60, 90], abs=3)
    assert tuned.index[:3].min() > 0.6
    assert tuned.index[3] < 0.05


def test_the_tuning_of_a_linear_unit_is_the_fourier_transform_of_its_kernel_whatever_its_bias():
    torch.manual_seed(3)
    conv = nn.Conv2d(2, 3, 7, padding=3)
    with torch.no_grad():
        conv.bias.fill_(5.0)
    tuned = orientation_selectivity(nn.Sequential(conv), (2, 20, 20), "0")
    kernel = conv.weight.detach().sum(1).numpy()
    y, x = np.mgrid[3:-4:-1, -3:4]
    for unit in range(3):
        f = float(tuned.frequency[unit])
        expected = []
        for angle in np.pi * np.arange(18) / 18:
            wave = np.exp(2j * np.pi * f * (x * np.cos(angle) + y * np.sin(angle)))
            expected.append(abs((kernel[unit] * wave).sum()))
        assert tuned.tuning[unit].tolist() == pytest.approx(expected, rel=1e-3)
        assert f in [pytest.approx(one) for one in FREQUENCIES]


def test_units_of_colour_maps_are_observed_as_conv2d_computes_them(images):
    conv = nn.Conv2d(1, 2, 3)
    maps = feature_maps(nn.Sequential(conv, nn.ReLU()), images)
    assert torch.equal(maps["0"], F.conv2d(images, conv.weight, conv.bias).detach())
