"""One contract for every recipe: it ends, shows something, is saved, is used again, and resumes to the same bits."""

import json
import math
import os
import signal
from pathlib import Path

import pytest
import torch
from markupsafe import escape

import profundo as pf
from profundo.inspect.opened_net import of_run
from profundo.pictures.exhibits import Drawn
from profundo.recipes import stretches
from profundo.recipes.exhibit_files import read_exhibits
from profundo.recipes.figures.figure_meanings import meaning_of
from profundo.recipes.recipe import about, find, generated, settle
from profundo.recipes.recipe_folder import open_model, open_subject, write_page
from profundo.recipes.recipe_names import RECIPES
from profundo.recipes.recipe_run import resume_recipe, run_recipe
from profundo.records import Interrupted, ProfundoError
from profundo.runs import resumable
from profundo.runs.folder import Folder
from profundo.runs.voice import Quiet
from profundo.use.looking_into import abilities
from smaller_recipes import SMALLER

pytestmark = [pytest.mark.slow, pytest.mark.needs_data]

LOOKED_INTO = {
    *("adaline", "anomaly", "autoencoder", "bias-variance", "category-embeddings", "cifar10", "compression"),
    *("deep-or-shallow", "distillation", "domain-adaptation", "double-descent", "gmdh", "lenet5-1998", "local-minima"),
    *("perceptron", "self-supervision", "siamese", "spoken-digits", "traffic-signs", "transfer", "triplet"),
    *("universal-approximation", "vae", "xor"),
}
"""The others draw, compare, translate, write, or keep no net."""
BY_ANOTHER_LOSS = {
    *("anomaly", "autoencoder", "distillation", "perceptron", "self-supervision", "siamese", "triplet", "vae"),
}


class Impatient(Quiet):
    """Sends this process a SIGTERM after some steps, as a scheduler would."""

    def __init__(self, patience: int) -> None:
        self.patience = patience

    def show(self, _step, _row):
        self.patience -= 1
        if self.patience == 0:
            os.kill(os.getpid(), signal.SIGTERM)


class Counting(Quiet):
    def __init__(self) -> None:
        self.shown = 0

    def show(self, _step, _row):
        self.shown += 1


@pytest.fixture(scope="module", autouse=True)
def _every_step_shown_and_few_of_them():
    """Not one in a tenth of a second: then the number of steps does not hang on the machine. Nor are few images shown fifty times."""
    progress = resumable.progress
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resumable, "progress", lambda *arguments: progress(*arguments, every=0.0))
        patch.setattr(stretches, "LEAST", 5)
        yield


@pytest.fixture(scope="module", params=RECIPES)
def name(request):
    """Of the module, so that all tests of a recipe come one after another: one process makes its run, once, and then lets it go."""
    return request.param


@pytest.fixture(scope="module")
def finished(name, tmp_path_factory, fewer_data):
    """A quick run of the recipe in a folder, and how many steps it showed."""
    voice, folder = Counting(), tmp_path_factory.mktemp(name) / "run"
    run = run_recipe(name, SMALLER.get(name), quick=True, out=folder, data_dir=str(fewer_data), voice=voice)
    return run, voice.shown


def same_files(one: Path, other: Path) -> None:
    """Networks, histories, scores and exhibits to the last byte; times differ."""
    for path in sorted(one.rglob("*")):
        inside = path.relative_to(one)
        if path.is_file() and inside.parts[0] in ("exhibits", "model.safetensors", "model.json", "history.csv"):
            assert path.read_bytes() == (other / inside).read_bytes(), inside
    first, second = (json.loads((folder / "scores.json").read_text()) for folder in (one, other))
    for part in ("test", "baseline", "conclusion", "histories"):
        assert first[part] == second[part], part


def test_it_says_what_it_does_and_ends_with_finite_figures_and_exhibits(name, finished):
    run, _ = finished
    assert len(about(name)) >= 2
    assert "RESULT" not in " ".join(about(name)), "the result is not stated"
    assert run.outcome.scores
    assert all(math.isfinite(value) for value in run.outcome.scores.values()), run.outcome.scores
    assert set(run.outcome.baseline) <= set(run.outcome.scores)
    assert all(meaning_of(figure).what for figure in run.outcome.scores)
    assert all(map(math.isfinite, run.outcome.rivals.values()))
    if not isinstance(run.outcome.against, str):
        assert set(run.outcome.against) >= set(run.outcome.baseline)
    assert run.outcome.conclusion
    assert run.exhibits
    assert all(isinstance(exhibit, Drawn) and exhibit.title and exhibit.caption for exhibit in run.exhibits)
    assert len({exhibit.title for exhibit in run.exhibits}) == len(run.exhibits)


def test_its_page_names_every_exhibit_and_can_be_written_anew(finished):
    run, _ = finished
    page = run.folder.report.read_text("utf-8")
    for exhibit in run.exhibits:
        assert f">{escape(exhibit.title)}<" in page
    assert "<script" not in page
    run.folder.report.unlink()
    assert write_page(run.folder.path).read_text("utf-8") == page
    assert [(e.kind, e.content) for e in read_exhibits(run.folder.path / "exhibits")] == [
        (e.kind, e.content) for e in run.exhibits
    ]


def test_the_saved_networks_are_those_of_the_run(name, finished):
    run, _ = finished
    if not run.outcome.networks:
        with pytest.raises(ProfundoError, match="keeps no network"):
            open_model(run.folder.path)
        return
    _, model = open_model(run.folder.path)
    assert model.asked == run.request.settings
    for label, net in run.outcome.networks.items():
        saved = model.networks[label].state_dict()
        for key, tensor in net.state_dict().items():
            assert torch.equal(saved[key], tensor.cpu()), (label, key)
    if find(name).generate is None:
        with pytest.raises(ProfundoError, match="generates nothing"):
            run.generate(2)
        return
    mine, loaded = run.generate(4, seed=3), generated(name, model, 4, 3, "")
    assert mine
    assert repr(mine) == repr(loaded)


def test_its_nets_are_looked_into_at_every_door_or_refused_in_a_line_that_says_what_to_do(name, finished):
    path = finished[0].folder.path
    if name not in LOOKED_INTO:
        for door in (pf.look_inside, pf.landscape, lambda run: pf.explain(run, [[0.0]])):
            with pytest.raises(ProfundoError, match=r"report.* shows? what it found") as refused:
                door(path)
            assert "\n" not in str(refused.value)
        assert not abilities(path).looks
        return
    assert abilities(path).looks
    run, lowers = open_subject(path)
    looked = of_run(run)
    assert looked.outputs(looked.raw[:2]).isfinite().all()
    assert lowers == (name not in BY_ANOTHER_LOSS)
    if find(name).member is None:
        with pytest.raises(ProfundoError, match="shows one net"):
            open_subject(path, "1")


def test_interrupted_and_resumed_it_ends_with_the_same_bits(name, finished, tmp_path, fewer_data):
    run, steps = finished
    if steps == 0:
        return  # nothing is trained
    folder = tmp_path / "run"
    with pytest.raises(Interrupted):
        run_recipe(
            name, SMALLER.get(name), quick=True, out=folder, data_dir=str(fewer_data), voice=Impatient(steps // 2 or 1)
        )
    assert Folder(folder).state == "interrupted"
    resume_recipe(folder)
    same_files(run.folder.path, folder)


def test_an_unknown_setting_and_a_wrong_value_are_one_line(name, fewer_data):
    setting = next(iter(settle(name, {}).__dataclass_fields__), None)
    with pytest.raises(ProfundoError, match="setting 'nonsense' is unknown"):
        run_recipe(name, {"nonsense": 1}, quick=True, out=False, data_dir=str(fewer_data))
    if setting is not None:
        with pytest.raises(ProfundoError, match=f"setting {setting}") as caught:
            run_recipe(name, {setting: {"not": "this"}}, quick=True, out=False, data_dir=str(fewer_data))
        assert "\n" not in str(caught.value)
