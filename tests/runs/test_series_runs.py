"""Series from a file to a report: trained, resumed to the same bits, predicted further, asked by nested lists."""

import math
from datetime import date, timedelta

import numpy as np
import pytest
import scipy.stats
import torch

from commands import Trouble, bits, profundo
from profundo.evaluate.conformal import margins
from profundo.evaluate.kinds.forecasts import seasonal_naive
from profundo.evaluate.scores import Answers
from profundo.records import Forecast, Inputs, ProfundoError, Spec, Targets
from profundo.runs.experiment import new_experiment
from profundo.runs.supervised import open_run, train
from profundo.use.predicting import BadInputError, predict_files, predictor


@pytest.fixture(scope="module")
def sales(tmp_path_factory):
    """(run, its table): a season of 7 days with noise of deviation 0.5."""
    folder = tmp_path_factory.mktemp("sales")
    draw = np.random.default_rng(0)
    rows = [
        f"{date(2023, 1, 1) + timedelta(days=at)},{20 + 5 * math.sin(2 * math.pi * at / 7) + draw.normal(0, 0.5):.3f}"
        for at in range(260)
    ]
    path = folder / "sales.csv"
    path.write_text("\n".join(["day,sold", *rows]) + "\n", "utf-8")
    experiment = new_experiment(data=str(path), target="sold", horizon=3, epochs=2, log=None)
    return train(experiment, out=folder / "run"), path


def test_a_forecast_is_near_the_noise_and_better_than_the_season_again(sales):
    run, _ = sales
    assert run.scores.baseline_name == "seasonal naive"
    assert run.scores.values["RMSE"] < 0.65
    assert run.scores.values["RMSE"] < run.scores.baseline["RMSE"]  # the noise of two days: 0.71
    assert [step.name for step in run.scores.steps] == ["t+1", "t+2", "t+3"]
    assert 0.7 < np.mean([step.held for step in run.scores.steps]) <= 1


def test_it_goes_on_after_the_last_row_with_times_and_intervals(sales):
    run, path = sales
    (told,) = predict_files(run.folder.path, [path])
    assert told["times"] == ["2023-09-18", "2023-09-19", "2023-09-20"]
    truth = [20 + 5 * math.sin(2 * math.pi * at / 7) for at in (260, 261, 262)]
    np.testing.assert_allclose(told["prediction"], truth, atol=1.5)
    assert all(low < one < high for low, one, high in zip(told["low"], told["prediction"], told["high"], strict=True))
    ready = predictor(run.folder.path)
    rows = [dict(zip(("day", "sold"), line.split(","), strict=True)) for line in path.read_text().splitlines()[1:]]
    np.testing.assert_allclose(ready.rows(rows)[0]["prediction"], told["prediction"])
    with pytest.raises(BadInputError, match="expected 14 steps of 1 day or more to look back on, got 5"):
        ready.rows(rows[:5])
    with pytest.raises(BadInputError, match="row 2: column 'sold': expected a number, got 'many'"):
        ready.rows([rows[0], {**rows[1], "sold": "many"}])


def test_a_finished_forecast_opens_with_its_intervals_and_shows_them(sales):
    run, _ = sales
    again = open_run(run.folder.path)
    assert again.data.spec.targets.margins == run.data.spec.targets.margins
    assert again.scores.steps == run.scores.steps
    page = run.folder.report.read_text("utf-8")
    assert "Error by step of the horizon" in page
    assert "The latest test window" in page


def test_margins_are_quantiles_of_what_is_missing_to_the_truth():
    truth = torch.arange(99.0)[:, None]
    outputs = Answers(torch.zeros(99, 1), truth, torch.zeros(99))
    assert margins(outputs, Targets("real")) == ((4.0, 94.0),)  # the 5th smallest and largest of 99


def test_intervals_of_few_or_overlapping_windows_hold_what_they_promise():
    """Of normal errors 9 of 10 further ones, as far as so few can know; windows that overlap count as those that do not."""
    draw = torch.Generator().manual_seed(0)
    held = []
    for _ in range(2000):
        errors = torch.randn(7, generator=draw, dtype=torch.float64)
        ((low, high),) = margins(Answers(torch.zeros(6, 1), errors[:6, None], torch.zeros(6)), Targets("real"))
        held.append(low <= errors[6] <= high)
    assert 0.88 < sum(held) / len(held) < 0.92
    walk = torch.randn(400, generator=draw, dtype=torch.float64).cumsum(0)
    overlapping = walk.unfold(0, 12, 1)[:60]
    ends = margins(Answers(torch.zeros(60, 12), overlapping, torch.zeros(60)), Targets("real"), 12)
    t = scipy.stats.t.ppf(0.95, 4)
    np.testing.assert_allclose([high - low for low, high in ends], 2 * t * 1.2**0.5 * overlapping.std(0), rtol=1e-9)
    alone = margins(Answers(torch.zeros(1, 2), torch.tensor([[3.0, -1.0]]), torch.zeros(1)), Targets("real"), 2)
    assert all(low < error < high for (low, high), error in zip(alone, (3, -1), strict=True))


def test_the_season_again_repeats_the_last_values():
    forecast = Forecast(5, "y", "t", season=3)
    spec = Spec(Inputs((1, 4), "series", forecast=forecast), Targets("real", names=tuple("abcde")))
    assert seasonal_naive(torch.tensor([[[9.0, 1, 2, 3]]]), spec).tolist() == [[1, 2, 3, 1, 2]]


def test_labelled_series_are_told_apart_and_asked_by_nested_lists(tmp_path):
    draw = np.random.default_rng(0)
    labels = np.arange(60) % 2
    waves = np.sin(np.arange(40) * (0.3 + 0.5 * labels[:, None])) + draw.normal(0, 0.2, (60, 40))
    np.savez(tmp_path / "waves.npz", x=waves[:, None], y=labels)
    options = {"net_options": {"features": 400}, "epochs": 2}
    run = train(new_experiment(data=str(tmp_path / "waves.npz"), **options), out=tmp_path / "run")
    assert run.experiment.net == "rocket"
    assert run.scores.values["accuracy"] > 0.9
    assert "Training series of class 1" in run.folder.report.read_text("utf-8")
    ready = predictor(tmp_path / "run")
    holed = [None, *waves[1, 1:].tolist()]
    answers = ready.arrays([[waves[0].tolist()], [holed]])
    assert [one["prediction"] for one in answers] == ["0", "1"]
    assert "1 missing values" in answers[1]["notices"][0]
    with pytest.raises(BadInputError, match="series 1: expected 1 × 40 numbers, got 1 × 3"):
        ready.arrays([[[1, 2, 3]]])
    with pytest.raises(BadInputError, match="all of one depth and length"):
        ready.arrays([[[1, 2], 3]])
    with pytest.raises(ProfundoError, match="expected series, its net takes no rows"):
        ready.rows([{"a": 1}])


@pytest.mark.slow
def test_a_training_that_died_goes_on_to_the_same_bits(sales, tmp_path):
    """Its net begins where a formula ends: a resumed one must go on from what was saved, not begin there anew."""
    asked = ["train", str(sales[1]), "--target", "sold", "--horizon", "3", "--epochs", "2", "--checkpoint-seconds", "0"]
    assert profundo(tmp_path, *asked, "--out", "whole").wait().code == 0
    assert profundo(tmp_path, *asked, "--out", "died", trouble=Trouble(exit_at=40)).wait().code == 75
    assert len(list((tmp_path / "died/checkpoints").glob("0*"))) > 0
    assert profundo(tmp_path, "resume", "died").wait().code == 0
    assert bits(tmp_path / "died") == bits(tmp_path / "whole")
