"""Runs of recipes as folders and commands: what they hold, what damages are noticed, what is said to a wrong wish."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml

import profundo as pf
from profundo.cli.printing import print_recipe_run
from profundo.recipes.recipe import settle
from profundo.recipes.recipe_folder import open_model, write_page, write_page_so_far
from profundo.recipes.recipe_run import resume_recipe, run_recipe
from profundo.records import Interrupted, ProfundoError
from profundo.runs.folder import Folder
from profundo.runs.opening import kind_of
from profundo.runs.voice import Quiet
from vouching import vouch

TINY = {"data": "digits", "code": 3, "width": 16, "epochs": 1, "plane_epochs": 1, "draws": 2}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return run_recipe("vae", TINY, out=tmp_path_factory.mktemp("recipes") / "vae-1")


@pytest.fixture
def copied(run, tmp_path):
    return shutil.copytree(run.folder.path, tmp_path / "copy")


@pytest.mark.slow
def test_a_run_says_what_was_asked_and_repeats_from_it(run, tmp_path, called):
    asked = yaml.safe_load(run.folder.experiment.read_text())
    assert asked["recipe"] == "vae"
    assert asked["settings"]["code"] == 3
    assert kind_of(run.folder.path) == "recipe"
    done = called("recipe", "--config", run.folder.experiment, "--out", tmp_path / "again", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["test"] == dict(run.outcome.scores)


def test_json_tells_what_the_run_keeps(run, capsys):
    print_recipe_run(replace(run, outcome=replace(run.outcome, rivals={"another way": 1.5})), as_json=True)
    said, kept = json.loads(capsys.readouterr().out), json.loads(run.folder.scores.read_text())
    assert said["rivals"] == {"another way": 1.5}
    for part in ("test", "baseline", "against", "conclusion", "notes"):
        assert said[part] == kept[part]


def test_the_caller_s_randomness_is_left_alone_and_the_seed_decides():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    one, same, other = (run_recipe("vae", TINY, seed=seed, out=False).outcome.scores for seed in (0, 0, 1))
    assert torch.equal(before, torch.get_rng_state())
    assert one == same
    assert one != other


def test_from_python_the_same_names_serve_recipes_and_trainings(run, tmp_path):
    assert pf.recipe is run_recipe
    with pytest.raises(ProfundoError, match="is finished"):
        pf.resume(run.folder.path)
    with pytest.raises(ProfundoError, match="predicts nothing"):
        run.predict([tmp_path / "x.png"])
    assert run.generate(5)[0].images.shape == (5, 1, 8, 8)


def test_a_run_that_cannot_begin_leaves_nothing_behind(tmp_path):
    with pytest.raises(ProfundoError):
        run_recipe("vae", {**TINY, "data": "no-such-data"}, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_page_so_far_brings_back_no_run_that_was_removed(tmp_path):
    folder = Folder(tmp_path / "run")
    folder.path.mkdir()
    with pytest.raises(ProfundoError, match="the run's folder disappeared"):
        write_page_so_far(folder, {"device": "cpu"}, [], "")
    assert list(folder.path.iterdir()) == []


def test_a_folder_with_files_of_others_is_left_alone(tmp_path):
    (tmp_path / "mine" / "checkpoints").mkdir(parents=True)
    (tmp_path / "mine" / "log.txt").write_text("keep me")
    for data in ("no-such-data", "digits"):
        with pytest.raises(ProfundoError, match="new or empty folder"):
            run_recipe("vae", {**TINY, "data": data}, out=tmp_path / "mine")
    assert (tmp_path / "mine" / "log.txt").read_text() == "keep me"
    assert (tmp_path / "mine" / "checkpoints").is_dir()


def interrupted(folder):
    class Stop(Quiet):
        def show(self, _step, _row):
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted):
        run_recipe("vae", TINY, out=folder, voice=Stop())


def test_an_interrupted_run_survives_a_resume_that_cannot_begin(tmp_path, monkeypatch):
    from profundo.recipes.context import Context

    interrupted(tmp_path / "run")
    kept = sorted(path.relative_to(tmp_path) for path in (tmp_path / "run" / "checkpoints").rglob("*"))
    with monkeypatch.context() as patched:
        patched.setattr(
            Context, "images", lambda *_, **__: (_ for _ in ()).throw(ProfundoError("the data are not there"))
        )
        with pytest.raises(ProfundoError, match="not there"):
            resume_recipe(tmp_path / "run")
    assert kept
    assert kept == sorted(path.relative_to(tmp_path) for path in (tmp_path / "run" / "checkpoints").rglob("*"))
    assert resume_recipe(tmp_path / "run").resumed


def test_data_that_changed_before_the_first_checkpoint_are_noticed(tmp_path):
    interrupted(tmp_path / "run")
    checkpoints = tmp_path / "run" / "checkpoints"
    for path in filter(Path.is_dir, checkpoints.iterdir()):
        shutil.rmtree(path)
    begun = json.loads((checkpoints / "begun.json").read_text())
    (data,) = begun["code"]
    (checkpoints / "begun.json").write_text(json.dumps({"code": {data: {"sha256": "another"}}}))
    with pytest.raises(ProfundoError, match=f"cannot go on, for things changed: {data} was .*another"):
        resume_recipe(tmp_path / "run")


def test_another_arithmetic_or_another_setting_is_a_change(tmp_path, monkeypatch):
    from profundo.recipes import context

    interrupted(tmp_path / "run")
    other = context.multiplies_bfloat16(torch.device("cpu"))
    with monkeypatch.context() as patched:
        patched.setattr(context, "multiplies_bfloat16", lambda _device: not other)
        with pytest.raises(ProfundoError, match="precision was"):
            resume_recipe(tmp_path / "run")
    path = tmp_path / "run" / "experiment.yaml"
    path.write_text(path.read_text().replace("code: 3", "code: 4"))
    with pytest.raises(ProfundoError, match="code was 3, is 4"):
        resume_recipe(tmp_path / "run")


@pytest.mark.parametrize("wrong", [{"data": "iris"}, {"data": "diabetes"}, {"width": 10**12}])
def test_data_that_do_not_suit_and_sizes_beyond_memory_are_one_line(wrong):
    with pytest.raises(ProfundoError) as caught:
        run_recipe("vae", {**TINY, **wrong}, out=False)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_seed_out_of_range_is_refused(seed):
    with pytest.raises(ProfundoError, match="seed"):
        run_recipe("vae", TINY, seed=seed, out=False)


def test_a_setting_is_found_by_its_name_and_checked():
    assert settle("vae", {"epochs": 7}).epochs == 7
    with pytest.raises(ProfundoError, match="nearest: epochs"):
        settle("vae", {"epoch": 7})
    for wrong in (0, -1, "many", None, 1.5):
        with pytest.raises(ProfundoError, match="setting epochs"):
            settle("vae", {"epochs": wrong})
    assert settle("cyclegan", {"first": 7}).first == "7"  # as YAML reads the name of a digit
    for name, given, said in (
        ("diffusion", {"width": 20}, "setting width: expected a multiple of 16, got 20"),
        ("wavenet", {"guidances": []}, "setting guidances: expected at least 1 item, got []"),
        ("compression", {"export": "maybe"}, "setting export: expected true or false, got 'maybe'"),
    ):
        with pytest.raises(ProfundoError, match=re.escape(said)):
            settle(name, given)


def test_damage_of_the_saved_networks_is_noticed(copied):
    described = json.loads((copied / "model.json").read_text())
    described["settings"]["width"] = 17
    (copied / "model.json").write_text(json.dumps(described))
    with pytest.raises(ProfundoError, match="differs from what was saved"):
        open_model(copied)
    weights = bytearray((copied / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (copied / "model.safetensors").write_bytes(weights)
    for damage in (b"", b"[]", b"{}", b'{"description_sha256": 1}', b"\xff\xfe"):
        (copied / "model.json").write_bytes(damage)
        with pytest.raises(ProfundoError):
            open_model(copied)


def test_a_flipped_bit_of_the_weights_is_noticed(copied):
    weights = bytearray((copied / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (copied / "model.safetensors").write_bytes(weights)
    with pytest.raises(ProfundoError, match="differ"):
        open_model(copied)


def test_a_model_that_names_what_is_no_recipe_or_is_too_large_is_refused(copied):
    from profundo.train.checkpoints import digest

    saved = json.loads((copied / "model.json").read_text())
    saved.pop("description_sha256")
    for change in (
        {"recipe": "os"},
        {"recipe": "../vae"},
        {"known": {}},
        {"known": {"shape": [1, 10**5, 10**5]}},
        {"settings": {"width": 10**9}},
    ):
        described = {**saved, **change}
        (copied / "model.json").write_text(json.dumps({**described, "description_sha256": digest(described)}))
        with pytest.raises(ProfundoError):
            open_model(copied)


def change(file, run):
    """One character more, or another value of the same form."""
    path = run / file
    if file == "experiment.yaml":
        path.write_text(path.read_text().replace("seed: 0", "seed: 1"))
    else:
        path.write_text(path.read_text() + " ")


@pytest.mark.parametrize("file", ["experiment.yaml", "scores.json", "exhibits/exhibits.json", "manifest.json"])
def test_what_changed_since_the_run_ended_is_on_no_new_page_and_a_notice_for_its_networks(copied, capsys, file):
    before = (copied / "report.html").read_bytes()
    (copied / file).unlink() if file == "manifest.json" else change(file, copied)
    with pytest.raises(ProfundoError, match=file):
        write_page(copied)
    assert (copied / "report.html").read_bytes() == before
    assert open_model(copied)[0] == "vae"
    assert file in capsys.readouterr().err


def test_another_environment_is_a_notice(copied, capsys):
    change("environment.json", copied)
    assert write_page(copied).is_file()
    assert "environment.json: changed since the run ended" in capsys.readouterr().err


def test_what_only_a_training_can_do_is_refused_in_one_line(copied):
    for door in (pf.open_run, pf.export, lambda path: pf.compare(path, path)):
        with pytest.raises(ProfundoError, match=r"is a run of a recipe.*expected one of `profundo train`"):
            door(copied)


def test_exhibits_are_read_from_their_own_folder_only(copied, tmp_path):
    (tmp_path / "secret.png").write_bytes(b"secret")
    listed = json.loads((copied / "exhibits" / "exhibits.json").read_text())
    listed[0]["file"] = "../../secret.png"
    (copied / "exhibits" / "exhibits.json").write_text(json.dumps(listed))
    vouch(copied)
    with pytest.raises(ProfundoError, match="do not read"):
        write_page(copied)
    listed[0]["file"] = "01-samples.png"
    (copied / "exhibits" / "01-samples.png").unlink()
    (copied / "exhibits" / "01-samples.png").symlink_to(tmp_path / "secret.png")
    (copied / "exhibits" / "exhibits.json").write_text(json.dumps(listed))
    vouch(copied)
    with pytest.raises(ProfundoError, match="not a regular file"):
        write_page(copied)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "page"},
        {"title": None},
        {"width": -5},
        {"numeric": [True]},
        {"tiles": [["x", "http://x"]]},
        {"sha256": ""},
    ],
)
def test_a_list_of_exhibits_that_was_tampered_with_is_one_line(copied, change):
    listed = json.loads((copied / "exhibits" / "exhibits.json").read_text())
    listed[0] |= change
    (copied / "exhibits" / "exhibits.json").write_text(json.dumps(listed))
    vouch(copied)
    with pytest.raises(ProfundoError) as caught:
        write_page(copied)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("scores", ["[]", '{"test": []}', '{"test": {"a": "x"}}', '{"test": {"a": null}}'])
def test_scores_that_are_none_are_one_line_and_do_not_hide_other_runs(copied, scores):
    from profundo.runs.listing import list_runs

    (copied / "scores.json").write_text(scores)
    vouch(copied)
    assert "damaged" in list_runs(copied.parent)[0]["state"]
    with pytest.raises(ProfundoError):
        write_page(copied)


@pytest.mark.slow
@pytest.mark.parametrize(
    "content", ["", "[]", "recipe: vae\nseed: -1", "recipe: 3", "recipe: vae\nextra: 1", "recipe: os"]
)
def test_an_experiment_that_is_none_is_one_line(copied, content, refused):
    (copied / "experiment.yaml").write_text(content)
    asked = ("recipe", "--config", copied / "experiment.yaml", "--out", copied.parent / "new")
    refused(*asked, cwd=copied.parent, says=[])
    assert not (copied.parent / "new").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["recipe"], "profundo recipes"),
        (["recipe", "vea"], "nearest: vae"),
        (["recipe", "vae", "--set", "epochs"], "NAME=VALUE"),
        (["recipe", "vae", "--set", "epochs=many"], "setting epochs"),
        (["recipe", "vae", "--set", "nothing.at=3"], "unknown"),
        (["recipe", "vae", "--set", "epochs=[1"], "plain value"),
        (["recipe", "vae", "--device", "tpu"], "device 'tpu'"),
        (["recipe", "vae", "--seed", "-1"], "seed"),
        (["recipe", "--config", "x.yaml", "--quick"], "--quick and --config"),
        (["generate", "nowhere"], "expected a run's folder"),
    ],
)
def test_a_wrong_wish_is_answered_in_one_line(words, said, tmp_path, refused):
    refused(*words, cwd=tmp_path, says=[said])
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_the_commands_serve_a_recipe_s_run(run, tmp_path, called, refused):
    path = str(run.folder.path)
    assert called("report", path, cwd=tmp_path).stdout.strip() == str(run.folder.report)
    made = called("generate", path, "--count", "3", "--out", tmp_path / "new", cwd=tmp_path)
    assert made.stdout.split() == [str(tmp_path / "new" / "01-samples.png")]
    listed = json.loads(called("runs", run.folder.path.parent, "--json", cwd=tmp_path).stdout)["runs"]
    assert listed[0]["net"] == "vae"
    assert listed[0]["state"] == "finished"
    refused("evaluate", path, cwd=tmp_path, says=["recipe evaluates its own"])
    refused("resume", path, cwd=tmp_path, says=["is finished"])


@pytest.mark.slow
def test_a_configuration_of_the_other_kind_names_the_right_command(run, tmp_path, refused):
    refused("train", "--config", run.folder.experiment, cwd=tmp_path, says=["profundo recipe --config"])
    (tmp_path / "train.yaml").write_text("data: digits\n")
    refused("recipe", "--config", "train.yaml", cwd=tmp_path, says=["profundo train --config"])


@pytest.mark.slow
def test_new_pictures_do_not_replace_the_exhibits_of_a_run(run, refused, tmp_path):
    asked = ("generate", run.folder.path, "--out", run.folder.path / "exhibits")
    refused(*asked, cwd=tmp_path, says=["exhibits of a run"])


@pytest.mark.slow
def test_listing_and_describing_need_no_torch(tmp_path, called):
    code = (
        "import sys, profundo.cli; from profundo.recipes.recipe_names import RECIPES; assert 'torch' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path).returncode == 0
    said = called("recipe", "vae", "--describe", "--quick", cwd=tmp_path).stdout
    assert "Kingma" in said
    assert "code = 4" in said
