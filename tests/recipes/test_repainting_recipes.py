"""Painting images anew: colours against moments, costs that fall, masks that hold, images that are none."""

import numpy as np
import pytest
import torch
from PIL import Image

from profundo.pictures.exhibits import Film
from profundo.recipes.painting.style_costs import Canvas
from profundo.recipes.recipe_run import run_recipe
from profundo.recipes.repainting import as_bytes, picture, recoloured
from profundo.records import ProfundoError

SMALL = {"size": 40, "judge": "drawn", "judge_width": 0.1, "steps": 40, "frames": 2, "style_weight": 10.0}


@pytest.fixture
def images(tmp_path):
    draws = np.random.default_rng(0)
    Image.fromarray(draws.integers(0, 256, (60, 48, 3)).astype(np.uint8)).save(tmp_path / "noise.png")
    stripes = np.zeros((48, 60, 3), np.uint8)
    stripes[:, ::4] = (250, 60, 20)
    Image.fromarray(stripes).save(tmp_path / "stripes.png")
    Image.fromarray(np.repeat(np.array([[0, 255]], np.uint8), 30, 1).repeat(60, 0)).save(tmp_path / "right.png")
    return tmp_path


def test_a_recoloured_image_has_the_moments_of_the_other():
    draws = torch.Generator().manual_seed(0)
    image, other = torch.rand(1, 3, 20, 30, generator=draws), torch.rand(1, 3, 9, 9, generator=draws) ** 2
    other[:, 0] += 0.5 * other[:, 1]
    result = recoloured(image, other)[0].flatten(1)
    assert torch.allclose(result.mean(1), other[0].flatten(1).mean(1), atol=1e-4)
    assert torch.allclose(result.cov(), other[0].flatten(1).cov(), atol=1e-3)


def test_the_style_comes_nearer_and_pixels_stay_pixels(images):
    run = run_recipe(
        "style-transfer", SMALL, content=str(images / "noise.png"), style=str(images / "stripes.png"), out=False
    )
    assert run.outcome.scores["style error"] < run.outcome.baseline["style error"] / 2
    assert run.outcome.baseline["content error"] == 0
    canvas = run.outcome.networks["canvas"]
    assert isinstance(canvas, Canvas)
    assert canvas().shape == (1, 3, 40, 32)
    assert 0 < canvas().min() < canvas().max() < 1


@pytest.mark.parametrize(
    ("steps", "frames", "taken", "drawn"), [(7, 3, 9, 3), (6, 3, 6, 3), (2, 5, 2, 2), (5, 4, 6, 3)]
)
def test_steps_are_rounded_up_to_whole_frames_and_told(images, steps, frames, taken, drawn):
    asked = {"content": str(images / "noise.png"), "style": str(images / "stripes.png"), "style_size": 20}
    run = run_recipe("style-transfer", SMALL | asked | {"steps": steps, "frames": frames}, out=False)
    (film,) = (one for one in run.outcome.exhibits if isinstance(one, Film))
    assert len(film.frames) == 1 + drawn
    assert run.outcome.conclusion.startswith(f"After {taken} steps ")


def test_only_where_the_mask_is_white_the_manner_changes(images):
    asked = {"content": str(images / "noise.png"), "style": str(images / "stripes.png"), "style_weight": 30.0}
    run = run_recipe("style-transfer", SMALL | asked, mask=str(images / "right.png"), out=False)
    before, after = as_bytes(picture(asked["content"], 40)).int(), as_bytes(run.outcome.networks["canvas"]()).int()
    change = (after - before).abs().float().mean((0, 1, 2))
    assert change[20:].mean() > 1.2 * change[:12].mean()


def test_colours_of_the_photograph_can_be_kept(images):
    asked = {"content": "flower", "style": str(images / "stripes.png"), "colours": "content"}
    kept, lost = (run_recipe("style-transfer", SMALL | asked | more, out=False) for more in ({}, {"colours": "style"}))
    content = picture("flower", 40)[0].flatten(1).mean(1)

    def far(run):
        return float((run.outcome.networks["canvas"]().detach()[0].flatten(1).mean(1) - content).norm())

    assert far(kept) < far(lost)


def test_what_is_no_image_is_said_before_anything_is_painted(images, tmp_path):
    (tmp_path / "text.jpg").write_text("no image")
    Image.new("RGB", (80, 30)).save(tmp_path / "narrow.png")
    for wrong, expected in (
        ({"content": str(tmp_path / "text.jpg")}, "text.jpg"),
        ({"style": "absent.jpg"}, "expected an image file"),
        ({"size": 8}, "size"),
        ({"content": str(tmp_path / "narrow.png")}, "16 pixels across and down at least, its 80×30 would have 40×15"),
        ({"style": str(tmp_path / "narrow.png")}, "would have 40×15; choose a larger size"),
        ({"style_size": 15}, "would have 15×10"),
        ({"judge": "oracle"}, "judge"),
    ):
        with pytest.raises(ProfundoError, match=expected):
            run_recipe("style-transfer", SMALL | {"content": str(images / "noise.png")} | wrong, out=False)
