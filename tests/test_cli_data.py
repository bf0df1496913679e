"""`profundo data` and `profundo shards` as a person meets them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from profundo.cli import main
from shard_files import picture


def profundo(*arguments, cwd, **environment):
    command = [sys.executable, "-m", "profundo", *map(str, arguments)]
    settings = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "100", **environment}
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=settings, timeout=300)


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """The program in this process: (exit status, stdout, stderr)."""

    def run(*arguments):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("COLUMNS", "100")
        monkeypatch.setattr(sys, "argv", ["profundo", "data", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        said = capsys.readouterr()
        return end.value.code or 0, said.out, said.err

    return run


def test_text_begins_with_what_it_is_and_findings_come_before_tables(call):
    code, out, err = call("iris")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "iris · 150 rows, 4 columns; predicted: one of 3 classes: setosa, versicolor, virginica."
    assert out.index("copy of another") < out.index("petal length") < out.index("relation: of the column")
    assert max(map(len, lines)) <= 100


def test_json_is_one_object_and_the_page_is_written(call, tmp_path):
    code, out, _ = call("moons", "--json", "--out", "moons.html")
    said = json.loads(out)
    assert code == 0
    assert said["page"] == "moons.html"
    assert said["training"] == {"train": 700, "validation": 100, "test": 200}
    assert [column["name"] for column in said["columns"]] == ["x", "y", "target"]
    assert (tmp_path / "moons.html").read_text().startswith("<!doctype html>")


def test_mistakes_are_one_line(call, tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3,4\n")
    for arguments, words in (
        (("mnits",), "nearest: mnist"),
        (("t.csv", "--target", "c"), "has no column 'c'"),
        (("iris", "--task", "numbers"), "known: auto, classes, labels, real"),
        (("iris", "--out", "no/such/page.html"), "a folder that exists"),
        (("iris", "--out", "."), "expected a file"),
        (("iris", "--image-size", "8"), "folders and archives of images"),
    ):
        code, out, err = call(*arguments)
        assert (code, out) == (1, "")
        (line,) = err.strip().splitlines()
        assert line.startswith("profundo: ")
        assert words in line


def test_a_bad_file_inside_is_listed_with_exit_status_0(call, tmp_path):
    from PIL import Image

    for number in range(24):
        path = tmp_path / "set" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((20, 20), 50 + number).save(path)
    (tmp_path / "set" / "a" / "0.png").write_bytes(b"garbage")
    code, out, _ = call("set")
    assert code == 0
    assert "1 image cannot be decoded" in out
    assert "a/0.png (not an image)" in out


@pytest.mark.slow
def test_a_whole_process_prints_the_same_to_a_pipe_without_a_bar_or_colours(tmp_path):
    done = profundo("data", "digits", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert "1,797 images" in done.stdout
    assert list(Path(tmp_path).iterdir()) == []


@pytest.mark.slow
def test_images_are_packed_into_a_new_folder_of_shards(tmp_path, called, refused):
    for number in range(80):
        place = tmp_path / "f" / "ab"[number % 2] / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(picture(number))
    done = called("shards", "f", "--out", "s", "--samples", "30", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["shards"]) == 3
    refused("shards", "f", "--out", "s", cwd=tmp_path, says=["profundo: s: expected a new or empty folder"])
