"""The weights after each epoch: what is kept is what the net was, and keeping changes nothing."""

import pytest
import torch

import profundo as pf
from profundo.records import Interrupted, ProfundoError, Step
from profundo.runs.folder import Folder
from profundo.train.kept_epochs import keeping_epochs, kept_epochs, read_epoch

SETTINGS = {"epochs": 4, "seed": 3, "early_stop": None}


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return pf.fit("mlp", pf.load("iris"), out=tmp_path_factory.mktemp("runs") / "kept", keep_epochs=True, **SETTINGS)


def test_there_is_one_before_training_and_one_after_each_epoch(kept):
    files = kept_epochs(kept.folder.epochs)
    assert list(files) == [0, 1, 2, 3, 4]
    last = read_epoch(files[4])
    assert all(torch.equal(last[name], value) for name, value in kept.net.state_dict().items())
    assert any(not torch.equal(last[name], value) for name, value in read_epoch(files[3]).items())


def test_each_is_what_a_shorter_training_ends_with(kept):
    run = pf.fit("mlp", pf.load("iris"), out=False, schedule="constant", **SETTINGS | {"epochs": 2})
    long = pf.fit("mlp", pf.load("iris"), out=kept.folder.path.parent / "long", schedule="constant", keep_epochs=True,
                  **SETTINGS)  # fmt: skip
    after = read_epoch(kept_epochs(long.folder.epochs)[2])
    assert all(torch.equal(after[name], value) for name, value in run.net.state_dict().items())


def test_keeping_changes_no_bit_and_a_run_without_it_has_none(kept, tmp_path):
    plain = pf.fit("mlp", pf.load("iris"), out=tmp_path / "plain", **SETTINGS)
    assert all(torch.equal(plain.net.state_dict()[name], value) for name, value in kept.net.state_dict().items())
    assert kept_epochs(plain.folder.epochs) == {}


def test_a_resumed_run_has_them_all(kept, tmp_path):
    class Stopping(pf.runs.voice.Quiet):
        def show(self, step, row):
            if row is not None and step.epoch == 1:
                raise Interrupted(15)

    with pytest.raises(Interrupted):
        pf.fit("mlp", pf.load("iris"), out=tmp_path / "run", keep_epochs=True, checkpoint_seconds=0, voice=Stopping(),
               **SETTINGS)  # fmt: skip
    pf.fit(
        "mlp", pf.load("iris"), out=tmp_path / "run", keep_epochs=True, checkpoint_seconds=0, resume=True, **SETTINGS
    )
    mine, theirs = kept_epochs(Folder(tmp_path / "run").epochs), kept_epochs(kept.folder.epochs)
    assert list(mine) == list(theirs)
    for epoch in mine:
        one, other = read_epoch(mine[epoch]), read_epoch(theirs[epoch])
        assert all(torch.equal(one[name], other[name]) for name in other)


def steps(first, last):
    return [Step(epoch, 0, {}, 1, 1.0, last=True) for epoch in range(first, last)]


def test_a_training_that_begins_anew_leaves_none_of_the_one_before(tmp_path):
    net, folder = torch.nn.Linear(2, 2), tmp_path / "epochs"
    list(keeping_epochs(steps(0, 6), net, folder, tmp_path))
    assert list(kept_epochs(folder)) == [0, 1, 2, 3, 4, 5, 6]
    with torch.no_grad():
        net.weight.zero_()
    list(keeping_epochs(steps(0, 2), net, folder, tmp_path))
    assert list(kept_epochs(folder)) == [0, 1, 2]
    assert not any(read_epoch(path)["weight"].any() for path in kept_epochs(folder).values())


def test_one_that_goes_on_keeps_what_was_and_never_calls_its_first_weights_those_before_training(tmp_path):
    net, folder = torch.nn.Linear(2, 2), tmp_path / "epochs"
    list(keeping_epochs(steps(0, 6), net, folder, tmp_path))
    list(keeping_epochs(steps(3, 4), net, folder, tmp_path, done=3))
    assert list(kept_epochs(folder)) == [0, 1, 2, 3, 4]
    list(keeping_epochs(steps(3, 5), net, tmp_path / "others", tmp_path, done=3))
    assert list(kept_epochs(tmp_path / "others")) == [4, 5]


def test_epochs_kept_from_an_interruption_on_have_none_before_training(tmp_path):
    class Stopping(pf.runs.voice.Quiet):
        def show(self, step, row):
            if row is not None and step.epoch == 1:
                raise Interrupted(15)

    options = {"out": tmp_path / "run", "checkpoint_seconds": 0, **SETTINGS}
    with pytest.raises(Interrupted):
        pf.fit("mlp", pf.load("iris"), voice=Stopping(), **options)
    run = pf.fit("mlp", pf.load("iris"), keep_epochs=True, resume=True, **options)
    files = kept_epochs(run.folder.epochs)
    assert 0 not in files
    assert list(files)[-1] == 4
    assert all(torch.equal(read_epoch(files[4])[name], value) for name, value in run.net.state_dict().items())


def test_a_damaged_file_is_told_in_one_line(tmp_path):
    path = tmp_path / "0001.safetensors"
    path.write_bytes(b"no weights")
    with pytest.raises(ProfundoError, match="expected the weights after an epoch"):
        read_epoch(path)
    with pytest.raises(ProfundoError, match="regular file"):
        read_epoch(tmp_path / "0002.safetensors")


def test_nothing_is_written_through_a_link(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "epochs").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ProfundoError):
        pf.fit("mlp", pf.load("iris"), out=tmp_path / "run", keep_epochs=True, **SETTINGS)
    assert list((tmp_path / "elsewhere").iterdir()) == []
