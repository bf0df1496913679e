"""Siamese and triplet recipes at quick sizes: they learn a distance, judge it on unseen classes, and compare pictures."""

import numpy as np
import pytest
import torch
from PIL import Image

from profundo.data import load
from profundo.recipes.metric_learning import parts_of
from profundo.recipes.recipe_run import run_recipe
from profundo.recipes.zoo.triplet import mined_cost
from profundo.records import ProfundoError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def runs():
    made = {}

    def run_of(name, **given):
        key = name, *given.items()
        if key not in made:
            made[key] = run_recipe(name, {"pictured": 20, "epochs": 4, **given}, quick=True, out=False)
        return made[key]

    return run_of


RECIPES = pytest.mark.parametrize("name", ["siamese", "triplet"])


@RECIPES
def test_training_lowers_the_loss_and_tells_unseen_classes_apart_above_chance(name, runs):
    run = runs(name)
    losses = run.trainings["training"].history["loss"]
    assert losses[-1] < 0.6 * losses[0]
    scores = run.outcome.scores
    assert scores["accuracy, 3 unseen classes, 1 shot"] > 0.45
    assert scores["accuracy, 3 unseen classes, 5 shots"] > scores["accuracy, 3 unseen classes, 1 shot"]
    assert scores["area under ROC"] > 0.6


def test_unseen_classes_are_in_no_training_or_validation_sample():
    parts = parts_of(load("digits"), 3)
    assert parts.train.targets.unique().tolist() == parts.validation.targets.unique().tolist() == list(range(7))
    assert parts.unseen.targets.unique().tolist() == [7, 8, 9]
    assert parts.test.targets.unique().tolist() == list(range(10))


@pytest.mark.parametrize("unseen", [1, 9])
def test_too_few_classes_on_either_side_are_refused(unseen):
    with pytest.raises(ProfundoError, match="expected 2 to 8"):
        parts_of(load("digits"), unseen)


@RECIPES
def test_pictures_are_compared_two_by_two_and_a_copy_is_at_distance_zero(name, runs, tmp_path):
    digits = load("digits").test.inputs[:2, 0].numpy()
    files = []
    for label, pixels in (("one", digits[0]), ("copy", digits[0]), ("other", digits[1])):
        files.append(tmp_path / f"{label}.png")
        Image.fromarray(pixels.astype(np.uint8)).save(files[-1])
    said = runs(name).predict(files)
    assert [one["input"].count(str(tmp_path)) for one in said] == [2, 2, 2]
    assert said[0]["distance"] == pytest.approx(0, abs=1e-6)
    assert said[0]["same"] is True
    assert said[1]["distance"] == pytest.approx(said[2]["distance"])
    assert said[1]["distance"] > 0
    with pytest.raises(ProfundoError, match="two pictures or more"):
        runs(name).predict(files[:1])


def test_both_kinds_of_mining_train(runs):
    for mining in ("hard", "semi-hard"):
        losses = runs("triplet", mining=mining).trainings["training"].history["loss"]
        assert losses[-1] < losses[0]


def test_hard_mining_costs_more_than_semi_hard_on_the_sphere_of_one_batch():
    rows = torch.nn.functional.normalize(torch.randn(20, 4, generator=torch.Generator().manual_seed(0)), dim=1)
    labels = torch.arange(20) % 5
    assert mined_cost(rows, labels, "hard", 0.2).mean() > mined_cost(rows, labels, "semi-hard", 0.2).mean()


def test_embeddings_on_the_sphere_have_distances_below_two(runs, tmp_path):
    run = runs("siamese", sphere=True, margin=1.0)
    images = load("digits").test.inputs[:8, 0].numpy()
    files = []
    for number, pixels in enumerate(images):
        files.append(tmp_path / f"{number}.png")
        Image.fromarray(pixels.astype(np.uint8)).save(files[-1])
    assert all(0 <= one["distance"] <= 2 for one in run.predict(files))
