"""What every test may rely on: a cache of its own, and the real data sets where there are any."""

import os
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def _temporary_cache(tmp_path_factory):
    """No test reads or writes the user's cache. One for the session, so that CIFAR-10 is decoded once."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # shared by the workers
    before = os.environ.get("PROFUNDO_CACHE")
    os.environ["PROFUNDO_CACHE"] = str(base / "profundo-cache")
    yield
    if before is None:
        del os.environ["PROFUNDO_CACHE"]
    else:
        os.environ["PROFUNDO_CACHE"] = before


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with mnist/ and cifar10/. Without it a test is skipped, but not where everything must be tested."""
    reason = "set PROFUNDO_DATA to the folder with mnist/ and cifar10/"
    folder = os.environ.get("PROFUNDO_DATA")
    if not folder:
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return Path(folder)


@pytest.fixture
def refused(monkeypatch, capsys):
    """Call the program in this process and expect one line about a mistake, and exit status 1."""

    from profundo.cli import main

    def call(*arguments, cwd, says):
        monkeypatch.chdir(cwd)
        monkeypatch.setattr(sys, "argv", ["profundo", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        said = capsys.readouterr()
        assert end.value.code == 1
        assert said.out == ""
        (line,) = said.err.strip().splitlines()
        assert line.startswith("profundo: ")
        for words in says:
            assert words in line

    return call
