"""The recipes of single neurons show what their authors claimed, and what they could not do."""

import math
from functools import cache

import pytest
import torch

from profundo.data import load
from profundo.data.full_batch import whole
from profundo.recipes.recipe_run import run_recipe
from profundo.records import ProfundoError


def test_hand_set_units_have_every_row_of_their_truth_tables_right():
    run = run_recipe("threshold", out=False)
    assert run.outcome.scores == {"accuracy": 1.0}
    tables = {exhibit.title: exhibit.rows for exhibit in run.exhibits if exhibit.kind == "table"}
    assert [row[-1] for row in tables["XOR"]] == ["0", "1", "1", "0"]
    assert all(row[-1] == row[-2] for rows in tables.values() for row in rows)


@pytest.mark.parametrize(("data", "seed"), [("apples", 0), ("fish", 1)])
def test_perceptron_separates_what_can_be_separated_within_novikoffs_bound(data, seed):
    run = run_recipe("perceptron", {"data": data, "epochs": 25}, seed=seed, out=False)
    scores = run.outcome.scores
    assert 0 < scores["mistakes while learning"] <= scores["Novikoff bound on the mistakes"]
    assert scores["epochs with mistakes"] < 25
    training = load(data, seed=seed)
    batch = whole(training.train, training.spec)
    said = run.outcome.networks["neuron"](batch.inputs).squeeze(1) > 0
    assert (said == batch.targets.bool()).all()
    assert scores["accuracy"] >= 0.9


def test_perceptron_makes_mistakes_in_every_epoch_of_xor_and_has_no_bound():
    run = run_recipe("perceptron", {"data": "xor", "epochs": 12}, out=False)
    assert min(run.trainings["training"].history["loss"]) > 0
    assert run.outcome.scores["accuracy"] <= 0.75
    assert not any("Novikoff" in name for name in run.outcome.scores)


def test_perceptron_is_filmed_before_training_and_after_each_epoch():
    frames = run_recipe("perceptron", {"epochs": 3}, out=False).trainings["training"].frames
    assert frames is not None
    assert len(frames) == 4
    assert not torch.equal(frames[0], frames[1])


def test_adaline_descends_to_the_least_squares_of_scikit_learn():
    from sklearn.linear_model import LinearRegression

    run = run_recipe("adaline", {"epochs": 60}, out=False)
    data = load("diabetes")
    training = whole(data.train, data.spec)
    exact = LinearRegression().fit(training.inputs.numpy(), training.targets.numpy())
    neuron = run.outcome.networks["neuron"]
    best = float(((exact.predict(training.inputs.numpy()) - training.targets.numpy()) ** 2).mean())
    with torch.no_grad():
        reached = (neuron(training.inputs) - training.targets).square().mean().item()
    assert reached == pytest.approx(best, rel=1e-3)
    assert run.outcome.scores["training error above least squares"] == pytest.approx(reached - best, abs=1e-5)
    assert run.outcome.scores["test RMSE"] < run.outcome.baseline["test RMSE"]


def test_perceptron_names_the_kind_of_each_row_of_a_csv(tmp_path):
    run = run_recipe("perceptron", {"epochs": 25}, out=False)
    table = tmp_path / "fruit.csv"
    table.write_text("redness,weight (g)\n0.66,150\n0.32,195\n")
    assert [row["prediction"] for row in run.predict([table])] == ["apple", "orange"]


def test_adaline_predicts_in_the_units_of_the_target(tmp_path):
    run = run_recipe("adaline", quick=True, out=False)
    data = load("diabetes")
    table = tmp_path / "patients.csv"
    mean = ",".join(map(str, data.spec.inputs.mean))
    table.write_text(",".join(data.spec.inputs.names) + f"\n{mean}\n")
    (row,) = run.predict([table])
    assert row["prediction"] == pytest.approx(data.spec.targets.mean[0], rel=0.1), "at the mean of the inputs"


@cache
def xor(seed):
    return run_recipe("xor", quick=True, seed=seed, out=False)


@pytest.mark.parametrize("seed", [0, 1])
def test_one_neuron_fails_at_xor_and_a_hidden_layer_solves_it(seed):
    scores = xor(seed).outcome.scores
    assert scores["accuracy, one neuron, XOR"] <= 0.75
    assert scores["accuracy, hidden layer, XOR"] == 1
    assert scores["accuracy, one neuron, OR"] == scores["accuracy, hidden layer, OR"] == 1


def test_one_neuron_on_xor_ends_at_the_cost_of_guessing():
    run = xor(0)
    assert run.trainings["one neuron, XOR"].history["loss"][-1] == pytest.approx(math.log(2), abs=1e-3)
    assert run.trainings["hidden layer, XOR"].history["loss"][-1] < 0.1


def test_wider_layers_come_nearer_to_each_of_the_three_functions():
    narrow = run_recipe("universal-approximation", {"widths": [1], "nets": 2, "epochs": 6}, out=False).outcome
    wide = run_recipe("universal-approximation", {"widths": [32], "nets": 2, "epochs": 6}, out=False).outcome
    for name in ("wave", "zigzag", "chirp"):
        error = wide.scores[f"RMSE of {name}, width 32"]
        assert error < 0.5 * narrow.scores[f"RMSE of {name}, width 1"]
        assert error < 0.5 * wide.baseline[f"RMSE of {name}, width 32"]


def test_x_is_most_like_b():
    run = run_recipe("similarity", out=False)
    assert [round(value, 3) for value in run.outcome.scores.values()] == [0.951, 0.982, -1.0]
    assert "most like B" in run.outcome.conclusion


def test_vectors_without_a_direction_or_of_different_lengths_are_refused():
    with pytest.raises(ProfundoError, match="none of them all zeros"):
        run_recipe("similarity", {"a": [0, 0, 0]}, out=False)
    with pytest.raises(ProfundoError, match="one length"):
        run_recipe("similarity", {"b": [1.0, 2.0]}, out=False)
