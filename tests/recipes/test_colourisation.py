"""Grey photographs in colour: colours that follow lightness, hints in their cells, judges with a known answer, own photographs."""

import base64
import io
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from profundo.cli import app
from profundo.evaluate.kinds.colour_fidelity import colour_rmse
from profundo.images.colour_spaces import from_space, to_space
from profundo.recipes import stretches
from profundo.recipes.colouring.colour_hints import (
    MOST,
    drawn_hints,
    hint_of,
    no_hints,
    small_view,
    some_hints,
    unheeded,
)
from profundo.recipes.colouring.colour_judges import coarsely, share_fooled
from profundo.recipes.colouring.colour_photographs import colour_photographs, images_of, unseen
from profundo.recipes.colouring.colour_planes import (
    coloured,
    in_parts,
    lab_of,
    lightness_of,
    mean_by_lightness,
    of_the_mean,
    planes_of,
    seen,
    with_slopes,
)
from profundo.recipes.context import Context, Request
from profundo.recipes.recipe import Model, find, predicted, settle
from profundo.recipes.recipe_run import run_recipe
from profundo.recipes.zoo.colourisation import (
    chosen,
    classes_of,
    learn,
    named,
    named_cost,
    networks,
    one_coloured,
)
from profundo.records import ProfundoError
from profundo.runs.voice import Quiet
from profundo.use.any_run import TrainingFolder

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
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stretches, "LEAST", 5)  # judges need not be good
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


def test_where_colours_are_a_line_of_lightness_its_slope_is_found(monkeypatch):
    monkeypatch.setattr("profundo.recipes.colouring.colour_planes.FLAT", 1e-6)
    lightness = 100 * torch.rand(1, 1, 24, 20, generator=DRAWS)
    small = torch.nn.functional.avg_pool2d(lightness, 2)
    slopes = with_slopes(small, torch.cat([0.4 * small - 20, 10 - 0.2 * small], 1))[:, 3:, 2:-2, 2:-2]
    assert torch.allclose(slopes[:, 0], torch.tensor(0.4), rtol=1e-3)
    assert torch.allclose(slopes[:, 1], torch.tensor(-0.2), rtol=1e-3)
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
def test_photographs_of_any_size_have_a_view_and_are_painted(size, expected):
    view, hints = small_view(torch.zeros(1, 1, *size), 8, [], "")
    assert view.shape[2:] == expected
    assert torch.equal(coloured(torch.zeros(1, 1, *size), hints[:, :2]), torch.zeros(1, 3, *size, dtype=torch.uint8))


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


def test_a_judge_is_shown_sixteen_colours_wherever_in_their_parts_they_were():
    images = torch.randint(60, 190, (3, 3, 32, 24), generator=DRAWS, dtype=torch.uint8)
    lightness = planes_of(images).lightness
    seen_by = coarsely(images, lightness)
    assert (lab_of(seen_by)[:, :1] - lightness).abs().max() < 1.5
    pairs = [torch.nn.functional.adaptive_avg_pool2d(lab_of(one)[:, 1:], 4).flatten() for one in (images, seen_by)]
    assert torch.corrcoef(torch.stack(pairs))[0, 1] > 0.9
    shuffled = images.unflatten(2, (4, 8)).unflatten(4, (4, 6)).flip(3, 5).flatten(4, 5).flatten(2, 3)
    assert torch.allclose(lab_of(coarsely(shuffled, lightness)), lab_of(seen_by), atol=1)


# ---------------------------------------------------------------------------------------------------------- whole runs
def test_it_learns_colours_that_lightness_tells_and_beats_grey(run):
    scores, grey = run.outcome.scores, run.outcome.baseline
    assert scores["RMSE of ab"] < 0.5 * grey["RMSE of ab"]
    assert scores["PSNR"] > grey["PSNR"] + 3
    assert scores["AuC"] > grey["AuC"]
    assert grey["colourfulness"] < 1 < scores["colourfulness"]
    assert 0 <= scores["judge fooled"] <= 1
    assert {"named right"} <= set(scores)
    assert "A classifier names" in run.outcome.conclusion


def test_a_grey_photograph_of_any_size_is_coloured_at_the_command_line(run, tmp_path):
    grey = Image.fromarray(scene(3, (75, 101))).convert("L")
    grey.save(tmp_path / "grey.png")
    words = ["predict", str(run.folder.path), str(tmp_path / "grey.png"), "--out", str(tmp_path / "made")]
    result = CliRunner().invoke(app, [*words, "--hint", "50,60,#20a020", "--hint", "52,40,#20a020"])
    assert result.exit_code == 0, result.output
    assert "101×75 pixels in colour, by 2 hints" in result.output
    with Image.open(tmp_path / "made" / "grey.png") as image:
        made = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)
    assert made.shape == (3, 75, 101)
    own = torch.from_numpy(np.array(grey.convert("RGB"))).permute(2, 0, 1)
    assert (lightness_of(made) - lightness_of(own)).abs().mean() < 1.5  # colours that no screen has are cut
    (told,) = run.predict([tmp_path / "grey.png"])
    assert told["prediction"] == "101×75 pixels in colour"


def test_what_a_hint_tells_is_told_of_the_place_that_it_names(tmp_path):
    """By a way that paints what it is told, and nothing else."""
    Image.fromarray(np.full((64, 96, 3), 120, np.uint8)).save(tmp_path / "grey.png")
    told = one_coloured(lambda _, hints: hints[:, :2], 32, tmp_path / "grey.png", [hint_of("70,20,#20a020")])
    with Image.open(io.BytesIO(base64.b64decode(told["image"]))) as image:
        pixels = np.array(image.convert("RGB")).astype(int)
    green = pixels[..., 1] - pixels[..., [0, 2]].max(-1)
    assert np.linalg.norm(np.subtract(np.argwhere(green == green.max()).mean(0), (20, 70))) < 3
    assert green.max() > 40
    assert (pixels[:, :60] == 120).all()


def test_a_net_learns_to_carry_what_it_is_told(context):
    """Photographs of one colour each, which only hints tell."""
    learned, asked = (unseen(of_one_hue(number, seed)) for number, seed in ((200, 0), (50, 1)))
    settings = settle("colourisation", {"width": 8, "depth": 3, "batch_size": 16, "updates": 100, "epochs": 1}, True)
    net = networks(settings, {})["regression"]
    way = partial(named, net)
    learn(context, settings, ("regression", net, named_cost), learned.planes, way, asked, asked)
    errors = []
    for number in (0, 8):
        hints = some_hints(asked.planes.colours, number, torch.Generator().manual_seed(0))
        errors.append(colour_rmse(way(asked.lightness, hints), asked.planes.colours).item())
    assert errors[1] < 0.85 * errors[0]


def of_one_hue(number, seed):
    draws = torch.Generator().manual_seed(seed)
    turn = 2 * torch.pi * torch.rand(number, 1, 1, 1, generator=draws).expand(-1, 1, 16, 16)
    lab = torch.cat([40 + 20 * torch.rand(turn.shape, generator=draws), 25 * turn.cos(), 25 * turn.sin()], 1)
    rgb = torch.from_numpy(from_space(lab.permute(0, 2, 3, 1).numpy(), "lab"))
    return (255 * rgb).round().to(torch.uint8).permute(0, 3, 1, 2)


@pytest.fixture
def context():
    request = Request("colourisation", settle("colourisation", {}, True))
    return Context(request, device=torch.device("cpu"), folder=None, voice=Quiet(), takes=find("colourisation").takes)


def test_hints_outside_for_other_runs_and_for_recipes_without_are_refused_in_a_line(run, tmp_path):
    Image.fromarray(scene(0)).save(tmp_path / "one.png")
    doors = (
        (
            lambda: run.predict([tmp_path / "one.png"], hints=["32,0,#ffffff"]),
            "x from 0 to 31 and y from 0 to 33 in one.png",
        ),
        (lambda: run.predict([tmp_path / "one.png"], hints=["1,1,blue"]), "expected x,y,#rrggbb"),
        (
            lambda: TrainingFolder(tmp_path).predictions([], False, given={"hints": ["1,1,#ffffff"]}),
            "leave out hints",
        ),
        (
            lambda: predicted("super-resolution", Model(None, {}, {}), [], {"hints": ["1,1,#ffffff"]}),
            "'hints' is not for it",
        ),
    )
    for door, expected in doors:
        with pytest.raises(ProfundoError, match=expected) as caught:
            door()
        assert "\n" not in str(caught.value)


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


def test_what_has_other_channels_is_not_called_grey(context, monkeypatch):
    data = colour_photographs(context, "samples", 32)
    inputs = replace(data.spec.inputs, shape=(4, 32, 32), mean=(), std=())
    monkeypatch.setattr(Context, "images", lambda *_: replace(data, spec=replace(data.spec, inputs=inputs)))
    with pytest.raises(
        ProfundoError, match=r"expected photographs of three channels, red, green and blue, found images of 4$"
    ):
        colour_photographs(context, "any", 32)


def test_as_many_images_go_at_once_as_their_cells_and_classes_allow(monkeypatch):
    monkeypatch.setattr("profundo.recipes.colouring.colour_planes.AT_ONCE", 2 * 16 * 30)
    small, large = torch.rand(5, 1, 8, 8), torch.rand(5, 1, 32, 32)
    for images, each, expected in (
        (small, 30, [2, 2, 1]),
        (small, 60, [1] * 5),
        (large, 1, [3, 2]),
        (large, 30, [1] * 5),
    ):
        parts = list(in_parts(images, images[:, 0], each=each))
        assert [len(one) for one, _ in parts] == expected
        assert torch.equal(torch.cat([one for one, _ in parts]), images)
    sizes = []
    classes = classes_of(settle("colourisation", {"side": 30}))
    net = torch.nn.Conv2d(7, len(classes), 1)
    net.register_forward_hook(lambda _, __, made: sizes.append(made.numel()))
    chosen(net, classes, 0.4, small, torch.zeros(5, 3, 4, 4))
    assert sizes == [16 * len(classes)] * 5


def test_odd_sides_lose_their_last_row_and_column(folder, context):
    data = colour_photographs(context, str(folder), 17)
    assert data.spec.inputs.shape == (3, 16, 16)
    assert {images_of(part).shape[1:] for part in (data.train, data.validation, data.test)} == {(3, 16, 16)}


def test_sample_squares_of_different_parts_share_no_pixel_and_lie_half_over_each_other(context):
    data = colour_photographs(context, "samples", 32)
    train = images_of(data.train)
    assert torch.equal(train[0][:, :, 16:], train[1][:, :, :16])
    rows = {image.numpy().tobytes() for image in train}
    assert not rows & {image.numpy().tobytes() for image in images_of(data.test)}


def test_hints_whose_places_came_to_another_colour_are_told():
    painted = torch.full((3, 4, 6), 128, dtype=torch.uint8)
    painted[:, 1, 2] = torch.tensor([200, 40, 40], dtype=torch.uint8)
    followed, passed = hint_of("2,1,#c02828"), hint_of("5,3,#2040ff")
    assert unheeded(painted, [followed, passed]) == ["5,3 came to #808080"]
    assert unheeded(painted, []) == []
