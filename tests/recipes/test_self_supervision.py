"""Learning without labels: both costs by loops and by NumPy, labels that the views do not know, a layer that is scikit-learn's."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from profundo.data import load
from profundo.data.splits.splits import chosen
from profundo.nets.self_supervised import encoder
from profundo.objectives.view_agreement import barlow_twins, sim_clr
from profundo.recipes.recipe_run import run_recipe
from profundo.recipes.zoo import self_supervision
from profundo.records import ProfundoError

DRAWS = torch.Generator().manual_seed(0)


def two_views(images=7, width=5):
    return [torch.randn(images, width, generator=DRAWS, dtype=torch.float64) for _ in range(2)]


def test_sim_clr_is_equation_1_of_its_paper_image_by_image():
    first, second = two_views()
    rows = torch.cat([first, second]).numpy()
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    costs = []
    for at in range(14):
        likeness = {k: np.exp(unit[at] @ unit[k] / 0.5) for k in range(14) if k != at}
        costs.append(-np.log(likeness[(at + 7) % 14] / sum(likeness.values())))
    assert sim_clr(first, second, 0.5).item() == pytest.approx(np.mean(costs))
    first.requires_grad_()
    assert torch.autograd.gradcheck(lambda codes: sim_clr(codes, second, 0.5), first)


def test_barlow_twins_is_made_of_the_correlations_that_numpy_finds():
    first, second = two_views(images=40)
    found = np.corrcoef(first.numpy(), second.numpy(), rowvar=False)[:5, 5:]
    same = np.diag(found)
    expected = ((1 - same) ** 2).sum() + 0.1 * ((found**2).sum() - (same**2).sum())
    assert barlow_twins(first, second, 0.1).item() == pytest.approx(expected, rel=1e-4)
    assert barlow_twins(first, first, 0.0).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("cost", [lambda a, b: sim_clr(a, b, 0.5), lambda a, b: barlow_twins(a, b, 0.1)])
def test_views_of_other_images_and_of_a_single_one_are_refused_in_a_line(cost):
    for sizes in ((3, 4), (1, 1)):
        with pytest.raises(ProfundoError, match="expected codes of the same images") as refused:
            cost(*(torch.zeros(size, 2) for size in sizes))
        assert "\n" not in str(refused.value)


def first_views(images: int, batch_size: int):
    """The first batch of views of so many digits, and what is said of it."""
    data, said = load("digits"), []
    context = SimpleNamespace(
        generator=lambda _: torch.Generator().manual_seed(0), device=torch.device("cpu"), say=said.append
    )
    settings = self_supervision.Settings(batch_size=batch_size, augment=("crop",))
    some = replace(data, train=chosen(data.train, torch.arange(images)))
    return next(iter(self_supervision.two_views(context, settings, some).epoch(0))), said


def test_no_image_is_twice_in_a_batch_whose_images_are_told_apart():
    batch, said = first_views(40, 32)
    assert len(batch.targets) == len(batch.targets.unique()) == 32
    assert not said
    batch, said = first_views(20, 32)
    assert batch.targets.sort().values.tolist() == list(range(20))
    assert (len(batch.inputs), batch.total) == (40, 20)
    assert said == ["batch_size: 20 in place of 32, for there are no more images to train on"]


SMALL = {"updates": 6, "few_updates": 6, "pictured": 12}


@pytest.mark.parametrize("method", ["simclr", "barlow-twins"])
def test_what_is_learned_without_labels_is_the_same_whatever_the_labels_are(method, monkeypatch):
    nets = []
    for change in (lambda labels: labels, lambda labels: labels.flip(0)):

        def loaded(_context, _name, _size, change=change):
            data = load("digits")
            return replace(data, train=replace(data.train, targets=change(data.train.targets)))

        monkeypatch.setattr("profundo.recipes.context.Context.images", loaded)
        run = run_recipe("self-supervision", {**SMALL, "method": method}, quick=True, out=False)
        nets.append(run.outcome.networks["net"])
    table = next(one for one in run.outcome.exhibits if one.title == "With all labels, and with few")
    told = {row[0]: row[1] for row in table.rows}
    assert run.outcome.rivals == {"labels alone": told["labels alone"]}
    for one, other in zip(*(net.encoder.state_dict().values() for net in nets), strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(nets[0].output.weight, nets[1].output.weight)


def test_the_linear_layer_is_logistic_regression_on_standardised_codes():
    torch.manual_seed(0)
    data = load("digits")
    codes = self_supervision.coded(encoder(data.spec.inputs.shape, 2), data)
    rows = ((codes.train - codes.centre) / codes.spread).numpy()
    theirs = LogisticRegression(max_iter=3000).fit(rows, data.train.targets.numpy())
    expected = theirs.score(((codes.test - codes.centre) / codes.spread).numpy(), data.test.targets.numpy())
    assert codes.accuracy(codes.layer()) == pytest.approx(expected, abs=0.02)


def test_more_labels_than_there_are_of_a_class_are_refused_in_a_line():
    with pytest.raises(ProfundoError, match=r"expected at most .* images of each class") as refused:
        run_recipe("self-supervision", {**SMALL, "share": 0.9999}, quick=True, out=False)
    assert "\n" not in str(refused.value)
