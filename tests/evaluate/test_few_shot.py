"""Few-shot accuracy, retrieval and verification against scikit-learn, chance and loops."""

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve
from sklearn.neighbors import NearestCentroid, NearestNeighbors

from profundo.evaluate.few_shot import episode, few_shot, nearest_mean
from profundo.evaluate.retrieval import mean_average_precision, nearest, precision_at
from profundo.evaluate.verification import verification
from profundo.records import ProfundoError


def clouds(classes=5, each=40, width=6, spread=1.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(classes).repeat_interleave(each) * 3 + 2  # labels need not count from 0
    centres = torch.randn(classes, width, generator=generator, dtype=torch.float64)
    noise = torch.randn(classes * each, width, generator=generator, dtype=torch.float64)
    return centres.repeat_interleave(each, 0) + spread * noise, labels


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_the_nearest_mean_is_scikit_learns_even_for_unequal_classes():
    rows, labels = clouds()
    support = torch.cat((torch.arange(30), torch.arange(80, 83), torch.arange(130, 170)))
    theirs = NearestCentroid().fit(rows[support].numpy(), labels[support].numpy())
    assert nearest_mean(rows[support], labels[support], rows).tolist() == theirs.predict(rows.numpy()).tolist()


def test_an_episode_has_different_samples_of_as_many_classes_as_asked():
    _, labels = clouds()
    draws = generator()
    for _ in range(10):
        support, asked = episode(labels, 3, 2, 7, draws)
        assert len(torch.cat((support, asked)).unique()) == 3 * 9
        for part, each in ((support, 2), (asked, 7)):
            assert labels[part].unique(return_counts=True)[1].tolist() == [each] * 3
        assert set(labels[support].tolist()) == set(labels[asked].tolist())


def test_embeddings_that_know_nothing_score_chance_within_the_standard_error():
    _, labels = clouds()
    noise = torch.randn(len(labels), 3, generator=generator(5))
    found = few_shot(noise, labels, 4, 1, generator(1), episodes=300)
    assert abs(found.mean - 0.25) < 4 * found.standard_error + 0.02  # the 200 samples are a chance draw themselves
    assert few_shot(*clouds(spread=1e-3), 5, 1, generator(), episodes=10).mean == 1


def test_the_standard_error_is_the_spread_of_repeated_estimates():
    rows, labels = clouds(spread=1.5)
    repeated = [few_shot(rows, labels, 3, 1, generator(seed), episodes=25) for seed in range(40)]
    spread = np.std([found.mean for found in repeated], ddof=1)
    claimed = np.mean([found.standard_error for found in repeated])
    assert 0.7 < spread / claimed < 1.4


def test_too_few_classes_or_samples_are_refused():
    rows, labels = clouds()
    for ways, shots in ((6, 1), (5, 30)):
        with pytest.raises(ProfundoError, match=f"expected {ways} classes"):
            few_shot(rows, labels, ways, shots, generator())


@pytest.mark.parametrize("skip_self", [False, True])
def test_search_finds_scikit_learns_neighbours(skip_self):
    rows, labels = clouds(each=300)
    found = nearest(rows, rows, 5, skip_self=skip_self)
    theirs = NearestNeighbors(n_neighbors=5).fit(rows.numpy())
    expected = theirs.kneighbors(None if skip_self else rows.numpy(), return_distance=False)
    assert np.array_equal(found.numpy(), expected)
    counted = np.mean([[labels[j] == labels[i] for j in row] for i, row in enumerate(expected)])
    assert precision_at(found, labels, labels) == pytest.approx(counted)


def test_more_neighbours_than_there_are_is_refused():
    with pytest.raises(ProfundoError, match="1 to 3 neighbours"):
        nearest(torch.zeros(4, 2), torch.zeros(4, 2), 4, skip_self=True)


@pytest.mark.parametrize("rounded", [False, True])
def test_verification_is_scikit_learns_curve_and_area(rounded):
    draws = generator(2)
    same = torch.rand(500, generator=draws) < 0.4
    distances = torch.randn(500, generator=draws) + 1.2 * ~same
    if rounded:
        distances = (3 * distances).round()  # many pairs at one distance
    found = verification(distances, same)
    mistaken, accepted, thresholds = roc_curve(same.numpy(), -distances.numpy(), drop_intermediate=False)
    assert found.area == pytest.approx(roc_auc_score(same.numpy(), -distances.numpy()))
    np.testing.assert_allclose(found.mistaken.numpy(), mistaken)
    np.testing.assert_allclose(found.accepted.numpy(), accepted)
    assert -found.threshold in thresholds
    errors = ((distances <= found.threshold) != same).double()
    assert found.equal_error_rate == pytest.approx((errors[same].mean() + errors[~same].mean()).item() / 2)


def test_verification_needs_pairs_of_both_kinds():
    with pytest.raises(ProfundoError, match="of one kind"):
        verification(torch.ones(3), torch.ones(3))


def test_mean_average_precision_is_scikit_learns_over_the_whole_ranking():
    draws = torch.Generator().manual_seed(0)
    likeness = torch.randn(6, 40, generator=draws)
    gallery, queries = torch.randint(0, 3, (40,), generator=draws), torch.tensor([0, 1, 2, 1, 0, 9])
    expected = [
        average_precision_score((gallery == label).numpy(), row.numpy())
        for row, label in zip(likeness, queries, strict=True)
        if (gallery == label).any()
    ]
    assert mean_average_precision(likeness, gallery, queries) == pytest.approx(sum(expected) / 5)
    with pytest.raises(ProfundoError, match="none has"):
        mean_average_precision(likeness, gallery, queries + 10)
