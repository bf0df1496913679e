"""A training that is killed and resumed, whenever and however often, ends with the bits of one that never was."""

import os
import random
import signal
import time

import psutil
import pytest

from commands import Trouble, bits, finished, go_on, profundo, strays


def test_different_seeds_give_different_bits(trainings, undisturbed, fast):
    assert profundo(fast, *trainings["tiny"], "--out", "run", "--seed", "1").wait().code == 0
    assert all(bits(fast / "run")[part] != undisturbed("tiny")[part] for part in ("weights", "history", "tensors"))


@pytest.mark.parametrize("name", ["stopping", "penalised", "streamed"])
def test_random_kills_of_the_process_group_change_no_bit(name, trainings, undisturbed, fast):
    """A second undisturbed training first: were its bits others, no comparison would prove anything. Images are killed below."""
    expected = undisturbed(name)
    began = time.monotonic()
    assert profundo(fast, *trainings[name], "--out", "timed").wait().code == 0
    whole = time.monotonic() - began
    assert bits(fast / "timed") == expected
    assert strays(fast / "timed") == []
    draw = random.Random(7).uniform
    kills = 0
    while not finished(fast / "run"):
        command = go_on(fast, trainings[name])
        command.process.join(draw(0, whole) if kills < 3 else None)
        if command.process.is_alive():
            command.kill()
            kills += 1
        else:
            assert command.wait().code == 0, command.wait().said
    assert bits(fast / "run") == expected
    assert set(strays(fast / "run")) <= {".holder"}, "that of one killed as it left, with all written"


def test_three_kills_inside_one_epoch_change_no_bit(trainings, undisturbed, fast):
    for _ in range(3):  # each attempt saves one step more before it dies while the next one is shown
        assert go_on(fast, trainings["images"], trouble=Trouble(show=2)).wait().code == -signal.SIGKILL
    saved = max(int(path.name) for path in (fast / "run" / "checkpoints").iterdir())
    assert saved == 3, "the kills were to fall into the first epoch, which has 5 updates"
    assert go_on(fast, trainings["images"]).wait().code == 0
    assert bits(fast / "run") == undisturbed("images")


@pytest.mark.parametrize("step", [5, 6], ids=["before the epoch's last state is saved", "after it"])
def test_a_kill_at_an_epochs_end_neither_loses_nor_repeats_an_epoch(step, trainings, undisturbed, fast):
    assert go_on(fast, trainings["images"], trouble=Trouble(show=step)).wait().code == -signal.SIGKILL
    assert max(int(path.name) for path in (fast / "run" / "checkpoints").iterdir()) == step - 1
    assert go_on(fast, trainings["images"]).wait().code == 0
    rows = (fast / "run" / "history.csv").read_text().splitlines()[1:]
    assert [row.split(",")[0] for row in rows] == ["1", "2", "3"]
    assert bits(fast / "run") == undisturbed("images")


@pytest.mark.slow
def test_a_kill_at_any_step_leaves_the_best_epoch_as_it_is(trainings, undisturbed, fast):
    """Every second step ends an epoch: there are validation, the look for a best and the wish to stop."""
    assert profundo(fast, *trainings["stopping"], "--out", "whole").wait().code == 0
    epochs = len((fast / "whole" / "history.csv").read_text().splitlines()) - 1
    assert 2 < epochs < 8, "the training was to be stopped early, after its best epoch"
    for step in range(1, 2 * epochs + 1):
        run = f"run-{step}"
        assert go_on(fast, trainings["stopping"], run, Trouble(show=step)).wait().code == -signal.SIGKILL
        assert go_on(fast, trainings["stopping"], run).wait().code == 0
        assert bits(fast / run) == undisturbed("stopping")


def sweep(name, trainings, expected, fast, stride):
    """Die at points where a file or folder is written, flushed, renamed or removed, each so many further, and go on."""
    point, died = 1, 0
    while True:
        run = f"run-{point}"
        code = go_on(fast, trainings[name], run, Trouble(exit_at=point)).wait().code
        if code == 0:
            return died
        assert code == 75
        died += 1
        if not finished(fast / run):
            ended = go_on(fast, trainings[name], run).wait()
            assert ended.code == 0, (point, ended.said)
            assert "damaged" not in ended.said, (point, ended.said)
            assert strays(fast / run) == [], point
        assert bits(fast / run) == expected, point
        point += stride


@pytest.mark.slow
def test_death_at_any_point_of_the_whole_training_changes_no_bit(trainings, undisturbed, fast):
    """There are more than 80 points. Every state is saved by the same few steps, so that the 17th, each time, meets many."""
    assert sweep("stopping", trainings, undisturbed("stopping"), fast, stride=17) > 80 // 17


def test_a_stopped_process_goes_on_where_it_was(trainings, undisturbed, fast):
    command = profundo(fast, *trainings["streamed"], "--out", "run")
    while not list(fast.glob("run/checkpoints/0*")):
        time.sleep(0.01)
    os.killpg(command.pid, signal.SIGSTOP)
    time.sleep(1.0)
    os.killpg(command.pid, signal.SIGCONT)
    assert command.wait().code == 0
    assert bits(fast / "run") == undisturbed("streamed")


@pytest.mark.slow
def test_workers_die_with_their_killed_parent_and_the_run_is_free_at_once(trainings, undisturbed, fast):
    """Only the parent is killed: its workers must notice by themselves, and hold no lock meanwhile."""
    command = profundo(fast, *trainings["streamed"], "--out", "run", trouble=Trouble(show=6, signal=signal.SIGSTOP))
    parent = psutil.Process(command.pid)
    deadline = time.monotonic() + 30
    while parent.status() != psutil.STATUS_STOPPED:
        assert time.monotonic() < deadline, command.words.read_text()
        time.sleep(0.01)
    workers = parent.children(recursive=True)
    assert sum("worker" in worker.name() for worker in workers) == 2
    parent.kill()
    command.process.join()
    assert go_on(fast, trainings["streamed"]).wait().code == 0
    assert bits(fast / "run") == undisturbed("streamed")
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert alive == [], "workers outlived their parent by 10 s"
