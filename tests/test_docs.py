"""Every example in the README and the docs runs: Python blocks in one process each page, `$` lines of console blocks."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import notebooks

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), flags=re.S | re.M)


def commands():
    for page in PAGES:
        for block in blocks(page, "console"):
            for line in block.splitlines():
                if line.startswith("$ profundo "):
                    yield page.name, line[2:]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_python_examples_of_a_page_run(page, tmp_path):
    code = "\n".join(blocks(page, "python"))
    if not code:
        assert page.name != "README.md", "the README lost its example"
        return
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.slow
@pytest.mark.needs_data
def test_the_commands_of_all_pages_run_in_their_order(tmp_path, real_data):
    ran = 0
    for page, command in commands():
        words = shlex.split(command, comments=True)[1:]
        done = subprocess.run(
            [sys.executable, "-m", "profundo", *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=600,
            env={**os.environ, "PROFUNDO_DATA": str(real_data)},
        )
        assert done.returncode == 0, (page, command, done.stderr[-2000:])
        ran += 1
    assert ran >= 5


@pytest.mark.slow
@pytest.mark.parametrize("notebook", sorted((ROOT / "docs").glob("*.ipynb")), ids=lambda path: path.name)
def test_the_cells_of_a_notebook_run_and_show_what_they_showed(notebook):
    kept = json.loads(notebook.read_text("utf-8"))
    fresh = notebooks.run(notebook)
    assert sum(cell["cell_type"] == "code" for cell in kept["cells"]) >= 5
    for before, now in zip(kept["cells"], fresh["cells"], strict=True):
        for one, other in zip(before.get("outputs", []), now.get("outputs", []), strict=True):
            assert one["output_type"] == other["output_type"]
            assert one.get("data", {}).keys() == other.get("data", {}).keys()  # times differ, kinds do not


def test_pages_name_only_files_that_exist():
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
