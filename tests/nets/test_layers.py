"""Each layer against loops that anyone can read, against torch where they coincide, and against finite differences."""

import copy
from math import pi, sqrt

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from profundo.nets.layers import (
    GeneralisedMeanPool2d,
    LocallyConnected2d,
    Maxout,
    MaxoutConv2d,
    MinPool2d,
    MixedPool2d,
    RememberingPool2d,
    SparselyConnected,
    Unpool2d,
    largest_square,
)
from profundo.records import ProfundoError


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def pool_and_back():
    pool = RememberingPool2d(2)
    return nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), pool, nn.Conv2d(3, 3, 3, padding=1), Unpool2d(pool))


# Layers of images (2, 6, 5), with what they give for one of them.
FAMILY = {
    "maxout": (lambda: Maxout(5, 4, 3), (2, 6, 4)),
    "maxout convolution": (lambda: MaxoutConv2d(2, 3, 4, 3, padding=1), (3, 6, 5)),
    "minimum pooling": (lambda: MinPool2d(2), (2, 3, 2)),
    "generalised mean": (lambda: GeneralisedMeanPool2d((3, 2), (1, 2)), (2, 4, 2)),
    "mixed pooling": (lambda: MixedPool2d(2), (2, 3, 2)),
    "pool and back": (pool_and_back, (3, 6, 5)),
    "locally connected": (lambda: LocallyConnected2d(2, 3, (6, 5), 3, stride=2, padding=1), (3, 3, 3)),
    "sparsely connected": (lambda: SparselyConnected(5, 4, 0.4), (2, 6, 4)),
}


@pytest.mark.parametrize(("make", "shape"), FAMILY.values(), ids=FAMILY)
def test_every_layer_gives_the_shape_it_promises(make, shape):
    layer = make()
    for many in (1, 4):
        assert layer(torch.randn(many, 2, 6, 5)).shape == (many, *shape)


@pytest.mark.parametrize("make", [make for make, _ in FAMILY.values()], ids=FAMILY)
class TestEveryLayer:
    def images(self, **options):
        return torch.randn(4, 2, 6, 5, **options)

    def test_gradients_agree_with_finite_differences(self, make):
        layer, images = make().double(), self.images(dtype=torch.float64)[:2].requires_grad_()
        names, values = zip(*layer.named_parameters(), strict=True) if list(layer.parameters()) else ((), ())

        def run(images, *values):
            return torch.func.functional_call(layer, dict(zip(names, values, strict=True)), (images,))

        assert torch.autograd.gradcheck(run, (images, *(v.detach().requires_grad_() for v in values)))

    def test_gives_the_same_with_channels_last(self, make):
        layer, images = make(), self.images()
        plain = layer(images)
        layer = copy.deepcopy(layer).to(memory_format=torch.channels_last) if "conv" in str(layer) else layer
        torch.testing.assert_close(layer(images.to(memory_format=torch.channels_last)), plain)

    def test_works_in_bfloat16_under_autocast_forward_and_backward(self, make):
        layer, images = make(), self.images().requires_grad_()
        exact = layer(images)
        with torch.autocast("cpu", torch.bfloat16):
            rough = layer(images)
        rough.float().square().sum().backward()
        assert images.grad.isfinite().all()
        if "Unpool" not in str(layer):  # a maximum may be elsewhere after rounding; torch unpools in float32
            assert rough.dtype == (torch.bfloat16 if any(p.ndim for p in layer.parameters()) else torch.float32)
            torch.testing.assert_close(rough.float(), exact, rtol=0.05, atol=0.05)

    def test_comes_back_from_its_state(self, make):
        layer, images = make(), self.images()
        torch.manual_seed(1)
        other = make()
        other.load_state_dict(copy.deepcopy(layer.state_dict()))
        assert other(images).equal(layer(images))

    def test_a_copy_is_independent(self, make):
        layer, images = make(), self.images()
        before = layer(images)
        copied = copy.deepcopy(layer)
        copied(-images)
        for parameter in copied.parameters():
            parameter.data.zero_()
        assert layer(images).equal(before)

    def test_keeps_the_callers_images(self, make):
        images = self.images()
        before = images.clone()
        make()(images)
        assert images.equal(before)


class TestMaxout:
    def test_is_the_largest_of_its_linear_functions(self):
        layer, rows = Maxout(4, 3, 5), torch.randn(7, 4)
        layer.linear.bias.data.normal_()
        weight, bias = (p.detach().numpy() for p in (layer.linear.weight, layer.linear.bias))
        for row, given in zip(rows.numpy(), layer(rows).detach().numpy(), strict=True):
            for unit in range(3):
                pieces = [float(weight[5 * unit + k] @ row + bias[5 * unit + k]) for k in range(5)]
                assert given[unit] == pytest.approx(max(pieces), rel=1e-5)

    def test_of_convolutions_is_the_largest_map_of_each_group(self):
        layer, images = MaxoutConv2d(2, 3, 4, (3, 2), stride=(2, 1), padding=1), torch.randn(2, 2, 7, 6)
        groups = zip(layer.conv.weight.chunk(3), layer.conv.bias.chunk(3), strict=True)
        maps = [F.conv2d(images, w, b, (2, 1), 1).max(1).values for w, b in groups]
        torch.testing.assert_close(layer(images), torch.stack(maps, 1))

    def test_two_pieces_compute_an_absolute_value(self):
        layer = Maxout(1, 1, 2)
        layer.load_state_dict({"linear.weight": torch.tensor([[1.0], [-1.0]]), "linear.bias": torch.zeros(2)})
        a = torch.linspace(-3, 3, 13)[:, None]
        assert layer(a).equal(a.abs())

    def test_the_largest_of_normal_numbers_has_the_known_second_moments(self):
        """Order statistics: 1, 1, 1 + √3/2π, 1 + √3/π; for five, Tseran & Montúfar 2023 give 1 / 0.55555."""
        known = [1, 1, 1 + sqrt(3) / (2 * pi), 1 + sqrt(3) / pi]
        assert [largest_square(k) for k in (1, 2, 3, 4)] == pytest.approx(known, rel=1e-9)
        assert 1 / largest_square(5) == pytest.approx(0.55555, abs=5e-6)

    @pytest.mark.parametrize("pieces", [1, 2, 5])
    def test_signals_keep_their_size_through_many_layers(self, pieces):
        net = nn.Sequential(*[Maxout(256, 256, pieces) for _ in range(12)])
        with torch.no_grad():
            assert 0.4 < net(torch.randn(64, 256)).square().mean() < 2.5

    def test_starts_without_bias(self):
        assert Maxout(3, 2, 2).linear.bias.count_nonzero() == MaxoutConv2d(1, 2, 2, 3).conv.bias.count_nonzero() == 0


class TestPoolingThatLearns:
    def test_generalised_mean_is_that_of_the_formula(self):
        images = torch.rand(2, 3, 6, 7, dtype=torch.float64)
        for power in (0.5, 1.0, 3.0, 7.5):
            layer = GeneralisedMeanPool2d((3, 2), 2, power=power).double()
            expected = F.avg_pool2d(images**power, (3, 2), 2) ** (1 / power)
            torch.testing.assert_close(layer(images), expected, rtol=1e-6, atol=0)  # log p is kept in float32
        torch.testing.assert_close(
            GeneralisedMeanPool2d(2, power=3.0)(images.float()) * 4 ** (1 / 3), nn.LPPool2d(3, 2)(images.float())
        )

    def test_its_ends_are_average_and_maximum_and_no_power_overflows(self):
        images = torch.rand(2, 3, 6, 6) * torch.tensor([1e-4, 1.0, 1e6])[:, None, None] + 1e-5
        torch.testing.assert_close(
            GeneralisedMeanPool2d(2, power=1.0)(images), F.avg_pool2d(images, 2), rtol=1e-5, atol=0
        )
        sharp = GeneralisedMeanPool2d(2, power=1e4)
        torch.testing.assert_close(sharp(images), F.max_pool2d(images, 2), rtol=2e-3, atol=0)
        sharp(images).log().sum().backward()
        assert sharp.log_power.grad.isfinite()

    def test_mixed_is_between_average_and_maximum_by_its_share(self):
        images = torch.randn(2, 3, 6, 7)
        greatest, mean = F.max_pool2d(images, 3, 2), F.avg_pool2d(images, 3, 2)
        for share in (0.1, 0.5, 0.9):
            expected = share * greatest + (1 - share) * mean
            torch.testing.assert_close(MixedPool2d(3, 2, share=share)(images), expected)

    def test_each_learns_which_pooling_made_the_targets(self):
        images = torch.rand(64, 1, 8, 8)
        for layer, learned in (
            (GeneralisedMeanPool2d(2), lambda layer: layer.log_power.exp()),
            (MixedPool2d(2), lambda layer: 1 - layer.logit.sigmoid()),
        ):
            optimizer = torch.optim.Adam(layer.parameters(), 0.1)
            for _ in range(150):
                optimizer.zero_grad()
                (layer(images) - F.avg_pool2d(images, 2)).square().mean().backward()
                optimizer.step()
            assert learned(layer).item() == pytest.approx(1, abs=0.05)  # the average, from p = 3 and from a half

    def test_mistakes_are_explained(self):
        with pytest.raises(ProfundoError, match="power and least above 0, got 0"):
            GeneralisedMeanPool2d(2, power=0)
        with pytest.raises(ProfundoError, match="share between 0 and 1, got 1"):
            MixedPool2d(2, share=1)
        with pytest.raises(ProfundoError, match="GeneralisedMeanPool2d: expected a kernel no larger"):
            GeneralisedMeanPool2d(4)(torch.rand(1, 1, 3, 3))


class TestPooling:
    @pytest.mark.parametrize(("kernel", "stride", "padding"), [(2, 2, 0), ((3, 2), (2, 1), (1, 0)), (3, 1, 1)])
    def test_minimum_of_each_window(self, kernel, stride, padding):
        images = torch.randn(2, 2, 6, 5)
        (kh, kw), (sh, sw), (ph, pw) = ((v, v) if isinstance(v, int) else v for v in (kernel, stride, padding))
        framed = np.pad(images.numpy(), ((0, 0), (0, 0), (ph, ph), (pw, pw)), constant_values=np.inf)
        given = MinPool2d(kernel, stride, padding)(images).numpy()
        assert given.shape[2:] == ((6 + 2 * ph - kh) // sh + 1, (5 + 2 * pw - kw) // sw + 1)
        for i in range(given.shape[2]):
            for j in range(given.shape[3]):
                window = framed[:, :, i * sh : i * sh + kh, j * sw : j * sw + kw]
                assert np.array_equal(given[:, :, i, j], window.min((2, 3)))

    def test_minimum_pooling_strides_by_its_kernel_and_keeps_half_windows_when_asked(self):
        images = torch.arange(5.0).view(1, 1, 1, 5)
        assert MinPool2d((1, 2))(images).flatten().tolist() == [0, 2]
        assert MinPool2d((1, 2), ceil_mode=True)(images).flatten().tolist() == [0, 2, 4]

    @pytest.mark.parametrize("size", [(6, 4), (7, 5), (3, 9)])
    @pytest.mark.parametrize("kernel", [2, 3, (2, 3)])
    def test_values_go_back_to_where_the_maxima_were(self, size, kernel):
        images = torch.randn(2, 3, *size)
        high, wide = (kernel, kernel) if isinstance(kernel, int) else kernel
        pool = RememberingPool2d(kernel)
        back = Unpool2d(pool)(10 * pool(images)).numpy()
        expected = np.zeros_like(back)
        for b, c, i, j in np.ndindex(2, 3, size[0] // high, size[1] // wide):
            window = images.numpy()[b, c, i * high : (i + 1) * high, j * wide : (j + 1) * wide]
            down, right = np.unravel_index(window.argmax(), window.shape)
            expected[b, c, i * high + down, j * wide + right] = 10 * window.max()
        assert back.shape == images.shape
        assert np.array_equal(back, expected)

    def test_pools_nest_in_an_encoder_and_a_decoder(self):
        outer, inner = RememberingPool2d(2), RememberingPool2d((3, 2))
        encoder, decoder = nn.Sequential(outer, inner), nn.Sequential(Unpool2d(inner), Unpool2d(outer))
        images = torch.rand(2, 3, 13, 8) + 1
        back = decoder(encoder(images))
        kept = back != 0
        assert back.shape == images.shape
        assert kept.sum() == encoder(images).numel()
        assert back[kept].equal(images[kept])
        assert encoder(back).equal(encoder(images))

    def test_a_copied_pair_belongs_together(self):
        net, images = pool_and_back(), torch.randn(1, 2, 6, 6)
        copied = copy.deepcopy(net)
        assert copied[3].partner[0] is copied[1]
        assert copied(images).equal(net(images))
        assert not any("partner" in name or "places" in name for name in net.state_dict())

    def test_what_cannot_be_undone_is_explained(self):
        pool = RememberingPool2d(2)
        unpool = Unpool2d(pool)
        with pytest.raises(ProfundoError, match="call the pool first"):
            unpool(torch.zeros(1, 1, 2, 2))
        pool(torch.zeros(1, 1, 4, 4))
        with pytest.raises(ProfundoError, match=r"expected \(1, 1, 2, 2\).* got \(1, 2, 2, 2\)"):
            unpool(torch.zeros(1, 2, 2, 2))
        with pytest.raises(ProfundoError, match="expected the RememberingPool2d to undo, got MaxPool2d"):
            Unpool2d(nn.MaxPool2d(2))


class TestLocallyConnected:
    @pytest.mark.parametrize(
        ("kernel", "stride", "padding"), [(3, 1, 0), (2, 2, 1), ((3, 1), (1, 2), (2, 0)), (5, 3, 2)]
    )
    def test_with_equal_weights_it_is_a_convolution(self, kernel, stride, padding):
        conv = nn.Conv2d(2, 4, kernel, stride, padding).double()
        layer = LocallyConnected2d(2, 4, (7, 6), kernel, stride, padding).double()
        with torch.no_grad():
            layer.weight.copy_(conv.weight.expand_as(layer.weight))
            layer.bias.copy_(conv.bias[:, None, None].expand_as(layer.bias))
        images = torch.randn(3, 2, 7, 6, dtype=torch.float64)
        torch.testing.assert_close(layer(images), conv(images))

    def test_every_place_has_its_own_kernels(self):
        layer, images = LocallyConnected2d(2, 3, (5, 4), 2, stride=(2, 1), padding=(1, 0)), torch.randn(2, 2, 5, 4)
        layer.bias.data.normal_()
        framed = np.pad(images.numpy(), ((0, 0), (0, 0), (1, 1), (0, 0)))
        weight, bias, given = (t.detach().numpy() for t in (layer.weight, layer.bias, layer(images)))
        assert given.shape == (2, 3, 3, 3)
        for b, f, i, j in np.ndindex(*given.shape):
            total = sum(weight[i, j, f, c, u, v] * framed[b, c, 2 * i + u, j + v] for c, u, v in np.ndindex(2, 2, 2))
            assert given[b, f, i, j] == pytest.approx(total + bias[f, i, j], abs=1e-5)

    def test_one_place_learns_without_the_others(self):
        layer = LocallyConnected2d(1, 1, (4, 4), 2, stride=2)
        layer(torch.randn(1, 1, 4, 4))[0, 0, 0, 1].backward()
        touched = layer.weight.grad.flatten(2).abs().sum(2) > 0
        assert touched.tolist() == [[False, True], [False, False]]

    def test_starts_as_a_convolution_would(self):
        layer = LocallyConnected2d(8, 16, (20, 20), 3)
        radius = sqrt(2) * sqrt(6 / (8 * 9 + 16 * 9))  # He's gain on Glorot's radius
        assert 0.99 * radius < layer.weight.abs().max() <= radius
        assert layer.weight.std().item() == pytest.approx(radius / sqrt(3), rel=0.01)
        assert layer.bias.count_nonzero() == 0
        half = LocallyConnected2d(8, 16, (20, 20), 3, activation="linear").weight.std()
        assert half.item() == pytest.approx(radius / sqrt(6), rel=0.01)

    def test_can_do_without_bias(self):
        layer = LocallyConnected2d(1, 2, (3, 3), 2, bias=False)
        assert [name for name, _ in layer.named_parameters()] == ["weight"]
        assert layer(torch.zeros(1, 1, 3, 3)).count_nonzero() == 0

    @pytest.mark.parametrize(
        ("make", "words"),
        [
            (lambda: LocallyConnected2d(1, 1, (3, 3), 4), "kernel no larger than the padded input"),
            (lambda: LocallyConnected2d(1, 1, (3, 3), 2, stride=0), "stride of at least 1"),
            (lambda: LocallyConnected2d(0, 1, (3, 3), 2), "channels of at least 1, got 0"),
            (lambda: LocallyConnected2d(1, 1, (3, 3), 2, activation="swish"), "expected one of linear"),
            (lambda: LocallyConnected2d(1, 1, (3, 3), 2)(torch.zeros(2, 1, 3, 4)), r"expected \(batch, 1, 3, 3\), got"),
            (lambda: LocallyConnected2d(1, 1, (3, 3), 2)(torch.zeros(1, 3, 3)), r"expected \(batch, 1, 3, 3\), got"),
        ],
    )
    def test_mistakes_are_explained(self, make, words):
        with pytest.raises(ProfundoError, match=words):
            make()


class TestSparselyConnected:
    def test_each_output_sums_over_the_inputs_of_its_row(self):
        table = [[0, 3], [2], [4, 1, 0]]
        layer, rows = SparselyConnected(5, 3, table), torch.randn(6, 5)
        layer.bias.data.normal_()
        given = layer(rows).detach().numpy()
        weight = layer.weight.detach().numpy()
        for output, seen in enumerate(table):
            assert sorted(seen) == np.flatnonzero(weight[output]).tolist()
            for row, values in zip(rows.numpy(), given, strict=True):
                total = sum(weight[output, i] * row[i] for i in seen) + layer.bias[output].item()
                assert values[output] == pytest.approx(total, abs=1e-5)

    def test_with_all_connections_it_is_a_linear_layer(self):
        layer, linear, rows = SparselyConnected(6, 4, 1), nn.Linear(6, 4), torch.randn(2, 3, 6)
        layer.load_state_dict(
            {"places": torch.arange(24), "values": linear.weight.detach().flatten(), "bias": linear.bias.detach()}
        )
        torch.testing.assert_close(layer(rows), linear(rows))

    @pytest.mark.parametrize(("share", "each"), [(0.25, 5), (0.01, 1), (1, 20), (0.5, 10)])
    def test_a_share_is_drawn_for_each_output(self, share, each):
        layer = SparselyConnected(20, 30, share)
        assert (layer.weight != 0).sum(1).tolist() == [each] * 30
        assert len(layer.values) == 30 * each
        if share == 0.5:
            assert len({tuple(row.tolist()) for row in layer.weight != 0}) == 30
            torch.manual_seed(0)
            again = SparselyConnected(20, 30, share)
            torch.manual_seed(0)
            assert SparselyConnected(20, 30, share).places.equal(again.places)

    def test_training_never_makes_a_connection(self):
        layer, rows = SparselyConnected(8, 6, 0.3), torch.randn(32, 8)
        before = layer.weight == 0
        optimizer = torch.optim.AdamW(layer.parameters(), 0.1)
        for _ in range(20):
            optimizer.zero_grad()
            (layer(rows) - 1).square().mean().backward()
            optimizer.step()
        assert (layer.weight == 0).equal(before)

    def test_starts_by_the_connections_of_each_weight(self):
        dense = SparselyConnected(300, 200, 1).values
        assert dense.std().item() == pytest.approx(sqrt(2) * sqrt(2 / 500), rel=0.02)
        one = SparselyConnected(1000, 1000, [[i] for i in range(1000)]).values  # fans of 1 and 1
        assert one.std().item() == pytest.approx(sqrt(2) * sqrt(2 / 2), rel=0.05)

    def test_signals_keep_their_size_through_sparse_layers(self):
        net = nn.Sequential(*[part for _ in range(12) for part in (SparselyConnected(400, 400, 0.05), nn.ReLU())])
        with torch.no_grad():
            assert 0.2 < net(torch.randn(64, 400)).square().mean() < 5

    @pytest.mark.parametrize(
        ("connections", "words"),
        [
            (0.0, r"share of connections in \(0, 1\], got 0"),
            (1.5, "got 1.5"),
            (float("nan"), "got nan"),
            ([[0]], "row of connections for each of 2, got 1"),
            ([[0], []], "output 1 different inputs from 0 to 2, at least one"),
            ([[0, 0], [1]], "output 0 different inputs"),
            ([[0], [3]], r"got \[3\]"),
            ([[0], [-1]], r"got \[-1\]"),
        ],
    )
    def test_mistakes_are_explained(self, connections, words):
        with pytest.raises(ProfundoError, match=words):
            SparselyConnected(3, 2, connections)


def test_a_net_of_these_layers_learns_through_fit():
    import profundo as pf

    data = pf.load("digits")
    pool = RememberingPool2d(2)
    net = nn.Sequential(
        *(MaxoutConv2d(1, 6, 2, 3, padding=1), pool, nn.Conv2d(6, 6, 3, padding=1), Unpool2d(pool), MinPool2d(2)),
        *(LocallyConnected2d(6, 8, (4, 4), 2), nn.ReLU(), nn.Flatten()),
        *(SparselyConnected(72, 40, 0.5), nn.ReLU(), Maxout(40, 20, 3), nn.Linear(20, 10)),
    )
    run = pf.fit(net, data, epochs=5, batch_size=50, learning_rate=5e-3, seed=0, out=False)
    assert run.scores.values["accuracy"] > 0.85
