"""What a net and data of one's own are checked for before the first step: output layers, batch normalisation, empty splits."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import profundo as pf
from profundo import objectives
from profundo.records import ProfundoError, Samples, Scores, Targets
from profundo.runs.experiment import new_experiment
from profundo.runs.scoring import evaluate_split, score_lines
from profundo.runs.voice import Quiet
from profundo.train import Plan, Supervised, optimizer
from profundo.train import fit as loop


class Notices(Quiet):
    def __init__(self):
        self.texts = []

    def notice(self, text):
        self.texts.append(text)


class After(nn.Module):
    """A hidden layer, an output layer, and then a function of one's own."""

    def __init__(self, features, outputs, function):
        super().__init__()
        self.hidden, self.last, self.function = nn.Linear(features, 8), nn.Linear(8, outputs), function

    def forward(self, x):
        return self.function(self.last(self.hidden(x).relu()))


def by_hand(z):
    z = z.clamp(-30, 30).exp()
    return z / z.sum(1, keepdim=True)


def labelled(data):
    """The same inputs with three labels that are there or not."""
    spec = replace(data.spec, targets=Targets("labels", ("a", "b", "c")))
    splits = {
        name: Samples(split.inputs, torch.stack([(split.inputs[:, k] > 0).float() for k in range(3)], 1))
        for name, split in (("train", data.train), ("validation", data.validation), ("test", data.test))
    }
    return replace(data, spec=spec, **splits)


@pytest.mark.parametrize(
    ("name", "function", "layer", "advice"),
    [
        ("iris", nn.Softmax(1), "softmax", "leave it out"),
        ("iris", lambda z: F.softmax(z, 1).view(-1, 3, 1).squeeze(2), "softmax", "leave it out"),
        ("iris", by_hand, "softmax", "leave it out"),
        ("iris", nn.LogSoftmax(1), "log_softmax", "may be left out"),
        ("iris", lambda z: z - z.logsumexp(1, keepdim=True), "log_softmax", "may be left out"),
        ("iris", torch.sigmoid, "sigmoid", "leave it out"),
        ("breast-cancer", nn.Sigmoid(), "sigmoid", "leave it out"),
        ("breast-cancer", lambda z: 1 / (1 + torch.exp(-z)), "sigmoid", "leave it out"),
        ("breast-cancer", F.hardsigmoid, "sigmoid", "leave it out"),
        ("breast-cancer", lambda z: z.softmax(1), "softmax", "leave it out"),
        ("breast-cancer", lambda z: F.logsigmoid(z), "logsigmoid", "leave it out"),
        ("labels", torch.sigmoid, "sigmoid", "leave it out"),
        ("labels", lambda z: z.softmax(1), "softmax", "leave it out"),
        ("diabetes", nn.Sigmoid(), "sigmoid", "end in a linear layer"),
    ],
)
def test_a_net_that_ends_in_an_output_layer_is_told_of(name, function, layer, advice):
    data = labelled(pf.load("iris")) if name == "labels" else pf.load(name)
    torch.manual_seed(0)
    net, voice = After(data.spec.inputs.shape[0], data.spec.outputs, function), Notices()
    run = pf.fit(net, data, epochs=1, out=False, voice=voice)
    (text,) = [text for text in voice.texts if "ends in" in text]
    assert text.startswith(f"After ends in a {layer}, ")
    assert advice in text
    assert text in run.data.notes
    assert "ends in" not in " ".join(data.notes)


@pytest.mark.parametrize("name", ["breast-cancer", "diabetes"])
@pytest.mark.parametrize(
    "function", [nn.Identity(), torch.relu, torch.tanh, lambda z: 0 * z, lambda z: 0.5 + 1e-3 * z.tanh()]
)
def test_a_net_that_does_not_is_left_in_peace(name, function):
    data, voice = pf.load(name), Notices()
    pf.fit(After(data.spec.inputs.shape[0], data.spec.outputs, function), data, epochs=1, out=False, voice=voice)
    assert voice.texts == []


def test_hidden_sigmoids_and_inputs_that_are_indices_are_left_in_peace():
    class Indexed(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(20, 3)

        def forward(self, x):
            return self.table((10 + x[:, 0]).long().clamp(max=30))  # of inputs far away there are none

    iris, voice = pf.load("iris"), Notices()
    pf.fit(nn.Sequential(nn.Linear(4, 2), nn.Sigmoid(), nn.Linear(2, 3)), iris, epochs=1, out=False, voice=voice)
    pf.fit(Indexed(), iris, epochs=1, out=False, voice=voice)
    assert voice.texts == []


# ------------------------------------------------------------------------------------------------- batch normalisation
class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.last = nn.Linear(4, 3)

    def forward(self, x):
        return self.last(F.batch_norm(x, None, None, training=self.training or len(x) > 1))


def normalised():
    return nn.Sequential(nn.Dropout(0.2), nn.BatchNorm1d(4), nn.Linear(4, 3))


def at_one_pixel():
    return nn.Sequential(
        nn.Unflatten(1, (1, 2, 2)), nn.Conv2d(1, 8, 2), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(8, 3)
    )


@pytest.mark.parametrize("make", [normalised, at_one_pixel, Functional])
@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"batch_size": 1}, "batches of 1); raise batch_size"),
        ({"batch_size": 4, "accumulate": 4}, "batches of 4 in 4 parts); raise batch_size or lower accumulate"),
        ({"batch_size": 5, "accumulate": 3}, "batches of 5 in 3 parts"),
        ({"batch_size": 3, "accumulate": 8}, "batches of 3 in 8 parts"),
    ],
)
def test_batch_normalisation_of_one_sample_is_refused_before_training(make, settings, says, tmp_path):
    net, iris = make(), pf.load("iris")
    before, drawn = {name: value.clone() for name, value in net.state_dict().items()}, torch.get_rng_state()
    with pytest.raises(ProfundoError, match="batch normalisation: expected two samples or more") as error:
        pf.fit(net, iris, epochs=1, out=tmp_path / "run", **settings)
    assert says in str(error.value)
    assert not (tmp_path / "run").exists()
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert torch.equal(torch.get_rng_state(), drawn)
    assert net.training


def test_of_a_training_set_of_one_sample_too():
    iris = pf.load("iris")
    one = replace(iris, train=Samples(iris.train.inputs[:1], iris.train.targets[:1]))
    with pytest.raises(ProfundoError, match="batches of 1"):
        pf.fit(normalised(), one, epochs=1, out=False)


@pytest.mark.parametrize(("size", "parts"), [(10, 4), (7, 3), (13, 6)])
def test_parts_are_as_even_as_can_be(size, parts):
    seen = []
    net = normalised()
    net.register_forward_hook(lambda module, inputs, _: seen.append(len(inputs[0])) if module.training else None)
    run = pf.fit(net, pf.load("iris"), epochs=1, batch_size=size, accumulate=parts, out=False)
    assert len(run.history["loss"]) == 1
    assert max(seen) - min(seen) <= 1
    assert sum(seen) % size == 0


def test_single_samples_are_enough_where_they_are_not_normalised_together():
    iris = pf.load("iris")
    frozen = normalised()
    frozen[1].eval()
    pixels = nn.Sequential(nn.Unflatten(1, (1, 2, 2)), nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(4, 3))
    plain = nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.Linear(8, 3))
    for net in (frozen, pixels, plain):
        pf.fit(net, iris, epochs=1, batch_size=1, out=False)


def test_the_last_batch_of_a_loader_may_have_to_be_left_out():
    iris, net = pf.load("iris"), normalised()
    pairs = TensorDataset(iris.train.inputs[:33], iris.train.targets[:33])
    update = Supervised(net, objectives.categorical(), optimizer("adam", net, 1e-3))
    with pytest.raises(ProfundoError, match="drop_last=True"):
        list(loop(update, DataLoader(pairs, 8), Plan(1)))
    assert len(list(loop(update, DataLoader(pairs, 8, drop_last=True), Plan(1)))) == 4


# ------------------------------------------------------------------------------------------------------- empty splits
def test_without_test_samples_there_is_no_score():
    iris = pf.load("iris")
    none = replace(iris, test=Samples(iris.test.inputs[:0], iris.test.targets[:0]))
    with pytest.raises(ProfundoError, match="the test split is empty"):
        pf.fit(nn.Linear(4, 3), none, epochs=1, out=False)
    with pytest.raises(ProfundoError, match="this split has none"):
        evaluate_split(nn.Linear(4, 3), none, none.test, new_experiment(data="iris"))
    assert pf.fit(nn.Linear(4, 3), replace(none, test=none.validation), epochs=1, out=False).scores.samples == 15


def test_one_hot_targets_of_ones_own_are_answered_with_what_to_give():
    iris = pf.load("iris")
    hot = Samples(iris.train.inputs, F.one_hot(iris.train.targets))
    with pytest.raises(ProfundoError, match=r"of one-hot rows give argmax\(1\)"):
        pf.fit(nn.Linear(4, 3), replace(iris, train=hot), epochs=1, out=False)


def test_on_how_many_samples_the_linear_model_was_fitted_is_said():
    name = "logistic regression on 10,000 of 55,000 samples"
    scores = Scores(10, {"accuracy": 0.9}, {"accuracy": 0.5}, linear={"accuracy": 0.8}, linear_name=name)
    assert score_lines(scores, "test")[0].endswith(f"(constant predictor: 50.00 %, {name}: 80.00 %)")
