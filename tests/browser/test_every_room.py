"""What holds in every room of the lab: nothing that axe-core finds, nothing wider than a telephone, every language, the keyboard."""

from functools import cache
from importlib.resources import files

import pytest

import profundo as pf
from browser_waiting import quiet

ROOMS = ("playground", "graph", "training", "images", "inside", "surface", "words")
AXE = """async how => (await axe.run(how ?? {})).violations.map(
  one => one.id + ': ' + one.nodes.slice(0, 3).map(node => node.html).join(' | '))"""

CONTROLS = """() => [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex]')].filter(
  one => !one.disabled && one.tabIndex >= 0 && one.checkVisibility({visibilityProperty: true})).length"""
FOCUSED = """() => {
  const one = document.activeElement;
  one.dataset.reached ??= String(document.querySelectorAll('[data-reached]').length);
  const shown = getComputedStyle(one).outlineStyle !== 'none' || one === document.body || one.type === 'file';
  return shown ? one.dataset.reached : 'hidden';
}"""


@pytest.fixture(scope="module", autouse=True)
def _a_run(lab):
    """For the rooms that look into one."""
    pf.fit("lenet5", "digits", epochs=1, out=lab.runs / "any-room", capture=False, seed=0)


@pytest.fixture(scope="module")
def axe():
    return files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")


def entered(tab, room, **manners):
    page = tab(f"#/{room}", **manners)
    page.wait_for_selector("main h1", state="attached")
    quiet(page)
    return page


@pytest.fixture(scope="module")
def left_as_it_is(kept_tab, axe):
    """left_as_it_is(room) is a window in it, one for all tests that change nothing there."""

    @cache
    def of(room):
        page = entered(kept_tab, room)
        page.evaluate(axe)
        return page

    return of


def lasting(page, how=None):
    """What axe finds in a page that has come to rest: between two frames nothing is judged."""
    found = page.evaluate(AXE, how)
    if found:
        quiet(page)
        found = page.evaluate(AXE, how)
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_axe_finds_nothing(left_as_it_is, room):
    assert lasting(left_as_it_is(room)) == []


@pytest.mark.parametrize("room", ROOMS)
def test_axe_finds_nothing_too_pale_in_the_dark(left_as_it_is, room):
    page = left_as_it_is(room)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("() => document.getAnimations().length === 0")  # colours that fade
    assert lasting(page, {"runOnly": ["color-contrast"]}) == []
    page.emulate_media(color_scheme="light")


@pytest.mark.parametrize("room", ROOMS)
def test_a_telephone_scrolls_no_page_sideways(left_as_it_is, room):
    page = left_as_it_is(room)
    page.set_viewport_size({"width": 390, "height": 844})
    quiet(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.set_viewport_size({"width": 1280, "height": 800})


@pytest.mark.parametrize("room", ROOMS)
def test_every_language_is_spoken(left_as_it_is, room):
    page = left_as_it_is(room)
    shown = set()
    for language in ("es", "ca", "pt", "en"):
        speak(page, language)
        shown.add(page.inner_text("main") + page.title())
    assert len(shown) == 4
    assert page.get_by_role("combobox", name="Language").is_visible()


def test_the_chosen_language_is_kept(tab):
    page = entered(tab, "graph")
    speak(page, "pt")
    page.reload()
    page.wait_for_selector("main h1", state="attached")
    assert page.evaluate("document.documentElement.lang") == "pt"


def speak(page, language):
    page.locator("header select").select_option(language)
    page.wait_for_function("language => document.documentElement.lang === language", arg=language)


@pytest.mark.parametrize("room", ROOMS)
def test_the_keyboard_reaches_every_control_and_shows_where_it_is(left_as_it_is, room):
    page = left_as_it_is(room)
    controls = page.evaluate(CONTROLS)
    reached = set()
    for _ in range(controls + 40):
        page.keyboard.press("Tab")
        reached.add(page.evaluate(FOCUSED))
    assert "hidden" not in reached
    assert len(reached) >= controls


@pytest.mark.parametrize("language", ["en", "es", "ca", "pt"])
def test_a_telephone_shows_every_room_s_name(kept_tab, language):
    page = kept_tab("#/graph", width=390, height=844)
    speak(page, language)
    for link in page.locator("header nav a").all():
        box = link.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
        assert link.evaluate("one => one.scrollWidth <= one.clientWidth"), link.inner_text()


@pytest.mark.parametrize(
    "place",
    [
        "graph?view=activations",
        "graph?view=matrices&kind=layer",
        "graph?view=formula&at=end",
        "images?view=kernels",
        "surface?mode=roll",
        "training?run=any-room",
    ],
)
def test_axe_finds_nothing_in_other_views_with_all_that_is_folded_open(left_as_it_is, place):
    page = left_as_it_is(place.partition("?")[0])
    page.evaluate("place => { location.hash = '#/' + place }", place)
    quiet(page)
    page.evaluate("for (const one of document.querySelectorAll('main details')) one.open = true")
    quiet(page)
    assert lasting(page) == []


@pytest.mark.parametrize("visits", [False, True])
def test_axe_finds_nothing_in_what_a_newcomer_is_told(tab, axe, visits):
    page = tab("", visits=visits)
    page.locator(".visiting").wait_for()
    quiet(page)
    page.evaluate(axe)
    assert lasting(page, {"runOnly": ["region", "landmark-unique", "aria-allowed-role"]}) == []


def test_a_telephone_that_is_turned_upright_scrolls_nothing_sideways(kept_tab):
    page = entered(kept_tab, "playground", width=844, height=390)
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(200)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
