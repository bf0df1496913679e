"""Mixed samples: distributions against SciPy's, targets against what is really in the pictures."""

import numpy as np
import pytest
import torch
from scipy import stats

from profundo.data import augmentation
from profundo.data.augmenting.mixing import soft, symmetric_beta
from profundo.data.batches import batches
from profundo.objectives import default
from profundo.records import Inputs, Samples, Spec, Targets

CLASSES = Targets("classes", ("a", "b", "c", "d"))
BINARY = Targets("binary", ("no", "yes"))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def spec(targets=CLASSES, height=10, width=14):
    return Spec(Inputs((1, height, width), "image", (0.0,), (255.0,)), targets)


def plain(count, height=10, width=14):
    """Image n is all n: what is in a mixed picture tells from which images it came."""
    return torch.arange(count).float().reshape(-1, 1, 1, 1).expand(count, 1, height, width).clone()


@pytest.mark.parametrize("alpha", [0.2, 0.5, 1.0, 3.0, 50.0])
def test_draws_are_of_the_symmetric_beta_distribution(alpha):
    draws = symmetric_beta(alpha, 20_000, seeded(1), torch.device("cpu")).numpy()
    assert draws.min() >= 0
    assert draws.max() <= 1
    assert stats.kstest(draws, stats.beta(alpha, alpha).cdf).pvalue > 0.001


@pytest.mark.parametrize("alpha", [0.001, 0.02, 0.2, 1.0, 100.0])
def test_draws_have_mean_a_half_and_variance_as_beta_has_even_where_doubles_end(alpha):
    draws = symmetric_beta(alpha, 50_000, seeded(1), torch.device("cpu"))
    assert draws.isfinite().all()
    assert draws.mean() == pytest.approx(0.5, abs=0.01)
    assert draws.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.03)


@pytest.mark.parametrize(("name", "options"), [("mixup", {"alpha": 0.2}), ("mixup", {"alpha": 1.0})])
def test_shares_of_mixup_are_beta_and_the_blend_is_the_targets(name, options):
    count = 6000
    labels = torch.arange(count) % 4
    images = torch.nn.functional.one_hot(labels, 4).float()[:, :, None, None].expand(count, 4, 2, 2)
    data = Spec(Inputs((4, 2, 2), "image", (0.0,) * 4, (255.0,) * 4), CLASSES)
    out, targets = augmentation([{name: options}], data).with_targets(images, labels, seeded())
    torch.testing.assert_close(out[:, :, 0, 0], targets, atol=1e-6, rtol=0)  # an image shows its class
    torch.testing.assert_close(targets.sum(1), torch.ones(count))
    other = targets.scatter(1, labels[:, None], 0).sum(1)
    different = (targets > 0).sum(1) == 2
    assert different.float().mean() > 0.5  # three of four partners, but for shares that are 0 in float32
    alpha = options["alpha"]
    kept = 1 - other[other > 0].double().numpy()
    share = stats.kstest(kept, stats.beta(alpha, alpha).cdf)
    assert share.statistic < 0.03


@pytest.mark.parametrize("name", ["mixup", "cutmix", "ricap"])
@pytest.mark.parametrize("targets", [CLASSES, BINARY])
def test_targets_are_the_shares_of_what_is_in_the_picture(name, targets):
    kinds = len(targets.classes)
    labels = torch.arange(40) % kinds
    images = labels.float().reshape(-1, 1, 1, 1).expand(40, 1, 10, 14)
    out, mixed = augmentation([name], spec(targets)).with_targets(images, labels, seeded(2))
    mean = out.mean((1, 2, 3))
    expected = mixed @ torch.arange(4.0) if targets is CLASSES else mixed
    torch.testing.assert_close(mean, expected, atol=1e-5, rtol=0)
    assert mixed.shape == ((40, 4) if targets is CLASSES else (40,))
    assert 0 <= mixed.min() <= mixed.max() <= 1
    if name != "mixup" and targets is CLASSES:
        counted = torch.stack([(out == k).float().mean((1, 2, 3)) for k in range(4)], 1)
        torch.testing.assert_close(mixed, counted, atol=1e-6, rtol=0)


def test_cutmix_puts_one_rectangle_of_one_other_image_at_the_same_place():
    images = plain(3000) + torch.linspace(0, 0.5, 140).reshape(10, 14)
    out, _ = augmentation(["cutmix"], spec()).with_targets(images, torch.zeros(3000).long(), seeded(3))
    own = torch.arange(3000.0).reshape(-1, 1, 1, 1)
    foreign = out.floor() != own
    torch.testing.assert_close(out - out.floor(), images - images.floor(), atol=1e-3, rtol=0)
    rows, columns = foreign[:, 0].any(2).sum(1), foreign[:, 0].any(1).sum(1)
    assert torch.equal(foreign.sum((1, 2, 3)), rows * columns)
    partners = torch.where(foreign, out.floor(), -1).amax((1, 2, 3))
    assert torch.equal(torch.where(foreign, out.floor(), partners.reshape(-1, 1, 1, 1)).amin((1, 2, 3)), partners)
    # λ is uniform for α = 1 and a side is √(1 − λ): shorter than a tenth in 1 of 100; cut at the border, seldom long.
    assert (rows == 0).float().mean() == pytest.approx(0.01, abs=0.007)
    assert rows.max() > 8


def test_ricap_is_four_pieces_of_four_images_round_a_point():
    images = plain(2000) * 1000 + torch.arange(140.0).reshape(10, 14)
    out, _ = augmentation([{"ricap": {"beta": 1}}], spec()).with_targets(images, torch.zeros(2000).long(), seeded(4))
    source, place = (out[:, 0] / 1000).floor().long(), (out[:, 0] % 1000).round().long()
    row, column = place // 14, place % 14
    moves = []
    for n in range(1000):
        corners = source[n, [0, 0, -1, -1], [0, -1, 0, -1]].tolist()
        assert set(source[n].unique().tolist()) == set(corners)
        for corner in set(corners):  # a piece is unscaled: one step here is one step in the image
            inside = source[n] == corner
            down = (row[n] - torch.arange(10)[:, None])[inside]
            across = (column[n] - torch.arange(14))[inside]
            if corners.count(corner) == 1:
                assert len(down.unique()) == len(across.unique()) == 1
                if corner == corners[0] and (free := 10 - len(row[n][inside].unique())):
                    moves.append(down[0].item() / free)
    assert set(moves) >= {0, 1}  # pieces come from all over their image
    assert np.mean(moves) == pytest.approx(0.5, abs=0.06)
    heights = (source == source[:, :1, :]).all(2).sum(1).double()
    assert 4 < heights.mean() < 6.5  # uniform between 0 and 10


def test_mixing_twice_mixes_what_was_mixed():
    labels = torch.arange(8) % 4
    images = torch.nn.functional.one_hot(labels, 4).float()[:, :, None, None].expand(8, 4, 6, 6)
    data = Spec(Inputs((4, 6, 6), "image", (0.0,) * 4, (255.0,) * 4), CLASSES)
    out, targets = augmentation(["cutmix", "mixup"], data).with_targets(images, labels, seeded(1))
    torch.testing.assert_close(out.mean((2, 3)), targets, atol=1e-6, rtol=0)
    assert (targets > 0).sum(1).max() > 2


def test_a_batch_of_one_mixes_with_itself():
    for name in ("mixup", "cutmix", "ricap"):
        out, targets = augmentation([name], spec()).with_targets(torch.ones(1, 1, 10, 14), torch.tensor([2]), seeded())
        torch.testing.assert_close(out, torch.ones(1, 1, 10, 14))
        torch.testing.assert_close(targets, torch.tensor([[0.0, 0, 1, 0]]))


def test_soft_targets_of_classes_are_all_in_one():
    assert soft(torch.tensor([2, 0]), CLASSES).tolist() == [[0, 0, 1, 0], [1, 0, 0, 0]]
    assert soft(torch.tensor([1, 0]), BINARY).tolist() == [1, 0]


@pytest.mark.parametrize("targets", [CLASSES, BINARY])
def test_the_cost_of_a_mixed_batch_is_the_mixture_of_the_costs(targets):
    """Zhang et al.'s own program: λ c(ŷ, y) + (1 − λ) c(ŷ, y')."""
    kinds = len(targets.classes)
    ours, theirs = torch.arange(12) % kinds, torch.arange(12).flip(0) % kinds
    kept = torch.rand(12, generator=seeded(1))
    shape = (12, 1) if targets is CLASSES else (12,)
    mixed = torch.lerp(soft(theirs, targets), soft(ours, targets), kept.reshape(shape))
    outputs = 4 * torch.randn(12, kinds if targets is CLASSES else 1, generator=seeded(2))
    for smoothing in (0.0, 0.1):
        objective = default(targets, smoothing)
        expected = kept * objective(outputs, ours) + (1 - kept) * objective(outputs, theirs)
        torch.testing.assert_close(objective(outputs, mixed), expected)
        torch.testing.assert_close(objective.mean_cost(outputs, mixed, 12), expected.mean())
        torch.testing.assert_close(objective.mean_cost(outputs, mixed, 24), expected.sum() / 24)


@pytest.mark.parametrize("names", [["mixup"], ["crop", "cutmix"], ["ricap", "colour"]])
def test_two_processes_share_the_mixed_batch_of_one(names):
    data = spec(CLASSES, 4, 4)
    raw = torch.randint(0, 256, (22, 1, 4, 4), dtype=torch.uint8, generator=seeded(5))
    samples = Samples(raw, torch.arange(22) % 4)
    augment = augmentation(names, data)
    whole = batches(samples, data, 6, seed=1, augment=augment)
    halves = [batches(samples, data, 6, seed=1, augment=augment, rank=rank, processes=2) for rank in (0, 1)]
    for a, *parts in zip(whole.epoch(0), *(half.epoch(0) for half in halves), strict=True):
        assert a.targets.shape == (6, 4)
        assert torch.equal(a.inputs, torch.cat([part.inputs for part in parts]))
        assert torch.equal(a.targets, torch.cat([part.targets for part in parts]))
