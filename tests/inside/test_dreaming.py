"""Images made to excite: against a linear unit, whose best image is known, and against the data."""

import pytest
import torch
from torch import nn

from profundo import ProfundoError, nets
from profundo.inside.dreaming import deep_dream, excite, exciting
from profundo.records import Inputs, Spec, Targets

LOW, HIGH = torch.tensor([[[-1.0]]]), torch.tensor([[[2.0]]])
SPEC = Spec(Inputs((1, 16, 16), "image"), Targets("classes", tuple("abc")))


@pytest.fixture(scope="module")
def lenet():
    torch.manual_seed(0)
    return nets.lenet5(SPEC)


def test_the_image_of_a_linear_unit_is_white_where_its_weights_are_positive():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(144, 2))
    with torch.no_grad():  # smooth weights, as a trained net has them
        smooth = nn.functional.avg_pool2d(torch.randn(2, 1, 16, 16), 5, 1).flatten(1)
        net[1].weight.copy_(smooth)
    made = excite(net, "1", [0, 1], low=LOW, high=HIGH, size=(12, 12), steps=200, jitter=0)
    for unit in (0, 1):
        weights = net[1].weight[unit].detach()
        best = (weights.clamp_min(0).sum() * 2 - weights.clamp_max(0).sum()) + net[1].bias[unit].detach()
        assert made.values[unit] > 0.95 * best
        assert made.values[unit] <= best + 1e-4
        strong = weights.abs() > weights.abs().median()
        assert ((made.images[unit].flatten() > 0.5) == (weights > 0))[strong].float().mean() > 0.95


def test_made_images_excite_more_than_any_of_many_random_ones_and_stay_within_the_range(lenet):
    units = [0, 3, 7]
    for layer in ("c3", "relu3", "output"):
        of = units if layer != "output" else [0, 1, 2]
        made = excite(lenet, layer, of, low=LOW, high=HIGH, size=(16, 16), steps=60)
        others = excite(lenet, layer, of, low=LOW, high=HIGH, size=(16, 16), steps=0, seed=1)
        assert (made.values > others.values).all()
        assert made.images.shape == (3, 1, 16, 16)
        assert made.images.min() >= -1
        assert made.images.max() <= 2
        again = excite(lenet, layer, of, low=LOW, high=HIGH, size=(16, 16), steps=60)
        assert torch.equal(made.images, again.images)


def test_colours_that_belong_together_stay_together():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(2 * 36, 1))
    low, high = torch.zeros(3, 1, 1), torch.ones(3, 1, 1)
    one = torch.ones(3, 3) / 3  # all channels alike
    grey = excite(net, "2", [0], low=low, high=high, size=(8, 8), colours=one).images[0]
    free = excite(net, "2", [0], low=low, high=high, size=(8, 8)).images[0]
    assert torch.allclose(grey[0], grey[2], atol=1e-6)
    assert (free[0] - free[2]).abs().max() > 0.5


def test_one_place_can_be_excited_alone(lenet):
    made = excite(lenet, "c3", [2], low=LOW, high=HIGH, size=(16, 16), steps=80, centre=True, jitter=0)
    maps = lenet.c3(lenet.s2(lenet.relu1(lenet.c1(made.images))))[0, 2]
    assert maps[maps.shape[0] // 2, maps.shape[1] // 2].item() == pytest.approx(made.values[0].item(), abs=1e-5)
    assert maps[maps.shape[0] // 2, maps.shape[1] // 2] > maps.median()


def test_a_unit_that_is_silent_at_first_is_woken():
    conv = nn.Conv2d(1, 1, 3)
    with torch.no_grad():
        conv.weight.fill_(1.0)
        conv.bias.fill_(-14.0)  # nothing but white patches reaches it: 9 · 2 − 14 = 4
    net = nn.Sequential(conv, nn.ReLU())
    grey = excite(net, "1", [0], low=LOW, high=HIGH, size=(8, 8), steps=0)
    assert grey.values.item() < 1
    assert excite(net, "1", [0], low=LOW, high=HIGH, size=(8, 8), steps=200).values.item() > 2


def test_a_unit_that_is_not_there_is_refused(lenet):
    with pytest.raises(ProfundoError, match=r"'c3': expected units from 0 to 15, got \[16\]"):
        excite(lenet, "c3", [16], low=LOW, high=HIGH, size=(16, 16))


def test_a_dream_strengthens_what_the_layer_finds_and_keeps_the_rest_of_the_image(lenet):
    image = torch.rand(1, 16, 16, generator=torch.Generator().manual_seed(0))
    dream = deep_dream(lenet, image, "c3", low=LOW, high=HIGH, steps=12)

    def strength(one):
        return lenet.c3(lenet.s2(lenet.relu1(lenet.c1(one[None])))).square().mean()

    assert strength(dream) > 2 * strength(image)
    assert dream.shape == image.shape
    assert dream.min() >= -1
    assert dream.max() <= 2
    assert torch.equal(deep_dream(lenet, image, "c3", low=LOW, high=HIGH, steps=0), image)


def test_a_feature_of_tokens_is_a_unit_and_a_token_is_none():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(2), nn.Linear(36, 5), nn.ReLU())
    made = excite(net, "1", [4], low=torch.zeros(2, 1, 1), high=torch.ones(2, 1, 1), size=(6, 6), steps=3)
    assert made.values[0] == pytest.approx(net[1](made.images.flatten(2))[0, :, 4].mean().item(), rel=1e-4)
    with pytest.raises(ProfundoError, match="expected units from 0 to 4"):
        excite(net, "2", [5], low=torch.zeros(2, 1, 1), high=torch.ones(2, 1, 1), size=(6, 6))


@pytest.mark.parametrize("seed", range(4))
def test_a_dream_never_holds_less_than_the_image_it_began_with(seed):
    """Of 8 × 8 pixels, where one pixel is an eighth of the image."""
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Conv2d(6, 8, 3), nn.ReLU())
    image = torch.rand(1, 8, 8)
    dream = deep_dream(net, image, "3", low=LOW, high=HIGH)
    assert net(dream[None]).square().mean() > net(image[None]).square().mean()


def test_images_can_be_looked_at_as_they_come_about(lenet):
    lenet.train()
    seen = []
    for one in exciting(lenet, "c3", [0, 3], steps=7, every=3, low=LOW, high=HIGH, size=(16, 16)):
        assert lenet.training
        assert all(parameter.requires_grad for parameter in lenet.parameters())
        seen.append(one)
    lenet.eval()
    for one, steps in zip(seen, (3, 6, 7), strict=True):
        whole = excite(lenet, "c3", [0, 3], steps=steps, low=LOW, high=HIGH, size=(16, 16))
        assert torch.equal(one.images, whole.images)
        assert torch.equal(one.values, whole.values)
