"""Larger photographs: bicubic interpolation to begin with, patches in their places, parts that share no pixel, own images."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from typer.testing import CliRunner

from profundo.cli import app
from profundo.nets.image_translation import patch_discriminator
from profundo.nets.perceptual import feature_distance
from profundo.nets.upscaling import bicubic, edsr, espcn, srcnn
from profundo.recipes.figures.figure_meanings import meaning_of
from profundo.recipes.photographs import FEW, as_tensor, brightness, drawn_patches, pair, parted
from profundo.recipes.recipe_run import run_recipe
from profundo.recipes.repainting import perceptual_net
from profundo.recipes.zoo.super_resolution import against, beyond, hardest, interpolated, large, sharpened
from profundo.records import Batch, ProfundoError

CUBIC = Image.Resampling.BICUBIC
NETS = [lambda scale: srcnn(scale, 8), lambda scale: espcn(scale, 8), lambda scale: edsr(scale, 6, 2)]


def waves(height, width, seed=0):
    """A photograph of smooth waves with sharp stripes, uint8 (height, width, 3)."""
    y, x = np.mgrid[:height, :width] + 7 * seed
    planes = [127 + 100 * np.sin(x / 5) * np.cos(y / 7), 60 + 140 * ((x + y) // 6 % 2), 90 + 60 * np.sin((x - y) / 9)]
    return np.stack(planes, -1).astype(np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("photographs")
    for number in range(6):
        Image.fromarray(waves(70 + number, 81, number)).save(path / f"{number}.png")
    Image.fromarray(waves(20, 81)).save(path / "small.png")
    return path


def changed(net):
    """With weights that are not 0, such that what it adds depends on all that it sees."""
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, std=0.15)
    return net.eval()


@pytest.mark.parametrize("build", NETS)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_untrained_it_is_pillows_bicubic_interpolation(build, scale):
    image = torch.from_numpy(waves(13, 17)).permute(2, 0, 1)
    with torch.no_grad():
        assert torch.equal(build(scale)(brightness(image[None])), bicubic(brightness(image[None]), scale))
    off = sharpened(build(scale), image[None])[0].int() - interpolated(image, scale, CUBIC).int()
    assert off.abs().max() <= 1  # Pillow rounds twice


@pytest.mark.parametrize("build", NETS)
def test_in_bands_it_comes_to_the_same(build, monkeypatch):
    torch.manual_seed(0)
    image = torch.from_numpy(waves(61, 9)).permute(2, 0, 1)
    net = changed(build(2))
    whole = sharpened(net, image[None])[0]
    assert (whole.int() - interpolated(image, 2, CUBIC).int()).abs().max() > 5
    monkeypatch.setattr("profundo.recipes.zoo.super_resolution.BAND", 9 * 7)
    assert (large(net, image).int() - whole.int()).abs().max() <= 1


def test_a_scale_of_none_of_the_three_is_refused():
    with pytest.raises(ProfundoError, match="scale of 2, 3 or 4, got 5"):
        srcnn(5)


def test_patches_lie_at_the_same_places_of_small_and_large():
    pairs = [pair((str(seed), waves(45, 50, seed)), 3) for seed in range(2)]
    draws = drawn_patches(pairs, 8, 40, 2, lambda name: torch.Generator().manual_seed(len(name)), torch.device("cpu"))
    batch = next(iter(draws.epoch(0)))
    assert batch.inputs.shape == (40, 1, 8, 8)
    assert batch.targets.shape == (40, 1, 24, 24)
    blocks = torch.nn.functional.avg_pool2d(batch.targets, 3)  # near what bicubic interpolation makes small
    correlations = torch.corrcoef(torch.stack([blocks.flatten(), batch.inputs.flatten()]))
    assert correlations[0, 1] > 0.95
    assert len({tuple(one.flatten().tolist()) for one in batch.inputs}) > 30
    assert torch.equal(next(iter(draws.epoch(0, 1))).inputs, list(draws.epoch(0))[1].inputs)


def test_few_photographs_are_cut_into_parts_that_share_no_pixel_and_many_are_kept_whole():
    numbered = np.arange(20 * 30 * 3).reshape(20, 30, 3)
    parts = parted([("a", numbered)], torch.Generator())
    pixels = [part[0][1].reshape(-1, 3)[:, 0] for part in (parts.train, parts.validation, parts.test)]
    assert parts.cut
    assert len(np.unique(np.concatenate(pixels))) == sum(map(len, pixels)) == 20 * 30
    many = parted([(str(at), numbered) for at in range(2 * FEW)], torch.Generator())
    names = [[name for name, _ in part] for part in (many.train, many.validation, many.test)]
    assert not many.cut
    assert [len(part) for part in names] == [7, 1, 2]
    assert len({name for part in names for name in part}) == 2 * FEW


def test_it_learns_to_be_nearer_than_bicubic_interpolation_and_enlarges_files(folder, tmp_path):
    asked = {"data": str(folder), "width": 8, "patch": 10, "updates": 40, "epochs": 3, "learning_rate": 0.01}
    run = run_recipe("super-resolution", asked, quick=True, out=tmp_path / "run")
    assert run.outcome.scores["PSNR"] > run.outcome.baseline["PSNR"] + 0.5
    assert "1 photograph kept apart" in run.outcome.conclusion
    (told,) = run.predict([folder / "0.png"])
    with Image.open(io.BytesIO(base64.b64decode(told["image"]))) as image:
        assert image.size == (162, 140)
    result = CliRunner().invoke(
        app, ["predict", str(tmp_path / "run"), str(folder / "0.png"), "--out", str(tmp_path / "big")]
    )
    assert result.exit_code == 0, result.output
    assert "81×70 → 162×140 pixels" in result.output
    with Image.open(tmp_path / "big" / "0.png") as image:
        pixels = torch.from_numpy(np.asarray(image.convert("RGB")).copy()).permute(2, 0, 1)
    small = torch.from_numpy(waves(70, 81)).permute(2, 0, 1)
    assert torch.equal(pixels, large(run.model.networks["net"], small))


def test_what_is_no_photograph_large_enough_is_said_in_a_line(folder, tmp_path):
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "a.png").write_text("no image")
    (tmp_path / "two").mkdir()
    for name in "ab":
        Image.fromarray(waves(50, 50)).save(tmp_path / "two" / f"{name}.png")
    for wrong, expected in (
        ({"data": str(tmp_path / "damaged")}, "a.png: expected an image"),
        ({"data": str(folder), "patch": 60}, "120 pixels on a side or more, found none of 7"),
        ({"data": str(tmp_path / "two")}, "a.png, left has less"),
        ({"data": "nowhere"}, "expected a folder or a .zip of images, found nothing"),
        ({"scale": 5}, "setting scale"),
        ({"net": "gan"}, "setting net"),
    ):
        with pytest.raises(ProfundoError, match=expected) as caught:
            run_recipe("super-resolution", wrong, quick=True, out=False)
        assert "\n" not in str(caught.value)


GAME = {"adversarial": 0.1, "adversarial_epochs": 1, "judge": "drawn", "judge_width": 0.1}


@pytest.mark.parametrize(("net", "scale", "game"), [("srcnn", 3, {}), ("edsr", 4, GAME)])
def test_every_net_scale_and_loss_has_its_table_of_the_tested(net, scale, game, folder):
    asked = {
        "data": str(folder),
        "patch": 4,
        "updates": 2,
        "epochs": 1,
        "width": 4,
        "net": net,
        "scale": scale,
        "loss": "l2",
    }
    run = run_recipe("super-resolution", asked | game, quick=True, out=False)
    (row,) = next(exhibit for exhibit in run.outcome.exhibits if exhibit.title == "Image by image").rows
    assert row[3] == pytest.approx(run.outcome.scores["PSNR"])
    assert row[4] == pytest.approx(run.outcome.baseline["SSIM"])
    shown = next(exhibit for exhibit in run.outcome.exhibits if exhibit.title == "Side by side")
    assert shown.images.shape[0] == 5
    assert shown.images.shape[2] % scale == 0
    unseen = [one for one in run.outcome.exhibits if one.title == "What PSNR does not see"]
    assert len(unseen) == len(run.trainings) - 1 == bool(game)
    for table in unseen:
        told = dict(zip(table.columns[1:], zip(*(line[1:] for line in table.rows), strict=True), strict=True))
        assert told["PSNR"][0] == run.outcome.baseline["PSNR"]
        assert told["PSNR"][2] != told["PSNR"][3] == run.outcome.scores["PSNR"], "the game moved the net"
        assert 0 < told["fine detail"][0] < 1, "interpolated it is blurred"
        assert all(0 < far < 4 for far in told["distance of features"])
        assert run.outcome.rivals == {
            "Lanczos interpolation": told["PSNR"][1],
            "the same net by its errors alone": told["PSNR"][2],
        }
    assert all(meaning_of(figure).what for figure in run.outcome.scores)


def test_features_are_compared_of_every_tested_photograph():
    pairs = [pair((str(seed), waves(60, 60, seed)), 2) for seed in range(5)]
    true = [one.large for one in pairs]
    last = interpolated(pairs[-1].small, 2, CUBIC)
    judge = perceptual_net("drawn", torch.Generator().manual_seed(0), 0.1)
    unseen = beyond(judge, pairs, {"true": true, "but one": [*true[:-1], last]}, hardest(pairs, 2))
    (place,) = hardest(pairs[-1:], 2)
    seen, wanted = (judge(image[:, *place][None].float() / 255) for image in (last, true[-1]))
    assert unseen["true"]["distance of features"] == pytest.approx(0, abs=1e-5)
    assert unseen["but one"]["distance of features"] == pytest.approx(feature_distance(seen, wanted).item() / 5)


def test_each_player_lowers_its_own_cost():
    torch.manual_seed(0)
    net, critic = changed(espcn(2, 6)), patch_discriminator(1, 4, 2).eval()
    batch = Batch(torch.rand(3, 1, 9, 8), torch.rand(3, 1, 18, 16), 3)
    (first, of_critic), (second, of_net) = against(net, critic, nn.functional.l1_loss, 0.3)(batch)
    made, true = critic(net(batch.inputs)).sigmoid(), critic(batch.targets).sigmoid()
    assert (first, second) == ("critic", "net")
    assert torch.allclose(of_critic["critic"], -(true.log().mean() + (1 - made).log().mean()) / 2)
    error = (net(batch.inputs) - batch.targets).abs().mean()
    assert torch.allclose(of_net["net"], error - 0.3 * made.log().mean())
    of_critic["critic"].backward()
    assert all(parameter.grad is None for parameter in net.parameters())


def test_features_are_apart_by_their_directions():
    one, turned = (torch.tensor(values).view(1, 2, 1, 1).expand(1, 2, 3, 4) for values in ([1.0, 0.0], [3.0, 4.0]))
    far = feature_distance({"a": one, "b": torch.ones(1, 5, 2, 2)}, {"a": turned, "b": torch.full((1, 5, 2, 2), 7.0)})
    assert far.item() == pytest.approx((2 - 2 * 0.6) / 2)


def test_pixels_become_a_tensor_of_their_own():
    for side in (1, 2):
        pixels = np.zeros((side, side, 3), np.uint8)
        pixels.flags.writeable = False
        made = as_tensor(pixels)
        made += 1
        assert pixels.max() == 0
