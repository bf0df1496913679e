"""Codes, planes, alignment and probes, against scikit-learn and closed forms."""

import itertools
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.neighbors import NearestNeighbors
from torch import nn

from profundo import ProfundoError
from profundo.evaluate.clusters import plane
from profundo.evaluate.components import principal_components, shares_of_variance
from profundo.inside.cka import cka, layer_similarity
from profundo.inside.codes import codes, compact, neighbours
from profundo.inside.probing import PENALTIES, probe


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 20), nn.Tanh(), nn.Linear(20, 8), nn.ReLU(), nn.Linear(8, 3))


# ----------------------------------------------------------------------------------------------------------------- codes
def test_codes_of_batches_are_those_of_all_samples_at_once(net):
    x = normal(31, 6)
    one, other = codes(net, [x]), codes(net, x.split(7))
    assert list(one) == ["0", "1", "2", "3", "4"]
    for name in one:
        assert torch.allclose(one[name], other[name], atol=1e-6)
    assert torch.allclose(one["1"], torch.tanh(net[0](x)).detach())


def test_large_maps_are_averaged_over_parts_and_small_ones_stay():
    maps = normal(2, 4, 8, 8)
    assert torch.equal(compact(maps, 256), maps.flatten(1))
    assert torch.equal(compact(maps, 16), nn.functional.avg_pool2d(maps, 4).flatten(1))
    assert compact(maps, 35).shape == (2, 16)  # the largest square that fits


def test_hashing_keeps_inner_products_on_average_and_is_the_same_each_time():
    x = normal(12, 30, 200)
    hashed = compact(x, 1000)
    assert hashed.shape == (12, 1000)
    assert torch.equal(hashed, compact(x, 1000))
    flat = x.flatten(1)
    true, kept = flat @ flat.T, hashed @ hashed.T
    assert (true - kept).abs().max() < 6 * flat.shape[1] / 1000**0.5  # six deviations
    assert kept.diagonal().mean() == pytest.approx(true.diagonal().mean().item(), rel=0.05)


# ---------------------------------------------------------------------------------------------------------------- planes
def test_principal_components_are_those_of_scikit_learn():
    x = normal(40, 7) @ normal(7, 7, seed=1) + 3
    own, theirs = principal_components(x, 3), PCA(3).fit(x.double().numpy())
    signs = np.sign((own.out_of.numpy() * theirs.components_).sum(1, keepdims=True))
    assert np.allclose(own.out_of.numpy(), theirs.components_ * signs, atol=1e-5)
    assert np.allclose(shares_of_variance(x, own), theirs.explained_variance_ratio_, atol=1e-6)
    assert np.allclose(own.encode(x).numpy(), theirs.transform(x.double().numpy()) * signs.T, atol=1e-4)


@pytest.mark.parametrize("method", ["pca", "t-sne"])
def test_a_plane_keeps_what_lies_together_and_is_the_same_each_time(method):
    x = torch.cat([normal(20, 9), normal(20, 9, seed=1) + 20, normal(20, 9, seed=2) - 20])
    places = plane(x, method)
    assert torch.equal(places, plane(x, method))
    nearest = neighbours(places, places, 6)[1]
    assert ((nearest // 20) == torch.arange(60)[:, None] // 20).float().mean() > 0.95


def test_planes_refuse_what_they_cannot_do(monkeypatch):
    with pytest.raises(ProfundoError, match="expected one of pca, t-sne, umap"):
        plane(normal(10, 3), "mds")
    with pytest.raises(ProfundoError, match="at least 5 samples, got 3"):
        plane(normal(3, 3))
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(ProfundoError, match=r'pip install "profundo\[umap\]"'):
        plane(normal(10, 3), "umap")
    fake = SimpleNamespace(UMAP=lambda random_state: SimpleNamespace(fit_transform=lambda x: x[:, :2] + random_state))
    monkeypatch.setitem(sys.modules, "umap", fake)
    assert torch.equal(plane(x := normal(10, 3), "umap", seed=1), x[:, :2] + 1)


def test_neighbours_are_those_of_scikit_learn():
    x, of = normal(50, 4), normal(6, 4, seed=1)
    distances, numbers = NearestNeighbors(n_neighbors=5).fit(x.numpy()).kneighbors(of.numpy())
    own = neighbours(x, of, 5)
    assert own[1].tolist() == numbers.tolist()
    assert np.allclose(own[0], distances, atol=1e-5)


# ------------------------------------------------------------------------------------------------------------- alignment
def kernel_form(x, y):
    """CKA by centred Gram matrices, as the paper has it: HSIC(K, L) / √(HSIC(K, K) HSIC(L, L))."""
    centre = np.eye(len(x)) - 1 / len(x)
    k, m = (centre @ (one @ one.T) @ centre for one in (x, y))
    return np.trace(k @ m) / np.sqrt(np.trace(k @ k) * np.trace(m @ m))


def test_alignment_by_features_is_alignment_by_kernels():
    x, y = normal(15, 30) + 2, normal(15, 4, seed=1)
    y = y + x[:, :4]
    assert cka(x, y) == pytest.approx(kernel_form(x.double().numpy(), y.double().numpy()))


def test_alignment_sees_no_rotation_no_factor_and_no_shift():
    x = normal(60, 8)
    rotation = torch.linalg.qr(normal(8, 8, seed=2)).Q
    assert cka(x, 3 * x @ rotation + 7) == pytest.approx(1)
    assert cka(x, normal(60, 8, seed=3)) < 0.3
    assert cka(x, torch.zeros(60, 2)) == 0


def without_bias(x, y):
    """Song et al. 2012: the mean over all choices of four different samples, one by one."""
    one, other = x @ x.T, y @ y.T
    total = [
        one[i, j] * (other[i, j] + other[q, r] - 2 * other[i, q])
        for i, j, q, r in itertools.permutations(range(len(x)), 4)
    ]
    return sum(total) / len(total)


def test_similarity_is_that_of_choices_of_four_samples_and_batches_are_averaged(net):
    torch.manual_seed(1)
    other = nn.Sequential(nn.Linear(6, 5), nn.Tanh())
    x = normal(19, 6) + 1
    table = layer_similarity(net, other, x.split(8))  # of 8, 8 and 3 samples
    mine, theirs = codes(net, [x]), codes(other, [x])
    assert (list(table.rows), list(table.columns)) == (list(mine), list(theirs))

    def mean(one, another):
        batches = (each.double().numpy()[:16].reshape(2, 8, -1) for each in (one, another))
        return sum(without_bias(*pair) for pair in zip(*batches, strict=True))

    for i, a in enumerate(mine):
        for j, b in enumerate(theirs):
            scale = mean(mine[a], mine[a]) * mean(theirs[b], theirs[b])
            assert table.values[i, j] == pytest.approx(mean(mine[a], theirs[b]) / scale**0.5, abs=1e-5)


def test_equal_codes_are_the_same_whatever_their_form_and_unrelated_ones_are_not():
    net = nn.Sequential(nn.Conv2d(1, 16, 3), nn.Flatten(), nn.Linear(16 * 36, 2000), nn.Unflatten(1, (2000,)))
    x = normal(64, 1, 8, 8)
    table = layer_similarity(net, net, [x], ["0", "2"], ["1", "2"]).values
    assert table[0, 0] == pytest.approx(1)
    assert table[1, 1] == pytest.approx(1)
    alone = layer_similarity(nn.Identity(), nn.Sequential(nn.Linear(500, 500)), [normal(40, 500)]).values
    assert alone.shape == (1, 1)
    one, two = normal(60, 900), normal(60, 900, seed=5)
    pair = nn.ModuleDict({"a": nn.Identity(), "b": nn.Identity()})
    pair.forward = lambda both: pair["a"](both[:, :900]) + pair["b"](both[:, 900:])
    unrelated = layer_similarity(pair, pair, [torch.cat([one, two], 1)], ["a"], ["b"]).values
    assert abs(float(unrelated)) < 0.1 < cka(one, two)
    with pytest.raises(ProfundoError, match="at least 4 samples"):
        layer_similarity(net, net, [x[:3]])


# ---------------------------------------------------------------------------------------------------------------- probes
def split(x, y):
    return [(x[a:b], y[a:b]) for a, b in ((0, 60), (60, 90), (90, 150))]


def test_a_probe_is_ridge_regression_with_the_penalty_that_the_second_split_prefers():
    x = normal(150, 10)
    y = x @ normal(10, 2, seed=1) + 2 * normal(150, 2, seed=2)
    result = probe(*split(x, y))
    (train_x, train_y), (val_x, val_y), (test_x, test_y) = (
        (a.double().numpy(), b.double().numpy()) for a, b in split(x, y)
    )
    size = ((train_x - train_x.mean(0)) ** 2).mean() * len(train_x)
    fits = {p: Ridge(p * size).fit(train_x, train_y) for p in PENALTIES}
    best = max(PENALTIES, key=lambda p: (fits[p].score(val_x, val_y), p))
    assert result.penalty == best
    assert result.validation == pytest.approx(fits[best].score(val_x, val_y), abs=1e-6)
    assert result.score == pytest.approx(fits[best].score(test_x, test_y), abs=1e-6)


def test_a_probe_reads_a_straight_line_and_not_a_circle():
    x = normal(150, 2)
    straight, round_ = (x[:, 0] > 0).long(), (x.norm(dim=1) > 1.18).long()
    assert probe(*split(x, straight)).score > 0.9
    assert probe(*split(x, round_)).score < 0.75
    assert probe(*split(x.square().sum(1, keepdim=True).sqrt().sub(1.18).sign(), round_)).score == 1
