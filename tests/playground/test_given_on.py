"""What a session is given on as: a program, a run, a race, a command."""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest
import torch

import profundo as pf
from profundo.cli import main
from profundo.playground.command_words import command_line
from profundo.playground.kept_run import examined, run_of
from profundo.playground.own_points import points_of_table
from profundo.playground.playground_settings import new_settings
from profundo.playground.queries import from_query, to_query
from profundo.playground.session import Session
from profundo.playground.side_by_side_run import Race
from profundo.playground.source_code import LAYERS, LOSSES, OPTIMIZERS, SCHEDULES, as_source
from profundo.records import ProfundoError
from profundo.train.optimizers import OPTIMIZERS as OURS
from profundo.train.schedules import SCHEDULES as OUR_SCHEDULES


# -------------------------------------------------------------------------------------------------------------- source
def printed(source):
    """The losses that the program prints, run in this process with nothing of ours at hand."""
    told = []
    exec(compile(source, "program", "exec"), {"__name__": "__main__", "print": told.append})
    return {line.split()[0]: float(line.split()[2]) for line in told}


CASES = {
    "dropout, a step, several activations": {
        "data": "moons", "samples": 80, "hidden": (4, 3), "activation": ("relu", "step"), "dropout": 0.2,
        "optimizer": "adam",
    },
    "four classes, noise, features": {
        "data": "blobs", "classes": 4, "optimizer": "rmsprop", "l1": 0.01, "features": ("x1", "sin_x2", "x1_x2"),
        "initialisation": "he", "noise": 10.0, "samples": 120,
    },
    "values": {"data": "wave", "optimizer": "adadelta", "loss": "huber", "noise": 10.0, "samples": 90},
    "hinge, cosine": {"data": "spiral", "loss": "hinge", "schedule": "cosine", "optimizer": "nesterov", "samples": 90},
    "own values, all at once": {
        "data": "points", "points": [(1, 2, 0.5), (3, 4, -1), (1, 0, 2)], "train_share": 1.0, "batch_size": "all",
        "optimizer": "adagrad", "schedule": "one-cycle",
    },
    "own classes, no hidden layer": {
        "data": "points", "points": [(k, -k, k % 2) for k in range(12)], "hidden": (), "batch_size": 2, "l2": 0.1,
        "optimizer": "adamw", "initialisation": "uniform",
    },
    "a curve with a jump": {"data": "step", "features": ("x1",), "noise": 10, "samples": 60, "activation": "step"},
    "cyclic, torch's weights": {
        "data": "checkerboard", "schedule": "cyclic-exponential", "initialisation": "torch", "activation": "gelu",
        "samples": 90, "optimizer": "momentum",
    },
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_written_program_ends_with_the_same_losses(case):
    session = Session(epochs=9, **CASES[case])
    session.step(17)
    told = printed(as_source(session))
    train, test = session.scores().values()
    assert told["train"] == pytest.approx(train.loss, rel=1e-4, abs=2e-6)
    if test.samples:
        assert told["test"] == pytest.approx(test.loss, rel=1e-4, abs=2e-6)


def test_the_written_program_has_the_edits_at_their_steps():
    session = Session(data="xor", samples=80, optimizer="adam", hidden=(4,), epochs=20)
    session.step(7)
    session.set_weight(0, 2, 1, -1.5)
    session.change(learning_rate=0.2, l2=0.1, schedule="exponential")
    session.step(6)
    session.change(l1=0.01, epochs=30)
    session.step(9)
    session.set_bias(1, 0, 0.25)
    assert printed(as_source(session))["train"] == pytest.approx(session.scores()["train"].loss, rel=1e-4)
    moved = Session(session.first_settings)
    moved.step(22)
    assert printed(as_source(moved))["train"] != pytest.approx(session.scores()["train"].loss, rel=1e-2)


def test_the_written_program_needs_torch_alone():
    session = Session(data="circle", samples=60)
    session.step(5)
    source = as_source(session)
    assert "profundo" not in source.lower().replace("profundo's playground", "")
    ended = subprocess.run([sys.executable, "-I", "-c", source], capture_output=True, text=True, check=True)
    assert ended.stdout.startswith(f"train loss {session.scores()['train'].loss:.4f}")


def test_everything_that_can_be_chosen_can_be_written():
    assert set(OPTIMIZERS) == set(OURS)
    assert set(SCHEDULES) == set(OUR_SCHEDULES)
    for name, formula in SCHEDULES.items():
        for share in (0.0, 0.13, 0.4, 0.6, 0.99, 1.0):
            assert eval(formula, {"share": share, "math": __import__("math")}) == pytest.approx(
                OUR_SCHEDULES[name](share)
            )
    assert set(LOSSES) == {"bernoulli", "hinge", "categorical", "gaussian", "laplace", "huber"}
    assert "maxout" not in LAYERS


# ----------------------------------------------------------------------------------------------------------------- run
def test_a_session_is_kept_as_a_run_that_answers_as_its_net_does(tmp_path):
    session = Session(
        data="spiral", features=("x1", "x2", "sin_x1"), hidden=(5, 3), activation=("relu", "tanh"), epochs=4
    )
    session.step(30)
    session.set_weight(0, 0, 0, 0.5)
    session.step(35)
    run = run_of(session)
    opened = pf.open_run(run.save(tmp_path / "kept"))
    points = torch.randn(6, 2)
    torch.testing.assert_close(opened.predict(points), session.net(points).detach()[:, 0].sigmoid())
    assert opened.scores["accuracy"] == pytest.approx(session.scores()["test"].accuracy)
    assert opened.history["loss"][-1] == session.scores()["train"].loss
    assert opened.history["epoch"] == [1, 2, 3]
    assert (tmp_path / "kept" / "report.html").stat().st_size > 10_000
    after = Session(session.first_settings)
    after.step(25)
    assert opened.history["validation loss"][0] == after.scores()["test"].loss


def test_a_net_without_training_or_with_infinite_weights_is_not_kept():
    with pytest.raises(ProfundoError, match="was trained"):
        run_of(Session())
    with pytest.raises(ProfundoError, match="finite number"):
        run_of(Session(data="plane", hidden=(4,), activation="relu", learning_rate=100.0).run())


def test_the_doctor_proves_what_is_wrong_and_leaves_the_session_alone():
    session = Session(data="circle", initialisation="zeros", hidden=(4, 2), epochs=40)
    session.step(10)
    before = session.weights()
    report = examined(session, budget=5)
    assert [one.cause for one in report.findings] == ["symmetric_init"]
    assert all(map(np.array_equal, before, session.weights()))


# ---------------------------------------------------------------------------------------------------------------- race
def test_a_race_has_one_start_the_same_batches_and_a_rate_for_each():
    asked = new_settings(data="moons", samples=80, hidden=(4,))
    race = Race(asked, ("sgd", "adam"), rates={"adam": 0.01})
    first = [session.weights() for session in race.sessions.values()]
    assert all(map(np.array_equal, *first))
    race.epochs(5)
    for name, rate in (("sgd", 0.03), ("adam", 0.01)):
        alone = Session(dataclasses.replace(asked, optimizer=name, learning_rate=rate))
        alone.epochs(5)
        assert alone.scores()["train"].loss == race.losses()[name]
        np.testing.assert_array_equal(race.curves()[name]["train loss"], alone.curves()["train loss"])
    assert race.maps(6).shape == (2, 6, 6)
    assert list(race.losses()) == sorted(race.losses(), key=race.losses().get)
    assert race.as_plain_data()["adam"]["steps"] == 20
    json.dumps(race.as_plain_data(), allow_nan=False)


@pytest.mark.parametrize(
    ("names", "rates"), [((), None), (("sgd", "sgd"), None), (("sgd",), {"adam": 1}), (("sdg",), None)]
)
def test_a_race_that_cannot_be_is_told(names, rates):
    with pytest.raises(ProfundoError):
        Race(new_settings(), names, rates)


# --------------------------------------------------------------------------------------------------------------- table
def test_a_table_comes_into_the_plane_and_back(tmp_path):
    rows = [(10.0 + 3 * k % 7, 100.0 - 5 * (k * k % 11), "red" if k % 3 else "blue") for k in range(40)]
    path = tmp_path / "things.csv"
    path.write_text("width,height,colour\n" + "\n".join(f"{a},{b},{c}" for a, b, c in rows))
    asked = new_settings(**points_of_table(path, target="colour"))
    assert asked.columns == ("width", "height", "colour")
    assert asked.labels == ("blue", "red")
    points, scale = np.array(asked.points), np.array(asked.scale)
    back = points[:, :2] / 2 * scale[:, 1] + scale[:, 0]
    np.testing.assert_allclose(back, [row[:2] for row in rows], atol=0.05)
    assert [asked.labels[int(one)] for one in points[:, 2]] == [row[2] for row in rows]
    np.testing.assert_allclose(points[:, :2].mean(0), 0, atol=1e-3)
    np.testing.assert_allclose(points[:, :2].std(0), 2, atol=1e-3)
    assert from_query(to_query(asked)) == asked
    assert Session(asked).data.spec.targets.classes == ("blue", "red")


def test_a_value_of_a_table_is_standardised_too(tmp_path):
    path = tmp_path / "things.csv"
    path.write_text("a,b,price\n" + "\n".join(f"{k % 5 + 0.5},{k % 7 + 0.25},{3.5 * k + 0.1}" for k in range(150)))
    asked = new_settings(**points_of_table(path, target="price"))
    assert asked.is_regression
    assert np.std([target for *_, target in asked.points]) == pytest.approx(0.5, abs=1e-3)
    assert len(asked.scale) == 3


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a,b,kind\n1.5,x,u\n2.5,y,v\n3.5,x,u\n", "two columns of numbers"),
        ("a,b,kind\n" + "\n".join(f"{k}.5,{k * k}.25,k{k % 9}" for k in range(90)), "2 to 8 classes"),
    ],
)
def test_a_table_that_has_no_plane_is_told(tmp_path, text, told):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(ProfundoError, match=told):
        points_of_table(tmp_path / "t.csv", target="kind")


# ------------------------------------------------------------------------------------------------------------- command
def run_command(monkeypatch, capsys, *words):
    monkeypatch.setattr(sys, "argv", ["profundo", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code, capsys.readouterr()


def test_the_command_that_a_session_shows_repeats_it(monkeypatch, capsys):
    session = Session(data="moons", samples=60, hidden=(3,), optimizer="adam", epochs=9)
    session.change(schedule="cosine")
    session.change(learning_rate=0.1, schedule="constant")  # before the first step: the command has it
    session.epochs(4)
    assert session.by_hand == []
    assert (session.settings.epochs, session.so_far.epochs) == (9, 4)
    words = command_line(session.so_far).split()[1:]
    code, told = run_command(monkeypatch, capsys, *words, "--json")
    said = json.loads(told.out)
    assert code == 0
    assert said["train"]["loss"] == session.scores()["train"].loss
    assert said["command"] == command_line(session.so_far)
    assert from_query(said["query"]) == session.so_far
    session.step()  # amid an epoch, and by a rate that goes by the epochs, no number of them tells where it is
    assert session.so_far == session.settings
    session.change(schedule="cosine")
    session.epochs(1)
    assert session.so_far == session.settings


def test_the_command_prints_a_map_words_and_signs_and_writes_files(monkeypatch, capsys, tmp_path):
    out, source = tmp_path / "kept", tmp_path / "net.py"
    asked = ("playground", "--preset", "xor-one-neuron", "--epochs", "45", "--out", str(out), "--source", str(source))
    code, told = run_command(monkeypatch, capsys, *asked)
    assert code == 0
    assert told.out.startswith("Can one neuron")
    assert sum(set(line) <= set("·░▒▓█") and len(line) == 40 for line in told.out.splitlines()) == 20
    assert "underfit in net" in told.out
    assert "again: profundo playground --data=xor" in told.out
    assert pf.open_run(out).experiment.net == "plane_mlp"
    assert "nn.Sequential" in source.read_text("utf-8")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--hidden", "9x"), "hidden: expected a whole number"),
        (("--preset", "xor", "--query", "data=xor"), "one of --preset, --table and --query"),
        (("--preset", "xorr"), "is unknown"),
        (("--target", "y"), "--target is for a table"),
        (("--source", "net.txt"), "ends in .py"),
        (("--race", "sgd,sdg", "--epochs", "1"), "optimizer: expected a name"),
    ],
)  # fmt: skip
def test_the_command_tells_in_one_line_what_cannot_be(monkeypatch, capsys, words, told):
    code, said = run_command(monkeypatch, capsys, "playground", *words)
    assert code == 1
    (line,) = said.err.strip().splitlines()
    assert told in line


def test_presets_and_data_are_listed(monkeypatch, capsys):
    _, told = run_command(monkeypatch, capsys, "playground", "--list", "--json")
    listed = json.loads(told.out)
    assert {"question", "seen", "title"} == set(listed["presets"]["xor-hidden"])
    assert "spiral" in listed["data"]
    _, told = run_command(monkeypatch, capsys, "playground", "--race", "sgd,adam", "--epochs", "2", "--samples", "40")
    assert told.out.count("accuracy") == 2
