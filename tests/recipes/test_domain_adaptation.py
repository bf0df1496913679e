"""Moving to another domain: CORAL by NumPy, reversal by autograd, statistics by hand, and labels that nobody looks at."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import profundo as pf
from profundo.data.batches import prepared_inputs
from profundo.data.sets.other_domains import coloured, enlarged, in_colour, patches
from profundo.evaluate.classes import information
from profundo.nets.gradient_reversal import reversal_strength, reversed_gradient
from profundo.objectives.domain_alignment import coral, domain_cost
from profundo.recipes.recipe_run import run_recipe
from profundo.recipes.zoo import domain_adaptation
from profundo.records import ProfundoError
from profundo.train.batch_statistics import with_statistics_of

DRAWS = torch.Generator().manual_seed(0)


# --------------------------------------------------------------------------------------------------------------- costs
def test_coral_is_the_distance_of_covariances_that_numpy_finds():
    one, other = (torch.randn(n, 5, generator=DRAWS, dtype=torch.float64) * (n / 10) for n in (12, 30))
    apart = np.cov(one.numpy(), rowvar=False) - np.cov(other.numpy(), rowvar=False)
    assert coral(one, other).item() == pytest.approx((apart**2).sum() / (4 * 25))
    assert coral(one, one + 7).item() == pytest.approx(0, abs=1e-20)  # means do not count
    one.requires_grad_()
    assert torch.autograd.gradcheck(lambda codes: coral(codes, other), one)


@pytest.mark.parametrize("shapes", [((4, 3), (4, 2)), ((1, 3), (4, 3))])
def test_codes_without_a_covariance_to_compare_are_refused_in_a_line(shapes):
    with pytest.raises(ProfundoError, match="two or more of each domain") as refused:
        coral(*map(torch.zeros, shapes))
    assert "\n" not in str(refused.value)


def test_each_domain_counts_half_of_the_critics_cost():
    scores = torch.tensor([[2.0], [-1.0], [0.5], [3.0], [0.0]])
    surely = torch.sigmoid(scores[:, 0])
    expected = -(surely[:2].log().mean() + (1 - surely[2:]).log().mean()) / 2
    assert domain_cost(scores, 2).item() == pytest.approx(expected.item())


def test_a_reversed_gradient_is_minus_the_one_that_autograd_finds_without():
    values, weight = (torch.randn(6, 4, generator=DRAWS, requires_grad=True) for _ in range(2))
    straight = torch.autograd.grad((values.tanh() * weight).sum(), (values, weight))
    turned = torch.autograd.grad((reversed_gradient(values.tanh(), 0.3) * weight).sum(), (values, weight))
    assert torch.equal(reversed_gradient(values, 0.3), values)
    torch.testing.assert_close(turned[0], -0.3 * straight[0])
    torch.testing.assert_close(turned[1], straight[1])  # behind it, the critic's own


def test_the_strength_of_reversal_grows_as_equation_14_has_it():
    assert reversal_strength(0) == 0
    assert reversal_strength(0.1) == pytest.approx(math.tanh(0.5))
    assert reversal_strength(1) == pytest.approx(math.tanh(5))


def test_answers_tell_the_logarithm_of_the_classes_that_they_spread_over_surely():
    assert information(torch.eye(4).repeat(5, 1)) == pytest.approx(math.log(4))
    assert information(torch.tensor([[0.7, 0.2, 0.1]]).repeat(9, 1)) == pytest.approx(0, abs=1e-12)
    two = torch.tensor([[0.9, 0.1], [0.3, 0.7]])
    entropy = lambda p: -(p * np.log(p)).sum()  # noqa: E731
    expected = entropy(two.numpy().mean(0)) - np.mean([entropy(row) for row in two.numpy()])
    assert information(two) == pytest.approx(expected, rel=1e-6)


# ---------------------------------------------------------------------------------------------------------- statistics
def test_statistics_are_the_means_over_batches_and_weights_stay():
    net = nn.Sequential(nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3), nn.ReLU())
    sizes = torch.tensor([6, 3, 11])
    batches = [5 + 3 * torch.randn(n, 2, 4, 4, generator=DRAWS) for n in sizes]
    before = {name: value.clone() for name, value in net.state_dict().items()}
    fitted = with_statistics_of(net, batches)
    made = [net[0](batch) for batch in batches]
    means, variances = (torch.stack([getattr(one, of)((0, 2, 3)) for one in made]) for of in ("mean", "var"))
    torch.testing.assert_close(fitted[1].running_mean, sizes / 20 @ means)
    torch.testing.assert_close(fitted[1].running_var, sizes / 20 @ variances)
    assert fitted[1].momentum == net[1].momentum
    assert not any(module.training for module in fitted.modules())
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert torch.equal(fitted[0].weight, net[0].weight)


def test_one_image_more_than_fits_a_part_is_no_part_of_its_own():
    """It had no variance where a layer sees one value of each channel."""
    net = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64))
    inputs = pf.load("digits").spec.inputs
    images = torch.randint(0, 256, (domain_adaptation.AT_ONCE + 1, 1, 8, 8), generator=DRAWS, dtype=torch.uint8)
    fitted = domain_adaptation.fitted_to(net, images, inputs)
    rows = prepared_inputs(images, inputs).flatten(1)
    torch.testing.assert_close(fitted[1].running_mean, rows.mean(0))
    torch.testing.assert_close(fitted[1].running_var, rows.var(0), rtol=0.05, atol=0)


# -------------------------------------------------------------------------------------------------------------- images
def test_a_coloured_image_is_its_difference_from_a_piece_of_a_photograph():
    photos = [torch.randint(0, 256, (3, 12, 15), generator=DRAWS, dtype=torch.uint8) for _ in range(2)]
    images = torch.randint(0, 256, (40, 1, 8, 8), generator=DRAWS, dtype=torch.uint8)
    pieces = {piece.numpy().tobytes() for photo in photos for piece in all_pieces(photo, 8)}
    for image, made in zip(images, coloured(images, photos, DRAWS), strict=True):
        either = torch.stack([image.int() + made.int(), image.int() - made.int()])
        assert any(
            all(bool((either[:, c] == piece[c].int()).any(0).all()) for c in range(3))
            for photo in photos
            for piece in all_pieces(photo, 8)
        )
    black = coloured(torch.zeros(30, 1, 8, 8, dtype=torch.uint8), photos, DRAWS)
    assert {one.numpy().tobytes() for one in black} <= pieces
    assert len({one.numpy().tobytes() for one in black}) > 10


def all_pieces(photo, side):
    return photo.unfold(1, side, 1).unfold(2, side, 1).permute(1, 2, 0, 3, 4).flatten(0, 1).contiguous()


def test_pieces_reach_every_border():
    photo = torch.arange(3 * 5 * 6, dtype=torch.uint8).view(3, 5, 6)
    cut = patches(photo, torch.tensor([[0.0, 0.0], [0.999, 0.999]]), (4, 4))
    assert torch.equal(cut[0], photo[:, :4, :4])
    assert torch.equal(cut[1], photo[:, 1:, 2:])


def test_enlarged_images_are_what_pillow_makes_of_them():
    image = torch.randint(0, 256, (1, 1, 8, 8), generator=DRAWS, dtype=torch.uint8)
    by_pillow = Image.fromarray(image[0, 0].numpy()).resize((28, 28), Image.Resampling.BILINEAR)
    made = enlarged(image, (28, 28))
    assert made.shape == (1, 3, 28, 28)
    assert np.abs(made[0, 0].numpy().astype(int) - np.asarray(by_pillow)).max() <= 1


def test_other_channels_and_small_photographs_are_refused_in_a_line():
    images = torch.zeros(2, 4, 8, 8, dtype=torch.uint8)
    with pytest.raises(ProfundoError, match="1 or 3 channels, found 4"):
        in_colour(images)
    with pytest.raises(ProfundoError, match=r"photographs: expected 8×8 pixels or more, .* found one of 7×20"):
        coloured(images[:, :3], [torch.zeros(3, 20, 7, dtype=torch.uint8)], DRAWS)


# ------------------------------------------------------------------------------------------------------------ the whole
SMALL = {"updates": 8, "epochs": 2, "pictured": 12, "rounds": 2, "sure": 0.3}


def quick(**given):
    return run_recipe("domain-adaptation", {**SMALL, **given}, quick=True, out=False)


@pytest.fixture(scope="module")
def run():
    return quick()


def test_labels_of_the_target_that_are_gone_change_no_choice_and_no_weight(run, monkeypatch):
    made = domain_adaptation.domains

    def blank(context, settings):
        source, targets = made(context, settings)
        return source, {name: without_labels(data) for name, data in targets.items()}

    monkeypatch.setattr(domain_adaptation, "domains", blank)
    other = quick()
    for name, net in run.outcome.networks.items():
        state = other.outcome.networks[name].state_dict()
        assert all(torch.equal(state[key], value) for key, value in net.state_dict().items())
    tables = [next(e for e in one.outcome.exhibits if e.title == "By method").rows for one in (run, other)]
    assert [row[3:] for row in tables[0]] == [row[3:] for row in tables[1]]  # what decides, and what is kept
    assert tables[0][-1][2] != tables[1][-1][2]  # but of the ceiling, which learns them


def test_ways_that_were_not_kept_and_the_net_that_knows_the_labels_are_rivals(run):
    rows = next(one for one in run.outcome.exhibits if one.title == "By method").rows
    first = {way: share for target, way, share, _, kept in rows if target == rows[0][0] and not kept}
    assert first.pop("source only") == next(iter(run.outcome.baseline.values()))
    assert run.outcome.rivals == first


def without_labels(data):
    splits = {part: getattr(data, part) for part in ("train", "validation", "test")}
    blank = {part: replace(split, targets=torch.zeros_like(split.targets)) for part, split in splits.items()}
    return replace(data, **blank)


def test_a_folder_with_the_same_classes_is_a_target_in_whatever_order_and_another_is_refused(tmp_path):
    draws = np.random.default_rng(0)
    for folder, names in (("own", "ab"), ("seen", "ba"), ("other", "cd")):
        for number in range(24):
            place = tmp_path / folder / names[number % 2]
            place.mkdir(parents=True, exist_ok=True)
            pixels = draws.integers(0, 40, (12, 12)).astype(np.uint8)
            pixels[:, :6] += np.uint8(180 * (names[number % 2] == "a"))
            Image.fromarray(pixels).save(place / f"{number}.png")
    asked = {"data": str(tmp_path / "own"), "image_size": 12, "updates": 20}
    run = quick(**asked, targets=(str(tmp_path / "seen"),))
    assert next(iter(run.outcome.scores.values())) == 1
    files = sorted((tmp_path / "seen" / "a").iterdir())[:3]
    assert [one["prediction"] for one in run.predict(files)] == ["a"] * 3
    with pytest.raises(ProfundoError, match="expected images of the classes of the data, a, b; found c, d") as refused:
        quick(**asked, targets=(str(tmp_path / "other"),))
    assert "\n" not in str(refused.value)
