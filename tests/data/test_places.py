"""A run's folder that comes from a stranger makes this machine ask no server that its owner never named."""

import socket
import threading

import pytest
import yaml

from profundo.data.streams.places import check_place, place_of, remember_place
from profundo.looks.data_look import look
from profundo.records import ProfundoError
from profundo.runs.experiment import new_experiment
from profundo.runs.supervised import open_run, train
from profundo.use.any_run import resume
from profundo.use.exporting import export


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ("digits", None),
        ("people.csv", None),
        ("file:///data/a.tar", None),
        ("memory://a", None),
        ("s3://Bucket/path/{0..3}.tar", "s3://bucket"),
        ("https://HOST:8443/a.tar", "https://host:8443"),
    ],
)
def test_a_place_is_a_protocol_and_a_host(data, place):
    assert place_of(data) == place


def test_places_that_were_typed_are_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("PROFUNDO_CACHE", str(tmp_path / "cache"))
    with pytest.raises(ProfundoError, match="nothing was read knowingly yet"):
        check_place("s3://bucket/a.tar", tmp_path / "experiment.yaml")
    remember_place("s3://bucket/other/{0..3}.tar")
    remember_place("s3://bucket/other/{0..3}.tar")
    check_place("s3://bucket/a.tar", tmp_path / "experiment.yaml")
    assert (tmp_path / "cache" / "places.txt").read_text() == "s3://bucket\n"
    with pytest.raises(ProfundoError, match="s3://bucket2"):
        check_place("s3://bucket2/a.tar", tmp_path / "experiment.yaml")


@pytest.fixture
def listener():
    """A server that counts who calls."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        calls = []

        def count():
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                calls.append(client)
                client.close()

        threading.Thread(target=count, daemon=True).start()
        yield server.getsockname()[1], calls


def test_a_run_of_a_stranger_is_not_fetched_for(tmp_path, monkeypatch, listener):
    port, calls = listener
    monkeypatch.setenv("PROFUNDO_CACHE", str(tmp_path / "cache"))
    train(new_experiment(data="iris", epochs=1), out=tmp_path / "run")
    path = tmp_path / "run" / "experiment.yaml"
    settings = yaml.safe_load(path.read_text()) | {"data": f"http://127.0.0.1:{port}/train-0.tar"}
    path.write_text(yaml.safe_dump(settings))
    for ask in (open_run, resume):
        with pytest.raises(ProfundoError, match="nothing was read knowingly yet"):
            ask(tmp_path / "run")
    export(tmp_path / "run", "safetensors", out=tmp_path / "out")  # checked on inputs at random
    assert not calls


def test_what_a_person_types_is_asked_for(tmp_path, monkeypatch, listener):
    pytest.importorskip("aiohttp", reason='pip install "profundo[remote]" to read over HTTP')
    port, calls = listener
    monkeypatch.setenv("PROFUNDO_CACHE", str(tmp_path / "cache"))
    with pytest.raises(ProfundoError):
        look(f"http://127.0.0.1:{port}/train-0.tar")
    assert calls
