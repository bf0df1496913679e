"""What every test may rely on: a cache of its own, and the real data sets where there are any."""

import gc
import io
import logging
import os
import random
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

import commands

gc.disable()  # while all is imported and collected: hardly anything of it goes


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


os.fsync = lambda _: None  # no test can cut the power; to wait for the disk at every file takes a minute in all


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup():
    """What a test draws without a seed of its own, and whether it has gradients, depends on no other test."""
    import numpy as np  # not above: the process that hands out tests needs neither
    import torch

    torch.set_grad_enabled(True)
    random.seed(0)
    np.random.seed(0)
    torch.default_generator.manual_seed(0)  # torch.manual_seed notes for GPUs, three times, where it was called from
    if "torch.onnx._internal.exporter._registration" in sys.modules:
        import onnx_translations  # noqa: F401  # its work is done once for all tests


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


@pytest.fixture(scope="session")
def fewer_data(real_data, tmp_path_factory) -> Path:
    """The same with a tenth of the larger sets, which are read and judged in a tenth of the time."""
    import fewer_data

    return fewer_data.fewer_data(real_data, tmp_path_factory.mktemp("fewer") / "data")


@pytest.fixture
def logged():
    """All that is logged meanwhile, to be read by getvalue(). The plugin of pytest would listen to every test, for a third of a
    millisecond each."""
    words = io.StringIO()
    handler = logging.StreamHandler(words)
    logging.getLogger().addHandler(handler)
    yield words
    logging.getLogger().removeHandler(handler)


@pytest.fixture
def called(monkeypatch, capsys):
    """The program in this process: called(*words, cwd=…) gives its exit status, its stdout and its stderr."""
    from profundo.cli import main

    def call(*words, cwd):
        monkeypatch.chdir(cwd)
        monkeypatch.setenv("COLUMNS", "100")
        monkeypatch.setattr(sys, "argv", ["profundo", *map(str, words)])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        said = capsys.readouterr()
        return SimpleNamespace(returncode=code, stdout=said.out, stderr=said.err)

    return call


@pytest.fixture
def refused(called):
    """Call the program in this process and expect one line about a mistake, and exit status 1."""

    def call(*words, cwd, says):
        done = called(*words, cwd=cwd)
        assert done.returncode == 1
        assert done.stdout == ""
        (line,) = done.stderr.strip().splitlines()
        assert line.startswith("profundo: ")
        for one in says:
            assert one in line

    return call


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    """Of the whole suite, the process that hands out tests starts the server of commands, for all that run them."""
    if node.config.args_source == node.config.ArgsSource.TESTPATHS:
        cache = node.config._tmp_path_factory.getbasetemp() / "profundo-cache"
        node.workerinput["commands"] = commands.start_server(str(cache))


def pytest_configure(config):
    """Where several processes collect everything, each begins elsewhere: what pytest has made of a module's asserts is kept in a
    file, and none makes of all of them what another has made already."""
    worker = getattr(config, "workerinput", None)
    if worker is None or config.args_source != config.ArgsSource.TESTPATHS:
        return
    commands.use_server(worker["commands"])
    files = sorted(Path(__file__).parent.rglob("test_*.py"))
    begin = int(worker["workerid"].removeprefix("gw")) * len(files) // worker["workercount"]
    for file in files[begin:] + files[:begin]:
        if str(file.parent) not in sys.path:
            sys.path.insert(0, str(file.parent))
        with suppress(Exception):  # which is told where it is collected
            import_module(file.stem)


def pytest_collection_finish():
    """What is imported by now stays: the collector need not walk through it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
    gc.enable()


def pytest_collection_modifyitems(items):
    """Pages of examples first: they are the longest pieces, and at the end one of two processes would wait for the other."""
    items.sort(key=lambda item: not item.nodeid.startswith("tests/test_docs.py"))
