"""A second, longer training where early stopping did not end the first."""

import dataclasses

import pytest
import torch
from torch import nn

import profundo as pf
from profundo.inspect.training_path import span, training_path
from profundo.records import ProfundoError, Step
from profundo.runs.experiment import new_experiment
from profundo.runs.scoring import course_of, evaluate_split
from profundo.runs.supervised import resume, train
from profundo.runs.voice import Quiet
from profundo.train import EarlyStop, History, Position
from profundo.train.longer import ONE, Rounds, again
from profundo.train.schedules import one_cycle


def test_the_schedule_of_one_training_is_that_of_both():
    rounds, every = Rounds(10, 4), 0.02
    shares = [every * step for step in range(50)]
    rates = [rounds.schedule(one_cycle)(share) for share in shares]
    assert rates[:10] == pytest.approx([one_cycle(step / 10) for step in range(10)])
    assert rates[10:] == pytest.approx([one_cycle(step / 40) for step in range(40)])
    assert ONE.schedule(one_cycle) is one_cycle
    assert (rounds.total, rounds.place(9), rounds.place(10), ONE.place(3)) == (50, (0, 1), (10, 4), (0, 1))


class Counted:
    """An update of which only the state matters."""

    def __init__(self):
        self.value, self.loaded = 0, []

    def load_state_dict(self, state):
        self.loaded.append(dict(state))


@pytest.mark.parametrize(
    ("start", "times"), [(Position(), 1), (Position(2, 0), 1), (Position(2, 1), 0), (Position(3, 0), 0)]
)
def test_the_update_is_put_back_once_before_the_second_training_wherever_it_goes_on(start, times):
    steps = [Step(epoch, index, {}, 1, 1.0, index == 1) for epoch in range(4) for index in range(2)]
    steps = [step for step in steps if (step.epoch, step.index) >= (start.epoch, start.index)]
    update, began = Counted(), []
    seen = list(again(steps, Rounds(2, 1), update, {"value": 7}, start, lambda: began.append(1)))
    assert seen == steps
    assert update.loaded == [{"value": 7}] * times
    assert len(began) == times


def stopper(losses, patience=2, rounds=Rounds(3, 2)):  # noqa: B008 - a frozen record
    """After how many epochs it stops, and what is kept: a net that is the number of its epoch. Of the first training the first
    epoch does not count, of the second two."""
    net, history = nn.Linear(1, 1, bias=False), History()
    stop = EarlyStop(net, history, "validation loss", patience, 1, rounds=rounds)
    for epoch, loss in enumerate(losses):
        nn.init.constant_(net.weight, epoch)
        history.rows.append({"validation loss": loss})
        stop.look()
        if stop.is_over():
            break
    over = len(history)
    stop.restore()
    assert net.weight.item() == stop.best_epoch
    return over, stop.best_epoch


def test_what_early_stopping_ends_has_no_second_training():
    assert stopper([0.1, 5.0, 6.0, 7.0], patience=1) == (3, 1)


@pytest.mark.parametrize(("lowest", "kept"), [(2.0, 7), (3.5, 2)])
def test_the_best_epoch_of_both_trainings_is_kept(lowest, kept):
    assert stopper([9.0, 4.0, 3.0, 0.1, 0.1, 3.9, 3.8, lowest, 4.5]) == (9, kept)


def test_the_second_is_stopped_by_its_own_best_after_its_own_patience():
    assert stopper([9.0, 4.0, 3.0, 0.1, 0.1, 5.0, 6.0, 6.0, 6.0, 6.0, 6.0], rounds=Rounds(3, 3)) == (11, 2)
    assert stopper([9.0, 4.0, 3.0, 0.1, 0.1, 5.0, 6.0, 6.0, 6.0, 6.0, 6.0], patience=1, rounds=Rounds(3, 3)) == (10, 2)


def test_a_second_training_that_had_no_epoch_that_counts_leaves_the_first():
    assert stopper([9.0, 4.0, 3.0, 0.1]) == (4, 2)


@pytest.fixture(scope="module")
def curved(tmp_path_factory):
    """Rows of which few epochs do not learn all."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(200, 3, generator=generator)
    targets = torch.sin(2 * inputs[:, 0]) + inputs[:, 1]
    path = tmp_path_factory.mktemp("curved") / "curved.csv"
    rows = torch.cat([inputs, targets[:, None]], 1).tolist()
    path.write_text("a,b,c,y\n" + "\n".join(",".join(f"{value:.6f}" for value in row) for row in rows))
    return path


SETTINGS = {"target": "y", "epochs": 6, "early_stop": 6, "longer": 5, "checkpoint_seconds": 0, "seed": 1}


class Stop(Exception):
    pass


class Impatient(Quiet):
    def __init__(self, epoch):
        self.epoch, self.notes = epoch, []

    def show(self, step, _row):
        if step.epoch == self.epoch:
            raise Stop

    def notice(self, text):
        self.notes.append(text)


@pytest.fixture(scope="module")
def whole(curved, tmp_path_factory):
    voice = Impatient(-1)
    run = train(new_experiment(data=str(curved), **SETTINGS), out=tmp_path_factory.mktemp("whole") / "run", voice=voice)
    return run, voice.notes


def test_a_table_that_was_still_learned_better_is_trained_again_for_longer(whole):
    run, notes = whole
    assert any("once more from the start, 5 times as long" in note for note in notes)
    losses = run.history["validation loss"]
    assert run.best_epoch >= 6 + 15  # of the second training, of which the first half does not count
    assert len(losses) <= 36
    assert losses[run.best_epoch] < min(losses[3:6])
    _, scores = evaluate_split(run.net, run.data, run.data.validation, run.experiment)
    assert scores.values["RMSE"] == pytest.approx(run.history["validation RMSE"][run.best_epoch], rel=1e-4)
    assert course_of(run).startswith("begun again after 6 epochs, ")
    assert pf.open_run(run.folder.path).best_epoch == run.best_epoch


@pytest.mark.parametrize("epoch", [2, 6, 23], ids=["in the first", "between", "in the second"])
def test_interrupted_it_goes_on_to_the_same_bits(epoch, curved, whole, tmp_path):
    with pytest.raises(Stop):
        train(new_experiment(data=str(curved), **SETTINGS), out=tmp_path / "run", voice=Impatient(epoch))
    resumed, (run, _) = resume(tmp_path / "run"), whole
    assert resumed.history.rows == run.history.rows
    assert resumed.best_epoch == run.best_epoch
    for ours, theirs in zip(resumed.net.state_dict().values(), run.net.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs)


def test_it_is_the_default_of_small_tables_of_numbers_whose_epochs_nobody_asked_for(curved):
    from profundo.runs.choices import prepare

    def chosen(**settings):
        return prepare(new_experiment(data=str(curved), target="y", **settings)).experiment.longer

    assert (chosen(), chosen(epochs=5), chosen(heal=True), chosen(longer=2), chosen(early_stop=9)) == (
        4,
        None,
        None,
        2,
        None,
    )
    assert prepare(new_experiment(data="iris")).experiment.longer is None


@pytest.mark.parametrize(
    ("settings", "says"), [({"net": "mlp"}, "give early_stop"), ({"heal": True}, "leave out heal")]
)
def test_a_second_training_that_cannot_follow_is_refused(settings, says, curved):
    from profundo.runs.choices import prepare

    with pytest.raises(ProfundoError, match=f"longer: .*{says}"):
        prepare(new_experiment(data=str(curved), target="y", longer=2, **settings))


def test_a_net_of_ones_own_begins_again_as_it_began_whatever_it_is_when_it_goes_on(curved, tmp_path):
    data = pf.load(curved, target="y", seed=1)

    def own(seed):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))

    settings = {"epochs": 3, "early_stop": 9, "longer": 2, "checkpoint_seconds": 0, "seed": 1}
    whole = pf.fit(own(0), data, out=False, **settings)
    with pytest.raises(Stop):
        pf.fit(own(0), data, out=tmp_path / "run", voice=Impatient(2), **settings)
    resumed = pf.fit(own(5), data, out=tmp_path / "run", resume=True, **settings)
    assert len(whole.history) == 9
    assert resumed.history.rows == whole.history.rows


def test_the_way_of_the_kept_training_is_that_of_one_of_the_two(whole):
    run, _ = whole
    path = training_path(run, 5)
    assert (path.epochs[0], path.epochs[-1]) == (6, len(run.history))
    first = dataclasses.replace(run, best_epoch=4)
    assert span(first) == (0, 6)


def test_the_report_says_that_it_began_again_and_0_means_never(whole, curved):
    from profundo.runs.choices import prepare

    run, _ = whole
    assert "when epoch 6 ended, so that the network was trained once more" in run.folder.report.read_text()
    assert prepare(new_experiment(data=str(curved), target="y", longer=0)).experiment.longer == 0
