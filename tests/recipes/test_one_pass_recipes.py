"""Photographs painted in one pass: costs that fall, squares from inside, colours that stay, masks that hold, doors that answer."""

import base64
import io
from copy import deepcopy

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from profundo.cli import app
from profundo.data.images.pixels import decode
from profundo.images.colour_spaces import to_space
from profundo.nets.perceptual import drawn
from profundo.nets.style_nets import AdaptiveStyle
from profundo.recipes.context import Context, Request
from profundo.recipes.painting.one_pass import Painted, practice, rivals
from profundo.recipes.painting.style_costs import Weights, aimed, grams, relative
from profundo.recipes.photographs import images_of, no_longer, squares
from profundo.recipes.recipe import find, predicted, settle
from profundo.recipes.recipe_folder import open_model
from profundo.recipes.recipe_run import run_recipe
from profundo.recipes.repainting import masked, own_colours, perceptual_net, picture
from profundo.recipes.zoo.adain import other_styles, painting_cost, strange
from profundo.records import Batch, ProfundoError, Samples
from profundo.runs.voice import Quiet

SMALL = {"size": 40, "patch": 24, "style_size": 40, "judge": "drawn", "judge_width": 0.1, "compared": 0}


def waves(height, width, seed=0):
    """A photograph of smooth waves, uint8 (height, width, 3)."""
    y, x = np.mgrid[:height, :width] + 7 * seed
    planes = [127 + 100 * np.sin(x / 5) * np.cos(y / 7), 127 + 80 * np.cos((x + y) / 9), 90 + 60 * np.sin((x - y) / 9)]
    return np.stack(planes, -1).astype(np.uint8)


def decoded(told):
    with Image.open(io.BytesIO(base64.b64decode(told["image"]))) as image:
        return np.asarray(image.convert("RGB")).astype(float)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("photographs")
    for number in range(6):
        Image.fromarray(waves(40 + number, 51, number)).save(path / f"{number}.png")
    return path


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    path = tmp_path_factory.mktemp("images")
    stripes = np.zeros((48, 60, 3), np.uint8)
    stripes[:, ::4] = (250, 60, 20)
    Image.fromarray(stripes).save(path / "stripes.png")
    Image.fromarray(np.full((40, 40, 3), (30, 200, 90), np.uint8)).save(path / "green.png")
    Image.fromarray(np.repeat(np.array([[0, 255]], np.uint8), 30, 1).repeat(60, 0)).save(path / "right.png")
    return path


@pytest.fixture(scope="module")
def fast(folder, images, tmp_path_factory):
    asked = SMALL | {"data": str(folder), "style": str(images / "stripes.png"), "style_weight": 30.0, "width": 4}
    more = {"updates": 15, "epochs": 3, "learning_rate": 0.02, "compared": 20}
    return run_recipe("fast-style", asked | more, quick=True, out=tmp_path_factory.mktemp("fast") / "run")


@pytest.fixture(scope="module")
def adaptive(folder, images, tmp_path_factory):
    asked = SMALL | {"data": str(folder), "styles": str(folder), "style": str(images / "stripes.png")}
    more = {"updates": 5, "epochs": 8, "learning_rate": 0.003}
    return run_recipe("adain", asked | more, quick=True, out=tmp_path_factory.mktemp("adain") / "run")


def test_a_net_learns_the_manner_and_stands_beside_pixels_that_move(fast):
    before, after = fast.outcome.baseline, fast.outcome.scores
    assert after["style error"] < 0.8 * before["style error"]
    assert before["content error"] == 0
    table = next(one for one in fast.outcome.exhibits if one.title.startswith("Costs, photograph"))
    assert [row[1] for row in table.rows] == ["photograph", "in one pass", "20 steps of pixels"]
    for _, _, content, style, total in table.rows:
        assert total == pytest.approx(content + 30 * style)
    film = next(one for one in fast.outcome.exhibits if one.title == "As it learns")
    assert len(film.frames) == 4
    assert len({frame.numpy().tobytes() for frame in film.frames}) == 4
    assert "20 steps of pixels" in fast.outcome.conclusion
    assert fast.outcome.rivals == {"20 steps of pixels": table.rows[2][3]}


def test_what_one_photograph_of_two_went_through_is_no_rival_of_the_mean():
    def one(**style):
        errors = {way: {"style": value, "content": 0.0} for way, value in style.items()}
        return Painted("", dict.fromkeys(style, torch.empty(0)), errors)

    plain = {"photograph": 1.0, "in one pass": 0.5}
    assert rivals([one(**plain, slow=0.25), one(**plain, slow=0.5)]) == {"slow": 0.375}
    assert rivals([one(**plain, slow=0.25), one(**plain)]) == {}


def test_a_decoder_learns_to_show_what_its_encoder_wants_to_see(adaptive):
    history = adaptive.trainings["training"].history
    assert history["validation loss"][-1] < 0.8 * history["validation loss"][0]
    encoder = adaptive.outcome.networks["net"].encoder
    same = drawn(0.1, torch.Generator())
    assert encoder.layers[0].weight.shape == same.layers[0].weight.shape
    shown = next(one for one in adaptive.outcome.exhibits if one.title == "Strength")
    assert shown.images.shape[0] == len(shown.labels) == 5


# ---------------------------------------------------------------------------------------------------------------- doors
def test_files_are_painted_at_a_size_and_only_where_the_mask_is_white(fast, folder, images, tmp_path):
    (whole,) = fast.predict([folder / "0.png"], size=40)
    (half,) = fast.predict([folder / "0.png"], size=40, mask=str(images / "right.png"))
    assert whole["prediction"] == "painted, 40×31 pixels"
    photograph = (255 * picture(str(folder / "0.png"), 40)[0].permute(1, 2, 0)).round().numpy()
    assert np.abs(decoded(half)[:, :14] - photograph[:, :14]).max() <= 1
    assert np.array_equal(decoded(half)[:, 26:], decoded(whole)[:, 26:])
    command = ["predict", str(fast.folder.path), str(folder / "0.png"), "--size", "32", "--out", str(tmp_path / "made")]
    result = CliRunner().invoke(app, [*command, "--set", "colours=content"])
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "made" / "0.png") as image:
        assert image.size == (32, 25)
        (told,) = fast.predict([folder / "0.png"], size=32, colours="content")
        assert np.array_equal(np.asarray(image.convert("RGB")), decoded(told))


def test_any_style_is_taken_at_once_in_any_strength_and_mixture(adaptive, folder, images):
    def painted(**wishes):
        return decoded(adaptive.predict([folder / "1.png"], size=40, style_size=40, **wishes)[0])

    stripes, green = (str(images / f"{name}.png") for name in ("stripes", "green"))
    assert np.array_equal(painted(), painted(style=stripes)), "the style of the run"
    assert np.abs(painted(style=green) - painted(style=stripes)).mean() > 1
    both = painted(style=[stripes, green], shares=[1, 1])
    assert np.array_equal(both, painted(style=(stripes, green)))
    assert not np.array_equal(both, painted(style=[stripes, green], shares=[3, 1]))
    assert np.array_equal(painted(style=stripes, strength=0), painted(style=green, strength=0))
    assert not np.array_equal(painted(colours="content"), painted())


def test_a_saved_adaptive_net_brings_its_encoder(adaptive):
    _, model = open_model(adaptive.folder.path)
    mine, saved = (net.state_dict() for net in (adaptive.outcome.networks["net"], model.networks["net"]))
    assert {name.split(".")[0] for name in saved} == {"encoder", "decoder", "scale"}
    assert all(torch.equal(mine[name].cpu(), tensor) for name, tensor in saved.items())


def test_the_style_of_the_run_is_kept_wherever_its_file_is_and_whatever_it_becomes(adaptive, folder, images):
    stripes, kept = images / "stripes.png", (images / "stripes.png").read_bytes()
    named = adaptive.predict([folder / "1.png"], size=40, style_size=40, style=str(stripes))
    try:
        for content in ((images / "green.png").read_bytes(), None):
            stripes.unlink() if content is None else stripes.write_bytes(content)
            _, model = open_model(adaptive.folder.path)
            for found in (
                predicted("adain", model, [folder / "1.png"], {"size": 40, "style_size": 40}),
                adaptive.predict([folder / "1.png"], size=40, style_size=40),
            ):
                assert found == named
    finally:
        stripes.write_bytes(kept)


def test_a_style_is_encoded_once_for_many_photographs_but_in_the_colours_of_each_anew(adaptive, folder, monkeypatch):
    encoded = []
    encode = AdaptiveStyle.encode
    monkeypatch.setattr(AdaptiveStyle, "encode", lambda net, images: encoded.append(0) or encode(net, images))
    files = [folder / f"{number}.png" for number in range(3)]
    for colours, expected in (("style", 3 + 1), ("content", 3 + 3)):
        encoded.clear()
        adaptive.predict(files, size=32, style_size=32, colours=colours)
        assert len(encoded) == expected


def test_styles_that_are_shown_lie_where_the_photographs_do():
    photographs = {"one": torch.zeros(1, 3, 32, 32, device="meta")}
    found = other_styles([("waves", waves(40, 40))], photographs, 32, torch.Generator())
    assert [style.device.type for style in found] == ["meta"]


def test_what_an_option_and_a_setting_both_say_is_refused(tmp_path):
    for words, expected in (
        (["--size", "32", "--set", "size=64"], "expected --size or --set size=…, got both"),
        (["--hint", "1,1,#ffffff", "--set", "hints=[]"], "expected --hint or --set hints=…, got both"),
    ):
        result = CliRunner().invoke(app, ["predict", str(tmp_path), "a.png", *words])
        assert isinstance(result.exception, ProfundoError), result.output
        assert result.exception.args[0].startswith(expected)


def test_what_cannot_be_painted_is_said_in_one_line(fast, adaptive, folder, tmp_path, monkeypatch):
    photograph = [folder / "0.png"]
    for run, wishes, expected in (
        (fast, {"size": 8}, "setting size"),
        (fast, {"style": "flower"}, "setting 'style' is unknown"),
        (fast, {"mask": "absent.png"}, "expected an image file"),
        (adaptive, {"style": str(tmp_path / "absent.jpg")}, "expected an image file"),
        (adaptive, {"style": ()}, "setting style"),
        (adaptive, {"style": ["flower", "china"], "shares": [1]}, "one for each of 2 styles, got 1"),
        (adaptive, {"strength": 2}, "setting strength"),
        (adaptive, {"shares": [0]}, "setting shares"),
    ):
        with pytest.raises(ProfundoError, match=expected) as caught:
            run.predict(photograph, **wishes)
        assert "\n" not in str(caught.value)
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(ProfundoError, match=r"text\.png"):
        fast.predict([tmp_path / "text.png"])
    monkeypatch.setattr("profundo.runs.pretrained.find_spec", lambda _: None)
    with pytest.raises(ProfundoError, match="which is not installed; pip install"):
        perceptual_net("edges", torch.Generator())


def test_a_training_and_other_recipes_have_no_settings_of_predictions(tmp_path, images):
    import profundo as pf
    from profundo.use.any_run import any_run

    run = pf.fit(pf.load("iris"), epochs=1, out=tmp_path / "iris")
    with pytest.raises(ProfundoError, match="set, size and hint are for recipes"):
        any_run(run.folder.path).predictions([images / "green.png"], False, given={"size": 3})
    plain = run_recipe("adaline", quick=True, out=False)
    with pytest.raises(ProfundoError, match="'size' is not for it"):
        plain.predict([images / "green.png"], size=3)


# ---------------------------------------------------------------------------------------------------------------- parts
def test_squares_lie_inside_photographs_and_keep_their_places():
    y, x = np.mgrid[:60, :90]
    slope = np.stack([2 * y, 2 * x, 0 * x], -1).astype(np.uint8)
    made = squares([("slope", slope)], 20, 40, torch.Generator().manual_seed(0)) * 255 / 2
    assert made.shape == (40, 3, 20, 20)
    assert 0 <= made[:, 0].min() < made[:, 0].max() < 60
    wide = (made[:, 0, -1] - made[:, 0, 0]).mean(1) * 20 / 19  # pixels of the photograph that a square is high
    across = (made[:, 1, :, -1] - made[:, 1, :, 0]).mean(1) * 20 / 19
    assert torch.allclose(wide, across.abs(), atol=2.5)
    assert wide.min() < 26
    assert wide.max() > 50
    assert 5 < int((across < 0).sum()) < 35, "half of them mirrored"
    small = squares([("small", slope[:9, :9])], 20, 2, torch.Generator().manual_seed(0))
    assert small.shape == (2, 3, 20, 20)


def test_photographs_become_no_longer_than_asked_and_grey_sets_are_coloured():
    assert no_longer(("a", waves(30, 60)), 60)[1].shape == (30, 60, 3)
    assert no_longer(("a", waves(30, 60)), 20)[1].shape == (10, 20, 3)
    grey = torch.arange(3 * 4, dtype=torch.uint8).view(3, 1, 2, 2)
    found = images_of("digits", Samples(grey, torch.zeros(3)))
    assert [name for name, _ in found] == ["digits 1", "digits 2", "digits 3"]
    assert found[1][1].tolist() == [[[4] * 3, [5] * 3], [[6] * 3, [7] * 3]]


class Heard(Quiet):
    def __init__(self):
        self.lines = []

    def say(self, line, *_):
        self.lines.append(str(line))


def practised(folder, size, patch):
    """Sizes of the photographs of all parts by name, and what was said."""
    request = Request("adain", settle("adain", {}, True))
    voice = Heard()
    takes = find("adain").takes
    context = Context(request, device=torch.device("cpu"), folder=None, voice=voice, takes=takes)
    parts = practice(context, str(folder), size, patch)
    return {
        name: pixels.shape[:2] for part in (parts.train, parts.validation, parts.test) for name, pixels in part
    }, voice.lines


def test_photographs_are_counted_at_the_size_at_which_they_are_kept(folder, tmp_path, monkeypatch):
    fit = sum(round((40 + number) * 20 / 51) * 20 for number in range(5))  # five of six
    monkeypatch.setattr("profundo.recipes.photographs.MOST_PIXELS", fit)
    read = []
    monkeypatch.setattr("profundo.recipes.photographs.decode", lambda data: read.append(0) or decode(data))
    found, lines = practised(folder, 20, 16)
    assert sorted(found) == [f"{number}.png" for number in range(5)]
    assert {max(sizes) for sizes in found.values()} == {20}
    assert len(read) == 5, "what is left out is not decoded"
    assert lines == [f"data: left out 1 of 6 photographs, more than fit into {fit:,} pixels together"]
    monkeypatch.undo()
    for number in range(3):
        Image.fromarray(waves(120, 160, number)).save(tmp_path / f"{number}.png")
        Image.fromarray(waves(20, 20, number)).save(tmp_path / f"small {number}.png")
    found, lines = practised(tmp_path, 40, 24)
    assert lines == ["data: left out 3 of 6 photographs, of less than 24 pixels on a side"]
    assert found["0.png, right"] == (40, 27), "three are cut before they are made small"


def test_own_colours_have_the_brightness_of_what_was_made_and_the_photographs_differences():
    draws = torch.Generator().manual_seed(0)
    photograph, made = (0.3 + 0.4 * torch.rand(1, 3, 9, 8, generator=draws) for _ in range(2))
    result = own_colours(made, photograph)
    y, cb, cr = np.moveaxis(to_space(result[0].permute(1, 2, 0).numpy(), "ycbcr"), -1, 0)
    seen = np.moveaxis(to_space(made[0].permute(1, 2, 0).numpy(), "ycbcr"), -1, 0)
    own = np.moveaxis(to_space(photograph[0].permute(1, 2, 0).numpy(), "ycbcr"), -1, 0)
    assert np.allclose(y, seen[0], atol=1e-4)
    assert np.allclose((cb, cr), own[1:], atol=1e-4)
    assert torch.equal(masked(made, photograph, ""), made)


def test_costs_of_a_batch_are_the_means_of_those_of_each_photograph():
    draws = torch.Generator().manual_seed(0)
    judge = drawn(0.08, draws)
    photographs, made = torch.rand(2, 2, 3, 32, 32, generator=draws)
    styles, weights = grams(judge, torch.rand(1, 3, 40, 40, generator=draws)), Weights(3.0, 0.1)
    together = aimed(judge, photographs, styles).cost(judge, made, weights)
    alone = [
        aimed(judge, one[None], styles).cost(judge, other[None], weights)
        for one, other in zip(photographs, made, strict=True)
    ]
    for name, value in together.items():
        assert float(value) == pytest.approx(sum(float(one[name]) for one in alone) / 2, rel=1e-4)
    assert float(relative(torch.tensor([[2.0], [3.0]]), torch.tensor([[1.0], [2.0]]))) == (1 + 1 / 4) / 2


def test_the_last_pair_is_to_come_out_as_it_was_pixel_by_pixel():
    draws = torch.Generator().manual_seed(0)
    judge = drawn(0.08, draws)
    net = AdaptiveStyle(deepcopy(judge), "relu3_1")
    photographs, styles = torch.rand(2, 2, 3, 16, 16, generator=draws)
    with torch.no_grad():
        cost = painting_cost(net, judge, Batch(photographs, torch.cat([styles[:1], photographs[1:]]), 2), 2.0, 5.0)
        made, truth = net(photographs[1:], [photographs[1:]])[0] - 0.5, photographs[1] - 0.5
    assert float(cost["itself"]) == pytest.approx(float((made - truth).square().sum() / truth.square().sum()), rel=1e-3)
    assert float(cost["loss"]) == pytest.approx(
        float(cost["content"] + 2 * cost["style"] + 5 * cost["itself"]), rel=1e-5
    )


def test_strange_colours_keep_what_is_alike_and_each_image_has_its_own():
    image = torch.rand(1, 3, 6, 6, generator=torch.Generator().manual_seed(0)) * 0.2 + 0.4
    image[..., 3:] = image[..., :3]
    made = strange(image.repeat(3, 1, 1, 1), torch.Generator().manual_seed(1))
    assert torch.equal(made[..., 3:], made[..., :3])
    assert 0 <= made.min() <= made.max() <= 1
    assert (made[0] - made[1]).abs().max() > 0.1
