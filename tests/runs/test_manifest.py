"""What a finished run was can be told from its folder: an edit is a notice, or refused where figures would be wrong."""

import csv
import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

from profundo.records import ProfundoError, Scores
from profundo.runs import manifest as manifests
from profundo.runs.experiment import new_experiment
from profundo.runs.folder import Folder
from profundo.runs.supervised import open_run, resume, train
from profundo.studies.run_comparison import compare
from profundo.use.any_run import any_run
from profundo.use.model_card import card

ROWS = "".join(f"{number},{number % 7},{'high' if number % 7 > 3 else 'low'}\n" for number in range(60))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A finished run on a table beside it, and a second one."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "t.csv").write_text("a,b,risk\n" + ROWS)
    for name in ("run", "other"):
        train(new_experiment(data=str(folder / "t.csv"), target="risk", epochs=2, device="cpu"), out=folder / name)
    return folder


@pytest.fixture
def here(trained, tmp_path):
    """A copy, whose runs know the copy of the table."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    for name in ("run", "other"):
        edit(tmp_path / name, data=str(tmp_path / "t.csv"))
    return tmp_path


def edit(run: Path, **settings) -> None:
    path = run / "experiment.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | settings))


def edit_table(here: Path) -> None:
    (here / "t.csv").write_text("a,b,risk\n" + ROWS.replace("30,2,low", "30,2,high"))


def edit_json(path: Path, **change) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | change))


EVALUATE = {
    "evaluate": lambda here: any_run(here / "run").evaluate("test"),
    "graph": lambda here: open_run(here / "run", evaluate=False),
    "report": lambda here: any_run(here / "run").write_report(here / "page.html"),
    "compare": lambda here: compare(here / "other", here / "run"),
}
DOORS = {
    **EVALUATE,
    "card": lambda here: card(Folder(here / "run")),
    "predict": lambda here: answers(here),
}


def answers(here):
    whole = any_run(here / "run").predictions([here / "t.csv"], False)[0]
    return [(list(one.names), dict(one.columns), {name: list(ids) for name, ids in one.ids.items()}) for one in whole]


MOVED = "data was"  # the copies lie elsewhere


def notices(capsys) -> list[str]:
    return [line for line in capsys.readouterr().err.splitlines() if MOVED not in line]


# ---------------------------------------------------------------------------------------------------- as it ended
def test_a_finished_run_lists_every_file_that_tells_of_it(trained):
    kept = json.loads((trained / "run" / "manifest.json").read_text())
    assert set(kept["files"]) == {
        *("experiment.yaml", "environment.json", "history.csv", "scores.json", "model.json", "model.safetensors"),
    }
    assert kept["data"] == json.loads((trained / "run" / "environment.json").read_text())["data"]


@pytest.mark.parametrize("door", DOORS)
def test_a_run_and_data_that_moved_together_open_with_one_notice(door, here, capsys):
    assert DOORS[door](here)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == (2 if door == "compare" else 1)  # a run each
    assert all("experiment.yaml: changed since the run ended: data was" in line for line in said)


# ------------------------------------------------------------------------------------------- figures would be wrong
@pytest.mark.parametrize("door", [*EVALUATE, "card"])
@pytest.mark.parametrize("change", [{"seed": 1}, {"validation": 0.3}, {"learning_rate": 0.5}], ids=str)
def test_figures_of_a_run_whose_settings_changed_are_refused_naming_them(door, change, here):
    edit(here / "run", **change)
    ((name, value),) = change.items()
    with pytest.raises(ProfundoError, match=rf"experiment.yaml: changed .*{name} was .*, is {value}.*train anew"):
        DOORS[door](here)


@pytest.mark.parametrize("door", EVALUATE)
def test_figures_on_other_data_are_refused(door, here):
    edit_table(here)
    with pytest.raises(ProfundoError, match=r"the data are not those of the run.*sha256 was"):
        DOORS[door](here)


@pytest.mark.parametrize("door", ["report", "compare", "card"])
def test_scores_that_changed_are_not_passed_on(door, here):
    edit_json(here / "run" / "scores.json", test={"accuracy": 1.0})
    with pytest.raises(ProfundoError, match=r"scores.json: changed since the run ended"):
        DOORS[door](here)


@pytest.mark.parametrize("how", ["missing", "changed"])
@pytest.mark.parametrize("door", [*EVALUATE, "card"])
def test_without_its_manifest_no_figures_are_the_run_s(how, door, here):
    path = here / "run" / "manifest.json"
    path.unlink() if how == "missing" else edit_json(path, data={"sha256": "another"})
    with pytest.raises(ProfundoError, match=r"manifest.json.*anew"):
        DOORS[door](here)


NOT_OURS = r"codec|Expecting|set_int_max|constructor|deserializ|Input should|None|\n"
DAMAGE = {
    "missing": None,
    "empty": b"",
    "torn": b'{"format": ',
    "no text": b"\xff{}",
    "a long number": b'{"format": ' + b"7" * 5000 + b"}",
    "a list": b"[]",
    "a tag": b"!!python/object/apply:os.system [true]",
    "a character": b"epochs: \x00",
}


@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize(
    ("name", "door"),
    [
        ("model.json", "predict"),
        ("model.json", "evaluate"),
        ("scores.json", "graph"),
        ("manifest.json", "report"),
        ("experiment.yaml", "predict"),
        ("model.safetensors", "predict"),
    ],
)
def test_a_damaged_file_is_refused_in_one_line_of_our_words_that_says_what_to_do(name, door, how, here, capsys):
    path = here / "run" / name
    path.unlink() if DAMAGE[how] is None else path.write_bytes(DAMAGE[how])
    with pytest.raises(ProfundoError) as caught:
        DOORS[door](here)
    if (name, how) not in {("scores.json", "missing"), ("experiment.yaml", "missing")}:  # which make it no finished run
        assert re.search(rf"{name}: .*(put it back|again|anew)", str(caught.value))
    assert not re.search(NOT_OURS, str(caught.value))
    assert name not in capsys.readouterr().err, "a note came before the refusal"


def test_a_setting_that_was_not_set_is_said_so(here):
    edit(here / "run", image_size=32)
    with pytest.raises(ProfundoError, match="image_size was not set, is 32;"):
        DOORS["evaluate"](here)


def test_a_card_repeats_no_environment_that_is_gone(here):
    (here / "run" / "environment.json").unlink()
    with pytest.raises(ProfundoError, match=r"environment.json: is missing"):
        card(Folder(here / "run"))


def test_settings_edited_while_the_run_trained_are_noticed_although_the_file_did_not_change_since(here):
    run = here / "run"
    edit(run, seed=5)
    kept = json.loads((run / "manifest.json").read_text())
    manifests.finish(Folder(run), kept["settings"], kept["data"], json.loads((run / "scores.json").read_text()))
    with pytest.raises(ProfundoError, match="seed was 0, is 5"):
        open_run(run)


# ----------------------------------------------------------------------------------------- nothing comes out wrong
@pytest.mark.parametrize("name", ["seed", "scores.json", "environment.json", "manifest.json", "history.csv"])
def test_predictions_go_on_with_a_notice(name, here, capsys):
    expected = DOORS["predict"](here)
    capsys.readouterr()
    edit(here / "run", seed=1) if name == "seed" else (here / "run" / name).write_text("{}")
    assert DOORS["predict"](here) == expected
    lines = capsys.readouterr().err.splitlines()
    assert any(("experiment.yaml" if name == "seed" else name) in line for line in lines), lines


@pytest.mark.parametrize("door", EVALUATE)
def test_a_note_in_the_history_and_a_lost_environment_are_notices(door, here, capsys):
    with (here / "run" / "history.csv").open("a") as file:
        csv.writer(file).writerow(["a note"])
    (here / "run" / "environment.json").unlink()
    assert DOORS[door](here)
    said = notices(capsys)
    assert [line.split("/")[-1] for line in said] == [
        "environment.json: is missing",
        "history.csv: changed since the run ended",
    ]


def test_a_name_that_would_steer_a_terminal_is_told_in_letters(here, capsys):
    path = here / "run" / "manifest.json"
    kept = json.loads(path.read_text())
    del kept["sha256"]
    kept["files"]["\x1b[2J"] = kept["files"]["scores.json"]
    path.write_text(json.dumps(kept | {"sha256": manifests.digest(kept)}))
    assert DOORS["predict"](here)
    said = capsys.readouterr().err
    assert "\\x1b[2J: is missing" in said
    assert "\x1b" not in said


def test_settings_without_effect_are_a_notice_and_the_figures_the_same(here, capsys):
    before = DOORS["evaluate"](here)
    edit(here / "run", workers=0, checkpoint_seconds=1.0)
    after = DOORS["evaluate"](here)
    assert isinstance(after, Scores)
    assert after.values == before.values
    assert "workers was 2, is 0" in capsys.readouterr().err


def test_scores_that_changed_do_not_hinder_looking_at_the_test_anew(here, capsys):
    before = DOORS["evaluate"](here).values
    edit_json(here / "run" / "scores.json", test={"accuracy": 1.0})
    assert DOORS["evaluate"](here).values == before
    assert "scores.json: changed since the run ended" in capsys.readouterr().err


# ------------------------------------------------------------------------------------------------------ unfinished
@pytest.mark.parametrize("how", ["missing", "without data", "no object"])
def test_an_unfinished_run_that_no_longer_says_what_its_data_were_does_not_go_on(how, here):
    (here / "run" / "scores.json").unlink()
    path = here / "run" / "environment.json"
    path.unlink() if how == "missing" else path.write_text("{}" if how == "without data" else '{"data": 5}')
    with pytest.raises(ProfundoError, match=r"environment.json no longer says what the data were"):
        resume(here / "run")


def test_a_run_that_died_between_manifest_and_scores_is_unfinished_and_ends_as_it_would_have(trained, tmp_path):
    shutil.copytree(trained / "run", tmp_path / "run")
    before = (tmp_path / "run" / "model.safetensors").read_bytes()
    (tmp_path / "run" / "scores.json").unlink()
    with pytest.raises(ProfundoError, match="not finished"):
        open_run(tmp_path / "run")
    assert resume(tmp_path / "run").scores.values == open_run(tmp_path / "run").scores.values
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == before
