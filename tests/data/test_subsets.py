"""Some classes, a few of each: counted and compared with the samples they come from."""

import pytest
import torch

from profundo.data import load
from profundo.data.splits.subsets import few, only_classes
from profundo.records import ProfundoError, Samples


@pytest.fixture(scope="module")
def digits():
    return load("digits")


def test_only_the_classes_asked_for_are_left_and_are_numbered_anew(digits):
    found = only_classes(digits, [7, 2])
    assert found.spec.targets.classes == ("7", "2")
    for name in ("train", "validation", "test"):
        before, after = getattr(digits, name), getattr(found, name)
        kept = [t for t in before.targets.tolist() if t in (7, 2)]
        assert after.targets.tolist() == [[7, 2].index(t) for t in kept]
        assert after.inputs.equal(before.inputs[(before.targets == 7) | (before.targets == 2)])


def test_mean_and_deviation_are_those_of_what_is_left(digits):
    found = only_classes(digits, range(5))
    values = found.train.inputs.double()
    assert found.spec.inputs.mean[0] == pytest.approx(values.mean().item())
    assert found.spec.inputs.std[0] == pytest.approx(values.std(correction=0).item())


def test_few_of_each_class_and_none_twice(digits):
    samples = Samples(torch.arange(len(digits.train)), digits.train.targets)
    drawn = few(samples, 12, torch.Generator().manual_seed(4))
    assert torch.bincount(drawn.targets).tolist() == [12] * 10
    assert len(set(drawn.inputs.tolist())) == 120
    assert digits.train.targets[drawn.inputs].equal(drawn.targets)


def test_few_depends_on_the_generator_alone(digits):
    one, same, other = (few(digits.train, 3, torch.Generator().manual_seed(seed)).inputs for seed in (0, 0, 1))
    assert one.equal(same)
    assert not one.equal(other)


def test_too_few_are_explained(digits):
    with pytest.raises(ProfundoError, match="class 0: expected at least 500 samples"):
        few(digits.train, 500, torch.Generator())
