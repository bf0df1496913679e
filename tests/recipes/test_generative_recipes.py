"""Autoencoders and adversarial nets at small sizes: what must hold of a method before its figures mean anything."""

import json
from dataclasses import replace

import pytest
import torch
from PIL import Image

from profundo.data import load
from profundo.data.batches import batches
from profundo.data.standard import intensities, ranged, standardize
from profundo.recipes.adversaries import Stretches, make
from profundo.recipes.judging import ImageJudge
from profundo.recipes.recipe import settle
from profundo.recipes.recipe_run import run_recipe
from profundo.recipes.zoo import anomaly, autoencoder, wgan_gp
from profundo.records import ProfundoError

ADVERSARIAL = ["gan", "dcgan", "wgan-gp"]


@pytest.fixture(scope="module")
def cooked():
    """(name, settings) → its quick run, made once; on the digits that come with scikit-learn."""
    made = {}

    def run_of(name, **given):
        key = name, json.dumps(given, sort_keys=True)
        if key not in made:
            made[key] = run_recipe(name, given, quick=True, out=False)
        return made[key]

    return run_of


def column(run, table: str, name: str) -> list[str]:
    found = next(exhibit for exhibit in run.exhibits if exhibit.title == table)
    return [row[list(found.columns).index(name)] for row in found.rows]


@pytest.mark.slow
@pytest.mark.parametrize("name", ADVERSARIAL)
def test_training_brings_made_digits_nearer_to_real_ones(name, cooked):
    run = cooked(name)
    assert run.outcome.scores["Fréchet distance"] < run.outcome.baseline["Fréchet distance"]
    made, _, floor, itself = (
        float(value.replace(",", "")) for value in column(run, "What the classifier says", "Fréchet distance")
    )
    assert itself == pytest.approx(0, abs=1e-3)
    assert floor < made


@pytest.mark.slow
@pytest.mark.parametrize("name", ADVERSARIAL)
def test_new_digits_differ_from_each_other_and_by_seed_alone(name, cooked):
    run = cooked(name)
    (shown,), (again,), (other,) = (run.generate(12, seed=seed) for seed in (3, 3, 4))
    assert shown.images.shape == (12, 1, 8, 8)
    assert torch.equal(shown.images, again.images)
    assert not torch.equal(shown.images, other.images)
    assert len({tuple(image.flatten().tolist()) for image in shown.images}) == 12


@pytest.mark.slow
def test_a_film_has_a_frame_before_training_and_one_after_each_epoch(cooked):
    run = cooked("gan")
    frames = run.trainings["training"].frames
    assert len(frames) == 1 + run.request.settings.epochs
    assert not torch.equal(frames[0], frames[-1])


@pytest.mark.slow
def test_the_critics_slope_stays_near_one_where_the_penalty_asks_for_it(cooked):
    free, held = (cooked("wgan-gp", **weight).trainings["training"].history for weight in ({"penalty": 1e-6}, {}))
    assert held["penalty"][-1] < 0.1
    assert free["penalty"][-1] > 3 * held["penalty"][-1]
    for history in (free, held):
        assert history["discriminator"][-1] < 0


def test_the_cost_of_a_critic_is_penalty_less_distance():
    torch.manual_seed(0)
    real, made = torch.randn(2, 5, 1, 2, 2)
    slope = torch.full((4,), 1.5, requires_grad=True)  # of norm 3, everywhere
    found = wgan_gp.costs(10.0)(lambda images: images.flatten(1) @ slope, real, made)
    distance = 1.5 * (real.sum() - made.sum()) / 5
    torch.testing.assert_close(found["distance"], distance)
    torch.testing.assert_close(found["penalty"], torch.tensor(4.0))
    torch.testing.assert_close(found["discriminator"], 40 - distance)


@pytest.mark.parametrize(("low", "least"), [(0.0, 0.0), (-1.0, -1.0)])
def test_real_images_are_given_in_the_range_of_made_ones_and_made_ones_come_back_as_bytes(low, least):
    spec = ranged(load("digits").spec, low)
    every = torch.arange(256, dtype=torch.uint8).view(4, 1, 8, 8)
    seen = standardize(every, spec.inputs)
    assert (seen.min().item(), seen.max().item()) == pytest.approx((least, 1.0))

    class Same(torch.nn.Linear):
        def forward(self, noise):
            return noise

    assert torch.equal(make(Same(1, 1), seen, low), every)


@pytest.mark.parametrize("length", [2, 3, 5, 11])
def test_stretches_of_an_epoch_are_the_batches_in_their_order_wherever_one_begins(length):
    whole = batches(load("digits").train, load("digits").spec, 300)
    assert len(whole) == 4
    every = [batch.targets for turn in range(8) for batch in whole.epoch(turn)]
    stretches = Stretches(whole, length)
    assert len(stretches) == length
    for epoch in range(2):
        for skip in range(length):
            seen = [batch.targets for batch in stretches.epoch(epoch, skip)]
            expected = every[epoch * length + skip : (epoch + 1) * length]
            assert [found.tolist() for found in seen] == [wanted.tolist() for wanted in expected]


def test_rows_are_refused_where_images_are_needed():
    with pytest.raises(ProfundoError, match="expected images"):
        ranged(load("iris").spec, 0.0)


def test_a_classifier_finds_the_real_digits_at_no_distance_from_themselves():
    from profundo.nets import fast_cnn

    data = load("digits")
    torch.manual_seed(0)
    found = ImageJudge(fast_cnn(data.spec), data, torch.device("cpu"))(data.test.inputs)
    assert found.distance == pytest.approx(0, abs=1e-3)
    assert 1 <= found.in_use <= 10


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["plain", "denoising", "convolutional"])
def test_an_autoencoder_beats_the_mean_picture(kind, cooked):
    run = cooked("autoencoder", kind=kind, epochs=20)
    errors = [float(value) for value in column(run, "Errors", "MSE")]
    assert errors[0] == pytest.approx(run.outcome.scores["MSE"], rel=1e-2)
    assert errors[0] < 0.85 * errors[2]  # the mean training picture
    assert run.trainings["training"].history["loss"][-1] < run.trainings["training"].history["loss"][0]


@pytest.mark.slow
def test_principal_components_are_the_best_linear_code(cooked):
    """A deeper net needs more training than a quick run has; but no linear code has a smaller error on what it was fitted to."""
    run = cooked("autoencoder", kind="plain", epochs=20)
    data = load("digits")
    rows = intensities(data.train, data.spec).flatten(1)
    variances = torch.linalg.eigvalsh(torch.cov(rows.double().T, correction=0)).flip(0)
    left = variances[run.request.settings.code :].sum().item() / rows.shape[1]
    assert run.outcome.baseline["MSE"] == pytest.approx(left, rel=0.15)  # unseen digits, so not quite the same


def test_masks_blacken_the_asked_share_of_pixels_and_nothing_else():
    pictures = torch.rand(50, 1, 8, 8) + 0.1
    seen = autoencoder.masked(pictures, 0.3, torch.Generator().manual_seed(0))
    black = seen == 0
    assert black.float().mean().item() == pytest.approx(0.3, abs=0.03)
    assert torch.equal(seen[~black], pictures[~black])
    assert autoencoder.masked(pictures, 0.0) is pictures


@pytest.mark.slow
def test_a_digit_that_training_never_saw_is_told_by_its_error(cooked):
    run = cooked("anomaly", digit=4, epochs=20)
    scores = run.outcome.scores
    assert scores["ROC area"] > 0.8
    assert scores["caught"] > 3 * scores["false alarms"]
    assert scores["false alarms"] < 0.12  # asked: 0.05 of the validation part


def test_the_held_out_digit_is_in_no_training_batch():
    data = load("digits")
    assert set(anomaly.without(data.train, 3).targets.tolist()) == set(range(10)) - {3}


@pytest.mark.slow
def test_files_are_judged_like_the_pictures_in_them(cooked, tmp_path):
    run, data = cooked("anomaly", digit=4, epochs=20), load("digits")
    files = [tmp_path / f"{index}.png" for index in range(3)]
    for file, image in zip(files, data.test.inputs, strict=False):
        Image.fromarray(image[0].numpy()).save(file)
    expected = anomaly.errors(run.model.networks["autoencoder"], intensities(data.test, data.spec)[:3])
    said = run.predict(files)
    assert [row["error"] for row in said] == pytest.approx(expected.tolist(), rel=1e-5)
    assert [row["prediction"] == "strange" for row in said] == [row["error"] > row["threshold"] for row in said]
    (row, *_) = cooked("autoencoder").predict(files)
    assert len(row["code"]) == cooked("autoencoder").request.settings.code
    assert row["prediction"] > 0


def test_a_digit_that_there_is_not_is_refused():
    with pytest.raises(ProfundoError, match="digit"):
        settle("anomaly", {"digit": 10})
    assert replace(settle("anomaly", {}), digit=3) == settle("anomaly", {"digit": 3})
