"""Precision and recall of sets against places on a line, written-out definitions, and what any of them must hold."""

import pytest
import torch

from profundo.evaluate import manifolds
from profundo.evaluate.manifolds import precision_and_recall
from profundo.records import ProfundoError


def by_definition(made: list[list[float]], real: list[list[float]], k: int) -> tuple[float, float]:
    """Equations 1 and 2, one sample at a time."""

    def apart(a, b):
        return sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) ** 0.5

    def share(asked, others):
        radii = [sorted(apart(one, two) for two in others)[k] for one in others]  # the nearest is the sample itself
        held = [any(apart(a, one) <= r for one, r in zip(others, radii, strict=True)) for a in asked]
        return sum(held) / len(held)

    return share(made, real), share(real, made)


def test_on_a_line_the_spheres_are_intervals():
    real = torch.tensor([[0.0], [1.0], [2.0], [10.0]])  # with one neighbour they reach 1, 1, 1 and 8 far
    made = torch.tensor([[-0.5], [3.5], [-1.5], [20.0]])  # 1, 4, 1 and 16.5
    assert precision_and_recall(made, real, 1) == (0.5, 1.0)


@pytest.mark.parametrize(("size", "k"), [(1, 1), (2, 3), (5, 2)])
def test_it_is_what_the_definition_says_sample_by_sample(size, k, monkeypatch):
    monkeypatch.setattr(manifolds, "AT_ONCE", 7)
    generator = torch.Generator().manual_seed(size)
    made = torch.randn(20, size, generator=generator) * 1.3 + 0.5
    real = torch.randn(25, size, generator=generator)
    found = precision_and_recall(made, real, k)
    assert found == pytest.approx(by_definition(made.tolist(), real.tolist(), k))
    assert min(found) < 1


def test_a_set_has_all_of_itself_and_nothing_of_one_far_away():
    real = torch.randn(40, 3)
    assert precision_and_recall(real, real) == (1.0, 1.0)
    assert precision_and_recall(real + 100, real) == (0.0, 0.0)


def test_one_good_image_many_times_has_precision_without_recall():
    real = torch.randn(40, 3)
    precision, recall = precision_and_recall(real[:1].repeat(40, 1), real)
    assert precision == 1.0
    assert recall <= 1 / 40


def test_real_things_amid_noise_are_recalled_but_not_precise():
    real = torch.randn(40, 3)
    noise = 50 + 100 * torch.arange(40.0)[:, None].expand(40, 3)
    precision, recall = precision_and_recall(torch.cat([real, noise]), real)
    assert precision == pytest.approx(0.5)
    assert recall == 1.0


@pytest.mark.parametrize(
    ("made", "real", "k"), [((5, 2), (5, 3), 1), ((3, 2), (9, 2), 3), ((9, 2), (9, 2), 0), ((9,), (9,), 1)]
)
def test_sets_that_cannot_be_compared_are_refused(made, real, k):
    with pytest.raises(ProfundoError, match="precision and recall: expected"):
        precision_and_recall(torch.zeros(made), torch.zeros(real), k)
