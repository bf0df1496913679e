"""The playground's calls: what they answer is what the library's own session says, and odd questions are refused in one line."""

import compileall
import math
import os
import threading

import numpy as np
import pytest
import torch

import profundo as pf
from lab_desk import Page, new_lab
from profundo.doctor.verdicts import Experiment, Finding, Report
from profundo.lab.rooms import playground_beside, playground_thread
from profundo.lab.rooms.room_calls import CALLS
from profundo.languages import told_by
from profundo.playground.early_signs import early_signs
from profundo.playground.own_points import points_of_table, table_columns
from profundo.playground.playground_settings import new_settings
from profundo.playground.queries import from_query
from profundo.playground.session import Session, replayed
from profundo.playground.side_by_side_run import Race
from profundo.records import ProfundoError

SMALL = "data=gauss&samples=60&hidden=3"


@pytest.fixture
def lab(tmp_path):
    made = new_lab(tmp_path)
    yield made
    made.close()


@pytest.fixture
def page(lab):
    made = Page(lab)
    made.call("playground.open", query=SMALL)
    yield made
    made.desk.close()


def upload(lab, text, name="AAAAAAAAAAAAAAAA.csv"):
    (lab.uploads / name).write_text(text)
    return name


def newest(page, channel="playground"):
    """The last value that was pushed."""
    values = page.opened(channel).values
    found = values.get(timeout=5)
    while not values.empty():
        found = values.get()
    return found


# ------------------------------------------------------------------------------------------------------- session and frame
def test_what_is_done_on_the_page_is_done_to_the_librarys_session(page):
    page.call("playground.act", what="epoch")
    page.call("playground.change", words={"learning_rate": "0.1"})
    page.call("playground.act", what="step")
    page.call("playground.edit", what="weight", at=[0, 1, 0], value=-2.5)
    state = page.call("playground.edit", what="bias", at=[1, 0], value=0.5)
    session = Session(from_query(SMALL))
    session.epochs(1)
    session.change(learning_rate=0.1)
    session.step(1)
    session.set_weight(0, 1, 0, -2.5)
    session.set_bias(1, 0, 0.5)
    shown = newest(page)
    assert state["edits"] == len(session.edits) == 3
    assert (shown["epoch"], shown["step"], shown["stopped"]) == (session.epoch, session.steps, "")
    assert shown["scores"]["test"]["loss"] == session.scores()["test"].loss
    for told, own in zip(shown["weights"], session.weights(), strict=True):
        np.testing.assert_array_equal(told, own)
    np.testing.assert_array_equal(shown["output"], session.maps(100, 20).as_bytes().output)
    assert page.call("playground.act", what="reset")["edits"] == 0
    assert newest(page)["step"] == 0


def test_training_on_after_the_last_epoch_is_no_change_by_hand(page):
    page.call("playground.change", words={"epochs": "1"})
    page.call("playground.act", what="epoch")
    assert newest(page)["stopped"] == "epochs"
    page.call("playground.act", what="run")
    state = page.call("playground.act", what="pause")
    assert (state["words"]["epochs"], state["edits"]) == ("2", 0)


def test_a_curve_is_the_library_s(page):
    page.call("playground.open", query="data=absolute&features=x1&hidden=2&activation=relu&samples=40", again=True)
    state = page.call("playground.act", what="epoch")
    session = Session(data="absolute", features=("x1",), hidden=(2,), activation="relu", samples=40)
    session.epochs(1)
    shown, own = newest(page)["curve"], session.curve()
    assert state["curve"]
    torch.testing.assert_close(shown.y, own.y, atol=0, rtol=0)
    torch.testing.assert_close(shown.parts, own.parts, atol=0, rtol=0)
    assert not page.call("playground.change", words={"features": "x1,x2"})["curve"]
    assert "curve" not in newest(page)
    form = page.call("playground.form")["thumbnails"]
    assert [name for name, one in form.items() if one["curve"]] == ["wave", "sine", "step", "absolute"]
    torch.testing.assert_close(form["sine"]["points"][:, 1], 4 * torch.sin(form["sine"]["points"][:, 0]))


def test_a_view_says_what_frames_hold(page):
    assert "gradients" not in newest(page)
    page.call("playground.view", output=30, neurons=10, gradients=True, warped=5)
    shown = newest(page)
    session = Session(from_query(SMALL))
    assert shown["output"].shape == (30, 30)
    assert [one.shape for one in shown["neurons"]] == [(3, 10, 10)]
    for told, own in zip(shown["gradients"], session.gradients()[0], strict=True):
        np.testing.assert_array_equal(told, own)
    np.testing.assert_array_equal(shown["warped"].lines, session.warped(0).lines)  # 5 is more than there are
    page.call("playground.change", words={"hidden": "none"})
    assert "warped" not in newest(page)


def test_several_classes_are_told_by_the_likeliest_and_its_probability(page):
    page.call("playground.open", query="data=blobs&classes=4&samples=80&hidden=3")
    likeliest, probability = newest(page)["output"]
    shares = Session(new_settings(data="blobs", classes=4, samples=80, hidden=(3,))).maps(100, 20).as_bytes().output
    np.testing.assert_array_equal(likeliest, shares.numpy().argmax(0))
    np.testing.assert_array_equal(probability, shares.numpy().max(0))


def test_why_a_training_stopped_is_a_code_and_what_is_wrong_has_its_cause(page):
    page.call("playground.change", words={"epochs": "1"})
    page.call("playground.act", what="epoch")
    assert newest(page)["stopped"] == "epochs"
    diverging = "data=plane&hidden=4&activation=relu&learning_rate=10&epochs=20"
    page.call("playground.open", query=diverging)
    session = Session(from_query(diverging))
    while not session.stopped:
        page.call("playground.act", what="epoch")
        session.epochs(1)
    shown = newest(page)
    assert shown["stopped"] == session.stopped == "diverged"
    assert [one["cause"] for one in shown["findings"]] == [one.cause for one in early_signs(session)]


# -------------------------------------------------------------------------------------------------------------- watchers
def test_a_visitor_is_shown_what_the_owner_does_and_may_change_nothing(lab, page):
    visitor = Page(lab, "visitor")
    assert visitor.call("playground.open", query="data=xor")["query"] == SMALL
    page.call("playground.act", what="step")
    assert newest(visitor)["step"] == 1
    assert newest(visitor, "playground.setup")["query"] == SMALL
    page.call("playground.change", words={"hidden": "4"})
    assert newest(visitor, "playground.setup")["words"]["hidden"] == "4"
    newest(visitor)
    visitor.desk.detach()
    page.call("playground.act", what="step")
    assert visitor.opened("playground").values.empty()
    harmless = {name for name, call in CALLS.items() if name.startswith("playground.") and not call.changes}
    assert harmless == {"playground.form", "playground.open"}


def test_a_net_has_its_lesson_with_it_for_whoever_looks_on(lab, page):
    visitor = Page(lab, "visitor")
    first, second = (next(one for one in page.call("playground.form")["presets"] if one["name"] == name) for name in
                     ("dead-relus", "xor-one-neuron"))  # fmt: skip
    page.call("playground.open", query=first["query"], lesson=first["name"], again=True)
    assert visitor.call("playground.open", query="data=xor", lesson=second["name"])["lesson"] == first["name"]
    page.call("playground.open", query=second["query"], lesson=second["name"], again=True)
    told = newest(visitor, "playground.setup")
    assert (told["lesson"], told["query"]) == (second["name"], second["query"])
    assert page.call("playground.change", words={"learning_rate": "0.3"})["lesson"] == second["name"]
    assert page.call("playground.change", words={"data": "circle"})["lesson"] == ""


def test_a_lesson_that_there_is_not_is_named(page):
    told = page.call("playground.open", query="", lesson="nope")
    assert told["lesson"] == ""
    assert ["'nope'" in str(one) for one in told["left_out"]] == [True]


def test_a_visitor_waits_until_somebody_plays(tmp_path):
    with pytest.raises(ProfundoError, match="nobody plays"):
        Page(new_lab(tmp_path), "visitor").call("playground.open")


# ------------------------------------------------------------------------------------------------------------ table
ROWS = [(k % 7 + 0.5, k * k % 11 - 0.25, 3.0 * k, k % 3 + 1) for k in range(60)]
TABLE = "a,b,far,kind\n" + "\n".join(",".join(map(str, row)) for row in ROWS)


def test_a_tables_columns_are_told_and_chosen(lab, page):
    name = upload(lab, TABLE)
    told = page.call("playground.columns", upload=name)
    listed = ("a", "b", "far", "kind")
    assert told == {"numbers": listed, "targets": listed, "target": "kind", "rows": 60, "most": 1000}
    state = page.call("playground.table", upload=name)
    assert state["words"]["columns"] == "a,b,kind"
    assert state["classes"] == ["1", "2", "3"]  # few whole numbers are classes, by their own names
    state = page.call("playground.table", upload=name, target="kind", columns=["far", "b"])
    own = Session(new_settings(**points_of_table(lab.uploads / name, "kind", ("far", "b"))))
    np.testing.assert_array_equal(state["train"]["points"], own.data.train.inputs)
    assert page.call("playground.table", upload=name, target="far")["regression"]
    assert page.call("playground.open", query=state["query"])["query"] == state["query"]


@pytest.mark.parametrize(
    ("column", "target", "classes"),
    [
        ([k % 2 for k in range(40)], "t", ("0", "1")),
        ([k % 3 - 1 for k in range(40)], "t", ("-1", "0", "1")),
        ([f"{k % 2}.0" for k in range(40)], "t", None),
        ([("yes", "no")[k % 2] for k in range(40)], "t", ("no", "yes")),
        ([k % 12 for k in range(40)], "t", ()),  # more than the plane has colours: numbers
        ([k / 7 for k in range(40)], "t", ()),
    ],
)
def test_a_column_of_few_words_or_whole_numbers_is_of_classes(tmp_path, column, target, classes):
    path = tmp_path / "t.csv"
    path.write_text("x,y,t\n" + "\n".join(f"{k / 3},{k * k % 17 / 5},{value}" for k, value in enumerate(column)))
    assert table_columns(path).target == target
    given = points_of_table(path)
    assert given["task"] == ("regression" if classes == () else "classification")
    if classes is not None:
        assert given["labels"] == classes
    session = Session(new_settings(**given))
    session.step()
    assert math.isfinite(session.scores()["train"].loss)


@pytest.mark.parametrize(
    ("text", "given", "says"),
    [
        ("x,y\n1,2\n3,5\n", {}, "two columns of numbers"),
        ("x,y,t\n1,1,1\n1,1,1\n", {}, "2 to 8 classes or of numbers"),
        ("", {}, "expected a header and at least one row"),
        (TABLE, {"target": "none"}, "no column 'none'"),
        (TABLE, {"columns": ["a", "none"]}, "no column 'none'"),
        (TABLE, {"target": "kind", "columns": ["kind", "a"]}, "two columns of numbers"),
        (TABLE, {"target": "kind", "columns": ["a", "a"]}, "two columns of numbers"),
        (TABLE, {"target": "kind", "columns": ["a"]}, "two columns of numbers"),
    ],
)
def test_a_table_without_a_plane_is_refused_without_its_place(lab, page, text, given, says):
    name = upload(lab, text)
    with pytest.raises(ProfundoError, match=says) as refused:
        page.call("playground.table", upload=name, **given)
    assert str(lab.uploads) not in str(refused.value)
    assert "\n" not in str(refused.value)
    assert page.call("playground.open")["query"] == SMALL  # what was there goes on


@pytest.mark.parametrize("call", ["table", "columns"])
def test_only_an_upload_is_read(lab, page, call, tmp_path):
    (tmp_path / "outside.csv").write_text(TABLE)
    os.symlink(tmp_path / "outside.csv", lab.uploads / "BBBBBBBBBBBBBBBB.csv")
    for name in ("../outside.csv", str(tmp_path / "outside.csv"), "BBBBBBBBBBBBBBBB.csv", "", "AAAAAAAAAAAAAAAA.csv\0"):
        with pytest.raises(ProfundoError, match="no longer here"):
            page.call(f"playground.{call}", upload=name)


# ---------------------------------------------------------------------------------------------------------- race, examine
def test_a_frame_that_a_pause_overtakes_is_followed_by_one_that_says_so(page, monkeypatch):
    told, values = [], page.opened("playground").values
    found = playground_thread.playing(page.desk)
    made = found.frame

    def overtaken():
        frame = made()
        if frame["running"] and threading.current_thread() is not threading.main_thread():
            found.run(on=False)
        return frame

    monkeypatch.setattr(found, "frame", overtaken)
    page.call("playground.act", what="run")
    while True not in told or told[-1]:
        told.append(values.get(timeout=5)["running"])


def test_each_optimizer_runs_at_its_own_rate_and_shows_its_map(page):
    rates = {"sgd": 0.3, "adam": 0.01}
    lanes = page.call("playground.race", rates=rates, epochs=3)["lanes"]
    own = Race(from_query(SMALL), [*rates], rates)
    losses = [[session.scores()["train"].loss for session in own.sessions.values()]]
    for _ in range(3):
        own.epochs(1)
        losses.append([session.scores()["train"].loss for session in own.sessions.values()])
    assert {lane["optimizer"]: lane["rate"] for lane in lanes} == rates
    for lane, session, course in zip(lanes, own.sessions.values(), np.array(losses, np.float32).T, strict=True):
        np.testing.assert_array_equal(lane["losses"], course)
        assert (lane["epochs"], lane["stopped"]) == (session.epoch, session.stopped)
        np.testing.assert_array_equal(lane["output"], session.maps(40, 40).as_bytes().output)
    assert newest(page)["step"] == 0  # the session itself was not touched


def test_the_doctor_examines_the_training_and_leaves_it_as_it_is(page):
    page.call("playground.open", query="data=gauss&samples=60&hidden=2,2&initialisation=zeros")
    page.call("playground.act", what="step")
    before = newest(page)["weights"]
    report = page.call("playground.examine", seconds=2.0)
    assert not report["healthy"]
    (found,) = [one for one in report["findings"] if one["cause"] == "symmetric_init"]
    assert found["proof"]["ca"] == ""  # a fact
    page.call("playground.view")
    for told, own in zip(newest(page)["weights"], before, strict=True):
        np.testing.assert_array_equal(told, own)


def test_what_the_doctor_proved_is_told_with_the_figures_of_its_experiment(page, monkeypatch):
    tried = Experiment("learning rate 0.1", 90, (0.0, 0.25), (0.75, 1.0))
    finding = Finding("learning_rate_too_low", "optimizer", {"rate": 1e-5}, "--learning-rate 0.1", experiment=tried)
    monkeypatch.setattr(playground_beside, "examined", lambda *_: Report((finding,)))
    page.call("playground.open", query="data=xor&samples=60&hidden=4")
    (found,) = page.call("playground.examine")["findings"]
    assert found["proof"]["ca"] == "encert 0,12 → 0,88 en 90 passos, 2 llavors"  # the means of both seeds
    assert found["remedy"]["ca"] == "--learning-rate 0.1"


# ---------------------------------------------------------------------------------------------------------------- export
def test_the_source_is_a_program_and_the_run_is_the_session(lab, page, tmp_path):
    page.call("playground.act", what="epoch")
    made = page.call("playground.export", kind="source")
    assert made["place"] == f"/files/downloads/{made['name']}"
    (tmp_path / "program.py").write_bytes((lab.uploads / made["name"]).read_bytes())
    assert compileall.compile_file(tmp_path / "program.py", quiet=2)
    names = [page.call("playground.export", kind="run")["name"] for _ in range(2)]
    assert names == ["playground-1", "playground-2"]
    session = replayed(from_query(SMALL), Session(from_query(SMALL)).per_epoch)
    kept = pf.open_run(lab.runs / names[0]).net.state_dict()
    own = session.net.state_dict()
    assert kept.keys() == own.keys()
    assert all(bool((kept[name] == own[name]).all()) for name in own)


def test_a_net_that_was_not_trained_is_no_run(page):
    with pytest.raises(ProfundoError, match="a net that was trained"):
        page.call("playground.export", kind="run")


# --------------------------------------------------------------------------------------------------------- odd questions
@pytest.mark.parametrize(
    ("call", "given"),
    [
        ("open", {"query": 5}),
        ("change", {"words": {"learning_rate": "fast"}}),
        ("change", {"words": {"learning_rate": "nan"}}),
        ("change", {"words": {"hidden": ",".join(["9999"] * 99)}}),
        ("change", {"words": {"no such": "1"}}),
        ("change", {"words": {"points": "1:2"}}),
        ("change", {"words": None}),
        ("act", {"what": "__init__"}),
        ("pace", {"speed": 3}),
        ("view", {"output": 10**9}),
        ("view", {"warped": -2}),
        ("view", {"gradients": "yes"}),
        ("edit", {"what": "weight", "at": [0, 0], "value": 1.0}),
        ("edit", {"what": "bias", "at": [0, 0, 0], "value": 1.0}),
        ("edit", {"what": "weight", "at": [9, 0, 0], "value": 1.0}),
        ("edit", {"what": "weight", "at": [0, 0, 0], "value": math.inf}),
        ("edit", {"what": "weight", "at": [0, 0, 0], "value": 1e9}),
        ("examine", {"seconds": 1e9}),
        ("race", {"rates": {}}),
        ("race", {"rates": {"lion": 0.1}}),
        ("race", {"rates": {"sgd": 0.0}}),
        ("race", {"rates": {"sgd": 1e5}}),
        ("race", {"rates": {"sgd": math.nan}}),
        ("race", {"rates": ["sgd"]}),
        ("race", {"rates": {"sgd": 0.1}, "epochs": 10**9}),
        ("table", {"upload": "x" * 101}),
        ("table", {"upload": "x", "columns": ["a", "b", "c"]}),
        ("columns", {"upload": 3}),
        ("export", {"kind": "pickle"}),
        ("form", {"more": 1}),
    ],
)
def test_odd_questions_are_refused_in_one_line(page, call, given):
    with pytest.raises(ProfundoError) as refused:
        page.call(f"playground.{call}", **given)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 500
    assert page.call("playground.open")["query"] == SMALL


def test_a_refused_number_is_called_as_the_page_calls_its_field(page):
    with pytest.raises(ProfundoError) as refused:
        page.call("playground.race", rates={"adam": 0.0})
    line = told_by(refused.value)
    assert line == "Learning rate: adam: expected more than 0; got 0.0"
    assert line.everywhere["es"].startswith("Tasa de aprendizaje: adam: ")
    with pytest.raises(ProfundoError) as refused:
        page.call("playground.race", rates={"adam": 0.1}, epochs=0)
    assert told_by(refused.value).everywhere["ca"].startswith("Èpoques com a màxim: ")


def test_an_address_of_which_not_all_can_be_keeps_the_rest_and_says_why(page):
    told = page.call("playground.open", query="data=spiral&learning_rate=fast&noise=5&__class__=x&data=xor&show=warped")
    assert told["query"] == "data=spiral&noise=5"
    assert [one.partition(":")[0] for one in told["left_out"]] == [
        "Learning rate",
        "__class__=x",
        "data",
        "show=warped",
    ]
    assert told["left_out"][0].everywhere["pt"].startswith("Taxa de aprendizado: espera-se um número")
