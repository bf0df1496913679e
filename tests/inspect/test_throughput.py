"""Where the time goes: stages that were really timed, shares of the whole, and advice that follows from the rates."""

import json
import subprocess
import sys
import time

import polars
import pytest

from profundo.data.images import image_folders
from profundo.inspect import throughput as measured
from profundo.inspect.throughput import Stage, advised, rate, throughput
from profundo.runs.experiment import new_experiment
from shard_files import picture, write_shards


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setattr(measured, "SECONDS", 0.01)


def asked(data, **settings):
    return new_experiment(data=str(data), net="mlp", stream=True, **settings)


def test_shards_have_their_stages_in_the_order_of_a_sample(tmp_path):
    found = throughput(asked(write_shards(tmp_path / "s", shards=2, each=60)))
    assert [stage.name for stage in found.stages] == ["read", "decode", "standardise", "learn"]
    assert sum(stage.share for stage in found.stages) == pytest.approx(1)
    shares = {stage.name: stage.share for stage in found.stages}
    rates = {stage.name: stage.rate for stage in found.stages}
    assert shares["decode"] / shares["read"] == pytest.approx(
        rates["read"] / rates["decode"]
    )  # time is one over the rate
    assert found.streamed
    assert found.together > 0


def test_tables_and_data_in_memory_have_stages_of_their_own(tmp_path):
    polars.DataFrame(
        {"x": range(500), "z": [n * n % 97 for n in range(500)], "y": [n % 7 / 7 for n in range(500)]}
    ).write_parquet(tmp_path / "t.parquet")
    found = throughput(asked(tmp_path / "t.parquet", target="y"))
    assert [stage.name for stage in found.stages] == ["read", "make features", "standardise", "learn"]
    kept = throughput(new_experiment(data="iris"))
    assert [stage.name for stage in kept.stages] == ["gather", "standardise", "learn"]
    assert not kept.streamed
    assert "in memory" in kept.advice


def test_what_is_made_slow_is_found_to_be_the_bottleneck(tmp_path, monkeypatch):
    decode = image_folders.decode
    monkeypatch.setattr(measured, "ROUNDS", 20)  # the first updates are still recorded
    monkeypatch.setattr(image_folders, "decode", lambda data: time.sleep(0.002) or decode(data))
    for number in range(60):
        place = tmp_path / "f" / "ab"[number % 2] / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(picture(number))
    found = throughput(asked(tmp_path / "f", workers=0, batch_size=32))
    assert max(found.stages, key=lambda stage: stage.share).name == "decode"
    assert found.advice.startswith("To decode is the bottleneck")
    assert next(stage.rate for stage in found.stages if stage.name == "decode") < 500


def test_advice_follows_from_the_rates():
    parts = (Stage("read", 100, 0.6), Stage("decode", 200, 0.3), Stage("learn", 600, 0.1))
    assert "To read is the bottleneck, data come 0.5 times" in advised(parts, 300, 600, 2)
    assert "shards" in advised(parts, 300, 600, 2)
    assert "The net is the bottleneck: data come 2.0 times" in advised(parts, 1200, 600, 2)
    assert "Nothing waits long" in advised(parts, 700, 600, 2)


def test_a_rate_is_samples_over_seconds():
    assert rate(lambda: time.sleep(0.02), 10) == pytest.approx(500, rel=0.3)


@pytest.mark.slow
def test_the_commands_pack_shards_and_say_where_the_time_goes(tmp_path):
    for number in range(80):
        place = tmp_path / "f" / "ab"[number % 2] / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(picture(number))

    def said(*words):
        command = [sys.executable, "-m", "profundo", *words]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout, done.stderr

    code, printed, _ = said("shards", "f", "--out", "s", "--samples", "30", "--json")
    assert code == 0
    assert len(json.loads(printed)["shards"]) == 3
    code, printed, errors = said("throughput", "s", "--net", "mlp", "--json")
    assert code == 0, errors
    found = json.loads(printed)
    assert {"stages", "together", "learning", "advice"} <= found.keys()
    code, _, errors = said("shards", "f", "--out", "s")
    assert code == 1
    assert errors.startswith("profundo: s: expected a new or empty folder")
    code, _, errors = said("throughput", "nothing.tar")
    assert code == 1
    assert errors.count("\n") == 1
