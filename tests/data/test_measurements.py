"""Generated measurements have the means and spreads that they declare; whole splits come as one batch."""

import pytest
import torch

from profundo.data import load
from profundo.data.full_batch import Whole, whole
from profundo.data.sets.known_functions import arcsine, spread_out, truth, uniform, with_noise
from profundo.data.sets.measurements import MEASURED, measured
from profundo.evaluate.separation import margin


@pytest.mark.parametrize("name", MEASURED)
def test_each_kind_has_its_mean_and_its_spread(name):
    found = measured(name)
    assert found.inputs.names == MEASURED[name][0]
    for label, kind in enumerate(MEASURED[name][1]):
        rows = found.train.inputs[found.train.targets == label]
        assert len(rows) == 50
        for at in range(2):
            assert rows[:, at].mean().item() == pytest.approx(kind.mean[at], abs=3.5 * kind.spread[at] / 50**0.5)
            assert rows[:, at].std().item() == pytest.approx(kind.spread[at], rel=0.35)


@pytest.mark.parametrize("name", MEASURED)
def test_a_line_separates_the_two_kinds(name):
    found = measured(name).train
    standard = (found.inputs - found.inputs.mean(0)) / found.inputs.std(0)
    assert margin(standard, found.targets) > 0.02


@pytest.mark.parametrize("name", MEASURED)
def test_measurements_are_loaded_by_name_alike_every_time(name):
    first, second = load(name), load(name)
    assert torch.equal(first.train.inputs, second.train.inputs)
    assert first.spec.targets.classes == tuple(kind.name for kind in MEASURED[name][1])
    assert [len(split) for split in (first.train, first.validation, first.test)] == [70, 10, 20]


def test_a_whole_split_is_one_standardised_batch_in_its_own_order():
    data = load("fish")
    batch = whole(data.train, data.spec)
    assert batch.total == len(batch.inputs) == 70
    assert torch.equal(batch.targets, data.train.targets)
    assert batch.inputs.mean(0).abs().max() < 1e-5


def test_whole_batches_come_as_often_as_asked_and_less_what_was_done():
    batches = Whole(torch.ones(3, 2), torch.zeros(3), updates=5)
    assert len(batches) == len(list(batches.epoch(0))) == 5
    assert len(list(batches.epoch(7, skip=3))) == 2
    assert next(iter(batches.epoch(0))).total == 3


def test_places_and_noise_have_the_distributions_they_are_named_after():
    draw = torch.Generator().manual_seed(0)
    even, ends = uniform((100_000,), draw), arcsine((100_000,), draw)
    assert float(even.var()) == pytest.approx(1 / 3, rel=0.02)
    assert float(ends.var()) == pytest.approx(1 / 2, rel=0.02)
    assert float(ends.abs().max()) <= 1
    noise = with_noise(even, 0.3, draw) - truth(even)
    assert float(noise.std()) == pytest.approx(0.3, rel=0.02)
    assert float(truth(torch.tensor(0.25))) == pytest.approx(1.0)


def test_places_that_are_spread_out_have_one_in_each_equally_likely_interval():
    places = spread_out((50, 8), torch.Generator().manual_seed(1))
    cells = (8 * torch.acos(places) / torch.pi).floor()
    assert torch.equal(cells, torch.arange(8.0, dtype=torch.float64).expand(50, 8))
    assert float(places.var()) == pytest.approx(1 / 2, rel=0.02), "the density is that of arcsine"
