"""Spectrograms against closed forms, spoken words as data, and readers that cannot be fooled."""

import io
import math
import struct
import wave
import zipfile

import numpy as np
import pytest
import torch

from profundo.data.sound import spectrograms
from profundo.data.sound.spectrograms import RATE, decibels, load_wav, log_mel, read_wav, spectrogram
from profundo.data.sound.spoken import Spoken, padded, sound_folder, spoken_digits, utterances
from profundo.mel import hertz, mel, mel_filters
from profundo.records import ProfundoError


def wav(samples, rate=RATE, width=2, channels=1):
    """The bytes of a WAV with these integers, written by Python's own module."""
    kinds = {1: np.uint8, 2: "<i2", 4: "<i4"}
    raw = np.asarray(samples).astype(kinds[width]).tobytes() if width in kinds else samples
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(width)
        out.setframerate(rate)
        out.writeframes(raw)
    return file.getvalue()


def tone(frequency, seconds=0.5, rate=RATE):
    return torch.sin(2 * math.pi * frequency * torch.arange(int(seconds * rate)) / rate)


def test_channels_are_averaged():
    assert read_wav(wav([2**14, 0, 0, -(2**14)], channels=2), "x").tolist() == [0.25, -0.25]


def test_other_rates_are_brought_to_8_khz():
    same = read_wav(wav((2**14 * tone(440, rate=44_100)).int(), 44_100), "x")
    assert len(same) == RATE // 2
    assert torch.allclose(same[400:-400], 0.5 * tone(440)[400:-400], atol=0.02)


def test_the_spectrogram_has_a_tones_power_at_its_frequency():
    power = spectrogram(tone(1000))
    middle = power[:, power.shape[1] // 2]
    assert middle.argmax() == 32  # of 128 bins up to 4 kHz
    assert middle[32].item() == pytest.approx((256 / 2 / 2) ** 2, rel=1e-3)  # (Σ of Hann's window · amplitude / 2)²


def test_frames_come_every_16_milliseconds():
    click = torch.zeros(RATE)
    click[128 * 20] = 1
    assert log_mel(click).shape == (63, 40)
    assert log_mel(click).mean(1).argmax() == 20


def test_the_mel_scale_is_as_published_and_has_an_inverse():
    assert mel(1000) == pytest.approx(1000, abs=0.1)
    assert mel(4000) == pytest.approx(2146.1, abs=0.1)
    assert [hertz(mel(f)) for f in (0, 50, 3999)] == pytest.approx([0, 50, 3999])


def test_filters_overlap_so_that_between_the_first_and_last_peak_they_add_up_to_one():
    filters = mel_filters(8, 256, RATE)
    peaks = filters.argmax(1)
    assert (peaks.diff() > 0).all()
    between = filters[:, int(peaks[0]) + 1 : int(peaks[-1])]
    assert torch.allclose(between.sum(0), torch.ones(between.shape[1]), atol=1e-5)
    assert (mel_filters(40, 256, RATE).sum(1) > 0).all()  # none falls between two frequencies


def test_loudness_drops_out_and_silence_is_the_floor():
    assert torch.allclose(log_mel(tone(700)), log_mel(0.01 * tone(700)), atol=1e-3)
    assert log_mel(tone(700)).max() == 0
    assert (decibels(torch.zeros(3, 3)) == -80).all()
    assert decibels(torch.tensor([1.0, 0.1, 0.0])).tolist() == [0, -10, -80]


def test_padding_is_silence_and_lengths_tell_where_it_begins():
    spoken = utterances([("a", tone(300, 0.1)), ("b", tone(300, 0.3))])
    batch = padded(spoken, torch.tensor([0, 1]))
    assert batch.lengths.tolist() == [7, 19]
    assert batch.inputs.shape == (2, 19, 40)
    assert (batch.inputs[0, 7:] == -2).all()
    alone = padded(spoken, torch.tensor([0]))
    assert torch.equal(alone.inputs[0], batch.inputs[0, :7])


def noise(length):
    return (8000 * np.sin(np.arange(length))).astype(int)


def test_a_folder_of_recordings_becomes_three_splits_by_class(tmp_path):
    for label in ("no", "yes"):
        (tmp_path / label).mkdir()
        for take in range(15):
            (tmp_path / label / f"{take}.wav").write_bytes(wav(noise(900 + 50 * take)))
    (tmp_path / "notes").mkdir()
    words = sound_folder(tmp_path, seed=1)
    assert words.classes == ("no", "yes")
    splits = (words.train, words.validation, words.test)
    assert [torch.bincount(split.targets).tolist() for split in splits] == [[11, 11], [1, 1], [3, 3]]
    assert len({name for split in splits for name in split.names}) == 30
    assert sound_folder(tmp_path, seed=1).test.names == words.test.names
    assert sound_folder(tmp_path, seed=2).test.names != words.test.names


def recordings(folder, counts):
    for label, count in counts.items():
        (folder / label).mkdir(parents=True)
        for take in range(count):
            (folder / label / f"{take}.wav").write_bytes(wav(noise(900 + 50 * take)))
    return folder


def test_a_zip_of_recordings_is_read_as_their_folder_is_and_links_out_of_it_are_left(tmp_path):
    folder = recordings(tmp_path / "own", {"no": 5, "yes": 6})
    with zipfile.ZipFile(tmp_path / "own.zip", "w") as archive:
        for path in sorted(folder.rglob("*.wav")):
            archive.write(path, path.relative_to(folder))
    (tmp_path / "secret.wav").write_bytes(wav(noise(900)))
    (folder / "no" / "more.wav").symlink_to(tmp_path / "secret.wav")
    there, packed = sound_folder(folder), sound_folder(tmp_path / "own.zip")
    assert packed.facts == there.facts
    assert packed.classes == there.classes == ("no", "yes")
    assert (len(there.notes), packed.notes) == (1, ())
    assert "link" in there.notes[0]


def test_recordings_in_folders_for_training_and_test_stay_there(tmp_path):
    recordings(tmp_path / "train", {"no": 6, "yes": 6})
    recordings(tmp_path / "test", {"no": 1, "yes": 2})
    assert sorted(name.split("/")[-3] for name in sound_folder(tmp_path).test.names) == ["test"] * 3


@pytest.mark.parametrize("counts", [{"no": 1, "yes": 1}, {"no": 1, "yes": 2}])
def test_recordings_too_few_to_be_divided_are_refused_with_their_numbers(counts, tmp_path):
    with pytest.raises(ProfundoError, match=f"three of each class or more; found 1 of no, {counts['yes']} of yes"):
        sound_folder(recordings(tmp_path / "own", counts))


def test_batches_of_recordings_are_a_function_of_seed_and_epoch():
    spoken = utterances((str(i), tone(300, 0.1 + 0.01 * i)) for i in range(10))
    batches = Spoken(spoken, 3, seed=1)

    def seen(epoch, skip=0):
        return [batch.lengths.tolist() for batch in batches.epoch(epoch, skip)]

    assert len(batches) == len(seen(0)) == 3
    assert seen(0) == seen(0)
    assert seen(0)[1:] == seen(0, 1)
    assert seen(0) != seen(1)


def broken(kind):
    good = wav(noise(1000))
    return {
        "empty": b"",
        "text": b"RIFF is what a WAV begins with, and this is none",
        "no sound": wav([]),
        "cut in the header": good[:30],
        "too long": wav(np.zeros(61 * 1000, int), rate=1000),
        "absurd rate": good[:24] + struct.pack("<I", 5) + good[28:],
        "of an unknown kind": good[:20] + struct.pack("<H", 0x7777) + good[22:],
    }[kind]


@pytest.mark.parametrize(
    "kind", ["empty", "text", "no sound", "cut in the header", "too long", "absurd rate", "of an unknown kind"]
)
def test_damaged_recordings_are_refused_in_one_line_that_names_them(kind, tmp_path):
    path = tmp_path / "bad.wav"
    path.write_bytes(broken(kind))
    with pytest.raises(ProfundoError, match=r"bad\.wav") as caught:
        load_wav(path)
    assert "\n" not in str(caught.value)


def test_a_recording_that_ends_early_gives_what_it_has():
    assert len(read_wav(wav(noise(1000))[:-501], "x")) == 749


def archive(folder, members):
    path = folder / "spoken-digits" / "recordings.zip"
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def test_takes_decide_the_split_of_spoken_digits(tmp_path):
    archive(tmp_path, {f"recordings/3_ann_{take}.wav": wav(noise(900)) for take in range(12)} | {"README.md": "x"})
    words = spoken_digits(data_dir=tmp_path)
    takes = [
        sorted(int(name.split("_")[2][:-4]) for name in split.names)
        for split in (words.train, words.validation, words.test)
    ]
    assert takes == [[10, 11], [5, 6, 7, 8, 9], [0, 1, 2, 3, 4]]
    again = spoken_digits(data_dir=tmp_path)  # now from the cache
    assert torch.equal(again.test[2], words.test[2])
    assert again.facts == words.facts


def test_archives_that_cannot_be_used_are_refused(tmp_path, monkeypatch):
    with pytest.raises(ProfundoError, match=r"recordings\.zip, not found"):
        spoken_digits(data_dir=tmp_path)
    path = archive(tmp_path, {"strange\nname.wav": wav(noise(900))})
    with pytest.raises(ProfundoError, match=r"found strange\\nname\.wav") as caught:
        spoken_digits(data_dir=tmp_path)
    assert "\n" not in str(caught.value)
    content = path.read_bytes()
    path.write_bytes(content[:60] + b"\xff\xff\xff\xff" + content[64:])
    with pytest.raises(ProfundoError, match="does not read"):
        spoken_digits(data_dir=tmp_path)
    path.write_bytes(b"PK no zip at all")
    with pytest.raises(ProfundoError, match=r"expected a \.zip"):
        spoken_digits(data_dir=tmp_path)
    monkeypatch.setattr(spectrograms, "LARGEST_FILE", 1000)
    archive(tmp_path, {"0_a_0.wav": wav(np.zeros(5000, int))})  # small when packed
    with pytest.raises(ProfundoError, match="not read"):
        spoken_digits(data_dir=tmp_path)


@pytest.mark.needs_data
def test_the_free_spoken_digit_dataset_has_its_known_sizes(real_data):
    words = spoken_digits(data_dir=real_data)
    assert [len(split) for split in (words.train, words.validation, words.test)] == [2400, 300, 300]
    assert torch.equal(torch.bincount(words.test.targets), torch.full((10,), 30))
    assert words.train.frames.dtype == torch.float16


def test_a_file_that_is_no_sound_says_so():
    with pytest.raises(ProfundoError, match="neither WAV"):
        read_wav(b"x\n", "short.wav")
