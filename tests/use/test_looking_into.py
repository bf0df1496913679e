"""Runs of recipes are looked into through the same doors as trainings: the nets that answer, or whose codes can be told apart."""

import json
import sys
from dataclasses import replace

import pytest
import torch
from torch import nn

import profundo as pf
from few_looked_at import few_looked_at
from profundo.cli import main
from profundo.data.batches import prepared_inputs
from profundo.nets.variational import VariationalAutoencoder
from profundo.recipes import context
from profundo.recipes.recipe_folder import open_model, open_subject
from profundo.recipes.recipe_run import run_recipe
from profundo.recipes.subjects import CodesOf, NearestMean, by_codes
from profundo.recipes.zoo import double_descent
from profundo.use.looking_into import abilities, looked_of


@pytest.fixture(scope="module", autouse=True)
def _smaller():
    with few_looked_at():
        yield


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recipes")
    few = {"xor": {"epochs": 3}, "deep-or-shallow": {"deepest": 1, "repeats": 1, "epochs": 1, "samples": 300}}
    few |= {"anomaly": {"epochs": 1}, "siamese": {"epochs": 1, "steps": 2, "episodes": 2}, "threshold": {}}
    return {name: run_recipe(name, given, quick=True, out=folder / name).folder.path for name, given in few.items()}


def test_a_recipes_net_answers_at_every_door(runs):
    path = runs["xor"]
    run, lowers = open_subject(path)
    assert lowers
    points = run.data.train.inputs
    answers = open_model(path)[1].networks["hidden layer, XOR"](points)
    torch.testing.assert_close(run.net(points), answers)
    assert {"why", "attack"} <= set(pf.look_inside(path).sections)
    torch.testing.assert_close(pf.explain(path, points, "shapley").answer, answers[:, 0])
    surface = pf.landscape(path, points=3, planes=["random"])
    expected = nn.functional.binary_cross_entropy_with_logits(answers[:, 0], run.data.train.targets.float())
    assert surface.loss == pytest.approx(float(expected), rel=1e-5)
    assert list((path / "landscape").glob("random-*.npz"))


def test_a_recipes_run_in_hand_is_looked_into_as_it_is():
    run = run_recipe("xor", {"epochs": 3}, quick=True, out=False)
    answers = run.model.networks["hidden layer, XOR"](pf.load("xor").train.inputs)
    torch.testing.assert_close(pf.explain(run, pf.load("xor").train.inputs, "shapley").answer, answers[:, 0])
    assert pf.landscape(run, points=3, planes=["random"], curvature=False).planes
    with pytest.raises(pf.ProfundoError, match="recipe threshold cannot be looked into"):
        pf.look_inside(run_recipe("threshold", quick=True, out=False))


def test_the_data_of_a_recipes_last_training_come_back(runs):
    path = runs["deep-or-shallow"]
    kept = json.loads((path / "scores.json").read_text())["test"]["unexplained variance, 1 layer"]
    assert open_subject(path)[0].evaluate("test").values["R²"] == pytest.approx(1 - kept, abs=1e-4)


def test_codes_answer_by_the_nearest_mean_of_their_class(runs):
    run, lowers = open_subject(runs["siamese"])
    assert not lowers
    assert isinstance(run.net, NearestMean)
    data = run.data
    with torch.no_grad():
        codes = run.net.encoder(prepared_inputs(data.train.inputs, data.spec.inputs))
        means = torch.stack([codes[data.train.targets == label].mean(0) for label in range(10)])
        own = run.net.encoder(prepared_inputs(data.test.inputs[:20], data.spec.inputs))
        expected = torch.cdist(own, means).argmin(1)
        answered = run.net(prepared_inputs(data.test.inputs[:20], data.spec.inputs)).argmax(1)
    assert torch.equal(answered, expected)
    with pytest.raises(pf.ProfundoError, match="lowered another loss"):
        pf.landscape(runs["siamese"])


def test_the_code_of_a_variational_net_is_its_mean_and_draws_nothing():
    torch.manual_seed(0)
    net = VariationalAutoencoder((1, 8, 8), 3, 16)
    data = pf.load("digits")
    subject = by_codes(CodesOf(net), data)
    pictures = torch.rand(2, 1, 8, 8)
    torch.testing.assert_close(CodesOf(net)(pictures), net.encode(pictures)[0])
    assert torch.equal(subject.net(pictures), subject.net(pictures))


@pytest.fixture(scope="module")
def batched(tmp_path_factory):
    """Of recipes that train many nets in one batch, quick runs."""
    folder = tmp_path_factory.mktemp("batched")
    few = {
        "universal-approximation": {"widths": (2, 4), "epochs": 1},
        "bias-variance": {"sets": 3, "samples": 12, "widths": (2, 8), "epochs": 1},
        "double-descent": {"widths": (1, 6), "epochs": 1, "features": (20,), "repeats": 2},
        "local-minima": {"widths": (2, 10), "nets": 2, "epochs": 2, "bend_steps": 5},
    }
    return {name: run_recipe(name, given, quick=True, out=folder / name) for name, given in few.items()}


def test_one_net_of_many_answers_as_it_did_among_them(batched):
    shared = double_descent.samples(pf.load("digits"), "test")[0]
    for name, run in batched.items():
        for network, nets in run.model.networks.items():
            for at in range(len(nets)):
                subject, lowers = open_subject(run.folder.path, f"{network}, {at}")
                assert lowers
                data = subject.data
                raw = torch.cat([data.validation.inputs, data.test.inputs])
                ready = prepared_inputs(raw, data.spec.inputs)
                among = nets(double_descent_order(shared) if name == "double-descent" else ready.flatten(1))[at]
                torch.testing.assert_close(subject.net(ready), among, atol=1e-4, rtol=1e-4)


def double_descent_order(shared):
    return torch.cat([shared[::2], shared[1::2]])


def test_each_net_of_many_comes_with_the_samples_that_it_learned_from(batched):
    """Its own samples it fits as training said, those of the nets beside it worse."""
    for name in ("universal-approximation", "bias-variance", "double-descent"):
        run = batched[name]
        network, nets = list(run.model.networks.items())[-1]
        subjects = [open_subject(run.folder.path, f"{network}, {at}")[0] for at in range(len(nets))]
        losses = torch.tensor([[loss_on(net, other.data) for other in subjects] for net in subjects])
        told = run.trainings[network].history["mean squared error"][-1]  # the mean over the epoch, in which it fell
        assert 0 < losses.diag().mean() < told, name
        assert losses.diag().mean() < 0.95 * losses.mean(), name


def loss_on(run, data):
    ready = prepared_inputs(data.train.inputs, data.spec.inputs)
    with torch.no_grad():
        return float((run.net(ready) - data.train.targets).square().mean())


def test_which_net_of_many_is_said_by_network_number_or_both(batched):
    path = batched["bias-variance"].folder.path
    names = {
        asked: open_subject(path, asked)[0].data.name
        for asked in (None, 2, "2", "width 2", "width 2, 1", " width 2 ,1 ")
    }
    assert list(names.values()) == [
        *("training set 0, net 0 of width 8", "training set 2, net 2 of width 8", "training set 2, net 2 of width 8"),
        *("training set 0, net 0 of width 2", "training set 1, net 1 of width 2", "training set 1, net 1 of width 2"),
    ]
    for wrong in (3, -1, True, 1.5, "", "width 3", "width 2, 3", "width 2, ", ",", "²", "1" * 5000):
        with pytest.raises(pf.ProfundoError, match="member: expected a net from 0 to 2") as refused:
            pf.explain(path, [[0.0]], member=wrong)
        assert "\n" not in str(refused.value)


def test_what_is_printed_says_which_net_of_many_was_taken(batched, runs):
    run = batched["double-descent"]
    width = list(run.model.networks)[-1]
    for given in (run, run.folder.path):
        assert f"net 0 of {width}; `--member` takes another" in str(pf.look_inside(given))
    assert f"net 1 of {width};" in str(pf.look_inside(run.folder.path, member=f"{width}, 1"))
    assert "side by side" not in str(pf.look_inside(runs["xor"]))


def test_the_way_of_a_recipe_or_of_a_net_of_ones_own_is_advised_by_what_can_keep_it(batched, iris_net):
    (note,) = pf.landscape(batched["double-descent"].folder.path, points=3, curvature=False).notes
    assert "last weights alone" in note
    assert "keep" not in note.replace("keeps its last", "")
    (note,) = pf.landscape(iris_net, points=3, curvature=False).notes
    assert "fit(…, keep_epochs=True, out=" in note
    assert "profundo train" not in note


def test_a_run_that_its_folder_alone_cannot_open_is_none_to_look_into(iris_net, tmp_path):
    in_memory = pf.fit(
        "mlp", (torch.randn(60, 3), torch.arange(60) % 2), epochs=1, out=tmp_path / "memory", doctor=False
    )
    named = pf.fit("mlp", "iris", epochs=1, out=tmp_path / "named", doctor=False)
    for run in (iris_net, in_memory, named):
        path = run.folder.path
        if abilities(path).looks:
            assert looked_of(path).net is not None
        else:
            with pytest.raises(pf.ProfundoError):
                looked_of(path)
    assert [abilities(run.folder.path).looks for run in (iris_net, in_memory, named)] == [False, False, True]


@pytest.fixture
def iris_net(tmp_path):
    """A training of a net of one's own."""
    data = pf.load("iris")
    return pf.fit(nn.Sequential(nn.Linear(4, 3)), data, epochs=2, out=tmp_path / "own", doctor=False)


def test_two_nets_of_one_run_are_compared(batched):
    path = batched["local-minima"].folder.path
    between = pf.landscape(path, path, points=3, planes=[], curvature=False, member=("width 10, 0", 1))
    assert between.between
    seen = pf.look_inside(path, member=("width 2", "width 10"), beside=path)
    assert seen["similarity"]
    for wrong in ([0, 1, 2], (0, 1, 1, 1)):
        with pytest.raises(pf.ProfundoError, match="two for two runs"):
            pf.landscape(path, path, member=wrong)


def test_a_member_of_what_is_one_net_is_refused(runs):
    with pytest.raises(pf.ProfundoError, match="shows one net"):
        pf.look_inside(runs["xor"], member=1)
    with pytest.raises(pf.ProfundoError, match="which is one net"):
        pf.look_inside(nn.Linear(2, 1), (torch.ones(4, 2), torch.ones(4)), member=1)


def test_what_is_strange_is_asked_by_the_error_of_its_reconstruction(runs):
    run, lowers = open_subject(runs["anomaly"])
    assert not lowers
    kept = json.loads((runs["anomaly"] / "scores.json").read_text())["test"]["ROC area"]
    assert run.evaluate("test").values["ROC-AUC"] == pytest.approx(kept, abs=1e-6)
    model = open_model(runs["anomaly"])[1]
    pictures = prepared_inputs(run.data.test.inputs[:9], run.data.spec.inputs)
    with torch.no_grad():
        error = (model.networks["autoencoder"](pictures) - pictures).square().flatten(1).mean(1)
        expected = error / (error + model.known["threshold"])
        torch.testing.assert_close(run.net(pictures)[:, 0].sigmoid(), expected)


@pytest.mark.parametrize("door", [pf.look_inside, pf.landscape, lambda path: pf.explain(path, [[1.0, 2.0]])])
def test_networks_that_answer_for_no_inputs_are_refused_in_one_line(runs, door):
    with pytest.raises(pf.ProfundoError, match="networks of recipe threshold cannot be looked into") as error:
        door(runs["threshold"])
    assert "\n" not in str(error.value)


def test_the_commands_take_runs_of_recipes(runs, monkeypatch, capsys):
    def said(*words):
        monkeypatch.setattr(sys, "argv", ["profundo", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code or 0, capsys.readouterr()

    assert said("inside", runs["xor"])[0] == 0
    assert (runs["xor"] / "inside.html").exists()
    assert said("landscape", runs["xor"], "--points", 3, "--plane", "random", "--no-curvature")[0] == 0
    status, told = said("inside", runs["threshold"])
    assert status == 1
    assert "threshold cannot be looked into" in told.err


def test_data_that_changed_since_are_told(runs, monkeypatch):
    others = replace(pf.load("xor"), facts={"sha256": "other", "samples": [4, 4, 4]})
    monkeypatch.setattr(context, "load", lambda *_, **__: others)
    with pytest.raises(pf.ProfundoError, match="are not those of the run"):
        open_subject(runs["xor"])
