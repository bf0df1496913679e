"""Attributions against closed forms, finite differences, brute force over orders, and formulas written out for small nets."""

import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from profundo.inside.attributions import METHODS, explain
from profundo.inside.attributions.coalitions import sampled_sets, superpixels
from profundo.records import ProfundoError


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def net_of_images(channels=1, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(channels, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Linear(6 * 16, 8), nn.ReLU(), nn.Linear(8, 3),
    )  # fmt: skip


class Shared(nn.Module):
    """Functions in place of modules, one ReLU for two layers, and a count that every call raises."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.first, self.second, self.output = (
            nn.Conv1d(2, 3, 3, padding=1),
            nn.Conv1d(3, 3, 3, padding=1),
            nn.Linear(3, 2),
        )
        self.relu, self.dropout, self.norm = nn.ReLU(), nn.Dropout(0.5), nn.BatchNorm1d(3)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls += 1
        x = self.relu(self.first(x))
        x = F.relu(self.norm(self.second(x)), inplace=True)
        return self.output(self.dropout(x.mean(2)))


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.relu = nn.ReLU()

    def forward(self, x):
        return self.relu(self.relu(x) - 0.1)


ADDING = ["gradient_times_input", "integrated_gradients", "occlusion", "kernel_shap", "shapley"]


@pytest.mark.parametrize("method", ADDING)
def test_of_a_linear_net_a_value_counts_its_weight_times_its_distance_from_the_baseline(method):
    net, x, baseline = nn.Linear(5, 3), draw(4, 5), draw(5, seed=1)
    result = explain(net, x, method, of=[0, 1, 2, -1], baseline=baseline)
    expected = net.weight[torch.tensor([0, 1, 2, 2])] * (x - baseline)
    torch.testing.assert_close(result.map, expected.detach(), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(result.gap, torch.zeros(4), atol=1e-5, rtol=0)
    assert result.of.tolist() == [0, 1, 2, 2]


def test_a_linear_model_of_a_linear_net_has_its_weights():
    torch.manual_seed(0)
    net, x = nn.Linear(5, 3), draw(1, 5)
    result = explain(net, x, "lime", of=1, ridge=1e-9)
    torch.testing.assert_close(result.map, (net.weight[1:2] * x).detach(), atol=1e-5, rtol=1e-4)
    assert result.figures["fit"] == pytest.approx(1)
    wild = explain(nn.Sequential(nn.Linear(5, 500), nn.Tanh(), nn.Linear(500, 1)), 30 * x, "lime", ridge=1e-9)
    assert wild.figures["fit"] < 0.95


def test_the_gradient_is_what_finite_differences_say():
    net, x = net_of_images().double(), draw(1, 1, 8, 8).double()
    slopes, step = explain(net, x, "gradient", of=2).map, 1e-6
    for place in [(0, 0, 0, 0), (0, 0, 3, 5), (0, 0, 7, 7)]:
        moved = torch.zeros_like(x)
        moved[place] = step
        numeric = (net(x + moved) - net(x - moved))[0, 2] / (2 * step)
        assert slopes[place].item() == pytest.approx(numeric.item(), abs=1e-7)


def test_smoothgrad_is_the_mean_slope_under_noise_and_the_same_each_time():
    def cubic(outputs):
        return (outputs**3).sum(1)

    x = draw(2, 4)
    one, two = (
        explain(nn.Identity(), x, "smoothgrad", of=cubic, samples=4000, noise=0.3, seed=3).map for _ in range(2)
    )
    assert torch.equal(one, two)
    deviation = 0.3 * (x.amax(1) - x.amin(1))[:, None]
    expected = 3 * (x**2 + deviation**2)  # E 3 (x + ε)²
    torch.testing.assert_close(one, expected, rtol=0.15, atol=0.1)
    assert not torch.equal(one, explain(nn.Identity(), x, "smoothgrad", of=cubic, samples=4000, noise=0.3, seed=4).map)


def test_integrated_gradients_are_the_integral():
    """f = x₀² x₁ from 0: the way (αx₀)² (αx₁) gives ⅔ of it to x₀ and ⅓ to x₁."""
    x = torch.tensor([[2.0, 3.0], [-1.0, 4.0]])
    result = explain(nn.Identity(), x, of=lambda outputs: outputs[:, 0] ** 2 * outputs[:, 1], tolerance=1e-5)
    f = x[:, 0] ** 2 * x[:, 1]
    torch.testing.assert_close(result.map, torch.stack([2 / 3 * f, f / 3], 1), rtol=5e-4, atol=1e-4)


def test_steps_are_raised_until_the_map_adds_up():
    net, x = nn.Sequential(net_of_images(), nn.Tanh()), 5 * draw(3, 1, 8, 8)
    few = explain(net, x, steps=2, most_steps=2, of=0)
    more = explain(net, x, steps=2, tolerance=0.02, of=0)
    assert few.figures["steps"] == 2 < more.figures["steps"]
    assert bool((more.gap.abs() <= 0.02 * more.change.abs().clamp_min(1e-3)).all())
    assert few.gap.abs().max() > more.gap.abs().max()


def test_guided_backpropagation_lets_through_what_is_positive_of_functions_and_modules():
    net, x = Shared().eval(), draw(1, 2, 6)
    first = F.conv1d(x, net.first.weight, net.first.bias, padding=1)
    hidden = first.clamp_min(0)
    second = F.conv1d(hidden, net.second.weight, net.second.bias, padding=1)
    normed = second / math.sqrt(1 + net.norm.eps)
    back = (net.output.weight[1][None, :, None] / 6).expand(1, 3, 6)
    back = back.clamp_min(0) * (normed > 0) / math.sqrt(1 + net.norm.eps)
    back = F.conv_transpose1d(back, net.second.weight, padding=1).clamp_min(0) * (first > 0)
    expected = F.conv_transpose1d(back, net.first.weight, padding=1)
    torch.testing.assert_close(explain(net, x, "guided_backpropagation", of=1).map, expected.detach())
    assert explain(net, x, "guided_backpropagation").remarks


@pytest.mark.parametrize(
    "rectify",
    [Tensor.relu_, torch.relu_, F.relu_, lambda h: F.relu(h, True), lambda h: F.relu(h, inplace=True), nn.ReLU(True)],
)
def test_a_rectifier_that_works_in_place_is_guided_even_where_its_result_is_not_used(rectify):
    class Statement(nn.Module):
        def __init__(self, in_place):
            super().__init__()
            torch.manual_seed(0)
            self.first, self.second, self.in_place = nn.Linear(6, 20), nn.Linear(20, 3), in_place

        def forward(self, x):
            h = self.first(x)
            if self.in_place:
                rectify(h)
            else:
                h = F.relu(h)
            return self.second(h)

    x = draw(4, 6)
    assert torch.equal(Statement(True)(x), Statement(False)(x))
    maps = [explain(Statement(kind), x, "guided_backpropagation").map for kind in (True, False)]
    torch.testing.assert_close(*maps)


@pytest.mark.parametrize("method", ["grad_cam", "grad_cam_plus_plus"])
def test_a_net_that_calls_its_convolution_again_is_asked_about_the_last_call(method):
    class Again(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(3)
            self.conv, self.relu, self.head = nn.Conv2d(2, 2, 3, padding=1), nn.ReLU(), nn.Linear(2, 3)

        def forward(self, x):
            return self.head(self.relu(self.conv(self.relu(self.conv(x)))).mean((2, 3)))

    net, x = Again(), draw(3, 2, 6, 6)
    twins = nn.Sequential(net.conv, nn.ReLU(), nn.Conv2d(2, 2, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
    twins.extend([nn.Flatten(), net.head])
    twins[2].load_state_dict(net.conv.state_dict())
    expected = explain(twins, x, method, of=1, layer="3").map
    assert expected.std() > 0
    torch.testing.assert_close(explain(net, x, method, of=1).map, expected)
    torch.testing.assert_close(explain(net, x, method, of=1, layer="relu#2").map, expected)
    first = explain(twins, x, method, of=1, layer="1").map
    torch.testing.assert_close(explain(net, x, method, of=1, layer="relu#1").map, first)
    with pytest.raises(ProfundoError, match="one call such as"):
        explain(net, x, method, layer="relu")
    with pytest.raises(ProfundoError, match="one that the net calls"):
        explain(net, x, method, layer="relu#7")


def cam_parts(net, x, of):
    """Maps of the second convolution after its ReLU, and gradients by them, of the net written out."""
    maps = net[:5](x).detach().requires_grad_()
    return maps, torch.autograd.grad(net[5:](maps)[:, of].sum(), maps)[0]


def test_grad_cam_is_its_formula():
    net, x = net_of_images(), draw(2, 1, 8, 8)
    maps, slopes = cam_parts(net, x, 1)
    expected = (slopes.mean((2, 3), keepdim=True) * maps).sum(1, keepdim=True).relu()
    expected = F.interpolate(expected, (8, 8), mode="bilinear", align_corners=False)
    torch.testing.assert_close(explain(net, x, "grad_cam", of=1).map, expected.detach())
    other = explain(net, x, "grad_cam", of=1, layer="0").map
    assert other.shape == (2, 1, 8, 8)
    assert not torch.equal(other, expected)


def test_grad_cam_plus_plus_weighs_by_the_derivatives_of_the_exponential():
    """α = Y″ / (2 Y″ + Σ A Y‴) of Y = exp f, each derivative by autograd, where f is linear in the maps."""
    torch.manual_seed(0)
    body, head = nn.Conv2d(1, 2, 3, padding=1), nn.Linear(2 * 9, 1)
    net, x = nn.Sequential(body, nn.ReLU(), nn.Flatten(), head).double(), draw(1, 1, 3, 3).double()
    maps = net[:2](x).detach()
    alphas, slopes = torch.zeros_like(maps), torch.zeros_like(maps)
    third = torch.zeros_like(maps)
    for place in itertools.product(range(2), range(3), range(3)):
        value = maps[(0, *place)].clone().requires_grad_()
        put = maps.index_put(tuple(torch.tensor([i]) for i in (0, *place)), value[None])
        derivative = torch.exp(net[2:](put)[0, 0])
        orders = []
        for _ in range(3):
            (derivative,) = torch.autograd.grad(derivative, value, create_graph=True)
            orders.append(derivative.detach())
        slopes[(0, *place)] = orders[0] / torch.exp(net[2:](maps)[0, 0]).detach()
        alphas[(0, *place)], third[(0, *place)] = orders[1], orders[2]
    weights = alphas / (2 * alphas + maps.sum((2, 3), keepdim=True) * third)
    expected = ((weights * slopes.relu()).sum((2, 3), keepdim=True) * maps).sum(1, keepdim=True).relu()
    torch.testing.assert_close(explain(net, x, "grad_cam_plus_plus").map, expected, rtol=1e-6, atol=1e-9)


def test_occlusion_is_how_much_the_answer_falls():
    net, x = net_of_images(2), draw(1, 2, 8, 8)
    result = explain(net, x, "occlusion", of=0, window=4, stride=4, baseline=0.5)
    covered = x.clone()
    covered[:, :, 4:, :4] = 0.5
    fall = (net(x) - net(covered))[0, 0]
    assert result.map.shape == (1, 1, 8, 8)
    torch.testing.assert_close(result.map[0, 0, 4:, :4], fall.detach().expand(4, 4), atol=1e-6, rtol=1e-5)
    assert explain(net, x, "occlusion", window=3, stride=3).figures["windows"] == 9  # the last one ends at the edge


def by_orders(answer, x, baselines):
    """Shapley values as the mean over all orders in which features come."""
    many, total = len(x), torch.zeros(len(x), dtype=torch.float64)
    orders = list(itertools.permutations(range(many)))
    for order, away in itertools.product(orders, baselines):
        row, before = away.clone(), answer(away)
        for feature in order:
            row[feature] = x[feature]
            total[feature] += answer(row) - before
            before = answer(row)
    return total / len(orders) / len(baselines)


@pytest.mark.parametrize("method", ["shapley", "kernel_shap"])
def test_shapley_values_are_means_over_orders(method):
    torch.manual_seed(0)
    net, x, baselines = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2)), draw(1, 4), draw(3, 4, seed=1)
    expected = by_orders(lambda row: net(row[None])[0, 1].item(), x[0], baselines)
    result = explain(net, x, method, of=1, baseline=baselines)
    torch.testing.assert_close(result.map[0].double(), expected, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(result.sum, result.change, atol=1e-5, rtol=1e-4)


def test_a_sample_of_sets_is_near_and_says_how_near():
    torch.manual_seed(0)
    net, x = nn.Sequential(nn.Linear(12, 16), nn.Tanh(), nn.Linear(16, 1)), draw(1, 12)
    exact = explain(net, x, "shapley")
    near = explain(net, x, "kernel_shap", samples=1200)
    error = (near.map - exact.map).abs().mean()
    assert 0 < error < 4 * near.figures["sampling error"]
    assert error < 0.05 * exact.map.abs().mean()
    assert near.gap.abs().max() < 1e-5


def test_sets_are_drawn_as_often_as_the_kernel_has_their_size():
    there = sampled_sets(5, 20_000, seed=0)
    assert torch.equal(there[0::2], ~there[1::2])
    kernel = torch.tensor([4 / (k * (5 - k)) for k in range(1, 5)])
    shares = torch.bincount(there.sum(1), minlength=6)[1:5] / len(there)
    torch.testing.assert_close(shares, kernel / kernel.sum(), atol=0.01, rtol=0)
    torch.testing.assert_close(there.float().mean(0), torch.full((5,), 0.5), atol=1e-6, rtol=0)


def test_parts_share_a_value_by_place():
    """Columns that became several features count as one: (a part's value) is the Shapley value of the group."""
    net, x = nn.Linear(6, 1), draw(1, 6)
    result = explain(net, x, "shapley", parts=torch.tensor([7, 7, 7, 2, 2, 5]))
    each = (net.weight * x).detach()[0]
    groups = [each[:3].sum() / 3] * 3 + [each[3:5].sum() / 2] * 2 + [each[5]]
    torch.testing.assert_close(result.map[0], torch.stack(groups), atol=1e-6, rtol=1e-5)


def test_superpixels_follow_what_looks_alike():
    image = torch.zeros(3, 24, 24)
    image[:, :, 11:] = 5.0
    labels = superpixels(image, 9)
    assert labels.unique().tolist() == list(range(int(labels.max()) + 1))
    assert 4 <= int(labels.max()) + 1 <= 16
    assert not set(labels[:, :11].flatten().tolist()) & set(labels[:, 11:].flatten().tolist())


# ------------------------------------------------------------------------------------------------ other than one tensor
class Words(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embedding, self.output = nn.Embedding(9, 4, padding_idx=0), nn.Linear(4, 2)

    def forward(self, ids):
        return self.output(self.embedding(ids).sum(1))


@pytest.mark.parametrize("method", [*ADDING, "lime"])
def test_of_ids_each_word_counts_what_its_vector_does(method):
    net, ids = Words(), torch.tensor([[3, 5, 0, 8]])
    options = {"ridge": 1e-9} if method == "lime" else {}
    result = explain(net, ids, method, of=1, **options)
    expected = net.embedding(ids) @ net.output.weight[1]
    assert result.at == "embedding"
    torch.testing.assert_close(result.by_place, expected.detach(), atol=1e-5, rtol=1e-4)


def test_ids_that_come_as_real_numbers_have_no_gradient_and_the_embedding_is_named():
    class Rows(Words):
        def forward(self, ids):
            return super().forward(ids.long())

    ids = torch.tensor([[3.0, 5.0, 0.0, 8.0]])
    with pytest.raises(ProfundoError, match="at='embedding'"):
        explain(Rows(), ids)
    there = explain(Rows(), ids, at="embedding", places=(1,))
    torch.testing.assert_close(there.by_place, explain(Words(), ids.long()).by_place)
    assert explain(Rows(), ids, "occlusion").map.shape == (1, 4)


class Several(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(3, 2), nn.Linear(2, 2)

    def forward(self, image, age):
        return self.a(image) * self.b(age)


def test_one_of_several_inputs_is_explained_while_the_others_stay():
    net, image, age = Several(), draw(5, 3), draw(5, 2, seed=1)
    result = explain(net, {"image": image, "age": age}, "integrated_gradients", of=0, part="image")
    expected = (net.a.weight[0] * image) * net.b(age)[:, :1]
    torch.testing.assert_close(result.map, expected.detach(), atol=1e-5, rtol=1e-4)
    placed = explain(net, (image, age), "kernel_shap", of=0, part=0)
    torch.testing.assert_close(placed.map, expected.detach(), atol=1e-5, rtol=1e-4)
    with pytest.raises(ProfundoError, match="say which is explained"):
        explain(net, (image, age))


def test_what_a_module_gives_can_be_explained():
    net, x = net_of_images(), draw(2, 1, 8, 8)
    hidden = net[:4](x)
    result = explain(net, x, at="3", of=2)
    alone = explain(net[4:], hidden.detach(), of=2)
    torch.testing.assert_close(result.map, alone.map)
    assert result.at == "3"


def test_outputs_may_be_one_number_a_map_or_a_tuple():
    x = draw(2, 1, 8, 8)
    assert explain(nn.Sequential(nn.Flatten(), nn.Linear(64, 1), nn.Flatten(0)), x).of.tolist() == [0, 0]
    per_pixel = nn.Conv2d(1, 3, 1)
    torch.testing.assert_close(
        explain(per_pixel, x, "gradient", of=1).map, (per_pixel.weight[1] / 64).expand(2, 1, 8, 8)
    )

    class Both(nn.Module):
        def forward(self, x):
            return x.flatten(1), x

    assert explain(Both(), x, "gradient", of=5).map.flatten(1).argmax(1).tolist() == [5, 5]


# ----------------------------------------------------------------------------------------------------------- promises
@pytest.mark.parametrize("method", list(METHODS))
def test_a_net_is_afterwards_as_before(method):
    net, x = Shared().train(), draw(2, 2, 16)
    net.norm.eval()
    net.first.weight.requires_grad_(False)
    net(x).sum().backward()
    state = {name: value.clone() for name, value in net.state_dict().items()}
    grads = {name: None if p.grad is None else p.grad.clone() for name, p in net.named_parameters()}
    modes, needs = [m.training for m in net.modules()], [p.requires_grad for p in net.parameters()]
    before, random = x.clone(), torch.get_rng_state()
    options = {"parts": 5} if method in ("shapley", "kernel_shap", "lime") else {}
    with torch.inference_mode():
        result = explain(net, x, method, **options)
    assert result.map.shape[0] == 2
    assert result.passes > 0
    assert torch.isfinite(result.map).all()
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.equal(x, before)
    assert all(torch.equal(net.state_dict()[name], value) for name, value in state.items())
    for name, parameter in net.named_parameters():
        assert (parameter.grad is None) == (grads[name] is None)
        assert parameter.grad is None or torch.equal(parameter.grad, grads[name])
    assert modes == [m.training for m in net.modules()]
    assert needs == [p.requires_grad for p in net.parameters()]
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())


def test_a_net_that_fails_is_afterwards_as_before():
    net, x = Shared().train(), draw(2, 2, 16)
    with pytest.raises(ProfundoError, match="has no module"):
        explain(net, x, at="nowhere")
    with pytest.raises(ProfundoError, match="called once"):
        explain(Twice(), draw(2, 3), at="relu")
    with pytest.raises(ProfundoError, match=r"Shared does not take inputs of torch\.float32 \(2, 7, 16\)") as caught:
        explain(net, draw(2, 7, 16))
    assert "\n" not in str(caught.value)
    assert net.training
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())


@pytest.mark.parametrize("method", ["integrated_gradients", "grad_cam", "occlusion", "smoothgrad"])
def test_a_sample_has_the_same_map_alone_and_in_a_batch(method):
    net, x = net_of_images(), draw(5, 1, 8, 8)
    options = (
        {"samples": 1, "noise": 0.0}
        if method == "smoothgrad"
        else {"tolerance": 1e-6}
        if "integrated" in method
        else {}
    )
    whole = explain(net, x, method, of=1, **options)
    alone = torch.cat([explain(net, one[None], method, of=1, **options).map for one in x])
    torch.testing.assert_close(whole.map, alone, atol=1e-4, rtol=1e-3)


def test_many_samples_are_explained_a_few_at_a_time():
    net, x = nn.Linear(3, 2), draw(1000, 3)
    rows = []
    handle = net.register_forward_pre_hook(lambda _net, inputs: rows.append(len(inputs[0])))
    of = torch.arange(1000) % 2
    result = explain(net, x, "gradient_times_input", of=of)
    handle.remove()
    assert max(rows) <= 256
    assert torch.equal(result.of, of)
    torch.testing.assert_close(result.map, (net.weight[of] * x).detach())
    large, rows = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), []
    large.register_forward_pre_hook(lambda _net, inputs: rows.append(len(inputs[0])))
    assert explain(large, torch.zeros(9, 3, 400, 400), "gradient").map.shape == (9, 3, 400, 400)
    assert max(rows) <= 2


def test_wrong_calls_end_in_one_line():
    net, x = net_of_images(), draw(2, 1, 8, 8)
    cases = [
        ({"method": "integrated_gradient"}, "nearest: integrated_gradients"),
        ({"method": "magic"}, "expected one of gradient"),
        ({"of": 3}, "an output from 0 to 2"),
        ({"of": [0, 1, 2]}, "one for each of 2"),
        ({"of": lambda outputs: outputs}, "a number a sample"),
        ({"sample": 3}, "no option 'sample'"),
        ({"baseline": torch.zeros(3)}, "baseline: expected"),
        ({"baseline": torch.zeros(4, 1, 8, 8)}, "expected one, got 4"),
        ({"method": "shapley"}, "at most 16 parts"),
        ({"method": "occlusion", "window": 9}, "a window from 1 to 8"),
        ({"method": "kernel_shap", "samples": 5}, "at least"),
        ({"method": "lime", "parts": 0}, "whole number of at least 1"),
        ({"method": "grad_cam", "layer": "6"}, "gives maps"),
        ({"method": "grad_cam", "layer": "conv"}, "has no module"),
        ({"part": "image"}, "one part only"),
    ]
    for options, words in cases:
        with pytest.raises(ProfundoError, match=words) as caught:
            explain(net, x, **options)
        assert "\n" not in str(caught.value), options
    with pytest.raises(ProfundoError, match="nan or infinity"):
        explain(net, x / 0)
    with pytest.raises(ProfundoError, match=r"inputs\[:, None\]"):
        explain(nn.Flatten(0), torch.zeros(3))
    with pytest.raises(ProfundoError, match="for lack of a default"):
        explain(nn.Conv3d(1, 2, 3), draw(1, 1, 5, 5, 5), "lime")
    for inputs in (torch.zeros(0, 1, 8, 8), torch.tensor(1.0), [[1.0]]):
        with pytest.raises(ProfundoError, match="a batch of tensors"):
            explain(net, inputs)
    with pytest.raises(ProfundoError, match=r"with an nn\.Embedding"):
        explain(nn.Flatten(), torch.zeros(2, 3, dtype=torch.int64), of=lambda outputs: outputs[:, 0].float())
    with pytest.raises(ProfundoError, match="with ReLUs"):
        explain(nn.Linear(3, 1), draw(1, 3), "guided_backpropagation")
    with pytest.raises(ProfundoError, match="with convolutions"):
        explain(nn.Linear(3, 1), draw(1, 3), "grad_cam")


@pytest.mark.parametrize("of", [1, np.int64(1), np.array(1), torch.tensor(1), [1, 1], np.array([1, 1])])
def test_an_output_may_be_any_whole_number_and_inputs_arrays(of):
    net, x = nn.Linear(4, 3), draw(2, 4)
    torch.testing.assert_close(explain(net, x.numpy(), "gradient", of=of).map, net.weight[1].detach().expand(2, 4))


@pytest.mark.parametrize(
    ("method", "choice", "said"),
    [
        ("gradient", {"of": 1.0}, "of: expected an output from 0 to 2"),
        ("gradient", {"of": "a"}, "of: expected an output by its index"),
        ("gradient", {"of": True}, "of: expected an output by its index"),
        ("occlusion", {"baseline": float("nan")}, "baseline: expected a finite number"),
        ("occlusion", {"baseline": "black"}, "baseline: expected a finite number"),
        ("occlusion", {"baseline": torch.full((4,), torch.inf)}, "baseline: expected finite numbers"),
        ("smoothgrad", {"samples": 0}, "samples: expected a whole number of at least 1"),
        ("smoothgrad", {"noise": -1.0}, "noise: expected a number of at least 0"),
        ("smoothgrad", {"noise": float("nan")}, "noise: expected a number of at least 0"),
        ("lime", {"samples": 0}, "samples: expected a whole number of at least 1"),
        ("lime", {"width": 0.0}, "width: expected a number"),
    ],
)
def test_choices_that_mean_nothing_are_refused(method, choice, said):
    with pytest.raises(ProfundoError, match=said):
        explain(nn.Linear(4, 3), draw(2, 4), method, **choice)


def test_a_net_made_in_inference_mode_is_told_so():
    with torch.inference_mode(), pytest.raises(ProfundoError, match=r"made outside torch\.inference_mode"):
        explain(nn.Linear(4, 3), torch.ones(2, 4))
