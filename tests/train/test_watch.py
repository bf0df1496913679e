"""Consumers of the loop, fed with steps whose outcome is known."""

import csv
import io
import math

import pytest
import torch
from torch import nn

from profundo.records import ProfundoError, Step
from profundo.train import EarlyStop, History, early_stop, gradient_norms, progress, record


def steps(losses, per_epoch=2):
    for number, loss in enumerate(losses):
        epoch, index = divmod(number, per_epoch)
        yield Step(epoch, index, {"loss": torch.tensor(loss)}, 4, 1.0, index + 1 == per_epoch)


def test_the_history_holds_each_epochs_mean_and_validation():
    history = History()
    values = iter([{"validation loss": 5.0}, {"validation loss": 4.0}])
    list(record(steps([1.0, 2.0, 3.0, 5.0]), history, lambda: next(values)))
    assert history["epoch"] == [1, 2]
    assert history["loss"] == [1.5, 4.0]
    assert history["validation loss"] == [5.0, 4.0]


def test_batches_of_unequal_size_weigh_by_their_samples():
    history = History()
    list(
        record(
            [
                Step(0, 0, {"loss": torch.tensor(1.0)}, 3, 1.0, False),
                Step(0, 1, {"loss": torch.tensor(5.0)}, 1, 1.0, True),
            ],
            history,
        )
    )
    assert history["loss"] == [2.0]


def test_reading_the_csv_gives_the_same_numbers():
    history = History()
    list(record(steps([0.1, 0.2, 1 / 3, 0.7]), history))
    rows = list(csv.DictReader(io.StringIO(history.to_csv())))
    assert [float(row["loss"]) for row in rows] == history["loss"]


def test_a_column_that_is_not_there_is_answered_with_those_that_are():
    history = History()
    list(record(steps([1.0, 2.0]), history))
    with pytest.raises(KeyError, match="epoch, loss, rate"):
        history["los"]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_training_and_names_the_step(bad):
    with pytest.raises(ProfundoError, match=r"epoch 2, step 2: the loss became"):
        list(record(steps([1.0, 1.0, 1.0, bad]), History()))


def test_early_stopping_waits_for_its_patience_and_restores_the_best_weights():
    net, history = nn.Linear(1, 1), History()
    validation = iter([3.0, 1.0, 2.0, 2.5, 0.5])
    stopper = EarlyStop(net, history, "validation loss", patience=2)
    seen, weights = [], []
    watched = record(steps([1.0] * 10), history, lambda: {"validation loss": next(validation)})
    for step in early_stop(watched, stopper):
        if step.last:
            seen.append(step.epoch)
            weights.append(net.weight.item())
            with torch.no_grad():
                net.weight += 1
    assert seen == [0, 1, 2, 3]
    assert stopper.best_epoch == 1
    stopper.restore()
    assert net.weight.item() == weights[1]


def test_early_stopping_looks_at_no_epoch_before_the_first_it_may_keep():
    history, net = History(), nn.Linear(1, 1)
    validation = iter([0.1, 3.0, 2.0, 2.5, 2.6, 0.1])
    stopper = EarlyStop(net, history, "validation loss", patience=2, after=2)
    watched = record(steps([1.0] * 12), history, lambda: {"validation loss": next(validation)})
    assert [step.epoch for step in early_stop(watched, stopper) if step.last] == [0, 1, 2, 3, 4]
    assert (stopper.best_epoch, stopper.best_value) == (2, 2.0)


def test_early_stopping_resumed_after_its_end_does_nothing():
    history = History()
    history.rows = [{"epoch": 1, "loss": 1.0}, {"epoch": 2, "loss": 2.0}]
    stopper = EarlyStop(nn.Linear(1, 1), history, "loss", patience=1)
    stopper.load_state_dict({"epoch": 0, "value": 1.0, "weights": {}})
    assert list(early_stop(steps([1.0]), stopper)) == []


def test_the_history_of_an_interrupted_epoch_goes_on_as_if_nothing_had_happened():
    losses = [0.1, 0.2, 0.7, 0.4, 0.5, 0.3]
    whole = History()
    list(record(steps(losses, 3), whole))
    first, second = History(), History()
    everything = list(steps(losses, 3))
    list(record(everything[:4], first))
    first.settle(1)
    second.load_state_dict(first.state_dict())
    list(record(everything[4:], second))
    assert second.to_csv() == whole.to_csv()


def test_progress_shows_every_end_of_an_epoch():
    shown = []

    class Display:
        def show(self, step, row):
            shown.append((step.epoch, step.index, row and row["loss"]))

    history = History()
    list(progress(record(steps([1.0, 2.0, 3.0, 4.0]), history), Display(), history, every=1e9))
    assert shown == [(0, 0, None), (0, 1, 1.5), (1, 1, 3.5)]


def test_the_norm_of_the_gradient_is_noted_for_some_steps_and_its_mean_kept():
    net = nn.Linear(2, 1)
    history = History()

    def descending():
        for number, step in enumerate(steps([1.0] * 64, per_epoch=32)):
            net.weight.grad = torch.full((1, 2), float(number))
            net.bias.grad = torch.full((1,), 2.0 * number)
            yield step

    list(record(gradient_norms(descending(), history, {"net": net}, 32), history))
    seen = [[number * math.sqrt(1 + 1 + 4) for number in range(first, first + 32, 2)] for first in (0, 32)]
    assert history["gradient norm"] == pytest.approx([sum(norms) / len(norms) for norms in seen])


def test_norms_noted_before_an_interruption_count_afterwards():
    whole, first, second = History(), History(), History()
    values = [torch.tensor(float(value)) for value in (3, 5, 10)]
    every = list(steps([1.0, 1.0, 1.0], per_epoch=3))
    for step, value in zip(every, values, strict=True):
        whole.note("gradient norm", value)
        whole.add(step)
    for step, value in zip(every[:2], values[:2], strict=True):
        first.note("gradient norm", value)
        first.add(step)
    first.settle(0)
    second.load_state_dict(first.state_dict())
    second.note("gradient norm", values[2])
    second.add(every[2])
    for history in (whole, second):
        history.close_epoch(every[2], {})
    assert whole.rows == second.rows
    assert whole["gradient norm"] == [6.0]
