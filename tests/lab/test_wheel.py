"""What is installed has all that the page loads: a wheel is built and looked into, where there is what builds one."""

import gzip
import os
import re
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STATIC = "profundo/lab/static/lab/"
LOADED = re.compile(r"""["'`](?:/assets/|\./)([A-Za-z0-9_.-]+\.(?:js|css|svg|png|ico|webmanifest))["'`]""")


def loaded_by(files):
    """Names that the page's own files load, from their text."""
    return {name for text in files.values() for name in LOADED.findall(text)}


def texts_of(read, names):
    return {name: read(name).decode() for name in names if name.endswith((".html", ".js", ".css"))}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    if find_spec("hatchling") is None:
        reason = "install hatchling, which builds the wheel"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    place = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(place)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (made,) = place.glob("*.whl")
    with zipfile.ZipFile(made) as archive:
        yield archive


def test_the_wheel_has_every_file_that_the_page_loads(wheel):
    held = {name.removeprefix(STATIC) for name in wheel.namelist() if name.startswith(STATIC)}
    wanted = loaded_by(texts_of(lambda name: wheel.read(STATIC + name), held))
    assert {"index.js", "playground.js", "training.js"} <= wanted
    assert wanted <= held


def test_the_wheel_has_every_file_of_the_package_and_no_more(wheel):
    source = ROOT / "src"
    tracked = subprocess.run(["git", "ls-files", "src"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode:
        pytest.skip("only a checkout says which files are its own")
    own = {str(Path(one).relative_to("src")) for one in tracked.stdout.split("\n") if one and (ROOT / one).is_file()}
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert own <= held
    assert all((source / name).is_file() and "__pycache__" not in name for name in held)


def test_every_file_that_the_page_loads_is_there():
    folder = ROOT / "src" / STATIC
    held = {path.name for path in folder.iterdir()}
    wanted = loaded_by(texts_of(lambda name: (folder / name).read_bytes(), held))
    assert {"index.js", "playground.js"} <= wanted <= held


@pytest.mark.parametrize("language", ["en", "es", "ca", "pt"])
def test_the_page_of_a_language_is_less_than_200_kilobytes_compressed(language):
    """All rooms of it, but for what draws in three dimensions, which is loaded when asked for."""
    folder = ROOT / "src" / STATIC
    others = {f"texts-{one}.js" for one in ("en", "es", "ca", "pt") if one != language}
    loaded = [one for one in folder.iterdir() if one.name not in {*others, "relief3d.js", "NOTICES.txt"}]
    assert folder / f"texts-{language}.js" in loaded
    assert sum(len(gzip.compress(one.read_bytes())) for one in loaded) < 200_000
