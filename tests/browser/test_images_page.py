"""The room of images in a browser: the numbers and the pixels that it shows are the library's."""

import numpy as np
import pytest

import profundo
from canvas_pixels import canvas_pixels
from profundo import images
from profundo.data import standardize

CELLS = "table => [...table.rows].map(row => [...row.cells].map(cell => cell.innerText))"


def pixels(page, selector):
    """uint8 (height, width, 3)."""
    return canvas_pixels(page.locator(selector).first)[..., :3]


def cells(page, label):
    rows = page.get_by_role("table", name=label, exact=True).evaluate(CELLS)
    return [[float(cell.replace("−", "-").replace(",", ".")) for cell in row] for row in rows]


def becomes(page, shown, expected, tolerance=0):
    """Waits for what the lab answers: numbers or pixels."""
    for _ in range(100):
        now = np.array(shown(), float)
        if now.shape == np.shape(expected) and np.abs(now - expected).max() <= tolerance:
            return
        page.wait_for_timeout(100)
    np.testing.assert_allclose(now, expected, atol=tolerance)


def test_a_kernel_slides_over_the_courses_image_step_by_step(tab):
    page = tab("#/images")
    expected = images.correlate(images.COURSE, "1 0 1; 0 1 0; 1 0 1")
    page.get_by_role("table", name="Result", exact=True).wait_for()
    assert cells(page, "Result") == expected.tolist()
    shades = np.rint(expected / 4 * 255).astype(np.uint8)
    np.testing.assert_array_equal(pixels(page, ".picture[aria-label^=Result] canvas")[..., 0], shades)
    page.get_by_role("button", name="Step", exact=True).click()
    page.get_by_text("row 0, column 1", exact=True).wait_for()
    assert np.sum(cells(page, "Products")) == expected[0, 1]
    result = page.get_by_role("application", name="Result")
    result.focus()
    for key in ("ArrowDown", "ArrowRight", "End"):
        result.press(key)
    page.get_by_text("row 1, column 4", exact=True).wait_for()
    assert np.sum(cells(page, "Products")) == expected[1, 4]
    page.get_by_label("Weight in row 2, column 2").fill("-3")
    page.get_by_text("typed by hand").wait_for(state="attached")
    becomes(page, lambda: cells(page, "Result"), images.correlate(images.COURSE, "1 0 1; 0 -3 0; 1 0 1").tolist())
    page.wait_for_function("() => location.hash.includes('-3')")
    page.reload()
    page.get_by_role("table", name="Result", exact=True).wait_for()
    becomes(page, lambda: cells(page, "Kernel"), [[1, 0, 1], [0, -3, 0], [1, 0, 1]])
    page.get_by_text("row 1, column 4", exact=True).wait_for()


def test_a_photograph_is_shown_pixel_by_pixel_and_in_colour_spaces(tab):
    page = tab("#/images?view=pixels&image=flower&x=300&y=200")
    flower = images.read_image("flower")
    page.get_by_role("table", name="As numbers").wait_for()
    np.testing.assert_array_equal(pixels(page, ".picture canvas"), flower.pixels)
    marked = page.locator("td.marked").inner_text().split()
    assert list(map(int, marked)) == flower.pixels[200, 300].tolist()
    page.get_by_role("tab", name="Colours").click()
    page.get_by_label("Colour space").select_option("lab")
    page.get_by_text("L · lightness").wait_for()
    lab = images.to_space(images.reduced(flower, 320).rgb, "lab")
    becomes(page, lambda: pixels(page, ".channels .picture canvas")[..., 0], lab[..., 0] / 100 * 255, 0.51)


@pytest.fixture(scope="module")
def run(lab):
    profundo.fit("lenet5", "digits", epochs=6, out=lab.runs / "lenet5-digits")
    return profundo.open_run(lab.runs / "lenet5-digits", evaluate=False)


def test_a_digit_is_recognised_as_it_is_drawn(tab, run):
    page = tab("#/images?view=net&run=lenet5-digits")
    page.get_by_text("What the net takes it for").wait_for()
    zero = run.data.test.inputs[int((run.data.test.targets == 0).nonzero()[0, 0])][None]
    np.testing.assert_array_equal(pixels(page, ".answer .picture canvas")[..., 0], zero[0, 0])
    shares = run.net.eval()(standardize(zero, run.data.spec.inputs))[0].softmax(0)
    shown = page.locator(".bars li > span:last-child").all_inner_texts()
    assert [float(one.rstrip("%")) for one in shown] == pytest.approx((100 * shares).tolist(), abs=0.051)
    paper = page.get_by_role("application", name="Paper to draw on")
    box = paper.bounding_box()
    stroke = [(0.3, 0.2), (0.7, 0.2), (0.5, 0.8)]  # a seven
    page.mouse.move(*at(box, stroke[0]))
    page.mouse.down()
    for point in stroke[1:]:
        page.mouse.move(*at(box, point), steps=8)
    page.mouse.up()
    page.wait_for_function("() => document.querySelector('.verdict b').innerText === '7'")
    page.get_by_role("button", name="Clear").click()
    paper.focus()  # a one, by keyboard
    for key in ("ArrowUp",) * 8 + (" ",) + ("ArrowDown",) * 16 + (" ",):
        paper.press(key)
    page.wait_for_function("() => document.querySelector('.verdict b').innerText === '1'")
    seen = pixels(page, ".answer .picture canvas")
    page.get_by_role("button", name="Why this answer?").click()
    page.wait_for_selector(".inside .answer .share")
    assert "run=lenet5-digits" in page.evaluate("location.hash")
    np.testing.assert_array_equal(
        pixels(page, ".inside .answer canvas"), seen
    )  # the same image, in the room that says why
    assert page.locator(".inside .answer .share b").first.inner_text() == "1"


def at(box, share):
    return box["x"] + share[0] * box["width"], box["y"] + share[1] * box["height"]


WEBCAM = """() => {
  window.tracks = [];
  const stream = () => {
    const made = document.createElement('canvas').captureStream();
    window.tracks.push(...made.getTracks());
    return made;
  };
  const media = { getUserMedia: () => new Promise((allow) => (window.allow = () => allow(stream()))) };
  Object.defineProperty(navigator, 'mediaDevices', { value: media, configurable: true });
}"""


def test_a_webcam_that_is_allowed_when_the_room_is_left_is_switched_off(tab):
    page = tab("#/images")
    asks = page.get_by_role("button", name="Webcam")
    asks.wait_for()
    page.evaluate(WEBCAM)
    asks.click()
    page.evaluate("window.allow()")
    page.get_by_role("button", name="Stop", exact=True).click()
    page.wait_for_function("() => window.tracks[0].readyState === 'ended'")
    page.get_by_role("button", name="Webcam").click()
    page.get_by_role("link", name="Graph").click()
    asks.wait_for(state="detached")
    page.evaluate("window.allow()")
    page.wait_for_function("() => window.tracks.length === 2")
    page.wait_for_function("() => window.tracks.every(one => one.readyState === 'ended')")


def test_a_browser_that_offers_no_webcam_is_told_why(tab):
    page = tab("#/images")
    asks = page.get_by_role("button", name="Webcam")
    asks.wait_for()
    page.evaluate("Object.defineProperty(navigator, 'mediaDevices', { value: undefined })")
    asks.click()
    page.get_by_text("on this machine or over https").wait_for()
