"""Intervals about predictions, by what split conformal prediction promises and by how many truths they hold."""

import math

import pytest
import scipy.stats
import torch

import profundo as pf
from profundo.data.new_inputs import Entry
from profundo.evaluate.conformal import LEVEL, ends, inside, margins
from profundo.evaluate.scores import Answers
from profundo.records import Targets, Transform
from profundo.runs import scoring
from profundo.use.predicting import predictor

LOG = Targets("real", transforms=(Transform("log", shift=1.0, least=0.0),))


def of(errors):
    return Answers(torch.zeros(len(errors), 1), errors[:, None], torch.zeros(len(errors)))


def test_intervals_hold_as_many_as_the_order_statistics_of_any_distribution_do():
    """k of n errors left out on each side: coverage is Beta(n + 1 − 2k, 2k) over draws of the validation split (Vovk 2012)."""
    draw = torch.Generator().manual_seed(0)
    held = []
    for _ in range(400):
        errors = torch.rand(59, generator=draw, dtype=torch.float64) ** 3  # skewed, and no more normal than that
        found = Targets("real", margins=margins(of(errors), Targets("real")))
        held.append(float(inside(of(torch.rand(200, generator=draw, dtype=torch.float64) ** 3), found).double().mean()))
    wanted = scipy.stats.beta(60 - 6, 6)
    assert wanted.mean() == LEVEL
    assert sum(held) / len(held) == pytest.approx(wanted.mean(), abs=4 * wanted.std() / math.sqrt(400) + 0.002)


def test_an_interval_of_a_target_learned_by_its_logarithm_grows_with_it():
    said = torch.logspace(1, 4, 99, dtype=torch.float64)[:, None]
    factors = torch.linspace(-1, 1, 99, dtype=torch.float64)[:, None].exp()
    ((below, above),) = edges = margins(Answers(said, (said + 1) * factors - 1, torch.zeros(99)), LOG)
    assert (below, above) == pytest.approx((-45 / 49, 45 / 49))  # the 5th smallest and largest of 99
    low, high = ends(torch.tensor([[10.0], [1000.0]]), Targets("real", transforms=LOG.transforms, margins=edges))
    torch.testing.assert_close((low + 1).log(), torch.tensor([[11.0], [1001.0]]).double().log() + below)
    torch.testing.assert_close((high + 1).log(), torch.tensor([[11.0], [1001.0]]).double().log() + above)


def test_errors_that_are_no_numbers_give_no_interval():
    assert margins(of(torch.tensor([1.0, math.nan, 2.0])), Targets("real")) == ()


def test_a_number_is_predicted_with_its_interval_everywhere(tmp_path):
    run = pf.fit("mlp", "diabetes", epochs=3, out=tmp_path / "run", capture=False, seed=0)
    validation = run.data.validation
    ready = predictor(run.folder.path)
    records = ready.described([Entry("row", row) for row in validation.inputs])
    truth = validation.targets.flatten().tolist()
    kept = [one["low"] - 1e-3 <= value <= one["high"] + 1e-3 for one, value in zip(records, truth, strict=True)]
    count = len(kept)
    assert sum(kept) == count - 2 * int((count + 1) * 0.05 + 1e-9) + 2  # the ends are errors themselves
    assert pf.open_run(run.folder.path).data.spec.targets.margins == run.data.spec.targets.margins


def test_what_a_run_says_about_its_validation_split_is_computed_once(tmp_path, monkeypatch):
    asked, usual = [], scoring.answers_to
    monkeypatch.setattr(scoring, "answers_to", lambda *given, **how: asked.append(given[2]) or usual(*given, **how))
    run = pf.fit("mlp", "diabetes", epochs=1, out=tmp_path / "run", doctor=False)
    assert (tmp_path / "run" / "report.html").exists()
    assert [len(split) for split in asked if split is run.data.validation] == [len(run.data.validation)]
    assert torch.equal(run.held.predictions, scoring.answers_held_out(run.net, run.data, run.experiment).predictions)


def test_beside_a_linear_model_stand_the_same_samples_of_the_validation_split_and_no_more_than_asked():
    run = pf.fit("mlp", "diabetes", epochs=1, out=False, doctor=False)
    whole = run.data.validation.targets
    for most in (1, 7, 10_000):
        ours, theirs = scoring.answers_beside(run.net, run.data, run.experiment, torch.nn.Linear(10, 1), most=most)
        assert torch.equal(ours.targets, theirs.targets)
        assert len(ours.costs) == min(most, len(whole))
        assert torch.isin(ours.targets.round(), whole.double()).all()  # whole numbers, to float32 and back
