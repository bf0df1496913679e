"""The room of surfaces in a real browser: figures and pixels are the library's, with WebGL and without."""

import re
from dataclasses import replace

import numpy as np
import pytest

import profundo as pf
from browser_waiting import eventually, quiet
from profundo.inspect.landscape import landscape
from profundo.studies.optimizer_surfaces import SURFACES, descend

NO_WEBGL = """const before = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
    return kind.startsWith("webgl") ? null : before.call(this, kind, ...rest);
};"""


@pytest.fixture(scope="module")
def path(lab):
    given = {"epochs": 5, "optimizer": "sgd", "learning_rate": 0.1, "keep_epochs": True, "capture": False, "seed": 0}
    return pf.fit("mlp", "iris", out=lab.runs / "surface-iris", **given).folder.path


def colour(page, selector, x, y):
    return page.locator(selector).evaluate(
        "(canvas, [x, y]) => [...canvas.getContext('2d').getImageData(x * canvas.width, y * canvas.height, 1, 1).data]",
        [x, y],
    )


def ends_at(page, row, expected):
    """Whether the table says this height, to three digits."""
    height = page.locator("table tbody tr").nth(row).locator("td").first.inner_text()
    digits = float(f"{expected:.2e}".split("e")[0]) if "·" in height else expected
    return re.match(r"\d", height) and float(height.split("·")[0]) == pytest.approx(digits, rel=6e-3)


def test_optimizers_roll_from_where_one_clicks(tab):
    page = tab("#/surface?mode=roll&surface=ravine&rates=sgd:0.03,adam:0.3")
    above = page.locator("canvas.above")
    above.wait_for()
    box = above.bounding_box()
    above.click(position={"x": 0.25 * box["width"], "y": 0.2 * box["height"]})
    page.wait_for_url(re.compile(r"x=-6\.\d"))
    start = (page.get_by_label("Start x").input_value(), page.get_by_label("Start y").input_value())
    assert [float(one) for one in start] == pytest.approx([-6.5, 1.5], abs=0.1)
    assert page.locator("thead th").nth(1).inner_text() == "Height, step 0"  # nothing has rolled yet
    page.get_by_label("Steps").fill("200")
    surface = replace(SURFACES["ravine"], start=tuple(map(float, start)))
    for row, (name, rate) in enumerate({"sgd": 0.03, "adam": 0.3}.items()):
        expected = descend(surface, name, rate, 200).end
        assert eventually(page, lambda row=row, expected=expected: ends_at(page, row, expected))
    page.get_by_label("Language").select_option("pt")
    field = page.get_by_label("Início y")
    field.fill("1,25")
    page.wait_for_url(re.compile(r"y=1\.25(&|$)"))
    assert field.input_value() == "1,25"
    field.fill("125")
    field.blur()
    assert page.get_by_role("alert").filter(has_text="Espera-se um número, entre −").is_visible()
    page.get_by_label("Idioma").select_option("en")
    page.get_by_role("button", name="To the start").click()
    assert page.locator("thead th").nth(1).inner_text() == "Height, step 0"
    page.get_by_role("button", name="One step", exact=True).click()
    assert page.locator("thead th").nth(1).inner_text() == "Height, step 1"


def test_without_webgl_a_run_s_surface_is_seen_from_above(tab, path):
    page = tab("#/surface?run=surface-iris&samples=100")
    page.add_init_script(NO_WEBGL)
    page.reload()
    page.get_by_text("WebGL is missing").wait_for()
    page.get_by_text("169 of 169").wait_for(timeout=30_000)
    loss = page.locator(".figures dd").first.inner_text()
    expected = landscape(path, samples=100, planes=[], curvature=False).loss
    assert float(loss) == pytest.approx(expected, rel=6e-3)
    quiet(page)
    (file,) = (path / "landscape").glob("random-view-*.npz")
    with np.load(file) as arrays:
        losses = arrays["losses"][::4, ::4]
    row, column = np.unravel_index(losses.argmax(), losses.shape)
    highest = colour(page, "canvas.above", min(0.99, column / 12), min(0.99, 1 - row / 12))
    row, column = np.unravel_index(losses.argmin(), losses.shape)
    lowest = colour(page, "canvas.above", min(0.99, column / 12 + 0.01), min(0.99, 1 - row / 12))
    assert highest[0] > highest[2] > 0  # orange
    assert lowest[2] > lowest[0] > 0  # blue
    page.locator("canvas.above").focus()
    for _ in range(5):
        page.keyboard.press("Shift+ArrowRight")
        page.keyboard.press("Shift+ArrowUp")
    told = page.locator(".here").inner_text()
    assert told.startswith("At 1; 1: height ")
    assert float(told.split()[-1]) == pytest.approx(losses[-1, -1], rel=6e-3)


@pytest.mark.usefixtures("path")
def test_in_three_dimensions_the_surface_turns(tab):
    page = tab("#/surface?run=surface-iris&plane=path&samples=100")
    page.get_by_text("169 of 169").wait_for(timeout=30_000)
    if page.get_by_text("WebGL is missing").count():
        pytest.skip("this browser has no WebGL")
    solid = page.locator(".solid")
    page.locator(".solid canvas").wait_for()
    assert eventually(page, lambda: solid.screenshot() == solid.screenshot())
    before = solid.screenshot()
    solid.focus()
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    assert eventually(page, lambda: solid.screenshot() != before)
    assert "eye=" in page.url
    page.keyboard.press("Home")
    assert eventually(page, lambda: "eye=" not in page.url)


def test_where_balls_start_is_told_as_it_is_moved_by_keys(tab):
    page = tab("#/surface?mode=roll&x=1&y=1")
    stage = page.locator("canvas[role=application]")
    stage.focus()
    page.keyboard.press("ArrowLeft")
    said = page.locator("body > p.unseen[role=status], #app > p.unseen[role=status]")
    assert eventually(page, lambda: re.search(r"Start x 0\.\d+; Start y 1", said.inner_text()))
