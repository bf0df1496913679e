"""The page of trainings in a real browser: its numbers are those of the runs' own files, and a training is started from a file."""

import json
import shutil
from collections import Counter
from importlib.resources import files

import pytest
from test_every_room import lasting, speak

from browser_waiting import quiet
from canvas_pixels import canvas_pixels
from profundo.languages import Said
from profundo.records import ProfundoError
from profundo.runs.experiment import new_experiment
from profundo.runs.live.live_progress import telling
from profundo.runs.supervised import train
from profundo.use.predicting import predictor

ORANGE, BLUE = (194, 80, 10), (31, 95, 191)  # --curve-2 and --curve-1 of the light page


@pytest.fixture(scope="module")
def trained(lab):
    """Two runs in the lab's folder, as a terminal would have made them."""
    if not (lab.runs / "flowers").exists():
        train(new_experiment(data="iris", net="mlp", epochs=12, doctor=True, seed=1), out=lab.runs / "flowers")
        train(new_experiment(data="iris", net="linear", epochs=6), out=lab.runs / "flat")
    return lab.runs


def percent(value):
    return f"{100 * value:.1f}%"


def test_a_run_of_a_terminal_is_shown_with_its_own_figures(tab, trained):
    page = tab("#/training")
    row = page.locator(".runs tr", has_text="flowers")
    kept = json.loads((trained / "flowers/scores.json").read_text())
    assert percent(kept["test"]["accuracy"]) in row.inner_text()
    assert f"({percent(kept['baseline']['accuracy'])})" in row.inner_text()
    row.get_by_role("link").click()
    page.wait_for_selector("h1:has-text('flowers')")
    scores = (
        page.locator(".panel", has_text="on the test samples").locator("tr", has_text="log loss").first.inner_text()
    )
    assert f"{kept['test']['log loss']:.4g}"[:5] in scores
    last = (trained / "flowers/history.csv").read_text().splitlines()[-1].split(",")
    shown = page.locator(".chart").first.inner_text()
    assert f"{float(last[1]):.3g}" in shown
    assert f"{float(last[2]):.3g}" in shown
    colours = colours_of(page.locator(".chart canvas").first)
    assert colours[BLUE] > 100
    assert colours[ORANGE] > 50, "the validation error is dashed"
    page.reload()
    page.wait_for_selector("h1:has-text('flowers')")


def test_why_a_training_failed_is_said_in_the_language_of_the_page(tab, lab):
    folder = lab.runs / "burst"
    folder.mkdir()
    (folder / "experiment.yaml").write_text("data: iris\n")
    with pytest.raises(ProfundoError), telling(folder):
        raise ProfundoError("--batch-size", told=Said("refusals.no_memory", size=4_096, device="cpu"))
    page = tab("#/training?run=burst")
    page.wait_for_selector(".head .problem:has-text('batches of 4,096 take more memory than cpu has')")
    speak(page, "ca")
    page.wait_for_selector(".head .problem:has-text('els lots de 4096 ocupen més memòria')")
    assert "4096" in page.locator(".runs .failing", has_text="els lots").inner_text()
    shutil.rmtree(folder)


def test_what_the_doctor_advises_is_told_as_fields_of_the_form_and_set_there(tab, lab):
    train(new_experiment(data="iris", net="mlp", learning_rate=5.0, epochs=10, doctor=True), out=lab.runs / "hot")
    page = tab("#/training?run=hot")
    page.wait_for_selector(".finding")
    finding = page.locator(".finding", has_text="learning rate is too high")
    advised = finding.locator("p:has(button)")
    assert advised.inner_text().startswith("Remedy: Learning rate: 0.0")
    rate = advised.inner_text().split("Learning rate: ")[1].split()[0]
    finding.get_by_role("button", name="Train again with this").click()
    page.wait_for_function("() => document.activeElement.id === 'shown'")
    page.wait_for_selector("h1:has-text('New training')")
    assert page.get_by_label("Learning rate", exact=True).input_value() == rate
    assert page.get_by_label("Epochs", exact=True).input_value() == "10"
    page.get_by_label("Learning rate", exact=True).fill("5")
    page.get_by_role("button", name="Check").click()
    page.get_by_role("button", name="Set it so").first.click()
    page.wait_for_function("rate => location.hash.includes(`learning_rate=${rate}`)", arg=rate)
    shutil.rmtree(lab.runs / "hot")


def test_a_validation_loss_that_rose_is_not_called_nothing_wrong(tab, lab):
    train(new_experiment(data="iris", net="linear", epochs=3, doctor=True), out=lab.runs / "long")
    page = tab("#/training?run=long")
    page.wait_for_selector("text=Nothing was found wrong so far")
    history = (lab.runs / "long/history.csv").read_text().splitlines()
    names, last = history[0].split(","), history[-1].split(",")
    last[names.index("validation loss")] = "9.5"
    (lab.runs / "long/history.csv").write_text("\n".join([*history[:-1], ",".join(last)]) + "\n")
    page.reload()
    page.wait_for_selector(
        "text=/Since epoch 2 the validation loss has risen from .* to 9.5.*early stopping, epochs of patience” 10/i"
    )
    assert page.locator("text=Nothing was found wrong").count() == 0
    shutil.rmtree(lab.runs / "long")


def test_advice_on_a_file_names_the_fields_of_the_form(tab, tmp_path):
    path = tmp_path / "visits.csv"
    days = [f"2024-{1 + day // 28:02}-{1 + day % 28:02}" for day in range(112)]
    rows = [f"{day},{number * 7 % 90},{'yes' if number % 7 else 'no'}\n" for number, day in enumerate(days)]
    path.write_text("day,visitors,open\n" + "".join(rows))
    page = tab("#/training?new=")
    page.set_input_files("input[type=file]", str(path))
    page.get_by_label("Target", exact=True).select_option("visitors")
    page.wait_for_selector(".findings li:has-text('“Split by”: “time:day”')")
    speak(page, "es")
    page.wait_for_selector(".findings li:has-text('«Dividir por»: «time:day»')")


def colours_of(canvas):
    """How many pixels of each colour."""
    return Counter(map(tuple, canvas_pixels(canvas)[..., :3].reshape(-1, 3).tolist()))


def test_what_a_net_answers_on_the_page_is_what_the_predictor_says(tab, trained):
    page = tab("#/training?run=flowers")
    page.wait_for_selector(".row-form input")
    row = {"sepal length (cm)": "6.1", "sepal width (cm)": "2.9", "petal length (cm)": "4.7", "petal width (cm)": "1.4"}
    for name, value in row.items():
        page.get_by_label(name).fill(value)
    (told,) = predictor(trained / "flowers").rows([row])
    page.wait_for_function(
        "word => document.querySelector('.prediction')?.textContent === word", arg=str(told["prediction"])
    )
    shares = {
        name: percent(share) for name, share in told["probabilities"].items()
    }  # of a row half filled in it is the same class
    page.wait_for_function(
        """shares => JSON.stringify(Object.fromEntries([...document.querySelectorAll('.shares li')].map(
             one => one.innerText.split('\\n')))) === JSON.stringify(shares)""",
        arg=dict(sorted(shares.items(), key=lambda one: -told["probabilities"][one[0]])),
    )


@pytest.mark.usefixtures("trained")
def test_two_runs_marked_are_compared(tab):
    page = tab("#/training?run=flowers")
    page.get_by_label("Choose to compare: flat").check()
    page.wait_for_selector("h1:has-text('2 runs compared')")
    assert page.evaluate("location.hash") == "#/training?run=flowers&run=flat"
    differing = page.locator(".panel", has_text="Where their settings differ").locator("tbody tr").all_inner_texts()
    assert "network\tmlp\tlinear" in differing
    assert not any(line.startswith("data") for line in differing)


def test_a_file_is_read_corrected_trained_and_watched_to_its_end(tab, lab):
    """In one tab; another one sees it come, and stays where it is."""
    other = tab("#/training?run=nothing")
    other.wait_for_selector("main h1")
    page = tab("#/training?new=digits")
    table = "when;ref;grade\n" + "".join(
        f"{1 + place % 9}.5.2024;{1000 + 7 * (place % 40)};{'ab'[place % 2]}\n" for place in range(80)
    )
    page.locator("input[type=file]").set_input_files(
        {"name": "marks.csv", "mimeType": "text/csv", "buffer": table.encode()}
    )
    page.get_by_label("Target", exact=True).select_option("grade")
    page.wait_for_selector("tr.target:has-text('grade')")
    page.get_by_label("ref: Taken for").select_option("category")
    page.wait_for_selector("tr:has-text('ref'):has-text('as told')")
    page.get_by_label("Leave out: when").check()
    page.wait_for_selector("tr.out:has-text('when')")
    page.get_by_label("Epochs", exact=True).fill("3")
    page.get_by_label("Name of the run").fill("marks-of-may")
    page.get_by_role("button", name="Start training").click()
    page.wait_for_selector(".head .state.finished", timeout=60_000)
    asked = (lab.runs / "marks-of-may/experiment.yaml").read_text()
    for line in ("ref: category", "- when", "target: grade", "epochs: 3"):
        assert line in asked
    assert "marks-of-may" in other.locator(".runs").inner_text()
    assert other.evaluate("location.hash") == "#/training?run=nothing"
    page.get_by_role("button", name="Remove …").click()
    assert (lab.runs / "marks-of-may").exists(), "asked first"
    page.get_by_role("button", name="Remove", exact=True).click()
    other.wait_for_function("() => !document.querySelector('.runs').textContent.includes('marks-of-may')")
    assert not (lab.runs / "marks-of-may").exists()


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize("place", ["?run=flowers", "?run=flowers&run=flat", "?new=iris"])
def test_axe_finds_nothing_and_a_telephone_scrolls_no_page_sideways(tab, place):
    page = tab(f"#/training{place}", width=390, height=844)
    page.wait_for_selector(".row-form, .results, .findings, .setting")
    quiet(page)
    page.evaluate("() => document.querySelectorAll('details').forEach(one => (one.open = true))")
    page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8"))
    assert lasting(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
