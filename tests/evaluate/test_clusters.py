"""Clusters, components and detection against scikit-learn and by hand."""

import numpy as np
import pytest
import torch
from sklearn import metrics
from sklearn.decomposition import PCA

from profundo.evaluate.classes import classes_in_use, sure_share
from profundo.evaluate.clusters import adjusted_rand, kmeans, purity, tsne
from profundo.evaluate.components import LinearCode, principal_components, reduced_rank
from profundo.evaluate.detection import roc_area, threshold_for
from profundo.records import ProfundoError


def draws(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def three_groups() -> tuple[torch.Tensor, torch.Tensor]:
    """Sixty points about three far centres in five dimensions, and the centre of each."""
    labels = torch.arange(60) % 3
    return 10 * torch.eye(3, 5)[labels] + 0.3 * torch.randn(60, 5, generator=draws(0)), labels


def test_kmeans_finds_groups_that_are_far_apart():
    points, labels = three_groups()
    found = kmeans(points, 3, seed=0)
    assert purity(labels, found) == adjusted_rand(labels, found) == 1
    assert torch.equal(found, kmeans(points, 3, seed=0))


def test_a_map_keeps_groups_together():
    points, labels = three_groups()
    plane = tsne(points, seed=0)
    assert plane.shape == (60, 2)
    assert purity(labels, kmeans(plane, 3, seed=0)) == 1


@pytest.mark.parametrize("seed", range(4))
def test_adjusted_rand_index_is_that_of_scikit_learn(seed):
    classes = torch.randint(0, 4, (80,), generator=draws(seed))
    noise = torch.randint(0, 6, (80,), generator=draws(seed + 9))
    clusters = torch.where(torch.rand(80, generator=draws(seed + 99)) < seed / 4, classes, noise)
    assert adjusted_rand(classes, clusters) == pytest.approx(metrics.adjusted_rand_score(classes, clusters))


def test_adjusted_rand_index_of_one_cluster_of_one_class_is_one():
    same = torch.zeros(5, dtype=torch.int64)
    assert adjusted_rand(same, same) == metrics.adjusted_rand_score(same, same) == 1


def test_purity_counts_each_clusters_commonest_class():
    classes = torch.tensor([0, 0, 1, 1, 1, 2])
    clusters = torch.tensor([0, 0, 0, 1, 1, 1])
    assert purity(classes, clusters) == pytest.approx((2 + 2) / 6)
    assert purity(classes, torch.arange(6)) == 1
    with pytest.raises(ProfundoError, match="two samples"):
        purity(classes, clusters[:5])


def test_components_are_those_of_scikit_learn_and_keep_the_most_variance():
    rows = torch.randn(100, 6, generator=draws(1)) @ torch.randn(6, 6, generator=draws(2)) + 3
    ours, theirs = principal_components(rows, 3), PCA(3).fit(rows.double().numpy())
    np.testing.assert_allclose(ours.out_of.abs(), np.abs(theirs.components_), atol=1e-5)
    np.testing.assert_allclose(
        ours.decode(ours.encode(rows)), theirs.inverse_transform(theirs.transform(rows.double().numpy())), atol=1e-4
    )
    torch.testing.assert_close(ours.out_of @ ours.out_of.T, torch.eye(3), atol=1e-5, rtol=0)
    with pytest.raises(ProfundoError, match="components"):
        principal_components(rows, 7)


def test_components_of_fewer_rows_than_features_are_those_of_scikit_learn_too():
    rows = torch.randn(12, 40, generator=draws(4)) * torch.linspace(1, 5, 40)
    ours, theirs = principal_components(rows, 5), PCA(5).fit(rows.double().numpy())
    np.testing.assert_allclose(ours.out_of.abs(), np.abs(theirs.components_), atol=1e-5)
    assert (ours.out_of.gather(1, ours.out_of.abs().argmax(1, keepdim=True)) > 0).all()
    assert principal_components(rows, 20).out_of.shape == (20, 40)


def test_all_components_give_the_rows_back():
    rows = torch.randn(20, 4, generator=draws(3))
    every = principal_components(rows, 4)
    torch.testing.assert_close(every.decode(every.encode(rows)), rows, atol=1e-5, rtol=0)


def test_roc_area_is_that_of_scikit_learn_ties_and_all():
    ordinary = torch.randint(0, 10, (50,), generator=draws(4)).float()
    strange = torch.randint(3, 13, (30,), generator=draws(5)).float()
    truth = [0] * 50 + [1] * 30
    assert roc_area(ordinary, strange) == pytest.approx(metrics.roc_auc_score(truth, torch.cat([ordinary, strange])))
    assert roc_area(ordinary, ordinary) == pytest.approx(0.5)
    assert roc_area(torch.tensor([1.0]), torch.tensor([2.0])) == 1
    with pytest.raises(ProfundoError, match="both kinds"):
        roc_area(ordinary, strange[:0])


@pytest.mark.parametrize(("share", "expected"), [(0.0, 100), (0.05, 95), (0.5, 50), (0.999, 1)])
def test_no_more_than_the_asked_share_lies_above_a_threshold(share, expected):
    ordinary = torch.arange(1.0, 101.0)[torch.randperm(100, generator=draws(6))]
    threshold = threshold_for(ordinary, share)
    assert threshold == expected
    assert (ordinary > threshold).double().mean().item() <= share


def test_classes_in_use_is_the_number_of_equally_frequent_ones():
    assert classes_in_use(torch.tensor([5, 5, 0, 5])) == pytest.approx(3)
    assert classes_in_use(torch.tensor([0, 7])) == pytest.approx(1)
    shares = np.array([0.5, 0.25, 0.25])
    assert classes_in_use(torch.tensor([2, 1, 1])) == pytest.approx(np.exp(-(shares * np.log(shares)).sum()))
    with pytest.raises(ProfundoError, match="at least one"):
        classes_in_use(torch.zeros(3))


def test_sure_share_counts_what_is_above_the_bound():
    assert sure_share(torch.tensor([[0.95, 0.05], [0.6, 0.4], [0.02, 0.98], [0.9, 0.1]])) == 0.5
    assert sure_share(torch.tensor([[0.95, 0.05], [0.6, 0.4]]), above=0.5) == 1


def test_reduced_rank_regression_of_rows_on_themselves_is_their_principal_components():
    rows = torch.randn(300, 6, generator=torch.Generator().manual_seed(0)) * torch.tensor([5.0, 4, 3, 2, 1, 0.5])
    linear, components = reduced_rank(rows, rows, 2, ridge=0.0), principal_components(rows, 2)
    torch.testing.assert_close(linear.decode(linear.encode(rows)), components.decode(components.encode(rows)))


def test_reduced_rank_regression_with_every_number_is_least_squares_and_with_fewer_no_map_of_that_rank_is_better():
    import numpy as np

    draw = torch.Generator().manual_seed(1)
    seen = torch.randn(400, 5, generator=draw, dtype=torch.float64)
    wanted = seen @ torch.randn(5, 4, generator=draw, dtype=torch.float64) + torch.randn(
        400, 4, generator=draw, dtype=torch.float64
    )
    whole = reduced_rank(seen, wanted, 4, ridge=0.0)
    columns = np.column_stack([seen.numpy(), np.ones(400)])
    expected = columns @ np.linalg.lstsq(columns, wanted.numpy(), rcond=None)[0]
    np.testing.assert_allclose(whole.decode(whole.encode(seen.float())).numpy(), expected, atol=1e-4)

    def error(linear):
        return (linear.decode(linear.encode(seen.float())) - wanted).square().mean().item()

    small = reduced_rank(seen, wanted, 2, ridge=0.0)
    for _ in range(50):
        step = 0.05 * torch.randn(5, 2, generator=draw)
        other = LinearCode(small.seen, small.made, small.into + step, small.out_of)
        assert error(other) > error(small)
