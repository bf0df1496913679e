"""EfficientNet-Lite0 against what its authors publish, and against another implementation with the same weights."""

import pytest
import torch

from profundo import nets
from profundo.nets.published_weights import IMAGENET, load_published
from profundo.nets.summary import summary
from profundo.records import Inputs, ProfundoError, Spec
from profundo.runs.pretrained import published_weights

# Outputs 0, 1, 2, 500 and 999 and the largest of efficientnet-lite-pytorch 0.1.0 for `wave`, by the side of the image.
THEIRS = {
    224: ([-1.0559, 0.6309, 0.1553, -0.7971, 1.8962], 904),
    160: ([-0.6331, 0.3224, -1.4814, -0.4009, 2.0646], 904),
    129: ([-1.2522, 0.7455, -1.1774, -0.1246, 0.8946], 754),
}


def wave(side):
    values = torch.sin(0.37 * torch.arange(3 * side * side, dtype=torch.float64))
    return 2 * values.float().view(1, 3, side, side)


@pytest.mark.parametrize("side", THEIRS)
def test_with_the_published_weights_it_answers_as_another_implementation(side):
    spec = Spec(Inputs((3, side, side), "image"), IMAGENET.targets)
    net = load_published("efficientnet_lite0", published_weights("efficientnet_lite0"), spec)
    values, largest = THEIRS[side]
    with torch.no_grad():
        outputs = net(wave(side))[0]
    torch.testing.assert_close(outputs[[0, 1, 2, 500, 999]], torch.tensor(values), atol=1e-3, rtol=0)
    assert int(outputs.argmax()) == largest


def test_it_has_the_published_size():
    """4.7 million parameters and 407 million products, as its authors say (normalisation counted in)."""
    with torch.device("meta"):
        net = nets.build("efficientnet_lite0", IMAGENET)
    assert round(sum(one.numel() for one in net.parameters()) / 1e6, 1) == 4.7
    rows = summary(nets.build("efficientnet_lite0", IMAGENET), IMAGENET.inputs)
    assert 370e6 < sum(row.flops for row in rows) / 2 < 410e6


def test_the_borders_are_tensorflows():
    """⌈side/2⌉ places; the odd zero lies right and below, so that the first window begins at the first pixel."""
    with torch.device("meta"):
        even, odd = (
            nets.build("efficientnet_lite0", Spec(Inputs((3, side, side), "image"), IMAGENET.targets))
            for side in (64, 65)
        )
    assert even.stem.pad.padding == (0, 1, 0, 1)
    assert odd.stem.conv.padding == (1, 1)
    for net, side in ((even, 64), (odd, 65)):
        assert net.stem(torch.empty(1, 3, side, side, device="meta")).shape[2:] == (-(-side // 2), -(-side // 2))


@pytest.mark.parametrize("options", [{"width": 0}, {"width": 5.0}, {"dropout": 1.0}])
def test_options_out_of_bounds_are_refused(options):
    with pytest.raises(ProfundoError, match="width"):
        nets.build("efficientnet_lite0", IMAGENET, **options)
