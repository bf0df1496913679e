"""Proofs of explanations: against SciPy, against nets whose right answer is known, and a shortcut planted in training."""

import pytest
import torch
import torch.nn.functional as F
from scipy.stats import spearmanr
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from profundo.inside.attributions import explain
from profundo.inside.attributions.attention_maps import attention_maps
from profundo.inside.attributions.proofs import (
    randomised,
    rank_correlation,
    removal_curves,
    share_within,
    structural_similarity,
)
from profundo.records import ProfundoError


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_ranks_are_correlated_as_scipy_has_it():
    a, b = draw(3, 40).round(decimals=1), draw(3, 40, seed=1).round(decimals=1) + draw(3, 40)
    expected = [spearmanr(x, y).statistic for x, y in zip(a, b, strict=True)]
    torch.testing.assert_close(rank_correlation(a, b), torch.tensor(expected, dtype=torch.float64))
    assert rank_correlation(a, torch.ones(3, 40)).tolist() == [0, 0, 0]


def test_similarity_of_structure_is_its_formula():
    a, b = (draw(2, 9, 11, seed=seed).abs().double() for seed in (0, 1))
    x, y = a[0] / a[0].max(), b[0] / b[0].max()
    values = []
    for row in range(3):
        for column in range(5):
            p, q = (one[row : row + 7, column : column + 7].flatten() for one in (x, y))
            c = torch.cov(torch.stack([p, q]))
            top = (2 * p.mean() * q.mean() + 1e-4) * (2 * c[0, 1] + 9e-4)
            values.append(top / ((p.mean() ** 2 + q.mean() ** 2 + 1e-4) * (c[0, 0] + c[1, 1] + 9e-4)))
    assert structural_similarity(a, b)[0].item() == pytest.approx(torch.stack(values).mean().item(), rel=1e-9)
    torch.testing.assert_close(structural_similarity(a, a), torch.ones(2, dtype=torch.float64))


def net_of_images(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Linear(8 * 100, 16), nn.ReLU(), nn.Linear(16, 2),
    )  # fmt: skip


def test_a_map_of_weights_changes_and_one_of_the_input_alone_is_called_so(monkeypatch):
    net, x = net_of_images(), draw(4, 1, 10, 10)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    result = randomised(net, x, "gradient")
    assert result.layers == ("7", "5", "2", "0")
    assert result.changes
    assert len(result.alike) == len(result.ssim) == 4
    assert result.alike[-1] < result.alike[0] or result.alike[0] < 0.5
    assert all(torch.equal(net.state_dict()[name], value) for name, value in before.items())
    assert randomised(net, x, "gradient") == result
    for stages, layers in [(1, ("0",)), (2, ("7", "0")), (3, ("7", "2", "0"))]:
        fewer = randomised(net, x, "gradient", stages=stages)
        assert (fewer.layers, fewer.alike[-1]) == (layers, result.alike[-1])

    import profundo.inside.attributions.explaining as module

    edges = module.Method(
        "Edges", lambda question: (question.values.diff(dim=3, append=question.values[..., :1]), {}), ""
    )
    monkeypatch.setattr(module, "METHODS", {**module.METHODS, "edges": edges})
    stubborn = randomised(net, x, "edges")
    assert stubborn.alike == pytest.approx((1, 1, 1, 1))
    assert not stubborn.changes


def test_every_weight_is_forgotten_even_of_modules_that_are_never_called(monkeypatch):
    import profundo.inside.attributions.proofs as module

    class Direct(nn.Module):
        """Attention whose output projection no call passes, a weight of its own, and a layer of which only the weight is read."""

        def __init__(self):
            super().__init__()
            self.attention, self.scale = nn.MultiheadAttention(4, 2, batch_first=True), nn.Parameter(torch.randn(4))
            self.read, self.out = nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, x):
            return self.out(F.linear(self.attention(x, x, x)[0] * self.scale, self.read.weight).mean(1))

    forgotten, forget = [], module.forget
    monkeypatch.setattr(
        module, "forget", lambda one, draw: (forgotten.extend(one.parameters(False)), forget(one, draw))
    )
    net = Direct()
    assert randomised(net, draw(2, 3, 4), "gradient").layers[0] == "out"
    assert len({id(one) for one in forgotten}) == len(forgotten) == len(list(net.parameters()))
    assert randomised(nn.Conv2d(1, 2, 3), draw(1, 1, 5, 5), "gradient").layers == ("Conv2d",)
    with pytest.raises(ProfundoError, match="layers that have weights"):
        randomised(nn.Flatten(), draw(1, 1, 5, 5), "gradient")


class Scale(nn.Module):
    """One number for all, which begins as it has to be."""

    def __init__(self):
        super().__init__()
        self.factor, self.shift = nn.Parameter(torch.tensor(3.0)), nn.Parameter(torch.full((1, 6, 1, 1), 2.0))

    def forward(self, x):
        return self.factor * x + self.shift

    def reset_parameters(self, needed):
        raise AssertionError(needed)


def test_nothing_that_was_learned_stays_neither_constant_nor_single_nor_a_running_statistic(monkeypatch):
    import profundo.inside.attributions.proofs as module

    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.BatchNorm2d(6, affine=False), Scale(), nn.PReLU(), nn.Flatten(),
        nn.utils.parametrizations.weight_norm(nn.Linear(384, 3)), nn.Linear(3, 3),
    )  # fmt: skip
    nn.init.constant_(net[-1].weight, 0.5)
    for _ in range(3):
        net(5 + 3 * draw(20, 1, 10, 10))
    trained = {name: value.clone() for name, value in net.state_dict().items()}
    copies, copied = [], module.copied
    monkeypatch.setattr(module, "copied", lambda one, why: copies.append(copied(one, why)) or copies[0])
    random = torch.get_rng_state()
    result = randomised(net.eval(), draw(2, 1, 10, 10), "gradient")
    assert result.layers[:-1] == ("7", "4", "3", "2", "1")
    assert torch.equal(torch.get_rng_state(), random)
    anew = copies[0].state_dict()
    begun = nn.BatchNorm2d(6).state_dict()
    for name, value in trained.items():
        assert torch.equal(net.state_dict()[name], value)
        if name.split(".")[1].startswith(("running", "num")):
            assert torch.equal(anew[name], begun[name.split(".")[1]])
        else:
            assert not bool((anew[name] == value).any()), name
    assert anew["4.weight"].item() != trained["4.weight"].item()
    widths = [anew[f"{layer}.weight"].std() * fan_in**0.5 for layer, fan_in in (("0", 9), ("7", 3))]
    assert all(0.2 < width < 2 for width in widths)


class Largest(TorchDispatchMode):
    """The number of values in the largest tensor that is computed meanwhile."""

    values = 0

    def __torch_dispatch__(self, function, _types, places=(), names=None):
        result = function(*places, **(names or {}))
        if isinstance(result, torch.Tensor):
            self.values = max(self.values, result.numel())
        return result


def test_memory_of_removal_does_not_grow_with_the_number_of_fractions(monkeypatch):
    import profundo.inside.attributions.question as module

    x = draw(6, 1, 10, 10)
    net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.MaxPool2d(10), nn.Flatten(), nn.Linear(2, 2))
    by_place = explain(net, x).by_place
    whole = removal_curves(net, x, by_place)
    for name, few in (("MOST_VALUES", 1300), ("FEW_ROWS", 13), ("FEW_VALUES", 1300)):
        monkeypatch.setattr(module, name, few)
    with Largest() as largest:
        parts = removal_curves(net, x, by_place)
    assert largest.values == 12 * 2 * 100  # what the first layer gives for two copies of the batch
    for name in ("deletion", "insertion", "random_deletion", "random_insertion"):
        assert getattr(parts, name) == pytest.approx(getattr(whole, name), abs=1e-6)


def test_removal_of_a_linear_net_is_known_at_every_fraction():
    """f = Σ w x from a baseline of 0: what is left after the largest k of 4 are gone."""
    net = nn.Linear(4, 1, bias=False)
    net.weight.data[:] = torch.tensor([[4.0, 3.0, 2.0, 1.0]])
    x = torch.ones(1, 4)
    curves = removal_curves(net, x, explain(net, x).by_place, orders=200)
    assert curves.what == "share"
    assert curves.fractions == (0, 0.25, 0.5, 0.75, 1)
    assert curves.deletion == pytest.approx((1, 0.6, 0.3, 0.1, 0), abs=1e-6)
    assert curves.insertion == pytest.approx((0, 0.4, 0.7, 0.9, 1), abs=1e-6)
    assert curves.random_deletion == pytest.approx((1, 0.75, 0.5, 0.25, 0), abs=0.03)
    assert curves.areas["deletion"] == pytest.approx(0.375)
    against = removal_curves(net, x, -explain(net, x).by_place, beside=curves)
    assert against.deletion == pytest.approx((1, 0.9, 0.7, 0.4, 0), abs=1e-6)
    assert (against.random_deletion, against.random_insertion) == (curves.random_deletion, curves.random_insertion)
    assert curves.areas["deletion"] < curves.areas["random_deletion"] == pytest.approx(0.5, abs=0.02)


def test_of_an_answer_below_the_baselines_what_lowers_it_goes_first():
    """f = 1 − Σ w x: of the same shares as Σ w x; and in a batch each sample has its own direction."""
    net = nn.Linear(4, 1)
    net.weight.data[:], net.bias.data[:] = torch.tensor([[-4.0, -3.0, -2.0, -1.0]]), 1.0
    for x in (torch.ones(1, 4), torch.tensor([[1.0] * 4, [-1.0] * 4])):
        curves = removal_curves(net, x, explain(net, x).by_place)
        assert curves.deletion == pytest.approx((1, 0.6, 0.3, 0.1, 0), abs=1e-6)
        assert curves.insertion == pytest.approx((0, 0.4, 0.7, 0.9, 1), abs=1e-6)
    two = nn.Linear(4, 2)
    two.weight.data[:], two.bias.data[:] = torch.tensor([[-4.0, -3.0, -2.0, -1.0], [-9.0] * 4]), 0.0
    x = torch.ones(1, 4)
    likely = removal_curves(two, x, torch.tensor([[1.0, 2.0, 3.0, 4.0]]), of=0)
    assert likely.what == "probability"
    assert likely.deletion[1] == pytest.approx(two(torch.tensor([[1.0, 1, 1, 0]])).softmax(1)[0, 0].item())


def test_of_classes_the_curves_are_probabilities():
    net, x = net_of_images(), draw(3, 1, 10, 10)
    curves = removal_curves(net, x, explain(net, x, of=1).by_place, of=1, baseline=0.5)
    ends = [net(one).softmax(1)[:, 1].mean().item() for one in (x, torch.full_like(x, 0.5))]
    assert curves.what == "probability"
    assert (curves.deletion[0], curves.deletion[-1]) == pytest.approx(ends, rel=1e-5)
    assert (curves.insertion[-1], curves.insertion[0]) == pytest.approx(ends, rel=1e-5)
    numbers = removal_curves(net, x, explain(net, x, of=1).by_place, of=1, classes=False)
    assert numbers.what == "share"
    assert (numbers.deletion[0], numbers.deletion[-1]) == pytest.approx((1, 0), abs=1e-3)
    with pytest.raises(ProfundoError, match="one value for each place"):
        removal_curves(net, x, torch.zeros(3, 1, 10, 10))


def planted(count, seed, marked=True):
    """Noise in which a bright corner goes with class 1, and beside it nothing does."""
    x, y = draw(count, 1, 10, 10, seed=seed), torch.arange(count) % 2
    if marked:
        x[y == 1, :, :2, :2] += 3
    return x, y


@pytest.fixture(scope="module")
def net_with_a_shortcut():
    net, (x, y) = net_of_images(), planted(256, 0)
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(30):
        loss = F.cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert (net(x).argmax(1) == y).float().mean() > 0.98
    return net


@pytest.mark.parametrize("method", ["gradient", "integrated_gradients", "occlusion", "kernel_shap", "smoothgrad"])
def test_a_planted_shortcut_is_marked(net_with_a_shortcut, method):
    """The corner is 4 of 100 pixels: a map that knew nothing would give it 4 %."""
    x, y = planted(16, 1)
    where = torch.zeros(10, 10, dtype=torch.bool)
    where[:2, :2] = True
    options = {"window": 2} if method == "occlusion" else {"parts": 25} if method == "kernel_shap" else {}
    result = explain(net_with_a_shortcut, x[y == 1], method, of=1, **options)
    share, points = share_within(result.by_place, where)
    assert share.mean() > 3 * 0.04
    assert points.float().mean() >= 0.8
    elsewhere, _ = share_within(result.by_place, where.flip(0))
    assert elsewhere.mean() < share.mean() / 2


def test_shares_are_of_sizes_and_a_map_of_nothing_has_none():
    where = torch.tensor([[True, False], [False, False]])
    maps = torch.tensor([[[1.0, -1.0], [0.0, 2.0]], [[-3.0, 0.0], [0.0, -1.0]], [[0.0, 0.0], [0.0, 0.0]]])
    share, points = share_within(maps, where)
    assert share.tolist() == [0.25, 0.75, 0]
    assert points.tolist() == [False, False, True]  # of equal values the first


# ----------------------------------------------------------------------------------------------------------- attention
class WrittenOut(nn.Module):
    def forward(self, x):
        scores = x @ x.transpose(1, 2)
        return F.dropout(scores.softmax(2), 0.3, self.training) @ x


class Scaled(nn.Module):
    def forward(self, x):
        heads = x.unflatten(2, (2, 2)).transpose(1, 2)
        return F.scaled_dot_product_attention(heads, heads, heads, is_causal=True).transpose(1, 2).flatten(2)


def test_attention_of_each_make_is_seen_with_its_module():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True, norm_first=True)
    net, x = nn.Sequential(layer, WrittenOut(), Scaled(), nn.Linear(4, 2)), draw(3, 5, 4)
    net.train()
    maps = attention_maps(net, x)
    assert [one.module for one in maps] == ["0.self_attn", "1", "2"]
    assert [tuple(one.weights.shape) for one in maps] == [(3, 2, 5, 5), (3, 1, 5, 5), (3, 2, 5, 5)]
    for one in maps:
        torch.testing.assert_close(one.weights.sum(3), torch.ones(one.weights.shape[:3]))
    normed = layer.eval().norm1(x)
    _, expected = layer.self_attn(normed, normed, normed, average_attn_weights=False)
    torch.testing.assert_close(maps[0].weights, expected.detach())
    after = layer(x)
    torch.testing.assert_close(maps[1].weights[:, 0], (after @ after.transpose(1, 2)).softmax(2).detach())
    assert not maps[2].weights[..., 0, 1:].any()  # the first place sees itself alone
    assert net[1].training
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
    assert attention_maps(nn.Linear(4, 2), x) == []


@pytest.mark.parametrize("kind", ["bool", "added", "shared"])
def test_scaled_attention_has_the_weights_that_pytorch_uses(kind):
    """With values that are an identity the output is the weights."""
    query, key, value = draw(2, 4, 3, 6), draw(2, 4, 3, 6, seed=1), torch.eye(3).expand(2, 4, 3, 3)
    options = {
        "bool": {"attn_mask": torch.ones(3, 3).tril().bool()},
        "added": {"attn_mask": draw(3, 3)},
        "shared": {"scale": 0.3},
    }
    if kind == "shared":
        key, value = key[:, :2], value[:, :2]

    class Net(nn.Module):
        def forward(self, query):
            return F.scaled_dot_product_attention(query, key, value, enable_gqa=kind == "shared", **options[kind])

    torch.testing.assert_close(attention_maps(Net(), query)[0].weights, Net()(query), atol=1e-6, rtol=1e-5)
