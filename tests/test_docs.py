"""Every example in the README and the docs runs: Python blocks in one process each page, `$` lines of console blocks."""

import ast
import json
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

import notebooks
from commands import python
from profundo.doctor.verdicts import PAGES as CAUSES
from profundo.recipes import stretches
from profundo.recipes.recipe_names import RECIPES
from profundo.studies import optimizer_race
from smaller_recipes import smaller

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), flags=re.S | re.M)


MOST = {"--budget": 5, "--epochs": 3, "--folds": 3, "--repeats": 2, "--points": 7}


def commands(page):
    """The lines of console blocks, as words without `profundo`, of a size at which they show that they go through: MNIST is trained
    for one epoch, all else for three at most, and quick recipes are smaller yet.

    The doctor, who would examine what is not learned in so few, has pages of its own.
    """
    lines = "".join(blocks(page, "console")).splitlines()
    every = [shlex.split(line[2:], comments=True)[1:] for line in lines if line.startswith("$ profundo ")]
    return [smaller(shortened(words, watched=page.name.startswith("doctor"))) for words in every]


def shortened(words, watched):
    least = [str(min(MOST[before], int(word))) if before in MOST else word for before, word in pairwise(["", *words])]
    if words[0] != "train" or watched:
        return least
    epochs = [] if {"--epochs", "--config"} & set(words) else ["--epochs", "1" if words == ["train", "mnist"] else "3"]
    return [*least, *epochs, "--no-doctor"]


def needs_data(page):
    return page.name == "README.md"  # trains on MNIST and on Shakespeare


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [pytest.param(page, id=page.name, marks=[pytest.mark.needs_data] if needs_data(page) else []) for page in PAGES],
)
def test_the_examples_of_a_page_run(page, tmp_path, request, called, monkeypatch):
    """Its Python in one process, of the README in a new one, then its commands in their order, in one folder."""
    code = "\n".join(blocks(page, "python"))
    if needs_data(page):
        data = request.getfixturevalue("fewer_data")  # says so where PROFUNDO_DATA names none
        monkeypatch.setenv("PROFUNDO_DATA", str(data))
        subprocess.run([sys.executable, "-c", code], cwd=tmp_path, timeout=600, check=True)
    elif code:
        ended = python(tmp_path, code).wait(600)
        assert ended.code == 0, (page.name, ended.said[-2000:])
    shorter = replace(optimizer_race.QUICK, steps=20, epochs=1, factors=(0.3, 1.0), points=5)
    monkeypatch.setattr(optimizer_race, "QUICK", shorter)
    monkeypatch.setattr(stretches, "LEAST", 5)  # how long few images are learned from is tried in test_own_data.py
    for words in commands(page):
        done = called(*words, cwd=tmp_path)
        assert done.returncode == 0, (page.name, words, done.stderr[-2000:])


def test_the_readme_and_most_pages_have_examples():
    assert blocks(PAGES[0], "python")
    assert len(commands(PAGES[0])) >= 20
    assert sum(bool(blocks(page, "python") or commands(page)) for page in PAGES) >= 12


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


def headings(page):
    """Of every section, as a link names it."""
    lines = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.S | re.M).splitlines()
    titles = [line.lstrip("# ").lower() for line in lines if line.startswith("#")]
    return [re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles]


def test_pages_name_only_files_and_sections_that_exist():
    for page in PAGES:
        for name, section in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", page.read_text("utf-8")):
            target = page.parent / name if name else page
            assert target.exists(), f"{page.name}: {name}"
            assert not section or section in headings(target), f"{page.name}: {name}#{section}"


def test_every_cause_of_the_doctor_has_a_section_a_program_and_a_row():
    """The rules raise what the registry knows, the pages explain and prove it in its order, the table links to it."""
    docs, known = ROOT / "docs", {cause: page for page, causes in CAUSES.items() for cause in causes}
    assert len(known) == sum(map(len, CAUSES.values()))
    for page, causes in CAUSES.items():
        _, *sections = re.split(r"^## ", (docs / page).read_text("utf-8"), flags=re.M)
        assert tuple(section.partition("\n")[0] for section in sections) == causes
        for cause, section in zip(causes, sections, strict=True):
            assert re.search(rf'^assert causes.*"{cause}"', section, re.M), f"{page}: no program proves {cause}"
    rows = re.findall(r"\[`(\w+)`\]\(([\w.-]+)#\1\)", (docs / "doctor.md").read_text("utf-8"))
    assert sorted(rows) == sorted(known.items())
    trees = [ast.parse(file.read_text("utf-8")) for file in (ROOT / "src/profundo/doctor/causes").glob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    calls = [node.args[0] for node in nodes if isinstance(node, ast.Call) and ast.unparse(node.func) == "Suspicion"]
    assert {name.value for name in calls if isinstance(name, ast.Constant)} <= set(known)
    assert set(known) <= {node.value for node in nodes if isinstance(node, ast.Constant)}


def test_the_readme_counts_the_recipes():
    assert f"there are {len(RECIPES)} [recipes]" in PAGES[0].read_text("utf-8")


def test_every_row_of_a_table_has_as_many_cells_as_its_head():
    torn = []
    for page in PAGES:
        for table in re.findall(r"(?:^\|.*\n)+", page.read_text("utf-8") + "\n", flags=re.M):
            rows = re.sub(r"`[^`\n]*`|\\\|", "", table).splitlines()
            torn += [(page.name, row) for row in rows if row.count("|") != rows[0].count("|")]
    assert torn == []
