"""U-Net: an answer for each pixel of an image of any size, by what the paper says of near and far."""

import pytest
import torch

from profundo.nets import build
from profundo.nets.unet import unet
from profundo.records import Inputs, ProfundoError, Spec, Targets


def spec(size=(32, 48), channels=3, classes=5):
    return Spec(Inputs((channels, *size), "image", longest=0), Targets("mask", tuple(map(str, range(classes)))))


@pytest.mark.parametrize("size", [(32, 48), (1, 1), (7, 5), (33, 31), (16, 100)])
def test_images_of_any_size_get_an_answer_for_each_pixel(size):
    net = build("unet", spec(), width=4).eval()
    assert net(torch.randn(2, 3, *size)).shape == (2, 5, *size)


def test_a_finest_level_of_squares_answers_for_each_of_their_pixels():
    """Scores that are constant, but for the one of the class 1 at the lower left pixel of each square, answer there alone."""
    net = unet(spec(), width=4, finest=2).eval()
    assert (len(net.up), net.down[0][0].in_channels, net.scores[0].out_channels) == (1, 12, 20)
    with torch.no_grad():
        for layer in net.scores:
            layer.weight.zero_()
            layer.bias.zero_()
        net.scores[0].bias[4 * 1 + 2] = 1.0
        answer = net(torch.randn(1, 3, 7, 9))
    expected = torch.zeros(1, 5, 7, 9)
    expected[:, 1, 1::2, 0::2] = 1
    assert torch.equal(answer, expected)


def test_it_halves_as_often_as_leaves_eight_pixels_and_at_most_four_times():
    for side, depth in ((8, 1), (16, 1), (31, 1), (32, 2), (64, 3), (128, 4), (1000, 4)):
        assert len(unet(spec((side, 1000)), width=2).up) == depth


def test_its_weights_are_those_of_its_layers():
    """By hand: at each level two 3×3 convolutions and normalisations on the way down and one on the way up, a 2×2 one between, and a
    1×1 of scores at each; as the paper has it, two on the way up, the first of twice the channels."""

    def twice(a, b):
        return 9 * a * b + 9 * b * b + 4 * b

    expected = twice(3, 4) + twice(4, 8) + twice(8, 16)  # down
    expected += 5 * (4 + 8 + 16) + 3 * 5
    expected += 4 * 16 * 8 + 8 + 4 * 8 * 4 + 4  # up
    joined, added = twice(16, 8) + twice(8, 4), 9 * 8 * 8 + 2 * 8 + 9 * 4 * 4 + 2 * 4
    assert sum(p.numel() for p in unet(spec(), width=4, depth=2).parameters()) == expected + added
    assert sum(p.numel() for p in unet(spec(), width=4, depth=2, adds=False).parameters()) == expected + joined


def test_its_answer_is_the_scores_of_all_sizes_enlarged_and_added():
    """By hand: every score layer is made constant; enlarging leaves constants and the sum of all is the answer."""
    net = unet(spec(), width=4, depth=2).eval()
    with torch.no_grad():
        for number, layer in enumerate(net.scores):
            layer.weight.zero_()
            layer.bias.fill_(10.0**number)
        torch.testing.assert_close(net(torch.randn(1, 3, 16, 16)), torch.full((1, 5, 16, 16), 111.0))
    assert [layer.in_channels for layer in net.scores] == [4, 8, 16]


def test_what_is_near_decides_and_what_lies_beyond_its_field_does_not():
    """A change of a pixel changes answers around it, and none farther away than a halving so often can carry."""
    torch.manual_seed(0)
    net = unet(spec((64, 64)), width=8, depth=2).eval()
    image = torch.randn(1, 3, 64, 64)
    other = image.clone()
    other[0, :, 8, 8] += 1
    with torch.no_grad():
        changed = (net(image) != net(other)).any(1)[0]
    assert bool(changed[6:11, 6:11].any())
    assert not bool(changed[48:].any())
    assert not bool(changed[:, 48:].any())


def test_it_is_for_pixels_and_other_nets_are_not():
    with pytest.raises(ProfundoError, match="answer for each sample, the data have one for each pixel; use unet"):
        build("fast_cnn", spec())
    images = Spec(Inputs((3, 32, 32), "image"), Targets("classes", ("a", "b", "c")))
    with pytest.raises(ProfundoError, match="answer for each pixel, the data have one for each sample; use fast_cnn"):
        build("unet", images)
    with pytest.raises(ProfundoError, match="depth from 1 to 8"):
        build("unet", spec(), depth=0)
    with pytest.raises(ProfundoError, match="1, 2 or 4 pixels as finest, got 0"):
        build("unet", spec(), finest=0)


# ------------------------------------------------------------------------------------------- without a path up
@pytest.mark.parametrize("size", [(32, 48), (1, 1), (7, 5), (33, 31)])
def test_a_fully_convolutional_net_answers_for_each_pixel_too(size):
    net = build("fully_convolutional", spec(), width=4).eval()
    assert net(torch.randn(2, 3, *size)).shape == (2, 5, *size)


def test_its_answer_is_three_scores_enlarged_and_added():
    """By hand: every score layer is made constant; enlarging leaves constants and the sum of all three is the answer."""
    net = build("fully_convolutional", spec(), width=4).eval()
    with torch.no_grad():
        for number, layer in enumerate(net.scores):
            layer.weight.zero_()
            layer.bias.fill_(10.0**number)
        torch.testing.assert_close(net(torch.randn(1, 3, 16, 16)), torch.full((1, 5, 16, 16), 111.0))
    assert [layer.in_channels for layer in net.scores] == [8, 16, 32]
    assert len(build("fully_convolutional", spec((256, 300)), width=1).down) == 6
    with pytest.raises(ProfundoError, match="a depth from 2 to 8"):
        build("fully_convolutional", spec(), depth=1)
