"""Files made to harm: refused in one line, at once, and the canary that each would have put into the world is not there."""

import json
import pickle
import shutil
import signal
import struct

import numpy as np
import pytest
import torch

from commands import Trouble, go_on, newest, profundo
from profundo.data.tables.columns import feature_names
from profundo.nets import NETS
from profundo.nets.net_names import (
    DETECTORS,
    NETS_FOR_PIXELS,
    NETS_FOR_PLANES,
    NETS_FOR_SERIES,
    NETS_FOR_SOUNDS,
    NETS_FOR_TEXTS,
)
from profundo.records import Column, Inputs, ProfundoError, SoundForm, Spec, Targets
from profundo.runs.folder import Folder
from profundo.runs.saved_model import build_net, load_model
from profundo.train.checkpoints import digest, load_checkpoint

DEADLINE = 10.0  # seconds for a command to refuse


class Canary:
    """Unpickling it writes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def pickles(canary):
    """What people name .pt, .pkl and .npy, with the canary inside."""
    import io

    pt, npy = io.BytesIO(), io.BytesIO()
    torch.save({"net": Canary(canary)}, pt)
    np.save(npy, np.array([Canary(canary)], dtype=object), allow_pickle=True)
    return {"pickle": pickle.dumps(Canary(canary)), "torch.save": pt.getvalue(), "npy": npy.getvalue()}


@pytest.fixture(scope="module")
def run(trainings, tmp_path_factory):
    """A finished run; each test gets a copy."""
    folder = tmp_path_factory.mktemp("finished")
    assert profundo(folder, *trainings["tiny"], "--out", "run").wait().code == 0
    return folder / "run"


@pytest.fixture
def copy(run, fast):
    shutil.copytree(run, fast / "run")
    return fast / "run"


def put_weights(run, content):
    """Weights with a description that vouches for them, as whoever sends a whole folder can make it."""
    import hashlib

    (run / "model.safetensors").write_bytes(content)
    described = json.loads((run / "model.json").read_text())
    del described["description_sha256"]
    put_description(run, described | {"sha256": hashlib.sha256(content).hexdigest()})


def put_description(run, described):
    described.pop("description_sha256", None)
    (run / "model.json").write_text(json.dumps(described | {"description_sha256": digest(described)}))


# ------------------------------------------------------------------------------------------------ 35 pickles
@pytest.mark.parametrize("kind", ["pickle", "torch.save", "npy"])
def test_pickles_under_our_names_are_never_unpickled(kind, copy, fast):
    canary = fast / "canary"
    content = pickles(canary)[kind]
    with pytest.raises(FileNotFoundError):  # the payload works: only where it is written is wrong on purpose
        pickle.loads(pickle.dumps(Canary(fast / "nowhere" / "canary")))
    for name in ("model.safetensors", "scores.json", "model.json", "experiment.yaml"):
        kept = (copy / name).read_bytes()
        (copy / name).write_bytes(content)
        assert name in profundo(fast, "evaluate", "run").wait(DEADLINE).error
        (copy / name).write_bytes(kept)
    put_weights(copy, content)
    assert "model.safetensors" in profundo(fast, "evaluate", "run").wait(DEADLINE).error
    assert not canary.exists()


@pytest.mark.parametrize("kind", ["pickle", "torch.save", "npy"])
@pytest.mark.parametrize("part", ["tensors.safetensors", "state.json", "manifest.json"])
def test_pickles_in_checkpoints_are_never_unpickled(part, kind, run, fast):
    import hashlib

    canary = fast / "canary"
    checkpoint = fast / "00000001"
    shutil.copytree(newest(run), checkpoint)
    content = pickles(canary)[kind]
    (checkpoint / part).write_bytes(content)
    with pytest.raises(ProfundoError, match="damaged"):
        load_checkpoint(checkpoint)
    if part != "manifest.json":  # with a manifest that vouches for it
        entries = json.loads((checkpoint / "manifest.json").read_text())["files"]
        entries[part] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        (checkpoint / "manifest.json").write_text(json.dumps({"files": entries, "sha256": digest(entries)}))
        with pytest.raises(ProfundoError, match="damaged"):
            load_checkpoint(checkpoint)
    assert not canary.exists()


# ------------------------------------------------------------------------------------------------ 37, 40 YAML
def bomb():
    lines = ["data: digits", "a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    return "\n".join(lines)


HOSTILE = {
    "python/object": "data: !!python/object/apply:os.system ['touch canary']",
    "python/name": "data: digits\nnet: !!python/name:os.system",
    "python/module": "data: digits\nnet: !!python/module:antigravity",
    "python/object/new": "data: digits\nnet_options: !!python/object/new:subprocess.Popen [[touch, canary]]",
    "_target_": "data: digits\nnet: {_target_: os.system, command: touch canary}",
    "_target_ setting": "data: digits\n_target_: os.system",
    "_target_ option": "data: digits\nnet: mlp\nnet_options: {_target_: os.system}",
    "class_path": "data: digits\nnet: {class_path: os.system, init_args: {command: touch canary}}",
    "a path as a net": "data: digits\nnet: os.system",
    "own net": "data: digits\nnet: 'own:os.system'",
    "alias bomb": bomb(),
    "an alias of itself": "data: &a [*a]",
    "100 deep": "data: " + "[" * 100 + "]" * 100,
    "100,000 deep": "data: " + "[" * 100_000 + "]" * 100_000,
    "100 deep by indentation": "\n".join(" " * n + "a:" for n in range(100)),
    "a million names": "\n".join(f"n{n}: 1" for n in range(100_000)),
    "an enormous number": "data: digits\nseed: " + "9" * 10_000,
    "infinite epochs": "data: digits\nepochs: .inf",
    "no rate": "data: digits\nlearning_rate: .nan",
    "binary": "data: !!binary aGFsbG8=",
    "NUL": "data: digits\0",
    "not UTF-8": b"data: digits\nnet: \xff\xfe",
    "two documents": "data: digits\n---\ndata: iris",
    "a list": "- data",
    "nothing": "",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_experiment_is_refused_in_one_line_without_importing_what_it_names(name, copy, fast):
    content = HOSTILE[name]
    config = fast / "config.yaml"
    config.write_bytes(content if isinstance(content, bytes) else content.encode())
    command = ["train", "--config", "config.yaml", "--out", "new"]
    ended = profundo(fast, *command).wait(DEADLINE)
    assert ended.code in (1, 2), ended.said  # 2: the file says nothing about data, which is wrong usage
    assert "Traceback" not in ended.said
    assert len(ended.said) < 3_000
    shutil.copy(config, copy / "experiment.yaml")
    assert "\n" not in profundo(fast, "evaluate", "run").wait(DEADLINE).error
    assert not list(fast.rglob("canary"))


@pytest.mark.parametrize(
    "state",
    [
        {"_target_": "os.system", "class_path": "os.system"},
        {"experiment": {}, "random": [0]},
        {"experiment": {"_target_": "os.system"}, "random": [{}]},
        {"experiment": {}, "random": [{}], "update": {"net": {"x": torch.zeros(3)}, "optimizer": {}}},
    ],
)
def test_a_well_formed_checkpoint_of_something_else_is_refused(state, trainings, fast):
    from profundo.train.checkpoints import save_checkpoint

    assert go_on(fast, trainings["tiny"], trouble=Trouble(show=3)).wait().code == -signal.SIGKILL
    save_checkpoint(fast / "run" / "checkpoints", 3, state)
    error = go_on(fast, trainings["tiny"]).wait(DEADLINE).error
    assert "checkpoint" in error or "cannot go on" in error


@pytest.mark.parametrize(
    "tree",
    ['{"dict": [[["a"], 1]]}', "{}", '{"tensor": "99"}', '{"tuple": 5}', "[" * 100_000 + "]" * 100_000, "NaN", "null", '"a"',
     '{"list": [1, 2]}', '{"dict": 1}'],
)  # fmt: skip
def test_state_that_is_no_tree_of_ours_is_damaged(tree, run, tmp_path):
    import hashlib

    checkpoint = tmp_path / "00000001"
    shutil.copytree(newest(run), checkpoint)
    (checkpoint / "state.json").write_text(tree)
    entries = json.loads((checkpoint / "manifest.json").read_text())["files"]
    entries["state.json"] = {"bytes": len(tree), "sha256": hashlib.sha256(tree.encode()).hexdigest()}
    (checkpoint / "manifest.json").write_text(json.dumps({"files": entries, "sha256": digest(entries)}))
    with pytest.raises(ProfundoError, match="damaged"):
        load_checkpoint(checkpoint)


# ------------------------------------------------------------------------------------------------ 38 safetensors
def safetensors_file(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(shape, start, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


WEIGHTS = {
    "a header of 2⁶³ bytes": struct.pack("<Q", 1 << 63) + b"{}",
    "a header of 200 MB": struct.pack("<Q", 200 << 20) + b"{}",
    "overlapping": safetensors_file({"a": entry([2], 0, 8), "b": entry([2], 4, 12)}, bytes(12)),
    "a hole": safetensors_file({"a": entry([1], 0, 4), "b": entry([1], 8, 12)}, bytes(12)),
    "one name twice": safetensors_file(
        b'{"a":%s,"a":%s}' % (json.dumps(entry([1], 0, 4)).encode(), json.dumps(entry([1], 4, 8)).encode()), bytes(8)
    ),
    "a shape of 2⁶³": safetensors_file({"a": entry([1 << 63], 0, 4)}, bytes(4)),
    "a shape whose product overflows": safetensors_file({"a": entry([1 << 32, 1 << 32], 0, 4)}, bytes(4)),
    "more than there is": safetensors_file({"a": entry([1000], 0, 4000)}, bytes(4)),
    "a type unknown": safetensors_file({"a": entry([1], 0, 4, "PY")}, bytes(4)),
    "deep JSON": safetensors_file(b"[" * 10_000),
    "empty": b"",
    "of another net": safetensors_file({"a": entry([1], 0, 4)}, bytes(4)),
    "no tensor": safetensors_file({}),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_hostile_weights_are_refused_in_one_line(name, copy, fast):
    put_weights(copy, WEIGHTS[name])
    assert "model." in profundo(fast, "evaluate", "run").wait(DEADLINE).error


@pytest.mark.parametrize(
    "change",
    [
        {"net": "os.system"},
        {"net": "own:os.system"},
        {"net": {"_target_": "os.system"}},
        {"net_options": {"widths": [10**9, 10**9]}},
        {"net_options": {"widths": [10**30]}},
        {"net_options": {"widths": "abc"}},
        {"net_options": {"_target_": "os.system"}},
        {"net_options": 5},
        {"spec": {}},
        {"spec": None},
        {"sha256": None},
    ],
    ids=str,
)
def test_hostile_descriptions_of_a_net_are_refused_in_one_line(change, copy, fast):
    put_description(copy, json.loads((copy / "model.json").read_text()) | change)
    assert "Trace" not in profundo(fast, "evaluate", "run").wait(DEADLINE).error


def test_an_enormous_net_is_refused_before_any_memory_is_taken(copy):
    described = json.loads((copy / "model.json").read_text())
    described["spec"]["inputs"] |= {
        "shape": [10**12],
        "names": [],
        "columns": [],
        "mean": [],
        "std": [],
        "clipped": [],
        "limits": [],
        "ranges": [],
    }
    put_description(copy, described)
    with pytest.raises(ProfundoError, match="other weights"):
        load_model(Folder(copy))


@pytest.mark.parametrize("name", NETS)
def test_every_net_can_be_measured_without_memory(name):
    """`load_model` compares shapes on the meta device first; a net whose construction needs values would break it."""
    note = Column("note", "text", ("good", "bad"), lengths=(2, 3))
    texts = Inputs((5,), "features", names=tuple(feature_names([note])), columns=(note,))
    series = Inputs((3, 32), "series")
    images = Inputs((3, 32, 32), "image")
    sounds = Inputs((1, 4000), "sound", sound=SoundForm(8000))
    plane = Inputs((2,), "features")
    of_kind = ((NETS_FOR_TEXTS, texts), (NETS_FOR_PLANES, plane), (NETS_FOR_SERIES, series), (NETS_FOR_SOUNDS, sounds))
    inputs = next((one for names, one in of_kind if name in names), images)
    kind = "mask" if name in NETS_FOR_PIXELS else "objects" if name in DETECTORS else "classes"
    spec = Spec(inputs, Targets(kind, tuple("abc")))
    with torch.device("meta"):
        measured = build_net(name, spec, {}, 0).state_dict()
    real = build_net(name, spec, {}, 0).state_dict()
    assert {key: tensor.shape for key, tensor in measured.items()} == {key: t.shape for key, t in real.items()}
