"""A training that ended is not lost: what cannot be kept is found out before it begins, and a full disk costs no training."""

import math
from functools import partial

import pytest
import safetensors.torch
import torch
from torch import nn

import profundo as pf
from profundo.records import ProfundoError
from profundo.runs.experiment import new_experiment
from profundo.runs.folder import Folder
from profundo.runs.supervised import open_run, resume, train
from profundo.runs.voice import Quiet


class Base(nn.Module):
    """The 13 columns of wine → 3 classes."""

    def __init__(self):
        super().__init__()
        self.last = nn.Linear(13, 3)

    def forward(self, inputs):
        return self.last(inputs)


class Extra(Base):
    """What it counts is not a parameter, and not of the kind that files keep."""

    state = {"seen": 3}  # noqa: RUF012

    def get_extra_state(self):
        return self.state

    def set_extra_state(self, state):
        self.state = state


class ExtraTensor(Extra):
    state = torch.tensor([3, 4])


class ExtraThatIsNotPutBack(Base):
    def get_extra_state(self):
        return torch.tensor([3])


class Complex(Base):
    def __init__(self):
        super().__init__()
        self.wave = nn.Parameter(torch.randn(13, 13, dtype=torch.complex64))

    def forward(self, inputs):
        return self.last((inputs.to(torch.complex64) @ self.wave).abs())


class Buffers(Base):
    def __init__(self):
        super().__init__()
        self.register_buffer("order", torch.arange(13).flip(0))
        self.register_buffer("chosen", torch.arange(13) % 2 == 0)
        self.register_buffer("brief", torch.ones(13, dtype=torch.bfloat16))
        self.register_buffer("strided", torch.arange(12.0).reshape(3, 4).T)
        self.register_buffer("number", torch.tensor(7))

    def forward(self, inputs):
        return self.last(inputs[:, self.order] * self.chosen * self.brief.float())


class Tied(Base):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(13, 13), nn.Linear(13, 13)
        self.second.weight = self.first.weight

    def forward(self, inputs):
        return self.last(self.second(self.first(inputs).relu()))


class Empty(Base):
    def __init__(self):
        super().__init__()
        self.none = nn.Parameter(torch.empty(0, 5))


class Renaming(Base):
    """Its hooks give names with dots of their own, and take them again."""

    def __init__(self):
        super().__init__()
        self.register_state_dict_post_hook(lambda _net, state, *_: state.update(renamed(state, "last.", "a.b.c/")))
        self.register_load_state_dict_pre_hook(lambda _net, state, *_: state.update(renamed(state, "a.b.c/", "last.")))


def renamed(state, old, new):
    """The entries under their new names; the old ones are taken out."""
    return {new + name.removeprefix(old): state.pop(name) for name in list(state) if name.startswith(old)}


class RenamingForGood(Base):
    def __init__(self):
        super().__init__()
        self.register_state_dict_post_hook(lambda _net, state, *_: state.update(renamed(state, "last.", "gone.")))


class Scaling(Base):
    """What is put back is not what was there."""

    def __init__(self):
        super().__init__()
        self.register_state_dict_post_hook(
            lambda _net, state, *_: state.update({name: 2 * value for name, value in state.items()})
        )


class Reserved(Base):
    def __init__(self):
        super().__init__()
        self.register_buffer("__metadata__", torch.ones(1))


class Sparse(Base):
    def __init__(self):
        super().__init__()
        self.register_buffer("thin", torch.eye(3).to_sparse())


@pytest.fixture(scope="module")
def wine():
    return pf.load("wine")


@pytest.mark.parametrize("keeps", [{}, {"out": False, "early_stop": 2}], ids=["a folder", "the best weights"])
@pytest.mark.parametrize("net", [Extra, ExtraThatIsNotPutBack, RenamingForGood, Scaling, Reserved, Sparse])
def test_a_net_whose_state_cannot_be_kept_is_refused_before_the_first_step(net, keeps, wine, tmp_path):
    with pytest.raises(ProfundoError, match=rf"^{net.__name__}: .*state.*out=False") as caught:
        pf.fit(net(), wine, epochs=1, **{"out": tmp_path / "run", **keeps})
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_net_whose_state_cannot_be_kept_trains_where_nothing_is_kept(wine):
    assert pf.fit(Extra(), wine, epochs=1, out=False).scores is not None


@pytest.mark.parametrize("net", [ExtraTensor, Complex, Buffers, Tied, Empty, Renaming])
def test_a_net_of_an_odd_state_is_kept_bit_by_bit_and_gone_on_with(net, wine, tmp_path):
    class Killed(Quiet):
        def show(self, step, row):  # noqa: ARG002
            if step.epoch == 1:
                raise KeyboardInterrupt

    def begin():
        torch.manual_seed(0)
        return net()

    settings = {"epochs": 3, "early_stop": 5, "batch_size": 50, "seed": 0, "checkpoint_seconds": 0}
    whole = pf.fit(begin(), wine, out=tmp_path / "whole", **settings)
    with pytest.raises(KeyboardInterrupt):
        pf.fit(begin(), wine, out=tmp_path / "run", voice=Killed(), **settings)
    again = pf.fit(begin(), wine, out=tmp_path / "run", resume=True, **settings)
    kept = safetensors.torch.load_file(tmp_path / "run" / "model.safetensors")
    for run in (whole, again):
        state = run.net.state_dict()
        assert set(kept) == set(state)
        assert all(value.dtype == kept[name].dtype and torch.equal(value, kept[name]) for name, value in state.items())


class Late(Base):
    """As it should be for the first steps; then what `changed` does to it stays."""

    def __init__(self, changed):
        super().__init__()
        self.changed, self.passes = changed, 0
        self.register_buffer("thin", torch.eye(3))

    def forward(self, inputs):
        self.passes += 1
        if self.passes == 9:
            self.changed(self)
        return self.last(inputs)


def sparse(net):
    net.thin = net.thin.to_sparse()


def text(net):
    net.register_state_dict_post_hook(lambda _net, state, *_: state.update(thin="text"))


def raising(net):
    def hook(*_):
        raise RuntimeError("late")

    net.register_state_dict_post_hook(hook)


@pytest.mark.parametrize("seconds", [0, 1000], ids=["every step", "in the end"])
@pytest.mark.parametrize("changed", [sparse, text, raising])
def test_a_net_that_can_no_longer_be_kept_ends_in_one_line_with_the_rest_in_the_folder(
    changed, seconds, wine, tmp_path
):
    net = Late(changed)
    says = {sparse: "'thin'.*sparse", text: "'thin'.*a str", raising: "RuntimeError: late"}[changed]
    with pytest.raises(ProfundoError, match=rf"^Late: .*no longer.*{says}") as caught:
        pf.fit(net, wine, epochs=5, batch_size=64, out=tmp_path / "run", checkpoint_seconds=seconds)
    assert "\n" not in str(caught.value)
    if changed is sparse:
        assert ("at update" if seconds == 0 else "when the training began") in str(caught.value)
    kept = safetensors.torch.load_file(tmp_path / "run" / "model.safetensors")
    assert torch.equal(kept["last.weight"], net.last.weight)
    assert (tmp_path / "run" / "history.csv").is_file()


def test_best_weights_that_can_no_longer_be_taken_are_said_in_one_line(wine):
    with pytest.raises(ProfundoError, match=r"^Late: .*no longer.*when the training began: state_dict .*: late\. Let"):
        pf.fit(Late(raising), wine, epochs=9, batch_size=64, out=False, early_stop=9)


def grown(net):
    net.thin = torch.eye(4)


def test_best_weights_that_no_longer_fit_are_said_in_one_line(wine):
    settings = {"epochs": 30, "batch_size": 124, "early_stop": 6, "learning_rate": 1e-9, "optimizer": "sgd"}
    with pytest.raises(ProfundoError, match=r"best epoch cannot be put back.*thin.*early_stop"):
        pf.fit(Late(grown), wine, seed=0, out=False, **settings)


class Narrow(Base):
    """One output is missing for the test split, which is the only one of 36 samples."""

    def forward(self, inputs):
        return self.last(inputs)[:, : 2 if len(inputs) == 36 else 3]


def test_outputs_that_are_missing_in_the_end_are_said_in_one_line_and_the_weights_are_kept(wine, tmp_path):
    assert len(wine.test) == 36
    assert 36 not in (len(wine.validation), len(wine.train) % 64)
    with pytest.raises(ProfundoError, match=r"^Narrow: expected outputs \(36, 3\).*got \(36, 2\)"):
        pf.fit(Narrow(), wine, epochs=1, batch_size=64, out=tmp_path / "run")
    assert (tmp_path / "run" / "model.safetensors").is_file()


def test_finding_out_whether_a_net_can_be_kept_changes_nothing_of_it(wine):
    runs = []
    for out in (False, None):
        torch.manual_seed(0)
        settings = {"out": False} if out is False else {"out": False, "early_stop": 100}
        runs.append(pf.fit(Tied(), wine, epochs=2, seed=0, **settings))
    assert runs[0].history["loss"] == runs[1].history["loss"]
    assert all(map(math.isfinite, runs[0].history["loss"]))


def test_more_memory_than_there_is_ends_in_one_line_that_says_how_to_need_less(wine):
    class Greedy(Base):
        def forward(self, inputs):
            return super().forward(inputs) + (torch.empty(1 << 45).sum() if self.training else 0)  # 128 TiB

    class OnGPU(Base):
        def forward(self, inputs):
            if self.training:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
            return super().forward(inputs)

    for net in (Greedy, OnGPU):
        with pytest.raises(ProfundoError, match=r"^batches of 40 take more memory than cpu has.*batch_size"):
            pf.fit(net(), wine, epochs=1, batch_size=40, device="cpu", out=False)


# ------------------------------------------------------------------------------------------------ the end of a training
class Blocking(Quiet):
    """At the last step a file of the run can no longer be written: a folder with something in it is in its place."""

    def __init__(self, path, last):
        self.path, self.last, self.notices = path, last, []

    def show(self, step, row):  # noqa: ARG002
        if step.epoch == self.last and step.last:
            self.path.mkdir()
            (self.path / "x").touch()

    def notice(self, text):
        self.notices.append(text)


class Counting(Quiet):
    steps = 0

    def show(self, step, row):  # noqa: ARG002
        self.steps += 1


@pytest.mark.parametrize("name", ["model.safetensors", "model.json", "history.csv", "manifest.json", "scores.json"])
def test_a_file_that_cannot_be_written_in_the_end_costs_no_training(name, tmp_path):
    asked = new_experiment(data="wine", epochs=2, device="cpu")
    whole = train(asked, out=tmp_path / "whole")
    folder = Folder(tmp_path / "run")
    blocked = folder.path / name
    with pytest.raises(ProfundoError, match=rf"{name}.*could not be written"):
        train(asked, out=folder.path, voice=Blocking(blocked, last=1))
    (blocked / "x").unlink()
    blocked.rmdir()
    counting = Counting()
    ended = resume(folder.path, voice=counting)
    assert counting.steps == 0, "it trained again"
    assert ended.scores.values == whole.scores.values
    assert folder.weights.read_bytes() == whole.folder.weights.read_bytes()
    assert open_run(folder.path).scores.values == whole.scores.values


@pytest.mark.parametrize("own", [True, False], ids=["a net of one's own", "a net by name"])
@pytest.mark.parametrize("earlier", [True, False], ids=["some before", "none before"])
def test_a_full_disk_says_what_goes_on_and_whether_anything_was_saved_before(own, earlier, wine, tmp_path, monkeypatch):
    from profundo.train import checkpoints

    writes = iter(range(100))
    write = checkpoints.write_flushed

    def full(*content):
        if next(writes) >= (3 if earlier else 0):  # a checkpoint is three files
            raise OSError(28, "No space left on device")
        write(*content)

    monkeypatch.setattr(checkpoints, "write_flushed", full)
    settings = {"epochs": 3, "checkpoint_seconds": 0}
    named = new_experiment(data="wine", device="cpu", **settings)
    begin = partial(pf.fit, Base(), wine, **settings) if own else partial(train, named)
    with pytest.raises(ProfundoError) as caught:
        begin(out=tmp_path / "run")
    message = str(caught.value)
    assert ("Earlier ones are untouched" in message) == earlier == bool(list((tmp_path / "run").glob("checkpoints/0*")))
    assert ("profundo.fit(net, data, …, out=" in message) == own
    assert ("profundo resume" in message) == (not own)


@pytest.mark.parametrize("seconds", [0, 1000])
def test_a_first_step_that_is_not_finite_promises_no_checkpoint(seconds, wine, tmp_path):
    class Infinite(Base):
        def forward(self, inputs):
            return self.last(inputs) * math.nan

    with pytest.raises(ProfundoError, match=r"the loss became nan\. Try a smaller learning rate") as caught:
        pf.fit(Infinite(), wine, epochs=1, out=tmp_path / "run", checkpoint_seconds=seconds)
    assert "checkpoint" not in str(caught.value)


def test_a_report_that_cannot_be_written_is_a_notice_and_the_run_finished(tmp_path):
    blocking = Blocking(tmp_path / "run" / "report.html", last=0)
    run = train(new_experiment(data="wine", epochs=1, device="cpu"), out=tmp_path / "run", voice=blocking)
    assert any("report could not be written" in line for line in blocking.notices)
    assert open_run(tmp_path / "run").scores.values == run.scores.values


def test_the_weights_are_written_before_anything_that_may_still_fail(tmp_path, monkeypatch):
    from profundo.runs import supervised

    def fails(*_, **__):
        raise MemoryError

    monkeypatch.setattr(supervised, "evaluate_run", fails)
    with pytest.raises(MemoryError):
        train(new_experiment(data="wine", epochs=1, device="cpu"), out=tmp_path / "run")
    assert safetensors.torch.load_file(tmp_path / "run" / "model.safetensors")
