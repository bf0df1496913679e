"""The room of trainings against what the library itself computes, and against what a page should not be able to do."""

import base64
import io
import json
import os
import signal
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lab_desk import new_lab
from profundo.data import load
from profundo.inspect.learning_rate import find
from profundo.lab.calls import answered
from profundo.lab.desks import Desk, Lab
from profundo.lab.rooms.training_room import CALLS
from profundo.lab.trainings import own_uploads, starting
from profundo.lab.trainings.run_watch import COURSES, ROWS, RunWatch
from profundo.languages import Said
from profundo.looks.data_look import look
from profundo.playground.own_points import table_columns
from profundo.records import ProfundoError
from profundo.runs.experiment import new_experiment
from profundo.runs.live.holder import this_process
from profundo.runs.live.live_reading import RunRow
from profundo.runs.supervised import train
from profundo.use.predicting import predictor

CITIES = ("Vic", "Olot", "Girona")
ROWS_OF_TABLE = (
    f"{20 + place % 37},{CITIES[place % 3]},{1 + place % 28:02d}/03/2021,{3000 * (place % 37) + 7}\n"
    for place in range(120)
)
TABLE = "size,city,sold,price\n" + "".join(ROWS_OF_TABLE)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with two finished trainings."""
    runs = tmp_path_factory.mktemp("lab") / "runs"
    train(new_experiment(data="iris", net="linear", epochs=3), out=runs / "flowers")
    train(new_experiment(data="digits", net="linear", epochs=1), out=runs / "digits")
    return runs


@pytest.fixture
def uploads(tmp_path):
    folder = tmp_path / "uploads"
    folder.mkdir()
    return folder


@pytest.fixture
def lab(tmp_path, uploads):
    (tmp_path / "runs").mkdir()
    made = Lab(tmp_path / "runs", uploads)
    yield made
    made.close()


def ask(lab, word, /, **given):
    return answered(f"training.{word}", CALLS[word], Desk(lab, "owner", "a desk"), given)


def uploaded(lab, content, suffix=".csv", token="AAAAAAAAAAAAAAAA"):
    (lab.uploads / f"{token}{suffix}").write_bytes(content if isinstance(content, bytes) else content.encode())
    return f"{token}{suffix}"


def own(lab, content=TABLE, called="houses.csv"):
    return ask(lab, "own", upload=uploaded(lab, content, Path(called).suffix), called=called)["data"]


# ------------------------------------------------------------------------------------------------------------ own data
def test_an_upload_lies_beside_the_runs_and_outlives_the_lab(lab):
    data = own(lab, called="C:\\me\\my <houses>.csv")
    assert data == "own:AAAAAAAAAAAAAAAA/my -houses-.csv"
    assert (lab.runs / ".data/AAAAAAAAAAAAAAAA/my -houses-.csv").read_text() == TABLE
    assert list(lab.uploads.iterdir()) == []


@pytest.mark.parametrize("called", ["sheet.xlsx", "a.exe", "a", ".csv", "..", "pickle.pkl", "a.pt"])
def test_a_kind_that_is_not_read_is_refused(lab, called):
    with pytest.raises(ProfundoError, match=r"expected (one of \.csv|a table of one sheet)") as error:
        ask(lab, "own", upload=uploaded(lab, b"x", Path(called).suffix), called=called)
    assert ("save the sheet as CSV" in str(error.value)) == (called == "sheet.xlsx")


def test_an_archive_that_is_not_what_it_seems_is_refused_and_not_kept(lab):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("../up.png", b"")
    with pytest.raises(ProfundoError, match=r"photos\.zip: \.\./up\.png: points out"):
        own(lab, file.getvalue(), "photos.zip")
    assert not (lab.runs / ".data").exists()
    assert list(lab.uploads.iterdir()) == []


@pytest.mark.parametrize(
    "data",
    [
        "/etc/passwd", "../x.csv", "nothing", "own:AAAAAAAAAAAAAAAA/../../x", "own:AAAAAAAAAAAAAAAA/none.csv", "own:../x.csv",
        "own:AAAAAAAAAAAAAAAA/.", "https://example.org/x.csv", "s3://bucket/x", "own:AAAAAAAAAAAAAAAA/a\0.csv", "iris\n",
    ],
)  # fmt: skip
def test_data_are_a_name_or_an_upload_and_nothing_else(lab, data):
    for call in ("look", "start", "check", "suggest"):
        with pytest.raises(ProfundoError):
            ask(lab, call, data=data)
    assert list(lab.runs.iterdir()) == []


def test_no_upload_is_read_through_a_link(lab, tmp_path):
    data = own(lab)
    place = lab.runs / ".data/AAAAAAAAAAAAAAAA/houses.csv"
    place.unlink()
    (tmp_path / "secret.csv").write_text(TABLE)
    place.symlink_to(tmp_path / "secret.csv")
    with pytest.raises(ProfundoError, match="no longer here"):
        ask(lab, "look", data=data)


def test_uploads_that_no_run_speaks_of_go_after_a_day(lab):
    for token in ("A" * 16, "B" * 16):
        ask(lab, "own", upload=uploaded(lab, TABLE, token=token), called="t.csv")
    (lab.runs / "r").mkdir()
    (lab.runs / "r/experiment.yaml").write_text(f"data: {lab.runs}/.data/{'B' * 16}/t.csv\n")
    own_uploads.erase_unused(lab.runs, time.time() + 3600)
    assert len(list((lab.runs / ".data").iterdir())) == 2
    own_uploads.erase_unused(lab.runs, time.time() + 90_000)
    assert [folder.name for folder in (lab.runs / ".data").iterdir()] == ["B" * 16]


# ------------------------------------------------------------------------------------------------------------- planning
def test_the_reading_table_is_the_library_s_look_and_obeys_corrections(lab):
    data = own(lab)
    path = lab.runs / ".data/AAAAAAAAAAAAAAAA/houses.csv"
    told = ask(lab, "look", data=data, settings={"target": "price"})
    seen = look(path, target="price")
    assert [one["name"] for one in told["columns"]] == [one.name for one in seen.columns]
    assert [(one["name"], one["kind"], one["why"]) for one in told["readings"]] == [
        (one.name, one.kind, one.why) for one in seen.readings
    ]
    assert told["training"] == dict(seen.training)
    assert told["free"] == "houses-1"
    corrected = ask(
        lab, "look", data=data, settings={"target": "city", "drop": "sold\nprice", "columns": "size=category"}
    )
    kinds = {one["name"]: one["kind"] for one in corrected["readings"]}
    assert kinds["size"] == "category"
    uses = {one["name"]: one["use"] for one in corrected["readings"]}
    assert uses == {"size": "input", "sold": "left out, as told", "price": "left out, as told", "city": "target"}
    assert "Girona" in corrected["target"]


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"target": "nothing"}, "has no column 'nothing'"),
        ({"epochs": "many"}, "epochs: expected a whole number"),
        ({"epochs": "-3"}, "epochs"),
        ({"epochs": "99999999999999999999999"}, "epochs: expected at most 10,000,000"),
        ({"batch_size": "99999999999999999999"}, "batch size: expected at most 1,000,000,000"),
        ({"learning_rate": "1e999"}, "learning rate: expected a finite number"),
        ({"net_options": "x"}, "net_options"),
        ({"augment": "[{"}, "expected a plain value"),
        ({"data_dir": "/etc"}, "'data_dir' is none of this page"),
        ({"own": "x"}, "'own' is"),
        ({"data": "/etc/passwd"}, "'data' is"),
        ({"columns": "price=pickle"}, "expected number"),
    ],
)
def test_a_setting_that_cannot_be_is_one_line_without_a_path(lab, settings, line):
    data = own(lab)
    with pytest.raises(ProfundoError) as error:
        ask(lab, "look", data=data, settings=settings)
    said = str(error.value)
    assert line.replace("_", "-") in said.replace("_", "-")
    assert str(lab.runs) not in said
    assert "AAAAAAAA" not in said


@pytest.mark.parametrize(
    "given",
    [
        {"data": 3}, {"data": "iris", "settings": []}, {"data": "iris", "settings": {"epochs": 3}}, {"data": "x" * 1000},
        {"data": "iris", "settings": {str(place): "1" for place in range(200)}}, {"data": "iris", "shell": "rm"},
        {"data": "iris", "settings": {"augment": "x" * 30_000}},
    ],
)  # fmt: skip
def test_a_malformed_question_is_refused_at_the_door(lab, given):
    with pytest.raises(ProfundoError, match=r"expected|Input should|not permitted"):
        ask(lab, "start", **given)


# ------------------------------------------------------------------------------------------------ starting and stopping
def until(lab, name, *states, seconds=90.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        rows = {row["name"]: row for row in ask(lab, "watch")["runs"]}
        if name in rows and rows[name]["state"] in states:
            return rows[name]
        time.sleep(0.1)
    raise AssertionError(f"{name} never came to be {states}: {rows.get(name)}")


def training_now(lab, name):
    row = until(lab, name, "running", "failed", "finished")
    assert row["state"] == "running", row["fault"]
    return row["progress"] is not None and row["progress"]["phase"] == "training" and row["progress"]["epoch"] > 1


def test_a_training_lives_without_the_lab_is_paused_and_goes_on(lab, uploads):
    """Started by one lab, paused and gone on with by another that finds it in the folder."""
    data = own(lab)
    settings = {"target": "price", "net": "mlp", "epochs": "1500", "doctor": "false", "early_stop": "1500"}
    assert ask(lab, "start", data=data, settings=settings) == {"run": "houses-1"}
    assert ask(lab, "watch")["runs"][0]["state"] == "starting"
    lab.close()
    second = Lab(lab.runs, uploads)
    while not training_now(second, "houses-1"):
        time.sleep(0.05)
    ask(second, "pause", run="houses-1")
    row = until(second, "houses-1", "paused", "finished", "failed")
    assert row["state"] == "paused", "its training was over before it could be paused"
    assert row["may_resume"]
    ask(second, "go_on", run="houses-1")
    row = until(second, "houses-1", "finished", "failed", "stopped")
    assert row["state"] == "finished", row["fault"]
    kept = json.loads((lab.runs / "houses-1/scores.json").read_text())
    assert row["scores"] == kept["test"]
    assert kept["epochs"] == 1500
    assert row["settings"]["data"] == "houses.csv"
    assert row["source"] == data
    said = "\n".join(ask(second, "watch", chosen=["houses-1"])["courses"]["houses-1"]["log"])
    assert "resumed from the newest checkpoint" in said
    assert str(lab.runs) not in said
    again = ask(second, "again", run="houses-1")
    assert again["data"] == data
    assert again["words"]["epochs"] == "1500"
    ask(second, "remove", run="houses-1")
    assert not (lab.runs / "houses-1").exists()
    second.close()


def test_a_training_that_is_paused_before_its_folder_is_made_is_gone_on_with(lab):
    ask(lab, "start", data="iris", settings={"net": "mlp", "epochs": "2", "doctor": "false"}, name="soon")
    ask(lab, "pause", run="soon")
    row = until(lab, "soon", "paused", "failed", "finished")
    assert (row["state"], row["may_resume"], row["fault"]) == ("paused", True, "")
    with pytest.raises(ProfundoError, match="is paused"):
        ask(lab, "stop", run="soon")
    ask(lab, "go_on", run="soon")
    assert until(lab, "soon", "starting", "running", "finished", "failed")["fault"] == ""
    row = until(lab, "soon", "finished", "failed")
    assert row["state"] == "finished", row["fault"]


@pytest.mark.parametrize(
    ("state", "since", "told"),
    [
        ("paused", -60.0, "running"),  # it has saved its state, and ends
        ("paused", 60.0, "starting"),  # it goes on, and has not told how far it is
        ("finished", -60.0, "finished"),
    ],
)
def test_a_process_that_ends_is_not_told_to_start(lab, state, since, told):
    for folder in ("run", ".started"):
        (lab.runs / folder).mkdir(exist_ok=True)
    (lab.runs / "run/progress.json").write_text("{}")
    me = this_process()
    kept = {"pid": me.pid, "began": me.began, "at": time.time() + since}
    (lab.runs / ".started/run.json").write_text(json.dumps(kept))
    assert [row.state for row in starting.started_rows(lab.runs, [RunRow("run", state)])] == [told]


def test_a_training_that_is_stopped_ends_with_its_epoch_and_is_judged(lab):
    data = own(lab)
    settings = {"target": "price", "net": "mlp", "epochs": "90000", "doctor": "false", "early_stop": "90000"}
    ask(lab, "start", data=data, settings=settings, name="long")
    while not training_now(lab, "long"):
        time.sleep(0.05)
    ask(lab, "stop", run="long")
    row = until(lab, "long", "finished", "failed", "stopped")
    assert row["state"] == "finished", row["fault"]
    assert row["told_to_stop"]
    assert not row["may_resume"]
    assert row["pages"] == ["report.html"]
    rows = (lab.runs / "long/history.csv").read_text().splitlines()[1:]
    assert 1 < row["epochs"] == len(rows) < 90000
    assert row["scores"] == json.loads((lab.runs / "long/scores.json").read_text())["test"]
    said = "\n".join(ask(lab, "watch", chosen=["long"])["courses"]["long"]["log"])
    assert f"ended after epoch {len(rows)}, as asked" in said
    for name in ("long", "none", "../long"):
        with pytest.raises(ProfundoError, match=r"at work or interrupted|no such run|expected a name"):
            ask(lab, "stop", run=name)


def test_a_training_that_fails_before_its_folder_is_made_says_why_and_is_changed_and_tried_again(lab):
    own_table = own(lab, "a,b\n1,2\n3,4\n")
    ask(lab, "start", data=own_table, settings={"target": "b", "epochs": "7"}, name="few")
    row = until(lab, "few", "failed")
    assert row["fault"].everywhere["ca"] not in ("", row["fault"])  # it came from another process, on its stderr
    assert str(lab.runs) not in row["fault"]
    again = ask(lab, "again", run="few")
    assert (again["data"], again["words"]["target"], again["words"]["epochs"]) == (own_table, "b", "7")
    ask(lab, "remove", run="few")
    assert ask(lab, "watch")["runs"] == []


def test_a_table_without_a_target_is_refused_before_anything_is_started(lab):
    data = own(lab, TABLE)
    for call in ("start", "check", "suggest"):
        with pytest.raises(ProfundoError, match="target: expected the column that is to be predicted"):
            ask(lab, call, data=data, settings={})
    assert ask(lab, "watch")["runs"] == []
    assert ask(lab, "look", data=data, settings={})["target"] == ""


def test_a_row_is_tried_with_either_sign_of_decimals(lab):
    rows = "".join(f"{place % 40 + place / 8:.1f};{place % 7},5\n".replace(".", ",") for place in range(120))
    table = lab.runs.parent / "ice.csv"
    table.write_text("warmth;sold\n" + rows)
    train(new_experiment(data=str(table), target="sold", net="linear", epochs=1), out=lab.runs / "ice")
    [field] = ask(lab, "takes", run="ice")["fields"]
    assert "," in field["value"]
    told = [ask(lab, "try_row", run="ice", row={"warmth": text})["prediction"] for text in ("12,5", "12.5", "12,50")]
    assert told[0] == told[1] == told[2]
    assert ask(lab, "try_row", run="ice", row={"warmth": field["value"]})["prediction"] is not None
    with pytest.raises(ProfundoError, match="may be 1,2340 or 1234") as error:
        ask(lab, "try_row", run="ice", row={"warmth": "1.234"})
    assert error.value.args[0].everywhere["es"].startswith("columna 'warmth': '1.234' puede ser")
    [notice] = ask(lab, "try_row", run="ice", row={"warmth": "12.5"})["notices"]
    assert notice.everywhere["ca"] == "columna 'warmth': '12.5' s’ha llegit com a 12,5"


def test_where_training_had_no_such_row_no_interval_is_promised(lab):
    rows = "".join(f"{place % 40},{'abc'[place % 3]},{3 * (place % 40) + place % 7}\n" for place in range(120))
    table = lab.runs.parent / "parcels.csv"
    table.write_text("kg,way,price\n" + rows)
    train(new_experiment(data=str(table), target="price", net="linear", epochs=1), out=lab.runs / "parcels")

    def tried(**row):
        told = ask(lab, "try_row", run="parcels", row={"kg": "20", "way": "a"} | row)
        return told["interval"]["promised"], [str(notice).partition(":")[0] for notice in told["notices"]]

    assert tried() == (True, [])
    assert tried(kg="39,0") == (True, ["column 'kg'"]), "how it was read is no doubt about the row"
    promise = "its interval promises nothing"
    assert tried(kg="40") == (False, ["column 'kg' is outside of what training saw, 0 to 39", promise])
    assert tried(kg="-3")[0] is tried(kg="99999")[0] is tried(way="z")[0] is False
    assert tried(kg="") == (False, ["column 'kg' is missing", promise])


def test_no_process_but_that_of_the_run_gets_a_signal(lab, monkeypatch):
    """A kept number that another process has by now, and one without the moment it began."""
    monkeypatch.setattr(signal, "pidfd_send_signal", lambda *_: pytest.fail("a signal was sent"))
    here = this_process()
    (lab.runs / "r").mkdir()
    (lab.runs / "r/experiment.yaml").write_text("data: iris\n")
    record = lab.runs / starting.STARTED
    record.mkdir()
    for holder in ("", f"{here.pid}\n", f"{here.pid}\n{here.began}0\n", "1\n", "-1\n"):
        (lab.runs / "r/.holder").write_text(holder)
        (record / "r.json").write_text(json.dumps({"pid": here.pid, "began": "another boot 7"}))
        with pytest.raises(ProfundoError, match="known for certain"):
            ask(lab, "pause", run="r")


@pytest.mark.parametrize("names", [1, 120, 2_000])
@pytest.mark.parametrize("after", ["", '{"said": "refusals.of_a_later_version", "values": {}}\n', '{"said": "cut'])
def test_a_refusal_however_long_is_told_and_never_its_json(names, after):
    line = Said("refusals.weights_empty", names=", ".join(f"красноперка {number}" for number in range(names)))
    said = f"a warning\n\n{starting.SIGN}{line}\n" + (after or json.dumps(line.kept) + "\n")
    told = starting.refused_in(said.encode())
    assert told == starting.last_word(said.encode())
    assert told[:5000] == line[:5000]
    assert isinstance(told, Said) == (names < 2_000 and not after)


def test_what_ended_without_a_refusal_has_its_last_line_for_a_reason():
    said = f"{starting.SIGN}a notice\nTraceback\nKeyError: 'x'\n".encode()
    assert (starting.refused_in(said), starting.last_word(said)) == ("", "KeyError: 'x'")
    assert isinstance(starting.last_word(b"\n"), Said)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../runs", "a/b", "/tmp", "a\0", ".started", ".data", "-rf", "x" * 90, "a\nb"]
)
def test_names_that_are_none_of_a_run_are_refused_everywhere(lab, name):
    for call in ("pause", "go_on", "remove", "takes", "samples", "again"):
        with pytest.raises(ProfundoError):
            ask(lab, call, run=name)
    for call, more in (("try_row", {"row": {}}), ("try_file", {"drawn": "AAAA"})):
        with pytest.raises(ProfundoError):
            ask(lab, call, run=name, **more)
    assert ask(lab, "watch", chosen=[name])["courses"] == {}
    if name:
        with pytest.raises(ProfundoError):
            ask(lab, "start", data="iris", name=name)
    assert list(lab.runs.iterdir()) == []


def test_a_name_that_is_taken_is_not_trained_into(lab):
    (lab.runs / "mine").mkdir()
    with pytest.raises(ProfundoError, match="already"):
        ask(lab, "start", data="iris", name="mine")


def test_only_runs_are_removed_and_no_link_is_followed(lab, tmp_path):
    (lab.runs / "other").mkdir()
    (lab.runs / "other/thesis.txt").write_text("mine")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "experiment.yaml").write_text("data: iris\n")
    (lab.runs / "link").symlink_to(outside)
    busy = lab.runs / "busy"
    busy.mkdir()
    (busy / "experiment.yaml").write_text("data: iris\n")
    (busy / ".holder").write_text(str(this_process()))
    (lab.runs / "within").mkdir()
    (lab.runs / "within/experiment.yaml").write_text("data: iris\n")
    (lab.runs / "within/checkpoints").symlink_to(outside)
    for name, line in (("other", "removes nothing else"), ("link", "is a link"), ("busy", "at work")):
        with pytest.raises(ProfundoError, match=line):
            ask(lab, "remove", run=name)
    ask(lab, "remove", run="within")
    assert not (lab.runs / "within").exists()
    assert (lab.runs / "other/thesis.txt").read_text() == "mine"
    assert (outside / "experiment.yaml").exists()
    assert busy.exists()


def test_what_changes_something_is_kept_from_visitors():
    assert {name for name, call in CALLS.items() if not call.changes} == {
        "watch", "form", "takes", "try_file", "try_row", "samples", "again",
    }  # fmt: skip


def test_a_suggestion_is_that_of_the_command(lab):
    told = ask(lab, "suggest", data="iris", settings={"net": "linear"})
    same = find(new_experiment(data="iris", net="linear"))
    assert told["suggestion"] == same.suggestion
    np.testing.assert_allclose(told["losses"], same.test.losses, rtol=1e-4)
    assert list(lab.uploads.iterdir()) == []


def test_mistakes_of_a_net_of_numbers_are_its_largest_errors(lab):
    train(new_experiment(data="diabetes", net="linear", epochs=1), out=lab.runs / "sugar")
    mistakes = ask(lab, "samples", run="sugar")["mistakes"]
    errors = [abs(float(one["truth"]) - float(one["prediction"])) for one in mistakes]
    assert len(errors) > 1
    assert errors == sorted(errors, reverse=True)
    assert mistakes[0]["row"][0]["name"] == "age"


# -------------------------------------------------------------------------------------------------------------- trying
def test_a_row_and_an_image_are_answered_as_the_predictor_does(trained, uploads):
    lab = Lab(trained, uploads)
    takes = ask(lab, "takes", run="flowers")
    assert takes["kind"] == "features"
    row = {field["name"]: "2.5" for field in takes["fields"]}
    (expected,) = predictor(trained / "flowers").rows([row])
    told = ask(lab, "try_row", run="flowers", row=row)
    assert told["prediction"] == expected["prediction"]
    assert {one["name"]: one["share"] for one in told["ranked"]} == expected["probabilities"]
    assert [one["share"] for one in told["ranked"]] == sorted(expected["probabilities"].values(), reverse=True)

    file = io.BytesIO()
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8) * 3).save(file, "PNG")
    (expected,) = predictor(trained / "digits").images([file.getvalue()])
    drawn = ask(lab, "try_file", run="digits", drawn=base64.b64encode(file.getvalue()).decode())
    sent = ask(lab, "try_file", run="digits", upload=uploaded(lab, file.getvalue(), ".png"))
    assert drawn == sent
    assert drawn["prediction"] == expected["prediction"]
    assert list(uploads.iterdir()) == [], "what was tried is not kept"


@pytest.mark.parametrize(
    "content", [b"", b"no image", b"\x89PNG\r\n\x1a\n" + b"\0" * 100, b"GIF89a\xff\xff\xff\xff\0\0\0"]
)
def test_what_is_no_image_is_one_line(trained, uploads, content):
    lab = Lab(trained, uploads)
    with pytest.raises(ProfundoError) as error:
        ask(lab, "try_file", run="digits", upload=uploaded(lab, content, ".png"))
    assert str(trained) not in str(error.value)


def test_a_row_for_an_image_net_and_a_column_that_is_none_are_refused(trained, uploads):
    lab = Lab(trained, uploads)
    with pytest.raises(ProfundoError, match="takes no rows"):
        ask(lab, "try_row", run="digits", row={"a": "1"})
    with pytest.raises(ProfundoError):
        ask(lab, "try_row", run="flowers", row={"nothing": "1"})
    with pytest.raises(ProfundoError, match="takes neither images nor sounds"):
        ask(lab, "try_file", run="flowers", drawn=base64.b64encode(b"GIF89a").decode())


def test_mistakes_are_those_of_the_scores(trained, uploads):
    told = ask(Lab(trained, uploads), "samples", run="digits")
    losses = [one["loss"] for one in told["mistakes"]]
    assert losses == sorted(losses, reverse=True)
    assert losses
    assert all(one["truth"] != one["prediction"] for one in told["mistakes"])
    assert all(one["image"].shape == (1, 8, 8) for one in told["mistakes"])
    assert {one["label"] for one in told["examples"]} == set("0123456789")


# ------------------------------------------------------------------------------------------------------------- watching
class Page:
    """A desk whose page is open: what its channels were offered."""

    def __init__(self, lab, name):
        self.desk, self.told = Desk(lab, "owner", name), []
        self.desk.attach(lambda channel: self.Channel(channel, self.told))

    class Channel:
        def __init__(self, name, told):
            self.name, self.told = name, told

        def offer(self, value):
            self.told.append((self.name, value))


@pytest.fixture
def watch(lab):
    return RunWatch(lab, lambda _, rows: [row.name for row in rows], lambda _, courses: list(courses), thread=object())


def new_run(runs, name):
    (runs / name).mkdir()
    (runs / name / "experiment.yaml").write_text("data: iris\n")


def test_each_page_is_told_what_is_new_to_it_and_once(lab, watch):
    one, other = Page(lab, "one"), Page(lab, "other")
    new_run(lab.runs, "a")
    assert [row.name for row in watch.look_on(one.desk, ["a"]).rows] == ["a"]
    watch.look_on(other.desk, [])
    watch.look()
    assert one.told == other.told == []
    new_run(lab.runs, "b")
    os.utime(lab.runs / "b/experiment.yaml", (1, 1))
    watch.look()
    watch.look()
    assert one.told == other.told == [(ROWS, ["a", "b"])]
    (lab.runs / "a/history.csv").write_text("epoch,loss\n1,2\n")
    watch.look()
    assert one.told[1:] == [(COURSES, ["a"])]
    assert other.told[1:] == []


def test_a_closed_page_costs_nothing_and_hears_of_it_when_it_is_back(lab, watch):
    page = Page(lab, "one")
    watch.look_on(page.desk, [])
    page.desk.detach()
    new_run(lab.runs, "a")
    watch.look()
    assert watch.rows == {}, "nobody looks, so nothing is read"
    page.desk.attach(lambda name: Page.Channel(name, page.told))
    watch.look()
    assert page.told == [(ROWS, ["a"])]


def test_only_what_was_written_since_is_read_again(lab, watch, monkeypatch):
    from profundo.lab.trainings import run_watch

    for name in "abc":
        new_run(lab.runs, name)
    page = Page(lab, "one")
    watch.look_on(page.desk, [])
    read = []
    monkeypatch.setattr(run_watch, "run_row", lambda runs, name: read.append(name) or before(runs, name))
    from profundo.runs.live.live_reading import run_row as before

    watch.look()
    assert read == []
    (lab.runs / "b/progress.json").write_text('{"phase": "interrupted"}')
    watch.look()
    assert read == ["b"]


def test_a_stranger_s_folder_is_one_row_and_the_others_stay(lab):
    new_run(lab.runs, "good")
    new_run(lab.runs, "bad")
    (lab.runs / "bad/scores.json").write_text("[" * 100_000)
    rows = {row["name"]: row for row in ask(lab, "watch")["runs"]}
    assert rows["good"]["state"] == "stopped"
    assert rows["bad"]["state"] == "damaged"
    assert "scores.json" in rows["bad"]["fault"]


def test_a_desk_is_forgotten_while_the_folder_is_read(tmp_path, monkeypatch):
    lab, reads, go_on = new_lab(tmp_path), threading.Event(), threading.Event()
    watch = RunWatch(lab, lambda *_: [], lambda *_: {})
    desk = Desk(lab, "owner", "desk")
    monkeypatch.setattr(watch, "all_rows", lambda: reads.set() or (go_on.wait(30) and ()))
    reading = threading.Thread(target=watch.look_on, args=(desk, []))
    reading.start()
    assert reads.wait(10)
    watch.forget(desk)
    watch.close()
    assert reading.is_alive()
    go_on.set()
    reading.join(10)
    lab.close()


def test_a_column_that_is_left_out_tells_no_answer(lab):
    rows = "".join(f"{k % 7},{2 * (k * 37 % 101)}.5,{k * 37 % 101}.25\n" for k in range(80))
    data = own(lab, "size,sold,price\n" + rows)
    told = [
        [one["what"] for one in ask(lab, "look", data=data, settings={"target": "price", **more})["findings"]]
        for more in ({}, {"drop": "sold"})
    ]
    assert ["all but tells" in " ".join(lines) for lines in told] == [True, False]


def test_a_workbook_is_refused_wherever_a_table_is_read(tmp_path):
    (tmp_path / "book.xlsx").write_bytes(b"PK\3\4")
    for read in (lambda path: load(path, target="a"), table_columns):
        with pytest.raises(ProfundoError, match="save the sheet as CSV"):
            read(tmp_path / "book.xlsx")
