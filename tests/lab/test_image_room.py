"""The room of images answers what the library computes, and refuses in one line whatever else is asked."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

import profundo
from lab_desk import Page, new_lab
from profundo import images
from profundo.data import standardize
from profundo.inside.observing import observed
from profundo.lab import opened_runs
from profundo.lab.calls import answered
from profundo.lab.desks import Desk, Lab
from profundo.lab.messages import encoded
from profundo.lab.rooms import image_sources
from profundo.lab.rooms.room_calls import CALLS
from profundo.lab.trainings import starting
from profundo.records import ProfundoError
from profundo.runs.settings.plain_yaml import plain_mapping

TWO = [[[250, 250], [400, 100], [600, 120], [700, 300], [600, 500], [250, 880]], [[250, 880], [750, 880]]]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """With one run whose net takes images."""
    folder = tmp_path_factory.mktemp("lab")
    (folder / "uploads").mkdir()
    profundo.fit("lenet5", "digits", epochs=4, out=folder / "runs" / "lenet5-digits")
    return Lab(folder / "runs", folder / "uploads")


@pytest.fixture
def ask(lab):
    desk = Desk(lab, "owner", "a desk")

    def answer(name, **given):
        call = CALLS[f"images.{name}"]
        result = answered(f"images.{name}", call, desk, given)
        encoded({"answer": result})
        return result

    return answer


def test_the_example_of_the_courses_comes_out_and_its_steps_add_up(ask):
    kernel = "1 0 1; 0 1 0; 1 0 1"
    answer = ask("convolve", image="course", kernel=kernel)
    expected = images.correlate(images.COURSE, kernel)
    np.testing.assert_array_equal(answer["picture"], np.rint(expected / 4 * 255))
    assert answer["formulas"] == [images.size_formula(7, 3)] * 2
    for row, column in ((0, 1), (2, 3), (4, 4)):
        step = ask("step", image="course", kernel=kernel, row=row, column=column)
        assert step["sum"] == expected[row, column]
        np.testing.assert_array_equal(step["output"]["values"][..., 0], expected)
        np.testing.assert_array_equal(step["patch"][..., 0], images.COURSE[row : row + 3, column : column + 3])


@pytest.mark.parametrize("plane", ["grey", "colours"])
def test_a_photograph_is_convolved_as_by_the_library(ask, plane):
    how = {"padding": "mirror:2", "stride": 2, "dilation": 2}
    image = images.read_image("flower")
    pixels = image.grey if plane == "grey" else image.colours
    expected = images.convolve(pixels, "sobel-x", **how)
    answer = ask("convolve", image="flower", kernel="sobel-x", plane=plane, turned=True, **how)
    assert answer["shape"] == expected.shape[:2]
    values = answer["low"] + answer["picture"] / 255 * (answer["high"] - answer["low"])
    assert np.abs(values - expected).max() <= (answer["high"] - answer["low"]) / 255 * 0.51
    step = ask("step", image="flower", kernel="sobel-x", plane=plane, turned=True, row=50, column=70, channel=1, **how)
    assert step["sum"] == pytest.approx(
        expected[50, 70] if plane == "grey" else expected[50, 70, 1], rel=1e-5, abs=1e-3
    )
    near = expected if plane == "grey" else expected[..., 1]
    np.testing.assert_allclose(step["output"]["values"][..., 0], near[48:53, 68:73], rtol=1e-4, atol=1e-2)


def test_a_place_beyond_the_end_is_the_last_one(ask):
    step = ask("step", image="course", kernel="box", row=2**25, column=2**25)
    assert (step["row"], step["column"]) == (4, 4)
    assert ask("pixel", image="course", x=2**25, y=2)["five"] == [6, 2, 0, 0, 0]
    assert ask("pool", image="course", row=99, column=99)["row"] == 2


def test_a_pixel_is_its_numbers_in_every_space(ask):
    answer = ask("pixel", image="china", x=300, y=200)
    image = images.read_image("china")
    near = answer["near"]
    np.testing.assert_array_equal(
        near["values"], image.pixels[near["top"] : near["top"] + 9, near["left"] : near["left"] + 9]
    )
    assert answer["five"] == [300, 200, *image.pixels[200, 300]]
    for name in images.SPACES:
        np.testing.assert_allclose(answer["spaces"][name], images.to_space(image.rgb[200, 300], name))


def test_colours_go_there_and_back_and_a_turned_hue_is_another_colour(ask):
    for name in images.SPACES:
        answer = ask("colours", image="cifar" if name == "none" else "digits:3", space=name)
        assert answer["difference"] < 0.6
    plain, turned = (ask("colours", image="flower", space="hsv", shifts=[turn, 0.0, 0.0]) for turn in (0.0, 1 / 3))
    red, green, blue = np.moveaxis(plain["back"].astype(int), -1, 0)
    np.testing.assert_allclose(turned["back"], np.stack([blue, red, green], -1), atol=1)  # by 120 degrees
    only = ask("colours", image="flower", space="lab", kept=0)
    lab = images.to_space(only["back"], "lab")
    assert np.abs(lab[..., 1].std()) < 6 < images.to_space(plain["back"], "lab")[..., 1].std()


def test_pooling_shows_where_each_value_stood(ask):
    image = images.read_image("flower").pixels
    answer = ask("pool", image="flower", plane="colours", kind="max", size=3, stride=3, row=20, column=30)
    pooled = images.pool(image, "max", 3)
    np.testing.assert_array_equal(answer["picture"], pooled.values)
    np.testing.assert_array_equal(answer["unpooled"], images.unpool(pooled))
    assert image[(*answer["place"], 0)] == answer["value"] == answer["window"].max()
    assert ask("pool", image="flower", kind="average")["unpooled"] is None


def test_an_upload_is_shown_and_a_large_one_reduced(ask, lab):
    Pillow.fromarray(np.arange(1200, dtype=np.uint8).reshape(1, 1200).repeat(4, 0)).save(
        lab.uploads / "abcdefghijklmnop.png"
    )
    answer = ask("open", image="upload:abcdefghijklmnop.png")
    assert (answer["width"], answer["height"], answer["whole"]) == (600, 2, "1200 × 4")


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("open", {"image": "upload:../../etc/passwd"}),
        ("open", {"image": "upload:linked0123456789.png"}),
        ("open", {"image": "/etc/passwd"}),
        ("open", {"image": "digits:10"}),
        ("open", {"image": "digits:-1"}),
        ("open", {"image": "digits:99999999999999999999"}),
        ("open", {"image": ""}),
        ("open", {"image": "a" * 10_000}),
        ("open", {"image": 3}),
        ("open", {"image": "upload:damagedimagefile.png"}),
        ("open", {"image": "drawn", "strokes": [[[0, 1001]]]}),
        ("open", {"image": "drawn", "strokes": [[[0, 1]]] * 101}),
        ("open", {"image": "drawn", "strokes": [[[0, 1, 2]]]}),
        ("open", {"image": "drawn", "strokes": [[[0, 1]] * 2000] * 100}),
        ("convolve", {"image": "course", "kernel": "no such kernel"}),
        ("convolve", {"image": "course", "kernel": "1 nan"}),
        ("convolve", {"image": "course", "kernel": "gabor"}),
        ("convolve", {"image": "course", "kernel": "box", "padding": "9999999999"}),
        ("convolve", {"image": "course", "kernel": "box", "stride": 0}),
        ("convolve", {"image": "course", "kernel": "box", "dilation": 10**9}),
        ("convolve", {"image": "flower", "kernel": "1 | 2", "plane": "colours"}),
        ("step", {"image": "course", "kernel": "box", "row": -1}),
        ("step", {"image": "course", "kernel": "box", "row": 1.5}),
        ("pool", {"image": "course", "kind": "median"}),
        ("pool", {"image": "course", "size": 8}),
        ("colours", {"image": "course", "space": "xyz"}),
        ("colours", {"image": "course", "space": "hsv", "shifts": [float("nan")]}),
        ("look", {"image": "course", "run": "../lenet5-digits"}),
        ("look", {"image": "course", "run": "linked"}),
        ("look", {"image": "course", "run": ".."}),
        ("look", {"image": "course", "run": "."}),
        ("look", {"image": "course", "run": "half"}),
        ("net", {"run": "lenet5-digits\0"}),
        ("net", {"run": "lenet5-digits/../lenet5-digits"}),
        ("net", {"run": "𝕏" * 120}),
        ("look", {"image": "test:10", "run": "lenet5-digits"}),
        ("look", {"image": "test:x", "run": "lenet5-digits"}),
        ("unit", {"image": "test:0", "run": "lenet5-digits", "layer": "f6", "unit": 0}),
        ("unit", {"image": "test:0", "run": "lenet5-digits", "layer": "c3", "unit": 16}),
        ("unit", {"image": "test:0", "run": "lenet5-digits", "layer": "__class__", "unit": 0}),
        ("train", {"data": "/etc"}),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_one_line_without_a_path(ask, lab, name, given):
    (lab.uploads / "damagedimagefile.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 40)
    for link, target in (
        (lab.uploads / "linked0123456789.png", Path("/etc/passwd")),
        (lab.runs / "linked", lab.runs / "lenet5-digits"),
    ):
        link.is_symlink() or link.symlink_to(target)
    with pytest.raises(ProfundoError) as refusal:
        ask(name, **given)
    line = str(refusal.value)
    assert "\n" not in line
    assert str(lab.runs.parent) not in line
    assert len(line) < 600


def test_runs_are_those_of_images_and_no_links(ask, lab):
    (lab.runs / "linked").is_symlink() or (lab.runs / "linked").symlink_to(lab.runs / "lenet5-digits")
    (lab.runs / "half").mkdir(exist_ok=True)
    (lab.runs / "half" / "experiment.yaml").write_text("data: digits\n")
    assert ask("runs")["runs"] == ["lenet5-digits"]


def test_maps_and_probabilities_are_those_of_the_run(ask, lab):
    net = ask("net", run="lenet5-digits")
    assert net["labels"] == list(range(10))
    assert [row["name"] for row in net["layers"] if row["apart"]] == ["c1", "c3"]
    look = ask("look", run="lenet5-digits", image="test:4")
    run = profundo.open_run(lab.runs / "lenet5-digits", evaluate=False)
    raw = run.data.test.inputs[int((run.data.test.targets == 4).nonzero()[0, 0])][None]
    np.testing.assert_array_equal(look["picture"], raw)
    ready = standardize(raw, run.data.spec.inputs)
    with torch.no_grad():
        torch.testing.assert_close(look["shares"], run.net.eval()(ready)[0].softmax(0), atol=1e-5, rtol=0)
    torch.testing.assert_close(look["terms"].shares.float(), look["shares"])
    given = observed(run.net.eval(), ready)[1]
    for layer in look["layers"]:
        assert layer.most == pytest.approx(given[layer.name].abs().max().item(), rel=1e-5)
    unit = ask("unit", run="lenet5-digits", image="test:4", layer="c3", unit=7, row=1, column=2)
    torch.testing.assert_close(unit["map"], given["c3"][0, 7], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(unit["after"]["map"], given["relu3"][0, 7], atol=1e-4, rtol=1e-4)
    place = unit["place"]
    assert place["sums"].sum().item() + place["rest"] + unit["bias"] == pytest.approx(
        given["c3"][0, 7, 1, 2].item(), abs=1e-4
    )


def test_a_drawn_digit_is_recognised_wherever_and_however_small_it_is_drawn(ask):
    small = [[[600 + x // 4, 50 + y // 4] for x, y in stroke] for stroke in TWO]
    for strokes in (TWO, small):
        look = ask("look", run="lenet5-digits", image="drawn", strokes=strokes)
        assert look["shares"].argmax() == 2
    assert ask("look", run="lenet5-digits", image="flower")["picture"].shape[-2:] == (8, 8)


def test_an_image_on_a_ground_that_training_never_had_is_remarked(ask, lab):
    grounds = {}
    for name, ground in (("bright", 255), ("dark", 0)):
        page = np.full((16, 16), ground, np.uint8)
        page[4:12, 7:9] = 255 - ground
        Pillow.fromarray(page).save(lab.uploads / f"{name:A<16}.png")
        grounds[name] = ask("look", run="lenet5-digits", image=f"upload:{name:A<16}.png")["reversed"]
    assert grounds == {"bright": True, "dark": False}
    assert not any(ask("look", run="lenet5-digits", image=one, strokes=TWO)["reversed"] for one in ("drawn", "test:4"))


def test_a_net_stays_open_and_images_are_decoded_once(ask, lab, monkeypatch):
    opened = []
    monkeypatch.setattr(
        opened_runs, "looked_of", lambda path, original=opened_runs.looked_of: opened.append(path) or original(path)
    )
    monkeypatch.setattr(
        image_sources, "read_image", lambda name, original=images.read_image: opened.append(name) or original(name)
    )
    for _ in range(3):
        ask("look", run="lenet5-digits", image="china")
        ask("pixel", image="china")
    assert opened.count("china") == 1
    assert len(opened) <= 2
    scores = lab.runs / "lenet5-digits" / "scores.json"
    os.utime(scores, ns=(1, 1))  # as one that was trained anew
    ask("look", run="lenet5-digits", image="china")
    assert opened[-1] == lab.runs / "lenet5-digits"


def test_a_training_goes_on_without_the_lab_and_only_one_at_a_time(tmp_path):
    assert [name for name, call in CALLS.items() if name.startswith("images.") and call.changes] == ["images.train"]
    page = Page(new_lab(tmp_path))
    run = page.call("images.train", data="digits")["run"]
    assert run == "lenet5-digits-1"
    (child,) = starting.children
    try:
        assert os.getsid(child.pid) == child.pid  # Ctrl-C in the lab's terminal does not reach it
        assert child.stdout is None  # nor does it end for want of a reader
        assert page.call("images.lesson", run=run)["state"] == "starting"
        for _ in range(3):
            with pytest.raises(ProfundoError, match="lenet5-digits-1: is in training already"):
                page.call("images.train", data="digits")
        kept = plain_mapping((page.desk.lab.runs / ".started" / f"{run}.yaml").read_bytes(), "it")
        assert (kept["data"], kept["net"], kept["epochs"]) == ("digits", "lenet5", 15)
    finally:
        child.kill()
        child.wait()
    assert page.call("images.lesson", run=run)["state"] == "failed"
    with pytest.raises(ProfundoError, match="no such run"):
        page.call("images.lesson", run="nothing")


def test_a_net_that_says_what_it_takes_an_image_for_comes_before_a_later_one_of_which_only_its_data_tell(
    ask, monkeypatch
):
    rows = [
        {"run": run, "looks": True, "kind": kind} for run, kind in (("dd", ""), ("lenet", "image"), ("iris", "table"))
    ]
    monkeypatch.setattr("profundo.lab.rooms.image_nets.looked_runs", lambda _: rows)
    assert ask("runs")["runs"] == ["lenet", "dd"]
