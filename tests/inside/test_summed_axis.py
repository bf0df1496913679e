"""Which axis is of channels is told by what a net does with it: all sizes alike, so that they cannot tell."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from profundo.inside.attributions import explain
from profundo.inside.attributions.summed_axis import summed_axis
from profundo.records import ProfundoError

N = 7


class Doing(nn.Module):
    def __init__(self, does, *modules):
        super().__init__()
        self.does, self.parts = does, nn.ModuleList(modules)

    def forward(self, x):
        return self.does(x, *self.parts)


def last(x, recurrent):
    return recurrent(x)[0][:, -1]


def normalised(x):
    return (x - x.mean(1, keepdim=True)) / x.std(1, keepdim=True)


SERIES = {  # (batch, 7, 7) and the axis that the first weights sum over
    "recurrent": (last, [nn.GRU(N, 4, batch_first=True)], 2),
    "recurrent, both ways": (last, [nn.LSTM(N, 4, batch_first=True, bidirectional=True)], 2),
    "recurrent, steps first": (lambda x, g: g(x.transpose(0, 1))[0][-1], [nn.GRU(N, 4)], 2),
    "recurrent along the features": (lambda x, g: last(x.permute(0, 2, 1), g), [nn.GRU(N, 4, batch_first=True)], 1),
    "recurrent, of each series less its mean": (
        lambda x, g: last(normalised(x), g),
        [nn.GRU(N, 4, batch_first=True)],
        2,
    ),
    "convolution": (lambda x, c: c(x).mean(2), [nn.Conv1d(N, 4, 3)], 1),
    "convolution as long as the series": (lambda x, c: c(x).mean(2), [nn.Conv1d(N, 4, N)], 1),
    "convolution of each channel": (lambda x, c: c(x).mean(2), [nn.Conv1d(N, N, 3, groups=N)], 1),
    "transposed, convolution": (lambda x, c: c(x.transpose(1, 2)).mean(2), [nn.Conv1d(N, 4, 3)], 2),
    "transposed, padded, convolution": (lambda x, c: c(F.pad(x.mT, (2, 0))).mean(2), [nn.Conv1d(N, 4, 3)], 2),
    "norm, convolution": (lambda x, n, c: c(n(x)).mean(2), [nn.BatchNorm1d(N), nn.Conv1d(N, 4, 3)], 1),
    "linear": (lambda x, w: w(x).mean(1), [nn.Linear(N, 3)], 2),
    "linear, frozen": (lambda x, w: w(x).mean(1), [nn.Linear(N, 3).requires_grad_(False)], 2),
    "norm, linear": (lambda x, n, w: w(n(x)).mean(1), [nn.LayerNorm(N), nn.Linear(N, 3)], 2),
    "transposed, linear": (lambda x, w: w(x.mT).mean(1), [nn.Linear(N, 3)], 1),
    "weights from the left": (lambda x, w: (w.weight @ x).mean(2), [nn.Linear(N, 3)], 1),
    "einsum": (lambda x, w: torch.einsum("btf,of->bo", x, w.weight), [nn.Linear(N, 3)], 2),
    "heads": (lambda x, w: w(x.reshape(len(x), N, 1, N).permute(0, 2, 1, 3)).mean((1, 2)), [nn.Linear(N, 3)], 2),
    "patches of two steps": (
        lambda x, w: w(F.pad(x, (0, 0, 0, 1)).reshape(-1, 4, 2 * N)).mean(1),
        [nn.Linear(2 * N, 3)],
        2,
    ),
    "a token before": (lambda x, w: w(torch.cat([torch.zeros(len(x), 1, N), x], 1)).mean(1), [nn.Linear(N, 3)], 2),
    "products of the inputs before": (lambda x, w: w((x @ x.mT).softmax(2) @ x).mean(1), [nn.Linear(N, 3)], 2),
    "attention": (lambda x, a: a(x, x, x)[0].mean(1), [nn.MultiheadAttention(N, 1, batch_first=True)], 2),
    "transformer": (lambda x, a: a(x).mean(1), [nn.TransformerEncoderLayer(N, 1, batch_first=True)], 2),
    "all at once": (lambda x, w: w(x.flatten(1)), [nn.Linear(N * N, 3)], None),
    "no product": (lambda x, w: (x * w.weight[0]).sum(2), [nn.Linear(N, 3)], None),
}
IMAGES = {
    "channels first": (lambda x, c: c(x).mean((2, 3)), [nn.Conv2d(N, 4, 3)], 1),
    "channels last": (lambda x, c: c(x.permute(0, 3, 1, 2)).mean((2, 3)), [nn.Conv2d(N, 4, 3)], 3),
    "rows": (lambda x, g: last(x[:, 0], g), [nn.GRU(N, 4, batch_first=True)], None),
}


@pytest.mark.parametrize("kind", SERIES)
def test_the_axis_that_the_first_weights_sum_over(kind):
    torch.manual_seed(0)
    does, modules, expected = SERIES[kind]
    assert summed_axis(Doing(does, *modules).eval(), torch.randn(4, N, N)) == expected


@pytest.mark.parametrize("kind", IMAGES)
def test_of_images_only_convolutions_tell(kind):
    torch.manual_seed(0)
    does, modules, expected = IMAGES[kind]
    assert summed_axis(Doing(does, *modules).eval(), torch.randn(4, N, N, N)) == expected


@pytest.mark.parametrize(("shape", "expected"), [((3, 1, N), 1), ((1, N, 1), 2), ((3, 2, 2), 1)])
def test_one_channel_and_few_places_are_no_exceptions(shape, expected):
    net = (
        nn.Conv1d(1, 2, 1)
        if expected == 1 and shape[1] == 1
        else nn.Conv1d(2, 2, 1)
        if expected == 1
        else nn.Linear(1, 2)
    )
    assert summed_axis(net, torch.randn(shape)) == expected


def test_maps_are_of_the_places_that_the_net_sees():
    """Steps that the net never reads are due nothing, each step has one figure, and images with channels last keep their sides."""
    torch.manual_seed(0)
    series = Doing(lambda x, c: c(x[:, 2:].transpose(1, 2)).mean(2), nn.Conv1d(N, 4, 3))
    by_step = explain(series, torch.randn(3, N, N), "gradient").by_place
    assert by_step.shape == (3, N)
    assert not by_step[:, :2].any()
    assert by_step[:, 2:].any(1).all()
    images = Doing(lambda x, c: c(x.permute(0, 3, 1, 2)).mean((2, 3)), nn.Conv2d(3, 4, 3))
    assert explain(images, torch.randn(2, 5, 6, 3), "occlusion", window=2).by_place.shape == (2, 5, 6)
    with torch.inference_mode():
        assert explain(images, torch.randn(2, 5, 6, 3), "occlusion", window=2).by_place.shape == (2, 5, 6)


class Scripted(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Conv2d(2, 4, 3), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.first(x).relu().mean((2, 3)))


def through_numpy(x, w):
    return w(torch.from_numpy(x.numpy().mean((2, 3))))


def without_gradients(x, c):
    if x.requires_grad:
        raise AssertionError("no training here")
    return c(x).mean((2, 3))


def in_place(x, c):
    x.relu_()
    x.sigmoid_()
    return c(x).mean((2, 3))


class NoDerivative(torch.autograd.Function):
    @staticmethod
    def forward(_, x):
        return x * 2

    @staticmethod
    def backward(*_):
        raise KeyError("no derivative")


def of_no_derivative(x, c):
    return c(NoDerivative.apply(x)).mean((2, 3))


UNWATCHED = {
    "scripted": lambda: torch.jit.script(Scripted()),
    "through NumPy": lambda: Doing(through_numpy, nn.Linear(2, 3)),
    "without gradients": lambda: Doing(without_gradients, nn.Conv2d(2, 3, 3)),
    "in place": lambda: Doing(in_place, nn.Conv2d(2, 3, 3)),
    "of no derivative": lambda: Doing(of_no_derivative, nn.Conv2d(2, 3, 3)),
}


@pytest.mark.filterwarnings("ignore:.*torch.jit")
@pytest.mark.parametrize("kind", UNWATCHED)
def test_a_net_that_bears_no_watched_pass_is_explained_with_channels_second(kind):
    torch.manual_seed(0)
    images = torch.randn(2, 2, 6, 5)
    assert explain(UNWATCHED[kind]().eval(), images, "occlusion", window=2, of=1).by_place.shape == (2, 6, 5)


@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_a_scripted_net_has_its_integrated_gradients():
    torch.manual_seed(0)
    net, images = Scripted().eval(), torch.randn(2, 2, 6, 5)
    scripted, plain = (
        explain(one, images, "integrated_gradients", of=1).by_place for one in (torch.jit.script(net), net)
    )
    torch.testing.assert_close(scripted, plain)


def test_what_a_net_cannot_take_is_told_by_the_pass_that_explains_it():
    with pytest.raises(ProfundoError, match="does not take inputs of"):
        explain(nn.Conv2d(5, 4, 3), torch.randn(2, 2, 6, 5), "occlusion", of=1)
