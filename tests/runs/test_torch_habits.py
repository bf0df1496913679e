"""What a person from PyTorch does without thinking about it: outputs of any class, collate functions, labels as floats."""

from collections import namedtuple
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas
import pytest
import torch
from sklearn.metrics import fbeta_score
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset, IterableDataset

import profundo as pf
from profundo.data import object_samples, standardize
from profundo.records import ProfundoError
from profundo.train import Plan, Supervised, optimizer

torch.manual_seed(0)
X = torch.randn(200, 6)
Y = (X[:, 0] > 0).long()
LABELS = torch.stack([Y, (X[:, 1] > 0).long(), (X[:, 2] > 0).long()], 1)
WORDS = torch.randint(0, 12, (80, 9))
SEQUENCES = [torch.randn(int(steps), 4) for steps in torch.randint(2, 8, (60,))]


def net(outputs=2):
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, outputs))


def fitted(module, data=(X, Y), **settings):
    return pf.fit(module, data, **{"epochs": 2, "out": False, **settings})


class Attributes(dict):
    __getattr__ = dict.__getitem__


@dataclass(frozen=True)
class Answer:
    logits: torch.Tensor
    extra: object = None


class Wrapped(nn.Module):
    def __init__(self, wrap):
        super().__init__()
        self.inner, self.wrap = net(), wrap

    def forward(self, x):
        return self.wrap(logits=self.inner(x))


class Language(nn.Module):
    """Tied weights; classes in the second axis, or in the last."""

    def __init__(self, classes=12, last=False):
        super().__init__()
        self.words, self.last = nn.Embedding(12, 8), last
        self.out = nn.Linear(8, classes)
        if classes == 12:
            self.out.weight = self.words.weight

    def forward(self, x):
        outputs = self.out(self.words(x))
        return outputs if self.last else outputs.transpose(1, 2)


class Packed(nn.Module):
    def __init__(self):
        super().__init__()
        self.steps, self.head = nn.LSTM(4, 5, batch_first=True), nn.Linear(5, 2)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        return self.head(self.steps(packed)[1][0][-1])


class Pairs(Dataset):
    def __init__(self, samples):
        self.samples = samples

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, place):
        return self.samples[place]


PAIRS = Pairs([(row, int(label)) for row, label in zip(X, Y, strict=True)])


@pytest.mark.parametrize(
    "wrap", [namedtuple("Out", "logits"), Attributes, Answer, SimpleNamespace], ids=["namedtuple", "dict", "class", "names"]
)  # fmt: skip
def test_a_loss_gets_outputs_of_the_class_that_forward_gives(wrap):
    run = fitted(Wrapped(wrap), loss=lambda outputs, y: cross_entropy(outputs.logits, y))
    assert run.predict(X[:3]).shape == (3, 2)
    big = X.repeat(40, 1)  # several batches of answers are put together again
    run = fitted(Wrapped(wrap), X, loss=lambda outputs, x: (outputs.logits - x[:, :2]).square().mean())
    torch.testing.assert_close(run.predict(big).logits, run.predict(X).logits.repeat(40, 1))


@pytest.mark.parametrize("loss", [nn.BCEWithLogitsLoss(), nn.BCEWithLogitsLoss(pos_weight=torch.ones(3)), "bce"])
def test_labels_may_be_floats_as_the_loss_of_pytorch_wants_them(loss):
    run = fitted(net(3), (X, LABELS.float()), loss=loss, epochs=30, lr=0.05)
    answers = run.predict(X)
    assert run.data.spec.targets.kind == "labels"
    assert 0 <= float(answers.min()) <= float(answers.max()) <= 1
    assert float(((answers > 0.5) == LABELS.bool()).float().mean()) > 0.9


def test_floats_of_zero_and_one_are_numbers_elsewhere_and_it_is_said():
    run = fitted(net(3), (X, LABELS.float()))
    assert run.data.spec.targets.kind == "real"
    assert any("task='labels' takes them for labels" in note for note in run.data.notes)


@pytest.mark.parametrize(("classes", "targets"), [(12, WORDS[:, 1:]), (2, WORDS[:, 1:] > 5)])
def test_a_class_in_each_place_of_a_sequence(classes, targets):
    run = fitted(Language(classes), (WORDS[:, :-1], targets))
    answers = run.predict(WORDS[:, :-1])
    assert answers.shape == (80, classes, 8)
    expected = cross_entropy(answers, targets.long()).item()  # nats of a place, not of a sequence
    assert run.evaluate((WORDS[:, :-1], targets)).values["loss"] == pytest.approx(expected, rel=1e-5)


def test_classes_in_the_last_axis_are_told_where_they_belong():
    data = (WORDS[:, :-1], WORDS[:, 1:])
    for loss in (None, nn.CrossEntropyLoss()):
        with pytest.raises(ProfundoError, match=r"give outputs.movedim\(-1, 1\)"):
            fitted(Language(last=True), data, loss=loss)
    own = lambda o, t: cross_entropy(o.flatten(0, 1), t.flatten())  # noqa: E731
    assert fitted(Language(last=True), data, loss=own).predict(WORDS[:2, :-1]).shape == (2, 8, 12)


def test_a_collate_function_may_give_lengths_beside_sequences():
    def collate(samples):
        rows, labels = zip(*samples, strict=True)
        return pad_sequence(rows, batch_first=True), torch.tensor([len(row) for row in rows]), torch.tensor(labels)

    data = Pairs([(row, place % 2) for place, row in enumerate(SEQUENCES)])
    run = fitted(Packed(), DataLoader(data, batch_size=16, collate_fn=collate))
    lengths = torch.tensor([len(row) for row in SEQUENCES])
    alone = run.predict((pad_sequence(SEQUENCES, batch_first=True), lengths))
    assert alone.shape == (60, 2)
    weighted = fitted(Packed(), (SEQUENCES, Y[:60], torch.rand(60)))  # a third that is none stays a weight
    assert weighted.data.train.weights is not None


@pytest.mark.parametrize("collate", [lambda samples: samples, lambda samples: tuple(zip(*samples, strict=True))])
def test_batches_may_be_lists_of_samples_or_columns_of_them(collate):
    run = fitted(net(), DataLoader(PAIRS, batch_size=16, collate_fn=collate))
    plain = fitted(net(), PAIRS)
    assert torch.equal(run.data.train.inputs, plain.data.train.inputs)
    assert torch.equal(run.data.train.targets, plain.data.train.targets)


@pytest.mark.parametrize("data", [[X, Y], [X.numpy(), Y.numpy()], list(DataLoader(PAIRS, batch_size=16))])
def test_a_list_of_inputs_and_targets_or_of_batches_is_what_it_looks_like(data):
    assert torch.equal(fitted(net(), data).data.train.inputs, fitted(net()).data.train.inputs)


def test_a_third_part_of_a_sample_is_a_weight_and_never_its_place():
    counted = [(row, int(label), place) for place, (row, label) in enumerate(zip(X, Y, strict=True))]
    for data in (Pairs(counted), DataLoader(Pairs(counted)), (X, Y, torch.arange(200))):
        with pytest.raises(ProfundoError, match="as of the samples' places; leave them out"):
            fitted(net(), data)
    run = fitted(net(), Pairs([(row, label, place % 3 + 1) for row, label, place in counted]))
    assert "the third part of each sample is taken for its weight" in run.data.notes


@pytest.mark.parametrize("name", ["Adamax", "NAdam"])
def test_optimizers_of_pytorch_have_their_names(name):
    assert fitted(net(), optimizer=name).experiment.own == {"optimizer": name}


def test_numbers_and_kinds_of_numpy_and_pytorch_are_settings_too():
    run = fitted(
        net(), lr=np.float32(0.25), epochs=np.int64(3), batch_size=torch.tensor(16), class_weights=torch.tensor([1.0, 2.0]),
        precision=torch.float32, device=None,
    )  # fmt: skip
    chosen = run.experiment
    assert (chosen.learning_rate, chosen.epochs, chosen.batch_size, chosen.precision) == (0.25, 3, 16, "float32")
    assert len(run.history) == 3


def test_figures_are_found_where_they_are_looked_for():
    run = fitted(net())
    assert run.scores["accuracy"] == run.scores.values["accuracy"]
    with pytest.raises(KeyError, match="scores have no 'acc'; they have: accuracy"):
        run.scores["acc"]
    with pytest.raises(AttributeError, match=r"run.scores\['balanced accuracy'\]"):
        run.balanced_accuracy  # noqa: B018
    with pytest.raises(AttributeError, match="it has experiment, data, net, history"):
        run.colour  # noqa: B018
    assert not hasattr(run, "_repr_png_")


def test_who_calls_the_net_itself_is_told_of_its_units():
    far = X * 3 + 5
    run = fitted(net(1), (far, far[:, 0]))
    assert any(
        "sees inputs standardised" in note and "its outputs are standardised numbers" in note for note in run.data.notes
    )
    spec = run.data.spec
    with torch.no_grad():
        own = run.net(standardize(far, spec.inputs)).double() * spec.targets.std[0] + spec.targets.mean[0]
    torch.testing.assert_close(run.predict(far), own, rtol=1e-5, atol=1e-5)
    near = (X - X.mean(0)) / X.std(0)
    assert not fitted(net(), (near, Y)).data.notes
    assert not fitted(net(), pf.load((far, Y))).data.notes


def test_an_iterator_without_an_end_is_refused_and_a_long_dataset_is_not(monkeypatch):
    monkeypatch.setattr(object_samples, "MOST", 100)
    with pytest.raises(ProfundoError, match="101 samples or batches were read, and more come"):
        fitted(net(), Endless())
    assert fitted(net(), PAIRS).data.facts["samples"]


def test_a_loop_of_ones_own_takes_losses_of_pytorch():
    module, plain = net(), net()
    plain.load_state_dict(module.state_dict())
    update = Supervised(module, nn.CrossEntropyLoss(), optimizer("SGD", module, 0.1))
    for _ in pf.train.fit(update, [(X, Y)], Plan(epochs=3)):
        pass
    descent = torch.optim.SGD(plain.parameters(), lr=0.1)
    for _ in range(3):
        descent.zero_grad()
        cross_entropy(plain(X), Y).backward()
        descent.step()
    torch.testing.assert_close(list(module.parameters()), list(plain.parameters()))


def test_metrics_of_scikit_learn_in_a_partial_get_classes_and_no_two_have_one_name():
    run = fitted(net(), metrics={"F2": partial(fbeta_score, beta=2)})
    test = run.data.test
    expected = fbeta_score(test.targets, run.predict(test.inputs).argmax(1), beta=2)
    assert run.scores["F2"] == pytest.approx(expected)
    with pytest.raises(ProfundoError, match="two are called '<lambda>'"):
        fitted(net(), metrics=[lambda *_: 0.1, lambda *_: 0.2])


PICTURES = torch.randint(0, 256, (40, 3, 8, 8), dtype=torch.uint8)


def convolving():
    return nn.Sequential(nn.Conv2d(3, 2, 8), nn.Flatten())


def test_pictures_are_predicted_in_the_units_they_were_learned_in():
    of_bytes = fitted(convolving(), (PICTURES, Y[:40]), augment="shift,mirror")
    assert of_bytes.predict(PICTURES.float()).shape == (40, 2)
    with pytest.raises(ProfundoError, match=r"expected pixels from 0 to 255.*give x \* 255"):
        of_bytes.predict(PICTURES / 255)
    of_floats = fitted(convolving(), (PICTURES / 255, Y[:40]))
    with pytest.raises(ProfundoError, match=r"got pixels up to 255; give x / 255"):
        of_floats.predict(PICTURES)


def test_going_on_without_a_saved_state_is_said(tmp_path, capsys):
    class Breaking(nn.Sequential):
        broken, steps = True, 0

        def forward(self, x):
            self.steps += self.training
            if self.broken and self.steps > 5:
                raise KeyboardInterrupt
            return super().forward(x)

    module = Breaking(*net())
    with pytest.raises(KeyboardInterrupt):
        fitted(module, out=tmp_path / "run")
    module.broken = False
    fitted(module, out=tmp_path / "run", resume=True)
    assert "no state was saved yet; training begins anew" in capsys.readouterr().err


class Endless(IterableDataset):
    def __iter__(self):
        while True:
            yield X[0], 1


class NoInit(nn.Module):
    def __init__(self):
        self.width = 3


FRAME = pandas.DataFrame({"a": X[:, 0].numpy(), "b": X[:, 1].numpy(), "y": Y.numpy()})
REFUSED = {
    "no super().__init__()": (lambda: fitted(NoInit()), r"net NoInit: its __init__ never called super"),
    "meta": (lambda: fitted(net().to("meta")), r"of the meta device; net.to_empty\(device='cpu'\)"),
    "no net": (lambda: pf.fit(model=net(), data=(X, Y)), "'model' is unknown; the net comes first"),
    "nothing": (lambda: pf.fit(), "expected data after the net"),
    "a class": (lambda: fitted(net(), Pairs), r"got the class Pairs; give an instance of it, Pairs\(…\)"),
    "a path beside arrays": (lambda: fitted(net(), validation="v.csv"), r"got 'v.csv'; profundo.load\(…\) reads files"),
    "sparse": (lambda: fitted(net(), (X.to_sparse(), Y)), r"got a sparse one; give x.to_dense\(\)"),
    "without values": (lambda: fitted(net(), (X.to("meta"), Y)), "got one of the meta device, which has none"),
    "missing targets": (
        lambda: fitted(net(), (X, [None, *Y.tolist()[1:]])),
        r"target 1 of 200 is missing \(None\); drop",
    ),
    "another width": (
        lambda: fitted(net(), validation=(X[:, :4], Y)),
        r"of one shape, in training, validation and test",
    ),
    "a pair of pairs": (lambda: fitted(net(), ((X, Y), (X, Y))), "2 inputs came, in a tuple: give the one it takes"),
    "columns missing": (
        lambda: pf.fit("mlp", FRAME, target="y", validation=FRAME.drop(columns="b"), out=False),
        "the same columns in all splits, only one has 'b'",
    ),
    "a column twice": (
        lambda: pf.fit("mlp", pandas.concat([FRAME, FRAME[["a"]]], axis=1), target="y", out=False),
        "got 'a' twice; rename one of them",
    ),
    "another net's optimizer": (
        lambda: Supervised(net(), nn.CrossEntropyLoss(), torch.optim.Adam(net().parameters())),
        "an optimizer of this net's parameters",
    ),
    "no objective": (
        lambda: Supervised(net(), "mse", optimizer("adam", net(), 0.1)),
        r"expected an objective, such as objectives.categorical\(\)",
    ),
    "parameters for a net": (lambda: optimizer("adam", net().parameters(), 0.1), "expected the net itself"),
    "float pictures": (
        lambda: fitted(convolving(), (PICTURES / 255, Y[:40]), augment=["shift"]),
        r"give pictures as bytes, such as \(x \* 255\).byte\(\)",
    ),
    "a class each": (
        lambda: fitted(net(), (X, [f"n{k}" for k in range(200)])),
        "200 samples of 200 classes leave none",
    ),
    "no epoch": (lambda: Plan(epochs=0), "epochs of at least 1"),
    "a schedule by name": (lambda: Plan(epochs=1, schedule="cosine"), r"train.schedule\(name\) gives one"),
    "betas": (lambda: fitted(net(), betas=(0.9, 0.9)), r"functools.partial\(torch.optim.AdamW, betas="),
    "test_loader": (lambda: fitted(net(), test_loader=PAIRS), "the name here is test"),
    "quiet": (lambda: fitted(net(), quiet=True), r"voice=Quiet\(\)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_work_is_refused_in_one_line(name):
    call, words = REFUSED[name]
    with pytest.raises(ProfundoError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
