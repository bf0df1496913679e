"""Ctrl-C and SIGTERM end a training in good order: the state is saved, the exit code says which signal it was."""

import os
import signal
import time

import pytest

from commands import PATIENCE, Trouble, bits, contents, go_on, profundo, strays

SLOW_STATE = ["--checkpoint-seconds", "3600"]  # nothing is saved before the signal comes


@pytest.mark.parametrize(
    ("name", "number", "code"),
    [("images", signal.SIGINT, 130), ("stopping", signal.SIGTERM, 143), ("streamed", signal.SIGTERM, 143)],
)
def test_a_signal_saves_the_state_and_the_exit_code_names_it(name, number, code, trainings, undisturbed, fast):
    ended = go_on(fast, [*trainings[name], *SLOW_STATE], trouble=Trouble(show=3, signal=number)).wait()
    assert ended.code == code, ended.said
    assert "Traceback" not in ended.said
    assert [path.name for path in (fast / "run" / "checkpoints").iterdir()] == ["00000003"]
    assert go_on(fast, trainings[name]).wait().code == 0
    assert bits(fast / "run") == undisturbed(name)
    assert strays(fast / "run") == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_whole_group_saves_the_state_although_the_workers_get_it_too(
    number, trainings, undisturbed, fast
):
    """As a terminal's Ctrl-C and batch systems send it."""
    stopped = Trouble(show=2, signal=signal.SIGSTOP)
    command = profundo(fast, *trainings["streamed"], *SLOW_STATE, "--out", "run", trouble=stopped)
    wait_until_stopped(command)
    os.killpg(command.pid, number)
    time.sleep(0.3)  # the workers have had theirs when the parent wakes up
    os.killpg(command.pid, signal.SIGCONT)
    ended = command.wait()
    assert ended.code == 128 + number, ended.said
    assert "Traceback" not in ended.said
    assert go_on(fast, trainings["streamed"]).wait().code == 0
    assert bits(fast / "run") == undisturbed("streamed")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_second_signal_leaves_at_once_and_saves_nothing(number, code, trainings, fast):
    trouble = Trouble(show=3, signal=number, times=2)
    assert go_on(fast, [*trainings["images"], *SLOW_STATE], trouble=trouble).wait().code == code
    assert not (fast / "run" / "checkpoints").exists()


def test_a_signal_at_the_last_step_still_leaves_a_run_to_finish(trainings, undisturbed, fast):
    assert go_on(fast, trainings["images"], trouble=Trouble(show=15, signal=signal.SIGTERM)).wait().code == 143
    assert go_on(fast, trainings["images"]).wait().code == 0
    assert bits(fast / "run") == undisturbed("images")


@pytest.mark.slow
def test_a_signal_while_writing_a_checkpoint_waits_until_it_is_written(trainings, undisturbed, fast):
    """Trainings that are signalled at a moment of their own each; the checkpoint before is never touched."""
    for moment in range(0, 10, 2):
        run = f"run-{moment}"
        command = go_on(fast, trainings["tiny"], run)
        while not (fast / run / "checkpoints").exists() and command.process.is_alive():
            time.sleep(0.001)
        time.sleep(moment / 1000)
        command.process.terminate()
        ended = command.wait()
        assert ended.code in (0, 143, -signal.SIGTERM), ended.said  # the last: after training, the default applies
        if ended.code:
            assert go_on(fast, trainings["tiny"], run).wait().code == 0
        assert bits(fast / run) == undisturbed("tiny")
        assert strays(fast / run) == []


def test_resuming_a_finished_run_changes_nothing(trainings, fast):
    assert profundo(fast, *trainings["tiny"], "--out", "run").wait().code == 0
    before = contents(fast / "run")
    assert "finished" in profundo(fast, "resume", "run").wait().error
    assert contents(fast / "run") == before


def wait_until_stopped(command):
    import psutil

    deadline = time.monotonic() + PATIENCE
    while psutil.Process(command.pid).status() != psutil.STATUS_STOPPED:
        assert time.monotonic() < deadline, command.words.read_text()
        time.sleep(0.01)
