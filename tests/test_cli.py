"""The program as a person meets it: whole processes, real arguments, exit codes, one line for each mistake."""

import contextlib
import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
import pytest
import typer
from PIL import Image

from profundo.cli import app, main

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "100"}


def profundo(*arguments, cwd, **environment):
    command = [sys.executable, "-m", "profundo", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, env={**ENVIRONMENT, **environment}, timeout=300
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder in which iris was trained, and what the program printed, here in this process."""
    folder = tmp_path_factory.mktemp("work")
    words = ["profundo", "train", "iris", "--epochs", "30", "--early-stop", "8", "--json"]
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(folder),
        patch.object(sys, "argv", words),
        redirect_stdout(out),
        redirect_stderr(err),
        pytest.raises(SystemExit) as end,
    ):
        main()
    assert not end.value.code, err.getvalue()
    return folder, SimpleNamespace(stdout=out.getvalue(), stderr=err.getvalue())


def test_json_is_exactly_one_object_on_stdout_and_words_go_to_stderr(trained):
    folder, done = trained
    said = json.loads(done.stdout)
    assert {"test", "epochs", "seconds", "run"} <= set(said)
    assert 0.8 < said["test"]["accuracy"] <= 1
    assert said["test"]["accuracy"] > said["baseline"]["accuracy"]
    assert said["linear"].keys() == said["test"].keys()
    assert said["run"] == "runs/iris-1"
    assert (folder / said["run"] / "report.html").is_file()
    assert "constant predictor" in done.stderr
    assert "report: runs/iris-1/report.html" in done.stderr


def test_a_run_is_a_folder_that_anyone_can_read(trained):
    folder, done = trained
    run = folder / "runs/iris-1"
    assert {path.name for path in run.iterdir() if not path.name.startswith(".")} == {
        "experiment.yaml", "environment.json", "history.csv", "scores.json", "model.safetensors", "model.json",
        "checkpoints", "report.html", "log.txt", "progress.json", "manifest.json", "doctor.json", "vital_signs.npz",
    }  # fmt: skip
    header, *rows = (run / "history.csv").read_text().splitlines()
    assert header == "epoch,loss,validation loss,validation accuracy,rate,gradient norm"
    assert len(rows) == json.loads(done.stdout)["epochs"]
    assert json.loads((run / "scores.json").read_text())["test"] == json.loads(done.stdout)["test"]


@pytest.mark.slow
def test_a_run_repeats_bit_for_bit_from_its_own_experiment_file(trained):
    """In another process, which says the same."""
    folder, first = trained
    done = profundo("train", "--config", "runs/iris-1/experiment.yaml", "--out", "again", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["test"] == json.loads(first.stdout)["test"]
    assert "report: again/report.html" in done.stderr
    for name in ("model.safetensors", "history.csv", "experiment.yaml"):
        assert (folder / "again" / name).read_bytes() == (folder / "runs/iris-1" / name).read_bytes(), name


@pytest.mark.slow
def test_evaluate_report_and_runs_agree_with_what_training_said(trained, called):
    folder, done = trained
    scores = json.loads(done.stdout)["test"]
    assert json.loads(done.stdout)["seconds"] > 0
    again = json.loads(called("evaluate", "runs/iris-1", "--json", cwd=folder).stdout)
    assert again["test"] == scores
    before = (folder / "runs/iris-1/report.html").read_text()
    assert called("report", "runs/iris-1", cwd=folder).stdout.strip() == "runs/iris-1/report.html"
    assert (folder / "runs/iris-1/report.html").read_text() == before
    rows = json.loads(called("runs", "--json", cwd=folder).stdout)["runs"]
    row = next(row for row in rows if row["run"] == "runs/iris-1")
    assert row["state"] == "finished"
    assert row["score"] == f"accuracy {100 * scores['accuracy']:.2f} %"
    assert "runs/iris-1" in called("runs", cwd=folder).stdout


def test_predict_answers_rows_of_a_csv_by_column_name(trained, refused, called):
    folder, _ = trained
    names = ["petal width (cm)", "petal length (cm)", "sepal width (cm)", "sepal length (cm)"]
    (folder / "flowers.csv").write_text(",".join(names) + "\n0.2,1.4,3.5,5.1\n2.3,5.9,3.2,6.8\n")
    said = json.loads(called("predict", "runs/iris-1", "flowers.csv", "--json", cwd=folder).stdout)["predictions"]
    assert [one["prediction"] for one in said] == ["setosa", "virginica"]
    assert sum(said[0]["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    (folder / "short.csv").write_text("petal width (cm)\n0.2\n")
    refused("predict", "runs/iris-1", "short.csv", cwd=folder, says=["sepal length (cm)", "short.csv"])


@pytest.mark.slow
def test_predict_reads_images_and_refuses_what_is_none(tmp_path, refused, called):
    from sklearn.datasets import load_digits

    done = called("train", "digits", "--epochs", 12, "--net", "mlp", "--out", "net", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["test"]["accuracy"] > 0.93
    digits = load_digits()
    for index in range(10):
        Image.fromarray((digits.images[index] * 255 / 16).round().astype(np.uint8)).save(tmp_path / f"{index}.png")
    files = [f"{index}.png" for index in range(10)]
    said = json.loads(called("predict", "net", *files, "--json", cwd=tmp_path).stdout)["predictions"]
    right = [one["prediction"] == str(digits.target[index]) for index, one in enumerate(said)]
    assert sum(right) >= 9
    (tmp_path / "bad.png").write_bytes(b"\x89PNG not really")
    refused("predict", "net", "bad.png", cwd=tmp_path, says=["bad.png"])
    refused("predict", "net", "gone.png", cwd=tmp_path, says=["gone.png", "nothing"])


def test_dry_run_says_what_would_be_done_and_writes_nothing(tmp_path, called):
    done = called("train", "digits", "--net", "lenet5", "--dry-run", "--json", cwd=tmp_path)
    plan = json.loads(done.stdout)
    assert plan["samples"] == {"train": 1258, "validation": 180, "test": 359}
    assert plan["experiment"]["net"] == "lenet5"
    assert plan["steps"] == plan["experiment"]["epochs"] * (1258 // plan["experiment"]["batch_size"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_options_given_win_over_the_config_file(tmp_path, called):
    (tmp_path / "e.yaml").write_text("data: iris\nepochs: 7\nseed: 3\n")
    done = called("train", "--config", "e.yaml", "--epochs", 2, "--dry-run", "--json", cwd=tmp_path)
    chosen = json.loads(done.stdout)["experiment"]
    assert (chosen["epochs"], chosen["seed"], chosen["data"]) == (2, 3, "iris")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["mnits"], ["'mnits'", "mnist"]),
        (["digits", "--net", "lenet"], ["lenet", "lenet5"]),
        (["iris", "--net", "lenet5"], ["lenet5", "image"]),
        (["digits", "--optimizer", "adma"], ["optimizer", "'adma'", "nearest: adam"]),
        ([], ["say which data"]),
        (["diabetes", "--label-smoothing", "0.1"], ["label smoothing"]),
        (["digits", "--schedule", "warm"], ["schedule", "one-cycle"]),
        (["digits", "--augment", "shfit"], ["shfit", "shift"]),
        (["iris", "--augment", "shift"], ["shift", "images"]),
        (["digits", "--augment", "[{crop: {scal: 1}}]"], ["crop", "scal", "nearest: scale"]),
        (["digits", "--augment", "[{crop: {scale: 2}}]"], ["crop scale", "0.01 to 1", "got 2"]),
        (["diabetes", "--augment", "mixup"], ["mixup", "real numbers"]),
        (["digits", "--device", "cuda:7"], ["cuda:7", "--device auto"]),
        (["digits", "--device", "tpu"], ["tpu", "cpu"]),
        (["digits", "--epochs", "0"], ["epochs", "greater than or equal to 1"]),
        (["digits", "--learning-rate", "-1"], ["learning-rate", "greater than 0"]),
        (["digits", "--precision", "half"], ["precision", "bfloat16"]),
        (["digits", "--config", "nowhere.yaml"], ["nowhere.yaml"]),
        (["./nowhere"], ["nowhere"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_mistake_gets_one_clear_line(arguments, says, tmp_path, refused):
    refused("train", *arguments, cwd=tmp_path, says=says)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("command", ["resume", "evaluate", "report"])
def test_a_run_that_is_not_there_gets_one_clear_line(command, tmp_path, refused):
    refused(command, "runs/none-1", cwd=tmp_path, says=["runs/none-1", "experiment.yaml"])


def test_resuming_a_finished_run_says_so(trained, refused):
    folder, _ = trained
    refused("resume", "runs/iris-1", cwd=folder, says=["finished"])


def test_training_into_a_folder_with_a_run_is_refused(trained, refused):
    folder, _ = trained
    refused("train", "iris", "--out", "runs/iris-1", cwd=folder, says=["already holds a run"])


def test_help_and_names_do_not_import_torch():
    for call in (["--help"], ["train", "--help"], ["select", "--help"], ["datasets"], ["nets"]):
        code = (
            f"import sys; sys.argv = ['profundo', *{call!r}]\n"
            "from profundo.cli import main\n"
            "try: main()\nexcept SystemExit as end: assert not end.code\n"
            "assert 'torch' not in sys.modules\n"
            f"assert {call != ['--help']} or not {{'pydantic', 'yaml'}} & set(sys.modules)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT)
        assert done.returncode == 0, done.stderr
        assert done.stdout


def test_a_command_has_its_options_only_once_it_is_called():
    """Who calls one need not wait for those of all others."""
    commands = typer.main.get_command(app).commands
    assert len(commands) > 25
    assert all(one.params == [] and one.help for one in commands.values())
    with commands["resume"].make_context("resume", ["runs/x", "--json"]) as context:
        assert context.params == {"run": Path("runs/x"), "as_json": True}


def test_lists_name_what_there_is(called):
    assert set(json.loads(called("datasets", "--json", cwd=Path.cwd()).stdout)["datasets"]) >= {
        "digits", "iris", "wine", "breast-cancer", "diabetes", "mnist", "cifar10", "xor", "moons", "spiral", "blobs",
    }  # fmt: skip
    assert set(json.loads(called("nets", "--json", cwd=Path.cwd()).stdout)["nets"]) >= {
        "linear", "mlp", "lenet5", "fast_cnn", "resnet",
    }  # fmt: skip


def test_names_from_files_do_not_steer_the_terminal_nor_break_the_line(refused, tmp_path):
    (tmp_path / "t.csv").write_text('a,"b\n\x1b[31mred"\n1,2\n3,4\n')
    refused("train", "t.csv", "--target", "none", cwd=tmp_path, says=["has no column 'none'", r"b\n\x1b[31mred"])
