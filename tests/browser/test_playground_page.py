"""The playground in a real browser: its numbers and pixels are the library's own, and survive a page that is loaded again."""

import re

import numpy as np

from profundo.playground.playground_settings import new_settings
from profundo.playground.session import Session

SPIRAL = {"data": "spiral", "hidden": (8, 8), "activation": "tanh", "optimizer": "adam", "learning_rate": 0.01}
QUERY = "data=spiral&hidden=8,8&optimizer=adam&learning_rate=0.01"
COUNTER = "() => [...document.querySelectorAll('.counter dd')].map(one => one.textContent)"


def opened(tab, query):
    page = tab(f"#/playground?{query}")
    page.wait_for_selector(".drawing")
    return page


def counter(page):
    """Epoch, training loss, iteration, test loss, as they are shown."""
    epoch, train, step, test = (float(one.replace(",", "")) for one in page.evaluate(COUNTER))
    return int(epoch), int(step), train, test


def pixels(page, selector):
    """uint8 (height, width, 3) of a canvas."""
    height, width, values = page.evaluate(
        """selector => { const canvas = document.querySelector(selector);
             const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
             return [canvas.height, canvas.width, [...data]]; }""",
        selector,
    )
    return np.array(values, np.uint8).reshape(height, width, 4)[..., :3]


def blueness(picture):
    """(height, width), rising from orange to blue."""
    return picture[..., 2].astype(int) - picture[..., 0]


def test_figures_and_pixels_are_those_of_the_library(tab):
    page = opened(tab, QUERY)
    for _ in range(3):
        page.get_by_role("button", name="One epoch").click()
    page.wait_for_function("() => document.querySelector('.counter dd').textContent === '3'")
    session = Session(new_settings(**SPIRAL))
    session.epochs(3)
    epoch, step, train, test = counter(page)
    assert (epoch, step) == (session.epoch, session.steps)
    figures = session.scores()
    assert train == float(f"{figures['train'].loss:.3g}")
    assert test == float(f"{figures['test'].loss:.3g}")
    page.wait_for_timeout(100)  # the frame is painted
    maps = session.maps(100, 20).as_bytes()
    for selector, values in ((".plane canvas", maps.output), ("button.node canvas", maps.neurons[0][0])):
        painted = blueness(pixels(page, selector))
        assert painted.shape == tuple(values.shape)
        order = np.argsort(values.numpy().ravel(), kind="stable")
        assert (np.diff(painted.ravel()[order]) >= -3).all()  # the palette rises with the value, but for rounding
        assert painted.ravel()[order[-1]] > painted.ravel()[order[0]]


def test_a_weight_is_edited_by_keyboard_and_the_page_finds_it_again(tab):
    page = opened(tab, QUERY)
    page.get_by_role("button", name="Neuron 2 of layer 1").focus()
    page.keyboard.press("Enter")
    field = page.get_by_role("spinbutton", name="Weight from x₂")
    field.fill("-2.5")
    field.press("Enter")
    page.wait_for_function("() => document.getElementById('weight-1').value === '-2.500'")
    page.get_by_role("button", name="One epoch").click()
    page.wait_for_function("() => document.querySelector('.counter dd').textContent === '1'")
    session = Session(new_settings(**SPIRAL))
    session.set_weight(0, 1, 1, -2.5)
    session.epochs(1)
    assert counter(page)[2] == float(f"{session.scores()['train'].loss:.3g}")
    page.reload()
    page.wait_for_selector(".drawing")
    page.wait_for_function("() => document.querySelector('.counter dd').textContent === '1'")
    assert counter(page)[2] == float(f"{session.scores()['train'].loss:.3g}")
    assert "--hidden=8,8" in page.inner_text(".command")


def test_two_tabs_train_each_their_own_and_a_running_one_pauses_at_once(tab):
    page, other = opened(tab, QUERY), opened(tab, "data=circle&hidden=3")
    page.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_function("() => Number(document.querySelector('.counter dd').textContent) > 3")
    page.get_by_role("button", name="Pause", exact=True).click()
    page.get_by_role("button", name="Run", exact=True).wait_for()
    page.wait_for_timeout(150)
    stopped = counter(page)
    page.wait_for_timeout(300)
    assert counter(page) == stopped
    assert counter(other)[:2] == (0, 0)
    session = Session(new_settings(**SPIRAL))
    session.epochs(stopped[0])
    assert stopped[2] == float(f"{session.scores()['train'].loss:.3g}")  # running is no other training


def test_own_points_an_address_that_is_wrong_and_a_net_that_diverges(tab):
    page = opened(tab, "data=nothing")
    assert "nothing" in page.get_by_role("alert").inner_text()
    page.get_by_role("button", name="Points of your own").click()
    plane = page.locator(".plane")
    plane.wait_for()
    box = plane.bounding_box()
    plane.click(position={"x": box["width"] * 0.75, "y": box["height"] * 0.25})
    page.wait_for_function("() => /3:3:1;[23]/.test(location.hash)")
    first, second, added = (one.split(":") for one in re.search(r"points=([^&]*)", page.url)[1].split(";"))
    assert (first, second) == (["-3", "-3", "0"], ["3", "3", "1"])
    assert np.allclose(np.array(added, float), (3, 3, 1), atol=0.15)
    page.get_by_role("combobox", name="Lesson").select_option("rate-too-high")
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("The learning rate is too high").wait_for(timeout=20_000)


def test_a_visitor_sees_what_the_owner_does_and_can_do_nothing(tab):
    page = opened(tab, QUERY)
    visitor = tab("#/playground", visits=True)
    visitor.wait_for_selector(".drawing")
    assert visitor.get_by_role("button", name="Run", exact=True).is_disabled()
    page.get_by_role("button", name="One epoch").click()
    page.get_by_role("button", name="One neuron less in layer 1").click()
    page.get_by_role("button", name="One epoch").click()
    visitor.wait_for_function("() => document.querySelectorAll('button.node').length === 16")
    visitor.wait_for_function("() => document.querySelector('.counter dd').textContent === '1'")
    assert counter(visitor) == counter(page)


def test_the_net_is_there_and_lives_when_one_comes_back_from_another_room(tab):
    page = opened(tab, QUERY)
    for _ in range(2):
        page.get_by_role("button", name="One epoch").click()
    page.wait_for_function("() => document.querySelector('.counter dd').textContent === '2'")
    page.get_by_role("link", name="Graph").click()
    page.wait_for_selector(".drawing", state="detached")
    page.get_by_role("link", name="Playground").click()
    page.wait_for_function("() => document.querySelector('.counter dd')?.textContent === '2'")
    assert QUERY in page.url
    for _ in range(4):  # more than the values that may be on the way
        page.get_by_role("button", name="One epoch").click()
    page.wait_for_function("() => document.querySelector('.counter dd').textContent === '6'")
    page.evaluate("location.hash = '#/playground?data=xor&hidden=3'")  # as a link of a lesson does
    page.wait_for_function("() => document.querySelectorAll('button.node').length === 4")
    page.go_back()
    page.wait_for_function("() => document.querySelectorAll('button.node').length === 17")
