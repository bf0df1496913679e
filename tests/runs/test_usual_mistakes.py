"""What people who come from Keras, PyTorch and scikit-learn type first, right or wrong: it works, or one line says what to do."""

import re

import numpy as np
import polars
import pytest
import torch
from PIL import Image
from rich.console import Console
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import profundo as pf
from profundo.data import object_samples
from profundo.records import ProfundoError, on_command_line
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
        ProfundoError, match=re.escape("expected outputs (batch, 1) or (batch, 2) for arrays, got (3, 5)")
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
    with pytest.raises(ProfundoError, match="class_weights: expected balanced"):
        fitted(class_weights={0: -1, 1: 2})


def test_evaluation_takes_inputs_and_targets_as_fit_does():
    run = fitted()
    assert run.evaluate(X, Y).values == run.evaluate((X, Y)).values
    with pytest.raises(
        ProfundoError,
        match="expected 'train', 'validation', 'test', or samples with targets; 'tset' is none, and no path",
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
        ProfundoError,
        match="got a DataLoader: give the samples to train on alone, which have their targets, and others as validation=",
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
    frame = polars.DataFrame({"a": range(5, 305), "price": [f"{k / 7:.2f} €" for k in range(300)]})
    assert pf.load(frame, target="price").spec.targets.kind == "real"
    frame = frame.with_columns(price=polars.Series([f"{k / 7:.2f} {'kg' if k % 2 else 'g'}" for k in range(300)]))
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


# ------------------------------------------------------------------------------- a first day with Keras, PyTorch, scikit-learn
class TwoHeads(nn.Module):
    def __init__(self):
        super().__init__()
        self.number, self.kind = nn.Linear(6, 1), nn.Linear(6, 3)

    def forward(self, x):
        return self.number(x), self.kind(x)


class TwoInputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.other = nn.Linear(6, 2), nn.Linear(6, 2)

    def forward(self, one, other):
        return self.one(one) - self.other(other)


class Bad(nn.Module):
    """A net with a fault: forward(x) gives what `fault` makes of the outputs."""

    def __init__(self, fault):
        super().__init__()
        self.last, self.fault = nn.Linear(6, 2), fault

    def forward(self, x):
        return self.fault(self, x, self.last(x))


def refuse(condition):
    if condition:
        raise RuntimeError("too many")


class Broken(torch.utils.data.Dataset):
    def __len__(self):
        return 40

    def __getitem__(self, place):
        if place == 7:
            raise OSError("disk gone")
        return X[place], Y[place]


def uneven_targets():
    return [(X[place], torch.ones(place % 3 + 1)) for place in range(40)]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: pf.nets.mlp(12), "net mlp: expected the Spec of data.*got int"),
        (lambda: pf.nets.lenet5(), "net lenet5: expected the Spec of data.*got NoneType"),
        (lambda: fitted((X,)), r"inputs to give back, for no targets were given, \(2, 6\) float32 beside outputs"),
        (lambda: fitted((X, (X[:, 0], Y))), r"none suits targets tuple of .* beside outputs"),
        (lambda: fitted(epochs=True), "^epochs: expected a whole number, got"),
        (lambda: fitted(early_stop=False), "^early_stop: expected a whole number, got"),
        (lambda: fitted(batch_size=0), "^batch_size: expected greater"),
        (lambda: fitted(device="cuda:9"), "try device='auto'$"),
        (lambda: fitted((X[0], Y[0])), "expected several samples, got one number"),
        (lambda: fitted(validation=(X[:, :3], Y)), "expected inputs of one shape"),
        (lambda: fitted(validation=X), "expected targets of all samples or of none"),
        (lambda: fitted(uneven_targets()), "rows of equal length"),
        (lambda: fitted(target="risk"), "arrays have none; give"),
        (lambda: pf.fit(net(), pf.load((X, Y)), Y), "got a Dataset: give the samples to train on alone"),
        (lambda: pf.fit(net(), "iris", Y), "'iris' has its targets within"),
        (lambda: pf.fit(net, (X, Y), out=False), "net net: expected a function of the data's Spec.*it failed: TypeError"),
        (lambda: pf.fit("mlp", (X, Y), net_options=[3], out=False), "net_options: expected them by name"),
        (lambda: fitted(out=3), "expected the path of a run's folder, got int"),
        (lambda: pf.open_run(3), "expected the path of a run's folder, got int"),
        (lambda: fitted(resume=True), r"resume=True goes on with the run in out=…"),
        (lambda: fitted(schedule=lambda _epoch, _rate: -1), "expected finite rates or factors of at least 0, got -1"),
        (lambda: fitted(schedule=torch.optim.lr_scheduler.StepLR), "missing .*'step_size'; give functools.partial"),
        (lambda: fitted(schedule=lambda o: torch.optim.lr_scheduler.StepLR(o, 2)), "give the class, such as"),
        (lambda: fitted(metrics=["rmse"]), "'rmse' is not measured of 'classes' targets"),
        (lambda: fitted(loss="mse"), "loss 'mse': expected targets of another kind"),
        (lambda: fitted(module=net(1), loss=nn.CrossEntropyLoss(label_smoothing=0.1)), "softmax is always 1"),
        (lambda: fitted((X, X[:, 0]), net(1), loss=nn.functional.cross_entropy), "got one, whose softmax is always 1"),
        (lambda: fitted((X, Y, -np.ones(120))), "and one above; got -1 to -1"),
        (lambda: fitted((X, Y, np.ones(3))), "and one above; got 3$"),
        (lambda: fitted(loss=nn.MSELoss()), r"loss MSELoss: failed for outputs \(3, 2\)"),
        (lambda: fitted(module=Bad(lambda _net, _x, y: y.argmax(1))), "leave out argmax"),
        (lambda: fitted(module=Bad(lambda _net, _x, y: y.detach())), "leave out detach"),
        (lambda: fitted(module=Bad(lambda _net, _x, y: y.mean(0))), "expected outputs"),
        (
            lambda: fitted(module=Bad(lambda self, x, y: refuse(self.training and len(x) > 9) or y)),
            "net Bad: failed in training: RuntimeError: too many",
        ),
        (lambda: fitted(Broken()), "sample 7 could not be read: OSError: disk gone"),
        (
            lambda: fitted((DRAW.random((40, 8, 8, 3)), Y[:40]), nn.Sequential(nn.Conv2d(3, 2, 8), nn.Flatten())),
            r"give X.transpose\(0, 3, 1, 2\)",
        ),
        (
            lambda: fitted((np.full((40, 3), 9), Y[:40]), nn.Sequential(nn.Embedding(5, 2), nn.Flatten(), nn.Linear(6, 2))),
            "some ids are 9, and the largest Embedding has 5 rows",
        ),
    ],
)  # fmt: skip
def test_what_newcomers_mistake_is_told_in_one_line_of_python(call, words):
    with pytest.raises(ProfundoError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert not re.search(r"(^|\W)--\w", str(caught.value))


@pytest.mark.parametrize(
    ("option", "argument"),
    [
        ("try --device auto", "try device='auto'"),
        ("--task real predicts it", "task='real' predicts it"),
        ("leave --stream out", "leave stream out"),
        ("--split-by 'time:day' divides", "split_by='time:day' divides"),
        ("--accumulate 2, which", "accumulate=2, which"),
        ("--column 'zip=text' reads it so", "columns={'zip': 'text'} reads it so"),
        ("`profundo train --config x` repeats it", "`profundo train --config x` repeats it"),
        ("a -- b", "a -- b"),
    ],
)
def test_options_are_told_as_whoever_reads_types_them(option, argument):
    assert str(ProfundoError(option)) == argument
    door = on_command_line.set(True)
    try:
        assert str(ProfundoError(option)) == option
    finally:
        on_command_line.reset(door)


def test_several_inputs_are_known_by_their_names():
    other = DRAW.normal(size=X.shape).astype("float32")
    run = fitted(({"one": X, "other": other}, Y), TwoInputs())
    torch.testing.assert_close(run.predict({"other": other, "one": X}), run.predict({"one": X, "other": other}))
    with pytest.raises(ProfundoError, match="expected one, other; missing: other"):
        run.predict({"one": X})


def test_a_list_of_arrays_is_several_inputs_or_targets(tmp_path):
    other = DRAW.normal(size=X.shape).astype("float32")
    run = fitted(([X, other], Y), TwoInputs())
    torch.testing.assert_close(run.predict([X, other]), run.predict((X, other)))
    torch.testing.assert_close(run.predict(X, other), run.predict((X, other)))
    heads = fitted(
        (X, [X[:, 0], Y]), TwoHeads(), loss=lambda o, t: o[0].square().mean() + nn.functional.cross_entropy(o[1], t[1])
    )
    assert heads.predict(X)[1].shape == (120, 3)
    assert heads.report(tmp_path / "page.html").is_file()
    assert pf.summary(TwoHeads(), (X, Y)).outputs == 4


def test_predictions_are_of_a_loader_too_and_never_of_nan():
    run = fitted()
    loader = DataLoader(TensorDataset(torch.tensor(X), torch.tensor(Y)), batch_size=7)
    torch.testing.assert_close(run.predict(loader), run.predict(X))
    torch.testing.assert_close(run.predict(run.data.test), run.predict(run.data.test.inputs))
    holed = X.copy()
    holed[4, 1] = np.nan
    with pytest.raises(ProfundoError, match="sample 5 holds NaN"):
        run.predict(holed)
    with pytest.raises(ProfundoError, match=r"got a tuple of 2; run.evaluate\(X, y\) takes targets"):
        run.predict((X, Y))


def test_an_iterator_without_an_end_is_stopped(monkeypatch):
    monkeypatch.setattr(object_samples, "MOST", 50)

    class Endless(torch.utils.data.IterableDataset):
        def __iter__(self):
            while True:
                yield X[0], 1

    for data in (Endless(), DataLoader(Endless(), batch_size=3)):
        with pytest.raises(ProfundoError, match="51 samples or batches were read, and more come"):
            fitted(data)


@pytest.mark.parametrize("loss", [nn.CrossEntropyLoss(), nn.CrossEntropyLoss, nn.functional.cross_entropy])
def test_cross_entropy_of_one_output_for_two_classes_learns(loss):
    run = fitted(module=net(1), loss=loss, epochs=20, learning_rate=0.02)
    assert run.experiment.objective == "bernoulli"
    assert run.history["loss"][-1] < run.history["loss"][0]


def test_a_column_is_named_where_targets_come():
    frame = polars.DataFrame({"a": X[:, 0], "y": Y})
    for given in ({"targets": "y"}, {"target": "y"}, {"target": ["y"]}):
        assert pf.fit("mlp", frame, **given, epochs=1, out=False).data.spec.targets.classes == ("0", "1")


def test_what_comes_back_is_read_in_a_line_or_a_table():
    data = pf.load((X, Y))
    assert repr(pf.load(X, Y)) == repr(data) == "arrays: 84 to train on, 12 to validate, 24 to test; inputs (6,), 0, 1"
    first, second = repr(fitted().scores).splitlines()[:2]
    assert first == "24 samples"
    assert re.fullmatch(r"accuracy [\d.]+   \(constant predictor: [\d.]+, logistic regression: [\d.]+\)", second)


MODULES = ["train", "evaluate", "graph", "data", "nets", "objectives", "runs", "recipes"]


@pytest.mark.parametrize("name", MODULES)
def test_a_module_that_is_called_names_what_to_call(name):
    with pytest.raises(ProfundoError, match=f"^profundo.{name} is a module, and cannot be called; "):
        getattr(pf, name)(net(), X, Y)


def test_the_house_itself_answers_a_call_too():
    with pytest.raises(ProfundoError, match="profundo is a module"):
        pf(net(), X, Y)
    with pytest.raises(ProfundoError, match=re.escape("fit(net, data,")):
        pf.train(net(), X, Y)
    with pytest.raises(ProfundoError, match=re.escape("run.evaluate(data)")):
        pf.evaluate(None, (X, Y))
    assert callable(np.linalg) is False  # others' modules are left alone


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ImageDataLoaders", "load(…)"),
        ("SegmentationDataLoaders", "load(…)"),
        ("image_dataset_from_directory", "load(…)"),
        ("ImageDataGenerator", "load(…)"),
        ("TabularPandas", "load(…)"),
        ("cnn_learner", "fit(net, data"),
        ("text_classifier_learner", "fit(net, data"),
        ("show_batch", "look(data)"),
        ("ClassificationInterpretation", "run.report()"),
        ("TextVectorization", "texts become numbers"),
        ("Conv2D", "torch.nn.Conv2d is a layer"),
        ("Dropout", "torch.nn.Dropout is a layer"),
        ("cross_validat", "nearest: cross_validate"),
        ("qqqq", "it has ProfundoError"),
    ],
)
def test_names_of_other_libraries_lead_to_those_here(name, said):
    assert not hasattr(pf, name)
    with pytest.raises(AttributeError, match=f"profundo has no '{name}'; {re.escape(said)}"):
        getattr(pf, name)


def test_names_that_runs_and_data_have_elsewhere_lead_to_those_here():
    run = fitted()
    for thing, name, said in (
        (run, "lr_find", "profundo.lr_find(net, data)"),
        (run, "unfreeze", "run.net is a torch.nn.Module"),
        (run, "plot_confusion_matrix", "run.report()"),
        (run, "predictt", "nearest: predict"),
        (run.history, "history", "run.history['validation loss']"),
        (run.data, "show_batch", "profundo.look(…)"),
        (run.data, "trainn", "nearest: train"),
    ):
        with pytest.raises(AttributeError, match=re.escape(said)):
            getattr(thing, name)
        assert not hasattr(thing, name)


def test_a_rate_is_found_for_whatever_fit_takes():
    assert pf.lr_find("mlp", X, Y).suggestion > 0
    assert pf.lr_find(lambda _: net(), (X, Y)).suggestion > 0
    huber = pf.lr_find(net(1), (X, X[:, 0].copy()), loss=nn.HuberLoss(), optimizer=torch.optim.Adam)
    assert huber.suggestion > 0
    with pytest.raises(ProfundoError, match=re.escape("expected outputs (batch, 1) or (batch, 2)")):
        pf.lr_find(net(5), (X, Y))


def test_a_summary_wants_data_or_the_shape_of_a_sample():
    table = pf.summary(net(), (6,))
    assert (table.parameters, table.outputs) == (sum(one.numel() for one in net().parameters()), 2)
    assert pf.summary("mlp", (X, Y)).parameters == pf.summary(pf.nets.mlp(pf.load((X, Y)).spec), (X, Y)).parameters
    assert pf.summary("lenet5").inputs == (1, 28, 28)
    assert pf.summary("lenet5", (3, 32, 32)).inputs == (3, 32, 32)
    with pytest.raises(ProfundoError, match=re.escape("expected what the net takes: summary(net, data)")):
        pf.summary(net())


def test_a_loss_and_a_metric_of_y_true_and_y_pred_get_them_in_this_order():
    """The mean of the pinball loss at 0.9 is least at the 0.9-quantile, turned about at the 0.1-quantile."""

    def pinball(y_true, y_pred):
        error = y_true - y_pred
        return torch.maximum(0.9 * error, -0.1 * error).mean()

    class Pinball(nn.Module):
        def forward(self, target, prediction):
            return pinball(target, prediction)

    def share_below(y_true, y_pred):
        return (y_true < y_pred).float().mean()

    noise = np.random.default_rng(1).normal(size=2000).astype("float32")
    for loss in (pinball, Pinball()):
        torch.manual_seed(0)
        given = {"loss": loss, "metrics": [share_below], "epochs": 20, "learning_rate": 0.05}
        run = fitted((np.zeros((2000, 6), "float32"), noise), nn.Linear(6, 1), **given)
        assert 0.85 < run.scores.values["share_below"] < 0.95


def test_a_loss_that_fails_says_in_which_order_it_is_called():
    with pytest.raises(ProfundoError, match=r"outputs .* and targets .*, which it gets in this order"):
        fitted(loss=lambda t, o: nn.functional.cross_entropy(o, t))


def test_settings_that_are_wrong_are_told_before_the_data_are_read():
    frame = polars.DataFrame({"a": X[:, 0], "b": Y})
    for name in ("dep_var", "y_names", "label_col"):
        with pytest.raises(ProfundoError, match=f"'{name}' is unknown; the name here is target"):
            pf.fit(frame, **{name: "b"}, out=False)
    with pytest.raises(ProfundoError, match="image_size: expected"):
        pf.fit("no such folder", image_size=(32, 32), out=False)
    with pytest.raises(ProfundoError, match=re.escape("image_size: expected one side, 1 to")):
        pf.load("no such folder", image_size=(32, 32))
    with pytest.raises(ProfundoError, match="lr and learning_rate are two names for one thing"):
        fitted(lr=0.1, learning_rate=0.2)


def test_an_optimizer_of_pytorch_may_be_named():
    torch.manual_seed(0)
    one, other = net(), net()
    other.load_state_dict(one.state_dict())
    fitted(module=one, optimizer="nadam")
    fitted(module=other, optimizer=torch.optim.NAdam)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    for name in ("optimizer", "ftrl"):
        with pytest.raises(ProfundoError, match=f"optimizer: expected sgd, .* got '{name}'"):
            fitted(optimizer=name)


def test_a_class_of_nets_that_cannot_be_made_is_told_so():
    class Forgetful(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(6, 2)

    with pytest.raises(ProfundoError, match=re.escape("give an instance of it, Forgetful(…), for cannot assign")):
        fitted(module=Forgetful)


@pytest.mark.parametrize("outputs", [1, 3])
def test_a_net_that_squeezes_away_the_axis_of_samples_answers_for_one(outputs):
    class Squeezing(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(6, outputs)

        def forward(self, x):
            return self.layer(x).squeeze()

    targets = X[:, 0] if outputs == 1 else np.arange(120) % 3
    run = fitted((X, targets), Squeezing())
    assert run.predict(X[:1]).shape[0] == 1
    assert torch.allclose(run.predict(X[0]), run.predict(X[:2])[0], atol=1e-6)


WORDS = [f"a {kind} film, number {number}" for number in range(60) for kind in ("good", "bad")]
KINDS = ["p", "n"] * 60


def test_texts_may_be_lists_beside_their_labels():
    for given in (WORDS, np.array(WORDS), polars.Series(WORDS)):
        run = pf.fit("text_mean", given, KINDS, epochs=4, out=False)
        assert run.scores.values["accuracy"] == 1
    assert run.predict("good").ndim == 0
    both = run.predict(["a bad film", "a good film"])
    assert both[0] < 0.5 < both[1]
    for other in (
        ("a bad film", "a good film"),
        np.array(["a bad film", "a good film"]),
        [{"text": "a bad film"}, {"text": "a good film"}],
    ):
        assert torch.equal(run.predict(other), both)
    assert run.evaluate(WORDS, KINDS).values["accuracy"] == 1
    frame = polars.DataFrame({"review": WORDS, "kind": KINDS})
    of_frame = pf.fit(frame, target="kind", columns={"review": "text"}, epochs=4, out=False)
    assert of_frame.predict("a bad film") < 0.5 < of_frame.predict("a good film")
    with pytest.raises(ProfundoError, match="got text such as '1'"):
        fitted((["1", "2"] * 60, Y))


def test_paths_of_images_may_be_given_beside_their_labels(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths, kinds = [], []
    for number in range(40):
        shade = 60 + 120 * (number % 2)
        Image.fromarray(DRAW.normal(shade, 9, (8, 8)).clip(0, 255).astype("uint8")).save(f"{number}.png")
        paths.append(f"{number}.png")
        kinds.append(("dark", "light")[number % 2])
    named = pf.fit("fast_cnn", [tmp_path / one for one in paths], kinds, epochs=2, out=False)
    weighted = pf.fit("fast_cnn", (paths, kinds, np.ones(40)), epochs=2, out=False)
    framed = pf.fit(polars.DataFrame({"file": paths, "kind": kinds}), target="kind", epochs=2, out=False)
    pixels = [Image.open(one) for one in paths]
    opened = pf.fit("fast_cnn", (pixels, kinds), epochs=2, out=False)
    for run in (named, weighted, framed):
        assert run.data.spec.inputs.shape == (1, 8, 8)
        assert torch.equal(run.predict(paths), run.predict(pixels))
        assert run.scores.values["accuracy"] == opened.scores.values["accuracy"]
    with pytest.raises(ProfundoError, match="most of which are not in"):
        pf.fit("fast_cnn", [f"{number}.jpg" for number in range(40)], kinds, out=False)
    monkeypatch.chdir("/")
    with pytest.raises(ProfundoError, match="most of which are not in"):
        pf.fit("fast_cnn", paths, kinds, out=False)
