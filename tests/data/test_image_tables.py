"""Tables that name images or sounds: the pixels are the files', the targets the table's; what leaves the folder is refused."""

import os
import wave

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image

from profundo.data import load
from profundo.data.batches import in_order
from profundo.data.new_inputs import entries
from profundo.looks.data_look import look
from profundo.looks.look_page import page_of
from profundo.records import ProfundoError

KINDS = ("cat", "dog", "eel")


def draw(path, seed, mode="RGB", size=(8, 6)):
    values = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).convert(mode).save(path)
    return values


@pytest.fixture
def table(tmp_path):
    """Sixty images in folders, and what is known of each; rows by file."""
    place = tmp_path / "set"
    rows = []
    for number in range(60):
        name = f"fotos/ñ {number}.png" if number % 2 else f"{number}.png"
        draw(place / name, number)
        tags = (";", "sun", "sun;rain")[number % 3]
        rows.append({"file": name, "kind": KINDS[number % 3], "tags": tags, "age": number + 0.5, "who": number // 4})
    pl.DataFrame(rows).write_csv(place / "photos.csv")
    return place / "photos.csv"


def rewrite(table, row, name):
    frame = pl.read_csv(table)
    cells = frame["file"].to_list()
    cells[row - 1] = name
    frame.with_columns(file=pl.Series(cells)).write_csv(table)


def every(data):
    return [split for split in (data.train, data.validation, data.test) if len(split)]


def test_pixels_are_those_of_the_row(table):
    data = load(table, target="kind")
    assert data.spec.inputs.kind == "image"
    assert data.spec.inputs.shape == (3, 6, 8)
    assert data.spec.targets.classes == KINDS
    assert sum(map(len, every(data))) == 60
    for split in every(data):
        for place, number in enumerate(split.numbers.tolist()):
            expected = np.random.default_rng(number).integers(0, 256, (6, 8, 3), dtype=np.uint8)
            assert np.array_equal(split.inputs[place].permute(1, 2, 0).numpy(), expected)
            assert int(split.targets[place]) == number % 3


def test_a_number_and_several_labels_are_targets_too(table):
    real = load(table, target="age")
    assert real.spec.targets.kind == "real"
    assert all(torch.equal(split.targets[:, 0], split.numbers.double() + 0.5) for split in every(real))
    labels = load(table, target="tags", task="labels")
    assert (labels.spec.targets.kind, labels.spec.targets.classes) == ("labels", ("rain", "sun"))
    for split in every(labels):
        assert torch.equal(split.targets[:, 0] > 0, split.numbers % 3 == 2)


def test_groups_of_a_column_stay_on_one_side(table):
    data = load(table, target="kind", split_by="group:who")
    sides = [set((split.numbers // 4).tolist()) for split in every(data)]
    assert all(not one & other for place, one in enumerate(sides) for other in sides[:place])
    assert sum(map(len, sides)) == 15


def test_streamed_they_are_the_same(table):
    whole, streamed = (load(table, target="kind", stream=how, seed=3) for how in (False, True))
    assert not isinstance(streamed.train.inputs, torch.Tensor)
    assert streamed.spec == whole.spec
    for one, other in zip(every(whole), every(streamed), strict=True):
        pairs = zip(in_order(one, whole.spec), in_order(other, streamed.spec, workers=0), strict=True)
        assert all(torch.equal(a.inputs, b.inputs) for a, b in pairs)


@pytest.mark.parametrize(
    "name", ["../secret.png", "/etc/passwd.png", "fotos/../../secret.png", "link.png", "out/x.png"]
)
@pytest.mark.parametrize("skip_bad", [False, True])
def test_a_path_that_leaves_the_folder_is_refused(table, name, skip_bad):
    folder = table.parent
    draw(folder.parent / "secret.png", 99)
    draw(folder.parent / "elsewhere/x.png", 98)
    os.symlink(folder.parent / "secret.png", folder / "link.png")
    os.symlink(folder.parent / "elsewhere", folder / "out")
    rewrite(table, 7, name)
    with pytest.raises(ProfundoError, match=r"photos\.csv, row 7: .* leads out of the folder of the table"):
        load(table, target="kind", skip_bad=skip_bad)
    with pytest.raises(ProfundoError, match="leads out"):
        look(table, target="kind")
    inputs = load_of_others(table)
    assert "leads out" in next(iter(entries([table], inputs))).fault


def load_of_others(table):
    other = table.with_name("other.csv")
    pl.read_csv(table).filter(pl.int_range(pl.len()) > 10).write_csv(other)
    return load(other, target="kind").spec.inputs


def test_a_link_within_and_an_absolute_path_within_are_read(table):
    os.symlink(table.parent / "0.png", table.parent / "again.png")
    rewrite(table, 1, "again.png")
    rewrite(table, 3, str(table.parent / "2.png"))
    assert sum(map(len, every(load(table, target="kind")))) == 60


@pytest.mark.parametrize(
    ("name", "why"),
    [("gone.png", "found nothing"), ("bad.png", "not an image"), ("pipe.png", "found something else")],
)
def test_what_is_missing_or_broken_is_told_of_with_its_row(table, name, why):
    (table.parent / "bad.png").write_bytes(b"no image")
    os.mkfifo(table.parent / "pipe.png")
    rewrite(table, 5, name)
    with pytest.raises(ProfundoError, match=rf"1 of 60 images cannot be decoded: row 5, {name} \(.*{why}"):
        load(table, target="kind")
    data = load(table, target="kind", skip_bad=True)
    assert 4 not in torch.cat([split.numbers for split in every(data)]).tolist()
    assert any("1 of 60 images could not be decoded" in note for note in data.notes)


def test_other_modes_and_sizes_become_one_form(table):
    for number, mode in enumerate(("L", "P", "RGBA", "1", "CMYK")):
        name = f"m{number}.tif"
        draw(table.parent / name, number, mode, size=(20, 10 + number))
        rewrite(table, 10 + number, name)
    data = load(table, target="kind", image_size=12)
    assert data.spec.inputs.shape == (3, 12, 12)
    assert sum(map(len, every(data))) == 60


def test_rows_without_a_file_or_a_target_are_left_out_and_counted(table):
    rewrite(table, 2, None)
    data = load(table, target="kind")
    assert sum(map(len, every(data))) == 59
    assert any(note.startswith("1 row without a value") for note in data.notes)


def test_a_table_that_is_to_be_one_stays_one(table):
    assert load(table, target="kind", drop=["file"]).spec.inputs.kind == "features"
    assert load(table, target="kind", only=["age", "who"]).spec.inputs.kind == "features"
    with pytest.raises(ProfundoError, match="image_size is for images"):
        load(table, target="kind", drop=["file"], image_size=8)


def test_names_of_images_that_are_not_there_are_explained(tmp_path):
    rows = "\n".join(f"a{number}.jpg,{'xy'[number % 2]}" for number in range(20))
    (tmp_path / "t.csv").write_text(f"file,label\n{rows}\n")
    with pytest.raises(ProfundoError, match=r"column 'file' names images, such as 'a0\.jpg', most of which are not in"):
        load(tmp_path / "t.csv", target="label")


def test_a_look_and_predictions_read_the_same_images(table):
    seen = look(table, target="kind")
    assert (seen.kind, seen.shape, seen.classes) == ("images", (3, 6, 8), KINDS)
    assert sum(seen.training.values()) == 60
    inputs = load(table, target="kind").spec.inputs
    named = list(entries([table], inputs))
    assert [entry.name.rpartition("photos.csv, ")[2] for entry in named[:2]] == ["row 1, 0.png", "row 2, fotos/ñ 1.png"]
    one = np.random.default_rng(1).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    assert np.array_equal(named[1].values.permute(1, 2, 0).numpy(), one)


# -------------------------------------------------------------------------------------------------------------- sounds
def tone(path, frequency, rate=8000, seconds=0.2):
    path.parent.mkdir(parents=True, exist_ok=True)
    values = (9000 * np.sin(2 * np.pi * frequency * np.arange(int(rate * seconds)) / rate)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(values.tobytes())
    return values


@pytest.fixture
def recordings(tmp_path):
    """Thirty tones, low or high, of one length; and a table of them."""
    place = tmp_path / "tones"
    rows = []
    for number in range(30):
        name = f"takes/ñ {number}.wav"
        tone(place / name, 300 + 10 * number + 1000 * (number % 2))
        rows.append({"file": name, "kind": ("low", "high")[number % 2], "pitch": 1.5 * number, "who": number // 3})
    pl.DataFrame(rows).write_csv(place / "sounds.csv")
    return place / "sounds.csv"


def test_a_table_of_sounds_is_read_as_one_of_images_is(recordings):
    data = load(recordings, target="kind", split_by="group:who")
    assert (data.spec.inputs.kind, data.spec.inputs.shape, data.spec.inputs.sound.rate) == ("sound", (1, 1600), 8000)
    assert data.spec.targets.classes == ("high", "low")
    sides = [set((split.numbers // 3).tolist()) for split in every(data)]
    assert all(not one & other for place, one in enumerate(sides) for other in sides[:place])
    for split in every(data):
        for place, number in enumerate(split.numbers.tolist()):
            expected = tone(recordings.parent / "again.wav", 300 + 10 * number + 1000 * (number % 2))
            assert np.array_equal(split.inputs[place][0].numpy(), expected)
            assert int(split.targets[place]) == (number % 2 == 0)
    real = load(recordings, target="pitch")
    assert all(torch.equal(split.targets[:, 0], 1.5 * split.numbers.double()) for split in every(real))


def test_sounds_that_leave_the_folder_or_do_not_read_are_refused_or_left_out(recordings):
    (recordings.parent / "bad.wav").write_bytes(b"RIFF")
    rewrite(recordings, 3, "bad.wav")
    with pytest.raises(ProfundoError, match=r"1 of 30 sounds cannot be decoded: row 3, bad\.wav"):
        load(recordings, target="kind")
    data = load(recordings, target="kind", skip_bad=True)
    assert 2 not in torch.cat([split.numbers for split in every(data)]).tolist()
    rewrite(recordings, 5, "../secret.wav")
    with pytest.raises(ProfundoError, match=r"sounds\.csv, row 5: .* leads out of the folder of the table"):
        load(recordings, target="kind", skip_bad=True)


def test_what_belongs_to_images_alone_is_not_said_of_sounds(recordings):
    with pytest.raises(ProfundoError, match="image_size is for images, and the table names sounds"):
        load(recordings, target="kind", image_size=8)
    for name in (f"takes/ñ {number}.wav" for number in range(30)):
        (recordings.parent / name).unlink()
    frame = pl.read_csv(recordings).select("file", "kind")
    frame.write_csv(recordings)
    with pytest.raises(ProfundoError, match=r"column 'file' names sounds, such as 'takes/ñ 0\.wav', most of which"):
        load(recordings, target="kind")


def test_predictions_read_the_sounds_of_a_table_and_no_images(recordings, table):
    inputs = load(recordings, target="kind").spec.inputs
    named = list(entries([recordings], inputs))
    assert named[1].name.endswith("sounds.csv, row 2, takes/ñ 1.wav")
    assert np.array_equal(named[1].values[0].numpy(), tone(recordings.parent / "again.wav", 1310))
    assert "expected a column that names sounds, found none" in next(iter(entries([table], inputs))).fault


def test_a_look_at_a_table_of_sounds_counts_classes_and_plays_some(recordings):
    seen = look(recordings, target="kind")
    assert (seen.kind, seen.shape, seen.classes) == ("sounds", (1, 1600), ("high", "low"))
    assert seen.counts == {"train": [15, 15]}
    assert sum(seen.training.values()) == 30
    page = page_of(seen)
    assert page.count('<audio controls preload="none" src="data:audio/wav;base64,') == 8  # four of each class
    assert "4 sounds of class high" in page
    assert look(recordings, target="pitch").counts == {"train": []}
