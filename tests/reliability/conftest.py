"""Trainings of a fraction of a second in which everything random takes part, and what each comes to undisturbed."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from commands import bits, finished, kill_what_is_left, profundo
from profundo.data.augmenting.options import IMAGES, ONLY_OBJECTS

DROPOUT = "net: mlp\nnet_options: {dropout: 0.2, widths: [32]}\n"


@pytest.fixture(autouse=True)
def _no_command_outlives_its_test() -> Iterator[None]:
    yield
    kill_what_is_left()


@pytest.fixture
def fast() -> Iterator[Path]:
    """A folder in memory where there is one: flushing a disk hundreds of times is not what a test waits for."""
    folder = Path(tempfile.mkdtemp(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None, prefix="profundo-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def trainings(tmp_path_factory) -> dict[str, list[str]]:
    """Arguments of `profundo`, without --out, by name."""
    config = tmp_path_factory.mktemp("configs") / "dropout.yaml"
    config.write_text(DROPOUT)
    every = ["--checkpoint-seconds", "0", "--device", "cpu"]
    tiny = ["train", "wine", "--config", str(config), "--batch-size", "45", *every]
    images = write_images(tmp_path_factory.mktemp("images") / "shapes", 48)
    return {
        # 2 updates an epoch, dropout: for sweeps over every point of every write
        "tiny": [*tiny, "--epochs", "2"],
        # 2 updates an epoch, dropout, early stopping: 8 epochs at most
        "stopping": [*tiny, "--epochs", "8", "--early-stop", "2", "--learning-rate", "0.5"],
        # 2 updates an epoch, dropout, a schedule that rises and falls, both penalties, states of another kind
        "penalised": [
            *(*tiny, "--epochs", "4", "--optimizer", "adadelta", "--schedule", "cyclic-exponential"),
            *("--warm-up", "0.3", "--l1", "0.001", "--clip", "1", "--accumulate", "3"),
        ],
        # convolutions in 5 updates an epoch, every augmentation there is; 15 updates call for an examination, each time anew
        "images": [
            *("train", "digits", "--net", "lenet5", "--epochs", "3", "--batch-size", "250"),
            *("--augment", ",".join(name for name in IMAGES if name not in ONLY_OBJECTS), "--no-doctor"),
            *every,
        ],
        # read by two worker processes while it trains, augmentation and dropout
        "streamed": [
            *("train", str(images), "--config", str(config), "--stream", "--workers", "2"),
            *("--epochs", "3", "--batch-size", "8", "--augment", "shift,noise"),
            *every,
        ],
    }


def write_images(folder: Path, count: int) -> Path:
    """Noise of three brightnesses, one class each, 8 × 8 grey."""
    from PIL import Image

    random = np.random.default_rng(0)
    for index in range(count):
        kind = index % 3
        (folder / f"class{kind}").mkdir(parents=True, exist_ok=True)
        pixels = random.integers(60 * kind, 60 * kind + 120, (8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"class{kind}" / f"{index}.png")
    return folder


@pytest.fixture(scope="session")
def undisturbed(trainings, tmp_path_factory) -> Callable[[str], dict[str, str]]:
    """The bits that a training comes to when nothing happens to it."""
    known: dict[str, dict[str, str]] = {}

    def look(name: str) -> dict[str, str]:
        if name not in known:
            folder = tmp_path_factory.mktemp(f"undisturbed-{name}")
            ended = profundo(folder, *trainings[name], "--out", "run").wait()
            assert ended.code == 0, ended.said
            assert finished(folder / "run")
            known[name] = bits(folder / "run")
        return known[name]

    return look
