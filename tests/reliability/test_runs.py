"""One run is one folder, one experiment, one writer; what would not go on exactly does not go on."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest
import yaml
from filelock import FileLock

from commands import PATIENCE, Trouble, bits, contents, go_on, newest, profundo
from profundo.data.batches import load_in_workers
from profundo.records import ProfundoError
from profundo.runs.folder import Folder
from profundo.runs.live.holder import this_process
from profundo.train.checkpoints import load_checkpoint


def interrupted(trainings, fast, name, step=6):
    assert go_on(fast, trainings[name], trouble=Trouble(show=step)).wait().code == -signal.SIGKILL
    return fast / "run"


def edit(run, **settings):
    path = run / "experiment.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | settings))


# ------------------------------------------------------------------------------------------------ what may change
@pytest.mark.parametrize("workers", [0, 1])
def test_other_workers_after_an_interruption_change_no_bit(workers, trainings, undisturbed, fast):
    run = interrupted(trainings, fast, "streamed")
    edit(run, workers=workers, checkpoint_seconds=30)
    assert go_on(fast, trainings["streamed"]).wait().code == 0
    assert bits(run) == undisturbed("streamed")


def test_any_number_of_workers_gives_the_same_bits(trainings, undisturbed, fast):
    assert profundo(fast, *trainings["streamed"], "--out", "run", "--workers", "0").wait().code == 0
    assert bits(fast / "run") == undisturbed("streamed")


def test_augmentation_differs_between_steps_and_epochs_and_workers_do_not_matter():
    import torch

    from profundo.data import augmentation
    from profundo.data.batches import batches
    from profundo.records import Inputs, Samples, Spec, Targets

    class Same:
        """The same picture every time: whatever differs was augmented."""

        def __len__(self):
            return 12

        def __getitem__(self, index):
            return torch.arange(64, dtype=torch.uint8).reshape(1, 8, 8)

    spec = Spec(Inputs((1, 8, 8), "image"), Targets("binary", ("a", "b")))
    samples = Samples(Same(), torch.zeros(12, dtype=torch.int64))
    noise = augmentation(["noise"])
    seen = {}
    for workers in (0, 2):
        streamed = batches(samples, spec, 4, augment=noise, workers=workers)
        seen[workers] = [batch.inputs for epoch in range(2) for batch in streamed.epoch(epoch)]
    assert all(torch.equal(a, b) for a, b in zip(seen[0], seen[2], strict=True))
    pictures = torch.cat(seen[2]).flatten(1)
    assert len(torch.unique(pictures, dim=0)) == len(pictures) == 24


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"learning_rate": 0.1234, "epochs": 7}, ["learning_rate was", "is 0.1234", "epochs was 3, is 7"]),
        ({"seed": 1}, ["seed was 0, is 1"]),
        ({"label_smoothing": 0.1}, ["label_smoothing was 0.0, is 0.1"]),
        ({"augment": []}, ["augment was"]),
    ],
)
def test_a_changed_experiment_is_refused_and_every_difference_listed(settings, named, trainings, fast):
    run = interrupted(trainings, fast, "images")
    edit(run, **settings)
    before = contents(run / "checkpoints")
    error = go_on(fast, trainings["images"]).wait().error
    assert all(words in error for words in named), error
    assert contents(run / "checkpoints") == before
    assert not (run / "scores.json").exists()


@pytest.mark.parametrize("change", ["another picture", "one picture more"])
def test_changed_data_are_refused(change, trainings, fast):
    copy = fast / "shapes"
    shutil.copytree(trainings["streamed"][1], copy)
    train = ["train", str(copy), *trainings["streamed"][2:]]
    assert go_on(fast, train, trouble=Trouble(show=3)).wait().code == -signal.SIGKILL
    pictures = sorted(copy.rglob("*.png"))
    shutil.copy(pictures[0], pictures[-1] if change == "another picture" else copy / "class0" / "new.png")
    assert "data:" in go_on(fast, train).wait().error


# ------------------------------------------------------------------------------------------------ one writer
@pytest.mark.parametrize("second", ["train", "resume"])
def test_a_second_process_in_a_run_is_refused_naming_the_first(second, trainings, undisturbed, fast):
    first = profundo(fast, *trainings["tiny"], "--out", "run", trouble=Trouble(show=3, signal=signal.SIGSTOP))
    while not list(fast.glob("run/checkpoints/00000002")):
        time.sleep(0.01)
    command = ["resume", "run"] if second == "resume" else [*trainings["tiny"], "--out", "run"]
    assert f"process {first.pid} " in profundo(fast, *command).wait().error
    os.killpg(first.pid, signal.SIGCONT)
    assert first.wait().code == 0
    assert bits(fast / "run") == undisturbed("tiny")


def test_training_into_a_run_that_is_there_is_refused(trainings, fast):
    run = interrupted(trainings, fast, "tiny", step=3)
    before = contents(run)
    assert "already holds a run" in profundo(fast, *trainings["tiny"], "--out", "run").wait().error
    assert {name: sha for name, sha in contents(run).items() if name != ".holder"} == {
        name: sha for name, sha in before.items() if name != ".holder"
    }


def test_a_lock_is_waited_for_while_the_children_of_a_killed_process_die(tmp_path):
    """They hold what they inherited until they are gone. A lock whose holder lives is refused at once."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (tmp_path / ".holder").write_text(f"{gone.pid}\n")
    dying = FileLock(tmp_path / ".lock", thread_local=False)
    dying.acquire()
    threading.Timer(0.3, dying.release).start()
    with Folder(tmp_path).locked():
        assert (tmp_path / ".holder").read_text() == str(this_process())
        with pytest.raises(ProfundoError, match=f"process {os.getpid()} is writing"), Folder(tmp_path).locked():
            pass


def test_the_lock_of_a_killed_process_is_taken_over(trainings, undisturbed, fast):
    run = interrupted(trainings, fast, "tiny", step=3)
    assert (run / ".holder").exists(), "the killed process left its name"
    assert go_on(fast, trainings["tiny"]).wait().code == 0
    assert bits(run) == undisturbed("tiny")


def test_runs_that_start_together_have_folders_of_their_own(trainings, undisturbed, fast):
    commands = [profundo(fast, *trainings["tiny"]) for _ in range(4)]
    assert [command.wait().code for command in commands] == [0] * 4
    runs = sorted((fast / "runs").iterdir())
    assert [run.name for run in runs] == ["wine-1", "wine-2", "wine-3", "wine-4"]
    assert all(bits(run) == undisturbed("tiny") for run in runs)


@pytest.mark.parametrize("seconds", ["0", "3600"], ids=["before a checkpoint", "at the end"])
def test_a_run_removed_while_it_trains_is_an_error_and_does_not_come_back(seconds, trainings, fast):
    trouble = Trouble(show=3, signal=signal.SIGSTOP)
    command = profundo(fast, *trainings["images"], "--checkpoint-seconds", seconds, "--out", "run", trouble=trouble)
    import psutil

    deadline = time.monotonic() + PATIENCE
    while psutil.Process(command.pid).status() != psutil.STATUS_STOPPED:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    shutil.rmtree(fast / "run")
    os.killpg(command.pid, signal.SIGCONT)
    assert "run" in command.wait().error
    assert not (fast / "run").exists()


# ------------------------------------------------------------------------------------------------ ruined, missing
def test_a_loss_that_is_no_number_ends_training_and_the_saved_networks_are_finite(trainings, fast):
    arguments = [*trainings["images"], "--optimizer", "sgd", "--learning-rate", "1e37", "--precision", "float32"]
    error = go_on(fast, arguments).wait().error
    assert "step" in error
    assert "finite" in error or "became" in error
    for path in (fast / "run").glob("checkpoints/*"):
        weights = load_checkpoint(path)["update"]["net"].values()
        assert all(bool(tensor.isfinite().all()) for tensor in weights if tensor.is_floating_point())
    assert not (fast / "run" / "scores.json").exists()


def test_a_network_that_an_update_ruined_is_not_saved(fast):
    from profundo.records import ProfundoError
    from profundo.runs.experiment import new_experiment
    from profundo.runs.folder import Folder
    from profundo.runs.preparing import Prepared
    from profundo.runs.supervised import prepare, train_prepared
    from profundo.runs.voice import Quiet
    from profundo.train.distributed import Group

    prepared: Prepared = prepare(new_experiment(data="wine", net="mlp", batch_size=31, epochs=3, checkpoint_seconds=0))

    class Poison(Quiet):
        """The last update of the first epoch ruins the weights, after a finite loss."""

        def show(self, step, row):  # noqa: ARG002
            if step.last:
                next(prepared.net.parameters()).data[0, 0] = float("nan")

    folder = Folder.create("wine", fast / "run")
    with pytest.raises(ProfundoError, match=r"epoch 2, step 1: .*finite"), folder.locked():
        train_prepared(prepared, folder, Group(), Poison(), {})
    assert newest(fast / "run").name == "00000003"


def test_a_gpu_that_is_not_there_is_an_error_and_auto_says_what_it_took(trainings, fast):
    tiny = [argument for argument in trainings["tiny"] if argument not in ("--device", "cpu")]
    assert "CUDA" in profundo(fast, *tiny, "--device", "cuda:99", "--out", "run").wait().error
    assert not (fast / "run").exists()
    ended = profundo(fast, *tiny, "--device", "auto", "--out", "run").wait()
    assert ended.code == 0
    assert "on cpu" in ended.said or "on cuda" in ended.said


def test_workers_are_not_in_the_process_group_that_signals_go_to():
    import torch

    class Groups:
        def __getitem__(self, index):
            return torch.tensor(os.getpgid(0))

        def __len__(self):
            return 4

    loaded = load_in_workers(Groups(), torch.arange(4).split(2), 2, torch.device("cpu"))
    assert os.getpgid(0) not in torch.cat(list(loaded)).tolist()
