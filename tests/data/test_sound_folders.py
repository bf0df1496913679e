"""Folders and archives of sounds become data as folders of images do: splits, groups, one form for all, faults in one line."""

import io
import os
import pickle
import struct
import wave
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from profundo.data import load
from profundo.data.batches import batches, in_order
from profundo.data.sound import sound_folders
from profundo.data.streams.blocks import gather
from profundo.records import ProfundoError

RATE = 8000


def tone(frequency, seconds=0.2, rate=RATE, level=0.3):
    return level * np.sin(2 * np.pi * frequency * np.arange(int(seconds * rate)) / rate)


def wav(samples, rate=RATE) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(np.rint(samples * 2**15).clip(-(2**15), 2**15 - 1).astype("<i2").tobytes())
    return file.getvalue()


def tree(classes=("high", "low"), each=12, split="") -> dict[str, bytes]:
    """Tones of three speakers, a, b and c."""
    return {
        f"{split}{name}/{'abc'[take % 3]}_{take}.wav": wav(tone((900, 300)[at % 2] + 10 * take, 0.2 + 0.002 * take))
        for at, name in enumerate(classes)
        for take in range(each)
    }


def write(root: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def pack(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


@pytest.fixture(params=["folder", "zip"])
def make(request, tmp_path):
    def lay(files: dict[str, bytes]) -> Path:
        return write(tmp_path / "set", files) if request.param == "folder" else pack(tmp_path / "set.zip", files)

    return lay


def everything(data):
    for split in (data.train, data.validation, data.test):
        yield from zip(gather(split.inputs, range(len(split))), split.targets.tolist(), strict=True)


def refused(path, match, **options):
    with pytest.raises(ProfundoError, match=match) as error:
        load(path, **options)
    assert "\n" not in str(error.value)


def test_a_folder_or_zip_of_sounds_is_data(make):
    data = load(make(tree()))
    inputs = data.spec.inputs
    assert (inputs.kind, inputs.shape, inputs.sound.rate) == ("sound", (1, 1776), RATE)  # 0.222 s
    assert data.spec.targets.classes == ("high", "low")
    assert [len(split) for split in (data.train, data.validation, data.test)] == [17, 2, 5]
    for sound, label in everything(data):
        assert sound.dtype == torch.int16
        peak = np.abs(np.fft.rfft(sound[0].numpy())).argmax() * RATE / 1776
        assert (peak > 600) == (label == 0)
    assert "brought to 8,000 Hz, and to 0.222 s" in data.notes[0]


def test_samples_of_16_bits_are_what_they_were(tmp_path):
    files = tree(each=3)
    write(tmp_path, files)
    data = load(tmp_path, sound_seconds=0.2)
    first = np.frombuffer(files["high/a_0.wav"][44:], "<i2")
    assert any(np.array_equal(sound[0].numpy(), first) for sound, _ in everything(data))


def test_splits_on_top_are_kept_and_length_and_rate_are_those_of_training(make):
    long = {f"test/{name}/long.wav": wav(tone(500, 3.0, 16_000), 16_000) for name in ("high", "low")}
    data = load(make({**tree(split="train/"), **tree(each=2, split="test/"), **long}))
    assert [len(split) for split in (data.train, data.validation, data.test)] == [22, 2, 6]
    assert data.spec.inputs.shape == (1, 1776)
    assert data.spec.inputs.sound.rate == RATE


def test_groups_of_the_file_name_stay_together(make):
    data = load(make(tree(each=30)), split_by="group:/(.)_")
    assert any("3 groups, 1 in training, 1 in validation, 1 in test" in note for note in data.notes)
    assert [len(split) for split in (data.train, data.validation, data.test)] == [20, 20, 20]


@pytest.mark.parametrize("workers", [0, 2])
def test_what_is_read_while_training_is_the_same_to_the_bit(make, workers):
    path = make(tree())
    memory, streamed = load(path), load(path, stream=True)
    assert not isinstance(streamed.train.inputs, torch.Tensor)
    assert (memory.spec, memory.facts) == (streamed.spec, streamed.facts)
    for whole, read in ((batches, batches), (in_order, in_order)):
        options = {"batch_size": 4}
        ours, theirs = (
            whole(memory.train, memory.spec, **options),
            read(streamed.train, streamed.spec, workers=workers, **options),
        )
        if whole is batches:
            ours, theirs = ours.epoch(0), theirs.epoch(0)
        for one, other in zip(ours, theirs, strict=True):
            assert torch.equal(one.inputs, other.inputs)
            assert torch.equal(one.targets, other.targets)
    pickle.loads(pickle.dumps(streamed.train.inputs))[0]


def test_mean_and_deviation_are_those_of_the_training_sounds(tmp_path):
    data = load(write(tmp_path, tree()))
    sounds = data.train.inputs.double()
    assert data.spec.inputs.mean == pytest.approx([sounds.mean().item()])
    assert data.spec.inputs.std == pytest.approx([sounds.std(correction=0).item()])


def test_the_rate_and_the_length_may_be_chosen(tmp_path):
    write(tmp_path, tree())
    inputs = load(tmp_path, sound_rate=4000, sound_seconds=0.5).spec.inputs
    assert (inputs.shape, inputs.sound.rate) == ((1, 2000), 4000)
    refused(tmp_path, "more than 0 s", sound_seconds=0.0)
    refused(tmp_path, "1,000 to 768,000 Hz", sound_rate=10)
    refused(tmp_path, "samples; expected at most", sound_seconds=1e6)
    refused("iris", "sound_rate is for folders and archives of sounds", sound_rate=8000)
    refused(tmp_path, "image_size is for images", image_size=8)


def test_sounds_of_every_rate_channel_and_length_become_alike(tmp_path):
    files = tree(each=6)
    files |= {
        "high/studio.wav": wav(np.stack([tone(900, 0.2, 96_000)] * 6, 1), 96_000),  # 5.1
        "low/click.wav": wav(np.array([0.5])),
        "low/long.wav": wav(np.concatenate([np.zeros(20_000), tone(300, 0.2), np.zeros(20_000)])),
    }
    data = load(write(tmp_path, files), sound_seconds=0.2)
    assert {tuple(sound.shape) for sound, _ in everything(data)} == {(1, 1600)}
    loud = sorted(float(sound.double().square().mean().sqrt()) for sound, _ in everything(data))
    assert 100 < loud[0] < 1000 < loud[1]  # the click; of the long one its sound was found


def test_what_a_folder_holds_more_of_decides(tmp_path):
    from PIL import Image

    write(tmp_path, tree(each=4))
    for name in ("high", "low"):
        Image.new("L", (8, 8)).save(tmp_path / name / "cover.png")
    assert load(tmp_path).spec.inputs.kind == "sound"
    for name in ("high", "low"):
        for number in range(9):
            Image.new("L", (8, 8), number).save(tmp_path / name / f"{number}.png")
    assert load(tmp_path).spec.inputs.kind == "image"


BROKEN = {
    "empty.wav": b"",
    "text.wav": b"no sound",
    "header.wav": wav(np.zeros(0)),
    "nan.wav": b"RIFF\0\0\0\0WAVEfmt "
    + struct.pack("<IHHIIHH", 16, 3, 1, 8000, 32000, 4, 32)
    + b"data"
    + struct.pack("<If", 4, float("nan")),
}


def test_broken_files_are_named_and_may_be_skipped(make):
    path = make({**tree(), **{f"high/{name}": content for name, content in BROKEN.items()}})
    refused(path, r"4 of 28 sounds cannot be decoded: high/empty\.wav \(the file is empty\).*skip_bad")
    data = load(path, skip_bad=True)
    assert sum(map(len, (data.train, data.validation, data.test))) == 24
    assert "4 of 28 sounds could not be decoded and were left out." in data.notes


def test_a_class_of_broken_files_alone_one_class_and_none_are_refused(make):
    path = make({**tree(("low", "high")), "mute/a.wav": b"", "mute/b.wav": b""})
    refused(path, "class 'mute' has no sound that decodes", skip_bad=True)


def test_folders_without_classes_say_what_is_expected(tmp_path):
    refused(write(tmp_path / "one", tree(("low",))), "found sounds of 'low' only")
    refused(
        write(tmp_path / "flat", {"a.wav": wav(tone(300)), "b.wav": wav(tone(300))}),
        "expected sounds in one folder per class",
    )


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="needs links")
def test_links_out_of_the_folder_are_not_followed(tmp_path):
    outside = tmp_path / "outside.wav"
    outside.write_bytes(wav(tone(300)))
    root = write(tmp_path / "set", tree(each=5))
    (root / "low" / "link.wav").symlink_to(outside)
    data = load(root)
    assert sum(map(len, (data.train, data.validation, data.test))) == 10
    assert any("1 symbolic link was not followed" in note for note in data.notes)


def test_a_file_that_changes_meanwhile_is_named(tmp_path):
    data = load(write(tmp_path, tree()), stream=True)
    for path in tmp_path.rglob("*.wav"):
        path.write_bytes(b"gone")
    with pytest.raises(ProfundoError, match=r"\.wav can no longer be read"):
        data.train.inputs[0]


def test_large_sets_are_kept_decoded_between_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("PROFUNDO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sound_folders, "_CACHE_FROM", 1)
    monkeypatch.setattr("profundo.data.sound.sound_survey.MANY", 1)
    path = write(tmp_path / "set", tree())
    first = load(path)
    assert len(list((tmp_path / "cache").rglob("*.array"))) == 2

    def never(_):
        raise AssertionError("decoded again")

    monkeypatch.setattr(sound_folders, "decode", never)
    monkeypatch.setattr("profundo.data.sound.sound_survey.decode", never)
    again = load(path)
    assert again.facts == first.facts


def test_silence_alone_is_said_to_hold_nothing(tmp_path):
    files = {f"{name}/{take}.wav": wav(np.zeros(1000)) for name in "ab" for take in range(10)}
    assert any("All sounds to train on are silent" in note for note in load(write(tmp_path, files)).notes)
