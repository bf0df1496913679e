"""A run as people use it: predictions of whatever they have, other samples, folders, curves; and words of other libraries."""

import numpy as np
import polars
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import profundo as pf
from everyday import NUMBER, QUICK, THREE, TWO, X, small
from profundo.records import NoSuchNameError, ProfundoError
from profundo.runs.given.foreign import FOREIGN

frame = polars.DataFrame({"a": X[:, 0], "b": X[:, 1], "kind": ["u", "v", "w"] * 40})


@pytest.fixture(scope="module")
def run():
    torch.manual_seed(0)
    return pf.fit(small(), (X, THREE), epochs=20, batch_size=16, lr=0.02, out=False)


# --------------------------------------------------------------------------------------------- predictions, other samples
@pytest.mark.parametrize(
    "many", [X[:5], torch.tensor(X[:5]), X[:5].tolist(), polars.DataFrame(X[:5], schema=["x1", "x2", "x3", "x4"])],
    ids=["numpy", "torch", "lists", "polars"],
)  # fmt: skip
def test_many_samples_or_one_are_predicted_alike(run, many):
    expected = run.predict(torch.tensor(X[:5]))
    assert run.predict(many).allclose(expected, atol=1e-6)
    if not isinstance(many, polars.DataFrame):
        assert run.predict(many[0]).allclose(expected[0], atol=1e-6)


def test_predictions_are_softmax_of_what_the_net_gives(run):
    inputs = (torch.tensor(X) - torch.tensor(run.data.spec.inputs.mean)) / torch.tensor(run.data.spec.inputs.std)
    with torch.no_grad():
        assert run.predict(X).allclose(run.net(inputs).softmax(1), atol=1e-5)


@pytest.mark.parametrize(
    "data",
    [(X, THREE), (X.tolist(), THREE.tolist()), (X, np.eye(3)[THREE]), TensorDataset(torch.tensor(X), torch.tensor(THREE)),
     DataLoader(TensorDataset(torch.tensor(X), torch.tensor(THREE)), batch_size=7), {"x": X, "y": THREE}],
)  # fmt: skip
def test_other_samples_are_judged_by_the_classes_of_training(run, data):
    right = (run.predict(X).argmax(1).numpy() == THREE).mean()
    assert run.evaluate(data).values["accuracy"] == pytest.approx(right)


def test_own_splits_are_judged_by_name(run):
    assert run.evaluate().values == run.scores.values
    assert run.evaluate("train").samples == len(run.data.train)
    assert run.evaluate(run.data).values == run.scores.values


def test_rows_of_a_table_are_predicted_by_their_columns(tmp_path):
    run = pf.fit("mlp", frame, target="kind", **QUICK)
    expected = run.predict(frame)
    frame.head(4).write_csv(tmp_path / "rows.csv")
    assert run.predict(tmp_path / "rows.csv").allclose(expected[:4], atol=1e-6)
    assert run.predict(str(tmp_path / "rows.csv")).allclose(expected[:4], atol=1e-6)
    assert run.predict(X[:4, :2]).allclose(expected[:4], atol=1e-5)
    assert run.evaluate(frame).values["accuracy"] == pytest.approx(
        (expected.argmax(1) == torch.arange(3).repeat(40)).float().mean()
    )


# ------------------------------------------------------------------------------------------------------ folders, export
class Mine(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.net = small(3)
        self.net[0], self.net[2] = nn.Linear(4, width), nn.Linear(width, 3)

    def forward(self, x):
        return self.net(x)


def focal(outputs, targets):
    cost = F.cross_entropy(outputs, targets, reduction="none")
    return ((1 - (-cost).exp()) ** 2 * cost).mean()


def test_a_run_is_saved_and_opened_with_its_net_and_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = pf.fit(Mine(), (X, THREE), epochs=3, out=False)
    path = run.save("model")
    assert {"model.safetensors", "scores.json", "report.html", "history.csv"} <= {one.name for one in path.iterdir()}
    opened = pf.open_run("model", net=Mine(), data=(X, THREE))
    assert torch.equal(opened.predict(X), run.predict(X))
    assert opened.scores.values == run.scores.values
    assert opened.history.rows == run.history.rows
    with pytest.raises(ProfundoError, match="already holds a run"):
        run.save("model")
    with pytest.raises(ProfundoError, match="another net than this"):
        pf.open_run("model", net=Mine(9), data=(X, THREE))
    with pytest.raises(ProfundoError, match="class of your own"):
        pf.open_run("model", data=(X, THREE))
    alone = pf.open_run("model", net=Mine())  # as much as a service needs
    assert torch.equal(alone.predict(X), run.predict(X))
    assert alone.scores.values == run.scores.values
    for call in (alone.report, lambda: alone.save("copy"), lambda: alone.evaluate(X, THREE), alone.evaluate):
        with pytest.raises(ProfundoError, match="were in memory: give them"):
            call()
    with pytest.raises(ProfundoError, match="not those of the run"):
        pf.open_run("model", net=Mine(), data=(X + 1, THREE))


def test_a_run_with_a_loss_of_its_own_is_opened_with_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = pf.fit(Mine(), (X, THREE), loss=focal, epochs=3, out="focal")
    opened = pf.open_run("focal", net=Mine(), data=(X, THREE), loss=focal)
    assert opened.scores.values["loss"] == pytest.approx(run.scores.values["loss"])
    assert pf.open_run("focal", net=Mine(), data=(X, THREE), evaluate=False).predict(X).allclose(run.predict(X))
    with pytest.raises(ProfundoError, match="a function of your own: give it"):
        pf.open_run("focal", net=Mine(), data=(X, THREE))


def test_a_run_with_a_net_by_name_on_data_in_memory_needs_the_data_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = pf.fit("mlp", frame, target="kind", out="table", epochs=2)
    opened = pf.open_run("table", data=frame, target="kind")
    assert opened.predict(frame).allclose(run.predict(frame))
    plain = pf.fit("mlp", "iris", epochs=2, out="iris")
    assert pf.open_run("iris").scores.values == plain.scores.values


def test_a_run_is_exported_with_the_net_that_its_folder_cannot_name(tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    monkeypatch.chdir(tmp_path)
    pf.fit(Mine(), (X, THREE), epochs=2, out="mine")
    assert pf.export("mine", net=Mine()).model.is_file()
    with pytest.raises(ProfundoError, match="class of your own"):
        pf.export("mine")


# ------------------------------------------------------------------------------------------------------------- in words
def test_a_run_is_three_lines_and_its_summary_a_table(run):
    lines = repr(run).split("\n")
    assert len(lines) == 3
    assert lines[0] == "Sequential on arrays: 67 parameters, 20 epochs"
    assert lines[1].startswith("test accuracy")
    table = run.summary()
    assert "67 parameters" in table
    assert table.count("Linear") == 2


def test_a_history_is_read_as_a_dict_a_frame_and_pictures(run, tmp_path):
    history = run.history
    assert history.keys() == history.names
    assert dict(history)["loss"] == history["loss"]
    assert "loss" in history
    assert history.to_frame()["loss"].to_list() == history["loss"]
    assert history.to_frame().height == len(history) == 20
    assert repr(history).startswith("20 epochs; the last: loss")
    assert "<svg" in history.plot()._repr_html_()
    history.plot(tmp_path / "loss.svg")
    assert (tmp_path / "loss.svg").read_text("utf-8").startswith("<svg xmlns=")
    history.plot().save(tmp_path / "all.html")
    assert "validation" in (tmp_path / "all.html").read_text("utf-8")
    with pytest.raises(KeyError, match="it has: epoch, loss"):
        history["val_loss"]


# ------------------------------------------------------------------------------------------- words of other libraries
@pytest.mark.parametrize("name", FOREIGN)
def test_a_setting_of_another_library_is_answered_with_its_name_here(name):
    with pytest.raises(ProfundoError, match=f"setting '{name}' is unknown; ") as error:
        pf.fit(small(), (X, THREE), **{name: 1})
    assert FOREIGN[name] in str(error.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [("compile", "compile and fit in one"), ("Sequential", "torch.nn.Module"), ("Trainer", "fit"), ("Learner", "fit"),
     ("DataLoader", "load"), ("EarlyStopping", "early_stop"), ("load_model", "open_run"), ("cross_val_score", "cross_validate"),
     ("GridSearchCV", "select"), ("predict", "run.predict"), ("seed_everything", "seed=0"), ("lr_finder", "lr_find"),
     ("fti", "nearest: fit"), ("metrics", "loss=")],
)  # fmt: skip
def test_a_function_of_another_library_is_answered_with_what_does_it_here(name, words):
    with pytest.raises(NoSuchNameError, match=words):
        getattr(pf, name)
    assert not hasattr(pf, name)


@pytest.mark.parametrize(
    "name", ["model", "predict_proba", "score", "fit", "plot", "params", "history_", "losses", "state_dict"]
)
def test_a_run_answers_to_names_it_has_elsewhere(run, name):
    with pytest.raises(NoSuchNameError, match=r"here is|run\.|profundo\.|net"):
        getattr(run, name)
    assert not hasattr(run, name)


def test_everyday_calls_work(run, tmp_path, monkeypatch):
    """One line each, as people type them."""
    monkeypatch.chdir(tmp_path)
    assert pf.fit("iris", epochs=1, out=False).experiment.net == "table_net"
    assert pf.fit("mlp", "iris", epochs=1, out=False, net_options={"widths": [8]}).experiment.net_options == {
        "widths": [8]
    }
    assert pf.fit("iris", "mlp", epochs=1, out=False).experiment.net == "mlp"
    assert pf.fit(pf.nets.mlp, "iris", epochs=1, out=False).scores is not None
    assert pf.fit(lambda spec: small(spec.outputs), (X, THREE), **QUICK).scores is not None
    assert pf.fit(Mine, (X, THREE), **QUICK).scores is not None
    assert pf.fit(nn.LazyLinear(3), (X, THREE), **QUICK).net.in_features == 4
    assert pf.fit(run.net, (X, THREE), **QUICK).net is run.net
    assert pf.fit(small(10), (X, np.arange(120) % 9), **QUICK).data.spec.outputs == 10
    assert pf.fit(small(1), (X, TWO.astype(bool)), **QUICK).data.spec.targets.kind == "binary"
    assert pf.fit(small(1), (X, NUMBER.tolist()), **QUICK).data.spec.targets.kind == "real"
    assert pf.fit(small(1), (X, THREE), task="real", **QUICK).data.spec.targets.kind == "real"
    assert pf.fit(small(2), (X, X[:, :2]), **QUICK).predict(X[:3]).shape == (3, 2)
    assert pf.fit(small(2), (X, (X[:, :2] > 0).astype(int)), **QUICK).data.spec.targets.kind == "labels"
    assert pf.fit(small(), (X, THREE), optimizer="Adam", lr=1e-3, **QUICK).experiment.optimizer == "adam"
    assert pf.fit(small(), (X, THREE), early_stop=1, epochs=3, out=False).best_epoch is not None
    assert pf.fit(small(), (X, THREE), class_weights="balanced", **QUICK).scores is not None
    assert pf.fit(small(), (X, THREE), batch_size="all", **QUICK).experiment.batch_size > 60
    assert pf.fit(small(), pf.load((X, THREE)), **QUICK).scores is not None
    assert str(pf.summary(small(), pf.load((X, THREE)))).count("Linear") == 2
    assert pf.lr_find(small(), (X, THREE), batch_size=16).suggestion > 0
    assert "Linear" in str(pf.summary(small(), (X, THREE)))
    assert pf.cross_validate("mlp", "iris", folds=2, epochs=1).folds == 2
    assert pf.cross_validate("iris", net="mlp", folds=2, epochs=1).folds == 2
    assert pf.select("mlp", "iris", vary={"learning_rate": [0.1, 0.01]}, epochs=1).setting == "learning_rate"
    assert len(pf.learning_curve("mlp", "iris", sizes=(0.5, 1), repeats=1, epochs=1).sizes) == 2
    assert not (tmp_path / "runs").exists()


def test_a_study_takes_its_net_once():
    with pytest.raises(ProfundoError, match="expected it once"):
        pf.cross_validate("mlp", "iris", net="linear")
