"""Trainings on shards and large tables: killed and resumed to the same bits, in bounded memory, with all that comes after."""

import io
import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars
import pytest
from PIL import Image

from commands import bits, finished, go_on, profundo
from shard_files import picture, write_tar

EVERY = ("--checkpoint-seconds", "0", "--device", "cpu")


def train_shards(folder: Path) -> list[str]:
    """Four shards, the windows of which hold several blocks; augmentation; two workers."""
    for place in range(4):
        numbers = range(place * 40, place * 40 + 40)
        members = [
            member
            for n in numbers
            for member in ((f"{n:04}.png", picture(n, (8, 8), "L")), (f"{n:04}.cls", b"%d" % (n % 3)))
        ]
        write_tar(folder / f"shard-{place}.tar", members)
    return ["train", str(folder / "shard-{0..3}.tar"), "--stream", "--workers", "2", "--net", "mlp", "--epochs", "3",
            "--batch-size", "16", "--augment", "shift,noise", *EVERY]  # fmt: skip


def train_table(folder: Path) -> list[str]:
    draw = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    x = draw.normal(size=(600, 3))
    frame = polars.DataFrame({"a": x[:, 0], "b": x[:, 1], "c": draw.choice(["p", "q", "r"], 600), "y": x.sum(1)})
    frame.write_parquet(folder / "t.parquet", row_group_size=50)
    return [
        "train",
        str(folder / "t.parquet"),
        "--target",
        "y",
        "--stream",
        "--epochs",
        "3",
        "--batch-size",
        "64",
        *EVERY,
    ]


@pytest.fixture(params=[train_shards, train_table], ids=["shards", "table"])
def streaming(request, tmp_path) -> list[str]:
    return request.param(tmp_path / "data")


@pytest.mark.slow
def test_kills_and_another_number_of_workers_change_no_bit(streaming, fast):
    assert profundo(fast, *streaming, "--out", "whole").wait().code == 0
    assert profundo(fast, *streaming, "--out", "alone", "--workers", "0").wait().code == 0
    assert bits(fast / "alone") == bits(fast / "whole")
    draw, kills = random.Random(3).uniform, 0
    while not finished(fast / "run"):
        command = go_on(fast, streaming)
        command.process.join(draw(0.1, 1.0) if kills < 2 else None)
        if command.process.is_alive():
            command.kill()
            kills += 1
        else:
            assert command.wait().code == 0, command.wait().said
    assert bits(fast / "run") == bits(fast / "whole")


def test_a_finished_run_is_evaluated_and_reported_again(streaming, fast):
    assert profundo(fast, *streaming, "--out", "run").wait().code == 0
    scores = json.loads((fast / "run" / "scores.json").read_text())["test"]
    said = profundo(fast, "evaluate", "run", "--json").wait()
    assert said.code == 0, said.said
    again = json.loads(said.said[said.said.index("{") :])["test"]
    assert {name: round(value, 9) for name, value in again.items()} == {
        name: round(value, 9) for name, value in scores.items()
    }
    (fast / "run" / "report.html").unlink()
    assert profundo(fast, "report", "run").wait().code == 0
    page = (fast / "run" / "report.html").read_text()
    assert "data:image/png" in page or "<svg" in page


def test_changed_shards_are_refused_on_resuming(tmp_path, fast):
    train = train_shards(tmp_path / "data")
    command = profundo(fast, *train, "--epochs", "200", "--out", "run")
    while not list(fast.glob("run/checkpoints/[0-9]*")):
        command.process.join(0.02)
    command.kill()
    numbers = range(1000, 1040)
    members = [m for n in numbers for m in ((f"{n}.png", picture(n, (8, 8), "L")), (f"{n}.cls", b"%d" % (n % 3)))]
    write_tar(tmp_path / "data" / "shard-2.tar", members)
    assert "data:" in go_on(fast, train).wait().error


def in_one_colour(colour) -> bytes:
    """A picture that is small as a file."""
    file = io.BytesIO()
    Image.new("RGB", (512, 512), colour).save(file, "JPEG")
    return file.getvalue()


LARGE = """
import gc, sys, psutil, torch
from profundo.data import load
from profundo.data.batches import batches, in_order
from profundo.data.streams import shards
shards.WINDOW_BYTES = 2**23
torch.set_num_threads(1)
me = psutil.Process()
def own():
    return sum(one.memory_full_info().uss for one in (me, *me.children(recursive=True)))
load("digits")
before, most = own(), 0
data = load(sys.argv[1], stream=True)
for number, batch in enumerate(batches(data.train, data.spec, 16).epoch(0)):
    most = max(most, own()) if number % 20 == 0 else most
for number, batch in enumerate(in_order(data.validation, data.spec)):
    most = max(most, own())
print(len(data.train) + len(data.validation) + len(data.test), most - before)
"""


@pytest.mark.slow
def test_a_data_set_takes_no_more_memory_than_its_windows(tmp_path):
    """320 images of 786,432 bytes, 250 MB, go by in less than 150 MB: two windows, here of 8 MiB, and the tasks that workers
    have ahead."""
    plain = [in_one_colour((50 + 100 * kind, 90, 130)) for kind in range(2)]
    for shard in range(4):
        members = [
            member for n in range(80) for member in ((f"{n:05}.jpg", plain[n % 2]), (f"{n:05}.cls", b"%d" % (n % 2)))
        ]
        write_tar(tmp_path / f"shard-{shard}.tar", members)
    done = subprocess.run([sys.executable, "-c", LARGE, str(tmp_path)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    samples, grown = map(int, done.stdout.split())
    assert samples == 320
    assert grown < 150e6, f"{grown / 1e6:.0f} MB"
