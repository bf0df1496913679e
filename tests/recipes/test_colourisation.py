"""Grey photographs in colour: colours that follow lightness, hints in their cells, judges with a known answer, own photographs."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from profundo.cli import app
from profundo.images.colour_spaces import to_space
from profundo.recipes.colouring.colour_hints import MOST, drawn_hints, hint_of, no_hints, small_view, some_hints
from profundo.recipes.colouring.colour_judges import share_fooled
from profundo.recipes.colouring.colour_planes import (
    coloured,
    lab_of,
    lightness_of,
    mean_by_lightness,
    of_the_mean,
    planes_of,
    seen,
    with_slopes,
)
from profundo.recipes.recipe_run import run_recipe
from profundo.records import ProfundoError

DRAWS = torch.Generator().manual_seed(0)


def scene(number, size=(34, 32)):
    """A dark reddish ground, a light bluish sky, a border between that moves: colour is a function of lightness."""
    height, width = size
    sky = np.arange(height)[:, None] < 10 + 2 * (number % 7) + np.zeros(width)
    noise = np.random.default_rng(number).integers(-12, 12, (height, width, 1))
    return np.clip(np.where(sky[..., None], (150, 190, 240), (120, 60, 40)) + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("scenes")
    for number in range(40):
        place = path / f"kind {number % 2}"
        place.mkdir(exist_ok=True)
        Image.fromarray(scene(number)).save(place / f"{number}.png")
    return path


SMALL = {
    "image_size": 32,
    "side": 20,
    "width": 4,
    "depth": 2,
    "batch_size": 8,
    "updates": 30,
    "epochs": 2,
    "judged": 20,
}


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    asked = {**SMALL, "data": str(folder), "learning_rate": 0.01}
    return run_recipe("colourisation", asked, quick=True, out=tmp_path_factory.mktemp("made") / "run")


# --------------------------------------------------------------------------------------------------------------- planes
def test_lightness_is_of_every_pixel_and_cells_are_means_of_four_pixels():
    images = torch.randint(0, 256, (2, 3, 6, 8), generator=DRAWS, dtype=torch.uint8)
    truth = to_space(images.permute(0, 2, 3, 1).numpy(), "lab").transpose(0, 3, 1, 2)
    planes = planes_of(images)
    assert np.allclose(planes.lightness.numpy(), truth[:, :1], atol=0.01)
    cells = truth[:, 1:].reshape(2, 2, 3, 2, 4, 2).mean((3, 5))
    assert np.allclose(planes.colours.numpy(), cells, atol=0.02)


def test_a_net_sees_four_pixels_a_cell():
    lightness, hints = torch.rand(1, 1, 4, 6, generator=DRAWS) * 100, torch.zeros(1, 3, 2, 3)
    hints[0, :, 1, 2] = torch.tensor([25.0, -50.0, 1.0])
    inputs = seen(lightness, hints)
    assert torch.allclose(inputs[0, :4, 1, 2], lightness[0, 0, 2:, 4:].flatten() / 50 - 1)
    assert inputs[0, 4:, 1, 2].tolist() == [0.5, -1.0, 1.0]


def test_where_colours_are_a_line_of_lightness_they_follow_every_edge_of_it():
    lightness = 100 * torch.rand(1, 1, 24, 20, generator=DRAWS)
    small = torch.nn.functional.avg_pool2d(lightness, 2)
    slopes = with_slopes(small, torch.cat([0.4 * small - 20, 10 - 0.2 * small], 1))[:, 3:, 2:-2, 2:-2]
    assert torch.allclose(slopes[:, 0], torch.tensor(0.4), rtol=0.15)
    assert torch.allclose(slopes[:, 1], torch.tensor(-0.2), rtol=0.15)
    flat = with_slopes(torch.full((1, 1, 5, 5), 40.0), torch.full((1, 2, 5, 5), 7.0))
    assert torch.equal(flat[0, :, 2, 2], torch.tensor([40.0, 7.0, 7.0, 0.0, 0.0]))


def test_one_colour_everywhere_is_that_colour_and_grey_stays_grey(monkeypatch):
    lightness = 30 + 40 * torch.rand(1, 1, 9, 13, generator=DRAWS)
    colours = torch.tensor([12.0, -9.0])[None, :, None, None].expand(1, 2, 4, 6)
    lab = lab_of(coloured(lightness, colours))
    assert torch.allclose(lab[:, :1], lightness, atol=0.6)  # of 8 bits
    assert (lab[:, 1:] - torch.tensor([12.0, -9.0])[:, None, None]).abs().max() < 1.5
    grey = coloured(lightness, torch.zeros(1, 2, 4, 6))
    assert ((grey - grey[:, :1]).int().abs() <= 1).all()
    whole = coloured(lightness, colours + torch.arange(24.0).view(1, 1, 4, 6))
    monkeypatch.setattr("profundo.recipes.colouring.colour_planes.BAND", 13 * 2)
    assert torch.equal(coloured(lightness, colours + torch.arange(24.0).view(1, 1, 4, 6)), whole)


def test_the_table_has_the_mean_colour_of_each_lightness():
    planes = planes_of(torch.from_numpy(np.stack([scene(n) for n in range(4)])).permute(0, 3, 1, 2))
    table = mean_by_lightness(planes)
    cells = torch.nn.functional.avg_pool2d(planes.lightness, 2).flatten().numpy()
    for level in (int(cells.min() / 2), int(cells.max() / 2)):
        there = (cells >= 2 * level) & (cells < 2 * level + 2)
        mean = planes.colours.permute(0, 2, 3, 1).reshape(-1, 2).numpy()[there].mean(0)
        assert np.allclose(table[level].numpy(), mean, atol=1e-3)
    made = of_the_mean(table, planes.lightness, no_hints(planes.lightness))
    assert made.shape == planes.colours.shape


# ---------------------------------------------------------------------------------------------------------------- hints
def test_drawn_hints_tell_true_colours_of_as_many_cells_as_the_paper_has():
    colours = torch.randn(4000, 2, 16, 16, generator=DRAWS)
    hints = drawn_hints(colours, 0.5, torch.Generator().manual_seed(1))
    told = hints[:, 2] == 1
    assert torch.equal(hints[:, :2], colours * told[:, None])
    counts = told.sum((1, 2)).float()
    assert (counts > 0).float().mean().item() == pytest.approx(0.5, abs=0.04)
    assert counts[counts > 0].mean().item() == pytest.approx(
        8 - MOST * 0.014 - 0.3, abs=0.6
    )  # 1 / p, cut at 32, less doubles
    rows = told.float().sum((0, 2))
    assert rows[7:9].mean() > 2 * rows[[0, 15]].mean() * 0.9  # around the middle


def test_some_hints_are_as_many_in_every_image():
    colours = torch.randn(300, 2, 40, 40, generator=DRAWS)
    for number in (0, 1, MOST):
        counts = (some_hints(colours, number, DRAWS)[:, 2] == 1).sum((1, 2))
        assert counts.max() == number
        assert counts.min() >= number - 6


def test_a_hint_falls_into_the_cell_of_its_pixel():
    lightness = torch.zeros(1, 1, 60, 90)
    view, told = small_view(lightness, 12, [hint_of("89,0,#ff0000"), hint_of(" 14, 59 ,#00F0a0")], "photo.png")
    assert view.shape == (1, 1, 12, 18)
    assert told[0, 2].nonzero().tolist() == [[0, 8], [5, 1]]
    red = to_space(np.array([1.0, 0, 0]), "lab")
    assert told[0, :2, 0, 8].tolist() == pytest.approx(red[1:].tolist(), abs=1e-3)


@pytest.mark.parametrize(("size", "expected"), [((1, 1), (8, 8)), ((1, 4000), (8, 128)), ((3, 5), (8, 14))])
def test_photographs_of_any_size_have_a_view(size, expected):
    assert small_view(torch.zeros(1, 1, *size), 8, [], "")[0].shape[2:] == expected


@pytest.mark.parametrize(
    "text", ["1,2", "1,2,red", "-1,2,#ffffff", "1.5,2,#ffffff", "1,2,#fff", "", "1,2,#ffffff,", "٣,2,#ffffff"]
)
def test_what_is_no_hint_is_refused_in_a_line(text):
    with pytest.raises(ProfundoError, match="expected x,y,#rrggbb") as caught:
        hint_of(text)
    assert "\n" not in str(caught.value)


# --------------------------------------------------------------------------------------------------------------- judges
def test_a_judge_is_wrong_where_it_trusts_the_made_more_and_half_wrong_where_it_cannot_tell():
    assert share_fooled(torch.tensor([1.0, 2, 3, 4]), torch.tensor([0.0, 5, 3, 3])) == (1 + 0.5) / 4


# ---------------------------------------------------------------------------------------------------------- whole runs
def test_it_learns_colours_that_lightness_tells_and_beats_grey(run):
    scores, grey = run.outcome.scores, run.outcome.baseline
    assert scores["RMSE of ab"] < 0.5 * grey["RMSE of ab"]
    assert scores["PSNR"] > grey["PSNR"] + 3
    assert scores["area"] > grey["area"]
    assert grey["colourfulness"] < 1 < scores["colourfulness"]
    assert 0 <= scores["judge fooled"] <= 1
    assert {"named right"} <= set(scores)
    assert "A classifier names" in run.outcome.conclusion


def test_a_grey_photograph_of_any_size_is_coloured_and_a_hint_turns_its_place(run, tmp_path):
    grey = Image.fromarray(scene(3, (75, 101))).convert("L")
    grey.save(tmp_path / "grey.png")
    (told,) = run.predict([tmp_path / "grey.png"])
    with Image.open(io.BytesIO(base64.b64decode(told["image"]))) as image:
        plain = np.asarray(image.convert("RGB"))
    assert plain.shape == (75, 101, 3)
    lab = lab_of(torch.from_numpy(plain).permute(2, 0, 1)[None])
    own = lightness_of(torch.from_numpy(np.asarray(grey.convert("RGB"))).permute(2, 0, 1))
    assert (lab[:, :1] - own).abs().mean() < 1.5  # colours that no screen has are cut
    out = ["predict", str(run.folder.path), str(tmp_path / "grey.png"), "--out", str(tmp_path / "made")]
    result = CliRunner().invoke(app, [*out, "--hint", "50,60,#20a020", "--hint", "52,40,#20a020"])
    assert result.exit_code == 0, result.output
    assert "101×75 pixels in colour, by 2 hints" in result.output
    with Image.open(tmp_path / "made" / "grey.png") as image:
        hinted = np.asarray(image.convert("RGB"))
    assert not np.array_equal(plain, hinted)


def test_hints_outside_for_other_runs_and_for_recipes_without_are_refused_in_a_line(run, tmp_path):
    Image.fromarray(scene(0)).save(tmp_path / "one.png")
    for words, expected in (
        (["--hint", "32,0,#ffffff"], "expected x from 0 to 31 and y from 0 to 33 in one.png"),
        (["--hint", "1,1,blue"], "expected x,y,#rrggbb"),
    ):
        result = CliRunner().invoke(app, ["predict", str(run.folder.path), str(tmp_path / "one.png"), *words])
        assert isinstance(result.exception, ProfundoError)
        assert expected in str(result.exception)
        assert "\n" not in str(result.exception)
    other = run_recipe("threshold", out=tmp_path / "other")
    with pytest.raises(ProfundoError, match="predicts nothing"):
        other.predict([tmp_path / "one.png"], hints=["1,1,#ffffff"])


def test_what_has_no_colour_to_learn_from_is_said_in_a_line(tmp_path):
    for name, mode in (("grey", "L"), ("alike", "RGB")):
        (tmp_path / name).mkdir()
        for number in range(20):
            image = Image.fromarray(scene(number)).convert("L").convert(mode)
            image.save(tmp_path / name / f"{number}.png")
    for wrong, expected in (
        ({"data": str(tmp_path / "grey")}, "expected photographs in colour to learn from, found grey ones only"),
        ({"data": str(tmp_path / "alike")}, "found grey ones only"),
        ({"data": "samples", "image_size": 200}, "expected at most 106"),
        ({"side": 2}, "setting side"),
        ({"temperature": 2}, "setting temperature"),
    ):
        with pytest.raises(ProfundoError, match=expected) as caught:
            run_recipe("colourisation", wrong, quick=True, out=False)
        assert "\n" not in str(caught.value)


def test_odd_sides_lose_their_last_row_and_column(folder):
    asked = {**SMALL, "data": str(folder), "image_size": 17, "updates": 1, "epochs": 1, "depth": 1}
    run = run_recipe("colourisation", asked, quick=True, out=False)
    assert run.outcome.scores["PSNR"] > 0
