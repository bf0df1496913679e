"""Studies and looks of what is in memory: the same as of the same in a file."""

from copy import deepcopy

import numpy as np
import polars
import pytest
import torch
from torch import nn

import profundo as pf
from profundo.records import ProfundoError

DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(90, 3)).astype("float32")
Y = (X[:, 0] > 0).astype(int)
FRAME = polars.DataFrame(
    {
        "a": X[:, 0].astype(float).round(3),
        "town": DRAW.choice(["Faro", "Vigo", None], 90),
        "group": np.arange(90) % 15,
        "day": np.arange(90) * 2.5,
        "y": Y,
    }
)
QUICK = {"epochs": 1, "target": "y"}


@pytest.fixture
def table(tmp_path):
    FRAME.write_csv(tmp_path / "table.csv")
    return tmp_path / "table.csv"


@pytest.mark.parametrize("split_by", [None, "group:group"])
def test_folds_of_a_frame_are_those_of_its_file(table, split_by):
    of_file, of_frame = (pf.cross_validate("mlp", data, folds=3, split_by=split_by, **QUICK) for data in (table, FRAME))
    assert [fold.values for fold in of_frame.results] == [fold.values for fold in of_file.results]


def test_a_curve_and_a_selection_of_a_frame_are_those_of_its_file(table):
    of_file, of_frame = (
        pf.learning_curve("mlp", data, sizes=(20, 50), repeats=1, **QUICK).figures for data in (table, FRAME)
    )
    assert of_frame == of_file
    vary = {"learning_rate": [0.01, 0.1]}
    chosen = [pf.select("mlp", data, vary=vary, **QUICK) for data in (table, FRAME)]
    assert chosen[0].test == chosen[1].test


@pytest.mark.parametrize("setting", [{"split_by": "group:group"}, {"horizon": 2, "split_by": "time:day"}])
def test_who_is_in_which_split_is_decided_for_a_frame_as_for_its_file(table, setting):
    of_file, of_frame = (pf.load(data, target="y", task="real", **setting) for data in (table, FRAME))
    for split in ("train", "validation", "test"):
        assert torch.equal(getattr(of_file, split).targets, getattr(of_frame, split).targets)
    assert of_file.spec.inputs.shape == of_frame.spec.inputs.shape


def test_real_targets_are_transformed_in_memory_too():
    assert pf.load((X, np.exp(X[:, 0])), target_transform="log").spec.targets.transforms
    with pytest.raises(ProfundoError, match="target_transform='log' is for numbers"):
        pf.load((X, Y), target_transform="log")


@pytest.mark.parametrize(
    ("data", "settings", "words"),
    [
        ((X, Y), {"split_by": "group:g"}, "split_by is for the columns of a table, and arrays have none"),
        ((X, Y), {"drop": ["x1"]}, "drop is for the columns of a table"),
        (FRAME, {"target": "y", "missing": ["-"]}, "missing is for files"),
        (FRAME, {"target": "y", "split_by": "group:group", "validation": FRAME}, "such samples were given"),
    ],
)
def test_a_setting_without_a_meaning_in_memory_is_refused(data, settings, words):
    with pytest.raises(ProfundoError, match=words):
        pf.load(data, **settings)


def test_every_fold_trains_a_copy_of_a_net_from_its_weights():
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    before = deepcopy(net.state_dict())
    first, second = (pf.cross_validate(net, X, Y, folds=2, epochs=2) for _ in range(2))
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert [fold.values for fold in first.results] == [fold.values for fold in second.results]


class Heads(nn.Module):
    def __init__(self):
        super().__init__()
        self.number, self.kind = nn.Linear(3, 1), nn.Linear(3, 2)

    def forward(self, one, other):
        return self.number(one), self.kind(other)


def heads_loss(outputs, targets):
    return (outputs[0][:, 0] - targets[0]).square().mean() + nn.functional.cross_entropy(outputs[1], targets[1])


@pytest.mark.parametrize(
    ("net", "data", "parts"),
    [
        (Heads, ((X, X), (X[:, 0], Y)), {"loss": heads_loss}),
        (nn.Linear(3, 3), X, {}),
        (nn.Linear(3, 1), (X, X[:, 0]), {"loss": nn.L1Loss(), "optimizer": torch.optim.Adam, "lr": 0.01}),
        (nn.Linear(3, 2), (X, Y), {"metrics": {"half": lambda predictions, targets: 0.5}}),  # noqa: ARG005
    ],
)
def test_studies_take_what_fit_takes(net, data, parts):
    assert len(pf.cross_validate(net, data, folds=2, epochs=1, **parts).results) == 2
    assert pf.learning_curve(net, data, sizes=(20, 50), repeats=1, epochs=1, **parts).sizes == (20, 50)
    assert pf.select(net, data, vary={"learning_rate": [0.01, 0.1]}, epochs=1, **parts | {"lr": None}).chosen in (0, 1)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: pf.cross_validate(X, Y), "the net comes first"),
        (lambda: pf.cross_validate("mlp", pf.load((X, Y))), "give what load was given"),
        (lambda: pf.cross_validate("mlp", (X, Y), cv=3), "the name here is folds"),
        (lambda: pf.cross_validate("mlp", (X, Y), validation=(X, Y)), "^validation: expected a number"),
        (lambda: pf.look(FRAME), "expected target=…, the column to be predicted, one of a, town"),
        (lambda: pf.look(X), "expected one input and a target"),
    ],
)
def test_what_a_study_cannot_take_is_told_in_one_line(call, words):
    with pytest.raises(ProfundoError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_look_at_what_is_in_memory_counts_it():
    assert [*pf.look(X, Y).counts.values()] == [np.bincount(Y).tolist()]
    look = pf.look(FRAME, target="y")
    assert {column.name for column in look.columns} >= {"a", "town", "day"}
    assert "--" not in repr(look)
