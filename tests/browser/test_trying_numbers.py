"""A net of numbers tried in a real browser, in the lab and where it is served: its interval, and what is noticed of a row."""

import pytest

from profundo.lab.application import application
from profundo.runs.experiment import new_experiment
from profundo.runs.supervised import train
from profundo.use.predicting import predictor
from served import TOKEN, running


@pytest.fixture(scope="module")
def parcels(lab):
    rows = "".join(f"{place % 40},{'abc'[place % 3]},{3 * (place % 40) + place % 7}\n" for place in range(120))
    table = lab.runs.parent / "parcels.csv"
    table.write_text("kg,way,price\n" + rows)
    train(new_experiment(data=str(table), target="price", net="linear", epochs=2), out=lab.runs / "parcels")
    return predictor(lab.runs / "parcels")


@pytest.mark.usefixtures("parcels")
def test_the_lab_tells_what_is_noticed_and_promises_no_interval_then(tab):
    page = tab("#/training?run=parcels")
    page.get_by_label("kg").fill("20")
    page.wait_for_selector("text=The true value lies there in 90%")
    page.get_by_label("kg").fill("2000")
    page.wait_for_selector("text=column 'kg' is outside of what training saw, 0 to 39")
    page.wait_for_selector("text=its interval promises nothing")
    assert page.get_by_text("The true value lies there").count() == 0
    page.get_by_label("kg").fill("")
    page.wait_for_selector("text=column 'kg' is missing: taken for")


@pytest.mark.usefixtures("parcels")
def test_the_worst_mistakes_of_a_net_of_numbers_are_shown(tab):
    page = tab("#/training?run=parcels")
    page.get_by_role("button", name="Show samples and the worst mistakes").click()
    page.wait_for_selector("td.cell")
    assert page.get_by_text("the lab made a mistake").count() == 0


def test_a_served_page_shows_the_interval_and_the_notices_in_its_language(browser, parcels):
    row = {"kg": "20", "way": "a"}
    (told,) = parcels.rows([row])
    with running(application(parcels, "parcels")) as port:
        window = browser.new_context(locale="ca")
        page = window.new_page()
        page.goto(f"http://127.0.0.1:{port}/?token={TOKEN}")
        page.locator("[data-column=kg]").fill("20")
        page.locator("#row button").click()
        shown = page.locator("#answers .note").first.inner_text()
        page.locator("[data-column=kg]").fill("2000")
        page.locator("#row button").click()
        page.wait_for_selector("text=fora del que va veure l’entrenament, de 0 a 39")
        page.wait_for_selector("text=el seu interval no promet res")
        window.close()
    words = shown.replace("\xa0", " ").replace(",", ".").split()
    assert "".join(words[:4]).startswith("intervaldel90%:")
    assert [float(words[-3]), float(words[-1])] == pytest.approx([told["low"], told["high"]], rel=1e-5)
