"""Where the keyboard stands after Enter: on the control that was pressed or on what came in its place, never on the page."""

import pytest

import profundo as pf
from browser_waiting import eventually, quiet

FOCUSED = """() => {
  const one = document.activeElement;
  return one === document.body ? 'the page' : one.ariaLabel ?? (one.innerText?.trim() || one.id || one.tagName);
}"""


@pytest.fixture(scope="module", autouse=True)
def _runs(lab):
    for number in (1, 2):
        pf.fit("mlp", "iris", epochs=1, out=lab.runs / f"focus-{number}", capture=False, seed=number)


def pressed(page, role, name, key="Enter"):
    control = page.get_by_role(role, name=name, exact=True).first
    control.wait_for()
    control.focus()
    page.keyboard.press(key)
    quiet(page)
    assert eventually(page, lambda: page.evaluate(FOCUSED) != "the page"), name
    return page.evaluate(FOCUSED)


def test_a_button_that_can_do_no_more_keeps_the_focus(kept_tab):
    page = kept_tab("#/graph?view=formula&ex=product")
    assert pressed(page, "button", "To the end") == "To the end"
    assert pressed(page, "button", "To the beginning") == "To the beginning"
    page = kept_tab("#/playground?hidden=2")
    assert pressed(page, "button", "One hidden layer less") == "One hidden layer less"
    assert eventually(page, lambda: "0 hidden layers" in page.locator("p.unseen[role=status]").inner_text())


def test_what_came_in_the_place_of_a_button_has_the_focus(kept_tab):
    page = kept_tab("#/training?run=focus-1")
    assert pressed(page, "button", "Remove …") == "Keep it"
    assert pressed(page, "button", "Keep it") == "Remove …"
    assert pressed(page, "button", "Remove …") == "Keep it"
    assert pressed(page, "button", "Keep it", key="Escape") == "Remove …"
    assert pressed(page, "button", "Show samples and the worst mistakes") != "the page"
    assert pressed(page, "link", "focus-2") == "focus-2"
    assert "run=focus-2" in page.url
    assert pressed(page, "button", "Train again with changes") != "Train again with changes"


def test_a_place_that_its_person_leaves_is_left(kept_tab):
    page = kept_tab("#/training?run=focus-1")
    page.get_by_role("button", name="Remove …").focus()
    page.evaluate("document.activeElement.blur()")
    page.wait_for_timeout(50)
    page.evaluate("document.querySelector('.actions button').remove()")
    page.wait_for_timeout(50)
    assert page.evaluate(FOCUSED) == "the page"
