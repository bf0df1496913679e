"""The playground in a real browser: its numbers and pixels are the library's own, and survive a page that is loaded again."""

import re

import numpy as np

from browser_waiting import eventually, quiet
from canvas_pixels import canvas_pixels
from profundo.playground.own_points import points_of_table
from profundo.playground.playground_settings import new_settings
from profundo.playground.session import Session
from profundo.playground.side_by_side_run import Race

SPIRAL = {"data": "spiral", "hidden": (8, 8), "activation": "tanh", "optimizer": "adam", "learning_rate": 0.01}
HAS_COLOUR = """colour => {
  const canvas = document.querySelector('.curves canvas');
  const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  for (let at = 0; at < data.length; at += 4) if (data.slice(at, at + 3).join() === colour && data[at + 3] === 255) return true;
  return false;
}"""
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
    return canvas_pixels(page.locator(selector).first)[..., :3]


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
    quiet(page)
    maps = session.maps(100, 20).as_bytes()
    for selector, values in ((".plane canvas", maps.output), ("button.node canvas", maps.neurons[0][0])):
        painted = blueness(pixels(page, selector))
        assert painted.shape == tuple(values.shape)
        order = np.argsort(values.numpy().ravel(), kind="stable")
        assert (np.diff(painted.ravel()[order]) >= -3).all()  # the palette rises with the value, but for rounding
        assert painted.ravel()[order[-1]] > painted.ravel()[order[0]]
    lines = canvas_pixels(page.locator(".plane canvas").nth(1))[..., 3] > 0  # the first class, told without colours
    first = np.kron(maps.output.numpy() < 128, np.ones((lines.shape[0] // 100,) * 2, bool))
    assert lines[first].any()
    assert not lines[~first].any()


def test_a_weight_is_edited_by_keyboard_and_the_page_finds_it_again(tab):
    page = opened(tab, QUERY)
    page.get_by_role("button", name="Neuron 2 of layer 1").focus()
    page.keyboard.press("Enter")
    field = page.get_by_role("textbox", name="Weight from x₂")
    field.fill("-2,5x")
    field.press("Enter")
    page.get_by_role("alert").filter(has_text="A number is expected, from").wait_for()
    field.fill("-2,5")
    field.press("Enter")
    page.wait_for_function("() => document.querySelectorAll('#neuron input')[1].value === '-2.500'")
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
    quiet(page)
    stopped = counter(page)
    page.wait_for_timeout(200)  # in which it would go on
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
    page.get_by_role("textbox", name="x₁").fill("99")
    page.get_by_role("button", name="Add").press("Enter")
    assert page.evaluate("document.activeElement.value") == "99"  # which is refused, and no other point added for it
    page.get_by_role("textbox", name="x₁").fill("2")
    page.get_by_role("button", name="Add").press("Enter")
    page.wait_for_function("() => /;2:[^;]*$/.test(/points=([^&]*)/.exec(location.hash)[1])")
    assert page.url.count(";") == 3  # and none for what was refused before
    page.get_by_role("combobox", name="Lesson").select_option("rate-too-high")
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_role("button", name="The learning rate is too high").wait_for(timeout=20_000)


def test_a_visitor_sees_what_the_owner_does_and_can_do_nothing(tab):
    page = opened(tab, QUERY)
    visitor = tab("#/playground", visits=True)
    visitor.wait_for_selector(".drawing")
    assert visitor.get_by_role("button", name="Run", exact=True).count() == 0  # what would do nothing is not in the way
    page.get_by_role("button", name="One epoch").click()
    smaller = "() => document.querySelectorAll('button.node').length === 16"
    for epochs, act, then in (("1", "One neuron less in layer 1", smaller), ("0", "One epoch", "() => true")):
        for one in (page, visitor):
            one.wait_for_function(f"() => document.querySelector('.counter dd').textContent === '{epochs}'")
        page.get_by_role("button", name=act).click()
        for one in (page, visitor):
            one.wait_for_function(then)
    for one in (page, visitor):
        one.wait_for_function("() => document.querySelector('.counter dd').textContent === '1'")
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


def test_switches_speed_and_lesson_stand_in_the_address_and_are_found_again(tab):
    page = opened(tab, QUERY)
    page.get_by_role("combobox", name="Lesson").select_option("rate-too-high")
    page.wait_for_function("() => location.hash.includes('lesson=rate-too-high')")
    page.get_by_role("checkbox", name="Gradients on links").check()
    page.get_by_role("checkbox", name="Test points").uncheck()
    page.get_by_role("combobox", name="Speed").select_option("fast")
    page.wait_for_function("() => location.hash.endsWith('&show=gradients&hide=test&speed=fast&lesson=rate-too-high')")
    other = tab(page.url[page.url.index("#") :])  # a desk of its own, as whom the link is sent to has
    other.wait_for_selector(".drawing")
    other.wait_for_function("() => document.querySelector('.controls select').value === 'fast'")
    assert other.get_by_role("checkbox", name="Gradients on links").is_checked()
    assert not other.get_by_role("checkbox", name="Test points").is_checked()
    assert other.get_by_role("combobox", name="Lesson").input_value() == "rate-too-high"
    assert other.url[other.url.index("#") :] == page.url[page.url.index("#") :]


def test_a_table_of_ones_own_and_a_race_are_those_of_the_library(tab, tmp_path):
    rows = [f"{k % 7 + 0.5},{k * k % 11},{3 * k},{k % 2}" for k in range(80)]
    table = tmp_path / "things.csv"
    table.write_text("a,b,far,kind\n" + "\n".join(rows))
    page = opened(tab, "hidden=3")
    page.locator(".file input").set_input_files(table)
    target = page.get_by_role("combobox", name="Column to predict")
    target.wait_for()
    assert target.input_value() == "kind"
    page.get_by_role("combobox", name="Column across").select_option("far")
    page.get_by_text("far, b, kind").wait_for()
    page.get_by_label("Learning rate: Adam", exact=True).fill("0.5")
    for name in ("with momentum", "RMSProp"):
        page.get_by_role("checkbox", name=name).uncheck()
    page.locator(".racers + button").click()
    page.locator(".race-maps li").nth(1).wait_for()
    settings = new_settings(hidden=(3,), epochs=40, **points_of_table(table, "kind", ("far", "b")))
    race = Race(settings, ("sgd", "adam"), {"sgd": settings.learning_rate, "adam": 0.5})
    race.epochs(40)
    shown = page.locator(".race-maps").evaluate("one => one.previousElementSibling.previousElementSibling.innerText")
    losses = [session.scores()["train"].loss for session in race.sessions.values()]
    assert [float(one) for one in re.findall(r"\d\.\d+", shown)] == [float(f"{loss:.3g}") for loss in losses]
    for index, session in enumerate(race.sessions.values()):
        values = session.maps(40, 40).as_bytes().output
        painted = blueness(pixels(page, f".race-maps li:nth-child({index + 1}) canvas"))
        order = np.argsort(values.numpy().ravel(), kind="stable")
        assert (np.diff(painted.ravel()[order]) >= -3).all()


def test_a_chart_wears_the_colours_of_its_page(tab):
    page = opened(tab, QUERY)
    page.wait_for_selector(".curves canvas")
    for colour, button in (("227,223,214", "Dark page"), ("52,56,65", "Light page"), ("227,223,214", "Dark page")):
        page.wait_for_function(HAS_COLOUR, arg=colour)  # its rules
        page.get_by_role("button", name=button).click()


def test_more_classes_are_drawn_after_two(tab):
    page = opened(tab, "data=circle&hidden=3")
    page.get_by_role("button", name="Clouds of several classes").click()
    page.wait_for_function("() => document.querySelectorAll('button.node.output').length === 3")
    page.get_by_role("button", name="One epoch").click()
    page.wait_for_function("() => document.querySelector('.counter dd').textContent === '1'")
    page.wait_for_timeout(100)
    drawn = pixels(page, ".plane canvas").astype(int)
    session = Session(new_settings(data="blobs", hidden=(3,)))
    session.epochs(1)
    classes = session.maps(100, 20).output.argmax(0).numpy()
    assert drawn.shape[:2] == classes.shape
    hues = [np.argmax(drawn[classes == one].mean(0) - drawn.mean((0, 1))) for one in range(3)]
    assert hues == [0, 2, 1]  # orange, blue, green, where the library says so


REFUSE = """() => { const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (text) { send.call(this, String(text).replace('"speed":"fast"', '"speed":"warp"')); }; }"""


def test_a_choice_that_is_refused_is_taken_back(tab):
    page = tab("#/playground?data=spiral")
    speed = page.get_by_label("Speed")
    speed.wait_for()
    before = speed.input_value()
    page.evaluate(REFUSE)
    speed.select_option("fast")
    page.locator(".playground > .problem").wait_for()
    assert eventually(page, lambda: speed.input_value() == before)


def test_only_losses_that_the_targets_take_are_offered(tab):
    page = tab("#/playground?data=circle&show=more")
    names = page.get_by_label("Loss", exact=True).locator("option")
    names.first.wait_for(state="attached")
    assert [one.get_attribute("value") for one in names.all()] == ["auto", "bernoulli", "hinge"]


def test_what_is_below_stays_where_it_is_as_the_doctor_begins_to_speak(tab):
    page = tab("#/playground?data=spiral&learning_rate=10")
    top = "() => document.querySelector('.stage').getBoundingClientRect().top"
    page.locator(".stage .node").first.wait_for()
    before = page.evaluate(top)
    page.get_by_role("button", name="Run", exact=True).click()
    page.locator(".glance .sign").first.wait_for()
    assert page.evaluate(top) == before
