"""Members that set aside different rows: whom a row teaches by gradients, out-of-fold figures by hand, doors and resuming."""

import os
import re
import signal

import numpy as np
import pytest
import torch

import profundo as pf
from profundo.data.batches import order
from profundo.data.splits.member_folds import member_folds, together
from profundo.data.standard import standardize, standardize_targets
from profundo.evaluate.conformal import inside, margins
from profundo.objectives.objective_names import default_name
from profundo.records import Interrupted, ProfundoError, Samples
from profundo.runs.choices import prepare
from profundo.runs.experiment import new_experiment
from profundo.runs.preparing import make_update, train_batches
from profundo.runs.scoring import answers_beside, answers_held_out
from profundo.runs.supervised import open_run, resume, train
from profundo.runs.voice import Quiet
from profundo.train.distributed import Group

SETTINGS = {"epochs": 4, "seed": 3, "target": "y", "only": ["a", "b", "c", "d"]}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """150 rows of four numbers, of which one, the first, tells each row from all others, and an answer; a kind beside them."""
    draws = np.random.default_rng(0)
    rows = draws.normal(size=(150, 4)).round(4)
    rows[:, 0] = draws.permutation(150) / 10
    answers = rows[:, 0] + 3 * np.sin(rows[:, 1]) + draws.normal(size=150).round(4)
    path = tmp_path_factory.mktemp("table") / "rows.csv"
    lines = [
        ",".join(map(str, [*row, answer, "ab"[answer > 0]]))
        for row, answer in zip(rows.tolist(), answers.tolist(), strict=True)
    ]
    path.write_text("\n".join(["a,b,c,d,y,kind", *lines]))
    return path


@pytest.fixture(scope="module")
def trained(table):
    return pf.fit("table_net", str(table), out=False, **SETTINGS)


def both(data):
    """Standardised inputs and targets of training and validation rows, one behind the other."""
    inputs = torch.cat([standardize(split.inputs, data.spec.inputs) for split in (data.train, data.validation)])
    return inputs, torch.cat(
        [standardize_targets(split.targets, data.spec.targets) for split in (data.train, data.validation)]
    )


# --------------------------------------------------------------------------------------------------------------- folds
@pytest.mark.parametrize(("rows", "members"), [(103, 8), (50, 2), (40, 3), (97, 12), (8, 8)])
def test_a_row_is_of_one_fold_at_most_and_teaches_every_member_but_that_one(rows, members):
    folds = member_folds(rows, members, seed=1)
    assert sorted([*folds.held.flatten().tolist(), *folds.others.tolist()]) == list(range(rows))
    assert folds.held.shape[1] == rows // max(8, members)
    taught = [set() for _ in range(members)]
    for epoch in range(200):
        turns = folds.turns(epoch)
        assert turns.shape == (members, rows // members)
        assert turns.unique().numel() == turns.numel(), "a row taught twice in an epoch"
        for member, own in enumerate(turns.tolist()):
            taught[member] |= set(own)
    for member in range(members):
        assert taught[member] == set(range(rows)) - set(folds.held[member].tolist())


def test_folds_and_turns_are_functions_of_seed_and_epoch():
    one, same, other = (member_folds(100, 8, seed) for seed in (5, 5, 6))
    assert torch.equal(one.held, same.held)
    assert torch.equal(one.ordered(3, 24), same.ordered(3, 24))
    assert not torch.equal(one.ordered(3, 24), one.ordered(4, 24))
    assert not torch.equal(one.held, other.held)
    assert not torch.equal(one.held.flatten(), order(100, 5, 0)[:96])  # the order of an epoch is another


def test_rows_of_two_splits_keep_their_weights():
    plain, weighted = (
        Samples(torch.zeros(2, 3), torch.zeros(2, 1)),
        Samples(torch.ones(1, 3), torch.ones(1, 1), weights=torch.tensor([4.0])),
    )
    assert together(plain, plain).weights is None
    assert together(plain, weighted).weights.tolist() == [1, 1, 4]
    assert together(plain, weighted).inputs.tolist() == [[0] * 3, [0] * 3, [1] * 3]


# ------------------------------------------------------------------------------------------------------------ training
@pytest.mark.parametrize(
    "settings", [{}, {"batch_size": 30}, {"batch_size": 5}, {"batch_size": "all"}, {"net_options": {"members": 3}}]
)
def test_no_member_gets_a_gradient_from_rows_of_its_fold(table, settings):
    prepared = prepare(new_experiment(data=str(table), **SETTINGS, **settings))
    net, inputs = prepared.net, both(prepared.data)[0]
    folds = member_folds(len(inputs), net.members, SETTINGS["seed"])
    number = {round(value, 4): row for row, value in enumerate(inputs[:, 0].tolist())}
    make_update(prepared, Group())
    bias, taught = net.layers[-1].bias, 0
    for batch in [batch for epoch in range(2) for batch in train_batches(prepared, Group()).epoch(epoch)]:
        outputs = net(batch.inputs)
        for output, row in zip(outputs, batch.inputs, strict=True):
            (gradient,) = torch.autograd.grad(output.sum(), bias, retain_graph=True)
            (member,) = gradient.nonzero().flatten().tolist()  # one output each: a bias a member
            assert number[round(row[0].item(), 4)] not in folds.held[member]
            taught += 1
    assert taught > 1.5 * len(inputs)


def test_validation_figures_are_those_of_members_on_rows_they_set_aside(trained):
    run, net = trained, trained.net.eval()
    inputs, targets = both(run.data)
    folds = member_folds(len(inputs), 8, SETTINGS["seed"])
    with torch.no_grad():
        outputs = net.layers(net.features(inputs).expand(8, -1, -1))
    own = torch.cat([outputs[member, folds.held[member]] for member in range(8)])
    errors = (own - targets[folds.held.flatten()]).double()
    rmse = errors.square().mean().sqrt() * run.data.spec.targets.std[0]
    assert run.experiment.out_of_fold
    assert len(errors) == 8 * (len(inputs) // 8) == 120
    assert run.history["validation RMSE"][run.best_epoch] == pytest.approx(rmse.item(), rel=1e-5)
    assert run.evaluate("validation").values["RMSE"] == pytest.approx(rmse.item(), rel=1e-5)
    everybody = (net(inputs) - targets).double()[folds.held.flatten()]
    assert everybody.square().mean() < errors.square().mean()  # the vote has learned from these rows


def test_intervals_are_as_wide_as_errors_on_rows_set_aside_ask_for(trained):
    data = trained.data
    held = answers_held_out(trained.net, data, trained.experiment)
    assert len(held.targets) == len(data.train) + len(data.validation)
    ((low, high),) = data.spec.targets.margins
    assert ((low, high),) == margins(held, data.spec.targets)
    share = inside(held, data.spec.targets).double().mean().item()
    assert 0.88 <= share <= 0.93


def test_beside_a_linear_model_stand_only_rows_that_neither_has_learned_from(trained):
    run = trained
    linear = torch.nn.Linear(4, 1)
    ours, theirs = answers_beside(run.net, run.data, run.experiment, linear)
    assert torch.equal(ours.targets, theirs.targets)
    assert 0 < len(ours.targets) <= len(run.data.validation)
    apart = (ours.targets - run.data.validation.targets.T.float()).abs().min(1).values
    assert apart.max() < 1e-5, "a row of the training split"
    asked = run.experiment.model_copy(update={"out_of_fold": False})
    ours, theirs = answers_beside(run.net, run.data, asked, linear, most=7)
    assert len(ours.targets) == len(theirs.targets) == 7


def test_interrupted_and_resumed_it_ends_with_the_same_bits(table, tmp_path):
    class Interrupting(Quiet):
        def show(self, step, _row):
            if step.epoch == 1:
                os.kill(os.getpid(), signal.SIGINT)

    asked = new_experiment(data=str(table), net="table_net", **SETTINGS)
    whole = train(asked, out=tmp_path / "whole")
    with pytest.raises(Interrupted):
        train(asked, out=tmp_path / "cut", voice=Interrupting())
    again = resume(tmp_path / "cut")
    assert again.experiment.out_of_fold
    assert again.history.rows == whole.history.rows
    for name, value in whole.net.state_dict().items():
        assert torch.equal(value, again.net.state_dict()[name]), name
    opened = open_run(tmp_path / "whole")
    assert opened.evaluate("validation").values == again.evaluate("validation").values
    page = (tmp_path / "whole" / "report.html").read_text("utf-8")
    assert "Each member of the ensemble sets aside other samples" in page
    with pytest.raises(ProfundoError, match="learned from the validation samples, too"):
        pf.landscape(str(tmp_path / "whole"), split="validation", points=3, samples=20)


def test_batches_are_as_large_as_members_share_them_evenly(table):
    sizes = {}
    for asked in (5, 30, 32, "all"):
        prepared = prepare(new_experiment(data=str(table), batch_size=asked, **SETTINGS))
        made = train_batches(prepared, Group())
        epoch = list(made.epoch(0))
        assert [len(batch.targets) for batch in epoch] == [epoch[0].total] * len(made)
        assert sum(len(batch.targets) for batch in epoch) > len(prepared.data.train) - epoch[0].total
        sizes[asked] = epoch[0].total
    assert sizes == {5: 8, 30: 24, 32: 32, "all": 120}


@pytest.mark.parametrize("rows", [13, 20, 45])
def test_tables_of_a_few_rows_are_learned_too(table, tmp_path, rows):
    few = tmp_path / "few.csv"
    few.write_text("\n".join(table.read_text().splitlines()[: rows + 1]))
    run = pf.fit("table_net", str(few), out=False, **{**SETTINGS, "task": "real"})
    assert run.experiment.out_of_fold
    assert len(run.history) == 4
    assert np.isfinite(run.history["validation loss"]).all()
    assert run.history["loss"][-1] < run.history["loss"][0]


# --------------------------------------------------------------------------------------------------------------- doors
def columns(table):
    rows = np.loadtxt(table, delimiter=",", skiprows=1, usecols=range(5))
    return rows[:, :4], rows[:, 4]


def test_whoever_gives_rows_to_validate_has_them_set_aside_by_all(table):
    X, y = columns(table)
    given = pf.fit("table_net", (X[:90], y[:90]), validation=(X[90:120], y[90:120]), epochs=1, out=False)
    assert given.experiment.out_of_fold is False
    assert pf.fit("table_net", (X, y), out=False, epochs=1).experiment.out_of_fold
    shared = pf.fit("table_net", (X, y), validation=0.2, out=False, epochs=1)
    assert shared.experiment.out_of_fold is False
    (batch, *_) = train_batches(prepare(new_experiment(data=str(table), validation=0.2, **SETTINGS)), Group()).epoch(0)
    assert batch.total == 32


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"net": "mlp"}, "expected table_net with two members or more, got mlp"),
        ({"net_options": {"members": 1}}, "two members or more"),
        ({"accumulate": 2}, "accumulate takes them in several"),
        ({"validation": 0.3}, "drawn by chance in the usual share"),
        ({"split_by": "time:a"}, "drawn by chance in the usual share"),
        ({"target": "kind"}, "expected numbers as targets, got binary"),
    ],
)
def test_where_it_cannot_be_it_is_off_and_refused_if_asked(table, settings, reason):
    settings = SETTINGS | settings
    assert prepare(new_experiment(data=str(table), **settings)).experiment.out_of_fold is False
    with pytest.raises(ProfundoError, match=re.escape(reason)) as error:
        prepare(new_experiment(data=str(table), **settings, out_of_fold=True))
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("out_of_fold: ")


def test_it_can_be_left_out(table):
    asked = prepare(new_experiment(data=str(table), out_of_fold=False, **SETTINGS))
    assert asked.experiment.out_of_fold is False
    (batch, *_) = train_batches(asked, Group()).epoch(0)
    (first, *_) = train_batches(prepare(new_experiment(data=str(table), **SETTINGS)), Group()).epoch(0)
    assert not torch.equal(batch.inputs, first.inputs)
    assert default_name(asked.data.spec.targets) == asked.experiment.objective
