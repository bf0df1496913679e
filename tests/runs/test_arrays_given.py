"""Arrays, lists, frames and generators as people who come from Keras and fastai have them: read right, or refused in one line."""

import re

import numpy as np
import polars
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

import profundo as pf
from profundo.doctor import Program, examine, watch
from profundo.records import ProfundoError

DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(120, 6)).astype("float32")
Y = (X[:, 0] > 0).astype(int)
IMAGES = DRAW.random((40, 3, 16, 16)).astype("float32")
MASKS = (IMAGES.mean(1) > 0.5).astype(int)


def net(outputs=2):
    return nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, outputs))


def fitted(data=(X, Y), module=None, **settings):
    return pf.fit(module or net(), data, **{"epochs": 1, "out": False, **settings})


# ------------------------------------------------------------------------------------------------------------- pictures
def test_pictures_in_fractions_are_learned_by_nets_for_pictures():
    digits, kinds = load_digits(return_X_y=True)
    fractions = (digits.reshape(-1, 1, 8, 8) / 16).astype("float32")
    run = pf.fit((fractions[:600], kinds[:600]), epochs=4, out=False)
    assert run.experiment.net == "fast_cnn"
    assert (
        run.experiment.optimizer == pf.fit("digits", epochs=1, out=False).experiment.optimizer
    )  # as of images of bytes
    assert run.scores.values["accuracy"] > 0.85
    assert run.predict(fractions[:3]).shape == (3, 10)
    small = pf.fit((DRAW.random((40, 1, 4, 4)), np.arange(40) % 2), epochs=1, out=False)
    assert small.experiment.net == "mlp"  # too few numbers to be pictures


@pytest.mark.parametrize("name", [None, "fast_cnn", "resnet", "lenet5"])
def test_pictures_with_channels_last_are_refused_with_what_turns_them(name):
    with pytest.raises(ProfundoError, match=re.escape("(16, 16, 3); give X.transpose(0, 3, 1, 2)")):
        pf.fit(name, (IMAGES.transpose(0, 2, 3, 1), MASKS[:, 0, 0]), out=False)
    with pytest.raises(ProfundoError, match=re.escape("give X[:, None]")):
        pf.fit("fast_cnn", (IMAGES[:, 0], MASKS[:, 0, 0]), out=False)


WAYS = {
    "truth values": MASKS > 0,
    "an axis first": MASKS[:, None],
    "an axis last": MASKS[..., None],
    "fractions": MASKS[:, None].astype("float32"),
    "one-hot last": np.eye(2)[MASKS],
    "one-hot first": np.eye(2)[MASKS].transpose(0, 3, 1, 2),
}


@pytest.mark.parametrize("way", WAYS)
def test_masks_are_read_whichever_way_they_lie(way):
    run = pf.fit("unet", (IMAGES, WAYS[way]), epochs=1, net_options={"width": 2, "depth": 1}, out=False)
    assert run.data.spec.targets.kind == "mask"
    usual = pf.fit("unet", (IMAGES, MASKS), epochs=1, net_options={"width": 2, "depth": 1}, out=False)
    assert torch.equal(run.data.train.targets, usual.data.train.targets)


def test_a_net_of_ones_own_may_have_masks_with_an_axis_too():
    run = fitted((IMAGES, MASKS[:, None]), nn.Conv2d(3, 2, 1))
    assert "mean IoU" in run.scores.values
    shares = fitted((IMAGES, MASKS[:, None].astype("float32")), nn.Conv2d(3, 1, 1), loss=nn.BCEWithLogitsLoss())
    assert shares.data.spec.targets.kind == "any"  # numbers, as its loss takes them
    with pytest.raises(
        ProfundoError, match=r"masks .height, width. of one size, got .16, 16, 3. and .16, 16.;.*transpose"
    ):
        pf.fit("unet", (IMAGES.transpose(0, 2, 3, 1), MASKS), out=False)


# --------------------------------------------------------------------------------------------------------------- losses
@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("mse", nn.MSELoss()),
        ("mae", nn.L1Loss()),
        ("huber", nn.HuberLoss()),
        ("binary_crossentropy", nn.BCEWithLogitsLoss()),
    ],
)
def test_a_loss_by_name_is_that_loss_for_targets_of_any_shape_too(name, same):
    nets = [nn.Sequential(nn.Linear(6, 3), nn.Linear(3, 6)) for _ in range(2)]
    nets[1].load_state_dict(nets[0].state_dict())
    shares = torch.rand(120, 6, generator=torch.Generator().manual_seed(0))
    named, given = (fitted(shares, one, loss=loss) for one, loss in zip(nets, (name, same), strict=True))
    assert named.scores.values["loss"] == pytest.approx(given.scores.values["loss"], abs=1e-6)
    with pytest.raises(ProfundoError, match="loss: expected one of"):
        fitted(shares, nets[0], loss="nothing such")


def test_cross_entropy_by_name_takes_the_probabilities_of_a_sigmoid():
    ending = nn.Sequential(nn.Linear(6, 3), nn.Linear(3, 6), nn.Sigmoid())
    shares = torch.rand(120, 6, generator=torch.Generator().manual_seed(0))
    run = fitted(shares, ending, loss="binary_crossentropy")
    inputs = run.data.test.inputs
    expected = nn.functional.binary_cross_entropy(run.predict(inputs), inputs.float())
    assert run.scores.values["loss"] == pytest.approx(float(expected), abs=1e-5)


# ------------------------------------------------------------------------------------------------- generators and lists
def of_batches():
    for begin in range(0, 120, 16):
        yield X[begin : begin + 16], Y[begin : begin + 16]


class Iterable:
    def __iter__(self):
        return of_batches()


@pytest.mark.parametrize(
    "given", [of_batches(), of_batches, Iterable(), zip(X, Y, strict=True)], ids=lambda one: type(one).__name__
)
def test_generators_give_batches_or_samples(given):
    run = fitted(given)
    assert len(run.data.train) + len(run.data.validation) + len(run.data.test) == 120
    assert run.data.spec.targets.kind == "classes"
    assert any("batches" in note for note in run.data.notes) == (type(given).__name__ != "zip")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: fitted(validation=(X[:, :4], Y)), "of one shape, in training, validation and test"),
        (lambda: fitted((X, np.where(Y, "a", None))), "is missing (None); drop such samples"),
        (lambda: fitted((X, ["a" if y else float("nan") for y in Y])), "is missing (nan); drop such samples"),
        (lambda: fitted(b"bytes"), "got bytes"),
        (lambda: pf.fit(out=False), "expected data"),
        (lambda: pf.fit(net(), out=False), "expected data after the net"),
    ],
)
def test_what_is_no_data_is_told_in_one_line(call, words):
    with pytest.raises(ProfundoError, match=re.escape(words)) as caught:
        call()
    assert "\n" not in str(caught.value)


# --------------------------------------------------------------------------------------------------------------- frames
FRAME = polars.DataFrame({"a": X[:, 0], "b": X[:, 1], "kind": np.where(Y, "yes", "no")})


class Batches:
    """As a Sequence or PyDataset of Keras: a batch for a number, the last one smaller."""

    def __init__(self, *parts):
        self.parts = parts

    def __len__(self):
        return -(-len(Y) // 32)

    def __getitem__(self, place):
        rows = slice(32 * place, 32 * (place + 1))
        parts = tuple(
            type(part)(one[rows] for one in part) if isinstance(part, list | tuple) else part[rows]
            for part in self.parts
        )
        return parts if len(parts) > 1 else parts[0]

    def on_epoch_end(self):
        """Shuffles, or whatever else is done between epochs."""


def test_a_sequence_of_keras_gives_batches():
    run = fitted(Batches(X, Y), epochs=30, learning_rate=0.05, validation=Batches(X, Y))
    assert (len(run.data.train), len(run.data.validation)) == (120, 120)
    assert torch.equal(run.data.train.inputs, torch.from_numpy(X))  # batch after batch, whatever is mixed in training
    assert sum("the Batches gave 4 batches: they were read once" in note for note in run.data.notes) == 1
    assert run.evaluate(Batches(X, Y))["accuracy"] == run.scores["accuracy"] > 0.8
    assert torch.equal(run.predict(Batches(X)), run.predict(X))
    weighted = pf.load(Batches(X, Y, np.arange(120.0)))
    assert torch.allclose(weighted.train.weights * 59.5, weighted.train.numbers.float())  # of mean 1
    with pytest.raises(ProfundoError, match="batch 0 could not be read: TypeError"):
        pf.load(Batches(None))
    with pytest.raises(ProfundoError, match="got a Batches: give the samples to train on alone"):
        pf.load((Batches(X), Batches(Y)))


class Joined(nn.Module):
    def __init__(self):
        super().__init__()
        self.output = nn.Linear(8, 2)

    def forward(self, whole, some):
        return self.output(torch.cat([whole, some], 1))


@pytest.mark.parametrize("inputs", [[X, X[:, :2]], (X, X[:, :2])], ids=["list", "tuple"])
def test_a_sequence_of_keras_may_have_several_inputs(inputs):
    run = fitted(Batches(inputs, Y), Joined())
    assert [part.shape for part in run.data.spec.inputs.parts] == [(6,), (2,)]
    assert not any("padded" in note for note in run.data.notes)  # of two widths, each of which is even


def test_validation_rows_are_matched_by_the_names_of_their_columns():
    other = FRAME.select("kind", polars.lit(1).alias("more"), "b", "a")
    run = pf.fit("mlp", FRAME, target="kind", validation=other, epochs=1, out=False)
    same = pf.fit("mlp", FRAME, target="kind", validation=FRAME, epochs=1, out=False)
    assert torch.equal(run.data.validation.inputs, same.data.validation.inputs)
    with pytest.raises(ProfundoError, match="the same columns in all splits, only one has 'b'"):
        pf.fit("mlp", FRAME, target="kind", validation=FRAME.drop("b"), out=False)


def test_columns_of_0_and_1_with_one_1_a_row_are_a_class_by_their_names():
    run = pf.fit("mlp", FRAME.select("a", "b"), FRAME.select("kind").to_dummies(separator=" "), epochs=1, out=False)
    assert run.data.spec.targets.classes == ("kind no", "kind yes")
    labels = pf.fit(
        "mlp", FRAME.select("a", "b"), FRAME.select("kind").to_dummies(), task="labels", epochs=1, out=False
    )
    assert labels.data.spec.targets.kind == "labels"


def test_rows_are_answered_by_the_places_of_their_columns():
    frame = FRAME.with_columns(town=polars.Series(["Quito", "Lima", "Cusco"] * 40))
    run = pf.fit("mlp", frame, target="kind", epochs=1, out=False)
    expected = run.predict({"a": 0.5, "b": -0.5, "town": "Lima"})
    for rows in ([[0.5, -0.5, "Lima"]], np.array([[0.5, -0.5, "Lima"]], dtype=object), [(0.5, -0.5, "Lima")]):
        assert torch.equal(run.predict(rows), expected[None])


@pytest.mark.parametrize("target", [6, [6], np.array([6])])
def test_columns_may_be_called_by_numbers(target):
    from profundo.runs.given.foreign import understood

    assert understood({"target": target, "drop": [0, 1], "columns": {2: "number"}}) == {
        "target": "6",
        "drop": ["0", "1"],
        "columns": {"2": "number"},
    }


def test_a_call_with_other_arguments_names_those_there_are():
    run = fitted()
    for call, words in (
        (
            lambda: pf.load((X, Y), batch_size=32),
            "load: got an unexpected keyword argument 'batch_size'; it takes name, targets,",
        ),
        (lambda: pf.load((X, Y), tagret="a"), "'tagret'; nearest: target"),
        (lambda: pf.export(run, formt="onnx"), "export: got an unexpected keyword argument 'formt'; nearest: format"),
        (lambda: pf.resume(), "resume: missing a required argument: 'path'"),
        (lambda: pf.select("iris", vari={}), "select: missing a required argument: 'vary'; it takes data"),
        (lambda: Program(net=run.net, los=None), "Program: got an unexpected keyword argument 'los'; nearest: loss"),
        (lambda: examine(None, bugdet=3), "examine: got an unexpected keyword argument 'bugdet'; nearest: budget"),
        (lambda: watch(run.net, None, los=3), "watch: got an unexpected keyword argument 'los'; nearest: loss"),
        (lambda: run.predict(X, verbose=0), "predict: got an unexpected keyword argument 'verbose'; it takes inputs"),
        (lambda: run.predict(), "predict: missing a required argument: 'inputs'"),
        (lambda: run.evaluate(X, Y, batch_size=8), "evaluate: got an unexpected keyword argument 'batch_size'"),
        (lambda: run.save(), "save: missing a required argument: 'path'"),
        (lambda: pf.select((X, Y), net="mlp"), "select: missing a required argument: 'vary'"),
    ):
        with pytest.raises(ProfundoError, match=re.escape(words)):
            call()
        with pytest.raises(TypeError):
            call()


def test_a_figure_is_read_by_its_name():
    scores = fitted().scores
    assert scores["accuracy"] == scores.values["accuracy"]
    with pytest.raises(ProfundoError, match="scores have no 'acuracy'; they have: accuracy"):
        scores["acuracy"]
    with pytest.raises(AttributeError, match=re.escape("run.scores['accuracy'] has it")):
        _ = scores.accuracy
