"""Runs of recipes as folders and commands: what they hold, what damages are noticed, what is said to a wrong wish."""

import json
import subprocess
import sys

import pytest
import torch
import yaml

import profundo as pf
from profundo.recipes.cooked import is_recipe_run, open_model, write_page
from profundo.recipes.cooking import cook
from profundo.recipes.recipe import settle
from profundo.records import ProfundoError

TINY = {"data": "digits", "code": 3, "width": 16, "epochs": 1, "plane_epochs": 1, "draws": 2}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return cook("vae", TINY, out=tmp_path_factory.mktemp("recipes") / "vae-1")


@pytest.fixture
def copied(run, tmp_path):
    import shutil

    return shutil.copytree(run.folder.path, tmp_path / "copy")


def profundo(*words, cwd=None):
    return subprocess.run([sys.executable, "-m", "profundo", *words], capture_output=True, text=True, cwd=cwd)


@pytest.mark.slow
def test_a_run_says_what_was_asked_and_repeats_from_it(run, tmp_path):
    asked = yaml.safe_load(run.folder.experiment.read_text())
    assert asked["recipe"] == "vae"
    assert asked["settings"]["code"] == 3
    assert is_recipe_run(run.folder.path)
    done = profundo("recipe", "--config", str(run.folder.experiment), "--out", str(tmp_path / "again"), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["test"] == dict(run.outcome.scores)


def test_the_caller_s_randomness_is_left_alone_and_the_seed_decides():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    one, same, other = (cook("vae", TINY, seed=seed, out=False).outcome.scores for seed in (0, 0, 1))
    assert torch.equal(before, torch.get_rng_state())
    assert one == same
    assert one != other


def test_from_python_the_same_names_serve_recipes_and_trainings(run, tmp_path):
    assert pf.recipe is cook
    with pytest.raises(ProfundoError, match="is finished"):
        pf.resume(run.folder.path)
    with pytest.raises(ProfundoError, match="predicts nothing"):
        run.predict([tmp_path / "x.png"])
    assert run.generate(5)[0].images.shape == (5, 1, 8, 8)


def test_a_run_that_cannot_begin_leaves_nothing_behind(tmp_path):
    with pytest.raises(ProfundoError):
        cook("vae", {**TINY, "data": "no-such-data"}, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep me")
    with pytest.raises(ProfundoError):
        cook("vae", {**TINY, "data": "no-such-data"}, out=tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").glob("[!.]*")] == ["notes.txt"]


def test_a_setting_is_found_by_its_name_and_checked():
    assert settle("vae", {"epochs": 7}).epochs == 7
    with pytest.raises(ProfundoError, match="nearest: epochs"):
        settle("vae", {"epoch": 7})
    for wrong in (0, -1, "many", None, 1.5):
        with pytest.raises(ProfundoError, match="setting epochs"):
            settle("vae", {"epochs": wrong})


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


def test_exhibits_are_read_from_their_own_folder_only(copied, tmp_path):
    (tmp_path / "secret.png").write_bytes(b"secret")
    listed = json.loads((copied / "exhibits" / "exhibits.json").read_text())
    listed[0]["file"] = "../../secret.png"
    (copied / "exhibits" / "exhibits.json").write_text(json.dumps(listed))
    with pytest.raises(ProfundoError, match="do not read"):
        write_page(copied)


@pytest.mark.slow
@pytest.mark.parametrize(
    "content", ["", "[]", "recipe: vae\nseed: -1", "recipe: 3", "recipe: vae\nextra: 1", "recipe: os"]
)
def test_an_experiment_that_is_none_is_one_line(copied, content):
    (copied / "experiment.yaml").write_text(content)
    done = profundo("recipe", "--config", str(copied / "experiment.yaml"), "--out", str(copied.parent / "new"))
    assert done.returncode == 1
    assert done.stderr.startswith("profundo: ")
    assert done.stderr.count("\n") == 1
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
        (["generate", "nowhere"], "expected a run's folder"),
    ],
)
def test_a_wrong_wish_is_answered_in_one_line(words, said, tmp_path):
    done = profundo(*words, cwd=tmp_path)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_the_commands_serve_a_recipe_s_run(run, tmp_path):
    path = str(run.folder.path)
    assert profundo("report", path).stdout.strip() == str(run.folder.report)
    made = profundo("generate", path, "--count", "3", "--out", str(tmp_path / "new"))
    assert made.stdout.split() == [str(tmp_path / "new" / "01-samples.png")]
    listed = json.loads(profundo("runs", str(run.folder.path.parent), "--json").stdout)["runs"]
    assert listed[0]["net"] == "vae"
    assert listed[0]["state"] == "finished"
    assert "recipe evaluates its own" in profundo("evaluate", path).stderr
    assert "is finished" in profundo("resume", path).stderr


@pytest.mark.slow
def test_listing_and_describing_need_no_torch(tmp_path):
    code = "import sys, profundo.cli; from profundo.recipes.catalogue import RECIPES; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path).returncode == 0
    said = profundo("recipe", "vae", "--describe", "--quick").stdout
    assert "Kingma" in said
    assert "code = 4" in said
