"""Members that set aside different rows: whom a row teaches by gradients, out-of-fold figures by hand, doors and resuming."""

import os
import re
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch

import profundo as pf
from profundo.data.batches import order
from profundo.data.splits.member_folds import first_wanted, in_parts, member_folds, together
from profundo.data.standard import standardize, standardize_targets
from profundo.objectives.objective_names import default_name
from profundo.records import Interrupted, ProfundoError, Samples
from profundo.runs import scoring
from profundo.runs.choices import prepare
from profundo.runs.experiment import new_experiment
from profundo.runs.preparing import held_out, make_update, train_batches
from profundo.runs.scoring import answers_beside, answers_held_out
from profundo.runs.settings.setting_aside import check_folds
from profundo.runs.supervised import changed_settings, open_run, resume, train
from profundo.runs.voice import Quiet
from profundo.train.distributed import Group

PLAIN = {"epochs": 4, "seed": 3, "target": "y", "only": ["a", "b", "c", "d"]}
SETTINGS = {**PLAIN, "out_of_fold": True}


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


def test_what_a_member_sets_aside_reaches_it_by_the_weights_that_all_share_so_no_interval_is_promised(table, trained):
    """Of a target that no input tells, a member errs less on rows it set aside than on new ones, so figures out of fold are no
    intervals; the validation split of one that none learns from makes them."""
    draws = np.random.default_rng(4)
    X, y = draws.normal(size=(1100, 8)), draws.normal(size=1100)
    settings = {"epochs": 150, "early_stop": None, "seed": 0, "batch_size": 96, "out": False, "doctor": False}
    run = pf.fit("table_net", (X[:120], y[:120]), out_of_fold=True, **settings)
    targets, net = run.data.spec.targets, run.net.eval()
    rows = standardize(torch.tensor(X[120:]).float(), run.data.spec.inputs)
    with torch.no_grad():
        each = net.layers(net.features(rows).expand(8, -1, -1)).double() * targets.std[0] + targets.mean[0]
    new = (each.squeeze(2) - torch.tensor(y[120:])).square().mean().sqrt().item() / y[120:].std()
    taught = torch.cat([run.data.train.targets, run.data.validation.targets]).std().item()
    assert run.evaluate("validation").values["RMSE"] / taught < 0.97 * new
    assert run.data.spec.targets.margins == trained.data.spec.targets.margins == ()
    assert len(pf.fit("table_net", str(table), out=False, **PLAIN).data.spec.targets.margins) == 1


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


def test_batches_that_memory_bounds_leave_every_row_to_the_member_that_set_it_aside(trained, monkeypatch):
    asked = (trained.net, trained.data, trained.experiment)
    whole = answers_held_out(*asked)
    features = trained.data.spec.inputs.shape[0]
    for rows in (60, 13, 8):
        monkeypatch.setattr("profundo.data.batches.LARGEST_BATCH", rows * features)
        parts = answers_held_out(*asked)
        assert len(parts.costs) == len(whole.costs)
        assert parts.costs.double().mean().item() == pytest.approx(whole.costs.double().mean().item(), rel=1e-5)
    monkeypatch.setattr("profundo.data.batches.LARGEST_BATCH", 7 * features)
    with pytest.raises(ProfundoError, match="rows of which 8 fit in a batch"):
        check_folds(trained.experiment, trained.data, trained.net)


@pytest.mark.parametrize("most", [1, 7, 16, 1000])
def test_no_more_rows_than_asked_are_put_beside_a_linear_model_each_answered_by_its_member(trained, most):
    data, net = trained.data, trained.net.eval()
    ours, theirs = answers_beside(net, data, trained.experiment, torch.nn.Linear(4, 1), most=most)
    inputs = both(data)[0]
    folds = member_folds(len(inputs), 8, SETTINGS["seed"])
    there = folds.held >= len(data.train)
    assert len(ours.costs) == len(theirs.costs) == min(most, int(there.sum()))
    with torch.no_grad():
        outputs = net.layers(net.features(inputs).expand(8, -1, -1))
    raw = data.validation.targets.flatten().tolist()
    for truth, answer in zip(ours.targets.flatten().tolist(), ours.predictions.flatten().tolist(), strict=True):
        row = len(data.train) + min(range(len(raw)), key=lambda place: abs(raw[place] - truth))
        (member,) = (folds.held == row).any(1).nonzero().flatten().tolist()
        mean, std = data.spec.targets.mean[0], data.spec.targets.std[0]
        assert answer == pytest.approx(outputs[member, row].item() * std + mean, rel=1e-4, abs=1e-4)


def test_rows_that_are_wanted_come_first_in_equal_numbers():
    held = torch.tensor([[5, 1, 7, 3], [0, 2, 6, 4]])
    assert first_wanted(held, held >= 5, 100).tolist() == [[5, 7], [6, 0]]
    assert first_wanted(held, held >= 5, 2).tolist() == [[5], [6]]
    assert first_wanted(held, held >= 99, 100).shape == (2, 1)
    assert [part.tolist() for part in in_parts(held, 5)] == [[5, 1, 0, 2], [7, 3, 6, 4]]
    assert [part.tolist() for part in in_parts(held, 1)] == [[5, 0], [1, 2], [7, 6], [3, 4]]


def test_what_a_run_says_about_the_samples_it_was_watched_on_is_computed_once(table, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(scoring, "held_out", lambda *given: asked.append(given) or held_out(*given))
    run = pf.fit("table_net", str(table), out=tmp_path / "run", doctor=False, **PLAIN)
    assert (tmp_path / "run" / "report.html").exists()
    assert len(asked) == 1
    assert torch.equal(run.held.predictions, answers_held_out(run.net, run.data, run.experiment).predictions)


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
    assert "validation split" not in page
    assert "those that each member set aside (validation)" in page
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
    assert pf.fit("table_net", (X, y), out=False, epochs=1, out_of_fold=True).experiment.out_of_fold
    for given in ({"validation": (X[90:120], y[90:120])}, {"validation": 0.2}):
        with pytest.raises(ProfundoError, match="drawn by chance in the usual share"):
            pf.fit("table_net", (X[:90], y[:90]), out=False, epochs=1, out_of_fold=True, **given)


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
def test_where_it_cannot_be_it_is_refused(table, settings, reason):
    prepare(new_experiment(data=str(table), **(PLAIN | settings)))
    with pytest.raises(ProfundoError, match=re.escape(reason)) as error:
        prepare(new_experiment(data=str(table), **(SETTINGS | settings)))
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("out_of_fold: ")


def test_rows_that_are_read_anew_each_time_are_set_aside_by_all(table):
    made = prepare(new_experiment(data=str(table), **SETTINGS))
    data = replace(made.data, train=replace(made.data.train, anew=lambda rows, _: rows))
    check_folds(made.experiment, made.data, made.net)
    with pytest.raises(ProfundoError, match="read anew each time"):
        check_folds(made.experiment, data, made.net)


def test_it_is_off_unless_asked_for(table):
    asked = prepare(new_experiment(data=str(table), **PLAIN))
    assert asked.experiment.out_of_fold is False
    (batch, *_) = train_batches(asked, Group()).epoch(0)
    (first, *_) = train_batches(prepare(new_experiment(data=str(table), **SETTINGS)), Group()).epoch(0)
    assert not torch.equal(batch.inputs, first.inputs)
    assert default_name(asked.data.spec.targets) == asked.experiment.objective


def test_a_checkpoint_from_before_there_was_such_a_setting_is_none_with_it(table):
    state = {"experiment": {"epochs": 4}, "random": [0]}
    plain, asked = (new_experiment(data=str(table), **one) for one in (PLAIN, SETTINGS))
    assert changed_settings(plain, state, Group()) == []
    assert changed_settings(asked, state, Group()) == ["out_of_fold was False, is True"]


@pytest.mark.parametrize("begun", ["resume", "fit"])
def test_a_run_that_began_before_there_was_such_a_setting_goes_on(table, tmp_path, begun):
    """Its experiment.yaml and its checkpoints know nothing of it."""

    class Interrupting(Quiet):
        def show(self, step, _row):
            if step.epoch == 1:
                os.kill(os.getpid(), signal.SIGINT)

    settings = {**PLAIN, "checkpoint_seconds": 0.0}
    whole = pf.fit("table_net", str(table), out=tmp_path / "whole", **settings)
    with pytest.raises(Interrupted):
        pf.fit("table_net", str(table), out=tmp_path / "cut", voice=Interrupting(), **settings)
    folder = tmp_path / "cut"
    asked = folder / "experiment.yaml"
    lines = [line for line in asked.read_text().splitlines() if not line.startswith("out_of_fold")]
    asked.write_text("\n".join(lines) + "\n")
    again = (
        resume(folder) if begun == "resume" else pf.fit("table_net", str(table), out=folder, resume=True, **settings)
    )
    assert again.experiment.out_of_fold is False
    assert again.history.rows == whole.history.rows
