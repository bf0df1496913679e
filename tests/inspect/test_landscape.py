"""What `profundo landscape` measures of runs and nets: the figures against the net itself, going on after an interruption,
the page, the command, wrong words."""

import json
import sys
from contextlib import nullcontext
from itertools import chain, repeat

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import profundo as pf
from profundo.cli import main
from profundo.data.full_batch import whole
from profundo.inside.surface import Bend, barrier, straight
from profundo.inside.surface.plane_survey import Surveyors
from profundo.inspect import landscape as module
from profundo.inspect.landscape import landscape
from profundo.inspect.training_path import training_path
from profundo.pictures.safety import is_drawing
from profundo.records import Interrupted, ProfundoError
from profundo.train.kept_epochs import kept_epochs, read_epoch

FEW = {"points": 5, "samples": 60}
SHORT = {"epochs": 3, "capture": False}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "one"
    return pf.fit("mlp", pf.load("iris"), out=folder, keep_epochs=True, optimizer="sgd", learning_rate=0.1, **SHORT)


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    return pf.fit("mlp", pf.load("iris"), out=tmp_path_factory.mktemp("runs") / "two", seed=1, **SHORT)


@pytest.fixture(scope="module")
def found(run, other):
    return landscape(run, other, **FEW)


def plane(found, kind):
    return next(one for one in found.planes if one.kind == kind)


def test_the_middle_of_a_random_plane_is_the_loss_of_the_net(run, found):
    one = plane(found, "random")
    assert one.losses.shape == (5, 5)
    assert one.losses[2, 2] == pytest.approx(found.loss, rel=1e-5)
    scores = run.evaluate("train")
    assert landscape(run, planes=[], curvature=False, samples=10**6).loss == pytest.approx(scores["log loss"], rel=1e-4)


def test_the_way_is_that_of_the_kept_epochs(run, found):
    one = plane(found, "path")
    assert len(one.places) == 5  # before training, after three epochs, the solution
    assert one.places[-1] == pytest.approx((0, 0), abs=1e-6)
    assert one.places[-2] == pytest.approx((0, 0), abs=1e-6)
    assert 0 <= one.explained[1] <= one.explained[0] <= 1
    first = read_epoch(kept_epochs(run.folder.epochs)[0])
    apart = sum(float((first[name] - value).square().sum()) for name, value in run.net.state_dict().items())
    assert np.square(one.places[0]).sum() <= apart * 1.0001
    assert found.course.how == "kept after each epoch"
    assert found.course.epochs == (0, 1, 2, 3)


def test_the_edge_of_each_epoch_is_two_over_its_rate(run, found):
    rates = [0.1 * row["rate"] for row in run.history.rows]
    expected = [2 / rate for rate in (rates[0], *rates)]
    assert found.course.edges == pytest.approx(expected)


def test_a_run_without_kept_epochs_is_trained_again_to_the_same_weights(run, tmp_path):
    plain = pf.fit("mlp", pf.load("iris"), out=tmp_path / "plain", optimizer="sgd", learning_rate=0.1, **SHORT)
    before = [value.clone() for value in plain.net.parameters()], torch.get_rng_state()
    opened = landscape(tmp_path / "plain", **FEW)
    assert "trained again" in opened.course.how
    assert plane(opened, "path").explained == pytest.approx(plane(landscape(run, **FEW), "path").explained, rel=1e-4)
    assert all(map(torch.equal, before[0], plain.net.parameters()))
    assert torch.equal(before[1], torch.get_rng_state())


def test_a_bent_way_is_never_higher_than_the_straight_one_was(found, run, other):
    walls = found.between.barriers
    assert 0 <= walls["bent"] <= walls["straight"] + 1e-6
    ways = found.between.losses
    assert ways["straight"]["training"][0] == pytest.approx(ways["bent"]["training"][0], rel=1e-5)
    assert ways["straight"]["training"][0] == pytest.approx(found.loss, rel=1e-5)
    assert ways["straight"]["test"][-1] == pytest.approx(other.scores["log loss"], rel=1e-4)
    *_, end = plane(found, "between").places
    apart = sum(
        float((a - b).square().sum())
        for a, b in zip(run.net.state_dict().values(), other.net.state_dict().values(), strict=True)
    )
    assert np.hypot(*end) == pytest.approx(apart**0.5, rel=1e-4)


def test_an_interrupted_call_goes_on_and_measures_no_point_twice(run, tmp_path, monkeypatch):
    whole = landscape(run, curvature=False, keep=tmp_path / "whole", **FEW)
    calls = []
    real = Surveyors.one

    def counted(self, place):
        calls.append(1)
        return real(self, place)

    monkeypatch.setattr(Surveyors, "one", counted)
    signals = chain([0] * 4, repeat(2))  # asked twice a row
    real_signals = module.interruptible
    monkeypatch.setattr(module, "interruptible", lambda: nullcontext(lambda: next(signals)))
    with pytest.raises(Interrupted):
        landscape(run, curvature=False, keep=tmp_path / "cut", **FEW)
    monkeypatch.setattr(module, "interruptible", real_signals)
    assert len(calls) == 3 * 5  # three rows
    calls.clear()
    again = landscape(run, curvature=False, keep=tmp_path / "cut", **FEW)
    assert len(calls) == 2 * 5 + 25  # the rest of the first plane, the second one
    for one, two in zip(whole.planes, again.planes, strict=True):
        np.testing.assert_array_equal(one.losses, two.losses)
    calls.clear()
    landscape(run, curvature=False, keep=tmp_path / "cut", **FEW)
    assert not calls
    landscape(run, curvature=False, keep=tmp_path / "cut", span=0.5, planes=["random"], **FEW)
    landscape(run, curvature=False, keep=tmp_path / "cut", planes=["random"], **FEW | {"samples": 59})
    assert len(calls) == 2 * 25


def test_points_of_a_loss_or_a_net_that_computes_something_else_are_not_taken_for_its_own(tmp_path):
    X, y = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32), np.arange(60) % 3
    net = nn.Linear(4, 3)
    for factor in (1.0, 10.0):
        one = landscape(net, (X, y), loss=lambda a, b, f=factor: f * F.cross_entropy(a, b), keep=tmp_path, **FEW)
        assert one.planes[0].losses[2, 2] == pytest.approx(one.loss, rel=1e-5)

    class Scaled(nn.Linear):
        factor = 1.0

        def forward(self, rows):
            return self.factor * super().forward(rows)

    net = Scaled(4, 3)
    for net.factor in (1.0, 10.0):
        one = landscape(net, (X, y), keep=tmp_path, **FEW)
        assert one.planes[0].losses[2, 2] == pytest.approx(one.loss, rel=1e-5)


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ({"label_smoothing": 0.5}, {"label_smoothing": 0.5}),
        ({"class_weights": (1.0, 2.0, 5.0)}, {"weight": torch.tensor([1.0, 2.0, 5.0])}),
    ],
)
def test_the_loss_is_what_training_lowers(settings, options):
    run = pf.fit("mlp", pf.load("iris"), out=False, **settings, **SHORT)
    batch = whole(run.data.train, run.data.spec)
    with torch.no_grad():
        expected = F.cross_entropy(run.net(batch.inputs), batch.targets, reduction="none", **options).mean()
    assert landscape(run, planes=[], curvature=False).loss == pytest.approx(float(expected), rel=1e-4)


def test_a_last_batch_of_one_sample_is_normalised_as_well(monkeypatch):
    monkeypatch.setattr(module, "BATCH", 20)
    net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    run = pf.fit(net, pf.load("iris"), out=False, **SHORT)
    one = landscape(run, points=3, samples=61, planes=["random"])
    assert np.isfinite([one.loss, *one.eigenvalues.values]).all()
    with pytest.raises(ProfundoError, match="two samples or more"):
        landscape(run, points=3, samples=1)


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 no archive", None])
def test_points_that_are_damaged_are_measured_again(run, tmp_path, damage):
    first = landscape(run, curvature=False, planes=["random"], keep=tmp_path, **FEW)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-40] if damage is None else damage)
    again = landscape(run, curvature=False, planes=["random"], keep=tmp_path, **FEW)
    np.testing.assert_array_equal(first.planes[0].losses, again.planes[0].losses)


def test_a_net_of_ones_own_with_any_data():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 3))

        def forward(self, rows):
            return self.layers(rows)

    torch.manual_seed(0)
    net = Own().train()
    X, y = np.random.default_rng(0).normal(size=(90, 4)).astype(np.float32), np.arange(90) % 3
    before = {name: value.clone() for name, value in net.state_dict().items()}
    own = landscape(net, (X, y), loss=F.cross_entropy, **FEW)
    assert [one.kind for one in own.planes] == ["random"]
    assert own.course is None
    assert own.parameters == sum(p.numel() for p in net.parameters())
    assert net.training
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


@pytest.mark.parametrize(("data", "net"), [("diabetes", "mlp"), ("wine", "linear")])
def test_other_kinds_of_targets_and_nets(data, net, tmp_path):
    pf.fit(net, pf.load(data), out=tmp_path / "run", **SHORT)
    assert np.isfinite(landscape(tmp_path / "run", **FEW).loss)


def test_the_page_holds_every_picture_and_says_what_it_means(found):
    html = found.html()
    assert html == found.html()
    assert html.count("<svg") == 2 * 3 + 2 + 1
    for words in (
        "Around the solution",
        "Along the way of training",
        "How sharply it bends",
        "From one solution to another",
    ):
        assert words in html
    assert "<script" not in html
    assert "http" not in html.replace("http-equiv", "")
    from profundo.inspect.landscape_page import pictures
    from profundo.pictures.sheet import standalone

    assert all(is_drawing(standalone(figure.svg)) for figure in pictures(found))


def test_nothing_is_written_through_a_link(tmp_path):
    run = pf.fit("mlp", pf.load("iris"), out=tmp_path / "run", **SHORT)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run" / "landscape").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ProfundoError):
        landscape(run, curvature=False, **FEW)
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_the_ways_are_named_by_their_splits_and_none_twice(run, other, split):
    between = landscape(run, other, split=split, planes=[], curvature=False, **FEW | {"samples": 10**6}).between
    name = {"train": "training"}.get(split, split)
    assert list(between.losses["straight"]) == list(dict.fromkeys([name, "test"]))
    assert between.losses["bent"][name][0] == pytest.approx(run.evaluate(split)["log loss"], rel=1e-4)
    assert between.barriers["straight"] == pytest.approx(float(barrier(between.losses["straight"][name])))


def test_runs_that_divide_their_data_differently_are_told_so_and_those_of_other_data_refused(run, found):
    assert not any("divide" in note for note in found.notes)
    other = pf.fit("mlp", "iris", out=False, seed=1, **SHORT)
    shared = len(set(run.data.test.numbers.tolist()) & set(other.data.train.numbers.tolist()))
    assert shared
    named = pf.fit("mlp", "iris", out=False, seed=0, **SHORT)
    (note,) = landscape(named, other, planes=[], curvature=False, **FEW).notes
    assert f"{shared} of the {len(run.data.test)} test samples" in note
    alike = pf.fit("mlp", "iris", out=False, seed=1, split_seed=0, **SHORT)
    assert landscape(named, alike, planes=[], curvature=False, **FEW).notes == ()
    frame = np.random.default_rng(0).normal(size=(150, 4)).astype(np.float32), np.arange(150) % 3
    apart = [pf.fit("mlp", (frame[0] + at, frame[1]), out=False, **SHORT) for at in (0, 1)]
    for pair in ((named, apart[0]), apart):
        with pytest.raises(ProfundoError, match="expected the same data for both"):
            landscape(*pair, planes=[], curvature=False, **FEW)


def test_runs_with_a_frozen_layer_are_compared_by_those_that_move():
    def trained(seed, frozen):
        torch.manual_seed(frozen)
        net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
        net[0].requires_grad_(False)
        return pf.fit(net, pf.load("iris", seed=0), out=False, seed=seed, **SHORT)

    first, second = trained(0, 0), trained(1, 0)
    losses = landscape(first, second, planes=[], curvature=False, **FEW | {"samples": 10**6}).between.losses
    assert losses["straight"]["training"][-1] == pytest.approx(second.evaluate("train")["log loss"], rel=1e-4)
    with pytest.raises(ProfundoError, match=r"same frozen weights in both, 0\.weight"):
        landscape(first, trained(1, 7), planes=[], curvature=False, **FEW)


def test_a_training_that_comes_to_other_weights_has_no_way_whatever_it_counts(tmp_path):
    """The count of batches of a normalisation is no weight."""
    run = pf.fit(
        "resnet", "digits", epochs=1, net_options={"depth": 8, "widths": (4, 4, 4)}, out=tmp_path / "run", doctor=False
    )
    counts = sum(float(value) ** 2 for name, value in run.net.named_buffers() if "num_batches" in name)
    assert "trained again" in training_path(run).how
    with torch.no_grad():
        apart = sum(float((0.05 * value).square().sum()) for value in run.net.parameters())
        for value in run.net.parameters():
            value.mul_(1.05)
    assert apart < 1e-4 * counts  # they would hide it
    with pytest.raises(ProfundoError, match="came to other weights"):
        training_path(run)


def test_sharpness_that_had_not_settled_is_told(run, monkeypatch):
    real = module.eigenvalues
    monkeypatch.setattr(module, "eigenvalues", lambda *args, most=200, **rest: real(*args, most=min(most, 5), **rest))
    notes = landscape(run, planes=[], **FEW).notes
    assert sum("had not settled after 5 steps" in note for note in notes) == 4


def test_the_heap_is_given_back_where_measuring_fails(run, monkeypatch):
    states = []
    monkeypatch.setattr(module, "keep_heap", lambda: states.append("kept"))
    monkeypatch.setattr(module, "free_heap", lambda: states.append("free"))
    monkeypatch.setattr(module, "random_plane", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        landscape(run, curvature=False, **FEW)
    assert states == ["kept", "free"]


def test_a_way_that_need_not_bend_is_told_and_has_no_plane(run, other, monkeypatch):
    monkeypatch.setattr(module, "bend", lambda _, start, end, **__: Bend(start, straight(start, end)(0.5), end))
    found = landscape(run, other, curvature=False, planes=[], **FEW)
    assert found.planes == ()
    assert "need not bend" in found.notes[-1]
    assert found.between.barriers["bent"] == pytest.approx(found.between.barriers["straight"], abs=1e-4)


def test_numbers_come_as_json_csv_and_arrays(found, tmp_path):
    plain = json.loads(found.write(tmp_path / "n.json").read_text())
    assert plain["planes"][0]["losses"][2][2] == pytest.approx(found.loss, rel=1e-5)
    lines = found.write(tmp_path / "n.csv").read_text().splitlines()
    assert lines[0] == "measure,a,b,value"
    read = {(name, a): float(value) for name, a, _, value in (line.split(",") for line in lines[1:])}
    assert sum(line.split(",")[0] in ("random", "path", "between") for line in lines) == 3 * 25
    assert read["loss", ""] == found.loss
    assert read["eigenvalue", "2"] == found.eigenvalues.values[1]
    assert read["trace", ""] == found.trace.value
    assert read["sharpness after epoch", "3"] == found.course.sharpness[-1]
    assert read["bent training", "0.5"] == found.between.losses["bent"]["training"][found.between.shares.index(0.5)]
    with np.load(found.write(tmp_path / "n.npz")) as arrays:
        np.testing.assert_array_equal(arrays["path_losses"], plane(found, "path").losses)
        np.testing.assert_array_equal(arrays["eigenvalues"], found.eigenvalues.values)
        np.testing.assert_array_equal(arrays["course_losses"], found.course.losses)
        np.testing.assert_array_equal(arrays["ways_straight_test"], found.between.losses["straight"]["test"])


def call(monkeypatch, capsys, *words):
    monkeypatch.setattr(sys, "argv", ["profundo", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code or 0, *capsys.readouterr()


def test_the_command_writes_the_page_beside_the_run(run, monkeypatch, capsys):
    code, out, _ = call(monkeypatch, capsys, "landscape", run.folder.path, "--points", 5, "--samples", 60, "--json")
    assert code == 0
    assert json.loads(out)["page"] == str(run.folder.path / "landscape.html")
    assert (run.folder.path / "landscape.html").read_text().startswith("<!doctype html>")
    assert pf.open_run(run.folder.path).scores  # the folder is still that of a sound run


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--points", "2"], "points along a side from 3 to 201"),
        (["--span", "0"], "a span above 0"),
        (["--split", "all"], "train, validation, test"),
        (["--plane", "flat"], "random, path"),
        (["--out", "page.pdf"], ".html, .json, .npz or .csv"),
    ],
)
def test_wrong_words_are_told_in_one_line(run, monkeypatch, capsys, words, expected):
    code, out, err = call(monkeypatch, capsys, "landscape", run.folder.path, *words)
    assert (code, out) == (1, "")
    assert expected in err
    assert err.count("\n") == 1


def test_runs_that_do_not_go_together_are_refused(run, tmp_path):
    wide = pf.fit("mlp", pf.load("wine"), out=tmp_path / "wine", **SHORT)
    with pytest.raises(ProfundoError, match="the same layers in both"):
        landscape(run, wide, **FEW)
    with pytest.raises(ProfundoError, match=r"experiment\.yaml"):
        landscape(tmp_path / "nothing")
    with pytest.raises(ProfundoError, match="expected data with a net of your own"):
        landscape(nn.Linear(2, 2))
    with pytest.raises(ProfundoError, match="has its own"):
        landscape(run, loss=F.cross_entropy)
    with pytest.raises(ProfundoError, match="same weights twice"):
        landscape(run, run, **FEW)
