"""The linear yardstick against scikit-learn."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge

import profundo as pf
from profundo.data import standardize, standardize_targets
from profundo.evaluate.linear import fit_linear, linear_name
from profundo.records import Dataset, Inputs, Samples, Spec, Targets
from profundo.runs.baselines.linear_baseline import spread, yardstick


def training(name):
    data = pf.load(name)
    return data.spec, standardize(data.train.inputs, data.spec.inputs), data.train.targets


@pytest.mark.parametrize("name", ["iris", "wine", "breast-cancer", "digits"])
def test_logistic_regression_is_scikit_learns(name):
    spec, inputs, truth = training(name)
    outputs = fit_linear([inputs], truth, spec)(inputs).double()
    ours = outputs.softmax(1) if spec.outputs > 1 else torch.cat((torch.sigmoid(-outputs), torch.sigmoid(outputs)), 1)
    theirs = LogisticRegression(C=1, max_iter=10_000, tol=1e-8).fit(inputs.flatten(1).double().numpy(), truth.numpy())
    np.testing.assert_allclose(ours, theirs.predict_proba(inputs.flatten(1).double().numpy()), atol=5e-3)


def test_linear_regression_is_scikit_learns_ridge_with_more_rows_than_features_and_with_fewer():
    spec, inputs, truth = training("diabetes")
    targets = standardize_targets(truth, spec.targets)
    for rows in (slice(None), slice(6)):
        ours = fit_linear([inputs[rows]], targets[rows], spec)(inputs)
        theirs = Ridge(alpha=1).fit(inputs[rows].double().numpy(), targets[rows].double().numpy())
        np.testing.assert_allclose(ours, theirs.predict(inputs.double().numpy()).reshape(-1, 1), atol=1e-4)


def test_each_of_several_labels_has_its_own_logistic_regression():
    draw = torch.Generator().manual_seed(0)
    rows = torch.randn(200, 4, generator=draw)
    labels = (rows @ torch.randn(4, 3, generator=draw) + torch.randn(200, 3, generator=draw) > 0).float()
    spec = Spec(Inputs((4,), "features"), Targets("labels", tuple("abc")))
    ours = fit_linear([rows], labels, spec)(rows).sigmoid()
    for k in range(3):
        theirs = LogisticRegression(C=1).fit(rows.numpy(), labels[:, k].numpy()).predict_proba(rows.numpy())[:, 1]
        np.testing.assert_allclose(ours[:, k], theirs, atol=5e-3)


def test_large_images_are_averaged_first():
    spec = Spec(Inputs((3, 40, 30), "image"), Targets("binary", ("dark", "light")))
    model = fit_linear([torch.randn(8, 3, 40, 30)], torch.tensor([0, 1] * 4), spec)
    assert model.weight.shape[1] <= 256
    assert model(torch.randn(2, 3, 40, 30)).shape == (2, 1)


def test_what_has_to_be_read_is_read_in_runs_from_all_over_the_split():
    class Counted:
        def __len__(self):
            return 50_000

        def __getitem__(self, index):
            return torch.zeros(3, 4, 4, dtype=torch.uint8)

    data = replace(pf.load("digits"), train=Samples(Counted(), torch.zeros(50_000)))
    chosen = spread(data)
    assert len(chosen) == len(chosen.unique()) == 2000
    assert (chosen[1:10] - chosen[:9] == 1).all()
    assert chosen[0] == 0
    assert chosen[-1] == 49_999


def test_the_yardstick_tells_what_it_was_fitted_on():
    data = pf.load("digits")
    model, name = yardstick(data)
    assert name == linear_name(data.spec) == "logistic regression"
    outputs = model(standardize(data.test.inputs, data.spec.inputs))
    assert (outputs.argmax(1) == data.test.targets).float().mean() > 0.93  # 95 to 97 % in the literature


def test_of_very_wide_rows_fewer_are_fitted_on():
    spec = Spec(Inputs((1_000_000,), "features"), Targets("binary", ("no", "yes")))
    train = Samples(torch.empty(9000, 1).expand(9000, 1_000_000), torch.zeros(9000, dtype=torch.int64))
    assert len(spread(Dataset("wide", spec, train, train, train))) == 50


def test_the_steps_looked_back_on_fit_into_memory(monkeypatch):
    sizes = []
    made = torch.optim.LBFGS.__init__
    monkeypatch.setattr(
        torch.optim.LBFGS, "__init__", lambda *a, **k: (sizes.append(k["history_size"]), made(*a, **k))[1]
    )
    monkeypatch.setattr("profundo.evaluate.linear.MOST_REMEMBERED", 100)
    inputs, truth = torch.randn(20, 6), torch.tensor([0, 1] * 10)
    spec = Spec(Inputs((6,), "features"), Targets("binary", ("no", "yes")))
    short = fit_linear([inputs], truth, spec)
    monkeypatch.undo()
    assert sizes == [100 // (2 * 6)]
    torch.testing.assert_close(short.weight, fit_linear([inputs], truth, spec).weight, atol=1e-3, rtol=1e-3)
