"""The loss as a function of the weights: against closed forms, dense Hessians, NumPy and SciPy; and the net stays as it is."""

import random
from copy import deepcopy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import nn
from torch.func import functional_call, hessian

from profundo.inside.quick_pooling import QuickPooling
from profundo.inside.surface import (
    WeightLoss,
    barrier,
    bend,
    eigenvalues,
    losses_along,
    path_plane,
    plane_losses,
    plane_survey,
    random_plane,
    straight,
    three_point_plane,
    trace,
)
from profundo.inside.surface.curvature import edge, lanczos
from profundo.inside.surface.directions import flat, shaped
from profundo.inside.surface.plane_survey import first_layers
from profundo.records import ProfundoError


def cost(outputs, targets):
    return F.cross_entropy(outputs, targets, reduction="none")


def rows(samples=40, features=5, classes=3, seed=0):
    draw = torch.Generator().manual_seed(seed)
    inputs = torch.randn(samples, features, generator=draw)
    return inputs, torch.randint(0, classes, (samples,), generator=draw)


def dense(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Linear(16, 3))


def normalised(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5), nn.Flatten(), nn.Linear(4 * 16, 3)
    )


def images(samples=30):
    inputs, targets = rows(samples, 36)
    return inputs.view(-1, 1, 6, 6), targets


class Quadratic(nn.Module):
    """Whose output is ½ θᵀAθ."""

    def __init__(self, matrix, place):
        super().__init__()
        self.place = nn.Parameter(place)
        self.register_buffer("matrix", matrix)

    def forward(self, inputs):
        return (0.5 * self.place @ self.matrix @ self.place).expand(len(inputs))


def quadratic(matrix, place=None):
    net = Quadratic(matrix, torch.ones(len(matrix), dtype=matrix.dtype) if place is None else place)
    return WeightLoss(net, lambda outputs, _: outputs, [(torch.zeros(3, 1), torch.zeros(3))])


# ------------------------------------------------------------------------------------------------ the loss itself
def test_the_loss_is_the_mean_over_samples_whatever_the_batches():
    net, (inputs, targets) = dense(), rows()
    whole = WeightLoss(net, cost, [(inputs, targets)])
    parts = WeightLoss(net, cost, [(inputs[:7], targets[:7]), (inputs[7:], targets[7:])])
    expected = F.cross_entropy(net(inputs), targets)
    torch.testing.assert_close(whole(whole.weights), expected)
    torch.testing.assert_close(parts(parts.weights), expected)
    of_means = WeightLoss(net, nn.CrossEntropyLoss(), [(inputs[:7], targets[:7]), (inputs[7:], targets[7:])])
    torch.testing.assert_close(of_means(of_means.weights), expected)


def test_samples_count_by_their_weights():
    net, (inputs, targets) = dense(), rows()
    weights = torch.rand(40)
    loss = WeightLoss(net, cost, [(inputs[:9], targets[:9], weights[:9]), (inputs[9:], targets[9:], weights[9:])])
    torch.testing.assert_close(loss(loss.weights), (cost(net(inputs), targets) * weights).sum() / weights.sum())


def test_it_reads_other_weights_than_the_nets():
    net, other, batch = dense(0), dense(1), rows()
    loss = WeightLoss(net, cost, [batch])
    torch.testing.assert_close(loss(dict(other.named_parameters())), F.cross_entropy(other(batch[0]), batch[1]))


@pytest.mark.parametrize("pieces", [1, 3])
def test_the_net_and_the_generators_are_left_bit_for_bit(pieces):
    net, (inputs, targets) = normalised(), images()
    net.train()
    net[3].eval()
    net[1].momentum = 0.3
    net[0].weight.requires_grad_(False)
    net(inputs).sum().backward()
    batches = list(zip(inputs.chunk(pieces), targets.chunk(pieces), strict=True))

    def state():
        parts = [value.clone() for value in net.state_dict().values()]
        grads = [p.grad.clone() for p in net.parameters() if p.grad is not None]
        return parts + grads + [torch.get_rng_state(), torch.tensor([m.training for m in net.modules()])]

    before, numbers, places = state(), (random.getstate(), net[1].momentum), [p.data_ptr() for p in net.parameters()]
    loss = WeightLoss(net, cost, batches)
    assert "0.weight" not in loss.weights
    plane = random_plane(loss)
    list(plane_losses(loss, plane, [0.0, 0.5], [0.0]))
    eigenvalues(loss, loss.weights, 2)
    trace(loss, loss.weights, 3)
    bend(loss, loss.weights, plane.at(1, 1), steps=3)
    assert all(torch.equal(one, other) for one, other in zip(before, state(), strict=True))
    assert (random.getstate(), net[1].momentum) == numbers
    assert [p.data_ptr() for p in net.parameters()] == places
    assert [p.requires_grad for p in net.parameters()] == [False, True, True, True, True, True]


def test_statistics_of_normalisation_are_those_of_the_samples_at_these_weights():
    net, (inputs, targets) = normalised(), images()
    loss = WeightLoss(net, cost, [(inputs, targets)])
    weights = {name: 3 * value for name, value in loss.weights.items()}
    z = F.conv2d(inputs, weights["0.weight"], weights["0.bias"])
    z = (z - z.mean((0, 2, 3), keepdim=True)) / (z.var((0, 2, 3), correction=0, keepdim=True) + 1e-5).sqrt()
    z = z * weights["1.weight"].view(1, -1, 1, 1) + weights["1.bias"].view(1, -1, 1, 1)
    expected = F.cross_entropy(z.relu().flatten(1) @ weights["5.weight"].T + weights["5.bias"], targets)
    torch.testing.assert_close(loss(weights), expected)
    stale = functional_call(net.eval(), weights, inputs)
    assert abs(F.cross_entropy(stale, targets) - expected) > 0.1


@pytest.mark.parametrize("sizes", [[20, 20, 20], [1, 12, 47], [59, 1]])
def test_statistics_of_several_batches_are_those_of_all_samples_together(sizes):
    net, (inputs, targets) = normalised(), images(60)
    inputs = inputs + torch.arange(60).view(-1, 1, 1, 1) / 10  # batches that differ in their means
    parts = WeightLoss(net, cost, list(zip(inputs.split(sizes), targets.split(sizes), strict=True)))
    whole = WeightLoss(net, cost, [(inputs, targets)])
    with torch.no_grad():
        torch.testing.assert_close(parts(parts.weights), whole(whole.weights))


def test_a_batch_of_one_row_that_is_normalised_is_told_in_one_line():
    net, (inputs, targets) = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(4, 3)), rows()
    loss = WeightLoss(net, cost, [(inputs[:39], targets[:39]), (inputs[39:], targets[39:])])
    for call in (loss, loss.gradient, loss.product):
        with pytest.raises(ProfundoError, match="two samples or more"), torch.no_grad():
            call(loss.weights)


@pytest.mark.parametrize(
    ("net", "batch"),
    [(dense(), rows()), (normalised(), images()), (nn.Bilinear(2, 2, 3), None)],
    ids=["dense", "normalised", "linear"],
)
def test_gradient_and_products_are_the_same_batch_by_batch_whether_a_graph_is_kept_or_made_anew(
    net, batch, monkeypatch
):
    if batch is None:  # linear in the weights: no curvature at all
        batch = (torch.randn(30, 2), torch.randn(30, 2)), torch.zeros(30)
        pieces = [(tuple(x[at : at + 10] for x in batch[0]), batch[1][at : at + 10]) for at in (0, 10, 20)]
        loss = WeightLoss(net, lambda outputs, _: outputs.sum(1), pieces)
    else:
        loss = WeightLoss(net, cost, list(zip(*(part.split(13) for part in batch), strict=True)))
    calls = []
    net.register_forward_hook(lambda *_: calls.append(1))
    with torch.enable_grad():
        leaves = {name: value.clone().requires_grad_() for name, value in loss.weights.items()}
        slopes = torch.autograd.grad(loss(leaves), list(leaves.values()), create_graph=True)
        slope = torch.cat([one.flatten() for one in slopes])
    torch.testing.assert_close(torch.cat([one.flatten() for one in loss.gradient(loss.weights).values()]), slope)
    vector = torch.randn(len(slope))
    expected = torch.zeros_like(slope)
    if slope.requires_grad:
        parts = torch.autograd.grad(slope, list(leaves.values()), vector, allow_unused=True, materialize_grads=True)
        expected = torch.cat([part.flatten() for part in parts])
    for most, each in ((1 << 31, 0), (1, len(loss.batches))):
        monkeypatch.setattr("profundo.inside.surface.weight_loss.MOST_BYTES", most)
        product = loss.product(loss.weights)
        for _ in range(2):
            calls.clear()
            with torch.no_grad():
                torch.testing.assert_close(product(vector), expected)
            assert len(calls) == (each if slope.requires_grad or most == 1 else 0)


def test_a_net_that_draws_draws_the_same_at_every_place_and_nothing_from_the_caller():
    class Noisy(nn.Linear):
        def forward(self, inputs):
            return super().forward(inputs + torch.randn_like(inputs))

    loss = WeightLoss(Noisy(5, 3), cost, [rows()])
    before = torch.get_rng_state()
    assert torch.equal(loss(loss.weights), loss(loss.weights))
    assert torch.equal(torch.get_rng_state(), before)


def test_several_inputs_and_tied_weights():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.one = nn.Linear(4, 4)
            self.two = nn.Linear(4, 4)
            self.two.weight = self.one.weight

        def forward(self, a, b):
            return self.two(torch.tanh(self.one(a))) + b

    net, (inputs, targets) = Tied(), rows(20, 4, 4)
    loss = WeightLoss(net, cost, [((inputs, inputs), targets)])
    torch.testing.assert_close(loss(loss.weights), F.cross_entropy(net(inputs, inputs), targets))
    assert set(loss.weights) == {"one.weight", "one.bias", "two.bias"}


# ------------------------------------------------------------------------------------------------ planes
def test_filters_of_a_random_direction_are_as_long_as_those_they_move():
    net = normalised()
    loss = WeightLoss(net, cost, [images()])
    plane = random_plane(loss, 3)
    for direction in (plane.first, plane.second):
        for name, value in direction.items():
            if name in ("0.weight", "5.weight"):
                lengths = (one.flatten(1).norm(dim=1) for one in (value, loss.weights[name]))
                torch.testing.assert_close(*lengths)
            else:
                assert not value.any(), name
    assert abs(float(flat(plane.first) @ flat(plane.second))) < 0.5 * float(flat(plane.first).square().sum())
    again = random_plane(loss, 3)
    assert torch.equal(flat(again.first), flat(plane.first))
    assert not torch.equal(flat(random_plane(loss, 4).first), flat(plane.first))


def test_scales_of_normalisation_with_two_axes_do_not_move():
    net = nn.Sequential(nn.LayerNorm((2, 3)), nn.Flatten(), nn.Linear(6, 2))
    loss = WeightLoss(net, cost, [(torch.randn(4, 2, 3), torch.zeros(4, dtype=torch.long))])
    assert not random_plane(loss).first["0.weight"].any()


def test_heights_do_not_change_when_a_layer_is_doubled_and_the_next_halved():
    """What filters of equal length are for."""
    net = nn.Sequential(nn.Linear(5, 16, bias=False), nn.ReLU(), nn.Linear(16, 3, bias=False))
    twin = deepcopy(net)
    with torch.no_grad():
        twin[0].weight *= 8
        twin[2].weight /= 8
    heights = []
    for one in (net, twin):
        loss = WeightLoss(one, cost, [rows()])
        heights.append(torch.stack([row for _, row in plane_losses(loss, random_plane(loss), [-1, 0, 1], [-1, 0, 1])]))
    torch.testing.assert_close(*heights, rtol=1e-4, atol=1e-5)


def test_a_quadratics_plane_is_its_closed_form():
    draw = torch.Generator().manual_seed(0)
    root = torch.randn(6, 6, generator=draw, dtype=torch.float64)
    loss = quadratic(root @ root.T)
    path = [{"place": torch.randn(6, generator=draw, dtype=torch.float64)} for _ in range(4)]
    plane = path_plane(path)
    for row, losses in plane_losses(loss, plane, [-1.0, 0.5], [0.0, 2.0]):
        for a, value in zip([-1.0, 0.5], losses, strict=True):
            place = plane.at(a, [0.0, 2.0][row])["place"]
            assert float(value) == pytest.approx(float(0.5 * place @ root @ root.T @ place), rel=1e-6)


class Joined(nn.Module):
    """Two layers read the inputs, one of them twice, and one reads what another gave."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.one, self.two, self.twice, self.last = (nn.Linear(5, 5) for _ in range(4))
        self.shared = nn.Linear(5, 5)
        self.shared.weight = self.last.weight

    def forward(self, inputs):
        read = torch.tanh(self.one(inputs)) * self.two(inputs) + self.shared(inputs)
        return self.last(read + self.twice(self.twice(inputs)))[:, :3]


class Reading(Joined):
    """Asks its first layer for its weights, too."""

    def forward(self, inputs):
        return super().forward(inputs) + self.one.weight.sum()


class Detached(Joined):
    """Hides from autograd what a layer's inputs are made of."""

    def forward(self, inputs):
        return self.two(self.one(inputs).detach())[:, :3]


@pytest.mark.parametrize(
    ("net", "batch", "names"),
    [
        (normalised(), images(), ["0"]),
        (nn.Sequential(nn.BatchNorm2d(1), *normalised()), images(), []),
        (nn.Sequential(nn.BatchNorm2d(1, affine=False), *normalised()), images(), []),  # other inputs in the first pass
        (Joined(), rows(), ["one", "two"]),
        (Reading(), rows(), []),
        (Detached(), rows(), []),
        (nn.utils.parametrizations.weight_norm(nn.Linear(5, 3)), rows(), []),
    ],
)
def test_heights_are_the_losses_at_their_weights_with_first_layers_combined(net, batch, names):
    loss = WeightLoss(net, cost, list(zip(*(part.split(15) for part in batch), strict=True)))
    plane = random_plane(loss)
    assert sorted(first_layers(loss, plane)) == names
    across, up = [-0.7, 0.0, 1.5], [0.4, -1.0]
    for row, losses in plane_losses(loss, plane, across, up):
        with torch.no_grad():
            expected = torch.stack([loss(plane.at(a, up[row])) for a in across]).double()
        torch.testing.assert_close(losses, expected, rtol=2e-5, atol=1e-5)


def test_first_layers_that_give_too_much_are_not_kept(monkeypatch):
    loss = WeightLoss(normalised(), cost, [images()])
    assert first_layers(loss, random_plane(loss))
    monkeypatch.setattr(plane_survey, "MOST_BYTES", 1000)
    assert not first_layers(loss, random_plane(loss))


def test_heights_have_the_same_bits_whoever_measures_them(monkeypatch):
    loss = WeightLoss(normalised(), cost, [images()])
    plane, sides = random_plane(loss), [at / 5 for at in range(-5, 6)]
    heights, kernels = [], torch.backends.cuda.flash_sdp_enabled()
    for threads in (1, 3):
        monkeypatch.setattr(plane_survey, "threads_for", lambda _, threads=threads: threads)
        heights.append(torch.stack([row for _, row in plane_losses(loss, plane, sides, sides)]))
    assert torch.equal(*heights)
    assert torch.backends.cuda.flash_sdp_enabled() == kernels


def test_a_net_that_draws_is_measured_by_one_thread(monkeypatch):
    class Noisy(nn.Linear):
        def forward(self, inputs):
            return super().forward(inputs + torch.randn_like(inputs))

    monkeypatch.setattr(plane_survey, "most_threads", lambda: 4)
    monkeypatch.setattr(plane_survey, "person_decides", lambda: False)
    assert plane_survey.threads_for(WeightLoss(dense(), cost, [rows()])) == 4
    assert plane_survey.threads_for(WeightLoss(Noisy(5, 3), cost, [rows()])) == 1


def test_a_net_that_cannot_be_copied_is_measured_itself():
    net = dense()
    net.handle = (part for part in ())  # a generator
    loss = WeightLoss(net, cost, [rows()])
    ((_, heights),) = plane_losses(loss, random_plane(loss), [0.0], [0.0])
    torch.testing.assert_close(float(heights), float(loss(loss.weights)))


def test_the_planes_of_a_path_are_the_singular_vectors_of_its_differences():
    draw = np.random.default_rng(0)
    path = draw.normal(size=(7, 30)) * np.linspace(3, 0.2, 7)[:, None]
    net = nn.Linear(6, 5, bias=False)
    steps = [shaped(torch.tensor(one), {"weight": net.weight.double()}) for one in path]
    plane = path_plane(steps)
    _, lengths, axes = np.linalg.svd(path - path[-1], full_matrices=False)
    for direction, axis in zip((plane.first, plane.second), axes, strict=False):
        assert abs(flat(direction).numpy() @ axis) == pytest.approx(1, abs=1e-9)
    assert plane.explained == pytest.approx(tuple(lengths[:2] ** 2 / (lengths**2).sum()))
    signs = np.sign([flat(d).numpy() @ axis for d, axis in zip((plane.first, plane.second), axes, strict=False)])
    np.testing.assert_allclose(plane.places, (path - path[-1]) @ axes[:2].T * signs, atol=1e-9)
    assert plane.places[-1] == pytest.approx((0, 0), abs=1e-12)


def test_a_plane_through_three_weights_holds_them_at_their_distances():
    draw = torch.Generator().manual_seed(1)
    three = [{"w": torch.randn(4, 5, generator=draw, dtype=torch.float64)} for _ in range(3)]
    plane = three_point_plane(*three)
    for place, weights in zip(plane.places, three, strict=True):
        torch.testing.assert_close(plane.at(*place)["w"], weights["w"])
    for i, j in ((0, 1), (0, 2), (1, 2)):
        apart = np.subtract(plane.places[i], plane.places[j])
        assert np.hypot(*apart) == pytest.approx(float((three[i]["w"] - three[j]["w"]).norm()))


# ------------------------------------------------------------------------------------------------ curvature
@pytest.mark.parametrize("make", [dense, normalised])
@pytest.mark.parametrize("seed", range(2))
def test_eigenvalues_and_trace_are_those_of_the_dense_hessian(make, seed):
    """Within 1 % on nets of up to 2,000 weights, by torch.func.hessian of the same loss written anew."""
    net, (inputs, targets) = make(seed).double(), rows(seed=seed) if make is dense else images()
    inputs = inputs.double()
    loss = WeightLoss(net, cost, [(inputs, targets)])
    start = torch.cat([value.flatten() for value in loss.weights.values()])

    def value(vector):
        parts = vector.split([one.numel() for one in loss.weights.values()])
        named = {n: p.view_as(v) for (n, v), p in zip(loss.weights.items(), parts, strict=True)}
        if make is dense:
            return F.cross_entropy(functional_call(net, named, inputs), targets)
        z = F.conv2d(inputs, named["0.weight"], named["0.bias"])
        spread = z.var(
            (0, 2, 3), correction=0, keepdim=True
        )  # F.batch_norm has a wrong second derivative in torch.func
        z = (z - z.mean((0, 2, 3), keepdim=True)) / (spread + 1e-5).sqrt()
        z = z * named["1.weight"].view(1, -1, 1, 1) + named["1.bias"].view(1, -1, 1, 1)
        return F.cross_entropy(z.relu().flatten(1) @ named["5.weight"].T + named["5.bias"], targets)

    full = hessian(value)(start).detach()
    expected = torch.linalg.eigvalsh(full.double()).flip(0)
    result = eigenvalues(loss, loss.weights, 5, seed=seed)
    assert result.converged
    for found, error, true in zip(result.values, result.errors, expected, strict=False):
        assert found == pytest.approx(float(true), rel=0.01)
        assert abs(found - float(true)) <= error + 1e-7 * float(expected[0])
    estimate = trace(loss, loss.weights, 200, seed)
    assert abs(estimate.value - float(full.trace())) < 4 * estimate.error
    off = full - full.diag().diag()
    assert estimate.error == pytest.approx(float((2 * off.square().sum() / 200) ** 0.5), rel=0.4)


def test_lanczos_agrees_with_scipy_on_a_wide_spectrum_with_equal_eigenvalues():
    draw = torch.Generator().manual_seed(0)
    turn = torch.linalg.qr(torch.randn(300, 300, generator=draw, dtype=torch.float64)).Q
    values = torch.cat((torch.tensor([50.0, 49.0, 7.0]), torch.linspace(-20, 1, 297))).double()
    matrix = turn @ values.diag() @ turn.T
    result = lanczos(lambda v: matrix @ v, torch.randn(3, 300, generator=draw, dtype=torch.float64), tolerance=1e-8)
    operator = LinearOperator((300, 300), matvec=lambda v: matrix.numpy() @ v, dtype=float)
    np.testing.assert_allclose(result.values, np.sort(eigsh(operator, 3, which="LA")[0])[::-1], rtol=1e-7)
    assert result.converged
    assert result.steps < 200


@pytest.mark.parametrize("values", [[3.0, 2.0, 1.0], [3.0, 3.0, 1.0], [0.0, 0.0, 0.0], [-1.0, -2.0, -4.0]])
def test_lanczos_ends_where_nothing_is_left(values):
    start = torch.tensor([[1.0, -1.0, 0.5], [0.0, 1.0, 0.0], [2.0, -1.0, 1.0]])
    result = lanczos(lambda v: torch.tensor(values) * v, start)
    assert result.values == pytest.approx(values, abs=1e-5)
    assert result.converged


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "values", [[5, 5, 1, 1, 1, 0.5], [2] * 6 + [1], [3, 2, 2, 2, -7, -7], [0] * 5 + [1e-3], [-1] * 4]
)
def test_an_eigenvalue_that_comes_several_times_is_given_as_often(values, seed):
    loss = quadratic(torch.diag(torch.tensor(values, dtype=torch.float64)))
    for count in range(1, len(values) + 1):
        result = eigenvalues(loss, loss.weights, count, seed=seed)
        assert result.converged
        assert result.values == pytest.approx(sorted(values, reverse=True)[:count], abs=1e-9)


def test_a_squared_error_has_each_eigenvalue_once_for_every_output():
    """Of a linear net: two thirds of the second moments of its inputs, three times each."""
    inputs = rows(50, 4)[0].double()
    loss = WeightLoss(nn.Linear(4, 3, bias=False).double(), F.mse_loss, [(inputs, torch.zeros(50, 3).double())])
    moments = torch.linalg.eigvalsh(inputs.T @ inputs / 50).flip(0) * 2 / 3
    expected = moments.repeat_interleave(3)
    for count in (2, 5, 12):
        result = eigenvalues(loss, loss.weights, count)
        assert result.values == pytest.approx(expected[:count].tolist(), rel=1e-3)


def test_lanczos_that_ran_out_of_steps_says_so():
    values = torch.linspace(0, 1, 500, dtype=torch.float64)
    result = lanczos(lambda v: values * v, torch.randn(2, 500, dtype=torch.float64), tolerance=1e-12, most=8)
    assert not result.converged
    assert result.steps == 8
    assert result.errors[0] > 0


def test_two_over_the_largest_eigenvalue_is_where_descent_diverges():
    matrix = torch.diag(torch.tensor([10.0, 1.0], dtype=torch.float64))
    loss = quadratic(matrix)
    sharpness = eigenvalues(loss, loss.weights, tolerance=1e-9).values[0]
    for factor, name, options in (
        (1.0, "sgd", {}), (1.0, "momentum", {"momentum": 0.9}), (1.0, "nesterov", {"momentum": 0.9, "nesterov": True}),
    ):  # fmt: skip
        for share, grows in ((0.97, False), (1.03, True)):
            rate = share * factor * edge(name, 1.0) / sharpness
            place = torch.tensor([1.0, 1.0], dtype=torch.float64, requires_grad=True)
            mover = torch.optim.SGD([place], lr=rate, **options)
            for _ in range(2000):
                mover.zero_grad()
                (0.5 * place @ matrix @ place).backward()
                mover.step()
            assert (abs(place[0].item()) > 1e3) is grows, (name, share)
    assert edge("adam", 0.1) is None


# ------------------------------------------------------------------------------------------------ between solutions
def test_a_bend_goes_round_a_wall_and_keeps_its_ends():
    class Wall(nn.Module):
        """A hill at the origin between (−1, 0) and (1, 0)."""

        def __init__(self):
            super().__init__()
            self.place = nn.Parameter(torch.tensor([-1.0, 1e-3]))

        def forward(self, inputs):
            x, y = self.place
            return (torch.exp(-4 * (x * x + y * y)) + 0.01 * (x * x + y * y)).expand(len(inputs))

    loss = WeightLoss(Wall(), lambda outputs, _: outputs, [(torch.zeros(1, 1), torch.zeros(1))])
    start, end = loss.weights, {"place": torch.tensor([1.0, 1e-3])}
    wall = float(barrier(losses_along(loss, straight(start, end))[1]))
    assert wall == pytest.approx(1 - np.exp(-4) - 0.01, abs=0.01)
    bent = bend(loss, start, end, steps=200, rate=0.05)
    assert torch.equal(bent.curve(0.0)["place"], start["place"])
    torch.testing.assert_close(bent.curve(1.0)["place"], end["place"])
    assert float(barrier(losses_along(loss, bent.curve, 41)[1])) < 0.1 * wall


def test_a_barrier_is_above_the_line_between_the_ends():
    assert float(barrier([1.0, 2.0, 5.0])) == 0.0
    assert float(barrier([1.0, 4.0, 5.0])) == pytest.approx(1.0)
    assert barrier(torch.tensor([[0.0, 0.0], [1.0, 2.0], [0.0, 0.0]])).tolist() == [1.0, 2.0]


# ------------------------------------------------------------------------------------------------ wrong inputs
@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda _: WeightLoss(nn.ReLU(), cost, [rows()]), "a net with weights"),
        (lambda _: WeightLoss(dense(), cost, []), "a batch of samples"),
        (lambda loss: path_plane([loss.weights] * 2), "three places"),
        (lambda loss: path_plane([loss.weights] * 4), "not at all"),
        (lambda loss: three_point_plane(loss.weights, loss.weights, dict(dense(1).named_parameters())), "twice"),
        (lambda loss: eigenvalues(loss, loss.weights, 0), "from 1 to"),
        (lambda loss: trace(loss, loss.weights, 1), "two probes"),
        (lambda loss: bend(loss, loss.weights, {"other": torch.zeros(2)}), "the same layers"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(call, words):
    with pytest.raises(ProfundoError, match=words) as error:
        call(WeightLoss(dense(), cost, [rows()]))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(
    "pool",
    [
        *(nn.MaxPool2d(2), nn.MaxPool2d((2, 3)), nn.MaxPool2d(3), nn.MaxPool2d(2, ceil_mode=True)),
        *(nn.MaxPool2d(3, 2), nn.MaxPool2d(2, 2, 1), nn.MaxPool2d(2, dilation=2), nn.MaxPool2d(1)),
    ],
    ids=str,
)
def test_pooling_by_slices_gives_the_same_bits(pool, layout):
    images = torch.randn(4, 3, 13, 17).to(memory_format=layout)
    images[0, 0, 3, 3], images[1, 1, 0, 0], images[2] = torch.nan, torch.inf, -torch.inf
    expected = pool(images)
    with QuickPooling():
        graded = pool(images.requires_grad_())
        with torch.no_grad():
            pooled = pool(images)
    assert graded.grad_fn.name().startswith("MaxPool")
    assert torch.equal(pooled.isnan(), expected.isnan())
    assert torch.equal(pooled.nan_to_num(7), expected.nan_to_num(7))
    assert pooled.stride() == expected.stride()


def test_a_plane_from_coarse_to_fine_is_the_same_plane():
    inputs, targets = rows()
    loss = WeightLoss(dense(), cost, [(inputs, targets, None)])
    plane = random_plane(loss)
    across, up = np.linspace(-1, 1, 9).tolist(), np.linspace(-1, 1, 5).tolist()
    whole = torch.stack([row for _, row in plane_losses(loss, plane, across, up)])
    *_, coarse = plane_survey.refined_losses(loss, plane, across, up, (4,))
    assert [tuple(place) for place in (~coarse.isnan()).nonzero().tolist()] == [
        (y, x) for y in (0, 4) for x in (0, 4, 8)
    ]
    known = coarse.clone()
    known[0, 0] = 7.0  # is believed
    *_, fine = plane_survey.refined_losses(loss, plane, across, up, (4, 1), known)
    expected = whole.clone()
    expected[0, 0] = 7.0
    torch.testing.assert_close(fine, expected, rtol=1e-6, atol=1e-8)
