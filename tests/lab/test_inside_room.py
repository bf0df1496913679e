"""The room that looks inside of runs: what it tells is what the library computes of the same run, and odd questions are refused."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

import profundo as pf
from lab_desk import Page, new_lab
from profundo.inside.codes import codes
from profundo.inside.dreaming import excite
from profundo.inside.features import top_patches
from profundo.inspect.opened_net import of_run
from profundo.inspect.unit_view import EVERY, STEPS, picture_manner
from profundo.lab.messages import encoded
from profundo.lab.opened_runs import opened_run, run_path
from profundo.lab.rooms.room_calls import CALLS
from profundo.nets.variational import VariationalAutoencoder
from profundo.recipes.recipe_folder import open_model
from profundo.recipes.recipe_run import run_recipe
from profundo.records import ProfundoError

SHORT = {"capture": False, "seed": 0}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    made = new_lab(tmp_path_factory.mktemp("lab"))
    data = pf.load("digits")
    pf.fit(pf.nets.lenet5(data.spec), data, epochs=1, out=made.runs / "own", **SHORT)
    pf.fit("lenet5", "digits", epochs=2, out=made.runs / "digits", **SHORT)
    pf.fit("mlp", "iris", epochs=5, out=made.runs / "iris", **SHORT)
    run_recipe("vae", {"epochs": 1, "draws": 1}, quick=True, out=made.runs / "vae")
    return made


@pytest.fixture(scope="module")
def page(lab):
    return Page(lab)


@pytest.fixture(scope="module")
def looked(lab):
    return of_run(lab.runs / "digits")


def test_runs_are_told_by_what_they_are_good_for(page):
    rows = {row["run"]: row for row in page.call("inside.runs")["runs"]}
    assert set(rows) == {"digits", "iris", "vae"}  # not the one whose net was given: its folder alone cannot open it
    assert (rows["digits"]["kind"], rows["digits"]["looks"], rows["digits"]["draws"]) == ("image", True, False)
    assert (rows["vae"]["looks"], rows["vae"]["draws"]) == (True, True)
    assert list(rows)[-1] == "iris"


def test_a_run_is_told_with_its_samples(page, looked):
    told = page.last("inside.run", run="digits")["value"]
    assert [layer.name for layer in told["layers"]] == list(looked.given)
    assert told["form"] == "images"
    assert told["parameters"] == sum(one.numel() for one in looked.net.parameters())
    strip = told["strip"]
    test = looked.data.test
    torch.testing.assert_close(strip["images"], test.inputs[strip["numbers"]])
    assert strip["targets"].tolist() == test.targets[strip["numbers"]].tolist()
    assert strip["answers"].tolist() == looked.shares(test.inputs[strip["numbers"]]).argmax(1).tolist()
    encoded({"id": 1, "answer": told})


def test_a_unit_is_told_by_what_excites_it(page, looked):
    *_, last = values = page.pushed("inside.unit", run="digits", layer="c1", unit=2)
    told = last["value"]
    raw, _ = looked.samples(looked.data.train, 2000)
    best = top_patches(looked.net, looked.batches(raw), "c1", 9)
    torch.testing.assert_close(told["values"], best.values[2])
    assert torch.equal(told["samples"], raw[best.samples[2]])
    made = excite(looked.net, "c1", [2], steps=STEPS, **picture_manner(looked))
    assert torch.equal(told["image"], looked.pictures_of(made.images)[0])
    assert told["selectivity"] == pytest.approx(float(looked.selectivity["c1"].index[2]))
    assert sum("image" in one["value"] for one in values) >= STEPS // EVERY
    assert "image" not in values[0]["value"]  # what the data hold is there at once
    thumbs = page.last("inside.units", run="digits", layer="c1")["value"]
    assert torch.equal(thumbs["patches"][2], told["patches"][0])
    assert len(thumbs["filters"]) == thumbs["units"] == 6


def test_an_answer_is_explained_with_its_checks(page, looked):
    given = {"run": "digits", "sample": 5, "methods": ["gradient", "grad_cam"], "of": 3}
    *_, last = values = page.pushed("inside.why", **given)
    first, second = last["value"]["results"]
    expected = pf.explain(looked.run, looked.data.test.inputs[5:6], "gradient", of=3)
    torch.testing.assert_close(first["map"], expected.by_place[0])
    assert first["output"] == second["output"] == "3"
    assert set(first["checks"]) == {"layers", "alike", "changes", "areas", "what", "curves"}
    assert "checks" not in values[0]["value"]["results"][0]  # the map is there before its checks
    torch.testing.assert_close(last["value"]["shares"], looked.shares(looked.data.test.inputs[5:6])[0])
    rows = page.last("inside.why", run="iris", methods=["kernel_shap", "grad_cam"])
    assert "one of" in rows["value"]["results"][1]["refused"]
    assert len(rows["value"]["results"][0]["values"]) == 4
    encoded(last)


def test_a_number_is_told_beside_the_truth_and_its_parts_add_up_in_its_own_units(tmp_path):
    """Of a linear net integrated gradients are exact: their sum is the answer to the row less that to the mean row."""
    page = Page(new_lab(tmp_path))
    run = pf.fit("linear", "diabetes", epochs=3, out=page.desk.lab.runs / "sugar", **SHORT)
    row, mean = run.data.test.inputs[4:5], torch.tensor([run.data.spec.inputs.mean])
    told = page.last("inside.why", run="sugar", sample=4, methods=["integrated_gradients", "gradient"])["value"]
    assert told["numbers"] == pytest.approx(run.predict(row)[0].tolist(), rel=1e-5)
    assert told["truths"] == pytest.approx(run.data.test.targets[4].tolist())
    parts, slopes = told["results"]
    assert parts["in_units"]
    assert not slopes["in_units"], "a slope is no part of the answer"
    assert sum(parts["values"]) == pytest.approx(float(run.predict(row) - run.predict(mean)), rel=1e-3)
    assert all(label["es"] == label["en"].replace(".", ",") for label in parts["labels"])
    assert parts["labels"][2]["ca"].startswith("bmi = ")


def test_an_image_of_one_s_own_is_explained(page, looked):
    pixels = looked.data.test.inputs[7, 0].numpy()
    Image.fromarray(pixels).save(page.desk.lab.uploads / "AAAAAAAAAAAAAAAA.png")
    told = page.last("inside.why", run="digits", upload="AAAAAAAAAAAAAAAA.png", methods=["gradient"])["value"]
    assert torch.equal(told["image"], looked.data.test.inputs[7])
    assert told["truth"] is None
    (page.desk.lab.uploads / "BBBBBBBBBBBBBBBB.png").write_bytes(b"no image")
    refused = page.last("inside.why", run="digits", upload="BBBBBBBBBBBBBBBB.png", methods=["gradient"])["refused"]
    assert refused.everywhere["es"].startswith("el archivo: se espera una imagen")
    assert str(page.desk.lab.uploads) not in refused


def test_codes_are_mapped_by_principal_components(page, looked):
    told = page.last("inside.codes", run="digits", layer="relu6")["value"]
    raw = looked.data.test.inputs[told["numbers"]]
    own = codes(looked.net, [looked.ready(raw)], ["relu6"])["relu6"].double().numpy()
    _, sizes, axes = np.linalg.svd(own - own.mean(0), full_matrices=False)
    expected = (own - own.mean(0)) @ axes[:2].T
    np.testing.assert_allclose(np.abs(told["places"].numpy()), np.abs(expected), atol=1e-3 * np.abs(expected).max())
    assert told["shares"] == pytest.approx((sizes[:2] ** 2 / (sizes**2).sum()).tolist(), rel=1e-3)
    assert told["answers"].tolist() == looked.shares(raw).argmax(1).tolist()


def test_pictures_are_drawn_from_codes(page, lab):
    told = page.last("inside.spaces", run="vae")["value"]["spaces"]
    assert [(one["name"], one["width"]) for one in told] == [("vae", 4), ("plane", 2)]
    net = open_model(lab.runs / "vae")[1].networks["plane"]
    assert isinstance(net, VariationalAutoencoder)
    given = {"run": "vae", "space": "plane", "first": "number:1", "second": "number:2"}
    drawn = page.call("inside.drawn", a=0.5, b=-1.0, moved={"1": 2.0}, **given)
    assert drawn["code"].tolist() == pytest.approx([0.5, 2.0])
    with torch.no_grad():
        expected = (255 * net.decode(torch.tensor([[0.5, 2.0]])).sigmoid()).round().byte()[0]
    assert torch.equal(drawn["image"], expected)
    lattice = page.last("inside.lattice", side=3, reach=2.0, **given)["value"]["images"]
    corner = page.call("inside.drawn", a=-2.0, b=2.0, **given)["image"]
    assert torch.equal(lattice[0], corner)


@pytest.mark.parametrize("name", ["", ".", "..", "../runs/digits", "digits/", "a\0b", "a\\b", "nothing", "linked"])
def test_only_runs_of_the_folder_are_opened(lab, name):
    link = lab.runs / "linked"
    if not link.is_symlink():
        link.symlink_to(lab.runs / "digits")
    with pytest.raises(ProfundoError, match="choose one of the list"):
        run_path(lab, name)
    assert "linked" not in {row["run"] for row in Page(lab).call("inside.runs")["runs"]}
    link.unlink()


def test_a_few_runs_are_open_at_once_and_a_run_that_changed_is_opened_anew(lab):
    first = opened_run(lab, "digits")
    assert opened_run(lab, "digits") is first
    scores = lab.runs / "digits" / "scores.json"
    scores.write_text(scores.read_text())
    assert opened_run(lab, "digits") is not first


@pytest.mark.parametrize(
    ("call", "given", "says"),
    [
        ("why", {"run": "digits", "sample": 10**6, "methods": ["gradient"]}, "expected one of 359"),
        ("why", {"run": "digits", "upload": "../../etc/passwd", "methods": ["gradient"]}, "no longer here"),
        ("unit", {"run": "digits", "layer": "c1", "unit": 6}, "units 0 to 5"),
        ("units", {"run": "digits", "layer": "c9"}, "no module of that name"),
        ("codes", {"run": "digits", "method": "map"}, "one of pca"),
        ("spaces", {"run": "digits"}, "train"),
        ("lattice", {"run": "vae", "space": "vae", "first": "number:9"}, "from 1 to 4"),
        ("lattice", {"run": "vae", "space": "__class__"}, "one of vae, plane"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_one_line(page, call, given, says):
    refused = page.last(f"inside.{call}", **given)["refused"]
    assert says in refused
    assert "\n" not in refused
    assert str(page.desk.lab.runs) not in refused


WRONG = [
    ("why", {"run": "digits", "methods": []}),
    ("why", {"run": "digits", "methods": ["gradient"] * 99}),
    ("why", {"run": "digits", "methods": ["gradient"], "sample": -1}),
    ("unit", {"run": "digits", "layer": "c1", "unit": 1.5}),
    ("unit", {"run": "digits", "layer": "c" * 999, "unit": 1}),
    ("drawn", {"run": "vae", "space": "vae", "a": 1e9}),
    ("drawn", {"run": "vae", "space": "vae", "moved": {"-1": 0.0}}),
    ("drawn", {"run": "vae", "space": "vae", "moved": {"0": float("nan")}}),
    ("lattice", {"run": "vae", "space": "vae", "side": 10**6}),
    ("run", {"run": "x" * 999}),
    ("run", {"run": "digits", "more": 1}),
]


@pytest.mark.parametrize(("call", "given"), WRONG, ids=[json.dumps(one)[:60] for one in WRONG])
def test_malformed_questions_do_not_reach_the_library(call, given):
    with pytest.raises(ValidationError):
        CALLS[f"inside.{call}"].form.model_validate(given)


def test_a_number_beyond_the_code_is_refused(page):
    with pytest.raises(ProfundoError, match="code's 4"):
        page.call("inside.drawn", run="vae", space="vae", moved={"4": 1.0})
