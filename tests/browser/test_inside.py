"""The room that looks inside of runs, in a real browser: its pixels and figures are the library's."""

import re

import numpy as np
import pytest
import torch

import profundo as pf
from browser_waiting import eventually
from canvas_pixels import canvas_pixels
from profundo.inspect.opened_net import of_run
from profundo.recipes.latent_space import LatentPlane
from profundo.recipes.recipe_folder import open_latent
from profundo.recipes.recipe_run import run_recipe


@pytest.fixture(scope="module")
def looked(lab):
    pf.fit("lenet5", "digits", epochs=3, out=lab.runs / "inside-digits", capture=False, seed=0)
    run_recipe("vae", {"epochs": 1, "draws": 1}, quick=True, out=lab.runs / "inside-vae")
    return of_run(lab.runs / "inside-digits")


def test_a_map_is_blue_where_the_library_s_is_positive(tab, looked):
    page = tab("#/inside?run=inside-digits&view=why&sample=5&methods=gradient&of=3")
    page.locator(".proofs .removal").wait_for()
    shown = canvas_pixels(page.locator("canvas.map"))[..., :3].astype(int)
    map_ = pf.explain(looked.run, looked.data.test.inputs[5:6], "gradient", of=3).by_place[0]
    strong = (map_.abs() > 0.25 * map_.abs().max()).numpy()
    assert strong.sum() > 5
    blue = shown[..., 2] > shown[..., 0]
    assert (blue == (map_ > 0).numpy())[strong].all()
    share = looked.shares(looked.data.test.inputs[5:6])[0].max()
    assert page.locator(".share").first.inner_text().split()[-1] == f"{100 * float(share):.1f}%"
    assert page.locator(".proofs li").count() == 4


@pytest.mark.usefixtures("looked")
def test_the_picture_follows_the_plane_and_the_sliders(tab, lab):
    page = tab("#/inside?run=inside-vae&view=latent&space=plane&from=2&first=number:1&second=number:2")
    pad = page.get_by_role("application")
    pad.focus()
    for key in ("ArrowRight", "ArrowRight", "Shift+ArrowUp"):
        page.keyboard.press(key)
    page.wait_for_url(re.compile(r"a=0\.2&b=0\.5"))
    assert eventually(page, lambda: "0.2; 0.5" in page.locator("p.unseen[role=status]").first.inner_text())
    space = open_latent(lab.runs / "inside-vae")["plane"]
    plane = LatentPlane(space.origin(2), space.direction("number:1"), space.direction("number:2"))

    def same(code):
        expected = space.pictures(code[None])[0, 0].numpy()
        return np.array_equal(canvas_pixels(page.locator(".latent-view canvas.large"))[..., 0], expected)

    code = plane.at(0.2, 0.5).clone()
    assert eventually(page, lambda: same(code))
    page.get_by_label("z2").fill("-2")
    code[1] = -2.0
    assert eventually(page, lambda: same(code))


def test_one_walks_over_the_map_by_arrow_keys(tab, looked):
    page = tab("#/inside?run=inside-digits&view=codes&code=relu6")
    walk = page.get_by_role("application")
    walk.focus()
    seen = []
    for key in ("ArrowRight", "ArrowUp", "ArrowLeft"):
        page.keyboard.press(key)
        seen.append(int(page.locator(".told h2").inner_text().split()[-1]))
        figures = page.locator(".told dd")
        assert figures.nth(0).inner_text() == str(int(looked.data.test.targets[seen[-1]]))
        shares = looked.shares(looked.data.test.inputs[seen[-1] : seen[-1] + 1])[0]
        assert figures.nth(1).inner_text().split()[0] == str(int(shares.argmax()))
    assert len(set(seen)) > 1
    shown = canvas_pixels(page.locator(".told canvas"))[..., 0]
    assert torch.equal(torch.tensor(shown, dtype=torch.uint8), looked.data.test.inputs[seen[-1], 0])
