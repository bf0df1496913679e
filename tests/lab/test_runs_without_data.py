"""A run whose data were in memory is tried and predicts; no room computes on what stands in for its samples."""

import pytest

import profundo as pf
from lab_desk import Page, new_lab
from profundo.playground.kept_run import run_of
from profundo.playground.playground_settings import new_settings
from profundo.playground.session import Session
from profundo.records import ProfundoError

GONE = "its data were in memory and are gone"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    lab = new_lab(tmp_path_factory.mktemp("lab"))
    session = Session(new_settings(data="xor", samples=60))
    session.step()
    run_of(session).save(lab.runs / "kept")
    return Page(lab)


@pytest.mark.parametrize(
    ("call", "given"),
    [("graph.net", {"net": "run:kept", "sample": 0}), ("training.samples", {"run": "kept"})],
)
def test_a_look_that_is_answered_at_once_refuses_it(page, call, given):
    with pytest.raises(ProfundoError, match=GONE) as refused:
        page.call(call, **given)
    assert str(page.desk.lab.runs) not in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("call", "given"),
    [("surface.plane", {}), ("inside.run", {}), ("inside.codes", {}), ("inside.why", {"methods": ["gradient"]})],
)
def test_a_look_that_is_pushed_refuses_it(page, call, given):
    refused = page.last(call, run="kept", **given)["refused"]
    assert GONE in refused
    assert str(page.desk.lab.runs) not in refused


def test_images_of_such_a_run_are_no_samples_either(page):
    with pytest.raises(ProfundoError, match=GONE):
        page.call("images.net", run="kept")


def test_it_predicts_as_before(page):
    takes = page.call("training.takes", run="kept")
    row = {field["name"]: field["value"] for field in takes["fields"]}
    told = page.call("training.try_row", run="kept", row=row)
    probability = pf.open_run(page.desk.lab.runs / "kept").predict([[float(value) for value in row.values()]])
    shares = {one["name"]: one["share"] for one in told["ranked"]}
    assert float(probability.flatten()[0]) == pytest.approx(list(dict(sorted(shares.items())).values())[-1], abs=1e-6)
