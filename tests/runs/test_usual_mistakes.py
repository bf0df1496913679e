"""What people who come from Keras, PyTorch and scikit-learn type first, right or wrong: it works, or one line says what to do."""

import re

import numpy as np
import polars
import pytest
import torch
from rich.console import Console
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import profundo as pf
from profundo.records import ProfundoError
from profundo.runs.voice import Terminal

DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(120, 6)).astype("float32")
Y = (X[:, 0] > 0).astype(int)


def net(outputs=2):
    return nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, outputs))


def fitted(data=(X, Y), module=None, **settings):
    return pf.fit(module or net(), data, **{"epochs": 1, "out": False, **settings})


def test_a_script_without_a_terminal_hears_the_notices(capsys):
    fitted(module=nn.Sequential(*net(), nn.Softmax(1)))
    heard = capsys.readouterr().err
    assert "ends in a softmax" in heard
    assert "epoch" not in heard  # no line of progress
    fitted()
    assert capsys.readouterr().err == ""


def test_words_between_colons_are_no_pictures(capsys):
    voice = Terminal(Console(stderr=True, highlight=False, emoji=False, width=200))
    assert not Terminal().console._emoji
    voice.notice("split-by time:date: the past trains, group:smile: is a column")
    assert "time:date: the past trains, group:smile:" in capsys.readouterr().err


@pytest.mark.parametrize("device", [torch.device("cpu"), "cpu"])
def test_a_device_is_an_object_or_a_name(device):
    assert fitted(device=device).experiment.device == "cpu"
    assert pf.lr_find(net(1), (X, Y), device=device).suggestion > 0


@pytest.mark.parametrize("seed", ["a", None, -1, 1.5])
def test_a_seed_that_is_none_is_refused_in_one_line(seed):
    with pytest.raises(ProfundoError, match="seed: expected"):
        fitted(seed=seed)


@pytest.mark.parametrize("outputs", [1, 2])
def test_a_rate_is_found_for_two_classes_by_one_output_or_two(outputs):
    assert pf.lr_find(net(outputs), (X, Y)).suggestion > 0


def test_outputs_for_two_classes_may_be_one_or_two():
    with pytest.raises(
        ProfundoError, match=re.escape("expected outputs (batch, 1) or (batch, 2) for arrays, got (2, 5)")
    ):
        fitted(module=net(5))
    with pytest.raises(ProfundoError, match=re.escape("expected outputs (batch, 3) for")):
        fitted((X, np.arange(120) % 3))


def test_weights_by_the_name_of_a_class_are_those_by_its_place():
    words = np.where(Y, "yes", "no")
    torch.manual_seed(0)
    nets = [net()]
    nets.append(net())
    nets[1].load_state_dict(nets[0].state_dict())
    named = fitted((X, words), nets[0], class_weights={"yes": 3})
    placed = fitted((X, words), nets[1], class_weights=[1, 3])
    assert named.history["loss"] == placed.history["loss"]
    assert fitted(class_weights={0: 1, 1: 2}).experiment.class_weights == {"0": 1.0, "1": 2.0}
    with pytest.raises(ProfundoError, match="expected the classes no, yes; got 'yse'"):
        fitted((X, words), class_weights={"yse": 3})
    with pytest.raises(ProfundoError, match="class-weights: expected balanced"):
        fitted(class_weights={0: -1, 1: 2})


def test_evaluation_takes_inputs_and_targets_as_fit_does():
    run = fitted()
    assert run.evaluate(X, Y).values == run.evaluate((X, Y)).values
    with pytest.raises(
        ProfundoError, match="expected 'train', 'validation', 'test', or samples with targets; got 'tset'"
    ):
        run.evaluate("tset")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ((X, 0 * Y), "expected targets of two classes or more, all 120 are 0"),
        ((X, ["a"] * 120), "expected targets of two classes or more, all 120 are a"),
        ((X[:0], Y[:0]), "arrays: expected samples, got none"),
        ((X[:0], X[:0, 0]), "arrays: expected samples, got none"),
    ],
)
def test_one_class_and_no_samples_are_called_so(data, words):
    with pytest.raises(ProfundoError, match=words):
        fitted(data)


def test_numbers_in_an_array_of_objects_are_numbers():
    assert fitted((X.astype(object), Y)).data.train.inputs.is_floating_point()
    mixed = X.astype(object)
    mixed[3, 2] = "much"
    with pytest.raises(ProfundoError, match="got text such as 'much'"):
        fitted((mixed, Y))


def test_a_second_loader_is_to_be_validated_on():
    loaders = [DataLoader(TensorDataset(torch.tensor(X), torch.tensor(Y)), batch_size=32) for _ in range(2)]
    with pytest.raises(
        ProfundoError, match="got a DataLoader: give the samples to train on alone, and others as validation="
    ):
        pf.fit(net(), *loaders, epochs=1, out=False)


@pytest.mark.parametrize("loss", [lambda *_: torch.tensor(1.0), lambda o, t: (o.argmax(1) != t).float().mean()])
def test_a_loss_that_teaches_nothing_is_refused(loss):
    with pytest.raises(ProfundoError, match="without a gradient"):
        fitted(loss=loss)


def test_a_loss_may_change_its_outputs_in_place():
    def loss(outputs, targets):
        outputs -= outputs.detach().amax(1, keepdim=True)
        return nn.functional.cross_entropy(outputs, targets)

    assert len(fitted(loss=loss).history) == 1


@pytest.mark.parametrize(("name", "function"), [("precision", "precision_score"), ("Recall", "recall_score")])
def test_precision_and_recall_are_pointed_to(name, function):
    with pytest.raises(ProfundoError, match=rf"run\.scores\.per_class; .*sklearn\.metrics\.{function}"):
        fitted(metrics=[name])


def test_a_net_in_double_precision_is_told_what_to_do():
    with pytest.raises(ProfundoError, match=r"give net\.float"):
        fitted(module=net().double())


def test_a_number_with_a_unit_is_told_from_a_word():
    frame = polars.DataFrame({"a": range(300), "price": [f"{k / 7:.2f} €" for k in range(300)]})
    with pytest.raises(ProfundoError, match="leave its unit out"):
        pf.fit("mlp", frame, target="price", epochs=1, out=False)
    words = polars.Series(["".join(chr(97 + int(d)) for d in f"{k:04d}") for k in range(300)])
    with pytest.raises(ProfundoError, match="300 different values; choose another target"):
        pf.fit("mlp", frame.with_columns(price=words), target="price", epochs=1, out=False)


def test_the_names_of_the_classes_are_pointed_to():
    with pytest.raises(AttributeError, match=re.escape("run.data.spec.targets.classes")):
        _ = fitted().classes_


def test_samples_of_an_image_and_a_label_by_name_are_a_pair():
    samples = [{"image": torch.tensor(x), "label": int(y)} for x, y in zip(X, Y, strict=True)]
    run = fitted(DataLoader(samples, batch_size=32))
    assert run.data.spec.targets.classes == ("0", "1")
    assert torch.equal(run.predict(X[:3]), run.predict(torch.tensor(X[:3])))
    with pytest.raises(ProfundoError, match="forward gets one dict with 'left', 'right'"):
        fitted([{"left": X[0], "right": X[0], "label": y} for y in Y], module=nn.Sequential(nn.Linear(6, 2)))


def test_the_columns_of_a_history_are_pointed_to():
    with pytest.raises(AttributeError, match=re.escape("run.history['validation loss']")):
        _ = fitted().history.history
