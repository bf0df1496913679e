"""A teacher shares, a class follows: what the visitors' pages show when the owner's goes somewhere."""

import io
from importlib.resources import files

import numpy as np
import segno
from PIL import Image

from browser_waiting import eventually


def place(page):
    return page.evaluate("location.hash")


def test_visitors_follow_the_owner_until_they_go_elsewhere_and_again_when_they_like(tab):
    owner = tab("#/graph?view=matrices")
    assert eventually(owner, lambda: "left=" in place(owner))
    visitor = tab(visits=True, width=390, height=844)
    assert eventually(visitor, lambda: place(visitor) == place(owner))
    visitor.get_by_role("heading", name="Graph").wait_for(state="attached")
    owner.get_by_role("link", name="Playground").click()
    assert eventually(visitor, lambda: "#/playground" in place(visitor))
    picture = visitor.locator(".visited canvas").first
    settings = visitor.locator(".visited summary", has_text="What is set")
    assert eventually(visitor, lambda: picture.count() and settings.count())
    assert picture.bounding_box()["y"] < settings.bounding_box()["y"]
    assert not visitor.locator(".learning").first.is_visible()

    visitor.get_by_role("link", name="Images").click()
    switch = visitor.get_by_label("Follow the presenter")
    assert eventually(visitor, lambda: not switch.is_checked())
    owner.get_by_role("link", name="Graph").click()
    assert eventually(owner, lambda: "#/graph" in place(owner) and "left=" in place(owner))
    visitor.wait_for_timeout(300)
    assert "#/images" in place(visitor)
    switch.check()
    assert eventually(visitor, lambda: place(visitor) == place(owner))
    visitor.go_back()
    assert eventually(visitor, lambda: not switch.is_checked())


def test_a_lesson_is_opened_by_its_name_and_stays_while_its_net_is_changed(tab):
    page = tab("#/playground?lesson=curve-sine")
    assert eventually(page, lambda: "data=sine" in place(page) and "hidden=4" in place(page))
    question = page.get_by_text("how many tanh neurons does it take?")
    page.get_by_role("button", name="One neuron less in layer 1").click()
    assert eventually(page, lambda: "hidden=3" in place(page))
    assert question.is_visible()


def test_an_address_keeps_what_can_be_and_names_what_cannot(tab):
    page = tab("#/playground?data=spiral&learning_rate=abc&noise=5&speed=warp&hidden=3")
    assert eventually(page, lambda: "data=spiral&noise=5&hidden=3" in place(page))
    assert page.get_by_role("alert").filter(has_text="speed=warp").is_visible()
    assert eventually(
        page, lambda: page.get_by_role("alert").filter(has_text="Learning rate: expected a number").is_visible()
    )
    page = tab("#/images?view=pooling&psize=99&pstride=2")
    alert = page.get_by_role("alert").filter(has_text="psize=99")
    assert eventually(page, alert.is_visible)
    assert eventually(
        page, lambda: page.get_by_label("Stride").count() and page.get_by_label("Stride").input_value() == "2"
    )
    page.get_by_role("link", name="Surface").click()
    assert eventually(page, lambda: not alert.is_visible())


def test_a_run_that_is_not_here_is_said_to_be_gone_and_no_other_is_shown(tab):
    for room in ("inside", "surface", "training"):
        page = tab(f"#/{room}?run=nope")
        assert eventually(page, lambda page=page: page.get_by_text("There is no run nope here").first.is_visible()), (
            room
        )
        assert "run=nope" in place(page)
    for where in ("#/graph?view=net&net=run:nope", "#/images?view=net&run=nope"):
        page = tab(where)
        assert eventually(
            page, lambda page=page: page.get_by_role("alert").filter(has_text="no run").first.is_visible()
        ), where


def test_a_follower_s_room_stays_as_it_is_while_the_owner_moves_in_it(tab):
    moves = {
        "graph?view=activations&name=tanh&a=1": "graph?view=activations&name=relu&a=2",
        "images?view=pooling&pool=max": "images?view=pooling&pool=average",
        "surface?mode=roll&surface=rosenbrock": "surface?mode=roll&surface=ravine",
    }
    owner = tab("#/graph?view=activations&name=tanh&a=1")
    visitor = tab(visits=True, width=390, height=844)
    for start, end in moves.items():
        owner.evaluate("place => { location.hash = '#/' + place }", start)
        assert eventually(visitor, lambda start=start: all(part in place(visitor) for part in start.split("&")))
        assert eventually(visitor, lambda: visitor.evaluate("document.documentElement.scrollHeight > 1000"))
        visitor.evaluate("() => { window.kept = document.querySelector('[role=tabpanel] .panel'); scrollTo(0, 120); }")
        owner.evaluate("place => { location.hash = '#/' + place }", end)
        assert eventually(visitor, lambda end=end: all(part in place(visitor) for part in end.split("&")))
        visitor.wait_for_timeout(100)
        assert visitor.evaluate("[window.kept.isConnected, scrollY]") == [True, 120], end
        assert visitor.get_by_label("Follow the presenter").is_checked()


def test_visitors_see_the_balls_roll_and_stand_where_the_owner_s_do_and_go_on_following_when_loaded_again(tab):
    small = {"width": 400, "height": 300}  # each step is drawn twice
    owner = tab("#/surface?mode=roll&surface=ravine", **small)
    visitor = tab(visits=True, **small)
    step = visitor.locator("thead th").nth(1)
    assert eventually(visitor, lambda: step.count() and step.inner_text() == "Height, step 0")
    owner.get_by_role("button", name="One step", exact=True).click()
    assert eventually(visitor, lambda: step.inner_text() == "Height, step 1")
    visitor.reload()
    assert visitor.get_by_label("Follow the presenter").is_checked()
    owner.get_by_role("button", name="Run", exact=True).click()
    assert eventually(visitor, lambda: step.inner_text() == "Height, step 200")
    assert eventually(visitor, lambda: place(visitor) == place(owner))
    assert "step=200" in place(owner)
    assert visitor.get_by_label("Follow the presenter").is_checked()


def test_the_owner_shows_the_class_how_it_comes_in_and_visitors_are_shown_nothing_of_it(tab):
    owner, visitor = tab("#/graph"), tab("#/graph", visits=True)
    visitor.get_by_label("Follow the presenter").wait_for()
    assert visitor.get_by_role("button", name="Share").count() == 0
    owner.get_by_role("button", name="Share").click()
    dialog = owner.get_by_role("dialog", name="Share")
    address = dialog.locator("code").inner_text()
    code = dialog.get_by_role("img", name=f"QR code of {address}")
    wanted = np.array(segno.make(address, error="m", micro=False).matrix)
    image = np.asarray(Image.open(io.BytesIO(code.screenshot())).convert("L"))
    side = len(wanted) + 8  # with its quiet zone
    middles = ((np.arange(side) + 0.5) * len(image) / side).astype(int)
    np.testing.assert_array_equal(image[np.ix_(middles, middles)] < 128, np.pad(wanted, 4).astype(bool))
    assert eventually(owner, lambda: int(dialog.get_by_role("status").last.inner_text().split()[0]) >= 1)
    owner.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8"))
    assert owner.evaluate("async () => (await axe.run(document.querySelector('dialog'))).violations") == []
    owner.keyboard.press("Escape")
    assert eventually(owner, lambda: dialog.count() == 0)
    assert owner.evaluate("document.activeElement.innerText") == "Share"


def test_the_list_of_words_follows_its_address(tab):
    """By link or hand, by the back button, and where the presenter goes."""
    owner = tab("#/words")
    sought, found = owner.get_by_label("Find a word"), owner.locator(".words dt")
    every = eventually(owner, found.count)
    for word in ("logit", "epoch"):
        owner.evaluate("word => { location.hash = `#/words?find=${word}` }", word)
        assert eventually(owner, lambda word=word: sought.input_value() == word and 0 < found.count() < every)
    owner.go_back()
    assert eventually(owner, lambda: sought.input_value() == "logit" and place(owner) == "#/words?find=logit")
    visitor = tab("#/words", visits=True)
    visitor.get_by_label("Follow the presenter").check()
    for word in ("logit", "kernel"):
        sought.fill(word)
        assert eventually(visitor, lambda word=word: visitor.get_by_label("Find a word").input_value() == word)
    sought.fill("")
    assert eventually(visitor, lambda: visitor.locator(".words dt").count() == every)
