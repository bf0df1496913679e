"""Which number of threads a step gets, and that a resumed run has the same bits however busy the machine was."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import profundo as pf
from profundo import threads
from profundo.records import Batch
from profundo.runs.voice import Quiet
from profundo.train import Descent, pacing
from profundo.train.pacing import Paced, recorded_threads


@pytest.fixture(autouse=True)
def _two_threads(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(threads, "share", lambda: 2)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


class Work:
    """A step whose bits depend on the number of threads or not. It notes the number."""

    def __init__(self, width=8, depends=False):
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(width, width), nn.Dropout(0.5), nn.Linear(width, 3))
        self.used, self.depends = [], depends
        self.update = Descent(self.net, self.cost, torch.optim.Adam(self.net.parameters(), 1e-2))
        self.batch = Batch(torch.randn(16, width), torch.arange(16) % 3, 16)

    def cost(self, batch):
        self.used.append(torch.get_num_threads())
        loss = F.cross_entropy(self.net(batch.inputs), batch.targets)
        return {"loss": loss * (1 + 1e-4 * self.used[-1]) if self.depends else loss}

    def trained(self, wrap, steps=3):
        update = wrap(self.update)
        torch.manual_seed(1)
        losses = [float(update(self.batch)["loss"]) for _ in range(steps)]
        return losses, self.update.state_dict()


def test_small_work_is_done_by_one_thread_and_once():
    work = Work(depends=True)
    paced = Paced(work.update)
    for _ in range(3):
        paced(work.batch)
    assert (work.used, paced.bits) == ([1, 1, 1], 1)


@pytest.mark.parametrize(("depends", "bits"), [(False, 1), (True, 2)])
def test_large_work_has_the_bits_of_one_thread_where_two_give_them_else_of_all(depends, bits, monkeypatch):
    monkeypatch.setattr(pacing, "WORTH", 1)
    work = Work(depends=depends)
    paced = Paced(work.update)
    for _ in range(8):
        paced(work.batch)
    assert paced.bits == torch.get_num_threads() == bits
    assert set(work.used[4:]) == ({2} if depends else {1, 2})


def test_what_is_tried_is_taken_back(monkeypatch):
    """Losses, weights, Adam's moments and dropout are those of training without trying."""
    expected = Work().trained(lambda update: update)
    monkeypatch.setattr(pacing, "WORTH", 1)
    tried = Work()
    assert threads.equal(list(tried.trained(Paced)), list(expected))
    assert len(tried.used) > 3


def test_a_difference_that_zeros_hide_at_the_start_is_seen(monkeypatch):
    """The last layer is zero and stays so: whatever the number of threads does to its outputs, the gradients are zero."""
    monkeypatch.setattr(pacing, "WORTH", 1)
    work = Work()
    for parameter in work.net[2].parameters():
        nn.init.zeros_(parameter.requires_grad_(False))

    def cost(batch):
        return {"loss": (work.net(batch.inputs) * (1 + 1e-3 * torch.get_num_threads())).mean()}

    paced = Paced(Descent(work.net, cost, torch.optim.SGD(work.net[0].parameters(), 0.1)))
    paced(work.batch)
    assert paced.bits == 2


def test_the_number_of_a_checkpoint_holds(monkeypatch):
    monkeypatch.setattr(pacing, "WORTH", 1)
    assert [recorded_threads(state) for state in (None, {}, {"on": {"threads": "2"}})] == [None, None, 2]
    work = Work()
    paced = Paced(work.update, bits=2)
    with threads.using(2):
        paced(work.batch)
    assert work.used == [2]


def test_processes_that_wait_for_each_other_try_nothing(monkeypatch):
    monkeypatch.setattr(pacing, "WORTH", 1)
    work = Work()
    paced = Paced(work.update, alone=False)
    for _ in range(3):
        paced(work.batch)
    assert (work.used, paced.bits) == ([1, 2, 2], 2)


def test_the_number_that_a_person_sets_is_used_throughout(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    work = Work()
    Paced(work.update, bits=1)(work.batch)
    assert work.used == [2]


class Stop(Exception):
    pass


class Impatient(Quiet):
    def show(self, step, _row):
        if step.epoch == 1:
            raise Stop


@pytest.mark.parametrize("net", ["dense", "convolutional"])
def test_a_run_resumed_on_a_machine_that_is_busier_has_the_same_bits(net, tmp_path, monkeypatch):
    monkeypatch.setattr(pacing, "WORTH", 1)
    data = pf.load("digits")
    settings = {"epochs": 3, "batch_size": 256, "checkpoint_seconds": 0}

    def made():
        torch.manual_seed(0)
        if net == "convolutional":
            layers = nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2)
            return nn.Sequential(*layers, nn.Flatten(), nn.Linear(128, 10))
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))

    clock = {"wanted": [1]}

    def always(self):
        return clock["wanted"][0] if clock["wanted"][0] <= self.most else 1

    monkeypatch.setattr(threads.Pace, "next", always)  # the clock says: one thread, or the other
    whole = pf.fit(made(), data, out=tmp_path / "whole", **settings)
    clock["wanted"] = [2]
    with pytest.raises(Stop):
        pf.fit(made(), data, out=tmp_path / "killed", voice=Impatient(), **settings)
    clock["wanted"] = [1]
    resumed = pf.fit(made(), data, out=tmp_path / "killed", resume=True, **settings)
    assert threads.equal(whole.net.state_dict(), resumed.net.state_dict())
    assert threads.equal(whole.history.rows, resumed.history.rows)


def test_workers_that_read_compute_with_one_thread():
    from profundo.data.batches import load_in_workers

    class Source:
        def __len__(self):
            return 1

        def __getitem__(self, _index):
            return torch.tensor([torch.get_num_threads()])

    read = load_in_workers(Source(), [torch.tensor([0])], 1, torch.device("cpu"))
    assert next(read).tolist() == [[1]]
