"""Full, failing, read-only and lying disks: an error in one line, and nothing saved before is lost."""

import os
import random
import shutil
import signal
import subprocess

import pytest
import torch

from commands import NOBODY, Trouble, bits, contents, go_on, newest, profundo, strays
from profundo.files import write_text
from profundo.records import ProfundoError
from profundo.runs.folder import Folder
from profundo.train.checkpoints import load_checkpoint, newest_checkpoint, numbered, save_checkpoint

STATE = {"weights": torch.arange(600.0), "position": [1, 2], "nothing": None, "text": "α"}


def state(number):
    return STATE | {"number": number}


def saved(folder, *numbers):
    for number in numbers:
        save_checkpoint(folder / "checkpoints", number, state(number))
    return folder / "checkpoints"


def interrupted(trainings, fast, name="images", step=6):
    """A run that was killed while step 6 was shown; 5 updates are saved."""
    assert go_on(fast, trainings[name], trouble=Trouble(show=step)).wait().code == -signal.SIGKILL
    return fast / "run"


# ------------------------------------------------------------------------------------------------ the disk is full
def test_files_limited_to_any_size_end_in_an_error_and_then_in_the_same_bits(trainings, undisturbed, fast):
    sizes = [0, 100, 1_000, 4_000, 6_000, 20_000, 60_000]
    failed = 0
    for size in sizes:
        run = f"run-{size}"
        ended = go_on(fast, trainings["tiny"], run, Trouble(file_bytes=size)).wait()
        if ended.code != 0:
            failed += 1
            if size >= 1_000:  # below, the words do not fit into their file either
                assert run in ended.error
            assert not list(fast.glob(f"{run}/**/*.part")), "a half-written file stayed"
            assert go_on(fast, trainings["tiny"], run).wait().code == 0
        assert bits(fast / run) == undisturbed("tiny")
    assert failed >= len(sizes) - 2


def test_a_full_disk_at_a_later_checkpoint_leaves_the_earlier_ones_as_they_were(trainings, undisturbed, fast):
    run = interrupted(trainings, fast)
    before = contents(run / "checkpoints")
    assert str(run.name) in go_on(fast, trainings["images"], trouble=Trouble(file_bytes=5_000)).wait().error
    assert contents(run / "checkpoints") == before
    assert go_on(fast, trainings["images"]).wait().code == 0
    assert bits(run) == undisturbed("images")


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to mount a disk of 8 MB")
def test_a_full_disk_of_8_mb_is_an_error_and_after_freeing_it_no_bit_differs(trainings, undisturbed, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"mounting is not allowed here: {mounted.stderr.decode().strip()}")
    try:
        run = interrupted(trainings, disk)
        before = contents(run / "checkpoints")
        room = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        (disk / "ballast").write_bytes(bytes(room - 20_000))  # a checkpoint of this net takes more
        assert "No space left" in go_on(disk, trainings["images"]).wait().error
        assert contents(run / "checkpoints") == before
        (disk / "ballast").unlink()
        assert go_on(disk, trainings["images"]).wait().code == 0
        assert bits(run) == undisturbed("images")
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_log_that_cannot_be_written_is_an_error(trainings, fast):
    run = interrupted(trainings, fast)
    (run / "log.txt").unlink()
    (run / "log.txt").mkdir()
    assert "log.txt" in go_on(fast, trainings["images"]).wait().error


def test_the_torn_last_line_of_a_log_is_ended_before_the_next(tmp_path):
    folder = Folder(tmp_path)
    folder.say("one")
    folder.log.write_text("one\ntwo, to")
    folder.say("three")
    folder.say("four")
    assert folder.log.read_text() == "one\ntwo, to\nthree\nfour\n"


def test_a_torn_history_is_written_whole_again(trainings, undisturbed, fast):
    run = interrupted(trainings, fast)
    content = (run / "history.csv").read_bytes()
    (run / "history.csv").write_bytes(content[: len(content) - 7])
    assert go_on(fast, trainings["images"]).wait().code == 0
    assert bits(run) == undisturbed("images")


def test_files_are_flushed_before_the_rename_and_the_folder_after_it(tmp_path, monkeypatch):
    """What a power cut may undo is what was not flushed: no kill of a process can show that, the order of calls can."""
    calls = []
    fsync, replace = os.fsync, os.replace

    def noted_fsync(number):
        calls.append(("flush", os.readlink(f"/proc/self/fd/{number}")))
        fsync(number)

    def noted_replace(old, new, *, src_dir_fd, dst_dir_fd):
        calls.append(("rename", os.path.join(os.readlink(f"/proc/self/fd/{dst_dir_fd}"), new)))
        replace(old, new, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_replace)
    checkpoints = saved(tmp_path, 1)
    rename = calls.index(("rename", str(checkpoints / "00000001")))
    flushed = [os.path.basename(path) for _, path in calls[:rename]]
    assert flushed[:3] == ["tensors.safetensors", "state.json", "manifest.json"]
    assert flushed[3].endswith(".part")
    assert ("flush", str(checkpoints)) in calls[rename:]
    calls.clear()
    write_text(tmp_path / "file", "text")
    assert [kind for kind, _ in calls] == ["flush", "rename", "flush"]
    assert calls[-1] == ("flush", str(tmp_path))


# ------------------------------------------------------------------------------------------------ not ours to write
@pytest.mark.parametrize("there", [False, True], ids=["a new run", "a run to resume"])
def test_a_read_only_run_is_an_error_before_the_first_step(there, trainings, fast):
    user = NOBODY if os.getuid() == 0 else None  # root may write anywhere
    if there:
        run = interrupted(trainings, fast)
    else:
        run = fast / "run"
        run.mkdir()
    words = [fast / f"words-{number}" for number in range(2)]
    for path in words:
        path.touch()
        path.chmod(0o666)
    if user is not None:
        for path in [run, *run.rglob("*")]:
            os.chown(path, user, user)  # its own, and yet not to be written
    run.chmod(0o555)
    before = contents(run)
    try:
        error = go_on(fast, trainings["images"], trouble=Trouble(user=user, show=1)).wait().error
        assert "run" in error
        assert "ermission denied" in error
        assert contents(run) == before
    finally:
        run.chmod(0o755)


# ------------------------------------------------------------------------------------------------ damaged checkpoints
def test_a_checkpoint_cut_anywhere_is_passed_over_with_a_notice(tmp_path):
    checkpoints = saved(tmp_path, 1, 2)
    cuts = 0
    for path in sorted((checkpoints / "00000002").iterdir()):
        content = path.read_bytes()
        for length in {*range(0, len(content), 1024), len(content) - 1}:
            path.write_bytes(content[:length])
            notices = []
            assert newest_checkpoint(checkpoints, notices.append)["number"] == 1
            assert len(notices) == 1
            assert "00000002" in notices[0]
            cuts += 1
        path.write_bytes(content)
    assert cuts >= 6
    assert newest_checkpoint(checkpoints, pytest.fail)["number"] == 2


def test_a_run_whose_newest_checkpoint_is_cut_says_so_and_comes_to_the_same_bits(trainings, undisturbed, fast):
    run = interrupted(trainings, fast)
    tensors = newest(run) / "tensors.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:1024])
    ended = go_on(fast, trainings["images"]).wait()
    assert ended.code == 0
    assert "damaged" in ended.said
    assert bits(run) == undisturbed("images")
    assert strays(run) == []


def test_a_run_with_no_sound_checkpoint_is_an_error_and_stays_as_it_is(trainings, fast):
    run = interrupted(trainings, fast)
    for path in run.glob("checkpoints/*/state.json"):
        path.write_bytes(path.read_bytes()[:-1])
    before = contents(run / "checkpoints")
    assert "damaged" in go_on(fast, trainings["images"]).wait().error
    assert contents(run / "checkpoints") == before


def test_damaged_later_checkpoints_never_displace_the_sound_one_that_was_gone_on_from(tmp_path):
    checkpoints = saved(tmp_path, 1, 8)
    shutil.copytree(checkpoints / "00000008", checkpoints / "00000009")
    for number in (8, 9):
        (checkpoints / f"0000000{number}" / "manifest.json").write_text("{}")
    save_checkpoint(checkpoints, 2, state(2))
    assert [path.name for path in numbered(checkpoints)] == ["00000001", "00000002"]
    assert newest_checkpoint(checkpoints, pytest.fail)["number"] == 2


def test_one_flipped_bit_is_always_noticed(tmp_path):
    """Of each file, the manifest included; benchmarks/bit_flips.py takes more."""
    folder = saved(tmp_path, 1) / "00000001"
    draw = random.Random(0)
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        for bit in draw.sample(range(8 * len(content)), 100):
            flipped = bytearray(content)
            flipped[bit // 8] ^= 1 << bit % 8
            path.write_bytes(flipped)
            with pytest.raises(ProfundoError, match="damaged"):
                load_checkpoint(folder)
        path.write_bytes(content)
    assert load_checkpoint(folder)["number"] == 1


@pytest.mark.parametrize("part", ["", "tensors.safetensors", "state.json", "manifest.json"])
@pytest.mark.parametrize("kind", ["empty file", "folder", "FIFO", "link to nothing", "link to /dev/zero"])
def test_something_else_in_the_place_of_a_checkpoint_is_passed_over_without_waiting(kind, part, tmp_path):
    checkpoints = saved(tmp_path, 1, 2)
    path = checkpoints / "00000002" / part if part else checkpoints / "00000002"
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    {
        "empty file": path.touch,
        "folder": path.mkdir,
        "FIFO": lambda: os.mkfifo(path),
        "link to nothing": lambda: path.symlink_to("nowhere"),
        "link to /dev/zero": lambda: path.symlink_to("/dev/zero"),
    }[kind]()
    notices = []
    assert newest_checkpoint(checkpoints, notices.append)["number"] == 1
    assert len(notices) == 1
    save_checkpoint(checkpoints, 2, state(2))  # and it can be replaced
    assert newest_checkpoint(checkpoints, pytest.fail)["number"] == 2
    save_checkpoint(checkpoints, 3, state(3))
    assert sorted(path.name for path in checkpoints.iterdir()) == ["00000002", "00000003"]


def test_a_fifo_as_the_experiment_is_an_error_and_not_a_wait(trainings, fast):
    run = interrupted(trainings, fast)
    (run / "experiment.yaml").unlink()
    os.mkfifo(run / "experiment.yaml")
    assert "experiment.yaml" in profundo(fast, "resume", "run").wait().error


@pytest.mark.parametrize("shift", [-86_400, 365 * 86_400], ids=["a day back", "a year on"])
def test_the_newest_checkpoint_is_the_one_with_most_steps_whatever_the_clock_said(shift, tmp_path):
    checkpoints = saved(tmp_path, 1, 2)
    for path in (checkpoints / "00000002", *(checkpoints / "00000002").iterdir()):
        moment = path.stat().st_mtime + shift
        os.utime(path, (moment, moment))
    assert newest_checkpoint(checkpoints, pytest.fail)["number"] == 2
    save_checkpoint(checkpoints, 10, state(10))
    assert [path.name for path in numbered(checkpoints)] == ["00000002", "00000010"]
